/* SPDX-License-Identifier: BSD-2-Clause */
/* Failovers, as the server itself has measured them: those under way and the last ones with their
 * moments, and how often each took how long since the start. Belongs to the engine's thread.
 *
 *   t0  the last good evidence: the start of the last good probe, as deep as the one that failed.
 *       By then the host lived for sure, so that nothing counted from here is too short
 *   t1  the first bad evidence: a probe was found late, or ended badly
 *   t2  the answers changed: published
 *   t3  the last moment at which a resolver that keeps to TTLs may hold an old answer
 *
 * Of a return it is the other way round: t0 is the last bad evidence, t1 the first good one, and by
 * t3 all resolvers know of it. What an operator does is its own evidence: t0 and t1 are then the
 * moment of the command.
 *
 * t3 is a bound: the old answers are taken to have been given out until the moment they were
 * replaced. When they really were last is not noted, as that would be a store for each query; a
 * pool that is asked once a second makes it wrong by at most that second, and always to the safe
 * side. */
#ifndef EVERMX_ENGINE_FAILOVERS_H
#define EVERMX_ENGINE_FAILOVERS_H

#include "base/address.h"
#include "base/arena.h"
#include "verdict/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What became of a target's records when its verdict changed. Only those that left by it, and those
 * that came back, are counted in histograms. */
enum failover_kind {
    FAILOVER_LEFT, /* out of the answers, or behind all others in them */
    FAILOVER_KEPT, /* answered on: nothing better is there */
    FAILOVER_LATE, /* out of the answers after it was kept, as something better has come */
    FAILOVER_BACK, /* in the answers again */
    FAILOVER_KINDS
};
const char *failover_kind_word(enum failover_kind kind); /* "left" */

enum failover_cause {
    CAUSE_REFUSED,     /* the peer's kernel or the net said no */
    CAUSE_SILENT,      /* nothing came */
    CAUSE_SICK,        /* it talks, and is unwell */
    CAUSE_UNDELIVERED, /* what it takes does not arrive */
    CAUSE_DRAIN,
    CAUSE_FORCE,
    FAILOVER_CAUSES
};
const char *failover_cause_word(enum failover_cause cause); /* "refused" */

/* From t0 to t1, t2 and t3. */
enum failover_phase { TOOK_EVIDENCE, TOOK_ANSWERS, TOOK_RESOLVERS, FAILOVER_PHASES };
const char *failover_phase_word(enum failover_phase phase); /* "evidence" */

/* By so much more than its TTL an answer may be held: unbound keeps it to the end of the second in
 * which that ends, so up to a second; and it counts from when the answer has come, which takes it
 * up to some tenths of a second across an ocean, and us some to publish many pools. */
enum { FAILOVER_RESOLVER_MS = 1500 };
/* Knot Resolver holds each answer at least so long, as it is shipped (cache.min_ttl). */
enum { FAILOVER_LEAST_TTL_S = 5 };

/* How long an honest resolver may hold an answer that leaves now. */
static inline int64_t failover_held_ms(uint32_t ttl_s)
{
    uint32_t least_s = FAILOVER_LEAST_TTL_S;
    return (ttl_s > least_s ? ttl_s : least_s) * INT64_C(1000) + FAILOVER_RESOLVER_MS;
}

struct failover {
    enum failover_kind kind;
    enum failover_cause cause;
    enum reason reason; /* of the verdict; NONE: an operator's doing */
    const char *host, *check;
    struct address address;
    uint16_t port;
    const char *pool; /* the first of those whose answers changed */
    size_t npools;
    int64_t last_ms;    /* t0, the last evidence of what was; 0: there is none */
    int64_t first_ms;   /* t1, the first of what is; 0: as t0 */
    int64_t changed_ms; /* t2 */
    int64_t until_ms;   /* t3; 0: nothing changed for resolvers (KEPT) */
    int64_t kept_ms;    /* LEFT, LATE: when it last was kept all the same; 0: never */
    int64_t back_ms;    /* LEFT, LATE: when it came back; 0: it has not */
};

/* Upper bounds in seconds; there is one more without a bound. */
enum { FAILOVER_BOUNDS = 13 };
extern const double failover_bounds_s[FAILOVER_BOUNDS];

struct failover_histogram {
    uint64_t counts[FAILOVER_BOUNDS + 1]; /* each on its own, not those below */
    double sum_s;
};

struct failover_figures {
    uint64_t counts[FAILOVER_KINDS][FAILOVER_CAUSES];
    struct failover_histogram left[FAILOVER_PHASES][FAILOVER_CAUSES];
    struct failover_histogram back[FAILOVER_PHASES][FAILOVER_CAUSES];
};

/* Kept are those under way, that is out of the answers: at most two of each target (one LEFT, one
 * LATE), as long as the target is known; and the last ones of all others. */
enum { FAILOVERS_KEPT = 100 };

struct failovers;

struct failovers *failovers_new(void);
void failovers_free(struct failovers *failovers);

/* Copies the texts. A return is noted in the failovers that it ends, too; of one publication, those
 * that are kept come last. */
void failovers_add(struct failovers *failovers, const struct failover *failover);

/* The same for those before it, without keeping or counting it: of another target whose records
 * came back by it, too. */
void failovers_follow(struct failovers *failovers, const struct failover *next);

/* Ends those under way whose target is not known any more: nobody will tell of its return. */
void failovers_prune(struct failovers *failovers,
                     bool (*is_known)(void *context, const struct failover *failover),
                     void *context);

/* Tells of those that are out of the answers and whose t3 has come by now, the oldest first; each
 * once. */
void failovers_over(struct failovers *failovers, int64_t now_ms,
                    void (*tell)(void *context, const struct failover *failover), void *context);

/* All that are kept, the oldest first, in the arena. */
struct failover *failovers_copy(const struct failovers *failovers, struct arena *arena,
                                size_t *count);
const struct failover_figures *failovers_figures(const struct failovers *failovers);

#endif
