/* SPDX-License-Identifier: BSD-2-Clause */
/* See compare.h. */
#include "model/compare.h"

#include "base/table.h"
#include "wire/name.h"

#include <string.h>

const struct zone *model_zone_like(const struct model *model, const struct zone *zone)
{
    uint32_t number;
    bool found = table_get(model->zone_table, zone->apex, name_size(zone->apex), &number);
    return found ? &model->zones[number] : NULL;
}

bool model_is_same(const struct model *one, const struct model *other)
{
    bool same = one->nzones == other->nzones;
    for (size_t i = 0; same && i < one->nzones; i++) {
        const struct zone *first = &one->zones[i], *second = &other->zones[i];
        same = first->content == second->content && first->domains == second->domains &&
               first->stale == second->stale && first->stale_names == second->stale_names &&
               (!first->failed || name_equal(first->apex, second->apex));
    }
    return same;
}

static bool rrset_is_equal(const struct rrset *one, const struct rrset *other)
{
    if (one->rrtype != other->rrtype || one->ttl_s != other->ttl_s || one->count != other->count)
        return false;
    for (uint32_t i = 0; i < one->count; i++)
        if (one->records[i].size != other->records[i].size ||
            memcmp(one->records[i].bytes, other->records[i].bytes, one->records[i].size) != 0)
            return false;
    return true;
}

static bool node_is_equal(const struct node *one, const struct node *other)
{
    const struct rrset *first = one->rrsets, *second = other->rrsets;
    if (!name_equal(one->name, other->name))
        return false;
    while (first != NULL && second != NULL && rrset_is_equal(first, second)) {
        first = first->next;
        second = second->next;
    }
    return first == NULL && second == NULL;
}

bool zone_is_equal(const struct zone *one, const struct zone *other)
{
    if (one->content == other->content && one->failed == other->failed)
        return true;
    if (one->failed != other->failed || one->nnodes != other->nnodes)
        return false;
    for (size_t i = 0; i < one->nnodes; i++)
        if (!node_is_equal(one->nodes[i], other->nodes[i]))
            return false;
    return true;
}
