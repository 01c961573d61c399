/* SPDX-License-Identifier: BSD-2-Clause */
/* From verdicts to answers through the core: slow starts, hosts that are held or sick, and the
 * floor of `min-capacity`. */
#include "base/log.h"
#include "engine/core.h"
#include "support/stage.h"
#include "wire/name.h"
#include "wire/rrtype.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SLOW_START_MS = 5 * 60 * 1000, ASKED = 4000 };

static const char three[] = ZONE_HEAD "@ MX 10 mx1\n"
                                      "@ MX 10 mx2\n"
                                      "@ MX 10 mx3\n"
                                      "mx1 A 127.0.0.11\n"
                                      "mx2 A 127.0.0.12\n"
                                      "mx3 A 127.0.0.13\n"
                                      "imap A 127.0.0.11\n"
                                      "imap A 127.0.0.12\n"
                                      "_imaps._tcp SRV 0 1 993 imap\n";

/* For all checks and all pools. */
struct wanted {
    int64_t slow_start_ms, hold_ms;
    unsigned min_capacity;
};

/* A zone whose hosts are all seen good. */
static void begin(struct stage *stage, const char *zone, const struct wanted *wanted)
{
    stage_init(stage, true);
    stage_zone(stage, "example.test", zone);
    struct model *model = stage_build(stage);
    for (size_t i = 0; i < model->nchecks; i++) {
        model->checks[i].settings.hold_ms = wanted->hold_ms;
        model->checks[i].settings.slow_start_ms = wanted->slow_start_ms;
    }
    for (size_t i = 0; i < model->npools; i++)
        model->pools[i].policy.min_capacity = wanted->min_capacity;
    model_free(core_load(stage->core, model, catalog_new(model), stage->now_ms));
    stage_at(stage, 1000);
    stage_outcome(stage, "*", "*", REASON_OK);
    stage_at(stage, 2000);
}

/* Whole probes end so, often enough for a verdict: of all targets at an address. */
static void probes_end(struct stage *stage, const char *at, enum reason reason)
{
    struct address address;
    assert_true(address_parse(at, &address));
    for (uint32_t i = 0; i < stage->nprobes; i++)
        for (unsigned j = 0; j < 4 && address_equal(&stage->probes[i].address, &address); j++) {
            const struct outcome outcome = {
                .depth = DEPTH_SERVICE, .reason = reason, .confirmed = true, .rtt_us = 1000};
            core_outcome(stage->core, i, &outcome, stage->now_ms);
        }
    stage_publish(stage);
}

static void explain(const struct stage *stage, const char *name, uint16_t rrtype,
                    struct engine_explanation *explanation)
{
    uint8_t wire[NAME_MAX_SIZE];
    assert_true(name_from_text(name, wire) > 0);
    *explanation = (struct engine_explanation){.arena = arena_new()};
    core_explain(stage->core, wire, rrtype, stage->now_ms, explanation);
}

/* "SFD": the states of the MX records, in the order of the file. */
static void assert_states(const struct stage *stage, const char *expected)
{
    struct engine_explanation got;
    char states[16] = "";
    explain(stage, "example.test", RRTYPE_MX, &got);
    for (size_t i = 0; i < got.nrecords; i++)
        states[i] = "SMDBOF"[got.records[i].state];
    assert_string_equal(states, expected);
    assert_int_equal(got.floor, strchr(expected, 'F') != NULL);
    arena_free(got.arena);
}

static unsigned percent_of(const struct stage *stage, const char *name, uint16_t rrtype,
                           size_t record)
{
    struct engine_explanation got;
    explain(stage, name, rrtype, &got);
    unsigned percent = got.records[record].percent;
    arena_free(got.arena);
    return percent;
}

/* Of a hundred answers, how many have mx1 at its own preference, or 127.0.0.11 in the first place.
 */
static unsigned share_of_first(struct stage *stage, const char *name, uint16_t rrtype)
{
    unsigned found = 0;
    for (unsigned i = 0; i < ASKED; i++) {
        ldns_pkt *packet = stage_ask(stage, name, rrtype);
        const ldns_rr_list *list = ldns_pkt_answer(packet);
        for (size_t j = 0; j < (rrtype == RRTYPE_MX ? ldns_rr_list_rr_count(list) : 1); j++) {
            const ldns_rr *rr = ldns_rr_list_rr(list, j);
            char *text = ldns_rdf2str(ldns_rr_rdf(rr, 0)),
                 *host = rrtype == RRTYPE_MX ? ldns_rdf2str(ldns_rr_rdf(rr, 1)) : NULL;
            found += host ? strcmp(text, "10") == 0 && strcmp(host, "mx1.example.test.") == 0
                          : strcmp(text, "127.0.0.11") == 0;
            free(text);
            free(host);
        }
        ldns_pkt_free(packet);
    }
    return (found * 100 + ASKED / 2) / ASKED;
}

/* Ten steps in five minutes, each published once, and nothing after. */
static void slow_start(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage, three, &(struct wanted){.slow_start_ms = SLOW_START_MS});
    stage_at(&stage, 10000);
    probes_end(&stage, "127.0.0.11", REASON_REFUSED);
    assert_states(&stage, "DSS");
    stage_at(&stage, 20000);
    probes_end(&stage, "127.0.0.11", REASON_OK);
    assert_states(&stage, "SSS");
    assert_int_equal(percent_of(&stage, "example.test", RRTYPE_MX, 0), 10);
    assert_in_range(share_of_first(&stage, "example.test", RRTYPE_MX), 8, 12);
    assert_in_range(share_of_first(&stage, "imap.example.test", RRTYPE_A), 7, 11); /* 10 to 100 */
    uint64_t serial = publisher_serial(stage.publisher);
    unsigned before = 10;
    for (int64_t ms = 21000; ms < 20000 + SLOW_START_MS; ms += 1000) {
        stage_at(&stage, ms);
        unsigned percent = percent_of(&stage, "example.test", RRTYPE_MX, 0);
        assert_in_range(percent, before, before + 10);
        assert_int_equal(percent % 10, 0);
        if (percent == 50 && before < 50) {
            assert_in_range(share_of_first(&stage, "example.test", RRTYPE_MX), 46, 54);
            assert_in_range(share_of_first(&stage, "imap.example.test", RRTYPE_A), 30, 37);
        }
        before = percent;
    }
    stage_at(&stage, 21000 + SLOW_START_MS);
    assert_int_equal(percent_of(&stage, "example.test", RRTYPE_MX, 0), 100);
    assert_in_range(publisher_serial(stage.publisher) - serial, 9, 10);
    assert_int_equal(share_of_first(&stage, "example.test", RRTYPE_MX), 100);
    assert_in_range(share_of_first(&stage, "imap.example.test", RRTYPE_A), 45, 55);
    serial = publisher_serial(stage.publisher);
    stage_at(&stage, 2 * SLOW_START_MS);
    assert_int_equal(publisher_serial(stage.publisher), serial);
    stage_free(&stage);
}

/* With nothing else to prefer there is nothing to be slow for: not a publication more. */
static void slow_start_alone(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage, ZONE_HEAD TWO_HOSTS, &(struct wanted){.slow_start_ms = SLOW_START_MS});
    probes_end(&stage, "127.0.0.11", REASON_REFUSED);
    probes_end(&stage, "127.0.0.12", REASON_REFUSED);
    assert_states(&stage, "SS");
    stage_at(&stage, 20000);
    probes_end(&stage, "127.0.0.12", REASON_OK);
    assert_states(&stage, "DS");
    assert_int_equal(percent_of(&stage, "example.test", RRTYPE_MX, 1), 100);
    uint64_t serial = publisher_serial(stage.publisher);
    stage_at(&stage, SLOW_START_MS);
    assert_int_equal(publisher_serial(stage.publisher), serial);
    probes_end(&stage, "127.0.0.11", REASON_OK);
    assert_int_equal(percent_of(&stage, "example.test", RRTYPE_MX, 0), 10);
    stage_free(&stage);
}

/* One that comes back first is in front of one that comes back later. */
static void slow_start_of_all(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage, ZONE_HEAD TWO_HOSTS, &(struct wanted){.slow_start_ms = SLOW_START_MS});
    probes_end(&stage, "127.0.0.11", REASON_REFUSED);
    probes_end(&stage, "127.0.0.12", REASON_REFUSED);
    stage_at(&stage, 20000);
    probes_end(&stage, "127.0.0.12", REASON_OK);
    stage_at(&stage, 20000 + SLOW_START_MS / 2);
    probes_end(&stage, "127.0.0.11", REASON_OK);
    unsigned other = percent_of(&stage, "example.test", RRTYPE_MX, 1);
    assert_in_range(other, 50, 60);
    assert_in_range(share_of_first(&stage, "example.test", RRTYPE_MX), 1000 / other - 3,
                    1000 / other + 3);
    stage_free(&stage);
}

/* Held back while others live, answered before all that is worse. */
static void held(void **state)
{
    (void)state;
    struct stage stage;
    struct engine_explanation got;
    begin(&stage, three, &(struct wanted){.hold_ms = 30000});
    stage_at(&stage, 10000);
    probes_end(&stage, "127.0.0.11", REASON_REFUSED);
    stage_at(&stage, 15000);
    probes_end(&stage, "127.0.0.11", REASON_OK);
    assert_states(&stage, "DSS");
    probes_end(&stage, "127.0.0.12", REASON_GREETING_4XX);
    assert_states(&stage, "DDS");
    probes_end(&stage, "127.0.0.13", REASON_REFUSED);
    assert_states(&stage, "SDD");
    explain(&stage, "example.test", RRTYPE_MX, &got);
    assert_false(got.fail_open);
    assert_int_equal(got.ttl_s, FAIL_OPEN_TTL_S);
    assert_int_equal(got.records[0].percent, 100);
    arena_free(got.arena);
    stage_free(&stage);
}

/* Before the sick one. */
static void floor_of_held(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage, three, &(struct wanted){.hold_ms = 30000, .min_capacity = 60});
    stage_at(&stage, 10000);
    probes_end(&stage, "127.0.0.11", REASON_GREETING_4XX);
    assert_states(&stage, "DSS");
    probes_end(&stage, "127.0.0.12", REASON_REFUSED);
    assert_states(&stage, "FDS");
    stage_at(&stage, 15000);
    probes_end(&stage, "127.0.0.12", REASON_OK);
    assert_states(&stage, "DFS");
    stage_free(&stage);
}

/* All down: those that only put off, and all when there is none such any more. */
static void sick(void **state)
{
    (void)state;
    struct stage stage;
    struct engine_explanation got;
    begin(&stage, three, &(struct wanted){.hold_ms = 0});
    probes_end(&stage, "127.0.0.11", REASON_REFUSED);
    probes_end(&stage, "127.0.0.12", REASON_GREETING_4XX);
    assert_states(&stage, "DDS");
    probes_end(&stage, "127.0.0.13", REASON_REPLY_4XX);
    assert_states(&stage, "DSS");
    explain(&stage, "example.test", RRTYPE_MX, &got);
    assert_true(got.fail_open);
    assert_int_equal(got.ttl_s, FAIL_OPEN_TTL_S);
    arena_free(got.arena);
    /* What bounces mail is no better than what is dead. */
    probes_end(&stage, "127.0.0.13", REASON_REPLY_5XX);
    assert_states(&stage, "DSD");
    probes_end(&stage, "127.0.0.12", REASON_CERT_NAME);
    assert_states(&stage, "SSS");
    stage_free(&stage);
}

/* An operator who drains a host means it, sick or not. */
static void sick_and_drained(void **state)
{
    (void)state;
    struct stage stage;
    struct error error;
    size_t count;
    begin(&stage, three, &(struct wanted){.min_capacity = 100});
    probes_end(&stage, "127.0.0.12", REASON_GREETING_4XX);
    assert_states(&stage, "SFS");
    assert_true(
        core_force(stage.core, "mx2.example.test", FORCED_DRAIN, stage.now_ms, &count, &error));
    stage_publish(&stage);
    assert_states(&stage, "SDS");
    stage_free(&stage);
}

/* What goes to the log meanwhile; freed by free(). */
static char *logged(void (*act)(struct stage *stage), struct stage *stage)
{
    FILE *file = tmpfile();
    char *text = calloc(1, 4096);
    int saved = dup(STDERR_FILENO);
    assert_true(file && text && saved >= 0);
    dup2(fileno(file), STDERR_FILENO);
    log_set_level(LOG_LEVEL_NOTICE);
    act(stage);
    log_set_level((enum log_level) - 1);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    text[fread(text, 1, 4095, file)] = '\0';
    fclose(file);
    return text;
}

static void one_falls_sick(struct stage *stage)
{
    probes_end(stage, "127.0.0.12", REASON_GREETING_4XX);
}

static void another_dies(struct stage *stage)
{
    probes_end(stage, "127.0.0.13", REASON_REFUSED);
}

static void the_other_returns(struct stage *stage)
{
    probes_end(stage, "127.0.0.13", REASON_OK);
}

static void floor_begins_and_ends(void **state)
{
    (void)state;
    struct stage stage;
    struct engine_status status = {.arena = arena_new()};
    begin(&stage, three, &(struct wanted){.slow_start_ms = SLOW_START_MS, .min_capacity = 60});
    char *text = logged(one_falls_sick, &stage);
    assert_states(&stage, "SDS");
    assert_null(strstr(text, "pool example.test MX"));
    free(text);
    text = logged(another_dies, &stage);
    assert_states(&stage, "SFD");
    assert_non_null(strstr(text, "pool example.test MX: 1 of 3 are well, which is below "
                                 "min-capacity 60%: 1 that is held back or sick is kept in"));
    free(text);
    core_status(stage.core, stage.now_ms, &status);
    for (size_t i = 0; i < status.npools; i++)
        if (strcmp(status.pools[i].name, "example.test MX") == 0) {
            assert_true(status.pools[i].floor);
            assert_string_equal(status.pools[i].serving[1], "mx2.example.test");
            assert_null(status.pools[i].serving[2]);
            assert_string_equal(status.pools[i].removed[0], "mx3.example.test");
        }
    arena_free(status.arena);
    /* Its slow start takes nothing from what counts. */
    text = logged(the_other_returns, &stage);
    assert_states(&stage, "SDS");
    assert_int_equal(percent_of(&stage, "example.test", RRTYPE_MX, 2), 10);
    assert_non_null(strstr(text, "pool example.test MX: none is kept in for min-capacity 60% any "
                                 "more, 2 of 3 are answered"));
    free(text);
    stage_free(&stage);
}

static int quiet(void **state)
{
    (void)state;
    log_set_level((enum log_level) - 1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_start),
        cmocka_unit_test(slow_start_alone),
        cmocka_unit_test(slow_start_of_all),
        cmocka_unit_test(held),
        cmocka_unit_test(sick),
        cmocka_unit_test(sick_and_drained),
        cmocka_unit_test(floor_of_held),
        cmocka_unit_test(floor_begins_and_ends),
    };
    return cmocka_run_group_tests(tests, quiet, NULL);
}
