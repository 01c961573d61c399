/* SPDX-License-Identifier: BSD-2-Clause */
/* evermx-drill lab: has a laboratory built by a script, waits for it, and tells what it found. The
 * script and all that it starts hang on a pipe that this process holds: whatever becomes of it,
 * they end. */
#include "../drill.h"
#include "../record/output.h"
#include "../record/text.h"
#include "harvest.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage_text[] =
    "usage: evermx-drill lab [OPTION ...]\n"
    "Measures failovers of real mail hosts, servers, resolvers and senders in network namespaces\n"
    "of this machine. Needs root. What is not installed is fetched from Debian, and not "
    "installed.\n"
    "  --kinds LIST      how the host is broken: kill, stop, power, blackhole, hang, 421,\n"
    "                    disk-full, queue-stuck (minutes each); default kill,power,hang,421\n"
    "  --reps N          repetitions of each kind, default 5\n"
    "  --systems LIST    side by side on the same hosts: evermx, gdnsd, pdns, and each with its\n"
    "                    shortest times: evermx-fast, gdnsd-fast, pdns-fast; default evermx\n"
    "  --resolvers LIST  of the first system: unbound, bind, kresd, recursor, dnsmasq, unbound-60\n"
    "                    (keeps all answers 60 s); default all. The others have the first of them\n"
    "  --ttl D           of all systems, default each system's own: evermx 10, gdnsd and pdns 60,\n"
    "                    with their shortest times 5\n"
    "  --no-sender       no mail is sent\n"
    "  --settle D        all is well so long before the next break, default 2s\n"
    "  --patience D      who has not noticed then never does; default by systems and kind\n"
    "  --seed N          of the moments of the breaks\n"
    "  --keep FOLDER     all logs, in a new folder\n"
    "  -h, --help\n"
    "D: whole seconds, as 30s, 5m or 30. Ctrl-C ends it with what is there, twice: at once.\n";
static const char usage_end[] =
    "Exit status: 0 all was noticed, 1 a failure was never noticed, 2 wrong usage, 3 impossible.\n";

static const char *const kinds[] = {"kill", "stop",      "power",       "blackhole", "hang",
                                    "421",  "disk-full", "queue-stuck", NULL};
static const char *const systems[] = {"evermx", "evermx-fast", "gdnsd", "gdnsd-fast",
                                      "pdns",   "pdns-fast",   NULL};
static const char *const resolvers[] = {"unbound", "bind",       "kresd", "recursor",
                                        "dnsmasq", "unbound-60", NULL};

enum {
    REPS_DEFAULT = 5,
    REPS_MAX = 1000,
    SEED_MAX = 999999999,
};
/* The script counts in whole seconds. */
static const struct duration_range range = {1000, 3600 * 1000, .seconds = true};

struct request {
    struct output output;
    char *kinds, *systems, *resolvers; /* words, for the script */
    int64_t reps;
    char *ttl, *settle, *patience, *seed; /* numbers; NULL: not set */
    const char *keep;
    bool sender;
};

enum {
    OPTION_KINDS = 256,
    OPTION_REPS,
    OPTION_SYSTEMS,
    OPTION_RESOLVERS,
    OPTION_TTL,
    OPTION_NO_SENDER,
    OPTION_SETTLE,
    OPTION_PATIENCE,
    OPTION_SEED,
    OPTION_KEEP,
};

static const struct option rows[] = {
    {"kinds", required_argument, NULL, OPTION_KINDS},
    {"reps", required_argument, NULL, OPTION_REPS},
    {"systems", required_argument, NULL, OPTION_SYSTEMS},
    {"resolvers", required_argument, NULL, OPTION_RESOLVERS},
    {"ttl", required_argument, NULL, OPTION_TTL},
    {"no-sender", no_argument, NULL, OPTION_NO_SENDER},
    {"settle", required_argument, NULL, OPTION_SETTLE},
    {"patience", required_argument, NULL, OPTION_PATIENCE},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"keep", required_argument, NULL, OPTION_KEEP},
    {"help", no_argument, NULL, 'h'},
    OUTPUT_OPTIONS,
    {0},
};
static const struct usage usage = {"lab", rows};

/* "kill power", of "kill,power". */
static void take_list(char **words, const char *const *known, int option, const char *list)
{
    char word[WORD_SIZE];
    uint32_t taken = 0;
    free(*words);
    *words = memory_strdup("");
    while (value_word(&list, word)) {
        uint32_t bit = UINT32_C(1) << usage_choice(&usage, option, word, known);
        if (taken & bit)
            usage_twice(&usage, option, word);
        taken |= bit;
        char *more = memory_printf("%s%s%s", *words, **words ? " " : "", word);
        free(*words);
        *words = more;
    }
}

static char *all_of(const char *const *known)
{
    char *words = memory_strdup(*known);
    while (*++known) {
        char *more = memory_printf("%s %s", words, *known);
        free(words);
        words = more;
    }
    return words;
}

static void take_seconds(char **seconds, int option, const char *text)
{
    free(*seconds);
    *seconds = memory_printf("%" PRId64, usage_duration_ms(&usage, option, text, &range) / 1000);
}

static void take_seed(struct request *request, const char *text)
{
    free(request->seed);
    request->seed = memory_printf("%" PRId64, usage_number(&usage, OPTION_SEED, text, 0, SEED_MAX));
}

static void take_option(struct request *request, int option, const char *value)
{
    switch (option) {
    case OPTION_KINDS:
        take_list(&request->kinds, kinds, option, value);
        break;
    case OPTION_REPS:
        request->reps = usage_number(&usage, option, value, 1, REPS_MAX);
        break;
    case OPTION_SYSTEMS:
        take_list(&request->systems, systems, option, value);
        break;
    case OPTION_RESOLVERS:
        take_list(&request->resolvers, resolvers, option, value);
        break;
    case OPTION_TTL:
        take_seconds(&request->ttl, option, value);
        break;
    case OPTION_NO_SENDER:
        request->sender = false;
        break;
    case OPTION_SETTLE:
        take_seconds(&request->settle, option, value);
        break;
    case OPTION_PATIENCE:
        take_seconds(&request->patience, option, value);
        break;
    case OPTION_SEED:
        take_seed(request, value);
        break;
    case OPTION_KEEP:
        request->keep = value;
        break;
    case 'h':
        printf("%s%s%s", usage_text, output_help, usage_end);
        exit(DRILL_DONE);
    default:
        output_option(&usage, &request->output, option, value);
    }
}

static void take_options(struct request *request, int argc, char **argv)
{
    int option;
    *request = (struct request){
        .kinds = memory_strdup("kill power hang 421"),
        .systems = memory_strdup("evermx"),
        .resolvers = all_of(resolvers),
        .reps = REPS_DEFAULT,
        .sender = true,
    };
    while ((option = usage_next(&usage, argc, argv)) != -1)
        take_option(request, option, optarg);
    if (optind < argc)
        usage_idle(&usage, argv[optind]);
}

static void request_free(struct request *request)
{
    free(request->kinds);
    free(request->systems);
    free(request->resolvers);
    free(request->ttl);
    free(request->settle);
    free(request->patience);
    free(request->seed);
}

/* ---- the script ---- */

/* The folder of this program, without the last slash. */
static char *own_folder(void)
{
    char path[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    path[size > 0 ? size : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
    return memory_strdup(path);
}

/* The first that is there, to be freed; NULL: none. */
static char *find_file(const char *folder, const char *const *candidates)
{
    for (; *candidates; candidates++) {
        char *path = memory_printf("%s/%s", folder, *candidates);
        if (access(path, X_OK) == 0)
            return path;
        free(path);
    }
    return NULL;
}

/* Installed, or where they are built: in a folder of the source tree, or a folder of that. */
static const char *const scripts[] = {
    "../libexec/evermx/lab/failover-lab.sh",
    "../tools/drill/lab/failover-lab.sh",
    "../../tools/drill/lab/failover-lab.sh",
    NULL,
};
static const char *const daemons[] = {"evermxd", "../sbin/evermxd", NULL};

static bool set_environment(const struct request *request, const char *folder)
{
    char *drill = memory_printf("%s/evermx-drill", folder), *reps = NULL;
    char *evermxd = find_file(folder, daemons);
    reps = memory_printf("%" PRId64, request->reps);
    const char *const variables[][2] = {
        {"LAB_KINDS", request->kinds},
        {"LAB_SYSTEMS", request->systems},
        {"LAB_RESOLVERS", request->resolvers},
        {"LAB_REPS", reps},
        {"LAB_SENDER", request->sender ? "yes" : "no"},
        {"LAB_TTL", request->ttl},
        {"LAB_SETTLE", request->settle},
        {"LAB_PATIENCE", request->patience},
        {"LAB_SEED", request->seed},
        {"LAB_DRILL", drill},
        {"LAB_EVERMXD", evermxd},
    };
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        setenv(variables[i][0], variables[i][1] ? variables[i][1] : "", 1);
    bool found = evermxd != NULL;
    free(evermxd);
    free(reps);
    free(drill);
    return found;
}

struct laboratory {
    pid_t pid;
    int leash; /* it ends when this is closed; a line ends it early */
};

/* In a process group of its own, so that Ctrl-C comes to us alone. */
static bool start(struct laboratory *laboratory, const char *script, const char *results,
                  struct error *error)
{
    char *const arguments[] = {(char *)script, (char *)"run", (char *)results, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set(error, "a pipe: %s", strerror(errno));
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    int failed = posix_spawn(&laboratory->pid, script, &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[0]);
    laboratory->leash = ends[1];
    if (!failed)
        return true;
    close(ends[1]);
    return error_set(error, "starting %s: %s", script, strerror(failed));
}

static void let_go(struct laboratory *laboratory)
{
    if (laboratory->leash >= 0)
        close(laboratory->leash);
    laboratory->leash = -1;
}

/* Ctrl-C: the first asks for what is there, the second does not wait for it. */
static int wait_for_end(struct laboratory *laboratory, int signals)
{
    struct signalfd_siginfo info;
    unsigned interrupts = 0;
    int status;
    while (waitpid(laboratory->pid, &status, WNOHANG) == 0) {
        if (read(signals, &info, sizeof info) != sizeof info || info.ssi_signo == SIGCHLD)
            continue;
        if (info.ssi_signo != SIGINT || ++interrupts > 1)
            let_go(laboratory);
        else if (write(laboratory->leash, "stop\n", 5) != 5)
            let_go(laboratory);
    }
    let_go(laboratory);
    return WIFEXITED(status) ? WEXITSTATUS(status) : DRILL_IMPOSSIBLE;
}

/* Signals are taken from a descriptor from before the start. -1: it could not be started. */
static int run(const char *script, const char *results)
{
    struct laboratory laboratory;
    struct error error;
    sigset_t set;
    sigemptyset(&set);
    for (const int *each = (const int[]){SIGINT, SIGTERM, SIGHUP, SIGCHLD, 0}; *each; each++)
        sigaddset(&set, *each);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTTOU, SIG_IGN); /* of the script, too: behind a terminal it goes on */
    sigprocmask(SIG_BLOCK, &set, NULL);
    int signals = signalfd(-1, &set, SFD_CLOEXEC);
    if (signals < 0 || !start(&laboratory, script, results, &error)) {
        text_say(stderr, "evermx-drill lab: %s\n", signals < 0 ? strerror(errno) : error.text);
        return -1;
    }
    int status = wait_for_end(&laboratory, signals);
    close(signals);
    return status;
}

/* ---- results ---- */

/* To be freed; NULL: it could not be made. */
static char *make_folder(const struct request *request)
{
    const char *temporary = getenv("TMPDIR");
    char *path;
    if (request->keep) {
        if (mkdir(request->keep, 0755) == 0 && (path = realpath(request->keep, NULL)))
            return path;
        text_say(stderr, "evermx-drill lab: making %s: %s\n", request->keep, strerror(errno));
        return NULL;
    }
    path = memory_printf("%s/evermx-lab-XXXXXX", temporary && *temporary ? temporary : "/tmp");
    if (mkdtemp(path))
        return path;
    text_say(stderr, "evermx-drill lab: making %s: %s\n", path, strerror(errno));
    free(path);
    return NULL;
}

/* It is ours, and flat. */
static void remove_folder(const char *path)
{
    char *const arguments[] = {(char *)"rm", (char *)"-rf", (char *)"--", (char *)path, NULL};
    pid_t pid;
    if (posix_spawnp(&pid, "rm", NULL, NULL, arguments, environ) == 0)
        waitpid(pid, NULL, 0);
}

/* Below the table: what was set, what became of the mail, what was left out. What was seen of each
 * place in each kind ("KIND: PLACE") is for those who read the record. */
static void print_settings(const struct request *request, const struct record *record)
{
    const char *key;
    json_t *value;
    if ((request->output.json && strcmp(request->output.json, "-") == 0) ||
        (request->output.csv && strcmp(request->output.csv, "-") == 0))
        return;
    putchar('\n');
    json_object_foreach(record->settings, key, value)
    {
        if (strchr(key, ':'))
            continue;
        char *text = text_of_setting(value);
        text_say(stdout, "%s: %s\n", key, text);
        free(text);
    }
}

static int tell(const struct request *request, const char *results, int status)
{
    struct record *record = record_new("Failovers in the laboratory");
    struct error error;
    bool good = harvest_folder(results, record, &error);
    if (!good)
        text_say(stderr, "evermx-drill lab: %s\n", error.text);
    if (good && record->nseries > 0) {
        status = record_has_unnoticed(record) ? DRILL_UNNOTICED : DRILL_DONE;
        if (!output_write(&request->output, record))
            status = DRILL_IMPOSSIBLE;
        print_settings(request, record);
    } else {
        if (good && status != DRILL_IMPOSSIBLE)
            fputs("evermx-drill lab: nothing was measured\n", stderr);
        status = DRILL_IMPOSSIBLE;
    }
    record_free(record);
    return status;
}

int drill_lab(int argc, char **argv)
{
    struct request request;
    take_options(&request, argc, argv);
    char *folder = own_folder(), *script = find_file(folder, scripts), *results = NULL;
    int status = DRILL_IMPOSSIBLE;
    if (!script || !set_environment(&request, folder))
        text_say(stderr, "evermx-drill lab: %s is not beside this program, which is in %s\n",
                 script ? "evermxd" : "its script", folder);
    else
        results = make_folder(&request);
    if (results) {
        status = run(script, results);
        status = status < 0 ? DRILL_IMPOSSIBLE : tell(&request, results, status);
        if (!request.keep)
            remove_folder(results);
    }
    free(results);
    free(script);
    free(folder);
    request_free(&request);
    return status;
}
