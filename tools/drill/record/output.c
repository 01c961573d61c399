/* SPDX-License-Identifier: BSD-2-Clause */
#include "output.h"

#include "draft.h"
#include "plot.h"
#include "table.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

const char output_help[] =
    "what is done with the figures:\n"
    "  --title TEXT     their heading\n"
    "  --json FILE      keep them, for `evermx-drill report` and other programs\n"
    "  --csv FILE       a line for each time; -: standard output, as for --json\n"
    "  --plot FILE      draw them: FILE.svg, FILE.png, or FILE.gp, which gnuplot draws; up to 4\n";

static void take_plot(const struct usage *usage, struct output *output, const char *path)
{
    if (!plot_can_make(path))
        usage_wrong(usage, OUTPUT_PLOT, "'%.100s' is no name that ends in .svg, .png or .gp", path);
    if (output->nplots == sizeof output->plots / sizeof *output->plots)
        usage_wrong(usage, OUTPUT_PLOT, "there are too many of them");
    output->plots[output->nplots++] = path;
}

static bool is_stdout(const char *path)
{
    return path && strcmp(path, "-") == 0;
}

bool output_option(const struct usage *usage, struct output *output, int option, const char *value)
{
    switch (option) {
    case OUTPUT_TITLE:
        output->title = value;
        break;
    case OUTPUT_JSON:
        output->json = value;
        break;
    case OUTPUT_CSV:
        output->csv = value;
        break;
    case OUTPUT_PLOT:
        take_plot(usage, output, value);
        break;
    default:
        return false;
    }
    if (is_stdout(output->json) && is_stdout(output->csv))
        usage_wrong(usage, 0, "--json and --csv cannot both go to standard output");
    return true;
}

/* ---- writing ---- */

enum { WIDTH_DEFAULT = 80, WIDTH_LEAST = 40, WIDTH_MOST = 1000 };

static size_t terminal_width(void)
{
    const char *text = getenv("COLUMNS");
    struct winsize size;
    long width = text ? strtol(text, NULL, 10) : 0;
    if (width <= 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        width = size.ws_col;
    if (width <= 0)
        return WIDTH_DEFAULT;
    return (size_t)(width < WIDTH_LEAST ? WIDTH_LEAST : width > WIDTH_MOST ? WIDTH_MOST : width);
}

static bool is_coloured(void)
{
    const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no_color && *no_color) &&
           !(terminal && strcmp(terminal, "dumb") == 0);
}

static bool write_csv(const struct record *record, const char *path, struct error *error)
{
    struct draft draft;
    if (!draft_begin(&draft, path, error))
        return false;
    table_print_csv(record, draft.file);
    return draft_end(&draft, true, error);
}

static bool write_table(const struct record *record, struct error *error)
{
    table_print(record, terminal_width(), is_coloured(), stdout);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    return error_set(error, "writing to standard output failed");
}

static bool tell(bool good, const struct error *error)
{
    if (!good)
        text_say(stderr, "evermx-drill: %s\n", error->text);
    return good;
}

/* The files first: they keep times in the order that they came in, which figures are sorted out of.
 */
bool output_write(const struct output *output, struct record *record)
{
    struct error error;
    bool good = true;
    if (output->title)
        record_set_title(record, output->title);
    if (output->json)
        good = tell(record_write(record, output->json, &error), &error) && good;
    if (output->csv)
        good = tell(write_csv(record, output->csv, &error), &error) && good;
    if (!is_stdout(output->json) && !is_stdout(output->csv))
        good = tell(write_table(record, &error), &error) && good;
    for (size_t i = 0; i < output->nplots; i++)
        good = tell(plot_write(record, output->plots[i], &error), &error) && good;
    return good;
}
