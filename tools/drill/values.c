/* SPDX-License-Identifier: BSD-2-Clause */
#include "values.h"

#include "config/option.h"

#include <string.h>

enum { DIGITS_MAX = 9, DECIMALS_MAX = 3, UNIT_SIZE = 8 };

/* ---- numbers ---- */

static size_t digits_parse(const char *text, size_t most, int64_t *number)
{
    size_t digits = strspn(text, "0123456789");
    if (digits > most)
        return 0;
    for (size_t i = 0; i < digits; i++)
        *number = *number * 10 + (text[i] - '0');
    return digits;
}

/* In thousandths. Returns what follows; NULL: it is no such number. */
static const char *decimal_parse(const char *text, int64_t *thousandths)
{
    size_t digits = digits_parse(text, DIGITS_MAX, thousandths), decimals = 0;
    if (digits == 0 || (digits > 1 && *text == '0'))
        return NULL;
    text += digits;
    if (*text == '.') {
        decimals = digits_parse(text + 1, DECIMALS_MAX, thousandths);
        if (decimals == 0)
            return NULL;
        text += 1 + decimals;
    }
    for (; decimals < DECIMALS_MAX; decimals++)
        *thousandths *= 10;
    return text;
}

bool value_number(const char *text, int64_t least, int64_t most, int64_t *number,
                  struct error *error)
{
    const struct option option = {
        .type = OPTION_NUMBER, .size = sizeof *number, .min = least, .max = most};
    return option_parse(&option, text, number, NULL) ||
           error_set(error, "'%.100s' is no whole number from %lld to %lld", text, (long long)least,
                     (long long)most);
}

bool value_decimal(const char *text, int64_t least, int64_t most, double *number,
                   struct error *error)
{
    int64_t thousandths = 0;
    const char *end = decimal_parse(text, &thousandths);
    if (!end || *end || thousandths < least * 1000 || thousandths > most * 1000)
        return error_set(error, "'%.100s' is no number from %lld to %lld", text, (long long)least,
                         (long long)most);
    *number = (double)thousandths / 1000;
    return true;
}

/* ---- durations ---- */

/* Units are those of evermx.yaml: what one of it comes to is asked there. */
static bool unit_parse(const char *unit, int64_t *ms)
{
    const struct option option = {
        .type = OPTION_DURATION, .size = sizeof *ms, .min = 1, .max = INT64_MAX, .unit_ms = 1};
    char one[UNIT_SIZE + 1] = "1";
    if (!*unit)
        unit = "s";
    if (strlen(unit) >= UNIT_SIZE)
        return false;
    strcpy(one + 1, unit);
    return option_parse(&option, one, ms, NULL);
}

/* To the millisecond, if it is as many. */
static bool duration_parse(const char *text, int64_t *ms)
{
    int64_t thousandths = 0, unit_ms;
    const char *unit = decimal_parse(text, &thousandths);
    if (!unit || strspn(unit, "0123456789.") > 0 || !unit_parse(unit, &unit_ms) ||
        thousandths > INT64_MAX / unit_ms || thousandths * unit_ms % 1000 != 0)
        return false;
    *ms = thousandths * unit_ms / 1000;
    return true;
}

bool value_duration(const char *text, const struct duration_range *range, int64_t *ms,
                    struct error *error)
{
    char least[DURATION_SIZE], most[DURATION_SIZE];
    int64_t value;
    if (duration_parse(text, &value) && (!range->seconds || value % 1000 == 0) &&
        ((value >= range->least_ms && value <= range->most_ms) || (range->zero && value == 0))) {
        *ms = value;
        return true;
    }
    return error_set(error, "'%.100s' is no duration%s from %s to %s%s, like %s", text,
                     range->seconds ? " in whole seconds" : "",
                     duration_format(range->least_ms, least), duration_format(range->most_ms, most),
                     range->zero ? ", or 0" : "", range->seconds ? "30s or 5m" : "500ms or 10s");
}

const char *value_duration_text(int64_t ms, char text[DURATION_SIZE])
{
    return duration_format(ms, text);
}

/* ---- lists ---- */

bool value_word(const char **rest, char word[WORD_SIZE])
{
    if (!*rest)
        return false;
    size_t size = strcspn(*rest, ","), kept = size < WORD_SIZE ? size : WORD_SIZE - 1;
    memcpy(word, *rest, kept);
    word[kept] = '\0';
    *rest = (*rest)[size] ? *rest + size + 1 : NULL;
    return true;
}
