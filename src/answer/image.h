/* SPDX-License-Identifier: BSD-2-Clause */
/* Images: the finished wire bytes of an RRset, ready to be copied behind a question. Every record's
 * owner is the compression pointer C0 0C (the name asked for), names in rdata are uncompressed, so
 * that one image answers for every owner. An image has one or more variants: for each answer one is
 * picked at random, which is how weights and rotation reach the answers. Immutable. */
#ifndef EVERMX_ANSWER_IMAGE_H
#define EVERMX_ANSWER_IMAGE_H

#include "answer/select.h"
#include "model/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image_variant {
    uint32_t offset; /* from the image's start */
    uint32_t size;   /* octets; may exceed what a message holds */
    uint32_t count;  /* records */
};

struct image {
    uint32_t size; /* of all of it */
    uint16_t nvariants;
    bool servfail;  /* answer SERVFAIL; no variants */
    bool fail_open; /* all that it answers is known to be down */
    struct image_variant variants[];
};

/* The largest number of variants: enough for 10 hosts whose weights differ by a factor of 50. */
enum { IMAGE_VARIANTS_MAX = 512 };

/* An RRset as it stands in the zone. Freed by free(). */
struct image *image_of_rrset(const struct rrset *rrset, uint32_t ttl_s);

/* A steered RRset for a selection. Freed by free(). */
struct image *image_of_pool(const struct pool *pool, const struct selection *selection);

static inline const uint8_t *image_bytes(const struct image *image,
                                         const struct image_variant *variant)
{
    return (const uint8_t *)image + variant->offset;
}

#endif
