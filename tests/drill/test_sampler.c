/* SPDX-License-Identifier: BSD-2-Clause */
/* Against sockets in the same event loop; its time is made up. */
#include "../../tools/drill/watch/sampler.h"

#include "wire/rrtype.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { TICK_US = 10 * 1000, SILENT = 4 };

static int open_socket(uint16_t *port)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&here, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &size), 0);
    *port = ntohs(here.sin_port);
    return fd;
}

/* NXDOMAIN to all that comes. */
static void answer(evutil_socket_t fd, short what, void *context)
{
    struct sockaddr_storage from;
    socklen_t from_size = sizeof from;
    uint8_t query[512];
    ssize_t size;
    (void)what, (void)context;
    while ((size = recvfrom(fd, query, sizeof query, 0, (struct sockaddr *)&from, &from_size)) >
           0) {
        query[2] |= 0x80;
        query[3] = 3;
        sendto(fd, query, (size_t)size, 0, (struct sockaddr *)&from, from_size);
    }
}

static void ignore(void *context, size_t source, unsigned news)
{
    (void)context, (void)source, (void)news;
}

/* Resolvers that never answer, asked as often as can be, leave the server its sockets. */
static void the_silent_leave_room(void **state)
{
    struct event_base *base = event_base_new();
    struct samples samples = {0};
    struct wanted wanted = {.rrtype = RRTYPE_MX};
    struct sampler_options options = {.wanted = &wanted, .rate = 10, .resolver_rate = 100};
    struct address address;
    uint16_t port, silent_port;
    (void)state;
    int server = open_socket(&port), silent = open_socket(&silent_port);
    struct event *readable = event_new(base, server, EV_READ | EV_PERSIST, answer, NULL);
    event_add(readable, NULL);
    assert_true(address_parse("127.0.0.1", &address));
    assert_true(name_from_text("example.test", options.name));
    struct sampler *sampler = sampler_new(base, &samples, &options, ignore, NULL);
    sampler_add(sampler, PLACE_SERVER, &address, port);
    for (int i = 0; i < SILENT; i++)
        sampler_add(sampler, PLACE_RESOLVER, &address, silent_port);
    for (int64_t now_us = 0; now_us < 300 * TICK_US; now_us += TICK_US) {
        sampler_tick(sampler, now_us);
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
    event_base_loop(base, EVLOOP_NONBLOCK);
    event_base_loop(base, EVLOOP_NONBLOCK);
    assert_in_range(samples.sources[0].seen[SEEN_NXDOMAIN], 29, 31);
    assert_int_equal(samples.sources[1].seen[SEEN_NXDOMAIN], 0);
    sampler_free(sampler);
    samples_free(&samples);
    event_free(readable);
    event_base_free(base);
    close(server);
    close(silent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_silent_leave_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
