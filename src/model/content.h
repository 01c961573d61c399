/* SPDX-License-Identifier: BSD-2-Clause */
/* What was read from a zone's files, and the memory that it lies in. Immutable once it stands, and
 * shared by successive models. Private to the model.
 *
 * One load reads into one store, whatever it reads: an arena for each zone would cost as much again
 * as the zones. A store goes when the last model that has zones in it goes. */
#ifndef EVERMX_MODEL_CONTENT_H
#define EVERMX_MODEL_CONTENT_H

#include "base/arena.h"
#include "model/master.h"
#include "model/model.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct store {
    _Atomic uint32_t references; /* models, which any thread may free */
    struct arena *arena;         /* grows during its load only */
};

/* An RRset that names hosts: NS, MX or SRV. */
struct link {
    const struct node *node;
    const struct rrset *rrset;
};

struct content {
    struct store *store;
    size_t bytes;                    /* of the store */
    const struct master_file *files; /* read for it, the zone's own first */
    size_t nfiles;
    size_t longest_prefix; /* of a template: octets before the marker, in owners and in rdata */
    const uint8_t *apex;
    const char *name;
    struct node **nodes;
    size_t nnodes;
    size_t nrrsets;
    struct link *links; /* all of them that no DNAME hides, in the order of the nodes */
    size_t nlinks;
    uint32_t *index; /* numbers of nodes plus 1, by name_hash(); 0: free */
    uint32_t mask;   /* slots of the index, less 1 */
    uint32_t serial;
    uint32_t negative_ttl_s;
};

struct store *store_new(void); /* with one reference */
void store_share(struct store *store);
void store_release(struct store *store);

uint32_t name_hash(const uint8_t *lower, size_t size);

/* The number of the node of that name; MODEL_NONE: none. */
uint32_t index_find(const uint32_t *index, uint32_t mask, struct node *const *nodes,
                    const uint8_t *lower, size_t size);
void index_put(uint32_t *index, uint32_t mask, const uint8_t *lower, size_t size, uint32_t number);

#endif
