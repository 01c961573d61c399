/* SPDX-License-Identifier: BSD-2-Clause */
#include "echo.h"

#include "base/memory.h"
#include "wire/message.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    BATCH = 64,       /* as evermxd's responders */
    QUERY_MAX = 1500, /* longer ones are nothing that the load sends */
    OCTETS_MAX = 1000,
    RECEIVE_BUFFER = 4 << 20, /* as evermxd's */
    BACKLOG = 1024,
    EVENTS = 64,
    STREAM_IN = 8192,
    STREAM_OUT = 1 << 17,
};

/* One socket and its thread. */
struct echo {
    const struct echo_options *options;
    int socket;
    uint64_t seen;
    void *(*run)(void *echo);
    pthread_t thread;
};

/* Makes an answer of a query in place; returns its size, 0: none. What follows the query is
 * whatever was there. */
static size_t answer(struct echo *echo, uint8_t *query, size_t size)
{
    const struct echo_options *options = echo->options;
    if (size < HEADER_SIZE || size > QUERY_MAX)
        return 0;
    echo->seen++;
    if (options->drop && echo->seen % options->drop == 0)
        return 0;
    if (options->spoil && echo->seen % options->spoil == 0 && size > HEADER_SIZE)
        query[HEADER_SIZE] ^= 1;
    query[HEADER_FLAGS_HIGH] |= FLAG_HIGH_QR;
    write_u16(query + HEADER_ANCOUNT, 1);
    return size + options->octets;
}

/* ---- UDP ---- */

struct datagrams {
    struct mmsghdr in[BATCH], out[BATCH];
    struct iovec in_parts[BATCH], out_parts[BATCH];
    struct sockaddr_storage peers[BATCH];
    uint8_t bytes[BATCH][QUERY_MAX + OCTETS_MAX];
};

static int receive_batch(struct echo *echo, struct datagrams *room)
{
    for (unsigned i = 0; i < BATCH; i++) {
        room->in_parts[i] = (struct iovec){room->bytes[i], QUERY_MAX};
        room->in[i].msg_hdr = (struct msghdr){.msg_name = &room->peers[i],
                                              .msg_namelen = sizeof room->peers[i],
                                              .msg_iov = &room->in_parts[i],
                                              .msg_iovlen = 1};
    }
    return recvmmsg(echo->socket, room->in, BATCH, MSG_WAITFORONE, NULL);
}

static void send_batch(const struct echo *echo, struct datagrams *room, unsigned count)
{
    for (unsigned done = 0; done < count;) {
        int sent = sendmmsg(echo->socket, room->out + done, count - done, 0);
        done += sent > 0 ? (unsigned)sent : 1;
    }
}

static void *run_udp(void *argument)
{
    struct echo *echo = argument;
    struct datagrams *room = memory_alloc(sizeof *room);
    for (;;) {
        int received = receive_batch(echo, room);
        unsigned answers = 0;
        for (int i = 0; i < received; i++) {
            size_t size = answer(echo, room->bytes[i], room->in[i].msg_len);
            if (!size)
                continue;
            room->out_parts[answers] = (struct iovec){room->bytes[i], size};
            room->out[answers].msg_hdr =
                (struct msghdr){.msg_name = &room->peers[i],
                                .msg_namelen = room->in[i].msg_hdr.msg_namelen,
                                .msg_iov = &room->out_parts[answers],
                                .msg_iovlen = 1};
            answers++;
        }
        send_batch(echo, room, answers);
    }
    return NULL;
}

/* ---- TCP ---- */

struct stream {
    int fd;
    size_t fill;
    uint8_t in[STREAM_IN];
};

static void stream_accept(const struct echo *echo, int epoll)
{
    int on = 1, fd = accept4(echo->socket, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct stream *stream = memory_alloc(sizeof *stream);
    stream->fd = fd;
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd,
              &(struct epoll_event){.events = EPOLLIN, .data.ptr = stream});
}

/* All whole queries of what is there; returns the octets in out. */
static size_t stream_answer(struct echo *echo, struct stream *stream, uint8_t *out)
{
    size_t at = 0, used = 0;
    while (stream->fill - at >= 2) {
        size_t size = read_u16(stream->in + at);
        if (stream->fill - at - 2 < size)
            break;
        if (size <= QUERY_MAX && STREAM_OUT - used > 2 + QUERY_MAX + OCTETS_MAX) {
            memcpy(out + used + 2, stream->in + at + 2, size);
            size_t answered = answer(echo, out + used + 2, size);
            write_u16(out + used, (uint16_t)answered);
            used += answered ? 2 + answered : 0;
        }
        at += 2 + size;
    }
    stream->fill -= at;
    memmove(stream->in, stream->in + at, stream->fill);
    return used;
}

static void stream_serve(struct echo *echo, struct stream *stream, uint8_t *out)
{
    ssize_t got =
        recv(stream->fd, stream->in + stream->fill, STREAM_IN - stream->fill, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    stream->fill += got > 0 ? (size_t)got : 0;
    size_t size = got > 0 ? stream_answer(echo, stream, out) : 0;
    if (got > 0 && (!size || send(stream->fd, out, size, MSG_NOSIGNAL) == (ssize_t)size))
        return;
    close(stream->fd);
    free(stream);
}

static void *run_tcp(void *argument)
{
    struct echo *echo = argument;
    struct epoll_event events[EVENTS], listening = {.events = EPOLLIN};
    uint8_t *out = memory_alloc(STREAM_OUT);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(epoll, EPOLL_CTL_ADD, echo->socket, &listening);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr)
                stream_serve(echo, events[i].data.ptr, out);
            else
                stream_accept(echo, epoll);
        }
    }
    return NULL;
}

/* ---- start and end ---- */

static bool echo_start(struct echo *echo, int type, struct error *error)
{
    struct sockaddr_storage name;
    socklen_t size = address_to_sockaddr(&echo->options->address, echo->options->port, &name);
    int buffer = RECEIVE_BUFFER, on = 1;
    echo->socket = socket(name.ss_family, type | SOCK_CLOEXEC, 0);
    setsockopt(echo->socket, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    if (type == SOCK_STREAM)
        setsockopt(echo->socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(echo->socket, (struct sockaddr *)&name, size) != 0 ||
        (type == SOCK_STREAM && listen(echo->socket, BACKLOG) != 0))
        return error_set(error, "listening (%s): %s", type == SOCK_STREAM ? "TCP" : "UDP",
                         strerror(errno));
    int failure = pthread_create(&echo->thread, NULL, echo->run, echo);
    return failure == 0 || error_set(error, "starting a thread: %s", strerror(failure));
}

bool echo_run(const struct echo_options *options, struct error *error)
{
    struct echo echoes[] = {{.options = options, .run = run_udp},
                            {.options = options, .run = run_tcp}};
    struct timespec length = {options->length_s, 0};
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    if (!echo_start(&echoes[0], SOCK_DGRAM, error) || !echo_start(&echoes[1], SOCK_STREAM, error))
        return false;
    puts("ready");
    fflush(stdout);
    while (sigtimedwait(&ends, NULL, &length) < 0 && errno == EINTR)
        ;
    _exit(0); /* with its threads, which have nothing to finish */
}
