/* SPDX-License-Identifier: BSD-2-Clause */
/* What answers say of a host; and how a host that is probed is written. */
#include "../../tools/drill/watch/liveness.h"
#include "../../tools/drill/watch/wanted.h"

#include "wire/rrtype.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { RECORDS = 4 };

static void push(ldns_pkt *packet, ldns_pkt_section section, const char *text)
{
    ldns_rr *record;
    assert_int_equal(ldns_rr_new_frm_str(&record, text, 0, NULL, NULL), LDNS_STATUS_OK);
    assert_true(ldns_pkt_push_rr(packet, section, record));
}

struct answer {
    ldns_pkt_rcode rcode;
    bool truncated;
    const char *answers[RECORDS], *authority[RECORDS];
};

static enum seen look(const struct wanted *wanted, const struct answer *answer, uint32_t *ttl_s)
{
    ldns_pkt *packet = ldns_pkt_new();
    ldns_pkt_set_rcode(packet, (uint8_t)answer->rcode);
    ldns_pkt_set_tc(packet, answer->truncated);
    for (size_t i = 0; i < RECORDS && answer->answers[i]; i++)
        push(packet, LDNS_SECTION_ANSWER, answer->answers[i]);
    for (size_t i = 0; i < RECORDS && answer->authority[i]; i++)
        push(packet, LDNS_SECTION_AUTHORITY, answer->authority[i]);
    enum seen seen = wanted_look(wanted, packet, ttl_s);
    ldns_pkt_free(packet);
    return seen;
}

static struct wanted wanted_of(uint16_t rrtype, const char *one, const char *other)
{
    struct wanted wanted = {.rrtype = rrtype};
    struct error error;
    assert_true(wanted_add(&wanted, one, &error));
    assert_true(!other || wanted_add(&wanted, other, &error));
    return wanted;
}

#define EXPECT(wanted, expected, ttl, ...)                                                         \
    do {                                                                                           \
        uint32_t ttl_s = 99;                                                                       \
        assert_int_equal(look(&(wanted), &(struct answer){__VA_ARGS__}, &ttl_s), expected);        \
        assert_int_equal(ttl_s, ttl);                                                              \
    } while (0)

static void exchanges(void **state)
{
    struct wanted wanted = wanted_of(RRTYPE_MX, "mx1.example.test", "MX1B.example.test.");
    (void)state;
    EXPECT(wanted, SEEN_WITH, 10,
           .answers = {"example.test. 10 MX 10 mx2.example.test.",
                       "example.test. 10 MX 10 Mx1.Example.test."});
    EXPECT(wanted, SEEN_WITH, 10, .answers = {"example.test. 10 MX 20 mx1b.example.test."});
    EXPECT(wanted, SEEN_WITHOUT, 5, .answers = {"example.test. 5 MX 10 mx2.example.test."});
    EXPECT(wanted, SEEN_WITHOUT, 5, .answers = {"example.test. 5 MX 10 mx1.example.test.test."});
    /* By way of another name: the smallest TTL decides when the whole is asked for again. */
    EXPECT(
        wanted, SEEN_WITH, 7,
        .answers = {"example.test. 7 CNAME other.test.", "other.test. 60 MX 5 mx1.example.test."});
}

static void what_bounces(void **state)
{
    struct wanted wanted = wanted_of(RRTYPE_MX, "mx1.example.test", NULL);
    const char *soa = "example.test. 5 SOA ns1.example.test. h.example.test. 1 2 3 4 5";
    (void)state;
    EXPECT(wanted, SEEN_EMPTY, 0, .authority = {soa});
    EXPECT(wanted, SEEN_EMPTY, 0, .answers = {NULL});
    EXPECT(wanted, SEEN_EMPTY, 60, .answers = {"example.test. 60 MX 0 ."});
    EXPECT(wanted, SEEN_EMPTY, 60, .answers = {"example.test. 60 CNAME other.test."});
    EXPECT(wanted, SEEN_NXDOMAIN, 0, .rcode = LDNS_RCODE_NXDOMAIN, .authority = {soa});
}

static void what_says_nothing(void **state)
{
    struct wanted wanted = wanted_of(RRTYPE_MX, "mx1.example.test", NULL);
    (void)state;
    EXPECT(wanted, SEEN_ERROR, 0, .rcode = LDNS_RCODE_SERVFAIL);
    EXPECT(wanted, SEEN_ERROR, 0, .rcode = LDNS_RCODE_REFUSED);
    EXPECT(wanted, SEEN_ERROR, 0, .authority = {"test. 300 NS ns.test."});
    /* After the question over TCP. Its end may be anything. */
    EXPECT(wanted, SEEN_ERROR, 0, .truncated = true);
    EXPECT(wanted, SEEN_ERROR, 0, .truncated = true, .rcode = LDNS_RCODE_NXDOMAIN);
    EXPECT(wanted, SEEN_ERROR, 0, .truncated = true,
           .answers = {"example.test. 10 MX 10 mx2.example.test."});
}

static void services_and_addresses(void **state)
{
    struct wanted srv = wanted_of(RRTYPE_SRV, "imap1.example.test", NULL);
    struct wanted a = wanted_of(RRTYPE_A, "192.0.2.1", NULL);
    struct wanted aaaa = wanted_of(RRTYPE_AAAA, "2001:db8::1", NULL);
    struct error error;
    (void)state;
    EXPECT(srv, SEEN_WITH, 10,
           .answers = {"_imap._tcp.example.test. 10 SRV 0 1 143 imap1.example.test."});
    EXPECT(srv, SEEN_WITHOUT, 10,
           .answers = {"_imap._tcp.example.test. 10 SRV 0 1 143 imap2.example.test."});
    EXPECT(srv, SEEN_EMPTY, 10, .answers = {"_imap._tcp.example.test. 10 SRV 0 0 0 ."});
    EXPECT(a, SEEN_WITH, 10,
           .answers = {"imap.example.test. 10 A 192.0.2.2", "imap.example.test. 10 A 192.0.2.1"});
    EXPECT(a, SEEN_WITHOUT, 10, .answers = {"imap.example.test. 10 A 192.0.2.2"});
    EXPECT(aaaa, SEEN_WITH, 10, .answers = {"imap.example.test. 10 AAAA 2001:db8::1"});
    EXPECT(aaaa, SEEN_WITHOUT, 10, .answers = {"imap.example.test. 10 AAAA 2001:db8::2"});
    assert_false(wanted_add(&a, "mx1.example.test", &error));
    assert_false(wanted_add(&a, "2001:db8::1", &error));
    assert_false(wanted_add(&srv, "192.0.2.1", &error));
    while (a.nhosts < WANTED_HOSTS_MAX)
        assert_true(wanted_add(&a, "192.0.2.3", &error));
    assert_false(wanted_add(&a, "192.0.2.3", &error));
}

static void expect_probe(const char *text, enum check_kind kind, const char *address, uint16_t port)
{
    struct liveness_target target;
    struct address expected;
    struct error error;
    assert_true(address_parse(address, &expected));
    assert_true(liveness_parse(text, &target, &error));
    assert_int_equal(target.kind, kind);
    assert_true(address_equal(&target.address, &expected));
    assert_int_equal(target.port, port);
}

static void probes(void **state)
{
    static const char *const bad[] = {
        "",
        "smtp",
        "smtp@",
        "@192.0.2.1",
        "gopher@192.0.2.1",
        "smtp@host",
        "tcp@192.0.2.1",
        "smtp@1.2.3.4@",
        "smtp@1.2.3.4@0x",
        "smtp@1.2.3.4:99999",
        "smtp@[::1]:",
        "smtp@:25",
    };
    struct liveness_target target;
    struct error error;
    (void)state;
    expect_probe("smtp@192.0.2.1", CHECK_SMTP, "192.0.2.1", 25);
    expect_probe("imaps@[2001:db8::1]", CHECK_IMAPS, "2001:db8::1", 993);
    expect_probe("imap@192.0.2.1@1143", CHECK_IMAP, "192.0.2.1", 1143);
    expect_probe("imap@192.0.2.1:1143", CHECK_IMAP, "192.0.2.1", 1143);
    expect_probe("smtp:[2001:db8::1]:2525", CHECK_SMTP, "2001:db8::1", 2525);
    expect_probe("tcp@192.0.2.1@8080", CHECK_TCP, "192.0.2.1", 8080);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        memset(&error, 0, sizeof error);
        assert_false(liveness_parse(bad[i], &target, &error));
        assert_true(strncmp(error.text, "probe ", 6) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exchanges),
        cmocka_unit_test(what_bounces),
        cmocka_unit_test(what_says_nothing),
        cmocka_unit_test(services_and_addresses),
        cmocka_unit_test(probes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
