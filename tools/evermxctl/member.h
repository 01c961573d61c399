/* SPDX-License-Identifier: BSD-2-Clause */
/* Members of the objects in an answer. */
#ifndef EVERMXCTL_MEMBER_H
#define EVERMXCTL_MEMBER_H

#include "text.h"

#include <jansson.h>
#include <stdbool.h>

/* One that is missing or null reads as "-". */
const char *member_text(const json_t *object, const char *key);
bool member_is_text(const json_t *object, const char *key);
long long member_integer(const json_t *object, const char *key);
bool member_is_true(const json_t *object, const char *key);
/* Of seconds: "3m12s". */
const char *member_duration(const json_t *object, const char *key, char text[DURATION_SIZE]);

#endif
