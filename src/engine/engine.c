/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine's thread: an event loop with the prober, the resolver and the calls of other threads
 * around the core. */
#include "base/clock.h"
#include "base/memory.h"
#include "engine/inside.h"
#include "probe/canary.h"
#include "probe/loop.h"
#include "probe/probe.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    HEARTBEAT_MS = 250, /* a quarter of what is promised */
    /* First probes come soon, whatever the interval: an operator waits for the first verdicts. But
     * they are whole dialogues, each of which takes the better part of a millisecond with TLS: of
     * thousands of targets, one a millisecond, so that no probe comes late. */
    SPREAD_MS = 1000,
    SPREAD_EACH_MS = 1,
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

/* ---- what is probed ---- */

static void add_probe(void *context, uint32_t id, const struct probe_target *target)
{
    struct engine *engine = context;
    int64_t interval_ms = target->check->interval_ms;
    bool quick = interval_ms < engine->spread_ms && engine->spread_ms <= SPREAD_MS;
    prober_add(engine->prober, id, target, quick ? interval_ms : engine->spread_ms);
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

static int64_t probe_reached_ms(void *context, uint32_t id)
{
    struct engine *engine = context;
    return prober_reached_ms(engine->prober, id);
}

static void ask_canaries(void *context, uint8_t family)
{
    struct engine *engine = context;
    canaries_ask(family == 4 ? engine->canaries4 : engine->canaries6);
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
    engine->base = loop_new();
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

static void on_changed(void *context)
{
    publish_soon(context);
}

static void start_parts(struct engine *engine, const char *resolv_conf)
{
    const struct trips_ways trips = {
        .core = engine->core,
        .sessions = prober_sessions(engine->prober),
        .changed = on_changed,
        .context = engine,
    };
    const struct watches_ways watches = {
        .core = engine->core,
        .sessions = prober_sessions(engine->prober),
        .hurry = hurry_probe,
        .context = engine,
    };
    const struct externals_ways externals = {
        .base = engine->base,
        .core = engine->core,
        .resolv_conf = resolv_conf,
        .changed = on_changed,
        .context = engine,
    };
    engine->trips = trips_new(&trips);
    engine->watches = watches_new(&watches);
    if (engine->prober)
        engine->externals = externals_new(&externals);
}

static bool start_prober(struct engine *engine, const struct engine_options *options,
                         struct error *error)
{
    const struct prober_options settings = {
        .ehlo_name = options->ehlo_name,
        .sources = options->probe_sources,
        .nsources = options->nprobe_sources,
        .ca_file = options->ca_file,
    };
    const struct probe_reports reports = {.done = on_outcome, .late = on_late};
    engine->prober = prober_new(engine->base, &settings, &reports, engine);
    if (!engine->prober)
        return error_set(error, "starting the prober: TLS cannot be set up for it");
    engine->canaries4 = start_canaries(engine, options, 4);
    engine->canaries6 = start_canaries(engine, options, 6);
    return true;
}

/* Before the core has a new model. */
static void plan_spread(struct engine *engine, const struct model *model)
{
    struct prober_numbers numbers;
    engine->spread_ms = SPREAD_MS;
    if (!engine->prober)
        return;
    prober_numbers(engine->prober, &numbers);
    int64_t more_ms = ((int64_t)model->ntargets - (int64_t)numbers.targets) * SPREAD_EACH_MS;
    if (more_ms > SPREAD_MS)
        engine->spread_ms = more_ms;
}

static void start_core(struct engine *engine, const struct engine_options *options,
                       struct publisher *publisher, struct model *model)
{
    const struct core_probes probes = {
        .context = engine,
        .add = add_probe,
        .remove = remove_probe,
        .hurry = hurry_probe,
        .reached_ms = probe_reached_ms,
        .guarded = options->uplink_guard,
        .ask_canaries = ask_canaries,
    };
    engine->core = core_new(publisher, options->probing ? &probes : NULL);
    start_parts(engine, options->resolv_conf);
    struct catalog *catalog = catalog_new(model);
    plan_spread(engine, model);
    core_load(engine->core, model, catalog, engine->started_ms);
    engine->model = model;
    engine->catalog = catalog;
    if (engine->externals)
        externals_follow(engine->externals);
}

struct engine *engine_new(const struct engine_options *options, struct publisher *publisher,
                          struct model *model, struct error *error)
{
    struct engine *engine = memory_alloc(sizeof *engine);
    engine->started_ms = clock_now_ms();
    atomic_init(&engine->heartbeat_ms, engine->started_ms);
    bool started = start_events(engine);
    if (!started)
        error_set(error, "making the engine's event loop: %s", strerror(errno));
    if (!started || (options->probing && !start_prober(engine, options, error))) {
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
    externals_free(engine->externals);
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
    plan_spread(engine, load->model);
    load->before = core_load(engine->core, load->model, load->catalog, clock_now_ms());
    load->model = NULL;
    load->catalog = NULL;
    if (!engine->externals)
        return;
    externals_reread(engine->externals);
    externals_follow(engine->externals);
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
    if (engine->externals)
        externals_reread(engine->externals);
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
