/* SPDX-License-Identifier: BSD-2-Clause */
/* Canary names change the answers for nothing but themselves: the zones of a world, asked with them
 * off and on. */
#include "base/memory.h"
#include "differential/questions.h"
#include "differential/world.h"
#include "serve/canary.h"
#include "support/fixture.h"
#include "wire/message.h"
#include "wire/rrtype.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ZONES = 60 };

static int64_t test_clock(void)
{
    return INT64_C(1793356262123);
}

/* One world, and who answers from it. */
struct served {
    struct world *world;
    struct fixture fixture;
    struct canary_state state;
    struct settings on;
};

static void served_init(struct served *served, uint64_t seed)
{
    char *texts[ZONES + 1] = {0};
    memset(served, 0, sizeof *served);
    served->world = world_new(seed, ZONES);
    for (size_t i = 0; i < ZONES; i++) {
        size_t size;
        FILE *out = open_memstream(&texts[i], &size);
        world_print_zone(&served->world->zones[i], WORLD_FOR_ALL, out);
        fclose(out);
    }
    fixture_init(&served->fixture, false, (const char *const *)texts);
    for (size_t i = 0; i < ZONES; i++)
        free(texts[i]);
    served->state.now_ms = test_clock;
    served->on = served->fixture.settings;
    served->on.canary = &served->state;
}

static void served_free(struct served *served)
{
    fixture_free(&served->fixture);
    world_free(served->world);
}

/* The same variants are picked each time. */
static size_t ask(struct served *served, bool on, const struct question *question, uint8_t *answer)
{
    uint8_t query[QUERY_MAX_SIZE];
    struct responder responder;
    responder_init(&responder, on ? &served->on : &served->fixture.settings, 1);
    size_t size = question_query(question, 1, query);
    return respond(&responder, publisher_current(served->fixture.publisher),
                   test_client(TRANSPORT_TCP), query, size, answer);
}

struct pair {
    uint8_t off[MESSAGE_MAX_SIZE], on[MESSAGE_MAX_SIZE];
    size_t off_size, on_size;
};

static bool ask_both(struct served *served, const struct question *question, struct pair *pair)
{
    pair->off_size = ask(served, false, question, pair->off);
    pair->on_size = ask(served, true, question, pair->on);
    return pair->off_size == pair->on_size && memcmp(pair->off, pair->on, pair->off_size) == 0;
}

static void other_names(struct served *served, struct pair *pair)
{
    struct questions questions = {0};
    char name[NAME_TEXT_SIZE];
    for (size_t i = 0; i < ZONES; i++)
        questions_add_zone(&questions, served->world, i);
    questions_add_others(&questions, served->world);
    assert_true(questions.count > 10000);
    for (size_t i = 0; i < questions.count; i++)
        if (!ask_both(served, &questions.list[i], pair))
            fail_msg("seed %llu: %s type %u differs", (unsigned long long)served->world->seed,
                     name_to_text(questions.list[i].name, name), questions.list[i].rrtype);
    assert_int_equal(atomic_load(&served->state.answers), 0);
    questions_free(&questions);
}

static uint16_t first_type(const uint8_t *answer, const uint8_t *name)
{
    return read_u16(answer + HEADER_SIZE + name_size(name) + 4 + 2);
}

/* Below each name of a zone: what is another answer now stands at an apex, where it was denied or
 * a wildcard's, and is a canary; or a DNAME leads there. */
static void canary_names(struct served *served, struct pair *pair)
{
    static const char *const labels[] = {"_canary", "x", "p0", "t1"};
    unsigned canaries = 0, others = 0;
    for (size_t i = 0; i < ZONES; i++) {
        const struct world_zone *zone = &served->world->zones[i];
        for (size_t j = 0; j < zone->nrecords; j++) {
            const uint8_t *owner = zone->records[j].owner, *name = owner;
            for (size_t k = 0; name && k < sizeof labels / sizeof *labels; k++)
                name = world_child(served->world, labels[k], strlen(labels[k]), name);
            const struct question question = {.name = name, .rrtype = RRTYPE_A};
            if (!name || ask_both(served, &question, pair)) {
                others++;
                continue;
            }
            const uint8_t *record = pair->on + HEADER_SIZE + name_size(name) + 4;
            if (!name_equal(owner, world_zone_of(served->world, owner)->apex)) {
                assert_int_equal(first_type(pair->off, name), RRTYPE_DNAME);
                assert_int_equal(first_type(pair->on, name), RRTYPE_DNAME);
                continue;
            }
            assert_int_equal(pair->on[HEADER_FLAGS_LOW] & 15, RCODE_NOERROR);
            assert_int_equal(read_u64(pair->on + HEADER_QDCOUNT), 1ull << 48 | 1ull << 32);
            assert_memory_equal(record, "\xC0\x0C\0\1\0\1\0\0\0\1\0\4\x7F\0\0\0", 16);
            canaries++;
        }
    }
    assert_true(canaries >= ZONES / 2);
    assert_true(others > canaries);
}

static void seeds(void **state)
{
    (void)state;
    struct pair *pair = memory_alloc(sizeof *pair);
    for (uint64_t seed = 21; seed < 23; seed++) {
        struct served served;
        served_init(&served, seed);
        other_names(&served, pair);
        canary_names(&served, pair);
        served_free(&served);
    }
    free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(seeds)};
    return cmocka_run_group_tests_name("answers with canary names and without", tests, NULL, NULL);
}
