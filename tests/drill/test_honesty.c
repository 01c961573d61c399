/* SPDX-License-Identifier: BSD-2-Clause */
/* Resolvers of all kinds, made of a few lines each, are asked by the timetable in a time of their
 * own; what is found must be what they were made to do. */
#include "../../tools/drill/resolvers/fetches.h"
#include "../../tools/drill/resolvers/honesty.h"
#include "../../tools/drill/resolvers/timetable.h"

#include "base/memory.h"

#include <ldns/ldns.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    CACHES = 100,
    STEP_MS = 50, /* 20 questions a second */
    START_UNIX_S = 1700000000,
    OURS_AT_START_MS = 5000000, /* the two clocks have nothing in common */
    TTL_S = 10,
    LENGTH_S = 60,
    NEVER = 1 << 20,
};

/* One that does nothing of all this is honest. */
struct resolver {
    double floor_s, ceiling_s; /* the ceiling is for higher TTLs than 100 only; 0: none */
    bool unlike;               /* it is that of one in two fetches: of other caches */
    double hold_s;             /* keeps at least that, and does not show it */
    double drop_s;             /* forgets after that, and does not show it */
    double show_least_s;       /* shows at least that, whatever it keeps */
    double prefetch_share;     /* fetches anew when so much of the TTL is left */
    double stale_s, stale_ttl_s;
    bool expired_first, no_txt, no_cache, refuses, dead;
    unsigned caches; /* 0: 1 */
    double rtt_ms, fetch_ms;
    unsigned lost_percent;
};

struct entry {
    bool is_there;
    double fetched_s, expires_s; /* its own seconds */
    int64_t time_ms;
    uint64_t serial;
};

struct world {
    struct resolver resolver;
    struct timetable timetable;
    struct observed observed;
    struct entry entries[TIMETABLE_CANARIES_MAX][CACHES];
    struct turn turns[TIMETABLE_CANARIES_MAX];
    uint64_t serial, seed;
};

static uint64_t draw(struct world *world, uint64_t below)
{
    world->seed = world->seed * 6364136223846793005u + 1442695040888963407u;
    return (world->seed >> 33) % below;
}

static int64_t server_ms(int64_t now_ms)
{
    return (int64_t)START_UNIX_S * 1000 + now_ms + 371; /* it is not at a second's beginning */
}

static double kept_s(const struct world *world, double ttl_s)
{
    const struct resolver *resolver = &world->resolver;
    double kept = fmax(ttl_s, resolver->floor_s);
    if (resolver->ceiling_s > 0 && ttl_s > 100 && (!resolver->unlike || world->serial % 2))
        kept = fmin(kept, resolver->ceiling_s);
    return kept;
}

static bool fetch(struct world *world, const struct canary *canary, int64_t now_ms,
                  struct entry *entry)
{
    const struct resolver *resolver = &world->resolver;
    int64_t time_ms = server_ms(now_ms + (int64_t)resolver->fetch_ms / 2);
    if (canary->fails_unix_s && time_ms >= canary->fails_unix_s * 1000)
        return false;
    *entry = (struct entry){true, (double)now_ms / 1000, 0, time_ms, ++world->serial};
    entry->expires_s = entry->fetched_s + kept_s(world, canary->ttl_s);
    return true;
}

static void answer(struct world *world, const struct canary *canary, const struct entry *entry,
                   double ttl_s, struct observation *seen)
{
    seen->told = true;
    seen->ttl_s = (uint32_t)fmax(ttl_s > 0 ? ceil(ttl_s - 1e-6) : 0, world->resolver.show_least_s);
    seen->time_ms = entry->time_ms;
    seen->serial = entry->serial;
    seen->epoch = canary->period_s ? (uint64_t)(entry->time_ms / 1000 / canary->period_s) : 0;
    if (canary->purpose == PURPOSE_ADDRESS) {
        seen->serial = 0;
        seen->time_ms = (entry->time_ms / 1000 + 1) * 1000;
    } else {
        seen->from = (struct address){4, {192, 0, 2, (uint8_t)(1 + entry->serial % 2)}};
    }
}

static void resolve(struct world *world, size_t index, int64_t now_ms, struct observation *seen)
{
    const struct resolver *resolver = &world->resolver;
    const struct canary *canary = &world->timetable.canaries[index];
    struct entry *entry = &world->entries[index][draw(world, resolver->caches)];
    double now_s = (double)now_ms / 1000, ends_s = entry->expires_s;
    bool uncached = resolver->no_cache || (resolver->no_txt && canary->purpose != PURPOSE_ADDRESS);

    if (resolver->hold_s > 0)
        ends_s = fmax(ends_s, entry->fetched_s + resolver->hold_s);
    if (resolver->drop_s > 0)
        ends_s = fmin(ends_s, entry->fetched_s + resolver->drop_s);
    if (entry->is_there && now_s < ends_s && !uncached) {
        answer(world, canary, entry, entry->expires_s - now_s, seen);
        if (resolver->prefetch_share > 0 &&
            entry->expires_s - now_s <=
                resolver->prefetch_share * (entry->expires_s - entry->fetched_s))
            fetch(world, canary, now_ms, entry);
        return;
    }
    struct entry old = *entry;
    if (old.is_there && resolver->expired_first) {
        answer(world, canary, &old, resolver->stale_ttl_s, seen);
        fetch(world, canary, now_ms, entry);
        return;
    }
    seen->came_ms += (int64_t)resolver->fetch_ms;
    if (fetch(world, canary, now_ms, entry))
        answer(world, canary, entry, entry->expires_s - now_s, seen);
    else if (old.is_there && now_s < ends_s + resolver->stale_s)
        answer(world, canary, &old, resolver->stale_ttl_s, seen);
    else
        seen->rcode = LDNS_RCODE_SERVFAIL;
}

static void ask(struct world *world, size_t index, int64_t now_ms)
{
    const struct resolver *resolver = &world->resolver;
    struct turn *turn = &world->turns[index];
    struct observation seen = {.canary = index,
                               .asked_ms = OURS_AT_START_MS + now_ms,
                               .came_ms = OURS_AT_START_MS + now_ms + (int64_t)resolver->rtt_ms};
    if (resolver->dead || draw(world, 100) < resolver->lost_percent)
        seen.why = "timed out";
    else if (resolver->refuses)
        seen.rcode = LDNS_RCODE_REFUSED;
    else
        resolve(world, index, now_ms + (int64_t)resolver->rtt_ms / 2, &seen);
    turn->asked++;
    turn->last_ms = now_ms;
    if (seen.told)
        turn->expires_ms = now_ms + (int64_t)seen.ttl_s * 1000;
    world->observed.list = memory_grow(world->observed.list, world->observed.count,
                                       &world->observed.capacity, sizeof seen);
    world->observed.list[world->observed.count++] = seen;
}

/* At each step the one that is overdue for the longest time. */
static void run(struct world *world)
{
    for (int64_t now_ms = 0; now_ms < world->timetable.length_ms; now_ms += STEP_MS) {
        int64_t earliest_ms = now_ms + 1;
        size_t which = world->timetable.count;
        for (size_t i = 0; i < world->timetable.count; i++) {
            int64_t due_ms = timetable_due_ms(&world->timetable, i, &world->turns[i]);
            if (due_ms < earliest_ms) {
                earliest_ms = due_ms;
                which = i;
            }
        }
        if (which < world->timetable.count)
            ask(world, which, now_ms);
    }
}

static struct world *measure_long(struct resolver resolver, uint32_t length_s)
{
    const uint32_t ttls_s[] = {1, 2, 5, 10, 30, 60, 300, 3600, 86400};
    struct world *world = memory_alloc(sizeof *world);

    if (!resolver.caches)
        resolver.caches = 1;
    world->resolver = resolver;
    world->seed = 4711;
    timetable_make(&world->timetable, ttls_s, sizeof ttls_s / sizeof *ttls_s, TTL_S, length_s,
                   START_UNIX_S);
    run(world);
    world->observed.canaries = world->timetable.canaries;
    world->observed.ncanaries = world->timetable.count;
    world->observed.ttl_s = TTL_S;
    world->observed.start_ms = OURS_AT_START_MS;
    world->observed.end_ms = OURS_AT_START_MS + world->timetable.length_ms;
    return world;
}

static void world_free(struct world *world)
{
    free(world->observed.list);
    free(world);
}

static struct findings find_long(struct resolver resolver, uint32_t length_s,
                                 struct figures *changes)
{
    struct world *world = measure_long(resolver, length_s);
    struct findings findings;
    honesty_find(&world->observed, &findings);
    if (changes)
        honesty_changes(&world->observed, changes);
    world_free(world);
    return findings;
}

static struct findings find(struct resolver resolver)
{
    return find_long(resolver, LENGTH_S, NULL);
}

#define FIND(...) find((struct resolver){__VA_ARGS__})

static void assert_verdict(const struct findings *findings, const char *expected)
{
    char *verdict = honesty_verdict(findings);
    assert_string_equal(verdict, expected);
    free(verdict);
}

static void assert_lines(const struct findings *findings, const char *expected)
{
    char *lines = honesty_lines(findings);
    if (!strstr(lines, expected))
        print_error("%s", lines);
    assert_non_null(strstr(lines, expected));
    free(lines);
}

static const struct keeping *keeping_at(const struct findings *findings, uint32_t ttl_s)
{
    for (size_t i = 0; i < findings->nkeepings; i++)
        if (findings->keepings[i].ttl_s == ttl_s)
            return &findings->keepings[i];
    fail();
    return NULL;
}

/* ---- tests ---- */

static void honest(void **state)
{
    const struct resolver kinds[] = {{.rtt_ms = 0},
                                     {.rtt_ms = 2, .fetch_ms = 10},
                                     {.rtt_ms = 200, .fetch_ms = 300},
                                     {.rtt_ms = 20, .lost_percent = 3}};
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct findings findings = find(kinds[i]);
        assert_verdict(&findings, "honest: a failover takes your TTL, 10 s");
        assert_int_equal(findings.has_floor, TELL_NO);
        assert_int_equal(findings.has_ceiling, TELL_NO);
        assert_int_equal(findings.prefetches, TELL_NO);
        assert_int_equal(findings.serves_stale, TELL_NO);
        assert_int_equal(findings.expired_first, TELL_NO);
        assert_in_range(findings.renewals, 2, 3);
        assert_int_equal(findings.caches.seen, 1);
        assert_int_equal(findings.caches.most, 1);
        assert_int_equal(findings.nsources, 2);
        assert_true(findings.own.kept_s > 9 && findings.own.kept_s < 10.1);
        assert_true(findings.own_address.kept_s > 8 && findings.own_address.kept_s < 10.1);
        assert_false(findings.own.too_long || findings.own.too_long_behind);
        assert_true(findings.clock_error_ms < 260);
    }
}

static void floor_60(void **state)
{
    struct findings findings = FIND(.floor_s = 60);
    (void)state;
    assert_verdict(&findings, "keeps our answers 60 s: a failover takes that long for its users");
    assert_int_equal(findings.has_floor, TELL_YES);
    assert_float_equal(findings.floor_s, 60, 0.5);
    assert_false(findings.floor_open);
    /* Nothing ends within the time. */
    assert_int_equal(findings.prefetches, TELL_UNKNOWN);
    assert_int_equal(findings.serves_stale, TELL_UNKNOWN);
    assert_int_equal(findings.expired_first, TELL_UNKNOWN);
}

static void floor_240(void **state)
{
    struct findings findings = FIND(.floor_s = 240, .rtt_ms = 5);
    (void)state;
    assert_verdict(&findings, "keeps our answers 240 s: a failover takes that long for its users");
    assert_float_equal(findings.floor_s, 240, 0);
    assert_true(findings.own.open && findings.own.kept_s < 61);
    assert_lines(&findings, "floor          240 s\n");
}

/* It shows our TTL and does not keep to it: the age tells. */
static void silent_floor(void **state)
{
    struct figures changes = {0};
    struct findings findings = FIND(.hold_s = 35);
    (void)state;
    assert_true(findings.own.too_long && !findings.own.open);
    assert_float_equal(findings.own.kept_s, 35, 1.5);
    assert_verdict(&findings, "keeps our answers 35 s: a failover takes that long for its users");
    findings = find_long((struct resolver){.hold_s = 240}, LENGTH_S, &changes);
    assert_true(findings.floor_open);
    assert_float_equal(findings.floor_s, 60, 2);
    assert_verdict(&findings, "keeps our answers for more than 59 s: a failover takes longer for "
                              "its users");
    assert_lines(&findings, " at least\n");
    assert_true(changes.never > 5 && changes.count == 0);
    figures_free(&changes);
}

/* As BIND with min-cache-ttl, which renews what is asked for often: others get it to its end. */
static void floor_60_with_prefetch(void **state)
{
    struct findings findings =
        find_long((struct resolver){.floor_s = 60, .prefetch_share = 0.05}, 90, NULL);
    (void)state;
    assert_int_equal(findings.has_floor, TELL_YES);
    assert_float_equal(findings.floor_s, 60, 0);
}

static void floor_5_is_below_the_ttl(void **state)
{
    struct findings findings = FIND(.floor_s = 5);
    (void)state;
    assert_int_equal(findings.has_floor, TELL_YES);
    assert_float_equal(findings.floor_s, 5, 0.2);
    assert_verdict(&findings, "honest: a failover takes your TTL, 10 s");
}

static void ceiling_3600(void **state)
{
    struct findings findings = FIND(.ceiling_s = 3600);
    (void)state;
    assert_int_equal(findings.has_ceiling, TELL_YES);
    assert_float_equal(findings.ceiling_s, 3600, 0);
    assert_verdict(&findings, "honest: a failover takes your TTL, 10 s");
    assert_lines(&findings, "ceiling        3600 s\n");
    findings = FIND(.ceiling_s = 3600, .caches = 6, .unlike = true);
    assert_lines(&findings, "ceiling        3600 s in some of its caches\n");
}

/* As unbound with cache-max-ttl, and BIND with max-cache-ttl: it keeps to what it shows. */
static void ceiling_5_is_shown(void **state)
{
    struct findings findings = FIND(.ceiling_s = 5);
    (void)state;
    assert_int_equal(findings.has_ceiling, TELL_YES);
    assert_float_equal(findings.ceiling_s, 5, 0);
    assert_lines(&findings, "ceiling        5 s\n");
}

/* Shown are 86400 s; after 15 s it is fetched anew. */
static void silent_ceiling(void **state)
{
    struct findings findings = FIND(.drop_s = 15);
    (void)state;
    assert_int_equal(findings.has_ceiling, TELL_YES);
    assert_float_equal(findings.ceiling_s, 15, 2.1);
    assert_lines(&findings, ", though it tells higher TTLs\n");
    assert_int_equal(findings.prefetches, TELL_UNKNOWN); /* it looks the same */
}

/* It shows 300 s and fetches anew in time: those behind it are lied to. */
static void lying_ttl(void **state)
{
    struct findings findings = FIND(.show_least_s = 300);
    (void)state;
    assert_false(findings.own.too_long);
    assert_true(findings.own.too_long_behind);
    assert_int_not_equal(findings.has_floor, TELL_YES);
    assert_verdict(&findings,
                   "fetches anew within our TTL, but tells its clients 300 s: a failover takes "
                   "that long for those that keep answers themselves");
}

static void prefetching(void **state)
{
    struct findings findings = FIND(.prefetch_share = 0.1);
    (void)state;
    assert_int_equal(findings.prefetches, TELL_YES);
    assert_float_equal(findings.earliest_s, 2, 0.4);
    assert_verdict(&findings, "honest: a failover takes your TTL, 10 s");
    assert_int_equal(findings.caches.seen, 1);
    assert_int_equal(findings.serves_stale, TELL_NO);
    /* Of short measurements, too, where another TTL is used. */
    findings = find_long((struct resolver){.prefetch_share = 0.25}, 30, NULL);
    assert_int_equal(findings.prefetches, TELL_YES);
}

static void stale(void **state)
{
    struct findings findings = FIND(.stale_s = NEVER, .stale_ttl_s = 30);
    (void)state;
    assert_int_equal(findings.serves_stale, TELL_YES);
    assert_true(findings.stale_open && findings.stale_s > 30);
    assert_true(findings.stale_least_s == 30 && findings.stale_most_s == 30);
    assert_int_equal(findings.expired_first, TELL_NO);
    assert_verdict(&findings, "honest: a failover takes your TTL, 10 s");
    assert_lines(&findings, " and more after an answer's end, with TTL 30 (");

    findings = FIND(.stale_s = 20, .stale_ttl_s = 1);
    assert_int_equal(findings.serves_stale, TELL_YES);
    assert_false(findings.stale_open);
    assert_float_equal(findings.stale_s, 20, 1.5);
    assert_true(findings.stale_failures > 5);
}

static void expired_first(void **state)
{
    struct findings findings = FIND(.stale_s = NEVER, .stale_ttl_s = 30, .expired_first = true);
    (void)state;
    assert_int_equal(findings.expired_first, TELL_YES);
    assert_true(findings.expired_age_s > 25);
    assert_false(findings.own.too_long);
    assert_int_not_equal(findings.has_floor, TELL_YES);
    assert_verdict(&findings, "honest to those who ask often: a failover takes your TTL, 10 s; but "
                              "the first to ask after a pause gets the old answer, however old");
}

static void several_caches(void **state)
{
    struct findings findings = FIND(.caches = 3);
    (void)state;
    assert_int_equal(findings.caches.seen, 3);
    assert_int_equal(findings.caches.most, 3);
    assert_float_equal(findings.caches.likely, 3, 0);
    assert_verdict(&findings, "honest: a failover takes your TTL, 10 s");
    assert_int_equal(findings.has_floor, TELL_NO);
    assert_int_not_equal(findings.prefetches, TELL_YES);
    assert_int_not_equal(findings.serves_stale, TELL_YES);

    findings = FIND(.caches = 40);
    assert_in_range(findings.caches.seen, 8, 40);
    assert_in_range((unsigned)findings.caches.likely, 25, 60);
    assert_in_range(findings.caches.most, 40, 100);
    assert_int_not_equal(findings.prefetches, TELL_YES);

    findings = FIND(.caches = 3, .floor_s = 240);
    assert_verdict(&findings, "keeps our answers 240 s: a failover takes that long for its users");
    assert_int_equal(findings.caches.seen, 3);
}

static void dead(void **state)
{
    struct findings findings = FIND(.dead = true);
    char expected[120];
    (void)state;
    snprintf(expected, sizeof expected, "never answered (%u questions: timed out)", findings.asked);
    assert_verdict(&findings, expected);
    assert_true(isnan(findings.rtt_ms));
    assert_lines(&findings, "failed, mostly: timed out");

    findings = FIND(.refuses = true);
    snprintf(expected, sizeof expected, "answers none of our names (%u questions: REFUSED)",
             findings.asked);
    assert_verdict(&findings, expected);
}

static void no_caching(void **state)
{
    struct findings findings = FIND(.no_cache = true, .rtt_ms = 2);
    (void)state;
    assert_verdict(&findings, "keeps no answers: a failover takes no longer than at the server");
    assert_int_equal(findings.caches.seen, 0);
    assert_int_equal(findings.prefetches, TELL_UNKNOWN);
}

/* Some caches keep addresses only: what they do to those counts. */
static void addresses_only(void **state)
{
    struct findings findings = FIND(.no_txt = true, .hold_s = 30);
    (void)state;
    assert_int_equal(findings.own.answers, findings.own.fetches);
    assert_true(findings.own_address.too_long);
    assert_int_equal(findings.has_floor, TELL_YES);
    char *verdict = honesty_verdict(&findings);
    assert_true(strncmp(verdict, "keeps our answers 29", 20) == 0 ||
                strncmp(verdict, "keeps our answers 30", 20) == 0);
    free(verdict);
    findings = FIND(.no_txt = true);
    assert_verdict(&findings,
                   "honest: a failover takes your TTL, 10 s, as far as can be told of one "
                   "that keeps addresses alone");
    /* That was asked for by TXT: what is said of that is nothing about addresses. */
    assert_int_equal(findings.expired_first, TELL_UNKNOWN);
    assert_int_equal(findings.serves_stale, TELL_UNKNOWN);
}

static void lossy(void **state)
{
    struct findings findings = FIND(.lost_percent = 30);
    char *verdict = honesty_verdict(&findings);
    (void)state;
    assert_non_null(strstr(verdict, "honest: a failover takes your TTL, 10 s; "));
    assert_non_null(strstr(verdict, " % of questions failed (timed out)"));
    free(verdict);
}

/* Seconds after a change until the last old answer, by the rule of an honest cache anything from 0
 * to the TTL. */
static void changes_take_the_ttl(void **state)
{
    struct figures changes = {0};
    find_long((struct resolver){.rtt_ms = 2}, 600, &changes);
    struct summary summary = figures_summary(&changes);
    (void)state;
    assert_in_range(summary.count, 120, 140); /* three names, each 13 s */
    assert_int_equal(summary.never, 0);
    assert_true(summary.median_s > 4 && summary.median_s < 6.6);
    assert_true(summary.longest_s > 8.5 && summary.longest_s < 11);
    figures_free(&changes);
}

static void too_short_to_tell(void **state)
{
    struct world *world = measure_long((struct resolver){.rtt_ms = 2}, TIMETABLE_LEAST_S);
    struct findings findings;
    (void)state;
    world->observed.ttl_s = 300; /* as if that had been the operator's */
    honesty_find(&world->observed, &findings);
    assert_verdict(&findings,
                   "not dishonest in 20 s, which is too short to see a TTL of 300 s end");
    world_free(world);
}

/* Each TTL once, and no more than 20 questions a second; one that has ended is asked for no more.
 */
static void timetable_is_bounded(void **state)
{
    struct world *world = measure_long((struct resolver){.rtt_ms = 2}, LENGTH_S);
    unsigned asked[TIMETABLE_CANARIES_MAX] = {0};
    (void)state;
    assert_in_range(world->observed.count, 800, LENGTH_S * 20);
    for (size_t i = 0; i < world->observed.count; i++)
        asked[world->observed.list[i].canary]++;
    for (size_t i = 0; i < world->timetable.count; i++) {
        const struct canary *canary = &world->timetable.canaries[i];
        unsigned least = LENGTH_S * 1000 / (unsigned)canary->interval_ms * 3 / 4;
        if (canary->purpose == PURPOSE_SLEEP)
            assert_int_equal(asked[i], 4);
        else
            assert_in_range(asked[i], least, LENGTH_S * 5);
        for (size_t other = i + 1; other < world->timetable.count; other++)
            assert_false(canary->purpose == PURPOSE_KEEP &&
                         world->timetable.canaries[other].purpose == PURPOSE_KEEP &&
                         canary->ttl_s == world->timetable.canaries[other].ttl_s);
    }
    world_free(world);
}

static void json_tells_it_all(void **state)
{
    struct findings findings = FIND(.floor_s = 240);
    json_t *json = honesty_json(&findings);
    (void)state;
    assert_non_null(json);
    assert_true(json_is_true(json_object_get(json, "floor")));
    assert_float_equal(json_number_value(json_object_get(json, "floor_s")), 240, 0);
    assert_true(json_is_null(json_object_get(json, "prefetch")));
    assert_true(json_is_null(json_object_get(json, "stale_s")));
    assert_int_equal(json_integer_value(json_object_get(json, "caches_least")), 1);
    assert_int_equal(json_array_size(json_object_get(json, "kept")), findings.nkeepings + 1);
    assert_float_equal(keeping_at(&findings, 1)->given_s, 240, 0);
    json_decref(json);
    findings = FIND(.dead = true);
    json = honesty_json(&findings);
    assert_true(json_is_null(json_object_get(json, "rtt_ms")));
    assert_true(json_is_null(json_object_get(json, "floor")));
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(honest),
        cmocka_unit_test(floor_60),
        cmocka_unit_test(floor_240),
        cmocka_unit_test(silent_floor),
        cmocka_unit_test(floor_60_with_prefetch),
        cmocka_unit_test(floor_5_is_below_the_ttl),
        cmocka_unit_test(ceiling_3600),
        cmocka_unit_test(ceiling_5_is_shown),
        cmocka_unit_test(silent_ceiling),
        cmocka_unit_test(lying_ttl),
        cmocka_unit_test(prefetching),
        cmocka_unit_test(stale),
        cmocka_unit_test(expired_first),
        cmocka_unit_test(several_caches),
        cmocka_unit_test(dead),
        cmocka_unit_test(no_caching),
        cmocka_unit_test(addresses_only),
        cmocka_unit_test(lossy),
        cmocka_unit_test(changes_take_the_ttl),
        cmocka_unit_test(too_short_to_tell),
        cmocka_unit_test(timetable_is_bounded),
        cmocka_unit_test(json_tells_it_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
