/* SPDX-License-Identifier: BSD-2-Clause */
/* Log lines to stderr, each one write(2): "LEVEL text". With a time stamp unless stderr goes to the
 * journal, which has its own (then with the <N> prefix of sd-daemon(3)). Any thread. Never in a
 * responder: nothing is logged per query. */
#ifndef EVERMX_BASE_LOG_H
#define EVERMX_BASE_LOG_H

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG
};

const char *log_level_word(enum log_level level); /* "warning" */

void log_set_level(enum log_level level); /* default: LOG_LEVEL_INFO */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
