/* SPDX-License-Identifier: BSD-2-Clause */
/* What a template must not hold, as it cannot be the same for each of its domains; see template.h.
 * Pure but for the diagnostics. */
#include "model/rdata.h"
#include "model/template.h"
#include "model/text.h"
#include "model/zone.h"
#include "wire/rrtype.h"

enum {
    GROWTH_MAX = NAME_MAX_SIZE - TEMPLATE_APEX_SIZE
}; /* octets, where a domain stands for the
      marker */

/* Signed with or made from the names of one zone (RFC 4034, RFC 5155, RFC 7344). */
static bool is_signed(uint16_t rrtype)
{
    static const uint16_t types[] = {
        24,                                       /* SIG */
        30,                                       /* NXT */
        RRTYPE_DS, RRTYPE_RRSIG, RRTYPE_NSEC, 48, /* DNSKEY */
        50,                                       /* NSEC3 */
        51,                                       /* NSEC3PARAM */
        59,                                       /* CDS */
        60,                                       /* CDNSKEY */
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i] == rrtype)
            return true;
    return false;
}

/* The longest of what stands before the marker in the record's names. */
static size_t record_prefix(uint16_t rrtype, const struct rdata *record, bool *fits)
{
    uint16_t offsets[RDATA_NAMES_MAX];
    size_t longest = 0, prefix;
    unsigned count = rdata_names(rrtype, record, offsets), relative = 0;
    *fits = count <= RDATA_NAMES_MAX;
    for (unsigned i = 0; *fits && i < count; i++) {
        if (!name_is_in_template(record->bytes + offsets[i], &prefix))
            continue;
        relative++;
        if (prefix > longest)
            longest = prefix;
    }
    *fits &= record->size + (size_t)relative * GROWTH_MAX <= RDATA_MAX_SIZE;
    return longest;
}

static size_t check_rrset(const struct zone *zone, const struct node *node,
                          const struct rrset *rrset, struct diagnostics *diagnostics)
{
    char type[RRTYPE_TEXT_SIZE], name[ZONE_TEXT_SIZE];
    size_t longest = 0;
    bool fits = true;
    for (uint32_t i = 0; fits && i < rrset->count; i++) {
        size_t prefix = record_prefix(rrset->rrtype, &rrset->records[i], &fits);
        longest = prefix > longest ? prefix : longest;
    }
    const char *why = is_signed(rrset->rrtype) ? "it belongs to the DNSSEC of one zone"
                      : !fits                  ? "too much of it depends on the domain"
                                               : NULL;
    if (why != NULL)
        diagnostics_error(
            diagnostics, rrset->file, rrset->line, 0, "%s %s cannot stand in a template: %s",
            zone_name_text(zone, node->name, name), rrtype_to_text(rrset->rrtype, type), why);
    return longest;
}

size_t template_check(const struct zone *zone, struct node *const *nodes, size_t nnodes,
                      struct diagnostics *diagnostics)
{
    size_t longest = 0;
    for (size_t i = 0; i < nnodes; i++) {
        size_t prefix = name_size(nodes[i]->name) - TEMPLATE_APEX_SIZE;
        longest = prefix > longest ? prefix : longest;
        for (const struct rrset *rrset = nodes[i]->rrsets; rrset != NULL; rrset = rrset->next) {
            prefix = check_rrset(zone, nodes[i], rrset, diagnostics);
            longest = prefix > longest ? prefix : longest;
        }
    }
    return longest;
}
