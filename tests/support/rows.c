/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/rows.h"

#include "base/clock.h"
#include "base/memory.h"
#include "support/jobs.h"
#include "support/rig.h"
#include "support/status.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SPARE "127.9.0.1"

static const char not_now[] = "not asked for";

enum {
    BEGIN_AT_ONCE = 8,
    LEAVE_AT_ONCE = 10, /* more breaking at once would measure this machine */
    BEGIN_PATIENCE_MS = 60000,
    READY_PATIENCE_MS = 60000,
    BREAK_PATIENCE_MS = 30000,
    LEARN_MS = 12000,           /* in which a target's usual times become known */
    LOOK_MS = 1000,             /* more often than probes come */
    PROMPT_MS = 250,            /* LEARN_PROMPT_MS of src/probe/learn.h, */
    STEADY = 30,                /* LEARN_STEADY */
    STEADY_PATIENCE_MS = 60000, /* so many probes take less */
    TURN_MS = 30,
    SETTLE_MS = 5000,     /* in which one that has returned must stay */
    DOWN_WITHIN_MS = 500, /* of the changed answer, status tells the verdict */
};

struct rows {
    struct rig rig;
    char work[FOLDER_SIZE];
    struct row_result *results;
    size_t count;
    struct job *jobs; /* one for each result */
    int64_t ready_ms; /* since when rows may break */
};

static const struct {
    const char *owner; /* of the SRV records; NULL: MX */
    int port;
} services[ROW_SERVICES] = {
    [ROW_MX] = {NULL, 25},
    [ROW_SUBMISSION] = {"_submission._tcp", 587},
    [ROW_SMTPS] = {"_submissions._tcp", 465},
    [ROW_IMAP] = {"_imap._tcp", 143},
    [ROW_IMAPS] = {"_imaps._tcp", 993},
};

/* ---- begin ---- */

static void script_of(const struct rows *rows, const struct row_result *result, const char *text,
                      char *script, size_t size)
{
    int used = snprintf(script, size,
                        "name=%s address=%s work=%s\nEVERMX_BUILD=%s\n. tests/e2e/rows.sh\n%s\n",
                        result->name, result->address, rows->work, rows->rig.build, text);
    assert_true(used > 0 && (size_t)used < size);
}

static void start_job(struct rows *rows, struct row_result *result, const char *text,
                      const char *what)
{
    char script[4096], file[32], output[128];
    script_of(rows, result, text, script, sizeof script);
    snprintf(file, sizeof file, "%s.%s", result->name, what);
    folder_path(rows->work, file, output, sizeof output);
    job_start(&rows->jobs[result->job], script, output);
}

static void give_up(struct row_result *result, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void give_up(struct row_result *result, const char *format, ...)
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
                start_job(rows, result, result->row->begin, "begin");
        }
        struct row_result *result = &rows->results[ended++];
        if (result->state != ROW_UNREADY)
            continue;
        struct job *job = &rows->jobs[result->job];
        char words[200];
        job_wait(job, BEGIN_PATIENCE_MS);
        job_last_words(job, words, sizeof words);
        if (job->state == JOB_FAILED)
            give_up(result, "its servers did not begin: %s", words);
    }
}

/* ---- names ---- */

static const char *owner_of(const struct row_result *result, char *owner, size_t size)
{
    snprintf(owner, size, "%s%s.example.test", result->row->service == ROW_MX ? "d" : "p",
             result->name + 1);
    return owner;
}

/* What shows in the answers that the host is in. */
static const char *mark_of(const struct row_result *result, char *mark, size_t size)
{
    if (result->row->service == ROW_MX)
        snprintf(mark, size, "%s.example.test.", result->name);
    else
        snprintf(mark, size, "%s", result->address);
    return mark;
}

static void write_zone(const struct rows *rows, FILE *to)
{
    fputs("$ORIGIN example.test.\n$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 86400 5\n@ NS ns1\n"
          "ns1 A 127.0.0.1\nspare A " SPARE "\n",
          to);
    for (size_t i = 0; i < rows->count; i++) {
        const struct row_result *result = &rows->results[i];
        const char *number = result->name + 1;
        int service = result->row->service;
        if (result->state == ROW_SKIPPED)
            continue;
        if (service == ROW_MX)
            fprintf(to, "d%s MX 10 h%s\nd%s MX 20 spare\nh%s A %s\n", number, number, number,
                    number, result->address);
        else
            fprintf(to, "%s.d%s SRV 0 1 %d p%s\np%s A %s\np%s A " SPARE "\n",
                    services[service].owner, number, services[service].port, number, number,
                    result->address, number);
    }
}

/* The text with %WORK% replaced. */
static void put_text(const struct rows *rows, const char *text, FILE *to)
{
    const char *at;
    while ((at = strstr(text, "%WORK%"))) {
        fwrite(text, 1, (size_t)(at - text), to);
        fputs(rows->work, to);
        text = at + strlen("%WORK%");
    }
    fputs(text, to);
}

static void write_yaml(const struct rows *rows, const char *server_yaml, const char *check_yaml,
                       FILE *to)
{
    fputs("server:\n  listen: [\"127.0.0.1@%PORT%\"]\n  control: %FOLDER%/control.sock\n", to);
    put_text(rows, server_yaml, to);
    fputs("zones: [example.test.zone]\nchecks:\n", to);
    put_text(rows, check_yaml, to);
    fputs("hosts:\n  spare.example.test: {weight: 1}\n", to);
    for (size_t i = 0; i < rows->count; i++) {
        const struct row_result *result = &rows->results[i];
        if (result->state != ROW_SKIPPED && result->row->host)
            fprintf(to, "  %s%s.example.test: {%s}\n", result->row->service == ROW_MX ? "h" : "p",
                    result->name + 1, result->row->host);
    }
}

static void start_evermxd(struct rows *rows, const char *server_yaml, const char *check_yaml)
{
    char *zone = NULL, *yaml = NULL;
    size_t size;
    FILE *to = open_memstream(&zone, &size);
    write_zone(rows, to);
    fclose(to);
    to = open_memstream(&yaml, &size);
    write_yaml(rows, server_yaml, check_yaml, to);
    fclose(to);
    rig_start(&rows->rig, zone, yaml);
    free(zone);
    free(yaml);
}

/* ---- what evermxd says ---- */

static bool is_answered(struct rows *rows, const struct row_result *result, char *problem,
                        size_t size)
{
    char owner[64], mark[64];
    struct answer answer;
    bool is_mx = result->row->service == ROW_MX;
    rig_answer(&rows->rig, "127.0.0.1", rows->rig.port, owner_of(result, owner, sizeof owner),
               is_mx ? "MX" : "A", &answer);
    problem[0] = '\0';
    if (answer.timed_out)
        snprintf(problem, size, "no answer from evermxd");
    else if (!strstr(answer.text, is_mx ? "spare.example.test." : SPARE))
        snprintf(problem, size, "the answer is '%.120s'", answer.text);
    return strstr(answer.text, mark_of(result, mark, sizeof mark)) != NULL;
}

static void look_up(const struct status *status, const struct row_result *result,
                    struct target_status *target)
{
    status_find(status, result->address, services[result->row->service].port, target);
}

/* Servers that begin all at once may be slow to greet. The prober then has patience with them,
 * until they were prompt for some time: a break before would be found late, as it should. */
static void note_times(struct rows *rows, const struct status *status)
{
    for (size_t i = 0; i < rows->count; i++) {
        struct row_result *result = &rows->results[i];
        struct target_status target;
        if (result->state != ROW_UNREADY && result->state != ROW_READY)
            continue;
        look_up(status, result, &target);
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
        look_up(status, result, &target);
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

static void wait_until_ready(struct rows *rows)
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
        give_up(result, "as above");
        return;
    }
    if (starter->state == ROW_READY && starter != result)
        return;
    if (starter == result && result->row->breaks)
        start_job(rows, result, result->row->breaks, "break");
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
        give_up(result, "it could not be broken: %s", words);
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

/* The probes and their steps, while they are still known: of a row that fails once in many runs
 * nothing else is left. */
static void explain(struct rows *rows, struct row_result *result)
{
    char owner[64], mark[64];
    char *text = rig_ctl(&rows->rig, "explain %s %s", owner_of(result, owner, sizeof owner),
                         result->row->service == ROW_MX ? "MX" : "A");
    char *events = rig_ctl(&rows->rig, "events 1000");
    size_t size;
    FILE *to = open_memstream(&result->explained, &size);
    fprintf(to, "%lld ms after the break:\n%s", (long long)(clock_now_ms() - result->broken_ms),
            text);
    mark_of(result, mark, sizeof mark);
    for (char *line = strtok(events, "\n"); line; line = strtok(NULL, "\n"))
        if (strstr(line, result->address) || strstr(line, mark))
            fprintf(to, "%s\n", line);
    fclose(to);
    free(events);
    free(text);
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
        look_up(status, result, &target);
        status_free(status);
        fits = strcmp(target.verdict, "down") == 0 ? row->expect == ROW_LEAVES
                                                   : row->expect != ROW_LEAVES;
    } while (!fits && clock_now_ms() < deadline_ms && poll(NULL, 0, TURN_MS) == 0);
    result->passed =
        may_pass && fits && reason_fits(row, &target) && target.rtt_ms >= (double)row->late_ms;
    if (!result->passed)
        explain(rows, result);
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
    bool is_in = is_answered(rows, result, problem, sizeof problem);
    int64_t now_ms = clock_now_ms(), after_ms = now_ms - result->broken_ms;
    const struct row *row = result->row;
    bool leaves = row->expect == ROW_LEAVES || row->expect == ROW_DRAINED;
    if (problem[0]) {
        give_up(result, "%s", problem);
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

static void watch_all(struct rows *rows)
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
    start_evermxd(rows, server_yaml, check_yaml);
    wait_until_ready(rows);
    watch_all(rows);
    return rows;
}

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
