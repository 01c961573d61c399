/* SPDX-License-Identifier: BSD-2-Clause */
/* Failures of what `watch` measured, as `simulate` counts them. */
#include "../../tools/drill/simulate/detection.h"
#include "../../tools/drill/watch/account.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MS = 1000, S = 1000 * 1000, SERVERS_MAX = 2, CYCLE_US = 100 * S };

static const struct account account = {
    .system = "evermx", .kind = "kill", .emptied = "", .patience_us = {30 * (int64_t)S, 30 * S}};

static void see(struct samples *samples, size_t source, int64_t at_us, enum seen seen)
{
    const struct observation observation = {at_us - MS, at_us, seen, 10};
    samples_observe(samples, source, &observation);
}

/* Each server's answer changes so many seconds after each break; 0: never. */
static struct record *watched(const char *const *names, size_t count,
                              const unsigned (*seconds)[SERVERS_MAX], size_t failures)
{
    struct samples samples = {.by_hand = true};
    struct record *record = record_new("");
    for (size_t i = 0; i < count; i++)
        samples_add(&samples, PLACE_SERVER, names[i]);
    for (size_t each = 0; each < failures; each++) {
        int64_t break_us = (int64_t)(each + 1) * CYCLE_US;
        for (size_t i = 0; i < count; i++)
            see(&samples, i, break_us - S, SEEN_WITH);
        samples_begin(&samples, TURN_FAILURE, break_us);
        samples_begun(&samples, break_us);
        for (size_t i = 0; i < count; i++)
            if (seconds[each][i])
                see(&samples, i, break_us + seconds[each][i] * S, SEEN_WITHOUT);
            else
                see(&samples, i, break_us + 39 * S, SEEN_WITH);
        samples_begin(&samples, TURN_RETURN, break_us + 40 * S);
        samples_begun(&samples, break_us + 40 * S);
        samples_close(&samples, break_us + 50 * S);
    }
    account_fill(&account, &samples, record);
    samples_free(&samples);
    return record;
}

static void expect(const struct record *measured, size_t deaths, size_t never, size_t failures)
{
    size_t first = 0, endless = 0;
    while (!detection_begins(measured, first))
        first++;
    struct deaths found = detection_deaths(measured, measured->series[first]);
    for (size_t i = 0; i < found.count; i++)
        endless += isinf(found.list[i].left_s);
    assert_int_equal(found.count, deaths);
    assert_int_equal(endless, never);
    assert_int_equal(found.failures, failures);
    for (size_t i = first + 1; i < measured->nseries; i++)
        assert_false(detection_begins(measured, i));
    deaths_free(&found);
}

static const char *const both[] = {"127.0.0.1@53", "::1@53"};

static void seen_by_both(void **state)
{
    static const unsigned seconds[][SERVERS_MAX] = {{2, 3}, {5, 4}, {0, 0}, {6, 0}};
    struct record *record = watched(both, 2, seconds, 4);
    (void)state;
    expect(record, 8, 3, 4);
    /* A file of another program, which has only the times. */
    json_array_clear(record->repetitions);
    expect(record, 8, 3, 4);
    record_free(record);
}

/* Of one server each: what one saw is not what the other did. */
static void one_after_the_other(void **state)
{
    static const unsigned seconds[][SERVERS_MAX] = {{2}, {5}, {4}};
    struct record *record = watched(&both[0], 1, seconds, 3);
    struct record *other = watched(&both[1], 1, seconds, 2);
    (void)state;
    expect(record, 3, 0, 3);
    record_merge(record, other);
    expect(record, 5, 0, 5);
    record_free(other);
    record_free(record);
}

/* Another system beside it is broken in the same moments. */
static void of_two_systems(void **state)
{
    static const unsigned seconds[][SERVERS_MAX] = {{2, 3}, {5, 4}};
    struct record *record = watched(both, 2, seconds, 2);
    const struct series_key key = {"gdnsd",        "kill",     PLACE_SERVER,
                                   "192.0.2.1@53", PHASE_LEFT, false};
    (void)state;
    for (unsigned i = 0; i < 7; i++)
        figures_add(&record_series(record, &key)->figures, i);
    struct deaths own = detection_deaths(record, record->series[0]);
    struct deaths others = detection_deaths(record, record_find(record, &key));
    assert_int_equal(own.failures, 2);
    assert_int_equal(others.failures, 7);
    deaths_free(&own);
    deaths_free(&others);
    record_free(record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seen_by_both),
        cmocka_unit_test(one_after_the_other),
        cmocka_unit_test(of_two_systems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
