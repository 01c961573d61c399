/* SPDX-License-Identifier: BSD-2-Clause */
/* Timelines made by hand: what becomes of answers and evidence. */
#include "../../tools/drill/watch/samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MS = 1000, S = 1000 * 1000, ROUND_TRIP = 2 * MS };

/* A host, a server and two resolvers; single ones are left out by their tests. */
struct line {
    struct samples samples;
    size_t host, server, one, two;
};

static void begin_line(struct line *line, bool by_hand)
{
    *line = (struct line){.samples.by_hand = by_hand};
    line->host = samples_add(&line->samples, PLACE_HOST, "smtp:192.0.2.1");
    line->server = samples_add(&line->samples, PLACE_SERVER, "192.0.2.53@53");
    line->one = samples_add(&line->samples, PLACE_RESOLVER, "192.0.2.101@53");
    line->two = samples_add(&line->samples, PLACE_RESOLVER, "192.0.2.102@53");
}

/* An answer that came so late. */
static unsigned see(struct line *line, size_t source, int64_t came_us, enum seen seen,
                    uint32_t ttl_s)
{
    const struct observation observation = {
        .asked_us = came_us - ROUND_TRIP, .came_us = came_us, .seen = seen, .ttl_s = ttl_s};
    return samples_observe(&line->samples, source, &observation);
}

/* The same answer again and again; returns when the next one is due. */
static int64_t row(struct line *line, size_t source, int64_t from_us, int64_t until_us,
                   int64_t every_us, enum seen seen)
{
    for (; from_us < until_us; from_us += every_us)
        see(line, source, from_us, seen, 10);
    return from_us;
}

static const struct mark *mark_of(const struct line *line, size_t episode, size_t source)
{
    assert_true(episode < line->samples.nepisodes);
    return &line->samples.episodes[episode].marks[source];
}

static enum origin origin_of(const struct line *line, size_t episode, int64_t *origin_us)
{
    return episode_origin(&line->samples, &line->samples.episodes[episode], origin_us);
}

/* ---- what is seen ---- */

static void a_failure_and_a_return(void **state)
{
    struct line line;
    int64_t origin_us;
    (void)state;
    begin_line(&line, false);
    row(&line, line.host, 0, 10 * S, S, SEEN_WITH); /* the last one at 9 s */
    row(&line, line.server, 0, 13 * S, 100 * MS, SEEN_WITH);
    row(&line, line.one, 0, 20 * S, S, SEEN_WITH);
    row(&line, line.two, 0, 16 * S, S, SEEN_WITH);
    assert_int_equal(see(&line, line.host, 10 * S, SEEN_WITHOUT, 0), NEWS_OPENED | NEWS_CHANGED);
    assert_int_equal(see(&line, line.server, 13 * S, SEEN_WITHOUT, 5), NEWS_CHANGED);
    assert_int_equal(see(&line, line.server, 13 * S + 100 * MS, SEEN_WITHOUT, 5), 0);
    assert_int_equal(see(&line, line.two, 16 * S, SEEN_WITHOUT, 4), NEWS_CHANGED);
    assert_int_equal(see(&line, line.one, 20 * S, SEEN_WITHOUT, 3), NEWS_CHANGED);
    assert_int_equal(see(&line, line.host, 30 * S, SEEN_WITH, 0), NEWS_OPENED | NEWS_CHANGED);
    assert_int_equal(see(&line, line.server, 33 * S, SEEN_WITH, 10), NEWS_CHANGED);
    assert_int_equal(see(&line, line.one, 34 * S, SEEN_WITH, 10), NEWS_CHANGED);
    samples_close(&line.samples, 40 * S);

    assert_int_equal(line.samples.nepisodes, 2);
    assert_int_equal(origin_of(&line, 0, &origin_us), ORIGIN_EVIDENCE);
    assert_int_equal(origin_us, 9 * S - ROUND_TRIP); /* t0 */
    assert_int_equal(mark_of(&line, 0, line.host)->by_us, 10 * S);
    assert_int_equal(mark_of(&line, 0, line.server)->after_us, 12900 * MS - ROUND_TRIP);
    assert_int_equal(mark_of(&line, 0, line.server)->by_us, 13 * S);
    assert_int_equal(mark_of(&line, 0, line.one)->after_us, 19 * S - ROUND_TRIP);
    assert_int_equal(mark_of(&line, 0, line.one)->by_us, 20 * S);
    /* Ten seconds' TTL was given until 13 s: one has gone on for six. */
    assert_int_equal(episode_held_us(&line.samples, &line.samples.episodes[0], line.one),
                     6 * S - ROUND_TRIP);
    assert_int_equal(episode_held_us(&line.samples, &line.samples.episodes[0], line.two),
                     2 * S - ROUND_TRIP);

    assert_int_equal(line.samples.episodes[1].turn, TURN_RETURN);
    assert_int_equal(origin_of(&line, 1, &origin_us), ORIGIN_EVIDENCE);
    assert_int_equal(origin_us, 30 * S);
    assert_true(mark_of(&line, 1, line.one)->changed);
    assert_true(mark_of(&line, 1, line.two)->had_old && !mark_of(&line, 1, line.two)->changed);
    samples_free(&line.samples);
}

static void ttls_are_kept_apart(void **state)
{
    struct line line;
    (void)state;
    begin_line(&line, false);
    see(&line, line.one, 1 * S, SEEN_WITH, 10);
    see(&line, line.one, 2 * S, SEEN_WITH, 9);
    see(&line, line.one, 3 * S, SEEN_WITHOUT, 5);
    see(&line, line.one, 4 * S, SEEN_NXDOMAIN, 77); /* a negative TTL is another matter */
    const struct source *source = &line.samples.sources[line.one];
    assert_int_equal(source->ttl_with.count, 2);
    assert_int_equal(source->ttl_with.least_s, 9);
    assert_int_equal(source->ttl_with.most_s, 10);
    assert_int_equal(source->ttl_without.count, 1);
    assert_int_equal(source->ttl_without.most_s, 5);
    samples_free(&line.samples);
}

static void loss_and_servfail_are_no_change(void **state)
{
    struct line line;
    (void)state;
    begin_line(&line, false);
    row(&line, line.server, 0, 5 * S, 100 * MS, SEEN_WITH);
    assert_int_equal(see(&line, line.server, 6 * S, SEEN_NOTHING, 0), 0);
    assert_int_equal(see(&line, line.server, 7 * S, SEEN_ERROR, 0), 0);
    assert_int_equal(see(&line, line.server, 8 * S, SEEN_WITH, 10), 0);
    const struct source *source = &line.samples.sources[line.server];
    assert_int_equal(line.samples.nepisodes, 0);
    assert_int_equal(source->seen[SEEN_NOTHING], 1);
    assert_int_equal(source->seen[SEEN_ERROR], 1);
    assert_int_equal(source->since_us, 0); /* one row */
    /* One that is silent now does not agree that all is well. */
    assert_false(samples_agree(&line.samples, true, false, 0, 8 * S, NULL));
    see(&line, line.one, 8 * S, SEEN_WITH, 10);
    see(&line, line.two, 8 * S, SEEN_WITH, 10);
    assert_true(samples_agree(&line.samples, true, false, 0, 8 * S, NULL));
    assert_false(samples_agree(&line.samples, true, true, 0, 8 * S, NULL)); /* no probe yet */
    assert_false(samples_agree(&line.samples, true, false, 0, 12 * S, NULL));
    samples_free(&line.samples);
}

static void one_that_goes_back_and_forth(void **state)
{
    struct line line;
    (void)state;
    begin_line(&line, false);
    row(&line, line.one, 0, 10 * S, 100 * MS, SEEN_WITH);
    see(&line, line.server, 9 * S, SEEN_WITH, 10);
    see(&line, line.server, 10 * S, SEEN_WITHOUT, 10);
    assert_int_equal(see(&line, line.one, 11 * S, SEEN_WITHOUT, 9), NEWS_CHANGED);
    assert_int_equal(see(&line, line.one, 12 * S, SEEN_WITH, 3), NEWS_FLIPPED);
    assert_true(samples_awaits(&line.samples, line.one, 2 * S, 12 * S));
    assert_int_equal(see(&line, line.one, 13 * S, SEEN_WITHOUT, 7), NEWS_CHANGED);
    assert_int_equal(see(&line, line.one, 14 * S, SEEN_WITH, 1), NEWS_FLIPPED);
    assert_int_equal(see(&line, line.one, 15 * S, SEEN_WITHOUT, 5), NEWS_CHANGED);
    const struct mark *mark = samples_mark(&line.samples, line.one);
    assert_int_equal(mark->flips, 2);
    assert_int_equal(mark->first_us, 11 * S);
    assert_int_equal(mark->after_us, 14 * S - ROUND_TRIP);
    assert_int_equal(mark->by_us, 15 * S);
    assert_true(samples_awaits(&line.samples, line.one, 2 * S, 16 * S));
    row(&line, line.one, 16 * S, 18 * S, 100 * MS, SEEN_WITHOUT);
    assert_false(samples_awaits(&line.samples, line.one, 2 * S, 18 * S));
    samples_free(&line.samples);
}

/* The answer to an earlier question comes after that to a later one: no going back. */
/* One that gives one record at a time, all of them in turns; and one that notices in pieces. */
static void one_that_is_fickle(void **state)
{
    struct line line;
    unsigned found = 0;
    (void)state;
    begin_line(&line, false);
    for (int i = 0; i < 40; i++) {
        found += (see(&line, line.server, i * 100 * MS, i % 2 ? SEEN_WITHOUT : SEEN_WITH, 10) &
                  NEWS_FICKLE) != 0;
        see(&line, line.one, i * 100 * MS, i % 2 ? SEEN_WITHOUT : SEEN_WITH, 10);
    }
    assert_int_equal(found, 1); /* told once */
    assert_true(line.samples.sources[line.server].fickle);
    assert_false(line.samples.sources[line.one].fickle); /* several caches are nothing strange */
    size_t episodes = line.samples.nepisodes;
    assert_true(episodes < 10);
    row(&line, line.server, 4 * S, 15 * S, 100 * MS, SEEN_WITH); /* now all of them in each */
    assert_false(line.samples.sources[line.server].fickle);
    assert_int_equal(line.samples.nepisodes, episodes + 1); /* it is back, since whenever */
    assert_int_equal(line.samples.episodes[episodes].turn, TURN_RETURN);
    assert_false(mark_of(&line, episodes, line.server)->changed);
    see(&line, line.server, 15 * S, SEEN_WITHOUT, 10);
    assert_int_equal(line.samples.nepisodes, episodes + 2);
    assert_true(mark_of(&line, episodes + 1, line.server)->changed);
    samples_free(&line.samples);

    begin_line(&line, false);
    for (int minute = 0; minute < 10; minute++) {
        for (int i = 0; i < 6; i++)
            see(&line, line.server, minute * 60 * S + i * 100 * MS,
                i % 2 == minute % 2 ? SEEN_WITH : SEEN_WITHOUT, 10);
    }
    assert_false(line.samples.sources[line.server].fickle);
    samples_free(&line.samples);
}

static void answers_that_were_overtaken(void **state)
{
    struct line line;
    (void)state;
    begin_line(&line, false);
    see(&line, line.server, 1 * S, SEEN_WITH, 10);
    see(&line, line.server, 2 * S, SEEN_WITHOUT, 10);
    const struct observation late = {
        .asked_us = 1500 * MS, .came_us = 2500 * MS, .seen = SEEN_WITH, .ttl_s = 10};
    assert_int_equal(samples_observe(&line.samples, line.server, &late), 0);
    assert_int_equal(line.samples.sources[line.server].overtaken, 1);
    assert_int_equal(samples_mark(&line.samples, line.server)->flips, 0);
    samples_free(&line.samples);
}

static void what_bounces_is_told_once(void **state)
{
    struct line line;
    (void)state;
    begin_line(&line, false);
    see(&line, line.server, 1 * S, SEEN_WITH, 10);
    assert_int_equal(see(&line, line.server, 2 * S, SEEN_EMPTY, 0),
                     NEWS_OPENED | NEWS_CHANGED | NEWS_BOUNCES);
    assert_int_equal(see(&line, line.server, 3 * S, SEEN_NXDOMAIN, 0), 0);
    assert_int_equal(see(&line, line.server, 4 * S, SEEN_WITHOUT, 5), 0);
    assert_int_equal(samples_mark(&line.samples, line.server)->worst, SEEN_NXDOMAIN);
    assert_int_equal(line.samples.sources[line.server].ttl_without.count, 1);
    samples_free(&line.samples);
}

/* ---- what is nobody's failure ---- */

/* The server lets a living host go, and takes it back. */
static void a_drain(void **state)
{
    struct line line;
    int64_t origin_us;
    (void)state;
    begin_line(&line, false);
    row(&line, line.host, 0, 5 * S, S, SEEN_WITH);
    see(&line, line.server, 4 * S, SEEN_WITH, 10);
    assert_int_equal(see(&line, line.server, 5 * S, SEEN_WITHOUT, 10), NEWS_OPENED | NEWS_CHANGED);
    row(&line, line.host, 5 * S, 20 * S, S, SEEN_WITH);
    assert_int_equal(see(&line, line.server, 20 * S, SEEN_WITH, 10), NEWS_OPENED | NEWS_CHANGED);
    assert_int_equal(origin_of(&line, 0, &origin_us), ORIGIN_SERVER);
    assert_int_equal(origin_us, 5 * S);
    assert_int_equal(origin_of(&line, 1, &origin_us), ORIGIN_SERVER);
    assert_int_equal(samples_origin(&line.samples), ORIGIN_EVIDENCE); /* so both are set apart */
    samples_free(&line.samples);
}

/* All hosts are dead: the server gives them all again, and this one has not returned. */
static void fail_open_is_no_return(void **state)
{
    struct line line;
    (void)state;
    begin_line(&line, false);
    see(&line, line.host, 1 * S, SEEN_WITH, 0);
    see(&line, line.server, 1 * S, SEEN_WITH, 10);
    see(&line, line.host, 2 * S, SEEN_WITHOUT, 0);
    see(&line, line.server, 3 * S, SEEN_WITHOUT, 10);
    assert_int_equal(see(&line, line.server, 4 * S, SEEN_WITH, 5), NEWS_FLIPPED);
    assert_int_equal(line.samples.nepisodes, 1);
    assert_false(samples_mark(&line.samples, line.server)->changed);
    samples_free(&line.samples);
}

static void a_bad_probe_that_nobody_minds(void **state)
{
    struct line line;
    (void)state;
    begin_line(&line, false);
    see(&line, line.server, 1 * S, SEEN_WITH, 10);
    see(&line, line.host, 1 * S, SEEN_WITH, 0);
    see(&line, line.host, 2 * S, SEEN_WITHOUT, 0);
    see(&line, line.server, 2 * S, SEEN_WITH, 10);
    see(&line, line.host, 3 * S, SEEN_WITH, 0);
    assert_int_equal(line.samples.nepisodes, 2);
    assert_false(mark_of(&line, 0, line.server)->changed);
    assert_int_equal(line.samples.episodes[0].closed_us, 3 * S);
    /* It has nothing to return to. */
    assert_false(mark_of(&line, 1, line.server)->had_old);
    samples_free(&line.samples);
}

static void a_resolver_alone_is_stray(void **state)
{
    struct line line;
    (void)state;
    begin_line(&line, false);
    see(&line, line.server, 1 * S, SEEN_WITH, 10);
    see(&line, line.one, 1 * S, SEEN_WITH, 10);
    assert_int_equal(see(&line, line.one, 2 * S, SEEN_WITHOUT, 10), NEWS_STRAY);
    assert_int_equal(line.samples.sources[line.one].stray, 1);
    assert_int_equal(line.samples.nepisodes, 0);
    samples_free(&line.samples);
}

static void where_a_resolver_is_all_there_is(void **state)
{
    struct line line = {0};
    int64_t origin_us;
    (void)state;
    size_t only = samples_add(&line.samples, PLACE_RESOLVER, "192.0.2.101@53");
    see(&line, only, 1 * S, SEEN_WITH, 10);
    assert_int_equal(see(&line, only, 2 * S, SEEN_WITHOUT, 10), NEWS_OPENED | NEWS_CHANGED);
    assert_int_equal(origin_of(&line, 0, &origin_us), ORIGIN_RESOLVER);
    assert_true(episode_held_us(&line.samples, &line.samples.episodes[0], only) < 0);
    samples_free(&line.samples);
}

/* ---- by our own hand ---- */

static void two_failures_of_our_own(void **state)
{
    struct line line;
    int64_t origin_us;
    (void)state;
    begin_line(&line, true);
    for (int i = 0; i < 2; i++) {
        int64_t at_us = (1 + i * 100) * S;
        row(&line, line.server, at_us - S, at_us, 100 * MS, SEEN_WITH);
        samples_begin(&line.samples, TURN_FAILURE, at_us);
        samples_begun(&line.samples, at_us + 50 * MS);
        row(&line, line.server, at_us + 100 * MS, at_us + (3 + i) * S, 100 * MS, SEEN_WITH);
        row(&line, line.server, at_us + (3 + i) * S, at_us + 10 * S, 100 * MS, SEEN_WITHOUT);
        samples_begin(&line.samples, TURN_RETURN, at_us + 10 * S);
        /* Not the host's evidence, nor anything else, begins one by itself. */
        assert_int_equal(see(&line, line.host, at_us + 20 * S, i ? SEEN_WITHOUT : SEEN_WITH, 0), 0);
        row(&line, line.server, at_us + 20 * S, at_us + 22 * S, 100 * MS, SEEN_WITH);
    }
    assert_int_equal(line.samples.nepisodes, 4);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(origin_of(&line, i * 2, &origin_us), ORIGIN_TOLD);
        assert_int_equal(mark_of(&line, i * 2, line.server)->by_us - origin_us, (3 + (int)i) * S);
        assert_int_equal(line.samples.episodes[i * 2].told_end_us - origin_us, 50 * MS);
        origin_of(&line, i * 2 + 1, &origin_us);
        assert_int_equal(mark_of(&line, i * 2 + 1, line.server)->by_us - origin_us, 10 * S);
    }
    samples_free(&line.samples);
}

/* Ended while the second resolver, and a third that never answered, have not changed. */
static void unresolved_at_the_end(void **state)
{
    struct line line;
    (void)state;
    begin_line(&line, true);
    row(&line, line.server, 0, 5 * S, 100 * MS, SEEN_WITH);
    row(&line, line.one, 0, 5 * S, S, SEEN_WITH);
    samples_begin(&line.samples, TURN_FAILURE, 5 * S);
    assert_false(samples_awaits(&line.samples, line.one, 2 * S, 5 * S)); /* no server has changed */
    row(&line, line.server, 6 * S, 9 * S, 100 * MS, SEEN_WITHOUT);
    row(&line, line.one, 6 * S, 9 * S, S, SEEN_WITH);
    assert_true(samples_awaits(&line.samples, line.one, 2 * S, 9 * S));
    samples_close(&line.samples, 9 * S);
    assert_null(samples_now(&line.samples));
    assert_true(mark_of(&line, 0, line.one)->had_old && !mark_of(&line, 0, line.one)->changed);
    assert_false(mark_of(&line, 0, line.two)->had_old);
    /* It still held the old answer then. */
    assert_true(episode_held_us(&line.samples, &line.samples.episodes[0], line.one) > S);
    samples_free(&line.samples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_and_a_return),
        cmocka_unit_test(ttls_are_kept_apart),
        cmocka_unit_test(loss_and_servfail_are_no_change),
        cmocka_unit_test(one_that_goes_back_and_forth),
        cmocka_unit_test(one_that_is_fickle),
        cmocka_unit_test(answers_that_were_overtaken),
        cmocka_unit_test(what_bounces_is_told_once),
        cmocka_unit_test(a_drain),
        cmocka_unit_test(fail_open_is_no_return),
        cmocka_unit_test(a_bad_probe_that_nobody_minds),
        cmocka_unit_test(a_resolver_alone_is_stray),
        cmocka_unit_test(where_a_resolver_is_all_there_is),
        cmocka_unit_test(two_failures_of_our_own),
        cmocka_unit_test(unresolved_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
