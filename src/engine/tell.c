/* SPDX-License-Identifier: BSD-2-Clause */
/* What has changed in a verdict, or in what we hold of our own uplink, in words: an event and a
 * line of the log each. Of the engine's thread; times in monotonic milliseconds. */
#include "engine/events.h"
#include "engine/state.h"
#include "verdict/uplink.h"
#include "verdict/verdict.h"

#include <stdio.h>

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

void tell_changes(struct core *core, const struct slot *slot, const struct verdict *before,
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

void tell_uplinks(struct core *core, int64_t now_ms)
{
    for (size_t i = 0; i < GUARDS; i++)
        tell_uplink(core, &core->guards[i], now_ms);
}
