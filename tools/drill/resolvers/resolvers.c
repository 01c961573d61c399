/* SPDX-License-Identifier: BSD-2-Clause */
/* What resolvers do with TTLs, for an operator who wants to know how long his failover takes behind
 * them. */
#include "../drill.h"
#include "../record/output.h"
#include "base/memory.h"
#include "honesty.h"
#include "survey.h"

#include <getopt.h>
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
    "  --ttl S          the TTL that is judged (10)\n"
    "  --ttls S,S...    others that are tried, up to 16 (1,2,5,10,30,60,300,3600,86400)\n"
    "  --seconds S      how long it takes, 20 to 3600 (60); what keeps answers longer than\n"
    "                   that is told from the TTL that it shows\n"
    "  -h, --help\n";
static const char usage_end[] =
    "Exit status: 0 all are honest, or could not be judged; 1 one keeps answers too long, or\n"
    "does not answer; 2 wrong usage; 3 nobody answered for a canary name.\n";

enum { DEFAULT_PORT = 53, TTL_MOST_S = 86400 };

enum { OPTION_ZONE = 256, OPTION_RESOLVER, OPTION_TTL, OPTION_TTLS, OPTION_SECONDS };

struct request {
    struct survey_options survey;
    struct output output;
    const char *ttls; /* as they were given */
};

static const struct option names[] = {
    {"zone", required_argument, NULL, OPTION_ZONE},
    {"resolver", required_argument, NULL, OPTION_RESOLVER},
    {"ttl", required_argument, NULL, OPTION_TTL},
    {"ttls", required_argument, NULL, OPTION_TTLS},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"help", no_argument, NULL, 'h'},
    OUTPUT_OPTIONS,
    {NULL, 0, NULL, 0},
};

_Noreturn static void wrong_usage(const char *what, const char *value)
{
    fprintf(stderr,
            "evermx-drill resolvers: %s%s; `evermx-drill resolvers --help` tells the options\n",
            what, value);
    exit(DRILL_WRONG_USAGE);
}

/* Digits alone, up to their end or a comma. */
static uint32_t whole(const char *text, char **end, unsigned long least, unsigned long most)
{
    unsigned long value = strtoul(text, end, 10);
    if (*text < '0' || *text > '9' || (**end && **end != ',') || value < least || value > most) {
        fprintf(stderr, "evermx-drill resolvers: '%s' is no whole number from %lu to %lu\n", text,
                least, most);
        exit(DRILL_WRONG_USAGE);
    }
    return (uint32_t)value;
}

static uint32_t whole_alone(const char *text, unsigned long least, unsigned long most)
{
    char *end;
    uint32_t value = whole(text, &end, least, most);
    if (*end)
        wrong_usage("one number is expected, not ", text);
    return value;
}

static void take_ttls(struct request *request, const char *text)
{
    struct survey_options *survey = &request->survey;

    request->ttls = text;
    survey->nttls = 0;
    for (;;) {
        char *end;
        if (survey->nttls == TIMETABLE_TTLS_MAX)
            wrong_usage("there are too many TTLs in ", text);
        survey->ttls_s[survey->nttls++] = whole(text, &end, 0, TTL_MOST_S);
        if (!*end)
            return;
        text = end + 1;
    }
}

static void take_resolver(struct survey_options *survey, const char *text)
{
    if (survey->nresolvers == SURVEY_RESOLVERS_MAX)
        wrong_usage("there are too many resolvers for ", text);
    if (!endpoint_parse(text, DEFAULT_PORT, &survey->resolvers[survey->nresolvers].address,
                        &survey->resolvers[survey->nresolvers].port))
        wrong_usage("a resolver is ADDRESS or ADDRESS@PORT, not ", text);
    survey->nresolvers++;
}

static void take_option(struct request *request, int letter)
{
    switch (letter) {
    case OPTION_ZONE:
        request->survey.zone = optarg;
        break;
    case OPTION_RESOLVER:
        take_resolver(&request->survey, optarg);
        break;
    case OPTION_TTL:
        request->survey.ttl_s = whole_alone(optarg, 0, TTL_MOST_S);
        break;
    case OPTION_TTLS:
        take_ttls(request, optarg);
        break;
    case OPTION_SECONDS:
        request->survey.length_s = whole_alone(optarg, TIMETABLE_LEAST_S, TIMETABLE_MOST_S);
        break;
    case 'h':
        printf("%s%s%s", usage_text, output_help, usage_end);
        exit(DRILL_DONE);
    default:
        if (!output_option(&request->output, letter, optarg))
            wrong_usage("what is asked for cannot be done", "");
    }
}

static void read_options(struct request *request, int argc, char **argv)
{
    int letter;

    request->survey.ttl_s = 10;
    request->survey.length_s = 60;
    take_ttls(request, "1,2,5,10,30,60,300,3600,86400");
    while ((letter = getopt_long(argc, argv, "h", names, NULL)) != -1)
        take_option(request, letter);
    while (optind < argc)
        take_resolver(&request->survey, argv[optind++]);
    if (!request->survey.zone)
        wrong_usage("--zone is missing", "");
    if (!request->survey.nresolvers)
        wrong_usage("there is no resolver to ask", "");
}

/* ---- what is told ---- */

static void print_findings(const char *name, const struct findings *findings)
{
    char *verdict = honesty_verdict(findings), *lines = honesty_lines(findings);
    printf("%s: %s\n%s\n", name, verdict, lines);
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

static struct record *make_record(const struct request *request)
{
    const struct survey_options *survey = &request->survey;
    struct record *record = record_new("A change of canary names behind resolvers");

    record_set(record, "zone", survey->zone);
    record_set_number(record, "ttl_s", survey->ttl_s);
    record_set(record, "ttls_s", request->ttls);
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
    fprintf(stderr,
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
        wrong_usage(error.text, "");
    if (isatty(STDERR_FILENO) == 1)
        fprintf(stderr, "asking %zu resolver%s for %u s, each up to %d times a second\n",
                request.survey.nresolvers, request.survey.nresolvers == 1 ? "" : "s",
                (unsigned)request.survey.length_s, SURVEY_RATE);
    survey_run(survey);
    int status = tell(&request, survey);
    survey_free(survey);
    return status;
}
