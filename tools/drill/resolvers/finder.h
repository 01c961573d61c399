/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of honesty_find() share. */
#ifndef EVERMX_DRILL_FINDER_H
#define EVERMX_DRILL_FINDER_H

#include "honesty.h"

/* An honest cache that counts in whole seconds keeps an answer one second longer, or less, than its
 * TTL; another one before it may do the same. */
static const double rounding_s = 2;

struct finder {
    const struct observed *observed;
    struct findings *findings;
    int64_t offset_ms; /* the servers' clock less ours */
};

double finder_seconds(int64_t time_ms);

double finder_age_s(const struct finder *finder, const struct observation *seen);

/* When a canary fails, on our clock; INT64_MAX: never. */
int64_t finder_fails_ms(const struct finder *finder, const struct canary *canary);

/* That of a TTL, found or begun. NULL: there are too many. */
struct keeping *finder_keeping(struct findings *findings, uint32_t ttl_s);

void finder_prefetch(struct finder *finder); /* once the caches were counted */
void finder_stale(struct finder *finder);    /* once keepings were found, as the next one */
void finder_sleepers(struct finder *finder);

#endif
