/* SPDX-License-Identifier: BSD-2-Clause */
/* Queries over TCP (RFC 7766): each connection is kept, and has up to a window of queries under way
 * at once; answers may come in any order. */
#include "base/memory.h"
#include "drive.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum {
    LENGTH_SIZE = 2,
    IN_MAX = LENGTH_SIZE + UINT16_MAX,
    OUT_MAX = 64 * (LENGTH_SIZE + ASKED_MAX),
};

static void *tcp_room_new(const struct drive *drive)
{
    for (unsigned i = 0; i < drive->options->sockets; i++) {
        drive->lines[i].in = memory_alloc(IN_MAX);
        drive->lines[i].out = memory_alloc(OUT_MAX);
    }
    return NULL;
}

/* What does not go now goes later. That the connection has ended is seen when reading. */
static void flush(struct line *line)
{
    ssize_t sent = send(line->fd, line->out, line->nout, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
        line->nout -= (size_t)sent;
        memmove(line->out, line->out + sent, line->nout);
    }
}

static bool tcp_send(struct drive *drive, struct line *line, unsigned count, struct error *error)
{
    (void)error;
    while (count-- > 0 && OUT_MAX - line->nout >= LENGTH_SIZE + ASKED_MAX) {
        uint16_t id;
        const struct asked *asked = drive_take(drive, line, &id);
        uint8_t *at = write_u16(line->out + line->nout, asked->size);
        memcpy(at, asked->bytes, asked->size);
        write_u16(at, id);
        line->nout += LENGTH_SIZE + (size_t)asked->size;
    }
    flush(line);
    return true;
}

static bool tcp_receive(struct drive *drive, struct line *line)
{
    ssize_t got = recv(line->fd, line->in + line->nin, IN_MAX - line->nin, MSG_DONTWAIT);
    if (got <= 0)
        return got < 0 && (errno == EAGAIN || errno == EINTR);
    size_t at = 0;
    line->nin += (size_t)got;
    while (line->nin - at >= LENGTH_SIZE) {
        size_t size = read_u16(line->in + at);
        if (line->nin - at - LENGTH_SIZE < size)
            break;
        drive_answer(drive, line, line->in + at + LENGTH_SIZE, size);
        at += LENGTH_SIZE + size;
    }
    line->nin -= at;
    memmove(line->in, line->in + at, line->nin);
    if (line->nout)
        flush(line);
    return true;
}

const struct transport transport_tcp = {
    .type = SOCK_STREAM,
    .room = 1024,
    .room_new = tcp_room_new,
    .send = tcp_send,
    .receive = tcp_receive,
};
