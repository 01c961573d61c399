/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands.h"

#include "base/memory.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

enum { LINES_MAX = 20, KIND_MAX = 40 };

struct command {
    const char *kind; /* the repetition's own */
    bool mends;
    double took_s;
};

static int compare(const void *one, const void *other)
{
    const struct command *a = one, *b = other;
    int kinds = strcmp(a->kind, b->kind);
    if (kinds != 0)
        return kinds;
    if (a->mends != b->mends)
        return a->mends ? 1 : -1;
    return (a->took_s > b->took_s) - (a->took_s < b->took_s);
}

static bool is_same(const struct command *one, const struct command *other)
{
    return one->mends == other->mends && strcmp(one->kind, other->kind) == 0;
}

static bool command_of(const json_t *repetition, struct command *command)
{
    const json_t *took = json_object_get(repetition, "command_s");
    const char *kind = json_string_value(json_object_get(repetition, "kind"));
    const char *turn = json_string_value(json_object_get(repetition, "turn"));
    if (!json_is_number(took) || !turn)
        return false;
    *command =
        (struct command){kind ? kind : "", strcmp(turn, "return") == 0, json_number_value(took)};
    return true;
}

/* Whether there are times that it is a part of. */
static bool has_times(const struct record *record, const struct command *command)
{
    for (size_t i = 0; i < record->nseries; i++) {
        const struct series_key *key = &record->series[i]->key;
        if (!key->predicted && strcmp(key->kind, command->kind) == 0 &&
            (key->phase == PHASE_BACK) == command->mends)
            return true;
    }
    return false;
}

static void print_line(const struct command *command, double median_s, FILE *file)
{
    char *kind = text_clean(command->kind, KIND_MAX);
    fprintf(file, "%s%s%s took %.2f s (median): times count from when that began.\n", kind,
            *kind ? ": " : "", command->mends ? "mending" : "breaking", median_s);
    free(kind);
}

static void print_groups(const struct record *record, const struct command *commands, size_t count,
                         FILE *file)
{
    unsigned lines = 0;
    for (size_t first = 0, end; first < count && lines < LINES_MAX; first = end) {
        const struct command *group = &commands[first];
        for (end = first + 1; end < count && is_same(&commands[end], group);)
            end++;
        double low_s = commands[(first + end - 1) / 2].took_s;
        double high_s = commands[(first + end) / 2].took_s;
        double median_s = (low_s + high_s) / 2;
        if (median_s <= COMMANDS_SHORT_S || !has_times(record, group))
            continue;
        print_line(group, median_s, file);
        lines++;
    }
}

void commands_print(const struct record *record, FILE *file)
{
    struct command *commands = memory_array(json_array_size(record->repetitions), sizeof *commands);
    const json_t *repetition;
    size_t index, count = 0;
    json_array_foreach(record->repetitions, index, repetition) count +=
        command_of(repetition, &commands[count]);
    if (count)
        qsort(commands, count, sizeof *commands, compare);
    print_groups(record, commands, count, file);
    free(commands);
}
