/* SPDX-License-Identifier: BSD-2-Clause */
/* The name that a machine gives itself in EHLO. */
#include "probe/ehlo.h"

#include "base/hostname.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_machine(void **state)
{
    char name[300] = "";
    char *own = ehlo_name_of_machine();
    (void)state;

    assert_int_equal(gethostname(name, sizeof name - 1), 0);
    if (hostname_is_domain(name))
        assert_string_equal(own, name);
    else
        assert_null(own);
    free(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_machine)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
