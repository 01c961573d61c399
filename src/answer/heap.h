/* SPDX-License-Identifier: BSD-2-Clause */
/* Octets that grow and are addressed in units, so that 32 bits reach far; the first unit is left
 * free, as 0 means none. A place moves as the heap grows, its number does not. One thread until it
 * is published, readers only from then on. */
#ifndef EVERMX_ANSWER_HEAP_H
#define EVERMX_ANSWER_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct heap {
    uint8_t *bytes;
    size_t used, capacity;
};

enum { HEAP_UNIT = 8 }; /* octets */

/* Numbers are below: the bit above is the user's. */
#define HEAP_REFS UINT32_C(0x80000000)

/* The number of zeroed room of so many octets. */
uint32_t heap_take(struct heap *heap, size_t size);
/* Gives back what is not used. */
void heap_trim(struct heap *heap);
/* Into an empty one, with a little room more. */
void heap_copy(struct heap *heap, const struct heap *from);

#endif
