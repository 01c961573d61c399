/* SPDX-License-Identifier: BSD-2-Clause */
/* A hedged connection: as many sockets as asked for, each with packets of its own; the first one
 * that connects wins and the others are closed, which costs no packet. A lost SYN so delays by the
 * time until the next socket, not by the kernel's second. The event base's thread. */
#ifndef EVERMX_PROBE_DIAL_H
#define EVERMX_PROBE_DIAL_H

#include "probe/channel.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

enum { DIAL_SOCKETS_MAX = 10 };

struct dial;

struct dial_socket {
    struct dial *dial;
    struct channel channel; /* fd -1: none, or given up */
    struct event io;
    int64_t started_us;
};

/* Reports come from the loop, at most one, with all sockets closed but the one handed over. */
struct dial_reports {
    /* The channel is the receiver's. took_us: of that socket; number: 0 for the first one. */
    void (*connected)(void *context, const struct channel *channel, int64_t took_us,
                      unsigned number);
    /* Refused, unreachable; or by our own machine, at the first socket. */
    void (*failed)(void *context, enum reason reason, const char *why);
};

/* Beside its owner, who zeroes it. */
struct dial {
    struct event_base *base;
    const struct address *address, *source; /* source NULL: any */
    uint16_t port;
    const struct dial_reports *reports;
    void *context;
    unsigned count; /* of sockets so far */
    struct dial_socket first, *more[DIAL_SOCKETS_MAX - 1];
};

/* The first five fields are set. Opens the first socket. */
void dial_start(struct dial *dial);
/* One more, unless there are DIAL_SOCKETS_MAX or this machine has none to give. */
void dial_more(struct dial *dial);
/* Whether a socket has news that the loop has not told yet. */
bool dial_has_news(const struct dial *dial);
/* Closes all. Nothing to do for one that has not begun. */
void dial_stop(struct dial *dial);

#endif
