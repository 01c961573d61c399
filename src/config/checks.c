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

/* ---- settings ---- */

static struct shared **settings_texts(struct check_settings *settings, size_t number)
{
    struct shared **const texts[] = {&settings->recipient, &settings->user, &settings->password,
                                     &settings->mailbox};
    return number < sizeof texts / sizeof *texts ? texts[number] : NULL;
}

void check_settings_copy(struct check_settings *copy, const struct check_settings *settings)
{
    struct shared **text;
    *copy = *settings;
    for (size_t i = 0; (text = settings_texts(copy, i)); i++)
        shared_hold(*text);
}

void check_settings_release(struct check_settings *settings)
{
    struct shared **text;
    for (size_t i = 0; (text = settings_texts(settings, i)); i++) {
        shared_release(*text);
        *text = NULL;
    }
}

bool check_settings_equal(const struct check_settings *one, const struct check_settings *other)
{
    struct check_settings a = *one, b = *other;
    struct shared **text;
    for (size_t i = 0; (text = settings_texts(&a, i)); i++)
        if (!shared_equal(*text, *settings_texts(&b, i)))
            return false;
    return a.kind == b.kind && a.port == b.port && a.tls == b.tls &&
           a.interval_ms == b.interval_ms && a.service_interval_ms == b.service_interval_ms &&
           a.timeout_ms == b.timeout_ms && a.connect_timeout_ms == b.connect_timeout_ms &&
           a.greeting_timeout_ms == b.greeting_timeout_ms &&
           a.reply_timeout_ms == b.reply_timeout_ms && a.recheck_ms == b.recheck_ms &&
           a.fall == b.fall && a.rise == b.rise && a.refusal == b.refusal &&
           a.cert_warn_ms == b.cert_warn_ms && a.returns == b.returns && a.hold_ms == b.hold_ms &&
           a.slow_start_ms == b.slow_start_ms && a.round_trip_ms == b.round_trip_ms &&
           a.alarm_ms == b.alarm_ms && a.drain_ms == b.drain_ms && a.sentinel == b.sentinel;
}

static int64_t growth(int64_t now, int64_t before)
{
    return now > before ? now - before : 0;
}

/* What follows from the settings given (bits) in place of those before, where nothing else is said:
 * a step that may take longer does not have to fit into the old time of the whole probe, and a
 * faster interval is not slower than its rechecks. */
static void settings_follow(struct check_settings *settings, const struct check_settings *before,
                            unsigned given)
{
    if (!(given & HOST_SETS_TIMEOUT))
        settings->timeout_ms += growth(settings->connect_timeout_ms, before->connect_timeout_ms) +
                                growth(settings->greeting_timeout_ms, before->greeting_timeout_ms) +
                                growth(settings->reply_timeout_ms, before->reply_timeout_ms);
    if (!(given & HOST_SETS_RECHECK) && settings->recheck_ms > settings->interval_ms)
        settings->recheck_ms = settings->interval_ms;
}

void config_host_settings(const struct config_host *host, const struct config_check *check,
                          struct check_settings *settings)
{
    *settings = check->settings;
    if (!host)
        return;
    for (size_t i = 0; i < section_settings.count; i++) {
        const struct option *option = &section_settings.rows[i];
        bool fixed = option->bit == HOST_SETS_TLS && check_kinds[settings->kind].tls_fixed;
        if (host->sets & option->bit && !fixed)
            memcpy((char *)settings + option->offset,
                   (const char *)&host->overrides + option->offset, option->size);
    }
    settings_follow(settings, &check->settings, host->sets);
}

/* Whether the settings given in a mapping agree with each other and with the rest of settings,
 * which they were merged into. of: whose rest, for messages. */
static bool settings_verify(struct reader *reader, const struct tree_node *mapping,
                            const struct check_settings *settings, unsigned given, const char *of)
{
    const struct {
        const char *name;
        unsigned bit;
        int64_t ms;
    } steps[] = {
        {"connect-timeout", HOST_SETS_CONNECT_TIMEOUT, settings->connect_timeout_ms},
        {"greeting-timeout", HOST_SETS_GREETING_TIMEOUT, settings->greeting_timeout_ms},
        {"reply-timeout", HOST_SETS_REPLY_TIMEOUT, settings->reply_timeout_ms},
    };
    size_t nsteps = settings->kind == CHECK_TCP ? 1 : sizeof steps / sizeof *steps;
    char whole[32], part[32];
    bool good = true;
    for (size_t i = 0; i < nsteps && given & HOST_SETS_TIMEOUT; i++) {
        if (steps[i].ms <= settings->timeout_ms)
            continue;
        bool here = given & steps[i].bit;
        good = report(reader, tree_find(mapping, here ? steps[i].name : "timeout")->place,
                      "'timeout' %s is shorter than '%s' %s%s%s: the whole probe needs at least "
                      "the time of each of its steps",
                      duration_format(settings->timeout_ms, whole), steps[i].name,
                      duration_format(steps[i].ms, part), here ? "" : " of ", here ? "" : of);
    }
    if (given & HOST_SETS_RECHECK && settings->recheck_ms > settings->interval_ms)
        good =
            report(reader, tree_find(mapping, "recheck")->place,
                   "'recheck' %s is longer than 'interval' %s%s%s: a suspect target is probed "
                   "sooner, not later",
                   duration_format(settings->recheck_ms, part),
                   duration_format(settings->interval_ms, whole),
                   given & HOST_SETS_INTERVAL ? "" : " of ", given & HOST_SETS_INTERVAL ? "" : of);
    return good;
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
    if (kind != CHECK_TCP)
        return;
    if (check->settings.port == 0 && !tree_find(mapping, "port"))
        report(reader, key->place, "check '%s' needs a 'port', as its type is 'tcp'", check->name);
    if (given & HOST_SETS_GREETING_TIMEOUT)
        report(reader, tree_find(mapping, "greeting-timeout")->place,
               "a check of type 'tcp' connects, nothing more: it has no 'greeting-timeout'");
    if (given & HOST_SETS_REPLY_TIMEOUT)
        report(reader, tree_find(mapping, "reply-timeout")->place,
               "a check of type 'tcp' connects, nothing more: it has no 'reply-timeout'");
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

/* With each of the checks that the host may have: those it lists, or any that can be derived. */
static void host_verify(struct reader *reader, const struct tree_node *mapping,
                        const struct config_host *host)
{
    const struct config *config = reader->config;
    size_t count = host->checks_set ? host->nchecks : CHECK_TCP;
    bool takes_tls = count == 0;
    for (size_t i = 0; i < count; i++) {
        const struct config_check *check = &config->checks[host->checks_set ? host->checks[i] : i];
        char of[128];
        struct check_settings settings;
        snprintf(of, sizeof of, "check '%s' at this host", check->name);
        config_host_settings(host, check, &settings);
        if (!settings_verify(reader, mapping, &settings, host->sets, of))
            return; /* the same would be told for each of its checks */
        takes_tls |= !check_kinds[settings.kind].tls_fixed;
    }
    if (host->sets & HOST_SETS_TLS && !takes_tls)
        report(reader, tree_find(mapping, "tls")->place,
               "'tls' can't be set for the checks of this host: their types fix it");
}

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
    host_verify(reader, key->value, &host);
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
