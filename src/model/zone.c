/* SPDX-License-Identifier: BSD-2-Clause */
/* Building the tree of one zone; see zone.h. Two rounds over its records: the first makes nodes and
 * RRsets and counts, the second fills them, so that all lies in the arena without gaps. */
#include "model/zone.h"

#include "base/memory.h"
#include "base/table.h"
#include "model/content.h"
#include "model/lookup.h"
#include "model/rdata.h"
#include "model/rdata_sets.h"
#include "model/template.h"
#include "model/text.h"
#include "wire/rrtype.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Duplicates among so many records are found by comparing each with each; among more by hashing. */
enum { COMPARE_MAX = 16 };

enum { INDEX_SMALLEST = 8 };

void zone_reader_init(struct zone_reader *reader, struct model *model, size_t nzones,
                      const struct model *previous, struct diagnostics *diagnostics)
{
    *reader = (struct zone_reader){.model = model, .diagnostics = diagnostics};
    reader->store = store_new();
    reader->sets = rdata_sets_new();
    reader->guessed = memory_array(nzones + 1, sizeof *reader->guessed);
    reader->templates = table_new(0);
    for (size_t i = 0; previous != NULL && i < previous->ntemplates; i++) {
        const char *name = previous->zones[previous->templates[i]].name;
        table_put(reader->templates, name, strlen(name), 0);
    }
    master_init(&reader->master);
}

void zone_reader_free(struct zone_reader *reader)
{
    master_free(&reader->master);
    free(reader->rrsets);
    free(reader->nodes);
    free(reader->room);
    rdata_sets_free(reader->sets);
    free(reader->index);
    free(reader->guessed);
    table_free(reader->templates);
}

/* ---- which zone it is ---- */

static const struct record *find_soa(const struct master *master)
{
    for (size_t i = 0; i < master->nrecords; i++)
        if (master->records[i].rrtype == RRTYPE_SOA)
            return &master->records[i];
    return NULL;
}

static struct zone *zone_add(struct zone_reader *reader, struct zone zone)
{
    struct model *model = reader->model;
    zone.failed = true;
    model->zones[model->nzones] = zone;
    table_put(model->zone_table, zone.apex, name_size(zone.apex), (uint32_t)model->nzones);
    return &model->zones[model->nzones++];
}

static struct zone *zone_add_named(struct zone_reader *reader, const uint8_t *apex,
                                   const char *file)
{
    struct arena *arena = reader->store->arena;
    uint8_t lower[NAME_MAX_SIZE];
    char text[NAME_TEXT_SIZE];
    size_t size = name_lower(apex, lower);
    return zone_add(reader, (struct zone){
                                .apex = arena_pack(arena, lower, size),
                                .name = arena_strdup(arena, name_to_text(lower, text)),
                                .file = file,
                            });
}

static struct zone *zone_same(const struct zone_reader *reader, const uint8_t *apex)
{
    uint8_t lower[NAME_MAX_SIZE];
    uint32_t number;
    size_t size = name_lower(apex, lower);
    bool found = table_get(reader->model->zone_table, lower, size, &number);
    return found ? &reader->model->zones[number] : NULL;
}

/* Whether the zone may take the place of another that was read before: a broken file that was only
 * thought to hold it. */
static bool zone_replaces(struct zone_reader *reader, const struct zone *same, const char *file,
                          int line)
{
    bool *guessed = &reader->guessed[same - reader->model->zones];
    if (*guessed) {
        *guessed = false;
        return true;
    }
    reader->ambiguous = true;
    return diagnostics_error(reader->diagnostics, file, line, 0,
                             "the zone %s is already read from %s", same->name, same->file);
}

/* The model's place for the zone of this SOA, or NULL when another file holds it too. */
static struct zone *zone_claim(struct zone_reader *reader, const struct record *soa,
                               const char *file)
{
    const uint8_t *apex = master_owner(&reader->master, soa);
    struct zone *same = zone_same(reader, apex);
    size_t prefix;
    if (name_is_in_template(apex, &prefix)) {
        diagnostics_error(reader->diagnostics, soa->file, soa->line, 0,
                          "a name that ends so belongs to templates");
        return NULL;
    }
    if (same == NULL)
        return zone_add_named(reader, apex, file);
    if (!zone_replaces(reader, same, soa->file, soa->line))
        return NULL;
    same->file = file;
    return same;
}

/* A place for a file without SOA, so that its names answer SERVFAIL. The root is never guessed: it
 * would take in all names that are not ours. */
static void zone_guess(struct zone_reader *reader, const char *file)
{
    uint8_t from_file[NAME_MAX_SIZE];
    const uint8_t *apex = reader->master.origin;
    if (apex[0] == 0)
        apex = master_name_from_file(file, from_file) ? from_file : NULL;
    if (apex == NULL || zone_same(reader, apex) != NULL)
        return;
    struct zone *zone = zone_add_named(reader, apex, file);
    reader->guessed[zone - reader->model->zones] = true;
}

/* ---- templates ---- */

/* "@customer.zone": by the file's name, which a second template of that name adds its number to. */
static const char *template_name(struct zone_reader *reader, const struct zone_source *source)
{
    struct arena *arena = reader->store->arena;
    const char *slash = strrchr(source->file, '/');
    char *name = arena_printf(arena, "@%s", slash != NULL ? slash + 1 : source->file);
    uint32_t ignored;
    for (char *at = name; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at); /* as all names of hosts */
    while (table_get(reader->templates, name, strlen(name), &ignored))
        name = arena_printf(arena, "%s#%u", name, source->number);
    table_put(reader->templates, name, strlen(name), 0);
    return name;
}

static struct zone *zone_add_template(struct zone_reader *reader, const struct zone_source *source,
                                      const char *file)
{
    struct arena *arena = reader->store->arena;
    uint8_t apex[TEMPLATE_APEX_SIZE];
    template_marker(source->number, apex);
    return zone_add(reader,
                    (struct zone){
                        .apex = arena_pack(arena, apex, sizeof apex),
                        .name = source->before != NULL ? arena_strdup(arena, source->before->name)
                                                       : template_name(reader, source),
                        .file = file,
                        .names = arena_strdup(arena, source->names),
                    });
}

/* The SOA says which zone it is; a template is many. */
static bool template_takes_soa(struct zone_reader *reader, const struct zone *zone,
                               const struct record *soa)
{
    const uint8_t *owner = master_owner(&reader->master, soa);
    char text[ZONE_TEXT_SIZE];
    return name_equal(owner, zone->apex) ||
           diagnostics_error(reader->diagnostics, soa->file, soa->line, 0,
                             "the SOA of a template stands at @, for each of its domains: not at "
                             "%s",
                             zone_name_text(zone, owner, text));
}

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

static uint32_t read_uint32(const uint8_t *bytes)
{
    uint32_t wire;
    memcpy(&wire, bytes, sizeof wire);
    return ntohl(wire);
}

/* Nodes and RRsets of a zone, from the records of its files. */
static void zone_fill(struct zone_reader *reader, const struct zone *zone, const struct record *soa)
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

/* The RRsets that name hosts of any kind, so that who looks for them need not walk the zone. */
static void content_set_links(struct content *content, struct arena *arena)
{
    for (int round = 0; round < 2; round++) {
        if (round > 0)
            content->links = ARENA_ARRAY(arena, struct link, content->nlinks);
        content->nlinks = 0;
        for (size_t i = 0; i < content->nnodes; i++) {
            const struct node *node = content->nodes[i];
            const struct rrset *rrset = node->dname == NULL ? node->rrsets : NULL;
            for (; rrset != NULL; rrset = rrset->next) {
                if (rrset->rrtype != RRTYPE_NS && rrset->rrtype != RRTYPE_MX &&
                    rrset->rrtype != RRTYPE_SRV)
                    continue;
                if (round > 0)
                    content->links[content->nlinks] = (struct link){node, rrset};
                content->nlinks++;
            }
        }
    }
}

static struct content *content_new(const struct zone_reader *reader, const struct zone *zone,
                                   const struct record *soa)
{
    struct arena *arena = reader->store->arena;
    const struct master *master = &reader->master;
    struct content *content = ARENA_NEW(arena, struct content);
    const uint8_t *end =
        master_data(master, soa) + soa->size; /* its five numbers stand behind the two names */
    uint32_t minimum = read_uint32(end - 4);
    *content = (struct content){
        .store = reader->store,
        .files = arena_dup(arena, master->files, master->nfiles * sizeof *master->files),
        .nfiles = master->nfiles,
        .apex = zone->apex,
        .name = zone->name,
        .nodes = arena_dup(arena, reader->nodes, reader->nnodes * sizeof *reader->nodes),
        .nnodes = reader->nnodes,
        .nrrsets = reader->nrrsets,
        .index =
            arena_dup(arena, reader->index, ((size_t)reader->mask + 1) * sizeof *reader->index),
        .mask = reader->mask,
        .serial = read_uint32(end - 20),
        .negative_ttl_s = minimum < soa->ttl_s ? minimum : soa->ttl_s,
    };
    content_set_links(content, arena);
    return content;
}

static void zone_take(struct zone *zone, const struct content *content)
{
    zone->failed = false;
    zone->serial = content->serial;
    zone->negative_ttl_s = content->negative_ttl_s;
    zone->nodes = content->nodes;
    zone->nnodes = content->nnodes;
    zone->nrrsets = content->nrrsets;
    zone->content = content;
}

/* The same place in the model for what was read before. */
static bool zone_take_over(struct zone_reader *reader, const struct zone_source *source)
{
    const struct content *content = source->content;
    const struct rrset *soa = node_rrset(content->nodes[0], RRTYPE_SOA);
    struct zone *zone = zone_same(reader, content->apex);
    if (zone != NULL && !zone_replaces(reader, zone, soa->file, soa->line))
        return false;
    struct zone taken = {.apex = content->apex,
                         .name = content->name,
                         .file = content->files[0].path,
                         .names = source->before->names};
    if (zone == NULL)
        zone = zone_add(reader, taken);
    else
        *zone = taken;
    if (source->names != NULL)
        table_put(reader->templates, zone->name, strlen(zone->name), 0);
    zone_take(zone, content);
    return true;
}

static bool zone_lacks_soa(struct zone_reader *reader, const char *file, size_t errors_before)
{
    if (reader->diagnostics->errors == errors_before)
        diagnostics_error(reader->diagnostics, file, 0, 0, "the zone has no SOA record");
    else if (reader->master.nrecords > 0)
        diagnostics_error(reader->diagnostics, file, 0, 0,
                          "the zone has no SOA record that can be read");
    return false;
}

static bool zone_read_anew(struct zone_reader *reader, const struct zone_source *source)
{
    struct diagnostics *diagnostics = reader->diagnostics;
    size_t errors_before = diagnostics->errors, used_before = arena_used(reader->store->arena);
    const char *file = arena_strdup(reader->store->arena, source->file);
    struct zone *zone = source->names != NULL ? zone_add_template(reader, source, file) : NULL;
    reader->model->nread++;
    master_read(&reader->master, file, zone != NULL ? zone->apex : NULL, reader->store->arena,
                diagnostics);
    const struct record *soa = find_soa(&reader->master);
    if (soa == NULL) {
        if (zone == NULL)
            zone_guess(reader, file);
        return zone_lacks_soa(reader, file, errors_before);
    }
    bool placed = zone != NULL ? template_takes_soa(reader, zone, soa)
                               : (zone = zone_claim(reader, soa, file)) != NULL;
    if (!placed)
        return false;
    zone_fill(reader, zone, soa);
    zone_check(zone, reader->nodes, reader->nnodes, diagnostics);
    size_t longest = source->names != NULL
                         ? template_check(zone, reader->nodes, reader->nnodes, diagnostics)
                         : 0;
    if (diagnostics->errors > errors_before)
        return false;
    struct content *content = content_new(reader, zone, soa);
    content->longest_prefix = longest;
    content->bytes = arena_used(reader->store->arena) - used_before;
    zone_take(zone, content);
    return true;
}

bool zone_read(struct zone_reader *reader, const struct zone_source *source)
{
    return source->content != NULL ? zone_take_over(reader, source)
                                   : zone_read_anew(reader, source);
}
