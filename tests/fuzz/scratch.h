/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of a fuzz target: a folder in memory where there is one (/dev/shm), removed at the end.
 * While fenced, open(2) reaches nothing else, whatever an input names. */
#ifndef EVERMX_TESTS_FUZZ_SCRATCH_H
#define EVERMX_TESTS_FUZZ_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>

enum { SCRATCH_PATH_SIZE = 128 };

/* The path of a file in the folder, which is made by the first call. */
void scratch_path(const char *file, char path[SCRATCH_PATH_SIZE]);
void scratch_write(const char *file, const void *bytes, size_t size);
void scratch_write_text(const char *file, const char *text);

/* Between true and false only files of the folder can be opened, and only to be read. */
void scratch_fence(bool on);

#endif
