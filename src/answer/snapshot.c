/* SPDX-License-Identifier: BSD-2-Clause */
/* Readers find the current snapshot by one acquiring load; a grace period of liburcu says when the
 * one before is no longer held by any of them. */
#define _LGPL_SOURCE /* liburcu's inline functions: a load and a store where calls would be */

#include "answer/snapshot.h"

#include "base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <urcu-qsbr.h>

/* ThreadSanitizer does not see the fences inside liburcu: tell it that what a reader did before it
 * went offline happened before what is done after the grace period. */
#if defined(__SANITIZE_THREAD__)
#define WATCHED_BY_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WATCHED_BY_TSAN 1
#endif
#endif
#ifdef WATCHED_BY_TSAN
#include <sanitizer/tsan_interface.h>
static char grace_period;
#define reader_left()        __tsan_release(&grace_period)
#define grace_period_ended() __tsan_acquire(&grace_period)
#else
#define reader_left()        ((void)0)
#define grace_period_ended() ((void)0)
#endif

struct publisher {
    _Atomic(struct snapshot *) current;
};

/* What a publication has replaced. */
struct retired {
    struct rcu_head head;
    struct snapshot *snapshot;
    struct catalog *catalog; /* NULL: still in use */
    size_t nimages;
    struct image *images[];
};

struct publisher *publisher_new(void)
{
    return memory_alloc(sizeof(struct publisher));
}

static struct snapshot *load(const struct publisher *publisher)
{
    return atomic_load_explicit(&publisher->current, memory_order_acquire);
}

static void free_retired(struct retired *retired)
{
    for (size_t i = 0; i < retired->nimages; i++)
        free(retired->images[i]);
    catalog_free(retired->catalog);
    free(retired->snapshot);
    free(retired);
}

static void grace_period_over(struct rcu_head *head)
{
    grace_period_ended();
    free_retired(caa_container_of(head, struct retired, head));
}

/* liburcu wants the caller of call_rcu to be a registered reader; the engine's thread is one only
 * here, so that it never delays a grace period while it waits for events. */
static void retire(struct retired *retired)
{
    rcu_register_thread();
    call_rcu(&retired->head, grace_period_over);
    rcu_unregister_thread();
}

static struct retired *retired_new(struct snapshot *snapshot, struct catalog *catalog,
                                   size_t nimages)
{
    struct retired *retired = memory_alloc(sizeof *retired + nimages * sizeof retired->images[0]);
    retired->snapshot = snapshot;
    retired->catalog = catalog;
    retired->nimages = nimages;
    return retired;
}

/* Everything that a snapshot holds. */
static struct retired *retire_all(struct snapshot *snapshot)
{
    struct retired *retired =
        retired_new(snapshot, (struct catalog *)snapshot->catalog, snapshot->npools);
    for (size_t i = 0; i < snapshot->npools; i++)
        retired->images[i] = (struct image *)snapshot->images[i];
    return retired;
}

static struct snapshot *snapshot_new(const struct publisher *publisher,
                                     const struct catalog *catalog, size_t npools)
{
    struct snapshot *snapshot =
        memory_alloc(sizeof *snapshot + npools * sizeof snapshot->images[0]);
    snapshot->catalog = catalog;
    snapshot->npools = npools;
    snapshot->serial = publisher_serial(publisher) + 1;
    return snapshot;
}

void publisher_replace(struct publisher *publisher, struct catalog *catalog, struct image **images,
                       size_t npools)
{
    struct snapshot *before = load(publisher);
    struct snapshot *next = snapshot_new(publisher, catalog, npools);
    for (size_t i = 0; i < npools; i++)
        next->images[i] = images[i];
    atomic_store_explicit(&publisher->current, next, memory_order_release);
    if (before)
        retire(retire_all(before));
}

void publisher_update(struct publisher *publisher, const struct publisher_change *changes,
                      size_t count)
{
    struct snapshot *before = load(publisher);
    struct snapshot *next = snapshot_new(publisher, before->catalog, before->npools);
    memcpy(next->images, before->images, before->npools * sizeof before->images[0]);
    struct retired *retired = retired_new(before, NULL, count);
    for (size_t i = 0; i < count; i++) {
        retired->images[i] = (struct image *)next->images[changes[i].pool];
        next->images[changes[i].pool] = changes[i].image;
    }
    atomic_store_explicit(&publisher->current, next, memory_order_release);
    retire(retired);
}

uint64_t publisher_serial(const struct publisher *publisher)
{
    const struct snapshot *snapshot = load(publisher);
    return snapshot ? snapshot->serial : 0;
}

void publisher_free(struct publisher *publisher)
{
    if (!publisher)
        return;
    struct snapshot *last = load(publisher);
    if (last)
        free_retired(retire_all(last));
    rcu_barrier(); /* what was retired before is freed, too */
    free(publisher);
}

/* ---- readers ---- */

void reader_register(void)
{
    rcu_register_thread();
    rcu_thread_offline();
}

void reader_unregister(void)
{
    rcu_unregister_thread();
}

void reader_online(void)
{
    rcu_thread_online();
}

void reader_offline(void)
{
    reader_left();
    rcu_thread_offline();
}

struct leftover {
    struct rcu_head head;
    void *memory;
};

static void free_leftover(struct rcu_head *head)
{
    struct leftover *leftover = caa_container_of(head, struct leftover, head);
    grace_period_ended();
    free(leftover->memory);
    free(leftover);
}

void reader_free_later(void *memory)
{
    struct leftover *leftover = memory_alloc(sizeof *leftover);
    leftover->memory = memory;
    rcu_register_thread();
    call_rcu(&leftover->head, free_leftover);
    rcu_unregister_thread();
}

const struct snapshot *publisher_current(const struct publisher *publisher)
{
    return load(publisher);
}
