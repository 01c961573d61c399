/* SPDX-License-Identifier: BSD-2-Clause */
/* The catalog: all zones of a model compiled for looking up names: each name has its record types,
 * and each type an image of its own or the number of a pool. Health changes nothing in it.
 * Immutable, read by responders without locks; its insides are open to them, as each query passes
 * here. */
#ifndef EVERMX_ANSWER_CATALOG_H
#define EVERMX_ANSWER_CATALOG_H

#include "answer/image.h"
#include "model/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A place in the catalog's nodes or images, in units of 8 octets; 0: none. */
typedef uint32_t catalog_ref;

struct catalog_entry {
    uint16_t rrtype;
    uint16_t steered; /* 1: ref is a pool's number; 0: an image of the catalog's */
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
    uint32_t zone;
    catalog_ref cut;      /* the delegation point that it is or stands below */
    catalog_ref dname;    /* the ancestor whose DNAME redirects it */
    catalog_ref wildcard; /* its child "*" */
    catalog_ref
        parent_side;  /* an apex: the same name in the zone above, if that is ours too (for DS) */
    catalog_ref glue; /* a cut: addresses of its name servers, with full owner names */
    uint8_t flags;
    uint8_t name_size;
    uint16_t nentries;
    struct catalog_entry entries[]; /* followed by the name, lower case */
};

struct catalog_zone {
    catalog_ref apex;
    catalog_ref soa;   /* image of the SOA for negative answers, with their TTL (RFC 2308) */
    uint8_t apex_size; /* octets of its name */
};

struct catalog_slot {
    uint32_t hash;
    catalog_ref node;
};

struct catalog {
    struct catalog_slot *slots;
    uint32_t mask;
    uint8_t *nodes;  /* struct catalog_node, one behind the other */
    uint8_t *images; /* struct image */
    struct catalog_zone *zones;
    size_t nzones;
};

struct catalog *catalog_new(const struct model *model);
void catalog_free(struct catalog *catalog);

/* The node of a name in wire format and lower case, in the deepest zone that holds it; NULL if
 * none. */
const struct catalog_node *catalog_find(const struct catalog *catalog, const uint8_t *name,
                                        size_t size);

static inline const struct catalog_node *catalog_node_at(const struct catalog *catalog,
                                                         catalog_ref ref)
{
    return (const struct catalog_node *)(catalog->nodes + (size_t)ref * 8);
}

static inline const struct image *catalog_image_at(const struct catalog *catalog, catalog_ref ref)
{
    return (const struct image *)(catalog->images + (size_t)ref * 8);
}

static inline const uint8_t *catalog_node_name(const struct catalog_node *node)
{
    return (const uint8_t *)(node->entries + node->nentries);
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
