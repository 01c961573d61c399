/* SPDX-License-Identifier: BSD-2-Clause */
/* A host is broken and mended again and again, and others have to notice: when to do what. All that
 * is done is done by the hands that it is given; time is an argument, in monotonic microseconds.
 * One thread.
 *
 *   SETTLE -> WAIT -> BREAK -> BROKEN -> MEND -> BACK -> SETTLE ... -> DONE
 *                                         PAUSED, from any of them once it is mended
 *
 * SETTLE  until the host is in all answers, and has been for a while
 * WAIT    a phase of its own for each repetition; back to SETTLE where something changes meanwhile
 * BREAK   the command is under way
 * BROKEN  until the host is out of all answers, or patience is over: never noticed
 * MEND    the command is under way. Whatever happens from BREAK on, this follows
 * BACK    until the host is in all answers again
 * PAUSED  until experiment_resume(); nothing is broken, and nothing begins */
#ifndef EVERMX_DRILL_EXPERIMENT_H
#define EVERMX_DRILL_EXPERIMENT_H

#include "samples.h"

#include <stdbool.h>
#include <stdint.h>

enum stage {
    STAGE_SETTLE,
    STAGE_WAIT,
    STAGE_BREAK,
    STAGE_BROKEN,
    STAGE_MEND,
    STAGE_BACK,
    STAGE_PAUSED,
    STAGE_DONE,
};
const char *stage_text(enum stage stage); /* "waiting until it is out of the answers" */

struct experiment_options {
    unsigned repetitions;
    int64_t settle_us;
    int64_t steady_us;          /* so long a changed answer must last to be believed */
    int64_t patience_us[TURNS]; /* for a failure to be noticed, and for a return */
    int64_t spread_us;          /* phases are spread over; 0: the longest TTL and more */
    uint64_t seed;
};

struct experiment_hands {
    /* Begins to break or to mend; its end is told by experiment_ended(). False: it cannot. */
    bool (*act)(void *context, enum turn turn);
};

struct experiment;

/* Works on the samples, which are `by_hand`. */
struct experiment *experiment_new(const struct experiment_options *options, struct samples *samples,
                                  const struct experiment_hands *hands, void *context);
void experiment_free(struct experiment *experiment);

void experiment_tick(struct experiment *experiment, int64_t now_us); /* often */
/* The command is done: why is NULL, or what went wrong. */
void experiment_ended(struct experiment *experiment, const char *why, int64_t now_us);
/* Mends what is broken, and is then done. */
void experiment_stop(struct experiment *experiment, const char *why, int64_t now_us);

/* Mends what is broken, and is then PAUSED. A failure that is cut short so is made again later; a
 * return that nobody can time then counts for nothing. */
void experiment_pause(struct experiment *experiment, int64_t now_us);
void experiment_resume(struct experiment *experiment, int64_t now_us);

struct experiment_progress {
    enum stage stage;
    unsigned finished;            /* repetitions */
    int64_t stage_us;             /* how long it has been so */
    int64_t left_us;              /* of all, as repetitions have taken so far; -1: nobody knows */
    const char *why;              /* DONE: before its time; NULL: all repetitions were done */
    const struct source *missing; /* SETTLE: who is not well yet; NULL: none */
    bool broken;                  /* DONE: and it could not be mended */
};
struct experiment_progress experiment_progress(const struct experiment *experiment, int64_t now_us);

#endif
