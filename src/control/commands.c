/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/commands.h"

#include "base/clock.h"
#include "base/log.h"
#include "control/exposition.h"
#include "control/metrics.h"
#include "control/render.h"
#include "wire/name.h"
#include "wire/rrtype.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ARGUMENTS_MAX = 2 };

struct request {
    const struct command_parts *parts;
    const char *arguments[ARGUMENTS_MAX]; /* NULL: not given */
    bool stop;
};

static json_t *run_status(struct request *request)
{
    struct engine_status status;
    struct server_numbers numbers;
    struct error error;
    if (!engine_status(request->parts->engine, &status, &error))
        return render_error("status: %s", error.text);
    server_numbers(request->parts->server, &numbers);
    json_t *answer = render_status(&status, &numbers);
    engine_status_free(&status);
    return answer;
}

/* Goes out even when the engine is stuck: that is when it is needed. */
static json_t *run_metrics(struct request *request)
{
    struct engine_status status;
    struct server_numbers numbers;
    bool answers = engine_status(request->parts->engine, &status, NULL);
    server_numbers(request->parts->server, &numbers);
    const struct metrics_sources sources = {
        .status = answers ? &status : NULL,
        .numbers = &numbers,
        .resident_bytes = metrics_resident_bytes(),
        .heartbeat_age_ms = clock_now_ms() - engine_heartbeat_ms(request->parts->engine),
    };
    char *text = metrics_text(&sources);
    json_t *answer = render_metrics(EXPOSITION_CONTENT_TYPE, text);
    free(text);
    if (answers)
        engine_status_free(&status);
    return answer;
}

static json_t *run_explain(struct request *request)
{
    const char *name_text = request->arguments[0];
    const char *type_text = request->arguments[1] ? request->arguments[1] : "MX";
    uint8_t name[NAME_MAX_SIZE];
    char name_again[NAME_TEXT_SIZE], type_again[RRTYPE_TEXT_SIZE];
    uint16_t rrtype;
    if (!name_from_text(name_text, name))
        return render_error("explain: '%.100s' is no domain name", name_text);
    if (!rrtype_from_text(type_text, &rrtype) || rrtype_is_meta(rrtype))
        return render_error("explain: '%.100s' is no type of a record", type_text);
    struct engine_explanation explanation;
    struct error error;
    if (!engine_explain(request->parts->engine, name, rrtype, &explanation, &error))
        return render_error("explain %s %s: %s", name_text, type_text, error.text);
    json_t *answer = render_explanation(name_to_text(name, name_again),
                                        rrtype_to_text(rrtype, type_again), &explanation);
    engine_explanation_free(&explanation);
    return answer;
}

/* "events", or "events NUMBER": those after it. */
static json_t *run_events(struct request *request)
{
    const char *after_text = request->arguments[0] ? request->arguments[0] : "0";
    struct engine_events events;
    struct error error;
    char *end;
    errno = 0;
    unsigned long long after = strtoull(after_text, &end, 10);
    if (errno || *end || *after_text < '0' || *after_text > '9')
        return render_error("events: '%.100s' is no number of an event", after_text);
    if (!engine_events(request->parts->engine, after, &events, &error))
        return render_error("events: %s", error.text);
    json_t *answer = render_events(&events);
    engine_events_free(&events);
    return answer;
}

static json_t *force(struct request *request, enum verdict_forced forced)
{
    struct error error;
    size_t count;
    const char *host = request->arguments[0];
    if (!engine_force(request->parts->engine, host, forced, &count, &error))
        return render_error("%s", error.text);
    return render_forced(host, forced, count);
}

static json_t *run_drain(struct request *request)
{
    return force(request, FORCED_DRAIN);
}

static json_t *run_drained(struct request *request)
{
    struct engine_drain drain;
    struct error error;
    if (!engine_drain(request->parts->engine, request->arguments[0], &drain, &error))
        return render_error("%s", error.text);
    json_t *answer = render_drain(&drain);
    engine_drain_free(&drain);
    return answer;
}

static json_t *run_undrain(struct request *request)
{
    return force(request, FORCED_NOT);
}

static json_t *run_force(struct request *request)
{
    static const struct {
        const char *word;
        enum verdict_forced forced;
    } choices[] = {{"up", FORCED_UP}, {"down", FORCED_DOWN}, {"auto", FORCED_NOT}};
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
        if (strcmp(request->arguments[1], choices[i].word) == 0)
            return force(request, choices[i].forced);
    return render_error("force: '%.100s' is none of up, down, auto", request->arguments[1]);
}

static json_t *run_reload(struct request *request)
{
    const struct command_actions *actions = &request->parts->actions;
    struct diagnostics diagnostics;
    struct changes changes;
    diagnostics_init(&diagnostics);
    changes_init(&changes);
    bool done = actions->reload(actions->context, &diagnostics, &changes);
    json_t *answer = render_reload(done, &diagnostics, &changes);
    changes_free(&changes);
    diagnostics_free(&diagnostics);
    return answer;
}

static json_t *run_stop(struct request *request)
{
    request->stop = true;
    return render_stopping();
}

static const struct command {
    const char *word, *usage;
    unsigned least, most; /* arguments */
    bool acts;            /* changes something: who asked for it is logged */
    json_t *(*run)(struct request *request);
} commands[] = {
    {"status", "status", 0, 0, false, run_status},
    {"explain", "explain NAME [TYPE]", 1, 2, false, run_explain},
    {"events", "events [NUMBER]", 0, 1, false, run_events},
    {"drain", "drain HOST", 1, 1, true, run_drain},
    {"drained", "drained HOST", 1, 1, false, run_drained},
    {"undrain", "undrain HOST", 1, 1, true, run_undrain},
    {"force", "force HOST up|down|auto", 2, 2, true, run_force},
    {"reload", "reload", 0, 0, true, run_reload},
    {"metrics", "metrics", 0, 0, false, run_metrics},
    {"stop", "stop", 0, 0, true, run_stop},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static const struct command *find_command(const char *word)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].word, word) == 0)
            return &commands[i];
    return NULL;
}

static json_t *unknown_command(const char *word)
{
    char known[128] = "";
    for (size_t i = 0; i < COMMANDS; i++) {
        strcat(known, i ? ", " : "");
        strcat(known, commands[i].word);
    }
    return render_error("%s%.100s%s; the commands are: %s", word ? "'" : "",
                        word ? word : "an empty request", word ? "' is no command" : "", known);
}

json_t *command_run(const struct command_parts *parts, char *line, unsigned uid, bool *stop)
{
    struct request request = {.parts = parts};
    char *rest;
    unsigned given = 0;
    const char *word = strtok_r(line, " \t", &rest), *argument;
    const struct command *command = word ? find_command(word) : NULL;
    if (!command)
        return unknown_command(word);
    while ((argument = strtok_r(NULL, " \t", &rest))) {
        if (given < ARGUMENTS_MAX)
            request.arguments[given] = argument;
        given++;
    }
    if (given < command->least || given > command->most)
        return render_error("usage: %s", command->usage);
    if (command->acts)
        log_notice("control: %s%s%s%s%s, asked for by user %u", word, given > 0 ? " " : "",
                   given > 0 ? request.arguments[0] : "", given > 1 ? " " : "",
                   given > 1 ? request.arguments[1] : "", uid);
    json_t *answer = command->run(&request);
    *stop = request.stop;
    return answer;
}
