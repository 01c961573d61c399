/* SPDX-License-Identifier: BSD-2-Clause */
/* What people are told while a host is watched: a line for each thing that happens, and on a
 * terminal a last line that tells how far it is. One thread. */
#ifndef EVERMX_DRILL_TELLING_H
#define EVERMX_DRILL_TELLING_H

#include "account.h"
#include "experiment.h"

#include <stdio.h>

struct telling {
    const struct samples *samples;
    const struct account *account;
    const char *question; /* "MX of example.org" */
    const char *host;
    FILE *lines;          /* standard output, unless something else goes there */
    bool progress;        /* standard error is a terminal */
    unsigned repetitions; /* 0: no experiment */
    size_t told;          /* episodes */
};

/* reason: of a probe; else NULL. */
void telling_news(struct telling *telling, size_t source, unsigned news, const char *reason);
/* Episodes that have been closed since. */
void telling_closed(struct telling *telling);
void telling_command(struct telling *telling, const char *line);

void telling_progress(struct telling *telling, const struct experiment_progress *progress,
                      int64_t now_us);
void telling_clear(const struct telling *telling);

#endif
