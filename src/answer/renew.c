/* SPDX-License-Identifier: BSD-2-Clause */
/* Making a catalog from the one before: a copy, in which only the zones that differ are taken out
 * and put in. */
#include "answer/compile.h"
#include "base/memory.h"
#include "wire/name.h"

#include <stdlib.h>
#include <string.h>

struct difference {
    const struct model *before, *after;
    const struct zone **old; /* by the number of a zone after: the same apex before; NULL */
    bool *unchanged;         /* by the number of a zone after */
    bool *stays;             /* by the number of a zone before: it is some unchanged one */
    size_t nchanged;
};

static const struct zone *zone_of_apex(const struct model *model, const struct zone *like)
{
    const struct zone *zone = model_zone(model, like->apex);
    bool same = zone && !zone->domains == !like->domains && name_equal(zone->apex, like->apex);
    return same ? zone : NULL;
}

/* Most often it stands where it stood. */
static const struct zone *zone_before(const struct difference *difference, const struct zone *zone)
{
    size_t place = (size_t)(zone - difference->after->zones);
    const struct zone *guess = &difference->before->zones[place];
    if (place < difference->before->nzones && !zone->failed && guess->nodes == zone->nodes)
        return guess;
    return zone_of_apex(difference->before, zone);
}

/* Whether the same is read from it, and the same RRsets are steered. */
static bool is_unchanged(const struct zone *before, const struct zone *after)
{
    if (before->failed || after->failed || before->nodes != after->nodes)
        return false;
    for (size_t i = 0; i < after->nrrsets; i++)
        if ((before->pools[i] == MODEL_NONE) != (after->pools[i] == MODEL_NONE))
            return false;
    return true;
}

/* A zone that comes or goes uncovers or hides names of the zone above. */
static void disturb_above(struct difference *difference, const struct zone *zone)
{
    const uint8_t *above = name_parent(zone->apex);
    const struct zone *upper = above ? model_zone(difference->after, above) : NULL;
    if (upper)
        difference->unchanged[upper - difference->after->zones] = false;
}

static void compare_zones(struct difference *difference, bool *matched)
{
    for (size_t i = 0; i < difference->after->nzones; i++) {
        const struct zone *zone = &difference->after->zones[i];
        const struct zone *old = zone_before(difference, zone);
        difference->old[i] = old;
        difference->unchanged[i] = old && is_unchanged(old, zone);
        if (old)
            matched[old - difference->before->zones] = true;
    }
}

static void difference_init(struct difference *difference, const struct model *before,
                            const struct model *after)
{
    *difference = (struct difference){
        .before = before,
        .after = after,
        .old = memory_array(after->nzones, sizeof *difference->old),
        .unchanged = memory_array(after->nzones, sizeof *difference->unchanged),
        .stays = memory_array(before->nzones, sizeof *difference->stays),
    };
    bool *matched = memory_array(before->nzones, sizeof *matched);
    compare_zones(difference, matched);
    for (size_t i = 0; i < after->nzones; i++)
        if (!difference->old[i])
            disturb_above(difference, &after->zones[i]);
    for (size_t i = 0; i < before->nzones; i++)
        if (!matched[i])
            disturb_above(difference, &before->zones[i]);
    free(matched);
    for (size_t i = 0; i < after->nzones; i++) {
        if (difference->unchanged[i])
            difference->stays[difference->old[i] - before->zones] = true;
        else
            difference->nchanged++;
    }
}

static void difference_free(struct difference *difference)
{
    free(difference->old);
    free(difference->unchanged);
    free(difference->stays);
}

/* The same domains of the same templates in the same order: they are most of a large catalog. */
static bool are_domains_same(const struct model *before, const struct model *after)
{
    if (before->ntemplates != after->ntemplates)
        return false;
    for (size_t i = 0; i < after->ntemplates; i++)
        if (before->zones[before->templates[i]].domains !=
            after->zones[after->templates[i]].domains)
            return false;
    return true;
}

static void copy_catalog(struct catalog *catalog, const struct catalog *before)
{
    name_index_copy(&catalog->names, &before->names);
    name_index_copy(&catalog->sides, &before->sides);
    heap_copy(&catalog->nodes, &before->nodes);
    heap_copy(&catalog->images, &before->images);
    catalog->npools = before->npools;
    catalog->pools = memory_resize(NULL, catalog->npools + 1, sizeof *catalog->pools);
    if (before->npools)
        memcpy(catalog->pools, before->pools, before->npools * sizeof *catalog->pools);
    catalog->garbage = before->garbage;
}

/* An image that others share is counted too often: then all is made anew a little too early. */
static size_t bytes_of_node(const struct catalog *catalog, const struct catalog_node *node)
{
    size_t bytes = sizeof *node + node->nentries * sizeof *node->entries + node->name_size;
    for (unsigned i = 0; i < node->nentries; i++)
        if (!node->entries[i].steered)
            bytes += catalog_image_at(catalog, node->entries[i].ref)->size;
    return bytes;
}

static void remove_name(struct catalog *catalog, struct name_index *index, catalog_ref zone,
                        const uint8_t *name, size_t size)
{
    struct name_slot *slot = compile_find(catalog, index, name, size);
    if (!slot->ref || catalog_node_at(catalog, slot->ref)->zone != zone)
        return;
    catalog->garbage += bytes_of_node(catalog, catalog_node_at(catalog, slot->ref));
    name_index_remove(index, slot);
}

static void remove_zone(struct catalog *catalog, const struct zone *zone,
                        const struct catalog_part *part)
{
    uint8_t lower[NAME_MAX_SIZE];
    size_t size;
    catalog->garbage += sizeof(struct catalog_zone) + part->npools * sizeof *catalog->pools;
    if (!zone->failed)
        catalog->garbage +=
            catalog_image_at(catalog, catalog_zone_at(catalog, part->zone)->soa)->size;
    for (size_t i = 0; i < zone->nnodes && !zone->domains; i++) {
        size = name_lower(zone->nodes[i]->name, lower);
        remove_name(catalog, &catalog->names, part->zone, lower, size);
        remove_name(catalog, &catalog->sides, part->zone, lower, size);
    }
    if (zone->failed && !zone->domains) {
        size = name_lower(zone->apex, lower);
        remove_name(catalog, &catalog->names, part->zone, lower, size);
    }
}

/* An index of a template is new with its zone, or the one before. */
static void copy_templates(struct catalog_build *build, const struct catalog *before,
                           const struct difference *difference)
{
    struct catalog *catalog = build->catalog;
    compile_templates(build);
    for (size_t i = 0; i < catalog->ntemplates; i++) {
        if (!difference->unchanged[build->model->templates[i]])
            continue;
        name_index_free(&catalog->templates[i].names);
        name_index_copy(&catalog->templates[i].names, &before->templates[i].names);
    }
}

static void exchange_zones(struct catalog_build *build, const struct catalog *before,
                           const struct difference *difference)
{
    struct catalog *catalog = build->catalog;
    const struct model *model = build->model;
    for (size_t i = 0; i < before->nparts; i++)
        if (!difference->stays[i])
            remove_zone(catalog, &difference->before->zones[i], &before->parts[i]);
    for (size_t i = 0; i < model->nzones; i++) {
        if (!difference->unchanged[i])
            continue;
        catalog->parts[i] = before->parts[difference->old[i] - difference->before->zones];
        compile_pools(catalog, &model->zones[i], &catalog->parts[i]);
    }
    for (size_t i = 0; i < model->nzones; i++)
        if (!difference->unchanged[i])
            compile_zone(build, &model->zones[i]);
}

static struct catalog *catalog_of_difference(const struct catalog *before,
                                             const struct difference *difference)
{
    const struct model *model = difference->after;
    struct catalog *catalog = memory_alloc(sizeof *catalog);
    struct catalog_build build = {.catalog = catalog,
                                  .model = model,
                                  .any_below =
                                      difference->nchanged && compile_has_zones_below(model)};
    copy_catalog(catalog, before);
    catalog->nparts = model->nzones;
    catalog->parts = memory_array(model->nzones, sizeof *catalog->parts);
    build.shared = table_new(0);
    copy_templates(&build, before, difference);
    exchange_zones(&build, before, difference);
    compile_end(&build);
    return catalog;
}

struct catalog *catalog_next(const struct catalog *before, const struct model *model_before,
                             const struct model *model)
{
    struct difference difference;
    bool wasteful = before->garbage > (before->nodes.used + before->images.used) / 2;
    if (wasteful || !are_domains_same(model_before, model))
        return catalog_new(model);
    difference_init(&difference, model_before, model);
    struct catalog *catalog = difference.nchanged > model->nzones / 2
                                  ? catalog_new(model)
                                  : catalog_of_difference(before, &difference);
    difference_free(&difference);
    return catalog;
}
