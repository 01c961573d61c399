/* SPDX-License-Identifier: BSD-2-Clause */
/* Real Postfix, Exim and Dovecot die in several ways, and each death is seen in the answers, asked
 * of evermxd and of a real unbound as a caching resolver in front of it. */
#include "base/address.h"
#include "base/clock.h"
#include "support/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* mx1 and mx2 are Postfix and Dovecot, mx3 is Exim. */
#define MX1     "127.0.0.61"
#define MX2     "127.0.0.62"
#define MX3     "127.0.0.63"
#define UNBOUND "127.0.0.69"

#define MX_ALL "10 mx1.example.test.; 10 mx2.example.test.; 20 mx3.example.test."

enum {
    UNBOUND_PORT = 5369,
    TTL_S = 5,
    /* interval 1 s + recheck 0.5 s + two greeting timeouts of 2 s, and as much again for a busy
       machine */
    DETECT_MS = 14000,
    CACHED_MS = DETECT_MS + TTL_S * 1000,
};

static const char zone[] = "$ORIGIN example.test.\n$TTL 300\n"
                           "@ SOA ns1 hostmaster 1 3600 600 86400 5\n@ NS ns1\nns1 A 127.0.0.1\n"
                           "@ MX 10 mx1\n@ MX 10 mx2\n@ MX 20 mx3\n"
                           "mx1 A " MX1 "\nmx2 A " MX2 "\nmx3 A " MX3 "\n"
                           "imap A " MX1 "\nimap A " MX2 "\n"
                           "_imap._tcp SRV 0 1 143 imap\n_imaps._tcp SRV 0 1 993 imap\n";

static const char yaml[] =
    "server: {listen: [\"127.0.0.1@%PORT%\"], control: %FOLDER%/control.sock}\n"
    "zones: [example.test.zone]\n"
    "checks:\n"
    "  smtp: {interval: 1s, greeting-timeout: 2s, hold: 0s, slow-start: 0s}\n"
    "  imap: {interval: 1s, greeting-timeout: 2s, hold: 0s, slow-start: 0s}\n"
    "  imaps: {interval: 1s, greeting-timeout: 2s, hold: 0s, slow-start: 0s}\n"
    "policies:\n"
    "  - {match: \"*\", ttl: 5s}\n";

static struct rig rig;

static void wait_for(const char *name, const char *rrtype, const char *expected)
{
    rig_wait(&rig, "127.0.0.1", rig.port, name, rrtype, expected, DETECT_MS);
}

static void wait_for_cached(const char *name, const char *rrtype, const char *expected)
{
    rig_wait(&rig, UNBOUND, UNBOUND_PORT, name, rrtype, expected, CACHED_MS);
}

static int start_all(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        puts("needs root: real mail servers listen on port 25");
        exit(77);
    }
    rig_lab("cleanup");
    rig_lab("start postfix mx1 " MX1);
    rig_lab("start postfix mx2 " MX2);
    rig_lab("start exim mx3 " MX3);
    rig_lab("start dovecot imap1 " MX1);
    rig_lab("start dovecot imap2 " MX2);
    rig_start(&rig, zone, yaml);
    rig_lab("start unbound cache " UNBOUND " %d 127.0.0.1@%u example.test", UNBOUND_PORT, rig.port);
    wait_for("example.test", "MX", MX_ALL);
    wait_for("imap.example.test", "A", MX1 "; " MX2);
    return 0;
}

static int stop_all(void **state)
{
    (void)state;
    if (rig.daemon)
        rig_stop(&rig);
    rig_lab("cleanup");
    return 0;
}

/* Once each target has its first verdict, the policy's TTL is in force. */
static void all_up(void **state)
{
    (void)state;
    struct answer answer;
    int64_t deadline_ms = clock_now_ms() + DETECT_MS;
    do
        rig_answer(&rig, "127.0.0.1", rig.port, "example.test", "MX", &answer);
    while (answer.ttl_s != TTL_S && clock_now_ms() < deadline_ms && usleep(20000) == 0);
    assert_string_equal(answer.text, MX_ALL);
    assert_int_equal(answer.ttl_s, TTL_S);
    wait_for_cached("example.test", "MX", MX_ALL);
}

static void postfix_killed(void **state)
{
    (void)state;
    rig_lab("kill mx1");
    wait_for("example.test", "MX", "10 mx2.example.test.; 20 mx3.example.test.");
    wait_for_cached("example.test", "MX", "10 mx2.example.test.; 20 mx3.example.test.");
    /* A name that an MX record points to keeps its address, whatever died. */
    struct answer answer;
    rig_answer(&rig, "127.0.0.1", rig.port, "mx1.example.test", "A", &answer);
    assert_string_equal(answer.text, MX1);
    /* SMTP died, IMAP did not: the shared name keeps the address. */
    rig_answer(&rig, "127.0.0.1", rig.port, "imap.example.test", "A", &answer);
    assert_string_equal(answer.text, MX1 "; " MX2);
    rig_lab("restart mx1");
    wait_for("example.test", "MX", MX_ALL);
    wait_for_cached("example.test", "MX", MX_ALL);
}

static void postfix_hangs(void **state)
{
    (void)state;
    rig_lab("pause mx2");
    wait_for("example.test", "MX", "10 mx1.example.test.; 20 mx3.example.test.");
    wait_for_cached("example.test", "MX", "10 mx1.example.test.; 20 mx3.example.test.");
    rig_lab("continue mx2");
    wait_for("example.test", "MX", MX_ALL);
}

/* An SMTP session that has been greeted. */
static int open_session(const char *text)
{
    struct address address;
    struct sockaddr_storage name;
    assert_true(address_parse(text, &address));
    socklen_t size = address_to_sockaddr(&address, 25, &name);
    int session = socket(AF_INET, SOCK_STREAM, 0);
    char greeting[256];
    assert_int_equal(connect(session, (struct sockaddr *)&name, size), 0);
    assert_true(recv(session, greeting, sizeof greeting, 0) > 3);
    return session;
}

/* Killed while a session is open, Postfix's child still holds the listening socket: connects
 * succeed, nothing ever greets. */
static void postfix_master_killed(void **state)
{
    (void)state;
    int session = open_session(MX2);
    rig_lab("kill-master mx2");
    wait_for("example.test", "MX", "10 mx1.example.test.; 20 mx3.example.test.");
    close(session);
    rig_lab("restart mx2");
    wait_for("example.test", "MX", MX_ALL);
}

static void exim_stopped(void **state)
{
    (void)state;
    rig_lab("stop mx3");
    wait_for("example.test", "MX", "10 mx1.example.test.; 10 mx2.example.test.");
    wait_for_cached("example.test", "MX", "10 mx1.example.test.; 10 mx2.example.test.");
    rig_lab("restart mx3");
    wait_for("example.test", "MX", MX_ALL);
}

static void exim_killed(void **state)
{
    (void)state;
    rig_lab("kill mx3");
    wait_for("example.test", "MX", "10 mx1.example.test.; 10 mx2.example.test.");
    rig_lab("restart mx3");
    wait_for("example.test", "MX", MX_ALL);
}

/* IMAP dead, SMTP alive: the shared name loses the address, MX keeps the host. */
static void dovecot_dies(void **state)
{
    (void)state;
    static const char *const deaths[][2] = {
        {"kill", "restart"}, {"pause", "continue"}, {"stop", "restart"}};
    for (size_t i = 0; i < 3; i++) {
        rig_lab("%s imap1", deaths[i][0]);
        wait_for("imap.example.test", "A", MX2);
        wait_for_cached("imap.example.test", "A", MX2);
        struct answer answer;
        rig_answer(&rig, "127.0.0.1", rig.port, "example.test", "MX", &answer);
        assert_string_equal(answer.text, MX_ALL);
        rig_lab("%s imap1", deaths[i][1]);
        wait_for("imap.example.test", "A", MX1 "; " MX2);
    }
}

/* All of them hang: everything is answered, for at most 5 s. rig_wait fails on any empty answer. */
static void all_hang(void **state)
{
    (void)state;
    rig_lab("pause mx1");
    rig_lab("pause mx2");
    wait_for("example.test", "MX", "20 mx3.example.test.");
    rig_lab("pause mx3");
    wait_for("example.test", "MX", MX_ALL);
    struct answer answer;
    rig_answer(&rig, "127.0.0.1", rig.port, "example.test", "MX", &answer);
    assert_string_equal(answer.text, MX_ALL);
    assert_in_range(answer.ttl_s, 1, 5);
    char *status = rig_ctl(&rig, "status --json");
    assert_non_null(strstr(status, "\"fail_open\": true"));
    free(status);
    rig_lab("continue mx1");
    wait_for("example.test", "MX", "10 mx1.example.test.");
    rig_lab("continue mx2");
    rig_lab("continue mx3");
    wait_for("example.test", "MX", MX_ALL);
}

static void drained_and_explained(void **state)
{
    (void)state;
    free(rig_ctl(&rig, "drain mx1.example.test"));
    wait_for("example.test", "MX", "10 mx2.example.test.; 20 mx3.example.test.");
    char *explained = rig_ctl(&rig, "explain example.test MX");
    assert_non_null(strstr(explained, "mx1.example.test"));
    assert_non_null(strstr(explained, "drain"));
    free(explained);
    free(rig_ctl(&rig, "undrain mx1.example.test"));
    wait_for("example.test", "MX", MX_ALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_up),
        cmocka_unit_test(postfix_killed),
        cmocka_unit_test(postfix_hangs),
        cmocka_unit_test(postfix_master_killed),
        cmocka_unit_test(exim_stopped),
        cmocka_unit_test(exim_killed),
        cmocka_unit_test(dovecot_dies),
        cmocka_unit_test(all_hang),
        cmocka_unit_test(drained_and_explained),
    };
    return cmocka_run_group_tests(tests, start_all, stop_all);
}
