/* SPDX-License-Identifier: BSD-2-Clause */
/* Sites: the RRsets that are steered. See derive.h. */
#include "base/memory.h"
#include "model/content.h"
#include "model/derive.h"
#include "model/rdata.h"
#include "wire/rrtype.h"

#include <string.h>
#include <strings.h>

/* RFC 6186 section 3, RFC 8314 section 5.1. */
static const struct {
    const char *label;
    enum check_kind kind;
} services[] = {
    {"_imaps", CHECK_IMAPS}, {"_imap", CHECK_IMAP},         {"_pop3s", CHECK_POP3S},
    {"_pop3", CHECK_POP3},   {"_submissions", CHECK_SMTPS}, {"_submission", CHECK_SUBMISSION},
};

static bool label_is(const uint8_t *label, const char *text)
{
    return *label == strlen(text) && strncasecmp((const char *)label + 1, text, *label) == 0;
}

static bool srv_kind(const uint8_t *owner, enum check_kind *kind)
{
    const uint8_t *protocol = name_parent(owner);
    if (protocol == NULL || !label_is(protocol, "_tcp"))
        return false;
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        if (label_is(owner, services[i].label)) {
            *kind = services[i].kind;
            return true;
        }
    }
    return false;
}

/* Whether health decides on the RRset, and by which kind of check. "No such service" (RFC 7505 null
 * MX, RFC 2782) is no host: never steered. */
static bool rrset_is_steered(const struct node *node, const struct rrset *rrset,
                             enum check_kind *kind)
{
    *kind = CHECK_SMTP;
    bool mail =
        rrset->rrtype == RRTYPE_MX || (rrset->rrtype == RRTYPE_SRV && srv_kind(node->name, kind));
    for (uint32_t i = 0; mail && i < rrset->count; i++)
        mail = *rdata_target(rrset->rrtype, rrset->records[i].bytes) != 0;
    return mail;
}

static uint32_t site_add(struct derivation *derivation, struct site site)
{
    derivation->sites = memory_grow(derivation->sites, derivation->nsites,
                                    &derivation->sites_capacity, sizeof *derivation->sites);
    derivation->sites[derivation->nsites] = site;
    return (uint32_t)derivation->nsites++;
}

static void site_require(struct derivation *derivation, const struct site *site)
{
    const struct rrset *rrset = site->rrset;
    for (uint32_t i = 0; i < rrset->count; i++) {
        const uint8_t *bytes = rrset->records[i].bytes;
        uint32_t host = host_get(derivation, rdata_target(rrset->rrtype, bytes));
        bool is_srv = rrset->rrtype == RRTYPE_SRV;
        derivation->states[host].is_target |= is_srv;
        derivation->states[host].is_exchange |= !is_srv;
        host_require(derivation, host, site->kind, is_srv ? rdata_srv_port(bytes) : 0);
    }
}

/* Records that many RRsets share: what they require, they require once. */
struct seen {
    const struct rdata *records;
    uintptr_t kind;
};

static bool is_seen(struct table *table, struct arena *arena, const struct site *site)
{
    const struct seen key = {site->rrset->records, site->kind};
    uint32_t ignored;
    if (table_get(table, &key, sizeof key, &ignored))
        return true;
    table_put(table, arena_dup(arena, &key, sizeof key), sizeof key, 0);
    return false;
}

void sites_collect(struct derivation *derivation)
{
    struct table *seen = table_new(0);
    struct arena *arena = arena_new();
    for (uint32_t i = 0; i < derivation->model->nzones; i++) {
        const struct content *content = derivation->model->zones[i].content;
        for (size_t j = 0; content != NULL && j < content->nlinks; j++) {
            const struct link *link = &content->links[j];
            struct site site = {
                .zone = i, .node = link->node, .rrset = link->rrset, .hosts = MODEL_NONE};
            if (!node_is_authoritative(link->node) ||
                !rrset_is_steered(link->node, link->rrset, &site.kind))
                continue;
            site_add(derivation, site);
            if (!is_seen(seen, arena, &site))
                site_require(derivation, &site);
        }
    }
    table_free(seen);
    arena_free(arena);
}

/* Until the pool is known, the zone's number for it is that of the site of an A or AAAA RRset, as
 * several hosts may lead to it by CNAMEs and wildcards. */
static void site_link(struct derivation *derivation, uint32_t host, const struct rrset *rrset)
{
    const struct node *node = derivation->states[host].node;
    const struct zone *zone = model_zone(derivation->model, node->name);
    uint32_t *known = &zone->pools[rrset->number];
    if (*known == MODEL_NONE)
        *known =
            site_add(derivation, (struct site){.zone = (uint32_t)(zone - derivation->model->zones),
                                               .node = node,
                                               .rrset = rrset,
                                               .hosts = MODEL_NONE});
    struct site *site = &derivation->sites[*known];
    uint32_t number = (uint32_t)derivation->nlinks;
    if (site->hosts == MODEL_NONE)
        site->hosts = number;
    else
        derivation->links[site->last_host].next = number;
    site->last_host = number;
    derivation->links = memory_grow(derivation->links, derivation->nlinks,
                                    &derivation->links_capacity, sizeof *derivation->links);
    derivation->links[derivation->nlinks++] = (struct host_link){host, MODEL_NONE};
}

void sites_collect_addresses(struct derivation *derivation)
{
    for (uint32_t i = 0; i < derivation->model->nhosts; i++) {
        if (!host_is_steered(derivation, i))
            continue;
        const struct rrset *rrset = derivation->states[i].node->rrsets;
        for (; rrset != NULL; rrset = rrset->next)
            if (rrset->rrtype == RRTYPE_A || rrset->rrtype == RRTYPE_AAAA)
                site_link(derivation, i, rrset);
    }
}
