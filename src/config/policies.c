/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the configuration's `policies`. */
#include "config/domain.h"
#include "config/schema.h"

#include <string.h>
#include <strings.h>

/* The types that can be steered (RFC 1035 section 3.2.2, RFC 3596, RFC 2782); 0: all of them. */
enum { ALL_TYPES = 0, TYPE_A = 1, TYPE_MX = 15, TYPE_AAAA = 28, TYPE_SRV = 33 };

static const struct {
    const char *name;
    uint16_t rrtype;
} types[] = {{"MX", TYPE_MX}, {"A", TYPE_A}, {"AAAA", TYPE_AAAA}, {"SRV", TYPE_SRV}};

static bool type_parse(const char *text, uint16_t *rrtype)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcasecmp(text, types[i].name) == 0) {
            *rrtype = types[i].rrtype;
            return true;
        }
    }
    return false;
}

/* policy->owner stays NULL when the match is wrong. */
void match_read(struct reader *reader, const struct tree_node *node, void *record)
{
    struct config_policy *policy = record;
    uint8_t key[DOMAIN_MAX_SIZE];
    struct error error;
    char *rest = NULL;
    char *owner = strtok_r(arena_strdup(reader->config->arena, node->text), " ", &rest);
    const char *type = strtok_r(NULL, " ", &rest);
    if (!owner || strtok_r(NULL, " ", &rest))
        report(reader, node->place, "'match': must be an owner and a type, like 'example.test MX'");
    else if (!domain_parse(owner, key, &error))
        report(reader, node->place, "'match': %s", error.text);
    else if (type && !type_parse(type, &policy->rrtype))
        report(reader, node->place,
               "'match': records of type '%.100s' are not steered: it can be MX, A, AAAA or SRV",
               type);
    else
        policy->owner = owner;
}

/* ---- tiers ---- */

static bool tier_host_is_good(struct reader *reader, struct table *seen,
                              const struct tree_node *node)
{
    uint8_t key[DOMAIN_MAX_SIZE];
    struct error error;
    uint32_t line;
    if (!tree_expect(reader, node, TREE_TEXT, "a host of a tier"))
        return false;
    size_t size = domain_parse(node->text, key, &error);
    if (!size)
        return report(reader, node->place, "'tiers': %s", error.text);
    if (!key_is_new(reader->scratch, seen, key, size, node->place, &line))
        return report(reader, node->place,
                      "'tiers': host '%s' is given twice, first in line %u: it can be in one tier",
                      node->text, line);
    return true;
}

static void tier_read(struct reader *reader, struct table *seen, const struct tree_node *node,
                      struct config_tier *tier)
{
    struct arena *arena = reader->config->arena;
    const char **hosts = NULL;
    struct config_place *places = NULL;
    for (const struct tree_node *item = node->first; item; item = item->next) {
        if (!tier_host_is_good(reader, seen, item))
            continue;
        hosts = array_grow(arena, hosts, tier->nhosts, sizeof *hosts);
        places = array_grow(arena, places, tier->nhosts, sizeof *places);
        hosts[tier->nhosts] = arena_strdup(arena, item->text);
        places[tier->nhosts++] = item->place;
    }
    if (!node->first)
        report(reader, node->place, "'tiers': a tier without a host");
    tier->hosts = hosts;
    tier->places = places;
}

void tiers_read(struct reader *reader, const struct tree_node *node, void *record)
{
    struct config_policy *policy = record;
    struct config_tier *tiers = NULL;
    struct table *seen = table_new(0);
    if (!node->first)
        report(reader, node->place, "'tiers': no tier in it: list at least one, or leave it out");
    for (const struct tree_node *item = node->first; item; item = item->next) {
        if (!tree_expect(reader, item, TREE_LIST, "a tier"))
            continue;
        tiers = array_grow(reader->config->arena, tiers, policy->ntiers, sizeof *tiers);
        tiers[policy->ntiers] = (struct config_tier){.nhosts = 0};
        tier_read(reader, seen, item, &tiers[policy->ntiers++]);
    }
    policy->tiers = tiers;
    table_free(seen);
}

/* ---- policies ---- */

/* Whether an earlier policy holds wherever this one does: for the owner or every owner, for the
 * type or all types. */
static bool policy_is_covered(struct table *seen, const char *owner, uint16_t rrtype,
                              uint32_t *line)
{
    const char *const owners[] = {owner, "*"};
    const uint16_t rrtypes[] = {rrtype, ALL_TYPES};
    uint8_t key[sizeof rrtype + DOMAIN_MAX_SIZE];
    for (int i = 0; i < 4; i++) {
        size_t size = domain_parse(owners[i / 2], key + sizeof rrtype, NULL);
        memcpy(key, &rrtypes[i % 2], sizeof rrtype);
        if (table_get(seen, key, sizeof rrtype + size, line))
            return true;
    }
    return false;
}

static void policy_verify_reach(struct reader *reader, struct table *seen,
                                const struct tree_node *mapping, const struct config_policy *policy)
{
    uint8_t key[sizeof policy->rrtype + DOMAIN_MAX_SIZE];
    uint32_t line;
    if (policy_is_covered(seen, policy->owner, policy->rrtype, &line)) {
        report(reader, tree_find(mapping, "match")->place,
               "'match': this policy is never used: the one in line %u holds before it", line);
        return;
    }
    size_t size = domain_parse(policy->owner, key + sizeof policy->rrtype, NULL);
    memcpy(key, &policy->rrtype, sizeof policy->rrtype);
    key_is_new(reader->scratch, seen, key, sizeof policy->rrtype + size, policy->place, &line);
}

static void policy_verify(struct reader *reader, const struct tree_node *mapping,
                          const struct config_policy *policy, unsigned given)
{
    bool has_mx = policy->rrtype == TYPE_MX || policy->rrtype == ALL_TYPES;
    bool has_preference = has_mx || policy->rrtype == TYPE_SRV;
    if (given & GIVEN_MX_WEIGHTING && !has_mx)
        report(reader, tree_find(mapping, "mx-weighting")->place,
               "'mx-weighting' is for a policy that matches MX records, and this one does not");
    if (given & GIVEN_ON_DOWN && policy->on_down == ON_DOWN_DEMOTE && !has_preference)
        report(reader, tree_find(mapping, "on-down")->place,
               "'on-down': demote is for MX and SRV records: addresses have no preference");
}

static void policy_read(struct reader *reader, struct table *seen, const struct tree_node *node)
{
    struct config *config = reader->config;
    struct config_policy policy = {.place = node->place};
    if (!tree_expect(reader, node, TREE_MAPPING, "a policy"))
        return;
    options_default(&section_policy, &policy);
    unsigned given = options_read(reader, &section_policy, node, &policy);
    policy.ttl_set = given & GIVEN_TTL;
    if (!policy.owner)
        return;
    policy_verify(reader, node, &policy, given);
    policy_verify_reach(reader, seen, node, &policy);
    config->policies =
        array_grow(config->arena, config->policies, config->npolicies, sizeof *config->policies);
    config->policies[config->npolicies++] = policy;
}

void policies_read(struct reader *reader, const struct tree_node *node, void *config)
{
    (void)config;
    struct table *seen = table_new(0);
    for (const struct tree_node *item = node->first; item; item = item->next)
        policy_read(reader, seen, item);
    table_free(seen);
}
