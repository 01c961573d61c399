/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that break and mend a host: run by `sh -c`, one at a time, each in a process group of
 * its own, so that Ctrl-C does not reach it. What they leave running stays; whatever any of them
 * writes is handed on by lines. One thread, that of the event base.
 *
 * A guard sees to it that the host is mended whatever becomes of us: a shell that ends what is
 * under way and mends, when it reads the end of a pipe which only we hold open. */
#ifndef EVERMX_DRILL_ERRAND_H
#define EVERMX_DRILL_ERRAND_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct errands;

struct errand_reports {
    /* Once for each command: NULL where its status was 0, else what went wrong. */
    void (*ended)(void *context, const char *why);
    void (*line)(void *context, const char *line); /* without its end */
};

/* NULL: error. */
struct errands *errands_new(struct event_base *base, int64_t timeout_ms,
                            const struct errand_reports *reports, void *context,
                            struct error *error);
/* Kills the command under way, without a report. A guard that stands will mend. */
void errands_free(struct errands *errands);

/* False: it could not even be started. */
bool errands_run(struct errands *errands, const char *command, struct error *error);
bool errands_is_busy(const struct errands *errands);

/* Before the host is broken; and when it is mended. */
bool errands_guard(struct errands *errands, const char *mend, struct error *error);
void errands_dismiss(struct errands *errands);

#endif
