/* SPDX-License-Identifier: BSD-2-Clause */
/* The TCP responder (RFC 7766): queries may be pipelined; answers come in the order of the queries,
 * each with the id of its own. What a connection may cost is bounded in time (crowd.h), in memory
 * and in work: each turn of the loop reads one piece from each, so that whoever asks most waits
 * with all the others. */
#include "base/clock.h"
#include "base/memory.h"
#include "serve/crowd.h"
#include "serve/worker.h"
#include "wire/message.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LENGTH_SIZE = 2,
    QUERY_SIZE = LENGTH_SIZE + MESSAGE_MAX_SIZE, /* the largest, with its length */
    PIECE_SIZE = 4096, /* read in one turn: some hundred microseconds of answers */
    WRITE_SIZE = 2 * (LENGTH_SIZE + MESSAGE_MAX_SIZE),
    HELD_MAX = 16 << 20, /* octets of queries begun and answers not taken, of all connections */
    ACCEPTS = 64,        /* in one turn */
    PAUSE_MS = 100,      /* without a descriptor nothing can be accepted for a while */
    TICK_LEAST_MS = 10,  /* how often the time limits are looked at: a fraction of them */
    TICK_MOST_MS = 250,
    TICKS = 40,
};

struct connection {
    struct guest guest; /* the first, so that a guest is its connection */
    struct tcp_worker *worker;
    struct sockaddr_storage peer;
    struct dns_client client; /* the same, pointing into it; and the time it is told of */
    unsigned kernel_idle_ms;  /* the time after which the kernel gives it up */
    struct event readable, writable;
    /* The beginning of a query; or, while answers are not taken, whatever was read behind theirs.
     */
    uint8_t *partial;
    size_t partial_size, partial_room;
    uint8_t *unsent; /* answers that the peer has not taken yet; while there are any, nothing is
                        read */
    size_t unsent_size, unsent_at;
    bool ending; /* after nonsense: nothing is answered any more */
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

/* ---- a connection's end ---- */

static void connection_close(struct connection *connection)
{
    struct tcp_worker *worker = connection->worker;
    crowd_leave(worker->crowd, &connection->guest);
    atomic_store(&worker->nconnections, crowd_count(worker->crowd));
    event_del(&connection->readable);
    event_del(&connection->writable);
    close(event_get_fd(&connection->readable));
    free(connection->partial);
    free(connection->unsent);
    free(connection);
}

/* Who does not read is not waited for: what the kernel still holds for him goes at once, by RST. */
static void connection_drop(struct connection *connection)
{
    const struct linger none = {.l_onoff = 1, .l_linger = 0};
    if (connection->unsent)
        setsockopt(event_get_fd(&connection->readable), SOL_SOCKET, SO_LINGER, &none, sizeof none);
    connection_close(connection);
}

static void guest_drop(struct guest *guest)
{
    connection_drop((struct connection *)guest);
}

static void turn(struct connection *connection, enum guest_state state)
{
    crowd_turn(connection->worker->crowd, &connection->guest, state, clock_coarse_ms());
}

static void hold(struct connection *connection)
{
    crowd_hold(connection->worker->crowd, &connection->guest,
               connection->partial_room + connection->unsent_size);
}

/* After nonsense nothing good can follow. Our side is closed, and what still comes is thrown away
 * for a moment: to close at once would destroy, by RST, the answers on their way. */
static void connection_end(struct connection *connection)
{
    shutdown(event_get_fd(&connection->readable), SHUT_WR);
    turn(connection, GUEST_ENDING);
}

/* ---- limits ---- */

/* A peer that has gone without a word, or that keeps its window shut although we have closed, is
 * forgotten by the kernel as early as by us. */
static void set_kernel_idle(int socket, unsigned idle_ms)
{
    setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &idle_ms, sizeof idle_ms);
}

/* For a connection that began under another time limit. */
static void kernel_waits(struct connection *connection)
{
    unsigned idle_ms = (unsigned)connection->worker->limits.idle_ms;
    if (connection->kernel_idle_ms == idle_ms)
        return;
    connection->kernel_idle_ms = idle_ms;
    set_kernel_idle(event_get_fd(&connection->readable), idle_ms);
}

static struct timeval tick_time(int64_t idle_ms)
{
    int64_t ms = idle_ms / TICKS;
    ms = ms < TICK_LEAST_MS ? TICK_LEAST_MS : ms > TICK_MOST_MS ? TICK_MOST_MS : ms;
    return (struct timeval){0, (suseconds_t)ms * 1000};
}

static void take_limits(struct tcp_worker *worker, const struct crowd_limits *limits)
{
    worker->limits = *limits;
    worker->tick_time = tick_time(limits->idle_ms);
    crowd_limit(worker->crowd, limits);
    for (size_t i = 0; i < worker->nlisteners; i++)
        set_kernel_idle(worker->listeners[i].socket, (unsigned)limits->idle_ms);
}

/* Before anything that limits matter to. */
static inline void heed_limits(struct tcp_worker *worker)
{
    if (!atomic_load_explicit(&worker->next_limits, memory_order_relaxed))
        return;
    struct crowd_limits *next = atomic_exchange(&worker->next_limits, NULL);
    take_limits(worker, next);
    free(next);
}

/* ---- answers ---- */

/* Sends what is in worker->out. What the peer does not take now is kept until it does; false: it is
 * gone. */
static bool flush(struct connection *connection)
{
    struct tcp_worker *worker = connection->worker;
    size_t size = worker->out_size;
    worker->out_size = 0;
    if (!size)
        return true;
    ssize_t sent = send(event_get_fd(&connection->readable), worker->out, size, MSG_NOSIGNAL);
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
    kernel_waits(connection);
    event_del(&connection->readable);
    event_add(&connection->writable, NULL);
    hold(connection);
    turn(connection, GUEST_BLOCKED);
    return true;
}

/* Answers the whole queries among size octets at bytes, as long as the peer takes the answers.
 * Returns how many octets were used up, -1 when the peer is gone. */
static ssize_t answer_queries(struct connection *connection, const uint8_t *bytes, size_t size)
{
    struct tcp_worker *worker = connection->worker;
    size_t at = 0;
    while (size - at >= LENGTH_SIZE && !connection->unsent && !connection->ending) {
        size_t length = read_u16(bytes + at);
        if (size - at < LENGTH_SIZE + length)
            break;
        uint8_t *answer = worker->out + worker->out_size;
        size_t answer_size =
            respond(&worker->responder, publisher_current(worker->publisher), &connection->client,
                    bytes + at + LENGTH_SIZE, length, answer + LENGTH_SIZE);
        at += LENGTH_SIZE + length;
        connection->ending = answer_size == 0;
        if (connection->ending)
            break;
        write_u16(answer, (uint16_t)answer_size);
        worker->out_size += LENGTH_SIZE + answer_size;
        if (WRITE_SIZE - worker->out_size < QUERY_SIZE && !flush(connection))
            return -1;
    }
    return flush(connection) ? (ssize_t)at : -1;
}

/* ---- queries ---- */

/* Room for size octets of a query; it grows with what comes, not with what a length promises. */
static void make_room(struct connection *connection, size_t size)
{
    if (size <= connection->partial_room)
        return;
    size_t room = connection->partial_room ? connection->partial_room : 256;
    while (room < size)
        room *= 4;
    connection->partial_room = room < QUERY_SIZE ? room : QUERY_SIZE;
    connection->partial = memory_resize(connection->partial, connection->partial_room, 1);
    hold(connection);
}

/* Keeps what was not used up. Bytes may lie in what is kept already. */
static void keep_rest(struct connection *connection, const uint8_t *bytes, size_t size)
{
    connection->partial_size = size;
    if (size) {
        if (size > connection->partial_room)
            make_room(connection, size); /* then bytes lie elsewhere */
        memmove(connection->partial, bytes, size);
    } else if (connection->partial) {
        free(connection->partial);
        connection->partial = NULL;
        connection->partial_room = 0;
        hold(connection);
    }
}

/* Answers what has come, keeps the rest. */
static void take_queries(struct connection *connection, const uint8_t *bytes, size_t size)
{
    connection->worker->responder.now_s = clock_unix_s();
    connection->client.tcp_idle_ms = (uint32_t)connection->worker->limits.idle_ms;
    reader_online();
    ssize_t used = answer_queries(connection, bytes, size);
    reader_offline();
    if (used < 0) {
        connection_close(connection);
        return;
    }
    size_t rest = connection->ending ? 0 : size - (size_t)used;
    keep_rest(connection, bytes + used, rest);
    if (connection->unsent)
        return;
    if (connection->ending)
        connection_end(connection);
    else if (used)
        turn(connection, rest ? GUEST_PARTIAL : GUEST_IDLE);
    else if (connection->guest.state == GUEST_IDLE)
        turn(connection, GUEST_PARTIAL);
}

/* How many octets are still to come of the query that has begun, as far as can be told yet. */
static size_t missing(const struct connection *connection)
{
    if (connection->partial_size < LENGTH_SIZE)
        return LENGTH_SIZE - connection->partial_size;
    return LENGTH_SIZE + (size_t)read_u16(connection->partial) - connection->partial_size;
}

/* Into the place of the query that has begun, nothing behind it; otherwise whatever there is. So an
 * octet at a time costs no copying of those before. */
static ssize_t read_piece(struct connection *connection, uint8_t **bytes, size_t *size)
{
    struct tcp_worker *worker = connection->worker;
    evutil_socket_t socket = event_get_fd(&connection->readable);
    size_t kept = connection->partial_size;
    if (!kept) {
        *bytes = worker->in;
        ssize_t got = recv(socket, worker->in, PIECE_SIZE, 0);
        *size = got > 0 ? (size_t)got : 0;
        return got;
    }
    size_t more = missing(connection);
    if (more > PIECE_SIZE)
        more = PIECE_SIZE;
    make_room(connection, kept + more);
    ssize_t got = recv(socket, connection->partial + kept, more, 0);
    if (got > 0)
        connection->partial_size += (size_t)got;
    *bytes = connection->partial;
    *size = connection->partial_size;
    return got;
}

static void displace(struct tcp_worker *worker, struct guest *guest)
{
    counter_add(&worker->displaced, 1);
    guest_drop(guest);
}

/* All together hold too much: those go who have kept it longest. */
static void lose_weight(struct tcp_worker *worker)
{
    struct guest *guest;
    while ((guest = crowd_overweight(worker->crowd)))
        displace(worker, guest);
}

static void on_readable(evutil_socket_t socket, short what, void *context)
{
    (void)socket;
    (void)what;
    struct connection *connection = context;
    struct tcp_worker *worker = connection->worker;
    uint8_t *bytes;
    size_t size;
    heed_limits(worker);
    ssize_t got = read_piece(connection, &bytes, &size);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    /* At the end of a half-closed peer's queries: nothing is read while answers wait, so all of
     * them are with the kernel, which delivers them. */
    if (got <= 0) {
        connection_close(connection);
        return;
    }
    if (connection->ending)
        connection->partial_size = 0;
    else
        take_queries(connection, bytes, size);
    lose_weight(worker);
}

/* The peer reads again: the rest of the answers, then the queries that wait. */
static void on_writable(evutil_socket_t socket, short what, void *context)
{
    (void)what;
    struct connection *connection = context;
    struct tcp_worker *worker = connection->worker;
    heed_limits(worker);
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
    connection->unsent_size = 0;
    hold(connection);
    event_del(&connection->writable);
    event_add(&connection->readable, NULL);
    turn(connection, GUEST_IDLE);
    if (connection->ending)
        connection_end(connection);
    else if (connection->partial_size)
        take_queries(connection, connection->partial, connection->partial_size);
    lose_weight(worker);
}

/* ---- time ---- */

static void on_tick(evutil_socket_t socket, short what, void *context)
{
    (void)socket;
    (void)what;
    struct tcp_worker *worker = context;
    int64_t now_ms = clock_coarse_ms();
    struct guest *guest;
    heed_limits(worker);
    while ((guest = crowd_expired(worker->crowd, now_ms))) {
        counter_add(&worker->expired, guest->state != GUEST_ENDING);
        guest_drop(guest);
    }
    if (crowd_count(worker->crowd))
        event_add(worker->tick, &worker->tick_time);
}

/* ---- new connections ---- */

static void connection_new(struct tcp_worker *worker, int socket,
                           const struct sockaddr_storage *peer)
{
    struct connection *connection = memory_alloc(sizeof *connection);
    connection->worker = worker;
    connection->peer = *peer;
    connection->client.transport = TRANSPORT_TCP;
    connection->kernel_idle_ms = (unsigned)worker->limits.idle_ms;
    worker_client_locate(&connection->client, peer->ss_family, &connection->peer);
    event_assign(&connection->readable, worker->base, socket, EV_READ | EV_PERSIST, on_readable,
                 connection);
    event_assign(&connection->writable, worker->base, socket, EV_WRITE | EV_PERSIST, on_writable,
                 connection);
    if (!crowd_count(worker->crowd))
        event_add(worker->tick, &worker->tick_time);
    crowd_join(worker->crowd, &connection->guest, (const struct sockaddr *)peer, clock_coarse_ms());
    atomic_store(&worker->nconnections, crowd_count(worker->crowd));
    counter_add(&worker->accepted, 1);
    event_add(&connection->readable, NULL);
}

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
        displace(worker, leaves);
    }
    connection_new(worker, socket, peer);
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
    heed_limits(worker);
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
            displace(worker, leaves);
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

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
    set_kernel_idle(socket, (unsigned)worker->limits.idle_ms);
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
        connection_close((struct connection *)crowd_dispensable(worker->crowd));
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
