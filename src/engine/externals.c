/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/externals.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/table.h"
#include "probe/resolve.h"

#include <stdlib.h>
#include <string.h>

struct externals {
    struct externals_ways ways;
    char *resolv_conf;
    struct resolver *resolver; /* NULL: there are none */
    char **names;              /* by the resolver's numbers; NULL: free */
    size_t count, capacity;
};

static void on_addresses(void *context, uint32_t id, const struct address *addresses, size_t count)
{
    struct externals *externals = context;
    core_addresses(externals->ways.core, externals->names[id], addresses, count, clock_now_ms());
    externals->ways.changed(externals->ways.context);
}

static void forget_name(struct externals *externals, uint32_t place)
{
    resolver_remove(externals->resolver, place);
    free(externals->names[place]);
    externals->names[place] = NULL;
}

static void add_name(struct externals *externals, uint32_t place, const char *name)
{
    if (!externals->resolver)
        externals->resolver =
            resolver_new(externals->ways.base, externals->resolv_conf, on_addresses, externals);
    if (place == externals->count) {
        externals->names = memory_grow(externals->names, externals->count, &externals->capacity,
                                       sizeof *externals->names);
        externals->count++;
    }
    externals->names[place] = memory_strdup(name);
    resolver_add(externals->resolver, place, name);
}

void externals_follow(struct externals *externals)
{
    const struct core *core = externals->ways.core;
    const struct model *model = core_model(core);
    struct table *known = table_new(externals->count);
    uint32_t place = 0, found;
    for (uint32_t i = 0; i < externals->count; i++) {
        if (externals->names[i] && !core_has_external(core, externals->names[i]))
            forget_name(externals, i);
        else if (externals->names[i])
            table_put(known, externals->names[i], strlen(externals->names[i]), i);
    }
    for (size_t i = 0; i < model->nhosts; i++) {
        const struct host *host = &model->hosts[i];
        if (!host->external || table_get(known, host->name, strlen(host->name), &found))
            continue;
        while (place < externals->count && externals->names[place])
            place++;
        add_name(externals, place, host->name);
    }
    table_free(known);
}

void externals_reread(struct externals *externals)
{
    if (externals->resolver)
        resolver_reread(externals->resolver);
}

struct externals *externals_new(const struct externals_ways *ways)
{
    struct externals *externals = memory_alloc(sizeof *externals);
    externals->ways = *ways;
    externals->resolv_conf = ways->resolv_conf ? memory_strdup(ways->resolv_conf) : NULL;
    return externals;
}

void externals_free(struct externals *externals)
{
    if (!externals)
        return;
    if (externals->resolver)
        resolver_free(externals->resolver);
    for (size_t i = 0; i < externals->count; i++)
        free(externals->names[i]);
    free(externals->names);
    free(externals->resolv_conf);
    free(externals);
}
