/* SPDX-License-Identifier: BSD-2-Clause */
/* Round trips and sentinels with real Postfix and Dovecot: a server that takes everything and
 * delivers nothing is told and drained, and comes back with the first message; the end of a whole
 * host is in the answers in a moment. The engine runs in this process, with times of seconds where
 * an operator has minutes. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/config.h"
#include "engine/engine.h"
#include "support/rig.h"
#include "support/stage.h"
#include "wire/rrtype.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Postfix and Dovecot each; mail for lab.test goes from Postfix to Dovecot by LMTP. */
#define MX1 "127.0.0.71"
#define MX2 "127.0.0.72"

enum {
    ROUND_TRIP_MS = 3000,
    ALARM_MS = 2000,
    DRAIN_MS = 5000,
    PATIENCE_MS = 30000,
    POLL_US = 2000,
    KILLS = 3,
    KILLED_WITHIN_MS = 300,
};

static const char zone[] = ZONE_HEAD "@ MX 10 mx1\n@ MX 10 mx2\nmx1 A " MX1 "\nmx2 A " MX2 "\n"
                                     "_imap._tcp SRV 0 1 143 mx1\n_imap._tcp SRV 0 1 143 mx2\n";

static const char zone_without_mx1[] =
    ZONE_HEAD "@ MX 10 mx2\nmx2 A " MX2 "\n_imap._tcp SRV 0 1 143 mx2\n";

static const char yaml[] = "checks:\n"
                           "  smtp: {probe-recipient: probe@lab.test, round-trip: 10s, hold: 0,\n"
                           "         slow-start: 0}\n"
                           "  imap: {credentials: credentials.yaml, tls: off, sentinel: on,\n"
                           "         hold: 0, slow-start: 0}\n";

struct world {
    struct stage stage; /* folder, publisher, questions; its core is not used */
    struct engine *engine;
    int64_t started_ms;
};

static struct world world;

/* ---- the engine ---- */

/* As configured, but in a hurry. */
static struct model *build_model(const char *text, int64_t round_trip_ms)
{
    struct diagnostics diagnostics;
    char path[128];
    diagnostics_init(&diagnostics);
    folder_path(world.stage.folder, "credentials.yaml", path, sizeof path);
    folder_write(world.stage.folder, "credentials.yaml", "user: probe\npassword: lab\n");
    assert_int_equal(chmod(path, 0600), 0);
    folder_write(world.stage.folder, "config.yaml", yaml);
    folder_path(world.stage.folder, "config.yaml", path, sizeof path);
    config_free(world.stage.config);
    world.stage.config = config_load(path, &diagnostics);
    if (!world.stage.config) {
        diagnostics_print(&diagnostics, stderr);
        fail_msg("the configuration");
    }
    struct check_settings *smtp = &world.stage.config->checks[CHECK_SMTP].settings;
    smtp->round_trip_ms = round_trip_ms;
    smtp->alarm_ms = ALARM_MS;
    smtp->drain_ms = DRAIN_MS;
    folder_write(world.stage.folder, "example.test", text);
    folder_path(world.stage.folder, "example.test", path, sizeof path);
    config_add_zone(world.stage.config, path);
    struct model *model = model_build(world.stage.config, NULL, true, &diagnostics);
    diagnostics_print(&diagnostics, stderr);
    assert_non_null(model);
    diagnostics_free(&diagnostics);
    return model;
}

static void find_target(const char *host, const char *check, struct verdict *verdict)
{
    struct engine_status status;
    struct error error;
    bool found = false;
    if (!engine_status(world.engine, &status, &error))
        fail_msg("status: %s", error.text);
    for (size_t i = 0; i < status.ntargets && !found; i++) {
        const struct engine_target *target = &status.targets[i];
        found = strncmp(target->host, host, strlen(host)) == 0 && !strcmp(target->check, check);
        *verdict = target->verdict;
    }
    engine_status_free(&status);
    assert_true(found);
}

/* How many events of the kind (and with the text somewhere) there were. */
static unsigned count_events(const char *kind, const char *text)
{
    struct engine_events events;
    struct error error;
    unsigned count = 0;
    assert_true(engine_events(world.engine, 0, &events, &error));
    for (size_t i = 0; i < events.count; i++)
        count += !strcmp(events.list[i].kind, kind) && strstr(events.list[i].text, text);
    engine_events_free(&events);
    return count;
}

/* "mx1.example.test. mx2.example.test." */
static void read_mx(char text[256])
{
    ldns_pkt *packet = stage_ask(&world.stage, "example.test", RRTYPE_MX);
    ldns_rr_list *list = ldns_pkt_answer(packet);
    ldns_rr_list_sort(list);
    text[0] = '\0';
    for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++) {
        char *name = ldns_rdf2str(ldns_rr_rdf(ldns_rr_list_rr(list, i), 1));
        snprintf(text + strlen(text), 256 - strlen(text), "%s%s", i ? " " : "", name);
        free(name);
    }
    ldns_pkt_free(packet);
}

/* Returns when it was so. */
static int64_t wait_for_mx(const char *expected)
{
    char text[256];
    int64_t deadline_ms = clock_now_ms() + PATIENCE_MS;
    for (;;) {
        read_mx(text);
        if (strcmp(text, expected) == 0)
            return clock_now_ms();
        if (clock_now_ms() > deadline_ms)
            fail_msg("%s is answered, not %s", text, expected);
        usleep(POLL_US);
    }
}

static int64_t wait_for_event(const char *kind, unsigned before)
{
    int64_t deadline_ms = clock_now_ms() + PATIENCE_MS;
    while (count_events(kind, "") <= before) {
        if (clock_now_ms() > deadline_ms)
            fail_msg("no event '%s'", kind);
        usleep(10 * POLL_US);
    }
    return clock_now_ms();
}

/* A round trip of the host that has ended after at_ms, and well. */
static struct verdict wait_for_delivery(const char *host, int64_t at_ms)
{
    struct verdict verdict;
    int64_t deadline_ms = clock_now_ms() + PATIENCE_MS;
    for (;;) {
        find_target(host, "smtp", &verdict);
        const struct verdict_trace *trip = &verdict.last[DEPTH_ROUND_TRIP];
        if (trip->at_ms >= at_ms && trip->reason == REASON_OK)
            return verdict;
        if (clock_now_ms() > deadline_ms)
            fail_msg("nothing arrives at %s: %s", host, reason_word(trip->reason));
        usleep(10 * POLL_US);
    }
}

static unsigned count_mail(const char *instance)
{
    const char *lab = getenv("LAB_DIR");
    char pattern[600];
    glob_t found;
    unsigned count = 0;
    static const char *const folders[] = {"new", "cur"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(pattern, sizeof pattern, "%s/%s/root/var/mail/probe/Maildir/%s/*",
                 lab ? lab : "build/lab/run", instance, folders[i]);
        if (glob(pattern, 0, NULL, &found) == 0)
            count += (unsigned)found.gl_pathc;
        globfree(&found);
    }
    return count;
}

static int start_all(void **state)
{
    (void)state;
    struct error error;
    if (geteuid() != 0) {
        puts("needs root: real mail servers listen on port 25");
        exit(77);
    }
    rig_lab("cleanup");
    rig_lab("start postfix mx1 " MX1 " local_transport=lmtp:inet:[" MX1 "]:24");
    rig_lab("start postfix mx2 " MX2 " local_transport=lmtp:inet:[" MX2 "]:24");
    rig_lab("start dovecot imap1 " MX1 " lmtp=1 disable_plaintext_auth=no");
    rig_lab("start dovecot imap2 " MX2 " lmtp=1 disable_plaintext_auth=no");
    stage_init(&world.stage, true);
    const struct engine_options options = {.probing = true};
    world.started_ms = clock_now_ms();
    world.engine =
        engine_new(&options, world.stage.publisher, build_model(zone, ROUND_TRIP_MS), &error);
    assert_non_null(world.engine);
    return 0;
}

static int stop_all(void **state)
{
    (void)state;
    engine_free(world.engine);
    stage_free(&world.stage);
    rig_lab("cleanup");
    return 0;
}

/* ---- tests ---- */

#define BOTH "mx1.example.test. mx2.example.test."

static void delivered_and_deleted(void **state)
{
    (void)state;
    static const char *const hosts[] = {"mx1", "mx2"}, *const mailboxes[] = {"imap1", "imap2"};
    for (size_t i = 0; i < 2; i++) {
        struct verdict verdict = wait_for_delivery(hosts[i], world.started_ms);
        int64_t took_us = verdict.last[DEPTH_ROUND_TRIP].step_us[TIMED_DELIVERY];
        printf("%s: delivered after %.1f ms\n", hosts[i], (double)took_us / 1000);
        assert_in_range(took_us, 1, PATIENCE_MS * 1000);
        assert_int_equal(verdict.status, VERDICT_UP);
        assert_int_equal(verdict.undelivered_since_ms, 0);
        assert_in_range(count_mail(mailboxes[i]), 0, 1); /* the next one may be there */
    }
    wait_for_mx(BOTH);
    assert_int_equal(count_events("round-trip", ""), 0);
}

/* Of Postfix's queue manager, or all of them. */
static void signal_qmgr(const char *instance, const char *signal)
{
    char command[512];
    snprintf(command, sizeof command,
             "for pid in $(tests/e2e/lab.sh pids %s); do "
             "[ \"$(cat /proc/$pid/comm)\" != qmgr ] || kill -%s $pid; done",
             instance, signal);
    assert_int_equal(system(command), 0);
}

/* How long after the break it is told and drained: from the first message that does not arrive on,
 * which is sent within a round trip's time. */
static void check_break(int64_t broken_ms, unsigned alarms, unsigned drains)
{
    int64_t alarm_ms = wait_for_event("undelivered", alarms) - broken_ms;
    int64_t drain_ms = wait_for_event("drained", drains) - broken_ms;
    int64_t answer_ms = wait_for_mx("mx2.example.test.") - broken_ms;
    printf("alarm after %.1f s, drained after %.1f s, out of the answers after %.1f s\n",
           (double)alarm_ms / 1000, (double)drain_ms / 1000, (double)answer_ms / 1000);
    assert_in_range(alarm_ms, ALARM_MS - 500, ALARM_MS + ROUND_TRIP_MS + 2000);
    assert_in_range(drain_ms, DRAIN_MS - 500, DRAIN_MS + ROUND_TRIP_MS + 2000);
    struct verdict verdict;
    find_target("mx1", "smtp", &verdict);
    assert_int_equal(verdict.status, VERDICT_UP); /* it answers all that probes ask */
    assert_int_equal(verdict_vote(&verdict), VOTE_DRAINED);
}

static void queue_stands_still(void **state)
{
    (void)state;
    unsigned alarms = count_events("undelivered", ""), drains = count_events("drained", "");
    unsigned returns = count_events("delivered", "");
    signal_qmgr("mx1", "STOP");
    check_break(clock_now_ms(), alarms, drains);
    signal_qmgr("mx1", "CONT");
    int64_t mended_ms = clock_now_ms();
    wait_for_event("delivered", returns);
    int64_t back_ms = wait_for_mx(BOTH);
    printf("back after %.1f s\n", (double)(back_ms - mended_ms) / 1000);
    wait_for_delivery("mx1", mended_ms);
}

/* Messages that were deferred come when the queue is run again, or never: the next one ends it. */
static void transport_deferred(void **state)
{
    (void)state;
    unsigned alarms = count_events("undelivered", ""), drains = count_events("drained", "");
    rig_lab("exec mx1 postconf -e defer_transports=lmtp");
    rig_lab("reload mx1");
    check_break(clock_now_ms(), alarms, drains);
    rig_lab("exec mx1 postconf -e defer_transports=");
    rig_lab("reload mx1");
    int64_t mended_ms = clock_now_ms();
    int64_t back_ms = wait_for_mx(BOTH);
    printf("back after %.1f s\n", (double)(back_ms - mended_ms) / 1000);
    wait_for_delivery("mx1", mended_ms);
}

/* What was deferred is found and deleted as well, be it late. */
static void nothing_stays(void **state)
{
    (void)state;
    rig_lab("exec mx1 postqueue -f");
    int64_t deadline_ms = clock_now_ms() + PATIENCE_MS;
    unsigned left;
    do
        usleep(100 * 1000);
    while ((left = count_mail("imap1")) > 1 && clock_now_ms() < deadline_ms);
    assert_in_range(left, 0, 1);
}

/* Nobody is to blame who is asked from where no mail can be seen. */
static void mailbox_away(void **state)
{
    (void)state;
    unsigned alarms = count_events("undelivered", "");
    rig_lab("kill imap2");
    int64_t until_ms = clock_now_ms() + ALARM_MS + ROUND_TRIP_MS + DRAIN_MS;
    while (clock_now_ms() < until_ms) {
        char text[256];
        read_mx(text);
        assert_string_equal(text, BOTH);
        usleep(50 * 1000);
    }
    assert_int_equal(count_events("undelivered", ""), alarms);
    rig_lab("restart imap2");
    wait_for_delivery("mx2", clock_now_ms());
}

static void reload(const char *text, int64_t round_trip_ms)
{
    struct error error;
    if (!engine_load(world.engine, build_model(text, round_trip_ms), &error))
        fail_msg("%s", error.text);
}

/* Targets come, go and change while messages are under way and sentinels stand. */
static void reloads_in_between(void **state)
{
    (void)state;
    rig_lab("pause imap1"); /* so that something is always under way */
    for (int i = 0; i < 12; i++) {
        reload(i % 3 == 2 ? zone_without_mx1 : zone, i % 2 ? ROUND_TRIP_MS : ROUND_TRIP_MS / 3);
        usleep((useconds_t)(rand() % 400 + 10) * 1000);
    }
    rig_lab("continue imap1");
    reload(zone, ROUND_TRIP_MS);
    wait_for_delivery("mx1", clock_now_ms());
    wait_for_delivery("mx2", clock_now_ms());
    wait_for_mx(BOTH);
}

static void kill_host(void)
{
    char command[1024];
    snprintf(command, sizeof command,
             "kill -9 $(tests/e2e/lab.sh pids mx1; tests/e2e/lab.sh pids imap1)");
    assert_int_equal(system(command), 0);
}

static bool target_is_up(const char *host, const char *check)
{
    struct verdict verdict;
    find_target(host, check, &verdict);
    return verdict.known && verdict.status == VERDICT_UP;
}

static int compare(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

/* At default intervals of 2 s. */
static void whole_host_killed(void **state)
{
    (void)state;
    int64_t times_ms[KILLS];
    for (int i = 0; i < KILLS; i++) {
        int64_t deadline_ms = clock_now_ms() + PATIENCE_MS;
        while (!target_is_up("mx1", "smtp") || !target_is_up("mx1", "imap")) {
            assert_true(clock_now_ms() < deadline_ms);
            usleep(10 * POLL_US);
        }
        wait_for_mx(BOTH);
        usleep((useconds_t)(5500000 + rand() % 2000000)); /* a new sentinel, and any phase */
        int64_t start_ms = clock_now_ms();
        kill_host();
        int64_t killed_ms = clock_now_ms();
        int64_t end_ms = wait_for_mx("mx2.example.test.");
        times_ms[i] = end_ms - killed_ms;
        printf("killed in %lld ms, out of the answers %lld ms later\n",
               (long long)(killed_ms - start_ms), (long long)times_ms[i]);
        rig_lab("restart mx1");
        rig_lab("restart imap1");
    }
    qsort(times_ms, KILLS, sizeof *times_ms, compare);
    printf("median %lld ms, max %lld ms\n", (long long)times_ms[KILLS / 2],
           (long long)times_ms[KILLS - 1]);
    assert_true(times_ms[KILLS / 2] <= KILLED_WITHIN_MS);
    wait_for_mx(BOTH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivered_and_deleted), cmocka_unit_test(queue_stands_still),
        cmocka_unit_test(transport_deferred),    cmocka_unit_test(nothing_stays),
        cmocka_unit_test(mailbox_away),          cmocka_unit_test(reloads_in_between),
        cmocka_unit_test(whole_host_killed),
    };
    srand((unsigned)clock_now_us());
    return cmocka_run_group_tests(tests, start_all, stop_all);
}
