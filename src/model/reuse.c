/* SPDX-License-Identifier: BSD-2-Clause */
/* See reuse.h. */
#include "model/reuse.h"

#include "base/memory.h"
#include "base/table.h"
#include "model/content.h"
#include "model/template.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Stores are kept as a whole, however little of them is still in use: so much may be wasted beside
 * as much again as is used, before all is read anew. */
enum { WASTE_ALLOWED = 1 << 20 };

enum { HELP_FROM = 1000 }; /* zones */

/* ---- the same zone in the model before ---- */

static bool same_text(const char *one, const char *other)
{
    return one == other || (one != NULL && other != NULL && strcmp(one, other) == 0);
}

static bool is_made_of(const struct zone *zone, const struct config_zone *config)
{
    return same_text(zone->file, config->file) && same_text(zone->names, config->names);
}

/* "FILE" or, for a template, "FILE\0NAMES". */
static const char *source_key(struct arena *arena, const char *file, const char *names,
                              size_t *size)
{
    size_t length = strlen(file);
    *size = length;
    if (names == NULL)
        return file;
    *size = length + 1 + strlen(names);
    char *key = arena_alloc(arena, *size + 1);
    strcpy(key, file);
    strcpy(key + length + 1, names);
    return key;
}

/* Where nothing was added or removed, a zone stands behind the one that stood before it. */
struct finder {
    const struct model *previous;
    size_t next;
    struct table *by_source; /* NULL: not needed yet */
    struct arena *arena;
};

static void finder_index(struct finder *finder)
{
    size_t size;
    finder->arena = arena_new();
    finder->by_source = table_new(finder->previous->nzones);
    for (uint32_t i = 0; i < finder->previous->nzones; i++) {
        const struct zone *zone = &finder->previous->zones[i];
        const char *key = source_key(finder->arena, zone->file, zone->names, &size);
        table_put(finder->by_source, key, size, i);
    }
}

static const struct zone *finder_find(struct finder *finder, const struct config_zone *config)
{
    const struct model *previous = finder->previous;
    size_t size;
    uint32_t number;
    if (finder->next < previous->nzones && is_made_of(&previous->zones[finder->next], config))
        return &previous->zones[finder->next++];
    if (finder->by_source == NULL)
        finder_index(finder);
    const char *key = source_key(finder->arena, config->file, config->names, &size);
    if (!table_get(finder->by_source, key, size, &number))
        return NULL;
    finder->next = number + 1;
    return &previous->zones[number];
}

static void find_before(struct zone_source *sources, const struct config *config,
                        const struct model *previous)
{
    struct finder finder = {.previous = previous};
    for (size_t i = 0; i < config->nzones; i++)
        sources[i].before = finder_find(&finder, &config->zones[i]);
    table_free(finder.by_source);
    arena_free(finder.arena);
}

/* ---- what of it holds ---- */

/* What a bad zone goes on with may have been read from another file, which nobody names now. */
static bool content_holds(struct file_asker *files, const struct zone_source *source,
                          const struct content *content)
{
    if (strcmp(content->files[0].path, source->file) != 0)
        return false;
    for (size_t i = 0; i < content->nfiles; i++) {
        struct file_identity now;
        if (!file_ask(files, content->files[i].path, &now) ||
            !file_is_same(&content->files[i].identity, &now))
            return false;
    }
    return true;
}

static void check_contents(struct file_asker *files, struct zone_source *sources, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct zone_source *source = &sources[i];
        const struct content *content = source->before != NULL ? source->before->content : NULL;
        if (content != NULL && content_holds(files, source, content))
            source->content = content;
    }
}

/* A part of the sources, for a thread of its own. */
struct part {
    struct zone_source *sources;
    size_t count;
};

static void *check_part(void *argument)
{
    const struct part *part = argument;
    struct file_asker files;
    file_asker_init(&files);
    check_contents(&files, part->sources, part->count);
    file_asker_free(&files);
    return NULL;
}

/* Asking for 20,000 files is most of a reload's time, all of it the kernel's: a second thread has
 * the half of it, where there are so many that it is worth one. Signals are not its business. */
static void check_all(struct reuse *reuse, size_t nzones)
{
    struct part part = {reuse->sources + nzones / 2, nzones - nzones / 2};
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool helped = nzones >= HELP_FROM && pthread_create(&thread, NULL, check_part, &part) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    check_contents(&reuse->files, reuse->sources, helped ? nzones / 2 : nzones);
    if (helped)
        pthread_join(thread, NULL);
}

static void add_store(struct reuse *reuse, struct table *seen, struct store *const *store)
{
    uint32_t ignored;
    if (reuse->nstores > 0 && reuse->stores[reuse->nstores - 1] == *store)
        return;
    if (table_get(seen, store, sizeof *store, &ignored))
        return;
    table_put(seen, store, sizeof *store, 0);
    reuse->stores =
        memory_grow(reuse->stores, reuse->nstores, &reuse->stores_capacity, sizeof *reuse->stores);
    reuse->stores[reuse->nstores++] = *store;
}

static void collect_stores(struct reuse *reuse, size_t nzones)
{
    struct table *seen = table_new(0);
    size_t used = 0, taken = 0;
    for (size_t i = 0; i < nzones; i++) {
        const struct content *content = reuse->sources[i].content;
        if (content == NULL)
            continue;
        used += content->bytes;
        add_store(reuse, seen, &content->store);
    }
    table_free(seen);
    for (size_t i = 0; i < reuse->nstores; i++)
        taken += arena_bytes(reuse->stores[i]->arena);
    if (taken <= 2 * used + WASTE_ALLOWED)
        return;
    reuse->nstores = 0;
    for (size_t i = 0; i < nzones; i++)
        reuse->sources[i].content = NULL;
}

/* ---- numbers of templates ---- */

/* A template keeps its number, which its content holds; others get those that are free. */
static void number_templates(struct zone_source *sources, size_t nzones)
{
    bool *taken = memory_array(TEMPLATES_MAX, sizeof *taken);
    uint32_t next = 0;
    for (size_t i = 0; i < nzones; i++)
        if (sources[i].names != NULL && sources[i].before != NULL)
            taken[sources[i].number = template_number(sources[i].before->apex)] = true;
    for (size_t i = 0; i < nzones; i++) {
        if (sources[i].names == NULL || sources[i].before != NULL)
            continue;
        while (taken[next]) /* there are no more than TEMPLATES_MAX in all */
            next++;
        sources[i].number = next++;
    }
    free(taken);
}

void reuse_init(struct reuse *reuse, const struct config *config, const struct model *previous)
{
    *reuse = (struct reuse){.sources = memory_array(config->nzones, sizeof *reuse->sources)};
    file_asker_init(&reuse->files);
    if (previous != NULL)
        find_before(reuse->sources, config, previous);
    for (size_t i = 0; i < config->nzones; i++) {
        struct zone_source *source = &reuse->sources[i];
        source->file = config->zones[i].file;
        source->names = config->zones[i].names;
    }
    if (previous != NULL)
        check_all(reuse, config->nzones);
    number_templates(reuse->sources, config->nzones);
    collect_stores(reuse, config->nzones);
}

void reuse_free(struct reuse *reuse)
{
    file_asker_free(&reuse->files);
    free(reuse->sources);
    free(reuse->stores);
}
