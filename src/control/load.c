/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/load.h"

#include "base/privileges.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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

static void tell_zones(const struct load_source *source, const struct model *previous,
                       struct diagnostics *diagnostics)
{
    struct config *config = config_load_zones(source->config);
    for (size_t i = 0; i < source->nzones; i++)
        config_add_zone(config, source->zones[i]);
    model_free(model_build(config, previous, true, diagnostics));
    config_free(config);
}

/* now_ns is before the file was opened: one that changed since counts as changed the next time. */
static struct file_identity identify(const char *file, int64_t now_ns)
{
    struct stat status;
    if (!file || stat(file, &status) < 0)
        return (struct file_identity){.settled = false};
    return file_identity(&status, now_ns);
}

static bool is_unchanged(const char *file, const struct file_identity *before,
                         const struct file_identity *now)
{
    return !file || file_is_same(before, now);
}

/* NULL: it is wrong. */
static struct config *parse_config(const struct load_source *source,
                                   struct diagnostics *diagnostics)
{
    struct config *config =
        source->config ? config_load(source->config, diagnostics) : config_new();
    if (!config)
        return NULL;
    for (size_t i = 0; i < source->nzones; i++)
        config_add_zone(config, source->zones[i]);
    for (size_t i = 0; i < source->nlisten; i++)
        config_add_listen(config, &source->listen[i].address, source->listen[i].port);
    if (source->control)
        config->control = source->control;
    return config;
}

/* That of before, or a new one. */
static struct config *read_config(const struct load_source *source, const struct loaded *before,
                                  struct loaded *loaded, struct diagnostics *diagnostics)
{
    int64_t now_ns = file_clock_ns();
    struct config *config = before ? before->config : NULL;
    loaded->file = identify(source->config, now_ns);
    if (config)
        loaded->secrets = identify(config->cookie_secrets_file, now_ns);
    if (config && is_unchanged(source->config, &before->file, &loaded->file) &&
        is_unchanged(config->cookie_secrets_file, &before->secrets, &loaded->secrets))
        return config;
    config = parse_config(source, diagnostics);
    if (config)
        loaded->secrets = identify(config->cookie_secrets_file, now_ns);
    return config;
}

bool load(const struct load_source *source, const struct loaded *before, bool strict,
          struct loaded *loaded, struct diagnostics *diagnostics)
{
    const struct model *previous = before ? before->model : NULL;
    *loaded = (struct loaded){0};
    loaded->config = read_config(source, before, loaded, diagnostics);
    if (!loaded->config) {
        tell_zones(source, previous, diagnostics);
        return false;
    }
    bool complete = is_complete(source, loaded->config, diagnostics);
    loaded->model = model_build(loaded->config, previous, strict, diagnostics);
    if (loaded->model && loaded->config->nzones > 0 && loaded->model->nzones == 0)
        complete = diagnostics_error(diagnostics, NULL, 0, 0,
                                     "no zone could be read: there is nothing to serve");
    if (loaded->model && complete)
        return true;
    model_free(loaded->model);
    load_free_config(loaded->config, before);
    *loaded = (struct loaded){0};
    return false;
}

bool load_is_same(const struct loaded *before, const struct loaded *loaded)
{
    return before->config == loaded->config && model_is_same(before->model, loaded->model);
}

void load_free_config(struct config *config, const struct loaded *kept)
{
    if (!kept || config != kept->config)
        config_free(config);
}

static size_t count_domains(const struct model *model)
{
    size_t count = 0;
    for (size_t i = 0; i < model->ntemplates; i++)
        count += domains_count(model->zones[model->templates[i]].domains);
    return count;
}

size_t load_count_zones(const struct loaded *loaded)
{
    const struct model *model = loaded->model;
    return model->nzones - model->ntemplates + count_domains(model);
}

static void print_count(size_t count, const char *noun, const char *behind)
{
    printf("%zu %s%s%s", count, noun, count == 1 ? "" : "s", behind);
}

void load_print(const struct loaded *loaded)
{
    const struct model *model = loaded->model;
    size_t names = 0;
    for (size_t i = 0; i < model->nzones; i++)
        names += model->zones[i].nnodes;
    printf("configuration is good: ");
    print_count(model->nzones - model->ntemplates, "zone", ", ");
    if (model->ntemplates > 0) {
        print_count(model->ntemplates, "template", " for ");
        print_count(count_domains(model), "domain", ", ");
    }
    print_count(names, "name", ", ");
    print_count(model->ntargets, "target", ", ");
    print_count(model->npools, "pool", "\n");
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
