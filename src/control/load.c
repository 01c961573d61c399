/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/load.h"

#include "base/privileges.h"

#include <string.h>

/* What neither the configuration nor the model can know alone. */
static bool is_complete(const struct load_source *source, const struct config *config,
                        struct diagnostics *diagnostics)
{
    bool complete = true;
    if (config->nzones == 0)
        complete = diagnostics_error(diagnostics, config->file, 0, 0,
                                     "no zone to serve: add one to 'zones', or --zone FILE");
    /* `evermxd -t --zone FILE` is how a zone file alone is checked. */
    if (config->nlisten == 0 && (config->file || !source->check))
        complete = diagnostics_error(diagnostics, config->file, 0, 0,
                                     "no address to listen on: add 'listen' to 'server', or "
                                     "--listen ADDRESS@PORT (as --listen 127.0.0.1@5300)");
    if (config->user && !privileges_user_exists(config->user))
        complete = diagnostics_error(diagnostics, config->file, 0, 0,
                                     "user: this machine has no user '%s'", config->user);
    return complete;
}

static void tell_zones(const struct load_source *source, struct diagnostics *diagnostics)
{
    struct config *config = config_load_zones(source->config);
    for (size_t i = 0; i < source->nzones; i++)
        config_add_zone(config, source->zones[i]);
    model_free(model_build(config, NULL, true, diagnostics));
    config_free(config);
}

struct model *load_model(const struct load_source *source, const struct model *previous,
                         bool strict, struct config **config, struct diagnostics *diagnostics)
{
    *config = source->config ? config_load(source->config, diagnostics) : config_new();
    if (!*config) {
        tell_zones(source, diagnostics);
        return NULL;
    }
    for (size_t i = 0; i < source->nzones; i++)
        config_add_zone(*config, source->zones[i]);
    for (size_t i = 0; i < source->nlisten; i++)
        config_add_listen(*config, &source->listen[i].address, source->listen[i].port);
    if (source->control)
        (*config)->control = source->control;
    bool complete = is_complete(source, *config, diagnostics);
    struct model *model = model_build(*config, previous, strict, diagnostics);
    if (model && complete)
        return model;
    model_free(model);
    config_free(*config);
    *config = NULL;
    return NULL;
}

static bool texts_differ(const char *one, const char *other)
{
    return one != other && (!one || !other || strcmp(one, other) != 0);
}

static bool listen_differs(const struct config *one, const struct config *other)
{
    if (one->nlisten != other->nlisten)
        return true;
    for (size_t i = 0; i < one->nlisten; i++)
        if (one->listen[i].port != other->listen[i].port ||
            !address_equal(&one->listen[i].address, &other->listen[i].address))
            return true;
    return false;
}

void load_warn_of_restart(const struct config *started, const struct config *config,
                          struct diagnostics *diagnostics)
{
    const struct {
        const char *option;
        bool differs;
    } settings[] = {
        {"listen", listen_differs(started, config)},
        {"workers", started->workers != config->workers},
        {"control", texts_differ(started->control, config->control)},
        {"user", texts_differ(started->user, config->user)},
        {"probing", started->probing != config->probing},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (settings[i].differs)
            diagnostics_warning(diagnostics, config->file, 0, 0,
                                "%s: differs from what evermxd was started with: needs a restart",
                                settings[i].option);
}
