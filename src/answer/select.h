/* SPDX-License-Identifier: BSD-2-Clause */
/* Which members of a pool are answered, how much of their weight they get, and for how long, given
 * what is held true of the services. Pure. The one place that knows the rules of mail-safe answers:
 * nothing is ever emptied by health. */
#ifndef EVERMX_ANSWER_SELECT_H
#define EVERMX_ANSWER_SELECT_H

#include "model/model.h"
#include "verdict/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All that the answers need to know of a target, and of a service: the sum of its targets. */
struct service_state {
    enum vote vote;
    uint32_t ttl_cap_s;
    uint8_t percent; /* of its weight, that it may have: less than 100 in a slow start */
};

enum member_state {
    MEMBER_SERVED,
    MEMBER_DEMOTED, /* answered, with a preference (priority) behind all others */
    MEMBER_DOWN,    /* held back: a service that it must give is not there, or it is drained */
    MEMBER_STANDBY, /* held back: a tier before its own serves, or its weight is 0 */
    MEMBER_OUTSIDE, /* in no tier: never answered */
    MEMBER_FLOOR,   /* answered like one that is served: without it `min-capacity` is not reached */
};

/* How a member fares, best first:
 *
 *   good     each of its services is up (or abstains); or it has none
 *   partial  some are, others not: a shared name's address whose IMAP died and whose SMTP lives
 *   held, drained, sick, dead
 *            none is: as the best of them
 *
 * Served are all members of the best grade that there is, in the first tier that has one of it. Of
 * these the ones that the configuration gives a weight of 0 stand by unless there are no others.
 * From held on the TTL is at most FAIL_OPEN_TTL_S, so that what is better is soon seen.
 *
 * All sick or dead: the policy's `when-all-down`, inside the tiers. `serve-all` answers the sick
 * ones alone where there are any. That loses no mail that an answer with the dead beside them would
 * save: a sender who meets a dead host tries the others in the same attempt, half a minute or some
 * later, so that what the sick ones say is what it gets in either case. And what they say puts off:
 * sick is only what passes (a 421, a 452, a slow reply). What is final, a 5xx that bounces mail or
 * a certificate for another name that a user is asked to accept, votes DOWN like silence does, and
 * so is never preferred to it. What is given up: a host that only seems dead from here is not
 * tried while others are sick. `last-up` keeps what was served last, which may be a set of one.
 *
 * `on-down: demote` (MX, SRV): members worse than those served, in the same tier or one before it,
 * are answered behind them, unless they would only stand by.
 *
 * `min-capacity`: where those served have less than that percentage of the tier's weight, as
 * configured, others of the tier are kept in: those whose worst service is held, then those whose
 * worst is sick, the heaviest first, until there is enough or there are no more of them. Never one
 * with a service that is dead or drained: its clients would lose more than the others win.
 * Standbys count for nothing here, and where they serve there is no floor. */
struct selection {
    enum member_state *members; /* one for each of the pool's */
    /* The same: of its weight, that a member gets. 100 for all unless there are some, among those
     * that are served, in a slow start and others further in theirs, or not in one. NULL: 100 each,
     * and pool_select() does not tell. */
    uint8_t *percents;
    size_t nserved; /* MEMBER_SERVED and MEMBER_FLOOR; 0 means servfail */
    uint32_t ttl_s;
    bool fail_open; /* nothing is up: what is answered is known to be down */
    bool servfail;  /* nothing is up and the policy wants SERVFAIL; nserved is 0 */
    bool floor;     /* some are MEMBER_FLOOR */
};

enum { FAIL_OPEN_TTL_S = 5 };

/* Whether a member is in the answers in its own place. */
static inline bool member_is_served(enum member_state state)
{
    return state == MEMBER_SERVED || state == MEMBER_FLOOR;
}

/* Adds a target's state to those of its service, from SERVICE_STATE_NONE on. The best vote counts:
 * up, held, drained, sick, down, abstaining. Cap and percentage of an up service are the largest of
 * the targets that vote up, since it is up as long as any of them is; others have none. */
#define SERVICE_STATE_NONE ((struct service_state){VOTE_ABSTAIN, UINT32_MAX, 100})
struct service_state service_state_add(struct service_state sum, struct service_state target);

/* Fills *selection, whose arrays (pool->nmembers) are the caller's. On entry it holds the selection
 * before, or all MEMBER_SERVED at first: `when-all-down: last-up` goes back to it. Some member must
 * stand in a tier. */
void pool_select(const struct pool *pool, const struct service_state *services,
                 struct selection *selection);

#endif
