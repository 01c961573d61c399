/* SPDX-License-Identifier: BSD-2-Clause */
/* How many caches stand behind one address, from how many different ones have answered. A question
 * comes to one of them by chance, as balancers do with questions from ports of their own. Pure. */
#ifndef EVERMX_DRILL_CACHES_H
#define EVERMX_DRILL_CACHES_H

#include <stdbool.h>
#include <stddef.h>

enum { CACHES_MAX = 1000 }; /* more cannot be told apart by the questions of a minute */

struct caches_estimate {
    unsigned seen; /* so many there are at least */
    /* Chao's estimator of classes from a sample (Scandinavian Journal of Statistics 11, 1984),
     * in its form without bias: rare caches seen once and twice tell of those unseen. */
    double likely;
    /* Of caches that are asked equally often, this and more would have shown more of themselves 19
     * times of 20 (the coupon collector's distribution). CACHES_MAX: not bounded by so few
     * questions. */
    unsigned most;
};

/* answers: how often each of the caches that were seen has answered. */
struct caches_estimate caches_estimate(const unsigned *answers, size_t seen);

/* The chance that so many questions meet `seen` caches or fewer, of `caches` that are asked equally
 * often. */
double caches_chance(unsigned caches, unsigned questions, unsigned seen);

#endif
