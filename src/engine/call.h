/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls from other threads: queued, run on the event loop's thread, waited for with a limit. A
 * caller that gives up leaves its call behind: so a call owns all that it works on. */
#ifndef EVERMX_ENGINE_CALL_H
#define EVERMX_ENGINE_CALL_H

#include "base/error.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct event_base;

enum call_state { CALL_QUEUED, CALL_RUNNING, CALL_DONE };

/* The first member of a struct with what the call needs and what comes of it. */
struct call {
    void (*run)(struct call *call, void *context); /* on the loop's thread */
    void (*discard)(struct call *call); /* frees it with all that it (still) owns; any thread */
    struct call *next;
    enum call_state state;
    bool abandoned;
    pthread_cond_t done;
};

struct calls;

/* NULL when the system has no descriptor left. */
struct calls *calls_new(struct event_base *base, int64_t patience_ms, void *context);
/* When nobody can call any more. */
void calls_free(struct calls *calls);

/* Waits until it has run; then the caller owns it again, and discards it. False after the patience:
 * it is discarded by whoever has it, and it has run only if it was under way already. */
bool calls_run(struct calls *calls, struct call *call, struct error *error);

#endif
