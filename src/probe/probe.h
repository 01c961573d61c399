/* SPDX-License-Identifier: BSD-2-Clause */
/* The prober: keeps probing targets, one session after another, and reports each outcome once. It
 * holds no verdict. Lives in the thread of its event base; no call from elsewhere. */
#ifndef EVERMX_PROBE_PROBE_H
#define EVERMX_PROBE_PROBE_H

#include "base/address.h"
#include "model/model.h"
#include "verdict/verdict.h"

#include <stddef.h>
#include <stdint.h>

struct event_base;
struct prober;

/* What to probe. The prober copies it; `check` must stay as long as the target is in the prober. */
struct probe_target {
    struct address address;
    uint16_t port;
    const struct check_settings *check;
    const char *host; /* SNI and the name to check certificates by; copied */
    /* What earlier probes of it have found; the prober keeps it by probe_target_learn(). */
    bool login_worked;
    bool tls_failed; /* optional STARTTLS, the last time: little patience with it */
};
void probe_target_learn(struct probe_target *target, const struct outcome *outcome);

/* Both are called on the event base's thread; `id` is that of prober_add. */
struct probe_reports {
    /* Once for each finished probe; once more with outcome->revoked where a silence that was
     * reported turns out to have been a late greeting. Returns what comes next, its wait counted
     * from the START of the probe just ended (never earlier than now); of a revoked one it counts
     * only where no probe is under way. */
    struct probe_next (*done)(void *context, uint32_t id, const struct outcome *outcome,
                              int64_t now_ms);
    /* A probe under way since since_ms has waited longer than this target usually takes; unless it
     * hears from it, it will fail at decides_ms. NULL: nobody wants to know. */
    void (*late)(void *context, uint32_t id, int64_t since_ms, int64_t decides_ms, int64_t now_ms);
};

struct prober_options {
    const char *ehlo_name; /* NULL: gethostname(), or the own address where that is no domain */
    const struct address *sources; /* to connect from: at most one of each family; copied */
    size_t nsources;
    const char *ca_file;   /* of certificate authorities, PEM; NULL: the system's */
    unsigned max_sessions; /* at a time in all; 0: half of RLIMIT_NOFILE, which is raised to its
                              hard limit. More wait: waiting is not failing */
};

/* NULL: OpenSSL cannot be set up (logged). */
struct prober *prober_new(struct event_base *base, const struct prober_options *options,
                          const struct probe_reports *reports, void *context);
/* Ends all sessions without reports. Not from within a report. */
void prober_free(struct prober *prober);

/* Starts probing: the first probe within spread_ms, at a place of its own (staggered). */
void prober_add(struct prober *prober, uint32_t id, const struct probe_target *target,
                int64_t spread_ms);
/* Ends its session, if any, without a report. Safe in a report, also for the reported target. */
void prober_remove(struct prober *prober, uint32_t id);
/* Probe it now (or as soon as the session under way has ended). */
void prober_hurry(struct prober *prober, uint32_t id);
/* When its probe under way was last heard from, or connected; -1: not yet, or none is. */
int64_t prober_reached_ms(const struct prober *prober, uint32_t id);

/* What its sessions share, for other sessions than probes; NULL of NULL. As long as the prober. */
struct session_setting;
const struct session_setting *prober_sessions(const struct prober *prober);

struct prober_numbers {
    uint64_t started, finished;
    unsigned targets, sessions; /* now */
    int64_t late_max_ms;        /* the worst lateness of our own timers since prober_new */
    int64_t behind_max_ms; /* the longest that a probe began after its time, waiting included */
};
void prober_numbers(const struct prober *prober, struct prober_numbers *numbers);

#endif
