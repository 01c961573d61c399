/* SPDX-License-Identifier: BSD-2-Clause */
#include "record.h"

#include "base/memory.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

static const char *const phase_words[PHASES] = {
    [PHASE_EVIDENCE] = "evidence",
    [PHASE_LEFT] = "left",
    [PHASE_SERVED] = "served",
    [PHASE_BACK] = "back",
};
static const char *const phase_texts[PHASES] = {
    [PHASE_EVIDENCE] = "first bad evidence",
    [PHASE_LEFT] = "out of the answers",
    [PHASE_SERVED] = "next one served",
    [PHASE_BACK] = "back in the answers",
};
static const char *const place_words[PLACES] = {
    [PLACE_SERVER] = "server", [PLACE_RESOLVER] = "resolver", [PLACE_SENDER] = "sender",
    [PLACE_USER] = "users",    [PLACE_HOST] = "host",
};

const char *phase_word(enum phase phase)
{
    return phase_words[phase];
}

const char *phase_text(enum phase phase)
{
    return phase_texts[phase];
}

const char *place_word(enum place place)
{
    return place_words[place];
}

struct record *record_new(const char *title)
{
    struct record *record = memory_alloc(sizeof *record);
    record->title = memory_strdup(title);
    record->settings = json_object();
    record->repetitions = json_array();
    if (!record->settings || !record->repetitions)
        memory_exhausted(sizeof *record);
    return record;
}

static void series_free(struct series *series)
{
    figures_free(&series->figures);
    free((char *)series->key.system);
    free((char *)series->key.kind);
    free((char *)series->key.name);
    free(series);
}

void record_free(struct record *record)
{
    for (size_t i = 0; i < record->nseries; i++)
        series_free(record->series[i]);
    free(record->series);
    json_decref(record->settings);
    json_decref(record->repetitions);
    free(record->title);
    free(record);
}

void record_set_title(struct record *record, const char *title)
{
    char *copy = memory_strdup(title);
    free(record->title);
    record->title = copy;
}

void record_set(struct record *record, const char *key, const char *value)
{
    json_object_set_new(record->settings, key, text_to_json(value));
}

void record_set_number(struct record *record, const char *key, double value)
{
    json_object_set_new(record->settings, key, json_real(value));
}

static bool keys_are_equal(const struct series_key *one, const struct series_key *other)
{
    return one->place == other->place && one->phase == other->phase &&
           one->predicted == other->predicted && strcmp(one->system, other->system) == 0 &&
           strcmp(one->kind, other->kind) == 0 && strcmp(one->name, other->name) == 0;
}

struct series *record_find(const struct record *record, const struct series_key *key)
{
    for (size_t i = 0; i < record->nseries; i++)
        if (keys_are_equal(&record->series[i]->key, key))
            return record->series[i];
    return NULL;
}

struct series *record_series(struct record *record, const struct series_key *key)
{
    struct series *series = record_find(record, key);
    if (series)
        return series;
    series = memory_alloc(sizeof *series);
    series->key = *key;
    series->key.system = memory_strdup(key->system);
    series->key.kind = memory_strdup(key->kind);
    series->key.name = memory_strdup(key->name);
    record->series =
        memory_grow(record->series, record->nseries, &record->capacity, sizeof *record->series);
    record->series[record->nseries++] = series;
    return series;
}

void record_remove(struct record *record, size_t index)
{
    struct series **at = &record->series[index];
    series_free(*at);
    memmove(at, at + 1, (--record->nseries - index) * sizeof(struct series *));
}

bool record_has_unnoticed(const struct record *record)
{
    for (size_t i = 0; i < record->nseries; i++)
        if (!record->series[i]->key.predicted && record->series[i]->figures.never)
            return true;
    return false;
}

/* ---- order ---- */

/* A series with what decides where it stands, the first first. */
enum { RANKS = 6 };
struct ranked {
    struct series *series;
    size_t ranks[RANKS];
};

enum text { TEXT_KIND, TEXT_SYSTEM, TEXT_NAME };

static const char *key_text(const struct series *series, enum text text)
{
    const struct series_key *key = &series->key;
    return text == TEXT_KIND ? key->kind : text == TEXT_SYSTEM ? key->system : key->name;
}

/* The first series that has the same text as this one. */
static size_t first_with(const struct record *record, size_t index, enum text text)
{
    size_t first = 0;
    while (strcmp(key_text(record->series[first], text), key_text(record->series[index], text)) !=
           0)
        first++;
    return first;
}

static int compare_ranked(const void *one, const void *other)
{
    const struct ranked *a = one, *b = other;
    for (size_t i = 0; i < RANKS; i++)
        if (a->ranks[i] != b->ranks[i])
            return a->ranks[i] < b->ranks[i] ? -1 : 1;
    return 0;
}

struct series **record_ordered(const struct record *record)
{
    struct ranked *list = memory_array(record->nseries, sizeof *list);
    struct series **ordered = memory_array(record->nseries, sizeof(struct series *));
    for (size_t i = 0; i < record->nseries; i++) {
        const struct series_key *key = &record->series[i]->key;
        list[i] = (struct ranked){record->series[i],
                                  {first_with(record, i, TEXT_KIND), key->phase,
                                   first_with(record, i, TEXT_SYSTEM), key->place,
                                   first_with(record, i, TEXT_NAME), key->predicted}};
    }
    qsort(list, record->nseries, sizeof *list, compare_ranked);
    for (size_t i = 0; i < record->nseries; i++)
        ordered[i] = list[i].series;
    free(list);
    return ordered;
}

struct series *record_counterpart(const struct record *record, const struct series *series)
{
    struct series_key key = series->key;
    key.predicted = !key.predicted;
    return record_find(record, &key);
}

void record_merge(struct record *record, const struct record *other)
{
    for (size_t i = 0; i < other->nseries; i++) {
        const struct series *from = other->series[i];
        struct series *to = record_series(record, &from->key);
        for (size_t each = 0; each < from->figures.count; each++)
            figures_add(&to->figures, from->figures.times_s[each]);
        to->figures.never += from->figures.never;
    }
    json_array_extend(record->repetitions, other->repetitions);
}
