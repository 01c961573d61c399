/* SPDX-License-Identifier: BSD-2-Clause */
/* What a resolver answered to questions for canary names: whatever is said of it is found from
 * this. Times in milliseconds of our own clock, but where the servers' is said. */
#ifndef EVERMX_DRILL_OBSERVED_H
#define EVERMX_DRILL_OBSERVED_H

#include "base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a canary name is asked for. */
enum purpose {
    PURPOSE_KEEP,     /* all the time: how long is an answer kept? */
    PURPOSE_CHANGE,   /* the same of the operator's TTL; and its answers change now and then */
    PURPOSE_ADDRESS,  /* the same of the operator's TTL, as A: not every cache takes TXT */
    PURPOSE_PREFETCH, /* above all when its time ends: is it fetched anew before? */
    PURPOSE_TWIN,     /* as KEEP: what the next two are compared with, and of their TTL */
    PURPOSE_STALE,    /* the server fails one day: is it answered all the same? */
    PURPOSE_SLEEP,    /* once, and again long after: is it answered from what has expired? */
    PURPOSE_CACHES,   /* all the time: how many fetch it for themselves? */
};

struct canary {
    enum purpose purpose;
    uint32_t ttl_s, period_s;
    int64_t interval_ms;  /* between questions */
    int64_t fails_unix_s; /* the servers' clock; 0: never */
};

struct observation {
    size_t canary; /* its index */
    int64_t asked_ms, came_ms;
    const char *why; /* nothing came; kept elsewhere. NULL: it came */
    uint8_t rcode;
    bool told; /* it is a canary's answer, and all that follows is known */
    uint32_t ttl_s;
    int64_t time_ms; /* the servers' clock: when it was fetched */
    uint64_t serial; /* with the time, tells fetches apart; an A record has 0 */
    uint64_t epoch;
    struct address from; /* who fetched it; family 0: not told */
};

/* All that was seen of one resolver, in the order in which it was asked. */
struct observed {
    const struct canary *canaries;
    size_t ncanaries;
    struct observation *list;
    size_t count, capacity;
    int64_t start_ms, end_ms;
    uint32_t ttl_s; /* the operator's */
};

#endif
