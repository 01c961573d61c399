/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions to all peers at once, and their replies; see peers.h. A message's ID is its number in
 * the batch. */
#include "base/clock.h"
#include "base/memory.h"
#include "differential/peers.h"
#include "wire/message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Each try waits twice as long as the one before. */
enum { UDP_PATIENCE_MS = 200, UDP_TRIES = 4, TCP_PATIENCE_MS = 20000 };

static void take(struct reply *reply, const uint8_t *bytes, size_t size)
{
    if (reply->bytes)
        return; /* of a question asked again */
    reply->bytes = memory_alloc(size);
    memcpy(reply->bytes, bytes, size);
    reply->size = size;
}

static bool tell_silence(const struct peer *peer, const struct question *question,
                         const char *transport)
{
    char name[NAME_TEXT_SIZE];
    fprintf(stderr, "%s does not answer %s TYPE%u by %s\n", peer->name,
            name_to_text(question->name, name), question->rrtype, transport);
    return false;
}

/* ---- UDP ---- */

/* Asks what has no reply yet. Returns how many questions are open, over all peers. */
static size_t send_open(struct peers *peers, const struct question *const *questions, size_t count,
                        struct reply (*replies)[PEERS])
{
    uint8_t query[QUERY_MAX_SIZE];
    size_t open = 0;
    for (size_t i = 0; i < count; i++) {
        size_t size = question_query(questions[i], (uint16_t)i, query);
        for (size_t j = 0; j < PEERS; j++) {
            if (replies[i][j].bytes)
                continue;
            open++;
            if (send(peers->all[j].udp, query, size, 0) < 0)
                perror(peers->all[j].name);
        }
    }
    return open;
}

/* Replies to the question of that number, and to no earlier batch's. */
static bool fits(const uint8_t *bytes, size_t size, const struct question *question)
{
    size_t name = name_size(question->name);
    return size >= HEADER_SIZE + name + 4 && name_equal(bytes + HEADER_SIZE, question->name) &&
           read_u16(bytes + HEADER_SIZE + name) == question->rrtype;
}

static size_t receive(const struct peer *peer, size_t number,
                      const struct question *const *questions, size_t count,
                      struct reply (*replies)[PEERS])
{
    uint8_t bytes[UINT16_MAX];
    size_t taken = 0;
    ssize_t size;
    while ((size = recv(peer->udp, bytes, sizeof bytes, 0)) >= 0) {
        size_t id = size >= HEADER_SIZE ? read_u16(bytes) : count;
        if (id >= count || replies[id][number].bytes || !fits(bytes, (size_t)size, questions[id]))
            continue;
        take(&replies[id][number], bytes, (size_t)size);
        taken++;
    }
    return taken;
}

static size_t gather(struct peers *peers, const struct question *const *questions, size_t count,
                     struct reply (*replies)[PEERS], size_t open, int patience_ms)
{
    struct pollfd waits[PEERS];
    int64_t deadline_ms = clock_now_ms() + patience_ms, now_ms;
    for (size_t j = 0; j < PEERS; j++)
        waits[j] = (struct pollfd){peers->all[j].udp, POLLIN, 0};
    while (open && (now_ms = clock_now_ms()) < deadline_ms) {
        poll(waits, PEERS, (int)(deadline_ms - now_ms));
        for (size_t j = 0; j < PEERS; j++)
            if (waits[j].revents)
                open -= receive(&peers->all[j], j, questions, count, replies);
    }
    return open;
}

bool peers_ask_udp(struct peers *peers, const struct question *const *questions, size_t count,
                   struct reply (*replies)[PEERS])
{
    memset(replies, 0, count * sizeof *replies);
    for (int try = 0; try < UDP_TRIES; try++) {
        size_t open = send_open(peers, questions, count, replies);
        if (gather(peers, questions, count, replies, open, UDP_PATIENCE_MS << try) == 0)
            return true;
    }
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < PEERS; j++)
            if (!replies[i][j].bytes)
                return tell_silence(&peers->all[j], questions[i], "UDP");
    return true;
}

/* ---- TCP: one connection for a batch, all questions sent before the first reply is read ---- */

static int dial(const struct peer *peer)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(peer->port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    struct timeval patience = {.tv_sec = TCP_PATIENCE_MS / 1000};
    int to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(to, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(to, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(to, (struct sockaddr *)&address, sizeof address) != 0)
        perror(peer->name);
    return to;
}

static void send_all(int to, const struct question *const *questions, size_t count)
{
    uint8_t stream[BATCH_MAX * (2 + QUERY_MAX_SIZE)], *at = stream;
    for (size_t i = 0; i < count; i++) {
        size_t size = question_query(questions[i], (uint16_t)i, at + 2);
        write_u16(at, (uint16_t)size);
        at += 2 + size;
    }
    if (send(to, stream, (size_t)(at - stream), MSG_NOSIGNAL) != at - stream)
        perror("send");
}

static void receive_all(int from, size_t number, size_t count, struct reply (*replies)[PEERS])
{
    uint8_t bytes[2 + UINT16_MAX];
    for (size_t i = 0; i < count; i++) {
        if (recv(from, bytes, 2, MSG_WAITALL) != 2)
            return;
        size_t size = read_u16(bytes);
        if (recv(from, bytes, size, MSG_WAITALL) != (ssize_t)size || size < HEADER_SIZE)
            return;
        if (read_u16(bytes) < count)
            take(&replies[read_u16(bytes)][number], bytes, size);
    }
}

bool peers_ask_tcp(struct peers *peers, const struct question *const *questions, size_t count,
                   struct reply (*replies)[PEERS])
{
    memset(replies, 0, count * sizeof *replies);
    for (size_t j = 0; j < PEERS; j++) {
        int to = dial(&peers->all[j]);
        send_all(to, questions, count);
        receive_all(to, j, count, replies);
        close(to);
        for (size_t i = 0; i < count; i++)
            if (!replies[i][j].bytes)
                return tell_silence(&peers->all[j], questions[i], "TCP");
    }
    return true;
}
