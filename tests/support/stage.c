/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/stage.h"

#include "base/memory.h"
#include "config/config.h"
#include "support/fixture.h"
#include "wire/rrtype.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { START_MS = 1000000, HEARTBEAT_MS = 250 };

static void on_add(void *context, uint32_t id, const struct probe_target *target)
{
    struct stage *stage = context;
    if (id >= stage->nprobes) {
        stage->probes = memory_resize(stage->probes, id + 1, sizeof *stage->probes);
        for (; stage->nprobes <= id; stage->nprobes++)
            stage->probes[stage->nprobes] = (struct stage_probe){0};
    }
    struct stage_probe *probe = &stage->probes[id];
    assert_false(probe->on);
    *probe = (struct stage_probe){
        .on = true,
        .address = target->address,
        .port = target->port,
        .settings = target->check,
        .depth = DEPTH_SERVICE, /* the prober's first one */
    };
    snprintf(probe->host, sizeof probe->host, "%s", target->host);
    stage->added++;
}

static void on_remove(void *context, uint32_t id)
{
    struct stage *stage = context;
    assert_true(id < stage->nprobes && stage->probes[id].on);
    stage->probes[id].on = false;
    stage->removed++;
}

static void on_hurry(void *context, uint32_t id)
{
    struct stage *stage = context;
    assert_true(id < stage->nprobes && stage->probes[id].on);
    stage->probes[id].hurried++;
}

static int64_t on_reached_ms(void *context, uint32_t id)
{
    const struct stage *stage = context;
    assert_true(id < stage->nprobes && stage->probes[id].on);
    return stage->probes[id].reached_ms;
}

void stage_init(struct stage *stage, bool probing)
{
    const struct core_probes probes = {.context = stage,
                                       .add = on_add,
                                       .remove = on_remove,
                                       .hurry = on_hurry,
                                       .reached_ms = on_reached_ms};
    memset(stage, 0, sizeof *stage);
    folder_make(stage->folder);
    stage->start_ms = stage->now_ms = START_MS;
    stage->publisher = publisher_new();
    stage->core = core_new(stage->publisher, probing ? &probes : NULL);
    responder_init(&stage->responder, NULL, 1);
}

void stage_free(struct stage *stage)
{
    core_free(stage->core);
    publisher_free(stage->publisher);
    config_free(stage->config);
    free(stage->probes);
    folder_remove(stage->folder);
}

void stage_zone(struct stage *stage, const char *file, const char *text)
{
    size_t number = 0;
    while (number < stage->nzones && strcmp(stage->zones[number], file) != 0)
        number++;
    assert_in_range(number, 0, sizeof stage->zones / sizeof *stage->zones - 1);
    snprintf(stage->zones[number], sizeof stage->zones[number], "%s", file);
    if (number == stage->nzones)
        stage->nzones++;
    folder_write(stage->folder, file, text);
}

void stage_config(struct stage *stage, const char *text)
{
    folder_write(stage->folder, "config.yaml", text);
    stage->has_config = true;
}

static struct model *build(struct stage *stage, const struct model *previous, bool strict)
{
    struct diagnostics diagnostics;
    char path[128];
    diagnostics_init(&diagnostics);
    folder_path(stage->folder, "config.yaml", path, sizeof path);
    struct config *config = stage->has_config ? config_load(path, &diagnostics) : config_new();
    struct model *model = NULL;
    for (size_t i = 0; config && i < stage->nzones; i++) {
        folder_path(stage->folder, stage->zones[i], path, sizeof path);
        config_add_zone(config, path);
    }
    if (config)
        model = model_build(config, previous, strict, &diagnostics);
    if (!model) {
        diagnostics_print(&diagnostics, stderr);
        fail_msg("no model could be built");
    }
    diagnostics_free(&diagnostics);
    config_free(stage->config);
    stage->config = config;
    return model;
}

struct model *stage_build(struct stage *stage)
{
    return build(stage, NULL, !stage->lenient);
}

static void load(struct stage *stage, struct model *model, struct catalog *catalog)
{
    stage->model = model;
    model_free(core_load(stage->core, model, catalog, stage->now_ms));
}

void stage_load(struct stage *stage)
{
    struct model *model = stage_build(stage);
    load(stage, model, catalog_new(model));
}

void stage_reload(struct stage *stage)
{
    const struct catalog *before = publisher_current(stage->publisher)->catalog;
    struct model *model = build(stage, stage->model, false);
    load(stage, model, catalog_next(before, stage->model, model));
}

void stage_at(struct stage *stage, int64_t ms)
{
    int64_t then_ms = stage->start_ms + ms;
    assert_true(then_ms >= stage->now_ms);
    if (then_ms == stage->now_ms)
        return;
    stage_publish(stage);
    while (stage->now_ms < then_ms) {
        int64_t beat_ms = stage->now_ms + HEARTBEAT_MS - stage->now_ms % HEARTBEAT_MS;
        stage->now_ms = beat_ms < then_ms ? beat_ms : then_ms;
        core_tick(stage->core, stage->now_ms);
        stage_publish(stage);
    }
}

static bool is_meant(const struct stage_probe *probe, const char *host, const char *kind)
{
    char address[ADDRESS_TEXT_SIZE];
    address_format(&probe->address, address);
    bool host_fits =
        strcmp(host, "*") == 0 || strcmp(host, probe->host) == 0 || strcmp(host, address) == 0;
    return probe->on && host_fits &&
           (strcmp(kind, "*") == 0 || strcmp(kind, check_kind_name(probe->settings->kind)) == 0);
}

/* How long a probe takes that ends so: what times out takes its time, all else is quick. */
static int64_t took_ms(const struct check_settings *settings, enum reason reason)
{
    switch (reason) {
    case REASON_CONNECT_TIMEOUT:
        return settings->connect_timeout_ms;
    case REASON_GREETING_TIMEOUT:
        return settings->greeting_timeout_ms;
    case REASON_TIMEOUT:
        return settings->timeout_ms;
    default:
        return reason_status(reason) == OUTCOME_UNKNOWN ? -1 : 1;
    }
}

size_t stage_outcome(struct stage *stage, const char *host, const char *kind, enum reason reason)
{
    size_t count = 0;
    for (uint32_t i = 0; i < stage->nprobes; i++) {
        if (!is_meant(&stage->probes[i], host, kind))
            continue;
        struct stage_probe *probe = &stage->probes[i];
        const struct outcome outcome = {.depth = probe->depth,
                                        .reason = reason,
                                        .rtt_us = took_ms(probe->settings, reason) * 1000};
        probe->depth = core_outcome(stage->core, i, &outcome, stage->now_ms).depth;
        count++;
    }
    return count;
}

void stage_publish(struct stage *stage)
{
    core_publish(stage->core, stage->now_ms);
}

ldns_pkt *stage_ask(struct stage *stage, const char *name, uint16_t rrtype)
{
    uint8_t query[512], *answer = memory_array(MESSAGE_MAX_SIZE, 1);
    size_t query_size = make_query(query, name, rrtype, 0);
    reader_register(); /* only now: the same thread publishes */
    reader_online();
    size_t size = respond(&stage->responder, publisher_current(stage->publisher),
                          test_client(TRANSPORT_TCP), query, query_size, answer);
    reader_offline();
    reader_unregister();
    ldns_pkt *packet = NULL;
    assert_int_equal(ldns_wire2pkt(&packet, answer, size), LDNS_STATUS_OK);
    free(answer);
    return packet;
}
