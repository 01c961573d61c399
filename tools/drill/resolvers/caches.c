/* SPDX-License-Identifier: BSD-2-Clause */
#include "caches.h"

#include "base/memory.h"

#include <stdlib.h>

static const double unlikely = 0.05;

/* After each question, chances[d] is that of d caches having been met: it met one of them again, or
 * a new one. */
double caches_chance(unsigned caches, unsigned questions, unsigned seen)
{
    double sum = 0;

    if (seen >= caches || seen >= questions)
        return 1;
    double *chances = memory_array((size_t)seen + 1, sizeof *chances);
    chances[0] = 1;
    for (unsigned question = 0; question < questions; question++)
        for (unsigned met = seen + 1; met-- > 0;)
            chances[met] = chances[met] * met / caches +
                           (met ? chances[met - 1] * (caches - met + 1) / caches : 0);
    for (unsigned met = 0; met <= seen; met++)
        sum += chances[met];
    free(chances);
    return sum;
}

/* The chance falls as the number of caches rises. */
static unsigned bound(unsigned questions, unsigned seen)
{
    unsigned least = seen, most = CACHES_MAX;

    if (caches_chance(most, questions, seen) >= unlikely)
        return most;
    while (least + 1 < most) { /* chance of least is enough, that of most is not */
        unsigned middle = (least + most) / 2;
        if (caches_chance(middle, questions, seen) >= unlikely)
            least = middle;
        else
            most = middle;
    }
    return least;
}

struct caches_estimate caches_estimate(const unsigned *answers, size_t seen)
{
    unsigned questions = 0, once = 0, twice = 0;

    for (size_t i = 0; i < seen; i++) {
        questions += answers[i];
        once += answers[i] == 1;
        twice += answers[i] == 2;
    }
    return (struct caches_estimate){
        .seen = (unsigned)seen,
        .likely = (double)seen + (double)once * (once ? once - 1 : 0) / (2.0 * (twice + 1)),
        .most = seen ? bound(questions, (unsigned)seen) : 0,
    };
}
