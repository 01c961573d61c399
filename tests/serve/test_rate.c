/* SPDX-License-Identifier: BSD-2-Clause */
/* Response-rate limiting over a clock that the test moves: who is limited, and who is not. */
#include "base/address.h"
#include "base/memory.h"
#include "serve/rate.h"
#include "wire/message.h"
#include "wire/name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SEED = 12345 };

static const struct rate_options plain = {
    .limits =
        {[RATE_ANSWERS] = 100, [RATE_NEGATIVES] = 50, [RATE_ERRORS] = 20, [RATE_CANARIES] = 80},
    .slip = 2,
    .ipv4_bits = 24,
    .ipv6_bits = 56,
};

/* What one thread has: its counts, and the rules for now. */
struct limiter {
    struct rate *rate;
    struct rate_rules *rules;
};

static struct limiter *limiter_new(const struct rate_options *options, unsigned threads)
{
    struct limiter *limiter = memory_alloc(sizeof *limiter);
    limiter->rate = rate_new(SEED);
    limiter->rules = rate_rules_new(options, threads);
    return limiter;
}

static void limiter_change(struct limiter *limiter, const struct rate_options *options)
{
    free(limiter->rules);
    limiter->rules = rate_rules_new(options, 1);
}

static void limiter_free(struct limiter *limiter)
{
    rate_free(limiter->rate);
    free(limiter->rules);
    free(limiter);
}

/* What a responder is about to say. */
struct saying {
    uint8_t message[512];
    struct rate_subject subject;
};

/* About a name; owner: the last so many octets of it own the first record, 0: the whole name. */
static struct saying saying(const char *name, unsigned rcode, unsigned answers,
                            unsigned authorities, size_t owner)
{
    struct saying saying = {.subject = {.rcode = rcode,
                                        .answers = answers,
                                        .authorities = authorities,
                                        .question_end = HEADER_SIZE}};
    size_t size = name ? name_from_text(name, saying.message + HEADER_SIZE) : 0;
    size_t offset = HEADER_SIZE + (owner ? size - owner : 0);
    if (name)
        saying.subject.question_end = HEADER_SIZE + size + 4;
    write_u16(saying.message + saying.subject.question_end, (uint16_t)(POINTER_BITS << 8 | offset));
    saying.subject.size = saying.subject.question_end + 20;
    return saying;
}

static enum rate_verdict check(struct limiter *rate, const char *client, struct saying *saying)
{
    struct address address;
    assert_true(address_parse(client, &address));
    saying->subject.message = saying->message;
    uint64_t network =
        rate_network_of(rate->rate, rate->rules, address.bytes, address_size(&address));
    if (!rate_count(rate->rate, rate->rules, network) ||
        rate_is_exempt(rate->rules, address.bytes, address_size(&address)))
        return RATE_PASS;
    return rate_judge(rate->rate, rate->rules, network, &saying->subject);
}

/* How many of count are let pass within a second that begins at second_s; slips go to *slipped. */
static unsigned passed(struct limiter *rate, const char *client, struct saying saying, int second_s,
                       unsigned count, unsigned *slipped)
{
    unsigned passed = 0;
    for (unsigned i = 0; i < count; i++) {
        rate_set_time(rate->rate, second_s * 1000 + i * 1000 / count);
        enum rate_verdict verdict = check(rate, client, &saying);
        passed += verdict == RATE_PASS;
        if (slipped)
            *slipped += verdict == RATE_SLIP;
    }
    return passed;
}

/* After three seconds a steady asker gets its limit. */
static unsigned steady(struct limiter *rate, const char *client, struct saying saying,
                       unsigned count)
{
    for (int second_s = 0; second_s < 3; second_s++)
        passed(rate, client, saying, second_s, count, NULL);
    return passed(rate, client, saying, 3, count, NULL);
}

static struct saying mx_of(const char *name)
{
    return saying(name, RCODE_NOERROR, 2, 0, 0);
}

static void below_and_above(void **state)
{
    (void)state;
    struct limiter *rate = limiter_new(&plain, 1);
    struct saying mx = mx_of("example.test");
    for (int second_s = 0; second_s < 10; second_s++)
        assert_int_equal(passed(rate, "192.0.2.1", mx, second_s, 90, NULL), 90);
    limiter_free(rate);
    rate = limiter_new(&plain, 1);
    assert_in_range(steady(rate, "192.0.2.1", mx, 1000), 99, 101);
    assert_in_range(passed(rate, "192.0.2.1", mx, 4, 10000, NULL), 99, 101);
    /* At rest for a second, the account is full again: a burst may come, and no more. */
    assert_in_range(passed(rate, "192.0.2.1", mx, 6, 1000, NULL), 195, 210);
    limiter_free(rate);
}

static void slips(void **state)
{
    (void)state;
    for (unsigned slip = 0; slip < 5; slip++) {
        struct rate_options options = plain;
        options.slip = slip;
        struct limiter *rate = limiter_new(&options, 1);
        unsigned slipped = 0;
        steady(rate, "192.0.2.1", mx_of("example.test"), 1000);
        unsigned good = passed(rate, "192.0.2.1", mx_of("example.test"), 4, 1000, &slipped);
        if (slip)
            assert_in_range(slipped, (1000 - good) / slip - 1, (1000 - good) / slip + 1);
        else
            assert_int_equal(slipped, 0);
        limiter_free(rate);
    }
}

/* One network is limited, its neighbours are not; IPv6 and IPv4 alike. */
static void networks(void **state)
{
    (void)state;
    struct limiter *rate = limiter_new(&plain, 1);
    struct saying mx = mx_of("example.test");
    assert_in_range(steady(rate, "192.0.2.1", mx, 1000), 99, 101);
    assert_int_equal(check(rate, "192.0.3.1", &mx), RATE_PASS);
    assert_int_not_equal(check(rate, "192.0.2.200", &mx), RATE_PASS);
    assert_in_range(steady(rate, "2001:db8:0:100::1", mx, 1000), 99, 101);
    assert_int_not_equal(check(rate, "2001:db8:0:1ff:1::2", &mx), RATE_PASS);
    assert_int_equal(check(rate, "2001:db8:0:200::1", &mx), RATE_PASS);
    limiter_free(rate);
}

/* A quiet network is not taken for its busy neighbour, wherever in the address they differ. */
static void neighbours(void **state)
{
    static const char *const neighbours[] = {"2001:db8:0:%x00::1", "2001:db8:%x::1", "2001:%x::1",
                                             "192.0.%u.1",         "192.%u.2.1",     "%u.0.2.1"};
    (void)state;
    for (size_t i = 0; i < sizeof neighbours / sizeof *neighbours; i++) {
        struct limiter *rate = limiter_new(&plain, 1);
        struct address address;
        char text[64];
        unsigned busy = 0;
        for (unsigned k = 0; k < 200; k++) { /* the first asks all the time */
            snprintf(text, sizeof text, neighbours[i], 1);
            assert_true(address_parse(text, &address));
            rate_count(
                rate->rate, rate->rules,
                rate_network_of(rate->rate, rate->rules, address.bytes, address_size(&address)));
        }
        for (unsigned k = 2; k < 202; k++) {
            snprintf(text, sizeof text, neighbours[i], k);
            assert_true(address_parse(text, &address));
            busy += rate_count(
                rate->rate, rate->rules,
                rate_network_of(rate->rate, rate->rules, address.bytes, address_size(&address)));
        }
        assert_in_range(busy, 0, 2); /* places are shared by chance */
        limiter_free(rate);
    }
}

static void exempt(void **state)
{
    (void)state;
    struct rate_network networks[2] = {{.bits = 28}, {.bits = 64}};
    assert_true(address_parse("192.0.2.16", &networks[0].address));
    assert_true(address_parse("2001:db8::", &networks[1].address));
    struct rate_options options = plain;
    options.exempt = networks;
    options.nexempt = 2;
    static const struct {
        const char *client;
        bool exempt;
    } cases[] = {{"192.0.2.1", false},
                 {"192.0.2.31", true},
                 {"192.0.2.32", false},
                 {"2001:db8::ffff:1", true},
                 {"2001:db8:0:1::1", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct limiter *rate = limiter_new(&options, 1);
        unsigned good = steady(rate, cases[i].client, mx_of("example.test"), 1000);
        if (cases[i].exempt)
            assert_int_equal(good, 1000);
        else
            assert_in_range(good, 99, 101);
        limiter_free(rate);
    }
}

/* Names that exist have an account each, whatever the case of their letters. */
static void names(void **state)
{
    (void)state;
    struct limiter *rate = limiter_new(&plain, 1);
    char name[64];
    unsigned good = 0;
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "d%u.example.test", i);
        struct saying mx = mx_of(name);
        rate_set_time(rate->rate, i / 5);
        good += check(rate, "192.0.2.1", &mx) == RATE_PASS;
    }
    assert_int_equal(good, 5000);
    steady(rate, "192.0.2.1", mx_of("mail.example.test"), 1000);
    struct saying other_case = mx_of("MaiL.eXample.TEST");
    assert_int_not_equal(check(rate, "192.0.2.1", &other_case), RATE_PASS);
    struct saying longer = mx_of("xmail.example.test"), shorter = mx_of("ail.example.test");
    assert_int_equal(check(rate, "192.0.2.1", &longer), RATE_PASS);
    assert_int_equal(check(rate, "192.0.2.1", &shorter), RATE_PASS);
    limiter_free(rate);
}

/* The saying about the i-th name that somebody makes up. */
static struct saying made_up(unsigned i, unsigned rcode, unsigned answers, unsigned authorities,
                             const char *suffix, bool wildcard)
{
    char name[128];
    uint8_t wire[NAME_MAX_SIZE];
    snprintf(name, sizeof name, "r%ux.%s", i * 2654435761u, suffix);
    size_t owner = name_from_text(suffix, wire);
    struct saying made = saying(name, rcode, answers, authorities, wildcard ? 0 : owner);
    if (wildcard)
        made.subject.covered = made.subject.question_end - 4 - owner;
    return made;
}

/* Names made up at random share an account: the zone's, the delegation's, the DNAME's, the
 * wildcard's. */
static void random_names(void **state)
{
    (void)state;
    static const struct {
        unsigned rcode, answers, authorities, limit;
        bool wildcard;
    } cases[] = {
        {RCODE_NXDOMAIN, 0, 1, 50, false}, /* NXDOMAIN, the SOA's owner */
        {RCODE_NOERROR, 0, 1, 50, false},  /* NODATA or a referral */
        {RCODE_NOERROR, 2, 0, 100, false}, /* a DNAME */
        {RCODE_NOERROR, 1, 0, 100, true},  /* a wildcard */
        {RCODE_NOERROR, 0, 1, 50, true},   /* NODATA by a wildcard */
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct limiter *rate = limiter_new(&plain, 1);
        unsigned good = 0;
        for (unsigned i = 0; i < 4000; i++) {
            struct saying one = made_up(i, cases[c].rcode, cases[c].answers, cases[c].authorities,
                                        "example.test", cases[c].wildcard);
            rate_set_time(rate->rate, i);
            good += check(rate, "192.0.2.1", &one) == RATE_PASS && i >= 3000;
        }
        assert_in_range(good, cases[c].limit - 1, cases[c].limit + 1);
        /* Another zone, and a name that exists, have their own. */
        struct saying other = made_up(1, RCODE_NXDOMAIN, 0, 1, "other.test", false);
        struct saying mx = mx_of("example.test");
        assert_int_equal(check(rate, "192.0.2.1", &other), RATE_PASS);
        assert_int_equal(check(rate, "192.0.2.1", &mx), RATE_PASS);
        limiter_free(rate);
    }
}

/* Errors share one account, with or without a question; empty answers (EDNS errors) are such. */
static void errors(void **state)
{
    (void)state;
    struct limiter *rate = limiter_new(&plain, 1);
    struct saying kinds[] = {
        saying(NULL, RCODE_FORMERR, 0, 0, 0), saying("a.test", RCODE_REFUSED, 0, 0, 0),
        saying("b.test", RCODE_NOERROR, 0, 0, 0), saying(".", RCODE_SERVFAIL, 0, 0, 0)};
    unsigned good = 0;
    for (unsigned i = 0; i < 4000; i++) {
        rate_set_time(rate->rate, i);
        good += check(rate, "192.0.2.1", &kinds[i % 4]) == RATE_PASS && i >= 3000;
    }
    assert_in_range(good, 19, 21);
    struct saying root = mx_of("."), truncated = mx_of("c.test");
    truncated.subject.answers = 0;
    truncated.subject.truncated = true;
    assert_int_equal(check(rate, "192.0.2.1", &root), RATE_PASS);
    assert_int_equal(check(rate, "192.0.2.1", &truncated), RATE_PASS);
    limiter_free(rate);
}

/* Canary names of all zones share one account, whatever is said of them, and nobody else's. */
static void canaries(void **state)
{
    (void)state;
    struct limiter *rate = limiter_new(&plain, 1);
    struct saying kinds[] = {saying("t1.p1.a._canary.a.test", RCODE_NOERROR, 1, 0, 0),
                             saying("t1.p1.b._canary.b.test", RCODE_NOERROR, 0, 1, 8),
                             saying("t1._canary.a.test", RCODE_NXDOMAIN, 0, 1, 8),
                             saying("t1.p1.f0.c._canary.b.test", RCODE_SERVFAIL, 0, 0, 0)};
    unsigned good = 0;
    for (unsigned i = 0; i < 4000; i++) {
        kinds[i % 4].subject.canary = true;
        rate_set_time(rate->rate, i);
        good += check(rate, "192.0.2.1", &kinds[i % 4]) == RATE_PASS && i >= 3000;
    }
    assert_in_range(good, 79, 81);
    for (unsigned i = 0; i < 4; i++) {
        kinds[i].subject.canary = false;
        assert_int_equal(check(rate, "192.0.2.1", &kinds[i]), RATE_PASS);
    }
    limiter_free(rate);
}

static void no_limit(void **state)
{
    (void)state;
    struct rate_options options = plain;
    options.limits[RATE_NEGATIVES] = 0;
    struct limiter *rate = limiter_new(&options, 1);
    struct saying missing = saying("x.example.test", RCODE_NXDOMAIN, 0, 1, 14);
    assert_int_equal(steady(rate, "192.0.2.1", missing, 20000), 20000);
    assert_in_range(steady(rate, "192.0.2.1", mx_of("x.example.test"), 20000), 99, 101);
    limiter_free(rate);
}

/* Each of several threads gives its share; never less than one a second. */
static void threads(void **state)
{
    (void)state;
    struct limiter *rate = limiter_new(&plain, 4);
    assert_in_range(steady(rate, "192.0.2.1", mx_of("example.test"), 1000), 24, 26);
    limiter_free(rate);
    rate = limiter_new(&plain, 1000);
    assert_in_range(steady(rate, "192.0.2.1", mx_of("example.test"), 1000), 1, 2);
    limiter_free(rate);
}

/* While a hundred thousand networks ask (as a flood with made-up senders looks), and with many
 * others at their limits, an honest one is not limited, whoever it shares places with. */
static void crowds_blame_nobody(void **state)
{
    (void)state;
    struct limiter *rate = limiter_new(&plain, 1);
    struct saying mx = mx_of("example.test");
    char client[ADDRESS_TEXT_SIZE];
    unsigned limited = 0;
    for (unsigned i = 0; i < 2000000; i++) {
        rate_set_time(rate->rate, i / 200); /* 200,000 a second for ten seconds */
        unsigned sender = i % 3 ? (i * 2654435761u) >> 15 : i % 1000;
        snprintf(client, sizeof client, "%u.%u.%u.1", 1 + (sender >> 16), sender >> 8 & 255,
                 sender & 255);
        enum rate_verdict verdict = check(rate, client, &mx);
        limited += verdict != RATE_PASS && i % 3;
    }
    assert_int_equal(limited, 0);
    limiter_free(rate);
}

/* Time may stand still, and long pauses are no debt. */
static void pauses(void **state)
{
    (void)state;
    struct limiter *rate = limiter_new(&plain, 1);
    struct saying mx = mx_of("example.test");
    static const int64_t times_ms[] = {0, 1000, 67109864, 67108864ll * 65, 1ll << 40};
    for (size_t i = 0; i < sizeof times_ms / sizeof *times_ms; i++) {
        rate_set_time(rate->rate, times_ms[i]);
        unsigned good = 0;
        for (unsigned j = 0; j < 1000; j++)
            good += check(rate, "192.0.2.1", &mx) == RATE_PASS;
        assert_in_range(good, 99, 130);
    }
    limiter_free(rate);
}

/* Who is at a limit when the rules change is held to the new ones at once, without the burst of
 * somebody new; the slips go on. */
static void other_rules(void **state)
{
    (void)state;
    struct limiter *rate = limiter_new(&plain, 1);
    struct saying mx = mx_of("example.test");
    struct rate_options options = plain;
    assert_in_range(steady(rate, "192.0.2.1", mx, 1000), 99, 101);
    limiter_change(rate, &plain); /* the same */
    assert_in_range(passed(rate, "192.0.2.1", mx, 4, 1000, NULL), 99, 101);
    options.limits[RATE_ANSWERS] = 10;
    limiter_change(rate, &options);
    assert_in_range(passed(rate, "192.0.2.1", mx, 5, 1000, NULL), 9, 11);
    options.limits[RATE_ANSWERS] = 300;
    limiter_change(rate, &options);
    assert_in_range(passed(rate, "192.0.2.1", mx, 6, 1000, NULL), 297, 303);
    options.limits[RATE_ANSWERS] = 0;
    limiter_change(rate, &options);
    assert_int_equal(passed(rate, "192.0.2.1", mx, 7, 1000, NULL), 1000);
    options.limits[RATE_ANSWERS] = 100;
    options.slip = 1;
    limiter_change(rate, &options);
    unsigned slipped = 0, good = passed(rate, "192.0.2.1", mx, 8, 1000, &slipped);
    assert_int_equal(good + slipped, 1000);
    limiter_free(rate);
}

/* Exemptions come and go; with other prefixes others share an account. */
static void other_networks(void **state)
{
    (void)state;
    struct limiter *rate = limiter_new(&plain, 1);
    struct saying mx = mx_of("example.test");
    struct rate_network network = {.bits = 32};
    assert_true(address_parse("192.0.2.1", &network.address));
    struct rate_options options = plain, exempting = plain;
    exempting.exempt = &network;
    exempting.nexempt = 1;
    assert_in_range(steady(rate, "192.0.2.1", mx, 1000), 99, 101);
    limiter_change(rate, &exempting);
    assert_int_equal(passed(rate, "192.0.2.1", mx, 4, 1000, NULL), 1000);
    assert_in_range(passed(rate, "192.0.2.2", mx, 5, 1000, NULL), 99, 201);
    limiter_change(rate, &plain);
    assert_in_range(passed(rate, "192.0.2.1", mx, 6, 1000, NULL), 99, 101);
    options.ipv4_bits = 32;
    limiter_change(rate, &options);
    steady(rate, "192.0.2.1", mx, 1000);
    assert_int_equal(check(rate, "192.0.2.2", &mx), RATE_PASS);
    options.ipv4_bits = 16;
    limiter_change(rate, &options);
    steady(rate, "192.0.2.1", mx, 1000);
    assert_int_not_equal(check(rate, "192.0.77.1", &mx), RATE_PASS);
    limiter_free(rate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(below_and_above),
        cmocka_unit_test(slips),
        cmocka_unit_test(networks),
        cmocka_unit_test(exempt),
        cmocka_unit_test(names),
        cmocka_unit_test(random_names),
        cmocka_unit_test(errors),
        cmocka_unit_test(canaries),
        cmocka_unit_test(no_limit),
        cmocka_unit_test(threads),
        cmocka_unit_test(crowds_blame_nobody),
        cmocka_unit_test(pauses),
        cmocka_unit_test(neighbours),
        cmocka_unit_test(other_rules),
        cmocka_unit_test(other_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
