/* SPDX-License-Identifier: BSD-2-Clause */
/* What users behind resolvers get to see: against closed forms, and against caches that are asked
 * query by query. */
#include "../../tools/drill/simulate/audience.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DRAWS = 20000 };

static const struct resolver_class honest = {.name = "honest", .users = 1, .caches = 1};

static struct death death_at(double left_s)
{
    return (struct death){.seen_s = left_s, .left_s = left_s};
}

static int compare(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

/* Ends of many such caches, after the server's answer has changed; ascending. */
static struct times ends_of(const struct resolver_class *class, double wait_s, uint32_t ttl_s,
                            const struct death *death)
{
    struct times times = {calloc(DRAWS, sizeof(double)), DRAWS};
    struct chance chance = {7};
    for (size_t i = 0; i < DRAWS; i++) {
        double end_s = audience_cache_ends_s(class, wait_s, ttl_s, death, &chance);
        assert_true(end_s >= death->left_s);
        times.list[i] = end_s - death->left_s;
    }
    qsort(times.list, times.count, sizeof *times.list, compare);
    return times;
}

/* The share of ends that are later than 0, and whether they are even up to longest_s: by
 * Kolmogorov and Smirnov, 1 % of chance, and a fixed seed. */
static void check_even(const struct times *ends, double held, double longest_s)
{
    double farthest = 0;
    for (size_t i = 0; i < ends->count; i++) {
        double at_s = ends->list[i];
        double expected = at_s >= longest_s ? 1 : 1 - held * (1 - at_s / longest_s);
        double reached = ((double)i + 1) / (double)ends->count;
        if (at_s > 1e-5) /* at 0 all that hold nothing stand together */
            farthest = fmax(farthest, fabs(reached - expected));
    }
    if (farthest > 1.63 / sqrt((double)ends->count))
        fail_msg("%g from what is expected", farthest);
    if (ends->list[ends->count - 1] > longest_s + 1e-3)
        fail_msg("%g s is too long", ends->list[ends->count - 1]);
}

/* ---- one cache ---- */

/* Asked all the time: what is left of the TTL is even. */
static void test_always_asked(void **state)
{
    struct death death = death_at(3);
    struct times ends = ends_of(&honest, 1e-6, 10, &death);
    (void)state;
    check_even(&ends, 1, 10);
    assert_float_equal(times_mean_s(&ends, 1e9), 5, 0.1);
    free(ends.list);
    death = death_at(60); /* later fetches get the old answer, too: all the same */
    ends = ends_of(&honest, 1e-6, 10, &death);
    check_even(&ends, 1, 10);
    free(ends.list);
}

static void test_floor_and_ceiling(void **state)
{
    struct resolver_class floor = honest, ceiling = honest;
    struct death death = death_at(2);
    (void)state;
    floor.floor_ms = 240 * 1000;
    struct times ends = ends_of(&floor, 1e-6, 10, &death);
    check_even(&ends, 1, 240);
    free(ends.list);
    ceiling.ceiling_ms = 60 * 1000;
    ends = ends_of(&ceiling, 1e-6, 3600, &death);
    check_even(&ends, 1, 60);
    free(ends.list);
    assert_false(class_is_honest(&floor));
    assert_true(class_is_honest(&ceiling));
}

/* Asked now and then, it holds the answer for a part of the time, and for the longest time not at
 * all: then the next query gets the new one. */
static void test_seldom_asked(void **state)
{
    static const double waits_s[] = {2, 10, 90};
    struct death death = death_at(4);
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct times ends = ends_of(&honest, waits_s[i], 10, &death);
        check_even(&ends, 10 / (10 + waits_s[i]), 10);
        free(ends.list);
    }
    struct times ends = ends_of(&honest, 1e9, 10, &death);
    assert_true(times_share_after(&ends, 0) < 0.001);
    free(ends.list);
}

/* Fetches after the first suspicion get a TTL of 1 s: of the caches, those last that were not due
 * until the change and a second more. */
static void test_cap(void **state)
{
    struct death_cap caps[] = {{1, 1}};
    struct death death = {.left_s = 4, .caps = caps, .ncaps = 1};
    struct times ends = ends_of(&honest, 1e-6, 10, &death);
    (void)state;
    assert_float_equal(times_share_after(&ends, 1), 0.6, 0.02); /* of 10: from 5 s on */
    assert_float_equal(times_share_after(&ends, 3), 0.4, 0.02);
    assert_true(times_quantile(&ends, 1) <= 7); /* fetched just before the cap: ends at 11 s */
    free(ends.list);
}

static void test_never(void **state)
{
    struct death death = death_at((double)INFINITY);
    struct chance chance = {1};
    (void)state;
    assert_true(isinf(audience_cache_ends_s(&honest, 1, 10, &death, &chance)));
}

/* ---- query by query ---- */

/* A cache over many fetches, as it is: each query that finds nothing, or comes in the last part
 * where that renews, fetches. Seen at random moments: how long it goes on to give what it holds
 * then. */
struct watched {
    double holds, mean_s; /* share of moments that it holds something; for how long, on the whole */
    double fetches;       /* a second */
};

static struct watched watch_cache(const struct resolver_class *class, double wait_s, uint32_t ttl_s)
{
    enum { FETCHES = 40000 };
    struct chance chance = {99};
    double now_s = 0, held_s = 0, area = 0;
    for (int i = 0; i < FETCHES; i++) {
        double kept_s = class_ttl_s(class, ttl_s), ends_s = now_s + kept_s, query_s = now_s;
        if (class->clock != CLOCK_EXACT) /* by a clock of whole seconds */
            ends_s = floor(now_s) + kept_s + (class->clock == CLOCK_KEEPS ? 1 : 0);
        while (query_s < ends_s - class_prefetch_s(class, kept_s) || query_s <= now_s)
            query_s += chance_wait(&chance, wait_s);
        double holds_s = fmin(ends_s, query_s) - now_s;
        held_s += holds_s;
        area += holds_s * holds_s / 2;
        now_s = query_s;
    }
    return (struct watched){held_s / now_s, area / now_s, FETCHES / now_s};
}

static void check_watched(const struct resolver_class *class, double wait_s, uint32_t ttl_s)
{
    struct death death = death_at(0.001);
    struct watched watched = watch_cache(class, wait_s, ttl_s);
    struct times ends = ends_of(class, wait_s, ttl_s, &death);
    assert_float_equal(times_share_after(&ends, 1e-5), watched.holds, 0.015);
    assert_float_equal(times_mean_s(&ends, 1e9), watched.mean_s, 0.03 * watched.mean_s + 0.002);
    assert_float_equal(audience_cache_asks(class, wait_s, ttl_s), watched.fetches,
                       0.015 * watched.fetches);
    free(ends.list);
}

static void test_query_by_query(void **state)
{
    struct resolver_class classes[6];
    static const double waits_s[] = {0.1, 1, 7, 40};
    (void)state;
    for (size_t i = 0; i < 6; i++)
        classes[i] = honest;
    classes[1].prefetch = 10;
    classes[2].prefetch_ms = 2000;
    classes[2].prefetch_from_ms = 9000;
    classes[2].clock = CLOCK_CUTS;
    classes[3].clock = CLOCK_KEEPS;
    classes[4].floor_ms = 30000;
    classes[4].clock = CLOCK_CUTS;
    classes[5].prefetch = 50;
    classes[5].clock = CLOCK_KEEPS;
    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < 4; j++) {
            check_watched(&classes[i], waits_s[j], 10);
            check_watched(&classes[i], waits_s[j], 2);
        }
}

/* What would be renewed too early, is not renewed early at all. */
static void test_prefetch_from(void **state)
{
    struct resolver_class class = honest;
    (void)state;
    class.prefetch_ms = 2000;
    class.prefetch_from_ms = 9000;
    assert_float_equal(class_prefetch_s(&class, 10), 2, 0);
    assert_float_equal(class_prefetch_s(&class, 9), 2, 0);
    assert_float_equal(class_prefetch_s(&class, 8.9), 0, 0);
}

/* ---- what it costs ---- */

static struct population population_of(struct resolver_class *classes, size_t count)
{
    return (struct population){.resolvers = 1000, .classes = classes, .count = count};
}

static void test_cost(void **state)
{
    struct resolver_class classes[2] = {honest, honest};
    struct population population = population_of(classes, 1);
    (void)state;
    classes[0].busiest_ms = classes[0].quietest_ms = 500; /* 2 a second */
    struct audience_cost cost = audience_cost(&population, 10);
    assert_float_equal(cost.asked_s, 2000, 1e-6);
    assert_float_equal(cost.queries_s, 1000 * 2 / (1 + 2 * 10.0), 1e-6);
    classes[0].caches = 4; /* each is asked for itself */
    cost = audience_cost(&population, 10);
    assert_float_equal(cost.queries_s, 1000 * 2 / (1 + 2 * 10.0 / 4), 1e-6);
    classes[0].caches = 1;
    classes[0].floor_ms = 60000;
    assert_float_equal(audience_cost(&population, 10).queries_s, 1000 * 2 / (1 + 2 * 60.0), 1e-6);
    /* Rates that are spread: the sum over resolvers of rate/(1 + rate TTL), by its integral. */
    classes[0].floor_ms = 0;
    classes[0].busiest_ms = 100;
    classes[0].quietest_ms = 100000;
    double low = 0.01, high = 10, ratio = log(high / low);
    cost = audience_cost(&population, 10);
    assert_float_equal(cost.asked_s, 1000 * (high - low) / ratio, 1);
    assert_float_equal(cost.queries_s, 1000 * log((1 + 10 * high) / (1 + 10 * low)) / 10 / ratio,
                       0.1);
}

/* Half of the users are at resolvers that are asked ten times as often: of eleven, one. */
static void test_cost_of_classes(void **state)
{
    struct resolver_class classes[2] = {honest, honest};
    struct population population = population_of(classes, 2);
    (void)state;
    classes[0].busiest_ms = classes[0].quietest_ms = 100;
    classes[1].busiest_ms = classes[1].quietest_ms = 1000;
    struct audience_cost cost = audience_cost(&population, 10);
    assert_float_equal(cost.asked_s, 1000 * (10 + 10 * 1) / 11.0, 1e-6);
    assert_float_equal(cost.queries_s, 1000 * (10 / 101.0 + 10 * 1 / 11.0) / 11, 1e-6);
}

/* ---- all together ---- */

static struct audience *draw(const struct population *population, const struct deaths *deaths,
                             bool only_honest, size_t draws)
{
    const struct audience_setting setting = {.population = population,
                                             .deaths = deaths,
                                             .ttl_s = 10,
                                             .draws = draws,
                                             .honest = only_honest};
    struct chance chance = {3};
    return audience_draw(&setting, &chance);
}

static void test_classes(void **state)
{
    struct resolver_class classes[2] = {honest, honest};
    struct population population = population_of(classes, 2);
    const double left_s[] = {2};
    struct deaths deaths = deaths_of_times(1, left_s);
    (void)state;
    for (int i = 0; i < 2; i++)
        classes[i].busiest_ms = classes[i].quietest_ms = 1;
    classes[0].users = 90;
    classes[1].users = 10;
    classes[1].floor_ms = 240 * 1000;
    struct audience *audience = draw(&population, &deaths, false, DRAWS);
    assert_int_equal(audience->classes[0].count, DRAWS * 9 / 10);
    assert_int_equal(audience->users.count, DRAWS);
    assert_float_equal(times_quantile(&audience->users, 0.45), 2 + 4.9, 0.2);
    assert_float_equal(times_quantile(&audience->users, 0.95), 2 + 125, 8);
    assert_float_equal(times_share_after(&audience->answers, 2 + 10.1), 0.1 * 230 / 240, 0.005);
    assert_float_equal(times_share_after(&audience->answers, 1.9), 1, 0);
    audience_free(audience);
    audience = draw(&population, &deaths, true, DRAWS);
    assert_int_equal(audience->classes[1].count, 0);
    assert_true(times_quantile(&audience->users, 1) < 12.1);
    audience_free(audience);
    deaths_free(&deaths);
}

/* Of several caches behind an address the last one counts for the failover, and any of them for who
 * asks right now. */
static void test_caches(void **state)
{
    struct resolver_class class = honest;
    struct population population = population_of(&class, 1);
    const double left_s[] = {0};
    struct deaths deaths = deaths_of_times(1, left_s);
    (void)state;
    class.busiest_ms = class.quietest_ms = 1;
    class.caches = 4;
    struct audience *audience = draw(&population, &deaths, false, DRAWS);
    assert_float_equal(times_quantile(&audience->users, 0.5), 10 * pow(0.5, 0.25), 0.1);
    assert_float_equal(times_quantile(&audience->answers, 0.5), 5, 0.15);
    audience_free(audience);
    deaths_free(&deaths);
}

/* Half of the deaths are never noticed. */
static void test_unnoticed(void **state)
{
    struct resolver_class class = honest;
    struct population population = population_of(&class, 1);
    const double left_s[] = {1, (double)INFINITY};
    struct deaths deaths = deaths_of_times(2, left_s);
    (void)state;
    class.busiest_ms = class.quietest_ms = 1000;
    struct audience *audience = draw(&population, &deaths, false, DRAWS);
    assert_float_equal(times_share_after(&audience->users, 1e6), 0.5, 0.02);
    assert_true(isinf(times_quantile(&audience->users, 0.6)));
    assert_true(isinf(times_mean_s(&audience->answers, (double)INFINITY)));
    audience_free(audience);
    deaths_free(&deaths);
}

static void test_times(void **state)
{
    double list[] = {1, 2, 3, 4};
    const struct times times = {list, 4}, none = {list, 0};
    (void)state;
    assert_float_equal(times_quantile(&times, 0), 1, 0);
    assert_float_equal(times_quantile(&times, 0.25), 1, 0);
    assert_float_equal(times_quantile(&times, 0.26), 2, 0);
    assert_float_equal(times_quantile(&times, 1), 4, 0);
    assert_true(isnan(times_quantile(&none, 0.5)));
    assert_float_equal(times_share_after(&times, 0), 1, 0);
    assert_float_equal(times_share_after(&times, 2), 0.5, 0);
    assert_float_equal(times_share_after(&times, 4), 0, 0);
    assert_float_equal(times_share_after(&none, 4), 0, 0);
    assert_float_equal(times_mean_s(&times, 3), 2.25, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_always_asked),    cmocka_unit_test(test_floor_and_ceiling),
        cmocka_unit_test(test_seldom_asked),    cmocka_unit_test(test_cap),
        cmocka_unit_test(test_never),           cmocka_unit_test(test_query_by_query),
        cmocka_unit_test(test_prefetch_from),   cmocka_unit_test(test_cost),
        cmocka_unit_test(test_cost_of_classes), cmocka_unit_test(test_classes),
        cmocka_unit_test(test_caches),          cmocka_unit_test(test_unnoticed),
        cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
