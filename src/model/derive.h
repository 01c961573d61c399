/* SPDX-License-Identifier: BSD-2-Clause */
/* What follows from zones and configuration: which RRsets are steered, by which hosts, checks,
 * targets and services (design: MX -> exchange -> each address -> probe). Private to the model;
 * belongs to the thread that builds it.
 *
 *   hosts.c     hosts, their addresses, and what is asked of them
 *   services.c  checks, targets, services: each stored once
 *   sites.c     the RRsets that are steered
 *   policy.c    which policy holds for an owner, tiers
 *   round_trips.c  whether the messages of round trips can be found
 *   pools.c     pools, shared by RRsets of the same content
 */
#ifndef EVERMX_MODEL_DERIVE_H
#define EVERMX_MODEL_DERIVE_H

#include "base/diagnostics.h"
#include "base/table.h"
#include "config/config.h"
#include "model/lookup.h"
#include "model/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One check that a host must pass at a port, as derived or configured. */
struct demand {
    uint32_t check; /* of the model */
    uint16_t port;
};

/* What the model needs to know of a host only while it is built; beside model->hosts. */
struct host_state {
    const struct config_host *config; /* NULL: none */
    bool is_exchange, is_target;      /* of an MX, of an SRV */
    unsigned unchecked_kinds;         /* told: no configured check fits (bits of check_kind) */
    enum resolution resolution;
    const struct node *node; /* with its addresses, when RESOLVED_HERE */
    struct demand *demands;
    size_t ndemands, demands_capacity;
};

/* An RRset that is steered. */
struct site {
    uint32_t zone;
    const struct node *node;
    const struct rrset *rrset;
    enum check_kind kind;      /* MX, SRV: of the check that its members need */
    uint32_t hosts, last_host; /* A, AAAA: ends of the chain of hosts that have these addresses */
};

struct host_link {
    uint32_t host, next;
};

struct derivation {
    struct model *model; /* its arrays grow on the heap until derive_finish() */
    const struct config *config;
    struct diagnostics *diagnostics;
    bool zones_bad; /* names that are nowhere may stand in a zone that could not be read */
    size_t hosts_capacity, states_capacity, checks_capacity, targets_capacity, services_capacity,
        pools_capacity, sites_capacity, links_capacity;
    struct host_state *states;
    struct site *sites;
    size_t nsites;
    struct host_link *links;
    size_t nlinks;
    struct table *host_table, *check_table, *target_table, *service_table, *pool_table;
    struct table *single_table; /* address -> the one host that has it as its only one */
    struct table *weight_table; /* address -> the one host with a weight that has it */
    void *texts;                /* of settings (tsearch), each with its number from 1 on */
    uint32_t ntexts;
    struct policies *policies;
    uint32_t *ttls_s; /* by zone: the smallest of its pools; UINT32_MAX: none */
};

/* Fills hosts .. pools of a model whose zones stand. False when the configuration does not fit. */
bool model_derive(struct model *model, const struct config *config,
                  struct diagnostics *diagnostics);

/* ---- hosts.c ---- */

void hosts_configure(struct derivation *derivation);
uint32_t host_get(struct derivation *derivation, const uint8_t *name);
bool host_find(const struct derivation *derivation, const char *text, uint32_t *host);
/* An MX or SRV points to the host and needs a check of this kind there; port 0: the check's own. */
void host_require(struct derivation *derivation, uint32_t host, enum check_kind kind,
                  uint16_t port);
/* What a member whose target is the host must pass: one demand a call, *at counts them from 0. */
bool host_demand_next(struct derivation *derivation, uint32_t host, enum check_kind kind,
                      uint16_t port, size_t *at, struct demand *demand);
void hosts_resolve(struct derivation *derivation);
/* Whether its A and AAAA are steered. */
bool host_is_steered(const struct derivation *derivation, uint32_t host);
void hosts_report_dangling(struct derivation *derivation);

/* ---- services.c ---- */

/* The model's check: the configuration's of that number, with the host's own settings (NULL: none).
 */
uint32_t check_get(struct derivation *derivation, uint32_t config_check,
                   const struct config_host *host);
void texts_free(struct derivation *derivation);
/* A service given by all addresses of the host, or by one. */
uint32_t service_of_host(struct derivation *derivation, uint32_t host, struct demand demand);
uint32_t service_of_address(struct derivation *derivation, uint32_t host, struct demand demand,
                            const struct address *address);

/* ---- round_trips.c ---- */

/* Tells of round trips that cannot be made; after all that hosts are asked for is known. */
void round_trips_report(struct derivation *derivation);

/* ---- sites.c ---- */

void sites_collect(struct derivation *derivation);
void sites_collect_addresses(struct derivation *derivation);

/* ---- policy.c ---- */

struct policies *policies_new(struct derivation *derivation);
void policies_free(struct policies *policies);
/* The number of the policy that holds, or MODEL_NONE. */
uint32_t policy_find(struct policies *policies, const uint8_t *owner, uint16_t rrtype);
unsigned policy_tier(struct policies *policies, uint32_t policy, const struct member *member);
void policies_report_dangling(struct derivation *derivation);

/* ---- pools.c ---- */

void pools_build(struct derivation *derivation);

/* What a name or policy that nothing answers to means: an error, or, while zones are missing, a
 * warning. */
__attribute__((format(printf, 3, 4))) void
derive_dangling(struct derivation *derivation, struct config_place place, const char *format, ...);

#endif
