/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/probe_once.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { PROBED_ID = 7 };

struct seen {
    struct event_base *base;
    unsigned reports;
    struct outcome outcome;
};

static struct probe_next on_report(void *context, uint32_t id, const struct outcome *outcome,
                                   int64_t now_ms)
{
    struct seen *seen = context;
    (void)now_ms;
    assert_int_equal(id, PROBED_ID);
    seen->reports++;
    seen->outcome = *outcome;
    event_base_loopbreak(seen->base);
    return (struct probe_next){.wait_ms = 3600000, .depth = DEPTH_SERVICE};
}

static void run_for(struct event_base *base, int64_t ms)
{
    struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_base_loopexit(base, &wait);
    event_base_dispatch(base);
}

static void set_if_none(int64_t *ms, int64_t value)
{
    if (!*ms)
        *ms = value;
}

struct outcome probe_target_once(const struct probe_target *target, const char *ca_file)
{
    const struct prober_options options = {
        .ehlo_name = "probe.example.test", .ca_file = ca_file, .max_sessions = 10};
    const struct probe_reports reports = {.done = on_report};
    struct seen seen = {.base = event_base_new()};
    struct prober *prober = prober_new(seen.base, &options, &reports, &seen);
    struct prober_numbers numbers;

    prober_add(prober, PROBED_ID, target, 0);
    run_for(seen.base, PATIENCE_MS);
    run_for(seen.base, 10); /* no second report */
    assert_int_equal(seen.reports, 1);
    prober_numbers(prober, &numbers);
    assert_int_equal(numbers.started, 1);
    assert_int_equal(numbers.finished, 1);
    assert_int_equal(numbers.sessions, 0);
    prober_free(prober);
    event_base_free(seen.base);
    return seen.outcome;
}

struct outcome probe_once(const char *address, uint16_t port, const struct check_settings *settings,
                          const char *ca_file)
{
    struct check_settings all = *settings;
    struct probe_target target = {.port = port, .check = &all, .host = "mx.example.test"};

    set_if_none(&all.interval_ms, 2000);
    set_if_none(&all.timeout_ms, PROBE_MS);
    set_if_none(&all.connect_timeout_ms, STEP_MS);
    set_if_none(&all.greeting_timeout_ms, STEP_MS);
    set_if_none(&all.reply_timeout_ms, STEP_MS);
    assert_true(address_parse(address, &target.address));
    return probe_target_once(&target, ca_file);
}
