/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of the control socket, one after another, put to the real table of commands. The engine
 * behind it is its core alone: what engine.c hands to its thread is done at once here. */
#include "base/log.h"
#include "control/commands.h"
#include "engine/core.h"
#include "fuzz/fuzz.h"
#include "fuzz/scratch.h"
#include "fuzz/world.h"

#include <string.h>

enum { INPUT_MAX = 4096, LINES_MAX = 16, NOW_MS = 1000000 };

static struct {
    struct core *core;
    unsigned stops, reloads; /* by this input */
} engine;

bool __wrap_engine_status(struct engine *unused, struct engine_status *status, struct error *error);
bool __wrap_engine_explain(struct engine *unused, const uint8_t *name, uint16_t rrtype,
                           struct engine_explanation *explanation, struct error *error);
bool __wrap_engine_force(struct engine *unused, const char *host, enum verdict_forced forced,
                         size_t *count, struct error *error);
bool __wrap_engine_drain(struct engine *unused, const char *host, struct engine_drain *drain,
                         struct error *error);
int64_t __wrap_engine_heartbeat_ms(const struct engine *unused);
void __wrap_server_numbers(const struct server *unused, struct server_numbers *numbers);

bool __wrap_engine_status(struct engine *unused, struct engine_status *status, struct error *error)
{
    (void)unused, (void)error;
    *status = (struct engine_status){.arena = arena_new(), .now_ms = NOW_MS};
    core_status(engine.core, NOW_MS, status);
    return true;
}

bool __wrap_engine_explain(struct engine *unused, const uint8_t *name, uint16_t rrtype,
                           struct engine_explanation *explanation, struct error *error)
{
    (void)unused, (void)error;
    *explanation = (struct engine_explanation){.arena = arena_new(), .now_ms = NOW_MS};
    core_explain(engine.core, name, rrtype, NOW_MS, explanation);
    return true;
}

bool __wrap_engine_force(struct engine *unused, const char *host, enum verdict_forced forced,
                         size_t *count, struct error *error)
{
    (void)unused;
    bool done = core_force(engine.core, host, forced, NOW_MS, count, error);
    core_publish(engine.core, NOW_MS);
    return done;
}

bool __wrap_engine_drain(struct engine *unused, const char *host, struct engine_drain *drain,
                         struct error *error)
{
    (void)unused;
    *drain = (struct engine_drain){.arena = arena_new(), .now_ms = NOW_MS};
    bool found = core_drain(engine.core, host, drain, error);
    if (!found)
        engine_drain_free(drain);
    return found;
}

int64_t __wrap_engine_heartbeat_ms(const struct engine *unused)
{
    (void)unused;
    return NOW_MS;
}

void __wrap_server_numbers(const struct server *unused, struct server_numbers *numbers)
{
    (void)unused;
    *numbers = (struct server_numbers){0};
}

static bool reload(void *context, struct diagnostics *diagnostics, struct changes *changes)
{
    struct config *config = context;
    if (engine.reloads++) /* dear; and this way goes wrong, too */
        return diagnostics_error(diagnostics, "example.zone", 1, 2, "is bad: \xff\x1b");
    struct model *model = world_model(config);
    changes_between(core_model(engine.core), model, changes);
    model_free(core_load(engine.core, model, catalog_new(model), NOW_MS));
    return true;
}

static void stop(void *context)
{
    (void)context;
    engine.stops++;
}

/* What control.c lets through to command_run(). */
static bool is_request(const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((line[i] < ' ' || line[i] > '~') && line[i] != '\t')
            return false;
    return true;
}

/* Any answer can be written, is an object, and reads as it was written. */
static void check_json(json_t *answer)
{
    FUZZ_CHECK(json_is_object(answer));
    char *text = json_dumps(answer, JSON_COMPACT | JSON_REAL_PRECISION(12));
    FUZZ_CHECK(text && !strchr(text, '\n'));
    json_t *again = json_loads(text, 0, NULL);
    FUZZ_CHECK(json_object_size(again) == json_object_size(answer));
    json_decref(again);
    free(text);
    json_decref(answer);
}

static void run_line(const struct command_parts *parts, const uint8_t *bytes, size_t size)
{
    char *line = malloc(size + 1);
    bool stopping = false;
    memcpy(line, bytes, size);
    line[size] = '\0';
    if (is_request(line, size))
        check_json(command_run(parts, line, 0, &stopping));
    FUZZ_CHECK(!engine.stops); /* that is the caller's, when the answer has been written */
    free(line);
}

static void run_lines(struct config *config, const uint8_t *data, size_t size)
{
    const struct command_parts parts = {.actions = {config, reload, stop}};
    for (unsigned lines = 0; lines < LINES_MAX && size; lines++) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t line_size = end ? (size_t)(end - data) : size;
        run_line(&parts, data, line_size);
        data += line_size + (end ? 1 : 0);
        size -= line_size + (end ? 1 : 0);
    }
}

static void start(struct publisher *publisher, const struct config *config)
{
    struct model *model = world_model(config);
    log_set_level(LOG_LEVEL_ERROR);
    engine.core = core_new(publisher, NULL);
    core_load(engine.core, model, catalog_new(model), NOW_MS);
}

/* One input must not change what the next one does. */
static void forget_forced(void)
{
    const struct model *model = core_model(engine.core);
    struct error error;
    size_t count;
    for (size_t i = 0; i < model->nhosts; i++)
        core_force(engine.core, model->hosts[i].name, FORCED_NOT, NOW_MS, &count, &error);
    core_publish(engine.core, NOW_MS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config *config;
    static struct publisher *publisher;
    if (size > INPUT_MAX)
        return 0;
    if (!config) {
        config = world_config(false);
        publisher = publisher_new();
        start(publisher, config);
    }
    engine.reloads = 0;
    run_lines(config, data, size);
    forget_forced();
    return 0;
}
