/* SPDX-License-Identifier: BSD-2-Clause */
/* Records as JSON: what record_write and record_read do to a document. Pure. */
#ifndef EVERMX_DRILL_KEEP_H
#define EVERMX_DRILL_KEEP_H

#include "record.h"

#include <stdio.h>

#define KEEP_FORMAT "evermx-drill 1"

void keep_print(const struct record *record, FILE *file);

/* NULL: error, which names the place: "series[2].times_s[17]: ...". */
struct record *keep_parse(const char *text, size_t size, struct error *error);

#endif
