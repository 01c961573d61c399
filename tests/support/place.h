/* SPDX-License-Identifier: BSD-2-Clause */
/* Places of a test's own: a folder, a port. All of these fail the test where they cannot be had. */
#ifndef EVERMX_TESTS_PLACE_H
#define EVERMX_TESTS_PLACE_H

#include <stddef.h>
#include <stdint.h>

enum { FOLDER_SIZE = 64 };

/* A new folder in $TMPDIR (default /tmp), which tests/run removes whatever becomes of the test. */
void folder_make(char folder[FOLDER_SIZE]);
void folder_remove(const char *folder);
/* Of a file in it; fails where the path does not fit. */
void folder_path(const char *folder, const char *file, char *path, size_t size);
/* In place of what the file held. */
void file_write(const char *path, const void *bytes, size_t size);
void folder_write(const char *folder, const char *file, const char *text);

/* Waits until files that were written before are settled (base/file.h): such as are not count as
 * changed the next time. */
void files_settle(void);

/* A port of 127.0.0.1 that nobody has now, neither for TCP nor for UDP. */
uint16_t free_port(void);

#endif
