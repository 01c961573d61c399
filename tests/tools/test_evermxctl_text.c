/* SPDX-License-Identifier: BSD-2-Clause */
/* What a mail host says must not reach the terminal of one who asks what it said. */
#include "../../tools/evermxctl/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* At each depth; what is no text stays. */
static void test_make_printable(void **state)
{
    json_t *answer =
        json_pack("{s:[{s:s, s:i}, s], s:s, s:s}", "hosts", "detail",
                  "554 \xe2\x80\xaemoc.live\xe2\x80\x8b", "bad", 3, "\x1b[2J\xc2\x9b", "isolated",
                  "\xe2\x81\xa6 x \xe2\x81\xa9", "plain", "gr\xc3\xbc\xc3\x9f");
    json_t *expected =
        json_pack("{s:[{s:s, s:i}, s], s:s, s:s}", "hosts", "detail", "554 ?moc.live?", "bad", 3,
                  "?[2J?", "isolated", "? x ?", "plain", "gr\xc3\xbc\xc3\x9f");
    (void)state;
    assert_non_null(answer);
    text_make_printable(answer);
    assert_true(json_equal(answer, expected));
    json_decref(answer);
    json_decref(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_make_printable)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
