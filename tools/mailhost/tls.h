/* SPDX-License-Identifier: BSD-2-Clause */
/* The server's side of TLS as a pure stream: bytes of the wire in and out, plain bytes out and in.
 * Made of memory BIOs rather than of libevent's TLS streams, because a test host must be able to
 * stop within a handshake, which those hide. */
#ifndef EVERMX_MAILHOST_TLS_H
#define EVERMX_MAILHOST_TLS_H

#include <event2/buffer.h>
#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

struct tls_stream;

struct tls_stream *tls_stream_new(SSL_CTX *context);
void tls_stream_free(struct tls_stream *stream);

/* Takes all of wire_in; what it says goes to plain_out. False when the peer broke the protocol or
 * ended the stream; what is then still to be sent (an alert) is there for tls_stream_send. */
bool tls_stream_receive(struct tls_stream *stream, struct evbuffer *wire_in,
                        struct evbuffer *plain_out);
bool tls_stream_ready(const struct tls_stream *stream); /* the handshake is over */

/* Both after the handshake only. */
void tls_stream_write(struct tls_stream *stream, const void *data, size_t size);
void tls_stream_shutdown(struct tls_stream *stream);

size_t tls_stream_pending(const struct tls_stream *stream); /* bytes for the wire */
/* Moves up to `size` of them to wire_out. */
void tls_stream_send(struct tls_stream *stream, struct evbuffer *wire_out, size_t size);

#endif
