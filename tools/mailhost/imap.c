/* SPDX-License-Identifier: BSD-2-Clause */
/* IMAP4rev1 (RFC 3501): any user, any password, every mailbox empty. */
#include "base/memory.h"
#include "dialogue.h"
#include "session.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LITERAL_LIMIT = 1 << 20, COMMAND_LIMIT = 4096 };

struct imap_command {
    const char *word;
    void (*act)(struct session *session, const char *arguments);
    bool after_login;
    const char *result; /* where there is no function: what is answered */
};

const char *imap_capabilities(bool starttls)
{
    return starttls ? "IMAP4rev1 LITERAL+ SASL-IR ID IDLE STARTTLS AUTH=PLAIN"
                    : "IMAP4rev1 LITERAL+ SASL-IR ID IDLE AUTH=PLAIN";
}

static void imap_answer(struct session *session, const char *text)
{
    session_reply(session, "%s %s", session->imap.tag, text);
}

static void imap_do_capability(struct session *session, const char *arguments)
{
    (void)arguments;
    if (session_mode(session) == MODE_CAPABILITY_HANG) {
        session_hold(session);
        return;
    }
    if (session_mode(session) == MODE_CAPABILITY_NO) {
        imap_answer(session, "NO [SERVERBUG] Internal error occurred");
        return;
    }
    session_reply(session, "* CAPABILITY %s", imap_capabilities(session_offers_starttls(session)));
    imap_answer(session, "OK Capability completed");
}

static void imap_do_starttls(struct session *session, const char *arguments)
{
    char reply[128];
    (void)arguments;
    if (!session_offers_starttls(session) || session->imap.authenticated) {
        imap_answer(session, "BAD Command not available");
        return;
    }
    if (session_mode(session) == MODE_STARTTLS_454) {
        imap_answer(session, "NO [UNAVAILABLE] TLS not available due to local problem");
        return;
    }
    snprintf(reply, sizeof(reply), "%s OK Begin TLS negotiation now", session->imap.tag);
    session_start_tls(session, reply, "* OK injected");
}

static void imap_finish_login(struct session *session)
{
    if (session_mode(session) == MODE_LOGIN_HANG) {
        session_hold(session);
        return;
    }
    session->imap.wait = IMAP_WAIT_NONE;
    if (session_mode(session) == MODE_LOGIN_NO) {
        imap_answer(session, "NO [UNAVAILABLE] Temporary authentication failure");
        return;
    }
    session->imap.authenticated = true;
    imap_answer(session, "OK Logged in");
}

static void imap_do_login(struct session *session, const char *arguments)
{
    if (session->imap.authenticated)
        imap_answer(session, "BAD Already logged in");
    else if (!strchr(arguments, ' '))
        imap_answer(session, "BAD LOGIN needs a user and a password");
    else
        imap_finish_login(session);
}

static void imap_do_authenticate(struct session *session, const char *arguments)
{
    const char *initial;
    if (session->imap.authenticated) {
        imap_answer(session, "BAD Already logged in");
    } else if (!dialogue_match(arguments, "PLAIN", &initial)) {
        imap_answer(session, "NO Only PLAIN is known");
    } else if (*initial != '\0') {
        imap_finish_login(session);
    } else {
        session->imap.wait = IMAP_WAIT_AUTHENTICATE;
        session_reply(session, "+ ");
    }
}

static void imap_do_select(struct session *session, const char *arguments)
{
    if (session_mode(session) == MODE_SELECT_NO) {
        imap_answer(session, "NO [SERVERBUG] Internal error occurred");
        return;
    }
    if (*arguments == '\0') {
        imap_answer(session, "BAD Give a mailbox");
        return;
    }
    session->imap.selected = true;
    session_reply(session, "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n"
                           "* 0 EXISTS\r\n* 0 RECENT\r\n"
                           "* OK [UIDVALIDITY 1] UIDs valid\r\n* OK [UIDNEXT 1] Next UID");
    imap_answer(session, "OK [READ-WRITE] Select completed");
}

static void imap_do_list(struct session *session, const char *arguments)
{
    (void)arguments;
    session_reply(session, "* LIST () \"/\" INBOX");
    imap_answer(session, "OK List completed");
}

static void imap_do_status(struct session *session, const char *arguments)
{
    int size = (int)strcspn(arguments, " ");
    session_reply(session, "* STATUS %.*s (MESSAGES 0 RECENT 0 UIDNEXT 1 UIDVALIDITY 1 UNSEEN 0)",
                  size, arguments);
    imap_answer(session, "OK Status completed");
}

static void imap_do_search(struct session *session, const char *arguments)
{
    (void)arguments;
    session_reply(session, "* SEARCH");
    imap_answer(session, "OK Search completed");
}

static void imap_do_uid(struct session *session, const char *arguments)
{
    const char *rest;
    if (dialogue_match(arguments, "SEARCH", &rest))
        imap_do_search(session, rest);
    else
        imap_answer(session, "OK Done: no messages");
}

static void imap_do_id(struct session *session, const char *arguments)
{
    (void)arguments;
    session_reply(session, "* ID (\"name\" \"mailhost\")");
    imap_answer(session, "OK ID completed");
}

static void imap_do_idle(struct session *session, const char *arguments)
{
    (void)arguments;
    session->imap.wait = IMAP_WAIT_IDLE;
    session_reply(session, "+ idling");
}

static void imap_do_logout(struct session *session, const char *arguments)
{
    (void)arguments;
    session->quit = true;
    if (session_mode(session) == MODE_QUIT_HANG) {
        session_hold(session);
        return;
    }
    session_reply(session, "* BYE Logging out");
    imap_answer(session, "OK Logout completed");
    session_end(session);
}

static const struct imap_command *imap_find(const char *text, const char **arguments)
{
    static const struct imap_command commands[] = {
        {"CAPABILITY", imap_do_capability, false, NULL},
        {"NOOP", NULL, false, "OK NOOP completed"},
        {"LOGOUT", imap_do_logout, false, NULL},
        {"STARTTLS", imap_do_starttls, false, NULL},
        {"LOGIN", imap_do_login, false, NULL},
        {"AUTHENTICATE", imap_do_authenticate, false, NULL},
        {"ID", imap_do_id, false, NULL},
        {"SELECT", imap_do_select, true, NULL},
        {"EXAMINE", imap_do_select, true, NULL},
        {"LIST", imap_do_list, true, NULL},
        {"LSUB", imap_do_list, true, NULL},
        {"STATUS", imap_do_status, true, NULL},
        {"SEARCH", imap_do_search, true, NULL},
        {"UID", imap_do_uid, true, NULL},
        {"IDLE", imap_do_idle, true, NULL},
        {"FETCH", NULL, true, "OK Fetch completed: no messages"},
        {"CHECK", NULL, true, "OK Check completed"},
        {"CLOSE", NULL, true, "OK Close completed"},
        {"EXPUNGE", NULL, true, "OK Expunge completed"},
        {"APPEND", NULL, true, "OK Append completed: discarded"},
        {"CREATE", NULL, true, "OK Create completed"},
        {"DELETE", NULL, true, "OK Delete completed"},
        {"SUBSCRIBE", NULL, true, "OK Subscribe completed"},
        {"UNSUBSCRIBE", NULL, true, "OK Unsubscribe completed"},
    };
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (dialogue_match(text, commands[i].word, arguments))
            return &commands[i];
    }
    return NULL;
}

static void imap_take_command(struct session *session)
{
    size_t size = strcspn(session->line, " ");
    const char *text = session->line + size + strspn(session->line + size, " ");
    if (size == 0 || size >= sizeof(session->imap.tag) || *text == '\0') {
        session_reply(session, "* BAD A command is a tag, a word and arguments");
        return;
    }
    snprintf(session->imap.tag, sizeof(session->imap.tag), "%.*s", (int)size, session->line);
    const char *arguments;
    const struct imap_command *command = imap_find(text, &arguments);
    if (!command)
        imap_answer(session, "BAD Unknown command");
    else if (command->after_login && !session->imap.authenticated)
        imap_answer(session, "BAD Log in first");
    else if (command->act)
        command->act(session, arguments);
    else
        imap_answer(session, command->result);
}

/* The line that AUTHENTICATE or IDLE asked for. */
static void imap_take_continuation(struct session *session)
{
    if (session->imap.wait == IMAP_WAIT_AUTHENTICATE && strcmp(session->line, "*") != 0) {
        imap_finish_login(session);
        return;
    }
    bool idle = session->imap.wait == IMAP_WAIT_IDLE;
    bool done = idle && strcasecmp(session->line, "DONE") == 0;
    session->imap.wait = IMAP_WAIT_NONE;
    imap_answer(session, done ? "OK Idle completed" : idle ? "BAD DONE expected" : "BAD Aborted");
}

/* "... {5}" or "... {5+}" at the end announces a literal. Its bytes do not matter to a host that
 * takes any user: they are skipped. */
static bool imap_find_literal(const char *line, size_t *size, bool *asked)
{
    const char *brace = strrchr(line, '{');
    char *end;
    if (!brace || !isdigit((unsigned char)brace[1]))
        return false;
    unsigned long value = strtoul(brace + 1, &end, 10);
    *asked = *end != '+';
    if (strcmp(end, "}") != 0 && strcmp(end, "+}") != 0)
        return false;
    *size = value > LITERAL_LIMIT ? LITERAL_LIMIT + 1 : value;
    return true;
}

static void imap_take_literal(struct session *session, size_t size, bool asked)
{
    if (size > LITERAL_LIMIT || strlen(session->line) > COMMAND_LIMIT) {
        session_reply(session, "* BYE Command too long");
        session_end(session);
        return;
    }
    int before = (int)(strrchr(session->line, '{') - session->line);
    session->imap.held = memory_printf("%.*s(literal)", before, session->line);
    session->skip = size;
    if (asked)
        session_reply(session, "+ OK");
}

void imap_take_line(struct session *session)
{
    size_t size;
    bool asked;
    char *whole = NULL;
    if (session->imap.held) {
        whole = memory_printf("%s%s", session->imap.held, session->line);
        free(session->imap.held);
        session->imap.held = NULL;
        session->line = whole;
    }
    if (session->imap.wait != IMAP_WAIT_NONE)
        imap_take_continuation(session);
    else if (imap_find_literal(session->line, &size, &asked))
        imap_take_literal(session, size, asked);
    else
        imap_take_command(session);
    free(whole);
}
