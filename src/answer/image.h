/* SPDX-License-Identifier: BSD-2-Clause */
/* Images: the finished wire bytes of an RRset, ready to be copied behind a question. Every record's
 * owner is the compression pointer C0 0C (the name asked for), names in rdata are uncompressed, so
 * that one image answers for every owner. An image has one or more variants: for each answer one is
 * picked at random, which is how weights and rotation reach the answers. Names that are relative to
 * a template end in its marker: splices tell where the name of the domain goes in its place.
 * Immutable. */
#ifndef EVERMX_ANSWER_IMAGE_H
#define EVERMX_ANSWER_IMAGE_H

#include "answer/select.h"
#include "model/model.h"
#include "model/template.h"

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
    bool servfail;    /* answer SERVFAIL; no variants */
    bool fail_open;   /* nothing is up: what is answered is known to be down */
    uint32_t splices; /* offset of the splices, from the image's start; 0: there are none */
    struct image_variant variants[];
};

/* The largest number of variants: enough for 10 hosts whose weights differ by a factor of 50. */
enum { IMAGE_VARIANTS_MAX = 512 };

/* Where markers stand in the bytes of an image, in rising order. */
enum { IMAGE_SPLICE_SIZE = TEMPLATE_APEX_SIZE };
struct image_splices {
    uint32_t count;
    uint32_t offsets[]; /* from the image's start */
};

/* An RRset as it stands in the zone. Freed by free(). */
struct image *image_of_rrset(const struct rrset *rrset, uint32_t ttl_s);

/* RRsets behind each other, each with its owner in full (for glue). Freed by free(). */
struct owned_rrset {
    const uint8_t *owner; /* wire format */
    const struct rrset *rrset;
};
struct image *image_of_owned(const struct owned_rrset *rrsets, size_t count);

/* A steered RRset for a selection. Freed by free(). */
struct image *image_of_pool(const struct pool *pool, const struct selection *selection);

static inline const uint8_t *image_bytes(const struct image *image,
                                         const struct image_variant *variant)
{
    return (const uint8_t *)image + variant->offset;
}

/* NULL: there are none. */
static inline const struct image_splices *image_splices(const struct image *image)
{
    return image->splices ? (const struct image_splices *)((const uint8_t *)image + image->splices)
                          : NULL;
}

#endif
