/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine's insides, for what runs on its thread: engine.c (its life) and asked.c (what other
 * threads ask of it). */
#ifndef EVERMX_ENGINE_INSIDE_H
#define EVERMX_ENGINE_INSIDE_H

#include "engine/call.h"
#include "engine/core.h"
#include "engine/engine.h"
#include "engine/externals.h"
#include "engine/trips.h"
#include "engine/watches.h"

#include <pthread.h>
#include <stdatomic.h>

struct canaries;
struct event;
struct prober;

struct engine {
    struct core *core;
    struct event_base *base;
    struct prober *prober; /* NULL: probing is off */
    struct canaries *canaries4, *canaries6;
    struct trips *trips;         /* NULL: as the prober */
    struct watches *watches;     /* the same */
    struct externals *externals; /* the same */
    int64_t spread_ms;           /* over how long first probes are spread */
    struct event *beat, *publish, *stop;
    int stop_fd;
    struct calls *calls;
    int64_t started_ms;
    _Atomic int64_t heartbeat_ms;
    bool running;
    pthread_t thread;
    /* Of the thread that loads: what is served, from which the next catalog is made. NULL: a load
     * has failed, and may yet happen. */
    const struct model *model;
    const struct catalog *catalog;
};

#endif
