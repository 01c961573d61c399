/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/sightings.h"

/* From its start to its greeting, and on from there step by step. */
static int64_t took_ms(const struct outcome *outcome)
{
    int64_t steps_us = 0;
    for (unsigned i = 0; i < TIMED_STEPS; i++)
        steps_us += outcome->step_us[i];
    return (outcome->rtt_us > steps_us ? outcome->rtt_us : steps_us) / 1000;
}

static void step_round_trip(struct sightings *sightings, const struct verdict *before,
                            const struct outcome *outcome, int64_t now_ms)
{
    if (outcome->reason == REASON_OK) {
        if (before->undelivered)
            sightings->found_ms = now_ms;
        sightings->good_ms[DEPTH_ROUND_TRIP] = now_ms - outcome->step_us[TIMED_DELIVERY] / 1000;
        sightings->lost_ms = 0;
    } else if (outcome->reason == REASON_UNDELIVERED) {
        if (!sightings->lost_ms)
            sightings->lost_ms = now_ms;
        sightings->last_lost_ms = now_ms;
    }
}

/* A revoked silence is good from its greeting on only. */
static void step_good(struct sightings *sightings, const struct outcome *outcome, int64_t now_ms)
{
    int64_t start_ms = now_ms - took_ms(outcome);
    sightings->good_ms[DEPTH_LIVENESS] = start_ms;
    if (outcome->depth == DEPTH_SERVICE && !outcome->revoked)
        sightings->good_ms[DEPTH_SERVICE] = start_ms;
}

/* One that was late is known of since then. */
static void step_bad(struct sightings *sightings, const struct verdict *before,
                     const struct outcome *outcome, int64_t now_ms)
{
    bool anew = before->status == VERDICT_DOWN && before->good;
    if (!sightings->bad_ms || anew)
        sightings->bad_ms = now_ms;
    sightings->last_bad_ms = now_ms;
    sightings->well_ms = 0;
    sightings->fell_by = outcome->reason;
}

void sightings_step(struct sightings *sightings, const struct verdict *before,
                    const struct verdict *after, const struct outcome *outcome, int64_t now_ms)
{
    if (outcome->depth == DEPTH_ROUND_TRIP) {
        step_round_trip(sightings, before, outcome, now_ms);
        return;
    }
    if (reason_status(outcome->reason) == OUTCOME_OK)
        step_good(sightings, outcome, now_ms);
    else if (reason_status(outcome->reason) == OUTCOME_FAIL)
        step_bad(sightings, before, outcome, now_ms);
    if (before->status == VERDICT_DOWN && after->good > before->good && !sightings->well_ms)
        sightings->well_ms = now_ms;
    if (after->status == VERDICT_UP) /* doubt is what a later fall is counted from */
        sightings->bad_ms = after->doubt_since_ms;
}

void sightings_late(struct sightings *sightings, int64_t now_ms)
{
    if (!sightings->bad_ms)
        sightings->bad_ms = now_ms;
}

void sightings_force(struct sightings *sightings, enum verdict_forced before, int64_t now_ms)
{
    sightings->forced_ms = now_ms;
    sightings->forced_before = before;
}

/* ---- what it comes to ---- */

static enum failover_cause cause_of(enum reason reason)
{
    switch (reason_evidence(reason)) {
    case EVIDENCE_REFUSAL:
        return CAUSE_REFUSED;
    case EVIDENCE_SILENCE:
        return CAUSE_SILENT;
    default:
        return CAUSE_SICK;
    }
}

static void tell_force(const struct sightings *sightings, enum verdict_forced forced,
                       struct failover *failover)
{
    failover->cause = forced == FORCED_DRAIN ? CAUSE_DRAIN : CAUSE_FORCE;
    failover->reason = REASON_NONE;
    failover->last_ms = failover->first_ms = sightings->forced_ms;
}

static void tell_probes(const struct sightings *sightings, const struct verdict *verdict, bool back,
                        struct failover *failover)
{
    failover->cause = cause_of(sightings->fell_by);
    failover->reason = sightings->fell_by;
    failover->last_ms = back ? sightings->last_bad_ms : sightings->good_ms[verdict->failed_depth];
    failover->first_ms = back ? sightings->well_ms : sightings->bad_ms;
}

static void tell_round_trip(const struct sightings *sightings, bool back, struct failover *failover)
{
    failover->cause = CAUSE_UNDELIVERED;
    failover->reason = REASON_UNDELIVERED;
    failover->last_ms = back ? sightings->last_lost_ms : sightings->good_ms[DEPTH_ROUND_TRIP];
    failover->first_ms = back ? sightings->found_ms : sightings->lost_ms;
}

/* The last thing that happened to it is why. */
void sightings_tell(const struct sightings *sightings, const struct verdict *verdict, bool back,
                    struct failover *failover)
{
    int64_t probes_ms = back ? sightings->well_ms : sightings->bad_ms;
    int64_t trips_ms = back ? sightings->found_ms : verdict->undelivered ? sightings->lost_ms : 0;
    if (!back && verdict->status != VERDICT_DOWN)
        probes_ms = 0;
    if (sightings->forced_ms && sightings->forced_ms >= probes_ms &&
        sightings->forced_ms >= trips_ms)
        tell_force(sightings, back ? sightings->forced_before : verdict->forced, failover);
    else if (trips_ms > probes_ms)
        tell_round_trip(sightings, back, failover);
    else
        tell_probes(sightings, verdict, back, failover);
    if (!failover->last_ms)
        failover->first_ms = 0;
    else if (failover->first_ms < failover->last_ms)
        failover->first_ms = failover->last_ms;
}
