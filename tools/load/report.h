/* SPDX-License-Identifier: BSD-2-Clause */
/* What a run says in the end, on standard output. */
#ifndef EVERMX_LOAD_REPORT_H
#define EVERMX_LOAD_REPORT_H

#include "drive.h"

void report_print(const struct drive *drive);

/* The same as one line of key=value, for programs. */
void report_brief(const struct drive *drive);

#endif
