/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz targets: each is a file of this folder with one entry, linked with libFuzzer by `make fuzz`,
 * and with replay.c for `make check`. A target is deterministic, has one thread, and reaches
 * nothing outside itself: files stay in a folder in memory (scratch.h), peers are octets of the
 * input. */
#ifndef EVERMX_TESTS_FUZZ_H
#define EVERMX_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* What libFuzzer calls for each input. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold for every input. A violation ends the process as a crash does. */
#define FUZZ_CHECK(condition)                                                                      \
    ((condition) ? (void)0                                                                         \
                 : (fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition), \
                    abort()))

#endif
