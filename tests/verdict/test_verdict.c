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
    .fall = 2, .rise = 3, .interval_ms = 2000, .recheck_ms = 500, .timeout_ms = 10000};

static bool step_after(struct verdict *verdict, const struct verdict_policy *policy,
                       enum reason reason, int64_t took_ms, int64_t now_ms)
{
    struct outcome outcome = {.reason = reason, .rtt_us = took_ms * 1000};
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
    assert_false(step(&verdict, &usual, REASON_OK, 5500));
    assert_false(step(&verdict, &usual, REASON_OK, 7500));
    assert_int_equal(verdict.status, VERDICT_DOWN);
    assert_int_equal(verdict.since_ms, 3500);
    assert_int_equal(verdict.reason, REASON_REFUSED); /* still why it is down */
    assert_string_equal(verdict.detail, "refused at 3500");
    assert_false(step(&verdict, &usual, REASON_GREETING_TIMEOUT, 9500));
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
    /* Refused at once: two more probes, half a second apart. */
    struct verdict verdict = up();
    step_after(&verdict, &policy, REASON_REFUSED, 0, 3000);
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
    assert_int_equal(verdict.decides_ms, 4000);
    /* Earlier is no breach. */
    verdict = up();
    step_after(&verdict, &policy, REASON_CONNECT_TIMEOUT, 3500, 3000);
    assert_int_equal(verdict.decides_ms, 10000);
    step_after(&verdict, &policy, REASON_REFUSED, 0, 3000);
    assert_int_equal(verdict.decides_ms, 3500);
}

static void waits(void **state)
{
    (void)state;
    struct verdict verdict = fresh();
    assert_int_equal(verdict_next(&verdict, &usual, 0).wait_ms, 2000);
    verdict = up();
    assert_int_equal(verdict_next(&verdict, &usual, 0).wait_ms, 2000);
    step(&verdict, &usual, REASON_REFUSED, 3000);
    assert_int_equal(verdict_next(&verdict, &usual, 0).wait_ms, 500);
    step(&verdict, &usual, REASON_LOCAL, 3500);
    assert_int_equal(verdict_next(&verdict, &usual, 0).wait_ms, 500);
    step(&verdict, &usual, REASON_REFUSED, 4000);
    assert_int_equal(verdict_next(&verdict, &usual, 0).wait_ms, 2000);
    step(&verdict, &usual, REASON_OK, 6000);
    assert_int_equal(verdict_next(&verdict, &usual, 0).wait_ms, 2000);
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
 * `rise` good ones; a second count, kept apart, must agree. */
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
            unsigned bad = 0, good = 0;
            bool is_down = false;
            for (int64_t now_ms = 1000; now_ms < 500000; now_ms += 100) {
                enum reason reason = reasons[(unsigned)rand_r(&seed) % 5];
                enum verdict_status before = verdict.status;
                step(&verdict, &policy, reason, now_ms);
                if (reason == REASON_OK) {
                    good++;
                    bad = 0;
                } else if (reason == REASON_REFUSED) {
                    bad++;
                    good = 0;
                }
                is_down = is_down ? good < rise : bad >= fall;
                assert_int_equal(verdict.status == VERDICT_DOWN, is_down);
                assert_int_equal(verdict.status == VERDICT_SUSPECT, !is_down && bad > 0);
                if (before != verdict.status)
                    assert_int_equal(verdict.since_ms, now_ms);
                assert_int_equal(verdict.decides_ms != 0, verdict.status == VERDICT_SUSPECT);
            }
        }
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
        cmocka_unit_test(forced),
        cmocka_unit_test(forced_goes_on_judging),
        cmocka_unit_test(detail_is_always_closed),
        cmocka_unit_test(words),
        cmocka_unit_test(random_rows_agree_with_counting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
