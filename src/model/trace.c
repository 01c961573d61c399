/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/trace.h"

#include "wire/rrtype.h"

#include <string.h>

struct walk {
    const struct model *model;
    uint16_t rrtype;
    struct trace *trace;
    uint8_t visited[TRACE_STEPS_MAX][NAME_MAX_SIZE]; /* before each step */
};

/* Each returns whether the walk goes on, at another name. */

static bool end(struct walk *walk, enum trace_end how, const struct node *node)
{
    walk->trace->end = how;
    walk->trace->node = node;
    return false;
}

/* Goes on at another name, unless it was walked before. */
static bool follow(struct walk *walk, const struct rrset *rrset, const uint8_t *name, size_t size)
{
    struct trace *trace = walk->trace;
    bool again = false;
    memcpy(walk->visited[trace->nsteps], trace->name, name_size(trace->name));
    trace->steps[trace->nsteps++] = rrset;
    memcpy(trace->name, name, size);
    for (size_t i = 0; i < trace->nsteps; i++)
        again |= name_equal(walk->visited[i], name);
    return (!again && trace->nsteps < TRACE_STEPS_MAX) || end(walk, TRACE_LOOP, NULL);
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
    bool on = follow(walk, rrset, lower, name_lower(name, lower));
    bool made = walk->rrtype == RRTYPE_CNAME || walk->rrtype == RRTYPE_ANY;
    return on && (!made || end(walk, TRACE_MADE, owner));
}

static bool answer_from(struct walk *walk, const struct node *node)
{
    const struct rrset *cname = node_rrset(node, RRTYPE_CNAME);
    walk->trace->rrset = node_rrset(node, walk->rrtype);
    if (cname && walk->rrtype == RRTYPE_ANY)
        walk->trace->rrset = cname;
    if (walk->trace->rrset)
        return end(walk, TRACE_RRSET, node);
    if (cname) {
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
    if (model_zone(walk->model, walk->trace->name) != walk->trace->zone)
        return end(walk, TRACE_NODATA, NULL); /* DS of a zone of ours, unknown to the one above */
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
