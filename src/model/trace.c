/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/trace.h"

#include "model/lookup.h"
#include "model/rdata.h"
#include "model/template.h"
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
static bool follow(struct walk *walk, const struct rrset *rrset, const uint8_t *name)
{
    struct trace *trace = walk->trace;
    bool again = false;
    memcpy(walk->visited[trace->nsteps], trace->name, name_size(trace->name));
    trace->steps[trace->nsteps++] = rrset;
    name_lower(name, trace->name);
    for (size_t i = 0; i < trace->nsteps; i++)
        again |= name_equal(walk->visited[i], trace->name);
    return (!again && trace->nsteps < TRACE_STEPS_MAX) || end(walk, TRACE_LOOP, NULL);
}

static bool follow_dname(struct walk *walk, const struct node *owner)
{
    uint8_t name[NAME_MAX_SIZE];
    if (zone_substitute(walk->trace->zone, owner, walk->trace->name, name) == 0)
        return end(walk, TRACE_TOO_LONG, owner);
    bool on = follow(walk, node_rrset(owner, RRTYPE_DNAME), name);
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
        uint8_t name[NAME_MAX_SIZE];
        trace_name(walk->trace, cname->records[0].bytes, name);
        return follow(walk, cname, name);
    }
    bool any = walk->rrtype == RRTYPE_ANY && node->rrsets;
    return end(walk, any ? TRACE_ANY : TRACE_NODATA, node);
}

/* DS stands in the zone above the cut (RFC 4035 section 3.1.4.1). */
static const struct zone *zone_of(const struct walk *walk)
{
    const uint8_t *name = walk->trace->name;
    const struct zone *zone = model_zone(walk->model, name);
    bool is_apex = zone && zone_apex_size(zone, name) == name_size(name);
    if (walk->rrtype == RRTYPE_DS && is_apex && name_parent(name)) {
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
    const struct zone *zone = walk->trace->zone = zone_of(walk);
    bool exact;
    walk->trace->wildcard = false;
    if (!zone)
        return end(walk, TRACE_OUTSIDE, NULL);
    if (zone->failed)
        return end(walk, TRACE_FAILED, NULL);
    const struct node *node = zone_encloser(zone, walk->trace->name, &exact);
    return exact ? step_existing(walk, node) : step_missing(walk, node);
}

void model_trace(const struct model *model, const uint8_t *name, uint16_t rrtype,
                 struct trace *trace)
{
    struct walk walk = {.model = model, .rrtype = rrtype, .trace = trace};
    size_t prefix;
    memset(trace, 0, sizeof *trace);
    name_lower(name, trace->name);
    if (name_is_in_template(name, &prefix)) {
        trace->end = TRACE_OUTSIDE; /* markers are ours alone */
        return;
    }
    while (step(&walk))
        ;
}

void trace_name(const struct trace *trace, const uint8_t *name, uint8_t result[NAME_MAX_SIZE])
{
    if (zone_target(trace->zone, trace->name, name, result) == 0)
        memcpy(result, name, name_size(name)); /* not for names of ours: they all fit */
}

struct rdata trace_record(const struct trace *trace, uint16_t rrtype, const struct rdata *record,
                          struct arena *arena)
{
    uint16_t offsets[RDATA_NAMES_MAX];
    unsigned count = trace->zone->domains ? rdata_names(rrtype, record, offsets) : 0;
    if (count == 0)
        return *record;
    uint8_t *bytes = arena_alloc(arena, record->size + (size_t)count * NAME_MAX_SIZE);
    size_t size = 0, at = 0;
    for (unsigned i = 0; i < count && i < RDATA_NAMES_MAX; i++) {
        const uint8_t *name = record->bytes + offsets[i];
        memcpy(bytes + size, record->bytes + at, offsets[i] - at);
        size += offsets[i] - at;
        trace_name(trace, name, bytes + size);
        size += name_size(bytes + size);
        at = offsets[i] + name_size(name);
    }
    memcpy(bytes + size, record->bytes + at, record->size - at);
    return (struct rdata){(uint16_t)(size + record->size - at), bytes};
}
