/* SPDX-License-Identifier: BSD-2-Clause */
/* What came of the queries: counts, and latencies in a histogram whose classes are 1.6 % wide. */
#ifndef EVERMX_LOAD_TALLY_H
#define EVERMX_LOAD_TALLY_H

#include <stdint.h>

/* Why an answer is not right, in the order in which it is looked at. */
enum fault {
    FAULT_NONE,
    FAULT_SHORT,     /* no whole header */
    FAULT_QUERY,     /* QR is not set: no answer at all */
    FAULT_QUESTION,  /* not the question that was asked */
    FAULT_TRUNCATED, /* TC */
    FAULT_RCODE,
    FAULT_RECORDS, /* an answer record where none is due, or none where one is */
    FAULTS,
};

enum { TALLY_STEPS = 64, TALLY_CLASSES = 59 * TALLY_STEPS };

struct tally {
    uint64_t sent, right, wrong, lost;
    uint64_t stray;      /* answers that nobody waited for, or not any more */
    uint64_t refused;    /* the host told that nobody listens */
    uint64_t closed;     /* TCP connections that the server closed */
    uint64_t octets;     /* of right answers */
    uint64_t slipped_ns; /* by how much the sender could not keep its rate */
    uint64_t faults[FAULTS], rcodes[16];
    uint64_t latencies[TALLY_CLASSES], latency_max_ns;
};

void tally_latency(struct tally *tally, uint64_t latency_ns);

/* The latency that a share of the right answers did not exceed, in ns, rounded down to its class;
 * 0 without answers. */
uint64_t tally_quantile_ns(const struct tally *tally, double share);

const char *fault_text(enum fault fault);

#endif
