/* SPDX-License-Identifier: BSD-2-Clause */
/* The whole dialogue of a service probe: certificates, logins, recipients, mailboxes, and what is a
 * warning only. */
#include "base/clock.h"
#include "support/probe_once.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* clang-format off */
#define EHLO       HEAR("EHLO probe.example.test\r\n")
#define SMTP_BYE   HEAR("QUIT\r\n"), SAY("221 2.0.0 Bye\r\n"), GONE
#define RSET_BYE   HEAR("RSET\r\n"), SAY("250 2.0.0 Ok\r\n"), SMTP_BYE
#define SMTP_START SAY("220 mx.example.test ESMTP\r\n"), EHLO
#define PLAIN_ONLY SMTP_START, SAY("250-mx.example.test\r\n250 8BITMIME\r\n")
#define GO_TLS(how) SMTP_START, SAY("250-mx\r\n250-AUTH XPLAIN\r\n250 STARTTLS\r\n"), \
                   HEAR("STARTTLS\r\n"), SAY("220 go\r\n"), how
#define MAIL       HEAR("MAIL FROM:<>\r\n")
#define MAIL_OK    MAIL, SAY("250 2.1.0 Ok\r\n")
#define RCPT       HEAR("RCPT TO:<probe@example.test>\r\n")
#define AUTHS(mechanisms) EHLO, SAY("250-mx\r\n250 AUTH " mechanisms "\r\n")
/* base64 of "probe", "sesame open", "\0probe\0sesame open" */
#define USER_64     "cHJvYmU="
#define PASSWORD_64 "c2VzYW1lIG9wZW4="
#define PLAIN_64    "AHByb2JlAHNlc2FtZSBvcGVu"

#define IMAP_START  SAY("* OK ready\r\n"), HEAR("e1 CAPABILITY\r\n")
#define IMAP_OFFERS(tag, words) SAY("* CAPABILITY IMAP4rev1 " words "\r\n" tag " OK done\r\n")
#define IMAP_BYE(tag) HEAR(tag " LOGOUT\r\n"), SAY("* BYE logging out\r\n" tag " OK done\r\n"), GONE
#define POP3_START  SAY("+OK ready\r\n"), HEAR("CAPA\r\n"), SAY("+OK\r\nUSER\r\n.\r\n")
#define POP3_BYE    HEAR("QUIT\r\n"), SAY("+OK bye\r\n"), GONE

#define TIMED(step) (1u << TIMED_##step)
/* clang-format on */

struct service_case {
    const char *name;
    enum check_kind kind;
    enum check_tls tls;
    enum check_refusal refusal;
    const char *recipient, *user, *password; /* user: sesame open, where none is given */
    int64_t cert_warn_ms;
    bool login_worked;
    const struct script_step *steps;
    enum reason reason;
    const char *detail; /* stands in it; NULL: there is none */
    enum reason warning;
    const char *warning_detail;
    int ends_in_days; /* the certificate that was seen; 0: not looked at */
    unsigned timed;   /* TIMED(): steps that took time; 0: not looked at */
};

static const struct service_case services[] = {
    /* a recipient */
    {.name = "smtp: a recipient",
     .recipient = "probe@example.test",
     .tls = CHECK_TLS_OPTIONAL,
     .steps = STEPS(PLAIN_ONLY, MAIL_OK, RCPT, SAY("250 2.1.5 Ok\r\n"), RSET_BYE),
     .reason = REASON_OK,
     .warning = REASON_TLS_NOT_OFFERED,
     .warning_detail = "",
     .timed = TIMED(CONNECT) | TIMED(GREETING) | TIMED(HELLO) | TIMED(MAIL) | TIMED(RCPT)},
    {.name = "smtp: a recipient inside TLS",
     .recipient = "probe@example.test",
     .tls = CHECK_TLS_REQUIRED,
     .steps =
         STEPS(GO_TLS(TLS), AUTHS("PLAIN"), MAIL_OK, RCPT, SAY("251 will forward\r\n"), RSET_BYE),
     .reason = REASON_OK,
     .timed =
         TIMED(CONNECT) | TIMED(GREETING) | TIMED(HELLO) | TIMED(TLS) | TIMED(MAIL) | TIMED(RCPT)},
    {.name = "smtp: a recipient, after HELO",
     .recipient = "probe@example.test",
     .steps = STEPS(SMTP_START, SAY("500 what?\r\n"), HEAR("HELO probe.example.test\r\n"),
                    SAY("250 mx\r\n"), MAIL_OK, RCPT, SAY("250 Ok\r\n"), RSET_BYE),
     .reason = REASON_OK},
    {.name = "smtp: the disk is full",
     .recipient = "probe@example.test",
     .steps = STEPS(PLAIN_ONLY, MAIL, SAY("452 4.3.1 Insufficient system storage\r\n"), SMTP_BYE),
     .reason = REASON_REPLY_4XX,
     .detail = "452 4.3.1 Insufficient system storage"},
    {.name = "smtp: MAIL hangs",
     .recipient = "probe@example.test",
     .steps = STEPS(PLAIN_ONLY, MAIL, GONE),
     .reason = REASON_REPLY_TIMEOUT,
     .detail = "no reply to MAIL"},
    {.name = "smtp: RCPT hangs",
     .recipient = "probe@example.test",
     .steps = STEPS(PLAIN_ONLY, MAIL_OK, RCPT, GONE),
     .reason = REASON_REPLY_TIMEOUT,
     .detail = "no reply to RCPT"},
    {.name = "smtp: closed at RCPT",
     .recipient = "probe@example.test",
     .steps = STEPS(PLAIN_ONLY, MAIL_OK, RCPT),
     .reason = REASON_REPLY_CLOSED,
     .detail = "no reply to RCPT"},
    {.name = "smtp: a table is broken",
     .recipient = "probe@example.test",
     .steps =
         STEPS(PLAIN_ONLY, MAIL_OK, RCPT, SAY("451 4.3.0 Temporary lookup failure\r\n"), RSET_BYE),
     .reason = REASON_REPLY_4XX,
     .detail = "451 4.3.0 Temporary lookup failure"},
    {.name = "smtp: a filter is broken, or a policy",
     .recipient = "probe@example.test",
     .steps = STEPS(PLAIN_ONLY, MAIL, SAY("451 4.7.1 Service unavailable - try again later\r\n"),
                    SMTP_BYE),
     .reason = REASON_DEFERRED,
     .detail = "451 4.7.1 Service unavailable"},
    {.name = "smtp: greylisting is life",
     .recipient = "probe@example.test",
     .steps = STEPS(PLAIN_ONLY, MAIL_OK, RCPT,
                    SAY("450 4.2.0 <probe@example.test>: Recipient address rejected: "
                        "Greylisted\r\n"),
                    RSET_BYE),
     .reason = REASON_OK,
     .detail = "450 4.2.0 <probe@example.test>: Recipient address rejected: Greylisted"},
    {.name = "smtp: what the last line says counts as well",
     .recipient = "probe@example.test",
     .steps = STEPS(PLAIN_ONLY, MAIL_OK, RCPT,
                    SAY("451-4.7.1 Hello\r\n451 4.7.1 you are greylisted\r\n"), RSET_BYE),
     .reason = REASON_OK,
     .detail = "451-4.7.1 Hello"},
    {.name = "smtp: no such recipient",
     .recipient = "probe@example.test",
     .steps = STEPS(PLAIN_ONLY, MAIL_OK, RCPT, SAY("550 5.1.1 User unknown\r\n"), RSET_BYE),
     .reason = REASON_RECIPIENT_REFUSED,
     .detail = "550 5.1.1 User unknown"},
    {.name = "smtp: the code changes at RCPT",
     .recipient = "probe@example.test",
     .steps = STEPS(PLAIN_ONLY, MAIL_OK, RCPT, SAY("250-a\r\n450 b\r\n"), GONE),
     .reason = REASON_REPLY_BAD,
     .detail = "450 b"},
    {.name = "smtp: 354 to RCPT",
     .recipient = "probe@example.test",
     .steps = STEPS(PLAIN_ONLY, MAIL_OK, RCPT, SAY("354 go\r\n"), GONE),
     .reason = REASON_REPLY_BAD,
     .detail = "354 go"},
    {.name = "smtp: RSET fails, and that is nothing",
     .recipient = "probe@example.test",
     .steps = STEPS(PLAIN_ONLY, MAIL_OK, RCPT, SAY("250 Ok\r\n"), HEAR("RSET\r\n"),
                    SAY("500 what?\r\n"), SMTP_BYE),
     .reason = REASON_OK},
    {.name = "smtp: closed at RSET",
     .recipient = "probe@example.test",
     .steps = STEPS(PLAIN_ONLY, MAIL_OK, RCPT, SAY("250 Ok\r\n"), HEAR("RSET\r\n")),
     .reason = REASON_OK},

    /* us */
    {.name = "smtp: too many from us",
     .steps = STEPS(SAY("421 4.7.0 mx Error: too many connections from 127.0.0.1\r\n"), END),
     .reason = REASON_PROBER_REFUSED,
     .detail = "421 4.7.0 mx Error: too many connections from 127.0.0.1"},
    {.name = "smtp: 554 where that is down",
     .refusal = CHECK_REFUSAL_DOWN,
     .steps = STEPS(SAY("554 5.7.1 Access denied\r\n"), SMTP_BYE),
     .reason = REASON_GREETING_5XX,
     .detail = "554 5.7.1 Access denied"},

    /* optional TLS */
    {.name = "smtp: STARTTLS refused: a recipient in plain text",
     .tls = CHECK_TLS_OPTIONAL,
     .recipient = "probe@example.test",
     .steps = STEPS(SMTP_START, SAY("250-mx\r\n250 STARTTLS\r\n"), HEAR("STARTTLS\r\n"),
                    SAY("454 4.3.0 Try again later\r\n"), MAIL,
                    SAY("451 4.7.1 Service unavailable\r\n"), SMTP_BYE),
     .reason = REASON_DEFERRED,
     .detail = "451 4.7.1 Service unavailable",
     .warning = REASON_TLS_REFUSED,
     .warning_detail = "454 4.3.0 Try again later"},
    {.name = "smtp: 421 to STARTTLS",
     .tls = CHECK_TLS_OPTIONAL,
     .steps = STEPS(SMTP_START, SAY("250-mx\r\n250 STARTTLS\r\n"), HEAR("STARTTLS\r\n"),
                    SAY("421 4.7.0 Error: too many new TLS sessions from 127.0.0.1\r\n"), END),
     .reason = REASON_PROBER_REFUSED,
     .detail = "421 4.7.0"},
    {.name = "smtp: the handshake fails",
     .tls = CHECK_TLS_OPTIONAL,
     .steps = STEPS(SMTP_START, SAY("250-mx\r\n250 STARTTLS\r\n"), HEAR("STARTTLS\r\n"),
                    SAY("220 go\r\n"), PAUSE(LISTEN_MS), SAY("500 what?\r\n"), STALL),
     .reason = REASON_OK,
     .warning = REASON_TLS_FAILED,
     .warning_detail = "wrong version number"},
    {.name = "smtp: the handshake stalls",
     .tls = CHECK_TLS_OPTIONAL,
     .steps = STEPS(SMTP_START, SAY("250-mx\r\n250 STARTTLS\r\n"), HEAR("STARTTLS\r\n"),
                    SAY("220 go\r\n"), HALF_TLS),
     .reason = REASON_OK,
     .warning = REASON_TLS_TIMEOUT,
     .timed = TIMED(CONNECT) | TIMED(GREETING) | TIMED(HELLO) | TIMED(TLS)},
    {.name = "smtp: plain text behind the answer to STARTTLS",
     .tls = CHECK_TLS_OPTIONAL,
     .steps = STEPS(SMTP_START, SAY("250-mx\r\n250 STARTTLS\r\n"), HEAR("STARTTLS\r\n"),
                    SAY("220 go\r\n250 mine\r\n"), STALL),
     .reason = REASON_OK,
     .warning = REASON_INJECTION},
    {.name = "smtp: plain text behind the answer to STARTTLS, required",
     .tls = CHECK_TLS_REQUIRED,
     .steps = STEPS(SMTP_START, SAY("250-mx\r\n250 STARTTLS\r\n"), HEAR("STARTTLS\r\n"),
                    SAY("220 go\r\n250 mine\r\n"), STALL),
     .reason = REASON_INJECTION},
    {.name = "imap: STARTTLS refused",
     .kind = CHECK_IMAP,
     .tls = CHECK_TLS_OPTIONAL,
     .steps = STEPS(IMAP_START, IMAP_OFFERS("e1", "STARTTLS"), HEAR("e2 STARTTLS\r\n"),
                    SAY("e2 BAD no key\r\n"), IMAP_BYE("e3")),
     .reason = REASON_OK,
     .warning = REASON_TLS_REFUSED,
     .warning_detail = "e2 BAD no key"},

    /* certificates */
    {.name = "certificate: expired, optional",
     .tls = CHECK_TLS_OPTIONAL,
     .recipient = "probe@example.test",
     .steps = STEPS(GO_TLS(TLS_WITH(EXPIRED)), AUTHS("PLAIN"), MAIL_OK, RCPT, SAY("250 Ok\r\n"),
                    RSET_BYE),
     .reason = REASON_OK,
     .warning = REASON_CERT_EXPIRED,
     .warning_detail = "(2 days ago)"},
    {.name = "certificate: expired, required",
     .tls = CHECK_TLS_REQUIRED,
     .recipient = "probe@example.test",
     .steps = STEPS(GO_TLS(TLS_WITH(EXPIRED)), SMTP_BYE),
     .reason = REASON_CERT_EXPIRED,
     .detail = "expired 20"},
    {.name = "certificate: expired, TLS first",
     .kind = CHECK_SMTPS,
     .tls = CHECK_TLS_OPTIONAL,
     .steps = STEPS(TLS_WITH(EXPIRED), SAY("220-mx\r\n220 mx\r\n"), SMTP_BYE),
     .reason = REASON_CERT_EXPIRED,
     .detail = "(2 days ago)"},
    {.name = "certificate: expired, and the greeting is worse",
     .kind = CHECK_SMTPS,
     .steps = STEPS(TLS_WITH(EXPIRED), SAY("421 4.3.2 down\r\n"), END),
     .reason = REASON_GREETING_4XX,
     .detail = "421 4.3.2 down"},
    {.name = "certificate: not yet valid",
     .kind = CHECK_IMAPS,
     .steps = STEPS(TLS_WITH(EARLY), SAY("* OK ready\r\n"), IMAP_BYE("e1")),
     .reason = REASON_CERT_EXPIRED,
     .detail = "(in 1 day)"},
    {.name = "certificate: another name",
     .kind = CHECK_POP3S,
     .steps = STEPS(TLS_WITH(OF_OTHER), SAY("+OK ready\r\n"), POP3_BYE),
     .reason = REASON_CERT_NAME,
     .detail = "for mx.other.test"},
    {.name = "certificate: another name, optional",
     .tls = CHECK_TLS_OPTIONAL,
     .steps = STEPS(GO_TLS(TLS_WITH(OF_OTHER)), AUTHS("PLAIN"), SMTP_BYE),
     .reason = REASON_OK,
     .warning = REASON_CERT_NAME,
     .warning_detail = "for mx.other.test"},
    {.name = "certificate: a name that a terminal would obey",
     .kind = CHECK_POP3S,
     .steps = STEPS(TLS_WITH(OF_TERMINAL), SAY("+OK ready\r\n"), POP3_BYE),
     .reason = REASON_CERT_NAME,
     .detail = "for ?]0;x??;2J??.test"},
    {.name = "certificate: a name that a terminal would obey, optional",
     .tls = CHECK_TLS_OPTIONAL,
     .steps = STEPS(GO_TLS(TLS_WITH(OF_TERMINAL)), AUTHS("PLAIN"), SMTP_BYE),
     .reason = REASON_OK,
     .warning = REASON_CERT_NAME,
     .warning_detail = "for ?]0;x??;2J??.test"},
    {.name = "certificate: for all names of the domain",
     .tls = CHECK_TLS_REQUIRED,
     .steps = STEPS(GO_TLS(TLS_WITH(OF_PATTERN)), AUTHS("PLAIN"), SMTP_BYE),
     .reason = REASON_OK},
    {.name = "certificate: of an unknown authority",
     .tls = CHECK_TLS_REQUIRED,
     .steps = STEPS(GO_TLS(TLS_WITH(OF_NOBODY)), SMTP_BYE),
     .reason = REASON_CERT_UNTRUSTED,
     .detail = "self-signed certificate"},
    {.name = "certificate: of an unknown authority, optional",
     .tls = CHECK_TLS_OPTIONAL,
     .steps = STEPS(GO_TLS(TLS_WITH(OF_NOBODY)), AUTHS("PLAIN"), SMTP_BYE),
     .reason = REASON_OK,
     .warning = REASON_CERT_UNTRUSTED,
     .warning_detail = "self-signed certificate"},
    {.name = "certificate: TLS 1.1",
     .kind = CHECK_IMAPS,
     .steps = STEPS(TLS_WITH(OLD_TLS), SAY("* OK ready\r\n"), IMAP_BYE("e1")),
     .reason = REASON_TLS_WEAK,
     .detail = "TLSv1.1"},
    {.name = "certificate: TLS 1.1, optional",
     .tls = CHECK_TLS_OPTIONAL,
     .steps = STEPS(GO_TLS(TLS_WITH(OLD_TLS)), AUTHS("PLAIN"), SMTP_BYE),
     .reason = REASON_OK,
     .warning = REASON_TLS_WEAK,
     .warning_detail = "TLSv1.1"},
    {.name = "certificate: expires soon",
     .tls = CHECK_TLS_REQUIRED,
     .cert_warn_ms = INT64_C(14) * 86400 * 1000,
     .steps = STEPS(GO_TLS(TLS_WITH(SOON)), AUTHS("PLAIN"), SMTP_BYE),
     .reason = REASON_OK,
     .warning = REASON_CERT_EXPIRES,
     .warning_detail = "(in 9 days)",
     .ends_in_days = 9},
    {.name = "certificate: expires, but not so soon",
     .tls = CHECK_TLS_REQUIRED,
     .cert_warn_ms = INT64_C(7) * 86400 * 1000,
     .steps = STEPS(GO_TLS(TLS_WITH(SOON)), AUTHS("PLAIN"), SMTP_BYE),
     .reason = REASON_OK},
    {.name = "certificate: expires soon, and nobody wants to know",
     .tls = CHECK_TLS_REQUIRED,
     .steps = STEPS(GO_TLS(TLS_WITH(SOON)), AUTHS("PLAIN"), SMTP_BYE),
     .reason = REASON_OK,
     .ends_in_days = 9},

    /* AUTH */
    {.name = "submission: AUTH PLAIN, and a recipient",
     .kind = CHECK_SUBMISSION,
     .tls = CHECK_TLS_REQUIRED,
     .user = "probe",
     .recipient = "probe@example.test",
     .steps = STEPS(GO_TLS(TLS), AUTHS("LOGIN PLAIN"), HEAR("AUTH PLAIN " PLAIN_64 "\r\n"),
                    SAY("235 2.7.0 Ok\r\n"), MAIL_OK, RCPT, SAY("250 Ok\r\n"), RSET_BYE),
     .reason = REASON_OK,
     .timed = TIMED(CONNECT) | TIMED(GREETING) | TIMED(HELLO) | TIMED(TLS) | TIMED(LOGIN) |
              TIMED(MAIL) | TIMED(RCPT)},
    {.name = "submission: AUTH LOGIN",
     .kind = CHECK_SUBMISSION,
     .tls = CHECK_TLS_REQUIRED,
     .user = "probe",
     .steps =
         STEPS(GO_TLS(TLS), EHLO, SAY("250-mx\r\n250 AUTH=CRAM-MD5 login\r\n"),
               HEAR("AUTH LOGIN\r\n"), SAY("334 VXNlcm5hbWU6\r\n"), HEAR(USER_64 "\r\n"),
               SAY("334 UGFzc3dvcmQ6\r\n"), HEAR(PASSWORD_64 "\r\n"), SAY("235 Ok\r\n"), SMTP_BYE),
     .reason = REASON_OK},
    {.name = "smtps: AUTH",
     .kind = CHECK_SMTPS,
     .user = "probe",
     .steps = STEPS(TLS, SAY("220 mx\r\n"), AUTHS("PLAIN"), HEAR("AUTH PLAIN " PLAIN_64 "\r\n"),
                    SAY("235 2.7.0 Ok\r\n"), SMTP_BYE),
     .reason = REASON_OK},
    {.name = "submission: what was offered in plain text does not count inside TLS",
     .kind = CHECK_SUBMISSION,
     .tls = CHECK_TLS_REQUIRED,
     .user = "probe",
     .steps =
         STEPS(SMTP_START, SAY("250-mx\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n"),
               HEAR("STARTTLS\r\n"), SAY("220 go\r\n"), TLS, EHLO, SAY("250 mx\r\n"), SMTP_BYE),
     .reason = REASON_LOGIN_UNAVAILABLE,
     .detail = "no AUTH is offered"},
    {.name = "submission: no mechanism that we know",
     .kind = CHECK_SUBMISSION,
     .tls = CHECK_TLS_REQUIRED,
     .user = "probe",
     .steps = STEPS(GO_TLS(TLS), AUTHS("XOAUTH2 LOGINX"), SMTP_BYE),
     .reason = REASON_LOGIN_REFUSED,
     .detail = "neither AUTH PLAIN nor LOGIN"},
    {.name = "submission: never in plain text",
     .kind = CHECK_SUBMISSION,
     .tls = CHECK_TLS_OPTIONAL,
     .user = "probe",
     .steps = STEPS(SMTP_START, SAY("250-mx\r\n250 AUTH PLAIN\r\n"), SMTP_BYE),
     .reason = REASON_OK,
     .warning = REASON_TLS_NOT_OFFERED,
     .warning_detail = "no login without TLS"},
    {.name = "submission: never after STARTTLS was refused",
     .kind = CHECK_SUBMISSION,
     .tls = CHECK_TLS_OPTIONAL,
     .user = "probe",
     .steps = STEPS(SMTP_START, SAY("250-mx\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"),
                    HEAR("STARTTLS\r\n"), SAY("454 no\r\n"), SMTP_BYE),
     .reason = REASON_OK,
     .warning = REASON_TLS_REFUSED,
     .warning_detail = "454 no"},
    {.name = "submission: never with a bad certificate",
     .kind = CHECK_SUBMISSION,
     .tls = CHECK_TLS_OPTIONAL,
     .user = "probe",
     .steps = STEPS(GO_TLS(TLS_WITH(OF_OTHER)), AUTHS("PLAIN"), SMTP_BYE),
     .reason = REASON_OK,
     .warning = REASON_CERT_NAME,
     .warning_detail = "for mx.other.test"},
    {.name = "submission: in plain text where TLS is off",
     .kind = CHECK_SUBMISSION,
     .tls = CHECK_TLS_OFF,
     .user = "probe",
     .steps = STEPS(SMTP_START, SAY("250-mx\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"),
                    HEAR("AUTH PLAIN " PLAIN_64 "\r\n"), SAY("235 2.7.0 Ok\r\n"), SMTP_BYE),
     .reason = REASON_OK},
    {.name = "smtp: no AUTH on port 25",
     .tls = CHECK_TLS_OFF,
     .user = "probe",
     .steps = STEPS(PLAIN_ONLY, SMTP_BYE),
     .reason = REASON_OK},
    {.name = "submission: wrong password",
     .kind = CHECK_SUBMISSION,
     .tls = CHECK_TLS_REQUIRED,
     .user = "probe",
     .steps =
         STEPS(GO_TLS(TLS), AUTHS("PLAIN"), HEAR("AUTH PLAIN "),
               SAY("535 5.7.8 Error: authentication failed: (reason unavailable)\r\n"), SMTP_BYE),
     .reason = REASON_LOGIN_REFUSED,
     .detail = "535 5.7.8 Error: authentication failed: (reason unavailable)",
     .timed = TIMED(CONNECT) | TIMED(GREETING) | TIMED(HELLO) | TIMED(TLS) | TIMED(LOGIN)},
    {.name = "submission: the password was right before",
     .kind = CHECK_SUBMISSION,
     .tls = CHECK_TLS_REQUIRED,
     .user = "probe",
     .login_worked = true,
     .steps =
         STEPS(GO_TLS(TLS), AUTHS("PLAIN"), HEAR("AUTH PLAIN "),
               SAY("535 5.7.8 Error: authentication failed: (reason unavailable)\r\n"), SMTP_BYE),
     .reason = REASON_LOGIN_UNAVAILABLE,
     .detail = "535 5.7.8"},
    {.name = "submission: 454",
     .kind = CHECK_SUBMISSION,
     .tls = CHECK_TLS_REQUIRED,
     .user = "probe",
     .steps = STEPS(GO_TLS(TLS), AUTHS("PLAIN"), HEAR("AUTH PLAIN "),
                    SAY("454 4.7.0 Temporary authentication failure\r\n"), SMTP_BYE),
     .reason = REASON_LOGIN_UNAVAILABLE,
     .detail = "454 4.7.0"},
    {.name = "submission: AUTH hangs",
     .kind = CHECK_SUBMISSION,
     .tls = CHECK_TLS_OFF,
     .user = "probe",
     .steps = STEPS(SMTP_START, SAY("250-mx\r\n250 AUTH PLAIN\r\n"), HEAR("AUTH PLAIN "), STALL),
     .reason = REASON_REPLY_TIMEOUT,
     .detail = "no reply to AUTH"},
    {.name = "submission: 334 that nobody waits for",
     .kind = CHECK_SUBMISSION,
     .tls = CHECK_TLS_OFF,
     .user = "probe",
     .steps = STEPS(SMTP_START, SAY("250-mx\r\n250 AUTH PLAIN\r\n"), HEAR("AUTH PLAIN "),
                    SAY("334 more?\r\n"), GONE),
     .reason = REASON_REPLY_BAD,
     .detail = "334 more?"},
    {.name = "submission: a command that is quoted is not told",
     .kind = CHECK_SUBMISSION,
     .tls = CHECK_TLS_OFF,
     .user = "probe",
     .steps =
         STEPS(SMTP_START, SAY("250-mx\r\n250 AUTH PLAIN\r\n"), HEAR("AUTH PLAIN "),
               SAY("500 5.5.1 Command unrecognized: \"AUTH PLAIN " PLAIN_64 "\"\r\n"), SMTP_BYE),
     .reason = REASON_REPLY_5XX,
     .detail = "500 5.5.1 Command unrecognized: \"AUTH PLAIN ************************\""},

    /* IMAP */
    {.name = "imap: AUTHENTICATE at once",
     .kind = CHECK_IMAP,
     .tls = CHECK_TLS_REQUIRED,
     .user = "probe",
     .steps = STEPS(
         IMAP_START, IMAP_OFFERS("e1", "STARTTLS LOGINDISABLED"), HEAR("e2 STARTTLS\r\n"),
         SAY("e2 OK go\r\n"), TLS, HEAR("e3 CAPABILITY\r\n"),
         IMAP_OFFERS("e3", "SASL-IR AUTH=PLAIN"), HEAR("e4 AUTHENTICATE PLAIN " PLAIN_64 "\r\n"),
         SAY("* CAPABILITY IMAP4rev1 STARTTLS\r\ne4 OK Logged in\r\n"),
         HEAR("e5 EXAMINE INBOX\r\n"), SAY("* 0 EXISTS\r\ne5 OK [READ-ONLY]\r\n"), IMAP_BYE("e6")),
     .reason = REASON_OK,
     .timed = TIMED(CONNECT) | TIMED(GREETING) | TIMED(HELLO) | TIMED(TLS) | TIMED(LOGIN) |
              TIMED(SELECT)},
    {.name = "imap: AUTHENTICATE step by step where LOGIN is disabled",
     .kind = CHECK_IMAPS,
     .user = "probe",
     .steps = STEPS(TLS, IMAP_START, IMAP_OFFERS("e1", "LOGINDISABLED AUTH=PLAIN"),
                    HEAR("e2 AUTHENTICATE PLAIN\r\n"), SAY("+ \r\n"), HEAR(PLAIN_64 "\r\n"),
                    SAY("e2 OK Logged in\r\n"), HEAR("e3 EXAMINE INBOX\r\n"), SAY("e3 OK\r\n"),
                    IMAP_BYE("e4")),
     .reason = REASON_OK},
    {.name = "imap: LOGIN",
     .kind = CHECK_IMAPS,
     .user = "probe",
     .steps = STEPS(TLS, IMAP_START, IMAP_OFFERS("e1", "AUTH=PLAIN IDLE"),
                    HEAR("e2 LOGIN \"probe\" \"sesame open\"\r\n"), SAY("e2 OK\r\n"),
                    HEAR("e3 EXAMINE INBOX\r\n"), SAY("e3 OK\r\n"), IMAP_BYE("e4")),
     .reason = REASON_OK},
    {.name = "imap: LOGIN quotes",
     .kind = CHECK_IMAPS,
     .user = "pr\\obe",
     .password = "a\"b {3}",
     .steps = STEPS(TLS, IMAP_START, IMAP_OFFERS("e1", ""),
                    HEAR("e2 LOGIN \"pr\\\\obe\" \"a\\\"b {3}\"\r\n"), SAY("e2 OK\r\n"),
                    HEAR("e3 EXAMINE INBOX\r\n"), SAY("e3 OK\r\n"), IMAP_BYE("e4")),
     .reason = REASON_OK},
    {.name = "imap: LOGIN by literals",
     .kind = CHECK_IMAPS,
     .user = "probe",
     .password = "gr\xc3\xbcn",
     .steps =
         STEPS(TLS, IMAP_START, IMAP_OFFERS("e1", ""), HEAR("e2 LOGIN {5}\r\n"), SAY("+ go\r\n"),
               HEAR("probe {5}\r\n"), SAY("+\r\n"), HEAR("gr\xc3\xbcn\r\n"), SAY("e2 OK\r\n"),
               HEAR("e3 EXAMINE INBOX\r\n"), SAY("e3 OK\r\n"), IMAP_BYE("e4")),
     .reason = REASON_OK},
    {.name = "imap: a literal that is refused",
     .kind = CHECK_IMAPS,
     .user = "probe",
     .password = "gr\xc3\xbcn",
     .steps = STEPS(TLS, IMAP_START, IMAP_OFFERS("e1", ""), HEAR("e2 LOGIN {5}\r\n"),
                    SAY("e2 NO [UNAVAILABLE] later\r\n"), IMAP_BYE("e3")),
     .reason = REASON_LOGIN_UNAVAILABLE,
     .detail = "e2 NO [UNAVAILABLE] later"},
    {.name = "imap: OK before the password",
     .kind = CHECK_IMAPS,
     .user = "probe",
     .password = "gr\xc3\xbcn",
     .steps = STEPS(TLS, IMAP_START, IMAP_OFFERS("e1", ""), HEAR("e2 LOGIN {5}\r\n"),
                    SAY("e2 OK\r\n"), GONE),
     .reason = REASON_REPLY_BAD,
     .detail = "e2 OK"},
    {.name = "imap: no way to log in",
     .kind = CHECK_IMAPS,
     .user = "probe",
     .steps =
         STEPS(TLS, IMAP_START, IMAP_OFFERS("e1", "LOGINDISABLED AUTH=GSSAPI"), IMAP_BYE("e2")),
     .reason = REASON_LOGIN_REFUSED,
     .detail = "LOGINDISABLED"},
    {.name = "imap: never in plain text",
     .kind = CHECK_IMAP,
     .tls = CHECK_TLS_OPTIONAL,
     .user = "probe",
     .steps = STEPS(IMAP_START, IMAP_OFFERS("e1", "AUTH=PLAIN"), IMAP_BYE("e2")),
     .reason = REASON_OK,
     .warning = REASON_TLS_NOT_OFFERED,
     .warning_detail = "no login without TLS"},
    {.name = "imap: the data base is away",
     .kind = CHECK_IMAPS,
     .user = "probe",
     .steps =
         STEPS(TLS, IMAP_START, IMAP_OFFERS("e1", ""), HEAR("e2 LOGIN "),
               SAY("e2 NO [UNAVAILABLE] Temporary authentication failure.\r\n"), IMAP_BYE("e3")),
     .reason = REASON_LOGIN_UNAVAILABLE,
     .detail = "e2 NO [UNAVAILABLE] Temporary authentication failure."},
    {.name = "imap: wrong password",
     .kind = CHECK_IMAPS,
     .user = "probe",
     .steps = STEPS(TLS, IMAP_START, IMAP_OFFERS("e1", ""), HEAR("e2 LOGIN "),
                    SAY("e2 NO [AUTHENTICATIONFAILED] Authentication failed.\r\n"), IMAP_BYE("e3")),
     .reason = REASON_LOGIN_REFUSED,
     .detail = "e2 NO [AUTHENTICATIONFAILED]"},
    {.name = "imap: LOGIN hangs",
     .kind = CHECK_IMAPS,
     .user = "probe",
     .steps = STEPS(TLS, IMAP_START, IMAP_OFFERS("e1", ""), HEAR("e2 LOGIN "), STALL),
     .reason = REASON_REPLY_TIMEOUT,
     .detail = "no reply to LOGIN"},
    {.name = "imap: BYE at LOGIN",
     .kind = CHECK_IMAPS,
     .user = "probe",
     .steps = STEPS(TLS, IMAP_START, IMAP_OFFERS("e1", ""), HEAR("e2 LOGIN "),
                    SAY("* BYE Disconnected: Auth process broken\r\n"), END),
     .reason = REASON_LOGIN_UNAVAILABLE,
     .detail = "* BYE Disconnected"},
    {.name = "imap: the mail store is broken",
     .kind = CHECK_IMAPS,
     .user = "probe",
     .steps = STEPS(TLS, IMAP_START, IMAP_OFFERS("e1", ""), HEAR("e2 LOGIN "), SAY("e2 OK\r\n"),
                    HEAR("e3 EXAMINE INBOX\r\n"), SAY("e3 NO [SERVERBUG] Internal error\r\n"),
                    IMAP_BYE("e4")),
     .reason = REASON_MAILBOX_BROKEN,
     .detail = "e3 NO [SERVERBUG] Internal error"},
    {.name = "imap: a command that is quoted is not told",
     .kind = CHECK_IMAPS,
     .user = "probe",
     .password = "a\"b\"c",
     .steps = STEPS(TLS, IMAP_START, IMAP_OFFERS("e1", ""), HEAR("e2 LOGIN "),
                    SAY("e2 BAD what is LOGIN \"probe\" \"a\\\"b\\\"c\"?\r\n"), IMAP_BYE("e3")),
     .reason = REASON_LOGIN_REFUSED,
     .detail = "e2 BAD what is LOGIN \"probe\" \"*******\"?"},
    {.name = "imap: PREAUTH needs no login",
     .kind = CHECK_IMAP,
     .tls = CHECK_TLS_OPTIONAL,
     .user = "probe",
     .steps = STEPS(SAY("* PREAUTH welcome\r\n"), HEAR("e1 CAPABILITY\r\n"),
                    IMAP_OFFERS("e1", "STARTTLS"), HEAR("e2 EXAMINE INBOX\r\n"), SAY("e2 OK\r\n"),
                    IMAP_BYE("e3")),
     .reason = REASON_OK},

    /* POP3 */
    {.name = "pop3: USER, PASS, STAT",
     .kind = CHECK_POP3S,
     .user = "probe",
     .steps = STEPS(TLS, POP3_START, HEAR("USER probe\r\n"), SAY("+OK\r\n"),
                    HEAR("PASS sesame open\r\n"), SAY("+OK Logged in.\r\n"), HEAR("STAT\r\n"),
                    SAY("+OK 0 0\r\n"), POP3_BYE),
     .reason = REASON_OK,
     .timed = TIMED(CONNECT) | TIMED(TLS) | TIMED(GREETING) | TIMED(HELLO) | TIMED(LOGIN) |
              TIMED(SELECT)},
    {.name = "pop3: no CAPA, but a login",
     .kind = CHECK_POP3,
     .tls = CHECK_TLS_OFF,
     .user = "probe",
     .steps = STEPS(SAY("+OK\r\n"), HEAR("CAPA\r\n"), SAY("-ERR what?\r\n"), HEAR("USER probe\r\n"),
                    SAY("+OK\r\n"), HEAR("PASS sesame open\r\n"),
                    SAY("-ERR [AUTH] Authentication failed.\r\n"), POP3_BYE),
     .reason = REASON_LOGIN_REFUSED,
     .detail = "-ERR [AUTH] Authentication failed."},
    {.name = "pop3: no login now",
     .kind = CHECK_POP3S,
     .user = "probe",
     .steps = STEPS(TLS, POP3_START, HEAR("USER probe\r\n"), SAY("-ERR [SYS/TEMP] not now\r\n"),
                    POP3_BYE),
     .reason = REASON_LOGIN_UNAVAILABLE,
     .detail = "-ERR [SYS/TEMP] not now"},
    {.name = "pop3: the maildrop is in use",
     .kind = CHECK_POP3S,
     .user = "probe",
     .steps = STEPS(TLS, POP3_START, HEAR("USER probe\r\n"), SAY("+OK\r\n"), HEAR("PASS "),
                    SAY("-ERR [IN-USE] locked\r\n"), POP3_BYE),
     .reason = REASON_OK,
     .detail = "-ERR [IN-USE] locked"},
    {.name = "pop3: the maildrop is broken",
     .kind = CHECK_POP3S,
     .user = "probe",
     .steps = STEPS(TLS, POP3_START, HEAR("USER probe\r\n"), SAY("+OK\r\n"), HEAR("PASS "),
                    SAY("+OK\r\n"), HEAR("STAT\r\n"), SAY("-ERR [SYS/PERM] broken\r\n"), POP3_BYE),
     .reason = REASON_MAILBOX_BROKEN,
     .detail = "-ERR [SYS/PERM] broken"},
    {.name = "pop3: never in plain text",
     .kind = CHECK_POP3,
     .tls = CHECK_TLS_OPTIONAL,
     .user = "probe",
     .steps = STEPS(POP3_START, POP3_BYE),
     .reason = REASON_OK,
     .warning = REASON_TLS_NOT_OFFERED,
     .warning_detail = "no login without TLS"},
    {.name = "pop3: a password that no line holds",
     .kind = CHECK_POP3S,
     .user = "probe",
     .password = "a\r\nDELE 1",
     .steps = STEPS(TLS, POP3_START, HEAR("USER probe\r\n"), SAY("+OK\r\n"), POP3_BYE),
     .reason = REASON_LOGIN_REFUSED,
     .detail = "fits no command"},
};

static struct shared *text_of(const char *text)
{
    return text ? shared_new(text, strlen(text), true) : NULL;
}

static struct outcome probe_service(const struct service_case *service,
                                    struct script_server *server)
{
    struct check_settings settings = {
        .kind = service->kind,
        .tls = service->tls,
        .refusal = service->refusal,
        .cert_warn_ms = service->cert_warn_ms,
        .interval_ms = 2000,
        .timeout_ms = PROBE_MS,
        .connect_timeout_ms = STEP_MS,
        .greeting_timeout_ms = STEP_MS,
        .reply_timeout_ms = STEP_MS,
        .recipient = text_of(service->recipient),
        .user = text_of(service->user),
        .password = text_of(!service->user      ? NULL
                            : service->password ? service->password
                                                : "sesame open"),
    };
    const struct probe_target target = {.address = {.family = 4, .bytes = {127, 0, 0, 1}},
                                        .port = script_port(server),
                                        .check = &settings,
                                        .host = "mx.example.test",
                                        .login_worked = service->login_worked};
    struct outcome outcome = probe_target_once(&target, script_ca_file(server));
    shared_release(settings.recipient);
    shared_release(settings.user);
    shared_release(settings.password);
    return outcome;
}

static void check_text(const char *what, const char *text, const char *wanted)
{
    if (wanted ? !strstr(text, wanted) : *text)
        fail_msg("%s is \"%s\"", what, text);
}

static void test_service(void **state)
{
    const struct service_case *service = *state;
    struct script_server *server = script_start("127.0.0.1", service->steps);
    struct outcome outcome = probe_service(service, server);
    char *wrong = script_stop(server);
    unsigned timed = 0;

    if (wrong)
        fail_msg("the script: %s", wrong);
    assert_string_equal(reason_word(outcome.reason), reason_word(service->reason));
    check_text("detail", outcome.detail, service->detail);
    assert_string_equal(reason_word(outcome.warning), reason_word(service->warning));
    if (service->ends_in_days)
        assert_int_equal((outcome.certificate_ends_s - time(NULL)) / 86400, service->ends_in_days);
    if (service->warning != REASON_TLS_TIMEOUT)
        check_text("warning", outcome.warning_detail, service->warning_detail);
    for (unsigned i = 0; i < TIMED_STEPS; i++)
        timed |= (outcome.step_us[i] > 0) << i;
    if (service->timed)
        assert_int_equal(timed, service->timed);
}

static void test_times(void **state)
{
    const struct script_step steps[] = {
        PAUSE(60),         SMTP_START, PAUSE(20),         SAY("250 mx\r\n"), MAIL, PAUSE(100),
        SAY("250 Ok\r\n"), RCPT,       SAY("250 Ok\r\n"), RSET_BYE,          END};
    const struct service_case service = {.recipient = "probe@example.test", .steps = steps};
    struct script_server *server = script_start("127.0.0.1", steps);
    struct outcome outcome = probe_service(&service, server);
    (void)state;

    assert_null(script_stop(server));
    assert_int_equal(outcome.reason, REASON_OK);
    assert_in_range(outcome.step_us[TIMED_GREETING], 40000, 300000);
    assert_in_range(outcome.step_us[TIMED_HELLO], 15000, 300000);
    assert_in_range(outcome.step_us[TIMED_MAIL], 95000, 400000);
    assert_in_range(outcome.step_us[TIMED_RCPT], 1, 90000);
    assert_int_equal(outcome.step_us[TIMED_LOGIN], 0);
}

/* What is no service probe, or says nothing, teaches nothing. */
static void test_learning(void **state)
{
    struct probe_target target = {0};
    struct outcome stalled = {
        .depth = DEPTH_SERVICE, .reason = REASON_OK, .warning = REASON_TLS_TIMEOUT};
    struct outcome liveness = {.depth = DEPTH_LIVENESS, .reason = REASON_OK};
    struct outcome good = {.depth = DEPTH_SERVICE, .reason = REASON_OK};
    struct outcome failed = {.depth = DEPTH_SERVICE, .reason = REASON_LOGIN_UNAVAILABLE};
    struct outcome late = {.depth = DEPTH_SERVICE, .reason = REASON_LATE};
    (void)state;

    probe_target_learn(&target, &stalled);
    assert_true(target.tls_failed);
    probe_target_learn(&target, &liveness);
    probe_target_learn(&target, &late);
    assert_true(target.tls_failed);
    failed.step_us[TIMED_LOGIN] = 5;
    probe_target_learn(&target, &failed);
    assert_false(target.tls_failed);
    assert_false(target.login_worked);
    probe_target_learn(&target, &good);
    assert_false(target.login_worked);
    good.step_us[TIMED_LOGIN] = 5;
    probe_target_learn(&target, &good);
    assert_true(target.login_worked);
}

/* An optional handshake that stalled the last time does not get the whole of a long timeout again.
 */
static void test_short_patience(void **state)
{
    const struct check_settings settings = {.kind = CHECK_SMTP,
                                            .tls = CHECK_TLS_OPTIONAL,
                                            .interval_ms = 60000,
                                            .timeout_ms = 30000,
                                            .connect_timeout_ms = 30000,
                                            .greeting_timeout_ms = 30000,
                                            .reply_timeout_ms = 30000};
    const struct script_step steps[] = {SMTP_START,
                                        SAY("250-mx\r\n250 STARTTLS\r\n"),
                                        HEAR("STARTTLS\r\n"),
                                        SAY("220 go\r\n"),
                                        STALL,
                                        END};
    struct script_server *server = script_start("127.0.0.1", steps);
    const struct probe_target target = {.address = {.family = 4, .bytes = {127, 0, 0, 1}},
                                        .port = script_port(server),
                                        .check = &settings,
                                        .host = "mx.example.test",
                                        .tls_failed = true};
    struct outcome outcome = probe_target_once(&target, NULL);
    (void)state;

    assert_null(script_stop(server));
    assert_int_equal(outcome.reason, REASON_OK);
    assert_int_equal(outcome.warning, REASON_TLS_TIMEOUT);
    assert_in_range(outcome.step_us[TIMED_TLS], 2500000, 4500000);
}

int main(void)
{
    enum { COUNT = sizeof services / sizeof *services };
    struct CMUnitTest tests[COUNT + 3] = {
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_learning),
        cmocka_unit_test(test_short_patience),
    };
    for (size_t i = 0; i < COUNT; i++)
        tests[3 + i] = (struct CMUnitTest){.name = services[i].name,
                                           .test_func = test_service,
                                           .initial_state = (void *)(uintptr_t)&services[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
