/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/place.h"

#include "base/file.h"

#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

void folder_make(char folder[FOLDER_SIZE])
{
    const char *parent = getenv("TMPDIR");
    int length = snprintf(folder, FOLDER_SIZE, "%s/evermx-test-XXXXXX", parent ? parent : "/tmp");
    assert_in_range(length, 1, FOLDER_SIZE - 1);
    assert_non_null(mkdtemp(folder));
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status, (void)kind, (void)at;
    return remove(path);
}

void folder_remove(const char *folder)
{
    assert_int_equal(nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void folder_path(const char *folder, const char *file, char *path, size_t size)
{
    int length = snprintf(path, size, "%s/%s", folder, file);
    assert_in_range(length, 1, size - 1);
}

/* Not by O_TRUNC: ext4 brings a file that was emptied and written anew to the disk when it is
 * closed, which takes longer than all else that a test does with it. */
void file_write(const char *path, const void *bytes, size_t size)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, bytes, size), (ssize_t)size);
    assert_int_equal(ftruncate(descriptor, (off_t)size), 0);
    assert_int_equal(close(descriptor), 0);
}

void folder_write(const char *folder, const char *file, const char *text)
{
    char path[256];
    folder_path(folder, file, path, sizeof path);
    file_write(path, text, strlen(text));
}

void files_settle(void)
{
    const int64_t longer_ms = FILE_STEP_MS + 10;
    nanosleep(&(struct timespec){.tv_nsec = longer_ms * 1000 * 1000}, NULL);
}

static int dual_socket(int type)
{
    int made = socket(AF_INET6, type, 0), off = 0;
    assert_int_equal(setsockopt(made, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off), 0);
    return made;
}

uint16_t free_port(void)
{
    for (;;) {
        int stream = dual_socket(SOCK_STREAM), datagram = dual_socket(SOCK_DGRAM);
        struct sockaddr_in6 name = {.sin6_family = AF_INET6}; /* any address of both families */
        socklen_t size = sizeof name;
        assert_int_equal(bind(stream, (struct sockaddr *)&name, size), 0);
        assert_int_equal(getsockname(stream, (struct sockaddr *)&name, &size), 0);
        bool both = bind(datagram, (struct sockaddr *)&name, size) == 0;
        close(stream);
        close(datagram);
        if (both)
            return ntohs(name.sin6_port);
    }
}
