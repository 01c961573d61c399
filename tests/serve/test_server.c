/* SPDX-License-Identifier: BSD-2-Clause */
/* The sockets around respond(): what a client on the network sees by UDP. Loopback only, bounded.
 */
#include "base/clock.h"
#include "support/place.h"
#include "support/running.h"
#include "wire/message.h"
#include "wire/rrtype.h"

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
    assert_int_equal(numbers.udp_queries, 100);
    assert_int_equal(numbers.rcodes[0], 100);
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
    assert_int_equal(running_numbers(&any).udp_queries, 180);
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
    size_t size = make_query(query, "large.example.test", RRTYPE_TXT, 4096);
    int client = running_connect(running, SOCK_DGRAM, "127.0.0.1", NULL);
    assert_int_equal(send(client, query, size, 0), size);
    unsigned answers = 0;
    for (int64_t end_ms = clock_now_ms() + PATIENCE_MS; !answers && clock_now_ms() < end_ms;) {
        size_t got = receive(raw, packet, sizeof packet); /* the IP header, the UDP header, ... */
        size_t header = (packet[0] & 0x0F) * 4u;
        if (got < header + 8 || read_u16(packet + header) != running->port)
            continue;                              /* the query, or others' */
        assert_int_equal(read_u16(packet + 6), 0); /* neither DF nor MF, offset 0 */
        assert_true(got - header - 8 <= UDP_ANSWER_MAX);
        answers++;
    }
    assert_int_equal(answers, 1);
    close(client);
    close(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(udp, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(second_server_fails, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(wildcard_socket, running_set_up, running_tear_down),
        cmocka_unit_test_setup_teardown(wildcard_socket_in_batches, running_set_up,
                                        running_tear_down),
        cmocka_unit_test_setup_teardown(udp_is_not_fragmented, running_set_up, running_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
