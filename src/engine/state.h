/* SPDX-License-Identifier: BSD-2-Clause */
/* The core's insides, shared by its files. */
#ifndef EVERMX_ENGINE_STATE_H
#define EVERMX_ENGINE_STATE_H

#include "engine/core.h"
#include "engine/events.h"
#include "engine/slots.h"
#include "verdict/uplink.h"

/* Beside each service of the model. */
struct service_view {
    uint32_t *slots;
    size_t nslots, slots_capacity;
    uint32_t *pools; /* that have a member who must give it */
    size_t npools, pools_capacity;
    bool touched;
};

/* Beside each pool of the model. */
struct pool_view {
    struct selection selection;
    bool touched;
};

/* Beside each host of the model. */
struct host_view {
    struct address *addresses; /* external: as last told */
    size_t naddresses;
    uint32_t *services; /* external: those of the host */
    size_t nservices, services_capacity;
};

/* A model with all that stands beside it; replaced as a whole by a reload. */
struct view {
    struct model *model;
    struct service_view *services;
    struct pool_view *pools;
    struct host_view *hosts;
    struct table *host_numbers;            /* by name */
    uint32_t *targets;                     /* their slots' ids */
    struct service_state *states;          /* of the services */
    enum member_state *members, *previous; /* room of all selections, and of the largest one */
    uint8_t *percents, *previous_percents; /* the same */
    uint32_t *touched_services, *touched_pools;
    size_t ntouched_services, ntouched_pools;
};

struct force {
    char *host; /* lower case */
    enum verdict_forced forced;
};

enum { GUARDS = ENGINE_UPLINKS }; /* IPv4 and IPv6 have an uplink each */

struct core {
    struct publisher *publisher;
    struct core_probes probes;
    bool probing;
    struct slots slots;
    struct events *events;
    struct uplink *uplink;
    bool guarded; /* silence is judged by it */
    struct guard {
        uint8_t family;
        int64_t frozen_since_ms; /* as told; 0: not frozen */
        int64_t asked_ms;        /* its canaries; 0: never */
    } guards[GUARDS];
    struct blind {
        int64_t since_ms; /* there have been targets that we cannot probe; 0: there are none */
        bool told;
    } blind;
    uint32_t *pending; /* slots with a silence that waits to be judged */
    size_t npending, pending_capacity;
    struct view view;
    struct force *forces;
    size_t nforces, forces_capacity;
    uint64_t images;
    int64_t published_ms; /* the last time */
};

static inline struct slot *core_slot(const struct core *core, uint32_t id)
{
    return core->slots.list[id];
}

/* What other threads are told of a target; its texts are the arena's. */
struct engine_target slot_copy(const struct slot *slot, int64_t now_ms, struct arena *arena);

void view_free(struct view *view); /* but not its model */
void view_touch_service(struct view *view, uint32_t service);

/* Its services' states are out of date. */
void core_touch(struct core *core, const struct slot *slot);

/* A silence of it no longer waits to be judged. */
void core_forget_silence(struct core *core, struct slot *slot);

/* "0.4 s", "20 min". */
void format_span(int64_t ms, char *text, size_t size);

/* Tells of faults of our own that last; each second. */
void blind_tell(struct core *core, int64_t now_ms);

/* MODEL_NONE: the model has no such host. */
uint32_t core_find_host(const struct core *core, const char *name);

/* All pools anew, with the catalog of the current model. */
void core_publish_all(struct core *core, struct catalog *catalog, int64_t now_ms);

/* Forces each target as its hosts are; touches the services of those that this changes. */
void core_apply_forces(struct core *core);
/* Forgets hosts that are no longer in the model. */
void core_prune_forces(struct core *core);

#endif
