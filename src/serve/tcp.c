/* SPDX-License-Identifier: BSD-2-Clause */
/* The TCP responder's thread: who may come, and how long he may stay (RFC 7766 section 6.2). What a
 * connection may cost is bounded in time (crowd.h), in memory and in work; what is said over it:
 * tcp_connection.c. */
#include "base/clock.h"
#include "base/memory.h"
#include "serve/tcp_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    HELD_MAX = 16 << 20, /* octets of queries begun and answers not taken, of all connections */
    ACCEPTS = 64,        /* in one turn */
    PAUSE_MS = 100,      /* without a descriptor nothing can be accepted for a while */
    TICK_LEAST_MS = 10,  /* how often the time limits are looked at: a fraction of them */
    TICK_MOST_MS = 250,
    TICKS = 40,
};

/* ---- limits ---- */

static struct timeval tick_time(int64_t idle_ms)
{
    int64_t ms = idle_ms / TICKS;
    ms = ms < TICK_LEAST_MS ? TICK_LEAST_MS : ms > TICK_MOST_MS ? TICK_MOST_MS : ms;
    return (struct timeval){0, (suseconds_t)ms * 1000};
}

void tcp_worker_take_limits(struct tcp_worker *worker)
{
    struct crowd_limits *limits = atomic_exchange(&worker->next_limits, NULL);
    worker->limits = *limits;
    worker->tick_time = tick_time(limits->idle_ms);
    crowd_limit(worker->crowd, limits);
    for (size_t i = 0; i < worker->nlisteners; i++)
        connection_limit_kernel(worker->listeners[i].socket, (unsigned)limits->idle_ms);
    free(limits);
}

/* ---- time ---- */

static void on_tick(evutil_socket_t socket, short what, void *context)
{
    (void)socket;
    (void)what;
    struct tcp_worker *worker = context;
    int64_t now_ms = clock_coarse_ms();
    struct guest *guest;
    tcp_worker_heed_limits(worker);
    while ((guest = crowd_expired(worker->crowd, now_ms))) {
        counter_add(&worker->expired, guest->state != GUEST_ENDING);
        connection_drop(guest);
    }
    if (crowd_count(worker->crowd))
        event_add(worker->tick, &worker->tick_time);
}

/* ---- new connections ---- */

/* Under limits that have become lower, two go for one that comes, until they are kept. */
static void admit(struct tcp_worker *worker, int socket, const struct sockaddr_storage *peer)
{
    struct guest *leaves;
    for (unsigned left = 0; left < 2; left++) {
        if (!crowd_admit(worker->crowd, (const struct sockaddr *)peer, &leaves)) {
            counter_add(&worker->refused, 1);
            close(socket);
            return;
        }
        if (!leaves)
            break;
        connection_displace(leaves);
    }
    if (!crowd_count(worker->crowd))
        event_add(worker->tick, &worker->tick_time);
    connection_new(worker, socket, peer);
    counter_add(&worker->accepted, 1);
}

/* A listening socket whose connection cannot be accepted stays readable: the loop would spin. */
static void pause_listeners(struct tcp_worker *worker)
{
    const struct timeval pause = {PAUSE_MS / 1000, PAUSE_MS % 1000 * 1000};
    for (size_t i = 0; i < worker->nlisteners; i++)
        event_del(worker->listeners[i].event);
    event_add(worker->resume, &pause);
}

static void on_resume(evutil_socket_t socket, short what, void *context)
{
    (void)socket;
    (void)what;
    struct tcp_worker *worker = context;
    for (size_t i = 0; i < worker->nlisteners; i++)
        event_add(worker->listeners[i].event, NULL);
}

static bool is_exhaustion(int number)
{
    return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM;
}

/* Out of descriptors, one connection makes room for the next turn, if there is one. */
static void on_connect(evutil_socket_t socket, short what, void *context)
{
    (void)what;
    struct tcp_worker *worker = context;
    tcp_worker_heed_limits(worker);
    for (unsigned i = 0; i < ACCEPTS; i++) { /* then others have their turn */
        struct sockaddr_storage peer;
        socklen_t size = sizeof peer;
        int accepted =
            accept4(socket, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted >= 0) {
            admit(worker, accepted, &peer);
        } else if (is_exhaustion(errno)) {
            struct guest *leaves = crowd_dispensable(worker->crowd);
            if (!leaves) {
                pause_listeners(worker);
                return;
            }
            connection_displace(leaves);
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

/* ---- the worker ---- */

static void on_end(evutil_socket_t socket, short what, void *context)
{
    (void)socket;
    (void)what;
    struct tcp_worker *worker = context;
    event_base_loopbreak(worker->base);
}

static bool make_events(struct tcp_worker *worker)
{
    if (pipe2(worker->end_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
        return false;
    worker->base = event_base_new();
    if (!worker->base)
        return false;
    worker->end = event_new(worker->base, worker->end_pipe[0], EV_READ, on_end, worker);
    worker->tick = evtimer_new(worker->base, on_tick, worker);
    worker->resume = evtimer_new(worker->base, on_resume, worker);
    return worker->end && worker->tick && worker->resume && event_add(worker->end, NULL) == 0;
}

static struct crowd_limits limits_of(const struct tcp_options *options)
{
    return (struct crowd_limits){
        .guests = options->connections,
        .per_client = options->per_client,
        .held = HELD_MAX,
        .idle_ms = options->idle_ms,
    };
}

struct tcp_worker *tcp_worker_new(struct publisher *publisher, const struct tcp_options *options,
                                  struct error *error)
{
    struct tcp_worker *worker = memory_alloc(sizeof *worker);
    worker_responder_init(&worker->responder, options->settings);
    worker->publisher = publisher;
    worker->limits = limits_of(options);
    worker->crowd = crowd_new(&worker->limits, worker_seed());
    worker->tick_time = tick_time(worker->limits.idle_ms);
    worker->end_pipe[0] = worker->end_pipe[1] = -1;
    if (make_events(worker))
        return worker;
    error_set(error, "making the TCP responder: %s", strerror(errno));
    tcp_worker_free(worker);
    return NULL;
}

void tcp_worker_configure(struct tcp_worker *worker, const struct tcp_options *options)
{
    struct crowd_limits *limits = memory_alloc(sizeof *limits);
    *limits = limits_of(options);
    atomic_store_explicit(&worker->responder.settings, options->settings, memory_order_release);
    free(atomic_exchange(&worker->next_limits, limits)); /* those that it has not got round to */
}

bool tcp_worker_listen(struct tcp_worker *worker, int socket)
{
    connection_limit_kernel(socket, (unsigned)worker->limits.idle_ms);
    struct event *event = event_new(worker->base, socket, EV_READ | EV_PERSIST, on_connect, worker);
    worker->listeners = memory_grow(worker->listeners, worker->nlisteners,
                                    &worker->listeners_capacity, sizeof *worker->listeners);
    worker->listeners[worker->nlisteners++] = (struct listener){event, socket};
    return event && event_add(event, NULL) == 0;
}

static void *run(void *context)
{
    struct tcp_worker *worker = context;
    reader_register();
    event_base_dispatch(worker->base);
    reader_unregister();
    return NULL;
}

bool tcp_worker_start(struct tcp_worker *worker, struct error *error)
{
    worker->started = worker_thread_start(&worker->thread, run, worker, "evermxd tcp", error);
    return worker->started;
}

void tcp_worker_free(struct tcp_worker *worker)
{
    if (!worker)
        return;
    if (worker->started) {
        ssize_t written = write(worker->end_pipe[1], "", 1);
        (void)written; /* the pipe is empty: it takes one octet */
        pthread_join(worker->thread, NULL);
    }
    while (crowd_count(worker->crowd))
        connection_close(crowd_dispensable(worker->crowd));
    crowd_free(worker->crowd);
    for (size_t i = 0; i < worker->nlisteners; i++) {
        if (worker->listeners[i].event)
            event_free(worker->listeners[i].event);
        close(worker->listeners[i].socket);
    }
    struct event *events[] = {worker->end, worker->tick, worker->resume};
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (events[i])
            event_free(events[i]);
    if (worker->base)
        event_base_free(worker->base);
    for (unsigned i = 0; i < 2; i++)
        if (worker->end_pipe[i] >= 0)
            close(worker->end_pipe[i]);
    free(atomic_load(&worker->next_limits));
    free(worker->listeners);
    free(worker);
}

struct responder *tcp_worker_responder(struct tcp_worker *worker)
{
    return &worker->responder;
}

void tcp_worker_numbers(const struct tcp_worker *worker, struct tcp_numbers *numbers)
{
    numbers->connections = atomic_load(&((struct tcp_worker *)worker)->nconnections);
    numbers->accepted = counter_read(&worker->accepted);
    numbers->refused = counter_read(&worker->refused);
    numbers->displaced = counter_read(&worker->displaced);
    numbers->expired = counter_read(&worker->expired);
}
