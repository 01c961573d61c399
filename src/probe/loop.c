/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/loop.h"

#include <event2/event.h>

/* What a socket is waited for changes in each step of a session: changes of one turn of the loop
 * go to the kernel together, which saves half of these calls. No socket here is a dup() of another,
 * which libevent asks for then. */
struct event_base *loop_new(void)
{
    struct event_base *base = NULL;
    struct event_config *config = event_config_new();
    if (config && event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == 0)
        base = event_base_new_with_config(config);
    if (config)
        event_config_free(config);
    return base;
}
