/* SPDX-License-Identifier: BSD-2-Clause */
/* Zones and templates, each read from its files or taken over from the model before; see zone.h. */
#include "model/zone.h"

#include "base/memory.h"
#include "base/table.h"
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
