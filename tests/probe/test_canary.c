/* SPDX-License-Identifier: BSD-2-Clause */
/* Canaries answer by a handshake or a RST, and not by silence; gateways are read from the kernel's
 * tables. */
#include "base/clock.h"
#include "probe/canary.h"
#include "probe/gateway.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct seen {
    struct event_base *base;
    unsigned reports;
    bool answers;
};

static void on_report(void *context, uint8_t family, bool answers, int64_t now_ms)
{
    struct seen *seen = context;
    (void)now_ms;
    assert_int_equal(family, 4);
    seen->reports++;
    seen->answers = answers;
    event_base_loopbreak(seen->base);
}

/* At 127.0.0.1, at a port of its own; listening: with room for so many that nobody accepts. */
static int bound(int listening, struct canary *canary)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof any;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&any, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&any, &size), 0);
    if (listening >= 0)
        assert_int_equal(listen(fd, listening), 0);
    *canary = (struct canary){{.family = 4, .bytes = {127, 0, 0, 1}}, ntohs(any.sin_port)};
    return fd;
}

/* Fills a backlog of 0: from then on SYNs are dropped. */
static void fill(const struct canary *canary, int fds[4])
{
    struct sockaddr_storage to;
    socklen_t size = address_to_sockaddr(&canary->address, canary->port, &to);
    for (int i = 0; i < 4; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fds[i], (struct sockaddr *)&to, size);
    }
    usleep(20000);
}

/* Whether any of them answers, and after how long. */
static bool ask(const struct canary *list, size_t count, int64_t *took_ms)
{
    struct seen seen = {.base = event_base_new()};
    struct canaries *canaries = canaries_new(seen.base, 4, list, count, on_report, &seen);
    int64_t start_ms = clock_now_ms();
    canaries_ask(canaries);
    canaries_ask(canaries); /* under way: nothing */
    event_base_dispatch(seen.base);
    *took_ms = clock_now_ms() - start_ms;
    assert_int_equal(seen.reports, 1);
    canaries_ask(canaries);
    canaries_free(canaries); /* with a question under way */
    event_base_free(seen.base);
    return seen.answers;
}

static void test_handshake_and_rst_are_answers(void **state)
{
    struct canary listening, closed;
    int one = bound(8, &listening), other = bound(-1, &closed);
    int64_t took_ms;
    (void)state;
    assert_true(ask(&listening, 1, &took_ms));
    assert_in_range(took_ms, 0, CANARY_PATIENCE_MS / 2);
    assert_true(ask(&closed, 1, &took_ms));
    assert_in_range(took_ms, 0, CANARY_PATIENCE_MS / 2);
    close(one);
    close(other);
}

static void test_silence_is_none(void **state)
{
    struct canary list[2];
    int fds[4], silent = bound(0, &list[0]), listening;
    int64_t took_ms;
    (void)state;
    fill(&list[0], fds);
    assert_false(ask(list, 1, &took_ms));
    assert_in_range(took_ms, CANARY_PATIENCE_MS - 1, CANARY_PATIENCE_MS + 2000);
    listening = bound(8, &list[1]); /* one that answers is enough */
    assert_true(ask(list, 2, &took_ms));
    assert_in_range(took_ms, 0, CANARY_PATIENCE_MS / 2);
    for (int i = 0; i < 4; i++)
        close(fds[i]);
    close(silent);
    close(listening);
}

static void test_route_lines(void **state)
{
    struct address address;
    char text[ADDRESS_TEXT_SIZE];
    (void)state;
    assert_false(gateway_parse4("Iface\tDestination\tGateway \tFlags\tRefCnt", &address));
    assert_false(gateway_parse4("eth0\t0002A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF", &address));
    assert_false(gateway_parse4("tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000000", &address));
    uint32_t bytes = htonl(0xc0a80201);
    char line[200];
    snprintf(line, sizeof line, "eth0\t00000000\t%08X\t0003\t0\t0\t0\t00000000", bytes);
    assert_true(gateway_parse4(line, &address));
    address_format(&address, text);
    assert_string_equal(text, "192.168.2.1");

    const char *zero = "00000000000000000000000000000000";
    snprintf(line, sizeof line, "%s 00 %s 00 20010db8000000000000000000000001 400 1 0 3 eth0", zero,
             zero);
    assert_true(gateway_parse6(line, &address));
    address_format(&address, text);
    assert_string_equal(text, "2001:db8::1");
    snprintf(line, sizeof line, "%s 00 %s 00 fe800000000000000000000000000001 400 1 0 3 eth0", zero,
             zero);
    assert_false(gateway_parse6(line, &address));
    snprintf(line, sizeof line, "%s 00 %s 00 %s 400 1 0 200200 lo", zero, zero, zero);
    assert_false(gateway_parse6(line, &address));
    assert_false(gateway_parse6("", &address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_handshake_and_rst_are_answers),
                                       cmocka_unit_test(test_silence_is_none),
                                       cmocka_unit_test(test_route_lines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
