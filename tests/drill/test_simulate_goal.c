/* SPDX-License-Identifier: BSD-2-Clause */
/* Populations as they are read, goals as they are asked, and the plans that meet them. */
#include "../../tools/drill/simulate/audience.h"
#include "../../tools/drill/simulate/goal.h"
#include "support/config_file.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- populations ---- */

static struct population *read_text(struct config_file *file, const char *text)
{
    FILE *out = fopen(file->path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    diagnostics_free(&file->diagnostics);
    diagnostics_init(&file->diagnostics);
    return population_read(file->path, &file->diagnostics);
}

static void test_population(void **state)
{
    struct population *population = read_text(
        *state, "resolvers: 5\n"
                "classes:\n"
                "  - {name: plain, users: 3}\n"
                "  - {name: slow, users: 1, floor: 4m, ceiling: 1h, caches: 3, busiest: 2s,\n"
                "     quietest: 1d, prefetch-last: 2s, prefetch-from: 9s, clock: cuts}\n");
    assert_non_null(population);
    assert_int_equal(population->resolvers, 5);
    assert_int_equal(population->count, 2);
    const struct resolver_class *plain = &population->classes[0], *slow = plain + 1;
    assert_string_equal(plain->name, "plain");
    assert_int_equal(plain->users, 3);
    assert_int_equal(plain->caches, 1);
    assert_int_equal(plain->clock, CLOCK_EXACT);
    assert_float_equal(class_ttl_s(plain, 10), 10, 0);
    assert_true(class_is_honest(plain));
    assert_float_equal(class_ttl_s(slow, 10), 240, 0);
    assert_float_equal(class_ttl_s(slow, 86400), 3600, 0);
    assert_float_equal(class_prefetch_s(slow, 240), 2, 0);
    assert_int_equal(slow->clock, CLOCK_CUTS);
    population_free(population);
}

/* Told with line and column, all at once. */
static void test_bad_populations(void **state)
{
    static const struct {
        const char *text;
        int line;
        const char *why;
    } bad[] = {
        {"", 1, "the file: must be a mapping"},
        {"resolvers: 5\n", 1, "'classes' is missing"},
        {"classes: []\n", 1, "'classes' has 0 classes"},
        {"classes: [honest]\n", 1, "a class: must be a mapping"},
        {"classes:\n  - {name: a}\n", 2, "'users' is missing"},
        {"classes:\n  - {users: 1}\n", 2, "'name' is missing"},
        {"classes:\n  - {name: a, users: 8.7}\n", 2, "'users': '8.7' is no whole number"},
        {"classes:\n  - {name: a, users: 0}\n", 2, "'users': 0 is out of range"},
        {"classes:\n  - {name: a, users: 1, flor: 30s}\n", 2, "did you mean 'floor'?"},
        {"classes:\n  - {name: a, users: 1, floor: 30}\n", 2, "'floor': '30' needs a unit"},
        {"classes:\n  - {name: a, users: 1, clock: late}\n", 2, "exact, keeps, cuts"},
        {"classes:\n  - {name: a, users: 1, caches: 5000}\n", 2, "out of range"},
        {"classes:\n  - {name: a, users: 1}\n  - {name: a, users: 1}\n", 3, "given twice"},
        {"classes:\n  - {name: a, users: 1, busiest: 2h, quietest: 1h}\n", 2, "'busiest' is"},
        {"classes:\n  - {name: a, users: 1, floor: 2h, ceiling: 1h}\n", 2, "'ceiling' is below"},
        {"classes:\n  - {name: a, users: 1, prefetch-last: 2s}\n", 2, "needs a 'prefetch-from'"},
        {"classes:\n  - {name: a, users: 1, prefetch: 10%, prefetch-last: 2s, "
         "prefetch-from: 9s}\n",
         2, "two ways to say the same"},
        {"resolvers: no\nclasses:\n  - {name: a, users: 1}\n", 1, "'resolvers'"},
        {"classes:\n  - {name: a, users: 1\n", 3, ""},
    };
    struct config_file *file = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (read_text(file, bad[i].text))
            fail_msg("was taken: %s", bad[i].text);
        const struct diagnostic *first = file->diagnostics.list;
        assert_true(file->diagnostics.errors > 0);
        assert_string_equal(first->file, file->path);
        if (first->line != bad[i].line || !strstr(first->text, bad[i].why)) {
            diagnostics_describe(&file->diagnostics);
            fail_msg("line %d, '%s', was expected of %s", bad[i].line, bad[i].why, bad[i].text);
        }
    }
    assert_null(read_text(file, "classes:\n  - {name: a, users: x}\n  - {name: b}\n"));
    assert_int_equal(file->diagnostics.errors, 2);
    diagnostics_free(&file->diagnostics);
    diagnostics_init(&file->diagnostics);
    assert_null(population_read("/nonexistent/resolvers.yaml", &file->diagnostics));
    assert_int_equal(file->diagnostics.errors, 1);
}

/* What is installed: read without a word, and as its comment says. */
static void test_default_population(void **state)
{
    struct config_file *file = *state;
    struct population *population =
        population_read("tools/drill/simulate/resolvers.yaml", &file->diagnostics);
    unsigned users = 0, longer = 0;
    diagnostics_describe(&file->diagnostics);
    assert_non_null(population);
    assert_int_equal(file->diagnostics.count, 0);
    for (size_t i = 0; i < population->count; i++) {
        users += population->classes[i].users;
        longer += class_is_honest(&population->classes[i]) ? 0 : population->classes[i].users;
    }
    assert_int_equal(users, 1000);
    assert_int_equal(longer, 87 + 20); /* those of the study, and Knot Resolver's */
    population_free(population);
}

/* ---- goals ---- */

static void test_goals(void **state)
{
    static const struct {
        const char *text;
        double share, within_s;
    } good[] = {
        {"p99 < 15s", 0.99, 15},     {"p99<15", 0.99, 15},    {" p99.9 < 2m", 0.999, 120},
        {"median < 1.5s", 0.5, 1.5}, {"p50<500ms", 0.5, 0.5}, {"p95 < 1 h", 0.95, 3600},
    };
    static const char *const bad[] = {"",        "p99",     "p99 15s",   "p99 < ", "p99 < s",
                                      "p0 < 1s", "p100<1s", "99 < 15s",  "p99<-1", "p99 < 15 d",
                                      "p99 < 0", "median",  "p99 < nan", "p < 15"};
    struct goal goal;
    struct error error;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (!goal_parse(good[i].text, &goal, &error))
            fail_msg("%s: %s", good[i].text, error.text);
        assert_float_equal(goal.share, good[i].share, 1e-9);
        assert_float_equal(goal.within_s, good[i].within_s, 1e-9);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (goal_parse(bad[i], &goal, &error))
            fail_msg("'%s' was taken", bad[i]);
}

/* ---- plans ---- */

static struct resolver_class classes[2];
static const enum death_kind kinds[] = {DEATH_KILL, DEATH_HANG};

/* Users behind honest resolvers that are asked all the time; and, of two classes, every tenth one
 * behind others. */
static struct population population_of(size_t count)
{
    for (size_t i = 0; i < 2; i++)
        classes[i] = (struct resolver_class){
            .users = i ? 1 : 9, .caches = 1, .busiest_ms = 10, .quietest_ms = 10};
    classes[0].name = "honest";
    classes[1].name = "slow";
    classes[1].floor_ms = 240000;
    return (struct population){.resolvers = 1000, .classes = classes, .count = count};
}

static struct goal_setting setting_of(const struct population *population)
{
    struct config *config = config_new();
    struct goal_setting setting = {.death = {.check = config->checks[CHECK_SMTP].settings},
                                   .kinds = kinds,
                                   .nkinds = 2,
                                   .population = population,
                                   .deaths = 300,
                                   .draws = 4000,
                                   .seed = 5};
    config_free(config);
    return setting;
}

/* By hand, and with other numbers drawn: a hung host is the harder one. */
static double time_of(const struct goal *goal, const struct goal_setting *setting, uint32_t ttl_s,
                      int64_t interval_ms)
{
    struct death_setting death = setting->death;
    struct chance chance = {77};
    death.check.interval_ms = interval_ms;
    struct deaths deaths = deaths_happen(2000, DEATH_HANG, &death, &chance);
    const struct audience_setting all = {
        .population = setting->population, .deaths = &deaths, .ttl_s = ttl_s, .draws = 40000};
    struct audience *audience = audience_draw(&all, &chance);
    double time_s = times_quantile(&audience->users, goal->share);
    audience_free(audience);
    deaths_free(&deaths);
    return time_s;
}

static void test_plans(void **state)
{
    const struct goal goal = {0.99, 15};
    struct population population = population_of(1);
    const struct goal_setting setting = setting_of(&population);
    struct plan plans[PLANS_MAX];
    size_t count = goal_plans(&goal, &setting, false, plans);
    (void)state;
    assert_in_range(count, 2, 6);
    for (size_t i = 0; i < count; i++) {
        const struct plan *plan = &plans[i];
        double queries_s = 1000 * 100 / (1 + 100 * (double)plan->ttl_s);
        assert_int_equal(plan->kind, DEATH_HANG);
        assert_true(plan->time_s < 15);
        assert_float_equal(time_of(&goal, &setting, plan->ttl_s, plan->interval_ms), plan->time_s,
                           0.4);
        assert_float_equal(plan->queries_s, queries_s, 0.001 * queries_s);
        assert_float_equal(plan->probes_s, 1000 / (0.95 * (double)plan->interval_ms), 0.01);
        /* The next longer TTL of any list is half as long again: it would not do. */
        assert_true(time_of(&goal, &setting, plan->ttl_s * 3 / 2 + 1, plan->interval_ms) > 14.6);
        if (i) { /* fewer probes, and more queries for it */
            assert_true(plan->interval_ms > plans[i - 1].interval_ms);
            assert_true(plan->ttl_s < plans[i - 1].ttl_s);
        }
    }
}

static char *printed(const struct goal *goal, const struct goal_setting *setting, bool *met)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    *met = goal_print(goal, setting, out);
    fclose(out);
    return text;
}

/* A tenth of the users is behind resolvers that no TTL moves. */
static void test_impossible(void **state)
{
    const struct goal goal = {0.99, 15}, easy = {0.85, 15};
    struct population population = population_of(2);
    struct goal_setting setting = setting_of(&population);
    struct plan plans[PLANS_MAX];
    bool met;
    (void)state;
    setting.draws = 40000; /* a hundredth of them is to be told within some seconds */
    assert_int_equal(goal_plans(&goal, &setting, false, plans), 0);
    assert_true(goal_plans(&goal, &setting, true, plans) > 1);
    struct plan best = goal_best(&goal, &setting, false);
    assert_float_equal(best.time_s, 0.9 * 240 + 3, 5);
    assert_int_equal(best.ttl_s, 1);
    char *text = printed(&goal, &setting, &met);
    assert_false(met);
    assert_non_null(strstr(text, "p99 cannot be much below 21"));
    assert_non_null(strstr(text, "Of all these users wait for longer than 15 s: 9."));
    assert_non_null(strstr(text, " % (slow)\n"));
    assert_non_null(strstr(text, "10.0 % of the users sit behind resolvers that keep answers for "
                                 "longer than\n15 s"));
    assert_non_null(strstr(text, "Of the other 90.0 % of the users alone"));
    free(text);
    text = printed(&easy, &setting, &met);
    assert_true(met);
    assert_non_null(strstr(text, "p85 < 15 s is met"));
    free(text);
}

/* ---- times that do not grow with the TTL ---- */

/* By hand, each TTL: what of them meets the goal costs least? 0: none. */
static uint32_t cheapest_of(const struct goal *goal, const struct goal_setting *setting,
                            int64_t interval_ms)
{
    static const uint32_t ttls_s[] = {1,  2,  3,  5,  8,   10,  15,  20,
                                      30, 45, 60, 90, 120, 180, 300, 600};
    double least = (double)INFINITY;
    uint32_t cheapest = 0;
    for (size_t i = 0; i < sizeof ttls_s / sizeof *ttls_s; i++) {
        double queries_s = audience_cost(setting->population, ttls_s[i]).queries_s;
        if (queries_s < least && time_of(goal, setting, ttls_s[i], interval_ms) < goal->within_s) {
            least = queries_s;
            cheapest = ttls_s[i];
        }
    }
    return cheapest;
}

/* All renew answers of at least a minute so long before their end that they hold on to them for
 * less time than to those of 15 s: 60 s does, which neither a half of nor twice as much does. */
static void test_early_renewal(void **state)
{
    const struct goal goal = {0.99, 15.5};
    struct population population = population_of(1);
    const struct goal_setting setting = setting_of(&population);
    struct plan plans[PLANS_MAX];
    (void)state;
    classes[0].prefetch_ms = 48000;
    classes[0].prefetch_from_ms = 60000;
    assert_true(time_of(&goal, &setting, 30, 1000) > 25);
    assert_true(time_of(&goal, &setting, 60, 1000) < 15);
    size_t count = goal_plans(&goal, &setting, false, plans);
    assert_true(count > 1);
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(plans[i].ttl_s, cheapest_of(&goal, &setting, plans[i].interval_ms));
        any = any || plans[i].ttl_s == 60;
    }
    assert_true(any);
}

/* The longest TTL is not the cheapest: answers of 30 s are fetched anew each 4 s. */
static void test_costly_renewal(void **state)
{
    const struct goal goal = {0.99, 15.5};
    struct population population = population_of(1);
    const struct goal_setting setting = setting_of(&population);
    struct plan plans[PLANS_MAX];
    (void)state;
    classes[0].prefetch_ms = 26000;
    classes[0].prefetch_from_ms = 30000;
    assert_true(time_of(&goal, &setting, 30, 1000) < 10);
    size_t count = goal_plans(&goal, &setting, false, plans);
    assert_true(count > 1);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(plans[i].ttl_s, cheapest_of(&goal, &setting, plans[i].interval_ms));
        assert_true(i == 0 || plans[i].queries_s > plans[i - 1].queries_s);
    }
    assert_in_range(plans[0].ttl_s, 8, 10);
}

/* ---- limits ---- */

/* The servers need longer by themselves. */
static void test_below_detection(void **state)
{
    const struct goal goal = {0.5, 0.2};
    struct population population = population_of(1);
    const struct goal_setting setting = setting_of(&population);
    bool met;
    (void)state;
    char *text = printed(&goal, &setting, &met);
    assert_false(met);
    assert_non_null(strstr(text, "The servers alone need"));
    assert_non_null(strstr(text, "for longer than 0.2 s: 100.0 % (honest)\n"));
    assert_null(strstr(text, "whatever their TTL"));
    free(text);
}

/* The ends of both lists; and users that no TTL reaches. */
static void test_hours(void **state)
{
    const struct goal days = {0.999, 2 * 86400}, hours = {0.99, 7200};
    struct population population = population_of(2);
    const struct goal_setting setting = setting_of(&population);
    struct plan plans[PLANS_MAX];
    (void)state;
    assert_int_equal(goal_plans(&days, &setting, false, plans), 1);
    assert_int_equal(plans[0].ttl_s, 86400);
    assert_int_equal(plans[0].interval_ms, 60000);
    size_t count = goal_plans(&hours, &setting, false, plans);
    assert_true(count >= 1);
    for (size_t i = 0; i < count; i++)
        assert_in_range(plans[i].ttl_s, 3600, 7200);
}

/* What is told is what so many draws by themselves come to. */
static void test_told_by_all_draws(void **state)
{
    const struct goal goal = {0.9, 20};
    struct population population = population_of(2);
    struct goal_setting setting = setting_of(&population);
    struct plan plans[PLANS_MAX];
    (void)state;
    setting.draws = 60000;
    setting.population = &population;
    classes[1].floor_ms = 12000;
    size_t count = goal_plans(&goal, &setting, false, plans);
    assert_true(count > 1);
    for (size_t i = 0; i < count; i++) {
        struct death_setting death = setting.death;
        struct chance chance = {setting.seed + 1}, draws = {setting.seed << 32 | 1};
        death.check.interval_ms = plans[i].interval_ms;
        if (death.check.recheck_ms > plans[i].interval_ms)
            death.check.recheck_ms = plans[i].interval_ms;
        struct deaths deaths = deaths_happen(setting.deaths, DEATH_HANG, &death, &chance);
        const struct audience_setting all = {.population = &population,
                                             .deaths = &deaths,
                                             .ttl_s = plans[i].ttl_s,
                                             .draws = setting.draws};
        struct audience *audience = audience_draw(&all, &draws);
        assert_int_equal(plans[i].kind, DEATH_HANG);
        assert_float_equal(plans[i].time_s, times_quantile(&audience->users, goal.share), 0);
        audience_free(audience);
        deaths_free(&deaths);
    }
}

/* No interval helps where the check does not see it. */
static void test_blind(void **state)
{
    static const enum death_kind blind[] = {DEATH_TLS};
    const struct goal goal = {0.5, 100};
    struct population population = population_of(1);
    struct goal_setting setting = setting_of(&population);
    bool met;
    (void)state;
    setting.kinds = blind;
    setting.nkinds = 1;
    char *text = printed(&goal, &setting, &met);
    assert_false(met);
    assert_non_null(strstr(text, "tls is not noticed"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_population, config_file_set_up, config_file_tear_down),
        cmocka_unit_test_setup_teardown(test_bad_populations, config_file_set_up,
                                        config_file_tear_down),
        cmocka_unit_test_setup_teardown(test_default_population, config_file_set_up,
                                        config_file_tear_down),
        cmocka_unit_test(test_goals),
        cmocka_unit_test(test_plans),
        cmocka_unit_test(test_impossible),
        cmocka_unit_test(test_early_renewal),
        cmocka_unit_test(test_costly_renewal),
        cmocka_unit_test(test_below_detection),
        cmocka_unit_test(test_hours),
        cmocka_unit_test(test_told_by_all_draws),
        cmocka_unit_test(test_blind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
