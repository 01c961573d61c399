/* SPDX-License-Identifier: BSD-2-Clause */
/* What prober.c (all targets) and job.c (each by itself, from one probe to the next) share of the
 * prober's insides. The event base's thread; times in monotonic milliseconds. */
#ifndef EVERMX_PROBE_PROBER_INSIDE_H
#define EVERMX_PROBE_PROBER_INSIDE_H

#include "probe/attempt.h"
#include "probe/channel.h"
#include "probe/learn.h"
#include "probe/peers.h"
#include "probe/probe.h"
#include "probe/pulse.h"

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

/* A target and its time. Either its timer runs, or a probe is under way (or waits for its place);
 * both where that is a whole dialogue. */
struct job {
    struct prober *prober;
    uint32_t id;
    struct probe_target target;
    struct peer *peer;
    struct peer_turn turn;
    struct learned learned;
    struct stall stall;
    struct event timer;
    int64_t due_ms;
    bool exact;              /* its time is not to be moved */
    struct attempt *attempt; /* NULL: none */
    struct attempt *aside;   /* a whole dialogue that takes its time; NULL: none */
    struct attempt *rest;    /* of a probe before it, left open; NULL: none */
    int64_t started_ms;
    int64_t window_ms; /* it was reported silent when it had not greeted in so long; 0: it was not,
                          or that has been cleared up */
    enum probe_depth depth; /* of the next probe, or of the one under way */
    unsigned excuses;       /* REASON_LATE, since the last good one */
    bool hurried;           /* the next one at once */
    bool dead;              /* it is down, and the last one found no life */
    int64_t back_ms;        /* when it was heard from again; 0: it was never dead */
};

struct prober {
    struct session_setting setting;
    struct tls_client tls;
    struct pulse pulse;
    char *ehlo_name;
    struct probe_reports reports;
    void *context;
    void *jobs;            /* tsearch(3), by id */
    struct job *reporting; /* whose report is on the stack */
    unsigned sessions_max;
    unsigned sockets; /* of hedged connections, beyond the sessions */
    bool warned;
    struct prober_numbers numbers;
    uint64_t random;
};

/* ---- job.c ---- */

/* Its first probe at a place of its own within spread_ms, the same in each run. */
struct job *job_new(struct prober *prober, uint32_t id, const struct probe_target *target,
                    int64_t spread_ms);
void job_free(struct job *job); /* also while its report is on the stack */
/* Its next probe is due now, unless that is about to begin anyway. */
void job_hurry(struct job *job);
/* When its probe under way was last heard from, or connected; -1: not yet, or none is. */
int64_t job_reached_ms(const struct job *job);

#endif
