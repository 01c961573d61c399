/* SPDX-License-Identifier: BSD-2-Clause */
/* YAML to a tree by libyaml's events; see tree.h. */
#include "config/tree.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

enum {
    FILE_MAX_BYTES = 16 << 20, /* some 100,000 hosts with settings of their own */
    NODES_MAX = 1 << 20,       /* what a file may cost: about 100 MB */
    DEPTH_MAX = 16,            /* a configuration needs 5 */
    TEXT_MAX_BYTES = 4096,     /* the longest thing to write is a path */
};

struct builder {
    yaml_parser_t parser;
    struct arena *arena;
    const char *file;
    const char *bytes;
    struct diagnostics *diagnostics;
    size_t nodes;
    int depth;
};

/* ---- the file ---- */

static bool file_read_all(int descriptor, char *bytes, size_t room, size_t *size)
{
    ssize_t got;
    *size = 0;
    do {
        got = read(descriptor, bytes + *size, room - *size);
        if (got > 0)
            *size += (size_t)got;
    } while ((got > 0 && *size < room) || (got < 0 && errno == EINTR));
    return got >= 0;
}

/* O_NONBLOCK: a named pipe must not hang us before fstat tells what it is. */
static char *file_read(struct arena *arena, const char *file, size_t *size,
                       struct diagnostics *diagnostics)
{
    struct stat status;
    char *bytes = NULL;
    int descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0 || fstat(descriptor, &status) < 0) {
        diagnostics_error(diagnostics, file, 0, 0, "cannot read the file: %s", strerror(errno));
    } else if (!S_ISREG(status.st_mode)) {
        diagnostics_error(diagnostics, file, 0, 0, "cannot read the file: it is %s",
                          S_ISDIR(status.st_mode) ? "a directory" : "not a regular file");
    } else if (status.st_size > FILE_MAX_BYTES) {
        diagnostics_error(diagnostics, file, 0, 0, "the file is larger than %d MiB",
                          FILE_MAX_BYTES >> 20);
    } else {
        bytes = arena_alloc(arena, (size_t)status.st_size + 1);
        if (!file_read_all(descriptor, bytes, (size_t)status.st_size, size)) {
            diagnostics_error(diagnostics, file, 0, 0, "cannot read the file: %s", strerror(errno));
            bytes = NULL;
        }
    }
    if (descriptor >= 0)
        close(descriptor);
    return bytes;
}

/* ---- errors ---- */

static struct config_place mark_place(yaml_mark_t mark)
{
    return (struct config_place){(int)mark.line + 1, (int)mark.column + 1};
}

/* libyaml's reader counts octets, the rest of it lines and columns. */
static struct config_place offset_place(const char *bytes, size_t offset)
{
    struct config_place place = {1, 1};
    for (size_t i = 0; i < offset; i++) {
        if (bytes[i] == '\n')
            place = (struct config_place){place.line + 1, 1};
        else if ((bytes[i] & 0xC0) != 0x80) /* a character's first octet */
            place.column++;
    }
    return place;
}

#define tree_error(builder, place, ...)                                                            \
    diagnostics_error((builder)->diagnostics, (builder)->file, (place).line, (place).column,       \
                      __VA_ARGS__)

static bool syntax_error(struct builder *builder)
{
    const yaml_parser_t *parser = &builder->parser;
    struct config_place place = mark_place(parser->problem_mark);
    if (parser->error == YAML_MEMORY_ERROR)
        memory_exhausted(sizeof *parser);
    if (parser->error == YAML_READER_ERROR) {
        place = offset_place(builder->bytes, parser->problem_offset);
        return tree_error(builder, place, "%s: the file must be UTF-8 text", parser->problem);
    }
    if (strstr(parser->problem, "cannot start any token")) /* tabs, [::1]@53: what is met most */
        return tree_error(builder, place,
                          "syntax: %s: indent by spaces, quote texts with brackets or @",
                          parser->problem);
    if (!parser->context)
        return tree_error(builder, place, "syntax: %s", parser->problem);
    return tree_error(builder, place, "syntax: %s, %s that starts at line %zu, column %zu",
                      parser->problem, parser->context, parser->context_mark.line + 1,
                      parser->context_mark.column + 1);
}

/* ---- nodes ---- */

static bool next_event(struct builder *builder, yaml_event_t *event)
{
    return yaml_parser_parse(&builder->parser, event) ? true : syntax_error(builder);
}

/* C0, DEL and C1 (U+0080 to U+009F, in UTF-8 C2 80 to C2 9F): quoted texts can have them by
 * escapes, and what we quote in messages goes to terminals. */
static bool has_control(const char *text, size_t size)
{
    const unsigned char *octets = (const unsigned char *)text;
    for (size_t i = 0; i < size; i++)
        if (octets[i] < 0x20 || octets[i] == 0x7F ||
            (octets[i] == 0xC2 && i + 1 < size && octets[i + 1] < 0xA0))
            return true;
    return false;
}

static bool is_nothing(const yaml_event_t *event)
{
    static const char *const nothings[] = {"", "~", "null", "Null", "NULL"};
    const char *text = (const char *)event->data.scalar.value;
    if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    for (size_t i = 0; i < sizeof nothings / sizeof *nothings; i++)
        if (strcmp(text, nothings[i]) == 0)
            return true;
    return false;
}

static enum tree_kind text_kind(struct builder *builder, const yaml_event_t *event,
                                struct config_place place)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t size = event->data.scalar.length;
    if (size > TEXT_MAX_BYTES)
        tree_error(builder, place, "a text of %zu bytes: at most %d are allowed", size,
                   TEXT_MAX_BYTES);
    else if (has_control(text, size))
        tree_error(
            builder, place,
            "a text with line breaks, tabs or other control characters: write it on one line");
    else
        return is_nothing(event) ? TREE_NOTHING : TREE_TEXT;
    return TREE_BROKEN;
}

static void refuse_extras(struct builder *builder, struct config_place place, const void *anchor,
                          const void *tag)
{
    if (anchor)
        tree_error(builder, place, "anchors (&) are not supported: write the value out");
    if (tag)
        tree_error(builder, place, "tags (!) are not supported: write the value alone");
}

static struct tree_node *read_node(struct builder *builder, const yaml_event_t *event);

static void append(struct tree_node *parent, struct tree_node *child)
{
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
}

/* Keys are plain words here; anything else is reported and taken out, with its value. */
static bool key_is_usable(struct builder *builder, const struct tree_node *key)
{
    if (key->kind == TREE_BROKEN)
        return false;
    if (key->kind != TREE_TEXT)
        return tree_error(builder, key->place, "a key must be a single word");
    if (strcmp(key->text, "<<") == 0)
        return tree_error(builder, key->place,
                          "merge keys (<<) are not supported: write the options out");
    return true;
}

/* Everything up to the end event of a list or mapping. */
static bool read_children(struct builder *builder, struct tree_node *parent)
{
    yaml_event_t event;
    struct tree_node *key = NULL;
    for (;;) {
        if (!next_event(builder, &event))
            return false;
        bool end = event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT;
        struct tree_node *child = end ? NULL : read_node(builder, &event);
        yaml_event_delete(&event);
        if (!child)
            return end;
        if (parent->kind == TREE_LIST) {
            append(parent, child);
        } else if (!key) {
            key = child;
        } else {
            key->value = child;
            if (key_is_usable(builder, key))
                append(parent, key);
            key = NULL;
        }
    }
}

static bool read_collection(struct builder *builder, struct tree_node *node)
{
    if (builder->depth >= DEPTH_MAX)
        return tree_error(builder, node->place, "nested deeper than %d levels", DEPTH_MAX);
    builder->depth++;
    bool read = read_children(builder, node);
    builder->depth--;
    return read;
}

/* The node that begins with event; NULL when the file can't be read further. */
static struct tree_node *read_node(struct builder *builder, const yaml_event_t *event)
{
    struct tree_node *node = ARENA_NEW(builder->arena, struct tree_node);
    node->place = mark_place(event->start_mark);
    if (++builder->nodes > NODES_MAX) {
        tree_error(builder, node->place, "more than %d values", NODES_MAX);
        return NULL;
    }
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        refuse_extras(builder, node->place, event->data.scalar.anchor, event->data.scalar.tag);
        node->kind = text_kind(builder, event, node->place);
        if (node->kind == TREE_TEXT)
            node->text = arena_strdup(builder->arena, (const char *)event->data.scalar.value);
        return node;
    case YAML_SEQUENCE_START_EVENT:
        refuse_extras(builder, node->place, event->data.sequence_start.anchor,
                      event->data.sequence_start.tag);
        node->kind = TREE_LIST;
        return read_collection(builder, node) ? node : NULL;
    case YAML_MAPPING_START_EVENT:
        refuse_extras(builder, node->place, event->data.mapping_start.anchor,
                      event->data.mapping_start.tag);
        node->kind = TREE_MAPPING;
        return read_collection(builder, node) ? node : NULL;
    default: /* an alias: no other event can stand here */
        tree_error(builder, node->place,
                   "aliases (*) are not supported: write the value out "
                   "(or quote a text that begins with *)");
        node->kind = TREE_BROKEN;
        return node;
    }
}

/* ---- documents ---- */

/* The one document, to the end of the file; *root stays NULL where there is none. */
static bool read_document(struct builder *builder, struct tree_node **root)
{
    for (bool end = false; !end;) {
        yaml_event_t event;
        if (!next_event(builder, &event))
            return false;
        bool good = true;
        struct config_place place = mark_place(event.start_mark);
        switch (event.type) {
        case YAML_STREAM_END_EVENT:
            end = true;
            break;
        case YAML_DOCUMENT_START_EVENT:
            if (*root)
                good = tree_error(builder, place,
                                  "a second document: everything must be in the first");
            break;
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
            break;
        default:
            *root = read_node(builder, &event);
            good = *root != NULL;
        }
        yaml_event_delete(&event);
        if (!good)
            return false;
    }
    return true;
}

const struct tree_node *tree_read(struct arena *arena, const char *file,
                                  struct diagnostics *diagnostics)
{
    struct builder builder = {.arena = arena, .file = file, .diagnostics = diagnostics};
    struct tree_node *root = NULL;
    size_t size;
    builder.bytes = file_read(arena, file, &size, diagnostics);
    if (!builder.bytes)
        return NULL;
    if (!yaml_parser_initialize(&builder.parser))
        memory_exhausted(sizeof builder.parser);
    /* libyaml would count a byte order mark as a column, and find the second line indented less. */
    if (size >= 3 && memcmp(builder.bytes, "\xEF\xBB\xBF", 3) == 0) {
        builder.bytes += 3;
        size -= 3;
    }
    yaml_parser_set_encoding(&builder.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&builder.parser, (const unsigned char *)builder.bytes, size);
    bool read = read_document(&builder, &root);
    yaml_parser_delete(&builder.parser);
    if (read && !root) { /* nothing but comments */
        root = ARENA_NEW(arena, struct tree_node);
        root->place = (struct config_place){1, 1};
    }
    return read ? root : NULL;
}
