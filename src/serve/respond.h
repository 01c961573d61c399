/* SPDX-License-Identifier: BSD-2-Clause */
/* From the bytes of a query to the bytes of its answer (RFC 1034 section 4.3.2, RFC 2308, RFC 4592,
 * RFC 6672, RFC 6891, RFC 8482; EDNS: RFC 5001, RFC 7828, RFC 7830, RFC 7873, RFC 8914). No socket,
 * no lock, no allocation, no log: the same for UDP and TCP. */
#ifndef EVERMX_SERVE_RESPOND_H
#define EVERMX_SERVE_RESPOND_H

#include "answer/snapshot.h"
#include "base/counter.h"
#include "serve/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MESSAGE_MAX_SIZE = 65535 };

enum transport { TRANSPORT_UDP, TRANSPORT_TCP };

/* Who asks, and by which way. */
struct dns_client {
    enum transport transport;
    uint32_t tcp_idle_ms;   /* TCP: after such a time without a query the connection is closed */
    uint8_t address_size;   /* 4 or 16 octets */
    const uint8_t *address; /* network order */
};

/* Where queries are counted by their type. */
enum {
    TYPE_SLOT_OTHER = 258, /* types of at most 257 (CAA) stand at their own number */
    TYPE_SLOT_NONE,        /* no readable question */
    TYPE_SLOTS
};

enum { COOKIE_SLOTS = 4 /* enum cookie_status */ };

/* What one responder thread owns: its random numbers, and counters that only it adds to. Each
 * packet is counted once by type, each answer once by rcode; see numbers.h. */
struct responder {
    const struct settings *_Atomic settings; /* the one field that others may replace */
    uint64_t random;
    uint32_t now_s; /* Unix time, which the owner sets before each batch of queries */
    counter types[TYPE_SLOTS];
    counter rcodes[RCODES];
    counter plain;     /* answers without EDNS */
    counter truncated; /* answers, by UDP */
    counter malformed; /* packets that are no whole query */
    counter dropped;   /* packets that are not answered at all */
    counter cookies[COOKIE_SLOTS];
};

/* The settings must outlive the responder; NULL: settings_plain(). */
void responder_init(struct responder *responder, const struct settings *settings, uint64_t seed);

/* Writes the answer to a query; returns its size, 0 for silence. `answer` has room for
 * MESSAGE_MAX_SIZE octets with TCP, UDP_ANSWER_MAX with UDP. A NULL snapshot is answered with
 * SERVFAIL. */
size_t respond(struct responder *responder, const struct snapshot *snapshot,
               const struct dns_client *client, const uint8_t *query, size_t query_size,
               uint8_t *answer);

/* The stages of respond(), for those who take many packets through each of them, or decide between
 * them (message.h). The message, client, answer and snapshot are the caller's until the end. */
struct message;

/* False: silence. Tells the message's cookie. */
bool respond_parse(struct responder *responder, struct message *message,
                   const struct dns_client *client, const uint8_t *query, size_t query_size,
                   uint8_t *answer);
void respond_find(struct message *message, const struct snapshot *snapshot);
size_t respond_build(struct responder *responder, struct message *message);

/* In place of respond_build: the short answer that lets a client prove that it is where it says it
 * is: BADCOOKIE where it speaks of cookies (RFC 7873 section 5.2.3), else TC, so that it comes by
 * TCP. Never larger than the query by more than the options of one OPT record. */
size_t respond_slip(struct responder *responder, struct message *message);

#endif
