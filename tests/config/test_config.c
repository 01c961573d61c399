/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration's values: every option but the settings of checks, good and bad, and its
 * default. */
#include "base/memory.h"
#include "config/config.h"
#include "config/domain.h"
#include "support/config_file.h"

#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define GOOD_FILE "tests/config/good.yaml"

static void assert_host(const struct config_host *host, const char *name, int line)
{
    assert_string_equal(host->name, name);
    assert_int_equal(host->place.line, line);
}

/* ---- defaults ---- */

static void check_defaults(const struct config *config)
{
    static const struct {
        const char *name;
        uint16_t port;
        enum check_tls tls;
    } expected[CHECK_KINDS] = {
        [CHECK_SMTP] = {"smtp", 25, CHECK_TLS_OPTIONAL},
        [CHECK_SUBMISSION] = {"submission", 587, CHECK_TLS_REQUIRED},
        [CHECK_SMTPS] = {"smtps", 465, CHECK_TLS_REQUIRED},
        [CHECK_IMAP] = {"imap", 143, CHECK_TLS_OPTIONAL},
        [CHECK_IMAPS] = {"imaps", 993, CHECK_TLS_REQUIRED},
        [CHECK_POP3] = {"pop3", 110, CHECK_TLS_OPTIONAL},
        [CHECK_POP3S] = {"pop3s", 995, CHECK_TLS_REQUIRED},
        [CHECK_TCP] = {"tcp", 0, CHECK_TLS_OFF},
    };
    cpu_set_t cpus;
    assert_int_equal(sched_getaffinity(0, sizeof cpus, &cpus), 0);
    assert_int_equal(config->workers, CPU_COUNT(&cpus) < 256 ? CPU_COUNT(&cpus) : 256);
    assert_int_equal(config->nlisten, 0);
    assert_string_equal(config->control, "/run/evermx/control.sock");
    assert_null(config->user);
    assert_true(config->probing);
    assert_int_equal(config->nprobe_sources + config->ncanaries, 0);
    assert_true(!config->ehlo_name && !config->ca_file);
    assert_true(config->uplink_guard);
    assert_false(config->has_credentials);
    assert_int_equal(config->nzones, 0);
    assert_int_equal(config->nhosts, 0);
    assert_int_equal(config->npolicies, 0);
    assert_int_equal(config->nchecks, CHECK_KINDS);
    for (size_t i = 0; i < CHECK_KINDS; i++) {
        const struct check_settings *settings = &config->checks[i].settings;
        assert_string_equal(config->checks[i].name, expected[i].name);
        assert_int_equal(config->checks[i].place.line, 0);
        assert_int_equal(settings->kind, i);
        assert_int_equal(settings->port, expected[i].port);
        assert_int_equal(settings->tls, expected[i].tls);
        assert_int_equal(settings->interval_ms, 2000);
        assert_int_equal(settings->timeout_ms, 30000);
        assert_int_equal(settings->connect_timeout_ms, 3500);
        assert_int_equal(settings->greeting_timeout_ms, 8000);
        assert_int_equal(settings->reply_timeout_ms, 10000);
        assert_int_equal(settings->recheck_ms, 500);
        assert_int_equal(settings->fall, 2);
        assert_int_equal(settings->rise, 3);
        assert_int_equal(settings->refusal, CHECK_REFUSAL_UNKNOWN);
        assert_int_equal(settings->cert_warn_ms, 14 * 86400000);
        assert_int_equal(settings->returns, CHECK_RETURN_AUTO);
        assert_int_equal(settings->hold_ms, 30000);
        assert_int_equal(settings->slow_start_ms, 300000);
        assert_int_equal(settings->round_trip_ms, 0);
        assert_int_equal(settings->alarm_ms, 120000);
        assert_int_equal(settings->drain_ms, 300000);
        assert_false(settings->sentinel);
        assert_true(!settings->recipient && !settings->user && !settings->password);
        assert_null(settings->mailbox);
    }
}

static void test_defaults(void **state)
{
    (void)state;
    struct config *config = config_new();
    assert_null(config->file);
    check_defaults(config);
    config_free(config);
    config_free(NULL);
}

static void test_empty_files_are_defaults(void **state)
{
    static const char *const texts[] = {
        "",
        "\n",
        "# nothing but this\n",
        "---\n",
        "---\n...\n",
        "{}",
        "~",
        "\xEF\xBB\xBF# BOM\n",
        "server:\nzones:\nchecks:\nhosts:\npolicies:\n",
        "%YAML 1.1\n---\n",
        "\xEF\xBB\xBFserver: {}\r\nzones: []\r\nchecks: {smtp: }\r\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct config_file *file = *state;
        struct config *config = config_file_load(file, texts[i], strlen(texts[i]));
        diagnostics_describe(&file->diagnostics);
        assert_non_null(config);
        assert_string_equal(config->file, file->path);
        for (size_t check = 0; check < config->nchecks; check++)
            config->checks[check].place.line = 0; /* the last text names smtp */
        check_defaults(config);
        config_free(config);
    }
}

/* ---- one good file with everything in it ---- */

static void check_good_server(const struct config_file *file, const struct config *config)
{
    static const char *const endpoints[] = {"127.0.0.1@5300", "[::1]@5300", "192.0.2.1@53",
                                            "[::]@54"};
    char text[ADDRESS_TEXT_SIZE], path[256];
    assert_int_equal(config->nlisten, 4);
    for (size_t i = 0; i < 4; i++) {
        endpoint_format(&config->listen[i].address, config->listen[i].port, text);
        assert_string_equal(text, endpoints[i]);
    }
    assert_int_equal(config->workers, 2);
    snprintf(path, sizeof path, "%s/run/control.sock", file->folder);
    assert_string_equal(config->control, path);
    assert_string_equal(config->user, "evermx");
    assert_false(config->probing);
    assert_int_equal(config->nzones, 2);
    snprintf(path, sizeof path, "%s/zones/example.test.zone", file->folder);
    assert_string_equal(config->zones[0].file, path);
    assert_int_equal(config->zones[0].place.line, 8);
    assert_int_equal(config->zones[0].place.column, 5);
    assert_string_equal(config->zones[1].file, "/srv/zones/customer.zone");
    assert_int_equal(config->zones[1].place.line, 9);
}

static void check_good_checks(const struct config *config)
{
    assert_int_equal(config->nchecks, CHECK_KINDS + 1);
    const struct config_check *smtp = &config->checks[CHECK_SMTP];
    assert_int_equal(smtp->place.line, 28);
    assert_int_equal(smtp->place.column, 3);
    assert_int_equal(smtp->settings.interval_ms, 1000);
    assert_int_equal(smtp->settings.greeting_timeout_ms, 9000);
    assert_int_equal(smtp->settings.timeout_ms, 31000); /* a second more for the greeting */
    assert_int_equal(smtp->settings.rise, 1);
    assert_int_equal(smtp->settings.fall, 2);
    assert_int_equal(smtp->settings.tls, CHECK_TLS_REQUIRED);
    assert_int_equal(config->checks[CHECK_TCP].settings.port, 26);
    assert_int_equal(config->checks[CHECK_IMAP].place.line, 0);
    const struct config_check *deep = &config->checks[CHECK_KINDS];
    assert_string_equal(deep->name, "deep");
    assert_int_equal(deep->place.line, 29);
    assert_int_equal(deep->settings.kind, CHECK_SMTP);
    assert_int_equal(deep->settings.port, 2525);
    assert_int_equal(deep->settings.interval_ms, 2000); /* not what the built-in smtp was given */
}

static void check_good_hosts(const struct config *config)
{
    const struct config_host *hosts = config->hosts;
    assert_int_equal(config->nhosts, 4);
    assert_host(&hosts[0], "mx1.example.test", 11);
    assert_true(hosts[0].weight_set);
    assert_int_equal(hosts[0].weight, 3);
    assert_false(hosts[0].checks_set);
    assert_int_equal(hosts[0].sets, 0);
    assert_host(&hosts[1], "MX9.example.test.", 12);
    assert_false(hosts[1].weight_set);
    assert_int_equal(hosts[1].weight, 1);
    assert_true(hosts[1].checks_set);
    assert_int_equal(hosts[1].nchecks, 2);
    assert_int_equal(hosts[1].checks[0], CHECK_KINDS);
    assert_int_equal(hosts[1].checks[1], CHECK_SMTP);
    assert_int_equal(hosts[1].sets, HOST_SETS_GREETING_TIMEOUT);
    assert_int_equal(hosts[1].overrides.greeting_timeout_ms, 120000);
    assert_host(&hosts[2], "mail.example.org", 13);
    assert_true(hosts[2].weight_set);
    assert_int_equal(hosts[2].weight, 0);
    assert_true(hosts[2].checks_set);
    assert_int_equal(hosts[2].nchecks, 0);
    assert_int_equal(hosts[2].sets, HOST_SETS_TLS);
    assert_int_equal(hosts[2].overrides.tls, CHECK_TLS_OFF);
    assert_host(&hosts[3], "bare.example.org", 17);
}

static void check_good_policies(const struct config *config)
{
    const struct config_policy *policies = config->policies;
    assert_int_equal(config->npolicies, 4);
    assert_string_equal(policies[0].owner, "example.test");
    assert_int_equal(policies[0].rrtype, 15);
    assert_true(policies[0].ttl_set);
    assert_int_equal(policies[0].ttl_s, 60);
    assert_int_equal(policies[0].when_all_down, ALL_DOWN_LAST_UP);
    assert_int_equal(policies[0].on_down, ON_DOWN_REMOVE);
    assert_int_equal(policies[0].mx_weighting, MX_WEIGHTING_PREFER);
    assert_int_equal(policies[0].ntiers, 0);
    assert_int_equal(policies[0].place.line, 19);
    assert_int_equal(policies[0].place.column, 5);
    assert_string_equal(policies[1].owner, "customer.test");
    assert_int_equal(policies[1].rrtype, 33);
    assert_false(policies[1].ttl_set);
    assert_int_equal(policies[1].ttl_s, 10);
    assert_int_equal(policies[1].when_all_down, ALL_DOWN_SERVFAIL);
    assert_int_equal(policies[1].on_down, ON_DOWN_DEMOTE);
    assert_int_equal(policies[1].ntiers, 2);
    assert_int_equal(policies[1].tiers[0].nhosts, 2);
    assert_string_equal(policies[1].tiers[0].hosts[0], "mx-uk1.example.test");
    assert_string_equal(policies[1].tiers[0].hosts[1], "MX-UK2.example.test.");
    assert_int_equal(policies[1].tiers[0].places[1].line, 21);
    assert_int_equal(policies[1].tiers[0].places[1].column, 35);
    assert_int_equal(policies[1].tiers[1].nhosts, 1);
    assert_string_equal(policies[1].tiers[1].hosts[0], "mx-eu1.example.test");
    assert_string_equal(policies[2].owner, "*.example.test");
    assert_int_equal(policies[2].rrtype, 28);
    assert_int_equal(policies[2].when_all_down, ALL_DOWN_SERVE_ALL);
    assert_int_equal(policies[2].mx_weighting, MX_WEIGHTING_OFF);
    assert_string_equal(policies[3].owner, "*");
    assert_int_equal(policies[3].rrtype, 0);
}

static void test_good_file(void **state)
{
    struct config_file *file = *state;
    size_t size;
    char *text = file_read_all(GOOD_FILE, &size);
    struct config *config = config_file_load_good(file, "%s", text);
    free(text);
    check_good_server(file, config);
    check_good_checks(config);
    check_good_hosts(config);
    check_good_policies(config);
    config_free(config);
}

/* ---- the other options at the ends of their ranges ---- */

static void test_server_ranges(void **state)
{
    struct config_file *file = *state;
    struct config *config =
        config_file_load_good(file, "server: {workers: 1, probing: on, user: u}");
    assert_int_equal(config->workers, 1);
    assert_true(config->probing);
    config_free(config);
    config =
        config_file_load_good(file, "server: {workers: 256, control: /%0106d, user: %032d}", 0, 0);
    assert_int_equal(config->workers, 256);
    assert_int_equal(strlen(config->control), 107);
    assert_int_equal(strlen(config->user), 32);
    config_free(config);
    config_file_expect(file, "server: {workers: ^257}", "'workers': 257 is out of range: 1 to 256");
    config_file_expect(file, "server: {workers: ^-1}", "'workers': '-1' is no whole number");
    config_file_expect(file, "server: {workers: ^4294967298}",
                       "'workers': '4294967298' is no whole");
    config_file_expect(file, "server: {workers: ^02}", "'workers': '02' is no whole number");
    config_file_expect(file, "server: {probing: ^On}", "'probing': 'On' is none of: off, on");
}

static void test_check_ranges(void **state)
{
    struct config_file *file = *state;
    struct config *config = config_file_load_good(
        file, "checks: {tcp: {port: 1}, a: {type: tcp, port: 65535}, B-_9: {type: pop3s}}\n"
              "hosts: {a.test: {weight: 1000}, b.test: {checks: [tcp, a, B-_9]}}");
    assert_int_equal(config->checks[CHECK_TCP].settings.port, 1);
    assert_int_equal(config->checks[CHECK_KINDS].settings.port, 65535);
    assert_int_equal(config->checks[CHECK_KINDS].settings.tls, CHECK_TLS_OFF);
    assert_int_equal(config->checks[CHECK_KINDS + 1].settings.port, 995);
    assert_int_equal(config->checks[CHECK_KINDS + 1].settings.tls, CHECK_TLS_REQUIRED);
    assert_int_equal(config->hosts[0].weight, 1000);
    assert_int_equal(config->hosts[1].nchecks, 3);
    config_free(config);
    config_file_expect(file, "checks: {smtp: {port: ^65536}}", "'port': 65536 is out of range");
    config_file_expect(file, "checks: {smtp: {port: ^smtp}}", "'port': 'smtp' is no whole number");
    config_file_expect(file, "hosts: {a.test: {weight: ^-1}}", "'weight': '-1' is no whole number");
}

static void test_policy_choices(void **state)
{
    struct config_file *file = *state;
    struct config *config = config_file_load_good(
        file, "policies:\n"
              "  - {match: a.test MX, ttl: 1s, when-all-down: serve-all, mx-weighting: single}\n"
              "  - {match: b.test A, ttl: 24h, on-down: remove}\n"
              "  - {match: c.test AaAa, ttl: 2000ms}\n"
              "  - {match: d.test, on-down: demote, mx-weighting: off}\n");
    assert_int_equal(config->policies[0].ttl_s, 1);
    assert_int_equal(config->policies[0].mx_weighting, MX_WEIGHTING_SINGLE);
    assert_int_equal(config->policies[1].ttl_s, 86400);
    assert_int_equal(config->policies[1].rrtype, 1);
    assert_int_equal(config->policies[2].ttl_s, 2);
    assert_int_equal(config->policies[2].rrtype, 28);
    assert_int_equal(config->policies[3].on_down, ON_DOWN_DEMOTE);
    config_free(config);
    config_file_expect(file, "policies: [{match: a.test MX, ttl: ^999ms}]",
                       "'ttl': 999ms is out of range: 1s to 1d");
    config_file_expect(file, "policies: [{match: a.test MX, ttl: ^10}]",
                       "'ttl': '10' needs a unit");
}

static void test_names_of_values(void **state)
{
    (void)state;
    enum check_kind kind;
    for (int i = 0; i < CHECK_KINDS; i++) {
        assert_true(check_kind_from_name(check_kind_name((enum check_kind)i), &kind));
        assert_int_equal(kind, i);
    }
    assert_false(check_kind_from_name("SMTP", &kind));
    assert_false(check_kind_from_name("", &kind));
}

static void test_domain_keys(void **state)
{
    (void)state;
    uint8_t key[DOMAIN_MAX_SIZE], other[DOMAIN_MAX_SIZE];
    static const uint8_t expected[] = "\3mx1\7example\4test";
    assert_int_equal(domain_parse("MX1.Example.tesT", key, NULL), sizeof expected);
    assert_memory_equal(key, expected, sizeof expected);
    assert_int_equal(domain_parse("m\\0881.\\example.test.", other, NULL), sizeof expected);
    assert_memory_equal(key, other, sizeof expected);
    assert_int_equal(domain_parse("a\\.b.test", key, NULL), 10);
    assert_memory_equal(key, "\3a.b\4test", 10);
    assert_int_equal(domain_parse("a\\000.test", key, NULL), 9);
    assert_int_equal(domain_parse("a\\", key, NULL), 0);
    assert_int_equal(domain_parse("a..", key, NULL), 0);
}

/* With and without a last dot, on both sides of 255 octets; the key's bounds are ASan's to watch.
 */
static void test_domain_lengths(void **state)
{
    (void)state;
    char text[600] = "";
    uint8_t *key = memory_alloc(DOMAIN_MAX_SIZE);
    for (int last = 60; last <= 63; last++) { /* 3 x (1 + 63) + 1 + last + 1 octets */
        size_t expected = last <= 61 ? 194u + (size_t)last : 0;
        snprintf(text, sizeof text, "%063d.%063d.%063d.%0*d", 0, 0, 0, last, 0);
        assert_int_equal(domain_parse(text, key, NULL), expected);
        strcat(text, ".");
        assert_int_equal(domain_parse(text, key, NULL), expected);
        strcat(text, "x");
        assert_int_equal(domain_parse(text, key, NULL), 0);
    }
    *text = '\0';
    for (int i = 0; i < 127; i++)
        strcat(text, "a.");
    assert_int_equal(domain_parse(text, key, NULL), 255);
    strcat(text, "a");
    assert_int_equal(domain_parse(text, key, NULL), 0);
    free(key);
}

/* ---- paths and files ---- */

static void test_paths_without_folder(void **state)
{
    struct config_file *file = *state;
    char before[PATH_MAX];
    assert_non_null(getcwd(before, sizeof before));
    config_free(config_file_load_good(file, "zones: [a.zone]"));
    assert_int_equal(chdir(file->folder), 0);
    struct config *config = config_load("evermx.yaml", &file->diagnostics);
    assert_int_equal(chdir(before), 0);
    assert_non_null(config);
    assert_string_equal(config->zones[0].file, "a.zone");
    config_free(config);
}

static void test_same_zone_by_other_paths(void **state)
{
    struct config_file *file = *state;
    char text[512];
    snprintf(text, sizeof text, "zones:\n  - evermx.yaml\n  - ^./evermx.yaml\n");
    config_file_expect(file, text, "zone file '");
    snprintf(text, sizeof text, "zones:\n  - evermx.yaml\n  - ^{file: %s/evermx.yaml}\n",
             file->folder);
    config_file_expect(file, text, "zone file '");
}

/* A template may stand with several lists, but with each once. */
static void test_templates(void **state)
{
    struct config_file *file = *state;
    char path[128];
    struct config *config = config_file_load_good(
        file, "zones:\n  - {file: t.zone, names: /srv/a.txt}\n  - {file: t.zone, names: b.txt}\n"
              "  - t.zone\n");
    assert_int_equal(config->nzones, 3);
    assert_string_equal(config->zones[0].names, "/srv/a.txt");
    snprintf(path, sizeof path, "%s/b.txt", file->folder);
    assert_string_equal(config->zones[1].names, path);
    assert_null(config->zones[2].names);
    config_free(config);
    config_file_expect(file,
                       "zones:\n  - {file: t.zone, names: a}\n  - ^{file: .//t.zone, names: ./a}\n",
                       "zone file '");
    config_file_expect(file, "zones:\n  - ^{names: a}\n", "");
}

/* What can be read of its zones is there, and nothing else that would need the rest to be right. */
static void test_zones_of_a_bad_file(void **state)
{
    static const char text[] = "zones: [a.zone, {name: x}, a.zone, {file: b.zone, names: y}]\n"
                               "hosts: {a..b: {weight: 2}}\n"
                               "policies: [{match: x}]\n";
    struct config_file *file = *state;
    assert_null(config_file_load(file, text, strlen(text)));
    struct config *config = config_load_zones(file->path);
    assert_int_equal(config->nzones, 2);
    assert_non_null(strstr(config->zones[0].file, "/a.zone"));
    assert_non_null(strstr(config->zones[1].file, "/b.zone"));
    assert_non_null(strstr(config->zones[1].names, "/y"));
    assert_int_equal(config->nhosts + config->npolicies, 0);
    config_free(config);
    config = config_load_zones("/nowhere/evermx.yaml");
    assert_int_equal(config->nzones, 0);
    config_free(config);
}

/* ---- what the command line adds ---- */

static void test_additions(void **state)
{
    struct config *config = config_file_load_good(*state, "zones: [a.zone, b.zone, c.zone]\n"
                                                          "server: {listen: [127.0.0.1@53]}\n");
    struct address address;
    assert_true(address_parse("::1", &address));
    for (int i = 0; i < 100; i++) {
        char file[32];
        snprintf(file, sizeof file, "%d.zone", i);
        config_add_zone(config, file);
        config_add_listen(config, &address, (uint16_t)(1000 + i));
    }
    assert_int_equal(config->nzones, 103);
    assert_int_equal(config->nlisten, 101);
    assert_non_null(strstr(config->zones[2].file, "/c.zone"));
    assert_string_equal(config->zones[3].file, "0.zone");
    assert_int_equal(config->zones[3].place.line, 0);
    assert_string_equal(config->zones[102].file, "99.zone");
    assert_int_equal(config->listen[0].port, 53);
    assert_int_equal(config->listen[1].port, 1000);
    assert_int_equal(config->listen[100].port, 1099);
    assert_true(address_equal(&config->listen[100].address, &address));
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test_setup_teardown(test_empty_files_are_defaults, config_file_set_up,
                                        config_file_tear_down),
        cmocka_unit_test_setup_teardown(test_good_file, config_file_set_up, config_file_tear_down),
        cmocka_unit_test_setup_teardown(test_server_ranges, config_file_set_up,
                                        config_file_tear_down),
        cmocka_unit_test_setup_teardown(test_check_ranges, config_file_set_up,
                                        config_file_tear_down),
        cmocka_unit_test_setup_teardown(test_policy_choices, config_file_set_up,
                                        config_file_tear_down),
        cmocka_unit_test(test_names_of_values),
        cmocka_unit_test(test_domain_keys),
        cmocka_unit_test(test_domain_lengths),
        cmocka_unit_test_setup_teardown(test_paths_without_folder, config_file_set_up,
                                        config_file_tear_down),
        cmocka_unit_test_setup_teardown(test_same_zone_by_other_paths, config_file_set_up,
                                        config_file_tear_down),
        cmocka_unit_test_setup_teardown(test_templates, config_file_set_up, config_file_tear_down),
        cmocka_unit_test_setup_teardown(test_zones_of_a_bad_file, config_file_set_up,
                                        config_file_tear_down),
        cmocka_unit_test_setup_teardown(test_additions, config_file_set_up, config_file_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
