/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/running.h"

#include "base/clock.h"
#include "base/memory.h"
#include "support/place.h"
#include "wire/message.h"
#include "wire/rrtype.h"

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

enum { WHOLE_RECORDS = 5, LARGE_RECORDS = 250, LARGE_TEXT = 200 };

static const char zone_head[] = "$ORIGIN example.test.\n$TTL 300\n"
                                "@ SOA ns1 h 1 2 3 4 60\n@ NS ns1\nns1 A 192.0.2.53\n"
                                "@ MX 10 mx1\nmx1 A 192.0.2.1\n"
                                "*.wild A 192.0.2.2\nsub NS ns.sub\nns.sub A 192.0.2.3\n";

static char *zone_text(void)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fputs(zone_head, out);
    for (int i = 0; i < LARGE_RECORDS; i++)
        fprintf(out, "large TXT \"%0*d\"\n", LARGE_TEXT, i);
    for (int i = 0; i < WHOLE_RECORDS; i++)
        fprintf(out, "whole TXT \"%0*d\"\n", LARGE_TEXT, i);
    fclose(out);
    return text;
}

bool running_start(struct running *running, const char *const *addresses,
                   struct server_options options, struct error *error)
{
    struct server_endpoint listen[4];
    options.listen = listen;
    for (options.nlisten = 0; addresses[options.nlisten]; options.nlisten++) {
        assert_true(address_parse(addresses[options.nlisten], &listen[options.nlisten].address));
        listen[options.nlisten].port = running->port;
    }
    options.workers = options.workers ? options.workers : 2;
    options.answers = (struct settings_options){.identity = "here", .cookies = true};
    options.tcp_idle_ms = options.tcp_idle_ms ? options.tcp_idle_ms : RUNNING_IDLE_MS;
    running->server = server_new(&options, running->fixture.publisher, error);
    return running->server && server_start(running->server, error);
}

void running_restart(struct running *running, struct server_options options)
{
    static const char *const addresses[] = {"127.0.0.1", "::1", NULL};
    struct error error;
    server_free(running->server);
    running->port = free_port();
    if (!running_start(running, addresses, options, &error))
        fail_msg("%s", error.text);
}

int running_set_up(void **state)
{
    struct running *running = memory_alloc(sizeof *running);
    char *zone = zone_text();
    fixture_init(&running->fixture, false, (const char *const[]){zone, NULL});
    free(zone);
    running_restart(running, (struct server_options){0});
    *state = running;
    return 0;
}

int running_tear_down(void **state)
{
    struct running *running = *state;
    server_free(running->server);
    fixture_free(&running->fixture);
    free(running);
    return 0;
}

struct server_numbers running_numbers(const struct running *running)
{
    struct server_numbers numbers;
    server_numbers(running->server, &numbers);
    return numbers;
}

void running_wait_for_connections(const struct running *running, unsigned expected)
{
    int64_t deadline_ms = clock_now_ms() + PATIENCE_MS;
    while (running_numbers(running).tcp_connections != expected && clock_now_ms() < deadline_ms)
        poll(NULL, 0, 5);
    assert_int_equal(running_numbers(running).tcp_connections, expected);
}

int running_connect(const struct running *running, int type, const char *to, const char *from)
{
    struct address address;
    struct sockaddr_storage name;
    assert_true(address_parse(to, &address));
    socklen_t size = address_to_sockaddr(&address, running->port, &name);
    int made = socket(name.ss_family, type, 0);
    assert_true(made >= 0);
    if (from) {
        struct sockaddr_storage own;
        assert_true(address_parse(from, &address));
        socklen_t own_size = address_to_sockaddr(&address, 0, &own);
        assert_int_equal(bind(made, (struct sockaddr *)&own, own_size), 0);
    }
    assert_int_equal(connect(made, (struct sockaddr *)&name, size), 0);
    return made;
}

size_t receive(int socket, uint8_t *bytes, size_t room)
{
    struct pollfd poll_of = {.fd = socket, .events = POLLIN};
    assert_int_equal(poll(&poll_of, 1, PATIENCE_MS), 1);
    ssize_t got = recv(socket, bytes, room, 0);
    assert_true(got >= 0 || errno == ECONNRESET);
    return got > 0 ? (size_t)got : 0;
}

void receive_all(int socket, uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t got = receive(socket, bytes + at, size - at);
        assert_true(got > 0);
        at += got;
    }
}

void send_all(int socket, const uint8_t *bytes, size_t size)
{
    assert_int_equal(send(socket, bytes, size, MSG_NOSIGNAL), size);
}

static size_t tcp_query_for(uint8_t *bytes, const char *name, uint16_t rrtype, uint16_t id)
{
    size_t size = make_query(bytes + 2, name, rrtype, 0);
    write_u16(bytes, (uint16_t)size);
    write_u16(bytes + 2, id);
    return size + 2;
}

size_t tcp_query(uint8_t *bytes, uint16_t id)
{
    return tcp_query_for(bytes, "example.test", RRTYPE_MX, id);
}

size_t tcp_large_query(uint8_t *bytes, uint16_t id)
{
    return tcp_query_for(bytes, "large.example.test", RRTYPE_TXT, id);
}

void receive_answer(int socket, uint16_t id)
{
    static const unsigned header_end = HEADER_SIZE;
    uint8_t length[2];
    receive_all(socket, length, 2);
    size_t size = read_u16(length);
    assert_true(size >= header_end);
    uint8_t *answer = memory_alloc(size);
    receive_all(socket, answer, size);
    assert_int_equal(read_u16(answer), id);
    assert_int_equal(answer[HEADER_FLAGS_LOW] & 0x0F, 0);
    assert_true(read_u16(answer + HEADER_ANCOUNT) > 0);
    free(answer);
}
