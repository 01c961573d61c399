/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of what went wrong: "doing what, on what: why". Filled by the callee, logged once by the
 * caller. */
#ifndef EVERMX_BASE_ERROR_H
#define EVERMX_BASE_ERROR_H

#include <stdbool.h>

struct error {
    char text[512];
};

/* Fills *error (may be NULL) and returns false, so that `return error_set(...)` reads well. */
bool error_set(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
