/* SPDX-License-Identifier: BSD-2-Clause */
/* What all parts of a plot share: where things are, in pixels from the top left corner, how texts
 * get there, and how lines look. Of plot.c and legend.c alone; one thread. */
#ifndef EVERMX_DRILL_PICTURE_H
#define EVERMX_DRILL_PICTURE_H

#include "panel.h"

#include <stdio.h>

struct picture {
    struct panels panels;
    size_t columns, rows;
    size_t title_cut;                        /* octets of its first line; 0: there is one only */
    double top, panel_height, width, height; /* pixels, as all that follows */
    FILE *file;
};

#define PICTURE_GREY "#666666"
enum { PICTURE_SHORT = 48 };

/* A text of the record, which gnuplot must not take for its own language: of so many columns at
 * most, in quotes. */
void picture_quote(FILE *file, const char *text, size_t columns);

/* Pixels as gnuplot has them: shares of the picture, those from the top counted from below. */
double picture_across(const struct picture *picture, double pixels);
double picture_down(const struct picture *picture, double pixels);

/* style: where it is aligned to, its font and colour. */
void picture_text(const struct picture *picture, double left, double top, const char *style,
                  size_t columns, const char *text);

/* Into text, which is returned. */
const char *picture_seconds(double time_s, char text[PICTURE_SHORT]);

/* Of what belongs to the curve; the curve's own line. */
unsigned picture_colour(const struct curve *curve);
void picture_style(const struct picture *picture, const struct curve *curve);

#endif
