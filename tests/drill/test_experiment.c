/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole experiments in made-up time, with a host, a server and a resolver that are made up, too. */
#include "../../tools/drill/watch/account.h"
#include "../../tools/drill/watch/experiment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MS = 1000, S = 1000 * 1000, TICK = 20 * MS, COMMAND = 100 * MS };

struct world {
    struct samples samples;
    struct experiment *experiment;
    size_t server, resolver;
    int64_t now_us, ends_us; /* the command; 0: none */
    bool blind;              /* the server does not notice */
    bool dead;
    int64_t turned_us; /* when it died or came back to life */
    bool cached;       /* what the resolver holds */
    int64_t fetched_us;
    unsigned breaks, mends;
    const char *failing; /* what the next command ends by */
    bool refusing;       /* commands cannot even be started */
    int64_t break_phase_us[64];
};

enum { NOTICES = 3 * S, READMITS = 4 * S, TTL = 10 };

static bool act(void *context, enum turn turn)
{
    struct world *world = context;
    if (world->refusing && turn == TURN_FAILURE)
        return false;
    if (turn == TURN_FAILURE)
        world->break_phase_us[world->breaks++] = world->now_us - world->fetched_us;
    else
        world->mends++;
    world->dead = turn == TURN_FAILURE;
    world->turned_us = world->now_us;
    world->ends_us = world->now_us + COMMAND;
    return true;
}

static const struct experiment_options options = {
    .repetitions = 5,
    .settle_us = 2 * S,
    .steady_us = 1 * S,
    .patience_us = {30 * S, 60 * S},
    .seed = 7,
};

static void set_up(struct world *world)
{
    static const struct experiment_hands hands = {.act = act};
    *world = (struct world){.samples.by_hand = true, .now_us = S, .cached = true};
    world->server = samples_add(&world->samples, PLACE_SERVER, "server");
    world->resolver = samples_add(&world->samples, PLACE_RESOLVER, "resolver");
    world->experiment = experiment_new(&options, &world->samples, &hands, world);
}

static void tear_down(struct world *world)
{
    experiment_free(world->experiment);
    samples_free(&world->samples);
}

static void answer(struct world *world, size_t source, bool with, int64_t ttl_s)
{
    const struct observation observation = {.asked_us = world->now_us - MS,
                                            .came_us = world->now_us,
                                            .seen = with ? SEEN_WITH : SEEN_WITHOUT,
                                            .ttl_s = (uint32_t)ttl_s};
    samples_observe(&world->samples, source, &observation);
}

static enum stage step(struct world *world)
{
    world->now_us += TICK;
    int64_t since_us = world->now_us - world->turned_us;
    bool served = !world->dead;
    if (world->blind || since_us < (world->dead ? NOTICES : READMITS))
        served = world->turned_us == 0 || world->blind || world->dead;
    if (world->now_us - world->fetched_us >= TTL * S) {
        world->fetched_us = world->now_us;
        world->cached = served;
    }
    if (world->now_us / TICK % 5 == 0) { /* ten in a second */
        answer(world, world->server, served, TTL);
        answer(world, world->resolver, world->cached,
               TTL - (world->now_us - world->fetched_us) / S);
    }
    if (world->ends_us && world->now_us >= world->ends_us) {
        world->ends_us = 0;
        experiment_ended(world->experiment, world->failing, world->now_us);
        world->failing = NULL;
    }
    experiment_tick(world->experiment, world->now_us);
    return experiment_progress(world->experiment, world->now_us).stage;
}

/* Until it is at this stage, or done, or time is up. */
static enum stage run_until(struct world *world, enum stage stage, int64_t limit_us)
{
    enum stage now = STAGE_SETTLE;
    for (int64_t end_us = world->now_us + limit_us; world->now_us < end_us;) {
        now = step(world);
        if (now == stage || now == STAGE_DONE)
            break;
    }
    return now;
}

static struct experiment_progress progress_of(const struct world *world)
{
    return experiment_progress(world->experiment, world->now_us);
}

static struct summary times(const struct world *world, enum place place, const char *name,
                            enum phase phase)
{
    const struct account account = {
        .system = "", .kind = "", .emptied = "", .patience_us = {30 * S, 60 * S}};
    const struct series_key key = {
        .system = "", .kind = "", .place = place, .name = name, .phase = phase};
    struct record *record = record_new("test");
    account_fill(&account, &world->samples, record);
    struct summary summary = figures_summary(&record_series(record, &key)->figures);
    record_free(record);
    return summary;
}

static void all_repetitions(void **state)
{
    struct world world;
    unsigned parts = 0;
    (void)state;
    set_up(&world);
    assert_int_equal(run_until(&world, STAGE_WAIT, 10 * S), STAGE_WAIT);
    assert_int_equal(progress_of(&world).left_us, -1);
    assert_int_equal(run_until(&world, STAGE_DONE, 1000 * (int64_t)S), STAGE_DONE);
    struct experiment_progress progress = progress_of(&world);
    assert_null(progress.why);
    assert_false(progress.broken);
    assert_int_equal(progress.finished, 5);
    assert_int_equal(world.breaks, 5);
    assert_int_equal(world.mends, 5);
    struct summary left = times(&world, PLACE_SERVER, "server", PHASE_LEFT);
    assert_int_equal(left.count, 5);
    assert_true(left.least_s >= 3 && left.longest_s <= 3.2);
    struct summary late = times(&world, PLACE_RESOLVER, "resolver", PHASE_LEFT);
    assert_int_equal(late.count, 5);
    assert_true(late.least_s >= 3 && late.longest_s <= 13.2 && late.longest_s > late.least_s + 4);
    struct summary back = times(&world, PLACE_SERVER, "server", PHASE_BACK);
    assert_int_equal(back.count, 5);
    assert_true(back.least_s >= 4 && back.longest_s <= 4.2);
    /* At all phases of the cache: 12 s of waiting are spread over 10 s of TTL. */
    for (unsigned i = 0; i < world.breaks; i++)
        parts |= 1u << (unsigned)(world.break_phase_us[i] / (TTL * S / 3));
    assert_int_equal(parts & 7, 7);
    tear_down(&world);
}

static void one_that_never_notices(void **state)
{
    struct world world;
    (void)state;
    set_up(&world);
    world.blind = true;
    assert_int_equal(run_until(&world, STAGE_DONE, 1000 * (int64_t)S), STAGE_DONE);
    struct summary left = times(&world, PLACE_SERVER, "server", PHASE_LEFT);
    assert_int_equal(left.count, 5);
    assert_int_equal(left.never, 5);
    assert_int_equal(times(&world, PLACE_SERVER, "server", PHASE_BACK).count, 0);
    assert_int_equal(world.mends, 5);
    assert_null(progress_of(&world).why);
    tear_down(&world);
}

static void nothing_is_broken_where_nothing_is_well(void **state)
{
    struct world world;
    (void)state;
    set_up(&world);
    world.dead = true;
    world.turned_us = 1;
    world.now_us = 20 * S;
    assert_int_equal(run_until(&world, STAGE_DONE, 100 * S), STAGE_DONE);
    assert_int_equal(world.breaks, 0);
    assert_string_equal(progress_of(&world).why,
                        "there is nothing to break: server server says that the host is not there");
    tear_down(&world);
}

/* ---- every way out mends ---- */

static void stopped_while_broken(void **state)
{
    struct world world;
    (void)state;
    set_up(&world);
    assert_int_equal(run_until(&world, STAGE_BROKEN, 100 * S), STAGE_BROKEN);
    run_until(&world, STAGE_DONE, 1 * S);
    experiment_stop(world.experiment, "interrupted", world.now_us);
    assert_int_equal(progress_of(&world).stage, STAGE_MEND);
    experiment_stop(world.experiment, "again", world.now_us);
    assert_int_equal(run_until(&world, STAGE_DONE, 1 * S), STAGE_DONE);
    assert_int_equal(world.mends, 1);
    assert_false(progress_of(&world).broken);
    assert_string_equal(progress_of(&world).why, "interrupted");
    /* It was not waited for: nobody knows. */
    assert_int_equal(times(&world, PLACE_SERVER, "server", PHASE_LEFT).count, 0);
    tear_down(&world);
}

static void stopped_while_breaking(void **state)
{
    struct world world;
    (void)state;
    set_up(&world);
    assert_int_equal(run_until(&world, STAGE_BREAK, 100 * S), STAGE_BREAK);
    experiment_stop(world.experiment, "interrupted", world.now_us);
    assert_int_equal(world.mends, 0); /* not both at once */
    assert_int_equal(run_until(&world, STAGE_DONE, 1 * S), STAGE_DONE);
    assert_int_equal(world.mends, 1);
    assert_false(progress_of(&world).broken);
    tear_down(&world);
}

static void stopped_while_all_is_well(void **state)
{
    struct world world;
    (void)state;
    set_up(&world);
    run_until(&world, STAGE_WAIT, 10 * S);
    experiment_stop(world.experiment, "interrupted", world.now_us);
    assert_int_equal(progress_of(&world).stage, STAGE_DONE);
    assert_int_equal(world.mends, 0);
    tear_down(&world);
}

static void a_break_that_fails(void **state)
{
    struct world world;
    (void)state;
    set_up(&world);
    world.failing = "its exit status was 3";
    assert_int_equal(run_until(&world, STAGE_DONE, 100 * S), STAGE_DONE);
    assert_string_equal(progress_of(&world).why,
                        "the command that breaks has failed: its exit status was 3");
    assert_int_equal(world.mends, 1); /* it may have broken half of it */
    assert_int_equal(world.samples.nepisodes, 0);
    assert_false(progress_of(&world).broken);
    tear_down(&world);
}

static void a_break_that_cannot_be_started(void **state)
{
    struct world world;
    (void)state;
    set_up(&world);
    world.refusing = true;
    assert_int_equal(run_until(&world, STAGE_DONE, 100 * S), STAGE_DONE);
    assert_non_null(strstr(progress_of(&world).why, "could not be started"));
    assert_int_equal(world.mends, 1);
    tear_down(&world);
}

static void a_mend_that_fails(void **state)
{
    struct world world;
    (void)state;
    set_up(&world);
    assert_int_equal(run_until(&world, STAGE_MEND, 200 * S), STAGE_MEND);
    world.failing = "it was not done after 60 s";
    assert_int_equal(run_until(&world, STAGE_DONE, 1 * S), STAGE_DONE);
    assert_string_equal(progress_of(&world).why,
                        "the command that mends has failed: it was not done after 60 s");
    assert_true(progress_of(&world).broken);
    assert_int_equal(times(&world, PLACE_SERVER, "server", PHASE_LEFT).count, 1); /* is kept */
    tear_down(&world);
}

/* ---- stopped for a while ---- */

/* To be run from STAGE_PAUSED on: all repetitions are done in the end. */
static void goes_on(struct world *world, unsigned breaks, unsigned failures, unsigned returns)
{
    assert_false(world->dead);
    experiment_tick(world->experiment, world->now_us);
    assert_int_equal(progress_of(world).stage, STAGE_PAUSED);
    world->now_us += 500 * (int64_t)S; /* longer than all patience */
    experiment_resume(world->experiment, world->now_us);
    assert_int_equal(run_until(world, STAGE_DONE, 1000 * (int64_t)S), STAGE_DONE);
    assert_null(progress_of(world).why);
    assert_int_equal(progress_of(world).finished, 5);
    assert_int_equal(world->breaks, breaks);
    assert_int_equal(world->mends, breaks);
    struct summary left = times(world, PLACE_SERVER, "server", PHASE_LEFT);
    assert_int_equal(left.count, failures);
    assert_true(left.least_s >= 3 && left.longest_s <= 3.2);
    struct summary back = times(world, PLACE_SERVER, "server", PHASE_BACK);
    assert_int_equal(back.count, returns);
    assert_true(back.least_s >= 4 && back.longest_s <= 4.2);
    for (size_t i = 0; i < world->samples.nsources; i++)
        assert_int_equal(world->samples.sources[i].stray, 0);
    tear_down(world);
}

static void paused_while_broken(void **state)
{
    struct world world;
    (void)state;
    set_up(&world);
    run_until(&world, STAGE_BACK, 100 * S);
    assert_int_equal(run_until(&world, STAGE_BROKEN, 100 * S), STAGE_BROKEN);
    run_until(&world, STAGE_DONE, 1 * S);
    experiment_pause(world.experiment, world.now_us);
    assert_int_equal(progress_of(&world).stage, STAGE_MEND); /* at once */
    experiment_pause(world.experiment, world.now_us);        /* pressed twice */
    assert_int_equal(run_until(&world, STAGE_PAUSED, 1 * S), STAGE_PAUSED);
    assert_int_equal(progress_of(&world).finished, 1);
    goes_on(&world, 6, 5, 5);
}

static void paused_while_breaking(void **state)
{
    struct world world;
    (void)state;
    set_up(&world);
    assert_int_equal(run_until(&world, STAGE_BREAK, 100 * S), STAGE_BREAK);
    experiment_pause(world.experiment, world.now_us);
    assert_int_equal(world.mends, 0); /* not both at once */
    assert_int_equal(run_until(&world, STAGE_PAUSED, 1 * S), STAGE_PAUSED);
    goes_on(&world, 6, 5, 5);
}

static void paused_while_it_returns(void **state)
{
    static const enum stage stages[] = {STAGE_MEND, STAGE_BACK};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world world;
        set_up(&world);
        assert_int_equal(run_until(&world, stages[i], 100 * S), stages[i]);
        experiment_pause(world.experiment, world.now_us);
        assert_int_equal(run_until(&world, STAGE_PAUSED, 1 * S), STAGE_PAUSED);
        goes_on(&world, 5, 5, 4);
    }
}

static void paused_while_all_is_well(void **state)
{
    struct world world;
    (void)state;
    set_up(&world);
    run_until(&world, STAGE_WAIT, 10 * S);
    experiment_pause(world.experiment, world.now_us);
    goes_on(&world, 5, 5, 5);
}

/* Pressed again while the return is waited for that does not count: nor does the failure then. */
static void paused_again(void **state)
{
    struct world world;
    (void)state;
    set_up(&world);
    assert_int_equal(run_until(&world, STAGE_BROKEN, 100 * S), STAGE_BROKEN);
    run_until(&world, STAGE_MEND, 1 * S);
    experiment_pause(world.experiment, world.now_us);
    assert_int_equal(run_until(&world, STAGE_PAUSED, 1 * S), STAGE_PAUSED);
    experiment_resume(world.experiment, world.now_us);
    run_until(&world, STAGE_DONE, 1 * S);
    assert_int_equal(progress_of(&world).stage, STAGE_BACK);
    experiment_pause(world.experiment, world.now_us);
    goes_on(&world, 6, 5, 5);
}

static void ended_while_paused(void **state)
{
    struct world world;
    (void)state;
    set_up(&world);
    assert_int_equal(run_until(&world, STAGE_BROKEN, 100 * S), STAGE_BROKEN);
    experiment_pause(world.experiment, world.now_us);
    experiment_stop(world.experiment, "interrupted", world.now_us);
    assert_int_equal(run_until(&world, STAGE_DONE, 1 * S), STAGE_DONE);
    assert_int_equal(world.mends, 1);
    assert_int_equal(world.samples.nepisodes, 0);
    tear_down(&world);
}

static void a_mend_that_fails_is_not_slept_over(void **state)
{
    struct world world;
    (void)state;
    set_up(&world);
    assert_int_equal(run_until(&world, STAGE_BROKEN, 100 * S), STAGE_BROKEN);
    experiment_pause(world.experiment, world.now_us);
    world.failing = "its exit status was 1";
    assert_int_equal(run_until(&world, STAGE_PAUSED, 1 * S), STAGE_DONE);
    assert_true(progress_of(&world).broken);
    tear_down(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_repetitions),
        cmocka_unit_test(one_that_never_notices),
        cmocka_unit_test(nothing_is_broken_where_nothing_is_well),
        cmocka_unit_test(stopped_while_broken),
        cmocka_unit_test(stopped_while_breaking),
        cmocka_unit_test(stopped_while_all_is_well),
        cmocka_unit_test(a_break_that_fails),
        cmocka_unit_test(a_break_that_cannot_be_started),
        cmocka_unit_test(a_mend_that_fails),
        cmocka_unit_test(paused_while_broken),
        cmocka_unit_test(paused_while_breaking),
        cmocka_unit_test(paused_while_it_returns),
        cmocka_unit_test(paused_while_all_is_well),
        cmocka_unit_test(paused_again),
        cmocka_unit_test(ended_while_paused),
        cmocka_unit_test(a_mend_that_fails_is_not_slept_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
