/* SPDX-License-Identifier: BSD-2-Clause */
/* What is told of the difference between two models. */
#include "control/changes.h"

#include "config/config.h"
#include "support/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[FOLDER_SIZE];

static const char *path_of(const char *file, char path[128])
{
    snprintf(path, 128, "%s/%s", directory, file);
    return path;
}

static void write_zone(const char *file, const char *origin, unsigned serial, const char *more)
{
    char path[128];
    FILE *out = fopen(path_of(file, path), "w");
    assert_non_null(out);
    fprintf(out,
            "$ORIGIN %s.\n$TTL 300\n@ SOA ns hostmaster %u 3600 600 86400 5\n@ NS ns\n"
            "ns A 127.0.0.53\n%s",
            origin, serial, more);
    assert_int_equal(fclose(out), 0);
}

/* Of the files named, up to NULL. Bad ones are zones that failed. */
static struct model *model_of(const char *file, ...)
{
    char path[128];
    struct diagnostics diagnostics;
    struct config *config = config_new();
    va_list files;
    va_start(files, file);
    for (; file; file = va_arg(files, const char *)) {
        config_add_zone(config, path_of(file, path));
    }
    va_end(files);
    diagnostics_init(&diagnostics);
    struct model *model = model_build(config, NULL, false, &diagnostics);
    assert_non_null(model);
    diagnostics_free(&diagnostics);
    config_free(config);
    return model;
}

/* Frees both models; the changes are the caller's. */
static void compare(struct model *before, struct model *after, struct changes *changes)
{
    changes_init(changes);
    changes_between(before, after, changes);
    model_free(before);
    model_free(after);
}

static void assert_told(const struct changes *changes, const char *line)
{
    for (size_t i = 0; i < changes->nlines; i++)
        if (strcmp(changes->lines[i], line) == 0)
            return;
    fail_msg("not told: %s", line);
}

static void test_nothing_changed(void **state)
{
    struct changes changes;
    (void)state;
    write_zone("a", "a.test", 1, "@ MX 10 mx\nmx A 127.0.0.1\n");
    compare(model_of("a", NULL), model_of("a", NULL), &changes);
    assert_int_equal(changes.nlines, 0);
    changes_free(&changes);
}

static void test_zones(void **state)
{
    struct changes changes;
    char line[300];
    (void)state;
    write_zone("a", "a.test", 1, "");
    write_zone("b", "b.test", 1, "");
    write_zone("moved", "b.test", 1, "");
    write_zone("c", "c.test", 1, "");
    compare(model_of("a", "b", NULL), model_of("moved", "c", NULL), &changes);
    assert_told(&changes, "zone a.test: removed");
    assert_told(&changes, "zone c.test: added");
    snprintf(line, sizeof line, "zone b.test: file %s/moved, was %s/b", directory, directory);
    assert_told(&changes, line);
    assert_int_equal(changes.nlines, 3);
    assert_int_equal(changes.zones.added, 1);
    assert_int_equal(changes.zones.removed, 1);
    assert_int_equal(changes.zones.changed, 1);
    changes_free(&changes);
}

static void test_serials(void **state)
{
    struct changes changes;
    (void)state;
    write_zone("a", "a.test", 1, "");
    write_zone("b", "b.test", 4294967295u, "");
    write_zone("c", "c.test", 3, "www A 127.0.0.300\n");
    struct model *before = model_of("a", "b", "c", NULL);
    write_zone("a", "a.test", 1, "www A 127.0.0.2\n");
    write_zone("b", "b.test", 0, "");
    write_zone("c", "c.test", 4, "");
    compare(before, model_of("a", "b", "c", NULL), &changes);
    assert_told(&changes, "zone a.test: 3 names, was 2, with the same serial 1");
    assert_told(&changes, "zone b.test: serial 0, was 4294967295");
    assert_told(&changes, "zone c.test: good again, serial 4");
    assert_int_equal(changes.zones.changed, 3);
    changes_free(&changes);
}

/* Changed without a new serial, which secondaries would not see; and written anew as it was. */
static void test_same_serial(void **state)
{
    struct changes changes;
    (void)state;
    write_zone("a", "a.test", 7, "www A 127.0.0.2\n");
    write_zone("b", "b.test", 7, "www A 127.0.0.2\n");
    struct model *before = model_of("a", "b", NULL);
    write_zone("a", "a.test", 7, "www A 127.0.0.3\n");
    write_zone("b", "b.test", 7, "www A 127.0.0.2\n");
    compare(before, model_of("a", "b", NULL), &changes);
    assert_told(&changes, "zone a.test: other records, with the same serial 7");
    assert_int_equal(changes.nlines, 1);
    assert_int_equal(changes.zones.changed, 1);
    changes_free(&changes);
}

/* A template with a list of so many domains, but for one. */
static struct model *model_of_domains(unsigned count, unsigned without)
{
    char path[128];
    struct diagnostics diagnostics;
    diagnostics_init(&diagnostics);
    FILE *names = fopen(path_of("names", path), "w"), *zone = fopen(path_of("t.zone", path), "w"),
         *yaml = fopen(path_of("yaml", path), "w");
    for (unsigned i = 0; i < count; i++)
        if (i != without)
            fprintf(names, "d%u.test\n", i);
    fprintf(zone, "$TTL 60\n@ SOA a. b. 1 2 3 4 5\n@ NS a.\n");
    fprintf(yaml, "zones: [{file: t.zone, names: names}]\n");
    fclose(names);
    fclose(zone);
    fclose(yaml);
    struct config *config = config_load(path_of("yaml", path), &diagnostics);
    struct model *model = model_build(config, NULL, true, &diagnostics);
    assert_non_null(model);
    config_free(config);
    diagnostics_free(&diagnostics);
    return model;
}

static void test_domains(void **state)
{
    struct changes changes;
    (void)state;
    compare(model_of_domains(5, 1), model_of_domains(20, 3), &changes);
    assert_told(&changes, "domain d1.test of @t.zone: added");
    assert_told(&changes, "domain d13.test of @t.zone: added");
    assert_told(&changes, "domains of @t.zone: 6 more added");
    assert_told(&changes, "domain d3.test of @t.zone: removed");
    assert_int_equal(changes.nlines, CHANGES_DOMAINS_MAX + 2);
    assert_int_equal(changes.domains.added, 16);
    assert_int_equal(changes.domains.removed, 1);
    assert_int_equal(changes.zones.changed, 0);
    changes_free(&changes);
    write_zone("a", "a.test", 7, "");
    compare(model_of("a", NULL), model_of_domains(2, 2), &changes);
    assert_told(&changes, "template @t.zone: added");
    assert_told(&changes, "zone a.test: removed");
    assert_int_equal(changes.domains.added, 2);
    changes_free(&changes);
}

static void test_targets(void **state)
{
    struct changes changes;
    (void)state;
    write_zone("a", "a.test", 1, "@ MX 10 mx\nmx A 127.0.0.1\n@ MX 20 mx.elsewhere.example.\n");
    struct model *before = model_of("a", NULL);
    write_zone("a", "a.test", 2, "@ MX 10 mx\nmx AAAA ::1\n@ MX 20 mx.other.example.\n");
    compare(before, model_of("a", NULL), &changes);
    assert_told(&changes, "target mx.a.test [::1]@25 smtp: added");
    assert_told(&changes, "target mx.a.test 127.0.0.1@25 smtp: removed");
    assert_told(&changes, "target mx.other.example port 25 smtp, outside our zones: added");
    assert_told(&changes, "target mx.elsewhere.example port 25 smtp, outside our zones: removed");
    assert_int_equal(changes.targets.added, 2);
    assert_int_equal(changes.targets.removed, 2);
    changes_free(&changes);
}

/* A target is known by address, port and check: another name for it is no change. */
static void test_a_renamed_host_is_the_same_target(void **state)
{
    struct changes changes;
    (void)state;
    write_zone("a", "a.test", 1, "@ MX 10 old\nold A 127.0.0.1\n");
    struct model *before = model_of("a", NULL);
    write_zone("a", "a.test", 2, "@ MX 10 new\nnew A 127.0.0.1\n");
    compare(before, model_of("a", NULL), &changes);
    assert_int_equal(changes.targets.added, 0);
    assert_int_equal(changes.targets.removed, 0);
    changes_free(&changes);
}

static void test_the_lines_are_bounded(void **state)
{
    enum { HOSTS = 300 };
    static char more[HOSTS * 40];
    struct changes changes;
    size_t used = 0;
    (void)state;
    write_zone("a", "a.test", 1, "");
    struct model *before = model_of("a", NULL);
    for (unsigned i = 1; i <= HOSTS; i++)
        used += (size_t)snprintf(more + used, sizeof more - used,
                                 "@ MX 10 h%u\nh%u A 127.0.%u.%u\n", i, i, i / 200, i % 200 + 1);
    write_zone("a", "a.test", 1, more);
    compare(before, model_of("a", NULL), &changes);
    assert_int_equal(changes.nlines, CHANGES_LINES_MAX);
    assert_int_equal(changes.targets.added, HOSTS);
    changes_free(&changes);
}

/* Told whether it is a change or not, and whatever else there is to tell. */
static void test_bad_zones(void **state)
{
    enum { ZONES = 150 };
    struct changes changes;
    struct diagnostics diagnostics;
    struct config *config = config_new();
    char path[128], name[16], line[300];
    (void)state;
    for (unsigned i = 0; i < ZONES; i++) {
        snprintf(name, sizeof name, "bad%u.test", i);
        write_zone(name, name, i, "");
        config_add_zone(config, path_of(name, path));
    }
    diagnostics_init(&diagnostics);
    struct model *before = model_build(config, NULL, true, &diagnostics);
    for (unsigned i = 0; i < ZONES; i++) {
        snprintf(name, sizeof name, "bad%u.test", i);
        if (i > 0)
            unlink(path_of(name, path));
    }
    write_zone("new", "new.test", 1, "www A wrong\n");
    config_add_zone(config, path_of("new", path));
    struct model *after = model_build(config, before, false, &diagnostics);
    assert_non_null(after);
    changes_init(&changes);
    changes_of_bad(&changes, after);
    changes_between(before, after, &changes);
    assert_int_equal(changes.nlines, 1);
    assert_told(&changes, "zone new.test: added");
    assert_int_equal(changes.nbad, ZONES);
    assert_int_equal(changes.nbad_lines, CHANGES_LINES_MAX);
    snprintf(line, sizeof line,
             "zone bad7.test: goes on as it was, with serial 7: %s/bad7.test is bad", directory);
    assert_string_equal(changes.bad[6], line);
    changes_free(&changes);

    /* And the other way round. */
    changes_init(&changes);
    write_zone("bad7.test", "bad7.test", 7, "");
    write_zone("bad9.test", "bad9.test", 10, "");
    struct model *next = model_build(config, after, false, &diagnostics);
    changes_between(after, next, &changes);
    assert_told(&changes, "zone bad7.test: good again, serial 7");
    assert_told(&changes, "zone bad9.test: good again, serial 10, was 9");
    assert_int_equal(changes.nlines, 2);
    changes_free(&changes);
    model_free(before);
    model_free(after);
    model_free(next);
    config_free(config);
    diagnostics_free(&diagnostics);
}

static int make_directory(void **state)
{
    (void)state;
    folder_make(directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    folder_remove(directory);
    return 0;
}

/* Other settings stand in no model, and are no zone or target. */
static void test_configuration(void **state)
{
    (void)state;
    struct changes changes;
    struct config *before = config_new(), *after = config_new();
    changes_init(&changes);
    changes_of_configuration(before, after, &changes);
    assert_int_equal(changes.nlines, 1);
    assert_string_equal(changes.lines[0], "configuration: read again");
    assert_int_equal(changes.zones.changed + changes.domains.changed + changes.targets.changed, 0);
    changes_free(&changes);
    config_free(before);
    config_free(after);
}

/* Limits are told by what they are and were. */
static void test_limits(void **state)
{
    (void)state;
    struct changes changes;
    struct config *before = config_new(), *after = config_new();
    struct config_network network = {.bits = 8};
    assert_true(address_parse("10.0.0.0", &network.address));
    after->rate = (struct config_rate){.on = true,
                                       .answers = 100,
                                       .negatives = before->rate.negatives,
                                       .errors = 0,
                                       .slip = 1,
                                       .ipv4_prefix = 32,
                                       .ipv6_prefix = 64,
                                       .exempt = &network,
                                       .nexempt = 1};
    after->tcp_connections = 4096;
    after->tcp_per_client = 16;
    after->tcp_idle_ms = 2500;
    changes_init(&changes);
    changes_of_configuration(before, after, &changes);
    assert_int_equal(changes.nlines, 10);
    assert_told(&changes, "rate-limit answers: 100, was 200");
    assert_told(&changes, "rate-limit errors: 0, was 50");
    assert_told(&changes, "rate-limit slip: 1, was 2");
    assert_told(&changes, "rate-limit ipv4-prefix: 32, was 24");
    assert_told(&changes, "rate-limit ipv6-prefix: 64, was 56");
    assert_told(&changes, "rate-limit exempt: other networks, 1, was 2");
    assert_told(&changes, "tcp-connections: 4096, was 1024");
    assert_told(&changes, "tcp-per-client: 16, was 128");
    assert_told(&changes, "tcp-idle: 2500ms, was 10000ms");
    changes_free(&changes);
    changes_init(&changes);
    after->rate.on = false;
    changes_of_configuration(after, before, &changes);
    assert_told(&changes, "rate-limit: on, was off");
    assert_int_equal(changes.nlines, 5);
    changes_free(&changes);
    config_free(before);
    config_free(after);
}

static struct config *config_of(const char *file, const char *text)
{
    char path[128];
    struct diagnostics diagnostics;
    FILE *out = fopen(path_of(file, path), "w");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
    diagnostics_init(&diagnostics);
    struct config *config = config_load(path, &diagnostics);
    diagnostics_free(&diagnostics);
    assert_non_null(config);
    return config;
}

/* What checks and hosts have got other settings; not which, as there are secrets among them. */
static void test_settings(void **state)
{
    (void)state;
    struct changes changes;
    struct config *before = config_of(
        "old.yaml", "checks: {smtp: {rise: 2}, imap: {sentinel: on}, own: {type: tcp, port: 7}}\n"
                    "hosts: {a.test: {weight: 2}, b.test: {hold: 1m}, c.test: {checks: [own]},\n"
                    "  d.test: {rise: 2}, e.test: {rise: 2}}\n");
    struct config *after = config_of(
        "new.yaml",
        "checks: {own: {type: tcp, port: 7}, smtp: {rise: 2, probe-recipient: a@b.test}}\n"
        "hosts: {a.test: {weight: 3}, b.test: {hold: 1m}, c.test: {checks: [imap]}, f.test: {}}\n");
    changes_init(&changes);
    changes_of_configuration(before, after, &changes);
    assert_told(&changes, "check smtp: other settings");
    assert_told(&changes, "check imap: other settings");
    assert_told(&changes, "host a.test: other settings");
    assert_told(&changes, "host c.test: other settings");
    assert_told(&changes, "host f.test: has settings now");
    assert_told(&changes, "hosts: 2 of those before have no settings now");
    assert_int_equal(changes.nlines, 7);
    changes_free(&changes);
    changes_init(&changes);
    changes_of_configuration(after, after, &changes);
    assert_int_equal(changes.nlines, 1);
    changes_free(&changes);
    config_free(before);
    config_free(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_changed),
        cmocka_unit_test(test_zones),
        cmocka_unit_test(test_serials),
        cmocka_unit_test(test_same_serial),
        cmocka_unit_test(test_domains),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_a_renamed_host_is_the_same_target),
        cmocka_unit_test(test_the_lines_are_bounded),
        cmocka_unit_test(test_configuration),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_bad_zones),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
