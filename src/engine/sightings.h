/* SPDX-License-Identifier: BSD-2-Clause */
/* When a target was last seen good and first seen bad, and the other way round: what its failovers
 * are counted from. Pure; times in monotonic milliseconds, 0: never. */
#ifndef EVERMX_ENGINE_SIGHTINGS_H
#define EVERMX_ENGINE_SIGHTINGS_H

#include "engine/failovers.h"
#include "verdict/verdict.h"

#include <stdbool.h>
#include <stdint.h>

struct sightings {
    int64_t good_ms[PROBE_DEPTHS];     /* the start of the last good probe that went so deep */
    int64_t bad_ms, last_bad_ms;       /* the end of the first and the last bad one in a row */
    int64_t well_ms;                   /* down: the end of the first good one in a row */
    enum reason fell_by;               /* the last bad one's */
    int64_t lost_ms, last_lost_ms;     /* messages of round trips: first and last told missing */
    int64_t found_ms;                  /* and found again, which ended a drain by them */
    int64_t forced_ms;                 /* when an operator last changed it, */
    enum verdict_forced forced_before; /* and from what */
};

/* An outcome as it was judged, and the verdict before and after it. */
void sightings_step(struct sightings *sightings, const struct verdict *before,
                    const struct verdict *after, const struct outcome *outcome, int64_t now_ms);
/* A probe under way is late, and its target therefore suspect. */
void sightings_late(struct sightings *sightings, int64_t now_ms);
void sightings_force(struct sightings *sightings, enum verdict_forced before, int64_t now_ms);

/* Cause, reason, t0 and t1 of a fall (or, back: of a return) that is seen in the verdict by now. */
void sightings_tell(const struct sightings *sightings, const struct verdict *verdict, bool back,
                    struct failover *failover);

#endif
