/* SPDX-License-Identifier: BSD-2-Clause */
/* demo: shows evermxd at its main job. It serves zones/example.test.zone on a loopback port, with
 * three small mail hosts on 127.0.0.11 to .13, makes these hang and die and return, asks the server
 * all the time as a resolver would, and tells when each answer followed. Exit status: 0 all went as
 * it should, 1 it did not, 2 wrong usage, 128 and the number of a signal that ended it. */
#include "base/clock.h"
#include "config/config.h"
#include "demo/ask.h"
#include "demo/screen.h"
#include "demo/stage.h"
#include "demo/steps.h"
#include "demo/view.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    SAMPLE_MS = 20,    /* between two rounds of questions */
    FRAME_US = 100000, /* between two drawings */
    DEADLINE_S = 15,   /* for the answers to follow an event, on a loaded machine too */
    HOLD_US = 1000000, /* for people to read, and for the answers to prove steady */
};

enum { EXIT_WRONG_USAGE = 2, EXIT_SIGNAL = 128 };

struct demo {
    struct screen screen;
    struct stage stage;
    struct view view;
    struct result results[STEPS];
    const char *zone; /* its file, as it was named */
    ldns_resolver *resolver;
    int64_t began_us, since_us, drawn_us;
    unsigned before[QUESTIONS]; /* in the answers when the step began */
    int deadline_s;
    int signal; /* that is to end the demonstration; 0: none */
};

/* ---- signals ---- */

static bool open_signals(struct demo *demo, struct error *error)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN); /* the screen is asked whether it is lost */
    demo->stage.interrupt = signalfd(-1, &set, SFD_CLOEXEC);
    return (demo->stage.interrupt >= 0 && sigprocmask(SIG_BLOCK, &set, NULL) == 0) ||
           error_set(error, "taking signals: %s", strerror(errno));
}

/* Waits a moment. False when the demonstration is to end. */
static bool pause_is_over(struct demo *demo)
{
    struct pollfd waiting = {demo->stage.interrupt, POLLIN, 0};
    struct signalfd_siginfo info;
    if (poll(&waiting, 1, SAMPLE_MS) > 0 &&
        read(demo->stage.interrupt, &info, sizeof info) == sizeof info)
        demo->signal = (int)info.ssi_signo;
    if (screen_is_lost())
        demo->signal = SIGPIPE;
    return !demo->signal;
}

/* ---- the answers ---- */

/* What must be true of each answer at all times: nobody leaves or comes but those of this step. */
static bool check_answer(const struct demo *demo, enum question question,
                         const struct answer *answer, struct error *error)
{
    unsigned before = demo->before[question], after = demo->view.step->expected[question];
    const char *text = question_text(question);
    if (answer->rcode != LDNS_RCODE_NOERROR)
        return error_set(error, "%s: an error instead of an answer", text);
    if (!answer->hosts)
        return error_set(error, "%s: an empty answer, which bounces mail", text);
    if ((before & after & ~answer->hosts) != 0)
        return error_set(error, "%s: a host has left that should stay", text);
    if ((answer->hosts & ~(before | after)) != 0 || answer->strangers)
        return error_set(error, "%s: a record that should not be there", text);
    return true;
}

static bool answer_has_changed(const struct answer *before, const struct answer *now)
{
    return now->came && (!before->came || now->hosts != before->hosts ||
                         now->rcode != before->rcode || now->strangers != before->strangers ||
                         (now->ttl_s == TTL_WHOLE_S) != (before->ttl_s == TTL_WHOLE_S));
}

static void note_cached(struct demo *demo, enum question question, const struct answer *answer,
                        int64_t at_us)
{
    struct result *result = &demo->results[demo->view.step - steps];
    unsigned leaving = demo->before[question] & ~demo->view.step->expected[question];
    int64_t until_us = at_us + (int64_t)answer->ttl_s * 1000000;
    if ((answer->hosts & leaving) != 0 && until_us > result->cached_us)
        result->cached_us = until_us;
}

/* One round of questions. False when an answer is wrong or something has ended. */
static bool sample(struct demo *demo, struct error *error)
{
    struct view *view = &demo->view;
    for (enum question question = 0; question < QUESTIONS; question++) {
        struct answer answer;
        ask(demo->resolver, question, &answer);
        view->step_us = clock_now_us() - demo->since_us;
        if (answer_has_changed(&view->answers[question], &answer))
            view_print_answer(&demo->screen, question, &answer, view->step_us);
        view->answers[question] = answer;
        if (!answer.came)
            continue;
        note_cached(demo, question, &answer, view->step_us);
        if (!check_answer(demo, question, &answer, error))
            return false;
    }
    return stage_check(&demo->stage, error);
}

static void draw(struct demo *demo, bool at_once)
{
    int64_t now_us = clock_now_us();
    if (!at_once && now_us - demo->drawn_us < FRAME_US)
        return;
    demo->drawn_us = now_us;
    demo->view.whole_us = now_us - demo->began_us;
    view_draw(&demo->screen, &demo->view);
}

static bool answers_fit(const struct demo *demo)
{
    for (enum question question = 0; question < QUESTIONS; question++)
        if (!step_fits(demo->view.step, question, &demo->view.answers[question]))
            return false;
    return true;
}

/* ---- steps ---- */

/* Samples until the answers fit, or, once they do, as long as they have to hold. */
static bool follow(struct demo *demo, int64_t limit_us, struct error *error)
{
    struct view *view = &demo->view;
    int64_t until_us = clock_now_us() + limit_us;
    do {
        if (!pause_is_over(demo))
            return error_set(error, "interrupted");
        if (!sample(demo, error))
            return false;
        draw(demo, false);
        if (view->phase == WAITING && answers_fit(demo))
            return true;
    } while (clock_now_us() < until_us);
    return view->phase == DONE || error_set(error, "not within %d s", (int)(limit_us / 1000000));
}

static void say(struct demo *demo, int64_t at_us, enum colour colour, const char *text)
{
    screen_print(&demo->screen, "%7.2f s  %s%s%s\n", (double)at_us / 1000000,
                 screen_colour(&demo->screen, colour), text, screen_colour(&demo->screen, PLAIN));
}

static bool explain(struct demo *demo, struct error *error)
{
    char *text = stage_explain(&demo->stage, demo->screen.coloured, error), *rest = text;
    if (!text)
        return false;
    screen_print(&demo->screen, "\n    $ evermxctl explain example.test MX\n");
    for (char *line; (line = strsep(&rest, "\n")) && (rest || *line);)
        screen_print(&demo->screen, "    %s\n", line);
    free(text);
    return true;
}

static bool follow_step(struct demo *demo, struct error *error)
{
    struct view *view = &demo->view;
    const struct step *step = view->step;
    struct result *result = &demo->results[step - steps];
    if (!step_act(&demo->stage, step, &demo->since_us, error))
        return false;
    view->phase = WAITING;
    view->step_us = 0;
    say(demo, 0, CYAN, step->told);
    if (step->state)
        view->states[step->host] = step->state;
    if (!follow(demo, (int64_t)demo->deadline_s * 1000000, error))
        return false;
    view->phase = DONE;
    view->took_us = result->took_us = view->step_us;
    say(demo, view->took_us, GREEN, step->done);
    if (result->cached_us)
        say(demo, result->cached_us, FAINT,
            "at the latest, resolvers that keep to TTLs have followed");
    if (step->explain && !explain(demo, error))
        return false;
    memcpy(demo->before, step->expected, sizeof demo->before);
    return follow(demo, HOLD_US, error);
}

static bool run_step(struct demo *demo, const struct step *step)
{
    struct error error;
    struct view *view = &demo->view;
    view->step = step;
    view->step_us = 0;
    view->phase = ACTING;
    draw(demo, true);
    screen_print(&demo->screen, "\n%s%d  %s%s\n", screen_colour(&demo->screen, BOLD),
                 (int)(step - steps) + 1, step->title, screen_colour(&demo->screen, PLAIN));
    bool happened = follow_step(demo, &error);
    demo->results[step - steps].verdict = happened ? HAPPENED : FAILED;
    if (!happened && pause_is_over(demo)) /* else it was interrupted */
        view_print_failure(&demo->screen, view, error.text);
    return happened;
}

/* ---- beginning and end ---- */

static void print_intro(struct demo *demo)
{
    struct config *defaults = config_new();
    const struct check_settings *usual = &defaults->checks[CHECK_SMTP].settings;
    screen_print(
        &demo->screen,
        "%severmx demo: a DNS server that knows which mail hosts work%s\n\n"
        "  evermxd     127.0.0.1 port %u, serving %s\n"
        "  mail hosts  mx1 127.0.0.11, mx2 127.0.0.12, mx3 127.0.0.13: SMTP and IMAP\n"
        "  asked       by ldns over UDP, about %d times a second; changes are printed\n"
        "              (a TTL below 10 s: in doubt, so that nobody keeps the answer)\n"
        "  settings    interval %.1f s (default %.1f s), greeting-timeout %.1f s (%.1f s),\n"
        "              reply-timeout %.1f s (%.1f s); no port needs root\n"
        "  files       %s\n",
        screen_colour(&demo->screen, BOLD), screen_colour(&demo->screen, PLAIN), demo->stage.port,
        demo->zone, 1000 / SAMPLE_MS, DEMO_INTERVAL_MS / 1e3, (double)usual->interval_ms / 1e3,
        DEMO_TIMEOUT_MS / 1e3, (double)usual->greeting_timeout_ms / 1e3, DEMO_TIMEOUT_MS / 1e3,
        (double)usual->reply_timeout_ms / 1e3, demo->stage.directory);
    config_free(defaults);
}

static bool run(struct demo *demo)
{
    bool happened = true;
    demo->resolver = ask_open(demo->stage.port);
    for (int host = 0; host < HOSTS; host++)
        demo->view.states[host] = STATE_WORKS;
    for (enum question question = 0; question < QUESTIONS; question++)
        demo->before[question] = steps[0].expected[question];
    print_intro(demo);
    for (int i = 0; i < STEPS && happened; i++)
        happened = run_step(demo, &steps[i]);
    screen_close(&demo->screen);
    ldns_resolver_deep_free(demo->resolver);
    return happened;
}

static void print_end(struct demo *demo, bool happened)
{
    struct screen *screen = &demo->screen;
    const char *plain = screen_colour(screen, PLAIN);
    if (demo->signal) {
        screen_print(screen, "\ninterrupted; all that was started is ended\n");
        return;
    }
    if (demo->results[0].verdict == HAPPENED)
        view_print_results(screen, demo->results);
    if (happened)
        screen_print(screen, "\n%sall %d steps happened%s, in %.1f s\n",
                     screen_colour(screen, GREEN), STEPS, plain,
                     (double)(clock_now_us() - demo->began_us) / 1e6);
    else
        screen_print(screen, "\n%sstep %d did not happen%s; the logs are in %s\n",
                     screen_colour(screen, RED), (int)(demo->view.step - steps) + 1, plain,
                     demo->stage.directory);
}

static const char usage_text[] =
    "usage: demo [--deadline SECONDS] [--mailhost PROGRAM] ZONE\n"
    "  Runs evermxd with ZONE (zones/example.test.zone) and three mail hosts on 127.0.0.11 to "
    ".13,\n"
    "  makes them hang, die and return, and shows when the answers follow. About 30 seconds.\n"
    "  --deadline SECONDS  for the answers to follow what was done; 15\n"
    "  --mailhost PROGRAM  runs this one in place of mailhost(1)\n"
    "exit status: 0 all steps happened, 1 one did not, 2 wrong usage,\n"
    "  128 and more: ended by that signal\n";

_Noreturn static void wrong_usage(void)
{
    fputs(usage_text, stderr);
    exit(EXIT_WRONG_USAGE);
}

static void read_options(int argc, char **argv, struct demo *demo)
{
    static const struct option names[] = {{"deadline", required_argument, NULL, 'd'},
                                          {"mailhost", required_argument, NULL, 'm'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "h", names, NULL)) != -1) {
        switch (option) {
        case 'd':
            demo->deadline_s = atoi(optarg);
            break;
        case 'm':
            demo->stage.mailhost = optarg;
            break;
        case 'h':
            fputs(usage_text, stdout);
            exit(EXIT_SUCCESS);
        default:
            exit(EXIT_WRONG_USAGE); /* getopt has said why */
        }
    }
    if (argc - optind != 1 || demo->deadline_s < 1)
        wrong_usage();
    demo->zone = argv[optind];
}

int main(int argc, char **argv)
{
    struct demo demo = {.began_us = clock_now_us(), .deadline_s = DEADLINE_S};
    struct error error;
    read_options(argc, argv, &demo);
    if (!open_signals(&demo, &error) || !stage_open(&demo.stage, demo.zone, &error)) {
        fprintf(stderr, "demo: %s\n", error.text);
        stage_close(&demo.stage, false);
        return EXIT_FAILURE;
    }
    screen_open(&demo.screen);
    bool happened = run(&demo);
    print_end(&demo, happened);
    stage_close(&demo.stage, !happened && !demo.signal);
    if (demo.signal)
        return EXIT_SIGNAL + demo.signal;
    return happened ? EXIT_SUCCESS : EXIT_FAILURE;
}
