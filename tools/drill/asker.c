/* SPDX-License-Identifier: BSD-2-Clause */
#include "asker.h"

#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    EDNS_SIZE = 1232, /* fits into every path's packets: DNS Flag Day 2020 */
    HEADER_SIZE = 12,
    WHY_SIZE = 96,
};

/* A question waits for a socket, or is under way by UDP, then perhaps by TCP. */
struct asked {
    struct asker *asker;
    struct asked *previous, *next; /* of its list */
    struct question question;
    asker_report *report;
    void *context;
    int64_t asked_us; /* 0: waits */
    uint16_t id;
    uint8_t *query; /* of ldns */
    size_t query_size;
    int fd; /* UDP; -1: none, or no longer */
    struct event readable, deadline;
    struct bufferevent *stream; /* NULL: UDP */
    const char *why;            /* known when it was sent: reported from the loop */
    char words[WHY_SIZE];
};

struct list {
    struct asked *first, *last;
    size_t count;
};

struct asker {
    struct event_base *base;
    struct list under_way, waiting;
    struct asker_counts counts;
};

static void list_append(struct list *list, struct asked *asked)
{
    asked->previous = list->last;
    asked->next = NULL;
    if (list->last)
        list->last->next = asked;
    else
        list->first = asked;
    list->last = asked;
    list->count++;
}

static void list_remove(struct list *list, struct asked *asked)
{
    if (asked->previous)
        asked->previous->next = asked->next;
    else
        list->first = asked->next;
    if (asked->next)
        asked->next->previous = asked->previous;
    else
        list->last = asked->previous;
    list->count--;
}

/* ---- the end of a question ---- */

static void send_query(struct asked *asked);

static void asked_free(struct asked *asked)
{
    event_del(&asked->deadline);
    if (asked->fd >= 0) {
        event_del(&asked->readable);
        close(asked->fd);
    }
    if (asked->stream)
        bufferevent_free(asked->stream);
    LDNS_FREE(asked->query);
    free(asked);
}

/* Its socket is free for the next that waits. */
static void leave(struct asked *asked)
{
    struct asker *asker = asked->asker;
    bool had_socket = asked->asked_us != 0;

    list_remove(had_socket ? &asker->under_way : &asker->waiting, asked);
    if (had_socket && asker->waiting.first) {
        struct asked *next = asker->waiting.first;
        list_remove(&asker->waiting, next);
        send_query(next);
    }
}

static void finish(struct asked *asked, const ldns_pkt *packet, const char *why)
{
    struct reply reply = {
        .asked_us = asked->asked_us, .came_us = clock_now_us(), .why = why, .packet = packet};

    if (packet) {
        reply.came = true;
        reply.rcode = (uint8_t)(ldns_pkt_edns_extended_rcode(packet) << 4 |
                                (uint8_t)ldns_pkt_get_rcode(packet));
        reply.authoritative = ldns_pkt_aa(packet);
        asked->asker->counts.came++;
    }
    if (reply.asked_us == 0) /* it was never sent */
        reply.asked_us = reply.came_us;
    leave(asked);
    asked->report(asked->context, &reply);
    asked_free(asked);
}

void asker_cancel(struct asked *asked)
{
    if (!asked)
        return;
    leave(asked);
    asked_free(asked);
}

static const char *error_words(struct asked *asked, int error)
{
    const char *words = error == ECONNREFUSED ? "connection refused" : strerror(error);

    if (asked->stream)
        snprintf(asked->words, sizeof asked->words, "truncated, and over TCP: %s", words);
    else
        snprintf(asked->words, sizeof asked->words, "%s", words);
    return asked->words;
}

static void deadline_passed(evutil_socket_t fd, short what, void *argument)
{
    struct asked *asked = argument;

    (void)fd, (void)what;
    if (asked->why)
        finish(asked, NULL, asked->why);
    else if (asked->asked_us == 0)
        finish(asked, NULL, "too many questions under way");
    else
        finish(asked, NULL, asked->stream ? error_words(asked, ETIMEDOUT) : "timed out");
}

/* ---- what comes ---- */

static bool answers(const struct asked *asked, const ldns_pkt *packet)
{
    const ldns_rr_list *questions = ldns_pkt_question(packet);
    const ldns_rr *echoed;

    if (!ldns_pkt_qr(packet) || ldns_pkt_id(packet) != asked->id ||
        ldns_pkt_get_opcode(packet) != LDNS_PACKET_QUERY || ldns_rr_list_rr_count(questions) != 1)
        return false;
    echoed = ldns_rr_list_rr(questions, 0);
    return ldns_rr_get_type(echoed) == (ldns_rr_type)asked->question.rrtype &&
           ldns_rr_get_class(echoed) == LDNS_RR_CLASS_IN &&
           name_valid(ldns_rdf_data(ldns_rr_owner(echoed)), ldns_rdf_size(ldns_rr_owner(echoed))) &&
           name_equal(ldns_rdf_data(ldns_rr_owner(echoed)), asked->question.name);
}

/* The packet, where these octets answer the question; else NULL, and counted. */
static ldns_pkt *read_answer(struct asked *asked, const uint8_t *bytes, size_t size)
{
    struct asker_counts *counts = &asked->asker->counts;
    ldns_pkt *packet = NULL;

    if (size < HEADER_SIZE || ldns_wire2pkt(&packet, bytes, size) != LDNS_STATUS_OK) {
        counts->malformed++;
        return NULL;
    }
    if (!answers(asked, packet)) {
        counts->strange++;
        ldns_pkt_free(packet);
        return NULL;
    }
    return packet;
}

static void finish_with(struct asked *asked, ldns_pkt *packet)
{
    finish(asked, packet, NULL);
    ldns_pkt_free(packet);
}

/* ---- TCP: two octets of length, then the packet (RFC 1035 section 4.2.2) ---- */

static void stream_readable(struct bufferevent *stream, void *argument)
{
    struct asked *asked = argument;
    struct evbuffer *in = bufferevent_get_input(stream);
    uint8_t length[2];

    while (evbuffer_copyout(in, length, sizeof length) == sizeof length) {
        size_t size = (size_t)length[0] << 8 | length[1];
        if (evbuffer_get_length(in) < sizeof length + size)
            return;
        const uint8_t *bytes = evbuffer_pullup(in, (ev_ssize_t)(sizeof length + size));
        ldns_pkt *packet = read_answer(asked, bytes + sizeof length, size);
        if (packet) {
            finish_with(asked, packet);
            return;
        }
        evbuffer_drain(in, sizeof length + size);
    }
}

static void stream_event(struct bufferevent *stream, short what, void *argument)
{
    struct asked *asked = argument;

    (void)stream;
    if (what & BEV_EVENT_EOF)
        finish(asked, NULL, "truncated, and over TCP: closed without an answer");
    else if (what & BEV_EVENT_ERROR)
        finish(asked, NULL, error_words(asked, EVUTIL_SOCKET_ERROR()));
}

static void ask_over_tcp(struct asked *asked)
{
    struct sockaddr_storage to;
    socklen_t size = address_to_sockaddr(&asked->question.server, asked->question.port, &to);
    uint8_t length[2] = {(uint8_t)(asked->query_size >> 8), (uint8_t)asked->query_size};

    event_del(&asked->readable);
    close(asked->fd);
    asked->fd = -1;
    asked->asker->counts.over_tcp++;
    asked->stream = bufferevent_socket_new(asked->asker->base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (!asked->stream)
        memory_exhausted(sizeof *asked);
    bufferevent_setcb(asked->stream, stream_readable, NULL, stream_event, asked);
    bufferevent_enable(asked->stream, EV_READ | EV_WRITE);
    bufferevent_write(asked->stream, length, sizeof length);
    bufferevent_write(asked->stream, asked->query, asked->query_size);
    /* An error that is known at once comes as an event all the same. */
    bufferevent_socket_connect(asked->stream, (struct sockaddr *)&to, (int)size);
}

/* ---- UDP ---- */

static void udp_readable(evutil_socket_t fd, short what, void *argument)
{
    struct asked *asked = argument;
    uint8_t bytes[UINT16_MAX];
    ssize_t size;

    (void)what;
    while ((size = recv((int)fd, bytes, sizeof bytes, MSG_DONTWAIT)) >= 0) {
        ldns_pkt *packet = read_answer(asked, bytes, (size_t)size);
        if (!packet)
            continue;
        if (ldns_pkt_tc(packet)) {
            ldns_pkt_free(packet);
            ask_over_tcp(asked);
        } else {
            finish_with(asked, packet);
        }
        return;
    }
    if (errno != EAGAIN && errno != EINTR)
        finish(asked, NULL, error_words(asked, errno));
}

static void after_ms(struct asked *asked, int64_t delay_ms)
{
    struct timeval delay = {.tv_sec = delay_ms / 1000, .tv_usec = delay_ms % 1000 * 1000};
    event_add(&asked->deadline, &delay);
}

/* What fails here is told from the loop, as all else is. */
static void send_query(struct asked *asked)
{
    struct sockaddr_storage to;
    socklen_t size = address_to_sockaddr(&asked->question.server, asked->question.port, &to);

    list_append(&asked->asker->under_way, asked);
    asked->asked_us = clock_now_us();
    asked->fd = socket(to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (asked->fd >= 0) {
        event_assign(&asked->readable, asked->asker->base, asked->fd, EV_READ | EV_PERSIST,
                     udp_readable, asked);
        event_add(&asked->readable, NULL);
    }
    if (asked->fd < 0 || connect(asked->fd, (struct sockaddr *)&to, size) != 0 ||
        send(asked->fd, asked->query, asked->query_size, MSG_NOSIGNAL) < 0) {
        asked->why = error_words(asked, errno);
        after_ms(asked, 0);
    }
}

/* ---- asking ---- */

static void make_query(struct asked *asked)
{
    const uint8_t *name = asked->question.name;
    ldns_rdf *owner = ldns_dname_new_frm_data((uint16_t)name_size(name), name);
    ldns_pkt *packet =
        owner ? ldns_pkt_query_new(owner, (ldns_rr_type)asked->question.rrtype, LDNS_RR_CLASS_IN, 0)
              : NULL;
    if (!packet)
        memory_exhausted(EDNS_SIZE);
    ldns_pkt_set_id(packet, asked->id);
    ldns_pkt_set_rd(packet, asked->question.recursion);
    ldns_pkt_set_edns_udp_size(packet, EDNS_SIZE);
    if (ldns_pkt2wire(&asked->query, packet, &asked->query_size) != LDNS_STATUS_OK)
        memory_exhausted(EDNS_SIZE);
    ldns_pkt_free(packet);
}

static uint16_t random_id(void)
{
    uint16_t id;
    while (getrandom(&id, sizeof id, 0) != sizeof id)
        ;
    return id;
}

struct asked *asker_ask(struct asker *asker, const struct question *question, asker_report *report,
                        void *context)
{
    struct asked *asked = memory_alloc(sizeof *asked);

    *asked = (struct asked){.asker = asker,
                            .question = *question,
                            .report = report,
                            .context = context,
                            .id = random_id(),
                            .fd = -1};
    make_query(asked);
    event_assign(&asked->deadline, asker->base, -1, 0, deadline_passed, asked);
    after_ms(asked, question->timeout_ms);
    asker->counts.asked++;
    if (asker->under_way.count < ASKER_SOCKETS_MAX)
        send_query(asked);
    else
        list_append(&asker->waiting, asked);
    return asked;
}

const struct asker_counts *asker_counts(const struct asker *asker)
{
    return &asker->counts;
}

struct asker *asker_new(struct event_base *base)
{
    struct asker *asker = memory_alloc(sizeof *asker);
    asker->base = base;
    return asker;
}

void asker_free(struct asker *asker)
{
    if (!asker)
        return;
    while (asker->waiting.first) /* first, that none of them gets a socket */
        asker_cancel(asker->waiting.first);
    while (asker->under_way.first)
        asker_cancel(asker->under_way.first);
    free(asker);
}
