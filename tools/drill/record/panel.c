/* SPDX-License-Identifier: BSD-2-Clause */
#include "panel.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_return(const struct series *series)
{
    return series->key.phase == PHASE_BACK;
}

static bool belongs(const struct panels *panels, const struct series *one,
                    const struct series *other)
{
    if (panels->kinds_differ)
        return strcmp(one->key.kind, other->key.kind) == 0 && is_return(one) == is_return(other);
    return one->key.phase == other->key.phase;
}

static bool is_same_to_see(const struct panels *panels, const struct series *one,
                           const struct series *other)
{
    bool same_phase = !panels->kinds_differ || one->key.phase == other->key.phase ||
                      (is_return(one) && other->key.phase == PHASE_LEFT) ||
                      (is_return(other) && one->key.phase == PHASE_LEFT);
    return same_phase && one->key.place == other->key.place &&
           strcmp(one->key.system, other->key.system) == 0 &&
           strcmp(one->key.name, other->key.name) == 0;
}

/* What was measured comes first, and has the colours that are told apart best. */
static void find_identities(const struct panels *panels, struct series *const *ordered,
                            size_t count, size_t *identities)
{
    size_t next = 0;
    for (int predicted = 0; predicted <= 1; predicted++) {
        for (size_t i = 0; i < count; i++) {
            if (ordered[i]->key.predicted != predicted)
                continue;
            identities[i] = next;
            for (size_t j = 0; j < count; j++) {
                bool is_known = ordered[j]->key.predicted < predicted ||
                                (ordered[j]->key.predicted == predicted && j < i);
                if (is_known && is_same_to_see(panels, ordered[j], ordered[i])) {
                    identities[i] = identities[j];
                    break;
                }
            }
            if (identities[i] == next)
                next++;
        }
    }
}

static void add_curve(struct panel *panel, const struct curve *curve)
{
    if (panel->count == PANEL_CURVES_MAX) {
        panel->dropped++;
        return;
    }
    if (panel->count) {
        const struct series_key *first = &panel->curves[0].series->key;
        panel->phases_differ = panel->phases_differ || first->phase != curve->series->key.phase;
        panel->systems_differ =
            panel->systems_differ || strcmp(first->system, curve->series->key.system) != 0;
    }
    panel->curves =
        memory_grow(panel->curves, panel->count, &panel->capacity, sizeof *panel->curves);
    panel->all_predicted = curve->series->key.predicted && (panel->all_predicted || !panel->count);
    panel->curves[panel->count++] = *curve;
}

static struct curve make_curve(const struct record *record, struct series *series)
{
    bool paired = record_counterpart(record, series) != NULL;
    return (struct curve){.series = series,
                          .summary = figures_summary(&series->figures),
                          .over_measured = paired && series->key.predicted,
                          .under_predicted = paired && !series->key.predicted};
}

static bool add_panel(struct panels *panels)
{
    if (panels->count == PANELS_MAX)
        return false;
    panels->list =
        memory_grow(panels->list, panels->count, &panels->capacity, sizeof *panels->list);
    panels->list[panels->count++] = (struct panel){0};
    return true;
}

/* ---- the axis ---- */

/* The longest time but for what may be by itself: one of a few, a twentieth of many. */
static double usual_longest(const struct figures *figures)
{
    size_t count = figures->count;
    if (count == 0)
        return 0;
    size_t beyond = count >= FIGURES_P95_LEAST ? count / 20 : count >= 5;
    return figures->times_s[count - 1 - beyond];
}

/* Not even one outlier is hidden where it leaves the others a third of the axis. */
static void find_end(struct panel *panel)
{
    enum { RUINOUS = 3, NOTHING_END_S = 10 };
    double usual_s = 0;
    for (size_t i = 0; i < panel->count; i++) {
        const struct figures *figures = &panel->curves[i].series->figures;
        usual_s = fmax(usual_s, usual_longest(figures));
        if (figures->count)
            panel->longest_s = fmax(panel->longest_s, figures->times_s[figures->count - 1]);
        panel->times += figures->count;
    }
    panel->end_s = panel->longest_s * 1.05;
    if (panel->longest_s > RUINOUS * usual_s)
        panel->end_s = fmax(usual_s * 1.25, panel->longest_s / 20);
    panel->end_s = panel->times ? fmax(panel->end_s, 0.1) : NOTHING_END_S;
    for (size_t i = 0; i < panel->count; i++) {
        struct figures *figures = &panel->curves[i].series->figures;
        size_t all = figures->count + figures->never;
        panel->later +=
            figures->count - (size_t)llround(figures_share(figures, panel->end_s) * (double)all);
    }
}

/* The middle one of the curves would stand at the left edge. */
static bool is_wide(const struct panel *panel)
{
    enum { WIDE = 10 };
    double medians_s[PANEL_CURVES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < panel->count; i++)
        if (isfinite(panel->curves[i].summary.median_s))
            medians_s[count++] = panel->curves[i].summary.median_s;
    seconds_sort(medians_s, count);
    return count && panel->longest_s > WIDE * medians_s[count / 2];
}

/* 1, 2 or 5 and noughts, not above that. */
static double round_down(double time_s)
{
    double power = pow(10, floor(log10(time_s)));
    return power * (time_s >= 5 * power ? 5 : time_s >= 2 * power ? 2 : 1);
}

/* From all but the shortest ones of the fastest curve, of three magnitudes at most, to the longest
 * time. */
static void share_axis(struct panels *panels)
{
    const double magnitudes = 2000, least_s = 0.01;
    double begin_s = (double)INFINITY, end_s = 0;
    for (size_t i = 0; i < panels->count; i++) {
        const struct panel *panel = &panels->list[i];
        end_s = fmax(end_s, panel->longest_s);
        for (size_t j = 0; j < panel->count; j++) {
            const struct figures *figures = &panel->curves[j].series->figures;
            if (figures->count)
                begin_s = fmin(begin_s, figures->times_s[figures->count / 20]);
        }
    }
    begin_s = round_down(fmax(fmax(begin_s, least_s), end_s / magnitudes));
    for (size_t i = 0; i < panels->count; i++) {
        panels->list[i].begin_s = begin_s;
        panels->list[i].end_s = end_s * 1.1;
        panels->list[i].later = 0;
    }
}

/* ---- all ---- */

void panels_fill(struct panels *panels, struct record *record)
{
    struct series **ordered = record_ordered(record);
    size_t *identities = memory_array(record->nseries, sizeof *identities);
    for (size_t i = 1; i < record->nseries; i++)
        if (strcmp(ordered[i]->key.kind, ordered[0]->key.kind) != 0)
            panels->kinds_differ = true;
    find_identities(panels, ordered, record->nseries, identities);
    for (size_t i = 0; i < record->nseries; i++) {
        bool begins = i == 0 || !belongs(panels, ordered[i - 1], ordered[i]);
        if (begins && !add_panel(panels))
            panels->dropped++;
        if (panels->dropped)
            continue;
        struct curve curve = make_curve(record, ordered[i]);
        curve.identity = identities[i];
        curve.data = i;
        panels->any_over_measured = panels->any_over_measured || curve.over_measured;
        add_curve(&panels->list[panels->count - 1], &curve);
    }
    free(identities);
    free(ordered);
    for (size_t i = 0; i < panels->count; i++) {
        find_end(&panels->list[i]);
        panels->is_logarithmic = panels->is_logarithmic || is_wide(&panels->list[i]);
    }
    if (panels->is_logarithmic)
        share_axis(panels);
}

void panels_free(struct panels *panels)
{
    for (size_t i = 0; i < panels->count; i++)
        free(panels->list[i].curves);
    free(panels->list);
    *panels = (struct panels){0};
}

bool panel_is_return(const struct panel *panel)
{
    return is_return(panel->curves[0].series);
}

enum phase panel_phase(const struct panel *panel)
{
    if (!panel->phases_differ)
        return panel->curves[0].series->key.phase;
    return panel_is_return(panel) ? PHASE_BACK : PHASE_LEFT;
}
