/* SPDX-License-Identifier: BSD-2-Clause */
/* The settings of checks: whose texts they are, what follows from one for another, what holds at a
 * host, and which contradict each other. */
#include "config/schema.h"

#include <stdio.h>
#include <string.h>

/* ---- texts ---- */

static struct shared **settings_text(struct check_settings *settings, size_t number)
{
    struct shared **const texts[CHECK_TEXTS] = {&settings->recipient, &settings->user,
                                                &settings->password, &settings->mailbox};
    return texts[number];
}

void check_settings_copy(struct check_settings *copy, const struct check_settings *settings)
{
    *copy = *settings;
    for (size_t i = 0; i < CHECK_TEXTS; i++)
        shared_hold(*settings_text(copy, i));
}

void check_settings_release(struct check_settings *settings)
{
    for (size_t i = 0; i < CHECK_TEXTS; i++) {
        struct shared **text = settings_text(settings, i);
        shared_release(*text);
        *text = NULL;
    }
}

static void credentials_release(struct check_settings *settings)
{
    shared_release(settings->user);
    shared_release(settings->password);
    settings->user = settings->password = NULL;
}

void config_forget_credentials(struct config *config)
{
    for (size_t i = 0; i < config->nchecks; i++)
        credentials_release(&config->checks[i].settings);
    for (size_t i = 0; i < config->nhosts; i++)
        credentials_release(&config->hosts[i].overrides);
}

void settings_release_all(struct config *config)
{
    for (size_t i = 0; i < config->nchecks; i++)
        check_settings_release(&config->checks[i].settings);
    for (size_t i = 0; i < config->nhosts; i++)
        check_settings_release(&config->hosts[i].overrides);
}

/* ---- all of them ---- */

void check_settings_list(const struct check_settings *settings, struct check_values *values)
{
    struct check_settings copy = *settings;
    const int64_t numbers[] = {
        copy.kind,          copy.port,
        copy.tls,           copy.interval_ms,
        copy.timeout_ms,    copy.service_interval_ms,
        copy.recheck_ms,    copy.connect_timeout_ms,
        copy.fall,          copy.greeting_timeout_ms,
        copy.rise,          copy.reply_timeout_ms,
        copy.refusal,       copy.cert_warn_ms,
        copy.returns,       copy.hold_ms,
        copy.slow_start_ms, copy.round_trip_ms,
        copy.alarm_ms,      copy.drain_ms,
        copy.sentinel,
    };
    _Static_assert(sizeof numbers == sizeof values->numbers, "each has its place");
    memcpy(values->numbers, numbers, sizeof numbers);
    for (size_t i = 0; i < CHECK_TEXTS; i++)
        values->texts[i] = *settings_text(&copy, i);
}

bool check_settings_equal(const struct check_settings *one, const struct check_settings *other)
{
    struct check_values a, b;
    check_settings_list(one, &a);
    check_settings_list(other, &b);
    for (size_t i = 0; i < CHECK_TEXTS; i++)
        if (!shared_equal(a.texts[i], b.texts[i]))
            return false;
    return memcmp(a.numbers, b.numbers, sizeof a.numbers) == 0;
}

/* ---- at a host ---- */

static int64_t growth(int64_t now, int64_t before)
{
    return now > before ? now - before : 0;
}

void settings_follow(struct check_settings *settings, const struct check_settings *before,
                     unsigned given)
{
    if (!(given & HOST_SETS_TIMEOUT))
        settings->timeout_ms += growth(settings->connect_timeout_ms, before->connect_timeout_ms) +
                                growth(settings->greeting_timeout_ms, before->greeting_timeout_ms) +
                                growth(settings->reply_timeout_ms, before->reply_timeout_ms);
    if (!(given & HOST_SETS_RECHECK) && settings->recheck_ms > settings->interval_ms)
        settings->recheck_ms = settings->interval_ms;
    if (!(given & HOST_SETS_ALARM) && settings->alarm_ms > settings->drain_ms)
        settings->alarm_ms = settings->drain_ms;
    if (!(given & HOST_SETS_DRAIN) && settings->drain_ms < settings->alarm_ms)
        settings->drain_ms = settings->alarm_ms;
}

unsigned kind_takes(enum check_kind kind)
{
    return ~check_kinds[kind].lacks & ~(check_kinds[kind].tls_fixed ? HOST_SETS_TLS : 0u);
}

void config_host_settings(const struct config_host *host, const struct config_check *check,
                          struct check_settings *settings)
{
    *settings = check->settings;
    if (!host)
        return;
    unsigned sets = host->sets & kind_takes(settings->kind);
    for (size_t i = 0; i < section_settings.count; i++) {
        const struct option *option = &section_settings.rows[i];
        if (sets & option->bit)
            memcpy((char *)settings + option->offset,
                   (const char *)&host->overrides + option->offset, option->size);
    }
    settings_follow(settings, &check->settings, sets);
}

/* ---- from elsewhere ---- */

static const struct option *find_setting(const char *name, size_t length)
{
    for (size_t i = 0; i < section_settings.count; i++) {
        const struct option *option = &section_settings.rows[i];
        if (!option->read && strlen(option->name) == length &&
            strncmp(option->name, name, length) == 0)
            return option;
    }
    return NULL;
}

bool config_set_options(struct check_settings *settings, const char *const *options, size_t count,
                        struct error *error)
{
    const struct check_settings before = *settings;
    unsigned given = 0;
    for (size_t i = 0; i < count; i++) {
        struct error why;
        size_t length = strcspn(options[i], "=");
        const struct option *option = find_setting(options[i], length);
        if (!option || !options[i][length])
            return error_set(error, "'%.100s' is no NAME=VALUE of a check's options", options[i]);
        if (!(kind_takes(settings->kind) & option->bit))
            return error_set(error, "a check of type '%s' has no '%s' to set",
                             check_kind_name(settings->kind), option->name);
        if (!option_parse(option, options[i] + length + 1, settings, &why))
            return error_set(error, "'%s': %s", option->name, why.text);
        given |= option->bit;
    }
    settings_follow(settings, &before, given);
    return true;
}

/* ---- contradictions ---- */

const char *kinds_with(unsigned setting, char text[KINDS_TEXT_SIZE])
{
    size_t length = 0;
    *text = '\0';
    for (int i = 0; i < CHECK_KINDS; i++)
        if (!(check_kinds[i].lacks & setting))
            length += (size_t)snprintf(text + length, KINDS_TEXT_SIZE - length, "%s%s",
                                       length ? ", " : "", check_kind_names[i]);
    return text;
}

static bool verify_timeout(struct reader *reader, const struct tree_node *mapping,
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
    char whole[32], part[32];
    bool good = true;
    for (size_t i = 0; i < sizeof steps / sizeof *steps && given & HOST_SETS_TIMEOUT; i++) {
        if (check_kinds[settings->kind].lacks & steps[i].bit || steps[i].ms <= settings->timeout_ms)
            continue;
        bool here = given & steps[i].bit;
        good = report(reader, tree_find(mapping, here ? steps[i].name : "timeout")->place,
                      "'timeout' %s is shorter than '%s' %s%s%s: the whole probe needs at least "
                      "the time of each of its steps",
                      duration_format(settings->timeout_ms, whole), steps[i].name,
                      duration_format(steps[i].ms, part), here ? "" : " of ", here ? "" : of);
    }
    return good;
}

bool settings_verify(struct reader *reader, const struct tree_node *mapping,
                     const struct check_settings *settings, unsigned given, const char *of)
{
    char one[32], other[32];
    bool good = verify_timeout(reader, mapping, settings, given, of);
    if (given & HOST_SETS_RECHECK && settings->recheck_ms > settings->interval_ms)
        good =
            report(reader, tree_find(mapping, "recheck")->place,
                   "'recheck' %s is longer than 'interval' %s%s%s: a suspect target is probed "
                   "sooner, not later",
                   duration_format(settings->recheck_ms, one),
                   duration_format(settings->interval_ms, other),
                   given & HOST_SETS_INTERVAL ? "" : " of ", given & HOST_SETS_INTERVAL ? "" : of);
    if (given & HOST_SETS_DRAIN && settings->drain_ms < settings->alarm_ms)
        good = report(
            reader, tree_find(mapping, "round-trip-drain")->place,
            "'round-trip-drain' %s is shorter than 'round-trip-alarm' %s: the alarm comes "
            "first",
            duration_format(settings->drain_ms, one), duration_format(settings->alarm_ms, other));
    return good;
}

bool settings_are_bare(const struct check_settings *settings, unsigned given)
{
    return settings->user && settings->tls == CHECK_TLS_OFF &&
           given & (HOST_SETS_CREDENTIALS | HOST_SETS_TLS);
}
