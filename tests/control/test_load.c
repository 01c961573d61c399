/* SPDX-License-Identifier: BSD-2-Clause */
/* Loading once more: what is read again, and when nothing has changed. */
#include "control/load.h"

#include "config/config.h"
#include "support/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    char folder[FOLDER_SIZE], config[128];
    struct load_source source;
    struct diagnostics diagnostics;
    struct loaded before; /* what is served */
};

static void write_config(struct place *place, const char *more)
{
    char text[1000];
    snprintf(text, sizeof text,
             "server: {listen: [\"127.0.0.1@20101\"]}\n"
             "zones:\n  - a.zone\n  - {file: customer.zone, names: names}\n%s",
             more);
    folder_write(place->folder, "evermx.yaml", text);
}

static void write_zone(struct place *place, const char *more)
{
    char text[1000];
    snprintf(text, sizeof text,
             "$ORIGIN a.test.\n$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 127.0.0.53\n%s", more);
    folder_write(place->folder, "a.zone", text);
}

static bool load_again(struct place *place, struct loaded *loaded)
{
    diagnostics_free(&place->diagnostics);
    return load(&place->source, &place->before, false, loaded, &place->diagnostics);
}

/* In place of what is served. */
static void take_over(struct place *place, struct loaded *loaded)
{
    model_free(place->before.model);
    load_free_config(place->before.config, loaded);
    place->before = *loaded;
}

static void drop(struct place *place, struct loaded *loaded)
{
    model_free(loaded->model);
    load_free_config(loaded->config, &place->before);
}

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    folder_make(place->folder);
    folder_path(place->folder, "evermx.yaml", place->config, sizeof place->config);
    place->source.config = place->config;
    diagnostics_init(&place->diagnostics);
    write_config(place, "");
    write_zone(place, "@ MX 1 mx\nmx A 127.0.0.1\n");
    folder_write(place->folder, "customer.zone",
                 "$TTL 60\n@ SOA a. b. 1 2 3 4 5\n@ NS ns.a.test.\n");
    folder_write(place->folder, "names", "b.test\nc.test\n");
    files_settle();
    assert_true(load(&place->source, NULL, true, &place->before, &place->diagnostics));
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    model_free(place->before.model);
    config_free(place->before.config);
    diagnostics_free(&place->diagnostics);
    folder_remove(place->folder);
    free(place);
    return 0;
}

static void test_nothing_changed(void **state)
{
    struct place *place = *state;
    struct loaded loaded;
    assert_int_equal(load_count_zones(&place->before), 3);
    assert_true(load_again(place, &loaded));
    assert_ptr_equal(loaded.config, place->before.config);
    assert_int_equal(loaded.model->nread, 0);
    assert_true(load_is_same(&place->before, &loaded));
    drop(place, &loaded);
}

static void test_each_file(void **state)
{
    struct place *place = *state;
    struct loaded loaded;
    write_zone(place, "@ MX 1 mx\nmx A 127.0.0.2\n");
    assert_true(load_again(place, &loaded));
    assert_ptr_equal(loaded.config, place->before.config);
    assert_int_equal(loaded.model->nread, 1);
    assert_false(load_is_same(&place->before, &loaded));
    drop(place, &loaded);

    write_zone(place, "@ MX 1 mx\nmx A 127.0.0.1\n");
    folder_write(place->folder, "names", "b.test\n");
    assert_true(load_again(place, &loaded));
    assert_false(load_is_same(&place->before, &loaded));
    assert_int_equal(load_count_zones(&loaded), 2);
    drop(place, &loaded);
}

/* The configuration alone may change all that follows from the same zones. */
static void test_configuration(void **state)
{
    struct place *place = *state;
    struct loaded loaded;
    write_config(place, "policies: [{match: \"a.test MX\", ttl: 3s}]\n");
    assert_true(load_again(place, &loaded));
    assert_ptr_not_equal(loaded.config, place->before.config);
    assert_int_equal(loaded.model->nread, 0);
    assert_false(load_is_same(&place->before, &loaded));
    assert_int_equal(loaded.model->pools[0].policy.ttl_s, 3);
    drop(place, &loaded);
}

/* So does the file of secrets that it names. */
static void test_secrets(void **state)
{
    struct place *place = *state;
    struct loaded loaded, next;
    char text[1000], path[128];
    folder_path(place->folder, "secrets", path, sizeof path);
    folder_write(place->folder, "secrets", "00112233445566778899aabbccddeeff\n");
    assert_int_equal(chmod(path, 0600), 0);
    snprintf(text, sizeof text,
             "server: {listen: [\"127.0.0.1@20101\"], cookie-secrets: secrets}\nzones: [a.zone]\n");
    folder_write(place->folder, "evermx.yaml", text);
    files_settle();
    assert_true(load_again(place, &loaded));
    assert_true(load(&place->source, &loaded, true, &next, &place->diagnostics));
    assert_true(load_is_same(&loaded, &next));
    model_free(next.model);
    folder_write(place->folder, "secrets", "ff112233445566778899aabbccddeeff\n");
    assert_true(load(&place->source, &loaded, true, &next, &place->diagnostics));
    assert_false(load_is_same(&loaded, &next));
    assert_int_equal(next.config->cookie_secrets[0][0], 0xff);
    drop(place, &next);
    drop(place, &loaded);
}

/* And files of credentials: a password that changed is a change, and the only one. */
static void test_credentials(void **state)
{
    struct place *place = *state;
    struct loaded loaded, next;
    char path[128];
    folder_path(place->folder, "secret", path, sizeof path);
    folder_write(place->folder, "secret", "user: a\npassword: b\n");
    assert_int_equal(chmod(path, 0600), 0);
    write_config(place, "checks: {smtp: {credentials: secret}}\n");
    files_settle();
    assert_true(load_again(place, &loaded));
    assert_true(loaded.config->has_credentials);
    assert_false(place->before.config->has_credentials);
    assert_true(load(&place->source, &loaded, true, &next, &place->diagnostics));
    assert_true(load_is_same(&loaded, &next));
    model_free(next.model);
    folder_write(place->folder, "secret", "user: a\npassword: c\n");
    assert_true(load(&place->source, &loaded, true, &next, &place->diagnostics));
    assert_ptr_not_equal(next.config, loaded.config);
    assert_int_equal(next.model->nread, 0);
    assert_string_equal(shared_text(next.config->checks[CHECK_SMTP].settings.password), "c");
    drop(place, &next);
    folder_write(place->folder, "secret", "user: a\n");
    assert_false(load(&place->source, &loaded, true, &next, &place->diagnostics));
    drop(place, &loaded);
}

/* Of a zone that holds _canary itself, by a name below it or in a template: once. */
static void test_own_canaries(void **state)
{
    struct place *place = *state;
    struct loaded loaded, next;
    static const char yaml[] = "server: {listen: [\"127.0.0.1@20101\"], canary-names: %s}\n"
                               "zones:\n  - a.zone\n  - {file: customer.zone, names: names}\n";
    char text[sizeof yaml + 2];
    write_zone(place, "x._CANARY TXT x\n");
    folder_write(place->folder, "customer.zone",
                 "$TTL 60\n@ SOA a. b. 1 2 3 4 5\n@ NS ns.a.test.\n_canary TXT x\n");
    snprintf(text, sizeof text, yaml, "off");
    folder_write(place->folder, "evermx.yaml", text);
    assert_true(load_again(place, &loaded));
    assert_int_equal(place->diagnostics.count, 0);
    drop(place, &loaded);
    snprintf(text, sizeof text, yaml, "on");
    folder_write(place->folder, "evermx.yaml", text);
    files_settle();
    assert_true(load_again(place, &loaded));
    assert_int_equal(place->diagnostics.count, 2);
    assert_int_equal(place->diagnostics.errors, 0);
    assert_string_equal(place->diagnostics.list[0].text,
                        "the zone a.test holds _canary itself: it has no canary names");
    assert_string_equal(place->diagnostics.list[1].text,
                        "the zone @customer.zone holds _canary itself: it has no canary names");
    diagnostics_free(&place->diagnostics);
    write_zone(place, "canary TXT x\n");
    assert_true(load(&place->source, &loaded, true, &next, &place->diagnostics));
    assert_int_equal(place->diagnostics.count, 0);
    model_free(next.model);
    load_free_config(next.config, &loaded);
    drop(place, &loaded);
}

/* What is not wrong yet: an address that may come, a file that will not be read again. */
static void test_warnings_of_the_place(void **state)
{
    struct place *place = *state;
    struct loaded loaded;
    char path[128];
    folder_path(place->folder, "secret", path, sizeof path);
    folder_write(place->folder, "secret", "user: a\npassword: b\n");
    assert_int_equal(chmod(path, 0600), 0);
    folder_write(place->folder, "evermx.yaml",
                 "server: {listen: [\"127.0.0.1@20101\"], probe-source: [192.0.2.77, \"::1\"],\n"
                 "         user: nobody}\n"
                 "zones: [a.zone]\nchecks: {smtp: {credentials: secret}}\n");
    assert_true(load_again(place, &loaded));
    assert_int_equal(place->diagnostics.count, 2);
    assert_int_equal(place->diagnostics.list[0].line, 1);
    assert_string_equal(place->diagnostics.list[0].text,
                        "probe-source: this machine has not got the address 192.0.2.77 now: no "
                        "probe by IPv4 can start without it");
    assert_non_null(strstr(place->diagnostics.list[1].text, "user 'nobody' may not read "));
    drop(place, &loaded);
    if (chown(path, 65534, (gid_t)-1) == 0) { /* nobody's own */
        assert_true(load_again(place, &loaded));
        assert_int_equal(place->diagnostics.count, 1);
        drop(place, &loaded);
    }
}

/* Errors of a bad configuration and of the zones that it names are told at once; what is served is
 * left as it is. */
static void test_bad_configuration(void **state)
{
    struct place *place = *state;
    struct loaded loaded;
    char text[512], all[2000] = "";
    write_config(place, "nonsense: 1\n");
    write_zone(place, "broken\n");
    assert_false(load_again(place, &loaded));
    assert_null(loaded.model);
    assert_null(loaded.config);
    for (size_t i = 0; i < place->diagnostics.count; i++) {
        diagnostic_format(&place->diagnostics.list[i], true, text, sizeof text);
        strncat(all, text, sizeof all - strlen(all) - 1);
    }
    assert_non_null(strstr(all, "unknown option 'nonsense'"));
    assert_non_null(strstr(all, "a.zone:6: error: "));
    assert_null(strstr(all, "no address to listen"));
    assert_int_equal(place->before.model->nzones, 2);
    write_config(place, "");
    write_zone(place, "");
    assert_true(load_again(place, &loaded));
    drop(place, &loaded);
}

/* A bad zone file keeps nothing else from being loaded. That it is bad is a change; that it stays
 * so is none, and is told nevertheless. */
static void test_bad_zone(void **state)
{
    struct place *place = *state;
    struct loaded loaded;
    write_zone(place, "broken\n");
    write_config(place, "policies: [{match: \"a.test MX\", ttl: 3s}]\n");
    files_settle();
    assert_true(load_again(place, &loaded));
    assert_int_equal(place->diagnostics.errors, 1);
    assert_false(load_is_same(&place->before, &loaded));
    assert_int_equal(loaded.model->pools[0].policy.ttl_s, 3);
    assert_true(loaded.model->zones[0].stale);
    take_over(place, &loaded);

    assert_true(load_again(place, &loaded));
    assert_int_equal(place->diagnostics.errors, 1);
    assert_int_equal(loaded.model->nread, 1);
    assert_true(load_is_same(&place->before, &loaded));
    drop(place, &loaded);

    folder_write(place->folder, "names", "b.test\n..\n");
    assert_true(load_again(place, &loaded));
    assert_int_equal(place->diagnostics.errors, 2);
    assert_false(load_is_same(&place->before, &loaded));
    assert_int_equal(load_count_zones(&loaded), 3);
    take_over(place, &loaded);

    write_zone(place, "@ MX 1 mx\nmx A 127.0.0.1\n");
    folder_write(place->folder, "names", "b.test\n");
    assert_true(load_again(place, &loaded));
    assert_int_equal(place->diagnostics.errors, 0);
    assert_false(load_is_same(&place->before, &loaded));
    assert_int_equal(load_count_zones(&loaded), 2);
    drop(place, &loaded);
}

/* What is wrong beside the files of zones refuses all, also when one of these is bad. */
static void test_refused(void **state)
{
    static const char *const settings[] = {
        "hosts: {nosuch.a.test: {weight: 2}}\n",                  /* dangling */
        "policies: [{match: \"a.test MX\", nonsense: 3s}]\n",     /* no such option */
        "checks: {smtp: {interval: 2s}, smtp: {interval: 3s}}\n", /* twice */
    };
    struct place *place = *state;
    struct loaded loaded;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        write_config(place, settings[i]);
        assert_false(load_again(place, &loaded));
        assert_null(loaded.model);
        if (i == 0)
            write_zone(place, "broken\n");
    }
    folder_write(place->folder, "evermx.yaml",
                 "server: {listen: [\"127.0.0.1@20101\"]}\nzones: [nosuch]\n");
    assert_false(load_again(place, &loaded));
    assert_int_equal(place->diagnostics.errors, 2); /* the file, and that no zone is left */
}

/* Without a configuration file, the command line's is always the same. */
static void test_command_line(void **state)
{
    struct place *place = *state;
    struct loaded first, second;
    char path[128];
    const char *zones[] = {path};
    folder_path(place->folder, "a.zone", path, sizeof path);
    const struct load_source source = {.zones = zones, .nzones = 1, .check = true};
    assert_true(load(&source, NULL, true, &first, &place->diagnostics));
    assert_true(load(&source, &first, true, &second, &place->diagnostics));
    assert_ptr_equal(first.config, second.config);
    assert_true(load_is_same(&first, &second));
    model_free(first.model);
    model_free(second.model);
    config_free(first.config);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_changed),   TEST(test_each_file),
        TEST(test_configuration),     TEST(test_secrets),
        TEST(test_bad_configuration), TEST(test_command_line),
        TEST(test_bad_zone),          TEST(test_refused),
        TEST(test_credentials),       TEST(test_warnings_of_the_place),
        TEST(test_own_canaries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
