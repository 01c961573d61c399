/* SPDX-License-Identifier: BSD-2-Clause */
/* Making a catalog of all zones anew; see compile.h. */
#include "answer/compile.h"
#include "base/memory.h"
#include "model/domains.h"
#include "model/template.h"
#include "wire/name.h"
#include "wire/rrtype.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static catalog_ref heap_add(struct heap *heap, const void *data, size_t size)
{
    catalog_ref ref = heap_take(heap, size);
    memcpy(heap->bytes + (size_t)ref * CATALOG_UNIT, data, size);
    return ref;
}

/* ---- images ---- */

/* Takes the image over. */
static catalog_ref add_image(struct catalog_build *build, struct image *image)
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
static catalog_ref add_glue(struct catalog_build *build, const struct zone *zone,
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

static struct catalog_node *node_at(struct catalog_build *build, catalog_ref ref)
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

/* Of the names of a zone; templates stand in the model in the order of its zones. */
static struct name_index *index_of(const struct catalog_build *build, const struct zone *zone)
{
    const struct model *model = build->model;
    size_t from = 0, to = model->ntemplates;
    if (!zone->domains)
        return &build->catalog->names;
    while (to - from > 1) {
        size_t middle = from + (to - from) / 2;
        if (&model->zones[model->templates[middle]] <= zone)
            from = middle;
        else
            to = middle;
    }
    return &build->catalog->templates[from].names;
}

static bool node_is(const struct catalog *catalog, uint32_t ref, const uint8_t *name, size_t size)
{
    if (ref & CATALOG_DOMAIN)
        return false;
    const struct catalog_node *node = catalog_node_at(catalog, ref);
    return node->name_size == size && memcmp(catalog_node_name(node), name, size) == 0;
}

/* The slot of a name's node; a free one: it is not there. */
struct name_slot *compile_find(const struct catalog *catalog, const struct name_index *index,
                               const uint8_t *name, size_t size)
{
    uint32_t hash = name_index_hash(name, size);
    struct name_slot *slot = name_index_first(index, hash);
    while (slot->ref && (slot->hash != hash || !node_is(catalog, slot->ref, name, size)))
        slot = name_index_next(index, slot);
    return slot;
}

static catalog_ref ref_of(struct catalog_build *build, const struct zone *zone,
                          const struct node *node)
{
    uint8_t lower[NAME_MAX_SIZE];
    size_t size = compiled_name(zone, node->name, lower);
    return compile_find(build->catalog, index_of(build, zone), lower, size)->ref;
}

static void enter(struct catalog_build *build, struct name_index *index, catalog_ref ref)
{
    const struct catalog_node *node = node_at(build, ref);
    name_index_add(index, name_index_hash(catalog_node_name(node), node->name_size), ref);
}

/* ---- nodes ---- */

/* A delegation may stand below a DNAME or the other way round: the model has set the one that
 * holds. What it refers to stands in the catalog already: parents come first. */
static void direct(struct catalog_build *build, const struct zone *zone, const struct node *node,
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

static void fill_entries(struct catalog_build *build, const struct zone *zone,
                         const struct node *node, const struct catalog_part *part,
                         struct catalog_entry *entry)
{
    for (const struct rrset *rrset = node->rrsets; rrset; rrset = rrset->next, entry++) {
        entry->rrtype = rrset->rrtype;
        entry->steered = zone_pool(zone, rrset) != MODEL_NONE;
        entry->ref = entry->steered ? part->first_pool + build->ranks[rrset->number]
                                    : add_image(build, image_of_rrset(rrset, rrset->ttl_s));
    }
}

/* Compiles a node without entering its name into an index. */
static catalog_ref add_node(struct catalog_build *build, const struct zone *zone,
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
    catalog_ref ref =
        heap_take(&build->catalog->nodes, sizeof compiled + entries + compiled.name_size);
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

static void enter_node(struct catalog_build *build, const struct zone *zone,
                       const struct node *node, catalog_ref ref, struct name_index *index)
{
    enter(build, index, ref);
    if (node->parent && node->parent->wildcard == node)
        node_at(build, ref_of(build, zone, node->parent))->wildcard = ref;
}

/* A name where another zone of ours begins, or below that: it answers there; this zone says only
 * what belongs to the side above. */
static void add_hidden_node(struct catalog_build *build, const struct zone *zone,
                            const struct catalog_part *part, const struct node *node,
                            const struct zone *holder)
{
    const uint8_t *above = name_parent(node->name);
    if (is_apex_of(holder, node->name) && above && model_zone(build->model, above) == zone)
        enter(build, &build->catalog->sides, add_node(build, zone, part, node));
}

static void add_nodes(struct catalog_build *build, const struct zone *zone,
                      const struct catalog_part *part)
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

static void add_failed(struct catalog_build *build, const struct zone *zone,
                       const struct catalog_part *part)
{
    const struct node apex = {.name = zone->apex};
    catalog_ref ref = add_node(build, zone, part, &apex);
    node_at(build, ref)->flags |= NODE_FAILED | NODE_INDIRECT;
    enter(build, index_of(build, zone), ref);
}

static void rank_steered(struct catalog_build *build, const struct zone *zone,
                         struct catalog_part *part)
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

void compile_pools(struct catalog *catalog, const struct zone *zone,
                   const struct catalog_part *part)
{
    uint32_t *pools = catalog->pools + part->first_pool;
    for (size_t i = 0; part->npools && i < zone->nrrsets; i++)
        if (zone->pools[i] != MODEL_NONE)
            *pools++ = zone->pools[i];
}

void compile_zone(struct catalog_build *build, const struct zone *zone)
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
    compile_pools(catalog, zone, part);
    part->zone = heap_add(&catalog->nodes, &compiled, sizeof compiled);
    if (zone->failed)
        add_failed(build, zone, part);
    else
        add_nodes(build, zone, part);
}

/* ---- domains ---- */

static const struct zone *template_of(const struct catalog_build *build, size_t number)
{
    return &build->model->zones[build->model->templates[number]];
}

/* A template's domains and index, and its apex once its nodes stand. */
void compile_templates(struct catalog_build *build)
{
    struct catalog *catalog = build->catalog;
    size_t place = 0;
    catalog->ntemplates = build->model->ntemplates;
    catalog->templates = memory_array(catalog->ntemplates, sizeof *catalog->templates);
    for (size_t i = 0; i < catalog->ntemplates; i++) {
        const struct zone *zone = template_of(build, i);
        struct catalog_template *compiled = &catalog->templates[i];
        name_index_init(&compiled->names, zone->nnodes);
        compiled->domains = domains_share(zone->domains);
        compiled->first = domains_next(zone->domains, NULL);
        compiled->place = (uint32_t)place;
        place += domains_size(zone->domains);
    }
    assert(place < CATALOG_DOMAIN); /* the model sees to it */
}

static void set_template_apexes(struct catalog *catalog)
{
    static const uint8_t root[1];
    for (size_t i = 0; i < catalog->ntemplates; i++) {
        struct catalog_template *compiled = &catalog->templates[i];
        compiled->apex = compile_find(catalog, &compiled->names, root, 1)->ref;
    }
}

static void add_domains(struct catalog *catalog)
{
    for (size_t i = 0; i < catalog->ntemplates; i++) {
        const struct catalog_template *compiled = &catalog->templates[i];
        for (const uint8_t *name = NULL; (name = domains_next(compiled->domains, name));) {
            uint32_t place = compiled->place + (uint32_t)(name - compiled->first);
            name_index_add(&catalog->names, name_index_hash(name, name_size(name)),
                           CATALOG_DOMAIN | place);
        }
    }
}

/* ---- all anew ---- */

bool compile_has_zones_below(const struct model *model)
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

void compile_end(struct catalog_build *build)
{
    for (size_t i = 0; i < build->nkept; i++)
        free(build->kept[i]);
    free(build->kept);
    free(build->ranks);
    table_free(build->shared);
    set_template_apexes(build->catalog);
    heap_trim(&build->catalog->nodes);
    heap_trim(&build->catalog->images);
}

struct catalog *catalog_new(const struct model *model)
{
    struct catalog *catalog = memory_alloc(sizeof *catalog);
    struct catalog_build build = {
        .catalog = catalog, .model = model, .any_below = compile_has_zones_below(model)};
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
    compile_templates(&build);
    for (size_t i = 0; i < model->nzones; i++)
        compile_zone(&build, &model->zones[i]);
    add_domains(catalog);
    compile_end(&build);
    return catalog;
}
