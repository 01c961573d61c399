/* SPDX-License-Identifier: BSD-2-Clause */
/* POP3 (RFC 1939, 2449, 2595): any user, any password, no messages. */
#include "dialogue.h"
#include "session.h"

#include <stddef.h>

struct pop3_command {
    const char *word;
    void (*act)(struct session *session, const char *arguments);
    bool after_login;
    const char *result; /* where there is no function: what is answered */
};

static void pop3_do_capa(struct session *session, const char *arguments)
{
    (void)arguments;
    if (session_mode(session) == MODE_CAPABILITY_HANG) {
        session_hold(session);
        return;
    }
    if (session_mode(session) == MODE_CAPABILITY_NO) {
        session_reply(session, "-ERR [SYS/TEMP] Internal error occurred");
        return;
    }
    session_reply(session, "+OK\r\nCAPA\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nUSER%s\r\n.",
                  session_offers_starttls(session) ? "\r\nSTLS" : "");
}

static void pop3_do_stls(struct session *session, const char *arguments)
{
    (void)arguments;
    if (!session_offers_starttls(session) || session->pop3.authenticated)
        session_reply(session, "-ERR Command not available");
    else if (session_mode(session) == MODE_STARTTLS_454)
        session_reply(session, "-ERR [SYS/TEMP] TLS not available due to local problem");
    else
        session_start_tls(session, "+OK Begin TLS negotiation now", "+OK injected");
}

static void pop3_do_user(struct session *session, const char *arguments)
{
    session->pop3.user = *arguments != '\0';
    session_reply(session, session->pop3.user ? "+OK" : "-ERR Give a user");
}

static void pop3_do_pass(struct session *session, const char *arguments)
{
    (void)arguments;
    if (session_mode(session) == MODE_LOGIN_HANG) {
        session_hold(session);
    } else if (!session->pop3.user) {
        session_reply(session, "-ERR USER comes first");
    } else if (session_mode(session) == MODE_LOGIN_NO) {
        session_reply(session, "-ERR [SYS/TEMP] Temporary authentication failure");
    } else {
        session->pop3.authenticated = true;
        session_reply(session, "+OK Logged in");
    }
}

static void pop3_do_quit(struct session *session, const char *arguments)
{
    (void)arguments;
    session->quit = true;
    if (session_mode(session) == MODE_QUIT_HANG) {
        session_hold(session);
        return;
    }
    session_reply(session, "+OK Logging out");
    session_end(session);
}

void pop3_take_line(struct session *session)
{
    static const struct pop3_command commands[] = {
        {"CAPA", pop3_do_capa, false, NULL},
        {"STLS", pop3_do_stls, false, NULL},
        {"USER", pop3_do_user, false, NULL},
        {"PASS", pop3_do_pass, false, NULL},
        {"QUIT", pop3_do_quit, false, NULL},
        {"STAT", NULL, true, "+OK 0 0"},
        {"LIST", NULL, true, "+OK 0 messages\r\n."},
        {"UIDL", NULL, true, "+OK\r\n."},
        {"RETR", NULL, true, "-ERR There is no such message"},
        {"DELE", NULL, true, "-ERR There is no such message"},
        {"TOP", NULL, true, "-ERR There is no such message"},
        {"RSET", NULL, true, "+OK"},
        {"NOOP", NULL, true, "+OK"},
    };
    const char *arguments;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (!dialogue_match(session->line, commands[i].word, &arguments))
            continue;
        if (commands[i].after_login && !session->pop3.authenticated)
            session_reply(session, "-ERR Log in first");
        else if (commands[i].act)
            commands[i].act(session, arguments);
        else
            session_reply(session, "%s", commands[i].result);
        return;
    }
    session_reply(session, "-ERR Unknown command");
}
