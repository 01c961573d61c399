/* SPDX-License-Identifier: BSD-2-Clause */
/* What resolvers do with TTLs, for an operator who wants to know how long his failover takes behind
 * them. */
#include "../drill.h"
#include "../record/output.h"
#include "../record/text.h"
#include "base/memory.h"
#include "honesty.h"
#include "survey.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage_text[] =
    "usage: evermx-drill resolvers --zone ZONE --resolver ADDRESS[@PORT] ... [OPTION ...]\n"
    "Asks resolvers for names below _canary.ZONE, which must be a zone that they find at an\n"
    "evermxd with `canary-names: on`, and tells what they do with TTLs: up to 20 questions a "
    "second\n"
    "for each, all of them side by side.\n"
    "  --zone ZONE      the zone\n"
    "  --resolver A[@PORT]  up to 64; an argument that is no option is another one\n"
    "  --ttl D          the TTL that is judged (10s)\n"
    "  --ttls D,D...    others that are tried, up to 16 (1,2,5,10,30,60,300,3600,86400)\n"
    "  --seconds D      how long it takes, 20s to 1h (60s); what keeps answers longer than\n"
    "                   that is told from the TTL that it shows\n"
    "  -h, --help\n"
    "D: whole seconds, as 30s, 5m or 30.\n";
static const char usage_end[] =
    "Exit status: 0 all are honest, or could not be judged; 1 one keeps answers too long, or\n"
    "does not answer; 2 wrong usage; 3 nobody answered for a canary name.\n";

enum { DAY_MS = 24 * 3600 * 1000 };
static const struct duration_range ttl_range = {1000, DAY_MS, .zero = true, .seconds = true};
static const struct duration_range length_range = {TIMETABLE_LEAST_S * 1000,
                                                   TIMETABLE_MOST_S * 1000, .seconds = true};

enum { OPTION_ZONE = 256, OPTION_RESOLVER, OPTION_TTL, OPTION_TTLS, OPTION_SECONDS };

struct request {
    struct survey_options survey;
    struct output output;
};

static const struct option rows[] = {
    {"zone", required_argument, NULL, OPTION_ZONE},
    {"resolver", required_argument, NULL, OPTION_RESOLVER},
    {"ttl", required_argument, NULL, OPTION_TTL},
    {"ttls", required_argument, NULL, OPTION_TTLS},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"help", no_argument, NULL, 'h'},
    OUTPUT_OPTIONS,
    {NULL, 0, NULL, 0},
};
static const struct usage usage = {"resolvers", rows};

static uint32_t take_seconds(int option, const char *text, const struct duration_range *range)
{
    return (uint32_t)(usage_duration_ms(&usage, option, text, range) / 1000);
}

static void take_ttls(struct survey_options *survey, const char *list)
{
    char word[WORD_SIZE];
    survey->nttls = 0;
    while (value_word(&list, word)) {
        uint32_t ttl_s = take_seconds(OPTION_TTLS, word, &ttl_range);
        if (survey->nttls == TIMETABLE_TTLS_MAX)
            usage_wrong(&usage, OPTION_TTLS, "there are too many of them");
        for (size_t i = 0; i < survey->nttls; i++)
            if (survey->ttls_s[i] == ttl_s)
                usage_twice(&usage, OPTION_TTLS, word);
        survey->ttls_s[survey->nttls++] = ttl_s;
    }
}

static void take_resolver(struct survey_options *survey, const char *text)
{
    size_t count = survey->nresolvers;
    if (count == SURVEY_RESOLVERS_MAX)
        usage_wrong(&usage, OPTION_RESOLVER, "there are too many of them");
    usage_place(&usage, OPTION_RESOLVER, text, &survey->resolvers[count].address,
                &survey->resolvers[count].port);
    for (size_t i = 0; i < count; i++)
        if (survey->resolvers[i].port == survey->resolvers[count].port &&
            address_equal(&survey->resolvers[i].address, &survey->resolvers[count].address))
            usage_twice(&usage, OPTION_RESOLVER, text);
    survey->nresolvers++;
}

static void take_option(struct request *request, int option)
{
    switch (option) {
    case OPTION_ZONE:
        request->survey.zone = optarg;
        break;
    case OPTION_RESOLVER:
        take_resolver(&request->survey, optarg);
        break;
    case OPTION_TTL:
        request->survey.ttl_s = take_seconds(option, optarg, &ttl_range);
        break;
    case OPTION_TTLS:
        take_ttls(&request->survey, optarg);
        break;
    case OPTION_SECONDS:
        request->survey.length_s = take_seconds(option, optarg, &length_range);
        break;
    case 'h':
        printf("%s%s%s", usage_text, output_help, usage_end);
        exit(DRILL_DONE);
    default:
        output_option(&usage, &request->output, option, optarg);
    }
}

static void read_options(struct request *request, int argc, char **argv)
{
    int option;

    request->survey.ttl_s = 10;
    request->survey.length_s = 60;
    take_ttls(&request->survey, "1,2,5,10,30,60,300,3600,86400");
    while ((option = usage_next(&usage, argc, argv)) != -1)
        take_option(request, option);
    while (optind < argc)
        take_resolver(&request->survey, argv[optind++]);
    if (!request->survey.zone)
        usage_wrong(&usage, 0, "--zone is missing");
    if (!request->survey.nresolvers)
        usage_wrong(&usage, 0, "there is no resolver to ask");
}

/* ---- what is told ---- */

static void print_findings(const char *name, const struct findings *findings)
{
    char *verdict = honesty_verdict(findings), *lines = honesty_lines(findings);
    text_say(stdout, "%s: %s\n%s\n", name, verdict, lines);
    free(verdict);
    free(lines);
}

static void keep_findings(struct record *record, const char *name, const struct observed *observed,
                          const struct findings *findings)
{
    json_t *json = honesty_json(findings);
    char *kind = memory_printf("TTL %u s", (unsigned)findings->ttl_s);
    struct figures changes = {0};

    json_object_set_new(json, "resolver", json_string(name));
    json_array_append_new(record->repetitions, json);
    honesty_changes(observed, &changes);
    if (changes.count + changes.never) {
        struct series *series = record_series(record, &(struct series_key){.system = "",
                                                                           .kind = kind,
                                                                           .place = PLACE_RESOLVER,
                                                                           .name = name,
                                                                           .phase = PHASE_LEFT});
        for (size_t i = 0; i < changes.count; i++)
            figures_add(&series->figures, changes.times_s[i]);
        for (size_t i = 0; i < changes.never; i++)
            figures_add_never(&series->figures);
    }
    figures_free(&changes);
    free(kind);
}

/* "1,2,5" */
static void set_ttls(struct record *record, const struct survey_options *survey)
{
    char text[TIMETABLE_TTLS_MAX * 12] = "";
    size_t used = 0;
    for (size_t i = 0; i < survey->nttls; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%" PRIu32, i ? "," : "",
                                 survey->ttls_s[i]);
    record_set(record, "ttls_s", text);
}

static struct record *make_record(const struct request *request)
{
    const struct survey_options *survey = &request->survey;
    struct record *record = record_new("A change of canary names behind resolvers");

    record_set(record, "zone", survey->zone);
    record_set_number(record, "ttl_s", survey->ttl_s);
    set_ttls(record, survey);
    record_set_number(record, "seconds", survey->length_s);
    return record;
}

static bool is_text(const struct output *output)
{
    return !(output->json && strcmp(output->json, "-") == 0) &&
           !(output->csv && strcmp(output->csv, "-") == 0);
}

static void explain_silence(const char *zone)
{
    text_say(
        stderr,
        "evermx-drill: nobody gave a canary's answer: is `canary-names: on` set in the evermxd "
        "that\n"
        "serves %s, and do these resolvers find it there?\n",
        zone);
}

/* Returns the exit status. */
static int tell(const struct request *request, const struct survey *survey)
{
    struct record *record = make_record(request);
    bool bad = false, told = false;

    for (size_t i = 0; i < request->survey.nresolvers; i++) {
        struct findings findings;
        char name[ADDRESS_TEXT_SIZE];
        const struct observed *observed = survey_observed(survey, i);
        endpoint_format(&request->survey.resolvers[i].address, request->survey.resolvers[i].port,
                        name);
        honesty_find(observed, &findings);
        enum judgment judgment = honesty_judge(&findings);
        bad = bad || (judgment != JUDGED_HONEST && judgment != JUDGED_NOT);
        told = told || findings.told;
        if (is_text(&request->output))
            print_findings(name, &findings);
        keep_findings(record, name, observed, &findings);
    }
    bool written = output_write(&request->output, record);
    record_free(record);
    if (!told) {
        explain_silence(request->survey.zone);
        return DRILL_IMPOSSIBLE;
    }
    return !written ? DRILL_IMPOSSIBLE : bad ? DRILL_UNNOTICED : DRILL_DONE;
}

int drill_resolvers(int argc, char **argv)
{
    struct request request = {0};
    struct error error;

    read_options(&request, argc, argv);
    struct survey *survey = survey_new(&request.survey, &error);
    if (!survey)
        usage_wrong(&usage, 0, "%s", error.text);
    if (isatty(STDERR_FILENO) == 1)
        fprintf(stderr, "asking %zu resolver%s for %u s, each up to %d times a second\n",
                request.survey.nresolvers, request.survey.nresolvers == 1 ? "" : "s",
                (unsigned)request.survey.length_s, SURVEY_RATE);
    survey_run(survey);
    int status = tell(&request, survey);
    survey_free(survey);
    return status;
}
