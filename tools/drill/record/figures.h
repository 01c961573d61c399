/* SPDX-License-Identifier: BSD-2-Clause */
/* Times of repetitions, and what can honestly be said of so many. A repetition in which nothing was
 * noticed within the patience counts as longer than all others: it is in the median, the percentile
 * and the curve, and never averaged away. Pure; any thread. */
#ifndef EVERMX_DRILL_FIGURES_H
#define EVERMX_DRILL_FIGURES_H

#include <stdbool.h>
#include <stddef.h>

/* Ascending; and how many of those that are so are no longer than at_s. */
void seconds_sort(double *times_s, size_t count);
size_t seconds_until(const double *times_s, size_t count, double at_s);

/* All 0 at first. */
struct figures {
    double *times_s; /* sorted by figures_summary and figures_share */
    size_t count, capacity;
    size_t never; /* not noticed */
    bool sorted;
};

/* Infinite: as never noticed. Below 0 (two clock readings of one moment): 0. */
void figures_add(struct figures *figures, double time_s);
void figures_add_never(struct figures *figures);
void figures_free(struct figures *figures);

enum { FIGURES_P95_LEAST = 20 }; /* fewer have no 95th percentile but their longest */

/* Times in seconds: INFINITY where it was never noticed, NAN where there are too few to tell. */
struct summary {
    size_t count; /* all, with those never noticed */
    size_t never;
    double median_s;
    /* The bounds of the median, 95 % sure, by order statistics: no shape is supposed. From 6 on. */
    double median_low_s, median_high_s;
    double p95_s; /* nearest rank */
    double least_s, longest_s;
};
struct summary figures_summary(struct figures *figures);

/* The share of all that were noticed within time_s: the empirical distribution. */
double figures_share(struct figures *figures, double time_s);

#endif
