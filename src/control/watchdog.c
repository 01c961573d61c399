/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/watchdog.h"

void watchdog_init(struct watchdog *watchdog, int64_t heartbeat_ms, int64_t now_ms)
{
    *watchdog = (struct watchdog){.heartbeat_ms = heartbeat_ms, .seen_ms = now_ms};
}

/* The engine answers only for time in which main ran too: a process that was stopped, or starved of
 * CPU, makes both late, and must go on. So a look that comes late counts as two ticks at most. */
bool watchdog_step(struct watchdog *watchdog, int64_t heartbeat_ms, int64_t now_ms)
{
    int64_t passed_ms = now_ms - watchdog->seen_ms;
    if (passed_ms > 2 * WATCHDOG_TICK_MS)
        passed_ms = 2 * WATCHDOG_TICK_MS;
    bool beats = heartbeat_ms != watchdog->heartbeat_ms;
    watchdog->silent_ms = beats ? 0 : watchdog->silent_ms + passed_ms;
    watchdog->heartbeat_ms = heartbeat_ms;
    watchdog->seen_ms = now_ms;
    return watchdog->silent_ms >= WATCHDOG_LIMIT_MS;
}
