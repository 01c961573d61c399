/* SPDX-License-Identifier: BSD-2-Clause */
/* What an operator forces stays with the host's name: it also holds for targets that a reload or a
 * new address brings later. */
#include "engine/core.h"

#include "base/memory.h"
#include "engine/state.h"
#include "model/template.h"
#include "model/text.h"
#include "wire/name.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const force_words[] = {[FORCED_NOT] = "no longer forced",
                                          [FORCED_UP] = "forced up",
                                          [FORCED_DOWN] = "forced down",
                                          [FORCED_DRAIN] = "drained"};

static void mark_member(const struct core *core, const struct member *member,
                        enum verdict_forced mark, enum verdict_forced *marks)
{
    for (size_t i = 0; i < member->nservices; i++) {
        const struct service_view *service = &core->view.services[member->services[i]];
        for (size_t j = 0; j < service->nslots; j++)
            marks[service->slots[j]] = mark;
    }
}

/* A name with one address (of each family) stands for one machine; one with several, such as imap,
 * for a service on several machines. */
static bool is_machine(const struct address *addresses, size_t naddresses)
{
    size_t of_ipv4 = 0;
    for (size_t i = 0; i < naddresses; i++)
        of_ipv4 += addresses[i].family == 4;
    return naddresses > 0 && of_ipv4 <= 1 && naddresses - of_ipv4 <= 1;
}

void core_mark_machine(const struct core *core, const struct address *addresses, size_t naddresses,
                       enum verdict_forced mark, enum verdict_forced *marks)
{
    if (!is_machine(addresses, naddresses))
        return;
    for (size_t i = 0; i < core->slots.count; i++)
        for (size_t j = 0; core->slots.list[i] && j < naddresses; j++)
            if (address_equal(&core->slots.list[i]->address, &addresses[j]))
                marks[i] = mark;
}

/* The targets of a host: those of all records that it stands behind, and of a machine all that is
 * probed there, by whatever name. mx1's are SMTP at its own address, and IMAP there where imap's
 * set of addresses has it; imap's are IMAP at all of them. */
void core_mark_targets(const struct core *core, uint32_t host, enum verdict_forced mark,
                       enum verdict_forced *marks)
{
    const struct model *model = core->view.model;
    for (size_t i = 0; i < model->npools; i++)
        for (size_t j = 0; j < model->pools[i].nmembers; j++)
            if (model->pools[i].members[j].host == host)
                mark_member(core, &model->pools[i].members[j], mark, marks);
    if (host != MODEL_NONE)
        core_mark_machine(core, model->hosts[host].addresses, model->hosts[host].naddresses, mark,
                          marks);
}

static size_t count_targets(const struct core *core, uint32_t host)
{
    enum verdict_forced *marks = memory_array(core->slots.count, sizeof *marks);
    size_t count = 0;
    core_mark_targets(core, host, FORCED_UP, marks);
    for (size_t i = 0; i < core->slots.count; i++)
        count += marks[i] == FORCED_UP;
    free(marks);
    return count;
}

/* What was forced later outweighs what was before, where a target belongs to several hosts. */
void core_apply_forces(struct core *core, int64_t now_ms)
{
    enum verdict_forced *marks = memory_array(core->slots.count, sizeof *marks);
    for (size_t i = 0; i < core->nforces; i++) {
        uint32_t host = core_find_host(core, core->forces[i].host);
        core_mark_targets(core, host, core->forces[i].forced, marks);
    }
    for (size_t i = 0; i < core->slots.count; i++) {
        struct slot *slot = core->slots.list[i];
        enum verdict_forced before = slot ? slot->verdict.forced : FORCED_NOT;
        if (!slot || !verdict_force(&slot->verdict, marks[i]))
            continue;
        sightings_force(&slot->sightings, before, now_ms);
        core_touch(core, slot);
    }
    free(marks);
}

/* Ends holds, damping and manual returns of a host's targets. Returns how many came back. */
static size_t release(struct core *core, uint32_t host, int64_t now_ms)
{
    enum verdict_forced *marks = memory_array(core->slots.count, sizeof *marks);
    size_t count = 0;
    core_mark_targets(core, host, FORCED_UP, marks);
    for (size_t i = 0; i < core->slots.count; i++) {
        struct slot *slot = core->slots.list[i];
        if (marks[i] != FORCED_UP || !verdict_release(&slot->verdict, now_ms))
            continue;
        sightings_force(&slot->sightings, slot->verdict.forced, now_ms);
        core_touch(core, slot);
        count++;
    }
    free(marks);
    return count;
}

enum verdict_forced core_forced(const struct core *core, uint32_t host)
{
    const char *name = core->view.model->hosts[host].name;
    for (size_t i = 0; i < core->nforces; i++)
        if (strcmp(core->forces[i].host, name) == 0)
            return core->forces[i].forced;
    return FORCED_NOT;
}

static void remove_force(struct core *core, size_t at)
{
    free(core->forces[at].host);
    core->nforces--;
    memmove(&core->forces[at], &core->forces[at + 1], (core->nforces - at) * sizeof *core->forces);
}

void core_prune_forces(struct core *core, int64_t now_ms)
{
    for (size_t i = 0; i < core->nforces; i++) {
        const struct force *force = &core->forces[i];
        if (core_find_host(core, force->host) != MODEL_NONE)
            continue;
        events_of(core->events, LOG_LEVEL_NOTICE, "force", force->host, now_ms,
                  "no longer in the zones: that it was %s is forgotten",
                  force_words[force->forced]);
        remove_force(core, i--);
    }
}

/* ---- hosts with a name like the one asked for ---- */

enum { NEAR_MOST = 3, NEAR_DISTANCE = 4, NEAR_NAME_MAX = 255 };

/* Levenshtein's distance of two names of at most NEAR_NAME_MAX characters. */
static unsigned distance(const char *one, const char *other)
{
    unsigned row[NEAR_NAME_MAX + 1];
    size_t length = strlen(other);
    for (unsigned i = 0; i <= length; i++)
        row[i] = i;
    for (unsigned i = 0; one[i]; i++) {
        unsigned diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < length; j++) {
            unsigned change = diagonal + (one[i] != other[j]);
            diagonal = row[j + 1];
            unsigned best = row[j] < row[j + 1] ? row[j] + 1 : row[j + 1] + 1;
            row[j + 1] = change < best ? change : best;
        }
    }
    return row[length];
}

/* A host whose name begins with what was asked for is as near as one that differs by a letter. */
static unsigned distance_of(const char *asked, const char *host)
{
    size_t one = strlen(asked), other = strlen(host);
    if (strncmp(asked, host, one) == 0)
        return 1;
    size_t difference = one > other ? one - other : other - one;
    bool comparable = difference <= NEAR_DISTANCE && one <= NEAR_NAME_MAX && other <= NEAR_NAME_MAX;
    return comparable ? distance(asked, host) : UINT_MAX;
}

struct near {
    const char *name;
    unsigned distance;
};

/* The nearest first. Returns how many. */
static size_t find_near(const struct model *model, const char *asked,
                        struct near found[NEAR_MOST + 1])
{
    size_t count = 0;
    for (size_t i = 0; i < model->nhosts; i++) {
        struct near near = {model->hosts[i].name, distance_of(asked, model->hosts[i].name)};
        size_t at = count;
        if (near.distance > NEAR_DISTANCE)
            continue;
        for (; at > 0 && found[at - 1].distance > near.distance; at--)
            found[at] = found[at - 1];
        found[at] = near;
        count += count < NEAR_MOST;
    }
    return count;
}

/* Whether the name is that of a template's host in one of its domains; text: the host's own name.
 */
static bool is_in_template(const struct core *core, const char *asked, char text[ZONE_TEXT_SIZE])
{
    uint8_t name[NAME_MAX_SIZE];
    if (!name_from_text(asked, name))
        return false;
    const struct zone *zone = model_zone(core->view.model, name);
    if (!zone || !zone->domains)
        return false;
    memcpy(name + name_size(name) - zone_apex_size(zone, name), zone->apex, TEMPLATE_APEX_SIZE);
    return core_find_host(core, zone_name_text(zone, name, text)) != MODEL_NONE;
}

static bool error_no_host(const struct core *core, const char *asked, struct error *error)
{
    char own[ZONE_TEXT_SIZE];
    if (is_in_template(core, asked, own))
        return error_set(error,
                         "%.100s: no host of one domain; it is %.300s, for all domains of that "
                         "template",
                         asked, own);
    struct near found[NEAR_MOST + 1];
    char list[400] = "";
    size_t count = find_near(core->view.model, asked, found);
    for (size_t i = 0, used = 0; i < count && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s",
                                 i ? ", " : "; near are: ", found[i].name);
    return error_set(error, "%.100s: no such host%s", asked, list);
}

/* An external host's services are touched for themselves, as they may have no target now. */
static void set_force(struct core *core, uint32_t host, const char *name,
                      enum verdict_forced forced)
{
    const struct host_view *view = &core->view.hosts[host];
    for (size_t i = 0; i < view->nservices; i++)
        view_touch_service(&core->view, view->services[i]);
    for (size_t i = 0; i < core->nforces; i++)
        if (strcmp(core->forces[i].host, name) == 0)
            remove_force(core, i--);
    if (forced == FORCED_NOT)
        return;
    core->forces =
        memory_grow(core->forces, core->nforces, &core->forces_capacity, sizeof *core->forces);
    core->forces[core->nforces++] = (struct force){.host = memory_strdup(name), .forced = forced};
}

/* The host that the operator means: by the name that status shows, which for hosts of templates is
 * no domain name, or by another way to write the same. */
static uint32_t find_asked(const struct core *core, const char *asked, char name[NAME_TEXT_SIZE])
{
    uint8_t wire[NAME_MAX_SIZE], lower[NAME_MAX_SIZE];
    size_t length = 0;
    for (; asked[length] && length < NAME_TEXT_SIZE - 1; length++)
        name[length] = (char)tolower((unsigned char)asked[length]);
    name[length] = '\0';
    uint32_t host = core_find_host(core, name);
    if (host != MODEL_NONE || strchr(asked, '@') || !name_from_text(asked, wire))
        return host;
    name_lower(wire, lower);
    return core_find_host(core, name_to_text(lower, name));
}

/* back: how many of the targets come back by it. */
static void tell_force(struct core *core, const char *name, enum verdict_forced forced,
                       size_t count, size_t back, int64_t now_ms)
{
    const char *plural = count == 1 ? "" : "s";
    if (back)
        events_of(core->events, LOG_LEVEL_NOTICE, "force", name, now_ms,
                  "no longer forced or held, %zu target%s: %zu back", count, plural, back);
    else
        events_of(core->events, LOG_LEVEL_NOTICE, "force", name, now_ms, "%s, %zu target%s",
                  force_words[forced], count, plural);
}

bool core_find_asked(const struct core *core, const char *asked, char name[NAME_TEXT_SIZE],
                     uint32_t *host, struct error *error)
{
    uint8_t wire[NAME_MAX_SIZE];
    *host = find_asked(core, asked, name);
    if (*host == MODEL_NONE && !name_from_text(asked, wire))
        return error_set(error, "'%.100s' is no host's name", asked);
    return *host != MODEL_NONE || error_no_host(core, name, error);
}

bool core_force(struct core *core, const char *asked, enum verdict_forced forced, int64_t now_ms,
                size_t *count, struct error *error)
{
    const struct model *model = core->view.model;
    char name[NAME_TEXT_SIZE];
    uint32_t host;
    if (!core_find_asked(core, asked, name, &host, error))
        return false;
    *count = count_targets(core, host);
    if (*count == 0 && forced != FORCED_NOT)
        return error_set(error, "%.300s: nothing of this host is probed%s", name,
                         model->hosts[host].external ? " yet" : "");
    set_force(core, host, name, forced);
    core_apply_forces(core, now_ms);
    size_t back = forced == FORCED_NOT ? release(core, host, now_ms) : 0;
    tell_force(core, name, forced, *count, back, now_ms);
    return true;
}
