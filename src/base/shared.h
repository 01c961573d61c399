/* SPDX-License-Identifier: BSD-2-Clause */
/* Short texts that several owners hold, immutable and counted: the last one that lets go frees
 * them. A secret one is kept out of core dumps and wiped when it is freed. Any thread. */
#ifndef EVERMX_BASE_SHARED_H
#define EVERMX_BASE_SHARED_H

#include <stdbool.h>
#include <stddef.h>

struct shared;

/* A copy of so many octets; held once. */
struct shared *shared_new(const char *bytes, size_t size, bool secret);
struct shared *shared_hold(struct shared *shared); /* NULL stays NULL */
void shared_release(struct shared *shared);        /* NULL: nothing to do */

/* A NUL stands behind the octets; NULL of NULL. */
const char *shared_text(const struct shared *shared);
size_t shared_size(const struct shared *shared);
/* The same octets, or both NULL. In constant time for secrets of one size. */
bool shared_equal(const struct shared *one, const struct shared *other);

/* Room for a secret on its way into one, as when its file is read: zeroed, kept out of core dumps,
 * wiped when it is freed (with the same size). Never NULL. */
void *secret_alloc(size_t size);
void secret_free(void *room, size_t size); /* NULL: nothing to do */

#endif
