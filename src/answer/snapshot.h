/* SPDX-License-Identifier: BSD-2-Clause */
/* Snapshots: all zones and images at one moment, published by one pointer under userspace-RCU
 * (liburcu, QSBR flavour). The engine alone publishes; responders read. */
#ifndef EVERMX_ANSWER_SNAPSHOT_H
#define EVERMX_ANSWER_SNAPSHOT_H

#include "answer/catalog.h"
#include "answer/image.h"

#include <stddef.h>
#include <stdint.h>

struct snapshot {
    const struct catalog *catalog;
    uint64_t serial; /* counts publications, from 1 */
    size_t npools;
    const struct image *images[]; /* by pool number */
};

struct publisher;

struct publisher *publisher_new(void);
/* When no reader is left. Frees the snapshot that is current. */
void publisher_free(struct publisher *publisher);

/* A new catalog with an image for each of its pools. Takes both over (the array's images, not the
 * array). The ones before are freed after a grace period; nobody waits for it. */
void publisher_replace(struct publisher *publisher, struct catalog *catalog, struct image **images,
                       size_t npools);

/* New images for some pools of the current catalog, all seen at once. Takes the images over. The
 * work is O(pools), whatever the number of names. */
struct publisher_change {
    uint32_t pool;
    struct image *image;
};
void publisher_update(struct publisher *publisher, const struct publisher_change *changes,
                      size_t count);

uint64_t publisher_serial(const struct publisher *publisher); /* 0: nothing published yet */

/* ---- readers ---- */

/* A responder's thread registers, is online while it holds a snapshot, and says so when it holds
 * none: offline around every call that may block. Several packets may be answered within one online
 * phase, but each loads the snapshot once. */
void reader_register(void);
void reader_unregister(void);
void reader_online(void);
void reader_offline(void);

/* Frees memory (by free()) that readers could find until now, once none of them holds it any more.
 * For the thread that took it out of their sight; it waits for nobody. */
void reader_free_later(void *memory);

/* NULL before the first publication. */
const struct snapshot *publisher_current(const struct publisher *publisher);

#endif
