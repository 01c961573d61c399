/* SPDX-License-Identifier: BSD-2-Clause */
/* The order in which things are derived; see derive.h. */
#include "model/derive.h"

#include "base/memory.h"
#include "wire/rrtype.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void derive_dangling(struct derivation *derivation, struct config_place place, const char *format,
                     ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        memory_exhausted(strlen(format));
    va_end(arguments);
    if (derivation->zones_bad)
        diagnostics_warning(derivation->diagnostics, derivation->config->file, place.line,
                            place.column, "%s (some zones could not be read)", text);
    else
        diagnostics_error(derivation->diagnostics, derivation->config->file, place.line,
                          place.column, "%s", text);
    free(text);
}

/* Zones whose negative TTL is above that of their steered records, by the same figures: told
 * once. */
struct negative {
    uint32_t zone; /* the first */
    size_t more;
};

static void tell_negative(const struct derivation *derivation, const struct negative *negative)
{
    const struct zone *zone = &derivation->model->zones[negative->zone];
    const struct rrset *soa = node_rrset(zone->nodes[0], RRTYPE_SOA);
    char more[64] = "";
    if (negative->more > 0)
        snprintf(more, sizeof more, ", and %zu more zone%s", negative->more,
                 negative->more == 1 ? "" : "s");
    diagnostics_warning(derivation->diagnostics, soa->file, soa->line, 0,
                        "the negative TTL of %u s (the smaller of the SOA's TTL and minimum) is "
                        "above the TTL of %u s of steered records in %s%s",
                        zone->negative_ttl_s, derivation->ttls_s[negative->zone], zone->name, more);
}

/* A resolver that once got "no such name" keeps it for the negative TTL, which should not outlive
 * what health decides on (RFC 2308). */
static void report_negative_ttls(const struct derivation *derivation)
{
    const struct model *model = derivation->model;
    struct table *seen = table_new(0);
    struct arena *keys = arena_new();
    struct negative *list = NULL;
    size_t count = 0, capacity = 0;
    for (uint32_t i = 0; i < model->nzones; i++) {
        const uint32_t figures[] = {model->zones[i].negative_ttl_s, derivation->ttls_s[i]};
        uint32_t number;
        if (model->zones[i].failed || figures[0] <= figures[1])
            continue;
        if (table_get(seen, figures, sizeof figures, &number)) {
            list[number].more++;
            continue;
        }
        table_put(seen, arena_dup(keys, figures, sizeof figures), sizeof figures, (uint32_t)count);
        list = memory_grow(list, count, &capacity, sizeof *list);
        list[count++] = (struct negative){.zone = i};
    }
    for (size_t i = 0; i < count; i++)
        tell_negative(derivation, &list[i]);
    free(list);
    table_free(seen);
    arena_free(keys);
}

static void derivation_init(struct derivation *derivation)
{
    size_t nzones = derivation->model->nzones;
    derivation->host_table = table_new(nzones);
    derivation->check_table = table_new(0);
    derivation->target_table = table_new(0);
    derivation->service_table = table_new(0);
    derivation->pool_table = table_new(0);
    derivation->single_table = table_new(0);
    derivation->weight_table = table_new(0);
    derivation->ttls_s = memory_array(nzones + 1, sizeof *derivation->ttls_s);
    for (size_t i = 0; i < nzones; i++) {
        derivation->ttls_s[i] = UINT32_MAX;
        derivation->zones_bad |=
            derivation->model->zones[i].failed || derivation->model->zones[i].stale;
    }
}

static void *to_arena(struct model *model, void *array, size_t count, size_t size)
{
    void *kept = arena_dup(model->arena, array, count * size);
    free(array);
    return kept;
}

/* The model's arrays move from the heap to its arena; all else is done with. */
static void derivation_finish(struct derivation *derivation)
{
    struct model *model = derivation->model;
    for (size_t i = 0; i < model->nhosts; i++)
        free(derivation->states[i].demands);
    model->hosts = to_arena(model, model->hosts, model->nhosts, sizeof *model->hosts);
    model->checks = to_arena(model, model->checks, model->nchecks, sizeof *model->checks);
    model->targets = to_arena(model, model->targets, model->ntargets, sizeof *model->targets);
    model->services = to_arena(model, model->services, model->nservices, sizeof *model->services);
    model->pools = to_arena(model, model->pools, model->npools, sizeof *model->pools);
    free(derivation->states);
    free(derivation->sites);
    free(derivation->links);
    free(derivation->ttls_s);
    texts_free(derivation);
    table_free(derivation->host_table);
    table_free(derivation->check_table);
    table_free(derivation->target_table);
    table_free(derivation->service_table);
    table_free(derivation->pool_table);
    table_free(derivation->single_table);
    table_free(derivation->weight_table);
}

bool model_derive(struct model *model, const struct config *config, struct diagnostics *diagnostics)
{
    size_t errors_before = diagnostics->errors;
    struct derivation derivation = {.model = model, .config = config, .diagnostics = diagnostics};
    derivation_init(&derivation);
    hosts_configure(&derivation);
    sites_collect(&derivation);
    hosts_resolve(&derivation);
    sites_collect_addresses(&derivation);
    derivation.policies = policies_new(&derivation);
    pools_build(&derivation);
    hosts_report_dangling(&derivation);
    round_trips_report(&derivation);
    policies_report_dangling(&derivation);
    report_negative_ttls(&derivation);
    policies_free(derivation.policies);
    derivation_finish(&derivation);
    return diagnostics->errors == errors_before;
}
