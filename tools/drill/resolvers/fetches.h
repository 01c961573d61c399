/* SPDX-License-Identifier: BSD-2-Clause */
/* The answers for one canary name, gathered by fetch: a cache gives the answer that it fetched
 * again and again. Pure. */
#ifndef EVERMX_DRILL_FETCHES_H
#define EVERMX_DRILL_FETCHES_H

#include "observed.h"

struct fetch {
    int64_t time_ms; /* our clock */
    uint64_t serial;
    unsigned answers;
    int64_t first_ms, last_ms; /* when the first and the last of them came and was asked for */
    int64_t end_ms;            /* as the first one's TTL tells */
};

struct fetches {
    struct fetch *list; /* in the order of first answers */
    size_t count, capacity;
    unsigned answers; /* of all */
};

/* offset_ms: servers' clock less ours. */
void fetches_gather(const struct observed *observed, size_t canary, int64_t offset_ms,
                    struct fetches *fetches);
void fetches_free(struct fetches *fetches);

/* So many were given in turns, at most: each from a cache of its own. */
unsigned fetches_alive(const struct fetches *fetches);

/* The servers' clock less ours, from names' first answers: nobody has those in a cache. *error_ms:
 * how far off it may be. False: there was none. */
bool clock_find(const struct observed *observed, int64_t *offset_ms, double *error_ms);

#endif
