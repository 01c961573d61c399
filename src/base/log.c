/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The log and main.c are the only places with mutable state of file scope. */
static _Atomic int most_verbose = LOG_LEVEL_INFO;

static const struct {
    const char *word;
    int syslog; /* sd-daemon(3) */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},   [LOG_LEVEL_WARNING] = {"warning", 4},
    [LOG_LEVEL_NOTICE] = {"notice", 5}, [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
};

const char *log_level_word(enum log_level level)
{
    return levels[level].word;
}

void log_set_level(enum log_level level)
{
    atomic_store(&most_verbose, (int)level);
}

static size_t write_prefix(char *line, size_t size, enum log_level level)
{
    int length;
    if (getenv("JOURNAL_STREAM")) {
        length = snprintf(line, size, "<%d>", levels[level].syslog);
    } else {
        struct timespec now;
        struct tm parts;
        char time_text[32];
        clock_gettime(CLOCK_REALTIME, &now);
        localtime_r(&now.tv_sec, &parts);
        strftime(time_text, sizeof time_text, "%Y-%m-%dT%H:%M:%S", &parts);
        length = snprintf(line, size, "%s.%03ld %s: ", time_text, now.tv_nsec / 1000000,
                          levels[level].word);
    }
    return (size_t)length;
}

void log_write(enum log_level level, const char *format, ...)
{
    if ((int)level > atomic_load_explicit(&most_verbose, memory_order_relaxed))
        return;
    char line[2048];
    size_t used = write_prefix(line, sizeof line, level);
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line + used, sizeof line - used - 1, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    used += (size_t)length;
    if (used > sizeof line - 2)
        used = sizeof line - 2;
    line[used++] = '\n';
    /* A log that cannot be written must not stop a server; there is nobody left to tell. */
    ssize_t written = write(STDERR_FILENO, line, used);
    (void)written;
}
