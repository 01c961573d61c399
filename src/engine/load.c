/* SPDX-License-Identifier: BSD-2-Clause */
/* A new model takes the place of the one before: what is still wanted goes on being probed, what is
 * known stays known. And external hosts, whose targets come and go with their addresses. */
#include "engine/core.h"

#include "base/memory.h"
#include "engine/state.h"

#include <stdlib.h>
#include <string.h>

void view_free(struct view *view)
{
    if (!view->model)
        return;
    for (size_t i = 0; i < view->model->nservices; i++) {
        free(view->services[i].slots);
        free(view->services[i].pools);
    }
    for (size_t i = 0; i < view->model->nhosts; i++) {
        free(view->hosts[i].addresses);
        free(view->hosts[i].services);
    }
    table_free(view->host_numbers);
    free(view->services);
    free(view->states);
    free(view->pools);
    free(view->hosts);
    free(view->targets);
    free(view->members);
    free(view->previous);
    free(view->percents);
    free(view->tails_ms);
    free(view->previous_percents);
    free(view->touched_services);
    free(view->touched_pools);
}

/* ---- targets ---- */

static void forget(void *context, uint32_t id)
{
    struct core *core = context;
    if (!core->probing)
        return;
    core->probes.remove(core->probes.context, id);
    uplink_remove(core->uplink, &core_slot(core, id)->address);
    core_forget_silence(core, core_slot(core, id));
}

/* The slot that already probes just this, or a new one, which knows what is known of the same
 * address, port and check. */
static struct slot *claim(struct core *core, const struct slot_want *want, int64_t now_ms)
{
    struct slot *kin = slots_find(&core->slots, want);
    for (struct slot *slot = kin; slot; slot = slots_next(&core->slots, slot)) {
        if (slot_matches(slot, want))
            return slot;
        if (strcmp(slot->host, want->host) == 0)
            kin = slot;
    }
    struct slot *slot = slots_add(&core->slots, want, kin, now_ms);
    if (core->probing) {
        const struct probe_target target = {
            .address = slot->address,
            .port = slot->port,
            .check = &slot->settings,
            .host = slot->host,
        };
        core->probes.add(core->probes.context, slot->id, &target);
        uplink_add(core->uplink, &slot->address);
    }
    return slot;
}

static void link_slot(struct view *view, uint32_t number, struct slot *slot)
{
    struct service_view *service = &view->services[number];
    if (!slot_link(slot, number))
        return;
    service->slots =
        memory_grow(service->slots, service->nslots, &service->slots_capacity, sizeof(uint32_t));
    service->slots[service->nslots++] = slot->id;
}

static void claim_targets(struct core *core, int64_t now_ms)
{
    const struct model *model = core->view.model;
    for (size_t i = 0; i < core->slots.count; i++)
        if (core->slots.list[i])
            slot_release(core->slots.list[i]);
    for (size_t i = 0; i < model->ntargets; i++) {
        const struct target *target = &model->targets[i];
        const struct check *check = &model->checks[target->check];
        const struct slot_want want = {
            .host = model->hosts[target->host].name,
            .check = check->name,
            .settings = &check->settings,
            .address = target->address,
            .port = target->port,
        };
        struct slot *slot = claim(core, &want, now_ms);
        slot->pinned = true;
        core->view.targets[i] = slot->id;
    }
    for (uint32_t i = 0; i < model->nservices; i++)
        for (size_t j = 0; j < model->services[i].ntargets; j++)
            link_slot(&core->view, i,
                      core_slot(core, core->view.targets[model->services[i].targets[j]]));
}

/* ---- external hosts ---- */

static void link_addresses(struct core *core, uint32_t number, int64_t now_ms)
{
    const struct model *model = core->view.model;
    const struct service *service = &model->services[number];
    const struct host_view *host = &core->view.hosts[service->host];
    const struct check *check = &model->checks[service->check];
    for (size_t i = 0; i < host->naddresses; i++) {
        const struct slot_want want = {
            .host = model->hosts[service->host].name,
            .check = check->name,
            .settings = &check->settings,
            .address = host->addresses[i],
            .port = service->port,
        };
        link_slot(&core->view, number, claim(core, &want, now_ms));
    }
}

static bool is_among(const struct host_view *host, const struct address *address)
{
    for (size_t i = 0; i < host->naddresses; i++)
        if (address_equal(&host->addresses[i], address))
            return true;
    return false;
}

static void unlink_addresses(struct core *core, uint32_t number)
{
    const struct view *view = &core->view;
    struct service_view *service = &view->services[number];
    const struct host_view *host = &view->hosts[view->model->services[number].host];
    size_t kept = 0;
    for (size_t i = 0; i < service->nslots; i++) {
        struct slot *slot = core_slot(core, service->slots[i]);
        if (is_among(host, &slot->address))
            service->slots[kept++] = slot->id;
        else
            slot_unlink(slot, number);
    }
    service->nslots = kept;
}

uint32_t core_find_host(const struct core *core, const char *name)
{
    uint32_t number;
    return table_get(core->view.host_numbers, name, strlen(name), &number) ? number : MODEL_NONE;
}

bool core_has_external(const struct core *core, const char *name)
{
    uint32_t number = core_find_host(core, name);
    return number != MODEL_NONE && core->view.model->hosts[number].external;
}

void core_addresses(struct core *core, const char *name, const struct address *addresses,
                    size_t count, int64_t now_ms)
{
    if (!core_has_external(core, name))
        return;
    struct view *view = &core->view;
    struct host_view *host = &view->hosts[core_find_host(core, name)];
    host->addresses = memory_resize(host->addresses, count, sizeof *addresses);
    if (count)
        memcpy(host->addresses, addresses, count * sizeof *addresses);
    host->naddresses = count;
    for (size_t i = 0; i < host->nservices; i++) {
        link_addresses(core, host->services[i], now_ms);
        unlink_addresses(core, host->services[i]);
        view_touch_service(view, host->services[i]);
    }
    slots_sweep(&core->slots, forget, core);
    turnover_prune(core);
    core_apply_forces(core, now_ms);
}

static void carry_addresses(struct core *core, struct view *before)
{
    const struct model *model = core->view.model;
    for (size_t i = 0; before->model && i < model->nhosts; i++) {
        const char *name = model->hosts[i].name;
        struct host_view *host = &core->view.hosts[i];
        uint32_t found;
        if (!model->hosts[i].external ||
            !table_get(before->host_numbers, name, strlen(name), &found))
            continue;
        host->addresses = before->hosts[found].addresses;
        host->naddresses = before->hosts[found].naddresses;
        before->hosts[found].addresses = NULL;
    }
}

/* ---- pools ---- */

static void index_pools(struct view *view)
{
    const struct model *model = view->model;
    for (uint32_t i = 0; i < model->npools; i++)
        for (size_t j = 0; j < model->pools[i].nmembers; j++)
            for (size_t k = 0; k < model->pools[i].members[j].nservices; k++) {
                uint32_t number = model->pools[i].members[j].services[k];
                struct service_view *service = &view->services[number];
                if (service->npools && service->pools[service->npools - 1] == i)
                    continue; /* by another member */
                service->pools = memory_grow(service->pools, service->npools,
                                             &service->pools_capacity, sizeof(uint32_t));
                service->pools[service->npools++] = i;
            }
}

/* Which pool has the name of each one before; MODEL_NONE: none. */
static uint32_t *match_pools(const struct view *view, const struct view *before)
{
    const struct model *model = view->model, *model_before = before->model;
    struct table *by_name = table_new(model->npools);
    uint32_t *same = memory_array(model_before->npools, sizeof *same);
    for (uint32_t i = 0; i < model->npools; i++)
        table_put(by_name, model->pools[i].name, strlen(model->pools[i].name), i);
    for (size_t i = 0; i < model_before->npools; i++) {
        const char *name = model_before->pools[i].name;
        if (!table_get(by_name, name, strlen(name), &same[i]))
            same[i] = MODEL_NONE;
    }
    table_free(by_name);
    return same;
}

size_t pool_find_member(const struct pool *pool, const char *label, size_t near)
{
    for (size_t i = 0; i < pool->nmembers; i++) {
        size_t at = (near + i) % pool->nmembers;
        if (strcmp(pool->members[at].label, label) == 0)
            return at;
    }
    return pool->nmembers;
}

/* What a pool of the same name served last, member by member; `when-all-down: last-up` needs it. */
static void carry_selection(struct selection *selection, const struct pool *pool,
                            const struct selection *before, const struct pool *pool_before)
{
    selection->ttl_s = before->ttl_s;
    selection->fail_open = before->fail_open;
    selection->servfail = before->servfail;
    selection->floor = before->floor;
    for (size_t i = 0; i < pool->nmembers; i++) {
        size_t at = pool_find_member(pool_before, pool->members[i].label, i);
        if (at < pool_before->nmembers)
            selection->members[i] = before->members[at];
    }
}

static void carry_pools(struct core *core, const struct view *before, int64_t now_ms)
{
    struct view *view = &core->view;
    if (!before->model)
        return;
    uint32_t *same = match_pools(view, before);
    for (size_t i = 0; i < before->model->npools; i++)
        if (same[i] != MODEL_NONE)
            carry_selection(&view->pools[same[i]].selection, &view->model->pools[same[i]],
                            &before->pools[i].selection, &before->model->pools[i]);
    tails_carry(core, before, same, now_ms);
    free(same);
}

/* ---- all of it ---- */

static void index_hosts(struct view *view)
{
    const struct model *model = view->model;
    for (uint32_t i = 0; i < model->nhosts; i++)
        table_put(view->host_numbers, model->hosts[i].name, strlen(model->hosts[i].name), i);
    for (uint32_t i = 0; i < model->nservices; i++) {
        struct host_view *host = &view->hosts[model->services[i].host];
        if (!model->hosts[model->services[i].host].external)
            continue;
        host->services = memory_grow(host->services, host->nservices, &host->services_capacity,
                                     sizeof *host->services);
        host->services[host->nservices++] = i;
    }
}

/* All members MEMBER_SERVED, which is 0. */
static void view_init(struct view *view, struct model *model)
{
    size_t members = 0, largest = 0;
    for (size_t i = 0; i < model->npools; i++) {
        members += model->pools[i].nmembers;
        if (model->pools[i].nmembers > largest)
            largest = model->pools[i].nmembers;
    }
    *view = (struct view){
        .model = model,
        .services = memory_array(model->nservices, sizeof *view->services),
        .states = memory_array(model->nservices, sizeof *view->states),
        .pools = memory_array(model->npools, sizeof *view->pools),
        .hosts = memory_array(model->nhosts, sizeof *view->hosts),
        .host_numbers = table_new(model->nhosts),
        .targets = memory_array(model->ntargets, sizeof *view->targets),
        .members = memory_array(members, sizeof *view->members),
        .previous = memory_array(largest, sizeof *view->previous),
        .percents = memory_array(members, sizeof *view->percents),
        .tails_ms = memory_array(members, sizeof *view->tails_ms),
        .previous_percents = memory_array(largest, sizeof *view->previous_percents),
        .touched_services = memory_array(model->nservices, sizeof *view->touched_services),
        .touched_pools = memory_array(model->npools, sizeof *view->touched_pools),
    };
    index_hosts(view);
    for (size_t i = 0, room = 0; i < model->npools; i++) {
        view->pools[i].selection.members = view->members + room;
        view->pools[i].selection.percents = view->percents + room;
        view->pools[i].tails_ms = view->tails_ms + room;
        room += model->pools[i].nmembers;
    }
}

struct model *core_load(struct core *core, struct model *model, struct catalog *catalog,
                        int64_t now_ms)
{
    if (core->view.model)
        core_publish(core, now_ms); /* what has happened is told by the pools of before */
    struct view before = core->view;
    view_init(&core->view, model);
    index_pools(&core->view);
    carry_pools(core, &before, now_ms);
    carry_addresses(core, &before);
    claim_targets(core, now_ms);
    for (uint32_t i = 0; i < model->nservices; i++)
        link_addresses(core, i, now_ms);
    slots_sweep(&core->slots, forget, core);
    turnover_prune(core);
    core_prune_forces(core, now_ms);
    core_apply_forces(core, now_ms);
    core_publish_all(core, catalog, now_ms);
    view_free(&before);
    return before.model;
}
