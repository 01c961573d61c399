/* SPDX-License-Identifier: BSD-2-Clause */
/* What a process started by root does before it serves: takes descriptors, hands over what it made,
 * becomes another user. Before there are threads, but for what looks only, and dumps. */
#ifndef EVERMX_BASE_PRIVILEGES_H
#define EVERMX_BASE_PRIVILEGES_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

bool privileges_user_exists(const char *user);

/* Whether a file's mode lets that user read it (folders on the way are not looked at); also true
 * where there is no such user or file. */
bool privileges_user_may_read(const char *user, const char *path);

/* Whether a group is one that we are in, root's, or one of the user that we may become (NULL:
 * none): what such a group may read is read by nobody else. */
bool privileges_has_group(gid_t group, const char *user);

/* No core dump from now on, and nobody but root looks into our memory (ptrace, /proc): once secrets
 * are in it. */
bool privileges_forbid_dumps(struct error *error);

/* From root to that user, for good. */
bool privileges_drop(const char *user, struct error *error);

/* Makes that user the owner of a file or directory. */
bool privileges_give(const char *path, const char *user, struct error *error);

/* The limit of descriptors: as many as we may have. */
bool privileges_raise_descriptors(struct error *error);

#endif
