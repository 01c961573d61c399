/* SPDX-License-Identifier: BSD-2-Clause */
#include "witness.h"

#include "base/memory.h"
#include "probe/jitter.h"

#include <stdlib.h>

/* RFC 5737 */
static const struct address dying = {.family = 4, .bytes = {192, 0, 2, 1}};
static const struct address other = {.family = 4, .bytes = {198, 51, 100, 1}};

struct witness {
    struct uplink *uplink;
    int64_t interval_ms, rtt_ms;
    int64_t next_ms;  /* when the other one answers by itself */
    int64_t asked_ms; /* when it answers as it was asked to; 0: it was not */
    struct chance *chance;
};

struct witness *witness_new(int64_t interval_ms, int64_t rtt_ms, int64_t now_ms,
                            struct chance *chance)
{
    struct witness *witness = memory_alloc(sizeof *witness);
    *witness = (struct witness){
        .uplink = uplink_new(), .interval_ms = interval_ms, .rtt_ms = rtt_ms, .chance = chance};
    uplink_add(witness->uplink, &dying);
    uplink_add(witness->uplink, &other);
    uplink_alive(witness->uplink, &dying, now_ms);
    uplink_alive(witness->uplink, &other, now_ms);
    witness->next_ms = now_ms + (int64_t)(chance_share(chance) * (double)interval_ms);
    return witness;
}

void witness_free(struct witness *witness)
{
    if (!witness)
        return;
    uplink_free(witness->uplink);
    free(witness);
}

static void witness_hear(struct witness *witness, int64_t now_ms)
{
    if (witness->asked_ms && witness->asked_ms <= now_ms) {
        uplink_alive(witness->uplink, &other, witness->asked_ms);
        witness->asked_ms = 0;
    }
    while (witness->next_ms <= now_ms) {
        uplink_alive(witness->uplink, &other, witness->next_ms);
        witness->next_ms += jitter_ms(witness->interval_ms, chance_bits(witness->chance));
    }
}

void witness_alive(struct witness *witness, int64_t now_ms)
{
    witness_hear(witness, now_ms);
    uplink_alive(witness->uplink, &dying, now_ms);
}

void witness_mute(struct witness *witness, int64_t since_ms, int64_t now_ms)
{
    witness_hear(witness, now_ms);
    uplink_mute(witness->uplink, &dying, since_ms, now_ms);
}

enum uplink_belief witness_ask(struct witness *witness, int64_t since_ms, int64_t now_ms)
{
    witness_mute(witness, since_ms, now_ms);
    enum uplink_belief belief = uplink_unreachable(witness->uplink, &dying, since_ms, now_ms);
    if (belief == UPLINK_WAIT && !witness->asked_ms)
        witness->asked_ms = now_ms + witness->rtt_ms;
    return belief;
}
