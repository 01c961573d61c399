/* SPDX-License-Identifier: BSD-2-Clause */
/* The threads of a server. Private to this layer. */
#ifndef EVERMX_SERVE_WORKER_H
#define EVERMX_SERVE_WORKER_H

#include "base/error.h"
#include "serve/rate.h"
#include "serve/respond.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* What both kinds of workers begin with. */
uint64_t worker_seed(void); /* that nobody outside can guess */
void worker_responder_init(struct responder *responder, const struct settings *settings);
/* Points the client to the address in a socket's name, where that may still be filled in. */
void worker_client_locate(struct dns_client *client, int family,
                          const struct sockaddr_storage *name);
/* The name is what `top -H` shows. */
bool worker_thread_start(pthread_t *thread, void *(*run)(void *), void *worker, const char *name,
                         struct error *error);

/* A UDP responder: one socket, one thread. */
struct udp_worker;

/* Owns the socket from then on. */
struct udp_worker *udp_worker_new(int socket, bool wildcard, struct publisher *publisher,
                                  const struct settings *settings);
/* Other settings from the next batch on; the one thread that made it. Those before may be held by
 * the worker until a grace period is over (reader_free_later). */
void udp_worker_configure(struct udp_worker *worker, const struct settings *settings);
bool udp_worker_start(struct udp_worker *worker, struct error *error);
void udp_worker_free(struct udp_worker *worker); /* ends and joins */
struct responder *udp_worker_responder(struct udp_worker *worker);
/* How many answers were too many for their client: sent empty with TC, or not at all. */
void udp_worker_limited(const struct udp_worker *worker, uint64_t *slipped, uint64_t *dropped);

/* The TCP responder: all listening sockets, all connections, one thread. */
struct tcp_worker;

struct tcp_options {
    const struct settings *settings;
    unsigned idle_ms;     /* how long a connection may rest, or keep us waiting */
    unsigned connections; /* in all */
    unsigned per_client;
};

struct tcp_numbers {
    unsigned connections; /* now */
    uint64_t accepted;
    uint64_t refused;   /* the client had too many, all of them at work */
    uint64_t displaced; /* closed to make room for others */
    uint64_t expired;   /* closed as their time was over */
};

/* NULL with the error. */
struct tcp_worker *tcp_worker_new(struct publisher *publisher, const struct tcp_options *options,
                                  struct error *error);
/* As udp_worker_configure; the limits hold before the next connection is accepted or answered. */
void tcp_worker_configure(struct tcp_worker *worker, const struct tcp_options *options);
bool tcp_worker_listen(struct tcp_worker *worker, int socket); /* owns it */
bool tcp_worker_start(struct tcp_worker *worker, struct error *error);
void tcp_worker_free(struct tcp_worker *worker);
struct responder *tcp_worker_responder(struct tcp_worker *worker);
void tcp_worker_numbers(const struct tcp_worker *worker, struct tcp_numbers *numbers);

#endif
