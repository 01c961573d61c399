/* SPDX-License-Identifier: BSD-2-Clause */
/* evermxctl(1): sends one request to evermxd's control socket, and prints its answer for people, or
 * as it is (--json). Whatever the server says is made printable first: a mail host's reply is in
 * it. */
#include "base/diagnostics.h"
#include "base/memory.h"
#include "config/config.h"
#include "evermxctl/print.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/evermx/evermx.yaml"

/* As long as evermxd takes at most: 10 s in its queue, 5 s for the engine, and a large reload. */
enum { PATIENCE_S = 120, ANSWER_MAX = 256 << 20 };

enum exit_status {
    EXIT_REFUSED = 1,
    EXIT_WRONG_USAGE = 2,
    EXIT_NO_SERVER = 3,
    EXIT_IN_PART = 4, /* a reload that left out what is bad */
};

struct options {
    const char *socket, *config;
    bool json, coloured, follow;
    size_t events; /* the last ones, at most so many */
};

/* ---- the socket ---- */

_Noreturn static void no_server(const char *path, const char *why, const char *hint)
{
    fprintf(stderr, "evermxctl: %s: %s%s\n", path, why, hint);
    exit(EXIT_NO_SERVER);
}

_Noreturn static void cannot_connect(const char *path, int reason)
{
    const char *hint = "";
    if (reason == ENOENT)
        hint =
            "; does evermxd run, and with this control socket? (-s PATH or -c FILE names another)";
    else if (reason == ECONNREFUSED)
        hint = "; nobody listens there: evermxd does not run, or was killed";
    else if (reason == EACCES || reason == EPERM)
        hint = "; only root, evermxd's user and its group may: use sudo, or join the group";
    no_server(path, strerror(reason), hint);
}

static int open_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {PATIENCE_S, 0};
    if (strlen(path) >= sizeof address.sun_path)
        no_server(path, "too long for the path of a socket", "");
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0 ||
        connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        cannot_connect(path, errno);
    return fd;
}

/* All until end of file, as text. */
static char *receive(int fd, const char *path)
{
    size_t size = 0, capacity = 4096;
    char *text = memory_array(capacity, 1);
    for (;;) {
        ssize_t got = recv(fd, text + size, capacity - size - 1, 0);
        if (got == 0 || (got < 0 && errno == ECONNRESET && size > 0))
            break;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            no_server(path, "no answer", errno == EAGAIN ? " in time: evermxd is stuck" : "");
        size += (size_t)got;
        if (size > ANSWER_MAX)
            no_server(path, "the answer has no end", "");
        if (capacity - size < 2)
            text = memory_resize(text, capacity *= 2, 1);
    }
    text[size] = '\0';
    return text;
}

static json_t *ask(const char *path, const char *request)
{
    int fd = open_socket(path);
    json_error_t error;
    size_t size = strlen(request);
    if (send(fd, request, size, MSG_NOSIGNAL) != (ssize_t)size)
        no_server(path, "sending the request: ", strerror(errno));
    char *text = receive(fd, path);
    close(fd);
    json_t *answer = json_loads(text, 0, &error);
    if (!json_is_object(answer))
        no_server(path,
                  *text ? "this is no answer of evermxd's"
                        : "the connection ended without an answer; see evermxd's log",
                  "");
    free(text);
    return answer;
}

/* ---- the command line ---- */

static const char usage_text[] =
    "usage: evermxctl [-s PATH | -c FILE] [--json] [--color[=WHEN]] COMMAND\n"
    "  status                    targets, pools, and zones whose files are bad\n"
    "  explain NAME [TYPE]       what is answered, what is held back, and why (type: MX)\n"
    "  events [N]                what has happened: the last N events, the oldest first\n"
    "  drain HOST                take a host out of the answers: it is going to be stopped\n"
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

static void read_options(int argc, char **argv, struct options *options)
{
    enum { OPTION_JSON = 256, OPTION_FOLLOW, OPTION_COLOUR };
    static const struct option names[] = {
        {"json", no_argument, NULL, OPTION_JSON},
        {"follow", no_argument, NULL, OPTION_FOLLOW},
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

static bool print_json(const json_t *answer)
{
    json_dumpf(answer, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(12));
    putchar('\n');
    return !json_object_get(answer, "error");
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
    json_t *answer = ask(path, request);
    keep_last(answer, options->events);
    bool good = options->json ? print_json(answer) : print_answer(word, options->coloured, answer);
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
    char *request = request_of(argv + optind), *path = socket_path(&options);
    json_int_t last;
    int status = run(path, word, request, &options, &last);
    if (status == EXIT_SUCCESS && options.follow)
        status = follow(path, &options, last);
    free(request);
    free(path);
    return status;
}
