/* SPDX-License-Identifier: BSD-2-Clause */
#include "timetable.h"

enum {
    TWIN_TTL_S = 5,
    CACHES_TTL_S = 3600,       /* nothing ends while they are counted */
    CHANGING = 3,              /* names whose changes are watched, each at a time of its own */
    PREFETCH_BEFORE_MS = 4000, /* BIND: 2 s; unbound: a tenth */
    PREFETCH_EACH_MS = 200,
    SLEEP_MS = 14000, /* longer than the twin's answers can be kept */
    STAGGER_MS = 150,
};

static struct canary *add(struct timetable *timetable, enum purpose purpose, uint32_t ttl_s,
                          int64_t interval_ms)
{
    struct canary *canary = &timetable->canaries[timetable->count++];
    *canary = (struct canary){.purpose = purpose, .ttl_s = ttl_s, .interval_ms = interval_ms};
    return canary;
}

/* Low ones end often, and are asked for often; of high ones the TTL alone tells the most. */
static int64_t interval_ms_of(uint32_t ttl_s)
{
    return ttl_s < 2 ? 500 : ttl_s < 300 ? 1000 : 2000;
}

static void add_kept(struct timetable *timetable, const uint32_t *ttls_s, size_t nttls)
{
    for (size_t i = 0; i < nttls && i < TIMETABLE_TTLS_MAX; i++) {
        bool is_there = ttls_s[i] == timetable->ttl_s || ttls_s[i] == TWIN_TTL_S;
        for (size_t before = 0; before < i; before++)
            is_there |= ttls_s[before] == ttls_s[i];
        if (!is_there)
            add(timetable, PURPOSE_KEEP, ttls_s[i], interval_ms_of(ttls_s[i]));
    }
}

void timetable_make(struct timetable *timetable, const uint32_t *ttls_s, size_t nttls,
                    uint32_t ttl_s, uint32_t length_s, int64_t start_unix_s)
{
    *timetable = (struct timetable){.length_ms = (int64_t)length_s * 1000, .ttl_s = ttl_s};
    /* Each change is seen before the next one comes; and renewals, which are TTL apart, meet it at
     * another moment each time. */
    uint32_t period_s = ttl_s + ttl_s / 4 + 1;
    for (unsigned i = 0; i < CHANGING; i++)
        add(timetable, PURPOSE_CHANGE, ttl_s, 600)->period_s = period_s < 86400 ? period_s : 86400;
    add(timetable, PURPOSE_ADDRESS, ttl_s, 1000)->period_s = 1;
    add(timetable, PURPOSE_TWIN, TWIN_TTL_S, 1000);
    add(timetable, PURPOSE_STALE, TWIN_TTL_S, 1000)->fails_unix_s =
        start_unix_s + (length_s / 4 > 8 ? length_s / 4 : 8);
    add(timetable, PURPOSE_PREFETCH, length_s >= 25 ? 20 : 10, 1000);
    add(timetable, PURPOSE_CACHES, CACHES_TTL_S, 1000);
    add(timetable, PURPOSE_SLEEP, TWIN_TTL_S, SLEEP_MS);
    add(timetable, PURPOSE_SLEEP, TWIN_TTL_S,
        timetable->length_ms / 2 > SLEEP_MS ? timetable->length_ms / 2 : SLEEP_MS);
    add_kept(timetable, ttls_s, nttls);
}

static int64_t first_due_ms(const struct timetable *timetable, size_t canary)
{
    if (timetable->canaries[canary].purpose != PURPOSE_CHANGE)
        return (int64_t)canary * STAGGER_MS;
    int64_t spread_ms = (int64_t)timetable->ttl_s * 1000;
    if (spread_ms > timetable->length_ms / 4)
        spread_ms = timetable->length_ms / 4;
    return (int64_t)canary * spread_ms / CHANGING;
}

/* Often from shortly before its end until it was fetched anew, or somewhat longer. */
static int64_t prefetch_due_ms(int64_t interval_ms, const struct turn *turn)
{
    int64_t near_ms = turn->expires_ms - PREFETCH_BEFORE_MS;
    int64_t next_ms = turn->last_ms + interval_ms;

    if (!turn->expires_ms || turn->last_ms > turn->expires_ms + 2000)
        return next_ms;
    if (turn->last_ms + PREFETCH_EACH_MS >= near_ms)
        return turn->last_ms + PREFETCH_EACH_MS;
    return next_ms < near_ms ? next_ms : near_ms;
}

/* Once, and three times after the pause: an old answer is in one of its caches alone. */
static int64_t sleep_due_ms(int64_t pause_ms, const struct turn *turn)
{
    if (turn->asked == 1)
        return turn->last_ms + pause_ms;
    return turn->asked < 4 ? turn->last_ms + PREFETCH_EACH_MS : INT64_MAX;
}

int64_t timetable_due_ms(const struct timetable *timetable, size_t canary, const struct turn *turn)
{
    const struct canary *asked = &timetable->canaries[canary];

    if (!turn->asked)
        return first_due_ms(timetable, canary);
    if (asked->purpose == PURPOSE_PREFETCH)
        return prefetch_due_ms(asked->interval_ms, turn);
    if (asked->purpose == PURPOSE_SLEEP)
        return sleep_due_ms(asked->interval_ms, turn);
    return turn->last_ms + asked->interval_ms;
}
