/* SPDX-License-Identifier: BSD-2-Clause */
/* The load: sends queries over several sockets by one plan, and judges what comes back. One thread.
 */
#ifndef EVERMX_LOAD_DRIVE_H
#define EVERMX_LOAD_DRIVE_H

#include "base/address.h"
#include "base/error.h"
#include "flight.h"
#include "queries.h"
#include "tally.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct drive_options {
    struct address address;
    uint16_t port;
    bool tcp;
    bool unchecked; /* an echo is right, too */
    bool spin;      /* do not sleep while nothing comes: needs a core of its own */
    unsigned sockets, window, train;
    double rate;    /* queries a second; 0: as fast as answers come */
    uint64_t count; /* end after so many queries; 0: after the time */
    uint64_t warm_up_ns, length_ns, timeout_ns;
    pid_t pid; /* whose CPU time is told; 0: nobody's */
};

/* One socket, and what it waits for. */
struct line {
    int fd; /* -1: closed for good */
    struct flight flight;
    bool answers;      /* it has answered since it was opened */
    uint8_t *in, *out; /* TCP: what is not yet a whole answer; what is not yet sent */
    size_t nin, nout;
};

struct transport;

struct drive {
    const struct drive_options *options;
    const struct transport *transport;
    const struct queries *queries;
    size_t position; /* of the next query */
    struct line *lines;
    size_t next_line;
    int epoll;
    uint64_t now_ns, begin_ns, start_ns, end_ns; /* the measured time is from start to end */
    uint64_t begun;                              /* queries, with those of the warm-up */
    uint64_t server_start_ns, server_end_ns;     /* CPU time */
    bool measures, ended;
    struct tally tally;
    void *room; /* the transport's */
};

/* How queries and answers travel. Errors are such that the whole makes no sense any more. */
struct transport {
    int type;      /* of the socket */
    uint32_t room; /* ids that a line needs beyond its window */
    void *(*room_new)(const struct drive *drive);
    bool (*send)(struct drive *drive, struct line *line, unsigned count, struct error *error);
    /* False: the connection has ended. */
    bool (*receive)(struct drive *drive, struct line *line);
};

extern const struct transport transport_udp, transport_tcp;

/* Runs to the end, at most the times of the options. Every query that is counted as sent is then
 * right, wrong or lost. */
bool drive_run(struct drive *drive, const struct drive_options *options,
               const struct queries *queries, struct error *error);
void drive_free(struct drive *drive);

double drive_seconds(const struct drive *drive); /* measured */

/* For the transports: the next query under an id of this line; an answer. */
const struct asked *drive_take(struct drive *drive, struct line *line, uint16_t *id);
void drive_answer(struct drive *drive, struct line *line, const uint8_t *answer, size_t size);

/* CPU time of a process with all its threads; 0 when there is none. */
uint64_t process_cpu_ns(pid_t pid);

#endif
