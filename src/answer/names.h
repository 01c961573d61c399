/* SPDX-License-Identifier: BSD-2-Clause */
/* An index from names to places: open addressing with linear probing, the hash beside the place, so
 * that a miss rarely touches a name. It does not hold names: who asks brings a way to compare.
 * Copied as a whole for the next catalog, then changed; once published, only read. */
#ifndef EVERMX_ANSWER_NAMES_H
#define EVERMX_ANSWER_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct name_slot {
    uint32_t hash;
    uint32_t ref; /* 0: free */
};

struct name_index {
    struct name_slot *slots;
    uint32_t mask;
    uint32_t count;
};

/* Eight octets at a time, the last eight of them overlapping those before (the mixer of
 * splitmix64). A name in wire format and lower case. */
static inline uint32_t name_index_hash(const uint8_t *name, size_t size)
{
    uint64_t hash = size * 0x9E3779B97F4A7C15ull, word = 0;
    for (size_t at = 0; at + 8 < size; at += 8) {
        memcpy(&word, name + at, 8);
        hash = (hash ^ word) * 0xFF51AFD7ED558CCDull;
        hash ^= hash >> 32;
    }
    if (size >= 8)
        memcpy(&word, name + size - 8, 8);
    else
        for (size_t at = 0; at < size; at++)
            word = word << 8 | name[at];
    hash = (hash ^ word) * 0xFF51AFD7ED558CCDull;
    hash ^= hash >> 29;
    hash *= 0xC4CEB9FE1A85EC53ull;
    return (uint32_t)(hash >> 32);
}

void name_index_init(struct name_index *index, size_t expected);
void name_index_copy(struct name_index *index, const struct name_index *from);
void name_index_free(struct name_index *index);
size_t name_index_bytes(const struct name_index *index);

/* A name that is not in the index yet. */
void name_index_add(struct name_index *index, uint32_t hash, uint32_t ref);

/* Closes the gap, so that searches need no marks of what once was. */
void name_index_remove(struct name_index *index, struct name_slot *slot);

/* The slots where a hash may be: from name_index_first(), by name_index_next() until a free one. */
static inline struct name_slot *name_index_first(const struct name_index *index, uint32_t hash)
{
    return &index->slots[hash & index->mask];
}

static inline struct name_slot *name_index_next(const struct name_index *index,
                                                const struct name_slot *slot)
{
    return &index->slots[(uint32_t)(slot - index->slots + 1) & index->mask];
}

#endif
