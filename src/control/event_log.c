/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/event_log.h"

#include "base/log.h"

#include <event2/dns.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>

static void on_libevent_log(int severity, const char *text)
{
    static const enum log_level levels[] = {
        [EVENT_LOG_DEBUG] = LOG_LEVEL_DEBUG,
        [EVENT_LOG_MSG] = LOG_LEVEL_INFO,
        [EVENT_LOG_WARN] = LOG_LEVEL_WARNING,
        [EVENT_LOG_ERR] = LOG_LEVEL_ERROR,
    };
    bool known = severity >= EVENT_LOG_DEBUG && severity <= EVENT_LOG_ERR;
    log_write(known ? levels[severity] : LOG_LEVEL_ERROR, "libevent: %s", text);
}

static void on_evdns_log(int is_warning, const char *text)
{
    log_write(is_warning ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "resolver: %s", text);
}

static void on_libevent_fatal(int code)
{
    log_error("libevent gives up (%d); the process ends", code);
    abort();
}

void event_log_take_over(void)
{
    event_set_log_callback(on_libevent_log);
    event_set_fatal_callback(on_libevent_fatal);
    evdns_set_log_fn(on_evdns_log);
}
