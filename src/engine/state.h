/* SPDX-License-Identifier: BSD-2-Clause */
/* The core's insides, shared by its files. */
#ifndef EVERMX_ENGINE_STATE_H
#define EVERMX_ENGINE_STATE_H

#include "engine/core.h"
#include "engine/events.h"
#include "engine/failovers.h"
#include "engine/slots.h"
#include "verdict/uplink.h"
#include "wire/name.h"

/* Beside each service of the model. */
struct service_view {
    uint32_t *slots;
    size_t nslots, slots_capacity;
    uint32_t *pools; /* that have a member who must give it */
    size_t npools, pools_capacity;
    bool touched;
    uint64_t fell, rose; /* the last publications at which its vote became worse, and better */
};

/* Beside each pool of the model. */
struct pool_view {
    struct selection selection;
    bool touched;
    int64_t *tails_ms; /* of each member: see turnover.c */
    int64_t tail_ms;   /* of all images that have been replaced */
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
    int64_t *tails_ms;                     /* room of all pools */
    uint32_t *touched_services, *touched_pools;
    size_t ntouched_services, ntouched_pools;
};

struct force {
    char *host; /* lower case */
    enum verdict_forced forced;
    /* A drain: how far it is. */
    bool finished;      /* and told so */
    uint64_t looked_at; /* the snapshot's serial */
    int64_t looked_ms, due_ms;
};

/* What a publication does to a target's records. */
struct turnover {
    uint32_t slot;
    enum failover_kind kind;
    uint32_t pool; /* the first */
    size_t npools;
    int64_t until_ms;
    bool measured; /* its own verdict is why, and now */
};

/* A member that a reload took out of its pool: resolvers may still hold it. */
struct leftover {
    char *host, *pool, *label; /* host NULL: none */
    char *key;                 /* pool and label */
    struct address *addresses; /* that it led to */
    size_t naddresses, addresses_capacity;
    int64_t until_ms;
};

/* Who waits for the end of a tail asks again, and is to hear of it: leftovers are known for so much
 * longer. */
enum { LEFTOVER_TOLD_MS = 60 * 1000 };

enum { GUARDS = ENGINE_UPLINKS }; /* IPv4 and IPv6 have an uplink each */

struct core {
    struct publisher *publisher;
    struct core_probes probes;
    bool probing;
    struct slots slots;
    struct events *events;
    struct failovers *failovers;
    uint64_t publications; /* also those that changed nothing */
    struct turnover *turnovers;
    size_t nturnovers, turnovers_capacity;
    struct leftover *leftovers;
    size_t nleftovers, leftovers_capacity;
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

/* ---- what an outcome comes to by what others answer, others.c ---- */

/* When it was heard from, if that is news. */
void others_hear(struct core *core, struct slot *slot, const struct outcome *outcome,
                 int64_t now_ms);
/* What an outcome that ended then comes to, where others have a say in it. False: they are still to
 * answer. */
bool others_judge(struct core *core, struct slot *slot, struct outcome *outcome, int64_t ended_ms,
                  int64_t now_ms);
/* Whoever can tell what it comes to. */
void others_ask(struct core *core, struct slot *slot, const struct outcome *outcome,
                int64_t now_ms);
/* The same while the probe, which began at since_ms, is merely late. */
void others_ask_early(struct core *core, struct slot *late, int64_t since_ms, int64_t now_ms);
/* Whether what nobody says of himself may be said of our own uplink: that a host is unreachable, or
 * that a reply does not come. The next probe finds out more. Silences have been judged before. */
bool others_blame_uplink(struct core *core, struct slot *slot, const struct verdict_policy *policy,
                         const struct outcome *outcome, int64_t now_ms);
/* Asks the canaries: each second while we are frozen; else now and then, so that they are known to
 * answer. */
void others_tick(struct core *core, int64_t now_ms);

/* ---- in words, tell.c ---- */

/* What is not as it was in the verdict before. */
void tell_changes(struct core *core, const struct slot *slot, const struct verdict *before,
                  int64_t now_ms);
/* An uplink that is frozen from now on, or no longer. */
void tell_uplinks(struct core *core, int64_t now_ms);
/* "0.4 s", "20 min". */
void format_span(int64_t ms, char *text, size_t size);

/* Tells of faults of our own that last; each second. */
void blind_tell(struct core *core, int64_t now_ms);

/* MODEL_NONE: the model has no such host. */
uint32_t core_find_host(const struct core *core, const char *name);

/* All pools anew, with the catalog of the current model. */
void core_publish_all(struct core *core, struct catalog *catalog, int64_t now_ms);

/* Forces each target as its hosts are; touches the services of those that this changes. */
void core_apply_forces(struct core *core, int64_t now_ms);
/* What is said of a host by its own name. */
enum verdict_forced core_forced(const struct core *core, uint32_t host);
/* Marks the targets of a host; marks: by the slots' numbers. */
void core_mark_targets(const struct core *core, uint32_t host, enum verdict_forced mark,
                       enum verdict_forced *marks);
/* Those at the addresses of a host, where they are those of one machine. */
void core_mark_machine(const struct core *core, const struct address *addresses, size_t naddresses,
                       enum verdict_forced mark, enum verdict_forced *marks);
/* The host that an operator means; name: as the model has it. */
bool core_find_asked(const struct core *core, const char *asked, char name[NAME_TEXT_SIZE],
                     uint32_t *host, struct error *error);
/* Forgets hosts that are no longer in the model. */
void core_prune_forces(struct core *core, int64_t now_ms);

/* ---- failovers, turnover.c ---- */

/* A pool has been selected anew; view->previous holds its members' states before. before: its
 * selection then, where its image is to be replaced; else NULL. */
void turnover_pool(struct core *core, uint32_t number, const struct selection *before,
                   int64_t now_ms);
/* The same after a reload, which is no failover: what it brings back ends those under way. */
void turnover_reloaded(struct core *core, uint32_t number, int64_t now_ms);
/* Whether it is kept now, whatever was when it was noted. */
void turnover_look(const struct core *core, struct failover *failover, int64_t now_ms);
/* All of a publication are done: they are kept and told. */
void turnover_end(struct core *core, int64_t now_ms);
/* What resolvers hold no more is told. */
void turnover_tick(struct core *core, int64_t now_ms);
/* Targets have been swept: nobody waits for the return of those. */
void turnover_prune(struct core *core);

/* The member with that label, most often near where it stood; the number of members: none. */
size_t pool_find_member(const struct pool *pool, const char *label, size_t near);

/* What resolvers hold of the pools before, over a reload; same: where each of them stands now. */
void tails_carry(struct core *core, const struct view *before, const uint32_t *same,
                 int64_t now_ms);
void tails_free(struct core *core);

/* Tells of drains that are finished. */
void drains_tick(struct core *core, int64_t now_ms);

#endif
