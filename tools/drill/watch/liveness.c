/* SPDX-License-Identifier: BSD-2-Clause */
#include "liveness.h"

#include "base/memory.h"
#include "probe/probe.h"

#include <stdlib.h>
#include <string.h>

enum { TARGET_ID = 1, KIND_SIZE = 16 };

struct liveness {
    struct check_settings settings;
    struct prober *prober;
    liveness_report *report;
    void *context;
};

/* ---- what is probed ---- */

static void built_in(enum check_kind kind, struct check_settings *settings)
{
    struct config *config = config_new();
    check_settings_copy(settings, &config->checks[kind].settings);
    config_free(config);
}

/* "192.0.2.1:25" is what people write, too. */
static bool parse_endpoint(const char *text, struct address *address, uint16_t *port)
{
    char other[ADDRESS_TEXT_SIZE];
    const char *colon = strrchr(text, ':');
    uint16_t given = *port;
    if (endpoint_parse(text, given, address, port))
        return true;
    size_t size = strlen(text);
    if (!colon || size >= sizeof other || (strchr(text, ':') != colon && colon[-1] != ']'))
        return false;
    memcpy(other, text, size + 1);
    other[colon - text] = '@';
    return endpoint_parse(other, given, address, port);
}

bool liveness_parse(const char *text, struct liveness_target *target, struct error *error)
{
    char kind[KIND_SIZE];
    struct check_settings settings;
    size_t size = strcspn(text, "@:");
    if (size == 0 || size >= sizeof kind || !text[size])
        return error_set(error, "probe %s: it is written as smtp@ADDRESS or smtp@ADDRESS@PORT",
                         text);
    memcpy(kind, text, size);
    kind[size] = '\0';
    if (!check_kind_from_name(kind, &target->kind))
        return error_set(error, "probe %s: there is no kind of check '%s'", text, kind);
    built_in(target->kind, &settings);
    target->port = settings.port;
    check_settings_release(&settings);
    if (!parse_endpoint(text + size + 1, &target->address, &target->port))
        return error_set(error, "probe %s: '%s' is no address%s", text, text + size + 1,
                         target->port ? "" : " with a port");
    return true;
}

/* ---- outcomes ---- */

static enum seen seen_by(const struct outcome *outcome)
{
    switch (reason_status(outcome->reason)) {
    case OUTCOME_OK:
        return SEEN_WITH;
    case OUTCOME_FAIL:
        return SEEN_WITHOUT;
    default:
        return SEEN_NOTHING;
    }
}

static struct probe_next on_done(void *context, uint32_t id, const struct outcome *outcome,
                                 int64_t now_ms)
{
    const struct liveness *liveness = context;
    (void)id;
    enum seen seen = seen_by(outcome);
    /* A goodbye that did not come is no sign of life. */
    int64_t quiet_ms = seen == SEEN_WITH ? outcome->quiet_ms : 0;
    const struct observation observation = {
        .asked_us = (now_ms - quiet_ms) * 1000,
        .came_us = now_ms * 1000,
        .seen = seen,
    };
    liveness->report(liveness->context, &observation, reason_word(outcome->reason));
    return (struct probe_next){.wait_ms = LIVENESS_INTERVAL_MS, .depth = DEPTH_LIVENESS};
}

/* ---- all of it ---- */

struct liveness *liveness_new(struct event_base *base, const struct liveness_target *target,
                              const char *name, liveness_report *report, void *context)
{
    static const struct probe_reports reports = {.done = on_done};
    const struct prober_options options = {0};
    struct liveness *liveness = memory_alloc(sizeof *liveness);
    built_in(target->kind, &liveness->settings);
    liveness->settings.port = target->port;
    liveness->settings.interval_ms = LIVENESS_INTERVAL_MS;
    liveness->settings.recheck_ms = LIVENESS_INTERVAL_MS;
    liveness->report = report;
    liveness->context = context;
    liveness->prober = prober_new(base, &options, &reports, liveness);
    if (!liveness->prober) {
        liveness_free(liveness);
        return NULL;
    }
    const struct probe_target probed = {
        .address = target->address,
        .port = target->port,
        .check = &liveness->settings,
        .host = name,
    };
    prober_add(liveness->prober, TARGET_ID, &probed, 0);
    return liveness;
}

void liveness_free(struct liveness *liveness)
{
    if (!liveness)
        return;
    if (liveness->prober)
        prober_free(liveness->prober);
    check_settings_release(&liveness->settings);
    free(liveness);
}
