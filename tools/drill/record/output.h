/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a subcommand's record goes: the options that all of them share. */
#ifndef EVERMX_DRILL_OUTPUT_H
#define EVERMX_DRILL_OUTPUT_H

#include "../options.h"
#include "base/error.h"
#include "record.h"

#include <stdbool.h>

struct output {
    const char *title;      /* NULL: the subcommand's own */
    const char *json, *csv; /* files; "-": standard output, instead of the table; NULL: none */
    const char *plots[4];   /* files, by their end: .svg, .png, .gp (gnuplot's own script) */
    size_t nplots;
};

/* The long options' rows, to be put into the subcommand's own table; and their help. */
#define OUTPUT_OPTIONS                                                                             \
    {"title", required_argument, NULL, OUTPUT_TITLE},                                              \
        {"json", required_argument, NULL, OUTPUT_JSON},                                            \
        {"csv", required_argument, NULL, OUTPUT_CSV},                                              \
    {                                                                                              \
        "plot", required_argument, NULL, OUTPUT_PLOT                                               \
    }
enum { OUTPUT_TITLE = 1000, OUTPUT_JSON, OUTPUT_CSV, OUTPUT_PLOT };
extern const char output_help[];

/* Whether the option is one of these, and was taken. Wrong values end the program with
 * DRILL_WRONG_USAGE. */
bool output_option(const struct usage *usage, struct output *output, int option, const char *value);

/* The table to standard output, and all files that were asked for. Tells what it could not write on
 * stderr, and returns whether all went well. */
bool output_write(const struct output *output, struct record *record);

#endif
