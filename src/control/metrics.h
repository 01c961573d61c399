/* SPDX-License-Identifier: BSD-2-Clause */
/* The numbers of the running server, for Prometheus and what reads its format. evermxctl(1) lists
 * them; names and labels are stable, more may be added. Main's thread. */
#ifndef EVERMX_CONTROL_METRICS_H
#define EVERMX_CONTROL_METRICS_H

#include "engine/engine.h"
#include "serve/server.h"

#include <stdint.h>

/* With more targets than this, only their sums are told: one sample each would be more than a
 * reader of metrics wants to keep. */
enum { METRICS_TARGETS_MAX = 10000 };

struct metrics_sources {
    const struct engine_status *status; /* NULL: the engine does not answer */
    const struct server_numbers *numbers;
    uint64_t resident_bytes;  /* of the process */
    int64_t heartbeat_age_ms; /* since the engine last turned round its loop */
};

/* Pure. To be freed. */
char *metrics_text(const struct metrics_sources *sources);

/* Memory that the process has now; 0: unknown. */
uint64_t metrics_resident_bytes(void);

#endif
