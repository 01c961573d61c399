/* SPDX-License-Identifier: BSD-2-Clause */
/* When main ends a process whose prober stands still, and when it must not. */
#include "control/watchdog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Looks every second from now_ms on while the heartbeat stays; returns after how many looks it is
 * stuck, 0: never in 100. */
static int looks_until_stuck(struct watchdog *watchdog, int64_t heartbeat_ms, int64_t now_ms)
{
    for (int look = 1; look <= 100; look++)
        if (watchdog_step(watchdog, heartbeat_ms, now_ms + look * 1000))
            return look;
    return 0;
}

static void test_a_beating_engine_is_left_alone(void **state)
{
    struct watchdog watchdog;
    (void)state;
    watchdog_init(&watchdog, 5000, 5000);
    for (int64_t now_ms = 6000; now_ms < 1000000; now_ms += 1000)
        assert_false(watchdog_step(&watchdog, now_ms - 900, now_ms));
}

static void test_silence_is_seen_after_ten_seconds(void **state)
{
    struct watchdog watchdog;
    (void)state;
    watchdog_init(&watchdog, 4000, 5000);
    assert_int_equal(looks_until_stuck(&watchdog, 4000, 5000), 10);
    /* A beat in between starts anew. */
    watchdog_init(&watchdog, 4000, 5000);
    for (int64_t now_ms = 6000; now_ms <= 14000; now_ms += 1000)
        assert_false(watchdog_step(&watchdog, 4000, now_ms));
    assert_false(watchdog_step(&watchdog, 14900, 15000));
    assert_int_equal(looks_until_stuck(&watchdog, 14900, 15000), 10);
}

/* SIGSTOP and SIGCONT of the process: main looks again before the engine has turned round. */
static void test_a_stopped_process_is_forgiven(void **state)
{
    struct watchdog watchdog;
    (void)state;
    watchdog_init(&watchdog, 4900, 5000);
    assert_false(watchdog_step(&watchdog, 4900, 3605000));
    assert_false(watchdog_step(&watchdog, 3605100, 3606000));
    /* Once for each stop, also when stops come in a row. */
    watchdog_init(&watchdog, 4900, 5000);
    for (int64_t now_ms = 65000; now_ms < 6000000; now_ms += 60000) {
        assert_false(watchdog_step(&watchdog, now_ms - 60000, now_ms));
        assert_false(watchdog_step(&watchdog, now_ms - 60000, now_ms + 1));
    }
}

/* Clients of the control socket make main wait for the engine up to 5 s each: then main is late
 * too, and a stuck engine must still be found. */
static void test_a_late_main_still_finds_it(void **state)
{
    struct watchdog watchdog;
    int looks = 0;
    (void)state;
    watchdog_init(&watchdog, 4900, 5000);
    while (!watchdog_step(&watchdog, 4900, 5000 + 5000 * (looks + 1)))
        assert_true(++looks < 10);
    assert_int_equal(looks + 1, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_beating_engine_is_left_alone),
        cmocka_unit_test(test_silence_is_seen_after_ten_seconds),
        cmocka_unit_test(test_a_stopped_process_is_forgiven),
        cmocka_unit_test(test_a_late_main_still_finds_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
