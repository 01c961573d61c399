/* SPDX-License-Identifier: BSD-2-Clause */
/* Configuration files as a whole: unreadable, broken, cut short, hostile; and every message of
 * tests/config/bad with its place. */
#include "base/memory.h"
#include "config/config.h"
#include "support/config_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define BAD_FOLDER "tests/config/bad"
#define GOOD_FILE  "tests/config/good.yaml"

static void expect_file_error(struct config_file *file, const char *path, const char *message)
{
    diagnostics_free(&file->diagnostics);
    assert_null(config_load(path, &file->diagnostics));
    assert_int_equal(file->diagnostics.count, 1);
    assert_string_equal(file->diagnostics.list[0].text, message);
    assert_string_equal(file->diagnostics.list[0].file, path);
    assert_int_equal(file->diagnostics.list[0].line, 0);
}

static void test_unreadable_files(void **state)
{
    struct config_file *file = *state;
    char folder[128];
    snprintf(folder, sizeof folder, "%s/", file->folder);
    expect_file_error(file, file->path, "cannot read the file: No such file or directory");
    expect_file_error(file, "", "cannot read the file: No such file or directory");
    expect_file_error(file, folder, "cannot read the file: it is a directory");
    expect_file_error(file, "/dev/zero", "cannot read the file: it is not a regular file");
    assert_int_equal(mkfifo(file->path, 0600), 0);
    expect_file_error(file, file->path, "cannot read the file: it is not a regular file");
    unlink(file->path);
    file_write(file->path, "", 0);
    assert_int_equal(truncate(file->path, (16 << 20) + 1), 0);
    expect_file_error(file, file->path, "the file is larger than 16 MiB");
    file_write(file->path, "", 0);
    if (geteuid() == 0 || chmod(file->path, 0) != 0)
        return; /* root reads everything */
    expect_file_error(file, file->path, "cannot read the file: Permission denied");
}

static void test_other_encodings(void **state)
{
    static const char utf16[] = "\xFF\xFEs\0e\0r\0v\0e\0r\0:\0\n\0";
    struct config_file *file = *state;
    assert_null(config_file_load(file, utf16, sizeof utf16 - 1));
    assert_int_equal(file->diagnostics.count, 1);
    assert_int_equal(file->diagnostics.list[0].line, 1);
    assert_int_equal(file->diagnostics.list[0].column, 1);
    assert_non_null(strstr(file->diagnostics.list[0].text, "the file must be UTF-8 text"));
}

/* ---- the files of BAD_FOLDER: "# expect: LINE:COLUMN: TEXT", one line for each message ---- */

/* The next expectation from *text on, cut out as a string; NULL when there is none. */
static char *next_expectation(char **text)
{
    static const char word[] = "# expect: ";
    if (strncmp(*text, word, strlen(word)) != 0)
        return NULL;
    char *begin = *text + strlen(word);
    char *end = strchr(begin, '\n');
    assert_non_null(end);
    *end = '\0';
    *text = end + 1;
    return begin;
}

static void check_bad_file(const char *path)
{
    size_t size, count = 0;
    char *text = file_read_all(path, &size), *rest = text;
    struct diagnostics diagnostics;
    bool good = true;
    diagnostics_init(&diagnostics);
    assert_null(config_load(path, &diagnostics));
    for (const char *expected; (expected = next_expectation(&rest)) && good; count++) {
        char got[8192] = "";
        if (count < diagnostics.count)
            snprintf(got, sizeof got, "%d:%d: %s", diagnostics.list[count].line,
                     diagnostics.list[count].column, diagnostics.list[count].text);
        good = strncmp(got, expected, strlen(expected)) == 0;
        if (!good)
            print_error("%s: expected %s\n", path, expected);
    }
    if (!good || count != diagnostics.count || count == 0) {
        diagnostics_describe(&diagnostics);
        fail_msg("%s: %zu messages", path, diagnostics.count);
    }
    diagnostics_free(&diagnostics);
    free(text);
}

static void test_bad_files(void **state)
{
    (void)state;
    size_t files = 0;
    DIR *folder = opendir(BAD_FOLDER);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char path[PATH_MAX];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", BAD_FOLDER, entry->d_name);
        check_bad_file(path);
        files++;
    }
    closedir(folder);
    assert_true(files >= 30);
}

/* ---- hostile files ---- */

static char *repeat(const char *head, const char *text, size_t times, const char *tail,
                    size_t *size)
{
    size_t length = strlen(text), at = strlen(head);
    char *bytes = memory_alloc(at + times * length + strlen(tail) + 1);
    strcpy(bytes, head);
    for (size_t i = 0; i < times; i++, at += length)
        memcpy(bytes + at, text, length);
    strcpy(bytes + at, tail);
    *size = at + strlen(tail);
    return bytes;
}

/* Whole work stays in proportion to the file; a quadratic one would run into the test's time limit.
 */
static void test_large_files(void **state)
{
    static const struct {
        const char *head, *text, *tail;
        size_t bytes;
        size_t errors_kept;
    } files[] = {
        {"zones: ", "[", "", 4 << 20, 1},                  /* depth */
        {"zones: ", "- ", "", 4 << 20, 1},                 /* syntax */
        {"zones:\n  ", "- ", "", 4 << 20, 1},              /* depth */
        {"", "? ", "", 4 << 20, 1},                        /* depth */
        {"zones: [", "a,", "]", 1 << 20, DIAGNOSTICS_MAX}, /* all the same file */
        {"zones: [", "a,", "]", 4 << 20, 1},               /* number of values */
        {"server: {", "listem: 1,", "}", 4 << 20, DIAGNOSTICS_MAX},
        {"hosts: {", "a..b: 1,", "}", 2 << 20, DIAGNOSTICS_MAX},
        {"hosts: {a.test: {checks: [", "smpt,", "]}}", 2 << 20, DIAGNOSTICS_MAX},
        {"server: {user: ", "x", "}", 15 << 20, 1}, /* a long text */
        {"server: {user: \"", "\\\\", "\"}", 8 << 20, 1},
        {"", "#", "", 15 << 20, 0},
        {"", "#\n", "", 15 << 20, 0},
        {"", "---\n", "", 1 << 20, 1},
    };
    struct config_file *file = *state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t size;
        char *bytes = repeat(files[i].head, files[i].text, files[i].bytes / strlen(files[i].text),
                             files[i].tail, &size);
        config_free(config_file_load(file, bytes, size));
        if (file->diagnostics.count != files[i].errors_kept)
            fail_msg("%s%s...: %zu errors", files[i].head, files[i].text, file->diagnostics.count);
        free(bytes);
    }
}

static void test_many_hosts_and_zones(void **state)
{
    enum { COUNT = 50000 };
    struct config_file *file = *state;
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    fprintf(stream, "checks:\n");
    for (int i = 0; i < COUNT; i++)
        fprintf(stream, "  c%d: {type: smtp}\n", i);
    fprintf(stream, "hosts:\n");
    for (int i = 0; i < COUNT; i++)
        fprintf(stream, "  mx%d.test: {weight: %d, checks: [c%d]}\n", i, i % 1001, i);
    fprintf(stream, "zones:\n");
    for (int i = 0; i < COUNT; i++)
        fprintf(stream, "  - z%d.zone\n", i);
    fclose(stream);
    struct config *config = config_file_load(file, text, size);
    assert_non_null(config);
    assert_int_equal(config->nchecks, CHECK_KINDS + COUNT);
    assert_int_equal(config->nhosts, COUNT);
    assert_int_equal(config->nzones, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(config->hosts[i].weight, i % 1001);
        assert_int_equal(config->hosts[i].checks[0], CHECK_KINDS + i);
    }
    config_free(config);
    free(text);
}

/* A file that is cut short anywhere is read or refused; and where refused, it is told why. */
static void test_truncated(void **state)
{
    size_t size;
    char *good = file_read_all(GOOD_FILE, &size);
    for (size_t shorter = 0; shorter <= size; shorter++)
        config_free(config_file_load(*state, good, shorter));
    free(good);
}

static void test_mutated(void **state)
{
    enum { ROUNDS = 10000 };
    static const char favourites[] = "\n \t:-?,[]{}#&*!|>'\"%@`\\\0\xff\xc2\x85~<0";
    unsigned seed = 20240217;
    size_t size, loaded = 0;
    char *good = file_read_all(GOOD_FILE, &size), *bytes = memory_alloc(size);
    for (int round = 0; round < ROUNDS; round++) {
        memcpy(bytes, good, size);
        for (int i = rand_r(&seed) % 8; i >= 0; i--)
            bytes[(size_t)rand_r(&seed) % size] =
                rand_r(&seed) % 3 ? favourites[(size_t)rand_r(&seed) % sizeof favourites]
                                  : (char)rand_r(&seed);
        struct config *config = config_file_load(*state, bytes, size);
        loaded += config != NULL;
        config_free(config);
    }
    assert_true(loaded > 0 && loaded < ROUNDS);
    free(bytes);
    free(good);
}

/* Messages of an earlier file stay, before those of this one; order is that of the file. */
static void test_diagnostics_add_up(void **state)
{
    struct config_file *file = *state;
    static const char text[] = "policies: [1]\nserver: {workers: x, user: ''}\n";
    file_write(file->path, text, strlen(text));
    diagnostics_error(&file->diagnostics, "earlier", 99, 1, "earlier");
    assert_null(config_load(file->path, &file->diagnostics));
    assert_int_equal(file->diagnostics.errors, 4);
    assert_int_equal(file->diagnostics.list[0].line, 99);
    assert_int_equal(file->diagnostics.list[1].line, 1);
    assert_int_equal(file->diagnostics.list[2].column, 19);
    assert_int_equal(file->diagnostics.list[3].column, 28);
    /* and do not spoil a good one */
    static const char good[] = "server: {workers: 1}\n";
    file_write(file->path, good, strlen(good));
    struct config *config = config_load(file->path, &file->diagnostics);
    assert_non_null(config);
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_unreadable_files, config_file_set_up,
                                        config_file_tear_down),
        cmocka_unit_test_setup_teardown(test_other_encodings, config_file_set_up,
                                        config_file_tear_down),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test_setup_teardown(test_large_files, config_file_set_up,
                                        config_file_tear_down),
        cmocka_unit_test_setup_teardown(test_many_hosts_and_zones, config_file_set_up,
                                        config_file_tear_down),
        cmocka_unit_test_setup_teardown(test_truncated, config_file_set_up, config_file_tear_down),
        cmocka_unit_test_setup_teardown(test_mutated, config_file_set_up, config_file_tear_down),
        cmocka_unit_test_setup_teardown(test_diagnostics_add_up, config_file_set_up,
                                        config_file_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
