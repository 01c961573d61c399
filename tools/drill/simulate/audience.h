/* SPDX-License-Identifier: BSD-2-Clause */
/* All users behind all resolvers, when a host dies: until when each is given answers that hold it,
 * and what the TTL costs the servers. Drawn as users meet resolvers: one that is asked more often
 * is drawn more often. Each draw is a few numbers, whatever the number of queries. Pure; any
 * thread.
 *
 * A cache that is asked at random (Poisson) fetches an answer, keeps it for its life, and fetches
 * the next one when it is asked again: so its fetches are a renewal process, whose state in the
 * moment of the break is drawn exactly. From there it is followed, from fetch to fetch, until the
 * server's answer has changed: each of these fetches has the TTL that the server gave just then.
 * What it then holds is given away until its end. One that holds nothing then is clean. */
#ifndef EVERMX_DRILL_AUDIENCE_H
#define EVERMX_DRILL_AUDIENCE_H

#include "../chance.h"
#include "mortality.h"
#include "population.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct audience_setting {
    const struct population *population;
    const struct deaths *deaths; /* each as likely as the others */
    uint32_t ttl_s;
    size_t draws;
    bool honest; /* those alone that make no TTL longer */
    /* Told now and then how many draws are done; NULL: nobody wants to know. */
    void (*progress)(void *context, size_t done);
    void *context;
};

/* Seconds from the break, ascending; INFINITY: never. */
struct times {
    double *list;
    size_t count;
};

struct audience {
    struct times *classes; /* of the population; empty where left out: the last dead answer that a
                              user gets, of several caches the last one's */
    size_t nclasses;
    struct times users;   /* the same of all together */
    struct times answers; /* of one cache that a user asks, each time another: for shares */
};

struct audience *audience_draw(const struct audience_setting *setting, struct chance *chance);
void audience_free(struct audience *audience);

/* What all users ask for the name in a second, and what of it reaches the servers, while all is
 * well. */
struct audience_cost {
    double queries_s, asked_s;
};
struct audience_cost audience_cost(const struct population *population, uint32_t ttl_s);

void times_sort(struct times *times);
/* By nearest rank; 0 to 1. NAN of none. */
double times_quantile(const struct times *times, double share);
/* The share that is later than that. */
double times_share_after(const struct times *times, double at_s);
/* Their mean, with those cut that are later. */
double times_mean_s(const struct times *times, double most_s);

/* ---- for tests ---- */

/* When a cache that is asked every wait_s (mean) has given away its last dead answer. */
double audience_cache_ends_s(const struct resolver_class *class, double wait_s, uint32_t ttl_s,
                             const struct death *death, struct chance *chance);
/* How often it asks the servers while all is well. */
double audience_cache_asks(const struct resolver_class *class, double wait_s, uint32_t ttl_s);

#endif
