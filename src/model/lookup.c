/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding zones, nodes and addresses; see lookup.h and model.h. Pure; any thread. */
#include "model/lookup.h"

#include "base/table.h"
#include "model/content.h"
#include "model/rdata.h"
#include "wire/rrtype.h"

#include <string.h>

enum { CNAME_STEPS_MAX = 16 };

const struct zone *model_zone(const struct model *model, const uint8_t *name)
{
    uint8_t lower[NAME_MAX_SIZE];
    size_t size = name_lower(name, lower);
    for (const uint8_t *at = lower; at != NULL; at = name_parent(at)) {
        uint32_t number;
        if (table_get(model->zone_table, at, size - (size_t)(at - lower), &number))
            return &model->zones[number];
    }
    return NULL;
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
    (void)model;
    if (zone->failed)
        return NULL;
    uint8_t lower[NAME_MAX_SIZE];
    return node_find(zone, lower, name_lower(name, lower));
}

const struct node *zone_encloser(const struct model *model, const struct zone *zone,
                                 const uint8_t *name, bool *exact)
{
    (void)model;
    if (zone->failed)
        return NULL;
    uint8_t lower[NAME_MAX_SIZE];
    size_t size = name_lower(name, lower);
    for (const uint8_t *at = lower; at != NULL; at = name_parent(at)) {
        const struct node *node = node_find(zone, at, size - (size_t)(at - lower));
        *exact = at == lower;
        if (node != NULL)
            return node;
    }
    return NULL;
}

const struct node *zone_lookup(const struct model *model, const struct zone *zone,
                               const uint8_t *name)
{
    bool exact;
    const struct node *node = zone_encloser(model, zone, name, &exact);
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

/* The name that a DNAME makes of one below it (RFC 6672 section 2.2). False when it gets too long.
 */
static bool dname_substitute(const struct node *owner, const uint8_t *name,
                             uint8_t result[NAME_MAX_SIZE])
{
    const uint8_t *target = node_rrset(owner, RRTYPE_DNAME)->records[0].bytes;
    size_t prefix = name_size(name) - name_size(owner->name);
    if (prefix + name_size(target) > NAME_MAX_SIZE)
        return false;
    memmove(result, name, prefix); /* result may be name */
    memcpy(result + prefix, target, name_size(target));
    return true;
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
    const struct node *encloser = zone_encloser(model, zone, name, &exact);
    if (encloser->cut != NULL)
        return RESOLVED_EXTERNAL;
    const struct node *dname = dname_above(encloser, exact);
    if (dname != NULL) {
        *again = dname_substitute(dname, name, name);
        return RESOLVED_NOWHERE;
    }
    *node = zone_lookup(model, zone, name);
    if (*node == NULL)
        return RESOLVED_NOWHERE;
    const struct rrset *cname = node_rrset(*node, RRTYPE_CNAME);
    if (cname == NULL)
        return RESOLVED_HERE;
    memcpy(name, cname->records[0].bytes, name_size(cname->records[0].bytes));
    *again = true;
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
