/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/pulse.h"

#include "base/clock.h"

/* The beat may be overdue although its callback has not run yet: other callbacks of the same turn
 * ask too. */
static void pulse_look(struct pulse *pulse, int64_t now_ms)
{
    int64_t late_ms = now_ms - pulse->due_ms;
    if (late_ms > pulse->late_max_ms)
        pulse->late_max_ms = late_ms;
    if (late_ms < PULSE_LATE_MS)
        return;
    pulse->late_at_ms = now_ms;
    pulse->due_ms = now_ms + PULSE_MS; /* told; what starts from now on is not concerned */
}

static void pulse_on_timer(evutil_socket_t fd, short what, void *context)
{
    struct pulse *pulse = context;
    int64_t now_ms = clock_now_ms();
    (void)fd, (void)what;
    pulse_look(pulse, now_ms);
    pulse->due_ms = now_ms + PULSE_MS;
    event_add(&pulse->timer, &(struct timeval){.tv_usec = PULSE_MS * 1000});
}

void pulse_start(struct pulse *pulse, struct event_base *base)
{
    pulse->due_ms = INT64_MAX; /* the loop may not run yet: that is not late */
    pulse->late_at_ms = -1;
    pulse->late_max_ms = 0;
    evtimer_assign(&pulse->timer, base, pulse_on_timer, pulse);
    event_add(&pulse->timer, &(struct timeval){0});
}

void pulse_stop(struct pulse *pulse)
{
    event_del(&pulse->timer);
}

bool pulse_was_late(struct pulse *pulse, int64_t since_ms, int64_t now_ms)
{
    pulse_look(pulse, now_ms);
    return pulse->late_at_ms > since_ms;
}
