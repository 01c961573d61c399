/* SPDX-License-Identifier: BSD-2-Clause */
/* Values of options, as all subcommands read them. Numbers are digits alone, without a sign,
 * leading zeros or exponents: at most 9, and in decimals at most 3 more behind a point. Errors tell
 * what was given, and what is expected. Pure; any thread. */
#ifndef EVERMX_DRILL_VALUES_H
#define EVERMX_DRILL_VALUES_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct duration_range {
    int64_t least_ms, most_ms;
    bool zero;    /* outside the range: 0 is "none of it" */
    bool seconds; /* in whole ones */
};

/* "500ms", "1.5s", "5m" with the units of evermx.yaml(5); a number alone is in seconds. To the
 * millisecond. */
bool value_duration(const char *text, const struct duration_range *range, int64_t *ms,
                    struct error *error);

/* As the longest unit has it in whole numbers: "90s". */
enum { DURATION_SIZE = 32 };
const char *value_duration_text(int64_t ms, char text[DURATION_SIZE]);

bool value_number(const char *text, int64_t least, int64_t most, int64_t *number,
                  struct error *error);
bool value_decimal(const char *text, int64_t least, int64_t most, double *number,
                   struct error *error);

/* The next word of a list, "kill,power", which *rest is moved behind: at most WORD_SIZE - 1 octets,
 * what is longer being none that anybody expects. False: there is none left. */
enum { WORD_SIZE = 64 };
bool value_word(const char **rest, char word[WORD_SIZE]);

#endif
