/* SPDX-License-Identifier: BSD-2-Clause */
#include "watch_options.h"

#include "../drill.h"
#include "../options.h"
#include "wire/rrtype.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Who is asked less often is taken for silent. Servers and resolvers may be other people's: nobody
 * takes the most for an attack. */
enum { RATE_LEAST = 1, RATE_MAX = 100, REPETITIONS_MAX = 10000, DAY_MS = 86400 * 1000 };
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
    "  --seconds D         ends after that (when all is done, or by Ctrl-C)\n"
    "the experiment:\n"
    "  --break COMMAND     breaks the host\n"
    "  --mend COMMAND      mends it: whatever happens, this comes last\n"
    "  --reps N            so many times (10)\n"
    "  --settle D          all must be well for so long before (2s), within --patience\n"
    "  --patience D        then a failure was never noticed (2m)\n"
    "  --return-patience D then it does not come back, and the experiment ends (30m)\n"
    "  --spread D          random phases are spread over (the longest TTL, and 2 s)\n"
    "  --seed N            of the phases (random)\n"
    "what it is called:\n"
    "  --system NAME, --kind NAME  who does the failover, how the host is broken\n";
static const char end_text[] =
    "  -h, --help\n"
    "D: as 500ms, 10s, 5m, or in seconds. Ctrl-C, and Ctrl-Z, too, mend the host first.\n"
    "Exit status: 0 all failures were noticed, 1 one was never, 2 wrong usage, 3 it could not be\n"
    "done, or not to the end.\n";

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

static const struct option rows[] = {
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

static const struct usage usage = {"watch", rows};

static double seconds(int option, int64_t least_ms, int64_t most_ms, bool zero)
{
    const struct duration_range range = {least_ms, most_ms, .zero = zero};
    return (double)usage_duration_ms(&usage, option, optarg, &range) / 1000;
}

static void take_times(struct watch_options *options, int option)
{
    switch (option) {
    case OPTION_SECONDS:
        options->seconds = seconds(option, 100, INT64_C(366) * DAY_MS, false);
        break;
    case OPTION_SETTLE:
        options->settle_s = seconds(option, 1, DAY_MS, true);
        break;
    case OPTION_PATIENCE:
        options->patience_s = seconds(option, 100, DAY_MS, false);
        break;
    case OPTION_RETURN_PATIENCE:
        options->return_patience_s = seconds(option, 100, DAY_MS, false);
        break;
    case OPTION_SPREAD:
        options->spread_s = seconds(option, 1, DAY_MS, false);
        break;
    default:
        output_option(&usage, &options->output, option, optarg);
    }
}

static void add_place(int option, struct watch_place *places, size_t *count)
{
    if (*count == PLACES_MAX)
        usage_wrong(&usage, option, "there are too many of them");
    struct watch_place *place = &places[*count];
    usage_place(&usage, option, optarg, &place->address, &place->port);
    for (size_t i = 0; i < *count; i++)
        if (places[i].port == place->port && address_equal(&places[i].address, &place->address))
            usage_twice(&usage, option, optarg);
    (*count)++;
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
            usage_wrong(&usage, option, "there are too many of them");
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
    switch (option) {
    case 'h':
        fputs(usage_text, stdout);
        fputs(output_help, stdout);
        fputs(end_text, stdout);
        exit(DRILL_DONE);
    case OPTION_SERVER:
        add_place(option, options->servers, &options->nservers);
        break;
    case OPTION_RESOLVER:
        add_place(option, options->resolvers, &options->nresolvers);
        break;
    case OPTION_RATE:
        options->rate = usage_decimal(&usage, option, optarg, RATE_LEAST, RATE_MAX);
        break;
    case OPTION_RESOLVER_RATE:
        options->resolver_rate = strcmp(optarg, "adaptive") == 0
                                     ? 0
                                     : usage_decimal(&usage, option, optarg, RATE_LEAST, RATE_MAX);
        break;
    case OPTION_REPS:
        options->repetitions = (unsigned)usage_number(&usage, option, optarg, 1, REPETITIONS_MAX);
        break;
    case OPTION_SEED:
        options->seed = (uint64_t)usage_number(&usage, option, optarg, 0, SEED_MAX);
        break;
    default:
        take_text(options, option);
    }
}

/* ---- what belongs together ---- */

static void complete(struct watch_options *options)
{
    struct error error;
    if (!options->name)
        usage_wrong(&usage, 0, "--name is missing");
    if (!name_from_text(options->name, options->owner))
        usage_wrong(&usage, OPTION_NAME, "'%.100s' is no domain name", options->name);
    if (!rrtype_from_text(options->type, &options->wanted.rrtype) ||
        (options->wanted.rrtype != RRTYPE_MX && options->wanted.rrtype != RRTYPE_SRV &&
         options->wanted.rrtype != RRTYPE_A && options->wanted.rrtype != RRTYPE_AAAA))
        usage_wrong(&usage, OPTION_TYPE, "'%.100s' is none of: MX, SRV, A, AAAA", options->type);
    if (options->nhosts == 0)
        usage_wrong(&usage, 0, "--host is missing");
    for (size_t i = 0; i < options->nhosts; i++)
        if (!wanted_add(&options->wanted, options->hosts[i], &error))
            usage_wrong(&usage, OPTION_HOST, "%s", error.text);
    if (options->nservers + options->nresolvers == 0)
        usage_wrong(&usage, 0, "there is nobody to ask: --server, --resolver");
    if (options->probe && !liveness_parse(options->probe, &options->target, &error))
        usage_wrong(&usage, OPTION_PROBE, "%s", error.text);
    if (!options->break_command != !options->mend_command)
        usage_wrong(&usage, 0, "--break and --mend come together");
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
    int option, idle = 0;
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
    while ((option = usage_next(&usage, argc, argv)) != -1) {
        if (is_of_experiment(option))
            idle = option;
        take(options, option);
    }
    if (optind < argc)
        usage_idle(&usage, argv[optind]);
    complete(options);
    if (idle && !options->break_command)
        usage_wrong(&usage, idle, "says nothing without --break and --mend");
}
