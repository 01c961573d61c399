/* SPDX-License-Identifier: BSD-2-Clause */
#include "differential/questions.h"

#include "base/memory.h"
#include "wire/message.h"
#include "wire/rrtype.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Distinct names, in the order in which they were met. */
struct names {
    const uint8_t **list;
    size_t count, capacity;
};

struct asking {
    struct questions *questions;
    struct world *world;
    size_t zone;
};

static void add_name(struct names *names, const uint8_t *name)
{
    for (size_t i = names->count; name && i > 0; i--)
        if (name_equal(names->list[i - 1], name))
            return;
    if (!name)
        return;
    names->list = memory_grow(names->list, names->count, &names->capacity, sizeof *names->list);
    names->list[names->count++] = name;
}

/* Owners, and what stands between them and the apex. */
static void add_owners(struct names *names, const struct world_zone *zone)
{
    for (size_t i = 0; i < zone->nrecords; i++)
        for (const uint8_t *name = zone->records[i].owner; name_is_within(name, zone->apex);
             name = name_parent(name)) {
            add_name(names, name);
            if (name[0] == 0)
                break;
        }
}

/* One label more, one more than that, one changed. */
static void add_neighbours(struct names *names, struct world *world, const uint8_t *name)
{
    static const char *const labels[] = {"q", "a", "*", "x", "www", "c0", "ns1", "hop", "large"};
    const char *label = labels[world_below(world, sizeof labels / sizeof labels[0])];
    const uint8_t *child = world_child(world, label, strlen(label), name);
    add_name(names, child);
    if (child && world_chance(world, 50))
        add_name(names, world_child(world, "q", 1, child));
    if (name[0] && world_chance(world, 60))
        add_name(names, world_child(world, label, strlen(label), name_parent(name)));
    if (child && world_chance(world, 3)) /* as long as it gets: DNAMEs make longer ones */
        while ((child = world_child(world, "0123456789abcdef", 16, child)))
            add_name(names, child);
}

/* Letters in either case, as some resolvers send them (0x20). */
static const uint8_t *mix_case(struct world *world, const uint8_t *name)
{
    size_t size = name_size(name);
    uint8_t *mixed = arena_pack(world->arena, name, size);
    for (uint8_t *label = mixed; *label; label += *label + 1)
        for (uint8_t i = 1; i <= *label; i++)
            if (isalpha(label[i]) && world_chance(world, 50))
                label[i] ^= 0x20;
    return mixed;
}

static void ask(struct asking *asking, const uint8_t *name, uint16_t rrtype)
{
    static const uint16_t edns_sizes[] = {0, 512, 1232, 4096, 1232, 0, 700};
    struct questions *questions = asking->questions;
    struct world *world = asking->world;
    questions->list = memory_grow(questions->list, questions->count, &questions->capacity,
                                  sizeof *questions->list);
    questions->list[questions->count++] = (struct question){
        .name = world_chance(world, 25) ? mix_case(world, name) : name,
        .rrtype = rrtype,
        .edns_size = edns_sizes[world_below(world, sizeof edns_sizes / sizeof edns_sizes[0])],
        .zone = (uint32_t)asking->zone,
    };
}

/* Types present, each once; then some of all, in the hope that they are absent. */
static void ask_types(struct asking *asking, const uint8_t *name)
{
    static const uint16_t others[] = {
        RRTYPE_A,  RRTYPE_A,  RRTYPE_AAAA,  RRTYPE_MX,   RRTYPE_TXT,   RRTYPE_NS,
        RRTYPE_DS, RRTYPE_DS, RRTYPE_CNAME, RRTYPE_SOA,  RRTYPE_DNAME, RRTYPE_SRV,
        65,        65280,     RRTYPE_RRSIG, RRTYPE_NSEC, RRTYPE_ANY,   48,
    };
    const struct world_zone *zone = &asking->world->zones[asking->zone];
    const struct world_record *before = NULL;
    for (size_t i = 0; i < zone->nrecords; i++) {
        const struct world_record *record = &zone->records[i];
        bool again =
            before && before->rrtype == record->rrtype && name_equal(before->owner, record->owner);
        before = record;
        if (!again && name_equal(record->owner, name))
            ask(asking, name, record->rrtype);
    }
    for (unsigned i = 0; i < 3; i++)
        ask(asking, name, others[world_below(asking->world, sizeof others / sizeof others[0])]);
}

void questions_add_zone(struct questions *questions, struct world *world, size_t zone)
{
    struct asking asking = {questions, world, zone};
    struct names names = {0};
    /* What is asked of a zone depends on nothing but the seed and its number. */
    world->random = (world->seed << 20 ^ zone) * 0x2545F4914F6CDD1Du + 2;
    add_owners(&names, &world->zones[zone]);
    for (size_t i = 0, owners = names.count; i < owners; i++)
        add_neighbours(&names, world, names.list[i]);
    for (size_t i = 0; i < names.count; i++)
        ask_types(&asking, names.list[i]);
    free(names.list);
}

void questions_add_others(struct questions *questions, struct world *world)
{
    static const uint8_t *const names[] = {(const uint8_t *)"", (const uint8_t *)"\4test",
                                           (const uint8_t *)"\3org",
                                           (const uint8_t *)"\1a\7outside\3org"};
    static const uint16_t rrtypes[] = {RRTYPE_A, RRTYPE_NS, RRTYPE_SOA, RRTYPE_DS, RRTYPE_ANY};
    struct asking asking = {questions, world, 0};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        for (size_t j = 0; j < sizeof rrtypes / sizeof rrtypes[0]; j++)
            ask(&asking, names[i], rrtypes[j]);
}

void questions_free(struct questions *questions)
{
    free(questions->list);
    *questions = (struct questions){0};
}

size_t question_query(const struct question *question, uint16_t id, uint8_t query[QUERY_MAX_SIZE])
{
    size_t size = name_size(question->name);
    memset(query, 0, HEADER_SIZE);
    write_u16(query, id);
    query[HEADER_QDCOUNT + 1] = 1;
    memcpy(query + HEADER_SIZE, question->name, size);
    uint8_t *at = write_u16(query + HEADER_SIZE + size, question->rrtype);
    at = write_u16(at, RRCLASS_IN);
    if (question->edns_size) {
        query[HEADER_ARCOUNT + 1] = 1;
        *at++ = 0;
        at = write_u16(at, RRTYPE_OPT);
        at = write_u16(at, question->edns_size);
        at = write_u32(at, 0);
        at = write_u16(at, 0);
    }
    return (size_t)(at - query);
}
