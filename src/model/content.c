/* SPDX-License-Identifier: BSD-2-Clause */
/* Stores, and the index of a zone's names; see content.h. */
#include "model/content.h"

#include "base/memory.h"
#include "base/table.h"
#include "wire/name.h"

#include <stdlib.h>

struct store *store_new(void)
{
    struct store *store = memory_alloc(sizeof *store);
    store->references = 1;
    store->arena = arena_new();
    return store;
}

void store_share(struct store *store)
{
    atomic_fetch_add_explicit(&store->references, 1, memory_order_relaxed);
}

void store_release(struct store *store)
{
    if (atomic_fetch_sub_explicit(&store->references, 1, memory_order_acq_rel) > 1)
        return;
    arena_free(store->arena);
    free(store);
}

uint32_t name_hash(const uint8_t *lower, size_t size)
{
    return (uint32_t)hash_bytes(lower, size, 0);
}

uint32_t index_find(const uint32_t *index, uint32_t mask, struct node *const *nodes,
                    const uint8_t *lower, size_t size)
{
    for (uint32_t at = name_hash(lower, size) & mask; index[at] != 0; at = (at + 1) & mask)
        if (name_equal(nodes[index[at] - 1]->name, lower))
            return index[at] - 1;
    return MODEL_NONE;
}

void index_put(uint32_t *index, uint32_t mask, const uint8_t *lower, size_t size, uint32_t number)
{
    uint32_t at = name_hash(lower, size) & mask;
    while (index[at] != 0)
        at = (at + 1) & mask;
    index[at] = number + 1;
}
