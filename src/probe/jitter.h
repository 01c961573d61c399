/* SPDX-License-Identifier: BSD-2-Clause */
/* The time between two probes, spread by chance. Pure; any thread. */
#ifndef EVERMX_PROBE_JITTER_H
#define EVERMX_PROBE_JITTER_H

#include <stdint.h>

/* Up to a tenth less, so that targets that began together do not stay together; never more: what is
 * promised for the interval holds. random: any number. */
static inline int64_t jitter_ms(int64_t wait_ms, uint64_t random)
{
    return wait_ms - (int64_t)(random % (uint64_t)(wait_ms / 10 + 1));
}

#endif
