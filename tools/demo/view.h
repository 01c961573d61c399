/* SPDX-License-Identifier: BSD-2-Clause */
/* How the demonstration looks: the answers as rows with one column for each mail host, the block
 * that is drawn in place, and the table at the end. */
#ifndef EVERMX_DEMO_VIEW_H
#define EVERMX_DEMO_VIEW_H

#include "ask.h"
#include "screen.h"
#include "steps.h"

#include <stdbool.h>
#include <stdint.h>

struct result {
    enum { NOT_REACHED, HAPPENED, FAILED } verdict;
    int64_t took_us;
    int64_t cached_us; /* until then a cache may hold a record that has left; 0: none left */
};

struct view {
    const struct step *step;
    const char *states[HOSTS];
    struct answer answers[QUESTIONS];
    int64_t step_us, whole_us;            /* how long they have taken so far */
    enum { ACTING, WAITING, DONE } phase; /* WAITING for the answers to follow */
    int64_t took_us;                      /* DONE: how long that took */
};

/* "   2.31 s  example.test MX  ...  TTL 10 s" */
void view_print_answer(struct screen *screen, enum question question, const struct answer *answer,
                       int64_t at_us);
void view_draw(struct screen *screen, const struct view *view);
/* What was expected of the answers that are not as they should be, and what was seen. */
void view_print_failure(struct screen *screen, const struct view *view, const char *why);
void view_print_results(struct screen *screen, const struct result results[STEPS]);

#endif
