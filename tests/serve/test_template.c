/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers from a template: each domain of the list is a zone of its own, whatever is relative in
 * the template stands below the domain asked for. */
#include "base/log.h"
#include "support/fixture.h"
#include "support/stage.h"
#include "wire/rrtype.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char template_text[] =
    "$TTL 300\n@ SOA ns1 hostmaster 7 2 3 4 60\n@ NS ns1\n@ NS ns.pool.test.\nns1 A 192.0.2.1\n"
    "@ MX 10 mail\n@ MX 20 mx.pool.test.\n@ TXT \"v=spf1 mx -all\"\nmail A 192.0.2.2\n"
    "_imaps._tcp SRV 0 1 993 mail\nalias CNAME www\nchain CNAME alias\nwww A 192.0.2.3\n"
    "* A 192.0.2.4\n*.mx MX 5 mail\na.b.c TXT deep\nsub NS ns.sub\nsub NS ns.pool.test.\n"
    "ns.sub A 192.0.2.5\nold DNAME new\nx.new A 192.0.2.6\nout CNAME mx.pool.test.\n";

static const char pool_text[] = "$ORIGIN pool.test.\n$TTL 300\n@ SOA ns h 1 2 3 4 60\n@ NS ns\n"
                                "ns A 192.0.2.53\nmx A 192.0.2.54\nin CNAME alias.one.test.\n";

/* Of a name below a domain that is a zone of its own, by a file or in the list. */
static const char own_text[] = "$ORIGIN www.two.test.\n$TTL 300\n@ SOA ns.pool.test. h 9 2 3 4 60\n"
                               "@ NS ns.pool.test.\n@ A 192.0.2.99\n";

static const char parent_text[] = "$ORIGIN test.\n$TTL 300\n@ SOA ns.pool.test. h 3 2 3 4 60\n"
                                  "@ NS ns.pool.test.\none NS ns.pool.test.\none DS 1 8 1 "
                                  "0123456789012345678901234567890123456789\n*.two TXT never\n";

static int setup(void **state)
{
    struct stage *stage = calloc(1, sizeof *stage);
    log_set_level((enum log_level) - 1);
    stage_init(stage, false);
    stage->lenient = true;
    folder_write(stage->folder, "customer.zone", template_text);
    folder_write(stage->folder, "pool.zone", pool_text);
    folder_write(stage->folder, "own.zone", own_text);
    folder_write(stage->folder, "test.zone", parent_text);
    folder_write(stage->folder, "bad.zone", "@ SOA ns1 h 1 2 3 4 5\n@ NS ns1\n@ A wrong\n");
    folder_write(stage->folder, "customers.txt",
                 "# customers\none.test\nTWO.test.\n\nsub.two.test\nmail.one.test # a zone too\n");
    folder_write(stage->folder, "unlucky.txt", "unlucky.test\n");
    stage_config(stage,
                 "server: {probing: off}\nzones:\n  - pool.zone\n  - own.zone\n  - test.zone\n"
                 "  - {file: customer.zone, names: customers.txt}\n"
                 "  - {file: bad.zone, names: unlucky.txt}\n");
    stage_load(stage);
    *state = stage;
    return 0;
}

static int teardown(void **state)
{
    stage_free(*state);
    free(*state);
    return 0;
}

static const struct {
    const char *name;
    uint16_t rrtype;
    const char *expected;
} questions[] = {
    /* the apex, and what is relative in rdata */
    {"one.test", RRTYPE_MX,
     "NOERROR aa | one.test. 300 MX 10 mail.one.test.; one.test. 300 MX 20 mx.pool.test. | |"},
    {"two.test", RRTYPE_SOA,
     "NOERROR aa | two.test. 300 SOA ns1.two.test. hostmaster.two.test. 7 2 3 4 60 | |"},
    {"two.test", RRTYPE_TXT, "NOERROR aa | two.test. 300 TXT \"v=spf1 mx -all\" | |"},
    {"_imaps._tcp.two.test", RRTYPE_SRV,
     "NOERROR aa | _imaps._tcp.two.test. 300 SRV 0 1 993 mail.two.test. | |"},
    {"sub.two.test", RRTYPE_A,
     "NOERROR aa | | sub.two.test. 60 SOA ns1.sub.two.test. hostmaster.sub.two.test. 7 2 3 4 60 |"},
    /* names below */
    {"www.one.test", RRTYPE_A, "NOERROR aa | www.one.test. 300 A 192.0.2.3 | |"},
    {"chain.one.test", RRTYPE_A,
     "NOERROR aa | alias.one.test. 300 CNAME www.one.test.; chain.one.test. 300 CNAME "
     "alias.one.test.; www.one.test. 300 A 192.0.2.3 | |"},
    {"out.two.test", RRTYPE_A,
     "NOERROR aa | mx.pool.test. 300 A 192.0.2.54; out.two.test. 300 CNAME mx.pool.test. | |"},
    {"in.pool.test", RRTYPE_A,
     "NOERROR aa | alias.one.test. 300 CNAME www.one.test.; in.pool.test. 300 CNAME "
     "alias.one.test.; www.one.test. 300 A 192.0.2.3 | |"},
    {"any.one.test", RRTYPE_A, "NOERROR aa | any.one.test. 300 A 192.0.2.4 | |"},
    {"q.mx.one.test", RRTYPE_MX, "NOERROR aa | q.mx.one.test. 300 MX 5 mail.one.test. | |"},
    {"b.c.one.test", RRTYPE_TXT,
     "NOERROR aa | | one.test. 60 SOA ns1.one.test. hostmaster.one.test. 7 2 3 4 60 |"},
    {"q.c.one.test", RRTYPE_TXT,
     "NXDOMAIN aa | | one.test. 60 SOA ns1.one.test. hostmaster.one.test. 7 2 3 4 60 |"},
    /* delegation and DNAME */
    {"x.sub.one.test", RRTYPE_A,
     "NOERROR | | sub.one.test. 300 NS ns.pool.test.; sub.one.test. 300 NS ns.sub.one.test. | "
     "ns.sub.one.test. 300 A 192.0.2.5"},
    {"x.old.two.test", RRTYPE_A,
     "NOERROR aa | old.two.test. 300 DNAME new.two.test.; x.new.two.test. 300 A 192.0.2.6; "
     "x.old.two.test. 300 CNAME x.new.two.test. | |"},
    /* the longest match: a domain below a domain, a zone of a file below a domain */
    {"www.mail.one.test", RRTYPE_A, "NOERROR aa | www.mail.one.test. 300 A 192.0.2.3 | |"},
    {"mail.one.test", RRTYPE_MX,
     "NOERROR aa | mail.one.test. 300 MX 10 mail.mail.one.test.; mail.one.test. 300 MX 20 "
     "mx.pool.test. | |"},
    {"www.two.test", RRTYPE_A, "NOERROR aa | www.two.test. 300 A 192.0.2.99 | |"},
    {"q.www.two.test", RRTYPE_A,
     "NXDOMAIN aa | | www.two.test. 60 SOA ns.pool.test. h.www.two.test. 9 2 3 4 60 |"},
    /* the zone above a domain: DS, and what the domain hides */
    {"one.test", RRTYPE_DS,
     "NOERROR aa | one.test. 300 DS 1 8 1 0123456789012345678901234567890123456789 | |"},
    {"two.test", RRTYPE_DS, "NOERROR aa | | test. 60 SOA ns.pool.test. h.test. 3 2 3 4 60 |"},
    {"www.two.test", RRTYPE_DS,
     "NOERROR aa | | two.test. 60 SOA ns1.two.test. hostmaster.two.test. 7 2 3 4 60 |"},
    {"sub.two.test", RRTYPE_DS,
     "NOERROR aa | | two.test. 60 SOA ns1.two.test. hostmaster.two.test. 7 2 3 4 60 |"},
    {"q.two.test", RRTYPE_TXT,
     "NOERROR aa | | two.test. 60 SOA ns1.two.test. hostmaster.two.test. 7 2 3 4 60 |"},
    {"three.test", RRTYPE_A, "NXDOMAIN aa | | test. 60 SOA ns.pool.test. h.test. 3 2 3 4 60 |"},
    /* the template's file is bad */
    {"unlucky.test", RRTYPE_A, "SERVFAIL | | |"},
    {"www.unlucky.test", RRTYPE_MX, "SERVFAIL | | |"},
};

static void answers(void **state)
{
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        ldns_pkt *packet = stage_ask(*state, questions[i].name, questions[i].rrtype);
        assert_non_null(packet);
        char *text = packet_text(packet);
        if (strcmp(text, questions[i].expected) != 0)
            print_error("%s type %u\n", questions[i].name, questions[i].rrtype);
        assert_string_equal(text, questions[i].expected);
        free(text);
        ldns_pkt_free(packet);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
