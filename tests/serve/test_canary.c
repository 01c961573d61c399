/* SPDX-License-Identifier: BSD-2-Clause */
/* Canary names: which there are, what they say, what goes before them, and that nothing else is
 * answered otherwise. The clock is the test's. */
#include "base/address.h"
#include "base/memory.h"
#include "serve/canary.h"
#include "serve/message.h"
#include "support/fixture.h"
#include "support/packet.h"
#include "support/stage.h"
#include "wire/rrtype.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NOW_S = 1793356262 };
#define TXT(time, epoch, serial)                                                                   \
    "TXT \"canary time=" time " epoch=" epoch " serial=" serial " from=198.51.100.100\""
#define NOW "1793356262123"

#define LABEL_60 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz12345678"

/* ---- names ---- */

struct name {
    const char *labels; /* before the apex */
    enum canary_kind kind;
    uint32_t ttl_s, period_s;
    bool fails;
    uint32_t fails_s;
};

static const struct name names[] = {
    {"t10.p5.x1._canary", CANARY_NAME, 10, 5, false, 0},
    {"t0.p0.x._canary", CANARY_NAME, 0, 0, false, 0},
    {"t86400.p86400.x.y.z._canary", CANARY_NAME, 86400, 86400, false, 0},
    {"t10.p5.f1793356300.x1._canary", CANARY_NAME, 10, 5, true, 1793356300},
    {"t10.p5.f0.x1._canary", CANARY_NAME, 10, 5, true, 0},
    {"t1.p1.f4294967295.x._canary", CANARY_NAME, 1, 1, true, 4294967295},
    /* What a nonce may be: all but a parameter's form. */
    {"t1.p1.t._canary", CANARY_NAME, 1, 1, false, 0},
    {"t1.p1.tx.p-1.f+1.t1x.q5.10._canary", CANARY_NAME, 1, 1, false, 0},
    {"t1.p1._canary._canary", CANARY_NAME, 1, 1, false, 0},
    {"t1.p1.\\000\\255.\\.x._canary", CANARY_NAME, 1, 1, false, 0},
    {"t1.p1." LABEL_60 "." LABEL_60 "._canary", CANARY_NAME, 1, 1, false, 0},
    /* What they stand below. */
    {"_canary", CANARY_BETWEEN, 0, 0, false, 0},
    {"x1._canary", CANARY_BETWEEN, 0, 0, false, 0},
    {"x.y.z._canary", CANARY_BETWEEN, 0, 0, false, 0},
    {"p5.x1._canary", CANARY_BETWEEN, 0, 5, false, 0},
    {"p86400.f7.x1._canary", CANARY_BETWEEN, 0, 86400, true, 7},
    {"f7.x1._canary", CANARY_BETWEEN, 0, 0, true, 7},
    /* Out of range, or not as numbers are written. */
    {"t86401.p5.x._canary", CANARY_WRONG, 0, 0, false, 0},
    {"t10.p86401.x._canary", CANARY_WRONG, 0, 0, false, 0},
    {"t10.p5.f4294967296.x._canary", CANARY_WRONG, 0, 0, false, 0},
    {"t99999999999999999999999999999999999999.p5.x._canary", CANARY_WRONG, 0, 0, false, 0},
    {"t18446744073709551626.p5.x._canary", CANARY_WRONG, 0, 0, false, 0}, /* 2^64 + 10 */
    {"t4294967306.p5.x._canary", CANARY_WRONG, 0, 0, false, 0},           /* 2^32 + 10 */
    {"t010.p5.x._canary", CANARY_WRONG, 0, 0, false, 0},
    {"t00.p5.x._canary", CANARY_WRONG, 0, 0, false, 0},
    {"t10.p05.x._canary", CANARY_WRONG, 0, 0, false, 0},
    {"t10.p5.f01.x._canary", CANARY_WRONG, 0, 0, false, 0},
    {"p05.x._canary", CANARY_WRONG, 0, 0, false, 0},
    /* Parts that are missing, too many, or in another order. */
    {"t10.p5._canary", CANARY_WRONG, 0, 0, false, 0},
    {"t10.p5.f7._canary", CANARY_WRONG, 0, 0, false, 0},
    {"p5._canary", CANARY_WRONG, 0, 0, false, 0},
    {"f7._canary", CANARY_WRONG, 0, 0, false, 0},
    {"t10._canary", CANARY_WRONG, 0, 0, false, 0},
    {"t10.x._canary", CANARY_WRONG, 0, 0, false, 0},
    {"t10.f7.x._canary", CANARY_WRONG, 0, 0, false, 0},
    {"p5.t10.x._canary", CANARY_WRONG, 0, 0, false, 0},
    {"t10.f7.p5.x._canary", CANARY_WRONG, 0, 0, false, 0},
    {"t10.p5.x.f7._canary", CANARY_WRONG, 0, 0, false, 0},
    {"t10.t10.p5.x._canary", CANARY_WRONG, 0, 0, false, 0},
    {"t10.p5.p5.x._canary", CANARY_WRONG, 0, 0, false, 0},
    {"x.t10.p5.x._canary", CANARY_WRONG, 0, 0, false, 0},
    {"t10.p5x.x._canary", CANARY_WRONG, 0, 0, false, 0},
    {"t10x.p5.x._canary", CANARY_WRONG, 0, 0, false, 0},
    {"t-1.p5.x._canary", CANARY_WRONG, 0, 0, false, 0},
    {"t.p5.x._canary", CANARY_WRONG, 0, 0, false, 0},
    /* A label that only ends like one and the next. */
    {"t10.p5.x1\\007_canary", CANARY_NONE, 0, 0, false, 0},
    {"abc\\007_canary", CANARY_NONE, 0, 0, false, 0},
    {"t1.p1.f2\\007_canary", CANARY_NONE, 0, 0, false, 0},
};

static void read_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct name *name = &names[i];
        struct canary_terms terms = {0};
        uint8_t wire[NAME_MAX_SIZE];
        size_t size = name_from_text(name->labels, wire);
        assert_true(size > 1);
        uint8_t *labels = memory_alloc(size - 1); /* so that reading behind them is seen */
        memcpy(labels, wire, size - 1);
        assert_true(canary_may_be(labels, size - 1));
        enum canary_kind kind = canary_read(labels, size - 1, &terms);
        free(labels);
        if (kind != name->kind)
            fail_msg("%s is of kind %d", name->labels, kind);
        if (kind == CANARY_NAME &&
            (terms.ttl_s != name->ttl_s || terms.period_s != name->period_s ||
             terms.fails != name->fails || (terms.fails && terms.fails_s != name->fails_s)))
            fail_msg("%s has other terms", name->labels);
    }
}

/* Whatever is denied has nothing below it, and what a name stands below is never denied (RFC 8020).
 */
static void no_ancestor_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct canary_terms terms;
        uint8_t wire[NAME_MAX_SIZE];
        size_t size = name_from_text(names[i].labels, wire) - 1;
        enum canary_kind below = names[i].kind;
        for (const uint8_t *at = wire; size > CANARY_TOP_SIZE && below != CANARY_NONE;) {
            size -= 1u + *at;
            at += 1 + *at;
            enum canary_kind kind = canary_read(at, size, &terms);
            if (kind == CANARY_WRONG && below != CANARY_WRONG)
                fail_msg("%s stands below one that is wrong", names[i].labels);
            below = kind;
        }
    }
}

static void not_even_maybe(void **state)
{
    static const char *const others[] = {"x",        "canary",   "_canary.x",
                                         "x_canary", "_canaryx", "_cana"};
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        uint8_t wire[NAME_MAX_SIZE];
        size_t size = name_from_text(others[i], wire);
        assert_false(canary_may_be(wire, size - 1));
    }
    assert_false(canary_may_be((const uint8_t *)"", 0));
}

/* ---- texts ---- */

static const char *text_of(const struct canary_terms *terms, int64_t now_ms, uint64_t serial,
                           const char *from, char text[CANARY_RDATA_MAX])
{
    struct address address;
    uint8_t *rdata = memory_alloc(CANARY_RDATA_MAX);
    assert_true(address_parse(from, &address));
    struct dns_client client = {.address_size = (uint8_t)address_size(&address),
                                .address = address.bytes};
    size_t size = canary_write_txt(terms, now_ms, serial, &client, rdata);
    assert_int_equal(size, 1 + (size_t)rdata[0]);
    memcpy(text, rdata + 1, size - 1);
    text[size - 1] = '\0';
    free(rdata);
    return text;
}

static void texts(void **state)
{
    (void)state;
    char text[CANARY_RDATA_MAX];
    struct canary_terms terms = {.ttl_s = 1, .period_s = 5};
    assert_string_equal(text_of(&terms, 4999, 1, "192.0.2.1", text),
                        "canary time=4999 epoch=0 serial=1 from=192.0.2.1");
    assert_string_equal(text_of(&terms, 5000, 2, "2001:db8::1", text),
                        "canary time=5000 epoch=1 serial=2 from=2001:db8::1");
    terms.period_s = 0;
    assert_string_equal(text_of(&terms, 5000, 3, "255.255.255.255", text),
                        "canary time=5000 epoch=0 serial=3 from=255.255.255.255");
    terms.period_s = 1;
    assert_string_equal(
        text_of(&terms, INT64_MAX, UINT64_MAX, "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", text),
        "canary time=9223372036854775807 epoch=9223372036854775 serial=18446744073709551615 "
        "from=2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff");
    assert_true(strlen(text) <= UINT8_MAX);
}

static void addresses(void **state)
{
    (void)state;
    static const struct {
        int64_t now_s;
        uint32_t period_s;
        uint8_t expected[4];
    } cases[] = {
        {0, 1, {127, 0, 0, 0}},
        {1, 1, {127, 0, 0, 1}},
        {1, 0, {127, 0, 0, 0}},
        {0xFFFFFF, 1, {127, 255, 255, 255}},
        {0x1000000, 1, {127, 0, 0, 0}},
        {NOW_S, 1, {127, 0xE4, 0x71, 0xE6}},  /* 0x6AE471E6 */
        {NOW_S, 5, {127, 0x60, 0xE3, 0x94}},  /* 0x1560E394 */
        {NOW_S, 86400, {127, 0, 0x51, 0x14}}, /* 20756 */
        {86399, 86400, {127, 0, 0, 0}},
        {86400, 86400, {127, 0, 0, 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t rdata[CANARY_RDATA_MAX];
        struct canary_terms terms = {.period_s = cases[i].period_s};
        assert_int_equal(canary_write_a(&terms, cases[i].now_s * 1000 + 999, rdata), 4);
        assert_memory_equal(rdata, cases[i].expected, 4);
    }
}

/* ---- answers ---- */

static int64_t now_ms;

static int64_t test_clock(void)
{
    return now_ms;
}

static const char example_zone[] =
    "$ORIGIN example.test.\n$TTL 300\n@ SOA ns1 h 7 2 3 4 60\n@ NS ns1\nns1 A 192.0.2.53\n"
    "@ MX 10 mx1\nmx1 A 192.0.2.1\nalias CNAME t7.p0.x._canary\nbad CNAME t7._canary\n"
    "failing CNAME t7.p0.f5.x._canary\nmoved DNAME _canary\nfar CNAME t8.p0.x._canary.own.test.\n"
    "there CNAME t9.p0.x._canary.wild.test.\n_canary.deep TXT deep\n";
#define SOA "example.test. 60 SOA ns1.example.test. h.example.test. 7 2 3 4 60"

static const char wild_zone[] =
    "$ORIGIN wild.test.\n$TTL 300\n@ SOA ns.example.test. h 1 2 3 4 30\n"
    "@ NS ns.example.test.\n* TXT wild\n* MX 5 mx1.example.test.\n";
#define WILD_SOA "wild.test. 30 SOA ns.example.test. h.wild.test. 1 2 3 4 30"

static const char own_zone[] = "$ORIGIN own.test.\n$TTL 300\n@ SOA ns.example.test. h 1 2 3 4 30\n"
                               "@ NS ns.example.test.\nt1.p1.x._canary TXT own\n";
#define OWN_SOA "own.test. 30 SOA ns.example.test. h.own.test. 1 2 3 4 30"

static const char star_zone[] =
    "$ORIGIN star.test.\n$TTL 300\n@ SOA ns.example.test. h 1 2 3 4 30\n"
    "@ NS ns.example.test.\n*._canary TXT star\n";

static const char cut_zone[] = "$ORIGIN cut.test.\n$TTL 300\n@ SOA ns.example.test. h 1 2 3 4 30\n"
                               "@ NS ns.example.test.\n_canary NS ns.outside.test.\n"
                               "child NS ns.outside.test.\n";

static const char apex_zone[] = "$ORIGIN _canary.above.test.\n$TTL 300\n"
                                "@ SOA ns.example.test. h 1 2 3 4 30\n@ NS ns.example.test.\n";
static const char above_zone[] = "$ORIGIN above.test.\n$TTL 300\n"
                                 "@ SOA ns.example.test. h 1 2 3 4 30\n@ NS ns.example.test.\n";

static const char dname_zone[] = "$ORIGIN dname.test.\n$TTL 300\n"
                                 "@ SOA ns.example.test. h 1 2 3 4 30\n@ NS ns.example.test.\n"
                                 "@ DNAME example.test.\n";

static const char template_text[] = "$TTL 300\n@ SOA ns1 h 7 2 3 4 60\n@ NS ns1\n"
                                    "ns1 A 192.0.2.1\n@ MX 10 mail\nmail A 192.0.2.2\n";
#define SHOP_SOA "shop.test. 60 SOA ns1.shop.test. h.shop.test. 7 2 3 4 60"

struct world {
    struct stage stage;
    struct settings off, on;
    struct canary_state state;
};

static int set_up(void **state)
{
    static const uint8_t secrets[1][SIPHASH_KEY_SIZE] = {"a test's secret"};
    const struct settings_options options = {
        .identity = "here", .cookies = true, .secrets = secrets, .nsecrets = 1};
    static const struct {
        const char *file, *text;
    } files[] = {{"example", example_zone},   {"wild", wild_zone},
                 {"own", own_zone},           {"star", star_zone},
                 {"cut", cut_zone},           {"apex", apex_zone},
                 {"above", above_zone},       {"dname", dname_zone},
                 {"customer", template_text}, {"bad", "$ORIGIN bad.test.\nwrong\n"}};
    struct world *world = memory_alloc(sizeof *world);
    stage_init(&world->stage, false);
    world->stage.lenient = true;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        folder_write(world->stage.folder, files[i].file, files[i].text);
    folder_write(world->stage.folder, "names", "shop.test\nOther.Test\n");
    stage_config(&world->stage, "server: {probing: off}\nzones: [example, wild, own, star, cut, "
                                "apex, above, dname, bad, {file: customer, names: names}]\n");
    stage_load(&world->stage);
    world->state.now_ms = test_clock;
    now_ms = NOW_S * INT64_C(1000) + 123;
    settings_init(&world->off, &options);
    world->on = world->off;
    world->on.canary = &world->state;
    atomic_store(&world->stage.responder.settings, &world->on);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    stage_free(&world->stage);
    free(world);
    return 0;
}

static size_t ask_octets(struct world *world, enum transport transport, const uint8_t *query,
                         size_t size, uint8_t *answer)
{
    return respond(&world->stage.responder, publisher_current(world->stage.publisher),
                   test_client(transport), query, size, answer);
}

static void expect(struct world *world, const char *name, const char *type, const char *expected)
{
    uint8_t query[512], *answer = memory_alloc(MESSAGE_MAX_SIZE);
    uint16_t rrtype;
    ldns_pkt *packet;
    assert_true(rrtype_from_text(type, &rrtype));
    size_t size = make_query(query, name, rrtype, 1232);
    size = ask_octets(world, TRANSPORT_UDP, query, size, answer);
    assert_int_equal(ldns_wire2pkt(&packet, answer, size), LDNS_STATUS_OK);
    char *got = packet_text(packet);
    if (strcmp(got, expected) != 0)
        fail_msg("%s %s\n   expected %s\n   got      %s", name, type, expected, got);
    free(got);
    ldns_pkt_free(packet);
    free(answer);
}

#define NAME "t10.p5.x1._canary.example.test"

static void what_they_say(void **state)
{
    struct world *world = *state;
    expect(world, NAME, "TXT", "NOERROR aa | " NAME ". 10 " TXT(NOW, "358671252", "1") " | |");
    expect(world, NAME, "A", "NOERROR aa | " NAME ". 10 A 127.96.227.148 | |");
    expect(world, NAME, "TXT", "NOERROR aa | " NAME ". 10 " TXT(NOW, "358671252", "3") " | |");
    now_ms += 5000;
    expect(world, "T10.p5.X1._CANARY.example.TEST", "TXT",
           "NOERROR aa | T10.p5.X1._CANARY.example.TEST. 10 " TXT("1793356267123", "358671253",
                                                                  "4") " | |");
    expect(world, "t0.p0.x._canary.example.test", "TXT",
           "NOERROR aa | t0.p0.x._canary.example.test. 0 " TXT("1793356267123", "0", "5") " | |");
    expect(world, "t86400.p86400.a.b.c._canary.example.test", "A",
           "NOERROR aa | t86400.p86400.a.b.c._canary.example.test. 86400 A 127.0.81.20 | |");
    expect(world, NAME, "AAAA", "NOERROR aa | | " SOA " |");
    expect(world, NAME, "MX", "NOERROR aa | | " SOA " |");
    expect(world, NAME, "CNAME", "NOERROR aa | | " SOA " |");
    expect(world, NAME, "DS", "NOERROR aa | | " SOA " |");
    expect(world, NAME, "SOA", "NOERROR aa | | " SOA " |");
    expect(world, NAME, "ANY", "NOERROR aa | " NAME ". 3600 HINFO \"RFC8482\" \"\" | |");
    expect(world, NAME, "AXFR", "REFUSED | | |");
}

static void what_is_none(void **state)
{
    struct world *world = *state;
    static const char *const types[] = {"TXT", "A", "AAAA", "NS", "ANY", "DS"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[600];
        snprintf(name, sizeof name, "%s.example.test", names[i].labels);
        if (names[i].kind == CANARY_NAME)
            continue;
        for (size_t j = 0; j < sizeof types / sizeof *types; j++)
            expect(world, name, types[j],
                   names[i].kind == CANARY_BETWEEN ? "NOERROR aa | | " SOA " |"
                                                   : "NXDOMAIN aa | | " SOA " |");
    }
    assert_int_equal(atomic_load(&world->state.answers), 0);
    expect(world, "x._canary.mx1.example.test", "TXT", "NXDOMAIN aa | | " SOA " |");
    expect(world, "_canary.outside.test", "TXT", "REFUSED | | |");
    expect(world, "t1.p1.x._canary.bad.test", "TXT", "SERVFAIL | | |");
    expect(world, "t1.p1.x._canary.deep.example.test", "TXT", "NXDOMAIN aa | | " SOA " |");
}

static void fails_from_its_time_on(void **state)
{
    struct world *world = *state;
    char name[100], expected[300];
    snprintf(name, sizeof name, "t10.p0.f%d.x._canary.example.test", NOW_S + 1);
    snprintf(expected, sizeof expected,
             "NOERROR aa | %s. 10 " TXT("1793356262999", "0", "1") " | |", name);
    now_ms = NOW_S * INT64_C(1000) + 999;
    expect(world, name, "TXT", expected);
    now_ms += 1;
    expect(world, name, "TXT", "SERVFAIL | | |");
    expect(world, name, "A", "SERVFAIL | | |");
    expect(world, name, "AAAA", "SERVFAIL | | |");
    expect(world, "t10.p0.f0.x._canary.example.test", "TXT", "SERVFAIL | | |");
    expect(world, "p0.f0.x._canary.example.test", "TXT", "NOERROR aa | | " SOA " |");
    expect(world, "failing.example.test", "TXT", "SERVFAIL | | |");
}

static void what_leads_there(void **state)
{
    struct world *world = *state;
    expect(world, "alias.example.test", "TXT",
           "NOERROR aa | alias.example.test. 300 CNAME t7.p0.x._canary.example.test.; "
           "t7.p0.x._canary.example.test. 7 " TXT(NOW, "0", "1") " | |");
    expect(world, "alias.example.test", "AAAA",
           "NOERROR aa | alias.example.test. 300 CNAME t7.p0.x._canary.example.test. | " SOA " |");
    expect(world, "bad.example.test", "A",
           "NXDOMAIN aa | bad.example.test. 300 CNAME t7._canary.example.test. | " SOA " |");
    expect(world, "t5.p0.y.moved.example.test", "A",
           "NOERROR aa | moved.example.test. 300 DNAME _canary.example.test.; "
           "t5.p0.y._canary.example.test. 5 A 127.0.0.0; "
           "t5.p0.y.moved.example.test. 300 CNAME t5.p0.y._canary.example.test. | |");
    expect(world, "there.example.test", "A",
           "NOERROR aa | t9.p0.x._canary.wild.test. 9 A 127.0.0.0; "
           "there.example.test. 300 CNAME t9.p0.x._canary.wild.test. | |");
}

static void what_goes_before(void **state)
{
    struct world *world = *state;
    expect(world, "t1.p1.x._canary.own.test", "TXT",
           "NOERROR aa | t1.p1.x._canary.own.test. 300 TXT \"own\" | |");
    expect(world, "t2.p1.x._canary.own.test", "TXT", "NXDOMAIN aa | | " OWN_SOA " |");
    expect(world, "_canary.own.test", "TXT", "NOERROR aa | | " OWN_SOA " |");
    expect(world, "t1.p1.x._canary.star.test", "TXT",
           "NOERROR aa | t1.p1.x._canary.star.test. 300 TXT \"star\" | |");
    expect(world, "t1.p1.x._canary.cut.test", "TXT",
           "NOERROR | | _canary.cut.test. 300 NS ns.outside.test. |");
    expect(world, "t1.p1.x._canary.child.cut.test", "TXT",
           "NOERROR | | child.cut.test. 300 NS ns.outside.test. |");
    expect(
        world, "t1.p1.x._canary.above.test", "TXT",
        "NXDOMAIN aa | | _canary.above.test. 30 SOA ns.example.test. h._canary.above.test. 1 2 3 "
        "4 30 |");
    expect(world, "t1.p1.x._canary._canary.above.test", "A",
           "NOERROR aa | t1.p1.x._canary._canary.above.test. 1 A 127.228.113.230 | |");
    expect(world, "t1.p0.x._canary.dname.test", "A",
           "NOERROR aa | dname.test. 300 DNAME example.test.; "
           "t1.p0.x._canary.dname.test. 300 CNAME t1.p0.x._canary.example.test.; "
           "t1.p0.x._canary.example.test. 1 A 127.0.0.0 | |");
    /* A wildcard does not. */
    expect(world, "x.wild.test", "TXT", "NOERROR aa | x.wild.test. 300 TXT \"wild\" | |");
    expect(world, "t1.p0.x._canary.wild.test", "A",
           "NOERROR aa | t1.p0.x._canary.wild.test. 1 A 127.0.0.0 | |");
    expect(world, "t1.p0.x._canary.wild.test", "MX", "NOERROR aa | | " WILD_SOA " |");
    expect(world, "t1._canary.wild.test", "TXT", "NXDOMAIN aa | | " WILD_SOA " |");
    expect(world, "_canary.wild.test", "TXT", "NOERROR aa | | " WILD_SOA " |");
    expect(world, "t1.p1.x1\\007_canary.wild.test", "TXT",
           "NOERROR aa | t1.p1.x1\\007_canary.wild.test. 300 TXT \"wild\" | |");
}

static void below_domains_of_a_template(void **state)
{
    struct world *world = *state;
    expect(world, "t10.p5.x1._canary.shop.test", "TXT",
           "NOERROR aa | t10.p5.x1._canary.shop.test. 10 " TXT(NOW, "358671252", "1") " | |");
    expect(world, "t10.p0.x1._canary.other.test", "A",
           "NOERROR aa | t10.p0.x1._canary.other.test. 10 A 127.0.0.0 | |");
    expect(world, "x1._canary.shop.test", "A", "NOERROR aa | | " SHOP_SOA " |");
    expect(world, "t1._canary.shop.test", "A", "NXDOMAIN aa | | " SHOP_SOA " |");
}

static void off_they_are_names_like_others(void **state)
{
    struct world *world = *state;
    atomic_store(&world->stage.responder.settings, &world->off);
    expect(world, NAME, "TXT", "NXDOMAIN aa | | " SOA " |");
    expect(world, "_canary.example.test", "TXT", "NXDOMAIN aa | | " SOA " |");
    expect(world, "t10.p5.x1._canary.shop.test", "TXT", "NXDOMAIN aa | | " SHOP_SOA " |");
    expect(world, "t1.p0.x._canary.wild.test", "TXT",
           "NOERROR aa | t1.p0.x._canary.wild.test. 300 TXT \"wild\" | |");
    expect(world, "_canary.wild.test", "TXT",
           "NOERROR aa | _canary.wild.test. 300 TXT \"wild\" | |");
    assert_int_equal(atomic_load(&world->state.answers), 0);
}

/* ---- messages ---- */

static void with_edns(void **state)
{
    struct world *world = *state;
    uint8_t query[PACKET_MAX], answer[UDP_ANSWER_MAX];
    char text[PACKET_TEXT_MAX];
    size_t size = packet_make("q=t1.p1.f0.x._canary.example.test/TXT opt", query);
    size = ask_octets(world, TRANSPORT_UDP, query, size, answer);
    assert_string_equal(packet_describe(answer, size, text),
                        "SERVFAIL 1/0/0/0 edns error=0:a canary name that fails from its time on");
    size = packet_make("q=" NAME "/TXT opt o=3 o=10:2464c4abcf10c957", query);
    size = ask_octets(world, TRANSPORT_UDP, query, size, answer);
    assert_string_equal(packet_describe(answer, size, text),
                        "NOERROR aa 1/1/0/0 edns cookie=24 nsid=here");
    size = packet_make("q=" NAME "/TXT", query);
    size = ask_octets(world, TRANSPORT_UDP, query, size, answer);
    assert_string_equal(packet_describe(answer, size, text), "NOERROR aa 1/1/0/0");
}

#define TAIL LABEL_60 "." LABEL_60 ".12345678901234567890._canary.example.test"

/* The answer for the longest name there is fits what UDP without EDNS may carry. */
static void longest_names(void **state)
{
    struct world *world = *state;
    uint8_t query[512], answer[UDP_ANSWER_MAX];
    for (int length = 50; length <= 63; length++) {
        char name[300];
        snprintf(name, sizeof name, "t86400.p86400.f4294967295.%.*s." TAIL, length, LABEL_60 "xyz");
        size_t size = make_query(query, name, RRTYPE_TXT, 0);
        size_t answered = ask_octets(world, TRANSPORT_UDP, query, size, answer);
        assert_int_equal(size, HEADER_SIZE + NAME_MAX_SIZE - (63 - length) + 4);
        assert_int_equal(answer[HEADER_FLAGS_HIGH], FLAG_HIGH_QR | FLAG_HIGH_AA | FLAG_HIGH_RD);
        assert_int_equal(answer[HEADER_FLAGS_LOW] & 15, RCODE_NOERROR);
        assert_int_equal(read_u16(answer + HEADER_ANCOUNT), 1);
        assert_true(answered > size && answered <= UDP_CLASSIC_MAX);
        assert_memory_equal(answer + HEADER_SIZE, query + HEADER_SIZE, size - HEADER_SIZE);
        assert_int_equal(read_u16(answer + size), POINTER_BITS << 8 | QUESTION_OFFSET);
    }
}

/* Each good query cut short or with a tail is a FORMERR, as any other. */
static void cut_and_with_a_tail(void **state)
{
    struct world *world = *state;
    uint8_t query[512] = {0}, answer[UDP_ANSWER_MAX];
    size_t size = make_query(query, NAME, RRTYPE_TXT, 1232);
    for (size_t cut = HEADER_SIZE; cut < size + 8; cut++) {
        uint8_t *exact = memory_alloc(cut);
        memcpy(exact, query, cut);
        assert_true(ask_octets(world, TRANSPORT_UDP, exact, cut, answer) >= HEADER_SIZE);
        assert_int_equal(answer[HEADER_FLAGS_LOW] & 15,
                         cut == size ? RCODE_NOERROR : RCODE_FORMERR);
        free(exact);
    }
}

/* What somebody gets out of it who asks in another's name. */
static void answers_are_small(void **state)
{
    struct world *world = *state;
    uint8_t query[512], answer[UDP_ANSWER_MAX];
    atomic_store(&world->state.answers, 1000000);
    size_t size = make_query(query, NAME, RRTYPE_TXT, 1232);
    size_t answered = ask_octets(world, TRANSPORT_UDP, query, size, answer);
    assert_int_equal(size, 59);
    assert_int_equal(answered, 148);
}

/* Marked for the rate limits; what leads to them is not. */
static void are_marked(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *name;
        bool canary;
    } cases[] = {{NAME, true},
                 {"x1._canary.example.test", true},
                 {"t1._canary.example.test", true},
                 {"t1.p1.f0.x._canary.example.test", true},
                 {"t1.p1.x._canary.shop.test", true},
                 {"t1.p1.x._canary.own.test", false},
                 {"alias.example.test", false},
                 {"nothing.example.test", false},
                 {"example.test", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct message message;
        uint8_t query[512], answer[UDP_ANSWER_MAX];
        size_t size = make_query(query, cases[i].name, RRTYPE_TXT, 1232);
        memset(&message, 0xFF, sizeof message);
        assert_true(respond_parse(&world->stage.responder, &message, test_client(TRANSPORT_UDP),
                                  query, size, answer));
        respond_find(&message, publisher_current(world->stage.publisher));
        assert_int_equal(message.canary, cases[i].canary);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_names),
        cmocka_unit_test(no_ancestor_is_wrong),
        cmocka_unit_test(not_even_maybe),
        cmocka_unit_test(texts),
        cmocka_unit_test(addresses),
        cmocka_unit_test_setup_teardown(what_they_say, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fails_from_its_time_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_leads_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_goes_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(below_domains_of_a_template, set_up, tear_down),
        cmocka_unit_test_setup_teardown(off_they_are_names_like_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(with_edns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(longest_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cut_and_with_a_tail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_are_small, set_up, tear_down),
        cmocka_unit_test_setup_teardown(are_marked, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("canary names", tests, NULL, NULL);
}
