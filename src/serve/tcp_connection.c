/* SPDX-License-Identifier: BSD-2-Clause */
/* A connection of the TCP responder (RFC 7766): queries may be pipelined; answers come in the order
 * of the queries, each with the id of its own. Each turn of the loop reads one piece from each
 * connection, so that whoever asks most waits with all the others; and nothing is read from one
 * that does not take its answers. */
#include "base/clock.h"
#include "base/memory.h"
#include "serve/tcp_inside.h"

#include <errno.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { QUERY_SIZE = LENGTH_SIZE + MESSAGE_MAX_SIZE }; /* the largest, with its length */

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

/* ---- its end ---- */

void connection_close(struct guest *guest)
{
    struct connection *connection = (struct connection *)guest;
    struct tcp_worker *worker = connection->worker;
    crowd_leave(worker->crowd, guest);
    atomic_store(&worker->nconnections, crowd_count(worker->crowd));
    event_del(&connection->readable);
    event_del(&connection->writable);
    close(event_get_fd(&connection->readable));
    free(connection->partial);
    free(connection->unsent);
    free(connection);
}

void connection_drop(struct guest *guest)
{
    const struct linger none = {.l_onoff = 1, .l_linger = 0};
    const struct connection *connection = (const struct connection *)guest;
    if (connection->unsent)
        setsockopt(event_get_fd(&connection->readable), SOL_SOCKET, SO_LINGER, &none, sizeof none);
    connection_close(guest);
}

void connection_displace(struct guest *guest)
{
    counter_add(&((struct connection *)guest)->worker->displaced, 1);
    connection_drop(guest);
}

/* ---- how it stands ---- */

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

/* ---- the kernel's patience ---- */

void connection_limit_kernel(int socket, unsigned idle_ms)
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
    connection_limit_kernel(event_get_fd(&connection->readable), idle_ms);
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
        connection_close(&connection->guest);
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

/* All together hold too much: those go who have kept it longest. */
static void lose_weight(struct tcp_worker *worker)
{
    struct guest *guest;
    while ((guest = crowd_overweight(worker->crowd)))
        connection_displace(guest);
}

static void on_readable(evutil_socket_t socket, short what, void *context)
{
    (void)socket;
    (void)what;
    struct connection *connection = context;
    struct tcp_worker *worker = connection->worker;
    uint8_t *bytes;
    size_t size;
    tcp_worker_heed_limits(worker);
    ssize_t got = read_piece(connection, &bytes, &size);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    /* At the end of a half-closed peer's queries: nothing is read while answers wait, so all of
     * them are with the kernel, which delivers them. */
    if (got <= 0) {
        connection_close(&connection->guest);
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
    tcp_worker_heed_limits(worker);
    ssize_t sent = send(socket, connection->unsent + connection->unsent_at,
                        connection->unsent_size - connection->unsent_at, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (sent < 0) {
        connection_close(&connection->guest);
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

/* ---- its beginning ---- */

void connection_new(struct tcp_worker *worker, int socket, const struct sockaddr_storage *peer)
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
    crowd_join(worker->crowd, &connection->guest, (const struct sockaddr *)peer, clock_coarse_ms());
    atomic_store(&worker->nconnections, crowd_count(worker->crowd));
    event_add(&connection->readable, NULL);
}
