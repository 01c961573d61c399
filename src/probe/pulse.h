/* SPDX-License-Identifier: BSD-2-Clause */
/* Notices that the event loop itself was late: stopped (SIGSTOP), starved of CPU, or busy for long.
 * What a probe saw meanwhile says nothing about its target: the peer may have given up on us. */
#ifndef EVERMX_PROBE_PULSE_H
#define EVERMX_PROBE_PULSE_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    PULSE_MS = 250, /* between two beats */
    /* From this lateness on, failures are excused. Less does no harm: the peer's bytes wait in the
     * kernel and are read before any deadline counts, and no server gives up on a client within a
     * second. */
    PULSE_LATE_MS = 1000,
};

struct pulse {
    struct event timer;
    int64_t due_ms;      /* the next beat */
    int64_t late_at_ms;  /* when it was last found late; -1: never */
    int64_t late_max_ms; /* the worst lateness of all */
};

void pulse_start(struct pulse *pulse, struct event_base *base);
void pulse_stop(struct pulse *pulse);

/* Whether the loop was late at any moment from since_ms to now_ms. */
bool pulse_was_late(struct pulse *pulse, int64_t since_ms, int64_t now_ms);

#endif
