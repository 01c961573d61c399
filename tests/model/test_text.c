/* SPDX-License-Identifier: BSD-2-Clause */
/* Rdata as people read it. */
#include "model/text.h"

#include "wire/rrtype.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void assert_text(uint16_t rrtype, const void *bytes, size_t size, const char *expected)
{
    struct arena *arena = arena_new();
    const struct rdata record = {.size = (uint16_t)size, .bytes = bytes};
    assert_string_equal(rdata_text(arena, rrtype, &record), expected);
    arena_free(arena);
}

#define TEXT(rrtype, bytes, expected) assert_text((rrtype), (bytes), sizeof(bytes) - 1, (expected))

static void known_types(void **state)
{
    (void)state;
    TEXT(RRTYPE_A, "\x7f\0\0\x0b", "127.0.0.11");
    TEXT(RRTYPE_AAAA, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", "::1");
    TEXT(RRTYPE_MX, "\0\x0a\3mx1\7Example\4test\0", "10 mx1.Example.test.");
    TEXT(RRTYPE_SRV, "\0\1\0\2\3\xe1\1a\4test\0", "1 2 993 a.test.");
    TEXT(RRTYPE_TXT, "\5hello\3a\"b", "\"hello\" \"a\\\"b\"");
    TEXT(RRTYPE_CNAME, "\0", ".");
    TEXT(RRTYPE_SOA, "\1a\0\1b\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5", "a. b. 1 2 3 4 5");
}

static void unknown_types(void **state)
{
    (void)state;
    TEXT(65280, "\x01\xab", "\\# 2 01ab");
    TEXT(65280, "", "\\# 0");
}

/* A zone file may give octets in RFC 3597's form to a type whose fields they do not fit. */
static void octets_that_do_not_fit(void **state)
{
    (void)state;
    TEXT(RRTYPE_A, "\x7f\0\0", "\\# 3 7f0000");
    TEXT(RRTYPE_MX, "\0", "\\# 1 00");
    TEXT(RRTYPE_MX, "\0\x0a\3mx1\0\0", "\\# 8 000a036d78310000");
}

static void largest(void **state)
{
    (void)state;
    static uint8_t bytes[65535];
    static char expected[16 + 2 * sizeof bytes];
    memcpy(expected, "\\# 65535 ", 9);
    memset(expected + 9, '0', 2 * sizeof bytes);
    assert_text(65280, bytes, sizeof bytes, expected);
}

static void names(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    assert_string_equal(name_text(arena, (const uint8_t *)"\3mx1\4Test"), "mx1.Test");
    assert_string_equal(name_text(arena, (const uint8_t *)""), ".");
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_types),
        cmocka_unit_test(unknown_types),
        cmocka_unit_test(octets_that_do_not_fit),
        cmocka_unit_test(largest),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
