/* SPDX-License-Identifier: BSD-2-Clause */
/* The command lines of the subcommands: getopt's rows, what options take, and what is said of those
 * that are wrong, which ends the program with DRILL_WRONG_USAGE. As getopt, for the main thread
 * alone. */
#ifndef EVERMX_DRILL_OPTIONS_H
#define EVERMX_DRILL_OPTIONS_H

#include "base/address.h"
#include "values.h"

#include <getopt.h>
#include <stdint.h>

struct usage {
    const char *subcommand;    /* "watch" */
    const struct option *rows; /* closed by one of zeros; -h is known to all */
};

/* The next option, its value in optarg; -1: there are none left, and arguments begin at optind. */
int usage_next(const struct usage *usage, int argc, char **argv);

/* "evermx-drill watch: --name: why; ..."; option 0: of none. Whatever is cited may hold anything.
 */
_Noreturn void usage_wrong(const struct usage *usage, int option, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* An argument that is no option's. */
_Noreturn void usage_idle(const struct usage *usage, const char *argument);

int64_t usage_duration_ms(const struct usage *usage, int option, const char *text,
                          const struct duration_range *range);
int64_t usage_number(const struct usage *usage, int option, const char *text, int64_t least,
                     int64_t most);
double usage_decimal(const struct usage *usage, int option, const char *text, int64_t least,
                     int64_t most);

/* The index into known, which is closed by NULL. */
size_t usage_choice(const struct usage *usage, int option, const char *text,
                    const char *const *known);

/* ADDRESS or ADDRESS@PORT; without that, DNS's. */
void usage_place(const struct usage *usage, int option, const char *text, struct address *address,
                 uint16_t *port);
_Noreturn void usage_twice(const struct usage *usage, int option, const char *text);

#endif
