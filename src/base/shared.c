/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/shared.h"

#include "base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct shared {
    atomic_uint holders;
    bool secret;
    size_t size;
    char bytes[]; /* size, and a NUL */
};

/* Pages of its own, so that nothing else is kept out of a core dump with it. */
static size_t pages_for(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (size + page - 1) / page * page;
}

void *secret_alloc(size_t size)
{
    size_t pages = pages_for(size);
    void *room = mmap(NULL, pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        memory_exhausted(pages);
    madvise(room, pages, MADV_DONTDUMP);
    return room;
}

void secret_free(void *room, size_t size)
{
    if (!room)
        return;
    explicit_bzero(room, size);
    munmap(room, pages_for(size));
}

struct shared *shared_new(const char *bytes, size_t size, bool secret)
{
    size_t room = sizeof(struct shared) + size + 1;
    struct shared *shared = secret ? secret_alloc(room) : memory_alloc(room);
    atomic_init(&shared->holders, 1);
    shared->secret = secret;
    shared->size = size;
    memcpy(shared->bytes, bytes, size);
    return shared;
}

struct shared *shared_hold(struct shared *shared)
{
    if (shared)
        atomic_fetch_add_explicit(&shared->holders, 1, memory_order_relaxed);
    return shared;
}

void shared_release(struct shared *shared)
{
    if (!shared || atomic_fetch_sub_explicit(&shared->holders, 1, memory_order_acq_rel) > 1)
        return;
    if (shared->secret)
        secret_free(shared, sizeof *shared + shared->size + 1);
    else
        free(shared);
}

const char *shared_text(const struct shared *shared)
{
    return shared ? shared->bytes : NULL;
}

size_t shared_size(const struct shared *shared)
{
    return shared ? shared->size : 0;
}

bool shared_equal(const struct shared *one, const struct shared *other)
{
    if (one == other || !one || !other)
        return one == other;
    if (one->size != other->size)
        return false;
    unsigned char differs = 0;
    for (size_t i = 0; i < one->size; i++)
        differs |= (unsigned char)(one->bytes[i] ^ other->bytes[i]);
    return !differs;
}
