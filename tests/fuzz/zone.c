/* SPDX-License-Identifier: BSD-2-Clause */
/* Octets as a master file: read, compiled, and asked for every name that was found in it. */
#include "fuzz/answer.h"
#include "fuzz/fuzz.h"
#include "fuzz/scratch.h"
#include "fuzz/told.h"
#include "fuzz/world.h"
#include "wire/message.h"
#include "wire/name.h"
#include "wire/rrtype.h"

#include <string.h>

enum { INPUT_MAX = 32768, NODES_MAX = 64 };

static size_t make_question(uint8_t *query, const uint8_t *name, uint16_t rrtype)
{
    static const uint8_t header[HEADER_SIZE] = {0x12, 0x34, 0, 0, 0, 1};
    size_t size = name_size(name);
    memcpy(query, header, HEADER_SIZE);
    memcpy(query + HEADER_SIZE, name, size);
    uint8_t *at = write_u16(query + HEADER_SIZE + size, rrtype);
    return (size_t)(write_u16(at, RRCLASS_IN) - query);
}

static struct answer_facts ask(const struct snapshot *snapshot, const uint8_t *name,
                               uint16_t rrtype)
{
    uint8_t query[HEADER_SIZE + NAME_MAX_SIZE + 4];
    size_t size = make_question(query, name, rrtype);
    uint8_t *answer = malloc(MESSAGE_MAX_SIZE);
    size_t answered = world_respond(snapshot, TRANSPORT_TCP, 1, query, size, answer);
    struct answer_facts facts = answer_check(query, size, answer, answered, TRANSPORT_TCP);
    free(answer);
    return facts;
}

/* Whether a message holds it, with a question and its name in full. */
static bool rrset_fits(const struct rrset *rrset)
{
    size_t size = HEADER_SIZE + NAME_MAX_SIZE + 4;
    for (uint32_t i = 0; i < rrset->count; i++)
        size += 2 + RR_FIXED_SIZE + (size_t)rrset->records[i].size;
    return size <= MESSAGE_MAX_SIZE;
}

/* What stands in the file, and is not hidden by a delegation or DNAME, is answered. */
static void ask_node(const struct snapshot *snapshot, const struct node *node)
{
    ask(snapshot, node->name, RRTYPE_ANY);
    for (const struct rrset *rrset = node->rrsets; rrset; rrset = rrset->next) {
        struct answer_facts facts = ask(snapshot, node->name, rrset->rrtype);
        if (node->cut || node->dname || rrset->rrtype == RRTYPE_DS)
            continue;
        if (rrset_fits(rrset))
            FUZZ_CHECK(facts.rcode == RCODE_NOERROR && facts.authoritative && facts.counts[0] > 0);
    }
}

static void ask_all(const struct model *model)
{
    struct publisher *publisher = world_publish(model, 0);
    for (size_t i = 0; i < model->nzones; i++) {
        const struct zone *zone = &model->zones[i];
        struct answer_facts facts = ask(publisher_current(publisher), zone->apex, RRTYPE_SOA);
        FUZZ_CHECK(facts.rcode == (zone->failed ? RCODE_SERVFAIL : RCODE_NOERROR));
        for (size_t j = 0; j < zone->nnodes && j < NODES_MAX; j++)
            ask_node(publisher_current(publisher), zone->nodes[j]);
    }
    publisher_free(publisher);
}

/* Strict refuses exactly where there are errors. */
static struct model *build(const struct config *config, bool strict)
{
    struct diagnostics diagnostics;
    diagnostics_init(&diagnostics);
    struct model *model = model_build(config, NULL, strict, &diagnostics);
    FUZZ_CHECK(!strict || (model == NULL) == (diagnostics.errors > 0));
    told_check(&diagnostics);
    diagnostics_free(&diagnostics);
    return model;
}

static struct config *prepare(const uint8_t *data, size_t size)
{
    char path[SCRATCH_PATH_SIZE];
    scratch_write("example.test.zone", data, size);
    scratch_write_text("inner.zone",
                       "inner 60 A 192.0.2.9\n  MX 10 mx\n$TTL 5\n$ORIGIN x\ny A 192.0.2.8\n");
    scratch_path("example.test.zone", path);
    struct config *config = config_new();
    config_add_zone(config, path);
    return config;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > INPUT_MAX)
        return 0;
    struct config *config = prepare(data, size);
    scratch_fence(true);
    struct model *strict = build(config, true), *lenient = build(config, false);
    if (lenient)
        ask_all(lenient);
    FUZZ_CHECK(!strict || lenient);
    model_free(strict);
    model_free(lenient);
    scratch_fence(false);
    config_free(config);
    return 0;
}
