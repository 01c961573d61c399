/* SPDX-License-Identifier: BSD-2-Clause */
/* See config_file.h. */
#include "support/config_file.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

int config_file_set_up(void **state)
{
    struct config_file *file = memory_alloc(sizeof *file);
    folder_make(file->folder);
    folder_path(file->folder, "evermx.yaml", file->path, sizeof file->path);
    diagnostics_init(&file->diagnostics);
    *state = file;
    return 0;
}

int config_file_tear_down(void **state)
{
    struct config_file *file = *state;
    diagnostics_free(&file->diagnostics);
    folder_remove(file->folder);
    free(file);
    return 0;
}

char *file_read_all(const char *path, size_t *size)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (descriptor < 0 || fstat(descriptor, &status) < 0)
        fail_msg("%s: %s", path, strerror(errno));
    char *bytes = memory_alloc((size_t)status.st_size + 1);
    assert_int_equal(read(descriptor, bytes, (size_t)status.st_size), status.st_size);
    close(descriptor);
    *size = (size_t)status.st_size;
    return bytes;
}

/* Loads bytes; the diagnostics of an earlier load are forgotten. */
struct config *config_file_load(struct config_file *file, const void *bytes, size_t size)
{
    file_write(file->path, bytes, size);
    diagnostics_free(&file->diagnostics);
    struct config *config = config_load(file->path, &file->diagnostics);
    assert_int_equal(config == NULL, file->diagnostics.errors > 0);
    return config;
}

void diagnostics_describe(const struct diagnostics *diagnostics)
{
    for (size_t i = 0; i < diagnostics->count; i++)
        print_error("    %d:%d: %s\n", diagnostics->list[i].line, diagnostics->list[i].column,
                    diagnostics->list[i].text);
}

__attribute__((format(printf, 2, 3))) struct config *config_file_load_good(struct config_file *file,
                                                                           const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    assert_true(vasprintf(&text, format, arguments) >= 0);
    va_end(arguments);
    struct config *config = config_file_load(file, text, strlen(text));
    if (!config || file->diagnostics.count) {
        diagnostics_describe(&file->diagnostics);
        fail_msg("was not loaded: %s", text);
    }
    free(text);
    return config;
}

/* One error is expected, with a text that begins with message, where '^' stands in text. */
void config_file_expect(struct config_file *file, const char *marked, const char *message)
{
    char *text = memory_strdup(marked);
    char *mark = strchr(text, '^');
    assert_non_null(mark);
    int line = 1, column = 1;
    for (const char *at = text; at < mark; at++) {
        column = *at == '\n' ? 1 : column + 1;
        line += *at == '\n';
    }
    memmove(mark, mark + 1, strlen(mark));
    config_free(config_file_load(file, text, strlen(text)));
    const struct diagnostic *diagnostic = file->diagnostics.list;
    if (file->diagnostics.count != 1 || diagnostic->severity != SEVERITY_ERROR ||
        diagnostic->line != line || diagnostic->column != column ||
        strcmp(diagnostic->file, file->path) != 0 ||
        strncmp(diagnostic->text, message, strlen(message)) != 0) {
        diagnostics_describe(&file->diagnostics);
        fail_msg("expected %d:%d: %s\nfor %s", line, column, message, marked);
    }
    free(text);
}
