/* SPDX-License-Identifier: BSD-2-Clause */
/* Canary names as evermxd answers them (evermx.yaml(5), `canary`), seen from a client: their names
 * are made, their answers read. Pure. */
#ifndef EVERMX_DRILL_CANARY_H
#define EVERMX_DRILL_CANARY_H

#include "observed.h"
#include "wire/name.h"

#include <ldns/ldns.h>

/* "t10.p5.NONCE._canary.ZONE", with a label "f..." before the nonce where it is to fail one day.
 * Returns the size, 0 where it is too long for a name. */
size_t canary_name(const struct canary *canary, const char *nonce, const char *zone,
                   uint8_t name[NAME_MAX_SIZE]);

uint16_t canary_rrtype(const struct canary *canary);

/* Fills what the answer tells, and `told`: whether it is a canary's at all. now_s: Unix time, to
 * half a year. Of an address (period 1) the time is the latest that it can have been fetched. */
void canary_read_answer(const struct canary *canary, const ldns_pkt *packet, int64_t now_s,
                        struct observation *seen);

#endif
