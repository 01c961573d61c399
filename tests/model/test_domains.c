/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of domains as files. */
#include "fixture.h"

#include "model/domains.h"
#include "model/template.h"

#include <pthread.h>
#include <time.h>

static struct domains *read_list(struct fixture *fixture, const char *text, size_t longest_prefix)
{
    diagnostics_free(&fixture->diagnostics);
    if (text != NULL)
        fixture_write(fixture, "names", text);
    const struct domains_request request = {.file = fixture_path(fixture, "names"),
                                            .longest_prefix = longest_prefix};
    return domains_read(&request, &fixture->diagnostics);
}

static bool has(const struct domains *domains, const char *text)
{
    uint8_t name[NAME_MAX_SIZE], lower[NAME_MAX_SIZE];
    assert_int_not_equal(name_from_text(text, name), 0);
    return domains_has(domains, lower, name_lower(name, lower));
}

static void check_names(const struct domains *domains, const char *expected)
{
    char text[2000] = "", name[NAME_TEXT_SIZE];
    for (const uint8_t *at = NULL; (at = domains_next(domains, at)) != NULL;) {
        strcat(text, text[0] ? " " : "");
        strcat(text, name_to_text(at, name));
    }
    assert_string_equal(text, expected);
}

static void test_forms(void **state)
{
    struct fixture *fixture = *state;
    struct domains *domains = read_list(fixture,
                                        "shop1.test\nSHOP2.Test.\r\n\n   # nobody\n"
                                        "\tshop3.test  # with a remark\nx\n_a-b.shop1.test",
                                        0);
    fixture_expect_none(fixture);
    assert_true(domains_complete(domains));
    assert_int_equal(domains_count(domains), 5);
    assert_int_equal(domains_longest(domains), 17);
    check_names(domains, "shop1.test shop2.test shop3.test x _a-b.shop1.test");
    assert_true(has(domains, "shop2.test"));
    assert_true(has(domains, "X"));
    assert_false(has(domains, "test"));
    assert_false(has(domains, "shop4.test"));
    assert_false(has(domains, "."));
    domains_release(domains);
}

static void test_wrong_lines(void **state)
{
    struct fixture *fixture = *state;
    struct domains *domains = read_list(fixture,
                                        "good.test\na..b\n.\nsp ace.test\n*.test\n\\000\\001\\002\n"
                                        "g\303\274t.test\ngood.test.\nlast.test\n",
                                        0);
    fixture_expect_all(fixture, "names:2: error: 'a..b' is no domain name: it has an empty label",
                       "names:3: error: '.' is no domain name",
                       "names:4: error: 'sp ace.test' is no domain name",
                       "names:5: error: '*.test' cannot be a zone",
                       "names:6: error: '\\000\\001\\002' cannot be a zone",
                       "names:7: error: 'g\303\274t.test' is no domain name",
                       "names:8: warning: good.test stands in the list twice; once is enough");
    assert_false(domains_complete(domains));
    check_names(domains, "good.test last.test");
    domains_release(domains);
}

/* With the template's names before them. */
static void test_length(void **state)
{
    static const char label[] =
        "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff"; /* 60 */
    struct fixture *fixture = *state;
    char text[1000];
    snprintf(text, sizeof text, "%s.%s.%s.test\n", label, label, label); /* 3 * 61 + 6 */
    struct domains *domains = read_list(fixture, text, 255 - 189);
    fixture_expect_none(fixture);
    assert_int_equal(domains_longest(domains), 189);
    domains_release(domains);
    domains = read_list(fixture, text, 255 - 188);
    snprintf(text, sizeof text,
             "names:1: error: %s.%s.%s.test is too long: with the template's "
             "names before it, 256 octets of at most 255",
             label, label, label);
    fixture_expect_all(fixture, text);
    assert_int_equal(domains_count(domains), 0);
    domains_release(domains);
}

static void test_no_list(void **state)
{
    struct fixture *fixture = *state;
    struct domains *domains = read_list(fixture, "# nobody\n\n", 0);
    fixture_expect_all(fixture, "names: warning: has no name: the template is for nobody");
    assert_true(domains_complete(domains));
    assert_null(domains_next(domains, NULL));
    domains_release(domains);
    unlink(fixture_path(fixture, "names"));
    domains = read_list(fixture, NULL, 0);
    fixture_expect_all(fixture, "names: error: cannot be read");
    assert_false(domains_complete(domains));
    assert_false(has(domains, "x.test"));
    domains_release(domains);
}

/* A file of a million bad lines tells of a few, by number of all. */
static void test_many_wrong_lines(void **state)
{
    enum { LINES = 100000 };
    struct fixture *fixture = *state;
    char *text = malloc(LINES * 16), *at = text;
    for (int i = 0; i < LINES; i++)
        at += sprintf(at, i % 2 ? "..\n" : "twice.test\n");
    struct domains *domains = read_list(fixture, text, 0);
    assert_int_equal(fixture->diagnostics.count, 42);
    char told[512];
    fixture_message(fixture, 40, told, sizeof told);
    assert_string_equal(told, "names: error: ... and 49980 more errors");
    fixture_message(fixture, 41, told, sizeof told);
    assert_string_equal(told, "names: warning: ... and 49979 more names that stand in it twice");
    domains_release(domains);
    /* One line that never ends, with and without a good one behind it. */
    memset(text, 'a', LINES * 16);
    memcpy(text + 300000, "\nb.test\n", 9);
    domains = read_list(fixture, text, 0);
    fixture_expect_all(fixture, "names:1: error: this long line is no domain name");
    check_names(domains, "b.test");
    domains_release(domains);
    text[300000] = 'a';
    text[300007] = '\0';
    domains = read_list(fixture, text, 0);
    assert_int_equal(fixture->diagnostics.errors, 1);
    domains_release(domains);
    free(text);
}

/* Lines that begin and end wherever the pieces that are read do. */
static void test_pieces(void **state)
{
    enum { NAMES = 30000 };
    struct fixture *fixture = *state;
    char *text = malloc(NAMES * 32), *at = text, name[64];
    for (int i = 0; i < NAMES; i++)
        at += sprintf(at, "%.*s%d.test\n", i % 13, "abcdefghijklm", i);
    struct domains *domains = read_list(fixture, text, 0);
    fixture_expect_none(fixture);
    assert_int_equal(domains_count(domains), NAMES);
    for (int i = 0; i < NAMES; i++) {
        sprintf(name, "%.*s%d.test", i % 13, "abcdefghijklm", i);
        assert_true(has(domains, name));
        sprintf(name, "%.*s%d.test", i % 13, "abcdefghijklm", i + NAMES);
        assert_false(has(domains, name));
    }
    domains_release(domains);
    free(text);
}

static const char *take_odd(void *context, const uint8_t *lower, size_t size)
{
    assert_int_equal(size, name_size(lower));
    ++*(int *)context;
    return lower[1] == 'o' ? "odd" : NULL;
}

/* Of a line that does not fit into what is read at once only the end is there. */
static void test_long_line(void **state)
{
    struct fixture *fixture = *state;
    enum { LONG = 150000 };
    char *text = malloc(LONG + 100);
    text[0] = '#';
    memset(text + 1, ' ', LONG);
    strcpy(text + LONG, "gone.test # old\nstays.test\n");
    struct domains *domains = read_list(fixture, text, 0);
    free(text);
    assert_false(domains_complete(domains));
    fixture_expect_all(fixture, "names:1: error: this long line is no domain name");
    check_names(domains, "stays.test");
    domains_release(domains);
}

static void test_byte_order_mark(void **state)
{
    struct fixture *fixture = *state;
    struct domains *domains = read_list(fixture, "\xEF\xBB\xBFshop1.test\nshop2.test\n", 0);
    fixture_expect_none(fixture);
    check_names(domains, "shop1.test shop2.test");
    domains_release(domains);
}

/* Another program goes on writing the list. */
static const char *write_on(void *context, const uint8_t *lower, size_t size)
{
    if (memcmp(lower, "\5shop1\4test", size) != 0)
        return NULL; /* once */
    FILE *file = fopen(context, "a");
    assert_non_null(file);
    fputs("more.test\n", file);
    fclose(file);
    return NULL;
}

static void test_changed_meanwhile(void **state)
{
    struct fixture *fixture = *state;
    fixture_write(fixture, "names", "shop1.test\nshop2.test\n");
    char path[4096];
    snprintf(path, sizeof path, "%s", fixture_path(fixture, "names"));
    const struct domains_request request = {.file = path, .taken = write_on, .context = path};
    struct domains *domains = domains_read(&request, &fixture->diagnostics);
    assert_false(domains_complete(domains));
    fixture_expect_all(fixture, "names: error: was changed while it was read");
    domains_release(domains);
}

static void test_taken(void **state)
{
    struct fixture *fixture = *state;
    int calls = 0;
    fixture_write(fixture, "names", "odd.test\neven.test\n");
    const struct domains_request request = {
        .file = fixture_path(fixture, "names"), .taken = take_odd, .context = &calls};
    struct domains *domains = domains_read(&request, &fixture->diagnostics);
    fixture_expect_all(fixture, "names:1: error: odd.test is odd");
    check_names(domains, "even.test");
    assert_int_equal(calls, 2);
    domains_release(domains);
}

/* All lists of a model together. */
static void test_too_large(void **state)
{
    struct fixture *fixture = *state;
    fixture_write(fixture, "names", "a.test\nb.test\nmuch-longer.test\n");
    const struct domains_request request = {.file = fixture_path(fixture, "names"),
                                            .others = DOMAINS_SIZE_MAX - 2 * 8};
    struct domains *domains = domains_read(&request, &fixture->diagnostics);
    fixture_expect_all(fixture, "names:3: error: the lists of domains take more than 2 GiB");
    check_names(domains, "a.test b.test");
    assert_int_equal(domains_size(domains), 2 * 8);
    domains_release(domains);
}

/* A million names: what they take is asserted, how long is told. */
static void test_million(void **state)
{
    enum { NAMES = 1000000 };
    struct fixture *fixture = *state;
    struct timespec begin, end;
    FILE *file = fopen(fixture_path(fixture, "names"), "w");
    for (int i = 0; i < NAMES; i++)
        fprintf(file, "customer%07d.test\n", i);
    fclose(file);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    struct domains *domains = read_list(fixture, NULL, 0);
    clock_gettime(CLOCK_MONOTONIC, &end);
    fixture_expect_none(fixture);
    assert_int_equal(domains_count(domains), NAMES);
    print_message("%d names: %.1f MiB, %.2f s\n", NAMES, (double)domains_bytes(domains) / (1 << 20),
                  (double)(end.tv_sec - begin.tv_sec) +
                      (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
    assert_true(domains_bytes(domains) <= 35u << 20);
    assert_true(has(domains, "customer0000000.test"));
    assert_true(has(domains, "customer0999999.test"));
    assert_false(has(domains, "customer1000000.test"));
    domains_release(domains);
}

static void *release(void *domains)
{
    domains_release(domains);
    return NULL;
}

static void test_released_by_others(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[8];
    struct domains *domains = read_list(fixture, "a.test\n", 0);
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, release, domains_share(domains)), 0);
    assert_true(has(domains, "a.test"));
    domains_release(domains);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
}

/* Lower case leaves markers apart, and each has its number. */
static void test_markers(void **state)
{
    (void)state;
    uint8_t *seen = calloc(1 << 16, 1);
    for (uint32_t i = 0; i < TEMPLATES_MAX; i++) {
        uint8_t marker[TEMPLATE_APEX_SIZE], lower[NAME_MAX_SIZE];
        size_t prefix = 1;
        template_marker(i, marker);
        assert_int_equal(template_number(marker), i);
        assert_true(name_valid(marker, sizeof marker));
        assert_true(name_is_in_template(marker, &prefix));
        assert_int_equal(prefix, 0);
        assert_int_equal(name_lower(marker, lower), sizeof marker);
        assert_memory_equal(lower, marker, sizeof marker);
        size_t at = (size_t)marker[2] << 8 | marker[3];
        assert_int_equal(seen[at]++, 0);
    }
    free(seen);
    static const struct {
        const char *text;
        bool in_template;
        size_t prefix;
    } rows[] = {{"mail.\\000\\001\\002", true, 5},
                {"\\000\\001\\002.test", false, 0},
                {".", false, 0},
                {"com", false, 0},
                {"a.b.\\000ab", true, 4},
                {"\\000a", false, 0},
                {"\\000abc", false, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t name[NAME_MAX_SIZE];
        size_t prefix;
        name_from_text(rows[i].text, name);
        assert_int_equal(name_is_in_template(name, &prefix), rows[i].in_template);
        if (rows[i].in_template)
            assert_int_equal(prefix, rows[i].prefix);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_forms),
        TEST(test_wrong_lines),
        TEST(test_length),
        TEST(test_no_list),
        TEST(test_many_wrong_lines),
        TEST(test_pieces),
        TEST(test_changed_meanwhile),
        TEST(test_long_line),
        TEST(test_byte_order_mark),
        TEST(test_taken),
        TEST(test_too_large),
        TEST(test_million),
        TEST(test_released_by_others),
        TEST(test_markers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
