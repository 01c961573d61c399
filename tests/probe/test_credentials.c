/* SPDX-License-Identifier: BSD-2-Clause */
/* Credentials on the wire, and what of them comes back. */
#include "probe/credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct shared *text_of(const char *text)
{
    return shared_new(text, strlen(text), true);
}

/* The example of RFC 4616 section 4. */
static void test_plain(void **state)
{
    struct credentials credentials = {text_of("tim"), text_of("tanstaaftanstaaf")};
    char text[64];
    (void)state;

    assert_true(credentials_plain(&credentials, text, sizeof text));
    assert_string_equal(text, "AHRpbQB0YW5zdGFhZnRhbnN0YWFm");
    assert_true(credentials_plain(&credentials, text, 29));
    assert_false(credentials_plain(&credentials, text, 28));
    assert_true(credentials_encode("", 0, text, 1));
    assert_string_equal(text, "");
    shared_release((struct shared *)credentials.user);
    shared_release((struct shared *)credentials.password);
}

static void test_too_long(void **state)
{
    static char long_text[1100];
    char room[2000];
    memset(long_text, 'x', sizeof long_text - 1);
    struct credentials credentials = {text_of("u"), text_of(long_text)};
    (void)state;
    assert_false(credentials_plain(&credentials, room, sizeof room));
    assert_false(credentials_quote(credentials.password, room, 1101));
    assert_true(credentials_quote(credentials.password, room, 1103));
    shared_release((struct shared *)credentials.user);
    shared_release((struct shared *)credentials.password);
}

static void test_quoting(void **state)
{
    static const struct {
        const char *text;
        bool can_quote, fits_line;
        const char *quoted;
    } rows[] = {
        {"lab", true, true, "\"lab\""},     {"", true, true, "\"\""},
        {"a b", true, true, "\"a b\""},     {"a\"b\\c", true, true, "\"a\\\"b\\\\c\""},
        {"\"", true, true, "\"\\\"\""},     {"{3}", true, true, "\"{3}\""},
        {"gr\xc3\xbcn", false, true, NULL}, {"a\r\nb", false, false, NULL},
        {"a\tb", true, false, "\"a\tb\""},  {"a\x7f", false, false, NULL},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct shared *text = text_of(rows[i].text);
        char quoted[32];
        assert_int_equal(credentials_can_quote(text), rows[i].can_quote);
        assert_int_equal(credentials_fit_line(text), rows[i].fits_line);
        if (rows[i].can_quote) {
            assert_true(credentials_quote(text, quoted, sizeof quoted));
            assert_string_equal(quoted, rows[i].quoted);
        }
        shared_release(text);
    }
}

static void test_hiding(void **state)
{
    static const struct {
        const char *password, *text, *left;
    } rows[] = {
        /* AHByb2JlAHNlc2FtZS1vcGVu is "\0probe\0sesame-open" */
        {"sesame-open", "500 what is AUTH PLAIN AHByb2JlAHNlc2FtZS1vcGVu?",
         "500 what is AUTH PLAIN ************************?"},
        {"sesame-open", "-ERR PASS sesame-open", "-ERR PASS ***********"},
        {"sesame-open", "-ERR PASS sesame-o", "-ERR PASS ********"},
        {"sesame-open", "c2VzYW1lLW9wZW4=", "****************"},
        {"sesame-open", "535 wrong", "535 wrong"},
        {"sesame-open", "535 open sesame", "535 open ******"},
        {"sesame-open", "", ""},
        {"a\"b\"c\"d", "BAD \"a\\\"b\\\"c\\\"d\"", "BAD \"**********\""},
        {"sesame-open", "500 SESAME-OPEN?", "500 ***********?"},
        {"lab", "e1 BAD LOGIN probe lab", "e1 BAD LOGIN probe ***"},
        {"lab", "lab", "***"},
        {"lab", "e1 BAD LOGIN \"probe\" \"Lab\"", "e1 BAD LOGIN \"probe\" \"***\""},
        {"lab", "500 bGFi?", "500 ****?"},
        {"lab", "454 4.7.0 unavailable; lab-mail is labelled slab",
         "454 4.7.0 unavailable; ***-mail is labelled slab"},
        {"#1", "PASS #1", "PASS **"},
        {"gr\xc3\xbcn", "PASS gr\xc3\xbcn", "PASS *****"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct credentials credentials = {text_of("probe"), text_of(rows[i].password)};
        char text[100];
        strcpy(text, rows[i].text);
        credentials_hide(&credentials, text, strlen(text));
        assert_string_equal(text, rows[i].left);
        shared_release((struct shared *)credentials.user);
        shared_release((struct shared *)credentials.password);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_hiding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
