/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that is freed all at once. An arena belongs to one thread at a time. */
#ifndef EVERMX_BASE_ARENA_H
#define EVERMX_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *arena);
size_t arena_bytes(const struct arena *arena); /* taken from the system */
size_t arena_used(const struct arena *arena);  /* of them, handed out */

/* Zeroed, aligned to 8 bytes (arena_bytes_dup: unaligned). Never NULL: out of memory ends the
 * process. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_dup(struct arena *arena, const void *data, size_t size);
uint8_t *arena_pack(struct arena *arena, const void *data, size_t size);
char *arena_strdup(struct arena *arena, const char *text);
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define ARENA_NEW(arena, type)          ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_alloc((arena), sizeof(type) * (count)))

#endif
