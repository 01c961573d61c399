/* SPDX-License-Identifier: BSD-2-Clause */
/* SMTP, submission and smtps: greeting, EHLO (or HELO), STARTTLS and EHLO again, AUTH, MAIL and
 * RCPT for a recipient that gets no message, RSET, QUIT. RFC 5321, RFC 3207, RFC 4954. Not a byte
 * is sent before the last line of the greeting: postscreen and others take an early talker for a
 * bot. */
#include "base/clock.h"
#include "probe/session.h"
#include "probe/stream.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum smtp_state {
    SMTP_GREETING,
    SMTP_EHLO,
    SMTP_HELO,
    SMTP_STARTTLS,
    SMTP_AUTH,          /* with all that it takes */
    SMTP_AUTH_PLAIN,    /* 334: the credentials */
    SMTP_AUTH_USER,     /* AUTH LOGIN: 334, user */
    SMTP_AUTH_PASSWORD, /* 334, password */
    SMTP_MAIL,
    SMTP_RCPT,
    SMTP_DATA, /* 354: the message */
    SMTP_MESSAGE,
    SMTP_RSET,
    SMTP_QUIT,
};

enum smtp_offer { OFFERS_AUTH = 1, OFFERS_PLAIN = 2, OFFERS_LOGIN = 4 };

/* RFC 5321 section 4.5.3.1.4: a command line, without CRLF. */
enum { COMMAND_LINE_MAX = 510 };

static void smtp_opened(struct session *session)
{
    session->state = SMTP_GREETING;
    session_await_greeting(session);
}

/* RFC 5321 section 4.1.3: a client without a name gives its address. */
static void smtp_hello(struct session *session, enum smtp_state state, const char *verb)
{
    char line[300], literal[ADDRESS_TEXT_SIZE];
    struct address local;

    session->offers = 0;
    if (session->setting->ehlo_name) {
        snprintf(line, sizeof line, "%s %s", verb, session->setting->ehlo_name);
    } else if (stream_local_address(session->stream, &local)) {
        address_format(&local, literal);
        snprintf(line, sizeof line, "%s [%s%s]", verb, local.family == 6 ? "IPv6:" : "", literal);
    } else {
        snprintf(line, sizeof line, "%s [127.0.0.1]", verb); /* the connection has just broken */
    }
    session_ask(session, state, TIMED_HELLO, verb, line);
}

static void smtp_ehlo(struct session *session)
{
    smtp_hello(session, SMTP_EHLO, "EHLO");
}

/* A transaction that was begun is taken back first. */
static void smtp_leave(struct session *session)
{
    if (session->open_mail)
        session_ask(session, SMTP_RSET, TIMED_STEPS, "RSET", "RSET");
    else
        session_ask(session, SMTP_QUIT, TIMED_STEPS, "QUIT", "QUIT");
    session->open_mail = false;
}

/* ---- what the service is asked for ---- */

static void smtp_mail(struct session *session)
{
    if (session_has_recipient(session))
        session_ask(session, SMTP_MAIL, TIMED_MAIL, "MAIL", "MAIL FROM:<>");
    else
        session_complete(session);
}

static void smtp_rcpt(struct session *session)
{
    char line[COMMAND_LINE_MAX + 1];
    session->open_mail = true;
    snprintf(line, sizeof line, "RCPT TO:<%s>", shared_text(session->target->check->recipient));
    session_ask(session, SMTP_RCPT, TIMED_RCPT, "RCPT", line);
}

static bool smtp_has_message(const struct session *session)
{
    return session->errand && session->errand->message;
}

static void smtp_message(struct session *session)
{
    session_ask(session, SMTP_MESSAGE, TIMED_STEPS, "the message", session->errand->message);
}

static void smtp_auth_plain(struct session *session)
{
    static const char verb[] = "AUTH PLAIN ";
    const struct credentials credentials = session_credentials(session);
    const size_t verb_size = sizeof verb - 1;
    char line[STREAM_COMMAND_MAX - 2];

    memcpy(line, verb, sizeof verb);
    if (!credentials_plain(&credentials, line + verb_size, sizeof line - verb_size)) {
        session_refused(session, REASON_LOGIN_REFUSED, "user and password are too long");
        return;
    }
    if (strlen(line) <= COMMAND_LINE_MAX)
        session_ask_octets(session, SMTP_AUTH, TIMED_LOGIN, "AUTH", line, strlen(line));
    else
        session_ask(session, SMTP_AUTH_PLAIN, TIMED_LOGIN, "AUTH", "AUTH PLAIN");
    explicit_bzero(line, sizeof line);
}

/* Says what a 334 asks for. */
static void smtp_auth_next(struct session *session)
{
    const struct credentials credentials = session_credentials(session);
    enum smtp_state state = SMTP_AUTH;
    const struct shared *text = credentials.password;
    char line[STREAM_COMMAND_MAX - 2];
    bool fits;

    if (session->state == SMTP_AUTH_USER) {
        state = SMTP_AUTH_PASSWORD;
        text = credentials.user;
    }
    if (session->state == SMTP_AUTH_PLAIN)
        fits = credentials_plain(&credentials, line, sizeof line);
    else
        fits = credentials_encode(shared_text(text), shared_size(text), line, sizeof line);
    if (fits)
        session_ask_octets(session, state, TIMED_LOGIN, "AUTH", line, strlen(line));
    else
        session_refused(session, REASON_LOGIN_REFUSED, "user or password is too long");
    explicit_bzero(line, sizeof line);
}

/* On port 25 hardly any server takes logins, and none needs to. */
static bool smtp_needs_login(const struct session *session)
{
    return session_may_login(session) &&
           (session->target->check->kind != CHECK_SMTP || session->offers & OFFERS_AUTH);
}

static void smtp_login(struct session *session)
{
    if (session->offers & OFFERS_PLAIN)
        smtp_auth_plain(session);
    else if (session->offers & OFFERS_LOGIN)
        session_ask(session, SMTP_AUTH_USER, TIMED_LOGIN, "AUTH", "AUTH LOGIN");
    else if (session->offers & OFFERS_AUTH)
        session_refused(session, REASON_LOGIN_REFUSED, "neither AUTH PLAIN nor LOGIN is offered");
    else
        session_refused(session, REASON_LOGIN_UNAVAILABLE, "no AUTH is offered");
}

static void smtp_capable(struct session *session)
{
    if (session_wants_tls(session))
        session_ask(session, SMTP_STARTTLS, TIMED_TLS, "STARTTLS", "STARTTLS");
    else if (!session_is_private(session))
        return;
    else if (smtp_needs_login(session))
        smtp_login(session);
    else
        smtp_mail(session);
}

/* ---- replies ---- */

static enum judge_step smtp_judge_step(enum smtp_state state)
{
    switch (state) {
    case SMTP_GREETING:
        return JUDGE_GREETING;
    case SMTP_AUTH:
    case SMTP_AUTH_PLAIN:
    case SMTP_AUTH_USER:
    case SMTP_AUTH_PASSWORD:
        return JUDGE_LOGIN;
    case SMTP_MAIL:
        return JUDGE_MAIL;
    case SMTP_RCPT:
        return JUDGE_RCPT;
    case SMTP_DATA:
    case SMTP_MESSAGE:
        return JUDGE_MAIL;
    default:
        return JUDGE_HELLO;
    }
}

static enum reason smtp_judge(const struct session *session)
{
    const struct judge_hints hints = session_hints(session);
    return judge_smtp(smtp_judge_step((enum smtp_state)session->state), session->code,
                      session->text, &hints);
}

/* 454 and the like: senders go on in plain text. After 421 there is no going on. */
static void smtp_starttls_denied(struct session *session)
{
    enum reason reason = smtp_judge(session);
    if (session->code == 421 || reason == REASON_PROBER_REFUSED)
        session_refused(session, reason, session->first);
    else if (session_tls_refused(session, session->first))
        smtp_capable(session);
}

static void smtp_granted(struct session *session)
{
    switch ((enum smtp_state)session->state) {
    case SMTP_GREETING:
        session_greeted(session);
        break;
    case SMTP_EHLO:
    case SMTP_HELO:
        smtp_capable(session);
        break;
    case SMTP_STARTTLS:
        session_start_tls(session);
        break;
    case SMTP_AUTH:
    case SMTP_AUTH_PLAIN:
    case SMTP_AUTH_USER:
    case SMTP_AUTH_PASSWORD:
        smtp_mail(session);
        break;
    case SMTP_MAIL:
        smtp_rcpt(session);
        break;
    case SMTP_RCPT:
        if (smtp_has_message(session))
            session_ask(session, SMTP_DATA, TIMED_STEPS, "DATA", "DATA");
        else
            session_complete(session);
        break;
    case SMTP_DATA: /* without the message? */
        session_bad(session, session->first);
        break;
    case SMTP_MESSAGE:
        session->open_mail = false;
        session->result.accepted_us = clock_now_us();
        session_complete(session);
        break;
    case SMTP_RSET:
        smtp_leave(session);
        break;
    case SMTP_QUIT:
        session_left(session);
        break;
    }
}

static void smtp_denied(struct session *session)
{
    enum reason reason;

    switch ((enum smtp_state)session->state) {
    case SMTP_STARTTLS:
        smtp_starttls_denied(session);
        return;
    case SMTP_RSET:
        smtp_leave(session);
        return;
    case SMTP_QUIT:
        session_left(session);
        return;
    case SMTP_MESSAGE: /* the transaction is over, RFC 5321 section 4.1.1.4 */
        session->open_mail = false;
        break;
    case SMTP_EHLO:
        if (session->code / 100 == 5) { /* knows SMTP only as it was before 1995 */
            smtp_hello(session, SMTP_HELO, "HELO");
            return;
        }
        break;
    default:
        break;
    }
    reason = smtp_judge(session);
    if (reason == REASON_OK)
        session_complete_by(session, session->first);
    else
        session_refused(session, reason, session->first);
}

/* The reply is complete. As senders do, only the first digit tells success. */
static void smtp_reply(struct session *session)
{
    bool continues = session->state >= SMTP_AUTH_PLAIN && session->state <= SMTP_AUTH_PASSWORD;

    switch (session->code / 100) {
    case 2:
        smtp_granted(session);
        break;
    case 3:
        if (continues && session->code == 334)
            smtp_auth_next(session);
        else if (session->state == SMTP_DATA)
            smtp_message(session);
        else
            session_bad(session, session->first);
        break;
    case 4:
    case 5:
        smtp_denied(session);
        break;
    default:
        session_bad(session, session->first);
        break;
    }
}

/* "AUTH PLAIN LOGIN"; before RFC 4954 "AUTH=PLAIN LOGIN". */
static void smtp_offers_auth(struct session *session, const char *word)
{
    session->offers |= OFFERS_AUTH;
    for (; word; word = strchr(word, ' ')) {
        word++;
        if (session_has_word(word, "PLAIN"))
            session->offers |= OFFERS_PLAIN;
        else if (session_has_word(word, "LOGIN"))
            session->offers |= OFFERS_LOGIN;
    }
}

static void smtp_offered(struct session *session, const char *keyword)
{
    if (session_has_word(keyword, "STARTTLS"))
        session->tls_offered = true;
    else if (session_has_word(keyword, "AUTH") || !strncasecmp(keyword, "AUTH=", 5))
        smtp_offers_auth(session, keyword + 4);
}

/* For the judge: what is behind the codes. */
static void smtp_keep(struct session *session, const char *text)
{
    size_t used = strlen(session->text);
    snprintf(session->text + used, sizeof session->text - used, "%s%s", used ? " " : "", text);
}

/* "250-text", "250 text", "250": RFC 5321 section 4.2.1. */
static void smtp_line(struct session *session, const char *line)
{
    if (!isdigit((unsigned char)line[0]) || !isdigit((unsigned char)line[1]) ||
        !isdigit((unsigned char)line[2]) || (line[3] && line[3] != ' ' && line[3] != '-')) {
        session_bad(session, line);
        return;
    }
    unsigned code = (unsigned)((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
    if (session->lines > 1 && code != session->code) {
        session_bad(session, line);
        return;
    }
    session->code = code;
    if (line[3])
        smtp_keep(session, line + 4);
    if (session->state == SMTP_EHLO && session->lines > 1 && line[3])
        smtp_offered(session, line + 4);
    if (line[3] != '-')
        smtp_reply(session);
}

const struct protocol smtp_protocol = {
    .opened = smtp_opened, .line = smtp_line, .hello = smtp_ehlo, .leave = smtp_leave};
