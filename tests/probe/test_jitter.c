/* SPDX-License-Identifier: BSD-2-Clause */
/* The time between two probes. */
#include "probe/jitter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Never longer than what is promised, down to a tenth less, and all of it. */
static void test_jitter(void **state)
{
    int64_t least_ms = INT64_MAX, most_ms = 0;
    (void)state;
    for (uint64_t random = 0; random < 1000; random++) {
        int64_t wait_ms = jitter_ms(2000, random * UINT64_C(0x9e3779b97f4a7c15));
        least_ms = wait_ms < least_ms ? wait_ms : least_ms;
        most_ms = wait_ms > most_ms ? wait_ms : most_ms;
    }
    assert_in_range(least_ms, 1800, 1805);
    assert_in_range(most_ms, 1995, 2000);
    assert_int_equal(jitter_ms(2000, 200), 1800);
    assert_int_equal(jitter_ms(2000, 201), 2000);
    assert_int_equal(jitter_ms(9, UINT64_MAX), 9); /* no whole millisecond to spare */
    assert_int_equal(jitter_ms(0, UINT64_MAX), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_jitter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
