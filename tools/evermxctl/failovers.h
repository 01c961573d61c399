/* SPDX-License-Identifier: BSD-2-Clause */
/* The last failovers as evermxd has measured them, for people. */
#ifndef EVERMXCTL_FAILOVERS_H
#define EVERMXCTL_FAILOVERS_H

#include <jansson.h>
#include <stdbool.h>

/* An empty line, and the last one with a bar for each of its moments; those before it in a line
 * each. Nothing where there was none. */
void failovers_print(bool coloured, const json_t *failovers);

#endif
