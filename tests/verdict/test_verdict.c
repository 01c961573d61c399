/* SPDX-License-Identifier: BSD-2-Clause */
/* The verdict machine: every arrow of its state chart, votes, TTL caps and waits. */
#include "verdict/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct verdict_policy usual = {
    .fall = 2,
    .rise = 3,
    .interval_ms = 2000,
    .service_interval_ms = 30000,
    .recheck_ms = 500,
    .timeout_ms = 10000,
    .doubt_ms = 600000,
};

/* A probe as deep as was asked for when the last one ended. */
static bool step_after(struct verdict *verdict, const struct verdict_policy *policy,
                       enum reason reason, int64_t took_ms, int64_t now_ms)
{
    struct outcome outcome = {.depth = verdict_next(verdict, policy, verdict->last_probe_ms).depth,
                              .reason = reason,
                              .rtt_us = took_ms * 1000};
    snprintf(outcome.detail, sizeof outcome.detail, "%s at %lld", reason_word(reason),
             (long long)now_ms);
    return verdict_step(verdict, policy, &outcome, now_ms);
}

static bool step(struct verdict *verdict, const struct verdict_policy *policy, enum reason reason,
                 int64_t now_ms)
{
    return step_after(verdict, policy, reason, 7, now_ms);
}

static struct verdict fresh(void)
{
    struct verdict verdict;
    verdict_init(&verdict, 100);
    return verdict;
}

/* Up, known since 1000. */
static struct verdict up(void)
{
    struct verdict verdict = fresh();
    step(&verdict, &usual, REASON_OK, 1000);
    return verdict;
}

/* Down since 3500. */
static struct verdict down(void)
{
    struct verdict verdict = up();
    step(&verdict, &usual, REASON_REFUSED, 3000);
    step(&verdict, &usual, REASON_REFUSED, 3500);
    assert_int_equal(verdict.status, VERDICT_DOWN);
    return verdict;
}

static void unprobed_is_up_for_one_second(void **state)
{
    (void)state;
    struct verdict verdict = fresh();
    assert_int_equal(verdict.status, VERDICT_UP);
    assert_false(verdict.known);
    assert_false(verdict.probed);
    assert_int_equal(verdict.since_ms, 100);
    assert_int_equal(verdict.last_probe_ms, -1);
    assert_int_equal(verdict.last_good_ms, -1);
    assert_int_equal(verdict.rtt_us, -1);
    assert_int_equal(verdict.reason, REASON_NONE);
    assert_int_equal(verdict_vote(&verdict), VOTE_UP);
    assert_int_equal(verdict_ttl_cap_s(&verdict, 100), 1);
    assert_int_equal(verdict_ttl_cap_s(&verdict, 1000000), 1);
}

static void first_good_makes_known(void **state)
{
    (void)state;
    struct verdict verdict = fresh();
    assert_true(step(&verdict, &usual, REASON_OK, 1000));
    assert_int_equal(verdict.status, VERDICT_UP);
    assert_true(verdict.known && verdict.probed);
    assert_int_equal(verdict.since_ms, 100); /* it was up before */
    assert_int_equal(verdict.reason, REASON_OK);
    assert_string_equal(verdict.detail, "ok at 1000");
    assert_int_equal(verdict.rtt_us, 7000);
    assert_int_equal(verdict.last_good_ms, 1000);
    assert_int_equal(verdict_ttl_cap_s(&verdict, 1000), UINT32_MAX);
    assert_false(step(&verdict, &usual, REASON_OK, 3000)); /* no news */
    assert_int_equal(verdict.last_probe_ms, 3000);
    assert_int_equal(verdict.probes, 2);
}

static void first_bad_makes_suspect(void **state)
{
    (void)state;
    struct verdict verdict = fresh();
    assert_true(step(&verdict, &usual, REASON_REFUSED, 1000));
    assert_int_equal(verdict.status, VERDICT_SUSPECT);
    assert_true(verdict.known);
    assert_int_equal(verdict_vote(&verdict), VOTE_UP);
    assert_int_equal(verdict_ttl_cap_s(&verdict, 1000), 1); /* half a second is left */
    assert_true(step(&verdict, &usual, REASON_REFUSED, 1500));
    assert_int_equal(verdict.status, VERDICT_DOWN);
}

static void falls_after_fall_in_a_row(void **state)
{
    (void)state;
    struct verdict_policy policy = usual;
    policy.fall = 4;
    struct verdict verdict = up();
    assert_true(step(&verdict, &policy, REASON_REFUSED, 3000));
    assert_int_equal(verdict.status, VERDICT_SUSPECT);
    assert_int_equal(verdict.since_ms, 3000);
    assert_false(step(&verdict, &policy, REASON_GREETING_TIMEOUT, 3500));
    assert_false(step(&verdict, &policy, REASON_GREETING_TIMEOUT, 4000));
    assert_int_equal(verdict.status, VERDICT_SUSPECT);
    assert_int_equal(verdict.since_ms, 3000);
    assert_int_equal(verdict.bad, 3);
    assert_true(step(&verdict, &policy, REASON_GREETING_4XX, 4500));
    assert_int_equal(verdict.status, VERDICT_DOWN);
    assert_int_equal(verdict.since_ms, 4500);
    assert_int_equal(verdict.decides_ms, 0);
    assert_int_equal(verdict.last_good_ms, 1000);
    assert_int_equal(verdict.failures, 4);
    assert_int_equal(verdict_vote(&verdict), VOTE_SICK);
    assert_int_equal(verdict_ttl_cap_s(&verdict, 4500), UINT32_MAX);
}

static void fall_of_one_skips_suspect(void **state)
{
    (void)state;
    struct verdict_policy policy = usual;
    policy.fall = 1;
    struct verdict verdict = up();
    assert_true(step(&verdict, &policy, REASON_REFUSED, 3000));
    assert_int_equal(verdict.status, VERDICT_DOWN);
    assert_int_equal(verdict.since_ms, 3000);
}

static void good_clears_suspect(void **state)
{
    (void)state;
    struct verdict verdict = up();
    step(&verdict, &usual, REASON_REFUSED, 3000);
    assert_true(step(&verdict, &usual, REASON_OK, 3500));
    assert_int_equal(verdict.status, VERDICT_UP);
    assert_int_equal(verdict.since_ms, 3500);
    assert_int_equal(verdict.decides_ms, 0);
    assert_int_equal(verdict.reason, REASON_OK);
    assert_int_equal(verdict.bad, 0);
    /* The row starts anew. */
    step(&verdict, &usual, REASON_REFUSED, 5500);
    assert_int_equal(verdict.status, VERDICT_SUSPECT);
}

static void rises_after_rise_in_a_row(void **state)
{
    (void)state;
    struct verdict verdict = down();
    assert_int_equal(verdict_vote(&verdict), VOTE_DOWN);
    assert_true(step(&verdict, &usual, REASON_OK, 5500)); /* it talks again */
    assert_int_equal(verdict_vote(&verdict), VOTE_SICK);
    assert_false(step(&verdict, &usual, REASON_OK, 7500));
    assert_int_equal(verdict.status, VERDICT_DOWN);
    assert_int_equal(verdict.since_ms, 3500);
    assert_int_equal(verdict.reason, REASON_REFUSED); /* still why it is down */
    assert_string_equal(verdict.detail, "refused at 3500");
    assert_true(step(&verdict, &usual, REASON_GREETING_TIMEOUT, 9500));
    assert_int_equal(verdict_vote(&verdict), VOTE_DOWN);
    assert_int_equal(verdict.reason, REASON_GREETING_TIMEOUT); /* why it is down now */
    assert_int_equal(verdict.good, 0);
    step(&verdict, &usual, REASON_OK, 11500);
    step(&verdict, &usual, REASON_OK, 13500);
    assert_int_equal(verdict.status, VERDICT_DOWN);
    assert_true(step(&verdict, &usual, REASON_OK, 15500));
    assert_int_equal(verdict.status, VERDICT_UP);
    assert_int_equal(verdict.since_ms, 15500);
    assert_int_equal(verdict.reason, REASON_OK);
}

static void unknown_moves_nothing(void **state)
{
    (void)state;
    static const enum reason ours[] = {REASON_LOCAL, REASON_LATE, REASON_CANCELLED};
    struct verdict starts[3] = {up(), up(), down()};
    step(&starts[1], &usual, REASON_REFUSED, 3000); /* suspect */
    step(&starts[2], &usual, REASON_OK, 5500);
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 3; j++) {
            struct verdict verdict = starts[i];
            assert_false(step(&verdict, &usual, ours[j], 9000));
            assert_int_equal(verdict.unknowns, 1);
            assert_int_equal(verdict.last_probe_ms, 9000);
            assert_int_equal(verdict.status, starts[i].status);
            assert_int_equal(verdict.known, starts[i].known);
            assert_int_equal(verdict.since_ms, starts[i].since_ms);
            assert_int_equal(verdict.decides_ms, starts[i].decides_ms);
            assert_int_equal(verdict.bad, starts[i].bad);
            assert_int_equal(verdict.good, starts[i].good);
            assert_int_equal(verdict.reason, starts[i].reason);
            assert_string_equal(verdict.detail, starts[i].detail);
            assert_int_equal(verdict.last_good_ms, starts[i].last_good_ms);
            assert_int_equal(verdict.failures, starts[i].failures);
            assert_int_equal(verdict_vote(&verdict), verdict_vote(&starts[i]));
        }
}

static void only_unknown_abstains(void **state)
{
    (void)state;
    struct verdict verdict = fresh();
    assert_true(step(&verdict, &usual, REASON_LOCAL, 1000)); /* it is probed now */
    assert_int_equal(verdict.status, VERDICT_UP);
    assert_false(verdict.known);
    assert_int_equal(verdict_vote(&verdict), VOTE_ABSTAIN);
    assert_int_equal(verdict_ttl_cap_s(&verdict, 1000), UINT32_MAX);
    assert_int_equal(verdict.reason, REASON_LOCAL); /* why nothing is known */
    assert_false(step(&verdict, &usual, REASON_LATE, 3000));
    assert_int_equal(verdict.reason, REASON_LATE);
    assert_true(step(&verdict, &usual, REASON_OK, 5000));
    assert_int_equal(verdict.reason, REASON_OK);
    assert_int_equal(verdict_vote(&verdict), VOTE_UP);
}

static void suspect_decides_as_the_last_probe_did(void **state)
{
    (void)state;
    struct verdict_policy policy = usual;
    policy.fall = 3;
    /* Refused at once: two more probes, one right behind the other. */
    struct verdict verdict = up();
    step_after(&verdict, &policy, REASON_REFUSED, 0, 3000);
    assert_int_equal(verdict.decides_ms, 3000 + 2 * 20);
    /* Refused by the router, which takes its time. */
    verdict = up();
    step_after(&verdict, &policy, REASON_UNREACHABLE, 3100, 6100);
    assert_int_equal(verdict.decides_ms, 6100 + 2 * 3100);
    /* Put off: half a second apart. */
    verdict = up();
    step_after(&verdict, &policy, REASON_GREETING_4XX, 3, 3000);
    assert_int_equal(verdict.decides_ms, 3000 + 2 * 500);
    /* Silent: each takes 4 s again, and none waits for a recheck. */
    verdict = up();
    step_after(&verdict, &policy, REASON_GREETING_TIMEOUT, 4000, 3000);
    assert_int_equal(verdict.decides_ms, 3000 + 2 * 4000);
    /* Not known how long, or longer than it could: the whole time. */
    verdict = up();
    step_after(&verdict, &policy, REASON_GREETING_TIMEOUT, -1, 3000);
    assert_int_equal(verdict.decides_ms, 3000 + 2 * 10000);
    verdict = up();
    step_after(&verdict, &policy, REASON_GREETING_TIMEOUT, 99999, 3000);
    assert_int_equal(verdict.decides_ms, 3000 + 2 * 10000);
}

static void ttl_falls_until_the_verdict(void **state)
{
    (void)state;
    struct verdict verdict = up();
    step_after(&verdict, &usual, REASON_GREETING_TIMEOUT, 8000, 3000);
    assert_int_equal(verdict_ttl_cap_s(&verdict, 3000), 8);
    assert_int_equal(verdict_ttl_cap_s(&verdict, 3999), 8);
    assert_int_equal(verdict_ttl_cap_s(&verdict, 4000), 7);
    assert_int_equal(verdict_ttl_cap_s(&verdict, 9999), 2);
    assert_int_equal(verdict_ttl_cap_s(&verdict, 10000), 1);
    assert_int_equal(verdict_ttl_cap_s(&verdict, 11000), 1);
    assert_int_equal(verdict_ttl_cap_s(&verdict, 20000), 1); /* overdue: our own faults came */
}

static void suspect_never_decides_later_than_promised(void **state)
{
    (void)state;
    struct verdict_policy policy = usual;
    policy.fall = 3;
    struct verdict verdict = up();
    step_after(&verdict, &policy, REASON_REFUSED, 0, 3000);
    step_after(&verdict, &policy, REASON_CONNECT_TIMEOUT, 3500, 7000);
    assert_int_equal(verdict.decides_ms, 3040);
    /* Earlier is no breach. */
    verdict = up();
    step_after(&verdict, &policy, REASON_CONNECT_TIMEOUT, 3500, 3000);
    assert_int_equal(verdict.decides_ms, 10000);
    step_after(&verdict, &policy, REASON_REFUSED, 0, 3000);
    assert_int_equal(verdict.decides_ms, 3020);
}

static void assert_next(const struct verdict *verdict, int64_t now_ms, int64_t wait_ms,
                        enum probe_depth depth)
{
    struct probe_next next = verdict_next(verdict, &usual, now_ms);
    assert_int_equal(next.wait_ms, wait_ms);
    assert_int_equal(next.depth, depth);
    assert_int_equal(next.exact, verdict->status == VERDICT_SUSPECT && wait_ms < 2000);
}

static void waits(void **state)
{
    (void)state;
    struct verdict verdict = fresh();
    assert_next(&verdict, 100, 2000, DEPTH_SERVICE);
    verdict = up();
    assert_next(&verdict, 1000, 2000, DEPTH_LIVENESS);
    step(&verdict, &usual, REASON_GREETING_4XX, 3000);
    assert_next(&verdict, 3000, 500, DEPTH_LIVENESS);
    step(&verdict, &usual, REASON_OK, 3500);
    assert_next(&verdict, 3500, 2000, DEPTH_LIVENESS);
    step(&verdict, &usual, REASON_REFUSED, 5500);
    assert_next(&verdict, 5500, 20, DEPTH_LIVENESS);
    step(&verdict, &usual, REASON_LOCAL, 5550); /* no haste where the fault is our own */
    assert_next(&verdict, 5550, 500, DEPTH_LIVENESS);
    step(&verdict, &usual, REASON_REFUSED, 6000);
    assert_next(&verdict, 6000, 2000, DEPTH_LIVENESS);
    step(&verdict, &usual, REASON_OK, 8000);
    assert_next(&verdict, 8000, 2000, DEPTH_LIVENESS);
    step(&verdict, &usual, REASON_OK, 10000);
    assert_next(&verdict, 10000, 2000, DEPTH_SERVICE); /* so that the third one tells all */
}

/* The service rhythm rides on the liveness rhythm. */
static void both_rhythms(void **state)
{
    (void)state;
    struct verdict verdict = up();
    int64_t last_ms = 1000;
    unsigned services = 0, probes = 0;
    for (int64_t now_ms = 3000; now_ms < 1000 * 1000; now_ms += 2000, probes++) {
        if (verdict_next(&verdict, &usual, now_ms - 2000).depth == DEPTH_SERVICE) {
            int64_t wait_ms = now_ms - last_ms;
            assert_in_range(wait_ms, services ? 30000 : 15000, services ? 30000 : 32000);
            last_ms = now_ms;
            services++;
        }
        step(&verdict, &usual, REASON_OK, now_ms);
    }
    assert_in_range(services, 30, 34);
}

/* Targets that begin together do the dear part at different times. */
static void service_probes_are_spread(void **state)
{
    (void)state;
    unsigned due[15] = {0};
    for (int64_t started_ms = 1000; started_ms < 2000; started_ms++) {
        struct verdict verdict = fresh();
        step(&verdict, &usual, REASON_OK, started_ms);
        int64_t wait_ms = verdict.service_due_ms - started_ms;
        assert_in_range(wait_ms, 15000, 30000);
        due[(wait_ms - 15000) / 1001]++;
    }
    for (size_t i = 0; i < 15; i++)
        assert_in_range(due[i], 40, 100);
}

static void forced(void **state)
{
    (void)state;
    struct verdict unprobed = fresh(), alive = up(), suspect = up(), dead = down(), blind = fresh();
    step(&suspect, &usual, REASON_REFUSED, 3000);
    step(&blind, &usual, REASON_LOCAL, 3000);
    const struct {
        struct verdict *verdict;
        enum vote plain, up, down, drain;
    } rows[] = {
        {&unprobed, VOTE_UP, VOTE_UP, VOTE_DOWN, VOTE_DRAINED},
        {&alive, VOTE_UP, VOTE_UP, VOTE_DOWN, VOTE_DRAINED},
        {&suspect, VOTE_UP, VOTE_UP, VOTE_DOWN, VOTE_DRAINED},
        {&dead, VOTE_DOWN, VOTE_UP, VOTE_DOWN, VOTE_DOWN},
        {&blind, VOTE_ABSTAIN, VOTE_UP, VOTE_DOWN, VOTE_DRAINED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct verdict *verdict = rows[i].verdict;
        assert_int_equal(verdict_vote(verdict), rows[i].plain);
        assert_true(verdict_force(verdict, FORCED_UP));
        assert_false(verdict_force(verdict, FORCED_UP));
        assert_int_equal(verdict_vote(verdict), rows[i].up);
        assert_int_equal(verdict_ttl_cap_s(verdict, 3000), UINT32_MAX);
        assert_true(verdict_force(verdict, FORCED_DOWN));
        assert_int_equal(verdict_vote(verdict), rows[i].down);
        assert_true(verdict_force(verdict, FORCED_DRAIN));
        assert_int_equal(verdict_vote(verdict), rows[i].drain);
        assert_true(verdict_force(verdict, FORCED_NOT));
        assert_int_equal(verdict_vote(verdict), rows[i].plain);
    }
}

static void forced_goes_on_judging(void **state)
{
    (void)state;
    struct verdict verdict = up();
    verdict_force(&verdict, FORCED_UP);
    step(&verdict, &usual, REASON_REFUSED, 3000);
    step(&verdict, &usual, REASON_REFUSED, 3500);
    assert_int_equal(verdict.status, VERDICT_DOWN);
    assert_int_equal(verdict_vote(&verdict), VOTE_UP);
}

static void detail_is_always_closed(void **state)
{
    (void)state;
    struct verdict verdict = fresh();
    struct outcome outcome = {.reason = REASON_GREETING_BAD, .rtt_us = -1};
    memset(outcome.detail, 'x', sizeof outcome.detail);
    verdict_step(&verdict, &usual, &outcome, 1000);
    assert_int_equal(strlen(verdict.detail), sizeof verdict.detail - 1);
}

static void words(void **state)
{
    (void)state;
    assert_string_equal(verdict_status_word(VERDICT_UP), "up");
    assert_string_equal(verdict_status_word(VERDICT_SUSPECT), "suspect");
    assert_string_equal(verdict_status_word(VERDICT_DOWN), "down");
    assert_null(verdict_forced_word(FORCED_NOT));
    assert_string_equal(verdict_forced_word(FORCED_UP), "up");
    assert_string_equal(verdict_forced_word(FORCED_DOWN), "down");
    assert_string_equal(verdict_forced_word(FORCED_DRAIN), "drain");
}

/* Whatever comes in whatever order: down only after `fall` bad ones in a row, up again only after
 * `rise` good ones and a whole dialogue; a second count, kept apart, must agree. */
static void random_rows_agree_with_counting(void **state)
{
    (void)state;
    static const enum reason reasons[] = {REASON_OK, REASON_OK, REASON_REFUSED, REASON_REFUSED,
                                          REASON_LOCAL};
    unsigned seed = 1;
    for (unsigned fall = 1; fall <= 4; fall++)
        for (unsigned rise = 1; rise <= 4; rise++) {
            struct verdict_policy policy = usual;
            policy.fall = fall;
            policy.rise = rise;
            struct verdict verdict = fresh();
            unsigned bad = 0, good = 0, whole = 0;
            bool is_down = false;
            for (int64_t now_ms = 1000; now_ms < 500000; now_ms += 100) {
                enum reason reason = reasons[(unsigned)rand_r(&seed) % 5];
                enum verdict_status before = verdict.status;
                step(&verdict, &policy, reason, now_ms);
                if (reason == REASON_OK) {
                    good++;
                    whole += verdict.last[DEPTH_SERVICE].at_ms == now_ms;
                    bad = 0;
                } else if (reason == REASON_REFUSED) {
                    bad++;
                    good = whole = 0;
                }
                is_down = is_down ? good < rise || !whole : bad >= fall;
                assert_int_equal(verdict.status == VERDICT_DOWN, is_down);
                assert_int_equal(verdict.status == VERDICT_SUSPECT, !is_down && bad > 0);
                if (before != verdict.status)
                    assert_int_equal(verdict.since_ms, now_ms);
                assert_int_equal(verdict.decides_ms != 0, verdict.status == VERDICT_SUSPECT);
            }
        }
}

/* ---- depths ---- */

static bool step_depth(struct verdict *verdict, enum probe_depth depth, enum reason reason,
                       int64_t now_ms)
{
    const struct outcome outcome = {.depth = depth, .reason = reason, .rtt_us = 7000};
    return verdict_step(verdict, &usual, &outcome, now_ms);
}

static void greetings_mend_no_service_failure(void **state)
{
    (void)state;
    struct verdict verdict = up();
    assert_true(step_depth(&verdict, DEPTH_SERVICE, REASON_REPLY_4XX, 31000));
    assert_int_equal(verdict.status, VERDICT_SUSPECT);
    assert_next(&verdict, 31000, 500, DEPTH_SERVICE);
    assert_false(step_depth(&verdict, DEPTH_LIVENESS, REASON_OK, 31200));
    assert_int_equal(verdict.status, VERDICT_SUSPECT);
    assert_int_equal(verdict.reason, REASON_REPLY_4XX);
    assert_true(step_depth(&verdict, DEPTH_SERVICE, REASON_REPLY_4XX, 31500));
    assert_int_equal(verdict.status, VERDICT_DOWN);
    assert_int_equal(verdict_vote(&verdict), VOTE_SICK);
    int64_t asked_ms = 31500, now_ms = 33500;
    for (; now_ms < 100000; now_ms += 2000) { /* liveness goes on in between */
        bool whole = verdict_next(&verdict, &usual, verdict.last_probe_ms).depth == DEPTH_SERVICE;
        if (whole)
            assert_in_range(now_ms - asked_ms, 5000, 6999);
        asked_ms = whole ? now_ms : asked_ms;
        step(&verdict, &usual, whole ? REASON_REPLY_4XX : REASON_OK, now_ms);
        assert_int_equal(verdict.status, VERDICT_DOWN);
        assert_int_equal(verdict.good, 0);
    }
    step_depth(&verdict, DEPTH_SERVICE, REASON_OK, now_ms);
    assert_next(&verdict, now_ms, 2000, DEPTH_SERVICE); /* and the rest follows soon */
    step(&verdict, &usual, REASON_OK, now_ms + 2000);
    assert_int_equal(verdict.status, VERDICT_DOWN);
    assert_true(step(&verdict, &usual, REASON_OK, now_ms + 4000));
    assert_int_equal(verdict.status, VERDICT_UP);
    assert_next(&verdict, now_ms + 4000, 2000, DEPTH_LIVENESS);
}

static void a_service_probe_that_is_refused_is_a_liveness_failure(void **state)
{
    (void)state;
    struct verdict verdict = up();
    step_depth(&verdict, DEPTH_SERVICE, REASON_REFUSED, 31000);
    assert_next(&verdict, 31000, 20, DEPTH_LIVENESS);
    assert_true(step_depth(&verdict, DEPTH_LIVENESS, REASON_OK, 31050));
    assert_int_equal(verdict.status, VERDICT_UP);
}

/* What came up with a greeting only goes on being out while its dialogue fails. */
static void returning_takes_a_whole_dialogue(void **state)
{
    (void)state;
    struct verdict verdict = down();
    step(&verdict, &usual, REASON_OK, 5500);
    step(&verdict, &usual, REASON_OK, 7500);
    assert_next(&verdict, 7500, 2000, DEPTH_SERVICE);
    step(&verdict, &usual, REASON_REPLY_4XX, 9500);
    assert_int_equal(verdict.good, 0);
    assert_int_equal(verdict.reason, REASON_REPLY_4XX);
    for (int64_t now_ms = 11500; now_ms < 13500; now_ms += 500)
        step_depth(&verdict, DEPTH_LIVENESS, REASON_OK, now_ms);
    assert_int_equal(verdict.status, VERDICT_DOWN);
}

/* ---- silence ---- */

static void silence_needs_confirmation(void **state)
{
    (void)state;
    struct verdict verdict = up();
    struct outcome silence = {.reason = REASON_CONNECT_TIMEOUT, .rtt_us = 1500000};
    verdict_step(&verdict, &usual, &silence, 3000);
    assert_int_equal(verdict.status, VERDICT_SUSPECT);
    assert_next(&verdict, 3000, 500, DEPTH_LIVENESS);
    verdict_step(&verdict, &usual, &silence, 4500);
    assert_int_equal(verdict.status, VERDICT_DOWN);

    struct verdict_policy patient = usual;
    patient.fall = 5;
    verdict = up();
    silence.confirmed = true;
    assert_true(verdict_step(&verdict, &patient, &silence, 3000));
    assert_int_equal(verdict.status, VERDICT_DOWN);
    assert_int_equal(verdict.bad, 5);
    verdict = up(); /* only silence is confirmed by hedges */
    struct outcome sick = {.reason = REASON_GREETING_4XX, .rtt_us = 1, .confirmed = true};
    verdict_step(&verdict, &patient, &sick, 3000);
    assert_int_equal(verdict.status, VERDICT_SUSPECT);
}

static void late_is_suspect_while_the_probe_goes_on(void **state)
{
    (void)state;
    struct verdict verdict = up();
    assert_true(verdict_late(&verdict, 4500, 3300));
    assert_int_equal(verdict.status, VERDICT_SUSPECT);
    assert_int_equal(verdict.bad, 0);
    assert_int_equal(verdict_ttl_cap_s(&verdict, 3300), 2);
    assert_int_equal(verdict_ttl_cap_s(&verdict, 3600), 1);
    assert_false(verdict_late(&verdict, 5000, 3400)); /* never put off */
    assert_true(verdict_late(&verdict, 4000, 3400));
    assert_int_equal(verdict.decides_ms, 4000);
    struct verdict late = verdict;

    step(&verdict, &usual, REASON_OK, 3500); /* it answered */
    assert_int_equal(verdict.status, VERDICT_UP);
    assert_int_equal(verdict.decides_ms, 0);
    static const enum reason nothing[] = {REASON_UPLINK, REASON_LATE, REASON_PROBER_BLOCKED,
                                          REASON_CANCELLED};
    for (size_t i = 0; i < 4; i++) { /* it was not the host */
        verdict = late;
        assert_true(step(&verdict, &usual, nothing[i], 4500));
        assert_int_equal(verdict.status, VERDICT_UP);
    }
    verdict = late; /* put off, but it talks */
    step_depth(&verdict, DEPTH_SERVICE, REASON_DEFERRED, 3500);
    assert_int_equal(verdict.status, VERDICT_UP);

    verdict = down();
    assert_false(verdict_late(&verdict, 9000, 8000));
    assert_int_equal(verdict.status, VERDICT_DOWN);
}

static void late_is_no_news_of_one_that_is_silent_to_us(void **state)
{
    (void)state;
    static const enum reason silent[] = {REASON_PROBER_BLOCKED, REASON_UPLINK};
    for (size_t i = 0; i < 2; i++) {
        struct verdict verdict = up();
        assert_true(verdict_late(&verdict, 4500, 3300));
        step(&verdict, &usual, silent[i], 4500);
        int64_t since_ms = verdict.since_ms;
        for (int64_t now_ms = 8000; now_ms < 60000; now_ms += 4000) {
            assert_false(verdict_late(&verdict, now_ms + 1200, now_ms));
            assert_false(step(&verdict, &usual, silent[i], now_ms + 1200));
        }
        assert_int_equal(verdict.status, VERDICT_UP);
        assert_int_equal(verdict.since_ms, since_ms);
        step(&verdict, &usual, REASON_OK, 60000); /* we hear it again, so that lateness tells */
        assert_true(verdict_late(&verdict, 63000, 62000));
        assert_int_equal(verdict.status, VERDICT_SUSPECT);
    }
    struct verdict verdict = up(); /* one that refuses us talks */
    step(&verdict, &usual, REASON_PROBER_REFUSED, 3000);
    assert_true(verdict_late(&verdict, 8000, 7000));
}

static void late_forgets_no_failure(void **state)
{
    (void)state;
    struct verdict verdict = up();
    step(&verdict, &usual, REASON_GREETING_4XX, 3000);
    verdict_late(&verdict, 5000, 3800);
    step(&verdict, &usual, REASON_UPLINK, 5000);
    assert_int_equal(verdict.status, VERDICT_SUSPECT);
    assert_int_equal(verdict.bad, 1);
}

/* ---- doubt ---- */

static void doubt_counts_when_it_lasts(void **state)
{
    (void)state;
    struct verdict verdict = up();
    int64_t now_ms = 31000;
    for (; now_ms < 31000 + 600000; now_ms += 30000) {
        assert_false(step_depth(&verdict, DEPTH_SERVICE, REASON_DEFERRED, now_ms));
        assert_int_equal(verdict.status, VERDICT_UP);
        assert_int_equal(verdict.reason, REASON_DEFERRED);
        assert_int_equal(verdict.doubt_since_ms, 31000);
        step_depth(&verdict, DEPTH_LIVENESS, REASON_OK, now_ms + 2000);
    }
    assert_true(step_depth(&verdict, DEPTH_SERVICE, REASON_DEFERRED, now_ms));
    assert_int_equal(verdict.status, VERDICT_SUSPECT);
    assert_next(&verdict, now_ms, 500, DEPTH_SERVICE);
    assert_true(step_depth(&verdict, DEPTH_SERVICE, REASON_DEFERRED, now_ms + 500));
    assert_int_equal(verdict.status, VERDICT_DOWN);
    assert_int_equal(verdict_vote(&verdict), VOTE_SICK);
}

static void doubt_ends_with_a_good_dialogue(void **state)
{
    (void)state;
    struct verdict verdict = up();
    for (int64_t now_ms = 31000; now_ms < 5000000; now_ms += 300000) {
        step_depth(&verdict, DEPTH_SERVICE, REASON_DEFERRED, now_ms);
        step_depth(&verdict, DEPTH_SERVICE, REASON_DEFERRED, now_ms + 100000);
        step_depth(&verdict, DEPTH_SERVICE, REASON_OK, now_ms + 200000);
        assert_int_equal(verdict.status, VERDICT_UP);
        assert_int_equal(verdict.doubt_since_ms, 0);
    }
    /* And by an outage, in which nothing was seen of it. */
    step_depth(&verdict, DEPTH_SERVICE, REASON_DEFERRED, 6000000);
    step_depth(&verdict, DEPTH_LIVENESS, REASON_REFUSED, 6030000);
    assert_int_equal(verdict.doubt_since_ms, 0);
}

static void doubt_confirms_a_failure(void **state)
{
    (void)state;
    struct verdict verdict = up();
    step_depth(&verdict, DEPTH_SERVICE, REASON_REPLY_TIMEOUT, 31000);
    step_depth(&verdict, DEPTH_SERVICE, REASON_DEFERRED, 31500);
    assert_int_equal(verdict.status, VERDICT_DOWN);
    /* But it has greeted: */
    verdict = up();
    step_depth(&verdict, DEPTH_LIVENESS, REASON_GREETING_4XX, 31000);
    assert_true(step_depth(&verdict, DEPTH_SERVICE, REASON_DEFERRED, 31500));
    assert_int_equal(verdict.status, VERDICT_UP);
}

/* ---- refused for being us ---- */

static void who_refuses_us_is_asked_half_as_often(void **state)
{
    (void)state;
    struct verdict verdict = up();
    assert_false(step_depth(&verdict, DEPTH_LIVENESS, REASON_PROBER_REFUSED, 3000));
    assert_int_equal(verdict.unheard, REASON_PROBER_REFUSED);
    assert_next(&verdict, 3000, 4000, DEPTH_LIVENESS);
    step_depth(&verdict, DEPTH_LIVENESS, REASON_LOCAL, 7000);
    assert_next(&verdict, 7000, 2000, DEPTH_LIVENESS);
    step_depth(&verdict, DEPTH_LIVENESS, REASON_PROBER_BLOCKED, 9000);
    assert_next(&verdict, 9000, 4000, DEPTH_LIVENESS);
    step_depth(&verdict, DEPTH_LIVENESS, REASON_OK, 13000);
    assert_int_equal(verdict.unheard, REASON_NONE);
    assert_next(&verdict, 13000, 2000, DEPTH_LIVENESS);

    /* Behind the greeting it is the service rhythm that slows down. */
    step_depth(&verdict, DEPTH_SERVICE, REASON_LOGIN_REFUSED, 15000);
    assert_int_equal(verdict.service_due_ms, 15000 + 60000);
    step_depth(&verdict, DEPTH_LIVENESS, REASON_OK, 17000);
    assert_int_equal(verdict.unheard, REASON_LOGIN_REFUSED); /* still not heard */
    assert_next(&verdict, 17000, 2000, DEPTH_LIVENESS);
    step_depth(&verdict, DEPTH_LIVENESS, REASON_REFUSED, 19000); /* and slows no verdict down */
    assert_next(&verdict, 19000, 20, DEPTH_LIVENESS);
    step_depth(&verdict, DEPTH_LIVENESS, REASON_OK, 19050);
    step_depth(&verdict, DEPTH_SERVICE, REASON_OK, 75000);
    assert_int_equal(verdict.unheard, REASON_NONE);
}

/* A suspect that refuses us is not hammered either: bad logins get us banned. */
static void suspects_that_refuse_us(void **state)
{
    (void)state;
    struct verdict verdict = up();
    step_depth(&verdict, DEPTH_SERVICE, REASON_LOGIN_UNAVAILABLE, 31000);
    step_depth(&verdict, DEPTH_SERVICE, REASON_LOGIN_REFUSED, 31500);
    assert_int_equal(verdict.status, VERDICT_SUSPECT);
    assert_next(&verdict, 31500, 2000, DEPTH_LIVENESS);
    verdict = up();
    step_depth(&verdict, DEPTH_LIVENESS, REASON_GREETING_4XX, 3000);
    step_depth(&verdict, DEPTH_LIVENESS, REASON_PROBER_REFUSED, 3500);
    assert_next(&verdict, 3500, 4000, DEPTH_LIVENESS);
}

/* A password that has expired must not keep a host out for ever that comes back from a crash. */
static void what_is_refused_to_us_is_not_asked_of_a_return(void **state)
{
    (void)state;
    static const enum reason refusals[] = {REASON_LOGIN_REFUSED, REASON_RECIPIENT_REFUSED};
    for (size_t i = 0; i < 2; i++) {
        struct verdict verdict = down();
        step(&verdict, &usual, REASON_OK, 5500);
        step(&verdict, &usual, REASON_OK, 7500);
        step(&verdict, &usual, refusals[i], 9500);
        assert_int_equal(verdict.status, VERDICT_DOWN); /* UNKNOWN moves nothing */
        assert_true(step(&verdict, &usual, REASON_OK, 11500));
        assert_int_equal(verdict.status, VERDICT_UP);
    }
    struct verdict verdict = down(); /* by its greeting: nothing is seen of it */
    step(&verdict, &usual, REASON_OK, 5500);
    step(&verdict, &usual, REASON_OK, 7500);
    step(&verdict, &usual, REASON_PROBER_REFUSED, 9500);
    step_depth(&verdict, DEPTH_LIVENESS, REASON_OK, 11500);
    assert_int_equal(verdict.status, VERDICT_DOWN);
}

static void step_to(struct verdict *verdict, enum reason reason, enum outcome_step last,
                    int64_t now_ms)
{
    struct outcome outcome = {.depth = DEPTH_SERVICE, .reason = reason, .rtt_us = 7000};
    outcome.step_us[TIMED_CONNECT] = outcome.step_us[TIMED_GREETING] = 1000;
    outcome.step_us[TIMED_HELLO] = outcome.step_us[TIMED_TLS] = outcome.step_us[last] = 1000;
    verdict_step(verdict, &usual, &outcome, now_ms);
}

/* Nor one that was down by its certificate, has a new one, and refuses the login as it always did.
 */
static void a_refusal_behind_what_failed(void **state)
{
    (void)state;
    static const struct {
        enum reason failure, refusal;
        enum outcome_step failed, refused;
        bool mended;
    } cases[] = {
        {REASON_CERT_EXPIRED, REASON_LOGIN_REFUSED, TIMED_TLS, TIMED_LOGIN, true},
        {REASON_CERT_EXPIRED, REASON_RECIPIENT_REFUSED, TIMED_TLS, TIMED_RCPT, true},
        {REASON_REPLY_4XX, REASON_RECIPIENT_REFUSED, TIMED_MAIL, TIMED_RCPT, true},
        {REASON_REPLY_4XX, REASON_RECIPIENT_REFUSED, TIMED_RCPT, TIMED_RCPT, false},
        {REASON_LOGIN_UNAVAILABLE, REASON_LOGIN_REFUSED, TIMED_LOGIN, TIMED_LOGIN, false},
        {REASON_MAILBOX_BROKEN, REASON_LOGIN_REFUSED, TIMED_SELECT, TIMED_LOGIN, false},
        {REASON_TLS_FAILED, REASON_PROBER_REFUSED, TIMED_TLS, TIMED_HELLO, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (unsigned bad = 1; bad <= 2; bad++) { /* suspect, or down */
            struct verdict verdict = up();
            step_to(&verdict, cases[i].refusal, cases[i].refused, 20000);
            for (unsigned j = 0; j < bad; j++)
                step_to(&verdict, cases[i].failure, cases[i].failed, 31000 + 500 * j);
            enum verdict_status status = bad == 1 ? VERDICT_SUSPECT : VERDICT_DOWN;
            step_to(&verdict, cases[i].refusal, cases[i].refused, 41000);
            assert_int_equal(verdict.status, status); /* UNKNOWN moves nothing */
            for (unsigned j = 0; j < usual.rise; j++)
                step_depth(&verdict, DEPTH_LIVENESS, REASON_OK, 43000 + 2000 * j);
            assert_int_equal(verdict.status, cases[i].mended ? VERDICT_UP : status);
        }
}

/* A verdict that does not come, as the host refuses to show us more, keeps no TTL down for ever. */
static void a_suspicion_without_an_end(void **state)
{
    (void)state;
    struct verdict verdict = up();
    step_to(&verdict, REASON_LOGIN_UNAVAILABLE, TIMED_LOGIN, 31000);
    step_to(&verdict, REASON_LOGIN_REFUSED, TIMED_LOGIN, 31500);
    assert_int_equal(verdict_ttl_cap_s(&verdict, 31500), 1);
    assert_int_equal(verdict_ttl_cap_s(&verdict, 32500 + 30000), 1);
    assert_int_equal(verdict.status, VERDICT_SUSPECT);
    assert_int_equal(verdict_ttl_cap_s(&verdict, 32500 + 60000), UINT32_MAX);
}

/* ---- what is kept for people ---- */

static void warnings(void **state)
{
    (void)state;
    struct verdict verdict = up();
    struct outcome outcome = {.depth = DEPTH_SERVICE,
                              .reason = REASON_OK,
                              .warning = REASON_CERT_EXPIRES,
                              .warning_detail = "in 9 days",
                              .certificate_ends_s = 1800000000};
    verdict_step(&verdict, &usual, &outcome, 31000);
    assert_int_equal(verdict.warning, REASON_CERT_EXPIRES);
    step_depth(&verdict, DEPTH_LIVENESS, REASON_OK, 33000);
    step_depth(&verdict, DEPTH_SERVICE, REASON_LOCAL, 35000);
    step_depth(&verdict, DEPTH_SERVICE, REASON_REFUSED, 37000); /* did not come so far */
    assert_int_equal(verdict.warning, REASON_CERT_EXPIRES);
    assert_string_equal(verdict.warning_detail, "in 9 days");
    step_depth(&verdict, DEPTH_SERVICE, REASON_OK, 37050);
    assert_int_equal(verdict.warning, REASON_NONE);
    assert_int_equal(verdict.certificate_ends_s, 1800000000); /* of the last that was seen */
}

static void last_of_each_depth(void **state)
{
    (void)state;
    struct verdict verdict = up();
    struct outcome outcome = {.depth = DEPTH_SERVICE, .reason = REASON_OK, .sessions = 2};
    outcome.step_us[TIMED_RCPT] = 1234;
    verdict_step(&verdict, &usual, &outcome, 31000);
    step_depth(&verdict, DEPTH_LIVENESS, REASON_REFUSED, 33000);
    assert_int_equal(verdict.last[DEPTH_SERVICE].at_ms, 31000);
    assert_int_equal(verdict.last[DEPTH_SERVICE].sessions, 2);
    assert_int_equal(verdict.last[DEPTH_SERVICE].step_us[TIMED_RCPT], 1234);
    assert_int_equal(verdict.last[DEPTH_LIVENESS].reason, REASON_REFUSED);
    assert_int_equal(verdict.last[DEPTH_ROUND_TRIP].at_ms, -1);
}

/* ---- the round trip ---- */

static void round_trips(void **state)
{
    (void)state;
    struct verdict_policy policy = usual;
    policy.alarm_ms = 120000;
    policy.drain_ms = 300000;
    struct verdict verdict = up();
    struct outcome outcome = {.depth = DEPTH_ROUND_TRIP, .reason = REASON_UNDELIVERED};
    outcome.step_us[TIMED_DELIVERY] = 60 * 1000 * 1000;
    bool changed = false;
    for (int64_t now_ms = 100000; now_ms <= 340000; now_ms += 60000) {
        assert_false(changed);
        changed = verdict_step(&verdict, &policy, &outcome, now_ms);
        assert_int_equal(verdict.undelivered_since_ms, 40000);
        assert_int_equal(verdict.alarmed, now_ms >= 160000);
        assert_int_equal(verdict.undelivered, now_ms >= 340000);
    }
    assert_true(changed);
    assert_int_equal(verdict.status, VERDICT_UP);
    assert_int_equal(verdict_vote(&verdict), VOTE_DRAINED);
    outcome.reason = REASON_LOGIN_REFUSED;
    assert_false(verdict_step(&verdict, &policy, &outcome, 400000));
    outcome.reason = REASON_REFUSED; /* for the other probes to judge */
    assert_false(verdict_step(&verdict, &policy, &outcome, 460000));
    assert_int_equal(verdict.status, VERDICT_UP);
    assert_int_equal(verdict.probes, 1);
    outcome.reason = REASON_OK;
    assert_true(verdict_step(&verdict, &policy, &outcome, 520000));
    assert_int_equal(verdict_vote(&verdict), VOTE_UP);
    assert_int_equal(verdict.undelivered_since_ms, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unprobed_is_up_for_one_second),
        cmocka_unit_test(first_good_makes_known),
        cmocka_unit_test(first_bad_makes_suspect),
        cmocka_unit_test(falls_after_fall_in_a_row),
        cmocka_unit_test(fall_of_one_skips_suspect),
        cmocka_unit_test(good_clears_suspect),
        cmocka_unit_test(rises_after_rise_in_a_row),
        cmocka_unit_test(unknown_moves_nothing),
        cmocka_unit_test(only_unknown_abstains),
        cmocka_unit_test(suspect_decides_as_the_last_probe_did),
        cmocka_unit_test(ttl_falls_until_the_verdict),
        cmocka_unit_test(suspect_never_decides_later_than_promised),
        cmocka_unit_test(waits),
        cmocka_unit_test(both_rhythms),
        cmocka_unit_test(service_probes_are_spread),
        cmocka_unit_test(forced),
        cmocka_unit_test(forced_goes_on_judging),
        cmocka_unit_test(detail_is_always_closed),
        cmocka_unit_test(words),
        cmocka_unit_test(random_rows_agree_with_counting),
        cmocka_unit_test(greetings_mend_no_service_failure),
        cmocka_unit_test(a_service_probe_that_is_refused_is_a_liveness_failure),
        cmocka_unit_test(returning_takes_a_whole_dialogue),
        cmocka_unit_test(silence_needs_confirmation),
        cmocka_unit_test(late_is_suspect_while_the_probe_goes_on),
        cmocka_unit_test(late_is_no_news_of_one_that_is_silent_to_us),
        cmocka_unit_test(late_forgets_no_failure),
        cmocka_unit_test(doubt_counts_when_it_lasts),
        cmocka_unit_test(doubt_ends_with_a_good_dialogue),
        cmocka_unit_test(doubt_confirms_a_failure),
        cmocka_unit_test(who_refuses_us_is_asked_half_as_often),
        cmocka_unit_test(suspects_that_refuse_us),
        cmocka_unit_test(what_is_refused_to_us_is_not_asked_of_a_return),
        cmocka_unit_test(a_refusal_behind_what_failed),
        cmocka_unit_test(a_suspicion_without_an_end),
        cmocka_unit_test(warnings),
        cmocka_unit_test(last_of_each_depth),
        cmocka_unit_test(round_trips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
