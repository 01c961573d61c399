/* SPDX-License-Identifier: BSD-2-Clause */
/* What a model takes over from the one before, and what it reads again. */
#include "fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#define ZONE(name, more)                                                                           \
    "$ORIGIN " name                                                                                \
    ".test.\n$TTL 60\n@ SOA ns.example. h.example. 1 2 3 4 5\n@ NS ns.example.\n" more

/* The next model, from the same configuration. The one before is the caller's. */
static struct model *rebuild(struct fixture *fixture, const struct model *previous, bool strict)
{
    diagnostics_free(&fixture->diagnostics);
    return model_build(fixture->config, previous, strict, &fixture->diagnostics);
}

static void write_zone(struct fixture *fixture, const char *name, const char *more)
{
    char text[2000];
    snprintf(text, sizeof text, ZONE("%s", "%s"), name, more);
    fixture_write(fixture, name, text);
}

/* Zones a, b and c. */
static void begin(struct fixture *fixture)
{
    static const char *const names[] = {"a", "b", "c"};
    fixture_configure(fixture, NULL);
    for (int i = 0; i < 3; i++) {
        write_zone(fixture, names[i], "@ MX 1 mx\nmx A 192.0.2.1\n");
        fixture_add(fixture, names[i]);
    }
    files_settle();
    assert_true(fixture_build(fixture, true));
    assert_int_equal(fixture->model->nread, 3);
}

static const struct zone *zone_named(const struct model *model, const char *name)
{
    for (size_t i = 0; i < model->nzones; i++)
        if (strcmp(model->zones[i].name, name) == 0)
            return &model->zones[i];
    fail_msg("no zone %s", name);
    return NULL;
}

static bool is_shared(const struct model *one, const struct model *other, const char *name)
{
    return zone_named(one, name)->nodes == zone_named(other, name)->nodes;
}

static bool has_node(const struct model *model, const char *text)
{
    uint8_t name[NAME_MAX_SIZE];
    name_from_text(text, name);
    const struct zone *zone = model_zone(model, name);
    return zone != NULL && zone_node(model, zone, name) != NULL;
}

static void test_nothing_changed(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    struct model *model = rebuild(fixture, fixture->model, true);
    assert_int_equal(model->nread, 0);
    assert_int_equal(model->nzones, 3);
    assert_true(is_shared(fixture->model, model, "a.test"));
    assert_true(is_shared(fixture->model, model, "c.test"));
    assert_int_equal(model->zones[0].serial, 1);
    assert_int_equal(model->zones[0].negative_ttl_s, 5);
    assert_int_equal(model->npools, fixture->model->npools);
    /* Each has its own pools, and what they share stays until both are gone. */
    assert_ptr_not_equal(model->zones[0].pools, fixture->model->zones[0].pools);
    model_free(fixture->model);
    fixture->model = model;
    assert_true(has_node(model, "mx.b.test"));
    assert_int_not_equal(fixture_pool(fixture, "c.test", "MX"), MODEL_NONE);
}

static void test_one_changed(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    write_zone(fixture, "b", "@ MX 1 mx\nmx A 192.0.2.2\nnew A 192.0.2.3\n");
    struct model *model = rebuild(fixture, fixture->model, true);
    assert_int_equal(model->nread, 1);
    assert_true(is_shared(fixture->model, model, "a.test"));
    assert_false(is_shared(fixture->model, model, "b.test"));
    assert_true(is_shared(fixture->model, model, "c.test"));
    assert_true(has_node(model, "new.b.test"));
    assert_false(has_node(fixture->model, "new.b.test"));
    model_free(model); /* this order as well */
    assert_true(has_node(fixture->model, "mx.b.test"));
}

/* Changed in the moment of reading: same size, same inode, and the time of modification set back.
 */
static void test_changed_at_once(void **state)
{
    struct fixture *fixture = *state;
    fixture_configure(fixture, NULL);
    fixture_add(fixture, "a");
    for (int i = 0; i < 20; i++) {
        struct stat before;
        write_zone(fixture, "a", "one A 192.0.2.1\n");
        assert_int_equal(stat(fixture_path(fixture, "a"), &before), 0);
        struct model *first = rebuild(fixture, NULL, true);
        write_zone(fixture, "a", "two A 192.0.2.1\n");
        struct timespec times[] = {before.st_atim, before.st_mtim};
        assert_int_equal(utimensat(AT_FDCWD, fixture_path(fixture, "a"), times, 0), 0);
        struct model *second = rebuild(fixture, first, true);
        assert_true(has_node(first, "one.a.test"));
        assert_true(has_node(second, "two.a.test"));
        model_free(first);
        model_free(second);
    }
}

static void test_replaced_file(void **state)
{
    struct fixture *fixture = *state;
    char from[4096];
    struct stat before;
    begin(fixture);
    assert_int_equal(stat(fixture_path(fixture, "a"), &before), 0);
    fixture_write(fixture, "temporary", ZONE("a", "@ MX 1 mx\nmy A 192.0.2.1\n"));
    snprintf(from, sizeof from, "%s", fixture_path(fixture, "temporary"));
    struct timespec times[] = {before.st_atim, before.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, from, times, 0), 0);
    assert_int_equal(rename(from, fixture_path(fixture, "a")), 0);
    struct model *model = rebuild(fixture, fixture->model, true);
    assert_int_equal(model->nread, 1);
    assert_true(has_node(model, "my.a.test"));
    model_free(model);
}

static void test_included_file(void **state)
{
    struct fixture *fixture = *state;
    fixture_configure(fixture, NULL);
    fixture_write(fixture, "inner", "inner A 192.0.2.1\n");
    fixture_write(fixture, "outer", "$INCLUDE inner\nouter A 192.0.2.1\n");
    write_zone(fixture, "a", "$INCLUDE outer\n");
    write_zone(fixture, "b", "");
    fixture_add(fixture, "a");
    fixture_add(fixture, "b");
    files_settle();
    assert_true(fixture_build(fixture, true));
    struct model *model = rebuild(fixture, fixture->model, true);
    assert_int_equal(model->nread, 0);
    model_free(model);

    fixture_write(fixture, "inner", "changed A 192.0.2.1\n");
    model = rebuild(fixture, fixture->model, true);
    assert_int_equal(model->nread, 1);
    assert_true(has_node(model, "changed.a.test"));
    assert_true(is_shared(fixture->model, model, "b.test"));
    model_free(model);

    unlink(fixture_path(fixture, "inner"));
    assert_null(rebuild(fixture, fixture->model, true));
    fixture_expect_all(fixture, "outer:1: error: $INCLUDE inner: cannot be read");
    assert_true(has_node(fixture->model, "inner.a.test"));
}

/* Whichever way the list of zones changes, what it has in common with the one before is shared. */
static void test_changed_list(void **state)
{
    static const char *const lists[] = {"bca", "ac", "c", "dabc", "cdba", "b"};
    struct fixture *fixture = *state;
    begin(fixture);
    write_zone(fixture, "d", "");
    files_settle();
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct fixture next = {.config = config_new()};
        bool with_d = strchr(lists[i], 'd') != NULL;
        snprintf(next.folder, sizeof next.folder, "%s", fixture->folder);
        for (const char *name = lists[i]; *name; name++)
            fixture_add(&next, (char[]){*name, '\0'});
        struct model *model = model_build(next.config, fixture->model, true, &fixture->diagnostics);
        assert_int_equal(model->nzones, strlen(lists[i]));
        assert_int_equal(model->nread, with_d);
        for (const char *name = lists[i]; *name; name++) {
            char text[] = {*name, '.', 't', 'e', 's', 't', '\0'};
            assert_true(has_node(model, text));
            if (*name != 'd')
                assert_true(is_shared(fixture->model, model, text));
        }
        model_free(model);
        config_free(next.config);
    }
}

/* Another path is another file, whatever is there: a copy may be meant to be changed. */
static void test_renamed_file(void **state)
{
    struct fixture *fixture = *state;
    char from[4096];
    begin(fixture);
    struct model *before = fixture->model;
    config_free(fixture->config);
    fixture->config = config_new();
    snprintf(from, sizeof from, "%s", fixture_path(fixture, "a"));
    assert_int_equal(rename(from, fixture_path(fixture, "renamed")), 0);
    fixture_add(fixture, "renamed");
    fixture_add(fixture, "b");
    struct model *model = rebuild(fixture, before, true);
    assert_int_equal(model->nread, 1);
    assert_true(has_node(model, "mx.a.test"));
    assert_true(is_shared(before, model, "b.test"));
    model_free(model);
}

static void test_failed_zone_is_read_again(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    write_zone(fixture, "b", "broken\n");
    files_settle();
    struct model *model = rebuild(fixture, NULL, false);
    assert_true(zone_named(model, "b.test")->failed);
    struct model *again = rebuild(fixture, model, false);
    assert_int_equal(again->nread, 1);
    assert_true(zone_named(again, "b.test")->failed);
    assert_true(fixture->diagnostics.errors > 0);
    assert_null(rebuild(fixture, again, true));
    model_free(model);
    write_zone(fixture, "b", "good A 192.0.2.1\n");
    model = rebuild(fixture, again, true);
    assert_true(has_node(model, "good.b.test"));
    model_free(again);
    model_free(model);
}

/* ---- bad files ---- */

/* The next model, in which the zone goes on as it was. Only the next is left, with the messages. */
static void expect_stale(struct fixture *fixture, const char *name)
{
    struct model *before = fixture->model;
    fixture->model = rebuild(fixture, before, false);
    assert_non_null(fixture->model);
    assert_true(fixture->diagnostics.errors > 0);
    assert_true(is_shared(before, fixture->model, name));
    assert_int_equal(zone_named(fixture->model, name)->serial, zone_named(before, name)->serial);
    model_free(before);
    const struct zone *zone = zone_named(fixture->model, name);
    assert_true(zone->stale);
    assert_false(zone->failed);
    assert_non_null(node_rrset(zone->nodes[0], RRTYPE_SOA));
}

/* All else is as it is written now; and what is bad is read, and told, again and again. */
static void test_bad_zone_goes_on(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    write_zone(fixture, "a", "new A 192.0.2.3\n");
    write_zone(fixture, "b", "@ MX 1 mx\nmx A 192.0.2.300\nlost A 192.0.2.1\n");
    files_settle();
    assert_null(rebuild(fixture, fixture->model, true));
    for (int i = 0; i < 3; i++) {
        expect_stale(fixture, "b.test");
        fixture_expect_all(fixture, "b:6: error: A: \"192.0.2.300\" is no IPv4 address");
        assert_int_equal(fixture->model->nread, i == 0 ? 2 : 1);
        assert_true(has_node(fixture->model, "new.a.test"));
        assert_true(has_node(fixture->model, "mx.b.test"));
        assert_false(has_node(fixture->model, "lost.b.test"));
        assert_int_not_equal(fixture_pool(fixture, "b.test", "MX"), MODEL_NONE);
    }
    write_zone(fixture, "b", "lost A 192.0.2.1\n");
    struct model *model = rebuild(fixture, fixture->model, false);
    fixture_expect_none(fixture);
    assert_false(zone_named(model, "b.test")->stale);
    assert_true(has_node(model, "lost.b.test"));
    model_free(model);
}

static void test_vanished_zone_goes_on(void **state)
{
    struct fixture *fixture = *state;
    char from[4096], to[4096];
    begin(fixture);
    snprintf(from, sizeof from, "%s", fixture_path(fixture, "c"));
    snprintf(to, sizeof to, "%s", fixture_path(fixture, "elsewhere"));
    assert_int_equal(rename(from, to), 0);
    expect_stale(fixture, "c.test");
    fixture_expect_all(fixture, "c: error: cannot be read: No such file");
    expect_stale(fixture, "c.test");
    assert_int_equal(rename(to, from), 0);
    struct model *model = rebuild(fixture, fixture->model, false);
    fixture_expect_none(fixture);
    assert_false(zone_named(model, "c.test")->stale);
    model_free(model);
}

static void test_bad_include_goes_on(void **state)
{
    struct fixture *fixture = *state;
    fixture_configure(fixture, NULL);
    fixture_write(fixture, "inner", "inner A 192.0.2.1\n");
    write_zone(fixture, "a", "$INCLUDE inner\n");
    fixture_add(fixture, "a");
    files_settle();
    assert_true(fixture_build(fixture, true));
    fixture_write(fixture, "inner", "inner A wrong\n");
    files_settle();
    expect_stale(fixture, "a.test");
    fixture_expect_all(fixture, "inner:1: error: A: \"wrong\" is no IPv4 address");
    unlink(fixture_path(fixture, "inner"));
    expect_stale(fixture, "a.test");
    assert_true(has_node(fixture->model, "inner.a.test"));
    fixture_write(fixture, "inner", "changed A 192.0.2.1\n");
    struct model *model = rebuild(fixture, fixture->model, false);
    assert_true(has_node(model, "changed.a.test"));
    model_free(model);
}

/* Whatever zone the bad file says it is of: it was of this one. */
static void test_bad_origin_goes_on(void **state)
{
    static const char *const texts[] = {
        "$ORIGIN x.test.\n@ 60 SOA a. b. 1 2 3 4 5\nb.test. 60 NS a.\n",
        "$ORIGIN \\000\\000\\000.\n@ 60 SOA a. b. 1 2 3 4 5\n",
        "$ORIGIN \\000\\000\\000.\n@ 60 NS a.\n",
        "$ORIGIN c.test.\nbroken\n",
        "",
    };
    struct fixture *fixture = *state;
    begin(fixture);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        fixture_write(fixture, "b", texts[i]);
        expect_stale(fixture, "b.test");
        assert_int_equal(fixture->model->nzones, 3);
    }
}

/* A file that holds the zone now is better than what was read of one that does not. */
static void test_good_file_takes_the_place(void **state)
{
    static const char *const lists[] = {"adc", "cda", "dac"};
    struct fixture *fixture = *state;
    begin(fixture);
    fixture_write(fixture, "a", "broken\n");
    fixture_write(fixture, "d", ZONE("a", "new A 192.0.2.1\n"));
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct fixture next = {.config = config_new()};
        snprintf(next.folder, sizeof next.folder, "%s", fixture->folder);
        for (const char *name = lists[i]; *name; name++)
            fixture_add(&next, (char[]){*name, '\0'});
        diagnostics_free(&fixture->diagnostics);
        struct model *model =
            model_build(next.config, fixture->model, false, &fixture->diagnostics);
        assert_true(fixture->diagnostics.errors > 0);
        assert_int_equal(model->nzones, 2);
        assert_false(zone_named(model, "a.test")->stale);
        assert_true(has_node(model, "new.a.test"));
        assert_true(is_shared(fixture->model, model, "c.test"));
        model_free(model);
        config_free(next.config);
    }
}

/* Named by another path now, where it is bad. That the old file is still as it was is no help. */
static void test_bad_file_elsewhere(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    write_zone(fixture, "moved", "");
    fixture_write(fixture, "moved", ZONE("b", "bad A bad\n"));
    config_free(fixture->config);
    fixture->config = config_new();
    fixture_add(fixture, "a");
    fixture_add(fixture, "moved");
    for (int i = 0; i < 2; i++) {
        expect_stale(fixture, "b.test");
        fixture_expect_all(fixture, "moved:5: error: A: \"bad\" is no IPv4 address");
        assert_int_equal(fixture->model->nzones, 2);
    }
    assert_non_null(strstr(zone_named(fixture->model, "b.test")->file, "/moved"));
}

/* A zone that nobody has read yet has nothing to go on with. */
static void test_new_bad_zone(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    fixture_write(fixture, "d", ZONE("d", "bad A bad\n"));
    fixture_write(fixture, "e.test.zone", "broken\n");
    fixture_add(fixture, "d");
    fixture_add(fixture, "e.test.zone");
    struct model *model = rebuild(fixture, fixture->model, false);
    assert_int_equal(model->nzones, 5);
    assert_true(zone_named(model, "d.test")->failed);
    assert_false(zone_named(model, "d.test")->stale);
    assert_true(zone_named(model, "e.test")->failed);
    assert_true(is_shared(fixture->model, model, "a.test"));
    model_free(model);
}

/* When all is read anew, for the memory, what is stale stays as it is. */
static void test_stale_zone_outlives_its_load(void **state)
{
    enum { RECORDS = 30000 };
    struct fixture *fixture = *state;
    char *text = malloc(RECORDS * 40);
    begin(fixture);
    int at = sprintf(text, ZONE("a", ""));
    for (int i = 0; i < RECORDS; i++)
        at += sprintf(text + at, "n%d A 192.0.2.1\n", i);
    fixture_write(fixture, "a", text);
    free(text);
    files_settle();
    struct model *model = rebuild(fixture, NULL, false);
    model_free(fixture->model);
    fixture->model = model;
    unlink(fixture_path(fixture, "b"));
    expect_stale(fixture, "b.test");
    write_zone(fixture, "a", "");
    files_settle();
    expect_stale(fixture, "b.test");
    assert_int_equal(fixture->model->nread, 3);
    expect_stale(fixture, "b.test");
    assert_int_equal(fixture->model->nread, 1);
    assert_true(has_node(fixture->model, "mx.b.test"));
    assert_true(has_node(fixture->model, "mx.c.test"));
}

/* Settings of what may stand in the file that is bad are no reason to refuse all. */
static void test_settings_of_stale_zones(void **state)
{
    static const char yaml[] = "zones: [a, b]\nhosts: {%s: {weight: 3}}\n";
    struct fixture *fixture = *state;
    char text[200];
    write_zone(fixture, "a", "@ MX 1 mx\nmx A 192.0.2.1\n");
    write_zone(fixture, "b", "");
    snprintf(text, sizeof text, yaml, "mx.a.test");
    fixture_configure(fixture, text);
    assert_true(fixture_build(fixture, true));
    struct model *before = fixture->model;
    fixture->model = NULL;
    snprintf(text, sizeof text, yaml, "new.b.test");
    fixture_configure(fixture, text);
    assert_null(rebuild(fixture, before, false));
    fixture_expect_all(fixture,
                       "evermx.yaml:2:9: error: hosts: no zone has addresses for new.b.test");
    write_zone(fixture, "b", "@ MX 1 new\nnew A 192.0.2.1\nbad A bad\n");
    fixture->model = rebuild(fixture, before, false);
    assert_non_null(fixture->model);
    fixture_expect_all(fixture, "b:7: error: A: ",
                       "evermx.yaml:2:9: warning: hosts: no zone has addresses for new.b.test");
    model_free(before);
}

/* ---- which zone it is ---- */

/* A zone that was read before and a file that is read now may hold the same name. */
static void test_same_zone_twice(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    write_zone(fixture, "d", "");
    fixture_write(fixture, "d", ZONE("a", ""));
    fixture_add(fixture, "d");
    assert_null(rebuild(fixture, fixture->model, true));
    fixture_expect_all(fixture, "d:3: error: the zone a.test is already read from a");
}

/* What is no longer in use does not pile up, however often a zone changes; and models go in any
 * order. */
static void test_many_loads(void **state)
{
    enum { LOADS = 60, KEPT = 7, RECORDS = 5000 };
    struct fixture *fixture = *state;
    struct model *kept[KEPT] = {NULL}, *last = NULL;
    char *text = malloc(RECORDS * 40);
    size_t most_stores = 0, full = 0;
    begin(fixture);
    for (int i = 0; i < LOADS; i++) {
        int at = sprintf(text, ZONE("c", ""));
        for (int j = 0; j < (i % 2 ? RECORDS : 1); j++)
            at += sprintf(text + at, "n%d-%d A 192.0.2.1\n", i, j);
        fixture_write(fixture, "c", text);
        files_settle();
        struct model *model = rebuild(fixture, last, true);
        full += model->nread == 3;
        most_stores = model->nstores > most_stores ? model->nstores : most_stores;
        assert_int_equal(zone_named(model, "c.test")->nnodes, i % 2 ? RECORDS + 1 : 2);
        model_free(kept[(i * 5) % KEPT]);
        kept[(i * 5) % KEPT] = last = model;
    }
    for (int i = 0; i < KEPT; i++)
        model_free(kept[i]);
    free(text);
    assert_in_range(most_stores, 2, 3);
    assert_in_range(full, 1, 1);
}

/* So many that two threads ask for them. */
static void test_many_zones(void **state)
{
    enum { ZONES = 1501 };
    struct fixture *fixture = *state;
    char name[32];
    fixture_configure(fixture, NULL);
    for (int i = 0; i < ZONES; i++) {
        sprintf(name, "z%d", i);
        write_zone(fixture, name, "");
        fixture_add(fixture, name);
    }
    files_settle();
    assert_true(fixture_build(fixture, true));
    static const int changed[] = {0, ZONES / 2 - 1, ZONES / 2, ZONES - 1};
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        sprintf(name, "z%d", changed[i]);
        write_zone(fixture, name, "new A 192.0.2.1\n");
    }
    struct model *model = rebuild(fixture, fixture->model, true);
    assert_int_equal(model->nread, 4);
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        sprintf(name, "new.z%d.test", changed[i]);
        assert_true(has_node(model, name));
    }
    assert_true(is_shared(fixture->model, model, "z1.test"));
    assert_true(is_shared(fixture->model, model, "z1499.test"));
    model_free(model);
}

/* Where most of what was read together is no longer in use, all is read anew. */
static void test_waste(void **state)
{
    enum { RECORDS = 30000 };
    struct fixture *fixture = *state;
    char *text = malloc(RECORDS * 40);
    fixture_configure(fixture, NULL);
    int at = sprintf(text, ZONE("a", ""));
    for (int i = 0; i < RECORDS; i++)
        at += sprintf(text + at, "n%d A 192.0.2.1\n", i);
    fixture_write(fixture, "a", text);
    free(text);
    write_zone(fixture, "b", "");
    fixture_add(fixture, "a");
    fixture_add(fixture, "b");
    files_settle();
    struct model *model = rebuild(fixture, NULL, true);
    write_zone(fixture, "a", "");
    files_settle();
    struct model *small = rebuild(fixture, model, true);
    assert_int_equal(small->nread, 2);
    assert_int_equal(small->nstores, 1);
    model_free(model);
    model = rebuild(fixture, small, true);
    assert_int_equal(model->nread, 0);
    model_free(small);
    model_free(model);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_changed),
        TEST(test_one_changed),
        TEST(test_changed_at_once),
        TEST(test_replaced_file),
        TEST(test_included_file),
        TEST(test_changed_list),
        TEST(test_renamed_file),
        TEST(test_failed_zone_is_read_again),
        TEST(test_bad_zone_goes_on),
        TEST(test_vanished_zone_goes_on),
        TEST(test_bad_include_goes_on),
        TEST(test_bad_origin_goes_on),
        TEST(test_good_file_takes_the_place),
        TEST(test_bad_file_elsewhere),
        TEST(test_new_bad_zone),
        TEST(test_stale_zone_outlives_its_load),
        TEST(test_settings_of_stale_zones),
        TEST(test_same_zone_twice),
        TEST(test_many_loads),
        TEST(test_waste),
        TEST(test_many_zones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
