/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the configuration's `checks` and `hosts`, and tells what holds for a check at a host. */
#include "config/domain.h"
#include "config/schema.h"

#include <stdio.h>
#include <string.h>

enum {
    CHECK_NAME_MAX_LENGTH = 63, /* it goes to logs, tables and metrics */
    CHECKS_SUGGESTED = 64,      /* how many names an unknown one is compared with */
};

void check_init(struct config_check *check, const char *name, enum check_kind kind)
{
    *check = (struct config_check){.name = name, .settings.kind = kind};
    options_default(&section_settings, &check->settings);
    check->settings.port = check_kinds[kind].port;
    check->settings.tls = check_kinds[kind].tls;
}

/* ---- checks ---- */

static bool name_is_word(const char *name)
{
    size_t length =
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    return length > 0 && length <= CHECK_NAME_MAX_LENGTH && !name[length];
}

/* A check that is not built in: its type decides on its defaults. */
static void check_add(struct reader *reader, const struct tree_node *key)
{
    struct config *config = reader->config;
    const struct tree_node *type = tree_find(key->value, "type");
    const char *name = arena_strdup(config->arena, key->text);
    enum check_kind kind = CHECK_SMTP;
    if (!name_is_word(name))
        report(reader, key->place,
               "a check's name has 1 to %d letters, digits, '-' and '_', unlike '%.100s'",
               CHECK_NAME_MAX_LENGTH, name);
    else if (!type && (key->value->kind == TREE_MAPPING || key->value->kind == TREE_NOTHING))
        report(reader, key->place, "check '%s' is not built in, so it needs a 'type'%s", name,
               suggest(reader, name, check_kind_names, CHECK_KINDS));
    /* An unknown type is reported with the other options. */
    if (type && type->kind == TREE_TEXT)
        check_kind_from_name(type->text, &kind);
    config->checks =
        array_grow(config->arena, config->checks, config->nchecks, sizeof *config->checks);
    check_init(&config->checks[config->nchecks], name, kind);
    table_put(reader->checks, name, strlen(name), (uint32_t)config->nchecks++);
}

/* What a kind does not let its checks say. Each of these options stands in the mapping. */
static void check_verify_options(struct reader *reader, const struct tree_node *mapping,
                                 enum check_kind kind, unsigned given)
{
    char kinds[KINDS_TEXT_SIZE];
    for (size_t i = 0; i < section_settings.count; i++) {
        const struct option *option = &section_settings.rows[i];
        if (!(given & check_kinds[kind].lacks & option->bit))
            continue;
        struct config_place place = tree_find(mapping, option->name)->place;
        if (kind == CHECK_TCP)
            report(reader, place, "a check of type 'tcp' connects, nothing more: it has no '%s'",
                   option->name);
        else
            report(reader, place, "a check of type '%s' has no '%s': that is for %s",
                   check_kind_names[kind], option->name, kinds_with(option->bit, kinds));
    }
}

static void check_verify_kind(struct reader *reader, const struct tree_node *key,
                              const struct config_check *check, enum check_kind kind,
                              unsigned given)
{
    const struct tree_node *mapping = key->value;
    const struct check_kind_traits *traits = &check_kinds[kind];
    if (check->settings.kind != kind)
        report(reader, tree_find(mapping, "type")->place,
               "the type of the built-in check '%s' is '%s': name a check of your own otherwise",
               check->name, check_kind_names[kind]);
    if (traits->tls_fixed && check->settings.tls != traits->tls)
        report(reader, tree_find(mapping, "tls")->place, "'tls' of a check of type '%s' is '%s'",
               check_kind_names[kind], check_tls_names[traits->tls]);
    if (kind == CHECK_TCP && check->settings.port == 0 && !tree_find(mapping, "port"))
        report(reader, key->place, "check '%s' needs a 'port', as its type is 'tcp'", check->name);
    check_verify_options(reader, mapping, kind, given);
}

/* Where credentials would be read by everybody on the way. */
static void warn_of_bareness(struct reader *reader, const struct tree_node *mapping)
{
    const struct tree_node *credentials = tree_find(mapping, "credentials");
    const struct tree_node *node = credentials ? credentials : tree_find(mapping, "tls");
    warn(reader, node->place,
         "the password of 'credentials' goes over the network in clear text, as 'tls' is off");
}

static void check_read(struct reader *reader, const struct tree_node *key)
{
    struct config *config = reader->config;
    char what[128];
    uint32_t index;
    if (!table_get(reader->checks, key->text, strlen(key->text), &index)) {
        index = (uint32_t)config->nchecks;
        check_add(reader, key);
    }
    struct config_check *check = &config->checks[index];
    if (check->place.line) {
        report(reader, key->place, "check '%s' is given twice, first in line %d", check->name,
               check->place.line);
        return;
    }
    check->place = key->place;
    snprintf(what, sizeof what, "check '%.64s'", check->name);
    if (key->value->kind != TREE_NOTHING && !tree_expect(reader, key->value, TREE_MAPPING, what))
        return;
    struct check_settings before = check->settings;
    unsigned given = options_read(reader, &section_check, key->value, check);
    settings_follow(&check->settings, &before, given);
    check_verify_kind(reader, key, check, before.kind, given);
    settings_verify(reader, key->value, &check->settings, given, "the default settings");
    if (settings_are_bare(&check->settings, given))
        warn_of_bareness(reader, key->value);
}

void checks_read(struct reader *reader, const struct tree_node *node, void *config)
{
    (void)config;
    for (const struct tree_node *key = node->first; key; key = key->next)
        check_read(reader, key);
}

/* ---- hosts ---- */

/* The index of a check that a host names; false where it can't be used, which is reported. */
static bool check_find(struct reader *reader, const struct tree_node *node, uint32_t *index)
{
    const struct config *config = reader->config;
    if (!tree_expect(reader, node, TREE_TEXT, "a check of 'checks'"))
        return false;
    if (!table_get(reader->checks, node->text, strlen(node->text), index)) {
        const char *names[CHECKS_SUGGESTED];
        size_t count = 0;
        for (; count < config->nchecks && count < CHECKS_SUGGESTED; count++)
            names[count] = config->checks[count].name;
        return report(reader, node->place,
                      "unknown check '%s': neither built in nor given in 'checks'%s", node->text,
                      suggest(reader, node->text, names, count));
    }
    const struct config_check *check = &config->checks[*index];
    if (check->settings.port == 0 && !check->place.line) /* else reported there */
        return report(reader, node->place, "check '%s' has no port: give it one in 'checks'",
                      check->name);
    return true;
}

void host_checks_read(struct reader *reader, const struct tree_node *node, void *record)
{
    struct config_host *host = record;
    struct table *seen = table_new(0);
    uint32_t *checks = NULL;
    for (const struct tree_node *item = node->first; item; item = item->next) {
        uint32_t index, line;
        if (!check_find(reader, item, &index))
            continue;
        if (!key_is_new(reader->scratch, seen, &index, sizeof index, item->place, &line)) {
            report(reader, item->place, "check '%s' is listed twice, first in line %u", item->text,
                   line);
            continue;
        }
        checks = array_grow(reader->config->arena, checks, host->nchecks, sizeof *checks);
        checks[host->nchecks++] = index;
    }
    host->checks = checks;
    table_free(seen);
}

/* The checks that a host may have: those it lists, or any that can be derived. */
static size_t host_count_checks(const struct config_host *host)
{
    return host->checks_set ? host->nchecks : CHECK_TCP;
}

static const struct config_check *host_check(const struct config *config,
                                             const struct config_host *host, size_t number)
{
    return &config->checks[host->checks_set ? host->checks[number] : number];
}

/* With each of them. */
static void host_verify_settings(struct reader *reader, const struct tree_node *mapping,
                                 const struct config_host *host)
{
    bool bare = false;
    for (size_t i = 0; i < host_count_checks(host); i++) {
        const struct config_check *check = host_check(reader->config, host, i);
        char of[128];
        struct check_settings settings;
        unsigned given = host->sets & kind_takes(check->settings.kind);
        snprintf(of, sizeof of, "check '%s' at this host", check->name);
        config_host_settings(host, check, &settings);
        if (!settings_verify(reader, mapping, &settings, given, of))
            return; /* the same would be told for each of its checks */
        bare |= settings_are_bare(&settings, given);
    }
    if (bare)
        warn_of_bareness(reader, mapping);
}

/* What a host sets is for those of its checks that can have it: one at least. */
static void host_verify_use(struct reader *reader, const struct tree_node *mapping,
                            const struct config_host *host)
{
    unsigned taken = host_count_checks(host) ? 0 : ~0u;
    char kinds[KINDS_TEXT_SIZE];
    for (size_t i = 0; i < host_count_checks(host); i++)
        taken |= kind_takes(host_check(reader->config, host, i)->settings.kind);
    for (size_t i = 0; i < section_settings.count; i++) {
        const struct option *option = &section_settings.rows[i];
        if (!(host->sets & ~taken & option->bit))
            continue;
        struct config_place place = tree_find(mapping, option->name)->place;
        if (option->bit == HOST_SETS_TLS)
            report(reader, place,
                   "'tls' can't be set for the checks of this host: their types fix it");
        else
            report(reader, place, "'%s' can't be set for the checks of this host: it is for %s",
                   option->name, kinds_with(option->bit, kinds));
    }
}

/* ---- round trips ---- */

static bool host_has_recipient(const struct config *config, const struct config_host *host)
{
    for (size_t i = 0; i < host_count_checks(host); i++) {
        struct check_settings settings;
        config_host_settings(host, host_check(config, host, i), &settings);
        if (settings.recipient)
            return true;
    }
    return false;
}

static void host_verify_round_trip(struct reader *reader, const struct tree_node *mapping,
                                   const struct config_host *host)
{
    if (host->sets & HOST_SETS_ROUND_TRIP && host->overrides.round_trip_ms &&
        !host_has_recipient(reader->config, host))
        report(reader, tree_find(mapping, "round-trip")->place,
               "'round-trip' sends messages, and there is nobody to send them to: give this host "
               "or its checks a 'probe-recipient'");
}

void round_trips_verify(struct reader *reader)
{
    const struct config *config = reader->config;
    for (size_t i = 0; i < config->nhosts; i++)
        if (config->hosts[i].sets & HOST_SETS_RECIPIENT)
            return; /* what each host lacks is seen where its checks are known */
    for (size_t i = 0; i < config->nchecks; i++) {
        const struct config_check *check = &config->checks[i];
        if (check->settings.round_trip_ms && !check->settings.recipient)
            report(reader, check->place,
                   "'round-trip' of check '%s' sends messages, and there is nobody to send them "
                   "to: give it, or hosts, a 'probe-recipient'",
                   check->name);
    }
}

/* ---- a host ---- */

static void host_read(struct reader *reader, struct table *seen, const struct tree_node *key)
{
    struct config *config = reader->config;
    struct config_host host = {.name = arena_strdup(config->arena, key->text), .place = key->place};
    uint8_t name[DOMAIN_MAX_SIZE];
    struct error error;
    uint32_t line;
    size_t size = domain_parse(key->text, name, &error);
    if (!size)
        report(reader, key->place, "'hosts': %s", error.text);
    else if (!key_is_new(reader->scratch, seen, name, size, key->place, &line))
        report(reader, key->place, "host '%s' is given twice, first in line %u", key->text, line);
    if (key->value->kind != TREE_NOTHING &&
        !tree_expect(reader, key->value, TREE_MAPPING, "a host"))
        return;
    options_default(&section_host, &host);
    unsigned given = options_read(reader, &section_host, key->value, &host);
    host.weight_set = given & GIVEN_WEIGHT;
    host.checks_set = given & GIVEN_CHECKS;
    for (size_t i = 0; i < section_settings.count; i++)
        host.sets |= given & section_settings.rows[i].bit;
    host_verify_settings(reader, key->value, &host);
    host_verify_use(reader, key->value, &host);
    host_verify_round_trip(reader, key->value, &host);
    config->hosts = array_grow(config->arena, config->hosts, config->nhosts, sizeof *config->hosts);
    config->hosts[config->nhosts++] = host;
}

void hosts_read(struct reader *reader, const struct tree_node *node, void *config)
{
    (void)config;
    struct table *seen = table_new(0);
    for (const struct tree_node *key = node->first; key; key = key->next)
        host_read(reader, seen, key);
    table_free(seen);
}
