/* SPDX-License-Identifier: BSD-2-Clause */
/* What options take: durations, numbers and lists, and what is said of others. */
#include "../../tools/drill/values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { S = 1000, DAY = 86400 * S };

static const struct duration_range any = {.least_ms = 1, .most_ms = 366 * (int64_t)DAY};
static const struct duration_range settle = {.least_ms = 1, .most_ms = DAY, .zero = true};
static const struct duration_range whole = {
    .least_ms = 20 * S, .most_ms = 3600 * S, .seconds = true};

static void durations(void **state)
{
    static const struct {
        const char *text;
        const struct duration_range *range;
        int64_t ms;
    } rows[] = {
        {"500ms", &any, 500},     {"10s", &any, 10 * S},
        {"5m", &any, 300 * S},    {"2h", &any, 7200 * S},
        {"1d", &any, DAY},        {"30", &any, 30 * S},
        {"0.5", &any, 500},       {"1.5s", &any, 1500},
        {"1.5m", &any, 90 * S},   {"0.001", &any, 1},
        {"1ms", &any, 1},         {"366d", &any, 366 * (int64_t)DAY},
        {"0", &settle, 0},        {"0s", &settle, 0},
        {"0.000", &settle, 0},    {"1d", &settle, DAY},
        {"20", &whole, 20 * S},   {"60m", &whole, 3600 * S},
        {"0.5m", &whole, 30 * S}, {"30000ms", &whole, 30 * S},
    };
    struct error error;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t ms = -1;
        if (!value_duration(rows[i].text, rows[i].range, &ms, &error))
            fail_msg("%s: %s", rows[i].text, error.text);
        assert_int_equal(ms, rows[i].ms);
    }
}

static void wrong_durations(void **state)
{
    static const struct {
        const char *text;
        const struct duration_range *range;
    } rows[] = {
        {"", &any},
        {"s", &any},
        {"-1", &any},
        {"+1", &any},
        {"nan", &any},
        {"inf", &any},
        {"1e9", &any},
        {"0x10", &any},
        {" 1", &any},
        {"1 s", &any},
        {"1s ", &any},
        {"1x", &any},
        {"1S", &any},
        {"1min", &any},
        {"01", &any},
        {"00", &settle},
        {".5", &any},
        {"1.", &any},
        {"1.s", &any},
        {"1.2.3", &any},
        {"1,5", &any},
        {"0", &any},
        {"0.0001", &any},
        {"0.5ms", &any},
        {"367d", &any},
        {"999999999d", &any},
        {"9999999999", &any},
        {"99999999999999999999999999", &any},
        {"999999999.999d", &any},
        {"1.234567890123", &any},
        {"1sssssssssssssssssssssssssssss", &any},
        {"2d", &settle},
        {"19", &whole},
        {"20.5", &whole},
        {"20500ms", &whole},
        {"61m", &whole},
        {"0", &whole},
        {"\xd9\xa3s", &any},
    };
    struct error error;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t ms = -1;
        if (value_duration(rows[i].text, rows[i].range, &ms, &error))
            fail_msg("'%s' was taken for %lld ms", rows[i].text, (long long)ms);
        assert_int_equal(ms, -1);
    }
}

static void durations_are_told(void **state)
{
    struct error error;
    int64_t ms;
    (void)state;
    assert_false(value_duration("soon", &any, &ms, &error));
    assert_string_equal(error.text, "'soon' is no duration from 1ms to 366d, like 500ms or 10s");
    assert_false(value_duration("2d", &settle, &ms, &error));
    assert_string_equal(error.text, "'2d' is no duration from 1ms to 1d, or 0, like 500ms or 10s");
    assert_false(value_duration("1.5", &whole, &ms, &error));
    assert_string_equal(error.text,
                        "'1.5' is no duration in whole seconds from 20s to 1h, like 30s or 5m");
}

static void numbers(void **state)
{
    static const char *const bad[] = {"",    "x",   "-1", "+5",  "05",          "5x",
                                      "1e1", "5.0", "0",  "101", "99999999999", " 5"};
    struct error error;
    int64_t number = -1;
    (void)state;
    assert_true(value_number("1", 1, 100, &number, &error) && number == 1);
    assert_true(value_number("100", 1, 100, &number, &error) && number == 100);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(value_number(bad[i], 1, 100, &number, &error));
        assert_non_null(strstr(error.text, "is no whole number from 1 to 100"));
    }
}

static void decimals(void **state)
{
    static const char *const bad[] = {"",    "-1",  "0.999",  "100.001", "nan", "inf",
                                      "1e1", "0x5", "1.0001", "2.5s",    "2.",  "1000000000000"};
    struct error error;
    double number = -1;
    (void)state;
    assert_true(value_decimal("2.5", 1, 100, &number, &error));
    assert_float_equal(number, 2.5, 0);
    assert_true(value_decimal("100", 1, 100, &number, &error));
    assert_float_equal(number, 100, 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(value_decimal(bad[i], 1, 100, &number, &error));
        assert_non_null(strstr(error.text, "is no number from 1 to 100"));
    }
}

static void words(void **state)
{
    char word[WORD_SIZE], longest[3 * WORD_SIZE];
    const char *rest = "kill,,power,";
    (void)state;
    static const char *const expected[] = {"kill", "", "power", ""};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_true(value_word(&rest, word));
        assert_string_equal(word, expected[i]);
    }
    assert_false(value_word(&rest, word));
    rest = "";
    assert_true(value_word(&rest, word));
    assert_string_equal(word, "");
    assert_false(value_word(&rest, word));
    memset(longest, 'x', sizeof longest);
    strcpy(longest + sizeof longest - 3, ",y");
    rest = longest;
    assert_true(value_word(&rest, word));
    assert_int_equal(strlen(word), WORD_SIZE - 1);
    assert_true(value_word(&rest, word));
    assert_string_equal(word, "y");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations),          cmocka_unit_test(wrong_durations),
        cmocka_unit_test(durations_are_told), cmocka_unit_test(numbers),
        cmocka_unit_test(decimals),           cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
