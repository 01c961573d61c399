/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether the engine still turns round. Monitoring that has stopped silently while DNS goes on
 * answering is the worst that can happen to users, so main ends the process then. Pure. */
#ifndef EVERMX_CONTROL_WATCHDOG_H
#define EVERMX_CONTROL_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

enum {
    WATCHDOG_TICK_MS = 1000, /* the engine beats at least as often */
    WATCHDOG_LIMIT_MS = 10000,
};

struct watchdog {
    int64_t heartbeat_ms; /* the last one seen */
    int64_t seen_ms;      /* when main last looked */
    int64_t silent_ms;    /* how long there was no new one while main itself ran */
};

void watchdog_init(struct watchdog *watchdog, int64_t heartbeat_ms, int64_t now_ms);

/* Called every WATCHDOG_TICK_MS. True: the engine is stuck. */
bool watchdog_step(struct watchdog *watchdog, int64_t heartbeat_ms, int64_t now_ms);

#endif
