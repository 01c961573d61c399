/* SPDX-License-Identifier: BSD-2-Clause */
/* See references.h. */
#include "model/references.h"

#include "base/memory.h"
#include "base/table.h"
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

struct references {
    const struct model *model;
    struct diagnostics *diagnostics;
    struct arena *arena;
    struct table *by_name; /* and by the type of what names it */
    struct reference *list;
    size_t count, capacity;
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

static void check_target(struct references *references, struct reference *reference)
{
    uint16_t rrtype = reference->rrset->rrtype;
    uint8_t key[sizeof rrtype + NAME_MAX_SIZE];
    memcpy(key, &rrtype, sizeof rrtype);
    size_t size = sizeof rrtype + name_lower(reference->name, key + sizeof rrtype);
    uint32_t number;
    if (table_get(references->by_name, key, size, &number)) {
        references->list[number].more++;
        return;
    }
    table_put(references->by_name, arena_pack(references->arena, key, size), size,
              (uint32_t)references->count);
    reference->fault = target_fault(references->model, reference->name, rrtype != RRTYPE_NS);
    add(references, reference);
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

static void check_node(struct references *references, const struct zone *zone,
                       const struct node *node)
{
    for (const struct rrset *rrset = node->rrsets; rrset != NULL; rrset = rrset->next) {
        bool is_mail = rrset->rrtype == RRTYPE_MX || rrset->rrtype == RRTYPE_SRV;
        bool is_ns = rrset->rrtype == RRTYPE_NS;
        if ((is_mail && node->cut == NULL) || (is_ns && (!node->cut || node->cut == node)))
            check_rrset(references, zone, node, rrset);
    }
}

void references_check(const struct model *model, struct diagnostics *diagnostics)
{
    struct references references = {
        .model = model, .diagnostics = diagnostics, .arena = arena_new(), .by_name = table_new(0)};
    for (size_t i = 0; i < model->nzones; i++) {
        const struct zone *zone = &model->zones[i];
        for (size_t j = 0; j < zone->nnodes; j++)
            if (zone->nodes[j]->dname == NULL)
                check_node(&references, zone, zone->nodes[j]);
    }
    for (size_t i = 0; i < references.count; i++)
        if (references.list[i].fault != NULL)
            tell(&references, &references.list[i]);
    table_free(references.by_name);
    arena_free(references.arena);
    free(references.list);
}
