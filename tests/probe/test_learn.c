/* SPDX-License-Identifier: BSD-2-Clause */
/* What is learned of a target, and how patient that makes. */
#include "probe/learn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct check_settings each_2_s = {
    .interval_ms = 2000, .connect_timeout_ms = 3500, .greeting_timeout_ms = 8000};

static void teach(struct learned *learned, int32_t connect_ms, int32_t greeting_ms, unsigned times)
{
    const struct lesson lesson = {.connect_us = connect_ms * 1000,
                                  .greeting_us = greeting_ms * 1000};
    while (times--)
        learn_good(learned, &lesson, 1);
}

static struct patience patience_of(const struct learned *learned,
                                   const struct check_settings *check)
{
    struct patience patience;
    learn_patience(learned, check, &patience);
    return patience;
}

static void test_unknown_gets_the_whole_timeouts(void **state)
{
    struct learned learned;
    (void)state;
    learn_init(&learned);
    for (unsigned good = 0; good < LEARN_ENOUGH; good++) {
        struct patience patience = patience_of(&learned, &each_2_s);
        assert_false(patience.early);
        assert_int_equal(patience.connect_ms, 3500);
        teach(&learned, 1, 5, 1);
    }
    assert_true(patience_of(&learned, &each_2_s).early);
}

/* However often it is dead and comes back: nothing is known of its greetings by that. */
static void test_what_the_dead_owe_is_no_knowledge(void **state)
{
    struct learned learned;
    (void)state;
    learn_init(&learned);
    for (unsigned back = 1; back <= 2 * LEARN_ENOUGH; back++) {
        learn_silence(&learned, true, false);
        learn_owed(&learned, back * 1000);
        assert_false(patience_of(&learned, &each_2_s).early);
        assert_int_equal(learned.last_good_ms, back * 1000);
        assert_int_equal(learned.silences, 0);
        assert_false(learned.believed);
    }
    teach(&learned, 1, 5000, LEARN_ENOUGH);
    assert_false(patience_of(&learned, &each_2_s).early);
}

static void test_windows_follow_the_interval(void **state)
{
    static const struct {
        int64_t interval_ms, connect_ms;
    } rows[] = {{500, 1100}, {1000, 1100}, {1500, 1300}, {2000, 1500}, {60000, 1500}};
    struct learned learned;
    (void)state;
    learn_init(&learned);
    teach(&learned, 1, 5, 3);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct check_settings check = each_2_s;
        check.interval_ms = rows[i].interval_ms;
        struct patience patience = patience_of(&learned, &check);
        assert_int_equal(patience.connect_ms, rows[i].connect_ms);
        assert_int_equal(patience.greeting_ms, rows[i].connect_ms + 1000);
        assert_int_equal(patience.connect_hedge_ms, 300);
        assert_int_equal(patience.greeting_hedge_ms, 1000);
    }
    struct check_settings hasty = each_2_s;
    hasty.connect_timeout_ms = 800;
    assert_int_equal(patience_of(&learned, &hasty).connect_ms, 800);
}

static void test_usual_times_count(void **state)
{
    struct learned learned;
    (void)state;
    learn_init(&learned);
    teach(&learned, 150, 20, 40);
    assert_in_range(patience_of(&learned, &each_2_s).connect_hedge_ms, 590, 600);
    assert_true(patience_of(&learned, &each_2_s).early);
    learn_init(&learned);
    teach(&learned, 10, 120, 40);
    assert_in_range(patience_of(&learned, &each_2_s).greeting_hedge_ms, 1190, 1200);
    learn_init(&learned);
    teach(&learned, 10, 260, 40); /* not prompt */
    assert_false(patience_of(&learned, &each_2_s).early);
    assert_false(patience_of(&learned, &each_2_s).slow);
    learn_init(&learned);
    teach(&learned, 10, 5000, 40);
    assert_true(patience_of(&learned, &each_2_s).slow);
    learn_init(&learned);
    teach(&learned, 400, 20, 40); /* hedges would come too late */
    assert_false(patience_of(&learned, &each_2_s).early);
}

static void test_one_late_greeting_is_forgotten_soon(void **state)
{
    struct learned learned;
    (void)state;
    learn_init(&learned);
    teach(&learned, 1, 10, 20);
    teach(&learned, 1, 1100, 1);
    teach(&learned, 1, 10, 2);
    assert_true(patience_of(&learned, &each_2_s).early);
    for (unsigned i = 0; i < 20; i++)
        teach(&learned, 1, 1100, 1); /* that is how it is now */
    assert_false(patience_of(&learned, &each_2_s).early);
}

static void teach_late(struct learned *learned, int32_t greeting_ms)
{
    const struct lesson late = {
        .connect_us = 1000, .greeting_us = greeting_ms * 1000, .late = true};
    learn_silence(learned, true, false);
    learn_good(learned, &late, 2);
}

/* Its resolver died: each greeting takes 5 s from now on. */
static void test_late_not_dead(void **state)
{
    struct learned learned;
    (void)state;
    learn_init(&learned);
    teach(&learned, 1, 10, 20);
    teach_late(&learned, 5000);
    assert_false(patience_of(&learned, &each_2_s).early);
    assert_true(patience_of(&learned, &each_2_s).slow);
    assert_false(learn_is_lossy(&learned));
    for (unsigned i = 0; i < 50; i++) {
        teach(&learned, 1, 5000, 1);
        assert_false(patience_of(&learned, &each_2_s).early);
    }
    teach(&learned, 1, 10, LEARN_ENOUGH); /* that is no accident any more */
    assert_false(patience_of(&learned, &each_2_s).early);
    teach(&learned, 1, 10, LEARN_STEADY - LEARN_ENOUGH);
    assert_true(patience_of(&learned, &each_2_s).early); /* mended */
}

/* One of its two resolvers died: now and then. That takes it out twice, not again and again. */
static void test_late_now_and_then(void **state)
{
    struct learned learned;
    unsigned removals = 0;
    (void)state;
    learn_init(&learned);
    teach(&learned, 1, 10, 20);
    for (unsigned i = 0; i < 1000; i++) {
        teach(&learned, 1, 10, i % 11);
        if (patience_of(&learned, &each_2_s).early) {
            removals++;
            teach_late(&learned, 5000);
        } else {
            teach(&learned, 1, 5000, 1);
        }
    }
    assert_int_equal(removals, 2);
}

/* Stopped for some seconds, and continued: both sessions are greeted then. */
static void test_stopped_is_an_accident(void **state)
{
    struct learned learned;
    (void)state;
    learn_init(&learned);
    teach(&learned, 1, 10, 20);
    for (unsigned i = 0; i < 3; i++) {
        teach_late(&learned, 8000);
        teach(&learned, 1, 5500, 1);
        assert_false(patience_of(&learned, &each_2_s).early);
        teach(&learned, 1, 10, 1);
        assert_true(patience_of(&learned, &each_2_s).early);
        assert_in_range(patience_of(&learned, &each_2_s).greeting_hedge_ms, 1000, 1000);
        teach(&learned, 1, 10, LEARN_STEADY);
    }
}

static void test_down_by_silence_is_probed_by_one_session(void **state)
{
    struct learned learned;
    (void)state;
    learn_init(&learned);
    teach(&learned, 1, 10, 3);
    learn_silence(&learned, false, false);
    assert_true(patience_of(&learned, &each_2_s).early);
    learn_silence(&learned, true, false);
    assert_false(patience_of(&learned, &each_2_s).early);
    assert_true(patience_of(&learned, &each_2_s).slow);
    learn_answer(&learned);
    assert_true(patience_of(&learned, &each_2_s).early);
}

static void test_what_confirms(void **state)
{
    struct learned learned;
    (void)state;
    learn_init(&learned);
    assert_false(learn_confirms(&learned, true)); /* never seen good: by a second probe */
    learn_silence(&learned, false, false);
    assert_true(learn_confirms(&learned, true));
    learn_init(&learned);
    teach(&learned, 1, 10, 3);
    assert_true(learn_confirms(&learned, true));
    assert_false(learn_confirms(&learned, false));
}

/* Packets lost at 5 % each way: one connection in ten needs a hedge. */
static void test_loss_is_learned(void **state)
{
    const struct lesson smooth = {.connect_us = 1000, .greeting_us = 1000};
    const struct lesson hedged = {.connect_us = 1000, .greeting_us = 1000, .hedged = true};
    struct learned learned;
    (void)state;
    learn_init(&learned);
    teach(&learned, 1, 1, 3);
    learn_good(&learned, &hedged, 1);
    assert_true(learn_is_lossy(&learned));
    assert_true(patience_of(&learned, &each_2_s).early);
    teach(&learned, 1, 1, 12);
    assert_false(learn_is_lossy(&learned)); /* once was chance */
    for (unsigned i = 0; i < 100; i++)
        learn_good(&learned, i % 10 ? &smooth : &hedged, 1);
    assert_true(learn_is_lossy(&learned));
    assert_false(learn_confirms(&learned, true));
    learn_silence(&learned, false, false);
    assert_true(learn_confirms(&learned, true)); /* the second one */
    for (unsigned i = 0; i < 170; i++)
        learn_good(&learned, &smooth, 1);
    assert_false(learn_is_lossy(&learned));
    for (unsigned i = 0; i < 100; i++) /* as at 20 % */
        learn_good(&learned, i % 2 ? &smooth : &hedged, 1);
    assert_true(learn_is_very_lossy(&learned));
    assert_false(patience_of(&learned, &each_2_s).early);
    assert_true(patience_of(&learned, &each_2_s).hedged);
}

/* A silent probe that met with loss itself is not believed; the next one waits for longer, and when
 * that one is good, the loss is great. */
static void test_a_silence_that_was_none_is_loss(void **state)
{
    struct learned learned;
    (void)state;
    learn_init(&learned);
    teach(&learned, 1, 1, 3);
    learn_silence(&learned, false, true);
    assert_true(learn_is_lossy(&learned));
    assert_true(patience_of(&learned, &each_2_s).early);
    assert_int_equal(patience_of(&learned, &each_2_s).connect_ms, 1500);
    assert_int_equal(patience_of(&learned, &each_2_s).greeting_ms, 4500);
    teach(&learned, 1, 1, 1);
    assert_int_equal(patience_of(&learned, &each_2_s).greeting_ms, 2500);
    teach(&learned, 1, 1, 64);
    assert_true(learn_is_lossy(&learned));
    for (unsigned i = 0; i < 3; i++) {
        learn_silence(&learned, false, false);
        teach(&learned, 1, 1, 1);
    }
    assert_true(learn_is_very_lossy(&learned));
}

/* For want of a place it had one session only: that is no loss. */
static void test_other_silences_are_none(void **state)
{
    struct learned learned;
    (void)state;
    learn_init(&learned);
    teach(&learned, 1, 1, 3);
    learn_silence(&learned, false, false);
    assert_int_equal(patience_of(&learned, &each_2_s).greeting_ms, 2500);
    teach(&learned, 1, 1, 1);
    learn_silence(&learned, true, false); /* it was dead, as far as is known */
    teach(&learned, 1, 1, 1);
    assert_false(learn_is_lossy(&learned));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_gets_the_whole_timeouts),
        cmocka_unit_test(test_what_the_dead_owe_is_no_knowledge),
        cmocka_unit_test(test_windows_follow_the_interval),
        cmocka_unit_test(test_usual_times_count),
        cmocka_unit_test(test_one_late_greeting_is_forgotten_soon),
        cmocka_unit_test(test_late_not_dead),
        cmocka_unit_test(test_late_now_and_then),
        cmocka_unit_test(test_stopped_is_an_accident),
        cmocka_unit_test(test_down_by_silence_is_probed_by_one_session),
        cmocka_unit_test(test_what_confirms),
        cmocka_unit_test(test_loss_is_learned),
        cmocka_unit_test(test_a_silence_that_was_none_is_loss),
        cmocka_unit_test(test_other_silences_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
