/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions and whole answers. What is expected comes from the RFCs named at each group. */
#include "base/memory.h"
#include "serve/respond.h"
#include "support/fixture.h"
#include "wire/message.h"
#include "wire/name.h"
#include "wire/rrtype.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SOA_RDATA "ns1.example.test. hostmaster.example.test. 7 3600 600 86400 60"
#define SOA       "example.test. 60 SOA " SOA_RDATA /* as in a negative answer: TTL is the minimum */
#define SUB_SOA   "sub.example.test. 30 SOA ns.sub.example.test. h.example.test. 1 2 3 4 30"

static const char example_zone[] =
    "$ORIGIN example.test.\n"
    "$TTL 300\n"
    "@ SOA ns1 hostmaster 7 3600 600 86400 60\n"
    "@ NS ns1\n"
    "@ NS ns2.outside.test.\n"
    "@ MX 10 mx1\n"
    "@ MX 20 mx2\n"
    "@ TXT \"v=spf1 mx -all\"\n"
    "ns1 A 192.0.2.53\n"
    "mx1 A 192.0.2.1\n"
    "mx1 AAAA 2001:db8::1\n"
    "mx2 A 192.0.2.2\n"
    "www CNAME web\n"
    "web A 192.0.2.80\n"
    "out CNAME www.outside.test.\n"
    "dead CNAME nothing\n"
    "loop1 CNAME loop2\n"
    "loop2 CNAME loop1\n"
    "self CNAME self\n"
    "two CNAME www\n"
    "tosub CNAME host.sub\n"
    "tocut CNAME host.child\n"
    "towild CNAME x.wild\n"
    "*.wild TXT \"wild\"\n"
    "*.wild MX 5 mx1\n"
    "host.wild A 192.0.2.9\n"
    "*.cwild CNAME web\n"
    "a.b.ent A 192.0.2.10\n"
    "old DNAME new\n"
    "old TXT \"beside\"\n"
    "x.new A 192.0.2.11\n"
    "long DNAME aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb."
    "ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc."
    "ddddddddddddddddddddddddd.test.\n"
    "child NS ns.child\n"
    "child NS ns1\n"
    "child NS ns.other.outside.test.\n"
    "child DS 1 8 2 0101010101010101010101010101010101010101010101010101010101010101\n"
    "ns.child A 192.0.2.54\n"
    "ns.child AAAA 2001:db8::54\n"
    "bare NS ns.outside.test.\n"
    "sub NS ns.sub\n"
    "sub DS 2 8 2 0202020202020202020202020202020202020202020202020202020202020202\n"
    "ns.sub A 192.0.2.55\n"
    "only.sub A 192.0.2.56\n"
    "null MX 0 .\n"
    "_imap._tcp SRV 0 1 143 mx1\n"
    "odd TYPE65280 \\# 3 010203\n"
    "UPPER A 192.0.2.77\n";

static const char sub_zone[] = "$ORIGIN sub.example.test.\n"
                               "$TTL 300\n"
                               "@ SOA ns h.example.test. 1 2 3 4 30\n"
                               "@ NS ns\n"
                               "ns A 192.0.2.55\n"
                               "host A 192.0.2.57\n";

/* Zones of ours below a delegation and below a DNAME of the zone above. */
#define BARE_ZONE(apex)                                                                            \
    "$ORIGIN " apex ".\n"                                                                          \
    "$TTL 300\n"                                                                                   \
    "@ SOA ns1.example.test. h.example.test. 1 2 3 4 30\n"                                         \
    "@ NS ns1.example.test.\n"

static const char *const zones[] = {example_zone,
                                    sub_zone,
                                    BARE_ZONE("below.child.example.test"),
                                    BARE_ZONE("below.old.example.test"),
                                    BARE_ZONE("alone.example.test"),
                                    NULL};

struct question {
    const char *name;
    const char *rrtype;
    const char *expected;
};

#define CHILD_NS                                                                                   \
    "child.example.test. 300 NS ns.child.example.test.; "                                          \
    "child.example.test. 300 NS ns.other.outside.test.; "                                          \
    "child.example.test. 300 NS ns1.example.test."
#define CHILD_GLUE                                                                                 \
    "ns.child.example.test. 300 A 192.0.2.54; ns.child.example.test. 300 AAAA 2001:db8::54"
#define WEB_A "web.example.test. 300 A 192.0.2.80"

static const struct question questions[] = {
    /* What is there: RFC 1034 section 4.3.2, step 3a. */
    {"example.test", "MX",
     "NOERROR aa | example.test. 10 MX 10 mx1.example.test.; "
     "example.test. 10 MX 20 mx2.example.test. | |"},
    {"mx1.example.test", "AAAA", "NOERROR aa | mx1.example.test. 10 AAAA 2001:db8::1 | |"},
    {"example.test", "SOA", "NOERROR aa | example.test. 300 SOA " SOA_RDATA " | |"},
    {"example.test", "NS",
     "NOERROR aa | example.test. 300 NS ns1.example.test.; "
     "example.test. 300 NS ns2.outside.test. | |"},
    {"example.test", "TXT", "NOERROR aa | example.test. 300 TXT \"v=spf1 mx -all\" | |"},
    {"null.example.test", "MX", "NOERROR aa | null.example.test. 300 MX 0 . | |"},
    {"_imap._tcp.example.test", "SRV",
     "NOERROR aa | _imap._tcp.example.test. 10 SRV 0 1 143 mx1.example.test. | |"},
    {"odd.example.test", "TYPE65280",
     "NOERROR aa | odd.example.test. 300 TYPE65280 \\# 3 010203 | |"},
    {"upper.example.test", "A", "NOERROR aa | upper.example.test. 300 A 192.0.2.77 | |"},
    {"MX2.eXaMpLe.TEST", "A", "NOERROR aa | MX2.eXaMpLe.TEST. 10 A 192.0.2.2 | |"},
    /* What is not: RFC 2308; empty non-terminals exist (RFC 8020). */
    {"example.test", "A", "NOERROR aa | | " SOA " |"},
    {"mx1.example.test", "MX", "NOERROR aa | | " SOA " |"},
    {"nope.example.test", "A", "NXDOMAIN aa | | " SOA " |"},
    {"a.nope.example.test", "MX", "NXDOMAIN aa | | " SOA " |"},
    {"x.mx1.example.test", "A", "NXDOMAIN aa | | " SOA " |"},
    {"b.ent.example.test", "A", "NOERROR aa | | " SOA " |"},
    {"ent.example.test", "ANY", "NOERROR aa | | " SOA " |"},
    {"c.ent.example.test", "A", "NXDOMAIN aa | | " SOA " |"},
    {"_tcp.example.test", "SRV", "NOERROR aa | | " SOA " |"},
    /* Not ours. */
    {"outside.test", "A", "REFUSED | | |"},
    {"test", "NS", "REFUSED | | |"},
    {".", "NS", "REFUSED | | |"},
    {"notexample.test", "A", "REFUSED | | |"},
    /* CNAME: RFC 1034 section 3.6.2; the rcode is that of the last name (RFC 6604). */
    {"www.example.test", "A",
     "NOERROR aa | " WEB_A "; www.example.test. 300 CNAME web.example.test. | |"},
    {"www.example.test", "CNAME", "NOERROR aa | www.example.test. 300 CNAME web.example.test. | |"},
    {"www.example.test", "ANY", "NOERROR aa | www.example.test. 300 CNAME web.example.test. | |"},
    {"www.example.test", "MX",
     "NOERROR aa | www.example.test. 300 CNAME web.example.test. | " SOA " |"},
    {"two.example.test", "A",
     "NOERROR aa | two.example.test. 300 CNAME www.example.test.; " WEB_A
     "; www.example.test. 300 CNAME web.example.test. | |"},
    {"out.example.test", "A", "NOERROR aa | out.example.test. 300 CNAME www.outside.test. | |"},
    {"dead.example.test", "A",
     "NXDOMAIN aa | dead.example.test. 300 CNAME nothing.example.test. | " SOA " |"},
    {"loop1.example.test", "A",
     "NOERROR aa | loop1.example.test. 300 CNAME loop2.example.test.; "
     "loop2.example.test. 300 CNAME loop1.example.test. | |"},
    {"self.example.test", "A", "NOERROR aa | self.example.test. 300 CNAME self.example.test. | |"},
    {"tosub.example.test", "A",
     "NOERROR aa | host.sub.example.test. 300 A 192.0.2.57; "
     "tosub.example.test. 300 CNAME host.sub.example.test. | |"},
    {"tocut.example.test", "A",
     "NOERROR aa | tocut.example.test. 300 CNAME host.child.example.test. | " CHILD_NS
     " | " CHILD_GLUE},
    {"towild.example.test", "TXT",
     "NOERROR aa | towild.example.test. 300 CNAME x.wild.example.test.; "
     "x.wild.example.test. 300 TXT \"wild\" | |"},
    /* Wildcards: RFC 4592. */
    {"x.wild.example.test", "TXT", "NOERROR aa | x.wild.example.test. 300 TXT \"wild\" | |"},
    {"y.x.wild.example.test", "MX",
     "NOERROR aa | y.x.wild.example.test. 10 MX 5 mx1.example.test. | |"},
    {"x.wild.example.test", "A", "NOERROR aa | | " SOA " |"},
    {"host.wild.example.test", "TXT", "NOERROR aa | | " SOA " |"},
    {"x.host.wild.example.test", "TXT", "NXDOMAIN aa | | " SOA " |"},
    {"*.wild.example.test", "TXT", "NOERROR aa | *.wild.example.test. 300 TXT \"wild\" | |"},
    {"x.*.wild.example.test", "TXT", "NXDOMAIN aa | | " SOA " |"},
    {"wild.example.test", "TXT", "NOERROR aa | | " SOA " |"},
    {"x.cwild.example.test", "A",
     "NOERROR aa | " WEB_A "; x.cwild.example.test. 300 CNAME web.example.test. | |"},
    /* DNAME: RFC 6672. */
    {"old.example.test", "TXT", "NOERROR aa | old.example.test. 300 TXT \"beside\" | |"},
    {"old.example.test", "DNAME", "NOERROR aa | old.example.test. 300 DNAME new.example.test. | |"},
    {"old.example.test", "A", "NOERROR aa | | " SOA " |"},
    {"x.old.example.test", "A",
     "NOERROR aa | old.example.test. 300 DNAME new.example.test.; "
     "x.new.example.test. 300 A 192.0.2.11; "
     "x.old.example.test. 300 CNAME x.new.example.test. | |"},
    {"y.old.example.test", "A",
     "NXDOMAIN aa | old.example.test. 300 DNAME new.example.test.; "
     "y.old.example.test. 300 CNAME y.new.example.test. | " SOA " |"},
    {"x.old.example.test", "CNAME",
     "NOERROR aa | old.example.test. 300 DNAME new.example.test.; "
     "x.old.example.test. 300 CNAME x.new.example.test. | |"},
    /* Delegations: RFC 1034 step 3b; glue, but no addresses that can be asked for here. */
    {"child.example.test", "NS", "NOERROR | | " CHILD_NS " | " CHILD_GLUE},
    {"child.example.test", "MX", "NOERROR | | " CHILD_NS " | " CHILD_GLUE},
    {"x.y.child.example.test", "A", "NOERROR | | " CHILD_NS " | " CHILD_GLUE},
    {"ns.child.example.test", "A", "NOERROR | | " CHILD_NS " | " CHILD_GLUE},
    {"child.example.test", "DS",
     "NOERROR aa | child.example.test. 300 DS 1 8 2 "
     "0101010101010101010101010101010101010101010101010101010101010101 | |"},
    {"ns.child.example.test", "DS", "NOERROR | | " CHILD_NS " | " CHILD_GLUE},
    {"bare.example.test", "DS", "NOERROR aa | | " SOA " |"},
    {"bare.example.test", "A", "NOERROR | | bare.example.test. 300 NS ns.outside.test. |"},
    /* A zone and its subzone together. */
    {"host.sub.example.test", "A", "NOERROR aa | host.sub.example.test. 300 A 192.0.2.57 | |"},
    {"only.sub.example.test", "A", "NXDOMAIN aa | | " SUB_SOA " |"},
    {"sub.example.test", "NS", "NOERROR aa | sub.example.test. 300 NS ns.sub.example.test. | |"},
    {"sub.example.test", "DS",
     "NOERROR aa | sub.example.test. 300 DS 2 8 2 "
     "0202020202020202020202020202020202020202020202020202020202020202 | |"},
    {"example.test", "DS", "NOERROR aa | | " SOA " |"},
    {"below.child.example.test", "DS", "NOERROR | | " CHILD_NS " | " CHILD_GLUE},
    {"below.old.example.test", "DS",
     "NXDOMAIN aa | below.old.example.test. 300 CNAME below.new.example.test.; "
     "old.example.test. 300 DNAME new.example.test. | " SOA " |"},
    {"alone.example.test", "DS", "NOERROR aa | | " SOA " |"},
    /* ANY: RFC 8482 section 4.2. */
    {"example.test", "ANY", "NOERROR aa | example.test. 3600 HINFO \"RFC8482\" \"\" | |"},
    {"x.wild.example.test", "ANY",
     "NOERROR aa | x.wild.example.test. 3600 HINFO \"RFC8482\" \"\" | |"},
    {"nope.example.test", "ANY", "NXDOMAIN aa | | " SOA " |"},
    /* Types of questions that are not served. */
    {"example.test", "AXFR", "REFUSED | | |"},
    {"example.test", "IXFR", "REFUSED | | |"},
    {"example.test", "MAILA", "NOTIMPL | | |"},
    {"example.test", "TYPE41", "FORMERR | | |"},
};

static void check_question(struct fixture *fixture, enum transport transport, uint16_t edns_size,
                           const struct question *question)
{
    uint16_t rrtype;
    assert_true(rrtype_from_text(question->rrtype, &rrtype));
    ldns_pkt *packet = fixture_ask(fixture, transport, question->name, rrtype, edns_size);
    char *got = packet_text(packet);
    if (strcmp(got, question->expected) != 0)
        fail_msg("%s %s\n   expected %s\n   got      %s", question->name, question->rrtype,
                 question->expected, got);
    assert_int_equal(ldns_pkt_edns(packet), edns_size != 0);
    free(got);
    ldns_pkt_free(packet);
}

static void all_questions(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, false, zones);
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        check_question(&fixture, TRANSPORT_UDP, 1232, &questions[i]);
        check_question(&fixture, TRANSPORT_TCP, 0, &questions[i]);
    }
    fixture_free(&fixture);
}

/* The question comes back letter for letter (draft-vixie-dnsext-dns0x20), with id, opcode, RD and
 * CD. */
static void echoes_the_question(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, false, zones);
    uint8_t query[512], answer[UDP_ANSWER_MAX];
    size_t size = make_query(query, "eXAMPLE.tEST", RRTYPE_MX, 0);
    query[HEADER_FLAGS_LOW] = 0xF0; /* RA, Z, AD and CD: of these only CD is copied (RFC 4035) */
    size_t answered = respond(&fixture.responder, publisher_current(fixture.publisher),
                              test_client(TRANSPORT_UDP), query, size, answer);
    assert_true(answered > size);
    assert_memory_equal(answer, query, 2);
    assert_int_equal(answer[HEADER_FLAGS_HIGH], FLAG_HIGH_QR | FLAG_HIGH_AA | FLAG_HIGH_RD);
    assert_int_equal(answer[HEADER_FLAGS_LOW], FLAG_LOW_CD);
    assert_memory_equal(answer + HEADER_SIZE, query + HEADER_SIZE, size - HEADER_SIZE);
    fixture_free(&fixture);
}

static void too_long_for_dname(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, false, zones);
    char name[256];
    memset(name, 'x', 60);
    strcpy(name + 60, ".long.example.test");
    ldns_pkt *packet = fixture_ask(&fixture, TRANSPORT_UDP, name, RRTYPE_A, 1232);
    assert_int_equal(ldns_pkt_get_rcode(packet), RCODE_YXDOMAIN);
    assert_int_equal(ldns_pkt_ancount(packet), 1); /* the DNAME that leads too far */
    ldns_pkt_free(packet);
    fixture_free(&fixture);
}

/* A query with one thing changed, and the header bits and rcode that come back. */
static void ask_raw(struct fixture *fixture, const uint8_t *query, size_t size, int expected_rcode)
{
    uint8_t answer[UDP_ANSWER_MAX];
    uint8_t *exact = memory_alloc(size); /* so that reading behind the end is seen */
    memcpy(exact, query, size);
    size_t answered = respond(&fixture->responder, publisher_current(fixture->publisher),
                              test_client(TRANSPORT_UDP), exact, size, answer);
    free(exact);
    if (expected_rcode < 0) {
        assert_int_equal(answered, 0);
        return;
    }
    assert_true(answered >= HEADER_SIZE);
    assert_int_equal(answer[HEADER_FLAGS_LOW] & 0x0F, expected_rcode);
    assert_true(answer[HEADER_FLAGS_HIGH] & FLAG_HIGH_QR);
    assert_int_equal(answer[HEADER_FLAGS_HIGH] & FLAG_HIGH_OPCODE,
                     query[HEADER_FLAGS_HIGH] & FLAG_HIGH_OPCODE);
    ldns_pkt *packet;
    assert_int_equal(ldns_wire2pkt(&packet, answer, answered), LDNS_STATUS_OK);
    ldns_pkt_free(packet);
}

static void malformed_queries(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, false, zones);
    uint8_t good[512], query[600];
    size_t size = make_query(good, "mx1.example.test", RRTYPE_A, 4096);
#define CHANGED(offset, value) (memcpy(query, good, sizeof good), query[offset] = (value), query)
    ask_raw(&fixture, good, size, RCODE_NOERROR);
    /* Cut short anywhere: silence without a header, FORMERR with one. */
    for (size_t cut = 0; cut < size; cut++)
        ask_raw(&fixture, good, cut, cut < HEADER_SIZE ? -1 : RCODE_FORMERR);
    /* With a tail. */
    memset(query, 0, sizeof query);
    memcpy(query, good, size);
    ask_raw(&fixture, query, size + 1, RCODE_FORMERR);
    ask_raw(&fixture, query, sizeof query, RCODE_FORMERR);
    /* An answer is never answered. */
    ask_raw(&fixture, CHANGED(HEADER_FLAGS_HIGH, FLAG_HIGH_QR), size, -1);
    /* Other opcodes: IQUERY, STATUS, NOTIFY, UPDATE, and one that nobody has assigned. */
    for (unsigned opcode = 1; opcode < 16; opcode++)
        ask_raw(&fixture, CHANGED(HEADER_FLAGS_HIGH, (uint8_t)(opcode << 3)), size, RCODE_NOTIMP);
    /* Counts that are not those of a query. */
    ask_raw(&fixture, CHANGED(HEADER_QDCOUNT + 1, 0), size, RCODE_FORMERR);
    ask_raw(&fixture, CHANGED(HEADER_QDCOUNT + 1, 2), size, RCODE_FORMERR);
    ask_raw(&fixture, CHANGED(HEADER_ANCOUNT + 1, 1), size, RCODE_FORMERR);
    ask_raw(&fixture, CHANGED(HEADER_NSCOUNT + 1, 1), size, RCODE_FORMERR);
    ask_raw(&fixture, CHANGED(HEADER_ARCOUNT + 1, 2), size, RCODE_FORMERR);
    ask_raw(&fixture, CHANGED(HEADER_ARCOUNT, 0xFF), size, RCODE_FORMERR);
    /* Names: a pointer, a reserved label type, a label that runs out of the message. */
    ask_raw(&fixture, CHANGED(HEADER_SIZE, 0xC0), size, RCODE_FORMERR);
    ask_raw(&fixture, CHANGED(HEADER_SIZE, 0x40), size, RCODE_FORMERR);
    ask_raw(&fixture, CHANGED(HEADER_SIZE, 63), size, RCODE_FORMERR);
    fixture_free(&fixture);
}

static void edns(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, false, zones);
    uint8_t query[512], answer[UDP_ANSWER_MAX];
    size_t size = make_query(query, "mx1.example.test", RRTYPE_A, 4096);
    uint8_t *opt = query + size - OPT_SIZE;
    opt[7] = 0x80; /* DO, and it comes back (RFC 3225 section 3) */
    size_t answered = respond(&fixture.responder, publisher_current(fixture.publisher),
                              test_client(TRANSPORT_UDP), query, size, answer);
    static const uint8_t expected[OPT_SIZE] = {0,    0, 41, 1232 >> 8, 1232 & 0xFF, 0, 0,
                                               0x80, 0, 0,  0};
    assert_memory_equal(answer + answered - OPT_SIZE, expected, OPT_SIZE);
    /* BADVERS (RFC 6891 section 6.1.3): rcode 16, of which OPT holds the upper bits; version 0. */
    opt[6] = 1;
    answered = respond(&fixture.responder, publisher_current(fixture.publisher),
                       test_client(TRANSPORT_UDP), query, size, answer);
    assert_int_equal(answer[HEADER_FLAGS_LOW] & 0x0F, 0);
    assert_int_equal(answer[answered - OPT_SIZE + 5], 1);
    assert_int_equal(answer[answered - OPT_SIZE + 6], 0);
    assert_int_equal(read_u16(answer + HEADER_ANCOUNT), 0);
    /* Two OPT records, or one with an owner: FORMERR. */
    opt[6] = 0;
    memcpy(query + size, opt, OPT_SIZE);
    query[HEADER_ARCOUNT + 1] = 2;
    ask_raw(&fixture, query, size + OPT_SIZE, RCODE_FORMERR);
    /* Unknown options are passed over. */
    query[HEADER_ARCOUNT + 1] = 1;
    write_u16(opt + 9, 6);
    memcpy(opt + OPT_SIZE, "\xFF\xF0\0\2ab", 6);
    ask_raw(&fixture, query, size + 6, RCODE_NOERROR);
    fixture_free(&fixture);
}

/* 40 addresses: 40 * 16 octets and more. */
static void truncation(void **state)
{
    (void)state;
    char *zone = NULL;
    size_t zone_size;
    FILE *out = open_memstream(&zone, &zone_size);
    fprintf(out, "$ORIGIN big.test.\n@ 300 SOA ns h 1 2 3 4 5\n@ 300 NS ns\nns 300 A 192.0.2.1\n");
    for (unsigned i = 0; i < 40; i++)
        fprintf(out, "many 300 A 192.0.2.%u\n", i);
    for (unsigned i = 0; i < 4000; i++)
        fprintf(out, "huge 300 A 10.0.%u.%u\n", i >> 8, i & 255);
    for (unsigned i = 0; i < 4093; i++) /* as much as a message holds, without a CNAME before it */
        fprintf(out, "full 300 A 10.1.%u.%u\n", i >> 8, i & 255);
    fprintf(out, "tofull 300 CNAME full\n");
    fclose(out);
    struct fixture fixture;
    fixture_init(&fixture, false, (const char *const[]){zone, NULL});
    static const struct {
        enum transport transport;
        uint16_t edns_size;
        const char *name;
        bool truncated;
        size_t answers;
    } cases[] = {
        {TRANSPORT_UDP, 0, "many.big.test", true, 0},
        {TRANSPORT_UDP, 512, "many.big.test", true, 0},
        {TRANSPORT_UDP, 100, "many.big.test", true, 0}, /* below 512 counts as 512 */
        {TRANSPORT_UDP, 1232, "many.big.test", false, 40},
        {TRANSPORT_UDP, 65535, "many.big.test", false, 40},
        {TRANSPORT_UDP, 65535, "huge.big.test", true, 0},
        {TRANSPORT_TCP, 0, "many.big.test", false, 40},
        {TRANSPORT_TCP, 512, "many.big.test", false, 40},
        {TRANSPORT_TCP, 1232, "huge.big.test", false, 4000},
        {TRANSPORT_TCP, 1232, "full.big.test", false, 4093},
        {TRANSPORT_TCP, 1232, "tofull.big.test", false, 1}, /* the rest is asked for alone */
        {TRANSPORT_UDP, 1232, "tofull.big.test", true, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ldns_pkt *packet =
            fixture_ask(&fixture, cases[i].transport, cases[i].name, RRTYPE_A, cases[i].edns_size);
        assert_int_equal(ldns_pkt_tc(packet), cases[i].truncated);
        assert_int_equal(ldns_pkt_ancount(packet), cases[i].answers);
        assert_int_equal(ldns_pkt_get_rcode(packet), RCODE_NOERROR);
        ldns_pkt_free(packet);
    }
    fixture_free(&fixture);
    free(zone);
}

static void bad_zone_is_servfail(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(
        &fixture, true,
        (const char *const[]){example_zone, "$ORIGIN bad.test.\n@ 300 NS ns\n@ 300 QQ x\n", NULL});
    static const struct question cases[] = {
        {"bad.test", "MX", "SERVFAIL | | |"},
        {"x.y.bad.test", "A", "SERVFAIL | | |"},
        {"mx1.example.test", "A", "NOERROR aa | mx1.example.test. 10 A 192.0.2.1 | |"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_question(&fixture, TRANSPORT_UDP, 1232, &cases[i]);
    fixture_free(&fixture);
}

static void chaos(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, false, zones);
    static const struct {
        const char *name, *expected;
        uint16_t rrtype;
    } cases[] = {
        {"version.bind", "NOERROR aa | version.bind. 0 TXT \"evermx " EVERMX_VERSION "\" | |",
         RRTYPE_TXT},
        {"ID.server", "NOERROR aa | ID.server. 0 TXT \"here\" | |", RRTYPE_TXT},
        {"id.server", "NOERROR aa | | |", RRTYPE_A},
        {"authors.bind", "REFUSED | | |", RRTYPE_TXT},
        {"example.test", "REFUSED | | |", RRTYPE_TXT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t query[512], answer[UDP_ANSWER_MAX];
        size_t size = make_query(query, cases[i].name, cases[i].rrtype, 0);
        query[size - 1] = RRCLASS_CH;
        size = respond(&fixture.responder, publisher_current(fixture.publisher),
                       test_client(TRANSPORT_UDP), query, size, answer);
        ldns_pkt *packet;
        assert_int_equal(ldns_wire2pkt(&packet, answer, size), LDNS_STATUS_OK);
        char *got = packet_text(packet);
        assert_string_equal(got, cases[i].expected);
        free(got);
        ldns_pkt_free(packet);
    }
    /* Any other class: not ours. */
    uint8_t query[512];
    size_t size = make_query(query, "example.test", RRTYPE_MX, 0);
    query[size - 1] = 4;
    ask_raw(&fixture, query, size, RCODE_REFUSED);
    fixture_free(&fixture);
}

/* Nothing published yet: a server that starts says so. */
static void no_snapshot(void **state)
{
    (void)state;
    struct responder responder;
    responder_init(&responder, NULL, 1);
    uint8_t query[512], answer[UDP_ANSWER_MAX];
    size_t size = make_query(query, "example.test", RRTYPE_MX, 0);
    assert_true(respond(&responder, NULL, test_client(TRANSPORT_UDP), query, size, answer) == size);
    assert_int_equal(answer[HEADER_FLAGS_LOW] & 0x0F, RCODE_SERVFAIL);
}

/* Octets at random, and good queries with octets changed: never a crash, never an answer to an
 * answer, always something that a client can decode. The seed is fixed: a failure can be repeated.
 */
static void random_octets(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, false, zones);
    uint64_t random = 42;
    uint8_t answer[UDP_ANSWER_MAX];
    for (unsigned round = 0; round < 200000; round++) {
        uint8_t good[512];
        const struct question *question =
            &questions[round % (sizeof questions / sizeof *questions)];
        size_t size = make_query(good, question->name, RRTYPE_A, round & 1 ? 1232 : 0);
        for (unsigned i = 0; i < 1 + round % 4; i++) {
            random = random * 6364136223846793005ull + 1442695040888963407ull;
            good[(random >> 40) % size] = (uint8_t)(random >> 32);
        }
        uint8_t *exact = memory_alloc(size);
        memcpy(exact, good, size);
        size_t answered = respond(&fixture.responder, publisher_current(fixture.publisher),
                                  test_client(TRANSPORT_UDP), exact, size, answer);
        if (exact[HEADER_FLAGS_HIGH] & FLAG_HIGH_QR)
            assert_int_equal(answered, 0);
        else
            assert_true(answered >= HEADER_SIZE && answered <= UDP_ANSWER_DEFAULT);
        free(exact);
        ldns_pkt *packet = NULL;
        if (answered && round % 16 == 0) {
            assert_int_equal(ldns_wire2pkt(&packet, answer, answered), LDNS_STATUS_OK);
            ldns_pkt_free(packet);
        }
    }
    fixture_free(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_questions),
        cmocka_unit_test(echoes_the_question),
        cmocka_unit_test(too_long_for_dname),
        cmocka_unit_test(malformed_queries),
        cmocka_unit_test(edns),
        cmocka_unit_test(truncation),
        cmocka_unit_test(bad_zone_is_servfail),
        cmocka_unit_test(chaos),
        cmocka_unit_test(no_snapshot),
        cmocka_unit_test(random_octets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
