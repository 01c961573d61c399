/* SPDX-License-Identifier: BSD-2-Clause */
/* The manual page says of each option what the tables say. */
#include "config/config.h"
#include "config/schema.h"
#include "control/load.h"
#include "support/config_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MANUAL_PAGE "src/config/evermx.yaml.5"

/* ---- the manual: for each row ".It Cm NAME", and in what follows its range and default ---- */

static void range_of(const struct option *option, char *text, size_t size)
{
    char least[32], most[32];
    *text = '\0';
    if (option->type == OPTION_NUMBER)
        snprintf(text, size, "%lld to %lld", (long long)option->min, (long long)option->max);
    else if (option->type == OPTION_PERCENT)
        snprintf(text, size, "%lld%% to %lld%%", (long long)option->min, (long long)option->max);
    else if (option->type == OPTION_DURATION)
        snprintf(text, size, "%s to %s", duration_format(option->min, least),
                 duration_format(option->max, most));
}

static void check_manual_row(const char *section, const struct option *option)
{
    char tag[64], range[64], fallback[64] = "";
    const char *item = section;
    snprintf(tag, sizeof tag, ".It Cm %s", option->name);
    while ((item = strstr(item, tag)) && item[strlen(tag)] != ' ' && item[strlen(tag)] != '\n')
        item++;
    if (!item)
        fail_msg("the manual page has no '%s' where it should be", tag);
    const char *next = strstr(item + strlen(tag), "\n.It Cm");
    char *text = strndup(item, next ? (size_t)(next - item) : strlen(item));
    range_of(option, range, sizeof range);
    if (option->fallback)
        snprintf(fallback, sizeof fallback, "default %s", option->fallback);
    if (!strstr(text, range) || !strstr(text, fallback))
        fail_msg("the manual page does not say '%s' and '%s' of %s", range, fallback, option->name);
    for (size_t i = 0; option->choices && option->choices[i]; i++)
        if (!strstr(text, option->choices[i]))
            fail_msg("the manual page does not say '%s' of %s", option->choices[i], option->name);
    free(text);
}

static void test_manual_has_every_option(void **state)
{
    static const struct {
        const char *heading;
        const struct option_section *section;
    } parts[] = {{".Sh SERVER", &section_server},  {".Sh SERVER", &section_rate},
                 {".Sh ZONES", &section_zone},     {".Sh CHECKS", &section_settings},
                 {".Sh CHECKS", &section_check},   {".Sh HOSTS", &section_host},
                 {".Sh POLICIES", &section_policy}};
    (void)state;
    size_t size;
    char *page = file_read_all(MANUAL_PAGE, &size);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *begin = strstr(page, parts[i].heading);
        assert_non_null(begin);
        const char *end = strstr(begin + 1, "\n.Sh ");
        char *part = strndup(begin, end ? (size_t)(end - begin) : strlen(begin));
        for (size_t row = 0; row < parts[i].section->count; row++)
            check_manual_row(part, &parts[i].section->rows[row]);
        free(part);
    }
    free(page);
}

/* The page's example is a good configuration. */
static void test_manual_example(void **state)
{
    static const char begin_mark[] = ".Sh EXAMPLES\n.Bd -literal\n";
    size_t size;
    char *page = file_read_all(MANUAL_PAGE, &size);
    char *begin = strstr(page, begin_mark);
    assert_non_null(begin);
    begin += strlen(begin_mark);
    char *end = strstr(begin, ".Ed\n");
    assert_non_null(end);
    *end = '\0';
    struct config *config = config_file_load_good(*state, "%s", begin);
    assert_int_equal(config->npolicies, 2);
    config_free(config);
    free(page);
}

/* ---- when an option takes effect ---- */

/* As ".Cm a , b" names it. */
static bool names_option(const char *begin, const char *end, const char *option)
{
    size_t size = strlen(option);
    for (const char *at = begin; (at = strstr(at, option)) && at < end; at += size)
        if ((at[-1] == ' ' || at[-1] == '\n') && strchr(" \n;", at[size]))
            return true;
    return false;
}

static bool is_warned_of(const struct diagnostics *diagnostics, const char *option)
{
    size_t size = strlen(option);
    for (size_t i = 0; i < diagnostics->count; i++)
        if (strncmp(diagnostics->list[i].text, option, size) == 0 &&
            diagnostics->list[i].text[size] == ':')
            return true;
    return false;
}

/* Of each option of the server that both pages say: what a reload warns of needs a restart, and
 * the rest, by the first page, does not. */
static void test_manual_says_what_needs_a_restart(void **state)
{
    static const struct {
        const char *file, *reload, *restart, *end;
    } pages[] = {
        {MANUAL_PAGE, ".Sh SERVER\n", "hold from the next reload", "from the next start"},
        {"src/evermxd.8", NULL, "A change of\n", "needs a restart"},
    };
    char *here = getcwd(NULL, 0);
    struct config *before = config_file_load_good(*state, "server: {workers: 1}\n");
    struct config *after = config_file_load_good(
        *state,
        "server: {listen: [127.0.0.1], workers: 2, control: /c, user: u, rate-limit: off, "
        "tcp-connections: 2, tcp-per-client: 1, tcp-idle: 1s, probing: off, identity: i, "
        "version: off, udp-size: 600, cookies: off, canary-names: on, probe-source: 192.0.2.1, "
        "ehlo-name: a.test, ca-file: %s/tests/config/ca.pem, uplink-guard: off, "
        "canaries: [192.0.2.1]}\n",
        here);
    struct diagnostics diagnostics;
    size_t size;
    diagnostics_init(&diagnostics);
    load_warn_of_restart(before, after, &diagnostics);
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        char *page = file_read_all(pages[i].file, &size);
        const char *reload = pages[i].reload ? strstr(page, pages[i].reload) : page;
        const char *restart = reload ? strstr(reload, pages[i].restart) : NULL;
        const char *end = restart ? strstr(restart, pages[i].end) : NULL;
        assert_non_null(end);
        for (size_t row = 0; row < section_server.count; row++) {
            const char *option = section_server.rows[row].name;
            bool warned = is_warned_of(&diagnostics, option);
            if (names_option(restart, end, option) != warned ||
                (pages[i].reload && names_option(reload, restart, option) == warned))
                fail_msg("%s is wrong about when %s takes effect", pages[i].file, option);
        }
        free(page);
    }
    diagnostics_free(&diagnostics);
    config_free(before);
    config_free(after);
    free(here);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manual_has_every_option),
        cmocka_unit_test_setup_teardown(test_manual_example, config_file_set_up,
                                        config_file_tear_down),
        cmocka_unit_test_setup_teardown(test_manual_says_what_needs_a_restart, config_file_set_up,
                                        config_file_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
