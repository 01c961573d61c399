/* SPDX-License-Identifier: BSD-2-Clause */
/* What the engine measures of its own failovers: their moments, how long resolvers may hold what
 * was answered, and when a drained host may be stopped. */
#include "engine/failovers.h"

#include "base/log.h"
#include "support/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int quiet(void **state)
{
    (void)state;
    log_set_level((enum log_level) - 1);
    return 0;
}

/* Nobody comes back by a hold or slowly. */
#define QUICK "checks: {smtp: {hold: 0s, slow-start: 0s}, imaps: {hold: 0s, slow-start: 0s}}\n"

static void begin(struct stage *stage, const char *config, const char *zone)
{
    stage_init(stage, true);
    stage_config(stage, config);
    stage_zone(stage, "example.test", zone);
    stage_load(stage);
    stage_at(stage, 1000);
    stage_outcome(stage, "*", "*", REASON_OK);
    stage_publish(stage);
}

/* What was noted, copied, with times since the stage's start (0 stays 0). */
struct noted {
    struct engine_status status;
    struct failover *list;
    size_t count;
    struct failover_figures figures;
};

static int64_t since(const struct stage *stage, int64_t at_ms)
{
    return at_ms ? at_ms - stage->start_ms : 0;
}

static struct noted noted_by(const struct stage *stage)
{
    struct noted noted = {.status = {.arena = arena_new()}};
    core_status(stage->core, stage->now_ms, &noted.status);
    noted.count = noted.status.nfailovers;
    noted.figures = noted.status.figures;
    noted.list = ARENA_ARRAY(noted.status.arena, struct failover, noted.count);
    for (size_t i = 0; i < noted.count; i++) {
        struct failover *one = &noted.list[i];
        *one = noted.status.failovers[i];
        one->last_ms = since(stage, one->last_ms);
        one->first_ms = since(stage, one->first_ms);
        one->changed_ms = since(stage, one->changed_ms);
        one->until_ms = since(stage, one->until_ms);
        one->back_ms = since(stage, one->back_ms);
    }
    return noted;
}

static void noted_free(struct noted *noted)
{
    engine_status_free(&noted->status);
}

static void assert_moments(const struct failover *failover, int64_t last_ms, int64_t first_ms,
                           int64_t changed_ms, int64_t until_ms)
{
    if (failover->last_ms != last_ms || failover->first_ms != first_ms ||
        failover->changed_ms != changed_ms || failover->until_ms != until_ms)
        fail_msg("t0 %lld, t1 %lld, t2 %lld, t3 %lld; not %lld, %lld, %lld, %lld",
                 (long long)failover->last_ms, (long long)failover->first_ms,
                 (long long)failover->changed_ms, (long long)failover->until_ms, (long long)last_ms,
                 (long long)first_ms, (long long)changed_ms, (long long)until_ms);
}

/* Events of a kind; *text: the last one's. */
static size_t count_events(const struct stage *stage, const char *kind, char *text, size_t size)
{
    struct engine_events events = {.arena = arena_new(), .now_ms = stage->now_ms};
    size_t count = 0;
    core_events(stage->core, 0, &events);
    for (size_t i = 0; i < events.count; i++) {
        if (strcmp(events.list[i].kind, kind) != 0)
            continue;
        count++;
        if (text)
            snprintf(text, size, "%s: %s",
                     events.list[i].subject ? events.list[i].subject : "(whole)",
                     events.list[i].text);
    }
    engine_events_free(&events);
    return count;
}

static size_t events_of_kind(const struct stage *stage, const char *kind)
{
    return count_events(stage, kind, NULL, 0);
}

static void fall(struct stage *stage, const char *host, const char *kind, enum reason reason)
{
    stage_outcome(stage, host, kind, reason);
    stage_publish(stage);
}

/* The core's number of the first one that asks a host. */
static uint32_t probe_of(const struct stage *stage, const char *host)
{
    uint32_t id = 0;
    while (strcmp(stage->probes[id].host, host) != 0)
        id++;
    return id;
}

static void die(struct stage *stage, const char *host)
{
    fall(stage, host, "smtp", REASON_REFUSED);
    fall(stage, host, "smtp", REASON_REFUSED);
}

static void come_back(struct stage *stage, const char *host)
{
    for (int i = 0; i < 3; i++)
        stage_outcome(stage, host, "smtp", REASON_OK);
    stage_publish(stage);
}

static void drain(struct stage *stage, const char *host, enum verdict_forced forced)
{
    struct error error;
    size_t count;
    assert_true(core_force(stage->core, host, forced, stage->now_ms, &count, &error));
    stage_publish(stage);
}

static struct engine_drain drain_of(const struct stage *stage, const char *host)
{
    struct engine_drain drain = {.arena = arena_new(), .now_ms = stage->now_ms};
    struct error error;
    if (!core_drain(stage->core, host, &drain, &error))
        fail_msg("%s", error.text);
    return drain;
}

static const struct engine_drain_answer *answer_of(const struct engine_drain *drain,
                                                   const char *pool, const char *record)
{
    for (size_t i = 0; i < drain->nanswers; i++)
        if (strcmp(drain->answers[i].pool, pool) == 0 &&
            strcmp(drain->answers[i].record, record) == 0)
            return &drain->answers[i];
    return NULL;
}

/* ---- the ring and the figures ---- */

static const struct failover a_failover = {
    .kind = FAILOVER_LEFT,
    .cause = CAUSE_SILENT,
    .host = "mx1.example.test",
    .check = "smtp",
    .address = {4, {127, 0, 0, 11}},
    .port = 25,
    .pool = "example.test MX",
    .npools = 1,
    .last_ms = 1000,
    .first_ms = 2000,
    .changed_ms = 4000,
    .until_ms = 15000,
};

static void the_last_ones_are_kept(void **state)
{
    struct failovers *failovers = failovers_new();
    struct arena *arena = arena_new();
    size_t count;
    (void)state;
    for (int i = 0; i < FAILOVERS_KEPT + 7; i++) {
        struct failover failover = a_failover;
        failover.kind = FAILOVER_KEPT;
        failover.changed_ms += i;
        failovers_add(failovers, &failover);
    }
    const struct failover *list = failovers_copy(failovers, arena, &count);
    assert_int_equal(count, FAILOVERS_KEPT);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(list[i].changed_ms, a_failover.changed_ms + 7 + (int64_t)i);
    assert_int_equal(failovers_figures(failovers)->counts[FAILOVER_KEPT][CAUSE_SILENT],
                     FAILOVERS_KEPT + 7);
    arena_free(arena);
    failovers_free(failovers);
}

/* Those that were told of, by their ports. */
struct gone {
    size_t count;
    uint16_t ports[2 * FAILOVERS_KEPT];
};

static void note_gone(void *context, const struct failover *failover)
{
    struct gone *gone = context;
    assert_true(gone->count < 2 * FAILOVERS_KEPT);
    gone->ports[gone->count++] = failover->port;
}

static size_t over(struct failovers *failovers, int64_t now_ms, struct gone *gone)
{
    gone->count = 0;
    failovers_over(failovers, now_ms, note_gone, gone);
    return gone->count;
}

static void each_is_over_once(void **state)
{
    struct failovers *failovers = failovers_new();
    struct failover other = a_failover, kept = a_failover, back = a_failover;
    struct gone gone;
    (void)state;
    other.port = 587;
    other.until_ms = 9000;
    kept.kind = FAILOVER_KEPT;
    kept.port = 143;
    back.kind = FAILOVER_BACK;
    failovers_add(failovers, &a_failover);
    failovers_add(failovers, &other);
    failovers_add(failovers, &kept);
    assert_int_equal(over(failovers, 8999, &gone), 0);
    assert_int_equal(over(failovers, 9000, &gone), 1);
    assert_int_equal(gone.ports[0], 587);
    assert_int_equal(over(failovers, 9000, &gone), 0);
    failovers_add(failovers, &back); /* before its time: nothing is ever gone */
    assert_int_equal(over(failovers, 100000, &gone), 0);
    failovers_free(failovers);
}

/* A room full of hosts dies, and others meanwhile come and go: all are told whole. */
static void those_under_way_are_never_pushed_out(void **state)
{
    enum { HOSTS = 2 * FAILOVERS_KEPT };
    struct failovers *failovers = failovers_new();
    struct failover one = a_failover, other = a_failover;
    struct arena *arena = arena_new();
    struct gone gone;
    size_t count, backs = 0;
    (void)state;
    other.address.bytes[3] = 99;
    for (int i = 0; i < HOSTS; i++) {
        one.port = (uint16_t)(1000 + i);
        failovers_add(failovers, &one);
        other.kind = i % 2 ? FAILOVER_BACK : FAILOVER_LEFT;
        failovers_add(failovers, &other);
    }
    assert_int_equal(over(failovers, a_failover.until_ms - 1, &gone), 0);
    assert_int_equal(over(failovers, a_failover.until_ms, &gone), HOSTS);
    for (int i = 0; i < HOSTS; i++)
        assert_int_equal(gone.ports[i], 1000 + i);
    failovers_copy(failovers, arena, &count);
    assert_int_equal(count, HOSTS + FAILOVERS_KEPT);
    one.kind = FAILOVER_BACK;
    for (int i = 0; i < HOSTS; i++) {
        one.port = (uint16_t)(1000 + i);
        one.changed_ms = 50000 + i;
        failovers_add(failovers, &one);
    }
    const struct failover *list = failovers_copy(failovers, arena, &count);
    assert_int_equal(count, FAILOVERS_KEPT); /* nothing is under way any more */
    for (size_t i = 0; i < count; i++) {
        if (list[i].kind == FAILOVER_BACK)
            backs++;
        else
            assert_int_equal(list[i].back_ms, 50000 + list[i].port - 1000);
    }
    assert_int_equal(backs, FAILOVERS_KEPT / 2);
    const struct failover_figures *figures = failovers_figures(failovers);
    assert_int_equal(figures->counts[FAILOVER_BACK][CAUSE_SILENT], HOSTS + HOSTS / 2);
    arena_free(arena);
    failovers_free(failovers);
}

static bool is_smtp(void *context, const struct failover *failover)
{
    (void)context;
    return failover->port == 25;
}

/* However often it is told of a target; and as long as there is one. */
static void a_target_is_under_way_twice_at_most(void **state)
{
    struct failovers *failovers = failovers_new();
    struct failover failover = a_failover;
    struct arena *arena = arena_new();
    struct gone gone;
    size_t count;
    (void)state;
    for (int i = 0; i < 3 * FAILOVERS_KEPT; i++) {
        failover.kind = i % 2 ? FAILOVER_LATE : FAILOVER_LEFT;
        failovers_add(failovers, &failover);
    }
    failovers_copy(failovers, arena, &count);
    assert_int_equal(count, FAILOVERS_KEPT + 2);
    failover.kind = FAILOVER_LEFT;
    failover.port = 587;
    failovers_add(failovers, &failover);
    failovers_prune(failovers, is_smtp, NULL);
    failovers_copy(failovers, arena, &count);
    assert_int_equal(count, FAILOVERS_KEPT + 2);
    assert_int_equal(over(failovers, 100000, &gone), 2);
    assert_int_equal(gone.ports[0], 25);
    assert_int_equal(gone.ports[1], 25);
    failover.port = 25;
    failover.kind = FAILOVER_KEPT;
    failover.changed_ms = 70000;
    failovers_add(failovers, &failover);
    failover.kind = FAILOVER_BACK;
    failover.changed_ms = 90000;
    failovers_add(failovers, &failover);
    const struct failover *list = failovers_copy(failovers, arena, &count);
    assert_int_equal(count, FAILOVERS_KEPT);
    for (size_t i = 0; i < count; i++) /* also those whose place another took */
        if (list[i].port == 25 && list[i].kind <= FAILOVER_LATE && list[i].kind != FAILOVER_KEPT)
            assert_int_equal(list[i].back_ms, 90000);
    assert_int_equal(list[count - 4].kept_ms, 70000); /* the last one that left late */
    arena_free(arena);
    failovers_free(failovers);
}

static void histograms_hold_each_moment(void **state)
{
    struct failovers *failovers = failovers_new();
    struct failover failover = a_failover;
    (void)state;
    failovers_add(failovers, &failover);
    failover.last_ms = failover.first_ms = 0; /* never seen good: counted, not timed */
    failovers_add(failovers, &failover);
    failover = a_failover;
    failover.kind = FAILOVER_KEPT;
    failovers_add(failovers, &failover);
    failover.kind = FAILOVER_LATE;
    failovers_add(failovers, &failover);
    failover = a_failover;
    failover.until_ms = failover.last_ms + 601000;
    failovers_add(failovers, &failover);
    const struct failover_figures *figures = failovers_figures(failovers);
    const struct failover_histogram *evidence = &figures->left[TOOK_EVIDENCE][CAUSE_SILENT];
    const struct failover_histogram *answers = &figures->left[TOOK_ANSWERS][CAUSE_SILENT];
    const struct failover_histogram *resolvers = &figures->left[TOOK_RESOLVERS][CAUSE_SILENT];
    assert_int_equal(figures->counts[FAILOVER_LEFT][CAUSE_SILENT], 3);
    assert_int_equal(figures->counts[FAILOVER_KEPT][CAUSE_SILENT], 1);
    assert_int_equal(figures->counts[FAILOVER_LATE][CAUSE_SILENT], 1);
    assert_int_equal(evidence->counts[3], 2); /* 1 s is not above the bound of 1 s */
    assert_int_equal(answers->counts[5], 2);  /* 3 s: up to 4 */
    assert_int_equal(resolvers->counts[7], 1);
    assert_int_equal(resolvers->counts[FAILOVER_BOUNDS], 1);
    assert_true(evidence->sum_s == 2 && answers->sum_s == 6 && resolvers->sum_s == 14 + 601);
    failovers_free(failovers);
}

/* ---- moments ---- */

/* The suspect's answers have a TTL of 1 s and end last; those before it are held longest. */
static void a_death_has_four_moments(void **state)
{
    struct stage stage;
    char text[300];
    (void)state;
    begin(&stage, QUICK, ZONE_HEAD TWO_HOSTS);
    stage_at(&stage, 3000);
    stage_outcome(&stage, "*", "*", REASON_OK); /* took 1 ms */
    stage_at(&stage, 5000);
    fall(&stage, "mx1.example.test", "smtp", REASON_REFUSED);
    stage_at(&stage, 5400);
    fall(&stage, "mx1.example.test", "smtp", REASON_REFUSED);
    struct noted noted = noted_by(&stage);
    assert_int_equal(noted.count, 1);
    const struct failover *one = &noted.list[0];
    assert_moments(one, 2999, 5000, 5400, 5000 + 10000 + FAILOVER_RESOLVER_MS);
    assert_int_equal(one->kind, FAILOVER_LEFT);
    assert_int_equal(one->cause, CAUSE_REFUSED);
    assert_int_equal(one->reason, REASON_REFUSED);
    assert_string_equal(one->host, "mx1.example.test");
    assert_string_equal(one->check, "smtp");
    assert_string_equal(one->pool, "example.test MX");
    assert_int_equal(one->npools, 1); /* not the pool of its only address */
    noted_free(&noted);
    assert_int_equal(count_events(&stage, "failover", text, sizeof text), 1);
    assert_non_null(strstr(
        text,
        "mx1.example.test 127.0.0.11 port 25 smtp: out of the answers of "
        "1 pool 2.4 s after the last good probe (first seen after 2.0 s, by a bad or late one)"));
    assert_non_null(strstr(text, " (11.1 s from now)"));
    stage_at(&stage, 16400);
    assert_int_equal(events_of_kind(&stage, "gone"), 0);
    stage_at(&stage, 16500);
    assert_int_equal(events_of_kind(&stage, "gone"), 1);
    stage_at(&stage, 30000);
    assert_int_equal(events_of_kind(&stage, "gone"), 1);
    stage_free(&stage);
}

static void a_return_has_four_moments(void **state)
{
    struct stage stage;
    (void)state;
    begin(&stage, QUICK, ZONE_HEAD TWO_HOSTS);
    stage_at(&stage, 2000);
    die(&stage, "mx1.example.test");
    stage_at(&stage, 4000);
    stage_outcome(&stage, "mx1.example.test", "smtp", REASON_REFUSED);
    stage_at(&stage, 6000);
    stage_outcome(&stage, "mx1.example.test", "smtp", REASON_OK);
    stage_at(&stage, 8000);
    stage_outcome(&stage, "mx1.example.test", "smtp", REASON_OK);
    stage_at(&stage, 9000);
    stage_outcome(&stage, "mx1.example.test", "smtp", REASON_OK);
    stage_publish(&stage);
    struct noted noted = noted_by(&stage);
    assert_int_equal(noted.count, 2);
    assert_int_equal(noted.list[0].back_ms, 9000);
    assert_int_equal(noted.list[1].kind, FAILOVER_BACK);
    assert_int_equal(noted.list[1].cause, CAUSE_REFUSED);
    assert_moments(&noted.list[1], 4000, 6000, 9000, 9000 + 10000 + FAILOVER_RESOLVER_MS);
    assert_int_equal(noted.figures.counts[FAILOVER_LEFT][CAUSE_REFUSED], 1);
    assert_int_equal(noted.figures.counts[FAILOVER_BACK][CAUSE_REFUSED], 1);
    assert_int_equal(noted.figures.back[TOOK_ANSWERS][CAUSE_REFUSED].counts[6], 1); /* 5 s */
    noted_free(&noted);
    assert_int_equal(events_of_kind(&stage, "return"), 1);
    stage_at(&stage, 60000);
    assert_int_equal(events_of_kind(&stage, "gone"), 0);
    stage_free(&stage);
}

/* By whichever of its targets it left and came back: nothing stays under way. */
static void a_return_by_another_target_ends_it(void **state)
{
    static const struct {
        const char *zone, *first, *last; /* to die, and also to come back */
    } rows[] = {
        {TWO_HOSTS "mx1 AAAA ::11\n", "127.0.0.11", "::11"},
        {TWO_HOSTS "_imaps._tcp SRV 0 1 993 imap\n_imap._tcp SRV 0 1 143 imap\n"
                   "imap A 127.0.0.21\nimap A 127.0.0.22\n",
         "imaps", "imap"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *order[] = {rows[i].first, rows[i].last};
        struct stage stage;
        char zone[600];
        snprintf(zone, sizeof zone, "%s%s", ZONE_HEAD, rows[i].zone);
        begin(&stage,
              "checks: {smtp: {hold: 0s, slow-start: 0s}, imap: {hold: 0s, slow-start: 0s},"
              " imaps: {hold: 0s, slow-start: 0s}}\n",
              zone);
        for (size_t j = 0; j < 4; j++) {
            stage_at(&stage, 2000 + (int64_t)j * 20000);
            for (int k = 0; k < 3; k++) {
                enum reason reason = j < 2 ? REASON_REFUSED : REASON_OK;
                if (i == 0)
                    stage_outcome(&stage, order[j % 2], "smtp", reason);
                else
                    stage_outcome(&stage, "127.0.0.21", order[j % 2], reason);
                stage_publish(&stage);
            }
        }
        struct noted noted = noted_by(&stage);
        size_t left = 0;
        for (size_t j = 0; j < noted.count; j++) {
            left += noted.list[j].kind == FAILOVER_LEFT;
            if (noted.list[j].kind == FAILOVER_LEFT && !noted.list[j].back_ms)
                fail_msg("%zu: %s at port %u is not back", i, noted.list[j].host,
                         noted.list[j].port);
        }
        assert_true(left > 0);
        noted_free(&noted);
        stage_free(&stage);
    }
}

/* A probe under way that finds its target late is the first that is known of a silence. */
static void lateness_is_evidence(void **state)
{
    struct stage stage;
    (void)state;
    begin(&stage, QUICK, ZONE_HEAD TWO_HOSTS);
    uint32_t id = probe_of(&stage, "mx1.example.test");
    stage_at(&stage, 4000);
    core_late(stage.core, id, stage.now_ms - 1000, stage.now_ms + 5000, stage.now_ms);
    stage_publish(&stage);
    stage_at(&stage, 9000);
    const struct outcome silence = {
        .reason = REASON_GREETING_TIMEOUT, .confirmed = true, .rtt_us = 6 * 1000 * 1000};
    core_outcome(stage.core, id, &silence, stage.now_ms);
    stage_publish(&stage);
    struct noted noted = noted_by(&stage);
    assert_int_equal(noted.count, 1);
    assert_int_equal(noted.list[0].cause, CAUSE_SILENT);
    assert_int_equal(noted.list[0].first_ms, 4000);
    assert_int_equal(noted.list[0].last_ms, 999);
    noted_free(&noted);
    stage_free(&stage);
}

/* Where the dialogue fails, a greeting in between is no evidence of its being well. */
static void evidence_is_as_deep_as_what_failed(void **state)
{
    struct stage stage;
    (void)state;
    begin(&stage, QUICK, ZONE_HEAD TWO_HOSTS); /* a service probe each, at 1 s */
    uint32_t id = probe_of(&stage, "mx1.example.test");
    stage_at(&stage, 20000);
    const struct outcome greeting = {.depth = DEPTH_LIVENESS, .reason = REASON_OK, .rtt_us = 1000};
    const struct outcome failure = {
        .depth = DEPTH_SERVICE, .reason = REASON_REPLY_4XX, .rtt_us = 1000};
    core_outcome(stage.core, id, &greeting, stage.now_ms);
    for (int64_t ms = 31000; ms <= 33000; ms += 1000) {
        stage_at(&stage, ms);
        core_outcome(stage.core, id, &failure, stage.now_ms);
        core_outcome(stage.core, id, &greeting, stage.now_ms);
        stage_publish(&stage);
    }
    struct noted noted = noted_by(&stage);
    assert_int_equal(noted.count, 1);
    assert_int_equal(noted.list[0].cause, CAUSE_SICK);
    assert_int_equal(noted.list[0].last_ms, 999);
    assert_int_equal(noted.list[0].first_ms, 31000);
    noted_free(&noted);
    stage_free(&stage);
}

/* What only counts as it lasts is counted from its beginning. */
static void doubt_is_evidence_from_its_beginning(void **state)
{
    struct stage stage;
    (void)state;
    begin(&stage, QUICK, ZONE_HEAD TWO_HOSTS);
    uint32_t id = probe_of(&stage, "mx1.example.test");
    const struct outcome doubt = {
        .depth = DEPTH_SERVICE, .reason = REASON_DEFERRED, .rtt_us = 1000};
    struct noted noted = {.count = 0};
    for (int64_t ms = 30000; ms <= 30000 + 20 * 60000 && noted.count == 0; ms += 30000) {
        stage_at(&stage, ms);
        core_outcome(stage.core, id, &doubt, stage.now_ms);
        stage_publish(&stage);
        noted = noted_by(&stage);
        if (noted.count == 0)
            noted_free(&noted);
    }
    assert_int_equal(noted.count, 1);
    assert_int_equal(noted.list[0].last_ms, 999);
    assert_int_equal(noted.list[0].first_ms, 30000);
    assert_true(noted.list[0].changed_ms > 60000);
    noted_free(&noted);
    stage_free(&stage);
}

static void never_good_is_counted_and_not_timed(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, true);
    stage_zone(&stage, "example.test", ZONE_HEAD TWO_HOSTS);
    stage_load(&stage);
    stage_at(&stage, 1000);
    stage_outcome(&stage, "mx2.example.test", "smtp", REASON_OK);
    die(&stage, "mx1.example.test");
    struct noted noted = noted_by(&stage);
    assert_int_equal(noted.count, 1);
    assert_int_equal(noted.list[0].last_ms, 0);
    assert_int_equal(noted.figures.counts[FAILOVER_LEFT][CAUSE_REFUSED], 1);
    for (size_t i = 0; i <= FAILOVER_BOUNDS; i++)
        assert_int_equal(noted.figures.left[TOOK_ANSWERS][CAUSE_REFUSED].counts[i], 0);
    noted_free(&noted);
    stage_free(&stage);
}

static void undelivered_mail_is_a_cause(void **state)
{
    struct stage stage;
    (void)state;
    begin(&stage,
          "checks: {smtp: {probe-recipient: p@example.test, round-trip: 60s,"
          " round-trip-drain: 300s}}\n",
          ZONE_HEAD TWO_HOSTS);
    uint32_t id = probe_of(&stage, "mx1.example.test");
    struct outcome trip = {.depth = DEPTH_ROUND_TRIP, .reason = REASON_OK, .rtt_us = -1};
    trip.step_us[TIMED_DELIVERY] = 2 * 1000 * 1000;
    stage_at(&stage, 5000);
    core_outcome(stage.core, id, &trip, stage.now_ms);
    trip.reason = REASON_UNDELIVERED;
    for (int64_t s = 150; s <= 300; s += 150) {
        stage_at(&stage, (10 + s) * 1000);
        trip.step_us[TIMED_DELIVERY] = (int32_t)s * 1000 * 1000;
        core_outcome(stage.core, id, &trip, stage.now_ms);
        stage_publish(&stage);
    }
    struct noted noted = noted_by(&stage);
    assert_int_equal(noted.count, 1);
    assert_int_equal(noted.list[0].cause, CAUSE_UNDELIVERED);
    assert_moments(&noted.list[0], 3000, 160000, 310000, 310000 + 10000 + FAILOVER_RESOLVER_MS);
    noted_free(&noted);
    stage_at(&stage, 400000);
    trip.reason = REASON_OK;
    core_outcome(stage.core, id, &trip, stage.now_ms);
    stage_publish(&stage);
    noted = noted_by(&stage);
    assert_int_equal(noted.count, 2);
    assert_int_equal(noted.list[1].kind, FAILOVER_BACK);
    assert_int_equal(noted.list[1].cause, CAUSE_UNDELIVERED);
    assert_int_equal(noted.list[1].last_ms, 310000);
    assert_int_equal(noted.list[1].first_ms, 400000);
    noted_free(&noted);
    stage_free(&stage);
}

/* ---- what is no failover ---- */

static void the_last_one_is_kept_and_leaves_late(void **state)
{
    struct stage stage;
    (void)state;
    begin(&stage, QUICK, ZONE_HEAD TWO_HOSTS);
    stage_at(&stage, 2000);
    die(&stage, "mx1.example.test");
    stage_at(&stage, 3000);
    die(&stage, "mx2.example.test"); /* fail open: mx1 is answered again, mx2 on */
    struct noted noted = noted_by(&stage);
    assert_int_equal(noted.count, 3);
    assert_int_equal(noted.list[0].kind, FAILOVER_LEFT);
    assert_int_equal(noted.list[1].kind, FAILOVER_KEPT);
    assert_int_equal(noted.list[2].kind, FAILOVER_KEPT);
    assert_int_equal(noted.figures.counts[FAILOVER_LEFT][CAUSE_REFUSED], 1);
    assert_int_equal(noted.figures.counts[FAILOVER_KEPT][CAUSE_REFUSED], 2);
    noted_free(&noted);
    stage_at(&stage, 20000);
    assert_int_equal(events_of_kind(&stage, "gone"), 0); /* it came to be answered again */
    come_back(&stage, "mx2.example.test");
    noted = noted_by(&stage);
    assert_int_equal(noted.count, 4);
    assert_int_equal(noted.list[3].kind, FAILOVER_LATE);
    assert_string_equal(noted.list[3].host, "mx1.example.test");
    assert_int_equal(noted.list[3].last_ms, 0);
    assert_int_equal(noted.figures.counts[FAILOVER_LEFT][CAUSE_REFUSED], 1);
    noted_free(&noted);
    stage_free(&stage);
}

/* Out, kept as the other one died, too, and out again when that came back: no longer kept. */
static void what_leaves_late_is_kept_no_more(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage, QUICK, ZONE_HEAD TWO_HOSTS "both MX 10 mx1\nboth MX 20 mx2\n");
    stage_at(&stage, 2000);
    die(&stage, "mx1.example.test");
    stage_at(&stage, 4000);
    die(&stage, "mx2.example.test");
    struct noted noted = noted_by(&stage);
    assert_int_equal(noted.list[0].kind, FAILOVER_LEFT);
    assert_int_equal(noted.list[0].kept_ms - stage.start_ms, 4000);
    noted_free(&noted);
    stage_at(&stage, 8000);
    come_back(&stage, "mx2.example.test");
    noted = noted_by(&stage);
    assert_int_equal(noted.count, 4);
    assert_int_equal(noted.list[3].kind, FAILOVER_LATE);
    assert_int_equal(noted.list[0].kept_ms, 0);
    assert_int_equal(noted.list[0].back_ms, 0);
    noted_free(&noted);
    stage_free(&stage);
}

/* It was answered all the while, so that nothing comes back; what it left by is over all the same.
 */
static void one_that_was_kept_is_well_again(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage, QUICK, ZONE_HEAD TWO_HOSTS);
    stage_at(&stage, 2000);
    die(&stage, "mx1.example.test");
    stage_at(&stage, 4000);
    die(&stage, "mx2.example.test");
    stage_at(&stage, 8000);
    come_back(&stage, "mx1.example.test");
    struct noted noted = noted_by(&stage);
    assert_int_equal(noted.count, 4);
    assert_int_equal(noted.list[0].kind, FAILOVER_LEFT);
    assert_int_equal(noted.list[0].back_ms, 8000);
    assert_string_equal(noted.list[3].host, "mx2.example.test");
    assert_int_equal(noted.list[3].kind, FAILOVER_LATE);
    assert_int_equal(noted.list[3].back_ms, 0);
    assert_int_equal(noted.figures.counts[FAILOVER_BACK][CAUSE_REFUSED], 0);
    noted_free(&noted);
    stage_free(&stage);
}

/* Of a name with several machines one is out; that the name is answered on says nothing of it. */
static void a_machine_of_a_shared_name_is_not_kept(void **state)
{
    (void)state;
    static const char *const falls[] = {"127.0.0.11", "127.0.0.12"};
    struct stage stage;
    begin(&stage, "checks: {imap: {hold: 0s, slow-start: 0s}}\n",
          ZONE_HEAD "_imap._tcp SRV 0 1 143 imap\nimap A 127.0.0.11\nimap A 127.0.0.12\n");
    for (unsigned i = 0; i < 2; i++) { /* both: all is kept */
        stage_at(&stage, 2000 + i * 20000);
        fall(&stage, falls[i], "imap", REASON_REFUSED);
        fall(&stage, falls[i], "imap", REASON_REFUSED);
        stage_at(&stage, 20000 + i * 20000);
        struct noted noted = noted_by(&stage);
        assert_int_equal(noted.list[0].kind, FAILOVER_LEFT);
        assert_int_equal(noted.list[0].kept_ms != 0, i);
        assert_int_equal(events_of_kind(&stage, "gone"), 1);
        noted_free(&noted);
    }
    for (unsigned i = 0; i < 3; i++)
        stage_outcome(&stage, falls[1], "imap", REASON_OK);
    stage_publish(&stage);
    struct noted noted = noted_by(&stage);
    assert_int_equal(noted.list[noted.count - 1].kind, FAILOVER_LATE);
    assert_int_equal(noted.list[0].kept_ms, 0);
    assert_int_equal(noted.list[0].back_ms, 0);
    noted_free(&noted);
    stage_free(&stage);
}

/* All others are out of the zone: it is answered as the only one, and told gone by nobody. */
static void one_that_a_reload_brings_back_is_kept(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage, QUICK, ZONE_HEAD TWO_HOSTS);
    stage_at(&stage, 2000);
    die(&stage, "mx1.example.test");
    stage_at(&stage, 4000);
    stage_zone(&stage, "example.test", ZONE_HEAD "@ MX 10 mx1\nmx1 A 127.0.0.11\n");
    stage_load(&stage);
    stage_at(&stage, 60000);
    assert_int_equal(events_of_kind(&stage, "gone"), 0);
    struct noted noted = noted_by(&stage);
    assert_int_equal(noted.count, 1);
    assert_int_equal(noted.list[0].kept_ms, stage.now_ms);
    noted_free(&noted);
    come_back(&stage, "mx1.example.test");
    noted = noted_by(&stage);
    assert_int_equal(noted.list[0].back_ms, 60000);
    noted_free(&noted);
    stage_free(&stage);
}

static void a_standby_that_steps_back_has_not_failed(void **state)
{
    struct stage stage;
    (void)state;
    begin(&stage,
          QUICK "policies: [{match: example.test MX, tiers: [[mx1.example.test], "
                "[mx2.example.test]]}]\n",
          ZONE_HEAD TWO_HOSTS);
    stage_at(&stage, 2000);
    die(&stage, "mx1.example.test");
    stage_at(&stage, 30000);
    come_back(&stage, "mx1.example.test");
    struct noted noted = noted_by(&stage);
    assert_int_equal(noted.count, 2); /* mx1's fall and return */
    assert_string_equal(noted.list[0].host, "mx1.example.test");
    assert_string_equal(noted.list[1].host, "mx1.example.test");
    noted_free(&noted);
    stage_free(&stage);
}

/* ---- drains ---- */

static void a_drain_is_finished_when_nobody_holds_it(void **state)
{
    struct stage stage;
    char text[200];
    (void)state;
    begin(&stage, QUICK,
          ZONE_HEAD TWO_HOSTS "_imaps._tcp SRV 0 1 993 mx1\n"
                              "_imaps._tcp SRV 0 1 993 mx2\n");
    stage_at(&stage, 5000);
    struct engine_drain told = drain_of(&stage, "MX1.example.test.");
    assert_int_equal(told.forced, FORCED_NOT);
    assert_false(told.finished);
    assert_int_equal(told.nkept, 2);
    engine_drain_free(&told);
    drain(&stage, "mx1.example.test", FORCED_DRAIN);
    told = drain_of(&stage, "mx1.example.test");
    assert_string_equal(told.host, "mx1.example.test");
    assert_int_equal(told.forced, FORCED_DRAIN);
    assert_int_equal(told.npools, 2); /* its own address stays, and is no matter */
    assert_int_equal(told.nkept, 0);
    assert_int_equal(told.nwaiting, 2);
    assert_int_equal(since(&stage, told.until_ms), 5000 + 10000 + FAILOVER_RESOLVER_MS);
    assert_non_null(answer_of(&told, "example.test MX", "mx1.example.test"));
    assert_non_null(answer_of(&told, "_imaps._tcp.example.test SRV", "mx1.example.test"));
    assert_false(told.finished);
    engine_drain_free(&told);
    struct noted noted = noted_by(&stage);
    assert_int_equal(noted.count, 2); /* by smtp, and by imaps */
    assert_int_equal(noted.list[0].cause, CAUSE_DRAIN);
    assert_moments(&noted.list[0], 5000, 5000, 5000, 5000 + 10000 + FAILOVER_RESOLVER_MS);
    noted_free(&noted);
    stage_at(&stage, 16499);
    told = drain_of(&stage, "mx1.example.test");
    assert_false(told.finished);
    engine_drain_free(&told);
    assert_int_equal(events_of_kind(&stage, "drain-finished"), 0);
    stage_at(&stage, 16500);
    told = drain_of(&stage, "mx1.example.test");
    assert_true(told.finished);
    assert_int_equal(told.nanswers, 0);
    engine_drain_free(&told);
    stage_at(&stage, 18000);
    assert_int_equal(count_events(&stage, "drain-finished", text, sizeof text), 1);
    assert_string_equal(text,
                        "mx1.example.test: drain finished: safe to stop mx1.example.test now");
    die(&stage, "mx2.example.test"); /* now the drained one is better than nothing */
    stage_at(&stage, 20000);
    assert_int_equal(events_of_kind(&stage, "drain-void"), 1);
    told = drain_of(&stage, "mx1.example.test");
    assert_int_equal(told.nkept, 1);
    assert_true(answer_of(&told, "example.test MX", "mx1.example.test")->kept);
    engine_drain_free(&told);
    stage_free(&stage);
}

/* So that many of them never keep the prober from its work. */
static void drains_are_looked_at_one_by_one(void **state)
{
    struct stage stage;
    (void)state;
    begin(&stage, QUICK,
          ZONE_HEAD TWO_HOSTS "@ MX 30 mx3\n@ MX 40 mx4\nmx3 A 127.0.0.13\n"
                              "mx4 A 127.0.0.14\n");
    drain(&stage, "mx1.example.test", FORCED_DRAIN);
    drain(&stage, "mx2.example.test", FORCED_DRAIN);
    drain(&stage, "mx3.example.test", FORCED_DRAIN);
    stage.now_ms += 60000;
    for (size_t i = 1; i <= 3; i++) {
        core_tick(stage.core, stage.now_ms);
        assert_int_equal(events_of_kind(&stage, "drain-finished"), i);
    }
    stage_at(&stage, 70000);
    assert_int_equal(events_of_kind(&stage, "drain-finished"), 3);
    stage_free(&stage);
}

static void an_undrained_host_is_back_at_once(void **state)
{
    struct stage stage;
    (void)state;
    begin(&stage, QUICK, ZONE_HEAD TWO_HOSTS);
    stage_at(&stage, 5000);
    drain(&stage, "mx1.example.test", FORCED_DRAIN);
    stage_at(&stage, 9000);
    drain(&stage, "mx1.example.test", FORCED_NOT);
    struct noted noted = noted_by(&stage);
    assert_int_equal(noted.count, 2);
    assert_int_equal(noted.list[1].kind, FAILOVER_BACK);
    assert_int_equal(noted.list[1].cause, CAUSE_DRAIN);
    assert_moments(&noted.list[1], 9000, 9000, 9000, 9000 + 10000 + FAILOVER_RESOLVER_MS);
    assert_int_equal(noted.figures.back[TOOK_ANSWERS][CAUSE_DRAIN].counts[0], 1);
    noted_free(&noted);
    stage_free(&stage);
}

static void the_only_one_is_never_safe_to_stop(void **state)
{
    struct stage stage;
    (void)state;
    begin(&stage, QUICK, ZONE_HEAD TWO_HOSTS "_imaps._tcp SRV 0 1 993 mx1\n");
    drain(&stage, "mx1.example.test", FORCED_DRAIN);
    stage_at(&stage, 60000);
    struct engine_drain told = drain_of(&stage, "mx1.example.test");
    assert_false(told.finished);
    assert_int_equal(told.nkept, 1);
    assert_int_equal(told.nwaiting, 0);
    assert_true(answer_of(&told, "_imaps._tcp.example.test SRV", "mx1.example.test")->kept);
    engine_drain_free(&told);
    assert_int_equal(events_of_kind(&stage, "drain-finished"), 0);
    assert_int_equal(events_of_kind(&stage, "kept"), 1);
    stage_free(&stage);
}

/* A resolver gets its answer when it has come all the way, and keeps it to the end of the second in
 * which its TTL ends, as unbound does: at worst the one that left last comes as a second begins. */
static void the_way_to_the_resolver_counts(void **state)
{
    enum { WAY_MS = 400, TTL_MS = 10000, REST_OF_SECOND_MS = 999 };
    struct stage stage;
    (void)state;
    begin(&stage, QUICK, ZONE_HEAD TWO_HOSTS);
    stage_at(&stage, 5000);
    drain(&stage, "mx1.example.test", FORCED_DRAIN);
    stage_at(&stage, 5000 + WAY_MS + TTL_MS + REST_OF_SECOND_MS);
    struct engine_drain told = drain_of(&stage, "mx1.example.test");
    assert_false(told.finished);
    engine_drain_free(&told);
    stage_free(&stage);
}

/* However it is written, and by whatever name the zone leads to it. */
static void its_own_addresses_do_not_count(void **state)
{
    static const char *const hosts[] = {"MX1 A 127.0.0.11\nMX1 AAAA ::11\n",
                                        "MX1 A 127.0.0.11\nmx1 A 127.0.0.21\n",
                                        "mx1 CNAME real\nReal A 127.0.0.11\n"};
    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        struct stage stage;
        char zone[512];
        snprintf(zone, sizeof zone, "%s@ MX 10 mx1\n@ MX 20 mx2\nmx2 A 127.0.0.12\n%s", ZONE_HEAD,
                 hosts[i]);
        begin(&stage, QUICK, zone);
        drain(&stage, "mx1.example.test", FORCED_DRAIN);
        stage_at(&stage, 30000);
        struct engine_drain told = drain_of(&stage, "mx1.example.test");
        if (!told.finished)
            fail_msg("%zu: %zu kept, %s", i, told.nkept, told.answers[0].pool);
        assert_int_equal(told.npools, 1);
        engine_drain_free(&told);
        stage_free(&stage);
    }
}

/* That of a service on several machines, too, as far as its own name goes. */
static void a_shared_name_that_is_drained_keeps_its_addresses(void **state)
{
    struct stage stage;
    (void)state;
    begin(&stage, QUICK,
          ZONE_HEAD "@ MX 10 smtp\n@ MX 20 mx1\n@ MX 30 mx2\nSmtp A 127.0.0.11\n"
                    "smtp A 127.0.0.13\nmx1 A 127.0.0.11\nmx2 A 127.0.0.12\n");
    drain(&stage, "smtp.example.test", FORCED_DRAIN);
    stage_at(&stage, 30000);
    struct engine_drain told = drain_of(&stage, "smtp.example.test");
    assert_int_equal(told.nkept, 0);
    assert_true(told.finished);
    engine_drain_free(&told);
    stage_free(&stage);
}

/* What no check takes out of the answers is still there. */
static void what_is_not_probed_is_kept(void **state)
{
    struct stage stage;
    (void)state;
    begin(&stage, QUICK "hosts: {mx1.example.test: {checks: [imaps]}}\n",
          ZONE_HEAD TWO_HOSTS "_imaps._tcp SRV 0 1 993 mx1\n_imaps._tcp SRV 0 1 993 mx2\n");
    drain(&stage, "mx1.example.test", FORCED_DRAIN);
    stage_at(&stage, 60000);
    struct engine_drain told = drain_of(&stage, "mx1.example.test");
    assert_false(told.finished);
    assert_int_equal(told.nkept, 1);
    assert_true(answer_of(&told, "example.test MX", "mx1.example.test")->kept);
    engine_drain_free(&told);
    stage_free(&stage);
}

/* Its address in the shared name counts; the name itself stands for the other machine, too. */
static void a_shared_name_loses_the_machine(void **state)
{
    struct stage stage;
    (void)state;
    begin(&stage, QUICK,
          ZONE_HEAD TWO_HOSTS "_imaps._tcp SRV 0 1 993 imap\n"
                              "imap A 127.0.0.11\nimap A 127.0.0.12\n");
    drain(&stage, "mx1.example.test", FORCED_DRAIN);
    struct engine_drain told = drain_of(&stage, "mx1.example.test");
    assert_int_equal(told.npools, 2);
    assert_int_equal(told.nkept, 0);
    assert_non_null(answer_of(&told, "imap.example.test A", "127.0.0.11"));
    engine_drain_free(&told);
    stage_at(&stage, 30000);
    told = drain_of(&stage, "mx1.example.test");
    assert_true(told.finished);
    engine_drain_free(&told);
    drain(&stage, "mx2.example.test", FORCED_DRAIN); /* both: all are kept */
    stage_at(&stage, 60000);
    told = drain_of(&stage, "mx1.example.test");
    assert_false(told.finished);
    assert_true(answer_of(&told, "imap.example.test A", "127.0.0.11")->kept);
    engine_drain_free(&told);
    stage_free(&stage);
}

static void demoted_counts_as_out(void **state)
{
    struct stage stage;
    (void)state;
    begin(&stage, QUICK "policies: [{match: example.test MX, on-down: demote}]\n",
          ZONE_HEAD TWO_HOSTS);
    drain(&stage, "mx1.example.test", FORCED_DRAIN);
    stage_at(&stage, 30000);
    struct engine_drain told = drain_of(&stage, "mx1.example.test");
    assert_true(told.finished);
    assert_true(answer_of(&told, "example.test MX", "mx1.example.test")->behind);
    engine_drain_free(&told);
    stage_free(&stage);
}

/* What an operator drained stays so, also while its name has no address, and then has one. */
static void a_drained_outsider_without_addresses_stays_out(void **state)
{
    static const struct address outside = {4, {127, 0, 0, 99}};
    const char *host = "mx.outside.example";
    struct stage stage;
    (void)state;
    stage_init(&stage, true);
    stage_config(&stage, QUICK);
    stage_zone(&stage, "example.test",
               ZONE_HEAD "@ MX 10 mx.outside.example.\n@ MX 20 mx2\nmx2 A 127.0.0.12\n");
    stage_load(&stage);
    core_addresses(stage.core, host, &outside, 1, stage.now_ms);
    stage_at(&stage, 1000);
    stage_outcome(&stage, "*", "*", REASON_OK);
    stage_publish(&stage);
    drain(&stage, host, FORCED_DRAIN);
    stage_at(&stage, 3000);
    core_addresses(stage.core, host, NULL, 0, stage.now_ms);
    stage_publish(&stage);
    struct engine_drain told = drain_of(&stage, host);
    assert_int_equal(told.forced, FORCED_DRAIN);
    assert_int_equal(told.npools, 1);
    assert_int_equal(told.nkept, 0);
    assert_int_equal(told.nwaiting, 1);
    assert_false(told.finished);
    engine_drain_free(&told);
    ldns_pkt *packet = stage_ask(&stage, "example.test", LDNS_RR_TYPE_MX);
    assert_int_equal(ldns_pkt_ancount(packet), 1);
    ldns_pkt_free(packet);
    stage_at(&stage, 60000);
    told = drain_of(&stage, host);
    assert_true(told.finished);
    engine_drain_free(&told);
    core_addresses(stage.core, host, &outside, 1, stage.now_ms);
    stage_publish(&stage);
    told = drain_of(&stage, host);
    assert_true(told.finished);
    engine_drain_free(&told);
    core_addresses(stage.core, host, NULL, 0, stage.now_ms);
    drain(&stage, host, FORCED_NOT);
    packet = stage_ask(&stage, "example.test", LDNS_RR_TYPE_MX);
    assert_int_equal(ldns_pkt_ancount(packet), 2);
    ldns_pkt_free(packet);
    stage_free(&stage);
}

/* ---- reloads ---- */

#define LONG_TTL QUICK "policies: [{match: example.test MX, ttl: 100s}]\n"

/* What was answered with the old TTL is held for the old TTL. */
static void a_reload_shortens_no_tail(void **state)
{
    struct stage stage;
    (void)state;
    begin(&stage, LONG_TTL, ZONE_HEAD TWO_HOSTS);
    stage_at(&stage, 5000);
    stage_config(&stage, QUICK);
    stage_load(&stage);
    stage_at(&stage, 6000);
    drain(&stage, "mx1.example.test", FORCED_DRAIN);
    struct engine_drain told = drain_of(&stage, "mx1.example.test");
    assert_int_equal(since(&stage, told.until_ms), 5000 + 100000 + FAILOVER_RESOLVER_MS);
    engine_drain_free(&told);
    struct noted noted = noted_by(&stage);
    assert_int_equal(noted.list[0].until_ms, 5000 + 100000 + FAILOVER_RESOLVER_MS);
    noted_free(&noted);
    stage_at(&stage, 7000);
    stage_load(&stage); /* and once more, when it is out */
    told = drain_of(&stage, "mx1.example.test");
    assert_int_equal(since(&stage, told.until_ms), 5000 + 100000 + FAILOVER_RESOLVER_MS);
    assert_int_equal(told.forced, FORCED_DRAIN);
    engine_drain_free(&told);
    noted = noted_by(&stage);
    assert_int_equal(noted.count, 1); /* a reload keeps them, and is none */
    noted_free(&noted);
    stage_free(&stage);
}

/* Nor that of the answers without it, where it comes back. */
static void a_reload_hastens_no_return(void **state)
{
    struct stage stage;
    (void)state;
    begin(&stage, LONG_TTL, ZONE_HEAD TWO_HOSTS);
    stage_at(&stage, 5000);
    die(&stage, "mx1.example.test");
    stage_at(&stage, 6000);
    stage_config(&stage, QUICK);
    stage_load(&stage);
    stage_at(&stage, 9000);
    come_back(&stage, "mx1.example.test");
    struct noted noted = noted_by(&stage);
    assert_int_equal(noted.count, 2);
    assert_int_equal(noted.list[1].kind, FAILOVER_BACK);
    assert_int_equal(noted.list[1].until_ms, 6000 + 100000 + FAILOVER_RESOLVER_MS);
    noted_free(&noted);
    stage_free(&stage);
}

/* A record that is out of the zone is still in resolvers. */
static void a_reload_forgets_no_pool(void **state)
{
    struct stage stage;
    (void)state;
    begin(&stage, LONG_TTL, ZONE_HEAD TWO_HOSTS);
    stage_zone(&stage, "example.test",
               ZONE_HEAD "@ MX 20 mx2\nmx2 A 127.0.0.12\n"
                         "_imaps._tcp SRV 0 1 993 mx1\n"
                         "_imaps._tcp SRV 0 1 993 mx2\n"
                         "mx1 A 127.0.0.11\n");
    stage_at(&stage, 5000);
    stage_config(&stage, QUICK);
    stage_load(&stage);
    stage_outcome(&stage, "*", "*", REASON_OK);
    drain(&stage, "mx1.example.test", FORCED_DRAIN);
    struct engine_drain told = drain_of(&stage, "mx1.example.test");
    assert_int_equal(told.npools, 1);
    const struct engine_drain_answer *left =
        answer_of(&told, "example.test MX", "mx1.example.test");
    assert_non_null(left);
    assert_int_equal(since(&stage, left->until_ms), 5000 + 100000 + FAILOVER_RESOLVER_MS);
    engine_drain_free(&told);
    stage_at(&stage, 106400);
    told = drain_of(&stage, "mx1.example.test");
    assert_false(told.finished);
    engine_drain_free(&told);
    stage_at(&stage, 106500);
    told = drain_of(&stage, "mx1.example.test");
    assert_true(told.finished);
    engine_drain_free(&told);
    stage_free(&stage);
}

static void reload_at(struct stage *stage, int64_t ms, const char *zone)
{
    stage_at(stage, ms);
    stage_zone(stage, "example.test", zone);
    stage_load(stage);
    stage_outcome(stage, "*", "*", REASON_OK);
    stage_publish(stage);
}

static bool is_known(const struct stage *stage, const char *host, struct error *error)
{
    struct engine_drain drain = {.arena = arena_new(), .now_ms = stage->now_ms};
    bool known = core_drain(stage->core, host, &drain, error);
    engine_drain_free(&drain);
    return known;
}

/* There are resolvers that keep whatever they have for 5 s. */
static void a_short_ttl_is_held_longer(void **state)
{
    struct stage stage;
    struct error error;
    (void)state;
    begin(&stage, QUICK "policies: [{match: \"*\", ttl: 2s}]\n", ZONE_HEAD TWO_HOSTS);
    stage_at(&stage, 3000);
    drain(&stage, "mx1.example.test", FORCED_DRAIN);
    struct engine_drain told = drain_of(&stage, "mx1.example.test");
    assert_int_equal(since(&stage, told.until_ms), 3000 + 5000 + FAILOVER_RESOLVER_MS);
    engine_drain_free(&told);
    reload_at(&stage, 4000, ZONE_HEAD "@ MX 20 mx2\nmx2 A 127.0.0.12\n");
    assert_true(is_known(&stage, "mx1.example.test", &error));
    told = drain_of(&stage, "mx1.example.test");
    /* Its address was answered until then. */
    assert_int_equal(since(&stage, told.until_ms), 4000 + 5000 + FAILOVER_RESOLVER_MS);
    engine_drain_free(&told);
    stage_free(&stage);
}

/* It is told on until nobody holds it, and for as long as those who wait need to hear of it. */
static void a_host_that_is_removed_is_drained_on(void **state)
{
    struct stage stage;
    struct error error;
    (void)state;
    begin(&stage, LONG_TTL, ZONE_HEAD TWO_HOSTS);
    stage_at(&stage, 3000);
    drain(&stage, "mx1.example.test", FORCED_DRAIN);
    reload_at(&stage, 5000, ZONE_HEAD "@ MX 20 mx2\nmx2 A 127.0.0.12\n");
    struct engine_drain told = drain_of(&stage, "MX1.example.test.");
    assert_string_equal(told.host, "mx1.example.test");
    assert_true(told.removed);
    assert_int_equal(told.forced, FORCED_NOT);
    assert_int_equal(told.nkept, 0);
    assert_int_equal(since(&stage, told.until_ms), 3000 + 100000 + FAILOVER_RESOLVER_MS);
    assert_non_null(answer_of(&told, "example.test MX", "mx1.example.test"));
    assert_false(told.finished);
    engine_drain_free(&told);
    stage_at(&stage, 104499);
    told = drain_of(&stage, "mx1.example.test");
    assert_false(told.finished);
    engine_drain_free(&told);
    stage_at(&stage, 104500);
    told = drain_of(&stage, "mx1.example.test");
    assert_true(told.finished);
    assert_int_equal(told.nanswers, 0);
    engine_drain_free(&told);
    stage_at(&stage, 104500 + 59999);
    assert_true(is_known(&stage, "mx1.example.test", &error));
    stage_at(&stage, 104500 + 60000);
    assert_false(is_known(&stage, "mx1.example.test", &error));
    assert_non_null(strstr(error.text, "mx1.example.test: no such host"));
    assert_false(is_known(&stage, "mx9.example.test", &error));
    stage_free(&stage);
}

/* One that was never drained is removed all the same; and what comes back is known as before. */
/* And the events say so: a host that comes back is not drained. */
static void a_reload_that_removes_a_host_forgets_its_drain(void **state)
{
    struct stage stage;
    char text[200];
    (void)state;
    begin(&stage, LONG_TTL, ZONE_HEAD TWO_HOSTS);
    drain(&stage, "mx1.example.test", FORCED_DRAIN);
    reload_at(&stage, 5000, ZONE_HEAD "@ MX 20 mx2\nmx2 A 127.0.0.12\n");
    assert_int_equal(count_events(&stage, "force", text, sizeof text), 2);
    assert_string_equal(text, "mx1.example.test: no longer in the zones: that it was drained is "
                              "forgotten");
    reload_at(&stage, 9000, ZONE_HEAD TWO_HOSTS);
    assert_int_equal(events_of_kind(&stage, "force"), 2);
    struct engine_drain told = drain_of(&stage, "mx1.example.test");
    assert_int_equal(told.forced, FORCED_NOT);
    engine_drain_free(&told);
    stage_free(&stage);
}

static void a_host_that_is_removed_and_comes_back_is_itself_again(void **state)
{
    struct stage stage;
    (void)state;
    begin(&stage, LONG_TTL, ZONE_HEAD TWO_HOSTS);
    reload_at(&stage, 5000, ZONE_HEAD "@ MX 20 mx2\nmx2 A 127.0.0.12\n");
    struct engine_drain told = drain_of(&stage, "mx1.example.test");
    assert_true(told.removed);
    assert_int_equal(since(&stage, told.until_ms), 5000 + 100000 + FAILOVER_RESOLVER_MS);
    engine_drain_free(&told);
    reload_at(&stage, 9000, ZONE_HEAD TWO_HOSTS);
    told = drain_of(&stage, "mx1.example.test");
    assert_false(told.removed);
    assert_int_equal(told.nkept, 1);
    assert_false(told.finished);
    engine_drain_free(&told);
    stage_free(&stage);
}

/* What stands in the zones at its address is answered on, now that nothing drains it any more. */
static void a_machine_whose_name_is_removed_may_be_answered_by_another(void **state)
{
    struct stage stage;
    (void)state;
    begin(&stage, QUICK,
          ZONE_HEAD TWO_HOSTS "_imaps._tcp SRV 0 1 993 imap\n"
                              "imap A 127.0.0.11\nimap A 127.0.0.12\n");
    stage_at(&stage, 3000);
    drain(&stage, "mx1.example.test", FORCED_DRAIN);
    reload_at(&stage, 5000,
              ZONE_HEAD "@ MX 20 mx2\nmx2 A 127.0.0.12\n_imaps._tcp SRV 0 1 993 imap\n"
                        "imap A 127.0.0.11\nimap A 127.0.0.12\n");
    struct engine_drain told = drain_of(&stage, "mx1.example.test");
    assert_true(told.removed);
    assert_int_equal(told.nkept, 1);
    assert_true(answer_of(&told, "imap.example.test A", "127.0.0.11")->kept);
    engine_drain_free(&told);
    stage_at(&stage, 30000);
    told = drain_of(&stage, "mx1.example.test");
    assert_false(told.finished);
    engine_drain_free(&told);
    stage_free(&stage);
}

/* By whatever name an answer led to the host: one of its address, or one in front of it. */
/* What takes its word back says why: it is in no answer. */
static void a_finished_drain_that_a_reload_makes_wait(void **state)
{
    struct stage stage;
    char text[300];
    (void)state;
    begin(&stage, QUICK,
          ZONE_HEAD TWO_HOSTS "list MX 10 mail\nmail A 127.0.0.11\nmail A 127.0.0.12\n");
    drain(&stage, "mx1.example.test", FORCED_DRAIN);
    stage_at(&stage, 60000);
    assert_int_equal(events_of_kind(&stage, "drain-finished"), 1);
    reload_at(&stage, 60000, ZONE_HEAD TWO_HOSTS "mail A 127.0.0.11\nmail A 127.0.0.12\n");
    stage_at(&stage, 62000);
    assert_int_equal(count_events(&stage, "drain-void", text, sizeof text), 1);
    assert_string_equal(text, "mx1.example.test: drained, and resolvers may hold what led to it "
                              "before a reload: not safe to stop mx1.example.test now");
    stage_at(&stage, 90000);
    assert_int_equal(events_of_kind(&stage, "drain-finished"), 2);
    stage_free(&stage);
}

static void a_record_of_another_name_that_is_removed_is_waited_for(void **state)
{
    static const struct {
        const char *policy, *before, *after, *pool, *record;
    } rows[] = {
        {"_imaps._tcp.example.test SRV", "_imaps._tcp SRV 0 1 993 imap1\nimap1 A 127.0.0.11\n",
         "imap1 A 127.0.0.11\n", "_imaps._tcp.example.test SRV", "imap1.example.test"},
        {"_imaps._tcp.example.test SRV", "_imaps._tcp SRV 0 1 993 imap1\nimap1 A 127.0.0.11\n", "",
         "_imaps._tcp.example.test SRV", "imap1.example.test"},
        {"list.example.test MX", "list MX 10 mail\nmail CNAME mx1\n", "mail CNAME mx1\n",
         "list.example.test MX", "mail.example.test"},
        {"list.example.test MX", "list MX 10 mail\nmail A 127.0.0.11\nmail A 127.0.0.12\n",
         "mail A 127.0.0.11\nmail A 127.0.0.12\n", "list.example.test MX", "mail.example.test"},
        {"imap.example.test A",
         "_imaps._tcp SRV 0 1 993 imap\nimap A 127.0.0.11\nimap A 127.0.0.12\n",
         "_imaps._tcp SRV 0 1 993 imap\nimap A 127.0.0.12\n", "imap.example.test A", "127.0.0.11"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct stage stage;
        char text[512];
        snprintf(text, sizeof text, "%spolicies: [{match: %s, ttl: 100s}]\n", QUICK,
                 rows[i].policy);
        char zone[512];
        snprintf(zone, sizeof zone, "%s%s", ZONE_HEAD TWO_HOSTS, rows[i].before);
        begin(&stage, text, zone);
        snprintf(zone, sizeof zone, "%s%s", ZONE_HEAD TWO_HOSTS, rows[i].after);
        stage_config(&stage, QUICK);
        reload_at(&stage, 5000, zone);
        drain(&stage, "mx1.example.test", FORCED_DRAIN);
        stage_at(&stage, 106400);
        struct engine_drain told = drain_of(&stage, "mx1.example.test");
        const struct engine_drain_answer *left = answer_of(&told, rows[i].pool, rows[i].record);
        if (told.finished || !left)
            fail_msg("%zu: %s is not waited for", i, rows[i].pool);
        assert_int_equal(since(&stage, left->until_ms), 5000 + 100000 + FAILOVER_RESOLVER_MS);
        engine_drain_free(&told);
        told = drain_of(&stage, "mx2.example.test"); /* but by those whom it led to alone */
        bool shared = strstr(rows[i].before, "mail A 127.0.0.12") != NULL;
        assert_int_equal(answer_of(&told, rows[i].pool, rows[i].record) != NULL, shared);
        engine_drain_free(&told);
        stage_at(&stage, 106500);
        told = drain_of(&stage, "mx1.example.test");
        if (!told.finished)
            fail_msg("%zu: %s is waited for too long", i, rows[i].pool);
        engine_drain_free(&told);
        stage_free(&stage);
    }
}

/* A death that a reload finds unpublished is measured, too. */
static void a_reload_swallows_no_failover(void **state)
{
    struct stage stage;
    (void)state;
    begin(&stage, QUICK, ZONE_HEAD TWO_HOSTS);
    stage_at(&stage, 3000);
    stage_outcome(&stage, "mx1.example.test", "smtp", REASON_REFUSED);
    stage_outcome(&stage, "mx1.example.test", "smtp", REASON_REFUSED);
    stage_load(&stage);
    struct noted noted = noted_by(&stage);
    assert_int_equal(noted.count, 1);
    assert_moments(&noted.list[0], 999, 3000, 3000, 3000 + 10000 + FAILOVER_RESOLVER_MS);
    noted_free(&noted);
    stage_free(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_ones_are_kept),
        cmocka_unit_test(each_is_over_once),
        cmocka_unit_test(those_under_way_are_never_pushed_out),
        cmocka_unit_test(a_target_is_under_way_twice_at_most),
        cmocka_unit_test(histograms_hold_each_moment),
        cmocka_unit_test(a_death_has_four_moments),
        cmocka_unit_test(a_return_has_four_moments),
        cmocka_unit_test(a_return_by_another_target_ends_it),
        cmocka_unit_test(lateness_is_evidence),
        cmocka_unit_test(evidence_is_as_deep_as_what_failed),
        cmocka_unit_test(doubt_is_evidence_from_its_beginning),
        cmocka_unit_test(never_good_is_counted_and_not_timed),
        cmocka_unit_test(undelivered_mail_is_a_cause),
        cmocka_unit_test(the_last_one_is_kept_and_leaves_late),
        cmocka_unit_test(what_leaves_late_is_kept_no_more),
        cmocka_unit_test(one_that_was_kept_is_well_again),
        cmocka_unit_test(a_machine_of_a_shared_name_is_not_kept),
        cmocka_unit_test(one_that_a_reload_brings_back_is_kept),
        cmocka_unit_test(a_standby_that_steps_back_has_not_failed),
        cmocka_unit_test(a_drain_is_finished_when_nobody_holds_it),
        cmocka_unit_test(drains_are_looked_at_one_by_one),
        cmocka_unit_test(an_undrained_host_is_back_at_once),
        cmocka_unit_test(the_only_one_is_never_safe_to_stop),
        cmocka_unit_test(the_way_to_the_resolver_counts),
        cmocka_unit_test(its_own_addresses_do_not_count),
        cmocka_unit_test(a_shared_name_that_is_drained_keeps_its_addresses),
        cmocka_unit_test(what_is_not_probed_is_kept),
        cmocka_unit_test(a_shared_name_loses_the_machine),
        cmocka_unit_test(demoted_counts_as_out),
        cmocka_unit_test(a_drained_outsider_without_addresses_stays_out),
        cmocka_unit_test(a_reload_shortens_no_tail),
        cmocka_unit_test(a_reload_hastens_no_return),
        cmocka_unit_test(a_reload_forgets_no_pool),
        cmocka_unit_test(a_short_ttl_is_held_longer),
        cmocka_unit_test(a_host_that_is_removed_is_drained_on),
        cmocka_unit_test(a_reload_that_removes_a_host_forgets_its_drain),
        cmocka_unit_test(a_host_that_is_removed_and_comes_back_is_itself_again),
        cmocka_unit_test(a_machine_whose_name_is_removed_may_be_answered_by_another),
        cmocka_unit_test(a_finished_drain_that_a_reload_makes_wait),
        cmocka_unit_test(a_record_of_another_name_that_is_removed_is_waited_for),
        cmocka_unit_test(a_reload_swallows_no_failover),
    };
    return cmocka_run_group_tests(tests, quiet, NULL);
}
