/* SPDX-License-Identifier: BSD-2-Clause */
/* See file.h. */
#include "base/file.h"

#include "base/memory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Without fractions, times are of whole seconds, or of pairs of them (FAT). */
#define STEP_NS         (INT64_C(1000) * 1000 * FILE_STEP_MS)
#define STEP_SECONDS_NS (INT64_C(2) * 1000 * 1000 * 1000)

static int64_t nanoseconds(const struct timespec *time)
{
    return (int64_t)time->tv_sec * 1000 * 1000 * 1000 + time->tv_nsec;
}

int64_t file_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return nanoseconds(&now);
}

struct file_identity file_identity(const struct stat *status, int64_t now_ns)
{
    int64_t changed_ns = nanoseconds(&status->st_ctim);
    int64_t step_ns = status->st_ctim.tv_nsec == 0 ? STEP_SECONDS_NS : STEP_NS;
    return (struct file_identity){
        .device = status->st_dev,
        .inode = status->st_ino,
        .size = status->st_size,
        .modified_ns = nanoseconds(&status->st_mtim),
        .changed_ns = changed_ns,
        .settled = changed_ns < now_ns - step_ns,
    };
}

bool file_is_same(const struct file_identity *read, const struct file_identity *now)
{
    return read->settled && read->device == now->device && read->inode == now->inode &&
           read->size == now->size && read->modified_ns == now->modified_ns &&
           read->changed_ns == now->changed_ns;
}

bool file_held_still(int descriptor, const struct stat *before)
{
    struct stat now;
    return fstat(descriptor, &now) == 0 && now.st_size == before->st_size &&
           nanoseconds(&now.st_mtim) == nanoseconds(&before->st_mtim) &&
           nanoseconds(&now.st_ctim) == nanoseconds(&before->st_ctim);
}

void file_asker_init(struct file_asker *asker)
{
    *asker = (struct file_asker){.folder = -1};
}

static void forget_folder(struct file_asker *asker)
{
    if (asker->folder >= 0)
        close(asker->folder);
    asker->folder = -1;
}

void file_asker_free(struct file_asker *asker)
{
    forget_folder(asker);
    free(asker->path);
}

static void open_folder(struct file_asker *asker, const char *path, size_t size)
{
    forget_folder(asker);
    if (size >= asker->capacity) {
        asker->capacity = 2 * size + 1;
        asker->path = memory_resize(asker->path, asker->capacity, 1);
    }
    memcpy(asker->path, path, size);
    asker->path[size] = '\0';
    asker->size = size;
    asker->folder = open(asker->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

bool file_ask(struct file_asker *asker, const char *path, struct file_identity *identity)
{
    const char *slash = strrchr(path, '/');
    size_t size = slash ? (size_t)(slash - path) + 1 : 0;
    struct stat status;
    bool same = asker->folder >= 0 && size == asker->size && memcmp(asker->path, path, size) == 0;
    if (size && !same)
        open_folder(asker, path, size);
    int folder = size ? asker->folder : AT_FDCWD;
    if ((size && folder < 0) || fstatat(folder, path + size, &status, 0) < 0)
        return false;
    *identity = file_identity(&status, INT64_MAX);
    return true;
}
