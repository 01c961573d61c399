/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/session.h"

#include "base/clock.h"
#include "base/memory.h"
#include "probe/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    REPLY_LINES_MAX = 100, /* EHLO's longest replies have some 30 */
    REPLY_OCTETS_MAX = 65536,
    LEAVING_MS = 1000, /* for the reply to QUIT: it is politeness only, and never a failure */
};

static const struct session_kind {
    const struct protocol *protocol;
    bool tls_first;
} session_kinds[CHECK_KINDS] = {
    [CHECK_SMTP] = {&smtp_protocol, false}, [CHECK_SUBMISSION] = {&smtp_protocol, false},
    [CHECK_SMTPS] = {&smtp_protocol, true}, [CHECK_IMAP] = {&imap_protocol, false},
    [CHECK_IMAPS] = {&imap_protocol, true}, [CHECK_POP3] = {&pop3_protocol, false},
    [CHECK_POP3S] = {&pop3_protocol, true}, [CHECK_TCP] = {&tcp_protocol, false},
};

/* What it means when a step does not get what it waits for. While leaving, nothing does. */
static const struct session_faults {
    enum reason timeout, closed, bad;
} session_faults[] = {
    [STEP_CONNECT] = {REASON_CONNECT_TIMEOUT, REASON_REFUSED, REASON_GREETING_BAD},
    [STEP_TLS] = {REASON_TLS_TIMEOUT, REASON_TLS_FAILED, REASON_TLS_FAILED},
    [STEP_GREETING] = {REASON_GREETING_TIMEOUT, REASON_GREETING_CLOSED, REASON_GREETING_BAD},
    [STEP_REPLY] = {REASON_REPLY_TIMEOUT, REASON_REPLY_CLOSED, REASON_REPLY_BAD},
    [STEP_LEAVING] = {REASON_OK, REASON_OK, REASON_OK},
};

static bool session_tls_first(const struct session *session)
{
    return session_kinds[session->target->check->kind].tls_first;
}

/* ---- the end ---- */

/* Peers write what they like: only printable ASCII goes on to logs and terminals. */
static void session_note(struct session *session, const char *about, const char *text, size_t size)
{
    char *detail = session->result.detail;
    size_t room = sizeof session->result.detail - 1;
    size_t used = strlen(about);

    memcpy(detail, about, used);
    if (size > room - used)
        size = room - used;
    for (size_t i = 0; i < size; i++)
        detail[used++] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    detail[used] = '\0';
}

void session_cancel(struct session *session)
{
    stream_close(session->stream);
    free(session);
}

void session_left(struct session *session)
{
    struct session_result result = session->result;
    session_done *done = session->done;
    void *context = session->context;
    result.heard_us = stream_heard_us(session->stream);
    session_cancel(session);
    done(context, &result);
}

/* While leaving, the result stands. */
static void session_end_sized(struct session *session, enum reason reason, const char *detail,
                              size_t size)
{
    if (session->step != STEP_LEAVING) {
        session->result.reason = reason;
        session_note(session, "", detail, size);
    }
    session_left(session);
}

void session_end(struct session *session, enum reason reason, const char *detail)
{
    session_end_sized(session, reason, detail, strlen(detail));
}

void session_bad(struct session *session, const char *line)
{
    session_end(session, session_faults[session->step].bad, line);
}

/* ---- steps ---- */

static void session_enter(struct session *session, enum session_step step, int64_t timeout_ms)
{
    int64_t at_ms = clock_now_ms() + timeout_ms;
    session->step = step;
    session->last_step = at_ms > session->deadline_ms;
    stream_set_deadline(session->stream, session->last_step ? session->deadline_ms : at_ms);
}

static void session_await_reply(struct session *session, const char *asked)
{
    session->lines = 0;
    session->octets = 0;
    session->first[0] = '\0';
    session->asked = asked;
}

void session_await_greeting(struct session *session)
{
    session_await_reply(session, NULL);
    session_enter(session, STEP_GREETING, session->target->check->greeting_timeout_ms);
}

void session_ask(struct session *session, int state, const char *verb, const char *line)
{
    char command[512];
    int size = snprintf(command, sizeof command, "%s\r\n", line);
    session->state = state;
    session_await_reply(session, verb);
    session_enter(session, STEP_REPLY, session->target->check->reply_timeout_ms);
    stream_send(session->stream, command, (size_t)size);
}

/* Says goodbye, and gives the peer a moment for its own: servers log those who just hang up. */
static void session_leave(struct session *session, enum reason reason)
{
    session->result.reason = reason;
    if (!session->protocol->leave) {
        session_left(session);
        return;
    }
    session->protocol->leave(session);
    session_enter(session, STEP_LEAVING, LEAVING_MS);
}

void session_greeted(struct session *session)
{
    session->result.greeted_us = clock_now_us();
    if (session->depth == DEPTH_SERVICE && session->protocol->hello)
        session->protocol->hello(session);
    else
        session_leave(session, REASON_OK);
}

void session_complete(struct session *session)
{
    bool missing = !session->secure && session->target->check->tls == CHECK_TLS_REQUIRED;
    session_leave(session, missing ? REASON_TLS_NOT_OFFERED : REASON_OK);
}

void session_refused(struct session *session, bool for_good, const char *line)
{
    enum reason now = session->step == STEP_GREETING ? REASON_GREETING_4XX : REASON_REPLY_4XX;
    enum reason good = session->step == STEP_GREETING ? REASON_GREETING_5XX : REASON_REPLY_5XX;
    session_note(session, "", line, strlen(line));
    session_leave(session, for_good ? good : now);
}

/* ---- TLS ---- */

bool session_wants_tls(const struct session *session)
{
    return session->tls_offered && !session->secure && !session->authenticated &&
           session->target->check->tls != CHECK_TLS_OFF;
}

void session_tls_refused(struct session *session, const char *line)
{
    bool required = session->target->check->tls == CHECK_TLS_REQUIRED;
    session_note(session, required ? "" : "STARTTLS refused: ", line, strlen(line));
    session_leave(session, required ? REASON_TLS_REFUSED : REASON_OK);
}

static void session_begin_tls(struct session *session)
{
    session_await_reply(session, NULL);
    session_enter(session, STEP_TLS, session->target->check->reply_timeout_ms);
    stream_start_tls(session->stream, session->setting->tls, session->target->host);
}

/* RFC 3207 section 4.2: nothing that was said in plain text may count after the handshake. */
void session_start_tls(struct session *session)
{
    if (stream_has_input(session->stream))
        session_end(session, REASON_INJECTION, "");
    else
        session_begin_tls(session);
}

/* Whether a fault concerns only an upgrade that senders can do without. */
static bool session_fault_is_optional(const struct session *session, enum reason reason)
{
    return (session->step == STEP_TLS || reason == REASON_TLS_FAILED) &&
           !session_tls_first(session) && session->target->check->tls == CHECK_TLS_OPTIONAL &&
           reason_status(reason) == OUTCOME_FAIL;
}

/* ---- events ---- */

/* Ends with the best that can be said: what came of a reply, else the error, else what was asked.
 */
static void session_broken(struct session *session, enum reason reason,
                           const struct stream_news *news)
{
    char unanswered[64] = "";
    const char *about = session->lines ? session->first : news->line;
    size_t size = session->lines ? strlen(session->first) : news->size;

    if (session->asked)
        snprintf(unanswered, sizeof unanswered, "no reply to %s", session->asked);
    if (!size) {
        about = *news->why ? news->why : unanswered;
        size = strlen(about);
    }
    if (session->step != STEP_LEAVING && session_fault_is_optional(session, reason)) {
        session->result.reason = REASON_OK;
        session_note(session, "STARTTLS failed: ", about, size);
        session_left(session);
        return;
    }
    session_end_sized(session, reason, about, size);
}

static bool line_is_clean(const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (((unsigned char)line[i] < ' ' && line[i] != '\t') || line[i] == 0x7f)
            return false;
    return true;
}

static void session_on_line(struct session *session, const struct stream_news *news)
{
    session->octets += news->size + 1;
    if (++session->lines == 1)
        snprintf(session->first, sizeof session->first, "%s", news->line);
    if (session->lines > REPLY_LINES_MAX || session->octets > REPLY_OCTETS_MAX ||
        !line_is_clean(news->line, news->size))
        session_end_sized(session, session_faults[session->step].bad, news->line, news->size);
    else
        session->protocol->line(session, news->line);
}

static void session_on_secure(struct session *session)
{
    session->secure = true;
    if (session_tls_first(session))
        session->protocol->opened(session);
    else
        session->protocol->hello(session);
}

void session_begin(struct session *session)
{
    if (session_tls_first(session))
        session_begin_tls(session);
    else
        session->protocol->opened(session);
}

static void session_on_stream(void *context, const struct stream_news *news)
{
    struct session *session = context;
    const struct session_faults *faults = &session_faults[session->step];

    switch (news->event) {
    case STREAM_CONNECTED:
        session_begin(session);
        break;
    case STREAM_SECURE:
        session_on_secure(session);
        break;
    case STREAM_LINE:
        session_on_line(session, news);
        break;
    case STREAM_TOO_LONG:
        session_end_sized(session, faults->bad, news->line, news->size);
        break;
    case STREAM_END:
        session_broken(session, faults->closed, news);
        break;
    case STREAM_TIMEOUT:
        session_broken(session, session->last_step ? REASON_TIMEOUT : faults->timeout, news);
        break;
    case STREAM_ERROR:
        session_broken(session, news->reason, news);
        break;
    }
}

static struct session *session_new(const struct session_setting *setting,
                                   const struct probe_target *target, enum probe_depth depth,
                                   int64_t deadline_ms, session_done *done, void *context)
{
    struct session *session = memory_alloc(sizeof *session);
    session->setting = setting;
    session->target = target;
    session->protocol = session_kinds[target->check->kind].protocol;
    session->depth = depth;
    session->deadline_ms = deadline_ms;
    session->done = done;
    session->context = context;
    session->result.greeted_us = -1;
    return session;
}

struct session *session_open(const struct session_setting *setting,
                             const struct probe_target *target, enum probe_depth depth,
                             int64_t deadline_ms, session_done *done, void *context)
{
    struct session *session = session_new(setting, target, depth, deadline_ms, done, context);
    session->stream =
        stream_open(setting->base, &target->address, target->port,
                    session_source(setting, &target->address), session_on_stream, session);
    session_enter(session, STEP_CONNECT, target->check->connect_timeout_ms);
    return session;
}

struct session *session_adopt(const struct session_setting *setting,
                              const struct probe_target *target, enum probe_depth depth,
                              int64_t deadline_ms, const struct channel *channel,
                              session_done *done, void *context)
{
    struct session *session = session_new(setting, target, depth, deadline_ms, done, context);
    session->stream = stream_adopt(setting->base, channel, session_on_stream, session);
    return session;
}

void session_shorten(struct session *session)
{
    if (session->step < STEP_REPLY)
        session->depth = DEPTH_LIVENESS;
}

int64_t session_heard_us(const struct session *session)
{
    return stream_heard_us(session->stream);
}

bool session_has_news(const struct session *session)
{
    return stream_has_news(session->stream);
}

const struct address *session_source(const struct session_setting *setting,
                                     const struct address *to)
{
    const struct address *source = to->family == 6 ? &setting->source6 : &setting->source4;
    return source->family ? source : NULL;
}

bool session_has_word(const char *text, const char *word)
{
    size_t size = strlen(word);
    return !strncasecmp(text, word, size) && (text[size] == ' ' || text[size] == '\0');
}
