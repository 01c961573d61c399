/* SPDX-License-Identifier: BSD-2-Clause */
/* A record as a picture: for each kind of break the share of repetitions that were noticed within
 * so many seconds. What was measured is a line of steps, what was predicted a thin one over it.
 * Drawn by gnuplot. One thread; waits for gnuplot. */
#ifndef EVERMX_DRILL_PLOT_H
#define EVERMX_DRILL_PLOT_H

#include "base/error.h"
#include "record.h"

#include <stdbool.h>
#include <stdio.h>

/* By its end: .svg, .png, .gp. */
bool plot_can_make(const char *path);

/* .gp: gnuplot's script with all data in it, which draws an SVG beside it. Where there is no
 * gnuplot, a script is written in the picture's stead, and the error says so. */
bool plot_write(struct record *record, const char *path, struct error *error);

enum plot_form { PLOT_SVG, PLOT_PNG };

/* The script. output NULL: draws to standard output. */
void plot_print(struct record *record, enum plot_form form, const char *output, FILE *file);

/* Runs a program (gnuplot) with the script as its input and the picture as its output; ends it when
 * it takes longer. */
bool plot_run(const char *program, int limit_ms, FILE *script, FILE *picture, struct error *error);

#endif
