/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of reasons is whole, its words are fit for programs, and its statuses are as decided.
 */
#include "verdict/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_table_is_whole(void **state)
{
    (void)state;
    for (unsigned reason = 0; reason < REASON_COUNT; reason++) {
        const char *word = reason_word((enum reason)reason);
        assert_non_null(word);
        assert_non_null(reason_sentence((enum reason)reason));
        assert_true(strlen(reason_sentence((enum reason)reason)) > 5);
        assert_int_equal(word[strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-")], '\0');
        for (unsigned other = 0; other < reason; other++)
            assert_string_not_equal(word, reason_word((enum reason)other));
    }
}

static void test_statuses(void **state)
{
    (void)state;
    for (unsigned reason = REASON_REFUSED; reason <= REASON_UNDELIVERED; reason++)
        assert_int_equal(reason_status((enum reason)reason), OUTCOME_FAIL);
    for (unsigned reason = REASON_PROBER_REFUSED; reason < REASON_COUNT; reason++)
        assert_int_equal(reason_status((enum reason)reason), OUTCOME_UNKNOWN);
    for (unsigned reason = 0; reason < REASON_COUNT; reason++)
        assert_int_equal(reason_evidence((enum reason)reason) != EVIDENCE_NONE,
                         reason_status((enum reason)reason) == OUTCOME_FAIL);
    assert_int_equal(reason_status(REASON_OK), OUTCOME_OK);
    assert_int_equal(reason_status(REASON_NONE), OUTCOME_UNKNOWN);
    assert_int_equal(reason_status(REASON_LOCAL), OUTCOME_UNKNOWN);
    assert_int_equal(reason_status(REASON_LATE), OUTCOME_UNKNOWN);
    assert_int_equal(reason_status(REASON_CANCELLED), OUTCOME_UNKNOWN);
}

/* Hosts that fail so may be answered where nothing better is left: no silence, nothing by which
 * mail bounces, and nothing that leads a client astray. */
static void test_what_passes(void **state)
{
    (void)state;
    static const enum reason never[] = {
        REASON_REFUSED,        REASON_CONNECT_TIMEOUT, REASON_GREETING_TIMEOUT, REASON_GREETING_BAD,
        REASON_GREETING_5XX,   REASON_REPLY_5XX,       REASON_CERT_EXPIRED,     REASON_CERT_NAME,
        REASON_CERT_UNTRUSTED, REASON_INJECTION,       REASON_TLS_NOT_OFFERED,
    };
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        assert_false(reason_passes(never[i]));
    for (unsigned reason = 0; reason < REASON_COUNT; reason++)
        if (reason_passes((enum reason)reason))
            assert_true(reason_evidence((enum reason)reason) == EVIDENCE_SICK ||
                        reason_evidence((enum reason)reason) == EVIDENCE_DOUBT);
    assert_true(reason_passes(REASON_GREETING_4XX));
    assert_true(reason_passes(REASON_REPLY_TIMEOUT));
}

/* Programs read these: they must not change. */
static void test_words(void **state)
{
    (void)state;
    assert_string_equal(reason_word(REASON_OK), "ok");
    assert_string_equal(reason_word(REASON_REFUSED), "refused");
    assert_string_equal(reason_word(REASON_GREETING_TIMEOUT), "greeting-timeout");
    assert_string_equal(reason_word(REASON_GREETING_4XX), "greeting-4xx");
    assert_string_equal(reason_word(REASON_LATE), "late");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_whole), cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_what_passes), cmocka_unit_test(test_words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
