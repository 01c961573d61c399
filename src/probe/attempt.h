/* SPDX-License-Identifier: BSD-2-Clause */
/* One probe: from its place at the host to its one outcome. One session, or two where the target is
 * usually prompt and is silent now: a lost packet must not be taken for a dead host, and a dead one
 * must not cost whole timeouts. The event base's thread.
 *
 *     connection    fresh sockets after connect_hedge_ms; none by connect_ms: CONNECT_TIMEOUT
 *     first octet   a second session after greeting_hedge_ms; none by greeting_ms: GREETING_TIMEOUT
 *     after it      it is alive: the session's own, whole timeouts
 *
 * A session that was given up stays open for the rest of its greeting timeout, where its place is
 * not needed: a server that is late and not dead is back at once when it greets after all. */
#ifndef EVERMX_PROBE_ATTEMPT_H
#define EVERMX_PROBE_ATTEMPT_H

#include "probe/learn.h"
#include "probe/peers.h"
#include "probe/session.h"

#include <stdbool.h>
#include <stdint.h>

/* A whole dialogue without a line for so long may be stuck. */
enum { STUCK_MS = 700 };

struct attempt;

/* None comes from attempt_start or attempt_cancel. Each is the last thing that its cause does: the
 * attempt may be cancelled in it. */
struct attempt_reports {
    /* A place that was waited for is there: the first session begins. */
    void (*begun)(void *context, int64_t now_ms);
    /* It is silent for longer than usual, and will fail at decides_ms, confirmed. */
    void (*late)(void *context, int64_t since_ms, int64_t decides_ms, int64_t now_ms);
    /* Once. early: it failed for silence before the whole timeouts were over. rest: the attempt
     * itself, the receiver's from now on, where a session of it stays open; NULL: it is gone. */
    void (*done)(void *context, const struct outcome *outcome, const struct lesson *lesson,
                 bool early, struct attempt *rest);
    /* The end of such a session, with the attempt gone. NULL, NULL: nothing good came of it. */
    void (*rested)(void *context, const struct outcome *outcome, const struct lesson *lesson);
};

struct attempt_setting {
    const struct session_setting *session;
    const struct probe_target *target; /* stays as long as the attempt */
    const struct learned *learned;     /* the same */
    struct peer *peer;
    enum probe_depth depth;
    bool excuse_late;     /* a failure seen while our own loop was late is REASON_LATE */
    unsigned *sockets;    /* of the prober: connecting without a place */
    unsigned sockets_max; /* how many of these there may be */
};

struct attempt *attempt_start(const struct attempt_setting *setting,
                              const struct attempt_reports *reports, void *context);
void attempt_cancel(struct attempt *attempt);
bool attempt_has_begun(const struct attempt *attempt);
/* When it was last heard from; -1: not yet. */
int64_t attempt_heard_ms(const struct attempt *attempt);
/* When it was last heard from, or its connection came to stand; -1: neither yet. */
int64_t attempt_reached_ms(const struct attempt *attempt);

#endif
