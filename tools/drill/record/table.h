/* SPDX-License-Identifier: BSD-2-Clause */
/* A record as a table for people, and as CSV for programs. */
#ifndef EVERMX_DRILL_TABLE_H
#define EVERMX_DRILL_TABLE_H

#include "record.h"

#include <stdio.h>

/* Lines of at most `width` columns, where the figures leave that much. */
void table_print(const struct record *record, size_t width, bool coloured, FILE *file);

/* RFC 4180: a line for each time, an empty time for each repetition that was never noticed. */
void table_print_csv(const struct record *record, FILE *file);

#endif
