/* SPDX-License-Identifier: BSD-2-Clause */
/* The core with its uplink guard, in a world where routers tell what cannot be reached: a router
 * next to us may say so of all the world, and a router next to a host of that host alone. */
#include "base/log.h"
#include "engine/core.h"
#include "support/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TICK_MS = 10, HEARTBEAT_MS = 250, HOSTS_MAX = 8, SEEDS = 60 };

static const char four[] = ZONE_HEAD "@ MX 10 mx1\n@ MX 10 mx2\n@ MX 10 mx3\n@ MX 10 mx4\n"
                                     "mx1 A 127.0.1.1\nmx2 A 127.0.2.1\nmx3 A 127.0.3.1\n"
                                     "mx4 A 127.0.4.1\n";
static const char two[] = ZONE_HEAD "@ MX 10 mx1\n@ MX 10 mx2\n"
                                    "mx1 A 127.0.1.1\nmx2 A 127.0.2.1\n";
static const char one[] = ZONE_HEAD "@ MX 10 mx1\nmx1 A 127.0.1.1\n";

struct probed {
    int64_t next_ms, down_ms; /* -1: it is not down */
    enum probe_depth depth;
    enum reason reason; /* how its probes end */
    unsigned falls;
};

struct world {
    struct stage stage;
    struct core *core;
    struct probed hosts[HOSTS_MAX];
    size_t count;
    int64_t now_ms;
    enum reason uplink; /* how all probes end while it is not REASON_OK */
    unsigned seed;
};

static void on_add(void *context, uint32_t id, const struct probe_target *target)
{
    struct world *world = context;
    (void)target;
    assert_true(id < HOSTS_MAX);
    world->hosts[id] = (struct probed){.next_ms = world->now_ms + rand_r(&world->seed) % 2000,
                                       .down_ms = -1,
                                       .depth = DEPTH_SERVICE,
                                       .reason = REASON_OK};
    world->count++;
}

static void on_remove(void *context, uint32_t id)
{
    (void)context, (void)id;
}

static void on_hurry(void *context, uint32_t id)
{
    struct world *world = context;
    world->hosts[id].next_ms = world->now_ms;
}

static void on_ask_canaries(void *context, uint8_t family)
{
    (void)context, (void)family;
}

static void begin(struct world *world, const char *zone, const char *config, unsigned seed)
{
    *world = (struct world){.now_ms = 1000000, .seed = seed, .uplink = REASON_OK};
    stage_init(&world->stage, true);
    stage_zone(&world->stage, "example.test", zone);
    if (config)
        stage_config(&world->stage, config);
    const struct core_probes probes = {.context = world,
                                       .add = on_add,
                                       .remove = on_remove,
                                       .guarded = true,
                                       .hurry = on_hurry,
                                       .ask_canaries = on_ask_canaries};
    world->core = core_new(world->stage.publisher, &probes);
    struct model *model = stage_build(&world->stage);
    model_free(core_load(world->core, model, catalog_new(model), world->now_ms));
}

static void end(struct world *world)
{
    core_free(world->core);
    stage_free(&world->stage);
}

static void play_probe(struct world *world, uint32_t id)
{
    struct probed *host = &world->hosts[id];
    enum reason reason = world->uplink != REASON_OK ? world->uplink : host->reason;
    const struct outcome outcome = {.depth = host->depth, .reason = reason, .rtt_us = 5000};
    host->next_ms = INT64_MAX;
    const struct probe_next next = core_outcome(world->core, id, &outcome, world->now_ms);
    int64_t wait_ms =
        next.exact ? next.wait_ms : next.wait_ms - rand_r(&world->seed) % (next.wait_ms / 10 + 1);
    if (world->now_ms + wait_ms < host->next_ms)
        host->next_ms = world->now_ms + wait_ms;
    host->depth = next.depth;
    bool down = core_verdict(world->core, id)->status == VERDICT_DOWN;
    if (down && host->down_ms < 0)
        host->down_ms = world->now_ms, host->falls++;
    if (!down)
        host->down_ms = -1;
}

static void play(struct world *world, int64_t ms)
{
    for (int64_t end_ms = world->now_ms + ms; world->now_ms < end_ms; world->now_ms += TICK_MS) {
        for (uint32_t i = 0; i < world->count; i++)
            if (world->now_ms >= world->hosts[i].next_ms)
                play_probe(world, i);
        if (world->now_ms % HEARTBEAT_MS == 0)
            core_tick(world->core, world->now_ms);
    }
}

static void play_a_while(struct world *world, unsigned ms)
{
    play(world, rand_r(&world->seed) % ms / TICK_MS * TICK_MS);
}

static unsigned falls(const struct world *world)
{
    unsigned sum = 0;
    for (size_t i = 0; i < world->count; i++)
        sum += world->hosts[i].falls;
    return sum;
}

/* The line behind our own router is cut, and the router says so. */
static void our_router_says_unreachable(void **state)
{
    static const char fall_of_one[] = "checks:\n  smtp: {fall: 1}\n";
    (void)state;
    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        struct world world;
        begin(&world, seed % 2 ? four : two, seed % 3 ? NULL : fall_of_one, seed);
        play(&world, 20000);
        play_a_while(&world, 2000);
        world.uplink = REASON_UNREACHABLE;
        play(&world, 30000);
        world.uplink = REASON_OK;
        play(&world, 10000);
        assert_int_equal(falls(&world), 0);
        for (uint32_t i = 0; i < world.count; i++)
            assert_int_equal(core_verdict(world.core, i)->status, VERDICT_UP);
        end(&world);
    }
}

static int64_t worst_unreachable(const char *zone, const char *config)
{
    int64_t worst_ms = 0;
    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        struct world world;
        begin(&world, zone, config, seed);
        play(&world, 20000);
        play_a_while(&world, 2000);
        int64_t died_ms = world.now_ms;
        world.hosts[0].reason = REASON_UNREACHABLE;
        play(&world, 10000);
        assert_true(world.hosts[0].down_ms >= 0);
        assert_int_equal(falls(&world), 1);
        int64_t took_ms = world.hosts[0].down_ms - died_ms;
        worst_ms = took_ms > worst_ms ? took_ms : worst_ms;
        end(&world);
    }
    return worst_ms;
}

/* The router next to a host says so: the first probe, another one, and what others answer. */
static void a_router_says_unreachable_of_one(void **state)
{
    (void)state;
    assert_in_range(worst_unreachable(one, NULL), 1500, 2600);
    assert_in_range(worst_unreachable(two, NULL), 1500, 3200);
    assert_in_range(worst_unreachable(four, NULL), 1500, 3200);
    assert_in_range(worst_unreachable(four, "checks:\n  smtp: {recheck: 100ms}\n"), 1500, 3200);
    assert_in_range(worst_unreachable(four, "checks:\n  smtp: {fall: 1}\n"), 1500, 3200);
}

/* A host that was never reached, and one that stirred while it was down, are no reason to mistrust
 * our uplink when another one dies. */
static void the_unreachable_do_not_vote(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        struct world world;
        begin(&world, four, NULL, seed);
        world.hosts[3].reason = REASON_UNREACHABLE;
        play(&world, 30000);
        world.hosts[2].reason = REASON_UNREACHABLE;
        play(&world, 30000);
        world.hosts[2].reason = REASON_OK;
        play(&world, 3000);
        world.hosts[2].reason = REASON_UNREACHABLE;
        play(&world, 30000);
        world.hosts[1].reason = REASON_UNREACHABLE;
        play(&world, 5000);
        assert_true(world.hosts[1].down_ms >= 0);
        assert_int_equal(falls(&world), 3);
        end(&world);
    }
}

/* A dialogue that was under way when the uplink went ends long after the others are frozen. */
static void dialogues_of_a_frozen_uplink(void **state)
{
    struct world world;
    (void)state;
    begin(&world, four, "checks:\n  smtp: {fall: 1}\n", 3);
    play(&world, 20000);
    world.uplink = REASON_UNREACHABLE;
    play(&world, 8000);
    const struct outcome cut = {
        .depth = DEPTH_SERVICE, .reason = REASON_REPLY_TIMEOUT, .rtt_us = 10000};
    core_outcome(world.core, 0, &cut, world.now_ms);
    assert_int_not_equal(core_verdict(world.core, 0)->status, VERDICT_DOWN);
    world.uplink = REASON_OK;
    play(&world, 10000);
    core_outcome(world.core, 0, &cut, world.now_ms);
    assert_int_equal(core_verdict(world.core, 0)->status, VERDICT_DOWN);
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_router_says_unreachable),
        cmocka_unit_test(a_router_says_unreachable_of_one),
        cmocka_unit_test(the_unreachable_do_not_vote),
        cmocka_unit_test(dialogues_of_a_frozen_uplink),
    };
    log_set_level((enum log_level) - 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
