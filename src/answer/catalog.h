/* SPDX-License-Identifier: BSD-2-Clause */
/* The catalog: all zones of a model compiled for looking up names: each name has its record types,
 * and each type an image of its own or a place in the list of pools. A template is compiled once,
 * under relative names; each of its domains is one entry that points to it. Health changes nothing
 * in a catalog. Immutable, read by responders without locks; its insides are open to them, as each
 * query passes here. */
#ifndef EVERMX_ANSWER_CATALOG_H
#define EVERMX_ANSWER_CATALOG_H

#include "answer/heap.h"
#include "answer/image.h"
#include "answer/names.h"
#include "model/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A place in the catalog's nodes or images, in units of 8 octets; 0: none. */
typedef uint32_t catalog_ref;

struct catalog_entry {
    uint16_t rrtype;
    uint16_t steered; /* 1: ref is a place in catalog->pools; 0: an image of the catalog's */
    uint32_t ref;
};

enum catalog_node_flag {
    NODE_APEX = 1,
    NODE_FAILED = 2,   /* the apex of a zone whose file is bad: SERVFAIL for all below it */
    NODE_CUT = 4,      /* a delegation point */
    NODE_DNAME = 8,    /* has a DNAME itself: what stands below is redirected */
    NODE_INDIRECT = 16 /* not answered by its entries alone: see cut and dname */
};

struct catalog_node {
    catalog_ref zone;     /* struct catalog_zone */
    catalog_ref cut;      /* the delegation point that it is or stands below */
    catalog_ref dname;    /* the ancestor whose DNAME redirects it */
    catalog_ref wildcard; /* its child "*" */
    catalog_ref glue;     /* a cut: addresses of its name servers, with full owner names */
    uint8_t flags;
    uint8_t name_size;
    uint16_t nentries;
    struct catalog_entry entries[]; /* followed by the name, lower case; in a template relative,
                                       closed by the root's octet like any other */
};

struct catalog_zone {
    catalog_ref soa;   /* image of the SOA for negative answers, with their TTL (RFC 2308) */
    uint8_t apex_size; /* octets of its name; 1 in a template */
};

struct catalog_template {
    struct name_index names; /* relative */
    catalog_ref apex;
    uint32_t place;          /* of its first domain, where those of all templates are in a row */
    struct domains *domains; /* a reference; the models have theirs */
    const uint8_t *first;    /* the first of the domains' names */
};

/* What the next catalog needs to know of each zone of the model. */
struct catalog_part {
    catalog_ref zone;
    uint32_t first_pool, npools; /* its places in catalog->pools */
};

struct catalog {
    struct name_index names; /* of nodes, and of domains (CATALOG_DOMAIN is set) */
    struct name_index sides; /* nodes that stand under the name of a lower zone's apex (for DS) */
    struct heap nodes, images;
    uint32_t *pools; /* of steered RRsets: the numbers of their pools */
    size_t npools;
    struct catalog_template *templates;
    size_t ntemplates;
    struct catalog_part *parts; /* by the model's number of the zone */
    size_t nparts;
    size_t garbage; /* octets and pools that were another catalog's and mean nothing here */
};

enum { CATALOG_UNIT = HEAP_UNIT };
#define CATALOG_DOMAIN HEAP_REFS /* the other bits are the domain's place */

struct catalog *catalog_new(const struct model *model);

/* The same from the catalog of another model, most of whose zones stand unchanged in this one:
 * costs a copy, and work for each zone that differs. Both models must be alive. */
struct catalog *catalog_next(const struct catalog *before, const struct model *model_before,
                             const struct model *model);
void catalog_free(struct catalog *catalog);
size_t catalog_bytes(const struct catalog *catalog);

/* ---- looking up: names in wire format and lower case ---- */

struct catalog_place {
    const struct catalog_node *node;
    size_t extra; /* octets that names of the node's zone lack: those of the domain without the
                     root's, in a template */
};

/* The node of a name, whose name_index_hash() is given, in the deepest zone that holds it. False:
 * there is none. */
bool catalog_find(const struct catalog *catalog, uint32_t hash, const uint8_t *name, size_t size,
                  struct catalog_place *place);

/* The node of a name, or its closest encloser (RFC 4592 section 3.3.1). False: the name is not in
 * our zones. */
bool catalog_find_encloser(const struct catalog *catalog, const uint8_t *name, size_t size,
                           struct catalog_place *place, bool *exact);

/* For an apex: what the zone above says of its name, which is where a DS stands (RFC 4035 section
 * 3.1.4.1). False: the zone above is not ours. */
bool catalog_find_above(const struct catalog *catalog, const uint8_t *name, size_t size,
                        struct catalog_place *place, bool *exact);

static inline const struct catalog_node *catalog_node_at(const struct catalog *catalog,
                                                         catalog_ref ref)
{
    return (const struct catalog_node *)(catalog->nodes.bytes + (size_t)ref * CATALOG_UNIT);
}

static inline const struct catalog_zone *catalog_zone_at(const struct catalog *catalog,
                                                         catalog_ref ref)
{
    return (const struct catalog_zone *)(catalog->nodes.bytes + (size_t)ref * CATALOG_UNIT);
}

static inline const struct image *catalog_image_at(const struct catalog *catalog, catalog_ref ref)
{
    return (const struct image *)(catalog->images.bytes + (size_t)ref * CATALOG_UNIT);
}

/* The template that a domain is of: the last that does not begin behind its place. */
static inline const struct catalog_template *catalog_template_of(const struct catalog *catalog,
                                                                 uint32_t ref)
{
    const struct catalog_template *template = catalog->templates;
    for (size_t left = catalog->ntemplates, half; (half = left / 2) > 0; left -= half)
        template += template[half].place <= (ref & ~CATALOG_DOMAIN) ? half : 0;
    return template;
}

static inline const uint8_t *catalog_domain_name(const struct catalog_template *template,
                                                 uint32_t ref)
{
    return template->first + ((ref & ~CATALOG_DOMAIN) - template->place);
}

static inline const uint8_t *catalog_node_name(const struct catalog_node *node)
{
    return (const uint8_t *)(node->entries + node->nentries);
}

/* Many names are looked up at once by fetching what the search will touch before it touches it: the
 * slots of all, then what these lead to. It pays where the catalog is larger than the caches. */
enum { CATALOG_LARGE_FROM = 1 << 14 /* slots */ };

static inline bool catalog_is_large(const struct catalog *catalog)
{
    return catalog->names.mask >= CATALOG_LARGE_FROM;
}

static inline void catalog_fetch_slot(const struct catalog *catalog, uint32_t hash)
{
    __builtin_prefetch(name_index_first(&catalog->names, hash));
}

static inline void catalog_fetch_node(const struct catalog *catalog, uint32_t hash)
{
    uint32_t ref = name_index_first(&catalog->names, hash)->ref;
    const uint8_t *at = ref & CATALOG_DOMAIN
                            ? catalog_domain_name(catalog_template_of(catalog, ref), ref)
                            : (const uint8_t *)catalog_node_at(catalog, ref);
    __builtin_prefetch(at);
    __builtin_prefetch(at + 64);
}

/* NULL where the node has no records of the type. */
static inline const struct catalog_entry *catalog_entry_of(const struct catalog_node *node,
                                                           uint16_t rrtype)
{
    for (unsigned i = 0; i < node->nentries; i++)
        if (node->entries[i].rrtype == rrtype)
            return &node->entries[i];
    return NULL;
}

#endif
