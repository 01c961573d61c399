/* SPDX-License-Identifier: BSD-2-Clause */
/* From break to verdict: a prober and the verdicts of its targets, against servers of the test
 * (support/sink.h). Its interval is 1 s, unless it is set before targets are added. What it expects
 * are cmocka's assertions. */
#ifndef EVERMX_TESTS_SUPPORT_WATCH_H
#define EVERMX_TESTS_SUPPORT_WATCH_H

#include "probe/probe.h"
#include "support/sink.h"

enum { TARGETS_MAX = 40, INTERVAL_MS = 1000, LEARNING_MS = 4500 };
/* Where other programs take the processors, our timers come later. */
enum { LOAD_MS = 700 };

struct watch {
    struct event_base *base;
    struct prober *prober;
    struct check_settings check;
    struct verdict_policy policy;
    unsigned targets;
    struct verdict verdicts[TARGETS_MAX];
    struct outcome last[TARGETS_MAX];
    int64_t down_ms[TARGETS_MAX], late_ms[TARGETS_MAX]; /* 0: not */
    bool asks;                                          /* all the others, when one is late */
    bool slow;                                          /* a greeting that was not prompt */
    unsigned by_reason[REASON_COUNT], revoked, unconfirmed, falls;
};

void watch_open(struct watch *watch);
void watch_open_from(struct watch *watch, const struct address *source); /* the address it binds */
void watch_close(struct watch *watch);

/* At 127.2.0.place. */
void watch_add(struct watch *watch, unsigned place, uint16_t port);

void watch_run(struct watch *watch, int64_t ms);
/* Until what is usual is known. */
void watch_learn(struct watch *watch);

/* All targets have fallen since start_ms: in a median of so much, and at most so much. */
void watch_expect_falls(struct watch *watch, const char *what, int64_t start_ms, int64_t median_ms,
                        int64_t most_ms);

/* ---- how many sessions at once ---- */

enum { SERVICES = 5 };

/* Looks each few ms how many connections of this process to the services at 127.2.0.1 stand. Not
 * by /proc/net/tcp: after many tests that takes long, and starves the prober. */
struct lookout {
    struct sink *sinks[SERVICES];
    struct event *look;
    unsigned most;
};

/* Opens that many sinks, too, and adds them as targets. */
void lookout_open(struct lookout *lookout, struct watch *watch);
void lookout_close(struct lookout *lookout);

#endif
