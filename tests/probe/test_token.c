/* SPDX-License-Identifier: BSD-2-Clause */
/* Tokens: what is written is read, and nothing else is taken for one. */
#include "probe/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void written_and_read(void **state)
{
    (void)state;
    static const struct {
        uint64_t random, number;
        uint32_t owner;
        int64_t written_s;
        const char *text;
    } rows[] = {
        {0, 1, 1, 0, "0000000000000000t1n1s0z"},
        {0x3f09c2d471aa58e0, 345, 12, 1795322072, "3f09c2d471aa58e0t12n345s1795322072z"},
        {UINT64_MAX, 999999999999999999, UINT32_MAX, 999999999999999999,
         "fffffffffffffffft4294967295n999999999999999999s999999999999999999z"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct token token = {.number = rows[i].number, .written_s = rows[i].written_s}, read;
        char text[TOKEN_SIZE];
        token_family(rows[i].random, rows[i].owner, token.family);
        token_write(&token, text);
        assert_string_equal(text, rows[i].text);
        assert_memory_equal(text, token.family, strlen(token.family));
        assert_true(token_read(text, &read));
        assert_string_equal(read.family, token.family);
        assert_int_equal(read.number, token.number);
        assert_int_equal(read.written_s, token.written_s);
        for (size_t size = 0; size < strlen(rows[i].text); size++) {
            text[size] = '\0';
            assert_false(token_read(text, &read));
            text[size] = rows[i].text[size];
        }
    }
}

/* One owner's tokens are found by a search for what they begin with, and no one else's. */
static void families_differ(void **state)
{
    (void)state;
    char one[TOKEN_FAMILY_SIZE], other[TOKEN_FAMILY_SIZE];
    token_family(7, 1, one);
    token_family(7, 12, other);
    assert_null(strstr(other, one));
    assert_null(strstr(one, other));
}

static void others_are_none(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "hello",
        "3f09c2d471aa58e0",
        "3f09c2d471aa58et12n345s1795322072z",
        "3f09c2d471aa58e00t12n345s1795322072z",
        "3F09C2D471AA58E0t12n345s1795322072z",
        "3f09c2d471aa58e0t12n345s1795322072zz",
        "3f09c2d471aa58e0t12n345s1795322072z ",
        " 3f09c2d471aa58e0t12n345s1795322072z",
        "3f09c2d471aa58e0t-12n345s1795322072z",
        "3f09c2d471aa58e0tn345s1795322072z",
        "3f09c2d471aa58e0t12ns1795322072z",
        "3f09c2d471aa58e0t12n345sz",
        "3f09c2d471aa58e0t12n0x45s1795322072z",
        "3f09c2d471aa58e0t1234567890123456789n345s1795322072z",
        "3f09c2d471aa58e0t12n9999999999999999999s1795322072z",
        "3f09c2d471aa58e0t123456789012345n345s1795322072z",
    };
    struct token token;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (token_read(texts[i], &token))
            fail_msg("'%s' was taken for a token", texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_and_read),
        cmocka_unit_test(families_differ),
        cmocka_unit_test(others_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
