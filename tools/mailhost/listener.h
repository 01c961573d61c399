/* SPDX-License-Identifier: BSD-2-Clause */
/* The host: its listeners, each one (protocol, address, port) with a behaviour, counters and the
 * sessions that came by it. One thread. */
#ifndef EVERMX_MAILHOST_LISTENER_H
#define EVERMX_MAILHOST_LISTENER_H

#include "base/address.h"
#include "base/error.h"
#include "behaviour.h"
#include "certificate.h"
#include "place.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct session;
TAILQ_HEAD(session_list, session);

struct counters {
    uint64_t connections;
    uint64_t quit;     /* ended with QUIT or LOGOUT (tcp: with an orderly close by the client) */
    uint64_t dropped;  /* ended without it: client gone, reset or idle for too long */
    uint64_t closed;   /* ended by this host, before the client said QUIT */
    uint64_t pregreet; /* clients that talked before the greeting was complete */
    uint64_t tls;      /* handshakes completed */
    uint32_t max_open;
    char last_ehlo[256];
};

/* What the listening socket is: none (RST to a SYN), one that takes connections, or one whose queue
 * is kept full, so that the kernel drops each SYN as if the host had lost its power. */
enum listener_door { DOOR_CLOSED, DOOR_OPEN, DOOR_BLOCKED };

struct listener {
    struct host *host;
    const struct protocol *protocol;
    struct address address;
    uint16_t port;
    struct behaviour behaviour;
    enum listener_door door;
    int socket; /* -1: none */
    struct event *acceptable;
    int filler; /* our own connection that fills the queue of a blocked door; -1: none */
    uint16_t filler_port;
    bool paused; /* in the host's list of those who wait for room */
    TAILQ_ENTRY(listener) paused_link;
    struct session_list sessions;
    uint32_t open;
    struct counters counters;
};
TAILQ_HEAD(listener_list, listener);

struct host {
    struct event_base *base;
    const char *name;
    struct certificates certificates;
    struct listener **listeners;
    size_t listener_count;
    size_t listener_capacity;
    uint32_t sessions;
    uint32_t sessions_max;
    uint32_t idle_s;
    struct listener_list paused;
};

/* "smtp:127.0.0.11@25" or "smtp:127.1.0.0/22@2525,late 5000": adds listeners, opens none. */
bool host_add(struct host *host, const char *text, struct error *error);
bool host_open(struct host *host, struct error *error);
void host_close(struct host *host);

/* "smtp hang", "127.0.0.11 late 5000", "all ok". All or nothing as to words; where one of many
 * sockets cannot be opened again, the others are changed all the same. */
bool host_command(struct host *host, const char *command, struct error *error);

/* A session has ended: there is room for another one. */
void host_resume_paused(struct host *host);

#endif
