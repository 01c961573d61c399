/* SPDX-License-Identifier: BSD-2-Clause */
/* Text for people: colours, durations, tables, and strings that a terminal cannot be harmed by. */
#ifndef EVERMXCTL_TEXT_H
#define EVERMXCTL_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum colour { PLAIN, RED, GREEN, YELLOW, CYAN, BOLD, FAINT };

/* All strings in a document as by display_clean(): a mail host's reply may be in it. */
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

/* Lines of at most LINE_WIDTH columns: what is longer goes on in the next one, indented, behind a
 * blank that it has; but never in less than LINE_LEAST. */
enum { LINE_WIDTH = 100, LINE_LEAST = 40 };

struct flow {
    bool coloured;
    size_t indent; /* of the lines but the first */
    size_t column;
};

struct flow flow_begin(bool coloured, size_t first, size_t indent); /* prints the first indent */
void flow_put(struct flow *flow, enum colour colour, const char *text);
void flow_say(struct flow *flow, enum colour colour, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void flow_end(const struct flow *flow);

enum { TABLE_COLUMNS = 8, CELL_SIZE = 400 };

struct row {
    struct cell {
        char text[CELL_SIZE];
        enum colour colour;
    } cells[TABLE_COLUMNS];
};

void row_fill(struct row *row, size_t column, enum colour colour, const char *text);

/* A column is as wide as its widest cell; the last one goes on in further lines. */
void table_print(bool coloured, const struct row *rows, size_t count);

#endif
