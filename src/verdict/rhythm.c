/* SPDX-License-Identifier: BSD-2-Clause */
/* When the next probe is, and how deep: the service rhythm rides on the liveness rhythm. */
#include "verdict/rhythm.h"

#include "verdict/return.h"

/* A refusal costs both ends next to nothing, and a server that is being restarted refuses for a
 * moment only. */
enum { REFUSAL_RECHECK_MS = 20 };

/* What a router says may be said of our own uplink: others need time to show that it is not. */
enum { UNREACHABLE_RECHECK_MS = 350 };

bool rhythm_is_about_us(enum reason reason)
{
    return reason == REASON_PROBER_REFUSED || reason == REASON_PROBER_BLOCKED ||
           reason == REASON_LOGIN_REFUSED || reason == REASON_RECIPIENT_REFUSED;
}

int64_t rhythm_recheck_ms(const struct verdict_policy *policy, enum reason reason)
{
    if (reason_evidence(reason) != EVIDENCE_REFUSAL)
        return policy->recheck_ms;
    int64_t quick_ms = reason == REASON_UNREACHABLE ? UNREACHABLE_RECHECK_MS : REFUSAL_RECHECK_MS;
    return policy->recheck_ms > quick_ms ? quick_ms : policy->recheck_ms;
}

/* Targets that were added together must not do the dear part together, for ever: the first time is
 * cut short, by an amount that only looks like chance. */
static int64_t first_service_wait_ms(const struct verdict_policy *policy, int64_t now_ms)
{
    uint64_t mixed = (uint64_t)now_ms * UINT64_C(0x9e3779b97f4a7c15) >> 32;
    int64_t half_ms = policy->service_interval_ms / 2;
    return half_ms + (int64_t)(mixed % (uint64_t)(half_ms + 1));
}

/* It passes, and is held back: asked again when that ends, or at the usual time before it. */
static int64_t held_wait_ms(const struct verdict *verdict, const struct verdict_policy *policy,
                            int64_t now_ms)
{
    int64_t left_ms = verdict->held_until_ms - now_ms;
    if (left_ms <= 0 || left_ms > policy->service_interval_ms)
        return policy->service_interval_ms;
    return left_ms > policy->interval_ms ? left_ms : policy->interval_ms;
}

static int64_t service_wait_ms(const struct verdict *verdict, const struct verdict_policy *policy,
                               int64_t now_ms)
{
    int64_t interval_ms = policy->service_interval_ms;
    if (rhythm_is_about_us(verdict->unheard)) /* and greetings in between, however rare those are */
        return 2 * (interval_ms > policy->interval_ms ? interval_ms : policy->interval_ms);
    bool fails = verdict->failed_depth == DEPTH_SERVICE;
    if (fails && verdict->held != HELD_NOT)
        return held_wait_ms(verdict, policy, now_ms);
    if (verdict->status != VERDICT_DOWN || return_is_passing(verdict, policy) ||
        (!fails && verdict->service_good))
        return interval_ms;
    if (fails && verdict->good) /* it passes again: the rest of `rise` */
        return policy->interval_ms;
    return interval_ms / 6 > policy->interval_ms ? interval_ms / 6 : policy->interval_ms;
}

void rhythm_plan_service(struct verdict *verdict, const struct verdict_policy *policy,
                         enum reason reason, bool first, int64_t now_ms)
{
    bool ours = reason_status(reason) == OUTCOME_UNKNOWN && !rhythm_is_about_us(reason);
    if (ours && verdict->status == VERDICT_DOWN)
        return; /* its return waits for it: again, at the next turn */
    verdict->service_due_ms = now_ms + (first ? first_service_wait_ms(policy, now_ms)
                                              : service_wait_ms(verdict, policy, now_ms));
}

static struct probe_next next_suspect(const struct verdict *verdict,
                                      const struct verdict_policy *policy)
{
    bool heard = verdict->unheard == REASON_NONE || verdict->unheard_depth > verdict->failed_depth;
    return (struct probe_next){
        .wait_ms = heard ? rhythm_recheck_ms(policy, verdict->reason) : policy->recheck_ms,
        .depth = verdict->failed_depth,
        .exact = true,
    };
}

struct probe_next verdict_next(const struct verdict *verdict, const struct verdict_policy *policy,
                               int64_t now_ms)
{
    bool refuses_us = rhythm_is_about_us(verdict->unheard);
    bool backs_off = refuses_us && verdict->unheard_depth == DEPTH_LIVENESS;
    bool may_recheck = !refuses_us || verdict->unheard_depth > verdict->failed_depth;
    if (verdict->status == VERDICT_SUSPECT && may_recheck)
        return next_suspect(verdict, policy);
    int64_t wait_ms = backs_off ? 2 * policy->interval_ms : policy->interval_ms;
    bool whole = now_ms + wait_ms >= verdict->service_due_ms;
    return (struct probe_next){
        .wait_ms = wait_ms,
        .depth = whole ? DEPTH_SERVICE : DEPTH_LIVENESS,
        .down = verdict->status == VERDICT_DOWN,
    };
}
