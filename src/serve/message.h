/* SPDX-License-Identifier: BSD-2-Clause */
/* An answer in the making: shared by the short way (respond.c) and the long way (resolve.c) through
 * a query. Private to this layer. */
#ifndef EVERMX_SERVE_MESSAGE_H
#define EVERMX_SERVE_MESSAGE_H

#include "answer/snapshot.h"
#include "wire/message.h"
#include "wire/query.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message {
    const struct snapshot *snapshot;
    const struct query *query;
    uint64_t *random;
    struct writer writer; /* behind header and question; its end leaves room for OPT */
    uint16_t answers, authorities, additionals;
    enum rcode rcode;
    bool authoritative;
    bool fail_open; /* hosts are answered that are known to be down, as none is up */
};

/* One of the image's variants, at random where there are several. */
static inline const struct image_variant *image_pick(const struct image *image, uint64_t *random)
{
    if (image->nvariants == 1)
        return image->variants;
    /* A linear congruential generator (Knuth's MMIX): its upper half is random enough to spread
     * load. */
    *random = *random * 6364136223846793005ull + 1442695040888963407ull;
    return &image->variants[(*random >> 32) * image->nvariants >> 32];
}

static inline const struct image *entry_image(const struct snapshot *snapshot,
                                              const struct catalog_entry *entry)
{
    const struct catalog *catalog = snapshot->catalog;
    return entry->steered ? snapshot->images[catalog->pools[entry->ref]]
                          : catalog_image_at(catalog, entry->ref);
}

/* Fills the sections for a question of class IN in full: RFC 1034 section 4.3.2 with RFC 4592 and
 * RFC 6672. What does not fit shows in writer.full. */
void message_resolve(struct message *message);

#endif
