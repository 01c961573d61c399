/* SPDX-License-Identifier: BSD-2-Clause */
/* POP3 and pop3s: greeting, CAPA, STLS and CAPA again, QUIT. RFC 1939, RFC 2449, RFC 2595. */
#include "probe/session.h"

#include <string.h>
#include <strings.h>

enum pop3_state { POP3_GREETING, POP3_CAPA, POP3_STLS, POP3_QUIT };

static void pop3_opened(struct session *session)
{
    session->state = POP3_GREETING;
    session_await_greeting(session);
}

static void pop3_capa(struct session *session)
{
    session_ask(session, POP3_CAPA, "CAPA", "CAPA");
}

static void pop3_leave(struct session *session)
{
    session_ask(session, POP3_QUIT, "QUIT", "QUIT");
}

static void pop3_capable(struct session *session)
{
    if (session_wants_tls(session))
        session_ask(session, POP3_STLS, "STLS", "STLS");
    else
        session_complete(session);
}

static void pop3_granted(struct session *session)
{
    switch ((enum pop3_state)session->state) {
    case POP3_GREETING:
        session_greeted(session);
        break;
    case POP3_CAPA: /* the list follows */
        break;
    case POP3_STLS:
        session_start_tls(session);
        break;
    case POP3_QUIT:
        session_left(session);
        break;
    }
}

static void pop3_denied(struct session *session, const char *line)
{
    switch ((enum pop3_state)session->state) {
    case POP3_GREETING: /* POP3 does not tell "for now" from "for good" */
        session_refused(session, false, line);
        break;
    case POP3_CAPA: /* a server older than RFC 2449 */
        pop3_capable(session);
        break;
    case POP3_STLS:
        session_tls_refused(session, line);
        break;
    case POP3_QUIT:
        session_left(session);
        break;
    }
}

static void pop3_listed(struct session *session, const char *line)
{
    if (session_has_word(line, "STLS"))
        session->tls_offered = true;
    if (!strcmp(line, "."))
        pop3_capable(session);
}

static void pop3_line(struct session *session, const char *line)
{
    if (session->state == POP3_CAPA && session->lines > 1)
        pop3_listed(session, line);
    else if (!strncasecmp(line, "+OK", 3))
        pop3_granted(session);
    else if (!strncasecmp(line, "-ERR", 4))
        pop3_denied(session, line);
    else
        session_bad(session, line);
}

const struct protocol pop3_protocol = {
    .opened = pop3_opened, .line = pop3_line, .hello = pop3_capa, .leave = pop3_leave};
