/* SPDX-License-Identifier: BSD-2-Clause */
#include "target.h"

#include "member.h"

#include <stdio.h>
#include <string.h>

static bool is_good(const json_t *target)
{
    return strcmp(member_text(target, "reason"), "ok") == 0;
}

static bool is_held(const json_t *target)
{
    return member_is_text(target, "held");
}

enum colour target_verdict(const json_t *target, const char *since, char text[CELL_SIZE])
{
    const char *verdict = member_text(target, "verdict"), *forced = member_text(target, "forced");
    bool is_down = strcmp(verdict, "down") == 0, is_up = strcmp(verdict, "up") == 0;
    bool is_drained = member_is_true(target, "undelivered") && !is_down;
    if (!member_is_true(target, "known"))
        verdict = "not yet known";
    if (strcmp(forced, "drain") == 0)
        snprintf(text, CELL_SIZE, "drained (%s%s)", verdict, since);
    else if (member_is_text(target, "forced"))
        snprintf(text, CELL_SIZE, "forced %s (%s%s)", forced, verdict, since);
    else if (is_held(target) || is_drained)
        snprintf(text, CELL_SIZE, *since ? "%s (%s%s)" : "%s", is_drained ? "drained" : "held",
                 verdict, since);
    else
        snprintf(text, CELL_SIZE, "%s%s", is_down ? "DOWN" : verdict, since);
    if (member_is_text(target, "forced"))
        return CYAN;
    if (is_held(target) || is_drained)
        return YELLOW;
    return is_down ? RED : is_up ? GREEN : YELLOW;
}

/* "the host refuses this prober: 554 go away" */
static void say_remark(const json_t *remark, const char *before, char text[CELL_SIZE])
{
    const char *detail = member_text(remark, "detail");
    snprintf(text, CELL_SIZE, "%s%s%s%s", before, member_text(remark, "meaning"),
             *detail ? ": " : "", detail);
}

enum colour target_reason(const json_t *target, char text[CELL_SIZE])
{
    const json_t *unheard = json_object_get(target, "unheard");
    const json_t *warning = json_object_get(target, "warning");
    const char *detail = member_text(target, "detail");
    const char *good = is_good(target) ? "ok" : member_text(target, "meaning");
    char span[DURATION_SIZE];
    if (is_held(target))
        snprintf(text, CELL_SIZE, "passes its probes; %s", member_text(target, "outlook"));
    else if (!is_good(target))
        snprintf(text, CELL_SIZE, "%s%s%s", good, *detail ? ": " : "", detail);
    else if (json_is_number(json_object_get(target, "undelivered_s")))
        snprintf(text, CELL_SIZE, "no message has arrived for %s",
                 member_duration(target, "undelivered_s", span));
    else if (json_is_object(unheard))
        say_remark(unheard, "unknown now: ", text);
    else if (json_is_object(warning))
        say_remark(warning, "ok, but ", text);
    else if (member_integer(target, "percent") < 100)
        snprintf(text, CELL_SIZE, "ok; %s", member_text(target, "outlook"));
    else {
        snprintf(text, CELL_SIZE, "ok");
        return FAINT;
    }
    return is_good(target) ? YELLOW : PLAIN;
}

/* ---- all of it ---- */

enum { INDENT = 8, DEEPER = INDENT + 4 };

/* "last service probe 3s ago: ok, 1 session; connect 0.1 ms, greeting 2.3 ms" */
static void print_trace(bool coloured, const json_t *target, const char *depth, const char *words)
{
    json_t *trace = json_object_get(json_object_get(target, "last"), depth), *ms;
    char age[DURATION_SIZE];
    const char *step, *before = ";";
    if (!json_is_object(trace))
        return;
    long long sessions = member_integer(trace, "sessions");
    struct flow flow = flow_begin(coloured, INDENT, DEEPER);
    flow_say(&flow, PLAIN, "last %s %s ago: %s", words, member_duration(trace, "age_s", age),
             member_text(trace, "reason"));
    if (sessions != 1)
        flow_say(&flow, PLAIN, ", %lld sessions", sessions);
    json_object_foreach(json_object_get(trace, "steps_ms"), step, ms)
    {
        flow_say(&flow, PLAIN, "%s %s %.1f ms", before, step, json_number_value(ms));
        before = ",";
    }
    flow_end(&flow);
}

static void print_remark(bool coloured, const char *label, const json_t *remark)
{
    if (!json_is_object(remark))
        return;
    const char *detail = member_text(remark, "detail");
    struct flow flow = flow_begin(coloured, INDENT, DEEPER);
    flow_put(&flow, PLAIN, label);
    flow_put(&flow, YELLOW, member_text(remark, "meaning"));
    flow_say(&flow, PLAIN, "%s%s%s", *detail ? " (" : "", detail, *detail ? ")" : "");
    if (member_is_text(remark, "advice"))
        flow_say(&flow, PLAIN, "; %s", member_text(remark, "advice"));
    flow_end(&flow);
}

static void print_undelivered(bool coloured, const json_t *target)
{
    char span[DURATION_SIZE];
    if (!json_is_number(json_object_get(target, "undelivered_s")))
        return;
    struct flow flow = flow_begin(coloured, INDENT, DEEPER);
    flow_say(&flow, YELLOW, "no message of a round trip has arrived for %s%s",
             member_duration(target, "undelivered_s", span),
             member_is_true(target, "undelivered") ? ": used only when nothing else is left" : "");
    flow_end(&flow);
}

static void print_verdict(bool coloured, const json_t *target)
{
    char verdict[CELL_SIZE], since[DURATION_SIZE], since_text[DURATION_SIZE + 8];
    snprintf(since_text, sizeof since_text, " for %s", member_duration(target, "since_s", since));
    enum colour shade = target_verdict(target, since_text, verdict);
    const char *detail = member_text(target, "detail");
    struct flow flow = flow_begin(coloured, INDENT - 2, DEEPER);
    flow_say(&flow, PLAIN, "%s@%lld %s: ", member_text(target, "address"),
             member_integer(target, "port"), member_text(target, "check"));
    flow_put(&flow, shade, verdict);
    flow_say(&flow, PLAIN, ": %s%s%s%s",
             is_held(target) ? "passes its probes again; fell by: " : "",
             member_text(target, "meaning"), *detail ? ": " : "", detail);
    flow_end(&flow);
}

void target_print(bool coloured, const json_t *target)
{
    print_verdict(coloured, target);
    print_trace(coloured, target, "liveness", "liveness probe");
    print_trace(coloured, target, "service", "service probe");
    print_trace(coloured, target, "round_trip", "round trip");
    print_undelivered(coloured, target);
    print_remark(coloured, "warning: ", json_object_get(target, "warning"));
    if (member_is_true(target, "known")) /* else the verdict's reason has told it */
        print_remark(coloured, "unknown now: ", json_object_get(target, "unheard"));
    struct flow flow = flow_begin(coloured, INDENT, DEEPER);
    flow_say(&flow, PLAIN, "next: %s", member_text(target, "outlook"));
    flow_end(&flow);
}
