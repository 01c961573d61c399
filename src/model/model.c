/* SPDX-License-Identifier: BSD-2-Clause */
/* Building the model: read the zones, look at what they point to, derive; see model.h. */
#include "model/model.h"

#include "base/memory.h"
#include "base/table.h"
#include "model/content.h"
#include "model/derive.h"
#include "model/references.h"
#include "model/zone.h"

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

/* False when the model cannot be built of them. */
static bool model_read_zones(struct model *model, const struct config *config, bool strict,
                             struct diagnostics *diagnostics)
{
    struct zone_reader reader;
    bool all = true;
    zone_reader_init(&reader, model, config->nzones, diagnostics);
    for (size_t i = 0; i < config->nzones; i++)
        all &= zone_read(&reader, config->zones[i].file);
    model->stores = ARENA_ARRAY(model->arena, struct store *, 1);
    model->stores[model->nstores++] = reader.store;
    zone_reader_free(&reader);
    return !reader.ambiguous && (all || !strict);
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
    (void)previous;
    struct model *model = model_new(config->nzones);
    bool zones_good = model_read_zones(model, config, strict, diagnostics);
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
    for (size_t i = 0; i < model->nstores; i++)
        store_release(model->stores[i]);
    arena_free(model->arena); /* holds the model itself */
}

size_t model_bytes(const struct model *model)
{
    size_t bytes = arena_bytes(model->arena);
    for (size_t i = 0; i < model->nstores; i++)
        bytes += arena_bytes(model->stores[i]->arena);
    return bytes;
}
