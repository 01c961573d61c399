/* SPDX-License-Identifier: BSD-2-Clause */
/* What happens on one connection, as events: connected, TLS ready, a line, the end, the deadline,
 * an error. Knows no protocol. Owned by a session; the event base's thread. */
#ifndef EVERMX_PROBE_STREAM_H
#define EVERMX_PROBE_STREAM_H

#include "base/address.h"
#include "verdict/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct channel;
struct event_base;
struct ssl_st;
struct stream;
struct tls_client;

enum {
    STREAM_LINE_MAX = 2048, /* octets; RFC 5321 section 4.5.3.1.5 says 512, and servers exceed it */
    STREAM_COMMAND_MAX = 1024,
};

enum stream_event {
    STREAM_CONNECTED,
    STREAM_SECURE, /* the TLS handshake is done */
    STREAM_LINE,
    /* After each of these no more follows: */
    STREAM_TOO_LONG, /* a line above STREAM_LINE_MAX */
    STREAM_END,      /* closed or reset by the peer */
    STREAM_TIMEOUT,  /* nothing that moved the deadline came before it */
    STREAM_ERROR,
};

struct stream_news {
    enum stream_event event;
    enum reason reason; /* ERROR: whose fault */
    const char *line;   /* LINE: without its end. Else: what came of an unfinished line. Ends with
                           NUL, and may hold others */
    size_t size;        /* of line */
    const char *why;    /* ERROR, END: the error's text, or "" */
};

/* May close the stream. */
typedef void stream_handler(void *context, const struct stream_news *news);

/* Connects, from a source address where one is given. Whatever happens is told later, from the
 * loop. */
struct stream *stream_open(struct event_base *base, const struct address *address, uint16_t port,
                           const struct address *source, stream_handler *handler, void *context);
/* Of a channel that has connected, and is the stream's from now on. */
struct stream *stream_adopt(struct event_base *base, const struct channel *channel,
                            stream_handler *handler, void *context);
void stream_close(struct stream *stream);

/* One deadline, absolute; setting it again replaces it. At the deadline what has already arrived is
 * handled first: a loop that was itself late finds the peer's bytes in the kernel. */
void stream_set_deadline(struct stream *stream, int64_t at_ms);

/* A command, at most STREAM_COMMAND_MAX octets. No copy of it is kept once it is sent. */
void stream_send(struct stream *stream, const char *bytes, size_t size);

/* Whether bytes have come that were not told yet. */
bool stream_has_input(const struct stream *stream);
void stream_start_tls(struct stream *stream, const struct tls_client *client, const char *host);
/* After STREAM_SECURE: the TLS session, to look at. */
struct ssl_st *stream_tls(const struct stream *stream);

int64_t stream_heard_us(const struct stream *stream); /* when the first octet came; 0: none yet */
/* The same of the dialogue: the octets of a TLS handshake do not count. */
int64_t stream_said_us(const struct stream *stream);
/* The end of a peer that says nothing is seen within some seconds, as STREAM_ERROR. */
void stream_keep_alive(struct stream *stream);

bool stream_was_resent(const struct stream *stream); /* channel_was_resent() */

/* Whether the loop has still to be told of something: octets, or the end. */
bool stream_has_news(const struct stream *stream);

bool stream_local_address(const struct stream *stream, struct address *address);

#endif
