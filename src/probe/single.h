/* SPDX-License-Identifier: BSD-2-Clause */
/* One probe: from its start to its one outcome. Today it is one session; confirming a silent one by
 * a second belongs here. The event base's thread. */
#ifndef EVERMX_PROBE_SINGLE_H
#define EVERMX_PROBE_SINGLE_H

#include "probe/session.h"

struct probe;

/* Called once, never from probe_start, with the probe already freed. */
typedef void probe_done(void *context, const struct outcome *outcome);

/* The target must stay as long as the probe. excuse_late: a failure seen while our own loop was
 * late is REASON_LATE. */
struct probe *probe_start(const struct session_setting *setting, const struct probe_target *target,
                          enum probe_depth depth, bool excuse_late, probe_done *done,
                          void *context);
void probe_cancel(struct probe *probe); /* without an outcome */

#endif
