/* SPDX-License-Identifier: BSD-2-Clause */
/* Looking up names; compile.c makes catalogs. */
#include "answer/catalog.h"

#include "model/domains.h"
#include "wire/name.h"

#include <stdlib.h>
#include <string.h>

void catalog_free(struct catalog *catalog)
{
    if (!catalog)
        return;
    name_index_free(&catalog->names);
    name_index_free(&catalog->sides);
    for (size_t i = 0; i < catalog->ntemplates; i++) {
        name_index_free(&catalog->templates[i].names);
        domains_release(catalog->templates[i].domains);
    }
    free(catalog->templates);
    free(catalog->nodes.bytes);
    free(catalog->images.bytes);
    free(catalog->pools);
    free(catalog->parts);
    free(catalog);
}

size_t catalog_bytes(const struct catalog *catalog)
{
    size_t bytes = sizeof *catalog + name_index_bytes(&catalog->names) +
                   name_index_bytes(&catalog->sides) + catalog->nodes.capacity +
                   catalog->images.capacity + catalog->npools * sizeof *catalog->pools +
                   catalog->nparts * sizeof *catalog->parts;
    for (size_t i = 0; i < catalog->ntemplates; i++)
        bytes += sizeof *catalog->templates + name_index_bytes(&catalog->templates[i].names);
    return bytes;
}

/* What has a name. */
struct found {
    catalog_ref node;                        /* of a domain, the apex of its template; 0: none */
    const struct catalog_template *template; /* NULL: no domain */
};

static bool is_node_named(const struct catalog_node *node, const uint8_t *name, size_t size)
{
    return node->name_size == size && memcmp(catalog_node_name(node), name, size) == 0;
}

static struct found search_hash(const struct catalog *catalog, const struct name_index *index,
                                uint32_t hash, const uint8_t *name, size_t size)
{
    const struct name_slot *slot = name_index_first(index, hash);
    for (; slot->ref; slot = name_index_next(index, slot)) {
        if (slot->hash != hash)
            continue;
        if (!(slot->ref & CATALOG_DOMAIN)) {
            if (is_node_named(catalog_node_at(catalog, slot->ref), name, size))
                return (struct found){slot->ref, NULL};
            continue;
        }
        /* No name is the beginning of another: see domains_next(). */
        const struct catalog_template *template = catalog_template_of(catalog, slot->ref);
        if (memcmp(catalog_domain_name(template, slot->ref), name, size) == 0)
            return (struct found){template->apex, template};
    }
    return (struct found){0, NULL};
}

static struct found search(const struct catalog *catalog, const struct name_index *index,
                           const uint8_t *name, size_t size)
{
    return search_hash(catalog, index, name_index_hash(name, size), name, size);
}

/* The size is the name's. */
static void set_place(const struct catalog *catalog, struct found found, size_t size,
                      struct catalog_place *place)
{
    place->extra = found.template ? size - 1 : 0;
    place->node = catalog_node_at(catalog, found.node);
}

bool catalog_find(const struct catalog *catalog, uint32_t hash, const uint8_t *name, size_t size,
                  struct catalog_place *place)
{
    struct found found = search_hash(catalog, &catalog->names, hash, name, size);
    if (found.node)
        set_place(catalog, found, size, place);
    return found.node;
}

/* Below a domain, behind the first `rest` octets of the name: the node of these in the template, or
 * the closest encloser there, which is at last the template's apex. */
static void find_in_template(const struct catalog *catalog, const struct catalog_template *template,
                             const uint8_t *name, size_t rest, struct catalog_place *place,
                             bool *exact)
{
    uint8_t relative[NAME_MAX_SIZE];
    memcpy(relative, name, rest);
    relative[rest++] = 0;
    const uint8_t *at = relative;
    for (; rest > 1; rest -= (size_t)*at + 1, at += (size_t)*at + 1) {
        struct found found = search(catalog, &template->names, at, rest);
        if (!found.node)
            continue;
        place->node = catalog_node_at(catalog, found.node);
        *exact = at == relative;
        return;
    }
    place->node = catalog_node_at(catalog, template->apex);
    *exact = at == relative;
}

bool catalog_find_encloser(const struct catalog *catalog, const uint8_t *name, size_t size,
                           struct catalog_place *place, bool *exact)
{
    const uint8_t *at = name;
    for (size_t rest = size;; rest -= (size_t)*at + 1, at += (size_t)*at + 1) {
        struct found found = search(catalog, &catalog->names, at, rest);
        if (found.node) {
            set_place(catalog, found, rest, place);
            *exact = at == name;
            if (found.template && at != name)
                find_in_template(catalog, found.template, name, size - rest, place, exact);
            return true;
        }
        if (rest == 1)
            return false;
    }
}

bool catalog_find_above(const struct catalog *catalog, const uint8_t *name, size_t size,
                        struct catalog_place *place, bool *exact)
{
    struct found side = search(catalog, &catalog->sides, name, size);
    if (side.node) {
        set_place(catalog, side, size, place);
        *exact = true;
        return true;
    }
    size_t label = (size_t)*name + 1;
    if (size == 1 || !catalog_find_encloser(catalog, name + label, size - label, place, exact))
        return false;
    *exact = false;
    if (place->extra) { /* a template may hold the name itself */
        size_t rest = size - 1 - place->extra;
        struct found domain = search(catalog, &catalog->names, name + rest, place->extra + 1);
        find_in_template(catalog, domain.template, name, rest, place, exact);
    }
    return true;
}
