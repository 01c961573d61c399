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

static bool is_named(const struct catalog *catalog, uint32_t ref, const uint8_t *name, size_t size)
{
    if (ref & CATALOG_DOMAIN) /* no name is the beginning of another: see domains_next() */
        return memcmp(catalog_domain_name(catalog, ref), name, size) == 0;
    const struct catalog_node *node = catalog_node_at(catalog, ref);
    return node->name_size == size && memcmp(catalog_node_name(node), name, size) == 0;
}

/* 0: none. */
static uint32_t search_hash(const struct catalog *catalog, const struct name_index *index,
                            uint32_t hash, const uint8_t *name, size_t size)
{
    const struct name_slot *slot = name_index_first(index, hash);
    while (slot->ref && (slot->hash != hash || !is_named(catalog, slot->ref, name, size)))
        slot = name_index_next(index, slot);
    return slot->ref;
}

static uint32_t search(const struct catalog *catalog, const struct name_index *index,
                       const uint8_t *name, size_t size)
{
    return search_hash(catalog, index, name_index_hash(name, size), name, size);
}

/* The size is the name's that the ref was found by. */
static void set_place(const struct catalog *catalog, uint32_t ref, size_t size,
                      struct catalog_place *place)
{
    place->extra = 0;
    if (ref & CATALOG_DOMAIN) {
        ref = catalog_template_of(catalog, ref)->apex;
        place->extra = size - 1;
    }
    place->node = catalog_node_at(catalog, ref);
}

bool catalog_find(const struct catalog *catalog, uint32_t hash, const uint8_t *name, size_t size,
                  struct catalog_place *place)
{
    uint32_t ref = search_hash(catalog, &catalog->names, hash, name, size);
    if (ref)
        set_place(catalog, ref, size, place);
    return ref;
}

/* Below a domain, behind the first `rest` octets of the name: the node of these in the template, or
 * the closest encloser there, which is at last the template's apex. */
static void find_in_template(const struct catalog *catalog, uint32_t domain, const uint8_t *name,
                             size_t rest, struct catalog_place *place, bool *exact)
{
    const struct catalog_template *template = catalog_template_of(catalog, domain);
    uint8_t relative[NAME_MAX_SIZE];
    memcpy(relative, name, rest);
    relative[rest++] = 0;
    const uint8_t *at = relative;
    for (; rest > 1; rest -= (size_t)*at + 1, at += (size_t)*at + 1) {
        uint32_t ref = search(catalog, &template->names, at, rest);
        if (!ref)
            continue;
        place->node = catalog_node_at(catalog, ref);
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
        uint32_t ref = search(catalog, &catalog->names, at, rest);
        if (ref & CATALOG_DOMAIN && at != name) {
            place->extra = rest - 1;
            find_in_template(catalog, ref, name, size - rest, place, exact);
            return true;
        }
        if (ref) {
            set_place(catalog, ref, rest, place);
            *exact = at == name;
            return true;
        }
        if (rest == 1)
            return false;
    }
}

bool catalog_find_above(const struct catalog *catalog, const uint8_t *name, size_t size,
                        struct catalog_place *place, bool *exact)
{
    uint32_t side = search(catalog, &catalog->sides, name, size);
    if (side) {
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
        uint32_t domain = search(catalog, &catalog->names, name + rest, place->extra + 1);
        find_in_template(catalog, domain, name, rest, place, exact);
    }
    return true;
}
