/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../tools/drill/lab/harvest.h"
#include "support/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct figures *find(struct record *record, const char *system, enum place place,
                            const char *name, enum phase phase)
{
    for (size_t i = 0; i < record->nseries; i++) {
        const struct series_key *key = &record->series[i]->key;
        if (!strcmp(key->system, system) && !strcmp(key->kind, "kill") && key->place == place &&
            !strcmp(key->name, name) && key->phase == phase)
            return &record->series[i]->figures;
    }
    return NULL;
}

static const char *setting(const struct record *record, const char *key)
{
    return json_string_value(json_object_get(record->settings, key));
}

/* As watch leaves it: servers and resolvers by their addresses. */
static void write_watch(const char *folder)
{
    char path[128];
    struct error error;
    struct record *watch = record_new("watch");
    const struct series_key server = {"lab", "kill", PLACE_SERVER, "192.0.2.2@53", PHASE_LEFT, 0};
    const struct series_key other = {"lab", "kill", PLACE_SERVER, "192.0.2.18@53", PHASE_LEFT, 0};
    const struct series_key resolver = {"lab",      "kill", PLACE_RESOLVER, "203.0.113.11@53",
                                        PHASE_LEFT, 0};
    figures_add(&record_series(watch, &server)->figures, 1.5);
    figures_add_never(&record_series(watch, &other)->figures);
    figures_add(&record_series(watch, &resolver)->figures, 8.25);
    json_array_append_new(watch->repetitions, json_pack("{s:s, s:[{s:s}]}", "turn", "failure",
                                                        "marks", "name", "192.0.2.18@53"));
    record_set(watch, "resolver 203.0.113.11@53", "TTL 10 s");
    record_set(watch, "rate", "10");
    folder_path(folder, "watch-kill.json", path, sizeof path);
    if (!record_write(watch, path, &error))
        fail_msg("%s", error.text);
    record_free(watch);
}

static void write_files(const char *folder)
{
    folder_write(folder, "settings", "kinds\tkill power\nsystems\tevermx gdnsd\n");
    folder_write(folder, "left-out", "resolver kresd, which did not answer\n");
    folder_write(folder, "places",
                 "192.0.2.2@53\tevermx\tserver\t\n192.0.2.18@53\tgdnsd\tserver\t\n"
                 "203.0.113.11@53\tevermx\tresolver\tunbound\n");
    /* Mended twice; broken once more, and never mended as all ended. */
    folder_write(folder, "events",
                 "kill break 1000500 1000600\nkill mend 1003500 1003600\n"
                 "kill mend 1003900 1003950\nkill break 1009000 1009100\n");
    folder_write(folder, "sent-evermx", "1000000\n1001000\n1002000\n1003000\n1004000\n");
    folder_write(folder, "mail-evermx.log",
                 "postfix/smtp[1]: A: to=<lab+t1001000@lab.test>, relay=x, delay=1.4, dsn=2.0.0, "
                 "status=sent (250)\n"
                 "postfix/smtp[1]: B: to=<lab+t1002000@lab.test>, relay=x, delay=0.1, dsn=2.0.0, "
                 "status=sent (250)\n"
                 "postfix/smtp[1]: C: to=<lab+t1003000@lab.test>, relay=x, delay=0.1, dsn=2.0.0, "
                 "status=sent (250)\n");
}

static void places_get_their_names(void **state)
{
    struct record *record = *state;
    struct figures *figures = find(record, "evermx", PLACE_SERVER, "", PHASE_LEFT);
    assert_non_null(figures);
    assert_float_equal(figures->times_s[0], 1.5, 0);
    figures = find(record, "evermx", PLACE_RESOLVER, "unbound", PHASE_LEFT);
    assert_non_null(figures);
    assert_float_equal(figures->times_s[0], 8.25, 0);
    figures = find(record, "gdnsd", PLACE_SERVER, "", PHASE_LEFT);
    assert_non_null(figures);
    assert_int_equal(figures->never, 1);
    assert_string_equal(setting(record, "kill: evermx unbound"), "TTL 10 s");
    assert_null(setting(record, "kill: rate"));
    json_t *repetition = json_array_get(record->repetitions, 0);
    json_t *mark = json_array_get(json_object_get(repetition, "marks"), 0);
    assert_string_equal(json_string_value(json_object_get(repetition, "kind")), "kill");
    assert_string_equal(json_string_value(json_object_get(mark, "system")), "gdnsd");
}

static void mail_is_counted(void **state)
{
    struct record *record = *state;
    struct figures *figures = find(record, "evermx", PLACE_SENDER, "all again", PHASE_SERVED);
    assert_non_null(figures);
    assert_int_equal(figures->count, 1);
    assert_float_equal(figures->times_s[0], 1.5, 1e-9);
    figures = find(record, "evermx", PLACE_SENDER, "each message", PHASE_SERVED);
    assert_non_null(figures);
    assert_int_equal(figures->count, 3);
    assert_string_equal(setting(record, "mail of evermx in kill"),
                        "3 sent: 2 delivered at once, 1 late, 0 not before the mend; 0 deferred, 0 "
                        "bounced");
    assert_null(find(record, "gdnsd", PLACE_SENDER, "all again", PHASE_SERVED));
}

static void what_is_left_out_is_told(void **state)
{
    assert_string_equal(setting(*state, "left out (1)"), "resolver kresd, which did not answer");
}

static void nonsense_is_refused(void **state)
{
    char folder[FOLDER_SIZE];
    struct record *record = record_new("");
    struct error error;
    (void)state;
    folder_make(folder);
    assert_true(harvest_folder(folder, record, &error)); /* nothing is there: nothing is told */
    assert_int_equal(record->nseries, 0);
    folder_write(folder, "places", "192.0.2.2@53 evermx\n");
    assert_false(harvest_folder(folder, record, &error));
    assert_non_null(strstr(error.text, "places"));
    folder_remove(folder);
    record_free(record);
}

static int set_up(void **state)
{
    char folder[FOLDER_SIZE];
    struct error error;
    struct record *record = record_new("lab");
    folder_make(folder);
    write_files(folder);
    write_watch(folder);
    if (!harvest_folder(folder, record, &error))
        fail_msg("%s", error.text);
    folder_remove(folder);
    *state = record;
    return 0;
}

static int tear_down(void **state)
{
    record_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(places_get_their_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mail_is_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_left_out_is_told, set_up, tear_down),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
