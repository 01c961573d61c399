/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/canary.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "probe/gateway.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CANARIES_MAX = 16,
    GATEWAY_PORT = 53, /* of a router, the likeliest to answer, be it by RST */
};

/* One socket of a question under way. */
struct asked {
    struct canaries *canaries;
    struct event io;
    int fd;
};

struct canaries {
    struct event_base *base;
    uint8_t family;
    bool gateways; /* else the list */
    bool settled;  /* it has been seen, and told, whether they are of use */
    struct canary list[CANARIES_MAX];
    size_t count;
    canaries_report *report;
    void *context;
    struct event timer;
    struct asked asked[2 * CANARIES_MAX];
    size_t nasked; /* 0: no question is under way */
};

static void canaries_close(struct canaries *canaries)
{
    for (size_t i = 0; i < canaries->nasked; i++) {
        struct asked *asked = &canaries->asked[i];
        event_del(&asked->io);
        close(asked->fd);
    }
    canaries->nasked = 0;
    event_del(&canaries->timer);
}

/* Those that never answer are none, and whoever named them will not notice otherwise. */
static void canaries_settle(struct canaries *canaries, bool answers)
{
    if (canaries->settled || (!answers && !canaries->count))
        return;
    canaries->settled = true;
    if (!answers)
        log_warning("canaries: none of IPv%u answers, so that they cannot show whether our own "
                    "network works: name others, or let them answer this machine",
                    canaries->family);
}

static void canaries_end(struct canaries *canaries, bool answers)
{
    canaries_close(canaries);
    canaries_settle(canaries, answers);
    canaries->report(canaries->context, canaries->family, answers, clock_now_ms());
}

static void asked_on_io(evutil_socket_t fd, short what, void *context)
{
    struct asked *asked = context;
    int error = 0;
    socklen_t size = sizeof error;
    (void)what;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    /* What arrived at an echo socket is a reply to us: the kernel sorts them by number. */
    if (error == 0 || error == ECONNREFUSED || error == ECONNRESET)
        canaries_end(asked->canaries, true);
    else
        event_del(&asked->io); /* no route, no neighbour: the others may answer */
}

static void canaries_on_timer(evutil_socket_t fd, short what, void *context)
{
    struct canaries *canaries = context;
    (void)fd;
    (void)what;
    canaries_end(canaries, false);
}

static void canaries_watch(struct canaries *canaries, int fd, bool echo)
{
    struct asked *asked = &canaries->asked[canaries->nasked++];
    *asked = (struct asked){.canaries = canaries, .fd = fd};
    event_assign(&asked->io, canaries->base, fd, echo ? EV_READ : EV_WRITE, asked_on_io, asked);
    event_add(&asked->io, NULL);
}

static void ask_by_tcp(struct canaries *canaries, const struct canary *canary)
{
    struct sockaddr_storage to;
    uint16_t port = canary->port ? canary->port : GATEWAY_PORT;
    socklen_t size = address_to_sockaddr(&canary->address, port, &to);
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (connect(fd, (struct sockaddr *)&to, size) == 0 || errno == EINPROGRESS ||
        errno == ECONNREFUSED)
        canaries_watch(canaries, fd, false);
    else
        close(fd);
}

/* An echo request without a raw socket, where net.ipv4.ping_group_range lets us. The kernel fills
 * in identifier and checksum. */
static void ask_by_echo(struct canaries *canaries, const struct canary *canary)
{
    bool is_v6 = canary->address.family == 6;
    const struct icmphdr request4 = {.type = ICMP_ECHO};
    const struct icmp6_hdr request6 = {.icmp6_type = ICMP6_ECHO_REQUEST};
    struct sockaddr_storage to;
    socklen_t size = address_to_sockaddr(&canary->address, 0, &to);
    int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                    is_v6 ? (int)IPPROTO_ICMPV6 : (int)IPPROTO_ICMP);
    if (fd < 0)
        return;
    const void *request = is_v6 ? (const void *)&request6 : (const void *)&request4;
    size_t length = is_v6 ? sizeof request6 : sizeof request4;
    if (connect(fd, (struct sockaddr *)&to, size) == 0 && send(fd, request, length, 0) > 0)
        canaries_watch(canaries, fd, true);
    else
        close(fd);
}

static void read_gateways(struct canaries *canaries)
{
    struct address addresses[CANARIES_MAX];
    size_t count = gateways_read(addresses, CANARIES_MAX);
    canaries->count = 0;
    for (size_t i = 0; i < count; i++)
        if (addresses[i].family == canaries->family)
            canaries->list[canaries->count++] = (struct canary){.address = addresses[i]};
}

void canaries_ask(struct canaries *canaries)
{
    const struct timeval patience = {.tv_usec = CANARY_PATIENCE_MS * 1000};
    if (canaries->nasked || evtimer_pending(&canaries->timer, NULL))
        return;
    if (canaries->gateways)
        read_gateways(canaries);
    for (size_t i = 0; i < canaries->count; i++) {
        ask_by_tcp(canaries, &canaries->list[i]);
        if (!canaries->list[i].port)
            ask_by_echo(canaries, &canaries->list[i]);
    }
    evtimer_add(&canaries->timer, &patience);
}

struct canaries *canaries_new(struct event_base *base, uint8_t family, const struct canary *list,
                              size_t count, canaries_report *report, void *context)
{
    struct canaries *canaries = memory_alloc(sizeof *canaries);
    canaries->base = base;
    canaries->family = family;
    canaries->gateways = count == 0;
    for (size_t i = 0; i < count && canaries->count < CANARIES_MAX; i++)
        if (list[i].address.family == family)
            canaries->list[canaries->count++] = list[i];
    canaries->report = report;
    canaries->context = context;
    evtimer_assign(&canaries->timer, base, canaries_on_timer, canaries);
    return canaries;
}

void canaries_free(struct canaries *canaries)
{
    if (!canaries)
        return;
    canaries_close(canaries);
    free(canaries);
}
