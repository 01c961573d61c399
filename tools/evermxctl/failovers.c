/* SPDX-License-Identifier: BSD-2-Clause */
#include "failovers.h"

#include "base/memory.h"
#include "member.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EARLIER = 4, BAR_WIDTH = 50 };

static bool is_of_kind(const json_t *failover, const char *kind)
{
    return strcmp(member_text(failover, "kind"), kind) == 0;
}

/* Those that left the answers: what was kept is seen in the pools, a return in what it ends. */
static bool is_told(const json_t *failover)
{
    return is_of_kind(failover, "left") || is_of_kind(failover, "late");
}

static double seconds_of(const json_t *failover, const char *key)
{
    return json_number_value(json_object_get(failover, key));
}

static bool is_timed(const json_t *failover)
{
    return json_is_number(json_object_get(failover, "answers_s"));
}

static bool is_back(const json_t *failover)
{
    return json_is_number(json_object_get(failover, "back_s"));
}

/* Whether it is in answers all the same, as those of other pools, or as others died later. */
static bool is_kept(const json_t *failover)
{
    return json_is_number(json_object_get(failover, "kept_s"));
}

static bool is_by_hand(const json_t *failover)
{
    const char *cause = member_text(failover, "cause");
    return strcmp(cause, "drain") == 0 || strcmp(cause, "force") == 0;
}

/* "refused", "drained by an operator"; for those that are not timed, why. */
static const char *why(const json_t *failover)
{
    const char *cause = member_text(failover, "cause");
    if (strcmp(cause, "drain") == 0)
        return "drained by an operator";
    if (strcmp(cause, "force") == 0)
        return "forced by an operator";
    return member_is_text(failover, "reason") ? member_text(failover, "reason") : cause;
}

static void say_untimed(struct flow *flow, const json_t *failover)
{
    if (is_of_kind(failover, "late"))
        flow_put(flow, PLAIN, "; out since others are better");
    else if (!is_timed(failover))
        flow_put(flow, PLAIN, "; it was never seen good");
}

/* "back 12s ago", "resolvers may hold it 8.0s more" */
static void say_now(struct flow *flow, const json_t *failover)
{
    char span[DURATION_SIZE];
    if (is_back(failover))
        flow_say(flow, GREEN, "; back %s ago", member_duration(failover, "back_s", span));
    else if (is_kept(failover))
        flow_put(flow, RED, "; answered all the same: nothing better is there");
    else if (seconds_of(failover, "held_s") > 0)
        flow_say(flow, YELLOW, "; resolvers may hold it %s more",
                 member_duration(failover, "held_s", span));
    else
        flow_put(flow, PLAIN, "; out of all honest resolvers");
}

static void say_head(struct flow *flow, const json_t *failover)
{
    char age[DURATION_SIZE];
    flow_say(flow, PLAIN, "%s ago: ", member_duration(failover, "age_s", age));
    flow_put(flow, BOLD, member_text(failover, "host"));
    flow_say(flow, PLAIN, " %s, %s", member_text(failover, "check"), why(failover));
}

static void print_bar(bool coloured, enum colour colour, const char *label, double seconds,
                      double longest)
{
    char span[DURATION_SIZE], bar[BAR_WIDTH + 1];
    int width = longest > 0 ? (int)(seconds / longest * BAR_WIDTH + 0.5) : 0;
    width = width > BAR_WIDTH ? BAR_WIDTH : width < 0 ? 0 : width;
    memset(bar, '=', sizeof bar - 1);
    bar[width] = '\0';
    printf("    %-24s %7s%s", label, text_duration(seconds, span), width ? "  " : "");
    text_print(coloured, colour, bar);
    putchar('\n');
}

/* From the last good probe on, or from the command, which needs no evidence. */
static void print_bars(bool coloured, const json_t *failover)
{
    double longest = seconds_of(failover, "resolvers_s");
    if (!is_by_hand(failover))
        print_bar(coloured, YELLOW, "first bad evidence", seconds_of(failover, "evidence_s"),
                  longest);
    print_bar(coloured, RED, "out of the answers", seconds_of(failover, "answers_s"), longest);
    print_bar(coloured, CYAN, "out of honest resolvers", longest, longest);
}

static void print_last(bool coloured, const json_t *failover)
{
    struct flow flow = flow_begin(coloured, 0, 4);
    flow_put(&flow, PLAIN, "last failover ");
    say_head(&flow, failover);
    say_untimed(&flow, failover);
    say_now(&flow, failover);
    flow_end(&flow);
    if (!is_timed(failover))
        return;
    puts(is_by_hand(failover) ? "  after the command:" : "  after the last good probe:");
    print_bars(coloured, failover);
}

/* ---- those before it ---- */

enum { AGE, HOST, CHECK, WHY, EVIDENCE, ANSWERS, RESOLVERS, NOW };

static void fill_heading(struct row *row)
{
    static const char *const words[TABLE_COLUMNS] = {
        [AGE] = "WHEN",     [HOST] = "HOST",   [CHECK] = "CHECK",    [WHY] = "WHY",
        [EVIDENCE] = "BAD", [ANSWERS] = "OUT", [RESOLVERS] = "GONE", [NOW] = "NOW",
    };
    for (size_t i = 0; i < TABLE_COLUMNS; i++)
        row_fill(row, i, FAINT, words[i]);
}

static void fill_span(struct row *row, size_t column, const json_t *failover, const char *key)
{
    char span[DURATION_SIZE];
    row_fill(row, column, PLAIN, is_timed(failover) ? member_duration(failover, key, span) : "-");
}

static void fill_now(struct row *row, const json_t *failover)
{
    char text[CELL_SIZE], span[DURATION_SIZE];
    if (is_back(failover)) {
        snprintf(text, sizeof text, "back %s ago", member_duration(failover, "back_s", span));
        row_fill(row, NOW, GREEN, text);
    } else if (is_kept(failover)) {
        row_fill(row, NOW, RED, "answered all the same");
    } else if (seconds_of(failover, "held_s") > 0) {
        snprintf(text, sizeof text, "in resolvers %s more",
                 member_duration(failover, "held_s", span));
        row_fill(row, NOW, YELLOW, text);
    } else {
        row_fill(row, NOW, PLAIN, "gone");
    }
}

static void fill_earlier(struct row *row, const json_t *failover)
{
    char text[CELL_SIZE], span[DURATION_SIZE];
    snprintf(text, sizeof text, "%s ago", member_duration(failover, "age_s", span));
    row_fill(row, AGE, PLAIN, text);
    row_fill(row, HOST, BOLD, member_text(failover, "host"));
    row_fill(row, CHECK, PLAIN, member_text(failover, "check"));
    row_fill(row, WHY, PLAIN, is_of_kind(failover, "late") ? "others are better" : why(failover));
    fill_span(row, EVIDENCE, failover, "evidence_s");
    fill_span(row, ANSWERS, failover, "answers_s");
    fill_span(row, RESOLVERS, failover, "resolvers_s");
    fill_now(row, failover);
}

static void print_earlier(bool coloured, const json_t *const *earlier, size_t count)
{
    struct row *rows = memory_array(count + 1, sizeof *rows);
    fill_heading(&rows[0]);
    for (size_t i = 0; i < count; i++)
        fill_earlier(&rows[1 + i], earlier[i]);
    puts("\nfailovers before it, the last one first; from the last good probe, or from an "
         "operator's "
         "command,\nit took so long until a probe was BAD, until the host was OUT of the answers, "
         "and until it was GONE\nfrom all resolvers that keep to TTLs");
    table_print(coloured, rows, count + 1);
    free(rows);
}

void failovers_print(bool coloured, const json_t *failovers)
{
    const json_t *earlier[EARLIER];
    size_t told = 0;
    for (size_t i = json_array_size(failovers); i-- > 0 && told <= EARLIER;) {
        const json_t *failover = json_array_get(failovers, i);
        if (!is_told(failover))
            continue;
        if (told++ > 0) {
            earlier[told - 2] = failover;
            continue;
        }
        putchar('\n');
        print_last(coloured, failover);
    }
    if (told > 1)
        print_earlier(coloured, earlier, told - 1);
}
