/* SPDX-License-Identifier: BSD-2-Clause */
/* Octets as evermx.yaml: read, and built into a model with zones that are always there. It may name
 * a file of credentials, or be one: itself. */
#include "fuzz/fuzz.h"
#include "fuzz/scratch.h"
#include "fuzz/told.h"
#include "fuzz/world.h"
#include "wire/name.h"

#include <string.h>

enum { INPUT_MAX = 16384, SALTS = 3 };

static const char zone[] =
    "$ORIGIN example.test.\n$TTL 300\n@ SOA ns h 1 3600 600 86400 5\n@ NS ns\nns A 127.0.0.53\n"
    "@ MX 10 mx1\n@ MX 20 mx2\n@ MX 20 mail.example.org.\nmx1 A 127.0.0.11\nmx2 A 127.0.0.12\n"
    "mx2 AAAA ::2\nimap A 127.0.0.11\nimap A 127.0.0.12\n_imaps._tcp SRV 0 1 993 imap\n"
    "_submission._tcp SRV 0 3 587 mx1\n_submission._tcp SRV 1 0 587 mx2\n*.wild MX 5 mx1\n";

/* What readers of a configuration rely on without looking again. */
static void check_settings(const struct check_settings *settings)
{
    FUZZ_CHECK(settings->kind < CHECK_KINDS);
    FUZZ_CHECK(settings->tls <= CHECK_TLS_REQUIRED);
    FUZZ_CHECK(settings->port > 0 || settings->kind == CHECK_TCP); /* that has none of its own */
    FUZZ_CHECK(settings->interval_ms > 0 && settings->service_interval_ms > 0);
    FUZZ_CHECK(settings->recheck_ms > 0 && settings->recheck_ms <= settings->interval_ms);
    FUZZ_CHECK(settings->connect_timeout_ms > 0 && settings->greeting_timeout_ms > 0);
    FUZZ_CHECK(settings->reply_timeout_ms > 0 && settings->timeout_ms > 0);
    FUZZ_CHECK(settings->fall > 0 && settings->rise > 0);
    FUZZ_CHECK(settings->alarm_ms > 0 && settings->alarm_ms <= settings->drain_ms);
    FUZZ_CHECK(!settings->user == !settings->password);
    FUZZ_CHECK(!settings->user || shared_size(settings->user) > 0);
    FUZZ_CHECK(!settings->password || shared_size(settings->password) > 0);
    FUZZ_CHECK(!settings->recipient ||
               strpbrk(shared_text(settings->recipient), "<> \r\n") == NULL);
}

static void check_host(const struct config *config, const struct config_host *host)
{
    uint8_t name[NAME_MAX_SIZE];
    FUZZ_CHECK(name_from_text(host->name, name) > 0);
    FUZZ_CHECK(host->weight <= 1000);
    FUZZ_CHECK(host->place.line > 0);
    for (size_t i = 0; i < host->nchecks; i++)
        FUZZ_CHECK(host->checks[i] < config->nchecks);
    for (size_t i = 0; i < config->nchecks; i++) {
        struct check_settings settings;
        config_host_settings(host, &config->checks[i], &settings);
        check_settings(&settings);
    }
}

static void check_policy(const struct config_policy *policy)
{
    uint8_t name[NAME_MAX_SIZE];
    FUZZ_CHECK(strcmp(policy->owner, "*") == 0 || name_from_text(policy->owner, name) > 0);
    FUZZ_CHECK(policy->when_all_down <= ALL_DOWN_SERVFAIL && policy->on_down <= ON_DOWN_DEMOTE);
    FUZZ_CHECK(policy->mx_weighting <= MX_WEIGHTING_SINGLE);
    for (size_t i = 0; i < policy->ntiers; i++) {
        FUZZ_CHECK(policy->tiers[i].nhosts > 0);
        for (size_t j = 0; j < policy->tiers[i].nhosts; j++)
            FUZZ_CHECK(name_from_text(policy->tiers[i].hosts[j], name) > 0);
    }
}

static void check_config(const struct config *config)
{
    FUZZ_CHECK(config->workers > 0);
    FUZZ_CHECK(config->control && *config->control);
    FUZZ_CHECK(config->nchecks >= CHECK_KINDS);
    FUZZ_CHECK(config->nprobe_sources <= 2 && config->ncanaries <= CANARIES_LIMIT);
    for (size_t i = 0; i < config->nlisten; i++)
        FUZZ_CHECK(config->listen[i].address.family == 4 || config->listen[i].address.family == 6);
    for (size_t i = 0; i < config->nzones; i++)
        FUZZ_CHECK(config->zones[i].file && *config->zones[i].file);
    for (size_t i = 0; i < config->nchecks; i++)
        check_settings(&config->checks[i].settings);
    for (size_t i = 0; i < config->nhosts; i++)
        check_host(config, &config->hosts[i]);
    for (size_t i = 0; i < config->npolicies; i++)
        check_policy(&config->policies[i]);
}

/* Whatever the policies say, no answer is emptied by health: world_publish() looks. */
static void build(struct config *config)
{
    struct diagnostics diagnostics;
    char path[SCRATCH_PATH_SIZE];
    diagnostics_init(&diagnostics);
    scratch_path("example.test.zone", path);
    config_add_zone(config, path);
    struct model *model = model_build(config, NULL, false, &diagnostics);
    told_check(&diagnostics);
    FUZZ_CHECK(model || diagnostics.errors);
    for (unsigned salt = 0; model && salt < SALTS; salt++)
        publisher_free(world_publish(model, salt * 8));
    model_free(model);
    diagnostics_free(&diagnostics);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[SCRATCH_PATH_SIZE];
    struct diagnostics diagnostics;
    if (size > INPUT_MAX)
        return 0;
    scratch_write_text("example.test.zone", zone);
    scratch_write_text("secret", "user: probe\npassword: secret\n");
    scratch_write("evermx.yaml", data, size);
    scratch_path("evermx.yaml", path);
    scratch_fence(true);
    diagnostics_init(&diagnostics);
    struct config *config = config_load(path, &diagnostics), *zones = config_load_zones(path);
    FUZZ_CHECK((config == NULL) == (diagnostics.errors > 0));
    told_check(&diagnostics);
    if (config) {
        check_config(config);
        FUZZ_CHECK(config->nzones == zones->nzones);
        build(config);
    }
    config_free(config);
    config_free(zones);
    diagnostics_free(&diagnostics);
    scratch_fence(false);
    return 0;
}
