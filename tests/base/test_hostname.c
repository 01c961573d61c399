/* SPDX-License-Identifier: BSD-2-Clause */
/* Which names machines may give themselves. */
#include "base/hostname.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

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
        if (!hostname_is_domain(good[i]))
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (hostname_is_domain(bad[i]))
            fail_msg("%s", bad[i]);
}

static void test_literals(void **state)
{
    static const char *const good[] = {"[192.0.2.1]", "[IPv6:2001:db8::1]", "[ipv6:::1]",
                                       "[IPv6:2001:db8:1111:2222:3333:4444:5555:6666]"};
    static const char *const bad[] = {
        "",
        "[",
        "[]",
        "192.0.2.1",
        "[192.0.2.1",
        "[192.0.2]",
        "[192.0.2.256]",
        "[2001:db8::1]",
        "[IPv6:192.0.2.1]",
        "[IPv6:]",
        "[IPv6:::1]x",
        "[[::1]]",
        "[IPv6:2001:db8:1111:2222:3333:4444:5555:6666:2001:db8:1111:2222:3333:4444:5555:6666]"};
    (void)state;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!hostname_is_literal(good[i]))
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (hostname_is_literal(bad[i]))
            fail_msg("%s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_domains),
                                       cmocka_unit_test(test_literals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
