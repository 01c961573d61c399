/* SPDX-License-Identifier: BSD-2-Clause */
/* How long the commands themselves took that broke and mended: times count from their beginning.
 * Pure. */
#ifndef EVERMX_DRILL_COMMANDS_H
#define EVERMX_DRILL_COMMANDS_H

#include "record.h"

#include <stdio.h>

#define COMMANDS_SHORT_S 0.1 /* nobody's times are told more exactly */

/* A line for each kind whose commands took longer than that, by their median: of breaking where
 * there are times of failures, of mending where there are times of returns. */
void commands_print(const struct record *record, FILE *file);

#endif
