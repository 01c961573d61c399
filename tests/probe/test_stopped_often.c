/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is stopped and continued again and again: a server, and the prober itself. */
#include "base/clock.h"
#include "base/memory.h"
#include "support/watch.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* What was learned of a host that was stopped for some seconds, and continued, must not make the
 * next times longer. */
static void test_stopped_now_and_then(void **state)
{
    enum {
        TIMES = 5,
        STOPPED_MS = 4000,
        WELL_MS = 1700,    /* one prompt greeting, or two */
        NOTICED_MS = 3100, /* the rest of an interval, and the window of a greeting */
    };
    struct watch watch;
    struct sink *sink = sink_start(&(struct sink_options){0});
    (void)state;

    watch_open(&watch);
    watch_add(&watch, 1, sink_port(sink));
    watch_learn(&watch);
    for (unsigned times = 1; times <= TIMES; times++) {
        int64_t start_ms = clock_now_ms();
        watch.revoked = 0;
        watch.down_ms[0] = 0;
        sink_freeze(sink, true);
        watch_run(&watch, STOPPED_MS);
        assert_in_range(watch.down_ms[0] - start_ms, 0, NOTICED_MS + LOAD_MS);
        assert_int_equal(watch.falls, times);
        sink_freeze(sink, false);
        watch_run(&watch, WELL_MS);
        assert_int_equal(watch.verdicts[0].status, VERDICT_UP);
        assert_true(watch.revoked > 0);
    }
    watch_close(&watch);
    sink_stop(sink);
}

/* A prober that knows its targets is stopped for so long, again and again: nothing falls. */
static void stopped_prober(uint16_t port, int tell)
{
    struct watch *watch = memory_alloc(sizeof *watch);
    unsigned counts[2];
    watch_open(watch);
    for (unsigned i = 1; i <= 20; i++)
        watch_add(watch, i, port);
    watch_run(watch, 14000);
    counts[0] = watch->by_reason[REASON_OK];
    counts[1] = watch->falls;
    _exit(write(tell, counts, sizeof counts) != sizeof counts);
}

static void test_stopped_again_and_again(void **state)
{
    static const useconds_t stops_us[] = {500000, 900000, 1300000, 2500000, 700000};
    struct sink *sink = sink_start(&(struct sink_options){.greet_ms = 60});
    unsigned counts[2] = {0};
    int from[2], status;
    (void)state;

    assert_int_equal(pipe(from), 0);
    pid_t process = fork();
    if (process == 0)
        stopped_prober(sink_port(sink), from[1]);
    usleep(LEARNING_MS * 1000);
    for (size_t i = 0; i < sizeof stops_us / sizeof *stops_us; i++) {
        kill(process, SIGSTOP);
        usleep(stops_us[i]);
        kill(process, SIGCONT);
        usleep(330000);
    }
    assert_int_equal(read(from[0], counts, sizeof counts), sizeof counts);
    waitpid(process, &status, 0);
    assert_int_equal(status, 0);
    assert_true(counts[0] > 60);
    assert_int_equal(counts[1], 0);
    close(from[0]);
    close(from[1]);
    sink_stop(sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stopped_now_and_then),
        cmocka_unit_test(test_stopped_again_and_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
