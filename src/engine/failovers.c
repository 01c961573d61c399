/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/failovers.h"

#include "base/memory.h"
#include "base/table.h"

#include <stdlib.h>
#include <string.h>

/* Detection takes tenths of seconds to seconds, TTLs seconds to minutes. */
const double failover_bounds_s[FAILOVER_BOUNDS] = {0.1, 0.25, 0.5, 1,   2,   4,  8,
                                                   15,  30,   60,  120, 300, 600};

enum { BUCKETS = 1024 };

struct kept {
    struct failover failover;
    uint64_t number; /* counts from 1 */
    bool waits;      /* its t3 is still to come, as far as has been asked */
    struct kept *next;
};

/* Those under way by their targets' addresses, as a return is to find its own among thousands; the
 * others in a ring: the one that was the n-th to end stands at n % FAILOVERS_KEPT. */
struct failovers {
    uint64_t count, nended; /* ever */
    struct kept *under_way[BUCKETS], *ended[FAILOVERS_KEPT];
    size_t nunder_way, nwaiting;
    int64_t due_ms; /* none that waits is over before */
    struct failover_figures figures;
};

struct failovers *failovers_new(void)
{
    return memory_alloc(sizeof(struct failovers));
}

static void free_kept(struct kept *kept)
{
    if (!kept)
        return;
    free((char *)kept->failover.host);
    free((char *)kept->failover.check);
    free((char *)kept->failover.pool);
    free(kept);
}

void failovers_free(struct failovers *failovers)
{
    for (size_t i = 0; i < FAILOVERS_KEPT; i++)
        free_kept(failovers->ended[i]);
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct kept *kept = failovers->under_way[i], *next; kept; kept = next) {
            next = kept->next;
            free_kept(kept);
        }
    free(failovers);
}

/* ---- figures ---- */

static void observe(struct failover_histogram *histogram, int64_t ms)
{
    double seconds = (double)ms / 1000;
    size_t bucket = 0;
    while (bucket < FAILOVER_BOUNDS && seconds > failover_bounds_s[bucket])
        bucket++;
    histogram->counts[bucket]++;
    histogram->sum_s += seconds;
}

/* What has no beginning cannot be counted from it. */
static void add_figures(struct failover_figures *figures, const struct failover *failover)
{
    const int64_t moments_ms[FAILOVER_PHASES] = {
        [TOOK_EVIDENCE] = failover->first_ms,
        [TOOK_ANSWERS] = failover->changed_ms,
        [TOOK_RESOLVERS] = failover->until_ms,
    };
    figures->counts[failover->kind][failover->cause]++;
    if (!failover->last_ms)
        return;
    for (size_t i = 0; i < FAILOVER_PHASES; i++) {
        int64_t took_ms = moments_ms[i] - failover->last_ms;
        if (failover->kind == FAILOVER_LEFT)
            observe(&figures->left[i][failover->cause], took_ms);
        else if (failover->kind == FAILOVER_BACK)
            observe(&figures->back[i][failover->cause], took_ms);
    }
}

const struct failover_figures *failovers_figures(const struct failovers *failovers)
{
    return &failovers->figures;
}

/* ---- under way ---- */

static struct kept **bucket_of(struct failovers *failovers, const struct address *address)
{
    return &failovers->under_way[hash_bytes(address->bytes, address_size(address), 0) % BUCKETS];
}

static bool is_of_same(const struct failover *one, const struct failover *other)
{
    return one->port == other->port && address_equal(&one->address, &other->address) &&
           strcmp(one->check, other->check) == 0;
}

/* Whether it is one that a return ends. */
static bool is_out(const struct failover *failover)
{
    return (failover->kind == FAILOVER_LEFT || failover->kind == FAILOVER_LATE) &&
           !failover->back_ms;
}

static void begin(struct failovers *failovers, struct kept *kept)
{
    struct kept **bucket = bucket_of(failovers, &kept->failover.address);
    if (!failovers->nwaiting || kept->failover.until_ms < failovers->due_ms)
        failovers->due_ms = kept->failover.until_ms;
    kept->waits = true;
    kept->next = *bucket;
    *bucket = kept;
    failovers->nunder_way++;
    failovers->nwaiting++;
}

static void stop_waiting(struct failovers *failovers, struct kept *kept)
{
    failovers->nwaiting -= kept->waits;
    kept->waits = false;
}

static void keep_ended(struct failovers *failovers, struct kept *kept)
{
    struct kept **place = &failovers->ended[++failovers->nended % FAILOVERS_KEPT];
    free_kept(*place);
    *place = kept;
}

/* Returns the link to the next one. */
static struct kept **end(struct failovers *failovers, struct kept **link)
{
    struct kept *kept = *link;
    *link = kept->next;
    kept->next = NULL;
    failovers->nunder_way--;
    stop_waiting(failovers, kept);
    keep_ended(failovers, kept);
    return link;
}

/* What the next one of a target makes of one under way. By a return it ends; where it is merely
 * kept, what is out of other answers is still not gone; of two of a kind the last one goes on. */
static struct kept **follow(struct failovers *failovers, struct kept **link,
                            const struct failover *next)
{
    struct kept *kept = *link;
    if (next->kind == FAILOVER_BACK)
        kept->failover.back_ms = next->changed_ms;
    if (next->kind == FAILOVER_KEPT) {
        kept->failover.kept_ms = next->changed_ms;
        stop_waiting(failovers, kept);
    }
    return next->kind == FAILOVER_BACK || next->kind == kept->failover.kind ? end(failovers, link)
                                                                            : &kept->next;
}

/* Of those that ended by one of their kind. */
static void note_return(struct failovers *failovers, const struct failover *back)
{
    for (size_t i = 0; i < FAILOVERS_KEPT; i++) {
        struct kept *kept = failovers->ended[i];
        if (kept && is_out(&kept->failover) && is_of_same(&kept->failover, back))
            kept->failover.back_ms = back->changed_ms;
    }
}

void failovers_follow(struct failovers *failovers, const struct failover *next)
{
    struct kept **link = bucket_of(failovers, &next->address);
    while (*link)
        link =
            is_of_same(&(*link)->failover, next) ? follow(failovers, link, next) : &(*link)->next;
    if (next->kind == FAILOVER_BACK)
        note_return(failovers, next);
}

void failovers_add(struct failovers *failovers, const struct failover *failover)
{
    failovers_follow(failovers, failover);
    struct kept *kept = memory_alloc(sizeof *kept);
    kept->number = ++failovers->count;
    kept->failover = *failover;
    kept->failover.host = memory_strdup(failover->host);
    kept->failover.check = memory_strdup(failover->check);
    kept->failover.pool = memory_strdup(failover->pool);
    if (is_out(failover))
        begin(failovers, kept);
    else
        keep_ended(failovers, kept);
    add_figures(&failovers->figures, failover);
}

void failovers_prune(struct failovers *failovers,
                     bool (*is_known)(void *context, const struct failover *failover),
                     void *context)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct kept **link = &failovers->under_way[i]; *link;)
            link = is_known(context, &(*link)->failover) ? &(*link)->next : end(failovers, link);
}

/* ---- all of them ---- */

static int compare_numbers(const void *one, const void *other)
{
    uint64_t first = (*(struct kept *const *)one)->number;
    uint64_t second = (*(struct kept *const *)other)->number;
    return first < second ? -1 : first > second;
}

void failovers_over(struct failovers *failovers, int64_t now_ms,
                    void (*tell)(void *context, const struct failover *failover), void *context)
{
    if (!failovers->nwaiting || now_ms < failovers->due_ms)
        return;
    struct kept **over = memory_array(failovers->nwaiting, sizeof *over);
    size_t count = 0;
    failovers->due_ms = INT64_MAX;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct kept *kept = failovers->under_way[i]; kept; kept = kept->next) {
            if (kept->waits && kept->failover.until_ms <= now_ms)
                over[count++] = kept;
            else if (kept->waits && kept->failover.until_ms < failovers->due_ms)
                failovers->due_ms = kept->failover.until_ms;
        }
    qsort(over, count, sizeof(struct kept *), compare_numbers);
    for (size_t i = 0; i < count; i++) {
        stop_waiting(failovers, over[i]);
        tell(context, &over[i]->failover);
    }
    free(over);
}

struct failover *failovers_copy(const struct failovers *failovers, struct arena *arena,
                                size_t *count)
{
    size_t most = failovers->nunder_way + FAILOVERS_KEPT;
    const struct kept **all = memory_array(most, sizeof(struct kept *));
    *count = 0;
    for (size_t i = 0; i < FAILOVERS_KEPT; i++)
        if (failovers->ended[i])
            all[(*count)++] = failovers->ended[i];
    for (size_t i = 0; i < BUCKETS; i++)
        for (const struct kept *kept = failovers->under_way[i]; kept; kept = kept->next)
            all[(*count)++] = kept;
    qsort(all, *count, sizeof(struct kept *), compare_numbers);
    struct failover *copies = ARENA_ARRAY(arena, struct failover, *count);
    for (size_t i = 0; i < *count; i++) {
        copies[i] = all[i]->failover;
        copies[i].host = arena_strdup(arena, copies[i].host);
        copies[i].check = arena_strdup(arena, copies[i].check);
        copies[i].pool = arena_strdup(arena, copies[i].pool);
    }
    free(all);
    return copies;
}

/* ---- words ---- */

const char *failover_kind_word(enum failover_kind kind)
{
    static const char *const words[FAILOVER_KINDS] = {
        [FAILOVER_LEFT] = "left",
        [FAILOVER_KEPT] = "kept",
        [FAILOVER_LATE] = "late",
        [FAILOVER_BACK] = "back",
    };
    return words[kind];
}

const char *failover_cause_word(enum failover_cause cause)
{
    static const char *const words[FAILOVER_CAUSES] = {
        [CAUSE_REFUSED] = "refused",         [CAUSE_SILENT] = "silent", [CAUSE_SICK] = "sick",
        [CAUSE_UNDELIVERED] = "undelivered", [CAUSE_DRAIN] = "drain",   [CAUSE_FORCE] = "force",
    };
    return words[cause];
}

const char *failover_phase_word(enum failover_phase phase)
{
    static const char *const words[FAILOVER_PHASES] = {
        [TOOK_EVIDENCE] = "evidence",
        [TOOK_ANSWERS] = "answers",
        [TOOK_RESOLVERS] = "resolvers",
    };
    return words[phase];
}
