/* SPDX-License-Identifier: BSD-2-Clause */
/* An image in the making: variants are appended to one growing buffer. Of the answer layer's own
 * use. */
#ifndef EVERMX_ANSWER_BUILDER_H
#define EVERMX_ANSWER_BUILDER_H

#include "answer/image.h"

#include <stddef.h>
#include <stdint.h>

/* All zero at first. */
struct builder {
    struct image_variant *variants;
    size_t nvariants, variants_capacity;
    uint8_t *bytes;
    size_t used, capacity;
    uint32_t *splices; /* offsets in bytes */
    size_t nsplices, splices_capacity;
};

/* A new variant. */
void builder_begin(struct builder *builder);

/* Appends a record to the variant begun last, owned by the name asked for. Returns its rdata, which
 * the caller may change until more is appended. */
uint8_t *builder_add(struct builder *builder, uint16_t rrtype, uint32_t ttl_s,
                     const struct rdata *record);

/* Head, variants, splices, bytes. The builder is empty and freed then. */
struct image *builder_end(struct builder *builder);

#endif
