/* SPDX-License-Identifier: BSD-2-Clause */
/* Response-rate limiting: how many answers of one kind a network gets by UDP, so that nobody makes
 * us flood a third party by asking in its name. After the idea of P. Vixie and V. Schryver (DNS
 * RRL, ISC-TN-2012-1): accounts are kept by client network and by what is answered.
 *
 * Pure: no socket, and time is an argument. The rules are all threads' and never change: other
 * limits are other rules. What is counted by them is a thread's own, in fixed tables, without lock
 * or allocation after rate_new, and goes on under other rules: who was at a limit stays there. A
 * network that asks little is only counted; accounts begin with those that ask as much in all as
 * the smallest limit allows for a single thing. */
#ifndef EVERMX_SERVE_RATE_H
#define EVERMX_SERVE_RATE_H

#include "base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum rate_kind {
    RATE_ANSWERS,   /* records: an account for each name (a wildcard's names share one) */
    RATE_NEGATIVES, /* NXDOMAIN, NODATA, referrals: one for each zone or delegation */
    RATE_ERRORS,    /* any other rcode: one */
    RATE_CANARIES,  /* of canary names, whatever it is: one */
    RATE_KINDS
};

struct rate_network {
    struct address address;
    uint8_t bits;
};

struct rate_options {
    unsigned limits[RATE_KINDS];  /* a second, for an account; 0: no limit */
    unsigned slip;                /* each so many-th that is limited is truncated, not dropped;
                                     0: none */
    uint8_t ipv4_bits, ipv6_bits; /* of a client network; 1 to 32, 1 to 64 */
    const struct rate_network *exempt;
    size_t nexempt;
};

enum rate_verdict { RATE_PASS, RATE_SLIP, RATE_DROP };

enum {
    RATE_COUNTS_BITS = 14,
    RATE_ONE = 1 << 16,
    RATE_WINDOW_BITS = 10, /* of 1024 ms */
};

struct rate_exempt {
    size_t address_size;
    uint64_t network[2], mask[2]; /* network order */
};

struct rate_rules {
    uint64_t ipv6_mask; /* network order */
    uint32_t ipv4_mask;
    uint32_t gate;                   /* a slot with as many, and accounts begin */
    int64_t interval_us[RATE_KINDS]; /* between two answers; 0: no limit */
    unsigned slip;
    size_t nexempt;
    struct rate_exempt exempt[];
};

/* With a share of the limits: that of one of so many threads, among which the kernel spreads
 * clients by their ports. At least one a second. Freed by free(). */
struct rate_rules *rate_rules_new(const struct rate_options *options, unsigned threads);
bool rate_is_exempt(const struct rate_rules *rules, const uint8_t *address, size_t address_size);

/* All but the counts of networks. */
struct rate_accounts;

struct rate {
    uint64_t seed;
    uint16_t window; /* the time, in windows */
    struct rate_accounts *accounts;
    /* In the lower half the window, in the upper half the count, which halves with each window. */
    uint32_t counts[1 << RATE_COUNTS_BITS];
};

struct rate *rate_new(uint64_t seed);
void rate_free(struct rate *rate);

/* Before each batch: the time, in monotonic milliseconds. */
void rate_set_time(struct rate *rate, int64_t now_ms);

/* An answer about to be sent, as far as it matters here. */
struct rate_subject {
    unsigned rcode, answers, authorities;
    bool truncated, canary;
    const uint8_t *message; /* the question, and behind it the first records */
    size_t question_end;    /* HEADER_SIZE where there is no question */
    size_t size;            /* of what is written */
    size_t covered;         /* the offset of the name whose wildcard gave the answer; 0: none did */
};

/* A client's network, as a number that nobody outside can foretell. */
static inline uint64_t rate_network_of(const struct rate *rate, const struct rate_rules *rules,
                                       const uint8_t *address, size_t address_size)
{
    uint64_t network = 0;
    if (address_size == 4) {
        uint32_t four;
        memcpy(&four, address, 4);
        network = four & rules->ipv4_mask;
    } else {
        memcpy(&network, address, 8);
        network = ~(network & rules->ipv6_mask);
    }
    network = (network ^ rate->seed) * 0x9E3779B97F4A7C15ull; /* 2^64 by the golden ratio */
    return network ^ network >> 32;
}

/* When a slot's window is over, or its count at the gate. Returns whether the network is busy. */
bool rate_count_slowly(struct rate *rate, const struct rate_rules *rules, uint32_t *slot);

/* Counts a query. False: the network asks so little in all that nothing of it can be above its
 * limit. */
static inline bool rate_count(struct rate *rate, const struct rate_rules *rules, uint64_t network)
{
    /* The upper bits: only they depend on all octets of an address. */
    uint32_t *slot = &rate->counts[network >> (64 - RATE_COUNTS_BITS)], now = *slot;
    if (__builtin_expect((uint16_t)now != rate->window || now >= rules->gate, 0))
        return rate_count_slowly(rate, rules, slot);
    *slot = now + RATE_ONE;
    return false;
}

/* What becomes of an answer to a network that asks more, and is not exempt. */
enum rate_verdict rate_judge(struct rate *rate, const struct rate_rules *rules, uint64_t network,
                             const struct rate_subject *subject);

#endif
