/* SPDX-License-Identifier: BSD-2-Clause */
/* What real servers say, and what is made of it. */
#include "probe/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct smtp_row {
    enum judge_step step;
    unsigned code;
    const char *text;
    enum reason reason;
};

static const struct smtp_row smtp_rows[] = {
    /* greetings: the host's own trouble */
    {JUDGE_GREETING, 421, "4.3.2 Service not available", REASON_GREETING_4XX},
    {JUDGE_GREETING, 421, "4.3.2 All server ports are busy", REASON_GREETING_4XX},
    {JUDGE_GREETING, 421, "4.3.2 No system resources", REASON_GREETING_4XX},
    {JUDGE_GREETING, 421, "4.3.0 mx.example.test Server local data error", REASON_GREETING_4XX},
    {JUDGE_GREETING, 451, "4.3.5 <unknown[192.0.2.1]>: Server configuration error",
     REASON_GREETING_4XX},
    {JUDGE_GREETING, 421, "mx: Too many concurrent SMTP connections; please try again later.",
     REASON_GREETING_4XX}, /* Exim: of all clients together */
    {JUDGE_GREETING, 421, "mx.example.test: Too much load; please try again later.",
     REASON_GREETING_4XX},
    {JUDGE_GREETING, 421, "4.3.2 Service not available, closing transmission channel",
     REASON_GREETING_4XX},
    {JUDGE_GREETING, 421,
     "4.3.2 The maximum number of concurrent connections has exceeded a limit, closing "
     "transmission channel",
     REASON_GREETING_4XX}, /* Exchange 2010: be it per source or in all */
    {JUDGE_GREETING, 421, "out of memory (#4.3.0)", REASON_GREETING_4XX},
    {JUDGE_GREETING, 421, "unable to read controls (#4.3.0)", REASON_GREETING_4XX},
    {JUDGE_GREETING, 421, "mx.example.test Service shutting down", REASON_GREETING_4XX},
    {JUDGE_GREETING, 421, "", REASON_GREETING_4XX},

    {JUDGE_GREETING, 421, "4.3.2 <unknown[192.0.2.1]>: Client host rejected: Service not available",
     REASON_GREETING_4XX}, /* Postfix's access map */
    {JUDGE_GREETING, 451,
     "4.3.5 <unknown[192.0.2.1]>: Client host rejected: Server configuration error",
     REASON_GREETING_4XX},

    /* greetings: us */
    {JUDGE_GREETING, 450, "4.7.1 <unknown[192.0.2.1]>: Client host rejected: go away",
     REASON_PROBER_REFUSED},
    {JUDGE_GREETING, 421, "4.7.0 mx.example.test Error: too many connections from 192.0.2.1",
     REASON_PROBER_REFUSED},
    {JUDGE_GREETING, 421, "4.7.0 Error: too many connections", REASON_PROBER_REFUSED},
    {JUDGE_GREETING, 421, "4.3.2 Error: too many connections", REASON_GREETING_4XX},
    {JUDGE_GREETING, 421, "4.7.0 mx Error: too many concurrent connections from 192.0.2.1",
     REASON_PROBER_REFUSED},
    {JUDGE_GREETING, 421, "4.7.1 Error: too much mail from 192.0.2.1", REASON_PROBER_REFUSED},
    {JUDGE_GREETING, 421,
     "mx: Too many concurrent SMTP connections from this IP address; please try again later.",
     REASON_PROBER_REFUSED},
    {JUDGE_GREETING, 421, "4.3.2 Connection rate limit exceeded.", REASON_PROBER_REFUSED},
    {JUDGE_GREETING, 421, "4.3.2 Too many open connections.", REASON_PROBER_REFUSED},
    {JUDGE_GREETING, 421,
     "4.3.2 The maximum number of concurrent server connections has exceeded a per-source limit, "
     "closing transmission channel",
     REASON_PROBER_REFUSED},
    {JUDGE_GREETING, 421, "Too many SMTP sessions for this host", REASON_PROBER_REFUSED},
    {JUDGE_GREETING, 421, "4.7.0 IP not in whitelist for RCPT domain, closing: throttled",
     REASON_PROBER_REFUSED},
    {JUDGE_GREETING, 450, "4.7.1 Client host rejected: cannot find your hostname, [192.0.2.1]",
     REASON_PROBER_REFUSED},
    {JUDGE_GREETING, 421, "4.7.28 Our system has detected an unusual rate of mail from you",
     REASON_PROBER_REFUSED},
    {JUDGE_GREETING, 554, "5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied",
     REASON_PROBER_REFUSED},
    {JUDGE_GREETING, 554, "mx.example.test ESMTP not accepting messages", REASON_PROBER_REFUSED},
    {JUDGE_GREETING, 550, "5.3.2 Service currently unavailable", REASON_PROBER_REFUSED},
    {JUDGE_GREETING, 521, "5.3.2 Protocol error", REASON_PROBER_REFUSED},
    {JUDGE_GREETING, 554, "SMTP synchronization error", REASON_PROBER_REFUSED},

    {JUDGE_GREETING, 554, "5.7.1 <unknown[192.0.2.1]>: Client host rejected: no",
     REASON_PROBER_REFUSED},

    /* hello */
    {JUDGE_HELLO, 451, "4.3.5 <probe>: Helo command rejected: Server configuration error",
     REASON_REPLY_4XX},
    {JUDGE_HELLO, 421, "4.7.0 mx Error: too many new TLS sessions from 192.0.2.1",
     REASON_PROBER_REFUSED},
    {JUDGE_HELLO, 421, "4.3.0 mx Server local data error", REASON_REPLY_4XX},
    {JUDGE_HELLO, 454, "4.7.0 TLS not available due to local problem", REASON_REPLY_4XX},
    {JUDGE_HELLO, 454, "4.3.0 Try again later", REASON_REPLY_4XX},
    {JUDGE_HELLO, 504, "5.5.2 <probe>: Helo command rejected: need fully-qualified hostname",
     REASON_PROBER_REFUSED},
    {JUDGE_HELLO, 550, "5.7.1 You are not welcome", REASON_PROBER_REFUSED},
    {JUDGE_HELLO, 550, "Access denied - Invalid HELO name", REASON_PROBER_REFUSED},
    {JUDGE_HELLO, 500, "5.5.1 Command unrecognized", REASON_REPLY_5XX},

    /* logins */
    {JUDGE_LOGIN, 454, "4.7.0 Temporary authentication failure", REASON_LOGIN_UNAVAILABLE},
    {JUDGE_LOGIN, 454,
     "4.7.0 Temporary authentication failure: Connection lost to authentication server",
     REASON_LOGIN_UNAVAILABLE},
    {JUDGE_LOGIN, 435, "Unable to authenticate at present", REASON_LOGIN_UNAVAILABLE},
    {JUDGE_LOGIN, 451, "4.3.0 Temporary System Error", REASON_LOGIN_UNAVAILABLE},
    {JUDGE_LOGIN, 421, "4.7.0 Temporary authentication failure", REASON_LOGIN_UNAVAILABLE},
    {JUDGE_LOGIN, 535, "5.7.8 Error: authentication failed: generic failure",
     REASON_LOGIN_UNAVAILABLE}, /* saslauthd is dead */
    {JUDGE_LOGIN, 535,
     "5.7.8 Error: authentication failed: Connection lost to authentication server",
     REASON_LOGIN_UNAVAILABLE},
    {JUDGE_LOGIN, 535, "5.7.8 Error: authentication failed: Temporary authentication failure.",
     REASON_LOGIN_UNAVAILABLE},
    {JUDGE_LOGIN, 535, "5.7.0 Service temporarily unavailable", REASON_LOGIN_UNAVAILABLE},
    {JUDGE_LOGIN, 535, "5.7.8 Error: authentication failed: (reason unavailable)",
     REASON_LOGIN_REFUSED}, /* a wrong password as well */
    {JUDGE_LOGIN, 535, "5.7.8 Error: authentication failed: UGFzc3dvcmQ6", REASON_LOGIN_REFUSED},
    {JUDGE_LOGIN, 535, "5.7.8 Error: authentication failed: authentication failure",
     REASON_LOGIN_REFUSED},
    {JUDGE_LOGIN, 535, "Incorrect authentication data", REASON_LOGIN_REFUSED},
    {JUDGE_LOGIN, 535, "5.7.3 Authentication unsuccessful", REASON_LOGIN_REFUSED},
    {JUDGE_LOGIN, 535, "5.7.0 authentication failed", REASON_LOGIN_REFUSED},
    {JUDGE_LOGIN, 535,
     "5.7.8 Username and Password not accepted. For more information, go to 5.7.8 "
     "https://support.example.test/mail/?p=BadCredentials",
     REASON_LOGIN_REFUSED},
    {JUDGE_LOGIN, 534, "5.7.9 Application-specific password required", REASON_LOGIN_REFUSED},
    {JUDGE_LOGIN, 538, "5.7.11 Encryption required", REASON_LOGIN_REFUSED},
    {JUDGE_LOGIN, 504, "5.7.4 Unrecognized authentication type", REASON_LOGIN_REFUSED},
    {JUDGE_LOGIN, 421, "4.7.0 mx Error: too many errors", REASON_PROBER_REFUSED},
    {JUDGE_LOGIN, 535, "5.7.0 Too many failed logins from your IP", REASON_PROBER_REFUSED},

    /* a full disk, a broken table, a machine without means */
    {JUDGE_MAIL, 452, "4.3.1 Insufficient system storage", REASON_REPLY_4XX},
    {JUDGE_MAIL, 452, "4.3.1 Insufficient system resources", REASON_REPLY_4XX},
    {JUDGE_MAIL, 452, "Space shortage, please try later", REASON_REPLY_4XX},
    {JUDGE_MAIL, 452, "4.4.5 Insufficient disk space; try again later", REASON_REPLY_4XX},
    {JUDGE_MAIL, 451, "4.3.0 Error: queue file write error", REASON_REPLY_4XX},
    {JUDGE_MAIL, 421, "4.3.0 mx Error: timeout", REASON_REPLY_4XX},
    {JUDGE_MAIL, 421, "4.3.0: Temporary Error", REASON_REPLY_4XX},
    {JUDGE_MAIL, 451, "qqt failure (#4.3.0)", REASON_REPLY_4XX},
    {JUDGE_RCPT, 451, "4.3.0 <probe@example.test>: Temporary lookup failure", REASON_REPLY_4XX},
    {JUDGE_RCPT, 451, "4.3.5 Server configuration problem", REASON_REPLY_4XX},
    {JUDGE_RCPT, 451,
     "4.3.5 <probe@example.test>: Recipient address rejected: Server configuration error",
     REASON_REPLY_4XX}, /* a table's server is dead */
    {JUDGE_RCPT, 451,
     "4.3.5 <unknown[192.0.2.1]>: Client host rejected: Server configuration error",
     REASON_REPLY_4XX},
    {JUDGE_RCPT, 451, "4.3.0 Temporary system failure. Please try again later.", REASON_REPLY_4XX},
    {JUDGE_RCPT, 451, "Temporary local problem - please try later", REASON_REPLY_4XX},
    {JUDGE_RCPT, 450, "4.3.2 Service currently unavailable", REASON_REPLY_4XX},
    {JUDGE_RCPT, 421, "mx.example.test lost input connection", REASON_REPLY_4XX},
    {JUDGE_RCPT, 452, "4.5.3 Too many recipients", REASON_REPLY_4XX},
    {JUDGE_MAIL, 554, "5.3.0 Error: transaction failed", REASON_REPLY_5XX},
    {JUDGE_MAIL, 503, "5.5.1 Error: send HELO/EHLO first", REASON_REPLY_5XX},
    {JUDGE_RCPT, 553, "5.3.5 mx.example.test config error: mail loops back to me",
     REASON_REPLY_5XX},

    /* a filter that is broken, or a policy: nobody can tell at once */
    {JUDGE_MAIL, 451, "4.7.1 Service unavailable - try again later", REASON_DEFERRED},
    {JUDGE_RCPT, 451, "4.7.1 Service unavailable - try again later", REASON_DEFERRED},
    {JUDGE_MAIL, 421, "4.7.1 Service unavailable - try again later", REASON_DEFERRED},
    {JUDGE_RCPT, 450,
     "4.1.1 <probe@example.test>: Recipient address rejected: unverified address: "
     "Address verification in progress",
     REASON_DEFERRED},
    {JUDGE_RCPT, 450, "Requested mail action not taken: mailbox unavailable", REASON_DEFERRED},
    {JUDGE_RCPT, 451, "Please try again later", REASON_DEFERRED},
    {JUDGE_RCPT, 451, "4.4.1 Cannot reach the backend", REASON_DEFERRED},

    /* greylisting */
    {JUDGE_RCPT, 450, "4.2.0 <probe@example.test>: Recipient address rejected: Greylisted",
     REASON_OK},
    {JUDGE_RCPT, 450,
     "4.2.0 <probe@example.test>: Recipient address rejected: Greylisted, see "
     "http://postgrey.schweikert.ch/help/example.test.html",
     REASON_OK},
    {JUDGE_RCPT, 451, "4.7.1 Greylisting in action, please come back in 00:05:00", REASON_OK},
    {JUDGE_RCPT, 451, "Temporary failure, please try again later. Your host is greylisted.",
     REASON_OK},
    {JUDGE_RCPT, 450, "4.2.1 The user you are trying to contact is receiving mail too quickly",
     REASON_OK},
    {JUDGE_MAIL, 451, "4.7.1 graylisted", REASON_OK},
    {JUDGE_RCPT, 451, "You are grey listed", REASON_OK},

    /* us, again */
    {JUDGE_MAIL, 450, "4.7.1 Error: too much mail from 192.0.2.1", REASON_PROBER_REFUSED},
    {JUDGE_RCPT, 450, "4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]",
     REASON_PROBER_REFUSED},
    {JUDGE_RCPT, 450, "4.7.1 <probe.example.test>: Helo command rejected: Host not found",
     REASON_PROBER_REFUSED},
    {JUDGE_RCPT, 554,
     "5.7.1 Service unavailable; Client host [192.0.2.1] blocked using "
     "zen.spamhaus.org",
     REASON_PROBER_REFUSED},
    {JUDGE_MAIL, 550, "5.7.1 Access denied", REASON_PROBER_REFUSED},
    {JUDGE_MAIL, 550, "rejected because 192.0.2.1 is in a black list at zen.spamhaus.org",
     REASON_PROBER_REFUSED},
    {JUDGE_MAIL, 530, "5.7.0 Must issue a STARTTLS command first", REASON_PROBER_REFUSED},
    {JUDGE_MAIL, 530, "5.7.57 Client not authenticated to send mail", REASON_PROBER_REFUSED},
    {JUDGE_MAIL, 550, "Administrative prohibition", REASON_PROBER_REFUSED},
    {JUDGE_MAIL, 550, "5.1.7 Null sender not accepted here", REASON_PROBER_REFUSED},

    /* the recipient */
    {JUDGE_RCPT, 550,
     "5.1.1 <probe@example.test>: Recipient address rejected: User unknown in local recipient "
     "table",
     REASON_RECIPIENT_REFUSED},
    {JUDGE_RCPT, 450,
     "4.1.1 <probe@example.test>: Recipient address rejected: User unknown in "
     "virtual mailbox table",
     REASON_RECIPIENT_REFUSED}, /* soft_bounce */
    {JUDGE_RCPT, 454, "4.7.1 <probe@example.test>: Relay access denied", REASON_PROBER_REFUSED},
    {JUDGE_RCPT, 554, "5.7.1 <probe@example.test>: Relay access denied", REASON_RECIPIENT_REFUSED},
    {JUDGE_RCPT, 550, "5.7.1 probe@example.test... Relaying denied", REASON_RECIPIENT_REFUSED},
    {JUDGE_RCPT, 550, "relay not permitted", REASON_RECIPIENT_REFUSED},
    {JUDGE_RCPT, 550, "5.1.1 probe@example.test... User unknown", REASON_RECIPIENT_REFUSED},
    {JUDGE_RCPT, 550, "Unrouteable address", REASON_RECIPIENT_REFUSED},
    {JUDGE_RCPT, 550,
     "5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address "
     "lookup",
     REASON_RECIPIENT_REFUSED},
    {JUDGE_RCPT, 550, "Invalid recipient: probe@example.test", REASON_RECIPIENT_REFUSED},
    {JUDGE_RCPT, 552, "5.2.2 <probe@example.test>: mailbox full", REASON_RECIPIENT_REFUSED},
    {JUDGE_RCPT, 452, "4.2.2 The account that you tried to reach is over quota",
     REASON_RECIPIENT_REFUSED},
    {JUDGE_RCPT, 553, "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
     REASON_RECIPIENT_REFUSED},

    /* codes that no one gives */
    {JUDGE_GREETING, 354, "go ahead", REASON_GREETING_BAD},
    {JUDGE_RCPT, 999, "x", REASON_REPLY_BAD},
};

static void test_smtp(void **state)
{
    const struct judge_hints hints = {0};
    (void)state;

    for (size_t i = 0; i < sizeof smtp_rows / sizeof *smtp_rows; i++) {
        const struct smtp_row *row = &smtp_rows[i];
        enum reason reason = judge_smtp(row->step, row->code, row->text, &hints);
        if (reason != row->reason)
            fail_msg("step %d, \"%u %s\" is %s, not %s", row->step, row->code, row->text,
                     reason_word(reason), reason_word(row->reason));
    }
}

static void test_closed_host(void **state)
{
    const struct judge_hints down = {.refusal_is_down = true};
    (void)state;
    assert_int_equal(judge_smtp(JUDGE_GREETING, 554, "5.7.1 Access denied", &down),
                     REASON_GREETING_5XX);
    assert_int_equal(judge_smtp(JUDGE_GREETING, 421, "too many connections from you", &down),
                     REASON_PROBER_REFUSED);
    assert_int_equal(judge_smtp(JUDGE_MAIL, 550, "5.7.1 Access denied", &down),
                     REASON_PROBER_REFUSED);
}

/* Postfix says the same of a wrong password and of a dead data base: only the past tells them
 * apart. */
static void test_login_that_worked(void **state)
{
    const struct judge_hints worked = {.login_worked = true};
    (void)state;
    assert_int_equal(judge_smtp(JUDGE_LOGIN, 535,
                                "5.7.8 Error: authentication failed: (reason unavailable)",
                                &worked),
                     REASON_LOGIN_UNAVAILABLE);
    assert_int_equal(judge_smtp(JUDGE_LOGIN, 535, "Incorrect authentication data", &worked),
                     REASON_LOGIN_REFUSED);
}

static void test_imap(void **state)
{
    static const struct {
        enum judge_step step;
        enum judge_status status;
        const char *text;
        enum reason reason;
    } rows[] = {
        {JUDGE_GREETING, JUDGE_BYE, "[UNAVAILABLE] Server shutting down.", REASON_GREETING_4XX},
        {JUDGE_GREETING, JUDGE_BYE, "Disconnected: Auth process broken", REASON_GREETING_4XX},
        {JUDGE_GREETING, JUDGE_BYE, "Fatal error: can't initialize mail store",
         REASON_GREETING_4XX},
        {JUDGE_GREETING, JUDGE_BYE, "Server Unavailable. 15", REASON_GREETING_4XX},
        {JUDGE_GREETING, JUDGE_BYE, "Too many connections", REASON_GREETING_4XX},
        {JUDGE_GREETING, JUDGE_BYE, "Too many connections from your IP address",
         REASON_PROBER_REFUSED},
        {JUDGE_HELLO, JUDGE_NO, "[UNAVAILABLE] not now", REASON_REPLY_4XX},
        {JUDGE_HELLO, JUDGE_BYE, "Server shutting down.", REASON_REPLY_4XX},
        {JUDGE_HELLO, JUDGE_BAD, "Error in IMAP command received by server.", REASON_REPLY_5XX},

        {JUDGE_LOGIN, JUDGE_NO,
         "[UNAVAILABLE] Temporary authentication failure. [mx:2026-11-22 04:00:00]",
         REASON_LOGIN_UNAVAILABLE},
        {JUDGE_LOGIN, JUDGE_NO, "[SERVERBUG] Internal error occurred. Refer to server log",
         REASON_LOGIN_UNAVAILABLE},
        {JUDGE_LOGIN, JUDGE_NO, "[INUSE] Mailbox in use", REASON_LOGIN_UNAVAILABLE},
        {JUDGE_LOGIN, JUDGE_NO, "[LIMIT] Too many processes", REASON_LOGIN_UNAVAILABLE},
        {JUDGE_LOGIN, JUDGE_NO, "[limit] any case", REASON_LOGIN_UNAVAILABLE},
        {JUDGE_LOGIN, JUDGE_NO,
         "[LIMIT] Maximum number of connections from user+IP exceeded "
         "(mail_max_userip_connections=10)",
         REASON_PROBER_REFUSED},
        {JUDGE_LOGIN, JUDGE_NO,
         "[UNAVAILABLE] Maximum number of connections from user+IP exceeded "
         "(mail_max_userip_connections=1)",
         REASON_PROBER_REFUSED},
        {JUDGE_LOGIN, JUDGE_NO, "[ALERT] Too many simultaneous connections. (Failure)",
         REASON_PROBER_REFUSED},
        {JUDGE_LOGIN, JUDGE_BYE, "[UNAVAILABLE] Internal error", REASON_LOGIN_UNAVAILABLE},
        {JUDGE_LOGIN, JUDGE_NO, "Login failed: generic failure", REASON_LOGIN_UNAVAILABLE},
        {JUDGE_LOGIN, JUDGE_NO, "Server Unavailable. 15", REASON_LOGIN_UNAVAILABLE},
        {JUDGE_LOGIN, JUDGE_NO, "Temporary problem, please try again later",
         REASON_LOGIN_UNAVAILABLE},
        {JUDGE_LOGIN, JUDGE_NO, "[AUTHENTICATIONFAILED] Authentication failed.",
         REASON_LOGIN_REFUSED},
        {JUDGE_LOGIN, JUDGE_NO, "[AUTHENTICATIONFAILED] Invalid credentials (Failure)",
         REASON_LOGIN_REFUSED},
        {JUDGE_LOGIN, JUDGE_NO, "[AUTHORIZATIONFAILED] not for you", REASON_LOGIN_REFUSED},
        {JUDGE_LOGIN, JUDGE_NO, "[EXPIRED] Password expired", REASON_LOGIN_REFUSED},
        {JUDGE_LOGIN, JUDGE_NO,
         "[PRIVACYREQUIRED] Plaintext authentication disallowed on non-secure (SSL/TLS) "
         "connections.",
         REASON_LOGIN_REFUSED},
        {JUDGE_LOGIN, JUDGE_NO, "Login failed.", REASON_LOGIN_REFUSED},
        {JUDGE_LOGIN, JUDGE_NO, "LOGIN failed.", REASON_LOGIN_REFUSED},
        {JUDGE_LOGIN, JUDGE_NO, "Login failed: authentication failure", REASON_LOGIN_REFUSED},
        {JUDGE_LOGIN, JUDGE_BAD, "Invalid arguments", REASON_LOGIN_REFUSED},

        {JUDGE_MAILBOX, JUDGE_NO,
         "[SERVERBUG] Internal error occurred. Refer to server log for more information.",
         REASON_MAILBOX_BROKEN},
        {JUDGE_MAILBOX, JUDGE_NO, "Unable to open this mailbox.", REASON_MAILBOX_BROKEN},
        {JUDGE_MAILBOX, JUDGE_NO, "System I/O error", REASON_MAILBOX_BROKEN},
        {JUDGE_MAILBOX, JUDGE_NO, "[UNAVAILABLE] Failed to open mailbox", REASON_MAILBOX_BROKEN},
        {JUDGE_MAILBOX, JUDGE_BAD, "User is authenticated but not connected.",
         REASON_MAILBOX_BROKEN},
        {JUDGE_MAILBOX, JUDGE_BYE, "Server shutting down.", REASON_MAILBOX_BROKEN},
        {JUDGE_MAILBOX, JUDGE_BAD, "what?", REASON_REPLY_5XX},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        enum reason reason = judge_imap(rows[i].step, rows[i].status, rows[i].text);
        if (reason != rows[i].reason)
            fail_msg("step %d, \"%s\" is %s, not %s", rows[i].step, rows[i].text,
                     reason_word(reason), reason_word(rows[i].reason));
    }
}

static void test_pop3(void **state)
{
    static const struct {
        enum judge_step step;
        const char *text;
        enum reason reason;
    } rows[] = {
        {JUDGE_GREETING, "[SYS/TEMP] not now", REASON_GREETING_4XX},
        {JUDGE_GREETING, "", REASON_GREETING_4XX},
        {JUDGE_GREETING, "Too many connections from 192.0.2.1", REASON_PROBER_REFUSED},
        {JUDGE_LOGIN, "[SYS/TEMP] Temporary authentication failure. [mx:2026-11-22 04:00:00]",
         REASON_LOGIN_UNAVAILABLE},
        {JUDGE_LOGIN, "[SYS/PERM] Unable to open maildrop: System I/O error",
         REASON_LOGIN_UNAVAILABLE},
        {JUDGE_LOGIN, "Temporary problem, please try again later", REASON_LOGIN_UNAVAILABLE},
        {JUDGE_LOGIN, "[AUTH] Authentication failed.", REASON_LOGIN_REFUSED},
        {JUDGE_LOGIN, "[AUTH] Invalid login", REASON_LOGIN_REFUSED},
        {JUDGE_LOGIN, "Login failed.", REASON_LOGIN_REFUSED},
        {JUDGE_LOGIN, "[LOGIN-DELAY] minimum time between mail checks violation",
         REASON_PROBER_REFUSED},
        {JUDGE_LOGIN, "[IN-USE] Unable to lock maildrop: Mailbox is locked by POP server",
         REASON_OK},
        {JUDGE_LOGIN, "[IN-USE] Couldn't open INBOX", REASON_OK},
        {JUDGE_LOGIN, "maildrop already in use", REASON_OK},
        {JUDGE_MAILBOX, "[SYS/TEMP] Internal error", REASON_MAILBOX_BROKEN},
        {JUDGE_MAILBOX, "", REASON_MAILBOX_BROKEN},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        enum reason reason = judge_pop3(rows[i].step, rows[i].text);
        if (reason != rows[i].reason)
            fail_msg("step %d, \"%s\" is %s, not %s", rows[i].step, rows[i].text,
                     reason_word(reason), reason_word(rows[i].reason));
    }
}

/* Any octets and any code: never taken for something that no reply can say. */
static void test_anything(void **state)
{
    const struct judge_hints hints = {0};
    uint32_t random = 1;
    (void)state;

    for (unsigned i = 0; i < 20000; i++) {
        char text[24];
        for (size_t at = 0; at < sizeof text; at++) {
            random = random * 1664525 + 1013904223;
            text[at] = "45.[(#0x*"[random >> 24 & 7];
        }
        text[random >> 16 & 15] = '\0';
        for (int step = JUDGE_GREETING; step <= JUDGE_MAILBOX; step++) {
            enum reason reasons[] = {
                judge_smtp((enum judge_step)step, 400 + random % 200, text, &hints),
                judge_imap((enum judge_step)step, (enum judge_status)(random % 3), text),
                judge_pop3((enum judge_step)step, text)};
            for (size_t at = 0; at < 3; at++)
                assert_in_range(reasons[at], REASON_OK, REASON_RECIPIENT_REFUSED);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smtp),
        cmocka_unit_test(test_closed_host),
        cmocka_unit_test(test_login_that_worked),
        cmocka_unit_test(test_imap),
        cmocka_unit_test(test_pop3),
        cmocka_unit_test(test_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
