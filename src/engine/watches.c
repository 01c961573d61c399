/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/watches.h"

#include "base/clock.h"
#include "base/memory.h"
#include "probe/sentinel.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

enum {
    AGAIN_MS = 5000,            /* after a sentinel has ended: until the next one, at least */
    AGAIN_MOST_MS = 600 * 1000, /* where it ends soon each time */
    SOON_MS = 60 * 1000,
};

/* A host does not die in one moment: what still answers when the first session breaks may be dead a
 * little later. So its targets are probed at once, and again. */
static const int64_t hurries_ms[] = {0, 80, 200};
enum { HURRIES = sizeof hurries_ms / sizeof *hurries_ms };

/* Of an IMAP target that asks for a sentinel. */
struct watch {
    struct watches *watches;
    uint32_t id;
    struct probe_target target;
    struct sentinel *sentinel; /* NULL: none */
    int64_t started_ms;
    int64_t again_ms; /* after the end of one that came soon; 0: the last one did not */
    int64_t next_ms;  /* not before that */
    struct event timer;
    int64_t broken_ms;
    unsigned hurries; /* since it broke */
};

struct watches {
    struct watches_ways ways;
    struct watch **list; /* by the targets' numbers; NULL: none */
    size_t count, capacity;
};

static struct watch *watch_of(const struct watches *watches, uint32_t id)
{
    return id < watches->count ? watches->list[id] : NULL;
}

/* The one of that address whose sentinel stands; NULL: none. */
static struct watch *find_standing(const struct watches *watches, uint32_t id)
{
    const struct core *core = watches->ways.core;
    for (uint32_t at = core_first_at(core, id); at != CORE_NONE; at = core_next_at(core, at)) {
        struct watch *watch = watch_of(watches, at);
        if (watch && watch->sentinel)
            return watch;
    }
    return NULL;
}

static void watch_stop(struct watch *watch)
{
    if (watch->sentinel)
        sentinel_stop(watch->sentinel);
    watch->sentinel = NULL;
}

/* ---- the sentinel breaks ---- */

static void watch_hurry(struct watch *watch)
{
    struct watches *watches = watch->watches;
    const struct core *core = watches->ways.core;
    const uint32_t first = core_first_at(core, watch->id);

    for (uint32_t at = first; at != CORE_NONE; at = core_next_at(core, at))
        if (core_verdict(core, at)->status != VERDICT_DOWN)
            watches->ways.hurry(watches->ways.context, at);
    if (++watch->hurries < HURRIES) {
        int64_t wait_ms = hurries_ms[watch->hurries] - (clock_now_ms() - watch->broken_ms);
        const struct timeval wait = {.tv_usec = wait_ms > 0 ? wait_ms * 1000 : 0};
        evtimer_add(&watch->timer, &wait);
    }
}

static void watch_on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    watch_hurry(context);
}

static void watch_on_ended(void *context, enum sentinel_end how)
{
    struct watch *watch = context;
    int64_t now_ms = clock_now_ms();
    bool soon = now_ms - watch->started_ms < SOON_MS;

    watch->sentinel = NULL;
    if (how == SENTINEL_YIELDED) { /* to another of ours: nothing the server did */
        watch->next_ms = now_ms + AGAIN_MS;
        return;
    }
    watch->again_ms = !soon                                 ? 0
                      : !watch->again_ms                    ? AGAIN_MS
                      : watch->again_ms < AGAIN_MOST_MS / 2 ? 2 * watch->again_ms
                                                            : AGAIN_MOST_MS;
    watch->next_ms = now_ms + (watch->again_ms > AGAIN_MS ? watch->again_ms : AGAIN_MS);
    if (how != SENTINEL_BROKEN)
        return;
    watch->broken_ms = now_ms;
    watch->hurries = 0;
    watch_hurry(watch);
}

/* ---- probes ---- */

static void watch_start(struct watch *watch, int64_t now_ms)
{
    struct watches *watches = watch->watches;
    if (now_ms < watch->next_ms || find_standing(watches, watch->id))
        return;
    watch->started_ms = now_ms;
    watch->sentinel = sentinel_start(watches->ways.sessions, &watch->target, watch_on_ended, watch);
}

void watches_late(struct watches *watches, uint32_t id)
{
    struct watch *watch = find_standing(watches, id);
    if (!watch)
        return;
    watch_stop(watch);
    watch->next_ms = clock_now_ms() + AGAIN_MS;
}

void watches_probed(struct watches *watches, uint32_t id, const struct outcome *outcome,
                    int64_t now_ms)
{
    struct watch *watch = watch_of(watches, id);
    if (outcome->reason != REASON_OK)
        watches_late(watches, id);
    else if (watch && !watch->sentinel &&
             core_verdict(watches->ways.core, id)->status == VERDICT_UP)
        watch_start(watch, now_ms);
}

/* ---- targets ---- */

static bool wants_watch(const struct check_settings *settings)
{
    return settings->sentinel && (settings->kind == CHECK_IMAP || settings->kind == CHECK_IMAPS);
}

void watches_add(struct watches *watches, uint32_t id, const struct probe_target *target)
{
    if (!wants_watch(target->check))
        return;
    while (watches->count <= id) {
        watches->list =
            memory_grow(watches->list, watches->count, &watches->capacity, sizeof *watches->list);
        watches->list[watches->count++] = NULL;
    }
    struct watch *watch = memory_alloc(sizeof *watch);
    watch->watches = watches;
    watch->id = id;
    watch->target = *target;
    evtimer_assign(&watch->timer, watches->ways.sessions->base, watch_on_timer, watch);
    watches->list[id] = watch;
}

static void watch_free(struct watch *watch)
{
    watch_stop(watch);
    event_del(&watch->timer);
    free(watch);
}

void watches_remove(struct watches *watches, uint32_t id)
{
    struct watch *watch = watch_of(watches, id);
    if (!watch)
        return;
    watch_free(watch);
    watches->list[id] = NULL;
}

struct watches *watches_new(const struct watches_ways *ways)
{
    struct watches *watches = memory_alloc(sizeof *watches);
    watches->ways = *ways;
    return watches;
}

void watches_free(struct watches *watches)
{
    if (!watches)
        return;
    for (size_t i = 0; i < watches->count; i++)
        if (watches->list[i])
            watch_free(watches->list[i]);
    free(watches->list);
    free(watches);
}
