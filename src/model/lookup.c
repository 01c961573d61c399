/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding zones, nodes and addresses; see lookup.h and model.h. Pure; any thread. */
#include "model/lookup.h"

#include "base/table.h"
#include "model/content.h"
#include "model/domains.h"
#include "model/template.h"
#include "wire/rrtype.h"

#include <string.h>

enum { CNAME_STEPS_MAX = 16 };

static const struct zone *zone_of(const struct model *model, const uint8_t *lower, size_t size)
{
    uint32_t number;
    if (table_get(model->zone_table, lower, size, &number))
        return &model->zones[number];
    for (size_t i = 0; i < model->ntemplates; i++) {
        const struct zone *zone = &model->zones[model->templates[i]];
        if (domains_has(zone->domains, lower, size))
            return zone;
    }
    return NULL;
}

const struct zone *model_zone(const struct model *model, const uint8_t *name)
{
    uint8_t lower[NAME_MAX_SIZE];
    size_t size = name_lower(name, lower);
    const struct zone *zone = NULL;
    for (const uint8_t *at = lower; zone == NULL && at != NULL; at = name_parent(at))
        zone = zone_of(model, at, size - (size_t)(at - lower));
    return zone;
}

size_t zone_apex_size(const struct zone *zone, const uint8_t *name)
{
    uint8_t lower[NAME_MAX_SIZE];
    size_t size = name_lower(name, lower), prefix;
    if (zone->domains == NULL || name_is_in_template(lower, &prefix))
        return name_size(zone->apex);
    for (const uint8_t *at = lower; *at != 0; at = name_parent(at)) {
        size_t left = size - (size_t)(at - lower);
        if (domains_has(zone->domains, at, left))
            return left;
    }
    return 0;
}

/* The name as the zone's nodes have it, in lower case: in a template with the marker in place of
 * the domain. A domain may be shorter than the marker: the labels at the front of a name that gets
 * too long that way are left out, as no node has them; *cut tells. Returns the size; 0: the name is
 * not of the zone. */
static size_t zone_form(const struct zone *zone, const uint8_t *name, uint8_t lower[NAME_MAX_SIZE],
                        bool *cut)
{
    size_t size = name_lower(name, lower), apex_size, prefix;
    *cut = false;
    if (zone->names == NULL || name_is_in_template(lower, &prefix))
        return size;
    apex_size = zone_apex_size(zone, lower);
    if (apex_size == 0)
        return 0;
    prefix = size - apex_size;
    const uint8_t *from = lower;
    while (prefix + TEMPLATE_APEX_SIZE > NAME_MAX_SIZE) {
        prefix -= 1u + *from;
        from += 1u + *from;
        *cut = true;
    }
    memmove(lower, from, prefix);
    memcpy(lower + prefix, zone->apex, TEMPLATE_APEX_SIZE);
    return prefix + TEMPLATE_APEX_SIZE;
}

static const struct node *node_find(const struct zone *zone, const uint8_t *lower, size_t size)
{
    const struct content *content = zone->content;
    uint32_t number = index_find(content->index, content->mask, content->nodes, lower, size);
    return number != MODEL_NONE ? zone->nodes[number] : NULL;
}

const struct node *zone_node(const struct model *model, const struct zone *zone,
                             const uint8_t *name)
{
    bool exact;
    (void)model; /* a zone finds its nodes by itself */
    const struct node *node = zone_encloser(zone, name, &exact);
    return exact ? node : NULL;
}

const struct node *zone_encloser(const struct zone *zone, const uint8_t *name, bool *exact)
{
    uint8_t lower[NAME_MAX_SIZE];
    bool cut;
    size_t size = zone->failed ? 0 : zone_form(zone, name, lower, &cut);
    *exact = false;
    if (size == 0)
        return NULL;
    for (const uint8_t *at = lower; at != NULL; at = name_parent(at)) {
        const struct node *node = node_find(zone, at, size - (size_t)(at - lower));
        *exact = at == lower && !cut;
        if (node != NULL)
            return node;
    }
    return NULL;
}

const struct node *zone_lookup(const struct model *model, const struct zone *zone,
                               const uint8_t *name)
{
    bool exact;
    (void)model;
    const struct node *node = zone_encloser(zone, name, &exact);
    if (node == NULL || !node_is_authoritative(node))
        return NULL;
    if (exact)
        return node;
    if (node_rrset(node, RRTYPE_DNAME) != NULL)
        return NULL;
    node = node->wildcard;
    return node != NULL && node_is_authoritative(node) ? node : NULL;
}

const struct rrset *node_rrset(const struct node *node, uint16_t rrtype)
{
    for (const struct rrset *rrset = node->rrsets; rrset != NULL; rrset = rrset->next)
        if (rrset->rrtype == rrtype)
            return rrset;
    return NULL;
}

size_t zone_target(const struct zone *zone, const uint8_t *name, const uint8_t *target,
                   uint8_t result[NAME_MAX_SIZE])
{
    size_t prefix, apex_size = zone_apex_size(zone, name), size = name_size(name);
    if (!name_is_in_template(target, &prefix)) {
        memcpy(result, target, name_size(target));
        return name_size(target);
    }
    if (apex_size == 0 || prefix + apex_size > NAME_MAX_SIZE)
        return 0;
    memmove(result + prefix, name + size - apex_size, apex_size); /* result may be name */
    memcpy(result, target, prefix);
    return prefix + apex_size;
}

size_t zone_substitute(const struct zone *zone, const struct node *owner, const uint8_t *name,
                       uint8_t result[NAME_MAX_SIZE])
{
    uint8_t target[NAME_MAX_SIZE], above[NAME_MAX_SIZE];
    size_t above_size = zone_target(zone, name, owner->name, above);
    size_t size =
        zone_target(zone, name, node_rrset(owner, RRTYPE_DNAME)->records[0].bytes, target);
    size_t prefix = name_size(name) - above_size;
    if (size == 0 || above_size == 0 || prefix + size > NAME_MAX_SIZE)
        return 0;
    memmove(result, name, prefix); /* result may be name */
    memcpy(result + prefix, target, size);
    return prefix + size;
}

/* The DNAME that a name stands below, given the nearest node; NULL if none. */
static const struct node *dname_above(const struct node *encloser, bool exact)
{
    if (encloser->dname != NULL)
        return encloser->dname;
    return !exact && node_rrset(encloser, RRTYPE_DNAME) != NULL ? encloser : NULL;
}

/* One step: *node is the answer, or name has become the next to look for and the result is
 * RESOLVED_NOWHERE with *again set. */
static enum resolution resolve_step(const struct model *model, uint8_t name[NAME_MAX_SIZE],
                                    const struct node **node, bool *again)
{
    bool exact;
    const struct zone *zone = model_zone(model, name);
    *again = false;
    if (zone == NULL)
        return RESOLVED_EXTERNAL;
    if (zone->failed)
        return RESOLVED_FAILED;
    const struct node *encloser = zone_encloser(zone, name, &exact);
    if (encloser->cut != NULL)
        return RESOLVED_EXTERNAL;
    const struct node *dname = dname_above(encloser, exact);
    if (dname != NULL) {
        *again = zone_substitute(zone, dname, name, name) > 0;
        return RESOLVED_NOWHERE;
    }
    *node = zone_lookup(model, zone, name);
    if (*node == NULL)
        return RESOLVED_NOWHERE;
    const struct rrset *cname = node_rrset(*node, RRTYPE_CNAME);
    if (cname == NULL)
        return RESOLVED_HERE;
    *again = zone_target(zone, name, cname->records[0].bytes, name) > 0;
    return RESOLVED_NOWHERE;
}

enum resolution model_resolve(const struct model *model, const uint8_t *name,
                              const struct node **node, bool *alias)
{
    uint8_t current[NAME_MAX_SIZE];
    bool again = true;
    enum resolution resolution = RESOLVED_NOWHERE;
    memcpy(current, name, name_size(name));
    for (int step = 0; again && step < CNAME_STEPS_MAX; step++) {
        resolution = resolve_step(model, current, node, &again);
        if (step == 0 && alias != NULL)
            *alias = again;
    }
    return resolution;
}
