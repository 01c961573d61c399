/* SPDX-License-Identifier: BSD-2-Clause */
#include "wait.h"

#include "ask.h"
#include "base/clock.h"
#include "base/memory.h"
#include "member.h"
#include "print.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { EACH_MS = 1000, SOON_MS = 50 };

/* ---- in words ---- */

static double left_s(const json_t *drain)
{
    return json_number_value(json_object_get(drain, "left_s"));
}

/* By a reload it was taken out of the zones. */
static bool is_removed(const json_t *drain)
{
    return member_is_true(drain, "removed");
}

static bool is_drained(const json_t *drain)
{
    const char *forced = member_text(drain, "forced");
    return is_removed(drain) || strcmp(forced, "drain") == 0 || strcmp(forced, "down") == 0;
}

/* "example.test MX (mx1.example.test)", of those in a state. */
static void print_answers(bool coloured, const json_t *drain, const char *state, const char *words)
{
    const json_t *answers = json_object_get(drain, "answers");
    for (size_t i = 0; i < json_array_size(answers); i++) {
        const json_t *answer = json_array_get(answers, i);
        char span[DURATION_SIZE];
        if (strcmp(member_text(answer, "state"), state) != 0)
            continue;
        struct flow flow = flow_begin(coloured, 4, 8);
        flow_say(&flow, PLAIN, "%s (%s): %s", member_text(answer, "pool"),
                 member_text(answer, "record"), words);
        if (json_is_number(json_object_get(answer, "held_s")))
            flow_say(&flow, PLAIN, " for %s more", member_duration(answer, "held_s", span));
        flow_end(&flow);
    }
}

/* The clock's time when it is over. */
static const char *time_when_over(const json_t *drain, char text[LOCAL_TIME_SIZE])
{
    text_local_time(-left_s(drain), text);
    char *fraction = strrchr(text, '.'), *day = strchr(text, ' ');
    *fraction = '\0';
    return day + 1;
}

/* A line, without its end. */
static void say_held(const json_t *drain, char *text, size_t size)
{
    char when[LOCAL_TIME_SIZE];
    snprintf(text, size, "resolvers may hold %s for %d s more, until %s%s",
             member_text(drain, "host"), (int)(left_s(drain) + 0.999), time_when_over(drain, when),
             is_removed(drain) ? "; it is out of the zones" : "");
}

static void print_finished(bool coloured, const json_t *drain)
{
    char text[400];
    snprintf(text, sizeof text, "drain finished: safe to stop %s now%s\n",
             member_text(drain, "host"), is_removed(drain) ? "; it is out of the zones" : "");
    text_print(coloured, GREEN, text);
    print_answers(coloured, drain, "behind", "still answered, behind all others");
}

static void print_kept(bool coloured, const json_t *drain)
{
    char text[400];
    snprintf(text, sizeof text, "not safe to stop %s: it is still answered\n",
             member_text(drain, "host"));
    text_print(coloured, RED, text);
    print_answers(coloured, drain, "kept",
                  is_removed(drain)
                      ? "by another name, and no longer drained, as its own is out of the zones"
                      : "nothing better is there, or it is not probed");
}

void wait_print(bool coloured, const json_t *drain)
{
    char text[400];
    if (!is_drained(drain)) {
        printf("%s is not drained\n", member_text(drain, "host"));
    } else if (member_is_true(drain, "finished")) {
        print_finished(coloured, drain);
    } else if (member_integer(drain, "kept") > 0) {
        print_kept(coloured, drain);
    } else {
        say_held(drain, text, sizeof text);
        puts(text);
        print_answers(coloured, drain, "held", "resolvers may hold it");
    }
}

/* ---- interrupted ---- */

struct farewell {
    sigset_t signals;
    const char *host;
    atomic_bool drained; /* evermxd has said so */
};

/* At any moment, also while an answer is waited for. Before that of the drain itself nobody knows
 * whether it was done. */
static void *on_signal(void *context)
{
    const struct farewell *farewell = context;
    int number;
    char text[400];
    sigwait(&farewell->signals, &number);
    int size = snprintf(
        text, sizeof text,
        "\nevermxctl: interrupted; %.100s %s drained (evermxctl undrain %.100s takes "
        "it back)\n",
        farewell->host, atomic_load(&farewell->drained) ? "stays" : "may be", farewell->host);
    ssize_t written = write(STDERR_FILENO, text, (size_t)size);
    (void)written;
    _exit(EXIT_INTERRUPTED);
}

/* The thread ends with the process, and what it reads stays until then. NULL: there is none, and
 * signals end us without a word. */
static struct farewell *expect_signals(const char *host)
{
    struct farewell *farewell = memory_alloc(sizeof *farewell);
    pthread_t thread;
    farewell->host = host;
    sigemptyset(&farewell->signals);
    sigaddset(&farewell->signals, SIGINT);
    sigaddset(&farewell->signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &farewell->signals, NULL);
    if (pthread_create(&thread, NULL, on_signal, farewell) == 0) {
        pthread_detach(thread);
        return farewell;
    }
    pthread_sigmask(SIG_UNBLOCK, &farewell->signals, NULL);
    free(farewell);
    return NULL;
}

/* ---- waiting ---- */

struct wait {
    const struct wait_options *options;
    char *request;
    int64_t ends_ms; /* 0: never */
    bool terminal;
    bool told; /* where we wait: a line stands there */
};

/* A line that is longer than the terminal is wide would take two, and be drawn again over one. */
static void cut_to_width(char *text)
{
    struct winsize window;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0 &&
        strlen(text) >= window.ws_col)
        text[window.ws_col - 1] = '\0';
}

/* On a terminal the line stands above the cursor, so that whatever comes next begins its own. */
static void show(struct wait *wait, const json_t *drain)
{
    char text[400];
    if (wait->options->json || (wait->told && !wait->terminal))
        return;
    say_held(drain, text, sizeof text);
    if (wait->terminal)
        cut_to_width(text);
    printf("%s%s\n", wait->told ? "\033[A\r\033[K" : "", text);
    fflush(stdout);
    wait->told = true;
}

static void sleep_ms(int64_t ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* On a terminal each second; else as long as it takes. Looked at again meanwhile, as anything may
 * become of it. */
static int64_t pause_ms(const struct wait *wait, const json_t *drain)
{
    int64_t ms = (int64_t)(left_s(drain) * 1000) + SOON_MS;
    int64_t left_ms = wait->ends_ms ? wait->ends_ms - clock_now_ms() : ms;
    ms = ms > EACH_MS ? EACH_MS : ms;
    return left_ms > 0 && left_ms < ms ? left_ms : ms;
}

static int end(const struct wait *wait, const json_t *drain, const char *error)
{
    bool finished = member_is_true(drain, "finished");
    if (wait->options->json)
        print_json(drain);
    else if (finished)
        print_finished(wait->options->coloured, drain);
    else if (!error)
        print_kept(wait->options->coloured, drain);
    fflush(stdout);
    if (error)
        fprintf(stderr, "evermxctl: %s: %s\n", member_text(drain, "host"), error);
    return finished ? EXIT_SUCCESS : EXIT_REFUSED;
}

/* -1: it goes on. */
static int look(struct wait *wait, json_t *drain)
{
    if (member_is_text(drain, "error")) {
        if (wait->options->json)
            print_json(drain);
        else
            print_answer("drained", wait->options->coloured, drain);
        return EXIT_REFUSED;
    }
    text_make_printable(drain);
    if (member_is_true(drain, "finished"))
        return end(wait, drain, NULL);
    if (!is_drained(drain))
        return end(wait, drain,
                   "no longer drained: somebody took it back, or evermxd was started anew");
    if (member_integer(drain, "kept") > 0)
        return end(wait, drain, NULL);
    if (wait->ends_ms && clock_now_ms() >= wait->ends_ms)
        return end(wait, drain, "resolvers may still hold it; it stays drained");
    show(wait, drain);
    sleep_ms(pause_ms(wait, drain));
    return -1;
}

static bool begin(const struct wait_options *options, const char *request)
{
    json_t *answer = ask_server(options->path, request);
    bool good = !member_is_text(answer, "error");
    if (options->json && !good)
        print_json(answer);
    else if (!options->json)
        print_answer("drain", options->coloured, answer);
    fflush(stdout);
    json_decref(answer);
    return good;
}

int wait_for_drain(const struct wait_options *options, const char *request)
{
    struct wait wait = {.options = options, .terminal = isatty(STDOUT_FILENO)};
    struct farewell *farewell = expect_signals(options->host);
    int status = -1;
    if (!begin(options, request))
        return EXIT_REFUSED;
    if (farewell)
        atomic_store(&farewell->drained, true);
    if (options->timeout_s > 0)
        wait.ends_ms = clock_now_ms() + (int64_t)(options->timeout_s * 1000);
    wait.request = memory_printf("drained %s\n", options->host);
    while (status < 0) {
        json_t *drain = ask_server(options->path, wait.request);
        status = look(&wait, drain);
        json_decref(drain);
    }
    free(wait.request);
    return status;
}
