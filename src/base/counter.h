/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters that one thread adds to and any thread reads: no lock, no shared cache line if each
 * owner has its own, and never a torn value. */
#ifndef EVERMX_BASE_COUNTER_H
#define EVERMX_BASE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t counter;

/* By the owner only: not an atomic addition, a plain one whose result is stored whole. */
static inline void counter_add(counter *count, uint64_t number)
{
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + number,
                          memory_order_relaxed);
}

static inline uint64_t counter_read(const counter *count)
{
    return atomic_load_explicit((counter *)count, memory_order_relaxed);
}

#endif
