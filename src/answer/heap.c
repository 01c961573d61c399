/* SPDX-License-Identifier: BSD-2-Clause */
#include "answer/heap.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

static void grow(struct heap *heap, size_t capacity)
{
    heap->bytes = memory_resize(heap->bytes, capacity, 1);
    memset(heap->bytes + heap->capacity, 0, capacity - heap->capacity);
    heap->capacity = capacity;
}

uint32_t heap_take(struct heap *heap, size_t size)
{
    size_t at = heap->used ? heap->used : HEAP_UNIT;
    size_t end = (at + size + HEAP_UNIT - 1) & ~(size_t)(HEAP_UNIT - 1);
    if (end > heap->capacity)
        grow(heap, end > 2 * heap->capacity ? end + 4096 : 2 * heap->capacity);
    heap->used = end;
    assert(at / HEAP_UNIT < HEAP_REFS);
    return (uint32_t)(at / HEAP_UNIT);
}

void heap_trim(struct heap *heap)
{
    if (heap->used == heap->capacity)
        return;
    heap->bytes = memory_resize(heap->bytes, heap->used, 1);
    heap->capacity = heap->used;
}

void heap_copy(struct heap *heap, const struct heap *from)
{
    heap->capacity = from->used + from->used / 64;
    heap->bytes = memory_array(heap->capacity, 1); /* large blocks need no clearing */
    if (from->used)
        memcpy(heap->bytes, from->bytes, from->used);
    heap->used = from->used;
}
