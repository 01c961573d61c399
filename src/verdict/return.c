/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds, damping and the slow start.
 *
 * Three reasons to keep a host out that answers again: one that crashed tends to crash again,
 * within a minute or by tomorrow (the hold, doubled by each fall, remembered for a day); one that
 * comes and goes harms more than one that is gone (the penalty, as in RFC 2439); and one that is
 * just back must not get the backlog of all senders at once (the slow start). */
#include "verdict/return.h"

#include <math.h>

double return_penalty(const struct verdict *verdict, int64_t now_ms)
{
    return verdict->penalty *
           exp2(-(double)(now_ms - verdict->penalty_ms) / (double)FLAP_HALF_LIFE_MS);
}

int64_t return_damped_until_ms(const struct verdict *verdict)
{
    if (verdict->penalty < FLAP_SUPPRESS) /* a restart is no flapping */
        return verdict->penalty_ms;
    double half_lives = log2(verdict->penalty / FLAP_READMIT);
    return verdict->penalty_ms + (int64_t)ceil(half_lives * FLAP_HALF_LIFE_MS);
}

bool return_is_passing(const struct verdict *verdict, const struct verdict_policy *policy)
{
    return verdict->good >= policy->rise && verdict->service_good;
}

static int64_t hold_of_fall(const struct verdict_policy *policy, unsigned falls)
{
    int64_t hold_ms = policy->hold_ms;
    for (unsigned i = 1; i < falls && hold_ms < HOLD_MAX_MS; i++)
        hold_ms = hold_ms * 2 < HOLD_MAX_MS ? hold_ms * 2 : HOLD_MAX_MS;
    return hold_ms;
}

void return_fell(struct verdict *verdict, const struct verdict_policy *policy, int64_t now_ms)
{
    verdict->revocable = reason_evidence(verdict->reason) == EVIDENCE_SILENCE;
    verdict->held_until_ms = 0;
    if (verdict->last_good_ms < 0)
        return;
    if (now_ms - verdict->returned_ms >= FLAP_FORGET_MS)
        verdict->falls = 0;
    verdict->falls++;
    if (!policy->hold_ms)
        return;
    verdict->penalty = return_penalty(verdict, now_ms) + FLAP_PENALTY;
    verdict->penalty_ms = now_ms;
    int64_t damped_until_ms = return_damped_until_ms(verdict);
    int64_t held_until_ms = now_ms + hold_of_fall(policy, verdict->falls);
    verdict->held_until_ms = held_until_ms > damped_until_ms ? held_until_ms : damped_until_ms;
}

void return_revoked(struct verdict *verdict, int64_t now_ms)
{
    verdict->held = HELD_NOT;
    if (verdict->falls)
        verdict->falls--;
    if (!verdict->held_until_ms)
        return;
    verdict->held_until_ms = 0;
    double cost =
        FLAP_PENALTY * exp2(-(double)(now_ms - verdict->since_ms) / (double)FLAP_HALF_LIFE_MS);
    double left = return_penalty(verdict, now_ms) - cost;
    verdict->penalty = left > 0 ? left : 0;
    verdict->penalty_ms = now_ms;
}

static enum verdict_held held_by(const struct verdict *verdict, const struct verdict_policy *policy,
                                 int64_t now_ms)
{
    if (policy->return_manual)
        return HELD_MANUAL;
    if (!policy->hold_ms || now_ms >= verdict->held_until_ms)
        return HELD_NOT;
    return verdict->held_until_ms > return_damped_until_ms(verdict) ? HELD_TIME : HELD_DAMPED;
}

bool return_passed(struct verdict *verdict, const struct verdict_policy *policy, int64_t now_ms)
{
    if (!verdict->falls) /* it was never up: this is its first verdict */
        return true;
    verdict->held = held_by(verdict, policy, now_ms);
    if (verdict->held != HELD_NOT)
        return false;
    verdict->returned_ms = now_ms;
    return true;
}

bool verdict_release(struct verdict *verdict, int64_t now_ms)
{
    bool held = verdict->held != HELD_NOT;
    verdict->held_until_ms = 0;
    verdict->penalty = 0;
    if (!held)
        return false;
    verdict->held = HELD_NOT;
    verdict->status = VERDICT_UP;
    verdict->failed_depth = DEPTH_LIVENESS;
    verdict->service_good = false;
    verdict->since_ms = verdict->returned_ms = now_ms;
    return true;
}

unsigned verdict_percent(const struct verdict *verdict, const struct verdict_policy *policy,
                         int64_t now_ms)
{
    int64_t back_ms = now_ms - verdict->returned_ms;
    if (!verdict->returned_ms || back_ms >= policy->slow_start_ms ||
        verdict->status == VERDICT_DOWN || verdict->forced != FORCED_NOT)
        return 100;
    int64_t percent = SLOW_START_PERCENT + (100 - SLOW_START_PERCENT) *
                                               (back_ms > 0 ? back_ms : 0) / policy->slow_start_ms;
    return (unsigned)(percent / 10 * 10);
}
