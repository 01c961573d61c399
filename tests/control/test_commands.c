/* SPDX-License-Identifier: BSD-2-Clause */
/* What each command of the control socket answers and does. */
#include "control/render.h"
#include "support/control_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* ---- commands ---- */

static void test_status_has_all_fields(void **state)
{
    static const struct {
        const char *key;
        json_type type;
    } fields[] = {
        {"host", JSON_STRING},       {"address", JSON_STRING}, {"port", JSON_INTEGER},
        {"check", JSON_STRING},      {"verdict", JSON_STRING}, {"forced", JSON_NULL},
        {"reason", JSON_STRING},     {"since_s", JSON_REAL},   {"rtt_ms", JSON_NULL},
        {"last_probe_s", JSON_NULL}, {"probes", JSON_INTEGER}, {"failures", JSON_INTEGER},
        {"detail", JSON_STRING},
    };
    (void)state;
    json_t *answer = client_ask("status");
    assert_string_equal(text_at(answer, "version"), EVERMX_VERSION);
    assert_true(json_real_value(json_object_get(answer, "uptime_s")) >= 0);
    assert_true(integer_at(answer, "serial") >= 1);
    json_t *targets = json_object_get(answer, "targets");
    assert_int_equal(json_array_size(targets), 3 + FIXTURE_BIG_HOSTS);
    json_t *target = find_by(targets, "address", "127.0.0.12");
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (json_typeof(json_object_get(target, fields[i].key)) != fields[i].type)
            fail_msg("'%s' is of another type", fields[i].key);
    assert_string_equal(text_at(target, "host"), "mx2.example.test");
    assert_string_equal(text_at(target, "check"), "smtp");
    assert_string_equal(text_at(target, "verdict"), "up");
    assert_int_equal(integer_at(target, "port"), 25);
    assert_int_equal(integer_at(find_by(targets, "check", "imaps"), "port"), 993);
    json_t *queries = json_object_get(answer, "queries");
    assert_int_equal(integer_at(queries, "udp"), 0);
    assert_int_equal(integer_at(queries, "tcp"), 0);
    assert_int_equal(integer_at(json_object_get(queries, "rcodes"), "servfail"), 0);
    json_decref(answer);
}

static void test_status_pools_and_zones(void **state)
{
    (void)state;
    json_t *answer = client_ask("status");
    json_t *pool = find_by(json_object_get(answer, "pools"), "name", "example.test MX");
    assert_int_equal(json_array_size(json_object_get(pool, "serving")), 2);
    assert_true(holds_text(json_object_get(pool, "serving"), "mx1.example.test"));
    assert_true(holds_text(json_object_get(pool, "serving"), "mx2.example.test"));
    assert_int_equal(json_array_size(json_object_get(pool, "removed")), 0);
    assert_true(json_is_false(json_object_get(pool, "fail_open")));
    assert_true(json_is_false(json_object_get(pool, "floor")));
    assert_int_equal(json_object_size(json_object_get(pool, "percents")), 0);
    json_t *zones = json_object_get(answer, "zones");
    assert_int_equal(json_array_size(zones), 2);
    json_t *zone = find_by(zones, "name", "example.test");
    assert_string_equal(text_at(zone, "file"), fixture.zone);
    assert_string_equal(text_at(zone, "state"), "ok");
    assert_int_equal(integer_at(zone, "serial"), 1);
    /* No UTF-8, so no JSON as it is. */
    assert_non_null(strstr(text_at(find_by(zones, "name", "big.test"), "file"), "/big?.zone"));
    json_decref(answer);
}

static void test_explain(void **state)
{
    (void)state;
    json_t *answer = client_ask("explain EXAMPLE.test."),
           *same = client_ask("explain EXAMPLE.test. mx");
    assert_string_equal(text_at(answer, "type"), "MX");
    assert_string_equal(text_at(answer, "zone"), "example.test");
    assert_string_equal(text_at(answer, "pool"), "example.test MX");
    json_t *records = json_object_get(answer, "records");
    assert_int_equal(json_array_size(records), 2);
    assert_int_equal(json_array_size(json_object_get(same, "records")), 2);
    json_t *record = find_by(records, "host", "mx1.example.test");
    assert_string_equal(text_at(record, "state"), "served");
    assert_int_equal(integer_at(record, "percent"), 100);
    json_t *numbers = json_object_get(record, "targets");
    assert_int_equal(json_array_size(numbers), 1);
    size_t number = (size_t)json_integer_value(json_array_get(numbers, 0));
    json_t *target = json_array_get(json_object_get(answer, "targets"), number);
    assert_string_equal(text_at(target, "address"), "127.0.0.11");
    assert_string_equal(text_at(target, "check"), "smtp");
    json_decref(answer);
    json_decref(same);
    answer = client_ask("explain elsewhere.test A");
    assert_true(json_is_null(json_object_get(answer, "zone")));
    json_decref(answer);
}

/* What takes minutes to come about, or a sick host: as the engine would tell it. */
static void test_slow_start_and_floor(void **state)
{
    (void)state;
    const char *serving[] = {"mx1.example.test", "mx2.example.test", NULL}, *removed[] = {NULL};
    uint8_t percents[] = {100, 30};
    struct engine_pool pool = {.name = "example.test MX",
                               .serving = serving,
                               .removed = removed,
                               .percents = percents,
                               .floor = true};
    const struct engine_status status = {.pools = &pool, .npools = 1};
    const struct server_numbers numbers = {0};
    json_t *answer = render_status(&status, &numbers);
    json_t *json = find_by(json_object_get(answer, "pools"), "name", "example.test MX");
    assert_true(json_is_true(json_object_get(json, "floor")));
    assert_int_equal(json_object_size(json_object_get(json, "percents")), 1);
    assert_int_equal(integer_at(json_object_get(json, "percents"), "mx2.example.test"), 30);
    json_decref(answer);
    struct engine_record records[] = {
        {.text = "10 mx1.example.test.", .state = MEMBER_FLOOR, .weight = 2, .percent = 100},
        {.text = "10 mx2.example.test.", .state = MEMBER_SERVED, .weight = 2, .percent = 30},
    };
    const struct engine_explanation explanation = {
        .records = records, .nrecords = 2, .floor = true};
    answer = render_explanation("example.test", "MX", &explanation);
    assert_true(json_is_true(json_object_get(answer, "floor")));
    json = find_by(json_object_get(answer, "records"), "text", "10 mx1.example.test.");
    assert_string_equal(text_at(json, "state"), "floor");
    assert_int_equal(integer_at(json, "percent"), 100);
    json = find_by(json_object_get(answer, "records"), "text", "10 mx2.example.test.");
    assert_int_equal(integer_at(json, "percent"), 30);
    json_decref(answer);
}

static json_t *target_told(const struct verdict *verdict, json_t **answer)
{
    struct engine_target target = {"mx1.example.test", "smtp",          {4, {127, 0, 0, 11}}, 25,
                                   *verdict,           "held 20 s more"};
    const struct engine_status status = {
        .now_ms = 100000, .targets = &target, .ntargets = 1, .frozen_since_ms = {0, 88000}};
    const struct server_numbers numbers = {0};
    *answer = render_status(&status, &numbers);
    return json_array_get(json_object_get(*answer, "targets"), 0);
}

/* All that explains why a target is answered, or not, other than its probes say. */
static void test_returns_and_round_trips(void **state)
{
    (void)state;
    json_t *answer;
    json_t *json = target_told(&(struct verdict){.status = VERDICT_DOWN,
                                                 .held = HELD_TIME,
                                                 .held_until_ms = 120000,
                                                 .falls = 3,
                                                 .percent = 100,
                                                 .unheard = REASON_LOGIN_REFUSED,
                                                 .unheard_detail = "535 no",
                                                 .certificate_ends_s = 1800000000},
                               &answer);
    assert_string_equal(text_at(json, "held"), "hold");
    assert_true(json_number_value(json_object_get(json, "held_s")) == 20);
    assert_int_equal(integer_at(json, "falls"), 3);
    assert_string_equal(text_at(json, "certificate_ends"), "2027-01-15T08:00:00Z");
    assert_true(json_is_null(json_object_get(json, "undelivered_s")));
    assert_string_equal(text_at(json_object_get(json, "unheard"), "reason"), "login-refused");
    assert_string_equal(text_at(json_object_get(json, "unheard"), "detail"), "535 no");
    assert_string_equal(text_at(json, "outlook"), "held 20 s more");
    json = json_object_get(json_object_get(answer, "prober"), "frozen_s");
    assert_true(json_is_null(json_object_get(json, "ipv4")));
    assert_true(json_number_value(json_object_get(json, "ipv6")) == 12);
    json_decref(answer);

    json = target_told(&(struct verdict){.held = HELD_MANUAL,
                                         .held_until_ms = 120000,
                                         .percent = 40,
                                         .undelivered_since_ms = 40000,
                                         .undelivered = true},
                       &answer);
    assert_string_equal(text_at(json, "held"), "manual");
    assert_true(json_is_null(json_object_get(json, "held_s")));
    assert_int_equal(integer_at(json, "percent"), 40);
    assert_true(json_number_value(json_object_get(json, "undelivered_s")) == 60);
    assert_true(json_is_true(json_object_get(json, "undelivered")));
    assert_true(json_is_null(json_object_get(json, "certificate_ends")));
    json_decref(answer);
}

static void test_explain_refuses(void **state)
{
    (void)state;
    assert_error("explain", "usage: explain NAME [TYPE]");
    assert_error("explain a b c", "usage: explain NAME [TYPE]");
    assert_error("explain a..b", "'a..b' is no domain name");
    assert_error("explain example.test MAX", "'MAX' is no type");
    assert_error("explain example.test ANY", "'ANY' is no type");
}

static void assert_mx1(const char *request, const char *forced, bool served)
{
    json_t *answer = client_ask(request);
    assert_int_equal(integer_at(answer, "targets"), 2); /* smtp and imaps */
    assert_string_equal(text_at(answer, "forced"), forced);
    json_decref(answer);
    answer = client_ask("status");
    json_t *target = find_by(json_object_get(answer, "targets"), "host", "mx1.example.test");
    assert_string_equal(text_at(target, "forced"), forced);
    json_t *pool = find_by(json_object_get(answer, "pools"), "name", "example.test MX");
    assert_int_equal(holds_text(json_object_get(pool, "serving"), "mx1.example.test"), served);
    assert_int_equal(holds_text(json_object_get(pool, "removed"), "mx1.example.test"), !served);
    json_decref(answer);
}

static void test_force(void **state)
{
    (void)state;
    assert_mx1("drain mx1.example.test", "drain", false);
    assert_mx1("undrain MX1.example.test.", "(none)", true);
    assert_mx1("  force\tmx1.example.test  down ", "down", false);
    assert_mx1("force mx1.example.test up", "up", true);
    assert_mx1("force mx1.example.test auto", "(none)", true);
    assert_error("force mx1.example.test sideways", "'sideways' is none of up, down, auto");
    assert_error("force mx1.example.test", "usage: force HOST up|down|auto");
    assert_error("drain", "usage: drain HOST");
    assert_error("drain nobody.example.test", "nobody.example.test");
}

static void test_drained(void **state)
{
    (void)state;
    json_t *answer = client_ask("drained mx1.example.test");
    assert_string_equal(text_at(answer, "forced"), "(none)");
    assert_true(json_is_false(json_object_get(answer, "finished")));
    json_decref(answer);
    json_decref(client_ask("drain mx1.example.test"));
    answer = client_ask("drained MX1.example.test.");
    assert_string_equal(text_at(answer, "host"), "mx1.example.test");
    assert_string_equal(text_at(answer, "forced"), "drain");
    assert_true(json_is_false(json_object_get(answer, "finished")));
    assert_int_equal(integer_at(answer, "pools"), 2);
    assert_int_equal(integer_at(answer, "held"), 1);
    assert_int_equal(integer_at(answer, "kept"), 1); /* IMAPS is given by nobody else */
    double left_s = json_number_value(json_object_get(answer, "left_s"));
    assert_true(left_s > 0 && left_s <= 300 + 1);
    assert_int_equal(strlen(text_at(answer, "until")), strlen("2027-01-15T08:00:00.000Z"));
    json_t *answers = json_object_get(answer, "answers");
    assert_int_equal(json_array_size(answers), 2);
    json_t *held = find_by(answers, "state", "held"), *kept = find_by(answers, "state", "kept");
    assert_string_equal(text_at(held, "pool"), "example.test MX");
    assert_string_equal(text_at(held, "record"), "mx1.example.test");
    assert_true(json_number_value(json_object_get(held, "held_s")) > 0);
    assert_string_equal(text_at(kept, "pool"), "_imaps._tcp.example.test SRV");
    assert_true(json_is_null(json_object_get(kept, "held_s")));
    json_decref(answer);
    json_decref(client_ask("undrain mx1.example.test"));
    assert_error("drained", "usage: drained HOST");
    assert_error("drained nobody.example.test", "nobody.example.test: no such host");
    assert_error("drained a..b", "'a..b' is no host's name");
}

/* Two as the engine tells them: one with all moments, one that was kept in. */
static void test_failovers(void **state)
{
    (void)state;
    const struct failover failovers[] = {
        {.kind = FAILOVER_LEFT,
         .cause = CAUSE_SILENT,
         .reason = REASON_CONNECT_TIMEOUT,
         .host = "mx1.example.test",
         .check = "smtp",
         .address = {4, {127, 0, 0, 11}},
         .port = 25,
         .pool = "example.test MX",
         .npools = 3,
         .last_ms = 60000,
         .first_ms = 61000,
         .changed_ms = 62500,
         .until_ms = 103000,
         .kept_ms = 80000,
         .back_ms = 90000},
        {.kind = FAILOVER_KEPT,
         .cause = CAUSE_DRAIN,
         .host = "mx2.example.test",
         .check = "smtp",
         .address = {4, {127, 0, 0, 12}},
         .port = 25,
         .pool = "example.test MX",
         .npools = 1,
         .changed_ms = 95000},
    };
    const struct engine_status status = {.now_ms = 100000, .failovers = failovers, .nfailovers = 2};
    const struct server_numbers numbers = {0};
    static const struct {
        const char *key;
        double value;
    } expected[] = {{"age_s", 37.5}, {"evidence_s", 1}, {"answers_s", 2.5}, {"resolvers_s", 43},
                    {"held_s", 3},   {"kept_s", 20},    {"back_s", 10}};
    json_t *answer = render_status(&status, &numbers);
    json_t *list = json_object_get(answer, "failovers");
    assert_int_equal(json_array_size(list), 2);
    json_t *one = json_array_get(list, 0), *other = json_array_get(list, 1);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_true(json_number_value(json_object_get(one, expected[i].key)) == expected[i].value);
        assert_int_equal(json_is_null(json_object_get(other, expected[i].key)), i != 0);
    }
    assert_string_equal(text_at(one, "kind"), "left");
    assert_string_equal(text_at(one, "cause"), "silent");
    assert_string_equal(text_at(one, "reason"), "connect-timeout");
    assert_string_equal(text_at(one, "address"), "127.0.0.11");
    assert_string_equal(text_at(one, "pool"), "example.test MX");
    assert_int_equal(integer_at(one, "pools"), 3);
    assert_int_equal(integer_at(one, "port"), 25);
    assert_string_equal(text_at(other, "kind"), "kept");
    assert_string_equal(text_at(other, "reason"), "(none)");
    json_decref(answer);
}

static void test_reload(void **state)
{
    (void)state;
    control_fixture_zone(7, "@ MX 10 mx3\nmx3 A 127.0.0.13\n");
    json_t *answer = client_ask("reload");
    assert_true(json_is_true(json_object_get(answer, "reloaded")));
    assert_int_equal(integer_at(json_object_get(answer, "zones"), "changed"), 1);
    assert_int_equal(integer_at(json_object_get(answer, "targets"), "added"), 1);
    assert_int_equal(integer_at(json_object_get(answer, "targets"), "removed"), 0);
    json_t *changes = json_object_get(answer, "changes");
    assert_true(holds_text(changes, "zone example.test: serial 7, was 1"));
    assert_true(holds_text(changes, "target mx3.example.test 127.0.0.13@25 smtp: added"));
    json_decref(answer);
}

static void test_reload_of_a_bad_zone(void **state)
{
    char line[300];
    (void)state;
    json_t *answer = client_ask("status");
    json_t *zone = find_by(json_object_get(answer, "zones"), "name", "example.test");
    snprintf(line, sizeof line, "zone example.test: goes on as it was, with serial %d: %s is bad",
             (int)integer_at(zone, "serial"), fixture.zone);
    assert_int_equal(json_array_size(json_object_get(zone, "stale")), 0);
    json_decref(answer);
    control_fixture_zone(8, "mx4 A 127.0.0.300\nmx5 BAD data\n");
    answer = client_ask("reload");
    assert_true(json_is_true(json_object_get(answer, "reloaded")));
    assert_int_equal(integer_at(answer, "errors"), 2);
    assert_int_equal(integer_at(answer, "bad_zones"), 1);
    assert_true(holds_text(json_object_get(answer, "bad"), line));
    json_t *diagnostics = json_object_get(answer, "diagnostics");
    assert_true(json_array_size(diagnostics) >= 2);
    json_t *first = find_by(diagnostics, "severity", "error");
    assert_string_equal(text_at(first, "file"), fixture.zone);
    assert_true(integer_at(first, "line") > 0);
    json_decref(answer);
    answer = client_ask("status");
    zone = find_by(json_object_get(answer, "zones"), "name", "example.test");
    assert_true(integer_at(zone, "serial") < 8);
    assert_string_equal(text_at(zone, "state"), "stale");
    assert_true(holds_text(json_object_get(zone, "stale"), fixture.zone));
    json_decref(answer);
    control_fixture_zone(1, "");
    answer = client_ask("reload");
    assert_int_equal(integer_at(answer, "errors"), 0);
    assert_int_equal(integer_at(answer, "bad_zones"), 0);
    json_decref(answer);
    answer = client_ask("status");
    zone = find_by(json_object_get(answer, "zones"), "name", "example.test");
    assert_string_equal(text_at(zone, "state"), "ok");
    json_decref(answer);
}

static void test_refused_reload(void **state)
{
    const char *other = fixture.zones[1];
    (void)state;
    fixture.zones[1] = fixture.zone; /* the same zone twice */
    json_t *answer = client_ask("reload");
    fixture.zones[1] = other;
    assert_string_equal(text_at(answer, "error"), "reload: 1 error, nothing has changed");
    assert_null(json_object_get(answer, "errors"));
    json_decref(answer);
}

/* One that is removed is told of for as long as a resolver may hold it. */
static void test_removed(void **state)
{
    (void)state;
    control_fixture_zone(9, "@ MX 10 mx3\nmx3 A 127.0.0.13\n");
    json_decref(client_ask("reload"));
    json_t *answer = client_ask("drained mx3.example.test");
    assert_true(json_is_false(json_object_get(answer, "removed")));
    json_decref(answer);
    control_fixture_zone(10, "");
    json_decref(client_ask("reload"));
    answer = client_ask("drained mx3.example.test"); /* a resolver may hold it still */
    assert_true(json_is_true(json_object_get(answer, "removed")));
    assert_true(json_is_null(json_object_get(answer, "forced")));
    assert_true(json_is_false(json_object_get(answer, "finished")));
    assert_true(json_number_value(json_object_get(answer, "left_s")) > 0);
    assert_int_equal(integer_at(answer, "held"), 2);
    json_decref(answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_has_all_fields),
        cmocka_unit_test(test_status_pools_and_zones),
        cmocka_unit_test(test_explain),
        cmocka_unit_test(test_slow_start_and_floor),
        cmocka_unit_test(test_returns_and_round_trips),
        cmocka_unit_test(test_explain_refuses),
        cmocka_unit_test(test_force),
        cmocka_unit_test(test_drained),
        cmocka_unit_test(test_failovers),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_reload_of_a_bad_zone),
        cmocka_unit_test(test_refused_reload),
        cmocka_unit_test(test_removed),
    };
    return cmocka_run_group_tests(tests, control_fixture_up, control_fixture_down);
}
