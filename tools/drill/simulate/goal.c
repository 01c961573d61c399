/* SPDX-License-Identifier: BSD-2-Clause */
#include "goal.h"

#include "../values.h"
#include "audience.h"
#include "probe/jitter.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What people choose from; more would only be longer to read. Each host is asked as often: shorter
 * intervals than half a second are no manners. */
static const uint32_t ttls_s[] = {1, 2, 3, 5, 7, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600};
static const int64_t intervals_ms[] = {500, 1000, 2000, 3000, 5000, 10000, 15000, 30000, 60000};
enum {
    TTLS = sizeof ttls_s / sizeof *ttls_s,
    INTERVALS = sizeof intervals_ms / sizeof *intervals_ms,
};
_Static_assert((int)INTERVALS <= (int)PLANS_MAX, "a plan for each");

/* ---- the question ---- */

enum { GOAL_SIZE = 64 };

static const char *skip_blanks(const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    return text;
}

/* "p99.9 " or "median", as a share. */
static bool parse_share(const char *text, double *share)
{
    char number[GOAL_SIZE];
    size_t size = strcspn(text, " \t");
    if (text[size + strspn(text + size, " \t")])
        return false;
    *share = 0.5;
    if (size == 6 && strncmp(text, "median", 6) == 0)
        return true;
    if (*text != 'p')
        return false;
    snprintf(number, sizeof number, "%.*s", (int)size - 1, text + 1);
    if (!value_decimal(number, 0, 100, share, NULL))
        return false;
    *share /= 100;
    return *share > 0 && *share < 1;
}

/* "15s", "15 s", "15". */
static bool parse_within(const char *text, double *within_s, struct error *error)
{
    static const struct duration_range range = {.least_ms = 1, .most_ms = 24 * 3600 * 1000};
    char duration[GOAL_SIZE];
    size_t used = 0;
    int64_t ms;
    for (; *text && used + 1 < sizeof duration; text++)
        if (!isspace((unsigned char)*text))
            duration[used++] = *text;
    duration[used] = '\0';
    if (!value_duration(duration, &range, &ms, error))
        return false;
    *within_s = (double)ms / 1000;
    return true;
}

bool goal_parse(const char *text, struct goal *goal, struct error *error)
{
    char share[GOAL_SIZE];
    struct error why;
    const char *less = strchr(text, '<');
    if (!less || strlen(text) >= GOAL_SIZE)
        return error_set(error, "'%.100s' is no goal, like p99 < 15s or median < 500ms", text);
    snprintf(share, sizeof share, "%.*s", (int)(less - text), text);
    if (!parse_share(skip_blanks(share), &goal->share))
        return error_set(error,
                         "'%.100s' is no goal, like p99 < 15s: it begins with median, or p "
                         "and a percentage",
                         text);
    if (!parse_within(less + 1, &goal->within_s, &why))
        return error_set(error, "'%.100s' is no goal, like p99 < 15s: %s", text, why.text);
    return true;
}

/* ---- one combination ---- */

/* Deaths hang on the interval alone: they are made once for each. */
struct tries {
    const struct goal_setting *setting;
    double share;
    bool honest;
    struct deaths deaths[DEATH_KINDS];
    size_t hardest; /* of the kinds, so far: tried first */
};

static void tries_begin(struct tries *tries, int64_t interval_ms)
{
    const struct goal_setting *setting = tries->setting;
    struct death_setting death = setting->death;
    death.check.interval_ms = interval_ms;
    if (death.check.recheck_ms > interval_ms) /* as the configuration has it */
        death.check.recheck_ms = interval_ms;
    for (size_t i = 0; i < setting->nkinds; i++) {
        struct chance chance = {setting->seed + i};
        tries->deaths[i] = deaths_happen(setting->deaths, setting->kinds[i], &death, &chance);
    }
}

static void tries_end(struct tries *tries)
{
    for (size_t i = 0; i < tries->setting->nkinds; i++)
        deaths_free(&tries->deaths[i]);
}

/* The same chance for each combination: what differs between two is the combination. */
static double try_kind(const struct tries *tries, size_t kind, uint32_t ttl_s)
{
    const struct goal_setting *setting = tries->setting;
    const struct audience_setting audience_setting = {.population = setting->population,
                                                      .deaths = &tries->deaths[kind],
                                                      .ttl_s = ttl_s,
                                                      .draws = setting->draws,
                                                      .honest = tries->honest};
    struct chance chance = {setting->seed};
    struct audience *audience = audience_draw(&audience_setting, &chance);
    double time_s = times_quantile(&audience->users, tries->share);
    audience_free(audience);
    return time_s;
}

/* All kinds, the hardest first; not all where one has missed the goal. */
static struct plan try_ttl(struct tries *tries, uint32_t ttl_s, int64_t interval_ms,
                           double within_s)
{
    struct plan plan = {.ttl_s = ttl_s, .interval_ms = interval_ms, .time_s = -1};
    int64_t least_ms = jitter_ms(interval_ms, (uint64_t)interval_ms / 10);
    plan.probes_s = 2000.0 / (double)(interval_ms + least_ms);
    plan.queries_s = audience_cost(tries->setting->population, ttl_s).queries_s;
    size_t hardest = tries->hardest;
    for (size_t i = 0; i < tries->setting->nkinds && plan.time_s < within_s; i++) {
        size_t kind = i == 0 ? hardest : i <= hardest ? i - 1 : i;
        double time_s = try_kind(tries, kind, ttl_s);
        if (time_s > plan.time_s) {
            plan.time_s = time_s;
            plan.kind = tries->setting->kinds[kind];
            tries->hardest = kind;
        }
    }
    return plan;
}

/* ---- all ---- */

/* The longest TTL that meets the goal: by halves, as longer ones never fail over faster. */
static bool longest_ttl(struct tries *tries, int64_t interval_ms, double within_s,
                        struct plan *best)
{
    size_t low = 0, high = TTLS;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct plan plan = try_ttl(tries, ttls_s[middle], interval_ms, within_s);
        if (plan.time_s < within_s) {
            *best = plan;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0;
}

size_t goal_plans(const struct goal *goal, const struct goal_setting *setting, bool honest,
                  struct plan plans[PLANS_MAX])
{
    struct tries tries = {.setting = setting, .share = goal->share, .honest = honest};
    size_t count = 0;
    for (size_t i = 0; i < INTERVALS; i++) {
        struct plan plan;
        tries_begin(&tries, intervals_ms[i]);
        bool met = longest_ttl(&tries, intervals_ms[i], goal->within_s, &plan);
        tries_end(&tries);
        if (setting->progress)
            setting->progress(setting->context, i + 1, INTERVALS);
        if (!met)
            break; /* nor with longer intervals */
        /* More probes for no longer TTL: nobody wants that. */
        if (count && plans[count - 1].ttl_s <= plan.ttl_s)
            count--;
        plans[count++] = plan;
    }
    return count;
}

struct plan goal_best(const struct goal *goal, const struct goal_setting *setting, bool honest)
{
    struct goal_setting closer = *setting;
    struct tries tries = {.setting = &closer, .share = goal->share, .honest = honest};
    closer.draws *= 10; /* it is a figure to be told */
    tries_begin(&tries, intervals_ms[0]);
    struct plan plan = try_ttl(&tries, ttls_s[0], intervals_ms[0], (double)INFINITY);
    tries_end(&tries);
    return plan;
}

/* ---- the answer ---- */

static void format_seconds(double s, char text[32])
{
    if (isinf(s))
        snprintf(text, 32, "never");
    else
        snprintf(text, 32, s < 99.5 ? "%.1f s" : "%.0f s", s);
}

static void print_plans(const struct goal *goal, const struct plan *plans, size_t count, FILE *out)
{
    char name[16], time[32];
    snprintf(name, sizeof name, "p%g", goal->share * 100);
    fprintf(out, "  %6s  %9s  %8s  %-11s  %18s  %14s\n", "TTL", "interval", name, "at worst",
            "queries/s, servers", "probes/s, host");
    for (size_t i = 0; i < count; i++) {
        const struct plan *plan = &plans[i];
        format_seconds(plan->time_s, time);
        fprintf(out, "  %4u s  %7.1f s  %8s  %-11s  %18.0f  %14.2f\n", plan->ttl_s,
                (double)plan->interval_ms / 1000, time, death_word(plan->kind), plan->queries_s,
                plan->probes_s);
    }
}

/* Users whose resolvers keep all answers for longer, in percent. */
static double percent_above(const struct population *population, double than_s)
{
    double all = 0, some = 0;
    for (size_t i = 0; i < population->count; i++) {
        const struct resolver_class *class = &population->classes[i];
        all += class->users;
        if ((double)class->floor_ms / 1000 > than_s)
            some += class->users;
    }
    return 100 * some / all;
}

static void print_why(const struct goal *goal, const struct goal_setting *setting,
                      const struct plan *best, FILE *out)
{
    char time[32];
    if (isinf(best->time_s)) {
        fprintf(out, "p%g is never: %s is not noticed by this check.\n", goal->share * 100,
                death_word(best->kind));
        return;
    }
    double guilty = percent_above(setting->population, goal->within_s);
    format_seconds(best->time_s, time);
    fprintf(
        out,
        "p%g cannot be much below %s: that is what TTL %u s and interval %.1f s come to (%s).\n",
        goal->share * 100, time, best->ttl_s, (double)best->interval_ms / 1000,
        death_word(best->kind));
    if (guilty >= 100 * (1 - goal->share))
        fprintf(out,
                "%.1f %% of the users sit behind resolvers that keep answers for longer than\n%g "
                "s, whatever "
                "their TTL is.\n",
                guilty, goal->within_s);
}

bool goal_print(const struct goal *goal, const struct goal_setting *setting, FILE *out)
{
    struct plan plans[PLANS_MAX];
    size_t count = goal_plans(goal, setting, false, plans);
    if (count) {
        fprintf(out, "p%g < %g s is met by these, for %zu kind%s of failure:\n", goal->share * 100,
                goal->within_s, setting->nkinds, setting->nkinds == 1 ? "" : "s");
        print_plans(goal, plans, count, out);
        return true;
    }
    struct plan best = goal_best(goal, setting, false);
    print_why(goal, setting, &best, out);
    double honest = 100 - percent_above(setting->population, 1);
    if (honest <= 0 || honest >= 100)
        return false;
    count = goal_plans(goal, setting, true, plans);
    if (count) {
        fprintf(out, "Of the other %.1f %% of the users alone, it is met by these:\n", honest);
        print_plans(goal, plans, count, out);
    } else {
        best = goal_best(goal, setting, true);
        fprintf(out, "Nor is it met for the other %.1f %% of the users alone. ", honest);
        print_why(goal, setting, &best, out);
    }
    return false;
}
