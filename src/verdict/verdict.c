/* SPDX-License-Identifier: BSD-2-Clause */
/* The verdict machine. Pure.
 *
 *            FAIL, fall > 1                 FAIL, the fall-th in a row
 *    UP  ----------------------> SUSPECT -------------------------------> DOWN
 *     ^ \                           |                                      |
 *     |  `-- FAIL, fall = 1 --------|--------------------------------->    |
 *     |                             |                                      |
 *     |<---------- OK --------------'                                      |
 *     `<---------------------------------- OK, the rise-th in a row -------'
 *
 *    UNKNOWN moves nothing, and breaks no row of good or bad outcomes either. */
#include "verdict/verdict.h"

#include <string.h>

void verdict_init(struct verdict *verdict, int64_t now_ms)
{
    *verdict = (struct verdict){
        .status = VERDICT_UP,
        .since_ms = now_ms,
        .rtt_us = -1,
        .service_due_ms = now_ms,
        .last_probe_ms = -1,
        .last_good_ms = -1,
    };
}

static void set_status(struct verdict *verdict, enum verdict_status status, int64_t now_ms)
{
    if (verdict->status == status)
        return;
    verdict->status = status;
    verdict->since_ms = now_ms;
}

static void set_reason(struct verdict *verdict, const struct outcome *outcome)
{
    verdict->reason = outcome->reason;
    memcpy(verdict->detail, outcome->detail, sizeof verdict->detail);
    verdict->detail[sizeof verdict->detail - 1] = '\0';
}

/* When the remaining probes fail as the last one did: each starts a recheck after the start of the
 * one before, or as soon as that has ended. A host that refuses is down within moments, one that is
 * silent takes its whole time again. */
static int64_t expected_verdict_ms(const struct verdict *verdict,
                                   const struct verdict_policy *policy,
                                   const struct outcome *outcome, int64_t now_ms)
{
    int64_t took_ms = outcome->rtt_us / 1000;
    if (outcome->rtt_us < 0 || took_ms > policy->timeout_ms)
        took_ms = policy->timeout_ms;
    int64_t each_ms = policy->recheck_ms > took_ms ? policy->recheck_ms : took_ms;
    return now_ms + (policy->fall - verdict->bad) * each_ms;
}

static void step_fail(struct verdict *verdict, const struct verdict_policy *policy,
                      const struct outcome *outcome, int64_t now_ms)
{
    if (verdict->status == VERDICT_DOWN)
        return;
    if (verdict->bad >= policy->fall) {
        set_status(verdict, VERDICT_DOWN, now_ms);
        verdict->decides_ms = 0;
        return;
    }
    int64_t expected_ms = expected_verdict_ms(verdict, policy, outcome, now_ms);
    /* What was promised is never put off. */
    if (verdict->status != VERDICT_SUSPECT || expected_ms < verdict->decides_ms)
        verdict->decides_ms = expected_ms;
    set_status(verdict, VERDICT_SUSPECT, now_ms);
}

static void step_ok(struct verdict *verdict, const struct verdict_policy *policy, int64_t now_ms)
{
    if (verdict->status == VERDICT_DOWN && verdict->good < policy->rise)
        return;
    if (verdict->status == VERDICT_DOWN)
        verdict->returned_ms = now_ms;
    set_status(verdict, VERDICT_UP, now_ms);
    verdict->decides_ms = 0;
}

bool verdict_step(struct verdict *verdict, const struct verdict_policy *policy,
                  const struct outcome *outcome, int64_t now_ms)
{
    const struct verdict before = *verdict;
    verdict->probed = true;
    verdict->probes++;
    verdict->last_probe_ms = now_ms;
    if (outcome->depth == DEPTH_SERVICE)
        verdict->service_due_ms = now_ms + policy->service_interval_ms;
    switch (reason_status(outcome->reason)) {
    case OUTCOME_UNKNOWN:
        verdict->unknowns++;
        if (!verdict->known)
            set_reason(verdict, outcome);
        break;
    case OUTCOME_FAIL:
        verdict->known = true;
        verdict->failures++;
        verdict->bad++;
        verdict->good = 0;
        set_reason(verdict, outcome);
        step_fail(verdict, policy, outcome, now_ms);
        break;
    case OUTCOME_OK:
        verdict->known = true;
        verdict->good++;
        verdict->bad = 0;
        verdict->rtt_us = outcome->rtt_us;
        verdict->last_good_ms = now_ms;
        step_ok(verdict, policy, now_ms);
        if (verdict->status == VERDICT_UP)
            set_reason(verdict, outcome);
        break;
    }
    return verdict->status != before.status || verdict->known != before.known ||
           verdict->probed != before.probed || verdict_vote(verdict) != verdict_vote(&before);
}

bool verdict_force(struct verdict *verdict, enum verdict_forced forced)
{
    bool changed = verdict->forced != forced;
    verdict->forced = forced;
    return changed;
}

struct probe_next verdict_next(const struct verdict *verdict, const struct verdict_policy *policy,
                               int64_t now_ms)
{
    bool suspect = verdict->status == VERDICT_SUSPECT;
    bool whole = verdict->status != VERDICT_UP || now_ms >= verdict->service_due_ms;
    return (struct probe_next){
        .wait_ms = suspect ? policy->recheck_ms : policy->interval_ms,
        .depth = whole ? DEPTH_SERVICE : DEPTH_LIVENESS,
        .exact = suspect,
    };
}

enum vote verdict_vote(const struct verdict *verdict)
{
    if (verdict->forced == FORCED_UP)
        return VOTE_UP;
    if (verdict->forced == FORCED_DOWN)
        return VOTE_DOWN;
    bool drained = verdict->forced == FORCED_DRAIN || verdict->undelivered;
    if (verdict->status == VERDICT_DOWN && verdict->held == HELD_NOT)
        return reason_passes(verdict->reason) && !drained ? VOTE_SICK : VOTE_DOWN;
    if (drained)
        return VOTE_DRAINED;
    if (verdict->held != HELD_NOT)
        return VOTE_HELD;
    return verdict->probed && !verdict->known ? VOTE_ABSTAIN : VOTE_UP;
}

/* In steps of 10, the last one when the time is over. */
unsigned verdict_percent(const struct verdict *verdict, const struct verdict_policy *policy,
                         int64_t now_ms)
{
    int64_t spent_ms = now_ms - verdict->returned_ms;
    if (!verdict->returned_ms || policy->slow_start_ms <= 0 || verdict->forced == FORCED_UP ||
        spent_ms >= policy->slow_start_ms)
        return 100;
    int64_t steps = (100 - SLOW_START_PERCENT) / 10;
    return SLOW_START_PERCENT + (unsigned)(10 * (spent_ms * steps / policy->slow_start_ms));
}

bool verdict_tick(struct verdict *verdict, const struct verdict_policy *policy, int64_t now_ms)
{
    return verdict->returned_ms && now_ms - verdict->returned_ms < policy->slow_start_ms + 1000;
}

uint32_t verdict_ttl_cap_s(const struct verdict *verdict, int64_t now_ms)
{
    if (verdict->forced != FORCED_NOT)
        return UINT32_MAX;
    if (!verdict->probed)
        return 1;
    if (verdict->status != VERDICT_SUSPECT)
        return UINT32_MAX;
    int64_t left_ms = verdict->decides_ms - now_ms;
    int64_t left_s = (left_ms + 999) / 1000;
    if (left_s >= UINT32_MAX)
        return UINT32_MAX - 1;
    return left_s < 1 ? 1 : (uint32_t)left_s;
}

const char *verdict_status_word(enum verdict_status status)
{
    static const char *const words[] = {
        [VERDICT_UP] = "up", [VERDICT_SUSPECT] = "suspect", [VERDICT_DOWN] = "down"};
    return words[status];
}

const char *verdict_forced_word(enum verdict_forced forced)
{
    static const char *const words[] = {
        [FORCED_NOT] = NULL, [FORCED_UP] = "up", [FORCED_DOWN] = "down", [FORCED_DRAIN] = "drain"};
    return words[forced];
}
