/* SPDX-License-Identifier: BSD-2-Clause */
#include "print.h"

#include "base/diagnostics.h"
#include "base/memory.h"
#include "explain.h"
#include "failovers.h"
#include "member.h"
#include "target.h"
#include "text.h"
#include "wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fill_rtt(struct row *row, const json_t *rtt_ms)
{
    char text[CELL_SIZE] = "-";
    double ms = json_number_value(rtt_ms);
    if (json_is_number(rtt_ms))
        snprintf(text, sizeof text, ms < 10 ? "%.1fms" : "%.0fms", ms);
    row_fill(row, 6, PLAIN, text);
}

static void fill_target(struct row *row, const json_t *target)
{
    char text[CELL_SIZE];
    enum colour shade = target_verdict(target, "", text);
    row_fill(row, 4, shade, text);
    row_fill(row, 0, BOLD, member_text(target, "host"));
    row_fill(row, 1, PLAIN, member_text(target, "address"));
    snprintf(text, sizeof text, "%lld", member_integer(target, "port"));
    row_fill(row, 2, PLAIN, text);
    row_fill(row, 3, PLAIN, member_text(target, "check"));
    row_fill(row, 5, PLAIN, member_duration(target, "since_s", text));
    fill_rtt(row, json_object_get(target, "rtt_ms"));
    shade = target_reason(target, text);
    row_fill(row, 7, shade, text);
}

static void print_targets(bool coloured, const json_t *targets)
{
    static const char *const heads[TABLE_COLUMNS] = {"HOST",    "ADDRESS", "PORT", "CHECK",
                                                     "VERDICT", "SINCE",   "RTT",  "REASON"};
    size_t count = json_array_size(targets);
    if (!count)
        return;
    struct row *rows = memory_array(count + 1, sizeof *rows);
    for (size_t i = 0; i < TABLE_COLUMNS; i++)
        row_fill(&rows[0], i, FAINT, heads[i]);
    for (size_t i = 0; i < count; i++)
        fill_target(&rows[i + 1], json_array_get(targets, i));
    table_print(coloured, rows, count + 1);
    free(rows);
}

/* percents: of those that get less than all of their weight; NULL: of none. */
static void print_list(bool coloured, const char *label, enum colour which, const json_t *labels,
                       const json_t *percents)
{
    size_t count = json_array_size(labels);
    if (!count)
        return;
    struct flow flow = flow_begin(coloured, 4, 13);
    flow_say(&flow, PLAIN, "%-8s ", label);
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(labels, i));
        flow_put(&flow, PLAIN, i ? ", " : "");
        flow_put(&flow, which, name);
        if (json_object_get(percents, name))
            flow_say(&flow, PLAIN, " (%lld%% of its weight)", member_integer(percents, name));
    }
    flow_end(&flow);
}

/* With one member there is nothing to choose, and one line says all. */
static void print_pool(bool coloured, const json_t *pool)
{
    long long owners = member_integer(pool, "owners");
    const json_t *serving = json_object_get(pool, "serving");
    const json_t *removed = json_object_get(pool, "removed");
    bool single = json_array_size(serving) == 1 && json_array_size(removed) == 0;
    text_print(coloured, BOLD, member_text(pool, "name"));
    printf("  TTL %lld s", member_integer(pool, "ttl_s"));
    if (owners > 1)
        printf(", %lld names", owners);
    if (single)
        printf("  only %s", json_string_value(json_array_get(serving, 0)));
    if (member_is_true(pool, "fail_open"))
        text_print(coloured, RED,
                   single                     ? "  FAIL OPEN: it is down, and answered"
                   : json_array_size(removed) ? "  FAIL OPEN: all are down, and some are answered"
                                              : "  FAIL OPEN: all are down, all are answered");
    if (member_is_true(pool, "floor"))
        text_print(coloured, YELLOW, "  below min-capacity: some are kept in");
    if (member_is_true(pool, "servfail"))
        text_print(coloured, RED, "  SERVFAIL: all are down");
    putchar('\n');
    if (!single)
        print_list(coloured, "serving", GREEN, serving, json_object_get(pool, "percents"));
    print_list(coloured, "removed", RED, removed, NULL);
}

static void print_stale(const json_t *zone)
{
    const json_t *files = json_object_get(zone, "stale");
    for (size_t i = 0; i < json_array_size(files); i++) {
        const char *file = json_string_value(json_array_get(files, i));
        if (strcmp(file, member_text(zone, "names")) == 0)
            printf("domains of %s are those of before, %lld: the list is bad (",
                   member_text(zone, "name"), member_integer(zone, "domains"));
        else
            printf("zone %s is as it was before, serial %lld: its file is bad (",
                   member_text(zone, "name"), member_integer(zone, "serial"));
        printf("%s; see the log, or evermxd -t)\n", file);
    }
}

static void print_zones(bool coloured, const json_t *zones)
{
    for (size_t i = 0; i < json_array_size(zones); i++) {
        const json_t *zone = json_array_get(zones, i);
        const char *state = member_text(zone, "state");
        if (strcmp(state, "ok") == 0)
            continue;
        text_colour(coloured, RED);
        if (strcmp(state, "incomplete") == 0)
            printf("domains of %s are missing: the list is bad (%s; see the log, or evermxd -t)\n",
                   member_text(zone, "name"), member_text(zone, "names"));
        else if (strcmp(state, "failed") == 0)
            printf("zone %s is bad: SERVFAIL is answered (%s; see the log, or evermxd -t)\n",
                   member_text(zone, "name"), member_text(zone, "file"));
        print_stale(zone);
        text_colour(coloured, PLAIN);
    }
}

/* A template counts as each of its domains. */
static long long count_zones(const json_t *zones)
{
    long long count = 0;
    for (size_t i = 0; i < json_array_size(zones); i++) {
        const json_t *zone = json_array_get(zones, i);
        count += member_is_text(zone, "names") ? member_integer(zone, "domains") : 1;
    }
    return count;
}

/* A frozen uplink is why nothing is taken out. */
static void print_frozen(bool coloured, const json_t *frozen_s)
{
    static const struct {
        const char *key, *name;
    } families[] = {{"ipv4", "IPv4"}, {"ipv6", "IPv6"}};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        char span[DURATION_SIZE];
        if (!json_is_number(json_object_get(frozen_s, families[i].key)))
            continue;
        struct flow flow = flow_begin(coloured, 0, 4);
        flow_say(&flow, RED,
                 "%s: our own network seems to be down for %s: silence of hosts does not count "
                 "(evermxctl events)",
                 families[i].name, member_duration(frozen_s, families[i].key, span));
        flow_end(&flow);
    }
}

static void print_status(bool coloured, const json_t *answer)
{
    const json_t *zones = json_object_get(answer, "zones");
    const json_t *pools = json_object_get(answer, "pools");
    const json_t *queries = json_object_get(answer, "queries");
    char text[DURATION_SIZE];
    long long nzones = count_zones(zones);
    printf("evermxd %s, up %s, %lld zone%s, answers' serial %lld, queries: %lld UDP, %lld TCP\n",
           member_text(answer, "version"), member_duration(answer, "uptime_s", text), nzones,
           text_plural(nzones), member_integer(answer, "serial"), member_integer(queries, "udp"),
           member_integer(queries, "tcp"));
    print_zones(coloured, zones);
    print_frozen(coloured, json_object_get(json_object_get(answer, "prober"), "frozen_s"));
    putchar('\n');
    print_targets(coloured, json_object_get(answer, "targets"));
    for (size_t i = 0; i < json_array_size(pools); i++) {
        fputs(i ? "" : "\n", stdout);
        print_pool(coloured, json_array_get(pools, i));
    }
    failovers_print(coloured, json_object_get(answer, "failovers"));
}

/* One line each: local time, subject, text. */
static void print_events(bool coloured, const json_t *answer)
{
    static const struct {
        const char *level;
        enum colour colour;
    } levels[] = {{"error", RED}, {"warning", YELLOW}, {"notice", PLAIN}};
    const json_t *list = json_object_get(answer, "events");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *event = json_array_get(list, i);
        const char *level = member_text(event, "level"), *kind = member_text(event, "kind");
        char when[LOCAL_TIME_SIZE];
        size_t at = 0;
        while (at < sizeof levels / sizeof *levels - 1 && strcmp(levels[at].level, level) != 0)
            at++;
        bool rises = strcmp(kind, "up") == 0 || strcmp(kind, "return") == 0 ||
                     strcmp(kind, "drain-finished") == 0;
        bool falls = strcmp(kind, "down") == 0;
        text_print(coloured, FAINT,
                   text_local_time(json_number_value(json_object_get(event, "age_s")), when));
        printf("  %s%s", member_is_text(event, "subject") ? member_text(event, "subject") : "",
               member_is_text(event, "subject") ? ": " : "");
        text_print(coloured,
                   rises   ? GREEN
                   : falls ? RED
                           : levels[at].colour,
                   member_text(event, "text"));
        putchar('\n');
    }
}

static void print_forced(bool coloured, const json_t *answer)
{
    long long count = member_integer(answer, "targets");
    (void)coloured;
    printf("%s: %s (%lld target%s)\n", member_text(answer, "host"),
           member_is_text(answer, "forced") ? member_text(answer, "forced") : "by its probes again",
           count, text_plural(count));
}

/* "FILE:LINE:COLUMN: error: text", as evermxd -t has it. */
static void print_diagnostics(const json_t *answer, FILE *out)
{
    const json_t *list = json_object_get(answer, "diagnostics");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        if (member_is_text(entry, "file"))
            fprintf(out, "%s:", member_text(entry, "file"));
        if (member_integer(entry, "line"))
            fprintf(out, "%lld:", member_integer(entry, "line"));
        if (member_integer(entry, "column"))
            fprintf(out, "%lld:", member_integer(entry, "column"));
        fprintf(out, "%s%s: %s\n", member_is_text(entry, "file") ? " " : "",
                member_text(entry, "severity"), member_text(entry, "text"));
    }
}

static void print_lines(const json_t *lines, FILE *out)
{
    for (size_t i = 0; i < json_array_size(lines); i++)
        fprintf(out, "%s\n", json_string_value(json_array_get(lines, i)));
}

static void print_counts(const json_t *answer)
{
    const json_t *zones = json_object_get(answer, "zones");
    const json_t *domains = json_object_get(answer, "domains");
    const json_t *targets = json_object_get(answer, "targets");
    printf("reloaded; zones: %lld added, %lld removed, %lld changed; domains: %lld added, %lld "
           "removed; targets: %lld added, %lld removed\n",
           member_integer(zones, "added"), member_integer(zones, "removed"),
           member_integer(zones, "changed"), member_integer(domains, "added"),
           member_integer(domains, "removed"), member_integer(targets, "added"),
           member_integer(targets, "removed"));
}

/* What is bad stands behind all else, where it is seen. */
static void print_reload(bool coloured, const json_t *answer)
{
    const json_t *bad = json_object_get(answer, "bad");
    long long errors = member_integer(answer, "errors");
    long long more = member_integer(answer, "bad_zones") - (long long)json_array_size(bad);
    (void)coloured;
    print_diagnostics(answer, stderr);
    print_lines(json_object_get(answer, "changes"), stdout);
    if (json_is_true(json_object_get(answer, "nothing")))
        puts("nothing has changed");
    else
        print_counts(answer);
    fflush(stdout);
    print_lines(bad, stderr);
    if (more > 0)
        fprintf(stderr, "... and %lld more; see evermxctl status\n", more);
    if (errors > 0)
        fprintf(stderr, "evermxctl: reload: %lld error%s: not all is as the files say\n", errors,
                text_plural(errors));
}

static void print_metrics(bool coloured, const json_t *answer)
{
    (void)coloured;
    fputs(member_text(answer, "text"), stdout);
}

static void print_stopping(bool coloured, const json_t *answer)
{
    (void)coloured;
    (void)answer;
    puts("evermxd has ended");
}

static const struct command {
    const char *word;
    size_t least, most; /* words behind it */
    void (*print)(bool coloured, const json_t *answer);
    bool verbatim; /* of several lines, and printable already */
} commands[] = {
    {"status", 0, 0, print_status, false},  {"explain", 1, 2, explain_print, false},
    {"events", 0, 1, print_events, false},  {"drain", 1, 1, print_forced, false},
    {"drained", 1, 1, wait_print, false},   {"undrain", 1, 1, print_forced, false},
    {"force", 2, 2, print_forced, false},   {"reload", 0, 0, print_reload, false},
    {"metrics", 0, 0, print_metrics, true}, {"stop", 0, 0, print_stopping, false},
};

bool print_json(const json_t *answer)
{
    json_dumpf(answer, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(12));
    putchar('\n');
    return !json_object_get(answer, "error");
}

static const struct command *find_command(const char *word)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].word, word) == 0)
            return &commands[i];
    return NULL;
}

enum print_known print_knows(const char *word, size_t arguments)
{
    const struct command *command = find_command(word);
    if (!command)
        return PRINT_UNKNOWN;
    return arguments >= command->least && arguments <= command->most ? PRINT_KNOWN
                                                                     : PRINT_WRONG_COUNT;
}

bool print_answer(const char *word, bool coloured, json_t *answer)
{
    const struct command *command = find_command(word);
    bool is_error = member_is_text(answer, "error");
    if (is_error || !command->verbatim)
        text_make_printable(answer);
    if (is_error) {
        print_diagnostics(answer, stderr);
        fprintf(stderr, "evermxctl: %s\n", member_text(answer, "error"));
        return false;
    }
    command->print(coloured, answer);
    return true;
}
