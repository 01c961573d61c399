/* SPDX-License-Identifier: BSD-2-Clause */
/* One connection: bytes, lines, TLS and greeting. What the lines mean is the dialogues' business
 * (smtp.c, imap.c, pop3.c). */
#ifndef EVERMX_MAILHOST_SESSION_H
#define EVERMX_MAILHOST_SESSION_H

#include "greeting.h"
#include "listener.h"
#include "tls.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

enum smtp_wait { SMTP_WAIT_NONE, SMTP_WAIT_PLAIN, SMTP_WAIT_USER, SMTP_WAIT_PASSWORD };

struct smtp_state {
    bool helo;
    bool authenticated;
    bool mail;
    bool rcpt;
    bool data;        /* within a message */
    bool broken_line; /* the next line of the message is the rest of an overlong one */
    enum smtp_wait wait;
};

enum imap_wait { IMAP_WAIT_NONE, IMAP_WAIT_IDLE, IMAP_WAIT_AUTHENTICATE };

struct imap_state {
    bool authenticated;
    bool selected;
    enum imap_wait wait;
    char tag[64];
    char *held; /* the command up to a literal; NULL: none */
};

struct pop3_state {
    bool user;
    bool authenticated;
};

struct session {
    struct listener *listener;
    TAILQ_ENTRY(session) link;
    struct bufferevent *connection;
    struct evbuffer *plain_in; /* decrypted, not yet read */
    struct tls_stream *tls;    /* NULL: none yet */
    struct event *tick;        /* the next part of the greeting */
    struct event *idle;
    struct greeting greeting;
    const char *line; /* the command in work */
    size_t skip;      /* bytes of an IMAP literal still to come */
    bool begun;       /* the greeting */
    bool greeted;
    bool talked_early;
    bool tls_counted;
    bool stalled;
    bool peer_done; /* the client has ended its side, or the connection is broken */
    bool orderly;   /* ... by a FIN */
    bool ending;    /* once all is sent */
    bool by_us;     /* it is we who end it */
    bool quit;      /* the client said QUIT or LOGOUT */
    struct smtp_state smtp;
    struct imap_state imap;
    struct pop3_state pop3;
};

void session_start(struct listener *listener, int fd);
void session_free_all(struct listener *listener);

/* The listener has a new behaviour: what does it mean for the sessions that are open? */
void session_follow_behaviour(struct listener *listener);

/* For the dialogues. */
enum mode session_mode(const struct session *session);
bool session_offers_starttls(const struct session *session);
void session_reply(struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void session_end(struct session *session);

/* Leaves the command in work unanswered until the behaviour changes, then takes it again. */
void session_hold(struct session *session);

/* Answers STARTTLS with `reply`, and with `injected` behind it where the mode is inject. */
void session_start_tls(struct session *session, const char *reply, const char *injected);

#endif
