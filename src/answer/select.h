/* SPDX-License-Identifier: BSD-2-Clause */
/* Which members of a pool are answered, and for how long, given what is held true of the services.
 * Pure. The one place that knows the rules of mail-safe answers: nothing is ever emptied by health.
 */
#ifndef EVERMX_ANSWER_SELECT_H
#define EVERMX_ANSWER_SELECT_H

#include "model/model.h"
#include "verdict/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All that the answers need to know of a service: the sum of its targets' votes. */
struct service_state {
    enum vote vote;
    uint32_t ttl_cap_s;
};

enum member_state {
    MEMBER_SERVED,
    MEMBER_DEMOTED, /* answered, with a preference (priority) behind all others */
    MEMBER_DOWN,    /* held back: a service that it must give is down, or it is drained */
    MEMBER_STANDBY, /* held back: a tier before its own serves, or its weight is 0 */
    MEMBER_OUTSIDE, /* in no tier: never answered */
};

/* How a member fares, best first; the rules below take the best grade that any member has.
 *
 *   good     none of its services is down or drained (one that abstains is not); or it has none
 *   partial  some are, others not: a shared name's address whose IMAP died and whose SMTP lives
 *   drained  all are, some only because an operator said so: alive, and better than a dead one
 *   dead     all are down
 *
 * Served are the members of the best grade in the first tier that has one of that grade: the first
 * tier with a good member, else the first with a partial one, else the first with a drained one
 * (with a TTL of at most FAIL_OPEN_TTL_S). Of these the ones that the configuration gives a weight
 * of 0 stand by unless there are no others. All dead: the policy's `when-all-down`, with a TTL of
 * at most FAIL_OPEN_TTL_S; `last-up` keeps what was served last, which may be a set of one.
 *
 * `on-down: demote` (MX, SRV): members worse than those served, in the same tier or one before it,
 * are answered behind them, unless they would only stand by. */
struct selection {
    enum member_state *members; /* one for each of the pool's */
    size_t nserved;             /* MEMBER_SERVED only; 0 means servfail */
    uint32_t ttl_s;
    bool fail_open; /* nothing is up: what is answered is known to be down */
    bool servfail;  /* nothing is up and the policy wants SERVFAIL; nserved is 0 */
};

enum { FAIL_OPEN_TTL_S = 5 };

/* Adds a target's vote to those of its service, from SERVICE_STATE_NONE on: up if any is up, else
 * drained if any is, else down if any is, else abstaining. The TTL's cap of an up service is the
 * largest of those that vote up, since it is up as long as any of them is; others have none. */
#define SERVICE_STATE_NONE ((struct service_state){VOTE_ABSTAIN, UINT32_MAX})
struct service_state service_state_add(struct service_state sum, enum vote vote,
                                       uint32_t ttl_cap_s);

/* Fills *selection, whose members array (pool->nmembers) is the caller's. On entry it holds the
 * selection before, or all MEMBER_SERVED at first: `when-all-down: last-up` goes back to it. Some
 * member must stand in a tier. */
void pool_select(const struct pool *pool, const struct service_state *services,
                 struct selection *selection);

#endif
