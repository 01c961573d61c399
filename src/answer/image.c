/* SPDX-License-Identifier: BSD-2-Clause */
/* Octets of images, and the images of what is answered as it stands. */
#include "answer/image.h"

#include "answer/builder.h"
#include "base/memory.h"
#include "model/rdata.h"
#include "wire/message.h"
#include "wire/name.h"
#include "wire/rrtype.h"

#include <stdlib.h>
#include <string.h>

void builder_begin(struct builder *builder)
{
    builder->variants = memory_grow(builder->variants, builder->nvariants,
                                    &builder->variants_capacity, sizeof *builder->variants);
    builder->variants[builder->nvariants++] =
        (struct image_variant){.offset = (uint32_t)builder->used};
}

/* A name stands at an offset of the bytes: if it ends in a template's marker, that is noted. */
static void note_name(struct builder *builder, size_t offset)
{
    size_t prefix;
    if (!name_is_in_template(builder->bytes + offset, &prefix))
        return;
    builder->splices = memory_grow(builder->splices, builder->nsplices, &builder->splices_capacity,
                                   sizeof *builder->splices);
    builder->splices[builder->nsplices++] = (uint32_t)(offset + prefix);
}

static void note_names(struct builder *builder, uint16_t rrtype, const struct rdata *record,
                       size_t offset)
{
    uint16_t names[RDATA_NAMES_MAX];
    unsigned count = rdata_names(rrtype, record, names);
    /* HIP may have more; not in templates, which are refused with such a record. */
    for (unsigned i = 0; i < count && i < RDATA_NAMES_MAX; i++)
        note_name(builder, offset + names[i]);
}

static uint8_t *take(struct builder *builder, size_t size)
{
    while (builder->used + size > builder->capacity) {
        builder->capacity = builder->capacity ? builder->capacity * 2 : 256;
        builder->bytes = memory_resize(builder->bytes, builder->capacity, 1);
    }
    builder->used += size;
    struct image_variant *variant = &builder->variants[builder->nvariants - 1];
    variant->size += (uint32_t)size;
    return builder->bytes + builder->used - size;
}

/* Appends what stands behind the owner; returns the rdata, which the caller may change. */
static uint8_t *add_rest(struct builder *builder, uint16_t rrtype, uint32_t ttl_s,
                         const struct rdata *record)
{
    uint8_t *at = take(builder, RR_FIXED_SIZE + (size_t)record->size);
    at = write_u16(at, rrtype);
    at = write_u16(at, RRCLASS_IN);
    at = write_u32(at, ttl_s);
    at = write_u16(at, record->size);
    memcpy(at, record->bytes, record->size);
    note_names(builder, rrtype, record, (size_t)(at - builder->bytes));
    builder->variants[builder->nvariants - 1].count++;
    return at;
}

uint8_t *builder_add(struct builder *builder, uint16_t rrtype, uint32_t ttl_s,
                     const struct rdata *record)
{
    write_u16(take(builder, 2), POINTER_BITS << 8 | QUESTION_OFFSET);
    return add_rest(builder, rrtype, ttl_s, record);
}

struct image *builder_end(struct builder *builder)
{
    size_t splices = sizeof(struct image) + builder->nvariants * sizeof(struct image_variant);
    size_t head = splices, some = builder->nsplices != 0;
    if (some)
        head += sizeof(struct image_splices) + builder->nsplices * sizeof(uint32_t);
    struct image *image = memory_alloc(head + builder->used);
    image->size = (uint32_t)(head + builder->used);
    image->nvariants = (uint16_t)builder->nvariants;
    for (size_t i = 0; i < builder->nvariants; i++) {
        image->variants[i] = builder->variants[i];
        image->variants[i].offset += (uint32_t)head;
    }
    if (some) {
        struct image_splices *made = (struct image_splices *)((uint8_t *)image + splices);
        image->splices = (uint32_t)splices;
        made->count = (uint32_t)builder->nsplices;
        for (size_t i = 0; i < builder->nsplices; i++)
            made->offsets[i] = builder->splices[i] + (uint32_t)head;
    }
    if (builder->used)
        memcpy((uint8_t *)image + head, builder->bytes, builder->used);
    free(builder->variants);
    free(builder->splices);
    free(builder->bytes);
    return image;
}

struct image *image_of_rrset(const struct rrset *rrset, uint32_t ttl_s)
{
    struct builder builder = {0};
    builder_begin(&builder);
    for (uint32_t i = 0; i < rrset->count; i++)
        builder_add(&builder, rrset->rrtype, ttl_s, &rrset->records[i]);
    return builder_end(&builder);
}

struct image *image_of_owned(const struct owned_rrset *rrsets, size_t count)
{
    struct builder builder = {0};
    builder_begin(&builder);
    for (size_t i = 0; i < count; i++) {
        const struct rrset *rrset = rrsets[i].rrset;
        size_t size = name_size(rrsets[i].owner);
        for (uint32_t j = 0; j < rrset->count; j++) {
            uint8_t *owner = take(&builder, size);
            memcpy(owner, rrsets[i].owner, size);
            note_name(&builder, (size_t)(owner - builder.bytes));
            add_rest(&builder, rrset->rrtype, rrset->ttl_s, &rrset->records[j]);
        }
    }
    return builder_end(&builder);
}
