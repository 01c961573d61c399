/* SPDX-License-Identifier: BSD-2-Clause */
/* SMTP (RFC 5321) and submission (RFC 6409): takes each message and throws it away. */
#include "dialogue.h"
#include "session.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool smtp_offers_auth(const struct session *session)
{
    return session->listener->protocol->login && !session_offers_starttls(session);
}

static void smtp_note_helo(struct session *session, const char *name)
{
    struct counters *counters = &session->listener->counters;
    snprintf(counters->last_ehlo, sizeof(counters->last_ehlo), "%s", name);
}

static bool smtp_check_helo(struct session *session, const char *name)
{
    smtp_note_helo(session, name);
    if (session_mode(session) == MODE_EHLO_HANG) {
        session_hold(session);
        return false;
    }
    if (*name == '\0') {
        session_reply(session, "501 5.5.4 Give your host name");
        return false;
    }
    return true;
}

static void smtp_do_ehlo(struct session *session, const char *name)
{
    if (session_mode(session) == MODE_EHLO_500) {
        session_reply(session, "500 5.5.1 Command unrecognized: \"EHLO\"");
        return;
    }
    if (!smtp_check_helo(session, name))
        return;
    bool authenticated = session->smtp.authenticated;
    session->smtp = (struct smtp_state){.helo = true, .authenticated = authenticated};
    session_reply(session, "250-%s", session->listener->host->name);
    session_reply(session, "250-PIPELINING\r\n250-SIZE 10240000\r\n250-ENHANCEDSTATUSCODES");
    if (session_offers_starttls(session))
        session_reply(session, "250-STARTTLS");
    if (smtp_offers_auth(session))
        session_reply(session, "250-AUTH PLAIN LOGIN");
    session_reply(session, "250 8BITMIME");
}

static void smtp_do_helo(struct session *session, const char *name)
{
    if (!smtp_check_helo(session, name))
        return;
    bool authenticated = session->smtp.authenticated;
    session->smtp = (struct smtp_state){.helo = true, .authenticated = authenticated};
    session_reply(session, "250 %s", session->listener->host->name);
}

static void smtp_do_starttls(struct session *session, const char *arguments)
{
    if (!session_offers_starttls(session))
        session_reply(session, "502 5.5.1 Command not implemented");
    else if (*arguments != '\0')
        session_reply(session, "501 5.5.4 STARTTLS takes no argument");
    else if (session_mode(session) == MODE_STARTTLS_454)
        session_reply(session, "454 4.7.0 TLS not available due to local problem");
    else
        session_start_tls(session, "220 2.0.0 Ready to start TLS", "250 2.0.0 injected");
}

static void smtp_finish_auth(struct session *session)
{
    if (session_mode(session) == MODE_LOGIN_HANG) {
        session_hold(session);
        return;
    }
    session->smtp.wait = SMTP_WAIT_NONE;
    if (session_mode(session) == MODE_LOGIN_NO) {
        /* A dead password database is told as a permanent failure by Postfix with Dovecot. */
        session_reply(session, "535 5.7.8 Error: authentication failed: (reason unavailable)");
        return;
    }
    session->smtp.authenticated = true;
    session_reply(session, "235 2.7.0 Authentication successful");
}

static void smtp_do_auth(struct session *session, const char *arguments)
{
    const char *initial;
    if (!smtp_offers_auth(session)) {
        session_reply(session, "503 5.5.1 Error: authentication not enabled");
    } else if (session->smtp.authenticated || session->smtp.mail) {
        session_reply(session, "503 5.5.1 Error: not now");
    } else if (dialogue_match(arguments, "PLAIN", &initial)) {
        if (*initial != '\0') {
            smtp_finish_auth(session);
            return;
        }
        session->smtp.wait = SMTP_WAIT_PLAIN;
        session_reply(session, "334 ");
    } else if (dialogue_match(arguments, "LOGIN", &initial)) {
        session->smtp.wait = *initial == '\0' ? SMTP_WAIT_USER : SMTP_WAIT_PASSWORD;
        session_reply(session, *initial == '\0' ? "334 VXNlcm5hbWU6" : "334 UGFzc3dvcmQ6");
    } else {
        session_reply(session, "504 5.5.4 Unrecognized authentication type");
    }
}

/* The lines that belong to AUTH and are no commands. */
static void smtp_take_auth(struct session *session)
{
    if (strcmp(session->line, "*") == 0) {
        session->smtp.wait = SMTP_WAIT_NONE;
        session_reply(session, "501 5.7.0 Authentication aborted");
    } else if (session->smtp.wait == SMTP_WAIT_USER) {
        session->smtp.wait = SMTP_WAIT_PASSWORD;
        session_reply(session, "334 UGFzc3dvcmQ6");
    } else {
        smtp_finish_auth(session);
    }
}

static void smtp_do_mail(struct session *session, const char *arguments)
{
    if (session_mode(session) == MODE_MAIL_HANG)
        session_hold(session);
    else if (!session->smtp.helo)
        session_reply(session, "503 5.5.1 Error: send HELO/EHLO first");
    else if (session->listener->protocol->login && !session->smtp.authenticated)
        session_reply(session, "530 5.7.0 Authentication required");
    else if (session->smtp.mail)
        session_reply(session, "503 5.5.1 Error: nested MAIL command");
    else if (strncasecmp(arguments, "FROM:", 5) != 0)
        session_reply(session, "501 5.5.4 Syntax: MAIL FROM:<address>");
    else if (session_mode(session) == MODE_MAIL)
        session_reply(session, "%s", session->listener->behaviour.text);
    else {
        session->smtp.mail = true;
        session_reply(session, "250 2.1.0 Ok");
    }
}

static void smtp_do_rcpt(struct session *session, const char *arguments)
{
    if (session_mode(session) == MODE_RCPT_HANG)
        session_hold(session);
    else if (!session->smtp.mail)
        session_reply(session, "503 5.5.1 Error: need MAIL command");
    else if (strncasecmp(arguments, "TO:", 3) != 0)
        session_reply(session, "501 5.5.4 Syntax: RCPT TO:<address>");
    else if (session_mode(session) == MODE_RCPT)
        session_reply(session, "%s", session->listener->behaviour.text);
    else {
        session->smtp.rcpt = true;
        session_reply(session, "250 2.1.5 Ok");
    }
}

static void smtp_do_data(struct session *session, const char *arguments)
{
    (void)arguments;
    if (!session->smtp.rcpt) {
        session_reply(session, "503 5.5.1 Error: need RCPT command");
        return;
    }
    session->smtp.data = true;
    session->smtp.broken_line = false;
    session_reply(session, "354 End data with <CR><LF>.<CR><LF>");
}

static void smtp_take_data(struct session *session)
{
    bool whole = !session->smtp.broken_line;
    session->smtp.broken_line = false;
    if (!whole || strcmp(session->line, ".") != 0)
        return;
    session->smtp.data = session->smtp.mail = session->smtp.rcpt = false;
    session_reply(session, "250 2.0.0 Ok: discarded");
}

static void smtp_do_rset(struct session *session, const char *arguments)
{
    (void)arguments;
    session->smtp.mail = session->smtp.rcpt = false;
    session_reply(session, "250 2.0.0 Ok");
}

static void smtp_do_noop(struct session *session, const char *arguments)
{
    (void)arguments;
    session_reply(session, "250 2.0.0 Ok");
}

static void smtp_do_vrfy(struct session *session, const char *arguments)
{
    (void)arguments;
    session_reply(session, "252 2.0.0 Send it and see");
}

static void smtp_do_quit(struct session *session, const char *arguments)
{
    (void)arguments;
    session->quit = true;
    if (session_mode(session) == MODE_QUIT_HANG) {
        session_hold(session);
        return;
    }
    session_reply(session, "221 2.0.0 Bye");
    session_end(session);
}

void smtp_take_line(struct session *session)
{
    static const struct {
        const char *word;
        void (*act)(struct session *session, const char *arguments);
    } commands[] = {
        {"EHLO", smtp_do_ehlo}, {"HELO", smtp_do_helo}, {"STARTTLS", smtp_do_starttls},
        {"AUTH", smtp_do_auth}, {"MAIL", smtp_do_mail}, {"RCPT", smtp_do_rcpt},
        {"DATA", smtp_do_data}, {"RSET", smtp_do_rset}, {"NOOP", smtp_do_noop},
        {"VRFY", smtp_do_vrfy}, {"QUIT", smtp_do_quit},
    };
    const char *arguments;
    if (session->smtp.data) {
        smtp_take_data(session);
        return;
    }
    if (session->smtp.wait != SMTP_WAIT_NONE) {
        smtp_take_auth(session);
        return;
    }
    bool refused = session->greeting.refuses && !dialogue_match(session->line, "QUIT", &arguments);
    for (size_t i = 0; !refused && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (dialogue_match(session->line, commands[i].word, &arguments)) {
            commands[i].act(session, arguments);
            return;
        }
    }
    session_reply(session, refused ? "503 5.5.1 No service here: only QUIT is taken"
                                   : "500 5.5.2 Command unrecognized");
}
