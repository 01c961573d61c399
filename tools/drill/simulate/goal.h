/* SPDX-License-Identifier: BSD-2-Clause */
/* "Which TTL and interval do I need for p99 under 15 s, and what does it cost?" Pure but for
 * printing; one thread. */
#ifndef EVERMX_DRILL_GOAL_H
#define EVERMX_DRILL_GOAL_H

#include "base/error.h"
#include "mortality.h"
#include "population.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct goal {
    double share; /* of users: 0.99 */
    double within_s;
};

/* "p99 < 15s", "median < 5s", "p99.9<2m"; a number alone is in seconds. */
bool goal_parse(const char *text, struct goal *goal, struct error *error);

struct goal_setting {
    struct death_setting death; /* its interval is chosen anew */
    const enum death_kind *kinds;
    size_t nkinds; /* the goal is to be met for each by itself */
    const struct population *population;
    size_t deaths, draws; /* of each combination that is told; fewer rule others out */
    uint64_t seed;
    void (*progress)(void *context, size_t done, size_t of); /* may be NULL */
    void *context;
};

/* A combination that meets the goal. */
struct plan {
    uint32_t ttl_s;
    int64_t interval_ms;
    double time_s; /* of the goal's share, for the kind that takes longest: */
    enum death_kind kind;
    double queries_s; /* at the servers, for this name */
    double probes_s;  /* at each host */
};
enum { PLANS_MAX = 16 };

/* The TTL that costs least for each interval, without those that cost more of both than another;
 * from the shortest interval on. All TTLs of a list are tried: the time need not grow with them.
 * honest: for the users alone whose resolvers make no TTL longer. Returns how many there are. */
size_t goal_plans(const struct goal *goal, const struct goal_setting *setting, bool honest,
                  struct plan plans[PLANS_MAX]);

/* The shortest time that there is, met or not; of equal ones that of the shortest interval and TTL.
 */
struct plan goal_best(const struct goal *goal, const struct goal_setting *setting, bool honest);

/* The whole answer, as text. Whether there is a combination that meets the goal. */
bool goal_print(const struct goal *goal, const struct goal_setting *setting, FILE *out);

#endif
