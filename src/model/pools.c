/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools: each site's members, put together in a draft, and then either a pool of the same content
 * that stands already, or a new one: 100,000 domains with the same MX records share one. See
 * derive.h. */
#include "base/memory.h"
#include "model/derive.h"
#include "model/rdata.h"
#include "model/text.h"
#include "wire/rrtype.h"

#include <stdlib.h>
#include <string.h>

/* What a site's pool would be. One draft serves all sites. */
struct draft {
    const struct site *site;
    uint32_t policy_number; /* MODEL_NONE: the default */
    struct policy policy;
    struct member *members;
    size_t nmembers, members_capacity;
    uint32_t *services; /* of all members, one member's behind the other's */
    size_t nservices, services_capacity;
    uint32_t *order; /* members by rdata, for a key that does not depend on the file's order */
    size_t order_capacity;
    uint8_t *key;
    size_t key_size, key_capacity;
};

/* ---- members ---- */

/* Adds a service to the last member of the draft. */
static void draft_add_service(struct draft *draft, uint32_t service)
{
    struct member *member = &draft->members[draft->nmembers - 1];
    for (size_t i = 1; i <= member->nservices; i++)
        if (draft->services[draft->nservices - i] == service)
            return;
    draft->services = memory_grow(draft->services, draft->nservices, &draft->services_capacity,
                                  sizeof *draft->services);
    draft->services[draft->nservices++] = service;
    member->nservices++;
}

static struct member *draft_add_member(struct draft *draft, const struct rdata *record)
{
    draft->members = memory_grow(draft->members, draft->nmembers, &draft->members_capacity,
                                 sizeof *draft->members);
    struct member *member = &draft->members[draft->nmembers++];
    *member = (struct member){.record = *record, .host = MODEL_NONE, .weight = 1};
    return member;
}

/* A member of an MX or SRV pool: its target must give the service that the record is for. */
static void add_target_member(struct derivation *derivation, struct draft *draft,
                              const struct rdata *record)
{
    uint16_t rrtype = draft->site->rrset->rrtype;
    bool is_srv = rrtype == RRTYPE_SRV;
    struct member *member = draft_add_member(draft, record);
    uint32_t number = host_get(derivation, rdata_target(rrtype, record->bytes));
    const struct host *host = &derivation->model->hosts[number];
    member->host = number;
    member->label = host->name;
    member->weight_set = host->weight_set;
    member->weight = is_srv && !host->weight_set ? rdata_srv_weight(record->bytes) : host->weight;
    if (!host->external && host->naddresses == 0)
        return; /* nothing to probe: nothing to take it out for */
    struct demand demand;
    size_t at = 0;
    uint16_t port = is_srv ? rdata_srv_port(record->bytes) : 0;
    while (host_demand_next(derivation, number, draft->site->kind, port, &at, &demand))
        draft_add_service(draft, service_of_host(derivation, number, demand));
}

/* RFC 2782 lets all weights be 0 where nothing is to be weighed. */
static void level_srv_weights(struct draft *draft)
{
    bool weighed = false;
    for (size_t i = 0; i < draft->nmembers; i++)
        weighed |= draft->members[i].weight_set || draft->members[i].weight > 0;
    for (size_t i = 0; !weighed && i < draft->nmembers; i++)
        draft->members[i].weight = 1;
}

/* The host that the site's name is: by its own name, or else by the first alias that leads to it.
 */
static uint32_t site_host(const struct derivation *derivation, const struct site *site)
{
    for (uint32_t link = site->hosts; link != MODEL_NONE; link = derivation->links[link].next)
        if (name_equal(derivation->model->hosts[derivation->links[link].host].wire,
                       site->node->name))
            return derivation->links[link].host;
    return derivation->links[site->hosts].host;
}

static struct address address_of(uint16_t rrtype, const struct rdata *record)
{
    struct address address = {.family = rrtype == RRTYPE_A ? 4 : 6};
    memcpy(address.bytes, record->bytes, record->size);
    return address;
}

static bool address_host(const struct table *table, const struct address *address, uint32_t *host)
{
    return table_get(table, address, sizeof *address, host) && *host != MODEL_NONE;
}

static void set_address_host(const struct derivation *derivation, const struct draft *draft,
                             struct member *member, const struct address *address)
{
    const struct host *hosts = derivation->model->hosts;
    uint32_t named = site_host(derivation, draft->site), weighing = named;
    bool shared = draft->site->rrset->count > 1;
    if (!shared || !address_host(derivation->single_table, address, &member->host))
        member->host = named;
    if (!hosts[named].weight_set)
        address_host(derivation->weight_table, address, &weighing);
    if (weighing != MODEL_NONE && hosts[weighing].weight_set) {
        member->weight = hosts[weighing].weight;
        member->weight_set = true;
    }
}

/* A member of an A or AAAA pool: all that is asked of the hosts that have this address. */
static void add_address_member(struct derivation *derivation, struct draft *draft,
                               const struct rdata *record)
{
    struct address address = address_of(draft->site->rrset->rrtype, record);
    struct member *member = draft_add_member(draft, record);
    char text[ADDRESS_TEXT_SIZE];
    address_format(&address, text);
    member->label = arena_strdup(derivation->model->arena, text);
    set_address_host(derivation, draft, member, &address);
    for (uint32_t link = draft->site->hosts; link != MODEL_NONE;
         link = derivation->links[link].next) {
        uint32_t host = derivation->links[link].host;
        const struct host_state *state = &derivation->states[host];
        for (size_t i = 0; i < state->ndemands; i++)
            draft_add_service(draft,
                              service_of_address(derivation, host, state->demands[i], &address));
    }
}

/* ---- policy ---- */

static void draft_set_policy(struct derivation *derivation, struct draft *draft)
{
    const struct rrset *rrset = draft->site->rrset;
    bool lowered = derivation->config->probing && rrset->ttl_s > STEERED_TTL_S;
    draft->policy = (struct policy){
        .ttl_s = lowered ? STEERED_TTL_S : rrset->ttl_s,
        .when_all_down = ALL_DOWN_SERVE_ALL,
        .on_down = ON_DOWN_REMOVE,
        .mx_weighting = MX_WEIGHTING_OFF,
        .ntiers = 1,
    };
    draft->policy_number =
        policy_find(derivation->policies, draft->site->node->name, rrset->rrtype);
    if (draft->policy_number == MODEL_NONE)
        return;
    const struct config_policy *config = &derivation->config->policies[draft->policy_number];
    if (config->ttl_set)
        draft->policy.ttl_s = config->ttl_s;
    draft->policy.when_all_down = config->when_all_down;
    draft->policy.on_down = config->on_down;
    draft->policy.mx_weighting = config->mx_weighting;
    draft->policy.min_capacity = config->min_capacity;
    if (config->ntiers == 0)
        return;
    draft->policy.ntiers = (unsigned)config->ntiers;
    for (size_t i = 0; i < draft->nmembers; i++)
        draft->members[i].tier =
            policy_tier(derivation->policies, draft->policy_number, &draft->members[i]);
}

/* Told once for each pool. */
static void report_outsiders(struct derivation *derivation, const struct draft *draft,
                             const char *pool_name)
{
    size_t outside = 0;
    for (size_t i = 0; i < draft->nmembers; i++)
        outside += draft->members[i].tier == TIER_OUTSIDE;
    if (outside == 0)
        return;
    const struct config *config = derivation->config;
    struct config_place place = config->policies[draft->policy_number].place;
    if (outside == draft->nmembers) {
        diagnostics_error(derivation->diagnostics, config->file, place.line, place.column,
                          "policies: none of the hosts of %s is in a tier: nothing could be "
                          "answered",
                          pool_name);
        return;
    }
    for (size_t i = 0; i < draft->nmembers; i++)
        if (draft->members[i].tier == TIER_OUTSIDE)
            diagnostics_warning(derivation->diagnostics, config->file, place.line, place.column,
                                "policies: %s of %s is in no tier: it is never answered",
                                draft->members[i].label, pool_name);
}

/* ---- pools ---- */

static void key_put(struct draft *draft, const void *bytes, size_t size)
{
    if (size == 0)
        return;
    if (size > draft->key_capacity - draft->key_size) {
        draft->key_capacity = (draft->key_capacity + size) * 2;
        draft->key = memory_resize(draft->key, draft->key_capacity, 1);
    }
    memcpy(draft->key + draft->key_size, bytes, size);
    draft->key_size += size;
}

static int compare_members(const void *one, const void *other, void *members)
{
    const struct rdata *first = &((struct member *)members)[*(const uint32_t *)one].record;
    const struct rdata *second = &((struct member *)members)[*(const uint32_t *)other].record;
    int order = (first->size > second->size) - (first->size < second->size);
    return order != 0 ? order : memcmp(first->bytes, second->bytes, first->size);
}

static void key_put_member(struct draft *draft, const struct member *member)
{
    const uint32_t words[] = {member->record.size, member->host, member->weight,
                              member->weight_set,  member->tier, (uint32_t)member->nservices};
    key_put(draft, words, sizeof words);
    key_put(draft, member->record.bytes, member->record.size);
    key_put(draft, member->services, member->nservices * sizeof *member->services);
}

/* Everything that makes the pool what it is. */
static void draft_set_key(struct draft *draft)
{
    const struct policy *policy = &draft->policy;
    const uint32_t words[] = {
        draft->site->rrset->rrtype, policy->ttl_s,        policy->when_all_down, policy->on_down,
        policy->mx_weighting,       policy->min_capacity, policy->ntiers};
    if (draft->nmembers > draft->order_capacity) {
        draft->order_capacity = draft->nmembers * 2;
        draft->order = memory_resize(draft->order, draft->order_capacity, sizeof *draft->order);
    }
    for (size_t i = 0; i < draft->nmembers; i++)
        draft->order[i] = (uint32_t)i;
    qsort_r(draft->order, draft->nmembers, sizeof *draft->order, compare_members, draft->members);
    draft->key_size = 0;
    key_put(draft, words, sizeof words);
    for (size_t i = 0; i < draft->nmembers; i++)
        key_put_member(draft, &draft->members[draft->order[i]]);
}

static void draft_fill(struct derivation *derivation, struct draft *draft, const struct site *site)
{
    const struct rrset *rrset = site->rrset;
    bool is_address = rrset->rrtype == RRTYPE_A || rrset->rrtype == RRTYPE_AAAA;
    draft->site = site;
    draft->nmembers = draft->nservices = 0;
    for (uint32_t i = 0; i < rrset->count; i++) {
        if (is_address)
            add_address_member(derivation, draft, &rrset->records[i]);
        else
            add_target_member(derivation, draft, &rrset->records[i]);
    }
    if (rrset->rrtype == RRTYPE_SRV)
        level_srv_weights(draft);
    size_t first = 0; /* draft->services does not move any more, and may be NULL */
    for (size_t i = 0; i < draft->nmembers; first += draft->members[i++].nservices)
        draft->members[i].services = first < draft->nservices ? draft->services + first : NULL;
    draft_set_policy(derivation, draft);
    draft_set_key(draft);
}

static uint32_t pool_add(struct derivation *derivation, const struct draft *draft)
{
    struct model *model = derivation->model;
    uint32_t number = (uint32_t)model->npools;
    char owner[ZONE_TEXT_SIZE], type[RRTYPE_TEXT_SIZE];
    struct pool pool = {
        .name = arena_printf(model->arena, "%s %s",
                             model_name_text(model, draft->site->node->name, owner),
                             rrtype_to_text(draft->site->rrset->rrtype, type)),
        .rrtype = draft->site->rrset->rrtype,
        .policy = draft->policy,
        .members =
            arena_dup(model->arena, draft->members, draft->nmembers * sizeof *draft->members),
        .nmembers = draft->nmembers,
    };
    for (size_t i = 0; i < pool.nmembers; i++) {
        struct member *member = &pool.members[i];
        member->services =
            arena_dup(model->arena, member->services, member->nservices * sizeof *member->services);
    }
    model->pools =
        memory_grow(model->pools, number, &derivation->pools_capacity, sizeof *model->pools);
    model->pools[model->npools++] = pool;
    table_put(derivation->pool_table, arena_dup(model->arena, draft->key, draft->key_size),
              draft->key_size, number);
    report_outsiders(derivation, draft, pool.name);
    return number;
}

/* What decides on the pool of an MX or SRV RRset; each of the size of a pointer, so that there are
 * no gaps. */
struct shortcut {
    const struct rdata *records; /* often shared by many RRsets */
    uintptr_t rrtype, kind, policy, ttl_s;
};

static uint32_t site_pool(struct derivation *derivation, struct draft *draft,
                          const struct site *site)
{
    uint32_t pool;
    draft_fill(derivation, draft, site);
    return table_get(derivation->pool_table, draft->key, draft->key_size, &pool)
               ? pool
               : pool_add(derivation, draft);
}

static uint32_t site_pool_by_shortcut(struct derivation *derivation, struct draft *draft,
                                      struct table *shortcuts, struct arena *arena,
                                      const struct site *site)
{
    const struct rrset *rrset = site->rrset;
    const struct shortcut key = {
        .records = rrset->records,
        .rrtype = rrset->rrtype,
        .kind = site->kind,
        .policy = policy_find(derivation->policies, site->node->name, rrset->rrtype),
        .ttl_s = rrset->ttl_s,
    };
    uint32_t pool;
    if (table_get(shortcuts, &key, sizeof key, &pool))
        return pool;
    pool = site_pool(derivation, draft, site);
    table_put(shortcuts, arena_dup(arena, &key, sizeof key), sizeof key, pool);
    return pool;
}

void pools_build(struct derivation *derivation)
{
    struct draft draft = {0};
    struct table *shortcuts = table_new(0);
    struct arena *arena = arena_new();
    for (size_t i = 0; i < derivation->nsites; i++) {
        const struct site *site = &derivation->sites[i];
        bool is_address = site->rrset->rrtype == RRTYPE_A || site->rrset->rrtype == RRTYPE_AAAA;
        uint32_t number = is_address
                              ? site_pool(derivation, &draft, site)
                              : site_pool_by_shortcut(derivation, &draft, shortcuts, arena, site);
        struct pool *pool = &derivation->model->pools[number];
        derivation->model->zones[site->zone].pools[site->rrset->number] = number;
        pool->nowners++;
        if (pool->policy.ttl_s < derivation->ttls_s[site->zone])
            derivation->ttls_s[site->zone] = pool->policy.ttl_s;
    }
    table_free(shortcuts);
    arena_free(arena);
    free(draft.members);
    free(draft.services);
    free(draft.order);
    free(draft.key);
}
