/* SPDX-License-Identifier: BSD-2-Clause */
/* The verdict machine. Pure.
 *
 *          bad, fall > 1; a probe is late              bad, the fall-th in a row; silence,
 * confirmed UP ------------------------------------> SUSPECT ------------------------------> DOWN
 *     ^ \                                        |                                     |  ^
 *     |  `-- bad, fall = 1; silence, confirmed --|---------------------------------->  |  |
 *     |                                          |                                     |  |
 *     |<---- good; it was only late -------------'                                     |  |
 *     |<---- its silence is revoked ---------------------------------------------------|  | bad
 *     |<---- passing for the first time ever ------------------------------------------|  |
 *     |                                                                        passing |  |
 *     |                                                                                v  |
 *     `<---- good, and hold, damping and operator let it ----------------------- DOWN and held
 *
 *    passing  the rise-th good one in a row, and one of them (or since) a whole dialogue
 *    bad      FAIL, of any kind but doubt; doubt once it has lasted, or after another bad one
 *    good     OK, as deep as what failed: a greeting mends no failure behind the greeting
 *    UNKNOWN  moves nothing, and breaks no row of good or bad outcomes either; it ends what a probe
 *             that was late had begun */
#include "verdict/verdict.h"

#include "verdict/return.h"
#include "verdict/rhythm.h"

#include <string.h>

/* A verdict that is due for so long does not come: the host refuses to show us more, or our uplink
 * is frozen. */
enum { OVERDUE_MS = 60 * 1000 };

void verdict_init(struct verdict *verdict, int64_t now_ms)
{
    *verdict = (struct verdict){
        .status = VERDICT_UP,
        .since_ms = now_ms,
        .rtt_us = -1,
        .service_due_ms = now_ms,
        .last_probe_ms = -1,
        .last_good_ms = -1,
        .percent = 100,
    };
    for (unsigned depth = 0; depth < PROBE_DEPTHS; depth++)
        verdict->last[depth].at_ms = -1;
}

static void set_status(struct verdict *verdict, enum verdict_status status, int64_t now_ms)
{
    if (status != VERDICT_SUSPECT)
        verdict->decides_ms = 0;
    if (verdict->status == status)
        return;
    verdict->status = status;
    verdict->since_ms = now_ms;
}

static void copy_detail(char *copy, const char *detail)
{
    memcpy(copy, detail, OUTCOME_DETAIL_SIZE);
    copy[OUTCOME_DETAIL_SIZE - 1] = '\0';
}

static void set_reason(struct verdict *verdict, const struct outcome *outcome)
{
    verdict->reason = outcome->reason;
    copy_detail(verdict->detail, outcome->detail);
}

/* ---- what an outcome speaks of ---- */

/* How deep it looked before it ended: a service probe that is refused at connect says no more than
 * a liveness probe. */
static enum probe_depth outcome_level(const struct outcome *outcome)
{
    if (outcome->depth == DEPTH_LIVENESS || outcome->revoked)
        return DEPTH_LIVENESS;
    switch (outcome->reason) {
    case REASON_REFUSED:
    case REASON_UNREACHABLE:
    case REASON_CONNECT_TIMEOUT:
    case REASON_GREETING_TIMEOUT:
    case REASON_GREETING_CLOSED:
    case REASON_GREETING_BAD:
    case REASON_GREETING_4XX:
    case REASON_GREETING_5XX:
    case REASON_PROBER_BLOCKED:
    case REASON_UPLINK:
    case REASON_LOCAL:
    case REASON_LATE:
    case REASON_CANCELLED:
        return DEPTH_LIVENESS;
    case REASON_PROBER_REFUSED: /* by the greeting, or behind it? */
        return outcome->step_us[TIMED_HELLO] ? DEPTH_SERVICE : DEPTH_LIVENESS;
    default:
        return outcome->depth;
    }
}

/* How far into the dialogue: more than what came less far. */
static unsigned outcome_reach(const struct outcome *outcome)
{
    static const enum outcome_step order[] = {TIMED_HELLO, TIMED_TLS,  TIMED_LOGIN,
                                              TIMED_MAIL,  TIMED_RCPT, TIMED_SELECT};
    unsigned reach = 0;
    for (unsigned i = 0; i < sizeof order / sizeof *order; i++)
        if (outcome->step_us[order[i]])
            reach = i + 1;
    return reach;
}

static void note_warning(struct verdict *verdict, const struct outcome *outcome)
{
    bool says_nothing = reason_status(outcome->reason) == OUTCOME_UNKNOWN;
    enum probe_depth level = outcome_level(outcome);
    if (level < verdict->warning_depth || (says_nothing && outcome->warning == REASON_NONE))
        return;
    verdict->warning = outcome->warning;
    verdict->warning_depth = outcome->warning == REASON_NONE ? DEPTH_LIVENESS : level;
    copy_detail(verdict->warning_detail, outcome->warning_detail);
}

static void note_outcome(struct verdict *verdict, const struct outcome *outcome, int64_t now_ms)
{
    struct verdict_trace *trace = &verdict->last[outcome->depth];
    trace->at_ms = now_ms;
    trace->reason = outcome->reason;
    trace->sessions = outcome->sessions;
    memcpy(trace->step_us, outcome->step_us, sizeof trace->step_us);
    if (outcome->depth == DEPTH_ROUND_TRIP) /* tells of deliveries, and of nothing else */
        return;
    note_warning(verdict, outcome);
    if (outcome->certificate_ends_s)
        verdict->certificate_ends_s = outcome->certificate_ends_s;
    if (reason_status(outcome->reason) != OUTCOME_UNKNOWN &&
        outcome_level(outcome) >= verdict->unheard_depth)
        verdict->unheard = REASON_NONE;
}

/* ---- bad ---- */

/* How long the probe took: until its greeting, and from there step by step. */
static int64_t took_ms(const struct verdict_policy *policy, const struct outcome *outcome)
{
    int64_t steps_us = 0;
    for (unsigned i = 0; i < TIMED_STEPS; i++)
        steps_us += outcome->step_us[i];
    int64_t ms = (outcome->rtt_us > steps_us ? outcome->rtt_us : steps_us) / 1000;
    return outcome->rtt_us < 0 || ms > policy->timeout_ms ? policy->timeout_ms : ms;
}

/* When the remaining probes fail as the last one did: each starts a recheck after the start of the
 * one before, or as soon as that has ended. A host that refuses is down within moments, one that is
 * silent takes its whole time again. */
static int64_t expected_verdict_ms(const struct verdict *verdict,
                                   const struct verdict_policy *policy,
                                   const struct outcome *outcome, int64_t now_ms)
{
    int64_t took = took_ms(policy, outcome), recheck = rhythm_recheck_ms(policy, outcome->reason);
    return now_ms + (policy->fall - verdict->bad) * (recheck > took ? recheck : took);
}

static void step_bad(struct verdict *verdict, const struct verdict_policy *policy,
                     const struct outcome *outcome, int64_t now_ms)
{
    bool silent = reason_evidence(outcome->reason) == EVIDENCE_SILENCE;
    verdict->bad++;
    if (silent && outcome->confirmed && verdict->bad < policy->fall)
        verdict->bad = policy->fall;
    verdict->revocable &= silent && !verdict->good;
    verdict->good = 0;
    verdict->service_good = false;
    verdict->held = HELD_NOT;
    verdict->failed_depth = outcome_level(outcome);
    verdict->failed_reach = outcome_reach(outcome);
    if (verdict->failed_depth == DEPTH_LIVENESS)
        verdict->doubt_since_ms = 0; /* nothing behind the greeting lasts through that */
    set_reason(verdict, outcome);
    if (verdict->status == VERDICT_DOWN)
        return;
    if (verdict->bad >= policy->fall) {
        set_status(verdict, VERDICT_DOWN, now_ms);
        return_fell(verdict, policy, now_ms);
        return;
    }
    int64_t expected_ms = expected_verdict_ms(verdict, policy, outcome, now_ms);
    /* What was promised is never put off. */
    if (verdict->status != VERDICT_SUSPECT || expected_ms < verdict->decides_ms)
        verdict->decides_ms = expected_ms;
    set_status(verdict, VERDICT_SUSPECT, now_ms);
}

/* ---- good ---- */

/* Something as deep as what failed has gone well. */
static void step_good(struct verdict *verdict, const struct verdict_policy *policy, int64_t now_ms)
{
    verdict->good++;
    verdict->bad = 0;
    if (verdict->status == VERDICT_DOWN) {
        /* Soon to be passing: only the whole dialogue is wanting. */
        if (!verdict->service_good && verdict->good == (policy->rise > 1 ? policy->rise - 1 : 1))
            verdict->service_due_ms = now_ms;
        if (!return_is_passing(verdict, policy) || !return_passed(verdict, policy, now_ms))
            return;
    }
    verdict->failed_depth = DEPTH_LIVENESS;
    verdict->service_good = false;
    set_status(verdict, VERDICT_UP, now_ms);
}

/* A greeting after all: the silence that took it down was none. What other probes found since
 * weighs more. */
static void step_revoked(struct verdict *verdict, int64_t now_ms)
{
    if (!verdict->revocable)
        return;
    return_revoked(verdict, now_ms);
    verdict->good++;
    verdict->bad = 0;
    verdict->failed_depth = DEPTH_LIVENESS;
    verdict->service_good = false;
    set_status(verdict, VERDICT_UP, now_ms);
}

static void step_ok(struct verdict *verdict, const struct verdict_policy *policy,
                    const struct outcome *outcome, int64_t now_ms)
{
    enum probe_depth level = outcome_level(outcome);
    verdict->rtt_us = outcome->rtt_us;
    verdict->last_good_ms = now_ms;
    if (level == DEPTH_SERVICE) {
        verdict->doubt_since_ms = 0;
        verdict->service_good = verdict->status == VERDICT_DOWN;
    }
    if (outcome->revoked && verdict->status == VERDICT_DOWN)
        step_revoked(verdict, now_ms);
    else if (level >= verdict->failed_depth)
        step_good(verdict, policy, now_ms);
    if (verdict->status == VERDICT_UP)
        set_reason(verdict, outcome);
}

/* ---- neither ---- */

/* Living hosts say it as well, until it has lasted, or where it comes on top of a failure of the
 * same depth. */
static bool is_mere_doubt(const struct verdict *verdict, const struct verdict_policy *policy,
                          const struct outcome *outcome, int64_t now_ms)
{
    return reason_evidence(outcome->reason) == EVIDENCE_DOUBT &&
           now_ms - verdict->doubt_since_ms < policy->doubt_ms &&
           !(verdict->status != VERDICT_UP && verdict->failed_depth == DEPTH_SERVICE);
}

static void step_fail(struct verdict *verdict, const struct verdict_policy *policy,
                      const struct outcome *outcome, int64_t now_ms)
{
    if (reason_evidence(outcome->reason) == EVIDENCE_DOUBT && !verdict->doubt_since_ms)
        verdict->doubt_since_ms = now_ms;
    if (!is_mere_doubt(verdict, policy, outcome, now_ms)) {
        step_bad(verdict, policy, outcome, now_ms);
        return;
    }
    step_good(verdict, policy, now_ms); /* it has greeted well */
    if (verdict->status == VERDICT_UP)
        set_reason(verdict, outcome);
}

static void step_unknown(struct verdict *verdict, const struct outcome *outcome, int64_t now_ms)
{
    enum probe_depth level = outcome_level(outcome);
    if (!verdict->known)
        set_reason(verdict, outcome);
    verdict->unheard = outcome->reason;
    verdict->unheard_depth = level;
    copy_detail(verdict->unheard_detail, outcome->detail);
    if (verdict->status == VERDICT_SUSPECT && !verdict->bad) /* it was only late */
        set_status(verdict, VERDICT_UP, now_ms);
    /* What it refuses to us for good cannot be asked of it before it may return. */
    if (level != DEPTH_SERVICE || !rhythm_is_about_us(outcome->reason))
        return;
    if (outcome_reach(outcome) > verdict->failed_reach) /* what failed is mended */
        verdict->failed_depth = DEPTH_LIVENESS;
    if (verdict->status == VERDICT_DOWN && verdict->failed_depth == DEPTH_LIVENESS)
        verdict->service_good = true;
}

/* ---- the round trip ---- */

/* That a session of it fails is for the other probes to judge. */
static void step_round_trip(struct verdict *verdict, const struct verdict_policy *policy,
                            const struct outcome *outcome, int64_t now_ms)
{
    if (outcome->reason == REASON_OK) {
        verdict->undelivered_since_ms = 0;
        verdict->alarmed = verdict->undelivered = false;
    } else if (outcome->reason == REASON_UNDELIVERED) {
        if (!verdict->undelivered_since_ms)
            verdict->undelivered_since_ms = now_ms - outcome->step_us[TIMED_DELIVERY] / 1000;
        int64_t lasts_ms = now_ms - verdict->undelivered_since_ms;
        verdict->alarmed = lasts_ms >= policy->alarm_ms;
        verdict->undelivered = lasts_ms >= policy->drain_ms;
    }
}

/* ---- from outside ---- */

static void step_probe(struct verdict *verdict, const struct verdict_policy *policy,
                       const struct outcome *outcome, int64_t now_ms)
{
    bool first = !verdict->probed;
    enum outcome_status status = reason_status(outcome->reason);
    verdict->probed = true;
    verdict->probes++;
    verdict->last_probe_ms = now_ms;
    if (status != OUTCOME_UNKNOWN)
        verdict->known = true;
    switch (status) {
    case OUTCOME_UNKNOWN:
        verdict->unknowns++;
        step_unknown(verdict, outcome, now_ms);
        break;
    case OUTCOME_FAIL:
        verdict->failures++;
        step_fail(verdict, policy, outcome, now_ms);
        break;
    case OUTCOME_OK:
        step_ok(verdict, policy, outcome, now_ms);
        break;
    }
    if (outcome->depth == DEPTH_SERVICE && !outcome->revoked)
        rhythm_plan_service(verdict, policy, outcome->reason, first, now_ms);
}

bool verdict_step(struct verdict *verdict, const struct verdict_policy *policy,
                  const struct outcome *outcome, int64_t now_ms)
{
    enum verdict_status status = verdict->status;
    enum vote vote = verdict_vote(verdict);
    bool known = verdict->known, probed = verdict->probed;
    note_outcome(verdict, outcome, now_ms);
    if (outcome->depth == DEPTH_ROUND_TRIP)
        step_round_trip(verdict, policy, outcome, now_ms);
    else
        step_probe(verdict, policy, outcome, now_ms);
    bool ticked = verdict_tick(verdict, policy, now_ms);
    return ticked || verdict->status != status || verdict_vote(verdict) != vote ||
           verdict->known != known || verdict->probed != probed;
}

/* It was silent the last time as well, and that did not count. */
static bool is_silent_to_us(const struct verdict *verdict)
{
    return verdict->status == VERDICT_UP &&
           (verdict->unheard == REASON_PROBER_BLOCKED || verdict->unheard == REASON_UPLINK);
}

bool verdict_late(struct verdict *verdict, int64_t decides_ms, int64_t now_ms)
{
    if (verdict->status == VERDICT_DOWN || is_silent_to_us(verdict) ||
        (verdict->status == VERDICT_SUSPECT && verdict->decides_ms <= decides_ms))
        return false;
    set_status(verdict, VERDICT_SUSPECT, now_ms);
    verdict->decides_ms = decides_ms;
    return true;
}

bool verdict_tick(struct verdict *verdict, const struct verdict_policy *policy, int64_t now_ms)
{
    unsigned percent = verdict_percent(verdict, policy, now_ms);
    bool changed = percent != verdict->percent;
    verdict->percent = percent;
    return changed;
}

bool verdict_force(struct verdict *verdict, enum verdict_forced forced)
{
    bool changed = verdict->forced != forced;
    verdict->forced = forced;
    return changed;
}

/* Better than what is dead: it only puts off, or does well again. */
static bool is_sick(const struct verdict *verdict)
{
    return verdict->good || reason_passes(verdict->reason);
}

enum vote verdict_vote(const struct verdict *verdict)
{
    if (verdict->forced == FORCED_UP)
        return VOTE_UP;
    if (verdict->forced == FORCED_DOWN)
        return VOTE_DOWN;
    bool drained = verdict->forced == FORCED_DRAIN || verdict->undelivered;
    if (verdict->status == VERDICT_DOWN && verdict->held == HELD_NOT)
        return is_sick(verdict) && !drained ? VOTE_SICK : VOTE_DOWN;
    if (drained)
        return VOTE_DRAINED;
    if (verdict->status == VERDICT_DOWN)
        return VOTE_HELD;
    return verdict->probed && !verdict->known ? VOTE_ABSTAIN : VOTE_UP;
}

uint32_t verdict_ttl_cap_s(const struct verdict *verdict, int64_t now_ms)
{
    if (verdict->forced != FORCED_NOT)
        return UINT32_MAX;
    if (!verdict->probed)
        return 1;
    int64_t left_ms = verdict->decides_ms - now_ms;
    if (verdict->status != VERDICT_SUSPECT || left_ms <= -OVERDUE_MS)
        return UINT32_MAX;
    int64_t left_s = (left_ms + 999) / 1000;
    if (left_s >= UINT32_MAX)
        return UINT32_MAX - 1;
    return left_s < 1 ? 1 : (uint32_t)left_s;
}
