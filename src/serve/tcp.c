/* SPDX-License-Identifier: BSD-2-Clause */
/* The TCP responder (RFC 7766): queries may be pipelined and are answered in order; a connection
 * that brings no whole query for a while, or does not read its answers, is closed. */
#include "base/clock.h"
#include "base/memory.h"
#include "serve/worker.h"
#include "wire/message.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 1024, /* beyond, the one that has been idle longest makes room */
    IDLE_MS = 10000,        /* RFC 7766 section 6.2.3: a few seconds; from the last whole query */
    LENGTH_SIZE = 2,
    READ_SIZE = LENGTH_SIZE + MESSAGE_MAX_SIZE,
    QUERY_ROOM = 512, /* what a connection keeps of a query that is not whole, at first */
    WRITE_SIZE = 2 * (LENGTH_SIZE + MESSAGE_MAX_SIZE),
};

struct connection {
    struct tcp_worker *worker;
    struct sockaddr_storage peer;
    struct dns_client client; /* the same, pointing into it */
    struct event *readable, *writable;
    struct event *idle; /* single octets do not prolong it, only whole queries and answers do */
    TAILQ_ENTRY(connection) by_use;
    uint8_t *partial; /* the beginning of a query */
    size_t partial_size, partial_room;
    uint8_t
        *unsent; /* answers that the peer has not taken yet; while there are any, nothing is read */
    size_t unsent_size, unsent_at;
};

struct listener {
    struct event *event;
    int socket;
};

struct tcp_worker {
    struct responder responder;
    struct publisher *publisher;
    struct event_base *base;
    struct event *end; /* its pipe becomes readable when the worker is to end */
    int end_pipe[2];
    unsigned idle_ms;
    struct timeval idle_time;
    struct listener *listeners;
    size_t nlisteners, listeners_capacity;
    TAILQ_HEAD(connections, connection) connections; /* the longest idle first */
    _Atomic unsigned nconnections;
    bool started;
    pthread_t thread;
    uint8_t in[READ_SIZE];
    uint8_t out[WRITE_SIZE];
    size_t out_size;
};

static void connection_close(struct connection *connection)
{
    struct tcp_worker *worker = connection->worker;
    evutil_socket_t socket = event_get_fd(connection->readable);
    TAILQ_REMOVE(&worker->connections, connection, by_use);
    atomic_fetch_sub(&worker->nconnections, 1);
    event_free(connection->readable);
    event_free(connection->writable);
    event_free(connection->idle);
    close(socket);
    free(connection->partial);
    free(connection->unsent);
    free(connection);
}

/* The time that a connection may stay idle starts anew. */
static void connection_used(struct connection *connection)
{
    struct tcp_worker *worker = connection->worker;
    TAILQ_REMOVE(&worker->connections, connection, by_use);
    TAILQ_INSERT_TAIL(&worker->connections, connection, by_use);
    event_add(connection->idle, &worker->idle_time);
}

/* Sends what is in worker->out. What the peer does not take now is kept until it does; false: it is
 * gone. */
static bool flush(struct connection *connection)
{
    struct tcp_worker *worker = connection->worker;
    size_t size = worker->out_size;
    worker->out_size = 0;
    if (!size)
        return true;
    ssize_t sent = send(event_get_fd(connection->readable), worker->out, size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR)
        return false;
    if (sent < 0)
        sent = 0;
    if ((size_t)sent == size)
        return true;
    connection->unsent_size = size - (size_t)sent;
    connection->unsent_at = 0;
    connection->unsent = memory_array(connection->unsent_size, 1);
    memcpy(connection->unsent, worker->out + sent, connection->unsent_size);
    event_del(connection->readable);
    event_add(connection->writable, NULL);
    return true;
}

/* Answers the whole queries among size octets at bytes, as long as there is room for answers and
 * the peer takes them. Returns how many octets were used up, -1 when the connection is to be
 * closed. */
static ssize_t answer_queries(struct connection *connection, const uint8_t *bytes, size_t size)
{
    struct tcp_worker *worker = connection->worker;
    size_t at = 0;
    bool used = false;
    while (size - at >= LENGTH_SIZE && !connection->unsent) {
        size_t length = read_u16(bytes + at);
        if (size - at < LENGTH_SIZE + length)
            break;
        uint8_t *answer = worker->out + worker->out_size;
        size_t answer_size =
            respond(&worker->responder, publisher_current(worker->publisher), &connection->client,
                    bytes + at + LENGTH_SIZE, length, answer + LENGTH_SIZE);
        if (!answer_size) { /* no query at all: nothing good can follow */
            flush(connection);
            return -1;
        }
        write_u16(answer, (uint16_t)answer_size);
        worker->out_size += LENGTH_SIZE + answer_size;
        at += LENGTH_SIZE + length;
        used = true;
        if (WRITE_SIZE - worker->out_size < READ_SIZE && !flush(connection))
            return -1;
    }
    if (!flush(connection))
        return -1;
    if (used && !connection->unsent)
        connection_used(connection);
    return (ssize_t)at;
}

static void keep_partial(struct connection *connection, const uint8_t *bytes, size_t size)
{
    if (size > connection->partial_room) {
        size_t room = size > QUERY_ROOM ? READ_SIZE : QUERY_ROOM;
        connection->partial = memory_resize(connection->partial, room, 1);
        connection->partial_room = room;
    }
    if (size)
        memcpy(connection->partial, bytes, size);
    connection->partial_size = size;
}

/* Answers what stands in worker->in, keeps the rest. */
static void take_input(struct connection *connection, size_t size)
{
    struct tcp_worker *worker = connection->worker;
    worker->responder.now_s = clock_unix_s();
    reader_online();
    ssize_t used = answer_queries(connection, worker->in, size);
    reader_offline();
    if (used < 0)
        connection_close(connection);
    else
        keep_partial(connection, worker->in + used, size - (size_t)used);
}

static void on_readable(evutil_socket_t socket, short what, void *context)
{
    (void)what;
    struct connection *connection = context;
    struct tcp_worker *worker = connection->worker;
    size_t kept = connection->partial_size;
    ssize_t got = recv(socket, worker->in + kept, READ_SIZE - kept, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        connection_close(connection);
        return;
    }
    if (kept)
        memcpy(worker->in, connection->partial, kept);
    take_input(connection, kept + (size_t)got);
}

/* The peer reads again: the rest of the answers, then the queries that wait. */
static void on_writable(evutil_socket_t socket, short what, void *context)
{
    (void)what;
    struct connection *connection = context;
    struct tcp_worker *worker = connection->worker;
    ssize_t sent = send(socket, connection->unsent + connection->unsent_at,
                        connection->unsent_size - connection->unsent_at, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (sent < 0) {
        connection_close(connection);
        return;
    }
    connection->unsent_at += (size_t)sent;
    if (connection->unsent_at < connection->unsent_size)
        return;
    free(connection->unsent);
    connection->unsent = NULL;
    event_del(connection->writable);
    event_add(connection->readable, NULL);
    connection_used(connection);
    size_t kept = connection->partial_size;
    if (kept) {
        memcpy(worker->in, connection->partial, kept);
        take_input(connection, kept);
    }
}

static void on_idle(evutil_socket_t socket, short what, void *context)
{
    (void)socket;
    (void)what;
    connection_close(context);
}

static void connection_new(struct tcp_worker *worker, int socket,
                           const struct sockaddr_storage *peer)
{
    if (atomic_load(&worker->nconnections) >= CONNECTIONS_MAX)
        connection_close(TAILQ_FIRST(&worker->connections));
    int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct connection *connection = memory_alloc(sizeof *connection);
    connection->worker = worker;
    connection->peer = *peer;
    connection->client =
        (struct dns_client){.transport = TRANSPORT_TCP, .tcp_idle_ms = worker->idle_ms};
    worker_client_locate(&connection->client, peer->ss_family, &connection->peer);
    connection->readable =
        event_new(worker->base, socket, EV_READ | EV_PERSIST, on_readable, connection);
    connection->writable =
        event_new(worker->base, socket, EV_WRITE | EV_PERSIST, on_writable, connection);
    connection->idle = evtimer_new(worker->base, on_idle, connection);
    if (!connection->readable || !connection->writable || !connection->idle)
        memory_exhausted(sizeof *connection);
    TAILQ_INSERT_TAIL(&worker->connections, connection, by_use);
    atomic_fetch_add(&worker->nconnections, 1);
    event_add(connection->readable, NULL);
    connection_used(connection);
}

/* Out of descriptors, the longest idle connection makes room: otherwise the socket would stay
 * readable and the loop would spin. */
static void on_connect(evutil_socket_t socket, short what, void *context)
{
    (void)what;
    struct tcp_worker *worker = context;
    for (unsigned i = 0; i < 64; i++) { /* then others have their turn */
        struct sockaddr_storage peer;
        socklen_t size = sizeof peer;
        int accepted =
            accept4(socket, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted >= 0)
            connection_new(worker, accepted, &peer);
        else if ((errno == EMFILE || errno == ENFILE) && !TAILQ_EMPTY(&worker->connections))
            connection_close(TAILQ_FIRST(&worker->connections));
        else if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

static void on_end(evutil_socket_t socket, short what, void *context)
{
    (void)socket;
    (void)what;
    struct tcp_worker *worker = context;
    event_base_loopbreak(worker->base);
}

struct tcp_worker *tcp_worker_new(struct publisher *publisher, const struct settings *settings,
                                  unsigned idle_ms, struct error *error)
{
    struct tcp_worker *worker = memory_alloc(sizeof *worker);
    worker_responder_init(&worker->responder, settings);
    worker->publisher = publisher;
    idle_ms = idle_ms ? idle_ms : IDLE_MS;
    worker->idle_ms = idle_ms;
    worker->idle_time.tv_sec = idle_ms / 1000;
    worker->idle_time.tv_usec = (int)(idle_ms % 1000) * 1000;
    worker->end_pipe[0] = worker->end_pipe[1] = -1;
    TAILQ_INIT(&worker->connections);
    if (pipe2(worker->end_pipe, O_CLOEXEC | O_NONBLOCK) == 0)
        worker->base = event_base_new();
    if (worker->base)
        worker->end = event_new(worker->base, worker->end_pipe[0], EV_READ, on_end, worker);
    if (worker->end && event_add(worker->end, NULL) == 0)
        return worker;
    error_set(error, "making the TCP responder: %s", strerror(errno));
    tcp_worker_free(worker);
    return NULL;
}

bool tcp_worker_listen(struct tcp_worker *worker, int socket)
{
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
    worker->started = worker_thread_start(&worker->thread, run, worker, "the TCP responder", error);
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
    while (!TAILQ_EMPTY(&worker->connections))
        connection_close(TAILQ_FIRST(&worker->connections));
    for (size_t i = 0; i < worker->nlisteners; i++) {
        if (worker->listeners[i].event)
            event_free(worker->listeners[i].event);
        close(worker->listeners[i].socket);
    }
    if (worker->end)
        event_free(worker->end);
    if (worker->base)
        event_base_free(worker->base);
    for (unsigned i = 0; i < 2; i++)
        if (worker->end_pipe[i] >= 0)
            close(worker->end_pipe[i]);
    free(worker->listeners);
    free(worker);
}

struct responder *tcp_worker_responder(struct tcp_worker *worker)
{
    return &worker->responder;
}

unsigned tcp_worker_connections(const struct tcp_worker *worker)
{
    return atomic_load(&((struct tcp_worker *)worker)->nconnections);
}
