/* SPDX-License-Identifier: BSD-2-Clause */
#include "goal.h"

#include "../values.h"
#include "audience.h"
#include "base/memory.h"
#include "probe/jitter.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What people choose from; more would only be longer to read. Each host is asked as often: shorter
 * intervals than half a second are no manners. */
static const uint32_t ttls_s[] = {1,   2,   3,   5,   8,   10,   15,   20,   30,    45,    60,   90,
                                  120, 180, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400};
static const int64_t intervals_ms[] = {500, 1000, 2000, 3000, 5000, 10000, 15000, 30000, 60000};
enum {
    TTLS = sizeof ttls_s / sizeof *ttls_s,
    INTERVALS = sizeof intervals_ms / sizeof *intervals_ms,
    WHY_DRAWS = 100000, /* of what does not meet the goal */
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
    bool sure; /* nothing is within a time that is so by chance alone */
    int64_t interval_ms;
    struct deaths deaths[DEATH_KINDS];
    size_t hardest; /* of the kinds, so far: tried first */
};

static void tries_begin(struct tries *tries, int64_t interval_ms)
{
    const struct goal_setting *setting = tries->setting;
    struct death_setting death = setting->death;
    tries->interval_ms = death.check.interval_ms = interval_ms;
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

/* The same chance for each combination: what differs between two is the combination. And the same
 * as where it is predicted by itself: who looks there finds the same figures. */
static struct audience *try_draws(const struct tries *tries, size_t kind, uint32_t ttl_s,
                                  size_t draws)
{
    const struct goal_setting *setting = tries->setting;
    const struct audience_setting audience_setting = {.population = setting->population,
                                                      .deaths = &tries->deaths[kind],
                                                      .ttl_s = ttl_s,
                                                      .draws = draws,
                                                      .honest = tries->honest};
    struct chance chance = {setting->seed << 32 | kind};
    return audience_draw(&audience_setting, &chance);
}

static double try_time_s(const struct tries *tries, size_t kind, uint32_t ttl_s, size_t draws)
{
    struct audience *audience = try_draws(tries, kind, ttl_s, draws);
    double time_s = times_quantile(&audience->users, tries->share);
    audience_free(audience);
    return time_s;
}

/* Whether all draws would be within the time, told by fewer where that is beyond doubt: by four
 * standard deviations of the share that is. */
static bool try_kind(const struct tries *tries, size_t kind, uint32_t ttl_s, double within_s,
                     double *time_s)
{
    enum { FIRST = 1000, TIMES_MORE = 4, DEVIATIONS = 4 };
    for (size_t draws = FIRST;; draws *= TIMES_MORE) {
        bool is_all = draws >= tries->setting->draws;
        if (is_all)
            draws = tries->setting->draws;
        double share = tries->share;
        double doubt = DEVIATIONS * sqrt(share * (1 - share) / (double)draws);
        if (is_all && !tries->sure)
            doubt = 0;
        struct audience *audience = try_draws(tries, kind, ttl_s, draws);
        double least_s = times_quantile(&audience->users, share - doubt);
        double most_s = times_quantile(&audience->users, share + doubt);
        *time_s = times_quantile(&audience->users, share);
        audience_free(audience);
        if (is_all || least_s >= within_s || most_s < within_s)
            return most_s < within_s;
    }
}

static struct plan plan_of(const struct tries *tries, uint32_t ttl_s)
{
    int64_t interval_ms = tries->interval_ms;
    int64_t least_ms = jitter_ms(interval_ms, (uint64_t)interval_ms / 10);
    return (struct plan){.ttl_s = ttl_s,
                         .interval_ms = interval_ms,
                         .time_s = -1,
                         .queries_s = audience_cost(tries->setting->population, ttl_s).queries_s,
                         .probes_s = 2000.0 / (double)(interval_ms + least_ms)};
}

/* All kinds, the hardest first; not all where one has missed the goal. The time is by as many draws
 * as it took. */
static bool try_kinds(struct tries *tries, struct plan *plan, double within_s)
{
    bool met = true;
    size_t hardest = tries->hardest;
    for (size_t i = 0; i < tries->setting->nkinds && met; i++) {
        size_t kind = i == 0 ? hardest : i <= hardest ? i - 1 : i;
        double time_s;
        met = try_kind(tries, kind, plan->ttl_s, within_s, &time_s);
        if (time_s > plan->time_s) {
            plan->time_s = time_s;
            plan->kind = tries->setting->kinds[kind];
            tries->hardest = kind;
        }
    }
    return met;
}

static size_t at_most(size_t number, size_t most)
{
    return number < most ? number : most;
}

/* The time that is told: by so many draws of those kinds that can be the one that takes longest. */
static void measure(const struct tries *tries, size_t draws, struct plan *plan)
{
    const double close = 0.95;
    double times_s[DEATH_KINDS], longest_s = -1;
    for (size_t i = 0; i < tries->setting->nkinds; i++) {
        times_s[i] = try_time_s(tries, i, plan->ttl_s, at_most(draws, 10000));
        longest_s = fmax(longest_s, times_s[i]);
    }
    plan->time_s = -1;
    for (size_t i = 0; i < tries->setting->nkinds; i++) {
        if (times_s[i] < close * longest_s)
            continue;
        double time_s = try_time_s(tries, i, plan->ttl_s, draws);
        if (time_s > plan->time_s) {
            plan->time_s = time_s;
            plan->kind = tries->setting->kinds[i];
        }
    }
}

/* What no resolver can make shorter: the time until the servers have noticed, of the kind that
 * takes longest. */
static double detection_s(const struct tries *tries)
{
    double longest_s = 0;
    for (size_t kind = 0; kind < tries->setting->nkinds; kind++) {
        const struct deaths *deaths = &tries->deaths[kind];
        struct times times = {memory_array(deaths->count, sizeof *times.list), deaths->count};
        for (size_t i = 0; i < deaths->count; i++)
            times.list[i] = deaths->list[i].left_s;
        times_sort(&times);
        longest_s = fmax(longest_s, times_quantile(&times, tries->share));
        free(times.list);
    }
    return longest_s;
}

/* ---- all ---- */

/* What costs least first. Not the longest TTL always: one that is fetched anew long before its end
 * can cost more than a shorter one. */
static int compare_costs(const void *one, const void *other)
{
    const struct plan *a = one, *b = other;
    if (a->queries_s != b->queries_s)
        return (a->queries_s > b->queries_s) - (a->queries_s < b->queries_s);
    return (a->ttl_s < b->ttl_s) - (a->ttl_s > b->ttl_s);
}

/* The cheapest TTL that meets the goal, and costs less than most_queries_s. Each is tried: the time
 * need not grow with the TTL, where resolvers renew answers of some TTLs early. */
static bool cheapest_ttl(struct tries *tries, double within_s, double most_queries_s,
                         struct plan *found)
{
    struct plan plans[TTLS];
    for (size_t i = 0; i < TTLS; i++)
        plans[i] = plan_of(tries, ttls_s[i]);
    qsort(plans, TTLS, sizeof *plans, compare_costs);
    for (size_t i = 0; i < TTLS && plans[i].queries_s < most_queries_s; i++) {
        if (!try_kinds(tries, &plans[i], within_s))
            continue;
        measure(tries, tries->setting->draws, &plans[i]);
        if (plans[i].time_s < within_s) {
            *found = plans[i];
            return true;
        }
    }
    return false;
}

/* From the longest interval: a shorter one, of which the probes cost more, must save queries. */
size_t goal_plans(const struct goal *goal, const struct goal_setting *setting, bool honest,
                  struct plan plans[PLANS_MAX])
{
    struct tries tries = {.setting = setting, .share = goal->share, .honest = honest};
    double most_queries_s = (double)INFINITY;
    size_t count = 0;
    for (size_t i = INTERVALS; i-- > 0;) {
        tries_begin(&tries, intervals_ms[i]);
        /* From the end of the array; moved to its beginning below. */
        struct plan *plan = &plans[PLANS_MAX - 1 - count];
        if (detection_s(&tries) < goal->within_s &&
            cheapest_ttl(&tries, goal->within_s, most_queries_s, plan)) {
            most_queries_s = plan->queries_s;
            count++;
        }
        tries_end(&tries);
        if (setting->progress)
            setting->progress(setting->context, INTERVALS - i, INTERVALS);
    }
    memmove(plans, plans + PLANS_MAX - count, count * sizeof *plans);
    return count;
}

/* Begins with the shortest interval and TTL: another one has to be better by more than chance. */
static struct plan seek_best(struct tries *tries)
{
    const double better = 0.8;
    struct plan best = {.time_s = (double)INFINITY};
    for (size_t i = 0; i < INTERVALS; i++) {
        tries_begin(tries, intervals_ms[i]);
        /* Nothing can be better than what the servers need by themselves. */
        size_t ttls = i == 0 || detection_s(tries) < better * best.time_s ? (size_t)TTLS : 0;
        for (size_t j = 0; j < ttls; j++) {
            struct plan plan = plan_of(tries, ttls_s[j]);
            bool is_better = try_kinds(tries, &plan, better * best.time_s);
            if (is_better || (i == 0 && j == 0))
                best = plan;
            if (i == 0 && j == 0) /* all others are held against it */
                measure(tries, tries->setting->draws, &best);
        }
        tries_end(tries);
    }
    return best;
}

struct plan goal_best(const struct goal *goal, const struct goal_setting *setting, bool honest)
{
    struct goal_setting fewer = *setting;
    struct tries tries = {.setting = &fewer, .share = goal->share, .honest = honest, .sure = true};
    fewer.draws = at_most(setting->draws, 16000);
    struct plan best = seek_best(&tries);
    tries_begin(&tries, best.interval_ms);
    measure(&tries, at_most(setting->draws, WHY_DRAWS), &best); /* it is a figure to be told */
    tries_end(&tries);
    return best;
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
        fprintf(out, "  %4u s  %7.1f s  %8s  %-11s  %18.*f  %14.2f\n", plan->ttl_s,
                (double)plan->interval_ms / 1000, time, death_word(plan->kind),
                plan->queries_s < 10, plan->queries_s, plan->probes_s);
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

/* Whose users are later, in percent of all who are counted. */
static void print_late(const struct goal *goal, const struct population *population,
                       const struct audience *audience, FILE *out)
{
    enum { COLUMNS = 78 };
    int column = fprintf(out, "Of all these users wait for longer than %g s:", goal->within_s);
    const char *before = "";
    for (size_t i = 0; i < audience->nclasses; i++) {
        const struct times *times = &audience->classes[i];
        char text[96];
        double late = 100 * times_share_after(times, goal->within_s) * (double)times->count /
                      (double)audience->users.count;
        if (times->count == 0 || late < 0.05)
            continue;
        int size =
            snprintf(text, sizeof text, " %.1f %% (%.60s)", late, population->classes[i].name);
        column += fprintf(out, "%s", before);
        if (column + size > COLUMNS)
            column = fprintf(out, "\n ") - 1;
        column += fprintf(out, "%s", text);
        before = ",";
    }
    fputc('\n', out);
}

static void print_why(const struct goal *goal, const struct goal_setting *setting,
                      const struct plan *best, bool honest, FILE *out)
{
    struct tries tries = {.setting = setting, .share = goal->share, .honest = honest};
    char time[32];
    size_t kind = 0;
    if (isinf(best->time_s)) {
        fprintf(out, "p%g is never: %s is not noticed by this check.\n", goal->share * 100,
                death_word(best->kind));
        return;
    }
    format_seconds(best->time_s, time);
    fprintf(
        out,
        "p%g cannot be much below %s: that is what TTL %u s and interval %.1f s come to (%s).\n",
        goal->share * 100, time, best->ttl_s, (double)best->interval_ms / 1000,
        death_word(best->kind));
    double guilty = percent_above(setting->population, goal->within_s);
    if (!honest && guilty >= 100 * (1 - goal->share))
        fprintf(out,
                "%.1f %% of the users sit behind resolvers that keep answers for longer than\n%g "
                "s, whatever their TTL is.\n",
                guilty, goal->within_s);
    while (setting->kinds[kind] != best->kind)
        kind++;
    tries_begin(&tries, best->interval_ms);
    double noticed_s = detection_s(&tries);
    format_seconds(noticed_s, time);
    if (noticed_s >= goal->within_s)
        fprintf(out, "The servers alone need %s of that to notice it.\n", time);
    struct audience *audience =
        try_draws(&tries, kind, best->ttl_s, at_most(setting->draws, WHY_DRAWS));
    print_late(goal, setting->population, audience, out);
    audience_free(audience);
    tries_end(&tries);
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
    print_why(goal, setting, &best, false, out);
    double honest = 100 - percent_above(setting->population, 1);
    if (honest <= 0 || honest >= 100)
        return false;
    count = goal_plans(goal, setting, true, plans);
    if (count) {
        fprintf(out, "Of the other %.1f %% of the users alone, it is met by these:\n", honest);
        print_plans(goal, plans, count, out);
    } else {
        best = goal_best(goal, setting, true);
        fprintf(out, "Nor is it met for the other %.1f %% of the users alone.\n", honest);
        print_why(goal, setting, &best, true, out);
    }
    return false;
}
