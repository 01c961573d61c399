/* SPDX-License-Identifier: BSD-2-Clause */
/* A host that was stopped for some seconds, or silent, and came back, and is so again: what was
 * learned of it then must not make the second time longer. A prober against a server; its interval
 * is 1 s. */
#include "base/clock.h"
#include "probe/probe.h"
#include "support/sink.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    INTERVAL_MS = 1000,
    LEARNING_MS = 4500,
    STOPPED_MS = 4000,
    WELL_MS = 1700,    /* one prompt greeting, or two */
    NOTICED_MS = 3100, /* the rest of an interval, and the window of a greeting */
    LOAD_MS = 700,     /* where other programs take the processors */
};

struct watch {
    struct event_base *base;
    struct prober *prober;
    bool down, revoked;
    int64_t down_ms; /* when it was last found silent after it was well */
};

static struct probe_next on_outcome(void *context, uint32_t id, const struct outcome *outcome,
                                    int64_t now_ms)
{
    struct watch *watch = context;
    bool silent = reason_evidence(outcome->reason) == EVIDENCE_SILENCE && outcome->confirmed;
    (void)id;
    if (silent && !watch->down)
        watch->down_ms = now_ms;
    watch->down = silent;
    watch->revoked |= outcome->revoked;
    return (struct probe_next){.wait_ms = INTERVAL_MS, .down = silent};
}

static void watch_run(struct watch *watch, int64_t ms)
{
    struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_base_loopexit(watch->base, &wait);
    event_base_dispatch(watch->base);
}

static void watch_stop_and_continue(struct watch *watch, struct sink *sink)
{
    int64_t start_ms = clock_now_ms();
    watch->revoked = false;
    watch->down_ms = 0;
    sink_freeze(sink, true);
    watch_run(watch, STOPPED_MS);
    assert_in_range(watch->down_ms - start_ms, 0, NOTICED_MS + LOAD_MS);
    sink_freeze(sink, false);
    watch_run(watch, WELL_MS);
    assert_false(watch->down);
    assert_true(watch->revoked);
}

/* At 127.2.1.1, until what is usual is known. */
static void watch_open(struct watch *watch, uint16_t port)
{
    static const struct check_settings check = {.kind = CHECK_SMTP,
                                                .interval_ms = INTERVAL_MS,
                                                .service_interval_ms = 30000,
                                                .timeout_ms = 30000,
                                                .connect_timeout_ms = 3500,
                                                .greeting_timeout_ms = 8000,
                                                .reply_timeout_ms = 10000,
                                                .recheck_ms = 500};
    const struct prober_options options = {.ehlo_name = "probe.example.test"};
    const struct probe_reports reports = {.done = on_outcome};
    const struct probe_target target = {.address = {.family = 4, .bytes = {127, 2, 1, 1}},
                                        .port = port,
                                        .check = &check,
                                        .host = "mx.example.test"};
    *watch = (struct watch){.base = event_base_new()};
    watch->prober = prober_new(watch->base, &options, &reports, watch);
    assert_non_null(watch->prober);
    prober_add(watch->prober, 1, &target, INTERVAL_MS);
    watch_run(watch, LEARNING_MS);
}

static void watch_close(struct watch *watch)
{
    prober_free(watch->prober);
    event_base_free(watch->base);
}

static void test_stopped_twice(void **state)
{
    struct watch watch;
    struct sink *sink = sink_start(&(struct sink_options){0});
    (void)state;

    watch_open(&watch, sink_port(sink));
    for (unsigned i = 0; i < 2; i++)
        watch_stop_and_continue(&watch, sink);
    watch_close(&watch);
    sink_stop(sink);
}

/* It comes back to a connection that has been waited for: the kernel's second SYN is answered. */
static void test_silent_twice(void **state)
{
    enum { FILLERS = 8, SILENT_MS = 3800, SEEN_MS = 2200 };
    struct watch watch;
    int fillers[FILLERS];
    struct sink *sink = sink_start(&(struct sink_options){0});
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons(sink_port(sink))};
    (void)state;

    watch_open(&watch, sink_port(sink));
    for (unsigned turn = 0; turn < 3; turn++) {
        int64_t start_ms = clock_now_ms();
        watch.down_ms = 0;
        sink_freeze(sink, true);
        sink_backlog(sink, 2);
        for (unsigned i = 0; i < FILLERS; i++) {
            fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
            (void)!connect(fillers[i], (struct sockaddr *)&to, sizeof to);
        }
        watch_run(&watch, SILENT_MS);
        assert_in_range(watch.down_ms - start_ms, 0, SEEN_MS + LOAD_MS);
        for (unsigned i = 0; i < FILLERS; i++)
            close(fillers[i]);
        sink_backlog(sink, 4096);
        sink_freeze(sink, false);
        watch_run(&watch, 3 * INTERVAL_MS);
        assert_false(watch.down);
    }
    watch_close(&watch);
    sink_stop(sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stopped_twice),
                                       cmocka_unit_test(test_silent_twice)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
