/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding names in the zones, for the model's own files; what others may use is in model.h. */
#ifndef EVERMX_MODEL_LOOKUP_H
#define EVERMX_MODEL_LOOKUP_H

#include "model/model.h"
#include "wire/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The node of that name, or the nearest ancestor that there is (RFC 4592 section 3.3.1). NULL in a
 * failed zone. */
const struct node *zone_encloser(const struct zone *zone, const uint8_t *name, bool *exact);

/* A name that the zone holds, which in a template ends in the marker, as it is for who asked for
 * name: in name's domain. Returns the size; 0: it is too long. result may be name. */
size_t zone_target(const struct zone *zone, const uint8_t *name, const uint8_t *target,
                   uint8_t result[NAME_MAX_SIZE]);

/* What the owner's DNAME makes of a name below it (RFC 6672 section 2.2). Returns as above. */
size_t zone_substitute(const struct zone *zone, const struct node *owner, const uint8_t *name,
                       uint8_t result[NAME_MAX_SIZE]);

/* Where the addresses of a name are. */
enum resolution {
    RESOLVED_HERE,     /* at *node, whose RRsets may lack addresses */
    RESOLVED_NOWHERE,  /* there is no such name in our zones, or its CNAMEs go in circles */
    RESOLVED_FAILED,   /* in a zone of ours that could not be read */
    RESOLVED_EXTERNAL, /* not in our zones, or at or below a delegation */
};

/* Follows CNAME, DNAME and wildcards through all zones. *alias (may be NULL): name itself is a
 * CNAME. */
enum resolution model_resolve(const struct model *model, const uint8_t *name,
                              const struct node **node, bool *alias);

static inline bool node_is_authoritative(const struct node *node)
{
    return node->cut == NULL && node->dname == NULL;
}

#endif
