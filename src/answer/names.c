/* SPDX-License-Identifier: BSD-2-Clause */
#include "answer/names.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { SIZE_LEAST = 16 };

/* At most two thirds of the slots are taken: searches that fail end soon. */
static size_t size_for(size_t count)
{
    size_t size = SIZE_LEAST;
    while (size < count + count / 2)
        size *= 2;
    return size;
}

void name_index_init(struct name_index *index, size_t expected)
{
    size_t size = size_for(expected);
    *index = (struct name_index){.slots = memory_array(size, sizeof *index->slots),
                                 .mask = (uint32_t)(size - 1)};
}

void name_index_copy(struct name_index *index, const struct name_index *from)
{
    *index = *from;
    index->slots = memory_array((size_t)from->mask + 1, sizeof *index->slots);
    memcpy(index->slots, from->slots, name_index_bytes(from));
}

void name_index_free(struct name_index *index)
{
    free(index->slots);
    *index = (struct name_index){0};
}

size_t name_index_bytes(const struct name_index *index)
{
    return index->slots ? ((size_t)index->mask + 1) * sizeof *index->slots : 0;
}

static void put(struct name_index *index, struct name_slot slot)
{
    struct name_slot *at = name_index_first(index, slot.hash);
    while (at->ref)
        at = name_index_next(index, at);
    *at = slot;
}

static void grow(struct name_index *index)
{
    struct name_index larger;
    name_index_init(&larger, (size_t)index->mask + 1);
    larger.count = index->count;
    for (size_t i = 0; i <= index->mask; i++)
        if (index->slots[i].ref)
            put(&larger, index->slots[i]);
    free(index->slots);
    *index = larger;
}

void name_index_add(struct name_index *index, uint32_t hash, uint32_t ref)
{
    index->count++;
    if (index->count > (index->mask + 1) / 3 * 2)
        grow(index);
    put(index, (struct name_slot){hash, ref});
}

/* Whether what stands at `at`, and was searched for from `home` on, may move to the gap before it.
 */
static bool may_move(const struct name_index *index, uint32_t home, uint32_t gap, uint32_t at)
{
    return ((at - home) & index->mask) >= ((at - gap) & index->mask);
}

void name_index_remove(struct name_index *index, struct name_slot *slot)
{
    uint32_t gap = (uint32_t)(slot - index->slots);
    for (uint32_t at = (gap + 1) & index->mask; index->slots[at].ref; at = (at + 1) & index->mask) {
        if (!may_move(index, index->slots[at].hash & index->mask, gap, at))
            continue;
        index->slots[gap] = index->slots[at];
        gap = at;
    }
    index->slots[gap] = (struct name_slot){0};
    index->count--;
}
