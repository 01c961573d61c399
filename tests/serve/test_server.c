/* SPDX-License-Identifier: BSD-2-Clause */
/* The sockets around respond(): what a client on the network sees by UDP. Loopback only, bounded.
 */
#include "base/clock.h"
#include "serve/worker.h"
#include "support/place.h"
#include "support/running.h"
#include "wire/message.h"
#include "wire/rrtype.h"

#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void udp(void **state)
{
    struct running *running = *state;
    static const char *const addresses[] = {"127.0.0.1", "::1"};
    uint8_t query[512], answer[512];
    for (unsigned i = 0; i < 100; i++) { /* each from another port: both workers get some */
        int client = running_connect(running, SOCK_DGRAM, addresses[i % 2], NULL);
        size_t size = make_query(query, "example.test", RRTYPE_MX, 1232);
        assert_int_equal(send(client, query, size, 0), size);
        assert_true(receive(client, answer, sizeof answer) > size);
        assert_int_equal(read_u16(answer + HEADER_ANCOUNT), 1);
        close(client);
    }
    struct server_numbers numbers = running_numbers(running);
    assert_int_equal(numbers.udp.queries, 100);
    assert_int_equal(numbers.udp.rcodes[0], 100);
}

/* A datagram too long to be read whole is no query; it is counted as one that gets no answer. */
static void udp_too_long(void **state)
{
    struct running *running = *state;
    static uint8_t query[5000];
    uint8_t answer[512];
    size_t size = make_query(query, "example.test", RRTYPE_MX, 1232);
    int client = running_connect(running, SOCK_DGRAM, "127.0.0.1", NULL);
    assert_int_equal(send(client, query, sizeof query, 0), sizeof query);
    assert_int_equal(send(client, query, size, 0), size);
    assert_true(receive(client, answer, sizeof answer) > size);
    assert_int_equal(read_u16(answer + HEADER_ANCOUNT), 1); /* the second one's */
    struct server_numbers numbers = running_numbers(running);
    assert_int_equal(numbers.udp.queries, 2);
    assert_int_equal(numbers.udp.dropped, 1);
    assert_int_equal(numbers.udp.answers, 1);
    close(client);
}

/* Answers that nobody takes are thrown away: a responder that waited for room would answer nobody
 * else. A pair of local sockets is full after a few of them. */
static void no_room_to_send(void **state)
{
    struct running *running = *state;
    enum { QUERIES = 2000 };
    uint8_t query[512];
    struct error error;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
    struct udp_worker *worker =
        udp_worker_new(pair[0], false, running->fixture.publisher, settings_plain());
    assert_true(udp_worker_start(worker, &error));
    size_t size = make_query(query, "example.test", RRTYPE_MX, 1232);
    unsigned sent = 0;
    for (int64_t end_ms = clock_now_ms() + PATIENCE_MS;
         sent < QUERIES && clock_now_ms() < end_ms;) {
        if (send(pair[1], query, size, MSG_DONTWAIT) == (ssize_t)size)
            sent++;
        else
            poll(NULL, 0, 1);
    }
    close(pair[1]); /* ends the waiting, if there is any */
    udp_worker_free(worker);
    assert_int_equal(sent, QUERIES);
}

static void second_server_fails(void **state)
{
    struct running *running = *state;
    struct running second = {.fixture = running->fixture, .port = running->port};
    const struct server_options plain = {0};
    struct error error;
    assert_false(running_start(&second, (const char *const[]){"127.0.0.1", NULL}, plain, &error));
    assert_non_null(strstr(error.text, "127.0.0.1@"));
    assert_non_null(strstr(error.text, "Address already in use"));
    assert_false(running_start(&second, (const char *const[]){"192.0.2.1", NULL}, plain, &error));
    assert_non_null(strstr(error.text, "192.0.2.1@"));
}

static void ask_by_udp(const struct running *running, const char *to, const char *from)
{
    uint8_t query[512], answer[512];
    int client = running_connect(running, SOCK_DGRAM, to, from); /* takes answers from there only */
    size_t size = make_query(query, "example.test", RRTYPE_MX, 0);
    assert_int_equal(send(client, query, size, 0), size);
    assert_true(receive(client, answer, sizeof answer) > size);
    close(client);
}

/* On a wildcard address the answer comes from the address that was asked, whichever responder gets
 * the query and in whatever batch. */
static void wildcard_socket(void **state)
{
    struct running *running = *state;
    struct running any = {.fixture = running->fixture, .port = free_port()};
    struct server_options options = {.workers = 3};
    struct error error;
    if (!running_start(&any, (const char *const[]){"0.0.0.0", "::", NULL}, options, &error))
        fail_msg("%s", error.text);
    for (unsigned i = 0; i < 60; i++) { /* each from another port: all responders get some */
        char to[ADDRESS_TEXT_SIZE];
        snprintf(to, sizeof to, "127.%u.0.%u", i % 7, i + 1);
        ask_by_udp(&any, to, NULL);
        ask_by_udp(&any, to, "127.0.0.1");
        ask_by_udp(&any, "::1", NULL);
    }
    assert_int_equal(running_numbers(&any).udp.queries, 180);
    server_free(any.server);
}

/* Many addresses at once, before the first answer is read: batches of them. */
static void wildcard_socket_in_batches(void **state)
{
    struct running *running = *state;
    struct running any = {.fixture = running->fixture, .port = free_port()};
    struct server_options options = {.workers = 1};
    struct error error;
    enum { CLIENTS = 200 };
    int clients[CLIENTS];
    uint8_t query[512], answer[512];
    size_t size = make_query(query, "example.test", RRTYPE_MX, 0);
    if (!running_start(&any, (const char *const[]){"0.0.0.0", NULL}, options, &error))
        fail_msg("%s", error.text);
    for (unsigned i = 0; i < CLIENTS; i++) {
        char to[ADDRESS_TEXT_SIZE];
        snprintf(to, sizeof to, "127.9.0.%u", i + 1);
        clients[i] = running_connect(&any, SOCK_DGRAM, to, NULL);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        assert_int_equal(send(clients[i], query, size, 0), size);
    for (unsigned i = 0; i < CLIENTS; i++) {
        assert_true(receive(clients[i], answer, sizeof answer) > size);
        close(clients[i]);
    }
    server_free(any.server);
}

/* What leaves carries no DF (a router may do what it likes with it, and no forged news of a path's
 * MTU makes us shrink), and is whole. */
static void udp_is_not_fragmented(void **state)
{
    struct running *running = *state;
    int raw = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
    if (raw < 0) {
        print_message("not root: skipped\n");
        skip();
    }
    uint8_t query[512], packet[2048];
    size_t size = make_query(query, "whole.example.test", RRTYPE_TXT, 4096);
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr = {htonl(0x7F4D0001)}};
    assert_int_equal(bind(raw, (struct sockaddr *)&own, sizeof own), 0); /* nobody else's packets */
    int client = running_connect(running, SOCK_DGRAM, "127.0.0.1", "127.77.0.1");
    assert_int_equal(send(client, query, size, 0), size);
    unsigned answers = 0;
    for (int64_t end_ms = clock_now_ms() + PATIENCE_MS; !answers && clock_now_ms() < end_ms;) {
        size_t got = receive(raw, packet, sizeof packet); /* the IP header, the UDP header, ... */
        size_t header = (packet[0] & 0x0F) * 4u;
        if (got < header + 8 || read_u16(packet + header) != running->port)
            continue;
        assert_int_equal(read_u16(packet + 6), 0); /* neither DF nor MF, offset 0 */
        assert_in_range(got - header - 8, UDP_ANSWER_DEFAULT - 120, UDP_ANSWER_DEFAULT);
        answers++;
    }
    assert_int_equal(answers, 1);
    close(client);
    close(raw);
}

struct replies {
    unsigned whole, truncated;
};

/* Takes what has come. */
static void take_replies(int client, size_t query_size, struct replies *replies)
{
    uint8_t answer[2048];
    ssize_t got;
    while ((got = recv(client, answer, sizeof answer, MSG_DONTWAIT)) >= 0) {
        assert_true(got >= HEADER_SIZE);
        bool truncated = answer[HEADER_FLAGS_HIGH] & FLAG_HIGH_TC;
        replies->truncated += truncated;
        replies->whole += !truncated;
        assert_true(!truncated || (size_t)got <= query_size); /* empty but for question and OPT */
    }
}

static void wait_for_queries(const struct running *running, uint64_t number)
{
    int64_t deadline_ms = clock_now_ms() + PATIENCE_MS;
    while (running_numbers(running).udp.queries < number && clock_now_ms() < deadline_ms)
        poll(NULL, 0, 1);
}

/* Asks count times for names that do not exist, or example.test MX where suffix is NULL; counts
 * what comes back. */
static struct replies ask_often(const struct running *running, const char *from, const char *suffix,
                                unsigned count)
{
    struct replies replies = {0};
    uint8_t query[512];
    size_t size = 0;
    uint64_t before = running_numbers(running).udp.queries;
    int client = running_connect(running, SOCK_DGRAM, "127.0.0.1", from);
    for (unsigned i = 0; i < count; i++) {
        char name[64] = "example.test";
        if (suffix)
            snprintf(name, sizeof name, "r%u.%s", i, suffix);
        size = make_query(query, name, suffix ? RRTYPE_A : RRTYPE_MX, 1232);
        assert_int_equal(send(client, query, size, 0), size);
        if (i % 50 == 49) /* no more than the sockets hold */
            wait_for_queries(running, before + i + 1);
        take_replies(client, size, &replies);
    }
    wait_for_queries(running, before + count);
    poll(NULL, 0, 50); /* for the last batch's answers */
    take_replies(client, size, &replies);
    close(client);
    return replies;
}

/* Above the limit come slips, half of them, and nothing else; then TCP answers. The neighbour's
 * network, who is exempt and other names are not touched. */
static void rate_limited(void **state)
{
    struct running *running = *state;
    struct rate_network exempt = {.bits = 32};
    assert_true(address_parse("127.0.9.9", &exempt.address));
    struct rate_options rate = {.limits = {20, 20, 10},
                                .slip = 2,
                                .ipv4_bits = 24,
                                .ipv6_bits = 56,
                                .exempt = &exempt,
                                .nexempt = 1};
    running_restart(running, (struct server_options){.workers = 1, .rate = &rate});
    struct replies replies = ask_often(running, "127.0.1.1", NULL, 500);
    assert_in_range(replies.whole, 20, 70);
    assert_in_range(replies.truncated, (500 - replies.whole) / 2 - 5,
                    (500 - replies.whole) / 2 + 5);
    struct server_numbers numbers = running_numbers(running);
    assert_int_equal(numbers.rate_slipped, replies.truncated);
    assert_int_equal(numbers.rate_slipped + numbers.rate_dropped + replies.whole, 500);
    replies = ask_often(running, "127.0.9.9", NULL, 500);
    assert_int_equal(replies.whole, 500);
    replies = ask_often(running, "127.0.2.1", NULL, 10);
    assert_int_equal(replies.whole, 10);
    /* Random names: of the zone, of a wildcard, below a delegation. */
    static const char *const suffixes[] = {"example.test", "wild.example.test", "sub.example.test"};
    for (unsigned i = 0; i < 3; i++) {
        replies = ask_often(running, "127.0.1.1", suffixes[i], 500);
        assert_in_range(replies.whole, 15, 70);
    }
    replies = ask_often(running, "127.0.1.1", "elsewhere.test", 500); /* REFUSED */
    assert_in_range(replies.whole, 5, 50);
    uint8_t query[512];
    int client = running_connect(running, SOCK_STREAM, "127.0.0.1", "127.0.1.1");
    for (uint16_t id = 0; id < 200; id++) {
        send_all(client, query, tcp_query(query, id));
        receive_answer(client, id);
    }
    close(client);
}

static void change_rate(const struct running *running, const struct rate_options *rate)
{
    struct error error;
    const struct server_options options = {.rate = rate, .tcp_idle_ms = RUNNING_IDLE_MS};
    assert_true(server_configure(running->server, &options, &error));
}

/* On, off, with other limits, prefixes and exemptions: from one query to the next. */
static void rate_limit_changes(void **state)
{
    struct running *running = *state;
    struct rate_network exempt = {.bits = 32};
    assert_true(address_parse("127.0.1.1", &exempt.address));
    const struct rate_options tight = {
        .limits = {20, 20, 10}, .slip = 2, .ipv4_bits = 24, .ipv6_bits = 56};
    struct rate_options other = tight;
    running_restart(running, (struct server_options){.workers = 1});
    assert_int_equal(ask_often(running, "127.0.1.1", NULL, 500).whole, 500);
    change_rate(running, &tight);
    assert_in_range(ask_often(running, "127.0.1.1", NULL, 500).whole, 20, 70);
    /* The same again, as a reload of something else does: nobody gets a second's worth anew. */
    unsigned whole = 0;
    int64_t start_ms = clock_now_ms();
    for (unsigned i = 0; i < 10; i++) {
        change_rate(running, &tight);
        whole += ask_often(running, "127.0.1.1", NULL, 50).whole;
    }
    assert_in_range(whole, 0, 40 + (clock_now_ms() - start_ms) / 50);
    other.exempt = &exempt;
    other.nexempt = 1;
    change_rate(running, &other);
    assert_int_equal(ask_often(running, "127.0.1.1", NULL, 500).whole, 500);
    assert_true(ask_often(running, "127.0.1.2", NULL, 500).whole < 100);
    other = tight;
    other.limits[RATE_ANSWERS] = 0;
    change_rate(running, &other);
    assert_int_equal(ask_often(running, "127.0.1.1", NULL, 500).whole, 500);
    other = tight;
    other.slip = 1;
    change_rate(running, &other);
    struct replies replies = ask_often(running, "127.0.1.1", NULL, 500);
    assert_int_equal(replies.whole + replies.truncated, 500);
    assert_true(replies.whole < 100);
    struct server_numbers before = running_numbers(running);
    change_rate(running, NULL);
    assert_int_equal(ask_often(running, "127.0.1.1", NULL, 500).whole, 500);
    struct server_numbers numbers = running_numbers(running); /* counted on */
    assert_int_equal(numbers.rate_slipped, before.rate_slipped);
    assert_true(numbers.rate_dropped > 0);
}

enum { CLIENT_COOKIE = 8, WHOLE_COOKIE = 24 };

/* example.test MX with a COOKIE option (RFC 7873 section 4). */
static size_t cookie_query(uint8_t *query, const uint8_t *cookie, size_t size)
{
    uint8_t *at = query + make_query(query, "example.test", RRTYPE_MX, 1232);
    at = write_u16(at - 2, (uint16_t)(4 + size));
    at = write_u16(at, 10);
    at = write_u16(at, (uint16_t)size);
    memcpy(at, cookie, size);
    return (size_t)(at + size - query);
}

/* Asks count times with a cookie; counts the answers and, as truncated, those that say BADCOOKIE
 * (number 23, of which 7 stands in the header). Answers end with their cookie: the last is kept. */
static struct replies ask_with_cookie(const struct running *running, uint8_t cookie[WHOLE_COOKIE],
                                      size_t cookie_size, unsigned count)
{
    struct replies replies = {0};
    uint8_t query[512], answer[2048];
    int client = running_connect(running, SOCK_DGRAM, "127.0.0.1", "127.0.1.1");
    uint64_t before = running_numbers(running).udp.queries;
    size_t size = cookie_query(query, cookie, cookie_size);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(send(client, query, size, 0), size);
        wait_for_queries(running, before + i + 1);
    }
    poll(NULL, 0, 50);
    for (ssize_t got; (got = recv(client, answer, sizeof answer, MSG_DONTWAIT)) > 0;) {
        unsigned rcode = answer[HEADER_FLAGS_LOW] & 0x0F;
        assert_false(answer[HEADER_FLAGS_HIGH] & FLAG_HIGH_TC);
        assert_true(rcode == 0 || (rcode == 7 && (size_t)got <= size + WHOLE_COOKIE));
        replies.whole += rcode == 0;
        replies.truncated += rcode == 7;
        memcpy(cookie, answer + got - WHOLE_COOKIE, WHOLE_COOKIE);
    }
    close(client);
    return replies;
}

/* Who speaks of cookies is told one instead of being sent to TCP; with it there is no limit. */
static void rate_limit_spares_cookies(void **state)
{
    struct running *running = *state;
    struct rate_options rate = {
        .limits = {20, 20, 10}, .slip = 2, .ipv4_bits = 24, .ipv6_bits = 56};
    running_restart(running, (struct server_options){.workers = 1, .rate = &rate});
    uint8_t cookie[WHOLE_COOKIE] = "unheard";
    struct replies replies = ask_with_cookie(running, cookie, CLIENT_COOKIE, 100);
    assert_in_range(replies.whole, 15, 70);
    assert_in_range(replies.truncated, 10, (100 - replies.whole) / 2 + 1);
    replies = ask_with_cookie(running, cookie, WHOLE_COOKIE, 100);
    assert_int_equal(replies.whole, 100);
    cookie[WHOLE_COOKIE - 1] ^= 1; /* forged */
    replies = ask_with_cookie(running, cookie, WHOLE_COOKIE, 100);
    assert_true(replies.whole < 70 && replies.truncated >= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(udp, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(udp_too_long, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(no_room_to_send, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(second_server_fails, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(rate_limited, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(rate_limit_changes, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(rate_limit_spares_cookies, running_set_up,
                                        running_tear_down),
        cmocka_unit_test_setup_teardown(wildcard_socket, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(wildcard_socket_in_batches, running_set_up,
                                        running_tear_down),
        cmocka_unit_test_setup_teardown(udp_is_not_fragmented, running_set_up, running_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
