/* SPDX-License-Identifier: BSD-2-Clause */
/* A death with a million domains on the pool costs what it costs with ten, and is in the answers
 * within 5 ms. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "support/stage.h"
#include "wire/rrtype.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { DEATHS = 21, NS_MOST = 5 * 1000 * 1000 };

static const char template_text[] = "$TTL 300\n@ SOA ns1.pool.test. h.pool.test. 1 2 3 4 10\n"
                                    "@ NS ns1.pool.test.\n@ MX 10 mx1.pool.test.\n"
                                    "@ MX 20 mx2.pool.test.\nwww A 192.0.2.1\n";
static const char pool_text[] = "$ORIGIN pool.test.\n$TTL 300\n@ SOA ns1 h 1 2 3 4 10\n@ NS ns1\n"
                                "ns1 A 127.0.0.53\nmx1 A 127.0.0.11\nmx2 A 127.0.0.12\n";

/* What deaths and returns of a host have cost. */
struct cost {
    uint64_t images;   /* compiled */
    size_t allocated;  /* octets, at the first death */
    int64_t median_ns; /* from the outcome to the answer */
};

static void write_names(const struct stage *stage, unsigned count)
{
    char *text = memory_array((size_t)count * 24 + 1, 1), *at = text;
    for (unsigned i = 0; i < count; i++)
        at += sprintf(at, "customer%u.test\n", i);
    folder_write(stage->folder, "customers.txt", text);
    free(text);
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint64_t images(const struct stage *stage)
{
    struct core_numbers numbers;
    core_numbers(stage->core, &numbers);
    return numbers.images;
}

static unsigned count_answers(struct stage *stage, const char *name)
{
    ldns_pkt *packet = stage_ask(stage, name, RRTYPE_MX);
    unsigned count = ldns_pkt_ancount(packet);
    ldns_pkt_free(packet);
    return count;
}

static int compare_times(const void *one, const void *other)
{
    const int64_t *a = one, *b = other;
    return (*a > *b) - (*a < *b);
}

/* One death, seen in the answer of the last domain of the list. */
static int64_t die(struct stage *stage, const char *domain)
{
    stage_outcome(stage, "mx1.pool.test", "smtp", REASON_REFUSED);
    int64_t start_ns = now_ns();
    stage_outcome(stage, "mx1.pool.test", "smtp", REASON_REFUSED);
    stage_publish(stage);
    unsigned count = count_answers(stage, domain);
    int64_t spent_ns = now_ns() - start_ns;
    assert_int_equal(count, 1);
    return spent_ns;
}

static void come_back(struct stage *stage, const char *domain)
{
    for (unsigned i = 0; i < 3; i++)
        stage_outcome(stage, "mx1.pool.test", "smtp", REASON_OK);
    stage_publish(stage);
    assert_int_equal(count_answers(stage, domain), 2);
}

static struct cost cost_of_deaths(unsigned domains)
{
    struct stage stage;
    struct cost cost = {0};
    int64_t times_ns[DEATHS];
    char last[64];
    stage_init(&stage, true);
    folder_write(stage.folder, "customer.zone", template_text);
    folder_write(stage.folder, "pool.zone", pool_text);
    write_names(&stage, domains);
    stage_config(&stage,
                 "checks: {smtp: {hold: 0s, slow-start: 0s}}\n"
                 "zones:\n  - pool.zone\n  - {file: customer.zone, names: customers.txt}\n");
    stage_load(&stage);
    snprintf(last, sizeof last, "customer%u.test", domains - 1);
    stage_outcome(&stage, "*", "*", REASON_OK);
    stage_publish(&stage);
    assert_int_equal(count_answers(&stage, last), 2);
    assert_int_equal(core_model(stage.core)->npools, 3); /* the MX of all domains, two hosts' A */
    uint64_t images_before = images(&stage);
    for (unsigned i = 0; i < DEATHS; i++) {
        size_t before = mallinfo2().uordblks;
        times_ns[i] = die(&stage, last);
        if (i == 0)
            cost.allocated = mallinfo2().uordblks - before;
        come_back(&stage, last);
    }
    cost.images = images(&stage) - images_before;
    qsort(times_ns, DEATHS, sizeof *times_ns, compare_times);
    cost.median_ns = times_ns[DEATHS / 2];
    stage_free(&stage);
    return cost;
}

static void a_death_costs_the_same_however_many_domains(void **state)
{
    (void)state;
    struct cost few = cost_of_deaths(10), many = cost_of_deaths(1000000);
    print_message("10 domains: %zu octets, %lld us; a million: %zu octets, %lld us\n",
                  few.allocated, (long long)few.median_ns / 1000, many.allocated,
                  (long long)many.median_ns / 1000);
    assert_int_equal(few.images, many.images);
    assert_in_range(many.allocated, 0, few.allocated + few.allocated / 2 + 1024);
    assert_in_range(many.median_ns, 0, NS_MOST);
}

static int quiet(void **state)
{
    (void)state;
    log_set_level((enum log_level) - 1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_death_costs_the_same_however_many_domains)};
    return cmocka_run_group_tests(tests, quiet, NULL);
}
