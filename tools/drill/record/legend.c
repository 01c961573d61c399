/* SPDX-License-Identifier: BSD-2-Clause */
#include "legend.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* From the panel's left edge. */
enum {
    LEGEND_LINE = 548,
    LEGEND_NAME = 582,
    LEGEND_N = 842,
    LEGEND_MEDIAN = 900,
    LEGEND_NEVER = 946
};
enum { NAME_COLUMNS = 37 };

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
    picture_text(picture, right, top,
                 bad ? "right font ',11' textcolor rgb '#b00000'" : "right font ',11'",
                 PICTURE_SHORT, text);
}

static void put_legend_row(const struct picture *picture, const struct panel *panel,
                           const struct curve *curve, double left, double top)
{
    char text[PICTURE_SHORT];
    char *name = curve_name(panel, curve);
    fprintf(picture->file, "set arrow from screen %.5f,%.5f to screen %.5f,%.5f nohead front ",
            picture_across(picture, left + LEGEND_LINE), picture_down(picture, top),
            picture_across(picture, left + LEGEND_NAME - 6), picture_down(picture, top));
    picture_style(picture, curve);
    fputc('\n', picture->file);
    picture_text(picture, left + LEGEND_NAME, top, "left font ',11'", NAME_COLUMNS, name);
    snprintf(text, sizeof text, "%zu", curve->summary.count);
    put_number(picture, left + LEGEND_N, top, false, text);
    picture_seconds(curve->summary.median_s, text);
    put_number(picture, left + LEGEND_MEDIAN, top, isinf(curve->summary.median_s), text);
    snprintf(text, sizeof text, "%zu", curve->summary.never);
    put_number(picture, left + LEGEND_NEVER, top, curve->summary.never > 0, text);
    free(name);
}

void legend_put(const struct picture *picture, const struct panel *panel, double left, double top)
{
    static const char style[] = "right font ',10' textcolor rgb '" PICTURE_GREY "'";
    picture_text(picture, left + LEGEND_N, top, style, PICTURE_SHORT, "n");
    picture_text(picture, left + LEGEND_MEDIAN, top, style, PICTURE_SHORT, "median");
    picture_text(picture, left + LEGEND_NEVER, top, style, PICTURE_SHORT, "never");
    for (size_t i = 0; i < panel->count; i++)
        put_legend_row(picture, panel, &panel->curves[i], left, top + LEGEND_ROW * (double)(i + 1));
    if (panel->dropped) {
        char text[PICTURE_SHORT];
        snprintf(text, sizeof text, "%zu more are in the table", panel->dropped);
        picture_text(picture, left + LEGEND_NAME, top + LEGEND_ROW * (double)(panel->count + 1),
                     "left font ',10' textcolor rgb '" PICTURE_GREY "'", PICTURE_SHORT, text);
    }
}
