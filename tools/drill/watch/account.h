/* SPDX-License-Identifier: BSD-2-Clause */
/* What was sampled, put into a record: its series, its repetitions with all marks, and what was
 * seen of each place. Pure; one thread. */
#ifndef EVERMX_DRILL_ACCOUNT_H
#define EVERMX_DRILL_ACCOUNT_H

#include "../record/record.h"
#include "samples.h"

struct account {
    const char *system, *kind;
    const char *emptied; /* what an answer without any record comes to: "mail BOUNCES" */
    /* A change that has not come in so long never has; where it was not waited for as long, or
     * nothing has answered to the end, nobody knows. */
    int64_t patience_us[TURNS];
    int64_t calendar_us; /* unix time when the monotonic clock stood at 0 */
};

struct account_counts {
    unsigned turns[TURNS]; /* failures, returns */
    unsigned changed;      /* marks of failures at servers and resolvers: so many changed, */
    unsigned never;        /* never did, */
    unsigned unknown;      /* or nobody knows */
};

/* What a place has come to in an episode that is closed. */
enum fate {
    FATE_UNTOUCHED, /* nothing to change: it gave the new answer all the time, or none */
    FATE_CHANGED,
    FATE_NEVER,
    FATE_UNKNOWN,
};
enum fate account_fate(const struct account *account, const struct episode *episode, size_t source);

/* Of samples that are closed. */
struct account_counts account_fill(const struct account *account, const struct samples *samples,
                                   struct record *record);

#endif
