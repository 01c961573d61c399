/* SPDX-License-Identifier: BSD-2-Clause */
/* A fault of this machine counts against no host: verdicts stay, however long it lasts. So that
 * monitoring never stops in silence, one that lasts is told, once, and its end. */
#include "engine/events.h"
#include "engine/state.h"

/* Longer than what passes by itself, as a burst that takes all descriptors. */
enum { BLIND_TOLD_MS = 10000 };

/* Those whose verdict is an old one; who was never seen is unknown, which is told elsewhere. */
static const struct slot *find_blind(const struct core *core, size_t *count)
{
    const struct slot *first = NULL;
    *count = 0;
    for (size_t i = 0; i < core->slots.count; i++) {
        const struct slot *slot = core->slots.list[i];
        if (!slot || !slot->verdict.known || slot->verdict.unheard != REASON_LOCAL)
            continue;
        if (!first)
            first = slot;
        ++*count;
    }
    return first;
}

static void tell_end(struct core *core, int64_t now_ms)
{
    char span[32];
    format_span(now_ms - core->blind.since_ms, span, sizeof span);
    events_of(core->events, LOG_LEVEL_NOTICE, "blind-over", NULL, now_ms,
              "no fault of this machine keeps a target from being probed any more, after %s", span);
}

void blind_tell(struct core *core, int64_t now_ms)
{
    size_t count;
    const struct slot *slot = find_blind(core, &count);
    if (!slot) {
        if (core->blind.told)
            tell_end(core, now_ms);
        core->blind = (struct blind){0};
        return;
    }
    if (!core->blind.since_ms)
        core->blind.since_ms = now_ms;
    if (core->blind.told || now_ms - core->blind.since_ms < BLIND_TOLD_MS)
        return;
    core->blind.told = true;
    const char *why = slot->verdict.unheard_detail;
    events_of(core->events, LOG_LEVEL_ERROR, "blind", NULL, now_ms,
              "targets cannot be probed, by a fault of this machine%s%s%s: %zu now, as %s %s; "
              "their verdicts stay as they are",
              *why ? " (" : "", why, *why ? ")" : "", count, slot->host, slot->check);
}
