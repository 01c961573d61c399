/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../tools/drill/resolvers/caches.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Against chances that can be counted by hand. */
static void chances(void **state)
{
    (void)state;
    assert_float_equal(caches_chance(1, 10, 1), 1, 0);
    assert_float_equal(caches_chance(2, 1, 1), 1, 0);
    assert_float_equal(caches_chance(2, 5, 1), 2 * pow(0.5, 5), 1e-12);
    assert_float_equal(caches_chance(3, 4, 2), 1 - 36.0 / 81, 1e-12); /* 36: all three are met */
    assert_float_equal(caches_chance(365, 23, 22), 0.5073, 0.0001);   /* birthdays */
    assert_float_equal(caches_chance(10, 10, 9), 1 - 3628800 / 1e10, 1e-12);
    assert_float_equal(caches_chance(1000, 3600, 1000), 1, 0);
}

static struct caches_estimate estimate_of(size_t seen, const unsigned *answers)
{
    return caches_estimate(answers, seen);
}
#define ESTIMATE(...)                                                                              \
    estimate_of(sizeof((unsigned[]){__VA_ARGS__}) / sizeof(unsigned), (unsigned[]){__VA_ARGS__})

static void estimates(void **state)
{
    (void)state;
    struct caches_estimate one = ESTIMATE(60);
    assert_true(one.seen == 1 && one.likely == 1 && one.most == 1);
    struct caches_estimate few = ESTIMATE(3); /* a second one would be missed one time of four */
    assert_true(few.seen == 1 && few.most > 1);
    struct caches_estimate three = ESTIMATE(20, 22, 18);
    assert_true(three.seen == 3 && three.likely == 3 && three.most == 3);
    /* 10 seen; 4 once and 2 twice: 4 * 3 / (2 * 3) more. */
    struct caches_estimate some = ESTIMATE(1, 1, 1, 1, 2, 2, 5, 6, 7, 8);
    assert_float_equal(some.likely, 12, 1e-9);
    assert_in_range(some.most, 10, 15);
    struct caches_estimate many = ESTIMATE(1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
    assert_int_equal(many.most, CACHES_MAX);
    assert_float_equal(many.likely, 55, 1e-9);
    struct caches_estimate none = caches_estimate(NULL, 0);
    assert_true(none.seen == 0 && none.likely == 0 && none.most == 0);
}

/* The true number is within the bound 19 times of 20, as promised; by a seed. */
static void bound_holds(void **state)
{
    enum { RUNS = 1000, CACHES = 12, QUESTIONS = 30 };
    uint64_t seed = 99;
    unsigned held = 0;
    (void)state;
    for (unsigned run = 0; run < RUNS; run++) {
        unsigned answers[CACHES] = {0}, met[CACHES];
        size_t seen = 0;
        for (unsigned i = 0; i < QUESTIONS; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            answers[(seed >> 33) % CACHES]++;
        }
        for (size_t i = 0; i < CACHES; i++)
            if (answers[i])
                met[seen++] = answers[i];
        struct caches_estimate estimate = caches_estimate(met, seen);
        assert_true(estimate.seen <= CACHES);
        held += estimate.most >= CACHES;
    }
    assert_in_range(held, RUNS * 94 / 100, RUNS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chances),
        cmocka_unit_test(estimates),
        cmocka_unit_test(bound_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
