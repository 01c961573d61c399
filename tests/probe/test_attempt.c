/* SPDX-License-Identifier: BSD-2-Clause */
/* One probe of a target that is known to be prompt, where TLS comes first: how long it is waited
 * for, by what is heard of it. */
#include "base/clock.h"
#include "probe/attempt.h"
#include "support/probe_once.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { GREETING_MS = 4000, EARLY_MS = 2100, HEDGE_MS = 1000, LOAD_MS = 700 };

struct seen {
    struct event_base *base;
    struct outcome outcome;
    struct attempt *rest;
    unsigned lates, done;
};

static void on_begun(void *context, int64_t now_ms)
{
    (void)context, (void)now_ms;
}

static void on_late(void *context, int64_t since_ms, int64_t decides_ms, int64_t now_ms)
{
    struct seen *seen = context;
    assert_in_range(decides_ms - since_ms, EARLY_MS, EARLY_MS + LOAD_MS);
    assert_true(now_ms < decides_ms);
    seen->lates++;
}

static void on_done(void *context, const struct outcome *outcome, const struct lesson *lesson,
                    bool early, struct attempt *rest)
{
    struct seen *seen = context;
    (void)lesson, (void)early;
    seen->outcome = *outcome;
    seen->rest = rest;
    seen->done++;
    event_base_loopbreak(seen->base);
}

static void on_rested(void *context, const struct outcome *outcome, const struct lesson *lesson)
{
    struct seen *seen = context;
    (void)outcome, (void)lesson;
    seen->rest = NULL;
}

/* Returns how long it took. */
static int64_t attempt_once(struct script_server *server, const struct learned *learned,
                            struct seen *seen)
{
    static const struct attempt_reports reports = {
        .begun = on_begun, .late = on_late, .done = on_done, .rested = on_rested};
    const struct probe_reports no_reports = {0};
    const struct prober_options options = {.ehlo_name = "probe.example.test",
                                           .ca_file = script_ca_file(server)};
    const struct check_settings check = {.kind = CHECK_IMAPS,
                                         .tls = CHECK_TLS_REQUIRED,
                                         .interval_ms = 1000,
                                         .connect_timeout_ms = 3000,
                                         .greeting_timeout_ms = GREETING_MS,
                                         .reply_timeout_ms = 3000,
                                         .timeout_ms = 20000};
    const struct probe_target target = {
        .port = script_port(server), .check = &check, .host = "mx.example.test"};
    struct probe_target at = target;
    unsigned sockets = 0;
    *seen = (struct seen){.base = event_base_new()};
    assert_true(address_parse("127.0.0.1", &at.address));
    struct prober *prober = prober_new(seen->base, &options, &no_reports, NULL);
    const struct session_setting *session = prober_sessions(prober);
    struct peer *peer = peers_join(session->peers, &at.address);
    const struct attempt_setting setting = {.session = session,
                                            .target = &at,
                                            .learned = learned,
                                            .peer = peer,
                                            .depth = DEPTH_LIVENESS,
                                            .sockets = &sockets,
                                            .sockets_max = 100};
    int64_t start_ms = clock_now_ms();
    struct attempt *attempt = attempt_start(&setting, &reports, seen);
    event_base_loopexit(seen->base, &(struct timeval){.tv_sec = 20});
    event_base_dispatch(seen->base);
    int64_t took_ms = clock_now_ms() - start_ms;
    if (!seen->done)
        attempt_cancel(attempt);
    else if (seen->rest)
        attempt_cancel(seen->rest);
    peers_leave(session->peers, peer);
    prober_free(prober);
    event_base_free(seen->base);
    return took_ms;
}

/* Usual times of a target nearby. */
static struct learned prompt(void)
{
    struct learned learned;
    const struct lesson lesson = {.connect_us = 100, .greeting_us = 5000};
    learn_init(&learned);
    for (unsigned i = 0; i < LEARN_ENOUGH; i++)
        learn_good(&learned, &lesson, 1000);
    return learned;
}

static void test_tls_first(void **state)
{
    const struct learned known = prompt();
    struct learned unknown;
    learn_init(&unknown);
    const struct {
        const struct script_step *steps;
        const struct learned *learned;
        enum reason reason;
        int64_t least_ms, most_ms;
        unsigned lates;
    } rows[] = {
        /* it hangs: in the handshake, behind it, before it */
        {STEPS(HALF_TLS), &known, REASON_GREETING_TIMEOUT, EARLY_MS, EARLY_MS, 1},
        {STEPS(TLS, STALL), &known, REASON_GREETING_TIMEOUT, EARLY_MS, EARLY_MS, 1},
        {STEPS(STALL), &known, REASON_GREETING_TIMEOUT, EARLY_MS, EARLY_MS, 1},
        /* it has begun to greet, and is waited for */
        {STEPS(TLS, SAY("* O"), STALL), &known, REASON_GREETING_TIMEOUT, GREETING_MS, GREETING_MS,
         0},
        /* it is late */
        {STEPS(TLS, PAUSE(1500), SAY("* OK ready\r\n"), HEAR("e1 LOGOUT\r\n"), SAY("e1 OK\r\n"),
               STALL),
         &known, REASON_OK, 1500, 1500, 1},
        /* nothing is known of it */
        {STEPS(HALF_TLS), &unknown, REASON_TLS_TIMEOUT, GREETING_MS, GREETING_MS, 0},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct seen seen;
        struct script_server *server = script_start("127.0.0.1", rows[i].steps);
        int64_t took_ms = attempt_once(server, rows[i].learned, &seen);
        print_message("row %zu: %s after %lld ms, %s\n", i, reason_word(seen.outcome.reason),
                      (long long)took_ms, seen.outcome.detail);
        free(script_stop(server)); /* it may well have waited for something else */
        assert_int_equal(seen.done, 1);
        assert_int_equal(seen.outcome.reason, rows[i].reason);
        assert_in_range(took_ms, rows[i].least_ms, rows[i].most_ms + LOAD_MS);
        assert_int_equal(seen.lates, rows[i].lates);
        if (rows[i].most_ms == EARLY_MS)
            assert_true(seen.outcome.confirmed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tls_first)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
