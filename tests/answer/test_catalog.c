/* SPDX-License-Identifier: BSD-2-Clause */
/* Catalogs made from the one before answer as those made anew do, through a long random life of
 * zones that come, go and change, above and below each other; and what such a step costs. */
#include "answer/catalog.h"
#include "serve/respond.h"
#include "support/fixture.h"
#include "support/place.h"
#include "wire/rrtype.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ZONES = 7, VARIANTS = 4, STEPS = 150 };

/* What a model is made of: for each zone, whether it is there, and which of its variants. */
struct choice {
    bool present[ZONES];
    unsigned variant[ZONES];
};

struct world {
    char folder[FOLDER_SIZE];
    struct choice choice;
    struct config *config;
    struct model *model;
    struct publisher *next, *fresh; /* the catalog made step by step, and the one made anew */
};

#define HEAD "$TTL 300\n@ SOA ns1 h %u 2 3 4 60\n@ NS ns1\nns1 A 192.0.2.53\n"

static const struct {
    const char *apex;
    const char *variants[VARIANTS];
} zones[ZONES] = {
    {"top.test",
     {"@ MX 10 mx.other.test.\nwww A 192.0.2.1\n*.wild A 192.0.2.2\nsub TXT hidden\n",
      "sub NS ns.sub\nns.sub A 192.0.2.3\nsub DS 1 8 2 "
      "0123456789012345678901234567890123456789012345678901234567890123\nx.sub A 192.0.2.4\n",
      "sub DNAME other.test.\nwww CNAME mx.other.test.\n",
      "* TXT star\nsub MX 5 sub\nsub A 192.0.2.5\n"}},
    {"sub.top.test",
     {"@ A 192.0.2.6\ndeep NS ns.deep\nns.deep A 192.0.2.7\n", "www A 192.0.2.8\n",
      "* A 192.0.2.9\n", "deep DNAME top.test.\n"}},
    {"deep.sub.top.test",
     {"@ TXT one\n", "@ TXT two\n", "a.b.c A 192.0.2.10\n", "@ MX 1 @\n@ A 192.0.2.11\n"}},
    {"other.test",
     {"mx A 192.0.2.12\n", "mx A 192.0.2.13\nmx AAAA 2001:db8::1\n", "@ MX 0 .\n",
      "mx CNAME ns1\n"}},
    {"shop.test",
     {"@ MX 10 mail.x.test.\n", "mail A 192.0.2.14\n", "@ TXT own\n", "w.w.w A 192.0.2.15\n"}},
    {"test",
     {"x NS ns.x\nns.x A 192.0.2.16\n", "* MX 10 mx.other.test.\n",
      "shop DS 2 8 2 "
      "0123456789012345678901234567890123456789012345678901234567890123\nshop NS ns1\n",
      "x DNAME other.test.\n"}},
    {"broken.top.test", {"@ A 192.0.2.17\n", "@ A wrong\n", "@ TXT good\n", "www A 192.0.2.999\n"}},
};

static const char *const names[] = {"test",
                                    "x.test",
                                    "a.x.test",
                                    "nosuch.test",
                                    "a.nosuch.test",
                                    "top.test",
                                    "www.top.test",
                                    "wild.top.test",
                                    "a.wild.top.test",
                                    "nosuch.top.test",
                                    "sub.top.test",
                                    "x.sub.top.test",
                                    "www.sub.top.test",
                                    "ns.sub.top.test",
                                    "deep.sub.top.test",
                                    "ns.deep.sub.top.test",
                                    "a.b.c.deep.sub.top.test",
                                    "b.c.deep.sub.top.test",
                                    "q.deep.sub.top.test",
                                    "other.test",
                                    "mx.other.test",
                                    "www.other.test",
                                    "shop.test",
                                    "mail.shop.test",
                                    "w.shop.test",
                                    "w.w.w.shop.test",
                                    "broken.top.test",
                                    "www.broken.top.test",
                                    "elsewhere.example",
                                    "ns1.test",
                                    "ns1.top.test",
                                    "one.test",
                                    "www.one.test",
                                    "mail.one.test",
                                    "q.www.one.test",
                                    "sub.one.test",
                                    "ns.sub.one.test",
                                    "a.sub.one.test",
                                    "two.top.test",
                                    "mail.two.top.test",
                                    "d.two.top.test",
                                    "a.d.two.top.test",
                                    "alias.two.top.test",
                                    "a.star.one.test"};

static const uint16_t rrtypes[] = {RRTYPE_A,  RRTYPE_MX,    RRTYPE_NS, RRTYPE_SOA,
                                   RRTYPE_DS, RRTYPE_CNAME, RRTYPE_TXT};

/* A file for each variant. */
static void write_zones(const struct world *world)
{
    for (unsigned zone = 0; zone < ZONES; zone++)
        for (unsigned variant = 0; variant < VARIANTS; variant++) {
            char text[2048], file[64];
            snprintf(text, sizeof text, "$ORIGIN %s.\n" HEAD "%s", zones[zone].apex, variant + 1,
                     zones[zone].variants[variant]);
            snprintf(file, sizeof file, "%s-%u.zone", zones[zone].apex, variant);
            folder_write(world->folder, file, text);
        }
    files_settle();
}

static const char template_text[] =
    "$TTL 300\n@ SOA ns1.top.test. h 1 2 3 4 60\n@ NS ns1.top.test.\n@ MX 10 mx.other.test.\n"
    "www A 192.0.2.30\nmail MX 5 mail\nmail A 192.0.2.31\nalias CNAME www\nsub NS ns.sub\n"
    "ns.sub A 192.0.2.32\nd DNAME sub\n*.star TXT any\n";

static struct model *build_model(struct world *world, const struct model *previous,
                                 struct config **config)
{
    char text[2048], path[4096];
    struct diagnostics diagnostics;
    size_t used = (size_t)snprintf(text, sizeof text,
                                   "server: {probing: off}\nzones:\n"
                                   "  - {file: customer.zone, names: customers.txt}\n");
    for (unsigned i = 0; i < ZONES; i++)
        if (world->choice.present[i])
            used += (size_t)snprintf(text + used, sizeof text - used, "  - %s-%u.zone\n",
                                     zones[i].apex, world->choice.variant[i]);
    folder_write(world->folder, "evermx.yaml", text);
    snprintf(path, sizeof path, "%s/evermx.yaml", world->folder);
    diagnostics_init(&diagnostics);
    *config = config_load(path, &diagnostics);
    assert_non_null(*config);
    struct model *model = model_build(*config, previous, false, &diagnostics);
    if (!model)
        diagnostics_print(&diagnostics, stderr);
    assert_non_null(model);
    diagnostics_free(&diagnostics);
    return model;
}

static void publish(struct publisher *publisher, struct catalog *catalog, const struct model *model)
{
    struct image **images = fixture_images(model);
    publisher_replace(publisher, catalog, images, model->npools);
    free(images);
}

static void compare_answers(const struct world *world, unsigned step)
{
    const struct snapshot *next = publisher_current(world->next);
    const struct snapshot *fresh = publisher_current(world->fresh);
    static struct responder one, other;
    static uint8_t query[512], answer[MESSAGE_MAX_SIZE], expected[MESSAGE_MAX_SIZE];
    responder_init(&one, NULL, 7);
    responder_init(&other, NULL, 7);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (size_t j = 0; j < sizeof rrtypes / sizeof *rrtypes; j++) {
            size_t size = make_query(query, names[i], rrtypes[j], 1232);
            size_t got = respond(&one, next, test_client(TRANSPORT_TCP), query, size, answer);
            size_t wanted =
                respond(&other, fresh, test_client(TRANSPORT_TCP), query, size, expected);
            if (got != wanted || memcmp(answer, expected, got) != 0)
                fail_msg("step %u: %s type %u differs", step, names[i], rrtypes[j]);
        }
}

static void change(struct world *world)
{
    for (unsigned changes = (unsigned)rand() % 3; changes-- > 0;) {
        unsigned zone = (unsigned)rand() % ZONES;
        if (world->choice.present[zone] && rand() % 2) {
            world->choice.present[zone] = false;
            continue;
        }
        world->choice.present[zone] = true;
        world->choice.variant[zone] = (unsigned)rand() % VARIANTS;
    }
}

static void life_of_zones(void **state)
{
    (void)state;
    struct world world = {.next = publisher_new(), .fresh = publisher_new()};
    unsigned made_from_before = 0;
    folder_make(world.folder);
    folder_write(world.folder, "customer.zone", template_text);
    folder_write(world.folder, "customers.txt", "one.test\ntwo.top.test\n");
    write_zones(&world);
    srand(11);
    for (unsigned step = 0; step < STEPS; step++) {
        struct config *config;
        change(&world);
        struct model *model = build_model(&world, world.model, &config);
        const struct snapshot *before = publisher_current(world.next);
        struct catalog *catalog =
            before ? catalog_next(before->catalog, world.model, model) : catalog_new(model);
        publish(world.next, catalog, model);
        publish(world.fresh, catalog_new(model), model);
        compare_answers(&world, step);
        made_from_before += catalog->garbage > 0;
        /* What is no longer used does not pile up. */
        size_t needed = catalog_bytes(publisher_current(world.fresh)->catalog);
        assert_in_range(catalog_bytes(catalog), 1, 4 * needed);
        model_free(world.model);
        config_free(world.config);
        world.model = model;
        world.config = config;
    }
    assert_in_range(made_from_before, STEPS / 4, STEPS);
    publisher_free(world.next);
    publisher_free(world.fresh);
    model_free(world.model);
    config_free(world.config);
    folder_remove(world.folder);
}

/* ---- domains, whose names a catalog has from the lists of a model that is gone ---- */

static struct model *build_templates(struct world *world, const struct model *previous,
                                     const char *zones_text)
{
    char path[4096];
    struct diagnostics diagnostics;
    folder_write(world->folder, "evermx.yaml", zones_text);
    snprintf(path, sizeof path, "%s/evermx.yaml", world->folder);
    diagnostics_init(&diagnostics);
    struct config *config = config_load(path, &diagnostics);
    assert_non_null(config);
    struct model *model = model_build(config, previous, true, &diagnostics);
    assert_non_null(model);
    diagnostics_free(&diagnostics);
    config_free(config);
    return model;
}

/* At a domain and below it, its template's text is answered; NULL: none is. */
static void check_text(const struct world *world, const char *domain, const char *text)
{
    static struct responder responder;
    static uint8_t query[512], answer[MESSAGE_MAX_SIZE];
    const struct snapshot *snapshot = publisher_current(world->next);
    const char *const forms[] = {"%s", "www.%s"};
    responder_init(&responder, NULL, 7);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char name[64];
        snprintf(name, sizeof name, forms[i], domain);
        size_t size = make_query(query, name, RRTYPE_TXT, 1232);
        size = respond(&responder, snapshot, test_client(TRANSPORT_TCP), query, size, answer);
        if ((memmem(answer, size, text ? text : "text-", 5 + (text != NULL)) != NULL) != !!text)
            fail_msg("%s is not answered with %s", name, text ? text : "nothing");
    }
}

static void lists_outlive_models(void **state)
{
    (void)state;
    struct world world = {.next = publisher_new()};
    folder_make(world.folder);
    for (char number = '1'; number <= '3'; number++) {
        char text[256], file[] = {number, '\0'};
        snprintf(text, sizeof text,
                 "@ 60 SOA n.top.test. h 1 2 3 4 5\n@ 60 NS n.top.test.\n"
                 "@ 60 TXT text-%c\nwww 60 TXT text-%c\n",
                 number, number);
        folder_write(world.folder, file, text);
    }
    folder_write(world.folder, "a", "a.test\nshop.a.test\nc.a.test\n");
    folder_write(world.folder, "empty", "\n");
    folder_write(world.folder, "b", "b.test\nlonger.b.example\n");
    files_settle();
    struct model *first = build_templates(&world, NULL,
                                          "zones: [{file: 1, names: a}, {file: 2, names: empty}, "
                                          "{file: 3, names: b}]\n");
    struct catalog *catalog = catalog_new(first);
    publish(world.next, catalog, first);
    struct model *same = build_templates(&world, first,
                                         "zones: [{file: 2, names: a}, {file: 1, names: empty}, "
                                         "{file: 3, names: b}]\n");
    struct model *other =
        build_templates(&world, first, "zones: [{file: 3, names: b}, {file: 1, names: a}]\n");
    struct catalog *of_same = catalog_next(catalog, first, same);
    struct catalog *of_other = catalog_next(catalog, first, other);
    model_free(first);
    check_text(&world, "a.test", "text-1");
    check_text(&world, "shop.a.test", "text-1");
    check_text(&world, "c.a.test", "text-1");
    check_text(&world, "b.test", "text-3");
    check_text(&world, "longer.b.example", "text-3");
    check_text(&world, "d.a.example", NULL);
    publish(world.next, of_same, same);
    model_free(same);
    check_text(&world, "a.test", "text-2");
    check_text(&world, "c.a.test", "text-2");
    check_text(&world, "b.test", "text-3");
    publish(world.next, of_other, other);
    model_free(other);
    check_text(&world, "a.test", "text-1");
    check_text(&world, "c.a.test", "text-1");
    check_text(&world, "longer.b.example", "text-3");
    publisher_free(world.next);
    folder_remove(world.folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(life_of_zones),
                                       cmocka_unit_test(lists_outlive_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
