/* SPDX-License-Identifier: BSD-2-Clause */
/* What is so now, as copies for other threads. */
#include "engine/core.h"

#include "engine/state.h"

struct engine_target slot_copy(const struct slot *slot, int64_t now_ms, struct arena *arena)
{
    const struct verdict_policy policy = slot_policy(slot);
    char outlook[VERDICT_OUTLOOK_SIZE];
    verdict_outlook(&slot->verdict, &policy, now_ms, outlook, sizeof outlook);
    return (struct engine_target){
        .host = arena_strdup(arena, slot->host),
        .check = arena_strdup(arena, slot->check),
        .address = slot->address,
        .port = slot->port,
        .verdict = slot->verdict,
        .outlook = arena_strdup(arena, outlook),
    };
}

/* Those of the model in its order, then those of external hosts. */
static void fill_targets(const struct core *core, struct engine_status *status)
{
    const struct view *view = &core->view;
    status->targets = ARENA_ARRAY(status->arena, struct engine_target, core->slots.count);
    for (size_t i = 0; i < view->model->ntargets; i++)
        status->targets[status->ntargets++] =
            slot_copy(core_slot(core, view->targets[i]), status->now_ms, status->arena);
    for (size_t i = 0; i < core->slots.count; i++) {
        const struct slot *slot = core->slots.list[i];
        if (slot && !slot->pinned)
            status->targets[status->ntargets++] = slot_copy(slot, status->now_ms, status->arena);
    }
}

static void fill_pool(struct arena *arena, const struct pool *pool,
                      const struct selection *selection, struct engine_pool *out)
{
    size_t serving = 0, removed = 0;
    *out = (struct engine_pool){
        .name = arena_strdup(arena, pool->name),
        .serving = ARENA_ARRAY(arena, const char *, pool->nmembers + 1),
        .removed = ARENA_ARRAY(arena, const char *, pool->nmembers + 1),
        .percents = ARENA_ARRAY(arena, uint8_t, pool->nmembers),
        .nowners = pool->nowners,
        .ttl_s = selection->ttl_s,
        .fail_open = selection->fail_open,
        .servfail = selection->servfail,
        .floor = selection->floor,
    };
    for (size_t i = 0; i < pool->nmembers; i++) {
        enum member_state state = selection->members[i];
        const char *label = arena_strdup(arena, pool->members[i].label);
        if (member_is_served(state)) {
            out->percents[serving] = selection->percents[i];
            out->serving[serving++] = label;
        } else if (state == MEMBER_DOWN || state == MEMBER_DEMOTED) {
            out->removed[removed++] = label;
        }
    }
}

static void fill_zone(struct arena *arena, const struct zone *zone, struct engine_zone *out)
{
    *out = (struct engine_zone){
        .name = arena_strdup(arena, zone->name),
        .file = zone->file ? arena_strdup(arena, zone->file) : NULL,
        .names = zone->names ? arena_strdup(arena, zone->names) : NULL,
        .ndomains = zone->domains ? domains_count(zone->domains) : 0,
        .failed = zone->failed,
        .incomplete = zone->domains && !domains_complete(zone->domains),
        .stale = zone->stale,
        .stale_names = zone->stale_names,
        .serial = zone->serial,
    };
}

/* No answers; none for some domains; old ones. */
enum engine_zone_state engine_zone_state(const struct engine_zone *zone)
{
    if (zone->failed)
        return ZONE_FAILED;
    if (zone->incomplete)
        return ZONE_INCOMPLETE;
    return zone->stale || zone->stale_names ? ZONE_STALE : ZONE_OK;
}

const char *engine_zone_word(enum engine_zone_state state)
{
    static const char *const words[ZONE_STATES] = {
        [ZONE_OK] = "ok",
        [ZONE_FAILED] = "failed",
        [ZONE_INCOMPLETE] = "incomplete",
        [ZONE_STALE] = "stale",
    };
    return words[state];
}

void core_status(const struct core *core, int64_t now_ms, struct engine_status *status)
{
    const struct model *model = core->view.model;
    struct arena *arena = status->arena;
    status->now_ms = now_ms;
    status->serial = publisher_serial(core->publisher);
    status->published_ms = core->published_ms;
    status->model_bytes = model_bytes(model);
    status->catalog_bytes = catalog_bytes(publisher_current(core->publisher)->catalog);
    for (size_t i = 0; i < ENGINE_UPLINKS; i++)
        status->frozen_since_ms[core->guards[i].family == 6] = core->guards[i].frozen_since_ms;
    fill_targets(core, status);
    struct failover *failovers = failovers_copy(core->failovers, arena, &status->nfailovers);
    for (size_t i = 0; i < status->nfailovers; i++)
        turnover_look(core, &failovers[i], now_ms);
    status->failovers = failovers;
    status->figures = *failovers_figures(core->failovers);
    status->npools = model->npools;
    status->pools = ARENA_ARRAY(arena, struct engine_pool, model->npools);
    for (size_t i = 0; i < model->npools; i++)
        fill_pool(arena, &model->pools[i], &core->view.pools[i].selection, &status->pools[i]);
    status->nzones = model->nzones;
    status->zones = ARENA_ARRAY(arena, struct engine_zone, model->nzones);
    for (size_t i = 0; i < model->nzones; i++)
        fill_zone(arena, &model->zones[i], &status->zones[i]);
}
