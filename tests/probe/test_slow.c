/* SPDX-License-Identifier: BSD-2-Clause */
/* A server that is slow in its dialogue, and one that falls silent again and again. */
#include "base/clock.h"
#include "support/watch.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A dialogue that takes long is no fault, and comes to its end: others ask meanwhile whether there
 * is a greeting. */
static void test_slow_dialogue(void **state)
{
    struct watch watch;
    struct sink *sink = sink_start(&(struct sink_options){.hello_ms = 3500});
    (void)state;

    watch_open(&watch);
    watch.check.service_interval_ms = watch.policy.service_interval_ms = 5000;
    watch_add(&watch, 1, sink_port(sink));
    watch_run(&watch, 12000);
    const struct verdict *verdict = &watch.verdicts[0];
    struct sink_numbers numbers = sink_numbers(sink);
    assert_int_equal(watch.falls, 0);
    assert_int_equal(verdict->failures, 0);
    assert_int_equal(verdict->unknowns, 0);
    assert_int_equal(verdict->last[DEPTH_SERVICE].reason, REASON_OK);
    assert_true(verdict->last[DEPTH_SERVICE].step_us[TIMED_HELLO] > 3000000);
    assert_in_range(numbers.hellos, 2, 3);
    assert_in_range(numbers.accepted, 11, 14); /* the rhythm goes on beside it */
    assert_int_equal(numbers.open_max_address, 2);
    assert_in_range(numbers.quits, numbers.accepted - 2, numbers.accepted);
    watch_close(&watch);
    sink_stop(sink);
}

/* Fills its kernel's queue, so that SYNs are dropped from now on. */
static void fill(struct sink *sink, int *fillers, unsigned count)
{
    enum { BACKLOG = 2, TAKEN = BACKLOG + 1 };
    struct sockaddr_in peer, to = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                   .sin_port = htons(sink_port(sink))};
    unsigned taken = 0;
    sink_backlog(sink, BACKLOG);
    for (unsigned i = 0; i < count; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fillers[i], (struct sockaddr *)&to, sizeof to);
    }
    for (unsigned times = 0; taken < TAKEN; times++) { /* the kernel may do it a little later */
        assert_true(times < 1000);
        usleep(1000);
        taken = 0;
        for (unsigned i = 0; i < count; i++)
            taken +=
                getpeername(fillers[i], (struct sockaddr *)&peer, &(socklen_t){sizeof peer}) == 0;
    }
}

/* Silent from the first packet on: its kernel's queue is full, and it greets nobody. What was
 * learned of it must not make the next times longer. */
static void test_silent_again_and_again(void **state)
{
    enum { FILLERS = 8, TIMES = 3, SILENT_MS = 3800, NOTICED_MS = 2200 };
    struct watch watch;
    int fillers[FILLERS];
    struct sink *sink = sink_start(&(struct sink_options){0});
    (void)state;

    watch_open(&watch);
    watch_add(&watch, 1, sink_port(sink));
    watch_learn(&watch);
    for (unsigned times = 1; times <= TIMES; times++) {
        uint64_t probes = watch.verdicts[0].probes;
        while (watch.verdicts[0].probes == probes) /* none is under way then */
            watch_run(&watch, 5);
        int64_t start_ms = clock_now_ms();
        watch.down_ms[0] = 0;
        sink_freeze(sink, true);
        fill(sink, fillers, FILLERS);
        watch_run(&watch, SILENT_MS);
        assert_in_range(watch.down_ms[0] - start_ms, 0, NOTICED_MS + LOAD_MS);
        assert_int_equal(watch.falls, times);
        for (unsigned i = 0; i < FILLERS; i++)
            close(fillers[i]);
        sink_backlog(sink, 4096);
        sink_freeze(sink, false);
        watch_run(&watch, 3 * INTERVAL_MS);
        assert_int_equal(watch.verdicts[0].status, VERDICT_UP);
    }
    watch_close(&watch);
    sink_stop(sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_dialogue),
        cmocka_unit_test(test_silent_again_and_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
