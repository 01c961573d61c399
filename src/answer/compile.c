/* SPDX-License-Identifier: BSD-2-Clause */
/* Making catalogs: all zones anew, or a copy of the catalog before in which only the zones that
 * differ are taken out and put in. */
#include "answer/catalog.h"
#include "base/memory.h"
#include "base/table.h"
#include "model/domains.h"
#include "model/template.h"
#include "wire/message.h"
#include "wire/name.h"
#include "wire/rrtype.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct build {
    struct catalog *catalog;
    const struct model *model;
    bool any_below;       /* zones of ours may stand below others: names have to be looked at */
    struct table *shared; /* images' bytes -> ref: equal RRsets (the NS of 20,000 zones) stand once
                           */
    struct image **kept;  /* the shared table's keys: images as they were made */
    size_t nkept, kept_capacity;
    uint32_t *ranks; /* by number of an RRset of the zone in work: its place among those steered */
    size_t ranks_capacity;
};

/* ---- heaps ---- */

static void heap_reserve(struct catalog_heap *heap, size_t capacity)
{
    if (capacity <= heap->capacity)
        return;
    heap->bytes = memory_resize(heap->bytes, capacity, 1);
    memset(heap->bytes + heap->capacity, 0, capacity - heap->capacity);
    heap->capacity = capacity;
}

static uint32_t heap_take(struct catalog_heap *heap, size_t size, size_t unit)
{
    size_t at = heap->used ? heap->used : unit;
    size_t end = (at + size + unit - 1) & ~(unit - 1);
    if (end > heap->capacity)
        heap_reserve(heap, end > 2 * heap->capacity ? end + 4096 : 2 * heap->capacity);
    heap->used = end;
    assert(at / unit < CATALOG_DOMAIN);
    return (uint32_t)(at / unit);
}

static catalog_ref heap_add(struct catalog_heap *heap, const void *data, size_t size)
{
    catalog_ref ref = heap_take(heap, size, CATALOG_UNIT);
    memcpy(heap->bytes + (size_t)ref * CATALOG_UNIT, data, size);
    return ref;
}

static void heap_trim(struct catalog_heap *heap)
{
    if (heap->used == heap->capacity)
        return;
    heap->bytes = memory_resize(heap->bytes, heap->used, 1);
    heap->capacity = heap->used;
}

/* Into a heap that is empty. */
static void heap_copy(struct catalog_heap *heap, const struct catalog_heap *from)
{
    heap->capacity = from->used + from->used / 64;
    heap->bytes = memory_array(heap->capacity, 1); /* large blocks need no clearing */
    if (from->used)
        memcpy(heap->bytes, from->bytes, from->used);
    heap->used = from->used;
}

/* ---- images ---- */

/* Takes the image over. */
static catalog_ref add_image(struct build *build, struct image *image)
{
    uint32_t ref;
    if (table_get(build->shared, image, image->size, &ref)) {
        free(image);
        return ref;
    }
    ref = heap_add(&build->catalog->images, image, image->size);
    build->kept =
        memory_grow(build->kept, build->nkept, &build->kept_capacity, sizeof *build->kept);
    build->kept[build->nkept++] = image;
    table_put(build->shared, image, image->size, ref);
    return ref;
}

/* Addresses of the servers that a delegation names, as far as the zone has them at or below a
 * delegation: others can be asked for (RFC 9471). */
static catalog_ref add_glue(struct build *build, const struct zone *zone,
                            const struct rrset *servers)
{
    struct owned_rrset *glue = NULL;
    size_t count = 0, capacity = 0;
    for (uint32_t i = 0; servers && i < servers->count; i++) {
        const uint8_t *server = servers->records[i].bytes;
        const struct node *node = zone_node(build->model, zone, server);
        for (const struct rrset *rrset = node && node->cut ? node->rrsets : NULL; rrset;
             rrset = rrset->next) {
            if (rrset->rrtype != RRTYPE_A && rrset->rrtype != RRTYPE_AAAA)
                continue;
            glue = memory_grow(glue, count, &capacity, sizeof *glue);
            glue[count++] = (struct owned_rrset){server, rrset};
        }
    }
    catalog_ref ref = count ? add_image(build, image_of_owned(glue, count)) : 0;
    free(glue);
    return ref;
}

/* ---- names ---- */

static struct catalog_node *node_at(struct build *build, catalog_ref ref)
{
    return (struct catalog_node *)(build->catalog->nodes.bytes + (size_t)ref * CATALOG_UNIT);
}

/* As it stands in the catalog: lower case, in a template relative. */
static size_t compiled_name(const struct zone *zone, const uint8_t *name,
                            uint8_t lower[NAME_MAX_SIZE])
{
    size_t size = name_lower(name, lower);
    if (!zone->domains)
        return size;
    size -= TEMPLATE_APEX_SIZE;
    lower[size] = 0;
    return size + 1;
}

static struct name_index *index_of(struct build *build, const struct zone *zone)
{
    if (!zone->domains)
        return &build->catalog->names;
    size_t number = 0;
    for (const struct zone *other = build->model->zones; other < zone; other++)
        number += other->domains != NULL;
    return &build->catalog->templates[number].names;
}

static bool node_is(const struct catalog *catalog, uint32_t ref, const uint8_t *name, size_t size)
{
    if (ref & CATALOG_DOMAIN)
        return false;
    const struct catalog_node *node = catalog_node_at(catalog, ref);
    return node->name_size == size && memcmp(catalog_node_name(node), name, size) == 0;
}

/* The slot of a name's node; a free one: it is not there. */
static struct name_slot *find_node(const struct catalog *catalog, const struct name_index *index,
                                   const uint8_t *name, size_t size)
{
    uint32_t hash = name_index_hash(name, size);
    struct name_slot *slot = name_index_first(index, hash);
    while (slot->ref && (slot->hash != hash || !node_is(catalog, slot->ref, name, size)))
        slot = name_index_next(index, slot);
    return slot;
}

static catalog_ref ref_of(struct build *build, const struct zone *zone, const struct node *node)
{
    uint8_t lower[NAME_MAX_SIZE];
    size_t size = compiled_name(zone, node->name, lower);
    return find_node(build->catalog, index_of(build, zone), lower, size)->ref;
}

static void enter(struct build *build, struct name_index *index, catalog_ref ref)
{
    const struct catalog_node *node = node_at(build, ref);
    name_index_add(index, name_index_hash(catalog_node_name(node), node->name_size), ref);
}

/* ---- nodes ---- */

/* A delegation may stand below a DNAME or the other way round: the model has set the one that
 * holds. What it refers to stands in the catalog already: parents come first. */
static void direct(struct build *build, const struct zone *zone, const struct node *node,
                   struct catalog_node *compiled)
{
    if (node->cut && node->cut != node)
        compiled->cut = ref_of(build, zone, node->cut);
    if (node->dname)
        compiled->dname = ref_of(build, zone, node->dname);
    if (node->cut == node)
        compiled->flags |= NODE_CUT;
    if (node->cut || node->dname)
        compiled->flags |= NODE_INDIRECT;
}

static void fill_entries(struct build *build, const struct zone *zone, const struct node *node,
                         const struct catalog_part *part, struct catalog_entry *entry)
{
    for (const struct rrset *rrset = node->rrsets; rrset; rrset = rrset->next, entry++) {
        entry->rrtype = rrset->rrtype;
        entry->steered = zone_pool(zone, rrset) != MODEL_NONE;
        entry->ref = entry->steered ? part->first_pool + build->ranks[rrset->number]
                                    : add_image(build, image_of_rrset(rrset, rrset->ttl_s));
    }
}

/* Compiles a node without entering its name into an index. */
static catalog_ref add_node(struct build *build, const struct zone *zone,
                            const struct catalog_part *part, const struct node *node)
{
    uint8_t lower[NAME_MAX_SIZE];
    struct catalog_node compiled = {.zone = part->zone,
                                    .name_size = (uint8_t)compiled_name(zone, node->name, lower)};
    for (const struct rrset *rrset = node->rrsets; rrset; rrset = rrset->next)
        compiled.nentries++;
    if (!node->parent)
        compiled.flags |= NODE_APEX;
    if (node_rrset(node, RRTYPE_DNAME))
        compiled.flags |= NODE_DNAME;
    direct(build, zone, node, &compiled);
    if (compiled.flags & NODE_CUT)
        compiled.glue = add_glue(build, zone, node_rrset(node, RRTYPE_NS));

    size_t entries = compiled.nentries * sizeof(struct catalog_entry);
    catalog_ref ref = heap_take(&build->catalog->nodes,
                                sizeof compiled + entries + compiled.name_size, CATALOG_UNIT);
    struct catalog_node *made = node_at(build, ref);
    if (compiled.flags & NODE_CUT)
        compiled.cut = ref;
    memcpy(made, &compiled, sizeof compiled);
    memcpy((uint8_t *)made->entries + entries, lower, compiled.name_size);
    fill_entries(build, zone, node, part, made->entries); /* touches the heap of images only */
    return ref;
}

/* ---- zones ---- */

/* The ordinary zone that a name stands right at the apex of, or, by its domains, a template. */
static bool is_apex_of(const struct zone *zone, const uint8_t *name)
{
    uint8_t lower[NAME_MAX_SIZE];
    if (!zone->domains)
        return name_equal(zone->apex, name);
    size_t size = name_lower(name, lower);
    return domains_has(zone->domains, lower, size);
}

static void enter_node(struct build *build, const struct zone *zone, const struct node *node,
                       catalog_ref ref, struct name_index *index)
{
    enter(build, index, ref);
    if (node->parent && node->parent->wildcard == node)
        node_at(build, ref_of(build, zone, node->parent))->wildcard = ref;
}

/* A name where another zone of ours begins, or below that: it answers there; this zone says only
 * what belongs to the side above. */
static void add_hidden_node(struct build *build, const struct zone *zone,
                            const struct catalog_part *part, const struct node *node,
                            const struct zone *holder)
{
    const uint8_t *above = name_parent(node->name);
    if (is_apex_of(holder, node->name) && above && model_zone(build->model, above) == zone)
        enter(build, &build->catalog->sides, add_node(build, zone, part, node));
}

static void add_nodes(struct build *build, const struct zone *zone, const struct catalog_part *part)
{
    struct name_index *index = index_of(build, zone);
    bool look = build->any_below && !zone->domains;
    for (size_t i = 0; i < zone->nnodes; i++) {
        const struct node *node = zone->nodes[i];
        const struct zone *holder = look ? model_zone(build->model, node->name) : zone;
        if (holder != zone)
            add_hidden_node(build, zone, part, node, holder);
        else
            enter_node(build, zone, node, add_node(build, zone, part, node), index);
    }
}

static void add_failed(struct build *build, const struct zone *zone,
                       const struct catalog_part *part)
{
    const struct node apex = {.name = zone->apex};
    catalog_ref ref = add_node(build, zone, part, &apex);
    node_at(build, ref)->flags |= NODE_FAILED | NODE_INDIRECT;
    enter(build, index_of(build, zone), ref);
}

static void rank_steered(struct build *build, const struct zone *zone, struct catalog_part *part)
{
    if (zone->nrrsets > build->ranks_capacity) {
        build->ranks_capacity = zone->nrrsets * 2;
        build->ranks = memory_resize(build->ranks, build->ranks_capacity, sizeof *build->ranks);
    }
    part->npools = 0;
    for (size_t i = 0; i < zone->nrrsets; i++)
        if (zone->pools[i] != MODEL_NONE)
            build->ranks[i] = part->npools++;
}

static void set_pools(struct catalog *catalog, const struct zone *zone,
                      const struct catalog_part *part)
{
    uint32_t *pools = catalog->pools + part->first_pool;
    for (size_t i = 0; part->npools && i < zone->nrrsets; i++)
        if (zone->pools[i] != MODEL_NONE)
            *pools++ = zone->pools[i];
}

static void add_zone(struct build *build, const struct zone *zone)
{
    struct catalog *catalog = build->catalog;
    struct catalog_part *part = &catalog->parts[zone - build->model->zones];
    uint8_t lower[NAME_MAX_SIZE];
    struct catalog_zone compiled = {.apex_size = (uint8_t)compiled_name(zone, zone->apex, lower)};
    if (!zone->failed) {
        const struct rrset *soa = node_rrset(zone->nodes[0], RRTYPE_SOA);
        compiled.soa = add_image(build, image_of_rrset(soa, zone->negative_ttl_s));
    }
    rank_steered(build, zone, part);
    part->first_pool = (uint32_t)catalog->npools;
    catalog->npools += part->npools;
    catalog->pools = memory_resize(catalog->pools, catalog->npools + 1, sizeof *catalog->pools);
    set_pools(catalog, zone, part);
    part->zone = heap_add(&catalog->nodes, &compiled, sizeof compiled);
    if (zone->failed)
        add_failed(build, zone, part);
    else
        add_nodes(build, zone, part);
}

/* ---- domains ---- */

static size_t count_templates(const struct model *model)
{
    size_t count = 0;
    for (size_t i = 0; i < model->nzones; i++)
        count += model->zones[i].domains != NULL;
    return count;
}

/* A template's index, and its apex once its nodes stand. */
static void init_templates(struct build *build)
{
    struct catalog *catalog = build->catalog;
    catalog->templates = memory_array(count_templates(build->model), sizeof *catalog->templates);
    for (size_t i = 0; i < build->model->nzones; i++)
        if (build->model->zones[i].domains)
            name_index_init(&catalog->templates[catalog->ntemplates++].names,
                            build->model->zones[i].nnodes);
}

static void set_template_apexes(struct build *build)
{
    struct catalog_template *template = build->catalog->templates;
    static const uint8_t root[1];
    for (size_t i = 0; i < build->model->nzones; i++)
        if (build->model->zones[i].domains) {
            template->apex = find_node(build->catalog, &template->names, root, 1)->ref;
            template ++;
        }
}

_Static_assert((int)TEMPLATES_MAX <= UINT16_MAX, "a catalog numbers all templates of a model");

static void add_domains(struct build *build)
{
    struct catalog *catalog = build->catalog;
    uint32_t number = 0;
    for (size_t i = 0; i < build->model->nzones; i++) {
        const struct domains *domains = build->model->zones[i].domains;
        if (!domains)
            continue;
        for (const uint8_t *name = NULL; (name = domains_next(domains, name));) {
            size_t size = name_size(name);
            uint32_t ref =
                heap_take(&catalog->domains, offsetof(struct catalog_domain, name) + size,
                          CATALOG_DOMAIN_UNIT);
            struct catalog_domain *domain =
                (struct catalog_domain *)(catalog->domains.bytes +
                                          (size_t)ref * CATALOG_DOMAIN_UNIT);
            domain->template_number = (uint16_t)number;
            domain->name_size = (uint8_t)size;
            memcpy(domain->name, name, size);
            name_index_add(&catalog->names, name_index_hash(name, size), ref | CATALOG_DOMAIN);
        }
        number++;
    }
}

/* Grown step by step, it would for a while stand in memory twice. */
static void reserve_domains(struct build *build)
{
    size_t bytes = CATALOG_DOMAIN_UNIT;
    for (size_t i = 0; i < build->model->nzones; i++) {
        const struct domains *domains = build->model->zones[i].domains;
        for (const uint8_t *name = NULL; domains && (name = domains_next(domains, name));)
            bytes += (offsetof(struct catalog_domain, name) + name_size(name) +
                      CATALOG_DOMAIN_UNIT - 1) &
                     ~(size_t)(CATALOG_DOMAIN_UNIT - 1);
    }
    heap_reserve(&build->catalog->domains, bytes);
}

/* ---- all anew ---- */

static bool has_zones_below(const struct model *model)
{
    for (size_t i = 0; i < model->nzones; i++) {
        const struct zone *zone = &model->zones[i];
        if (zone->domains)
            return true;
        const uint8_t *above = name_parent(zone->apex);
        if (above && model_zone(model, above))
            return true;
    }
    return false;
}

static void build_end(struct build *build)
{
    for (size_t i = 0; i < build->nkept; i++)
        free(build->kept[i]);
    free(build->kept);
    free(build->ranks);
    table_free(build->shared);
    set_template_apexes(build);
    heap_trim(&build->catalog->nodes);
    heap_trim(&build->catalog->images);
    heap_trim(&build->catalog->domains);
}

struct catalog *catalog_new(const struct model *model)
{
    struct catalog *catalog = memory_alloc(sizeof *catalog);
    struct build build = {.catalog = catalog, .model = model, .any_below = has_zones_below(model)};
    size_t names = 1;
    for (size_t i = 0; i < model->nzones; i++) {
        const struct zone *zone = &model->zones[i];
        names += zone->domains ? domains_count(zone->domains) : zone->nnodes + 1;
    }
    name_index_init(&catalog->names, names);
    name_index_init(&catalog->sides, 0);
    catalog->nparts = model->nzones;
    catalog->parts = memory_array(model->nzones, sizeof *catalog->parts);
    build.shared = table_new(model->nzones);
    init_templates(&build);
    reserve_domains(&build);
    for (size_t i = 0; i < model->nzones; i++)
        add_zone(&build, &model->zones[i]);
    add_domains(&build);
    build_end(&build);
    return catalog;
}

/* ---- from the catalog before ---- */

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
    size_t i = 0, j = 0;
    for (;; i++, j++) {
        while (i < before->nzones && !before->zones[i].domains)
            i++;
        while (j < after->nzones && !after->zones[j].domains)
            j++;
        if (i == before->nzones || j == after->nzones)
            return i == before->nzones && j == after->nzones;
        if (before->zones[i].domains != after->zones[j].domains)
            return false;
    }
}

static void copy_catalog(struct catalog *catalog, const struct catalog *before)
{
    name_index_copy(&catalog->names, &before->names);
    name_index_copy(&catalog->sides, &before->sides);
    heap_copy(&catalog->nodes, &before->nodes);
    heap_copy(&catalog->images, &before->images);
    heap_copy(&catalog->domains, &before->domains);
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
    struct name_slot *slot = find_node(catalog, index, name, size);
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
static void copy_templates(struct build *build, const struct catalog *before,
                           const struct difference *difference)
{
    struct catalog *catalog = build->catalog;
    init_templates(build);
    for (size_t i = 0, number = 0; i < build->model->nzones; i++) {
        if (!build->model->zones[i].domains)
            continue;
        if (difference->unchanged[i]) {
            name_index_free(&catalog->templates[number].names);
            name_index_copy(&catalog->templates[number].names, &before->templates[number].names);
        }
        number++;
    }
}

static void exchange_zones(struct build *build, const struct catalog *before,
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
        set_pools(catalog, &model->zones[i], &catalog->parts[i]);
    }
    for (size_t i = 0; i < model->nzones; i++)
        if (!difference->unchanged[i])
            add_zone(build, &model->zones[i]);
}

static struct catalog *catalog_of_difference(const struct catalog *before,
                                             const struct difference *difference)
{
    const struct model *model = difference->after;
    struct catalog *catalog = memory_alloc(sizeof *catalog);
    struct build build = {.catalog = catalog,
                          .model = model,
                          .any_below = difference->nchanged && has_zones_below(model)};
    copy_catalog(catalog, before);
    catalog->nparts = model->nzones;
    catalog->parts = memory_array(model->nzones, sizeof *catalog->parts);
    build.shared = table_new(0);
    copy_templates(&build, before, difference);
    exchange_zones(&build, before, difference);
    build_end(&build);
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
