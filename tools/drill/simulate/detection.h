/* SPDX-License-Identifier: BSD-2-Clause */
/* What was measured of servers, as deaths: of each system and kind by itself. Pure; any thread. */
#ifndef EVERMX_DRILL_DETECTION_H
#define EVERMX_DRILL_DETECTION_H

#include "../record/record.h"
#include "mortality.h"

#include <stdbool.h>

/* Whether the record's series of this number is the first one of its system and kind that tells
 * after what time a server's answer changed. */
bool detection_begins(const struct record *measured, size_t index);

/* The times of all servers of its system and kind: each user asks any of them. A failure that was
 * seen at several servers is one. */
struct deaths detection_deaths(const struct record *measured, const struct series *first);

#endif
