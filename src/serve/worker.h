/* SPDX-License-Identifier: BSD-2-Clause */
/* The threads of a server. Private to this layer. */
#ifndef EVERMX_SERVE_WORKER_H
#define EVERMX_SERVE_WORKER_H

#include "base/error.h"
#include "serve/respond.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* What both kinds of workers begin with. */
void worker_responder_init(struct responder *responder, const struct settings *settings);
/* Points the client to the address in a socket's name, where that may still be filled in. */
void worker_client_locate(struct dns_client *client, int family,
                          const struct sockaddr_storage *name);
bool worker_thread_start(pthread_t *thread, void *(*run)(void *), void *worker, const char *what,
                         struct error *error);

/* A UDP responder: one socket, one thread. */
struct udp_worker;

/* Owns the socket from then on. */
struct udp_worker *udp_worker_new(int socket, bool wildcard, struct publisher *publisher,
                                  const struct settings *settings);
bool udp_worker_start(struct udp_worker *worker, struct error *error);
void udp_worker_free(struct udp_worker *worker); /* ends and joins */
struct responder *udp_worker_responder(struct udp_worker *worker);

/* The TCP responder: all listening sockets, all connections, one thread. */
struct tcp_worker;

/* NULL with the error. */
struct tcp_worker *tcp_worker_new(struct publisher *publisher, const struct settings *settings,
                                  unsigned idle_ms, struct error *error);
bool tcp_worker_listen(struct tcp_worker *worker, int socket); /* owns it */
bool tcp_worker_start(struct tcp_worker *worker, struct error *error);
void tcp_worker_free(struct tcp_worker *worker);
struct responder *tcp_worker_responder(struct tcp_worker *worker);
unsigned tcp_worker_connections(const struct tcp_worker *worker);

#endif
