/* SPDX-License-Identifier: BSD-2-Clause */
/* TLS over memory BIOs. */
#include "tls.h"

#include "base/memory.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

struct tls_stream {
    SSL *ssl;
    BIO *from_wire; /* both belong to ssl */
    BIO *to_wire;
};

struct tls_stream *tls_stream_new(SSL_CTX *context)
{
    struct tls_stream *stream = memory_alloc(sizeof(*stream));
    stream->ssl = SSL_new(context);
    stream->from_wire = BIO_new(BIO_s_mem());
    stream->to_wire = BIO_new(BIO_s_mem());
    if (!stream->ssl || !stream->from_wire || !stream->to_wire)
        memory_exhausted(sizeof(*stream));
    SSL_set_bio(stream->ssl, stream->from_wire, stream->to_wire);
    SSL_set_accept_state(stream->ssl);
    return stream;
}

void tls_stream_free(struct tls_stream *stream)
{
    if (!stream)
        return;
    SSL_free(stream->ssl);
    free(stream);
}

bool tls_stream_ready(const struct tls_stream *stream)
{
    return SSL_is_init_finished(stream->ssl) == 1;
}

static void tls_stream_take(struct tls_stream *stream, struct evbuffer *wire_in)
{
    size_t size = evbuffer_get_length(wire_in);
    if (size == 0)
        return;
    if (BIO_write(stream->from_wire, evbuffer_pullup(wire_in, -1), (int)size) != (int)size)
        memory_exhausted(size);
    evbuffer_drain(wire_in, size);
}

bool tls_stream_receive(struct tls_stream *stream, struct evbuffer *wire_in,
                        struct evbuffer *plain_out)
{
    tls_stream_take(stream, wire_in);
    char bytes[4096];
    int result;
    ERR_clear_error();
    /* SSL_read makes the handshake too, as far as the bytes reach. */
    while ((result = SSL_read(stream->ssl, bytes, sizeof(bytes))) > 0)
        evbuffer_add(plain_out, bytes, (size_t)result);
    return SSL_get_error(stream->ssl, result) == SSL_ERROR_WANT_READ;
}

void tls_stream_write(struct tls_stream *stream, const void *data, size_t size)
{
    /* A memory BIO takes all. It fails only on a stream that is broken, whose end is near anyway.
     */
    if (size > 0 && SSL_write(stream->ssl, data, (int)size) <= 0)
        ERR_clear_error();
}

void tls_stream_shutdown(struct tls_stream *stream)
{
    if (SSL_shutdown(stream->ssl) < 0)
        ERR_clear_error();
}

size_t tls_stream_pending(const struct tls_stream *stream)
{
    return BIO_ctrl_pending(stream->to_wire);
}

void tls_stream_send(struct tls_stream *stream, struct evbuffer *wire_out, size_t size)
{
    char bytes[4096];
    while (size > 0) {
        size_t part = size < sizeof(bytes) ? size : sizeof(bytes);
        int got = BIO_read(stream->to_wire, bytes, (int)part);
        if (got <= 0)
            return;
        evbuffer_add(wire_out, bytes, (size_t)got);
        size -= (size_t)got;
    }
}
