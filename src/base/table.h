/* SPDX-License-Identifier: BSD-2-Clause */
/* A hash table from byte strings to 32-bit values. Keys are not copied: they must outlive the
 * table. One writer; any number of readers while nobody writes. */
#ifndef EVERMX_BASE_TABLE_H
#define EVERMX_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table;

struct table *table_new(size_t expected);
void table_free(struct table *table);
size_t table_count(const struct table *table);

bool table_get(const struct table *table, const void *key, size_t size, uint32_t *value);
/* Sets the value of a key, old or new. */
void table_put(struct table *table, const void *key, size_t size, uint32_t value);

/* Also for others who need a good hash of bytes. Not against an adversary who knows the seed. */
uint64_t hash_bytes(const void *data, size_t size, uint64_t seed);

#endif
