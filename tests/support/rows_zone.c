/* SPDX-License-Identifier: BSD-2-Clause */
/* A row as evermxd has it: names, zone and settings, and what it answers and tells of them. An MX
 * row has a domain d12 with the hosts h12 and spare, another one SRV records and the name p12 with
 * both addresses. */
#include "base/clock.h"
#include "support/rows_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *owner; /* of the SRV records; NULL: MX */
    int port;
} services[ROW_SERVICES] = {
    [ROW_MX] = {NULL, 25},
    [ROW_SUBMISSION] = {"_submission._tcp", 587},
    [ROW_SMTPS] = {"_submissions._tcp", 465},
    [ROW_IMAP] = {"_imap._tcp", 143},
    [ROW_IMAPS] = {"_imaps._tcp", 993},
};

/* ---- names ---- */

static const char *owner_of(const struct row_result *result, char *owner, size_t size)
{
    snprintf(owner, size, "%s%s.example.test", result->row->service == ROW_MX ? "d" : "p",
             result->name + 1);
    return owner;
}

/* What shows in the answers that the host is in. */
static const char *mark_of(const struct row_result *result, char *mark, size_t size)
{
    if (result->row->service == ROW_MX)
        snprintf(mark, size, "%s.example.test.", result->name);
    else
        snprintf(mark, size, "%s", result->address);
    return mark;
}

static void write_zone(const struct rows *rows, FILE *to)
{
    fputs("$ORIGIN example.test.\n$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 86400 5\n@ NS ns1\n"
          "ns1 A 127.0.0.1\nspare A " SPARE "\n",
          to);
    for (size_t i = 0; i < rows->count; i++) {
        const struct row_result *result = &rows->results[i];
        const char *number = result->name + 1;
        int service = result->row->service;
        if (result->state == ROW_SKIPPED)
            continue;
        if (service == ROW_MX)
            fprintf(to, "d%s MX 10 h%s\nd%s MX 20 spare\nh%s A %s\n", number, number, number,
                    number, result->address);
        else
            fprintf(to, "%s.d%s SRV 0 1 %d p%s\np%s A %s\np%s A " SPARE "\n",
                    services[service].owner, number, services[service].port, number, number,
                    result->address, number);
    }
}

/* The text with %WORK% replaced. */
static void put_text(const struct rows *rows, const char *text, FILE *to)
{
    const char *at;
    while ((at = strstr(text, "%WORK%"))) {
        fwrite(text, 1, (size_t)(at - text), to);
        fputs(rows->work, to);
        text = at + strlen("%WORK%");
    }
    fputs(text, to);
}

static void write_yaml(const struct rows *rows, const char *server_yaml, const char *check_yaml,
                       FILE *to)
{
    fputs("server:\n  listen: [\"127.0.0.1@%PORT%\"]\n  control: %FOLDER%/control.sock\n", to);
    put_text(rows, server_yaml, to);
    fputs("zones: [example.test.zone]\nchecks:\n", to);
    put_text(rows, check_yaml, to);
    fputs("hosts:\n  spare.example.test: {weight: 1}\n", to);
    for (size_t i = 0; i < rows->count; i++) {
        const struct row_result *result = &rows->results[i];
        if (result->state != ROW_SKIPPED && result->row->host)
            fprintf(to, "  %s%s.example.test: {%s}\n", result->row->service == ROW_MX ? "h" : "p",
                    result->name + 1, result->row->host);
    }
}

void rows_start_evermxd(struct rows *rows, const char *server_yaml, const char *check_yaml)
{
    char *zone = NULL, *yaml = NULL;
    size_t size;
    FILE *to = open_memstream(&zone, &size);
    write_zone(rows, to);
    fclose(to);
    to = open_memstream(&yaml, &size);
    write_yaml(rows, server_yaml, check_yaml, to);
    fclose(to);
    rig_start(&rows->rig, zone, yaml);
    free(zone);
    free(yaml);
}

/* ---- what evermxd says ---- */

bool rows_is_answered(struct rows *rows, const struct row_result *result, char *problem,
                      size_t size)
{
    char owner[64], mark[64];
    struct answer answer;
    bool is_mx = result->row->service == ROW_MX;
    rig_answer(&rows->rig, "127.0.0.1", rows->rig.port, owner_of(result, owner, sizeof owner),
               is_mx ? "MX" : "A", &answer);
    problem[0] = '\0';
    if (answer.timed_out)
        snprintf(problem, size, "no answer from evermxd");
    else if (!strstr(answer.text, is_mx ? "spare.example.test." : SPARE))
        snprintf(problem, size, "the answer is '%.120s'", answer.text);
    return strstr(answer.text, mark_of(result, mark, sizeof mark)) != NULL;
}

void rows_look_up(const struct status *status, const struct row_result *result,
                  struct target_status *target)
{
    status_find(status, result->address, services[result->row->service].port, target);
}

/* The probes and their steps, while they are still known: of a row that fails once in many runs
 * nothing else is left. */
void rows_explain(struct rows *rows, struct row_result *result)
{
    char owner[64], mark[64];
    char *text = rig_ctl(&rows->rig, "explain %s %s", owner_of(result, owner, sizeof owner),
                         result->row->service == ROW_MX ? "MX" : "A");
    char *events = rig_ctl(&rows->rig, "events 1000");
    size_t size;
    FILE *to = open_memstream(&result->explained, &size);
    fprintf(to, "%lld ms after the break:\n%s", (long long)(clock_now_ms() - result->broken_ms),
            text);
    mark_of(result, mark, sizeof mark);
    for (char *line = strtok(events, "\n"); line; line = strtok(NULL, "\n"))
        if (strstr(line, result->address) || strstr(line, mark))
            fprintf(to, "%s\n", line);
    fclose(to);
    free(events);
    free(text);
}
