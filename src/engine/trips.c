/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/trips.h"

#include "base/clock.h"
#include "base/memory.h"
#include "probe/roundtrip.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    REMEMBERED = 64, /* messages, when they were taken: an hour of them, mostly */
    FIRST_WITHIN_MS = 1000,
    ALONE_TOLD = 2, /* times without a mailbox: addresses of external hosts come one by one */
    ALONE_AGAIN_MS = 5000,
    FAILURES_TOLD = 2, /* trips in a row that fail in the same way: one alone is noise */
};

/* Of an SMTP target that has `round-trip` and `probe-recipient`. */
struct trip {
    struct trips *trips;
    uint32_t id;
    char family[TOKEN_FAMILY_SIZE];
    struct event timer;
    bool planned;                 /* the timer runs */
    int64_t next_ms;              /* when the next one is due */
    uint64_t number;              /* of the last message */
    uint64_t arrived;             /* of the newest one that has, or that nobody waits for */
    int64_t taken_ms[REMEMBERED]; /* by number; 0: it was not */
    struct round_trip *under_way;
    uint32_t mailbox;    /* the target that it looks at */
    enum reason failing; /* of the last trips, that could say nothing; NONE: they could */
    unsigned failures;   /* in a row, of that reason */
    unsigned alone;      /* how many times in a row there was no mailbox to look at */
};

struct known {
    struct probe_target target; /* port 0: nobody's */
    struct trip *trip;          /* NULL: none of its own */
};

struct trips {
    struct trips_ways ways;
    uint64_t random;    /* begins the tokens of this process */
    uint32_t families;  /* ever */
    struct known *list; /* by the targets' numbers */
    size_t count, capacity;
};

static void trip_start(struct trip *trip, int64_t now_ms);

static const struct probe_target *target_of(const struct trip *trip)
{
    return &trip->trips->list[trip->id].target;
}

static bool is_down(const struct trips *trips, uint32_t id)
{
    return core_verdict(trips->ways.core, id)->status == VERDICT_DOWN;
}

/* ---- the mailbox ---- */

/* 0: it has none for us; else the better the higher. */
static unsigned rate_mailbox(const struct trips *trips, uint32_t id)
{
    const struct probe_target *target = id < trips->count ? &trips->list[id].target : NULL;
    if (!target || !target->port || !target->check->user || !target->check->password)
        return 0;
    return target->check->kind == CHECK_IMAPS ? 2 : target->check->kind == CHECK_IMAP;
}

/* CORE_NONE: there is none. */
static uint32_t find_mailbox(const struct trip *trip)
{
    const struct trips *trips = trip->trips;
    const struct core *core = trips->ways.core;
    const struct shared *host = target_of(trip)->check->mailbox;
    uint32_t best = CORE_NONE;
    unsigned best_rate = 0;

    for (uint32_t id = host ? 0 : core_first_at(core, trip->id);
         host ? id < trips->count : id != CORE_NONE; id = host ? id + 1 : core_next_at(core, id)) {
        unsigned rate = rate_mailbox(trips, id);
        /* Of several that are alike, one that is not down. */
        rate = rate ? 2 * rate + !is_down(trips, id) : 0;
        if (rate > best_rate && (!host || core_is_of(core, id, shared_text(host)))) {
            best = id;
            best_rate = rate;
        }
    }
    return best;
}

static void note_alone(struct trip *trip, bool alone, int64_t now_ms)
{
    const struct shared *host = target_of(trip)->check->mailbox;
    bool was_told = trip->alone >= ALONE_TOLD;
    char text[400];

    trip->alone = !alone ? 0 : was_told ? trip->alone : trip->alone + 1;
    bool is_told = trip->alone >= ALONE_TOLD;
    if (is_told == was_told)
        return;
    snprintf(text, sizeof text,
             is_told ? "no round trips: there is no imap check with credentials at %s"
                     : "round trips: there is an imap check with credentials at %s",
             host ? shared_text(host) : "its address");
    core_tell(trip->trips->ways.core, trip->id, is_told ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE,
              "round-trip", now_ms, text);
}

/* ---- time ---- */

static void trip_plan(struct trip *trip, int64_t at_ms, int64_t now_ms)
{
    int64_t wait_ms = at_ms > now_ms ? at_ms - now_ms : 0;
    const struct timeval wait = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
    trip->planned = true;
    evtimer_add(&trip->timer, &wait);
}

/* 0.9 to 1.0 of it. */
static int64_t with_jitter(int64_t ms)
{
    return ms - (ms >= 10 ? clock_now_us() % (ms / 10) : 0);
}

/* What was lost while it was down is not missed: it may have gone with a disk. */
static void trip_forget(struct trip *trip)
{
    trip->arrived = trip->number;
}

static void trip_on_timer(evutil_socket_t fd, short what, void *context)
{
    struct trip *trip = context;
    (void)fd, (void)what;
    trip->planned = false;
    if (is_down(trip->trips, trip->id))
        trip_forget(trip); /* goes on when it is good again */
    else
        trip_start(trip, clock_now_ms());
}

/* ---- what becomes of messages ---- */

/* When the first one was taken that has not arrived; 0: all have. */
static int64_t trip_waits_since(const struct trip *trip)
{
    uint64_t first = trip->arrived + 1;
    if (trip->number >= REMEMBERED && first <= trip->number - REMEMBERED)
        first = trip->number - REMEMBERED + 1;
    for (uint64_t number = first; number <= trip->number; number++)
        if (trip->taken_ms[number % REMEMBERED])
            return trip->taken_ms[number % REMEMBERED];
    return 0;
}

static void trip_report(struct trip *trip, const struct outcome *outcome, int64_t now_ms)
{
    core_outcome(trip->trips->ways.core, trip->id, outcome, now_ms);
    trip->trips->ways.changed(trip->trips->ways.context);
}

/* What waits for long is told; returns when that has to be looked at next. */
static int64_t trip_judge(struct trip *trip, int64_t now_ms)
{
    const struct check_settings *settings = target_of(trip)->check;
    int64_t since_ms = trip_waits_since(trip), age_ms = now_ms - since_ms;
    const int64_t marks_ms[] = {settings->alarm_ms / 2, settings->alarm_ms, settings->drain_ms};

    if (!since_ms)
        return INT64_MAX;
    if (age_ms >= marks_ms[0]) {
        struct outcome outcome = {
            .depth = DEPTH_ROUND_TRIP, .reason = REASON_UNDELIVERED, .sessions = 1, .rtt_us = -1};
        outcome.step_us[TIMED_DELIVERY] =
            age_ms > INT32_MAX / 1000 ? INT32_MAX : (int32_t)age_ms * 1000;
        trip_report(trip, &outcome, now_ms);
    }
    for (size_t i = 0; i < sizeof marks_ms / sizeof *marks_ms; i++)
        if (age_ms < marks_ms[i])
            return since_ms + marks_ms[i];
    return INT64_MAX;
}

static void trip_on_taken(void *context, int64_t now_ms)
{
    struct trip *trip = context;
    trip->taken_ms[trip->number % REMEMBERED] = now_ms;
}

static int64_t trip_on_missing(void *context, int64_t now_ms)
{
    return trip_judge(context, now_ms);
}

/* Our own faults pass, and are told elsewhere. */
static bool is_worth_telling(enum reason reason)
{
    return reason != REASON_LOCAL && reason != REASON_LATE && reason != REASON_CANCELLED &&
           reason != REASON_UPLINK;
}

static void trip_tell_failure(struct trip *trip, const struct outcome *outcome, int64_t now_ms)
{
    const char *advice = reason_advice(outcome->reason);
    char text[600];

    trip->failures = outcome->reason == trip->failing ? trip->failures + 1 : 1;
    trip->failing = outcome->reason;
    if (trip->failures != FAILURES_TOLD || !is_worth_telling(outcome->reason))
        return;
    snprintf(text, sizeof text, "round trips fail: %s%s%s%s%s%s", reason_sentence(outcome->reason),
             *outcome->detail ? " (" : "", outcome->detail, *outcome->detail ? ")" : "",
             advice ? "; " : "", advice ? advice : "");
    core_tell(trip->trips->ways.core, trip->id, LOG_LEVEL_WARNING, "round-trip", now_ms, text);
}

static void trip_tell_success(struct trip *trip, int64_t now_ms)
{
    if (trip->failures >= FAILURES_TOLD && is_worth_telling(trip->failing))
        core_tell(trip->trips->ways.core, trip->id, LOG_LEVEL_NOTICE, "round-trip", now_ms,
                  "round trips work again");
    trip->failing = REASON_NONE;
    trip->failures = 0;
}

static void trip_on_done(void *context, const struct outcome *outcome, uint64_t arrived)
{
    struct trip *trip = context;
    int64_t now_ms = clock_now_ms();

    trip->under_way = NULL;
    if (outcome->reason == REASON_OK || outcome->reason == REASON_UNDELIVERED)
        trip_tell_success(trip, now_ms);
    else
        trip_tell_failure(trip, outcome, now_ms);
    if (outcome->reason == REASON_OK) {
        if (arrived > trip->arrived)
            trip->arrived = arrived;
        trip_report(trip, outcome, now_ms);
        trip_judge(trip, now_ms); /* it may have been a late one, and others are late, too */
    }
    trip_plan(trip, trip->next_ms, now_ms);
}

static void trip_start(struct trip *trip, int64_t now_ms)
{
    static const struct round_trip_reports reports = {
        .taken = trip_on_taken, .missing = trip_on_missing, .done = trip_on_done};
    struct trips *trips = trip->trips;
    const struct probe_target *smtp = target_of(trip);

    trip->next_ms = now_ms + with_jitter(smtp->check->round_trip_ms);
    trip->mailbox = find_mailbox(trip);
    note_alone(trip, trip->mailbox == CORE_NONE, now_ms);
    if (trip->alone == 1 && trip->next_ms > now_ms + ALONE_AGAIN_MS)
        trip->next_ms = now_ms + ALONE_AGAIN_MS;
    if (trip->mailbox == CORE_NONE || is_down(trips, trip->mailbox)) {
        trip_plan(trip, trip->next_ms, now_ms); /* messages that nobody finds would pile up */
        return;
    }
    trip->number++;
    trip->taken_ms[trip->number % REMEMBERED] = 0;
    struct round_trip_plan plan = {
        .smtp = smtp,
        .imap = &trips->list[trip->mailbox].target,
        .number = trip->number,
        .arrived = trip->arrived,
        .until_ms = trip->next_ms,
    };
    memcpy(plan.family, trip->family, sizeof plan.family);
    trip->under_way = round_trip_start(trips->ways.sessions, &plan, &reports, trip);
}

/* ---- targets ---- */

static struct trip *trip_new(struct trips *trips, uint32_t id)
{
    struct trip *trip = memory_alloc(sizeof *trip);
    trip->trips = trips;
    trip->id = id;
    token_family(trips->random, ++trips->families, trip->family);
    evtimer_assign(&trip->timer, trips->ways.sessions->base, trip_on_timer, trip);
    return trip;
}

static void trip_free(struct trip *trip)
{
    if (trip->under_way)
        round_trip_cancel(trip->under_way);
    event_del(&trip->timer);
    free(trip);
}

static bool makes_trips(const struct check_settings *settings)
{
    return settings->round_trip_ms && settings->recipient &&
           (settings->kind == CHECK_SMTP || settings->kind == CHECK_SUBMISSION ||
            settings->kind == CHECK_SMTPS);
}

void trips_add(struct trips *trips, uint32_t id, const struct probe_target *target)
{
    while (trips->count <= id) {
        trips->list = memory_grow(trips->list, trips->count, &trips->capacity, sizeof *trips->list);
        trips->list[trips->count++] = (struct known){.trip = NULL};
    }
    trips->list[id] = (struct known){
        .target = *target,
        .trip = makes_trips(target->check) ? trip_new(trips, id) : NULL,
    };
}

void trips_remove(struct trips *trips, uint32_t id)
{
    int64_t now_ms = clock_now_ms();

    if (trips->list[id].trip)
        trip_free(trips->list[id].trip);
    trips->list[id] = (struct known){.trip = NULL};
    for (size_t i = 0; i < trips->count; i++) {
        struct trip *trip = trips->list[i].trip;
        if (!trip || !trip->under_way || trip->mailbox != id)
            continue;
        round_trip_cancel(trip->under_way);
        trip->under_way = NULL;
        trip_plan(trip, trip->next_ms, now_ms);
    }
}

void trips_probed(struct trips *trips, uint32_t id, const struct outcome *outcome, int64_t now_ms)
{
    struct trip *trip = id < trips->count ? trips->list[id].trip : NULL;
    if (!trip || trip->planned || trip->under_way || outcome->reason != REASON_OK ||
        is_down(trips, id))
        return;
    trip_plan(trip, now_ms + clock_now_us() % FIRST_WITHIN_MS, now_ms);
}

struct trips *trips_new(const struct trips_ways *ways)
{
    struct trips *trips = memory_alloc(sizeof *trips);
    trips->ways = *ways;
    if (getrandom(&trips->random, sizeof trips->random, 0) != (ssize_t)sizeof trips->random)
        trips->random = (uint64_t)clock_now_us() ^ (uint64_t)time(NULL) << 32;
    return trips;
}

void trips_free(struct trips *trips)
{
    if (!trips)
        return;
    for (size_t i = 0; i < trips->count; i++)
        if (trips->list[i].trip)
            trip_free(trips->list[i].trip);
    free(trips->list);
    free(trips);
}
