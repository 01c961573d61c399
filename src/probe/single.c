/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/single.h"

#include "base/clock.h"
#include "base/memory.h"
#include "probe/pulse.h"

#include <stdlib.h>
#include <string.h>

struct probe {
    const struct session_setting *setting;
    struct session *session;
    int64_t started_us;
    enum probe_depth depth;
    bool excuse_late;
    probe_done *done;
    void *context;
};

/* A failure seen while our own loop stood still is no failure of the target: it may have answered
 * in time and given up on us, or its answer may not have been asked for yet. */
static enum reason probe_reason(const struct probe *probe, enum reason reason, int64_t now_us)
{
    bool excusable = probe->excuse_late && reason_status(reason) == OUTCOME_FAIL;
    bool late =
        excusable && pulse_was_late(probe->setting->pulse, probe->started_us / 1000, now_us / 1000);
    return late ? REASON_LATE : reason;
}

static void probe_on_session(void *context, const struct session_result *result)
{
    struct probe *probe = context;
    int64_t now_us = clock_now_us();
    int64_t answered_us = result->greeted_us >= 0 ? result->greeted_us : now_us;
    struct outcome outcome = {.depth = probe->depth,
                              .reason = probe_reason(probe, result->reason, now_us),
                              .sessions = 1,
                              .rtt_us = -1};
    probe_done *done = probe->done;
    void *done_context = probe->context;

    session_result_tell(result, &outcome);
    if (reason_status(outcome.reason) != OUTCOME_UNKNOWN)
        outcome.rtt_us = answered_us - probe->started_us;
    free(probe);
    done(done_context, &outcome);
}

struct probe *probe_start(const struct session_setting *setting, const struct probe_target *target,
                          enum probe_depth depth, bool excuse_late, probe_done *done, void *context)
{
    struct probe *probe = memory_alloc(sizeof *probe);
    probe->setting = setting;
    probe->started_us = clock_now_us();
    probe->depth = depth;
    probe->excuse_late = excuse_late;
    probe->done = done;
    probe->context = context;
    probe->session =
        session_open(setting, target, depth, probe->started_us / 1000 + target->check->timeout_ms,
                     probe_on_session, probe);
    return probe;
}

void probe_cancel(struct probe *probe)
{
    session_cancel(probe->session);
    free(probe);
}
