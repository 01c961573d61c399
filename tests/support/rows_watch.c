/* SPDX-License-Identifier: BSD-2-Clause */
/* From servers that run to results: waits until evermxd knows them well, breaks them a few at a
 * time, and watches its answers. */
#include "base/clock.h"
#include "support/rows_inside.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    LEAVE_AT_ONCE = 10, /* more breaking at once would measure this machine */
    READY_PATIENCE_MS = 60000,
    LEARN_MS = 12000,           /* in which a target's usual times become known */
    LOOK_MS = 1000,             /* more often than probes come */
    PROMPT_MS = 250,            /* LEARN_PROMPT_MS of src/probe/learn.h, */
    STEADY = 30,                /* LEARN_STEADY */
    STEADY_PATIENCE_MS = 60000, /* so many probes take less */
    TURN_MS = 30,
    SETTLE_MS = 5000,     /* in which one that has returned must stay */
    DOWN_WITHIN_MS = 500, /* of the changed answer, status tells the verdict */
};

/* ---- ready ---- */

/* Servers that begin all at once may be slow to greet. The prober then has patience with them,
 * until they were prompt for some time: a break before would be found late, as it should. */
static void note_times(struct rows *rows, const struct status *status)
{
    for (size_t i = 0; i < rows->count; i++) {
        struct row_result *result = &rows->results[i];
        struct target_status target;
        if (result->state != ROW_UNREADY && result->state != ROW_READY)
            continue;
        rows_look_up(status, result, &target);
        result->probes = target.probes;
        if (target.rtt_ms > PROMPT_MS)
            result->slow_at = target.probes;
    }
}

static void look_at_times(struct rows *rows)
{
    struct status *status = status_ask(&rows->rig);
    note_times(rows, status);
    status_free(status);
}

static bool unready(struct rows *rows)
{
    struct status *status = status_ask(&rows->rig);
    note_times(rows, status);
    bool is_unready = false;
    for (size_t i = 0; i < rows->count; i++) {
        struct row_result *result = &rows->results[i];
        struct target_status target;
        if (result->state != ROW_UNREADY)
            continue;
        rows_look_up(status, result, &target);
        snprintf(result->observed, sizeof result->observed, "before it broke: %s, %s, %.100s",
                 target.verdict, target.reason, target.detail);
        if (target.is_known && strcmp(target.verdict, "up") == 0)
            result->state = ROW_READY;
        else
            is_unready = true;
    }
    status_free(status);
    return is_unready;
}

void rows_wait_until_ready(struct rows *rows)
{
    int64_t deadline_ms = clock_now_ms() + READY_PATIENCE_MS;
    while (clock_now_ms() < deadline_ms - READY_PATIENCE_MS + LEARN_MS) {
        look_at_times(rows);
        poll(NULL, 0, LOOK_MS);
    }
    while (unready(rows) && clock_now_ms() < deadline_ms)
        poll(NULL, 0, 300);
    for (size_t i = 0; i < rows->count; i++)
        if (rows->results[i].state == ROW_UNREADY)
            rows->results[i].state = ROW_DONE;
}

/* ---- break, and watch ---- */

static size_t leaving_now(const struct rows *rows)
{
    size_t count = 0;
    for (size_t i = 0; i < rows->count; i++) {
        const struct row_result *result = &rows->results[i];
        bool leaves = result->row->expect == ROW_LEAVES;
        count += result->state == ROW_BREAKING || (leaves && result->state == ROW_BROKEN);
    }
    return count;
}

/* All that break together have their usual times, or had all the time to come to them. */
static bool is_steady(const struct rows *rows, const struct row_result *one)
{
    if (!one->starter->breaks || clock_now_ms() - rows->ready_ms > STEADY_PATIENCE_MS)
        return true;
    for (size_t i = 0; i < rows->count; i++) {
        const struct row_result *result = &rows->results[i];
        if (result->starter == one->starter && result->slow_at &&
            result->probes < result->slow_at + STEADY)
            return false;
    }
    return true;
}

/* Rows that share servers break together. */
static void break_one(struct rows *rows, struct row_result *result)
{
    const struct row_result *starter = &rows->results[result->job];
    if (starter->state == ROW_DONE && !starter->broken_ms) {
        rows_give_up(result, "as above");
        return;
    }
    if (starter->state == ROW_READY && starter != result)
        return;
    if (starter == result && result->row->breaks)
        rows_start_job(rows, result, result->row->breaks, "break");
    result->state = ROW_BREAKING;
}

static void see_broken(struct rows *rows, struct row_result *result)
{
    struct job *job = &rows->jobs[result->job];
    if (!result->starter->breaks) {
        result->broken_ms = clock_now_ms();
    } else if (!job_ended(job)) {
        return;
    } else if (job->state == JOB_FAILED) {
        char words[200];
        job_last_words(job, words, sizeof words);
        rows_give_up(result, "it could not be broken: %s", words);
        return;
    } else {
        result->broken_ms = job->end_ms;
    }
    result->state = ROW_BROKEN;
}

static bool is_among(const char *words, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = words; size && (at = strstr(at, word)); at += size)
        if ((at == words || at[-1] == '|') && (at[size] == '\0' || at[size] == '|'))
            return true;
    return false;
}

/* One of what status tells of the target: why it is down, or what it warns of. */
static bool reason_fits(const struct row *row, const struct target_status *target)
{
    if (!row->reason)
        return true;
    if (row->expect == ROW_LEAVES)
        return is_among(row->reason, target->reason);
    return is_among(row->reason, target->reason) || is_among(row->reason, target->unheard) ||
           is_among(row->reason, target->warning);
}

/* With what status says now. */
static void conclude(struct rows *rows, struct row_result *result, bool may_pass)
{
    const struct row *row = result->row;
    struct target_status target;
    int64_t deadline_ms = clock_now_ms() + DOWN_WITHIN_MS;
    bool fits;
    do {
        struct status *status = status_ask(&rows->rig);
        rows_look_up(status, result, &target);
        status_free(status);
        fits = strcmp(target.verdict, "down") == 0 ? row->expect == ROW_LEAVES
                                                   : row->expect != ROW_LEAVES;
    } while (!fits && clock_now_ms() < deadline_ms && poll(NULL, 0, TURN_MS) == 0);
    result->passed =
        may_pass && fits && reason_fits(row, &target) && target.rtt_ms >= (double)row->late_ms;
    if (!result->passed)
        rows_explain(rows, result);
    result->state = ROW_DONE;
    const char *beside = target.unheard[0] ? target.unheard : target.warning;
    snprintf(result->observed, sizeof result->observed, "%s, %s%s%s: %.60s", target.verdict,
             target.reason, beside[0] ? ", " : "", beside,
             target.said[0] ? target.said : target.detail);
    if (target.rtt_ms >= 1000 && row->expect != ROW_LEAVES)
        snprintf(result->observed, sizeof result->observed, "%s, %s, greets after %.1f s",
                 target.verdict, target.reason, target.rtt_ms / 1000);
    size_t used = strlen(result->observed);
    if (row->expect == ROW_RETURNS && result->back_ms)
        snprintf(result->observed + used, sizeof result->observed - used, ", back after %.1f s",
                 (double)(result->back_ms - result->broken_ms) / 1000);
}

static void watch(struct rows *rows, struct row_result *result)
{
    char problem[160];
    bool is_in = rows_is_answered(rows, result, problem, sizeof problem);
    int64_t now_ms = clock_now_ms(), after_ms = now_ms - result->broken_ms;
    const struct row *row = result->row;
    bool leaves = row->expect == ROW_LEAVES || row->expect == ROW_DRAINED;
    if (problem[0]) {
        rows_give_up(result, "%s", problem);
        return;
    }
    if (!is_in && !result->left_ms) {
        result->left_ms = now_ms;
        result->changed_ms = after_ms;
    }
    if (is_in && result->left_ms && !result->back_ms)
        result->back_ms = now_ms;
    if (leaves && !is_in)
        conclude(rows, result, true);
    else if (leaves && after_ms > row->time_ms)
        conclude(rows, result, false);
    else if (row->expect == ROW_STAYS && !is_in)
        conclude(rows, result, false);
    else if (row->expect == ROW_STAYS && after_ms > row->time_ms)
        conclude(rows, result, true);
    else if (row->expect == ROW_RETURNS && after_ms > row->time_ms && !is_in)
        conclude(rows, result, false);
    else if (row->expect == ROW_RETURNS && after_ms > row->time_ms + SETTLE_MS)
        conclude(rows, result, true);
}

static void turn(struct rows *rows, struct row_result *result, bool slow_turn)
{
    bool is_quick = result->row->expect == ROW_LEAVES || slow_turn;
    if (result->state == ROW_READY &&
        (result->starter != result->row ||
         (leaving_now(rows) < LEAVE_AT_ONCE && is_steady(rows, result))))
        break_one(rows, result);
    if (result->state == ROW_BREAKING)
        see_broken(rows, result);
    if (result->state == ROW_BROKEN && is_quick)
        watch(rows, result);
}

static bool is_any_ready(const struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        if (rows->results[i].state == ROW_READY)
            return true;
    return false;
}

static bool all_done(const struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        if (rows->results[i].state != ROW_DONE && rows->results[i].state != ROW_SKIPPED)
            return false;
    return true;
}

static void progress(const struct rows *rows)
{
    size_t done = 0, broken = 0;
    if (!isatty(STDERR_FILENO))
        return;
    for (size_t i = 0; i < rows->count; i++) {
        done += rows->results[i].state == ROW_DONE;
        broken += rows->results[i].state == ROW_BROKEN;
    }
    fprintf(stderr, "\r%zu of %zu done, %zu broken and watched  ", done, rows->count, broken);
}

void rows_watch(struct rows *rows)
{
    int64_t looked_ms = rows->ready_ms = clock_now_ms();
    for (unsigned turns = 0; !all_done(rows); turns++) {
        if (clock_now_ms() - looked_ms >= LOOK_MS && is_any_ready(rows)) {
            looked_ms = clock_now_ms();
            look_at_times(rows);
        }
        for (size_t i = 0; i < rows->count; i++)
            turn(rows, &rows->results[i], turns % 5 == 0);
        if (turns % 30 == 0)
            progress(rows);
        poll(NULL, 0, TURN_MS);
    }
    progress(rows);
    if (isatty(STDERR_FILENO))
        fputc('\n', stderr);
}
