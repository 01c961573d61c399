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
        TEST(test_nothing_changed), TEST(test_one_changed),
        TEST(test_changed_at_once), TEST(test_replaced_file),
        TEST(test_included_file),   TEST(test_changed_list),
        TEST(test_renamed_file),    TEST(test_failed_zone_is_read_again),
        TEST(test_same_zone_twice), TEST(test_many_loads),
        TEST(test_waste),           TEST(test_many_zones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
