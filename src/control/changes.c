/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/changes.h"

#include "base/log.h"
#include "base/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Parts of a model by what names them. The key is the end of the text. */
struct listing {
    const char **texts, **keys;
    size_t count;
    struct table *by_key;
};

void changes_init(struct changes *changes)
{
    memset(changes, 0, sizeof *changes);
    changes->arena = arena_new();
    changes->lines = ARENA_ARRAY(changes->arena, const char *, CHANGES_LINES_MAX);
    changes->bad = ARENA_ARRAY(changes->arena, const char *, CHANGES_LINES_MAX);
}

void changes_free(struct changes *changes)
{
    arena_free(changes->arena);
}

__attribute__((format(printf, 4, 0))) static void add_line(struct changes *changes,
                                                           const char **lines, size_t *nlines,
                                                           const char *format, va_list arguments)
{
    char line[1024];
    if (*nlines == CHANGES_LINES_MAX)
        return;
    vsnprintf(line, sizeof line, format, arguments);
    lines[(*nlines)++] = arena_strdup(changes->arena, line);
}

__attribute__((format(printf, 3, 4))) static void count_one(struct changes *changes, size_t *count,
                                                            const char *format, ...)
{
    va_list arguments;
    (*count)++;
    va_start(arguments, format);
    add_line(changes, changes->lines, &changes->nlines, format, arguments);
    va_end(arguments);
}

__attribute__((format(printf, 2, 3))) static void count_bad(struct changes *changes,
                                                            const char *format, ...)
{
    va_list arguments;
    changes->nbad++;
    va_start(arguments, format);
    add_line(changes, changes->bad, &changes->nbad_lines, format, arguments);
    va_end(arguments);
}

/* ---- configuration ---- */

__attribute__((format(printf, 2, 3))) static void tell(struct changes *changes, const char *format,
                                                       ...)
{
    char line[256];
    size_t ignored = 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    count_one(changes, &ignored, "%s", line);
}

static void tell_number(struct changes *changes, const char *option, unsigned before,
                        unsigned after)
{
    if (before != after)
        tell(changes, "%s: %u, was %u", option, after, before);
}

static bool exempt_differs(const struct config_rate *one, const struct config_rate *other)
{
    if (one->nexempt != other->nexempt)
        return true;
    for (size_t i = 0; i < one->nexempt; i++)
        if (one->exempt[i].bits != other->exempt[i].bits ||
            !address_equal(&one->exempt[i].address, &other->exempt[i].address))
            return true;
    return false;
}

static void compare_rate(const struct config_rate *before, const struct config_rate *after,
                         struct changes *changes)
{
    if (before->on != after->on)
        tell(changes, "rate-limit: %s", after->on ? "on, was off" : "off, was on");
    if (!before->on || !after->on)
        return;
    tell_number(changes, "rate-limit answers", before->answers, after->answers);
    tell_number(changes, "rate-limit negatives", before->negatives, after->negatives);
    tell_number(changes, "rate-limit errors", before->errors, after->errors);
    tell_number(changes, "rate-limit slip", before->slip, after->slip);
    tell_number(changes, "rate-limit ipv4-prefix", before->ipv4_prefix, after->ipv4_prefix);
    tell_number(changes, "rate-limit ipv6-prefix", before->ipv6_prefix, after->ipv6_prefix);
    if (exempt_differs(before, after))
        tell(changes, "rate-limit exempt: other networks, %zu, was %zu", after->nexempt,
             before->nexempt);
}

static bool checks_differ(const struct config *before, const struct config_host *one,
                          const struct config *after, const struct config_host *other)
{
    if (one->checks_set != other->checks_set || one->nchecks != other->nchecks)
        return true;
    for (size_t i = 0; i < one->nchecks; i++)
        if (strcmp(before->checks[one->checks[i]].name, after->checks[other->checks[i]].name) != 0)
            return true;
    return false;
}

static bool hosts_differ(const struct config *before, const struct config_host *one,
                         const struct config *after, const struct config_host *other)
{
    return one->sets != other->sets || one->weight_set != other->weight_set ||
           one->weight != other->weight || checks_differ(before, one, after, other) ||
           !check_settings_equal(&one->overrides, &other->overrides);
}

static void compare_checks(const struct config *before, const struct config *after,
                           struct changes *changes)
{
    struct table *known = table_new(before->nchecks);
    uint32_t found;
    for (size_t i = 0; i < before->nchecks; i++)
        table_put(known, before->checks[i].name, strlen(before->checks[i].name), (uint32_t)i);
    for (size_t i = 0; i < after->nchecks; i++) {
        const struct config_check *check = &after->checks[i];
        if (table_get(known, check->name, strlen(check->name), &found) &&
            !check_settings_equal(&before->checks[found].settings, &check->settings))
            tell(changes, "check %s: other settings", check->name);
    }
    table_free(known);
}

/* Those without settings any more are those that are left. */
static void compare_hosts(const struct config *before, const struct config *after,
                          struct changes *changes)
{
    struct table *known = table_new(before->nhosts);
    size_t same = 0;
    uint32_t found;
    for (size_t i = 0; i < before->nhosts; i++)
        table_put(known, before->hosts[i].name, strlen(before->hosts[i].name), (uint32_t)i);
    for (size_t i = 0; i < after->nhosts; i++) {
        const struct config_host *host = &after->hosts[i];
        bool old = table_get(known, host->name, strlen(host->name), &found);
        same += old;
        if (!old)
            tell(changes, "host %.200s: has settings now", host->name);
        else if (hosts_differ(before, &before->hosts[found], after, host))
            tell(changes, "host %.200s: other settings", host->name);
    }
    if (same < before->nhosts)
        tell(changes, "hosts: %zu of those before have no settings now", before->nhosts - same);
    table_free(known);
}

void changes_of_configuration(const struct config *before, const struct config *after,
                              struct changes *changes)
{
    tell(changes, "configuration: read again");
    compare_rate(&before->rate, &after->rate, changes);
    tell_number(changes, "tcp-connections", before->tcp_connections, after->tcp_connections);
    tell_number(changes, "tcp-per-client", before->tcp_per_client, after->tcp_per_client);
    if (before->tcp_idle_ms != after->tcp_idle_ms)
        tell(changes, "tcp-idle: %ums, was %ums", after->tcp_idle_ms, before->tcp_idle_ms);
    compare_checks(before, after, changes);
    compare_hosts(before, after, changes);
}

/* ---- targets ---- */

static void listing_init(struct listing *listing, struct arena *arena, size_t most)
{
    listing->texts = ARENA_ARRAY(arena, const char *, most);
    listing->keys = ARENA_ARRAY(arena, const char *, most);
    listing->count = 0;
    listing->by_key = table_new(most);
}

static void listing_add(struct listing *listing, const char *text, const char *key)
{
    table_put(listing->by_key, key, strlen(key), (uint32_t)listing->count);
    listing->texts[listing->count] = text;
    listing->keys[listing->count++] = key;
}

/* A target's identity is address, port and check; a host outside our zones has no address here. */
static void list_targets(const struct model *model, struct arena *arena, struct listing *listing)
{
    listing_init(listing, arena, model->ntargets + model->nservices);
    for (size_t i = 0; i < model->ntargets; i++) {
        const struct target *target = &model->targets[i];
        const char *host = model->hosts[target->host].name;
        char endpoint[ADDRESS_TEXT_SIZE];
        endpoint_format(&target->address, target->port, endpoint);
        char *text =
            arena_printf(arena, "%s %s %s", host, endpoint, model->checks[target->check].name);
        listing_add(listing, text, text + strlen(host) + 1);
    }
    for (size_t i = 0; i < model->nservices; i++) {
        const struct service *service = &model->services[i];
        const struct host *host = &model->hosts[service->host];
        if (!host->external)
            continue;
        char *text = arena_printf(arena, "%s port %u %s, outside our zones", host->name,
                                  service->port, model->checks[service->check].name);
        listing_add(listing, text, text);
    }
}

static void compare(const struct listing *before, const struct listing *after, const char *what,
                    struct changes_counts *counts, struct changes *changes)
{
    uint32_t found;
    for (size_t i = 0; i < after->count; i++)
        if (!table_get(before->by_key, after->keys[i], strlen(after->keys[i]), &found))
            count_one(changes, &counts->added, "%s %s: added", what, after->texts[i]);
    for (size_t i = 0; i < before->count; i++)
        if (!table_get(after->by_key, before->keys[i], strlen(before->keys[i]), &found))
            count_one(changes, &counts->removed, "%s %s: removed", what, before->texts[i]);
}

/* ---- zones ---- */

static const char *kind_of(const struct zone *zone)
{
    return zone->domains ? "template" : "zone";
}

static void compare_zone(const struct zone *before, const struct zone *after,
                         struct changes *changes)
{
    size_t *count = &changes->zones.changed;
    bool again = (before->failed || before->stale) && !after->failed && !after->stale;
    if (again && (before->failed || before->serial == after->serial))
        count_one(changes, count, "%s %s: good again, serial %u", kind_of(after), after->name,
                  after->serial);
    else if (again)
        count_one(changes, count, "%s %s: good again, serial %u, was %u", kind_of(after),
                  after->name, after->serial, before->serial);
    else if (before->serial != after->serial)
        count_one(changes, count, "%s %s: serial %u, was %u", kind_of(after), after->name,
                  after->serial, before->serial);
    else if (strcmp(before->file, after->file) != 0)
        count_one(changes, count, "%s %s: file %s, was %s", kind_of(after), after->name,
                  after->file, before->file);
    else if (before->nnodes != after->nnodes)
        count_one(changes, count, "%s %s: %zu names, was %zu, with the same serial %u",
                  kind_of(after), after->name, after->nnodes, before->nnodes, after->serial);
    else if (!zone_is_equal(before, after))
        count_one(changes, count, "%s %s: other records, with the same serial %u", kind_of(after),
                  after->name, after->serial);
}

/* The names that are in one list and not in the other. */
static void compare_domains(const struct zone *zone, const struct domains *in,
                            const struct domains *other, const char *what, size_t *count,
                            struct changes *changes)
{
    size_t found = 0, ignored = 0;
    char text[DOMAIN_TEXT_SIZE];
    for (const uint8_t *name = domains_next(in, NULL); name; name = domains_next(in, name)) {
        if (other && domains_has_name(other, name))
            continue;
        if (++found <= CHANGES_DOMAINS_MAX)
            count_one(changes, &ignored, "domain %s of %s: %s", domain_to_text(name, text),
                      zone->name, what);
    }
    if (found > CHANGES_DOMAINS_MAX)
        count_one(changes, &ignored, "domains of %s: %zu more %s", zone->name,
                  found - CHANGES_DOMAINS_MAX, what);
    *count += found;
}

static void compare_lists(const struct zone *before, const struct zone *after,
                          struct changes *changes)
{
    const struct domains *old = before ? before->domains : NULL,
                         *new = after ? after->domains : NULL;
    if (old == new)
        return;
    if (new)
        compare_domains(after, new, old, "added", &changes->domains.added, changes);
    if (old)
        compare_domains(before, old, new, "removed", &changes->domains.removed, changes);
}

/* Most often it stands where it stood. */
static const struct zone *zone_like(const struct model *model, size_t place,
                                    const struct zone *zone)
{
    bool same = place < model->nzones && model->zones[place].apex == zone->apex;
    return same ? &model->zones[place] : model_zone_like(model, zone);
}

static void compare_zones(const struct model *before, const struct model *after,
                          struct changes *changes)
{
    for (size_t i = 0; i < after->nzones; i++) {
        const struct zone *zone = &after->zones[i], *old = zone_like(before, i, zone);
        if (!old)
            count_one(changes, &changes->zones.added, "%s %s: added", kind_of(zone), zone->name);
        else
            compare_zone(old, zone, changes);
        compare_lists(old, zone, changes);
    }
    for (size_t i = 0; i < before->nzones; i++) {
        const struct zone *zone = &before->zones[i];
        if (zone_like(after, i, zone))
            continue;
        count_one(changes, &changes->zones.removed, "%s %s: removed", kind_of(zone), zone->name);
        compare_lists(zone, NULL, changes);
    }
}

void changes_between(const struct model *before, const struct model *after, struct changes *changes)
{
    struct listing old, new;
    compare_zones(before, after, changes);
    list_targets(before, changes->arena, &old);
    list_targets(after, changes->arena, &new);
    compare(&old, &new, "target", &changes->targets, changes);
    table_free(old.by_key);
    table_free(new.by_key);
}

/* ---- what is bad ---- */

static void tell_bad_list(struct changes *changes, const struct zone *zone)
{
    size_t count = domains_count(zone->domains);
    if (zone->stale_names)
        count_bad(changes, "domains of %s: the %zu of before go on: %s is bad", zone->name, count,
                  zone->names);
    else if (!domains_complete(zone->domains))
        count_bad(changes, "domains of %s: only %zu are served, the others are missing: %s is bad",
                  zone->name, count, zone->names);
}

void changes_of_bad(struct changes *changes, const struct model *after)
{
    for (size_t i = 0; i < after->nzones; i++) {
        const struct zone *zone = &after->zones[i];
        if (zone->failed)
            count_bad(changes, "%s %s: SERVFAIL is answered: %s is bad", kind_of(zone), zone->name,
                      zone->file);
        else if (zone->stale)
            count_bad(changes, "%s %s: goes on as it was, with serial %u: %s is bad", kind_of(zone),
                      zone->name, zone->serial, zone->file);
        if (zone->domains)
            tell_bad_list(changes, zone);
    }
}

/* ---- the log ---- */

static void log_done(const struct changes *changes)
{
    for (size_t i = 0; i < changes->nlines; i++)
        log_notice("reload: %s", changes->lines[i]);
    if (changes->nothing) {
        log_notice("reload: nothing has changed");
        return;
    }
    log_notice("reload: done; zones: %zu added, %zu removed, %zu changed; domains: %zu added, %zu "
               "removed; targets: %zu added, %zu removed",
               changes->zones.added, changes->zones.removed, changes->zones.changed,
               changes->domains.added, changes->domains.removed, changes->targets.added,
               changes->targets.removed);
}

void changes_log(const struct changes *changes)
{
    log_done(changes);
    for (size_t i = 0; i < changes->nbad_lines; i++)
        log_error("reload: %s", changes->bad[i]);
    if (changes->nbad > changes->nbad_lines)
        log_error("reload: ... and %zu more that are bad", changes->nbad - changes->nbad_lines);
}
