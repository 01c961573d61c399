/* SPDX-License-Identifier: BSD-2-Clause */
/* Records as files: what was written is read again, and nothing else is taken for a record. */
#include "../../tools/drill/record/keep.h"
#include "../../tools/drill/record/text.h"
#include "support/place.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const struct series_key killed = {"evermx",  "kill",     PLACE_RESOLVER,
                                         "unbound", PHASE_LEFT, false};

static struct record *make_record(void)
{
    struct record *record = record_new("a \"quoted\" title \xc3\xa9\n");
    struct series_key key = killed;
    struct figures *figures = &record_series(record, &key)->figures;
    figures_add(figures, 1.234567);
    figures_add(figures, 0);
    figures_add(figures, 3600.1);
    figures_add(figures, INFINITY);
    key.predicted = true;
    key.phase = PHASE_BACK;
    key.name = "";
    record_series(record, &key);
    record_set(record, "interval", "2s");
    record_set(record, "latin", "caf\xe9");
    record_set_number(record, "ttl_s", 0.1);
    json_array_append_new(record->repetitions, json_pack("{s:f}", "t0_s", 1.5));
    return record;
}

static char *printed(const struct record *record)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    keep_print(record, file);
    fclose(file);
    return text;
}

static void all_of_it_comes_back(void **state)
{
    struct record *record = make_record();
    char *text = printed(record), *again;
    struct error error;
    (void)state;
    struct record *read = keep_parse(text, strlen(text), &error);
    assert_non_null(read);
    assert_string_equal(read->title, record->title);
    assert_int_equal(read->nseries, 2);
    const struct figures *figures = &record_series(read, &killed)->figures;
    assert_int_equal(read->nseries, 2); /* found */
    assert_int_equal(figures->count, 3);
    assert_int_equal(figures->never, 1);
    assert_float_equal(figures->times_s[0], 1.234567, 1e-9);
    assert_true(read->series[1]->key.predicted && read->series[1]->key.phase == PHASE_BACK);
    assert_string_equal(json_string_value(json_object_get(read->settings, "latin")), "caf?");
    assert_float_equal(json_number_value(json_object_get(read->settings, "ttl_s")), 0.1, 0);
    assert_true(json_equal(read->repetitions, record->repetitions));
    again = printed(read);
    assert_string_equal(again, text);
    free(again);
    free(text);
    record_free(read);
    record_free(record);
}

/* What other programs read: the words of the manual page. */
static void the_form_is_stable(void **state)
{
    struct record *record = record_new("t");
    (void)state;
    figures_add(&record_series(record, &killed)->figures, 0.5);
    record_set_number(record, "n", 3);
    char *text = printed(record);
    assert_string_equal(
        text, "{\"format\": \"evermx-drill 1\",\n \"title\": \"t\",\n \"settings\": {\"n\": 3.0},\n"
              " \"series\": [\n"
              "  {\"system\": \"evermx\", \"kind\": \"kill\", \"place\": \"resolver\", "
              "\"name\": \"unbound\", \"phase\": \"left\", \"predicted\": false, \"never\": 0, "
              "\"times_s\": [0.500000]}],\n"
              " \"repetitions\": []}\n");
    free(text);
    record_free(record);
}

static void merging_adds_up(void **state)
{
    struct record *record = make_record(), *other = make_record();
    (void)state;
    struct series_key key = killed;
    key.kind = "hang";
    figures_add(&record_series(other, &key)->figures, 7);
    record_merge(record, other);
    assert_int_equal(record->nseries, 3);
    assert_int_equal(record_series(record, &killed)->figures.count, 6);
    assert_int_equal(record_series(record, &killed)->figures.never, 2);
    assert_int_equal(record_series(record, &key)->figures.count, 1);
    assert_int_equal(json_array_size(record->repetitions), 2);
    record_free(record);
    record_free(other);
}

#define HEAD "{\"format\": \"evermx-drill 1\", \"title\": \"\", "
#define SERIES(times)                                                                              \
    HEAD "\"series\": [{\"system\": \"\", \"kind\": \"\", \"place\": \"users\", \"name\": \"\", "  \
         "\"phase\": \"left\", " times "}]}"

/* Each with a part of what is said of it. */
static const struct bad {
    const char *text, *says;
} bads[] = {
    {"", "line 1"},
    {"{\n\"format\":\n nonsense}", "line 3"},
    {"[]", "format"},
    {"null", "line 1"},
    {"{}", "format"},
    {"{\"format\": 1}", "format"},
    {"{\"format\": \"evermx-drill 2\", \"title\": \"\", \"series\": []}", "format"},
    {"{\"format\": \"evermx-drill 1\", \"series\": []}", "title"},
    {HEAD "\"series\": {}}", "series: must be a list"},
    {HEAD "\"title\": \"twice\"}", "uplicate"},
    {HEAD "\"series\": [3]}", "series[0]: must be an object"},
    {HEAD "\"series\": [{}]}", "series[0].system"},
    {HEAD "\"series\": [], \"settings\": []}", "settings"},
    {HEAD "\"series\": [], \"settings\": {\"a\": {}}}", "settings.a"},
    {HEAD "\"series\": [], \"repetitions\": {}}", "repetitions"},
    {HEAD "\"series\": [], \"repetitions\": [{}, 1]}", "repetitions[1]"},
    {HEAD "\"series\": []} trailing", "line 1"},
    {SERIES("\"times_s\": 1"), "times_s: must be a list"},
    {SERIES("\"never\": 1"), "times_s: must be a list"},
    {SERIES("\"times_s\": [1, -0.5]"), "series[0].times_s[1]"},
    {SERIES("\"times_s\": [1e9]"), "times_s[0]"},
    {SERIES("\"times_s\": [1e999]"), "line 1"},
    {SERIES("\"times_s\": [NaN]"), "line 1"},
    {SERIES("\"times_s\": [\"NaN\"]"), "times_s[0]"},
    {SERIES("\"times_s\": [null]"), "times_s[0]"},
    {SERIES("\"times_s\": [[1]]"), "times_s[0]"},
    {SERIES("\"times_s\": [], \"never\": -1"), "never"},
    {SERIES("\"times_s\": [], \"never\": 0.5"), "never"},
    {SERIES("\"times_s\": [], \"never\": \"1\""), "never"},
    {SERIES("\"times_s\": [], \"never\": 1e15"), "never"},
    {SERIES("\"times_s\": [], \"never\": 99999999999999999999"), "line 1"},
    {SERIES("\"times_s\": [], \"predicted\": 1"), "predicted"},
    {SERIES("\"times_s\": [], \"place\": \"moon\""), "uplicate"},
    {HEAD "\"series\": [{\"system\": \"\", \"kind\": \"\", \"place\": \"moon\", \"name\": \"\", "
          "\"phase\": \"left\", \"times_s\": []}]}",
     "no place \"moon\""},
    {HEAD "\"series\": [{\"system\": \"\", \"kind\": \"\", \"place\": \"host\", \"name\": \"\", "
          "\"phase\": \"\\u001b[31m\", \"times_s\": []}]}",
     "no phase \"?[31m\""},
    {HEAD "\"series\": [{\"system\": \"\\u0000\"}]}", "line 1"},
    {HEAD "\"series\": [{\"system\": \"\xff\"}]}", "line 1"},
};

static void bad_files_are_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bads / sizeof *bads; i++) {
        struct error error = {""};
        if (keep_parse(bads[i].text, strlen(bads[i].text), &error))
            fail_msg("taken for a record: %s", bads[i].text);
        if (!strstr(error.text, bads[i].says))
            fail_msg("%s: says \"%s\", not \"%s\"", bads[i].text, error.text, bads[i].says);
    }
}

/* Each octet of a good file changed, and each beginning of it: read or refused, and never worse. */
static void spoilt_files_do_no_harm(void **state)
{
    static const char octets[] = "{}[],:\"\\9-e\x80\xff ";
    struct record *record = make_record();
    char *text = printed(record);
    size_t size = strlen(text), refused = 0;
    (void)state;
    for (size_t at = 0; at < size; at++) {
        char kept = text[at];
        for (const char *octet = octets; *octet; octet++) {
            text[at] = *octet;
            struct record *read = keep_parse(text, size, NULL);
            refused += !read;
            if (read)
                record_free(read);
        }
        text[at] = kept;
        if (at + 1 < size) /* all but its last newline */
            assert_null(keep_parse(text, at, NULL));
    }
    assert_true(refused > size);
    free(text);
    record_free(record);
}

static char *repeated(const char *head, const char *part, size_t count, const char *tail)
{
    char *text = malloc(strlen(head) + count * strlen(part) + strlen(tail) + 1);
    char *end = stpcpy(text, head);
    for (size_t i = 0; i < count; i++)
        end = stpcpy(end, part);
    strcpy(end, tail);
    return text;
}

static void depth_and_number_are_bounded(void **state)
{
    struct error error;
    char *deep = repeated(HEAD "\"series\": ", "[", 1000000, "");
    char *many = repeated(HEAD "\"series\": [", "{},", RECORD_SERIES_MAX, "{}]}");
    (void)state;
    assert_null(keep_parse(deep, strlen(deep), &error));
    assert_non_null(strstr(error.text, "depth"));
    assert_null(keep_parse(many, strlen(many), &error));
    assert_non_null(strstr(error.text, "more than 1000"));
    free(deep);
    free(many);
}

/* ---- files ---- */

struct shelf {
    char folder[FOLDER_SIZE], path[128];
};

static int set_up(void **state)
{
    struct shelf *place = calloc(1, sizeof *place);
    folder_make(place->folder);
    folder_path(place->folder, "record.json", place->path, sizeof place->path);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct shelf *place = *state;
    folder_remove(place->folder);
    free(place);
    return 0;
}

static void a_file_is_replaced_whole(void **state)
{
    const struct shelf *place = *state;
    struct error error = {""};
    struct stat before, after;
    struct record *record = make_record();
    assert_true(record_write(record, place->path, &error));
    assert_int_equal(stat(place->path, &before), 0);
    mode_t mask = umask(022);
    assert_true(record_write(record, place->path, &error));
    umask(mask);
    assert_int_equal(stat(place->path, &after), 0);
    assert_true(before.st_ino != after.st_ino);
    assert_int_equal(after.st_mode & 0777, 0644);
    struct record *read = record_read(place->path, &error);
    assert_non_null(read);
    assert_int_equal(read->nseries, 2);
    record_free(read);
    record_free(record);
}

/* As root, /dev/null would be gone for ever. */
static void what_is_no_file_is_not_replaced(void **state)
{
    const struct shelf *place = *state;
    struct error error = {""};
    char link[160];
    struct stat status;
    struct record *record = record_new("");
    assert_true(record_write(record, "/dev/null", &error));
    assert_int_equal(stat("/dev/null", &status), 0);
    assert_true(S_ISCHR(status.st_mode));
    assert_false(record_write(record, "/dev/full", &error));
    assert_non_null(strstr(error.text, "/dev/full"));
    assert_true(record_write(record, place->path, &error));
    snprintf(link, sizeof link, "%s.link", place->path);
    assert_int_equal(symlink("record.json", link), 0);
    assert_true(record_write(record, link, &error));
    assert_int_equal(lstat(link, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(unlink(link), 0);
    record_free(record);
}

static void errors_name_the_file(void **state)
{
    const struct shelf *place = *state;
    struct error error = {""};
    struct record *record = record_new("");
    assert_null(record_read(place->path, &error));
    assert_non_null(strstr(error.text, place->path));
    assert_non_null(strstr(error.text, "No such file"));
    assert_null(record_read(place->folder, &error));
    assert_non_null(strstr(error.text, "directory"));
    assert_false(record_write(record, "/nowhere/at/all.json", &error));
    assert_non_null(strstr(error.text, "/nowhere/at/all.json"));
    int file = open(place->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(file, (off_t)RECORD_FILE_MAX + 1), 0);
    close(file);
    assert_null(record_read(place->path, &error));
    assert_non_null(strstr(error.text, "64 MiB"));
    record_free(record);
}

/* ---- texts ---- */

static void texts_become_clean(void **state)
{
    static const struct {
        const char *text;
        size_t columns;
        const char *clean;
    } rows[] = {
        {"plain", 5, "plain"},
        {"plainly", 5, "plai\xe2\x80\xa6"},
        {"\xc3\xa9\xc3\xa9\xc3\xa9", 3, "\xc3\xa9\xc3\xa9\xc3\xa9"},
        {"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 3, "\xc3\xa9\xc3\xa9\xe2\x80\xa6"},
        {"ab", 1, "\xe2\x80\xa6"},
        {"a\x1b[2J\n\x7f\xc2\x9b", 20, "a?[2J???"},
        {"\xc2\x80 \xc2\xa0", 9, "? \xc2\xa0"},                        /* C1, and just above */
        {"a\xe2\x80\xaemoc.live", 20, "a?moc.live"},                   /* U+202E */
        {"\xe2\x80\x8b\xe2\x80\x8f\xe2\x80\x90", 9, "??\xe2\x80\x90"}, /* U+200B, 200F, 2010 */
        {"\xe2\x81\xa6\xe2\x81\xa9\xef\xbb\xbf", 9, "???"},            /* U+2066, 2069, FEFF */
        {"\xe2\x80\xa8\xe2\x80\xaf", 9, "?\xe2\x80\xaf"},              /* U+2028, 202F */
        {"\xd8\x9c\xf3\xa0\x81\x81\xf0\x9f\x93\xa7", 9, "??\xf0\x9f\x93\xa7"}, /* tags; 1F4E7 */
        {"\xc0\x9b[2J\xed\xa0\x80", 9, "??[2J???"}, /* too long a form, a half */
        {"\xe2\x80\xae\xe2\x80\xae"
         "abc",
         4, "??a\xe2\x80\xa6"},
        {"caf\xe9", 20, "caf?"},
        {"", 1, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *clean = text_clean(rows[i].text, rows[i].columns);
        assert_string_equal(clean, rows[i].clean);
        assert_true(text_columns(clean) <= rows[i].columns);
        free(clean);
    }
}

static void lines_become_clean(void **state)
{
    char *text;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    (void)state;
    text_say(file, "one %s\ntwo %d\n\n", "\x1b[31m\xe2\x80\xae", 2);
    text_say(file, "%s", "no end");
    text_say(file, "%s", "");
    fclose(file);
    assert_string_equal(text, "one ?[31m?\ntwo 2\n\nno end");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it_comes_back),
        cmocka_unit_test(the_form_is_stable),
        cmocka_unit_test(merging_adds_up),
        cmocka_unit_test(bad_files_are_told),
        cmocka_unit_test(spoilt_files_do_no_harm),
        cmocka_unit_test(depth_and_number_are_bounded),
        cmocka_unit_test_setup_teardown(a_file_is_replaced_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_not_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(errors_name_the_file, set_up, tear_down),
        cmocka_unit_test(texts_become_clean),
        cmocka_unit_test(lines_become_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
