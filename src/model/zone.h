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
    struct model *model; /* its zones have room for every file */
    struct store *store; /* what is read goes there */
    struct diagnostics *diagnostics;
    struct master master;
    struct rrset **rrsets; /* of each record of master; NULL: it has no place in the zone */
    size_t rrsets_capacity;
    struct node **nodes; /* of the zone in the making */
    size_t nnodes, nodes_capacity;
    uint32_t nrrsets;
    uint32_t *index; /* of its names, as in struct content */
    uint32_t mask;
    bool *guessed;  /* by zone: no SOA could be read, the name is taken from elsewhere */
    bool ambiguous; /* two files hold one zone: an error of the configuration, not of a file */
};

void zone_reader_init(struct zone_reader *reader, struct model *model, size_t nzones,
                      struct diagnostics *diagnostics);
void zone_reader_free(struct zone_reader *reader);

/* Adds the file's zone to the model; as failed, and false, when the file is wrong. */
bool zone_read(struct zone_reader *reader, const char *file);

/* Tells what is wrong with the nodes of a zone (zone_check.c). */
void zone_check(const struct zone *zone, struct node *const *nodes, size_t nnodes,
                struct diagnostics *diagnostics);

#endif
