/* SPDX-License-Identifier: BSD-2-Clause */
/* Canaries: others than mail hosts that show whether our own uplink works: addresses and ports that
 * the operator names, or the default gateways. A canary answers when anything comes back from it: a
 * handshake, a RST, an echo. The event base's thread. */
#ifndef EVERMX_PROBE_CANARY_H
#define EVERMX_PROBE_CANARY_H

#include "base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct canaries;

struct canary {
    struct address address;
    uint16_t port; /* 0: echo (ICMP) where we may, and TCP port 53 */
};

/* Called once for each canaries_ask(): as soon as one has answered, or when none has in time. */
typedef void canaries_report(void *context, uint8_t family, bool answers, int64_t now_ms);

/* Those of the list that are of the family (4 or 6). count 0: the machine's default gateways, as
 * they are at each question. */
struct canaries *canaries_new(struct event_base *base, uint8_t family, const struct canary *list,
                              size_t count, canaries_report *report, void *context);
void canaries_free(struct canaries *canaries);

enum { CANARY_PATIENCE_MS = 900 };

/* Asks all at once, unless a question is under way. The report comes later, from the loop. */
void canaries_ask(struct canaries *canaries);

#endif
