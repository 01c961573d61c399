/* SPDX-License-Identifier: BSD-2-Clause */
/* Which policy holds for an RRset, and in which of its tiers a member stands. See derive.h. */
#include "base/memory.h"
#include "model/derive.h"

#include <stdlib.h>
#include <string.h>

struct tier_entry {
    const char *name; /* as configured */
    struct config_place place;
    uint32_t host; /* MODEL_NONE: not known */
    bool is_address;
    struct address address;
    unsigned tier;
    bool used;
};

struct policy_state {
    const struct config_policy *config;
    uint8_t owner[NAME_MAX_SIZE]; /* lower case; not for "*" */
    uint32_t next;                /* the next one for the same owner */
    struct tier_entry *entries;
    size_t nentries;
    bool used;
};

struct policies {
    struct policy_state *list;
    size_t count;
    struct table *owners; /* -> the first policy of that owner */
    uint32_t any;         /* the first policy for every owner */
};

static void tier_add(const struct derivation *derivation, struct policy_state *state,
                     const struct config_tier *tier, unsigned number)
{
    state->entries =
        memory_resize(state->entries, state->nentries + tier->nhosts, sizeof *state->entries);
    for (size_t i = 0; i < tier->nhosts; i++) {
        struct tier_entry entry = {
            .name = tier->hosts[i], .place = tier->places[i], .host = MODEL_NONE, .tier = number};
        entry.is_address = address_parse(tier->hosts[i], &entry.address);
        if (!entry.is_address && !host_find(derivation, tier->hosts[i], &entry.host))
            entry.host = MODEL_NONE;
        state->entries[state->nentries++] = entry;
    }
}

/* From the last to the first, so that each chain begins with the first. */
static void policy_add(const struct derivation *derivation, struct policies *policies,
                       uint32_t number)
{
    const struct config_policy *config = &derivation->config->policies[number];
    struct policy_state *state = &policies->list[number];
    uint8_t name[NAME_MAX_SIZE];
    *state = (struct policy_state){.config = config, .next = MODEL_NONE};
    for (size_t i = 0; i < config->ntiers; i++)
        tier_add(derivation, state, &config->tiers[i], (unsigned)i);
    if (strcmp(config->owner, "*") == 0) {
        state->next = policies->any;
        policies->any = number;
        return;
    }
    if (name_from_text(config->owner, name) == 0)
        return;
    size_t size = name_lower(name, state->owner);
    if (!table_get(policies->owners, state->owner, size, &state->next))
        state->next = MODEL_NONE;
    table_put(policies->owners, state->owner, size, number);
}

struct policies *policies_new(struct derivation *derivation)
{
    struct policies *policies = memory_alloc(sizeof *policies);
    policies->count = derivation->config->npolicies;
    policies->list = memory_array(policies->count + 1, sizeof *policies->list);
    policies->owners = table_new(policies->count);
    policies->any = MODEL_NONE;
    for (size_t i = policies->count; i-- > 0;)
        policy_add(derivation, policies, (uint32_t)i);
    return policies;
}

void policies_free(struct policies *policies)
{
    for (size_t i = 0; i < policies->count; i++)
        free(policies->list[i].entries);
    free(policies->list);
    table_free(policies->owners);
    free(policies);
}

/* The first of a chain that is for this type. */
static uint32_t chain_find(const struct policies *policies, uint32_t number, uint16_t rrtype)
{
    while (number != MODEL_NONE) {
        uint16_t wanted = policies->list[number].config->rrtype;
        if (wanted == 0 || wanted == rrtype)
            break;
        number = policies->list[number].next;
    }
    return number;
}

uint32_t policy_find(struct policies *policies, const uint8_t *owner, uint16_t rrtype)
{
    uint8_t lower[NAME_MAX_SIZE];
    uint32_t named, any = chain_find(policies, policies->any, rrtype);
    if (table_count(policies->owners) == 0 ||
        !table_get(policies->owners, lower, name_lower(owner, lower), &named))
        named = MODEL_NONE;
    named = chain_find(policies, named, rrtype);
    uint32_t first = named < any ? named : any; /* MODEL_NONE is the largest number */
    if (first != MODEL_NONE)
        policies->list[first].used = true;
    return first;
}

unsigned policy_tier(struct policies *policies, uint32_t policy, const struct member *member)
{
    struct policy_state *state = &policies->list[policy];
    struct address address;
    bool by_address = address_parse(member->label, &address);
    for (size_t i = 0; i < state->nentries; i++) {
        struct tier_entry *entry = &state->entries[i];
        bool same_host = entry->host != MODEL_NONE && entry->host == member->host;
        if (same_host ||
            (by_address && entry->is_address && address_equal(&entry->address, &address))) {
            entry->used = true;
            return entry->tier;
        }
    }
    return TIER_OUTSIDE;
}

/* A template has one pool for all of its domains. */
static bool report_domain(struct derivation *derivation, const struct policy_state *state)
{
    bool any = strcmp(state->config->owner, "*") == 0;
    const struct zone *zone = any ? NULL : model_zone(derivation->model, state->owner);
    if (zone == NULL || zone->names == NULL)
        return false;
    derive_dangling(
        derivation, state->config->place,
        "policies: %s is of the template %s: for templates, policies match by \"*\" only",
        state->config->owner, zone->file);
    return true;
}

void policies_report_dangling(struct derivation *derivation)
{
    const struct policies *policies = derivation->policies;
    for (size_t i = 0; i < policies->count; i++) {
        const struct policy_state *state = &policies->list[i];
        if (!state->used && report_domain(derivation, state))
            continue;
        if (!state->used) {
            derive_dangling(derivation, state->config->place,
                            "policies: no MX, SRV, A or AAAA records of mail hosts match %s, or a "
                            "policy before this one has them all",
                            state->config->owner);
            continue; /* its hosts cannot match either */
        }
        for (size_t j = 0; j < state->nentries; j++)
            if (!state->entries[j].used)
                derive_dangling(derivation, state->entries[j].place,
                                "policies: tiers: %s is in none of the RRsets that this policy "
                                "matches",
                                state->entries[j].name);
    }
}
