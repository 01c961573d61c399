/* SPDX-License-Identifier: BSD-2-Clause */
/* Slots: the targets that are probed now, each with its verdict, under a number that stays as long
 * as the target does and is used again afterwards. They outlive models: texts and settings are
 * copies. Belongs to the engine's thread. */
#ifndef EVERMX_ENGINE_SLOTS_H
#define EVERMX_ENGINE_SLOTS_H

#include "base/table.h"
#include "engine/sightings.h"
#include "model/model.h"
#include "verdict/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLOT_NONE UINT32_MAX

/* What makes a target: verdicts are kept by address, port and the check's name; the same probe is
 * kept where host (its SNI) and settings are the same, too. */
struct slot_want {
    const char *host, *check;
    const struct check_settings *settings;
    struct address address;
    uint16_t port;
};

struct slot {
    uint32_t id;
    char *host, *check;
    struct check_settings settings;
    struct address address;
    uint16_t port;
    struct verdict verdict;
    struct sightings sightings;
    uint32_t turnovers[FAILOVER_KINDS]; /* places in those of a publication that is under way */
    uint64_t returned;                  /* the last publication at which a record of it came back */
    int64_t heard_ms;                   /* when anything last came back from it; -1: never */
    int64_t mute_ms;  /* since when its connections stand, and nothing is said on them; 0: it is */
    int64_t asked_ms; /* when it was last probed out of turn */
    struct outcome silence; /* that waits to be judged; its reason is NONE: there is none */
    int64_t silence_ms;     /* when it ended */
    int64_t unreachable_ms; /* the first of a row of such outcomes; 0: there is none */
    bool pinned;            /* a target of the model; others come and go with addresses */
    uint32_t *services;     /* of the current model, that it is a target of */
    size_t nservices, services_capacity;
    uint8_t *key; /* its identity, for the table */
    size_t key_size;
    uint32_t next_same; /* with the same identity and other settings; SLOT_NONE: the last */
    uint32_t next_at;   /* at the same address; SLOT_NONE: the last */
};

struct slots {
    struct slot **list; /* by id; NULL: free */
    size_t count, capacity;
    size_t first_free;    /* no id below it is free */
    struct table *by_key; /* identity -> the first slot of it */
    struct table *by_address;
};

void slots_init(struct slots *slots);
void slots_free(struct slots *slots);

/* The first slot of the same identity, and from there the next one; NULL: none. */
struct slot *slots_find(const struct slots *slots, const struct slot_want *want);
struct slot *slots_next(const struct slots *slots, const struct slot *slot);

/* The slots at an address. */
struct slot *slots_at(const struct slots *slots, const struct address *address);
struct slot *slots_next_at(const struct slots *slots, const struct slot *slot);

/* A new slot. Its verdict is that of kin, unless that is NULL. */
struct slot *slots_add(struct slots *slots, const struct slot_want *want, const struct slot *kin,
                       int64_t now_ms);

/* Removes all slots that are neither pinned nor in a service, each told before. */
void slots_sweep(struct slots *slots, void (*gone)(void *context, uint32_t id), void *context);

bool slot_matches(const struct slot *slot, const struct slot_want *want);
bool slot_is_used(const struct slot *slot);
void slot_release(struct slot *slot);                /* neither pinned nor in a service */
bool slot_link(struct slot *slot, uint32_t service); /* false: it was linked before */
void slot_unlink(struct slot *slot, uint32_t service);
struct verdict_policy slot_policy(const struct slot *slot);
/* The same of a check's settings alone. */
struct verdict_policy policy_of_settings(const struct check_settings *settings);

#endif
