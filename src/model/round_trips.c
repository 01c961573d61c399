/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a round trip's message can be looked for: there must be an IMAP check with credentials at
 * the host that `mailbox` names, or else at an address of the host itself. See derive.h. */
#include "base/memory.h"
#include "model/derive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct round_trips {
    struct derivation *derivation;
    bool *reads;           /* by host: it has an IMAP check with credentials */
    struct table *readers; /* addresses of such hosts */
    uint32_t *first;       /* by check: the first host without such; MODEL_NONE: none */
    size_t *more;          /* how many further ones */
};

static const struct check_settings *demanded(const struct derivation *derivation, uint32_t host,
                                             size_t number)
{
    uint32_t check = derivation->states[host].demands[number].check;
    return &derivation->model->checks[check].settings;
}

static bool reads_mail(const struct check_settings *settings)
{
    return (settings->kind == CHECK_IMAP || settings->kind == CHECK_IMAPS) && settings->user;
}

static void collect_readers(struct round_trips *trips)
{
    const struct derivation *derivation = trips->derivation;
    for (uint32_t i = 0; i < derivation->model->nhosts; i++) {
        const struct host *host = &derivation->model->hosts[i];
        for (size_t j = 0; j < derivation->states[i].ndemands; j++)
            trips->reads[i] |= reads_mail(demanded(derivation, i, j));
        for (size_t j = 0; trips->reads[i] && j < host->naddresses; j++)
            table_put(trips->readers, &host->addresses[j], sizeof *host->addresses, i);
    }
}

/* Where the host's settings stand, or else the check's. */
static struct config_place place_of(const struct derivation *derivation, uint32_t host,
                                    uint32_t check)
{
    const struct config *config = derivation->config;
    if (derivation->states[host].config != NULL)
        return derivation->states[host].config->place;
    for (size_t i = 0; i < config->nchecks; i++)
        if (strcmp(config->checks[i].name, derivation->model->checks[check].name) == 0)
            return config->checks[i].place;
    return (struct config_place){0, 0};
}

static bool is_readable(const struct round_trips *trips, uint32_t host)
{
    const struct host *known = &trips->derivation->model->hosts[host];
    uint32_t ignored;
    if (trips->reads[host])
        return true;
    for (size_t i = 0; i < known->naddresses; i++)
        if (table_get(trips->readers, &known->addresses[i], sizeof *known->addresses, &ignored))
            return true;
    return false;
}

/* A mailbox is named in so many words: that it leads nowhere is an error. True: all is well. */
static bool mailbox_is_good(const struct round_trips *trips, const char *mailbox,
                            const char **fault)
{
    uint32_t host;
    if (!host_find(trips->derivation, mailbox, &host))
        *fault = "no MX or SRV record names it, and it has no settings in 'hosts'";
    else if (!trips->reads[host])
        *fault = "it has no check of type imap or imaps with 'credentials'";
    else
        return true;
    return false;
}

static void check_demand(struct round_trips *trips, uint32_t host, uint32_t check)
{
    struct derivation *derivation = trips->derivation;
    const struct check_settings *settings = &derivation->model->checks[check].settings;
    const char *fault, *mailbox = shared_text(settings->mailbox);
    bool told = trips->first[check] != MODEL_NONE;
    if (!settings->round_trip_ms || !settings->recipient)
        return;
    if (mailbox != NULL ? mailbox_is_good(trips, mailbox, &fault) : is_readable(trips, host))
        return;
    trips->more[check] += told;
    if (told)
        return;
    trips->first[check] = host;
    if (mailbox != NULL)
        derive_dangling(derivation, place_of(derivation, host, check),
                        "round-trip: messages to %s cannot be found at 'mailbox' %s: %s",
                        shared_text(settings->recipient), mailbox, fault);
}

static void warn_of_check(const struct round_trips *trips, uint32_t check)
{
    const struct derivation *derivation = trips->derivation;
    const struct model *model = derivation->model;
    uint32_t host = trips->first[check];
    char more[64] = "";
    if (host == MODEL_NONE || model->checks[check].settings.mailbox != NULL)
        return;
    if (trips->more[check] > 0)
        snprintf(more, sizeof more, " and %zu more host%s", trips->more[check],
                 trips->more[check] == 1 ? "" : "s");
    struct config_place place = place_of(derivation, host, check);
    diagnostics_warning(derivation->diagnostics, derivation->config->file, place.line, place.column,
                        "round-trip: no message is sent to %s%s, as it could not be found: no IMAP "
                        "check there has 'credentials', and no 'mailbox' names another host",
                        model->hosts[host].name, more);
}

void round_trips_report(struct derivation *derivation)
{
    const struct model *model = derivation->model;
    struct round_trips trips = {
        .derivation = derivation,
        .reads = memory_array(model->nhosts + 1, sizeof *trips.reads),
        .readers = table_new(0),
        .first = memory_array(model->nchecks + 1, sizeof *trips.first),
        .more = memory_array(model->nchecks + 1, sizeof *trips.more),
    };
    memset(trips.first, 0xff, (model->nchecks + 1) * sizeof *trips.first); /* MODEL_NONE */
    collect_readers(&trips);
    for (uint32_t i = 0; i < model->nhosts; i++)
        for (size_t j = 0; j < derivation->states[i].ndemands; j++)
            check_demand(&trips, i, derivation->states[i].demands[j].check);
    for (uint32_t i = 0; i < model->nchecks; i++)
        warn_of_check(&trips, i);
    free(trips.reads);
    table_free(trips.readers);
    free(trips.first);
    free(trips.more);
}
