/* SPDX-License-Identifier: BSD-2-Clause */
/* A host that was stopped for some seconds and continued, and is stopped again: what was learned of
 * it then must not make the second time longer. A prober against a server; its interval is 1 s. */
#include "base/clock.h"
#include "probe/probe.h"
#include "support/sink.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

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
    bool silent = outcome->reason == REASON_GREETING_TIMEOUT && outcome->confirmed;
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

static void test_stopped_twice(void **state)
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
    struct sink *sink = sink_start(&(struct sink_options){0});
    const struct probe_target target = {.address = {.family = 4, .bytes = {127, 2, 1, 1}},
                                        .port = sink_port(sink),
                                        .check = &check,
                                        .host = "mx.example.test"};
    struct watch watch = {.base = event_base_new()};
    (void)state;

    watch.prober = prober_new(watch.base, &options, &reports, &watch);
    assert_non_null(watch.prober);
    prober_add(watch.prober, 1, &target, INTERVAL_MS);
    watch_run(&watch, LEARNING_MS);
    for (unsigned i = 0; i < 2; i++)
        watch_stop_and_continue(&watch, sink);
    prober_free(watch.prober);
    event_base_free(watch.base);
    sink_stop(sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stopped_twice)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
