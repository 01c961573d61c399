/* SPDX-License-Identifier: BSD-2-Clause */
/* Plots: what their panels hold, that no text of a record is taken for a command, and how gnuplot
 * is run, with programs that stand in for a bad one. */
#include "../../tools/drill/record/panel.h"
#include "../../tools/drill/record/plot.h"
#include "base/clock.h"
#include "support/place.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct figures *figures_of(struct record *record, const char *kind, const char *name,
                                  enum phase phase, bool predicted)
{
    struct series_key key = {"evermx", kind, PLACE_SERVER, name, phase, predicted};
    return &record_series(record, &key)->figures;
}

static void add_sequence(struct figures *figures, size_t count, double step_s)
{
    for (size_t i = 1; i <= count; i++)
        figures_add(figures, (double)i * step_s);
}

static char *script_of(struct record *record)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    plot_print(record, PLOT_SVG, NULL, file);
    fclose(file);
    return text;
}

/* ---- panels ---- */

static void a_panel_for_each_kind(void **state)
{
    struct record *record = record_new("");
    struct panels panels = {0};
    (void)state;
    figures_of(record, "kill", "a", PHASE_LEFT, false);
    figures_of(record, "kill", "a", PHASE_BACK, false);
    figures_of(record, "hang", "b", PHASE_LEFT, false);
    figures_of(record, "kill", "a", PHASE_LEFT, true);
    figures_of(record, "kill", "b", PHASE_EVIDENCE, false);
    figures_of(record, "hang", "a", PHASE_LEFT, false);
    panels_fill(&panels, record);
    assert_int_equal(panels.count, 3); /* kill, its return, hang */
    assert_int_equal(panels.list[0].count, 3);
    assert_true(panels.list[0].phases_differ);
    assert_true(panel_is_return(&panels.list[1]));
    assert_false(panel_is_return(&panels.list[2]));
    const struct curve *curves = panels.list[0].curves;
    assert_true(curves[1].under_predicted && curves[2].over_measured);
    assert_int_equal(curves[1].identity, curves[2].identity);
    assert_true(curves[0].identity != curves[1].identity);
    assert_int_equal(panels.list[1].curves[0].identity, curves[1].identity); /* the same server */
    for (size_t i = 0; i < 2; i++) {
        const struct curve *hung = &panels.list[2].curves[i];
        bool same = strcmp(hung->series->key.name, "a") == 0;
        assert_int_equal(hung->identity == curves[1].identity, same);
    }
    panels_free(&panels);
    record_free(record);
}

static void a_panel_for_each_phase_of_one_kind(void **state)
{
    struct record *record = record_new("");
    struct panels panels = {0};
    (void)state;
    for (enum phase phase = 0; phase < PHASES; phase++)
        figures_of(record, "kill", "a", phase, false);
    panels_fill(&panels, record);
    assert_int_equal(panels.count, PHASES);
    assert_false(panels.list[0].phases_differ);
    panels_free(&panels);
    record_free(record);
}

static void too_many_are_counted(void **state)
{
    struct record *record = record_new("");
    struct panels panels = {0};
    char name[16];
    (void)state;
    for (unsigned i = 0; i < PANEL_CURVES_MAX + 3; i++) {
        snprintf(name, sizeof name, "%u", i);
        figures_of(record, "kill", name, PHASE_LEFT, false);
    }
    for (unsigned i = 0; i < PANELS_MAX + 4; i++) {
        snprintf(name, sizeof name, "kind %u", i);
        figures_of(record, name, "a", PHASE_LEFT, false);
    }
    panels_fill(&panels, record);
    assert_int_equal(panels.list[0].count, PANEL_CURVES_MAX);
    assert_int_equal(panels.list[0].dropped, 3);
    assert_int_equal(panels.count, PANELS_MAX);
    assert_int_equal(panels.dropped, 5); /* kill was one of them */
    panels_free(&panels);
    record_free(record);
}

/* The end of the axis for these times. */
static struct panel panel_of(size_t count, const double *times_s)
{
    struct record *record = record_new("");
    struct panels panels = {0};
    struct figures *figures = figures_of(record, "kill", "a", PHASE_LEFT, false);
    for (size_t i = 0; i < count; i++)
        figures_add(figures, times_s[i]);
    panels_fill(&panels, record);
    struct panel panel = panels.list[0];
    panels_free(&panels);
    record_free(record);
    return panel;
}

#define PANEL(...)                                                                                 \
    panel_of(sizeof((double[]){__VA_ARGS__}) / sizeof(double), (double[]){__VA_ARGS__})

static void an_outlier_does_not_ruin_the_axis(void **state)
{
    (void)state;
    struct panel panel = PANEL(1, 2, 3, 4, 5, 6, 30);
    assert_true(panel.end_s < 20);
    assert_int_equal(panel.later, 1);
    assert_float_equal(panel.longest_s, 30, 0);
    assert_float_equal(panel.begin_s, 0, 0);
    panel = PANEL(1, 2, 3, 4, 5, 6, 12); /* bearable */
    assert_true(panel.end_s >= 12);
    assert_int_equal(panel.later, 0);
    panel = PANEL(1, 300); /* which of the two is unusual? */
    assert_true(panel.end_s >= 300);
    panel = PANEL(5);
    assert_true(panel.end_s >= 5 && panel.end_s < 6);
    panel = PANEL(0, 0, 0, 0, 0, 0);
    assert_true(panel.end_s > 0);
    assert_int_equal(panel.later, 0);
    panel = panel_of(0, NULL);
    assert_true(panel.end_s > 0);
}

/* Seconds and minutes in one picture: nothing is cut, and all panels can be compared. */
static void magnitudes_have_a_logarithmic_axis(void **state)
{
    struct record *record = record_new("");
    struct panels panels = {0};
    (void)state;
    add_sequence(figures_of(record, "kill", "a", PHASE_LEFT, true), 100, 0.02);
    add_sequence(figures_of(record, "kill", "b", PHASE_LEFT, true), 100, 0.05);
    add_sequence(figures_of(record, "kill", "c", PHASE_LEFT, true), 100, 3);
    add_sequence(figures_of(record, "hang", "a", PHASE_LEFT, true), 100, 0.3);
    panels_fill(&panels, record);
    assert_int_equal(panels.count, 2);
    assert_true(panels.is_logarithmic);
    for (size_t i = 0; i < 2; i++) {
        assert_float_equal(panels.list[i].begin_s, 0.1, 1e-9); /* the twentieth part: 0.12 */
        assert_true(panels.list[i].end_s > 300);
        assert_int_equal(panels.list[i].later, 0);
    }
    panels_free(&panels);
    char *script = script_of(record);
    assert_non_null(strstr(script, "set logscale x"));
    assert_non_null(strstr(script, "'0.1 s' 0.1, '0.3 s' 0.3, '1 s' 1,"));
    assert_non_null(strstr(script, "'1 min' 60, '5 min' 300,"));
    assert_non_null(strstr(script, "$curve0 << END\n0.1 0\n")); /* none is left of it */
    assert_non_null(strstr(script, "'since the break'"));
    free(script);
    record_free(record);
}

/* The same order of magnitude; and where there is nothing but noughts, or nothing at all. */
static void usual_times_have_a_linear_axis(void **state)
{
    struct record *record = record_new("");
    struct panels panels = {0};
    (void)state;
    add_sequence(figures_of(record, "kill", "a", PHASE_LEFT, false), 12, 0.1);
    add_sequence(figures_of(record, "kill", "b", PHASE_LEFT, false), 12, 1);
    add_sequence(figures_of(record, "hang", "a", PHASE_LEFT, false), 5, 0);
    figures_of(record, "hang", "b", PHASE_LEFT, false)->never = 12;
    panels_fill(&panels, record);
    assert_false(panels.is_logarithmic);
    panels_free(&panels);
    char *script = script_of(record);
    assert_null(strstr(script, "logscale"));
    assert_non_null(strstr(script, "'seconds since the break'"));
    free(script);
    record_free(record);
}

/* A day and a hundredth of a second; a nought, which no logarithm has; a single curve. */
static void limits_of_the_logarithmic_axis(void **state)
{
    (void)state;
    struct panel panel = PANEL(0, 0.01, 0.01, 0.01, 86400);
    assert_true(panel.begin_s >= 20 && panel.begin_s < panel.end_s); /* magnitudes are bounded */
    assert_int_equal(panel.later, 0);
    panel = PANEL(0, 0, 0, 0, 0, 1);
    assert_float_equal(panel.begin_s, 0.01, 1e-9);
    assert_true(panel.end_s >= 1);
}

/* Told apart by the line, and paired by the colour: what was measured is of the full one, what was
 * predicted of a darker one. */
static void a_prediction_has_the_colour_of_what_was_measured(void **state)
{
    struct record *record = record_new("");
    (void)state;
    add_sequence(figures_of(record, "kill", "only predicted", PHASE_LEFT, true), 9, 1);
    add_sequence(figures_of(record, "kill", "a", PHASE_LEFT, true), 9, 1);
    add_sequence(figures_of(record, "kill", "a", PHASE_LEFT, false), 9, 1);
    char *script = script_of(record);
    static const char measured[] = "with steps notitle linecolor rgb '#0072b2' linewidth 3.6",
                      predicted[] = "with lines notitle linecolor rgb '#003959' linewidth 1.4";
    /* The first colour, though the other one came first. */
    assert_non_null(strstr(script, measured));
    assert_non_null(strstr(script, predicted));
    assert_true(strstr(script, measured) < strstr(script, predicted)); /* over it */
    assert_non_null(strstr(script, "'   predicted'"));
    assert_non_null(strstr(script, "'server only predicted, predicted'"));
    assert_non_null(strstr(script, "dark thin lines are predictions"));
    free(script);
    record_free(record);
    record = record_new("");
    add_sequence(figures_of(record, "kill", "a", PHASE_LEFT, true), 9, 1);
    script = script_of(record);
    assert_non_null(strstr(script, "'kill: out of the answers (evermx, predicted)'"));
    assert_non_null(strstr(script, "'server a'"));
    assert_null(strstr(script, "dark thin lines"));
    free(script);
    record_free(record);
}

static void a_long_title_has_two_lines(void **state)
{
    struct record *record =
        record_new("How long a dead mail host is still answered: evermx at its "
                   "defaults (TTL 10 s), gdnsd and PowerDNS as they are fastest");
    (void)state;
    figures_of(record, "kill", "a", PHASE_LEFT, false)->never = 1;
    char *script = script_of(record);
    assert_non_null(strstr(script, "at its defaults (TTL 10 s), gdnsd' at"));
    assert_non_null(strstr(script, "'and PowerDNS as they are fastest' at"));
    free(script);
    record_free(record);
}

/* ---- scripts ---- */

/* The curve's points, from its block of data. */
static size_t read_points(const char *script, double points[][2], size_t most)
{
    const char *at = strstr(script, "$curve0 << END\n");
    size_t count = 0;
    int used;
    assert_non_null(at);
    at += strlen("$curve0 << END\n");
    while (count < most &&
           sscanf(at, "%lf %lf\n%n", &points[count][0], &points[count][1], &used) == 2)
        at += used, count++;
    assert_int_equal(strncmp(at, "END\n", 4), 0);
    return count;
}

static void a_curve_is_the_distribution(void **state)
{
    struct record *record = record_new("");
    double points[16][2];
    static const double expected[][2] = {{1, 0}, {1, 20}, {2, 40}, {4, 60}, {4.2, 60}};
    (void)state;
    struct figures *figures = figures_of(record, "kill", "a", PHASE_LEFT, false);
    figures_add(figures, 4), figures_add(figures, 1), figures_add(figures, 2);
    figures->never = 2;
    char *script = script_of(record);
    assert_int_equal(read_points(script, points, 16), 5);
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < 2; j++)
            assert_float_equal(points[i][j], expected[i][j], 1e-6);
    assert_non_null(strstr(script, "set label '2 never' at first"));
    assert_non_null(strstr(script, "with steps"));
    assert_null(strstr(script, "cut at"));
    free(script);
    record_free(record);
}

static void many_points_are_thinned(void **state)
{
    struct record *record = record_new("");
    static double points[2000][2];
    (void)state;
    struct figures *figures = figures_of(record, "kill", "a", PHASE_LEFT, true);
    add_sequence(figures, 100000, 0.0001);
    char *script = script_of(record);
    size_t count = read_points(script, points, 2000);
    assert_in_range(count, 400, 1000);
    for (size_t i = 1; i < count; i++) {
        assert_true(points[i][0] >= points[i - 1][0] && points[i][1] >= points[i - 1][1]);
        assert_true(fabs(points[i][1] - points[i][0] * 10) < 0.01);
    }
    assert_float_equal(points[count - 1][0], 10, 1e-6);
    assert_float_equal(points[count - 1][1], 100, 1e-6);
    assert_non_null(strstr(script, "with lines"));
    free(script);
    record_free(record);
}

static void a_cut_is_told(void **state)
{
    struct record *record = record_new("");
    (void)state;
    struct figures *figures = figures_of(record, "kill", "a", PHASE_LEFT, false);
    add_sequence(figures, 10, 1);
    figures_add(figures, 50);
    figures_add_never(figures);
    char *script = script_of(record);
    assert_non_null(strstr(script, "1 of 11 times beyond, up to 50.0 s'"));
    assert_non_null(strstr(script, "set label '1 later, 1 never' at first"));
    free(script);
    record_free(record);
}

/* ---- texts are data ---- */

/* All that a text of the record can be put into. */
static struct record *record_of_texts(const char *texts[5])
{
    struct record *record = record_new(texts[0]);
    for (int predicted = 0; predicted <= 1; predicted++) {
        struct series_key key = {texts[1], texts[2], PLACE_SERVER, texts[3], PHASE_LEFT, predicted};
        add_sequence(&record_series(record, &key)->figures, 5, 1);
        key.system = "other";
        add_sequence(&record_series(record, &key)->figures, 5, 2);
    }
    record_set(record, "setting", texts[4]);
    return record;
}

/* The script with nothing in its quotes: what gnuplot takes for its language. */
static char *commands_of(const char *texts[5])
{
    struct record *record = record_of_texts(texts);
    char *script = script_of(record), *end = script;
    bool quoted = false;
    for (const char *at = script; *at; at++) {
        if (*at == '\'')
            quoted = !quoted;
        if (quoted && *at == '\n')
            fail_msg("a line ends within a text: %s", script);
        if (!quoted)
            *end++ = *at;
    }
    *end = '\0';
    record_free(record);
    return script;
}

static const char *const plain[5] = {"title", "system", "kind", "name", "value"};

static const char *const nasty[] = {
    "'; system('touch stolen'); '",
    "`touch stolen`",
    "\"`touch stolen`\"",
    "$(touch stolen)",
    "\n!touch stolen\n",
    "\r\nsystem 'touch stolen'\r\n",
    "x'\nset output 'stolen'\nplot x\n",
    "@ARG0 {/Bold x} a_b^c ~a{b}",
    "\\'; set output 'stolen'; \\",
    "END\n$curve0 << END\n",
    "''''",
    "'",
    "\\",
    "\xff\xc2'\xe2\x80",
    "<script>alert(1)</script>&amp;\"",
    "%s%n %5$x",
    "|touch stolen",
    "\x01\x1b[2J\x7f",
    "",
};
enum { NASTY = sizeof nasty / sizeof *nasty };

static void texts_are_no_commands(void **state)
{
    static const char octets[] = "'\"`\\@{}_^\n\r$()|!;<>&%#~\xff\xc3 ax";
    const char *texts[5];
    char made[5][24];
    uint64_t seed = 7;
    (void)state;
    memcpy(texts, plain, sizeof texts);
    char *expected = commands_of(texts);
    for (size_t round = 0; round < 500; round++) {
        for (size_t i = 0; i < 5; i++) {
            for (size_t at = 0; at < sizeof *made; at++) {
                seed = seed * 6364136223846793005u + 1442695040888963407u;
                made[i][at] = octets[(seed >> 33) % (sizeof octets - 1)];
            }
            made[i][sizeof *made - 1] = '\0';
            texts[i] = round < NASTY ? nasty[round] : made[i];
        }
        if (strcmp(texts[1], "other") == 0)
            continue;
        char *commands = commands_of(texts);
        assert_string_equal(commands, expected);
        free(commands);
    }
    free(expected);
}

static char *read_file(const char *path)
{
    char *text = calloc(1, 1 << 20);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    return text;
}

static size_t files_in(const char *folder)
{
    DIR *open = opendir(folder);
    size_t count = 0;
    assert_non_null(open);
    while (readdir(open))
        count++;
    closedir(open);
    return count - 2;
}

static bool have_gnuplot(void)
{
    return system("command -v gnuplot >/dev/null") == 0; /* NOLINT: a constant */
}

/* The real gnuplot, in a folder where whatever it did besides would be seen. */
static void gnuplot_draws_texts_and_does_nothing_else(void **state)
{
    const char *folder = *state;
    char before[512];
    if (!have_gnuplot())
        skip();
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(folder), 0);
    for (size_t i = 0; i < NASTY; i++) {
        struct error error = {""};
        const char *texts[5] = {nasty[i], nasty[i], nasty[i], nasty[i], nasty[i]};
        struct record *record = record_of_texts(texts);
        if (!plot_write(record, "plot.svg", &error))
            fail_msg("%s: %s", nasty[i], error.text);
        assert_int_equal(files_in("."), 1);
        char *svg = read_file("plot.svg");
        assert_non_null(strstr(svg, "</svg>"));
        assert_null(strstr(svg, "<script"));
        assert_null(strstr(svg, "alert(1)</script>"));
        free(svg);
        record_free(record);
    }
    assert_int_equal(chdir(before), 0);
}

/* ---- files ---- */

static void names_tell_the_form(void **state)
{
    (void)state;
    assert_true(plot_can_make("a.svg") && plot_can_make("b/a.b.png") && plot_can_make("a.gp"));
    assert_false(plot_can_make("a.pdf") || plot_can_make("svg") || plot_can_make(".svg") ||
                 plot_can_make("-") || plot_can_make("a.svg.gz"));
}

static void each_form_is_drawn(void **state)
{
    const char *folder = *state;
    struct record *record = record_new("title");
    char path[128];
    struct error error = {""};
    add_sequence(figures_of(record, "kill", "a", PHASE_LEFT, false), 20, 1);
    add_sequence(figures_of(record, "kill", "a", PHASE_LEFT, true), 100000, 0.0002);
    figures_of(record, "hang", "a", PHASE_LEFT, false)->never = 3;
    figures_of(record, "none", "a", PHASE_LEFT, false);
    if (!have_gnuplot())
        skip();
    folder_path(folder, "plot.png", path, sizeof path);
    assert_true(plot_write(record, path, &error));
    char *picture = read_file(path);
    assert_memory_equal(picture, "\x89PNG", 4);
    free(picture);
    folder_path(folder, "plot.gp", path, sizeof path);
    assert_true(plot_write(record, path, &error));
    picture = read_file(path);
    assert_non_null(strstr(picture, "set output './plot.svg'"));
    free(picture);
    assert_false(plot_write(record, "/nowhere/at/all.svg", &error));
    assert_non_null(strstr(error.text, "/nowhere/at/all"));
    record_free(record);
}

/* gnuplot would run a name that begins with '|'. */
static void names_are_no_commands(void **state)
{
    const char *folder = *state;
    struct record *record = record_new("");
    char path[128];
    struct error error = {""};
    folder_path(folder, "|touch it's.gp", path, sizeof path);
    assert_true(plot_write(record, path, &error));
    char *script = read_file(path);
    assert_non_null(strstr(script, "\nset output './|touch it\xe2\x80\x99s.svg'\n"));
    free(script);
    record_free(record);
}

static void nothing_can_be_drawn(void **state)
{
    const char *folder = *state;
    struct record *record = record_new("");
    char path[128];
    struct error error = {""};
    if (!have_gnuplot())
        skip();
    folder_path(folder, "plot.svg", path, sizeof path);
    assert_true(plot_write(record, path, &error));
    char *picture = read_file(path);
    assert_non_null(strstr(picture, "Nothing was measured"));
    free(picture);
    record_free(record);
}

/* ---- programs in gnuplot's place ---- */

/* Of a shell script. Returns what it has drawn, NULL where it failed. */
static char *run(const char *folder, const char *lines, int limit_ms, struct error *error)
{
    char path[128];
    FILE *script = tmpfile(), *picture = tmpfile();
    char *drawn = NULL;
    folder_path(folder, "program", path, sizeof path);
    file_write(path, lines, strlen(lines));
    assert_int_equal(chmod(path, 0700), 0);
    fputs("the script\n", script);
    if (plot_run(path, limit_ms, script, picture, error)) {
        drawn = calloc(1, 100);
        rewind(picture);
        assert_true(fread(drawn, 1, 99, picture) > 0);
    }
    fclose(script);
    fclose(picture);
    return drawn;
}

static void the_script_is_given_to_it(void **state)
{
    struct error error = {""};
    char *drawn = run(*state, "#!/bin/sh\necho options: \"$@\"; cat\n", 10000, &error);
    assert_non_null(drawn);
    assert_string_equal(drawn, "options: -d\nthe script\n");
    free(drawn);
}

static void its_failure_is_told(void **state)
{
    struct error error = {""};
    assert_null(run(*state,
                    "#!/bin/sh\necho drawn\nprintf 'line 3:\\n no\\033such\\n' >&2\nexit 3\n",
                    10000, &error));
    assert_non_null(strstr(error.text, "failed: line 3:  no?such"));
    assert_null(run(*state, "#!/bin/sh\nexit 0\n", 10000, &error));
    assert_non_null(strstr(error.text, "drew nothing"));
    assert_null(run(*state, "#!/bin/sh\nkill -9 $$\n", 10000, &error));
    assert_non_null(strstr(error.text, "failed"));
}

static void one_that_hangs_is_ended(void **state)
{
    struct error error = {""};
    int64_t start_ms = clock_now_ms();
    assert_null(run(*state, "#!/bin/sh\necho drawn\nexec sleep 60\n", 300, &error));
    assert_non_null(strstr(error.text, "not done after 0.3 s"));
    assert_in_range(clock_now_ms() - start_ms, 300, 30000);
}

static void a_missing_one_is_told(void **state)
{
    struct error error = {""};
    FILE *script = tmpfile(), *picture = tmpfile();
    (void)state;
    assert_false(plot_run("evermx-has-no-such-program", 1000, script, picture, &error));
    assert_non_null(strstr(error.text, "is missing"));
    assert_non_null(strstr(error.text, "gnuplot-nox"));
    fclose(script);
    fclose(picture);
}

static int set_up(void **state)
{
    char *folder = calloc(1, FOLDER_SIZE);
    folder_make(folder);
    *state = folder;
    return 0;
}

static int tear_down(void **state)
{
    folder_remove(*state);
    free(*state);
    return 0;
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_panel_for_each_kind),
        cmocka_unit_test(a_panel_for_each_phase_of_one_kind),
        cmocka_unit_test(too_many_are_counted),
        cmocka_unit_test(an_outlier_does_not_ruin_the_axis),
        cmocka_unit_test(magnitudes_have_a_logarithmic_axis),
        cmocka_unit_test(usual_times_have_a_linear_axis),
        cmocka_unit_test(limits_of_the_logarithmic_axis),
        cmocka_unit_test(a_prediction_has_the_colour_of_what_was_measured),
        cmocka_unit_test(a_long_title_has_two_lines),
        cmocka_unit_test(a_curve_is_the_distribution),
        cmocka_unit_test(many_points_are_thinned),
        cmocka_unit_test(a_cut_is_told),
        cmocka_unit_test(texts_are_no_commands),
        IN_FOLDER(gnuplot_draws_texts_and_does_nothing_else),
        cmocka_unit_test(names_tell_the_form),
        IN_FOLDER(each_form_is_drawn),
        IN_FOLDER(names_are_no_commands),
        IN_FOLDER(nothing_can_be_drawn),
        IN_FOLDER(the_script_is_given_to_it),
        IN_FOLDER(its_failure_is_told),
        IN_FOLDER(one_that_hangs_is_ended),
        cmocka_unit_test(a_missing_one_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
