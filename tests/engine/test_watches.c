/* SPDX-License-Identifier: BSD-2-Clause */
/* Which hosts have a sentinel, and what is hurried when one breaks: with the real core, and a
 * scripted IMAP server. */
#include "engine/watches.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "probe/channel.h"
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
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MX1 "127.0.0.21"
#define MX2 "127.0.0.22"

enum { TARGETS_MAX = 8, AGAIN_MS = 5000, A_WHILE_MS = 60 };

struct world {
    struct stage stage;
    struct session_setting sessions;
    struct script_server *server; /* of IMAP at MX1 */
    struct watches *watches;
    unsigned hurried[TARGETS_MAX]; /* by target */
    int64_t hurried_ms[TARGETS_MAX][4];
};

static void hurry(void *context, uint32_t id)
{
    struct world *world = context;
    assert_true(id < TARGETS_MAX);
    if (world->hurried[id] < 4)
        world->hurried_ms[id][world->hurried[id]] = clock_now_ms();
    world->hurried[id]++;
}

static void run_for(struct world *world, int64_t ms)
{
    const struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_base_loopexit(world->sessions.base, &wait);
    event_base_dispatch(world->sessions.base);
}

static struct probe_target target_of(const struct world *world, uint32_t id)
{
    const struct stage_probe *probe = &world->stage.probes[id];
    return (struct probe_target){.address = probe->address,
                                 .port = probe->port,
                                 .check = probe->settings,
                                 .host = probe->host};
}

static void world_begin(struct world *world, bool sentinel, const struct script_step *steps)
{
    char config[100], zone[600];
    *world = (struct world){.sessions = {.base = loop_new()}};
    world->sessions.peers = peers_new(world->sessions.base, 16);
    world->server = script_start(MX1, steps);
    stage_init(&world->stage, true);
    snprintf(config, sizeof config, "checks:\n  imap: {tls: off, sentinel: %s}\n",
             sentinel ? "on" : "off");
    snprintf(zone, sizeof zone,
             ZONE_HEAD "@ MX 10 mx1\n@ MX 10 mx2\nmx1 A " MX1 "\nmx2 A " MX2 "\n"
                       "_imap._tcp SRV 0 1 %u mx1\n_imap._tcp SRV 0 1 143 mx2\n",
             script_port(world->server));
    stage_config(&world->stage, config);
    stage_zone(&world->stage, "example.test", zone);
    stage_load(&world->stage);
    assert_in_range(world->stage.nprobes, 4, TARGETS_MAX);
    const struct watches_ways ways = {
        .core = world->stage.core, .sessions = &world->sessions, .hurry = hurry, .context = world};
    world->watches = watches_new(&ways);
    for (uint32_t id = 0; id < world->stage.nprobes; id++) {
        struct probe_target target = target_of(world, id);
        watches_add(world->watches, id, &target);
    }
}

static void world_end(struct world *world)
{
    watches_free(world->watches);
    char *wrong = script_stop(world->server);
    peers_free(world->sessions.peers); /* dies where a place is left taken */
    stage_free(&world->stage);
    event_base_free(world->sessions.base);
    if (wrong)
        fail_msg("%s", wrong);
}

static bool is_at(const struct world *world, uint32_t id, const char *host)
{
    return strncmp(world->stage.probes[id].host, host, 3) == 0;
}

static uint32_t find(const struct world *world, const char *host, enum check_kind kind)
{
    for (uint32_t id = 0; id < world->stage.nprobes; id++)
        if (is_at(world, id, host) && world->stage.probes[id].settings->kind == kind)
            return id;
    fail_msg("no such target: %s", host);
    return 0;
}

/* An outcome of each target, that the core knows and the watches are told. */
static void probe_all(struct world *world, enum reason reason, int64_t now_ms)
{
    const struct outcome outcome = {.depth = DEPTH_SERVICE, .reason = reason, .sessions = 1};
    stage_outcome(&world->stage, "*", "*", reason);
    for (uint32_t id = 0; id < world->stage.nprobes; id++)
        if (is_at(world, id, "mx1"))
            watches_probed(world->watches, id, &outcome, now_ms);
}

static void watch_begins(struct world *world)
{
    probe_all(world, REASON_OK, clock_now_ms());
    for (unsigned i = 0; i < 1000 && !script_connections(world->server); i++)
        run_for(world, 5);
    run_for(world, A_WHILE_MS);
    assert_int_equal(script_connections(world->server), 1);
    assert_int_equal(peers_taken(world->sessions.peers), 1); /* one for the whole host */
}

#define WATCHED SAY("* OK ready\r\n")

static void nobody_asks_for_one(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world, false, STEPS(WATCHED, GONE));
    probe_all(&world, REASON_OK, clock_now_ms());
    run_for(&world, A_WHILE_MS);
    assert_int_equal(script_connections(world.server), 0);
    world_end(&world);
}

static void not_before_it_is_up(void **state)
{
    (void)state;
    struct world world;
    const struct outcome good = {.depth = DEPTH_LIVENESS, .reason = REASON_OK, .sessions = 1};
    world_begin(&world, true, STEPS(WATCHED, HEAR("e1 LOGOUT\r\n"), GONE));
    stage_outcome(&world.stage, "*", "*", REASON_REFUSED);
    stage_outcome(&world.stage, "*", "*", REASON_REFUSED);
    watches_probed(world.watches, find(&world, "mx1", CHECK_IMAP), &good, clock_now_ms());
    run_for(&world, A_WHILE_MS);
    assert_int_equal(script_connections(world.server), 0);
    world_end(&world);
}

/* All targets of that address at once, and again soon; none of another. */
static void breaks(void **state)
{
    (void)state;
    static const int64_t after_ms[] = {0, 80, 200};
    struct world world;
    world_begin(&world, true, STEPS(WATCHED, PAUSE(200)));
    watch_begins(&world);
    run_for(&world, 800);
    for (uint32_t id = 0; id < world.stage.nprobes; id++) {
        assert_int_equal(world.hurried[id], is_at(&world, id, "mx1") ? 3 : 0);
        for (unsigned i = 0; i < 3 && world.hurried[id]; i++)
            assert_true(world.hurried_ms[id][i] - world.hurried_ms[id][0] >= after_ms[i] - 1);
    }
    world_end(&world);
}

/* Who is known to be down has its own rhythm. */
static void breaks_where_one_is_down(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world, true, STEPS(WATCHED, PAUSE(200)));
    watch_begins(&world);
    uint32_t smtp = find(&world, "mx1", CHECK_SMTP);
    stage_outcome(&world.stage, "mx1.example.test", "smtp", REASON_REFUSED);
    stage_outcome(&world.stage, "mx1.example.test", "smtp", REASON_REFUSED);
    assert_int_equal(core_verdict(world.stage.core, smtp)->status, VERDICT_DOWN);
    run_for(&world, 600);
    assert_int_equal(world.hurried[smtp], 0);
    assert_int_equal(world.hurried[find(&world, "mx1", CHECK_IMAP)], 3);
    world_end(&world);
}

/* The next one some time later; where each ends soon, later and later. */
static void comes_again(void **state)
{
    (void)state;
    struct world world;
    int64_t wait_ms = AGAIN_MS;
    world_begin(&world, true, STEPS(WATCHED, PAUSE(20)));
    for (unsigned ended = 1; ended < 4; ended++) {
        int64_t before_ms = clock_now_ms();
        probe_all(&world, REASON_OK, before_ms + 100000 * ended);
        run_for(&world, 400);
        assert_int_equal(script_connections(world.server), ended);
        assert_int_equal(peers_taken(world.sessions.peers), 0);
        probe_all(&world, REASON_OK, before_ms + wait_ms - 100); /* too early: it ended later */
        run_for(&world, A_WHILE_MS);
        assert_int_equal(script_connections(world.server), ended);
        wait_ms *= 2;
    }
    world_end(&world);
}

/* Closed politely as soon as anything is wrong at the host, and nothing is hurried by that. */
static void closed_when_something_is_wrong(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct world world;
        world_begin(&world, true, STEPS(WATCHED, HEAR("e1 LOGOUT\r\n"), GONE));
        watch_begins(&world);
        uint32_t smtp = find(&world, "mx1", CHECK_SMTP);
        const struct outcome bad = {
            .depth = DEPTH_LIVENESS, .reason = REASON_GREETING_TIMEOUT, .sessions = 1};
        if (late)
            watches_late(world.watches, smtp);
        else
            watches_probed(world.watches, smtp, &bad, clock_now_ms());
        assert_int_equal(peers_taken(world.sessions.peers), 0);
        run_for(&world, A_WHILE_MS);
        probe_all(&world, REASON_OK, clock_now_ms()); /* not at once again */
        run_for(&world, A_WHILE_MS);
        assert_int_equal(script_connections(world.server), 1);
        assert_int_equal(world.hurried[smtp], 0);
        world_end(&world);
    }
}

/* Another target of that host has nothing to do with it. */
static void goes_with_its_target(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world, true, STEPS(WATCHED, HEAR("e1 LOGOUT\r\n"), GONE));
    watch_begins(&world);
    watches_remove(world.watches, find(&world, "mx1", CHECK_SMTP));
    assert_int_equal(peers_taken(world.sessions.peers), 1);
    watches_remove(world.watches, find(&world, "mx1", CHECK_IMAP));
    assert_int_equal(peers_taken(world.sessions.peers), 0);
    watches_remove(world.watches, find(&world, "mx1", CHECK_IMAP));
    world_end(&world);
}

/* Between two of the hurries. */
static void removed_while_it_hurries(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world, true, STEPS(WATCHED, PAUSE(100)));
    watch_begins(&world);
    uint32_t imap = find(&world, "mx1", CHECK_IMAP);
    for (unsigned i = 0; i < 1000 && !world.hurried[imap]; i++)
        run_for(&world, 5);
    watches_remove(world.watches, imap);
    unsigned hurried = world.hurried[imap];
    assert_in_range(hurried, 1, 3);
    run_for(&world, 300);
    assert_int_equal(world.hurried[imap], hurried);
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_asks_for_one),
        cmocka_unit_test(not_before_it_is_up),
        cmocka_unit_test(breaks),
        cmocka_unit_test(breaks_where_one_is_down),
        cmocka_unit_test(comes_again),
        cmocka_unit_test(closed_when_something_is_wrong),
        cmocka_unit_test(goes_with_its_target),
        cmocka_unit_test(removed_while_it_hurries),
    };
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
