/* SPDX-License-Identifier: BSD-2-Clause */
#include "answer/catalog.h"

#include "base/memory.h"
#include "base/table.h"
#include "wire/message.h"
#include "wire/name.h"
#include "wire/rrtype.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- building ---- */

/* Octets that grow and are addressed in units of 8; the first unit is left free, as 0 means none.
 */
struct heap {
    uint8_t *bytes;
    size_t used, capacity;
};

struct build {
    struct catalog *catalog;
    const struct model *model;
    struct heap nodes, images;
    struct table
        *shared; /* images' bytes -> ref: equal RRsets (the NS of 20,000 zones) stand once */
    struct image **kept; /* the shared table's keys: images as they were made */
    size_t nkept, kept_capacity;
};

static catalog_ref heap_add(struct heap *heap, const void *data, size_t size)
{
    size_t at = heap->used ? heap->used : 8, end = (at + size + 7) & ~(size_t)7;
    if (end > heap->capacity) {
        size_t capacity = heap->capacity ? heap->capacity * 2 : 4096;
        while (capacity < end)
            capacity *= 2;
        heap->bytes = memory_resize(heap->bytes, capacity, 1);
        memset(heap->bytes + heap->capacity, 0, capacity - heap->capacity);
        heap->capacity = capacity;
    }
    memcpy(heap->bytes + at, data, size);
    heap->used = end;
    assert(at / 8 <= UINT32_MAX);
    return (catalog_ref)(at / 8);
}

/* Takes the image over. */
static catalog_ref add_image(struct build *build, struct image *image)
{
    uint32_t ref;
    if (table_get(build->shared, image, image->size, &ref)) {
        free(image);
        return ref;
    }
    ref = heap_add(&build->images, image, image->size);
    build->kept =
        memory_grow(build->kept, build->nkept, &build->kept_capacity, sizeof *build->kept);
    build->kept[build->nkept++] = image;
    table_put(build->shared, image, image->size, ref);
    return ref;
}

static uint32_t name_hash(const uint8_t *lower, size_t size)
{
    return (uint32_t)hash_bytes(lower, size, 0);
}

static struct catalog_slot *find_slot(const struct catalog *catalog, const uint8_t *nodes,
                                      const uint8_t *lower, size_t size)
{
    uint32_t hash = name_hash(lower, size);
    for (uint32_t at = hash & catalog->mask;; at = (at + 1) & catalog->mask) {
        struct catalog_slot *slot = &catalog->slots[at];
        if (!slot->node)
            return slot;
        if (slot->hash != hash)
            continue;
        const struct catalog_node *node =
            (const struct catalog_node *)(nodes + (size_t)slot->node * 8);
        if (node->name_size == size && memcmp(catalog_node_name(node), lower, size) == 0)
            return slot;
    }
}

/* Appends one record with its owner in full. */
static void add_record(struct heap *bytes, const uint8_t *owner, const struct rrset *rrset,
                       const struct rdata *record)
{
    size_t owner_size = name_size(owner);
    size_t size = owner_size + RR_FIXED_SIZE + record->size;
    bytes->bytes = memory_resize(bytes->bytes, bytes->used + size, 1);
    uint8_t *at = bytes->bytes + bytes->used;
    memcpy(at, owner, owner_size);
    at = write_u16(at + owner_size, rrset->rrtype);
    at = write_u32(write_u16(at, RRCLASS_IN), rrset->ttl_s);
    memcpy(write_u16(at, record->size), record->bytes, record->size);
    bytes->used += size;
}

/* Addresses of the servers that a delegation names, as far as the zone has them at or below a
 * delegation: others can be asked for (RFC 9471). */
static catalog_ref add_glue(struct build *build, const struct zone *zone,
                            const struct rrset *servers)
{
    struct heap bytes = {0};
    uint32_t count = 0;
    for (uint32_t i = 0; servers && i < servers->count; i++) {
        const uint8_t *server = servers->records[i].bytes;
        const struct node *node = zone_node(build->model, zone, server);
        for (const struct rrset *rrset = node && node->cut ? node->rrsets : NULL; rrset;
             rrset = rrset->next) {
            if (rrset->rrtype != RRTYPE_A && rrset->rrtype != RRTYPE_AAAA)
                continue;
            for (uint32_t j = 0; j < rrset->count; j++, count++)
                add_record(&bytes, server, rrset, &rrset->records[j]);
        }
    }
    if (!count)
        return 0;
    size_t head = sizeof(struct image) + sizeof(struct image_variant);
    struct image *image = memory_alloc(head + bytes.used);
    image->size = (uint32_t)(head + bytes.used);
    image->nvariants = 1;
    image->variants[0] = (struct image_variant){(uint32_t)head, (uint32_t)bytes.used, count};
    memcpy((uint8_t *)image + head, bytes.bytes, bytes.used);
    free(bytes.bytes);
    return add_image(build, image);
}

static struct catalog_node *node_at(struct build *build, catalog_ref ref)
{
    return (struct catalog_node *)(build->nodes.bytes + (size_t)ref * 8);
}

/* Where a name that is already in the catalog stands; 0 where it is not. */
static catalog_ref ref_of(struct build *build, const uint8_t *name)
{
    uint8_t lower[NAME_MAX_SIZE];
    size_t size = name_lower(name, lower);
    return find_slot(build->catalog, build->nodes.bytes, lower, size)->node;
}

/* A delegation may stand below a DNAME or the other way round: the one nearer to the apex holds. */
static void direct(struct build *build, const struct node *node, struct catalog_node *compiled)
{
    const struct node *cut = node->cut, *dname = node->dname;
    if (cut && dname && name_size(cut->name) < name_size(dname->name))
        dname = NULL;
    else if (dname)
        cut = NULL;
    if (cut && cut != node)
        compiled->cut = ref_of(build, cut->name);
    if (dname)
        compiled->dname = ref_of(build, dname->name);
    if (cut == node)
        compiled->flags |= NODE_CUT;
    if (cut || dname)
        compiled->flags |= NODE_INDIRECT;
}

/* Compiles a node without entering its name into the table. */
static catalog_ref add_node(struct build *build, const struct zone *zone, const struct node *node)
{
    struct catalog_node compiled = {.zone = (uint32_t)(zone - build->model->zones)};
    uint8_t lower[NAME_MAX_SIZE];
    compiled.name_size = (uint8_t)name_lower(node->name, lower);
    for (const struct rrset *rrset = node->rrsets; rrset; rrset = rrset->next)
        compiled.nentries++;
    if (!node->parent)
        compiled.flags |= NODE_APEX;
    if (node_rrset(node, RRTYPE_DNAME))
        compiled.flags |= NODE_DNAME;
    direct(build, node, &compiled);
    if (compiled.flags & NODE_CUT)
        compiled.glue = add_glue(build, zone, node_rrset(node, RRTYPE_NS));

    size_t entries = compiled.nentries * sizeof(struct catalog_entry);
    size_t size = sizeof compiled + entries + compiled.name_size;
    uint8_t *bytes = memory_alloc(size);
    memcpy(bytes, &compiled, sizeof compiled);
    struct catalog_entry *entry = (struct catalog_entry *)(bytes + sizeof compiled);
    for (const struct rrset *rrset = node->rrsets; rrset; rrset = rrset->next, entry++) {
        entry->rrtype = rrset->rrtype;
        uint32_t pool = zone_pool(zone, rrset);
        entry->steered = pool != MODEL_NONE;
        entry->ref = entry->steered ? pool : add_image(build, image_of_rrset(rrset, rrset->ttl_s));
    }
    memcpy(bytes + sizeof compiled + entries, lower, compiled.name_size);
    catalog_ref ref = heap_add(&build->nodes, bytes, size);
    free(bytes);
    if (compiled.flags & NODE_CUT)
        node_at(build, ref)->cut = ref;
    return ref;
}

static void enter_name(struct build *build, catalog_ref ref)
{
    const struct catalog_node *node = node_at(build, ref);
    const uint8_t *name = catalog_node_name(node);
    struct catalog_slot *slot =
        find_slot(build->catalog, build->nodes.bytes, name, node->name_size);
    slot->hash = name_hash(name, node->name_size);
    slot->node = ref;
}

static void add_failed_zone(struct build *build, const struct zone *zone)
{
    const struct node apex = {.name = zone->apex};
    catalog_ref ref = add_node(build, zone, &apex);
    node_at(build, ref)->flags |= NODE_FAILED | NODE_INDIRECT;
    enter_name(build, ref);
}

static void add_zone(struct build *build, const struct zone *zone)
{
    struct catalog_zone *compiled = &build->catalog->zones[zone - build->model->zones];
    compiled->apex_size = (uint8_t)name_size(zone->apex);
    if (zone->failed) {
        add_failed_zone(build, zone);
        return;
    }
    for (size_t i = 0; i < zone->nnodes; i++) {
        const struct node *node = zone->nodes[i];
        if (model_zone(build->model, node->name) != zone)
            continue; /* a zone of ours below this one answers for it */
        catalog_ref ref = add_node(build, zone, node);
        enter_name(build, ref);
        if (node->parent && node->parent->wildcard == node)
            node_at(build, ref_of(build, node->parent->name))->wildcard = ref;
    }
    compiled->apex = ref_of(build, zone->apex);
    const struct rrset *soa = node_rrset(zone->nodes[0], RRTYPE_SOA);
    compiled->soa = add_image(build, image_of_rrset(soa, zone->negative_ttl_s));
}

/* The DS of a zone of ours stands in the zone above it (RFC 4035 section 3.1.4.1). Where that does
 * not hold the name, a delegation or a DNAME may still stand above it. */
static void add_parent_side(struct build *build, const struct zone *zone)
{
    const uint8_t *above = name_parent(zone->apex);
    const struct zone *parent = above ? model_zone(build->model, above) : NULL;
    if (!parent || parent->failed)
        return;
    const struct node *node = NULL;
    for (const uint8_t *name = zone->apex; !node; name = name_parent(name))
        node = zone_node(build->model, parent, name);
    struct node missing = {.name = zone->apex, .parent = (struct node *)node};
    if (!name_equal(node->name, zone->apex)) {
        bool redirects = !node->cut && !node->dname && node_rrset(node, RRTYPE_DNAME);
        missing.cut = node->cut;
        missing.dname = redirects ? missing.parent : node->dname;
        node = &missing;
    }
    node_at(build, ref_of(build, zone->apex))->parent_side = add_node(build, parent, node);
}

struct catalog *catalog_new(const struct model *model)
{
    struct catalog *catalog = memory_alloc(sizeof *catalog);
    struct build build = {.catalog = catalog, .model = model};
    size_t names = 1, slots = 16;
    for (size_t i = 0; i < model->nzones; i++)
        names += model->zones[i].nnodes + 1;
    while (slots < names + names / 2)
        slots *= 2;
    catalog->mask = (uint32_t)(slots - 1);
    catalog->slots = memory_array(slots, sizeof *catalog->slots);
    catalog->nzones = model->nzones;
    catalog->zones = memory_array(model->nzones, sizeof *catalog->zones);
    build.shared = table_new(names);

    for (size_t i = 0; i < model->nzones; i++)
        add_zone(&build, &model->zones[i]);
    for (size_t i = 0; i < model->nzones; i++)
        add_parent_side(&build, &model->zones[i]);

    catalog->nodes = build.nodes.bytes;
    catalog->images = build.images.bytes;
    for (size_t i = 0; i < build.nkept; i++)
        free(build.kept[i]);
    free(build.kept);
    table_free(build.shared);
    return catalog;
}

void catalog_free(struct catalog *catalog)
{
    if (!catalog)
        return;
    free(catalog->slots);
    free(catalog->nodes);
    free(catalog->images);
    free(catalog->zones);
    free(catalog);
}

/* ---- looking up ---- */

const struct catalog_node *catalog_find(const struct catalog *catalog, const uint8_t *name,
                                        size_t size)
{
    catalog_ref ref = find_slot(catalog, catalog->nodes, name, size)->node;
    return ref ? catalog_node_at(catalog, ref) : NULL;
}
