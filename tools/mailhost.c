/* SPDX-License-Identifier: BSD-2-Clause */
/* mailhost: a small mail host for tests and demonstrations. It speaks SMTP, IMAP and POP3 well
 * enough for real clients and for a prober, and can die in every way that mail hosts die. See
 * mailhost(1). */
#include "base/error.h"
#include "base/memory.h"
#include "mailhost/certificate.h"
#include "mailhost/control.h"
#include "mailhost/listener.h"

#include <event2/event.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SESSIONS_DEFAULT = 1000, IDLE_DEFAULT_S = 60, BEHAVE_MAX = 64 };

/* Standard streams, event loop, control socket and its clients. */
enum { DESCRIPTORS_BESIDE = 64 };

struct options {
    const char *control;
    const char *tell;
    const char *cert;
    const char *key;
    const char *write_cert;
    const char *behave[BEHAVE_MAX];
    size_t behave_count;
    bool with_parent;
};

static const char USAGE[] =
    "usage: mailhost --listen PROTOCOL:ADDRESS[/BITS][@PORT][,MODE] [--listen ...]\n"
    "                [--name NAME] [--behave 'WHERE MODE'] [--control PATH] [--with-parent]\n"
    "                [--cert FILE --key FILE] [--write-cert FILE]\n"
    "                [--idle SECONDS] [--max-connections N]\n"
    "       mailhost --tell PATH COMMAND\n"
    "PROTOCOL: smtp, submission, smtps, imap, imaps, pop3, pop3s, tcp.\n"
    "Prints \"ready\" when all sockets listen, then takes commands by standard input: `help` names "
    "all.\n";

static bool options_number(const char *name, const char *text, uint32_t *number,
                           struct error *error)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text == '-' || end == text || *end != '\0' || value == 0 || value > 1000000)
        return error_set(error, "--%s %s: needs a number from 1 to 1000000", name, text);
    *number = (uint32_t)value;
    return true;
}

static bool options_add_behave(struct options *options, const char *text, struct error *error)
{
    if (options->behave_count == BEHAVE_MAX)
        return error_set(error, "--behave: at most %d times", BEHAVE_MAX);
    options->behave[options->behave_count++] = text;
    return true;
}

static bool options_take(struct options *options, struct host *host, int letter,
                         struct error *error)
{
    switch (letter) {
    case 'l':
        return host_add(host, optarg, error);
    case 'n':
        host->name = optarg;
        return true;
    case 'b':
        return options_add_behave(options, optarg, error);
    case 'c':
        options->control = optarg;
        return true;
    case 't':
        options->tell = optarg;
        return true;
    case 'C':
        options->cert = optarg;
        return true;
    case 'K':
        options->key = optarg;
        return true;
    case 'W':
        options->write_cert = optarg;
        return true;
    case 'p':
        options->with_parent = true;
        return true;
    case 'i':
        return options_number("idle", optarg, &host->idle_s, error);
    case 'm':
        return options_number("max-connections", optarg, &host->sessions_max, error);
    default:
        return error_set(error, "`mailhost --help` tells the options");
    }
}

static bool options_check(const struct options *options, const struct host *host, int words,
                          struct error *error)
{
    if (options->tell)
        return words > 0 || error_set(error, "--tell %s: needs a command", options->tell);
    if (words > 0)
        return error_set(error, "words without an option; `mailhost --help` tells the options");
    if (host->listener_count == 0)
        return error_set(error, "nothing to listen on: give --listen, such as "
                                "--listen smtp:127.0.0.11@2525");
    if (!options->cert != !options->key)
        return error_set(error, "--cert and --key go together");
    if (strlen(host->name) > 253 || strpbrk(host->name, " \r\n%"))
        return error_set(error, "--name \"%s\": no host name", host->name);
    return true;
}

static bool options_parse(struct options *options, struct host *host, int argc, char **argv,
                          struct error *error)
{
    static const struct option table[] = {
        {"listen", required_argument, NULL, 'l'},
        {"name", required_argument, NULL, 'n'},
        {"behave", required_argument, NULL, 'b'},
        {"control", required_argument, NULL, 'c'},
        {"tell", required_argument, NULL, 't'},
        {"cert", required_argument, NULL, 'C'},
        {"key", required_argument, NULL, 'K'},
        {"write-cert", required_argument, NULL, 'W'},
        {"with-parent", no_argument, NULL, 'p'},
        {"idle", required_argument, NULL, 'i'},
        {"max-connections", required_argument, NULL, 'm'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int letter;
    while ((letter = getopt_long(argc, argv, "+h", table, NULL)) != -1) {
        if (letter == 'h') {
            fputs(USAGE, stdout);
            exit(0);
        }
        if (!options_take(options, host, letter, error))
            return false;
    }
    return options_check(options, host, argc - optind, error);
}

/* Each listener takes a descriptor, two where its door is blocked; each session takes one. */
static bool mailhost_raise_limit(struct host *host, struct error *error)
{
    struct rlimit limit;
    rlim_t listeners = host->listener_count;
    rlim_t wanted = 2 * listeners + host->sessions_max + DESCRIPTORS_BESIDE;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return true;
    struct rlimit raised = {wanted, limit.rlim_max > wanted ? limit.rlim_max : wanted};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
        return true;
    raised = (struct rlimit){limit.rlim_max, limit.rlim_max};
    setrlimit(RLIMIT_NOFILE, &raised);
    rlim_t least = listeners + DESCRIPTORS_BESIDE;
    if (limit.rlim_max <= least)
        return error_set(error,
                         "%zu listeners need more than %ju descriptors, the limit is %ju: "
                         "raise `ulimit -Hn` or listen on fewer addresses",
                         host->listener_count, (uintmax_t)least, (uintmax_t)limit.rlim_max);
    if (host->sessions_max > limit.rlim_max - least)
        host->sessions_max = (uint32_t)(limit.rlim_max - least);
    return true;
}

/* A parent that dies takes us with it. One that died before this call has left us to another. */
static void mailhost_follow_parent(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        exit(0);
}

/* A standard stream that is closed would be the number of the next socket, and that be written to.
 */
static void mailhost_fill_streams(void)
{
    int fd;
    while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
        ;
    if (fd >= 0)
        close(fd);
}

static void mailhost_on_signal(evutil_socket_t number, short what, void *argument)
{
    (void)number;
    (void)what;
    event_base_loopbreak(argument);
}

static bool mailhost_prepare(struct host *host, const struct options *options, struct error *error)
{
    if (!certificates_make(&host->certificates, host->name, options->cert, options->key, error))
        return false;
    if (options->write_cert && !certificates_write(&host->certificates, options->write_cert, error))
        return false;
    if (!mailhost_raise_limit(host, error) || !host_open(host, error))
        return false;
    struct error reason;
    for (size_t i = 0; i < options->behave_count; i++) {
        if (!host_command(host, options->behave[i], &reason))
            return error_set(error, "--behave '%s': %s", options->behave[i], reason.text);
    }
    return true;
}

static void mailhost_loop(struct host *host, struct control *control, const struct options *options)
{
    struct event *on_term = evsignal_new(host->base, SIGTERM, mailhost_on_signal, host->base);
    struct event *on_int = evsignal_new(host->base, SIGINT, mailhost_on_signal, host->base);
    if (!on_term || !on_int)
        memory_exhausted(sizeof(void *));
    event_add(on_term, NULL);
    event_add(on_int, NULL);
    puts("ready");
    fflush(stdout);
    control_start_stdin(control, options->with_parent);
    event_base_dispatch(host->base);
    event_free(on_term);
    event_free(on_int);
}

static bool mailhost_run(struct host *host, const struct options *options, struct error *error)
{
    struct control *control = NULL;
    bool done = mailhost_prepare(host, options, error) &&
                (control = control_new(host, options->control, error)) != NULL;
    if (done)
        mailhost_loop(host, control, options);
    control_free(control);
    host_close(host);
    certificates_free(&host->certificates);
    return done;
}

int main(int argc, char **argv)
{
    pid_t parent = getppid();
    struct options options = {0};
    struct error error;
    struct host host = {
        .name = "mailhost.test", .sessions_max = SESSIONS_DEFAULT, .idle_s = IDLE_DEFAULT_S};
    TAILQ_INIT(&host.paused);
    mailhost_fill_streams();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTTIN,
           SIG_IGN); /* started with & from a shell, reading fails instead of stopping us */
    bool done = options_parse(&options, &host, argc, argv, &error);
    if (done && options.tell)
        return control_tell(options.tell, argv + optind, argc - optind);
    if (done && options.with_parent)
        mailhost_follow_parent(parent);
    if (done) {
        host.base = event_base_new();
        if (!host.base)
            memory_exhausted(sizeof(host));
        done = mailhost_run(&host, &options, &error);
        event_base_free(host.base);
    } else {
        host_close(&host);
    }
    libevent_global_shutdown();
    if (!done)
        fprintf(stderr, "mailhost: %s\n", error.text);
    return done ? 0 : 1;
}
