/* SPDX-License-Identifier: BSD-2-Clause */
#include "audience.h"

#include "../record/figures.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PROGRESS_EACH = 1 << 14 };

/* ---- one cache ---- */

/* From one fetch to the next: for hold_s nothing moves it; then the next query makes it fetch
 * again, and if none comes by kept_s, it holds nothing until one does. */
struct life {
    double kept_s, hold_s;
};

/* Where whole seconds are counted, both end with one, and what counts is how much of a second had
 * gone when the answer was fetched: the wait for the query that fetched it began with one, too. */
static struct life life_of(const struct resolver_class *class, double ttl_s, double gone_s)
{
    double kept_s = class_ttl_s(class, ttl_s), prefetch_s = class_prefetch_s(class, kept_s);
    if (class->clock == CLOCK_KEEPS)
        kept_s += 1 - gone_s;
    else if (class->clock == CLOCK_CUTS)
        kept_s -= gone_s;
    double hold_s = kept_s - prefetch_s;
    return (struct life){kept_s, hold_s > 0 ? hold_s : 0};
}

static double part_of_second(double wait_s)
{
    return wait_s - floor(wait_s);
}

/* Found at a random moment, a life is a long one more often than a short one. */
static struct life life_met(const struct resolver_class *class, double wait_s, uint32_t ttl_s,
                            struct chance *chance)
{
    double longest_s = life_of(class, ttl_s, 0).hold_s + wait_s;
    if (class->clock == CLOCK_EXACT)
        return life_of(class, ttl_s, 0);
    for (;;) {
        struct life life = life_of(class, ttl_s, part_of_second(chance_wait(chance, wait_s)));
        if (chance_share(chance) * longest_s < life.hold_s + wait_s)
            return life;
    }
}

/* The mean of part_of_second(): of a wait that is cut off after a second. */
static double mean_part(double wait_s)
{
    return wait_s > 1e6 ? 0.5 : wait_s - 1 / expm1(1 / wait_s);
}

double audience_cache_asks(const struct resolver_class *class, double wait_s, uint32_t ttl_s)
{
    return 1 / (life_of(class, ttl_s, mean_part(wait_s)).hold_s + wait_s);
}

double audience_cache_ends_s(const struct resolver_class *class, double wait_s, uint32_t ttl_s,
                             const struct death *death, struct chance *chance)
{
    if (isinf(death->left_s))
        return (double)INFINITY;
    /* At the break: what it holds ends then, and then it fetches again. */
    struct life life = life_met(class, wait_s, ttl_s, chance);
    double age_s = chance_share(chance) * (life.hold_s + wait_s);
    double waits_s = chance_wait(chance, wait_s), next_s = waits_s;
    if (age_s < life.hold_s) {
        next_s += life.hold_s - age_s;
    } else {
        double waited_s = chance_wait(chance, wait_s); /* the wait has no memory */
        age_s = life.hold_s + waited_s;
        waits_s += waited_s;
    }
    double ends_s = life.kept_s - age_s;
    while (next_s < death->left_s) {
        uint32_t given_s = death_ttl_s(death, ttl_s, next_s);
        life = life_of(class, given_s, part_of_second(waits_s));
        ends_s = next_s + life.kept_s;
        waits_s = chance_wait(chance, wait_s);
        next_s += life.hold_s + waits_s;
    }
    if (ends_s > next_s)
        ends_s = next_s;
    return ends_s > death->left_s ? ends_s : death->left_s;
}

/* ---- one draw ---- */

/* Of users, the rate of the resolver is even between the bounds: where log-uniform many resolvers
 * have one, and each counts as often as it is asked. */
static double draw_wait_s(const struct resolver_class *class, double share)
{
    double busiest = 1000 / (double)class->busiest_ms, quietest = 1000 / (double)class->quietest_ms;
    return 1 / (quietest + share * (busiest - quietest));
}

static void draw(const struct audience_setting *setting, const struct resolver_class *class,
                 double share, struct chance *chance, double *last_s, double *one_s)
{
    const struct deaths *deaths = setting->deaths;
    const struct death *death = &deaths->list[chance_bits(chance) % deaths->count];
    double wait_s = draw_wait_s(class, share), each_s = wait_s * class->caches, last = 0;
    for (unsigned i = 0; i < class->caches; i++) {
        double ends_s = audience_cache_ends_s(class, each_s, setting->ttl_s, death, chance);
        if (i == 0)
            *one_s = ends_s;
        if (ends_s > last)
            last = ends_s;
    }
    *last_s = last;
}

/* ---- what it costs ---- */

/* Of one resolver on the average, by the middles of equal parts of the logarithm: that of resolvers
 * is even. */
static void class_rates(const struct resolver_class *class, uint32_t ttl_s, double *asked,
                        double *fetched)
{
    enum { PARTS = 256 };
    double quietest_s = (double)class->quietest_ms / 1000;
    double ratio = (double)class->busiest_ms / (double)class->quietest_ms;
    *asked = *fetched = 0;
    for (int i = 0; i < PARTS; i++) {
        double wait_s = quietest_s * pow(ratio, (i + 0.5) / PARTS);
        *asked += 1 / wait_s / PARTS;
        *fetched +=
            class->caches * audience_cache_asks(class, wait_s * class->caches, ttl_s) / PARTS;
    }
}

/* As many resolvers of each class as its users need: those who ask as much as their share is. */
struct audience_cost audience_cost(const struct population *population, uint32_t ttl_s)
{
    struct audience_cost cost = {0, 0};
    double resolvers = 0;
    for (size_t i = 0; i < population->count; i++) {
        const struct resolver_class *class = &population->classes[i];
        double asked, fetched;
        class_rates(class, ttl_s, &asked, &fetched);
        resolvers += class->users / asked;
        cost.asked_s += class->users;
        cost.queries_s += class->users / asked * fetched;
    }
    double scale = (double)population->resolvers / resolvers;
    return (struct audience_cost){cost.queries_s * scale, cost.asked_s * scale};
}

/* ---- times ---- */

static struct times times_new(size_t count)
{
    return (struct times){memory_array(count ? count : 1, sizeof(double)), count};
}

void times_sort(struct times *times)
{
    seconds_sort(times->list, times->count);
}

double times_quantile(const struct times *times, double share)
{
    if (times->count == 0)
        return NAN;
    double rank = ceil(share * (double)times->count);
    size_t index = rank < 1 ? 0 : (size_t)rank - 1;
    return times->list[index < times->count ? index : times->count - 1];
}

double times_share_after(const struct times *times, double at_s)
{
    size_t until = seconds_until(times->list, times->count, at_s);
    return times->count ? (double)(times->count - until) / (double)times->count : 0;
}

double times_mean_s(const struct times *times, double most_s)
{
    double sum = 0;
    for (size_t i = 0; i < times->count; i++)
        sum += fmin(times->list[i], most_s);
    return times->count ? sum / (double)times->count : 0;
}

/* ---- all ---- */

static bool is_drawn(const struct audience_setting *setting, const struct resolver_class *class)
{
    return !setting->honest || class_is_honest(class);
}

static double sum_users(const struct audience_setting *setting)
{
    const struct population *population = setting->population;
    double users = 0;
    for (size_t i = 0; i < population->count; i++)
        if (is_drawn(setting, &population->classes[i]))
            users += population->classes[i].users;
    return users;
}

/* As many draws as its users' share; one at least. */
static size_t class_draws(const struct audience_setting *setting,
                          const struct resolver_class *class, double users)
{
    if (!is_drawn(setting, class))
        return 0;
    double draws = (double)setting->draws * class->users / users;
    return draws < 1 ? 1 : (size_t)(draws + 0.5);
}

static void draw_class(const struct audience_setting *setting, const struct resolver_class *class,
                       struct chance *chance, struct times *last, double *answers, size_t before)
{
    for (size_t i = 0; i < last->count; i++) {
        double share = ((double)i + chance_share(chance)) / (double)last->count;
        draw(setting, class, share, chance, &last->list[i], &answers[i]);
        if (setting->progress && (before + i) % PROGRESS_EACH == 0)
            setting->progress(setting->context, before + i);
    }
    times_sort(last);
}

struct audience *audience_draw(const struct audience_setting *setting, struct chance *chance)
{
    const struct population *population = setting->population;
    struct audience *audience = memory_alloc(sizeof *audience);
    double users = sum_users(setting);
    size_t total = 0, before = 0;
    audience->nclasses = population->count;
    audience->classes = memory_array(population->count, sizeof *audience->classes);
    for (size_t i = 0; i < population->count; i++) {
        audience->classes[i] = times_new(class_draws(setting, &population->classes[i], users));
        total += audience->classes[i].count;
    }
    audience->users = times_new(total);
    audience->answers = times_new(total);
    for (size_t i = 0; i < population->count; i++) {
        struct times *last = &audience->classes[i];
        draw_class(setting, &population->classes[i], chance, last, audience->answers.list + before,
                   before);
        memcpy(audience->users.list + before, last->list, last->count * sizeof *last->list);
        before += last->count;
    }
    times_sort(&audience->users);
    times_sort(&audience->answers);
    return audience;
}

void audience_free(struct audience *audience)
{
    for (size_t i = 0; i < audience->nclasses; i++)
        free(audience->classes[i].list);
    free(audience->classes);
    free(audience->users.list);
    free(audience->answers.list);
    free(audience);
}
