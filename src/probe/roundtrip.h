/* SPDX-License-Identifier: BSD-2-Clause */
/* The round trip: a message with a token goes in by SMTP at one server, and is looked for in a
 * mailbox by IMAP until it is there, and deleted. It finds the server that takes everything and
 * delivers nothing. Old messages of ours that were found later, or never, are deleted as well. The
 * event base's thread. */
#ifndef EVERMX_PROBE_ROUNDTRIP_H
#define EVERMX_PROBE_ROUNDTRIP_H

#include "probe/session.h"
#include "probe/token.h"

struct round_trip;

struct round_trip_plan {
    const struct probe_target *smtp; /* its check names the recipient */
    const struct probe_target *imap; /* its check has user and password */
    char family[TOKEN_FAMILY_SIZE];  /* token_family(): of the messages of this owner */
    uint64_t number;                 /* of the new message: above those of all before it */
    uint64_t arrived; /* the newest that is known to have arrived; those in between have not */
    int64_t until_ms; /* how long to look for it, or for one of those; at least once */
};

/* None comes from round_trip_start or round_trip_cancel. The first two must not cancel it. */
struct round_trip_reports {
    /* The server has taken the message. */
    void (*taken)(void *context, int64_t now_ms);
    /* It has just been looked for, and neither it nor one before it is there. Returns when to look
     * again, at the latest. */
    int64_t (*missing)(void *context, int64_t now_ms);
    /* Once; it is gone. arrived: the newest one found; 0: none.
     *
     * OK: the message was found (step_us[TIMED_DELIVERY] tells after how long), or one before it.
     * UNDELIVERED: it was taken, and nothing was there at the last look. Anything else: nothing can
     * be said of deliveries, as a session failed; that is for the probes of that target to judge.
     */
    void (*done)(void *context, const struct outcome *outcome, uint64_t arrived);
};

/* Both targets, and what they point to, must stay as long as the round trip. It waits for a place
 * at the host (peers.h) before it sends and before it looks. A session that idles between two looks
 * logs out when its place is asked for, and another one makes the next look. No place until
 * until_ms, or for that one look: REASON_LATE. */
struct round_trip *round_trip_start(const struct session_setting *setting,
                                    const struct round_trip_plan *plan,
                                    const struct round_trip_reports *reports, void *context);
/* Ends it without a report, and politely where that takes no time. */
void round_trip_cancel(struct round_trip *trip);

#endif
