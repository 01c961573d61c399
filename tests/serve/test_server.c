/* SPDX-License-Identifier: BSD-2-Clause */
/* The sockets around respond(): what a client on the network sees. Loopback only, bounded. */
#include "base/clock.h"
#include "base/memory.h"
#include "serve/server.h"
#include "support/fixture.h"
#include "support/place.h"
#include "wire/message.h"
#include "wire/rrtype.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 5000, IDLE_MS = 300 };

static const char *const zones[] = {"$ORIGIN example.test.\n$TTL 300\n"
                                    "@ SOA ns1 h 1 2 3 4 60\n@ NS ns1\nns1 A 192.0.2.53\n"
                                    "@ MX 10 mx1\nmx1 A 192.0.2.1\n",
                                    NULL};

struct running {
    struct fixture fixture;
    struct server *server;
    uint16_t port;
};

static bool start(struct running *running, const char *const *addresses, unsigned workers,
                  struct error *error)
{
    struct server_endpoint listen[4];
    struct server_options options = {.listen = listen,
                                     .workers = workers,
                                     .answers = {.identity = "here"},
                                     .tcp_idle_ms = IDLE_MS};
    for (; addresses[options.nlisten]; options.nlisten++) {
        assert_true(address_parse(addresses[options.nlisten], &listen[options.nlisten].address));
        listen[options.nlisten].port = running->port;
    }
    running->server = server_new(&options, running->fixture.publisher, error);
    return running->server && server_start(running->server, error);
}

static int setup(void **state)
{
    struct running *running = memory_alloc(sizeof *running);
    struct error error;
    fixture_init(&running->fixture, false, zones);
    running->port = free_port();
    if (!start(running, (const char *const[]){"127.0.0.1", "::1", NULL}, 2, &error))
        fail_msg("%s", error.text);
    *state = running;
    return 0;
}

static int teardown(void **state)
{
    struct running *running = *state;
    server_free(running->server);
    fixture_free(&running->fixture);
    free(running);
    return 0;
}

static int connect_to(const struct running *running, int type, const char *text)
{
    struct address address;
    struct sockaddr_storage name;
    assert_true(address_parse(text, &address));
    socklen_t size = address_to_sockaddr(&address, running->port, &name);
    int made = socket(name.ss_family, type, 0);
    assert_true(made >= 0);
    assert_int_equal(connect(made, (struct sockaddr *)&name, size), 0);
    return made;
}

/* Waits until something can be read; then reads. 0: end of file or reset. */
static size_t receive(int socket, uint8_t *bytes, size_t room)
{
    struct pollfd poll_of = {.fd = socket, .events = POLLIN};
    assert_int_equal(poll(&poll_of, 1, PATIENCE_MS), 1);
    ssize_t got = recv(socket, bytes, room, 0);
    assert_true(got >= 0 || errno == ECONNRESET);
    return got > 0 ? (size_t)got : 0;
}

static void receive_all(int socket, uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t got = receive(socket, bytes + at, size - at);
        assert_true(got > 0);
        at += got;
    }
}

/* A query behind its length, with an id of its own. */
static size_t tcp_query(uint8_t *bytes, uint16_t id)
{
    size_t size = make_query(bytes + 2, "example.test", RRTYPE_MX, 0);
    write_u16(bytes, (uint16_t)size);
    write_u16(bytes + 2, id);
    return size + 2;
}

static void receive_answer(int socket, uint16_t id)
{
    uint8_t length[2], answer[512];
    receive_all(socket, length, 2);
    assert_in_range(read_u16(length), HEADER_SIZE, sizeof answer);
    receive_all(socket, answer, read_u16(length));
    assert_int_equal(read_u16(answer), id);
    assert_int_equal(read_u16(answer + HEADER_ANCOUNT), 1);
}

static void udp(void **state)
{
    struct running *running = *state;
    static const char *const addresses[] = {"127.0.0.1", "::1"};
    uint8_t query[512], answer[512];
    for (unsigned i = 0; i < 100; i++) { /* each from another port: both workers get some */
        int client = connect_to(running, SOCK_DGRAM, addresses[i % 2]);
        size_t size = make_query(query, "example.test", RRTYPE_MX, 1232);
        assert_int_equal(send(client, query, size, 0), size);
        assert_true(receive(client, answer, sizeof answer) > size);
        assert_int_equal(read_u16(answer + HEADER_ANCOUNT), 1);
        close(client);
    }
    struct server_numbers numbers;
    server_numbers(running->server, &numbers);
    assert_int_equal(numbers.udp.queries, 100);
    assert_int_equal(numbers.udp.rcodes[0], 100);
}

static void tcp_pipelined(void **state)
{
    struct running *running = *state;
    enum { QUERIES = 3000 };
    uint8_t query[128];
    size_t size = tcp_query(query, 0);
    uint8_t *all = memory_array(QUERIES, size);
    for (uint16_t i = 0; i < QUERIES; i++)
        tcp_query(all + i * size, i);
    int client = connect_to(running, SOCK_STREAM, "::1");
    assert_int_equal(send(client, all, QUERIES * size, 0), QUERIES * size);
    for (uint16_t i = 0; i < QUERIES; i++)
        receive_answer(client, i);
    close(client);
    free(all);
}

static void tcp_octet_by_octet(void **state)
{
    struct running *running = *state;
    uint8_t query[128];
    size_t size = tcp_query(query, 7);
    int client = connect_to(running, SOCK_STREAM, "127.0.0.1");
    for (size_t i = 0; i < size; i++)
        assert_int_equal(send(client, query + i, 1, 0), 1);
    receive_answer(client, 7);
    /* One and a half, then the other half: the connection goes on. */
    uint8_t two[256];
    size_t first = tcp_query(two, 8);
    size_t both = first + tcp_query(two + first, 9);
    assert_int_equal(send(client, two, first + 5, 0), first + 5);
    receive_answer(client, 8);
    assert_int_equal(send(client, two + first + 5, both - first - 5, 0), both - first - 5);
    receive_answer(client, 9);
    close(client);
}

static void tcp_half_closed(void **state)
{
    struct running *running = *state;
    uint8_t query[128];
    size_t size = tcp_query(query, 7);
    int client = connect_to(running, SOCK_STREAM, "127.0.0.1");
    assert_int_equal(send(client, query, size, 0), size);
    shutdown(client, SHUT_WR);
    receive_answer(client, 7);
    assert_int_equal(receive(client, query, sizeof query), 0);
    close(client);
}

static void tcp_nonsense_is_closed(void **state)
{
    struct running *running = *state;
    uint8_t bytes[64] = {0, 0};
    int client = connect_to(running, SOCK_STREAM, "127.0.0.1");
    assert_int_equal(send(client, bytes, 2, 0), 2); /* length 0 */
    assert_int_equal(receive(client, bytes, sizeof bytes), 0);
    close(client);
    client = connect_to(running, SOCK_STREAM, "127.0.0.1");
    assert_int_equal(send(client, "\0\14\0\0\200\0\0\0\0\0\0\0\0\0", 14, 0), 14); /* an answer */
    assert_int_equal(receive(client, bytes, sizeof bytes), 0);
    close(client);
}

/* What was asked before nonsense is answered there, and nowhere else. */
static void tcp_query_then_nonsense(void **state)
{
    struct running *running = *state;
    uint8_t bytes[128];
    size_t size = tcp_query(bytes, 7);
    memset(bytes + size, 0, 2); /* length 0 */
    int client = connect_to(running, SOCK_STREAM, "127.0.0.1");
    assert_int_equal(send(client, bytes, size + 2, 0), size + 2);
    receive_answer(client, 7);
    assert_int_equal(receive(client, bytes, sizeof bytes), 0);
    close(client);
    client = connect_to(running, SOCK_STREAM, "127.0.0.1");
    size = tcp_query(bytes, 8);
    assert_int_equal(send(client, bytes, size, 0), size);
    receive_answer(client, 8);
    close(client);
}

static unsigned connections(const struct running *running)
{
    struct server_numbers numbers;
    server_numbers(running->server, &numbers);
    return numbers.tcp_connections;
}

static void wait_for_connections(const struct running *running, unsigned expected)
{
    int64_t deadline_ms = clock_now_ms() + PATIENCE_MS;
    while (connections(running) != expected && clock_now_ms() < deadline_ms)
        poll(NULL, 0, 5);
    assert_int_equal(connections(running), expected);
}

/* Single octets do not keep a connection open; whole queries do. */
static void tcp_idle(void **state)
{
    struct running *running = *state;
    uint8_t query[128], rest[16];
    size_t size = tcp_query(query, 1);
    int busy = connect_to(running, SOCK_STREAM, "127.0.0.1");
    int dripping = connect_to(running, SOCK_STREAM, "127.0.0.1");
    int64_t start_ms = clock_now_ms();
    bool open = true;
    for (size_t i = 0; open && clock_now_ms() - start_ms < PATIENCE_MS; i++) {
        assert_int_equal(send(busy, query, size, 0), size);
        receive_answer(busy, 1);
        open = i >= size - 1 || send(dripping, query + i, 1, MSG_NOSIGNAL) == 1;
        struct pollfd poll_of = {.fd = dripping, .events = POLLIN};
        if (poll(&poll_of, 1, 50) == 1)
            open = recv(dripping, rest, sizeof rest, 0) > 0;
    }
    assert_false(open);
    assert_in_range(clock_now_ms() - start_ms, IDLE_MS - 50, PATIENCE_MS / 2);
    assert_int_equal(send(busy, query, size, 0), size);
    receive_answer(busy, 1);
    close(dripping);
    close(busy);
}

/* Who asks without end and never reads loses only his own connection. */
static void tcp_never_reads(void **state)
{
    struct running *running = *state;
    uint8_t query[128];
    size_t size = tcp_query(query, 1);
    int greedy = connect_to(running, SOCK_STREAM, "127.0.0.1");
    int64_t start_ms = clock_now_ms();
    while (clock_now_ms() - start_ms < PATIENCE_MS) {
        ssize_t sent = send(greedy, query, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            break;
        if (sent < 0)
            poll(NULL, 0, 5);
        else if ((size_t)sent < size) /* the rest of it, or what follows is not to be understood */
            while (sent >= 0 && (size_t)sent < size && clock_now_ms() - start_ms < PATIENCE_MS) {
                ssize_t more =
                    send(greedy, query + sent, size - (size_t)sent, MSG_DONTWAIT | MSG_NOSIGNAL);
                if (more > 0)
                    sent += more;
                else if (errno != EAGAIN)
                    break;
            }
    }
    int other = connect_to(running, SOCK_STREAM, "127.0.0.1");
    assert_int_equal(send(other, query, size, 0), size);
    receive_answer(other, 1);
    close(other);
    wait_for_connections(running, 0); /* the greedy one has been dropped, though it never closed */
    close(greedy);
}

/* More connections than are kept: the one that has been idle longest goes, the newest is served. */
static void tcp_many(void **state)
{
    struct running *running = *state;
    enum { CLIENTS = 1100, KEPT = 1024 };
    int *clients = memory_array(CLIENTS, sizeof *clients);
    for (unsigned i = 0; i < CLIENTS; i++)
        clients[i] = connect_to(running, SOCK_STREAM, "127.0.0.1");
    uint8_t query[128];
    size_t size = tcp_query(query, 3);
    assert_int_equal(send(clients[CLIENTS - 1], query, size, 0), size);
    receive_answer(clients[CLIENTS - 1], 3);
    assert_true(connections(running) <= KEPT);
    for (unsigned i = 0; i < CLIENTS; i++)
        close(clients[i]);
    free(clients);
    wait_for_connections(running, 0);
}

static void second_server_fails(void **state)
{
    struct running *running = *state;
    struct running second = {.fixture = running->fixture, .port = running->port};
    struct error error;
    assert_false(start(&second, (const char *const[]){"127.0.0.1", NULL}, 1, &error));
    assert_non_null(strstr(error.text, "127.0.0.1@"));
    assert_non_null(strstr(error.text, "Address already in use"));
    assert_false(start(&second, (const char *const[]){"192.0.2.1", NULL}, 1, &error));
    assert_non_null(strstr(error.text, "192.0.2.1@"));
}

/* On a wildcard address the answer comes from the address that was asked. */
static void wildcard_socket(void **state)
{
    struct running *running = *state;
    struct running any = {.fixture = running->fixture, .port = free_port()};
    struct error error;
    if (!start(&any, (const char *const[]){"0.0.0.0", "::", NULL}, 1, &error))
        fail_msg("%s", error.text);
    static const char *const addresses[] = {"127.0.0.1", "127.0.0.77", "::1"};
    for (size_t i = 0; i < 3; i++) {
        uint8_t query[512], answer[512];
        int client = connect_to(&any, SOCK_DGRAM, addresses[i]); /* takes answers from there only */
        size_t size = make_query(query, "example.test", RRTYPE_MX, 0);
        assert_int_equal(send(client, query, size, 0), size);
        assert_true(receive(client, answer, sizeof answer) > size);
        close(client);
    }
    server_free(any.server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(udp, setup, teardown),
        cmocka_unit_test_setup_teardown(tcp_pipelined, setup, teardown),
        cmocka_unit_test_setup_teardown(tcp_octet_by_octet, setup, teardown),
        cmocka_unit_test_setup_teardown(tcp_half_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(tcp_nonsense_is_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(tcp_query_then_nonsense, setup, teardown),
        cmocka_unit_test_setup_teardown(tcp_idle, setup, teardown),
        cmocka_unit_test_setup_teardown(tcp_never_reads, setup, teardown),
        cmocka_unit_test_setup_teardown(tcp_many, setup, teardown),
        cmocka_unit_test_setup_teardown(second_server_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(wildcard_socket, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
