/* SPDX-License-Identifier: BSD-2-Clause */
/* What a client may ask and hold: rate-limit and the limits of TCP, as they are configured. */
#include "config/config.h"
#include "support/config_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct config *load(void **state, const char *server)
{
    return config_file_load_good(*state, "server: {%s}\n", server);
}

static void assert_exempt(const struct config_rate *rate, const char *const *expected)
{
    for (size_t i = 0; expected[i]; i++) {
        char text[ADDRESS_TEXT_SIZE], network[ADDRESS_TEXT_SIZE + 8];
        assert_true(i < rate->nexempt);
        address_format(&rate->exempt[i].address, text);
        snprintf(network, sizeof network, "%s/%u", text, rate->exempt[i].bits);
        assert_string_equal(network, expected[i]);
        assert_true(i + 1 < rate->nexempt || !expected[i + 1]);
    }
    assert_true(expected[0] || rate->nexempt == 0);
}

static void test_switch(void **state)
{
    static const struct {
        const char *text;
        bool on;
    } cases[] = {
        {"rate-limit: on", true},
        {"rate-limit: off", false},
        {"rate-limit: {slip: 1}", true},
        {"version: on", true}, /* nothing is said */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config *config = load(state, cases[i].text);
        assert_int_equal(config->rate.on, cases[i].on);
        assert_int_equal(config->rate.answers, 200);
        assert_int_equal(config->tcp_connections, 1024);
        config_free(config);
    }
}

static void test_mapping(void **state)
{
    struct config *config =
        load(state, "rate-limit: {answers: 0, negatives: 1000000, errors: 7, slip: 100, "
                    "ipv4-prefix: 32, ipv6-prefix: 1}, tcp-connections: 1, tcp-per-client: "
                    "1000000, tcp-idle: 1h");
    const struct config_rate *rate = &config->rate;
    assert_int_equal(rate->answers, 0);
    assert_int_equal(rate->negatives, 1000000);
    assert_int_equal(rate->errors, 7);
    assert_int_equal(rate->slip, 100);
    assert_int_equal(rate->ipv4_prefix, 32);
    assert_int_equal(rate->ipv6_prefix, 1);
    assert_int_equal(config->tcp_connections, 1);
    assert_int_equal(config->tcp_per_client, 1000000);
    assert_int_equal(config->tcp_idle_ms, 3600 * 1000);
    assert_exempt(rate, (const char *const[]){"127.0.0.0/8", "::1/128", NULL});
    config_free(config);
}

/* A list takes the default's place. */
static void test_exempt(void **state)
{
    struct config *config = load(state, "rate-limit: {exempt: []}");
    assert_exempt(&config->rate, (const char *const[]){NULL});
    config_free(config);
    config = load(state, "rate-limit: {exempt: [192.0.2.1, 198.51.100.0/24, \"2001:db8::/32\"]}");
    assert_exempt(&config->rate,
                  (const char *const[]){"192.0.2.1/32", "198.51.100.0/24", "2001:db8::/32", NULL});
    config_free(config);
}

static void test_wrong_values(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"rate-limit: ^no", "'rate-limit': must be on, off or a mapping"},
        {"rate-limit: ^[on]", "'rate-limit': must be on, off or a mapping"},
        {"rate-limit: {^burst: 3}", "unknown option 'burst' in 'rate-limit'"},
        {"rate-limit: {answers: ^1000001}", "'answers': 1000001 is out of range: 0 to 1000000"},
        {"rate-limit: {negatives: ^-1}", "'negatives': '-1' is no whole number"},
        {"rate-limit: {errors: ^50/s}", "'errors': '50/s' is no whole number"},
        {"rate-limit: {slip: ^101}", "'slip': 101 is out of range: 0 to 100"},
        {"rate-limit: {ipv4-prefix: ^0}", "'ipv4-prefix': 0 is out of range: 1 to 32"},
        {"rate-limit: {ipv6-prefix: ^65}", "'ipv6-prefix': 65 is out of range: 1 to 64"},
        {"rate-limit: {exempt: ^192.0.2.1}", "'exempt': must be a list"},
        {"rate-limit: {exempt: [^192.0.2.1/24]}",
         "'exempt': '192.0.2.1/24' is no network: like "}, /* bits beyond the prefix */
        {"rate-limit: {exempt: [^192.0.2.0/33]}", "'exempt': '192.0.2.0/33' is no network: like "},
        {"rate-limit: {exempt: [^\"2001:db8::/129\"]}",
         "'exempt': '2001:db8::/129' is no network: like "},
        {"rate-limit: {exempt: [^example.test]}", "'exempt': 'example.test' is no network: like "},
        {"rate-limit: {exempt: [^\"\"]}", "'exempt': '' is no network: like "},
        {"rate-limit: {exempt: [^[192.0.2.0/24]]}",
         "a network of 'exempt': must be a single value"},
        {"tcp-connections: ^0", "'tcp-connections': 0 is out of range: 1 to 1000000"},
        {"tcp-per-client: ^0", "'tcp-per-client': 0 is out of range: 1 to 1000000"},
        {"tcp-idle: ^99ms", "'tcp-idle': 99ms is out of range: 100ms to 1h"},
        {"tcp-idle: ^10", "'tcp-idle': '10' needs a unit"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[160];
        snprintf(text, sizeof text, "server: {%s}\n", cases[i].text);
        config_file_expect(*state, text, cases[i].message);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, config_file_set_up, config_file_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_switch),
        TEST(test_mapping),
        TEST(test_exempt),
        TEST(test_wrong_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
