/* SPDX-License-Identifier: BSD-2-Clause */
/* Images of pools: what each variant says, and how often each host comes first or is in an answer.
 */
#include "answer/image.h"
#include "base/memory.h"
#include "wire/message.h"
#include "wire/rrtype.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 16 };

/* A pool whose members are told apart by the last octet of their rdata. */
struct made {
    struct pool pool;
    struct member members[MOST];
    enum member_state states[MOST];
    uint8_t percents[MOST];
    uint8_t rdata[MOST][8];
    struct selection selection;
};

static void make(struct made *made, uint16_t rrtype, size_t count, const unsigned *weights,
                 const uint16_t *preferences)
{
    memset(made, 0, sizeof *made);
    made->pool =
        (struct pool){.name = "p", .rrtype = rrtype, .members = made->members, .nmembers = count};
    for (size_t i = 0; i < count; i++) {
        uint8_t *rdata = made->rdata[i];
        uint16_t size = 4;
        if (rrtype == RRTYPE_MX) {
            write_u16(rdata, preferences[i]);
            rdata[2] = 1; /* one label of one letter */
            rdata[3] = (uint8_t)('a' + i);
            size = 5;
        } else if (rrtype == RRTYPE_SRV) {
            write_u16(rdata, preferences[i]);
            write_u16(rdata + 2, 7);
            size = 8;
        }
        rdata[size - (rrtype == RRTYPE_MX ? 2 : 1)] = (uint8_t)('a' + i);
        made->members[i] = (struct member){
            .record = {size, rdata}, .weight = weights ? weights[i] : 1, .weight_set = weights};
    }
    made->selection = (struct selection){.members = made->states, .nserved = count, .ttl_s = 10};
}

/* What a record says, by walking the variant. */
struct said {
    char who;
    uint16_t preference, weight;
};

static size_t read_variant(const struct image *image, size_t number, struct said *said)
{
    const struct image_variant *variant = &image->variants[number];
    const uint8_t *at = image_bytes(image, variant), *end = at + variant->size;
    for (uint32_t i = 0; i < variant->count; i++) {
        assert_int_equal(read_u16(at), 0xC00C);
        assert_int_equal(read_u16(at + 4), RRCLASS_IN);
        assert_int_equal(read_u32(at + 6), 10);
        uint16_t rrtype = read_u16(at + 2), size = read_u16(at + 10);
        const uint8_t *rdata = at + 12;
        said[i] = (struct said){.who = (char)rdata[size - (rrtype == RRTYPE_MX ? 2 : 1)]};
        if (rrtype != RRTYPE_A)
            said[i].preference = read_u16(rdata);
        if (rrtype == RRTYPE_SRV)
            said[i].weight = read_u16(rdata + 2);
        at += 12 + size;
    }
    assert_ptr_equal(at, end);
    return variant->count;
}

/* Shares of a hundred thousand, first in the answer and as any one of it, over all variants. */
static void shares(const struct image *image, unsigned *first, unsigned *any)
{
    double firsts[MOST] = {0}, anys[MOST] = {0};
    for (size_t i = 0; i < image->nvariants; i++) {
        struct said said[MOST];
        size_t count = read_variant(image, i, said);
        firsts[said[0].who - 'a'] += 1.0;
        for (size_t j = 0; j < count; j++)
            anys[said[j].who - 'a'] += 1.0 / (double)count;
    }
    for (size_t i = 0; i < MOST; i++) {
        first[i] = (unsigned)(firsts[i] / image->nvariants * 1e5 + 0.5);
        any[i] = (unsigned)(anys[i] / image->nvariants * 1e5 + 0.5);
    }
}

static void equal_weights_rotate(void **state)
{
    (void)state;
    struct made made;
    make(&made, RRTYPE_A, 3, NULL, NULL);
    struct image *image = image_of_pool(&made.pool, &made.selection);
    assert_int_equal(image->nvariants, 3);
    unsigned first[MOST], any[MOST];
    shares(image, first, any);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(first[i], 33333);
    struct said said[MOST];
    assert_int_equal(read_variant(image, 0, said), 3); /* all of them, always */
    free(image);
}

/* Exact shares whichever way a client takes its pick; alone only where nothing else gives the
 * share. */
static void addresses_by_weight(void **state)
{
    (void)state;
    static const struct {
        unsigned weights[4];
        unsigned alone; /* variants with one address only */
    } cases[] = {
        {{3, 2, 1, 0}, 0},  {{3, 1, 1, 0}, 1}, {{1, 1, 2, 0}, 0},
        {{10, 1, 0, 0}, 9}, {{4, 3, 2, 1}, 0}, {{100, 50, 50, 25}, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct made made;
        make(&made, RRTYPE_A, 4, cases[i].weights, NULL);
        struct image *image = image_of_pool(&made.pool, &made.selection);
        unsigned first[MOST], any[MOST], sum = 0, alone = 0;
        shares(image, first, any);
        for (unsigned j = 0; j < 4; j++)
            sum += cases[i].weights[j];
        for (unsigned j = 0; j < 4; j++) {
            unsigned expected = (unsigned)(cases[i].weights[j] * 1e5 / sum + 0.5);
            assert_int_equal(first[j], expected);
            assert_int_equal(any[j], expected);
        }
        struct said said[MOST];
        for (size_t j = 0; j < image->nvariants; j++)
            alone += read_variant(image, j, said) == 1;
        assert_int_equal(alone, cases[i].alone);
        free(image);
    }
}

/* Weights that no number of variants below the limit can show exactly are rounded, and nobody is
 * lost. */
static void large_weights(void **state)
{
    (void)state;
    struct made made;
    make(&made, RRTYPE_A, 3, (const unsigned[]){997, 499, 1}, NULL);
    struct image *image = image_of_pool(&made.pool, &made.selection);
    assert_true(image->nvariants <= IMAGE_VARIANTS_MAX);
    unsigned first[MOST], any[MOST];
    shares(image, first, any);
    assert_in_range(first[0], 65000, 67500);
    assert_in_range(first[1], 32500, 34500);
    assert_in_range(first[2], 1, 1000);
    free(image);
}

static struct image *mx_image(struct made *made, enum mx_weighting weighting, size_t count,
                              const unsigned *weights, const uint16_t *preferences)
{
    make(made, RRTYPE_MX, count, weights, preferences);
    made->pool.policy.mx_weighting = weighting;
    return image_of_pool(&made->pool, &made->selection);
}

static void mx_off(void **state)
{
    (void)state;
    struct made made;
    struct image *image = mx_image(&made, MX_WEIGHTING_OFF, 3, (const unsigned[]){3, 1, 1},
                                   (const uint16_t[]){10, 10, 20});
    for (size_t i = 0; i < image->nvariants; i++) {
        struct said said[MOST];
        assert_int_equal(read_variant(image, i, said), 3);
        for (size_t j = 0; j < 3; j++)
            assert_int_equal(said[j].preference, said[j].who == 'c' ? 20 : 10);
    }
    free(image);
}

/* The pick keeps its preference, the others of its preference stand behind it but before the next
 * one. */
static void mx_prefer(void **state)
{
    (void)state;
    struct made made;
    struct image *image = mx_image(&made, MX_WEIGHTING_PREFER, 4, (const unsigned[]){3, 1, 1, 1},
                                   (const uint16_t[]){10, 10, 11, 65535});
    unsigned first[MOST], any[MOST];
    shares(image, first, any);
    assert_int_equal(first[0], 75000);
    assert_int_equal(first[1], 25000);
    for (size_t i = 0; i < image->nvariants; i++) {
        struct said said[MOST];
        assert_int_equal(read_variant(image, i, said), 4);
        assert_int_equal(said[0].preference, 10);
        assert_int_equal(said[1].preference, 11);
        assert_int_equal(said[2].who, 'c');
        assert_int_equal(said[2].preference, 12); /* made room */
        assert_int_equal(said[3].preference, 65535);
    }
    free(image);
    image = mx_image(&made, MX_WEIGHTING_PREFER, 3, NULL, (const uint16_t[]){10, 10, 20});
    struct said said[MOST];
    read_variant(image, 0, said);
    assert_int_equal(said[2].preference, 20); /* room enough: as it stands in the zone */
    free(image);
}

static void mx_single(void **state)
{
    (void)state;
    struct made made;
    struct image *image = mx_image(&made, MX_WEIGHTING_SINGLE, 3, (const unsigned[]){2, 1, 5},
                                   (const uint16_t[]){10, 10, 20});
    unsigned first[MOST], any[MOST];
    shares(image, first, any);
    assert_int_equal(first[0], 66667);
    assert_int_equal(first[1], 33333);
    struct said said[MOST];
    assert_int_equal(read_variant(image, 0, said), 2);
    assert_int_equal(said[1].who, 'c');
    free(image);
}

/* Demoted records stand behind all others, in their own order; one that is held back is not there.
 */
static void demoted(void **state)
{
    (void)state;
    struct made made;
    make(&made, RRTYPE_MX, 5, NULL, (const uint16_t[]){10, 20, 10, 30, 40});
    made.states[0] = made.states[3] = MEMBER_DEMOTED;
    made.states[4] = MEMBER_DOWN;
    struct image *image = image_of_pool(&made.pool, &made.selection);
    struct said said[MOST];
    assert_int_equal(image->nvariants, 1);
    assert_int_equal(read_variant(image, 0, said), 4);
    static const struct said expected[] = {{'c', 10, 0}, {'b', 20, 0}, {'a', 21, 0}, {'d', 22, 0}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(said[i].who, expected[i].who);
        assert_int_equal(said[i].preference, expected[i].preference);
    }
    free(image);
}

static void srv_by_weight(void **state)
{
    (void)state;
    static const unsigned weights[] = {3, 1, 9};
    struct made made;
    make(&made, RRTYPE_SRV, 3, weights, (const uint16_t[]){0, 0, 5});
    struct image *image = image_of_pool(&made.pool, &made.selection);
    unsigned first[MOST], any[MOST];
    shares(image, first, any);
    assert_int_equal(first[0], 75000);
    assert_int_equal(first[1], 25000);
    for (size_t i = 0; i < image->nvariants; i++) {
        struct said said[MOST];
        assert_int_equal(read_variant(image, i, said), 3);
        for (size_t j = 0; j < 3; j++)
            assert_int_equal(said[j].weight, weights[said[j].who - 'a']);
        assert_int_equal(said[2].who, 'c');
    }
    free(image);
}

/* When all are down, nobody knows which to leave out. */
static void fail_open_leaves_out_nobody(void **state)
{
    (void)state;
    static const unsigned weights[] = {5, 2, 1};
    static const uint16_t preferences[] = {10, 10, 10};
    struct made addresses, exchanges;
    make(&addresses, RRTYPE_A, 3, weights, NULL);
    make(&exchanges, RRTYPE_MX, 3, weights, preferences);
    exchanges.pool.policy.mx_weighting = MX_WEIGHTING_SINGLE;
    struct made *const all[] = {&addresses, &exchanges};
    for (size_t i = 0; i < 2; i++) {
        all[i]->selection.fail_open = true;
        struct image *image = image_of_pool(&all[i]->pool, &all[i]->selection);
        struct said said[MOST];
        for (size_t j = 0; j < image->nvariants; j++)
            assert_int_equal(read_variant(image, j, said), 3);
        unsigned first[MOST], any[MOST];
        shares(image, first, any);
        for (size_t j = 0; j < 3; j++)
            assert_int_equal(first[j], 33333);
        free(image);
    }
}

/* ---- slow starts ---- */

static struct image *slow_image(struct made *made, const uint8_t *percents)
{
    memcpy(made->percents, percents, made->pool.nmembers);
    made->selection.percents = made->percents;
    return image_of_pool(&made->pool, &made->selection);
}

static void slow_addresses_by_weight(void **state)
{
    (void)state;
    static const struct {
        unsigned weights[3];
        uint8_t percents[3];
    } cases[] = {
        {{1, 1, 1}, {10, 100, 100}}, /* a plain rotation otherwise */
        {{3, 2, 1}, {50, 100, 100}}, {{1, 1, 1}, {10, 50, 100}},
        {{1, 1, 1}, {10, 20, 20}},   {{1000, 1000, 999}, {90, 100, 100}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct made made;
        make(&made, RRTYPE_A, 3, cases[i].weights, NULL);
        struct image *image = slow_image(&made, cases[i].percents);
        unsigned first[MOST], any[MOST], sum = 0;
        shares(image, first, any);
        assert_in_range(image->nvariants, 1, IMAGE_VARIANTS_MAX);
        for (unsigned j = 0; j < 3; j++)
            sum += cases[i].weights[j] * cases[i].percents[j];
        for (unsigned j = 0; j < 3; j++) {
            unsigned share =
                (unsigned)(cases[i].weights[j] * cases[i].percents[j] * 1e5 / sum + 0.5);
            assert_in_range(first[j], share - share / 50, share + share / 50);
            assert_in_range(any[j], share - share / 50, share + share / 50);
        }
        free(image);
    }
}

/* Clients pick by what the records say. */
static void slow_srv(void **state)
{
    (void)state;
    struct made made;
    struct said said[MOST];
    unsigned first[MOST], any[MOST];
    make(&made, RRTYPE_SRV, 3, NULL, (const uint16_t[]){0, 0, 5});
    struct image *image = slow_image(&made, (const uint8_t[]){20, 100, 100});
    shares(image, first, any);
    assert_int_equal(first[0], 16667);
    for (size_t i = 0; i < image->nvariants; i++) {
        assert_int_equal(read_variant(image, i, said), 3);
        for (size_t j = 0; j < 2; j++)
            assert_int_equal(said[j].weight, said[j].who == 'a' ? 20 : 100);
    }
    free(image);
    /* What 16 bits cannot hold keeps its proportion, and nobody comes down to nothing. */
    make(&made, RRTYPE_SRV, 3, (const unsigned[]){60000, 30000, 1}, (const uint16_t[]){0, 0, 0});
    image = slow_image(&made, (const uint8_t[]){100, 100, 10});
    for (size_t i = 0; i < image->nvariants; i++) {
        assert_int_equal(read_variant(image, i, said), 3);
        for (size_t j = 0; j < 3; j++)
            assert_int_equal(said[j].weight, said[j].who == 'a'   ? 65535
                                             : said[j].who == 'b' ? 32767
                                                                  : 1);
    }
    free(image);
    /* Weights that only the configuration levels, and the zone does not (7 each in the records). */
    make(&made, RRTYPE_SRV, 2, (const unsigned[]){10, 1}, (const uint16_t[]){0, 0});
    image = slow_image(&made, (const uint8_t[]){10, 100});
    assert_int_equal(read_variant(image, 0, said), 2);
    assert_int_equal(said[0].weight, 100);
    assert_int_equal(said[1].weight, 100);
    free(image);
}

static void slow_mx_by_weight(void **state)
{
    (void)state;
    static const uint8_t percents[] = {10, 100, 100};
    static const uint16_t preferences[] = {10, 10, 20};
    static const enum mx_weighting weightings[] = {MX_WEIGHTING_PREFER, MX_WEIGHTING_SINGLE};
    for (size_t i = 0; i < 2; i++) {
        struct made made;
        unsigned first[MOST], any[MOST];
        make(&made, RRTYPE_MX, 3, (const unsigned[]){2, 1, 1}, preferences);
        made.pool.policy.mx_weighting = weightings[i];
        struct image *image = slow_image(&made, percents);
        shares(image, first, any);
        assert_int_equal(first[0], 16667); /* 2 x 10 to 1 x 100 */
        assert_int_equal(first[1], 83333);
        free(image);
    }
}

/* In how many of a hundred thousand variants a member has this preference. */
static unsigned share_of(const struct image *image, char who, uint16_t preference)
{
    unsigned found = 0;
    for (size_t i = 0; i < image->nvariants; i++) {
        struct said said[MOST];
        size_t count = read_variant(image, i, said);
        for (size_t j = 0; j < count; j++)
            found += said[j].who == who && said[j].preference == preference;
    }
    return (unsigned)(found * 1e5 / image->nvariants + 0.5);
}

static struct image *slow_mx(struct made *made, size_t count, const uint16_t *preferences,
                             const uint8_t *percents)
{
    make(made, RRTYPE_MX, count, NULL, preferences);
    return slow_image(made, percents);
}

/* Without weights: in its percentage of the variants a host stands in its place, in the others
 * behind all that are further. */
static void slow_mx_by_preference(void **state)
{
    (void)state;
    struct made made;
    struct image *image = slow_mx(&made, 2, (const uint16_t[]){10, 20}, (const uint8_t[]){10, 100});
    assert_int_equal(image->nvariants, 10);
    assert_int_equal(share_of(image, 'a', 10), 10000);
    assert_int_equal(share_of(image, 'a', 21), 90000);
    assert_int_equal(share_of(image, 'b', 20), 100000);
    /* Repeated variants are the same octets. */
    assert_int_equal(image->size,
                     sizeof *image + 10 * sizeof *image->variants + 2 * image->variants[0].size);
    free(image);

    image = slow_mx(&made, 3, (const uint16_t[]){10, 10, 10}, (const uint8_t[]){30, 100, 100});
    unsigned first[MOST], any[MOST];
    shares(image, first, any);
    assert_int_equal(share_of(image, 'a', 10), 30000);
    assert_int_equal(share_of(image, 'a', 11), 70000);
    assert_int_equal(first[0], 10000); /* in its place it takes its turn with the others */
    assert_int_equal(first[1], 45000);
    assert_int_equal(first[2], 45000);
    free(image);

    /* One is further than the other. */
    image = slow_mx(&made, 3, (const uint16_t[]){10, 20, 30}, (const uint8_t[]){20, 50, 100});
    assert_int_equal(share_of(image, 'a', 10), 20000);
    assert_int_equal(share_of(image, 'a', 31), 80000);
    assert_int_equal(share_of(image, 'b', 20), 50000);
    assert_int_equal(share_of(image, 'b', 32), 50000);
    assert_int_equal(share_of(image, 'c', 30), 100000);
    free(image);

    /* None is at its end: the one that is furthest has nothing before it. */
    image = slow_mx(&made, 2, (const uint16_t[]){10, 20}, (const uint8_t[]){10, 40});
    assert_int_equal(share_of(image, 'a', 10), 25000);
    assert_int_equal(share_of(image, 'b', 20), 100000);
    free(image);
}

/* Behind all others, but before what is dead. */
static void slow_before_demoted(void **state)
{
    (void)state;
    struct made made;
    make(&made, RRTYPE_MX, 3, NULL, (const uint16_t[]){10, 10, 10});
    made.states[2] = MEMBER_DEMOTED;
    struct image *image = slow_image(&made, (const uint8_t[]){10, 100, 100});
    assert_int_equal(share_of(image, 'a', 10), 10000);
    assert_int_equal(share_of(image, 'a', 11), 90000);
    assert_int_equal(share_of(image, 'c', 11), 10000);
    assert_int_equal(share_of(image, 'c', 12), 90000);
    free(image);
}

/* Where weights are used, and all of the best preference are in a slow start, the next one takes
 * over for the rest. */
static void slow_preference(void **state)
{
    (void)state;
    static const uint16_t types[] = {RRTYPE_SRV, RRTYPE_MX};
    for (size_t i = 0; i < 2; i++) {
        struct made made;
        make(&made, types[i], 3, NULL, (const uint16_t[]){10, 10, 20});
        made.pool.policy.mx_weighting = MX_WEIGHTING_PREFER;
        struct image *image = slow_image(&made, (const uint8_t[]){10, 20, 100});
        unsigned first[MOST], any[MOST];
        shares(image, first, any);
        assert_int_equal(first[2], 80000);
        assert_int_equal(share_of(image, 'c', 20), 100000);
        assert_in_range(first[0], 6600, 6700); /* a third of the rest */
        assert_in_range(first[1], 13300, 13400);
        free(image);
    }
}

/* What nobody else could take over, and what has no slow start, is as it was: to the octet. */
static void slow_without_effect(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        uint8_t percents[3];
        bool fail_open;
    } cases[] = {
        {1, {10}, false},
        {3, {40, 40, 40}, false},
        {3, {100, 100, 100}, false},
        {3, {10, 100, 100}, true},
    };
    static const uint16_t types[] = {RRTYPE_MX, RRTYPE_SRV, RRTYPE_A};
    for (size_t i = 0; i < 3 * sizeof cases / sizeof *cases; i++) {
        struct made made;
        make(&made, types[i % 3], cases[i / 3].count, NULL, (const uint16_t[]){10, 10, 20});
        made.selection.fail_open = cases[i / 3].fail_open;
        struct image *plain = image_of_pool(&made.pool, &made.selection);
        struct image *slow = slow_image(&made, cases[i / 3].percents);
        assert_int_equal(slow->size, plain->size);
        assert_memory_equal(slow, plain, plain->size);
        free(plain);
        free(slow);
    }
}

/* Whatever comes together: few variants, nobody lost, and shares near to what they should be. */
static void slow_is_bounded(void **state)
{
    (void)state;
    unsigned seed = 11;
    for (unsigned round = 0; round < 2000; round++) {
        static const uint16_t types[] = {RRTYPE_MX, RRTYPE_SRV, RRTYPE_A};
        uint16_t rrtype = types[round % 3], preferences[MOST];
        uint8_t percents[MOST];
        unsigned weights[MOST], most = 0;
        size_t count = 1 + (size_t)rand_r(&seed) % MOST;
        for (size_t i = 0; i < count; i++) {
            preferences[i] = (uint16_t)(10 * (1 + rand_r(&seed) % 3));
            percents[i] = (uint8_t)(10 * (1 + rand_r(&seed) % 10));
            weights[i] = 1 + (unsigned)rand_r(&seed) % (round % 2 ? 3 : 1000);
            most = percents[i] > most ? percents[i] : most;
        }
        struct made made;
        make(&made, rrtype, count, weights, preferences);
        made.pool.policy.mx_weighting = (enum mx_weighting)(rand_r(&seed) % 3);
        struct image *image = slow_image(&made, percents);
        assert_in_range(image->nvariants, 1, IMAGE_VARIANTS_MAX);
        unsigned first[MOST], any[MOST];
        shares(image, first, any);
        for (size_t i = 0; i < count; i++) {
            assert_true(any[i] > 0);
            if (rrtype == RRTYPE_MX && made.pool.policy.mx_weighting == MX_WEIGHTING_OFF) {
                unsigned share = share_of(image, (char)('a' + i), preferences[i]);
                assert_in_range(share + 500, percents[i] * 100000 / most,
                                percents[i] * 100000 / most + 1000);
            }
        }
        free(image);
    }
}

static void servfail(void **state)
{
    (void)state;
    struct made made;
    make(&made, RRTYPE_A, 2, NULL, NULL);
    made.selection.servfail = true;
    struct image *image = image_of_pool(&made.pool, &made.selection);
    assert_true(image->servfail);
    assert_int_equal(image->nvariants, 0);
    free(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_weights_rotate),
        cmocka_unit_test(addresses_by_weight),
        cmocka_unit_test(large_weights),
        cmocka_unit_test(mx_off),
        cmocka_unit_test(mx_prefer),
        cmocka_unit_test(mx_single),
        cmocka_unit_test(demoted),
        cmocka_unit_test(srv_by_weight),
        cmocka_unit_test(fail_open_leaves_out_nobody),
        cmocka_unit_test(slow_addresses_by_weight),
        cmocka_unit_test(slow_srv),
        cmocka_unit_test(slow_mx_by_weight),
        cmocka_unit_test(slow_mx_by_preference),
        cmocka_unit_test(slow_before_demoted),
        cmocka_unit_test(slow_preference),
        cmocka_unit_test(slow_without_effect),
        cmocka_unit_test(slow_is_bounded),
        cmocka_unit_test(servfail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
