/* SPDX-License-Identifier: BSD-2-Clause */
/* See lists.h. */
#include "model/lists.h"

#include "base/memory.h"
#include "base/table.h"
#include "model/content.h"
#include "model/domains.h"
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
    return before != NULL && domains_complete(before->domains) &&
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

static bool read_list(const struct model *model, struct zone *zone, struct diagnostics *diagnostics)
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
    return domains_complete(zone->domains);
}

/* Zones that were read now may have taken a name of a list that was not. Lists that are still to be
 * read (NULL) see to it then, each name by itself. */
static bool check_zone(const struct model *model, const struct zone *zone,
                       struct diagnostics *diagnostics)
{
    bool good = true;
    for (size_t i = 0; i < model->ntemplates; i++) {
        const struct zone *template = template_at(model, i);
        if (template->domains != NULL &&
            domains_has(template->domains, zone->apex, name_size(zone->apex)))
            good = diagnostics_error(diagnostics, zone->file, 0, 0, "the zone %s is in %s as well",
                                     zone->name, template->names);
    }
    return good;
}

static bool check_new_zones(const struct model *model, struct diagnostics *diagnostics)
{
    const struct store *own = model->stores[model->nstores - 1];
    bool good = true;
    for (size_t i = 0; i < model->nzones; i++) {
        const struct zone *zone = &model->zones[i];
        if (zone->names == NULL && (zone->content == NULL || zone->content->store == own))
            good &= check_zone(model, zone, diagnostics);
    }
    return good;
}

bool lists_read(struct model *model, const struct zone *const *befores, struct file_asker *files,
                struct diagnostics *diagnostics)
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
        good = check_new_zones(model, diagnostics);
    for (size_t i = 0; i < model->ntemplates; i++)
        if (template_at(model, i)->domains == NULL)
            good &= read_list(model, template_at(model, i), diagnostics);
    return good;
}
