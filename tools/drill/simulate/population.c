/* SPDX-License-Identifier: BSD-2-Clause */
#include "population.h"

#include "base/arena.h"
#include "base/memory.h"
#include "config/option.h"

#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECOND = 1000, HOUR = 3600 * SECOND };
#define DAY (INT64_C(24) * HOUR)

enum { CLASSES_MAX = 1000, USERS_MAX = 1000000 };

#define FIELD(type, field) .offset = offsetof(type, field), .size = sizeof(((type *)0)->field)
#define SECTION(rows_, name_)                                                                      \
    .name = (name_), .rows = (rows_), .count = sizeof(rows_) / sizeof *(rows_)

static const char *const clock_names[] = {
    [CLOCK_EXACT] = "exact", [CLOCK_KEEPS] = "keeps", [CLOCK_CUTS] = "cuts", NULL};

static void classes_read(struct reader *reader, const struct tree_node *node, void *record);

/* clang-format off */
static const struct option class_rows[] = {
    {"name",     OPTION_TEXT,     FIELD(struct resolver_class, name), 1, 40, .required = true},
    {"users",    OPTION_NUMBER,   FIELD(struct resolver_class, users), 1, USERS_MAX, .required = true},
    {"floor",    OPTION_DURATION, FIELD(struct resolver_class, floor_ms), SECOND, DAY, 1, .zero = true, .fallback = "0"},
    {"ceiling",  OPTION_DURATION, FIELD(struct resolver_class, ceiling_ms), SECOND, 365 * DAY, 1, .zero = true, .fallback = "0"},
    {"caches",   OPTION_NUMBER,   FIELD(struct resolver_class, caches), 1, 1000, .fallback = "1"},
    {"busiest",  OPTION_DURATION, FIELD(struct resolver_class, busiest_ms), 1, 365 * DAY, 1, .fallback = "100ms"},
    {"quietest", OPTION_DURATION, FIELD(struct resolver_class, quietest_ms), 1, 365 * DAY, 1, .fallback = "1h"},
    {"prefetch", OPTION_PERCENT,  FIELD(struct resolver_class, prefetch), 0, 90, .fallback = "0%"},
    {"prefetch-last", OPTION_DURATION, FIELD(struct resolver_class, prefetch_ms), SECOND, HOUR, 1, .zero = true, .fallback = "0"},
    {"prefetch-from", OPTION_DURATION, FIELD(struct resolver_class, prefetch_from_ms), SECOND, DAY, 1, .zero = true, .fallback = "0"},
    {"clock",    OPTION_CHOICE,   FIELD(struct resolver_class, clock), .choices = clock_names, .fallback = "exact"},
};
/* clang-format on */

static const struct option_section section_class = {SECTION(class_rows, "a class of resolvers")};

static const struct option population_rows[] = {
    {"resolvers", OPTION_NUMBER, FIELD(struct population, resolvers), 1, 999999999,
     .fallback = "1000000"},
    {"classes", OPTION_LIST, .read = classes_read, .required = true},
};
static const struct option_section section_population = {SECTION(population_rows, "the file")};

/* ---- reading ---- */

static void class_verify(struct reader *reader, const struct tree_node *node,
                         const struct resolver_class *class)
{
    if (class->busiest_ms > class->quietest_ms)
        report(reader, node->place, "'busiest' is a longer time between queries than 'quietest'");
    if (class->ceiling_ms && class->ceiling_ms < class->floor_ms)
        report(reader, node->place, "'ceiling' is below 'floor'");
    if (class->prefetch && class->prefetch_ms)
        report(reader, node->place, "'prefetch' and 'prefetch-last' are two ways to say the same");
    if (class->prefetch_ms && class->prefetch_from_ms <= class->prefetch_ms)
        report(reader, node->place,
               "'prefetch-last' needs a 'prefetch-from' above it: answers with a shorter TTL are "
               "not renewed early");
}

static void classes_read(struct reader *reader, const struct tree_node *node, void *record)
{
    struct population *population = record;
    size_t count = 0;
    for (const struct tree_node *item = node->first; item; item = item->next)
        count++;
    if (count == 0 || count > CLASSES_MAX) {
        report(reader, node->place, "'classes' has %zu classes: 1 to %d are possible", count,
               CLASSES_MAX);
        return;
    }
    population->classes = arena_alloc(population->arena, count * sizeof *population->classes);
    for (const struct tree_node *item = node->first; item; item = item->next) {
        struct resolver_class *class = &population->classes[population->count];
        if (!tree_expect(reader, item, TREE_MAPPING, "a class"))
            continue;
        size_t errors = reader->diagnostics->errors;
        *class = (struct resolver_class){.name = ""};
        options_default(&section_class, class);
        options_read(reader, &section_class, item, class);
        if (reader->diagnostics->errors == errors)
            class_verify(reader, item, class);
        for (size_t i = 0; i < population->count; i++)
            if (strcmp(population->classes[i].name, class->name) == 0)
                report(reader, item->place, "the name '%s' is given twice", class->name);
        population->count++;
    }
}

struct population *population_read(const char *file, struct diagnostics *diagnostics)
{
    struct arena *arena = arena_new(), *scratch = arena_new();
    struct population *population = ARENA_NEW(arena, struct population);
    size_t errors = diagnostics->errors;
    /* Texts go to the configuration's arena. */
    struct config texts = {.arena = arena, .file = file};
    struct reader reader = {
        .config = &texts, .folder = "", .scratch = scratch, .diagnostics = diagnostics};
    population->arena = arena;
    options_default(&section_population, population);
    const struct tree_node *root = tree_read(scratch, file, diagnostics);
    if (root && tree_expect(&reader, root, TREE_MAPPING, "the file"))
        options_read(&reader, &section_population, root, population);
    arena_free(scratch);
    if (diagnostics->errors == errors)
        return population;
    population_free(population);
    return NULL;
}

void population_free(struct population *population)
{
    if (population)
        arena_free(population->arena);
}

/* From build/, build/asan/ and PREFIX/bin. */
char *population_default_file(void)
{
    static const char *const places[] = {"../share/evermx/resolvers.yaml",
                                         "../tools/drill/simulate/resolvers.yaml",
                                         "../../tools/drill/simulate/resolvers.yaml"};
    char self[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    if (size < 0)
        return NULL;
    self[size] = '\0';
    const char *folder = dirname(self);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char *file = memory_printf("%s/%s", folder, places[i]);
        if (access(file, R_OK) == 0)
            return file;
        free(file);
    }
    return NULL;
}

/* ---- what a class makes of a TTL ---- */

double class_ttl_s(const struct resolver_class *class, double ttl_s)
{
    double floor_s = (double)class->floor_ms / 1000, ceiling_s = (double)class->ceiling_ms / 1000;
    if (ceiling_s > 0 && ttl_s > ceiling_s)
        ttl_s = ceiling_s;
    return ttl_s < floor_s ? floor_s : ttl_s;
}

double class_prefetch_s(const struct resolver_class *class, double kept_s)
{
    if (class->prefetch_ms)
        return kept_s * 1000 >= (double)class->prefetch_from_ms ? (double)class->prefetch_ms / 1000
                                                                : 0;
    return kept_s * class->prefetch / 100;
}

bool class_is_honest(const struct resolver_class *class)
{
    return class->floor_ms <= SECOND;
}
