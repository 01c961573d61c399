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
        cmocka_unit_test(servfail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
