/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the configuration's `server` and `zones`. */
#include "config/schema.h"

#include <string.h>

enum { DNS_PORT = 53 };

void server_read(struct reader *reader, const struct tree_node *node, void *config)
{
    options_read(reader, &section_server, node, config);
}

static void listen_add(struct reader *reader, struct table *seen, const struct tree_node *node)
{
    struct address address;
    uint16_t port;
    uint32_t line;
    char text[ADDRESS_TEXT_SIZE];
    if (!tree_expect(reader, node, TREE_TEXT, "an address of 'listen'"))
        return;
    if (!endpoint_parse(node->text, DNS_PORT, &address, &port)) {
        report(reader, node->place,
               "'listen': '%.100s' is no address and port: like 127.0.0.1@53 or \"[::1]@53\"",
               node->text);
        return;
    }
    endpoint_format(&address, port, text);
    if (key_is_new(reader->scratch, seen, text, strlen(text), node->place, &line))
        config_add_listen(reader->config, &address, port);
    else
        report(reader, node->place, "'listen': %s is given twice, first in line %u", text, line);
}

void listen_read(struct reader *reader, const struct tree_node *node, void *config)
{
    (void)config;
    struct table *seen = table_new(0);
    for (const struct tree_node *item = node->first; item; item = item->next)
        listen_add(reader, seen, item);
    table_free(seen);
}

/* Copies a path without what means nothing in it ("//", "./"); returns the end, behind a NUL. */
static char *path_write(const char *path, char *out)
{
    const char *begin = path;
    while (*path) {
        bool new = path == begin || path[-1] == '/';
        if (path[0] == '/' && path[1] == '/')
            path++;
        else if (new &&path[0] == '.' && path[1] == '/')
            for (path += 2; *path == '/';)
                path++;
        else
            *out++ = *path++;
    }
    *out++ = '\0';
    return out;
}

/* The same file by another path is seen here where the text tells; else the model finds the same
 * zone twice. A template may serve several lists of names. */
static bool zone_is_new(struct reader *reader, struct table *seen, const struct config_zone *zone,
                        uint32_t *line)
{
    const char *names = zone->names ? zone->names : "";
    char *key = arena_alloc(reader->scratch, strlen(zone->file) + strlen(names) + 2);
    size_t size = (size_t)(path_write(names, path_write(zone->file, key)) - key);
    return key_is_new(reader->scratch, seen, key, size, zone->place, line);
}

static void zone_read(struct reader *reader, struct table *seen, const struct tree_node *node)
{
    struct config *config = reader->config;
    struct config_zone zone = {.place = node->place};
    struct error error;
    uint32_t line;
    if (node->kind == TREE_MAPPING)
        options_read(reader, &section_zone, node, &zone);
    else if (tree_expect(reader, node, TREE_TEXT, "a zone") &&
             !option_parse(section_zone.rows, path_resolve(reader, node->text), &zone, &error))
        report(reader, node->place, "a zone's file: %s", error.text);
    if (!zone.file)
        return;
    if (!zone_is_new(reader, seen, &zone, &line)) {
        report(reader, node->place, "zone file '%s' is given twice, first in line %u", zone.file,
               line);
        return;
    }
    config->zones = array_grow(config->arena, config->zones, config->nzones, sizeof *config->zones);
    config->zones[config->nzones++] = zone;
}

void zones_read(struct reader *reader, const struct tree_node *node, void *config)
{
    (void)config;
    struct table *seen = table_new(0);
    for (const struct tree_node *item = node->first; item; item = item->next)
        zone_read(reader, seen, item);
    table_free(seen);
}
