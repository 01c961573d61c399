/* SPDX-License-Identifier: BSD-2-Clause */
#include "honesty.h"

#include "base/memory.h"
#include "finder.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECONDS_SIZE = 32 };

static const char *seconds_text(double time_s, char text[SECONDS_SIZE])
{
    snprintf(text, SECONDS_SIZE, time_s < 9.95 && time_s != floor(time_s) ? "%.1f s" : "%.0f s",
             time_s);
    return text;
}

static FILE *open_text(char **text, size_t *size)
{
    FILE *out = open_memstream(text, size);
    if (!out)
        memory_exhausted(BUFSIZ);
    return out;
}

/* ---- the verdict ---- */

/* Of the two kinds of record that were asked for, the one that is kept longer. */
static const struct keeping *worse(const struct findings *findings)
{
    const struct keeping *text = &findings->own, *address = &findings->own_address;
    if (!text->answers || (address->too_long && !text->too_long))
        return address;
    if (address->answers && address->too_long == text->too_long && address->too_long_behind &&
        !text->too_long_behind)
        return address;
    return text;
}

static bool is_kept(const struct keeping *keeping)
{
    return keeping->answers > keeping->fetches;
}

static bool is_never_kept(const struct findings *findings)
{
    return !is_kept(&findings->own) && !is_kept(&findings->own_address);
}

static void say_too_long(FILE *out, const struct keeping *keeping)
{
    char text[SECONDS_SIZE];

    /* Prefetching takes up to a fifth away, for those who ask often. */
    bool prefetched = keeping->kept_s + rounding_s >= 0.8 * keeping->given_s;
    if (keeping->given_s > keeping->kept_s && (keeping->open || prefetched))
        fprintf(out, "keeps our answers %s: a failover takes that long for its users",
                seconds_text(keeping->given_s, text));
    else if (keeping->open)
        fprintf(out, "keeps our answers for more than %s: a failover takes longer for its users",
                seconds_text(floor(keeping->kept_s), text));
    else
        fprintf(out, "keeps our answers %s: a failover takes that long for its users",
                seconds_text(honesty_kept_s(keeping), text));
}

static void say_behind(FILE *out, const struct findings *findings, const struct keeping *keeping)
{
    char told[SECONDS_SIZE], text[SECONDS_SIZE];
    seconds_text(keeping->shown_most_s, told);

    if (findings->expired_first == TELL_YES)
        fprintf(out,
                "honest to those who ask often: a failover takes your TTL, %s; but the first to "
                "ask after a pause gets the old answer, however old",
                seconds_text(findings->ttl_s, text));
    else if (keeping->given_s > findings->ttl_s)
        fprintf(out,
                "fetches anew within our TTL, but tells its clients %s: a failover takes that long "
                "for those that keep answers themselves",
                told);
    else
        fprintf(out,
                "tells its clients a TTL of %s with old answers: a failover takes up to %s for "
                "those that keep answers themselves",
                told, seconds_text(keeping->horizon_s, text));
}

static const char *const judgment_words[JUDGMENTS] = {
    [JUDGED_NOT] = "unknown",       [JUDGED_HONEST] = "honest",
    [JUDGED_TOO_LONG] = "too-long", [JUDGED_BEHIND] = "too-long-behind",
    [JUDGED_SILENT] = "silent",     [JUDGED_STRANGE] = "no-canary",
};

enum judgment honesty_judge(const struct findings *findings)
{
    const struct keeping *keeping = worse(findings);

    if (!findings->told)
        return findings->came ? JUDGED_STRANGE : JUDGED_SILENT;
    if (!keeping->answers)
        return JUDGED_NOT;
    if (keeping->too_long)
        return JUDGED_TOO_LONG;
    if (is_never_kept(findings))
        return JUDGED_HONEST;
    if (keeping->too_long_behind || findings->expired_first == TELL_YES)
        return JUDGED_BEHIND;
    return findings->ttl_s + rounding_s > findings->length_s ? JUDGED_NOT : JUDGED_HONEST;
}

static void say_honest(FILE *out, const struct findings *findings)
{
    char text[SECONDS_SIZE];

    if (is_never_kept(findings))
        fputs("keeps no answers: a failover takes no longer than at the server", out);
    else
        fprintf(out, "honest: a failover takes your TTL, %s%s", seconds_text(findings->ttl_s, text),
                is_kept(&findings->own)
                    ? ""
                    : ", as far as can be told of one that keeps addresses alone");
}

static void say_unknown(FILE *out, const struct findings *findings)
{
    char ttl[SECONDS_SIZE], text[SECONDS_SIZE];

    if (worse(findings)->answers)
        fprintf(out, "not dishonest in %s, which is too short to see a TTL of %s end",
                seconds_text(findings->length_s, text), seconds_text(findings->ttl_s, ttl));
    else
        fprintf(out, "could not be judged: too few answers (%u of %u questions: %s)",
                findings->told, findings->asked, findings->failure);
}

static void say_verdict(FILE *out, const struct findings *findings)
{
    switch (honesty_judge(findings)) {
    case JUDGED_SILENT:
        fprintf(out, "never answered (%u questions: %s)", findings->asked, findings->failure);
        break;
    case JUDGED_STRANGE:
        fprintf(out, "answers none of our names (%u questions: %s)", findings->asked,
                findings->failure);
        break;
    case JUDGED_TOO_LONG:
        say_too_long(out, worse(findings));
        break;
    case JUDGED_BEHIND:
        say_behind(out, findings, worse(findings));
        break;
    case JUDGED_HONEST:
        say_honest(out, findings);
        break;
    default:
        say_unknown(out, findings);
        break;
    }
}

char *honesty_verdict(const struct findings *findings)
{
    char *text;
    size_t size;
    FILE *out = open_text(&text, &size);
    say_verdict(out, findings);
    if (findings->told && findings->failed * 20 > findings->asked) /* losing some is usual */
        fprintf(out, "; %.0f %% of questions failed (%s)",
                100.0 * findings->failed / findings->asked, findings->failure);
    fclose(out);
    return text;
}

/* ---- what it rests upon ---- */

static void write_keeping(FILE *out, const struct keeping *keeping, const char *rrtype)
{
    char kept[SECONDS_SIZE], given[SECONDS_SIZE] = "-";

    if (!keeping->answers)
        return;
    if (keeping->given_s >= 0)
        snprintf(given, sizeof given, "%.0f", keeping->given_s);
    if (is_kept(keeping))
        snprintf(kept, sizeof kept, "%s%.1f%s", keeping->open ? ">" : "", keeping->kept_s,
                 keeping->too_long ? "!" : "");
    else
        strcpy(kept, "not");
    fprintf(out, "    %-8s %6" PRIu32 " %8s %9s %9.1f%s %9u %8u\n", rrtype, keeping->ttl_s, given,
            kept, keeping->horizon_s, keeping->too_long_behind ? "!" : " ", keeping->answers,
            keeping->fetches);
}

static void write_keepings(FILE *out, const struct findings *findings)
{
    fputs("    seconds     TTL     told      kept    behind    answers  fetches\n", out);
    for (size_t i = 0; i < findings->nkeepings; i++)
        write_keeping(out, &findings->keepings[i], "TXT");
    write_keeping(out, &findings->own_address, "A");
}

static void write_bounds(FILE *out, const struct findings *findings)
{
    char text[SECONDS_SIZE];

    if (findings->has_floor == TELL_YES)
        fprintf(out, "    floor          %s%s\n", seconds_text(findings->floor_s, text),
                findings->floor_open ? " at least" : "");
    else
        fprintf(out, "    floor          %s\n",
                findings->has_floor == TELL_NO ? "none" : "could not tell");
    if (findings->has_ceiling == TELL_YES)
        fprintf(out, "    ceiling        %s%s\n", seconds_text(findings->ceiling_s, text),
                !findings->ceiling_told     ? ", though it tells higher TTLs"
                : findings->ceiling_of_some ? " in some of its caches"
                                            : "");
    else if (findings->has_ceiling == TELL_NO)
        fprintf(out, "    ceiling        none up to %" PRIu32 " s\n",
                findings->keepings[findings->nkeepings - 1].ttl_s);
    else
        fputs("    ceiling        could not tell\n", out);
}

static void write_prefetch(FILE *out, const struct findings *findings)
{
    fputs("    prefetch       ", out);
    if (findings->prefetches == TELL_YES)
        fprintf(out, "yes: up to %.1f s before an answer's end (%u of %u renewals)\n",
                findings->earliest_s, findings->early, findings->renewals);
    else if (findings->prefetches == TELL_NO)
        fprintf(out, "no (%u renewal%s)\n", findings->renewals, findings->renewals == 1 ? "" : "s");
    else
        fputs("could not tell\n", out);
}

static void write_stale(FILE *out, const struct findings *findings)
{
    fputs("    serve-stale    ", out);
    if (findings->serves_stale == TELL_YES) {
        fprintf(out, "yes: when the server fails, for %.0f s%s after an answer's end, with TTL ",
                findings->stale_s, findings->stale_open ? " and more" : "");
        if (findings->stale_least_s != findings->stale_most_s)
            fprintf(out, "%" PRIu32 " to ", findings->stale_least_s);
        fprintf(out, "%" PRIu32 " (%u answers)\n", findings->stale_most_s, findings->stale_answers);
    } else if (findings->serves_stale == TELL_NO) {
        fprintf(out, "no (%u questions failed)\n", findings->stale_failures);
    } else {
        fputs("could not tell\n", out);
    }
    fputs("    expired first  ", out);
    if (findings->expired_first == TELL_YES)
        fprintf(out, "yes: after a pause an answer %.0f s old\n", findings->expired_age_s);
    else if (findings->expired_first == TELL_NO)
        fprintf(out, "no (%u answer%s after a pause)\n", findings->sleepers,
                findings->sleepers == 1 ? "" : "s");
    else
        fputs("could not tell\n", out);
}

static void write_caches(FILE *out, const struct findings *findings)
{
    const struct caches_estimate *caches = &findings->caches;

    fputs("    caches         ", out);
    if (!caches->seen) {
        fprintf(out, "could not tell (%u answers, each fetched anew)\n", findings->caches_answers);
        return;
    }
    fprintf(out, "%u", caches->seen);
    if (caches->most == caches->seen)
        fprintf(out, " (%u answers; a further one would have shown)\n", findings->caches_answers);
    else
        fprintf(out, " at least, about %.0f, hardly more than %u%s (%u answers)\n", caches->likely,
                caches->most, caches->most >= CACHES_MAX ? " or any number" : "",
                findings->caches_answers);
}

static void write_sources(FILE *out, const struct findings *findings)
{
    if (!findings->nsources)
        return;
    fprintf(out, "    fetches from   %zu address%s:", findings->nsources,
            findings->nsources == 1 ? "" : "es");
    for (size_t i = 0; i < findings->nsources && i < 4; i++) {
        char text[ADDRESS_TEXT_SIZE];
        address_format(&findings->sources[i], text);
        fprintf(out, " %s", text);
    }
    fputs(findings->nsources > 4 ? " ...\n" : "\n", out);
}

char *honesty_lines(const struct findings *findings)
{
    char *text;
    size_t size;
    FILE *out = open_text(&text, &size);

    fprintf(out, "    answered       %u of %u", findings->asked - findings->failed,
            findings->asked);
    if (findings->rtt_ms < 1)
        fputs(", in less than a millisecond (median)", out);
    else if (!isnan(findings->rtt_ms))
        fprintf(out, ", in %.0f ms (median)", findings->rtt_ms);
    if (findings->failed)
        fprintf(out, "; %u failed, mostly: %s", findings->failed, findings->failure);
    fputc('\n', out);
    if (findings->told) {
        write_bounds(out, findings);
        write_prefetch(out, findings);
        write_stale(out, findings);
        write_caches(out, findings);
        write_sources(out, findings);
        write_keepings(out, findings);
    }
    fclose(out);
    return text;
}

/* ---- for programs ---- */

static json_t *tell_json(enum tell tell)
{
    return tell == TELL_UNKNOWN ? json_null() : json_boolean(tell == TELL_YES);
}

/* A number that is there only if so. */
static json_t *known(bool is_known, double value)
{
    return is_known && isfinite(value) ? json_real(value) : json_null();
}

static json_t *keeping_json(const struct keeping *keeping, const char *rrtype)
{
    return json_pack(
        "{s:s, s:i, s:i, s:i, s:o, s:i, s:i, s:f, s:b, s:f, s:b, s:b}", "type", rrtype, "ttl_s",
        (int)keeping->ttl_s, "answers", (int)keeping->answers, "fetches", (int)keeping->fetches,
        "told_s", known(keeping->given_s >= 0, keeping->given_s), "shown_least_s",
        (int)keeping->shown_least_s, "shown_most_s", (int)keeping->shown_most_s, "kept_s",
        keeping->kept_s, "still_kept", (int)keeping->open, "behind_s", keeping->horizon_s,
        "too_long", (int)keeping->too_long, "too_long_behind", (int)keeping->too_long_behind);
}

static json_t *keepings_json(const struct findings *findings)
{
    json_t *all = json_array();
    for (size_t i = 0; i < findings->nkeepings; i++)
        if (findings->keepings[i].answers)
            json_array_append_new(all, keeping_json(&findings->keepings[i], "TXT"));
    if (findings->own_address.answers)
        json_array_append_new(all, keeping_json(&findings->own_address, "A"));
    return all;
}

static json_t *sources_json(const struct findings *findings)
{
    json_t *all = json_array();
    for (size_t i = 0; i < findings->nsources; i++) {
        char text[ADDRESS_TEXT_SIZE];
        address_format(&findings->sources[i], text);
        json_array_append_new(all, json_string(text));
    }
    return all;
}

json_t *honesty_json(const struct findings *findings)
{
    bool stale = findings->serves_stale == TELL_YES;
    char *verdict = honesty_verdict(findings);
    json_t *json = json_pack("{s:s, s:i, s:i, s:i, s:i, s:s, s:o, s:o}", "verdict", verdict,
                             "ttl_s", (int)findings->ttl_s, "asked", (int)findings->asked,
                             "answered", (int)findings->told, "failed", (int)findings->failed,
                             "failure", findings->failure, "rtt_ms", known(true, findings->rtt_ms),
                             "clock_error_ms", known(true, findings->clock_error_ms));
    const struct {
        const char *key;
        json_t *value;
    } more[] = {
        {"judgment", json_string(judgment_words[honesty_judge(findings)])},
        {"floor", tell_json(findings->has_floor)},
        {"floor_s", known(findings->has_floor == TELL_YES, findings->floor_s)},
        {"ceiling", tell_json(findings->has_ceiling)},
        {"ceiling_told", json_boolean(findings->has_ceiling == TELL_YES && findings->ceiling_told)},
        {"ceiling_of_some",
         json_boolean(findings->has_ceiling == TELL_YES && findings->ceiling_of_some)},
        {"ceiling_s", known(findings->has_ceiling == TELL_YES, findings->ceiling_s)},
        {"prefetch", tell_json(findings->prefetches)},
        {"renewals", json_integer(findings->renewals)},
        {"renewals_early", json_integer(findings->early)},
        {"serve_stale", tell_json(findings->serves_stale)},
        {"stale_s", known(stale, findings->stale_s)},
        {"stale_until_the_end", json_boolean(stale && findings->stale_open)},
        {"stale_ttl_least_s", known(stale, findings->stale_least_s)},
        {"stale_ttl_most_s", known(stale, findings->stale_most_s)},
        {"expired_first", tell_json(findings->expired_first)},
        {"caches_least", json_integer(findings->caches.seen)},
        {"caches_likely", known(findings->caches.seen, findings->caches.likely)},
        {"caches_most",
         known(findings->caches.seen && findings->caches.most < CACHES_MAX, findings->caches.most)},
        {"sources", sources_json(findings)},
        {"kept", keepings_json(findings)},
    };
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        json_object_set_new(json, more[i].key, more[i].value);
    free(verdict);
    return json;
}
