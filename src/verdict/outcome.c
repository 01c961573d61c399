/* SPDX-License-Identifier: BSD-2-Clause */
/* The one table of reasons: reason -> status, word, sentence. Pure; any thread. */
#include "verdict/verdict.h"

#include <assert.h>

struct reason_row {
    enum outcome_status status;
    const char *word;
    const char *sentence;
};

static const struct reason_row reasons[REASON_COUNT] = {
    [REASON_NONE] = {OUTCOME_UNKNOWN, "none", "not probed yet"},
    [REASON_OK] = {OUTCOME_OK, "ok", "the service answered as it should"},

    [REASON_REFUSED] = {OUTCOME_FAIL, "refused", "nobody listens at the port"},
    [REASON_UNREACHABLE] = {OUTCOME_FAIL, "unreachable", "the network says: host unreachable"},
    [REASON_CONNECT_TIMEOUT] = {OUTCOME_FAIL, "connect-timeout", "no answer to the connection"},
    [REASON_GREETING_TIMEOUT] = {OUTCOME_FAIL, "greeting-timeout",
                                 "connected, but no complete greeting came"},
    [REASON_GREETING_CLOSED] = {OUTCOME_FAIL, "greeting-closed",
                                "connected, and closed before a complete greeting"},
    [REASON_GREETING_BAD] = {OUTCOME_FAIL, "greeting-bad",
                             "connected, but the greeting is not of this protocol"},
    [REASON_GREETING_4XX] = {OUTCOME_FAIL, "greeting-4xx",
                             "greeted with a temporary refusal of service"},
    [REASON_GREETING_5XX] = {OUTCOME_FAIL, "greeting-5xx",
                             "greeted with a permanent refusal of service"},
    [REASON_REPLY_TIMEOUT] = {OUTCOME_FAIL, "reply-timeout",
                              "greeted, but a command got no complete reply"},
    [REASON_REPLY_CLOSED] = {OUTCOME_FAIL, "reply-closed",
                             "greeted, and closed before the reply to a command"},
    [REASON_REPLY_BAD] = {OUTCOME_FAIL, "reply-bad",
                          "greeted, but a reply is not of this protocol"},
    [REASON_REPLY_4XX] = {OUTCOME_FAIL, "reply-4xx", "a command was refused for now"},
    [REASON_REPLY_5XX] = {OUTCOME_FAIL, "reply-5xx", "a command was refused for good"},
    [REASON_TLS_NOT_OFFERED] = {OUTCOME_FAIL, "tls-not-offered",
                                "TLS is required, but not offered"},
    [REASON_TLS_REFUSED] = {OUTCOME_FAIL, "tls-refused", "TLS is required, but was refused"},
    [REASON_TLS_FAILED] = {OUTCOME_FAIL, "tls-failed", "the TLS handshake failed"},
    [REASON_TLS_TIMEOUT] = {OUTCOME_FAIL, "tls-timeout", "the TLS handshake did not end"},
    [REASON_INJECTION] = {OUTCOME_FAIL, "injection",
                          "plain text came behind the answer to STARTTLS"},
    [REASON_TIMEOUT] = {OUTCOME_FAIL, "timeout", "the probe as a whole took too long"},

    [REASON_LOCAL] = {OUTCOME_UNKNOWN, "local", "a fault of the prober's own machine"},
    [REASON_LATE] = {OUTCOME_UNKNOWN, "late", "the prober itself was stopped or starved"},
    [REASON_CANCELLED] = {OUTCOME_UNKNOWN, "cancelled", "ended by a reload or at the end"},
};

static const struct reason_row *reason_row(enum reason reason)
{
    assert((unsigned)reason < REASON_COUNT);
    return &reasons[reason];
}

enum outcome_status reason_status(enum reason reason)
{
    return reason_row(reason)->status;
}

const char *reason_word(enum reason reason)
{
    return reason_row(reason)->word;
}

const char *reason_sentence(enum reason reason)
{
    return reason_row(reason)->sentence;
}
