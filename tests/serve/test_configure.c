/* SPDX-License-Identifier: BSD-2-Clause */
/* What a running server answers beside the records, by the address of who asks, and how a reload
 * changes that and its limits under load. Loopback only, bounded. */
#include "base/clock.h"
#include "base/memory.h"
#include "serve/cookie.h"
#include "serve/server.h"
#include "support/fixture.h"
#include "support/packet.h"
#include "support/place.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 5000, IDLE_MS = 2500, ROUNDS = 200 };

#define CLIENT_PART "2464c4abcf10c957"

static const char *const zones[] = {"$ORIGIN example.test.\n$TTL 300\n"
                                    "@ SOA ns1 h 1 2 3 4 60\n@ NS ns1\nns1 A 192.0.2.53\n"
                                    "@ MX 10 mx1\nmx1 A 192.0.2.1\n",
                                    NULL};

static const uint8_t secrets[2][SIPHASH_KEY_SIZE] = {"the first secret", "the other one..."};

struct running {
    struct fixture fixture;
    struct server *server;
    uint16_t port;
};

static int set_up(void **state)
{
    struct running *running = memory_alloc(sizeof *running);
    struct server_endpoint listen[2];
    struct error error;
    fixture_init(&running->fixture, false, zones);
    running->port = free_port();
    assert_true(address_parse("127.0.0.1", &listen[0].address));
    assert_true(address_parse("::1", &listen[1].address));
    listen[0].port = listen[1].port = running->port;
    struct server_options options = {
        .listen = listen,
        .nlisten = 2,
        .workers = 2,
        .answers = {.identity = "one", .cookies = true, .secrets = secrets, .nsecrets = 1},
        .tcp_idle_ms = IDLE_MS,
    };
    running->server = server_new(&options, running->fixture.publisher, &error);
    if (!running->server || !server_start(running->server, &error))
        fail_msg("%s", error.text);
    *state = running;
    return 0;
}

static int tear_down(void **state)
{
    struct running *running = *state;
    server_free(running->server);
    fixture_free(&running->fixture);
    free(running);
    return 0;
}

static int connect_from(const struct running *running, int type, const char *from, const char *to)
{
    struct address address;
    struct sockaddr_storage name;
    assert_true(address_parse(from, &address));
    socklen_t size = address_to_sockaddr(&address, 0, &name);
    int made = socket(name.ss_family, type | SOCK_CLOEXEC, 0);
    assert_true(made >= 0);
    assert_int_equal(bind(made, (struct sockaddr *)&name, size), 0);
    assert_true(address_parse(to, &address));
    size = address_to_sockaddr(&address, running->port, &name);
    assert_int_equal(connect(made, (struct sockaddr *)&name, size), 0);
    return made;
}

static size_t receive(int socket, uint8_t *bytes, size_t room)
{
    struct pollfd poll_of = {.fd = socket, .events = POLLIN};
    assert_int_equal(poll(&poll_of, 1, PATIENCE_MS), 1);
    ssize_t got = recv(socket, bytes, room, 0);
    assert_true(got > 0);
    return (size_t)got;
}

/* Sends a query, returns the size of its answer. */
static size_t ask(const struct running *running, int type, const char *from, const char *to,
                  const char *words, uint8_t *answer)
{
    uint8_t packet[PACKET_MAX + 2];
    int client = connect_from(running, type, from, to);
    size_t size = packet_make(words, packet + 2), got = 0;
    if (type == SOCK_DGRAM) {
        assert_int_equal(send(client, packet + 2, size, 0), size);
        got = receive(client, answer, UDP_ANSWER_MAX);
    } else {
        write_u16(packet, (uint16_t)size);
        assert_int_equal(send(client, packet, size + 2, 0), size + 2);
        while (got < 2 || got < read_u16(answer) + 2u)
            got += receive(client, answer + got, UDP_ANSWER_MAX - got);
        got -= 2;
        memmove(answer, answer + 2, got);
    }
    close(client);
    return got;
}

static void expect(const struct running *running, int type, const char *from, const char *to,
                   const char *words, const char *expected)
{
    uint8_t answer[UDP_ANSWER_MAX];
    char text[PACKET_TEXT_MAX];
    size_t size = ask(running, type, from, to, words, answer);
    assert_string_equal(packet_describe(answer, size, text), expected);
}

/* The words of a query that asks whether a cookie, learnt just now, is good. */
static void learn_cookie(const struct running *running, const char *from, const char *to,
                         char words[128])
{
    uint8_t answer[UDP_ANSWER_MAX];
    size_t size = ask(running, SOCK_DGRAM, from, to, "opt o=10:" CLIENT_PART, answer);
    assert_int_equal(size, HEADER_SIZE + OPT_SIZE + 4 + 24);
    strcpy(words, "opt o=10:");
    for (size_t i = 0; i < 24; i++)
        sprintf(words + strlen(words), "%02x", answer[size - 24 + i]);
}

#define GOOD "NOERROR 0/0/0/0 edns cookie=24"
#define BAD  "BADCOOKIE 0/0/0/0 edns cookie=24"

/* A cookie is good by every worker and every transport, and from its own address alone. */
static void cookies_belong_to_addresses(void **state)
{
    const struct running *running = *state;
    static const struct {
        const char *own, *other, *server;
    } cases[] = {{"127.0.0.1", "127.0.0.2", "127.0.0.1"}, {"127.0.0.3", "127.0.0.1", "127.0.0.1"}};
    char words[128];
    for (size_t i = 0; i < 2; i++) {
        learn_cookie(running, cases[i].own, cases[i].server, words);
        for (unsigned port = 0; port < 8; port++) {
            expect(running, SOCK_DGRAM, cases[i].own, cases[i].server, words, GOOD);
            expect(running, SOCK_DGRAM, cases[i].other, cases[i].server, words, BAD);
        }
        expect(running, SOCK_STREAM, cases[i].own, cases[i].server, words, GOOD);
        expect(running, SOCK_STREAM, cases[i].other, cases[i].server, words, BAD);
    }
    learn_cookie(running, "::1", "::1", words);
    expect(running, SOCK_DGRAM, "::1", "::1", words, GOOD);
    expect(running, SOCK_STREAM, "::1", "::1", words, GOOD);
    expect(running, SOCK_DGRAM, "127.0.0.1", "127.0.0.1", words, BAD);
}

/* The address in a cookie is all of the client's and nothing else: any server of RFC 9018 that
 * knows the secret finds the same. */
static void cookies_as_others_make_them(void **state)
{
    static const char *const addresses[] = {"127.0.0.1", "::1"};
    struct settings settings;
    settings_init(&settings,
                  &(struct settings_options){.cookies = true, .secrets = secrets, .nsecrets = 1});
    for (size_t i = 0; i < 2; i++) {
        uint8_t answer[UDP_ANSWER_MAX], again[24];
        struct address address;
        size_t size =
            ask(*state, SOCK_DGRAM, addresses[i], addresses[i], "opt o=10:" CLIENT_PART, answer);
        assert_true(address_parse(addresses[i], &address));
        assert_int_equal(cookie_check(&settings, address.bytes, address_size(&address),
                                      clock_unix_s(), answer + size - 24, 24, again),
                         COOKIE_GOOD);
    }
}

static void told_idle_time_is_the_real_one(void **state)
{
    expect(*state, SOCK_STREAM, "127.0.0.1", "127.0.0.1", "q=example.test/MX opt o=11",
           "NOERROR aa 1/1/0/0 edns keepalive=25");
    expect(*state, SOCK_DGRAM, "127.0.0.1", "127.0.0.1", "q=example.test/MX opt o=11",
           "NOERROR aa 1/1/0/0 edns");
}

static void expect_both(const struct running *running, const char *words, const char *expected)
{
    expect(running, SOCK_DGRAM, "127.0.0.1", "127.0.0.1", words, expected);
    expect(running, SOCK_STREAM, "127.0.0.1", "127.0.0.1", words, expected);
}

static void configure(const struct running *running, const struct settings_options *answers)
{
    struct error error;
    const struct server_options options = {.answers = *answers, .tcp_idle_ms = IDLE_MS};
    assert_true(server_configure(running->server, &options, &error));
}

static void reconfigured(void **state)
{
    struct running *running = *state;
    char words[128];
    learn_cookie(running, "127.0.0.1", "127.0.0.1", words);
    expect_both(running, "q=example.test/MX opt o=3", "NOERROR aa 1/1/0/0 edns nsid=one");
    const uint8_t rolled[2][SIPHASH_KEY_SIZE] = {"the other one...", "the first secret"};
    struct settings_options options = {.identity = "two",
                                       .udp_size = 4096,
                                       .tells_version = true,
                                       .cookies = true,
                                       .secrets = rolled,
                                       .nsecrets = 2};
    configure(running, &options);
    expect_both(running, "q=example.test/MX opt o=3", "NOERROR aa 1/1/0/0 edns=4096 nsid=two");
    expect_both(running, "q=version.bind/TXT/CH", "NOERROR aa 1/1/0/0");
    expect_both(running, words, "NOERROR 0/0/0/0 edns=4096 cookie=24");
    options.nsecrets = 1;
    configure(running, &options);
    expect_both(running, words, "BADCOOKIE 0/0/0/0 edns=4096 cookie=24");
    /* The server's own secret stays the same from one reload to the next. */
    options.nsecrets = 0;
    configure(running, &options);
    learn_cookie(running, "127.0.0.1", "127.0.0.1", words);
    configure(running, &options);
    expect_both(running, words, "NOERROR 0/0/0/0 edns=4096 cookie=24");
    configure(running, &(struct settings_options){.identity = ""});
    expect_both(running, "q=example.test/MX opt o=3 o=10:" CLIENT_PART, "NOERROR aa 1/1/0/0 edns");
    /* NULL: the host's name. */
    configure(running, &(struct settings_options){.identity = NULL});
    char host[256] = "", expected[512];
    gethostname(host, sizeof host - 1);
    snprintf(expected, sizeof expected, "NOERROR aa 1/1/0/0 edns nsid=%s", host);
    expect_both(running, "q=example.test/MX opt o=3", expected);
}

/* The one TXT record of an answer: its numbers, and from whom it came. */
static void ask_canary(const struct running *running, int type, const char *at, int64_t *time_ms,
                       unsigned *serial)
{
    uint8_t answer[UDP_ANSWER_MAX];
    char from[ADDRESS_TEXT_SIZE], text[UINT8_MAX + 1];
    int64_t epoch;
    size_t size = ask(running, type, at, at, "q=t9.p7.x._canary.example.test/TXT", answer);
    const uint8_t *rdata = answer + HEADER_SIZE + 30 + 4 + 2 + RR_FIXED_SIZE;
    assert_true(size > (size_t)(rdata - answer) && rdata + 1 + *rdata == answer + size);
    snprintf(text, sizeof text, "%.*s", *rdata, (const char *)rdata + 1);
    assert_int_equal(sscanf(text, "canary time=%" SCNd64 " epoch=%" SCNd64 " serial=%u from=%63s",
                            time_ms, &epoch, serial, from),
                     4);
    assert_int_equal(epoch, *time_ms / 7000);
    assert_string_equal(from, at);
}

/* Off at first. All responders count together, over a reload, too; the time is the machine's. */
static void canary_names(void **state)
{
    struct running *running = *state;
    struct error error;
    struct server_options options = {.canary = true, .tcp_idle_ms = IDLE_MS};
    unsigned before = 0;
    int64_t time_ms, start_ms = clock_unix_ms();
    expect_both(running, "q=t9.p7.x._canary.example.test/TXT", "NXDOMAIN aa 1/0/1/0");
    for (unsigned i = 0; i < 20; i++) {
        unsigned serial;
        assert_true(server_configure(running->server, &options, &error));
        ask_canary(running, i % 3 ? SOCK_DGRAM : SOCK_STREAM, i % 2 ? "127.0.0.1" : "::1", &time_ms,
                   &serial);
        assert_int_equal(serial, ++before);
        assert_in_range(time_ms, start_ms, clock_unix_ms());
    }
    options.canary = false;
    assert_true(server_configure(running->server, &options, &error));
    expect_both(running, "q=t9.p7.x._canary.example.test/TXT", "NXDOMAIN aa 1/0/1/0");
}

struct load {
    const struct running *running;
    int type;
    _Atomic bool ending;
    unsigned answers, wrong;
};

static void *ask_on(void *context)
{
    struct load *load = context;
    uint8_t answer[UDP_ANSWER_MAX];
    char text[PACKET_TEXT_MAX];
    while (!atomic_load(&load->ending)) {
        size_t size = ask(load->running, load->type, "127.0.0.1", "127.0.0.1",
                          "q=example.test/MX opt o=3 o=10:" CLIENT_PART, answer);
        packet_describe(answer, size, text);
        load->wrong += strcmp(text, "NOERROR aa 1/1/0/0 edns cookie=24 nsid=one") != 0 &&
                       strcmp(text, "NOERROR aa 1/1/0/0 edns=4096 cookie=24 nsid=another") != 0;
        load->answers++;
    }
    return NULL;
}

/* A connection that stays open all the while, and rests for less than any limit. */
static void *ask_on_by_one_connection(void *context)
{
    struct load *load = context;
    uint8_t query[PACKET_MAX + 2], answer[UDP_ANSWER_MAX];
    size_t size = packet_make("q=example.test/MX", query + 2), got;
    int client = connect_from(load->running, SOCK_STREAM, "127.0.0.1", "127.0.0.1");
    write_u16(query, (uint16_t)size);
    while (!atomic_load(&load->ending)) {
        load->wrong += send(client, query, size + 2, MSG_NOSIGNAL) != (ssize_t)size + 2;
        got = receive(client, answer, sizeof answer);
        load->wrong += got < 2 + HEADER_SIZE || read_u16(answer + 2 + HEADER_ANCOUNT) != 1;
        load->answers++;
        usleep(500);
    }
    close(client);
    return NULL;
}

/* Old or new, never a mixture, and no query or connection is lost that is within both limits. */
static void reconfigured_under_load(void **state)
{
    struct running *running = *state;
    struct load loads[3] = {{.running = running, .type = SOCK_DGRAM},
                            {.running = running, .type = SOCK_STREAM},
                            {.running = running}};
    struct rate_network exempt[] = {{.bits = 8}, {.bits = 32}};
    assert_true(address_parse("10.0.0.0", &exempt[0].address));
    assert_true(address_parse("192.0.2.1", &exempt[1].address));
    const struct rate_options rates[2] = {
        {{1000000, 1000000, 1000000}, .ipv4_bits = 24, .ipv6_bits = 56},
        {{900000, 0, 0}, .ipv4_bits = 8, .ipv6_bits = 64, .exempt = exempt, .nexempt = 2}};
    const struct settings_options answers[2] = {
        {.identity = "another", .udp_size = 4096, .cookies = true},
        {.identity = "one", .cookies = true, .secrets = secrets, .nsecrets = 2},
    };
    void *(*const act[])(void *) = {ask_on, ask_on, ask_on_by_one_connection};
    pthread_t threads[3];
    struct error error;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, act[i], &loads[i]), 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        const struct server_options options = {
            .answers = answers[round % 2],
            .rate = round % 3 ? &rates[round % 3 - 1] : NULL,
            .tcp_idle_ms = round % 2 ? 60000 : IDLE_MS,
            .tcp_connections = 64 << round % 8,
            .tcp_per_client = 20 + round % 5,
        };
        assert_true(server_configure(running->server, &options, &error));
        usleep(1000);
    }
    for (size_t i = 0; i < 3; i++) {
        atomic_store(&loads[i].ending, true);
        pthread_join(threads[i], NULL);
        assert_true(loads[i].answers > 0);
        assert_int_equal(loads[i].wrong, 0);
    }
    struct server_numbers numbers;
    server_numbers(running->server, &numbers);
    assert_int_equal(numbers.rate_slipped + numbers.rate_dropped, 0);
    assert_int_equal(numbers.tcp_refused + numbers.tcp_expired, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(cookies_belong_to_addresses),
        TEST(cookies_as_others_make_them),
        TEST(told_idle_time_is_the_real_one),
        TEST(reconfigured),
        TEST(canary_names),
        TEST(reconfigured_under_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
