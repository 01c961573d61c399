/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads mappings against tables of options; see option.h. */
#include "config/option.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- values ---- */

static const struct { /* the longest first */
    const char *name;
    int64_t ms;
} units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

enum { UNITS = sizeof units / sizeof *units };

const char *duration_format(int64_t duration_ms, char text[32])
{
    int i = 0;
    while (duration_ms % units[i].ms != 0) /* ends: everything is whole milliseconds */
        i++;
    if (duration_ms == 0)
        strcpy(text, "0");
    else
        snprintf(text, 32, "%lld%s", (long long)(duration_ms / units[i].ms), units[i].name);
    return text;
}

/* Digits without sign or leading zero, at most 9 of them: no product with a unit overflows. Returns
 * what follows them, NULL where it is no such number. */
static const char *number_parse(const char *text, int64_t *number)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9 || (text[0] == '0' && digits > 1))
        return NULL;
    *number = 0;
    for (size_t i = 0; i < digits; i++)
        *number = *number * 10 + (text[i] - '0');
    return text + digits;
}

static void value_store(void *field, size_t size, int64_t value)
{
    switch (size) {
    case 1:
        *(uint8_t *)field = (uint8_t)value;
        return;
    case 2:
        *(uint16_t *)field = (uint16_t)value;
        return;
    case 4:
        *(uint32_t *)field = (uint32_t)value;
        return;
    default:
        assert(size == 8);
        *(uint64_t *)field = (uint64_t)value;
    }
}

static bool parse_number(const struct option *option, const char *text, void *field,
                         struct error *error)
{
    int64_t number;
    const char *end = number_parse(text, &number);
    if (!end || *end)
        return error_set(error, "'%.100s' is no whole number from %lld to %lld", text,
                         (long long)option->min, (long long)option->max);
    if (number < option->min || number > option->max)
        return error_set(error, "%s is out of range: %lld to %lld", text, (long long)option->min,
                         (long long)option->max);
    value_store(field, option->size, number);
    return true;
}

static bool parse_duration(const struct option *option, const char *text, void *field,
                           struct error *error)
{
    char least[32], most[32];
    int64_t number;
    const char *unit = number_parse(text, &number);
    bool none = option->zero && unit && number == 0;
    if (none && !*unit) {
        value_store(field, option->size, 0);
        return true;
    }
    if (unit && !*unit)
        return error_set(error, "'%s' needs a unit, like %ss (ms, s, m, h or d)", text, text);
    int i = 0;
    while (unit && i < UNITS && strcmp(unit, units[i].name) != 0)
        i++;
    if (!unit || i == UNITS)
        return error_set(
            error, "'%.100s' is no duration: a whole number and ms, s, m, h or d, like 2s or 500ms",
            text);
    number *= units[i].ms;
    if (!none && (number < option->min || number > option->max))
        return error_set(error, "%s is out of range: %s to %s%s", text,
                         duration_format(option->min, least), duration_format(option->max, most),
                         option->zero ? ", or 0" : "");
    if (number % option->unit_ms != 0)
        return error_set(error, "%s is not in whole seconds", text);
    value_store(field, option->size, number / option->unit_ms);
    return true;
}

static bool parse_percent(const struct option *option, const char *text, void *field,
                          struct error *error)
{
    int64_t number;
    const char *end = number_parse(text, &number);
    if (!end || (strcmp(end, "%") != 0 && (*end || number != 0)))
        return error_set(error, "'%.100s' is no percentage from %lld%% to %lld%%, like 50%%", text,
                         (long long)option->min, (long long)option->max);
    if (number < option->min || number > option->max)
        return error_set(error, "%s is out of range: %lld%% to %lld%%", text,
                         (long long)option->min, (long long)option->max);
    value_store(field, option->size, number);
    return true;
}

static bool parse_choice(const struct option *option, const char *text, void *field,
                         struct error *error)
{
    char all[256] = "";
    size_t length = 0;
    for (int i = 0; option->choices[i]; i++) {
        if (strcmp(option->choices[i], text) == 0) {
            value_store(field, option->size, i);
            return true;
        }
        length += (size_t)snprintf(all + length, sizeof all - length, "%s%s", i ? ", " : "",
                                   option->choices[i]);
        assert(length < sizeof all);
    }
    return error_set(error, "'%.100s' is none of: %s", text, all);
}

static bool parse_text(const struct option *option, const char *text, void *field,
                       struct error *error)
{
    size_t length = strlen(text);
    if (length < (size_t)option->min)
        return error_set(error, "it is empty");
    if (length > (size_t)option->max)
        return error_set(error, "%zu octets are too long: at most %lld", length,
                         (long long)option->max);
    *(const char **)field = text;
    return true;
}

bool option_parse(const struct option *option, const char *text, void *record, struct error *error)
{
    void *field = (char *)record + option->offset;
    switch (option->type) {
    case OPTION_NUMBER:
        return parse_number(option, text, field, error);
    case OPTION_DURATION:
        return parse_duration(option, text, field, error);
    case OPTION_PERCENT:
        return parse_percent(option, text, field, error);
    case OPTION_CHOICE:
        return parse_choice(option, text, field, error);
    default:
        return parse_text(option, text, field, error);
    }
}

void options_default(const struct option_section *section, void *record)
{
    for (; section; section = section->more) {
        for (size_t i = 0; i < section->count; i++) {
            const struct option *option = &section->rows[i];
            bool good = !option->fallback || option_parse(option, option->fallback,
                                                          (char *)record + section->base, NULL);
            assert(good);
            (void)good;
        }
    }
}

/* ---- nodes ---- */

bool tree_expect(struct reader *reader, const struct tree_node *node, enum tree_kind kind,
                 const char *what)
{
    static const char *const words[] = {
        [TREE_NOTHING] = "nothing",
        [TREE_TEXT] = "a single value",
        [TREE_LIST] = "a list [...]",
        [TREE_MAPPING] = "a mapping {key: value, ...}",
    };
    if (node->kind == kind)
        return true;
    if (node->kind == TREE_BROKEN)
        return false;
    return report(reader, node->place, "%s: must be %s, not %s", what, words[kind],
                  words[node->kind]);
}

const struct tree_node *tree_find(const struct tree_node *mapping, const char *key)
{
    if (mapping->kind != TREE_MAPPING)
        return NULL;
    for (const struct tree_node *at = mapping->first; at; at = at->next)
        if (strcmp(at->text, key) == 0)
            return at->value;
    return NULL;
}

bool key_is_new(struct arena *arena, struct table *seen, const void *key, size_t size,
                struct config_place place, uint32_t *line)
{
    if (table_get(seen, key, size, line))
        return false;
    table_put(seen, arena_pack(arena, key, size), size, (uint32_t)place.line);
    return true;
}

const char *path_resolve(struct reader *reader, const char *path)
{
    return path[0] == '/' || path[0] == '\0'
               ? arena_strdup(reader->config->arena, path)
               : arena_printf(reader->config->arena, "%s%s", reader->folder, path);
}

/* ---- suggestions ---- */

enum { SUGGEST_MAX_LENGTH = 64 };

/* The length of the longest common subsequence: it finds 'greeting-timeout' for 'grace-time', which
 * an edit distance does not. */
static size_t common_length(const char *one, const char *other)
{
    size_t row[SUGGEST_MAX_LENGTH + 1] = {0};
    for (; *one; one++) {
        size_t diagonal = 0;
        for (size_t i = 0; other[i]; i++) {
            size_t above = row[i + 1];
            if (*one == other[i])
                row[i + 1] = diagonal + 1;
            else if (row[i] > above)
                row[i + 1] = row[i];
            diagonal = above;
        }
    }
    return row[strlen(other)];
}

const char *suggest(struct reader *reader, const char *text, const char *const *names, size_t count)
{
    size_t best_percent = 59, length = strlen(text); /* less than 60 % in common is no near name */
    const char *best = NULL;
    if (length > SUGGEST_MAX_LENGTH || reader->diagnostics->dropped)
        return "";
    for (size_t i = 0; i < count; i++) {
        size_t other_length = strlen(names[i]);
        if (other_length > SUGGEST_MAX_LENGTH)
            continue;
        size_t percent = 200 * common_length(text, names[i]) / (length + other_length);
        if (percent > best_percent) {
            best_percent = percent;
            best = names[i];
        }
    }
    return best ? arena_printf(reader->scratch, "; did you mean '%s'?", best) : "";
}

/* ---- sections ---- */

static size_t section_names(const struct option_section *section, const char *names[OPTIONS_MAX])
{
    size_t count = 0;
    for (; section; section = section->more)
        for (size_t i = 0; i < section->count; i++) {
            assert(count < OPTIONS_MAX);
            names[count++] = section->rows[i].name;
        }
    return count;
}

static void report_unknown(struct reader *reader, const struct option_section *section,
                           const struct tree_node *key, const char *const *names, size_t count)
{
    char known[1024] = "";
    size_t length = 0;
    const char *near = suggest(reader, key->text, names, count);
    for (size_t i = 0; i < count && !*near; i++) {
        length += (size_t)snprintf(known + length, sizeof known - length, "%s%s",
                                   i ? ", " : "; known here: ", names[i]);
        assert(length < sizeof known);
    }
    report(reader, key->place, "unknown option '%s' in %s%s%s", key->text, section->name, near,
           known);
}

/* Finds the key of each row; reports the keys that have no row, or have it to share. */
static void match_keys(struct reader *reader, const struct option_section *section,
                       const struct tree_node *mapping, const struct tree_node *keys[OPTIONS_MAX])
{
    const char *names[OPTIONS_MAX];
    size_t count = section_names(section, names);
    for (const struct tree_node *key = mapping->first; key; key = key->next) {
        size_t i = 0;
        while (i < count && strcmp(names[i], key->text) != 0)
            i++;
        if (i == count)
            report_unknown(reader, section, key, names, count);
        else if (keys[i])
            report(reader, key->place, "'%s' is given twice, first in line %d", key->text,
                   keys[i]->place.line);
        else
            keys[i] = key;
    }
}

/* Whether the option was given, and well. */
static bool option_read(struct reader *reader, const struct option *option,
                        const struct tree_node *node, void *record)
{
    static const enum tree_kind kinds[] = {
        [OPTION_LIST] = TREE_LIST,
        [OPTION_MAPPING] = TREE_MAPPING,
    };
    char what[64];
    if (node->kind == TREE_NOTHING && option->may_be_empty)
        return false;
    if (node->kind == TREE_NOTHING)
        return report(reader, node->place, "'%s' has no value", option->name);
    snprintf(what, sizeof what, "'%s'", option->name);
    if (option->type != OPTION_ANY &&
        !tree_expect(reader, node, option->type < OPTION_LIST ? TREE_TEXT : kinds[option->type],
                     what))
        return false;
    if (option->read) {
        option->read(reader, node, record);
        return true;
    }
    struct error error;
    const char *text = option->type == OPTION_PATH
                           ? path_resolve(reader, node->text)
                           : arena_strdup(reader->config->arena, node->text);
    return option_parse(option, text, record, &error) ||
           report(reader, node->place, "'%s': %s", option->name, error.text);
}

unsigned options_read(struct reader *reader, const struct option_section *section,
                      const struct tree_node *mapping, void *record)
{
    const struct tree_node *keys[OPTIONS_MAX] = {NULL};
    unsigned given = 0;
    size_t at = 0;
    if (mapping->kind == TREE_MAPPING)
        match_keys(reader, section, mapping, keys);
    for (; section; section = section->more) {
        for (size_t i = 0; i < section->count; i++) {
            const struct option *option = &section->rows[i];
            const struct tree_node *key = keys[at++];
            if (!key && option->required)
                report(reader, mapping->place, "'%s' is missing in %s", option->name,
                       section->name);
            else if (key && option_read(reader, option, key->value, (char *)record + section->base))
                given |= option->bit;
        }
    }
    return given;
}
