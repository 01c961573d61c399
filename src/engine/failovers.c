/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/failovers.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* Detection takes tenths of seconds to seconds, TTLs seconds to minutes. */
const double failover_bounds_s[FAILOVER_BOUNDS] = {0.1, 0.25, 0.5, 1,  2,   4,
                                                   8,   15,   30,  60, 120, 300};

struct kept {
    struct failover failover;
    bool waits; /* its t3 is still to come, as far as has been asked */
};

/* A ring: number n stands at n % FAILOVERS_KEPT. */
struct failovers {
    uint64_t count; /* ever */
    size_t nwaiting;
    struct kept list[FAILOVERS_KEPT];
    struct failover_figures figures;
};

struct failovers *failovers_new(void)
{
    return memory_alloc(sizeof(struct failovers));
}

static void clear(struct failovers *failovers, struct kept *kept)
{
    failovers->nwaiting -= kept->waits;
    free((char *)kept->failover.host);
    free((char *)kept->failover.check);
    free((char *)kept->failover.pool);
    *kept = (struct kept){0};
}

void failovers_free(struct failovers *failovers)
{
    for (size_t i = 0; i < FAILOVERS_KEPT; i++)
        clear(failovers, &failovers->list[i]);
    free(failovers);
}

/* ---- figures ---- */

static void observe(struct failover_histogram *histogram, int64_t ms)
{
    double seconds = (double)ms / 1000;
    size_t bucket = 0;
    while (bucket < FAILOVER_BOUNDS && seconds > failover_bounds_s[bucket])
        bucket++;
    histogram->counts[bucket]++;
    histogram->sum_s += seconds;
}

/* What has no beginning cannot be counted from it. */
static void add_figures(struct failover_figures *figures, const struct failover *failover)
{
    const int64_t moments_ms[FAILOVER_PHASES] = {
        [TOOK_EVIDENCE] = failover->first_ms,
        [TOOK_ANSWERS] = failover->changed_ms,
        [TOOK_RESOLVERS] = failover->until_ms,
    };
    figures->counts[failover->kind][failover->cause]++;
    if (!failover->last_ms)
        return;
    for (size_t i = 0; i < FAILOVER_PHASES; i++) {
        int64_t took_ms = moments_ms[i] - failover->last_ms;
        if (failover->kind == FAILOVER_LEFT)
            observe(&figures->left[i][failover->cause], took_ms);
        else if (failover->kind == FAILOVER_BACK)
            observe(&figures->back[i][failover->cause], took_ms);
    }
}

const struct failover_figures *failovers_figures(const struct failovers *failovers)
{
    return &failovers->figures;
}

/* ---- the last ones ---- */

static struct kept *kept_at(const struct failovers *failovers, uint64_t number)
{
    return (struct kept *)&failovers->list[number % FAILOVERS_KEPT];
}

static uint64_t first_number(const struct failovers *failovers)
{
    return failovers->count > FAILOVERS_KEPT ? failovers->count - FAILOVERS_KEPT + 1 : 1;
}

static bool is_of_same(const struct failover *one, const struct failover *other)
{
    return one->port == other->port && address_equal(&one->address, &other->address) &&
           strcmp(one->check, other->check) == 0;
}

/* Whether it is one that a return ends. */
static bool is_out(const struct failover *failover)
{
    return (failover->kind == FAILOVER_LEFT || failover->kind == FAILOVER_LATE) &&
           !failover->back_ms;
}

/* By a return; where it is merely kept, what is out of other answers is still not gone. */
static void end_those_before(struct failovers *failovers, const struct failover *back)
{
    for (uint64_t number = first_number(failovers); number <= failovers->count; number++) {
        struct kept *kept = kept_at(failovers, number);
        if (!is_out(&kept->failover) || !is_of_same(&kept->failover, back))
            continue;
        if (back->kind == FAILOVER_BACK)
            kept->failover.back_ms = back->changed_ms;
        failovers->nwaiting -= kept->waits;
        kept->waits = false;
    }
}

void failovers_add(struct failovers *failovers, const struct failover *failover)
{
    if (failover->kind == FAILOVER_BACK || failover->kind == FAILOVER_KEPT)
        end_those_before(failovers, failover);
    struct kept *kept = kept_at(failovers, ++failovers->count);
    clear(failovers, kept);
    kept->failover = *failover;
    kept->failover.host = memory_strdup(failover->host);
    kept->failover.check = memory_strdup(failover->check);
    kept->failover.pool = memory_strdup(failover->pool);
    kept->waits = is_out(failover);
    failovers->nwaiting += kept->waits;
    add_figures(&failovers->figures, failover);
}

const struct failover *failovers_next_over(struct failovers *failovers, int64_t now_ms)
{
    uint64_t number = failovers->nwaiting ? first_number(failovers) : failovers->count + 1;
    for (; number <= failovers->count; number++) {
        struct kept *kept = kept_at(failovers, number);
        if (!kept->waits || kept->failover.until_ms > now_ms)
            continue;
        kept->waits = false;
        failovers->nwaiting--;
        return &kept->failover;
    }
    return NULL;
}

struct failover *failovers_copy(const struct failovers *failovers, struct arena *arena,
                                size_t *count)
{
    uint64_t first = first_number(failovers);
    *count = (size_t)(failovers->count + 1 - first);
    struct failover *copies = ARENA_ARRAY(arena, struct failover, *count);
    for (size_t i = 0; i < *count; i++) {
        copies[i] = kept_at(failovers, first + i)->failover;
        copies[i].host = arena_strdup(arena, copies[i].host);
        copies[i].check = arena_strdup(arena, copies[i].check);
        copies[i].pool = arena_strdup(arena, copies[i].pool);
    }
    return copies;
}

/* ---- words ---- */

const char *failover_kind_word(enum failover_kind kind)
{
    static const char *const words[FAILOVER_KINDS] = {
        [FAILOVER_LEFT] = "left",
        [FAILOVER_KEPT] = "kept",
        [FAILOVER_LATE] = "late",
        [FAILOVER_BACK] = "back",
    };
    return words[kind];
}

const char *failover_cause_word(enum failover_cause cause)
{
    static const char *const words[FAILOVER_CAUSES] = {
        [CAUSE_REFUSED] = "refused",         [CAUSE_SILENT] = "silent", [CAUSE_SICK] = "sick",
        [CAUSE_UNDELIVERED] = "undelivered", [CAUSE_DRAIN] = "drain",   [CAUSE_FORCE] = "force",
    };
    return words[cause];
}

const char *failover_phase_word(enum failover_phase phase)
{
    static const char *const words[FAILOVER_PHASES] = {
        [TOOK_EVIDENCE] = "evidence",
        [TOOK_ANSWERS] = "answers",
        [TOOK_RESOLVERS] = "resolvers",
    };
    return words[phase];
}
