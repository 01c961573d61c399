/* SPDX-License-Identifier: BSD-2-Clause */
/* From the bytes of a query to the bytes of its answer (RFC 1034 section 4.3.2, RFC 2308, RFC 4592,
 * RFC 6672, RFC 6891, RFC 8482). No socket, no lock, no allocation, no log: the same for UDP and
 * TCP. */
#ifndef EVERMX_SERVE_RESPOND_H
#define EVERMX_SERVE_RESPOND_H

#include "answer/snapshot.h"
#include "base/counter.h"

#include <stddef.h>
#include <stdint.h>

enum {
    MESSAGE_MAX_SIZE = 65535,
    UDP_ANSWER_MAX = 1232, /* never fragmented: DNS flag day 2020 */
    UDP_CLASSIC_MAX = 512, /* without EDNS (RFC 1035 section 4.2.1) */
};

enum transport { TRANSPORT_UDP, TRANSPORT_TCP };

/* What one responder thread owns: its random numbers, and counters that only it adds to. */
struct responder {
    uint64_t random;
    const char *identity; /* of id.server CH TXT */
    uint16_t covered; /* of the last answer: the offset in it of the name whose wildcard gave it; 0:
                         none did */
    counter queries, answers, truncated, dropped;
    counter rcodes[16]; /* BADVERS counts as number 0 */
};

/* The identity must outlive the responder. */
void responder_init(struct responder *responder, const char *identity, uint64_t seed);

/* Writes the answer to a query; returns its size, 0 for silence. `answer` has room for
 * MESSAGE_MAX_SIZE octets with TCP, UDP_ANSWER_MAX with UDP. A NULL snapshot is answered with
 * SERVFAIL. */
size_t respond(struct responder *responder, const struct snapshot *snapshot,
               enum transport transport, const uint8_t *query, size_t query_size, uint8_t *answer);

/* In place of an answer: an empty one with TC, so that the client comes by TCP. */
size_t respond_slip(struct responder *responder, const uint8_t *query, size_t query_size,
                    uint8_t *answer);

#endif
