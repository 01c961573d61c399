/* SPDX-License-Identifier: BSD-2-Clause */
#include "samples.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum {
    RECENT_US = 3000 * 1000,
    HOST_RECENT_US = 15000 * 1000,
    /* No health check changes its mind so often. Where a server has several backends that notice
     * one after the other, it takes them a few such rows. */
    BRIEF_US = 1500 * 1000,
    BRIEF_MAX = 8,
    STEADY_US = 10000 * 1000, /* who gives one answer for so long means it */
};

static const char *const turn_words[TURNS] = {"failure", "return"};
static const char *const origin_words[] = {
    [ORIGIN_TOLD] = "command",
    [ORIGIN_EVIDENCE] = "evidence",
    [ORIGIN_SERVER] = "server",
    [ORIGIN_RESOLVER] = "resolver",
};

const char *turn_word(enum turn turn)
{
    return turn_words[turn];
}

const char *origin_word(enum origin origin)
{
    return origin_words[origin];
}

bool seen_bounces(enum seen seen)
{
    return seen == SEEN_EMPTY || seen == SEEN_NXDOMAIN;
}

/* ---- sources ---- */

void samples_free(struct samples *samples)
{
    for (size_t i = 0; i < samples->nepisodes; i++)
        free(samples->episodes[i].marks);
    for (size_t i = 0; i < samples->nsources; i++)
        free(samples->sources[i].name);
    free(samples->episodes);
    free(samples->sources);
    *samples = (struct samples){0};
}

size_t samples_add(struct samples *samples, enum place place, const char *name)
{
    samples->sources = memory_grow(samples->sources, samples->nsources, &samples->sources_capacity,
                                   sizeof *samples->sources);
    samples->sources[samples->nsources] = (struct source){
        .place = place,
        .name = memory_strdup(name),
        .said_us = {NEVER_US, NEVER_US},
        .looked_us = NEVER_US,
    };
    return samples->nsources++;
}

static bool has_place(const struct samples *samples, enum place place)
{
    for (size_t i = 0; i < samples->nsources; i++)
        if (samples->sources[i].place == place)
            return true;
    return false;
}

static void ttl_add(struct ttl_range *range, uint32_t ttl_s)
{
    if (range->count == 0 || ttl_s < range->least_s)
        range->least_s = ttl_s;
    if (range->count == 0 || ttl_s > range->most_s)
        range->most_s = ttl_s;
    range->count++;
}

/* ---- episodes ---- */

struct episode *samples_now(const struct samples *samples)
{
    if (samples->nepisodes == 0)
        return NULL;
    struct episode *last = &samples->episodes[samples->nepisodes - 1];
    return last->closed_us == NEVER_US ? last : NULL;
}

const struct mark *samples_mark(const struct samples *samples, size_t source)
{
    const struct episode *episode = samples_now(samples);
    return episode ? &episode->marks[source] : NULL;
}

void samples_close(struct samples *samples, int64_t now_us)
{
    struct episode *episode = samples_now(samples);
    if (episode)
        episode->closed_us = now_us;
}

void samples_drop(struct samples *samples)
{
    struct episode *episode = samples_now(samples);
    if (!episode)
        return;
    free(episode->marks);
    samples->nepisodes--;
}

static struct episode *open_episode(struct samples *samples, enum turn turn, int64_t now_us)
{
    bool old = turn == TURN_FAILURE;
    samples_close(samples, now_us);
    samples->episodes = memory_grow(samples->episodes, samples->nepisodes,
                                    &samples->episodes_capacity, sizeof *samples->episodes);
    struct episode *episode = &samples->episodes[samples->nepisodes++];
    *episode = (struct episode){
        .turn = turn,
        .opened_us = now_us,
        .closed_us = NEVER_US,
        .told_us = NEVER_US,
        .told_end_us = NEVER_US,
        .marks = memory_array(samples->nsources, sizeof *episode->marks),
    };
    for (size_t i = 0; i < samples->nsources; i++) {
        const struct source *source = &samples->sources[i];
        episode->marks[i] = (struct mark){
            .had_old = source->known && source->with == old,
            .after_us = source->said_us[old],
            .first_us = NEVER_US,
            .worst = SEEN_WITH,
        };
    }
    return episode;
}

void samples_begin(struct samples *samples, enum turn turn, int64_t now_us)
{
    struct episode *episode = open_episode(samples, turn, now_us);
    episode->told = true;
    episode->told_us = now_us;
}

void samples_begun(struct samples *samples, int64_t now_us)
{
    struct episode *episode = samples_now(samples);
    if (episode && episode->told)
        episode->told_end_us = now_us;
}

static bool host_is_bad(const struct samples *samples)
{
    for (size_t i = 0; i < samples->nsources; i++) {
        const struct source *source = &samples->sources[i];
        if (source->place == PLACE_HOST && source->known && !source->with)
            return true;
    }
    return false;
}

/* Whether what a source says begins a failure or a return that nobody has told of. A server that
 * takes the host back while it is dead (all others may be, too) has only flipped; one that takes
 * back a living host ends what was no failure, but a drain. */
static bool begins(const struct samples *samples, const struct source *source, bool with)
{
    const struct episode *last =
        samples->nepisodes ? &samples->episodes[samples->nepisodes - 1] : NULL;
    enum turn turn = with ? TURN_RETURN : TURN_FAILURE;
    if (samples->by_hand || samples->nepisodes >= EPISODES_MAX || (last && last->turn == turn) ||
        source->fickle)
        return false;
    switch (source->place) {
    case PLACE_HOST:
        return true;
    case PLACE_SERVER:
        return !with || !host_is_bad(samples);
    default: /* only where nobody else is watched */
        return !has_place(samples, PLACE_HOST) && !has_place(samples, PLACE_SERVER);
    }
}

/* ---- observations ---- */

static unsigned mark_observe(struct mark *mark, bool is_new, const struct observation *observation)
{
    unsigned news = 0;
    if (!is_new) {
        if (mark->changed) {
            mark->flips++;
            news = NEWS_FLIPPED;
        }
        mark->had_old = true;
        mark->changed = false;
        mark->after_us = observation->asked_us;
        return news;
    }
    if (observation->seen > mark->worst)
        mark->worst = observation->seen;
    if (!mark->had_old || mark->changed)
        return 0;
    mark->changed = true;
    mark->by_us = observation->came_us;
    if (mark->first_us == NEVER_US)
        mark->first_us = observation->came_us;
    return NEWS_CHANGED;
}

/* Weights that leave hosts out, as in a slow start, and servers that give one record at a time.
 * Whether this is the first time. */
static bool becomes_fickle(struct source *source, const struct observation *observation)
{
    bool knew = source->was_fickle;
    if (source->place != PLACE_SERVER)
        return false;
    source->brief = observation->came_us - source->since_us < BRIEF_US ? source->brief + 1 : 0;
    source->fickle |= source->brief >= BRIEF_MAX;
    source->was_fickle |= source->fickle;
    return source->was_fickle && !knew;
}

static bool settles(struct source *source, const struct observation *observation)
{
    if (!source->fickle || observation->came_us - source->since_us < STEADY_US)
        return false;
    source->fickle = false;
    return true;
}

/* What a cache had before may be of another TTL than the servers give now; a few questions find all
 * caches behind one address. */
static void note_fetched(struct source *source, const struct observation *observation)
{
    enum { AT_FIRST_US = 5000 * 1000, GRAIN_US = 1500 * 1000 };
    int64_t end_us = observation->came_us + (int64_t)observation->ttl_s * 1000000;
    if (source->looked_us == NEVER_US)
        source->looked_us = source->had_us = observation->came_us;
    if (observation->came_us < source->looked_us + AT_FIRST_US) {
        source->had_us = end_us > source->had_us ? end_us : source->had_us;
    } else if (end_us > source->had_us + GRAIN_US && observation->ttl_s > source->fetched_s) {
        source->fetched_s = observation->ttl_s;
    }
}

static void source_say(struct source *source, const struct observation *observation)
{
    bool with = observation->seen == SEEN_WITH;
    if (!source->known || source->with != with)
        source->since_us = observation->came_us;
    source->known = true;
    source->with = with;
    source->last = observation->seen;
    source->asked_us = observation->asked_us;
    source->came_us = observation->came_us;
    source->ttl_s = observation->ttl_s;
    source->said_us[with] = observation->asked_us;
    if (source->place == PLACE_HOST || seen_bounces(observation->seen))
        return;
    ttl_add(with ? &source->ttl_with : &source->ttl_without, observation->ttl_s);
    note_fetched(source, observation);
}

unsigned samples_observe(struct samples *samples, size_t number,
                         const struct observation *observation)
{
    struct source *source = &samples->sources[number];
    bool with = observation->seen == SEEN_WITH;
    unsigned news = 0;
    source->seen[observation->seen]++;
    if (observation->seen < SEEN_WITH)
        return 0;
    if (source->known && observation->asked_us < source->asked_us) {
        source->overtaken++;
        return 0;
    }
    bool turned = source->known && source->with != with;
    if (seen_bounces(observation->seen) &&
        source->seen[SEEN_EMPTY] + source->seen[SEEN_NXDOMAIN] == 1)
        news |= NEWS_BOUNCES;
    if (turned && becomes_fickle(source, observation))
        news |= NEWS_FICKLE;
    /* Of one that was fickle this is what begins now, and nobody knows when it changed. */
    bool settled = !turned && settles(source, observation);
    if ((turned || settled) && begins(samples, source, with)) {
        open_episode(samples, with ? TURN_RETURN : TURN_FAILURE, observation->came_us);
        news |= NEWS_OPENED;
    }
    struct episode *episode = samples_now(samples);
    if (episode) {
        bool is_new = with == (episode->turn == TURN_RETURN);
        news |= mark_observe(&episode->marks[number], is_new, observation);
    } else if (turned) {
        source->stray++;
        news |= NEWS_STRAY;
    }
    source_say(source, observation);
    return news;
}

/* ---- what is true now ---- */

/* One that has stopped answering says nothing of the present. Probes of a host that is silent, or
 * greets as late as postscreen does, take their time. */
static bool still_speaks(const struct source *source, int64_t now_us)
{
    return source->came_us >= now_us - (source->place == PLACE_HOST ? HOST_RECENT_US : RECENT_US);
}

bool samples_agree(const struct samples *samples, bool with, bool hosts_too, int64_t for_us,
                   int64_t now_us, const struct source **other)
{
    for (size_t i = 0; i < samples->nsources; i++) {
        const struct source *source = &samples->sources[i];
        if (source->place == PLACE_HOST && !hosts_too)
            continue;
        if (source->known && source->with == with && source->since_us <= now_us - for_us &&
            still_speaks(source, now_us))
            continue;
        if (other)
            *other = source;
        return false;
    }
    return true;
}

static bool a_server_has_changed(const struct samples *samples, const struct episode *episode)
{
    for (size_t i = 0; i < samples->nsources; i++)
        if (samples->sources[i].place == PLACE_SERVER && episode->marks[i].changed)
            return true;
    return !has_place(samples, PLACE_SERVER);
}

bool samples_awaits(const struct samples *samples, size_t number, int64_t for_us, int64_t now_us)
{
    const struct episode *episode = samples_now(samples);
    const struct source *source = &samples->sources[number];
    if (!episode || !a_server_has_changed(samples, episode))
        return false;
    bool is_new = source->known && source->with == (episode->turn == TURN_RETURN);
    return !is_new || source->since_us > now_us - for_us;
}

/* ---- what a failure or return is counted from ---- */

enum origin samples_origin(const struct samples *samples)
{
    if (samples->by_hand)
        return ORIGIN_TOLD;
    if (has_place(samples, PLACE_HOST))
        return ORIGIN_EVIDENCE;
    return has_place(samples, PLACE_SERVER) ? ORIGIN_SERVER : ORIGIN_RESOLVER;
}

/* Of the places of a kind that have changed, the first: when it still gave its last old answer, or
 * when it gave its first new one. NEVER_US: none has. */
static int64_t first_change_us(const struct samples *samples, const struct episode *episode,
                               enum place place, bool by)
{
    int64_t first_us = NEVER_US;
    for (size_t i = 0; i < samples->nsources; i++) {
        const struct mark *mark = &episode->marks[i];
        int64_t at_us = by ? mark->by_us : mark->after_us;
        if (samples->sources[i].place == place && mark->changed &&
            (first_us == NEVER_US || at_us < first_us))
            first_us = at_us;
    }
    return first_us;
}

enum origin episode_origin(const struct samples *samples, const struct episode *episode,
                           int64_t *origin_us)
{
    bool is_return = episode->turn == TURN_RETURN;
    int64_t host_us = first_change_us(samples, episode, PLACE_HOST, is_return);
    int64_t server_us = first_change_us(samples, episode, PLACE_SERVER, true);
    if (episode->told) {
        *origin_us = episode->told_us;
        return ORIGIN_TOLD;
    }
    /* A host that lived on when a server let it go was drained. */
    if (host_us != NEVER_US && (server_us == NEVER_US || host_us <= server_us)) {
        *origin_us = host_us;
        return ORIGIN_EVIDENCE;
    }
    if (server_us != NEVER_US) {
        *origin_us = server_us;
        return ORIGIN_SERVER;
    }
    *origin_us = first_change_us(samples, episode, PLACE_RESOLVER, true);
    if (*origin_us == NEVER_US) /* it was taken back before it was sure */
        *origin_us = episode->opened_us;
    return ORIGIN_RESOLVER;
}

int64_t episode_held_us(const struct samples *samples, const struct episode *episode, size_t number)
{
    const struct mark *mark = &episode->marks[number];
    int64_t last_us = NEVER_US;
    for (size_t i = 0; i < samples->nsources; i++) {
        const struct mark *server = &episode->marks[i];
        if (samples->sources[i].place != PLACE_SERVER || !(server->had_old || server->changed))
            continue;
        if (!server->changed)
            return -1;
        if (server->by_us > last_us)
            last_us = server->by_us;
    }
    if (last_us == NEVER_US || !mark->had_old || mark->after_us < last_us)
        return -1;
    return mark->after_us - last_us;
}
