/* SPDX-License-Identifier: BSD-2-Clause */
/* Zone files in a folder of their own, a model built of them, and what was told about it. */
#ifndef EVERMX_TESTS_MODEL_FIXTURE_H
#define EVERMX_TESTS_MODEL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/config.h"
#include "model/model.h"
#include "support/place.h"
#include "wire/name.h"
#include "wire/rrtype.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
    char folder[FOLDER_SIZE];
    struct config *config;
    struct model *model;
    struct diagnostics diagnostics;
};

static inline void fixture_forget(struct fixture *fixture)
{
    model_free(fixture->model);
    config_free(fixture->config);
    diagnostics_free(&fixture->diagnostics);
    fixture->model = NULL;
    fixture->config = NULL;
}

static inline int fixture_setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    folder_make(fixture->folder);
    diagnostics_init(&fixture->diagnostics);
    *state = fixture;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    fixture_forget(fixture);
    folder_remove(fixture->folder);
    free(fixture);
    return 0;
}

static inline char *fixture_path(const struct fixture *fixture, const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", fixture->folder, name);
    return path;
}

static inline void fixture_write_bytes(const struct fixture *fixture, const char *name,
                                       const void *bytes, size_t size)
{
    file_write(fixture_path(fixture, name), bytes, size);
}

static inline void fixture_write(const struct fixture *fixture, const char *name, const char *text)
{
    fixture_write_bytes(fixture, name, text, strlen(text));
}

/* Begins anew: the configuration is that of the YAML text, or the default one. */
static inline void fixture_configure(struct fixture *fixture, const char *yaml)
{
    fixture_forget(fixture);
    if (yaml == NULL) {
        fixture->config = config_new();
        return;
    }
    fixture_write(fixture, "evermx.yaml", yaml);
    fixture->config = config_load(fixture_path(fixture, "evermx.yaml"), &fixture->diagnostics);
    if (fixture->config == NULL)
        diagnostics_print(&fixture->diagnostics, stderr);
    assert_non_null(fixture->config);
}

static inline void fixture_add(struct fixture *fixture, const char *name)
{
    config_add_zone(fixture->config, fixture_path(fixture, name));
}

static inline bool fixture_build(struct fixture *fixture, bool strict)
{
    fixture->model = model_build(fixture->config, NULL, strict, &fixture->diagnostics);
    return fixture->model != NULL;
}

/* The n-th message, without the folder's name wherever it stands. */
static inline void fixture_message(const struct fixture *fixture, size_t number, char *text,
                                   size_t size)
{
    size_t length = strlen(fixture->folder);
    diagnostic_format(&fixture->diagnostics.list[number], true, text, size);
    for (char *at; (at = strstr(text, fixture->folder)) != NULL;)
        memmove(at, at + length + 1, strlen(at + length + 1) + 1);
}

/* All that was told, in this order; each expected text is the beginning of a message. */
static inline void fixture_expect(const struct fixture *fixture, const char *const *expected)
{
    char text[2048];
    size_t count = 0;
    bool same = true;
    while (expected[count] != NULL)
        count++;
    for (size_t i = 0; i < count || i < fixture->diagnostics.count; i++) {
        bool told = i < fixture->diagnostics.count;
        if (told)
            fixture_message(fixture, i, text, sizeof text);
        bool equal = told && i < count && strncmp(text, expected[i], strlen(expected[i])) == 0;
        if (!equal)
            print_error("told:     %s\nexpected: %s\n", told ? text : "(nothing)",
                        i < count ? expected[i] : "(nothing)");
        same &= equal;
    }
    assert_true(same);
}

#define fixture_expect_all(fixture, ...)                                                           \
    fixture_expect((fixture), (const char *const[]){__VA_ARGS__, NULL})

static inline void fixture_expect_none(const struct fixture *fixture)
{
    fixture_expect(fixture, (const char *const[]){NULL});
}

/* One zone file of this text under the default configuration; nothing may be told. */
static inline void fixture_zone(struct fixture *fixture, const char *text)
{
    fixture_configure(fixture, NULL);
    fixture_write(fixture, "example.test.zone", text);
    fixture_add(fixture, "example.test.zone");
    bool built = fixture_build(fixture, true);
    fixture_expect_none(fixture);
    assert_true(built);
}

static inline const struct node *fixture_node(const struct fixture *fixture, const char *text)
{
    uint8_t name[NAME_MAX_SIZE];
    assert_int_not_equal(name_from_text(text, name), 0);
    const struct zone *zone = model_zone(fixture->model, name);
    return zone != NULL ? zone_node(fixture->model, zone, name) : NULL;
}

static inline const struct rrset *fixture_rrset(const struct fixture *fixture, const char *name,
                                                const char *type)
{
    uint16_t rrtype;
    const struct node *node = fixture_node(fixture, name);
    assert_true(rrtype_from_text(type, &rrtype));
    return node != NULL ? node_rrset(node, rrtype) : NULL;
}

/* The number of the pool that steers an RRset, or MODEL_NONE. */
static inline uint32_t fixture_pool(const struct fixture *fixture, const char *name,
                                    const char *type)
{
    uint8_t wire[NAME_MAX_SIZE];
    const struct rrset *rrset = fixture_rrset(fixture, name, type);
    assert_non_null(rrset);
    name_from_text(name, wire);
    return zone_pool(model_zone(fixture->model, wire), rrset);
}

#endif
