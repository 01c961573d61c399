/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/render.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* JSON is UTF-8; a file's name or a piece of a file may be anything. */
static json_t *lossy_text(const char *text)
{
    char *copy = memory_strdup(text);
    for (char *at = copy; *at; at++)
        if ((unsigned char)*at >= 0x80)
            *at = '?';
    json_t *json = json_string(copy);
    free(copy);
    return json;
}

static json_t *text_or_null(const char *text)
{
    if (!text)
        return json_null();
    json_t *json = json_string(text);
    return json ? json : lossy_text(text);
}

static json_t *integer(uint64_t number)
{
    return json_integer((json_int_t)number);
}

static json_t *seconds(int64_t ms)
{
    return json_real((double)ms / 1000);
}

static json_t *texts(const char *const *list, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, text_or_null(list[i]));
    return array;
}

static json_t *labels(const char *const *list) /* ends with NULL */
{
    size_t count = 0;
    while (list[count])
        count++;
    return texts(list, count);
}

json_t *render_error(const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    json_t *json = json_object();
    json_object_set_new(json, "error", text_or_null(text));
    return json;
}

/* What does not count against a target, and is worth telling; null: nothing. */
static json_t *render_remark(enum reason reason, const char *detail)
{
    if (reason == REASON_NONE)
        return json_null();
    json_t *json = json_object();
    const char *advice = reason_advice(reason);
    json_object_set_new(json, "reason", text_or_null(reason_word(reason)));
    json_object_set_new(json, "meaning", text_or_null(reason_sentence(reason)));
    json_object_set_new(json, "detail", text_or_null(detail));
    json_object_set_new(json, "advice", text_or_null(advice));
    return json;
}

/* The last probe of a depth: how it ended, and how long each step took. */
static json_t *render_trace(const struct verdict_trace *trace, int64_t now_ms)
{
    if (trace->at_ms < 0)
        return json_null();
    json_t *json = json_object(), *steps = json_object();
    for (unsigned i = 0; i < TIMED_STEPS; i++)
        if (trace->step_us[i])
            json_object_set_new(steps, outcome_step_word((enum outcome_step)i),
                                json_real((double)trace->step_us[i] / 1000));
    json_object_set_new(json, "age_s", seconds(now_ms - trace->at_ms));
    json_object_set_new(json, "reason", text_or_null(reason_word(trace->reason)));
    json_object_set_new(json, "sessions", integer(trace->sessions));
    json_object_set_new(json, "steps_ms", steps);
    return json;
}

static json_t *render_evidence(const struct engine_target *target, int64_t now_ms)
{
    static const char *const depths[PROBE_DEPTHS] = {"liveness", "service", "round_trip"};
    const struct verdict *verdict = &target->verdict;
    json_t *json = json_object();
    for (unsigned i = 0; i < PROBE_DEPTHS; i++)
        json_object_set_new(json, depths[i], render_trace(&verdict->last[i], now_ms));
    return json;
}

/* How it comes back, and what of its weight it gets. */
static void render_return(const struct verdict *verdict, int64_t now_ms, json_t *json)
{
    bool waits = verdict->held == HELD_TIME || verdict->held == HELD_DAMPED;
    int64_t left_ms = verdict->held_until_ms > now_ms ? verdict->held_until_ms - now_ms : 0;
    json_object_set_new(json, "held", text_or_null(verdict_held_word(verdict->held)));
    json_object_set_new(json, "held_s", waits ? seconds(left_ms) : json_null());
    json_object_set_new(json, "falls", integer(verdict->falls));
    json_object_set_new(json, "percent", integer(verdict->percent));
}

/* RFC 3339, in UTC. */
static json_t *date_of(int64_t unix_ms, bool fraction)
{
    struct tm parts;
    char date[32], text[48];
    time_t unix_s = (time_t)(unix_ms / 1000);
    gmtime_r(&unix_s, &parts);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
    if (fraction)
        snprintf(text, sizeof text, "%s.%03dZ", date, (int)(unix_ms % 1000));
    else
        snprintf(text, sizeof text, "%sZ", date);
    return json_string(text);
}

static json_t *render_target(const struct engine_target *target, int64_t now_ms)
{
    const struct verdict *verdict = &target->verdict;
    char address[ADDRESS_TEXT_SIZE];
    address_format(&target->address, address);
    json_t *json = json_object();
    json_object_set_new(json, "host", text_or_null(target->host));
    json_object_set_new(json, "address", text_or_null(address));
    json_object_set_new(json, "port", integer(target->port));
    json_object_set_new(json, "check", text_or_null(target->check));
    json_object_set_new(json, "verdict", text_or_null(verdict_status_word(verdict->status)));
    json_object_set_new(json, "forced", text_or_null(verdict_forced_word(verdict->forced)));
    json_object_set_new(json, "reason", text_or_null(reason_word(verdict->reason)));
    json_object_set_new(json, "since_s", seconds(now_ms - verdict->since_ms));
    json_object_set_new(json, "rtt_ms",
                        verdict->rtt_us < 0 ? json_null()
                                            : json_real((double)verdict->rtt_us / 1000));
    json_object_set_new(json, "last_probe_s",
                        verdict->last_probe_ms < 0 ? json_null()
                                                   : seconds(now_ms - verdict->last_probe_ms));
    json_object_set_new(json, "probes", integer(verdict->probes));
    json_object_set_new(json, "failures", integer(verdict->failures));
    json_object_set_new(json, "unknowns", integer(verdict->unknowns));
    json_object_set_new(json, "known", json_boolean(verdict->known));
    json_object_set_new(json, "meaning", text_or_null(reason_sentence(verdict->reason)));
    json_object_set_new(json, "detail", text_or_null(verdict->detail));
    json_object_set_new(json, "last_good_s",
                        verdict->last_good_ms < 0 ? json_null()
                                                  : seconds(now_ms - verdict->last_good_ms));
    render_return(verdict, now_ms, json);
    json_object_set_new(json, "undelivered_s",
                        verdict->undelivered_since_ms
                            ? seconds(now_ms - verdict->undelivered_since_ms)
                            : json_null());
    json_object_set_new(json, "undelivered", json_boolean(verdict->undelivered));
    json_object_set_new(json, "certificate_ends",
                        verdict->certificate_ends_s
                            ? date_of(verdict->certificate_ends_s * 1000, false)
                            : json_null());
    json_object_set_new(json, "warning", render_remark(verdict->warning, verdict->warning_detail));
    json_object_set_new(json, "unheard", render_remark(verdict->unheard, verdict->unheard_detail));
    json_object_set_new(json, "outlook", text_or_null(target->outlook));
    json_object_set_new(json, "last", render_evidence(target, now_ms));
    return json;
}

static json_t *render_targets(const struct engine_target *targets, size_t count, int64_t now_ms)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, render_target(&targets[i], now_ms));
    return array;
}

/* Those that get less than all of their weight. */
static json_t *render_percents(const struct engine_pool *pool)
{
    json_t *json = json_object();
    for (size_t i = 0; pool->serving[i]; i++)
        if (pool->percents[i] < 100)
            json_object_set_new(json, pool->serving[i], integer(pool->percents[i]));
    return json;
}

static json_t *render_pool(const struct engine_pool *pool)
{
    json_t *json = json_object();
    json_object_set_new(json, "name", text_or_null(pool->name));
    json_object_set_new(json, "serving", labels(pool->serving));
    json_object_set_new(json, "removed", labels(pool->removed));
    json_object_set_new(json, "fail_open", json_boolean(pool->fail_open));
    json_object_set_new(json, "servfail", json_boolean(pool->servfail));
    json_object_set_new(json, "floor", json_boolean(pool->floor));
    json_object_set_new(json, "percents", render_percents(pool));
    json_object_set_new(json, "ttl_s", integer(pool->ttl_s));
    json_object_set_new(json, "owners", integer(pool->nowners));
    return json;
}

/* The files that are bad, so that what was read of them before is served. */
static json_t *render_stale(const struct engine_zone *zone)
{
    json_t *json = json_array();
    if (zone->stale)
        json_array_append_new(json, text_or_null(zone->file));
    if (zone->stale_names)
        json_array_append_new(json, text_or_null(zone->names));
    return json;
}

static json_t *render_zone(const struct engine_zone *zone)
{
    json_t *json = json_object();
    json_object_set_new(json, "name", text_or_null(zone->name));
    json_object_set_new(json, "file", text_or_null(zone->file));
    json_object_set_new(json, "state", json_string(engine_zone_word(engine_zone_state(zone))));
    json_object_set_new(json, "serial", zone->failed ? json_null() : integer(zone->serial));
    json_object_set_new(json, "stale", render_stale(zone));
    json_object_set_new(json, "names", text_or_null(zone->names));
    json_object_set_new(json, "domains", zone->names ? integer(zone->ndomains) : json_null());
    return json;
}

static json_t *render_queries(const struct server_numbers *numbers)
{
    const struct responder_numbers *udp = &numbers->udp, *tcp = &numbers->tcp;
    json_t *json = json_object(), *rcodes = json_object();
    json_object_set_new(json, "udp", integer(udp->queries));
    json_object_set_new(json, "tcp", integer(tcp->queries));
    json_object_set_new(json, "answers", integer(udp->answers + tcp->answers));
    json_object_set_new(json, "truncated", integer(udp->truncated + tcp->truncated));
    json_object_set_new(json, "dropped", integer(udp->dropped + tcp->dropped));
    json_object_set_new(json, "tcp_connections", integer(numbers->tcp_connections));
    for (unsigned i = 0; i < RCODES; i++) { /* the usual ones always, the others when they came */
        uint64_t count = udp->rcodes[i] + tcp->rcodes[i];
        if (number_rcode_name(i) && (i <= RCODE_REFUSED || count))
            json_object_set_new(rcodes, number_rcode_name(i), integer(count));
    }
    json_object_set_new(json, "rcodes", rcodes);
    return json;
}

/* For how long verdicts have been frozen; null: they are not. */
static json_t *render_frozen(const struct engine_status *status)
{
    json_t *json = json_object();
    for (size_t i = 0; i < ENGINE_UPLINKS; i++) {
        int64_t since_ms = status->frozen_since_ms[i];
        json_object_set_new(json, i ? "ipv6" : "ipv4",
                            since_ms ? seconds(status->now_ms - since_ms) : json_null());
    }
    return json;
}

json_t *render_status(const struct engine_status *status, const struct server_numbers *numbers)
{
    json_t *json = json_object(), *pools = json_array(), *zones = json_array();
    json_t *prober = json_object();
    for (size_t i = 0; i < status->npools; i++)
        json_array_append_new(pools, render_pool(&status->pools[i]));
    for (size_t i = 0; i < status->nzones; i++)
        json_array_append_new(zones, render_zone(&status->zones[i]));
    json_object_set_new(prober, "sessions", integer(status->sessions));
    json_object_set_new(prober, "late_max_ms", integer((uint64_t)status->late_max_ms));
    json_object_set_new(prober, "frozen_s", render_frozen(status));
    json_object_set_new(json, "version", json_string(EVERMX_VERSION));
    json_object_set_new(json, "uptime_s", seconds(status->now_ms - status->started_ms));
    json_object_set_new(json, "serial", integer(status->serial));
    json_object_set_new(json, "targets",
                        render_targets(status->targets, status->ntargets, status->now_ms));
    json_object_set_new(json, "pools", pools);
    json_object_set_new(json, "zones", zones);
    json_object_set_new(json, "queries", render_queries(numbers));
    json_object_set_new(json, "prober", prober);
    json_object_set_new(json, "failovers", render_failovers(status));
    return json;
}

static const char *member_state_word(enum member_state state)
{
    static const char *const words[] = {
        [MEMBER_SERVED] = "served",   [MEMBER_DEMOTED] = "demoted", [MEMBER_DOWN] = "down",
        [MEMBER_STANDBY] = "standby", [MEMBER_OUTSIDE] = "outside", [MEMBER_FLOOR] = "floor",
    };
    return words[state];
}

static json_t *render_record(const struct engine_record *record)
{
    json_t *json = json_object(), *targets = json_array();
    for (size_t i = 0; i < record->ntargets; i++)
        json_array_append_new(targets, integer(record->targets[i]));
    json_object_set_new(json, "text", text_or_null(record->text));
    json_object_set_new(json, "state", json_string(member_state_word(record->state)));
    json_object_set_new(json, "host", text_or_null(record->host));
    json_object_set_new(json, "weight", integer(record->weight));
    json_object_set_new(json, "percent", integer(record->percent));
    json_object_set_new(json, "targets", targets);
    return json;
}

json_t *render_explanation(const char *name, const char *rrtype,
                           const struct engine_explanation *explanation)
{
    json_t *json = json_object(), *records = json_array();
    for (size_t i = 0; i < explanation->nrecords; i++)
        json_array_append_new(records, render_record(&explanation->records[i]));
    json_object_set_new(json, "name", text_or_null(name));
    json_object_set_new(json, "type", text_or_null(rrtype));
    json_object_set_new(json, "zone", text_or_null(explanation->zone));
    json_object_set_new(json, "owner", text_or_null(explanation->owner));
    json_object_set_new(json, "how", text_or_null(explanation->how));
    json_object_set_new(json, "pool", text_or_null(explanation->pool));
    json_object_set_new(json, "ttl_s", integer(explanation->ttl_s));
    json_object_set_new(json, "fail_open", json_boolean(explanation->fail_open));
    json_object_set_new(json, "servfail", json_boolean(explanation->servfail));
    json_object_set_new(json, "floor", json_boolean(explanation->floor));
    json_object_set_new(json, "records", records);
    json_object_set_new(
        json, "targets",
        render_targets(explanation->targets, explanation->ntargets, explanation->now_ms));
    return json;
}

/* As the clock is now: times of events are monotonic. */
json_t *render_time(int64_t at_ms, int64_t now_ms)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return date_of(now.tv_sec * 1000LL + now.tv_nsec / 1000000 - (now_ms - at_ms), true);
}

static json_t *render_event(const struct engine_event *event, int64_t now_ms)
{
    json_t *json = json_object();
    json_object_set_new(json, "number", integer(event->number));
    json_object_set_new(json, "time", render_time(event->at_ms, now_ms));
    json_object_set_new(json, "age_s", seconds(now_ms - event->at_ms));
    json_object_set_new(json, "level", json_string(log_level_word(event->level)));
    json_object_set_new(json, "kind", text_or_null(event->kind));
    json_object_set_new(json, "subject", text_or_null(event->subject));
    json_object_set_new(json, "text", text_or_null(event->text));
    return json;
}

json_t *render_events(const struct engine_events *events)
{
    json_t *json = json_object(), *list = json_array();
    for (size_t i = 0; i < events->count; i++)
        json_array_append_new(list, render_event(&events->list[i], events->now_ms));
    json_object_set_new(json, "last", integer(events->last));
    json_object_set_new(json, "events", list);
    return json;
}

json_t *render_forced(const char *host, enum verdict_forced forced, size_t targets)
{
    json_t *json = json_object();
    json_object_set_new(json, "host", text_or_null(host));
    json_object_set_new(json, "forced", text_or_null(verdict_forced_word(forced)));
    json_object_set_new(json, "targets", integer(targets));
    return json;
}

static json_t *render_diagnostics(const struct diagnostics *diagnostics)
{
    json_t *array = json_array();
    for (size_t i = 0; i < diagnostics->count; i++) {
        const struct diagnostic *diagnostic = &diagnostics->list[i];
        bool is_error = diagnostic->severity == SEVERITY_ERROR;
        json_t *json = json_object();
        json_object_set_new(json, "severity", json_string(is_error ? "error" : "warning"));
        json_object_set_new(json, "file", text_or_null(diagnostic->file));
        json_object_set_new(json, "line", json_integer(diagnostic->line));
        json_object_set_new(json, "column", json_integer(diagnostic->column));
        json_object_set_new(json, "text", text_or_null(diagnostic->text));
        json_array_append_new(array, json);
    }
    return array;
}

static json_t *render_counts(const struct changes_counts *counts)
{
    json_t *json = json_object();
    json_object_set_new(json, "added", integer(counts->added));
    json_object_set_new(json, "removed", integer(counts->removed));
    json_object_set_new(json, "changed", integer(counts->changed));
    return json;
}

json_t *render_reload(bool done, const struct diagnostics *diagnostics,
                      const struct changes *changes)
{
    json_t *json;
    if (done) {
        json = json_object();
        json_object_set_new(json, "reloaded", json_true());
        json_object_set_new(json, "zones", render_counts(&changes->zones));
        json_object_set_new(json, "domains", render_counts(&changes->domains));
        json_object_set_new(json, "targets", render_counts(&changes->targets));
        json_object_set_new(json, "nothing", json_boolean(changes->nothing));
        json_object_set_new(json, "changes", texts(changes->lines, changes->nlines));
        json_object_set_new(json, "errors", integer(diagnostics->errors));
        json_object_set_new(json, "bad_zones", integer(changes->nbad));
        json_object_set_new(json, "bad", texts(changes->bad, changes->nbad_lines));
    } else {
        json = render_error("reload: %zu error%s, nothing has changed", diagnostics->errors,
                            diagnostics->errors == 1 ? "" : "s");
    }
    json_object_set_new(json, "diagnostics", render_diagnostics(diagnostics));
    return json;
}

json_t *render_metrics(const char *content_type, const char *text)
{
    json_t *json = json_object();
    json_object_set_new(json, "content_type", text_or_null(content_type));
    json_object_set_new(json, "text", text_or_null(text));
    return json;
}

json_t *render_stopping(void)
{
    json_t *json = json_object();
    json_object_set_new(json, "stopping", json_true());
    return json;
}
