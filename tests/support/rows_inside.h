/* SPDX-License-Identifier: BSD-2-Clause */
/* What rows.c (servers and evermxd, from begin to end), rows_zone.c (what evermxd is told and
 * asked) and rows_watch.c (from the break to the result) share of a run. One thread; times in
 * monotonic milliseconds. */
#ifndef EVERMX_TESTS_ROWS_INSIDE_H
#define EVERMX_TESTS_ROWS_INSIDE_H

#include "support/jobs.h"
#include "support/rig.h"
#include "support/rows.h"
#include "support/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPARE "127.9.0.1"

struct rows {
    struct rig rig;
    char work[FOLDER_SIZE];
    struct row_result *results;
    size_t count;
    struct job *jobs; /* one for each result */
    int64_t ready_ms; /* since when rows may break */
};

/* ---- rows.c ---- */

/* Runs lines of shell for the row, beside everything else. */
void rows_start_job(struct rows *rows, struct row_result *result, const char *text,
                    const char *what);
/* It is done, has not passed, and why. */
void rows_give_up(struct row_result *result, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- rows_zone.c ---- */

void rows_start_evermxd(struct rows *rows, const char *server_yaml, const char *check_yaml);
/* Whether the host is in evermxd's answer. problem: what is wrong with that answer; else "". */
bool rows_is_answered(struct rows *rows, const struct row_result *result, char *problem,
                      size_t size);
/* What status tells of the row's target. */
void rows_look_up(const struct status *status, const struct row_result *result,
                  struct target_status *target);
/* What evermxd itself tells of the row, for a reader. */
void rows_explain(struct rows *rows, struct row_result *result);

/* ---- rows_watch.c ---- */

/* Until all targets are up and their usual times known; those that are not by then are done. */
void rows_wait_until_ready(struct rows *rows);
/* Breaks all that are ready, until each row has its result. */
void rows_watch(struct rows *rows);

#endif
