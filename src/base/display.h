/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts that came from anywhere, and are to be shown. Pure; any thread. */
#ifndef EVERMX_BASE_DISPLAY_H
#define EVERMX_BASE_DISPLAY_H

#include <stdbool.h>

/* What a terminal obeys or does not show becomes "?", in place: controls, and characters that only
 * direct how others are shown (of both directions, of no width: Unicode's category Cf). The text is
 * valid UTF-8. Returns whether there was any. */
bool display_clean(char *text);

#endif
