/* SPDX-License-Identifier: BSD-2-Clause */
#include "print.h"

#include "base/diagnostics.h"
#include "base/memory.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A member that is missing or null reads as "-". */
static const char *text_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? json_string_value(value) : "-";
}

static bool is_text(const json_t *object, const char *key)
{
    return json_is_string(json_object_get(object, key));
}

static long long integer_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static bool is_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static const char *duration_of(const json_t *object, const char *key, char text[DURATION_SIZE])
{
    return text_duration(json_number_value(json_object_get(object, key)), text);
}

/* What answers go by: a forced verdict counts more than the probes'. since: " for 3s", or empty. */
static enum colour verdict_of(const json_t *target, const char *since, char text[CELL_SIZE])
{
    const char *verdict = text_of(target, "verdict"), *forced = text_of(target, "forced");
    bool is_down = strcmp(verdict, "down") == 0, is_up = strcmp(verdict, "up") == 0;
    if (!is_true(target, "known"))
        verdict = "not yet known";
    if (strcmp(forced, "drain") == 0)
        snprintf(text, CELL_SIZE, "drained (%s%s)", verdict, since);
    else if (is_text(target, "forced"))
        snprintf(text, CELL_SIZE, "forced %s (%s%s)", forced, verdict, since);
    else
        snprintf(text, CELL_SIZE, "%s%s", is_down ? "DOWN" : verdict, since);
    if (is_text(target, "forced"))
        return CYAN;
    return is_down ? RED : is_up ? GREEN : YELLOW;
}

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
    enum colour shade = verdict_of(target, "", text);
    row_fill(row, 4, shade, text);
    row_fill(row, 0, BOLD, text_of(target, "host"));
    row_fill(row, 1, PLAIN, text_of(target, "address"));
    snprintf(text, sizeof text, "%lld", integer_of(target, "port"));
    row_fill(row, 2, PLAIN, text);
    row_fill(row, 3, PLAIN, text_of(target, "check"));
    row_fill(row, 5, PLAIN, duration_of(target, "since_s", text));
    fill_rtt(row, json_object_get(target, "rtt_ms"));
    const char *detail = text_of(target, "detail"), *word = text_of(target, "reason");
    bool is_good = strcmp(word, "ok") == 0;
    snprintf(text, sizeof text, "%s%s%s", is_good ? word : text_of(target, "meaning"),
             *detail && !is_good ? ": " : "", is_good ? "" : detail);
    row_fill(row, 7, is_good ? FAINT : PLAIN, text);
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
    printf("    %-8s ", label);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ", " : "", stdout);
        const char *name = json_string_value(json_array_get(labels, i));
        text_print(coloured, which, name);
        if (json_object_get(percents, name))
            printf(" (%lld%% of its weight)", integer_of(percents, name));
    }
    putchar('\n');
}

/* With one member there is nothing to choose, and one line says all. */
static void print_pool(bool coloured, const json_t *pool)
{
    long long owners = integer_of(pool, "owners");
    const json_t *serving = json_object_get(pool, "serving");
    const json_t *removed = json_object_get(pool, "removed");
    bool single = json_array_size(serving) == 1 && json_array_size(removed) == 0;
    text_print(coloured, BOLD, text_of(pool, "name"));
    printf("  TTL %lld s", integer_of(pool, "ttl_s"));
    if (owners > 1)
        printf(", %lld names", owners);
    if (single)
        printf("  only %s", json_string_value(json_array_get(serving, 0)));
    if (is_true(pool, "fail_open"))
        text_print(coloured, RED,
                   single                     ? "  FAIL OPEN: it is down, and answered"
                   : json_array_size(removed) ? "  FAIL OPEN: all are down, and some are answered"
                                              : "  FAIL OPEN: all are down, all are answered");
    if (is_true(pool, "floor"))
        text_print(coloured, YELLOW, "  below min-capacity: some are kept in");
    if (is_true(pool, "servfail"))
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
        if (strcmp(file, text_of(zone, "names")) == 0)
            printf("domains of %s are those of before, %lld: the list is bad (",
                   text_of(zone, "name"), integer_of(zone, "domains"));
        else
            printf("zone %s is as it was before, serial %lld: its file is bad (",
                   text_of(zone, "name"), integer_of(zone, "serial"));
        printf("%s; see the log, or evermxd -t)\n", file);
    }
}

static void print_zones(bool coloured, const json_t *zones)
{
    for (size_t i = 0; i < json_array_size(zones); i++) {
        const json_t *zone = json_array_get(zones, i);
        const char *state = text_of(zone, "state");
        if (strcmp(state, "ok") == 0)
            continue;
        text_colour(coloured, RED);
        if (strcmp(state, "incomplete") == 0)
            printf("domains of %s are missing: the list is bad (%s; see the log, or evermxd -t)\n",
                   text_of(zone, "name"), text_of(zone, "names"));
        else if (strcmp(state, "failed") == 0)
            printf("zone %s is bad: SERVFAIL is answered (%s; see the log, or evermxd -t)\n",
                   text_of(zone, "name"), text_of(zone, "file"));
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
        count += is_text(zone, "names") ? integer_of(zone, "domains") : 1;
    }
    return count;
}

static void print_status(bool coloured, const json_t *answer)
{
    const json_t *zones = json_object_get(answer, "zones");
    const json_t *pools = json_object_get(answer, "pools");
    const json_t *queries = json_object_get(answer, "queries");
    char text[DURATION_SIZE];
    long long nzones = count_zones(zones);
    printf("evermxd %s, up %s, %lld zone%s, answers' serial %lld, queries: %lld UDP, %lld TCP\n",
           text_of(answer, "version"), duration_of(answer, "uptime_s", text), nzones,
           text_plural(nzones), integer_of(answer, "serial"), integer_of(queries, "udp"),
           integer_of(queries, "tcp"));
    print_zones(coloured, zones);
    putchar('\n');
    print_targets(coloured, json_object_get(answer, "targets"));
    for (size_t i = 0; i < json_array_size(pools); i++) {
        fputs(i ? "" : "\n", stdout);
        print_pool(coloured, json_array_get(pools, i));
    }
}

/* "last service probe 3s ago: ok, 1 session; connect 0.1 ms, greeting 2.3 ms" */
static void print_trace(const json_t *target, const char *depth, const char *words)
{
    json_t *trace = json_object_get(json_object_get(target, "last"), depth), *steps, *ms;
    char age[DURATION_SIZE];
    const char *step;
    bool first = true;
    if (!json_is_object(trace))
        return;
    long long sessions = integer_of(trace, "sessions");
    printf("        last %s %s ago: %s, %lld session%s", words, duration_of(trace, "age_s", age),
           text_of(trace, "reason"), sessions, text_plural(sessions));
    steps = json_object_get(trace, "steps_ms");
    json_object_foreach(steps, step, ms)
    {
        printf("%s %s %.1f ms", first ? ";" : ",", step, json_number_value(ms));
        first = false;
    }
    putchar('\n');
}

static void print_remark(bool coloured, const json_t *remark)
{
    if (!json_is_object(remark))
        return;
    const char *detail = text_of(remark, "detail");
    fputs("        ", stdout);
    text_print(coloured, YELLOW, text_of(remark, "meaning"));
    printf("%s%s%s", *detail ? " (" : "", detail, *detail ? ")" : "");
    if (is_text(remark, "advice"))
        printf("; %s", text_of(remark, "advice"));
    putchar('\n');
}

static void print_record_target(bool coloured, const json_t *target)
{
    char verdict[CELL_SIZE], since[DURATION_SIZE], since_text[DURATION_SIZE + 8];
    snprintf(since_text, sizeof since_text, " for %s", duration_of(target, "since_s", since));
    enum colour shade = verdict_of(target, since_text, verdict);
    const char *detail = text_of(target, "detail");
    printf("      %s@%lld %s: ", text_of(target, "address"), integer_of(target, "port"),
           text_of(target, "check"));
    text_print(coloured, shade, verdict);
    printf(": %s%s%s\n", text_of(target, "meaning"), *detail ? ": " : "", detail);
    print_trace(target, "liveness", "liveness probe");
    print_trace(target, "service", "service probe");
    print_trace(target, "round_trip", "round trip");
    print_remark(coloured, json_object_get(target, "warning"));
    print_remark(coloured, json_object_get(target, "unheard"));
    printf("        next: %s\n", text_of(target, "outlook"));
}

/* "served", "demoted", ...: in words, and the targets that decide it. */
static void print_record(bool coloured, const json_t *record, const json_t *targets)
{
    static const struct {
        const char *state, *words;
        enum colour colour;
    } states[] = {
        {"served", "served", GREEN},
        {"demoted", "served, but behind all others", YELLOW},
        {"down", "held back", RED},
        {"standby", "held back: in reserve", YELLOW},
        {"floor", "served, though it is not well: kept in for min-capacity", YELLOW},
        {"outside", "never served: in no tier of the policy", FAINT},
    };
    const char *state = text_of(record, "state");
    const json_t *share = json_object_get(record, "percent");
    char percent[32] = "";
    size_t i = 0;
    while (i < sizeof states / sizeof *states - 1 && strcmp(states[i].state, state) != 0)
        i++;
    if (json_is_integer(share) && json_integer_value(share) < 100)
        snprintf(percent, sizeof percent, ", %lld%% of it now", integer_of(record, "percent"));
    printf("  %s", text_of(record, "text"));
    if (is_text(record, "host"))
        printf("  (weight %lld%s)", integer_of(record, "weight"), percent);
    fputs("  ", stdout);
    text_print(coloured, states[i].colour, states[i].words);
    putchar('\n');
    const json_t *numbers = json_object_get(record, "targets");
    for (i = 0; i < json_array_size(numbers); i++) {
        json_int_t number = json_integer_value(json_array_get(numbers, i));
        print_record_target(coloured, json_array_get(targets, (size_t)number));
    }
}

static void print_explanation(bool coloured, const json_t *answer)
{
    const json_t *records = json_object_get(answer, "records");
    const json_t *targets = json_object_get(answer, "targets");
    text_colour(coloured, BOLD);
    printf("%s %s", text_of(answer, "name"), text_of(answer, "type"));
    text_colour(coloured, PLAIN);
    printf(": %s\n", text_of(answer, "how"));
    if (is_text(answer, "owner"))
        printf("zone %s, owner %s, TTL %lld s\n", text_of(answer, "zone"), text_of(answer, "owner"),
               integer_of(answer, "ttl_s"));
    if (is_true(answer, "fail_open"))
        text_print(coloured, RED, "FAIL OPEN: all are down, and answered nevertheless\n");
    if (is_true(answer, "servfail"))
        text_print(coloured, RED, "SERVFAIL is answered: all are down\n");
    for (size_t i = 0; i < json_array_size(records); i++)
        print_record(coloured, json_array_get(records, i), targets);
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
        const char *level = text_of(event, "level"), *kind = text_of(event, "kind");
        char when[LOCAL_TIME_SIZE];
        size_t at = 0;
        while (at < sizeof levels / sizeof *levels - 1 && strcmp(levels[at].level, level) != 0)
            at++;
        bool rises = strcmp(kind, "up") == 0, falls = strcmp(kind, "down") == 0;
        text_print(coloured, FAINT,
                   text_local_time(json_number_value(json_object_get(event, "age_s")), when));
        printf("  %s%s", is_text(event, "subject") ? text_of(event, "subject") : "",
               is_text(event, "subject") ? ": " : "");
        text_print(coloured,
                   rises   ? GREEN
                   : falls ? RED
                           : levels[at].colour,
                   text_of(event, "text"));
        putchar('\n');
    }
}

static void print_forced(bool coloured, const json_t *answer)
{
    long long count = integer_of(answer, "targets");
    (void)coloured;
    printf("%s: %s (%lld target%s)\n", text_of(answer, "host"),
           is_text(answer, "forced") ? text_of(answer, "forced") : "by its probes again", count,
           text_plural(count));
}

/* "FILE:LINE:COLUMN: error: text", as evermxd -t has it. */
static void print_diagnostics(const json_t *answer, FILE *out)
{
    const json_t *list = json_object_get(answer, "diagnostics");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        if (is_text(entry, "file"))
            fprintf(out, "%s:", text_of(entry, "file"));
        if (integer_of(entry, "line"))
            fprintf(out, "%lld:", integer_of(entry, "line"));
        if (integer_of(entry, "column"))
            fprintf(out, "%lld:", integer_of(entry, "column"));
        fprintf(out, "%s%s: %s\n", is_text(entry, "file") ? " " : "", text_of(entry, "severity"),
                text_of(entry, "text"));
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
           integer_of(zones, "added"), integer_of(zones, "removed"), integer_of(zones, "changed"),
           integer_of(domains, "added"), integer_of(domains, "removed"),
           integer_of(targets, "added"), integer_of(targets, "removed"));
}

/* What is bad stands behind all else, where it is seen. */
static void print_reload(bool coloured, const json_t *answer)
{
    const json_t *bad = json_object_get(answer, "bad");
    long long errors = integer_of(answer, "errors");
    long long more = integer_of(answer, "bad_zones") - (long long)json_array_size(bad);
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
    fputs(text_of(answer, "text"), stdout);
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
    {"status", 0, 0, print_status, false},  {"explain", 1, 2, print_explanation, false},
    {"events", 0, 1, print_events, false},  {"drain", 1, 1, print_forced, false},
    {"undrain", 1, 1, print_forced, false}, {"force", 2, 2, print_forced, false},
    {"reload", 0, 0, print_reload, false},  {"metrics", 0, 0, print_metrics, true},
    {"stop", 0, 0, print_stopping, false},
};

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
    bool is_error = is_text(answer, "error");
    if (is_error || !command->verbatim)
        text_make_printable(answer);
    if (is_error) {
        print_diagnostics(answer, stderr);
        fprintf(stderr, "evermxctl: %s\n", text_of(answer, "error"));
        return false;
    }
    command->print(coloured, answer);
    return true;
}
