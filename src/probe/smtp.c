/* SPDX-License-Identifier: BSD-2-Clause */
/* SMTP, submission and smtps: greeting, EHLO (or HELO), STARTTLS and EHLO again, QUIT. RFC 5321,
 * RFC 3207. Not a byte is sent before the last line of the greeting: postscreen and others take an
 * early talker for a bot. */
#include "probe/session.h"
#include "probe/stream.h"

#include <ctype.h>
#include <stdio.h>

enum smtp_state { SMTP_GREETING, SMTP_EHLO, SMTP_HELO, SMTP_STARTTLS, SMTP_QUIT };

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

    if (session->setting->ehlo_name) {
        snprintf(line, sizeof line, "%s %s", verb, session->setting->ehlo_name);
    } else if (stream_local_address(session->stream, &local)) {
        address_format(&local, literal);
        snprintf(line, sizeof line, "%s [%s%s]", verb, local.family == 6 ? "IPv6:" : "", literal);
    } else {
        snprintf(line, sizeof line, "%s [127.0.0.1]", verb); /* the connection has just broken */
    }
    session_ask(session, state, verb, line);
}

static void smtp_ehlo(struct session *session)
{
    smtp_hello(session, SMTP_EHLO, "EHLO");
}

static void smtp_leave(struct session *session)
{
    session_ask(session, SMTP_QUIT, "QUIT", "QUIT");
}

static void smtp_capable(struct session *session)
{
    if (session_wants_tls(session))
        session_ask(session, SMTP_STARTTLS, "STARTTLS", "STARTTLS");
    else
        session_complete(session);
}

/* The reply is complete. As senders do, only its first digit is looked at. */
static void smtp_reply(struct session *session)
{
    unsigned class = session->code / 100;
    bool for_good = class == 5;

    if (class != 2 && class != 4 && class != 5) {
        session_bad(session, session->first);
        return;
    }
    switch ((enum smtp_state)session->state) {
    case SMTP_GREETING:
        if (class == 2)
            session_greeted(session);
        else
            session_refused(session, for_good, session->first);
        break;
    case SMTP_EHLO:
        if (class == 2)
            smtp_capable(session);
        else if (for_good) /* knows SMTP only as it was before 1995 */
            smtp_hello(session, SMTP_HELO, "HELO");
        else
            session_refused(session, for_good, session->first);
        break;
    case SMTP_HELO:
        if (class == 2)
            session_complete(session);
        else
            session_refused(session, for_good, session->first);
        break;
    case SMTP_STARTTLS:
        if (class == 2)
            session_start_tls(session);
        else
            session_tls_refused(session, session->first);
        break;
    case SMTP_QUIT:
        session_left(session);
        break;
    }
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
    if (session->state == SMTP_EHLO && session->lines > 1 && line[3] &&
        session_has_word(line + 4, "STARTTLS"))
        session->tls_offered = true;
    if (line[3] != '-')
        smtp_reply(session);
}

const struct protocol smtp_protocol = {
    .opened = smtp_opened, .line = smtp_line, .hello = smtp_ehlo, .leave = smtp_leave};
