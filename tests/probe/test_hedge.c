/* SPDX-License-Identifier: BSD-2-Clause */
/* From break to verdict: against servers that hang, fall silent, or are only late. Times are those
 * of an interval of 1 s. */
#include "base/clock.h"
#include "support/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void test_hung_hosts(void **state)
{
    enum { COUNT = 30 };
    struct watch watch;
    struct sink *sink = sink_start(&(struct sink_options){0});
    (void)state;

    watch_open(&watch);
    for (unsigned i = 1; i <= COUNT; i++)
        watch_add(&watch, i, sink_port(sink));
    watch_learn(&watch);
    sink_freeze(sink, true);
    int64_t start_ms = clock_now_ms();
    watch_run(&watch, 5000);
    watch_expect_falls(&watch, "hung", start_ms, 2600, 3600);
    assert_int_equal(watch.unconfirmed, 0);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_true(watch.late_ms[i] >= start_ms && watch.late_ms[i] < watch.down_ms[i]);
        assert_int_equal(watch.verdicts[i].reason, REASON_GREETING_TIMEOUT);
    }
    sink_freeze(sink, false);
    watch_run(&watch, 2000); /* what is left open is greeted now */
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(watch.verdicts[i].status, VERDICT_UP);
    assert_in_range(watch.revoked, COUNT,
                    2 * COUNT); /* and by the next one, where that waits, too */
    assert_int_equal(sink_numbers(sink).impatient, 0);
    watch_close(&watch);
    sink_stop(sink);
}

/* All services of a host hang at once, with two places for five of them. */
static void test_five_services_of_one_host(void **state)
{
    (void)state;

    for (unsigned hung = 1; hung <= SERVICES; hung += 2) {
        struct watch watch;
        struct lookout lookout;
        char what[40];
        watch_open(&watch);
        lookout_open(&lookout, &watch);
        watch_learn(&watch);
        for (unsigned i = 0; i < hung; i++)
            sink_freeze(lookout.sinks[i], true);
        int64_t start_ms = clock_now_ms();
        watch_run(&watch, 6000);
        snprintf(what, sizeof what, "%u of 5 services hung", hung);
        for (unsigned i = hung; i < SERVICES; i++) {
            assert_int_equal(watch.down_ms[i], 0); /* the others are none the worse */
            assert_int_equal(watch.verdicts[i].bad, 0);
            assert_in_range(clock_now_ms() - watch.verdicts[i].last_good_ms, 0, 2000 + LOAD_MS);
        }
        watch.targets = hung;
        watch_expect_falls(&watch, what, start_ms, 3600, 3600);
        assert_in_range(lookout.most, 1, 2);
        lookout_close(&lookout);
        watch_close(&watch);
    }
}

/* A backlog that is full drops SYNs: what a black hole does. */
static void test_black_hole(void **state)
{
    enum { COUNT = 20, FILLERS = 8 };
    struct watch watch;
    int fillers[FILLERS];
    struct sink *sink = sink_start(&(struct sink_options){0});
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons(sink_port(sink))};
    (void)state;

    watch_open(&watch);
    for (unsigned i = 1; i <= COUNT; i++)
        watch_add(&watch, i, sink_port(sink));
    watch_learn(&watch);
    sink_freeze(sink, true);
    sink_backlog(sink, 2);
    for (unsigned i = 0; i < FILLERS; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fillers[i], (struct sockaddr *)&to, sizeof to);
    }
    int64_t start_ms = clock_now_ms();
    watch_run(&watch, 4000);
    watch_expect_falls(&watch, "black hole", start_ms, 1600, 2600);
    assert_true(watch.by_reason[REASON_CONNECT_TIMEOUT] >= COUNT);
    for (unsigned i = 0; i < FILLERS; i++)
        close(fillers[i]);
    watch_close(&watch);
    sink_stop(sink);
}

/* The resolver of a mail host dies: its greetings take 4 s from now on. */
static void test_late_is_back_at_once(void **state)
{
    struct watch watch;
    struct sink *sink = sink_start(&(struct sink_options){0});
    (void)state;

    watch_open(&watch);
    watch_add(&watch, 1, sink_port(sink));
    watch_learn(&watch);
    sink_greet_after(sink, 4000);
    watch_run(&watch, 6500);
    assert_int_equal(watch.falls, 1);
    assert_int_equal(watch.revoked, 1);
    assert_int_equal(watch.verdicts[0].status, VERDICT_UP);
    watch_run(&watch, 10000); /* and is not taken out for it again */
    assert_int_equal(watch.falls, 1);
    assert_int_equal(watch.verdicts[0].status, VERDICT_UP);
    assert_in_range(watch.by_reason[REASON_GREETING_TIMEOUT], 1, 2);
    assert_in_range(sink_numbers(sink).open_max_address, 1, 2);
    watch_close(&watch);
    sink_stop(sink);
}

/* Until it has been good three times, a target gets the whole timeouts. */
static void test_unknown_is_waited_for(void **state)
{
    struct watch watch;
    struct sink *sink = sink_start(&(struct sink_options){.greet_ms = 3500});
    (void)state;

    watch_open(&watch);
    watch_add(&watch, 1, sink_port(sink));
    watch_run(&watch, 5000);
    assert_int_equal(watch.by_reason[REASON_OK], 1);
    assert_int_equal(watch.falls, 0);
    assert_int_equal(watch.late_ms[0], 0);
    assert_int_equal(sink_numbers(sink).open_max_address, 1);
    watch_close(&watch);
    sink_stop(sink);
}

static void test_source_address(void **state)
{
    static const struct address source = {.family = 4, .bytes = {127, 9, 8, 7}};
    static const struct address nobody = {.family = 4, .bytes = {192, 0, 2, 1}};
    struct watch watch;
    struct sink *sink = sink_start(&(struct sink_options){0});
    (void)state;

    watch_open_from(&watch, &source);
    watch_add(&watch, 1, sink_port(sink));
    watch_run(&watch, 1500);
    assert_true(watch.by_reason[REASON_OK] > 0);
    assert_int_equal(sink_numbers(sink).last_from, 0x7f090807);
    watch_close(&watch);

    watch_open_from(&watch, &nobody);
    watch_add(&watch, 1, sink_port(sink));
    watch_run(&watch, 1500);
    assert_true(watch.by_reason[REASON_LOCAL] > 0);
    assert_int_equal(watch.falls, 0);
    assert_int_equal(watch.by_reason[REASON_LOCAL], (unsigned)watch.verdicts[0].unknowns);
    watch_close(&watch);
    sink_stop(sink);
}

/* Many targets keep their rhythm: between 0.9 and 1.0 of the interval each, without drift. */
static void test_no_drift(void **state)
{
    struct watch watch;
    struct prober_numbers before, after;
    struct sink *sink = sink_start(&(struct sink_options){.greet_ms = 100});
    (void)state;

    watch_open(&watch);
    watch.check.interval_ms = watch.policy.interval_ms = 300;
    for (unsigned i = 1; i <= TARGETS_MAX; i++)
        watch_add(&watch, i, sink_port(sink));
    watch_run(&watch, 2000);
    prober_numbers(watch.prober, &before);
    int64_t start_ms = clock_now_ms();
    watch_run(&watch, 4000);
    int64_t took_ms = clock_now_ms() - start_ms;
    prober_numbers(watch.prober, &after);
    uint64_t made = after.started - before.started;
    uint64_t due = TARGETS_MAX * (uint64_t)took_ms / 285; /* 0.95 of it */
    assert_in_range(made, due * 93 / 100, due * 107 / 100);
    watch_close(&watch);
    sink_stop(sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hung_hosts),
        cmocka_unit_test(test_five_services_of_one_host),
        cmocka_unit_test(test_black_hole),
        cmocka_unit_test(test_late_is_back_at_once),
        cmocka_unit_test(test_unknown_is_waited_for),
        cmocka_unit_test(test_source_address),
        cmocka_unit_test(test_no_drift),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
