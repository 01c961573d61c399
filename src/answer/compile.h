/* SPDX-License-Identifier: BSD-2-Clause */
/* Making catalogs, as far as that of all zones anew (compile.c) and that from the one before
 * (renew.c) do the same. Private to the catalog. One thread. */
#ifndef EVERMX_ANSWER_COMPILE_H
#define EVERMX_ANSWER_COMPILE_H

#include "answer/catalog.h"
#include "base/table.h"

struct catalog_build {
    struct catalog *catalog;
    const struct model *model;
    bool any_below;       /* zones of ours may stand below others: names have to be looked at */
    struct table *shared; /* images' bytes -> ref: equal RRsets (the NS of 20,000 zones) stand once
                           */
    struct image **kept;  /* the shared table's keys: images as they were made */
    size_t nkept, kept_capacity;
    uint32_t *ranks; /* by number of an RRset of the zone in work: its place among those steered */
    size_t ranks_capacity;
};

/* Whether a zone of ours, or a template's, may stand below another. */
bool compile_has_zones_below(const struct model *model);

/* The templates' domains, and their indexes, still empty. */
void compile_templates(struct catalog_build *build);

/* Adds a zone to the catalog, and tells its part. */
void compile_zone(struct catalog_build *build, const struct zone *zone);

/* Writes the numbers of a zone's pools into its part's places. */
void compile_pools(struct catalog *catalog, const struct zone *zone,
                   const struct catalog_part *part);

/* What remains when all zones are in; frees what only the making needed. */
void compile_end(struct catalog_build *build);

/* The slot of a name's node, the name as it stands in the catalog; a free one: it is not there. */
struct name_slot *compile_find(const struct catalog *catalog, const struct name_index *index,
                               const uint8_t *name, size_t size);

#endif
