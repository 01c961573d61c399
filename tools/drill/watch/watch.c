/* SPDX-License-Identifier: BSD-2-Clause */
/* evermx-drill watch: samples servers, resolvers and the host itself, breaks and mends it where it
 * is told to, and reports when who has noticed. */
#include "../drill.h"
#include "../record/text.h"
#include "account.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "errand.h"
#include "experiment.h"
#include "probe/loop.h"
#include "sampler.h"
#include "telling.h"
#include "watch_options.h"
#include "wire/rrtype.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    TICK_MS = 10, /* the grain of all that is timed by us; answers carry their own times */
    PROGRESS_US = 250 * 1000,
    STEADY_US = 2000 * 1000, /* some twenty answers: two caches behind one address are found out */
    COMMAND_TIMEOUT_MS = 60 * 1000,
};

struct watch {
    const struct watch_options *options;
    struct event_base *base;
    struct event *tick, *signals[4];
    struct samples samples;
    struct sampler *sampler;
    struct liveness *liveness; /* NULL: none */
    size_t host;               /* its source */
    struct errands *errands;   /* NULL: no experiment, as: */
    struct experiment *experiment;
    struct account account;
    struct telling telling;
    char question[NAME_TEXT_SIZE + 16];
    char *shown; /* the first host, for a terminal */
    int64_t started_us, progress_us;
    bool stopped; /* by Ctrl-C, or as its time was over */
    struct error error;
};

/* ---- what comes in ---- */

static void on_news(void *context, size_t source, unsigned news)
{
    struct watch *watch = context;
    telling_news(&watch->telling, source, news, NULL);
}

static void on_alive(void *context, const struct observation *observation, const char *reason)
{
    struct watch *watch = context;
    unsigned news = samples_observe(&watch->samples, watch->host, observation);
    if (news)
        telling_news(&watch->telling, watch->host, news, reason);
}

static void on_line(void *context, const char *line)
{
    struct watch *watch = context;
    telling_command(&watch->telling, line);
}

static void on_command_ended(void *context, const char *why)
{
    struct watch *watch = context;
    bool mended =
        experiment_progress(watch->experiment, clock_now_us()).stage == STAGE_MEND && !why;
    if (mended)
        errands_dismiss(watch->errands);
    experiment_ended(watch->experiment, why, clock_now_us());
}

/* The guard stands before anything is broken. */
static bool act(void *context, enum turn turn)
{
    struct watch *watch = context;
    const struct watch_options *options = watch->options;
    if (turn == TURN_FAILURE)
        return errands_guard(watch->errands, options->mend_command, &watch->error) &&
               errands_run(watch->errands, options->break_command, &watch->error);
    return errands_run(watch->errands, options->mend_command, &watch->error);
}

/* ---- time ---- */

static void stop(struct watch *watch, const char *why)
{
    int64_t now_us = clock_now_us();
    if (watch->experiment) {
        watch->stopped |= !experiment_progress(watch->experiment, now_us).why;
        experiment_stop(watch->experiment, why, now_us);
    } else {
        event_base_loopbreak(watch->base);
    }
}

static void on_signal(evutil_socket_t number, short what, void *context)
{
    struct watch *watch = context;
    (void)number, (void)what;
    stop(watch, "interrupted");
    telling_clear(&watch->telling);
    if (watch->experiment && errands_is_busy(watch->errands))
        fputs("evermx-drill: interrupted; the host is mended first\n", stderr);
}

/* Ctrl-Z. A host that is broken would stay so until somebody thinks of us. */
static void on_stop_signal(evutil_socket_t number, short what, void *context)
{
    struct watch *watch = context;
    int64_t now_us = clock_now_us();
    enum stage stage = experiment_progress(watch->experiment, now_us).stage;
    (void)number, (void)what;
    experiment_pause(watch->experiment, now_us);
    telling_clear(&watch->telling);
    if (stage == STAGE_BREAK || stage == STAGE_BROKEN)
        fputs("evermx-drill: stops when the host is mended; this failure is made again later\n",
              stderr);
    else if (stage == STAGE_MEND || stage == STAGE_BACK)
        fputs("evermx-drill: stops when the host is mended; this return is not timed\n", stderr);
}

/* Until SIGCONT. */
static void stop_process(struct watch *watch)
{
    telling_clear(&watch->telling);
    raise(SIGSTOP);
    experiment_resume(watch->experiment, clock_now_us());
}

static void show_progress(struct watch *watch, int64_t now_us)
{
    struct experiment_progress progress;
    if (now_us - watch->progress_us < PROGRESS_US)
        return;
    watch->progress_us = now_us;
    if (watch->experiment)
        progress = experiment_progress(watch->experiment, now_us);
    telling_progress(&watch->telling, watch->experiment ? &progress : NULL, now_us);
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
    struct watch *watch = context;
    (void)fd, (void)what;
    if (watch->experiment &&
        experiment_progress(watch->experiment, clock_now_us()).stage == STAGE_PAUSED)
        stop_process(watch);
    int64_t now_us = clock_now_us();
    sampler_tick(watch->sampler, now_us);
    if (watch->experiment)
        experiment_tick(watch->experiment, now_us);
    telling_closed(&watch->telling);
    /* Nobody reads on, and there is nothing to mend. */
    if (!watch->experiment && ferror(watch->telling.lines))
        stop(watch, "nobody reads what is told");
    if (watch->options->seconds > 0 &&
        (double)(now_us - watch->started_us) >= watch->options->seconds * 1e6)
        stop(watch, "its time was over");
    if (watch->experiment && experiment_progress(watch->experiment, now_us).stage == STAGE_DONE)
        event_base_loopbreak(watch->base);
    show_progress(watch, now_us);
}

/* ---- setting up ---- */

static void watch_signal(struct watch *watch, size_t index, int number, event_callback_fn callback)
{
    watch->signals[index] = evsignal_new(watch->base, number, callback, watch);
    if (!watch->signals[index] || event_add(watch->signals[index], NULL) != 0)
        memory_exhausted(0);
}

static void watch_signals(struct watch *watch)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    enum { NUMBERS = sizeof numbers / sizeof *numbers };
    /* A reader of ours that has gone is no reason to leave a host broken. */
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < NUMBERS; i++)
        watch_signal(watch, i, numbers[i], on_signal);
    if (!watch->experiment)
        return;
    watch_signal(watch, NUMBERS, SIGTSTP, on_stop_signal);
    /* Nor is a terminal that is another's now; commands have these as usual. */
    signal(SIGTTOU, SIG_IGN);
    signal(SIGTTIN, SIG_IGN);
}

static void begin_sampling(struct watch *watch)
{
    const struct watch_options *options = watch->options;
    struct sampler_options sampling = {
        .wanted = &options->wanted,
        .rate = options->rate,
        .resolver_rate = options->resolver_rate,
        .steady_us = STEADY_US,
    };
    memcpy(sampling.name, options->owner, sizeof sampling.name);
    watch->sampler = sampler_new(watch->base, &watch->samples, &sampling, on_news, watch);
    for (size_t i = 0; i < options->nservers; i++)
        sampler_add(watch->sampler, PLACE_SERVER, &options->servers[i].address,
                    options->servers[i].port);
    for (size_t i = 0; i < options->nresolvers; i++)
        sampler_add(watch->sampler, PLACE_RESOLVER, &options->resolvers[i].address,
                    options->resolvers[i].port);
}

/* A host that is an address has no name that a certificate could be for. */
static bool begin_probing(struct watch *watch)
{
    const struct watch_options *options = watch->options;
    if (!options->probe)
        return true;
    watch->host = samples_add(&watch->samples, PLACE_HOST, options->probe);
    watch->liveness =
        liveness_new(watch->base, &options->target, options->hosts[0], on_alive, watch);
    return watch->liveness != NULL;
}

static bool begin_experiment(struct watch *watch)
{
    static const struct experiment_hands hands = {.act = act};
    static const struct errand_reports reports = {.ended = on_command_ended, .line = on_line};
    const struct watch_options *options = watch->options;
    const struct experiment_options experiment = {
        .repetitions = options->repetitions,
        .settle_us = (int64_t)(options->settle_s * 1e6),
        .steady_us = STEADY_US,
        .patience_us = {watch->account.patience_us[0], watch->account.patience_us[1]},
        .spread_us = (int64_t)(options->spread_s * 1e6),
        .seed = options->seed,
    };
    if (!options->break_command)
        return true;
    watch->errands = errands_new(watch->base, COMMAND_TIMEOUT_MS, &reports, watch, &watch->error);
    if (!watch->errands)
        return false;
    watch->experiment = experiment_new(&experiment, &watch->samples, &hands, watch);
    return true;
}

static int64_t calendar_us(void)
{
    struct timeval now;
    gettimeofday(&now, NULL);
    return (int64_t)now.tv_sec * 1000000 + now.tv_usec - clock_now_us();
}

static bool goes_to_stdout(const char *file)
{
    return file && strcmp(file, "-") == 0;
}

static void set_words(struct watch *watch)
{
    const struct watch_options *options = watch->options;
    bool taken = goes_to_stdout(options->output.json) || goes_to_stdout(options->output.csv);
    snprintf(watch->question, sizeof watch->question, "%s of %s", options->type, options->name);
    watch->account = (struct account){
        .system = options->system,
        .kind = options->kind,
        .emptied = options->wanted.rrtype == RRTYPE_SRV ? "clients find NOBODY" : "mail BOUNCES",
        .patience_us = {(int64_t)(options->patience_s * 1e6),
                        (int64_t)(options->return_patience_s * 1e6)},
        .calendar_us = calendar_us(),
    };
    watch->shown = text_clean(options->hosts[0], NAME_TEXT_SIZE);
    watch->telling = (struct telling){
        .samples = &watch->samples,
        .account = &watch->account,
        .question = watch->question,
        .host = watch->shown,
        .lines = taken ? stderr : stdout,
        .progress = isatty(STDERR_FILENO),
        .repetitions = options->break_command ? options->repetitions : 0,
    };
}

static bool set_up(struct watch *watch)
{
    const struct timeval wait = {.tv_usec = TICK_MS * 1000};
    watch->base = loop_new();
    if (!watch->base)
        return error_set(&watch->error, "making an event loop");
    log_set_level(LOG_LEVEL_WARNING);
    set_words(watch);
    watch->samples.by_hand = watch->options->break_command != NULL;
    if (!begin_probing(watch))
        return error_set(&watch->error, "setting up the probe");
    begin_sampling(watch);
    if (!begin_experiment(watch))
        return false;
    watch_signals(watch);
    watch->tick = event_new(watch->base, -1, EV_PERSIST, on_tick, watch);
    if (!watch->tick || event_add(watch->tick, &wait) != 0)
        memory_exhausted(0);
    watch->started_us = clock_now_us();
    return true;
}

static void tear_down(struct watch *watch)
{
    liveness_free(watch->liveness);
    sampler_free(watch->sampler);
    experiment_free(watch->experiment);
    errands_free(watch->errands);
    samples_free(&watch->samples);
    free(watch->shown);
    if (watch->tick)
        event_free(watch->tick);
    for (size_t i = 0; i < sizeof watch->signals / sizeof *watch->signals; i++)
        if (watch->signals[i])
            event_free(watch->signals[i]);
    if (watch->base)
        event_base_free(watch->base);
}

/* ---- the report ---- */

static void set_hosts(struct record *record, const struct watch_options *options)
{
    char text[1024];
    int used = 0;
    for (size_t i = 0; i < options->nhosts && used < (int)sizeof text; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "%s%s", i ? " " : "",
                         options->hosts[i]);
    record_set(record, "host", text);
}

static void set_settings(struct record *record, const struct watch *watch)
{
    const struct watch_options *options = watch->options;
    char started[32];
    time_t started_s = (time_t)((watch->account.calendar_us + watch->started_us) / 1000000);
    struct tm date;
    strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&started_s, &date));
    record_set(record, "program", "evermx-drill watch " EVERMX_VERSION);
    record_set(record, "started", started);
    record_set_number(record, "watched_s", (double)(clock_now_us() - watch->started_us) / 1e6);
    record_set(record, "question", watch->question);
    set_hosts(record, options);
    record_set_number(record, "rate", options->rate);
    if (options->nresolvers && options->resolver_rate > 0)
        record_set_number(record, "resolver_rate", options->resolver_rate);
    else if (options->nresolvers)
        record_set(record, "resolver_rate", "adaptive");
    record_set_number(record, "patience_s", options->patience_s);
    if (!options->break_command)
        return;
    record_set(record, "break", options->break_command);
    record_set(record, "mend", options->mend_command);
    record_set_number(record, "repetitions", options->repetitions);
    record_set_number(record, "settle_s", options->settle_s);
    record_set_number(record, "return_patience_s", options->return_patience_s);
    record_set_number(record, "seed", (double)options->seed);
}

static void print_places(const struct watch *watch, const struct record *record)
{
    for (size_t i = 0; i < watch->samples.nsources; i++) {
        const struct source *source = &watch->samples.sources[i];
        char *key = memory_printf("%s %s", place_word(source->place), source->name);
        const char *text = json_string_value(json_object_get(record->settings, key));
        text_say(watch->telling.lines, "%s: %s\n", key, text ? text : "");
        free(key);
    }
}

/* Whether anybody has said anything of the host. */
static bool anything_was_seen(const struct watch *watch)
{
    for (size_t i = 0; i < watch->samples.nsources; i++)
        if (watch->samples.sources[i].place != PLACE_HOST && watch->samples.sources[i].known)
            return true;
    return false;
}

static bool host_was_seen(const struct watch *watch)
{
    for (size_t i = 0; i < watch->samples.nsources; i++)
        if (watch->samples.sources[i].place != PLACE_HOST &&
            watch->samples.sources[i].seen[SEEN_WITH])
            return true;
    return false;
}

/* What stays out of all figures is told: it may be what took the longest. */
static void tell_unknown(const struct account_counts *counts)
{
    if (counts->unknown)
        fprintf(stderr,
                "evermx-drill: %u of %u changes are in no figure: they were not waited for to the "
                "end, or their place had stopped answering\n",
                counts->unknown, counts->changed + counts->never + counts->unknown);
}

/* What went wrong with the experiment, told and as an exit status. */
static enum drill_status tell_end(const struct watch *watch)
{
    if (!anything_was_seen(watch)) {
        fputs("evermx-drill: no answer that says anything of the host has come\n", stderr);
        return DRILL_IMPOSSIBLE;
    }
    if (!watch->experiment && !host_was_seen(watch)) {
        text_say(stderr, "evermx-drill: %s was in no answer to the %s\n", watch->options->hosts[0],
                 watch->question);
        return DRILL_IMPOSSIBLE;
    }
    if (!watch->experiment)
        return DRILL_DONE;
    struct experiment_progress progress = experiment_progress(watch->experiment, clock_now_us());
    if (!progress.why)
        return DRILL_DONE;
    text_say(stderr, "evermx-drill: ended after %u of %u repetitions: %s%s%s\n", progress.finished,
             watch->options->repetitions, progress.why, *watch->error.text ? ": " : "",
             watch->error.text);
    if (progress.broken)
        fputs("evermx-drill: THE HOST MAY STILL BE BROKEN; mending it is tried once more\n",
              stderr);
    return watch->stopped && !progress.broken ? DRILL_DONE : DRILL_IMPOSSIBLE;
}

static enum drill_status report(struct watch *watch)
{
    struct record *record =
        record_new(watch->options->output.title ? watch->options->output.title
                                                : "How long until a dead host was noticed");
    samples_close(&watch->samples, clock_now_us());
    telling_closed(&watch->telling);
    telling_clear(&watch->telling);
    set_settings(record, watch);
    struct account_counts counts = account_fill(&watch->account, &watch->samples, record);
    enum drill_status status = tell_end(watch);
    tell_unknown(&counts);
    print_places(watch, record);
    fflush(watch->telling.lines);
    if (!output_write(&watch->options->output, record) || status == DRILL_IMPOSSIBLE)
        status = DRILL_IMPOSSIBLE;
    else if (counts.never)
        status = DRILL_UNNOTICED;
    record_free(record);
    return status;
}

int drill_watch(int argc, char **argv)
{
    struct watch_options options;
    struct watch watch = {.options = &options};
    enum drill_status status = DRILL_IMPOSSIBLE;
    watch_options_read(argc, argv, &options);
    if (set_up(&watch)) {
        event_base_dispatch(watch.base);
        status = report(&watch);
    } else {
        text_say(stderr, "evermx-drill: %s\n", watch.error.text);
    }
    tear_down(&watch);
    return status;
}
