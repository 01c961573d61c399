/* SPDX-License-Identifier: BSD-2-Clause */
/* What an outcome comes to, given all other targets: a silence may be our own uplink's, or meant
 * for the prober alone. Steps the verdict, and tells what changed. */
#include "engine/core.h"

#include "base/memory.h"
#include "engine/state.h"

#include <stdio.h>
#include <string.h>

enum {
    ASK_EACH_MS = 300,    /* no target is asked out of turn more often, whoever is late */
    PENDING_AT_ONCE = 64, /* more wait for the next tick: a sign of life must not cost more */
    NEIGHBOUR_MS = 4000,  /* for other ports to answer in; by then their own probes know better */
    CANARY_FROZEN_MS = 1000,
    CANARY_CLEAR_MS = 30 * 1000,
};

/* ---- what changed, in words ---- */

void format_span(int64_t ms, char *text, size_t size)
{
    if (ms < 120 * 1000)
        snprintf(text, size, "%.1f s", (double)ms / 1000);
    else if (ms < 120 * 60 * 1000)
        snprintf(text, size, "%lld min", (long long)(ms / (60 * 1000)));
    else
        snprintf(text, size, "%lld h", (long long)(ms / (60 * 60 * 1000)));
}

/* "; last good 2.1 s ago", "; was down for 12.0 s" */
static void format_history(const struct verdict *before, const struct verdict *after,
                           int64_t now_ms, char *text, size_t size)
{
    char span[32];
    bool rises = after->status == VERDICT_UP;
    text[0] = '\0';
    if (rises && before->known) {
        format_span(now_ms - before->since_ms, span, sizeof span);
        snprintf(text, size, "; was %s for %s", verdict_status_word(before->status), span);
    } else if (!rises && before->last_good_ms < 0) {
        snprintf(text, size, "; never seen good");
    } else if (!rises) {
        format_span(now_ms - before->last_good_ms, span, sizeof span);
        snprintf(text, size, "; last good %s ago", span);
    }
}

static const char *word_of(const struct verdict *verdict)
{
    if (verdict->known)
        return verdict_status_word(verdict->status);
    return verdict->probed ? "unknown" : "unprobed";
}

static void tell_status(struct core *core, const struct slot *slot, const struct verdict *before,
                        int64_t now_ms)
{
    const struct verdict *after = &slot->verdict;
    char history[64];
    enum reason reason = after->reason;
    const char *detail = after->detail;
    if (before->status == after->status && before->known == after->known &&
        before->probed == after->probed)
        return;
    /* Suspect no more, though it has not answered: what spoke against it does not count. */
    if (after->status == VERDICT_UP && after->known && after->unheard != REASON_NONE &&
        after->last_good_ms == before->last_good_ms) {
        reason = after->unheard;
        detail = after->unheard_detail;
    }
    format_history(before, after, now_ms, history, sizeof history);
    events_of_target(
        core->events, after->status == VERDICT_DOWN ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE,
        word_of(after), slot, now_ms, "%s -> %s: %s%s%s%s%s", word_of(before), word_of(after),
        reason_sentence(reason), *detail ? " (" : "", detail, *detail ? ")" : "", history);
}

/* Something that does not count against the target began to be so, or ended. */
static void tell_remark(struct core *core, const struct slot *slot, enum reason before,
                        enum reason after, const char *detail, int64_t now_ms)
{
    const char *advice = reason_advice(after);
    if (before == after)
        return;
    if (after == REASON_NONE) {
        events_of_target(core->events, LOG_LEVEL_NOTICE, "well-again", slot, now_ms,
                         "no longer so: %s", reason_sentence(before));
        return;
    }
    events_of_target(core->events, LOG_LEVEL_WARNING, reason_word(after), slot, now_ms,
                     "%s%s%s%s%s%s", reason_sentence(after), *detail ? " (" : "", detail,
                     *detail ? ")" : "", advice ? "; " : "", advice ? advice : "");
}

/* Our own faults come and go with each probe; those that the operator can mend are told. */
static enum reason remarkable(enum reason unheard)
{
    return reason_advice(unheard) ? unheard : REASON_NONE;
}

static void tell_held(struct core *core, const struct slot *slot, const struct verdict *before,
                      int64_t now_ms)
{
    const struct verdict *after = &slot->verdict;
    char span[32];
    if (before->held == after->held || after->held == HELD_NOT)
        return;
    if (after->held == HELD_MANUAL) {
        events_of_target(core->events, LOG_LEVEL_NOTICE, "held", slot, now_ms,
                         "passes its probes again, and waits for an operator: "
                         "evermxctl force %s auto",
                         slot->host);
        return;
    }
    format_span(after->held_until_ms - now_ms, span, sizeof span);
    events_of_target(core->events, LOG_LEVEL_NOTICE, "held", slot, now_ms,
                     "passes its probes again, and is held back for %s%s", span,
                     after->held == HELD_DAMPED ? " more, as it falls too often" : " more");
}

/* A round trip's messages do not arrive. */
static void tell_delivery(struct core *core, const struct slot *slot, const struct verdict *before,
                          int64_t now_ms)
{
    const struct verdict *after = &slot->verdict;
    char span[32];
    format_span(now_ms - after->undelivered_since_ms, span, sizeof span);
    if (after->alarmed && !before->alarmed)
        events_of_target(core->events, LOG_LEVEL_WARNING, "undelivered", slot, now_ms,
                         "messages are taken and have not arrived for %s", span);
    if (after->undelivered && !before->undelivered)
        events_of_target(core->events, LOG_LEVEL_WARNING, "drained", slot, now_ms,
                         "drained: nothing that it took has arrived for %s", span);
    if (before->alarmed && !after->alarmed)
        events_of_target(core->events, LOG_LEVEL_NOTICE, "delivered", slot, now_ms,
                         "messages arrive again%s",
                         before->undelivered ? "; no longer drained" : "");
}

static void tell(struct core *core, const struct slot *slot, const struct verdict *before,
                 int64_t now_ms)
{
    const struct verdict *after = &slot->verdict;
    tell_status(core, slot, before, now_ms);
    tell_remark(core, slot, remarkable(before->unheard), remarkable(after->unheard),
                after->unheard_detail, now_ms);
    tell_remark(core, slot, before->warning, after->warning, after->warning_detail, now_ms);
    tell_held(core, slot, before, now_ms);
    tell_delivery(core, slot, before, now_ms);
}

static void tell_uplink(struct core *core, struct guard *guard, int64_t now_ms)
{
    struct uplink_numbers numbers;
    char span[32];
    bool frozen = uplink_state(core->uplink, guard->family, now_ms) == UPLINK_FROZEN;
    if (frozen == (guard->frozen_since_ms != 0))
        return;
    uplink_numbers(core->uplink, guard->family, now_ms, &numbers);
    format_span(now_ms - guard->frozen_since_ms, span, sizeof span);
    if (frozen)
        events_of(core->events, LOG_LEVEL_ERROR, "uplink-frozen", NULL, now_ms,
                  "the prober's own network (IPv%u) seems to be down: %zu of %zu hosts in %zu "
                  "subnets are silent at once, and no canary answers; no silence counts until one "
                  "does",
                  guard->family, numbers.silent, numbers.hosts, numbers.silent_subnets);
    else
        events_of(core->events, LOG_LEVEL_NOTICE, "uplink-clear", NULL, now_ms,
                  "silence of hosts (IPv%u) counts again, after %s", guard->family, span);
    guard->frozen_since_ms = frozen ? now_ms : 0;
}

static void tell_uplinks(struct core *core, int64_t now_ms)
{
    for (size_t i = 0; i < GUARDS; i++)
        tell_uplink(core, &core->guards[i], now_ms);
}

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

/* ---- silences, and what firewalls say ---- */

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

/* Whether what nobody says of himself may be said of our own uplink: that a host is unreachable, or
 * that a reply does not come. The next probe finds out more. Silences have been judged before. */
static bool is_uplink(struct core *core, struct slot *slot, const struct verdict_policy *policy,
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

static void step(struct core *core, struct slot *slot, const struct outcome *outcome,
                 int64_t now_ms)
{
    const struct verdict before = slot->verdict;
    struct verdict_policy policy = slot_policy(slot);
    struct outcome judged = *outcome;
    /* The first one is never enough: others are to be asked. */
    if (core->guarded && outcome->reason == REASON_UNREACHABLE && policy.fall < 2)
        policy.fall = 2;
    if (outcome->depth != DEPTH_ROUND_TRIP && is_uplink(core, slot, &policy, outcome, now_ms))
        judged.reason = REASON_UPLINK;
    if (verdict_step(&slot->verdict, &policy, &judged, now_ms))
        core_touch(core, slot);
    sightings_step(&slot->sightings, &before, &slot->verdict, &judged, now_ms);
    tell(core, slot, &before, now_ms);
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

/* What an outcome comes to that others have a say in. False: they are still to answer. */
static bool judge(struct core *core, struct slot *slot, struct outcome *outcome, int64_t ended_ms,
                  int64_t now_ms)
{
    if (is_silence(outcome))
        return judge_silence(core, slot, outcome, ended_ms, now_ms);
    if (outcome->reason == REASON_UNREACHABLE)
        return judge_unreachable(core, slot, outcome, ended_ms, now_ms);
    return true;
}

static void judge_pending(struct core *core, int64_t now_ms)
{
    for (size_t i = core->npending; i-- > 0;) {
        struct slot *slot = core_slot(core, core->pending[i]);
        struct outcome outcome = slot->silence;
        if (!judge(core, slot, &outcome, slot->silence_ms, now_ms))
            continue;
        core_forget_silence(core, slot);
        step(core, slot, &outcome, now_ms);
        if (outcome.reason == REASON_UNREACHABLE) /* confirmed at once, as each refusal */
            core->probes.hurry(core->probes.context, slot->id);
    }
}

/* ---- what comes in ---- */

static void note_heard(struct core *core, struct slot *slot, const struct outcome *outcome,
                       int64_t now_ms)
{
    int64_t heard = heard_ms(outcome, now_ms);
    if (heard <= slot->heard_ms)
        return;
    slot->heard_ms = heard;
    uplink_alive(core->uplink, &slot->address, heard);
}

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
    note_heard(core, slot, outcome, now_ms);
    if (!judge(core, slot, &judged, now_ms, now_ms)) {
        keep_pending(core, slot, outcome, now_ms);
        if (!is_silence(outcome))
            ask_for_neighbours(core, slot, now_ms);
        else if (core->guarded)
            ask_witnesses(core, slot, now_ms);
    } else {
        core_forget_silence(core, slot);
        step(core, slot, &judged, now_ms);
    }
    if (core->npending && core->npending <= PENDING_AT_ONCE && !is_silence(outcome))
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
    ask_neighbours(core, slot, now_ms);
    if (core->guarded && uplink_late(core->uplink, &slot->address, since_ms, now_ms))
        ask_witnesses(core, slot, now_ms);
}

void core_canary(struct core *core, uint8_t family, bool answers, int64_t now_ms)
{
    uplink_canary(core->uplink, family, answers, now_ms);
    judge_pending(core, now_ms);
    tell_uplinks(core, now_ms);
}

/* Each second while we are frozen; else now and then, so that they are known to answer. */
static void ask_canaries(struct core *core, int64_t now_ms)
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
            tell(core, slot, &before, now_ms);
    }
    if (core->probing && core->guarded)
        ask_canaries(core, now_ms);
    judge_pending(core, now_ms);
    tell_uplinks(core, now_ms);
    blind_tell(core, now_ms);
    turnover_tick(core, now_ms);
    drains_tick(core, now_ms);
}
