/* SPDX-License-Identifier: BSD-2-Clause */
#include "options.h"

#include "base/memory.h"
#include "drill.h"
#include "record/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DNS_PORT = 53, WHY_SIZE = 600, OPTION_COLUMNS = 100 };

/* ---- what is wrong ---- */

/* In one line, whatever is cited. */
_Noreturn static void wrong(const struct usage *usage, const char *option, const char *why)
{
    char *name = text_clean(option, OPTION_COLUMNS), *reason = text_clean(why, WHY_SIZE);
    fprintf(stderr, "evermx-drill %s: %s%s%s; `evermx-drill %s --help` tells the options\n",
            usage->subcommand, name, *name ? ": " : "", reason, usage->subcommand);
    exit(DRILL_WRONG_USAGE);
}

static void name_option(const struct usage *usage, int option, char text[WORD_SIZE])
{
    *text = '\0';
    for (const struct option *row = usage->rows; option && row->name; row++)
        if (row->val == option) {
            snprintf(text, WORD_SIZE, "--%s", row->name);
            return;
        }
}

void usage_wrong(const struct usage *usage, int option, const char *format, ...)
{
    char name[WORD_SIZE], why[WHY_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    name_option(usage, option, name);
    wrong(usage, name, why);
}

void usage_idle(const struct usage *usage, const char *argument)
{
    usage_wrong(usage, 0, "'%.100s' is no option, and no other argument is expected", argument);
}

void usage_twice(const struct usage *usage, int option, const char *text)
{
    usage_wrong(usage, option, "'%.100s' is given twice", text);
}

/* ---- options ---- */

int usage_next(const struct usage *usage, int argc, char **argv)
{
    int option = getopt_long(argc, argv, ":h", usage->rows, NULL);
    if (option != '?' && option != ':')
        return option;
    char name[WORD_SIZE], letter[] = {'-', (char)optopt, '\0'};
    name_option(usage, optopt, name);
    if (option == ':')
        wrong(usage, name, "lacks its value");
    if (*name)
        wrong(usage, name, "takes no value");
    if (optopt)
        wrong(usage, letter, "is no option");
    wrong(usage, argv[optind - 1], "is no option, or short for several");
}

/* ---- values ---- */

int64_t usage_duration_ms(const struct usage *usage, int option, const char *text,
                          const struct duration_range *range)
{
    struct error error;
    int64_t ms;
    if (!value_duration(text, range, &ms, &error))
        usage_wrong(usage, option, "%s", error.text);
    return ms;
}

int64_t usage_number(const struct usage *usage, int option, const char *text, int64_t least,
                     int64_t most)
{
    struct error error;
    int64_t number;
    if (!value_number(text, least, most, &number, &error))
        usage_wrong(usage, option, "%s", error.text);
    return number;
}

double usage_decimal(const struct usage *usage, int option, const char *text, int64_t least,
                     int64_t most)
{
    struct error error;
    double number;
    if (!value_decimal(text, least, most, &number, &error))
        usage_wrong(usage, option, "%s", error.text);
    return number;
}

size_t usage_choice(const struct usage *usage, int option, const char *text,
                    const char *const *known)
{
    for (size_t i = 0; known[i]; i++)
        if (strcmp(known[i], text) == 0)
            return i;
    char *all = memory_strdup(known[0]);
    for (size_t i = 1; known[i]; i++) {
        char *more = memory_printf("%s, %s", all, known[i]);
        free(all);
        all = more;
    }
    usage_wrong(usage, option, "'%.100s' is none of: %s", text, all);
}

void usage_place(const struct usage *usage, int option, const char *text, struct address *address,
                 uint16_t *port)
{
    if (!endpoint_parse(text, DNS_PORT, address, port))
        usage_wrong(usage, option, "'%.100s' is no ADDRESS or ADDRESS@PORT, like 192.0.2.53@53",
                    text);
}
