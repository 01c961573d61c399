/* SPDX-License-Identifier: BSD-2-Clause */
/* When a resolver is asked next, and when a host is broken next. Pure. */
#ifndef EVERMX_DRILL_PLAN_H
#define EVERMX_DRILL_PLAN_H

#include "samples.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In between, a resolver is asked so often: caches behind one address, and those that fetch before
 * the TTL ends, show themselves. */
enum { PLAN_SEEN_EVERY_US = 1000 * 1000 };

/* How long after a question, asked then, the next one is due. An honest cache cannot change before
 * its TTL is over (RFC 1035 section 3.2.1): it is asked seldom until then, and often around that
 * time; all the time while it is `awaited`, which is when its servers have changed and it has not.
 */
int64_t plan_wait_us(const struct source *source, int64_t asked_us, int64_t often_us, bool awaited);

/* One random number of [0, 1) in each of so many equal parts of it, in random order: few
 * repetitions cover all phases evenly, and none is in step with a timer. */
void plan_phases(uint64_t seed, double *phases, size_t count);

#endif
