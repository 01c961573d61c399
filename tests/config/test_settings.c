/* SPDX-License-Identifier: BSD-2-Clause */
/* The settings of checks: ranges, durations, what follows from one for another, and what holds at a
 * host. */
#include "config/config.h"
#include "config/schema.h"
#include "support/config_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FIELD(field)                                                                               \
    offsetof(struct check_settings, field), sizeof(((struct check_settings *)0)->field)

/* Its range, what is just outside of it, and what else must be said that the value may stand. */
static const struct setting {
    const char *name;
    const char *least, *most, *below, *above; /* each is wrong */
    int64_t least_value, most_value;
    size_t offset, size;
    const char *beside;
} settings_ranges[] = {
    {"interval", "100ms", "1h", "99ms", "3601s", 100, 3600000, FIELD(interval_ms), ""},
    {"service-interval", "100ms", "1h", "99ms", "3601s", 100, 3600000, FIELD(service_interval_ms),
     ""},
    {"timeout", "100ms", "60m", "99ms", "3600001ms", 100, 3600000, FIELD(timeout_ms),
     ", connect-timeout: 100ms, greeting-timeout: 100ms, reply-timeout: 100ms"},
    {"connect-timeout", "50ms", "15m", "49ms", "901s", 50, 900000, FIELD(connect_timeout_ms), ""},
    {"greeting-timeout", "50ms", "15m", "49ms", "16m", 50, 900000, FIELD(greeting_timeout_ms), ""},
    {"reply-timeout", "50ms", "15m", "49ms", "900001ms", 50, 900000, FIELD(reply_timeout_ms), ""},
    {"recheck", "10ms", "1h", "9ms", "2h", 10, 3600000, FIELD(recheck_ms), ", interval: 1h"},
    {"fall", "1", "100", "0", "101", 1, 100, FIELD(fall), ""},
    {"rise", "1", "100", "0", "101", 1, 100, FIELD(rise), ""},
    {"cert-warn", "1h", "365d", "59m", "366d", 3600000, INT64_C(31536000000), FIELD(cert_warn_ms),
     ""},
    {"cert-warn", "0", "0s", "1s", "0.5d", 0, 0, FIELD(cert_warn_ms), ""},
    {"return", "auto", "manual", "off", "down", CHECK_RETURN_AUTO, CHECK_RETURN_MANUAL,
     FIELD(returns), ""},
    {"hold", "1s", "1h", "999ms", "61m", 1000, 3600000, FIELD(hold_ms), ""},
    {"hold", "0", "0m", "1ms", "00", 0, 0, FIELD(hold_ms), ""},
    {"slow-start", "1s", "1d", "999ms", "25h", 1000, 86400000, FIELD(slow_start_ms), ""},
    {"slow-start", "0", "0h", "-1s", "0x0", 0, 0, FIELD(slow_start_ms), ""},
    {"tls", "off", "required", "none", "true", CHECK_TLS_OFF, CHECK_TLS_REQUIRED, FIELD(tls), ""},
};

static void check_setting(struct config_file *file, const struct setting *setting, const char *text,
                          int64_t expected)
{
    struct check_settings at_host;
    struct config *config =
        config_file_load_good(file,
                              "checks: {smtp: {%s: %s%s}, own: {type: imap, %s: %s%s}}\n"
                              "hosts: {mx1.test: {checks: [pop3], %s: %s%s}}\n",
                              setting->name, text, setting->beside, setting->name, text,
                              setting->beside, setting->name, text, setting->beside);
    const struct check_settings *read[] = {
        &config->checks[CHECK_SMTP].settings,
        &config->checks[CHECK_KINDS].settings,
        &at_host,
    };
    config_host_settings(&config->hosts[0], &config->checks[CHECK_POP3], &at_host);
    for (size_t i = 0; i < 3; i++) {
        int64_t value = 0; /* little-endian machines only: the fields have 4 or 8 octets */
        if (setting->size == 4) {
            uint32_t small;
            memcpy(&small, (const char *)read[i] + setting->offset, 4);
            value = small;
        } else {
            memcpy(&value, (const char *)read[i] + setting->offset, 8);
        }
        if (value != expected)
            fail_msg("%s: %s: %lld", setting->name, text, (long long)value);
    }
    config_free(config);
}

static void test_settings_good(void **state)
{
    for (size_t i = 0; i < sizeof settings_ranges / sizeof *settings_ranges; i++) {
        const struct setting *setting = &settings_ranges[i];
        check_setting(*state, setting, setting->least, setting->least_value);
        check_setting(*state, setting, setting->most, setting->most_value);
    }
}

static void test_settings_bad(void **state)
{
    static const char *const places[] = {"checks:\n  smtp: {%s: ^%s}\n",
                                         "checks:\n  own:\n    type: imap\n    %s: ^%s\n",
                                         "hosts: {mx1.test: {checks: [smtp], %s: ^%s}}\n"};
    for (size_t i = 0; i < sizeof settings_ranges / sizeof *settings_ranges; i++) {
        const struct setting *setting = &settings_ranges[i];
        const char *const values[] = {setting->below, setting->above, "''", "much", "[1]"};
        for (size_t place = 0; place < 3; place++) {
            for (size_t value = 0; value < sizeof values / sizeof *values; value++) {
                char text[256], message[64];
                snprintf(text, sizeof text, places[place], setting->name, values[value]);
                snprintf(message, sizeof message, "'%s': ", setting->name);
                config_file_expect(*state, text, message);
            }
        }
    }
}

static void test_durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"100ms", 100}, {"999ms", 999},         {"1s", 1000},    {"59s", 59000},
                {"1m", 60000},  {"3600000ms", 3600000}, {"1h", 3600000}, {"'7s'", 7000}};
    static const char *const bad[] = {
        "2 s", "s",    "+2s",  "2.5s", "2S", "02s",   "2sec",  "2ms2",     "9999999999s",
        "1w",  "2s ,", "0x2s", "ms",   "m2", "1h30m", "'2s '", "2\u00b5s", "1e3ms",
    };
    struct config_file *file = *state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct config *config =
            config_file_load_good(file, "checks: {smtp: {interval: %s}}", good[i].text);
        assert_int_equal(config->checks[CHECK_SMTP].settings.interval_ms, good[i].ms);
        config_free(config);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[128];
        snprintf(text, sizeof text, "checks:\n  smtp:\n    interval: ^%s\n", bad[i]);
        config_file_expect(file, text, "'interval': '");
    }
    config_file_expect(file, "checks: {smtp: {interval: ^20}}",
                       "'interval': '20' needs a unit, like 20s (ms, s, m, h or d)");
    config_file_expect(file, "checks: {smtp: {interval: ^0}}", "'interval': '0' needs a unit");
}

/* A duration's format in messages: the largest unit that leaves a whole number. */
static void test_duration_format(void **state)
{
    (void)state;
    char text[32];
    assert_string_equal(duration_format(1, text), "1ms");
    assert_string_equal(duration_format(999, text), "999ms");
    assert_string_equal(duration_format(1000, text), "1s");
    assert_string_equal(duration_format(1500, text), "1500ms");
    assert_string_equal(duration_format(60000, text), "1m");
    assert_string_equal(duration_format(90000, text), "90s");
    assert_string_equal(duration_format(86400000, text), "1d");
    assert_string_equal(duration_format(25 * 3600000, text), "25h");
    assert_string_equal(duration_format(0, text), "0");
}

/* More time for a step is more time for the probe; a short interval brings its recheck along. */
static void test_settings_follow(void **state)
{
    struct config *config = config_file_load_good(
        *state, "checks:\n"
                "  smtp: {greeting-timeout: 120s}\n"                  /* 30 + 112 s */
                "  imap: {connect-timeout: 4s, reply-timeout: 60s}\n" /* 30 + 0.5 + 50 s */
                "  pop3: {greeting-timeout: 1s, interval: 200ms}\n"   /* less does not shorten */
                "  pop3s: {greeting-timeout: 120s, timeout: 120s}\n");
    assert_int_equal(config->checks[CHECK_SMTP].settings.timeout_ms, 142000);
    assert_int_equal(config->checks[CHECK_IMAP].settings.timeout_ms, 80500);
    assert_int_equal(config->checks[CHECK_POP3].settings.timeout_ms, 30000);
    assert_int_equal(config->checks[CHECK_POP3].settings.recheck_ms, 200);
    assert_int_equal(config->checks[CHECK_POP3S].settings.timeout_ms, 120000);
    config_free(config);
    config = config_file_load_good(*state, "checks:\n"
                                           "  smtp: {round-trip-drain: 1m}\n"
                                           "  smtps: {round-trip-alarm: 10m}\n"
                                           "  submission: {round-trip-alarm: 3m}\n");
    assert_int_equal(config->checks[CHECK_SMTP].settings.alarm_ms, 60000);
    assert_int_equal(config->checks[CHECK_SMTPS].settings.drain_ms, 600000);
    assert_int_equal(config->checks[CHECK_SUBMISSION].settings.alarm_ms, 180000);
    assert_int_equal(config->checks[CHECK_SUBMISSION].settings.drain_ms, 300000);
    config_free(config);
}

static void test_host_settings(void **state)
{
    struct config *config = config_file_load_good(
        *state, "checks:\n"
                "  smtp: {timeout: 20s, recheck: 1s, fall: 4, port: 2525}\n"
                "hosts:\n"
                "  slow.test: {greeting-timeout: 120s, fall: 9, tls: required}\n"
                "  fast.test: {interval: 500ms, rise: 1, checks: [smtp, imaps], tls: off}\n"
                "  own.test: {timeout: 140s, greeting-timeout: 120s, recheck: 2s}\n"
                "  less.test: {greeting-timeout: 1s}\n");
    struct check_settings settings;
    config_host_settings(NULL, &config->checks[CHECK_SMTP], &settings);
    assert_memory_equal(&settings, &config->checks[CHECK_SMTP].settings, sizeof settings);

    config_host_settings(&config->hosts[0], &config->checks[CHECK_SMTP], &settings);
    assert_int_equal(settings.kind, CHECK_SMTP);
    assert_int_equal(settings.port, 2525);
    assert_int_equal(settings.greeting_timeout_ms, 120000);
    assert_int_equal(settings.timeout_ms, 132000); /* the check's 20 s, 112 s more */
    assert_int_equal(settings.recheck_ms, 1000);
    assert_int_equal(settings.fall, 9);
    assert_int_equal(settings.rise, 3);
    assert_int_equal(settings.tls, CHECK_TLS_REQUIRED);

    config_host_settings(&config->hosts[1], &config->checks[CHECK_SMTP], &settings);
    assert_int_equal(settings.interval_ms, 500);
    assert_int_equal(settings.recheck_ms, 500);
    assert_int_equal(settings.timeout_ms, 20000);
    assert_int_equal(settings.fall, 4);
    assert_int_equal(settings.rise, 1);
    assert_int_equal(settings.tls, CHECK_TLS_OFF);
    config_host_settings(&config->hosts[1], &config->checks[CHECK_IMAPS], &settings);
    assert_int_equal(settings.tls, CHECK_TLS_REQUIRED); /* the kind's own */
    assert_int_equal(settings.port, 993);

    config_host_settings(&config->hosts[2], &config->checks[CHECK_SMTP], &settings);
    assert_int_equal(settings.timeout_ms, 140000);
    assert_int_equal(settings.recheck_ms, 2000);
    config_host_settings(&config->hosts[3], &config->checks[CHECK_SMTP], &settings);
    assert_int_equal(settings.timeout_ms, 20000);
    config_free(config);
}

/* What a host sets is for those of its checks that can have it. */
static void test_host_settings_by_kind(void **state)
{
    struct config *config = config_file_load_good(
        *state, "checks:\n"
                "  port: {type: tcp, port: 26}\n"
                "  smtp: {probe-recipient: all@example.test, mailbox: imap.example.test}\n"
                "hosts:\n"
                "  all.test: {probe-recipient: one@example.test, sentinel: on, refusal: down,\n"
                "             mailbox: IMAP2.example.test., cert-warn: 3d, greeting-timeout: 20s,\n"
                "             round-trip: 1m, round-trip-drain: 1m, return: manual, hold: 0}\n"
                "  port.test: {checks: [port, imap], sentinel: on, greeting-timeout: 20s}\n"
                "  none.test: {round-trip: 0}\n");
    const struct config_check *smtp = &config->checks[CHECK_SMTP],
                              *imap = &config->checks[CHECK_IMAP],
                              *port = &config->checks[CHECK_KINDS];
    struct check_settings settings;
    config_host_settings(&config->hosts[0], smtp, &settings);
    assert_string_equal(shared_text(settings.recipient), "one@example.test");
    assert_string_equal(shared_text(settings.mailbox), "imap2.example.test");
    assert_false(settings.sentinel);
    assert_int_equal(settings.refusal, CHECK_REFUSAL_DOWN);
    assert_int_equal(settings.cert_warn_ms, 3 * 86400000);
    assert_int_equal(settings.round_trip_ms, 60000);
    assert_int_equal(settings.drain_ms, 60000);
    assert_int_equal(settings.alarm_ms, 60000);
    assert_int_equal(settings.returns, CHECK_RETURN_MANUAL);
    assert_int_equal(settings.hold_ms, 0);

    config_host_settings(&config->hosts[0], imap, &settings);
    assert_null(settings.recipient);
    assert_null(settings.mailbox);
    assert_true(settings.sentinel);
    assert_int_equal(settings.refusal, CHECK_REFUSAL_UNKNOWN);
    assert_int_equal(settings.round_trip_ms, 0);
    assert_int_equal(settings.cert_warn_ms, 3 * 86400000);
    assert_int_equal(settings.returns, CHECK_RETURN_MANUAL);

    config_host_settings(&config->hosts[1], port, &settings);
    assert_true(check_settings_equal(&settings, &port->settings));
    config_host_settings(&config->hosts[1], imap, &settings);
    assert_true(settings.sentinel);
    assert_int_equal(settings.greeting_timeout_ms, 20000);
    config_host_settings(&config->hosts[2], smtp, &settings);
    assert_string_equal(shared_text(settings.recipient), "all@example.test");
    config_free(config);
}

/* Each setting counts, texts by what they say; and copies outlive what they were made from. */
static void test_settings_equal(void **state)
{
    static const char *const others[] = {
        "tls: required",
        "interval: 3s",
        "service-interval: 31s",
        "timeout: 31s",
        "connect-timeout: 1s",
        "greeting-timeout: 7s",
        "reply-timeout: 9s",
        "recheck: 400ms",
        "fall: 3",
        "rise: 2",
        "refusal: down",
        "cert-warn: 0",
        "return: manual",
        "hold: 0",
        "slow-start: 0",
        "probe-recipient: b@example.test",
        "round-trip: 1m",
        "round-trip-alarm: 1m",
        "round-trip-drain: 6m",
        "mailbox: b.test",
        "port: 26",
    };
    static const char text[] = "probe-recipient: a@example.test, mailbox: a.test";
    struct check_settings copy;
    struct config *config = config_file_load_good(*state, "checks: {smtp: {%s}}", text);
    check_settings_copy(&copy, &config->checks[CHECK_SMTP].settings);
    config_free(config);
    config = config_file_load_good(*state, "checks: {smtp: {%s}}", text);
    assert_true(check_settings_equal(&copy, &config->checks[CHECK_SMTP].settings));
    assert_false(check_settings_equal(&copy, &config->checks[CHECK_SUBMISSION].settings));
    config_free(config);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        bool recipient = strncmp(others[i], "probe-r", 7) == 0,
             mailbox = strncmp(others[i], "mailb", 5) == 0;
        config = config_file_load_good(*state, "checks: {smtp: {%s%s%s}}",
                                       recipient ? "" : "probe-recipient: a@example.test, ",
                                       mailbox ? "" : "mailbox: a.test, ", others[i]);
        if (check_settings_equal(&copy, &config->checks[CHECK_SMTP].settings))
            fail_msg("%s makes no difference", others[i]);
        config_free(config);
    }
    check_settings_release(&copy);
    assert_null(copy.recipient);
}

/* As a program sets them that has no file. */
static void test_set_options(void **state)
{
    static const char *const good[] = {"greeting-timeout=68s", "interval=200ms", "fall=1",
                                       "tls=off"};
    static const char *const bad[] = {"interval", "interval=",    "interval=1",     "interval=2h",
                                      "=1s",      "intervals=1s", "mailbox=a.test", "sentinel=on"};
    struct config *config = config_new();
    struct check_settings settings = config->checks[CHECK_SMTP].settings;
    const int64_t timeout_ms = settings.timeout_ms;
    struct error error;
    (void)state;
    assert_true(config_set_options(&settings, good, sizeof good / sizeof *good, &error));
    assert_int_equal(settings.interval_ms, 200);
    assert_int_equal(settings.recheck_ms, 200); /* never above the interval */
    assert_int_equal(settings.timeout_ms, timeout_ms + 60000);
    assert_int_equal(settings.fall, 1);
    assert_int_equal(settings.tls, CHECK_TLS_OFF);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        settings = config->checks[CHECK_SMTP].settings;
        if (config_set_options(&settings, &bad[i], 1, &error))
            fail_msg("'%s' was taken", bad[i]);
        assert_true(strlen(error.text) > 0);
    }
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_settings_good, config_file_set_up,
                                        config_file_tear_down),
        cmocka_unit_test_setup_teardown(test_settings_bad, config_file_set_up,
                                        config_file_tear_down),
        cmocka_unit_test_setup_teardown(test_durations, config_file_set_up, config_file_tear_down),
        cmocka_unit_test(test_duration_format),
        cmocka_unit_test_setup_teardown(test_settings_follow, config_file_set_up,
                                        config_file_tear_down),
        cmocka_unit_test_setup_teardown(test_host_settings, config_file_set_up,
                                        config_file_tear_down),
        cmocka_unit_test_setup_teardown(test_host_settings_by_kind, config_file_set_up,
                                        config_file_tear_down),
        cmocka_unit_test(test_set_options),
        cmocka_unit_test_setup_teardown(test_settings_equal, config_file_set_up,
                                        config_file_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
