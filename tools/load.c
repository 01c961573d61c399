/* SPDX-License-Identifier: BSD-2-Clause */
/* load: asks a DNS server as fast as it answers, or at a rate, and counts what is right. See
 * load(1). */
#include "load/drive.h"
#include "load/echo.h"
#include "load/report.h"

#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum exit_status { EXIT_NOT_ALL_RIGHT = 1, EXIT_WRONG_USAGE = 2, EXIT_NO_SERVER = 3 };

/* Bounds, so that nothing runs for ever or fills the machine. */
enum {
    SOCKETS_MAX = 1024,
    WINDOW_MAX = 4096,
    TRAIN_MAX = 64,
    LENGTH_MAX_S = 3600,
    ECHO_LENGTH_S = 600,
};

/* To other machines, who did not ask for a load. */
enum { BEYOND_RATE_MAX = 10000, BEYOND_LENGTH_MAX_S = 60, BEYOND_SOCKETS_MAX = 16 };

struct options {
    struct drive_options drive;
    struct echo_options echo;
    const char *file, *mix;
    double length_s, warm_up_s, timeout_s;
    int cpu;
    bool is_echo, brief, no_edns, beyond_loopback;
};

static const char usage_text[] =
    "usage: load [OPTION ...] ADDRESS[@PORT]            asks the server there\n"
    "       load --echo [OPTION ...] ADDRESS@PORT       answers there: the ceiling of all servers\n"
    "queries:\n"
    "  -f, --file FILE     lines NAME TYPE [RCODE|NODATA|ANY]; -: standard input\n"
    "  -m, --mix ZONE      without a file, questions as of a mail zone (example.test)\n"
    "  --no-edns           without EDNS\n"
    "how:\n"
    "  -t, --tcp           TCP, not UDP\n"
    "  -c, --sockets N     sockets or connections (UDP 4, TCP 64)\n"
    "  -w, --window N      queries under way on each (UDP 48, TCP 1, at a rate 1000)\n"
    "  -r, --rate N        queries a second (as fast as answers come)\n"
    "  --train N           UDP: queries that the kernel takes as one (1)\n"
    "  --cpu N, --spin     stay on this CPU; do not sleep while nothing comes\n"
    "how long:\n"
    "  -l, --seconds S     measured time (2), after\n"
    "  -u, --warm-up S     (0.2)\n"
    "  -n, --count N       so many queries instead\n"
    "  --timeout S         until a query is lost (1)\n"
    "what is told:\n"
    "  -p, --pid PID       also the CPU time of this process\n"
    "  --unchecked         rcode and records may be any: the server is an echo\n"
    "  -b, --brief         one line of key=value\n"
    "echo:\n"
    "  --octets N          answers are longer than queries by so much (100)\n"
    "  --drop N, --spoil N no answer, or a wrong one, to each N-th query\n"
    "  -l, --seconds S     then it ends (600)\n"
    "  --beyond-loopback   also to other machines; needs a --rate of at most 10000\n"
    "  -V, -h, --version, --help\n"
    "Exit status: 0 all right, 1 wrong or lost answers, 2 wrong usage, 3 no server.\n";

_Noreturn static void wrong_usage(const char *format, const char *argument)
{
    fputs("load: ", stderr);
    fprintf(stderr, format, argument); /* NOLINT: constants of this file */
    fputs("; `load --help` tells the options\n", stderr);
    exit(EXIT_WRONG_USAGE);
}

/* ---- numbers ---- */

static double number(const char *text, double least, double most)
{
    char *end;
    double value = strtod(text, &end);
    if (end != text && *end == '\0' && value >= least && value <= most)
        return value;
    fprintf(stderr, "load: '%s' is no number from %g to %.0f; `load --help` tells the options\n",
            text, least, most);
    exit(EXIT_WRONG_USAGE);
}

static unsigned whole(const char *text, double least, double most)
{
    double value = number(text, least, most);
    if (value != (double)(uint64_t)value)
        wrong_usage("'%s' is no whole number", text);
    return (unsigned)value;
}

/* ---- options ---- */

enum {
    OPTION_ECHO = 256,
    OPTION_NO_EDNS,
    OPTION_TRAIN,
    OPTION_CPU,
    OPTION_SPIN,
    OPTION_TIMEOUT,
    OPTION_UNCHECKED,
    OPTION_OCTETS,
    OPTION_DROP,
    OPTION_SPOIL,
    OPTION_BEYOND,
};

static const struct option names[] = {
    {"file", required_argument, NULL, 'f'},
    {"mix", required_argument, NULL, 'm'},
    {"no-edns", no_argument, NULL, OPTION_NO_EDNS},
    {"tcp", no_argument, NULL, 't'},
    {"sockets", required_argument, NULL, 'c'},
    {"window", required_argument, NULL, 'w'},
    {"rate", required_argument, NULL, 'r'},
    {"train", required_argument, NULL, OPTION_TRAIN},
    {"cpu", required_argument, NULL, OPTION_CPU},
    {"spin", no_argument, NULL, OPTION_SPIN},
    {"seconds", required_argument, NULL, 'l'},
    {"warm-up", required_argument, NULL, 'u'},
    {"count", required_argument, NULL, 'n'},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"pid", required_argument, NULL, 'p'},
    {"unchecked", no_argument, NULL, OPTION_UNCHECKED},
    {"brief", no_argument, NULL, 'b'},
    {"echo", no_argument, NULL, OPTION_ECHO},
    {"octets", required_argument, NULL, OPTION_OCTETS},
    {"drop", required_argument, NULL, OPTION_DROP},
    {"spoil", required_argument, NULL, OPTION_SPOIL},
    {"beyond-loopback", no_argument, NULL, OPTION_BEYOND},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static bool take_echo_option(struct echo_options *echo, int letter)
{
    switch (letter) {
    case OPTION_OCTETS:
        echo->octets = whole(optarg, 0, 1000);
        return true;
    case OPTION_DROP:
        echo->drop = whole(optarg, 1, 1e9);
        return true;
    case OPTION_SPOIL:
        echo->spoil = whole(optarg, 1, 1e9);
        return true;
    default:
        return false;
    }
}

static bool take_drive_option(struct drive_options *drive, int letter)
{
    switch (letter) {
    case 't':
        drive->tcp = true;
        return true;
    case 'c':
        drive->sockets = whole(optarg, 1, SOCKETS_MAX);
        return true;
    case 'w':
        drive->window = whole(optarg, 1, WINDOW_MAX);
        return true;
    case 'r':
        drive->rate = number(optarg, 1, 1e7);
        return true;
    case OPTION_TRAIN:
        drive->train = whole(optarg, 1, TRAIN_MAX);
        return true;
    case OPTION_SPIN:
        drive->spin = true;
        return true;
    case 'n':
        drive->count = whole(optarg, 1, 4e9);
        return true;
    case 'p':
        drive->pid = (pid_t)whole(optarg, 1, 1 << 22);
        return true;
    case OPTION_UNCHECKED:
        drive->unchecked = true;
        return true;
    default:
        return false;
    }
}

static bool take_option(struct options *options, int letter)
{
    switch (letter) {
    case 'f':
        options->file = optarg;
        return true;
    case 'm':
        options->mix = optarg;
        return true;
    case OPTION_NO_EDNS:
        options->no_edns = true;
        return true;
    case OPTION_CPU:
        options->cpu = (int)whole(optarg, 0, CPU_SETSIZE - 1);
        return true;
    case 'l':
        options->length_s = number(optarg, 0.01, LENGTH_MAX_S);
        return true;
    case 'u':
        options->warm_up_s = number(optarg, 0, 60);
        return true;
    case OPTION_TIMEOUT:
        options->timeout_s = number(optarg, 0.01, 60);
        return true;
    case 'b':
        options->brief = true;
        return true;
    case OPTION_ECHO:
        options->is_echo = true;
        return true;
    case OPTION_BEYOND:
        options->beyond_loopback = true;
        return true;
    default:
        return take_drive_option(&options->drive, letter) ||
               take_echo_option(&options->echo, letter);
    }
}

static void read_options(int argc, char **argv, struct options *options)
{
    int letter;
    while ((letter = getopt_long(argc, argv, "f:m:tc:w:r:l:u:n:p:bVh", names, NULL)) != -1) {
        if (letter == 'V') {
            puts("load (evermx " EVERMX_VERSION ")");
            exit(EXIT_SUCCESS);
        }
        if (letter == 'h') {
            fputs(usage_text, stdout);
            exit(EXIT_SUCCESS);
        }
        if (!take_option(options, letter))
            exit(EXIT_WRONG_USAGE); /* getopt has said why */
    }
    if (optind != argc - 1)
        wrong_usage("%s", optind == argc ? "no ADDRESS@PORT" : "more than one ADDRESS@PORT");
    struct drive_options *drive = &options->drive;
    if (!endpoint_parse(argv[optind], 53, &drive->address, &drive->port))
        wrong_usage("'%s' is no ADDRESS@PORT, such as 127.0.0.1@5300 or [::1]@5300", argv[optind]);
}

/* ---- what fits together ---- */

static bool is_loopback(const struct address *address)
{
    static const uint8_t loopback6[16] = {[15] = 1};
    return address->family == 4 ? address->bytes[0] == 127
                                : memcmp(address->bytes, loopback6, sizeof loopback6) == 0;
}

static void check_address(const struct options *options, const char *text)
{
    const struct drive_options *drive = &options->drive;
    if (is_loopback(&drive->address))
        return;
    if (options->is_echo)
        wrong_usage("%s is no loopback address: an echo answers forged queries as well", text);
    if (!options->beyond_loopback)
        wrong_usage("%s is no loopback address: a load is an attack on whoever did not ask for it "
                    "(--beyond-loopback says that they did)",
                    text);
    if (drive->rate < 1 || drive->rate > BEYOND_RATE_MAX ||
        options->length_s > BEYOND_LENGTH_MAX_S || drive->sockets > BEYOND_SOCKETS_MAX)
        wrong_usage("%s is no loopback address: it takes a --rate of at most 10000, --seconds of "
                    "at most 60, --sockets of at most 16",
                    text);
    fprintf(stderr, "load: warning: sending %.0f queries a second to %s\n", drive->rate, text);
}

static void complete(struct options *options)
{
    struct drive_options *drive = &options->drive;
    if (options->file && options->mix)
        wrong_usage("%s", "--file and --mix are one or the other");
    if (drive->train > 1 && (drive->tcp || drive->rate > 0 || drive->count))
        wrong_usage("%s", "--train is for UDP without --rate and --count");
    if (!drive->sockets)
        drive->sockets = drive->tcp ? 64 : 4;
    if (!drive->window)
        drive->window = drive->rate > 0 ? 1000 : drive->tcp ? 1 : 48;
    if (drive->window < drive->train)
        wrong_usage("%s", "a --train is longer than the --window");
    if (options->length_s <= 0)
        options->length_s = options->is_echo ? ECHO_LENGTH_S : 2;
    drive->length_ns = (uint64_t)(options->length_s * 1e9);
    drive->warm_up_ns = drive->count ? 0 : (uint64_t)(options->warm_up_s * 1e9);
    drive->timeout_ns = (uint64_t)(options->timeout_s * 1e9);
    options->echo.address = drive->address;
    options->echo.port = drive->port;
    options->echo.length_s = 1 + (unsigned)options->length_s;
}

static void stay_on(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        wrong_usage("%s", "--cpu: there is no such CPU, or it is not ours");
}

static bool read_queries(const struct options *options, struct queries *queries,
                         struct error *error)
{
    queries->edns = !options->no_edns;
    bool good = options->file
                    ? queries_read(queries, options->file, error)
                    : queries_mix(queries, options->mix ? options->mix : "example.test", error);
    return good &&
           (options->drive.train == 1 || queries_regroup(queries, options->drive.train, error));
}

static int run_load(const struct options *options)
{
    struct queries queries = {0};
    struct drive drive = {0};
    struct error error;
    int status = EXIT_WRONG_USAGE;
    if (read_queries(options, &queries, &error)) {
        status = EXIT_NO_SERVER;
        if (drive_run(&drive, &options->drive, &queries, &error)) {
            (options->brief ? report_brief : report_print)(&drive);
            const struct tally *tally = &drive.tally;
            status = tally->wrong || tally->lost || !tally->sent ? EXIT_NOT_ALL_RIGHT : 0;
            if (!tally->right && !tally->wrong)
                status = EXIT_NO_SERVER;
            error_set(&error, "no answer came");
        }
        drive_free(&drive);
    }
    if (status > EXIT_NOT_ALL_RIGHT)
        fprintf(stderr, "load: %s\n", error.text);
    queries_free(&queries);
    return status;
}

int main(int argc, char **argv)
{
    struct options options = {.drive = {.train = 1},
                              .echo = {.octets = 100},
                              .warm_up_s = 0.2,
                              .timeout_s = 1,
                              .cpu = -1};
    struct error error;
    read_options(argc, argv, &options);
    complete(&options);
    check_address(&options, argv[optind]);
    if (options.cpu >= 0)
        stay_on(options.cpu);
    if (!options.is_echo)
        return run_load(&options);
    echo_run(&options.echo, &error);
    fprintf(stderr, "load: %s\n", error.text);
    return EXIT_NO_SERVER;
}
