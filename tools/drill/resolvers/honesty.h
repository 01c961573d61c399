/* SPDX-License-Identifier: BSD-2-Clause */
/* What a resolver does with TTLs, found from its answers for canary names. Nobody else asks for
 * those, and each answer tells when it was fetched: its age is known, whatever TTL is shown with
 * it. Pure. */
#ifndef EVERMX_DRILL_HONESTY_H
#define EVERMX_DRILL_HONESTY_H

#include "../record/figures.h"
#include "caches.h"
#include "observed.h"

#include <jansson.h>

enum tell { TELL_UNKNOWN, TELL_NO, TELL_YES };

/* How answers of one TTL were kept. Seconds. */
struct keeping {
    uint32_t ttl_s;
    unsigned answers, fetches; /* the same number: none was kept */
    double given_s; /* the highest TTL shown with an answer just fetched; -1: there was none */
    double given_least_s; /* the lowest of those; its caches may not be alike */
    uint32_t shown_least_s, shown_most_s;
    double kept_s; /* the longest age of an answer */
    bool open;     /* that one was still kept when all ended, and no other got as old */
    double ended_s,
        open_s;       /* the longest of those that were replaced, and of those that were not */
    double horizon_s; /* age and shown TTL together, at most: so long may a client's own cache have
                         it. Of an honest resolver the TTL and some rounding */
    bool too_long;    /* it was kept beyond its TTL, and any rounding */
    bool too_long_behind; /* its clients' caches may do so */
    bool too_short;       /* it was forgotten long before its TTL's end */
};
enum { KEEPINGS_MAX = 24, SOURCES_MAX = 64, FAILURE_SIZE = 96 };

struct findings {
    uint32_t ttl_s; /* the operator's */
    double length_s;
    unsigned asked, came, told;
    unsigned failed;            /* without a canary's answer, where the server has not failed */
    char failure[FAILURE_SIZE]; /* their most frequent reason */
    double rtt_ms;              /* median of what came; NAN: nothing */
    double clock_error_ms;      /* how well the servers' clock is known; NAN: not at all */

    struct keeping keepings[KEEPINGS_MAX]; /* TXT, by rising TTL */
    size_t nkeepings;
    struct keeping own, own_address; /* the operator's TTL, as TXT and A; answers 0: none came */

    enum tell has_floor, has_ceiling;
    double floor_s, ceiling_s;
    bool floor_open;      /* it is that at least */
    bool ceiling_of_some; /* of its caches */
    bool ceiling_told;    /* TTLs shown are not higher; else they are, and forgotten all the same */

    enum tell prefetches;
    unsigned renewals, early;
    double earliest_s; /* before its end, at most, was an answer fetched anew */

    enum tell expired_first; /* who asks long after an answer's end still gets the old one */
    unsigned sleepers;
    double expired_age_s;

    enum tell serves_stale;
    unsigned stale_answers, stale_failures; /* since the server failed, and the TTL had ended */
    double stale_s;                         /* so long after its end was it still answered */
    bool stale_open;                        /* until all ended */
    uint32_t stale_least_s, stale_most_s;   /* with these TTLs */

    struct caches_estimate caches; /* seen 0: could not be told */
    unsigned caches_answers;
    struct address sources[SOURCES_MAX]; /* who fetched */
    size_t nsources;
};

void honesty_find(const struct observed *observed, struct findings *findings);

/* For each change of the operator's names, how long it was until no user got the old answer any
 * more: what a failover takes there. Changes too shortly before the end are left out, whether seen
 * or not. */
void honesty_changes(const struct observed *observed, struct figures *figures);

/* How long answers are kept: somewhat longer than the last one of those seen, as its TTL told. */
double honesty_kept_s(const struct keeping *keeping);

enum judgment {
    JUDGED_NOT,      /* too little was seen */
    JUDGED_HONEST,   /* a failover takes the operator's TTL, or less */
    JUDGED_TOO_LONG, /* it takes longer */
    JUDGED_BEHIND,   /* it does for clients that keep answers themselves, or that ask seldom */
    JUDGED_SILENT,   /* nothing came */
    JUDGED_STRANGE,  /* nothing of a canary came */
    JUDGMENTS
};
enum judgment honesty_judge(const struct findings *findings);

/* One sentence for an operator, without its stop. To be freed. */
char *honesty_verdict(const struct findings *findings);
/* What it rests upon: lines with the number of observations. To be freed. */
char *honesty_lines(const struct findings *findings);
json_t *honesty_json(const struct findings *findings);

#endif
