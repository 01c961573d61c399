/* SPDX-License-Identifier: BSD-2-Clause */
/* The hosts of one family in their subnets: who is heard, who is silent, and who has been for so
 * long that it is dead. Pure. Of the uplink guard alone; all in O(log n) of the hosts: a tree of
 * them, and counters. */
#ifndef EVERMX_VERDICT_HOSTS_H
#define EVERMX_VERDICT_HOSTS_H

#include "base/address.h"
#include "verdict/heard.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

enum hearing {
    HEARD,  /* or not known: nothing speaks against it */
    SILENT, /* for a while: in the list of those */
    DEAD,   /* for longer */
};

struct host;

struct subnet {
    struct address network; /* a /24 or a /48 */
    uint32_t number;        /* never used again */
    size_t hosts, silent, dead;
    const struct host *latest; /* heard last; NULL: none was */
    TAILQ_ENTRY(subnet) place; /* by when it was heard */
};

struct host {
    struct address address;
    struct subnet *subnet;
    unsigned count; /* of hosts_add() */
    int64_t alive_ms, silent_since_ms;
    enum hearing hearing;
    bool counted;            /* as heard at alive_ms */
    bool again;              /* was told UPLINK_AGAIN since it was heard */
    unsigned excuses;        /* freezes since then that it was told so for, */
    int64_t excused_ms;      /* and the end of the last one */
    uint64_t tide;           /* in which it was heard; see the guard's */
    TAILQ_ENTRY(host) place; /* while silent */
};

TAILQ_HEAD(host_list, host);
TAILQ_HEAD(subnet_list, subnet);

struct hosts {
    void *hosts, *subnets; /* tsearch(3): by address */
    struct host_list silent;
    struct subnet_list recent; /* heard last: at the end */
    size_t nhosts, nsubnets;
    size_t nsilent, nsilent_subnets, ndead, nlive_subnets; /* live: not all of it is dead */
    uint32_t last_number;
    struct heard heard;
};

#define NEVER_MS (INT64_MIN / 2)

void hosts_init(struct hosts *hosts);
void hosts_clear(struct hosts *hosts);

struct host *hosts_find(const struct hosts *hosts, const struct address *address); /* NULL: none */
/* It comes (again: counted). */
void hosts_add(struct hosts *hosts, const struct address *address);
void hosts_remove(struct hosts *hosts, struct host *host); /* freed */

/* Something came from it, at_ms. True: it is news, of a host that is not silent by now. */
bool hosts_hear(struct hosts *hosts, struct host *host, int64_t at_ms);

void hosts_mark_silent(struct hosts *hosts, struct host *host, int64_t since_ms);
/* Those that are silent since before then are dead. */
void hosts_bury(struct hosts *hosts, int64_t before_ms);
/* Those that are silent (and not dead) have to show it anew. */
void hosts_pardon(struct hosts *hosts);

/* Nobody outside of its own subnet is left who could tell. */
bool hosts_is_lone(const struct hosts *hosts, const struct subnet *subnet);

#endif
