/* SPDX-License-Identifier: BSD-2-Clause */
/* Listening sockets: opening, accepting, closing, blocking. */
#include "listener.h"

#include "base/memory.h"
#include "session.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel holds as many handshakes for a host that hangs; Postfix asks for 100, Dovecot for 511.
 */
enum { BACKLOG = 511 };

/* So many connections are taken in one go, so that one busy listener does not starve the others. */
enum { ACCEPT_BATCH = 64 };

static const char *listener_advise(int error_number, uint16_t port)
{
    switch (error_number) {
    case EACCES:
        return port < 1024 ? "; ports below 1024 need root or CAP_NET_BIND_SERVICE: take a port of "
                             "1024 or above, or lower net.ipv4.ip_unprivileged_port_start by sysctl"
                           : "";
    case EADDRINUSE:
        return "; another program listens there: `ss -ltnp` names it; stop it or take another port";
    case EADDRNOTAVAIL:
        return "; no interface has this address: take one of 127.0.0.0/8, which all exist, or add "
               "it by `ip addr add ADDRESS dev lo`";
    case EMFILE:
    case ENFILE:
        return "; too few descriptors: raise `ulimit -n` or listen on fewer addresses";
    default:
        return "";
    }
}

static bool listener_fail(const struct listener *listener, struct error *error)
{
    int error_number = errno;
    char where[ADDRESS_TEXT_SIZE];
    endpoint_format(&listener->address, listener->port, where);
    return error_set(error, "listening on %s for %s: %s%s", where, listener->protocol->name,
                     strerror(error_number), listener_advise(error_number, listener->port));
}

static bool listener_bind(struct listener *listener)
{
    struct sockaddr_storage name = {0};
    socklen_t size = address_to_sockaddr(&listener->address, listener->port, &name);
    int on = 1;
    int fd = socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    listener->socket = fd;
    if (name.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    /* A host that comes back is not to wait for the sessions of its former life to leave TIME_WAIT.
     */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    return bind(fd, (struct sockaddr *)&name, size) == 0;
}

static void listener_close_socket(struct listener *listener)
{
    if (listener->acceptable)
        event_free(listener->acceptable);
    listener->acceptable = NULL;
    if (listener->socket >= 0)
        close(listener->socket);
    listener->socket = -1;
    if (listener->filler >= 0)
        close(listener->filler);
    listener->filler = -1;
    listener->door = DOOR_CLOSED;
}

static void listener_pause(struct listener *listener)
{
    event_del(listener->acceptable);
    if (!listener->paused)
        TAILQ_INSERT_TAIL(&listener->host->paused, listener, paused_link);
    listener->paused = true;
}

static uint16_t sockaddr_port(const struct sockaddr_storage *name)
{
    if (name->ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)(const void *)name)->sin6_port);
    return ntohs(((const struct sockaddr_in *)(const void *)name)->sin_port);
}

static void listener_reject(struct listener *listener, int fd)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (listener->behaviour.mode == MODE_RESET)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(fd);
    listener->counters.closed++;
}

static void listener_take(struct listener *listener, int fd)
{
    int on = 1;
    listener->counters.connections++;
    /* A greeting in parts is to arrive in parts, whatever the client acknowledges. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (listener->behaviour.mode == MODE_CLOSE || listener->behaviour.mode == MODE_RESET)
        listener_reject(listener, fd);
    else
        session_start(listener, fd);
}

static void listener_on_acceptable(evutil_socket_t socket, short what, void *argument)
{
    struct listener *listener = argument;
    struct host *host = listener->host;
    (void)what;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        if (host->sessions >= host->sessions_max) {
            listener_pause(listener);
            return;
        }
        struct sockaddr_storage peer = {0};
        socklen_t size = sizeof(peer);
        int fd = accept4(socket, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE)
                listener_pause(listener);
            return;
        }
        if (listener->filler_port != 0 && sockaddr_port(&peer) == listener->filler_port) {
            listener->filler_port = 0;
            close(fd);
            continue;
        }
        listener_take(listener, fd);
    }
}

static bool listener_open_door(struct listener *listener, struct error *error)
{
    if (listener->socket < 0 && !listener_bind(listener))
        return listener_fail(listener, error);
    if (listen(listener->socket, BACKLOG) != 0)
        return listener_fail(listener, error);
    if (listener->filler >= 0)
        close(listener->filler);
    listener->filler = -1;
    if (!listener->acceptable)
        listener->acceptable = event_new(listener->host->base, listener->socket,
                                         EV_READ | EV_PERSIST, listener_on_acceptable, listener);
    if (!listener->acceptable || event_add(listener->acceptable, NULL) != 0)
        return error_set(error, "watching a listening socket: libevent refused");
    listener->door = DOOR_OPEN;
    return true;
}

/* Linux drops a SYN when more connections wait than the backlog says. With a backlog of 0, one that
 * waits is enough, and we make that one ourselves. */
static bool listener_block_door(struct listener *listener, struct error *error)
{
    if (listener->door == DOOR_CLOSED && !listener_open_door(listener, error))
        return false;
    struct sockaddr_storage name = {0};
    socklen_t size = address_to_sockaddr(&listener->address, listener->port, &name);
    event_del(listener->acceptable);
    listener->filler =
        socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    bool done =
        listen(listener->socket, 0) == 0 && listener->filler >= 0 &&
        (connect(listener->filler, (struct sockaddr *)&name, size) == 0 || errno == EINPROGRESS) &&
        getsockname(listener->filler, (struct sockaddr *)&name, &size) == 0;
    listener->door = DOOR_BLOCKED;
    listener->filler_port = done ? sockaddr_port(&name) : 0;
    return done || listener_fail(listener, error);
}

static bool listener_set_door(struct listener *listener, enum listener_door door,
                              struct error *error)
{
    if (listener->door == door)
        return true;
    switch (door) {
    case DOOR_OPEN:
        if (listener_open_door(listener, error))
            return true;
        listener_close_socket(listener);
        return false;
    case DOOR_BLOCKED:
        if (listener_block_door(listener, error))
            return true;
        listener_close_socket(listener);
        return false;
    case DOOR_CLOSED:
        listener_close_socket(listener);
        listener->filler_port = 0;
        break;
    }
    return true;
}

static bool listener_behave(struct listener *listener, const struct behaviour *behaviour,
                            struct error *error)
{
    enum listener_door door = behaviour->mode == MODE_REFUSE   ? DOOR_CLOSED
                              : behaviour->mode == MODE_SILENT ? DOOR_BLOCKED
                                                               : DOOR_OPEN;
    if (!listener_set_door(listener, door, error)) {
        listener->behaviour = (struct behaviour){.mode = MODE_REFUSE};
        return false;
    }
    listener->behaviour = *behaviour;
    session_follow_behaviour(listener);
    return true;
}

static void host_add_listener(struct host *host, const struct place *place, uint32_t index,
                              const struct behaviour *behaviour)
{
    struct listener *listener = memory_alloc(sizeof(*listener));
    listener->host = host;
    listener->protocol = place->protocol;
    listener->address = place_address(place, index);
    listener->port = place->port != 0 ? place->port : place->protocol->port;
    listener->behaviour = *behaviour;
    listener->socket = -1;
    listener->filler = -1;
    TAILQ_INIT(&listener->sessions);
    host->listeners = memory_grow(host->listeners, host->listener_count, &host->listener_capacity,
                                  sizeof(*host->listeners));
    host->listeners[host->listener_count++] = listener;
}

static bool host_check_place(const char *text, const struct place *place,
                             const struct behaviour *behaviour, struct error *error)
{
    if (!place->protocol || place->any_address)
        return error_set(error,
                         "--listen %s: needs PROTOCOL:ADDRESS[@PORT], where PROTOCOL is one "
                         "of smtp, submission, smtps, imap, imaps, pop3, pop3s, tcp",
                         text);
    if (place->port == 0 && place->protocol->port == 0)
        return error_set(error, "--listen %s: %s has no port of its own: add @PORT", text,
                         place->protocol->name);
    if (place_count(place) == 0)
        return error_set(error, "--listen %s: more than 65536 addresses", text);
    if (!behaviour_fits(behaviour, place->protocol))
        return error_set(error, "--listen %s: %s cannot do this", text, place->protocol->name);
    return true;
}

bool host_add(struct host *host, const char *text, struct error *error)
{
    struct place place;
    struct behaviour behaviour = {.mode = MODE_OK};
    struct error reason;
    const char *comma = strchr(text, ',');
    char *where = memory_strdup(text);
    where[strcspn(where, ",")] = '\0';
    bool parsed = place_parse(where, &place, &reason) &&
                  (!comma || behaviour_parse(comma + 1, &behaviour, &reason));
    free(where);
    if (!parsed)
        return error_set(error, "--listen %s", reason.text);
    if (!host_check_place(text, &place, &behaviour, error))
        return false;
    for (uint32_t i = 0; i < place_count(&place); i++)
        host_add_listener(host, &place, i, &behaviour);
    return true;
}

bool host_open(struct host *host, struct error *error)
{
    /* Each is opened first, whatever its behaviour, so that a wrong address shows at the start. */
    for (size_t i = 0; i < host->listener_count; i++) {
        struct behaviour behaviour = host->listeners[i]->behaviour;
        if (!listener_set_door(host->listeners[i], DOOR_OPEN, error) ||
            !listener_behave(host->listeners[i], &behaviour, error))
            return false;
    }
    return true;
}

void host_close(struct host *host)
{
    for (size_t i = 0; i < host->listener_count; i++) {
        struct listener *listener = host->listeners[i];
        listener_close_socket(listener);
        session_free_all(listener);
        free(listener);
    }
    free(host->listeners);
    host->listener_count = 0;
}

static bool host_check_command(const struct host *host, const char *where,
                               const struct place *place, const struct behaviour *behaviour,
                               struct error *error)
{
    size_t matches = 0;
    for (size_t i = 0; i < host->listener_count; i++) {
        const struct listener *listener = host->listeners[i];
        if (!place_contains(place, listener->protocol, &listener->address, listener->port))
            continue;
        matches++;
        if (!behaviour_fits(behaviour, listener->protocol))
            return error_set(error, "%s cannot do \"%s\"; nothing was changed",
                             listener->protocol->name, behaviour_name(behaviour));
    }
    return matches > 0 || error_set(error, "%s: no such listener", where);
}

bool host_command(struct host *host, const char *command, struct error *error)
{
    struct place place;
    struct behaviour behaviour;
    char where[128];
    size_t size = strcspn(command, " ");
    snprintf(where, sizeof(where), "%.*s", (int)size, command);
    if (!place_parse(where, &place, error) ||
        !behaviour_parse(command + size + strspn(command + size, " "), &behaviour, error) ||
        !host_check_command(host, where, &place, &behaviour, error))
        return false;
    bool done = true;
    for (size_t i = 0; i < host->listener_count; i++) {
        struct listener *listener = host->listeners[i];
        if (place_contains(&place, listener->protocol, &listener->address, listener->port))
            done = listener_behave(listener, &behaviour, error) && done;
    }
    return done;
}

void host_resume_paused(struct host *host)
{
    /* All at once, and not for each session that ends: with thousands of listeners at the limit
     * that would be all the host does. */
    if (TAILQ_EMPTY(&host->paused) || host->sessions > host->sessions_max / 10 * 9)
        return;
    struct listener *listener;
    while ((listener = TAILQ_FIRST(&host->paused)) != NULL) {
        TAILQ_REMOVE(&host->paused, listener, paused_link);
        listener->paused = false;
        if (listener->door == DOOR_OPEN)
            event_add(listener->acceptable, NULL);
    }
}
