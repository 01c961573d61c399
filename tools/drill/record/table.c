/* SPDX-License-Identifier: BSD-2-Clause */
#include "table.h"

#include "base/memory.h"
#include "commands.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum column { COUNT, MEDIAN, BOUNDS, P95, LONGEST, NEVER, COLUMNS };
enum { CELL_SIZE = 40, GAP = 2, TEXT_MAX = 200, LABEL_LEAST = 24 };

enum shade { PLAIN, BOLD, RED, CYAN };

struct line {
    char *system, *label; /* system NULL: the label stands further left */
    size_t indent;
    enum shade shade;
    char cells[COLUMNS][CELL_SIZE];
};

struct table {
    struct line *lines;
    size_t count, capacity;
    bool few, compared, bounds; /* what there is to explain below it */
    size_t measured, unnoticed;
};

static struct line *add_line(struct table *table, size_t indent, enum shade shade)
{
    table->lines = memory_grow(table->lines, table->count, &table->capacity, sizeof *table->lines);
    struct line *line = &table->lines[table->count++];
    *line = (struct line){.indent = indent, .shade = shade};
    return line;
}

/* ---- cells ---- */

/* "never" for what is infinite, "-" for what cannot be told. */
static const char *time_text(double time_s, int decimals, char text[CELL_SIZE])
{
    if (isnan(time_s))
        strcpy(text, "-");
    else if (isinf(time_s))
        strcpy(text, "never");
    else
        snprintf(text, CELL_SIZE, "%.*f", decimals, time_s);
    return text;
}

/* Predictions are made of many: "100k". */
static void count_text(size_t count, char text[CELL_SIZE])
{
    if (count < 10000)
        snprintf(text, CELL_SIZE, "%zu", count);
    else if (count < 10000000)
        snprintf(text, CELL_SIZE, "%zuk", count / 1000);
    else
        snprintf(text, CELL_SIZE, "%zuM", count / 1000000);
}

static void fill_figures(struct line *line, const struct summary *summary, int decimals)
{
    count_text(summary->count, line->cells[COUNT]);
    count_text(summary->never, line->cells[NEVER]);
    time_text(summary->median_s, decimals, line->cells[MEDIAN]);
    time_text(summary->p95_s, decimals, line->cells[P95]);
    time_text(summary->longest_s, decimals, line->cells[LONGEST]);
}

static void fill_bounds(struct line *line, const struct summary *summary, int decimals)
{
    char low[CELL_SIZE], high[CELL_SIZE];
    if (isnan(summary->median_low_s) || isinf(summary->median_low_s))
        time_text(summary->median_low_s, decimals, line->cells[BOUNDS]);
    else
        snprintf(line->cells[BOUNDS], CELL_SIZE, "%.18s-%.18s",
                 time_text(summary->median_low_s, decimals, low),
                 time_text(summary->median_high_s, decimals, high));
}

static void fill_deviation(char cell[CELL_SIZE], double measured_s, double predicted_s)
{
    double percent = (predicted_s / measured_s - 1) * 100;
    if (isfinite(percent) && isfinite(measured_s))
        snprintf(cell, CELL_SIZE, "%+.*f %%", fabs(percent) < 9.95 ? 1 : 0, percent);
    else
        strcpy(cell, "-");
}

/* ---- lines ---- */

static void add_heading(struct table *table, const struct series_key *key)
{
    static const char *const heads[COLUMNS] = {"n", "median", "95 % bounds", "p95", "max", "never"};
    char *kind = text_clean(key->kind, TEXT_MAX);
    if (table->count)
        add_line(table, 0, PLAIN);
    struct line *line = add_line(table, 0, BOLD);
    line->label = memory_printf("%s%s%s", kind, *kind ? ": " : "", phase_text(key->phase));
    for (size_t i = 0; i < COLUMNS; i++)
        strcpy(line->cells[i], heads[i]);
    free(kind);
}

static void name_line(struct line *line, const struct series_key *key)
{
    char *name = text_clean(key->name, TEXT_MAX);
    line->system = text_clean(key->system, TEXT_MAX);
    line->label = memory_printf("%s%s%s", place_word(key->place), *name ? " " : "", name);
    free(name);
}

/* predicted: below what was measured, or by itself with its own name. */
static void add_series(struct table *table, struct series *series, struct series *measured,
                       int decimals)
{
    struct summary summary = figures_summary(&series->figures);
    struct line *line = add_line(table, 0, series->key.predicted ? CYAN : PLAIN);
    fill_figures(line, &summary, decimals);
    /* Those of a prediction would only tell how many were drawn. */
    if (!series->key.predicted) {
        fill_bounds(line, &summary, decimals);
        table->bounds = true;
    }
    table->few = table->few || (summary.count > 0 && isnan(summary.p95_s));
    if (!measured)
        name_line(line, &series->key);
    if (series->key.predicted && !measured) {
        char *label = memory_printf("%s, predicted", line->label);
        free(line->label);
        line->label = label;
    }
    if (!series->key.predicted) {
        table->measured += summary.count;
        table->unnoticed += summary.never;
        line->shade = summary.never ? RED : PLAIN;
    }
    if (!measured)
        return;
    struct summary real = figures_summary(&measured->figures);
    line->indent = 2;
    line->label = memory_strdup("predicted");
    line = add_line(table, 2, CYAN);
    line->label = memory_strdup("off by");
    fill_deviation(line->cells[MEDIAN], real.median_s, summary.median_s);
    fill_deviation(line->cells[P95], real.p95_s, summary.p95_s);
    table->compared = true;
}

static bool is_same_group(const struct series *one, const struct series *other)
{
    return one->key.phase == other->key.phase && strcmp(one->key.kind, other->key.kind) == 0;
}

/* As many as the group's longest time leaves room for: points stand below each other. */
static int group_decimals(struct series **group, size_t count)
{
    double longest_s = 0;
    for (size_t i = 0; i < count && is_same_group(group[i], group[0]); i++) {
        const struct figures *figures = &group[i]->figures;
        for (size_t each = 0; each < figures->count; each++)
            longest_s = fmax(longest_s, figures->times_s[each]);
    }
    return longest_s < 10 ? 3 : longest_s < 1000 ? 2 : 1;
}

static void fill_table(struct table *table, const struct record *record)
{
    struct series **ordered = record_ordered(record);
    int decimals = 0;
    for (size_t i = 0; i < record->nseries; i++) {
        if (i == 0 || !is_same_group(ordered[i], ordered[i - 1])) {
            add_heading(table, &ordered[i]->key);
            decimals = group_decimals(ordered + i, record->nseries - i);
        }
        struct series *measured =
            ordered[i]->key.predicted ? record_counterpart(record, ordered[i]) : NULL;
        add_series(table, ordered[i], measured, decimals);
    }
    free(ordered);
}

/* ---- printing ---- */

struct layout {
    size_t system, label, cells[COLUMNS];
    bool bounds; /* left out where a terminal is very narrow, or nothing was measured */
    bool coloured;
    FILE *file;
};

static size_t larger(size_t one, size_t other)
{
    return one > other ? one : other;
}

static size_t figures_width(const struct layout *layout)
{
    size_t width = 0;
    for (size_t i = 0; i < COLUMNS; i++)
        if (i != BOUNDS || layout->bounds)
            width += GAP + layout->cells[i];
    return width;
}

static void measure(struct layout *layout, const struct table *table, size_t width)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->lines[i].system)
            layout->system = larger(layout->system, text_columns(table->lines[i].system));
    for (size_t i = 0; i < table->count; i++) {
        const struct line *line = &table->lines[i];
        size_t before = line->indent + (line->system && layout->system ? layout->system + 2 : 0);
        if (line->label)
            layout->label = larger(layout->label, before + text_columns(line->label));
        for (size_t j = 0; j < COLUMNS; j++)
            layout->cells[j] = larger(layout->cells[j], strlen(line->cells[j]));
    }
    layout->bounds = table->bounds && figures_width(layout) + LABEL_LEAST <= width;
    size_t figures = figures_width(layout), room = width > figures ? width - figures : 0;
    if (layout->label > room)
        layout->label = larger(room, LABEL_LEAST);
}

static void pad(const struct layout *layout, size_t from, size_t to)
{
    fprintf(layout->file, "%*s", from < to ? (int)(to - from) : 0, "");
}

/* The label's whole part of the line, cut where it is too long. */
static void print_label(const struct layout *layout, const struct line *line)
{
    char *whole = memory_printf(
        "%*s%s%*s%s", (int)line->indent, "", line->system ? line->system : "",
        line->system && layout->system ? (int)(layout->system + 2 - text_columns(line->system)) : 0,
        "", line->label ? line->label : "");
    char *cut = text_clean(whole, layout->label);
    fputs(cut, layout->file);
    pad(layout, text_columns(cut), layout->label);
    free(whole);
    free(cut);
}

static void set_shade(const struct layout *layout, enum shade shade)
{
    static const char *const codes[] = {[PLAIN] = "0", [BOLD] = "1", [RED] = "31", [CYAN] = "36"};
    if (layout->coloured)
        fprintf(layout->file, "\033[%sm", codes[shade]);
}

static void print_line(const struct layout *layout, const struct line *line)
{
    bool is_empty = !line->label;
    size_t pending = 0; /* blanks before a cell that has something: no line ends in blanks */
    if (!is_empty && line->shade != PLAIN)
        set_shade(layout, line->shade);
    if (!is_empty)
        print_label(layout, line);
    for (size_t i = 0; i < COLUMNS && !is_empty; i++) {
        if (i == BOUNDS && !layout->bounds)
            continue;
        pending += GAP + layout->cells[i] - strlen(line->cells[i]);
        if (!*line->cells[i])
            continue;
        fprintf(layout->file, "%*s%s", (int)pending, "", line->cells[i]);
        pending = 0;
    }
    if (!is_empty && line->shade != PLAIN)
        set_shade(layout, PLAIN);
    fputc('\n', layout->file);
}

static void print_notes(const struct layout *layout, const struct table *table)
{
    fprintf(layout->file, "\nTimes in seconds%s.\n",
            layout->bounds ? "; the bounds hold the true median in 95 of 100 such series" : "");
    if (table->few)
        fprintf(layout->file, "-: fewer than %d repetitions have no p95%s.\n", FIGURES_P95_LEAST,
                layout->bounds ? ", fewer than 6 no bounds" : "");
    if (table->compared)
        fputs("off by: what was predicted, against what was measured.\n", layout->file);
    if (table->unnoticed) {
        set_shade(layout, RED);
        fprintf(layout->file, "%zu of %zu were never noticed: they count as the longest.",
                table->unnoticed, table->measured);
        set_shade(layout, PLAIN);
        fputc('\n', layout->file);
    }
}

void table_print(const struct record *record, size_t width, bool coloured, FILE *file)
{
    struct table table = {0};
    struct layout layout = {.bounds = true, .coloured = coloured, .file = file};
    char *title = text_clean(record->title, TEXT_MAX);
    if (*title) {
        set_shade(&layout, BOLD);
        fputs(title, file);
        set_shade(&layout, PLAIN);
        fputs("\n\n", file);
    }
    free(title);
    fill_table(&table, record);
    measure(&layout, &table, width);
    for (size_t i = 0; i < table.count; i++) {
        print_line(&layout, &table.lines[i]);
        free(table.lines[i].system);
        free(table.lines[i].label);
    }
    if (table.count) {
        print_notes(&layout, &table);
        commands_print(record, file);
    } else {
        fputs("Nothing was measured.\n", file);
    }
    free(table.lines);
}

/* ---- CSV ---- */

static void print_field(const char *text, FILE *file)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, file);
        return;
    }
    fputc('"', file);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', file);
        fputc(*text, file);
    }
    fputc('"', file);
}

static void print_csv_line(const struct series_key *key, size_t repetition, FILE *file)
{
    const char *const fields[] = {key->system,
                                  key->kind,
                                  place_word(key->place),
                                  key->name,
                                  phase_word(key->phase),
                                  key->predicted ? "true" : "false"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        print_field(fields[i], file);
        fputc(',', file);
    }
    fprintf(file, "%zu,", repetition);
}

void table_print_csv(const struct record *record, FILE *file)
{
    fputs("system,kind,place,name,phase,predicted,repetition,time_s\r\n", file);
    for (size_t i = 0; i < record->nseries; i++) {
        const struct series *series = record->series[i];
        size_t count = series->figures.count;
        for (size_t each = 0; each < count + series->figures.never; each++) {
            print_csv_line(&series->key, each + 1, file);
            if (each < count)
                fprintf(file, "%.6f", series->figures.times_s[each]);
            fputs("\r\n", file);
        }
    }
}
