/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a question is answered as it is. */
#include "engine/core.h"

#include "base/memory.h"
#include "engine/state.h"
#include "model/template.h"
#include "model/text.h"
#include "model/trace.h"

#include <stdlib.h>
#include <string.h>

/* An explanation in the making. */
struct work {
    const struct core *core;
    struct engine_explanation *out;
    uint32_t *numbers; /* of each slot among the explanation's targets; MODEL_NONE: not yet one */
};

static uint32_t add_target(struct work *work, uint32_t id)
{
    struct engine_explanation *out = work->out;
    if (work->numbers[id] == MODEL_NONE) {
        work->numbers[id] = (uint32_t)out->ntargets;
        out->targets[out->ntargets++] =
            slot_copy(core_slot(work->core, id), out->now_ms, out->arena);
    }
    return work->numbers[id];
}

static void add_targets(struct work *work, const struct member *member,
                        struct engine_record *record)
{
    const struct service_view *services = work->core->view.services;
    size_t most = 0;
    for (size_t i = 0; i < member->nservices; i++)
        most += services[member->services[i]].nslots;
    uint32_t *numbers = ARENA_ARRAY(work->out->arena, uint32_t, most);
    for (size_t i = 0; i < member->nservices; i++) {
        const struct service_view *service = &services[member->services[i]];
        for (size_t j = 0; j < service->nslots; j++)
            numbers[record->ntargets++] = add_target(work, service->slots[j]);
    }
    record->targets = numbers;
}

/* Presentation format, of names as they are for who asked. */
static const char *record_text(struct work *work, const struct trace *trace, uint16_t rrtype,
                               const struct rdata *record)
{
    struct arena *arena = work->out->arena;
    struct rdata real = trace_record(trace, rrtype, record, arena);
    return rdata_text(arena, rrtype, &real);
}

static const char *owner_text(struct arena *arena, const struct trace *trace)
{
    uint8_t name[NAME_MAX_SIZE];
    trace_name(trace, trace->node->name, name);
    return name_text(arena, name);
}

static void explain_pool(struct work *work, const struct trace *trace, uint32_t number)
{
    const struct view *view = &work->core->view;
    const struct pool *pool = &view->model->pools[number];
    const struct selection *selection = &view->pools[number].selection;
    struct engine_explanation *out = work->out;
    out->pool = arena_strdup(out->arena, pool->name);
    out->ttl_s = selection->ttl_s;
    out->fail_open = selection->fail_open;
    out->servfail = selection->servfail;
    out->floor = selection->floor;
    out->nrecords = pool->nmembers;
    out->records = ARENA_ARRAY(out->arena, struct engine_record, pool->nmembers);
    out->targets = ARENA_ARRAY(out->arena, struct engine_target, work->core->slots.count);
    for (size_t i = 0; i < pool->nmembers; i++) {
        const struct member *member = &pool->members[i];
        struct engine_record *record = &out->records[i];
        *record = (struct engine_record){
            .text = record_text(work, trace, pool->rrtype, &member->record),
            .state = selection->members[i],
            .host = member->host == MODEL_NONE
                        ? NULL
                        : arena_strdup(out->arena, view->model->hosts[member->host].name),
            .weight = member->weight,
            .percent = selection->percents[i],
        };
        add_targets(work, member, record);
    }
}

static void explain_plain(struct work *work, const struct trace *trace)
{
    struct engine_explanation *out = work->out;
    const struct rrset *rrset = trace->rrset;
    out->ttl_s = rrset->ttl_s;
    out->nrecords = rrset->count;
    out->records = ARENA_ARRAY(out->arena, struct engine_record, rrset->count);
    for (size_t i = 0; i < rrset->count; i++)
        out->records[i] = (struct engine_record){
            .text = record_text(work, trace, rrset->rrtype, &rrset->records[i]),
            .state = MEMBER_SERVED,
            .weight = 1,
            .percent = 100,
        };
}

static const char *end_text(struct work *work, const struct trace *trace)
{
    struct engine_explanation *out = work->out;
    switch (trace->end) {
    case TRACE_RRSET:
        if (!out->pool)
            return trace->zone->domains ? "as it stands in the template"
                                        : "as it stands in the zone file";
        return arena_printf(out->arena, "steered by pool %s%s", out->pool,
                            out->servfail    ? ": nothing is up, SERVFAIL as the policy says"
                            : out->fail_open ? ": nothing is up, fail open"
                            : out->floor     ? ": some are kept in for min-capacity"
                                             : "");
    case TRACE_ANY:
        return "ANY: one HINFO record (RFC 8482)";
    case TRACE_MADE:
        return "that CNAME, which a DNAME makes, is the answer";
    case TRACE_NODATA:
        return "no such type (NODATA)";
    case TRACE_NXDOMAIN:
        return "no such name (NXDOMAIN)";
    case TRACE_REFERRAL:
        return arena_printf(out->arena, "referral: %s is delegated", owner_text(out->arena, trace));
    case TRACE_FAILED:
        return "the zone's file is bad (SERVFAIL)";
    case TRACE_OUTSIDE:
        return trace->nsteps ? "outside our zones: the resolver asks on" : "not our zone (REFUSED)";
    case TRACE_LOOP:
        return "the chain of CNAMEs is a loop or too long";
    case TRACE_TOO_LONG:
        return "the DNAME makes a name that is too long (YXDOMAIN)";
    }
    return NULL;
}

/* "wildcard *.example.test; ", "CNAME to mx1.example.test; " */
static const char *way_text(struct arena *arena, const struct trace *trace)
{
    const char *way = "";
    if (trace->nsteps)
        way = arena_printf(arena, "by CNAME to %s; ", name_text(arena, trace->name));
    bool answers = trace->end == TRACE_RRSET || trace->end == TRACE_NODATA;
    if (answers && trace->wildcard)
        way = arena_printf(arena, "%sby the wildcard %s; ", way, owner_text(arena, trace));
    return way;
}

/* A template is the zone of the domain that was asked for. */
static const char *zone_text(struct arena *arena, const struct zone *zone, const uint8_t *name)
{
    size_t prefix;
    if (!zone || name_is_in_template(name, &prefix))
        return NULL;
    if (!zone->domains)
        return arena_strdup(arena, zone->name);
    return name_text(arena, name + name_size(name) - zone_apex_size(zone, name));
}

void core_explain(const struct core *core, const uint8_t *name, uint16_t rrtype, int64_t now_ms,
                  struct engine_explanation *explanation)
{
    const struct model *model = core->view.model;
    struct arena *arena = explanation->arena;
    struct trace trace;
    struct work work = {.core = core, .out = explanation};
    work.numbers = memory_array(core->slots.count, sizeof *work.numbers);
    memset(work.numbers, 0xff, core->slots.count * sizeof *work.numbers);
    model_trace(model, name, rrtype, &trace);
    explanation->now_ms = now_ms;
    explanation->zone = trace.zone ? zone_text(arena, trace.zone, trace.name)
                                   : zone_text(arena, model_zone(model, name), name);
    explanation->owner = trace.node ? owner_text(arena, &trace) : NULL;
    uint32_t pool = trace.end == TRACE_RRSET ? zone_pool(trace.zone, trace.rrset) : MODEL_NONE;
    if (pool != MODEL_NONE)
        explain_pool(&work, &trace, pool);
    else if (trace.end == TRACE_RRSET)
        explain_plain(&work, &trace);
    const char *how = end_text(&work, &trace);
    explanation->how = arena_printf(arena, "%s%s", way_text(arena, &trace), how);
    free(work.numbers);
}
