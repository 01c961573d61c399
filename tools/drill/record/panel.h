/* SPDX-License-Identifier: BSD-2-Clause */
/* What a plot shows: panels of curves, and how far their axes go. Pure. */
#ifndef EVERMX_DRILL_PANEL_H
#define EVERMX_DRILL_PANEL_H

#include "record.h"

/* More cannot be told apart, or seen: what is left out is counted. */
enum { PANEL_CURVES_MAX = 24, PANELS_MAX = 24 };

struct curve {
    struct series *series; /* sorted */
    struct summary summary;
    bool over_measured; /* a prediction, with what was measured beside it */
    bool under_predicted;
    size_t identity; /* the same of the same place in all panels: for its colour */
    size_t data;     /* its number among all curves */
};

struct panel {
    struct curve *curves; /* one at least */
    size_t count, capacity, dropped;
    bool phases_differ, systems_differ;
    bool all_predicted;
    /* Of the axis; its end is behind the longest time, unless that would ruin the rest. */
    double begin_s, end_s;
    double longest_s;
    size_t times, later; /* all that were noticed, and those beyond the end */
};

/* A panel is a kind of break (its returns are another one); a phase, where there is one kind. */
struct panels {
    struct panel *list;
    size_t count, capacity, dropped;
    bool kinds_differ;
    /* Where times are of several magnitudes: then all panels have one axis, and nothing is cut. */
    bool is_logarithmic;
    bool any_over_measured;
};

void panels_fill(struct panels *panels, struct record *record);
void panels_free(struct panels *panels);

/* Back in the answers, counted from the mend. */
bool panel_is_return(const struct panel *panel);

/* What most of its curves are about. */
enum phase panel_phase(const struct panel *panel);

#endif
