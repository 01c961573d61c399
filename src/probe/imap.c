/* SPDX-License-Identifier: BSD-2-Clause */
/* IMAP and imaps: greeting, CAPABILITY, STARTTLS and CAPABILITY again, LOGOUT. RFC 9051. */
#include "probe/session.h"

#include <stdio.h>
#include <string.h>

enum imap_state { IMAP_GREETING, IMAP_CAPABILITY, IMAP_STARTTLS, IMAP_LOGOUT };

static void imap_opened(struct session *session)
{
    session->state = IMAP_GREETING;
    session_await_greeting(session);
}

static void imap_ask(struct session *session, enum imap_state state, const char *verb)
{
    char line[64];
    snprintf(line, sizeof line, "e%u %s", ++session->tag, verb);
    session_ask(session, state, verb, line);
}

static void imap_capability(struct session *session)
{
    imap_ask(session, IMAP_CAPABILITY, "CAPABILITY");
}

static void imap_leave(struct session *session)
{
    imap_ask(session, IMAP_LOGOUT, "LOGOUT");
}

static void imap_greeting(struct session *session, const char *line)
{
    session->authenticated = session_has_word(line, "* PREAUTH");
    if (session->authenticated || session_has_word(line, "* OK"))
        session_greeted(session);
    else if (session_has_word(line, "* BYE"))
        session_refused(session, false, line);
    else
        session_bad(session, line);
}

static void imap_untagged(struct session *session, const char *line)
{
    const char *data = line + 2;
    if (session_has_word(data, "BYE") && session->state != IMAP_LOGOUT) {
        session_refused(session, false, line);
        return;
    }
    if (session->state != IMAP_CAPABILITY || !session_has_word(data, "CAPABILITY"))
        return;
    for (const char *word = strchr(data, ' '); word; word = strchr(word + 1, ' '))
        if (session_has_word(word + 1, "STARTTLS"))
            session->tls_offered = true;
}

static void imap_granted(struct session *session)
{
    if (session->state == IMAP_STARTTLS)
        session_start_tls(session);
    else if (session->state == IMAP_LOGOUT)
        session_left(session);
    else if (session_wants_tls(session))
        imap_ask(session, IMAP_STARTTLS, "STARTTLS");
    else
        session_complete(session);
}

static void imap_denied(struct session *session, bool for_good, const char *line)
{
    if (session->state == IMAP_STARTTLS)
        session_tls_refused(session, line);
    else if (session->state == IMAP_LOGOUT)
        session_left(session);
    else
        session_refused(session, for_good, line);
}

/* "e1 OK text": RFC 9051 section 7.1. NO may change with time, BAD will not. */
static void imap_tagged(struct session *session, const char *line, const char *status)
{
    if (session_has_word(status, "OK"))
        imap_granted(session);
    else if (session_has_word(status, "NO"))
        imap_denied(session, false, line);
    else if (session_has_word(status, "BAD"))
        imap_denied(session, true, line);
    else
        session_bad(session, line);
}

static void imap_line(struct session *session, const char *line)
{
    char tag[16];
    int size = snprintf(tag, sizeof tag, "e%u ", session->tag);

    if (session->state == IMAP_GREETING)
        imap_greeting(session, line);
    else if (!strncmp(line, "* ", 2))
        imap_untagged(session, line);
    else if (!strncmp(line, tag, (size_t)size))
        imap_tagged(session, line, line + size);
    else
        session_bad(session, line);
}

const struct protocol imap_protocol = {
    .opened = imap_opened, .line = imap_line, .hello = imap_capability, .leave = imap_leave};
