/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a file is still the one that was read: by what the file system says of it, without
 * reading it again. */
#ifndef EVERMX_BASE_FILE_H
#define EVERMX_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* As a file was when it was read. The change time tells of all changes, as nobody can set it; only
 * one that comes so soon after another that the file system's clock has not moved on goes unseen. A
 * file that was changed that shortly before it was read is not settled, and counts as changed the
 * next time. */
struct file_identity {
    uint64_t device, inode;
    int64_t size, modified_ns, changed_ns; /* octets; since 1970 */
    bool settled;
};

/* Two changes within so many milliseconds may have the same time: kernels take it from their tick,
 * of 10 ms at most. (File systems that keep no fractions have more, see file.c.) */
enum { FILE_STEP_MS = 50 };

/* now_ns: at or before the moment of opening the file; by file_clock_ns(). */
struct file_identity file_identity(const struct stat *status, int64_t now_ns);
int64_t file_clock_ns(void);

/* Whether a file that was read is unchanged, given what it is now. */
bool file_is_same(const struct file_identity *read, const struct file_identity *now);

/* Whether a file that is open has stayed as `before` says, by fstat(): what was read of one that an
 * editor has truncated and is still writing is not what was meant. */
bool file_held_still(int descriptor, const struct stat *before);

/* Asks for many files, most of which stand in the same folder as the one before: that is cheaper by
 * half than by their whole paths. Belongs to one thread. */
struct file_asker {
    int folder; /* its descriptor; -1: none */
    char *path; /* of the folder, with the last slash */
    size_t size, capacity;
};

void file_asker_init(struct file_asker *asker);
void file_asker_free(struct file_asker *asker);
/* False: there is no such file, or it cannot be asked for; then and when it is of no regular kind
 * it is to be read, as that tells why. */
bool file_ask(struct file_asker *asker, const char *path, struct file_identity *identity);

#endif
