/* SPDX-License-Identifier: BSD-2-Clause */
/* See references.h. */
#include "model/references.h"

#include "model/lookup.h"
#include "model/rdata.h"
#include "wire/rrtype.h"

static bool has_address(const struct node *node)
{
    return node_rrset(node, RRTYPE_A) != NULL || node_rrset(node, RRTYPE_AAAA) != NULL;
}

/* What is wrong with a target, as the end of a sentence; NULL: nothing. */
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

static void check_rrset(const struct model *model, const struct zone *zone, const struct node *node,
                        const struct rrset *rrset, struct diagnostics *diagnostics)
{
    char owner[NAME_TEXT_SIZE], type[RRTYPE_TEXT_SIZE], text[NAME_TEXT_SIZE];
    for (uint32_t i = 0; i < rrset->count; i++) {
        const uint8_t *target = rdata_target(rrset->rrtype, rrset->records[i].bytes);
        if (*target == 0)
            continue; /* null MX (RFC 7505), no service (RFC 2782) */
        const char *fault = target_fault(model, target, rrset->rrtype != RRTYPE_NS);
        if (node->cut == node && lacks_glue(model, zone, node, target))
            fault = "has no glue: the delegation cannot be followed";
        if (fault != NULL)
            diagnostics_warning(diagnostics, rrset->file, rrset->line, 0, "%s %s: %s %s",
                                name_to_text(node->name, owner),
                                rrtype_to_text(rrset->rrtype, type), name_to_text(target, text),
                                fault);
    }
}

static void check_node(const struct model *model, const struct zone *zone, const struct node *node,
                       struct diagnostics *diagnostics)
{
    for (const struct rrset *rrset = node->rrsets; rrset != NULL; rrset = rrset->next) {
        bool is_mail = rrset->rrtype == RRTYPE_MX || rrset->rrtype == RRTYPE_SRV;
        bool is_ns = rrset->rrtype == RRTYPE_NS;
        if ((is_mail && node->cut == NULL) || (is_ns && (!node->cut || node->cut == node)))
            check_rrset(model, zone, node, rrset, diagnostics);
    }
}

void references_check(const struct model *model, struct diagnostics *diagnostics)
{
    for (size_t i = 0; i < model->nzones; i++) {
        const struct zone *zone = &model->zones[i];
        for (size_t j = 0; j < zone->nnodes; j++)
            if (zone->nodes[j]->dname == NULL)
                check_node(model, zone, zone->nodes[j], diagnostics);
    }
}
