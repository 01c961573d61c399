/* SPDX-License-Identifier: BSD-2-Clause */
/* How long it takes from a break to the verdict, on paper: the rhythm that verdict_next() plans and
 * the outcomes that a prober would report, over a fake clock and many random phases. What is
 * promised of the running server (median and most, in ms) must come out here already. */
#include "verdict/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PHASES = 1000, LIVENESS_TOOK_MS = 3, SERVICE_TOOK_MS = 60 };

enum fault { KILLED, BLACK_HOLE, HUNG, PUT_OFF };

struct row {
    enum fault fault;
    int64_t interval_ms, median_ms, most_ms;
};

static const struct row rows[] = {
    {KILLED, 2000, 1000, 2200},     {KILLED, 1000, 500, 1200},   {BLACK_HOLE, 2000, 2500, 3600},
    {BLACK_HOLE, 1000, 1600, 2600}, {HUNG, 2000, 3500, 4600},    {HUNG, 1000, 2600, 3600},
    {PUT_OFF, 2000, 1500, 2700},    {PUT_OFF, 1000, 1000, 1700},
};

/* How long a silent connection is waited for, of a target whose usual times are known. */
static int64_t window_ms(const struct row *row)
{
    int64_t ms = 700 + row->interval_ms * 4 / 10;
    return ms < 1100 ? 1100 : ms > 1500 ? 1500 : ms;
}

static struct outcome bad_outcome(const struct row *row, int64_t *took_ms)
{
    switch (row->fault) {
    case KILLED:
        *took_ms = 1;
        return (struct outcome){.reason = REASON_REFUSED};
    case BLACK_HOLE:
        *took_ms = window_ms(row);
        return (struct outcome){.reason = REASON_CONNECT_TIMEOUT, .confirmed = true};
    case HUNG:
        *took_ms = window_ms(row) + 1000;
        return (struct outcome){.reason = REASON_GREETING_TIMEOUT, .confirmed = true};
    case PUT_OFF:
        break;
    }
    *took_ms = LIVENESS_TOOK_MS;
    return (struct outcome){.reason = REASON_GREETING_4XX};
}

/* From the break to the verdict. */
static int64_t detect(const struct row *row, unsigned seed)
{
    const struct verdict_policy policy = {
        .fall = 2,
        .rise = 3,
        .interval_ms = row->interval_ms,
        .service_interval_ms = 30000,
        .recheck_ms = 500,
        .timeout_ms = 30000,
        .doubt_ms = 600000,
        .hold_ms = 30000,
    };
    struct verdict verdict;
    struct probe_next next = {.depth = DEPTH_SERVICE};
    int64_t start_ms = 1000 + rand_r(&seed) % 1000, broken_ms = 100000 + rand_r(&seed) % 60000;
    verdict_init(&verdict, 1000);
    for (;;) {
        int64_t took_ms = next.depth == DEPTH_SERVICE ? SERVICE_TOOK_MS : LIVENESS_TOOK_MS;
        struct outcome outcome = {.reason = REASON_OK};
        if (start_ms >= broken_ms)
            outcome = bad_outcome(row, &took_ms);
        outcome.depth = next.depth;
        outcome.rtt_us = took_ms * 1000;
        int64_t now_ms = start_ms + took_ms;
        verdict_step(&verdict, &policy, &outcome, now_ms);
        if (verdict.status == VERDICT_DOWN)
            return now_ms - broken_ms;
        next = verdict_next(&verdict, &policy, now_ms);
        if (!next.exact)
            next.wait_ms -= rand_r(&seed) % (next.wait_ms / 10 + 1);
        start_ms = start_ms + next.wait_ms > now_ms ? start_ms + next.wait_ms : now_ms;
    }
}

static int order(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

static void from_break_to_verdict(void **state)
{
    static const char *const names[] = {"killed", "black hole", "hung", "421"};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t times[PHASES];
        for (unsigned seed = 0; seed < PHASES; seed++)
            times[seed] = detect(&rows[i], seed * 7919 + 1);
        qsort(times, PHASES, sizeof *times, order);
        printf("%s, interval %lld s: median %lld ms, most %lld ms (promised %lld, %lld)\n",
               names[rows[i].fault], (long long)rows[i].interval_ms / 1000,
               (long long)times[PHASES / 2], (long long)times[PHASES - 1],
               (long long)rows[i].median_ms, (long long)rows[i].most_ms);
        assert_in_range(times[PHASES / 2], 1, rows[i].median_ms + 49); /* promised in tenths */
        assert_in_range(times[PHASES - 1], 1, rows[i].most_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(from_break_to_verdict)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
