/* SPDX-License-Identifier: BSD-2-Clause */
/* A session: one connection that speaks one protocol, and what became of it. The steps, their
 * deadlines and what every protocol has in common stand here; smtp.c, imap.c, pop3.c and tcp.c are
 * the dialogues. A session is not a probe: a probe may one day open a second one to confirm the
 * first. */
#ifndef EVERMX_PROBE_SESSION_H
#define EVERMX_PROBE_SESSION_H

#include "probe/credentials.h"
#include "probe/judge.h"
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
    struct peers *peers; /* the places at hosts: whoever opens a session has taken one before */
};

/* What to connect to that address from; NULL: any. */
const struct address *session_source(const struct session_setting *setting,
                                     const struct address *to);

struct session_result {
    enum reason reason;
    int64_t greeted_us; /* when the greeting was complete; -1: none came */
    int64_t heard_us;   /* when the first octet of the dialogue came; 0: none did */
    int64_t last_us;    /* when the last line came; 0: none did */
    int32_t step_us[TIMED_STEPS];
    char detail[OUTCOME_DETAIL_SIZE];
    enum reason warning; /* REASON_NONE: nothing */
    char warning_detail[OUTCOME_DETAIL_SIZE];
    int64_t certificate_ends_s; /* calendar's time; 0: none was seen */
    int64_t accepted_us;        /* when the message of an errand was taken; -1: it was not */
};

/* Copies what an outcome tells of a session beside its reason: detail, warning, the steps' times.
 */
void session_result_tell(const struct session_result *result, struct outcome *outcome);

/* Called once, with the session already closed and freed, unless session_cancel came first. */
typedef void session_done(void *context, const struct session_result *result);

/* deadline_ms: of the whole probe. The target must stay as long as the session. */
struct session *session_open(const struct session_setting *setting,
                             const struct probe_target *target, enum probe_depth depth,
                             int64_t deadline_ms, session_done *done, void *context);
/* The same, of a connection that stands, sought since since_us; the channel is the session's from
 * now on. Nothing happens before session_begin, which may report. */
struct session *session_adopt(const struct session_setting *setting,
                              const struct probe_target *target, enum probe_depth depth,
                              int64_t deadline_ms, const struct channel *channel, int64_t since_us,
                              session_done *done, void *context);
void session_begin(struct session *session);
void session_cancel(struct session *session);
/* It need not go further than the greeting, where it has not done so yet. */
void session_shorten(struct session *session);
/* When the first octet of its greeting came; 0: none yet. Where TLS comes first, a handshake alone
 * is none: kernels and libraries that still answer may stand before a server that hangs. */
int64_t session_heard_us(const struct session *session);
/* When its last line came, or else its first octet; 0: neither yet. */
int64_t session_last_us(const struct session *session);
bool session_was_resent(const struct session *session); /* channel_was_resent() */
bool session_has_news(const struct session *session);   /* that the loop has not told yet */
/* The same with a goodbye where the session idles, whose answer is not waited for. */
void session_part(struct session *session);

/* What a session is there for beside a probe's dialogue. Each member takes over at its place. */
struct session_errand {
    const char *message; /* SMTP, behind RCPT: with the dot at its end, without the last CRLF */
    const struct protocol *after_greeting; /* goes on as its `opened` wants */
    const struct protocol *after_login;    /* IMAP: instead of EXAMINE */
    void *context;
};

/* session_open, of DEPTH_ROUND_TRIP. The errand must stay as long as the session. */
struct session *session_open_errand(const struct session_setting *setting,
                                    const struct probe_target *target,
                                    const struct session_errand *errand, int64_t deadline_ms,
                                    session_done *done, void *context);

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

enum session_step { STEP_CONNECT, STEP_TLS, STEP_GREETING, STEP_REPLY, STEP_IDLE, STEP_LEAVING };

enum { SESSION_TEXT_SIZE = 512 };

struct session {
    const struct session_setting *setting;
    const struct probe_target *target;
    const struct protocol *protocol;
    const struct session_errand *errand; /* NULL: none, a probe's */
    struct stream *stream;
    session_done *done;
    void *context;
    int64_t deadline_ms; /* of the whole probe */
    bool last_step;      /* that deadline comes before the step's own */
    enum probe_depth depth;
    enum session_step step;
    enum outcome_step timed; /* whose time runs; TIMED_STEPS: none's */
    int64_t timed_since_us;
    struct session_result result;

    /* the reply being read */
    unsigned lines;
    size_t octets;
    char first[OUTCOME_DETAIL_SIZE]; /* its first line: of several, that one tells most */
    const char *asked;               /* the verb it answers; NULL: the greeting */

    /* what the dialogue has found so far */
    bool secure, tls_offered;
    bool tls_given_up;  /* optional, offered and refused: goes on in plain text */
    bool authenticated; /* IMAP: without being asked to (PREAUTH) */
    enum reason fault;  /* of the certificate: the session ends by it after the greeting */
    bool distrusted;    /* it has such a fault, and that is no failure: no login then */
    bool told_secret;   /* the password has been sent */

    /* the protocol's own */
    int state;
    unsigned offers;              /* what the server can do */
    unsigned code;                /* SMTP: of the reply being read */
    char text[SESSION_TEXT_SIZE]; /* SMTP: all its lines, without codes */
    bool open_mail;               /* SMTP: MAIL was accepted */
    unsigned tag;                 /* IMAP: of the last command */
};

void session_await_greeting(struct session *session);
/* The greeting was complete and good: goes on with hello, or leaves. */
void session_greeted(struct session *session);

/* Sends a line and awaits its reply, whose time counts for a step (TIMED_STEPS: for none). The verb
 * is a literal: it is kept. */
void session_ask(struct session *session, int state, enum outcome_step timed, const char *verb,
                 const char *line);
/* The same of octets that a password may be among: no copy is left. What is asked for TIMED_LOGIN
 * is not told when a reply quotes it. */
void session_ask_octets(struct session *session, int state, enum outcome_step timed,
                        const char *verb, const char *octets, size_t size);

/* Only listens from now on, until something is asked: to the session's own deadline. */
void session_idle(struct session *session);
/* The reply has several parts: its limits hold for each. */
void session_go_on(struct session *session);
/* From now on the dialogue is an errand's. */
void session_hand_over(struct session *session, const struct protocol *protocol);

/* ---- TLS: once the capabilities are known ---- */

bool session_wants_tls(const struct session *session); /* STARTTLS next? */
void session_start_tls(struct session *session);       /* it was granted */
/* Refused. True: the dialogue goes on in plain text. */
bool session_tls_refused(struct session *session, const char *line);
/* False: TLS is missing where it must be, and the session ends by it. Missing where it is optional
 * is a warning. */
bool session_is_private(struct session *session);

/* Whether there are credentials and they may be told here: over TLS with a good certificate, or
 * where TLS is configured off. */
bool session_may_login(const struct session *session);
/* Whether there is a recipient to ask for. */
bool session_has_recipient(const struct session *session);
struct credentials session_credentials(const struct session *session);
struct judge_hints session_hints(const struct session *session);

/* ---- the end ---- */

/* The dialogue is at its end, and all is well: says goodbye. */
void session_complete(struct session *session);
/* The same, and a reply that was no success is worth telling. */
void session_complete_by(struct session *session, const char *line);
/* A reply says no: says goodbye too. */
void session_refused(struct session *session, enum reason reason, const char *line);
/* The line just read is not of the protocol: ends without a word. */
void session_bad(struct session *session, const char *line);
void session_end(struct session *session, enum reason reason, const char *detail);
/* The goodbye was answered. */
void session_left(struct session *session);

/* Whether a text begins with a word (any case), that a space or the text's end follows. */
bool session_has_word(const char *text, const char *word);

#endif
