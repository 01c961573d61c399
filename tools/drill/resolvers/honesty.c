/* SPDX-License-Identifier: BSD-2-Clause */
#include "honesty.h"

#include "base/memory.h"
#include "fetches.h"
#include "finder.h"

#include <ldns/ldns.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

double finder_seconds(int64_t time_ms)
{
    return (double)time_ms / 1000;
}

double finder_age_s(const struct finder *finder, const struct observation *seen)
{
    double age = finder_seconds(seen->asked_ms - (seen->time_ms - finder->offset_ms));
    return age > 0 ? age : 0;
}

int64_t finder_fails_ms(const struct finder *finder, const struct canary *canary)
{
    return canary->fails_unix_s ? canary->fails_unix_s * 1000 - finder->offset_ms : INT64_MAX;
}

static const struct canary *canary_of(const struct finder *finder, const struct observation *seen)
{
    return &finder->observed->canaries[seen->canary];
}

/* ---- whether it answers ---- */

static void reason_of(const struct observation *seen, char reason[FAILURE_SIZE])
{
    const ldns_lookup_table *word = ldns_lookup_by_id(ldns_rcodes, seen->rcode);

    if (seen->why)
        snprintf(reason, FAILURE_SIZE, "%s", seen->why);
    else if (seen->rcode == LDNS_RCODE_NOERROR)
        snprintf(reason, FAILURE_SIZE, "no canary's answer");
    else if (word)
        snprintf(reason, FAILURE_SIZE, "%s", word->name);
    else
        snprintf(reason, FAILURE_SIZE, "rcode %u", seen->rcode);
}

static bool has_failed(const struct finder *finder, const struct observation *seen)
{
    return !seen->told && seen->came_ms < finder_fails_ms(finder, canary_of(finder, seen));
}

enum { REASONS_MAX = 16 }; /* more are not told apart */

static void find_reason(struct finder *finder)
{
    const struct observed *observed = finder->observed;
    struct {
        char text[FAILURE_SIZE];
        unsigned count;
    } reasons[REASONS_MAX] = {0};
    size_t most = 0;

    for (size_t i = 0; i < observed->count; i++) {
        char text[FAILURE_SIZE];
        size_t at = 0;
        if (!has_failed(finder, &observed->list[i]))
            continue;
        reason_of(&observed->list[i], text);
        while (at < REASONS_MAX - 1 && reasons[at].count && strcmp(reasons[at].text, text) != 0)
            at++;
        strcpy(reasons[at].text, text);
        if (++reasons[at].count > reasons[most].count)
            most = at;
    }
    strcpy(finder->findings->failure, reasons[most].text);
}

static void find_counts(struct finder *finder)
{
    struct findings *findings = finder->findings;
    const struct observed *observed = finder->observed;
    struct figures took = {0};

    for (size_t i = 0; i < observed->count; i++) {
        const struct observation *seen = &observed->list[i];
        findings->asked++;
        findings->came += !seen->why;
        findings->told += seen->told;
        findings->failed += has_failed(finder, seen);
        if (!seen->why)
            figures_add(&took, (double)(seen->came_ms - seen->asked_ms));
    }
    findings->rtt_ms = figures_summary(&took).median_s;
    figures_free(&took);
    find_reason(finder);
}

static void add_source(struct findings *findings, const struct address *source)
{
    for (size_t i = 0; i < findings->nsources; i++)
        if (address_equal(&findings->sources[i], source))
            return;
    if (source->family && findings->nsources < SOURCES_MAX)
        findings->sources[findings->nsources++] = *source;
}

/* ---- how long answers are kept ---- */

static void keep_given(struct keeping *keeping, double ttl_s)
{
    if (keeping->given_s < 0 || ttl_s < keeping->given_least_s)
        keeping->given_least_s = ttl_s;
    keeping->given_s = fmax(keeping->given_s, ttl_s);
}

static void keep_answer(const struct finder *finder, struct keeping *keeping,
                        const struct observation *seen)
{
    double age = finder_age_s(finder, seen);

    if (!keeping->answers || seen->ttl_s < keeping->shown_least_s)
        keeping->shown_least_s = seen->ttl_s;
    if (seen->ttl_s > keeping->shown_most_s)
        keeping->shown_most_s = seen->ttl_s;
    if (age * 1000 <= 50 + finder->findings->clock_error_ms) /* fetched for this question */
        keep_given(keeping, seen->ttl_s);
    keeping->horizon_s = fmax(keeping->horizon_s, age + seen->ttl_s);
    keeping->answers++;
}

/* Whether the last answers, as many as its caches may take turns in, were still of this fetch. */
static bool still_kept(const struct finder *finder, size_t canary, const struct fetch *fetch,
                       unsigned caches)
{
    const struct observed *observed = finder->observed;
    unsigned left = caches == 1 ? 1 : 4 * caches;

    for (size_t i = observed->count; i-- > 0 && left;) {
        const struct observation *seen = &observed->list[i];
        if (seen->canary != canary || !seen->told)
            continue;
        if (seen->time_ms - finder->offset_ms == fetch->time_ms && seen->serial == fetch->serial)
            return true;
        left--;
    }
    return false;
}

static void judge(struct keeping *keeping, int64_t interval_ms, bool single)
{
    double ttl_s = keeping->ttl_s, limit_s = ttl_s + rounding_s + finder_seconds(interval_ms);

    keeping->too_long = keeping->kept_s > limit_s;
    keeping->too_long_behind = keeping->horizon_s > limit_s;
    /* A fifth of the TTL is what prefetching takes away at most. */
    keeping->too_short = single && !keeping->open && keeping->fetches > 2 &&
                         2 * keeping->answers >= 3 * keeping->fetches &&
                         keeping->kept_s + finder_seconds(interval_ms) + rounding_s < 0.8 * ttl_s;
}

static void keep_canary(const struct finder *finder, size_t canary, struct keeping *keeping)
{
    const struct observed *observed = finder->observed;
    struct fetches fetches;

    for (size_t i = 0; i < observed->count; i++)
        if (observed->list[i].canary == canary && observed->list[i].told)
            keep_answer(finder, keeping, &observed->list[i]);
    fetches_gather(observed, canary, finder->offset_ms, &fetches);
    unsigned alive = fetches_alive(&fetches);
    for (size_t i = 0; i < fetches.count; i++) {
        const struct fetch *fetch = &fetches.list[i];
        double *longest_s =
            still_kept(finder, canary, fetch, alive) ? &keeping->open_s : &keeping->ended_s;
        if (fetch->answers > 1)
            *longest_s = fmax(*longest_s, finder_seconds(fetch->last_ms - fetch->time_ms));
    }
    keeping->kept_s = fmax(keeping->ended_s, keeping->open_s);
    keeping->open = keeping->open_s > keeping->ended_s + rounding_s;
    keeping->fetches += (unsigned)fetches.count;
    judge(keeping, observed->canaries[canary].interval_ms, alive <= 1);
    fetches_free(&fetches);
}

static struct keeping keeping_new(uint32_t ttl_s)
{
    return (struct keeping){.ttl_s = ttl_s, .given_s = -1};
}

static bool is_kept_as_text(enum purpose purpose)
{
    return purpose == PURPOSE_KEEP || purpose == PURPOSE_CHANGE || purpose == PURPOSE_TWIN;
}

struct keeping *finder_keeping(struct findings *findings, uint32_t ttl_s)
{
    size_t at = 0;

    while (at < findings->nkeepings && findings->keepings[at].ttl_s < ttl_s)
        at++;
    if (at < findings->nkeepings && findings->keepings[at].ttl_s == ttl_s)
        return &findings->keepings[at];
    if (findings->nkeepings == KEEPINGS_MAX)
        return NULL;
    memmove(&findings->keepings[at + 1], &findings->keepings[at],
            (findings->nkeepings - at) * sizeof *findings->keepings);
    findings->nkeepings++;
    findings->keepings[at] = keeping_new(ttl_s);
    return &findings->keepings[at];
}

static void find_keepings(struct finder *finder)
{
    struct findings *findings = finder->findings;

    findings->own = findings->own_address = keeping_new(findings->ttl_s);
    for (size_t i = 0; i < finder->observed->ncanaries; i++) {
        const struct canary *canary = &finder->observed->canaries[i];
        struct keeping *keeping =
            is_kept_as_text(canary->purpose) ? finder_keeping(findings, canary->ttl_s) : NULL;
        if (keeping)
            keep_canary(finder, i, keeping);
        else if (canary->purpose == PURPOSE_ADDRESS)
            keep_canary(finder, i, &findings->own_address);
    }
    for (size_t i = 0; i < findings->nkeepings; i++)
        if (findings->keepings[i].ttl_s == findings->ttl_s)
            findings->own = findings->keepings[i];
}

/* ---- floor and ceiling ---- */

enum { CEILING_FROM_S = 300, CEILING_SLACK_S = 5 };

double honesty_kept_s(const struct keeping *keeping)
{
    bool agree = keeping->horizon_s < keeping->kept_s + rounding_s;
    return agree && !keeping->open ? keeping->horizon_s : keeping->kept_s;
}

static bool is_raised(const struct keeping *keeping)
{
    return keeping->given_s > keeping->ttl_s;
}

/* It did not keep to the TTL that it told; a fifth of that is what prefetching takes away. */
static bool is_forgotten(const struct keeping *keeping)
{
    return keeping->fetches > 1 && !keeping->open &&
           keeping->kept_s + rounding_s < 0.8 * keeping->given_s;
}

static bool is_told_falsely(const struct keeping *keeping)
{
    return is_raised(keeping) && is_forgotten(keeping);
}

static void take_floor(struct findings *findings, const struct keeping *keeping, bool believes)
{
    bool raised = is_raised(keeping) && believes;
    double floor_s = raised ? keeping->given_s : honesty_kept_s(keeping);

    if (!keeping->too_long && !raised)
        return;
    if (findings->has_floor != TELL_YES || floor_s > findings->floor_s) {
        findings->floor_s = floor_s;
        findings->floor_open = !raised && keeping->open;
    }
    findings->has_floor = TELL_YES;
}

static bool is_lowered(const struct keeping *keeping)
{
    return keeping->ttl_s >= CEILING_FROM_S && keeping->given_s >= 0 &&
           keeping->given_least_s < keeping->ttl_s - CEILING_SLACK_S;
}

static void take_ceiling(struct findings *findings, const struct keeping *keeping)
{
    bool told = keeping->given_s >= 0 && !(keeping->too_short && is_forgotten(keeping));
    double ceiling_s = told ? keeping->given_least_s : keeping->kept_s;

    if (!keeping->too_short && !is_lowered(keeping))
        return;
    if (findings->has_ceiling != TELL_YES || ceiling_s > findings->ceiling_s) {
        findings->ceiling_s = ceiling_s;
        findings->ceiling_told = told;
        findings->ceiling_of_some = keeping->given_s > ceiling_s && !keeping->too_short;
    }
    findings->has_ceiling = TELL_YES;
}

static void find_bounds(struct findings *findings)
{
    bool believes = !is_told_falsely(&findings->own_address);

    for (size_t i = 0; i < findings->nkeepings; i++)
        believes = believes && !is_told_falsely(&findings->keepings[i]);
    for (size_t i = 0; i < findings->nkeepings; i++) {
        take_floor(findings, &findings->keepings[i], believes);
        take_ceiling(findings, &findings->keepings[i]);
    }
    take_floor(findings, &findings->own_address, believes);
    if (!findings->nkeepings)
        return;
    const struct keeping *least = findings->keepings, *most = least + findings->nkeepings - 1;
    /* A floor shows with the lowest TTL, once its answer has been fetched anew. */
    if (findings->has_floor == TELL_UNKNOWN && least->fetches > 1 &&
        least->answers > least->fetches)
        findings->has_floor = TELL_NO;
    if (findings->has_ceiling == TELL_UNKNOWN && most->ttl_s >= CEILING_FROM_S &&
        most->given_s >= 0)
        findings->has_ceiling = TELL_NO;
}

/* ---- caches ---- */

static void count_caches(struct findings *findings, const struct fetches *fetches,
                         const unsigned *answers)
{
    unsigned alive = fetches_alive(fetches);

    if (alive == 1) /* more fetches were one after the other */
        findings->caches = caches_estimate(&fetches->answers, 1);
    else
        findings->caches = caches_estimate(answers, fetches->count);
    findings->caches.seen = alive;
}

static void find_caches(struct finder *finder)
{
    struct findings *findings = finder->findings;

    for (size_t i = 0; i < finder->observed->ncanaries; i++) {
        if (finder->observed->canaries[i].purpose != PURPOSE_CACHES)
            continue;
        struct fetches fetches;
        fetches_gather(finder->observed, i, finder->offset_ms, &fetches);
        unsigned *answers = memory_array(fetches.count + 1, sizeof *answers);
        for (size_t each = 0; each < fetches.count; each++)
            answers[each] = fetches.list[each].answers;
        findings->caches_answers = fetches.answers;
        /* Each answer a new one: not kept at all, and nothing can be told. */
        if (fetches.answers >= 10 && fetches.count < fetches.answers)
            count_caches(findings, &fetches, answers);
        free(answers);
        fetches_free(&fetches);
    }
    for (size_t i = 0; i < finder->observed->count; i++)
        if (finder->observed->list[i].told)
            add_source(findings, &finder->observed->list[i].from);
}

/* ---- all ---- */

/* All but own_address was found by TXT records: one that keeps none of these, as dnsmasq does, may
 * do anything with what it keeps. */
static void take_back(struct findings *findings)
{
    const struct keeping *text = &findings->own, *address = &findings->own_address;
    if (text->answers > text->fetches || address->answers == address->fetches)
        return;
    findings->prefetches = TELL_UNKNOWN;
    findings->expired_first = TELL_UNKNOWN;
    findings->serves_stale = TELL_UNKNOWN;
}

void honesty_find(const struct observed *observed, struct findings *findings)
{
    struct finder finder = {.observed = observed, .findings = findings};

    *findings = (struct findings){.ttl_s = observed->ttl_s,
                                  .length_s = finder_seconds(observed->end_ms - observed->start_ms),
                                  .clock_error_ms = NAN};
    bool knows_clock = clock_find(observed, &finder.offset_ms, &findings->clock_error_ms);
    find_counts(&finder);
    if (!knows_clock)
        return;
    find_keepings(&finder);
    find_bounds(findings);
    find_caches(&finder);
    finder_prefetch(&finder);
    finder_sleepers(&finder);
    finder_stale(&finder);
    take_back(findings);
}

/* ---- changes ---- */

/* From one change on: the answer after the last old one. Returns INT64_MAX if there is none. */
static int64_t change_seen_ms(const struct observed *observed, size_t canary, uint64_t epoch)
{
    int64_t new_ms = INT64_MAX;

    for (size_t i = observed->count; i-- > 0;) {
        const struct observation *seen = &observed->list[i];
        if (seen->canary != canary || !seen->told)
            continue;
        if (seen->epoch < epoch)
            return new_ms;
        new_ms = seen->came_ms;
    }
    return INT64_MIN; /* the old one was never seen */
}

static void canary_changes(const struct observed *observed, size_t canary, int64_t offset_ms,
                           struct figures *figures)
{
    const struct canary *changing = &observed->canaries[canary];
    int64_t period_ms = (int64_t)changing->period_s * 1000;
    int64_t first = (observed->start_ms + offset_ms) / period_ms + 1;
    int64_t patience_ms = (int64_t)((changing->ttl_s + rounding_s) * 1000) + changing->interval_ms;

    for (int64_t epoch = first;; epoch++) {
        int64_t change_ms = epoch * period_ms - offset_ms;
        if (change_ms + patience_ms > observed->end_ms)
            return;
        int64_t seen_ms = change_seen_ms(observed, canary, (uint64_t)epoch);
        if (seen_ms == INT64_MAX)
            figures_add_never(figures);
        else if (seen_ms != INT64_MIN)
            figures_add(figures, finder_seconds(seen_ms > change_ms ? seen_ms - change_ms : 0));
    }
}

void honesty_changes(const struct observed *observed, struct figures *figures)
{
    int64_t offset_ms;
    double error_ms;

    if (!clock_find(observed, &offset_ms, &error_ms))
        return;
    for (size_t i = 0; i < observed->ncanaries; i++)
        if (observed->canaries[i].purpose == PURPOSE_CHANGE && observed->canaries[i].period_s)
            canary_changes(observed, i, offset_ms, figures);
}
