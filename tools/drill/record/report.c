/* SPDX-License-Identifier: BSD-2-Clause */
/* What was kept, shown again: several files together, or a part of them. */
#include "../drill.h"
#include "output.h"
#include "text.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage_text[] =
    "usage: evermx-drill report [OPTION ...] FILE ...\n"
    "Shows what was kept by --json; FILE -: standard input. Series of several files that are\n"
    "of the same system, kind, place, name and phase add up.\n"
    "  --only WHAT=WORD  just those whose system, kind, place, name or phase is WORD; again:\n"
    "                    also another word, or another WHAT that must hold, too\n"
    "  -h, --help\n";
static const char usage_end[] =
    "Exit status: 0 all was noticed, 1 a failure was never noticed, 2 wrong usage, 3 no file.\n";

enum { OPTION_ONLY = 256, ONLY_MAX = 32 };

struct request {
    struct output output;
    const char *only[ONLY_MAX];
    size_t nonly;
};

static const struct option names[] = {
    {"only", required_argument, NULL, OPTION_ONLY},
    {"help", no_argument, NULL, 'h'},
    OUTPUT_OPTIONS,
    {NULL, 0, NULL, 0},
};
static const struct usage usage = {"report", names};

/* ---- a part ---- */

/* The value of a word as in --only; NULL: there is no such. */
static const char *key_value(const struct series_key *key, const char *word, size_t size)
{
    const struct {
        const char *word, *value;
    } rows[] = {
        {"system", key->system},           {"kind", key->kind},
        {"place", place_word(key->place)}, {"name", key->name},
        {"phase", phase_word(key->phase)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strlen(rows[i].word) == size && strncmp(rows[i].word, word, size) == 0)
            return rows[i].value;
    return NULL;
}

static void take_only(struct request *request, const char *text)
{
    const struct series_key none = {.system = "", .kind = "", .name = ""};
    const char *equals = strchr(text, '=');
    if (!equals || !key_value(&none, text, (size_t)(equals - text)))
        usage_wrong(&usage, OPTION_ONLY,
                    "'%.100s' is not system, kind, place, name or phase, = and a word", text);
    if (request->nonly == ONLY_MAX)
        usage_wrong(&usage, OPTION_ONLY, "there are too many of them");
    request->only[request->nonly++] = text;
}

/* Of those that ask for the same thing one must hold, of each thing. */
static bool is_wanted(const struct request *request, const struct series_key *key)
{
    for (size_t i = 0; i < request->nonly; i++) {
        size_t size = strcspn(request->only[i], "=") + 1;
        const char *value = key_value(key, request->only[i], size - 1);
        bool holds = false;
        for (size_t j = 0; j < request->nonly; j++)
            if (strncmp(request->only[j], request->only[i], size) == 0)
                holds = holds || strcmp(request->only[j] + size, value) == 0;
        if (!holds)
            return false;
    }
    return true;
}

static void keep_wanted(const struct request *request, struct record *record)
{
    for (size_t i = record->nseries; i-- > 0;)
        if (!is_wanted(request, &record->series[i]->key))
            record_remove(record, i);
}

/* ---- files ---- */

/* Whether it is one of those in "10 | 5". */
static bool is_among(const char *values, const char *value)
{
    static const char between[] = " | ";
    size_t size = strlen(value);
    for (const char *at = values; at; at = strstr(at, between)) {
        if (at != values)
            at += strlen(between);
        if (strncmp(at, value, size) == 0 &&
            (!at[size] || strncmp(at + size, between, strlen(between)) == 0))
            return true;
    }
    return false;
}

/* What differs between the files is told with all that it was. */
static void merge_settings(struct record *record, struct record *other)
{
    const char *name;
    json_t *value;
    json_object_foreach(other->settings, name, value)
    {
        json_t *ours = json_object_get(record->settings, name);
        if (!ours) {
            json_object_set(record->settings, name, value);
        } else if (!json_equal(ours, value)) {
            char *one = text_of_setting(ours), *two = text_of_setting(value);
            char *both = memory_printf("%s | %s", one, two);
            if (!is_among(one, two))
                record_set(record, name, both);
            free(both);
            free(two);
            free(one);
        }
    }
}

/* Counted twice, times would seem surer than they are. */
static bool is_same(const struct record *one, const struct record *other)
{
    return json_array_size(one->repetitions) && json_equal(one->settings, other->settings) &&
           json_equal(one->repetitions, other->repetitions);
}

static bool is_shared(const struct record *one, const struct record *other)
{
    for (size_t i = 0; i < other->nseries; i++)
        if (!other->series[i]->key.predicted && record_find(one, &other->series[i]->key))
            return true;
    return false;
}

/* Of an MX and of an SRV record, say: times of both stand in one line of the table then. */
static void warn_of_questions(const struct record *record, const struct record *next,
                              const char *path)
{
    const char *ours = json_string_value(json_object_get(record->settings, "question"));
    const char *theirs = json_string_value(json_object_get(next->settings, "question"));
    if (ours && theirs && !is_among(ours, theirs) && is_shared(record, next))
        text_say(stderr,
                 "evermx-drill: %s asked for %s, the files before it for %s; the times of both are "
                 "counted as one's\n",
                 path, theirs, ours);
}

static bool add_to(struct record *record, struct record *next, char **paths, size_t index)
{
    warn_of_questions(record, next, paths[index]);
    merge_settings(record, next);
    record_merge(record, next);
    if (record->nseries <= RECORD_SERIES_MAX)
        return true;
    text_say(stderr, "evermx-drill: with %s these are more than %d series\n", paths[index],
             RECORD_SERIES_MAX);
    return false;
}

/* False: told. */
static bool read_each(char **paths, size_t count, struct record **records)
{
    struct error error;
    for (size_t i = 0; i < count; i++) {
        records[i] = record_read(paths[i], &error);
        if (!records[i]) {
            text_say(stderr, "evermx-drill: %s\n", error.text);
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (is_same(records[i], records[j])) {
                text_say(stderr, "evermx-drill: %s and %s hold the same repetitions\n", paths[j],
                         paths[i]);
                return false;
            }
        }
    }
    return true;
}

static struct record *read_all(char **paths, size_t count)
{
    struct record **records = memory_array(count, sizeof(struct record *)), *all = NULL;
    bool good = read_each(paths, count, records);
    for (size_t i = 1; i < count && good; i++)
        good = add_to(records[0], records[i], paths, i);
    for (size_t i = good; i < count && records[i]; i++)
        record_free(records[i]);
    if (good)
        all = records[0];
    free(records);
    return all;
}

/* ---- options ---- */

static void read_options(int argc, char **argv, struct request *request)
{
    int option;
    while ((option = usage_next(&usage, argc, argv)) != -1) {
        if (output_option(&usage, &request->output, option, optarg))
            continue;
        if (option == 'h') {
            printf("%s%s%s", usage_text, output_help, usage_end);
            exit(DRILL_DONE);
        }
        take_only(request, optarg);
    }
    if (optind == argc)
        usage_wrong(&usage, 0, "no file is given");
}

int drill_report(int argc, char **argv)
{
    struct request request = {0};
    read_options(argc, argv, &request);
    struct record *record = read_all(argv + optind, (size_t)(argc - optind));
    if (!record)
        return DRILL_IMPOSSIBLE;
    size_t all = record->nseries;
    keep_wanted(&request, record);
    if (all && !record->nseries) {
        fputs("evermx-drill: no series is as --only says\n", stderr);
        record_free(record);
        return DRILL_IMPOSSIBLE;
    }
    int status = record_has_unnoticed(record) ? DRILL_UNNOTICED : DRILL_DONE;
    if (!output_write(&request.output, record))
        status = DRILL_IMPOSSIBLE;
    record_free(record);
    return status;
}
