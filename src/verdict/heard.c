/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/heard.h"

void heard_init(struct heard *heard)
{
    for (size_t i = 0; i < SPANS; i++)
        heard->spans[i] = (struct span){.number = -1};
}

static struct span *place_of(struct heard *heard, int64_t number)
{
    return &heard->spans[(uint64_t)number % SPANS];
}

/* The span of a moment, begun if need be; NULL: it has left the ring. */
static struct span *span_at(struct heard *heard, int64_t at_ms)
{
    int64_t number = at_ms / SPAN_MS;
    struct span *span = place_of(heard, number);
    if (at_ms < 0 || span->number > number)
        return NULL;
    if (span->number != number)
        *span = (struct span){.number = number};
    return span;
}

void heard_subnet(struct heard *heard, uint32_t subnet, int64_t at_ms)
{
    struct span *span = span_at(heard, at_ms);
    for (size_t i = 0; span && i < SPAN_NAMES; i++) {
        if (!span->subnets[i])
            span->subnets[i] = subnet;
        if (span->subnets[i] == subnet)
            return;
    }
}

void heard_canary(struct heard *heard, int64_t at_ms)
{
    struct span *span = span_at(heard, at_ms);
    if (span)
        span->canary = true;
}

bool heard_count(struct heard *heard, int64_t at_ms)
{
    struct span *span = span_at(heard, at_ms);
    if (span)
        span->hosts++;
    return span != NULL;
}

void heard_uncount(struct heard *heard, int64_t at_ms)
{
    struct span *span = place_of(heard, at_ms / SPAN_MS);
    if (span->number == at_ms / SPAN_MS)
        span->hosts--;
}

static void echo_add(struct echo *echo, const struct span *span, uint32_t own)
{
    echo->canary |= span->canary;
    echo->hosts += span->hosts;
    for (size_t i = 0; i < SPAN_NAMES && span->subnets[i]; i++) {
        size_t known = 0;
        if (span->subnets[i] == own) {
            echo->own = true;
            continue;
        }
        while (known < echo->others && echo->names[known] != span->subnets[i])
            known++;
        if (known == echo->others && known < ECHO_NAMES)
            echo->names[echo->others++] = span->subnets[i];
    }
}

struct echo heard_between(const struct heard *heard, uint32_t own, int64_t from_ms, int64_t to_ms)
{
    struct echo echo = {0};
    int64_t first = from_ms / SPAN_MS, end = to_ms / SPAN_MS;
    if (first < end - SPANS)
        first = end - SPANS;
    for (int64_t number = first < 0 ? 0 : first; number < end; number++) {
        const struct span *span = &heard->spans[(uint64_t)number % SPANS];
        if (span->number == number)
            echo_add(&echo, span, own);
    }
    return echo;
}
