/* SPDX-License-Identifier: BSD-2-Clause */
#include "predict.h"

#include "../record/text.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double moments_s[] = {1, 2, 5, 10, 15, 60, 300};
enum { MOMENTS = sizeof moments_s / sizeof *moments_s };

/* ---- to the record ---- */

static void add_time(struct figures *figures, double time_s)
{
    if (isinf(time_s))
        figures_add_never(figures);
    else
        figures_add(figures, time_s);
}

/* Thinned out, evenly from the shortest to the longest. */
static void add_times(struct figures *figures, const struct times *times)
{
    if (times->count <= FORECAST_TIMES) {
        for (size_t i = 0; i < times->count; i++)
            add_time(figures, times->list[i]);
        return;
    }
    for (size_t i = 0; i < FORECAST_TIMES; i++)
        add_time(figures, times_quantile(times, (double)i / (FORECAST_TIMES - 1)));
}

static struct figures *figures_of(const struct forecast *forecast, struct record *record,
                                  enum place place, const char *name, enum phase phase)
{
    const struct series_key key = {.system = forecast->system,
                                   .kind = forecast->kind,
                                   .place = place,
                                   .name = name,
                                   .phase = phase,
                                   .predicted = true};
    return &record_series(record, &key)->figures;
}

static void record_deaths(const struct forecast *forecast, struct record *record)
{
    for (size_t i = 0; i < forecast->deaths->count; i++) {
        const struct death *death = &forecast->deaths->list[i];
        add_time(figures_of(forecast, record, PLACE_HOST, "evermxd", PHASE_EVIDENCE),
                 death->seen_s);
        add_time(figures_of(forecast, record, PLACE_SERVER, forecast->server, PHASE_LEFT),
                 death->left_s);
    }
}

/* Times and shares of users whose answers hold the dead host. */
static json_t *curve_of(const struct times *answers)
{
    json_t *curve = json_array();
    for (size_t i = 0; i <= FORECAST_TIMES; i++) {
        double share = 1 - (double)i / FORECAST_TIMES;
        double at_s = times_quantile(answers, (double)i / FORECAST_TIMES);
        if (!isfinite(at_s))
            break;
        json_array_append_new(curve, json_pack("[f, f]", at_s, share));
    }
    return curve;
}

void forecast_record(const struct forecast *forecast, const struct population *population,
                     struct record *record)
{
    const struct audience *audience = forecast->audience;
    if (!forecast->measured)
        record_deaths(forecast, record);
    add_times(figures_of(forecast, record, PLACE_USER, "", PHASE_LEFT), &audience->users);
    for (size_t i = 0; i < audience->nclasses; i++)
        if (audience->classes[i].count)
            add_times(figures_of(forecast, record, PLACE_RESOLVER, population->classes[i].name,
                                 PHASE_LEFT),
                      &audience->classes[i]);
    json_array_append_new(record->repetitions,
                          json_pack("{s:s, s:s, s:o}", "system", forecast->system, "kind",
                                    forecast->kind, "holding", curve_of(&audience->answers)));
}

/* ---- as text: 80 columns ---- */

static void print_seconds(double s, FILE *out)
{
    if (isinf(s))
        fprintf(out, "%8s", "never");
    else
        fprintf(out, s < 99.5 ? "%6.1f s" : "%6.0f s", s);
}

/* "gdnsd kill" */
static void print_label(const struct forecast *forecast, FILE *out)
{
    enum { WIDTH = 20 };
    char *label =
        memory_printf("%s%s%s", forecast->system, *forecast->system ? " " : "", forecast->kind);
    char *clean = text_clean(label, WIDTH);
    fprintf(out, "%s%*s", clean, (int)(WIDTH - text_columns(clean)), "");
    free(clean);
    free(label);
}

static void print_moments(FILE *out)
{
    fprintf(out, "%-20s", "");
    for (size_t i = 0; i < MOMENTS; i++) {
        char text[16];
        snprintf(text, sizeof text, moments_s[i] < 120 ? "%g s" : "%g min",
                 moments_s[i] < 120 ? moments_s[i] : moments_s[i] / 60);
        fprintf(out, " %6s", text);
    }
    fprintf(out, " %8s\n", "mean");
}

static void print_forecast(const struct forecast *forecast, unsigned hosts, FILE *out)
{
    const struct times *answers = &forecast->audience->answers;
    print_label(forecast, out);
    for (size_t i = 0; i < MOMENTS; i++)
        fprintf(out, " %5.2f%%", 100 * times_share_after(answers, moments_s[i]) / hosts);
    fputc(' ', out);
    print_seconds(times_mean_s(answers, (double)INFINITY) / hosts, out);
    fputc('\n', out);
}

static void print_heading(unsigned hosts, enum sender sender, FILE *out)
{
    if (sender == SENDER_GIVES_UP)
        fprintf(
            out,
            "\nUsers without service, by time after the break; 1 of %u hosts is dead, and\neach "
            "user tries one of those that it is told of, and gives up:\n",
            hosts);
    else
        fprintf(
            out,
            "\nUsers who are delayed, by time after the break; 1 of %u hosts is dead, and each\n"
            "user begins with one of those that it is told of, and goes on to the next:\n",
            hosts);
}

/* However many users are drawn: the rare long failures are not among a few. */
static void print_few(const struct forecast *forecasts, size_t count, FILE *out)
{
    const char *before = "\n";
    for (size_t i = 0; i < count; i++) {
        size_t failures = forecasts[i].deaths->failures;
        if (failures >= FIGURES_P95_LEAST)
            continue;
        fprintf(out, "%s\n", before);
        before = "";
        print_label(&forecasts[i], out);
        fprintf(out, "  stands on %zu failure%s only", failures, failures == 1 ? "" : "s");
    }
}

void forecasts_print(const struct forecast *forecasts, size_t count, unsigned hosts,
                     enum sender sender, const struct audience_cost *cost, FILE *out)
{
    print_heading(hosts, sender, out);
    print_moments(out);
    for (size_t i = 0; i < count; i++)
        print_forecast(&forecasts[i], hosts, out);
    fputs("\n99 % of all users are told of no dead host any more after", out);
    for (size_t i = 0; i < count; i++) {
        fputc('\n', out);
        print_label(&forecasts[i], out);
        print_seconds(times_quantile(&forecasts[i].audience->users, 0.99), out);
    }
    print_few(forecasts, count, out);
    fprintf(out,
            "\n\nThe TTL costs %.*f queries a second for this name at the servers, of %.0f\nthat "
            "users ask.\n",
            cost->queries_s < 10, cost->queries_s, cost->asked_s);
}
