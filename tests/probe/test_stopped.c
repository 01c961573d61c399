/* SPDX-License-Identifier: BSD-2-Clause */
/* A server is stopped in the middle of something: between two commands, in one dialogue of a host
 * of which all services stop, and in one beside others that are well. */
#include "base/clock.h"
#include "support/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stopped_between_commands),
        cmocka_unit_test(test_stopped_in_a_dialogue),
        cmocka_unit_test(test_stopped_beside_a_dialogue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
