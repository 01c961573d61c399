/* SPDX-License-Identifier: BSD-2-Clause */
/* Coming back: holds, damping, manual returns, slow starts, revoked silences; and the outlook. */
#include "verdict/return.h"
#include "verdict/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

static const struct verdict_policy usual = {
    .fall = 2,
    .rise = 3,
    .interval_ms = 2000,
    .service_interval_ms = 30000,
    .recheck_ms = 500,
    .timeout_ms = 10000,
    .doubt_ms = 10 * MINUTE,
    .hold_ms = 30 * SECOND,
    .slow_start_ms = 5 * MINUTE,
    .alarm_ms = 2 * MINUTE,
    .drain_ms = 5 * MINUTE,
};

static bool step(struct verdict *verdict, const struct verdict_policy *policy, enum reason reason,
                 int64_t now_ms)
{
    const struct outcome outcome = {
        .depth = verdict_next(verdict, policy, verdict->last_probe_ms).depth,
        .reason = reason,
        .rtt_us = 7000,
    };
    return verdict_step(verdict, policy, &outcome, now_ms);
}

static struct verdict up(int64_t now_ms)
{
    struct verdict verdict;
    verdict_init(&verdict, now_ms);
    step(&verdict, &usual, REASON_OK, now_ms);
    return verdict;
}

/* Down at now_ms. */
static void fall(struct verdict *verdict, const struct verdict_policy *policy, int64_t now_ms)
{
    step(verdict, policy, REASON_REFUSED, now_ms - 20);
    step(verdict, policy, REASON_REFUSED, now_ms);
    assert_int_equal(verdict->status, VERDICT_DOWN);
}

/* Good probes from now_ms until it is up; returns when that was. */
static int64_t rise(struct verdict *verdict, const struct verdict_policy *policy, int64_t now_ms)
{
    for (; verdict->status == VERDICT_DOWN; now_ms += 2000)
        step(verdict, policy, REASON_OK, now_ms);
    return now_ms - 2000;
}

/* What failed behind the greeting is asked about as the hold ends, not up to a service interval
 * later. */
static void a_hold_after_a_service_failure(void **state)
{
    (void)state;
    for (int64_t hold_ms = 20 * SECOND; hold_ms < 200 * SECOND; hold_ms += 7 * SECOND) {
        struct verdict_policy policy = usual;
        struct verdict verdict = up(SECOND);
        struct probe_next next = {0};
        int64_t now_ms = 40 * SECOND;
        unsigned services = 0;
        policy.hold_ms = hold_ms;
        for (unsigned i = 0; i < 2; i++) {
            const struct outcome failure = {
                .depth = DEPTH_SERVICE, .reason = REASON_REPLY_4XX, .rtt_us = 7000};
            verdict_step(&verdict, &policy, &failure, now_ms);
        }
        assert_int_equal(verdict.status, VERDICT_DOWN);
        for (; verdict.status == VERDICT_DOWN && now_ms < HOUR; now_ms += next.wait_ms) {
            const struct outcome good = {.depth = next.depth, .rtt_us = 7000, .reason = REASON_OK};
            services += next.depth == DEPTH_SERVICE;
            verdict_step(&verdict, &policy, &good, now_ms);
            next = verdict_next(&verdict, &policy, now_ms);
        }
        int64_t held_ms = verdict.since_ms - 40 * SECOND;
        assert_in_range(held_ms, hold_ms, hold_ms + 2 * policy.interval_ms);
        assert_in_range(services, 3, 5 + hold_ms / policy.service_interval_ms);
    }
}

/* A restart is no flapping: the first fall costs the hold alone. One that follows soon is damped.
 */
static void a_second_fall_costs_minutes(void **state)
{
    (void)state;
    struct verdict verdict = up(SECOND);
    fall(&verdict, &usual, 10 * SECOND);
    assert_float_equal(return_penalty(&verdict, 10 * SECOND), 1000, 0.01);
    assert_float_equal(return_penalty(&verdict, 10 * SECOND + 15 * MINUTE), 500, 0.01);
    for (int64_t now_ms = 12 * SECOND; now_ms < 16 * SECOND; now_ms += 2000) {
        step(&verdict, &usual, REASON_OK, now_ms);
        assert_int_equal(verdict.held, HELD_NOT);
    }
    assert_true(step(&verdict, &usual, REASON_OK, 16 * SECOND));
    assert_int_equal(verdict.status, VERDICT_DOWN);
    assert_int_equal(verdict.held, HELD_TIME);
    assert_int_equal(verdict_vote(&verdict), VOTE_HELD);
    int64_t back_ms = rise(&verdict, &usual, 18 * SECOND);
    assert_in_range(back_ms, 40 * SECOND, 42 * SECOND);
    assert_int_equal(verdict.held, HELD_NOT);

    int64_t again_ms = 10 * SECOND + 5 * MINUTE;
    fall(&verdict, &usual, again_ms);
    assert_float_equal(return_penalty(&verdict, again_ms), 1000 + 1000 * 0.7937, 0.1);
    for (int64_t now_ms = again_ms + 2000; now_ms <= again_ms + 6000; now_ms += 2000)
        step(&verdict, &usual, REASON_OK, now_ms);
    assert_int_equal(verdict.held, HELD_DAMPED);
    back_ms = rise(&verdict, &usual, again_ms + 8000);
    /* log2(1793.7 / 750) * 15 min = 1132.2 s */
    assert_in_range(back_ms, again_ms + 1132 * SECOND, again_ms + 1135 * SECOND);
    assert_true(return_penalty(&verdict, back_ms) < FLAP_READMIT);
}

static void hold_ends_with_a_bad_probe(void **state)
{
    (void)state;
    struct verdict verdict = up(SECOND);
    fall(&verdict, &usual, 10 * SECOND);
    for (int64_t now_ms = 12 * SECOND; now_ms < 20 * SECOND; now_ms += 2000)
        step(&verdict, &usual, REASON_OK, now_ms);
    assert_int_equal(verdict.held, HELD_TIME);
    assert_true(step(&verdict, &usual, REASON_REFUSED, 22 * SECOND));
    assert_int_equal(verdict.held, HELD_NOT);
    assert_int_equal(verdict_vote(&verdict), VOTE_DOWN);
    assert_int_equal(verdict.falls, 1); /* it did not come up in between */
}

/* Falls an hour apart: the penalty is gone each time, the hold doubles. */
static void holds_double(void **state)
{
    (void)state;
    struct verdict verdict = up(SECOND);
    struct verdict_policy policy = usual;
    policy.hold_ms = 10 * MINUTE;
    int64_t now_ms = HOUR, expected_ms = policy.hold_ms;
    for (unsigned i = 1; i <= 8; i++) {
        fall(&verdict, &policy, now_ms);
        assert_int_equal(verdict.falls, i);
        assert_int_equal(verdict.held_until_ms, now_ms + expected_ms);
        step(&verdict, &policy, REASON_OK, now_ms + 2000);
        step(&verdict, &policy, REASON_OK, now_ms + 4000);
        step(&verdict, &policy, REASON_OK, now_ms + 6000);
        assert_int_equal(verdict.held, HELD_TIME);
        int64_t back_ms = rise(&verdict, &policy, now_ms + 8000);
        assert_in_range(back_ms - now_ms, expected_ms, expected_ms + 2000);
        now_ms = back_ms + HOUR;
        expected_ms = expected_ms * 2 < HOLD_MAX_MS ? expected_ms * 2 : HOLD_MAX_MS;
    }
    now_ms += FLAP_FORGET_MS - HOUR - 1; /* remembered for a day, */
    fall(&verdict, &policy, now_ms);
    assert_int_equal(verdict.held_until_ms, now_ms + HOLD_MAX_MS);
    now_ms = rise(&verdict, &policy, now_ms + 2000) + FLAP_FORGET_MS;
    fall(&verdict, &policy, now_ms); /* and forgotten after one */
    assert_int_equal(verdict.falls, 1);
    assert_int_equal(verdict.held_until_ms, now_ms + 10 * MINUTE);
}

static void flapping_is_damped(void **state)
{
    (void)state;
    struct verdict verdict = up(SECOND);
    int64_t now_ms = HOUR, out_ms = 0, end_ms = 13 * HOUR;
    while (now_ms < end_ms) { /* falls as soon as it is up */
        fall(&verdict, &usual, now_ms);
        int64_t back_ms = rise(&verdict, &usual, now_ms + 2000);
        out_ms += back_ms - now_ms;
        now_ms = back_ms + 2000;
    }
    assert_true(verdict.falls < 25);
    assert_true(out_ms > 10 * HOUR);
}

static void no_hold_no_damping(void **state)
{
    (void)state;
    struct verdict_policy policy = usual;
    policy.hold_ms = 0;
    struct verdict verdict = up(SECOND);
    for (int64_t now_ms = HOUR; now_ms < 2 * HOUR; now_ms += MINUTE) {
        fall(&verdict, &policy, now_ms);
        assert_int_equal(rise(&verdict, &policy, now_ms + 2000), now_ms + 6000);
    }
    /* Taken away by a reload: */
    fall(&verdict, &usual, 3 * HOUR);
    assert_int_equal(rise(&verdict, &policy, 3 * HOUR + 2000), 3 * HOUR + 6000);
}

static void a_manual_return(void **state)
{
    (void)state;
    struct verdict_policy policy = usual;
    policy.return_manual = true;
    struct verdict verdict = up(SECOND);
    fall(&verdict, &policy, 10 * SECOND);
    assert_false(verdict_release(&verdict, 11 * SECOND)); /* too early: it does not pass */
    int64_t now_ms = 12 * SECOND;
    for (; now_ms < 48 * (int64_t)HOUR; now_ms += 2000)
        step(&verdict, &policy, REASON_OK, now_ms);
    assert_int_equal(verdict.status, VERDICT_DOWN);
    assert_int_equal(verdict.held, HELD_MANUAL);
    assert_int_equal(verdict_vote(&verdict), VOTE_HELD);
    assert_true(verdict_release(&verdict, now_ms));
    assert_false(verdict_release(&verdict, now_ms));
    assert_int_equal(verdict.status, VERDICT_UP);
    assert_int_equal(verdict.since_ms, now_ms);
    assert_int_equal(verdict_percent(&verdict, &policy, now_ms), 10);
    step(&verdict, &policy, REASON_OK, now_ms + 2000);
    assert_int_equal(verdict.status, VERDICT_UP);
}

static void a_release_ends_hold_and_damping(void **state)
{
    (void)state;
    struct verdict verdict = up(SECOND);
    fall(&verdict, &usual, 10 * SECOND);
    assert_false(verdict_release(&verdict, 11 * SECOND));
    assert_int_equal(rise(&verdict, &usual, 12 * SECOND), 16 * SECOND);
    fall(&verdict, &usual, 100 * SECOND);
    for (int64_t now_ms = 102 * SECOND; now_ms < 110 * SECOND; now_ms += 2000)
        step(&verdict, &usual, REASON_OK, now_ms);
    assert_true(verdict_release(&verdict, 110 * SECOND));
    assert_int_equal(verdict_vote(&verdict), VOTE_UP);
    assert_int_equal(verdict.held, HELD_NOT);
}

/* A host that was dead when we began may come up as soon as it is well, as may one that is new. */
static void the_first_verdict_is_not_held(void **state)
{
    (void)state;
    struct verdict_policy policy = usual;
    policy.return_manual = true;
    struct verdict verdict;
    verdict_init(&verdict, SECOND);
    fall(&verdict, &policy, 2 * SECOND);
    assert_int_equal(verdict.falls, 0);
    assert_int_equal(rise(&verdict, &policy, 4 * SECOND), 8 * SECOND);
    assert_int_equal(verdict_percent(&verdict, &policy, 8 * SECOND), 100);
    fall(&verdict, &usual, MINUTE); /* but now it has something to lose */
    assert_int_equal(verdict.falls, 1);
}

static void slow_start(void **state)
{
    (void)state;
    struct verdict_policy policy = usual;
    policy.hold_ms = 0;
    struct verdict verdict = up(SECOND);
    assert_int_equal(verdict_percent(&verdict, &policy, SECOND), 100);
    fall(&verdict, &policy, HOUR);
    int64_t back_ms = rise(&verdict, &policy, HOUR + 2000), steps = 0;
    unsigned last = 10;
    assert_int_equal(verdict.percent, 10);
    for (int64_t ms = 0; ms <= 6 * MINUTE; ms += 100) {
        unsigned percent = verdict_percent(&verdict, &policy, back_ms + ms);
        assert_int_equal(percent % 10, 0);
        assert_true(percent == last || percent == last + 10);
        assert_int_equal(verdict_tick(&verdict, &policy, back_ms + ms), percent != last);
        steps += percent != last;
        last = percent;
        if (ms >= 5 * MINUTE)
            assert_int_equal(percent, 100);
        if (ms == 3 * MINUTE)
            assert_int_equal(percent, 60);
    }
    assert_int_equal(steps, 9);
    verdict.returned_ms = back_ms + HOUR; /* by an operator's word all of it at once */
    assert_int_equal(verdict_percent(&verdict, &policy, back_ms + HOUR), 10);
    verdict_force(&verdict, FORCED_UP);
    assert_int_equal(verdict_percent(&verdict, &policy, back_ms + HOUR), 100);
    verdict_force(&verdict, FORCED_NOT);
    policy.slow_start_ms = 0;
    assert_int_equal(verdict_percent(&verdict, &policy, back_ms + HOUR), 100);
}

static bool silence(struct verdict *verdict, int64_t now_ms)
{
    const struct outcome outcome = {
        .reason = REASON_GREETING_TIMEOUT, .confirmed = true, .rtt_us = 2500000};
    return verdict_step(verdict, &usual, &outcome, now_ms);
}

static bool revoke(struct verdict *verdict, int64_t now_ms)
{
    const struct outcome outcome = {
        .depth = DEPTH_SERVICE, .reason = REASON_OK, .revoked = true, .rtt_us = 5000000};
    return verdict_step(verdict, &usual, &outcome, now_ms);
}

static void a_greeting_after_all(void **state)
{
    (void)state;
    struct verdict verdict = up(SECOND);
    fall(&verdict, &usual, HOUR);
    int64_t back_ms = rise(&verdict, &usual, HOUR + 2000), later_ms = back_ms + 2 * MINUTE;
    struct verdict before = verdict;
    assert_true(silence(&verdict, later_ms));
    assert_int_equal(verdict.status, VERDICT_DOWN);
    assert_int_equal(verdict.falls, 2);
    silence(&verdict, later_ms + 2000); /* probes go on meanwhile */
    assert_true(revoke(&verdict, later_ms + 2500));
    assert_int_equal(verdict.status, VERDICT_UP);
    assert_int_equal(verdict_vote(&verdict), VOTE_UP);
    assert_int_equal(verdict.falls, before.falls);
    assert_int_equal(verdict.returned_ms, before.returned_ms); /* no slow start anew */
    assert_float_equal(return_penalty(&verdict, later_ms + 2500),
                       return_penalty(&before, later_ms + 2500), 0.01);
    assert_int_equal(verdict.reason, REASON_OK);
    assert_int_equal(verdict.rtt_us, 5000000);
    assert_int_equal(verdict.service_due_ms, before.service_due_ms); /* it only greeted */
}

static void a_greeting_too_late(void **state)
{
    (void)state;
    struct verdict verdict = up(SECOND);
    silence(&verdict, HOUR); /* down by silence, and refuses now: it was rebooted */
    step(&verdict, &usual, REASON_REFUSED, HOUR + 2000);
    assert_false(revoke(&verdict, HOUR + 2500));
    assert_int_equal(verdict.status, VERDICT_DOWN);
    assert_int_equal(verdict.good, 0);
    verdict = up(SECOND); /* down by another fall */
    fall(&verdict, &usual, HOUR);
    silence(&verdict, HOUR + 2000);
    assert_false(revoke(&verdict, HOUR + 2500));
    assert_int_equal(verdict.status, VERDICT_DOWN);
    verdict = up(SECOND); /* not yet down: as any good greeting */
    struct outcome late = {.reason = REASON_CONNECT_TIMEOUT, .rtt_us = 1500000};
    verdict_step(&verdict, &usual, &late, HOUR);
    assert_int_equal(verdict.status, VERDICT_SUSPECT);
    assert_true(revoke(&verdict, HOUR + 100));
    assert_int_equal(verdict.status, VERDICT_UP);
    /* Its dialogue is another matter. */
    const struct outcome sick = {.depth = DEPTH_SERVICE, .reason = REASON_REPLY_4XX};
    verdict_step(&verdict, &usual, &sick, 2 * HOUR);
    assert_false(revoke(&verdict, 2 * HOUR + 100));
    assert_int_equal(verdict.status, VERDICT_SUSPECT);
}

/* ---- the outlook ---- */

static void assert_outlook(const struct verdict *verdict, const struct verdict_policy *policy,
                           int64_t now_ms, const char *expected)
{
    char text[VERDICT_OUTLOOK_SIZE], cut[VERDICT_OUTLOOK_SIZE];
    verdict_outlook(verdict, policy, now_ms, text, sizeof text);
    assert_string_equal(text, expected);
    for (size_t size = 1; size <= sizeof cut; size++) {
        memset(cut, 'x', sizeof cut);
        verdict_outlook(verdict, policy, now_ms, cut, size);
        assert_int_equal(strlen(cut), strlen(text) < size ? strlen(text) : size - 1);
        assert_memory_equal(cut, text, strlen(cut));
    }
}

static void outlook_up(void **state)
{
    (void)state;
    struct verdict verdict;
    struct verdict_policy once = usual;
    verdict_init(&verdict, SECOND);
    assert_outlook(&verdict, &usual, SECOND, "waits for its first probe");
    step(&verdict, &usual, REASON_LOCAL, SECOND);
    assert_outlook(&verdict, &usual, SECOND,
                   "waits for a first probe that says something; says nothing now: a fault of the "
                   "prober's own machine");
    verdict = up(SECOND);
    once.fall = 1;
    assert_outlook(&verdict, &once, SECOND, "down after one failure");
    assert_outlook(&verdict, &usual, SECOND,
                   "down after 2 failures in a row, or silence that is confirmed");
    const struct outcome deferred = {.depth = DEPTH_SERVICE, .reason = REASON_DEFERRED};
    verdict_step(&verdict, &usual, &deferred, MINUTE);
    assert_outlook(&verdict, &usual, 4 * MINUTE, "down if it goes on to put mail off, in 7 min");
    verdict = up(SECOND);
    struct outcome trip = {.depth = DEPTH_ROUND_TRIP, .reason = REASON_UNDELIVERED};
    verdict_step(&verdict, &usual, &trip, MINUTE);
    assert_outlook(&verdict, &usual, 2 * MINUTE, "drained unless a message arrives, in 4 min");
    verdict_step(&verdict, &usual, &trip, 7 * MINUTE);
    assert_outlook(&verdict, &usual, 7 * MINUTE, "answered again after a message that arrives");
    verdict = up(SECOND);
    verdict.returned_ms = HOUR;
    assert_outlook(&verdict, &usual, HOUR + 3 * MINUTE, "60 % of its weight, all of it in 2 min");
    verdict_force(&verdict, FORCED_UP);
    assert_outlook(&verdict, &usual, HOUR,
                   "forced up until an operator takes it back: evermxctl force HOST auto");
    verdict_force(&verdict, FORCED_DRAIN);
    assert_outlook(&verdict, &usual, HOUR,
                   "drained until an operator takes it back: evermxctl undrain HOST");
}

static void outlook_suspect(void **state)
{
    (void)state;
    struct verdict_policy slow = usual;
    slow.fall = 4;
    struct verdict verdict = up(SECOND);
    step(&verdict, &usual, REASON_GREETING_4XX, 3000);
    assert_outlook(&verdict, &usual, 3100, "down after one more failure, at the latest in 0.4 s");
    assert_outlook(&verdict, &usual, 9000, "down after one more failure, at the latest in 0.0 s");
    assert_outlook(&verdict, &slow, 3100, "down after 3 more failures, at the latest in 0.4 s");
    step(&verdict, &usual, REASON_LOCAL, 3500);
    assert_outlook(&verdict, &usual, 9000,
                   "down after one more failure; says nothing now: a fault of the prober's own "
                   "machine");
    verdict = up(SECOND);
    const struct outcome full = {.depth = DEPTH_SERVICE, .reason = REASON_REPLY_4XX};
    verdict_step(&verdict, &usual, &full, MINUTE);
    assert_outlook(&verdict, &usual, MINUTE,
                   "down after one more failure of a service probe, at the latest in 0.5 s");
    verdict = up(SECOND);
    verdict_late(&verdict, 4500, 3300);
    assert_outlook(&verdict, &usual, 3300,
                   "down unless the probe under way hears from it, at the latest in 1.2 s");
}

static void outlook_down(void **state)
{
    (void)state;
    struct verdict_policy free = usual, manual = usual, held = usual;
    free.hold_ms = 0;
    manual.return_manual = true;
    held.hold_ms = 15 * MINUTE;
    struct verdict verdict = up(SECOND);
    fall(&verdict, &free, 10 * SECOND);
    assert_outlook(&verdict, &free, 10 * SECOND, "needs 3 good probes and a good service probe");
    step(&verdict, &free, REASON_OK, 12 * SECOND);
    assert_outlook(&verdict, &free, 12 * SECOND,
                   "needs 2 more good probes and a good service probe");
    step(&verdict, &free, REASON_OK, 14 * SECOND);
    const struct outcome good = {.reason = REASON_OK};
    verdict_step(&verdict, &free, &good, 15 * SECOND);
    assert_outlook(&verdict, &free, 15 * SECOND, "needs a good service probe");

    verdict = up(SECOND);
    fall(&verdict, &usual, 10 * SECOND);
    assert_outlook(&verdict, &usual, 10 * SECOND,
                   "needs 3 good probes and a good service probe, then held 30 s more (fall 1 in "
                   "24 h)");
    assert_outlook(&verdict, &usual, HOUR, "needs 3 good probes and a good service probe");
    rise(&verdict, &usual, 12 * SECOND);
    fall(&verdict, &manual, 15 * MINUTE);
    for (int64_t now_ms = 15 * MINUTE + 2000; now_ms < 15 * MINUTE + 8000; now_ms += 2000)
        step(&verdict, &manual, REASON_OK, now_ms);
    assert_outlook(&verdict, &manual, 15 * MINUTE + 8000,
                   "waits for an operator: evermxctl force HOST auto");
    step(&verdict, &usual, REASON_OK, 15 * MINUTE + 8000);
    assert_outlook(&verdict, &usual, 15 * MINUTE + 8000,
                   "answered when its penalty 1495 is below 750, in 15 min");

    verdict = up(SECOND);
    fall(&verdict, &held, 10 * SECOND);
    for (int64_t now_ms = 12 * SECOND; now_ms < 18 * SECOND; now_ms += 2000)
        step(&verdict, &held, REASON_OK, now_ms);
    assert_outlook(&verdict, &held, 15 * MINUTE - 11 * SECOND, "held 21 s more (fall 1 in 24 h)");
    assert_outlook(&verdict, &held, 16 * MINUTE, "up after the next good probe");

    verdict = up(SECOND);
    const struct outcome full = {.depth = DEPTH_SERVICE, .reason = REASON_REPLY_4XX};
    verdict_step(&verdict, &free, &full, MINUTE);
    verdict_step(&verdict, &free, &full, MINUTE + 500);
    assert_outlook(&verdict, &free, MINUTE + 500, "needs 3 good service probes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hold_after_a_service_failure),
        cmocka_unit_test(a_second_fall_costs_minutes),
        cmocka_unit_test(hold_ends_with_a_bad_probe),
        cmocka_unit_test(holds_double),
        cmocka_unit_test(flapping_is_damped),
        cmocka_unit_test(no_hold_no_damping),
        cmocka_unit_test(a_manual_return),
        cmocka_unit_test(a_release_ends_hold_and_damping),
        cmocka_unit_test(the_first_verdict_is_not_held),
        cmocka_unit_test(slow_start),
        cmocka_unit_test(a_greeting_after_all),
        cmocka_unit_test(a_greeting_too_late),
        cmocka_unit_test(outlook_up),
        cmocka_unit_test(outlook_suspect),
        cmocka_unit_test(outlook_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
