/* SPDX-License-Identifier: BSD-2-Clause */
/* The bytes of one TCP connection, plain or TLS, non-blocking: no events, no deadlines, no lines.
 * Keeps the exact errno of what failed, and never raises SIGPIPE. Owned by a stream; the prober's
 * thread. */
#ifndef EVERMX_PROBE_CHANNEL_H
#define EVERMX_PROBE_CHANNEL_H

#include "base/address.h"
#include "base/error.h"
#include "verdict/verdict.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chains;

/* What TLS clients share. */
struct tls_client {
    SSL_CTX *context;
    BIO_METHOD *method; /* reads and writes the socket of a channel */
    struct chains *chains;
    bool has_authorities; /* else no chain of certificates can be judged */
};

/* ca_file: of authorities, PEM; NULL: the system's. Where there are none, a warning is logged. */
bool tls_client_init(struct tls_client *client, const char *ca_file, struct error *error);
void tls_client_clear(struct tls_client *client);

struct channel {
    int fd;                  /* -1: none */
    int family;              /* AF_INET, AF_INET6 */
    SSL *ssl;                /* NULL: plain */
    int error;               /* errno of the last call that failed; 0: none */
    bool by_icmp;            /* the network said so while it was connecting, not the peer's TCP */
    unsigned long tls_error; /* OpenSSL's, where it is not the socket that failed */
    size_t budget;           /* how many bytes may still be received in this turn of the loop */
    int64_t heard_us;        /* when the first octet came, of whatever kind; 0: none yet */
    int64_t said_us; /* when the first one did that is no part of a TLS handshake; 0: none yet */
};

enum channel_result {
    CHANNEL_DONE,
    CHANNEL_WAIT_READ,
    CHANNEL_WAIT_WRITE,
    CHANNEL_END,    /* closed by the peer; error is 0, or tells how (ECONNRESET) */
    CHANNEL_FAILED, /* channel_reason and channel_why tell */
};

/* A peer that sends without end must not hold the thread: more waits for the next turn. */
enum { CHANNEL_TURN_BYTES = 65536 };

/* Starts to connect, from a source address (of the same family) where one is given. False: failed
 * at once, by our own machine unless it is refused. */
bool channel_connect(struct channel *channel, const struct address *address, uint16_t port,
                     const struct address *source);
enum channel_result channel_connected(struct channel *channel);

/* Makes a client's TLS session of it. */
void channel_start_tls(struct channel *channel, const struct tls_client *client, const char *host);
enum channel_result channel_handshake(struct channel *channel);

enum channel_result channel_read(struct channel *channel, void *bytes, size_t room, size_t *got);
enum channel_result channel_write(struct channel *channel, const void *bytes, size_t size,
                                  size_t *sent);

/* Whether the socket can be read or written right now; its end and errors count as both. */
bool channel_ready(const struct channel *channel, bool to_read, bool to_write);
bool channel_has_input(const struct channel *channel); /* a byte at least, not only the end */
/* A connection that nothing is sent on ends within some seconds when the peer is gone. */
void channel_keep_alive(const struct channel *channel);
/* Of one that nothing was sent and received on: whether the peer's kernel has sent its SYN-ACK
 * again. Then our acknowledgement was lost, and the peer's program does not know of the connection
 * before. */
bool channel_was_resent(const struct channel *channel);
bool channel_local_address(const struct channel *channel, struct address *address);
void channel_close(struct channel *channel);
/* By a reset: nothing is left of the connection, here and there. */
void channel_abort(struct channel *channel);

enum channel_phase {
    PHASE_CONNECT,   /* socket(), or connect() at once: no packet has come back yet */
    PHASE_UNDER_WAY, /* connect() was in progress */
    PHASE_CONNECTED,
};
/* Whose fault an errno is. */
enum reason channel_errno_reason(int error, enum channel_phase phase);
/* The same of what has failed last. */
enum reason channel_reason(const struct channel *channel, enum channel_phase phase);

const char *channel_why(const struct channel *channel); /* in words; "" if nothing failed */

#endif
