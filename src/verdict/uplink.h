/* SPDX-License-Identifier: BSD-2-Clause */
/* The uplink guard: is it the host that is silent, or our own network? Silence counts against a
 * host only where our uplink is known to work. Pure: no clock, no I/O, no log; time is an argument
 * in monotonic milliseconds.
 *
 * Hosts are addresses, in subnets of /24 and /48. Whatever came back from one (a handshake, a RST,
 * a byte) is a sign of life, of the host and of the path to it. */
#ifndef EVERMX_VERDICT_UPLINK_H
#define EVERMX_VERDICT_UPLINK_H

#include "base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uplink;

enum uplink_state {
    UPLINK_CLEAR,  /* nothing speaks against it */
    UPLINK_ASKING, /* somebody is silent, and nobody else has shown life since: the canaries and the
                      other hosts are to be asked, and the silence waits for them */
    UPLINK_FROZEN, /* most hosts are silent at once, and no canary answers: no silence counts */
};

/* The longest that a silence waits for others to answer, and that a freeze lasts. */
enum { UPLINK_ASK_MS = 1000, UPLINK_FREEZE_MAX_MS = 10 * 60 * 1000 };

struct uplink *uplink_new(void);
void uplink_free(struct uplink *uplink);

/* A host that is probed comes (again: counted) or goes. */
void uplink_add(struct uplink *uplink, const struct address *host);
void uplink_remove(struct uplink *uplink, const struct address *host);

/* A host, or a canary, answered something. */
void uplink_alive(struct uplink *uplink, const struct address *host, int64_t now_ms);
void uplink_canary(struct uplink *uplink, bool answers, int64_t now_ms);

enum uplink_belief {
    UPLINK_BELIEVE, /* it is the host */
    UPLINK_WAIT,    /* ask the canaries and the others now, and this question again when they have
                       answered, or after UPLINK_ASK_MS */
    UPLINK_REFUSE,  /* it is us, as far as anyone can tell: the outcome is REASON_UPLINK */
};

/* A host was silent from since_ms until now_ms: what is to be made of it? */
enum uplink_belief uplink_silent(struct uplink *uplink, const struct address *host,
                                 int64_t since_ms, int64_t now_ms);

enum uplink_state uplink_state(const struct uplink *uplink, int64_t now_ms);

/* For logs and status. */
struct uplink_numbers {
    size_t hosts, subnets;
    size_t silent, silent_subnets; /* now */
    int64_t frozen_since_ms;       /* 0: not frozen */
    uint64_t freezes;
};
void uplink_numbers(const struct uplink *uplink, int64_t now_ms, struct uplink_numbers *numbers);

#endif
