/* SPDX-License-Identifier: BSD-2-Clause */
/* What other threads ask of the engine: force, status, events, explain. */
#include "base/clock.h"
#include "base/memory.h"
#include "engine/inside.h"
#include "probe/probe.h"
#include "wire/name.h"

#include <stdlib.h>
#include <string.h>

/* ---- force ---- */

struct force_call {
    struct call call;
    char *host;
    enum verdict_forced forced;
    bool done;
    size_t count;
    struct error error;
};

static void run_force(struct call *call, void *context)
{
    struct force_call *force = (struct force_call *)call;
    struct engine *engine = context;
    int64_t now_ms = clock_now_ms();
    force->done =
        core_force(engine->core, force->host, force->forced, now_ms, &force->count, &force->error);
    core_publish(engine->core, now_ms); /* in force when the caller goes on */
}

static void discard_force(struct call *call)
{
    free(((struct force_call *)call)->host);
    free(call);
}

bool engine_force(struct engine *engine, const char *host, enum verdict_forced forced,
                  size_t *count, struct error *error)
{
    struct force_call *force = memory_alloc(sizeof *force);
    force->call = (struct call){.run = run_force, .discard = discard_force};
    force->host = memory_strdup(host);
    force->forced = forced;
    if (!calls_run(engine->calls, &force->call, error))
        return false;
    bool done = force->done;
    if (done)
        *count = force->count;
    else if (error)
        *error = force->error;
    discard_force(&force->call);
    return done;
}

/* ---- status and explain ---- */

/* What is told is in the answers already: those of this turn of the loop may not be published yet.
 */
static struct core *published_core(struct engine *engine, int64_t now_ms)
{
    core_publish(engine->core, now_ms);
    return engine->core;
}

struct status_call {
    struct call call;
    struct engine_status status;
};

static void run_status(struct call *call, void *context)
{
    struct engine_status *status = &((struct status_call *)call)->status;
    struct engine *engine = context;
    int64_t now_ms = clock_now_ms();
    status->arena = arena_new();
    status->started_ms = engine->started_ms;
    core_status(published_core(engine, now_ms), now_ms, status);
    if (engine->prober) {
        struct prober_numbers numbers;
        prober_numbers(engine->prober, &numbers);
        status->sessions = numbers.sessions;
        status->late_max_ms = numbers.late_max_ms;
    }
}

static void discard_status(struct call *call)
{
    engine_status_free(&((struct status_call *)call)->status);
    free(call);
}

bool engine_status(struct engine *engine, struct engine_status *status, struct error *error)
{
    struct status_call *wanted = memory_alloc(sizeof *wanted);
    wanted->call = (struct call){.run = run_status, .discard = discard_status};
    if (!calls_run(engine->calls, &wanted->call, error))
        return false;
    *status = wanted->status;
    free(wanted);
    return true;
}

void engine_status_free(struct engine_status *status)
{
    arena_free(status->arena);
    status->arena = NULL;
}

struct events_call {
    struct call call;
    uint64_t after;
    struct engine_events events;
};

static void run_events(struct call *call, void *context)
{
    struct events_call *wanted = (struct events_call *)call;
    wanted->events.arena = arena_new();
    wanted->events.now_ms = clock_now_ms();
    core_events(published_core(context, wanted->events.now_ms), wanted->after, &wanted->events);
}

static void discard_events(struct call *call)
{
    engine_events_free(&((struct events_call *)call)->events);
    free(call);
}

bool engine_events(struct engine *engine, uint64_t after, struct engine_events *events,
                   struct error *error)
{
    struct events_call *wanted = memory_alloc(sizeof *wanted);
    wanted->call = (struct call){.run = run_events, .discard = discard_events};
    wanted->after = after;
    if (!calls_run(engine->calls, &wanted->call, error))
        return false;
    *events = wanted->events;
    free(wanted);
    return true;
}

void engine_events_free(struct engine_events *events)
{
    arena_free(events->arena);
    events->arena = NULL;
}

struct explain_call {
    struct call call;
    uint8_t *name;
    uint16_t rrtype;
    struct engine_explanation explanation;
};

static void run_explain(struct call *call, void *context)
{
    struct explain_call *explain = (struct explain_call *)call;
    int64_t now_ms = clock_now_ms();
    explain->explanation.arena = arena_new();
    core_explain(published_core(context, now_ms), explain->name, explain->rrtype, now_ms,
                 &explain->explanation);
}

static void discard_explain(struct call *call)
{
    struct explain_call *explain = (struct explain_call *)call;
    engine_explanation_free(&explain->explanation);
    free(explain->name);
    free(explain);
}

bool engine_explain(struct engine *engine, const uint8_t *name, uint16_t rrtype,
                    struct engine_explanation *explanation, struct error *error)
{
    struct explain_call *explain = memory_alloc(sizeof *explain);
    explain->call = (struct call){.run = run_explain, .discard = discard_explain};
    explain->name = memory_array(NAME_MAX_SIZE, 1);
    memcpy(explain->name, name, name_size(name));
    explain->rrtype = rrtype;
    if (!calls_run(engine->calls, &explain->call, error))
        return false;
    *explanation = explain->explanation;
    explain->explanation.arena = NULL;
    discard_explain(&explain->call);
    return true;
}

void engine_explanation_free(struct engine_explanation *explanation)
{
    arena_free(explanation->arena);
    explanation->arena = NULL;
}

struct drain_call {
    struct call call;
    char *host;
    bool done;
    struct engine_drain drain;
    struct error error;
};

static void run_drain(struct call *call, void *context)
{
    struct drain_call *wanted = (struct drain_call *)call;
    wanted->drain = (struct engine_drain){.arena = arena_new(), .now_ms = clock_now_ms()};
    wanted->done = core_drain(published_core(context, wanted->drain.now_ms), wanted->host,
                              &wanted->drain, &wanted->error);
}

static void discard_drain(struct call *call)
{
    struct drain_call *wanted = (struct drain_call *)call;
    engine_drain_free(&wanted->drain);
    free(wanted->host);
    free(wanted);
}

bool engine_drain(struct engine *engine, const char *host, struct engine_drain *drain,
                  struct error *error)
{
    struct drain_call *wanted = memory_alloc(sizeof *wanted);
    wanted->call = (struct call){.run = run_drain, .discard = discard_drain};
    wanted->host = memory_strdup(host);
    if (!calls_run(engine->calls, &wanted->call, error))
        return false;
    bool done = wanted->done;
    if (done) {
        *drain = wanted->drain;
        wanted->drain.arena = NULL;
    } else if (error) {
        *error = wanted->error;
    }
    discard_drain(&wanted->call);
    return done;
}

void engine_drain_free(struct engine_drain *drain)
{
    arena_free(drain->arena);
    drain->arena = NULL;
}
