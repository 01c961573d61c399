/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks DNS servers and resolvers, many side by side, each question by itself: a connected UDP
 * socket with a port of its own and a random id (RFC 5452 section 4), EDNS with 1232 octets (RFC
 * 6891), and once more over TCP when the answer is truncated (RFC 7766 section 5). Nothing is sent
 * twice and nothing is cached: what is measured is one question's answer. Times are of
 * clock_now_us(). One thread, that of the event base. */
#ifndef EVERMX_DRILL_ASKER_H
#define EVERMX_DRILL_ASKER_H

#include "base/address.h"
#include "wire/name.h"

#include <event2/event.h>
#include <ldns/ldns.h>
#include <stdbool.h>
#include <stdint.h>

/* More have to wait for their turn, and their timeout runs meanwhile. */
enum { ASKER_SOCKETS_MAX = 512 };

struct asker;
struct asked; /* a question under way */

struct question {
    struct address server;
    uint16_t port;
    uint8_t name[NAME_MAX_SIZE];
    uint16_t rrtype;
    bool recursion; /* the RD bit: on for resolvers */
    int64_t timeout_ms;
};

struct reply {
    int64_t asked_us, came_us; /* sent; answered or given up */
    bool came;
    const char *why; /* nothing came: "timed out", "connection refused"; NULL: it did */
    uint8_t rcode;   /* with EDNS' upper bits */
    bool authoritative;
    const ldns_pkt *packet; /* NULL: nothing came. This and why are valid during the report only */
};

/* Exactly once for each question that is not cancelled, never from within asker_ask(). It may ask
 * and cancel others, and must not free the asker. */
typedef void asker_report(void *context, const struct reply *reply);

/* Of all questions so far. */
struct asker_counts {
    uint64_t asked, came, over_tcp;
    uint64_t malformed; /* packets that could not be read: ignored */
    uint64_t strange;   /* packets that answer another question, or none: ignored */
};

struct asker *asker_new(struct event_base *base);
void asker_free(struct asker *asker); /* cancels all that is under way. NULL is allowed */

/* The question is copied. The handle is good until the report begins. */
struct asked *asker_ask(struct asker *asker, const struct question *question, asker_report *report,
                        void *context);
void asker_cancel(struct asked *asked); /* NULL is allowed */

const struct asker_counts *asker_counts(const struct asker *asker);

#endif
