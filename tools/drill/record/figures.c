/* SPDX-License-Identifier: BSD-2-Clause */
#include "figures.h"

#include "base/memory.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

void figures_add(struct figures *figures, double time_s)
{
    assert(!isnan(time_s));
    if (isinf(time_s)) {
        figures_add_never(figures);
        return;
    }
    figures->times_s =
        memory_grow(figures->times_s, figures->count, &figures->capacity, sizeof *figures->times_s);
    figures->times_s[figures->count++] = time_s > 0 ? time_s : 0;
    figures->sorted = false;
}

void figures_add_never(struct figures *figures)
{
    figures->never++;
}

void figures_free(struct figures *figures)
{
    free(figures->times_s);
    *figures = (struct figures){0};
}

static int compare(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

void seconds_sort(double *times_s, size_t count)
{
    if (count)
        qsort(times_s, count, sizeof *times_s, compare);
}

size_t seconds_until(const double *times_s, size_t count, double at_s)
{
    size_t low = 0, high = count;
    while (low < high) { /* the first that is longer */
        size_t middle = low + (high - low) / 2;
        if (times_s[middle] <= at_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void figures_sort(struct figures *figures)
{
    if (!figures->sorted)
        seconds_sort(figures->times_s, figures->count);
    figures->sorted = true;
}

/* By rank, from 1; those never noticed come last. */
static double ranked(const struct figures *figures, size_t rank)
{
    return rank <= figures->count ? figures->times_s[rank - 1] : (double)INFINITY;
}

/* The largest number of those below the median, of which as many or fewer are so by less than
 * 2.5 % of chance: a sum of the binomial distribution of a fair coin. */
static size_t median_margin(size_t count)
{
    double chance = exp2(-(double)count), sum = 0;
    size_t below = 0;
    while (below < count && sum + chance < 0.025) {
        sum += chance;
        chance *= (double)(count - below) / (double)(below + 1);
        below++;
    }
    return below; /* 0: too few */
}

/* Above that the binomial's terms are too small for a double, and the normal's bounds are as good.
 */
enum { EXACT_MOST = 1000 };

static void summary_bounds(struct summary *summary, const struct figures *figures)
{
    size_t count = summary->count, below;
    if (count <= EXACT_MOST)
        below = median_margin(count);
    else
        below = (size_t)floor(((double)count - 1.96 * sqrt((double)count)) / 2);
    if (below == 0)
        return;
    summary->median_low_s = ranked(figures, below);
    summary->median_high_s = ranked(figures, count - below + 1);
}

struct summary figures_summary(struct figures *figures)
{
    size_t count = figures->count + figures->never;
    struct summary summary = {.count = count,
                              .never = figures->never,
                              .median_s = NAN,
                              .median_low_s = NAN,
                              .median_high_s = NAN,
                              .p95_s = NAN,
                              .least_s = NAN,
                              .longest_s = NAN};
    if (count == 0)
        return summary;
    figures_sort(figures);
    double low = ranked(figures, (count + 1) / 2), high = ranked(figures, count / 2 + 1);
    summary.median_s = (low + high) / 2;
    summary_bounds(&summary, figures);
    if (count >= FIGURES_P95_LEAST)
        summary.p95_s = ranked(figures, (count * 95 + 99) / 100);
    summary.least_s = ranked(figures, 1);
    summary.longest_s = ranked(figures, count);
    return summary;
}

double figures_share(struct figures *figures, double time_s)
{
    size_t count = figures->count + figures->never;
    figures_sort(figures);
    return count ? (double)seconds_until(figures->times_s, figures->count, time_s) / (double)count
                 : 0;
}
