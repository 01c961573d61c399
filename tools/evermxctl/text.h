/* SPDX-License-Identifier: BSD-2-Clause */
/* Text for people: colours, durations, tables, and strings that a terminal cannot be harmed by. */
#ifndef EVERMXCTL_TEXT_H
#define EVERMXCTL_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum colour { PLAIN, RED, GREEN, YELLOW, CYAN, BOLD, FAINT };

/* All strings in a document without control characters: a mail host's reply may be in it. */
void text_make_printable(json_t *json);

void text_colour(bool coloured, enum colour colour); /* from here on */
void text_print(bool coloured, enum colour colour, const char *text);

enum { DURATION_SIZE = 32 };

/* "0.4s", "12s", "3m12s", "5h03m", "12d4h". */
const char *text_duration(double seconds, char text[DURATION_SIZE]);

/* "2026-11-22 04:10:33.120": so many seconds ago. */
enum { LOCAL_TIME_SIZE = 48 };
const char *text_local_time(double age_s, char text[LOCAL_TIME_SIZE]);
const char *text_plural(long long count); /* "s" */

enum { TABLE_COLUMNS = 8, CELL_SIZE = 300 };

struct row {
    struct cell {
        char text[CELL_SIZE];
        enum colour colour;
    } cells[TABLE_COLUMNS];
};

void row_fill(struct row *row, size_t column, enum colour colour, const char *text);

/* A column is as wide as its widest cell; the last one is as long as it likes. */
void table_print(bool coloured, const struct row *rows, size_t count);

#endif
