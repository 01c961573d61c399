/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands beside a panel: each curve's name, and its figures. Of plot.c alone; one thread. */
#ifndef EVERMX_DRILL_LEGEND_H
#define EVERMX_DRILL_LEGEND_H

#include "picture.h"

enum { LEGEND_ROW = 17 }; /* pixels; a panel has one for each curve, and one for their headings */

/* left: of the panel. */
void legend_put(const struct picture *picture, const struct panel *panel, double left, double top);

#endif
