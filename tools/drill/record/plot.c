/* SPDX-License-Identifier: BSD-2-Clause */
#include "plot.h"

#include "base/memory.h"
#include "legend.h"
#include "picture.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    PANEL_WIDTH = 960,
    PRINT_HEIGHT = 14, /* small print */
    PRINT_LINES = 3,
    PRINT_COLUMNS = 150, /* of each column of panels */
    COLUMN_PANELS = 6,   /* more stand in two columns */
};

enum { TOP = 108 }; /* per cent: room for a word above a curve's end */

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
            picture_style(picture, curve);
            between = ", \\\n     ";
            any = true;
        }
    fputs(any ? "\n" : "plot -1000 notitle\n", picture->file);
}

/* ---- the ends of curves that do not reach the top ---- */

static void ending_text(const struct curve *curve, double end_s, char text[2 * PICTURE_SHORT])
{
    double all = (double)curve->summary.count, never = (double)curve->summary.never / all;
    double later = 1 - never - figures_share(&curve->series->figures, end_s);
    char parts[2][PICTURE_SHORT] = {"", ""};
    bool is_share = curve->series->key.predicted;
    if (later * all > 0.5)
        snprintf(parts[0], PICTURE_SHORT, is_share ? "%.1f %% later" : "%.0f later",
                 later * (is_share ? 100 : all));
    if (curve->summary.never)
        snprintf(parts[1], PICTURE_SHORT, is_share ? "%.1f %% never" : "%.0f never",
                 never * (is_share ? 100 : all));
    snprintf(text, (size_t)(2 * PICTURE_SHORT), "%s%s%s", parts[0],
             *parts[0] && *parts[1] ? ", " : "", parts[1]);
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
        char text[2 * PICTURE_SHORT];
        ending_text(endings[i].curve, panel->end_s, text);
        fputs("set label ", picture->file);
        picture_quote(picture->file, text, sizeof text);
        fprintf(picture->file,
                " at first %.6g,%.6g right noenhanced front offset character -0.5,0"
                " font ',10' textcolor rgb '#%06x'\n",
                panel->end_s, endings[i].at, picture_colour(endings[i].curve));
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
    picture_text(picture, left, top, "left font ',14'", 80, title);
    free(title);
}

static void put_cut(const struct picture *picture, const struct panel *panel, double right,
                    double top)
{
    char end[PICTURE_SHORT], longest[PICTURE_SHORT];
    if (!panel->later)
        return;
    char *text = memory_printf("cut at %s: %zu of %zu times beyond, up to %s",
                               picture_seconds(panel->end_s, end), panel->later, panel->times,
                               picture_seconds(panel->longest_s, longest));
    picture_text(picture, right, top, "right font ',10' textcolor rgb '#b00000'", 120, text);
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
            picture_across(picture, left + PLOT_LEFT), picture_across(picture, left + PLOT_RIGHT),
            picture_down(picture, above), picture_down(picture, below), panel->begin_s,
            panel->end_s);
    put_panel_title(picture, panel, left + PLOT_LEFT, top + PANEL_HEAD / 2.0);
    legend_put(picture, panel, left, above + 4);
    put_endings(picture, panel);
    const char *unit = picture->panels.is_logarithmic ? "" : "seconds ";
    char *since = memory_printf("%ssince the %s", unit, panel_is_return(panel) ? "mend" : "break");
    picture_text(picture, left + PLOT_LEFT, below + 34,
                 "left font ',10' textcolor rgb '" PICTURE_GREY "'", 80, since);
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
            picture_text(picture, 20,
                         picture->height - PRINT_HEIGHT * (double)(PRINT_LINES - lines),
                         "left font ',9' textcolor rgb '" PICTURE_GREY "'", columns, line);
            lines++;
            *line = '\0';
        }
        char *longer = memory_printf("%s%s%s", line, *line ? between : "", setting);
        free(setting);
        free(line);
        line = longer;
    }
    picture_text(picture, 20, picture->height - PRINT_HEIGHT * (double)(PRINT_LINES - lines),
                 "left font ',9' textcolor rgb '" PICTURE_GREY "'", columns, line);
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
    picture->panel_height = PANEL_HEAD + fmax(PLOT_LEAST, LEGEND_ROW * (double)rows) + PANEL_FOOT;
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
        picture_quote(picture->file, output, strlen(output) + 1);
        fputc('\n', picture->file);
    }
    fprintf(picture->file,
            "set encoding utf8\nset multiplot\nunset key\n"
            "set border 1 linecolor rgb '#999999'\n"
            "set grid xtics ytics back linetype 1 linecolor rgb '#e4e4e4' linewidth 0.7\n"
            "set tics nomirror scale 0 textcolor rgb '" PICTURE_GREY "' font ',10'\n"
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
        picture_text(picture, 20, top, style, TITLE_COLUMNS * picture->columns, line);
        title += picture->title_cut + 1;
        top += TITLE_LINE;
        free(line);
    }
    picture_text(picture, 20, top, style, TITLE_COLUMNS * picture->columns, title);
    char *more = picture->panels.dropped
                     ? memory_printf("; %zu more panels are in the table", picture->panels.dropped)
                     : memory_strdup("");
    char *note = memory_printf(
        "share of repetitions noticed within the time%s%s",
        picture->panels.any_over_measured ? "; dark thin lines are predictions" : "", more);
    picture_text(picture, 20, top + TITLE_LINE, "left font ',11' textcolor rgb '" PICTURE_GREY "'",
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
        picture_text(picture, picture->width / 2, picture->height / 2, "center font ',12'", 80,
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
