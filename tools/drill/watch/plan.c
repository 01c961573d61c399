/* SPDX-License-Identifier: BSD-2-Clause */
#include "plan.h"

#include "../chance.h"

/* A TTL is told in whole seconds, so that the true end lies within the second after it; and clocks
 * and networks are late. */
enum { SECOND_US = 1000 * 1000, EARLY_US = 300 * 1000, LATE_US = 1300 * 1000 };

int64_t plan_wait_us(const struct source *source, int64_t asked_us, int64_t often_us, bool awaited)
{
    int64_t seldom_us = often_us > PLAN_SEEN_EVERY_US ? often_us : PLAN_SEEN_EVERY_US;
    if (awaited)
        return often_us;
    if (!source->known || seen_bounces(source->last))
        return seldom_us;
    int64_t ends_us = source->came_us + (int64_t)source->ttl_s * SECOND_US;
    int64_t next_us = asked_us + often_us;
    if (next_us > ends_us + LATE_US) /* it has not answered since */
        return seldom_us;
    if (next_us >= ends_us - EARLY_US)
        return often_us;
    int64_t until_us = ends_us - EARLY_US - asked_us;
    return until_us < seldom_us ? until_us : seldom_us;
}

void plan_phases(uint64_t seed, double *phases, size_t count)
{
    struct chance chance = {seed};
    for (size_t i = 0; i < count; i++)
        phases[i] = ((double)i + chance_share(&chance)) / (double)count;
    for (size_t i = count; i > 1; i--) {
        size_t other = (size_t)(chance_share(&chance) * (double)i);
        double phase = phases[i - 1];
        phases[i - 1] = phases[other];
        phases[other] = phase;
    }
}
