/* SPDX-License-Identifier: BSD-2-Clause */
/* Images of steered RRsets: a plan says which members stand in which variant. */
#include "answer/builder.h"
#include "answer/image.h"
#include "base/memory.h"
#include "wire/message.h"
#include "wire/rrtype.h"

#include <stdlib.h>
#include <string.h>

/* Those that are answered, from the first to the last. */
enum rank {
    RANK_SERVED,
    RANK_BEHIND, /* in a slow start, in the variants that are not its own yet */
    RANK_DEMOTED,
};

/* A member that is answered, with what its record is to say. */
struct line {
    const struct member *member;
    uint16_t preference; /* MX: preference, SRV: priority; A and AAAA: 0 */
    unsigned weight;     /* in a plan that is slowed, times its percentage */
    unsigned percent;    /* of the variants, in which it keeps its own preference */
    enum rank rank;
    unsigned tokens; /* how many variants begin with it */
};

struct plan {
    const struct pool *pool;
    const struct selection *selection;
    struct line *own;   /* as the pool and its selection have them */
    struct line *lines; /* those of the variants at hand, by rank and preference */
    size_t nlines;
    size_t nfirst;     /* lines of the best preference: those that weights distribute over */
    bool slowed;       /* some are in a slow start, and others are not, or further in theirs */
    unsigned heaviest; /* weight of all lines */
    bool weighted;     /* the weights of the first differ */
};

/* Variants are copied whole, so their sum is bounded: a change of health must stay cheap. */
enum { IMAGE_BYTES_MAX = 1 << 18 };

static bool has_preference(uint16_t rrtype)
{
    return rrtype == RRTYPE_MX || rrtype == RRTYPE_SRV;
}

static bool picks_by_weight(const struct pool *pool)
{
    return pool->rrtype != RRTYPE_MX || pool->policy.mx_weighting != MX_WEIGHTING_OFF;
}

static int compare_lines(const void *one, const void *other)
{
    const struct line *a = one, *b = other;
    if (a->rank != b->rank)
        return (a->rank > b->rank) - (a->rank < b->rank);
    return (a->preference > b->preference) - (a->preference < b->preference);
}

/* What does not stand in its own place stands behind all others, in the order that it had among
 * its like. */
static void move_behind(struct plan *plan)
{
    uint32_t last = 0;
    for (size_t i = 0; i < plan->nlines; i++) {
        struct line *line = &plan->lines[i];
        if (line->rank == RANK_SERVED) {
            last = line->preference;
            continue;
        }
        const struct line original = *line;
        uint32_t behind = last < UINT16_MAX ? last + 1 : UINT16_MAX;
        for (; i < plan->nlines && compare_lines(&plan->lines[i], &original) == 0; i++)
            plan->lines[i].preference = (uint16_t)behind;
        last = behind;
        i--;
    }
}

static unsigned percent_of(const struct selection *selection, size_t member)
{
    return selection->percents && !selection->fail_open ? selection->percents[member] : 100;
}

/* What weights distribute over, they also slow down: there it is only where all of a preference
 * are in a slow start that these give way to other preferences. */
static void share_percents(struct line *lines, size_t count)
{
    qsort(lines, count, sizeof *lines, compare_lines);
    for (size_t i = 0, end; i < count; i = end) {
        unsigned most = 0;
        for (end = i; end < count && compare_lines(&lines[i], &lines[end]) == 0; end++)
            most = lines[end].percent > most ? lines[end].percent : most;
        for (size_t j = i; j < end; j++)
            lines[j].percent = most;
    }
}

static bool is_slowed(const struct pool *pool, const struct selection *selection)
{
    unsigned least = 100, most = 0;
    for (size_t i = 0; i < pool->nmembers; i++) {
        unsigned percent = percent_of(selection, i);
        if (!member_is_served(selection->members[i]))
            continue;
        least = percent < least ? percent : least;
        most = percent > most ? percent : most;
    }
    return least < most;
}

static void plan_init(struct plan *plan)
{
    const struct pool *pool = plan->pool;
    plan->slowed = is_slowed(pool, plan->selection);
    plan->own = memory_array(pool->nmembers, sizeof *plan->own);
    plan->lines = memory_array(pool->nmembers, sizeof *plan->lines);
    for (size_t i = 0; i < pool->nmembers; i++) {
        const struct member *member = &pool->members[i];
        enum member_state state = plan->selection->members[i];
        if (!member_is_served(state) && state != MEMBER_DEMOTED)
            continue;
        unsigned percent = percent_of(plan->selection, i);
        unsigned weight = plan->slowed ? member->weight * percent : member->weight;
        plan->heaviest = weight > plan->heaviest ? weight : plan->heaviest;
        plan->own[plan->nlines++] = (struct line){
            .member = member,
            .preference = has_preference(pool->rrtype) ? read_u16(member->record.bytes) : 0,
            .weight = weight,
            .percent = percent,
            .rank = state == MEMBER_DEMOTED ? RANK_DEMOTED : RANK_SERVED,
        };
    }
    if (plan->slowed && picks_by_weight(pool))
        share_percents(plan->own, plan->nlines);
}

static void plan_free(struct plan *plan)
{
    free(plan->own);
    free(plan->lines);
}

/* The lines in order. Those in a slow start that have no more than this percentage stand behind
 * the others. */
static void plan_order(struct plan *plan, unsigned percent)
{
    for (size_t i = 0; i < plan->nlines; i++) {
        struct line *line = &plan->lines[i];
        *line = plan->own[i];
        if (line->rank == RANK_SERVED && line->percent <= percent)
            line->rank = RANK_BEHIND;
    }
    if (plan->nlines)
        qsort(plan->lines, plan->nlines, sizeof *plan->lines, compare_lines);
    move_behind(plan);
    plan->nfirst = 0;
    plan->weighted = false;
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

/* A record has 16 bits for it. */
static uint16_t srv_weight(const struct plan *plan, const struct line *line)
{
    if (plan->heaviest <= UINT16_MAX || line->weight == 0)
        return (uint16_t)line->weight;
    uint64_t weight = (uint64_t)line->weight * UINT16_MAX / plan->heaviest;
    return weight ? (uint16_t)weight : 1;
}

static void add_line(struct builder *builder, const struct plan *plan, const struct line *line,
                     uint16_t preference)
{
    uint16_t rrtype = plan->pool->rrtype;
    uint8_t *rdata = builder_add(builder, rrtype, plan->selection->ttl_s, &line->member->record);
    if (has_preference(rrtype))
        write_u16(rdata, preference);
    if (rrtype == RRTYPE_SRV && (plan->weighted || plan->slowed))
        write_u16(rdata + 2, srv_weight(plan, line));
}

/* All lines, those of the best preference turned so that number `first` begins. */
static void add_turned(struct builder *builder, const struct plan *plan, size_t first)
{
    builder_begin(builder);
    for (size_t i = 0; i < plan->nlines; i++) {
        size_t at = i < plan->nfirst ? (first + i) % plan->nfirst : i;
        add_line(builder, plan, &plan->lines[at], plan->lines[at].preference);
    }
}

/* The best pick first, then the others of its preference in turn, so that each is second equally
 * often. */
static void add_led(struct builder *builder, const struct plan *plan, size_t first, size_t round)
{
    builder_begin(builder);
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
    builder_begin(builder);
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
        builder_begin(builder);
        add_line(builder, plan, &plan->lines[one], 0);
        if (alone)
            continue;
        remaining[other]--;
        add_line(builder, plan, &plan->lines[other], 0);
        builder_begin(builder);
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
        bytes += 2 + RR_FIXED_SIZE + (size_t)plan->own[i].member->record.size;
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

static void add_variants(struct builder *builder, struct plan *plan, size_t most)
{
    uint16_t rrtype = plan->pool->rrtype;
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

/* ---- slow starts by preference: part of the variants with a line in its place, the others with
 * it behind all that are further ---- */

/* Variants that are to be so much of all of them. */
struct phase {
    unsigned share;
    size_t first, count;
};

enum { PHASES_MAX = 100 }; /* one for each percent */

/* The next higher percentage that a line in its own place has; 0: none has a higher one. */
static unsigned next_percent(const struct plan *plan, unsigned percent)
{
    unsigned next = 0;
    for (size_t i = 0; i < plan->nlines; i++) {
        const struct line *line = &plan->own[i];
        if (line->rank == RANK_SERVED && line->percent > percent && (!next || line->percent < next))
            next = line->percent;
    }
    return next;
}

/* How many variants show all shares exactly, each phase's equally often; or as many as there may
 * be. */
static size_t count_exact(const struct phase *phases, size_t count, unsigned sum, unsigned divisor)
{
    uint64_t unit = 1; /* of each phase: its share times so many */
    for (size_t i = 0; i < count && unit <= IMAGE_VARIANTS_MAX; i++) {
        unsigned made = (unsigned)phases[i].count, share = phases[i].share / divisor;
        made /= greatest_common_divisor(made, share);
        unit *= made / greatest_common_divisor((unsigned)unit, made);
    }
    uint64_t all = unit * (sum / divisor);
    return all < IMAGE_VARIANTS_MAX ? (size_t)all : IMAGE_VARIANTS_MAX;
}

/* Repeats variants, not their octets, until each phase has its share. */
static void repeat_variants(struct builder *builder, const struct phase *phases, size_t count)
{
    unsigned sum = 0, divisor = 0, before = 0;
    for (size_t i = 0; i < count; i++) {
        sum += phases[i].share;
        divisor = greatest_common_divisor(phases[i].share, divisor);
    }
    size_t all = count_exact(phases, count, sum, divisor), used = 0;
    struct image_variant *variants = memory_array(all, sizeof *variants);
    for (size_t i = 0; i < count; before += phases[i++].share) {
        size_t begin = all * before / sum, end = all * (before + phases[i].share) / sum;
        for (size_t j = begin; j < end; j++)
            variants[used++] =
                builder->variants[phases[i].first + (j - begin) * phases[i].count / (end - begin)];
    }
    free(builder->variants);
    builder->variants = variants;
    builder->nvariants = builder->variants_capacity = used;
}

static void add_phases(struct builder *builder, struct plan *plan)
{
    struct phase phases[PHASES_MAX];
    size_t count = 0, most = variants_most(plan);
    unsigned all = 0, percent = 0;
    for (size_t i = 0; i < plan->nlines; i++)
        if (plan->own[i].rank == RANK_SERVED && plan->own[i].percent > all)
            all = plan->own[i].percent;
    for (unsigned next; (next = next_percent(plan, percent)); percent = next) {
        size_t part = most * (next - percent) / all;
        plan_order(plan, percent);
        phases[count] = (struct phase){.share = next - percent, .first = builder->nvariants};
        add_variants(builder, plan, part ? part : 1);
        phases[count].count = builder->nvariants - phases[count].first;
        count++;
    }
    if (count > 1)
        repeat_variants(builder, phases, count);
}

struct image *image_of_pool(const struct pool *pool, const struct selection *selection)
{
    struct builder builder = {0};
    struct plan plan = {.pool = pool, .selection = selection};
    if (!selection->servfail) {
        plan_init(&plan);
        add_phases(&builder, &plan);
        plan_free(&plan);
    }
    struct image *image = builder_end(&builder);
    image->servfail = !builder.nvariants;
    image->fail_open = selection->fail_open && !image->servfail;
    return image;
}
