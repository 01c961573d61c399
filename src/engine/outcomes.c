/* SPDX-License-Identifier: BSD-2-Clause */
/* What comes in: an outcome steps the verdict, once it is known what it comes to given all other
 * targets (others.c); until then it waits. What changed is told (tell.c). */
#include "engine/core.h"

#include "base/memory.h"
#include "engine/state.h"

/* More that wait are judged at the next tick: a sign of life must not cost more. */
enum { PENDING_AT_ONCE = 64 };

/* ---- to the verdict ---- */

static void step(struct core *core, struct slot *slot, const struct outcome *outcome,
                 int64_t now_ms)
{
    const struct verdict before = slot->verdict;
    struct verdict_policy policy = slot_policy(slot);
    struct outcome judged = *outcome;
    /* The first one is never enough: others are to be asked. */
    if (core->guarded && outcome->reason == REASON_UNREACHABLE && policy.fall < 2)
        policy.fall = 2;
    if (outcome->depth != DEPTH_ROUND_TRIP &&
        others_blame_uplink(core, slot, &policy, outcome, now_ms))
        judged.reason = REASON_UPLINK;
    if (verdict_step(&slot->verdict, &policy, &judged, now_ms))
        core_touch(core, slot);
    sightings_step(&slot->sightings, &before, &slot->verdict, &judged, now_ms);
    tell_changes(core, slot, &before, now_ms);
}

/* ---- waiting for what others answer ---- */

void core_forget_silence(struct core *core, struct slot *slot)
{
    if (!slot->silence.reason)
        return;
    slot->silence.reason = REASON_NONE;
    size_t at = core->npending - 1; /* where all are judged, it is the last one */
    while (core->pending[at] != slot->id)
        at--;
    core->pending[at] = core->pending[--core->npending];
}

static void keep_pending(struct core *core, struct slot *slot, const struct outcome *outcome,
                         int64_t now_ms)
{
    if (!slot->silence.reason) {
        core->pending = memory_grow(core->pending, core->npending, &core->pending_capacity,
                                    sizeof *core->pending);
        core->pending[core->npending++] = slot->id;
    }
    slot->silence = *outcome;
    slot->silence_ms = now_ms;
}

static void judge_pending(struct core *core, int64_t now_ms)
{
    for (size_t i = core->npending; i-- > 0;) {
        struct slot *slot = core_slot(core, core->pending[i]);
        struct outcome outcome = slot->silence;
        if (!others_judge(core, slot, &outcome, slot->silence_ms, now_ms))
            continue;
        core_forget_silence(core, slot);
        step(core, slot, &outcome, now_ms);
        if (outcome.reason == REASON_UNREACHABLE) /* confirmed at once, as each refusal */
            core->probes.hurry(core->probes.context, slot->id);
    }
}

/* ---- what comes in ---- */

struct probe_next core_outcome(struct core *core, uint32_t target, const struct outcome *outcome,
                               int64_t now_ms)
{
    struct slot *slot = core_slot(core, target);
    const struct verdict_policy policy = slot_policy(slot);
    struct outcome judged = *outcome;
    if (outcome->depth == DEPTH_ROUND_TRIP) { /* of deliveries, not of the host or the path */
        step(core, slot, outcome, now_ms);
        return verdict_next(&slot->verdict, &policy, now_ms);
    }
    others_hear(core, slot, outcome, now_ms);
    if (!others_judge(core, slot, &judged, now_ms, now_ms)) {
        keep_pending(core, slot, outcome, now_ms);
        others_ask(core, slot, outcome, now_ms);
    } else {
        core_forget_silence(core, slot);
        step(core, slot, &judged, now_ms);
    }
    bool is_news = reason_evidence(outcome->reason) != EVIDENCE_SILENCE;
    if (is_news && core->npending && core->npending <= PENDING_AT_ONCE)
        judge_pending(core, now_ms);
    tell_uplinks(core, now_ms);
    return verdict_next(&slot->verdict, &policy, now_ms);
}

void core_late(struct core *core, uint32_t target, int64_t since_ms, int64_t decides_ms,
               int64_t now_ms)
{
    struct slot *slot = core_slot(core, target);
    if (verdict_late(&slot->verdict, decides_ms, now_ms)) {
        sightings_late(&slot->sightings, now_ms);
        core_touch(core, slot);
    }
    if (slot->verdict.status == VERDICT_DOWN)
        return;
    others_ask_early(core, slot, since_ms, now_ms);
}

void core_canary(struct core *core, uint8_t family, bool answers, int64_t now_ms)
{
    uplink_canary(core->uplink, family, answers, now_ms);
    judge_pending(core, now_ms);
    tell_uplinks(core, now_ms);
}

void core_tick(struct core *core, int64_t now_ms)
{
    for (size_t i = 0; i < core->slots.count; i++) {
        struct slot *slot = core->slots.list[i];
        if (!slot)
            continue;
        const struct verdict before = slot->verdict;
        const struct verdict_policy policy = slot_policy(slot);
        bool changed = verdict_tick(&slot->verdict, &policy, now_ms);
        if (changed || slot->verdict.status == VERDICT_SUSPECT)
            core_touch(core, slot);
        if (changed || slot->verdict.undelivered_since_ms)
            tell_changes(core, slot, &before, now_ms);
    }
    if (core->probing && core->guarded)
        others_tick(core, now_ms);
    judge_pending(core, now_ms);
    tell_uplinks(core, now_ms);
    blind_tell(core, now_ms);
    turnover_tick(core, now_ms);
    drains_tick(core, now_ms);
}
