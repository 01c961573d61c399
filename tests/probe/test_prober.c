/* SPDX-License-Identifier: BSD-2-Clause */
/* The schedule, its limits, and the prober's own faults, which no target is blamed for. */
#include "base/clock.h"
#include "base/memory.h"
#include "probe/probe.h"
#include "support/sink.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000, NEVER_MS = 3600000, IDS_MAX = 4000 };

/* A prober, and what it has reported. */
struct bench {
    struct event_base *base;
    struct prober *prober;
    struct check_settings check;
    int64_t (*after)(struct bench *bench, uint32_t id); /* until the next; NULL: NEVER_MS */
    /* What the next one is to be; NULL: DEPTH_SERVICE. */
    enum probe_depth (*deep)(struct bench *bench, const struct outcome *outcome, int64_t now_ms);
    int64_t service_due_ms;
    unsigned total, enough; /* the loop ends at so many reports */
    unsigned by_reason[REASON_COUNT];
    unsigned asked_deep;       /* how often `deep` wanted the whole dialogue */
    unsigned reports[IDS_MAX]; /* by id */
    /* When the last probe of each began by the prober's own clock: a machine that is starved tells
     * late. Probes begin late there, too, but how late at most is known: behind_max_ms. */
    int64_t begun_ms[IDS_MAX];
    int64_t gaps_ms[200]; /* between the beginnings of target 0's */
    int64_t took_ms[200]; /* those probes; the last one of the two */
    int64_t took_max_ms;
    int64_t rtt_ms; /* of the last report */
};

static struct probe_next bench_report(void *context, uint32_t id, const struct outcome *outcome,
                                      int64_t now_ms)
{
    struct bench *bench = context;
    int64_t took_ms = outcome->rtt_us > 0 ? outcome->rtt_us / 1000 : 0;
    int64_t begun_ms = now_ms - took_ms;
    if (id == 0 && bench->reports[0] && bench->reports[0] <= 200)
        bench->gaps_ms[bench->reports[0] - 1] = begun_ms - bench->begun_ms[0];
    if (id == 0 && bench->reports[0] < 200)
        bench->took_ms[bench->reports[0]] = took_ms;
    if (took_ms > bench->took_max_ms)
        bench->took_max_ms = took_ms;
    bench->by_reason[outcome->reason]++;
    bench->reports[id]++;
    bench->begun_ms[id] = begun_ms;
    bench->rtt_ms = (outcome->rtt_us + 999) / 1000; /* deadlines are of whole milliseconds */
    if (++bench->total == bench->enough)
        event_base_loopbreak(bench->base);
    int64_t wait_ms = bench->after ? bench->after(bench, id) : NEVER_MS;
    enum probe_depth depth = bench->deep ? bench->deep(bench, outcome, now_ms) : DEPTH_SERVICE;
    bench->asked_deep += depth == DEPTH_SERVICE;
    return (struct probe_next){
        .wait_ms = wait_ms,
        .depth = depth,
        .exact = wait_ms < bench->check.interval_ms,
    };
}

static void bench_open(struct bench *bench, unsigned max_sessions)
{
    const struct prober_options options = {.ehlo_name = "probe.example.test",
                                           .max_sessions = max_sessions};
    const struct probe_reports reports = {.done = bench_report};
    *bench = (struct bench){.check = {.kind = CHECK_SMTP,
                                      .interval_ms = 2000,
                                      .timeout_ms = 10000,
                                      .connect_timeout_ms = 3500,
                                      .greeting_timeout_ms = 8000,
                                      .reply_timeout_ms = 5000}};
    bench->base = event_base_new();
    bench->prober = prober_new(bench->base, &options, &reports, bench);
    assert_non_null(bench->prober);
}

static void bench_close(struct bench *bench)
{
    prober_free(bench->prober);
    event_base_free(bench->base);
}

/* At 127.1.x.y; the same place for the same number. */
static struct probe_target bench_target(const struct bench *bench, unsigned place, uint16_t port)
{
    return (struct probe_target){
        .address = {.family = 4, .bytes = {127, 1, (uint8_t)(place >> 8), (uint8_t)place}},
        .port = port,
        .check = &bench->check,
        .host = "mx.example.test"};
}

static void bench_add(struct bench *bench, uint32_t id, unsigned place, uint16_t port,
                      int64_t spread_ms)
{
    struct probe_target target = bench_target(bench, place, port);
    prober_add(bench->prober, id, &target, spread_ms);
}

/* Until there are so many reports in all. */
static bool bench_run(struct bench *bench, unsigned enough)
{
    struct timeval wait = {.tv_sec = PATIENCE_MS / 1000};
    bench->enough = enough;
    if (bench->total >= enough)
        return true;
    event_base_loopexit(bench->base, &wait);
    event_base_dispatch(bench->base);
    return bench->total >= enough;
}

static void bench_run_for(struct bench *bench, int64_t ms)
{
    struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_base_loopexit(bench->base, &wait);
    event_base_dispatch(bench->base);
}

static struct prober_numbers bench_numbers(const struct bench *bench)
{
    struct prober_numbers numbers;
    prober_numbers(bench->prober, &numbers);
    return numbers;
}

static unsigned bench_fails(const struct bench *bench)
{
    unsigned fails = 0;
    for (unsigned reason = 0; reason < REASON_COUNT; reason++)
        if (reason_status((enum reason)reason) == OUTCOME_FAIL)
            fails += bench->by_reason[reason];
    return fails;
}

/* A port where nobody listens, and nobody will while the descriptor is open. */
static int closed_port(uint16_t *port)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    socklen_t size = sizeof any;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&any, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&any, &size), 0);
    *port = ntohs(any.sin_port);
    return fd;
}

/* ---- when ---- */

static int64_t bench_behind_ms(const struct bench *bench)
{
    return bench_numbers(bench).behind_max_ms;
}

/* Adds as many, and tells when each began. Returns what the machine may have added to that. */
static int64_t spread_once(unsigned count, int64_t spread_ms, uint16_t port, int64_t *at_ms)
{
    struct bench *bench = memory_alloc(sizeof *bench);
    bench_open(bench, 100);
    int64_t start_ms = clock_now_ms();
    for (unsigned id = 0; id < count; id++)
        bench_add(bench, id, id, port, spread_ms);
    int64_t slack_ms = clock_now_ms() - start_ms;
    assert_true(bench_run(bench, count));
    slack_ms += bench_behind_ms(bench) + 2;
    for (unsigned id = 0; id < count; id++) {
        at_ms[id] = bench->begun_ms[id] - start_ms;
        assert_int_equal(bench->reports[id], 1);
        assert_true(at_ms[id] >= -1 && at_ms[id] <= spread_ms + slack_ms);
    }
    bench_close(bench);
    free(bench);
    return slack_ms;
}

static void test_first_probes_are_spread(void **state)
{
    enum { COUNT = 400, SPREAD_MS = 800 };
    unsigned quarters[4] = {0};
    int64_t first_ms[COUNT], again_ms[COUNT];
    uint16_t port;
    int fd = closed_port(&port);
    (void)state;

    int64_t slack_ms = spread_once(COUNT, SPREAD_MS, port, first_ms);
    int64_t other_slack_ms = spread_once(COUNT, SPREAD_MS, port, again_ms);
    for (unsigned id = 0; id < COUNT; id++) { /* the same place in every run */
        assert_true(first_ms[id] - again_ms[id] <= slack_ms + 1);
        assert_true(again_ms[id] - first_ms[id] <= other_slack_ms + 1);
        int64_t at_ms = first_ms[id] < again_ms[id] ? first_ms[id] : again_ms[id];
        quarters[at_ms >= SPREAD_MS ? 3 : at_ms < 0 ? 0 : at_ms * 4 / SPREAD_MS]++;
    }
    /* 100 each, give or take 5 standard deviations, and those that the machine moved to another. */
    int64_t moved = (slack_ms < other_slack_ms ? slack_ms : other_slack_ms) * COUNT / SPREAD_MS;
    for (unsigned i = 0; i < 4; i++)
        assert_true(quarters[i] + moved >= 57 && quarters[i] <= 143 + moved);
    close(fd);
}

static int64_t after_interval(struct bench *bench, uint32_t id)
{
    (void)id;
    return bench->check.interval_ms;
}

/* False: the machine stood still for so long that a probe was due before the one before it was
 * done, which moves the schedule. */
static bool jitter_once(uint16_t port)
{
    enum { ROUNDS = 40, INTERVAL_MS = 100, LEAST_MS = 90 };
    struct bench bench;
    int64_t sum_ms = 0, least_ms = INT64_MAX, most_ms = 0;

    bench_open(&bench, 10);
    bench.check.interval_ms = INTERVAL_MS;
    bench.after = after_interval;
    bench_add(&bench, 0, 1, port, 0);
    assert_true(bench_run(&bench, ROUNDS + 1));
    for (unsigned i = 0; i < ROUNDS; i++) {
        sum_ms += bench.gaps_ms[i];
        least_ms = bench.gaps_ms[i] < least_ms ? bench.gaps_ms[i] : least_ms;
        most_ms = bench.gaps_ms[i] > most_ms ? bench.gaps_ms[i] : most_ms;
    }
    int64_t slack_ms = bench_behind_ms(&bench) + 2;
    bool steady = slack_ms + bench.took_max_ms < LEAST_MS;
    bench_close(&bench);
    /* 0.9 to 1.0 of it ... */
    assert_true(least_ms >= LEAST_MS - slack_ms && least_ms <= 94 + slack_ms);
    assert_true(most_ms >= 96 - slack_ms);
    if (!steady)
        return false;
    /* ... and what one begins late is not added to the next. */
    assert_true(most_ms <= INTERVAL_MS + slack_ms);
    assert_true(sum_ms >= ROUNDS * 92 - slack_ms && sum_ms <= ROUNDS * 98 + slack_ms);
    return true;
}

static void test_interval_has_jitter_and_no_drift(void **state)
{
    enum { TRIES = 5 };
    uint16_t port;
    int fd = closed_port(&port);
    unsigned tries = 0;
    (void)state;
    while (!jitter_once(port))
        if (++tries == TRIES) {
            puts("this machine stands still too often to tell drift");
            break;
        }
    close(fd);
}

static int64_t after_50_ms(struct bench *bench, uint32_t id)
{
    (void)bench, (void)id;
    return 50;
}

static void test_recheck_is_exact(void **state)
{
    struct bench bench;
    uint16_t port;
    int fd = closed_port(&port);
    int64_t least_ms = INT64_MAX;
    (void)state;

    bench_open(&bench,
               10); /* its interval is 2000 ms, so 50 ms is a re-check: never before its time */
    bench.after = after_50_ms;
    bench_add(&bench, 0, 1, port, 0);
    assert_true(bench_run(&bench, 21));
    for (unsigned i = 0; i < 20; i++)
        least_ms = bench.gaps_ms[i] < least_ms ? bench.gaps_ms[i] : least_ms;
    assert_in_range(least_ms, 49, 51 + bench_behind_ms(&bench));
    bench_close(&bench);
    close(fd);
}

/* The wait counts from the start: a probe that took longer than it is followed at once. */
static void test_overrun_starts_at_once(void **state)
{
    struct bench bench;
    int64_t least_ms = INT64_MAX;
    struct sink *sink = sink_start(&(struct sink_options){.greet_ms = 120});
    (void)state;

    bench_open(&bench, 10);
    bench.check.interval_ms = 50;
    bench.after = after_interval;
    bench_add(&bench, 0, 1, sink_port(sink), 0);
    assert_true(bench_run(&bench, 6));
    assert_int_equal(bench.by_reason[REASON_OK], 6);
    for (unsigned i = 0; i < 5; i++) {
        int64_t pause_ms = bench.gaps_ms[i] - bench.took_ms[i];
        assert_true(bench.gaps_ms[i] >= 118);
        least_ms = pause_ms < least_ms ? pause_ms : least_ms;
    }
    assert_true(least_ms <= 10 + bench_behind_ms(&bench)); /* not 50 */
    bench_close(&bench);
    sink_stop(sink);
}

static enum probe_depth deep_each_300_ms(struct bench *bench, const struct outcome *outcome,
                                         int64_t now_ms)
{
    if (outcome->reason != REASON_OK)
        return DEPTH_SERVICE;
    if (outcome->depth == DEPTH_SERVICE)
        bench->service_due_ms = now_ms + 300;
    return now_ms >= bench->service_due_ms ? DEPTH_SERVICE : DEPTH_LIVENESS;
}

/* Most probes end with the greeting; the first one does not, and others as they are asked for. */
static void test_service_probes_are_rare(void **state)
{
    struct bench bench;
    struct sink *sink = sink_start(&(struct sink_options){.sick = 3});
    (void)state;

    bench_open(&bench, 10);
    bench.check.interval_ms = 20;
    bench.after = after_interval;
    bench.deep = deep_each_300_ms;
    bench_add(&bench, 0, 1, sink_port(sink), 0);
    assert_true(bench_run(&bench, 4));
    assert_int_equal(bench.by_reason[REASON_REPLY_4XX], 3);
    assert_int_equal(bench.by_reason[REASON_OK], 1);
    assert_int_equal(sink_numbers(sink).hellos, 4);
    int64_t start_ms = clock_now_ms();
    assert_true(bench_run(&bench, 64));
    int64_t took_ms = clock_now_ms() - start_ms;
    unsigned hellos = sink_numbers(sink).hellos;
    assert_int_equal(bench.by_reason[REASON_OK], 61);
    /* As many as were asked for, and the first one; that which is asked for last is to come. */
    assert_in_range(hellos, bench.asked_deep, bench.asked_deep + 1);
    assert_in_range(hellos - 4, 1, took_ms / 265 + 1); /* that was one each 300 ms, at most */
    assert_in_range(sink_numbers(sink).quits, 63, 64);
    bench_close(&bench);
    sink_stop(sink);
}

static void test_hurry(void **state)
{
    struct bench bench;
    struct sink *sink = sink_start(&(struct sink_options){.greet_ms = 50});
    (void)state;

    bench_open(&bench, 10);
    bench_add(&bench, 0, 1, sink_port(sink), 0);
    prober_hurry(bench.prober, 99); /* nobody */
    assert_true(bench_run(&bench, 1));
    prober_hurry(bench.prober, 0); /* asleep for an hour */
    prober_hurry(bench.prober, 0);
    assert_true(bench_run(&bench, 2));
    prober_hurry(bench.prober, 0);
    bench_run_for(&bench, 20);
    assert_int_equal(bench_numbers(&bench).sessions, 1);
    prober_hurry(bench.prober, 0); /* under way: one more after it */
    prober_hurry(bench.prober, 0);
    assert_true(bench_run(&bench, 4));
    bench_run_for(&bench, 100);
    assert_int_equal(bench.total, 4);
    bench_close(&bench);
    sink_stop(sink);
}

static int64_t after_hurry(struct bench *bench, uint32_t id)
{
    if (bench->total == 1)
        prober_hurry(bench->prober, id);
    return NEVER_MS;
}

static void test_hurry_in_its_own_report(void **state)
{
    struct bench bench;
    uint16_t port;
    int fd = closed_port(&port);
    (void)state;

    bench_open(&bench, 10);
    bench.after = after_hurry;
    bench_add(&bench, 0, 1, port, 0);
    assert_true(bench_run(&bench, 2));
    bench_run_for(&bench, 50);
    assert_int_equal(bench.total, 2);
    bench_close(&bench);
    close(fd);
}

/* ---- how many ---- */

static void test_at_most_two_at_a_peer(void **state)
{
    struct bench bench;
    struct sink *sink = sink_start(&(struct sink_options){.greet_ms = 50});
    (void)state;

    bench_open(&bench, 100);
    bench.check.greeting_timeout_ms = 1000; /* waiting is not part of it */
    for (uint32_t id = 0; id < 8; id++)
        bench_add(&bench, id, 1, sink_port(sink), 0);
    for (uint32_t id = 8; id < 12; id++)
        bench_add(&bench, id, id, sink_port(sink), 0);
    assert_true(bench_run(&bench, 12));
    assert_int_equal(bench.by_reason[REASON_OK], 12);
    assert_int_equal(sink_numbers(sink).open_max_address, 2);
    assert_in_range(sink_numbers(sink).open_max, 4, 6); /* the others did not wait for them */
    bench_close(&bench);
    sink_stop(sink);
}

/* A service that hangs does not hold up another one of the same host. */
static void test_ports_do_not_wait_for_each_other(void **state)
{
    struct bench bench;
    struct sink *hangs = sink_start(&(struct sink_options){.hold = 1000});
    struct sink *lives = sink_start(&(struct sink_options){0});
    (void)state;

    bench_open(&bench, 100);
    bench.check.greeting_timeout_ms = PATIENCE_MS;
    for (uint32_t id = 0; id < 4; id++)
        bench_add(&bench, id, 1, sink_port(hangs), 0);
    bench_add(&bench, 4, 1, sink_port(lives), 50);
    assert_true(bench_run(&bench, 1));
    assert_int_equal(bench.reports[4], 1);
    assert_int_equal(bench.by_reason[REASON_OK], 1);
    bench_close(&bench);
    sink_stop(hangs);
    sink_stop(lives);
}

static void test_sessions_are_capped(void **state)
{
    enum { COUNT = 40, CAP = 5 };
    struct bench bench;
    struct sink *sink = sink_start(&(struct sink_options){.greet_ms = 30});
    (void)state;

    bench_open(&bench, CAP);
    bench.check.greeting_timeout_ms = 1000;
    bench.check.timeout_ms = 1000;
    for (uint32_t id = 0; id < COUNT; id++)
        bench_add(&bench, id, id / 3, sink_port(sink), 0);
    bench_run_for(&bench, 20);
    assert_int_equal(bench_numbers(&bench).sessions, CAP);
    assert_true(bench_run(&bench, COUNT));
    assert_int_equal(bench.by_reason[REASON_OK], COUNT);
    assert_in_range(sink_numbers(sink).open_max, 1, CAP);
    assert_in_range(sink_numbers(sink).open_max_address, 1, 2);
    assert_int_equal(bench_numbers(&bench).sessions, 0);
    bench_close(&bench);
    sink_stop(sink);
}

/* The sink greets nobody before all are connected. */
static void test_thousands_at_once(void **state)
{
    struct bench *bench = memory_alloc(sizeof *bench);
    struct rlimit limit;
    (void)state;

    getrlimit(RLIMIT_NOFILE, &limit);
    unsigned count = limit.rlim_max >= 4200 ? 2000 : (unsigned)limit.rlim_max / 2 - 20;
    struct sink *sink = sink_start(&(struct sink_options){.hold = count});
    bench_open(bench, 0);
    for (uint32_t id = 0; id < count; id++)
        bench_add(bench, id, id, sink_port(sink), 200);
    assert_true(bench_run(bench, count));
    for (uint32_t id = 0; id < count; id++)
        assert_int_equal(bench->reports[id], 1);
    assert_int_equal(bench->by_reason[REASON_OK], count);
    assert_int_equal(sink_numbers(sink).open_max, count);
    assert_int_equal(sink_numbers(sink).quits, count);
    assert_int_equal(sink_numbers(sink).impatient, 0);
    assert_int_equal(bench_numbers(bench).started, count);
    assert_int_equal(bench_numbers(bench).finished, count);
    bench_close(bench);
    sink_stop(sink);
    free(bench);
}

/* ---- leaving ---- */

static void test_remove_at_any_time(void **state)
{
    struct bench bench;
    struct sink *sink = sink_start(&(struct sink_options){.greet_ms = 100});
    (void)state;

    bench_open(&bench, 3);
    for (uint32_t id = 0; id < 3; id++)
        bench_add(&bench, id, 1, sink_port(sink), 0); /* 2 waits for its address */
    for (uint32_t id = 3; id < 6; id++)
        bench_add(&bench, id, id, sink_port(sink), 0); /* 4 and 5 wait for a session */
    bench_add(&bench, 6, 6, sink_port(sink), 0);
    prober_remove(bench.prober, 6); /* asleep */
    bench_run_for(&bench, 30);
    assert_int_equal(bench_numbers(&bench).sessions, 3);
    prober_remove(bench.prober, 2);
    prober_remove(bench.prober, 4);
    prober_remove(bench.prober, 0); /* under way: makes room for 5 */
    prober_remove(bench.prober, 99);
    assert_int_equal(bench_numbers(&bench).targets, 3);
    assert_true(bench_run(&bench, 3));
    bench_run_for(&bench, 150);
    assert_int_equal(bench.total, 3);
    assert_int_equal(bench.reports[1] + bench.reports[3] + bench.reports[5], 3);
    assert_int_equal(bench.by_reason[REASON_OK], 3);
    bench_close(&bench);
    sink_stop(sink);
}

/* Removes the reported target, another one that is under way, and puts the first back. */
static int64_t after_upheaval(struct bench *bench, uint32_t id)
{
    if (bench->total == 1) {
        uint16_t port = (uint16_t)bench->enough;
        prober_remove(bench->prober, id);
        prober_remove(bench->prober, 1);
        if (port)
            bench_add(bench, id, 1, port, 0);
    }
    return 0;
}

static void test_remove_in_a_report(void **state)
{
    struct bench bench;
    struct sink *sink = sink_start(&(struct sink_options){.greet_ms = 100});
    uint16_t port;
    int fd = closed_port(&port);
    (void)state;

    bench_open(&bench, 10);
    bench.after = after_upheaval;
    bench_add(&bench, 0, 1, port, 0);
    bench_add(&bench, 1, 1, sink_port(sink), 0);
    bench_run_for(&bench, 200); /* enough is 0: target 0 is not put back */
    assert_int_equal(bench.total, 1);
    assert_int_equal(bench.reports[0], 1);
    assert_int_equal(bench_numbers(&bench).targets, 0);
    assert_int_equal(bench_numbers(&bench).sessions, 0);
    bench_close(&bench);

    bench_open(&bench, 10);
    bench.after = after_upheaval;
    bench.enough = sink_port(sink); /* also the port where it comes back */
    bench_add(&bench, 0, 1, port, 0);
    bench_add(&bench, 1, 1, sink_port(sink), 0);
    bench_run_for(&bench, 250);
    assert_int_equal(bench.by_reason[REASON_REFUSED], 1);
    assert_in_range(bench.by_reason[REASON_OK], 1, 3);
    assert_int_equal(bench.reports[1], 0);
    assert_int_equal(bench_numbers(&bench).targets, 1);
    bench_close(&bench);
    close(fd);
    sink_stop(sink);
}

static void test_free_under_way(void **state)
{
    struct bench bench;
    struct sink *sink = sink_start(&(struct sink_options){.greet_ms = 5000});
    (void)state;

    bench_open(&bench, 4);
    for (uint32_t id = 0; id < 10; id++)
        bench_add(&bench, id, id / 3, sink_port(sink), 0);
    bench_add(&bench, 10, 10, sink_port(sink), 1000000);
    bench_run_for(&bench, 50);
    assert_int_equal(bench_numbers(&bench).sessions, 4);
    bench_close(&bench);
    assert_int_equal(bench.total, 0);
    sink_stop(sink);
}

/* ---- our own faults ---- */

static void test_no_descriptors(void **state)
{
    struct bench bench;
    struct sink *sink = sink_start(&(struct sink_options){0});
    struct rlimit limit, none;
    (void)state;

    bench_open(&bench, 10);
    for (uint32_t id = 0; id < 20; id++)
        bench_add(&bench, id, id, sink_port(sink), 0);
    bench_run_for(&bench, 0); /* libevent has all that it needs */
    for (uint32_t id = 0; id < 20; id++)
        prober_remove(bench.prober, id);
    unsigned before = bench.total;
    for (uint32_t id = 0; id < 20; id++)
        bench_add(&bench, id, id, sink_port(sink), 0);
    getrlimit(RLIMIT_NOFILE, &limit);
    none = limit;
    int lowest = open("/dev/null", O_RDONLY);
    close(lowest);
    none.rlim_cur = (rlim_t)lowest;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    bool done = bench_run(&bench, before + 20);
    setrlimit(RLIMIT_NOFILE, &limit);
    assert_true(done);
    assert_int_equal(bench.by_reason[REASON_LOCAL], 20);
    for (uint32_t id = 0; id < 20; id++)
        prober_hurry(bench.prober, id);
    assert_true(bench_run(&bench, before + 40));
    assert_int_equal(bench.by_reason[REASON_OK], before + 20);
    bench_close(&bench);
    sink_stop(sink);
}

static void block(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    usleep(*(useconds_t *)context);
}

/* All deadlines pass while the loop is blocked, and all greetings come: there are more of them than
 * the loop takes from the kernel in one turn, so timers go off before greetings are read. */
static void test_what_has_come_counts_before_the_deadline(void **state)
{
    enum { COUNT = 300 };
    struct bench bench;
    struct sink *sink = sink_start(&(struct sink_options){.greet_ms = 300});
    useconds_t us = 800000; /* less than what makes all void */
    (void)state;

    bench_open(&bench, COUNT);
    bench.check.greeting_timeout_ms = 500;
    for (uint32_t id = 0; id < COUNT; id++)
        bench_add(&bench, id, id, sink_port(sink), 0);
    event_base_once(bench.base, -1, EV_TIMEOUT, block, &us, &(struct timeval){.tv_usec = 100000});
    assert_true(bench_run(&bench, COUNT));
    assert_true(bench_numbers(&bench).late_max_ms >= 500);
    if (bench_numbers(&bench).late_max_ms < 1000) /* the machine has not made it more */
        assert_int_equal(bench.by_reason[REASON_OK], COUNT);
    assert_int_equal(bench_fails(&bench), 0);
    bench_close(&bench);
    sink_stop(sink);
}

/* Two callbacks that block. While the first does, the second and the next probe come due, so that
 * one turn of the loop runs both, and the probe starts long after its turn began. */
static int64_t after_long_turn(struct bench *bench, uint32_t id)
{
    static const useconds_t us[] = {200000, 500000};
    static const struct timeval soon = {.tv_usec = 10000}, later = {.tv_usec = 20000};
    int64_t took_ms = bench->rtt_ms;
    (void)id;
    event_base_once(bench->base, -1, EV_TIMEOUT, block, (void *)(uintptr_t)&us[0], &soon);
    event_base_once(bench->base, -1, EV_TIMEOUT, block, (void *)(uintptr_t)&us[1], &later);
    return took_ms + 50;
}

/* libevent counts a timer from when the turn of its loop began: that must not shorten a deadline.
 */
static void test_a_long_turn_shortens_no_deadline(void **state)
{
    struct bench bench;
    struct sockaddr_in any = {.sin_family = AF_INET};
    socklen_t size = sizeof any;
    int fd = socket(AF_INET, SOCK_STREAM, 0), fillers[4];
    (void)state;

    /* a full backlog drops SYNs */
    assert_int_equal(bind(fd, (struct sockaddr *)&any, size) | listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&any, &size), 0);
    for (size_t i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fillers[i], (struct sockaddr *)&any, size);
    }
    bench_open(&bench, 10);
    bench.check.connect_timeout_ms = 400;
    bench.after = after_long_turn;
    bench_add(&bench, 0, 1, ntohs(any.sin_port), 0);
    assert_true(bench_run(&bench, 2));
    assert_int_equal(bench.by_reason[REASON_CONNECT_TIMEOUT], 2);
    assert_in_range(bench.rtt_ms, 400, PATIENCE_MS);
    bench_close(&bench);
    for (size_t i = 0; i < 4; i++)
        close(fillers[i]);
    close(fd);
}

/* A blocked loop voids what fails meanwhile, and nothing that comes later. */
static void test_late_is_not_dead(void **state)
{
    enum { COUNT = 20 };
    struct bench bench;
    uint16_t port;
    int fd = closed_port(&port);
    struct sink *sink = sink_start(&(struct sink_options){.greet_ms = 10000});
    useconds_t us = 1400000;
    (void)state;

    bench_open(&bench, 2 * COUNT);
    bench.check.greeting_timeout_ms = 600;
    for (uint32_t id = 0; id < COUNT; id++)
        bench_add(&bench, id, id, sink_port(sink), 0);
    event_base_once(bench.base, -1, EV_TIMEOUT, block, &us, &(struct timeval){.tv_usec = 100000});
    assert_true(bench_run(&bench, COUNT));
    assert_int_equal(bench.by_reason[REASON_LATE], COUNT);
    for (uint32_t id = 0; id < COUNT; id++) {
        prober_remove(bench.prober, id);
        bench_add(&bench, id, id, id % 2 ? port : sink_port(sink), 0);
    }
    assert_true(bench_run(&bench, 2 * COUNT));
    assert_int_equal(bench.by_reason[REASON_REFUSED], COUNT / 2);
    assert_int_equal(bench.by_reason[REASON_GREETING_TIMEOUT], COUNT / 2);
    bench_close(&bench);
    sink_stop(sink);
    close(fd);
}

static int64_t after_block(struct bench *bench, uint32_t id)
{
    static const useconds_t us = 1100000;
    (void)id;
    event_base_once(bench->base, -1, EV_TIMEOUT, block, (void *)(uintptr_t)&us,
                    &(struct timeval){.tv_usec = 100000});
    return 0;
}

/* A loop that is late in every probe does not hide a dead target for ever. */
static void test_late_for_ever_is_dead(void **state)
{
    struct bench bench;
    struct sink *sink = sink_start(&(struct sink_options){.hold = 1000});
    (void)state;

    bench_open(&bench, 10);
    bench.check.greeting_timeout_ms = 300;
    bench.after = after_block;
    bench_add(&bench, 0, 1, sink_port(sink), 0);
    assert_true(bench_run(&bench, 1));
    assert_int_equal(bench.by_reason[REASON_GREETING_TIMEOUT], 1);
    assert_true(bench_run(&bench, 6));
    assert_int_equal(bench.by_reason[REASON_LATE], 3);
    assert_int_equal(bench.by_reason[REASON_GREETING_TIMEOUT], 3);
    bench_close(&bench);
    sink_stop(sink);
}

static int64_t after_nothing(struct bench *bench, uint32_t id)
{
    (void)bench, (void)id;
    return 0;
}

/* The prober's process: probes without a break until it is told to end, then tells what it saw. */
static _Noreturn void stopped_prober(uint16_t port, int told, int tell)
{
    struct bench *bench = memory_alloc(sizeof *bench);
    unsigned counts[3];

    bench_open(bench, 100);
    bench->check.greeting_timeout_ms = 600;
    bench->check.reply_timeout_ms = 600;
    bench->after = after_nothing;
    for (uint32_t id = 0; id < 20; id++)
        bench_add(bench, id, id, port, 100);
    fcntl(told, F_SETFL, O_NONBLOCK);
    do
        bench_run_for(bench, 50);
    while (read(told, counts, 1) < 0 && errno == EAGAIN);
    counts[0] = bench->by_reason[REASON_OK];
    counts[1] = bench_fails(bench);
    counts[2] = bench->by_reason[REASON_LATE];
    _exit(write(tell, counts, sizeof counts) != sizeof counts);
}

/* The servers go on meanwhile, lose patience, and refuse: that is no failure of theirs. */
static void test_stop_and_continue(void **state)
{
    struct sink *sink = sink_start(&(struct sink_options){.greet_ms = 100, .silence_ms = 300});
    unsigned counts[3] = {0};
    int to[2], from[2], status;
    (void)state;

    assert_int_equal(pipe(to) | pipe(from), 0);
    pid_t process = fork();
    if (process == 0)
        stopped_prober(sink_port(sink), to[0], from[1]);
    for (unsigned i = 0; i < 3; i++) {
        unsigned seen = sink_numbers(sink).quits;
        int64_t until_ms = clock_now_ms() + PATIENCE_MS;
        while (sink_numbers(sink).quits < seen + 40 && clock_now_ms() < until_ms)
            usleep(1000);
        kill(process, SIGSTOP);
        usleep(1600000);
        kill(process, SIGCONT);
    }
    usleep(300000);
    assert_int_equal(write(to[1], "", 1), 1);
    assert_int_equal(read(from[0], counts, sizeof counts), sizeof counts);
    waitpid(process, &status, 0);
    assert_int_equal(status, 0);
    assert_true(counts[0] > 100);   /* OK */
    assert_int_equal(counts[1], 0); /* FAIL */
    assert_true(counts[2] > 0);     /* LATE: some were greeted, then stopped */
    for (unsigned i = 0; i < 2; i++) {
        close(to[i]);
        close(from[i]);
    }
    sink_stop(sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_probes_are_spread),
        cmocka_unit_test(test_interval_has_jitter_and_no_drift),
        cmocka_unit_test(test_recheck_is_exact),
        cmocka_unit_test(test_overrun_starts_at_once),
        cmocka_unit_test(test_service_probes_are_rare),
        cmocka_unit_test(test_ports_do_not_wait_for_each_other),
        cmocka_unit_test(test_hurry),
        cmocka_unit_test(test_hurry_in_its_own_report),
        cmocka_unit_test(test_at_most_two_at_a_peer),
        cmocka_unit_test(test_sessions_are_capped),
        cmocka_unit_test(test_thousands_at_once),
        cmocka_unit_test(test_remove_at_any_time),
        cmocka_unit_test(test_remove_in_a_report),
        cmocka_unit_test(test_free_under_way),
        cmocka_unit_test(test_no_descriptors),
        cmocka_unit_test(test_what_has_come_counts_before_the_deadline),
        cmocka_unit_test(test_a_long_turn_shortens_no_deadline),
        cmocka_unit_test(test_late_is_not_dead),
        cmocka_unit_test(test_late_for_ever_is_dead),
        cmocka_unit_test(test_stop_and_continue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
