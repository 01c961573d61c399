/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/rrtype.h"

#include <string.h>

/* Numbers as in the IANA registry. */
static const struct {
    const char *text;
    uint16_t number;
} known[] = {{"A", 1},       {"NS", 2},          {"CNAME", 5},   {"SOA", 6},    {"PTR", 12},
             {"HINFO", 13},  {"MX", 15},         {"TXT", 16},    {"AAAA", 28},  {"SRV", 33},
             {"NAPTR", 35},  {"DNAME", 39},      {"OPT", 41},    {"DS", 43},    {"SSHFP", 44},
             {"RRSIG", 46},  {"NSEC", 47},       {"DNSKEY", 48}, {"NSEC3", 50}, {"TLSA", 52},
             {"SMIMEA", 53}, {"OPENPGPKEY", 61}, {"SVCB", 64},   {"HTTPS", 65}, {"SPF", 99},
             {"IXFR", 251},  {"AXFR", 252},      {"MAILB", 253}, {"ANY", 255},  {"URI", 256},
             {"CAA", 257},   {"NSEC3PARAM", 51}};

static void test_known(void **state)
{
    (void)state;
    char text[RRTYPE_TEXT_SIZE];
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        uint16_t rrtype = 0;
        assert_true(rrtype_from_text(known[i].text, &rrtype));
        assert_int_equal(rrtype, known[i].number);
        assert_string_equal(rrtype_to_text(known[i].number, text), known[i].text);
    }
    uint16_t rrtype;
    assert_true(rrtype_from_text("aAaA", &rrtype));
    assert_int_equal(rrtype, RRTYPE_AAAA);
}

/* RFC 3597 section 5. */
static void test_unknown(void **state)
{
    (void)state;
    char text[RRTYPE_TEXT_SIZE];
    uint16_t rrtype;
    assert_true(rrtype_from_text("TYPE65280", &rrtype));
    assert_int_equal(rrtype, 65280);
    assert_true(rrtype_from_text("type15", &rrtype));
    assert_int_equal(rrtype, RRTYPE_MX);
    assert_true(rrtype_from_text("TYPE65535", &rrtype));
    assert_string_equal(rrtype_to_text(65280, text), "TYPE65280");
    assert_string_equal(rrtype_to_text(0, text), "TYPE0");

    static const char *const bad[] = {"",        "X",      "MX ",     "TYPE",   "TYPE65536",
                                      "TYPE-1",  "TYPE1x", "TYPE 1",  "TYPE+1", "TYPE999999",
                                      "TYPE1e3", "15",     "NONSENSE"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(rrtype_from_text(bad[i], &rrtype));
}

static void test_every_number_comes_back(void **state)
{
    (void)state;
    char text[RRTYPE_TEXT_SIZE];
    for (unsigned number = 0; number <= UINT16_MAX; number++) {
        uint16_t rrtype;
        rrtype_to_text((uint16_t)number, text);
        assert_true(strlen(text) > 0);
        assert_true(rrtype_from_text(text, &rrtype));
        assert_int_equal(rrtype, number);
    }
}

/* RFC 6895 section 3.1. */
static void test_meta(void **state)
{
    (void)state;
    static const uint16_t meta[] = {RRTYPE_OPT,  128,         249,       250,
                                    RRTYPE_IXFR, RRTYPE_AXFR, RRTYPE_ANY};
    static const uint16_t data[] = {RRTYPE_A, RRTYPE_DS, RRTYPE_RRSIG, 99, 127, 256, 257, 65280};
    for (size_t i = 0; i < sizeof meta / sizeof meta[0]; i++)
        assert_true(rrtype_is_meta(meta[i]));
    for (size_t i = 0; i < sizeof data / sizeof data[0]; i++)
        assert_false(rrtype_is_meta(data[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_every_number_comes_back),
        cmocka_unit_test(test_meta),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
