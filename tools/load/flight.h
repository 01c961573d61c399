/* SPDX-License-Identifier: BSD-2-Clause */
/* The queries of one socket that wait for an answer, by id. Ids count upward, so that the oldest
 * come first. */
#ifndef EVERMX_LOAD_FLIGHT_H
#define EVERMX_LOAD_FLIGHT_H

#include "queries.h"
#include "tally.h"

struct flight_slot {
    uint64_t sent_ns;
    const struct asked *asked;
    uint16_t id;
    bool waits;
    bool counted; /* sent in the measured time */
};

struct flight {
    struct flight_slot *slots;
    uint32_t mask;
    uint16_t next, oldest;
    uint32_t waiting;
};

/* Room for at least `room` ids (at most 65536) before one is given up for a new one. */
void flight_init(struct flight *flight, uint32_t room);
void flight_free(struct flight *flight);

/* Takes an id for a query. One that still has it is lost. */
uint16_t flight_begin(struct flight *flight, const struct asked *asked, uint64_t sent_ns,
                      bool counted, struct tally *tally);

/* Judges an answer, and counts it. */
void flight_end(struct flight *flight, const uint8_t *answer, size_t size, uint64_t now_ns,
                bool unchecked, struct tally *tally);

/* What was sent before this moment is lost. */
void flight_expire(struct flight *flight, uint64_t before_ns, struct tally *tally);

/* Pure. Unchecked: an echo is right, too. */
enum fault answer_fault(const struct asked *asked, const uint8_t *answer, size_t size,
                        bool unchecked);

#endif
