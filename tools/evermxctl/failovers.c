/* SPDX-License-Identifier: BSD-2-Clause */
#include "failovers.h"

#include "member.h"

#include <stdio.h>
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

static bool is_of_same_target(const json_t *one, const json_t *other)
{
    static const char *const keys[] = {"address", "port", "check"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!json_equal(json_object_get(one, keys[i]), json_object_get(other, keys[i])))
            return false;
    return true;
}

/* Whether it is in answers all the same, as those of other pools, or as others died later. */
static bool is_kept_since(const json_t *failovers, size_t place)
{
    const json_t *failover = json_array_get(failovers, place);
    for (size_t i = place + 1; i < json_array_size(failovers); i++) {
        const json_t *later = json_array_get(failovers, i);
        if (is_of_kind(later, "kept") && is_of_same_target(later, failover))
            return true;
    }
    return false;
}

/* "back 12s ago", "resolvers may hold it 8.0s more" */
static void say_now(struct flow *flow, const json_t *failover, bool kept)
{
    char span[DURATION_SIZE];
    if (json_is_number(json_object_get(failover, "back_s")))
        flow_say(flow, GREEN, "; back %s ago", member_duration(failover, "back_s", span));
    else if (kept)
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

/* From the last good probe on. */
static void print_bars(bool coloured, const json_t *failover)
{
    double longest = seconds_of(failover, "resolvers_s");
    print_bar(coloured, YELLOW, "first bad evidence", seconds_of(failover, "evidence_s"), longest);
    print_bar(coloured, RED, "out of the answers", seconds_of(failover, "answers_s"), longest);
    print_bar(coloured, CYAN, "out of honest resolvers", longest, longest);
}

static void print_last(bool coloured, const json_t *failover, bool kept)
{
    struct flow flow = flow_begin(coloured, 0, 4);
    flow_put(&flow, PLAIN, "last failover ");
    say_head(&flow, failover);
    say_untimed(&flow, failover);
    say_now(&flow, failover, kept);
    flow_end(&flow);
    if (is_timed(failover))
        print_bars(coloured, failover);
}

static void print_earlier(bool coloured, const json_t *failover)
{
    char evidence[DURATION_SIZE], answers[DURATION_SIZE], resolvers[DURATION_SIZE];
    struct flow flow = flow_begin(coloured, 4, 8);
    say_head(&flow, failover);
    say_untimed(&flow, failover);
    if (is_timed(failover))
        flow_say(&flow, PLAIN, ": %s, %s, %s", member_duration(failover, "evidence_s", evidence),
                 member_duration(failover, "answers_s", answers),
                 member_duration(failover, "resolvers_s", resolvers));
    flow_end(&flow);
}

void failovers_print(bool coloured, const json_t *failovers)
{
    size_t told = 0;
    for (size_t i = json_array_size(failovers); i-- > 0 && told <= EARLIER;) {
        const json_t *failover = json_array_get(failovers, i);
        if (!is_told(failover))
            continue;
        fputs(told == 0 ? "\n" : told == 1 ? "  before it:\n" : "", stdout);
        if (told++ == 0)
            print_last(coloured, failover, is_kept_since(failovers, i));
        else
            print_earlier(coloured, failover);
    }
}
