/* SPDX-License-Identifier: BSD-2-Clause */
/* What an outcome comes to by what others answer: a silence may be our own uplink's, which other
 * hosts and the canaries tell, and a firewall's word may be meant for the prober alone, which other
 * ports of the host tell. Whoever can tell is asked out of turn. Of the engine's thread; times in
 * monotonic milliseconds. */
#include "engine/slots.h"
#include "engine/state.h"
#include "verdict/uplink.h"
#include "verdict/verdict.h"

enum {
    ASK_EACH_MS = 300,   /* no target is asked out of turn more often, whoever is late */
    NEIGHBOUR_MS = 4000, /* for other ports to answer in; by then their own probes know better */
    CANARY_FROZEN_MS = 1000,
    CANARY_CLEAR_MS = 30 * 1000,
};

/* ---- signs of life ---- */

/* When the peer was last heard from in a probe that ended now; -1: not at all. */
static int64_t heard_ms(const struct outcome *outcome, int64_t now_ms)
{
    int64_t started_ms = outcome->rtt_us < 0 ? now_ms : now_ms - outcome->rtt_us / 1000;
    switch (outcome->reason) {
    case REASON_NONE:
    case REASON_CONNECT_TIMEOUT:
    case REASON_UNREACHABLE: /* a router's word, or our own kernel's for a neighbour */
    case REASON_UPLINK:
    case REASON_LOCAL:
    case REASON_LATE:
    case REASON_CANCELLED:
        return -1;
    case REASON_GREETING_TIMEOUT:
        return started_ms + outcome->step_us[TIMED_CONNECT] / 1000;
    default:
        return now_ms - outcome->quiet_ms;
    }
}

static bool is_silence(const struct outcome *outcome)
{
    return reason_evidence(outcome->reason) == EVIDENCE_SILENCE;
}

/* Since when nothing has come. */
static int64_t silent_since_ms(const struct outcome *outcome, int64_t now_ms)
{
    int64_t heard = heard_ms(outcome, now_ms);
    return heard >= 0 ? heard : now_ms - (outcome->rtt_us < 0 ? 0 : outcome->rtt_us / 1000);
}

void others_hear(struct core *core, struct slot *slot, const struct outcome *outcome,
                 int64_t now_ms)
{
    int64_t heard = heard_ms(outcome, now_ms);
    if (outcome->reason != REASON_GREETING_TIMEOUT && heard >= 0)
        slot->mute_ms = 0;
    else if (outcome->reason == REASON_GREETING_TIMEOUT && !slot->mute_ms)
        slot->mute_ms = silent_since_ms(outcome, now_ms);
    if (heard <= slot->heard_ms)
        return;
    slot->heard_ms = heard;
    uplink_alive(core->uplink, &slot->address, heard);
}

/* ---- asking ---- */

static void ask(struct core *core, struct slot *slot, int64_t now_ms)
{
    if (now_ms - slot->asked_ms <
        ASK_EACH_MS) /* though it answered lately: what counts is to come */
        return;
    slot->asked_ms = now_ms;
    core->probes.hurry(core->probes.context, slot->id);
}

/* Other ports of the host tell whether it is the host as a whole. */
static void ask_neighbours(struct core *core, const struct slot *late, int64_t now_ms)
{
    for (struct slot *at = slots_at(&core->slots, &late->address); at;
         at = slots_next_at(&core->slots, at))
        if (at != late && now_ms - at->heard_ms >= ASK_EACH_MS)
            ask(core, at, now_ms);
}

/* The same where nothing but an answer from now on will do. */
static void ask_for_neighbours(struct core *core, const struct slot *slot, int64_t now_ms)
{
    for (struct slot *at = slots_at(&core->slots, &slot->address); at;
         at = slots_next_at(&core->slots, at)) {
        if (at == slot || at->verdict.status != VERDICT_UP)
            continue;
        at->asked_ms = now_ms;
        core->probes.hurry(core->probes.context, at->id);
    }
}

/* Other hosts and the canaries tell whether it is us. */
static void ask_witnesses(struct core *core, const struct slot *late, int64_t now_ms)
{
    struct address witnesses[UPLINK_WITNESSES_MAX];
    size_t count = uplink_witnesses(core->uplink, &late->address, witnesses);
    for (size_t i = 0; i < count; i++) {
        struct slot *best = slots_at(&core->slots, &witnesses[i]);
        for (struct slot *at = best; at; at = slots_next_at(&core->slots, at))
            if (at->heard_ms > best->heard_ms)
                best = at;
        if (best)
            ask(core, best, now_ms);
    }
    core->probes.ask_canaries(core->probes.context, late->address.family);
}

void others_ask(struct core *core, struct slot *slot, const struct outcome *outcome, int64_t now_ms)
{
    if (!is_silence(outcome))
        ask_for_neighbours(core, slot, now_ms);
    else if (core->guarded)
        ask_witnesses(core, slot, now_ms);
}

void others_ask_early(struct core *core, struct slot *late, int64_t since_ms, int64_t now_ms)
{
    ask_neighbours(core, late, now_ms);
    if (core->guarded && uplink_late(core->uplink, &late->address, since_ms, now_ms))
        ask_witnesses(core, late, now_ms);
}

void others_tick(struct core *core, int64_t now_ms)
{
    for (size_t i = 0; i < GUARDS; i++) {
        struct guard *guard = &core->guards[i];
        int64_t each_ms = guard->frozen_since_ms ? CANARY_FROZEN_MS : CANARY_CLEAR_MS;
        if (guard->asked_ms && now_ms - guard->asked_ms < each_ms)
            continue;
        guard->asked_ms = now_ms;
        core->probes.ask_canaries(core->probes.context, guard->family);
    }
}

/* ---- what it comes to ---- */

/* A connection that stands is enough: the greeting behind it may take its time. */
static bool neighbour_answered(const struct core *core, const struct slot *slot, int64_t since_ms)
{
    const struct core_probes *probes = &core->probes;
    for (const struct slot *at = slots_at(&core->slots, &slot->address); at;
         at = slots_next_at(&core->slots, at))
        if (at != slot &&
            (at->heard_ms >= since_ms || probes->reached_ms(probes->context, at->id) >= since_ms))
            return true;
    return false;
}

/* It was connected to a moment ago, and silent: what it does not answer any more is what its full
 * queue drops. */
static bool is_hanging(const struct verdict *verdict)
{
    return verdict->status == VERDICT_SUSPECT && verdict->bad &&
           verdict->reason == REASON_GREETING_TIMEOUT;
}

/* One that is well as far as is known, and has not been as unreachable meanwhile. One that is
 * merely late may be on a busy host, or asked by a busy machine. */
static bool may_answer(const struct slot *slot, int64_t since_ms)
{
    const struct verdict *verdict = &slot->verdict;
    bool is_well =
        verdict->status == VERDICT_UP || (verdict->status == VERDICT_SUSPECT && verdict->bad == 0);
    return is_well && !(slot->silence.reason && slot->silence_ms >= since_ms);
}

/* It greeted as long as the other one did, and does so no more: its kernel takes connections, as
 * that of a host that hangs does until its queues are full. One that has hung before is another
 * matter. */
static bool hangs_with(const struct slot *at, const struct slot *slot, int64_t since_ms)
{
    const struct verdict *verdict = &at->verdict;
    return verdict->status != VERDICT_UP && verdict->reason == REASON_GREETING_TIMEOUT &&
           !verdict->good && verdict->last_good_ms < since_ms &&
           verdict->last_good_ms + 2 * at->settings.interval_ms >= slot->verdict.last_good_ms;
}

enum witness { WITNESS_NONE, WITNESS_CONNECTED, WITNESS_ANSWERED };

/* What other ports say where this one does not take connections. Where they do, and have not
 * greeted yet, it may be that the host hangs, and this queue is full. */
static enum witness witness_of(const struct core *core, const struct slot *slot, int64_t since_ms)
{
    const struct core_probes *probes = &core->probes;
    enum witness best = WITNESS_NONE;
    for (const struct slot *at = slots_at(&core->slots, &slot->address); at;
         at = slots_next_at(&core->slots, at)) {
        if (at == slot || hangs_with(at, slot, since_ms))
            continue;
        if (at->heard_ms >= since_ms)
            return WITNESS_ANSWERED;
        if (probes->reached_ms(probes->context, at->id) < since_ms)
            continue;
        if (!may_answer(at, since_ms)) /* as it is used to */
            return WITNESS_ANSWERED;
        best = WITNESS_CONNECTED;
    }
    return best;
}

/* It hangs, and no other host need be asked: while connections of it stood and nothing was said on
 * them, its kernel took another one. So our uplink works, and so does all of the way. Two hosts
 * that both hang, or are the only ones there, cannot speak for each other. */
static bool is_mute(const struct core *core, const struct slot *slot, const struct outcome *outcome,
                    int64_t ended_ms)
{
    const struct core_probes *probes = &core->probes;
    if (outcome->reason != REASON_GREETING_TIMEOUT || !slot->mute_ms)
        return false;
    int64_t since_ms = slot->mute_ms;
    int64_t last_ms = outcome->connected_ms ? ended_ms - outcome->connected_ms : since_ms;
    for (const struct slot *at = slots_at(&core->slots, &slot->address); at;
         at = slots_next_at(&core->slots, at)) {
        int64_t reached_ms = at == slot ? -1 : probes->reached_ms(probes->context, at->id);
        since_ms = at->mute_ms && at->mute_ms < since_ms ? at->mute_ms : since_ms;
        last_ms = reached_ms > last_ms && reached_ms <= ended_ms ? reached_ms : last_ms;
    }
    return last_ms >= since_ms + UPLINK_PROOF_MS;
}

/* What a silence comes to. False: it has to wait for what others answer. */
static bool judge_silence(struct core *core, struct slot *slot, struct outcome *outcome,
                          int64_t ended_ms, int64_t now_ms)
{
    int64_t since_ms = silent_since_ms(outcome, ended_ms);
    bool alone = outcome->reason == REASON_CONNECT_TIMEOUT && !is_hanging(&slot->verdict);
    enum witness witness = alone ? witness_of(core, slot, since_ms) : WITNESS_NONE;
    if (witness == WITNESS_CONNECTED && now_ms - ended_ms < NEIGHBOUR_MS)
        return false;
    bool blocked = witness != WITNESS_NONE;
    if (blocked)
        outcome->reason = REASON_PROBER_BLOCKED;
    if (blocked || !core->guarded || slot->verdict.status == VERDICT_DOWN)
        return true;
    if (is_mute(core, slot, outcome, ended_ms))
        return true;
    switch (uplink_silent(core->uplink, &slot->address, since_ms, ended_ms, now_ms)) {
    case UPLINK_BELIEVE:
        break;
    case UPLINK_WAIT:
        return false;
    case UPLINK_AGAIN:
        slot->asked_ms = 0;
        core->probes.hurry(core->probes.context, slot->id);
        outcome->reason = REASON_UPLINK;
        break;
    case UPLINK_REFUSE:
        outcome->reason = REASON_UPLINK;
        break;
    }
    return true;
}

static bool neighbour_may_answer(const struct core *core, const struct slot *slot, int64_t since_ms)
{
    for (const struct slot *at = slots_at(&core->slots, &slot->address); at;
         at = slots_next_at(&core->slots, at))
        if (at != slot && may_answer(at, since_ms))
            return true;
    return false;
}

/* "Unreachable" is a router's word on the host, or a firewall's on one port, which may be meant for
 * the prober alone: other ports of the host tell. False: they are still to answer. */
static bool judge_unreachable(const struct core *core, const struct slot *slot,
                              struct outcome *outcome, int64_t ended_ms, int64_t now_ms)
{
    int64_t since_ms = silent_since_ms(outcome, ended_ms);
    if (neighbour_answered(core, slot, since_ms)) {
        outcome->reason = REASON_PROBER_BLOCKED;
        return true;
    }
    return slot->verdict.status != VERDICT_UP || now_ms - ended_ms >= NEIGHBOUR_MS ||
           !neighbour_may_answer(core, slot, since_ms);
}

bool others_judge(struct core *core, struct slot *slot, struct outcome *outcome, int64_t ended_ms,
                  int64_t now_ms)
{
    if (is_silence(outcome))
        return judge_silence(core, slot, outcome, ended_ms, now_ms);
    if (outcome->reason == REASON_UNREACHABLE)
        return judge_unreachable(core, slot, outcome, ended_ms, now_ms);
    return true;
}

/* ---- our uplink ---- */

/* Others tell whether all is unreachable, as our own router may say. */
static bool is_reached_by_us(struct core *core, struct slot *slot, int64_t now_ms)
{
    switch (uplink_unreachable(core->uplink, &slot->address, slot->unreachable_ms, now_ms)) {
    case UPLINK_BELIEVE:
        return true;
    case UPLINK_WAIT:
        ask_witnesses(core, slot, now_ms);
        break;
    case UPLINK_AGAIN:
        core->probes.hurry(core->probes.context, slot->id);
        break;
    case UPLINK_REFUSE:
        break;
    }
    return false;
}

/* Since when it is unreachable, whenever it is asked. A probe now and then says nothing of the time
 * in between. */
static void note_unreachable(struct slot *slot, const struct verdict_policy *policy,
                             bool unreachable, int64_t now_ms)
{
    const int64_t usual_ms = 500; /* the default of `recheck` */
    int64_t often_ms = policy->recheck_ms > usual_ms ? policy->recheck_ms : usual_ms;
    if (!unreachable)
        slot->unreachable_ms = 0;
    else if (!slot->unreachable_ms || now_ms - slot->verdict.last_probe_ms > 3 * often_ms)
        slot->unreachable_ms = now_ms;
}

bool others_blame_uplink(struct core *core, struct slot *slot, const struct verdict_policy *policy,
                         const struct outcome *outcome, int64_t now_ms)
{
    const struct verdict *verdict = &slot->verdict;
    const struct address *host = &slot->address;
    bool unreachable = outcome->reason == REASON_UNREACHABLE;
    bool cut = outcome->reason == REASON_REPLY_TIMEOUT || outcome->reason == REASON_TLS_TIMEOUT ||
               outcome->reason == REASON_TIMEOUT;

    note_unreachable(slot, policy, unreachable, now_ms);
    if (!core->guarded || !(unreachable || cut || is_silence(outcome)))
        return false;
    if (verdict->status == VERDICT_DOWN) {
        if (!cut)
            uplink_mute(core->uplink, host, silent_since_ms(outcome, now_ms), now_ms);
        return false;
    }
    if (uplink_state(core->uplink, host->family, now_ms) == UPLINK_FROZEN)
        return !is_silence(outcome);
    if (!unreachable)
        return false;
    uplink_mute(core->uplink, host, slot->unreachable_ms, now_ms);
    return verdict->bad + 1 >= policy->fall && !is_reached_by_us(core, slot, now_ms);
}
