/* SPDX-License-Identifier: BSD-2-Clause */
/* Who was heard when, lately: a ring of short spans of time. Pure. Of the uplink guard alone; the
 * work of each call is the same for any number of hosts. */
#ifndef EVERMX_VERDICT_HEARD_H
#define EVERMX_VERDICT_HEARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SPAN_MS = 50,
    SPANS = 512,    /* 25.6 s: of a longer silence only its end is looked at */
    SPAN_NAMES = 3, /* subnets kept of each: one may be the silent host's own, and two are enough */
    ECHO_NAMES = 16,
};

struct span {
    int64_t number;               /* of the time that it holds now; -1: none */
    unsigned hosts;               /* that were counted for it */
    uint32_t subnets[SPAN_NAMES]; /* that were heard then; 0: none */
    bool canary;
};

struct heard {
    struct span spans[SPANS];
};

void heard_init(struct heard *heard);

/* A subnet (by its number, not 0), or a canary, was heard. */
void heard_subnet(struct heard *heard, uint32_t subnet, int64_t at_ms);
void heard_canary(struct heard *heard, int64_t at_ms);

/* Counts a host for a moment. False: that is too long ago. */
bool heard_count(struct heard *heard, int64_t at_ms);
void heard_uncount(struct heard *heard, int64_t at_ms); /* as it was counted */

/* What was heard in a while. */
struct echo {
    bool canary, own;
    size_t others; /* subnets but the own one, up to ECHO_NAMES */
    size_t hosts;  /* counted for it */
    uint32_t names[ECHO_NAMES];
};
/* From the span of one moment to that before the other. */
struct echo heard_between(const struct heard *heard, uint32_t own, int64_t from_ms, int64_t to_ms);

#endif
