/* SPDX-License-Identifier: BSD-2-Clause */
/* What of a text is not to reach a terminal. */
#include "base/display.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_clean(void **state)
{
    static const struct {
        const char *text, *clean;
    } rows[] = {
        {"", ""},
        {"220 mx1 ESMTP", "220 mx1 ESMTP"},
        {"a\x1b[2J\r\n\t\x7f", "a?[2J????"},
        {"\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0", "???\xc2\xa0"},        /* C1, and just above */
        {"a\xe2\x80\xaemoc.live", "a?moc.live"},                    /* U+202E */
        {"\xe2\x80\x8a\xe2\x80\x8b\xe2\x80\x8f", "\xe2\x80\x8a??"}, /* U+200A, 200B, 200F */
        {"\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xb0", "??\xe2\x81\xb0"}, /* U+2066, 2069, 2070 */
        {"\xc2\xad\xd8\x9c\xe1\xa0\x8e\xef\xbb\xbf", "????"},       /* U+AD, 61C, 180E, FEFF */
        {"\xf3\xa0\x81\x81\xf0\x9f\x93\xa7", "?\xf0\x9f\x93\xa7"},  /* U+E0041, 1F4E7 */
        {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[64];
        snprintf(text, sizeof text, "%s", rows[i].text);
        bool found = display_clean(text);
        assert_string_equal(text, rows[i].clean);
        assert_int_equal(found, strcmp(rows[i].text, rows[i].clean) != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_clean)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
