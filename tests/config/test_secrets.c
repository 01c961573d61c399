/* SPDX-License-Identifier: BSD-2-Clause */
/* What answers carry beside the records: identity, version, size, cookies and the file of their
 * secrets. */
#include "config/config.h"
#include "support/config_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define ONE "e5e973e5a6b2a43f48e7dc849e37bfcf\n"
#define TWO "445536BCD2513298075A5D379663C962"

static void secrets_write(const struct config_file *file, const char *text, mode_t mode)
{
    char path[128];
    folder_path(file->folder, "secrets", path, sizeof path);
    file_write(path, text, strlen(text));
    assert_int_equal(chmod(path, mode), 0);
}

static void defaults(void **state)
{
    struct config_file *file = *state;
    struct config *config = config_file_load_good(file, "server:");
    assert_null(config->identity);
    assert_true(config->version);
    assert_int_equal(config->udp_size, 1232);
    assert_true(config->cookies);
    assert_int_equal(config->ncookie_secrets, 0);
    assert_false(config->canary_names);
    config_free(config);
}

static void ranges(void **state)
{
    struct config_file *file = *state;
    struct config *config = config_file_load_good(
        file,
        "server: {identity: ns1-lon, version: off, udp-size: 512, cookies: off, canary-names: on}");
    assert_string_equal(config->identity, "ns1-lon");
    assert_false(config->version);
    assert_int_equal(config->udp_size, 512);
    assert_false(config->cookies);
    assert_true(config->canary_names);
    config_free(config);
    config = config_file_load_good(file, "server: {identity: \"\", udp-size: 4096}");
    assert_string_equal(config->identity, "");
    assert_int_equal(config->udp_size, 4096);
    config_free(config);
    config_file_expect(file, "server: {udp-size: ^511}", "'udp-size': 511 is out of range");
    config_file_expect(file, "server: {udp-size: ^4097}", "'udp-size': 4097 is out of range");
    char text[512];
    snprintf(text, sizeof text, "server: {identity: ^%0256d}", 0);
    config_file_expect(file, text, "'identity': 256 octets are too long: at most 255");
}

/* Either case of digits, comments, empty lines, a last line without its end; in the file's order.
 */
static void secrets(void **state)
{
    static const uint8_t one[] = {0xE5, 0xE9, 0x73, 0xE5, 0xA6, 0xB2, 0xA4, 0x3F,
                                  0x48, 0xE7, 0xDC, 0x84, 0x9E, 0x37, 0xBF, 0xCF};
    static const uint8_t two[] = {0x44, 0x55, 0x36, 0xBC, 0xD2, 0x51, 0x32, 0x98,
                                  0x07, 0x5A, 0x5D, 0x37, 0x96, 0x63, 0xC9, 0x62};
    struct config_file *file = *state;
    secrets_write(file, "# from November on\n\n" ONE "#\r\n" TWO, 0600);
    struct config *config = config_file_load_good(file, "server: {cookie-secrets: secrets}");
    assert_int_equal(config->ncookie_secrets, 2);
    assert_memory_equal(config->cookie_secrets[0], one, sizeof one);
    assert_memory_equal(config->cookie_secrets[1], two, sizeof two);
    config_free(config);
    secrets_write(file, ONE ONE ONE ONE ONE ONE ONE ONE, 0640);
    config = config_file_load_good(file, "server: {cookie-secrets: secrets}");
    assert_int_equal(config->ncookie_secrets, COOKIE_SECRETS_LIMIT);
    config_free(config);
}

/* None of these is taken, and no message shows what the file holds. */
static void bad_secrets(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", " holds no secret"},
        {"# nothing\n\n", " holds no secret"},
        {ONE "beef\n", ", line 2: not 32 hexadecimal digits"},
        {TWO "0\n", ", line 1: not 32 hexadecimal digits"},
        {" " ONE, ", line 1: not 32 hexadecimal digits"},
        {"x5e973e5a6b2a43f48e7dc849e37bfcf\n", ", line 1: not 32 hexadecimal digits"},
        {ONE ONE ONE ONE ONE ONE ONE ONE ONE, " has more than 8 secrets"},
    };
    struct config_file *file = *state;
    char path[128], message[256], long_line[400];
    folder_path(file->folder, "secrets", path, sizeof path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        secrets_write(file, cases[i].text, 0600);
        snprintf(message, sizeof message, "'cookie-secrets': %s%s", path, cases[i].why);
        config_file_expect(file, "server: {cookie-secrets: ^secrets}", message);
        assert_null(strstr(file->diagnostics.list[0].text, "beef"));
    }
    memset(long_line, 'a', sizeof long_line - 1);
    long_line[sizeof long_line - 1] = '\0';
    secrets_write(file, long_line, 0600);
    snprintf(message, sizeof message, "'cookie-secrets': %s, line 1: not 32", path);
    config_file_expect(file, "server: {cookie-secrets: ^secrets}", message);
    config_file_expect(file, "server: {cookie-secrets: ^nowhere}", "'cookie-secrets': opening ");
    config_file_expect(file, "server: {cookie-secrets: ^.}", "'cookie-secrets': ");
    config_file_expect(file, "server: {cookie-secrets: ^/dev/zero}",
                       "'cookie-secrets': /dev/zero is no file");
    config_file_expect(file, "server: {cookie-secrets: ^[a]}", "'cookie-secrets': must be a");
}

static void readable_by_all(void **state)
{
    static const char text[] = "server: {cookie-secrets: secrets}";
    struct config_file *file = *state;
    secrets_write(file, ONE, 0644);
    struct config *config = config_file_load(file, text, sizeof text - 1);
    assert_int_equal(config->ncookie_secrets, 1);
    assert_int_equal(file->diagnostics.count, 1);
    assert_int_equal(file->diagnostics.errors, 0);
    assert_non_null(strstr(file->diagnostics.list[0].text, "everybody can read"));
    config_free(config);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, config_file_set_up, config_file_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(defaults), TEST(ranges), TEST(secrets), TEST(bad_secrets), TEST(readable_by_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
