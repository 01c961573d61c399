/* SPDX-License-Identifier: BSD-2-Clause */
/* Chance that can be had again: the same seed, the same numbers. Pure; one thread for each. The
 * generator adds an odd constant and mixes the sum (Steele, Lea and Flood, "Fast Splittable
 * Pseudorandom Number Generators", OOPSLA 2014). */
#ifndef EVERMX_DRILL_CHANCE_H
#define EVERMX_DRILL_CHANCE_H

#include <math.h>
#include <stdint.h>

struct chance {
    uint64_t state; /* the seed at first: any number */
};

static inline uint64_t chance_bits(struct chance *chance)
{
    uint64_t mixed = chance->state += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

/* From 0 up to, and without, 1. */
static inline double chance_share(struct chance *chance)
{
    return (double)(chance_bits(chance) >> 11) * 0x1p-53;
}

/* The time until the next of events that come by themselves, so often on the average. */
static inline double chance_wait(struct chance *chance, double mean)
{
    return -mean * log1p(-chance_share(chance));
}

#endif
