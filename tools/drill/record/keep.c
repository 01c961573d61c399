/* SPDX-License-Identifier: BSD-2-Clause */
#include "keep.h"

#include "base/memory.h"
#include "draft.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- writing: a series, and a repetition, is a line, for those who read it by grep or by eye ----
 */

/* More digits than a double has make 0.1 look like 0.10000000000000001. */
enum { FORM = JSON_ENCODE_ANY | JSON_REAL_PRECISION(15) };

static void print_json(json_t *json, FILE *file)
{
    json_dumpf(json, file, FORM);
    json_decref(json);
}

static void print_text(const char *before, const char *value, FILE *file)
{
    fputs(before, file);
    print_json(text_to_json(value), file);
}

static void print_series(const struct series *series, FILE *file)
{
    const struct series_key *key = &series->key;
    print_text("{\"system\": ", key->system, file);
    print_text(", \"kind\": ", key->kind, file);
    print_text(", \"place\": ", place_word(key->place), file);
    print_text(", \"name\": ", key->name, file);
    print_text(", \"phase\": ", phase_word(key->phase), file);
    fprintf(file, ", \"predicted\": %s, \"never\": %zu, \"times_s\": [",
            key->predicted ? "true" : "false", series->figures.never);
    for (size_t i = 0; i < series->figures.count; i++)
        fprintf(file, "%s%.6f", i ? ", " : "", series->figures.times_s[i]);
    fputs("]}", file);
}

void keep_print(const struct record *record, FILE *file)
{
    const json_t *each;
    size_t index;
    print_text("{\"format\": \"" KEEP_FORMAT "\",\n \"title\": ", record->title, file);
    fputs(",\n \"settings\": ", file);
    print_json(json_incref(record->settings), file);
    fputs(",\n \"series\": [", file);
    for (size_t i = 0; i < record->nseries; i++) {
        fputs(i ? ",\n  " : "\n  ", file);
        print_series(record->series[i], file);
    }
    fputs("],\n \"repetitions\": [", file);
    json_array_foreach(record->repetitions, index, each)
    {
        fputs(index ? ",\n  " : "\n  ", file);
        json_dumpf(each, file, FORM);
    }
    fputs("]}\n", file);
}

bool record_write(const struct record *record, const char *path, struct error *error)
{
    struct draft draft;
    if (!draft_begin(&draft, path, error))
        return false;
    keep_print(record, draft.file);
    return draft_end(&draft, true, error);
}

/* ---- reading ---- */

/* The word's number in a list of so many; -1: it is none of them. */
static int find_word(const char *word, const char *(*tell)(unsigned number), unsigned count)
{
    for (unsigned i = 0; word && i < count; i++)
        if (strcmp(word, tell(i)) == 0)
            return (int)i;
    return -1;
}

static const char *tell_place(unsigned number)
{
    return place_word((enum place)number);
}

static const char *tell_phase(unsigned number)
{
    return phase_word((enum phase)number);
}

static bool parse_key(const json_t *json, size_t index, struct series_key *key, struct error *error)
{
    static const char *const names[] = {"system", "kind", "place", "name", "phase"};
    const char *texts[5];
    for (size_t i = 0; i < 5; i++) {
        texts[i] = json_string_value(json_object_get(json, names[i]));
        if (!texts[i])
            return error_set(error, "series[%zu].%s: must be a text", index, names[i]);
    }
    int place = find_word(texts[2], tell_place, PLACES);
    int phase = find_word(texts[4], tell_phase, PHASES);
    if (place < 0)
        return error_set(error, "series[%zu].place: there is no place \"%.40s\"", index, texts[2]);
    if (phase < 0)
        return error_set(error, "series[%zu].phase: there is no phase \"%.40s\"", index, texts[4]);
    const json_t *predicted = json_object_get(json, "predicted");
    if (predicted && !json_is_boolean(predicted))
        return error_set(error, "series[%zu].predicted: must be true or false", index);
    *key = (struct series_key){.system = texts[0],
                               .kind = texts[1],
                               .place = (enum place)place,
                               .name = texts[3],
                               .phase = (enum phase)phase,
                               .predicted = json_is_true(predicted)};
    return true;
}

static bool parse_figures(const json_t *json, size_t index, struct figures *figures,
                          struct error *error)
{
    const json_t *never = json_object_get(json, "never"), *each;
    const json_t *times = json_object_get(json, "times_s");
    double count = json_number_value(never);
    size_t at;
    if (never && (!json_is_number(never) || !(count >= 0 && count <= RECORD_NEVER_MAX) ||
                  count != floor(count)))
        return error_set(error, "series[%zu].never: must be a whole number from 0 to %.0f", index,
                         RECORD_NEVER_MAX);
    if (!json_is_array(times))
        return error_set(error, "series[%zu].times_s: must be a list of numbers", index);
    json_array_foreach(times, at, each)
    {
        double time_s = json_number_value(each);
        if (!json_is_number(each) || !(time_s >= 0 && time_s <= RECORD_TIME_MAX_S))
            return error_set(error,
                             "series[%zu].times_s[%zu]: must be a number of seconds from 0 to %.0f",
                             index, at, RECORD_TIME_MAX_S);
        figures_add(figures, time_s);
    }
    figures->never += (size_t)count;
    return true;
}

static bool parse_all_series(const json_t *list, struct record *record, struct error *error)
{
    const json_t *each;
    size_t index;
    if (!json_is_array(list))
        return error_set(error, "series: must be a list");
    if (json_array_size(list) > RECORD_SERIES_MAX)
        return error_set(error, "series: %zu are more than %d", json_array_size(list),
                         RECORD_SERIES_MAX);
    json_array_foreach(list, index, each)
    {
        struct series_key key;
        if (!json_is_object(each))
            return error_set(error, "series[%zu]: must be an object", index);
        if (!parse_key(each, index, &key, error) ||
            !parse_figures(each, index, &record_series(record, &key)->figures, error))
            return false;
    }
    return true;
}

static bool parse_settings(json_t *settings, struct record *record, struct error *error)
{
    const char *name;
    json_t *value;
    if (!settings)
        return true;
    if (!json_is_object(settings))
        return error_set(error, "settings: must be an object");
    json_object_foreach(
        settings, name,
        value) if (!json_is_string(value) &&
                   !json_is_number(
                       value)) return error_set(error, "settings.%.40s: must be a text or a number",
                                                name);
    json_object_update(record->settings, settings);
    return true;
}

static bool parse_repetitions(json_t *repetitions, struct record *record, struct error *error)
{
    const json_t *each;
    size_t index;
    if (!repetitions)
        return true;
    if (!json_is_array(repetitions))
        return error_set(error, "repetitions: must be a list");
    json_array_foreach(repetitions, index, each) if (!json_is_object(each)) return error_set(
        error, "repetitions[%zu]: must be an object", index);
    json_array_extend(record->repetitions, repetitions);
    return true;
}

static struct record *parse_document(json_t *document, struct error *error)
{
    const char *format = json_string_value(json_object_get(document, "format"));
    const char *title = json_string_value(json_object_get(document, "title"));
    if (!format || strcmp(format, KEEP_FORMAT) != 0) {
        error_set(error, "format: must be \"" KEEP_FORMAT "\": this is no record of evermx-drill");
        return NULL;
    }
    if (!title) {
        error_set(error, "title: must be a text");
        return NULL;
    }
    struct record *record = record_new(title);
    if (parse_settings(json_object_get(document, "settings"), record, error) &&
        parse_all_series(json_object_get(document, "series"), record, error) &&
        parse_repetitions(json_object_get(document, "repetitions"), record, error))
        return record;
    record_free(record);
    return NULL;
}

struct record *keep_parse(const char *text, size_t size, struct error *error)
{
    struct error why = {""};
    json_error_t syntax;
    struct record *record = NULL;
    json_t *document = json_loadb(text, size, JSON_REJECT_DUPLICATES, &syntax);
    if (document)
        record = parse_document(document, &why);
    else
        error_set(&why, "line %d, column %d: %s", syntax.line, syntax.column, syntax.text);
    json_decref(document);
    if (!record) {
        char *cited = text_clean(why.text, sizeof why.text); /* it goes to a terminal */
        error_set(error, "%s", cited);
        free(cited);
    }
    return record;
}

/* All of it; NULL: error. */
static char *read_whole(int descriptor, size_t *size, struct error *error)
{
    char *text = NULL;
    size_t capacity = 0;
    ssize_t got;
    for (*size = 0;; *size += (size_t)got) {
        if (capacity - *size < 4096) {
            capacity = capacity ? 2 * capacity : 65536;
            text = memory_resize(text, capacity, 1);
        }
        got = read(descriptor, text + *size, capacity - *size);
        if (got == 0)
            return text;
        if (got < 0 && errno == EINTR)
            got = 0;
        else if (got < 0)
            error_set(error, "%s", strerror(errno));
        else if (*size + (size_t)got > RECORD_FILE_MAX)
            error_set(error, "it is larger than %d MiB", RECORD_FILE_MAX >> 20), got = -1;
        if (got < 0)
            break;
    }
    free(text);
    return NULL;
}

struct record *record_read(const char *path, struct error *error)
{
    bool is_input = strcmp(path, "-") == 0;
    struct error why = {""};
    struct record *record = NULL;
    size_t size = 0;
    int descriptor = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    char *text = NULL;
    if (descriptor < 0)
        error_set(&why, "%s", strerror(errno));
    else
        text = read_whole(descriptor, &size, &why);
    if (text)
        record = keep_parse(text, size, &why);
    free(text);
    if (descriptor >= 0 && !is_input)
        close(descriptor);
    if (!record)
        error_set(error, "reading %s: %s", is_input ? "standard input" : path, why.text);
    return record;
}
