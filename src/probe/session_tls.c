/* SPDX-License-Identifier: BSD-2-Clause */
/* TLS in a session: whether and when it begins, what its faults and the certificate's come to, and
 * what may be told over it. */
#include "probe/certificate.h"
#include "probe/channel.h"
#include "probe/session_inside.h"
#include "probe/stream.h"

#include <string.h>
#include <time.h>

/* For a handshake that senders can do without, and that failed the last time. */
enum { TLS_DOUBTFUL_MS = 3000 };

/* A session without TLS, or with a bad certificate, is no failure: senders go on. */
static bool session_tls_is_optional(const struct session *session)
{
    return !session_tls_first(session) && session->target->check->tls == CHECK_TLS_OPTIONAL;
}

bool session_wants_tls(const struct session *session)
{
    return session->tls_offered && !session->secure && !session->tls_given_up &&
           !session->authenticated && session->target->check->tls != CHECK_TLS_OFF;
}

bool session_is_private(struct session *session)
{
    const struct check_settings *check = session->target->check;
    const char *untried = check->user ? "no login without TLS" : "";

    if (!session->secure && check->tls == CHECK_TLS_REQUIRED) {
        session_leave(session, REASON_TLS_NOT_OFFERED);
        return false;
    }
    if (!session->secure && !session->authenticated && check->tls == CHECK_TLS_OPTIONAL)
        session_warn(session, REASON_TLS_NOT_OFFERED, untried, strlen(untried));
    return true;
}

bool session_tls_refused(struct session *session, const char *line)
{
    if (!session_tls_is_optional(session)) {
        session_refused(session, REASON_TLS_REFUSED, line);
        return false;
    }
    session->tls_given_up = true;
    session_warn(session, REASON_TLS_REFUSED, line, strlen(line));
    return true;
}

void session_begin_tls(struct session *session)
{
    const struct check_settings *check = session->target->check;
    int64_t patience_ms =
        session_tls_first(session) ? check->greeting_timeout_ms : check->reply_timeout_ms;
    if (session_tls_is_optional(session) && session->target->tls_failed &&
        patience_ms > TLS_DOUBTFUL_MS)
        patience_ms = TLS_DOUBTFUL_MS;
    session_await_reply(session, NULL);
    session_enter(session, STEP_TLS, TIMED_TLS, patience_ms);
    stream_start_tls(session->stream, session->setting->tls, session->target->host);
}

/* Whether a fault concerns only an upgrade that senders can do without. */
bool session_fault_is_optional(const struct session *session, enum reason reason)
{
    return session_tls_is_optional(session) &&
           (session->step == STEP_TLS || reason == REASON_TLS_FAILED) &&
           reason_status(reason) == OUTCOME_FAIL;
}

/* Such a one: the connection is lost with it. */
void session_end_with_warning(struct session *session, enum reason reason, const char *about,
                              size_t size)
{
    if (reason == REASON_TIMEOUT)
        reason = REASON_TLS_TIMEOUT;
    session_warn(session, reason, about, size);
    session->result.reason = REASON_OK;
    session_left(session);
}

/* RFC 3207 section 4.2: nothing that was said in plain text may count after the handshake. Senders
 * that do without TLS throw it away and go on, as Postfix does. */
void session_start_tls(struct session *session)
{
    if (!stream_has_input(session->stream))
        session_begin_tls(session);
    else if (session_tls_is_optional(session))
        session_end_with_warning(session, REASON_INJECTION, "", 0);
    else
        session_end(session, REASON_INJECTION, "");
}

void session_examine(struct session *session)
{
    const char *host = session->target->host;
    const struct certificate_rules rules = {
        .host = strchr(host, '@') ? NULL : host, /* of a template: the name of no domain */
        .chain = session->setting->tls->has_authorities,
        .warn_ms = session->target->check->cert_warn_ms,
        .now = time(NULL)};
    struct certificate_finding finding = {.reason = REASON_NONE};
    struct ssl_st *tls = stream_tls(session->stream);

    if (tls)
        certificate_examine(tls, &rules, &finding);
    session->result.certificate_ends_s = finding.ends_s;
    size_t size = strlen(finding.detail);
    if (finding.reason == REASON_NONE)
        return;
    if (finding.reason == REASON_CERT_EXPIRES || session_tls_is_optional(session)) {
        session->distrusted = finding.reason != REASON_CERT_EXPIRES;
        session_warn(session, finding.reason, finding.detail, size);
    } else {
        session->fault = finding.reason;
        session_note(session, finding.detail, size);
    }
}

bool session_may_login(const struct session *session)
{
    const struct check_settings *check = session->target->check;
    bool is_private = session->secure && !session->distrusted;

    return check->user && check->password && !session->authenticated &&
           (is_private || check->tls == CHECK_TLS_OFF);
}
