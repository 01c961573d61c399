/* SPDX-License-Identifier: BSD-2-Clause */
/* The threads of a server. Private to this layer. */
#ifndef EVERMX_SERVE_WORKER_H
#define EVERMX_SERVE_WORKER_H

#include "base/error.h"
#include "serve/respond.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* What both kinds of workers begin with. */
void worker_responder_init(struct responder *responder, const char *identity);
bool worker_thread_start(pthread_t *thread, void *(*run)(void *), void *worker, const char *what,
                         struct error *error);

/* A UDP responder: one socket, one thread. */
struct udp_worker;

/* Owns the socket from then on. */
struct udp_worker *udp_worker_new(int socket, bool wildcard, struct publisher *publisher,
                                  const char *identity);
bool udp_worker_start(struct udp_worker *worker, struct error *error);
void udp_worker_free(struct udp_worker *worker); /* ends and joins */
const struct responder *udp_worker_responder(const struct udp_worker *worker);

/* The TCP responder: all listening sockets, all connections, one thread. */
struct tcp_worker;

/* NULL with the error. */
struct tcp_worker *tcp_worker_new(struct publisher *publisher, const char *identity,
                                  unsigned idle_ms, struct error *error);
bool tcp_worker_listen(struct tcp_worker *worker, int socket); /* owns it */
bool tcp_worker_start(struct tcp_worker *worker, struct error *error);
void tcp_worker_free(struct tcp_worker *worker);
const struct responder *tcp_worker_responder(const struct tcp_worker *worker);
unsigned tcp_worker_connections(const struct tcp_worker *worker);

#endif
