/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../tools/drill/watch/account.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MS = 1000, S = 1000 * 1000 };

static const struct account account = {
    .system = "evermx",
    .kind = "kill",
    .emptied = "mail BOUNCES",
    .patience_us = {60 * (int64_t)S, 90 * (int64_t)S},
    .calendar_us = 1700000000LL * S,
};

static void see(struct samples *samples, size_t source, int64_t at_us, enum seen seen)
{
    const struct observation observation = {
        .asked_us = at_us - MS, .came_us = at_us, .seen = seen, .ttl_s = 10};
    samples_observe(samples, source, &observation);
}

/* Two that both see the host at first, each of a place of its own. */
static struct record *begin(struct samples *samples, enum place first, size_t *one,
                            enum place second, size_t *other)
{
    *one = samples_add(samples, first, "name");
    *other = samples_add(samples, second, "name");
    see(samples, *one, 1 * S, SEEN_WITH);
    see(samples, *other, 1 * S, SEEN_WITH);
    return record_new("test");
}

static struct figures *figures_at(struct record *record, enum place place, enum phase phase)
{
    const struct series_key key = {
        .system = "evermx", .kind = "kill", .place = place, .name = "name", .phase = phase};
    return &record_series(record, &key)->figures;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static double number_of(const json_t *object, const char *key)
{
    const json_t *number = json_object_get(object, key);
    return number ? json_number_value(number) : (double)NAN;
}

static const json_t *mark_of(const struct record *record, size_t repetition, size_t source)
{
    const json_t *object = json_array_get(record->repetitions, repetition);
    return json_array_get(json_object_get(object, "marks"), source);
}

/* Three failures: noticed, never noticed, and the last one cut off. */
static void all_fates(void **state)
{
    struct samples samples = {.by_hand = true};
    size_t server, resolver;
    struct record *record = begin(&samples, PLACE_SERVER, &server, PLACE_RESOLVER, &resolver);
    (void)state;
    samples_begin(&samples, TURN_FAILURE, 2 * S);
    samples_begun(&samples, 2 * S + 250 * MS);
    see(&samples, server, 4 * S, SEEN_WITHOUT);
    see(&samples, resolver, 8 * S, SEEN_WITH);
    see(&samples, resolver, 9 * S, SEEN_EMPTY);
    samples_begin(&samples, TURN_RETURN, 10 * S);
    see(&samples, server, 15 * S, SEEN_WITH);
    see(&samples, resolver, 16 * S, SEEN_WITH);
    samples_begin(&samples, TURN_FAILURE, 20 * S);
    see(&samples, server, 22 * S + 500 * MS, SEEN_WITHOUT);
    see(&samples, resolver, 79 * S, SEEN_WITH);
    samples_begin(&samples, TURN_RETURN, 80 * S); /* and the resolver has never noticed */
    see(&samples, server, 81 * S, SEEN_WITH);
    samples_begin(&samples, TURN_FAILURE, 90 * S);
    samples_close(&samples, 95 * S);
    struct account_counts counts = account_fill(&account, &samples, record);

    assert_int_equal(counts.turns[TURN_FAILURE], 3);
    assert_int_equal(counts.turns[TURN_RETURN], 2);
    assert_int_equal(counts.changed, 3);
    assert_int_equal(counts.never, 1);
    assert_int_equal(counts.unknown, 2);
    struct summary left = figures_summary(figures_at(record, PLACE_SERVER, PHASE_LEFT));
    assert_int_equal(left.count, 2);
    assert_float_equal(left.least_s, 2, 0);
    assert_float_equal(left.longest_s, 2.5, 0);
    struct summary slow = figures_summary(figures_at(record, PLACE_RESOLVER, PHASE_LEFT));
    assert_int_equal(slow.count, 2);
    assert_int_equal(slow.never, 1);
    assert_float_equal(slow.least_s, 7, 0);
    struct summary back = figures_summary(figures_at(record, PLACE_RESOLVER, PHASE_BACK));
    assert_int_equal(back.count, 1); /* what never left has nothing to come back to */
    assert_float_equal(back.least_s, 6, 0);

    const json_t *first = json_array_get(record->repetitions, 0);
    assert_string_equal(text_of(first, "turn"), "failure");
    assert_string_equal(text_of(first, "from"), "command");
    assert_string_equal(text_of(first, "system"), "evermx");
    assert_string_equal(text_of(first, "kind"), "kill");
    assert_string_equal(text_of(first, "at"), "2023-11-14T22:13:22Z");
    assert_float_equal(number_of(first, "command_s"), 0.25, 1e-9);
    assert_float_equal(number_of(mark_of(record, 0, server), "time_s"), 2, 1e-9);
    assert_float_equal(number_of(mark_of(record, 0, server), "after_s"), -1.001, 1e-9);
    assert_float_equal(number_of(mark_of(record, 0, resolver), "held_s"), 3.999, 1e-9);
    assert_string_equal(text_of(mark_of(record, 0, resolver), "bounces"), "no record");
    assert_string_equal(text_of(mark_of(record, 2, resolver), "fate"), "never");
    assert_string_equal(text_of(mark_of(record, 3, resolver), "fate"), "untouched");
    assert_string_equal(text_of(mark_of(record, 4, resolver), "fate"), "unknown");
    assert_non_null(strstr(text_of(record->settings, "resolver name"), "mail BOUNCES"));
    assert_non_null(strstr(text_of(record->settings, "resolver name"), "LONGER than the TTL"));
    record_free(record);
    samples_free(&samples);
}

/* Without a command times count from the last good evidence; a drain is in no series. */
static void from_evidence(void **state)
{
    struct samples samples = {0};
    size_t host, server;
    struct record *record = begin(&samples, PLACE_HOST, &host, PLACE_SERVER, &server);
    (void)state;
    see(&samples, host, 2 * S, SEEN_WITHOUT);
    see(&samples, server, 5 * S, SEEN_WITHOUT);
    see(&samples, host, 20 * S, SEEN_WITH);
    see(&samples, server, 24 * S, SEEN_WITH);
    see(&samples, server, 30 * S, SEEN_WITHOUT);
    see(&samples, host, 31 * S, SEEN_WITH);
    see(&samples, server, 32 * S, SEEN_WITH);
    samples_close(&samples, 40 * S);
    account_fill(&account, &samples, record);

    assert_int_equal(json_array_size(record->repetitions), 4);
    struct summary evidence = figures_summary(figures_at(record, PLACE_HOST, PHASE_EVIDENCE));
    assert_int_equal(evidence.count, 1);
    assert_float_equal(evidence.least_s, 1.001, 1e-9);
    struct summary left = figures_summary(figures_at(record, PLACE_SERVER, PHASE_LEFT));
    assert_int_equal(left.count, 1);
    assert_float_equal(left.least_s, 4.001, 1e-9);
    struct summary back = figures_summary(figures_at(record, PLACE_SERVER, PHASE_BACK));
    assert_int_equal(back.count, 1);
    assert_float_equal(back.least_s, 4, 1e-9);
    assert_string_equal(text_of(json_array_get(record->repetitions, 2), "from"), "server");
    assert_int_equal(figures_summary(figures_at(record, PLACE_HOST, PHASE_BACK)).count, 0);
    record_free(record);
    samples_free(&samples);
}

/* Our own probe was not well for a second: nobody had to notice. */
static void what_passes(void **state)
{
    struct samples samples = {0};
    size_t host, server;
    struct record *record = begin(&samples, PLACE_HOST, &host, PLACE_SERVER, &server);
    (void)state;
    see(&samples, host, 2 * S, SEEN_WITHOUT);
    see(&samples, host, 3 * S, SEEN_WITH);
    see(&samples, host, 10 * S, SEEN_WITHOUT); /* and now nobody notices for long */
    see(&samples, server, 79 * S, SEEN_WITH);
    see(&samples, host, 80 * S, SEEN_WITH);
    samples_close(&samples, 90 * S);
    struct account_counts counts = account_fill(&account, &samples, record);
    assert_int_equal(json_array_size(record->repetitions), 4);
    assert_int_equal(counts.never, 1);
    assert_int_equal(counts.unknown, 1);
    assert_int_equal(figures_summary(figures_at(record, PLACE_HOST, PHASE_EVIDENCE)).count, 1);
    assert_int_equal(figures_summary(figures_at(record, PLACE_SERVER, PHASE_LEFT)).never, 1);
    record_free(record);
    samples_free(&samples);
}

/* Who has stopped answering has not gone on with the old answer: no "never" of it. */
static void silence_is_not_never(void **state)
{
    struct samples samples = {.by_hand = true};
    size_t server, resolver;
    struct record *record = begin(&samples, PLACE_SERVER, &server, PLACE_RESOLVER, &resolver);
    (void)state;
    samples_begin(&samples, TURN_FAILURE, 2 * S);
    see(&samples, server, 61 * S, SEEN_WITH);
    see(&samples, resolver, 10 * S, SEEN_WITH);
    see(&samples, resolver, 13 * S, SEEN_NOTHING);
    see(&samples, resolver, 61 * S, SEEN_ERROR);
    samples_close(&samples, 63 * S);
    struct account_counts counts = account_fill(&account, &samples, record);
    assert_int_equal(counts.never, 1);
    assert_int_equal(counts.unknown, 1);
    assert_int_equal(figures_at(record, PLACE_SERVER, PHASE_LEFT)->never, 1);
    assert_int_equal(figures_at(record, PLACE_RESOLVER, PHASE_LEFT)->never, 0);
    assert_string_equal(text_of(mark_of(record, 0, resolver), "fate"), "unknown");
    samples_free(&samples);
    record_free(record);
}

/* A server that gives 4 s, and a resolver that keeps its answers for kept_s; each is asked twice a
 * second. */
static void ask_cache(struct samples *samples, size_t server, size_t resolver, int64_t from_us,
                      int64_t until_us, uint32_t kept_s, enum seen seen)
{
    for (int64_t at_us = from_us; at_us < until_us; at_us += S / 2) {
        struct observation observation = {at_us, at_us + MS, seen, 4};
        samples_observe(samples, server, &observation);
        observation.ttl_s = kept_s - (uint32_t)((at_us - from_us) / S) % kept_s;
        samples_observe(samples, resolver, &observation);
    }
}

static const char *told_of(struct samples *samples, struct record *record)
{
    account_fill(&account, samples, record);
    return text_of(record->settings, "resolver name");
}

/* By a second, which its failures do not show: rounding may come to more. */
static void ttl_is_raised(void **state)
{
    struct samples samples = {.by_hand = true};
    size_t server = samples_add(&samples, PLACE_SERVER, "name");
    size_t resolver = samples_add(&samples, PLACE_RESOLVER, "name");
    struct record *record = record_new("test");
    (void)state;
    ask_cache(&samples, server, resolver, 1 * S, 16 * S, 5, SEEN_WITH);
    samples_begin(&samples, TURN_FAILURE, 16 * S);
    ask_cache(&samples, server, server, 16 * S + 100 * MS, 17 * S, 4, SEEN_WITHOUT);
    for (int64_t at_us = 16 * S + 200 * MS; at_us < 21 * S; at_us += 100 * MS) {
        const struct observation kept = {at_us, at_us + MS, SEEN_WITH, 1};
        samples_observe(&samples, resolver, &kept);
    }
    ask_cache(&samples, server, resolver, 21 * S, 22 * S, 4, SEEN_WITHOUT);
    samples_begin(&samples, TURN_RETURN, 30 * S);
    samples_close(&samples, 31 * S);
    assert_non_null(strstr(told_of(&samples, record), ", raises TTLs to 5 s"));
    assert_non_null(strstr(told_of(&samples, record), ": LONGER than the TTL of 4 s"));
    record_free(record);
    samples_free(&samples);
}

static void expect_not_raised(uint32_t first_s, uint32_t later_s)
{
    struct samples samples = {.by_hand = true};
    size_t server = samples_add(&samples, PLACE_SERVER, "name");
    size_t resolver = samples_add(&samples, PLACE_RESOLVER, "name");
    struct record *record = record_new("test");
    ask_cache(&samples, server, resolver, 1 * S, 1 * S + first_s * (int64_t)S, first_s, SEEN_WITH);
    ask_cache(&samples, server, resolver, 1 * S + first_s * (int64_t)S, 90 * S, later_s, SEEN_WITH);
    samples_close(&samples, 90 * S);
    assert_null(strstr(told_of(&samples, record), "raises"));
    record_free(record);
    samples_free(&samples);
}

/* What it has kept since the servers gave a longer one is not raised; neither is less. */
static void ttl_is_not_raised(void **state)
{
    (void)state;
    expect_not_raised(60, 4);
    expect_not_raised(4, 4);
    expect_not_raised(3, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_fates),     cmocka_unit_test(from_evidence),
        cmocka_unit_test(what_passes),   cmocka_unit_test(silence_is_not_never),
        cmocka_unit_test(ttl_is_raised), cmocka_unit_test(ttl_is_not_raised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
