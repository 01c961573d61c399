/* SPDX-License-Identifier: BSD-2-Clause */
#include "watch_options.h"

#include "../drill.h"
#include "wire/rrtype.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Who is asked less often is taken for silent. Servers and resolvers may be other people's: nobody
 * takes the most for an attack. */
enum { RATE_LEAST = 1, RATE_MAX = 100, REPETITIONS_MAX = 10000, DAY_S = 86400, DNS_PORT = 53 };
enum { SEED_MAX = 999999999 }; /* as a number of JSON it is kept exactly */

static const char usage_text[] =
    "usage: evermx-drill watch --name NAME --host HOST --server ADDRESS[@PORT] [OPTION ...]\n"
    "what is asked, and looked for:\n"
    "  --name NAME         owner of the records, example.org\n"
    "  --type TYPE         MX, SRV, A or AAAA (MX)\n"
    "  --host HOST         exchange or target, mx1.example.org; an address for A and AAAA. May be\n"
    "                      given several times, where one machine has several\n"
    "where:\n"
    "  --server A[@PORT]   an authoritative server; several\n"
    "  --resolver A[@PORT] a resolver; several\n"
    "  --probe KIND@A[@PORT]  the host itself: smtp, imap, submission, ...\n"
    "how often:\n"
    "  --rate N            questions a second to each server, 1 to 100 (10)\n"
    "  --resolver-rate N   to each resolver (adaptive: often where a TTL ends or a change is due)\n"
    "  --seconds S         ends after that (when all is done, or by Ctrl-C)\n"
    "the experiment:\n"
    "  --break COMMAND     breaks the host\n"
    "  --mend COMMAND      mends it: whatever happens, this comes last\n"
    "  --reps N            so many times (10)\n"
    "  --settle S          all must be well for so long before (2), within --patience\n"
    "  --patience S        then a failure was never noticed (120)\n"
    "  --return-patience S then it does not come back, and the experiment ends (1800)\n"
    "  --spread S          random phases are spread over (the longest TTL, and 2 s)\n"
    "  --seed N            of the phases (random)\n"
    "what it is called:\n"
    "  --system NAME, --kind NAME  who does the failover, how the host is broken\n";
static const char end_text[] =
    "  -h, --help\n"
    "Exit status: 0 all failures were noticed, 1 one was never, 2 wrong usage, 3 it could not be\n"
    "done, or not to the end.\n";

_Noreturn static void wrong_option(const char *option, const char *what)
{
    fprintf(stderr,
            "evermx-drill watch: %.80s%s%s; `evermx-drill watch --help` tells the options\n",
            option, *option ? ": " : "", what);
    exit(DRILL_WRONG_USAGE);
}

_Noreturn static void wrong_usage(const char *what)
{
    wrong_option("", what);
}

static double number(const char *option, const char *text, double least, double most)
{
    char *end, what[160];
    double value = strtod(text, &end);
    if (end != text && !*end && value >= least && value <= most)
        return value;
    snprintf(what, sizeof what, "--%s %.60s: not a number from %g to %g", option, text, least,
             most);
    wrong_usage(what);
}

static uint64_t whole(const char *option, const char *text, uint64_t least, uint64_t most)
{
    char *end, what[160];
    uint64_t value = strtoull(text, &end, 10);
    if (end != text && !*end && *text != '-' && value >= least && value <= most)
        return value;
    snprintf(what, sizeof what, "--%s %.60s: not a whole number from %llu to %llu", option, text,
             (unsigned long long)least, (unsigned long long)most);
    wrong_usage(what);
}

static void add_place(const char *option, const char *text, struct watch_place *places,
                      size_t *count)
{
    char what[160];
    if (*count == PLACES_MAX)
        wrong_usage("too many servers or resolvers");
    struct watch_place *place = &places[*count];
    if (!endpoint_parse(text, DNS_PORT, &place->address, &place->port)) {
        snprintf(what, sizeof what, "--%s %.60s: not written as ADDRESS or ADDRESS@PORT", option,
                 text);
        wrong_usage(what);
    }
    for (size_t i = 0; i < *count; i++) {
        if (places[i].port == place->port && address_equal(&places[i].address, &place->address)) {
            snprintf(what, sizeof what, "--%s %.60s: given twice", option, text);
            wrong_usage(what);
        }
    }
    (*count)++;
}

/* ---- options ---- */

enum {
    OPTION_NAME = 256,
    OPTION_TYPE,
    OPTION_HOST,
    OPTION_SERVER,
    OPTION_RESOLVER,
    OPTION_PROBE,
    OPTION_RATE,
    OPTION_RESOLVER_RATE,
    OPTION_SECONDS,
    OPTION_BREAK,
    OPTION_MEND,
    OPTION_REPS,
    OPTION_SETTLE,
    OPTION_PATIENCE,
    OPTION_RETURN_PATIENCE,
    OPTION_SPREAD,
    OPTION_SEED,
    OPTION_SYSTEM,
    OPTION_KIND,
};

static const struct option names[] = {
    {"help", no_argument, NULL, 'h'},
    {"name", required_argument, NULL, OPTION_NAME},
    {"type", required_argument, NULL, OPTION_TYPE},
    {"host", required_argument, NULL, OPTION_HOST},
    {"server", required_argument, NULL, OPTION_SERVER},
    {"resolver", required_argument, NULL, OPTION_RESOLVER},
    {"probe", required_argument, NULL, OPTION_PROBE},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"resolver-rate", required_argument, NULL, OPTION_RESOLVER_RATE},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"break", required_argument, NULL, OPTION_BREAK},
    {"mend", required_argument, NULL, OPTION_MEND},
    {"reps", required_argument, NULL, OPTION_REPS},
    {"settle", required_argument, NULL, OPTION_SETTLE},
    {"patience", required_argument, NULL, OPTION_PATIENCE},
    {"return-patience", required_argument, NULL, OPTION_RETURN_PATIENCE},
    {"spread", required_argument, NULL, OPTION_SPREAD},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"system", required_argument, NULL, OPTION_SYSTEM},
    {"kind", required_argument, NULL, OPTION_KIND},
    OUTPUT_OPTIONS,
    {NULL, 0, NULL, 0},
};

static const char *name_of(int option)
{
    for (size_t i = 0; names[i].name; i++)
        if (names[i].val == option)
            return names[i].name;
    return "";
}

static void take_times(struct watch_options *options, int option)
{
    const char *name = name_of(option);
    switch (option) {
    case OPTION_SECONDS:
        options->seconds = number(name, optarg, 0.1, 366.0 * DAY_S);
        break;
    case OPTION_SETTLE:
        options->settle_s = number(name, optarg, 0, DAY_S);
        break;
    case OPTION_PATIENCE:
        options->patience_s = number(name, optarg, 0.1, DAY_S);
        break;
    case OPTION_RETURN_PATIENCE:
        options->return_patience_s = number(name, optarg, 0.1, DAY_S);
        break;
    case OPTION_SPREAD:
        options->spread_s = number(name, optarg, 0.001, DAY_S);
        break;
    default:
        wrong_usage("unknown option");
    }
}

static void take_text(struct watch_options *options, int option)
{
    switch (option) {
    case OPTION_NAME:
        options->name = optarg;
        break;
    case OPTION_TYPE:
        options->type = optarg;
        break;
    case OPTION_HOST:
        if (options->nhosts == WANTED_HOSTS_MAX)
            wrong_usage("too many hosts");
        options->hosts[options->nhosts++] = optarg;
        break;
    case OPTION_PROBE:
        options->probe = optarg;
        break;
    case OPTION_BREAK:
        options->break_command = optarg;
        break;
    case OPTION_MEND:
        options->mend_command = optarg;
        break;
    case OPTION_SYSTEM:
        options->system = optarg;
        break;
    case OPTION_KIND:
        options->kind = optarg;
        break;
    default:
        take_times(options, option);
    }
}

static void take(struct watch_options *options, int option)
{
    const char *name = name_of(option);
    switch (option) {
    case 'h':
        fputs(usage_text, stdout);
        fputs(output_help, stdout);
        fputs(end_text, stdout);
        exit(DRILL_DONE);
    case OPTION_SERVER:
        add_place(name, optarg, options->servers, &options->nservers);
        break;
    case OPTION_RESOLVER:
        add_place(name, optarg, options->resolvers, &options->nresolvers);
        break;
    case OPTION_RATE:
        options->rate = number(name, optarg, RATE_LEAST, RATE_MAX);
        break;
    case OPTION_RESOLVER_RATE:
        options->resolver_rate =
            strcmp(optarg, "adaptive") == 0 ? 0 : number(name, optarg, RATE_LEAST, RATE_MAX);
        break;
    case OPTION_REPS:
        options->repetitions = (unsigned)whole(name, optarg, 1, REPETITIONS_MAX);
        break;
    case OPTION_SEED:
        options->seed = whole(name, optarg, 0, SEED_MAX);
        break;
    default:
        if (!output_option(&options->output, option, optarg))
            take_text(options, option);
    }
}

/* ---- what belongs together ---- */

static void complete(struct watch_options *options)
{
    struct error error;
    if (!options->name || !name_from_text(options->name, options->owner))
        wrong_usage("a --name is missing, or is no domain name");
    if (!rrtype_from_text(options->type, &options->wanted.rrtype) ||
        (options->wanted.rrtype != RRTYPE_MX && options->wanted.rrtype != RRTYPE_SRV &&
         options->wanted.rrtype != RRTYPE_A && options->wanted.rrtype != RRTYPE_AAAA))
        wrong_usage("--type is MX, SRV, A or AAAA");
    if (options->nhosts == 0)
        wrong_usage("a --host is missing");
    for (size_t i = 0; i < options->nhosts; i++)
        if (!wanted_add(&options->wanted, options->hosts[i], &error))
            wrong_usage(error.text);
    if (options->nservers + options->nresolvers == 0)
        wrong_usage("there is nobody to ask: --server, --resolver");
    if (options->probe && !liveness_parse(options->probe, &options->target, &error))
        wrong_usage(error.text);
    if (!options->break_command != !options->mend_command)
        wrong_usage("--break and --mend come together");
}

/* A number that people can type again. */
static uint64_t random_seed(void)
{
    uint32_t seed = 1;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
        seed = 1;
    return seed % 1000000;
}

static bool is_of_experiment(int option)
{
    return option == OPTION_REPS || option == OPTION_SETTLE || option == OPTION_SPREAD ||
           option == OPTION_SEED;
}

void watch_options_read(int argc, char **argv, struct watch_options *options)
{
    const char *idle = NULL;
    int option;
    *options = (struct watch_options){
        .type = "MX",
        .rate = 10,
        .repetitions = 10,
        .settle_s = 2,
        .patience_s = 120,
        .return_patience_s = 1800,
        .seed = random_seed(),
        .system = "",
        .kind = "",
    };
    opterr = 0;
    while ((option = getopt_long(argc, argv, "h", names, NULL)) != -1) {
        if (option == '?')
            wrong_option(argv[optind - 1], "is no option, or lacks its value");
        if (is_of_experiment(option))
            idle = name_of(option);
        take(options, option);
    }
    if (optind < argc)
        wrong_option(argv[optind], "is no option");
    complete(options);
    if (idle && !options->break_command)
        wrong_option(idle, "says nothing without --break and --mend");
}
