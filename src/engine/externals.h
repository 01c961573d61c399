/* SPDX-License-Identifier: BSD-2-Clause */
/* The hosts outside our zones whose addresses are looked up just now, as the model names them.
 * Belongs to the engine's thread. */
#ifndef EVERMX_ENGINE_EXTERNALS_H
#define EVERMX_ENGINE_EXTERNALS_H

#include "engine/core.h"

struct event_base;
struct externals;

struct externals_ways {
    struct event_base *base;
    struct core *core;       /* is told the addresses */
    const char *resolv_conf; /* NULL: the system's */
    void (*changed)(void *context);
    void *context;
};

/* Looks nothing up before externals_follow. */
struct externals *externals_new(const struct externals_ways *ways);
/* Of its look-ups some memory is left to a turn of the loop: resolve.h. NULL does nothing. */
void externals_free(struct externals *externals);

/* The core has a model: hosts come and go; those that stay go on being asked for. */
void externals_follow(struct externals *externals);
/* The resolver's files may have changed. */
void externals_reread(struct externals *externals);

#endif
