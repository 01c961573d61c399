/* SPDX-License-Identifier: BSD-2-Clause */
/* EDNS options beyond single queries (those stand in test_protocol.c): what settings change, what
 * gives way where room is short, what health explains, and what is counted. */
#include "base/memory.h"
#include "serve/message.h"
#include "serve/numbers.h"
#include "support/fixture.h"
#include "support/packet.h"
#include "wire/rrtype.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COOKIE "2464c4abcf10c957"

static const char zone[] = "$ORIGIN example.test.\n"
                           "@ 300 SOA ns h 1 2 3 4 5\n"
                           "@ 300 NS ns\n"
                           "ns 300 A 192.0.2.1\n"
                           "@ 300 MX 10 mx1\n"
                           "@ 300 MX 20 mx2\n"
                           "mx1 300 A 192.0.2.2\n"
                           "mx2 300 A 192.0.2.3\n"
                           "www 300 CNAME mx1\n";

static int set_up(void **state)
{
    struct fixture *fixture = memory_alloc(sizeof *fixture);
    fixture_init(fixture, false, (const char *const[]){zone, NULL});
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    fixture_free(*state);
    free(*state);
    return 0;
}

static size_t ask(struct fixture *fixture, enum transport transport, const char *words,
                  uint8_t *answer)
{
    uint8_t packet[PACKET_MAX];
    size_t size = packet_make(words, packet);
    return respond(&fixture->responder, publisher_current(fixture->publisher),
                   test_client(transport), packet, size, answer);
}

static void expect(struct fixture *fixture, enum transport transport, const char *words,
                   const char *expected)
{
    uint8_t *answer = memory_alloc(MESSAGE_MAX_SIZE);
    char text[PACKET_TEXT_MAX];
    size_t size = ask(fixture, transport, words, answer);
    assert_string_equal(packet_describe(answer, size, text), expected);
    free(answer);
}

/* ---- settings ---- */

static void configure(struct fixture *fixture, const struct settings_options *options)
{
    static struct settings settings; /* the responder keeps it */
    settings_init(&settings, options);
    atomic_store(&fixture->responder.settings, &settings);
}

static void nothing_is_told(void **state)
{
    configure(*state, &(struct settings_options){.identity = ""});
    expect(*state, TRANSPORT_UDP, "q=example.test/MX opt o=3 o=10:" COOKIE,
           "NOERROR aa 1/2/0/0 edns");
    /* Without cookies the option is one of those that we do not know. */
    expect(*state, TRANSPORT_UDP, "q=example.test/MX opt o=10:00", "NOERROR aa 1/2/0/0 edns");
    expect(*state, TRANSPORT_UDP, "opt o=10:" COOKIE, "FORMERR 0/0/0/0 edns");
    expect(*state, TRANSPORT_UDP, "q=id.server/TXT/CH", "REFUSED 1/0/0/0");
    expect(*state, TRANSPORT_UDP, "q=hostname.bind/TXT/CH", "REFUSED 1/0/0/0");
    expect(*state, TRANSPORT_UDP, "q=version.bind/TXT/CH", "REFUSED 1/0/0/0");
    expect(*state, TRANSPORT_UDP, "q=version.server/TXT/CH", "REFUSED 1/0/0/0");
}

/* An identity is cut at what one string of a TXT record holds, and comes back whole. */
static void long_identity(void **state)
{
    char identity[300], expected[PACKET_TEXT_MAX];
    memset(identity, 'i', sizeof identity - 1);
    identity[sizeof identity - 1] = '\0';
    configure(*state, &(struct settings_options){.identity = identity, .udp_size = 4096});
    snprintf(expected, sizeof expected, "NOERROR aa 1/2/0/0 edns=4096 nsid=%.255s", identity);
    expect(*state, TRANSPORT_UDP, "q=example.test/MX opt o=3", expected);
    expect(*state, TRANSPORT_UDP, "q=id.server/TXT/CH", "NOERROR aa 1/1/0/0");
}

/* ---- room ---- */

static char *big_zone(void)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fprintf(out, "$ORIGIN big.test.\n@ 300 SOA ns h 1 2 3 4 5\n@ 300 NS ns\nns 300 A 192.0.2.1\n");
    for (unsigned n = 1; n <= 260; n++)
        for (unsigned i = 0; i < n; i++)
            fprintf(out, "n%u 300 A 10.%u.%u.%u\n", n, n & 255, i >> 8, i & 255);
    for (unsigned i = 0; i < 4093; i++)
        fprintf(out, "huge 300 A 10.0.%u.%u\n", i >> 8, i & 255);
    fclose(out);
    return text;
}

/* For sets of every size: never larger than both sides allow; what only explains never drives out a
 * record; whether TC is set depends on the records, the OPT record and the cookie alone. */
static void never_too_large(void **state)
{
    static const char *const options[] = {"", " o=3", " o=10:" COOKIE, " o=3 o=10:" COOKIE};
    static const unsigned limits[] = {512, 1232, 4096};
    struct fixture fixture;
    char *text = big_zone(), words[128];
    uint8_t answer[UDP_ANSWER_MAX];
    (void)state;
    fixture_init(&fixture, false, (const char *const[]){text, NULL});
    for (unsigned limit = 0; limit < 3; limit++)
        for (unsigned option = 0; option < 4; option++)
            for (unsigned n = 1; n <= 260; n++) {
                struct settings settings = fixture.settings;
                settings.udp_size = (uint16_t)limits[limit];
                atomic_store(&fixture.responder.settings, &settings);
                snprintf(words, sizeof words, "q=n%u.big.test/A opt%s", n, options[option]);
                size_t size = ask(&fixture, TRANSPORT_UDP, words, answer);
                size_t question = HEADER_SIZE + strlen("0nXXX3big4test") - (n < 10) * 2u -
                                  (n >= 10 && n < 100) + 1 + 4;
                size_t needed = question + 16 * (size_t)n + OPT_SIZE + (option & 2 ? 28 : 0);
                assert_true(size <= limits[limit]);
                bool truncated = answer[HEADER_FLAGS_HIGH] & FLAG_HIGH_TC;
                assert_int_equal(truncated, needed > limits[limit]);
                assert_int_equal(read_u16(answer + HEADER_ANCOUNT), truncated ? 0 : n);
                bool told = option & 1 && (truncated || needed + 4 + 4 <= limits[limit]);
                assert_int_equal(size, (truncated ? needed - 16 * n : needed) + (told ? 8 : 0));
            }
    fixture_free(&fixture);
    free(text);
}

/* Over TCP the largest answer is a message of 65535 octets, padded or not. */
static void the_largest_message(void **state)
{
    struct fixture fixture;
    char *text = big_zone();
    (void)state;
    fixture_init(&fixture, false, (const char *const[]){text, NULL});
    expect(&fixture, TRANSPORT_TCP, "q=huge.big.test/A opt", "NOERROR aa 1/4093/0/0 edns");
    expect(&fixture, TRANSPORT_TCP, "q=n200.big.test/A opt o=12",
           "NOERROR aa 1/200/0/0 edns padding");
    uint8_t *answer = memory_alloc(MESSAGE_MAX_SIZE);
    char described[PACKET_TEXT_MAX];
    size_t size =
        ask(&fixture, TRANSPORT_TCP, "q=huge.big.test/A opt o=12 o=3 o=11 o=10:" COOKIE, answer);
    packet_describe(answer, size, described);
    assert_int_equal(read_u16(answer + HEADER_ANCOUNT), 4093);
    fixture_free(&fixture);
    free(answer);
    free(text);
}

static void padding_for_every_size(void **state)
{
    struct fixture fixture;
    char *text = big_zone(), words[64];
    uint8_t *answer = memory_alloc(MESSAGE_MAX_SIZE);
    (void)state;
    fixture_init(&fixture, false, (const char *const[]){text, NULL});
    for (unsigned n = 1; n <= 260; n++) {
        snprintf(words, sizeof words, "q=n%u.big.test/A opt o=12:00 o=3 o=11", n);
        assert_int_equal(ask(&fixture, TRANSPORT_TCP, words, answer) % 468, 0);
        snprintf(words, sizeof words, "q=n%u.big.test/A opt o=3 o=11", n);
        assert_int_not_equal(ask(&fixture, TRANSPORT_TCP, words, answer), 0);
    }
    fixture_free(&fixture);
    free(answer);
    free(text);
}

/* ---- health ---- */

static void replace_pools(struct fixture *fixture, bool fail_open, bool servfail)
{
    struct model *model = fixture->model;
    for (uint32_t i = 0; i < model->npools; i++) {
        const struct pool *pool = &model->pools[i];
        struct selection selection = {
            .members = memory_array(pool->nmembers, sizeof *selection.members),
            .nserved = servfail ? 0 : pool->nmembers,
            .ttl_s = 5,
            .fail_open = fail_open,
            .servfail = servfail,
        };
        struct publisher_change change = {i, image_of_pool(pool, &selection)};
        publisher_update(fixture->publisher, &change, 1);
        free(selection.members);
    }
}

static void health_explains(void **state)
{
    static const char told[] =
        "NOERROR aa 1/2/0/0 edns error=0:all hosts are down, answered nevertheless";
    struct fixture *fixture = *state;
    expect(fixture, TRANSPORT_UDP, "q=example.test/MX opt", "NOERROR aa 1/2/0/0 edns");
    replace_pools(fixture, true, false);
    expect(fixture, TRANSPORT_UDP, "q=example.test/MX opt", told);
    expect(fixture, TRANSPORT_TCP, "q=example.test/MX opt", told);
    expect(fixture, TRANSPORT_UDP, "q=example.test/MX", "NOERROR aa 1/2/0/0");
    expect(fixture, TRANSPORT_UDP, "q=www.example.test/A opt", told);
    expect(fixture, TRANSPORT_UDP, "q=example.test/NS opt", "NOERROR aa 1/1/0/0 edns");
    replace_pools(fixture, false, true);
    expect(fixture, TRANSPORT_UDP, "q=example.test/MX opt",
           "SERVFAIL 1/0/0/0 edns error=0:all hosts are down");
    expect(fixture, TRANSPORT_UDP, "q=example.test/MX", "SERVFAIL 1/0/0/0");
    replace_pools(fixture, false, false);
    expect(fixture, TRANSPORT_UDP, "q=example.test/MX opt", "NOERROR aa 1/2/0/0 edns");
}

static void nothing_published_yet(void **state)
{
    struct fixture *fixture = *state;
    uint8_t packet[PACKET_MAX], answer[UDP_ANSWER_MAX];
    char text[PACKET_TEXT_MAX];
    size_t size = packet_make("q=example.test/MX opt", packet);
    size = respond(&fixture->responder, NULL, test_client(TRANSPORT_UDP), packet, size, answer);
    assert_string_equal(packet_describe(answer, size, text),
                        "SERVFAIL 1/0/0/0 edns error=14:the server is starting");
}

/* ---- slipping ---- */

static void slip(struct fixture *fixture, const char *words, const char *expected)
{
    uint8_t packet[PACKET_MAX], answer[UDP_ANSWER_MAX];
    char text[PACKET_TEXT_MAX];
    struct message message;
    size_t size = packet_make(words, packet);
    assert_true(respond_parse(&fixture->responder, &message, test_client(TRANSPORT_UDP), packet,
                              size, answer));
    respond_find(&message, publisher_current(fixture->publisher));
    size_t answered = respond_slip(&fixture->responder, &message);
    assert_string_equal(packet_describe(answer, answered, text), expected);
    assert_true(answered <= size + COOKIE_SIZE - COOKIE_CLIENT_SIZE);
}

/* RFC 7873 section 5.2.3: who speaks of cookies is told that its one is not good, and the good one.
 */
static void slips(void **state)
{
    slip(*state, "q=example.test/MX", "NOERROR tc 1/0/0/0");
    slip(*state, "rd q=other.test/A opt do", "NOERROR tc rd 1/0/0/0 edns do");
    slip(*state, "q=example.test/MX opt o=3 o=10:" COOKIE, "BADCOOKIE 1/0/0/0 edns cookie=24");
}

static void cookie_is_told_between_stages(void **state)
{
    static const struct {
        const char *words;
        enum cookie_status status;
    } cases[] = {
        {"q=example.test/MX", COOKIE_NONE},
        {"q=example.test/MX opt", COOKIE_NONE},
        {"q=example.test/MX opt o=10:" COOKIE, COOKIE_CLIENT},
        {"q=example.test/MX opt o=10:" COOKIE "0011223344556677", COOKIE_BAD},
    };
    struct fixture *fixture = *state;
    uint8_t packet[PACKET_MAX], answer[UDP_ANSWER_MAX];
    struct message message;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size = packet_make(cases[i].words, packet);
        assert_true(respond_parse(&fixture->responder, &message, test_client(TRANSPORT_UDP), packet,
                                  size, answer));
        assert_int_equal(message.cookie, cases[i].status);
    }
    /* The last answer's cookie, sent back. */
    char words[128] = "q=example.test/MX opt o=10:";
    for (size_t i = 0; i < COOKIE_SIZE; i++)
        sprintf(words + strlen(words), "%02x", message.cookie_answer[i]);
    size_t size = packet_make(words, packet);
    assert_true(respond_parse(&fixture->responder, &message, test_client(TRANSPORT_UDP), packet,
                              size, answer));
    assert_int_equal(message.cookie, COOKIE_GOOD);
}

/* ---- counting ---- */

static void gather(void *context, const struct number_row *row)
{
    char *text = context;
    if (row->count == 0)
        return;
    assert_non_null(strstr(row->family, "_total"));
    assert_true(strlen(row->help) > 10);
    sprintf(text + strlen(text), "%s%s%s %llu\n", row->family + strlen("evermx_dns_"),
            row->label ? "/" : "", row->label ? row->value : "", (unsigned long long)row->count);
}

static void counts(void **state)
{
    static const char *const queries[] = {
        "q=example.test/MX opt",
        "q=example.test/MX",
        "q=example.test/CAA opt o=10:" COOKIE,
        "q=example.test/TYPE65280 opt",
        "q=none.example.test/A",
        "q=other.test/A opt o=10:" COOKIE "0011223344556677",
        "q=example.test/MX opt version=3",
        "q=example.test/MX opt o=10:00",
        "opt o=10:" COOKIE "0011223344556677",
        "opcode=5",
        "q=example.test/MX cut=1",
        "qr",
        "cut=1",
    };
    struct fixture *fixture = *state;
    uint8_t answer[UDP_ANSWER_MAX];
    char text[4096] = "";
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
        ask(fixture, TRANSPORT_UDP, queries[i], answer);
    struct responder_numbers numbers = {0};
    numbers_add(&numbers, &fixture->responder);
    numbers_walk(&numbers, gather, text);
    assert_string_equal(text, "queries_total/A 2\n"
                              "queries_total/MX 2\n"
                              "queries_total/CAA 1\n"
                              "queries_total/other 1\n"
                              "queries_total/none 7\n"
                              "answers_total/noerror 4\n"
                              "answers_total/formerr 2\n"
                              "answers_total/nxdomain 1\n"
                              "answers_total/notimp 1\n"
                              "answers_total/refused 1\n"
                              "answers_total/badvers 1\n"
                              "answers_total/badcookie 1\n"
                              "edns_queries_total 7\n"
                              "malformed_total 2\n"
                              "dropped_total 2\n"
                              "cookies_total/client 1\n"
                              "cookies_total/bad 2\n");
    assert_int_equal(numbers.queries, sizeof queries / sizeof *queries);
    assert_int_equal(numbers.answers + numbers.dropped, numbers.queries);
}

/* ---- anything ---- */

/* Options of random octets in a buffer of their exact size, by both transports: an answer that can
 * be read whole, and never one too large. The seed is fixed: a failure can be repeated. */
static void random_options(void **state)
{
    struct fixture *fixture = *state;
    static const uint8_t codes[] = {3, 10, 11, 12, 15, 8};
    uint8_t packet[PACKET_MAX], *answer = memory_alloc(MESSAGE_MAX_SIZE);
    char text[PACKET_TEXT_MAX];
    uint64_t random = 99;
    size_t plain = packet_make("q=example.test/MX opt", packet);
    for (unsigned round = 0; round < 100000; round++) {
        random = random * 6364136223846793005ull + 1442695040888963407ull;
        size_t size = random >> 58;
        for (size_t i = 0; i < size; i++) {
            random = random * 6364136223846793005ull + 1442695040888963407ull;
            packet[plain + i] = i % 4 ? (uint8_t)(random >> 32 & random >> 40 & 15) : 0;
            if (i % 8 == 1)
                packet[plain + i] = codes[(random >> 48) % sizeof codes];
        }
        write_u16(packet + plain - 2, (uint16_t)size);
        uint8_t *exact = memory_alloc(plain + size);
        memcpy(exact, packet, plain + size);
        enum transport transport = round & 1 ? TRANSPORT_TCP : TRANSPORT_UDP;
        size_t answered = respond(&fixture->responder, publisher_current(fixture->publisher),
                                  test_client(transport), exact, plain + size, answer);
        free(exact);
        packet_describe(answer, answered, text);
        assert_true(strncmp(text, "NOERROR aa 1/2/0/0 edns", 23) == 0 ||
                    strncmp(text, "FORMERR 1/0/0/0 edns", 20) == 0);
    }
    free(answer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_told),
        TEST(long_identity),
        cmocka_unit_test(never_too_large),
        cmocka_unit_test(the_largest_message),
        cmocka_unit_test(padding_for_every_size),
        TEST(health_explains),
        TEST(nothing_published_yet),
        TEST(slips),
        TEST(cookie_is_told_between_stages),
        TEST(counts),
        TEST(random_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
