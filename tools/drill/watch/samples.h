/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers and evidence, as they come, made into failures and returns with the time at which each
 * place has seen them. Pure: time is an argument, in monotonic microseconds. One thread.
 *
 * A change lies between the asking for the last old answer and the coming of the first new one. Who
 * goes back and forth (several caches behind one address) has changed when the old answer has come
 * for the last time. Nothing, SERVFAIL and the like are no change, and are counted. */
#ifndef EVERMX_DRILL_SAMPLES_H
#define EVERMX_DRILL_SAMPLES_H

#include "../record/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an answer says of the host; or, where the place is the host itself, what a probe does. */
enum seen {
    SEEN_NOTHING,  /* none came; a probe that said nothing */
    SEEN_ERROR,    /* SERVFAIL, REFUSED, a referral, a broken answer: mail waits */
    SEEN_WITH,     /* the host is in it; a good probe */
    SEEN_WITHOUT,  /* others are; a bad probe */
    SEEN_EMPTY,    /* no such record at all, or a null MX (RFC 7505): mail bounces */
    SEEN_NXDOMAIN, /* mail bounces */
    SEEN_KINDS
};
bool seen_bounces(enum seen seen);

struct observation {
    int64_t asked_us, came_us; /* of a probe: when the host was last heard from; when it ended */
    enum seen seen;
    uint32_t ttl_s; /* of SEEN_WITH and SEEN_WITHOUT */
};

struct ttl_range { /* seen; count 0: none */
    uint64_t count;
    uint32_t least_s, most_s;
};

enum { NEVER_US = INT64_MIN };

struct source {
    enum place place; /* PLACE_HOST, PLACE_SERVER, PLACE_RESOLVER */
    char *name;
    uint64_t seen[SEEN_KINDS]; /* how often */
    uint64_t overtaken;        /* answers that a later question's came before: they say nothing */
    struct ttl_range ttl_with, ttl_without;
    int64_t looked_us;  /* since when we look; NEVER_US: not yet */
    int64_t had_us;     /* until when what it had at first may be kept */
    uint32_t fetched_s; /* the longest TTL of what it has surely fetched since; 0: none */
    unsigned stray;     /* changes while nothing else had failed or returned */
    unsigned brief;     /* rows of equal answers of a server that were short, one after the other */
    bool fickle;     /* so many that its answers differ by design: its changes say nothing now, */
    bool was_fickle; /* or have said nothing once */

    /* The last one that said with or without; `known`: there was one. */
    bool known, with;
    enum seen last;
    int64_t asked_us, came_us;
    uint32_t ttl_s;
    int64_t said_us[2]; /* when it was last asked and said so: without, with; NEVER_US */
    int64_t since_us;   /* when the first of the present row of equal answers came */
};

enum turn { TURN_FAILURE, TURN_RETURN, TURNS };
const char *turn_word(enum turn turn); /* "failure" */

/* What a place has seen of a failure or return. */
struct mark {
    bool had_old;            /* it gave the old answer when it began, or later */
    bool changed;            /* and has given new ones only, since: */
    int64_t after_us, by_us; /* asked for the last old answer; the first new one came */
    int64_t first_us;        /* the first new answer of all; NEVER_US */
    unsigned flips;          /* from the new answer back to the old one */
    enum seen worst;         /* the worst of the new answers: SEEN_EMPTY, SEEN_NXDOMAIN bounce */
};

struct episode {
    enum turn turn;
    bool told;                    /* we have done it ourselves, at told_us, */
    int64_t told_us, told_end_us; /* which took until then; NEVER_US: is not done */
    int64_t opened_us, closed_us; /* NEVER_US: is under way */
    struct mark *marks;           /* one of each source */
};

/* What its times are counted from. */
enum origin { ORIGIN_TOLD, ORIGIN_EVIDENCE, ORIGIN_SERVER, ORIGIN_RESOLVER };
const char *origin_word(enum origin origin); /* "evidence" */

enum { EPISODES_MAX = 20000 };

struct samples {
    bool by_hand; /* failures and returns are told by samples_begin(), and no others are looked for
                   */
    struct source *sources;
    size_t nsources, sources_capacity;
    struct episode *episodes; /* the last one is under way, where it is not closed */
    size_t nepisodes, episodes_capacity;
};

void samples_free(struct samples *samples);
/* All before the first observation. Returns its number. */
size_t samples_add(struct samples *samples, enum place place, const char *name);

/* What is new by an observation. */
enum news {
    NEWS_OPENED = 1 << 0,  /* a failure or return has begun: the last episode */
    NEWS_CHANGED = 1 << 1, /* the source has changed, as far as is known */
    NEWS_FLIPPED = 1 << 2, /* it gives the old answer again */
    NEWS_STRAY = 1 << 3,   /* it changed, and nothing has failed or returned */
    NEWS_BOUNCES = 1 << 4, /* it answers so that mail bounces, and did not before */
    NEWS_FICKLE = 1 << 5,  /* it is found out to be that */
};
unsigned samples_observe(struct samples *samples, size_t source,
                         const struct observation *observation);

/* A failure or return that we begin ourselves; what was under way is closed. */
void samples_begin(struct samples *samples, enum turn turn, int64_t now_us);
void samples_begun(struct samples *samples, int64_t now_us); /* that was done */
void samples_close(struct samples *samples, int64_t now_us); /* at the end */
void samples_drop(struct samples *samples);                  /* what is under way has not been */

/* NULL: none. */
struct episode *samples_now(const struct samples *samples);
const struct mark *samples_mark(const struct samples *samples, size_t source);

/* Whether all have said nothing but this for so long, and still do: the servers and resolvers, and
 * the host itself. Names one that has not. */
bool samples_agree(const struct samples *samples, bool with, bool hosts_too, int64_t for_us,
                   int64_t now_us, const struct source **other);
/* Whether a source still gives the old answer, or not long enough the new one, though the first
 * server has changed. */
bool samples_awaits(const struct samples *samples, size_t source, int64_t for_us, int64_t now_us);

enum origin episode_origin(const struct samples *samples, const struct episode *episode,
                           int64_t *origin_us);
/* The best that is possible here: others' times are not theirs to be compared with. */
enum origin samples_origin(const struct samples *samples);

/* How long a resolver was given the old answer after the last server had changed; negative: it
 * was not, or nobody knows. */
int64_t episode_held_us(const struct samples *samples, const struct episode *episode,
                        size_t source);

#endif
