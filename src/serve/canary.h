/* SPDX-License-Identifier: BSD-2-Clause */
/* Canary names: below the label _canary of each zone stand names whose answers say what TTL they
 * are to have and tell when and to whom they were given, so that whoever asks for them through a
 * resolver sees what that does with TTLs:
 *
 *     tT.pP[.fF].NONCE._canary.ZONE      t10.p5.x1._canary.example.test
 *
 * T: the TTL, 0 to 86400. P: seconds after which the answer is another, 0 to 86400; 0: never. F:
 * Unix time from which on the answer is SERVFAIL, 0 to 4294967295. Decimal, without leading zeros.
 * NONCE: one label or more, none of which is a t, p or f with nothing but digits behind it: so that
 * no wrong name is an ancestor of a right one, and can be denied (RFC 8020).
 *
 * Pure: the time is the caller's. */
#ifndef EVERMX_SERVE_CANARY_H
#define EVERMX_SERVE_CANARY_H

#include "serve/respond.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What all responders of a server share; only answers of canaries touch it. */
struct canary_state {
    int64_t (*now_ms)(void);  /* Unix time */
    _Atomic uint64_t answers; /* how many were given */
};

struct canary_terms {
    uint32_t ttl_s, period_s;
    bool fails; /* from fails_s on, Unix time */
    uint32_t fails_s;
};

enum canary_kind {
    CANARY_NONE,    /* neither _canary nor below it */
    CANARY_NAME,    /* the terms are told */
    CANARY_BETWEEN, /* has no records, but canaries below it: _canary itself, p5.x1._canary */
    CANARY_WRONG,   /* cannot be, nor anything below it */
};

enum { CANARY_TOP_SIZE = 8, CANARY_TTL_MAX_S = 86400, CANARY_RDATA_MAX = 256 };

/* Whether the labels of a name before its zone's apex, `size` octets in lower case, may end in
 * _canary: for those who pass many that do not. */
static inline bool canary_may_be(const uint8_t *labels, size_t size)
{
    return size >= CANARY_TOP_SIZE &&
           memcmp(labels + size - CANARY_TOP_SIZE, "\7_canary", CANARY_TOP_SIZE) == 0;
}

/* Of labels that may be. */
enum canary_kind canary_read(const uint8_t *labels, size_t size, struct canary_terms *terms);

bool canary_fails(const struct canary_terms *terms, int64_t now_ms);

/* The rdata of its one TXT record, "canary time=MS epoch=N serial=N from=ADDRESS": the time; how
 * many periods it is since 1970; the number of the answer; who asks. And of its one A record: 127
 * and the lower 24 bits of the epoch. Both return the size. */
size_t canary_write_txt(const struct canary_terms *terms, int64_t now_ms, uint64_t serial,
                        const struct dns_client *client, uint8_t rdata[CANARY_RDATA_MAX]);
size_t canary_write_a(const struct canary_terms *terms, int64_t now_ms,
                      uint8_t rdata[CANARY_RDATA_MAX]);

#endif
