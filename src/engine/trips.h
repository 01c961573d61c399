/* SPDX-License-Identifier: BSD-2-Clause */
/* Round trips: when which SMTP target gets a message, and what it means where that arrives or not.
 * Belongs to the engine's thread.
 *
 * Each `round-trip` a message is sent, and looked for until the next one is due. All that have been
 * taken and not seen yet go on being looked for. The age of the oldest of them is told to the
 * core after each look that found nothing, from half of the alarm's time on: so an alarm and a
 * drain stand on a look that has just been made. Any that is found ends both. */
#ifndef EVERMX_ENGINE_TRIPS_H
#define EVERMX_ENGINE_TRIPS_H

#include "engine/core.h"
#include "probe/session.h"

struct trips;

struct trips_ways {
    struct core *core;
    const struct session_setting *sessions;
    void (*changed)(void *context); /* the core is to publish */
    void *context;
};

struct trips *trips_new(const struct trips_ways *ways);
void trips_free(struct trips *trips);

/* Targets as they come and go, of all kinds; what they point to stays until they go. */
void trips_add(struct trips *trips, uint32_t id, const struct probe_target *target);
void trips_remove(struct trips *trips, uint32_t id);

/* A probe of it has ended, and the core knows. */
void trips_probed(struct trips *trips, uint32_t id, const struct outcome *outcome, int64_t now_ms);

#endif
