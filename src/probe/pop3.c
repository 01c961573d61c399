/* SPDX-License-Identifier: BSD-2-Clause */
/* POP3 and pop3s: greeting, CAPA, STLS and CAPA again, USER and PASS, STAT, QUIT. RFC 1939, RFC
 * 2449, RFC 2595. */
#include "probe/session.h"
#include "probe/stream.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum pop3_state {
    POP3_GREETING,
    POP3_CAPA,
    POP3_STLS,
    POP3_USER,
    POP3_PASS,
    POP3_STAT,
    POP3_QUIT,
};

static void pop3_opened(struct session *session)
{
    session->state = POP3_GREETING;
    session_await_greeting(session);
}

static void pop3_capa(struct session *session)
{
    session_ask(session, POP3_CAPA, TIMED_HELLO, "CAPA", "CAPA");
}

static void pop3_leave(struct session *session)
{
    session_ask(session, POP3_QUIT, TIMED_STEPS, "QUIT", "QUIT");
}

/* What is behind the verb may hold spaces (RFC 1939 section 7: PASS), but there is no quoting. */
static void pop3_tell(struct session *session, enum pop3_state state, const char *verb,
                      const struct shared *text)
{
    char line[STREAM_COMMAND_MAX - 2];
    size_t used = (size_t)snprintf(line, sizeof line, "%s ", verb);

    if (!credentials_fit_line(text) || shared_size(text) > sizeof line - used) {
        session_refused(session, REASON_LOGIN_REFUSED, "user or password fits no command of POP3");
        return;
    }
    memcpy(line + used, shared_text(text), shared_size(text));
    session_ask_octets(session, state, TIMED_LOGIN, verb, line, used + shared_size(text));
    explicit_bzero(line, sizeof line);
}

static void pop3_capable(struct session *session)
{
    if (session_wants_tls(session))
        session_ask(session, POP3_STLS, TIMED_TLS, "STLS", "STLS");
    else if (!session_is_private(session))
        return;
    else if (session_may_login(session))
        pop3_tell(session, POP3_USER, "USER", session_credentials(session).user);
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
    case POP3_USER:
        pop3_tell(session, POP3_PASS, "PASS", session_credentials(session).password);
        break;
    case POP3_PASS:
        session_ask(session, POP3_STAT, TIMED_SELECT, "STAT", "STAT");
        break;
    case POP3_STAT:
        session_complete(session);
        break;
    case POP3_QUIT:
        session_left(session);
        break;
    }
}

static void pop3_refused(struct session *session, enum judge_step step, const char *line)
{
    const char *text = line + strlen("-ERR");
    enum reason reason = judge_pop3(step, text + strspn(text, " "));
    if (reason == REASON_OK)
        session_complete_by(session, line);
    else
        session_refused(session, reason, line);
}

static void pop3_denied(struct session *session, const char *line)
{
    switch ((enum pop3_state)session->state) {
    case POP3_GREETING:
        pop3_refused(session, JUDGE_GREETING, line);
        break;
    case POP3_CAPA: /* a server older than RFC 2449 */
        pop3_capable(session);
        break;
    case POP3_STLS:
        if (session_tls_refused(session, line))
            pop3_capable(session);
        break;
    case POP3_USER:
    case POP3_PASS:
        pop3_refused(session, JUDGE_LOGIN, line);
        break;
    case POP3_STAT:
        pop3_refused(session, JUDGE_MAILBOX, line);
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
