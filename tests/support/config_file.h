/* SPDX-License-Identifier: BSD-2-Clause */
/* A configuration file in a folder of its own, written and loaded again and again. For tests. */
#ifndef EVERMX_TESTS_CONFIG_FILE_H
#define EVERMX_TESTS_CONFIG_FILE_H

#include "base/diagnostics.h"
#include "config/config.h"
#include "support/place.h"

#include <stddef.h>

struct config_file {
    char folder[FOLDER_SIZE];
    char path[128];                 /* FOLDER/evermx.yaml */
    struct diagnostics diagnostics; /* of the last load */
};

/* For cmocka_unit_test_setup_teardown; *state becomes a struct config_file. */
int config_file_set_up(void **state);
int config_file_tear_down(void **state);

/* Loads these bytes. Fails the test where a configuration comes with errors, or none without. */
struct config *config_file_load(struct config_file *file, const void *bytes, size_t size);

/* Loads a text that has to be good, without a warning. */
struct config *config_file_load_good(struct config_file *file, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* One error is expected, with a text that begins with message, where '^' stands in text. */
void config_file_expect(struct config_file *file, const char *marked, const char *message);

/* What was reported, to the test's error output. */
void diagnostics_describe(const struct diagnostics *diagnostics);

char *file_read_all(const char *path, size_t *size); /* with a null behind; to be freed */

#endif
