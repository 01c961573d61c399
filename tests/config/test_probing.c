/* SPDX-License-Identifier: BSD-2-Clause */
/* What probes come from and ask with, and the options of round trips. (What is wrong with them is
 * told by tests/config/bad.) */
#include "config/config.h"
#include "support/config_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define CA_FILE "tests/config/ca.pem"

static void expect_address(const struct address *address, const char *expected)
{
    char text[ADDRESS_TEXT_SIZE];
    address_format(address, text);
    assert_string_equal(text, expected);
}

static void sources(void **state)
{
    struct config_file *file = *state;
    struct config *config = config_file_load_good(file, "server: {probe-source: 192.0.2.1}");
    assert_int_equal(config->nprobe_sources, 1);
    expect_address(&config->probe_sources[0], "192.0.2.1");
    config_free(config);
    config = config_file_load_good(file, "server: {probe-source: [\"2001:db8::1\", 127.0.0.9]}");
    assert_int_equal(config->nprobe_sources, 2);
    expect_address(&config->probe_sources[0], "2001:db8::1");
    expect_address(&config->probe_sources[1], "127.0.0.9");
    config_free(config);
    config = config_file_load_good(file, "server: {probe-source: []}");
    assert_int_equal(config->nprobe_sources, 0);
    config_free(config);
}

static void names(void **state)
{
    static const char *const good[] = {"probe.example.test", "[192.0.2.1]", "[IPv6:2001:db8::1]"};
    struct config_file *file = *state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct config *config = config_file_load_good(file, "server: {ehlo-name: '%s'}", good[i]);
        assert_string_equal(config->ehlo_name, good[i]);
        config_free(config);
    }
    config_file_expect(file, "server: {ehlo-name: ^probe.example.test.}", "'ehlo-name': ");
    config_file_expect(file, "server: {ehlo-name: ^192.0.2.1}", "'ehlo-name': ");
}

static void canaries(void **state)
{
    struct config_file *file = *state;
    struct config *config = config_file_load_good(
        file, "server: {uplink-guard: off,\n"
              "  canaries: [192.0.2.1, 192.0.2.1@443, 2001:db8::1, \"[2001:db8::1]@53\"]}");
    assert_false(config->uplink_guard);
    assert_int_equal(config->ncanaries, 4);
    expect_address(&config->canaries[0].address, "192.0.2.1");
    assert_int_equal(config->canaries[0].port, 0);
    assert_int_equal(config->canaries[1].port, 443);
    expect_address(&config->canaries[2].address, "2001:db8::1");
    assert_int_equal(config->canaries[2].port, 0);
    expect_address(&config->canaries[3].address, "2001:db8::1");
    assert_int_equal(config->canaries[3].port, 53);
    config_free(config);
}

static void authorities(void **state)
{
    struct config_file *file = *state;
    char path[128], *text;
    size_t size;
    folder_path(file->folder, "ca.pem", path, sizeof path);
    text = file_read_all(CA_FILE, &size);
    file_write(path, text, size);
    struct config *config = config_file_load_good(file, "server: {ca-file: ca.pem}");
    assert_string_equal(config->ca_file, path);
    config_free(config);

    char *twice = malloc(2 * size);
    memcpy(twice, text, size);
    memcpy(twice + size, text, size);
    memset(twice + size + 100, 'A', 50);
    file_write(path, twice, 2 * size);
    config_file_expect(file, "server: {ca-file: ^ca.pem}", "'ca-file': certificate 2 in ");
    file_write(path, text, size / 2);
    config_file_expect(file, "server: {ca-file: ^ca.pem}", "'ca-file': ");
    file_write(path, "", 0);
    config_file_expect(file, "server: {ca-file: ^ca.pem}", "'ca-file': ");
    config_file_expect(file, "server: {ca-file: ^/dev/zero}", "'ca-file': /dev/zero is no file");
    config_file_expect(file, "server: {ca-file: ^.}", "'ca-file': ");
    free(twice);
    free(text);
}

#define LETTERS_62 "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz"

static void recipients(void **state)
{
    static const char *const good[] = {
        "probe@example.test",   "o'brien+{x}=?@example.test", "a.b.c@x",
        "probe@[192.0.2.1]",    "probe@[IPv6:2001:db8::1]",   LETTERS_62 "64@localhost",
        "#!$%&*/?^_`|~-@a-b.c",
    };
    static const char *const bad[] = {
        "",
        "probe",
        "@example.test",
        "probe@",
        "a..b@x.test",
        ".a@x.test",
        "a.@x.test",
        "a b@x.test",
        "a@x..test",
        "a@x.test.",
        "a@x_y.test",
        "a@[192.0.2]",
        "<a@x.test>",
        "a@x.test>",
        "\\\"a\\\"@x.test",
        "a@b@x.test",
        "gr\xC3\xBC@x.test",
        "a@\\\\101.test",
        "a@*",
        LETTERS_62 "645@x.test",
        "a\\\\@x.test",
    };
    struct config_file *file = *state;
    char text[512];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct config *config;
        config = config_file_load_good(file, "checks: {smtp: {probe-recipient: \"%s\"}}", good[i]);
        assert_string_equal(shared_text(config->checks[CHECK_SMTP].settings.recipient), good[i]);
        config_free(config);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, "checks: {smtp: {probe-recipient: ^\"%s\"}}", bad[i]);
        config_file_expect(file, text, "");
    }
    snprintf(text, sizeof text, "checks: {smtp: {probe-recipient: ^abcd@%s.%s.%s.%s}}", LETTERS_62,
             LETTERS_62, LETTERS_62, LETTERS_62);
    config_file_expect(file, text, "'probe-recipient': ");
}

static void round_trips(void **state)
{
    struct config_file *file = *state;
    struct config *config = config_file_load_good(
        file, "checks:\n"
              "  smtp: {round-trip: 10s, round-trip-alarm: 10s, round-trip-drain: 1d}\n"
              "  own: {type: smtps, round-trip: 1h, mailbox: IMAP.Example.Test.}\n"
              "  imaps: {sentinel: on}\n"
              "hosts: {mx1.test: {probe-recipient: a@b.test, checks: [smtp, own, imaps]}}\n");
    const struct check_settings *smtp = &config->checks[CHECK_SMTP].settings,
                                *own = &config->checks[CHECK_KINDS].settings;
    assert_int_equal(smtp->round_trip_ms, 10000);
    assert_int_equal(smtp->alarm_ms, 10000);
    assert_int_equal(smtp->drain_ms, 86400000);
    assert_null(smtp->mailbox);
    assert_int_equal(own->round_trip_ms, 3600000);
    assert_string_equal(shared_text(own->mailbox), "imap.example.test");
    assert_true(config->checks[CHECK_IMAPS].settings.sentinel);
    assert_false(config->checks[CHECK_IMAP].settings.sentinel);
    config_free(config);
}

static void capacity(void **state)
{
    struct config_file *file = *state;
    struct config *config = config_file_load_good(
        file, "policies:\n"
              "  - {match: a.test, min-capacity: 50%%}\n  - {match: b.test, min-capacity: 100%%}\n"
              "  - {match: c.test, min-capacity: 0}\n  - {match: d.test, min-capacity: 0%%}\n"
              "  - {match: e.test}\n");
    static const unsigned expected[] = {50, 100, 0, 0, 0};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(config->policies[i].min_capacity, expected[i]);
    config_free(config);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, config_file_set_up, config_file_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sources),    TEST(names),       TEST(canaries), TEST(authorities),
        TEST(recipients), TEST(round_trips), TEST(capacity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
