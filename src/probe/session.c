/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/session_inside.h"

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
    [STEP_IDLE] = {REASON_TIMEOUT, REASON_REPLY_CLOSED, REASON_REPLY_BAD},
    [STEP_LEAVING] = {REASON_OK, REASON_OK, REASON_OK},
};

bool session_tls_first(const struct session *session)
{
    return session_kinds[session->target->check->kind].tls_first;
}

bool session_has_recipient(const struct session *session)
{
    return session->target->check->recipient;
}

struct credentials session_credentials(const struct session *session)
{
    const struct check_settings *check = session->target->check;
    return (struct credentials){.user = check->user, .password = check->password};
}

struct judge_hints session_hints(const struct session *session)
{
    return (struct judge_hints){.refusal_is_down =
                                    session->target->check->refusal == CHECK_REFUSAL_DOWN,
                                .login_worked = session->target->login_worked};
}

/* ---- what is told ---- */

/* Peers write what they like, and servers quote commands that they do not understand: only
 * printable ASCII goes on to logs and terminals, and nothing of a password. */
static void session_write(const struct session *session, char detail[OUTCOME_DETAIL_SIZE],
                          const char *text, size_t size)
{
    if (size > OUTCOME_DETAIL_SIZE - 1)
        size = OUTCOME_DETAIL_SIZE - 1;
    memcpy(detail, text, size);
    if (session->told_secret) {
        struct credentials credentials = session_credentials(session);
        credentials_hide(&credentials, detail, size);
    }
    for (size_t i = 0; i < size; i++)
        if (detail[i] < ' ' || detail[i] > '~')
            detail[i] = '?';
    detail[size] = '\0';
}

void session_note(struct session *session, const char *text, size_t size)
{
    session_write(session, session->result.detail, text, size);
}

/* The first warning is told; only that a certificate expires one day is less than any other. */
void session_warn(struct session *session, enum reason reason, const char *text, size_t size)
{
    enum reason *warning = &session->result.warning;
    if (*warning != REASON_NONE && *warning != REASON_CERT_EXPIRES)
        return;
    *warning = reason;
    session_write(session, session->result.warning_detail, text, size);
}

void session_result_tell(const struct session_result *result, struct outcome *outcome)
{
    memcpy(outcome->detail, result->detail, sizeof outcome->detail);
    memcpy(outcome->step_us, result->step_us, sizeof outcome->step_us);
    outcome->warning = result->warning;
    memcpy(outcome->warning_detail, result->warning_detail, sizeof outcome->warning_detail);
    outcome->certificate_ends_s = result->certificate_ends_s;
}

/* Another step's time begins. Two in a row of one step count together. */
static void session_clock(struct session *session, enum outcome_step step)
{
    int64_t now_us = clock_now_us();
    int64_t took_us = now_us - session->timed_since_us;

    if (step == session->timed)
        return;
    if (session->timed != TIMED_STEPS)
        session->result.step_us[session->timed] = took_us < 1           ? 1
                                                  : took_us > INT32_MAX ? INT32_MAX
                                                                        : (int32_t)took_us;
    session->timed = step;
    session->timed_since_us = now_us;
}

/* ---- the end ---- */

void session_cancel(struct session *session)
{
    stream_close(session->stream);
    if (session->told_secret) /* it may have been quoted */
        explicit_bzero(session, sizeof *session);
    free(session);
}

void session_part(struct session *session)
{
    if (session->step == STEP_IDLE && session->protocol->leave) {
        session->step = STEP_LEAVING;
        session->protocol->leave(session);
    }
    session_cancel(session);
}

void session_left(struct session *session)
{
    session_clock(session, TIMED_STEPS);
    struct session_result result = session->result;
    session_done *done = session->done;
    void *context = session->context;
    result.heard_us = stream_said_us(session->stream);
    session_cancel(session);
    done(context, &result);
}

/* While leaving, the result stands. */
static void session_end_sized(struct session *session, enum reason reason, const char *detail,
                              size_t size)
{
    if (session->step != STEP_LEAVING) {
        session->result.reason = reason;
        session_note(session, detail, size);
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

void session_enter(struct session *session, enum session_step step, enum outcome_step timed,
                   int64_t timeout_ms)
{
    int64_t at_ms = clock_now_ms() + timeout_ms;
    session_clock(session, timed);
    session->step = step;
    session->last_step = at_ms > session->deadline_ms;
    stream_set_deadline(session->stream, session->last_step ? session->deadline_ms : at_ms);
}

void session_await_reply(struct session *session, const char *asked)
{
    session->lines = 0;
    session->octets = 0;
    session->first[0] = '\0';
    session->text[0] = '\0';
    session->asked = asked;
}

void session_await_greeting(struct session *session)
{
    session_await_reply(session, NULL);
    session_enter(session, STEP_GREETING, TIMED_GREETING,
                  session->target->check->greeting_timeout_ms);
}

void session_ask_octets(struct session *session, int state, enum outcome_step timed,
                        const char *verb, const char *octets, size_t size)
{
    char command[STREAM_COMMAND_MAX];
    if (size > sizeof command - 2) { /* nothing that a server could have done */
        session_end(session, REASON_LOCAL, "a command would be too long");
        return;
    }
    memcpy(command, octets, size);
    memcpy(command + size, "\r\n", 2);
    session->told_secret = session->told_secret || timed == TIMED_LOGIN;
    session->state = state;
    session_await_reply(session, verb);
    if (session->step == STEP_LEAVING)
        session_enter(session, STEP_LEAVING, TIMED_STEPS, LEAVING_MS);
    else
        session_enter(session, STEP_REPLY, timed, session->target->check->reply_timeout_ms);
    stream_send(session->stream, command, size + 2);
    explicit_bzero(command, sizeof command);
}

void session_ask(struct session *session, int state, enum outcome_step timed, const char *verb,
                 const char *line)
{
    session_ask_octets(session, state, timed, verb, line, strlen(line));
}

void session_idle(struct session *session)
{
    session_await_reply(session, NULL);
    session_enter(session, STEP_IDLE, TIMED_STEPS, session->deadline_ms - clock_now_ms());
}

void session_go_on(struct session *session)
{
    session->lines = 1;
    session->octets = 0;
}

void session_hand_over(struct session *session, const struct protocol *protocol)
{
    session->protocol = protocol;
    protocol->opened(session);
}

/* Says goodbye, and gives the peer a moment for its own: servers log those who just hang up. */
void session_leave(struct session *session, enum reason reason)
{
    session->result.reason = reason;
    if (!session->protocol->leave) {
        session_left(session);
        return;
    }
    session->step = STEP_LEAVING;
    session->protocol->leave(session);
}

void session_greeted(struct session *session)
{
    session->result.greeted_us = clock_now_us();
    if (session->fault != REASON_NONE)
        session_leave(session, session->fault);
    else if (session->errand && session->errand->after_greeting)
        session_hand_over(session, session->errand->after_greeting);
    else if (session->depth != DEPTH_LIVENESS && session->protocol->hello)
        session->protocol->hello(session);
    else
        session_leave(session, REASON_OK);
}

void session_complete(struct session *session)
{
    session_leave(session, REASON_OK);
}

void session_complete_by(struct session *session, const char *line)
{
    session_refused(session, REASON_OK, line);
}

void session_refused(struct session *session, enum reason reason, const char *line)
{
    session_note(session, line, strlen(line));
    session_leave(session, reason);
}

/* ---- events ---- */

/* Where TLS comes first, its first octet is the first sign of life: silence before it is no fault
 * of TLS. */
static enum reason session_silence(const struct session *session)
{
    if (session->last_step)
        return REASON_TIMEOUT;
    if (session->step == STEP_TLS && session_tls_first(session) &&
        !stream_heard_us(session->stream))
        return REASON_GREETING_TIMEOUT;
    return session_faults[session->step].timeout;
}

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
    if (session->step != STEP_LEAVING && session_fault_is_optional(session, reason))
        session_end_with_warning(session, reason, about, size);
    else
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
    session->result.last_us = clock_now_us();
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
    session_examine(session);
    if (session_tls_first(session))
        session->protocol->opened(session);
    else if (session->fault != REASON_NONE)
        session_leave(session, session->fault);
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
        session_broken(session, session_silence(session), news);
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
    session->result.accepted_us = -1;
    session->timed = TIMED_CONNECT;
    session->timed_since_us = clock_now_us();
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
    session_enter(session, STEP_CONNECT, TIMED_CONNECT, target->check->connect_timeout_ms);
    return session;
}

struct session *session_adopt(const struct session_setting *setting,
                              const struct probe_target *target, enum probe_depth depth,
                              int64_t deadline_ms, const struct channel *channel, int64_t since_us,
                              session_done *done, void *context)
{
    struct session *session = session_new(setting, target, depth, deadline_ms, done, context);
    session->timed_since_us = since_us;
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
    return stream_said_us(session->stream);
}

int64_t session_last_us(const struct session *session)
{
    return session->result.last_us ? session->result.last_us : session_heard_us(session);
}

bool session_was_resent(const struct session *session)
{
    return stream_was_resent(session->stream);
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

struct session *session_open_errand(const struct session_setting *setting,
                                    const struct probe_target *target,
                                    const struct session_errand *errand, int64_t deadline_ms,
                                    session_done *done, void *context)
{
    struct session *session =
        session_open(setting, target, DEPTH_ROUND_TRIP, deadline_ms, done, context);
    session->errand = errand;
    return session;
}

bool session_has_word(const char *text, const char *word)
{
    size_t size = strlen(word);
    return !strncasecmp(text, word, size) && (text[size] == ' ' || text[size] == '\0');
}

void probe_target_learn(struct probe_target *target, const struct outcome *outcome)
{
    if (outcome->depth != DEPTH_SERVICE || reason_status(outcome->reason) == OUTCOME_UNKNOWN)
        return;
    target->tls_failed =
        outcome->warning == REASON_TLS_FAILED || outcome->warning == REASON_TLS_TIMEOUT;
    if (outcome->reason == REASON_OK && outcome->step_us[TIMED_LOGIN])
        target->login_worked = true;
}
