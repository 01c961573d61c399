/* SPDX-License-Identifier: BSD-2-Clause */
#include "text.h"

#include "base/display.h"
#include "base/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void make_string_printable(json_t *json)
{
    char *copy = memory_strdup(json_string_value(json));
    if (display_clean(copy))
        json_string_set(json, copy);
    free(copy);
}

/* The parser bounds the depth. */
void text_make_printable(json_t *json)
{
    if (json_is_string(json))
        make_string_printable(json);
    for (size_t i = 0; i < json_array_size(json); i++)
        text_make_printable(json_array_get(json, i));
    for (void *at = json_object_iter(json); at; at = json_object_iter_next(json, at))
        text_make_printable(json_object_iter_value(at));
}

void text_colour(bool coloured, enum colour colour)
{
    static const char *const codes[] = {
        [PLAIN] = "0", [RED] = "31", [GREEN] = "32", [YELLOW] = "33",
        [CYAN] = "36", [BOLD] = "1", [FAINT] = "2"};
    if (coloured)
        printf("\033[%sm", codes[colour]);
}

void text_print(bool coloured, enum colour colour, const char *text)
{
    text_colour(coloured && colour != PLAIN, colour);
    fputs(text, stdout);
    text_colour(coloured && colour != PLAIN, PLAIN);
}

const char *text_duration(double seconds, char text[DURATION_SIZE])
{
    long long whole = (long long)seconds;
    if (seconds < 10)
        snprintf(text, DURATION_SIZE, "%.1fs", seconds < 0 ? 0 : seconds);
    else if (whole < 60)
        snprintf(text, DURATION_SIZE, "%llds", whole);
    else if (whole < 3600)
        snprintf(text, DURATION_SIZE, "%lldm%02llds", whole / 60, whole % 60);
    else if (whole < 86400)
        snprintf(text, DURATION_SIZE, "%lldh%02lldm", whole / 3600, whole / 60 % 60);
    else
        snprintf(text, DURATION_SIZE, "%lldd%lldh", whole / 86400, whole / 3600 % 24);
    return text;
}

const char *text_local_time(double age_s, char text[LOCAL_TIME_SIZE])
{
    struct timespec now;
    struct tm parts;
    char date[32];
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t unix_ms = now.tv_sec * 1000LL + now.tv_nsec / 1000000 - (int64_t)(age_s * 1000);
    time_t unix_s = (time_t)(unix_ms / 1000);
    localtime_r(&unix_s, &parts);
    strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &parts);
    snprintf(text, LOCAL_TIME_SIZE, "%s.%03d", date, (int)(unix_ms % 1000));
    return text;
}

const char *text_plural(long long count)
{
    return count == 1 ? "" : "s";
}

/* ---- lines ---- */

struct flow flow_begin(bool coloured, size_t first, size_t indent)
{
    printf("%*s", (int)first, "");
    return (struct flow){coloured, indent, first};
}

static bool flow_has_room(const struct flow *flow, size_t size)
{
    size_t least = flow->indent + LINE_LEAST;
    return flow->column + size <= (least > LINE_WIDTH ? least : LINE_WIDTH) ||
           flow->column <= flow->indent;
}

void flow_put(struct flow *flow, enum colour colour, const char *text)
{
    while (*text) {
        char word[CELL_SIZE];
        size_t blanks = strspn(text, " "), size = strcspn(text + blanks, " ");
        if (blanks > 0 && !flow_has_room(flow, blanks + size)) {
            printf("\n%*s", (int)flow->indent, "");
            flow->column = flow->indent;
        } else {
            printf("%*s", (int)blanks, "");
            flow->column += blanks;
        }
        text += blanks;
        for (size_t part; size > 0; size -= part, text += part, flow->column += part) {
            part = size < sizeof word ? size : sizeof word - 1;
            memcpy(word, text, part);
            word[part] = '\0';
            text_print(flow->coloured, colour, word);
        }
    }
}

void flow_say(struct flow *flow, enum colour colour, const char *format, ...)
{
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    flow_put(flow, colour, text);
}

void flow_end(const struct flow *flow)
{
    (void)flow;
    putchar('\n');
}

/* ---- tables ---- */

void row_fill(struct row *row, size_t column, enum colour colour, const char *text)
{
    snprintf(row->cells[column].text, CELL_SIZE, "%s", text);
    row->cells[column].colour = colour;
}

void table_print(bool coloured, const struct row *rows, size_t count)
{
    size_t widths[TABLE_COLUMNS] = {0};
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < TABLE_COLUMNS; j++)
            if (strlen(rows[i].cells[j].text) > widths[j])
                widths[j] = strlen(rows[i].cells[j].text);
    size_t last = 0; /* where the last column begins */
    for (size_t j = 0; j + 1 < TABLE_COLUMNS; j++)
        last += widths[j] + 2;
    for (size_t i = 0; i < count; i++) {
        const struct cell *cell = rows[i].cells;
        for (size_t j = 0; j + 1 < TABLE_COLUMNS; j++, cell++) {
            text_print(coloured, cell->colour, cell->text);
            printf("%*s", (int)(widths[j] - strlen(cell->text)) + 2, "");
        }
        struct flow flow = {coloured, last, last};
        flow_put(&flow, cell->colour, cell->text);
        flow_end(&flow);
    }
}
