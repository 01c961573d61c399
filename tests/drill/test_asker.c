/* SPDX-License-Identifier: BSD-2-Clause */
/* Against a server in the same event loop, whose answers are made wrong on purpose. */
#include "../../tools/drill/asker.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { QUESTION_OFFSET = 12, TIMEOUT_MS = 5000, SHORT_MS = 150, CROWD = ASKER_SOCKETS_MAX + 200 };

enum manner {
    ANSWERS,
    SILENT,
    REFUSES,          /* by rcode */
    BAD_VERSION,      /* an rcode of EDNS: 16 */
    TRUNCATES,        /* and answers over TCP */
    TRUNCATES_CLOSES, /* closes the connection */
    TRUNCATES_SILENT, /* says nothing over TCP */
    WRONG_FIRST,      /* a wrong id, name, type, no answer, garbage; then the right one */
    OTHER_CASE,       /* the name in capitals */
    HOLDS,            /* the first ASKER_SOCKETS_MAX, and answers them together */
};

/* A query that is answered when ASKER_SOCKETS_MAX have come. */
struct held {
    uint8_t query[512];
    size_t size;
    struct sockaddr_storage from;
    socklen_t from_size;
};

struct server {
    struct event_base *base;
    int fd;
    uint16_t port;
    enum manner manner;
    struct event *readable;
    struct evconnlistener *listener;
    struct bufferevent *stream;
    unsigned asked, over_tcp, ports;
    uint8_t query[512]; /* the last */
    size_t query_size;
    uint16_t last_port;
    struct held *held;
};

struct heard {
    struct event_base *base;
    unsigned expected, count, came;
    struct reply last;
    char why[128];
    size_t records;
    struct asker *asker;
    struct asked *victim; /* cancelled by the first report */
};

/* ---- the server ---- */

static size_t make_answer(const struct server *server, const uint8_t *query, size_t size,
                          uint8_t *answer)
{
    const uint8_t record[] = {0xC0, 0x0C, 0, 1, 0, 1, 0, 0, 0, 7, 0, 4, 127, 0, 0, 9};
    const uint8_t opt[] = {0, 0, 41, 4, 208, 1, 0, 0, 0, 0, 0}; /* extended rcode 1: 16 and more */
    size_t question_size = name_size(query + QUESTION_OFFSET) + 4;
    size_t at = QUESTION_OFFSET + question_size;

    (void)size;
    memcpy(answer, query, at);
    answer[2] |= 0x84; /* QR, AA */
    answer[3] = 0x80;
    memset(answer + 6, 0, 6);
    if (server->manner == REFUSES) {
        answer[3] |= LDNS_RCODE_REFUSED;
        return at;
    }
    if (server->manner == BAD_VERSION) {
        answer[11] = 1;
        memcpy(answer + at, opt, sizeof opt);
        return at + sizeof opt;
    }
    answer[7] = 1;
    memcpy(answer + at, record, sizeof record);
    return at + sizeof record;
}

static void send_wrong_ones(const struct server *server, const struct sockaddr_storage *to,
                            socklen_t to_size)
{
    uint8_t answer[512];
    size_t size = make_answer(server, server->query, server->query_size, answer);
    const struct {
        size_t at;
        uint8_t flip;
    } faults[] = {{0, 0x55}, {QUESTION_OFFSET + 1, 0x01}, {2, 0x80}, {2, 0x10}, {5, 0x01}};

    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        answer[faults[i].at] ^= faults[i].flip;
        sendto(server->fd, answer, size, 0, (const struct sockaddr *)to, to_size);
        answer[faults[i].at] ^= faults[i].flip;
    }
    sendto(server->fd, answer, size - 3, 0, (const struct sockaddr *)to, to_size);
    sendto(server->fd, "hi", 2, 0, (const struct sockaddr *)to, to_size);
}

static void server_answer(const struct server *server, const struct sockaddr_storage *from,
                          socklen_t from_size)
{
    uint8_t answer[512];
    size_t size = make_answer(server, server->query, server->query_size, answer);
    if (server->manner >= TRUNCATES && server->manner <= TRUNCATES_SILENT)
        answer[2] |= 0x02;
    if (server->manner == WRONG_FIRST)
        send_wrong_ones(server, from, from_size);
    if (server->manner == OTHER_CASE)
        for (size_t i = QUESTION_OFFSET; answer[i]; i++)
            answer[i] =
                (uint8_t)(answer[i] >= 'a' && answer[i] <= 'z' ? answer[i] - 32 : answer[i]);
    assert_int_equal(sendto(server->fd, answer, size, 0, (const struct sockaddr *)from, from_size),
                     size);
}

static void hold(struct server *server, const struct sockaddr_storage *from, socklen_t from_size)
{
    struct held *held = &server->held[server->asked - 1];

    memcpy(held->query, server->query, server->query_size);
    held->size = server->query_size;
    held->from = *from;
    held->from_size = from_size;
    if (server->asked < ASKER_SOCKETS_MAX)
        return;
    server->manner = ANSWERS;
    for (size_t i = 0; i < ASKER_SOCKETS_MAX; i++) {
        uint8_t answer[512];
        size_t size = make_answer(server, server->held[i].query, server->held[i].size, answer);
        sendto(server->fd, answer, size, 0, (struct sockaddr *)&server->held[i].from,
               server->held[i].from_size);
    }
}

static void server_readable(evutil_socket_t fd, short what, void *argument)
{
    struct server *server = argument;
    struct sockaddr_storage from;
    socklen_t from_size = sizeof from;
    ssize_t got = recvfrom((int)fd, server->query, sizeof server->query, 0,
                           (struct sockaddr *)&from, &from_size);

    (void)what;
    assert_true(got > QUESTION_OFFSET);
    server->query_size = (size_t)got;
    server->asked++;
    uint16_t port = ((struct sockaddr_in *)&from)->sin_port; /* of IPv6, it is in the same place */
    server->ports += port != server->last_port;
    server->last_port = port;
    if (server->manner == HOLDS)
        hold(server, &from, from_size);
    else if (server->manner != SILENT)
        server_answer(server, &from, from_size);
}

static void connection_readable(struct bufferevent *stream, void *argument)
{
    struct server *server = argument;
    uint8_t query[512], answer[512];
    size_t got = bufferevent_read(stream, query, sizeof query);

    assert_in_range(got, 2 + QUESTION_OFFSET, sizeof query);
    assert_int_equal(query[0] << 8 | query[1], got - 2);
    assert_memory_equal(query + 2, server->query, server->query_size); /* the same, with its id */
    server->over_tcp++;
    if (server->manner == TRUNCATES_SILENT)
        return;
    size_t size = make_answer(server, query + 2, got - 2, answer + 2);
    answer[0] = (uint8_t)(size >> 8);
    answer[1] = (uint8_t)size;
    bufferevent_write(stream, answer, 1); /* the length comes in two parts */
    bufferevent_write(stream, answer + 1, size + 1);
}

static void connected(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
                      int size, void *argument)
{
    struct server *server = argument;
    (void)listener, (void)from, (void)size;
    if (server->manner == TRUNCATES_CLOSES) {
        evutil_closesocket(fd);
        return;
    }
    server->stream = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(server->stream, connection_readable, NULL, NULL, server);
    bufferevent_enable(server->stream, EV_READ | EV_WRITE);
}

static bool server_bind(struct server *server, struct sockaddr_storage to, socklen_t size, bool tcp)
{
    server->fd = socket(to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (server->fd < 0 || bind(server->fd, (struct sockaddr *)&to, size) != 0)
        return false;
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&to, &size), 0);
    server->port = ntohs(((struct sockaddr_in *)&to)->sin_port);
    if (tcp)
        server->listener =
            evconnlistener_new_bind(server->base, connected, server, LEV_OPT_CLOSE_ON_FREE, 4,
                                    (struct sockaddr *)&to, (int)size);
    return !tcp || server->listener;
}

/* A port that is free over UDP may be another program's over TCP. */
static bool server_open(struct server *server, const char *text, bool tcp)
{
    struct address address;
    struct sockaddr_storage to;
    assert_true(address_parse(text, &address));
    socklen_t size = address_to_sockaddr(&address, 0, &to);
    server->base = event_base_new();
    for (unsigned tries = 0; !server_bind(server, to, size, tcp); tries++) {
        if (server->fd < 0 || server->port == 0)
            return false;
        assert_true(tries < 20);
        close(server->fd);
    }
    server->readable =
        event_new(server->base, server->fd, EV_READ | EV_PERSIST, server_readable, server);
    event_add(server->readable, NULL);
    return true;
}

static void server_close(struct server *server)
{
    if (server->readable)
        event_free(server->readable);
    if (server->listener)
        evconnlistener_free(server->listener);
    if (server->stream)
        bufferevent_free(server->stream);
    close(server->fd);
    event_base_free(server->base);
}

/* ---- the one who asks ---- */

static void hear(void *context, const struct reply *reply)
{
    struct heard *heard = context;

    heard->last = *reply;
    heard->count++;
    heard->came += reply->came;
    heard->records = reply->packet ? ldns_pkt_ancount(reply->packet) : 0;
    snprintf(heard->why, sizeof heard->why, "%s", reply->why ? reply->why : "");
    assert_true(reply->came == (reply->packet != NULL) && reply->came == !reply->why);
    assert_true(reply->asked_us <= reply->came_us);
    asker_cancel(heard->victim);
    heard->victim = NULL;
    if (heard->count == heard->expected)
        event_base_loopbreak(heard->base);
}

static struct question question_at(const char *server, uint16_t port, int64_t timeout_ms)
{
    struct question question = {.port = port, .rrtype = LDNS_RR_TYPE_A, .timeout_ms = timeout_ms};
    assert_true(address_parse(server, &question.server));
    assert_true(name_from_text("mx1.example.test", question.name) > 0);
    return question;
}

/* Asks once and waits for the report. */
static struct heard ask_once(struct server *server, const char *address, int64_t timeout_ms,
                             struct asker_counts *counts)
{
    struct asker *asker = asker_new(server->base);
    struct heard heard = {.base = server->base, .expected = 1};
    struct question question = question_at(address, server->port, timeout_ms);
    asker_ask(asker, &question, hear, &heard);
    assert_int_equal(heard.count, 0);
    event_base_dispatch(server->base);
    assert_int_equal(heard.count, 1);
    if (counts)
        *counts = *asker_counts(asker);
    asker_free(asker);
    return heard;
}

static struct heard ask_manner(enum manner manner, bool tcp, int64_t timeout_ms,
                               struct asker_counts *counts)
{
    struct server server = {.manner = manner};
    assert_true(server_open(&server, "127.0.0.1", tcp));
    struct heard heard = ask_once(&server, "127.0.0.1", timeout_ms, counts);
    server_close(&server);
    return heard;
}

/* ---- tests ---- */

static void answer_comes(void **state)
{
    struct asker_counts counts;
    struct heard heard = ask_manner(ANSWERS, false, TIMEOUT_MS, &counts);
    (void)state;
    assert_true(heard.last.came && heard.last.authoritative);
    assert_int_equal(heard.last.rcode, LDNS_RCODE_NOERROR);
    assert_int_equal(heard.records, 1);
    assert_in_range(heard.last.came_us - heard.last.asked_us, 0, TIMEOUT_MS * 1000);
    assert_true(counts.asked == 1 && counts.came == 1 && counts.over_tcp == 0);
    assert_true(counts.malformed == 0 && counts.strange == 0);
    assert_true(ask_manner(OTHER_CASE, false, TIMEOUT_MS, NULL).last.came);
}

static void rcodes(void **state)
{
    (void)state;
    struct heard heard = ask_manner(REFUSES, false, TIMEOUT_MS, NULL);
    assert_true(heard.last.came);
    assert_int_equal(heard.last.rcode, LDNS_RCODE_REFUSED);
    assert_int_equal(ask_manner(BAD_VERSION, false, TIMEOUT_MS, NULL).last.rcode, 16);
}

static void nothing_comes(void **state)
{
    (void)state;
    struct heard heard = ask_manner(SILENT, false, SHORT_MS, NULL);
    assert_string_equal(heard.why, "timed out");
    assert_in_range(heard.last.came_us - heard.last.asked_us, SHORT_MS * 1000 - 5000,
                    TIMEOUT_MS * 1000);

    struct server gone = {0}; /* its port is known, and nobody listens there any more */
    assert_true(server_open(&gone, "127.0.0.1", false));
    event_del(gone.readable);
    close(gone.fd);
    gone.fd = -1;
    heard = ask_once(&gone, "127.0.0.1", TIMEOUT_MS, NULL);
    assert_string_equal(heard.why, "connection refused");
    server_close(&gone);
}

/* Only what has our id, is an answer and repeats our question, counts. */
static void wrong_answers_are_ignored(void **state)
{
    struct asker_counts counts;
    struct heard heard = ask_manner(WRONG_FIRST, false, TIMEOUT_MS, &counts);
    (void)state;
    assert_true(heard.last.came);
    assert_int_equal(heard.records, 1);
    assert_int_equal(counts.strange, 4);
    assert_int_equal(counts.malformed, 3); /* a question too few, records too few, no header */
}

static void truncated_is_asked_over_tcp(void **state)
{
    struct asker_counts counts;
    (void)state;
    struct heard heard = ask_manner(TRUNCATES, true, TIMEOUT_MS, &counts);
    assert_true(heard.last.came);
    assert_int_equal(heard.records, 1);
    assert_int_equal(counts.over_tcp, 1);
    assert_string_equal(ask_manner(TRUNCATES, false, TIMEOUT_MS, NULL).why,
                        "truncated, and over TCP: connection refused");
    assert_string_equal(ask_manner(TRUNCATES_CLOSES, true, TIMEOUT_MS, NULL).why,
                        "truncated, and over TCP: closed without an answer");
    assert_string_equal(ask_manner(TRUNCATES_SILENT, true, SHORT_MS, NULL).why,
                        "truncated, and over TCP: Connection timed out");
}

static void over_ipv6(void **state)
{
    struct server server = {.manner = TRUNCATES};
    (void)state;
    if (!server_open(&server, "::1", true)) {
        server_close(&server);
        skip(); /* a machine without IPv6 */
    }
    assert_true(ask_once(&server, "::1", TIMEOUT_MS, NULL).last.came);
    assert_int_equal(server.over_tcp, 1);
    server_close(&server);
}

static void query_is_as_promised(void **state)
{
    struct server server = {.manner = ANSWERS};
    uint16_t id = 0;
    unsigned ids = 0;
    (void)state;
    assert_true(server_open(&server, "127.0.0.1", false));
    for (unsigned i = 0; i < 20; i++) {
        ldns_pkt *packet;
        ask_once(&server, "127.0.0.1", TIMEOUT_MS, NULL);
        assert_int_equal(ldns_wire2pkt(&packet, server.query, server.query_size), LDNS_STATUS_OK);
        assert_int_equal(ldns_pkt_edns_udp_size(packet), 1232);
        assert_false(ldns_pkt_rd(packet) || ldns_pkt_edns_do(packet));
        ids += ldns_pkt_id(packet) != id;
        id = ldns_pkt_id(packet);
        ldns_pkt_free(packet);
    }
    assert_in_range(ids, 18, 20); /* random ones may be equal, of 65536 */
    assert_in_range(server.ports, 15, 20);

    struct asker *asker = asker_new(server.base);
    struct heard heard = {.base = server.base, .expected = 1};
    struct question question = question_at("127.0.0.1", server.port, TIMEOUT_MS);
    question.recursion = true;
    asker_ask(asker, &question, hear, &heard);
    event_base_dispatch(server.base);
    assert_int_equal(server.query[2] & 1, 1); /* RD */
    asker_free(asker);
    server_close(&server);
}

/* In portions that fit into the server's buffer. */
static struct asked *ask_crowd(struct asker *asker, struct heard *heard, uint16_t port,
                               int64_t timeout_ms)
{
    struct asked *last = NULL;
    struct question question = question_at("127.0.0.1", port, timeout_ms);
    for (unsigned i = 0; i < CROWD; i++) {
        last = asker_ask(asker, &question, hear, heard);
        if (i % 50 == 0 && i < ASKER_SOCKETS_MAX)
            event_base_loop(heard->base, EVLOOP_NONBLOCK);
    }
    return last;
}

/* More than there are sockets: all are asked, one after the other. */
static void crowd(void **state)
{
    struct held *held = memory_array(ASKER_SOCKETS_MAX, sizeof *held);
    struct server server = {.manner = HOLDS, .held = held};
    struct heard heard = {.expected = CROWD - 1}; /* one is cancelled */
    (void)state;
    assert_true(server_open(&server, "127.0.0.1", false));
    heard.base = server.base;
    struct asker *asker = asker_new(server.base);
    heard.victim = ask_crowd(asker, &heard, server.port, TIMEOUT_MS);
    assert_int_equal(heard.count, 0);
    event_base_dispatch(server.base);
    assert_int_equal(heard.count, CROWD - 1);
    assert_int_equal(heard.came, CROWD - 1);
    assert_int_equal(server.asked, CROWD - 1);
    asker_free(asker);
    server_close(&server);
    free(held);
}

/* Nobody waits longer than the timeout, whether for a socket or an answer. */
static void crowd_before_silence(void **state)
{
    struct server server = {.manner = SILENT};
    struct heard heard = {.expected = CROWD};
    (void)state;
    assert_true(server_open(&server, "127.0.0.1", false));
    heard.base = server.base;
    struct asker *asker = asker_new(server.base);
    ask_crowd(asker, &heard, server.port, SHORT_MS);
    event_base_dispatch(server.base);
    assert_int_equal(heard.count, CROWD);
    assert_int_equal(heard.came, 0);
    asker_free(asker);
    server_close(&server);
}

static void freed_while_asking(void **state)
{
    enum { PATIENCE_MS = 1000 }; /* longer than asking takes on a busy machine */
    struct server server = {.manner = SILENT};
    struct heard heard = {.expected = 1};
    (void)state;
    assert_true(server_open(&server, "127.0.0.1", false));
    heard.base = server.base;
    struct asker *asker = asker_new(server.base);
    ask_crowd(asker, &heard, server.port, PATIENCE_MS);
    event_base_loop(server.base, EVLOOP_NONBLOCK);
    asker_free(asker);
    struct timeval while_ = {.tv_sec = 2 * PATIENCE_MS / 1000};
    event_base_loopexit(server.base, &while_);
    event_base_dispatch(server.base);
    assert_int_equal(heard.count, 0);
    asker_free(NULL);
    asker_cancel(NULL);
    server_close(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer_comes),
        cmocka_unit_test(rcodes),
        cmocka_unit_test(nothing_comes),
        cmocka_unit_test(wrong_answers_are_ignored),
        cmocka_unit_test(truncated_is_asked_over_tcp),
        cmocka_unit_test(over_ipv6),
        cmocka_unit_test(query_is_as_promised),
        cmocka_unit_test(crowd),
        cmocka_unit_test(crowd_before_silence),
        cmocka_unit_test(freed_while_asking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
