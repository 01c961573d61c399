/* SPDX-License-Identifier: BSD-2-Clause */
/* Hosts: who is pointed to or configured, what is asked of them, where their addresses are. See
 * derive.h. */
#include "base/memory.h"
#include "model/derive.h"
#include "model/text.h"
#include "wire/rrtype.h"

#include <string.h>

uint32_t host_get(struct derivation *derivation, const uint8_t *name)
{
    struct model *model = derivation->model;
    uint8_t lower[NAME_MAX_SIZE];
    char text[ZONE_TEXT_SIZE];
    uint32_t number;
    size_t size = name_lower(name, lower);
    if (table_get(derivation->host_table, lower, size, &number))
        return number;
    number = (uint32_t)model->nhosts;
    model->hosts =
        memory_grow(model->hosts, number, &derivation->hosts_capacity, sizeof *model->hosts);
    derivation->states = memory_grow(derivation->states, number, &derivation->states_capacity,
                                     sizeof *derivation->states);
    model->hosts[number] = (struct host){
        .name = arena_strdup(model->arena, model_name_text(model, lower, text)),
        .wire = arena_pack(model->arena, lower, size),
        .weight = 1,
    };
    derivation->states[number] = (struct host_state){0};
    table_put(derivation->host_table, model->hosts[number].wire, size, number);
    model->nhosts++;
    return number;
}

bool host_find(const struct derivation *derivation, const char *text, uint32_t *host)
{
    uint8_t name[NAME_MAX_SIZE], lower[NAME_MAX_SIZE];
    return name_from_text(text, name) > 0 &&
           table_get(derivation->host_table, lower, name_lower(name, lower), host);
}

static void host_demand(struct derivation *derivation, uint32_t host, struct demand demand)
{
    struct host_state *state = &derivation->states[host];
    for (size_t i = 0; i < state->ndemands; i++)
        if (state->demands[i].check == demand.check && state->demands[i].port == demand.port)
            return;
    state->demands = memory_grow(state->demands, state->ndemands, &state->demands_capacity,
                                 sizeof *state->demands);
    state->demands[state->ndemands++] = demand;
}

static struct demand demand_of(struct derivation *derivation, uint32_t host, uint32_t config_check,
                               uint16_t port)
{
    uint16_t own_port = derivation->config->checks[config_check].settings.port;
    return (struct demand){
        .check = check_get(derivation, config_check, derivation->states[host].config),
        .port = port != 0 ? port : own_port,
    };
}

static void host_configure(struct derivation *derivation, const struct config_host *config)
{
    uint8_t name[NAME_MAX_SIZE];
    name_from_text(config->name, name); /* valid and only once: the configuration saw to that */
    uint32_t number = host_get(derivation, name);
    struct host_state *state = &derivation->states[number];
    state->config = config;
    if (config->weight_set) {
        derivation->model->hosts[number].weight = config->weight;
        derivation->model->hosts[number].weight_set = true;
    }
    for (size_t i = 0; derivation->config->probing && config->checks_set && i < config->nchecks;
         i++)
        host_demand(derivation, number, demand_of(derivation, number, config->checks[i], 0));
}

void hosts_configure(struct derivation *derivation)
{
    for (size_t i = 0; i < derivation->config->nhosts; i++)
        host_configure(derivation, &derivation->config->hosts[i]);
}

bool host_demand_next(struct derivation *derivation, uint32_t host, enum check_kind kind,
                      uint16_t port, size_t *at, struct demand *demand)
{
    const struct config_host *config = derivation->states[host].config;
    if (!derivation->config->probing)
        return false;
    if (config == NULL || !config->checks_set) {
        *demand = demand_of(derivation, host, kind, port); /* the built-in checks stand by kind */
        return (*at)++ == 0;
    }
    while (*at < config->nchecks) {
        uint32_t check = config->checks[(*at)++];
        if (derivation->config->checks[check].settings.kind != kind)
            continue;
        *demand = demand_of(derivation, host, check, port);
        return true;
    }
    return false;
}

void host_require(struct derivation *derivation, uint32_t host, enum check_kind kind, uint16_t port)
{
    struct host_state *state = &derivation->states[host];
    struct demand demand;
    size_t at = 0;
    bool any = host_demand_next(derivation, host, kind, port, &at, &demand);
    const struct config_host *config = state->config;
    if (any && (config == NULL || !config->checks_set))
        host_demand(derivation, host, demand);
    if (any || !derivation->config->probing || config->nchecks == 0 ||
        (state->unchecked_kinds & 1u << kind) != 0)
        return;
    state->unchecked_kinds |= 1u << kind;
    diagnostics_warning(derivation->diagnostics, derivation->config->file, config->place.line,
                        config->place.column,
                        "hosts: %s has no check of kind %s among its checks: it is never taken out "
                        "of the %s records that name it",
                        config->name, check_kind_name(kind), kind == CHECK_SMTP ? "MX" : "SRV");
}

static void host_take_addresses(struct derivation *derivation, struct host *host,
                                const struct node *node)
{
    static const struct {
        uint16_t rrtype;
        uint8_t family;
    } kinds[] = {{RRTYPE_A, 4}, {RRTYPE_AAAA, 6}};
    const struct rrset *rrsets[2];
    size_t count = 0;
    for (int i = 0; i < 2; i++) {
        rrsets[i] = node_rrset(node, kinds[i].rrtype);
        count += rrsets[i] != NULL ? rrsets[i]->count : 0;
    }
    host->addresses = ARENA_ARRAY(derivation->model->arena, struct address, count);
    for (int i = 0; i < 2; i++) {
        for (uint32_t j = 0; rrsets[i] != NULL && j < rrsets[i]->count; j++) {
            struct address *address = &host->addresses[host->naddresses++];
            address->family = kinds[i].family;
            memcpy(address->bytes, rrsets[i]->records[j].bytes, rrsets[i]->records[j].size);
        }
    }
}

/* The table's value for an address becomes MODEL_NONE when a second host claims it. */
static void claim_address(struct table *table, const struct address *address, uint32_t host)
{
    uint32_t before;
    bool taken = table_get(table, address, sizeof *address, &before) && before != host;
    table_put(table, address, sizeof *address, taken ? MODEL_NONE : host);
}

static void host_claim_addresses(struct derivation *derivation, uint32_t number)
{
    const struct host *host = &derivation->model->hosts[number];
    const struct host_state *state = &derivation->states[number];
    size_t in_family[7] = {0};
    for (size_t i = 0; i < host->naddresses; i++)
        in_family[host->addresses[i].family]++;
    for (size_t i = 0; i < host->naddresses; i++) {
        const struct address *address = &host->addresses[i];
        if (host->weight_set)
            claim_address(derivation->weight_table, address, number);
        if ((state->is_exchange || state->config != NULL) && in_family[address->family] == 1)
            claim_address(derivation->single_table, address, number);
    }
}

void hosts_resolve(struct derivation *derivation)
{
    for (uint32_t i = 0; i < derivation->model->nhosts; i++) {
        struct host *host = &derivation->model->hosts[i];
        struct host_state *state = &derivation->states[i];
        state->resolution = model_resolve(derivation->model, host->wire, &state->node, NULL);
        host->external = state->resolution == RESOLVED_EXTERNAL;
        if (state->resolution == RESOLVED_HERE)
            host_take_addresses(derivation, host, state->node);
        host_claim_addresses(derivation, i);
    }
}

bool host_is_steered(const struct derivation *derivation, uint32_t host)
{
    const struct host_state *state = &derivation->states[host];
    bool configured = state->config != NULL && state->config->checks_set;
    return state->resolution == RESOLVED_HERE &&
           (state->is_exchange || state->is_target || configured);
}

void hosts_report_dangling(struct derivation *derivation)
{
    for (uint32_t i = 0; i < derivation->model->nhosts; i++) {
        const struct host_state *state = &derivation->states[i];
        if (state->config == NULL || state->is_exchange || state->is_target)
            continue;
        const struct zone *zone = model_zone(derivation->model, derivation->model->hosts[i].wire);
        if (zone != NULL && zone->names != NULL) {
            derive_dangling(derivation, state->config->place,
                            "hosts: %s is of the template %s, whose hosts are the same for all of "
                            "its domains: it has no settings of its own",
                            state->config->name, zone->file);
            continue;
        }
        if (derivation->model->hosts[i].naddresses > 0)
            continue;
        derive_dangling(derivation, state->config->place,
                        "hosts: no zone has addresses for %s, and no MX or SRV record names it",
                        state->config->name);
    }
}
