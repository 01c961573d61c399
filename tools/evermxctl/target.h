/* SPDX-License-Identifier: BSD-2-Clause */
/* A target in words, for people. */
#ifndef EVERMXCTL_TARGET_H
#define EVERMXCTL_TARGET_H

#include "text.h"

#include <jansson.h>
#include <stdbool.h>

/* What answers go by: a forced verdict counts more than the probes', and what is held or drained is
 * not what its probes say. since: " for 3s", or empty. */
enum colour target_verdict(const json_t *target, const char *since, char text[CELL_SIZE]);

/* Why, in a line. */
enum colour target_reason(const json_t *target, char text[CELL_SIZE]);

/* All that is known of it, in a block of lines. */
void target_print(bool coloured, const json_t *target);

#endif
