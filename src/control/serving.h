/* SPDX-License-Identifier: BSD-2-Clause */
/* From a configuration to a server, and to what a reload changes of it. Main's thread. */
#ifndef EVERMX_CONTROL_SERVING_H
#define EVERMX_CONTROL_SERVING_H

#include "base/diagnostics.h"
#include "base/error.h"
#include "config/config.h"
#include "serve/server.h"

/* As server_new: bound, not started. Nothing of the configuration is kept. */
struct server *serving_new(const struct config *config, struct publisher *publisher,
                           struct error *error);

/* What answers carry beside the zones' records, and limits. Of all that serving_new takes only
 * addresses and workers cannot change; load_warn_of_restart tells of those. Warns of limits that
 * this process cannot have. */
void serving_configure(struct server *server, const struct config *config,
                       struct diagnostics *diagnostics);

#endif
