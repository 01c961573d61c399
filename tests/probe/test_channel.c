/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose fault an errno is. */
#include "probe/channel.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_errno_reasons(void **state)
{
    static const struct {
        int error;
        enum reason at_once, under_way, connected;
    } rows[] = {
        /* ours, whenever */
        {EMFILE, REASON_LOCAL, REASON_LOCAL, REASON_LOCAL},
        {ENFILE, REASON_LOCAL, REASON_LOCAL, REASON_LOCAL},
        {ENOBUFS, REASON_LOCAL, REASON_LOCAL, REASON_LOCAL},
        {ENOMEM, REASON_LOCAL, REASON_LOCAL, REASON_LOCAL},
        {EADDRNOTAVAIL, REASON_LOCAL, REASON_LOCAL, REASON_LOCAL},
        {EPERM, REASON_LOCAL, REASON_LOCAL, REASON_LOCAL},
        {EAFNOSUPPORT, REASON_LOCAL, REASON_LOCAL, REASON_LOCAL},
        {ENETDOWN, REASON_LOCAL, REASON_LOCAL, REASON_LOCAL},
        /* from our tables when at once, from the net when later */
        {ENETUNREACH, REASON_LOCAL, REASON_UNREACHABLE, REASON_UNREACHABLE},
        {EHOSTUNREACH, REASON_LOCAL, REASON_UNREACHABLE, REASON_UNREACHABLE},
        {EACCES, REASON_LOCAL, REASON_UNREACHABLE, REASON_UNREACHABLE},
        {ENOPROTOOPT, REASON_LOCAL, REASON_UNREACHABLE, REASON_UNREACHABLE},
        /* the peer's */
        {ECONNREFUSED, REASON_REFUSED, REASON_REFUSED, REASON_UNREACHABLE},
        {ETIMEDOUT, REASON_LOCAL, REASON_CONNECT_TIMEOUT, REASON_UNREACHABLE},
        {ECONNRESET, REASON_LOCAL, REASON_GREETING_CLOSED, REASON_UNREACHABLE},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int error = rows[i].error;
        assert_int_equal(channel_errno_reason(error, PHASE_CONNECT), rows[i].at_once);
        assert_int_equal(channel_errno_reason(error, PHASE_UNDER_WAY), rows[i].under_way);
        assert_int_equal(channel_errno_reason(error, PHASE_CONNECTED), rows[i].connected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_errno_reasons)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
