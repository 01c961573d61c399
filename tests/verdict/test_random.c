/* SPDX-License-Identifier: BSD-2-Clause */
/* Whatever comes in whatever order, some things always hold of a verdict. Long rows of random
 * outcomes from fixed seeds; beside each verdict goes one that nothing holds back. */
#include "verdict/return.h"
#include "verdict/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { RUNS = 60, STEPS = 20000 };

struct run {
    unsigned seed;
    int64_t now_ms;
    struct verdict_policy policy, open; /* the open one holds nothing back */
    struct verdict verdict, twin;
    unsigned downs, ups, helds, revokes;
};

static unsigned below(struct run *run, unsigned limit)
{
    return (unsigned)rand_r(&run->seed) % limit;
}

static void start(struct run *run, unsigned seed)
{
    *run = (struct run){.seed = seed, .now_ms = 1000000};
    run->policy = (struct verdict_policy){
        .fall = 1 + below(run, 4),
        .rise = 1 + below(run, 4),
        .interval_ms = 2000,
        .service_interval_ms = below(run, 4) ? 30000 : 1000,
        .recheck_ms = 500,
        .timeout_ms = 10000,
        .doubt_ms = below(run, 3) * 300000,
        .hold_ms = 30000 * (1 + below(run, 40)),
        .slow_start_ms = below(run, 2) * 300000,
        .alarm_ms = 120000,
        .drain_ms = 300000,
        .return_manual = below(run, 8) == 0,
    };
    run->open = run->policy;
    run->open.hold_ms = run->open.slow_start_ms = 0;
    run->open.return_manual = false;
    verdict_init(&run->verdict, run->now_ms);
    verdict_init(&run->twin, run->now_ms);
}

/* Long spells of good ones, long spells of bad ones, and all kinds of either. */
static struct outcome some_outcome(struct run *run)
{
    struct outcome outcome = {.rtt_us = below(run, 100) * 1000};
    bool good = run->now_ms / 600000 % 3 ? below(run, 50) != 0 : below(run, 3) == 0;
    outcome.depth = below(run, 3) ? verdict_next(&run->verdict, &run->policy, run->now_ms).depth
                                  : (enum probe_depth)below(run, PROBE_DEPTHS);
    outcome.reason = good ? REASON_OK : (enum reason)(1 + below(run, REASON_COUNT - 1));
    outcome.confirmed = below(run, 2);
    outcome.revoked = outcome.reason == REASON_OK && below(run, 6) == 0;
    if (below(run, 2))
        outcome.step_us[TIMED_HELLO] = 1000;
    if (below(run, 20) == 0)
        outcome.warning = REASON_CERT_EXPIRES;
    return outcome;
}

static void check_state(const struct run *run)
{
    const struct verdict *verdict = &run->verdict;
    bool suspect = verdict->status == VERDICT_SUSPECT, down = verdict->status == VERDICT_DOWN;
    struct probe_next next = verdict_next(verdict, &run->policy, run->now_ms);
    enum vote vote = verdict_vote(verdict);
    uint32_t cap_s = verdict_ttl_cap_s(verdict, run->now_ms);
    char text[VERDICT_OUTLOOK_SIZE];

    assert_int_equal(verdict->decides_ms != 0, suspect);
    assert_true(verdict->held == HELD_NOT || down);
    assert_true(run->twin.status != VERDICT_DOWN || down); /* never later than without damping */
    assert_true(run->twin.held == HELD_NOT);
    assert_in_range(verdict_percent(verdict, &run->policy, run->now_ms), 10, 100);
    assert_true(return_penalty(verdict, run->now_ms) < FLAP_SUPPRESS + FLAP_PENALTY);
    assert_in_range(next.wait_ms, 1, 2 * run->policy.interval_ms);
    assert_true(next.depth != DEPTH_ROUND_TRIP);
    assert_true(!next.exact || suspect);
    assert_true(cap_s >= 1 && (cap_s == UINT32_MAX || suspect || !verdict->probed));
    if (verdict->forced == FORCED_NOT)
        assert_int_equal(vote == VOTE_DOWN || vote == VOTE_SICK || vote == VOTE_HELD,
                         down && !(verdict->held && verdict->undelivered));
    assert_true(verdict->status != VERDICT_UP || verdict->bad == 0);
    assert_true(verdict->status != VERDICT_UP || verdict->failed_depth == DEPTH_LIVENESS);
    verdict_outlook(verdict, &run->policy, run->now_ms, text, sizeof text);
    assert_in_range(strlen(text), 5, sizeof text - 2);
}

/* What one outcome may do. */
static void check_step(struct run *run, const struct verdict *before, const struct outcome *outcome,
                       bool changed)
{
    const struct verdict *after = &run->verdict;
    enum outcome_status status = reason_status(outcome->reason);
    bool falls = before->status != VERDICT_DOWN && after->status == VERDICT_DOWN;
    bool rises = before->status == VERDICT_DOWN && after->status != VERDICT_DOWN;

    if (!changed) {
        assert_int_equal(before->status, after->status);
        assert_int_equal(verdict_vote(before), verdict_vote(after));
        assert_int_equal(before->percent, after->percent);
    }
    if (outcome->depth == DEPTH_ROUND_TRIP || status == OUTCOME_UNKNOWN)
        assert_true(!falls && !rises && before->bad == after->bad && before->good == after->good);
    if (falls) {
        assert_int_equal(status, OUTCOME_FAIL);
        assert_true(after->bad >= run->policy.fall);
        run->downs++;
    }
    if (falls && before->last_good_ms >= 0) {
        bool forgotten = run->now_ms - before->returned_ms >= FLAP_FORGET_MS;
        assert_int_equal(after->falls, forgotten ? 1 : before->falls + 1);
        assert_true(after->held_until_ms >= run->now_ms + run->policy.hold_ms);
        if (after->falls > 1) /* doubled, but for the most */
            assert_true(
                after->held_until_ms - run->now_ms >=
                (2 * run->policy.hold_ms < HOLD_MAX_MS ? 2 * run->policy.hold_ms : HOLD_MAX_MS));
        assert_float_equal(after->penalty, return_penalty(before, run->now_ms) + FLAP_PENALTY, .01);
    }
    if (rises) {
        bool doubt = reason_evidence(outcome->reason) == EVIDENCE_DOUBT;
        assert_true(status == OUTCOME_OK || doubt);
        assert_true(outcome->revoked || run->now_ms >= before->held_until_ms || !before->falls);
        assert_true(outcome->revoked || !run->policy.return_manual || !before->falls);
        run->ups++;
        run->revokes += outcome->revoked;
    }
    run->helds += after->held != HELD_NOT && before->held == HELD_NOT;
}

static void pass_time(struct run *run)
{
    struct verdict before = run->verdict;
    int64_t ms = below(run, 5000) == 0 ? (int64_t)below(run, 48) * 3600 * 1000 : below(run, 4000);
    run->now_ms += 1 + ms;
    assert_true(return_penalty(&run->verdict, run->now_ms) <=
                return_penalty(&before, run->now_ms - 1 - ms));
    bool changed = verdict_tick(&run->verdict, &run->policy, run->now_ms);
    assert_int_equal(changed, run->verdict.percent != before.percent);
    assert_true(before.forced != FORCED_NOT || run->verdict.percent >= before.percent);
    before.percent = run->verdict.percent; /* and nothing else */
    assert_int_equal(run->verdict.status, before.status);
    assert_int_equal(verdict_vote(&run->verdict), verdict_vote(&before));
}

static void meddle(struct run *run)
{
    enum verdict_status before = run->verdict.status;
    switch (below(run, 400)) {
    case 0:
        verdict_force(&run->verdict, (enum verdict_forced)below(run, 4));
        break;
    case 1:
        verdict_force(&run->verdict, FORCED_NOT);
        if (verdict_release(&run->verdict, run->now_ms))
            assert_int_equal(before, VERDICT_DOWN);
        break;
    case 2:
        verdict_late(&run->verdict, run->now_ms + 1000, run->now_ms);
        verdict_late(&run->twin, run->now_ms + 1000, run->now_ms);
        break;
    default:
        break;
    }
    assert_true(before == VERDICT_DOWN || run->verdict.status != VERDICT_DOWN);
}

/* How all probes end from now on: those of the greeting, and those of the whole dialogue. */
struct fate {
    enum reason greeting, dialogue;
};

/* How long it takes to that status, with probes as they are asked for. */
static int64_t until(struct verdict verdict, const struct verdict_policy *policy,
                     enum verdict_status status, struct fate fate, int64_t now_ms)
{
    const int64_t start_ms = now_ms;
    while (verdict.status != status && now_ms - start_ms < 2 * HOLD_MAX_MS) {
        struct probe_next next = verdict_next(&verdict, policy, now_ms);
        const struct outcome outcome = {
            .depth = next.depth,
            .reason = next.depth == DEPTH_SERVICE ? fate.dialogue : fate.greeting,
            .confirmed = true,
            .rtt_us = 7000,
        };
        now_ms += next.wait_ms;
        verdict_step(&verdict, policy, &outcome, now_ms);
    }
    return now_ms - start_ms;
}

/* Whatever was before: who is well comes back soon after what holds it, also where it refuses our
 * login for ever; who is dead goes, and who is sick in the midst of a dialogue. */
static void check_ends(const struct run *run)
{
    static const struct fate well = {REASON_OK, REASON_OK},
                             refusing = {REASON_OK, REASON_LOGIN_REFUSED},
                             sick = {REASON_OK, REASON_LOGIN_UNAVAILABLE};
    static const enum reason deaths[] = {REASON_REFUSED, REASON_CONNECT_TIMEOUT,
                                         REASON_GREETING_4XX};
    const struct verdict_policy *policy = &run->policy;
    const struct verdict *verdict = &run->verdict;
    int64_t held_ms =
        verdict->held_until_ms > run->now_ms ? verdict->held_until_ms - run->now_ms : 0;
    int64_t services_ms = 2 * policy->service_interval_ms;
    int64_t greetings_ms = (2 * policy->rise + 3) * policy->interval_ms;

    if (!policy->return_manual)
        assert_true(until(*verdict, policy, VERDICT_UP, well, run->now_ms) <=
                    held_ms + services_ms + greetings_ms);
    if (!policy->return_manual && verdict->failed_depth == DEPTH_LIVENESS)
        assert_true(until(*verdict, policy, VERDICT_UP, refusing, run->now_ms) <=
                    held_ms + 2 * services_ms + greetings_ms);
    for (unsigned i = 0; i < sizeof deaths / sizeof *deaths; i++)
        assert_true(until(*verdict, policy, VERDICT_DOWN, (struct fate){deaths[i], deaths[i]},
                          run->now_ms) <= (policy->fall + 1) * policy->interval_ms);
    assert_true(until(*verdict, policy, VERDICT_DOWN, sick, run->now_ms) <=
                2 * services_ms + (policy->fall + 2) * policy->interval_ms);
}

static void always(void **state)
{
    unsigned downs = 0, ups = 0, helds = 0, revokes = 0;
    (void)state;
    for (unsigned seed = 1; seed <= RUNS; seed++) {
        struct run run;
        start(&run, seed);
        for (unsigned i = 0; i < STEPS; i++) {
            pass_time(&run);
            meddle(&run);
            struct verdict before = run.verdict;
            struct outcome outcome = some_outcome(&run);
            bool changed = verdict_step(&run.verdict, &run.policy, &outcome, run.now_ms);
            verdict_step(&run.twin, &run.open, &outcome, run.now_ms);
            check_step(&run, &before, &outcome, changed);
            check_state(&run);
            if (i % 64 == 0)
                check_ends(&run);
        }
        downs += run.downs, ups += run.ups, helds += run.helds, revokes += run.revokes;
    }
    assert_true(downs > 1000 && ups > 1000 && helds > 1000 && revokes > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(always)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
