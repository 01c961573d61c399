/* SPDX-License-Identifier: BSD-2-Clause */
/* The uplink guard, in a world of hosts, subnets and a prober's uplink that is played over a fake
 * clock: nobody is taken out by our own outage, and the dead are not kept for long. */
#include "verdict/uplink.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    TICK_MS = 10,
    START_MS = 1000000,
    LATE_MS = 300,
    HEDGE_MS = 150,    /* between SYNs, once it is late */
    PATIENCE_MS = 900, /* of the canaries */
};

struct machine {
    struct address address;
    bool dead, lan;
    int slow_ms; /* how long it takes with an answer */
    int64_t next_ms;
    int64_t since_ms;  /* of the probe under way; -1: none */
    int64_t syn_ms;    /* its next SYN */
    int64_t answer_ms; /* when the answer arrives; -1: none is on its way */
    bool late;
    int64_t until_ms; /* it was silent until then, and waits for the guard; -1: it does not */
    int64_t out_ms;   /* when it was taken out; -1: never */
    unsigned wrong;   /* how often it was taken out and alive */
};

/* What a prober and an engine would do about the guard. */
struct world {
    struct uplink *uplink;
    struct machine *machines;
    size_t count;
    int64_t now_ms, interval_ms, window_ms;
    int rtt_ms;
    int loss_percent; /* of questions or their answers */
    bool cut;         /* our uplink; the LAN goes on */
    bool has_canary;  /* there is one, beyond the uplink */
    bool canary_dead;
    bool hedges;                         /* tells that a probe is late */
    int64_t canary_ms, canary_answer_ms; /* asked, and the answer; -1 */
    unsigned asked, believed, again, refused;
    unsigned seed;
};

static int64_t random_below(struct world *world, int64_t limit)
{
    return rand_r(&world->seed) % limit;
}

static struct address v4(unsigned subnet, unsigned host)
{
    return (struct address){4, {10, (uint8_t)(subnet >> 8), (uint8_t)subnet, (uint8_t)host}};
}

static void world_init(struct world *world, unsigned seed)
{
    *world = (struct world){.uplink = uplink_new(),
                            .now_ms = START_MS,
                            .interval_ms = 2000,
                            .window_ms = 1500,
                            .rtt_ms = 30,
                            .hedges = true,
                            .canary_ms = -1,
                            .canary_answer_ms = -1,
                            .seed = seed};
}

static struct machine *world_add(struct world *world, unsigned subnet, unsigned host)
{
    world->machines = memory_resize(world->machines, world->count + 1, sizeof *world->machines);
    struct machine *machine = &world->machines[world->count++];
    *machine = (struct machine){.address = v4(subnet, host),
                                .next_ms = world->now_ms + random_below(world, world->interval_ms),
                                .since_ms = -1,
                                .answer_ms = -1,
                                .until_ms = -1,
                                .out_ms = -1};
    uplink_add(world->uplink, &machine->address);
    return machine;
}

static void world_free(struct world *world)
{
    for (size_t i = 0; i < world->count; i++)
        uplink_remove(world->uplink, &world->machines[i].address);
    struct uplink_numbers numbers;
    uplink_numbers(world->uplink, 4, world->now_ms, &numbers);
    assert_int_equal(numbers.hosts + numbers.subnets + numbers.silent + numbers.dead, 0);
    assert_int_equal(numbers.silent_subnets, 0);
    uplink_free(world->uplink);
    free(world->machines);
}

static bool is_reached(const struct world *world, const struct machine *machine)
{
    return !machine->dead && (machine->lan || !world->cut);
}

static void hurry(struct world *world, const struct address *address)
{
    for (size_t i = 0; i < world->count; i++)
        if (address_equal(&world->machines[i].address, address))
            world->machines[i].next_ms = world->now_ms;
}

static void ask(struct world *world, const struct machine *machine)
{
    struct address witnesses[UPLINK_WITNESSES_MAX];
    size_t count = uplink_witnesses(world->uplink, &machine->address, witnesses);
    for (size_t i = 0; i < count; i++) {
        assert_false(address_equal(&witnesses[i], &machine->address));
        hurry(world, &witnesses[i]);
    }
    world->asked++;
    if (world->has_canary && world->canary_ms < 0) {
        world->canary_ms = world->now_ms;
        world->canary_answer_ms = -1;
    }
}

static void play_canary(struct world *world)
{
    bool wants =
        world->has_canary && (world->now_ms % 60000 == 0 ||
                              (world->now_ms % 1000 == 0 &&
                               uplink_state(world->uplink, 4, world->now_ms) == UPLINK_FROZEN));
    if (wants && world->canary_ms < 0)
        world->canary_ms = world->now_ms;
    if (world->canary_ms < 0)
        return;
    if (world->canary_answer_ms < 0 && world->now_ms - world->canary_ms < PATIENCE_MS / 2 &&
        !world->cut && !world->canary_dead)
        world->canary_answer_ms = world->now_ms + world->rtt_ms;
    bool answers = world->canary_answer_ms >= 0 && world->now_ms >= world->canary_answer_ms;
    if (!answers && world->now_ms - world->canary_ms < PATIENCE_MS)
        return;
    uplink_canary(world->uplink, 4, answers, world->now_ms);
    world->canary_ms = world->canary_answer_ms = -1;
}

static void finish(struct world *world, struct machine *machine)
{
    machine->next_ms = machine->since_ms + world->interval_ms;
    machine->since_ms = machine->answer_ms = machine->until_ms = -1;
    machine->late = false;
}

static void play_belief(struct world *world, struct machine *machine, bool first)
{
    int64_t now_ms = world->now_ms;
    switch (uplink_silent(world->uplink, &machine->address, machine->since_ms, machine->until_ms,
                          now_ms)) {
    case UPLINK_BELIEVE:
        world->believed++;
        machine->wrong += !machine->dead;
        if (machine->out_ms < 0)
            machine->out_ms = now_ms;
        finish(world, machine);
        break;
    case UPLINK_WAIT:
        assert_true(now_ms - machine->until_ms < UPLINK_ASK_MS);
        if (first)
            ask(world, machine);
        break;
    case UPLINK_AGAIN:
        world->again++;
        finish(world, machine);
        machine->next_ms = now_ms;
        break;
    case UPLINK_REFUSE:
        world->refused++;
        finish(world, machine);
        break;
    }
}

static void play_probe(struct world *world, struct machine *machine)
{
    int64_t now_ms = world->now_ms;
    if (now_ms >= machine->syn_ms) {
        if (machine->answer_ms < 0 && is_reached(world, machine) &&
            random_below(world, 100) >= world->loss_percent)
            machine->answer_ms = now_ms + world->rtt_ms + machine->slow_ms;
        machine->syn_ms += now_ms == machine->since_ms ? LATE_MS : HEDGE_MS;
    }
    if (machine->answer_ms >= 0 && now_ms >= machine->answer_ms) {
        if (is_reached(world, machine)) {
            uplink_alive(world->uplink, &machine->address, now_ms);
            machine->out_ms = -1;
            finish(world, machine);
            return;
        }
        machine->answer_ms = -1; /* lost on its way */
    }
    if (machine->answer_ms >= 0 && machine->slow_ms) /* connected: it is waited for */
        return;
    if (!machine->late && world->hedges && now_ms >= machine->since_ms + LATE_MS) {
        machine->late = true;
        if (uplink_late(world->uplink, &machine->address, machine->since_ms, now_ms))
            ask(world, machine);
    }
    if (now_ms >= machine->since_ms + world->window_ms) {
        machine->until_ms = now_ms;
        play_belief(world, machine, true);
    }
}

static void play(struct world *world, int64_t ms)
{
    for (int64_t end_ms = world->now_ms + ms; world->now_ms < end_ms; world->now_ms += TICK_MS) {
        play_canary(world);
        for (size_t i = 0; i < world->count; i++) {
            struct machine *machine = &world->machines[i];
            if (machine->until_ms >= 0) {
                play_belief(world, machine, false);
            } else if (machine->since_ms >= 0) {
                play_probe(world, machine);
            } else if (world->now_ms >= machine->next_ms && machine->out_ms < 0) {
                machine->since_ms = machine->syn_ms = world->now_ms;
                play_probe(world, machine);
            } else if (world->now_ms >= machine->next_ms) { /* out: until it is reached again */
                machine->next_ms = world->now_ms + world->interval_ms;
                if (!is_reached(world, machine)) {
                    uplink_mute(world->uplink, &machine->address, world->now_ms, world->now_ms);
                } else {
                    uplink_alive(world->uplink, &machine->address, world->now_ms);
                    machine->out_ms = -1;
                }
            }
        }
    }
}

static unsigned count_out(const struct world *world)
{
    unsigned out = 0;
    for (size_t i = 0; i < world->count; i++)
        out += world->machines[i].out_ms >= 0;
    return out;
}

static unsigned count_wrong(const struct world *world)
{
    unsigned wrong = 0;
    for (size_t i = 0; i < world->count; i++)
        wrong += world->machines[i].wrong;
    return wrong;
}

static bool is_frozen(const struct world *world)
{
    return uplink_state(world->uplink, 4, world->now_ms) == UPLINK_FROZEN;
}

enum { PHASES = 200 };

/* How late the guard made a death, at most, over random phases. */
static int64_t worst_death(bool hedges, bool has_canary, unsigned subnets, unsigned each)
{
    int64_t worst_ms = 0;
    for (unsigned seed = 1; seed <= PHASES; seed++) {
        struct world world;
        world_init(&world, seed);
        world.hedges = hedges;
        world.has_canary = has_canary;
        for (unsigned i = 0; i < subnets * each; i++)
            world_add(&world, i / each, i % each + 1);
        play(&world, 70000 + random_below(&world, 2000) / TICK_MS * TICK_MS);
        int64_t died_ms = world.now_ms;
        world.machines[0].dead = true;
        play(&world, 12000);
        assert_true(world.machines[0].out_ms >= 0);
        assert_int_equal(count_out(&world), 1);
        assert_int_equal(count_wrong(&world), 0);
        int64_t took_ms = world.machines[0].out_ms - died_ms;
        worst_ms = took_ms > worst_ms ? took_ms : worst_ms;
        world_free(&world);
    }
    return worst_ms;
}

/* The probe that finds it begins at most 2 s later, and takes 1.5 s. */
static void one_dies(void **state)
{
    (void)state;
    static const unsigned shapes[][2] = {{1, 1}, {1, 2}, {2, 1}, {3, 1}, {2, 2}, {10, 1}, {30, 3}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        assert_in_range(worst_death(true, false, shapes[i][0], shapes[i][1]), 3000, 3550);
        assert_in_range(worst_death(true, true, shapes[i][0], shapes[i][1]), 3000, 3550);
        /* Nobody asked before the end: another round, where the others were not heard anyway. */
        assert_in_range(worst_death(false, false, shapes[i][0], shapes[i][1]), 3000, 6500);
    }
}

static void all_die_at_once(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= PHASES; seed++)
        for (int has_canary = 0; has_canary < 2; has_canary++) {
            struct world world;
            world_init(&world, seed);
            world.has_canary = has_canary;
            world_add(&world, 1, 1);
            world_add(&world, 2, 1);
            play(&world, 70000);
            world.machines[0].dead = world.machines[1].dead = true;
            play(&world, 6000);
            assert_int_equal(count_out(&world), has_canary ? 2 : 0);
            assert_int_equal(is_frozen(&world), !has_canary);
            play(&world, UPLINK_FREEZE_MAX_MS + 4000); /* but not for ever */
            assert_int_equal(count_out(&world), 2);
            assert_false(is_frozen(&world));
            world_free(&world);
            if (seed > 10)
                break;
        }
}

/* Cuts the uplink for a while at a random moment. */
static void cut_for(struct world *world, int64_t ms)
{
    play(world, 61000 + random_below(world, 2000) / TICK_MS * TICK_MS);
    assert_int_equal(count_out(world), 0);
    world->cut = true;
    play(world, ms / TICK_MS * TICK_MS);
    world->cut = false;
    play(world, 8000);
}

static void nobody_goes_with_the_uplink(void **state)
{
    (void)state;
    static const unsigned sizes[] = {2, 3, 5, 20, 100};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (unsigned seed = 1; seed <= PHASES; seed++) {
            struct world world;
            world_init(&world, seed);
            world.has_canary = seed % 2;
            world.hedges = seed % 3;
            for (unsigned j = 0; j < sizes[i]; j++)
                world_add(&world, j, 1);
            /* Blinks, outages as long as a probe, and long ones. */
            cut_for(&world, seed % 4 ? random_below(&world, 6000) : random_below(&world, 60000));
            assert_int_equal(count_wrong(&world), 0);
            assert_false(is_frozen(&world));
            /* And the guard has learned nothing wrong. */
            world.machines[0].dead = true;
            play(&world, 7500);
            assert_int_equal(count_out(&world), 1);
            assert_int_equal(count_wrong(&world), 0);
            world_free(&world);
            if (sizes[i] == 100 && seed == 40)
                break;
        }
}

/* One subnet, and a canary that used to answer. */
static void one_subnet_and_a_canary(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= PHASES; seed++) {
        struct world world;
        world_init(&world, seed);
        world.has_canary = true;
        for (unsigned j = 0; j < 1 + seed % 3; j++)
            world_add(&world, 1, j + 1);
        cut_for(&world, random_below(&world, 20000));
        assert_int_equal(count_wrong(&world), 0);
        world_free(&world);
    }
}

static void lan_is_no_witness(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= PHASES; seed++) {
        struct world world;
        world_init(&world, seed);
        world.has_canary = seed % 2;
        world.hedges = seed % 3; /* else the others are asked at the end only */
        for (unsigned j = 0; j < 4; j++)
            world_add(&world, j, 1);
        world.machines[3].lan = true;
        cut_for(&world, random_below(&world, 30000));
        assert_int_equal(count_wrong(&world), 0);
        /* One remote host dies; then the LAN's. */
        world.machines[0].dead = true;
        play(&world, 8000);
        assert_int_equal(count_out(&world), 1);
        world.machines[3].dead = true;
        play(&world, 8000);
        assert_int_equal(count_out(&world), 2);
        assert_int_equal(count_wrong(&world), 0);
        world_free(&world);
    }
}

/* A fifth is lost each way: that alone freezes nothing, and delays no death by more than a round.
 */
static void loss_is_no_outage(void **state)
{
    (void)state;
    unsigned late = 0;
    for (unsigned seed = 1; seed <= PHASES; seed++) {
        struct world world;
        struct uplink_numbers numbers;
        world_init(&world, seed);
        for (unsigned j = 0; j < 4; j++)
            world_add(&world, j, 1);
        world.loss_percent = 36;
        play(&world, 60000);
        world.machines[0].dead = true;
        play(&world, 3600);
        late += world.machines[0].out_ms < 0;
        play(&world, 2400);
        assert_true(world.machines[0].out_ms >= 0);
        uplink_numbers(world.uplink, 4, world.now_ms, &numbers);
        assert_int_equal(numbers.freezes, 0);
        world_free(&world);
    }
    assert_true(late <= PHASES / 10);
}

static void canary_is_dead_and_the_uplink_is_not(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 30; seed++) {
        struct world world;
        world_init(&world, seed);
        world.has_canary = true;
        for (unsigned j = 0; j < 4; j++)
            world_add(&world, j, 1);
        play(&world, 61000);
        world.canary_dead = true;
        play(&world, UPLINK_FREEZE_MAX_MS);
        assert_false(is_frozen(&world));
        world.machines[0].dead = true; /* the others' word is enough */
        play(&world, 3600);
        assert_int_equal(count_out(&world), 1);
        world.machines[1].dead = true;
        play(&world, 3600);
        assert_int_equal(count_out(&world), 2);
        assert_int_equal(count_wrong(&world), 0);
        world_free(&world);
    }
}

/* The canary does not answer for ten minutes, nor does anybody else; then the uplink is back. */
static void long_outage(void **state)
{
    (void)state;
    struct world world;
    struct uplink_numbers numbers;
    world_init(&world, 7);
    world.has_canary = true;
    for (unsigned j = 0; j < 4; j++)
        world_add(&world, j, 1);
    play(&world, 61000);
    world.cut = true;
    play(&world, UPLINK_FREEZE_MAX_MS - 10000);
    assert_true(is_frozen(&world));
    assert_int_equal(count_out(&world), 0);
    uplink_numbers(world.uplink, 4, world.now_ms, &numbers);
    assert_int_equal(numbers.freezes, 1);
    assert_in_range(numbers.frozen_since_ms, START_MS + 61000, START_MS + 61000 + 5000);
    play(&world, 20000); /* fails open */
    assert_false(is_frozen(&world));
    assert_int_equal(count_out(&world), 4);
    world.cut = false;
    play(&world, 65000);
    assert_int_equal(count_out(&world), 0);
    for (unsigned j = 0; j < 4; j++)
        world.machines[j].wrong = 0;
    world.cut = true; /* and guards as before */
    play(&world, 20000);
    assert_int_equal(count_wrong(&world), 0);
    assert_true(is_frozen(&world));
    world.cut = false;
    play(&world, 3000);
    assert_false(is_frozen(&world));
    world_free(&world);
}

/* Dead hosts are no reason to mistrust our uplink when another one dies. */
static void the_dead_do_not_vote(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 3);
    for (unsigned j = 0; j < 5; j++)
        world_add(&world, j, 1);
    play(&world, 10000);
    for (unsigned j = 0; j < 4; j++) {
        struct uplink_numbers numbers;
        world.machines[j].dead = true;
        play(&world, 3600);
        assert_int_equal(count_out(&world), j + 1);
        play(&world, 20000);
        uplink_numbers(world.uplink, 4, world.now_ms, &numbers);
        assert_int_equal(numbers.silent, 0);
        uplink_late(world.uplink, &world.machines[4].address, world.now_ms, world.now_ms);
        uplink_alive(world.uplink, &world.machines[4].address, world.now_ms + 1);
    }
    assert_int_equal(count_wrong(&world), 0);
    world_free(&world);
}

/* Nor are those that came to life for a moment, while they were out. */
static void the_dead_that_stirred_do_not_vote(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 30; seed++) {
        struct world world;
        world_init(&world, seed);
        for (unsigned j = 0; j < 3; j++)
            world_add(&world, j, 1);
        play(&world, 10000);
        world.machines[0].dead = true;
        play(&world, 30000);
        uplink_alive(world.uplink, &world.machines[0].address, world.now_ms);
        play(&world, 30000);
        world.machines[1].dead = true;
        play(&world, 3600);
        assert_int_equal(count_out(&world), 2);
        assert_int_equal(count_wrong(&world), 0);
        world_free(&world);
    }
}

/* The only other host takes longer to greet than we wait for witnesses. Each answer of it ends a
 * freeze; the third time that is enough. */
static void a_slow_witness(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= PHASES; seed++) {
        struct world world;
        world_init(&world, seed);
        world_add(&world, 1, 1);
        world_add(&world, 2, 1)->slow_ms = 5500;
        play(&world, 30000 + random_below(&world, 6000) / TICK_MS * TICK_MS);
        assert_int_equal(count_out(&world), 0);
        world.machines[0].dead = true;
        play(&world, 30000);
        assert_true(world.machines[0].out_ms >= 0);
        assert_int_equal(count_wrong(&world), 0);
        world_free(&world);
    }
}

/* Our uplink comes for a moment now and then. Nobody is taken out who could have answered then. */
static void an_uplink_that_flaps(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= PHASES; seed++) {
        struct world world;
        world_init(&world, seed);
        world.has_canary = seed % 2;
        for (unsigned j = 0; j < 2 + seed % 5; j++)
            world_add(&world, j, 1);
        play(&world, 61000);
        for (unsigned i = 0; i < 20; i++) {
            world.cut = true;
            play(&world, 2000 + random_below(&world, 8000) / TICK_MS * TICK_MS);
            world.cut = false;
            play(&world, 700 + random_below(&world, 4000) / TICK_MS * TICK_MS);
        }
        play(&world, 8000);
        assert_int_equal(count_wrong(&world), 0);
        assert_false(is_frozen(&world));
        world_free(&world);
    }
}

/* Three of five die for good at once: that looks like us, for ten minutes. Then the guard is there
 * again for those who are left. */
static void a_guard_that_gave_up_is_back(void **state)
{
    (void)state;
    struct world world;
    struct uplink_numbers numbers;
    world_init(&world, 5);
    for (unsigned j = 0; j < 5; j++)
        world_add(&world, j, 1);
    play(&world, 10000);
    for (unsigned j = 0; j < 3; j++)
        world.machines[j].dead = true;
    play(&world, 6000);
    assert_true(is_frozen(&world));
    play(&world, UPLINK_FREEZE_MAX_MS + 30000);
    assert_int_equal(count_out(&world), 3);
    world.cut = true;
    play(&world, 20000);
    assert_true(is_frozen(&world));
    assert_int_equal(count_wrong(&world), 0);
    uplink_numbers(world.uplink, 4, world.now_ms, &numbers);
    assert_int_equal(numbers.freezes, 2);
    world_free(&world);
}

/* A host that hangs answers at least our SYNs: it is not our uplink, whatever canaries say. */
static void a_handshake_proves_the_path(void **state)
{
    (void)state;
    struct uplink *uplink = uplink_new();
    struct address host = v4(1, 1);
    uplink_add(uplink, &host);
    uplink_canary(uplink, 4, true, 100000);
    uplink_canary(uplink, 4, false, 200000);
    assert_true(uplink_late(uplink, &host, 210000, 210300));
    uplink_canary(uplink, 4, false, 211200);
    uplink_alive(uplink, &host, 210010); /* the first session */
    uplink_alive(uplink, &host, 211010); /* and the second one */
    assert_int_equal(uplink_silent(uplink, &host, 210000, 212500, 212500), UPLINK_BELIEVE);
    uplink_free(uplink);
}

/* A server that was cut off in mid-session may take as long again to send anew. */
static void what_began_while_frozen_is_asked_again(void **state)
{
    (void)state;
    struct uplink *uplink = uplink_new();
    struct address hosts[3] = {v4(1, 1), v4(2, 1), v4(3, 1)};
    for (unsigned i = 0; i < 3; i++)
        uplink_add(uplink, &hosts[i]);
    for (unsigned i = 0; i < 3; i++) {
        uplink_alive(uplink, &hosts[i], 99000);
        assert_int_equal(uplink_silent(uplink, &hosts[i], 100000, 101500, 102500), UPLINK_REFUSE);
    }
    uplink_canary(uplink, 4, true, 103000);
    for (int64_t now_ms = 103050; now_ms < 107000; now_ms += 50)
        for (unsigned i = 1; i < 3; i++)
            uplink_alive(uplink, &hosts[i], now_ms);
    assert_int_equal(uplink_silent(uplink, &hosts[0], 102900, 106400, 106400), UPLINK_AGAIN);
    assert_int_equal(uplink_silent(uplink, &hosts[0], 103100, 106600, 106600), UPLINK_BELIEVE);
    uplink_free(uplink);
}

static void families_are_apart(void **state)
{
    (void)state;
    struct uplink *uplink = uplink_new();
    struct address four[3], six[3];
    for (unsigned i = 0; i < 3; i++) {
        four[i] = v4(i, 1);
        six[i] = (struct address){6, {0x20, 1, 0xd, 0xb8, 0, (uint8_t)i, 1}};
        uplink_add(uplink, &four[i]);
        uplink_add(uplink, &six[i]);
    }
    for (int64_t now_ms = 100000; now_ms < 110000; now_ms += 100)
        for (unsigned i = 0; i < 3; i++) /* IPv6 has gone at 105000 */
            uplink_alive(uplink, now_ms < 105000 && now_ms % 200 ? &six[i] : &four[i], now_ms);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(uplink_silent(uplink, &six[i], 106000, 107500, 108600), UPLINK_REFUSE);
    assert_int_equal(uplink_silent(uplink, &four[0], 106000, 107500, 107500), UPLINK_BELIEVE);
    assert_int_equal(uplink_state(uplink, 6, 108600), UPLINK_FROZEN);
    assert_int_equal(uplink_state(uplink, 4, 108600), UPLINK_CLEAR);
    uplink_canary(uplink, 6, true, 109000);
    assert_int_equal(uplink_state(uplink, 6, 109000), UPLINK_CLEAR);
    uplink_free(uplink);
}

static void hosts_are_counted(void **state)
{
    (void)state;
    struct uplink *uplink = uplink_new();
    struct uplink_numbers numbers;
    struct address host = v4(1, 1), stranger = v4(9, 9);
    uplink_add(uplink, &host);
    uplink_add(uplink, &host); /* another port of it */
    uplink_late(uplink, &host, 5000, 5300);
    uplink_remove(uplink, &host);
    uplink_numbers(uplink, 4, 7000, &numbers);
    assert_int_equal(numbers.hosts, 1);
    assert_int_equal(numbers.silent, 1);
    assert_int_equal(uplink_silent(uplink, &stranger, 5000, 6500, 6500), UPLINK_BELIEVE);
    assert_false(uplink_late(uplink, &stranger, 5000, 5300));
    uplink_alive(uplink, &stranger, 6000);
    uplink_remove(uplink, &stranger);
    uplink_remove(uplink, &host);
    uplink_numbers(uplink, 4, 7000, &numbers);
    assert_int_equal(numbers.hosts, 0);
    assert_int_equal(numbers.silent_subnets, 0);
    uplink_free(uplink);
}

/* 10,000 hosts in 2,500 subnets: an outage in the midst of them, then the death of a site. */
static void ten_thousand(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 11);
    for (unsigned j = 0; j < 10000; j++)
        world_add(&world, j / 4, j % 4 + 1);
    play(&world, 4000);
    world.cut = true;
    play(&world, 4000);
    assert_true(is_frozen(&world));
    world.cut = false;
    play(&world, 4000);
    assert_int_equal(count_out(&world), 0);
    assert_false(is_frozen(&world));
    unsigned asked = world.asked;
    for (unsigned j = 0; j < 400; j++)
        world.machines[j].dead = true;
    play(&world, 3600);
    assert_int_equal(count_out(&world), 400);
    assert_int_equal(count_wrong(&world), 0);
    assert_true(world.asked - asked < 10); /* so many are heard anyway */
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_dies),
        cmocka_unit_test(all_die_at_once),
        cmocka_unit_test(nobody_goes_with_the_uplink),
        cmocka_unit_test(one_subnet_and_a_canary),
        cmocka_unit_test(lan_is_no_witness),
        cmocka_unit_test(loss_is_no_outage),
        cmocka_unit_test(canary_is_dead_and_the_uplink_is_not),
        cmocka_unit_test(long_outage),
        cmocka_unit_test(the_dead_do_not_vote),
        cmocka_unit_test(the_dead_that_stirred_do_not_vote),
        cmocka_unit_test(a_slow_witness),
        cmocka_unit_test(an_uplink_that_flaps),
        cmocka_unit_test(a_guard_that_gave_up_is_back),
        cmocka_unit_test(a_handshake_proves_the_path),
        cmocka_unit_test(what_began_while_frozen_is_asked_again),
        cmocka_unit_test(families_are_apart),
        cmocka_unit_test(hosts_are_counted),
        cmocka_unit_test(ten_thousand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
