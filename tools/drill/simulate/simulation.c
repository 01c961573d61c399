/* SPDX-License-Identifier: BSD-2-Clause */
#include "simulation.h"
#include "../drill.h"
#include "../values.h"
#include "base/memory.h"
#include "model/model.h"

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
    "  --seed N               the same seed, the same figures (1)\n";

_Noreturn void simulation_wrong(const char *option, const char *why)
{
    fprintf(stderr, "evermx-drill simulate: %s%s%s\n", option, *option ? ": " : "", why);
    fputs("`evermx-drill simulate --help` tells the options\n", stderr);
    exit(DRILL_WRONG_USAGE);
}

/* ---- options ---- */

enum {
    OPTION_CONFIG = 1,
    OPTION_CHECK,
    OPTION_HOST,
    OPTION_SET,
    OPTION_AS_SET,
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
    OPTION_HELP,
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"check", required_argument, NULL, OPTION_CHECK},
    {"host", required_argument, NULL, OPTION_HOST},
    {"set", required_argument, NULL, OPTION_SET},
    {"interval", required_argument, NULL, OPTION_AS_SET},
    {"service-interval", required_argument, NULL, OPTION_AS_SET},
    {"fall", required_argument, NULL, OPTION_AS_SET},
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
    {"help", no_argument, NULL, OPTION_HELP},
    OUTPUT_OPTIONS,
    {NULL, 0, NULL, 0},
};

static void take_number(const char *name, const char *text, int64_t least, int64_t most,
                        int64_t *number)
{
    struct error error;
    if (!value_number(text, least, most, number, &error))
        simulation_wrong(name, error.text);
}

static void take_duration(const char *name, const char *text, int64_t least_ms, int64_t most_ms,
                          bool zero, int64_t *ms)
{
    struct error error;
    if (!value_duration(text, least_ms, most_ms, zero, ms, &error))
        simulation_wrong(name, error.text);
}

static void take_kinds(struct simulation *simulation, const char *text)
{
    char *copy = memory_strdup(text), *rest = copy, *word;
    while ((word = strsep(&rest, ","))) {
        enum death_kind kind;
        if (!death_from_word(word, &kind))
            simulation_wrong(word, "is no kind of failure");
        for (size_t i = 0; i < simulation->nkinds; i++)
            if (simulation->kinds[i] == kind)
                simulation_wrong(word, "is given twice");
        simulation->kinds[simulation->nkinds++] = kind;
    }
    free(copy);
}

static void take_set(struct simulation *simulation, const char *set)
{
    if (simulation->nsets == SETS_MAX)
        simulation_wrong("--set", "too many of them");
    simulation->sets[simulation->nsets++] = set;
}

static void take_sender(struct simulation *simulation, const char *text)
{
    if (strcmp(text, "gives-up") != 0 && strcmp(text, "retries") != 0)
        simulation_wrong("--sender", "is gives-up or retries");
    simulation->sender = strcmp(text, "retries") == 0 ? SENDER_RETRIES : SENDER_GIVES_UP;
}

static void take_goal(struct simulation *simulation, const char *text)
{
    struct error error;
    if (!goal_parse(text, &simulation->goal, &error))
        simulation_wrong("--goal", error.text);
    simulation->has_goal = true;
}

static void take_option(struct simulation *simulation, int option, const char *name, char *value)
{
    int64_t ms;
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
        take_set(simulation, value);
        break;
    case OPTION_AS_SET: /* lives as long as the process */
        take_set(simulation, memory_printf("%s=%s", name, value));
        break;
    case OPTION_TTL:
        take_duration(name, value, 1000, INT64_C(1000) * DAY_S, false, &ms);
        if (ms % 1000 != 0)
            simulation_wrong(name, "is in whole seconds");
        simulation->ttl_s = ms / 1000;
        break;
    case OPTION_KIND:
        take_kinds(simulation, value);
        break;
    case OPTION_RTT:
        take_duration(name, value, 1, 10000, true, &simulation->rtt_ms);
        break;
    case OPTION_REPS:
        take_number(name, value, 1, 1000000, &simulation->deaths);
        break;
    case OPTION_DETECTION:
        simulation->detection_file = value;
        break;
    case OPTION_POPULATION:
        simulation->population_file = value;
        break;
    case OPTION_RESOLVERS:
        take_number(name, value, 1, 999999999, &simulation->resolvers);
        break;
    case OPTION_DRAWS:
        take_number(name, value, DRAWS_LEAST, 100000000, &simulation->draws);
        break;
    case OPTION_HOSTS:
        take_number(name, value, 2, 1000, &simulation->hosts);
        break;
    case OPTION_SENDER:
        take_sender(simulation, value);
        break;
    case OPTION_GOAL:
        take_goal(simulation, value);
        break;
    case OPTION_SEED:
        take_number(name, value, 0, 999999999, &simulation->seed);
        break;
    case OPTION_SERVER:
        simulation->server_name = value;
        break;
    case OPTION_HELP:
        fputs(usage_text, stdout);
        fputs(output_help, stdout);
        exit(DRILL_DONE);
    default:
        if (!output_option(&simulation->output, option, value))
            simulation_wrong("", "what is that option?");
    }
}

/* Options without effect would be taken for heeded. */
static void refuse_idle(const struct simulation *simulation, uint64_t given)
{
    static const struct {
        int option;
        const char *with_detection, *with_goal;
    } idle[] = {
        {OPTION_CONFIG, "--config", NULL},
        {OPTION_CHECK, "--check", NULL},
        {OPTION_HOST, "--host", NULL},
        {OPTION_SET, "--set", NULL},
        {OPTION_AS_SET, "a check's option", NULL},
        {OPTION_KIND, "--kind", NULL},
        {OPTION_RTT, "--rtt", NULL},
        {OPTION_REPS, "--reps", NULL},
        {OPTION_SERVER, "--server", "--server"},
        {OPTION_TTL, NULL, "--ttl"},
        {OPTION_HOSTS, NULL, "--hosts"},
        {OPTION_SENDER, NULL, "--sender"},
    };
    const struct output *output = &simulation->output;
    for (size_t i = 0; i < sizeof idle / sizeof *idle; i++) {
        bool is_given = given >> idle[i].option & 1;
        if (is_given && simulation->detection_file && idle[i].with_detection)
            simulation_wrong(idle[i].with_detection, "says nothing beside a --detection");
        if (is_given && simulation->has_goal && idle[i].with_goal)
            simulation_wrong(idle[i].with_goal, "says nothing beside a --goal");
    }
    for (size_t i = 0; simulation->has_goal && i < simulation->nsets; i++)
        if (strncmp(simulation->sets[i], "interval=", 9) == 0)
            simulation_wrong("--interval", "is what a --goal searches");
    if (simulation->has_goal && (output->json || output->csv || output->nplots || output->title))
        simulation_wrong("--goal", "is answered by a text: nothing to keep or draw");
}

void simulation_ask(struct simulation *simulation, int argc, char **argv)
{
    static const enum death_kind usual[] = {DEATH_KILL, DEATH_BLACKHOLE, DEATH_HANG, DEATH_421};
    int option, index = 0;
    uint64_t given = 0;
    simulation->check_name = "smtp";
    simulation->server_name = "";
    simulation->rtt_ms = 20;
    simulation->ttl_s = STEERED_TTL_S;
    simulation->deaths = DEATHS_DEFAULT;
    simulation->draws = DRAWS_DEFAULT;
    simulation->hosts = 2;
    simulation->seed = 1;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "", long_options, &index)) != -1) {
        if (option == '?')
            simulation_wrong(argv[optind - 1], "is no option, or lacks its value");
        if (option <= OPTION_HELP)
            given |= UINT64_C(1) << option;
        take_option(simulation, option, long_options[index].name, optarg);
    }
    if (optind < argc)
        simulation_wrong(argv[optind], "what is that for?");
    if (simulation->host_name && !simulation->config_file)
        simulation_wrong("--host", "needs --config");
    if (simulation->has_goal && simulation->detection_file)
        simulation_wrong("--goal",
                         "searches intervals: it can't with a --detection that was measured");
    refuse_idle(simulation, given);
    if (!simulation->nkinds) {
        memcpy(simulation->kinds, usual, sizeof usual);
        simulation->nkinds = sizeof usual / sizeof *usual;
    }
}
