/* SPDX-License-Identifier: BSD-2-Clause */
#include "fuzz/asking.h"

#include "fuzz/answer.h"
#include "fuzz/fuzz.h"
#include "fuzz/told.h"
#include "fuzz/world.h"
#include "model/domains.h"
#include "model/template.h"
#include "wire/message.h"
#include "wire/name.h"
#include "wire/rrtype.h"

#include <string.h>

enum { NODES_MAX = 64, DOMAINS_MAX = 3 };

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
static void ask_node(const struct snapshot *snapshot, const struct node *node, const uint8_t *name)
{
    ask(snapshot, name, RRTYPE_ANY);
    for (const struct rrset *rrset = node->rrsets; rrset; rrset = rrset->next) {
        struct answer_facts facts = ask(snapshot, name, rrset->rrtype);
        if (node->cut || node->dname || rrset->rrtype == RRTYPE_DS)
            continue;
        if (rrset_fits(rrset))
            FUZZ_CHECK(facts.rcode == RCODE_NOERROR && facts.authoritative && facts.counts[0] > 0);
    }
}

/* The name of a template's node below a domain; every domain was found short enough for it. */
static void put_domain(const struct node *node, const uint8_t *domain, uint8_t name[NAME_MAX_SIZE])
{
    size_t prefix;
    FUZZ_CHECK(name_is_in_template(node->name, &prefix));
    FUZZ_CHECK(prefix + name_size(domain) <= NAME_MAX_SIZE);
    memcpy(name, node->name, prefix);
    memcpy(name + prefix, domain, name_size(domain));
}

/* Whether a name of the zone is no other zone's or domain's, whose apex stands lower. */
static bool is_own(const struct model *model, const struct zone *zone, const uint8_t *apex,
                   const uint8_t *name)
{
    return model_zone(model, name) == zone && zone_apex_size(zone, name) == name_size(apex);
}

/* The zone itself, or where it is a template as one of its domains. */
static void ask_zone(const struct snapshot *snapshot, const struct model *model,
                     const struct zone *zone, const uint8_t *apex)
{
    struct answer_facts facts = ask(snapshot, apex, RRTYPE_SOA);
    FUZZ_CHECK(facts.rcode == (zone->failed ? RCODE_SERVFAIL : RCODE_NOERROR));
    for (size_t i = 0; i < zone->nnodes && i < NODES_MAX; i++) {
        uint8_t below[NAME_MAX_SIZE];
        const uint8_t *name = zone->domains ? below : zone->nodes[i]->name;
        if (zone->domains)
            put_domain(zone->nodes[i], apex, below);
        if (is_own(model, zone, apex, name))
            ask_node(snapshot, zone->nodes[i], name);
    }
}

static void ask_domains(const struct snapshot *snapshot, const struct model *model,
                        const struct zone *zone)
{
    const uint8_t *domain = domains_next(zone->domains, NULL);
    for (unsigned i = 0; domain && i < DOMAINS_MAX; i++) {
        ask_zone(snapshot, model, zone, domain);
        domain = domains_next(zone->domains, domain);
    }
}

static void ask_model(const struct model *model)
{
    struct publisher *publisher = world_publish(model, 0);
    for (size_t i = 0; i < model->nzones; i++) {
        const struct zone *zone = &model->zones[i];
        if (zone->domains)
            ask_domains(publisher_current(publisher), model, zone);
        else
            ask_zone(publisher_current(publisher), model, zone, zone->apex);
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

void ask_config(const struct config *config)
{
    struct model *strict = build(config, true), *lenient = build(config, false);
    FUZZ_CHECK(!strict || lenient);
    if (lenient)
        ask_model(lenient);
    model_free(strict);
    model_free(lenient);
}
