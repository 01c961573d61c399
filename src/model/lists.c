/* SPDX-License-Identifier: BSD-2-Clause */
/* See lists.h. */
#include "model/lists.h"

#include "base/memory.h"
#include "base/table.h"
#include "model/content.h"
#include "model/domains.h"
#include "model/zone.h"
#include "wire/name.h"

#include <stdio.h>
#include <stdlib.h>

/* A list in the making. */
struct claim {
    const struct model *model;
    char text[512];
};

static struct zone *template_at(const struct model *model, size_t number)
{
    return &model->zones[model->templates[number]];
}

static const char *find_owner(void *context, const uint8_t *lower, size_t size)
{
    struct claim *claim = context;
    const struct model *model = claim->model;
    uint32_t number;
    if (table_get(model->zone_table, lower, size, &number)) {
        snprintf(claim->text, sizeof claim->text, "the zone of %.400s as well",
                 model->zones[number].file);
        return claim->text;
    }
    for (size_t i = 0; i < model->ntemplates; i++) {
        const struct zone *other = template_at(model, i);
        if (other->domains == NULL || !domains_has(other->domains, lower, size))
            continue;
        snprintf(claim->text, sizeof claim->text, "in %.400s as well", other->names);
        return claim->text;
    }
    return NULL;
}

static size_t longest_prefix(const struct zone *zone)
{
    return zone->content != NULL ? zone->content->longest_prefix : 0;
}

/* Whether the list of the model before is just what reading the file would make. */
static bool list_holds(const struct zone *zone, const struct zone *before, struct file_asker *files)
{
    struct file_identity now;
    return before != NULL && !before->stale_names && domains_complete(before->domains) &&
           domains_longest(before->domains) + longest_prefix(zone) <= NAME_MAX_SIZE &&
           file_ask(files, zone->names, &now) &&
           file_is_same(domains_identity(before->domains), &now);
}

/* Octets of the names that are there already. */
static size_t names_size(const struct model *model)
{
    size_t size = 0;
    for (size_t i = 0; i < model->ntemplates; i++)
        if (template_at(model, i)->domains != NULL)
            size += domains_size(template_at(model, i)->domains);
    return size;
}

/* The list is bad: the template goes on with the domains of before, but for those that are
 * another's now. Where its file is new, and has longer names than they leave room for, with both as
 * before. */
static void keep_list(struct zone *zone, const struct zone *before,
                      const struct domains_request *request)
{
    domains_release(zone->domains);
    zone->domains = NULL;
    zone->domains = domains_keep(before->domains, request);
    zone->stale_names = true;
    if (domains_longest(zone->domains) + longest_prefix(zone) <= NAME_MAX_SIZE)
        return;
    zone_take(zone, before->content);
    zone->stale = !zone->failed;
}

/* before: NULL: nothing is kept of it. */
static bool read_list(const struct model *model, struct zone *zone, const struct zone *before,
                      struct diagnostics *diagnostics)
{
    struct claim claim = {.model = model};
    const struct domains_request request = {
        .file = zone->names,
        .longest_prefix = longest_prefix(zone),
        .taken = find_owner,
        .context = &claim,
        .others = names_size(model),
    };
    zone->domains = domains_read(&request, diagnostics);
    if (domains_complete(zone->domains))
        return true;
    if (before != NULL && domains_count(before->domains) > 0 &&
        request.others + domains_size(before->domains) <= DOMAINS_SIZE_MAX)
        keep_list(zone, before, &request);
    return false;
}

/* Zones that were read now may have taken a name of a list that was not: it is to be read again,
 * and tells. Lists that are still to be read see to it, each name by itself. */
static void dispute_lists(struct model *model, const struct zone *zone)
{
    for (size_t i = 0; i < model->ntemplates; i++) {
        struct zone *template = template_at(model, i);
        if (template->domains == NULL ||
            !domains_has(template->domains, zone->apex, name_size(zone->apex)))
            continue;
        domains_release(template->domains);
        template->domains = NULL;
    }
}

static void check_new_zones(struct model *model)
{
    const struct store *own = model->stores[model->nstores - 1];
    for (size_t i = 0; i < model->nzones; i++) {
        const struct zone *zone = &model->zones[i];
        if (zone->names == NULL && (zone->content == NULL || zone->content->store == own))
            dispute_lists(model, zone);
    }
}

bool lists_read(struct model *model, const struct zone *const *befores, bool strict,
                struct file_asker *files, struct diagnostics *diagnostics)
{
    size_t shared = 0;
    bool good = true;
    for (size_t i = 0; i < model->ntemplates; i++) {
        struct zone *zone = template_at(model, i);
        if (!list_holds(zone, befores[i], files))
            continue;
        zone->domains = domains_share(befores[i]->domains);
        shared++;
    }
    if (shared > 0)
        check_new_zones(model);
    for (size_t i = 0; i < model->ntemplates; i++)
        if (template_at(model, i)->domains == NULL)
            good &=
                read_list(model, template_at(model, i), strict ? NULL : befores[i], diagnostics);
    return good;
}
