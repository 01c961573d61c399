/* SPDX-License-Identifier: BSD-2-Clause */
/* Building the tree of one zone; see zone.h. Two rounds over its records: the first makes nodes and
 * RRsets and counts, the second fills them, so that all lies in the arena without gaps. */
#include "model/zone.h"

#include "base/memory.h"
#include "base/table.h"
#include "model/content.h"
#include "model/rdata.h"
#include "model/rdata_sets.h"
#include "model/template.h"
#include "model/text.h"
#include "wire/rrtype.h"

#include <stdlib.h>
#include <string.h>

/* Duplicates among so many records are found by comparing each with each; among more by hashing. */
enum { COMPARE_MAX = 16 };

enum { INDEX_SMALLEST = 8 };

/* ---- nodes ---- */

static void index_clear(struct zone_reader *reader, uint32_t slots)
{
    reader->index = memory_resize(reader->index, slots, sizeof *reader->index);
    memset(reader->index, 0, slots * sizeof *reader->index);
    reader->mask = slots - 1;
}

/* At most two thirds of the slots are taken. */
static void index_add(struct zone_reader *reader, const uint8_t *lower, size_t size)
{
    uint8_t other[NAME_MAX_SIZE];
    if (reader->nnodes >= ((size_t)reader->mask + 1) / 3 * 2) {
        index_clear(reader, 2 * (reader->mask + 1));
        for (uint32_t i = 0; i < reader->nnodes; i++)
            index_put(reader->index, reader->mask, other, name_lower(reader->nodes[i]->name, other),
                      i);
    }
    index_put(reader->index, reader->mask, lower, size, (uint32_t)reader->nnodes);
}

/* The name is in the arena, where missing ancestors share its tail; it is given in lower case as
 * well. */
static struct node *node_create(struct zone_reader *reader, const struct zone *zone,
                                const uint8_t *name, const uint8_t *lower, size_t size)
{
    struct node *parent = NULL;
    if (size > name_size(zone->apex)) {
        size_t skip = 1u + *name;
        uint32_t number =
            index_find(reader->index, reader->mask, reader->nodes, lower + skip, size - skip);
        parent = number != MODEL_NONE
                     ? reader->nodes[number]
                     : node_create(reader, zone, name + skip, lower + skip, size - skip);
    }
    struct node *node = ARENA_NEW(reader->store->arena, struct node);
    node->name = name;
    node->parent = parent;
    reader->nodes =
        memory_grow(reader->nodes, reader->nnodes, &reader->nodes_capacity, sizeof *reader->nodes);
    index_add(reader, lower, size);
    reader->nodes[reader->nnodes++] = node;
    return node;
}

static struct node *node_get(struct zone_reader *reader, const struct zone *zone,
                             const uint8_t *name)
{
    struct arena *arena = reader->store->arena;
    uint8_t lower[NAME_MAX_SIZE];
    size_t size = name_lower(name, lower);
    uint32_t number = index_find(reader->index, reader->mask, reader->nodes, lower, size);
    if (number != MODEL_NONE) {
        struct node *node = reader->nodes[number];
        if (node->rrsets == NULL && memcmp(node->name, name, size) != 0)
            node->name = arena_pack(arena, name, size); /* an empty non-terminal until now */
        return node;
    }
    return node_create(reader, zone, arena_pack(arena, name, size), lower, size);
}

/* ---- RRsets ---- */

static struct rrset *rrset_get(struct zone_reader *reader, struct node *node,
                               const struct record *record)
{
    struct rrset **link = &node->rrsets;
    for (; *link != NULL; link = &(*link)->next)
        if ((*link)->rrtype == record->rrtype)
            return *link;
    struct rrset *rrset = ARENA_NEW(reader->store->arena, struct rrset);
    rrset->rrtype = record->rrtype;
    rrset->ttl_s = record->ttl_s;
    rrset->number = reader->nrrsets++;
    rrset->file = record->file;
    rrset->line = record->line;
    return *link = rrset;
}

static void rrset_take_ttl(struct zone_reader *reader, struct rrset *rrset,
                           const struct record *record)
{
    if (rrset->ttl_s == record->ttl_s)
        return;
    uint32_t smaller = rrset->ttl_s < record->ttl_s ? rrset->ttl_s : record->ttl_s;
    diagnostics_warning(reader->diagnostics, record->file, record->line, 0,
                        "TTL %u, but %u before in the same RRset: %u holds for all (RFC 2181)",
                        record->ttl_s, rrset->ttl_s, smaller);
    rrset->ttl_s = smaller;
}

/* Whether a name in the record ends in a marker that is not the zone's own: nobody writes that but
 * to confuse. Most records show at a glance that they have none. */
static bool names_other_template(const struct master *master, const struct zone *zone,
                                 const struct record *record)
{
    const struct rdata rdata = {record->size, master_data(master, record)};
    uint16_t offsets[RDATA_NAMES_MAX];
    size_t prefix;
    bool maybe = false;
    for (size_t i = 0; i + TEMPLATE_APEX_SIZE <= rdata.size; i++)
        maybe |= rdata.bytes[i] == 3 && rdata.bytes[i + 1] == 0 && rdata.bytes[i + 4] == 0;
    unsigned count = maybe ? rdata_names(record->rrtype, &rdata, offsets) : 0;
    for (unsigned i = 0; i < count && i < RDATA_NAMES_MAX; i++) {
        const uint8_t *name = rdata.bytes + offsets[i];
        if (name_is_in_template(name, &prefix) && !name_equal(name + prefix, zone->apex))
            return true;
    }
    return false;
}

/* Where the record belongs, or NULL when it does not belong to the zone. */
static struct rrset *place_record(struct zone_reader *reader, const struct zone *zone,
                                  const struct record *record, const struct record *soa)
{
    const uint8_t *owner = master_owner(&reader->master, record);
    char text[ZONE_TEXT_SIZE];
    if (record->rrtype == RRTYPE_SOA && record != soa) {
        diagnostics_error(reader->diagnostics, record->file, record->line, 0,
                          "a second SOA; the first is in %s, line %d", soa->file, soa->line);
        return NULL;
    }
    if (!name_is_within(owner, zone->apex)) {
        diagnostics_error(reader->diagnostics, record->file, record->line, 0,
                          zone->names != NULL
                              ? "%s is not relative: the template stands for each of its domains"
                              : "%s is not in the zone %s",
                          name_to_text(owner, text), zone->name);
        return NULL;
    }
    if (names_other_template(&reader->master, zone, record)) {
        diagnostics_error(reader->diagnostics, record->file, record->line, 0,
                          "a name in the record ends as those that belong to templates");
        return NULL;
    }
    struct rrset *rrset = rrset_get(reader, node_get(reader, zone, owner), record);
    rrset_take_ttl(reader, rrset, record);
    rrset->count++;
    return rrset;
}

/* The records of large RRsets. */
struct seen {
    struct arena *arena; /* NULL: no RRset is large */
    struct table *table;
};

/* Whether the RRset, which has room for its records, holds this one already. */
static bool rrset_holds(struct seen *seen, const struct rrset *rrset, size_t room,
                        const struct rdata *record)
{
    uint32_t ignored;
    if (room <= COMPARE_MAX) {
        for (uint32_t i = 0; i < rrset->count; i++)
            if (rrset->records[i].size == record->size &&
                memcmp(rrset->records[i].bytes, record->bytes, record->size) == 0)
                return true;
        return false;
    }
    if (seen->arena == NULL)
        *seen = (struct seen){arena_new(), table_new(room)};
    size_t size = sizeof rrset + record->size;
    uint8_t *key = arena_alloc(seen->arena, size);
    memcpy(key, &rrset, sizeof rrset);
    memcpy(key + sizeof rrset, record->bytes, record->size);
    if (table_get(seen->table, key, size, &ignored))
        return true;
    table_put(seen->table, key, size, 0);
    return false;
}

static void rrset_fill(const struct master *master, struct seen *seen, struct rrset *rrset,
                       size_t room, const struct record *record, struct diagnostics *diagnostics)
{
    const struct rdata data = {record->size, master_data(master, record)};
    char type[RRTYPE_TEXT_SIZE];
    bool single = rrset->rrtype == RRTYPE_CNAME || rrset->rrtype == RRTYPE_DNAME;
    if (rrset_holds(seen, rrset, room, &data)) {
        diagnostics_warning(diagnostics, record->file, record->line, 0,
                            "this record stands in the zone twice; once is enough");
        return;
    }
    if (single && rrset->count > 0)
        diagnostics_error(diagnostics, record->file, record->line, 0,
                          "a second %s for the same name; the first is in %s, line %d",
                          rrtype_to_text(rrset->rrtype, type), rrset->file, rrset->line);
    rrset->records[rrset->count++] = data;
}

/* First in the reader's room, with data where the master has it; then where they stay. */
static void fill_rrsets(struct zone_reader *reader)
{
    struct master *master = &reader->master;
    struct seen seen = {0};
    size_t *rooms = memory_array(master->nrecords + 1, sizeof *rooms), used = 0;
    if (master->nrecords > reader->room_capacity) {
        reader->room_capacity = master->nrecords * 2;
        reader->room = memory_resize(reader->room, reader->room_capacity, sizeof *reader->room);
    }
    for (size_t i = 0; i < master->nrecords; i++)
        rooms[i] = reader->rrsets[i] != NULL ? reader->rrsets[i]->count : 0;
    for (size_t i = 0; i < master->nrecords; i++) {
        struct rrset *rrset = reader->rrsets[i];
        if (rrset == NULL)
            continue;
        if (rrset->records == NULL) {
            rrset->records = reader->room + used;
            rrset->count = 0;
            used += rooms[i];
        }
        rrset_fill(master, &seen, rrset, rooms[i], &master->records[i], reader->diagnostics);
    }
    for (size_t i = 0; i < reader->nnodes; i++)
        for (struct rrset *rrset = reader->nodes[i]->rrsets; rrset != NULL; rrset = rrset->next)
            rdata_sets_keep(reader->sets, rrset, reader->store->arena);
    free(rooms);
    table_free(seen.table);
    arena_free(seen.arena);
}

/* ---- the zone ---- */

/* Parents come before their children, so that each finds its parent's links set. */
static void link_node(struct node *node)
{
    struct node *parent = node->parent;
    if (parent == NULL)
        return;
    if (name_is_wildcard(node->name))
        parent->wildcard = node;
    if (parent->cut != NULL)
        node->cut = parent->cut;
    else if (parent->dname != NULL)
        node->dname = parent->dname;
    else if (node_rrset(parent, RRTYPE_DNAME) != NULL)
        node->dname = parent;
    else if (node_rrset(node, RRTYPE_NS) != NULL)
        node->cut = node;
}

void zone_fill(struct zone_reader *reader, const struct zone *zone, const struct record *soa)
{
    struct master *master = &reader->master;
    if (master->nrecords > reader->rrsets_capacity) {
        reader->rrsets_capacity = master->nrecords * 2;
        reader->rrsets =
            memory_resize(reader->rrsets, reader->rrsets_capacity, sizeof *reader->rrsets);
    }
    reader->nnodes = reader->nrrsets = 0;
    index_clear(reader, INDEX_SMALLEST);
    node_get(reader, zone, master_owner(master, soa));
    for (size_t i = 0; i < master->nrecords; i++)
        reader->rrsets[i] = place_record(reader, zone, &master->records[i], soa);
    fill_rrsets(reader);
    for (size_t i = 0; i < reader->nnodes; i++)
        link_node(reader->nodes[i]);
}
