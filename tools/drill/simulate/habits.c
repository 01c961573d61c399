/* SPDX-License-Identifier: BSD-2-Clause */
/* What a resolver does about answers that are at their end. */
#include "../resolvers/fetches.h"
#include "../resolvers/finder.h"

#include <math.h>

/* ---- prefetch ---- */

/* Questions for it between then and then that were answered. */
static unsigned answers_between(const struct observed *observed, size_t canary, int64_t from_ms,
                                int64_t to_ms)
{
    unsigned count = 0;
    for (size_t i = 0; i < observed->count; i++) {
        const struct observation *seen = &observed->list[i];
        count += seen->canary == canary && seen->told && seen->asked_ms >= from_ms &&
                 seen->asked_ms < to_ms;
    }
    return count;
}

/* One fetch is followed by the next: was that before its time? With several caches, only where it
 * is certain that the next one came to the same of them: none of many answers is the old one. */
static void judge_renewal(struct finder *finder, size_t canary, const struct fetch *fetch,
                          const struct fetch *next)
{
    struct findings *findings = finder->findings;
    unsigned caches = findings->caches.seen ? findings->caches.seen : 1;
    double length_s = finder_seconds(fetch->end_ms - fetch->time_ms);
    double early_s = finder_seconds(fetch->end_ms - next->time_ms);

    if (fetch->answers < 2 || fetch->last_ms > next->first_ms || early_s > length_s / 2)
        return;
    findings->renewals++;
    /* Less is the rounding of whole seconds. */
    if (early_s <= 1.25)
        return;
    unsigned since = answers_between(finder->observed, canary, next->first_ms, fetch->end_ms);
    if (caches > 1 && pow(1 - 1.0 / caches, since) > 0.05) {
        findings->renewals--;
        return;
    }
    findings->early++;
    findings->earliest_s = fmax(findings->earliest_s, early_s);
}

void finder_prefetch(struct finder *finder)
{
    struct findings *findings = finder->findings;

    for (size_t i = 0; i < finder->observed->ncanaries; i++) {
        const struct canary *canary = &finder->observed->canaries[i];
        /* What forgets earlier whatever was fetched, renews it without looking ahead. */
        if (canary->purpose != PURPOSE_PREFETCH ||
            (findings->has_ceiling == TELL_YES && findings->ceiling_s < canary->ttl_s))
            continue;
        struct fetches fetches;
        fetches_gather(finder->observed, i, finder->offset_ms, &fetches);
        for (size_t each = 0; each + 1 < fetches.count; each++)
            judge_renewal(finder, i, &fetches.list[each], &fetches.list[each + 1]);
        fetches_free(&fetches);
    }
    if (findings->renewals)
        findings->prefetches = findings->early * 2 >= findings->renewals ? TELL_YES : TELL_NO;
}

/* ---- answers after their end ---- */

/* How long answers of the twin's TTL are kept by this resolver while all is well; NAN: too long to
 * tell anything beyond. */
static double twin_s(const struct finder *finder)
{
    for (size_t i = 0; i < finder->observed->ncanaries; i++)
        if (finder->observed->canaries[i].purpose == PURPOSE_TWIN) {
            const struct keeping *twin =
                finder_keeping(finder->findings, finder->observed->canaries[i].ttl_s);
            bool well = twin && twin->fetches > 1 && twin->answers > twin->fetches;
            return well && !twin->too_long ? fmax(twin->kept_s, twin->ttl_s) + rounding_s : NAN;
        }
    return NAN;
}

void finder_sleepers(struct finder *finder)
{
    struct findings *findings = finder->findings;
    const struct observed *observed = finder->observed;
    double well_s = twin_s(finder);

    if (isnan(well_s))
        return;
    for (size_t i = 0; i < observed->ncanaries; i++) {
        const struct canary *canary = &observed->canaries[i];
        int64_t first_ms = INT64_MAX;
        if (canary->purpose != PURPOSE_SLEEP)
            continue;
        for (size_t each = 0; each < observed->count; each++) {
            const struct observation *seen = &observed->list[each];
            if (seen->canary != i || !seen->told)
                continue;
            if (first_ms == INT64_MAX)
                first_ms = seen->asked_ms;
            if (finder_seconds(seen->asked_ms - first_ms) <= well_s)
                continue;
            findings->sleepers++;
            findings->expired_age_s = fmax(findings->expired_age_s, finder_age_s(finder, seen));
        }
    }
    if (findings->sleepers)
        findings->expired_first = findings->expired_age_s > well_s ? TELL_YES : TELL_NO;
}

static void stale_answer(struct finder *finder, const struct observation *seen, double after_s)
{
    struct findings *findings = finder->findings;

    if (!findings->stale_answers || seen->ttl_s < findings->stale_least_s)
        findings->stale_least_s = seen->ttl_s;
    if (seen->ttl_s > findings->stale_most_s)
        findings->stale_most_s = seen->ttl_s;
    findings->stale_answers++;
    findings->stale_s = fmax(findings->stale_s, after_s);
}

/* Since when nobody has to have an answer of this canary any more; INT64_MAX: it did not fail. */
static int64_t stale_from_ms(const struct finder *finder, size_t canary, double well_s,
                             int64_t *last_ms)
{
    const struct canary *failing = &finder->observed->canaries[canary];
    struct fetches fetches;
    int64_t fails = finder_fails_ms(finder, failing);

    *last_ms = INT64_MIN;
    fetches_gather(finder->observed, canary, finder->offset_ms, &fetches);
    for (size_t i = 0; i < fetches.count; i++)
        if (fetches.list[i].time_ms > *last_ms)
            *last_ms = fetches.list[i].time_ms;
    fetches_free(&fetches);
    if (*last_ms == INT64_MIN || *last_ms > fails + 1000)
        return INT64_MAX;
    int64_t from_ms = *last_ms + (int64_t)(well_s * 1000);
    return from_ms > fails ? from_ms : fails;
}

void finder_stale(struct finder *finder)
{
    struct findings *findings = finder->findings;
    const struct observed *observed = finder->observed;
    double well_s = twin_s(finder);

    for (size_t i = 0; i < observed->ncanaries && !isnan(well_s); i++) {
        int64_t last_ms;
        if (observed->canaries[i].purpose != PURPOSE_STALE)
            continue;
        int64_t from_ms = stale_from_ms(finder, i, well_s, &last_ms);
        for (size_t each = 0; each < observed->count; each++) {
            const struct observation *seen = &observed->list[each];
            if (seen->canary != i || seen->asked_ms < from_ms)
                continue;
            if (seen->told)
                stale_answer(finder, seen,
                             finder_seconds(seen->asked_ms - last_ms) -
                                 observed->canaries[i].ttl_s);
            else
                findings->stale_failures++;
            findings->stale_open = seen->told;
        }
    }
    if (findings->stale_answers)
        findings->serves_stale = TELL_YES;
    else if (findings->stale_failures > 2)
        findings->serves_stale = TELL_NO;
}
