/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/serving.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

_Static_assert((int)COOKIE_SECRETS_LIMIT <= (int)COOKIE_SECRETS_MAX, "all that are read are kept");

static struct settings_options answers_of(const struct config *config)
{
    const char *identity = config->identity;
    return (struct settings_options){
        .identity = identity && strcmp(identity, "off") == 0 ? "" : identity,
        .tells_version = config->version,
        .udp_size = config->udp_size,
        .cookies = config->cookies,
        .secrets = config->cookie_secrets,
        .nsecrets = config->ncookie_secrets,
    };
}

/* exempt: an array of as many as the configuration has. */
static struct rate_options rate_of(const struct config_rate *rate, struct rate_network *exempt)
{
    for (size_t i = 0; i < rate->nexempt; i++)
        exempt[i] = (struct rate_network){rate->exempt[i].address, rate->exempt[i].bits};
    return (struct rate_options){
        .limits = {[RATE_ANSWERS] = rate->answers,
                   [RATE_NEGATIVES] = rate->negatives,
                   [RATE_ERRORS] = rate->errors,
                   [RATE_CANARIES] = rate->answers},
        .slip = rate->slip,
        .ipv4_bits = rate->ipv4_prefix,
        .ipv6_bits = rate->ipv6_prefix,
        .exempt = exempt,
        .nexempt = rate->nexempt,
    };
}

/* Of a configuration, all but `listen`. The networks and limits in `rate` are pointed to. */
static struct server_options options_of(const struct config *config, struct rate_options *rate,
                                        struct rate_network *exempt)
{
    *rate = rate_of(&config->rate, exempt);
    return (struct server_options){
        .workers = config->workers,
        .rate = config->rate.on ? rate : NULL,
        .tcp_idle_ms = config->tcp_idle_ms,
        .tcp_connections = config->tcp_connections,
        .tcp_per_client = config->tcp_per_client,
        .answers = answers_of(config),
        .canary = config->canary_names,
    };
}

struct server *serving_new(const struct config *config, struct publisher *publisher,
                           struct error *error)
{
    struct server_endpoint *listen = memory_array(config->nlisten, sizeof *listen);
    struct rate_network *exempt = memory_array(config->rate.nexempt, sizeof *exempt);
    struct rate_options rate;
    struct server_options options = options_of(config, &rate, exempt);
    for (size_t i = 0; i < config->nlisten; i++)
        listen[i] = (struct server_endpoint){config->listen[i].address, config->listen[i].port};
    options.listen = listen;
    options.nlisten = config->nlisten;
    struct server *server = server_new(&options, publisher, error);
    free(listen);
    free(exempt);
    return server;
}

void serving_configure(struct server *server, const struct config *config,
                       struct diagnostics *diagnostics)
{
    struct rate_network *exempt = memory_array(config->rate.nexempt, sizeof *exempt);
    struct rate_options rate;
    struct server_options options = options_of(config, &rate, exempt);
    struct error error;
    if (!server_configure(server, &options, &error))
        diagnostics_warning(diagnostics, config->file, 0, 0, "%s", error.text);
    free(exempt);
}
