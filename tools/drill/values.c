/* SPDX-License-Identifier: BSD-2-Clause */
#include "values.h"

#include "config/option.h"

bool value_duration(const char *text, int64_t least_ms, int64_t most_ms, bool zero, int64_t *ms,
                    struct error *error)
{
    const struct option option = {.type = OPTION_DURATION,
                                  .size = sizeof *ms,
                                  .min = least_ms,
                                  .max = most_ms,
                                  .unit_ms = 1,
                                  .zero = zero};
    return option_parse(&option, text, ms, error);
}

bool value_number(const char *text, int64_t least, int64_t most, int64_t *number,
                  struct error *error)
{
    const struct option option = {
        .type = OPTION_NUMBER, .size = sizeof *number, .min = least, .max = most};
    return option_parse(&option, text, number, error);
}
