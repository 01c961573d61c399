/* SPDX-License-Identifier: BSD-2-Clause */
/* evermxd(8): reads options, starts and joins the threads, and lives in the event loop of signals,
 * the control socket and the watchdog. All of this is the main thread's. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/privileges.h"
#include "config/config.h"
#include "control/control.h"
#include "control/event_log.h"
#include "control/load.h"
#include "control/serving.h"
#include "control/watchdog.h"
#include "engine/engine.h"
#include "model/model.h"
#include "probe/canary.h"

#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/evermx/evermx.yaml"

struct options {
    struct load_source source;
    size_t zones_capacity, listen_capacity;
};

enum { SIGNALS = 3 };

struct process {
    const struct load_source *source;
    struct config *started; /* the configuration that sockets, threads and user came from */
    struct loaded loaded;   /* what is served; the model is the engine's */
    struct event_base *base;
    struct event *signals[SIGNALS], *tick;
    struct publisher *publisher;
    struct server *server;
    struct engine *engine;
    struct control *control; /* NULL: could not be made, at its default place */
    struct watchdog watchdog;
};

/* ---- options ---- */

static const char usage_text[] =
    "usage: evermxd [-tv] [-c FILE] [--zone FILE]... [--listen ADDRESS@PORT]... [--control PATH]\n"
    "  -c FILE                read the configuration (default: " DEFAULT_CONFIG ",\n"
    "                         if it is there and no --zone is given)\n"
    "  --zone FILE            serve this zone too\n"
    "  --listen ADDRESS@PORT  answer there too, by UDP and TCP: 127.0.0.1@5300, [::1]@5300\n"
    "  --control PATH         the control socket for evermxctl\n"
    "  -t                     check the configuration and the zones, and exit\n"
    "  -v                     log more\n"
    "  -V, -h                 print the version; this help\n";

_Noreturn static void wrong_usage(const char *what, const char *argument)
{
    fprintf(stderr, "evermxd: %s%s\n%s", what, argument, usage_text);
    exit(EX_USAGE);
}

static void add_zone(struct options *options, const char *file)
{
    struct load_source *source = &options->source;
    source->zones =
        memory_grow(source->zones, source->nzones, &options->zones_capacity, sizeof *source->zones);
    source->zones[source->nzones++] = file;
}

static void add_listen(struct options *options, const char *text)
{
    struct load_source *source = &options->source;
    struct config_endpoint endpoint;
    if (!endpoint_parse(text, 53, &endpoint.address, &endpoint.port))
        wrong_usage("--listen takes ADDRESS@PORT, as 127.0.0.1@5300 or [::1]@5300, not ", text);
    source->listen = memory_grow(source->listen, source->nlisten, &options->listen_capacity,
                                 sizeof *source->listen);
    source->listen[source->nlisten++] = endpoint;
}

static void read_options(int argc, char **argv, struct options *options)
{
    enum { OPTION_ZONE = 256, OPTION_LISTEN, OPTION_CONTROL };
    static const struct option names[] = {
        {"zone", required_argument, NULL, OPTION_ZONE},
        {"listen", required_argument, NULL, OPTION_LISTEN},
        {"control", required_argument, NULL, OPTION_CONTROL},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "c:tvVh", names, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->source.config = optarg;
            break;
        case OPTION_ZONE:
            add_zone(options, optarg);
            break;
        case OPTION_LISTEN:
            add_listen(options, optarg);
            break;
        case OPTION_CONTROL:
            options->source.control = optarg;
            break;
        case 't':
            options->source.check = true;
            break;
        case 'v':
            log_set_level(LOG_LEVEL_DEBUG);
            break;
        case 'V':
            puts("evermxd " EVERMX_VERSION);
            exit(EXIT_SUCCESS);
        case 'h':
            fputs(usage_text, stdout);
            exit(EXIT_SUCCESS);
        default:
            exit(EX_USAGE); /* getopt has said why */
        }
    }
    if (optind < argc)
        wrong_usage("unexpected argument: ", argv[optind]);
    if (options->source.config || options->source.nzones)
        return;
    if (access(DEFAULT_CONFIG, F_OK) < 0)
        wrong_usage("nothing to serve: neither -c FILE nor --zone FILE is given, and there is no ",
                    DEFAULT_CONFIG);
    options->source.config = DEFAULT_CONFIG;
}

/* ---- configuration and zones ---- */

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static int check(const struct load_source *source)
{
    struct diagnostics diagnostics;
    struct loaded loaded;
    diagnostics_init(&diagnostics);
    bool good = load(source, NULL, true, &loaded, &diagnostics);
    diagnostics_print(&diagnostics, stderr);
    diagnostics_free(&diagnostics);
    if (!good)
        return EXIT_FAILURE;
    load_print(&loaded);
    model_free(loaded.model);
    config_free(loaded.config);
    return EXIT_SUCCESS;
}

/* Also what a crash leaves behind would be read by others. For good: what has been in memory once
 * may stay there. */
static void guard_secrets(const struct config *config)
{
    struct error error;
    if (config->has_credentials && !privileges_forbid_dumps(&error))
        log_warning("%s", error.text);
}

/* ---- reload ---- */

/* Makes what was loaded what is served. */
static bool take_over(struct process *process, struct loaded *loaded,
                      struct diagnostics *diagnostics, struct changes *changes)
{
    struct error error;
    if (loaded->config != process->loaded.config)
        changes_of_configuration(process->loaded.config, loaded->config, changes);
    changes_between(process->loaded.model, loaded->model, changes);
    load_warn_of_restart(process->started, loaded->config, diagnostics);
    if (!engine_load(process->engine, loaded->model, &error)) {
        load_free_config(loaded->config, &process->loaded);
        return diagnostics_error(diagnostics, NULL, 0, 0, "%s", error.text);
    }
    serving_configure(process->server, loaded->config, diagnostics);
    if (process->loaded.config != process->started)
        load_free_config(process->loaded.config, loaded);
    if (loaded->config != process->started)
        config_forget_credentials(process->started);
    process->loaded = *loaded;
    return true;
}

static bool reload_quietly(struct process *process, struct diagnostics *diagnostics,
                           struct changes *changes)
{
    struct loaded loaded;
    struct error error;
    if (!load(process->source, &process->loaded, false, &loaded, diagnostics))
        return false;
    changes_of_bad(changes, loaded.model);
    guard_secrets(loaded.config);
    if (!load_is_same(&process->loaded, &loaded))
        return take_over(process, &loaded, diagnostics, changes);
    model_free(loaded.model);
    changes->nothing = true;
    return engine_reread(process->engine, &error) ||
           diagnostics_error(diagnostics, NULL, 0, 0, "%s", error.text);
}

static bool reload(void *context, struct diagnostics *diagnostics, struct changes *changes)
{
    struct process *process = context;
    bool done = reload_quietly(process, diagnostics, changes);
    diagnostics_log(diagnostics);
    if (done)
        changes_log(changes);
    else
        log_error("reload: %zu error%s, nothing has changed", diagnostics->errors,
                  plural(diagnostics->errors));
    return done;
}

static void stop(void *context)
{
    struct process *process = context;
    event_base_loopexit(process->base, NULL);
}

/* ---- events ---- */

static void on_stop_signal(evutil_socket_t number, short what, void *context)
{
    (void)what;
    log_notice("SIG%s: ending", sigabbrev_np(number));
    stop(context);
}

static void on_reload_signal(evutil_socket_t number, short what, void *context)
{
    struct diagnostics diagnostics;
    struct changes changes;
    (void)what;
    log_notice("SIG%s: reload", sigabbrev_np(number));
    diagnostics_init(&diagnostics);
    changes_init(&changes);
    reload(context, &diagnostics, &changes);
    changes_free(&changes);
    diagnostics_free(&diagnostics);
}

/* Answers by verdicts that nobody renews are worse than no answers: other servers of the zone then
 * give theirs. Who supervises us starts us again. */
static void on_tick(evutil_socket_t fd, short what, void *context)
{
    struct process *process = context;
    (void)fd;
    (void)what;
    if (!watchdog_step(&process->watchdog, engine_heartbeat_ms(process->engine), clock_now_ms()))
        return;
    log_error("watchdog: the prober has stood still for %d s: ending the process",
              WATCHDOG_LIMIT_MS / 1000);
    _exit(EX_SOFTWARE);
}

/* The watchdog and signals go before clients of the control socket, each of which may wait for the
 * engine. */
static bool start_events(struct process *process)
{
    static const struct {
        int number;
        event_callback_fn act;
    } signals[SIGNALS] = {
        {SIGTERM, on_stop_signal}, {SIGINT, on_stop_signal}, {SIGHUP, on_reload_signal}};
    struct event_config *settings = event_config_new();
    if (!settings || event_config_set_max_dispatch_interval(settings, NULL, 1, 1) < 0)
        return false;
    process->base = event_base_new_with_config(settings);
    event_config_free(settings);
    if (!process->base || event_base_priority_init(process->base, 2) < 0)
        return false;
    for (size_t i = 0; i < SIGNALS; i++) {
        process->signals[i] =
            evsignal_new(process->base, signals[i].number, signals[i].act, process);
        if (!process->signals[i] || event_priority_set(process->signals[i], 0) < 0 ||
            event_add(process->signals[i], NULL) < 0)
            return false;
    }
    process->tick = event_new(process->base, -1, EV_PERSIST, on_tick, process);
    return process->tick && event_priority_set(process->tick, 0) == 0;
}

static bool start_watchdog(struct process *process)
{
    struct timeval each = {WATCHDOG_TICK_MS / 1000, WATCHDOG_TICK_MS % 1000 * 1000};
    watchdog_init(&process->watchdog, engine_heartbeat_ms(process->engine), clock_now_ms());
    return event_add(process->tick, &each) == 0;
}

/* ---- start and end ---- */

/* Gives the user what root made, so that a reload, the end and the next start find their way. */
static void give_to_user(const char *path, const char *user)
{
    struct error error;
    if (user && !privileges_give(path, user, &error))
        log_warning("%s", error.text);
}

static void make_parent_directory(const char *path, const char *user)
{
    char *parent = memory_strdup(path);
    char *slash = strrchr(parent, '/');
    if (slash && slash != parent) {
        *slash = '\0';
        if (mkdir(parent, 0755) == 0)
            give_to_user(parent, user);
    }
    free(parent);
}

static bool is_default_control(const char *path)
{
    struct config *defaults = config_new();
    bool is_default = strcmp(path, defaults->control) == 0;
    config_free(defaults);
    return is_default;
}

/* Nobody has to name a control socket: one that cannot be made at its default place, as by another
 * user than root, does not stop the server. */
static bool start_control(struct process *process)
{
    const struct config *config = process->started;
    bool is_default = is_default_control(config->control), root = geteuid() == 0;
    struct error error;
    if (is_default && root)
        make_parent_directory(config->control, config->user);
    process->control = control_new(process->base, config->control, &error);
    if (process->control && root)
        give_to_user(config->control, config->user);
    else if (!process->control && is_default)
        log_warning("%s; evermxctl will not work (--control PATH names another place)", error.text);
    else if (!process->control)
        log_error("%s", error.text);
    return process->control || is_default;
}

static bool drop_privileges(const char *user)
{
    struct error error;
    if (user && geteuid() != 0)
        log_warning("user '%s' is for a start by root; going on as the user that started", user);
    else if (user && !privileges_drop(user, &error)) {
        log_error("%s", error.text);
        return false;
    }
    return true;
}

static bool start_server(struct process *process)
{
    struct error error;
    process->server = serving_new(process->started, process->publisher, &error);
    if (!process->server)
        log_error("%s", error.text);
    return process->server;
}

static struct engine_options probing_of(const struct config *config, struct canary *canaries)
{
    for (size_t i = 0; i < config->ncanaries; i++)
        canaries[i] = (struct canary){config->canaries[i].address, config->canaries[i].port};
    return (struct engine_options){
        .probing = config->probing,
        .probe_sources = config->probe_sources,
        .nprobe_sources = config->nprobe_sources,
        .ehlo_name = config->ehlo_name,
        .ca_file = config->ca_file,
        .uplink_guard = config->uplink_guard,
        .canaries = canaries,
        .ncanaries = config->ncanaries,
    };
}

/* Signals are for main alone: the threads start with all of them blocked. */
static bool start_threads(struct process *process, struct model *model)
{
    struct canary canaries[CANARIES_LIMIT];
    struct engine_options options = probing_of(process->started, canaries);
    struct error error;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    process->engine = engine_new(&options, process->publisher, model, &error);
    bool started = process->engine && server_start(process->server, &error);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!started)
        log_error("%s", error.text);
    return started;
}

static bool start(struct process *process, struct model *model)
{
    struct error error;
    process->publisher = publisher_new();
    if (!privileges_raise_descriptors(&error))
        log_warning("%s", error.text);
    if (!start_server(process) || !start_control(process) ||
        !drop_privileges(process->started->user)) {
        model_free(model);
        return false;
    }
    guard_secrets(process->started); /* another user: by fs.suid_dumpable dumps may be back */
    if (!start_threads(process, model))
        return false;
    struct command_parts parts = {
        .engine = process->engine, .server = process->server, .actions = {process, reload, stop}};
    if (process->control)
        control_start(process->control, &parts);
    return start_watchdog(process);
}

static void log_ready(const struct process *process)
{
    const struct config *config = process->started;
    const struct model *model = process->loaded.model;
    char where[512] = "", endpoint[ADDRESS_TEXT_SIZE];
    size_t used = 0, failed = 0;
    for (size_t i = 0; i < config->nlisten && used < sizeof where; i++) {
        endpoint_format(&config->listen[i].address, config->listen[i].port, endpoint);
        used += (size_t)snprintf(where + used, sizeof where - used, " %s", endpoint);
    }
    for (size_t i = 0; i < model->nzones; i++)
        failed += model->zones[i].failed;
    if (failed)
        log_error("%zu bad zone%s: SERVFAIL is answered for all names there", failed,
                  plural(failed));
    size_t nzones = load_count_zones(&process->loaded);
    log_notice("evermxd " EVERMX_VERSION " ready on%s: %zu zone%s, %zu target%s%s", where, nzones,
               plural(nzones), model->ntargets, plural(model->ntargets),
               config->probing ? "" : ", probing is off");
}

/* The control socket goes last: who asked for the end then sees that it has come. Signals that come
 * meanwhile find nobody who would heed them, and must not kill. */
static void end(struct process *process)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    for (size_t i = 0; i < SIGNALS; i++)
        if (process->signals[i])
            event_free(process->signals[i]);
    if (process->tick)
        event_free(process->tick);
    server_free(process->server);
    engine_free(process->engine);
    publisher_free(process->publisher);
    control_free(process->control);
    load_free_config(process->started, &process->loaded);
    config_free(process->loaded.config);
    if (process->base)
        event_base_free(process->base);
    libevent_global_shutdown();
}

static bool run(struct process *process)
{
    struct diagnostics diagnostics;
    signal(SIGPIPE, SIG_IGN);
    event_log_take_over();
    if (!start_events(process)) {
        log_error("starting the event loop: %s", strerror(errno));
        return false;
    }
    diagnostics_init(&diagnostics);
    bool loaded = load(process->source, NULL, false, &process->loaded, &diagnostics);
    if (loaded)
        guard_secrets(process->loaded.config);
    struct model *model = process->loaded.model;
    process->started = process->loaded.config;
    diagnostics_log(&diagnostics);
    diagnostics_free(&diagnostics);
    if (!loaded || !start(process, model))
        return false;
    log_ready(process);
    bool ended = event_base_dispatch(process->base) == 0;
    log_notice("ending");
    return ended;
}

/* Tables of a large catalog come and go with each reload. By default glibc, once it has freed a
 * large block, takes the next ones of that size from a heap that it can hardly give back; a
 * threshold that is set stays. */
static void give_memory_back(void)
{
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
}

int main(int argc, char **argv)
{
    struct options options = {0};
    give_memory_back();
    read_options(argc, argv, &options);
    int status;
    if (options.source.check) {
        status = check(&options.source);
    } else {
        struct process process = {.source = &options.source};
        status = run(&process) ? EXIT_SUCCESS : EXIT_FAILURE;
        end(&process);
    }
    free(options.source.zones);
    free(options.source.listen);
    return status;
}
