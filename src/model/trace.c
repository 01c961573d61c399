/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/trace.h"

#include "wire/rrtype.h"

#include <string.h>

struct walk {
    const struct model *model;
    uint16_t rrtype;
    struct trace *trace;
};

/* Each returns whether the walk goes on, at another name. */

static bool end(struct walk *walk, enum trace_end how, const struct node *node)
{
    walk->trace->end = how;
    walk->trace->node = node;
    return false;
}

static bool follow(struct walk *walk, const struct rrset *rrset, const uint8_t *name, size_t size)
{
    struct trace *trace = walk->trace;
    if (trace->nsteps == TRACE_STEPS_MAX)
        return end(walk, TRACE_LOOP, NULL);
    for (size_t i = 0; i < trace->nsteps; i++)
        if (trace->steps[i] == rrset && rrset->rrtype == RRTYPE_CNAME)
            return end(walk, TRACE_LOOP, NULL);
    trace->steps[trace->nsteps++] = rrset;
    memcpy(trace->name, name, size);
    return true;
}

static bool follow_dname(struct walk *walk, const struct node *owner)
{
    const struct rrset *rrset = node_rrset(owner, RRTYPE_DNAME);
    const struct rdata *target = &rrset->records[0];
    size_t prefix = name_size(walk->trace->name) - name_size(owner->name);
    uint8_t name[2 * NAME_MAX_SIZE], lower[NAME_MAX_SIZE];
    memcpy(name, walk->trace->name, prefix);
    memcpy(name + prefix, target->bytes, target->size);
    if (prefix + target->size > NAME_MAX_SIZE)
        return end(walk, TRACE_TOO_LONG, owner);
    return follow(walk, rrset, lower, name_lower(name, lower));
}

static bool answer_from(struct walk *walk, const struct node *node)
{
    walk->trace->rrset = node_rrset(node, walk->rrtype);
    if (walk->trace->rrset)
        return end(walk, TRACE_RRSET, node);
    const struct rrset *cname = node_rrset(node, RRTYPE_CNAME);
    if (cname && walk->rrtype != RRTYPE_ANY) {
        uint8_t lower[NAME_MAX_SIZE];
        return follow(walk, cname, lower, name_lower(cname->records[0].bytes, lower));
    }
    bool any = walk->rrtype == RRTYPE_ANY && node->rrsets;
    return end(walk, any ? TRACE_ANY : TRACE_NODATA, node);
}

/* DS stands in the zone above the cut (RFC 4035 section 3.1.4.1). */
static const struct zone *zone_of(const struct walk *walk)
{
    const uint8_t *name = walk->trace->name;
    const struct zone *zone = model_zone(walk->model, name);
    if (walk->rrtype == RRTYPE_DS && zone && name_equal(zone->apex, name) && name_parent(name)) {
        const struct zone *above = model_zone(walk->model, name_parent(name));
        return above ? above : zone;
    }
    return zone;
}

static bool step_existing(struct walk *walk, const struct node *node)
{
    if (node->cut && !(walk->rrtype == RRTYPE_DS && node->cut == node))
        return end(walk, TRACE_REFERRAL, node->cut);
    if (node->dname)
        return follow_dname(walk, node->dname);
    return answer_from(walk, node);
}

static bool step_missing(struct walk *walk, const struct node *encloser)
{
    if (encloser->cut)
        return end(walk, TRACE_REFERRAL, encloser->cut);
    if (encloser->dname || node_rrset(encloser, RRTYPE_DNAME))
        return follow_dname(walk, encloser->dname ? encloser->dname : encloser);
    walk->trace->wildcard = encloser->wildcard;
    return encloser->wildcard ? answer_from(walk, encloser->wildcard)
                              : end(walk, TRACE_NXDOMAIN, NULL);
}

static bool step(struct walk *walk)
{
    const uint8_t *name = walk->trace->name;
    const struct zone *zone = walk->trace->zone = zone_of(walk);
    walk->trace->wildcard = false;
    if (!zone)
        return end(walk, TRACE_OUTSIDE, NULL);
    if (zone->failed)
        return end(walk, TRACE_FAILED, NULL);
    const struct node *node = zone_node(walk->model, zone, name);
    if (node)
        return step_existing(walk, node);
    do
        name = name_parent(name);
    while (!(node = zone_node(walk->model, zone, name))); /* at the latest, the apex */
    return step_missing(walk, node);
}

void model_trace(const struct model *model, const uint8_t *name, uint16_t rrtype,
                 struct trace *trace)
{
    struct walk walk = {.model = model, .rrtype = rrtype, .trace = trace};
    memset(trace, 0, sizeof *trace);
    name_lower(name, trace->name);
    while (step(&walk))
        ;
}
