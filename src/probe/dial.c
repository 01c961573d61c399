/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/dial.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stdlib.h>

static struct dial_socket *dial_socket(const struct dial *dial, unsigned number)
{
    return number ? dial->more[number - 1] : (struct dial_socket *)&dial->first;
}

static void socket_close(struct dial_socket *socket)
{
    if (socket->channel.fd >= 0)
        event_del(&socket->io);
    channel_close(&socket->channel);
}

void dial_stop(struct dial *dial)
{
    for (unsigned i = 0; i < dial->count; i++) {
        struct dial_socket *socket = dial_socket(dial, i);
        event_del(&socket->io);
        channel_close(&socket->channel);
        if (i)
            free(socket);
    }
    dial->count = 0;
}

static unsigned socket_number(const struct dial_socket *socket)
{
    unsigned number = 0;
    while (dial_socket(socket->dial, number) != socket)
        number++;
    return number;
}

static void socket_connected(struct dial_socket *socket)
{
    struct dial *dial = socket->dial;
    const struct channel channel = socket->channel;
    int64_t took_us = clock_now_us() - socket->started_us;
    unsigned number = socket_number(socket);

    event_del(&socket->io);
    socket->channel.fd = -1;
    dial_stop(dial);
    dial->reports->connected(dial->context, &channel, took_us, number);
}

/* What is wrong here says nothing while another socket may still connect; and a socket that the
 * kernel has given up is as silent as before. */
static void socket_failed(struct dial_socket *socket, enum channel_phase phase)
{
    struct dial *dial = socket->dial;
    const struct channel channel = socket->channel;
    enum reason reason = channel_reason(&channel, phase);
    bool local = reason_status(reason) == OUTCOME_UNKNOWN;

    if (reason == REASON_CONNECT_TIMEOUT || (local && socket != &dial->first)) {
        socket_close(socket);
        return;
    }
    dial_stop(dial);
    dial->reports->failed(dial->context, reason, channel_why(&channel));
}

static void socket_on_io(evutil_socket_t fd, short what, void *context)
{
    struct dial_socket *socket = context;
    (void)fd, (void)what;
    if (socket->channel.fd < 0 || socket->channel.error)
        socket_failed(socket, PHASE_CONNECT);
    else if (channel_connected(&socket->channel) == CHANNEL_DONE)
        socket_connected(socket);
    else
        socket_failed(socket, PHASE_UNDER_WAY);
}

static void socket_open(struct dial_socket *socket, struct dial *dial)
{
    socket->dial = dial;
    socket->started_us = clock_now_us();
    if (channel_connect(&socket->channel, dial->address, dial->port, dial->source)) {
        event_assign(&socket->io, dial->base, socket->channel.fd, EV_WRITE, socket_on_io, socket);
        event_add(&socket->io, NULL);
    } else { /* to be told from the loop */
        event_assign(&socket->io, dial->base, -1, 0, socket_on_io, socket);
        event_active(&socket->io, EV_TIMEOUT, 0);
    }
}

void dial_start(struct dial *dial)
{
    dial->count = 1;
    socket_open(&dial->first, dial);
}

void dial_more(struct dial *dial)
{
    if (dial->count == 0 || dial->count == DIAL_SOCKETS_MAX)
        return;
    struct dial_socket *socket = memory_alloc(sizeof *socket);
    dial->more[dial->count++ - 1] = socket;
    socket_open(socket, dial);
}

bool dial_has_news(const struct dial *dial)
{
    for (unsigned i = 0; i < dial->count; i++) {
        const struct dial_socket *socket = dial_socket(dial, i);
        if (socket->channel.fd >= 0 && channel_ready(&socket->channel, false, true))
            return true;
    }
    return false;
}
