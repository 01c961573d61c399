/* SPDX-License-Identifier: BSD-2-Clause */
/* Outcomes, verdict changes and what is published of them. */
#include "engine/core.h"

#include "base/log.h"
#include "base/memory.h"
#include "engine/state.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct core *core_new(struct publisher *publisher, const struct core_probes *probes)
{
    struct core *core = memory_alloc(sizeof *core);
    core->publisher = publisher;
    core->probing = probes != NULL;
    if (probes)
        core->probes = *probes;
    slots_init(&core->slots);
    core->events = events_new();
    core->failovers = failovers_new();
    core->uplink = uplink_new();
    core->guarded = probes && probes->guarded;
    core->guards[0].family = 4;
    core->guards[1].family = 6;
    return core;
}

void core_free(struct core *core)
{
    if (!core)
        return;
    view_free(&core->view);
    model_free(core->view.model);
    slots_free(&core->slots);
    events_free(core->events);
    failovers_free(core->failovers);
    free(core->turnovers);
    tails_free(core);
    uplink_free(core->uplink);
    free(core->pending);
    for (size_t i = 0; i < core->nforces; i++)
        free(core->forces[i].host);
    free(core->forces);
    free(core);
}

const struct model *core_model(const struct core *core)
{
    return core->view.model;
}

void core_numbers(const struct core *core, struct core_numbers *numbers)
{
    *numbers = (struct core_numbers){.images = core->images};
    for (size_t i = 0; i < core->slots.count; i++)
        numbers->targets += core->slots.list[i] != NULL;
}

/* ---- one target ---- */

const struct verdict *core_verdict(const struct core *core, uint32_t target)
{
    return &core_slot(core, target)->verdict;
}

bool core_is_of(const struct core *core, uint32_t target, const char *host)
{
    const struct slot *slot = core_slot(core, target);
    const struct model *model = core->view.model;
    if (strcasecmp(slot->host, host) == 0)
        return true;
    for (size_t i = 0; i < slot->nservices; i++)
        if (strcasecmp(model->hosts[model->services[slot->services[i]].host].name, host) == 0)
            return true;
    return false;
}

uint32_t core_first_at(const struct core *core, uint32_t target)
{
    return slots_at(&core->slots, &core_slot(core, target)->address)->id;
}

uint32_t core_next_at(const struct core *core, uint32_t target)
{
    const struct slot *next = slots_next_at(&core->slots, core_slot(core, target));
    return next ? next->id : CORE_NONE;
}

void core_tell(struct core *core, uint32_t target, enum log_level level, const char *kind,
               int64_t now_ms, const char *text)
{
    events_of_target(core->events, level, kind, core_slot(core, target), now_ms, "%s", text);
}

/* ---- publishing ---- */

void view_touch_service(struct view *view, uint32_t service)
{
    if (view->services[service].touched)
        return;
    view->services[service].touched = true;
    view->touched_services[view->ntouched_services++] = service;
}

static void touch_pool(struct view *view, uint32_t pool)
{
    if (view->pools[pool].touched)
        return;
    view->pools[pool].touched = true;
    view->touched_pools[view->ntouched_pools++] = pool;
}

void core_touch(struct core *core, const struct slot *slot)
{
    for (size_t i = 0; i < slot->nservices; i++)
        view_touch_service(&core->view, slot->services[i]);
}

static struct service_state state_of_target(const struct core *core, const struct slot *slot,
                                            int64_t now_ms)
{
    const struct verdict *verdict = &slot->verdict;
    const struct verdict_policy policy = slot_policy(slot);
    if (!core->probing && verdict->forced == FORCED_NOT)
        return (struct service_state){VOTE_UP, UINT32_MAX, 100};
    return (struct service_state){
        .vote = verdict_vote(verdict),
        .ttl_cap_s = verdict_ttl_cap_s(verdict, now_ms),
        .percent = (uint8_t)verdict_percent(verdict, &policy, now_ms),
    };
}

/* Of an external host whose name leads to no address now; an operator's word still holds. */
static struct service_state state_without_targets(const struct core *core, uint32_t host)
{
    const struct verdict verdict = {.forced = core_forced(core, host)};
    if (verdict.forced == FORCED_NOT)
        return SERVICE_STATE_NONE;
    return (struct service_state){verdict_vote(&verdict), UINT32_MAX, 100};
}

static struct service_state compute_service(const struct core *core, uint32_t number,
                                            int64_t now_ms)
{
    const struct service_view *service = &core->view.services[number];
    struct service_state sum = SERVICE_STATE_NONE;
    if (!service->nslots)
        return state_without_targets(core, core->view.model->services[number].host);
    for (size_t i = 0; i < service->nslots; i++)
        sum = service_state_add(sum,
                                state_of_target(core, core_slot(core, service->slots[i]), now_ms));
    return sum;
}

/* How bad, abstaining being as good as up. */
static unsigned rank_of(enum vote vote)
{
    return vote == VOTE_ABSTAIN ? VOTE_UP : vote;
}

/* Whether the state has changed. */
static bool refresh_service(struct core *core, uint32_t number, int64_t now_ms)
{
    struct service_view *service = &core->view.services[number];
    struct service_state *state = &core->view.states[number], before = *state;
    *state = compute_service(core, number, now_ms);
    service->touched = false;
    if (rank_of(state->vote) > rank_of(before.vote))
        service->fell = core->publications;
    if (rank_of(state->vote) < rank_of(before.vote))
        service->rose = core->publications;
    return state->vote != before.vote || state->ttl_cap_s != before.ttl_cap_s ||
           state->percent != before.percent;
}

static void log_fail_open(const struct pool *pool, const struct selection *before,
                          const struct selection *after)
{
    bool was = before->fail_open || before->servfail, is = after->fail_open || after->servfail;
    bool alone = pool->nmembers == 1 && !before->servfail && !after->servfail;
    if (alone) /* nothing to choose from: the target's own line says it all */
        return;
    if (!was && is)
        log_error("pool %s: nothing is up: %s", pool->name,
                  after->servfail ? "answering SERVFAIL" : "answering what is known to be down");
    if (was && !is)
        log_notice("pool %s: %zu of %zu are answered again, no longer %s", pool->name,
                   after->nserved, pool->nmembers,
                   before->servfail ? "SERVFAIL" : "what is known to be down");
}

static void log_floor(const struct pool *pool, const struct selection *before,
                      const struct selection *after)
{
    size_t kept = 0;
    for (size_t i = 0; i < pool->nmembers; i++)
        kept += after->members[i] == MEMBER_FLOOR;
    if (!before->floor && after->floor)
        log_warning("pool %s: %zu of %zu are well, which is below min-capacity %u%%: %zu that %s "
                    "held back or sick %s kept in",
                    pool->name, after->nserved - kept, pool->nmembers, pool->policy.min_capacity,
                    kept, kept == 1 ? "is" : "are", kept == 1 ? "is" : "are");
    if (before->floor && !after->floor)
        log_notice("pool %s: none is kept in for min-capacity %u%% any more, %zu of %zu are "
                   "answered",
                   pool->name, pool->policy.min_capacity, after->nserved, pool->nmembers);
}

/* Selects anew; whether what is answered has changed. *was: the selection before, its members in
 * view->previous. */
static bool refresh_pool(struct core *core, uint32_t number, struct selection *was)
{
    struct view *view = &core->view;
    const struct pool *pool = &view->model->pools[number];
    struct selection *selection = &view->pools[number].selection;
    const struct selection before = *was = *selection;
    size_t size = pool->nmembers * sizeof *selection->members;
    memcpy(view->previous, selection->members, size);
    memcpy(view->previous_percents, selection->percents, pool->nmembers);
    pool_select(pool, view->states, selection);
    view->pools[number].touched = false;
    log_fail_open(pool, &before, selection);
    log_floor(pool, &before, selection);
    return before.ttl_s != selection->ttl_s || before.servfail != selection->servfail ||
           memcmp(view->previous, selection->members, size) != 0 ||
           memcmp(view->previous_percents, selection->percents, pool->nmembers) != 0;
}

static struct image *compile_pool(struct core *core, uint32_t number)
{
    core->images++;
    return image_of_pool(&core->view.model->pools[number], &core->view.pools[number].selection);
}

static void refresh_services(struct core *core, int64_t now_ms)
{
    struct view *view = &core->view;
    for (size_t i = 0; i < view->ntouched_services; i++) {
        const struct service_view *service = &view->services[view->touched_services[i]];
        if (refresh_service(core, view->touched_services[i], now_ms))
            for (size_t j = 0; j < service->npools; j++)
                touch_pool(view, service->pools[j]);
    }
    view->ntouched_services = 0;
}

void core_publish(struct core *core, int64_t now_ms)
{
    struct view *view = &core->view;
    core->publications++;
    refresh_services(core, now_ms);
    if (!view->ntouched_pools)
        return;
    struct publisher_change *changes = memory_array(view->ntouched_pools, sizeof *changes);
    size_t count = 0;
    for (size_t i = 0; i < view->ntouched_pools; i++) {
        uint32_t pool = view->touched_pools[i];
        struct selection before;
        bool changed = refresh_pool(core, pool, &before);
        turnover_pool(core, pool, changed ? &before : NULL, now_ms);
        if (changed)
            changes[count++] = (struct publisher_change){pool, compile_pool(core, pool)};
    }
    view->ntouched_pools = 0;
    if (count) {
        publisher_update(core->publisher, changes, count);
        core->published_ms = now_ms;
    }
    free(changes);
    turnover_end(core, now_ms);
}

void core_events(const struct core *core, uint64_t after, struct engine_events *events)
{
    events_copy(core->events, after, events);
}

void core_publish_all(struct core *core, struct catalog *catalog, int64_t now_ms)
{
    struct view *view = &core->view;
    size_t npools = view->model->npools;
    struct image **images = memory_array(npools, sizeof *images);
    for (uint32_t i = 0; i < view->model->nservices; i++)
        refresh_service(core, i, now_ms);
    for (uint32_t i = 0; i < npools; i++) {
        struct selection before;
        refresh_pool(core, i, &before);
        turnover_reloaded(core, i, now_ms);
        images[i] = compile_pool(core, i);
    }
    view->ntouched_services = view->ntouched_pools = 0;
    publisher_replace(core->publisher, catalog, images, npools);
    core->published_ms = now_ms;
    free(images);
}
