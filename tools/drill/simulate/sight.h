/* SPDX-License-Identifier: BSD-2-Clause */
/* One probe as the prober has it, of a host that is well or has died. What is the server's own
 * here: learn_patience and learn_confirms, and judge_*. What is retold, as it is about sockets:
 * when a probe of a dead host ends, and when it is late, by attempt.c (connect_ms, greeting_ms).
 * Pure; any thread. */
#ifndef EVERMX_DRILL_SIGHT_H
#define EVERMX_DRILL_SIGHT_H

#include "mortality.h"
#include "probe/learn.h"
#include "verdict/verdict.h"

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds from the probe's start. */
struct sight {
    struct outcome outcome;
    int64_t took_ms;
    int64_t late_ms; /* when it is late; -1: never */
};

struct sight sight_of_well(const struct death_setting *setting, enum probe_depth depth);
/* learned: of the target until now, as that decides how long it is waited for. */
struct sight sight_of_dead(enum death_kind kind, const struct death_setting *setting,
                           const struct learned *learned, enum probe_depth depth);

/* Nothing but a whole dialogue meets that death. */
bool sight_is_deep(enum death_kind kind);
bool sight_is_smtp(enum check_kind kind);

#endif
