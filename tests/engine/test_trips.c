/* SPDX-License-Identifier: BSD-2-Clause */
/* When round trips are made, and what is told of those that cannot be: with the real core, and
 * ports where nobody listens. Messages that come and do not come: tests/e2e/test_trips.c. */
#include "engine/trips.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/shared.h"
#include "probe/loop.h"
#include "probe/peers.h"
#include "support/probe_once.h"
#include "support/stage.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MX1 "127.0.0.23"

enum { TARGETS_MAX = 4, ROUND_TRIP_MS = 100, FIRST_WITHIN_MS = 1000 };

struct world {
    struct stage stage;
    struct session_setting sessions;
    struct script_server *server; /* of SMTP: only counts who comes */
    struct trips *trips;
    struct check_settings checks[TARGETS_MAX];
    struct shared *user, *password, *recipient;
    uint32_t smtp, imap;
    unsigned changed;
};

static void on_changed(void *context)
{
    struct world *world = context;
    world->changed++;
}

static void run_for(struct world *world, int64_t ms)
{
    const struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_base_loopexit(world->sessions.base, &wait);
    event_base_dispatch(world->sessions.base);
}

/* In a hurry, which no configuration may be. */
static void add_target(struct world *world, uint32_t id, bool mailbox)
{
    const struct stage_probe *probe = &world->stage.probes[id];
    struct check_settings *check = &world->checks[id];
    *check = *probe->settings;
    check->connect_timeout_ms = check->greeting_timeout_ms = check->reply_timeout_ms = 200;
    if (check->kind == CHECK_SMTP) {
        world->smtp = id;
        check->round_trip_ms = ROUND_TRIP_MS;
        check->recipient = world->recipient;
    } else {
        world->imap = id;
        check->user = mailbox ? world->user : NULL;
        check->password = mailbox ? world->password : NULL;
    }
    const struct probe_target target = {
        .address = probe->address, .port = probe->port, .check = check, .host = probe->host};
    trips_add(world->trips, id, &target);
}

static void world_begin(struct world *world, bool mailbox)
{
    char config[100];
    *world = (struct world){.sessions = {.base = loop_new(), .ehlo_name = "probe.example.test"}};
    world->sessions.peers = peers_new(world->sessions.base, 16);
    world->server = script_start(MX1, STEPS(RESET));
    world->user = shared_new("probe", 5, false);
    world->password = shared_new("lab", 3, false);
    world->recipient = shared_new("probe@example.test", 18, false);
    stage_init(&world->stage, true);
    snprintf(config, sizeof config, "checks:\n  smtp: {port: %u}\n", script_port(world->server));
    stage_config(&world->stage, config);
    stage_zone(&world->stage, "example.test",
               ZONE_HEAD "@ MX 10 mx1\nmx1 A " MX1 "\n_imap._tcp SRV 0 1 1143 mx1\n");
    stage_load(&world->stage);
    assert_int_equal(world->stage.nprobes, 2);
    const struct trips_ways ways = {.core = world->stage.core,
                                    .sessions = &world->sessions,
                                    .changed = on_changed,
                                    .context = world};
    world->trips = trips_new(&ways);
    for (uint32_t id = 0; id < 2; id++)
        add_target(world, id, mailbox);
}

static void world_end(struct world *world)
{
    trips_free(world->trips);
    char *wrong = script_stop(world->server);
    peers_free(world->sessions.peers); /* dies where a place is left taken */
    stage_free(&world->stage);
    event_base_free(world->sessions.base);
    shared_release(world->user);
    shared_release(world->password);
    shared_release(world->recipient);
    if (wrong)
        fail_msg("%s", wrong);
}

/* The core knows the outcome, and the trips are told. */
static void probe_smtp(struct world *world, enum reason reason)
{
    const struct outcome outcome = {.depth = DEPTH_SERVICE, .reason = reason, .sessions = 1};
    stage_outcome(&world->stage, "*", "*", reason);
    trips_probed(world->trips, world->smtp, &outcome, clock_now_ms());
}

static unsigned count_told(struct world *world, const char *text)
{
    struct engine_events events = {.arena = arena_new(), .now_ms = clock_now_ms()};
    unsigned count = 0;
    core_events(world->stage.core, 0, &events);
    for (size_t i = 0; i < events.count; i++)
        count += !strcmp(events.list[i].kind, "round-trip") && strstr(events.list[i].text, text);
    engine_events_free(&events);
    return count;
}

/* Until it is told; false: it is not. */
static bool is_told(struct world *world, const char *text)
{
    for (unsigned i = 0; i < 500; i++) {
        if (count_told(world, text))
            return true;
        run_for(world, 10);
    }
    return false;
}

/* No message is sent that nobody would find. */
static void without_a_mailbox(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world, false);
    run_for(&world, FIRST_WITHIN_MS + 3 * ROUND_TRIP_MS);
    assert_int_equal(count_told(&world, ""), 0); /* nothing is known of the target yet */
    probe_smtp(&world, REASON_OK);
    assert_true(is_told(&world, "no round trips"));
    run_for(&world, 5 * ROUND_TRIP_MS);
    assert_int_equal(count_told(&world, ""), 1);
    assert_int_equal(script_connections(world.server), 0);
    assert_int_equal(world.changed, 0);

    trips_remove(world.trips, world.imap); /* the credentials have come, by a reload */
    add_target(&world, world.imap, true);
    assert_true(is_told(&world, "there is an imap check with credentials at its address"));
    world_end(&world);
}

/* Told once, and no verdict changes by it. */
static void that_fail(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world, true);
    probe_smtp(&world, REASON_OK);
    assert_true(is_told(&world, "round trips fail: "));
    run_for(&world, 5 * ROUND_TRIP_MS);
    assert_int_equal(count_told(&world, "round trips fail: "), 1);
    assert_int_equal(core_verdict(world.stage.core, world.smtp)->status, VERDICT_UP);
    world_end(&world);
}

static void not_where_it_is_down(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world, true);
    probe_smtp(&world, REASON_OK);
    for (unsigned i = 0; i < 4; i++)
        probe_smtp(&world, REASON_REFUSED);
    assert_int_equal(core_verdict(world.stage.core, world.smtp)->status, VERDICT_DOWN);
    run_for(&world, FIRST_WITHIN_MS + 3 * ROUND_TRIP_MS);
    assert_int_equal(script_connections(world.server), 0);
    assert_int_equal(count_told(&world, ""), 0);
    world_end(&world);
}

static void removed_under_way(void **state)
{
    (void)state;
    for (int64_t wait_ms = 0; wait_ms < 5; wait_ms++) {
        struct world world;
        world_begin(&world, true);
        probe_smtp(&world, REASON_OK);
        for (unsigned i = 0; i < 500 && !peers_taken(world.sessions.peers); i++)
            run_for(&world, 3);
        run_for(&world, wait_ms);
        trips_remove(world.trips, wait_ms % 2 ? world.imap : world.smtp);
        trips_remove(world.trips, wait_ms % 2 ? world.smtp : world.imap);
        run_for(&world, 50);
        assert_int_equal(peers_taken(world.sessions.peers), 0);
        world_end(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_mailbox),
        cmocka_unit_test(that_fail),
        cmocka_unit_test(not_where_it_is_down),
        cmocka_unit_test(removed_under_way),
    };
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
