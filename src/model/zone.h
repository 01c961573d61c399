/* SPDX-License-Identifier: BSD-2-Clause */
/* Zones from the records of master files: the tree of names, RRsets, and what contradicts within
 * one zone. Belongs to the thread that builds the model. */
#ifndef EVERMX_MODEL_ZONE_H
#define EVERMX_MODEL_ZONE_H

#include "base/diagnostics.h"
#include "model/master.h"
#include "model/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is needed while zones are read, one after the other. */
struct zone_reader {
    struct model *model;      /* its zones have room for every file */
    const struct model *kept; /* what zones whose files are bad go on with; NULL: nothing */
    struct store *store;      /* what is read goes there */
    struct diagnostics *diagnostics;
    struct master master;
    struct rrset **rrsets; /* of each record of master; NULL: it has no place in the zone */
    size_t rrsets_capacity;
    struct node **nodes; /* of the zone in the making */
    size_t nnodes, nodes_capacity;
    uint32_t nrrsets;
    struct rdata *room; /* for the records of the zone in the making */
    size_t room_capacity;
    struct rdata_sets *sets;
    uint32_t *index; /* of its names, as in struct content */
    uint32_t mask;
    struct table *templates; /* their texts, of this model and the one before */
    bool *loose;    /* by zone: the file is bad; another that holds the zone may take its place */
    bool ambiguous; /* two files hold one zone: an error of the configuration, not of a file */
};

void zone_reader_init(struct zone_reader *reader, struct model *model, size_t nzones,
                      const struct model *previous, bool strict, struct diagnostics *diagnostics);
void zone_reader_free(struct zone_reader *reader);

/* What is to become a zone of the model. */
struct zone_source {
    const char *file, *names;      /* names: NULL: no template */
    uint32_t number;               /* of the template */
    const struct zone *before;     /* made of the same files in the model before; NULL: none */
    const struct content *content; /* of it, if it still holds; NULL: to be read */
};

/* Adds the zone to the model. False when its file is wrong: then as stale or, where it was not
 * served before or the reading is strict, as failed. */
bool zone_read(struct zone_reader *reader, const struct zone_source *source);

/* Gives the zone its contents; NULL: none, it has failed. */
void zone_take(struct zone *zone, const struct content *content);

/* Makes the reader's nodes and RRsets of the records that its master has read (zone_tree.c). */
void zone_fill(struct zone_reader *reader, const struct zone *zone, const struct record *soa);

/* Tells what is wrong with the nodes of a zone (zone_check.c). */
void zone_check(const struct zone *zone, struct node *const *nodes, size_t nnodes,
                struct diagnostics *diagnostics);

/* And what a template must not hold. Returns the longest prefix before the marker, in octets. */
size_t template_check(const struct zone *zone, struct node *const *nodes, size_t nnodes,
                      struct diagnostics *diagnostics);

#endif
