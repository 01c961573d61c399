/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/exposition.h"

#include "base/memory.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text {
    char *bytes;
    size_t size, capacity;
};

struct family {
    const char *name, *help;
    bool is_histogram;
    struct text samples;
};

struct exposition {
    struct family *families;
    size_t count, capacity;
    size_t last; /* the family of the sample before: mostly it is that of the next one, too */
};

static void text_put(struct text *text, const char *bytes, size_t size)
{
    if (text->capacity - text->size <= size) {
        text->capacity = 2 * text->capacity + size + 64;
        text->bytes = memory_resize(text->bytes, text->capacity, 1);
    }
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
    text->bytes[text->size] = '\0';
}

static void text_add(struct text *text, const char *bytes)
{
    text_put(text, bytes, strlen(bytes));
}

/* Inside of quotes, a backslash and a quote are escaped; a line feed we have no use for. */
static void text_add_value(struct text *text, const char *value)
{
    for (; *value; value++) {
        char printable = *value >= ' ' && *value <= '~' ? *value : '?';
        if (printable == '\\' || printable == '"')
            text_put(text, "\\", 1);
        text_put(text, &printable, 1);
    }
}

struct exposition *exposition_new(void)
{
    return memory_alloc(sizeof(struct exposition));
}

static struct family *find_family(struct exposition *exposition, const char *name, const char *help)
{
    size_t count = exposition->count;
    if (count > 0 && strcmp(exposition->families[exposition->last].name, name) == 0)
        return &exposition->families[exposition->last];
    for (size_t i = 0; i < count; i++) {
        if (strcmp(exposition->families[i].name, name) == 0) {
            exposition->last = i;
            return &exposition->families[i];
        }
    }
    exposition->families = memory_grow(exposition->families, count, &exposition->capacity,
                                       sizeof *exposition->families);
    exposition->families[count] = (struct family){.name = name, .help = help};
    exposition->last = exposition->count++;
    return &exposition->families[count];
}

/* suffix: of a histogram's samples. 15 digits: whole numbers up to 10^15 as they are. */
static void add_sample(struct text *samples, const char *family, const char *suffix,
                       const struct exposition_label *labels, size_t nlabels, double value)
{
    char number[40];
    text_add(samples, family);
    text_add(samples, suffix);
    for (size_t i = 0; i < nlabels; i++) {
        text_add(samples, i ? "," : "{");
        text_add(samples, labels[i].name);
        text_add(samples, "=\"");
        text_add_value(samples, labels[i].value);
        text_add(samples, "\"");
    }
    text_add(samples, nlabels ? "}" : "");
    snprintf(number, sizeof number, " %.15g\n", value);
    text_add(samples, number);
}

void exposition_add(struct exposition *exposition, const char *family, const char *help,
                    const struct exposition_label *labels, size_t nlabels, double value)
{
    add_sample(&find_family(exposition, family, help)->samples, family, "", labels, nlabels, value);
}

enum { HISTOGRAM_LABELS = 8 };

void exposition_add_histogram(struct exposition *exposition, const char *family, const char *help,
                              const struct exposition_label *labels, size_t nlabels,
                              const double *bounds, const uint64_t *counts, size_t nbounds,
                              double sum)
{
    struct family *found = find_family(exposition, family, help);
    struct exposition_label all[HISTOGRAM_LABELS + 1];
    char bound[40];
    uint64_t below = 0;
    assert(nlabels <= HISTOGRAM_LABELS);
    found->is_histogram = true;
    memcpy(all, labels, nlabels * sizeof *labels);
    all[nlabels] = (struct exposition_label){"le", bound};
    for (size_t i = 0; i <= nbounds; i++) {
        below += counts[i];
        if (i < nbounds)
            snprintf(bound, sizeof bound, "%.15g", bounds[i]);
        else
            strcpy(bound, "+Inf");
        add_sample(&found->samples, family, "_bucket", all, nlabels + 1, (double)below);
    }
    add_sample(&found->samples, family, "_sum", labels, nlabels, sum);
    add_sample(&found->samples, family, "_count", labels, nlabels, (double)below);
}

static const char *type_of(const struct family *family)
{
    static const char suffix[] = "_total";
    size_t size = strlen(family->name), tail = sizeof suffix - 1;
    if (family->is_histogram)
        return "histogram";
    return size > tail && strcmp(family->name + size - tail, suffix) == 0 ? "counter" : "gauge";
}

char *exposition_finish(struct exposition *exposition)
{
    struct text all = {0};
    text_add(&all, "");
    for (size_t i = 0; i < exposition->count; i++) {
        struct family *family = &exposition->families[i];
        char *head = memory_printf("# HELP %s %s\n# TYPE %s %s\n", family->name, family->help,
                                   family->name, type_of(family));
        text_add(&all, head);
        text_put(&all, family->samples.bytes, family->samples.size);
        free(head);
        free(family->samples.bytes);
    }
    free(exposition->families);
    free(exposition);
    return all.bytes;
}
