/* SPDX-License-Identifier: BSD-2-Clause */
/* Building the model: read the zones, look at what they point to, derive; see model.h. */
#include "model/model.h"

#include "base/memory.h"
#include "base/table.h"
#include "model/content.h"
#include "model/derive.h"
#include "model/domains.h"
#include "model/lists.h"
#include "model/references.h"
#include "model/reuse.h"
#include "model/template.h"
#include "model/zone.h"

#include <stdlib.h>
#include <string.h>

static struct model *model_new(size_t nzones)
{
    struct arena *arena = arena_new();
    struct model *model = ARENA_NEW(arena, struct model);
    model->arena = arena;
    model->zones = ARENA_ARRAY(arena, struct zone, nzones);
    model->zone_table = table_new(nzones);
    return model;
}

/* The stores of what is taken over, and this load's own. */
static void model_set_stores(struct model *model, const struct reuse *reuse, struct store *own)
{
    model->stores = ARENA_ARRAY(model->arena, struct store *, reuse->nstores + 1);
    for (size_t i = 0; i < reuse->nstores; i++) {
        model->stores[model->nstores++] = reuse->stores[i];
        store_share(reuse->stores[i]);
    }
    model->stores[model->nstores++] = own;
}

/* And that of what a zone goes on with. */
static void model_keep_store(struct model *model, struct store *store)
{
    for (size_t i = 0; i < model->nstores; i++)
        if (model->stores[i] == store)
            return;
    struct store **stores = ARENA_ARRAY(model->arena, struct store *, model->nstores + 1);
    memcpy(stores, model->stores, model->nstores * sizeof *stores);
    stores[model->nstores++] = store;
    model->stores = stores;
    store_share(store);
}

/* A template always gets a place in the model: that behind all others. */
static bool read_zones(struct zone_reader *reader, const struct reuse *reuse, size_t nzones,
                       const struct zone **befores)
{
    struct model *model = reader->model;
    bool all = true;
    for (size_t i = 0; i < nzones; i++) {
        const struct zone_source *source = &reuse->sources[i];
        all &= zone_read(reader, source);
        if (source->names == NULL)
            continue;
        befores[model->ntemplates] = source->before;
        model->templates[model->ntemplates++] = (uint32_t)model->nzones - 1;
    }
    return all;
}

static size_t count_templates(const struct config *config)
{
    size_t count = 0;
    for (size_t i = 0; i < config->nzones; i++)
        count += config->zones[i].names != NULL;
    return count;
}

/* False when the model cannot be built of them. */
static bool model_read_zones(struct model *model, const struct config *config,
                             const struct model *previous, bool strict,
                             struct diagnostics *diagnostics)
{
    struct zone_reader reader;
    struct reuse reuse;
    size_t ntemplates = count_templates(config);
    if (ntemplates > TEMPLATES_MAX)
        return diagnostics_error(diagnostics, config->file, 0, 0,
                                 "zones: %zu templates; there may be %d", ntemplates,
                                 TEMPLATES_MAX);
    const struct zone **befores = memory_array(ntemplates, sizeof *befores);
    model->templates = ARENA_ARRAY(model->arena, uint32_t, ntemplates);
    reuse_init(&reuse, config, previous);
    zone_reader_init(&reader, model, config->nzones, previous, strict, diagnostics);
    model_set_stores(model, &reuse, reader.store);
    bool all = read_zones(&reader, &reuse, config->nzones, befores);
    all &= lists_read(model, befores, strict, &reuse.files, diagnostics);
    for (size_t i = 0; i < model->nzones; i++)
        if (model->zones[i].stale)
            model_keep_store(model, model->zones[i].content->store);
    bool ambiguous = reader.ambiguous;
    zone_reader_free(&reader);
    reuse_free(&reuse);
    free(befores);
    return !ambiguous && (all || !strict);
}

static void model_set_pools(struct model *model)
{
    size_t nrrsets = 0;
    for (size_t i = 0; i < model->nzones; i++)
        nrrsets += model->zones[i].nrrsets;
    uint32_t *pools = ARENA_ARRAY(model->arena, uint32_t, nrrsets);
    memset(pools, 0xff, nrrsets * sizeof *pools); /* MODEL_NONE */
    for (size_t i = 0; i < model->nzones; i++) {
        model->zones[i].pools = pools;
        pools += model->zones[i].nrrsets;
    }
}

struct model *model_build(const struct config *config, const struct model *previous, bool strict,
                          struct diagnostics *diagnostics)
{
    struct model *model = model_new(config->nzones);
    bool zones_good = model_read_zones(model, config, previous, strict, diagnostics);
    model_set_pools(model);
    references_check(model, diagnostics);
    if (model_derive(model, config, diagnostics) && zones_good)
        return model;
    model_free(model);
    return NULL;
}

void model_free(struct model *model)
{
    if (model == NULL)
        return;
    table_free(model->zone_table);
    for (size_t i = 0; i < model->ntemplates; i++)
        domains_release(model->zones[model->templates[i]].domains);
    for (size_t i = 0; i < model->nstores; i++)
        store_release(model->stores[i]);
    for (size_t i = 0; i < model->nchecks; i++)
        check_settings_release(&model->checks[i].settings);
    arena_free(model->arena); /* holds the model itself */
}

size_t model_bytes(const struct model *model)
{
    size_t bytes = arena_bytes(model->arena);
    for (size_t i = 0; i < model->nstores; i++)
        bytes += arena_bytes(model->stores[i]->arena);
    for (size_t i = 0; i < model->ntemplates; i++)
        bytes += domains_bytes(model->zones[model->templates[i]].domains);
    return bytes;
}
