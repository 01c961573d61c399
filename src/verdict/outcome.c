/* SPDX-License-Identifier: BSD-2-Clause */
/* The one table of reasons: reason -> status, evidence, word, sentence, advice. Pure; any thread.
 */
#include "verdict/verdict.h"

#include <assert.h>
#include <stddef.h>

struct reason_row {
    enum outcome_status status;
    enum evidence evidence;
    const char *word;
    const char *sentence;
    const char *advice;
};

/* clang-format off */
#define FAIL(kind) OUTCOME_FAIL, EVIDENCE_##kind
#define UNKNOWN    OUTCOME_UNKNOWN, EVIDENCE_NONE

static const struct reason_row reasons[REASON_COUNT] = {
    [REASON_NONE] = {UNKNOWN, "none", "not probed yet", NULL},
    [REASON_OK] = {OUTCOME_OK, EVIDENCE_NONE, "ok", "the service answered as it should", NULL},

    [REASON_REFUSED] = {FAIL(REFUSAL), "refused", "nobody listens at the port", NULL},
    [REASON_UNREACHABLE] = {FAIL(REFUSAL), "unreachable", "the network says: host unreachable", NULL},
    [REASON_CONNECT_TIMEOUT] = {FAIL(SILENCE), "connect-timeout", "no answer to the connection", NULL},
    [REASON_GREETING_TIMEOUT] = {FAIL(SILENCE), "greeting-timeout", "connected, but no complete greeting came", NULL},
    [REASON_GREETING_CLOSED] = {FAIL(SICK), "greeting-closed", "connected, and closed before a complete greeting", NULL},
    [REASON_GREETING_BAD] = {FAIL(SICK), "greeting-bad", "connected, but the greeting is not of this protocol", NULL},
    [REASON_GREETING_4XX] = {FAIL(SICK), "greeting-4xx", "greeted with a temporary refusal of service", NULL},
    [REASON_GREETING_5XX] = {FAIL(SICK), "greeting-5xx", "greeted with a permanent refusal of service", NULL},
    [REASON_REPLY_TIMEOUT] = {FAIL(SICK), "reply-timeout", "greeted, but a command got no complete reply", NULL},
    [REASON_REPLY_CLOSED] = {FAIL(SICK), "reply-closed", "greeted, and closed before the reply to a command", NULL},
    [REASON_REPLY_BAD] = {FAIL(SICK), "reply-bad", "greeted, but a reply is not of this protocol", NULL},
    [REASON_REPLY_4XX] = {FAIL(SICK), "reply-4xx", "a command was refused for now", NULL},
    [REASON_REPLY_5XX] = {FAIL(SICK), "reply-5xx", "a command was refused for good", NULL},
    [REASON_DEFERRED] = {FAIL(DOUBT), "deferred", "mail is put off: a filter is broken, or a policy wants it so",
        "if the host does so by policy (greylisting), except the probe's recipient or the prober's address from it"},
    [REASON_LOGIN_UNAVAILABLE] = {FAIL(SICK), "login-unavailable", "no login is possible now", NULL},
    [REASON_MAILBOX_BROKEN] = {FAIL(SICK), "mailbox-broken", "logged in, but the mailbox cannot be opened", NULL},
    [REASON_TLS_NOT_OFFERED] = {FAIL(SICK), "tls-not-offered", "TLS is not offered", NULL},
    [REASON_TLS_REFUSED] = {FAIL(SICK), "tls-refused", "TLS was refused", NULL},
    [REASON_TLS_FAILED] = {FAIL(SICK), "tls-failed", "the TLS handshake failed", NULL},
    [REASON_TLS_TIMEOUT] = {FAIL(SICK), "tls-timeout", "the TLS handshake did not end", NULL},
    [REASON_TLS_WEAK] = {FAIL(SICK), "tls-weak", "the server speaks no TLS version that clients still accept", NULL},
    [REASON_CERT_EXPIRED] = {FAIL(SICK), "cert-expired", "the certificate has expired, or is not valid yet", NULL},
    [REASON_CERT_NAME] = {FAIL(SICK), "cert-name", "the certificate is for another name", NULL},
    [REASON_CERT_UNTRUSTED] = {FAIL(SICK), "cert-untrusted", "the certificate is not of a known authority",
        "if it is of an authority of your own, name that in `ca-file`"},
    [REASON_INJECTION] = {FAIL(SICK), "injection", "plain text came behind the answer to STARTTLS", NULL},
    [REASON_TIMEOUT] = {FAIL(SICK), "timeout", "the probe as a whole took too long", NULL},
    [REASON_UNDELIVERED] = {FAIL(DOUBT), "undelivered", "a message was taken and has not arrived", NULL},

    [REASON_PROBER_REFUSED] = {UNKNOWN, "prober-refused", "the host refuses this prober, which says nothing about its health",
        "except the prober's address from the host's limits and lists: evermx-probing(7)"},
    [REASON_PROBER_BLOCKED] = {UNKNOWN, "prober-blocked", "silent or unreachable to this prober, while another port of the host answers",
        "let the prober's address through the host's firewall and bans (fail2ban): evermx-probing(7)"},
    [REASON_LOGIN_REFUSED] = {UNKNOWN, "login-refused", "the credentials of the probe are refused",
        "see that user and password of the `credentials` file are right"},
    [REASON_RECIPIENT_REFUSED] = {UNKNOWN, "recipient-refused", "the recipient of the probe is refused",
        "see that `probe-recipient` exists and may get mail from the prober"},

    [REASON_UPLINK] = {UNKNOWN, "uplink", "most hosts are silent at once: the prober's own network seems to be down", NULL},
    [REASON_LOCAL] = {UNKNOWN, "local", "a fault of the prober's own machine", NULL},
    [REASON_LATE] = {UNKNOWN, "late", "the prober itself was stopped or starved", NULL},
    [REASON_CANCELLED] = {UNKNOWN, "cancelled", "ended by a reload or at the end", NULL},

    [REASON_CERT_EXPIRES] = {UNKNOWN, "cert-expires", "the certificate expires soon", NULL},
};
/* clang-format on */

static const struct reason_row *reason_row(enum reason reason)
{
    assert((unsigned)reason < REASON_COUNT);
    return &reasons[reason];
}

enum outcome_status reason_status(enum reason reason)
{
    return reason_row(reason)->status;
}

enum evidence reason_evidence(enum reason reason)
{
    return reason_row(reason)->evidence;
}

bool reason_passes(enum reason reason)
{
    switch (reason) {
    case REASON_GREETING_CLOSED:
    case REASON_GREETING_4XX:
    case REASON_REPLY_TIMEOUT:
    case REASON_REPLY_CLOSED:
    case REASON_REPLY_4XX:
    case REASON_DEFERRED:
    case REASON_LOGIN_UNAVAILABLE:
    case REASON_MAILBOX_BROKEN:
    case REASON_TLS_TIMEOUT:
    case REASON_TIMEOUT:
        return true;
    default:
        return false;
    }
}

const char *reason_word(enum reason reason)
{
    return reason_row(reason)->word;
}

const char *reason_sentence(enum reason reason)
{
    return reason_row(reason)->sentence;
}

const char *reason_advice(enum reason reason)
{
    return reason_row(reason)->advice;
}

const char *outcome_step_word(enum outcome_step step)
{
    static const char *const words[TIMED_STEPS] = {
        [TIMED_CONNECT] = "connect", [TIMED_TLS] = "tls",       [TIMED_GREETING] = "greeting",
        [TIMED_HELLO] = "hello",     [TIMED_LOGIN] = "login",   [TIMED_MAIL] = "mail",
        [TIMED_RCPT] = "rcpt",       [TIMED_SELECT] = "select", [TIMED_DELIVERY] = "delivery",
    };
    return words[step];
}
