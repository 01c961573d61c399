/* SPDX-License-Identifier: BSD-2-Clause */
/* The round trip: a message with a token goes in by SMTP at one server, and is looked for in a
 * mailbox by IMAP until it is there, and deleted. It finds the server that takes everything and
 * delivers nothing. Old messages of ours that were found later, or never, are deleted as well. The
 * event base's thread. */
#ifndef EVERMX_PROBE_ROUNDTRIP_H
#define EVERMX_PROBE_ROUNDTRIP_H

#include "probe/session.h"

struct round_trip;

/* What the outcome (of DEPTH_ROUND_TRIP) says: REASON_OK, with step_us[TIMED_DELIVERY]; UNDELIVERED
 * when the message was taken and has not come before the deadline; UNKNOWN (LOGIN_REFUSED, LOCAL,
 * RECIPIENT_REFUSED, PROBER_REFUSED ...) when nothing can be said; any other failure of the SMTP or
 * IMAP session as the probes themselves would report it, which is theirs to judge, not the round
 * trip's. */
typedef void round_trip_done(void *context, const struct outcome *outcome);

/* smtp->check names the recipient, imap->check user and password. Both targets must stay as long as
 * the round trip. token: unique among all of ours, letters and digits. */
struct round_trip *round_trip_start(const struct session_setting *setting,
                                    const struct probe_target *smtp,
                                    const struct probe_target *imap, const char *token,
                                    int64_t deadline_ms, round_trip_done *done, void *context);
void round_trip_cancel(struct round_trip *trip);

#endif
