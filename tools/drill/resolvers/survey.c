/* SPDX-License-Identifier: BSD-2-Clause */
#include "survey.h"

#include "../asker.h"
#include "base/clock.h"
#include "base/memory.h"
#include "canary.h"

#include <event2/event_struct.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    TIMEOUT_MS = 3000,
    /* Who has never answered for so long is asked each second, in case that it comes to life. */
    PATIENCE_MS = 5000,
    DEAD_EACH_MS = 1000,
    UNHEARD_MAX = 3, /* questions under way to him, so that many of his kind take no sockets away */
    PROGRESS_EACH_MS = 500,
    REASONS_MAX = 32,
};

struct subject;

/* A canary name at one resolver. */
struct line {
    struct subject *subject;
    uint8_t name[NAME_MAX_SIZE];
    struct turn turn;
    struct asked *asked; /* NULL: not under way */
};

/* A resolver. */
struct subject {
    struct survey *survey;
    struct address address;
    uint16_t port;
    struct line lines[TIMETABLE_CANARIES_MAX];
    struct observed observed;
    bool answers;
    unsigned under_way;
    int64_t last_ms; /* asked, whatever for */
    struct event tick;
};

struct survey {
    struct timetable timetable;
    struct event_base *base;
    struct asker *asker;
    struct subject *subjects;
    size_t nsubjects;
    int64_t start_ms;
    struct event end, progress, interrupt, terminate;
    bool ended;
    size_t under_way;
    unsigned asked, came;
    char *reasons[REASONS_MAX]; /* what observations point to */
    bool shows;
};

/* ---- answers ---- */

/* The same text for the same reason, as long as the survey. */
static const char *keep_reason(struct survey *survey, const char *why)
{
    size_t at = 0;

    while (at < REASONS_MAX - 1 && survey->reasons[at] && strcmp(survey->reasons[at], why) != 0)
        at++;
    if (!survey->reasons[at])
        survey->reasons[at] = memory_strdup(why);
    return survey->reasons[at];
}

static void add_observation(struct observed *observed, const struct observation *seen)
{
    observed->list =
        memory_grow(observed->list, observed->count, &observed->capacity, sizeof *observed->list);
    observed->list[observed->count++] = *seen;
}

static void leave_when_done(struct survey *survey)
{
    if (survey->ended && survey->under_way == 0)
        event_base_loopbreak(survey->base);
}

static void answered(void *context, const struct reply *reply)
{
    struct line *line = context;
    struct subject *subject = line->subject;
    struct survey *survey = subject->survey;
    struct observation seen = {.canary = (size_t)(line - subject->lines),
                               .asked_ms = reply->asked_us / 1000,
                               .came_ms = reply->came_us / 1000,
                               .rcode = reply->rcode};

    line->asked = NULL;
    survey->under_way--;
    subject->under_way--;
    if (reply->came) {
        canary_read_answer(&survey->timetable.canaries[seen.canary], reply->packet, clock_unix_s(),
                           &seen);
        subject->answers = true;
        survey->came++;
    } else {
        seen.why = keep_reason(survey, reply->why);
    }
    if (seen.told)
        line->turn.expires_ms = seen.came_ms - survey->start_ms + (int64_t)seen.ttl_s * 1000;
    add_observation(&subject->observed, &seen);
    leave_when_done(survey);
}

/* ---- questions ---- */

static void ask(struct line *line, int64_t now_ms)
{
    struct subject *subject = line->subject;
    struct survey *survey = subject->survey;
    const struct canary *canary = &survey->timetable.canaries[line - subject->lines];
    struct question question = {.server = subject->address,
                                .port = subject->port,
                                .rrtype = canary_rrtype(canary),
                                .recursion = true,
                                .timeout_ms = TIMEOUT_MS};

    memcpy(question.name, line->name, sizeof question.name);
    line->turn.asked++;
    line->turn.last_ms = subject->last_ms = now_ms;
    line->asked = asker_ask(survey->asker, &question, answered, line);
    survey->under_way++;
    subject->under_way++;
    survey->asked++;
}

/* The one that is overdue for the longest time. One question for a name at a time: two together
 * could be fetched twice. */
static struct line *next_line(struct subject *subject, int64_t now_ms)
{
    const struct timetable *timetable = &subject->survey->timetable;
    struct line *next = NULL;
    int64_t earliest_ms = now_ms + 1;

    for (size_t i = 0; i < timetable->count; i++) {
        struct line *line = &subject->lines[i];
        int64_t due_ms = line->asked ? INT64_MAX : timetable_due_ms(timetable, i, &line->turn);
        if (due_ms < earliest_ms) {
            earliest_ms = due_ms;
            next = line;
        }
    }
    return next;
}

/* Who has never answered is asked little. */
static bool may_ask(const struct subject *subject, int64_t now_ms)
{
    if (subject->answers)
        return true;
    return subject->under_way < UNHEARD_MAX &&
           (now_ms <= PATIENCE_MS || now_ms >= subject->last_ms + DEAD_EACH_MS);
}

static void tick(evutil_socket_t fd, short what, void *argument)
{
    struct subject *subject = argument;
    int64_t now_ms = clock_now_ms() - subject->survey->start_ms;
    struct line *line = may_ask(subject, now_ms) ? next_line(subject, now_ms) : NULL;

    (void)fd, (void)what;
    if (line)
        ask(line, now_ms);
}

/* ---- its course ---- */

/* The second time it does not wait for what is under way. */
static void end(evutil_socket_t fd, short what, void *argument)
{
    struct survey *survey = argument;
    int64_t now_ms = clock_now_ms();

    (void)fd, (void)what;
    if (survey->ended)
        event_base_loopbreak(survey->base);
    for (size_t i = 0; i < survey->nsubjects && !survey->ended; i++) {
        event_del(&survey->subjects[i].tick);
        survey->subjects[i].observed.end_ms = now_ms;
    }
    survey->ended = true;
    leave_when_done(survey);
}

static void show_progress(evutil_socket_t fd, short what, void *argument)
{
    const struct survey *survey = argument;
    int64_t passed_ms = clock_now_ms() - survey->start_ms;

    (void)fd, (void)what;
    fprintf(stderr, "\r%3" PRId64 " s of %" PRId64 ", %u questions, %u answered \033[K",
            passed_ms / 1000, survey->timetable.length_ms / 1000, survey->asked, survey->came);
}

static void add_timer(struct survey *survey, struct event *event, event_callback_fn call,
                      void *argument, int64_t each_ms, short flags)
{
    struct timeval each = {.tv_sec = each_ms / 1000, .tv_usec = each_ms % 1000 * 1000};
    event_assign(event, survey->base, -1, flags, call, argument);
    event_add(event, &each);
}

void survey_run(struct survey *survey)
{
    survey->start_ms = clock_now_ms();
    for (size_t i = 0; i < survey->nsubjects; i++) {
        survey->subjects[i].observed.start_ms = survey->start_ms;
        add_timer(survey, &survey->subjects[i].tick, tick, &survey->subjects[i], 1000 / SURVEY_RATE,
                  EV_PERSIST);
    }
    add_timer(survey, &survey->end, end, survey, survey->timetable.length_ms, 0);
    if (survey->shows)
        add_timer(survey, &survey->progress, show_progress, survey, PROGRESS_EACH_MS, EV_PERSIST);
    evsignal_assign(&survey->interrupt, survey->base, SIGINT, end, survey);
    evsignal_assign(&survey->terminate, survey->base, SIGTERM, end, survey);
    evsignal_add(&survey->interrupt, NULL);
    evsignal_add(&survey->terminate, NULL);
    event_base_dispatch(survey->base);
    evsignal_del(&survey->interrupt);
    evsignal_del(&survey->terminate);
    event_del(&survey->end);
    if (survey->shows) {
        event_del(&survey->progress);
        fputs("\r\033[K", stderr);
    }
}

/* ---- begin and end ---- */

/* Names that nobody has asked for: by a random number, of this run alone. */
static bool make_names(struct survey *survey, size_t index, const char *zone, uint64_t random)
{
    struct subject *subject = &survey->subjects[index];

    for (size_t i = 0; i < survey->timetable.count; i++) {
        char nonce[64];
        snprintf(nonce, sizeof nonce, "x%016" PRIx64 "-%zu-%zu", random, index, i);
        subject->lines[i].subject = subject;
        if (!canary_name(&survey->timetable.canaries[i], nonce, zone, subject->lines[i].name))
            return false;
    }
    return true;
}

static uint64_t draw(void)
{
    uint64_t random;
    while (getrandom(&random, sizeof random, 0) != sizeof random)
        ;
    return random;
}

struct survey *survey_new(const struct survey_options *options, struct error *error)
{
    struct survey *survey = memory_alloc(sizeof *survey);
    uint64_t random = draw();

    timetable_make(&survey->timetable, options->ttls_s, options->nttls, options->ttl_s,
                   options->length_s, clock_unix_s());
    survey->shows = isatty(STDERR_FILENO) == 1;
    survey->base = event_base_new();
    if (!survey->base)
        memory_exhausted(sizeof *survey);
    survey->asker = asker_new(survey->base);
    survey->subjects = memory_array(options->nresolvers, sizeof *survey->subjects);
    survey->nsubjects = options->nresolvers;
    for (size_t i = 0; i < options->nresolvers; i++) {
        struct subject *subject = &survey->subjects[i];
        subject->survey = survey;
        subject->address = options->resolvers[i].address;
        subject->port = options->resolvers[i].port;
        subject->observed = (struct observed){.canaries = survey->timetable.canaries,
                                              .ncanaries = survey->timetable.count,
                                              .ttl_s = options->ttl_s};
        if (make_names(survey, i, options->zone, random))
            continue;
        error_set(error, "%s is no name, or too long for names below it", options->zone);
        survey_free(survey);
        return NULL;
    }
    return survey;
}

void survey_free(struct survey *survey)
{
    asker_free(survey->asker);
    for (size_t i = 0; i < survey->nsubjects; i++)
        free(survey->subjects[i].observed.list);
    for (size_t i = 0; i < REASONS_MAX; i++)
        free(survey->reasons[i]);
    free(survey->subjects);
    event_base_free(survey->base);
    free(survey);
}

const struct observed *survey_observed(const struct survey *survey, size_t resolver)
{
    return &survey->subjects[resolver].observed;
}
