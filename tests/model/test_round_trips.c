/* SPDX-License-Identifier: BSD-2-Clause */
/* The texts of checks in the model: what is the same check, how long they live; and round trips
 * whose messages nobody could find. */
#include "fixture.h"

#include <sys/stat.h>

#define HEAD                                                                                       \
    "$ORIGIN example.test.\n$TTL 60\n"                                                             \
    "@ SOA ns.example. h.example. 1 2 3 4 5\n@ NS ns.example.\n"                                   \
    "mx1 A 192.0.2.1\nmx2 A 192.0.2.2\n"

#define MAIL HEAD "@ MX 10 mx1\n@ MX 20 mx2\n"

#define IMAP "_imap._tcp SRV 0 1 143 imap\nimap A 192.0.2.1\nimap A 192.0.2.2\n"

static void write_secret(struct fixture *fixture, const char *name, const char *password)
{
    char text[128];
    snprintf(text, sizeof text, "user: probe\npassword: %s\n", password);
    fixture_write(fixture, name, text);
    assert_int_equal(chmod(fixture_path(fixture, name), 0600), 0);
}

/* The model of one zone and a configuration, with what must be told. */
#define build(fixture, yaml, zone, ...)                                                            \
    build_expecting(fixture, yaml, zone, (const char *const[]){__VA_ARGS__})

static bool build_expecting(struct fixture *fixture, const char *yaml, const char *zone,
                            const char *const *expected)
{
    write_secret(fixture, "secret", "one");
    write_secret(fixture, "same", "one");
    write_secret(fixture, "other", "two");
    fixture_configure(fixture, yaml);
    fixture_write(fixture, "example.test.zone", zone);
    fixture_add(fixture, "example.test.zone");
    bool built = fixture_build(fixture, true);
    fixture_expect(fixture, expected);
    return built;
}

/* ---- texts ---- */

static size_t count_checks(const struct fixture *fixture, enum check_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < fixture->model->nchecks; i++)
        count += fixture->model->checks[i].settings.kind == kind;
    return count;
}

/* By what the texts say, whatever file they came from. */
static void same_checks(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *one, *other;
        size_t checks;
    } cases[] = {
        {"credentials: secret", "credentials: secret", 1},
        {"credentials: secret", "credentials: same", 1},
        {"credentials: secret", "credentials: other", 2},
        {"credentials: secret", "weight: 1", 2},
        {"probe-recipient: a@example.test", "probe-recipient: a@example.test", 1},
        {"probe-recipient: a@example.test", "probe-recipient: b@example.test", 2},
        {"mailbox: mx1.example.test", "mailbox: MX1.example.test.", 1},
        {"mailbox: mx1.example.test", "mailbox: mx2.example.test", 2},
        /* The same text at two places is not the same check. */
        {"mailbox: mx1.example.test", "probe-recipient: mx1@example.test", 2},
        {"sentinel: on", "cert-warn: 14d", 1},
        {"hold: 1m", "return: manual", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char yaml[256];
        snprintf(yaml, sizeof yaml, "hosts: {mx1.example.test: {%s}, mx2.example.test: {%s}}\n",
                 cases[i].one, cases[i].other);
        assert_true(build(fixture, yaml, MAIL, NULL));
        if (count_checks(fixture, CHECK_SMTP) != cases[i].checks)
            fail_msg("%s: not %zu checks", yaml, cases[i].checks);
    }
}

/* A model outlives its configuration, and a copy of its settings the model. */
static void lifetimes(void **state)
{
    struct fixture *fixture = *state;
    struct check_settings copy;
    assert_true(build(fixture,
                      "checks: {smtp: {credentials: secret, probe-recipient: a@example.test}}\n",
                      MAIL, NULL));
    config_free(fixture->config);
    fixture->config = NULL;
    const struct check_settings *settings = &fixture->model->checks[0].settings;
    assert_string_equal(shared_text(settings->password), "one");
    check_settings_copy(&copy, settings);
    model_free(fixture->model);
    fixture->model = NULL;
    assert_string_equal(shared_text(copy.user), "probe");
    assert_string_equal(shared_text(copy.password), "one");
    assert_string_equal(shared_text(copy.recipient), "a@example.test");
    check_settings_release(&copy);
}

/* ---- round trips ---- */

#define TRIP "round-trip: 1m, probe-recipient: a@example.test"

static void good_trips(void **state)
{
    static const char *const texts[] = {
        /* the same addresses, under another name */
        "checks: {smtp: {" TRIP "}, imap: {credentials: secret}}\n",
        /* the same host */
        "hosts: {mx1.example.test: {checks: [smtp, imaps], credentials: secret, " TRIP "}}\n",
        /* another one */
        "checks: {smtp: {" TRIP ", mailbox: imap.example.test}}\n"
        "hosts: {imap.example.test: {credentials: secret}}\n",
        "checks: {imap: {credentials: other}}\n"
        "hosts: {mx2.example.test: {" TRIP ", mailbox: IMAP.example.test}}\n",
        /* none at all */
        "checks: {smtp: {probe-recipient: a@example.test, mailbox: nowhere.test}}\n",
        "checks: {smtp: {" TRIP "}}\nhosts: {mx1.example.test: {round-trip: 0}, "
        "mx2.example.test: {round-trip: 0}}\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_true(build(*state, texts[i], MAIL IMAP, NULL));
}

static void trips_without_credentials(void **state)
{
    struct fixture *fixture = *state;
    assert_true(build(fixture, "checks: {smtp: {" TRIP "}}\n", MAIL IMAP,
                      "evermx.yaml:1:10: warning: round-trip: no message is sent to "
                      "mx1.example.test and 1 more host, as it could not be found: no IMAP check "
                      "there has 'credentials', and no 'mailbox' names another host",
                      NULL));
    assert_true(build(fixture,
                      "checks: {imap: {credentials: secret}}\nhosts:\n"
                      "  mx1.example.test: {" TRIP "}\n",
                      MAIL "_imap._tcp SRV 0 1 143 mx2\n",
                      "evermx.yaml:3:3: warning: round-trip: no message is sent to "
                      "mx1.example.test, as",
                      NULL));
    /* POP3 does not show what has come. */
    assert_true(build(fixture,
                      "hosts: {mx1.example.test: {checks: [smtp, pop3], credentials: secret, " TRIP
                      "}}\n",
                      MAIL, "evermx.yaml:1:9: warning: round-trip: no message is sent to ", NULL));
    /* Outside our zones there may be anything. */
    assert_true(build(fixture, "checks: {smtp: {" TRIP "}, imap: {credentials: secret}}\n",
                      HEAD "@ MX 10 mx.example.org.\n_imap._tcp SRV 0 1 143 mx1\n",
                      "evermx.yaml:1:10: warning: round-trip: no message is sent to "
                      "mx.example.org, as",
                      NULL));
    assert_true(build(fixture, "server: {probing: off}\nchecks: {smtp: {" TRIP "}}\n", MAIL, NULL));
}

static void trips_to_nowhere(void **state)
{
    struct fixture *fixture = *state;
    assert_false(build(fixture, "checks: {smtp: {" TRIP ", mailbox: nowhere.example.test}}\n",
                       MAIL IMAP,
                       "evermx.yaml:1:10: error: round-trip: messages to a@example.test cannot be "
                       "found at 'mailbox' nowhere.example.test: no MX or SRV record names it, and "
                       "it has no settings in 'hosts'",
                       NULL));
    assert_false(build(
        fixture, "hosts:\n  mx2.example.test: {" TRIP ", mailbox: imap.example.test}\n", MAIL IMAP,
        "evermx.yaml:2:3: error: round-trip: messages to a@example.test cannot be "
        "found at 'mailbox' imap.example.test: it has no check of type imap or imaps "
        "with 'credentials'",
        NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(same_checks),      TEST(lifetimes), TEST(good_trips), TEST(trips_without_credentials),
        TEST(trips_to_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
