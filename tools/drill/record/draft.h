/* SPDX-License-Identifier: BSD-2-Clause */
/* A file that takes its place only when it is whole: written under another name beside it, and
 * renamed. What is no regular file (a pipe, /dev/null) is written to as it is, and never replaced.
 * One thread. */
#ifndef EVERMX_DRILL_DRAFT_H
#define EVERMX_DRILL_DRAFT_H

#include "base/error.h"

#include <stdbool.h>
#include <stdio.h>

struct draft {
    FILE *file;
    char *path, *beside; /* beside NULL: written in place */
};

/* path "-": standard output. */
bool draft_begin(struct draft *draft, const char *path, struct error *error);

/* good: false leaves the old file as it was. Returns whether the new one is there. */
bool draft_end(struct draft *draft, bool good, struct error *error);

#endif
