/* SPDX-License-Identifier: BSD-2-Clause */
#include "simulation.h"
#include "../drill.h"
#include "../options.h"
#include "base/memory.h"
#include "model/model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_S = 24 * 3600, DEATHS_DEFAULT = 1000, DRAWS_DEFAULT = 1000000 };
enum { DRAWS_LEAST = 1000 }; /* for the users of whom one in a hundred is told of */

static const char usage_text[] =
    "usage: evermx-drill simulate [OPTION ...]\n"
    "how the server is set up (defaults are evermxd's own):\n"
    "  --config FILE          evermx.yaml(5): its check, and at a host of it\n"
    "  --check NAME           smtp (default), imap, ... or one of FILE\n"
    "  --host NAME            as it is probed there\n"
    "  --interval D, --service-interval D, --fall N, --set NAME=VALUE   options of the check\n"
    "  --ttl D                of the steered answer (10s)\n"
    "what happens:\n"
    "  --kind KIND[,...]      kill, stop, reject, power, blackhole, hang, 421, tls,\n"
    "                         disk-full, queue-stuck, 554 (kill,blackhole,hang,421)\n"
    "  --rtt D                from the prober to the host and back (20ms)\n"
    "  --reps N               deaths of each kind, at random moments (1000)\n"
    "  --detection FILE       times that were measured instead: a record of watch or lab\n"
    "who is told:\n"
    "  --population FILE      resolvers, YAML; default: resolvers.yaml as installed\n"
    "  --resolvers N          that ask for the name at all (the file's)\n"
    "  --draws N              users drawn, each with a resolver of its own (1000000)\n"
    "  --hosts N              in the answer while all are well (2)\n"
    "  --sender WHAT          gives-up, or retries the next host of the answer (gives-up)\n"
    "what is asked:\n"
    "  --goal 'p99 < 15s'     which TTL and interval does that take, and what do they cost?\n"
    "  --server NAME          of the server in the record, as in one to compare it with\n"
    "  --seed N               the same seed, the same figures (1)\n"
    "  -h, --help\n"
    "D: as 500ms, 10s, 5m, or in seconds.\n";
static const char usage_end[] =
    "Exit status: 0 it was predicted, 1 the goal cannot be met, 2 wrong usage, 3 no file.\n";

/* ---- options ---- */

enum {
    OPTION_CONFIG = 1,
    OPTION_CHECK,
    OPTION_HOST,
    OPTION_SET,
    OPTION_INTERVAL,
    OPTION_SERVICE_INTERVAL,
    OPTION_FALL,
    OPTION_TTL,
    OPTION_KIND,
    OPTION_RTT,
    OPTION_REPS,
    OPTION_DETECTION,
    OPTION_POPULATION,
    OPTION_RESOLVERS,
    OPTION_DRAWS,
    OPTION_HOSTS,
    OPTION_SENDER,
    OPTION_GOAL,
    OPTION_SEED,
    OPTION_SERVER,
    OPTIONS, /* as bits they fit into 64 */
};

static const struct option rows[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"check", required_argument, NULL, OPTION_CHECK},
    {"host", required_argument, NULL, OPTION_HOST},
    {"set", required_argument, NULL, OPTION_SET},
    {"interval", required_argument, NULL, OPTION_INTERVAL},
    {"service-interval", required_argument, NULL, OPTION_SERVICE_INTERVAL},
    {"fall", required_argument, NULL, OPTION_FALL},
    {"ttl", required_argument, NULL, OPTION_TTL},
    {"kind", required_argument, NULL, OPTION_KIND},
    {"rtt", required_argument, NULL, OPTION_RTT},
    {"reps", required_argument, NULL, OPTION_REPS},
    {"detection", required_argument, NULL, OPTION_DETECTION},
    {"population", required_argument, NULL, OPTION_POPULATION},
    {"resolvers", required_argument, NULL, OPTION_RESOLVERS},
    {"draws", required_argument, NULL, OPTION_DRAWS},
    {"hosts", required_argument, NULL, OPTION_HOSTS},
    {"sender", required_argument, NULL, OPTION_SENDER},
    {"goal", required_argument, NULL, OPTION_GOAL},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"server", required_argument, NULL, OPTION_SERVER},
    {"help", no_argument, NULL, 'h'},
    OUTPUT_OPTIONS,
    {NULL, 0, NULL, 0},
};

static const struct usage usage = {"simulate", rows};
static const struct duration_range ttl_range = {1000, INT64_C(1000) * DAY_S, .seconds = true};
static const struct duration_range rtt_range = {1, 10000, .zero = true};
/* What a check's options take, they say themselves. */
static const struct duration_range any_range = {1, INT64_C(366000) * DAY_S, .zero = true};

void simulation_wrong(const char *format, ...)
{
    char why[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    usage_wrong(&usage, 0, "%s", why);
}

static void take_kinds(struct simulation *simulation, const char *list)
{
    const char *words[DEATH_KINDS + 1] = {NULL};
    char word[WORD_SIZE];
    for (size_t i = 0; i < DEATH_KINDS; i++)
        words[i] = death_word((enum death_kind)i);
    while (value_word(&list, word)) {
        enum death_kind kind = (enum death_kind)usage_choice(&usage, OPTION_KIND, word, words);
        for (size_t i = 0; i < simulation->nkinds; i++)
            if (simulation->kinds[i] == kind)
                usage_twice(&usage, OPTION_KIND, word);
        simulation->kinds[simulation->nkinds++] = kind;
    }
}

static void take_set(struct simulation *simulation, int option, const char *set)
{
    if (simulation->nsets == SETS_MAX)
        usage_wrong(&usage, option, "there are too many of them");
    simulation->sets[simulation->nsets++] = set;
}

/* An option of the check, as --set. Lives as long as the process. */
static void take_as_set(struct simulation *simulation, int option, const char *name,
                        const char *text)
{
    char duration[DURATION_SIZE];
    if (option != OPTION_FALL)
        text = value_duration_text(usage_duration_ms(&usage, option, text, &any_range), duration);
    take_set(simulation, option, memory_printf("%s=%s", name, text));
}

static void take_sender(struct simulation *simulation, const char *text)
{
    static const char *const known[] = {"gives-up", "retries", NULL};
    simulation->sender =
        usage_choice(&usage, OPTION_SENDER, text, known) == 0 ? SENDER_GIVES_UP : SENDER_RETRIES;
}

static void take_goal(struct simulation *simulation, const char *text)
{
    struct error error;
    if (!goal_parse(text, &simulation->goal, &error))
        usage_wrong(&usage, OPTION_GOAL, "%s", error.text);
    simulation->has_goal = true;
}

static void take_option(struct simulation *simulation, int option, const char *value)
{
    switch (option) {
    case OPTION_CONFIG:
        simulation->config_file = value;
        break;
    case OPTION_CHECK:
        simulation->check_name = value;
        break;
    case OPTION_HOST:
        simulation->host_name = value;
        break;
    case OPTION_SET:
        take_set(simulation, option, value);
        break;
    case OPTION_INTERVAL:
        take_as_set(simulation, option, "interval", value);
        break;
    case OPTION_SERVICE_INTERVAL:
        take_as_set(simulation, option, "service-interval", value);
        break;
    case OPTION_FALL:
        take_as_set(simulation, option, "fall", value);
        break;
    case OPTION_TTL:
        simulation->ttl_s = usage_duration_ms(&usage, option, value, &ttl_range) / 1000;
        break;
    case OPTION_KIND:
        take_kinds(simulation, value);
        break;
    case OPTION_RTT:
        simulation->rtt_ms = usage_duration_ms(&usage, option, value, &rtt_range);
        break;
    case OPTION_REPS:
        simulation->deaths = usage_number(&usage, option, value, 1, 1000000);
        break;
    case OPTION_DETECTION:
        simulation->detection_file = value;
        break;
    case OPTION_POPULATION:
        simulation->population_file = value;
        break;
    case OPTION_RESOLVERS:
        simulation->resolvers = usage_number(&usage, option, value, 1, 999999999);
        break;
    case OPTION_DRAWS:
        simulation->draws = usage_number(&usage, option, value, DRAWS_LEAST, 100000000);
        break;
    case OPTION_HOSTS:
        simulation->hosts = usage_number(&usage, option, value, 2, 1000);
        break;
    case OPTION_SENDER:
        take_sender(simulation, value);
        break;
    case OPTION_GOAL:
        take_goal(simulation, value);
        break;
    case OPTION_SEED:
        simulation->seed = usage_number(&usage, option, value, 0, 999999999);
        break;
    case OPTION_SERVER:
        simulation->server_name = value;
        break;
    case 'h':
        printf("%s%s%s", usage_text, output_help, usage_end);
        exit(DRILL_DONE);
    default:
        output_option(&usage, &simulation->output, option, value);
    }
}

/* Options without effect would be taken for heeded. */
static void refuse_idle(const struct simulation *simulation, uint64_t given)
{
    static const struct {
        int option;
        bool with_detection, with_goal;
    } idle[] = {
        {OPTION_CONFIG, true, false},    {OPTION_CHECK, true, false},
        {OPTION_HOST, true, false},      {OPTION_SET, true, false},
        {OPTION_INTERVAL, true, true},   {OPTION_SERVICE_INTERVAL, true, false},
        {OPTION_FALL, true, false},      {OPTION_KIND, true, false},
        {OPTION_RTT, true, false},       {OPTION_REPS, true, false},
        {OPTION_SERVER, true, true},     {OPTION_TTL, false, true},
        {OPTION_HOSTS, false, true},     {OPTION_SENDER, false, true},
        {OPTION_DETECTION, false, true},
    };
    const struct output *output = &simulation->output;
    for (size_t i = 0; i < sizeof idle / sizeof *idle; i++) {
        if (!(given >> idle[i].option & 1))
            continue;
        if (simulation->detection_file && idle[i].with_detection)
            usage_wrong(&usage, idle[i].option, "says nothing beside a --detection");
        if (simulation->has_goal && idle[i].with_goal)
            usage_wrong(&usage, idle[i].option, "says nothing beside a --goal");
    }
    for (size_t i = 0; simulation->has_goal && i < simulation->nsets; i++)
        if (strncmp(simulation->sets[i], "interval=", 9) == 0)
            usage_wrong(&usage, OPTION_SET, "the interval is what a --goal searches");
    if (simulation->has_goal && (output->json || output->csv || output->nplots || output->title))
        usage_wrong(&usage, OPTION_GOAL, "is answered by a text: nothing to keep or draw");
}

void simulation_ask(struct simulation *simulation, int argc, char **argv)
{
    static const enum death_kind usual[] = {DEATH_KILL, DEATH_BLACKHOLE, DEATH_HANG, DEATH_421};
    int option;
    uint64_t given = 0;
    simulation->check_name = "smtp";
    simulation->server_name = "";
    simulation->rtt_ms = 20;
    simulation->ttl_s = STEERED_TTL_S;
    simulation->deaths = DEATHS_DEFAULT;
    simulation->draws = DRAWS_DEFAULT;
    simulation->hosts = 2;
    simulation->seed = 1;
    while ((option = usage_next(&usage, argc, argv)) != -1) {
        if (option < OPTIONS)
            given |= UINT64_C(1) << option;
        take_option(simulation, option, optarg);
    }
    if (optind < argc)
        usage_idle(&usage, argv[optind]);
    if (simulation->host_name && !simulation->config_file)
        usage_wrong(&usage, OPTION_HOST, "needs --config");
    refuse_idle(simulation, given);
    if (!simulation->nkinds) {
        memcpy(simulation->kinds, usual, sizeof usual);
        simulation->nkinds = sizeof usual / sizeof *usual;
    }
}
