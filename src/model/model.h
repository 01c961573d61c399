/* SPDX-License-Identifier: BSD-2-Clause */
/* The model: zones as read from master files, and what follows from them and the configuration:
 * hosts, targets, services and pools. Built whole, checked, then never changed; a reload builds
 * another. Any thread may read it. Indexes (uint32_t) name its parts; MODEL_NONE is no part.
 *
 *   zone -> node -> rrset -> pool -> member -> service -> target
 */
#ifndef EVERMX_MODEL_MODEL_H
#define EVERMX_MODEL_MODEL_H

#include "base/address.h"
#include "base/arena.h"
#include "base/diagnostics.h"
#include "config/config.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_NONE UINT32_MAX

/* ---- zones ---- */

struct rdata {
    uint16_t size;
    const uint8_t *bytes; /* wire format, names in it uncompressed and in their written case */
};

struct rrset {
    struct rrset *next; /* of the same node */
    uint16_t rrtype;
    uint32_t ttl_s; /* the smallest of its records' (RFC 2181 section 5.2) */
    uint32_t count;
    struct rdata *records; /* in the order of the file, without duplicates */
    uint32_t number;       /* of the zone's RRsets, from 0: for zone_pool() */
    const char *file;      /* of its first record: the zone's, or one that it includes */
    int line;
};

struct node {
    const uint8_t *name; /* wire format, written case of its first record */
    struct node *parent; /* NULL: the apex */
    struct node *cut;   /* the delegation point this node is or stands below; NULL: authoritative */
    struct node *dname; /* the ancestor (not itself) whose DNAME hides it; NULL: none. Of cut and
                           dname only the one nearer to the apex is set: it hides the other */
    struct node *wildcard; /* its child "*"; NULL: none */
    struct rrset *rrsets;  /* none: an empty non-terminal (RFC 8499) */
};

/* What was read from a file is shared by models that follow each other, as long as the file stays
 * as it is: their zones then have the same `nodes`. The struct itself and `pools` are a model's
 * own.
 *
 * A template is a zone, too, with a marker for its apex (see template.h): all names in it that are
 * relative, owners and names in rdata, end in the marker. It answers for each of its domains, which
 * then stand in the marker's place. */
struct zone {
    const uint8_t *apex; /* wire format, lower case */
    const char *name;    /* text, without the last dot; "." for the root; "@customer.zone" for a
                            template */
    const char *file;
    const char *names; /* the file of a template's domains; NULL: no template */
    bool failed;       /* the file is bad: answer SERVFAIL. No nodes then */
    bool stale;        /* the file is bad: the contents are what was read of it before */
    bool stale_names;  /* the list of domains is bad: they are those that it had before */
    uint32_t serial;
    uint32_t negative_ttl_s; /* min(TTL of the SOA record, its minimum): RFC 2308 section 5 */
    struct node **nodes;     /* the apex first; a parent before its children */
    size_t nnodes;
    size_t nrrsets;
    uint32_t *pools;               /* of the model's pools, by rrset->number: see zone_pool() */
    struct domains *domains;       /* of a template: the names it stands for; NULL: no template */
    const struct content *content; /* for the model's own files; NULL: failed */
};

/* What steers an RRset of the zone; MODEL_NONE: it is answered as it stands. */
static inline uint32_t zone_pool(const struct zone *zone, const struct rrset *rrset)
{
    return zone->pools[rrset->number];
}

/* ---- what is probed ---- */

struct host {
    const char *name;    /* text, lower case, without the last dot */
    const uint8_t *wire; /* lower case */
    bool external; /* not in our zones (or below a delegation): addresses come from the resolver */
    unsigned weight;
    bool weight_set;
    struct address *addresses; /* in our zones: A, then AAAA. external: empty */
    size_t naddresses;
};

/* The effective settings of a check for some host; the same settings are stored once. */
struct check {
    const char *name; /* "smtp", or the operator's own */
    struct check_settings settings;
};

/* Health belongs to targets, nothing else. Two hosts with one address share its targets, unless
 * their settings differ. */
struct target {
    uint32_t host; /* the first that needed it; its name is the SNI and the log's word */
    uint32_t check;
    struct address address;
    uint16_t port; /* the check's, or that of the SRV record */
};

/* A service is given when any of its targets gives it. The same targets are the same service,
 * stored once, under the first host that needed it. */
struct service {
    uint32_t host;
    uint32_t check;
    uint16_t port;
    uint32_t *targets;
    size_t ntargets; /* 0 for an external host: the engine adds targets as addresses become known */
};

/* ---- what is steered ---- */

struct member {
    struct rdata record;
    uint32_t host; /* whose weight, tier and drain count. MX, SRV: the target. A, AAAA: where the
                      name has one such address: the name; else the one MX or configured host
                      that has this address for its only one (imap A .11 .12: mx1 and mx2), or
                      the name where there is no such host, or several. MODEL_NONE: none */
    const char *label;  /* MX, SRV: the host's name; A, AAAA: the address */
    uint32_t *services; /* what must be given there. MX, SRV: one; A, AAAA: each service of the
                           name at this address, by one target; none: never taken out */
    size_t nservices;
    unsigned weight; /* effective: the host's where set; SRV: else the record's; else 1 */
    bool weight_set; /* by the configuration */
    unsigned tier;   /* 0 first; TIER_OUTSIDE: never answered */
};

#define TIER_OUTSIDE UINT_MAX

/* Unless the policy says otherwise, the zone says less, or nothing is probed. */
enum { STEERED_TTL_S = 10 };

struct policy {
    uint32_t ttl_s;
    enum when_all_down when_all_down;
    enum on_down on_down;
    enum mx_weighting mx_weighting;
    unsigned min_capacity; /* percent; 0: no floor */
    unsigned ntiers;       /* 1 where none are named */
};

struct pool {
    const char *name; /* "example.test MX": its first owner and type */
    uint16_t rrtype;
    struct policy policy;
    struct member *members; /* in the order of the file */
    size_t nmembers;
    size_t nowners; /* RRsets that it stands behind */
};

struct domains;
struct content;
struct store;
struct table;

struct model {
    struct arena *arena;
    struct store **stores; /* what its zones were read into, by this load or by those before */
    size_t nstores;
    struct table *zone_table; /* for the functions below: zones by apex */
    struct zone *zones;
    size_t nzones;
    uint32_t *templates; /* those of the zones that are templates */
    size_t ntemplates;
    size_t nread; /* zone files, by this load; the others' zones are of the model before */
    struct host *hosts;
    size_t nhosts;
    struct check *checks;
    size_t nchecks;
    struct target *targets;
    size_t ntargets;
    struct service *services;
    size_t nservices;
    struct pool *pools;
    size_t npools;
};

/* Strict, as for -t: a bad zone file or list of domains ends the build. Else its zone goes on with
 * the contents that it has in `previous` (NULL: there is none), and is marked as stale; where it
 * has none, as failed. Configuration errors always end the build, and so do two files of one zone.
 * NULL when built nothing; diagnostics tell all errors and warnings in either case.
 *
 * Files that have not changed since `previous` was built are not read again; what is stale always
 * is. Models that share zones are freed in any order, by any thread. */
struct model *model_build(const struct config *config, const struct model *previous, bool strict,
                          struct diagnostics *diagnostics);
void model_free(struct model *model);

/* Memory of all that it holds, with the zones that it shares with other models. */
size_t model_bytes(const struct model *model);

/* The zone that answers for a name (the longest match; a template for its domains and all below
 * them), and there the node itself; NULL if none. In a template, names may end in a domain or in
 * the marker. */
const struct zone *model_zone(const struct model *model, const uint8_t *name);
const struct node *zone_node(const struct model *model, const struct zone *zone,
                             const uint8_t *name);

/* Octets of the zone's apex, or in a template of the domain, at the end of a name that the zone
 * answers for; 0: it does not. */
size_t zone_apex_size(const struct zone *zone, const uint8_t *name);

/* What a question for name is answered from, without CNAME and DNAME: the node, or the wildcard
 * that covers it (RFC 4592), or NULL. At and below a delegation: NULL. */
const struct node *zone_lookup(const struct model *model, const struct zone *zone,
                               const uint8_t *name);

const struct rrset *node_rrset(const struct node *node, uint16_t rrtype);

#endif
