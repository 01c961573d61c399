/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/arena.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Chunks grow with the arena, so that a small one stays small and a large one takes few. */
enum { CHUNK_FIRST = 4096, CHUNK_LARGEST = 1 << 20 };

struct chunk {
    struct chunk *next;
    size_t size, used;
    _Alignas(8) uint8_t bytes[];
};

struct arena {
    struct chunk *chunks; /* the one in use first */
    size_t next_size;
    size_t bytes, used;
};

struct arena *arena_new(void)
{
    struct arena *arena = memory_alloc(sizeof *arena);
    arena->next_size = CHUNK_FIRST;
    return arena;
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    for (struct chunk *chunk = arena->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(arena);
}

size_t arena_bytes(const struct arena *arena)
{
    return arena->bytes;
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}

static struct chunk *chunk_add(struct arena *arena, size_t least)
{
    size_t size = arena->next_size > least ? arena->next_size : least;
    if (size > SIZE_MAX - sizeof(struct chunk))
        memory_exhausted(size);
    struct chunk *chunk = memory_alloc(sizeof *chunk + size);
    chunk->size = size;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->bytes += sizeof *chunk + size;
    if (arena->next_size < CHUNK_LARGEST)
        arena->next_size *= 2;
    return chunk;
}

static uint8_t *take(struct arena *arena, size_t size, size_t alignment)
{
    if (size > SIZE_MAX / 2)
        memory_exhausted(size);
    struct chunk *chunk = arena->chunks;
    size_t at = chunk ? (chunk->used + alignment - 1) & ~(alignment - 1) : 0;
    if (!chunk || at > chunk->size || chunk->size - at < size) {
        chunk = chunk_add(arena, size);
        at = 0;
    }
    arena->used += at + size - chunk->used;
    chunk->used = at + size;
    return chunk->bytes + at;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    return take(arena, size, 8);
}

void *arena_dup(struct arena *arena, const void *data, size_t size)
{
    void *copy = take(arena, size, 8);
    return size ? memcpy(copy, data, size) : copy;
}

uint8_t *arena_pack(struct arena *arena, const void *data, size_t size)
{
    uint8_t *copy = take(arena, size, 1);
    return size ? memcpy(copy, data, size) : copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return (char *)arena_pack(arena, text, strlen(text) + 1);
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    char *text = (char *)take(arena, (size_t)length + 1, 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(arguments);
    return text;
}
