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

void record_free(struct record *record)
{
    for (size_t i = 0; i < record->nseries; i++) {
        struct series *series = record->series[i];
        figures_free(&series->figures);
        free((char *)series->key.system);
        free((char *)series->key.kind);
        free((char *)series->key.name);
        free(series);
    }
    free(record->series);
    json_decref(record->settings);
    json_decref(record->repetitions);
    free(record->title);
    free(record);
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

struct series *record_series(struct record *record, const struct series_key *key)
{
    for (size_t i = 0; i < record->nseries; i++)
        if (keys_are_equal(&record->series[i]->key, key))
            return record->series[i];
    struct series *series = memory_alloc(sizeof *series);
    series->key = *key;
    series->key.system = memory_strdup(key->system);
    series->key.kind = memory_strdup(key->kind);
    series->key.name = memory_strdup(key->name);
    record->series =
        memory_grow(record->series, record->nseries, &record->capacity, sizeof *record->series);
    record->series[record->nseries++] = series;
    return series;
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
