/* SPDX-License-Identifier: BSD-2-Clause */
/* What contradicts within one zone; see zone.h. What a zone says of names in others is told in
 * references.c. Pure but for the diagnostics. */
#include "model/lookup.h"
#include "model/rdata.h"
#include "model/text.h"
#include "model/zone.h"
#include "wire/rrtype.h"

/* Octets of a message: header, question's type and class, OPT, and of a record what is not rdata.
 */
enum { MESSAGE_MAX = 65535, HEADER = 12, QUESTION = 4, OPT = 11, RECORD = 12 };

static bool is_dnssec(uint16_t rrtype)
{
    return rrtype == RRTYPE_RRSIG || rrtype == RRTYPE_NSEC;
}

/* An RRset that no message can hold cannot be answered. */
static void check_size(const struct zone *zone, const struct node *node, const struct rrset *rrset,
                       struct diagnostics *diagnostics)
{
    char type[RRTYPE_TEXT_SIZE], name[ZONE_TEXT_SIZE];
    size_t size = HEADER + name_size(node->name) + QUESTION + OPT;
    for (uint32_t i = 0; i < rrset->count; i++)
        size += (size_t)RECORD + rrset->records[i].size;
    if (size > MESSAGE_MAX)
        diagnostics_error(diagnostics, rrset->file, rrset->line, 0,
                          "%s %s: an answer would have %zu octets, a DNS message holds %d",
                          zone_name_text(zone, node->name, name),
                          rrtype_to_text(rrset->rrtype, type), size, MESSAGE_MAX);
}

/* RFC 1034 section 3.6.2; RFC 4035 section 2.5 for what DNSSEC adds. Told where the later of the
 * two stands: RRsets of a node are in the order of their first records. */
static void check_cname(const struct zone *zone, const struct node *node, const struct rrset *rrset,
                        struct diagnostics *diagnostics)
{
    const struct rrset *cname = node_rrset(node, RRTYPE_CNAME), *earlier = cname, *later = rrset;
    if (cname == NULL || rrset == cname || is_dnssec(rrset->rrtype))
        return;
    for (const struct rrset *next = rrset->next; next != NULL; next = next->next) {
        if (next == cname) {
            earlier = rrset;
            later = cname;
        }
    }
    char type[RRTYPE_TEXT_SIZE], name[ZONE_TEXT_SIZE];
    diagnostics_error(diagnostics, later->file, later->line, 0,
                      "%s has a CNAME and other data (%s in %s, line %d)",
                      zone_name_text(zone, node->name, name), rrtype_to_text(earlier->rrtype, type),
                      earlier->file, earlier->line);
}

/* RFC 7505 section 3. */
static void check_null_mx(const struct zone *zone, const struct node *node,
                          const struct rrset *rrset, struct diagnostics *diagnostics)
{
    char name[ZONE_TEXT_SIZE];
    if (rrset->rrtype != RRTYPE_MX || rrset->count < 2)
        return;
    for (uint32_t i = 0; i < rrset->count; i++) {
        if (*rdata_target(RRTYPE_MX, rrset->records[i].bytes) != 0)
            continue;
        diagnostics_error(diagnostics, rrset->file, rrset->line, 0,
                          "%s has a null MX (\".\") beside other MX records",
                          zone_name_text(zone, node->name, name));
        return;
    }
}

/* Data that is never answered, as a delegation or a DNAME stands above it. */
static void check_hidden(const struct zone *zone, const struct node *node,
                         const struct rrset *rrset, struct diagnostics *diagnostics)
{
    bool glue = rrset->rrtype == RRTYPE_A || rrset->rrtype == RRTYPE_AAAA;
    bool at_cut = node->cut == node && (rrset->rrtype == RRTYPE_NS || rrset->rrtype == RRTYPE_DS);
    const struct node *above = node->dname != NULL ? node->dname : node->cut;
    if (above == NULL || is_dnssec(rrset->rrtype) || at_cut || (glue && node->dname == NULL))
        return;
    char type[RRTYPE_TEXT_SIZE], name[ZONE_TEXT_SIZE], above_name[ZONE_TEXT_SIZE];
    diagnostics_warning(diagnostics, rrset->file, rrset->line, 0,
                        "%s %s is never answered: %s is %s", zone_name_text(zone, node->name, name),
                        rrtype_to_text(rrset->rrtype, type),
                        zone_name_text(zone, above->name, above_name),
                        node->dname != NULL ? "a DNAME" : "delegated");
}

void zone_check(const struct zone *zone, struct node *const *nodes, size_t nnodes,
                struct diagnostics *diagnostics)
{
    for (size_t i = 0; i < nnodes; i++) {
        const struct node *node = nodes[i];
        for (const struct rrset *rrset = node->rrsets; rrset != NULL; rrset = rrset->next) {
            check_size(zone, node, rrset, diagnostics);
            check_cname(zone, node, rrset, diagnostics);
            check_null_mx(zone, node, rrset, diagnostics);
            check_hidden(zone, node, rrset, diagnostics);
        }
    }
    if (node_rrset(nodes[0], RRTYPE_NS) == NULL)
        diagnostics_warning(diagnostics, zone->file, 0, 0, "the zone %s has no NS record",
                            zone->name);
}
