/* SPDX-License-Identifier: BSD-2-Clause */
/* IMAP and imaps: greeting, CAPABILITY, STARTTLS and CAPABILITY again, a login, EXAMINE INBOX,
 * LOGOUT. RFC 9051. EXAMINE, not SELECT: it changes nothing in the mailbox, and Dovecot 2.3 answers
 * both alike, be its store unreadable (NO [SERVERBUG]), missing, or read-only. */
#include "probe/imap.h"
#include "probe/stream.h"

#include <stdio.h>
#include <string.h>

enum imap_state {
    IMAP_GREETING,
    IMAP_CAPABILITY,
    IMAP_STARTTLS,
    IMAP_LOGIN,          /* LOGIN, or AUTHENTICATE with all that it takes */
    IMAP_AUTHENTICATE,   /* "+": the credentials */
    IMAP_LOGIN_USER,     /* LOGIN with literals. "+": user */
    IMAP_LOGIN_PASSWORD, /* "+": password */
    IMAP_EXAMINE,
    IMAP_LOGOUT,
};

enum imap_offer { OFFERS_NO_LOGIN = 1, OFFERS_PLAIN = 2, OFFERS_INITIAL = 4 };

/* A longer user or password goes as a literal. */
enum { QUOTED_MAX = 450, TEXT_MAX = STREAM_COMMAND_MAX - 2 };

static void imap_opened(struct session *session)
{
    session->state = IMAP_GREETING;
    session_await_greeting(session);
}

void imap_ask(struct session *session, int state, enum outcome_step timed, const char *verb,
              const char *arguments)
{
    char line[TEXT_MAX];
    snprintf(line, sizeof line, "e%u %s%s", ++session->tag, verb, arguments);
    session_ask(session, state, timed, verb, line);
    explicit_bzero(line, sizeof line);
}

static void imap_capability(struct session *session)
{
    session->offers = 0;
    imap_ask(session, IMAP_CAPABILITY, TIMED_HELLO, "CAPABILITY", "");
}

void imap_leave(struct session *session)
{
    session->protocol = &imap_protocol; /* whoever went on behind the login */
    imap_ask(session, IMAP_LOGOUT, TIMED_STEPS, "LOGOUT", "");
}

static enum judge_step imap_judge_step(enum imap_state state)
{
    switch (state) {
    case IMAP_GREETING:
        return JUDGE_GREETING;
    case IMAP_LOGIN:
    case IMAP_AUTHENTICATE:
    case IMAP_LOGIN_USER:
    case IMAP_LOGIN_PASSWORD:
        return JUDGE_LOGIN;
    case IMAP_EXAMINE:
        return JUDGE_MAILBOX;
    default:
        return JUDGE_HELLO;
    }
}

static enum reason imap_judge(const struct session *session, enum judge_status status,
                              const char *text)
{
    return judge_imap(imap_judge_step((enum imap_state)session->state), status, text);
}

static void imap_bye(struct session *session, const char *line)
{
    const char *text = line + strlen("* BYE");
    session_refused(session, imap_judge(session, JUDGE_BYE, text + strspn(text, " ")), line);
}

static void imap_greeting(struct session *session, const char *line)
{
    session->authenticated = session_has_word(line, "* PREAUTH");
    if (session->authenticated || session_has_word(line, "* OK"))
        session_greeted(session);
    else if (session_has_word(line, "* BYE"))
        imap_bye(session, line);
    else
        session_bad(session, line);
}

/* ---- login ---- */

static void imap_too_long(struct session *session)
{
    session_refused(session, REASON_LOGIN_REFUSED, "user or password is too long");
}

/* RFC 4959: with the credentials at once. */
static void imap_authenticate(struct session *session)
{
    const struct credentials credentials = session_credentials(session);
    char arguments[TEXT_MAX - 40] = " PLAIN ";
    const size_t size = strlen(arguments);

    if (!(session->offers & OFFERS_INITIAL))
        imap_ask(session, IMAP_AUTHENTICATE, TIMED_LOGIN, "AUTHENTICATE", " PLAIN");
    else if (credentials_plain(&credentials, arguments + size, sizeof arguments - size))
        imap_ask(session, IMAP_LOGIN, TIMED_LOGIN, "AUTHENTICATE", arguments);
    else
        imap_too_long(session);
    explicit_bzero(arguments, sizeof arguments);
}

/* As quoted strings where that is possible: else as literals, each of which the server asks for. */
static void imap_login(struct session *session)
{
    const struct credentials credentials = session_credentials(session);
    char user[QUOTED_MAX], password[QUOTED_MAX], arguments[2 * QUOTED_MAX + 3];

    if (credentials_can_quote(credentials.user) && credentials_can_quote(credentials.password) &&
        credentials_quote(credentials.user, user, sizeof user) &&
        credentials_quote(credentials.password, password, sizeof password)) {
        snprintf(arguments, sizeof arguments, " %s %s", user, password);
        imap_ask(session, IMAP_LOGIN, TIMED_LOGIN, "LOGIN", arguments);
    } else {
        snprintf(arguments, sizeof arguments, " {%zu}", shared_size(credentials.user));
        imap_ask(session, IMAP_LOGIN_USER, TIMED_LOGIN, "LOGIN", arguments);
    }
    explicit_bzero(password, sizeof password);
    explicit_bzero(arguments, sizeof arguments);
}

/* Says what a "+" asks for. */
static void imap_continue(struct session *session, const char *line)
{
    const struct credentials credentials = session_credentials(session);
    const struct shared *user = credentials.user, *password = credentials.password;
    char text[TEXT_MAX];

    switch ((enum imap_state)session->state) {
    case IMAP_AUTHENTICATE:
        if (credentials_plain(&credentials, text, sizeof text))
            session_ask_octets(session, IMAP_LOGIN, TIMED_LOGIN, "AUTHENTICATE", text,
                               strlen(text));
        else
            imap_too_long(session);
        break;
    case IMAP_LOGIN_USER:
        if (shared_size(user) + 24 < sizeof text) {
            size_t size = shared_size(user);
            memcpy(text, shared_text(user), size);
            size += (size_t)snprintf(text + size, 24, " {%zu}", shared_size(password));
            session_ask_octets(session, IMAP_LOGIN_PASSWORD, TIMED_LOGIN, "LOGIN", text, size);
        } else {
            imap_too_long(session);
        }
        break;
    case IMAP_LOGIN_PASSWORD:
        if (shared_size(password) < sizeof text)
            session_ask_octets(session, IMAP_LOGIN, TIMED_LOGIN, "LOGIN", shared_text(password),
                               shared_size(password));
        else
            imap_too_long(session);
        break;
    default:
        session_bad(session, line);
        return;
    }
    explicit_bzero(text, sizeof text);
}

static void imap_examine(struct session *session)
{
    if (session->errand && session->errand->after_login) {
        session_hand_over(session, session->errand->after_login);
        return;
    }
    imap_ask(session, IMAP_EXAMINE, TIMED_SELECT, "EXAMINE", " INBOX");
}

static void imap_capable(struct session *session)
{
    bool plain = session->offers & OFFERS_PLAIN, initial = session->offers & OFFERS_INITIAL;
    bool no_login = session->offers & OFFERS_NO_LOGIN;

    if (session_wants_tls(session))
        imap_ask(session, IMAP_STARTTLS, TIMED_TLS, "STARTTLS", "");
    else if (!session_is_private(session))
        return;
    else if (session->authenticated && session->target->check->user)
        imap_examine(session);
    else if (!session_may_login(session))
        session_complete(session);
    else if (plain && (initial || no_login))
        imap_authenticate(session);
    else if (!no_login)
        imap_login(session);
    else
        session_refused(session, REASON_LOGIN_REFUSED, "LOGINDISABLED, and no AUTH=PLAIN");
}

/* ---- replies ---- */

static void imap_offered(struct session *session, const char *word)
{
    if (session_has_word(word, "STARTTLS"))
        session->tls_offered = true;
    else if (session_has_word(word, "LOGINDISABLED"))
        session->offers |= OFFERS_NO_LOGIN;
    else if (session_has_word(word, "AUTH=PLAIN"))
        session->offers |= OFFERS_PLAIN;
    else if (session_has_word(word, "SASL-IR"))
        session->offers |= OFFERS_INITIAL;
}

static void imap_untagged(struct session *session, const char *line)
{
    const char *data = line + 2;
    if (session_has_word(data, "BYE") && session->state != IMAP_LOGOUT) {
        imap_bye(session, line);
        return;
    }
    if (session->state != IMAP_CAPABILITY || !session_has_word(data, "CAPABILITY"))
        return;
    for (const char *word = strchr(data, ' '); word; word = strchr(word + 1, ' '))
        imap_offered(session, word + 1);
}

static void imap_granted(struct session *session, const char *line)
{
    switch ((enum imap_state)session->state) {
    case IMAP_GREETING: /* has no tag */
        break;
    case IMAP_CAPABILITY:
        imap_capable(session);
        break;
    case IMAP_STARTTLS:
        session_start_tls(session);
        break;
    case IMAP_LOGIN:
        imap_examine(session);
        break;
    case IMAP_AUTHENTICATE:
    case IMAP_LOGIN_USER:
    case IMAP_LOGIN_PASSWORD: /* without what it takes? */
        session_bad(session, line);
        break;
    case IMAP_EXAMINE:
        session_complete(session);
        break;
    case IMAP_LOGOUT:
        session_left(session);
        break;
    }
}

static void imap_denied(struct session *session, enum judge_status status, const char *line,
                        const char *text)
{
    if (session->state == IMAP_LOGOUT) {
        session_left(session);
    } else if (session->state == IMAP_STARTTLS) {
        if (session_tls_refused(session, line))
            imap_capable(session);
    } else {
        session_refused(session, imap_judge(session, status, text), line);
    }
}

enum imap_answer imap_answer_of(const struct session *session, const char *line, const char **text)
{
    char tag[16];
    size_t size = (size_t)snprintf(tag, sizeof tag, "e%u ", session->tag);
    const char *status = line + size;
    enum imap_answer answer = IMAP_OTHER;

    *text = line + strnlen(line, 2);
    if (!strncmp(line, "* ", 2))
        return IMAP_DATA;
    if (session_has_word(line, "+"))
        return IMAP_CONTINUE;
    if (strncmp(line, tag, size) != 0)
        return IMAP_OTHER;
    if (session_has_word(status, "OK"))
        answer = IMAP_OK;
    else if (session_has_word(status, "NO"))
        answer = IMAP_NO;
    else if (session_has_word(status, "BAD"))
        answer = IMAP_BAD;
    *text = status + strcspn(status, " ");
    *text += strspn(*text, " ");
    return answer;
}

/* NO may change with time, BAD will not. */
static void imap_line(struct session *session, const char *line)
{
    const char *text;

    if (session->state == IMAP_GREETING) {
        imap_greeting(session, line);
        return;
    }
    switch (imap_answer_of(session, line, &text)) {
    case IMAP_DATA:
        imap_untagged(session, line);
        break;
    case IMAP_CONTINUE:
        imap_continue(session, line);
        break;
    case IMAP_OK:
        imap_granted(session, line);
        break;
    case IMAP_NO:
        imap_denied(session, JUDGE_NO, line, text);
        break;
    case IMAP_BAD:
        imap_denied(session, JUDGE_BAD, line, text);
        break;
    case IMAP_OTHER:
        session_bad(session, line);
        break;
    }
}

const struct protocol imap_protocol = {
    .opened = imap_opened, .line = imap_line, .hello = imap_capability, .leave = imap_leave};
