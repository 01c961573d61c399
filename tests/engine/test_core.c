/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine's core beyond what the scenarios play: how much work a flip is, memory over reloads,
 * status, explanations, errors. */
#include "base/log.h"
#include "base/memory.h"
#include "engine/events.h"
#include "support/stage.h"
#include "wire/name.h"
#include "wire/rrtype.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <urcu-qsbr.h>

#include <cmocka.h>

static int quiet(void **state)
{
    (void)state;
    log_set_level((enum log_level) - 1);
    return 0;
}

static void begin(struct stage *stage, const char *zone)
{
    stage_init(stage, true);
    stage_zone(stage, "example.test", zone);
    stage_load(stage);
}

static uint64_t images(const struct stage *stage)
{
    struct core_numbers numbers;
    core_numbers(stage->core, &numbers);
    return numbers.images;
}

static void explain(const struct stage *stage, const char *name, uint16_t rrtype,
                    struct engine_explanation *explanation)
{
    uint8_t wire[NAME_MAX_SIZE];
    assert_true(name_from_text(name, wire) > 0);
    *explanation = (struct engine_explanation){.arena = arena_new()};
    core_explain(stage->core, wire, rrtype, stage->now_ms, explanation);
}

/* ---- work and memory ---- */

/* A server that hangs accepts connections until its queue is full; from then on it is as silent as
 * to somebody who is banned. */
static void a_full_queue_is_no_ban(void **state)
{
    static const enum reason ends[] = {REASON_OK, REASON_GREETING_TIMEOUT};
    (void)state;
    for (unsigned hangs = 0; hangs < 2; hangs++) {
        struct stage stage;
        begin(&stage, ZONE_HEAD TWO_HOSTS "_imaps._tcp SRV 0 1 993 mx1\n");
        stage_at(&stage, 1000);
        stage_outcome(&stage, "*", "*", REASON_OK);
        stage_at(&stage, 3000);
        stage_outcome(&stage, "mx1.example.test", "smtp", ends[hangs]);
        stage_at(&stage, 11000);
        stage_outcome(&stage, "mx1.example.test", "imaps", REASON_OK);
        stage_outcome(&stage, "mx1.example.test", "smtp", REASON_CONNECT_TIMEOUT);
        uint32_t id = 0;
        while (stage.probes[id].port != 25 ||
               strcmp(stage.probes[id].host, "mx1.example.test") != 0)
            id++;
        const struct verdict *verdict = core_verdict(stage.core, id);
        assert_int_equal(verdict->status, hangs ? VERDICT_DOWN : VERDICT_UP);
        assert_int_equal(verdict->unheard, hangs ? REASON_NONE : REASON_PROBER_BLOCKED);
        stage_free(&stage);
    }
}

static char *zone_of_owners(unsigned owners)
{
    size_t room = strlen(ZONE_HEAD TWO_HOSTS) + 1 + (size_t)owners * 64, used = 0;
    char *text = memory_array(room, 1);
    used += (size_t)sprintf(text, "%s", ZONE_HEAD TWO_HOSTS);
    for (unsigned i = 0; i < owners; i++)
        used += (size_t)sprintf(text + used, "d%u MX 10 mx1\nd%u MX 20 mx2\n", i, i);
    return text;
}

static uint64_t images_of_a_death(unsigned owners)
{
    struct stage stage;
    char *zone = zone_of_owners(owners);
    begin(&stage, zone);
    free(zone);
    stage_at(&stage, 1000);
    stage_outcome(&stage, "*", "*", REASON_OK);
    stage_at(&stage, 3000);
    uint64_t before = images(&stage), serial = publisher_serial(stage.publisher);
    stage_outcome(&stage, "mx1.example.test", "smtp", REASON_REFUSED);
    stage_outcome(&stage, "mx1.example.test", "smtp", REASON_REFUSED);
    stage_publish(&stage);
    uint64_t count = images(&stage) - before;
    assert_int_equal(publisher_serial(stage.publisher) - serial, 1);
    assert_int_equal(core_model(stage.core)->pools[0].nowners, owners + 1);
    stage_free(&stage);
    return count;
}

static void work_of_a_death_is_that_of_its_pools(void **state)
{
    (void)state;
    /* The MX pool that all owners share, and mx1's address. */
    assert_int_equal(images_of_a_death(10), 2);
    assert_int_equal(images_of_a_death(100000), 2);
}

static void reload_with(struct stage *stage, const char *zone)
{
    stage_zone(stage, "example.test", zone);
    stage_load(stage);
}

/* Two zones in turn, with hosts and external hosts that come and go. */
static void reload_twice(struct stage *stage)
{
    const struct address outside[] = {{.family = 4, .bytes = {127, 0, 0, 5}},
                                      {.family = 4, .bytes = {127, 0, 0, 6}}};
    reload_with(stage, ZONE_HEAD TWO_HOSTS "@ MX 30 mx.outside.example.\n");
    core_addresses(stage->core, "mx.outside.example", outside, 2, stage->now_ms);
    stage_outcome(stage, "*", "*", REASON_REFUSED);
    stage_publish(stage);
    reload_with(stage, ZONE_HEAD "@ MX 10 mx2\n"
                                 "@ MX 20 mx3\n"
                                 "mx2 A 127.0.0.12\n"
                                 "mx3 A 127.0.0.13\n"
                                 "mx3 A 127.0.0.14\n");
    stage_outcome(stage, "*", "*", REASON_OK);
    stage_publish(stage);
}

static void reloads_do_not_grow(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage, ZONE_HEAD TWO_HOSTS);
    for (int i = 0; i < EVENTS_KEPT / 2; i++) /* the room for events is full by then */
        reload_twice(&stage);
    rcu_barrier(); /* what was replaced is freed by then */
    size_t before = mallinfo2().uordblks, ids = stage.nprobes;
    for (int i = 0; i < 500; i++)
        reload_twice(&stage);
    rcu_barrier();
    size_t after = mallinfo2().uordblks;
    assert_int_equal(stage.nprobes, ids); /* numbers are used again */
    /* malloc keeps some of what another thread has freed; 130 octets for each reload are none. */
    assert_in_range(after, 0, before + 128 * 1024);
    stage_free(&stage);
}

static void reload_of_the_same_changes_nothing(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage, ZONE_HEAD TWO_HOSTS);
    assert_int_equal(stage.added, 2);
    stage_outcome(&stage, "mx1.example.test", "smtp", REASON_REFUSED);
    for (int i = 0; i < 5; i++)
        stage_load(&stage);
    assert_int_equal(stage.added, 2);
    assert_int_equal(stage.removed, 0);
    assert_int_equal(stage_outcome(&stage, "mx1.example.test", "smtp", REASON_REFUSED), 1);
    struct engine_status status = {.arena = arena_new()};
    core_status(stage.core, stage.now_ms, &status);
    assert_int_equal(status.targets[0].verdict.status, VERDICT_DOWN);
    arena_free(status.arena);
    stage_free(&stage);
}

/* ---- status ---- */

static void assert_labels(const char *const *labels, const char *expected)
{
    char text[512] = "";
    for (size_t i = 0; labels[i]; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "", labels[i]);
    assert_string_equal(text, expected);
}

static const struct engine_pool *find_pool(const struct engine_status *status, const char *name)
{
    for (size_t i = 0; i < status->npools; i++)
        if (strcmp(status->pools[i].name, name) == 0)
            return &status->pools[i];
    fail_msg("no pool %s", name);
    return NULL;
}

static void status_tells_all(void **state)
{
    (void)state;
    struct stage stage;
    const struct address outside = {.family = 4, .bytes = {127, 0, 0, 5}};
    begin(&stage, ZONE_HEAD TWO_HOSTS "@ MX 30 mx.outside.example.\n");
    core_addresses(stage.core, "mx.outside.example", &outside, 1, stage.now_ms);
    stage_at(&stage, 1000);
    stage_outcome(&stage, "*", "*", REASON_OK);
    stage_outcome(&stage, "mx2.example.test", "*", REASON_REFUSED);
    stage_outcome(&stage, "mx2.example.test", "*", REASON_REFUSED);
    stage_publish(&stage);
    struct engine_status status = {.arena = arena_new()};
    core_status(stage.core, stage.now_ms, &status);
    assert_int_equal(status.now_ms, stage.now_ms);
    assert_int_equal(status.serial, publisher_serial(stage.publisher));
    assert_int_equal(status.nzones, 1);
    assert_string_equal(status.zones[0].name, "example.test");
    assert_int_equal(status.zones[0].serial, 1);
    assert_int_equal(status.ntargets, 3);
    assert_string_equal(status.targets[0].host, "mx1.example.test");
    assert_string_equal(status.targets[0].check, "smtp");
    assert_int_equal(status.targets[0].port, 25);
    assert_int_equal(status.targets[1].verdict.status, VERDICT_DOWN);
    assert_int_equal(status.targets[1].verdict.reason, REASON_REFUSED);
    assert_string_equal(status.targets[2].host, "mx.outside.example");
    const struct engine_pool *pool = find_pool(&status, "example.test MX");
    assert_labels(pool->serving, "mx1.example.test mx.outside.example");
    assert_labels(pool->removed, "mx2.example.test");
    assert_int_equal(pool->nowners, 1);
    assert_int_equal(pool->ttl_s, 10);
    pool = find_pool(&status, "mx2.example.test A");
    assert_labels(pool->serving, "127.0.0.12");
    assert_true(pool->fail_open);
    arena_free(status.arena);
    stage_free(&stage);
}

/* ---- explain ---- */

#define EXPLAIN_ZONE                                                                               \
    ZONE_HEAD TWO_HOSTS                                                                            \
        "www CNAME mx1\n"                                                                          \
        "far CNAME www.outside.example.\n"                                                         \
        "loop1 CNAME loop2\n"                                                                      \
        "loop2 CNAME loop1\n"                                                                      \
        "*.wild MX 10 mx1\n"                                                                       \
        "deep.empty TXT \"x\"\n"                                                                   \
        "sub NS ns.sub\n"                                                                          \
        "ns.sub A 127.0.0.9\n"                                                                     \
        "old DNAME new\n"                                                                          \
        "host.new A 127.0.0.77\n"                                                                  \
        "spin1 DNAME spin2\n"                                                                      \
        "spin2 DNAME spin1\n"                                                                      \
        "grow DNAME aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff.grow\n"           \
        "txt TXT \"hello world\"\n"

static void explains_how(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint16_t rrtype;
        const char *zone, *owner, *how, *pool;
        size_t nrecords;
    } rows[] = {
        {"example.test", RRTYPE_MX, "example.test", "example.test",
         "steered by pool example.test MX", "example.test MX", 2},
        {"EXAMPLE.test", RRTYPE_NS, "example.test", "example.test", "as it stands in the zone file",
         NULL, 1},
        {"txt.example.test", RRTYPE_TXT, "example.test", "txt.example.test",
         "as it stands in the zone file", NULL, 1},
        {"txt.example.test", RRTYPE_A, "example.test", "txt.example.test", "no such type (NODATA)",
         NULL, 0},
        {"empty.example.test", RRTYPE_A, "example.test", "empty.example.test",
         "no such type (NODATA)", NULL, 0},
        {"nobody.example.test", RRTYPE_A, "example.test", NULL, "no such name (NXDOMAIN)", NULL, 0},
        {"www.example.test", RRTYPE_A, "example.test", "mx1.example.test",
         "by CNAME to mx1.example.test; steered by pool mx1.example.test A", "mx1.example.test A",
         1},
        {"www.example.test", RRTYPE_CNAME, "example.test", "www.example.test",
         "as it stands in the zone file", NULL, 1},
        {"far.example.test", RRTYPE_A, "example.test", NULL,
         "by CNAME to www.outside.example; outside our zones: the resolver asks on", NULL, 0},
        {"loop1.example.test", RRTYPE_A, "example.test", NULL,
         "by CNAME to loop1.example.test; the chain of CNAMEs is a loop or too long", NULL, 0},
        {"a.b.wild.example.test", RRTYPE_MX, "example.test", "*.wild.example.test",
         "by the wildcard *.wild.example.test; steered by pool *.wild.example.test MX",
         "*.wild.example.test MX", 1},
        {"host.sub.example.test", RRTYPE_A, "example.test", "sub.example.test",
         "referral: sub.example.test is delegated", NULL, 0},
        {"host.old.example.test", RRTYPE_A, "example.test", "host.new.example.test",
         "by CNAME to host.new.example.test; as it stands in the zone file", NULL, 1},
        {"x.spin1.example.test", RRTYPE_A, "example.test", NULL,
         "by CNAME to x.spin1.example.test; the chain of CNAMEs is a loop or too long", NULL, 0},
        {"sub.example.test", RRTYPE_DS, "example.test", "sub.example.test", "no such type (NODATA)",
         NULL, 0},
        {"example.test", RRTYPE_ANY, "example.test", "example.test",
         "ANY: one HINFO record (RFC 8482)", NULL, 0},
        {"elsewhere.test", RRTYPE_MX, NULL, NULL, "not our zone (REFUSED)", NULL, 0},
    };
    struct stage stage;
    begin(&stage, EXPLAIN_ZONE);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct engine_explanation got;
        explain(&stage, rows[i].name, rows[i].rrtype, &got);
        print_message("%s: %s\n", rows[i].name, got.how);
        assert_string_equal(got.how, rows[i].how);
        assert_string_equal(got.zone ? got.zone : "", rows[i].zone ? rows[i].zone : "");
        assert_string_equal(got.owner ? got.owner : "", rows[i].owner ? rows[i].owner : "");
        assert_string_equal(got.pool ? got.pool : "", rows[i].pool ? rows[i].pool : "");
        assert_int_equal(got.nrecords, rows[i].nrecords);
        arena_free(got.arena);
    }
    stage_free(&stage);
}

/* Names are those of the domain that was asked for; hosts are the template's, by the names that
 * status shows. */
static void explains_templates(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint16_t rrtype;
        const char *zone, *owner, *how, *record, *host;
    } rows[] = {
        {"shop1.test", RRTYPE_MX, "shop1.test", "shop1.test", "steered by pool @customer.zone MX",
         "10 mail.shop1.test.", "mail.@customer.zone"},
        {"a.wild.Shop2.test", RRTYPE_MX, "shop2.test", "*.wild.shop2.test",
         "by the wildcard *.wild.shop2.test; steered by pool @customer.zone MX",
         "10 mail.shop2.test.", "mail.@customer.zone"},
        {"mail.shop2.test", RRTYPE_A, "shop2.test", "mail.shop2.test",
         "steered by pool mail.@customer.zone A", "127.0.0.11", "mail.@customer.zone"},
        {"www.shop1.test", RRTYPE_TXT, "shop1.test", "web.shop1.test",
         "by CNAME to web.shop1.test; as it stands in the template", "\"text\"", NULL},
        {"nosuch.shop1.test", RRTYPE_A, "shop1.test", NULL, "no such name (NXDOMAIN)", NULL, NULL},
        {"shop3.test", RRTYPE_A, NULL, NULL, "not our zone (REFUSED)", NULL, NULL},
        {"\\000\\000\\000", RRTYPE_MX, NULL, NULL, "not our zone (REFUSED)", NULL, NULL},
    };
    struct stage stage;
    stage_init(&stage, true);
    folder_write(stage.folder, "customer.zone",
                 "$TTL 300\n@ SOA a.example. b.example. 1 2 3 4 5\n@ NS a.example.\n"
                 "@ MX 10 mail\n*.wild MX 10 mail\nmail A 127.0.0.11\nwww CNAME web\n"
                 "web TXT text\n");
    folder_write(stage.folder, "names", "shop1.test\nshop2.test\n");
    stage_config(&stage, "zones: [{file: customer.zone, names: names}]\n");
    stage_load(&stage);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct engine_explanation got;
        explain(&stage, rows[i].name, rows[i].rrtype, &got);
        print_message("%s: %s\n", rows[i].name, got.how);
        assert_string_equal(got.how, rows[i].how);
        assert_string_equal(got.zone ? got.zone : "", rows[i].zone ? rows[i].zone : "");
        assert_string_equal(got.owner ? got.owner : "", rows[i].owner ? rows[i].owner : "");
        assert_int_equal(got.nrecords, rows[i].record != NULL);
        if (rows[i].record)
            assert_string_equal(got.records[0].text, rows[i].record);
        if (rows[i].host)
            assert_string_equal(got.records[0].host, rows[i].host);
        arena_free(got.arena);
    }
    struct engine_status status = {.arena = arena_new()};
    struct error error;
    size_t count;
    core_status(stage.core, stage.now_ms, &status);
    assert_int_equal(status.zones[0].ndomains, 2);
    assert_string_equal(status.targets[0].host, "mail.@customer.zone");
    assert_true(
        core_force(stage.core, status.targets[0].host, FORCED_DRAIN, stage.now_ms, &count, &error));
    assert_true(
        core_force(stage.core, "MAIL.@Customer.zone", FORCED_NOT, stage.now_ms, &count, &error));
    assert_int_equal(count, 1);
    assert_false(
        core_force(stage.core, "mail.@other.zone", FORCED_NOT, stage.now_ms, &count, &error));
    assert_string_equal(error.text, "mail.@other.zone: no such host");
    assert_false(
        core_force(stage.core, "Mail.shop1.test", FORCED_DRAIN, stage.now_ms, &count, &error));
    assert_string_equal(error.text, "mail.shop1.test: no host of one domain; it is "
                                    "mail.@customer.zone, for all domains of that template");
    assert_false(
        core_force(stage.core, "nomail.shop1.test", FORCED_DRAIN, stage.now_ms, &count, &error));
    assert_string_equal(error.text, "nomail.shop1.test: no such host");
    arena_free(status.arena);
    stage_free(&stage);
}

static void explains_names_that_grow(void **state)
{
    (void)state;
    struct stage stage;
    struct engine_explanation got;
    begin(&stage, EXPLAIN_ZONE);
    explain(&stage, "x.grow.example.test", RRTYPE_A, &got);
    assert_non_null(strstr(got.how, "; the DNAME makes a name that is too long (YXDOMAIN)"));
    assert_int_equal(got.nrecords, 0);
    arena_free(got.arena);
    stage_free(&stage);
}

static void explains_by_which_target(void **state)
{
    (void)state;
    struct stage stage;
    struct engine_explanation got;
    begin(&stage, ZONE_HEAD "@ MX 10 mx1\n"
                            "@ MX 20 mx2\n"
                            "_imap._tcp SRV 0 1 143 mx1\n"
                            "mx1 A 127.0.0.11\n"
                            "mx1 AAAA ::1\n"
                            "mx2 A 127.0.0.12\n");
    stage_at(&stage, 1000);
    stage_outcome(&stage, "*", "*", REASON_OK);
    stage_at(&stage, 3000);
    stage_outcome(&stage, "mx2.example.test", "smtp", REASON_GREETING_CLOSED);
    stage_outcome(&stage, "mx2.example.test", "smtp", REASON_GREETING_CLOSED);
    stage_publish(&stage);
    explain(&stage, "example.test", RRTYPE_MX, &got);
    assert_int_equal(got.ttl_s, 10);
    assert_string_equal(got.records[0].text, "10 mx1.example.test.");
    assert_int_equal(got.records[0].state, MEMBER_SERVED);
    assert_string_equal(got.records[0].host, "mx1.example.test");
    assert_int_equal(got.records[0].ntargets, 2); /* .11 and ::1, SMTP only */
    assert_int_equal(got.records[1].state, MEMBER_DOWN);
    assert_int_equal(got.records[1].ntargets, 1);
    assert_int_equal(got.ntargets, 3);
    const struct engine_target *why = &got.targets[got.records[1].targets[0]];
    assert_string_equal(why->host, "mx2.example.test");
    assert_string_equal(why->check, "smtp");
    assert_int_equal(why->verdict.status, VERDICT_DOWN);
    assert_int_equal(why->verdict.reason, REASON_GREETING_CLOSED);
    assert_int_equal(why->verdict.since_ms, stage.now_ms);
    arena_free(got.arena);

    explain(&stage, "mx1.example.test", RRTYPE_A, &got);
    assert_int_equal(got.nrecords, 1);
    assert_int_equal(got.records[0].ntargets, 2); /* SMTP and IMAP at .11 */
    arena_free(got.arena);

    stage_outcome(&stage, "mx1.example.test", "smtp", REASON_REFUSED);
    stage_outcome(&stage, "mx1.example.test", "smtp", REASON_REFUSED);
    stage_publish(&stage);
    explain(&stage, "example.test", RRTYPE_MX, &got);
    assert_true(got.fail_open);
    assert_string_equal(got.how, "steered by pool example.test MX: nothing is up, fail open");
    arena_free(got.arena);
    stage_free(&stage);
}

/* ---- force ---- */

static void force_errors_name_near_hosts(void **state)
{
    (void)state;
    struct stage stage;
    struct error error;
    size_t count;
    begin(&stage, ZONE_HEAD TWO_HOSTS "@ MX 30 mx.outside.example.\n");
    assert_false(
        core_force(stage.core, "mx7.example.test", FORCED_DRAIN, stage.now_ms, &count, &error));
    assert_string_equal(error.text, "mx7.example.test: no such host; near are: mx1.example.test, "
                                    "mx2.example.test");
    assert_false(core_force(stage.core, "mx1", FORCED_DRAIN, stage.now_ms, &count, &error));
    assert_string_equal(error.text, "mx1: no such host; near are: mx1.example.test");
    assert_false(
        core_force(stage.core, "quite.something.else", FORCED_DRAIN, stage.now_ms, &count, &error));
    assert_string_equal(error.text, "quite.something.else: no such host");
    assert_false(core_force(stage.core, "a..b", FORCED_DRAIN, stage.now_ms, &count, &error));
    assert_string_equal(error.text, "'a..b' is no host's name");
    assert_false(core_force(stage.core, "", FORCED_DRAIN, stage.now_ms, &count, &error));
    assert_false(
        core_force(stage.core, "mx.outside.example", FORCED_DRAIN, stage.now_ms, &count, &error));
    assert_string_equal(error.text, "mx.outside.example: nothing of this host is probed yet");
    assert_true(
        core_force(stage.core, "MX1.example.TEST.", FORCED_DRAIN, stage.now_ms, &count, &error));
    assert_int_equal(count, 1);
    assert_true(
        core_force(stage.core, "mx2.example.test", FORCED_NOT, stage.now_ms, &count, &error));
    assert_int_equal(count, 1);
    stage_free(&stage);
}

static enum verdict_forced forced_at(const struct stage *stage, const char *address)
{
    enum verdict_forced forced = FORCED_NOT;
    bool found = false;
    struct engine_status status = {.arena = arena_new()};
    core_status(stage->core, stage->now_ms, &status);
    for (size_t i = 0; i < status.ntargets; i++) {
        char text[ADDRESS_TEXT_SIZE];
        address_format(&status.targets[i].address, text);
        if (strcmp(text, address) != 0)
            continue;
        found = true;
        forced = status.targets[i].verdict.forced;
    }
    arena_free(status.arena);
    assert_true(found);
    return forced;
}

static void force_holds_for_what_comes_later(void **state)
{
    (void)state;
    struct stage stage;
    struct error error;
    size_t count;
    const struct address outside[] = {{.family = 4, .bytes = {127, 0, 0, 5}},
                                      {.family = 4, .bytes = {127, 0, 0, 6}}};
    begin(&stage, ZONE_HEAD TWO_HOSTS "@ MX 30 mx.outside.example.\n");
    const char *host = "mx.outside.example";
    core_addresses(stage.core, host, outside, 1, stage.now_ms);
    assert_true(
        core_force(stage.core, "mx.outside.example", FORCED_DRAIN, stage.now_ms, &count, &error));
    assert_true(
        core_force(stage.core, "mx1.example.test", FORCED_DOWN, stage.now_ms, &count, &error));
    core_addresses(stage.core, host, outside, 2, stage.now_ms);
    assert_int_equal(forced_at(&stage, "127.0.0.6"), FORCED_DRAIN);
    reload_with(&stage, ZONE_HEAD TWO_HOSTS "@ MX 30 mx.outside.example.\n"
                                            "mx1 A 127.0.0.21\n");
    assert_int_equal(forced_at(&stage, "127.0.0.5"), FORCED_DRAIN);
    assert_int_equal(forced_at(&stage, "127.0.0.11"), FORCED_DOWN);
    assert_int_equal(forced_at(&stage, "127.0.0.21"), FORCED_DOWN);
    assert_int_equal(forced_at(&stage, "127.0.0.12"), FORCED_NOT);
    /* A host that has left the zones is forgotten. */
    reload_with(&stage, ZONE_HEAD "@ MX 10 mx2\n"
                                  "mx2 A 127.0.0.12\n");
    reload_with(&stage, ZONE_HEAD TWO_HOSTS);
    assert_int_equal(forced_at(&stage, "127.0.0.11"), FORCED_NOT);
    stage_free(&stage);
}

static void later_force_wins_where_hosts_share(void **state)
{
    (void)state;
    struct stage stage;
    struct error error;
    size_t count;
    begin(&stage, ZONE_HEAD "@ MX 10 one\n"
                            "@ MX 20 other\n"
                            "one A 127.0.0.11\n"
                            "other A 127.0.0.11\n");
    assert_true(
        core_force(stage.core, "one.example.test", FORCED_DRAIN, stage.now_ms, &count, &error));
    assert_int_equal(forced_at(&stage, "127.0.0.11"), FORCED_DRAIN);
    assert_true(
        core_force(stage.core, "other.example.test", FORCED_UP, stage.now_ms, &count, &error));
    assert_int_equal(forced_at(&stage, "127.0.0.11"), FORCED_UP);
    assert_true(
        core_force(stage.core, "other.example.test", FORCED_NOT, stage.now_ms, &count, &error));
    assert_int_equal(forced_at(&stage, "127.0.0.11"), FORCED_DRAIN);
    assert_true(
        core_force(stage.core, "one.example.test", FORCED_NOT, stage.now_ms, &count, &error));
    assert_int_equal(forced_at(&stage, "127.0.0.11"), FORCED_NOT);
    stage_free(&stage);
}

/* ---- probing off ---- */

static void unprobed_stands_as_it_is(void **state)
{
    (void)state;
    struct stage stage;
    struct error error;
    struct engine_explanation got;
    size_t count;
    stage_init(&stage, false);
    stage_zone(&stage, "example.test", ZONE_HEAD TWO_HOSTS);
    stage_load(&stage);
    explain(&stage, "example.test", RRTYPE_MX, &got);
    assert_int_equal(got.ttl_s, 10); /* not 1: no verdict will ever come */
    arena_free(got.arena);
    assert_true(
        core_force(stage.core, "mx1.example.test", FORCED_DRAIN, stage.now_ms, &count, &error));
    stage_publish(&stage);
    explain(&stage, "example.test", RRTYPE_MX, &got);
    assert_int_equal(got.records[0].state, MEMBER_DOWN);
    assert_int_equal(got.records[1].state, MEMBER_SERVED);
    arena_free(got.arena);
    stage_free(&stage);
}

/* ---- hosts that are nowhere yet ---- */

static void many_addresses_of_an_external_host(void **state)
{
    (void)state;
    struct stage stage;
    struct address addresses[300];
    begin(&stage, ZONE_HEAD "@ MX 10 mx.outside.example.\n"
                            "other MX 10 mx.outside.example.\n"
                            "other MX 20 mx.elsewhere.example.\n");
    const char *host = "mx.outside.example";
    for (size_t i = 0; i < 300; i++)
        addresses[i] = (struct address){
            .family = 4, .bytes = {127, 0, (uint8_t)(i / 200), (uint8_t)(i % 200)}}; /* no twice */
    for (size_t round = 0; round < 3; round++) {
        core_addresses(stage.core, host, addresses, 300, stage.now_ms);
        core_addresses(stage.core, host, addresses + 150, 150, stage.now_ms);
    }
    core_addresses(stage.core, "mx.elsewhere.example", addresses + 299, 1, stage.now_ms);
    struct core_numbers numbers;
    core_numbers(stage.core, &numbers);
    assert_int_equal(numbers.targets, 150); /* the last is shared */
    assert_int_equal(stage.nprobes, 300);
    core_addresses(stage.core, host, NULL, 0, stage.now_ms);
    core_numbers(stage.core, &numbers);
    assert_int_equal(numbers.targets, 1);
    stage_free(&stage);
}

static void same_address_twice_is_one_target(void **state)
{
    (void)state;
    struct stage stage;
    const struct address twice[] = {{.family = 4, .bytes = {127, 0, 0, 5}},
                                    {.family = 4, .bytes = {127, 0, 0, 5}},
                                    {.family = 4, .bytes = {127, 0, 0, 11}}};
    begin(&stage, ZONE_HEAD TWO_HOSTS "@ MX 30 mx.outside.example.\n");
    core_addresses(stage.core, "mx.outside.example", twice, 3, stage.now_ms);
    assert_int_equal(stage.added, 3); /* mx1's own is shared, too */
    stage_outcome(&stage, "127.0.0.5", "smtp", REASON_OK);
    stage_free(&stage);
}

/* ---- round trips ---- */

static uint32_t probe_of(const struct stage *stage, const char *host)
{
    for (uint32_t id = 0; id < stage->nprobes; id++)
        if (stage->probes[id].on && strcmp(stage->probes[id].host, host) == 0)
            return id;
    fail_msg("%s is not probed", host);
    return 0;
}

static const struct verdict *round_trip(struct stage *stage, const char *host, enum reason reason,
                                        int32_t age_s)
{
    uint32_t id = probe_of(stage, host);
    struct outcome outcome = {.depth = DEPTH_ROUND_TRIP, .reason = reason, .rtt_us = -1};
    outcome.step_us[TIMED_DELIVERY] = age_s * 1000000;
    core_outcome(stage->core, id, &outcome, stage->now_ms);
    return core_verdict(stage->core, id);
}

#define ROUND_TRIPS                                                                                \
    "checks: {smtp: {probe-recipient: probe@example.test, round-trip: 60s, hold: 0, "              \
    "slow-start: 0}}\n"

static void undelivered_is_drained(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, true);
    stage_config(&stage, ROUND_TRIPS);
    stage_zone(&stage, "example.test", ZONE_HEAD TWO_HOSTS);
    stage_load(&stage);
    stage_outcome(&stage, "*", "*", REASON_OK);
    stage_at(&stage, 1000);
    const struct verdict *verdict = round_trip(&stage, "mx1.example.test", REASON_UNDELIVERED, 299);
    assert_int_equal(verdict_vote(verdict), VOTE_UP);
    assert_true(verdict->alarmed);
    stage_at(&stage, 2000);
    verdict = round_trip(&stage, "mx1.example.test", REASON_UNDELIVERED, 300);
    assert_int_equal(verdict_vote(verdict), VOTE_DRAINED);
    assert_int_equal(verdict->status, VERDICT_UP);
    /* Time alone neither drains nor ends it, nor do other probes. */
    stage_at(&stage, 900000);
    stage_outcome(&stage, "*", "*", REASON_OK);
    assert_int_equal(verdict_vote(verdict), VOTE_DRAINED);
    verdict = round_trip(&stage, "mx1.example.test", REASON_OK, 1);
    assert_int_equal(verdict_vote(verdict), VOTE_UP);
    assert_false(verdict->alarmed);
    stage_free(&stage);
}

/* Only a message ends a drain: where none is sent any more, nothing would. */
static void drain_ends_with_round_trips(void **state)
{
    (void)state;
    struct stage stage;
    stage_init(&stage, true);
    stage_config(&stage, ROUND_TRIPS);
    stage_zone(&stage, "example.test", ZONE_HEAD TWO_HOSTS);
    stage_load(&stage);
    stage_outcome(&stage, "*", "*", REASON_OK);
    const struct verdict *verdict = round_trip(&stage, "mx1.example.test", REASON_UNDELIVERED, 400);
    assert_int_equal(verdict_vote(verdict), VOTE_DRAINED);
    stage_config(&stage,
                 "checks: {smtp: {probe-recipient: other@example.test, round-trip: 60s}}\n");
    stage_load(&stage);
    verdict = core_verdict(stage.core, probe_of(&stage, "mx1.example.test"));
    assert_int_equal(verdict_vote(verdict), VOTE_DRAINED);
    stage_config(&stage, "checks: {smtp: {probe-recipient: other@example.test}}\n");
    stage_load(&stage);
    verdict = core_verdict(stage.core, probe_of(&stage, "mx1.example.test"));
    assert_int_equal(verdict_vote(verdict), VOTE_UP);
    assert_int_equal(verdict->undelivered_since_ms, 0);
    stage_free(&stage);
}

/* What a message comes to says nothing of warnings and silences of other probes. */
static void round_trips_keep_to_themselves(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage, ZONE_HEAD TWO_HOSTS);
    uint32_t id = probe_of(&stage, "mx1.example.test");
    struct outcome outcome = {
        .depth = DEPTH_SERVICE, .reason = REASON_OK, .warning = REASON_CERT_EXPIRES};
    core_outcome(stage.core, id, &outcome, stage.now_ms);
    outcome = (struct outcome){.depth = DEPTH_SERVICE, .reason = REASON_RECIPIENT_REFUSED};
    core_outcome(stage.core, id, &outcome, stage.now_ms);
    struct verdict before = *core_verdict(stage.core, id);
    assert_int_equal(before.warning, REASON_CERT_EXPIRES);
    assert_int_equal(before.unheard, REASON_RECIPIENT_REFUSED);
    const struct verdict *verdict = round_trip(&stage, "mx1.example.test", REASON_OK, 1);
    assert_int_equal(verdict->warning, before.warning);
    assert_int_equal(verdict->unheard, before.unheard);
    assert_int_equal(verdict->probes, before.probes);
    assert_int_equal(verdict->last_good_ms, before.last_good_ms);
    stage_free(&stage);
}

static void targets_at_one_address(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage, ZONE_HEAD TWO_HOSTS "_imap._tcp SRV 0 1 143 imap\nimap A 127.0.0.11\n");
    uint32_t id = probe_of(&stage, "mx1.example.test"), count = 0;
    for (uint32_t at = core_first_at(stage.core, id); at != CORE_NONE;
         at = core_next_at(stage.core, at), count++)
        assert_int_equal(stage.probes[at].address.bytes[3], 11);
    assert_int_equal(count, 2);
    assert_true(core_is_of(stage.core, id, "MX1.example.test"));
    assert_false(core_is_of(stage.core, id, "mx2.example.test"));
    stage_free(&stage);
}

/* ---- unreachable ---- */

#define TWO_SERVICES TWO_HOSTS "_imap._tcp SRV 0 1 143 mx1\n"

static uint32_t probe_at(const struct stage *stage, uint16_t port)
{
    for (uint32_t id = 0; id < stage->nprobes; id++)
        if (stage->probes[id].on && stage->probes[id].port == port &&
            stage->probes[id].address.bytes[3] == 11)
            return id;
    fail_msg("port %u is not probed", port);
    return 0;
}

static void begin_well(struct stage *stage)
{
    begin(stage, ZONE_HEAD TWO_SERVICES);
    stage_outcome(stage, "*", "*", REASON_OK);
    stage_at(stage, 2000);
}

/* A firewall's word on one port may be meant for the prober alone. */
static void unreachable_while_a_neighbour_answers(void **state)
{
    (void)state;
    struct stage stage;
    begin_well(&stage);
    uint32_t smtp = probe_at(&stage, 25), imap = probe_at(&stage, 143);
    const struct verdict *verdict = core_verdict(stage.core, smtp);
    stage_outcome(&stage, "mx1.example.test", "smtp", REASON_UNREACHABLE);
    assert_int_equal(stage.probes[imap].hurried, 1);
    assert_int_equal(verdict->status, VERDICT_UP);
    stage_at(&stage, 2600);
    assert_int_equal(verdict->unheard, REASON_NONE);
    stage_outcome(&stage, "mx1.example.test", "imap", REASON_OK);
    assert_int_equal(verdict->unheard, REASON_PROBER_BLOCKED);
    stage_at(&stage, 10000);
    stage_outcome(&stage, "mx1.example.test", "smtp", REASON_UNREACHABLE);
    stage_outcome(&stage, "mx1.example.test", "imap", REASON_OK);
    assert_int_equal(verdict->status, VERDICT_UP);
    assert_int_equal(stage.probes[smtp].hurried, 0);
    stage_free(&stage);
}

/* On a busy host, or seen from a busy machine. */
static void unreachable_while_a_neighbour_is_late(void **state)
{
    (void)state;
    struct stage stage;
    begin_well(&stage);
    uint32_t smtp = probe_at(&stage, 25), imap = probe_at(&stage, 143);
    const struct verdict *verdict = core_verdict(stage.core, smtp);
    stage_outcome(&stage, "mx1.example.test", "smtp", REASON_UNREACHABLE);
    stage_at(&stage, 2400);
    core_late(stage.core, imap, stage.now_ms - 400, stage.now_ms + 2400, stage.now_ms);
    assert_int_equal(core_verdict(stage.core, imap)->status, VERDICT_SUSPECT);
    stage_at(&stage, 4000);
    assert_int_equal(verdict->status, VERDICT_UP);
    stage_outcome(&stage, "mx1.example.test", "imap", REASON_OK);
    assert_int_equal(verdict->status, VERDICT_UP);
    assert_int_equal(verdict->unheard, REASON_PROBER_BLOCKED);
    /* One that never answers is no witness any more when its own probe has ended. */
    stage_at(&stage, 10000);
    stage_outcome(&stage, "mx1.example.test", "smtp", REASON_UNREACHABLE);
    stage_at(&stage, 10400);
    core_late(stage.core, imap, stage.now_ms - 400, stage.now_ms + 2100, stage.now_ms);
    stage_at(&stage, 12500);
    assert_int_equal(verdict->status, VERDICT_UP);
    stage_outcome(&stage, "mx1.example.test", "imap", REASON_CONNECT_TIMEOUT);
    stage_at(&stage, 12700);
    assert_int_equal(verdict->status, VERDICT_SUSPECT);
    stage_free(&stage);
}

static void unreachable_as_a_whole(void **state)
{
    (void)state;
    struct stage stage;
    begin_well(&stage);
    uint32_t smtp = probe_at(&stage, 25), imap = probe_at(&stage, 143);
    stage_outcome(&stage, "mx1.example.test", "smtp", REASON_UNREACHABLE);
    stage_outcome(&stage, "mx1.example.test", "imap", REASON_UNREACHABLE);
    assert_int_equal(core_verdict(stage.core, smtp)->status, VERDICT_SUSPECT);
    assert_int_equal(core_verdict(stage.core, imap)->status, VERDICT_SUSPECT);
    assert_int_equal(stage.probes[smtp].hurried, 1);
    stage_outcome(&stage, "mx1.example.test", "smtp", REASON_UNREACHABLE);
    stage_outcome(&stage, "mx1.example.test", "imap", REASON_UNREACHABLE);
    assert_int_equal(core_verdict(stage.core, smtp)->status, VERDICT_DOWN);
    assert_int_equal(core_verdict(stage.core, imap)->status, VERDICT_DOWN);
    stage_free(&stage);
}

static void unreachable_while_neighbours_are_silent(void **state)
{
    (void)state;
    struct stage stage;
    begin_well(&stage);
    uint32_t smtp = probe_at(&stage, 25);
    const struct verdict *verdict = core_verdict(stage.core, smtp);
    stage_outcome(&stage, "mx1.example.test", "smtp", REASON_UNREACHABLE);
    stage_at(&stage, 5900);
    assert_int_equal(verdict->status, VERDICT_UP);
    stage_at(&stage, 6100);
    assert_int_equal(verdict->status, VERDICT_SUSPECT);
    assert_int_equal(stage.probes[smtp].hurried, 1);
    stage_outcome(&stage, "mx1.example.test", "smtp", REASON_UNREACHABLE);
    assert_int_equal(verdict->status, VERDICT_DOWN);
    /* Where there are none, nothing is waited for. */
    stage_outcome(&stage, "mx2.example.test", "smtp", REASON_UNREACHABLE);
    stage_outcome(&stage, "mx2.example.test", "smtp", REASON_UNREACHABLE);
    assert_int_equal(core_verdict(stage.core, probe_of(&stage, "mx2.example.test"))->status,
                     VERDICT_DOWN);
    stage_free(&stage);
}

/* A probe of port 25 has ended by itself; that of port 143 was connected then. */
static void end_silent(struct stage *stage, enum reason reason, int64_t reached_ms)
{
    struct outcome outcome = {.reason = reason, .confirmed = true, .rtt_us = 1500000};
    stage->probes[probe_at(stage, 143)].reached_ms = stage->start_ms + reached_ms;
    core_outcome(stage->core, probe_at(stage, 25), &outcome, stage->now_ms);
}

/* Its greeting may take its time: that its connection stands shows that only one port is silent. */
static void a_connection_that_stands_is_an_answer(void **state)
{
    (void)state;
    static const enum reason reasons[] = {REASON_UNREACHABLE, REASON_CONNECT_TIMEOUT};
    for (unsigned i = 0; i < 2; i++) {
        for (int64_t reached_ms = 2900; reached_ms <= 3100; reached_ms += 200) {
            struct stage stage;
            begin_well(&stage);
            const struct verdict *verdict = core_verdict(stage.core, probe_at(&stage, 25));
            stage_at(&stage, 4500);
            end_silent(&stage, reasons[i], reached_ms);
            if (reasons[i] == REASON_CONNECT_TIMEOUT) /* once it has had its time */
                stage_at(&stage, 9000);
            bool blocked = reached_ms >= 3000;
            assert_int_equal(verdict->unheard, blocked ? REASON_PROBER_BLOCKED : REASON_NONE);
            stage_free(&stage);
        }
    }
}

/* Kernels take connections for processes that hang, until their queues are full. So a port that
 * takes one is waited for until it greets. */
static void a_full_queue_beside_one_that_hangs(void **state)
{
    (void)state;
    static const struct {
        enum reason imap;
        enum verdict_status smtp;
        enum reason unheard;
    } rows[] = {
        {REASON_OK, VERDICT_UP, REASON_PROBER_BLOCKED},
        {REASON_GREETING_4XX, VERDICT_UP, REASON_PROBER_BLOCKED},
        {REASON_GREETING_TIMEOUT, VERDICT_DOWN, REASON_NONE},
        {REASON_CONNECT_TIMEOUT, VERDICT_DOWN, REASON_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct stage stage;
        begin_well(&stage);
        const struct verdict *verdict = core_verdict(stage.core, probe_at(&stage, 25));
        stage_at(&stage, 4500);
        end_silent(&stage, REASON_CONNECT_TIMEOUT, 3500);
        stage_at(&stage, 5500);
        assert_int_equal(verdict->status, VERDICT_UP);
        assert_int_equal(verdict->unheard, REASON_NONE);
        stage.probes[probe_at(&stage, 143)].reached_ms = 0;
        stage_outcome(&stage, "mx1.example.test", "imap", rows[i].imap);
        stage_at(&stage, 6000);
        assert_int_equal(verdict->status, rows[i].smtp);
        assert_int_equal(verdict->unheard, rows[i].unheard);
        stage_free(&stage);
    }
}

/* It hung while the other one was well: that is not why this one is silent now. */
static void a_neighbour_that_has_hung_before_is_reached(void **state)
{
    (void)state;
    struct stage stage;
    begin_well(&stage);
    const struct verdict *verdict = core_verdict(stage.core, probe_at(&stage, 25));
    for (unsigned i = 0; i < 2; i++)
        stage_outcome(&stage, "mx1.example.test", "imap", REASON_GREETING_TIMEOUT);
    stage_at(&stage, 30000);
    stage_outcome(&stage, "mx1.example.test", "smtp", REASON_OK);
    stage_at(&stage, 32000);
    end_silent(&stage, REASON_CONNECT_TIMEOUT, 31000);
    assert_int_equal(core_verdict(stage.core, probe_at(&stage, 143))->status, VERDICT_DOWN);
    assert_int_equal(verdict->status, VERDICT_UP);
    assert_int_equal(verdict->unheard, REASON_PROBER_BLOCKED);
    stage_free(&stage);
}

/* A port that answered while another one was silent shows that only the prober is blocked there.
 * Its probe may end later than that: the host died before it said goodbye. */
static void a_goodbye_that_never_came_is_no_answer(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct stage stage;
        stage_init(&stage, true);
        stage_zone(&stage, "example.test",
                   ZONE_HEAD TWO_HOSTS "_imap._tcp SRV 0 1 143 imap\nimap A 127.0.0.11\n");
        stage_config(&stage, "server: {uplink-guard: off}\n");
        stage_load(&stage);
        stage_at(&stage, 1000);
        stage_outcome(&stage, "*", "*", REASON_OK);
        stage_at(&stage, 4000);
        uint32_t smtp = probe_of(&stage, "mx1.example.test");
        uint32_t imap = probe_of(&stage, "imap.example.test");
        struct outcome outcome = {.reason = REASON_OK, .rtt_us = 1000, .quiet_ms = i ? 1000 : 0};
        core_outcome(stage.core, imap, &outcome, stage.now_ms);
        stage_at(&stage, 4600);
        outcome = (struct outcome){
            .reason = REASON_CONNECT_TIMEOUT, .confirmed = true, .rtt_us = 1500000};
        core_outcome(stage.core, smtp, &outcome, stage.now_ms);
        const struct verdict *verdict = core_verdict(stage.core, smtp);
        assert_int_equal(verdict->status, i ? VERDICT_DOWN : VERDICT_UP);
        assert_int_equal(verdict->unheard, i ? REASON_NONE : REASON_PROBER_BLOCKED);
        stage_free(&stage);
    }
}

static void count_blind(const struct stage *stage, unsigned *told, unsigned *ended)
{
    struct engine_events events = {.arena = arena_new()};
    *told = *ended = 0;
    core_events(stage->core, 0, &events);
    for (size_t i = 0; i < events.count; i++) {
        *told += strcmp(events.list[i].kind, "blind") == 0;
        *ended += strcmp(events.list[i].kind, "blind-over") == 0;
    }
    arena_free(events.arena);
}

/* Our own fault leaves all verdicts, and is told when it lasts. */
static void tells_of_own_faults_that_last(void **state)
{
    (void)state;
    static const struct {
        int64_t at_ms;
        const char *host;
        enum reason reason;
        unsigned told, ended;
    } rows[] = {
        {1000, "*", REASON_OK, 0, 0},
        {2000, "*", REASON_LOCAL, 0, 0},
        {11000, "*", REASON_LOCAL, 0, 0},
        {12000, "*", REASON_OK, 0, 0}, /* not for 10 s */
        {14000, "*", REASON_LOCAL, 0, 0},
        {20000, "mx1.example.test", REASON_OK, 0, 0},
        {26000, "mx2.example.test", REASON_LOCAL, 1, 0},
        {60000, "*", REASON_LOCAL, 1, 0}, /* once */
        {70000, "*", REASON_OK, 1, 0},
        {72000, "*", REASON_OK, 1, 1},
        {74000, "*", REASON_LATE, 1, 1},
        {90000, "*", REASON_LATE, 1, 1}, /* that is the watchdog's */
    };
    struct stage stage;
    unsigned told, ended;
    begin(&stage, ZONE_HEAD TWO_HOSTS);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        stage_at(&stage, rows[i].at_ms);
        stage_outcome(&stage, rows[i].host, "*", rows[i].reason);
        count_blind(&stage, &told, &ended);
        if (told != rows[i].told || ended != rows[i].ended)
            fail_msg("row %zu: told %u times, ended %u times", i, told, ended);
    }
    stage_free(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_queue_is_no_ban),
        cmocka_unit_test(work_of_a_death_is_that_of_its_pools),
        cmocka_unit_test(reloads_do_not_grow),
        cmocka_unit_test(reload_of_the_same_changes_nothing),
        cmocka_unit_test(status_tells_all),
        cmocka_unit_test(explains_how),
        cmocka_unit_test(explains_templates),
        cmocka_unit_test(explains_names_that_grow),
        cmocka_unit_test(explains_by_which_target),
        cmocka_unit_test(force_errors_name_near_hosts),
        cmocka_unit_test(force_holds_for_what_comes_later),
        cmocka_unit_test(later_force_wins_where_hosts_share),
        cmocka_unit_test(unprobed_stands_as_it_is),
        cmocka_unit_test(many_addresses_of_an_external_host),
        cmocka_unit_test(same_address_twice_is_one_target),
        cmocka_unit_test(undelivered_is_drained),
        cmocka_unit_test(drain_ends_with_round_trips),
        cmocka_unit_test(round_trips_keep_to_themselves),
        cmocka_unit_test(targets_at_one_address),
        cmocka_unit_test(unreachable_while_a_neighbour_answers),
        cmocka_unit_test(unreachable_while_a_neighbour_is_late),
        cmocka_unit_test(unreachable_as_a_whole),
        cmocka_unit_test(unreachable_while_neighbours_are_silent),
        cmocka_unit_test(a_connection_that_stands_is_an_answer),
        cmocka_unit_test(a_full_queue_beside_one_that_hangs),
        cmocka_unit_test(a_neighbour_that_has_hung_before_is_reached),
        cmocka_unit_test(a_goodbye_that_never_came_is_no_answer),
        cmocka_unit_test(tells_of_own_faults_that_last),
    };
    return cmocka_run_group_tests(tests, quiet, NULL);
}
