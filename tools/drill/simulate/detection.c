/* SPDX-License-Identifier: BSD-2-Clause */
#include "detection.h"

#include "base/memory.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_detection(const struct series *series)
{
    return series->key.place == PLACE_SERVER && series->key.phase == PHASE_LEFT &&
           !series->key.predicted && series->figures.count + series->figures.never > 0;
}

static bool is_same_system(const struct series *one, const struct series *other)
{
    return is_detection(one) && is_detection(other) &&
           strcmp(one->key.system, other->key.system) == 0 &&
           strcmp(one->key.kind, other->key.kind) == 0;
}

bool detection_begins(const struct record *measured, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (is_same_system(measured->series[i], measured->series[index]))
            return false;
    return is_detection(measured->series[index]);
}

/* ---- failures ---- */

/* A server's series, as far as its times have been met in the repetitions: both are in the order in
 * which they came. */
struct server {
    const struct series *series;
    size_t times, never;
};

static bool is_text(const json_t *object, const char *key, const char *text)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value && strcmp(value, text) == 0;
}

/* Where it is not said, it may be. */
static bool may_be(const json_t *object, const char *key, const char *text)
{
    return !json_object_get(object, key) || is_text(object, key, text);
}

/* Whether the mark is the series' next time. Some marks are in no series, as those of a drain. */
static bool server_meets(struct server *server, const json_t *mark)
{
    const struct figures *figures = &server->series->figures;
    const json_t *time = json_object_get(mark, "time_s");
    if (is_text(mark, "fate", "never") && server->never < figures->never) {
        server->never++;
        return true;
    }
    if (!is_text(mark, "fate", "changed") || !json_is_number(time) ||
        server->times == figures->count)
        return false;
    double time_s = json_number_value(time), next_s = figures->times_s[server->times];
    if (fabs((time_s > 0 ? time_s : 0) - next_s) > 1e-5)
        return false;
    server->times++;
    return true;
}

static bool servers_meet(struct server *servers, size_t count, const json_t *repetition)
{
    const json_t *mark, *marks = json_object_get(repetition, "marks");
    size_t index;
    bool met = false;
    if (!is_text(repetition, "turn", "failure") ||
        !may_be(repetition, "kind", servers->series->key.kind) ||
        !may_be(repetition, "system", servers->series->key.system))
        return false;
    json_array_foreach(marks, index, mark)
    {
        if (!is_text(mark, "place", "server") ||
            !may_be(mark, "system", servers->series->key.system))
            continue;
        for (size_t i = 0; i < count; i++)
            if (is_text(mark, "name", servers[i].series->key.name))
                met |= server_meets(&servers[i], mark);
    }
    return met;
}

/* As many as the repetitions tell; and where a file has none of these, all servers are taken to
 * have seen the same ones. */
static size_t count_failures(const struct record *measured, struct server *servers, size_t count)
{
    const json_t *repetition;
    size_t index, failures = 0;
    json_array_foreach(measured->repetitions, index, repetition) failures +=
        servers_meet(servers, count, repetition);
    for (size_t i = 0; i < count; i++) {
        const struct figures *figures = &servers[i].series->figures;
        if (figures->count + figures->never > failures)
            failures = figures->count + figures->never;
    }
    return failures;
}

/* ---- as deaths ---- */

static void add_all(struct figures *all, const struct figures *figures)
{
    for (size_t i = 0; i < figures->count; i++)
        figures_add(all, figures->times_s[i]);
    all->never += figures->never;
}

static struct deaths deaths_of(const struct figures *figures)
{
    size_t count = figures->count + figures->never;
    double *times_s = memory_array(count, sizeof *times_s);
    for (size_t i = 0; i < count; i++)
        times_s[i] = i < figures->count ? figures->times_s[i] : (double)INFINITY;
    struct deaths deaths = deaths_of_times(count, times_s);
    free(times_s);
    return deaths;
}

struct deaths detection_deaths(const struct record *measured, const struct series *first)
{
    struct server *servers = memory_array(measured->nseries, sizeof *servers);
    struct figures all = {0};
    size_t count = 0;
    for (size_t i = 0; i < measured->nseries; i++) {
        if (!is_same_system(measured->series[i], first))
            continue;
        servers[count++] = (struct server){.series = measured->series[i]};
        add_all(&all, &measured->series[i]->figures);
    }
    struct deaths deaths = deaths_of(&all);
    deaths.failures = count_failures(measured, servers, count);
    figures_free(&all);
    free(servers);
    return deaths;
}
