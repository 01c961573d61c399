/* SPDX-License-Identifier: BSD-2-Clause */
/* The core with its uplink guard, in a world of hosts that are silent, and of routers that tell
 * what cannot be reached: one next to us may say so of all the world, and one next to a host of
 * that host alone. */
#include "base/log.h"
#include "engine/core.h"
#include "support/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    TICK_MS = 10,
    HEARTBEAT_MS = 250,
    HOSTS_MAX = 8,
    SEEDS = 60,
    LATE_MS = 300,    /* until a probe finds its host late, */
    WINDOW_MS = 1500, /* and silent */
    CANARY_MS = 30,
    CANARY_PATIENCE_MS = 900,
};

static const char four[] = ZONE_HEAD "@ MX 10 mx1\n@ MX 10 mx2\n@ MX 10 mx3\n@ MX 10 mx4\n"
                                     "mx1 A 127.0.1.1\nmx2 A 127.0.2.1\nmx3 A 127.0.3.1\n"
                                     "mx4 A 127.0.4.1\n";
static const char two[] = ZONE_HEAD "@ MX 10 mx1\n@ MX 10 mx2\n"
                                    "mx1 A 127.0.1.1\nmx2 A 127.0.2.1\n";
static const char one[] = ZONE_HEAD "@ MX 10 mx1\nmx1 A 127.0.1.1\n";

struct probed {
    int64_t next_ms, down_ms; /* -1: it is not down */
    int64_t since_ms;         /* of a probe under way; -1: none */
    bool late, hurried;
    bool first; /* at 127.0.1.1 */
    uint16_t port;
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
    bool has_canary;
    int64_t canary_ms; /* it was asked then; -1: it was not */
    unsigned seed;
};

static void on_add(void *context, uint32_t id, const struct probe_target *target)
{
    struct world *world = context;
    assert_true(id < HOSTS_MAX);
    world->hosts[id] = (struct probed){.next_ms = world->now_ms + rand_r(&world->seed) % 2000,
                                       .down_ms = -1,
                                       .since_ms = -1,
                                       .first = target->address.bytes[2] == 1,
                                       .port = target->port,
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
    struct probed *host = &world->hosts[id];
    if (host->since_ms >= 0)
        host->hurried = true;
    else
        host->next_ms = world->now_ms;
}

static int64_t on_reached_ms(void *context, uint32_t id)
{
    (void)context, (void)id; /* tells by its outcomes alone */
    return -1;
}

static void on_ask_canaries(void *context, uint8_t family)
{
    struct world *world = context;
    if (family == 4 && world->canary_ms < 0)
        world->canary_ms = world->now_ms;
}

static void begin(struct world *world, const char *zone, const char *config, unsigned seed)
{
    *world = (struct world){.now_ms = 1000000, .seed = seed, .uplink = REASON_OK, .canary_ms = -1};
    stage_init(&world->stage, true);
    stage_zone(&world->stage, "example.test", zone);
    if (config)
        stage_config(&world->stage, config);
    const struct core_probes probes = {.context = world,
                                       .add = on_add,
                                       .remove = on_remove,
                                       .guarded = true,
                                       .hurry = on_hurry,
                                       .reached_ms = on_reached_ms,
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

static void end_probe(struct world *world, uint32_t id, enum reason reason)
{
    struct probed *host = &world->hosts[id];
    const struct outcome outcome = {.depth = host->depth,
                                    .reason = reason,
                                    .confirmed = true,
                                    .rtt_us = (world->now_ms - host->since_ms + 5) * 1000};
    int64_t from_ms = host->since_ms;
    const struct probe_next next = core_outcome(world->core, id, &outcome, world->now_ms);
    int64_t jitter_ms = next.exact ? 0 : rand_r(&world->seed) % (next.wait_ms / 10 + 1);
    host->next_ms = host->hurried ? world->now_ms : from_ms + next.wait_ms - jitter_ms;
    host->since_ms = -1;
    host->late = host->hurried = false;
    host->depth = next.depth;
}

static void play_probe(struct world *world, uint32_t id)
{
    struct probed *host = &world->hosts[id];
    enum reason reason = world->uplink != REASON_OK ? world->uplink : host->reason;
    if (host->since_ms < 0 && world->now_ms < host->next_ms)
        return;
    if (host->since_ms < 0)
        host->since_ms = world->now_ms;
    int64_t waits_ms = world->now_ms - host->since_ms;
    if (reason != REASON_CONNECT_TIMEOUT || waits_ms >= WINDOW_MS) {
        end_probe(world, id, reason);
    } else if (waits_ms >= LATE_MS && !host->late) {
        host->late = true;
        core_late(world->core, id, host->since_ms, host->since_ms + WINDOW_MS, world->now_ms);
    }
}

/* A silence may be believed later than it ends. */
static void watch(struct world *world, uint32_t id)
{
    struct probed *host = &world->hosts[id];
    bool down = core_verdict(world->core, id)->status == VERDICT_DOWN;
    if (down && host->down_ms < 0)
        host->down_ms = world->now_ms, host->falls++;
    if (!down)
        host->down_ms = -1;
}

static void play_canary(struct world *world)
{
    bool answers = world->has_canary && world->uplink == REASON_OK;
    if (world->canary_ms < 0 ||
        world->now_ms - world->canary_ms < (answers ? CANARY_MS : CANARY_PATIENCE_MS))
        return;
    world->canary_ms = -1;
    core_canary(world->core, 4, answers, world->now_ms);
}

static void play(struct world *world, int64_t ms)
{
    for (int64_t end_ms = world->now_ms + ms; world->now_ms < end_ms; world->now_ms += TICK_MS) {
        play_canary(world);
        for (uint32_t i = 0; i < world->count; i++)
            play_probe(world, i);
        if (world->now_ms % HEARTBEAT_MS == 0)
            core_tick(world->core, world->now_ms);
        for (uint32_t i = 0; i < world->count; i++)
            watch(world, i);
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

/* A probe out of turn that has connected, and heard nothing. */
static void hang(struct world *world, uint32_t id, int32_t took_ms, int32_t connected_ms)
{
    const struct outcome outcome = {.reason = REASON_GREETING_TIMEOUT,
                                    .confirmed = true,
                                    .rtt_us = took_ms * INT64_C(1000),
                                    .connected_ms = connected_ms};
    core_outcome(world->core, id, &outcome, world->now_ms);
}

/* Its kernel goes on taking connections, which shows that our uplink works, whoever else is there.
 * A single connection shows nothing of the time behind it. */
static void a_host_that_hangs_speaks_for_our_uplink(void **state)
{
    static const char services[] =
        ZONE_HEAD "@ MX 10 mx1\n@ MX 10 mx2\n_imap._tcp SRV 0 1 143 mx1\n"
                  "mx1 A 127.0.1.1\nmx2 A 127.0.2.1\n";
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct world world;
        begin(&world, services, NULL, 1);
        play(&world, 20000);
        uint32_t smtp = 0, imap = 0;
        for (uint32_t id = 0; id < world.count; id++) {
            smtp = world.hosts[id].port == 25 && world.hosts[id].first ? id : smtp;
            imap = world.hosts[id].port == 143 ? id : imap;
        }
        world.now_ms += 3000; /* in which nobody else is heard */
        hang(&world, imap, 2500, i ? 1400 : 2500);
        assert_int_equal(core_verdict(world.core, imap)->status, i ? VERDICT_DOWN : VERDICT_UP);
        world.now_ms += 800;
        hang(&world, smtp, 700, 700);
        assert_int_equal(core_verdict(world.core, smtp)->status, VERDICT_DOWN);
        end(&world);
    }
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

static const char sites[] = ZONE_HEAD "@ MX 10 mx1\n@ MX 10 mx2\n@ MX 10 mx3\n@ MX 20 mx4\n"
                                      "@ MX 20 mx5\n@ MX 20 mx6\n"
                                      "mx1 A 127.0.1.1\nmx2 A 127.0.1.2\nmx3 A 127.0.1.3\n"
                                      "mx4 A 127.0.4.1\nmx5 A 127.0.5.1\nmx6 A 127.0.5.2\n";

/* Hosts fail and come back in all ways, at times more than one, and the uplink goes now and then.
 */
static void random_history(struct world *world)
{
    static const enum reason ways[] = {REASON_OK,          REASON_OK,
                                       REASON_OK,          REASON_REFUSED,
                                       REASON_UNREACHABLE, REASON_CONNECT_TIMEOUT,
                                       REASON_GREETING_4XX};
    static const enum reason cuts[] = {REASON_CONNECT_TIMEOUT, REASON_UNREACHABLE};
    for (unsigned i = 0; i < 40; i++) {
        struct probed *host = &world->hosts[(size_t)rand_r(&world->seed) % world->count];
        host->reason = ways[(size_t)rand_r(&world->seed) % (sizeof ways / sizeof *ways)];
        if (rand_r(&world->seed) % 8 == 0) {
            world->uplink = cuts[rand_r(&world->seed) % 2];
            play_a_while(world, 20000);
            world->uplink = REASON_OK;
        }
        play_a_while(world, 15000);
    }
}

/* After all that: who is well is up again, who dies is out soon, and nobody goes with the uplink.
 */
static void whatever_was_before(void **state)
{
    static const char *const zones[] = {one, two, four, sites};
    (void)state;
    for (unsigned seed = 1; seed <= 4 * SEEDS; seed++) {
        struct world world;
        begin(&world, zones[seed % 4], "checks:\n  smtp: {hold: 0s}\n", seed);
        world.has_canary = seed / 4 % 2;
        random_history(&world);
        for (uint32_t i = 0; i < world.count; i++)
            world.hosts[i].reason = REASON_OK;
        play(&world, 45000);
        for (uint32_t i = 0; i < world.count; i++)
            assert_int_equal(core_verdict(world.core, i)->status, VERDICT_UP);
        unsigned before = falls(&world);
        if (world.count > 1) {
            world.uplink = seed / 8 % 2 ? REASON_CONNECT_TIMEOUT : REASON_UNREACHABLE;
            play_a_while(&world, 30000);
            world.uplink = REASON_OK;
            play(&world, 10000);
            assert_int_equal(falls(&world), before);
        }
        struct probed *dies = &world.hosts[(size_t)rand_r(&world.seed) % world.count];
        dies->reason = seed / 16 % 2 ? REASON_CONNECT_TIMEOUT : REASON_UNREACHABLE;
        play(&world, 3600);
        assert_true(dies->down_ms >= 0);
        assert_int_equal(falls(&world), before + 1);
        end(&world);
    }
}

/* We are stopped for a while, in the midst of probes that wait for a lost answer. */
static void stopped_and_continued(void **state)
{
    static const char *const zones[] = {one, two, four, sites};
    (void)state;
    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        struct world world;
        begin(&world, zones[seed % 4], NULL, seed);
        world.has_canary = seed / 4 % 2;
        play(&world, 20000);
        for (unsigned i = 0; i < 20; i++) {
            struct probed *host = &world.hosts[(size_t)rand_r(&world.seed) % world.count];
            host->reason = REASON_CONNECT_TIMEOUT;
            play_a_while(&world, WINDOW_MS);
            world.now_ms += rand_r(&world.seed) % 700000;
            world.now_ms -= world.now_ms % TICK_MS;
            if (rand_r(&world.seed) % 2)
                core_tick(world.core, world.now_ms);
            for (uint32_t j = 0; j < world.count; j++)
                if (world.hosts[j].since_ms >= 0)
                    end_probe(&world, j, REASON_LATE);
            host->reason = REASON_OK;
            play(&world, 5000);
        }
        assert_int_equal(falls(&world), 0);
        for (uint32_t i = 0; i < world.count; i++)
            assert_int_equal(core_verdict(world.core, i)->status, VERDICT_UP);
        end(&world);
    }
}

/* Our uplink comes for a moment now and then, whatever is said of it meanwhile. */
static void an_uplink_that_flaps(void **state)
{
    static const char *const zones[] = {two, four, sites};
    (void)state;
    for (unsigned seed = 1; seed <= 2 * SEEDS; seed++) {
        struct world world;
        begin(&world, zones[seed % 3], NULL, seed);
        world.has_canary = seed / 3 % 2;
        play(&world, 40000);
        for (unsigned i = 0; i < 20; i++) {
            world.uplink = seed / 6 % 2 ? REASON_CONNECT_TIMEOUT : REASON_UNREACHABLE;
            play(&world, 2000);
            play_a_while(&world, i % 4 ? 8000 : 60000);
            world.uplink = REASON_OK;
            play(&world, 700);
            play_a_while(&world, 4000);
        }
        play(&world, 8000);
        assert_int_equal(falls(&world), 0);
        end(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_that_hangs_speaks_for_our_uplink),
        cmocka_unit_test(our_router_says_unreachable),
        cmocka_unit_test(a_router_says_unreachable_of_one),
        cmocka_unit_test(the_unreachable_do_not_vote),
        cmocka_unit_test(dialogues_of_a_frozen_uplink),
        cmocka_unit_test(whatever_was_before),
        cmocka_unit_test(stopped_and_continued),
        cmocka_unit_test(an_uplink_that_flaps),
    };
    log_set_level((enum log_level) - 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
