/* SPDX-License-Identifier: BSD-2-Clause */
#include "account.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* One that went silent has not gone on with the old answer: so close to the end it must have given
 * it. Probes and questions that time out take some seconds. */
static int64_t silence_us(int64_t patience_us)
{
    enum { LEAST_US = 3000 * 1000, MOST_US = 15000 * 1000 };
    int64_t part_us = patience_us / 4;
    return part_us < LEAST_US ? LEAST_US : part_us > MOST_US ? MOST_US : part_us;
}

enum fate account_fate(const struct account *account, const struct episode *episode, size_t source)
{
    const struct mark *mark = &episode->marks[source];
    int64_t since_us = episode->told ? episode->told_us : episode->opened_us;
    if (!mark->had_old)
        return FATE_UNTOUCHED;
    if (mark->changed)
        return FATE_CHANGED;
    int64_t patience_us = account->patience_us[episode->turn];
    bool waited = episode->closed_us - since_us >= patience_us;
    bool spoke = mark->after_us >= since_us + patience_us - silence_us(patience_us);
    return waited && spoke ? FATE_NEVER : FATE_UNKNOWN;
}

/* Whole milliseconds: what clocks and networks here are good for. */
static double seconds(int64_t us)
{
    return round((double)us / 1e3) / 1e3;
}

/* ---- series ---- */

static struct figures *figures_of(const struct account *account, struct record *record,
                                  const struct source *source, enum turn turn)
{
    enum phase left = source->place == PLACE_HOST ? PHASE_EVIDENCE : PHASE_LEFT;
    const struct series_key key = {
        .system = account->system,
        .kind = account->kind,
        .place = source->place,
        .name = source->name,
        .phase = turn == TURN_FAILURE ? left : PHASE_BACK,
    };
    return &record_series(record, &key)->figures;
}

/* Whether its times are those of the series: counted from the best origin that there is here, and
 * not from the place itself. */
static bool is_comparable(const struct samples *samples, enum origin origin,
                          const struct source *source)
{
    if (origin != samples_origin(samples))
        return false;
    switch (source->place) {
    case PLACE_SERVER:
        return origin != ORIGIN_SERVER;
    case PLACE_RESOLVER:
        return origin != ORIGIN_RESOLVER;
    default:
        return true;
    }
}

/* A host that was not well to us for a moment, which passed before anybody else had to notice. */
static bool has_passed(const struct account *account, const struct samples *samples,
                       const struct episode *episode)
{
    bool others = false;
    for (size_t i = 0; i < samples->nsources; i++) {
        enum fate fate = account_fate(account, episode, i);
        if (samples->sources[i].place == PLACE_HOST)
            continue;
        if (fate == FATE_CHANGED || fate == FATE_NEVER)
            return false;
        others |= fate == FATE_UNKNOWN;
    }
    return others && !episode->told;
}

static void add_figures(const struct account *account, const struct samples *samples,
                        const struct episode *episode, struct record *record)
{
    int64_t origin_us;
    enum origin origin = episode_origin(samples, episode, &origin_us);
    if (has_passed(account, samples, episode))
        return;
    for (size_t i = 0; i < samples->nsources; i++) {
        const struct source *source = &samples->sources[i];
        const struct mark *mark = &episode->marks[i];
        enum fate fate = account_fate(account, episode, i);
        bool is_origin = source->place == PLACE_HOST && origin == ORIGIN_EVIDENCE &&
                         episode->turn == TURN_RETURN;
        if (is_origin || !is_comparable(samples, origin, source))
            continue;
        /* A resolver may have been ahead of our own evidence. */
        int64_t time_us = mark->by_us > origin_us ? mark->by_us - origin_us : 0;
        if (fate == FATE_CHANGED)
            figures_add(figures_of(account, record, source, episode->turn), seconds(time_us));
        else if (fate == FATE_NEVER)
            figures_add_never(figures_of(account, record, source, episode->turn));
    }
}

/* ---- repetitions ---- */

static void set_text(json_t *object, const char *key, const char *value)
{
    json_object_set_new(object, key, json_string(value));
}

static void set_seconds(json_t *object, const char *key, int64_t us)
{
    json_object_set_new(object, key, json_real(seconds(us)));
}

static const char *const fate_words[] = {
    [FATE_UNTOUCHED] = "untouched",
    [FATE_CHANGED] = "changed",
    [FATE_NEVER] = "never",
    [FATE_UNKNOWN] = "unknown",
};

static json_t *mark_object(const struct samples *samples, const struct episode *episode,
                           size_t number, enum fate fate, int64_t origin_us)
{
    const struct source *source = &samples->sources[number];
    const struct mark *mark = &episode->marks[number];
    json_t *object = json_object();
    set_text(object, "place", place_word(source->place));
    set_text(object, "name", source->name);
    set_text(object, "fate", fate_words[fate]);
    if (fate != FATE_UNTOUCHED && mark->after_us != NEVER_US)
        set_seconds(object, "after_s", mark->after_us - origin_us);
    if (fate == FATE_CHANGED)
        set_seconds(object, "time_s", mark->by_us - origin_us);
    if (mark->flips) {
        set_seconds(object, "first_s", mark->first_us - origin_us);
        json_object_set_new(object, "flips", json_integer(mark->flips));
    }
    if (seen_bounces(mark->worst))
        set_text(object, "bounces", mark->worst == SEEN_EMPTY ? "no record" : "NXDOMAIN");
    int64_t held_us = episode_held_us(samples, episode, number);
    if (source->place == PLACE_RESOLVER && episode->turn == TURN_FAILURE && held_us >= 0)
        set_seconds(object, "held_s", held_us);
    return object;
}

static void set_calendar(json_t *object, const char *key, int64_t unix_us)
{
    char text[32];
    time_t unix_s = (time_t)(unix_us / 1000000);
    struct tm date;
    gmtime_r(&unix_s, &date);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &date);
    set_text(object, key, text);
}

static json_t *episode_object(const struct account *account, const struct samples *samples,
                              const struct episode *episode)
{
    int64_t origin_us;
    enum origin origin = episode_origin(samples, episode, &origin_us);
    json_t *object = json_object(), *marks = json_array();
    set_text(object, "turn", turn_word(episode->turn));
    if (*account->system)
        set_text(object, "system", account->system);
    if (*account->kind)
        set_text(object, "kind", account->kind);
    set_calendar(object, "at", account->calendar_us + origin_us);
    set_text(object, "from", origin_word(origin));
    if (episode->told && episode->told_end_us != NEVER_US)
        set_seconds(object, "command_s", episode->told_end_us - episode->told_us);
    set_seconds(object, "watched_s", episode->closed_us - origin_us);
    for (size_t i = 0; i < samples->nsources; i++)
        json_array_append_new(
            marks, mark_object(samples, episode, i, account_fate(account, episode, i), origin_us));
    json_object_set_new(object, "marks", marks);
    return object;
}

/* ---- places ---- */

static int print_range(char *text, size_t size, const char *what, const struct ttl_range *range)
{
    if (range->count == 0)
        return 0;
    if (range->least_s == range->most_s)
        return snprintf(text, size, ", TTL %s the host %u s", what, range->least_s);
    return snprintf(text, size, ", TTL %s the host %u to %u s", what, range->least_s,
                    range->most_s);
}

/* TTLs are whole seconds. */
enum { TTL_GRAIN_US = 1500 * 1000 };

static bool is_longer(int64_t held_us, uint32_t ttl_s)
{
    return held_us > (int64_t)ttl_s * 1000000 + TTL_GRAIN_US;
}

/* How long it went on with the old answer, at most, after the servers had changed; negative: never
 * at all, or nobody knows. Of one that was not waited for to the end, only the worst is sure. */
static int64_t longest_held_us(const struct samples *samples, size_t number, uint32_t ttl_s)
{
    int64_t longest_us = -1;
    for (size_t i = 0; i < samples->nepisodes; i++) {
        const struct episode *episode = &samples->episodes[i];
        int64_t held_us = episode_held_us(samples, episode, number);
        if (episode->turn == TURN_FAILURE && held_us > longest_us &&
            (episode->marks[number].changed || is_longer(held_us, ttl_s)))
            longest_us = held_us;
    }
    return longest_us;
}

struct servers_ttl {
    uint32_t with_s; /* the longest of answers with the host, */
    uint32_t any_s;  /* of all */
    bool known;
};

static struct servers_ttl servers_ttl(const struct samples *samples)
{
    struct servers_ttl longest = {0};
    for (size_t i = 0; i < samples->nsources; i++) {
        const struct source *source = &samples->sources[i];
        if (source->place != PLACE_SERVER)
            continue;
        longest.known |= source->ttl_with.count + source->ttl_without.count > 0;
        if (source->ttl_with.most_s > longest.with_s)
            longest.with_s = source->ttl_with.most_s;
        if (source->ttl_without.most_s > longest.any_s)
            longest.any_s = source->ttl_without.most_s;
    }
    if (longest.with_s > longest.any_s)
        longest.any_s = longest.with_s;
    return longest;
}

/* Even by less than can be told from how long it went on with the old answer. */
static bool raises_ttl(const struct samples *samples, const struct source *source)
{
    struct servers_ttl longest = servers_ttl(samples);
    return source->place == PLACE_RESOLVER && longest.known && source->fetched_s > longest.any_s;
}

static int print_raised(char *text, size_t size, const struct samples *samples, size_t number)
{
    const struct source *source = &samples->sources[number];
    if (!raises_ttl(samples, source))
        return 0;
    return snprintf(text, size, ", raises TTLs to %u s", source->fetched_s);
}

static int print_held(char *text, size_t size, const struct samples *samples, size_t number)
{
    const struct source *source = &samples->sources[number];
    uint32_t ttl_s = servers_ttl(samples).with_s;
    int64_t held_us = longest_held_us(samples, number, ttl_s);
    if (source->place != PLACE_RESOLVER || held_us < 0)
        return 0;
    bool longer = is_longer(held_us, ttl_s) ||
                  (raises_ttl(samples, source) && held_us > (int64_t)ttl_s * 1000000);
    return snprintf(text, size,
                    ", went on with the old answer for up to %.1f s after the servers had changed: "
                    "%s than the TTL of %u s that they give",
                    seconds(held_us), longer ? "LONGER" : "not longer", ttl_s);
}

static int print_bounces(char *text, size_t size, const struct source *source, const char *emptied)
{
    if (source->seen[SEEN_EMPTY] + source->seen[SEEN_NXDOMAIN] == 0)
        return 0;
    return snprintf(text, size, ", EMPTY %llu times, NXDOMAIN %llu times: %s",
                    (unsigned long long)source->seen[SEEN_EMPTY],
                    (unsigned long long)source->seen[SEEN_NXDOMAIN], emptied);
}

/* "812 asked, 3 without answer, 1 errors, TTL with the host 1 to 10 s" */
static void describe(const struct account *account, const struct samples *samples, size_t number,
                     char *text, size_t size)
{
    const struct source *source = &samples->sources[number];
    const char *what = source->place == PLACE_HOST ? "probes" : "asked";
    const char *nothing = source->place == PLACE_HOST ? "that say nothing" : "without answer";
    uint64_t asked = 0;
    size_t used;
    for (size_t i = 0; i < SEEN_KINDS; i++)
        asked += source->seen[i];
    used = (size_t)snprintf(text, size, "%llu %s", (unsigned long long)asked, what);
    if (source->seen[SEEN_NOTHING])
        used += (size_t)snprintf(text + used, size - used, ", %llu %s",
                                 (unsigned long long)source->seen[SEEN_NOTHING], nothing);
    if (source->seen[SEEN_ERROR])
        used += (size_t)snprintf(text + used, size - used, ", %llu SERVFAIL, broken or the like",
                                 (unsigned long long)source->seen[SEEN_ERROR]);
    used += (size_t)print_bounces(text + used, size - used, source, account->emptied);
    if (source->stray)
        used += (size_t)snprintf(text + used, size - used,
                                 ", changed %u times while nothing else had", source->stray);
    if (source->was_fickle)
        used += (size_t)snprintf(text + used, size - used, ", GOES BACK AND FORTH");
    used += (size_t)print_range(text + used, size - used, "with", &source->ttl_with);
    used += (size_t)print_range(text + used, size - used, "without", &source->ttl_without);
    used += (size_t)print_raised(text + used, size - used, samples, number);
    print_held(text + used, size - used, samples, number);
}

static void set_places(const struct account *account, const struct samples *samples,
                       struct record *record)
{
    for (size_t i = 0; i < samples->nsources; i++) {
        const struct source *source = &samples->sources[i];
        char text[1024], *key = memory_printf("%s %s", place_word(source->place), source->name);
        describe(account, samples, i, text, sizeof text);
        record_set(record, key, text);
        free(key);
    }
}

static void count(const struct account *account, const struct samples *samples,
                  const struct episode *episode, struct account_counts *counts)
{
    counts->turns[episode->turn]++;
    for (size_t i = 0; i < samples->nsources && episode->turn == TURN_FAILURE; i++) {
        enum fate fate = account_fate(account, episode, i);
        if (samples->sources[i].place == PLACE_HOST)
            continue;
        counts->changed += fate == FATE_CHANGED;
        counts->never += fate == FATE_NEVER;
        counts->unknown += fate == FATE_UNKNOWN;
    }
}

struct account_counts account_fill(const struct account *account, const struct samples *samples,
                                   struct record *record)
{
    struct account_counts counts = {0};
    for (size_t i = 0; i < samples->nepisodes; i++) {
        const struct episode *episode = &samples->episodes[i];
        add_figures(account, samples, episode, record);
        json_array_append_new(record->repetitions, episode_object(account, samples, episode));
        count(account, samples, episode, &counts);
    }
    set_places(account, samples, record);
    return counts;
}
