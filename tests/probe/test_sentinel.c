/* SPDX-License-Identifier: BSD-2-Clause */
/* Sentinels of scripted servers: what they say, and what ends them. */
#include "base/clock.h"
#include "base/memory.h"
#include "probe/channel.h"
#include "probe/sentinel.h"
#include "support/probe_once.h"

#include <event2/event.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

struct seen {
    struct event_base *base;
    unsigned reports;
    bool watched;
};

struct stand {
    struct event_base *base;
    struct tls_client tls;
    struct session_setting setting;
    struct check_settings check;
    struct probe_target target;
    struct script_server *server;
    struct sentinel *sentinel;
    struct seen seen;
};

static void on_broken(void *context, bool watched)
{
    struct seen *seen = context;
    seen->reports++;
    seen->watched = watched;
    event_base_loopbreak(seen->base);
}

static void run_for(struct stand *stand, int64_t ms)
{
    const struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_base_loopexit(stand->base, &wait);
    event_base_dispatch(stand->base);
}

static void stand_start(struct stand *stand, enum check_kind kind, const struct script_step *steps)
{
    struct error error;
    *stand = (struct stand){.base = event_base_new()};
    stand->server = script_start("127.0.0.1", steps);
    assert_true(tls_client_init(&stand->tls, script_ca_file(stand->server), &error));
    stand->setting = (struct session_setting){.base = stand->base, .tls = &stand->tls};
    stand->check = (struct check_settings){.kind = kind,
                                           .tls = CHECK_TLS_REQUIRED,
                                           .timeout_ms = PROBE_MS,
                                           .connect_timeout_ms = STEP_MS,
                                           .greeting_timeout_ms = STEP_MS,
                                           .reply_timeout_ms = STEP_MS};
    stand->target = (struct probe_target){
        .port = script_port(stand->server), .check = &stand->check, .host = "mx.example.test"};
    assert_true(address_parse("127.0.0.1", &stand->target.address));
    stand->seen.base = stand->base;
    stand->sentinel = sentinel_start(&stand->setting, &stand->target, on_broken, &stand->seen);
}

static void stand_stop(struct stand *stand)
{
    char *wrong = script_stop(stand->server);
    tls_client_clear(&stand->tls);
    event_base_free(stand->base);
    if (wrong)
        fail_msg("%s", wrong);
}

static const struct {
    const char *name;
    enum check_kind kind;
    const struct script_step *steps;
    bool watched;
    int64_t after_ms;
} ends[] = {
    {"FIN", CHECK_IMAP, STEPS(SAY("* OK ready\r\n"), PAUSE(200)), true, 200},
    {"RST", CHECK_IMAP, STEPS(SAY("* OK ready\r\n"), PAUSE(200), RESET), true, 200},
    {"BYE, and FIN", CHECK_IMAP,
     STEPS(SAY("* OK ready\r\n"), QUIET, SAY("* BYE idle\r\n"), PAUSE(100)), true, 150},
    {"words in between are let alone", CHECK_IMAP,
     STEPS(SAY("* OK ready\r\n"), QUIET, SAY("* OK still here\r\nhello?\r\n"), QUIET), true, 100},
    {"words without end", CHECK_IMAP, STEPS(SAY("* OK ready\r\n"), FLOOD("* OK here\r\n")), true,
     0},
    {"TLS first", CHECK_IMAPS, STEPS(TLS, SAY("* OK ready\r\n"), PAUSE(200)), true, 200},
    {"longer than any timeout of probes", CHECK_IMAP,
     STEPS(SAY("* OK ready\r\n"), PAUSE(PROBE_MS + 300)), true, PROBE_MS + 300},
    {"no greeting", CHECK_IMAP, STEPS(GONE), false, STEP_MS},
    {"no good greeting", CHECK_IMAP, STEPS(SAY("* BYE busy\r\n"), HEAR("e1 LOGOUT\r\n")), false, 0},
    {"no TLS", CHECK_IMAPS, STEPS(SAY("* OK ready\r\n"), STALL), false, 0},
    {"a bad certificate", CHECK_IMAPS,
     STEPS(TLS_WITH(EXPIRED), SAY("* OK ready\r\n"), HEAR("e1 LOGOUT\r\n")), false, 0},
};

/* What ends it, after how long at least, and whether it had been greeted. */
static void all_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct stand stand;
        int64_t start_ms = clock_now_ms();
        stand_start(&stand, ends[i].kind, ends[i].steps);
        run_for(&stand, PATIENCE_MS);
        int64_t took_ms = clock_now_ms() - start_ms;
        run_for(&stand, 10); /* no second report */
        if (stand.seen.reports != 1 || stand.seen.watched != ends[i].watched ||
            took_ms < ends[i].after_ms - 20)
            fail_msg("%s: %u reports, watched %d, after %lld ms", ends[i].name, stand.seen.reports,
                     stand.seen.watched, (long long)took_ms);
        stand_stop(&stand);
    }
}

static void nobody_listens(void **state)
{
    (void)state;
    struct stand stand;
    stand_start(&stand, CHECK_IMAP, STEPS(END));
    sentinel_stop(stand.sentinel);
    stand.target.port = 1;
    stand.sentinel = sentinel_start(&stand.setting, &stand.target, on_broken, &stand.seen);
    assert_int_equal(stand.seen.reports, 0); /* not before it returns */
    run_for(&stand, PATIENCE_MS);
    assert_int_equal(stand.seen.reports, 1);
    assert_false(stand.seen.watched);
    free(script_stop(stand.server));
    tls_client_clear(&stand.tls);
    event_base_free(stand.base);
}

static const struct {
    enum check_kind kind;
    const struct script_step *steps;
} partings[] = {
    {CHECK_IMAP, STEPS(SAY("* OK ready\r\n"), HEAR("e1 LOGOUT\r\n"), GONE)},
    {CHECK_IMAPS, STEPS(TLS, SAY("* OK ready\r\n"), HEAR("e1 LOGOUT\r\n"), GONE)},
};

static void stopped_politely(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof partings / sizeof *partings; i++) {
        struct stand stand;
        stand_start(&stand, partings[i].kind, partings[i].steps);
        run_for(&stand, 500);
        assert_int_equal(stand.seen.reports, 0);
        sentinel_stop(stand.sentinel);
        stand_stop(&stand);
        assert_int_equal(stand.seen.reports, 0);
    }
}

/* At each moment before the greeting. */
static void stopped_early(void **state)
{
    (void)state;
    for (int64_t ms = 0; ms < 20; ms += 3) {
        struct stand stand;
        stand_start(&stand, CHECK_IMAPS, STEPS(TLS, GONE));
        run_for(&stand, ms);
        sentinel_stop(stand.sentinel);
        run_for(&stand, 5);
        assert_int_equal(stand.seen.reports, 0);
        free(script_stop(stand.server)); /* the handshake may have been broken off */
        tls_client_clear(&stand.tls);
        event_base_free(stand.base);
    }
}

/* That a peer which is gone is seen within 3 s: keepalive is set as that takes. */
static void kept_alive(void **state)
{
    (void)state;
    struct stand stand;
    stand_start(&stand, CHECK_IMAP, STEPS(SAY("* OK ready\r\n"), GONE));
    run_for(&stand, 200);
    int value = 0, found = 0;
    for (int fd = 3; fd < 256; fd++) {
        socklen_t size = sizeof value;
        struct sockaddr_storage peer;
        socklen_t peer_size = sizeof peer;
        if (getpeername(fd, (struct sockaddr *)&peer, &peer_size) < 0 ||
            getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &size) < 0 || !value)
            continue;
        found++;
        assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, &size), 0);
        assert_int_equal(value, 1);
        assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &size), 0);
        assert_int_equal(value, 2500);
    }
    assert_int_equal(found, 1);
    sentinel_stop(stand.sentinel);
    free(script_stop(stand.server));
    tls_client_clear(&stand.tls);
    event_base_free(stand.base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_ends),         cmocka_unit_test(nobody_listens),
        cmocka_unit_test(stopped_politely), cmocka_unit_test(stopped_early),
        cmocka_unit_test(kept_alive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
