/* SPDX-License-Identifier: BSD-2-Clause */
/* What a reply that is no success says about a server: its own fault, a policy, a mistake of ours,
 * or a refusal of us alone. Pure, by tables; any thread. Codes: RFC 5321 section 4.2, RFC 3463
 * (SMTP), RFC 5530 (IMAP), RFC 2449 and RFC 3206 (POP3). Where servers use one code for several
 * things, the words decide that real servers say: Postfix, Exim, Sendmail, OpenSMTPD, qmail,
 * Exchange, Dovecot, Cyrus, Courier. */
#ifndef EVERMX_PROBE_JUDGE_H
#define EVERMX_PROBE_JUDGE_H

#include "verdict/verdict.h"

#include <stdbool.h>

/* What the reply answers. */
enum judge_step {
    JUDGE_GREETING,
    JUDGE_HELLO,   /* EHLO, HELO, CAPABILITY */
    JUDGE_LOGIN,   /* AUTH, LOGIN, AUTHENTICATE, USER, PASS */
    JUDGE_MAIL,    /* MAIL FROM */
    JUDGE_RCPT,    /* RCPT TO */
    JUDGE_MAILBOX, /* SELECT, STAT */
};

enum judge_status { JUDGE_NO, JUDGE_BAD, JUDGE_BYE };

/* What is known beside the reply. */
struct judge_hints {
    bool refusal_is_down; /* configured: a greeting of 5xx is the host's fault */
    bool login_worked;    /* with these credentials, before */
};

/* REASON_OK: a living server says this as well (greylisting, a maildrop in use): good enough.
 * text: what stands behind the code, or behind NO, BAD, BYE, -ERR; of several lines, all of it. */
enum reason judge_smtp(enum judge_step step, unsigned code, const char *text,
                       const struct judge_hints *hints);
enum reason judge_imap(enum judge_step step, enum judge_status status, const char *text);
enum reason judge_pop3(enum judge_step step, const char *text);

#endif
