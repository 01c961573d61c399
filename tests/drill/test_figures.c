/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../tools/drill/record/figures.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct figures figures_of(size_t count, const double *times_s)
{
    struct figures figures = {0};
    for (size_t i = 0; i < count; i++)
        figures_add(&figures, times_s[i]);
    return figures;
}

#define FIGURES(...)                                                                               \
    figures_of(sizeof((double[]){__VA_ARGS__}) / sizeof(double), (double[]){__VA_ARGS__})

static void nothing_is_nothing(void **state)
{
    struct figures figures = {0};
    struct summary summary = figures_summary(&figures);
    (void)state;
    assert_int_equal(summary.count, 0);
    assert_true(isnan(summary.median_s) && isnan(summary.p95_s) && isnan(summary.longest_s));
    assert_float_equal(figures_share(&figures, 10), 0, 0);
}

static void few_have_no_percentile(void **state)
{
    struct figures figures = FIGURES(3, 1, 2, 5, 4);
    struct summary summary = figures_summary(&figures);
    (void)state;
    assert_float_equal(summary.median_s, 3, 0);
    assert_float_equal(summary.least_s, 1, 0);
    assert_float_equal(summary.longest_s, 5, 0);
    assert_true(isnan(summary.p95_s) && isnan(summary.median_low_s));
    figures_add(&figures, 6);
    summary = figures_summary(&figures);
    assert_float_equal(summary.median_s, 3.5, 0);
    assert_float_equal(summary.median_low_s, 1, 0); /* six: 1 of 32 is outside */
    assert_float_equal(summary.median_high_s, 6, 0);
    figures_free(&figures);
}

static void nearest_rank(void **state)
{
    struct figures figures = {0};
    (void)state;
    for (int i = 100; i > 0; i--)
        figures_add(&figures, i);
    struct summary summary = figures_summary(&figures);
    assert_float_equal(summary.p95_s, 95, 0);
    assert_float_equal(summary.median_s, 50.5, 0);
    /* Tables of order statistics: ranks 40 and 61 of 100. */
    assert_float_equal(summary.median_low_s, 40, 0);
    assert_float_equal(summary.median_high_s, 61, 0);
    assert_float_equal(figures_share(&figures, 0.5), 0, 0);
    assert_float_equal(figures_share(&figures, 25), 0.25, 1e-9);
    assert_float_equal(figures_share(&figures, 1000), 1, 0);
    figures_free(&figures);
}

/* Who never noticed is the slowest of all, whatever else is said. */
static void never_is_longer_than_all(void **state)
{
    struct figures figures = FIGURES(1, 2, 3);
    (void)state;
    figures_add_never(&figures);
    struct summary summary = figures_summary(&figures);
    assert_int_equal(summary.count, 4);
    assert_int_equal(summary.never, 1);
    assert_float_equal(summary.median_s, 2.5, 0);
    assert_true(isinf(summary.longest_s));
    assert_float_equal(figures_share(&figures, 1e9), 0.75, 0);
    for (int i = 0; i < 3; i++)
        figures_add_never(&figures);
    summary = figures_summary(&figures);
    assert_true(isinf(summary.median_s));
    figures_free(&figures);
}

static void what_is_no_time_is_made_one(void **state)
{
    struct figures figures = FIGURES(INFINITY, -0.000001, 2);
    (void)state;
    struct summary summary = figures_summary(&figures);
    assert_int_equal(summary.count, 3);
    assert_int_equal(summary.never, 1);
    assert_float_equal(summary.least_s, 0, 0);
    assert_float_equal(summary.median_s, 2, 0);
    figures_free(&figures);
}

/* 95 of 100 such bounds hold the true median; drawn from a skewed distribution by a seed. */
static void bounds_hold(void **state)
{
    enum { RUNS = 2000, COUNT = 30 };
    uint64_t seed = 12345;
    unsigned held = 0;
    (void)state;
    for (unsigned run = 0; run < RUNS; run++) {
        struct figures figures = {0};
        for (unsigned i = 0; i < COUNT; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            figures_add(&figures, -log(((double)(seed >> 11) + 1) / 9007199254740993.0));
        }
        struct summary summary = figures_summary(&figures);
        held += summary.median_low_s <= log(2) && log(2) <= summary.median_high_s;
        figures_free(&figures);
    }
    assert_in_range(held, RUNS * 94 / 100, RUNS * 98 / 100);
}

static void thousands(void **state)
{
    struct figures figures = {0};
    (void)state;
    for (int i = 0; i < 100000; i++)
        figures_add(&figures, i);
    struct summary summary = figures_summary(&figures);
    assert_float_equal(summary.median_s, 49999.5, 0);
    assert_in_range((uint64_t)summary.median_low_s, 49600, 49800);
    assert_in_range((uint64_t)summary.median_high_s, 50200, 50400);
    figures_free(&figures);
}

static void ties(void **state)
{
    struct figures figures = {0};
    (void)state;
    for (int i = 0; i < 20; i++)
        figures_add(&figures, 2);
    struct summary summary = figures_summary(&figures);
    assert_float_equal(summary.median_s, 2, 0);
    assert_float_equal(summary.median_low_s, 2, 0);
    assert_float_equal(summary.median_high_s, 2, 0);
    assert_float_equal(summary.p95_s, 2, 0);
    assert_float_equal(figures_share(&figures, 2), 1, 0);
    assert_float_equal(figures_share(&figures, 1.999), 0, 0);
    figures_free(&figures);
}

static void one_is_its_own_median_and_no_more(void **state)
{
    struct figures figures = FIGURES(4);
    (void)state;
    struct summary summary = figures_summary(&figures);
    assert_float_equal(summary.median_s, 4, 0);
    assert_float_equal(summary.longest_s, 4, 0);
    assert_true(isnan(summary.median_low_s) && isnan(summary.median_high_s));
    assert_true(isnan(summary.p95_s));
    figures_free(&figures);
}

/* No number is made up where nothing was noticed: nor one that is no number. */
static void all_never(void **state)
{
    struct figures figures = {.never = 20};
    (void)state;
    struct summary summary = figures_summary(&figures);
    assert_int_equal(summary.count, 20);
    assert_true(isinf(summary.median_s) && isinf(summary.p95_s));
    assert_true(isinf(summary.median_low_s) && isinf(summary.median_high_s));
    assert_true(isinf(summary.least_s) && isinf(summary.longest_s));
    assert_float_equal(figures_share(&figures, 1e9), 0, 0);
}

/* From 19 to 20, and with some that were never noticed: by the rank among all. */
static void the_percentile_begins_at_twenty(void **state)
{
    struct figures figures = {0};
    (void)state;
    for (int i = 1; i <= 18; i++)
        figures_add(&figures, i);
    figures_add_never(&figures);
    assert_true(isnan(figures_summary(&figures).p95_s));
    figures_add(&figures, 19);
    assert_float_equal(figures_summary(&figures).p95_s, 19, 0); /* the 19th of 20 */
    figures_add_never(&figures);
    assert_true(isinf(figures_summary(&figures).p95_s)); /* the 20th of 21 */
    figures_free(&figures);
}

/* Ranks of the median's bounds, 95 % sure, from tables of the binomial distribution. */
static void ranks_of_bounds(void **state)
{
    static const struct {
        int count, low;
    } table[] = {{6, 1},  {8, 1},  {9, 2},   {12, 3},  {15, 4},  {17, 5},
                 {20, 6}, {25, 8}, {30, 10}, {40, 14}, {50, 18}, {1000, 469}};
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct figures figures = {0};
        for (int j = 1; j <= table[i].count; j++)
            figures_add(&figures, j);
        struct summary summary = figures_summary(&figures);
        assert_float_equal(summary.median_low_s, table[i].low, 0);
        assert_float_equal(summary.median_high_s, table[i].count + 1 - table[i].low, 0);
        figures_free(&figures);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_nothing),
        cmocka_unit_test(few_have_no_percentile),
        cmocka_unit_test(nearest_rank),
        cmocka_unit_test(never_is_longer_than_all),
        cmocka_unit_test(what_is_no_time_is_made_one),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(thousands),
        cmocka_unit_test(ties),
        cmocka_unit_test(one_is_its_own_median_and_no_more),
        cmocka_unit_test(all_never),
        cmocka_unit_test(the_percentile_begins_at_twenty),
        cmocka_unit_test(ranks_of_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
