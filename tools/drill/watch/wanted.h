/* SPDX-License-Identifier: BSD-2-Clause */
/* Which host is looked for, and what an answer says of it. Pure; any thread. */
#ifndef EVERMX_DRILL_WANTED_H
#define EVERMX_DRILL_WANTED_H

#include "base/address.h"
#include "base/error.h"
#include "samples.h"
#include "wire/name.h"

#include <ldns/ldns.h>
#include <stddef.h>
#include <stdint.h>

enum { WANTED_HOSTS_MAX = 16 };

struct wanted {
    uint16_t rrtype; /* MX, SRV: hosts are names; A, AAAA: addresses */
    size_t nhosts;   /* one machine may have several: any of them is it */
    uint8_t names[WANTED_HOSTS_MAX][NAME_MAX_SIZE];
    struct address addresses[WANTED_HOSTS_MAX];
};

/* The type is set. */
bool wanted_add(struct wanted *wanted, const char *text, struct error *error);

/* What the answer to a question for that type says, and the smallest TTL on the way to it. A null
 * MX (RFC 7505) is no exchange; a referral (RFC 1034 section 4.3.2) and one that is cut short even
 * over TCP (RFC 2181 section 9) are no answers. */
enum seen wanted_look(const struct wanted *wanted, const ldns_pkt *packet, uint32_t *ttl_s);

#endif
