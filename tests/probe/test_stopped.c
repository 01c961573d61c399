/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is stopped in the middle of something: a server between two commands, all services of a host
 * with one in its dialogue; and the prober itself. */
#include "base/clock.h"
#include "base/memory.h"
#include "support/watch.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* It stops in the middle of whatever is under way: behind a greeting there is no hedge. */
static void test_stopped_between_commands(void **state)
{
    static const char *const verbs[] = {"EHLO", "QUIT"};
    enum { VERBS = sizeof verbs / sizeof *verbs };
    struct watch watch;
    struct sink *sinks[VERBS];
    (void)state;

    watch_open(&watch);
    watch.check.service_interval_ms = watch.policy.service_interval_ms = INTERVAL_MS;
    for (unsigned i = 0; i < VERBS; i++) {
        sinks[i] = sink_start(&(struct sink_options){0});
        watch_add(&watch, i + 1, sink_port(sinks[i]));
    }
    watch_learn(&watch);
    for (unsigned i = 0; i < VERBS; i++)
        sink_stop_at(sinks[i], verbs[i]);
    watch_run(&watch, 6000);
    for (unsigned i = 0; i < VERBS; i++) {
        int64_t stopped_ms = sink_numbers(sinks[i]).stopped_ms;
        int64_t took_ms = watch.down_ms[i] - stopped_ms;
        print_message("stopped at %s: down after %lld ms\n", verbs[i], (long long)took_ms);
        assert_true(stopped_ms > 0 && watch.down_ms[i] > 0);
        assert_in_range(took_ms, 1, 3600 + LOAD_MS);
        assert_int_equal(watch.verdicts[i].reason, REASON_GREETING_TIMEOUT);
        sink_stop(sinks[i]);
    }
    assert_int_equal(watch.unconfirmed, 0);
    watch_close(&watch);
}

/* All services of a host stop, and one of them in its dialogue, which holds one of the two places
 * and would wait for a reply for 10 s. */
static void test_stopped_in_a_dialogue(void **state)
{
    struct watch watch;
    struct lookout lookout;
    (void)state;

    watch_open(&watch);
    watch.asks = true;
    watch.check.service_interval_ms = watch.policy.service_interval_ms = 3 * INTERVAL_MS;
    lookout_open(&lookout, &watch);
    watch_learn(&watch);
    sink_stop_at(lookout.sinks[0], "EHLO");
    for (unsigned i = 0; i < 1000 && !sink_numbers(lookout.sinks[0]).stopped_ms; i++)
        watch_run(&watch, 5);
    for (unsigned i = 1; i < SERVICES; i++)
        sink_freeze(lookout.sinks[i], true);
    watch_run(&watch, 5000);
    watch_expect_falls(&watch, "one of 5 in its dialogue",
                       sink_numbers(lookout.sinks[0]).stopped_ms, 2600, 3600);
    assert_int_equal(watch.by_reason[REASON_REPLY_TIMEOUT], 0);
    assert_int_equal(watch.unconfirmed, 0);
    assert_in_range(lookout.most, 1, 2);
    lookout_close(&lookout);
    watch_close(&watch);
}

/* Who checks logins hangs: so does IMAP, from its greeting on, and submission in its dialogue,
 * which keeps one of the two places. SMTP is well and needs one, too. */
static void test_stopped_beside_a_dialogue(void **state)
{
    enum { IMAP, SUBMISSION, SMTP, KINDS, HOSTS = 13 };
    enum {
        SERVICE_MS = 2 * INTERVAL_MS,
        REPLY_MS = 4000,
        SILENT_MS = 3100,
        STUCK_MS = SERVICE_MS + 2 * REPLY_MS + 2000,
    };
    struct watch watch;
    struct sink *sinks[KINDS];
    int64_t longest_ms[KINDS] = {0};
    (void)state;

    watch_open(&watch);
    watch.check.service_interval_ms = watch.policy.service_interval_ms = SERVICE_MS;
    watch.check.reply_timeout_ms = REPLY_MS;
    for (unsigned kind = 0; kind < KINDS; kind++)
        sinks[kind] = sink_start(&(struct sink_options){0});
    for (unsigned i = 0; i < HOSTS * KINDS; i++)
        watch_add(&watch, i / KINDS + 1, sink_port(sinks[i % KINDS]));
    watch_learn(&watch);
    int64_t start_ms = clock_now_ms();
    sink_hello_after(sinks[SUBMISSION], 60000);
    sink_freeze(sinks[IMAP], true);
    watch_run(&watch, STUCK_MS + LOAD_MS);
    for (unsigned i = 0; i < watch.targets; i++) {
        int64_t took_ms = watch.down_ms[i] - start_ms;
        assert_int_equal(watch.verdicts[i].status, i % KINDS == SMTP ? VERDICT_UP : VERDICT_DOWN);
        if (took_ms > longest_ms[i % KINDS])
            longest_ms[i % KINDS] = took_ms;
    }
    print_message("beside dialogues that are stuck (%lld ms): down after %lld ms (max)\n",
                  (long long)longest_ms[SUBMISSION], (long long)longest_ms[IMAP]);
    assert_in_range(longest_ms[IMAP], 1, SILENT_MS + LOAD_MS);
    assert_in_range(longest_ms[SUBMISSION], 2 * REPLY_MS, STUCK_MS + LOAD_MS);
    watch_close(&watch);
    for (unsigned kind = 0; kind < KINDS; kind++)
        sink_stop(sinks[kind]);
}

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

/* Nor its being silent from the first packet on: its kernel's queue is full, and it greets nobody.
 */
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
        cmocka_unit_test(test_stopped_between_commands),
        cmocka_unit_test(test_stopped_in_a_dialogue),
        cmocka_unit_test(test_stopped_beside_a_dialogue),
        cmocka_unit_test(test_slow_dialogue),
        cmocka_unit_test(test_stopped_now_and_then),
        cmocka_unit_test(test_silent_again_and_again),
        cmocka_unit_test(test_stopped_again_and_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
