/* SPDX-License-Identifier: BSD-2-Clause */
/* How far a drain is: whether resolvers may still hold an answer with the host. A host that a
 * reload has taken out of the zones is known by what it left behind, see tails.c. */
#include "engine/core.h"

#include "base/memory.h"
#include "engine/state.h"
#include "wire/rrtype.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_EACH_MS = 1000 }; /* a look is O(pools) */

struct look {
    const struct core *core;
    const char *name;
    uint32_t host; /* MODEL_NONE: a reload took it out of the zones */
    const struct address *addresses;
    size_t naddresses;
    enum verdict_forced *marks; /* FORCED_DOWN: a target of the host */
    bool *names;                /* of hosts: their MX or SRV records are the host's */
    struct engine_drain *drain;
};

static bool names_hosts(const struct pool *pool)
{
    return pool->rrtype == RRTYPE_MX || pool->rrtype == RRTYPE_SRV;
}

/* Whether the host gives one of its services alone; or it is the host's, and has no targets: as it
 * is not probed, so that nothing ever takes it out, or as its name leads to no address now. */
static bool is_of_host(const struct look *look, const struct pool *pool,
                       const struct member *member)
{
    const struct model *model = look->core->view.model;
    if (member->nservices == 0)
        return names_hosts(pool) && look->host != MODEL_NONE && member->host == look->host;
    for (size_t i = 0; i < member->nservices; i++) {
        const struct service_view *service = &look->core->view.services[member->services[i]];
        size_t marked = 0;
        for (size_t j = 0; j < service->nslots; j++)
            marked += look->marks[service->slots[j]] == FORCED_DOWN;
        if (service->nslots ? marked == service->nslots
                            : model->services[member->services[i]].host == look->host)
            return true;
    }
    return false;
}

/* The host that its (first) owner is; MODEL_NONE: none. */
static uint32_t owner_of(const struct look *look, const struct pool *pool)
{
    char name[NAME_TEXT_SIZE];
    size_t size = strcspn(pool->name, " ");
    if (size >= sizeof name)
        return MODEL_NONE;
    for (size_t i = 0; i < size; i++)
        name[i] = (char)tolower((unsigned char)pool->name[i]);
    name[size] = '\0';
    return core_find_host(look->core, name);
}

/* Addresses of a name that is out of its MX and SRV records, or should be, stay by design: mail
 * must not bounce (see answer/select.h). Those records tell. */
static bool is_behind_records(const struct look *look, const struct pool *pool)
{
    uint32_t owner = owner_of(look, pool), host = pool->members[0].host;
    if (names_hosts(pool))
        return false;
    if (owner != MODEL_NONE && look->names[owner])
        return true;
    for (size_t i = 1; i < pool->nmembers; i++)
        if (pool->members[i].host != host)
            return false;
    return host != MODEL_NONE && look->names[host]; /* known by an alias */
}

static void add_answer(struct look *look, const char *pool, const char *record, bool kept,
                       bool behind, int64_t until_ms)
{
    struct engine_drain *drain = look->drain;
    bool waits = until_ms > drain->now_ms;
    drain->nkept += kept;
    drain->nwaiting += waits && !kept;
    if (waits && !kept && until_ms > drain->until_ms)
        drain->until_ms = until_ms;
    if (!(kept || waits || behind) || drain->nanswers == ENGINE_DRAIN_ANSWERS)
        return;
    drain->answers[drain->nanswers++] = (struct engine_drain_answer){
        .pool = arena_strdup(drain->arena, pool),
        .record = arena_strdup(drain->arena, record),
        .kept = kept,
        .behind = behind,
        .until_ms = waits && !kept ? until_ms : 0,
    };
}

static void look_at_pool(struct look *look, uint32_t number)
{
    const struct view *view = &look->core->view;
    const struct pool *pool = &view->model->pools[number];
    const struct pool_view *now = &view->pools[number];
    bool found = false;
    for (size_t i = 0; i < pool->nmembers; i++) {
        const struct member *member = &pool->members[i];
        enum member_state state = now->selection.members[i];
        if (!is_of_host(look, pool, member) || is_behind_records(look, pool))
            continue;
        found = true;
        if (names_hosts(pool) && member->host != MODEL_NONE)
            look->names[member->host] = true;
        add_answer(look, pool->name, member->label, member_is_served(state),
                   state == MEMBER_DEMOTED, now->tails_ms[i]);
    }
    look->drain->npools += found;
}

static bool is_at(const struct look *look, const struct address *address)
{
    for (size_t i = 0; i < look->naddresses; i++)
        if (address_equal(&look->addresses[i], address))
            return true;
    return false;
}

static bool is_leftover_of_name(const struct leftover *leftover, const char *name)
{
    return (leftover->host && strcmp(leftover->host, name) == 0) ||
           strcmp(leftover->label, name) == 0;
}

/* By its name, or by any other one that led to an address of it. */
static bool is_leftover_of_host(const struct look *look, const struct leftover *leftover)
{
    bool leads = is_leftover_of_name(leftover, look->name);
    for (size_t i = 0; i < leftover->naddresses && !leads; i++)
        leads = is_at(look, &leftover->addresses[i]);
    return leads;
}

/* MX and SRV first: they tell which addresses do not matter. */
static void look_at_all(struct look *look)
{
    const struct core *core = look->core;
    const struct model *model = core->view.model;
    for (uint32_t i = 0; i < model->npools; i++)
        if (names_hosts(&model->pools[i]))
            look_at_pool(look, i);
    for (uint32_t i = 0; i < model->npools; i++)
        if (!names_hosts(&model->pools[i]))
            look_at_pool(look, i);
    for (size_t i = 0; i < core->nleftovers; i++)
        if (is_leftover_of_host(look, &core->leftovers[i]))
            add_answer(look, core->leftovers[i].pool, core->leftovers[i].label, false, false,
                       core->leftovers[i].until_ms);
}

/* Of the look: its host and addresses. */
static void look_at_host(struct look *look)
{
    const struct core *core = look->core;
    struct engine_drain *drain = look->drain;
    look->marks = memory_array(core->slots.count, sizeof *look->marks);
    look->names = memory_array(core->view.model->nhosts, sizeof *look->names);
    if (look->host == MODEL_NONE)
        core_mark_machine(core, look->addresses, look->naddresses, FORCED_DOWN, look->marks);
    else
        core_mark_targets(core, look->host, FORCED_DOWN, look->marks);
    drain->host = arena_strdup(drain->arena, look->name);
    drain->removed = look->host == MODEL_NONE;
    drain->forced = drain->removed ? FORCED_NOT : core_forced(core, look->host);
    drain->answers = ARENA_ARRAY(drain->arena, struct engine_drain_answer, ENGINE_DRAIN_ANSWERS);
    look_at_all(look);
    bool out = drain->removed || drain->forced == FORCED_DRAIN || drain->forced == FORCED_DOWN;
    drain->finished = out && !drain->nkept && !drain->nwaiting;
    free(look->marks);
    free(look->names);
}

static void look_at_known(const struct core *core, uint32_t number, struct engine_drain *drain)
{
    const struct host *host = &core->view.model->hosts[number];
    const struct host_view *outside = &core->view.hosts[number];
    struct look look = {
        .core = core,
        .name = host->name,
        .host = number,
        .addresses = host->external ? outside->addresses : host->addresses,
        .naddresses = host->external ? outside->naddresses : host->naddresses,
        .drain = drain,
    };
    look_at_host(&look);
}

/* False: it left nothing, or that is long over. */
static bool look_at_removed(const struct core *core, const char *name, struct engine_drain *drain)
{
    struct look look = {.core = core, .name = name, .host = MODEL_NONE, .drain = drain};
    struct address *addresses = NULL;
    size_t capacity = 0;
    bool found = false;
    for (size_t i = 0; i < core->nleftovers; i++) {
        const struct leftover *leftover = &core->leftovers[i];
        if (!is_leftover_of_name(leftover, name) ||
            leftover->until_ms + LEFTOVER_TOLD_MS <= drain->now_ms)
            continue;
        found = true;
        for (size_t j = 0; j < leftover->naddresses; j++) {
            if (is_at(&look, &leftover->addresses[j]))
                continue;
            addresses = memory_grow(addresses, look.naddresses, &capacity, sizeof *addresses);
            addresses[look.naddresses++] = leftover->addresses[j];
            look.addresses = addresses;
        }
    }
    if (found)
        look_at_host(&look);
    free(addresses);
    return found;
}

bool core_drain(const struct core *core, const char *asked, struct engine_drain *drain,
                struct error *error)
{
    char name[NAME_TEXT_SIZE];
    uint32_t host;
    if (!core_find_asked(core, asked, name, &host, error))
        return look_at_removed(core, name, drain);
    look_at_known(core, host, drain);
    return true;
}

/* ---- told ---- */

static void look_again(struct core *core, struct force *force, uint32_t host, int64_t now_ms)
{
    struct engine_drain drain = {.arena = arena_new(), .now_ms = now_ms};
    look_at_known(core, host, &drain);
    force->looked_ms = now_ms;
    force->looked_at = publisher_serial(core->publisher);
    force->due_ms = drain.nwaiting ? drain.until_ms : INT64_MAX;
    if (drain.finished && !force->finished)
        events_of(core->events, LOG_LEVEL_NOTICE, "drain-finished", force->host, now_ms,
                  "drain finished: safe to stop %s now", force->host);
    if (!drain.finished && force->finished)
        events_of(core->events, LOG_LEVEL_WARNING, "drain-void", force->host, now_ms,
                  "drained, and %s: not safe to stop %s now",
                  drain.nkept ? "in answers again, as nothing better is there"
                              : "resolvers may hold what led to it before a reload",
                  force->host);
    force->finished = drain.finished;
    arena_free(drain.arena);
}

/* When a tail ends, and when the answers have changed. */
static bool is_due(const struct core *core, const struct force *force, int64_t now_ms)
{
    bool news = publisher_serial(core->publisher) != force->looked_at || now_ms >= force->due_ms;
    return force->forced == FORCED_DRAIN && news &&
           (!force->looked_ms || now_ms - force->looked_ms >= LOOK_EACH_MS);
}

/* One at a time, however many are drained: the one that has waited longest. */
void drains_tick(struct core *core, int64_t now_ms)
{
    struct force *next = NULL;
    for (size_t i = 0; i < core->nforces; i++) {
        struct force *force = &core->forces[i];
        if (is_due(core, force, now_ms) && (!next || force->looked_ms < next->looked_ms))
            next = force;
    }
    uint32_t host = next ? core_find_host(core, next->host) : MODEL_NONE;
    if (host != MODEL_NONE)
        look_again(core, next, host, now_ms);
}
