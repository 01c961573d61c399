/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading master files into records; see master.h. An entry that is wrong is told and left out, so
 * that one run tells all that is wrong. */
#include "model/master.h"

#include "base/memory.h"
#include "model/rdata.h"
#include "model/source.h"
#include "wire/rrtype.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    INCLUDE_DEPTH_MAX = 16,
    INCLUDE_FILES_MAX = 1000, /* for a zone: files that include each other twice multiply */
    TTL_MAX_S = INT32_MAX,    /* RFC 2181 section 8 */
};

/* One file that is being read. */
struct level {
    const struct level *parent; /* that includes it */
    struct source source;
    const char *path;
};

struct setting { /* a time that may not be known yet */
    bool set;
    uint32_t value;
};

enum owner_state { OWNER_NONE, OWNER_KNOWN, OWNER_BAD };

struct parser {
    struct master *master;
    struct arena *arena;
    struct diagnostics *diagnostics;
    unsigned depth, files;
    bool origin_known, origin_stated;
    uint8_t origin[NAME_MAX_SIZE];
    enum owner_state owner_state;
    uint8_t owner[NAME_MAX_SIZE];
    struct setting default_ttl; /* $TTL */
    struct setting last_ttl;    /* of the last record that states one */
    struct setting soa_minimum;
};

/* What stands before the rdata. */
struct record_head {
    uint16_t rrtype;
    struct setting ttl;
};

static bool parse_file(struct parser *parser, struct level *level);

static const uint8_t *parser_origin(const struct parser *parser)
{
    return parser->origin_known ? parser->origin : NULL;
}

static bool ttl_from_text(const char *text, struct setting *ttl, struct error *error)
{
    if (!period_from_text(text, &ttl->value) || ttl->value > TTL_MAX_S)
        return error_set(error, "\"%.100s\" is no TTL (0 to 2147483647 seconds, or as 1h30m)",
                         text);
    ttl->set = true;
    return true;
}

static bool end_of_directive(char *text, struct error *error)
{
    struct token token;
    return !token_next(&text, &token) ||
           error_set(error, "\"%.100s\" is more than the directive may hold", token.text);
}

static bool directive_origin(struct parser *parser, char *text, struct error *error)
{
    struct token token;
    uint8_t name[NAME_MAX_SIZE];
    if (!token_next(&text, &token))
        return error_set(error, "$ORIGIN lacks a name");
    size_t size = master_name_from_text(&token, parser_origin(parser), name, error);
    if (size == 0 || !end_of_directive(text, error))
        return false;
    memcpy(parser->origin, name, size);
    if (!parser->origin_stated)
        memcpy(parser->master->origin, name, size);
    parser->origin_known = parser->origin_stated = true;
    return true;
}

static bool directive_ttl(struct parser *parser, char *text, struct error *error)
{
    struct token token;
    if (!token_next(&text, &token))
        return error_set(error, "$TTL lacks a time");
    return ttl_from_text(token.text, &parser->default_ttl, error) && end_of_directive(text, error);
}

/* A relative name is relative to the including file's folder. */
static const char *include_path(struct parser *parser, const struct level *level, const char *name)
{
    const char *slash = strrchr(level->path, '/');
    if (name[0] == '/' || slash == NULL)
        return arena_strdup(parser->arena, name);
    return arena_printf(parser->arena, "%.*s/%s", (int)(slash - level->path), level->path, name);
}

static void master_add_file(struct master *master, const struct level *level)
{
    master->files =
        memory_grow(master->files, master->nfiles, &master->files_capacity, sizeof *master->files);
    master->files[master->nfiles++] = (struct master_file){level->path, level->source.identity};
}

static bool include_is_circle(const struct level *level, const struct source *source)
{
    for (; level != NULL; level = level->parent)
        if (level->source.identity.device == source->identity.device &&
            level->source.identity.inode == source->identity.inode)
            return true;
    return false;
}

static bool include_open(struct parser *parser, struct level *level, struct error *error)
{
    struct error reason;
    if (parser->depth >= INCLUDE_DEPTH_MAX)
        return error_set(error, "$INCLUDE %s: more than %d files deep", level->path,
                         INCLUDE_DEPTH_MAX);
    if (++parser->files > INCLUDE_FILES_MAX)
        return error_set(error, "$INCLUDE %s: more than %d files in one zone", level->path,
                         INCLUDE_FILES_MAX);
    if (!source_open(&level->source, level->path, &reason))
        return error_set(error, "$INCLUDE %s: %s", level->path, reason.text);
    if (!include_is_circle(level->parent, &level->source)) {
        master_add_file(parser->master, level);
        return true;
    }
    source_close(&level->source);
    return error_set(error, "$INCLUDE %s: the file includes itself", level->path);
}

/* Origin and last owner are the including file's again afterwards (RFC 1035 section 5.1); $TTL and
 * the last TTL go on as if the text stood here. */
static bool directive_include(struct parser *parser, const struct level *from, char *text,
                              struct error *error)
{
    struct token file, name;
    if (!token_next(&text, &file) || file.size == 0)
        return error_set(error, "$INCLUDE lacks a file name");
    struct level level = {.parent = from, .path = include_path(parser, from, file.text)};
    uint8_t origin[NAME_MAX_SIZE];
    bool named = token_next(&text, &name);
    if (named && master_name_from_text(&name, parser_origin(parser), origin, error) == 0)
        return false;
    if (!end_of_directive(text, error) || !include_open(parser, &level, error))
        return false;
    uint8_t saved_origin[NAME_MAX_SIZE], saved_owner[NAME_MAX_SIZE];
    memcpy(saved_origin, parser->origin, sizeof saved_origin);
    memcpy(saved_owner, parser->owner, sizeof saved_owner);
    bool saved_known = parser->origin_known;
    enum owner_state saved_state = parser->owner_state;
    if (named) {
        memcpy(parser->origin, origin, name_size(origin));
        parser->origin_known = true;
    }
    parser->depth++;
    parse_file(parser, &level);
    parser->depth--;
    source_close(&level.source);
    memcpy(parser->origin, saved_origin, sizeof saved_origin);
    memcpy(parser->owner, saved_owner, sizeof saved_owner);
    parser->origin_known = saved_known;
    parser->owner_state = saved_state;
    return true;
}

static bool parse_directive(struct parser *parser, const struct level *level, char *text,
                            struct error *error)
{
    struct token token;
    token_next(&text, &token);
    if (strcasecmp(token.text, "$ORIGIN") == 0)
        return directive_origin(parser, text, error);
    if (strcasecmp(token.text, "$TTL") == 0)
        return directive_ttl(parser, text, error);
    if (strcasecmp(token.text, "$INCLUDE") == 0)
        return directive_include(parser, level, text, error);
    return error_set(error, "%.100s is no directive known here ($ORIGIN, $TTL, $INCLUDE)",
                     token.text);
}

/* Sets parser->owner. False without *error: the record belongs to an owner that was wrong already.
 */
static bool parse_owner(struct parser *parser, const struct entry *entry, char **text,
                        struct error *error)
{
    struct token token;
    uint8_t name[NAME_MAX_SIZE];
    if (entry->blank_first) {
        if (parser->owner_state == OWNER_NONE)
            error_set(error, "the first record has no owner name");
        return parser->owner_state == OWNER_KNOWN;
    }
    token_next(text, &token);
    size_t size = master_name_from_text(&token, parser_origin(parser), name, error);
    parser->owner_state = size > 0 ? OWNER_KNOWN : OWNER_BAD;
    if (size > 0)
        memcpy(parser->owner, name, size);
    return size > 0;
}

static bool is_class(const char *text)
{
    static const char *const classes[] = {"IN", "CH", "HS", "CS"};
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (strcasecmp(text, classes[i]) == 0)
            return true;
    return strncasecmp(text, "CLASS", 5) == 0 && isdigit((unsigned char)text[5]);
}

/* TTL and class, in either order, and the type. */
static bool parse_head(char **text, struct record_head *head, struct error *error)
{
    struct token token;
    bool class_seen = false;
    for (;;) {
        if (!token_next(text, &token))
            return error_set(error, "the record type is missing");
        if (!class_seen && is_class(token.text)) {
            if (strcasecmp(token.text, "IN") != 0 && strcasecmp(token.text, "CLASS1") != 0)
                return error_set(error, "class %.20s: only class IN is served", token.text);
            class_seen = true;
        } else if (!head->ttl.set && isdigit((unsigned char)token.text[0])) {
            if (!ttl_from_text(token.text, &head->ttl, error))
                return false;
        } else {
            break;
        }
    }
    if (!rrtype_from_text(token.text, &head->rrtype))
        return error_set(error, "\"%.100s\" is no record type", token.text);
    if (head->rrtype == 0 || rrtype_is_meta(head->rrtype))
        return error_set(error, "type %.20s never stands in a zone (RFC 6895)", token.text);
    return true;
}

static uint32_t soa_minimum(const uint8_t *bytes, size_t size)
{
    uint32_t wire;
    memcpy(&wire, bytes + size - sizeof wire, sizeof wire);
    return ntohl(wire);
}

/* RFC 2308 section 4, RFC 1035 section 5.1; the SOA's minimum is the oldest meaning of that field.
 */
static bool record_ttl(struct parser *parser, const struct record_head *head, size_t size,
                       uint32_t *ttl_s, struct error *error)
{
    if (head->rrtype == RRTYPE_SOA && !parser->soa_minimum.set)
        parser->soa_minimum = (struct setting){true, soa_minimum(parser->master->rdata, size)};
    if (head->ttl.set)
        parser->last_ttl = head->ttl;
    const struct setting *ttl = head->ttl.set             ? &head->ttl
                                : parser->default_ttl.set ? &parser->default_ttl
                                : parser->last_ttl.set    ? &parser->last_ttl
                                                          : &parser->soa_minimum;
    *ttl_s = ttl->value > TTL_MAX_S ? TTL_MAX_S : ttl->value;
    return ttl->set || error_set(error, "no TTL: neither here nor before, and no $TTL");
}

/* Where the owner stands in master.names; once for records that follow each other. */
static size_t master_put_owner(struct master *master, const uint8_t *owner)
{
    size_t size = name_size(owner);
    if (master->nrecords > 0) {
        size_t last = master->records[master->nrecords - 1].owner;
        if (master->names_size - last == size && memcmp(master->names + last, owner, size) == 0)
            return last;
    }
    if (master->names_size + size > master->names_capacity) {
        master->names_capacity = master->names_capacity * 2 + 4096;
        master->names = memory_resize(master->names, master->names_capacity, 1);
    }
    memcpy(master->names + master->names_size, owner, size);
    master->names_size += size;
    return master->names_size - size;
}

static size_t master_put_data(struct master *master, size_t size)
{
    if (master->data_size + size > master->data_capacity) {
        master->data_capacity = (master->data_capacity + size) * 2;
        master->data = memory_resize(master->data, master->data_capacity, 1);
    }
    if (size > 0)
        memcpy(master->data + master->data_size, master->rdata, size);
    master->data_size += size;
    return master->data_size - size;
}

static bool parse_record(struct parser *parser, const struct level *level, struct entry *entry,
                         struct error *error)
{
    struct master *master = parser->master;
    struct record_head head = {0};
    char *text = entry->text;
    uint32_t ttl_s;
    if (!parse_owner(parser, entry, &text, error) || !parse_head(&text, &head, error))
        return false;
    int size = rdata_from_text(head.rrtype, text, parser_origin(parser), master->rdata, error);
    if (size < 0) {
        struct error reason = *error;
        char type[RRTYPE_TEXT_SIZE];
        return error_set(error, "%s: %.480s", rrtype_to_text(head.rrtype, type), reason.text);
    }
    if (!record_ttl(parser, &head, (size_t)size, &ttl_s, error))
        return false;
    size_t owner = master_put_owner(master, parser->owner);
    master->records = memory_grow(master->records, master->nrecords, &master->records_capacity,
                                  sizeof *master->records);
    master->records[master->nrecords++] = (struct record){
        .owner = owner,
        .data = master_put_data(master, (size_t)size),
        .file = level->path,
        .line = entry->line,
        .ttl_s = ttl_s,
        .rrtype = head.rrtype,
        .size = (uint16_t)size,
    };
    return true;
}

static bool parse_file(struct parser *parser, struct level *level)
{
    size_t errors_before = parser->diagnostics->errors;
    struct entry entry;
    enum source_result result;
    do {
        struct error error = {0};
        result = source_next(&level->source, &entry, &error);
        if (result == SOURCE_ENTRY) {
            if (entry.text[0] == '$' && !entry.blank_first)
                parse_directive(parser, level, entry.text, &error);
            else
                parse_record(parser, level, &entry, &error);
        }
        if (error.text[0] != '\0')
            diagnostics_error(parser->diagnostics, level->path, entry.line, 0, "%s", error.text);
    } while (result != SOURCE_END);
    return parser->diagnostics->errors == errors_before;
}

void master_init(struct master *master)
{
    *master = (struct master){.rdata = memory_alloc(RDATA_MAX_SIZE)};
}

void master_free(struct master *master)
{
    free(master->files);
    free(master->records);
    free(master->names);
    free(master->data);
    free(master->rdata);
}

bool master_read(struct master *master, const char *file, const uint8_t *origin,
                 struct arena *arena, struct diagnostics *diagnostics)
{
    struct parser parser = {.master = master, .arena = arena, .diagnostics = diagnostics};
    struct level level = {.path = arena_strdup(arena, file)};
    struct error error;
    master->nfiles = master->nrecords = master->names_size = master->data_size = 0;
    master->origin[0] = 0;
    /* Other servers name a zone beside its file's name; here the file's name must do. */
    parser.origin_known = origin != NULL || master_name_from_file(file, parser.origin);
    if (origin != NULL)
        memcpy(parser.origin, origin, name_size(origin));
    bool good = source_open(&level.source, file, &error);
    master_add_file(master, &level);
    if (!good)
        diagnostics_error(diagnostics, file, 0, 0, "%s", error.text);
    else if (level.source.size == level.source.at)
        good = diagnostics_error(diagnostics, file, 0, 0, "is empty");
    else
        good = parse_file(&parser, &level);
    source_close(&level.source);
    return good;
}

bool master_name_from_file(const char *file, uint8_t name[NAME_MAX_SIZE])
{
    const char *slash = strrchr(file, '/');
    const char *base = slash != NULL ? slash + 1 : file;
    size_t size = strlen(base);
    if (strncmp(base, "db.", 3) == 0) {
        base += 3;
        size -= 3;
    }
    if (size > 5 && strcmp(base + size - 5, ".zone") == 0)
        size -= 5;
    static const uint8_t root[] = {0};
    /* One label is rather a word, such as "customers", than a zone. */
    return name_parse(base, size, root, name) > 0 && name_labels(name) >= 2;
}
