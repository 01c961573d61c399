/* SPDX-License-Identifier: BSD-2-Clause */
/* Heap memory that is never NULL: out of memory ends the process here, in one place. Freed by
 * free(). */
#ifndef EVERMX_BASE_MEMORY_H
#define EVERMX_BASE_MEMORY_H

#include <stddef.h>

void *memory_alloc(size_t size);                              /* zeroed */
void *memory_array(size_t count, size_t size);                /* zeroed; checks the product */
void *memory_resize(void *memory, size_t count, size_t size); /* not zeroed */
char *memory_strdup(const char *text);
char *memory_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void memory_exhausted(size_t size);

/* Makes room for one more element behind *count in a growing array: doubles the capacity. The new
 * room is not zeroed. Returns the array. */
void *memory_grow(void *array, size_t count, size_t *capacity, size_t size);

#endif
