/* SPDX-License-Identifier: BSD-2-Clause */
/* evermx-drill simulate: what a failover will take, before anything has failed. The order of
 * things; the rest is mortality.h, population.h, audience.h, goal.h and predict.h. */
#include "../drill.h"
#include "../record/text.h"
#include "base/clock.h"
#include "base/memory.h"
#include "detection.h"
#include "simulation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FORECASTS_MAX = 64,
    PROGRESS_AFTER_MS = 1000,
    PROGRESS_EACH_MS = 100,
};

/* ---- what the server and its users are ---- */

static const struct config_host *find_host(const struct config *config, const char *name)
{
    for (size_t i = 0; name && i < config->nhosts; i++)
        if (strcasecmp(config->hosts[i].name, name) == 0)
            return &config->hosts[i];
    return NULL;
}

static bool load_check(struct simulation *simulation)
{
    const struct config *config = simulation->config;
    const struct config_host *host = find_host(config, simulation->host_name);
    const struct config_check *check = NULL;
    struct check_settings *settings = &simulation->death.check;
    struct error error;
    for (size_t i = 0; i < config->nchecks; i++)
        if (strcmp(config->checks[i].name, simulation->check_name) == 0)
            check = &config->checks[i];
    if (!check)
        simulation_wrong("--check: there is no check '%.100s'", simulation->check_name);
    if (simulation->host_name && !host)
        simulation_wrong("--host: the configuration says nothing of '%.100s'",
                         simulation->host_name);
    config_host_settings(host, check, settings);
    if (!config_set_options(settings, simulation->sets, simulation->nsets, &error))
        simulation_wrong("%s", error.text);
    simulation->death.rtt_ms = simulation->rtt_ms;
    simulation->death.recipient = !simulation->config_file || settings->recipient;
    return true;
}

/* They cite files. */
static void tell_diagnostics(struct diagnostics *diagnostics)
{
    char *text;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    diagnostics_print(diagnostics, memory);
    fclose(memory);
    text_say(stderr, "%s", text);
    free(text);
    diagnostics_free(diagnostics);
}

static bool load_config(struct simulation *simulation)
{
    struct diagnostics diagnostics;
    diagnostics_init(&diagnostics);
    simulation->config = simulation->config_file
                             ? config_load_bare(simulation->config_file, &diagnostics)
                             : config_new();
    tell_diagnostics(&diagnostics);
    return simulation->config && load_check(simulation);
}

static bool load_population(struct simulation *simulation)
{
    struct diagnostics diagnostics;
    const char *file = simulation->population_file;
    if (!file)
        file = simulation->population_found = population_default_file();
    if (!file) {
        fputs("evermx-drill simulate: the default population, resolvers.yaml, is not installed: "
              "give one by --population\n",
              stderr);
        return false;
    }
    simulation->population_file = file;
    diagnostics_init(&diagnostics);
    simulation->population = population_read(file, &diagnostics);
    tell_diagnostics(&diagnostics);
    if (simulation->population && simulation->resolvers)
        simulation->population->resolvers = (uint64_t)simulation->resolvers;
    return simulation->population != NULL;
}

/* ---- progress ---- */

static void tell_progress(struct simulation *simulation, double share)
{
    int64_t now_ms = clock_now_ms();
    if (now_ms - simulation->began_ms < PROGRESS_AFTER_MS ||
        now_ms - simulation->told_ms < PROGRESS_EACH_MS || !isatty(STDERR_FILENO))
        return;
    simulation->told_ms = now_ms;
    fprintf(stderr, "\rsimulating: %3.0f %%", 100 * share);
}

static void end_progress(const struct simulation *simulation)
{
    if (simulation->told_ms)
        fputs("\r\033[K", stderr);
}

static void on_draws(void *context, size_t done)
{
    struct simulation *simulation = context;
    tell_progress(simulation,
                  ((double)simulation->done + (double)done) / (double)simulation->total);
}

static void on_plans(void *context, size_t done, size_t of)
{
    tell_progress(context, (double)done / (double)of);
}

/* ---- forecasts ---- */

static void forecast_draw(struct simulation *simulation, struct forecast *forecast, size_t number)
{
    const struct audience_setting setting = {.population = simulation->population,
                                             .deaths = forecast->deaths,
                                             .ttl_s = (uint32_t)simulation->ttl_s,
                                             .draws = (size_t)simulation->draws,
                                             .progress = on_draws,
                                             .context = simulation};
    struct chance chance = {(uint64_t)simulation->seed << 32 | number};
    forecast->audience = audience_draw(&setting, &chance);
    simulation->done += (size_t)simulation->draws;
}

static void describe(const struct simulation *simulation, struct record *record)
{
    const struct check_settings *check = &simulation->death.check;
    if (simulation->detection_file) {
        record_set(record, "detection", simulation->detection_file);
    } else {
        record_set(record, "check", simulation->check_name);
        record_set_number(record, "interval_s", (double)check->interval_ms / 1000);
        record_set_number(record, "service_interval_s", (double)check->service_interval_ms / 1000);
        record_set_number(record, "fall", check->fall);
        record_set_number(record, "rtt_s", (double)simulation->rtt_ms / 1000);
        record_set_number(record, "deaths", (double)simulation->deaths);
    }
    record_set_number(record, "ttl_s", (double)simulation->ttl_s);
    record_set(record, "population",
               simulation->population_found ? "default" : simulation->population_file);
    record_set_number(record, "resolvers", (double)simulation->population->resolvers);
    record_set_number(record, "draws", (double)simulation->draws);
    record_set_number(record, "seed", (double)simulation->seed);
}

/* The record and the text of all forecasts. Whether they could be written. */
static bool tell_forecasts(struct simulation *simulation, struct forecast *forecasts, size_t count)
{
    struct record *record = record_new("evermx: predicted failover");
    const struct audience_cost cost =
        audience_cost(simulation->population, (uint32_t)simulation->ttl_s);
    describe(simulation, record);
    record_set_number(record, "queries_s", round(cost.queries_s));
    record_set_number(record, "asked_s", round(cost.asked_s));
    for (size_t i = 0; i < count; i++)
        forecast_record(&forecasts[i], simulation->population, record);
    end_progress(simulation);
    bool written = output_write(&simulation->output, record);
    const struct output *output = &simulation->output;
    bool piped = (output->json && strcmp(output->json, "-") == 0) ||
                 (output->csv && strcmp(output->csv, "-") == 0);
    if (!piped)
        forecasts_print(forecasts, count, (unsigned)simulation->hosts, simulation->sender, &cost,
                        stdout);
    record_free(record);
    return written;
}

static void forecasts_free(struct forecast *forecasts, struct deaths *deaths, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        audience_free(forecasts[i].audience);
        deaths_free(&deaths[i]);
    }
}

static int predict(struct simulation *simulation)
{
    struct forecast forecasts[DEATH_KINDS];
    struct deaths deaths[DEATH_KINDS];
    size_t count = simulation->nkinds;
    simulation->total = count * (size_t)simulation->draws;
    for (size_t i = 0; i < count; i++) {
        struct chance chance = {(uint64_t)simulation->seed + i};
        deaths[i] = deaths_happen((size_t)simulation->deaths, simulation->kinds[i],
                                  &simulation->death, &chance);
        forecasts[i] = (struct forecast){.system = "evermx",
                                         .kind = death_word(simulation->kinds[i]),
                                         .server = simulation->server_name,
                                         .deaths = &deaths[i]};
        forecast_draw(simulation, &forecasts[i], i);
    }
    bool written = tell_forecasts(simulation, forecasts, count);
    forecasts_free(forecasts, deaths, count);
    return written ? DRILL_DONE : DRILL_IMPOSSIBLE;
}

/* ---- of what was measured ---- */

static int predict_measured(struct simulation *simulation)
{
    struct error error;
    struct forecast forecasts[FORECASTS_MAX];
    struct deaths deaths[FORECASTS_MAX];
    size_t count = 0;
    struct record *measured = record_read(simulation->detection_file, &error);
    if (!measured) {
        text_say(stderr, "evermx-drill simulate: %s\n", error.text);
        return DRILL_IMPOSSIBLE;
    }
    simulation->total = measured->nseries * (size_t)simulation->draws;
    for (size_t i = 0; i < measured->nseries && count < FORECASTS_MAX; i++) {
        const struct series *series = measured->series[i];
        if (!detection_begins(measured, i))
            continue;
        deaths[count] = detection_deaths(measured, series);
        forecasts[count] = (struct forecast){.system = series->key.system,
                                             .kind = series->key.kind,
                                             .deaths = &deaths[count],
                                             .measured = true};
        forecast_draw(simulation, &forecasts[count], count);
        count++;
    }
    if (!count)
        text_say(stderr,
                 "evermx-drill simulate: %s tells no time after which a server's answer changed\n",
                 simulation->detection_file);
    bool written = count && tell_forecasts(simulation, forecasts, count);
    forecasts_free(forecasts, deaths, count);
    record_free(measured);
    return written ? DRILL_DONE : DRILL_IMPOSSIBLE;
}

/* ---- the goal ---- */

static int search(struct simulation *simulation)
{
    const struct goal_setting setting = {.death = simulation->death,
                                         .kinds = simulation->kinds,
                                         .nkinds = simulation->nkinds,
                                         .population = simulation->population,
                                         .deaths = (size_t)simulation->deaths,
                                         .draws = (size_t)simulation->draws,
                                         .seed = (uint64_t)simulation->seed,
                                         .progress = on_plans,
                                         .context = simulation};
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    bool met = goal_print(&simulation->goal, &setting, out);
    fclose(out);
    end_progress(simulation);
    fputs(text, stdout);
    free(text);
    return met ? DRILL_DONE : DRILL_UNNOTICED;
}

int drill_simulate(int argc, char **argv)
{
    struct simulation simulation = {.began_ms = clock_now_ms()};
    int status = DRILL_IMPOSSIBLE;
    simulation_ask(&simulation, argc, argv);
    if (load_config(&simulation) && load_population(&simulation))
        status = simulation.has_goal         ? search(&simulation)
                 : simulation.detection_file ? predict_measured(&simulation)
                                             : predict(&simulation);
    population_free(simulation.population);
    free(simulation.population_found);
    config_free(simulation.config);
    return status;
}
