/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../tools/drill/lab/mails.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* A message each second from 1000 s on, in milliseconds. */
static void send_each_second(struct mails *mails, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mails_add(mails, 1000000 + 1000 * (int64_t)i);
}

static void log_line(struct mails *mails, int64_t sent_ms, const char *delay, const char *status)
{
    char line[512];
    snprintf(line, sizeof line,
             "Nov 22 10:41:24 sender-evermx postfix/smtp[379]: E9C6FB1638A: "
             "to=<lab+t%lld@lab.test>, relay=mx2.lab.test[198.51.100.18]:25, delay=%s, "
             "delays=0.05/0/0/0, dsn=2.0.0, status=%s",
             (long long)sent_ms, delay, status);
    assert_true(mails_read_line(mails, line));
}

static void deliver(struct mails *mails, int64_t sent_ms, const char *delay)
{
    log_line(mails, sent_ms, delay, "sent (250 2.0.0 Ok: queued as 01FAD3D)");
}

static void other_lines_are_passed_over(void **state)
{
    struct mails mails = {0};
    static const char *const lines[] = {
        "",
        "Nov 22 10:41:24 s postfix/qmgr[359]: E9C6: from=<>, size=276, nrcpt=1 (queue active)",
        "Nov 22 10:41:24 s postfix/smtp[1]: X: to=<probe@lab.test>, delay=1, status=sent (250)",
        "Nov 22 10:41:24 s postfix/smtp[1]: X: to=<lab+t7@lab.test>, delay=1, status=sent (250)",
        "Nov 22 10:41:24 s postfix/smtp[1]: X: to=<lab+t1000000@lab.test>, delay=1",
    };
    (void)state;
    assert_false(mails_read_line(&mails, lines[2]));
    send_each_second(&mails, 1);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_false(mails_read_line(&mails, lines[i]));
    assert_false(mails.list[0].delivered);
    mails_free(&mails);
}

static void mail_of_an_outage_is_told_apart(void **state)
{
    struct mails mails = {0};
    struct figures delays = {0};
    (void)state;
    send_each_second(&mails, 10);
    deliver(&mails, 1000000, "0.05"); /* before the break */
    deliver(&mails, 1001000, "0.05");
    deliver(&mails, 1002000, "2.5");                         /* late */
    log_line(&mails, 1003000, "30", "deferred (timed out)"); /* and no more of it */
    log_line(&mails, 1004000, "0.1", "bounced (host or domain not found)");
    log_line(&mails, 1005000, "1", "deferred (timed out)");
    deliver(&mails, 1005000, "300"); /* after the mend */
    deliver(&mails, 1006000, "0.07");
    deliver(&mails, 1007000, "0.07");
    /* 1008 s: no word; 1009 s: after the mend */
    struct mails_outage outage = mails_judge(&mails, 1000500, 1008500, &delays);
    assert_int_equal(outage.sent, 8);
    assert_int_equal(outage.at_once, 3);
    assert_int_equal(outage.late, 1);
    assert_int_equal(outage.held, 3);
    assert_int_equal(outage.deferred, 2);
    assert_int_equal(outage.bounced, 1);
    assert_false(outage.served);
    struct summary summary = figures_summary(&delays);
    assert_int_equal(summary.count, 8);
    assert_int_equal(summary.never, 4);
    assert_float_equal(summary.least_s, 0.05, 1e-9);
    assert_true(isinf(summary.longest_s));
    figures_free(&delays);
    mails_free(&mails);
}

static void served_is_when_none_is_delayed_any_more(void **state)
{
    struct mails mails = {0};
    (void)state;
    send_each_second(&mails, 6);
    for (int i = 0; i < 6; i++)
        deliver(&mails, 1000000 + 1000 * i, i == 1 || i == 3 ? "1.2" : "0.06");
    struct mails_outage outage = mails_judge(&mails, 999600, 1006000, NULL);
    assert_true(outage.served);
    assert_float_equal(outage.served_s, 4.4, 1e-9); /* the fifth, sent at 1004 s */
    outage = mails_judge(&mails, 1003500, 1006000, NULL);
    assert_true(outage.served);
    assert_float_equal(outage.served_s, 0, 0); /* none was delayed at all */
    outage = mails_judge(&mails, 2000000, 2006000, NULL);
    assert_int_equal(outage.sent, 0);
    mails_free(&mails);
}

static void what_hung_until_the_mend_was_held(void **state)
{
    struct mails mails = {0};
    (void)state;
    send_each_second(&mails, 3);
    deliver(&mails, 1000000, "29"); /* may be 29.9 */
    deliver(&mails, 1001000, "27");
    deliver(&mails, 1002000, "28");
    struct mails_outage outage = mails_judge(&mails, 999000, 1029800, NULL);
    assert_int_equal(outage.late, 1);
    assert_int_equal(outage.held, 2);
    assert_false(outage.served);
    mails_free(&mails);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_lines_are_passed_over),
        cmocka_unit_test(mail_of_an_outage_is_told_apart),
        cmocka_unit_test(what_hung_until_the_mend_was_held),
        cmocka_unit_test(served_is_when_none_is_delayed_any_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
