/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/diagnostics.h"

#include "base/log.h"
#include "base/memory.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void diagnostics_init(struct diagnostics *diagnostics)
{
    memset(diagnostics, 0, sizeof *diagnostics);
}

void diagnostics_free(struct diagnostics *diagnostics)
{
    for (size_t i = 0; i < diagnostics->count; i++) {
        free(diagnostics->list[i].file);
        free(diagnostics->list[i].text);
    }
    free(diagnostics->list);
    diagnostics_init(diagnostics);
}

/* Texts quote what stands in files, and go to terminals and logs. */
static void clean(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7F)
            *text = '?';
}

__attribute__((format(printf, 6, 0))) static void add(struct diagnostics *diagnostics,
                                                      enum severity severity, const char *file,
                                                      int line, int column, const char *format,
                                                      va_list arguments)
{
    if (severity == SEVERITY_ERROR)
        diagnostics->errors++;
    if (diagnostics->count >= DIAGNOSTICS_MAX) {
        diagnostics->dropped++;
        return;
    }
    diagnostics->list = memory_grow(diagnostics->list, diagnostics->count, &diagnostics->capacity,
                                    sizeof *diagnostics->list);
    char *text;
    if (vasprintf(&text, format, arguments) < 0)
        memory_exhausted(strlen(format));
    clean(text);
    diagnostics->list[diagnostics->count++] = (struct diagnostic){
        .severity = severity,
        .file = file ? memory_strdup(file) : NULL,
        .line = line,
        .column = column,
        .text = text,
    };
}

bool diagnostics_error(struct diagnostics *diagnostics, const char *file, int line, int column,
                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(diagnostics, SEVERITY_ERROR, file, line, column, format, arguments);
    va_end(arguments);
    return false;
}

void diagnostics_warning(struct diagnostics *diagnostics, const char *file, int line, int column,
                         const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(diagnostics, SEVERITY_WARNING, file, line, column, format, arguments);
    va_end(arguments);
}

void diagnostic_format(const struct diagnostic *diagnostic, bool with_severity, char *text,
                       size_t size)
{
    const char *severity = !with_severity                           ? ""
                           : diagnostic->severity == SEVERITY_ERROR ? "error: "
                                                                    : "warning: ";
    char place[32] = "";
    if (diagnostic->line && diagnostic->column)
        snprintf(place, sizeof place, "%d:%d:", diagnostic->line, diagnostic->column);
    else if (diagnostic->line)
        snprintf(place, sizeof place, "%d:", diagnostic->line);
    snprintf(text, size, "%s%s%s%s%s%s", diagnostic->file ? diagnostic->file : "",
             diagnostic->file ? ":" : "", place, diagnostic->file ? " " : "", severity,
             diagnostic->text);
}

void diagnostics_print(const struct diagnostics *diagnostics, FILE *out)
{
    char text[2048];
    for (size_t i = 0; i < diagnostics->count; i++) {
        diagnostic_format(&diagnostics->list[i], true, text, sizeof text);
        fprintf(out, "%s\n", text);
    }
    if (diagnostics->dropped)
        fprintf(out, "... and %zu more\n", diagnostics->dropped);
}

void diagnostics_log(const struct diagnostics *diagnostics)
{
    char text[1024];
    for (size_t i = 0; i < diagnostics->count; i++) {
        bool is_error = diagnostics->list[i].severity == SEVERITY_ERROR;
        diagnostic_format(&diagnostics->list[i], false, text, sizeof text);
        log_write(is_error ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "%s", text);
    }
    if (diagnostics->dropped)
        log_warning("... and %zu more", diagnostics->dropped);
}
