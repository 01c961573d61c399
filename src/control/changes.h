/* SPDX-License-Identifier: BSD-2-Clause */
/* What a reload changed, for the log and for who asked for it. */
#ifndef EVERMX_CONTROL_CHANGES_H
#define EVERMX_CONTROL_CHANGES_H

#include "base/arena.h"
#include "config/config.h"
#include "engine/engine.h"

#include <stdbool.h>
#include <stddef.h>

/* A reload may add a million zones; the counts tell the rest. */
enum {
    CHANGES_LINES_MAX = 100,
    CHANGES_DOMAINS_MAX = 10, /* by name, of one template */
};

struct changes_counts {
    size_t added, removed, changed;
};

struct changes {
    struct arena *arena;
    bool nothing;                         /* all is as it was, and goes on */
    struct changes_counts zones, targets; /* targets of hosts in our zones, and hosts outside */
    struct changes_counts domains;        /* of templates */
    const char **lines;                   /* "zone example.test: serial 7, was 6" */
    size_t nlines;
    /* Zones and lists that are not served as their files stand, whether that is a change or not. */
    size_t nbad;
    const char **bad; /* "zone example.test: goes on as it was, ..." */
    size_t nbad_lines;
};

void changes_init(struct changes *changes);
void changes_free(struct changes *changes);
/* The configuration, or a file that it names, was read again: it may differ in what no count tells.
 * Limits that differ are told. */
void changes_of_configuration(const struct config *before, const struct config *after,
                              struct changes *changes);
void changes_between(const struct model *before, const struct model *after,
                     struct changes *changes);
void changes_of_bad(struct changes *changes, const struct model *after);
/* For the log, of a reload that is done. */
void changes_log(const struct changes *changes);

#endif
