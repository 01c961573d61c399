/* SPDX-License-Identifier: BSD-2-Clause */
/* Sentinels of scripted servers: what they say, and what ends them. */
#include "base/clock.h"
#include "base/memory.h"
#include "probe/channel.h"
#include "probe/peers.h"
#include "probe/sentinel.h"
#include "support/probe_once.h"

#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct seen {
    struct event_base *base;
    unsigned reports;
    enum sentinel_end how;
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

static void on_ended(void *context, enum sentinel_end how)
{
    struct seen *seen = context;
    seen->reports++;
    seen->how = how;
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
    stand->setting = (struct session_setting){
        .base = stand->base, .tls = &stand->tls, .peers = peers_new(stand->base, 16)};
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
    stand->sentinel = sentinel_start(&stand->setting, &stand->target, on_ended, &stand->seen);
}

static void stand_clear(struct stand *stand)
{
    peers_free(stand->setting.peers); /* dies where a place is left taken, or a host joined */
    tls_client_clear(&stand->tls);
    event_base_free(stand->base);
}

static void stand_stop(struct stand *stand)
{
    char *wrong = script_stop(stand->server);
    stand_clear(stand);
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
        if (stand.seen.reports != 1 || (stand.seen.how == SENTINEL_BROKEN) != ends[i].watched ||
            stand.seen.how == SENTINEL_YIELDED || took_ms < ends[i].after_ms - 20)
            fail_msg("%s: %u reports, the last %d, after %lld ms", ends[i].name, stand.seen.reports,
                     stand.seen.how, (long long)took_ms);
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
    stand.sentinel = sentinel_start(&stand.setting, &stand.target, on_ended, &stand.seen);
    assert_int_equal(stand.seen.reports, 0); /* not before it returns */
    run_for(&stand, PATIENCE_MS);
    assert_int_equal(stand.seen.reports, 1);
    assert_int_equal(stand.seen.how, SENTINEL_UNGREETED);
    free(script_stop(stand.server));
    stand_clear(&stand);
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
        stand_clear(&stand);
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
    stand_clear(&stand);
}

/* ---- the power goes ---- */

enum { UNWATCHED = 2, NO_NETWORK = 77 };

static bool cut_off(void)
{
    return system("nft add table inet cut && "
                  "nft 'add chain inet cut input { type filter hook input priority 0; }' && "
                  "nft add rule inet cut input drop") == 0;
}

/* In a network of its own. Its status tells; what went wrong, in words. */
static int lose_power(void)
{
    struct stand stand;
    if (unshare(CLONE_NEWNET) < 0 || system("ip link set lo up && nft list ruleset") != 0)
        return NO_NETWORK;
    stand_start(&stand, CHECK_IMAP, STEPS(SAY("* OK ready\r\n"), GONE));
    run_for(&stand, 1300); /* a keepalive has been answered */
    if (stand.seen.reports || !cut_off()) {
        puts("it did not come to watch, or the network could not be cut off");
        return UNWATCHED;
    }
    int64_t cut_ms = clock_now_ms();
    run_for(&stand, 2 * PATIENCE_MS);
    int64_t took_ms = clock_now_ms() - cut_ms;
    printf("%u reports, how %d, %lld ms after the power went\n", stand.seen.reports, stand.seen.how,
           (long long)took_ms);
    /* The last answer is at most a second old; 2.5 s count from it or from the next question. */
    return stand.seen.reports == 1 && stand.seen.how == SENTINEL_BROKEN && took_ms >= 1000 &&
                   took_ms <= 5000
               ? 0
               : 1;
}

/* No FIN and no RST comes, nor anything else: keepalive finds out. */
static void power_lost(void **state)
{
    (void)state;
    int status = 0;
    fflush(stdout);
    pid_t process = fork();
    if (process == 0) {
        status = lose_power();
        fflush(stdout);
        _exit(status);
    }
    waitpid(process, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_NETWORK) {
        puts("needs root, network namespaces, ip and nft");
        skip();
    }
    assert_int_equal(status, 0);
}

/* ---- places at the host ---- */

static void on_granted(void *context)
{
    bool *granted = context;
    *granted = true;
}

/* Two other sessions come, one after the other, before it is greeted and after that. */
static void yields(void **state)
{
    (void)state;
    const struct {
        const struct script_step *steps;
        int64_t after_ms;
    } rows[] = {
        {STEPS(SAY("* OK ready\r\n"), HEAR("e1 LOGOUT\r\n"), GONE), 100},
        {STEPS(GONE), 100},
        {STEPS(GONE), 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct stand stand;
        bool granted[2] = {false, false};
        struct peer_seat seats[2] = {{.granted = on_granted, .context = &granted[0]},
                                     {.granted = on_granted, .context = &granted[1]}};
        stand_start(&stand, CHECK_IMAP, rows[i].steps);
        struct peers *peers = stand.setting.peers;
        struct peer *host = peers_join(peers, &stand.target.address);
        run_for(&stand, rows[i].after_ms);
        assert_true(peer_take(peers, host, &seats[0], RANK_SERVICE));
        assert_int_equal(stand.seen.reports, 0);
        assert_false(peer_take(peers, host, &seats[1], RANK_SLOW));
        assert_int_equal(stand.seen.reports, 0); /* from the loop */
        run_for(&stand, 40);
        assert_int_equal(stand.seen.reports, 1);
        assert_int_equal(stand.seen.how, SENTINEL_YIELDED);
        run_for(&stand, 5);
        assert_true(granted[1]);
        assert_int_equal(peers_taken(peers), 2);

        /* The next one waits, and may be told to do so no longer. */
        unsigned before = script_connections(stand.server);
        for (unsigned turn = 0; turn < 2; turn++) {
            stand.sentinel = sentinel_start(&stand.setting, &stand.target, on_ended, &stand.seen);
            run_for(&stand, 50);
            assert_int_equal(peers_taken(peers), 2);
            if (turn == 0)
                sentinel_stop(stand.sentinel);
        }
        assert_int_equal(script_connections(stand.server), before);
        peer_release(peers, &seats[0]);
        for (unsigned wait = 0; wait < 20 && script_connections(stand.server) == before; wait++)
            run_for(&stand, 100); /* its thread counts when it comes to it */
        assert_int_equal(peers_taken(peers), 2);
        assert_int_equal(script_connections(stand.server), before + 1);
        assert_int_equal(stand.seen.reports, 1);
        sentinel_stop(stand.sentinel);
        peer_release(peers, &seats[1]);
        peers_leave(peers, host);
        stand_stop(&stand);
    }
}

/* A server for any number of sessions at once, that counts them. */
enum { COUNTED_MAX = 64, DWELL_MS = 30, ROUNDS_MS = 2000, TARGETS = 3 };

struct counter {
    struct event_base *base;
    struct counted {
        int fd; /* 0: free */
        struct event *input, *greet;
    } list[COUNTED_MAX];
    unsigned most; /* at once */
};

/* Those that the client has not closed. */
static unsigned count_open(const struct counter *counter)
{
    unsigned count = 0;
    for (unsigned i = 0; i < COUNTED_MAX; i++) {
        struct pollfd open = {.fd = counter->list[i].fd, .events = POLLRDHUP};
        count += open.fd && poll(&open, 1, 0) == 0;
    }
    return count;
}

static void counted_close(struct counted *counted)
{
    event_free(counted->input);
    event_free(counted->greet);
    close(counted->fd);
    counted->fd = 0;
}

static void on_input(evutil_socket_t fd, short what, void *context)
{
    char line[100], verb[20];
    unsigned tag;
    ssize_t size = recv(fd, line, sizeof line - 1, MSG_DONTWAIT);
    (void)what;

    line[size > 0 ? size : 0] = '\0';
    if (sscanf(line, "e%u %19s", &tag, verb) != 2) {
        counted_close(context);
        return;
    }
    bool leaves = strcmp(verb, "LOGOUT") == 0;
    dprintf(fd, "* %s\r\ne%u OK\r\n", leaves ? "BYE bye" : "CAPABILITY IMAP4rev1", tag);
}

static void on_greet(evutil_socket_t fd, short what, void *context)
{
    const struct counted *counted = context;
    (void)fd, (void)what;
    dprintf(counted->fd, "* OK ready\r\n");
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
                      int size, void *context)
{
    struct counter *counter = context;
    struct counted *counted = counter->list;
    const struct timeval dwell = {.tv_usec = DWELL_MS * 1000};
    (void)listener, (void)from, (void)size;

    while (counted->fd)
        counted++;
    counted->fd = fd;
    counted->input = event_new(counter->base, fd, EV_READ | EV_PERSIST, on_input, counted);
    counted->greet = evtimer_new(counter->base, on_greet, counted);
    event_add(counted->input, NULL);
    event_add(counted->greet, &dwell);
    unsigned now = count_open(counter);
    if (now > counter->most)
        counter->most = now;
}

/* Probes of the same host, and a sentinel that comes back whenever it has left. */
struct traffic {
    struct prober *prober;
    struct probe_target target;
    struct sentinel *sentinel;
    unsigned good, bad, yielded;
};

static void on_traffic_ended(void *context, enum sentinel_end how)
{
    struct traffic *traffic = context;
    traffic->sentinel = NULL;
    traffic->yielded += how == SENTINEL_YIELDED;
    traffic->bad += how != SENTINEL_YIELDED;
}

static void traffic_watch(struct traffic *traffic)
{
    traffic->sentinel = sentinel_start(prober_sessions(traffic->prober), &traffic->target,
                                       on_traffic_ended, traffic);
}

static struct probe_next on_probed(void *context, uint32_t id, const struct outcome *outcome,
                                   int64_t now_ms)
{
    struct traffic *traffic = context;
    (void)id, (void)now_ms;
    *(outcome->reason == REASON_OK ? &traffic->good : &traffic->bad) += 1;
    if (!traffic->sentinel)
        traffic_watch(traffic);
    return (struct probe_next){.wait_ms = 200,
                               .depth = traffic->good % 2 ? DEPTH_SERVICE : DEPTH_LIVENESS};
}

/* Never a third session at the host; and nobody waits for the one that only idles. */
static void never_a_third(void **state)
{
    (void)state;
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof any;
    struct counter counter = {.base = event_base_new()};
    struct evconnlistener *listener =
        evconnlistener_new_bind(counter.base, on_accept, &counter, LEV_OPT_CLOSE_ON_FREE, -1,
                                (struct sockaddr *)&any, sizeof any);
    assert_non_null(listener);
    getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&any, &size);

    const struct check_settings check = {.kind = CHECK_IMAP,
                                         .tls = CHECK_TLS_OFF,
                                         .interval_ms = 200,
                                         .timeout_ms = PATIENCE_MS,
                                         .connect_timeout_ms = PATIENCE_MS,
                                         .greeting_timeout_ms = PATIENCE_MS,
                                         .reply_timeout_ms = PATIENCE_MS};
    struct traffic traffic = {.target = {.port = ntohs(any.sin_port), .check = &check}};
    traffic.target.host = "mx.example.test";
    assert_true(address_parse("127.0.0.1", &traffic.target.address));
    traffic.prober = prober_new(counter.base, &(struct prober_options){.max_sessions = 16},
                                &(struct probe_reports){.done = on_probed}, &traffic);
    assert_non_null(traffic.prober);
    traffic_watch(&traffic);
    for (uint32_t id = 0; id < TARGETS; id++)
        prober_add(traffic.prober, id, &traffic.target, 0);

    event_base_loopexit(counter.base, &(struct timeval){.tv_sec = ROUNDS_MS / 1000});
    event_base_dispatch(counter.base);
    struct prober_numbers numbers;
    prober_numbers(traffic.prober, &numbers);
    if (traffic.sentinel)
        sentinel_stop(traffic.sentinel);
    prober_free(traffic.prober);
    evconnlistener_free(listener);
    event_base_loop(counter.base, EVLOOP_NONBLOCK);
    for (unsigned i = 0; i < COUNTED_MAX; i++)
        if (counter.list[i].fd)
            counted_close(&counter.list[i]);
    event_base_free(counter.base);

    print_message("%u probes, yielded %u times, at most %u at once, %lld ms behind\n", traffic.good,
                  traffic.yielded, counter.most, (long long)numbers.behind_max_ms);
    assert_int_equal(traffic.bad, 0);
    assert_int_equal(counter.most, 2);
    assert_true(traffic.yielded > 0);
    assert_true(traffic.good >= TARGETS * (ROUNDS_MS / 200 - 2));
    /* Others before it need some DWELL_MS each; the sentinel would last to the end. */
    assert_in_range(numbers.behind_max_ms, 0, ROUNDS_MS / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_ends),         cmocka_unit_test(nobody_listens),
        cmocka_unit_test(stopped_politely), cmocka_unit_test(stopped_early),
        cmocka_unit_test(kept_alive),       cmocka_unit_test(power_lost),
        cmocka_unit_test(yields),           cmocka_unit_test(never_a_third),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
