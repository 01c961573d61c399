/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of a catalogue of failures: each begins real servers at an address of its own, breaks them,
 * and says what is to become of the answers. All rows run beside each other against one evermxd,
 * each with names of its own whose answers hold its host and a spare one that always lives. What
 * begins and breaks servers are words of tests/e2e/rows.sh. */
#ifndef EVERMX_TESTS_ROWS_H
#define EVERMX_TESTS_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum row_service { ROW_MX, ROW_SUBMISSION, ROW_SMTPS, ROW_IMAP, ROW_IMAPS, ROW_SERVICES };

enum row_expect {
    ROW_LEAVES,  /* the answers, until `time_ms` after it broke, and is down for the reason */
    ROW_DRAINED, /* leaves the answers, though its probes find it up */
    ROW_STAYS,   /* in each answer for time_ms */
    ROW_RETURNS, /* may leave; is back at the latest after time_ms, and stays */
};

struct row {
    const char *number; /* of the catalogue, and what tells its variants apart; none: as above */
    const char *words;
    enum row_service service;
    const char *begin;   /* NULL: it is the row above that begins and breaks, for both */
    const char *breaks;  /* NULL: it is broken from the beginning */
    const char *host;    /* YAML: what the host sets; NULL: nothing */
    const char *address; /* NULL: one of loopback */
    enum row_expect expect;
    int64_t time_ms;
    const char *reason; /* "refused|unreachable"; where it stays: what is told beside; NULL: any */
    bool apart;         /* needs namespaces (tests/e2e/apart.sh) */
    bool is_long;       /* for `make check-long` */
    int64_t late_ms;    /* its greetings must have taken so long, or the row has shown nothing */
};

enum { ROW_TEXT_SIZE = 256 };

enum row_state { ROW_SKIPPED, ROW_UNREADY, ROW_READY, ROW_BREAKING, ROW_BROKEN, ROW_DONE };

struct row_result {
    const struct row *row;
    const struct row *starter;  /* the row that begins and breaks for it: itself, mostly */
    char address[32], name[24]; /* "h12" */
    enum row_state state;
    bool passed;
    char observed[ROW_TEXT_SIZE]; /* or why it failed or was skipped */
    int64_t changed_ms; /* from the break to the first changed answer; -1: there was none */
    char *explained;    /* where it has not passed: what evermxd itself told then; else NULL */

    /* the runner's */
    int job;
    int64_t probes, slow_at; /* so far; and when it was last slow to greet: 0: never */
    int64_t broken_ms, left_ms, back_ms;
};

/* Which rows: those of some numbers, and what shares their servers; or, where there are none, the
 * long ones or all others. */
struct rows_choice {
    char **numbers;
    size_t count;
    bool is_long;
};

struct rows;

/* Begins all servers of the rows that are chosen, starts evermxd with lines of YAML in each of the
 * two sections, and runs until each row has its result. */
struct rows *rows_run(const struct row *list, size_t count, const struct rows_choice *choice,
                      const char *server_yaml, const char *check_yaml);
struct row_result *rows_result(struct rows *rows, size_t index);
/* The table: case, expected, observed, time. */
void rows_print(const struct rows *rows);
/* Ends everything. */
void rows_free(struct rows *rows);

#endif
