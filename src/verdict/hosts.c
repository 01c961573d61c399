/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/hosts.h"

#include "base/memory.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

void hosts_init(struct hosts *hosts)
{
    *hosts = (struct hosts){0};
    TAILQ_INIT(&hosts->silent);
    TAILQ_INIT(&hosts->recent);
    heard_init(&hosts->heard);
}

void hosts_clear(struct hosts *hosts)
{
    tdestroy(hosts->hosts, free);
    tdestroy(hosts->subnets, free);
}

/* ---- hosts and subnets ---- */

static int address_order(const struct address *one, const struct address *other)
{
    return memcmp(one->bytes, other->bytes, address_size(one));
}

static int host_order(const void *one, const void *other)
{
    return address_order(&((const struct host *)one)->address,
                         &((const struct host *)other)->address);
}

static int subnet_order(const void *one, const void *other)
{
    return address_order(&((const struct subnet *)one)->network,
                         &((const struct subnet *)other)->network);
}

struct host *hosts_find(const struct hosts *hosts, const struct address *address)
{
    struct host key = {.address = *address};
    struct host **found = tfind(&key, &hosts->hosts, host_order);
    return found ? *found : NULL;
}

static struct subnet *join_subnet(struct hosts *hosts, const struct address *address)
{
    size_t octets = address->family == 6 ? 6 : 3;
    struct subnet key = {.network = {.family = address->family}};
    memcpy(key.network.bytes, address->bytes, octets);
    struct subnet **found = tfind(&key, &hosts->subnets, subnet_order), *subnet;
    if (found)
        return *found;
    subnet = memory_alloc(sizeof *subnet);
    subnet->network = key.network;
    subnet->number = ++hosts->last_number;
    if (!tsearch(subnet, &hosts->subnets, subnet_order))
        memory_exhausted(sizeof *subnet);
    TAILQ_INSERT_HEAD(&hosts->recent, subnet, place);
    hosts->nsubnets++;
    return subnet;
}

static void leave_subnet(struct hosts *hosts, struct host *host)
{
    struct subnet *subnet = host->subnet;
    if (subnet->latest == host)
        subnet->latest = NULL;
    if (--subnet->hosts)
        return;
    TAILQ_REMOVE(&hosts->recent, subnet, place);
    tdelete(subnet, &hosts->subnets, subnet_order);
    hosts->nsubnets--;
    free(subnet);
}

/* ---- who is silent ---- */

static void uncount(struct hosts *hosts, struct host *host)
{
    if (host->counted)
        heard_uncount(&hosts->heard, host->alive_ms);
    host->counted = false;
}

static void count_subnet(struct hosts *hosts, const struct subnet *subnet, int sign)
{
    if (subnet->silent)
        hosts->nsilent_subnets += (size_t)sign;
    if (subnet->hosts > subnet->dead)
        hosts->nlive_subnets += (size_t)sign;
}

static void set_hearing(struct hosts *hosts, struct host *host, enum hearing hearing)
{
    struct subnet *subnet = host->subnet;
    if (host->hearing == hearing)
        return;
    uncount(hosts, host);
    count_subnet(hosts, subnet, -1);
    if (host->hearing == SILENT) {
        TAILQ_REMOVE(&hosts->silent, host, place);
        hosts->nsilent--, subnet->silent--;
    } else if (host->hearing == DEAD) {
        hosts->ndead--, subnet->dead--;
    }
    host->hearing = hearing;
    if (hearing == SILENT) {
        TAILQ_INSERT_TAIL(&hosts->silent, host, place);
        hosts->nsilent++, subnet->silent++;
    } else if (hearing == DEAD) {
        hosts->ndead++, subnet->dead++;
    }
    count_subnet(hosts, subnet, 1);
}

void hosts_mark_silent(struct hosts *hosts, struct host *host, int64_t since_ms)
{
    if (host->hearing != HEARD)
        return;
    host->silent_since_ms = since_ms > host->alive_ms ? since_ms : host->alive_ms;
    set_hearing(hosts, host, SILENT);
}

void hosts_bury(struct hosts *hosts, int64_t before_ms)
{
    struct host *host;
    while ((host = TAILQ_FIRST(&hosts->silent)) && host->silent_since_ms < before_ms)
        set_hearing(hosts, host, DEAD);
}

void hosts_pardon(struct hosts *hosts)
{
    struct host *host;
    while ((host = TAILQ_FIRST(&hosts->silent)))
        set_hearing(hosts, host, HEARD);
}

bool hosts_is_lone(const struct hosts *hosts, const struct subnet *subnet)
{
    return hosts->nlive_subnets <= (subnet->hosts > subnet->dead);
}

bool hosts_hear(struct hosts *hosts, struct host *host, int64_t at_ms)
{
    heard_subnet(&hosts->heard, host->subnet->number, at_ms);
    if (at_ms <= host->alive_ms)
        return false;
    if (host->hearing != HEARD && at_ms <= host->silent_since_ms)
        return false;
    uncount(hosts, host);
    set_hearing(hosts, host, HEARD);
    host->alive_ms = at_ms;
    host->again = false;
    host->excuses = 0;
    host->counted = heard_count(&hosts->heard, at_ms);
    host->subnet->latest = host;
    TAILQ_REMOVE(&hosts->recent, host->subnet, place);
    TAILQ_INSERT_TAIL(&hosts->recent, host->subnet, place);
    return true;
}

/* ---- coming and going ---- */

void hosts_add(struct hosts *hosts, const struct address *address)
{
    struct host *host = hosts_find(hosts, address);
    if (host) {
        host->count++;
        return;
    }
    host = memory_alloc(sizeof *host);
    host->address = *address;
    host->count = 1;
    host->alive_ms = host->excused_ms = NEVER_MS;
    host->subnet = join_subnet(hosts, address);
    if (!tsearch(host, &hosts->hosts, host_order))
        memory_exhausted(sizeof *host);
    count_subnet(hosts, host->subnet, -1);
    host->subnet->hosts++;
    count_subnet(hosts, host->subnet, 1);
    hosts->nhosts++;
}

void hosts_remove(struct hosts *hosts, struct host *host)
{
    set_hearing(hosts, host, HEARD);
    uncount(hosts, host);
    tdelete(host, &hosts->hosts, host_order);
    hosts->nhosts--;
    if (host->subnet->hosts - host->subnet->dead == 1)
        hosts->nlive_subnets--;
    leave_subnet(hosts, host);
    free(host);
}
