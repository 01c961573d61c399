/* SPDX-License-Identifier: BSD-2-Clause */
#include "picture.h"

#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- texts ---- */

/* In single quotes gnuplot knows nothing but the doubled quote, and that not at their beginning: a
 * text gets a typographer's one. Nothing of it is left that could end a line, either. */
void picture_quote(FILE *file, const char *text, size_t columns)
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

double picture_across(const struct picture *picture, double pixels)
{
    return pixels / picture->width;
}

double picture_down(const struct picture *picture, double pixels)
{
    return 1 - pixels / picture->height;
}

void picture_text(const struct picture *picture, double left, double top, const char *style,
                  size_t columns, const char *text)
{
    fputs("set label ", picture->file);
    picture_quote(picture->file, text, columns);
    fprintf(picture->file, " at screen %.5f,%.5f noenhanced front %s\n",
            picture_across(picture, left), picture_down(picture, top), style);
}

const char *picture_seconds(double time_s, char text[PICTURE_SHORT])
{
    if (isnan(time_s))
        strcpy(text, "-");
    else if (isinf(time_s))
        strcpy(text, "never");
    else
        snprintf(text, PICTURE_SHORT, "%.*f s", time_s < 10 ? 2 : time_s < 100 ? 1 : 0, time_s);
    return text;
}

/* ---- lines ---- */

/* Told apart by those who see fewer colours, too (Okabe and Ito, 2008, without its yellow). */
static const unsigned colours[] = {0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7,
                                   0xe69f00, 0x56b4e9, 0x000000};
enum { COLOURS = sizeof colours / sizeof *colours, DASHES = 3 };

/* A prediction over what was measured: of the same colour, but darker; over black it is grey. */
static unsigned darker(unsigned colour)
{
    return colour ? (colour & 0xfefefe) / 2 : 0xbbbbbb;
}

unsigned picture_colour(const struct curve *curve)
{
    return colours[curve->identity % COLOURS];
}

void picture_style(const struct picture *picture, const struct curve *curve)
{
    static const char *const dashes[DASHES] = {"solid", "(14,5)", "(4,4)"};
    bool predicted = curve->series->key.predicted;
    unsigned colour = picture_colour(curve);
    if (curve->over_measured)
        colour = darker(colour);
    const char *width = "2.4";
    if (predicted)
        width = curve->series->key.place == PLACE_USER ? "2.4" : "1.4"; /* what it comes to */
    else if (curve->under_predicted)
        width = "3.6";
    fprintf(picture->file, "linecolor rgb '#%06x' linewidth %s dashtype %s", colour, width,
            dashes[curve->identity / COLOURS % DASHES]);
}
