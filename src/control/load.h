/* SPDX-License-Identifier: BSD-2-Clause */
/* From files and the command line to a configuration and a model: at start, for a check, and again
 * for each reload. Main's thread. */
#ifndef EVERMX_CONTROL_LOAD_H
#define EVERMX_CONTROL_LOAD_H

#include "base/diagnostics.h"
#include "base/file.h"
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

/* What was loaded. */
struct loaded {
    struct config *config;
    struct file_identity file; /* the configuration's */
    struct model *model;
};

/* before: what this takes the place of, of which nothing that has not changed is read again; NULL:
 * nothing. Strict: as model_build's. False with errors in diagnostics, and *loaded is empty then.
 * The configuration may be that of before, the model never is. */
bool load(const struct load_source *source, const struct loaded *before, bool strict,
          struct loaded *loaded, struct diagnostics *diagnostics);

/* Whether nothing has changed. */
bool load_is_same(const struct loaded *before, const struct loaded *loaded);

/* Frees a configuration that is neither kept's nor NULL. */
void load_free_config(struct config *config, const struct loaded *kept);

/* How many zones are answered for: a template is as many as it has domains. */
size_t load_count_zones(const struct loaded *loaded);

/* What was loaded, in numbers, for who checks a configuration: to the standard output. */
void load_print(const struct loaded *loaded);

/* Warns of settings that a running process cannot change. */
void load_warn_of_restart(const struct config *started, const struct config *config,
                          struct diagnostics *diagnostics);

#endif
