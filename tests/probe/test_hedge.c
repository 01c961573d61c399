/* SPDX-License-Identifier: BSD-2-Clause */
/* From break to verdict: a prober and the verdicts of its targets, against servers that hang, fall
 * silent, or are only late. Times are those of an interval of 1 s. */
#include "base/clock.h"
#include "base/memory.h"
#include "probe/probe.h"
#include "support/sink.h"

#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { TARGETS_MAX = 40, INTERVAL_MS = 1000, LEARNING_MS = 4500 };
/* Where other programs take the processors, our timers come later. */
enum { LOAD_MS = 700 };

struct watch {
    struct event_base *base;
    struct prober *prober;
    struct check_settings check;
    struct verdict_policy policy;
    unsigned targets;
    struct verdict verdicts[TARGETS_MAX];
    struct outcome last[TARGETS_MAX];
    int64_t down_ms[TARGETS_MAX], late_ms[TARGETS_MAX]; /* 0: not */
    bool asks;                                          /* all the others, when one is late */
    unsigned by_reason[REASON_COUNT], revoked, unconfirmed, falls;
};

static struct probe_next on_outcome(void *context, uint32_t id, const struct outcome *outcome,
                                    int64_t now_ms)
{
    struct watch *watch = context;
    struct verdict *verdict = &watch->verdicts[id];
    bool was_down = verdict->status == VERDICT_DOWN;
    watch->by_reason[outcome->reason]++;
    watch->revoked += outcome->revoked;
    watch->unconfirmed +=
        reason_evidence(outcome->reason) == EVIDENCE_SILENCE && !outcome->confirmed;
    watch->last[id] = *outcome;
    verdict_step(verdict, &watch->policy, outcome, now_ms);
    if (verdict->status == VERDICT_DOWN && !was_down) {
        watch->down_ms[id] = now_ms;
        watch->falls++;
    }
    return verdict_next(verdict, &watch->policy, now_ms);
}

static void on_late(void *context, uint32_t id, int64_t since_ms, int64_t decides_ms,
                    int64_t now_ms)
{
    struct watch *watch = context;
    assert_in_range(since_ms, 1, now_ms);
    assert_in_range(decides_ms, now_ms, now_ms + 5000);
    watch->late_ms[id] = now_ms;
    for (unsigned i = 0; watch->asks && i < watch->targets; i++)
        if (i != id && watch->verdicts[i].status != VERDICT_DOWN)
            prober_hurry(watch->prober, i);
}

static void watch_open_from(struct watch *watch, const struct address *source)
{
    const struct prober_options options = {
        .ehlo_name = "probe.example.test", .sources = source, .nsources = source != NULL};
    const struct probe_reports reports = {.done = on_outcome, .late = on_late};
    *watch = (struct watch){.check = {.kind = CHECK_SMTP,
                                      .interval_ms = INTERVAL_MS,
                                      .service_interval_ms = 30000,
                                      .timeout_ms = 30000,
                                      .connect_timeout_ms = 3500,
                                      .greeting_timeout_ms = 8000,
                                      .reply_timeout_ms = 10000,
                                      .recheck_ms = 500},
                            .policy = {.fall = 2,
                                       .rise = 3,
                                       .interval_ms = INTERVAL_MS,
                                       .service_interval_ms = 30000,
                                       .recheck_ms = 500,
                                       .timeout_ms = 30000}};
    watch->base = event_base_new();
    watch->prober = prober_new(watch->base, &options, &reports, watch);
    assert_non_null(watch->prober);
}

static void watch_open(struct watch *watch)
{
    watch_open_from(watch, NULL);
}

static void watch_close(struct watch *watch)
{
    prober_free(watch->prober);
    event_base_free(watch->base);
}

/* At 127.2.0.x. */
static void watch_add(struct watch *watch, unsigned place, uint16_t port)
{
    struct probe_target target = {.address = {.family = 4, .bytes = {127, 2, 0, (uint8_t)place}},
                                  .port = port,
                                  .check = &watch->check,
                                  .host = "mx.example.test"};
    verdict_init(&watch->verdicts[watch->targets], clock_now_ms());
    prober_add(watch->prober, watch->targets++, &target, INTERVAL_MS);
}

static void watch_run(struct watch *watch, int64_t ms)
{
    struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_base_loopexit(watch->base, &wait);
    event_base_dispatch(watch->base);
}

/* Until what is usual is known. */
static void watch_learn(struct watch *watch)
{
    watch_run(watch, LEARNING_MS);
    for (unsigned i = 0; i < watch->targets; i++)
        assert_int_equal(watch->verdicts[i].status, VERDICT_UP);
    assert_int_equal(watch->falls, 0);
}

static int compare_times(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

/* All targets have fallen since start_ms: in a median of so much, and at most so much. */
static void watch_expect_falls(struct watch *watch, const char *what, int64_t start_ms,
                               int64_t median_ms, int64_t most_ms)
{
    int64_t times[TARGETS_MAX];
    for (unsigned i = 0; i < watch->targets; i++) {
        times[i] = watch->down_ms[i] - start_ms;
        assert_true(watch->down_ms[i] > 0);
    }
    qsort(times, watch->targets, sizeof *times, compare_times);
    int64_t median = times[watch->targets / 2], most = times[watch->targets - 1];
    print_message("%s: %u targets down after %lld ms (median), %lld ms (max)\n", what,
                  watch->targets, (long long)median, (long long)most);
    assert_in_range(median, 0, median_ms + LOAD_MS);
    assert_in_range(most, 0, most_ms + LOAD_MS);
}

/* ---- what is seen, and when ---- */

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

enum { SERVICES = 5, DESCRIPTORS = 256 };

/* Looks each few ms how many connections of this process to the services at 127.2.0.1 stand. Not
 * by /proc/net/tcp: after many tests that takes long, and starves the prober. */
struct lookout {
    struct sink *sinks[SERVICES];
    struct event *look;
    unsigned most;
};

static bool lookout_minds(const struct lookout *lookout, int fd)
{
    struct sockaddr_in peer = {0};
    socklen_t size = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&peer, &size) < 0 ||
        peer.sin_addr.s_addr != htonl(0x7f020001))
        return false;
    for (unsigned i = 0; i < SERVICES; i++)
        if (peer.sin_port == htons(sink_port(lookout->sinks[i])))
            return true;
    return false;
}

static void lookout_on_time(evutil_socket_t fd, short what, void *context)
{
    struct lookout *lookout = context;
    unsigned count = 0;
    (void)fd, (void)what;
    for (int each = 0; each < DESCRIPTORS; each++)
        count += lookout_minds(lookout, each);
    if (count > lookout->most)
        lookout->most = count;
}

static void lookout_open(struct lookout *lookout, struct watch *watch)
{
    *lookout = (struct lookout){0};
    for (unsigned i = 0; i < SERVICES; i++) {
        lookout->sinks[i] = sink_start(&(struct sink_options){0});
        watch_add(watch, 1, sink_port(lookout->sinks[i]));
    }
    lookout->look = event_new(watch->base, -1, EV_PERSIST, lookout_on_time, lookout);
    event_add(lookout->look, &(struct timeval){.tv_usec = 7000});
}

static void lookout_close(struct lookout *lookout)
{
    event_free(lookout->look);
    for (unsigned i = 0; i < SERVICES; i++)
        sink_stop(lookout->sinks[i]);
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

/* A backlog that is full drops SYNs: what a black hole does. */
static void test_black_hole(void **state)
{
    enum { COUNT = 20, FILLERS = 8 };
    struct watch watch;
    int fillers[FILLERS];
    struct sink *sink = sink_start(&(struct sink_options){.backlog = 2});
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons(sink_port(sink))};
    (void)state;

    watch_open(&watch);
    for (unsigned i = 1; i <= COUNT; i++)
        watch_add(&watch, i, sink_port(sink));
    watch_run(&watch, LEARNING_MS);
    watch.falls = 0;
    memset(watch.down_ms, 0, sizeof watch.down_ms);
    sink_freeze(sink, true);
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

/* ---- our own part ---- */

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
        cmocka_unit_test(test_stopped_between_commands),
        cmocka_unit_test(test_stopped_in_a_dialogue),
        cmocka_unit_test(test_slow_dialogue),
        cmocka_unit_test(test_black_hole),
        cmocka_unit_test(test_late_is_back_at_once),
        cmocka_unit_test(test_unknown_is_waited_for),
        cmocka_unit_test(test_source_address),
        cmocka_unit_test(test_stopped_again_and_again),
        cmocka_unit_test(test_no_drift),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
