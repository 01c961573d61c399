/* SPDX-License-Identifier: BSD-2-Clause */
/* Watches: which hosts (addresses) have a sentinel just now. One where a target asks for it
 * (`sentinel: on`) and is well; none as soon as any probe of that address is late or not good, for
 * a session that is held open may keep a dead server's port open: a child process that serves it
 * holds the listening socket, too. One that had to give its place at the host to another session
 * comes again a little later. Belongs to the engine's thread. */
#ifndef EVERMX_ENGINE_WATCHES_H
#define EVERMX_ENGINE_WATCHES_H

#include "engine/core.h"
#include "probe/session.h"

struct watches;

struct watches_ways {
    struct core *core;
    const struct session_setting *sessions;
    void (*hurry)(void *context, uint32_t id); /* probe it now */
    void *context;
};

struct watches *watches_new(const struct watches_ways *ways);
void watches_free(struct watches *watches);

/* Targets as they come and go, of all kinds; what they point to stays until they go. */
void watches_add(struct watches *watches, uint32_t id, const struct probe_target *target);
void watches_remove(struct watches *watches, uint32_t id);

/* A probe of it has ended, and the core knows; or is late. */
void watches_probed(struct watches *watches, uint32_t id, const struct outcome *outcome,
                    int64_t now_ms);
void watches_late(struct watches *watches, uint32_t id);

#endif
