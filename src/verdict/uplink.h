/* SPDX-License-Identifier: BSD-2-Clause */
/* The uplink guard: is it the host that is silent, or our own network? Silence counts against a
 * host only where our uplink is known to have worked meanwhile. Pure: no clock, no I/O, no log;
 * time is an argument in monotonic milliseconds. One thread.
 *
 * Hosts are addresses, in subnets of /24 and /48. Whatever came back from one (a handshake, a RST,
 * an octet) is a sign of life, of the host and of the path to it. IPv4 and IPv6 have an uplink
 * each: one may be gone while the other works, and says nothing of it.
 *
 * How a silence goes:
 *   uplink_late()    the probe waits longer than usual: time to ask others, while it still waits
 *   uplink_silent()  it has ended without an answer: what is to be made of it?
 *
 * The uplink worked if a canary, somebody in the host's own subnet, or somebody in two others (in
 * the other one where there is only one) showed life amid the silence: UPLINK_PROOF_MS or more
 * after it began (else that may have been just before our uplink died) and before it ended (else
 * just after it was back). One subnet of several is not enough: it may be our own LAN. And where
 * more hosts are silent than were heard, in two subnets or more, only a canary counts. If too few
 * show life when they are asked, we freeze. A host alone, or hosts of a single subnet, are believed
 * to be silent unless a canary that used to answer does not, either. */
#ifndef EVERMX_VERDICT_UPLINK_H
#define EVERMX_VERDICT_UPLINK_H

#include "base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uplink;

enum {
    UPLINK_ASK_MS = 1000,   /* the longest that a silence waits for others to answer */
    UPLINK_PROOF_MS = 300,  /* more than an answer takes to arrive, or a hedged SYN to be sent */
    UPLINK_SETTLE_MS = 700, /* until those who were asked would be late themselves */
    UPLINK_WINDOW_MS = 10 * 1000, /* silent for longer: dead, and no witness of our uplink */
    UPLINK_FREEZE_MAX_MS = 10 * 60 * 1000,
    UPLINK_WITNESSES_MAX = 4,
};

struct uplink *uplink_new(void);
void uplink_free(struct uplink *uplink);

/* A host that is probed comes (again: counted) or goes. */
void uplink_add(struct uplink *uplink, const struct address *host);
void uplink_remove(struct uplink *uplink, const struct address *host);

/* A host answered something, at_ms: when that came, not when it is told. Times may be told a little
 * out of order. Hosts that were not added say nothing. */
void uplink_alive(struct uplink *uplink, const struct address *host, int64_t at_ms);

/* The canaries of a family (4 or 6) were asked, and one has answered, or none has. Counts as a
 * canary only if one has ever answered: ask at the start, and now and then. */
void uplink_canary(struct uplink *uplink, uint8_t family, bool answers, int64_t now_ms);

/* A probe that began at since_ms waits longer than this host usually takes. True: ask the canaries
 * and uplink_witnesses() now, so that the answers are there when the probe ends. */
bool uplink_late(struct uplink *uplink, const struct address *host, int64_t since_ms,
                 int64_t now_ms);

enum uplink_belief {
    UPLINK_BELIEVE, /* it is the host */
    UPLINK_WAIT,  /* ask the canaries and the witnesses (once for each silence, if uplink_late() did
                     not say so before), and this question anew a few times a second: it is decided
                     when somebody shows life, and UPLINK_ASK_MS after until_ms at the latest */
    UPLINK_AGAIN, /* our uplink works, but only since: the outcome is REASON_UPLINK, and the host
                     is to be probed again at once */
    UPLINK_REFUSE, /* it is us, as far as anyone can tell: the outcome is REASON_UPLINK */
};

/* A host was silent from since_ms (the start of its probe) until until_ms. Not to be asked for one
 * that is down already: nothing hangs on it. A host that is not known is believed to be silent. */
enum uplink_belief uplink_silent(struct uplink *uplink, const struct address *host,
                                 int64_t since_ms, int64_t until_ms, int64_t now_ms);

/* The same of a host of which a router says that it is unreachable, as each of several probes in a
 * row since since_ms has found. The router may be ours. WAIT: nothing waits, the next probe is
 * asked about again. */
enum uplink_belief uplink_unreachable(struct uplink *uplink, const struct address *host,
                                      int64_t since_ms, int64_t now_ms);

/* A host is silent, or unreachable, and nothing hangs on it: it is no witness. */
void uplink_mute(struct uplink *uplink, const struct address *host, int64_t since_ms,
                 int64_t now_ms);

/* Whom to probe now to know more: others than this host, those first that were heard last; one of
 * each subnet, and never a silent one. Returns how many. */
size_t uplink_witnesses(const struct uplink *uplink, const struct address *host,
                        struct address witnesses[UPLINK_WITNESSES_MAX]);

enum uplink_state {
    UPLINK_CLEAR,  /* nothing speaks against it */
    UPLINK_ASKING, /* somebody is silent, and others are being asked */
    UPLINK_FROZEN, /* nobody else shows life: no silence counts until a canary answers (ask once a
                      second), as many hosts have answered as have not, or UPLINK_FREEZE_MAX_MS have
                      passed; then silence counts, until there is life again */
};
enum uplink_state uplink_state(struct uplink *uplink, uint8_t family, int64_t now_ms);

/* Of a family, for logs and status. */
struct uplink_numbers {
    size_t hosts, subnets;
    size_t silent, silent_subnets; /* now, and not for longer than UPLINK_WINDOW_MS */
    size_t dead;                   /* silent for longer */
    int64_t frozen_since_ms;       /* 0: not frozen */
    uint64_t freezes;
};
void uplink_numbers(struct uplink *uplink, uint8_t family, int64_t now_ms,
                    struct uplink_numbers *numbers);

#endif
