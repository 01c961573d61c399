/* SPDX-License-Identifier: BSD-2-Clause */
/* Zones and templates, each read from its files or taken over from the model before; see zone.h. */
#include "model/zone.h"

#include "base/memory.h"
#include "base/table.h"
#include "model/compare.h"
#include "model/content.h"
#include "model/lookup.h"
#include "model/rdata_sets.h"
#include "model/template.h"
#include "model/text.h"
#include "wire/rrtype.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void zone_reader_init(struct zone_reader *reader, struct model *model, size_t nzones,
                      const struct model *previous, bool strict, struct diagnostics *diagnostics)
{
    *reader = (struct zone_reader){
        .model = model, .kept = strict ? NULL : previous, .diagnostics = diagnostics};
    reader->store = store_new();
    reader->sets = rdata_sets_new();
    reader->loose = memory_array(nzones + 1, sizeof *reader->loose);
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
    free(reader->loose);
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

static struct zone *zone_add(struct zone_reader *reader, const struct zone *zone)
{
    struct model *model = reader->model;
    model->zones[model->nzones] = *zone;
    table_put(model->zone_table, zone->apex, name_size(zone->apex), (uint32_t)model->nzones);
    return &model->zones[model->nzones++];
}

static void zone_set_apex(struct zone_reader *reader, struct zone *zone, const uint8_t *apex)
{
    struct arena *arena = reader->store->arena;
    uint8_t lower[NAME_MAX_SIZE];
    char text[NAME_TEXT_SIZE];
    zone->apex = arena_pack(arena, lower, name_lower(apex, lower));
    zone->name = arena_strdup(arena, name_to_text(lower, text));
}

static struct zone *zone_same(const struct zone_reader *reader, const uint8_t *apex)
{
    uint32_t number;
    bool found = table_get(reader->model->zone_table, apex, name_size(apex), &number);
    return found ? &reader->model->zones[number] : NULL;
}

/* Whether the zone may take the place of another that was read before: that of a broken file. */
static bool zone_replaces(struct zone_reader *reader, const struct zone *same, const char *file,
                          int line)
{
    bool *loose = &reader->loose[same - reader->model->zones];
    if (*loose) {
        *loose = false;
        return true;
    }
    reader->ambiguous = true;
    return diagnostics_error(reader->diagnostics, file, line, 0,
                             "the zone %s is already read from %s", same->name, same->file);
}

/* Its place in the model. False when another file holds it too; the SOA is in this line. */
static bool zone_place(struct zone_reader *reader, const struct zone *zone, const char *file,
                       int line)
{
    struct zone *same = zone_same(reader, zone->apex);
    if (same != NULL && !zone_replaces(reader, same, file, line))
        return false;
    if (same == NULL)
        zone_add(reader, zone);
    else
        *same = *zone;
    return true;
}

/* A place that another file which holds the zone may take. */
static void zone_place_loosely(struct zone_reader *reader, const struct zone *zone)
{
    struct zone *same = zone_same(reader, zone->apex);
    if (same == NULL)
        same = zone_add(reader, zone);
    else if (zone->stale && reader->loose[same - reader->model->zones])
        *same = *zone;
    else
        return;
    reader->loose[same - reader->model->zones] = true;
}

/* What zone a file without SOA may hold; the apex stays NULL when nothing tells. The root is never
 * guessed: it would take in all names that are not ours. */
static void zone_guess(struct zone_reader *reader, struct zone *zone)
{
    uint8_t from_file[NAME_MAX_SIZE];
    const uint8_t *apex = reader->master.origin;
    size_t prefix;
    if (apex[0] == 0)
        apex = master_name_from_file(zone->file, from_file) ? from_file : NULL;
    if (apex != NULL && !name_is_in_template(apex, &prefix))
        zone_set_apex(reader, zone, apex);
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

static void zone_set_template(struct zone_reader *reader, const struct zone_source *source,
                              struct zone *zone)
{
    struct arena *arena = reader->store->arena;
    uint8_t apex[TEMPLATE_APEX_SIZE];
    template_marker(source->number, apex);
    zone->apex = arena_pack(arena, apex, sizeof apex);
    zone->name = source->before != NULL ? arena_strdup(arena, source->before->name)
                                        : template_name(reader, source);
    zone->names = arena_strdup(arena, source->names);
}

/* The SOA says which zone it is; a template is many. */
static bool zone_take_soa(struct zone_reader *reader, struct zone *zone, const struct record *soa)
{
    const uint8_t *owner = master_owner(&reader->master, soa);
    char text[ZONE_TEXT_SIZE];
    size_t prefix;
    if (zone->names != NULL)
        return name_equal(owner, zone->apex) ||
               diagnostics_error(reader->diagnostics, soa->file, soa->line, 0,
                                 "the SOA of a template stands at @, for each of its domains: not "
                                 "at %s",
                                 zone_name_text(zone, owner, text));
    if (name_is_in_template(owner, &prefix))
        return diagnostics_error(reader->diagnostics, soa->file, soa->line, 0,
                                 "a name that ends so belongs to templates");
    zone_set_apex(reader, zone, owner);
    return true;
}

/* ---- content ---- */

static uint32_t read_uint32(const uint8_t *bytes)
{
    uint32_t wire;
    memcpy(&wire, bytes, sizeof wire);
    return ntohl(wire);
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

void zone_take(struct zone *zone, const struct content *content)
{
    static const struct content none;
    zone->failed = content == NULL;
    zone->content = content;
    if (content == NULL)
        content = &none;
    zone->serial = content->serial;
    zone->negative_ttl_s = content->negative_ttl_s;
    zone->nodes = content->nodes;
    zone->nnodes = content->nnodes;
    zone->nrrsets = content->nrrsets;
}

/* The same place in the model for what was read before. */
static bool zone_take_over(struct zone_reader *reader, const struct zone_source *source)
{
    const struct content *content = source->content;
    const struct rrset *soa = node_rrset(content->nodes[0], RRTYPE_SOA);
    struct zone zone = {
        .apex = content->apex, .name = content->name, .file = content->files[0].path};
    zone_take(&zone, content);
    if (source->names != NULL) {
        zone.names = arena_strdup(reader->model->arena, source->names);
        table_put(reader->templates, zone.name, strlen(zone.name), 0);
    }
    return zone_place(reader, &zone, soa->file, soa->line);
}

/* ---- bad files ---- */

/* What is served of a zone whose file is bad now; NULL: nothing. It is of the same file, or was
 * moved to this one. */
static const struct content *content_before(const struct zone_reader *reader,
                                            const struct zone_source *source,
                                            const struct zone *zone)
{
    const struct zone *before = source->before;
    if (reader->kept == NULL)
        return NULL;
    if ((before == NULL || before->failed) && zone->names == NULL && zone->apex != NULL)
        before = model_zone_like(reader->kept, zone);
    return before != NULL ? before->content : NULL;
}

/* Goes on as it was; or, where it was not there, answers SERVFAIL. */
static bool zone_is_bad(struct zone_reader *reader, const struct zone_source *source,
                        struct zone *zone, const struct record *soa)
{
    bool known = zone->apex != NULL;
    if (!known)
        zone_guess(reader, zone);
    const struct content *content = content_before(reader, source, zone);
    if (content != NULL) {
        zone_take(zone, content);
        zone->stale = true;
        if (zone->names == NULL) /* whatever the file says now */
            zone_set_apex(reader, zone, content->apex);
        zone_place_loosely(reader, zone);
    } else if (known) {
        zone_place(reader, zone, soa != NULL ? soa->file : zone->file, soa != NULL ? soa->line : 0);
    } else if (zone->apex != NULL) {
        zone_place_loosely(reader, zone);
    }
    return false;
}

/* ---- reading ---- */

static void tell_no_soa(struct zone_reader *reader, const char *file, size_t errors_before)
{
    if (reader->diagnostics->errors == errors_before)
        diagnostics_error(reader->diagnostics, file, 0, 0, "the zone has no SOA record");
    else if (reader->master.nrecords > 0)
        diagnostics_error(reader->diagnostics, file, 0, 0,
                          "the zone has no SOA record that can be read");
}

/* Of the records that were read; NULL when anything is wrong with them. */
static struct content *content_make(struct zone_reader *reader, const struct zone *zone,
                                    const struct record *soa, size_t errors_before)
{
    struct diagnostics *diagnostics = reader->diagnostics;
    size_t longest = 0;
    zone_fill(reader, zone, soa);
    zone_check(zone, reader->nodes, reader->nnodes, diagnostics);
    if (zone->names != NULL)
        longest = template_check(zone, reader->nodes, reader->nnodes, diagnostics);
    if (diagnostics->errors > errors_before)
        return NULL;
    struct content *content = content_new(reader, zone, soa);
    content->longest_prefix = longest;
    return content;
}

static bool zone_read_anew(struct zone_reader *reader, const struct zone_source *source)
{
    struct arena *arena = reader->store->arena;
    size_t errors_before = reader->diagnostics->errors, used_before = arena_used(arena);
    struct zone zone = {.file = arena_strdup(arena, source->file), .failed = true};
    struct content *content = NULL;
    if (source->names != NULL)
        zone_set_template(reader, source, &zone);
    reader->model->nread++;
    master_read(&reader->master, zone.file, zone.apex, arena, reader->diagnostics);
    const struct record *soa = find_soa(&reader->master);
    if (soa == NULL)
        tell_no_soa(reader, zone.file, errors_before);
    else if (zone_take_soa(reader, &zone, soa))
        content = content_make(reader, &zone, soa, errors_before);
    if (content == NULL)
        return zone_is_bad(reader, source, &zone, soa);
    content->bytes = arena_used(arena) - used_before;
    zone_take(&zone, content);
    return zone_place(reader, &zone, soa->file, soa->line);
}

bool zone_read(struct zone_reader *reader, const struct zone_source *source)
{
    return source->content != NULL ? zone_take_over(reader, source)
                                   : zone_read_anew(reader, source);
}
