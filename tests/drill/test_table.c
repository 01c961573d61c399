/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../tools/drill/record/table.h"
#include "../../tools/drill/record/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct figures *figures_of(struct record *record, const char *kind, const char *name,
                                  bool predicted)
{
    struct series_key key = {"evermx", kind, PLACE_SERVER, name, PHASE_LEFT, predicted};
    return &record_series(record, &key)->figures;
}

static void add_sequence(struct figures *figures, size_t count, double step_s)
{
    for (size_t i = 1; i <= count; i++)
        figures_add(figures, (double)i * step_s);
}

static char *shown(const struct record *record, size_t width, bool coloured)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    table_print(record, width, coloured, file);
    fclose(file);
    return text;
}

static void assert_shows(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no \"%s\" in\n%s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("\"%s\" in\n%s", part, text);
}

static void measured_and_predicted(void **state)
{
    struct record *record = record_new("Both");
    (void)state;
    add_sequence(figures_of(record, "kill", "b", true), 10000, 0.0006);
    add_sequence(figures_of(record, "hang", "b", false), 3, 7);
    add_sequence(figures_of(record, "kill", "b", false), 20, 0.25);
    char *text = shown(record, 80, false);
    assert_string_equal(
        text, "Both\n"
              "\n"
              "kill: out of the answers    n  median  95 % bounds    p95    max  never\n"
              "evermx  server b           20   2.625  1.500-3.750  4.750  5.000      0\n"
              "  predicted               10k   3.000               5.700  6.000      0\n"
              "  off by                        +14 %               +20 %\n"
              "\n"
              "hang: out of the answers    n  median  95 % bounds    p95    max  never\n"
              "evermx  server b            3   14.00            -      -  21.00      0\n"
              "\n"
              "Times in seconds; the bounds hold the true median in 95 of 100 such series.\n"
              "-: fewer than 20 repetitions have no p95, fewer than 6 no bounds.\n"
              "off by: what was predicted, against what was measured.\n");
    free(text);
    record_free(record);
}

static void too_few_have_no_percentile(void **state)
{
    struct record *record = record_new("");
    struct figures *figures = figures_of(record, "", "a", false);
    (void)state;
    add_sequence(figures, 19, 1);
    char *text = shown(record, 80, false);
    assert_shows(text, " 19   10.00   5.00-15.00    -  19.00      0\n");
    assert_shows(text, "-: fewer than 20");
    free(text);
    figures_add(figures, 20);
    text = shown(record, 80, false);
    assert_shows(text, " 20   10.50   6.00-15.00  19.00  20.00      0\n");
    assert_lacks(text, "-: fewer");
    free(text);
    record_free(record);
}

static void never_is_told(void **state)
{
    struct record *record = record_new("");
    struct figures *figures = figures_of(record, "stop", "a", false);
    (void)state;
    add_sequence(figures, 10, 1);
    figures->never = 14;
    add_sequence(figures_of(record, "stop", "a", true), 30, 1);
    char *text = shown(record, 80, false);
    assert_shows(text, " 24   never   7.00-never  never  never     14\n");
    assert_shows(
        text,
        "  off by                           -                   -\n"); /* of what is infinite */
    assert_shows(text, "14 of 24 were never noticed");
    free(text);
    record_free(record);
}

static void nothing_is_said_to_be_nothing(void **state)
{
    struct record *record = record_new("");
    (void)state;
    char *text = shown(record, 80, false);
    assert_string_equal(text, "Nothing was measured.\n");
    free(text);
    figures_of(record, "kill", "a", false);
    text = shown(record, 80, false);
    assert_shows(text, "evermx  server a          0       -            -    -    -      0\n");
    assert_lacks(text, "fewer"); /* not of none */
    free(text);
    record_free(record);
}

static void add_command(struct record *record, const char *kind, const char *turn, double took_s)
{
    json_array_append_new(record->repetitions, json_pack("{s:s, s:s, s:f}", "turn", turn, "kind",
                                                         kind, "command_s", took_s));
}

/* Of what took no longer than anybody cares for, nothing; nor of what there is no time of. */
static void commands_that_take_long_are_told(void **state)
{
    static const double long_s[] = {0.30, 0.05, 0.50, 0.20};
    struct record *record = record_new("");
    (void)state;
    add_sequence(figures_of(record, "421", "a", false), 4, 1);
    add_sequence(figures_of(record, "kill", "a", false), 4, 1);
    for (size_t i = 0; i < sizeof long_s / sizeof *long_s; i++) {
        add_command(record, "421", "failure", long_s[i]);
        add_command(record, "421", "return", 3);
        add_command(record, "kill", "failure", i ? 0.1 : 60);
        add_command(record, "other", "failure", 9);
    }
    json_array_append_new(record->repetitions, json_pack("{s:s}", "kind", "421"));
    json_array_append_new(record->repetitions,
                          json_pack("{s:s, s:s}", "turn", "x", "command_s", ""));
    char *text = shown(record, 80, false);
    assert_shows(text, "\n421: breaking took 0.25 s (median): times count from when that began.\n");
    assert_lacks(text, "mending");
    assert_lacks(text, "kill: breaking");
    assert_lacks(text, "other");
    free(text);
    const struct series_key back = {"evermx", "421", PLACE_SERVER, "a", PHASE_BACK, false};
    figures_add(&record_series(record, &back)->figures, 5);
    text = shown(record, 80, false);
    assert_shows(text, "\n421: mending took 3.00 s (median): times count from when that began.\n");
    free(text);
    record_free(record);
}

static void lines_fit(void **state)
{
    struct record *record = record_new("");
    (void)state;
    add_sequence(figures_of(record, "a kind of break that has a very long name, as \xc3\xa9",
                            "a-resolver-with-a-very-long-name.example.org@5300", false),
                 40, 1);
    add_sequence(figures_of(record, "kill", "\xc3\xa9\xc3\xa9\xc3\xa9", false), 40, 100);
    for (size_t width = 60; width < 130; width++) {
        char *text = shown(record, width, false);
        for (char *line = strtok(text, "\n"); line && strncmp(line, "Times", 5) != 0;
             line = strtok(NULL, "\n"))
            if (text_columns(line) > width)
                fail_msg("%zu columns in %zu: %s", text_columns(line), width, line);
        free(text);
    }
    char *narrow = shown(record, 60, false), *wide = shown(record, 130, false);
    assert_lacks(narrow, "bounds");
    assert_shows(wide, "a-resolver-with-a-very-long-name.example.org@5300 ");
    free(narrow);
    free(wide);
    record_free(record);
}

/* Colours where they are asked for, and no escapes from elsewhere. */
static void escapes_are_ours(void **state)
{
    struct record *record = record_new("\x1b[2Jtitle");
    (void)state;
    figures_add_never(figures_of(record, "\x1b[2J", "\x1b[2J\xc2\x9b", false));
    char *plain = shown(record, 80, false), *coloured = shown(record, 80, true);
    assert_null(strchr(plain, '\x1b'));
    assert_null(strstr(plain, "\xc2\x9b"));
    assert_shows(coloured, "\x1b[31m");
    assert_lacks(coloured, "\x1b[2J");
    free(plain);
    free(coloured);
    record_free(record);
}

static void csv_has_a_line_for_each(void **state)
{
    struct record *record = record_new("");
    char *text = NULL;
    size_t size;
    (void)state;
    struct series_key key = {"a,b", "say \"x\"\r\n", PLACE_USER, "", PHASE_BACK, true};
    figures_add(figures_of(record, "kill", "a", false), 2.5);
    figures_add(figures_of(record, "kill", "a", false), 1);
    figures_add_never(figures_of(record, "kill", "a", false));
    figures_add(&record_series(record, &key)->figures, 0.0001);
    FILE *file = open_memstream(&text, &size);
    table_print_csv(record, file);
    fclose(file);
    assert_string_equal(text, "system,kind,place,name,phase,predicted,repetition,time_s\r\n"
                              "evermx,kill,server,a,left,false,1,2.500000\r\n"
                              "evermx,kill,server,a,left,false,2,1.000000\r\n"
                              "evermx,kill,server,a,left,false,3,\r\n"
                              "\"a,b\",\"say \"\"x\"\"\r\n\",users,,back,true,1,0.000100\r\n");
    free(text);
    record_free(record);
}

static void series_stand_in_order(void **state)
{
    static const struct series_key keys[] = {
        {"gdnsd", "hang", PLACE_SERVER, "g", PHASE_LEFT, false},
        {"evermx", "kill", PLACE_RESOLVER, "r", PHASE_SERVED, true},
        {"evermx", "hang", PLACE_RESOLVER, "r", PHASE_LEFT, false},
        {"evermx", "hang", PLACE_SERVER, "s", PHASE_LEFT, true},
        {"evermx", "hang", PLACE_SERVER, "s", PHASE_LEFT, false},
        {"gdnsd", "kill", PLACE_SERVER, "g", PHASE_EVIDENCE, false},
        {"gdnsd", "hang", PLACE_SERVER, "another", PHASE_LEFT, false},
    };
    static const size_t order[] = {0, 6, 4, 3, 2, 5, 1};
    enum { COUNT = sizeof keys / sizeof *keys };
    struct record *record = record_new("");
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        record_series(record, &keys[i]);
    struct series **ordered = record_ordered(record);
    for (size_t i = 0; i < COUNT; i++)
        assert_ptr_equal(ordered[i], record->series[order[i]]);
    free(ordered);
    assert_ptr_equal(record_counterpart(record, record->series[3]), record->series[4]);
    assert_ptr_equal(record_counterpart(record, record->series[4]), record->series[3]);
    assert_null(record_counterpart(record, record->series[0]));
    record_remove(record, 0);
    assert_int_equal(record->nseries, COUNT - 1);
    assert_string_equal(record->series[0]->key.kind, "kill");
    record_free(record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measured_and_predicted),
        cmocka_unit_test(too_few_have_no_percentile),
        cmocka_unit_test(never_is_told),
        cmocka_unit_test(nothing_is_said_to_be_nothing),
        cmocka_unit_test(commands_that_take_long_are_told),
        cmocka_unit_test(lines_fit),
        cmocka_unit_test(escapes_are_ours),
        cmocka_unit_test(csv_has_a_line_for_each),
        cmocka_unit_test(series_stand_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
