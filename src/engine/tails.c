/* SPDX-License-Identifier: BSD-2-Clause */
/* Tails over a reload: what resolvers hold of the answers before it. The TTL that they were given
 * out with counts, whatever the new one is; members that are gone are kept until theirs is over. */
#include "engine/core.h"

#include "base/memory.h"
#include "engine/state.h"

#include <stdlib.h>
#include <string.h>

static void free_leftover(struct leftover *leftover)
{
    free(leftover->host);
    free(leftover->pool);
    free(leftover->label);
    free(leftover->addresses);
    free(leftover->key);
}

void tails_free(struct core *core)
{
    for (size_t i = 0; i < core->nleftovers; i++)
        free_leftover(&core->leftovers[i]);
    free(core->leftovers);
}

static void forget_those_over(struct core *core, int64_t now_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < core->nleftovers; i++) {
        if (core->leftovers[i].until_ms + LEFTOVER_TOLD_MS > now_ms)
            core->leftovers[kept++] = core->leftovers[i];
        else
            free_leftover(&core->leftovers[i]);
    }
    core->nleftovers = kept;
}

static int64_t later(int64_t one_ms, int64_t other_ms)
{
    return one_ms > other_ms ? one_ms : other_ms;
}

static void add_address(struct leftover *leftover, const struct address *address)
{
    for (size_t i = 0; i < leftover->naddresses; i++)
        if (address_equal(&leftover->addresses[i], address))
            return;
    leftover->addresses = memory_grow(leftover->addresses, leftover->naddresses,
                                      &leftover->addresses_capacity, sizeof *address);
    leftover->addresses[leftover->naddresses++] = *address;
}

/* An address leads there; a name to all that it has, and a shared one may go on with any of them
 * when nothing is probed there any more. */
static void add_addresses(struct leftover *leftover, const struct view *before,
                          const struct member *member)
{
    struct address own;
    if (address_parse(member->label, &own)) {
        add_address(leftover, &own);
    } else if (member->host != MODEL_NONE) {
        const struct host *host = &before->model->hosts[member->host];
        const struct host_view *outside = &before->hosts[member->host];
        for (size_t i = 0; i < host->naddresses; i++)
            add_address(leftover, &host->addresses[i]);
        for (size_t i = 0; i < outside->naddresses; i++)
            add_address(leftover, &outside->addresses[i]);
    }
}

/* A pool that comes and goes leaves one. */
static void keep_leftover(struct core *core, struct table *by_key, const struct view *before,
                          const struct pool *pool, const struct member *member, int64_t until_ms)
{
    const char *host = member->host == MODEL_NONE ? NULL : before->model->hosts[member->host].name;
    char *key = memory_printf("%s %s", pool->name, member->label);
    uint32_t found;
    if (table_get(by_key, key, strlen(key), &found)) {
        free(key);
    } else {
        found = (uint32_t)core->nleftovers++;
        core->leftovers =
            memory_grow(core->leftovers, found, &core->leftovers_capacity, sizeof *core->leftovers);
        core->leftovers[found] = (struct leftover){
            .host = host ? memory_strdup(host) : NULL,
            .pool = memory_strdup(pool->name),
            .label = memory_strdup(member->label),
            .key = key,
        };
        table_put(by_key, key, strlen(key), found);
    }
    core->leftovers[found].until_ms = later(core->leftovers[found].until_ms, until_ms);
    add_addresses(&core->leftovers[found], before, member);
}

/* same: where it stands now; MODEL_NONE: nowhere. */
static void carry_pool(struct core *core, const struct view *before, uint32_t number, uint32_t same,
                       struct table *by_key, int64_t now_ms)
{
    const struct pool none = {.nmembers = 0}, *pool = &before->model->pools[number];
    const struct pool *now = same == MODEL_NONE ? &none : &core->view.model->pools[same];
    const struct pool_view *was = &before->pools[number];
    int64_t served_until_ms = now_ms + failover_held_ms(was->selection.ttl_s);
    if (same != MODEL_NONE)
        core->view.pools[same].tail_ms = later(was->tail_ms, served_until_ms);
    for (size_t i = 0; i < pool->nmembers; i++) {
        int64_t until_ms = was->tails_ms[i];
        if (member_is_served(was->selection.members[i]))
            until_ms = later(until_ms, served_until_ms);
        size_t at = pool_find_member(now, pool->members[i].label, i);
        if (at < now->nmembers)
            core->view.pools[same].tails_ms[at] =
                later(core->view.pools[same].tails_ms[at], until_ms);
        else if (until_ms > now_ms)
            keep_leftover(core, by_key, before, pool, &pool->members[i], until_ms);
    }
}

void tails_carry(struct core *core, const struct view *before, const uint32_t *same, int64_t now_ms)
{
    forget_those_over(core, now_ms);
    struct table *by_key = table_new(core->nleftovers);
    for (size_t i = 0; i < core->nleftovers; i++)
        table_put(by_key, core->leftovers[i].key, strlen(core->leftovers[i].key), (uint32_t)i);
    for (uint32_t i = 0; i < before->model->npools; i++)
        carry_pool(core, before, i, same[i], by_key, now_ms);
    table_free(by_key);
}
