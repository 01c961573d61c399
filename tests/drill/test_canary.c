/* SPDX-License-Identifier: BSD-2-Clause */
/* Names and answers of canaries, as text. */
#include "../../tools/drill/resolvers/canary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct canary text_canary = {.purpose = PURPOSE_KEEP, .ttl_s = 10};
static const struct canary address_canary = {
    .purpose = PURPOSE_ADDRESS, .ttl_s = 10, .period_s = 1};

static void names(void **state)
{
    const struct canary failing = {.ttl_s = 86400, .period_s = 5, .fails_unix_s = 1700000000};
    char text[NAME_TEXT_SIZE], nonce[80];
    uint8_t name[NAME_MAX_SIZE];
    (void)state;
    assert_true(canary_name(&text_canary, "x1", "example.test", name) > 0);
    assert_string_equal(name_to_text(name, text), "t10.p0.x1._canary.example.test");
    assert_true(canary_name(&failing, "a-b", "example.test.", name) > 0);
    assert_string_equal(name_to_text(name, text), "t86400.p5.f1700000000.a-b._canary.example.test");
    memset(nonce, 'n', sizeof nonce - 1);
    nonce[sizeof nonce - 1] = '\0';
    assert_int_equal(canary_name(&text_canary, nonce, "example.test", name), 0);
}

/* One record in the answer. */
static struct observation read_record(const struct canary *canary, const char *record,
                                      int64_t now_s)
{
    struct observation seen = {0};
    ldns_pkt *packet = ldns_pkt_new();
    ldns_rr *rr = NULL;
    if (record) {
        assert_int_equal(ldns_rr_new_frm_str(&rr, record, 0, NULL, NULL), LDNS_STATUS_OK);
        ldns_pkt_push_rr(packet, LDNS_SECTION_ANSWER, rr);
    }
    canary_read_answer(canary, packet, now_s, &seen);
    ldns_pkt_free(packet);
    return seen;
}

static struct observation read_txt(const char *text)
{
    char record[600];
    snprintf(record, sizeof record, "x.test. 7 IN TXT %s", text);
    return read_record(&text_canary, record, 0);
}

static void good_texts(void **state)
{
    char text[ADDRESS_TEXT_SIZE];
    (void)state;
    struct observation seen =
        read_txt("\"canary time=1700000000123 epoch=17 serial=42 from=192.0.2.1\"");
    assert_true(seen.told && seen.ttl_s == 7 && seen.time_ms == 1700000000123);
    assert_true(seen.epoch == 17 && seen.serial == 42);
    address_format(&seen.from, text);
    assert_string_equal(text, "192.0.2.1");
    seen = read_txt("\"canary time=1 epoch=0 serial=0 from=2001:db8::1 more=to-come\"");
    assert_true(seen.told && seen.from.family == 6);
    seen = read_txt("\"canary time=1 epoch=0 serial=1\"");
    assert_true(seen.told && seen.from.family == 0);
}

static void bad_texts(void **state)
{
    const char *const bad[] = {
        "\"\"",
        "\"canary\"",
        "\"v=spf1 -all\"",
        "\"canary time= epoch=1 serial=2\"",
        "\"canary time=-5 epoch=1 serial=2\"",
        "\"canary time=12x epoch=1 serial=2\"",
        "\"canary time=99999999999999999999999 epoch=1 serial=2\"",
        "\"canary time=9223372036854775807 epoch=1 serial=2\"",
        "\"canary time=5 serial=2\"",
        "\"canary time=5 epoch=1 serial= \"",
        "\"a canary time=5 epoch=1 serial=2\"",
        "\"canary \" \"time=5 epoch=1 serial=2\"",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (read_txt(bad[i]).told)
            fail_msg("taken: %s", bad[i]);
    assert_false(read_record(&text_canary, NULL, 0).told);
    assert_false(read_record(&text_canary, "x.test. 7 IN A 127.0.0.1", 0).told);
    assert_false(read_record(&address_canary, "x.test. 7 IN TXT \"x\"", 0).told);
}

/* The lower 24 bits of the second; the upper ones change each 194 days. */
static void addresses(void **state)
{
    const int64_t now_s = (INT64_C(101) << 24) + 5;
    (void)state;
    struct observation seen = read_record(&address_canary, "x.test. 9 IN A 127.0.0.3", now_s);
    assert_true(seen.told && seen.ttl_s == 9 && seen.time_ms == (now_s - 1) * 1000);
    seen = read_record(&address_canary, "x.test. 9 IN A 127.255.255.255", now_s);
    assert_true(seen.told && seen.time_ms == (now_s - 5) * 1000);
    seen = read_record(&address_canary, "x.test. 9 IN A 127.0.0.1", now_s - 10);
    assert_true(seen.told && seen.time_ms == (now_s - 3) * 1000); /* ahead of our clock */
    assert_false(read_record(&address_canary, "x.test. 9 IN A 192.0.2.1", now_s).told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(good_texts),
        cmocka_unit_test(bad_texts),
        cmocka_unit_test(addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
