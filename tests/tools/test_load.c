/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of the load: queries, who is right, what is lost, latencies. No sockets. */
#include "../../tools/load/flight.h"

#include "wire/rrtype.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- queries ---- */

static bool read_text(const char *text, struct queries *queries, struct error *error)
{
    char path[] = "/tmp/test_load.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    bool good = queries_read(queries, path, error);
    unlink(path);
    return good;
}

static void test_queries_are_read(void **state)
{
    static const uint8_t bytes[] = "\0\0\0\0\0\1\0\0\0\0\0\1\7Example\4test\0\0\17\0\1"
                                   "\0\0\51\4\320\0\0\0\0\0";
    static const int16_t expected[] = {EXPECT_ANY,     EXPECT_ANSWER,  EXPECT_ANSWER,
                                       EXPECT_NO_DATA, RCODE_NXDOMAIN, 9};
    struct queries queries = {.edns = true};
    struct error error;
    (void)state;
    assert_true(read_text("# a comment\n\nExample.test. MX\na.test A noerror\nb.test AAAA 0\n"
                          "c.test\tTYPE65280 NODATA\nd.test TXT NXDOMAIN\ne.test A 9\n",
                          &queries, &error));
    assert_int_equal(queries.count, 6);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(queries.list[i].expected, expected[i]);
    assert_int_equal(queries.list[0].size, sizeof bytes);
    assert_memory_equal(queries.list[0].bytes, bytes, sizeof bytes);
    assert_int_equal(queries.list[0].question_end, sizeof bytes - OPT_SIZE);
    queries_free(&queries);
    assert_true(read_text("Example.test MX\n", &queries, &error)); /* without EDNS */
    assert_int_equal(queries.list[0].size, sizeof bytes - OPT_SIZE);
    assert_int_equal(queries.list[0].bytes[HEADER_ARCOUNT + 1], 0);
    queries_free(&queries);
}

static void test_bad_queries_are_told(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", ": no query in it"},
        {"# nothing\n", ": no query in it"},
        {"a.test A\na..test A\n", ":2: 'a..test' is no domain name"},
        {"a.test\n", ":1: no type behind the name"},
        {"a.test MAX\n", ":1: 'MAX' is no type"},
        {"a.test A GOOD\n", ":1: 'GOOD' is no rcode"},
        {"a.test A 16\n", ":1: '16' is no rcode"},
        {"a.test A -1\n", ":1: '-1' is no rcode"},
        {"a.test A 0 0\n", ":1: more than NAME TYPE EXPECTED"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct queries queries = {0};
        struct error error = {0};
        assert_false(read_text(cases[i].text, &queries, &error));
        if (!strstr(error.text, cases[i].error))
            fail_msg("'%s' is told as '%s'", cases[i].text, error.text);
        queries_free(&queries);
    }
    struct queries queries = {0};
    struct error error;
    assert_false(queries_read(&queries, "/nonexistent", &error));
    assert_string_equal(error.text, "opening /nonexistent: No such file or directory");
}

static void test_mix_is_of_a_mail_zone(void **state)
{
    struct queries queries = {0}, again = {0};
    struct error error;
    size_t types[UINT8_MAX + 1] = {0}, missing = 0;
    (void)state;
    assert_true(queries_mix(&queries, "Mail.test", &error));
    assert_true(queries_mix(&again, "mail.test", &error));
    assert_int_equal(queries.count, again.count);
    for (size_t i = 0; i < queries.count; i++) {
        const struct asked *asked = &queries.list[i];
        assert_int_equal(asked->size, again.list[i].size);
        types[asked->bytes[asked->question_end - 3]]++;
        missing += asked->expected == RCODE_NXDOMAIN;
    }
    size_t percent = queries.count / 100;
    assert_in_range(types[RRTYPE_MX], 60 * percent, 65 * percent);
    assert_in_range(types[RRTYPE_A], 24 * percent, 30 * percent);
    assert_in_range(types[RRTYPE_AAAA], 8 * percent, 12 * percent);
    assert_in_range(missing, 4 * percent, 6 * percent);
    assert_false(queries_mix(&queries, "a..b", &error));
    queries_free(&queries);
    queries_free(&again);
}

static void test_trains_are_of_one_length(void **state)
{
    struct queries queries = {0};
    struct error error;
    (void)state;
    assert_true(read_text("a.test A\nbb.test A\nb.test A\nc.test A\ncc.test A\nd.test A\n"
                          "e.test A\n",
                          &queries, &error));
    assert_true(queries_regroup(&queries, 2, &error)); /* a b, bb cc, c d; e is left over */
    assert_int_equal(queries.count, 6);
    for (size_t i = 0; i < queries.count; i += 2)
        assert_int_equal(queries.list[i].size, queries.list[i + 1].size);
    assert_int_equal(queries.list[0].bytes[HEADER_SIZE + 1], 'a');
    assert_int_equal(queries.list[1].bytes[HEADER_SIZE + 1], 'b');
    assert_false(queries_regroup(&queries, 5, &error));
    queries_free(&queries);
}

/* ---- answers ---- */

static struct queries one_query(const char *line)
{
    struct queries queries = {0};
    assert_true(read_text(line, &queries, NULL));
    return queries;
}

/* An answer to the query: id, flags, rcode, number of answer records. */
static size_t answer_to(const struct asked *asked, uint16_t id, uint8_t flags, uint8_t rcode,
                        uint16_t records, uint8_t *answer)
{
    memcpy(answer, asked->bytes, asked->size);
    write_u16(answer, id);
    answer[HEADER_FLAGS_HIGH] = flags;
    answer[HEADER_FLAGS_LOW] = rcode;
    write_u16(answer + HEADER_ANCOUNT, records);
    return asked->size;
}

static void test_faults(void **state)
{
    static const struct {
        const char *query;
        uint8_t flags, rcode;
        uint16_t records;
        enum fault fault;
    } cases[] = {
        {"a.test A NOERROR\n", FLAG_HIGH_QR, 0, 1, FAULT_NONE},
        {"a.test A NOERROR\n", FLAG_HIGH_QR, 0, 0, FAULT_RECORDS},
        {"a.test A NOERROR\n", FLAG_HIGH_QR, 3, 0, FAULT_RCODE},
        {"a.test A NOERROR\n", FLAG_HIGH_QR, 2, 0, FAULT_RCODE},
        {"a.test A NOERROR\n", 0, 0, 1, FAULT_QUERY},
        {"a.test A NOERROR\n", FLAG_HIGH_QR | FLAG_HIGH_TC, 0, 1, FAULT_TRUNCATED},
        {"a.test A NODATA\n", FLAG_HIGH_QR, 0, 0, FAULT_NONE},
        {"a.test A NODATA\n", FLAG_HIGH_QR, 0, 1, FAULT_RECORDS},
        {"a.test A NODATA\n", FLAG_HIGH_QR, 3, 0, FAULT_RCODE},
        {"a.test A NXDOMAIN\n", FLAG_HIGH_QR, 3, 0, FAULT_NONE},
        {"a.test A NXDOMAIN\n", FLAG_HIGH_QR, 0, 1, FAULT_RCODE},
        {"a.test A REFUSED\n", FLAG_HIGH_QR, 5, 0, FAULT_NONE},
        {"a.test A\n", FLAG_HIGH_QR, 0, 0, FAULT_NONE},
        {"a.test A\n", FLAG_HIGH_QR, 3, 0, FAULT_NONE},
        {"a.test A\n", FLAG_HIGH_QR, 5, 0, FAULT_RCODE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t answer[ASKED_MAX];
        struct queries queries = one_query(cases[i].query);
        const struct asked *asked = queries.list;
        size_t size = answer_to(asked, 0, cases[i].flags, cases[i].rcode, cases[i].records, answer);
        assert_int_equal(answer_fault(asked, answer, size, false), cases[i].fault);
        answer[HEADER_FLAGS_HIGH] |= FLAG_HIGH_QR; /* an echo need not be more */
        assert_int_equal(answer_fault(asked, answer, size, true), FAULT_NONE);
        answer[HEADER_SIZE + 1] ^= 0x20; /* another case is another question */
        assert_int_equal(answer_fault(asked, answer, size, true), FAULT_QUESTION);
        answer[HEADER_SIZE + 1] ^= 0x20;
        assert_int_equal(answer_fault(asked, answer, asked->question_end - 1, true),
                         FAULT_QUESTION);
        assert_int_equal(answer_fault(asked, answer, HEADER_SIZE - 1, true), FAULT_SHORT);
        queries_free(&queries);
    }
}

static void test_each_query_is_right_wrong_or_lost(void **state)
{
    struct queries queries = one_query("a.test A NOERROR\n");
    const struct asked *asked = queries.list;
    struct tally *tally = calloc(1, sizeof *tally);
    struct flight flight;
    uint8_t answer[ASKED_MAX];
    uint16_t ids[4];
    (void)state;
    flight_init(&flight, 256);
    flight_begin(&flight, asked, 1000, false, tally); /* of the warm-up */
    for (unsigned i = 0; i < 4; i++)
        ids[i] = flight_begin(&flight, asked, 2000 + 1000 * i, true, tally);
    assert_int_equal(flight.waiting, 5);
    size_t size = answer_to(asked, ids[0], FLAG_HIGH_QR, 0, 1, answer);
    flight_end(&flight, answer, size, 52000, false, tally);
    flight_end(&flight, answer, size, 53000, false, tally); /* twice */
    assert_int_equal(tally->right, 1);
    assert_int_equal(tally->stray, 1);
    assert_int_equal(tally_quantile_ns(tally, .5), 49664); /* 50000 lies in 49664..50175 */
    assert_int_equal(tally->latency_max_ns, 50000);
    flight_end(&flight, answer, answer_to(asked, ids[2], FLAG_HIGH_QR, 2, 0, answer), 54000, false,
               tally);
    assert_int_equal(tally->wrong, 1);
    assert_int_equal(tally->faults[FAULT_RCODE], 1);
    flight_expire(&flight, 4000, tally);
    assert_int_equal(tally->lost, 1); /* the warm-up's does not count; the last is too young */
    assert_int_equal(flight.waiting, 1);
    flight_end(&flight, answer, answer_to(asked, ids[1], FLAG_HIGH_QR, 0, 1, answer), 55000, false,
               tally);
    assert_int_equal(tally->stray, 2); /* too late */
    flight_expire(&flight, UINT64_MAX, tally);
    assert_int_equal(flight.waiting, 0);
    assert_int_equal(tally->sent, tally->right + tally->wrong + tally->lost);
    flight_free(&flight);
    free(tally);
    queries_free(&queries);
}

/* One that is never answered must not stop the others, nor be taken for one of them. */
static void test_ids_go_round(void **state)
{
    struct queries queries = one_query("a.test A NOERROR\n");
    struct tally *tally = calloc(1, sizeof *tally);
    struct flight flight;
    uint8_t answer[ASKED_MAX];
    (void)state;
    flight_init(&flight, 1);
    for (unsigned i = 0; i < 200000; i++) {
        uint16_t id = flight_begin(&flight, queries.list, i, true, tally);
        if (i % 1000)
            flight_end(&flight, answer, answer_to(queries.list, id, FLAG_HIGH_QR, 0, 1, answer), i,
                       false, tally);
        if (i % 100 == 0 && i > 50)
            flight_expire(&flight, i - 50, tally);
    }
    flight_expire(&flight, UINT64_MAX, tally);
    assert_int_equal(tally->right, 200000 - 200);
    assert_int_equal(tally->lost, 200);
    assert_int_equal(tally->stray, 0);
    flight_free(&flight);
    free(tally);
    queries_free(&queries);
}

/* ---- latencies ---- */

static void test_quantiles(void **state)
{
    struct tally *tally = calloc(1, sizeof *tally);
    (void)state;
    assert_int_equal(tally_quantile_ns(tally, .5), 0);
    for (uint64_t i = 1; i <= 100000; i++)
        tally_latency(tally, i * 1000);
    static const double shares[] = {.01, .25, .5, .9, .99, .999, 1};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        double exact = shares[i] * 1e8, found = (double)tally_quantile_ns(tally, shares[i]);
        if (found > exact || found < exact * (1 - 1.0 / 64))
            fail_msg("p%g is %g, not %g", shares[i] * 100, found, exact);
    }
    static const uint64_t edges[] = {0, 1, 63, 64, 127, 128, 255, 256, 1u << 20, UINT64_MAX};
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        memset(tally, 0, sizeof *tally);
        tally_latency(tally, edges[i]);
        uint64_t found = tally_quantile_ns(tally, 1);
        assert_true(found <= edges[i] && edges[i] - found <= edges[i] / 64);
    }
    free(tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queries_are_read),
        cmocka_unit_test(test_bad_queries_are_told),
        cmocka_unit_test(test_mix_is_of_a_mail_zone),
        cmocka_unit_test(test_trains_are_of_one_length),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_each_query_is_right_wrong_or_lost),
        cmocka_unit_test(test_ids_go_round),
        cmocka_unit_test(test_quantiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
