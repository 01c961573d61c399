/* SPDX-License-Identifier: BSD-2-Clause */
/* What of the model before still holds for the one to be built: zones whose files have not changed
 * since. Private to the model; belongs to the thread that builds it. */
#ifndef EVERMX_MODEL_REUSE_H
#define EVERMX_MODEL_REUSE_H

#include "config/config.h"
#include "model/zone.h"

#include <stdbool.h>

struct reuse {
    struct zone_source *sources; /* by zone of the configuration */
    struct store **stores;       /* that their contents lie in */
    size_t nstores, stores_capacity;
    struct file_asker files;
};

void reuse_init(struct reuse *reuse, const struct config *config, const struct model *previous);
void reuse_free(struct reuse *reuse);

#endif
