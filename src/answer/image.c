/* SPDX-License-Identifier: BSD-2-Clause */
#include "answer/image.h"

#include "base/memory.h"
#include "model/rdata.h"
#include "wire/message.h"
#include "wire/name.h"
#include "wire/rrtype.h"

#include <stdlib.h>
#include <string.h>

/* ---- building: variants are appended to one growing buffer ---- */

struct builder {
    struct image_variant *variants;
    size_t nvariants, variants_capacity;
    uint8_t *bytes;
    size_t used, capacity;
    uint32_t *splices; /* offsets in bytes */
    size_t nsplices, splices_capacity;
};

static void variant_begin(struct builder *builder)
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

/* Appends a record to the variant begun last, owned by the name asked for. */
static uint8_t *variant_add(struct builder *builder, uint16_t rrtype, uint32_t ttl_s,
                            const struct rdata *record)
{
    write_u16(take(builder, 2), POINTER_BITS << 8 | QUESTION_OFFSET);
    return add_rest(builder, rrtype, ttl_s, record);
}

/* Head, variants, splices, bytes. */
static struct image *build(struct builder *builder)
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
    variant_begin(&builder);
    for (uint32_t i = 0; i < rrset->count; i++)
        variant_add(&builder, rrset->rrtype, ttl_s, &rrset->records[i]);
    return build(&builder);
}

struct image *image_of_owned(const struct owned_rrset *rrsets, size_t count)
{
    struct builder builder = {0};
    variant_begin(&builder);
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
    return build(&builder);
}

/* ---- steered RRsets: a plan says which members stand in which variant ---- */

/* A member that is answered, with what its record is to say. */
struct line {
    const struct member *member;
    uint16_t preference; /* MX: preference, SRV: priority; A and AAAA: 0 */
    unsigned weight;
    bool demoted;
    unsigned tokens; /* how many variants begin with it */
};

struct plan {
    const struct pool *pool;
    const struct selection *selection;
    struct line *lines; /* by preference, the demoted ones last */
    size_t nlines;
    size_t nfirst; /* lines of the best preference: those that weights distribute over */
    bool weighted; /* the weights of these differ */
};

/* Variants are copied whole, so their sum is bounded: a change of health must stay cheap. */
enum { IMAGE_BYTES_MAX = 1 << 18 };

static bool has_preference(uint16_t rrtype)
{
    return rrtype == RRTYPE_MX || rrtype == RRTYPE_SRV;
}

static int compare_lines(const void *one, const void *other)
{
    const struct line *a = one, *b = other;
    if (a->demoted != b->demoted)
        return a->demoted ? 1 : -1;
    return (a->preference > b->preference) - (a->preference < b->preference);
}

/* A demoted record stands behind all others, in the order that the demoted had among themselves. */
static void demote(struct plan *plan)
{
    uint32_t last = 0;
    for (size_t i = 0; i < plan->nlines; i++) {
        struct line *line = &plan->lines[i];
        if (!line->demoted) {
            last = line->preference;
            continue;
        }
        uint16_t original = line->preference;
        uint32_t behind = last < UINT16_MAX ? last + 1 : UINT16_MAX;
        for (; i < plan->nlines && plan->lines[i].preference == original; i++)
            plan->lines[i].preference = (uint16_t)behind;
        last = behind;
        i--;
    }
}

static void plan_lines(struct plan *plan)
{
    const struct pool *pool = plan->pool;
    plan->lines = memory_array(pool->nmembers, sizeof *plan->lines);
    for (size_t i = 0; i < pool->nmembers; i++) {
        const struct member *member = &pool->members[i];
        enum member_state state = plan->selection->members[i];
        if (state != MEMBER_SERVED && state != MEMBER_DEMOTED)
            continue;
        plan->lines[plan->nlines++] = (struct line){
            .member = member,
            .preference = has_preference(pool->rrtype) ? read_u16(member->record.bytes) : 0,
            .weight = member->weight,
            .demoted = state == MEMBER_DEMOTED,
        };
    }
    if (plan->nlines)
        qsort(plan->lines, plan->nlines, sizeof *plan->lines, compare_lines);
    demote(plan);
    while (plan->nfirst < plan->nlines &&
           compare_lines(&plan->lines[plan->nfirst], &plan->lines[0]) == 0)
        plan->nfirst++;
    for (size_t i = 1; i < plan->nfirst; i++)
        plan->weighted |= plan->lines[i].weight != plan->lines[0].weight;
}

static unsigned greatest_common_divisor(unsigned one, unsigned other)
{
    while (other) {
        unsigned rest = one % other;
        one = other;
        other = rest;
    }
    return one;
}

/* Tokens stand in the proportion of the weights, at most `most` of them in all. A member with a
 * weight has at least one, whatever the others weigh. */
static void plan_tokens(struct plan *plan, size_t most)
{
    unsigned divisor = 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < plan->nfirst; i++) {
        divisor = greatest_common_divisor(plan->lines[i].weight, divisor);
        sum += plan->lines[i].weight;
    }
    for (size_t i = 0; i < plan->nfirst; i++) {
        struct line *line = &plan->lines[i];
        if (sum == 0) /* all weigh nothing: nothing to prefer */
            line->tokens = 1;
        else if (sum / divisor <= most)
            line->tokens = line->weight / divisor;
        else if (line->weight)
            line->tokens = (unsigned)((line->weight * (uint64_t)most + sum / 2) / sum);
        if (line->weight && !line->tokens)
            line->tokens = 1;
    }
}

static void add_line(struct builder *builder, const struct plan *plan, const struct line *line,
                     uint16_t preference)
{
    uint16_t rrtype = plan->pool->rrtype;
    uint8_t *rdata = variant_add(builder, rrtype, plan->selection->ttl_s, &line->member->record);
    if (has_preference(rrtype))
        write_u16(rdata, preference);
    if (rrtype == RRTYPE_SRV && plan->weighted)
        write_u16(rdata + 2, (uint16_t)line->weight);
}

/* All lines, those of the best preference turned so that number `first` begins. */
static void add_turned(struct builder *builder, const struct plan *plan, size_t first)
{
    variant_begin(builder);
    for (size_t i = 0; i < plan->nlines; i++) {
        size_t at = i < plan->nfirst ? (first + i) % plan->nfirst : i;
        add_line(builder, plan, &plan->lines[at], plan->lines[at].preference);
    }
}

/* The best pick first, then the others of its preference in turn, so that each is second equally
 * often. */
static void add_led(struct builder *builder, const struct plan *plan, size_t first, size_t round)
{
    variant_begin(builder);
    add_line(builder, plan, &plan->lines[first], plan->lines[first].preference);
    for (size_t i = 0; i < plan->nfirst - 1; i++) {
        size_t at = (round + i) % (plan->nfirst - 1);
        at += at >= first;
        add_line(builder, plan, &plan->lines[at], plan->lines[at].preference);
    }
    for (size_t i = plan->nfirst; i < plan->nlines; i++)
        add_line(builder, plan, &plan->lines[i], plan->lines[i].preference);
}

/* MX, prefer and single: the pick keeps its preference; the others of its preference move one
 * behind it, or are left out; lower preferences make room where they must. */
static void add_picked(struct builder *builder, const struct plan *plan, size_t first)
{
    bool single = plan->pool->policy.mx_weighting == MX_WEIGHTING_SINGLE;
    uint32_t best = plan->lines[first].preference, behind = best + 1, shift = 0;
    if (!single && plan->nfirst > 1 && plan->nfirst < plan->nlines &&
        plan->lines[plan->nfirst].preference <= behind)
        shift = behind + 1 - plan->lines[plan->nfirst].preference;
    variant_begin(builder);
    add_line(builder, plan, &plan->lines[first], (uint16_t)best);
    for (size_t i = 0; i < plan->nfirst && !single; i++)
        if (i != first)
            add_line(builder, plan, &plan->lines[i],
                     (uint16_t)(behind < UINT16_MAX ? behind : UINT16_MAX));
    for (size_t i = plan->nfirst; i < plan->nlines; i++) {
        uint32_t preference = plan->lines[i].preference + shift;
        add_line(builder, plan, &plan->lines[i],
                 (uint16_t)(preference < UINT16_MAX ? preference : UINT16_MAX));
    }
}

static size_t most_tokens(const struct plan *plan, size_t *remaining)
{
    size_t most = 0;
    for (size_t i = 1; i < plan->nfirst; i++)
        if (remaining[i] > remaining[most])
            most = i;
    return most;
}

/* Addresses by weight, two in an answer. Whether a client takes the first address or any, and
 * whether or not the resolver between turns the set, each host gets its share: for each variant
 * (one, other) there is (other, one). Only what a host weighs more than all others together is
 * answered alone, as no other answer would give it its share. */
static void add_pairs(struct builder *builder, const struct plan *plan)
{
    size_t *remaining = memory_array(plan->nfirst, sizeof *remaining);
    for (size_t i = 0; i < plan->nfirst; i++)
        remaining[i] = plan->lines[i].tokens;
    for (;;) {
        size_t one = most_tokens(plan, remaining);
        if (!remaining[one])
            break;
        remaining[one]--;
        size_t held = remaining[one];
        remaining[one] = 0;
        size_t other = most_tokens(plan, remaining);
        bool alone = !remaining[other];
        remaining[one] = held;
        variant_begin(builder);
        add_line(builder, plan, &plan->lines[one], 0);
        if (alone)
            continue;
        remaining[other]--;
        add_line(builder, plan, &plan->lines[other], 0);
        variant_begin(builder);
        add_line(builder, plan, &plan->lines[other], 0);
        add_line(builder, plan, &plan->lines[one], 0);
    }
    free(remaining);
}

static void add_by_tokens(struct builder *builder, const struct plan *plan, bool picked)
{
    for (size_t i = 0; i < plan->nfirst; i++)
        for (unsigned round = 0; round < plan->lines[i].tokens; round++) {
            if (picked)
                add_picked(builder, plan, i);
            else
                add_led(builder, plan, i, round);
        }
}

static size_t variants_most(const struct plan *plan)
{
    size_t bytes = 1;
    for (size_t i = 0; i < plan->nlines; i++)
        bytes += 2 + RR_FIXED_SIZE + (size_t)plan->lines[i].member->record.size;
    size_t most = IMAGE_BYTES_MAX / bytes;
    return most < 1 ? 1 : most > IMAGE_VARIANTS_MAX ? IMAGE_VARIANTS_MAX : most;
}

/* Weights leave out hosts only while others are known to work. */
static bool takes_all(const struct plan *plan)
{
    const struct pool *pool = plan->pool;
    bool leaves_out =
        !has_preference(pool->rrtype) ||
        (pool->rrtype == RRTYPE_MX && pool->policy.mx_weighting == MX_WEIGHTING_SINGLE);
    return leaves_out && plan->selection->fail_open;
}

static void add_variants(struct builder *builder, struct plan *plan)
{
    uint16_t rrtype = plan->pool->rrtype;
    size_t most = variants_most(plan);
    bool picked = rrtype == RRTYPE_MX && plan->pool->policy.mx_weighting != MX_WEIGHTING_OFF;
    bool by_weight = (picked || (plan->weighted && rrtype != RRTYPE_MX)) && !takes_all(plan);
    /* With more hosts than there may be variants, weights give way to plain rotation. */
    if (by_weight && plan->nfirst <= most / 2) {
        plan_tokens(plan, most / 2);
        if (has_preference(rrtype))
            add_by_tokens(builder, plan, picked);
        else
            add_pairs(builder, plan);
        return;
    }
    for (size_t i = 0; i < plan->nfirst && i < most; i++)
        add_turned(builder, plan, i);
}

struct image *image_of_pool(const struct pool *pool, const struct selection *selection)
{
    struct builder builder = {0};
    struct plan plan = {.pool = pool, .selection = selection};
    if (!selection->servfail) {
        plan_lines(&plan);
        add_variants(&builder, &plan);
        free(plan.lines);
    }
    struct image *image = build(&builder);
    image->servfail = !builder.nvariants;
    image->fail_open = selection->fail_open && !image->servfail;
    return image;
}
