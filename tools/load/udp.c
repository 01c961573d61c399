/* SPDX-License-Identifier: BSD-2-Clause */
/* Queries over UDP: many with one system call, each a message of its own, or trains of queries of
 * one length that the kernel cuts into datagrams before the server's socket (UDP_SEGMENT). The
 * server sees no difference, but a train costs us one way down the network stack only, so that the
 * server is the first to have no time left. */
#include "base/memory.h"
#include "drive.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum {
    BATCH = 64,        /* messages with one system call */
    SEND_MAX = 256,    /* queries */
    ANSWER_MAX = 4096, /* more than any answer that 1232 octets were asked for */
};

struct udp_room {
    struct mmsghdr out[SEND_MAX], in[BATCH];
    struct iovec out_parts[SEND_MAX], in_parts[BATCH];
    union {
        char bytes[CMSG_SPACE(sizeof(uint16_t))];
        struct cmsghdr header;
    } segment[SEND_MAX];
    uint8_t out_bytes[SEND_MAX * ASKED_MAX], in_bytes[BATCH][ANSWER_MAX];
};

static void *udp_room_new(const struct drive *drive)
{
    struct udp_room *room = memory_alloc(sizeof *room);
    for (unsigned i = 0; i < SEND_MAX; i++) {
        struct msghdr *header = &room->out[i].msg_hdr;
        *header = (struct msghdr){.msg_iov = &room->out_parts[i], .msg_iovlen = 1};
        if (drive->options->train == 1)
            continue;
        header->msg_control = room->segment[i].bytes;
        header->msg_controllen = sizeof room->segment[i].bytes;
        room->segment[i].header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(uint16_t)),
                                                   .cmsg_level = SOL_UDP,
                                                   .cmsg_type = UDP_SEGMENT};
    }
    for (unsigned i = 0; i < BATCH; i++) {
        room->in_parts[i] = (struct iovec){room->in_bytes[i], ANSWER_MAX};
        room->in[i].msg_hdr = (struct msghdr){.msg_iov = &room->in_parts[i], .msg_iovlen = 1};
    }
    return room;
}

static uint8_t *put_query(struct drive *drive, struct line *line, uint8_t *at)
{
    uint16_t id;
    const struct asked *asked = drive_take(drive, line, &id);
    memcpy(at, asked->bytes, asked->size);
    write_u16(at, id);
    return at + asked->size;
}

/* Returns the number of messages. */
static unsigned fill_messages(struct drive *drive, struct line *line, unsigned count)
{
    struct udp_room *room = drive->room;
    unsigned train = drive->options->train, messages = count / train;
    uint8_t *at = room->out_bytes;
    for (unsigned i = 0; i < messages; i++) {
        uint8_t *start = at;
        for (unsigned k = 0; k < train; k++)
            at = put_query(drive, line, at);
        room->out_parts[i] = (struct iovec){start, (size_t)(at - start)};
        uint16_t size = (uint16_t)((size_t)(at - start) / train);
        if (train > 1)
            memcpy(CMSG_DATA(&room->segment[i].header), &size, sizeof size);
    }
    return messages;
}

static bool udp_send(struct drive *drive, struct line *line, unsigned count, struct error *error)
{
    struct udp_room *room = drive->room;
    unsigned most = SEND_MAX - SEND_MAX % drive->options->train;
    unsigned messages = fill_messages(drive, line, count < most ? count : most);
    for (unsigned done = 0; done < messages;) {
        int sent = sendmmsg(line->fd, room->out + done, messages - done, MSG_DONTWAIT);
        if (sent > 0) {
            done += (unsigned)sent;
        } else if (errno == EAGAIN || errno == ENOBUFS) {
            poll(&(struct pollfd){line->fd, POLLOUT, 0}, 1, 1);
        } else if (errno == ECONNREFUSED) {
            drive->tally.refused++; /* told of an earlier message: this one was not sent */
        } else if (errno != EINTR) {
            return error_set(error, "sending: %s", strerror(errno));
        }
    }
    return true;
}

static bool udp_receive(struct drive *drive, struct line *line)
{
    struct udp_room *room = drive->room;
    int count;
    do {
        count = recvmmsg(line->fd, room->in, BATCH, MSG_DONTWAIT, NULL);
        if (count < 0 && errno == ECONNREFUSED)
            drive->tally.refused++;
        for (int i = 0; i < count; i++)
            drive_answer(drive, line, room->in_bytes[i], room->in[i].msg_len);
    } while (count == BATCH);
    return true;
}

const struct transport transport_udp = {
    .type = SOCK_DGRAM,
    .room = 65536, /* a lost one keeps its id while the others go on */
    .room_new = udp_room_new,
    .send = udp_send,
    .receive = udp_receive,
};
