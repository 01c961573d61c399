/* SPDX-License-Identifier: BSD-2-Clause */
/* From files and the command line to a configuration and a model: at start, for a check, and again
 * for each reload. Main's thread. */
#ifndef EVERMX_CONTROL_LOAD_H
#define EVERMX_CONTROL_LOAD_H

#include "base/diagnostics.h"
#include "config/config.h"
#include "engine/engine.h"

#include <stdbool.h>
#include <stddef.h>

struct load_source {
    const char *config;  /* NULL: none */
    const char *control; /* NULL: the configuration's */
    const char **zones;
    size_t nzones;
    struct config_endpoint *listen;
    size_t nlisten;
    bool check; /* nothing is served: without a configuration no address to listen on is missed */
};

/* previous, strict: as model_build's. NULL with errors in diagnostics, and then no configuration
 * either. */
struct model *load_model(const struct load_source *source, const struct model *previous,
                         bool strict, struct config **config, struct diagnostics *diagnostics);

/* Warns of settings that a running process cannot change. */
void load_warn_of_restart(const struct config *started, const struct config *config,
                          struct diagnostics *diagnostics);

#endif
