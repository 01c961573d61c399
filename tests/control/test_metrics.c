/* SPDX-License-Identifier: BSD-2-Clause */
/* Metrics: the text format to the letter (Prometheus, "Exposition formats", version 0.0.4), and the
 * numbers in it. */
#include "control/exposition.h"
#include "control/metrics.h"
#include "serve/cookie.h"
#include "support/config_file.h"
#include "support/control_fixture.h"

#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- a strict reader ---- */

enum { SERIES_SIZE = 512, SERIES_MAX = 20000, FAMILIES_MAX = 200 };

struct sample {
    char series[SERIES_SIZE]; /* the name, and labels as they stand */
    double value;
};

struct parsed {
    struct sample *samples;
    size_t nsamples;
    char families[FAMILIES_MAX][128], types[FAMILIES_MAX][16];
    size_t nfamilies;
    bool has_type;        /* of the last family */
    double bucket, bound; /* the last ones of a histogram that is under way; bound 0: none is */
    bool wants_sum, wants_count;
    const char *fault;
};

static const char *skip_name(const char *at, bool colon)
{
    if (!isalpha((unsigned char)*at) && *at != '_' && !(colon && *at == ':'))
        return NULL;
    while (isalnum((unsigned char)*at) || *at == '_' || (colon && *at == ':'))
        at++;
    return at;
}

/* A value in quotes, with the three escapes that there are. */
static const char *skip_value(const char *at)
{
    if (*at++ != '"')
        return NULL;
    for (; *at && *at != '"'; at++)
        if (*at == '\\' && !strchr("\\\"n", *++at))
            return NULL;
    return *at == '"' ? at + 1 : NULL;
}

static const char *skip_labels(const char *at)
{
    if (*at != '{')
        return at;
    do {
        at = skip_name(at + 1, false);
        if (!at || *at++ != '=' || !(at = skip_value(at)))
            return NULL;
    } while (*at == ',');
    return *at == '}' ? at + 1 : NULL;
}

static bool is_seen(const struct parsed *parsed, const char *family)
{
    for (size_t i = 0; i < parsed->nfamilies; i++)
        if (strcmp(parsed->families[i], family) == 0)
            return true;
    return false;
}

/* "HELP name text", "TYPE name type": in this order, and before the samples. */
static const char *parse_comment(struct parsed *parsed, const char *line)
{
    char word[8], name[128], rest[256];
    size_t last = parsed->nfamilies - 1;
    if (sscanf(line, "# %7s %127s %255[^\n]", word, name, rest) != 3)
        return "a comment that is none of ours";
    const char *end = skip_name(name, true);
    if (!end || *end)
        return "a bad name of a family";
    if (strcmp(word, "HELP") == 0) {
        if (is_seen(parsed, name))
            return "a family twice";
        if (parsed->nfamilies > 0 && !parsed->has_type)
            return "a family without a type";
        strcpy(parsed->families[parsed->nfamilies++], name);
        parsed->has_type = false;
        return NULL;
    }
    if (strcmp(word, "TYPE") != 0 || !parsed->nfamilies || parsed->has_type ||
        strcmp(parsed->families[last], name) != 0)
        return "a type in the wrong place";
    if (strcmp(rest, "counter") != 0 && strcmp(rest, "gauge") != 0 &&
        strcmp(rest, "histogram") != 0)
        return "an unknown type";
    strcpy(parsed->types[last], rest);
    parsed->has_type = true;
    return NULL;
}

/* Of a histogram come its buckets, by rising bounds up to +Inf, with all that is below each, then
 * sum and count. suffix: what follows the family's name. */
static const char *parse_histogram(struct parsed *parsed, const char *suffix, const char *labels,
                                   double value)
{
    const char *le = strstr(suffix, "le=\"");
    if (strncmp(suffix, "_bucket{", 8) == 0 && le && le < labels) {
        double bound = strtod(le + 4, NULL);
        if (parsed->wants_sum || parsed->wants_count || bound <= parsed->bound ||
            value < (parsed->bound > 0 ? parsed->bucket : 0))
            return "a bucket that does not rise";
        parsed->wants_sum = bound == INFINITY;
        parsed->bound = parsed->wants_sum ? 0 : bound;
        parsed->bucket = value;
        return NULL;
    }
    if (strncmp(suffix, "_sum", 4) == 0 && strchr(" {", suffix[4]) && parsed->wants_sum) {
        parsed->wants_sum = false;
        parsed->wants_count = true;
        return value >= 0 ? NULL : "a sum below 0";
    }
    if (strncmp(suffix, "_count", 6) == 0 && strchr(" {", suffix[6]) && parsed->wants_count) {
        parsed->wants_count = false;
        return value == parsed->bucket ? NULL : "a count that is not the last bucket";
    }
    return "no sample of a histogram";
}

static const char *parse_sample(struct parsed *parsed, const char *line)
{
    const char *end = skip_name(line, true), *labels = end ? skip_labels(end) : NULL;
    char *after;
    if (!labels || *labels != ' ')
        return "no name, labels and a blank";
    size_t last = parsed->nfamilies - 1, name_size = (size_t)(end - line);
    size_t family_size = parsed->nfamilies ? strlen(parsed->families[last]) : 0;
    bool is_histogram = parsed->nfamilies && strcmp(parsed->types[last], "histogram") == 0;
    if (!parsed->nfamilies || !parsed->has_type || name_size < family_size ||
        (name_size > family_size && !is_histogram) ||
        strncmp(parsed->families[last], line, family_size) != 0)
        return "a sample outside of its family";
    struct sample *sample = &parsed->samples[parsed->nsamples++];
    sample->value = strtod(labels + 1, &after);
    if (after == labels + 1 || *after)
        return "no number";
    if (strcmp(parsed->types[last], "counter") == 0 && !(sample->value >= 0))
        return "a counter below 0";
    const char *fault =
        is_histogram ? parse_histogram(parsed, line + family_size, labels, sample->value) : NULL;
    if (fault)
        return fault;
    snprintf(sample->series, SERIES_SIZE, "%.*s", (int)(labels - line), line);
    for (size_t i = 0; i + 1 < parsed->nsamples && parsed->nsamples < 200; i++)
        if (strcmp(parsed->samples[i].series, sample->series) == 0)
            return "a sample twice";
    return NULL;
}

static struct parsed *parse(const char *text)
{
    struct parsed *parsed = calloc(1, sizeof *parsed);
    char *copy = strdup(text), *rest = copy, *line;
    parsed->samples = calloc(SERIES_MAX, sizeof *parsed->samples);
    size_t size = strlen(text);
    if (!size || text[size - 1] != '\n')
        parsed->fault = "no line feed at the end";
    while (!parsed->fault && (line = strsep(&rest, "\n")) && rest) {
        parsed->fault = *line == '#' ? parse_comment(parsed, line) : parse_sample(parsed, line);
        if (parsed->fault)
            print_message("%s: %s\n", parsed->fault, line);
    }
    free(copy);
    return parsed;
}

static void parsed_free(struct parsed *parsed)
{
    free(parsed->samples);
    free(parsed);
}

static double value_of(const struct parsed *parsed, const char *series)
{
    for (size_t i = 0; i < parsed->nsamples; i++)
        if (strcmp(parsed->samples[i].series, series) == 0)
            return parsed->samples[i].value;
    return -1;
}

static void assert_value(const struct parsed *parsed, const char *series, double value)
{
    double found = value_of(parsed, series);
    if (found != value)
        fail_msg("%s is %g, not %g", series, found, value);
}

/* The reader itself must not let everything pass. */
static void test_reader_is_strict(void **state)
{
    static const char *const bad[] = {
        "",
        "a 1\n",
        "# HELP a b\na 1\n",
        "# HELP a b\n# TYPE a gauge\na 1",
        "# HELP a b\n# TYPE a gauge\n\na 1\n",
        "# HELP a b\n# TYPE a sum\na 1\n",
        "# HELP a b\n# TYPE a gauge\nb 1\n",
        "# HELP a b\n# TYPE a gauge\na 1\na 2\n",
        "# HELP a b\n# TYPE a gauge\na one\n",
        "# HELP a b\n# TYPE a gauge\na{b=\"c} 1\n",
        "# HELP a b\n# TYPE a gauge\na{b=\"\\c\"} 1\n",
        "# HELP a b\n# TYPE a gauge\na{b=c} 1\n",
        "# HELP a b\n# TYPE a gauge\na{} 1\n",
        "# HELP a b\n# TYPE a counter\na -1\n",
        "# HELP a b\n# TYPE a gauge\na 1\n# HELP c d\n# TYPE c gauge\nc 1\na{b=\"c\"} 1\n",
        "# HELP a b\n# TYPE a gauge\n# HELP a b\n",
#define HISTOGRAM "# HELP a b\n# TYPE a histogram\n"
        HISTOGRAM "a 1\n",
        HISTOGRAM "a_bucket{le=\"1\"} 1\na_sum 1\n",
        HISTOGRAM "a_bucket{le=\"+Inf\"} 1\na_count 1\n",
        HISTOGRAM "a_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
        HISTOGRAM "a_bucket{le=\"2\"} 1\na_bucket{le=\"1\"} 1\n",
        HISTOGRAM "a_bucket{le=\"1\"} 1\na_bucket{le=\"+Inf\"} 2\na_sum 1\na_count 1\n",
        HISTOGRAM "a_bucket{le=\"+Inf\"} 1\na_sum 1\na_total 1\n",
        "# HELP a b\n# TYPE a gauge\na_sum 1\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct parsed *parsed = parse(bad[i]);
        if (!parsed->fault)
            fail_msg("this passes: %s", bad[i]);
        parsed_free(parsed);
    }
}

/* ---- the writer ---- */

static void test_families_stay_together(void **state)
{
    const struct exposition_label one = {"x", "1"}, two[] = {{"x", "2"}, {"y", "\\ \"\n\t\xc3"}};
    struct exposition *out = exposition_new();
    (void)state;
    exposition_add(out, "a_total", "The first.", &one, 1, 1);
    exposition_add(out, "b", "The second.", NULL, 0, 0.25);
    exposition_add(out, "a_total", NULL, two, 2, 123456789012345);
    char *text = exposition_finish(out);
    assert_string_equal(text, "# HELP a_total The first.\n# TYPE a_total counter\n"
                              "a_total{x=\"1\"} 1\n"
                              "a_total{x=\"2\",y=\"\\\\ \\\"???\"} 123456789012345\n"
                              "# HELP b The second.\n# TYPE b gauge\nb 0.25\n");
    free(text);
    text = exposition_finish(exposition_new());
    assert_string_equal(text, "");
    free(text);
}

static void test_histograms(void **state)
{
    const struct exposition_label label = {"x", "1"};
    const double bounds[] = {0.1, 5};
    const uint64_t counts[] = {2, 0, 1};
    struct exposition *out = exposition_new();
    (void)state;
    exposition_add_histogram(out, "a_seconds", "Times.", &label, 1, bounds, counts, 2, 7.25);
    char *text = exposition_finish(out);
    assert_string_equal(text, "# HELP a_seconds Times.\n# TYPE a_seconds histogram\n"
                              "a_seconds_bucket{x=\"1\",le=\"0.1\"} 2\n"
                              "a_seconds_bucket{x=\"1\",le=\"5\"} 2\n"
                              "a_seconds_bucket{x=\"1\",le=\"+Inf\"} 3\n"
                              "a_seconds_sum{x=\"1\"} 7.25\n"
                              "a_seconds_count{x=\"1\"} 3\n");
    struct parsed *parsed = parse(text);
    assert_null(parsed->fault);
    parsed_free(parsed);
    free(text);
}

/* ---- the numbers ---- */

/* Buckets with that of +Inf, sum and count: of the two histograms with anything in them. And all
 * counters. */
enum {
    HISTOGRAM_SAMPLES = FAILOVER_BOUNDS + 3,
    FAILOVER_SAMPLES = 2 * HISTOGRAM_SAMPLES + FAILOVER_KINDS * FAILOVER_CAUSES,
};

static struct parsed *parse_sources(const struct metrics_sources *sources)
{
    char *text = metrics_text(sources);
    struct parsed *parsed = parse(text);
    assert_null(parsed->fault);
    free(text);
    return parsed;
}

static void test_numbers_of_everything(void **state)
{
    static const struct verdict verdicts[] = {
        {.known = true,
         .rtt_us = 1500,
         .probes = 10,
         .failures = 3,
         .unknowns = 2,
         .percent = 40,
         .unheard = REASON_LOGIN_REFUSED,
         .certificate_ends_s = 1800000000,
         .undelivered_since_ms = 30500,
         .last = {[DEPTH_ROUND_TRIP] = {.at_ms = 60000,
                                        .reason = REASON_OK,
                                        .step_us = {[TIMED_DELIVERY] = 2500000}}}},
        {.known = true,
         .status = VERDICT_DOWN,
         .rtt_us = -1,
         .probes = 4,
         .failures = 4,
         .held = HELD_DAMPED,
         .percent = 100,
         .last = {[DEPTH_ROUND_TRIP] = {.at_ms = -1}}},
        {.known = true,
         .status = VERDICT_SUSPECT,
         .rtt_us = -1,
         .forced = FORCED_UP,
         .percent = 100,
         .unheard = REASON_LOGIN_REFUSED,
         .last = {[DEPTH_ROUND_TRIP] = {.at_ms = -1}}},
        {.rtt_us = -1,
         .forced = FORCED_DRAIN,
         .percent = 100,
         .last = {[DEPTH_ROUND_TRIP] = {.at_ms = 100, .reason = REASON_UNDELIVERED}}},
    };
    struct engine_target targets[4];
    for (size_t i = 0; i < 4; i++)
        targets[i] = (struct engine_target){
            "mx1.test", "smtp", {4, {127, 0, 0, (uint8_t)(i + 1)}}, 25, verdicts[i], ""};
    struct engine_pool pools[3] = {{.fail_open = true}, {.servfail = true}, {.ttl_s = 1}};
    struct engine_zone zones[7] = {
        {.failed = true, .stale_names = true},
        {.ndomains = 1000},
        {.ndomains = 20, .incomplete = true, .stale = true},
        {.serial = 1},
        {.stale = true},
        {.stale_names = true},
        {.stale = true, .stale_names = true},
    };
    const struct engine_status status = {.now_ms = 60500,
                                         .started_ms = 500,
                                         .serial = 7,
                                         .published_ms = 58000,
                                         .model_bytes = 12345,
                                         .catalog_bytes = 6789,
                                         .targets = targets,
                                         .ntargets = 4,
                                         .pools = pools,
                                         .npools = 3,
                                         .zones = zones,
                                         .nzones = 7,
                                         .frozen_since_ms = {0, 60000},
                                         .sessions = 2,
                                         .late_max_ms = 1250};
    struct engine_status told = status;
    struct failover_histogram *answers = &told.figures.left[TOOK_ANSWERS][CAUSE_SILENT];
    answers->counts[3] = 2;
    answers->counts[FAILOVER_BOUNDS] = 1;
    answers->sum_s = 401.5;
    told.figures.back[TOOK_RESOLVERS][CAUSE_SICK].counts[8] = 4;
    told.figures.counts[FAILOVER_LEFT][CAUSE_SILENT] = 5;
    told.figures.counts[FAILOVER_KEPT][CAUSE_DRAIN] = 6;
    const struct server_numbers numbers = {
        .udp = {.types = {[15] = 700, [TYPE_SLOT_NONE] = 300},
                .rcodes = {[0] = 900, [3] = 100, [6] = 5},
                .edns = 800,
                .truncated = 3,
                .malformed = 2,
                .dropped = 5,
                .cookies = {[COOKIE_CLIENT] = 40, [COOKIE_GOOD] = 30, [COOKIE_BAD] = 1}},
        .tcp = {.types = {[15] = 20}, .rcodes = {[0] = 20}},
        .rate_slipped = 11,
        .rate_dropped = 12,
        .tcp_connections = 4,
        .tcp_accepted = 21,
        .tcp_refused = 5,
        .tcp_displaced = 6,
        .tcp_expired = 7};
    const struct metrics_sources sources = {&told, &numbers, 1 << 20, 750};
    static const struct sample expected[] = {
        {"evermx_info{version=\"" EVERMX_VERSION "\"}", 1},
        {"process_resident_memory_bytes", 1 << 20},
        {"evermx_engine_answers", 1},
        {"evermx_engine_heartbeat_age_seconds", 0.75},
        {"evermx_dns_queries_total{transport=\"udp\",type=\"MX\"}", 700},
        {"evermx_dns_queries_total{transport=\"udp\",type=\"none\"}", 300},
        {"evermx_dns_queries_total{transport=\"tcp\",type=\"MX\"}", 20},
        {"evermx_dns_answers_total{transport=\"udp\",rcode=\"noerror\"}", 900},
        {"evermx_dns_answers_total{transport=\"udp\",rcode=\"nxdomain\"}", 100},
        {"evermx_dns_answers_total{transport=\"udp\",rcode=\"yxdomain\"}", 5},
        {"evermx_dns_answers_total{transport=\"tcp\",rcode=\"noerror\"}", 20},
        {"evermx_dns_answers_total{transport=\"tcp\",rcode=\"servfail\"}", 0},
        {"evermx_dns_edns_queries_total{transport=\"udp\"}", 800},
        {"evermx_dns_truncated_total{transport=\"udp\"}", 3},
        {"evermx_dns_malformed_total{transport=\"udp\"}", 2},
        {"evermx_dns_dropped_total{transport=\"udp\"}", 5},
        {"evermx_dns_dropped_total{transport=\"tcp\"}", 0},
        {"evermx_dns_cookies_total{transport=\"udp\",kind=\"client\"}", 40},
        {"evermx_dns_cookies_total{transport=\"udp\",kind=\"good\"}", 30},
        {"evermx_dns_cookies_total{transport=\"udp\",kind=\"bad\"}", 1},
        {"evermx_dns_rate_limited_total{action=\"slipped\"}", 11},
        {"evermx_dns_rate_limited_total{action=\"dropped\"}", 12},
        {"evermx_dns_tcp_accepted_total", 21},
        {"evermx_dns_tcp_closed_total{reason=\"refused\"}", 5},
        {"evermx_dns_tcp_closed_total{reason=\"displaced\"}", 6},
        {"evermx_dns_tcp_closed_total{reason=\"expired\"}", 7},
        {"evermx_dns_tcp_connections", 4},
        {"evermx_uptime_seconds", 60},
        {"evermx_snapshot_generation", 7},
        {"evermx_snapshot_age_seconds", 2.5},
        {"evermx_model_bytes", 12345},
        {"evermx_catalog_bytes", 6789},
        {"evermx_prober_sessions", 2},
        {"evermx_prober_late_max_seconds", 1.25},
        {"evermx_pools", 3},
        {"evermx_pools_fail_open", 1},
        {"evermx_pools_servfail", 1},
        {"evermx_zones{state=\"ok\"}", 2},
        {"evermx_zones{state=\"failed\"}", 1},
        {"evermx_zones{state=\"incomplete\"}", 1},
        {"evermx_zones{state=\"stale\"}", 3},
        {"evermx_domains", 1020},
        {"evermx_targets{verdict=\"up\"}", 1},
        {"evermx_targets{verdict=\"suspect\"}", 1},
        {"evermx_targets{verdict=\"down\"}", 1},
        {"evermx_targets{verdict=\"unknown\"}", 1},
        {"evermx_targets_forced{how=\"drain\"}", 1},
        {"evermx_targets_forced{how=\"up\"}", 1},
        {"evermx_targets_forced{how=\"down\"}", 0},
        {"evermx_targets_returning{how=\"hold\"}", 0},
        {"evermx_targets_returning{how=\"damped\"}", 1},
        {"evermx_targets_returning{how=\"manual\"}", 0},
        {"evermx_targets_returning{how=\"slow-start\"}", 1},
        {"evermx_targets_unheard{reason=\"prober-refused\"}", 0},
        {"evermx_targets_unheard{reason=\"login-refused\"}", 2},
        {"evermx_uplink_frozen{family=\"ipv4\"}", 0},
        {"evermx_uplink_frozen{family=\"ipv6\"}", 1},
        {"evermx_failover_seconds_bucket{phase=\"answers\",cause=\"silent\",le=\"0.5\"}", 0},
        {"evermx_failover_seconds_bucket{phase=\"answers\",cause=\"silent\",le=\"1\"}", 2},
        {"evermx_failover_seconds_bucket{phase=\"answers\",cause=\"silent\",le=\"300\"}", 2},
        {"evermx_failover_seconds_bucket{phase=\"answers\",cause=\"silent\",le=\"+Inf\"}", 3},
        {"evermx_failover_seconds_sum{phase=\"answers\",cause=\"silent\"}", 401.5},
        {"evermx_failover_seconds_count{phase=\"answers\",cause=\"silent\"}", 3},
        {"evermx_return_seconds_bucket{phase=\"resolvers\",cause=\"sick\",le=\"15\"}", 0},
        {"evermx_return_seconds_bucket{phase=\"resolvers\",cause=\"sick\",le=\"30\"}", 4},
        {"evermx_return_seconds_bucket{phase=\"resolvers\",cause=\"sick\",le=\"600\"}", 4},
        {"evermx_failovers_total{kind=\"late\",cause=\"force\"}", 0},
        {"evermx_failovers_total{kind=\"left\",cause=\"silent\"}", 5},
        {"evermx_failovers_total{kind=\"kept\",cause=\"drain\"}", 6},
#define FAILOVERS_NAMED 12 /* of these */
#define FIRST           "host=\"mx1.test\",address=\"127.0.0.1\",port=\"25\",check=\"smtp\""
        {"evermx_target_up{" FIRST "}", 1},
        {"evermx_target_rtt_seconds{" FIRST "}", 0.0015},
        {"evermx_target_probes_total{" FIRST ",outcome=\"ok\"}", 5},
        {"evermx_target_probes_total{" FIRST ",outcome=\"fail\"}", 3},
        {"evermx_target_probes_total{" FIRST ",outcome=\"unknown\"}", 2},
        {"evermx_target_certificate_expiry_timestamp_seconds{" FIRST "}", 1800000000},
        {"evermx_target_undelivered_seconds{" FIRST "}", 30},
        {"evermx_target_delivery_seconds{" FIRST "}", 2.5},
    };
    (void)state;
    struct parsed *parsed = parse_sources(&sources);
    size_t count = sizeof expected / sizeof *expected;
    for (size_t i = 0; i < count; i++)
        assert_value(parsed, expected[i].series, expected[i].value);
    assert_value(parsed,
                 "evermx_target_up{host=\"mx1.test\",address=\"127.0.0.2\",port=\"25\","
                 "check=\"smtp\"}",
                 0);
    /* no others than these and: of the other 3 targets up and probes, but no rtt, and of one how
     * long nothing has arrived; 5 more reasons; 8 more rcodes that are always told, and of TCP
     * edns, truncated, malformed and the cookies; and the other numbers of failovers */
    assert_int_equal(parsed->nsamples,
                     count + 3 * 4 + 1 + 5 + 8 + 6 + FAILOVER_SAMPLES - FAILOVERS_NAMED);
    parsed_free(parsed);
}

/* evermxctl(1) lists each family, with its labels as they stand in its samples. */
static void test_manual_has_every_family(void **state)
{
    const struct server_numbers numbers = {.udp = {.types = {[15] = 1}}};
    struct engine_target target = {"mx1.test",
                                   "smtp",
                                   {4, {127, 0, 0, 1}},
                                   25,
                                   {.rtt_us = 1,
                                    .certificate_ends_s = 1,
                                    .last = {[DEPTH_ROUND_TRIP] = {.reason = REASON_OK}}},
                                   ""};
    struct engine_status status = {.targets = &target, .ntargets = 1};
    const struct metrics_sources sources = {&status, &numbers, 1, 0};
    status.figures.left[TOOK_ANSWERS][CAUSE_SICK].counts[0] = 1;
    status.figures.back[TOOK_ANSWERS][CAUSE_SICK].counts[0] = 1;
    size_t size;
    (void)state;
    char *page = file_read_all("tools/evermxctl.1", &size);
    struct parsed *parsed = parse_sources(&sources);
    for (size_t i = 0; i < parsed->nsamples; i++) {
        char entry[SERIES_SIZE], *out = entry;
        bool quoted = false;
        for (const char *at = parsed->samples[i].series; *at; at++) {
            quoted ^= *at == '"';
            if (!quoted && *at != '"' && *at != '=')
                *out++ = *at;
        }
        *out = '\0';
        const char *found = strstr(page, entry);
        if (!found || !strchr(" \n", found[strlen(entry)]) || found[-1] != ' ')
            fail_msg("tools/evermxctl.1 does not list %s", entry);
    }
    assert_true(parsed->nfamilies > 30);
    parsed_free(parsed);
    free(page);
}

static void test_stuck_engine(void **state)
{
    const struct server_numbers numbers = {.udp = {.truncated = 7}};
    const struct metrics_sources sources = {NULL, &numbers, 0, 9000};
    (void)state;
    struct parsed *parsed = parse_sources(&sources);
    assert_value(parsed, "evermx_engine_answers", 0);
    assert_value(parsed, "evermx_engine_heartbeat_age_seconds", 9);
    assert_value(parsed, "evermx_dns_truncated_total{transport=\"udp\"}", 7);
    assert_value(parsed, "evermx_targets{verdict=\"up\"}", -1); /* nothing is said */
    assert_value(parsed, "process_resident_memory_bytes", -1);  /* unknown is not 0 */
    parsed_free(parsed);
}

static void test_too_many_targets_are_summed(void **state)
{
    const size_t count = METRICS_TARGETS_MAX + 1;
    const struct server_numbers numbers = {.tcp_connections = 0};
    struct engine_target *targets = calloc(count, sizeof *targets);
    (void)state;
    for (size_t i = 0; i < count; i++)
        targets[i] = (struct engine_target){.host = "h", .check = "smtp", .address = {.family = 4}};
    struct engine_status status = {.targets = targets, .ntargets = count};
    const struct metrics_sources sources = {&status, &numbers, 0, 0};
    struct parsed *parsed = parse_sources(&sources);
    assert_value(parsed, "evermx_targets{verdict=\"unknown\"}", (double)count);
    assert_true(parsed->nsamples < 100 + FAILOVER_SAMPLES);
    parsed_free(parsed);
    free(targets);
}

/* ---- the command ---- */

static struct parsed *ask_metrics(void)
{
    json_t *answer = client_ask("metrics");
    assert_string_equal(text_at(answer, "content_type"), "text/plain; version=0.0.4");
    struct parsed *parsed = parse(text_at(answer, "text"));
    assert_null(parsed->fault);
    json_decref(answer);
    return parsed;
}

static void test_command(void **state)
{
    (void)state;
    assert_error("metrics all", "usage: metrics");
    struct parsed *before = ask_metrics();
    assert_value(before, "evermx_zones{state=\"ok\"}", 2);
    assert_value(before, "evermx_targets_forced{how=\"drain\"}", 0);
    assert_true(value_of(before, "process_resident_memory_bytes") > 1 << 20);
    assert_true(value_of(before, "evermx_model_bytes") > 100000);
    assert_true(value_of(before, "evermx_catalog_bytes") > 100000);
    assert_true(value_of(before, "evermx_snapshot_age_seconds") >= 0);
    assert_in_range(value_of(before, "evermx_engine_heartbeat_age_seconds"), 0, 5);
    assert_value(before,
                 "evermx_target_up{host=\"mx2.example.test\",address=\"127.0.0.12\","
                 "port=\"25\",check=\"smtp\"}",
                 1);
    json_decref(client_ask("drain mx1.example.test"));
    struct parsed *after = ask_metrics();
    assert_value(after, "evermx_targets_forced{how=\"drain\"}", 2);
    double age = value_of(after, "evermx_snapshot_age_seconds");
    assert_true(age >= 0 && age <= value_of(after, "evermx_uptime_seconds"));
    assert_value(after, "evermx_snapshot_generation",
                 value_of(before, "evermx_snapshot_generation") + 1);
    json_decref(client_ask("undrain mx1.example.test"));
    parsed_free(before);
    parsed_free(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader_is_strict),
        cmocka_unit_test(test_families_stay_together),
        cmocka_unit_test(test_histograms),
        cmocka_unit_test(test_numbers_of_everything),
        cmocka_unit_test(test_manual_has_every_family),
        cmocka_unit_test(test_stuck_engine),
        cmocka_unit_test(test_too_many_targets_are_summed),
        cmocka_unit_test(test_command),
    };
    return cmocka_run_group_tests(tests, control_fixture_up, control_fixture_down);
}
