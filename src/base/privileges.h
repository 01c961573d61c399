/* SPDX-License-Identifier: BSD-2-Clause */
/* What a process started by root does before it serves: takes descriptors, hands over what it made,
 * becomes another user. Before there are threads. */
#ifndef EVERMX_BASE_PRIVILEGES_H
#define EVERMX_BASE_PRIVILEGES_H

#include "base/error.h"

#include <stdbool.h>

bool privileges_user_exists(const char *user);

/* From root to that user, for good. */
bool privileges_drop(const char *user, struct error *error);

/* Makes that user the owner of a file or directory. */
bool privileges_give(const char *path, const char *user, struct error *error);

/* The limit of descriptors: as many as we may have. */
bool privileges_raise_descriptors(struct error *error);

#endif
