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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
