/* SPDX-License-Identifier: BSD-2-Clause */
/* A session: one connection that speaks one protocol, and what became of it. The steps, their
 * deadlines and what every protocol has in common stand here; smtp.c, imap.c, pop3.c and tcp.c are
 * the dialogues. A session is not a probe: a probe may one day open a second one to confirm the
 * first. */
#ifndef EVERMX_PROBE_SESSION_H
#define EVERMX_PROBE_SESSION_H

#include "probe/probe.h"
#include "verdict/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct channel;
struct event_base;
struct peers;
struct pulse;
struct session;
struct stream;
struct tls_client;

/* What all sessions of a prober share. */
struct session_setting {
    struct event_base *base;
    struct tls_client *tls;
    struct pulse *pulse;
    const char *ehlo_name;           /* NULL: the literal of the connection's own address */
    struct address source4, source6; /* to connect from; family 0: any */
    struct peers *peers;             /* the places at hosts */
};

/* What to connect to that address from; NULL: any. */
const struct address *session_source(const struct session_setting *setting,
                                     const struct address *to);

struct session_result {
    enum reason reason;
    int64_t greeted_us; /* when the greeting was complete; -1: none came */
    int64_t heard_us;   /* when the first octet came; 0: none did */
    char detail[sizeof((struct outcome *)NULL)->detail];
};

/* Called once, with the session already closed and freed, unless session_cancel came first. */
typedef void session_done(void *context, const struct session_result *result);

/* deadline_ms: of the whole probe. The target must stay as long as the session. */
struct session *session_open(const struct session_setting *setting,
                             const struct probe_target *target, enum probe_depth depth,
                             int64_t deadline_ms, session_done *done, void *context);
/* The same, of a connection that stands; the channel is the session's from now on. Nothing happens
 * before session_begin, which may report. */
struct session *session_adopt(const struct session_setting *setting,
                              const struct probe_target *target, enum probe_depth depth,
                              int64_t deadline_ms, const struct channel *channel,
                              session_done *done, void *context);
void session_begin(struct session *session);
void session_cancel(struct session *session);
/* It need not go further than the greeting, where it has not done so yet. */
void session_shorten(struct session *session);
int64_t
session_heard_us(const struct session *session);      /* when its first octet came; 0: none yet */
bool session_has_news(const struct session *session); /* that the loop has not told yet */

/* ---- for the protocols ---- */

/* A protocol reacts to events. Whatever it calls to go on or to end is the last thing that it does
 * in a reaction: the session may be gone after it. */
struct protocol {
    void (*opened)(struct session *session); /* connected; encrypted, where TLS comes first */
    void (*line)(struct session *session,
                 const char *line); /* a clean line: text without controls */
    /* asks what the server can do: behind the greeting, and again behind STARTTLS. NULL: nothing to
     * ask */
    void (*hello)(struct session *session);
    /* asks to part; session_left when that is answered. NULL: just hangs up */
    void (*leave)(struct session *session);
};
extern const struct protocol smtp_protocol, imap_protocol, pop3_protocol, tcp_protocol;

enum session_step { STEP_CONNECT, STEP_TLS, STEP_GREETING, STEP_REPLY, STEP_LEAVING };

struct session {
    const struct session_setting *setting;
    const struct probe_target *target;
    const struct protocol *protocol;
    struct stream *stream;
    session_done *done;
    void *context;
    int64_t deadline_ms; /* of the whole probe */
    bool last_step;      /* that deadline comes before the step's own */
    enum probe_depth depth;
    enum session_step step;
    struct session_result result;

    /* the reply being read */
    unsigned lines;
    size_t octets;
    char first[100];   /* its first line: of several, that one tells most */
    const char *asked; /* the verb it answers; NULL: the greeting */

    /* what the dialogue has found so far */
    bool secure, tls_offered;
    bool authenticated; /* without being asked to (IMAP's PREAUTH) */

    /* the protocol's own */
    int state;
    unsigned code; /* SMTP: of the reply being read */
    unsigned tag;  /* IMAP: of the last command */
};

void session_await_greeting(struct session *session);
/* The greeting was complete and good: goes on with hello, or leaves. */
void session_greeted(struct session *session);

/* Sends a line and awaits its reply. The verb is a literal: it is kept. */
void session_ask(struct session *session, int state, const char *verb, const char *line);

bool session_wants_tls(
    const struct session *session);              /* the capabilities are known: STARTTLS next? */
void session_start_tls(struct session *session); /* it was granted */
void session_tls_refused(struct session *session, const char *line);

/* The dialogue is at its end: says goodbye. */
void session_complete(struct session *session);
/* A reply says no, for now or for good: says goodbye too. */
void session_refused(struct session *session, bool for_good, const char *line);
/* The line just read is not of the protocol: ends without a word. */
void session_bad(struct session *session, const char *line);
void session_end(struct session *session, enum reason reason, const char *detail);
/* The goodbye was answered. */
void session_left(struct session *session);

/* Whether a text begins with a word (any case), that a space or the text's end follows. */
bool session_has_word(const char *text, const char *word);

#endif
