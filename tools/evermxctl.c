/* SPDX-License-Identifier: BSD-2-Clause */
/* evermxctl(1): sends one request to evermxd's control socket, and prints its answer for people, or
 * as it is (--json). Whatever the server says is made printable first: a mail host's reply is in
 * it. */
#include "base/diagnostics.h"
#include "base/memory.h"
#include "config/config.h"
#include "evermxctl/ask.h"
#include "evermxctl/print.h"
#include "evermxctl/wait.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/evermx/evermx.yaml"

struct options {
    const char *socket, *config;
    bool json, coloured, follow, wait;
    double timeout_s; /* of --wait; 0: none */
    size_t events;    /* the last ones, at most so many */
};

/* ---- the command line ---- */

static const char usage_text[] =
    "usage: evermxctl [-s PATH | -c FILE] [--json] [--color[=WHEN]] COMMAND\n"
    "  status                    targets, pools, and zones whose files are bad\n"
    "  explain NAME [TYPE]       what is answered, what is held back, and why (type: MX)\n"
    "  events [N]                what has happened: the last N events, the oldest first\n"
    "  drain HOST [--wait]       take a host out of the answers: it is going to be stopped; wait\n"
    "                            until no resolver holds it any more\n"
    "  drained HOST              how far that is\n"
    "  undrain HOST              let its probes decide again\n"
    "  force HOST up|down|auto   set a verdict by hand; auto: undo it\n"
    "  reload                    read what has changed of configuration, zones and lists\n"
    "  metrics                   numbers of the server, as Prometheus reads them\n"
    "  stop                      end evermxd\n"
    "options:\n"
    "  -s PATH         the control socket (default: $EVERMX_CONTROL, or the configuration's)\n"
    "  -c FILE         the configuration that names it (default: " DEFAULT_CONFIG ")\n"
    "  --json          print the answer as JSON\n"
    "  --follow        events: go on showing what happens, until interrupted (N: 10)\n"
    "  --wait          drain: end when the host may be stopped (0), or cannot be (1)\n"
    "  --timeout S     --wait: give up after so many seconds (1)\n"
    "  --color[=WHEN]  always, never, or auto: on a terminal, unless $NO_COLOR is set\n"
    "  -V, -h          print the version; this help\n";

_Noreturn static void wrong_usage(const char *what, const char *argument)
{
    fprintf(stderr, "evermxctl: %s%s\n%s", what, argument, usage_text);
    exit(EXIT_WRONG_USAGE);
}

static bool is_coloured(const char *when)
{
    if (strcmp(when, "always") == 0)
        return true;
    if (strcmp(when, "never") == 0)
        return false;
    if (strcmp(when, "auto") != 0)
        wrong_usage("--color takes always, never or auto, not ", when);
    const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no_color && *no_color) &&
           !(terminal && strcmp(terminal, "dumb") == 0);
}

static double read_seconds(const char *text)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end || !(seconds > 0 && seconds < 1e6))
        wrong_usage("--timeout takes a number of seconds, not ", text);
    return seconds;
}

static void read_options(int argc, char **argv, struct options *options)
{
    enum { OPTION_JSON = 256, OPTION_FOLLOW, OPTION_COLOUR, OPTION_WAIT, OPTION_TIMEOUT };
    static const struct option names[] = {
        {"json", no_argument, NULL, OPTION_JSON},
        {"follow", no_argument, NULL, OPTION_FOLLOW},
        {"wait", no_argument, NULL, OPTION_WAIT},
        {"timeout", required_argument, NULL, OPTION_TIMEOUT},
        {"color", optional_argument, NULL, OPTION_COLOUR},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;
    options->coloured = is_coloured("auto");
    while ((option = getopt_long(argc, argv, "s:c:Vh", names, NULL)) != -1) {
        switch (option) {
        case 's':
            options->socket = optarg;
            break;
        case 'c':
            options->config = optarg;
            break;
        case OPTION_JSON:
            options->json = true;
            break;
        case OPTION_FOLLOW:
            options->follow = true;
            break;
        case OPTION_WAIT:
            options->wait = true;
            break;
        case OPTION_TIMEOUT:
            options->timeout_s = read_seconds(optarg);
            break;
        case OPTION_COLOUR:
            options->coloured = is_coloured(optarg ? optarg : "always");
            break;
        case 'V':
            puts("evermxctl " EVERMX_VERSION);
            exit(EXIT_SUCCESS);
        case 'h':
            fputs(usage_text, stdout);
            exit(EXIT_SUCCESS);
        default:
            exit(EXIT_WRONG_USAGE); /* getopt has said why */
        }
    }
}

/* Words that a server could read otherwise than they were meant are refused here. */
static char *request_of(char **words)
{
    char *request = memory_strdup("");
    for (; *words; words++) {
        if (!**words || strpbrk(*words, " \t\r\n"))
            wrong_usage("no argument may be empty or hold a blank: ", *words);
        char *longer = memory_printf("%s%s%s", request, *request ? " " : "", *words);
        free(request);
        request = longer;
    }
    char *line = memory_printf("%s\n", request);
    free(request);
    return line;
}

/* The control socket that a configuration names; the built-in default when there is none. */
static char *socket_of_config(const char *file)
{
    struct diagnostics diagnostics;
    const char *path = file ? file : DEFAULT_CONFIG;
    bool is_there = file || access(path, R_OK) == 0;
    diagnostics_init(&diagnostics);
    struct config *config = is_there ? config_load_bare(path, &diagnostics) : config_new();
    if (!config && file) {
        diagnostics_print(&diagnostics, stderr);
        exit(EXIT_WRONG_USAGE);
    }
    if (!config)
        config = config_new();
    char *control = memory_strdup(config->control);
    config_free(config);
    diagnostics_free(&diagnostics);
    return control;
}

static char *socket_path(const struct options *options)
{
    const char *environment = getenv("EVERMX_CONTROL");
    if (options->socket)
        return memory_strdup(options->socket);
    if (!options->config && environment && *environment)
        return memory_strdup(environment);
    return socket_of_config(options->config);
}

/* Of events, all but the last ones are left out. */
static void keep_last(json_t *answer, size_t most)
{
    json_t *list = json_object_get(answer, "events");
    while (json_array_size(list) > most)
        json_array_remove(list, 0);
}

/* Asks once, and prints; returns the exit status. *last: the number of the last event, where it is
 * events. */
static int run(const char *path, const char *word, const char *request,
               const struct options *options, json_int_t *last)
{
    json_t *answer = ask_server(path, request);
    keep_last(answer, options->events);
    bool good = options->json ? print_json(answer) : print_answer(word, options->coloured, answer);
    good &= !json_is_false(json_object_get(answer, "finished"));
    bool whole = json_integer_value(json_object_get(answer, "errors")) == 0;
    *last = json_integer_value(json_object_get(answer, "last"));
    json_decref(answer);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "evermxctl: writing the answer: %s\n", strerror(errno));
        return EXIT_REFUSED;
    }
    return !good ? EXIT_REFUSED : whole ? EXIT_SUCCESS : EXIT_IN_PART;
}

/* False: nobody reads on, which is not seen by writing where nothing happens. */
static bool pause_is_over(void)
{
    enum { PAUSE_MS = 500 };
    struct pollfd output = {.fd = STDOUT_FILENO};
    return poll(&output, 1, PAUSE_MS) <= 0;
}

/* Until it is interrupted, nobody reads on, or evermxd has ended. */
static int follow(const char *path, struct options *options, json_int_t last)
{
    int status = EXIT_SUCCESS;
    options->events = SIZE_MAX;
    while (status == EXIT_SUCCESS && pause_is_over()) {
        char *request = memory_printf("events %" JSON_INTEGER_FORMAT "\n", last);
        json_int_t before = last;
        status = run(path, "events", request, options, &last);
        if (last < before) /* another evermxd, which counts from the start */
            last = 0;
        free(request);
    }
    return status;
}

/* How many events; the number is not for evermxd, which takes that of an event. */
static void read_events(char **words, struct options *options)
{
    char *end;
    if (!words[0] || strcmp(words[0], "events") != 0) {
        if (options->follow)
            wrong_usage("--follow is for events", "");
        return;
    }
    if (options->follow && options->json)
        wrong_usage("--follow is not for --json", "");
    options->events = options->follow ? 10 : SIZE_MAX;
    if (!words[1])
        return;
    options->events = strtoul(words[1], &end, 10);
    if (*end || *words[1] < '0' || *words[1] > '9')
        wrong_usage("events takes a number, not ", words[1]);
    words[1] = NULL;
}

static void check_wait(const char *word, const struct options *options)
{
    if (options->wait && strcmp(word, "drain") != 0)
        wrong_usage("--wait is for drain", "");
    if (options->timeout_s > 0 && !options->wait)
        wrong_usage("--timeout is for --wait", "");
}

int main(int argc, char **argv)
{
    struct options options = {0};
    read_options(argc, argv, &options);
    const char *word = argv[optind];
    if (!word)
        wrong_usage("no command", "");
    enum print_known known = print_knows(word, (size_t)(argc - optind - 1));
    if (known != PRINT_KNOWN)
        wrong_usage(known == PRINT_UNKNOWN ? "no such command: " : "wrong number of words for ",
                    word);
    read_events(argv + optind, &options);
    check_wait(word, &options);
    char *request = request_of(argv + optind), *path = socket_path(&options);
    json_int_t last;
    const struct wait_options wait = {
        .path = path,
        .host = argv[optind + 1],
        .json = options.json,
        .coloured = options.coloured,
        .timeout_s = options.timeout_s,
    };
    int status =
        options.wait ? wait_for_drain(&wait, request) : run(path, word, request, &options, &last);
    if (status == EXIT_SUCCESS && options.follow)
        status = follow(path, &options, last);
    free(request);
    free(path);
    return status;
}
