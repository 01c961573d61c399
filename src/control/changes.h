/* SPDX-License-Identifier: BSD-2-Clause */
/* What a reload changed, for the log and for who asked for it. Pure. */
#ifndef EVERMX_CONTROL_CHANGES_H
#define EVERMX_CONTROL_CHANGES_H

#include "base/arena.h"
#include "engine/engine.h"

#include <stddef.h>

/* A reload may add a million zones; the counts tell the rest. */
enum { CHANGES_LINES_MAX = 100 };

struct changes_counts {
    size_t added, removed, changed;
};

struct changes {
    struct arena *arena;
    struct changes_counts zones, targets; /* targets of hosts in our zones, and hosts outside */
    const char **lines;                   /* "zone example.test: serial 7, was 6" */
    size_t nlines;
};

void changes_init(struct changes *changes);
void changes_free(struct changes *changes);
void changes_between(const struct model *before, const struct model *after,
                     struct changes *changes);

#endif
