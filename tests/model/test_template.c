/* SPDX-License-Identifier: BSD-2-Clause */
/* Templates: zones that stand for each of a list of domains. */
#include "fixture.h"

#include "model/domains.h"
#include "model/lookup.h"
#include "model/template.h"
#include "model/text.h"
#include "model/trace.h"

#include <sys/stat.h>

#define SOA "$TTL 60\n@ SOA ns.hoster.test. h.hoster.test. 1 2 3 4 5\n@ NS ns.hoster.test.\n"

#define HOSTER                                                                                     \
    "$ORIGIN hoster.test.\n" SOA "ns A 192.0.2.9\n@ MX 1 mx1\n@ MX 2 mx2\n"                        \
    "mx1 A 192.0.2.1\nmx2 A 192.0.2.2\n"

/* MX records of the hoster's machines, a host of its own, and all kinds of names. */
#define CUSTOMER                                                                                   \
    SOA "@ MX 1 mx1.hoster.test.\n@ MX 2 mx2.hoster.test.\n"                                       \
        "www CNAME web\nweb A 192.0.2.7\n"                                                         \
        "_imap._tcp SRV 0 1 143 mail\nmail A 192.0.2.3\nmail AAAA 2001:db8::3\n"                   \
        "*.wild MX 5 mail\nold DNAME new\nhost.new A 192.0.2.8\ncut NS ns.cut\nns.cut A "          \
        "192.0.2.4\n"

static const char configuration[] = "zones:\n  - hoster\n  - {file: customer.zone, names: names}\n";

static void write_files(struct fixture *fixture)
{
    fixture_write(fixture, "hoster", HOSTER);
    fixture_write(fixture, "customer.zone", CUSTOMER);
    fixture_write(fixture, "names", "shop1.test\nshop2.test\nsub.shop2.test\n");
}

static void begin(struct fixture *fixture, const char *yaml)
{
    write_files(fixture);
    fixture_configure(fixture, yaml);
    bool built = fixture_build(fixture, true);
    fixture_expect_none(fixture);
    assert_true(built);
}

/* Each expected text is the beginning of a message. */
#define expect_errors(fixture, yaml, ...)                                                          \
    do {                                                                                           \
        fixture_configure((fixture), (yaml));                                                      \
        assert_false(fixture_build((fixture), true));                                              \
        fixture_expect_all((fixture), __VA_ARGS__);                                                \
    } while (0)

static const struct pool *find_pool(const struct fixture *fixture, const char *name)
{
    for (size_t i = 0; i < fixture->model->npools; i++)
        if (strcmp(fixture->model->pools[i].name, name) == 0)
            return &fixture->model->pools[i];
    fail_msg("no pool %s", name);
    return NULL;
}

/* ---- what is derived ---- */

static void test_derivation(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, configuration);
    const struct model *model = fixture->model;
    assert_int_equal(model->nzones, 2);
    assert_int_equal(model->ntemplates, 1);
    const struct zone *zone = &model->zones[model->templates[0]];
    assert_string_equal(zone->name, "@customer.zone");
    assert_int_equal(domains_count(zone->domains), 3);
    /* The template stands behind the hoster's own pool, as any zone with the same MX records. */
    assert_int_equal(fixture_pool(fixture, "shop1.test", "MX"),
                     fixture_pool(fixture, "hoster.test", "MX"));
    assert_int_equal(find_pool(fixture, "hoster.test MX")->nowners, 2);
    const struct pool *imap = find_pool(fixture, "_imap._tcp.@customer.zone SRV");
    assert_string_equal(imap->members[0].label, "mail.@customer.zone");
    const struct host *host = &model->hosts[imap->members[0].host];
    assert_false(host->external);
    assert_int_equal(host->naddresses, 2);
    assert_string_equal(find_pool(fixture, "mail.@customer.zone AAAA")->members[0].label,
                        "2001:db8::3");
    assert_string_equal(find_pool(fixture, "*.wild.@customer.zone MX")->members[0].label,
                        "mail.@customer.zone");
    assert_int_equal(fixture_pool(fixture, "web.shop1.test", "A"), MODEL_NONE);
}

/* A million domains are no more work than three. */
static void test_derivation_does_not_grow(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, configuration);
    size_t npools = fixture->model->npools, ntargets = fixture->model->ntargets,
           bytes = arena_bytes(fixture->model->arena);
    FILE *file = fopen(fixture_path(fixture, "names"), "w");
    for (int i = 0; i < 100000; i++)
        fprintf(file, "shop%d.test\n", i);
    fclose(file);
    fixture_configure(fixture, configuration);
    assert_true(fixture_build(fixture, true));
    assert_int_equal(fixture->model->npools, npools);
    assert_int_equal(fixture->model->ntargets, ntargets);
    assert_int_equal(arena_bytes(fixture->model->arena), bytes);
}

static void test_two_templates(void **state)
{
    struct fixture *fixture = *state;
    write_files(fixture);
    fixture_write(fixture, "more", "other.test\n");
    fixture_configure(fixture, "zones:\n  - hoster\n  - {file: customer.zone, names: names}\n"
                               "  - {file: customer.zone, names: more}\n");
    assert_true(fixture_build(fixture, true));
    fixture_expect_none(fixture);
    const struct model *model = fixture->model;
    assert_int_equal(model->ntemplates, 2);
    assert_string_equal(model->zones[1].name, "@customer.zone");
    assert_string_equal(model->zones[2].name, "@customer.zone#1");
    assert_memory_not_equal(model->zones[1].apex, model->zones[2].apex, TEMPLATE_APEX_SIZE);
    /* Names of their own in the records: not the same pool. */
    assert_int_not_equal(fixture_pool(fixture, "_imap._tcp.shop1.test", "SRV"),
                         fixture_pool(fixture, "_imap._tcp.other.test", "SRV"));
    assert_int_equal(fixture_pool(fixture, "shop1.test", "MX"),
                     fixture_pool(fixture, "other.test", "MX"));
}

/* ---- names below a domain ---- */

static void test_lookup(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, configuration);
    static const struct {
        const char *name, *zone, *node, *lookup;
        size_t apex_size;
    } rows[] = {
        {"shop1.test", "@customer.zone", "@customer.zone", "@customer.zone", 12},
        {"WWW.Shop1.TEST", "@customer.zone", "www.@customer.zone", "www.@customer.zone", 12},
        {"nosuch.shop1.test", "@customer.zone", NULL, NULL, 12},
        {"a.b.wild.shop2.test", "@customer.zone", NULL, "*.wild.@customer.zone", 12},
        {"mail.sub.shop2.test", "@customer.zone", "mail.@customer.zone", "mail.@customer.zone", 16},
        {"sub.shop1.test", "@customer.zone", NULL, NULL, 12},
        {"ns.cut.shop1.test", "@customer.zone", "ns.cut.@customer.zone", NULL, 12},
        {"shop3.test", NULL, NULL, NULL, 0},
        {"test", NULL, NULL, NULL, 0},
        {"xshop1.test", NULL, NULL, NULL, 0},
        {"mx1.hoster.test", "hoster.test", "mx1.hoster.test", "mx1.hoster.test", 13},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t name[NAME_MAX_SIZE];
        char text[ZONE_TEXT_SIZE];
        print_message("    %s\n", rows[i].name);
        name_from_text(rows[i].name, name);
        const struct zone *zone = model_zone(fixture->model, name);
        if (rows[i].zone == NULL) {
            assert_null(zone);
            continue;
        }
        assert_string_equal(zone->name, rows[i].zone);
        assert_int_equal(zone_apex_size(zone, name), rows[i].apex_size);
        const struct node *node = zone_node(fixture->model, zone, name);
        assert_string_equal(node ? zone_name_text(zone, node->name, text) : "",
                            rows[i].node ? rows[i].node : "");
        node = zone_lookup(fixture->model, zone, name);
        assert_string_equal(node ? zone_name_text(zone, node->name, text) : "",
                            rows[i].lookup ? rows[i].lookup : "");
    }
}

/* A domain shorter than the marker: a name below it may not fit behind that, and is in no node. */
static void test_short_domain(void **state)
{
    static const char label[] = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff";
    struct fixture *fixture = *state;
    char text[1000];
    uint8_t name[NAME_MAX_SIZE];
    write_files(fixture);
    fixture_write(fixture, "names", "x\n");
    fixture_configure(fixture, configuration);
    assert_true(fixture_build(fixture, true));
    snprintf(text, sizeof text, "1234567.%s.%s.%s.%s.x", label, label, label, label);
    assert_int_equal(name_from_text(text, name), 255);
    const struct zone *zone = model_zone(fixture->model, name);
    bool exact = true;
    const struct node *encloser = zone_encloser(zone, name, &exact);
    assert_ptr_equal(encloser, zone->nodes[0]);
    assert_false(exact);
    assert_null(zone_node(fixture->model, zone, name));
    assert_non_null(fixture_node(fixture, "web.x"));
}

static void test_resolution(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, configuration);
    static const struct {
        const char *name, *node;
        enum resolution resolution;
        bool alias;
    } rows[] = {
        {"www.shop1.test", "web.@customer.zone", RESOLVED_HERE, true},
        {"host.old.shop1.test", "host.new.@customer.zone", RESOLVED_HERE, true},
        {"x.wild.shop1.test", "*.wild.@customer.zone", RESOLVED_HERE, false},
        {"nosuch.shop1.test", NULL, RESOLVED_NOWHERE, false},
        {"x.cut.shop1.test", NULL, RESOLVED_EXTERNAL, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t name[NAME_MAX_SIZE];
        char text[ZONE_TEXT_SIZE];
        const struct node *node = NULL;
        bool alias;
        name_from_text(rows[i].name, name);
        assert_int_equal(model_resolve(fixture->model, name, &node, &alias), rows[i].resolution);
        assert_int_equal(alias, rows[i].alias);
        if (rows[i].node != NULL)
            assert_string_equal(model_name_text(fixture->model, node->name, text), rows[i].node);
    }
}

/* Ordinary zones have the longer match, and an ordinary zone's records may name what is below a
 * domain. */
static void test_beside_zones(void **state)
{
    struct fixture *fixture = *state;
    write_files(fixture);
    fixture_write(fixture, "below", "$ORIGIN web.shop1.test.\n" SOA "deep A 192.0.2.1\n");
    fixture_write(fixture, "other",
                  "$ORIGIN other.test.\n" SOA "@ MX 1 mail.shop2.test.\n@ MX 2 nosuch.shop1.test.\n"
                  "@ MX 3 www.shop2.test.\n");
    fixture_configure(fixture, "zones:\n  - hoster\n  - {file: customer.zone, names: names}\n"
                               "  - below\n  - other\n");
    assert_true(fixture_build(fixture, true));
    fixture_expect_all(
        fixture, "other:5: warning: other.test MX: nosuch.shop1.test has no address in our zones",
        "other:5: warning: other.test MX: www.shop2.test is a CNAME");
    assert_non_null(fixture_node(fixture, "deep.web.shop1.test"));
    assert_null(fixture_node(fixture, "deep.web.shop2.test"));
    assert_non_null(fixture_node(fixture, "web.shop2.test"));
    const struct pool *pool = find_pool(fixture, "other.test MX");
    assert_string_equal(pool->members[0].label, "mail.shop2.test");
    /* The same address, port and check: one target, whatever it is called. */
    const struct pool *own = find_pool(fixture, "*.wild.@customer.zone MX");
    assert_int_equal(pool->members[0].services[0], own->members[0].services[0]);
}

static void check_trace(const struct fixture *fixture, const char *asked, uint16_t rrtype,
                        enum trace_end end, const char *owner, const char *data)
{
    struct arena *arena = arena_new();
    struct trace trace;
    uint8_t name[NAME_MAX_SIZE];
    char text[NAME_TEXT_SIZE];
    name_from_text(asked, name);
    model_trace(fixture->model, name, rrtype, &trace);
    print_message("    %s\n", asked);
    assert_int_equal(trace.end, end);
    if (owner != NULL) {
        trace_name(&trace, trace.node->name, name);
        assert_string_equal(name_to_text(name, text), owner);
    }
    if (data != NULL) {
        struct rdata record = trace_record(&trace, rrtype, &trace.rrset->records[0], arena);
        assert_string_equal(rdata_text(arena, rrtype, &record), data);
    }
    arena_free(arena);
}

static void test_trace(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, configuration);
    check_trace(fixture, "shop1.test", RRTYPE_MX, TRACE_RRSET, "shop1.test", "1 mx1.hoster.test.");
    check_trace(fixture, "a.wild.Sub.Shop2.test", RRTYPE_MX, TRACE_RRSET, "*.wild.sub.shop2.test",
                "5 mail.sub.shop2.test.");
    check_trace(fixture, "www.shop1.test", RRTYPE_A, TRACE_RRSET, "web.shop1.test", "192.0.2.7");
    check_trace(fixture, "www.shop1.test", RRTYPE_CNAME, TRACE_RRSET, "www.shop1.test",
                "web.shop1.test.");
    check_trace(fixture, "host.old.shop2.test", RRTYPE_A, TRACE_RRSET, "host.new.shop2.test",
                "192.0.2.8");
    check_trace(fixture, "old.shop2.test", RRTYPE_DNAME, TRACE_RRSET, "old.shop2.test",
                "new.shop2.test.");
    check_trace(fixture, "x.cut.shop2.test", RRTYPE_A, TRACE_REFERRAL, "cut.shop2.test", NULL);
    check_trace(fixture, "nosuch.shop1.test", RRTYPE_A, TRACE_NXDOMAIN, NULL, NULL);
    check_trace(fixture, "shop1.test", RRTYPE_DS, TRACE_NODATA, "shop1.test", NULL);
    check_trace(fixture, "sub.shop2.test", RRTYPE_DS, TRACE_NODATA, "sub.shop2.test", NULL);
    check_trace(fixture, "shop3.test", RRTYPE_MX, TRACE_OUTSIDE, NULL, NULL);
    check_trace(fixture, "mail.\\000\\000\\000", RRTYPE_A, TRACE_OUTSIDE, NULL, NULL);
}

/* ---- what is wrong ---- */

static void check_template(struct fixture *fixture, const char *text, const char *expected)
{
    fixture_write(fixture, "customer.zone", text);
    expect_errors(fixture, configuration, expected);
}

static void test_wrong_templates(void **state)
{
    struct fixture *fixture = *state;
    write_files(fixture);
    check_template(fixture, SOA "$ORIGIN example.\nwww A 192.0.2.1\n",
                   "customer.zone:5: error: www.example is not relative: the template stands for "
                   "each of its domains");
    check_template(fixture, "$ORIGIN example.\n" SOA,
                   "customer.zone:3: error: the SOA of a template stands at @, for each of its "
                   "domains: not at example");
    check_template(fixture, "$TTL 60\nsub SOA a. b. 1 2 3 4 5\n@ NS a.\n",
                   "customer.zone:2: error: the SOA of a template stands at @, for each of its "
                   "domains: not at sub.@customer.zone");
    check_template(fixture, SOA "sub DS 1 1 1 00\n",
                   "customer.zone:4: error: sub.@customer.zone DS cannot stand in a template: it "
                   "belongs to the DNSSEC of one zone");
    check_template(fixture, SOA "a CNAME b\na A 192.0.2.1\n",
                   "customer.zone:5: error: a.@customer.zone has a CNAME and other data");
    check_template(fixture, SOA "@ MX 1 a.\\000\\005\\005.\n",
                   "customer.zone:4: error: a name in the record ends as those that belong to "
                   "templates");
    check_template(fixture, "", "customer.zone: error: is empty");
    check_template(fixture, "@ 60 NS a.\n", "customer.zone: error: the zone has no SOA record");
    fixture_write(fixture, "customer.zone", CUSTOMER);
    fixture_write(fixture, "hoster", HOSTER "x MX 1 mail.\\000\\000\\000.\n");
    expect_errors(fixture, configuration, "hoster:10: error: a name in the record ends as those",
                  "customer.zone:4: warning: @customer.zone MX: mx1.hoster.test is in a zone that",
                  "customer.zone:4: warning: @customer.zone MX: mx2.hoster.test is in a zone that");
    fixture_write(fixture, "hoster", "$ORIGIN \\000\\000\\000.\n" SOA);
    expect_errors(fixture, configuration,
                  "hoster:3: error: a name that ends so belongs to templates");
}

static void test_names_of_others(void **state)
{
    struct fixture *fixture = *state;
    write_files(fixture);
    fixture_write(fixture, "names", "shop1.test\nhoster.test\n");
    expect_errors(fixture, configuration,
                  "names:2: error: hoster.test is the zone of hoster as well");
    /* At the start the name is left out, and the zone has it. */
    assert_true(fixture_build(fixture, false));
    assert_string_equal(model_zone(fixture->model, (const uint8_t *)"\6hoster\4test")->name,
                        "hoster.test");
    assert_int_equal(domains_count(fixture->model->zones[1].domains), 1);

    fixture_write(fixture, "names", "shop1.test\n");
    fixture_write(fixture, "more", "a.test\nshop1.test\n");
    expect_errors(fixture,
                  "zones:\n  - hoster\n  - {file: customer.zone, names: names}\n"
                  "  - {file: customer.zone, names: more}\n",
                  "more:2: error: shop1.test is in names as well");
}

static void test_settings_for_domains(void **state)
{
    struct fixture *fixture = *state;
    write_files(fixture);
    expect_errors(fixture,
                  "zones:\n  - hoster\n  - {file: customer.zone, names: names}\n"
                  "hosts:\n  mail.shop1.test: {weight: 3}\n  mx1.hoster.test: {weight: 3}\n"
                  "policies:\n  - {match: \"shop2.test MX\", ttl: 5s}\n"
                  "  - {match: \"* SRV\", ttl: 7s}\n",
                  "evermx.yaml:5:3: error: hosts: mail.shop1.test is of the template customer.zone",
                  "evermx.yaml:8:5: error: policies: shop2.test is of the template customer.zone: "
                  "for templates, policies match by \"*\" only");
    fixture_configure(fixture, "zones:\n  - hoster\n  - {file: customer.zone, names: names}\n"
                               "policies:\n  - {match: \"* SRV\", ttl: 7s}\n");
    assert_true(fixture_build(fixture, true));
    assert_int_equal(find_pool(fixture, "_imap._tcp.@customer.zone SRV")->policy.ttl_s, 7);
}

static void test_failed_template(void **state)
{
    struct fixture *fixture = *state;
    write_files(fixture);
    fixture_write(fixture, "customer.zone", "broken\n");
    fixture_configure(fixture, configuration);
    assert_false(fixture_build(fixture, true));
    assert_true(fixture_build(fixture, false));
    const struct zone *zone = model_zone(fixture->model, (const uint8_t *)"\3www\5shop1\4test");
    assert_true(zone->failed);
    assert_int_equal(domains_count(zone->domains), 3);
    assert_null(zone_node(fixture->model, zone, (const uint8_t *)"\5shop1\4test"));
    check_trace(fixture, "www.shop1.test", RRTYPE_A, TRACE_FAILED, NULL, NULL);
}

/* ---- the next model ---- */

/* In place of the fixture's model; the one before is the caller's. */
static struct model *next_model(struct fixture *fixture, const char *yaml, bool strict)
{
    struct model *before = fixture->model;
    fixture->model = NULL;
    fixture_configure(fixture, yaml);
    files_settle();
    fixture->model = model_build(fixture->config, before, strict, &fixture->diagnostics);
    return before;
}

static struct model *next(struct fixture *fixture, const char *yaml)
{
    return next_model(fixture, yaml, true);
}

static void test_next_model(void **state)
{
    struct fixture *fixture = *state;
    write_files(fixture);
    files_settle();
    begin(fixture, configuration);
    struct model *before = next(fixture, configuration); /* the first read what was too fresh */
    model_free(before);

    before = next(fixture, configuration);
    assert_int_equal(fixture->model->nread, 0);
    assert_ptr_equal(before->zones[1].domains, fixture->model->zones[1].domains);
    assert_ptr_equal(before->zones[1].nodes, fixture->model->zones[1].nodes);
    model_free(before);

    fixture_write(fixture, "names", "shop1.test\nshop4.test\n");
    before = next(fixture, configuration);
    assert_int_equal(fixture->model->nread, 0);
    assert_ptr_not_equal(before->zones[1].domains, fixture->model->zones[1].domains);
    assert_ptr_equal(before->zones[1].nodes, fixture->model->zones[1].nodes);
    assert_non_null(fixture_node(fixture, "web.shop4.test"));
    model_free(before);

    fixture_write(fixture, "customer.zone", CUSTOMER "new A 192.0.2.1\n");
    before = next(fixture, configuration);
    assert_int_equal(fixture->model->nread, 1);
    assert_ptr_equal(before->zones[1].domains, fixture->model->zones[1].domains);
    assert_non_null(fixture_node(fixture, "new.shop4.test"));
    model_free(before);

    /* A template before it takes neither its number nor its name. */
    fixture_write(fixture, "more", "a.test\n");
    before = next(fixture, "zones:\n  - {file: customer.zone, names: more}\n  - hoster\n"
                           "  - {file: customer.zone, names: names}\n");
    fixture_expect_none(fixture);
    assert_int_equal(fixture->model->nread, 1);
    assert_string_equal(fixture->model->zones[2].name, "@customer.zone");
    assert_string_equal(fixture->model->zones[0].name, "@customer.zone#1");
    assert_ptr_equal(before->zones[1].nodes, fixture->model->zones[2].nodes);
    model_free(before);
}

/* Each of the names takes its octets at least. */
static void test_memory_of_lists(void **state)
{
    enum { NAMES = 20000, NAME_SIZE = 16 };
    struct fixture *fixture = *state;
    char *list = malloc(NAMES * NAME_SIZE + 1), *at = list;
    write_files(fixture);
    begin(fixture, configuration);
    size_t few = model_bytes(fixture->model);
    for (int i = 0; i < NAMES; i++)
        at += sprintf(at, "shop%06d.test\n", i);
    fixture_write(fixture, "names", list);
    free(list);
    model_free(next(fixture, configuration));
    assert_true(model_bytes(fixture->model) > few + NAMES * NAME_SIZE);
}

/* What is new must fit what was not read again. */
static void test_next_model_contradicts(void **state)
{
    struct fixture *fixture = *state;
    write_files(fixture);
    files_settle();
    begin(fixture, configuration);
    struct model *before = next(fixture, configuration);
    model_free(before);
    fixture_write(fixture, "new", "$ORIGIN shop2.test.\n" SOA);
    before =
        next(fixture, "zones:\n  - hoster\n  - {file: customer.zone, names: names}\n  - new\n");
    assert_null(fixture->model);
    fixture_expect_all(fixture, "names:2: error: shop2.test is the zone of new as well");
    fixture->model = before;

    char text[3000];
    static const char label[] = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff";
    snprintf(text, sizeof text, CUSTOMER "%s.%s.%s.%.*s A 192.0.2.1\n", label, label, label, 57,
             label);
    fixture_write(fixture, "customer.zone", text); /* 241 octets before the domain */
    before = next(fixture, configuration);
    assert_null(fixture->model);
    fixture_expect_all(fixture, "names:3: error: sub.shop2.test is too long");
    fixture->model = before;
}

/* One list stays, another changes, and a zone changes with it. */
static void test_next_model_of_two_lists(void **state)
{
    static const char two[] = "zones:\n  - hoster\n  - {file: customer.zone, names: names}\n"
                              "  - {file: customer.zone, names: more}\n";
    struct fixture *fixture = *state;
    write_files(fixture);
    fixture_write(fixture, "more", "a.test\n");
    files_settle();
    fixture_configure(fixture, two);
    assert_true(fixture_build(fixture, true));

    fixture_write(fixture, "more", "a.test\nb.test\n");
    fixture_write(fixture, "hoster", HOSTER "new A 192.0.2.1\n");
    struct model *before = next(fixture, two);
    assert_int_equal(fixture->model->nread, 1);
    assert_ptr_equal(before->zones[1].domains, fixture->model->zones[1].domains);
    assert_int_equal(domains_count(fixture->model->zones[2].domains), 2);
    model_free(before);

    fixture_write(fixture, "more", "a.test\nhoster.test\n");
    fixture_write(fixture, "hoster", HOSTER);
    before = next(fixture, two);
    assert_null(fixture->model);
    fixture_expect_all(fixture, "more:2: error: hoster.test is the zone of hoster as well");
    fixture->model = before;
}

/* ---- bad files ---- */

/* The next model, which is built although something is bad. Only that is left. */
static void go_on(struct fixture *fixture, const char *yaml)
{
    struct model *before = next_model(fixture, yaml, false);
    assert_non_null(fixture->model);
    model_free(before);
}

static const struct zone *first_template(const struct fixture *fixture)
{
    return &fixture->model->zones[fixture->model->templates[0]];
}

static void expect_domains(const struct fixture *fixture, bool stale, size_t count, const char *one)
{
    const struct zone *zone = first_template(fixture);
    uint8_t name[NAME_MAX_SIZE];
    assert_int_equal(zone->stale_names, stale);
    assert_int_equal(domains_count(zone->domains), count);
    name_from_text(one, name);
    assert_true(domains_has_name(zone->domains, name));
}

/* The template and its list go on by themselves, each as it was. */
static void test_bad_list_goes_on(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, configuration);
    fixture_write(fixture, "names", "shop1.test\n..\nshop4.test\n");
    fixture_write(fixture, "customer.zone", CUSTOMER "new A 192.0.2.1\n");
    for (int i = 0; i < 2; i++) {
        go_on(fixture, configuration);
        fixture_expect_all(fixture, "names:2: error: '..' is no domain name");
        expect_domains(fixture, true, 3, "shop2.test");
        assert_true(domains_complete(first_template(fixture)->domains));
        assert_false(first_template(fixture)->stale);
        assert_non_null(fixture_node(fixture, "new.shop2.test"));
    }
    unlink(fixture_path(fixture, "names"));
    go_on(fixture, configuration);
    fixture_expect_all(fixture, "names: error: cannot be read: No such file");
    expect_domains(fixture, true, 3, "shop2.test");
    fixture_write(fixture, "names", "shop4.test\n");
    go_on(fixture, configuration);
    fixture_expect_none(fixture);
    expect_domains(fixture, false, 1, "shop4.test");
}

static void test_bad_template_goes_on(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, configuration);
    fixture_write(fixture, "customer.zone", CUSTOMER "bad A bad\n");
    fixture_write(fixture, "names", "shop4.test\n");
    for (int i = 0; i < 2; i++) {
        go_on(fixture, configuration);
        fixture_expect_all(fixture, "customer.zone:16: error: A: \"bad\" is no IPv4 address");
        expect_domains(fixture, false, 1, "shop4.test");
        assert_true(first_template(fixture)->stale);
        assert_string_equal(first_template(fixture)->name, "@customer.zone");
        assert_non_null(fixture_node(fixture, "web.shop4.test"));
    }
    fixture_write(fixture, "customer.zone", CUSTOMER);
    go_on(fixture, configuration);
    fixture_expect_none(fixture);
    assert_false(first_template(fixture)->stale);
}

/* The very file comes back, with its folder: what was read of it holds, and is not read again. */
static void test_folder_comes_back(void **state)
{
    static const char yaml[] = "zones:\n  - hoster\n  - {file: in/customer.zone, names: names}\n"
                               "  - in/own\n";
    struct fixture *fixture = *state;
    char in[4096], out[4096];
    snprintf(in, sizeof in, "%s", fixture_path(fixture, "in"));
    snprintf(out, sizeof out, "%s", fixture_path(fixture, "out"));
    assert_int_equal(mkdir(in, 0755), 0);
    write_files(fixture);
    fixture_write(fixture, "in/customer.zone", CUSTOMER);
    fixture_write(fixture, "in/own", "$ORIGIN own.test.\n" SOA "www A 192.0.2.1\n");
    files_settle();
    fixture_configure(fixture, yaml);
    assert_true(fixture_build(fixture, true));
    assert_int_equal(rename(in, out), 0);
    for (int i = 0; i < 2; i++) {
        go_on(fixture, yaml);
        fixture_expect_all(fixture, "in/customer.zone: error: cannot be read: No such file",
                           "in/own: error: cannot be read: No such file");
        assert_int_equal(fixture->model->nread, 2);
        assert_true(first_template(fixture)->stale);
        assert_non_null(fixture_node(fixture, "web.shop2.test"));
    }
    assert_int_equal(rename(out, in), 0);
    for (int i = 0; i < 3; i++) {
        go_on(fixture, yaml);
        fixture_expect_none(fixture);
        assert_int_equal(fixture->model->nread, 0);
        assert_false(first_template(fixture)->stale);
        assert_non_null(strstr(first_template(fixture)->names, "/names"));
        assert_non_null(fixture_node(fixture, "www.own.test"));
    }
}

/* Domains of before that would be too long with the template's new names: it stays as it was, too.
 */
static void test_list_does_not_fit(void **state)
{
    static const char label[] = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff";
    struct fixture *fixture = *state;
    char text[3000];
    begin(fixture, configuration);
    snprintf(text, sizeof text, CUSTOMER "%s.%s.%s.%.*s A 192.0.2.1\n", label, label, label, 57,
             label);
    fixture_write(fixture, "customer.zone", text);
    for (int i = 0; i < 2; i++) {
        go_on(fixture, configuration);
        fixture_expect_all(fixture, "names:3: error: sub.shop2.test is too long");
        expect_domains(fixture, true, 3, "sub.shop2.test");
        assert_true(first_template(fixture)->stale);
        assert_non_null(fixture_node(fixture, "web.sub.shop2.test"));
    }
    fixture_write(fixture, "names", "shop2.test\n");
    go_on(fixture, configuration);
    fixture_expect_none(fixture);
    expect_domains(fixture, false, 1, "shop2.test");
    assert_false(first_template(fixture)->stale);
}

/* A zone of its own has its name, whether the list says so or could not be read. */
static void test_list_gives_way_to_zone(void **state)
{
    static const char with_zone[] =
        "zones:\n  - hoster\n  - {file: customer.zone, names: names}\n  - new\n";
    struct fixture *fixture = *state;
    write_files(fixture);
    files_settle();
    fixture_configure(fixture, configuration);
    assert_true(fixture_build(fixture, true));
    fixture_write(fixture, "new", "$ORIGIN shop2.test.\n" SOA "own A 192.0.2.1\n");
    files_settle();
    for (size_t i = 0; i < 2; i++) {
        if (i > 0)
            fixture_write(fixture, "names", "shop1.test\n..\n");
        for (int again = 0; again < 2; again++) {
            go_on(fixture, with_zone);
            fixture_expect_all(fixture,
                               i == 0 ? "names:2: error: shop2.test is the zone of new as well"
                                      : "names:2: error: '..' is no domain name");
            expect_domains(fixture, true, 2, "sub.shop2.test");
            assert_non_null(fixture_node(fixture, "own.shop2.test"));
            assert_non_null(fixture_node(fixture, "web.sub.shop2.test"));
        }
    }
    fixture_write(fixture, "names", "shop1.test\n");
    go_on(fixture, with_zone);
    fixture_expect_none(fixture);
    expect_domains(fixture, false, 1, "shop1.test");
}

/* Of two lists, a bad one keeps its names: also one that the other would like to have. */
static void test_name_stays_in_bad_list(void **state)
{
    static const char two[] = "zones:\n  - hoster\n  - {file: customer.zone, names: %s}\n"
                              "  - {file: customer.zone, names: %s}\n";
    struct fixture *fixture = *state;
    char yaml[300];
    for (int turn = 0; turn < 2; turn++) {
        write_files(fixture);
        fixture_write(fixture, "more", "a.test\n");
        snprintf(yaml, sizeof yaml, two, turn ? "more" : "names", turn ? "names" : "more");
        fixture_configure(fixture, yaml);
        assert_true(fixture_build(fixture, true));
        fixture_write(fixture, "names", "shop1.test\n..\n");
        fixture_write(fixture, "more", "a.test\nshop2.test\n");
        go_on(fixture, yaml);
        uint8_t name[NAME_MAX_SIZE];
        name_from_text("shop2.test", name);
        size_t holders = 0;
        for (size_t i = 0; i < 2; i++)
            holders +=
                domains_has_name(fixture->model->zones[fixture->model->templates[i]].domains, name);
        assert_int_equal(holders, 1);
        assert_non_null(fixture_node(fixture, "web.shop2.test"));
        assert_non_null(fixture_node(fixture, "web.sub.shop2.test"));
    }
}

/* Of a list that was bad from the start, what is served goes on; but nothing is no state to keep.
 */
static void test_list_was_bad_before(void **state)
{
    struct fixture *fixture = *state;
    write_files(fixture);
    unlink(fixture_path(fixture, "names"));
    fixture_configure(fixture, configuration);
    assert_true(fixture_build(fixture, false));
    fixture_write(fixture, "names", "shop1.test\n..\n");
    go_on(fixture, configuration);
    expect_domains(fixture, false, 1, "shop1.test");
    assert_false(domains_complete(first_template(fixture)->domains));
    fixture_write(fixture, "names", "shop2.test\n..\n");
    go_on(fixture, configuration);
    expect_domains(fixture, true, 1, "shop1.test");
    assert_false(domains_complete(first_template(fixture)->domains));
    fixture_write(fixture, "names", "shop2.test\n");
    go_on(fixture, configuration);
    expect_domains(fixture, false, 1, "shop2.test");
    assert_true(domains_complete(first_template(fixture)->domains));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_derivation),
        TEST(test_derivation_does_not_grow),
        TEST(test_two_templates),
        TEST(test_lookup),
        TEST(test_short_domain),
        TEST(test_resolution),
        TEST(test_beside_zones),
        TEST(test_trace),
        TEST(test_wrong_templates),
        TEST(test_names_of_others),
        TEST(test_settings_for_domains),
        TEST(test_failed_template),
        TEST(test_next_model),
        TEST(test_memory_of_lists),
        TEST(test_next_model_contradicts),
        TEST(test_next_model_of_two_lists),
        TEST(test_bad_list_goes_on),
        TEST(test_bad_template_goes_on),
        TEST(test_folder_comes_back),
        TEST(test_list_does_not_fit),
        TEST(test_list_gives_way_to_zone),
        TEST(test_name_stays_in_bad_list),
        TEST(test_list_was_bad_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
