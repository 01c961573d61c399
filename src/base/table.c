/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/table.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct slot {
    const void *key; /* NULL: free */
    uint32_t size;
    uint32_t hash; /* compared before the key, so that a miss rarely touches it */
    uint32_t value;
};

struct table {
    struct slot *slots;
    size_t mask, count;
};

/* Mixes eight octets at a time by multiplication and a shifted xor (the mixer of splitmix64). */
uint64_t hash_bytes(const void *data, size_t size, uint64_t seed)
{
    const uint8_t *bytes = data;
    uint64_t hash = seed ^ (size * 0x9E3779B97F4A7C15ull), word;
    for (; size >= 8; size -= 8, bytes += 8) {
        memcpy(&word, bytes, 8);
        hash = (hash ^ word) * 0xFF51AFD7ED558CCDull;
        hash ^= hash >> 32;
    }
    word = 0;
    if (size)
        memcpy(&word, bytes, size);
    hash = (hash ^ word) * 0xFF51AFD7ED558CCDull;
    hash ^= hash >> 29;
    hash *= 0xC4CEB9FE1A85EC53ull;
    return hash ^ hash >> 32;
}

struct table *table_new(size_t expected)
{
    struct table *table = memory_alloc(sizeof *table);
    size_t size = 16;
    while (size < expected + expected / 2)
        size *= 2;
    table->mask = size - 1;
    table->slots = memory_array(size, sizeof *table->slots);
    return table;
}

void table_free(struct table *table)
{
    if (!table)
        return;
    free(table->slots);
    free(table);
}

size_t table_count(const struct table *table)
{
    return table->count;
}

static struct slot *find(const struct table *table, const void *key, size_t size, uint32_t hash)
{
    for (size_t at = hash & table->mask;; at = (at + 1) & table->mask) {
        struct slot *slot = &table->slots[at];
        if (!slot->key ||
            (slot->hash == hash && slot->size == size && memcmp(slot->key, key, size) == 0))
            return slot;
    }
}

bool table_get(const struct table *table, const void *key, size_t size, uint32_t *value)
{
    const struct slot *slot = find(table, key, size, (uint32_t)hash_bytes(key, size, 0));
    if (!slot->key)
        return false;
    *value = slot->value;
    return true;
}

static void grow(struct table *table)
{
    struct slot *old = table->slots;
    size_t old_size = table->mask + 1;
    table->slots = memory_array(old_size * 2, sizeof *table->slots);
    table->mask = old_size * 2 - 1;
    for (size_t i = 0; i < old_size; i++) {
        if (!old[i].key)
            continue;
        size_t at = old[i].hash & table->mask;
        while (table->slots[at].key)
            at = (at + 1) & table->mask;
        table->slots[at] = old[i];
    }
    free(old);
}

void table_put(struct table *table, const void *key, size_t size, uint32_t value)
{
    uint32_t hash = (uint32_t)hash_bytes(key, size, 0);
    struct slot *slot = find(table, key, size, hash);
    if (!slot->key) {
        *slot = (struct slot){.key = key, .size = (uint32_t)size, .hash = hash};
        table->count++;
    }
    slot->value = value;
    if (table->count > (table->mask + 1) / 3 * 2)
        grow(table);
}
