/* SPDX-License-Identifier: BSD-2-Clause */
#include "plot.h"

#include "base/memory.h"
#include "panel.h"
#include "text.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct picture {
    struct panels panels;
    size_t columns, rows;
    size_t title_cut;                        /* octets of its first line; 0: there is one only */
    double top, panel_height, width, height; /* pixels, as all that follows */
    FILE *file;
};

/* As wide as pictures are shown in a web page's column, so that texts keep their size there. */
enum {
    TITLE_HEIGHT = 62,
    TITLE_LINE = 22,
    TITLE_COLUMNS = 88,
    PANEL_HEAD = 40,
    PANEL_FOOT = 52,
    PLOT_LEAST = 190,
    PLOT_LEFT = 58,
    PLOT_RIGHT = 530,
    ROW_HEIGHT = 17,
    PANEL_WIDTH = 960,
    PRINT_HEIGHT = 14, /* small print */
    PRINT_LINES = 3,
    PRINT_COLUMNS = 150, /* of each column of panels */
    COLUMN_PANELS = 6,   /* more stand in two columns */
};

/* Of the legend, from the panel's left edge. */
enum {
    LEGEND_LINE = 548,
    LEGEND_NAME = 582,
    LEGEND_N = 842,
    LEGEND_MEDIAN = 900,
    LEGEND_NEVER = 946
};
enum { NAME_COLUMNS = 37 };

enum { TOP = 108 }; /* per cent: room for a word above a curve's end */

#define GREY "#666666"

/* Told apart by those who see fewer colours, too (Okabe and Ito, 2008, without its yellow). */
static const unsigned colours[] = {0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7,
                                   0xe69f00, 0x56b4e9, 0x000000};
enum { COLOURS = sizeof colours / sizeof *colours, DASHES = 3 };

/* ---- texts: data, which gnuplot must not take for its own language ---- */

/* In single quotes gnuplot knows nothing but the doubled quote, and that not at their beginning: a
 * text gets a typographer's one. Nothing of it is left that could end a line, either. */
static void print_quoted(FILE *file, const char *text, size_t columns)
{
    char *clean = text_clean(text, columns);
    fputc('\'', file);
    for (const char *at = clean; *at; at++)
        if (*at == '\'')
            fputs("\xe2\x80\x99", file);
        else
            fputc(*at, file);
    fputc('\'', file);
    free(clean);
}

static double across(const struct picture *picture, double pixels)
{
    return pixels / picture->width;
}

/* From the top; gnuplot counts from below. */
static double down(const struct picture *picture, double pixels)
{
    return 1 - pixels / picture->height;
}

/* style: where it is aligned to, its font and colour. */
static void put_text(const struct picture *picture, double left, double top, const char *style,
                     size_t columns, const char *text)
{
    fputs("set label ", picture->file);
    print_quoted(picture->file, text, columns);
    fprintf(picture->file, " at screen %.5f,%.5f noenhanced front %s\n", across(picture, left),
            down(picture, top), style);
}

enum { SHORT_SIZE = 48 };

static const char *seconds_text(double time_s, char text[SHORT_SIZE])
{
    if (isnan(time_s))
        strcpy(text, "-");
    else if (isinf(time_s))
        strcpy(text, "never");
    else
        snprintf(text, SHORT_SIZE, "%.*f s", time_s < 10 ? 2 : time_s < 100 ? 1 : 0, time_s);
    return text;
}

/* ---- curves ---- */

/* Of many thousand times so many are drawn: more than there are pixels. */
enum { POINTS = 800 };

static void print_points(const struct picture *picture, const struct curve *curve, double begin_s,
                         double end_s)
{
    const struct figures *figures = &curve->series->figures;
    double all = (double)curve->summary.count, share = 0;
    double step = fmax((double)figures->count / POINTS, 1), next = 0;
    double first_s = figures->count ? fmin(figures->times_s[0], end_s) : 0;
    fprintf(picture->file, "$curve%zu << END\n%.6g 0\n", curve->data, fmax(first_s, begin_s));
    for (size_t i = 0; i < figures->count && figures->times_s[i] <= end_s; i++) {
        share = 100 * (double)(i + 1) / all;
        if ((double)i < next && i + 1 < figures->count)
            continue;
        next += step;
        fprintf(picture->file, "%.6g %.6g\n", fmax(figures->times_s[i], begin_s), share);
    }
    if (share < 100) /* else it ends where it arrives */
        fprintf(picture->file, "%.6g %.6g\n", end_s, share);
    fputs("END\n", picture->file);
}

/* A prediction over what was measured: of the same colour, but darker; over black it is grey. */
static unsigned darker(unsigned colour)
{
    return colour ? (colour & 0xfefefe) / 2 : 0xbbbbbb;
}

static unsigned curve_colour(const struct curve *curve)
{
    unsigned colour = colours[curve->identity % COLOURS];
    return curve->over_measured ? darker(colour) : colour;
}

static void print_style(const struct picture *picture, const struct curve *curve)
{
    static const char *const dashes[DASHES] = {"solid", "(14,5)", "(4,4)"};
    bool predicted = curve->series->key.predicted;
    fprintf(picture->file, "linecolor rgb '#%06x' linewidth %s dashtype %s", curve_colour(curve),
            predicted                ? "1.4"
            : curve->under_predicted ? "3.6"
                                     : "2.4",
            dashes[curve->identity / COLOURS % DASHES]);
}

static void print_curves(const struct picture *picture, const struct panel *panel)
{
    const char *between = "plot ";
    bool any = false;
    for (int predicted = 0; predicted <= 1; predicted++) /* over what was measured */
        for (size_t i = 0; i < panel->count; i++) {
            const struct curve *curve = &panel->curves[i];
            if (curve->summary.count == 0 || curve->series->key.predicted != predicted)
                continue;
            fprintf(picture->file, "%s$curve%zu using 1:2 with %s notitle ", between, curve->data,
                    predicted ? "lines" : "steps");
            print_style(picture, curve);
            between = ", \\\n     ";
            any = true;
        }
    fputs(any ? "\n" : "plot -1000 notitle\n", picture->file);
}

/* ---- the ends of curves that do not reach the top ---- */

static void ending_text(const struct curve *curve, double end_s, char text[2 * SHORT_SIZE])
{
    double all = (double)curve->summary.count, never = (double)curve->summary.never / all;
    double later = 1 - never - figures_share(&curve->series->figures, end_s);
    char parts[2][SHORT_SIZE] = {"", ""};
    bool is_share = curve->series->key.predicted;
    if (later * all > 0.5)
        snprintf(parts[0], SHORT_SIZE, is_share ? "%.1f %% later" : "%.0f later",
                 later * (is_share ? 100 : all));
    if (curve->summary.never)
        snprintf(parts[1], SHORT_SIZE, is_share ? "%.1f %% never" : "%.0f never",
                 never * (is_share ? 100 : all));
    snprintf(text, (size_t)(2 * SHORT_SIZE), "%s%s%s", parts[0], *parts[0] && *parts[1] ? ", " : "",
             parts[1]);
}

struct ending {
    const struct curve *curve;
    double at; /* per cent */
};

static int compare_endings(const void *one, const void *other)
{
    double a = ((const struct ending *)one)->at, b = ((const struct ending *)other)->at;
    return (a > b) - (a < b);
}

/* Above the curve's end, where it does not pass itself; where many end close to each other, above
 * the one below. */
static void put_endings(const struct picture *picture, const struct panel *panel)
{
    const double apart = 7.5;
    struct ending endings[PANEL_CURVES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < panel->count; i++) {
        const struct curve *curve = &panel->curves[i];
        double share = figures_share(&curve->series->figures, panel->end_s);
        if (curve->summary.count && share < 1)
            endings[count++] = (struct ending){curve, 100 * share + 4.5};
    }
    qsort(endings, count, sizeof *endings, compare_endings);
    for (size_t i = 1; i < count; i++)
        endings[i].at = fmax(endings[i].at, endings[i - 1].at + apart);
    for (size_t i = count; i-- > 0;) /* none above the top */
        endings[i].at = fmin(endings[i].at, i + 1 < count ? endings[i + 1].at - apart : TOP - 4.0);
    for (size_t i = 0; i < count; i++) {
        char text[2 * SHORT_SIZE];
        ending_text(endings[i].curve, panel->end_s, text);
        fputs("set label ", picture->file);
        print_quoted(picture->file, text, sizeof text);
        fprintf(picture->file,
                " at first %.6g,%.6g right noenhanced front offset character -0.5,0"
                " font ',10' textcolor rgb '#%06x'\n",
                panel->end_s, endings[i].at, colours[endings[i].curve->identity % COLOURS]);
    }
}

/* ---- legend ---- */

/* What most of its curves are about. */
static enum phase panel_phase(const struct panel *panel)
{
    if (!panel->phases_differ)
        return panel->curves[0].series->key.phase;
    return panel_is_return(panel) ? PHASE_BACK : PHASE_LEFT;
}

/* Without what is the same of all curves: the panel's title tells it. */
static char *curve_name(const struct panel *panel, const struct curve *curve)
{
    const struct series_key *key = &curve->series->key;
    bool names_phase = key->phase != panel_phase(panel);
    if (curve->over_measured)
        return memory_strdup("   predicted");
    return memory_printf("%s%s%s%s%s%s%s%s", panel->systems_differ ? key->system : "",
                         panel->systems_differ && *key->system ? " " : "", place_word(key->place),
                         *key->name ? " " : "", key->name, names_phase ? ", " : "",
                         names_phase ? phase_word(key->phase) : "",
                         key->predicted && !panel->all_predicted ? ", predicted" : "");
}

static void put_number(const struct picture *picture, double right, double top, bool bad,
                       const char *text)
{
    put_text(picture, right, top,
             bad ? "right font ',11' textcolor rgb '#b00000'" : "right font ',11'", SHORT_SIZE,
             text);
}

static void put_legend_row(const struct picture *picture, const struct panel *panel,
                           const struct curve *curve, double left, double top)
{
    char text[SHORT_SIZE];
    char *name = curve_name(panel, curve);
    fprintf(picture->file, "set arrow from screen %.5f,%.5f to screen %.5f,%.5f nohead front ",
            across(picture, left + LEGEND_LINE), down(picture, top),
            across(picture, left + LEGEND_NAME - 6), down(picture, top));
    print_style(picture, curve);
    fputc('\n', picture->file);
    put_text(picture, left + LEGEND_NAME, top, "left font ',11'", NAME_COLUMNS, name);
    snprintf(text, sizeof text, "%zu", curve->summary.count);
    put_number(picture, left + LEGEND_N, top, false, text);
    seconds_text(curve->summary.median_s, text);
    put_number(picture, left + LEGEND_MEDIAN, top, isinf(curve->summary.median_s), text);
    snprintf(text, sizeof text, "%zu", curve->summary.never);
    put_number(picture, left + LEGEND_NEVER, top, curve->summary.never > 0, text);
    free(name);
}

static void put_legend(const struct picture *picture, const struct panel *panel, double left,
                       double top)
{
    static const char style[] = "right font ',10' textcolor rgb '" GREY "'";
    put_text(picture, left + LEGEND_N, top, style, SHORT_SIZE, "n");
    put_text(picture, left + LEGEND_MEDIAN, top, style, SHORT_SIZE, "median");
    put_text(picture, left + LEGEND_NEVER, top, style, SHORT_SIZE, "never");
    for (size_t i = 0; i < panel->count; i++)
        put_legend_row(picture, panel, &panel->curves[i], left, top + ROW_HEIGHT * (double)(i + 1));
    if (panel->dropped) {
        char text[SHORT_SIZE];
        snprintf(text, sizeof text, "%zu more are in the table", panel->dropped);
        put_text(picture, left + LEGEND_NAME, top + ROW_HEIGHT * (double)(panel->count + 1),
                 "left font ',10' textcolor rgb '" GREY "'", SHORT_SIZE, text);
    }
}

/* ---- the whole ---- */

static void put_panel_title(const struct picture *picture, const struct panel *panel, double left,
                            double top)
{
    const struct series_key *key = &panel->curves[0].series->key;
    const char *system = panel->systems_differ ? "" : key->system;
    const char *between = *system && panel->all_predicted ? ", " : "";
    bool notes = *system || panel->all_predicted;
    char *title = memory_printf("%s%s%s%s%s%s%s%s", key->kind, *key->kind ? ": " : "",
                                phase_text(panel_phase(panel)), notes ? " (" : "", system, between,
                                panel->all_predicted ? "predicted" : "", notes ? ")" : "");
    put_text(picture, left, top, "left font ',14'", 80, title);
    free(title);
}

static void put_cut(const struct picture *picture, const struct panel *panel, double right,
                    double top)
{
    char end[SHORT_SIZE], longest[SHORT_SIZE];
    if (!panel->later)
        return;
    char *text = memory_printf("cut at %s: %zu of %zu times beyond, up to %s",
                               seconds_text(panel->end_s, end), panel->later, panel->times,
                               seconds_text(panel->longest_s, longest));
    put_text(picture, right, top, "right font ',10' textcolor rgb '#b00000'", 120, text);
    free(text);
}

static void print_panel(const struct picture *picture, struct panel *panel, double left, double top)
{
    double above = top + PANEL_HEAD, below = top + picture->panel_height - PANEL_FOOT;
    for (size_t i = 0; i < panel->count; i++)
        if (panel->curves[i].summary.count)
            print_points(picture, &panel->curves[i], panel->begin_s, panel->end_s);
    fprintf(picture->file,
            "set lmargin at screen %.5f\nset rmargin at screen %.5f\n"
            "set tmargin at screen %.5f\nset bmargin at screen %.5f\n"
            "set xrange [%.6g:%.6g]\n",
            across(picture, left + PLOT_LEFT), across(picture, left + PLOT_RIGHT),
            down(picture, above), down(picture, below), panel->begin_s, panel->end_s);
    put_panel_title(picture, panel, left + PLOT_LEFT, top + PANEL_HEAD / 2.0);
    put_legend(picture, panel, left, above + 4);
    put_endings(picture, panel);
    const char *unit = picture->panels.is_logarithmic ? "" : "seconds ";
    char *since = memory_printf("%ssince the %s", unit, panel_is_return(panel) ? "mend" : "break");
    put_text(picture, left + PLOT_LEFT, below + 34, "left font ',10' textcolor rgb '" GREY "'", 80,
             since);
    free(since);
    put_cut(picture, panel, left + PLOT_RIGHT, below + 34);
    print_curves(picture, panel);
    fputs("unset label\nunset arrow\n", picture->file);
}

/* Lines of so many columns at most; what does not fit into the last one is cut. */
static void put_settings(const struct picture *picture, json_t *settings)
{
    static const char between[] = "  \xc2\xb7  ";
    char *line = memory_strdup("");
    const char *name;
    json_t *value;
    size_t lines = 0, columns = PRINT_COLUMNS * picture->columns;
    json_object_foreach(settings, name, value)
    {
        char *text = text_of_setting(value);
        char *setting = memory_printf("%s %s", name, text);
        free(text);
        bool fits = text_columns(line) + 5 + text_columns(setting) <= columns;
        if (*line && !fits && lines + 1 < PRINT_LINES) {
            put_text(picture, 20, picture->height - PRINT_HEIGHT * (double)(PRINT_LINES - lines),
                     "left font ',9' textcolor rgb '" GREY "'", columns, line);
            lines++;
            *line = '\0';
        }
        char *longer = memory_printf("%s%s%s", line, *line ? between : "", setting);
        free(setting);
        free(line);
        line = longer;
    }
    put_text(picture, 20, picture->height - PRINT_HEIGHT * (double)(PRINT_LINES - lines),
             "left font ',9' textcolor rgb '" GREY "'", columns, line);
    free(line);
}

/* Where a line that is too long is parted: at the last blank that fits. 0: it is not. */
static size_t line_cut(const char *text, size_t columns)
{
    size_t cut = 0;
    if (text_columns(text) <= columns)
        return 0;
    for (size_t i = 1; text[i]; i++) {
        char *line = memory_printf("%.*s", (int)i, text);
        if (text[i] == ' ' && text_columns(line) <= columns)
            cut = i;
        free(line);
    }
    return cut;
}

static void lay_out(struct picture *picture, const char *title)
{
    size_t rows = 0;
    for (size_t i = 0; i < picture->panels.count; i++) {
        const struct panel *panel = &picture->panels.list[i];
        size_t needed = panel->count + (panel->dropped > 0) + 1;
        rows = needed > rows ? needed : rows;
    }
    picture->columns = picture->panels.count > COLUMN_PANELS ? 2 : 1;
    picture->rows = (picture->panels.count + picture->columns - 1) / picture->columns;
    picture->panel_height = PANEL_HEAD + fmax(PLOT_LEAST, ROW_HEIGHT * (double)rows) + PANEL_FOOT;
    picture->width = PANEL_WIDTH * (double)picture->columns;
    picture->title_cut = line_cut(title, TITLE_COLUMNS * picture->columns);
    picture->top = TITLE_HEIGHT + (picture->title_cut ? TITLE_LINE : 0);
    picture->height = picture->top + picture->panel_height * fmax((double)picture->rows, 0.5) +
                      PRINT_HEIGHT * (PRINT_LINES + 1);
}

/* The axis of all panels: seconds, or, where they are of several magnitudes, what people say. */
static void print_times(const struct picture *picture)
{
    static const struct {
        const char *words;
        double s;
    } ticks[] = {{"10 ms", 0.01}, {"30 ms", 0.03}, {"0.1 s", 0.1},    {"0.3 s", 0.3},
                 {"1 s", 1},      {"3 s", 3},      {"10 s", 10},      {"30 s", 30},
                 {"1 min", 60},   {"5 min", 300},  {"20 min", 1200},  {"1 h", 3600},
                 {"6 h", 21600},  {"1 d", 86400},  {"1 week", 604800}};
    if (!picture->panels.is_logarithmic) {
        fputs("set xtics format '%g'\n", picture->file);
        return;
    }
    fputs("set logscale x 10\nset xtics (", picture->file);
    for (size_t i = 0; i < sizeof ticks / sizeof *ticks; i++)
        fprintf(picture->file, "%s'%s' %g", i ? ", " : "", ticks[i].words, ticks[i].s);
    fputs(")\n", picture->file);
}

static void print_head(const struct picture *picture, enum plot_form form, const char *output)
{
    if (form == PLOT_PNG) /* twice as many pixels: for screens that have them */
        fprintf(picture->file,
                "set terminal pngcairo noenhanced size %.0f,%.0f font 'sans-serif,11'"
                " fontscale 1.125 linewidth 1.5 background rgb 'white'\n",
                picture->width * 1.5, picture->height * 1.5);
    else
        fprintf(picture->file,
                "set terminal svg noenhanced size %.0f,%.0f font 'sans-serif,11'"
                " background rgb 'white'\n",
                picture->width, picture->height);
    if (output) {
        fputs("set output ", picture->file);
        print_quoted(picture->file, output, strlen(output) + 1);
        fputc('\n', picture->file);
    }
    fprintf(picture->file,
            "set encoding utf8\nset multiplot\nunset key\n"
            "set border 1 linecolor rgb '#999999'\n"
            "set grid xtics ytics back linetype 1 linecolor rgb '#e4e4e4' linewidth 0.7\n"
            "set tics nomirror scale 0 textcolor rgb '" GREY "' font ',10'\n"
            "set yrange [-2:%d]\n"
            "set ytics ('0 %%%%' 0, '25 %%%%' 25, '50 %%%%' 50, '75 %%%%' 75, '100 %%%%' 100)\n",
            TOP);
    print_times(picture);
}

static void put_title(const struct picture *picture, const char *title)
{
    static const char style[] = "left font ',16'";
    double top = TITLE_LINE;
    if (picture->title_cut) {
        char *line = memory_printf("%.*s", (int)picture->title_cut, title);
        put_text(picture, 20, top, style, TITLE_COLUMNS * picture->columns, line);
        title += picture->title_cut + 1;
        top += TITLE_LINE;
        free(line);
    }
    put_text(picture, 20, top, style, TITLE_COLUMNS * picture->columns, title);
    char *more = picture->panels.dropped
                     ? memory_printf("; %zu more panels are in the table", picture->panels.dropped)
                     : memory_strdup("");
    char *note = memory_printf(
        "share of repetitions noticed within the time%s%s",
        picture->panels.any_over_measured ? "; dark thin lines are predictions" : "", more);
    put_text(picture, 20, top + TITLE_LINE, "left font ',11' textcolor rgb '" GREY "'",
             PRINT_COLUMNS, note);
    free(note);
    free(more);
}

static void print_picture(const struct picture *picture, struct record *record)
{
    put_title(picture, record->title);
    put_settings(picture, record->settings);
    for (size_t i = 0; i < picture->panels.count; i++)
        print_panel(picture, &picture->panels.list[i], PANEL_WIDTH * (double)(i % picture->columns),
                    picture->top + picture->panel_height * (double)(i / picture->columns));
    if (picture->panels.count == 0) {
        put_text(picture, picture->width / 2, picture->height / 2, "center font ',12'", 80,
                 "Nothing was measured.");
        fputs("unset border\nunset tics\nset xrange [0:1]\nplot -1000 notitle\n", picture->file);
    }
    fputs("unset multiplot\n", picture->file);
}

void plot_print(struct record *record, enum plot_form form, const char *output, FILE *file)
{
    struct picture picture = {.file = file};
    panels_fill(&picture.panels, record);
    lay_out(&picture, record->title);
    print_head(&picture, form, output);
    print_picture(&picture, record);
    panels_free(&picture.panels);
}
