/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong in a file, all of it at once: errors and warnings with file, line and column. */
#ifndef EVERMX_BASE_DIAGNOSTICS_H
#define EVERMX_BASE_DIAGNOSTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum severity { SEVERITY_WARNING, SEVERITY_ERROR };

struct diagnostic {
    enum severity severity;
    char *file; /* NULL: belongs to no file */
    int line;   /* from 1; 0: the file as a whole */
    int column; /* from 1; 0: the line as a whole */
    char *text; /* what, why */
};

struct diagnostics {
    struct diagnostic *list;
    size_t count;
    size_t errors;  /* how many of them are errors */
    size_t dropped; /* not kept: more than DIAGNOSTICS_MAX came */
    size_t capacity;
};

/* A file of a million bad lines must not cost a million messages. */
enum { DIAGNOSTICS_MAX = 1000 };

void diagnostics_init(struct diagnostics *diagnostics);
void diagnostics_free(struct diagnostics *diagnostics);

/* Returns false always, so that `return diagnostics_error(...)` reads well. Control characters in
 * the text become "?". */
bool diagnostics_error(struct diagnostics *diagnostics, const char *file, int line, int column,
                       const char *format, ...) __attribute__((format(printf, 5, 6)));
void diagnostics_warning(struct diagnostics *diagnostics, const char *file, int line, int column,
                         const char *format, ...) __attribute__((format(printf, 5, 6)));

/* "FILE:LINE:COLUMN: error: text", without the parts that are 0 or NULL. No newline. The severity
 * is left out for who says it otherwise, as the log does. */
void diagnostic_format(const struct diagnostic *diagnostic, bool with_severity, char *text,
                       size_t size);

/* All of them, one a line; or one a message of the log. */
void diagnostics_print(const struct diagnostics *diagnostics, FILE *out);
void diagnostics_log(const struct diagnostics *diagnostics);

#endif
