/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a configuration; see config.h. What stands in the file is read by server.c, checks.c
 * and policies.c, by the tables of schema.c. */
#include "config/config.h"

#include "config/schema.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* The CPUs we may run on, not those of the machine: a container has fewer. */
static unsigned workers_default(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < WORKERS_MAX ? (unsigned)count : WORKERS_MAX;
}

void *array_grow(struct arena *arena, void *array, size_t count, size_t size)
{
    if (count & (count - 1)) /* full only at 0, 1, 2, 4, 8, ... */
        return array;
    void *larger = arena_alloc(arena, (count ? 2 * count : 1) * size);
    return count ? memcpy(larger, array, count * size) : larger;
}

struct config *config_new(void)
{
    struct arena *arena = arena_new();
    struct config *config = ARENA_NEW(arena, struct config);
    config->arena = arena;
    options_default(&section_server, config);
    config->workers = workers_default();
    rate_default(config);
    for (int i = 0; i < CHECK_KINDS; i++) {
        config->checks = array_grow(arena, config->checks, config->nchecks, sizeof *config->checks);
        check_init(&config->checks[config->nchecks++], check_kind_names[i], (enum check_kind)i);
    }
    return config;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    settings_release_all(config);
    arena_free(config->arena);
}

static void zone_add(struct config *config, const char *file, const char *names)
{
    config->zones = array_grow(config->arena, config->zones, config->nzones, sizeof *config->zones);
    config->zones[config->nzones++] = (struct config_zone){
        .file = arena_strdup(config->arena, file),
        .names = names ? arena_strdup(config->arena, names) : NULL,
    };
}

void config_add_zone(struct config *config, const char *file)
{
    zone_add(config, file, NULL);
}

void config_add_listen(struct config *config, const struct address *address, uint16_t port)
{
    config->listen =
        array_grow(config->arena, config->listen, config->nlisten, sizeof *config->listen);
    config->listen[config->nlisten++] = (struct config_endpoint){*address, port};
}

/* ---- loading ---- */

static const char *folder_of(struct arena *arena, const char *file)
{
    const char *slash = strrchr(file, '/');
    return slash ? arena_printf(arena, "%.*s", (int)(slash - file + 1), file) : "";
}

/* Names and numbers that hosts use to find checks. */
static struct table *checks_index(const struct config *config)
{
    struct table *table = table_new(config->nchecks);
    for (size_t i = 0; i < config->nchecks; i++)
        table_put(table, config->checks[i].name, strlen(config->checks[i].name), (uint32_t)i);
    return table;
}

static void config_read(struct config *config, const struct tree_node *root, struct arena *scratch,
                        bool bare, struct diagnostics *diagnostics)
{
    struct reader reader = {
        .config = config,
        .folder = folder_of(scratch, config->file),
        .scratch = scratch,
        .diagnostics = diagnostics,
        .checks = checks_index(config),
        .credentials = credentials_files_new(),
        .bare = bare,
    };
    if (root->kind == TREE_NOTHING || tree_expect(&reader, root, TREE_MAPPING, "the file"))
        options_read(&reader, &section_root, root, config);
    if (!bare)
        round_trips_verify(&reader);
    credentials_files_free(reader.credentials);
    table_free(reader.checks);
}

/* What is told of the configuration itself first, then of each file that it names. */
static int compare_files(const char *one, const char *other, const char *own)
{
    bool one_is_own = strcmp(one, own) == 0, other_is_own = strcmp(other, own) == 0;
    return one_is_own != other_is_own ? other_is_own - one_is_own : strcmp(one, other);
}

/* Text decides between those at one place: qsort keeps no order. */
static int compare_places(const void *one, const void *other, void *own)
{
    const struct diagnostic *first = one, *second = other;
    int files = compare_files(first->file, second->file, own);
    if (files != 0)
        return files;
    if (first->line != second->line)
        return first->line < second->line ? -1 : 1;
    if (first->column != second->column)
        return first->column < second->column ? -1 : 1;
    return strcmp(first->text, second->text);
}

void source_add(struct config *config, const char *path, const struct stat *status, int64_t now_ns)
{
    config->sources =
        array_grow(config->arena, config->sources, config->nsources, sizeof *config->sources);
    config->sources[config->nsources++] = (struct config_source){
        .path = arena_strdup(config->arena, path),
        .identity = file_identity(status, now_ns),
    };
}

/* As far as it can be understood. */
static struct config *config_parse(const char *file, bool bare, struct diagnostics *diagnostics)
{
    struct config *config = config_new();
    struct arena *scratch = arena_new();
    config->file = arena_strdup(config->arena, file);
    const struct tree_node *root = tree_read(scratch, file, diagnostics);
    if (root)
        config_read(config, root, scratch, bare, diagnostics);
    arena_free(scratch);
    return config;
}

static struct config *load(const char *file, bool bare, struct diagnostics *diagnostics)
{
    size_t errors = diagnostics->errors, first = diagnostics->count;
    struct config *config = config_parse(file, bare, diagnostics);
    if (diagnostics->count > first)
        qsort_r(diagnostics->list + first, diagnostics->count - first, sizeof *diagnostics->list,
                compare_places, (char *)file);
    if (diagnostics->errors == errors)
        return config;
    config_free(config);
    return NULL;
}

struct config *config_load(const char *file, struct diagnostics *diagnostics)
{
    return load(file, false, diagnostics);
}

struct config *config_load_bare(const char *file, struct diagnostics *diagnostics)
{
    return load(file, true, diagnostics);
}

struct config *config_load_zones(const char *file)
{
    struct diagnostics told;
    diagnostics_init(&told);
    struct config *parsed = config_parse(file, true, &told), *config = config_new();
    diagnostics_free(&told);
    for (size_t i = 0; i < parsed->nzones; i++)
        zone_add(config, parsed->zones[i].file, parsed->zones[i].names);
    config->probing = false;
    config_free(parsed);
    return config;
}
