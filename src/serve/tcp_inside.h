/* SPDX-License-Identifier: BSD-2-Clause */
/* What tcp.c (who may come, and how long he may stay) and tcp_connection.c (what is said) share of
 * the TCP responder's insides. The worker's thread, but where something else is said. */
#ifndef EVERMX_SERVE_TCP_INSIDE_H
#define EVERMX_SERVE_TCP_INSIDE_H

#include "base/counter.h"
#include "serve/crowd.h"
#include "serve/worker.h"
#include "wire/message.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>

enum {
    LENGTH_SIZE = 2,
    PIECE_SIZE = 4096, /* read in one turn: some hundred microseconds of answers */
    WRITE_SIZE = 2 * (LENGTH_SIZE + MESSAGE_MAX_SIZE),
};

struct listener {
    struct event *event;
    int socket;
};

struct tcp_worker {
    struct responder responder;
    struct publisher *publisher;
    struct crowd *crowd;
    struct event_base *base;
    struct event *end; /* its pipe becomes readable when the worker is to end */
    int end_pipe[2];
    struct event *tick, *resume; /* timers */
    struct timeval tick_time;
    struct crowd_limits limits;
    struct crowd_limits *_Atomic next_limits; /* told by another thread, not yet heeded, or NULL */
    struct listener *listeners;
    size_t nlisteners, listeners_capacity;
    _Atomic unsigned nconnections;
    counter accepted, refused, displaced, expired;
    bool started;
    pthread_t thread;
    uint8_t in[PIECE_SIZE];
    uint8_t out[WRITE_SIZE];
    size_t out_size;
};

/* ---- tcp.c ---- */

/* Limits that another thread has told are those of the crowd and of all sockets from now on. */
void tcp_worker_take_limits(struct tcp_worker *worker);

/* Before anything that limits matter to. */
static inline void tcp_worker_heed_limits(struct tcp_worker *worker)
{
    if (atomic_load_explicit(&worker->next_limits, memory_order_relaxed))
        tcp_worker_take_limits(worker);
}

/* ---- tcp_connection.c: each connection is known by its guest ---- */

/* Owns the socket; for one that the crowd has admitted. */
void connection_new(struct tcp_worker *worker, int socket, const struct sockaddr_storage *peer);
void connection_close(struct guest *guest);
/* Who does not read is not waited for: what the kernel still holds for him goes at once, by RST. */
void connection_drop(struct guest *guest);
/* The same, to make room for others. */
void connection_displace(struct guest *guest);
/* A peer that has gone without a word, or that keeps its window shut although we have closed, is
 * forgotten by the kernel as early as by us. A connection has it from the socket that listens. */
void connection_limit_kernel(int socket, unsigned idle_ms);

#endif
