/* SPDX-License-Identifier: BSD-2-Clause */
/* What follows from zones and configuration: hosts, targets, services, pools. */
#include "fixture.h"

#define HEAD                                                                                       \
    "$ORIGIN example.test.\n$TTL 60\n"                                                             \
    "@ SOA ns.example. h.example. 1 2 3 4 5\n@ NS ns.example.\n"

#define MAIL                                                                                       \
    HEAD "@ MX 10 mx1\n@ MX 20 mx2\n"                                                              \
         "mx1 A 192.0.2.1\nmx1 AAAA 2001:db8::1\nmx2 A 192.0.2.2\n"                                \
         "_imap._tcp SRV 0 1 143 imap\n"                                                           \
         "imap A 192.0.2.1\nimap A 192.0.2.2\n"

/* ---- what stands in the model, as text ---- */

static const struct host *find_host(const struct fixture *fixture, const char *name)
{
    for (size_t i = 0; i < fixture->model->nhosts; i++)
        if (strcmp(fixture->model->hosts[i].name, name) == 0)
            return &fixture->model->hosts[i];
    return NULL;
}

static const struct pool *find_pool(const struct fixture *fixture, const char *name)
{
    for (size_t i = 0; i < fixture->model->npools; i++)
        if (strcmp(fixture->model->pools[i].name, name) == 0)
            return &fixture->model->pools[i];
    return NULL;
}

static const struct member *find_member(const struct fixture *fixture, const char *pool,
                                        const char *label)
{
    const struct pool *found = find_pool(fixture, pool);
    assert_non_null(found);
    for (size_t i = 0; i < found->nmembers; i++)
        if (strcmp(found->members[i].label, label) == 0)
            return &found->members[i];
    return NULL;
}

/* "smtp 192.0.2.1@25 192.0.2.2@25" */
static void describe_service(const struct model *model, uint32_t number, char *text)
{
    const struct service *service = &model->services[number];
    char endpoint[ADDRESS_TEXT_SIZE];
    text += sprintf(text, "%s", model->checks[service->check].name);
    if (service->ntargets == 0)
        text += sprintf(text, " %s?%u", model->hosts[service->host].name, service->port);
    for (size_t i = 0; i < service->ntargets; i++) {
        const struct target *target = &model->targets[service->targets[i]];
        assert_int_equal(target->check, service->check);
        assert_int_equal(target->port, service->port);
        endpoint_format(&target->address, target->port, endpoint);
        text += sprintf(text, " %s", endpoint);
    }
}

/* All that a member must give: services joined by "; ". */
static void check_services(const struct fixture *fixture, const char *pool, const char *label,
                           const char *expected)
{
    char text[2000] = "";
    const struct member *member = find_member(fixture, pool, label);
    assert_non_null(member);
    for (size_t i = 0; i < member->nservices; i++) {
        strcat(text, i > 0 ? "; " : "");
        describe_service(fixture->model, member->services[i], text + strlen(text));
    }
    assert_string_equal(text, expected);
}

/* The model of one zone and a configuration, with what must be told. */
#define build(fixture, yaml, zone, ...)                                                            \
    build_expecting(fixture, yaml, zone, (const char *const[]){__VA_ARGS__})

static bool build_expecting(struct fixture *fixture, const char *yaml, const char *zone,
                            const char *const *expected)
{
    fixture_configure(fixture, yaml);
    fixture_write(fixture, "example.test.zone", zone);
    fixture_add(fixture, "example.test.zone");
    bool built = fixture_build(fixture, true);
    fixture_expect(fixture, expected);
    return built;
}

/* ---- what is derived ---- */

static void test_mx(void **state)
{
    struct fixture *fixture = *state;
    assert_true(build(fixture, NULL, MAIL, NULL));
    const struct pool *pool = find_pool(fixture, "example.test MX");
    assert_int_equal(pool->rrtype, RRTYPE_MX);
    assert_int_equal(pool->nmembers, 2);
    assert_int_equal(pool->nowners, 1);
    assert_int_equal(pool->policy.ttl_s, 10);
    assert_int_equal(pool->policy.when_all_down, ALL_DOWN_SERVE_ALL);
    assert_int_equal(pool->policy.on_down, ON_DOWN_REMOVE);
    assert_int_equal(pool->policy.mx_weighting, MX_WEIGHTING_OFF);
    assert_int_equal(pool->policy.ntiers, 1);
    assert_string_equal(pool->members[0].label, "mx1.example.test");
    assert_memory_equal(pool->members[0].record.bytes, "\0\012\3mx1\7example\4test", 20);
    assert_int_equal(pool->members[0].weight, 1);
    assert_false(pool->members[0].weight_set);
    assert_int_equal(pool->members[0].tier, 0);
    /* Each A and AAAA of the exchange, port 25: any of them will do. */
    check_services(fixture, "example.test MX", "mx1.example.test",
                   "smtp 192.0.2.1@25 [2001:db8::1]@25");
    check_services(fixture, "example.test MX", "mx2.example.test", "smtp 192.0.2.2@25");
    const struct rrset *rrset = fixture_rrset(fixture, "example.test", "MX");
    assert_int_equal(rrset->rrtype, RRTYPE_MX);
    assert_ptr_equal(&fixture->model->pools[fixture_pool(fixture, "example.test", "MX")], pool);
    const struct host *host = find_host(fixture, "mx1.example.test");
    assert_false(host->external);
    assert_int_equal(host->naddresses, 2);
    assert_int_equal(host->addresses[0].family, 4);
    assert_int_equal(host->addresses[1].family, 6);
}

static void test_srv(void **state)
{
    struct fixture *fixture = *state;
    /* RFC 6186, RFC 8314; the record's port holds. */
    assert_true(build(fixture, NULL,
                      HEAD "_IMAPS._tcp SRV 0 1 1993 h\n"
                           "_imap._TCP SRV 0 1 1143 h\n"
                           "_submission._tcp SRV 0 1 1587 h\n"
                           "_submissions._tcp SRV 0 1 1465 h\n"
                           "_pop3s._tcp SRV 0 1 1995 h\n"
                           "_pop3._tcp.sub SRV 0 1 1110 h\n"
                           "_sip._tcp SRV 0 1 5060 h\n"
                           "_imap._udp SRV 0 1 143 h\n"
                           "_tcp SRV 0 1 143 h\n"
                           "h A 192.0.2.1\n",
                      NULL));
    check_services(fixture, "_IMAPS._tcp.example.test SRV", "h.example.test",
                   "imaps 192.0.2.1@1993");
    check_services(fixture, "_imap._TCP.example.test SRV", "h.example.test", "imap 192.0.2.1@1143");
    check_services(fixture, "_submission._tcp.example.test SRV", "h.example.test",
                   "submission 192.0.2.1@1587");
    check_services(fixture, "_submissions._tcp.example.test SRV", "h.example.test",
                   "smtps 192.0.2.1@1465");
    check_services(fixture, "_pop3s._tcp.example.test SRV", "h.example.test",
                   "pop3s 192.0.2.1@1995");
    check_services(fixture, "_pop3._tcp.sub.example.test SRV", "h.example.test",
                   "pop3 192.0.2.1@1110");
    assert_int_equal(fixture->model->npools, 7); /* these, and h's A */
    assert_int_equal(fixture_pool(fixture, "_sip._tcp.example.test", "SRV"), MODEL_NONE);
    /* The address must give all that is asked of its name. */
    check_services(fixture, "h.example.test A", "192.0.2.1",
                   "imaps 192.0.2.1@1993; imap 192.0.2.1@1143; submission 192.0.2.1@1587; "
                   "smtps 192.0.2.1@1465; pop3s 192.0.2.1@1995; pop3 192.0.2.1@1110");
}

static void test_addresses(void **state)
{
    struct fixture *fixture = *state;
    build(fixture, NULL, MAIL "other A 192.0.2.1\n@ A 192.0.2.9\n", NULL);
    /* Each single address of a name that is pointed to, by itself. */
    check_services(fixture, "mx1.example.test A", "192.0.2.1", "smtp 192.0.2.1@25");
    check_services(fixture, "mx1.example.test AAAA", "2001:db8::1", "smtp [2001:db8::1]@25");
    check_services(fixture, "imap.example.test A", "192.0.2.1", "imap 192.0.2.1@143");
    check_services(fixture, "imap.example.test A", "192.0.2.2", "imap 192.0.2.2@143");
    check_services(fixture, "_imap._tcp.example.test SRV", "imap.example.test",
                   "imap 192.0.2.1@143 192.0.2.2@143");
    assert_int_equal(fixture_pool(fixture, "other.example.test", "A"), MODEL_NONE);
    assert_int_equal(fixture_pool(fixture, "example.test", "A"), MODEL_NONE);
    assert_int_equal(fixture_pool(fixture, "example.test", "NS"), MODEL_NONE);
    /* smtp on three addresses, imap on two: each probed once. */
    assert_int_equal(fixture->model->ntargets, 5);
    assert_int_equal(fixture->model->nchecks, 2);
}

static void test_shared_targets(void **state)
{
    struct fixture *fixture = *state;
    /* Two names, one address: one target. */
    build(fixture, NULL, HEAD "@ MX 10 a\nsub MX 10 b\na A 192.0.2.1\nb A 192.0.2.1\n", NULL);
    assert_int_equal(fixture->model->ntargets, 1);
    assert_int_equal(fixture->model->nservices, 1);
    /* Unless their settings differ. */
    build(fixture, "hosts:\n  b.example.test: {fall: 7}\n",
          HEAD "@ MX 10 a\nsub MX 10 b\na A 192.0.2.1\nb A 192.0.2.1\n", NULL);
    assert_int_equal(fixture->model->ntargets, 2);
    assert_int_equal(fixture->model->nchecks, 2);
    /* Settings that are the same after all are stored once. */
    build(fixture, "checks:\n  smtp: {fall: 7}\nhosts:\n  b.example.test: {fall: 7}\n",
          HEAD "@ MX 10 a\nsub MX 10 b\na A 192.0.2.1\nb A 192.0.2.1\n", NULL);
    assert_int_equal(fixture->model->ntargets, 1);
    assert_int_equal(fixture->model->nchecks, 1);
    assert_int_equal(fixture->model->checks[0].settings.fall, 7);
}

static void test_never_steered(void **state)
{
    struct fixture *fixture = *state;
    build(fixture, NULL,
          HEAD "@ MX 0 .\n"                          /* RFC 7505 */
               "_imap._tcp SRV 0 0 0 .\n"            /* RFC 2782 */
               "sub NS mx.sub\nmx.sub A 192.0.2.1\n" /* glue */
               "alias CNAME mx.example.\n",
          NULL);
    assert_int_equal(fixture->model->npools, 0);
    assert_int_equal(fixture->model->nhosts, 0);
}

static void test_at_and_below_cuts(void **state)
{
    struct fixture *fixture = *state;
    build(fixture, NULL,
          HEAD "@ MX 10 mx.sub\nsub NS ns.sub\nns.sub A 192.0.2.1\nmx.sub A 192.0.2.2\n"
               "sub MX 10 mx.sub\nx.sub MX 10 mx.sub\n",
          "example.test.zone:9: warning: sub.example.test MX is never answered",
          "example.test.zone:10: warning: x.sub.example.test MX is never answered", NULL);
    /* Whose addresses are they? The child's: the resolver finds them. */
    assert_true(find_host(fixture, "mx.sub.example.test")->external);
    check_services(fixture, "example.test MX", "mx.sub.example.test",
                   "smtp mx.sub.example.test?25");
    assert_int_equal(fixture->model->npools, 1);
    assert_int_equal(fixture_pool(fixture, "mx.sub.example.test", "A"), MODEL_NONE);
    assert_int_equal(fixture_pool(fixture, "sub.example.test", "MX"), MODEL_NONE);
}

static void test_external(void **state)
{
    struct fixture *fixture = *state;
    build(fixture, NULL,
          HEAD "@ MX 10 MX.Hoster.Example.\n@ MX 20 mx\nmx A 192.0.2.1\n"
               "@ MX 30 away\naway CNAME mx.hoster.example.\n",
          "example.test.zone:5: warning: example.test MX: away.example.test is a CNAME", NULL);
    const struct host *host = find_host(fixture, "mx.hoster.example");
    assert_true(host->external);
    assert_int_equal(host->naddresses, 0);
    assert_memory_equal(host->wire, "\2mx\6hoster\7example", 19);
    check_services(fixture, "example.test MX", "mx.hoster.example", "smtp mx.hoster.example?25");
    assert_true(find_host(fixture, "away.example.test")->external);
    /* Each external host has its own, as their addresses may differ. */
    check_services(fixture, "example.test MX", "away.example.test", "smtp away.example.test?25");
}

static void test_aliases_and_wildcards(void **state)
{
    struct fixture *fixture = *state;
    build(fixture, NULL,
          HEAD "@ MX 10 a\na CNAME b\nb CNAME c\nc A 192.0.2.1\n"
               "x MX 10 w.wild\n*.wild A 192.0.2.2\n"
               "y MX 10 d.moved\nmoved DNAME there\nd.there A 192.0.2.3\n"
               "z MX 10 loop1\nloop1 CNAME loop2\nloop2 CNAME loop1\n"
               "n MX 10 none\n",
          "example.test.zone:5: warning: example.test MX: a.example.test is a CNAME",
          "example.test.zone:11: warning: y.example.test MX: d.moved.example.test is a CNAME",
          "example.test.zone:14: warning: z.example.test MX: loop1.example.test is a CNAME",
          "example.test.zone:17: warning: n.example.test MX: none.example.test has no address",
          NULL);
    check_services(fixture, "example.test MX", "a.example.test", "smtp 192.0.2.1@25");
    check_services(fixture, "c.example.test A", "192.0.2.1", "smtp 192.0.2.1@25");
    check_services(fixture, "x.example.test MX", "w.wild.example.test", "smtp 192.0.2.2@25");
    check_services(fixture, "*.wild.example.test A", "192.0.2.2", "smtp 192.0.2.2@25");
    check_services(fixture, "y.example.test MX", "d.moved.example.test", "smtp 192.0.2.3@25");
    assert_non_null(find_pool(fixture, "d.there.example.test A"));
    /* Nothing to probe: never taken out. */
    check_services(fixture, "z.example.test MX", "loop1.example.test", "");
    check_services(fixture, "n.example.test MX", "none.example.test", "");
    assert_false(find_host(fixture, "none.example.test")->external);
}

static void test_across_zones(void **state)
{
    struct fixture *fixture = *state;
    fixture_configure(fixture, NULL);
    fixture_write(fixture, "customer",
                  "$ORIGIN customer.test.\n@ 60 SOA ns.example. h. 1 2 3 4 5\n"
                  "@ 60 NS ns.example.\n@ 60 MX 10 mx.example.test.\n");
    fixture_write(fixture, "example", HEAD "mx A 192.0.2.1\nsub NS ns.example.\n");
    fixture_write(fixture, "sub",
                  "$ORIGIN sub.example.test.\n@ 60 SOA ns.example. h. 1 2 3 4 5\n"
                  "@ 60 NS ns.example.\n@ 60 MX 10 a\na 60 A 192.0.2.2\n");
    fixture_add(fixture, "customer");
    fixture_add(fixture, "example");
    fixture_add(fixture, "sub");
    assert_true(fixture_build(fixture, true));
    fixture_expect_none(fixture);
    check_services(fixture, "customer.test MX", "mx.example.test", "smtp 192.0.2.1@25");
    assert_non_null(find_pool(fixture, "mx.example.test A"));
    /* Below a delegation, but that zone is ours too. */
    assert_false(find_host(fixture, "a.sub.example.test")->external);
    check_services(fixture, "sub.example.test MX", "a.sub.example.test", "smtp 192.0.2.2@25");
}

static void test_failed_zone(void **state)
{
    struct fixture *fixture = *state;
    fixture_configure(fixture, "hosts:\n  mx.broken.test: {weight: 2}\n"
                               "policies:\n"
                               "  - {match: \"broken.test MX\", ttl: 5s}\n"
                               "  - {match: \"example.test MX\", tiers: [[mx.broken.test], "
                               "[imap.broken.test]]}\n");
    fixture_write(fixture, "broken.test.zone", "$ORIGIN broken.test.\nx\n");
    fixture_write(fixture, "example.test.zone", HEAD "@ MX 10 mx.broken.test.\n");
    fixture_add(fixture, "broken.test.zone");
    fixture_add(fixture, "example.test.zone");
    /* Names that may stand in the broken file are no errors: a bad zone does not stop the others.
     */
    assert_true(fixture_build(fixture, false));
    fixture_expect_all(
        fixture, "broken.test.zone:2: error: the record type is missing",
        "example.test.zone:5: warning: example.test MX: mx.broken.test is in a zone that could not "
        "be read",
        "evermx.yaml:4:5: warning: policies: no MX, SRV, A or AAAA records of mail hosts match "
        "broken.test, or a policy before this one has them all (some zones could not be read)",
        "evermx.yaml:5:");
    assert_false(find_host(fixture, "mx.broken.test")->external);
    check_services(fixture, "example.test MX", "mx.broken.test", "");
}

static void test_probing_off(void **state)
{
    struct fixture *fixture = *state;
    build(fixture,
          "server: {probing: off}\nhosts:\n  mx1.example.test: {weight: 3, checks: [smtp]}\n", MAIL,
          NULL);
    assert_int_equal(fixture->model->ntargets, 0);
    assert_int_equal(fixture->model->nservices, 0);
    check_services(fixture, "example.test MX", "mx1.example.test", "");
    check_services(fixture, "imap.example.test A", "192.0.2.1", "");
    assert_int_equal(find_member(fixture, "example.test MX", "mx1.example.test")->weight, 3);
    /* The zones are served as they stand in the files: with their TTLs. */
    assert_int_equal(find_pool(fixture, "example.test MX")->policy.ttl_s, 60);
}

/* ---- hosts ---- */

static void test_host_checks(void **state)
{
    struct fixture *fixture = *state;
    static const char yaml[] = "checks:\n"
                               "  relay: {type: smtp, port: 2525}\n"
                               "  web: {type: tcp, port: 443}\n"
                               "hosts:\n"
                               "  mx1.example.test: {checks: [smtp, relay, web]}\n"
                               "  imap.example.test: {checks: [imaps, imap]}\n"
                               "  www.example.test: {checks: [web]}\n"
                               "  mx2.example.test: {checks: []}\n";
    assert_true(build(fixture, yaml, MAIL "www A 192.0.2.9\n", NULL));
    /* MX: those of kind smtp; the addresses: exactly these. */
    check_services(fixture, "example.test MX", "mx1.example.test",
                   "smtp 192.0.2.1@25 [2001:db8::1]@25; relay 192.0.2.1@2525 [2001:db8::1]@2525");
    check_services(fixture, "mx1.example.test A", "192.0.2.1",
                   "smtp 192.0.2.1@25; relay 192.0.2.1@2525; web 192.0.2.1@443");
    check_services(fixture, "example.test MX", "mx2.example.test", "");
    check_services(fixture, "mx2.example.test A", "192.0.2.2", "");
    check_services(fixture, "_imap._tcp.example.test SRV", "imap.example.test",
                   "imap 192.0.2.1@143 192.0.2.2@143");
    check_services(fixture, "imap.example.test A", "192.0.2.2",
                   "imaps 192.0.2.2@993; imap 192.0.2.2@143");
    /* A name that nothing points to is steered when it has checks. */
    check_services(fixture, "www.example.test A", "192.0.2.9", "web 192.0.2.9@443");
}

static void test_host_checks_without_the_kind(void **state)
{
    struct fixture *fixture = *state;
    assert_true(build(
        fixture,
        "hosts:\n  mx1.example.test: {checks: [imap]}\n  imap.example.test: {checks: [smtp]}\n",
        MAIL "sub MX 10 mx1\n",
        "evermx.yaml:2:3: warning: hosts: mx1.example.test has no check of kind smtp among its "
        "checks: "
        "it is never taken out of the MX records that name it",
        "evermx.yaml:3:3: warning: hosts: imap.example.test has no check of kind imap", NULL));
    check_services(fixture, "example.test MX", "mx1.example.test", "");
    check_services(fixture, "mx1.example.test A", "192.0.2.1", "imap 192.0.2.1@143");
}

static void test_host_settings(void **state)
{
    struct fixture *fixture = *state;
    build(fixture,
          "checks:\n  smtp: {port: 2525, interval: 7s}\n"
          "hosts:\n  mx2.example.test: {greeting-timeout: 120s, rise: 9, tls: off}\n",
          MAIL, NULL);
    check_services(fixture, "example.test MX", "mx1.example.test",
                   "smtp 192.0.2.1@2525 [2001:db8::1]@2525");
    const struct model *model = fixture->model;
    const struct member *member = find_member(fixture, "example.test MX", "mx2.example.test");
    const struct check_settings *own =
        &model->checks[model->services[member->services[0]].check].settings;
    assert_int_equal(own->greeting_timeout_ms, 120000);
    assert_int_equal(own->rise, 9);
    assert_int_equal(own->tls, CHECK_TLS_OFF);
    assert_int_equal(own->interval_ms, 7000);
    assert_int_equal(own->port, 2525);
    assert_true(own->timeout_ms >= 120000);
    member = find_member(fixture, "example.test MX", "mx1.example.test");
    const struct check_settings *others =
        &model->checks[model->services[member->services[0]].check].settings;
    assert_int_equal(others->tls, CHECK_TLS_OPTIONAL);
    assert_int_not_equal(others->rise, 9);
}

static void test_dangling_names(void **state)
{
    struct fixture *fixture = *state;
    static const char yaml[] =
        "hosts:\n"
        "  mx1.example.test: {weight: 2}\n"
        "  mx9.example.test: {weight: 2}\n"
        "  out.example: {checks: [smtp]}\n"
        "  WWW.example.test: {weight: 5}\n"
        "policies:\n"
        "  - {match: \"example.test MX\", tiers: [[mx1.example.test, mx3.example.test], "
        "[mx2.example.test, imap.example.test]]}\n"
        "  - {match: \"nothing.test MX\", ttl: 5s}\n"
        "  - {match: \"www.example.test A\", ttl: 5s}\n"
        "  - {match: \"example.test\", ttl: 5s}\n";
    assert_false(build(
        fixture, yaml, MAIL "www A 192.0.2.9\n",
        "evermx.yaml:3:3: error: hosts: no zone has addresses for mx9.example.test, and no MX or "
        "SRV "
        "record names it",
        "evermx.yaml:4:3: error: hosts: no zone has addresses for out.example",
        "evermx.yaml:7:59: error: policies: tiers: mx3.example.test is in none of the RRsets",
        "evermx.yaml:7:97: error: policies: tiers: imap.example.test is in none of the RRsets",
        "evermx.yaml:8:5: error: policies: no MX, SRV, A or AAAA records of mail hosts match "
        "nothing.test",
        "evermx.yaml:9:5: error: policies: no MX, SRV, A or AAAA records of mail hosts match "
        "www.example.test",
        "evermx.yaml:10:5: error: policies: no MX, SRV, A or AAAA records of mail hosts match "
        "example.test, or a policy before this one has them all",
        NULL));
}

/* ---- weights, and the hosts behind addresses ---- */

static void check_weight(const struct fixture *fixture, const char *pool, const char *label,
                         unsigned weight, bool set)
{
    const struct member *member = find_member(fixture, pool, label);
    assert_int_equal(member->weight, weight);
    assert_int_equal(member->weight_set, set);
}

static void check_host(const struct fixture *fixture, const char *pool, const char *label,
                       const char *host)
{
    const struct member *member = find_member(fixture, pool, label);
    assert_string_equal(fixture->model->hosts[member->host].name, host);
}

static void test_weights(void **state)
{
    struct fixture *fixture = *state;
    static const char zone[] = HEAD "@ MX 10 mx1\n@ MX 10 mx2\n@ MX 10 mx3\n"
                                    "mx1 A 192.0.2.1\nmx2 A 192.0.2.2\nmx3 A 192.0.2.3\n"
                                    "_imap._tcp SRV 0 1 143 imap\n"
                                    "imap A 192.0.2.1\nimap A 192.0.2.2\nimap A 192.0.2.3\n"
                                    "_imaps._tcp SRV 0 7 993 mx1\n_imaps._tcp SRV 0 0 993 mx3\n"
                                    "_pop3._tcp SRV 0 0 110 mx3\n_pop3._tcp SRV 0 0 110 pop\n"
                                    "pop A 192.0.2.1\npop A 192.0.2.4\n";
    build(fixture,
          "hosts:\n  mx1.example.test: {weight: 3}\n  mx2.example.test: {weight: 0}\n"
          "  pop.example.test: {weight: 9}\n",
          zone, NULL);
    check_weight(fixture, "example.test MX", "mx1.example.test", 3, true);
    check_weight(fixture, "example.test MX", "mx2.example.test", 0, true);
    check_weight(fixture, "example.test MX", "mx3.example.test", 1, false);
    /* A shared name follows the hosts whose addresses it has; .1 is pop's too, who says 9. */
    check_weight(fixture, "imap.example.test A", "192.0.2.1", 1, false);
    check_weight(fixture, "imap.example.test A", "192.0.2.2", 0, true);
    check_weight(fixture, "imap.example.test A", "192.0.2.3", 1, false);
    check_weight(fixture, "mx1.example.test A", "192.0.2.1", 3, true);
    /* The name's own weight goes first. */
    check_weight(fixture, "pop.example.test A", "192.0.2.1", 9, true);
    check_weight(fixture, "pop.example.test A", "192.0.2.4", 9, true);
    /* SRV: the host's, else the record's; when no record weighs, all are equal. */
    check_weight(fixture, "_imaps._tcp.example.test SRV", "mx1.example.test", 3, true);
    check_weight(fixture, "_imaps._tcp.example.test SRV", "mx3.example.test", 0, false);
    check_weight(fixture, "_imap._tcp.example.test SRV", "imap.example.test", 1, false);
    check_weight(fixture, "_pop3._tcp.example.test SRV", "mx3.example.test", 0, false);
    build(fixture, NULL, zone, NULL);
    check_weight(fixture, "_pop3._tcp.example.test SRV", "mx3.example.test", 1, false);
    check_weight(fixture, "_imaps._tcp.example.test SRV", "mx1.example.test", 7, false);
    check_weight(fixture, "_imaps._tcp.example.test SRV", "mx3.example.test", 0, false);
}

static void test_hosts_behind_addresses(void **state)
{
    struct fixture *fixture = *state;
    static const char zone[] =
        HEAD "@ MX 10 mx1\n@ MX 10 mx2\n"
             "mx1 A 192.0.2.1\nmx1 AAAA 2001:db8::1\nmx2 A 192.0.2.2\nmx2 A 192.0.2.3\n"
             "_imap._tcp SRV 0 1 143 imap\n_imap._tcp SRV 0 1 143 one\n"
             "imap A 192.0.2.1\nimap A 192.0.2.2\nimap A 192.0.2.4\n"
             "imap AAAA 2001:db8::1\nimap AAAA 2001:db8::2\n"
             "one A 192.0.2.1\n"
             "four A 192.0.2.4\n";
    build(fixture, NULL, zone, NULL);
    check_host(fixture, "example.test MX", "mx1.example.test", "mx1.example.test");
    check_host(fixture, "mx1.example.test A", "192.0.2.1", "mx1.example.test");
    /* .1 is mx1's only IPv4 address: drain mx1 takes it out of imap. */
    check_host(fixture, "imap.example.test A", "192.0.2.1", "mx1.example.test");
    check_host(fixture, "imap.example.test AAAA", "2001:db8::1", "mx1.example.test");
    check_host(fixture, "imap.example.test AAAA", "2001:db8::2", "imap.example.test");
    check_host(fixture, "imap.example.test A", "192.0.2.2", "imap.example.test"); /* mx2 has two */
    check_host(fixture, "imap.example.test A", "192.0.2.4", "imap.example.test");
    check_host(fixture, "mx2.example.test A", "192.0.2.2", "mx2.example.test");
    check_host(fixture, "one.example.test A", "192.0.2.1", "one.example.test"); /* its own name */
    /* A configured host counts, though no MX names it; two hosts of one address do not. */
    build(fixture, "hosts:\n  four.example.test: {weight: 1}\n  one.example.test: {weight: 1}\n",
          zone, NULL);
    check_host(fixture, "imap.example.test A", "192.0.2.4", "four.example.test");
    check_host(fixture, "imap.example.test A", "192.0.2.1", "imap.example.test");
}

/* ---- policies ---- */

static void test_policies(void **state)
{
    struct fixture *fixture = *state;
    static const char yaml[] =
        "policies:\n"
        "  - {match: \"EXAMPLE.test MX\", ttl: 30s, when-all-down: servfail, on-down: demote, "
        "mx-weighting: prefer}\n"
        "  - {match: \"* SRV\", ttl: 7s}\n"
        "  - {match: \"mx1.example.test\", ttl: 8s}\n"
        "  - {match: \"*\", ttl: 9s, when-all-down: last-up}\n";
    build(fixture, yaml, MAIL, NULL);
    const struct policy *policy = &find_pool(fixture, "example.test MX")->policy;
    assert_int_equal(policy->ttl_s, 30);
    assert_int_equal(policy->when_all_down, ALL_DOWN_SERVFAIL);
    assert_int_equal(policy->on_down, ON_DOWN_DEMOTE);
    assert_int_equal(policy->mx_weighting, MX_WEIGHTING_PREFER);
    assert_int_equal(find_pool(fixture, "_imap._tcp.example.test SRV")->policy.ttl_s, 7);
    assert_int_equal(find_pool(fixture, "mx1.example.test A")->policy.ttl_s, 8);
    assert_int_equal(find_pool(fixture, "mx1.example.test AAAA")->policy.ttl_s, 8);
    policy = &find_pool(fixture, "imap.example.test A")->policy;
    assert_int_equal(policy->ttl_s, 9);
    assert_int_equal(policy->when_all_down, ALL_DOWN_LAST_UP);
}

static void test_first_policy_holds(void **state)
{
    struct fixture *fixture = *state;
    build(fixture,
          "policies:\n"
          "  - {match: \"* MX\", ttl: 6s}\n"
          "  - {match: \"example.test\", ttl: 7s}\n",
          MAIL,
          "evermx.yaml:3:5: error: policies: no MX, SRV, A or AAAA records of mail hosts match "
          "example.test, or a policy before this one has them all",
          NULL);
    assert_null(fixture->model);
    build(fixture,
          "policies:\n"
          "  - {match: \"example.test A\", ttl: 9s}\n"
          "  - {match: \"example.test MX\", ttl: 8s}\n"
          "  - {match: \"*\", ttl: 6s}\n",
          HEAD "@ MX 10 @\n@ A 192.0.2.1\n_imap._tcp SRV 0 0 143 @\n", NULL);
    assert_int_equal(find_pool(fixture, "example.test MX")->policy.ttl_s, 8);
    assert_int_equal(find_pool(fixture, "example.test A")->policy.ttl_s, 9);
    assert_int_equal(find_pool(fixture, "_imap._tcp.example.test SRV")->policy.ttl_s, 6);
}

static void test_ttls(void **state)
{
    struct fixture *fixture = *state;
    /* 10 s, or what the zone says when that is less; the policy may say more. */
    build(fixture, "policies:\n  - {match: \"c.example.test MX\", ttl: 1m}\n",
          HEAD "a MX 10 h\nb 3 MX 10 h\nc 3 MX 10 h\n@ 4 TXT x\nh 5 A 192.0.2.1\n",
          "example.test.zone:3: warning: the negative TTL of 5 s (the smaller of the SOA's TTL and "
          "minimum) is above the TTL of 3 s of steered records in example.test",
          NULL);
    assert_int_equal(find_pool(fixture, "a.example.test MX")->policy.ttl_s, 10);
    assert_int_equal(find_pool(fixture, "b.example.test MX")->policy.ttl_s, 3);
    assert_int_equal(find_pool(fixture, "c.example.test MX")->policy.ttl_s, 60);
    assert_int_equal(find_pool(fixture, "h.example.test A")->policy.ttl_s, 5);
}

static void test_tiers(void **state)
{
    struct fixture *fixture = *state;
    static const char zone[] =
        HEAD "@ MX 10 mx1\n@ MX 10 mx2\n@ MX 10 mx3\n"
             "mx1 A 192.0.2.1\nmx2 A 192.0.2.2\nmx3 A 192.0.2.3\n"
             "_imap._tcp SRV 0 1 143 imap\nimap A 192.0.2.1\nimap A 192.0.2.2\nimap A 192.0.2.3\n"
             "imap A 192.0.2.9\n";
    assert_true(
        build(fixture,
              "policies:\n"
              "  - {match: \"example.test MX\", tiers: [[mx1.example.test], [MX3.example.test]]}\n"
              "  - {match: \"imap.example.test A\", tiers: [[mx3.example.test, 192.0.2.9], "
              "[mx1.example.test, mx2.example.test]]}\n",
              zone,
              "evermx.yaml:2:5: warning: policies: mx2.example.test of example.test MX is in no "
              "tier: it is "
              "never answered",
              NULL));
    assert_int_equal(find_pool(fixture, "example.test MX")->policy.ntiers, 2);
    assert_int_equal(find_member(fixture, "example.test MX", "mx1.example.test")->tier, 0);
    assert_int_equal(find_member(fixture, "example.test MX", "mx2.example.test")->tier,
                     TIER_OUTSIDE);
    assert_int_equal(find_member(fixture, "example.test MX", "mx3.example.test")->tier, 1);
    /* An address stands in the tier of its host, or in its own. */
    assert_int_equal(find_member(fixture, "imap.example.test A", "192.0.2.1")->tier, 1);
    assert_int_equal(find_member(fixture, "imap.example.test A", "192.0.2.2")->tier, 1);
    assert_int_equal(find_member(fixture, "imap.example.test A", "192.0.2.3")->tier, 0);
    assert_int_equal(find_member(fixture, "imap.example.test A", "192.0.2.9")->tier, 0);

    assert_false(
        build(fixture,
              "policies:\n  - {match: \"* MX\", tiers: [[mx1.example.test, "
              "mx2.example.test, mx3.example.test]]}\n",
              HEAD "@ MX 10 mx1\n@ MX 10 mx2\n@ MX 10 mx3\nsub MX 10 mx4\n"
                   "mx1 A 192.0.2.1\nmx2 A 192.0.2.2\nmx3 A 192.0.2.3\nmx4 A 192.0.2.4\n",
              "evermx.yaml:2:5: error: policies: none of the hosts of sub.example.test MX is "
              "in a tier: nothing could be answered",
              NULL));
}

/* ---- pools are shared ---- */

static void test_shared_pools(void **state)
{
    struct fixture *fixture = *state;
    fixture_configure(fixture, "policies:\n  - {match: \"d.test MX\", ttl: 4s}\n");
    static const char *const zones[] = {
        "@ MX 10 mx1.example.test.\n@ MX 20 mx2.example.test.\n",
        "@ MX 20 mx2.example.test.\n@ MX 10 mx1.example.test.\n", /* another order */
        "@ MX 10 mx1.example.test.\n@ MX 21 mx2.example.test.\n", /* another preference */
        "@ MX 10 mx1.example.test.\n@ MX 20 mx2.example.test.\n", /* another policy */
        "@ MX 10 mx1.example.test.\n",                            /* one less */
        "@ 4 MX 10 mx1.example.test.\n",                          /* another TTL */
        "@ MX 10 mx1.example.test.\n@ MX 20 mx2.example.test.\n",
    };
    char name[] = "a.test.zone", text[300];
    for (size_t i = 0; i < 7; i++, name[0]++) {
        snprintf(text, sizeof text,
                 "$TTL 60\n@ SOA ns.example. h.example. 1 2 3 4 4\n@ NS ns.example.\n%s", zones[i]);
        fixture_write(fixture, name, text);
        fixture_add(fixture, name);
    }
    fixture_write(fixture, "example.test.zone", HEAD "mx1 A 192.0.2.1\nmx2 A 192.0.2.2\n");
    fixture_add(fixture, "example.test.zone");
    assert_true(fixture_build(fixture, true));
    fixture_expect_none(fixture);
    assert_int_equal(fixture->model->npools, 5 + 2);
    assert_int_equal(find_pool(fixture, "a.test MX")->nowners, 3);
    assert_int_equal(fixture_pool(fixture, "g.test", "MX"), fixture_pool(fixture, "a.test", "MX"));
    assert_int_equal(fixture_pool(fixture, "b.test", "MX"), fixture_pool(fixture, "a.test", "MX"));
    for (const char *other = "cdef"; *other != '\0'; other++) {
        snprintf(text, sizeof text, "%c.test MX", *other);
        assert_int_equal(find_pool(fixture, text)->nowners, 1);
    }
    /* The order is that of the first owner's file. */
    assert_string_equal(find_pool(fixture, "a.test MX")->members[0].label, "mx1.example.test");
}

static void test_same_records_other_services(void **state)
{
    struct fixture *fixture = *state;
    build(fixture, NULL,
          HEAD "_imap._tcp SRV 0 1 143 h\n_imap._tcp.sub SRV 0 1 143 h\n"
               "_pop3._tcp SRV 0 1 143 h\nh A 192.0.2.1\n",
          NULL);
    assert_int_equal(find_pool(fixture, "_imap._tcp.example.test SRV")->nowners, 2);
    assert_int_equal(find_pool(fixture, "_pop3._tcp.example.test SRV")->nowners, 1);
}

static void test_root_zone(void **state)
{
    struct fixture *fixture = *state;
    fixture_zone(fixture, "$ORIGIN .\n$TTL 5\n@ SOA a. h. 1 2 3 4 5\n@ NS a.\na A 192.0.2.1\n"
                          "@ MX 10 a\n");
    assert_string_equal(fixture->model->zones[0].name, ".");
    assert_non_null(find_pool(fixture, ". MX"));
    check_services(fixture, "a A", "192.0.2.1", "smtp 192.0.2.1@25");
}

/* 100,000 names on one pool: one pool, one target for each address; and no time. */
static void test_many_owners(void **state)
{
    struct fixture *fixture = *state;
    const int count = 100000;
    char *text = malloc((size_t)count * 64 + 1000), *end = text + sprintf(text, HEAD);
    for (int i = 0; i < count; i++)
        end += sprintf(end, "d%d MX 10 mx1\nd%d MX 10 w%d.wild\n", i, i, i % 1000);
    strcpy(end, "mx1 A 192.0.2.1\n*.wild A 192.0.2.2\n*.wild A 192.0.2.3\n");
    build(fixture, NULL, text, NULL);
    free(text);
    assert_int_equal(fixture->model->ntargets, 3);
    assert_int_equal(fixture->model->npools, 1000 + 2);
    assert_int_equal(fixture->model->nservices, 4); /* mx1; both; .2; .3 */
    assert_int_equal(find_pool(fixture, "d0.example.test MX")->nowners, 100);
    assert_int_equal(find_member(fixture, "*.wild.example.test A", "192.0.2.2")->nservices, 1);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_mx),
        TEST(test_srv),
        TEST(test_addresses),
        TEST(test_shared_targets),
        TEST(test_never_steered),
        TEST(test_at_and_below_cuts),
        TEST(test_external),
        TEST(test_aliases_and_wildcards),
        TEST(test_across_zones),
        TEST(test_failed_zone),
        TEST(test_probing_off),
        TEST(test_host_checks),
        TEST(test_host_checks_without_the_kind),
        TEST(test_host_settings),
        TEST(test_dangling_names),
        TEST(test_weights),
        TEST(test_hosts_behind_addresses),
        TEST(test_policies),
        TEST(test_first_policy_holds),
        TEST(test_ttls),
        TEST(test_tiers),
        TEST(test_shared_pools),
        TEST(test_same_records_other_services),
        TEST(test_root_zone),
        TEST(test_many_owners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
