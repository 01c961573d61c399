/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine without its thread, sockets and clock: from outcomes to published images. What changes
 * is only noted; core_publish() compiles the pools that are touched and publishes them all at once,
 * so that flips that come together are seen together. Belongs to one thread at a time. */
#ifndef EVERMX_ENGINE_CORE_H
#define EVERMX_ENGINE_CORE_H

#include "answer/catalog.h"
#include "answer/snapshot.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/engine.h"
#include "model/model.h"
#include "probe/probe.h"
#include "verdict/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct core;

/* Who probes: told of targets that come and go. A reload tells only the differences.
 * `target->check` stays as long as the target does. */
struct core_probes {
    void *context;
    void (*add)(void *context, uint32_t id, const struct probe_target *target);
    void (*remove)(void *context, uint32_t id);
    bool guarded;                              /* silence counts only where our uplink works */
    void (*hurry)(void *context, uint32_t id); /* probe it now, unless it is being probed */
    /* When its probe under way was last heard from, or connected; -1: not yet, or none is. */
    int64_t (*reached_ms)(void *context, uint32_t id);
    void (*ask_canaries)(void *context, uint8_t family); /* core_canary() tells */
};

/* probes NULL: nothing is probed, everything is answered as it stands unless it is forced. */
struct core *core_new(struct publisher *publisher, const struct core_probes *probes);
void core_free(struct core *core);

/* A new model and its catalog, both taken over, and published. Verdicts are kept by target
 * identity, addresses of external hosts by name, selections by pool and member, forced hosts by
 * name. Returns the model before, which is the caller's now; NULL at first. */
struct model *core_load(struct core *core, struct model *model, struct catalog *catalog,
                        int64_t now_ms);

/* One outcome. Returns what comes next. */
struct probe_next core_outcome(struct core *core, uint32_t target, const struct outcome *outcome,
                               int64_t now_ms);

/* The addresses of an external host as they are now; no news when the model has no such host. */
void core_addresses(struct core *core, const char *host, const struct address *addresses,
                    size_t count, int64_t now_ms);

/* Drains or forces a host: the targets of all records that it stands behind. Stays so for those
 * that a reload or a new address brings later, until FORCED_NOT, which ends holds as well. */
bool core_force(struct core *core, const char *host, enum verdict_forced forced, int64_t now_ms,
                size_t *count, struct error *error);

/* A probe under way since since_ms finds its target late. */
void core_late(struct core *core, uint32_t target, int64_t since_ms, int64_t decides_ms,
               int64_t now_ms);

/* Whether any canary of the family (4 or 6) answers. */
void core_canary(struct core *core, uint8_t family, bool answers, int64_t now_ms);

/* A few times a second: TTLs capped by suspects fall, second by second; slow starts go on. */
void core_tick(struct core *core, int64_t now_ms);

/* ---- for those who do more with targets than probe them ---- */

const struct verdict *core_verdict(const struct core *core, uint32_t target);
/* Whether it is a target of that host (any letter case). */
bool core_is_of(const struct core *core, uint32_t target, const char *host);
/* The targets at its address, itself among them: the first one, and the one after `target`;
 * CORE_NONE: there is no other. */
#define CORE_NONE UINT32_MAX
uint32_t core_first_at(const struct core *core, uint32_t target);
uint32_t core_next_at(const struct core *core, uint32_t target);
/* An event of its own; kind is a literal. */
void core_tell(struct core *core, uint32_t target, enum log_level level, const char *kind,
               int64_t now_ms, const char *text);

/* Publishes what is touched, if any answer changes by it. */
void core_publish(struct core *core, int64_t now_ms);

const struct model *core_model(const struct core *core);
bool core_has_external(const struct core *core, const char *host);

struct core_numbers {
    uint64_t images; /* of pools, compiled since the start */
    size_t targets;  /* now */
};
void core_numbers(const struct core *core, struct core_numbers *numbers);

/* Fill what they know of; the arena is the caller's. */
void core_status(const struct core *core, int64_t now_ms, struct engine_status *status);
void core_events(const struct core *core, uint64_t after, struct engine_events *events);
void core_explain(const struct core *core, const uint8_t *name, uint16_t rrtype, int64_t now_ms,
                  struct engine_explanation *explanation);
/* How far the drain of a host is; it need not be drained, and may be one that a reload took away.
 * False: there is no such host. */
bool core_drain(const struct core *core, const char *host, struct engine_drain *drain,
                struct error *error);

#endif
