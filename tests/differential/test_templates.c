/* SPDX-License-Identifier: BSD-2-Clause */
/* A zone answers the same whether it is read from a file of its own or made from a template: the
 * zones of a world as files, against the same with every second one a template for its one domain,
 * with all that can be relative written so. Letters' case aside, each answer is the same, octet for
 * octet. */
#include "base/memory.h"
#include "differential/questions.h"
#include "differential/world.h"
#include "support/fixture.h"
#include "wire/name.h"
#include "wire/rrtype.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

enum { ZONES = 80 };

/* "@", or without the apex and the dot before it. */
static void print_relative_owner(struct world *world, const uint8_t *owner, const uint8_t *apex,
                                 FILE *out)
{
    uint8_t prefix[NAME_MAX_SIZE];
    size_t size = name_size(owner) - name_size(apex);
    memcpy(prefix, owner, size);
    prefix[size] = 0;
    const char *text = world_text(world, prefix);
    fprintf(out, "%.*s", size ? (int)strlen(text) - 1 : 1, size ? text : "@");
}

/* A word of rdata that is a name at or below the apex loses that; any other stays. */
static void print_relative_word(const char *word, size_t size, const char *apex, FILE *out)
{
    size_t apex_size = strlen(apex);
    const char *tail = word + size - apex_size;
    bool ends = size >= apex_size && strncasecmp(tail, apex, apex_size) == 0;
    if (ends && size == apex_size)
        fputs("@", out);
    else if (ends && size > apex_size + 2 && tail[-1] == '.' && tail[-2] != '\\' && *word != '"')
        fprintf(out, "%.*s", (int)(size - apex_size - 1), word);
    else
        fprintf(out, "%.*s", (int)size, word);
}

static void print_relative(struct world *world, const struct world_zone *zone, FILE *out)
{
    const char *apex = world_text(world, zone->apex);
    for (size_t i = 0; i < zone->nrecords; i++) {
        const struct world_record *record = &zone->records[i];
        char *type = ldns_rr_type2str(record->rrtype);
        print_relative_owner(world, record->owner, zone->apex, out);
        fprintf(out, " %u IN %s", record->ttl_s, type);
        for (const char *word = record->rdata; *word;) {
            size_t size = strcspn(word, " ");
            fputc(' ', out);
            print_relative_word(word, size, apex, out);
            word += size + strspn(word + size, " ");
        }
        fputc('\n', out);
        free(type);
    }
}

/* One side: its zones in files of its own, and who answers from them. */
struct side {
    char folder[FOLDER_SIZE];
    struct config *config;
    struct model *model;
    struct publisher *publisher;
    struct responder responder;
};

static void write_zone(const struct side *side, struct world *world, size_t number,
                       bool as_template, FILE *configuration)
{
    const struct world_zone *zone = &world->zones[number];
    char file[32], *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (as_template)
        print_relative(world, zone, out);
    else
        world_print_zone(zone, WORLD_FOR_ALL, out);
    fclose(out);
    snprintf(file, sizeof file, "%zu.zone", number);
    folder_write(side->folder, file, text);
    free(text);
    fprintf(configuration, "  - {file: %zu.zone", number);
    if (as_template) {
        snprintf(file, sizeof file, "%zu.txt", number);
        folder_write(side->folder, file, world_text(world, zone->apex));
        fprintf(configuration, ", names: %zu.txt", number);
    }
    fputs("}\n", configuration);
}

static void side_init(struct side *side, struct world *world, bool templates)
{
    char *text, path[256];
    size_t size;
    struct diagnostics diagnostics;
    folder_make(side->folder);
    FILE *out = open_memstream(&text, &size);
    fputs("server: {probing: off}\nzones:\n", out);
    for (size_t i = 0; i < world->nzones; i++)
        write_zone(side, world, i, templates && i % 2, out);
    fclose(out);
    folder_write(side->folder, "evermx.yaml", text);
    free(text);
    folder_path(side->folder, "evermx.yaml", path, sizeof path);
    diagnostics_init(&diagnostics);
    side->config = config_load(path, &diagnostics);
    side->model = side->config ? model_build(side->config, NULL, true, &diagnostics) : NULL;
    if (!side->model)
        diagnostics_print(&diagnostics, stderr);
    assert_non_null(side->model);
    diagnostics_free(&diagnostics);
    side->publisher = publisher_new();
    struct image **images = fixture_images(side->model);
    publisher_replace(side->publisher, catalog_new(side->model), images, side->model->npools);
    free(images);
    responder_init(&side->responder, NULL, 1);
}

static void side_free(struct side *side)
{
    publisher_free(side->publisher);
    folder_remove(side->folder);
    model_free(side->model);
    config_free(side->config);
}

static size_t side_ask(struct side *side, const struct question *question, uint8_t *answer)
{
    uint8_t query[QUERY_MAX_SIZE];
    size_t size = question_query(question, 1, query);
    size = respond(&side->responder, publisher_current(side->publisher), test_client(TRANSPORT_TCP),
                   query, size, answer);
    for (size_t i = 0; i < size; i++)
        answer[i] = (uint8_t)tolower(answer[i]);
    return size;
}

/* A DS is of one zone below one domain: templates have none. */
static void forget_ds(struct world_zone *zone)
{
    size_t kept = 0;
    for (size_t i = 0; i < zone->nrecords; i++)
        if (zone->records[i].rrtype != RRTYPE_DS)
            zone->records[kept++] = zone->records[i];
    zone->nrecords = kept;
}

static void sides_agree(uint64_t seed)
{
    struct world *world = world_new(seed, ZONES);
    for (size_t i = 0; i < world->nzones; i++)
        forget_ds(&world->zones[i]);
    struct questions questions = {0};
    struct side files, templates;
    uint8_t *expected = memory_alloc(MESSAGE_MAX_SIZE), *answer = memory_alloc(MESSAGE_MAX_SIZE);
    char name[NAME_TEXT_SIZE];
    side_init(&files, world, false);
    side_init(&templates, world, true);
    for (size_t i = 0; i < world->nzones; i++)
        questions_add_zone(&questions, world, i);
    questions_add_others(&questions, world);
    for (size_t i = 0; i < questions.count; i++) {
        const struct question *question = &questions.list[i];
        size_t wanted = side_ask(&files, question, expected);
        size_t got = side_ask(&templates, question, answer);
        if (got != wanted || memcmp(answer, expected, got) != 0)
            fail_msg("seed %llu: %s type %u differs: %zu octets, by a template %zu",
                     (unsigned long long)seed, name_to_text(question->name, name), question->rrtype,
                     wanted, got);
    }
    free(expected);
    free(answer);
    questions_free(&questions);
    side_free(&files);
    side_free(&templates);
    world_free(world);
}

static void first_seed(void **state)
{
    (void)state;
    sides_agree(11);
}

static void second_seed(void **state)
{
    (void)state;
    sides_agree(12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_seed),
        cmocka_unit_test(second_seed),
    };
    return cmocka_run_group_tests_name("files and templates", tests, NULL, NULL);
}
