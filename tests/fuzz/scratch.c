/* SPDX-License-Identifier: BSD-2-Clause */
#include "fuzz/scratch.h"

#include "fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

static struct {
    char folder[SCRATCH_PATH_SIZE - 64];
    bool fenced;
} scratch;

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...); /* the linker's --wrap leads all callers here */

static bool is_inside(const char *path)
{
    size_t size = strlen(scratch.folder);
    return strncmp(path, scratch.folder, size) == 0 && path[size] == '/' && !strstr(path, "..");
}

int __wrap_open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    int mode = flags & O_CREAT ? va_arg(rest, int) : 0;
    va_end(rest);
    if (scratch.fenced && (!is_inside(path) || (flags & O_ACCMODE) != O_RDONLY)) {
        errno = EACCES;
        return -1;
    }
    return __real_open(path, flags, mode);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status, (void)kind, (void)at;
    return remove(path);
}

static void scratch_remove(void)
{
    nftw(scratch.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void scratch_make(void)
{
    const char *memory = "/dev/shm", *set = getenv("TMPDIR");
    const char *parent = access(memory, W_OK) == 0 ? memory : set ? set : "/tmp";
    int length = snprintf(scratch.folder, sizeof scratch.folder, "%s/evermx-fuzz-XXXXXX", parent);
    FUZZ_CHECK(length > 0 && (size_t)length < sizeof scratch.folder);
    FUZZ_CHECK(mkdtemp(scratch.folder));
    atexit(scratch_remove);
}

void scratch_path(const char *file, char path[SCRATCH_PATH_SIZE])
{
    if (!scratch.folder[0])
        scratch_make();
    int length = snprintf(path, SCRATCH_PATH_SIZE, "%s/%s", scratch.folder, file);
    FUZZ_CHECK(length > 0 && length < SCRATCH_PATH_SIZE);
}

void scratch_write(const char *file, const void *bytes, size_t size)
{
    char path[SCRATCH_PATH_SIZE];
    scratch_path(file, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FUZZ_CHECK(fd >= 0);
    FUZZ_CHECK(write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

void scratch_write_text(const char *file, const char *text)
{
    scratch_write(file, text, strlen(text));
}

void scratch_fence(bool on)
{
    scratch.fenced = on;
}
