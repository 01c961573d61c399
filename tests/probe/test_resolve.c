/* SPDX-License-Identifier: BSD-2-Clause */
/* What is made of the answers of a small name server, which stands in the same loop. */
#include "base/clock.h"
#include "probe/resolve.h"
#include "support/place.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 5000, REFRESH_MS = 30, RETRY_MS = 15, IDS_MAX = 300 };

/* What the name server says to one type: a list of addresses, or one of these. */
#define NODATA   ""
#define NXDOMAIN "nxdomain"
#define SERVFAIL "servfail"
#define SILENCE  "silence"
#define CUT      "cut"    /* more records announced than come */
#define FORGED   "forged" /* another address, by an answer to another question */

struct world {
    struct event_base *base;
    struct resolver *resolver;
    int server;
    struct event *event;
    char folder[FOLDER_SIZE], file[96];
    const char *a, *aaaa; /* what is answered */
    unsigned asked[2];    /* A, AAAA */
    char name[300];       /* last asked for */
    unsigned reports[IDS_MAX];
    uint32_t last;   /* id of the last report */
    char told[1000]; /* the addresses of the last report, in its order */
};

/* ---- the name server ---- */

static size_t put_answer(uint8_t *at, uint16_t rrtype, const uint8_t *data, uint16_t size)
{
    const uint8_t head[] = {0xc0, 12, 0, (uint8_t)rrtype, 0, 1, 0, 0, 0, 60, 0, (uint8_t)size};
    memcpy(at, head, sizeof head);
    memcpy(at + sizeof head, data, size);
    return sizeof head + size;
}

/* Adds the addresses of a list; returns the packet's new size. */
static size_t put_answers(uint8_t *packet, size_t size, uint16_t rrtype, const char *list)
{
    char copy[1000], *state, *word;
    snprintf(copy, sizeof copy, "%s", list);
    for (word = strtok_r(copy, " ", &state); word; word = strtok_r(NULL, " ", &state)) {
        struct address address;
        assert_true(address_parse(word, &address));
        size += put_answer(packet + size, rrtype, address.bytes, (uint16_t)address_size(&address));
        packet[7]++;
    }
    return size;
}

/* The question's name as text; returns where its type stands. */
static size_t take_name(const uint8_t *packet, char *name)
{
    size_t at = 12;
    while (packet[at]) {
        memcpy(name, packet + at + 1, packet[at]);
        name += packet[at];
        *name++ = '.';
        at += packet[at] + 1u;
    }
    *name = '\0';
    return at + 1;
}

static void on_query(evutil_socket_t fd, short what, void *context)
{
    struct world *world = context;
    struct sockaddr_storage from;
    socklen_t from_size = sizeof from;
    uint8_t packet[1500];
    ssize_t got = recvfrom(fd, packet, 512, 0, (struct sockaddr *)&from, &from_size);
    (void)what;

    assert_true(got > 12);
    size_t at = take_name(packet, world->name);
    uint16_t rrtype = packet[at + 1];
    const char *answer = rrtype == 28 ? world->aaaa : world->a;
    size_t size = at + 4;
    world->asked[rrtype == 28]++;
    packet[2] = 0x81; /* a response, recursion was desired */
    packet[3] = 0x80;
    memset(packet + 6, 0, 6);
    if (!strcmp(answer, SILENCE))
        return;
    if (!strcmp(answer, SERVFAIL))
        packet[3] |= 2;
    else if (!strcmp(answer, NXDOMAIN))
        packet[3] |= 3;
    else if (!strcmp(answer, CUT))
        packet[7] = 200;
    else if (!strcmp(answer, FORGED)) {
        packet[0] ^= 0x55;
        size = put_answers(packet, size, rrtype, rrtype == 28 ? "2001:db8::66" : "192.0.2.66");
    } else
        size = put_answers(packet, size, rrtype, answer);
    sendto(fd, packet, size, 0, (struct sockaddr *)&from, from_size);
}

/* ---- the world ---- */

static void on_report(void *context, uint32_t id, const struct address *addresses, size_t count)
{
    struct world *world = context;
    char text[ADDRESS_TEXT_SIZE];
    size_t used = 0;

    assert_true(id < IDS_MAX);
    world->reports[id]++;
    world->last = id;
    world->told[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        address_format(&addresses[i], text);
        used += (size_t)snprintf(world->told + used, sizeof world->told - used, "%s%s",
                                 i ? " " : "", text);
    }
}

static void write_resolv_conf(const struct world *world, int server)
{
    struct sockaddr_in at;
    socklen_t size = sizeof at;
    assert_int_equal(getsockname(server, (struct sockaddr *)&at, &size), 0);
    FILE *file = fopen(world->file, "w");
    fprintf(file,
            "search wrong.test\nnameserver 127.0.0.1:%u\noptions timeout:0.1 attempts:1 ndots:9\n",
            ntohs(at.sin_port));
    fclose(file);
}

static void world_open(struct world *world, const char *a, const char *aaaa)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;

    *world = (struct world){.a = a, .aaaa = aaaa};
    folder_make(world->folder);
    world->server = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(world->server, (struct sockaddr *)&here, size), 0);
    snprintf(world->file, sizeof world->file, "%s/resolv.conf", world->folder);
    write_resolv_conf(world, world->server);
    world->base = event_base_new();
    world->event = event_new(world->base, world->server, EV_READ | EV_PERSIST, on_query, world);
    event_add(world->event, NULL);
    world->resolver = resolver_new(world->base, world->file, on_report, world);
    resolver_set_rhythm(world->resolver, REFRESH_MS, RETRY_MS);
}

static void world_close(struct world *world)
{
    if (world->resolver)
        resolver_free(world->resolver);
    event_base_loop(world->base, EVLOOP_NONBLOCK);
    event_free(world->event);
    event_base_free(world->base);
    close(world->server);
    folder_remove(world->folder);
}

static void run_for(struct world *world, int ms)
{
    event_base_loopexit(world->base, &(struct timeval){.tv_usec = ms * 1000});
    event_base_dispatch(world->base);
}

/* Until the counter has grown by so much. */
static bool run_until(struct world *world, const unsigned *counter, unsigned more)
{
    unsigned enough = *counter + more;
    int64_t until_ms = clock_now_ms() + PATIENCE_MS;

    while (*counter < enough && clock_now_ms() < until_ms)
        run_for(world, 2);
    return *counter >= enough;
}

/* Two whole rounds: what is answered from now on has been seen, and has been judged. */
static void run_rounds(struct world *world)
{
    assert_true(run_until(world, &world->asked[0], 3));
    assert_true(run_until(world, &world->asked[1], 3));
}

static void expect_report(struct world *world, const char *told)
{
    assert_true(run_until(world, &world->reports[1], 1));
    assert_int_equal(world->last, 1);
    assert_string_equal(world->told, told);
}

static void expect_silence(struct world *world)
{
    unsigned before = world->reports[1];
    run_rounds(world);
    assert_int_equal(world->reports[1], before);
}

/* ---- tests ---- */

static void test_sets_and_changes(void **state)
{
    struct world world;
    (void)state;

    world_open(&world, "192.0.2.2 192.0.2.1 192.0.2.2", "2001:db8::1");
    resolver_add(world.resolver, 1, "mx.example.test");
    assert_int_equal(world.reports[1], 0); /* only from the loop */
    expect_report(&world, "192.0.2.1 192.0.2.2 2001:db8::1");
    assert_int_equal(strcasecmp(world.name, "mx.example.test."), 0);
    expect_silence(&world);
    world.a = "192.0.2.1 192.0.2.2"; /* another order, and no duplicate */
    expect_silence(&world);
    world.a = "192.0.2.3";
    expect_report(&world, "192.0.2.3 2001:db8::1");
    world.aaaa = NODATA; /* an answer: it has none any more */
    expect_report(&world, "192.0.2.3");
    world.aaaa = "2001:db8::2 2001:db8::1";
    expect_report(&world, "192.0.2.3 2001:db8::1 2001:db8::2");
    world.a = NXDOMAIN;
    expect_report(&world, "2001:db8::1 2001:db8::2");
    world_close(&world);
}

static void test_failures_change_nothing(void **state)
{
    static const char *const failures[] = {SERVFAIL, SILENCE, NXDOMAIN, NODATA, CUT, FORGED};
    struct world world;
    (void)state;

    world_open(&world, "192.0.2.1", "2001:db8::1");
    resolver_add(world.resolver, 1, "mx.example.test");
    expect_report(&world, "192.0.2.1 2001:db8::1");
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        world.a = world.aaaa = failures[i];
        expect_silence(&world);
        world.a = "192.0.2.1";
        world.aaaa = "2001:db8::1";
        expect_silence(&world);
    }
    world_close(&world);
}

/* One family fails: what was known of it stays beside what the other has become. */
static void test_one_family_fails(void **state)
{
    struct world world;
    (void)state;

    world_open(&world, "192.0.2.1", SERVFAIL);
    resolver_add(world.resolver, 1, "mx.example.test");
    expect_report(&world, "192.0.2.1");
    world.aaaa = "2001:db8::1";
    expect_report(&world, "192.0.2.1 2001:db8::1");
    world.aaaa = SILENCE;
    world.a = "192.0.2.9";
    expect_report(&world, "192.0.2.9 2001:db8::1");
    world.a = SERVFAIL;
    world.aaaa = NODATA;
    expect_report(&world, "192.0.2.9");
    world_close(&world);
}

static void test_nothing_known_yet(void **state)
{
    struct world world;
    (void)state;

    world_open(&world, SILENCE, SERVFAIL);
    resolver_add(world.resolver, 1, "mx.example.test");
    expect_silence(&world);
    world.a = NXDOMAIN;
    world.aaaa = NXDOMAIN;
    expect_silence(&world);
    assert_int_equal(strcasecmp(world.name, "mx.example.test."), 0); /* no search domain */
    world.a = "192.0.2.1";
    expect_report(&world, "192.0.2.1");
    world_close(&world);
}

static void test_rhythm(void **state)
{
    struct world world;
    (void)state;

    world_open(&world, "192.0.2.1", NODATA);
    resolver_set_rhythm(world.resolver, 3600000, 50);
    resolver_add(world.resolver, 1, "mx.example.test");
    expect_report(&world, "192.0.2.1");
    run_for(&world, 300);
    assert_int_equal(world.asked[0], 1);
    world_close(&world);

    world_open(&world, SERVFAIL, NODATA);
    resolver_set_rhythm(world.resolver, 3600000, 50);
    resolver_add(world.resolver, 1, "mx.example.test");
    assert_true(run_until(&world, &world.asked[0], 3)); /* a failure: sooner */
    world_close(&world);
}

static void test_hosts_file_comes_first(void **state)
{
    struct world world;
    (void)state;

    world_open(&world, "192.0.2.1", NODATA);
    resolver_add(world.resolver, 1, "LOCALHOST");
    assert_true(run_until(&world, &world.reports[1], 1));
    assert_non_null(strstr(world.told, "127.0.0.1"));
    resolver_add(world.resolver, 2, "mx.example.test");
    assert_true(run_until(&world, &world.reports[2], 1));
    run_rounds(&world);
    assert_int_equal(strcasecmp(world.name, "mx.example.test."), 0);
    assert_int_equal(world.reports[1], 1);
    world_close(&world);
}

static void test_many_names(void **state)
{
    enum { COUNT = 250 };
    struct world world;
    (void)state;

    world_open(&world, "192.0.2.1", NODATA);
    resolver_set_rhythm(world.resolver, 3600000, 50);
    for (uint32_t id = 0; id < COUNT; id++) {
        char name[64];
        snprintf(name, sizeof name, "mx%u.example.test", id);
        resolver_add(world.resolver, id, name);
    }
    for (uint32_t id = 0; id < COUNT; id++)
        assert_true(world.reports[id] || run_until(&world, &world.reports[id], 1));
    for (uint32_t id = 0; id < COUNT; id++)
        assert_int_equal(world.reports[id], 1);
    world_close(&world);
}

static void test_impossible_names(void **state)
{
    char name[400];
    struct world world;
    (void)state;

    world_open(&world, "192.0.2.1", NODATA);
    memset(name, 'x', sizeof name);
    name[100] = '\0';
    resolver_add(world.resolver, 2, name);
    name[100] = 'x';
    for (size_t i = 30; i < sizeof name; i += 30)
        name[i] = '.';
    name[sizeof name - 1] = '\0';
    resolver_add(world.resolver, 4, name);
    resolver_add(world.resolver, 1, "mx.example.test");
    expect_report(&world, "192.0.2.1");
    run_rounds(&world);
    assert_int_equal(world.reports[2] + world.reports[4], 0);
    world_close(&world);
}

static void test_free_with_questions_under_way(void **state)
{
    struct world world;
    (void)state;

    world_open(&world, SILENCE, "2001:db8::1");
    for (uint32_t id = 0; id < 100; id++) /* more than evdns asks at a time */
        resolver_add(world.resolver, id, "mx.example.test");
    assert_true(run_until(&world, &world.asked[0], 1));
    resolver_free(world.resolver);
    world.resolver = NULL;
    memset(world.reports, 0, sizeof world.reports);
    run_for(&world, 300);
    for (uint32_t id = 0; id < 100; id++)
        assert_int_equal(world.reports[id], 0);
    world_close(&world);
}

static void test_no_resolv_conf(void **state)
{
    struct world world;
    (void)state;

    world_open(&world, "192.0.2.1", NODATA);
    resolver_free(world.resolver);
    world.resolver = resolver_new(world.base, "/nonexistent", on_report, &world);
    resolver_add(world.resolver, 1, "localhost");
    assert_true(run_until(&world, &world.reports[1], 1));
    world_close(&world);
}

/* The nameserver moves: it is found again when the file is read anew, also by what was under way.
 */
static void test_reread(void **state)
{
    struct world world;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int silent = socket(AF_INET, SOCK_DGRAM, 0);
    (void)state;

    assert_int_equal(bind(silent, (struct sockaddr *)&here, sizeof here), 0);
    world_open(&world, "192.0.2.1", NODATA);
    resolver_add(world.resolver, 1, "mx.example.test");
    expect_report(&world, "192.0.2.1");
    world.a = "192.0.2.2";
    write_resolv_conf(&world, silent);
    resolver_reread(world.resolver);
    unsigned before = world.asked[0];
    run_for(&world, 4 * REFRESH_MS);
    assert_int_equal(world.asked[0], before);
    assert_int_equal(world.reports[1], 1);
    write_resolv_conf(&world, world.server);
    resolver_reread(world.resolver);
    resolver_reread(world.resolver);
    expect_report(&world, "192.0.2.2");
    world_close(&world);
    close(silent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets_and_changes),
        cmocka_unit_test(test_failures_change_nothing),
        cmocka_unit_test(test_one_family_fails),
        cmocka_unit_test(test_nothing_known_yet),
        cmocka_unit_test(test_rhythm),
        cmocka_unit_test(test_hosts_file_comes_first),
        cmocka_unit_test(test_many_names),
        cmocka_unit_test(test_impossible_names),
        cmocka_unit_test(test_free_with_questions_under_way),
        cmocka_unit_test(test_no_resolv_conf),
        cmocka_unit_test(test_reread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
