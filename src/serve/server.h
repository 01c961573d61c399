/* SPDX-License-Identifier: BSD-2-Clause */
/* The sockets and threads around respond(): N UDP responders with a SO_REUSEPORT socket each for
 * every address, and a TCP responder thread (libevent). */
#ifndef EVERMX_SERVE_SERVER_H
#define EVERMX_SERVE_SERVER_H

#include "answer/snapshot.h"
#include "base/address.h"
#include "base/error.h"
#include "serve/numbers.h"
#include "serve/rate.h"
#include "serve/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server;

struct server_endpoint {
    struct address address;
    uint16_t port;
};

/* In `answers` an identity of NULL is the host's name; without secrets cookies are made by one that
 * the server has drawn at its start. */
struct server_options {
    const struct server_endpoint *listen; /* each for UDP and TCP */
    size_t nlisten;
    unsigned workers;
    struct settings_options answers;
    bool canary;                     /* names below _canary are answered: see canary.h */
    const struct rate_options *rate; /* by UDP; NULL: no limits */
    unsigned tcp_idle_ms;     /* how long a connection may rest, or keep us waiting; 0: 10 s */
    unsigned tcp_connections; /* at once; fewer where descriptors are short; 0: 1024 */
    unsigned tcp_per_client;  /* of them, from an IPv4 address or an IPv6 /64; 0: 128 */
};

/* Binds all sockets (before privileges are dropped). NULL with the error of the first that fails.
 */
struct server *server_new(const struct server_options *options, struct publisher *publisher,
                          struct error *error);
bool server_start(struct server *server, struct error *error);
/* Other settings and limits from now on: all of the options but `listen` and `workers`. No query is
 * lost, no connection is closed by it, and what was counted for rate limits is still counted.
 * Main's thread. False, with the reason: all is done, but there can be fewer connections than that.
 */
bool server_configure(struct server *server, const struct server_options *options,
                      struct error *error);
/* Ends and joins the threads (queries already read are answered), closes the sockets. */
void server_free(struct server *server);

struct server_numbers {
    struct responder_numbers udp, tcp;
    uint64_t rate_slipped, rate_dropped; /* too many for their client: sent empty with TC, or not */
    unsigned tcp_connections;            /* now */
    uint64_t tcp_accepted;
    uint64_t tcp_refused;   /* the client had too many, all of them at work */
    uint64_t tcp_displaced; /* closed to make room for others */
    uint64_t tcp_expired;   /* closed as they kept us waiting */
};
/* Sums the threads' counters. Any thread. */
void server_numbers(const struct server *server, struct server_numbers *numbers);

#endif
