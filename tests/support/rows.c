/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/rows.h"

#include "base/memory.h"
#include "support/jobs.h"
#include "support/rig.h"
#include "support/rows_inside.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char not_now[] = "not asked for";

enum { BEGIN_AT_ONCE = 8, BEGIN_PATIENCE_MS = 60000 };

/* ---- begin ---- */

static void script_of(const struct rows *rows, const struct row_result *result, const char *text,
                      char *script, size_t size)
{
    int used = snprintf(script, size,
                        "name=%s address=%s work=%s\nEVERMX_BUILD=%s\n. tests/e2e/rows.sh\n%s\n",
                        result->name, result->address, rows->work, rows->rig.build, text);
    assert_true(used > 0 && (size_t)used < size);
}

void rows_start_job(struct rows *rows, struct row_result *result, const char *text,
                    const char *what)
{
    char script[4096], file[32], output[128];
    script_of(rows, result, text, script, sizeof script);
    snprintf(file, sizeof file, "%s.%s", result->name, what);
    folder_path(rows->work, file, output, sizeof output);
    job_start(&rows->jobs[result->job], script, output);
}

void rows_give_up(struct row_result *result, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(result->observed, sizeof result->observed, format, arguments);
    va_end(arguments);
    result->state = ROW_DONE;
}

static void begin_all(struct rows *rows)
{
    size_t begun = 0, ended = 0;
    while (ended < rows->count) {
        while (begun < rows->count && begun - ended < BEGIN_AT_ONCE) {
            struct row_result *result = &rows->results[begun++];
            if (result->state == ROW_UNREADY && result->starter == result->row)
                rows_start_job(rows, result, result->row->begin, "begin");
        }
        struct row_result *result = &rows->results[ended++];
        if (result->state != ROW_UNREADY)
            continue;
        struct job *job = &rows->jobs[result->job];
        char words[200];
        job_wait(job, BEGIN_PATIENCE_MS);
        job_last_words(job, words, sizeof words);
        if (job->state == JOB_FAILED)
            rows_give_up(result, "its servers did not begin: %s", words);
    }
}

/* ---- all of it ---- */

static bool is_wanted(const struct row *starter, const struct rows_choice *choice)
{
    for (size_t i = 0; i < choice->count; i++)
        if (strcmp(choice->numbers[i], starter->number) == 0)
            return true;
    return !choice->count && starter->is_long == choice->is_long;
}

static void set_row(struct rows *rows, size_t index, const struct row *list,
                    const struct rows_choice *choice)
{
    struct row_result *result = &rows->results[index];
    size_t starter = index;
    while (!list[starter].begin)
        starter--;
    *result = (struct row_result){.row = &list[index],
                                  .starter = &list[starter],
                                  .state = ROW_UNREADY,
                                  .job = (int)starter,
                                  .changed_ms = -1};
    snprintf(result->name, sizeof result->name, "h%zu", index);
    if (list[starter].address)
        snprintf(result->address, sizeof result->address, "%s", list[starter].address);
    else
        snprintf(result->address, sizeof result->address, "127.9.%zu.%zu", 1 + starter % 5,
                 10 + starter);
    if (!is_wanted(&list[starter], choice)) {
        result->state = ROW_SKIPPED;
        snprintf(result->observed, sizeof result->observed, "%s", not_now);
    } else if (list[starter].apart && !getenv("EVERMX_APART")) {
        result->state = ROW_SKIPPED;
        snprintf(result->observed, sizeof result->observed, "needs namespaces");
    }
}

static void make_work(struct rows *rows)
{
    const char *build = getenv("EVERMX_BUILD");
    folder_make(rows->work);
    snprintf(rows->rig.build, sizeof rows->rig.build, "%s", build ? build : "build");
    struct job job;
    char script[1024], output[128];
    struct row_result spare = {.name = "spare", .address = SPARE};
    script_of(rows, &spare, "certificates; fake smtp submission smtps imap imaps", script,
              sizeof script);
    folder_path(rows->work, "spare.begin", output, sizeof output);
    job_start(&job, script, output);
    job_wait(&job, BEGIN_PATIENCE_MS);
    if (job.state != JOB_DONE) {
        char words[200];
        job_last_words(&job, words, sizeof words);
        fail_msg("the spare host did not begin: %s", words);
    }
}

struct rows *rows_run(const struct row *list, size_t count, const struct rows_choice *choice,
                      const char *server_yaml, const char *check_yaml)
{
    struct rows *rows = memory_array(1, sizeof *rows);
    rows->count = count;
    rows->results = memory_array(count, sizeof *rows->results);
    rows->jobs = memory_array(count, sizeof *rows->jobs);
    make_work(rows);
    for (size_t i = 0; i < count; i++)
        set_row(rows, i, list, choice);
    begin_all(rows);
    rows_start_evermxd(rows, server_yaml, check_yaml);
    rows_wait_until_ready(rows);
    rows_watch(rows);
    return rows;
}

/* ---- results ---- */

struct row_result *rows_result(struct rows *rows, size_t index)
{
    return &rows->results[index];
}

static const char *expected_text(const struct row *row, char *text, size_t size)
{
    static const char *const words[] = {[ROW_LEAVES] = "down",
                                        [ROW_DRAINED] = "drained",
                                        [ROW_STAYS] = "stays",
                                        [ROW_RETURNS] = "back"};
    bool stays = row->expect == ROW_STAYS;
    snprintf(text, size, "%s %s %.1f s%s%s", words[row->expect], stays ? "for" : "within",
             (double)row->time_ms / 1000, row->reason ? ", " : "", row->reason ? row->reason : "");
    for (char *bar = text; (bar = strchr(bar, '|'));)
        *bar = '/'; /* the table's own */
    return text;
}

void rows_print(const struct rows *rows)
{
    printf("| # | case | expected | observed | time |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < rows->count; i++) {
        const struct row_result *result = &rows->results[i];
        char expected[160], time[32] = "-";
        if (result->state == ROW_SKIPPED && strcmp(result->observed, not_now) == 0)
            continue;
        if (result->changed_ms >= 0)
            snprintf(time, sizeof time, "%.2f s", (double)result->changed_ms / 1000);
        printf("| %s | %s | %s | %s%s | %s |\n", result->row->number, result->row->words,
               expected_text(result->row, expected, sizeof expected),
               result->state == ROW_SKIPPED ? "skipped: "
               : result->passed             ? ""
                                            : "**not so**: ",
               result->observed, time);
    }
    fflush(stdout);
}

void rows_free(struct rows *rows)
{
    char script[1024], output[128];
    struct row_result none = {.name = "end", .address = SPARE};
    struct job job;
    script_of(rows, &none, "end_all", script, sizeof script);
    folder_path(rows->work, "end", output, sizeof output);
    job_start(&job, script, output);
    job_wait(&job, BEGIN_PATIENCE_MS);
    if (rows->rig.daemon)
        rig_stop(&rows->rig);
    folder_remove(rows->work);
    for (size_t i = 0; i < rows->count; i++)
        free(rows->results[i].explained);
    free(rows->results);
    free(rows->jobs);
    free(rows);
}
