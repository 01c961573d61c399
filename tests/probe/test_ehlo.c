/* SPDX-License-Identifier: BSD-2-Clause */
/* Which names a machine may give itself in EHLO. */
#include "probe/ehlo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LABEL_63 "abcdefghijklmnopqrstuvwxyz-0123456789-abcdefghijklmnopqrstuvwxy"

static void test_domains(void **state)
{
    static const char *const good[] = {"mx.example.test", "a.b",
                                       "4.example",       "X-1.EXAMPLE.test",
                                       LABEL_63 ".test",  "1.2.3.example-4"};
    static const char *const bad[] = {"",
                                      "localhost",
                                      "192.0.2.1",
                                      "a..b",
                                      ".a.b",
                                      "a.b.",
                                      "-a.b",
                                      "a-.b",
                                      "a_b.c",
                                      "a b.c",
                                      "host.(none)",
                                      "a.b\r\nQUIT",
                                      "g\xc3\xbc.de",
                                      LABEL_63 "z.test",
                                      LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63};
    (void)state;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!ehlo_name_is_domain(good[i]))
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (ehlo_name_is_domain(bad[i]))
            fail_msg("%s", bad[i]);
}

static void test_machine(void **state)
{
    char name[300] = "";
    char *own = ehlo_name_of_machine();
    (void)state;

    assert_int_equal(gethostname(name, sizeof name - 1), 0);
    if (ehlo_name_is_domain(name))
        assert_string_equal(own, name);
    else
        assert_null(own);
    free(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_domains),
                                       cmocka_unit_test(test_machine)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
