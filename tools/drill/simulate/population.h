/* SPDX-License-Identifier: BSD-2-Clause */
/* Who asks: resolvers in classes, by how they treat TTLs and how often they are asked. Read from a
 * YAML file, all of whose errors are told at once as FILE:LINE:COLUMN. Pure but for that. */
#ifndef EVERMX_DRILL_POPULATION_H
#define EVERMX_DRILL_POPULATION_H

#include "base/diagnostics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How whole seconds are counted: an answer with a TTL of 10 s, that comes in the middle of one, is
 * kept for exactly so long, to the end of the last second (10.5 s), or to its beginning (9.5 s). */
enum class_clock { CLOCK_EXACT, CLOCK_KEEPS, CLOCK_CUTS };

/* All that a resolver of a class does alike. */
struct resolver_class {
    const char *name;
    unsigned users;               /* their share, in parts of the sum over all classes */
    int64_t floor_ms, ceiling_ms; /* of TTLs; ceiling 0: none */
    unsigned caches;              /* behind one address, each asked as often as the others */
    /* Between two queries for the name, of all users of one such resolver; in between as many
     * resolvers have 1 query a second to 2 as 2 to 4 (log-uniform). */
    int64_t busiest_ms, quietest_ms;
    unsigned prefetch;   /* percent of the TTL: a query in the last part renews the answer */
    int64_t prefetch_ms; /* the same as a time, of answers that have at least the next one: */
    int64_t prefetch_from_ms;
    enum class_clock clock;
};

struct population {
    struct arena *arena;
    uint64_t resolvers; /* that ask for the name at all */
    struct resolver_class *classes;
    size_t count;
};

/* NULL: errors stand in diagnostics. */
struct population *population_read(const char *file, struct diagnostics *diagnostics);
void population_free(struct population *population);

/* The file that is installed beside this program, or stands in the tree that it was built from.
 * Freed by free(); NULL: neither is there. */
char *population_default_file(void);

/* What a class makes of a TTL, in seconds: without the clock's part. */
double class_ttl_s(const struct resolver_class *class, double ttl_s);
/* Before its end the answer is renewed by a query in so many seconds; 0: not. kept_s: by
 * class_ttl_s. */
double class_prefetch_s(const struct resolver_class *class, double kept_s);
/* It hands out TTLs as they are, or shorter. */
bool class_is_honest(const struct resolver_class *class);

#endif
