/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine's thread: an event loop with the prober, the resolver and the calls of other threads
 * around the core. */
#include "engine/engine.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/table.h"
#include "engine/call.h"
#include "engine/core.h"
#include "engine/trips.h"
#include "engine/watches.h"
#include "probe/canary.h"
#include "probe/probe.h"
#include "probe/resolve.h"
#include "wire/name.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    HEARTBEAT_MS = 250, /* a quarter of what is promised */
    /* First probes come soon, whatever the interval: an operator waits for the first verdicts. */
    SPREAD_MOST_MS = 1000,
};

struct engine {
    struct core *core;
    char *resolv_conf;
    struct event_base *base;
    struct prober *prober; /* NULL: probing is off */
    struct canaries *canaries4, *canaries6;
    struct trips *trips;       /* NULL: as the prober */
    struct watches *watches;   /* the same */
    struct resolver *resolver; /* NULL: there are no external hosts */
    char **externals;          /* names by the resolver's numbers; NULL: free */
    size_t nexternals, externals_capacity;
    struct event *beat, *publish, *stop;
    int stop_fd;
    struct calls *calls;
    int64_t started_ms;
    _Atomic int64_t heartbeat_ms;
    bool running;
    pthread_t thread;
    /* Of the thread that loads: what is served, from which the next catalog is made. NULL: a load
     * has failed, and may yet happen. */
    const struct model *model;
    const struct catalog *catalog;
};

/* ---- events on the engine's thread ---- */

static void on_beat(evutil_socket_t fd, short what, void *context)
{
    struct engine *engine = context;
    int64_t now_ms = clock_now_ms();
    (void)fd;
    (void)what;
    atomic_store(&engine->heartbeat_ms, now_ms);
    core_tick(engine->core, now_ms);
    core_publish(engine->core, now_ms);
}

static void on_publish(evutil_socket_t fd, short what, void *context)
{
    struct engine *engine = context;
    (void)fd;
    (void)what;
    core_publish(engine->core, clock_now_ms());
}

static void on_stop(evutil_socket_t fd, short what, void *context)
{
    struct engine *engine = context;
    (void)fd;
    (void)what;
    event_base_loopbreak(engine->base);
}

/* Behind all that this turn of the loop still brings, so that flips that come together are
 * published together. */
static void publish_soon(struct engine *engine)
{
    event_active(engine->publish, EV_TIMEOUT, 0);
}

static struct probe_next on_outcome(void *context, uint32_t id, const struct outcome *outcome,
                                    int64_t now_ms)
{
    struct engine *engine = context;
    publish_soon(engine);
    struct probe_next next = core_outcome(engine->core, id, outcome, now_ms);
    watches_probed(engine->watches, id, outcome, now_ms);
    trips_probed(engine->trips, id, outcome, now_ms);
    return next;
}

static void on_late(void *context, uint32_t id, int64_t since_ms, int64_t decides_ms,
                    int64_t now_ms)
{
    struct engine *engine = context;
    core_late(engine->core, id, since_ms, decides_ms, now_ms);
    watches_late(engine->watches, id);
    publish_soon(engine);
}

static void on_canaries(void *context, uint8_t family, bool answers, int64_t now_ms)
{
    struct engine *engine = context;
    core_canary(engine->core, family, answers, now_ms);
    publish_soon(engine);
}

static void on_addresses(void *context, uint32_t id, const struct address *addresses, size_t count)
{
    struct engine *engine = context;
    core_addresses(engine->core, engine->externals[id], addresses, count, clock_now_ms());
    publish_soon(engine);
}

/* ---- what is probed and resolved ---- */

static void add_probe(void *context, uint32_t id, const struct probe_target *target)
{
    struct engine *engine = context;
    int64_t interval_ms = target->check->interval_ms;
    prober_add(engine->prober, id, target,
               interval_ms < SPREAD_MOST_MS ? interval_ms : SPREAD_MOST_MS);
    trips_add(engine->trips, id, target);
    watches_add(engine->watches, id, target);
}

static void remove_probe(void *context, uint32_t id)
{
    struct engine *engine = context;
    watches_remove(engine->watches, id);
    trips_remove(engine->trips, id);
    prober_remove(engine->prober, id);
}

static void hurry_probe(void *context, uint32_t id)
{
    struct engine *engine = context;
    prober_hurry(engine->prober, id);
}

static void ask_canaries(void *context, uint8_t family)
{
    struct engine *engine = context;
    canaries_ask(family == 4 ? engine->canaries4 : engine->canaries6);
}

static void forget_external(struct engine *engine, uint32_t place)
{
    resolver_remove(engine->resolver, place);
    free(engine->externals[place]);
    engine->externals[place] = NULL;
}

static void add_external(struct engine *engine, uint32_t place, const char *name)
{
    if (!engine->resolver)
        engine->resolver = resolver_new(engine->base, engine->resolv_conf, on_addresses, engine);
    if (place == engine->nexternals) {
        engine->externals = memory_grow(engine->externals, engine->nexternals,
                                        &engine->externals_capacity, sizeof *engine->externals);
        engine->nexternals++;
    }
    engine->externals[place] = memory_strdup(name);
    resolver_add(engine->resolver, place, name);
}

/* After a load: external hosts come and go; those that stay go on being asked for. */
static void resolve_externals(struct engine *engine)
{
    const struct model *model = core_model(engine->core);
    struct table *known = table_new(engine->nexternals);
    uint32_t place = 0, found;
    for (uint32_t i = 0; i < engine->nexternals; i++) {
        if (engine->externals[i] && !core_has_external(engine->core, engine->externals[i]))
            forget_external(engine, i);
        else if (engine->externals[i])
            table_put(known, engine->externals[i], strlen(engine->externals[i]), i);
    }
    for (size_t i = 0; engine->prober && i < model->nhosts; i++) {
        const struct host *host = &model->hosts[i];
        if (!host->external || table_get(known, host->name, strlen(host->name), &found))
            continue;
        while (place < engine->nexternals && engine->externals[place])
            place++;
        add_external(engine, place, host->name);
    }
    table_free(known);
}

/* ---- start and end ---- */

static void *run(void *context)
{
    struct engine *engine = context;
    pthread_setname_np(pthread_self(), "engine");
    event_base_dispatch(engine->base);
    return NULL;
}

static bool start_events(struct engine *engine)
{
    const struct timeval heartbeat = {.tv_usec = HEARTBEAT_MS * 1000};
    engine->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    engine->base = event_base_new();
    if (engine->stop_fd < 0 || !engine->base)
        return false;
    engine->calls = calls_new(engine->base, ENGINE_PATIENCE_MS, engine);
    engine->beat = event_new(engine->base, -1, EV_PERSIST, on_beat, engine);
    engine->publish = event_new(engine->base, -1, 0, on_publish, engine);
    engine->stop = event_new(engine->base, engine->stop_fd, EV_READ, on_stop, engine);
    return engine->calls && engine->beat && engine->publish && engine->stop &&
           event_add(engine->beat, &heartbeat) == 0 && event_add(engine->stop, NULL) == 0;
}

static struct canaries *start_canaries(struct engine *engine, const struct engine_options *options,
                                       uint8_t family)
{
    return canaries_new(engine->base, family, options->canaries, options->ncanaries, on_canaries,
                        engine);
}

static void on_trip(void *context)
{
    publish_soon(context);
}

static void start_sessions(struct engine *engine)
{
    const struct trips_ways trips = {
        .core = engine->core,
        .sessions = prober_sessions(engine->prober),
        .changed = on_trip,
        .context = engine,
    };
    const struct watches_ways watches = {
        .core = engine->core,
        .sessions = prober_sessions(engine->prober),
        .hurry = hurry_probe,
        .context = engine,
    };
    engine->trips = trips_new(&trips);
    engine->watches = watches_new(&watches);
}

static void start_core(struct engine *engine, const struct engine_options *options,
                       struct publisher *publisher, struct model *model)
{
    const struct core_probes probes = {
        .context = engine,
        .add = add_probe,
        .remove = remove_probe,
        .hurry = hurry_probe,
        .guarded = options->uplink_guard,
        .ask_canaries = ask_canaries,
    };
    const struct prober_options settings = {
        .ehlo_name = options->ehlo_name,
        .sources = options->probe_sources,
        .nsources = options->nprobe_sources,
        .ca_file = options->ca_file,
    };
    const struct probe_reports reports = {.done = on_outcome, .late = on_late};
    if (options->probing) {
        engine->prober = prober_new(engine->base, &settings, &reports, engine);
        engine->canaries4 = start_canaries(engine, options, 4);
        engine->canaries6 = start_canaries(engine, options, 6);
    }
    engine->core = core_new(publisher, options->probing ? &probes : NULL);
    start_sessions(engine);
    struct catalog *catalog = catalog_new(model);
    core_load(engine->core, model, catalog, engine->started_ms);
    engine->model = model;
    engine->catalog = catalog;
    resolve_externals(engine);
}

struct engine *engine_new(const struct engine_options *options, struct publisher *publisher,
                          struct model *model, struct error *error)
{
    struct engine *engine = memory_alloc(sizeof *engine);
    engine->resolv_conf = options->resolv_conf ? memory_strdup(options->resolv_conf) : NULL;
    engine->started_ms = clock_now_ms();
    atomic_init(&engine->heartbeat_ms, engine->started_ms);
    if (!start_events(engine)) {
        error_set(error, "making the engine's event loop: %s", strerror(errno));
        model_free(model);
        engine_free(engine);
        return NULL;
    }
    start_core(engine, options, publisher, model);
    int failed = pthread_create(&engine->thread, NULL, run, engine);
    if (failed) {
        error_set(error, "starting the engine's thread: %s", strerror(failed));
        engine_free(engine);
        return NULL;
    }
    engine->running = true;
    return engine;
}

static void free_events(struct engine *engine)
{
    struct event *const events[] = {engine->beat, engine->publish, engine->stop};
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (events[i])
            event_free(events[i]);
    calls_free(engine->calls);
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    if (engine->running) {
        eventfd_write(engine->stop_fd, 1);
        pthread_join(engine->thread, NULL);
    }
    if (engine->resolver)
        resolver_free(engine->resolver);
    watches_free(engine->watches);
    trips_free(engine->trips);
    canaries_free(engine->canaries4);
    canaries_free(engine->canaries6);
    if (engine->prober)
        prober_free(engine->prober);
    core_free(engine->core);
    free_events(engine);
    if (engine->base) {
        event_base_loop(engine->base, EVLOOP_NONBLOCK); /* frees what the resolver left */
        event_base_free(engine->base);
    }
    if (engine->stop_fd >= 0)
        close(engine->stop_fd);
    for (size_t i = 0; i < engine->nexternals; i++)
        free(engine->externals[i]);
    free(engine->externals);
    free(engine->resolv_conf);
    free(engine);
}

int64_t engine_heartbeat_ms(const struct engine *engine)
{
    return atomic_load(&engine->heartbeat_ms);
}

/* ---- load ---- */

struct load_call {
    struct call call;
    struct model *model; /* NULL: handed over */
    struct catalog *catalog;
    struct model *before;
};

static void run_load(struct call *call, void *context)
{
    struct load_call *load = (struct load_call *)call;
    struct engine *engine = context;
    load->before = core_load(engine->core, load->model, load->catalog, clock_now_ms());
    load->model = NULL;
    load->catalog = NULL;
    if (engine->resolver)
        resolver_reread(engine->resolver);
    resolve_externals(engine);
}

/* The model before is left alone: who has given up may go on reading it. */
static void discard_load(struct call *call)
{
    struct load_call *load = (struct load_call *)call;
    model_free(load->model);
    catalog_free(load->catalog);
    free(load);
}

/* The catalog is the long part of a reload: it is made here, while the engine goes on. */
bool engine_load(struct engine *engine, struct model *model, struct error *error)
{
    struct load_call *load = memory_alloc(sizeof *load);
    struct catalog *catalog =
        engine->catalog ? catalog_next(engine->catalog, engine->model, model) : catalog_new(model);
    load->call = (struct call){.run = run_load, .discard = discard_load};
    load->model = model;
    load->catalog = catalog;
    engine->model = NULL;
    engine->catalog = NULL;
    if (!calls_run(engine->calls, &load->call, error))
        return false;
    engine->model = model;
    engine->catalog = catalog;
    model_free(load->before);
    discard_load(&load->call);
    return true;
}

static void run_reread(struct call *call, void *context)
{
    struct engine *engine = context;
    (void)call;
    if (engine->resolver)
        resolver_reread(engine->resolver);
}

static void discard_reread(struct call *call)
{
    free(call);
}

bool engine_reread(struct engine *engine, struct error *error)
{
    struct call *call = memory_alloc(sizeof *call);
    *call = (struct call){.run = run_reread, .discard = discard_reread};
    if (!calls_run(engine->calls, call, error))
        return false;
    discard_reread(call);
    return true;
}

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

struct status_call {
    struct call call;
    struct engine_status status;
};

static void run_status(struct call *call, void *context)
{
    struct engine_status *status = &((struct status_call *)call)->status;
    const struct engine *engine = context;
    status->arena = arena_new();
    status->started_ms = engine->started_ms;
    core_status(engine->core, clock_now_ms(), status);
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
    const struct engine *engine = context;
    wanted->events.arena = arena_new();
    wanted->events.now_ms = clock_now_ms();
    core_events(engine->core, wanted->after, &wanted->events);
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
    const struct engine *engine = context;
    explain->explanation.arena = arena_new();
    core_explain(engine->core, explain->name, explain->rrtype, clock_now_ms(),
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
