/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../tools/drill/watch/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MS = 1000, S = 1000 * 1000, OFTEN = 100 * MS };

static struct source answered(int64_t came_us, uint32_t ttl_s)
{
    return (struct source){
        .known = true, .with = true, .last = SEEN_WITH, .came_us = came_us, .ttl_s = ttl_s};
}

static void seldom_while_a_cache_cannot_change(void **state)
{
    struct source source = answered(0, 10);
    (void)state;
    assert_int_equal(plan_wait_us(&source, 0, OFTEN, false), S);
    assert_int_equal(plan_wait_us(&source, 5 * S, OFTEN, false), S);
    /* Not past the time at which it may change. */
    assert_int_equal(plan_wait_us(&source, 9 * S + 200 * MS, OFTEN, false), 500 * MS);
    assert_int_equal(plan_wait_us(&source, 9 * S + 700 * MS, OFTEN, false), OFTEN);
    assert_int_equal(plan_wait_us(&source, 11 * S, OFTEN, false), OFTEN);
    /* No answer came to all that. */
    assert_int_equal(plan_wait_us(&source, 12 * S, OFTEN, false), S);
}

static void often_where_it_may_have_changed(void **state)
{
    struct source source = answered(0, 3600), unheard = {0};
    (void)state;
    assert_int_equal(plan_wait_us(&source, 5 * S, OFTEN, true), OFTEN);
    source.ttl_s = 0;
    assert_int_equal(plan_wait_us(&source, 0, OFTEN, false), OFTEN);
    assert_int_equal(plan_wait_us(&unheard, 0, OFTEN, false), S);
    assert_int_equal(plan_wait_us(&unheard, 0, 5 * S, false), 5 * S);
}

/* Questions to an honest cache with a TTL of 10 s, for a minute. */
static void an_honest_one_is_asked_little(void **state)
{
    struct source source = {0};
    unsigned questions = 0;
    int64_t fetched_us = -20 * (int64_t)S;
    (void)state;
    for (int64_t now_us = 0; now_us < 60 * S; questions++) {
        if (now_us - fetched_us >= 10 * S)
            fetched_us = now_us;
        int64_t left_us = fetched_us + 10 * S - now_us;
        source = answered(now_us, (uint32_t)(left_us / S));
        int64_t wait_us = plan_wait_us(&source, now_us, OFTEN, false);
        /* A new answer is never overlooked for longer than this. */
        if (left_us < wait_us)
            assert_true(wait_us <= OFTEN);
        now_us += wait_us;
    }
    assert_in_range(questions, 60, 200);
}

static void phases_cover_all(void **state)
{
    enum { COUNT = 20 };
    double phases[COUNT], again[COUNT], other[COUNT];
    unsigned parts = 0, same = 0, in_order = 0;
    (void)state;
    plan_phases(1, phases, COUNT);
    plan_phases(1, again, COUNT);
    plan_phases(2, other, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_true(phases[i] >= 0 && phases[i] < 1);
        parts |= 1u << (unsigned)(phases[i] * COUNT);
        assert_float_equal(phases[i], again[i], 0);
        same += phases[i] == other[i];
        in_order += i > 0 && phases[i] > phases[i - 1];
    }
    assert_int_equal(parts, (1u << COUNT) - 1); /* one in each */
    assert_int_equal(same, 0);
    assert_in_range(in_order, 4, COUNT - 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seldom_while_a_cache_cannot_change),
        cmocka_unit_test(often_where_it_may_have_changed),
        cmocka_unit_test(an_honest_one_is_asked_little),
        cmocka_unit_test(phases_cover_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
