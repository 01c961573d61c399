/* SPDX-License-Identifier: BSD-2-Clause */
/* A second host that is well, in another subnet, as the server's uplink guard (uplink.h) has it for
 * a witness: "unreachable" is a router's word, which may be our own. In virtual time; any thread.
 */
#ifndef EVERMX_DRILL_WITNESS_H
#define EVERMX_DRILL_WITNESS_H

#include "../chance.h"
#include "verdict/uplink.h"

#include <stdint.h>

struct witness;

/* Both hosts are well until now; the other one is probed each interval from then on. */
struct witness *witness_new(int64_t interval_ms, int64_t rtt_ms, int64_t now_ms,
                            struct chance *chance);
void witness_free(struct witness *witness); /* NULL: nothing to do */

/* The dying host has answered, as long as it does. */
void witness_alive(struct witness *witness, int64_t now_ms);
/* It is unreachable since then, and nothing hangs on that yet. */
void witness_mute(struct witness *witness, int64_t since_ms, int64_t now_ms);
/* What the guard makes of a host that is unreachable since then; where it waits for others, they
 * are asked at once. */
enum uplink_belief witness_ask(struct witness *witness, int64_t since_ms, int64_t now_ms);

#endif
