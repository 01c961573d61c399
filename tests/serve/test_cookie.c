/* SPDX-License-Identifier: BSD-2-Clause */
/* DNS cookies: the examples of RFC 9018 appendix A, and the bounds of what is taken. */
#include "base/address.h"
#include "serve/cookie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { START_S = 1559731985 }; /* Wed Jun  5 10:53:05 UTC 2019 */

#define SECRET       "e5e973e5a6b2a43f48e7dc849e37bfcf"
#define SECRET_OLD   "dd3bdf9344b678b185a6f5cb60fca715"
#define SECRET_NEW   "445536bcd2513298075a5d379663c962"
#define OTHER_SECRET "00000000000000000000000000000001"
#define CLIENT_PART  "2464c4abcf10c957"
#define MADE         CLIENT_PART "010000005cf79f111f8130c3eee29480"

static size_t unhex(const char *text, uint8_t *bytes)
{
    size_t size = strlen(text) / 2;
    for (size_t i = 0; i < size; i++) {
        char digits[3] = {text[2 * i], text[2 * i + 1], '\0'};
        bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return size;
}

static void settings_make(struct settings *settings, const char *const *texts, size_t count)
{
    uint8_t secrets[COOKIE_SECRETS_MAX + 1][SIPHASH_KEY_SIZE];
    for (size_t i = 0; i < count; i++)
        assert_int_equal(unhex(texts[i], secrets[i]), SIPHASH_KEY_SIZE);
    settings_init(settings, &(struct settings_options){.cookies = true,
                                                       .secrets = (const void *)secrets,
                                                       .nsecrets = count});
}

static enum cookie_status check(const char *const *secrets, size_t nsecrets, const char *client,
                                uint32_t now_s, const char *given, uint8_t answer[COOKIE_SIZE])
{
    struct settings settings;
    struct address address;
    uint8_t cookie[64];
    settings_make(&settings, secrets, nsecrets);
    assert_true(address_parse(client, &address));
    size_t size = unhex(given, cookie);
    assert_true(cookie_size_valid(size));
    return cookie_check(&settings, address.bytes, address_size(&address), now_s, cookie, size,
                        answer);
}

/* A.3 shows a cookie of 112 minutes ago taken as good, longer than section 4.3 lets it live: here
 * it is good while it lives, whatever stands in its reserved octets, and renewed in the end. */
static void examples_of_the_rfc(void **state)
{
    static const struct {
        const char *secrets[2], *client, *given, *answer;
        uint32_t now_s;
        enum cookie_status status;
    } cases[] = {
        /* A.1: learning a new server cookie. */
        {{SECRET}, "198.51.100.100", CLIENT_PART, MADE, START_S, COOKIE_CLIENT},
        /* A.2: the same client gets a renewed one, 40 minutes later. */
        {{SECRET},
         "198.51.100.100",
         MADE,
         CLIENT_PART "010000005cf7a871d4a564a1442aca77",
         1559734385,
         COOKIE_GOOD},
        /* A.3: another client, reserved octets that are not zero. */
        {{SECRET},
         "203.0.113.203",
         "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
         "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
         1559727985,
         COOKIE_GOOD},
        {{SECRET},
         "203.0.113.203",
         "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
         "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e",
         1559734700,
         COOKIE_BAD},
        /* A.4: IPv6, and a secret that was replaced in between. */
        {{SECRET_NEW, SECRET_OLD},
         "2001:db8:220:1:59de:d0f4:8769:82b8",
         "22681ab97d52c298010000005cf7c57926556bd0934c72f8",
         "22681ab97d52c298010000005cf7c609a6bb79d16625507a",
         1559741961,
         COOKIE_GOOD},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t answer[COOKIE_SIZE], expected[COOKIE_SIZE];
        unhex(cases[i].answer, expected);
        enum cookie_status status = check(cases[i].secrets, cases[i].secrets[1] ? 2 : 1,
                                          cases[i].client, cases[i].now_s, cases[i].given, answer);
        assert_int_equal(status, cases[i].status);
        assert_memory_equal(answer, expected, COOKIE_SIZE);
    }
}

/* RFC 9018 section 4.3: an hour back, five minutes ahead; renewed from half an hour on. */
static void window(void **state)
{
    static const struct {
        int32_t age_s;
        bool good, renewed;
    } cases[] = {
        {0, true, false},     {1, true, false},         {1800, true, false},
        {1801, true, true},   {3600, true, true},       {3601, false, true},
        {-1, true, false},    {-300, true, false},      {-301, false, true},
        {86400, false, true}, {INT32_MAX, false, true}, {INT32_MIN, false, true},
    };
    static const char *const secret[] = {SECRET};
    uint8_t made[COOKIE_SIZE], answer[COOKIE_SIZE];
    (void)state;
    unhex(MADE, made);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t now_s = (uint32_t)START_S + (uint32_t)cases[i].age_s;
        enum cookie_status status = check(secret, 1, "198.51.100.100", now_s, MADE, answer);
        assert_int_equal(status, cases[i].good ? COOKIE_GOOD : COOKIE_BAD);
        assert_int_equal(memcmp(answer, made, COOKIE_SIZE) != 0, cases[i].renewed);
        if (cases[i].renewed)
            assert_int_equal(read_u32(answer + COOKIE_CLIENT_SIZE + 4), now_s);
    }
}

/* Serial number arithmetic: the time's 32 bits may run over between two queries. */
static void across_the_wrap(void **state)
{
    static const char *const secret[] = {SECRET};
    struct settings settings;
    static const uint8_t address[4] = {192, 0, 2, 1}, client[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t made[COOKIE_SIZE], answer[COOKIE_SIZE];
    (void)state;
    settings_make(&settings, secret, 1);
    cookie_check(&settings, address, 4, UINT32_MAX - 5, client, sizeof client, made);
    assert_int_equal(cookie_check(&settings, address, 4, 10, made, COOKIE_SIZE, answer),
                     COOKIE_GOOD);
    assert_int_equal(cookie_check(&settings, address, 4, 3600, made, COOKIE_SIZE, answer),
                     COOKIE_BAD);
}

/* Any octet changed, another address, another secret, another version or size: no good, but
 * answered with a cookie that is. */
static void forged(void **state)
{
    static const char *const secret[] = {SECRET}, *const other[] = {OTHER_SECRET};
    struct settings settings;
    uint8_t made[40] = {0}, answer[COOKIE_SIZE], again[COOKIE_SIZE];
    static const uint8_t address[4] = {198, 51, 100, 100}, near[4] = {198, 51, 100, 101};
    (void)state;
    settings_make(&settings, secret, 1);
    unhex(MADE, made);
    for (size_t i = 0; i < COOKIE_SIZE; i++) {
        made[i] ^= 1;
        assert_int_equal(cookie_check(&settings, address, 4, START_S, made, COOKIE_SIZE, answer),
                         COOKIE_BAD);
        assert_int_equal(cookie_check(&settings, address, 4, START_S, answer, COOKIE_SIZE, again),
                         COOKIE_GOOD);
        assert_memory_equal(answer, made, COOKIE_CLIENT_SIZE);
        made[i] ^= 1;
    }
    assert_int_equal(cookie_check(&settings, near, 4, START_S, made, COOKIE_SIZE, answer),
                     COOKIE_BAD);
    for (size_t size = 16; size <= 40; size++)
        assert_int_equal(cookie_check(&settings, address, 4, START_S, made, size, answer),
                         size == COOKIE_SIZE ? COOKIE_GOOD : COOKIE_BAD);
    settings_make(&settings, other, 1);
    assert_int_equal(cookie_check(&settings, address, 4, START_S, made, COOKIE_SIZE, answer),
                     COOKIE_BAD);
}

/* RFC 9018 section 5, with two servers that are never at the same step for long. */
static void roll_over(void **state)
{
    static const char *const steps[][2] = {
        {SECRET_OLD}, {SECRET_OLD, SECRET_NEW}, {SECRET_NEW, SECRET_OLD}, {SECRET_NEW}};
    static const uint8_t counts[] = {1, 2, 2, 1}, address[4] = {192, 0, 2, 1}, client[8] = {9};
    (void)state;
    for (unsigned i = 0; i + 1 < 4; i++) {
        struct settings one, other;
        uint8_t of_one[COOKIE_SIZE], of_other[COOKIE_SIZE], answer[COOKIE_SIZE];
        settings_make(&one, steps[i], counts[i]);
        settings_make(&other, steps[i + 1], counts[i + 1]);
        cookie_check(&one, address, 4, START_S, client, sizeof client, of_one);
        cookie_check(&other, address, 4, START_S, client, sizeof client, of_other);
        /* The last step comes when cookies of the old secret have died. */
        if (i < 2)
            assert_int_equal(cookie_check(&other, address, 4, START_S, of_one, COOKIE_SIZE, answer),
                             COOKIE_GOOD);
        assert_int_equal(cookie_check(&one, address, 4, START_S, of_other, COOKIE_SIZE, answer),
                         COOKIE_GOOD);
    }
}

static void sizes(void **state)
{
    (void)state;
    for (size_t size = 0; size < 100; size++)
        assert_int_equal(cookie_size_valid(size), size == 8 || (size >= 16 && size <= 40));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_the_rfc), cmocka_unit_test(window),
        cmocka_unit_test(across_the_wrap),     cmocka_unit_test(forged),
        cmocka_unit_test(roll_over),           cmocka_unit_test(sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
