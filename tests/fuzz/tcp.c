/* SPDX-License-Identifier: BSD-2-Clause */
/* Octets as what a client sends over TCP, in pieces: the responder's own loop with one end of a
 * pair of sockets.
 *
 * The input is pieces, each behind two octets: how many octets of it arrive at once. A length of 0
 * closes the client's writing half. */
#include "fuzz/answer.h"
#include "fuzz/fuzz.h"
#include "fuzz/world.h"
#include "serve/worker.h"
#include "wire/message.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { INPUT_MAX = 1 << 16, PIECES_MAX = 64, OUTPUT_MAX = 1 << 22, NEVER_MS = 1000000000 };

static struct {
    struct event_base *base; /* the responder's */
    struct tcp_worker *worker;
    int listener; /* an eventfd: readable when a client comes */
    int arriving; /* the server's end of it; -1: none */
    int end;      /* the same, whoever has it */
    int client;
    bool shut;  /* the client has said all */
    bool ended; /* the server has */
    uint8_t *input, *output;
    size_t input_size, output_size;
} server;

struct event_base *__real_event_base_new(void);
struct event_base *__wrap_event_base_new(void);
int __real_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
int __real_getpeername(int fd, struct sockaddr *address, socklen_t *size);
int __wrap_getpeername(int fd, struct sockaddr *address, socklen_t *size);

struct event_base *__wrap_event_base_new(void)
{
    return server.base = __real_event_base_new();
}

static int give_address(struct sockaddr *address, socklen_t *size)
{
    const struct sockaddr_in peer = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xC0000201)};
    if (address) {
        FUZZ_CHECK(*size >= sizeof peer);
        memcpy(address, &peer, sizeof peer);
        *size = sizeof peer;
    }
    return 0;
}

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    int accepted = server.arriving;
    eventfd_t count;
    (void)flags;
    FUZZ_CHECK(fd == server.listener);
    eventfd_read(fd, &count);
    server.arriving = -1;
    errno = EAGAIN;
    if (accepted >= 0)
        give_address(address, size);
    return accepted;
}

int __wrap_getpeername(int fd, struct sockaddr *address, socklen_t *size)
{
    (void)fd;
    return give_address(address, size);
}

static void start(void)
{
    struct error error;
    world_snapshot();
    reader_register();
    reader_offline();
    const struct tcp_options options = {
        .settings = world_settings(), .idle_ms = NEVER_MS, .connections = 16, .per_client = 16};
    server.worker = tcp_worker_new(world_publisher(), &options, &error);
    server.listener = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    FUZZ_CHECK(server.worker && tcp_worker_listen(server.worker, server.listener));
    server.output = malloc(OUTPUT_MAX);
    server.input = malloc(INPUT_MAX);
}

static unsigned connections(void)
{
    struct tcp_numbers numbers;
    tcp_worker_numbers(server.worker, &numbers);
    return numbers.connections;
}

/* Until nothing is left to do: in one turn of its loop the responder reads one piece. */
static void turn(void)
{
    int left = 0, before;
    do {
        before = left;
        event_base_loop(server.base, EVLOOP_NONBLOCK);
        if (ioctl(server.end, FIONREAD, &left) < 0)
            left = 0; /* closed */
    } while (left > 0 && left != before);
}

static void client_connect(void)
{
    int pair[2];
    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    server.client = pair[0];
    server.arriving = server.end = pair[1];
    server.input_size = server.output_size = 0;
    server.shut = server.ended = false;
    eventfd_write(server.listener, 1);
    turn();
    FUZZ_CHECK(server.arriving < 0 && connections() == 1);
}

static void client_hear(void)
{
    ssize_t got;
    do {
        got = recv(server.client, server.output + server.output_size,
                   OUTPUT_MAX - server.output_size, 0);
        if (got > 0)
            server.output_size += (size_t)got;
    } while (got > 0);
    server.ended |= got == 0;
}

/* A server that has closed hears nothing: what it was not sent is no input. */
static void client_say(const uint8_t *bytes, size_t size)
{
    if (!size && !server.shut) {
        server.shut = true;
        shutdown(server.client, SHUT_WR);
    }
    if (size && !server.shut && send(server.client, bytes, size, MSG_NOSIGNAL) == (ssize_t)size) {
        memcpy(server.input + server.input_size, bytes, size);
        server.input_size += size;
    }
    turn();
}

static void client_say_all(const uint8_t *data, size_t size)
{
    for (unsigned pieces = 0; size >= 2 && pieces < PIECES_MAX; pieces++) {
        size_t piece = read_u16(data);
        data += 2;
        size -= 2;
        piece = piece < size ? piece : size;
        client_say(data, piece);
        if (piece & 1) /* others let answers pile up */
            client_hear();
        data += piece;
        size -= piece;
    }
}

/* All that is due has been said when a turn brings nothing more. */
static void client_hear_all(void)
{
    size_t before;
    do {
        before = server.output_size;
        client_hear();
        turn();
        client_hear();
    } while (server.output_size > before);
}

/* One message behind its length, of the octets from *at to end; false where they do not hold it
 * whole. */
static bool take_message(const uint8_t **at, const uint8_t *end, const uint8_t **message,
                         size_t *size)
{
    if (end - *at < 2 || end - *at - 2 < read_u16(*at))
        return false;
    *size = read_u16(*at);
    *message = *at + 2;
    *at += 2 + *size;
    return true;
}

static bool is_nonsense(const uint8_t *query, size_t size)
{
    return size < HEADER_SIZE || query[HEADER_FLAGS_HIGH] & FLAG_HIGH_QR;
}

/* Each whole query has its answer, in order, up to the first that is none; then the server hangs
 * up. */
static void compare(void)
{
    const uint8_t *asked = server.input, *answered = server.output, *query, *answer;
    const uint8_t *asked_end = asked + server.input_size;
    const uint8_t *answered_end = answered + server.output_size;
    size_t query_size, answer_size;
    bool nonsense = false;
    while (take_message(&asked, asked_end, &query, &query_size)) {
        nonsense = is_nonsense(query, query_size);
        if (nonsense)
            break;
        FUZZ_CHECK(take_message(&answered, answered_end, &answer, &answer_size));
        answer_check(query, query_size, answer, answer_size, TRANSPORT_TCP);
    }
    FUZZ_CHECK(answered == answered_end);
    FUZZ_CHECK(server.ended == (nonsense || server.shut));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > INPUT_MAX)
        return 0;
    if (!server.worker)
        start();
    client_connect();
    client_say_all(data, size);
    client_hear_all();
    compare();
    close(server.client);
    turn();
    FUZZ_CHECK(connections() == 0);
    return 0;
}
