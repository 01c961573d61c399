/* SPDX-License-Identifier: BSD-2-Clause */
/* See references.h. */
#include "model/references.h"

#include "base/memory.h"
#include "base/table.h"
#include "model/content.h"
#include "model/lookup.h"
#include "model/rdata.h"
#include "model/text.h"
#include "wire/rrtype.h"

#include <stdlib.h>
#include <string.h>

static bool has_address(const struct node *node)
{
    return node_rrset(node, RRTYPE_A) != NULL || node_rrset(node, RRTYPE_AAAA) != NULL;
}

/* What an RRset names. What 20,000 zones name is looked up, and told, once. */
struct reference {
    const char *fault; /* the end of a sentence; NULL: none */
    const struct zone *zone;
    const struct node *node;
    const struct rrset *rrset; /* the first */
    const uint8_t *name;
    size_t more; /* RRsets of this type */
};

/* An RRset whose records others share: what it names was seen to. */
struct shared_rrset {
    const struct rrset *rrset;
    size_t more; /* others */
};

struct references {
    const struct model *model;
    struct diagnostics *diagnostics;
    struct arena *arena;
    struct table *by_name; /* and by the type of what names it */
    struct reference *list;
    size_t count, capacity;
    struct table *by_records;
    struct shared_rrset *shared;
    size_t nshared, shared_capacity;
};

static const char *target_fault(const struct model *model, const uint8_t *target, bool is_mail)
{
    const struct node *node = NULL;
    bool alias;
    enum resolution resolution = model_resolve(model, target, &node, &alias);
    if (alias)
        return "is a CNAME, which RFC 2181 section 10.3 forbids";
    if (resolution == RESOLVED_FAILED && is_mail)
        return "is in a zone that could not be read: it is not probed";
    if (resolution == RESOLVED_NOWHERE || (resolution == RESOLVED_HERE && !has_address(node)))
        return "has no address in our zones";
    return NULL;
}

/* A name server below the cut that it serves is only found by glue (RFC 1034 section 4.2.1). */
static bool lacks_glue(const struct model *model, const struct zone *zone, const struct node *cut,
                       const uint8_t *target)
{
    if (!name_is_within(target, cut->name))
        return false;
    const struct node *glue = zone_node(model, zone, target);
    return glue == NULL || !has_address(glue);
}

static void tell(const struct references *references, const struct reference *reference)
{
    char owner[ZONE_TEXT_SIZE], type[RRTYPE_TEXT_SIZE], text[ZONE_TEXT_SIZE], more[64] = "";
    if (reference->more > 0)
        snprintf(more, sizeof more, " (named by %zu more RRset%s)", reference->more,
                 reference->more == 1 ? "" : "s");
    diagnostics_warning(
        references->diagnostics, reference->rrset->file, reference->rrset->line, 0,
        "%s %s: %s %s%s", zone_name_text(reference->zone, reference->node->name, owner),
        rrtype_to_text(reference->rrset->rrtype, type),
        zone_name_text(reference->zone, reference->name, text), reference->fault, more);
}

static void add(struct references *references, const struct reference *reference)
{
    references->list = memory_grow(references->list, references->count, &references->capacity,
                                   sizeof *references->list);
    references->list[references->count++] = *reference;
}

struct name_key {
    size_t size;
    uint8_t bytes[sizeof(uint16_t) + NAME_MAX_SIZE];
};

static void name_key_set(struct name_key *key, uint16_t rrtype, const uint8_t *name)
{
    memcpy(key->bytes, &rrtype, sizeof rrtype);
    key->size = sizeof rrtype + name_lower(name, key->bytes + sizeof rrtype);
}

static void check_target(struct references *references, struct reference *reference)
{
    struct name_key key;
    uint32_t number;
    name_key_set(&key, reference->rrset->rrtype, reference->name);
    if (table_get(references->by_name, key.bytes, key.size, &number)) {
        references->list[number].more++;
        return;
    }
    table_put(references->by_name, arena_pack(references->arena, key.bytes, key.size), key.size,
              (uint32_t)references->count);
    reference->fault =
        target_fault(references->model, reference->name, reference->rrset->rrtype != RRTYPE_NS);
    add(references, reference);
}

/* Whether another RRset has the same records; counted then. */
static bool is_known(struct references *references, const struct rrset *rrset)
{
    uint32_t number;
    if (table_get(references->by_records, &rrset->records, sizeof rrset->records, &number)) {
        references->shared[number].more++;
        return true;
    }
    table_put(references->by_records, &rrset->records, sizeof rrset->records,
              (uint32_t)references->nshared);
    references->shared = memory_grow(references->shared, references->nshared,
                                     &references->shared_capacity, sizeof *references->shared);
    references->shared[references->nshared++] = (struct shared_rrset){.rrset = rrset};
    return false;
}

static void count_shared(struct references *references, const struct shared_rrset *shared)
{
    const struct rrset *rrset = shared->rrset;
    for (uint32_t i = 0; i < rrset->count; i++) {
        struct name_key key;
        uint32_t number;
        name_key_set(&key, rrset->rrtype, rdata_target(rrset->rrtype, rrset->records[i].bytes));
        if (table_get(references->by_name, key.bytes, key.size, &number))
            references->list[number].more += shared->more;
    }
}

static void check_rrset(struct references *references, const struct zone *zone,
                        const struct node *node, const struct rrset *rrset)
{
    for (uint32_t i = 0; i < rrset->count; i++) {
        struct reference reference = {
            .zone = zone,
            .node = node,
            .rrset = rrset,
            .name = rdata_target(rrset->rrtype, rrset->records[i].bytes),
        };
        if (*reference.name == 0)
            continue; /* null MX (RFC 7505), no service (RFC 2782) */
        if (node->cut == node && lacks_glue(references->model, zone, node, reference.name)) {
            reference.fault = "has no glue: the delegation cannot be followed";
            add(references, &reference);
        } else {
            check_target(references, &reference);
        }
    }
}

static void check_zone(struct references *references, const struct zone *zone)
{
    for (size_t i = 0; i < zone->content->nlinks; i++) {
        const struct link *link = &zone->content->links[i];
        const struct node *cut = link->node->cut;
        bool checked =
            link->rrset->rrtype == RRTYPE_NS ? cut == NULL || cut == link->node : cut == NULL;
        if (checked && (cut != NULL || !is_known(references, link->rrset)))
            check_rrset(references, zone, link->node, link->rrset);
    }
}

void references_check(const struct model *model, struct diagnostics *diagnostics)
{
    struct references references = {.model = model,
                                    .diagnostics = diagnostics,
                                    .arena = arena_new(),
                                    .by_name = table_new(0),
                                    .by_records = table_new(0)};
    for (size_t i = 0; i < model->nzones; i++)
        if (!model->zones[i].failed)
            check_zone(&references, &model->zones[i]);
    for (size_t i = 0; i < references.nshared; i++)
        if (references.shared[i].more > 0)
            count_shared(&references, &references.shared[i]);
    for (size_t i = 0; i < references.count; i++)
        if (references.list[i].fault != NULL)
            tell(&references, &references.list[i]);
    table_free(references.by_name);
    table_free(references.by_records);
    arena_free(references.arena);
    free(references.list);
    free(references.shared);
}
