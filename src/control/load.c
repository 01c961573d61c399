/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/load.h"

#include "base/privileges.h"
#include "wire/name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_of_this_machine(const struct address *address)
{
    struct sockaddr_storage name;
    socklen_t size = address_to_sockaddr(address, 0, &name);
    int made = socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool refused =
        made >= 0 && bind(made, (struct sockaddr *)&name, size) < 0 && errno == EADDRNOTAVAIL;
    if (made >= 0)
        close(made);
    return !refused;
}

/* What works now, or may work later, and most likely is not meant so. */
static void warn_of_place(const struct config *config, struct diagnostics *diagnostics)
{
    char text[ADDRESS_TEXT_SIZE];
    for (size_t i = 0; i < config->nprobe_sources; i++) {
        const struct address *source = &config->probe_sources[i];
        address_format(source, text);
        if (!is_of_this_machine(source))
            diagnostics_warning(diagnostics, config->file, config->probe_sources_place.line,
                                config->probe_sources_place.column,
                                "probe-source: this machine has not got the address %s now: no "
                                "probe by IPv%d can start without it",
                                text, source->family);
    }
    for (size_t i = 0; config->user && i < config->nsources; i++)
        if (!privileges_user_may_read(config->user, config->sources[i].path))
            diagnostics_warning(diagnostics, config->file, 0, 0,
                                "user '%s' may not read %s: a reload will fail once it has changed",
                                config->user, config->sources[i].path);
}

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
    warn_of_place(config, diagnostics);
    return complete;
}

/* A zone that holds _canary itself is answered as it stands. Told once, as what is wrong with its
 * file is. */
static void warn_of_canaries(const struct loaded *loaded, const struct loaded *before,
                             struct diagnostics *diagnostics)
{
    static const uint8_t top[] = {7, '_', 'c', 'a', 'n', 'a', 'r', 'y'};
    bool told = before && before->config && before->model && before->config->canary_names;
    for (size_t i = 0; loaded->config->canary_names && i < loaded->model->nzones; i++) {
        const struct zone *zone = &loaded->model->zones[i];
        uint8_t name[sizeof top + NAME_MAX_SIZE];
        memcpy(name, top, sizeof top);
        name_lower(zone->apex, name + sizeof top);
        if (told && i < before->model->nzones && before->model->zones[i].content == zone->content)
            continue;
        if (!zone->failed && name_size(name) <= NAME_MAX_SIZE &&
            zone_node(loaded->model, zone, name))
            diagnostics_warning(diagnostics, zone->file, 0, 0,
                                "the zone %s holds _canary itself: it has no canary names",
                                zone->name);
    }
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

/* Whether nothing that the configuration was read from has changed. */
static bool is_current(const struct load_source *source, const struct loaded *before,
                       const struct file_identity *file, int64_t now_ns)
{
    if (source->config && !file_is_same(&before->file, file))
        return false;
    for (size_t i = 0; i < before->config->nsources; i++) {
        const struct config_source *read = &before->config->sources[i];
        struct file_identity now = identify(read->path, now_ns);
        if (!file_is_same(&read->identity, &now))
            return false;
    }
    return true;
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
    loaded->file = identify(source->config, now_ns);
    if (before && before->config && is_current(source, before, &loaded->file, now_ns))
        return before->config;
    return parse_config(source, diagnostics);
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
    if (loaded->model && complete) {
        warn_of_canaries(loaded, before, diagnostics);
        return true;
    }
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

static bool endpoints_differ(const struct config_endpoint *one, size_t none,
                             const struct config_endpoint *other, size_t nother)
{
    if (none != nother)
        return true;
    for (size_t i = 0; i < none; i++)
        if (one[i].port != other[i].port || !address_equal(&one[i].address, &other[i].address))
            return true;
    return false;
}

static bool sources_differ(const struct config *one, const struct config *other)
{
    if (one->nprobe_sources != other->nprobe_sources)
        return true;
    for (size_t i = 0; i < one->nprobe_sources; i++)
        if (!address_equal(&one->probe_sources[i], &other->probe_sources[i]))
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
        {"listen",
         endpoints_differ(started->listen, started->nlisten, config->listen, config->nlisten)},
        {"workers", started->workers != config->workers},
        {"control", texts_differ(started->control, config->control)},
        {"user", texts_differ(started->user, config->user)},
        {"probe-source", sources_differ(started, config)},
        {"ehlo-name", texts_differ(started->ehlo_name, config->ehlo_name)},
        {"ca-file", texts_differ(started->ca_file, config->ca_file)},
        {"uplink-guard", started->uplink_guard != config->uplink_guard},
        {"canaries", endpoints_differ(started->canaries, started->ncanaries, config->canaries,
                                      config->ncanaries)},
        {"probing", started->probing != config->probing},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (settings[i].differs)
            diagnostics_warning(diagnostics, config->file, 0, 0,
                                "%s: differs from what evermxd was started with: needs a restart",
                                settings[i].option);
}
