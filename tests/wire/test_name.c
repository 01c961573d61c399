/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIRE(text) (const uint8_t *)text

static void check_from_text(const char *text, const void *wire, size_t size)
{
    uint8_t name[NAME_MAX_SIZE];
    assert_int_equal(name_from_text(text, name), size);
    assert_memory_equal(name, wire, size);
    assert_true(name_valid(name, size));
    assert_int_equal(name_size(name), size);
}

static void test_from_text(void **state)
{
    (void)state;
    check_from_text(".", "\0", 1);
    check_from_text("a", "\1a\0", 3);
    check_from_text("a.", "\1a\0", 3);
    check_from_text("mx1.Example.test", "\3mx1\7Example\4test\0", 18);
    check_from_text("_imap._tcp", "\5_imap\4_tcp\0", 12);
    check_from_text("*.x", "\1*\1x\0", 5);
    /* RFC 1035 section 5.1 */
    check_from_text("a\\.b.c", "\3a.b\1c\0", 7);
    check_from_text("a\\032b", "\3a b\0", 5);
    check_from_text("\\000\\255", "\2\0\xff\0", 4);
    check_from_text("a\\\\", "\2a\\\0", 4);
    check_from_text("\\@", "\1@\0", 3);
    check_from_text("a b", "\3a b\0", 5);
}

static void test_from_bad_text(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "..",    ".a",    "a..b",  "a..",   "a\\",
                                      "\\25", "\\256", "\\999", "\\2x5", "a.\\1b"};
    uint8_t name[NAME_MAX_SIZE];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(name_from_text(bad[i], name), 0);
}

/* RFC 1035 section 2.3.4: labels of 63 octets, names of 255. */
static void test_limits(void **state)
{
    (void)state;
    char text[2000] = "";
    uint8_t name[NAME_MAX_SIZE];
    memset(text, 'a', 63);
    assert_int_equal(name_from_text(text, name), 65);
    text[63] = 'a';
    assert_int_equal(name_from_text(text, name), 0);

    const char *label = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"; /* 63 */
    snprintf(text, sizeof text, "%s.%s.%s.%.61s", label, label, label, label);
    assert_int_equal(name_from_text(text, name), 255); /* 3 * 64 + 62 + 1 */
    assert_true(name_valid(name, 255));
    strcat(text, ".");
    assert_int_equal(name_from_text(text, name), 255);
    snprintf(text, sizeof text, "%s.%s.%s.%.62s", label, label, label, label);
    assert_int_equal(name_from_text(text, name), 0);

    text[0] = '\0';
    for (int i = 0; i < 127; i++)
        strcat(text, "a.");
    assert_int_equal(name_from_text(text, name), 255);
    assert_int_equal(name_labels(name), NAME_MAX_LABELS);
    strcat(text, "a");
    assert_int_equal(name_from_text(text, name), 0);

    text[0] = '\0';
    for (int i = 0; i < 127; i++)
        strcat(text, "\\000.");
    assert_int_equal(name_from_text(text, name), 255);
}

static void test_relative(void **state)
{
    (void)state;
    uint8_t name[NAME_MAX_SIZE];
    const uint8_t *origin = WIRE("\7example\4test\0");
    assert_int_equal(name_parse("www", 3, origin, name), 18);
    assert_memory_equal(name, "\3www\7example\4test\0", 18);
    assert_int_equal(name_parse("www.", 4, origin, name), 5);
    assert_int_equal(name_parse("www.", 4, NULL, name), 5);
    assert_int_equal(name_parse(".", 1, NULL, name), 1);
    assert_int_equal(name_parse("www", 3, NULL, name), 0);
    assert_int_equal(name_parse("w\\.", 3, NULL, name), 0); /* an escaped dot ends nothing */
    assert_int_equal(name_parse("", 0, origin, name), 0);

    /* 241 octets and an origin of 14 are 255; one more is too long. */
    char text[300] = "";
    for (int i = 0; i < 120; i++)
        strcat(text, "a.");
    strcat(text, "b");
    assert_int_equal(name_parse(text, 240, origin, name), 241); /* ends in a dot */
    assert_int_equal(name_parse(text, 239, origin, name), 240 + 14);
    text[239] = 'c';
    assert_int_equal(name_parse(text, 240, origin, name), 241 + 14);
    assert_int_equal(name_parse(text, 241, origin, name), 0);
}

static void test_to_text(void **state)
{
    (void)state;
    char text[NAME_TEXT_SIZE];
    assert_string_equal(name_to_text(WIRE("\0"), text), ".");
    assert_string_equal(name_to_text(WIRE("\3mx1\7Example\0"), text), "mx1.Example");
    assert_string_equal(name_to_text(WIRE("\3a.b\3c d\0"), text), "a\\.b.c\\032d");
    assert_string_equal(name_to_text(WIRE("\4\0\x7f\xff\\\0"), text), "\\000\\127\\255\\\\");
}

static void test_text_and_back(void **state)
{
    (void)state;
    uint8_t name[NAME_MAX_SIZE], again[NAME_MAX_SIZE];
    char text[NAME_TEXT_SIZE];
    /* Every octet, 32 to a label; and a name all of which needs \DDD. */
    for (int round = 0; round < 3; round++) {
        size_t size = 0;
        for (int i = 0; i < 3; i++) {
            name[size++] = 32;
            for (int j = 0; j < 32; j++)
                name[size++] = (uint8_t)(round * 96 + i * 32 + j);
        }
        name[size++] = 0;
        assert_int_equal(name_from_text(name_to_text(name, text), again), size);
        assert_memory_equal(name, again, size);
    }
    for (size_t i = 0; i < 254; i++)
        name[i] = i % 2 == 0 ? 1 : 200;
    name[254] = 0;
    assert_true(strlen(name_to_text(name, text)) < NAME_TEXT_SIZE);
    assert_int_equal(name_from_text(text, again), 255);
    assert_memory_equal(name, again, 255);
}

static void test_valid(void **state)
{
    (void)state;
    const uint8_t *name = WIRE("\3www\7example\0");
    for (size_t size = 0; size < 13; size++)
        assert_false(name_valid(name, size));
    assert_true(name_valid(name, 13));
    assert_false(name_valid(WIRE("\0\0"), 2));     /* with a tail */
    assert_false(name_valid(WIRE("\xc0\x0c"), 2)); /* compressed */
    assert_false(name_valid(WIRE("\1a\xc0\0"), 4));
    assert_false(name_valid(WIRE("\x40"), 1));
    uint8_t octets[300];
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = i % 2 == 0 ? 1 : 'a';
    octets[256] = 0;
    assert_false(name_valid(octets, 257));
    octets[254] = 0;
    assert_true(name_valid(octets, 255));
}

static void test_compare(void **state)
{
    (void)state;
    const uint8_t *lower = WIRE("\3mx1\7example\0"), *mixed = WIRE("\3mX1\7EXAMPLE\0");
    uint8_t folded[NAME_MAX_SIZE];
    assert_int_equal(name_lower(mixed, folded), 13);
    assert_memory_equal(folded, lower, 13);
    assert_true(name_equal(lower, mixed));
    assert_false(name_equal(lower, WIRE("\3mx2\7example\0")));
    assert_false(name_equal(lower, WIRE("\7example\0")));
    /* RFC 4343: only A-Z fold; '[' and '{' are 0x20 apart too, 0xC4 and 0xE4 as well. */
    assert_false(name_equal(WIRE("\1[\0"), WIRE("\1{\0")));
    assert_false(name_equal(WIRE("\1@\0"), WIRE("\1`\0")));
    assert_false(name_equal(WIRE("\1\xc4\0"), WIRE("\1\xe4\0")));
    assert_false(name_equal(WIRE("\3a.b\0"), WIRE("\1a\1b\0")));
}

static void test_within(void **state)
{
    (void)state;
    const uint8_t *zone = WIRE("\7example\4test\0"), *root = WIRE("\0");
    assert_true(name_is_within(zone, zone));
    assert_true(name_is_within(WIRE("\3www\7EXAMPLE\4test\0"), zone));
    assert_true(name_is_within(WIRE("\1a\1b\7example\4test\0"), zone));
    assert_false(name_is_within(WIRE("\4test\0"), zone));
    assert_false(name_is_within(WIRE("\7example\3org\0"), zone));
    /* The same octets at the end, but not at a label's border. */
    assert_false(name_is_within(WIRE("\11x\7example\4test\0"), zone));
    assert_true(name_is_within(zone, root));
    assert_true(name_is_within(root, root));
    assert_false(name_is_within(root, zone));
}

static void test_parts(void **state)
{
    (void)state;
    const uint8_t *name = WIRE("\1*\7example\0");
    assert_int_equal(name_labels(name), 2);
    assert_int_equal(name_labels(WIRE("\0")), 0);
    assert_ptr_equal(name_parent(name), name + 2);
    assert_null(name_parent(name_parent(name_parent(name))));
    assert_true(name_is_wildcard(name));
    assert_false(name_is_wildcard(WIRE("\2**\0")));
    assert_false(name_is_wildcard(WIRE("\1a\1*\0")));
    assert_false(name_is_wildcard(WIRE("\0")));
}

/* Any text gives a valid name or none. */
static void test_random_text(void **state)
{
    (void)state;
    static const char alphabet[] = "ab.\\0129@ \xff";
    uint8_t name[NAME_MAX_SIZE];
    char text[400];
    unsigned seed = 1;
    for (int round = 0; round < 200000; round++) {
        size_t size = (size_t)rand_r(&seed) % (round % 100 == 0 ? sizeof text : 12);
        for (size_t i = 0; i < size; i++)
            text[i] = alphabet[(size_t)rand_r(&seed) % (sizeof alphabet - 1)];
        size_t octets = name_parse(text, size, WIRE("\7example\0"), name);
        if (octets > 0)
            assert_true(name_valid(name, octets));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_text),   cmocka_unit_test(test_from_bad_text),
        cmocka_unit_test(test_limits),      cmocka_unit_test(test_relative),
        cmocka_unit_test(test_to_text),     cmocka_unit_test(test_text_and_back),
        cmocka_unit_test(test_valid),       cmocka_unit_test(test_compare),
        cmocka_unit_test(test_within),      cmocka_unit_test(test_parts),
        cmocka_unit_test(test_random_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
