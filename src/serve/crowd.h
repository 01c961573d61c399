/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is connected by TCP: how many in all and from one client, since when each is in which state,
 * how much memory it holds, and who has to go. No socket, no clock: time is an argument, in
 * monotonic milliseconds that never go back. One thread. RFC 7766 sections 6.2.2, 6.2.3 and 10. */
#ifndef EVERMX_SERVE_CROWD_H
#define EVERMX_SERVE_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

/* Each with its own time limit, from when it began: octets alone never prolong one. */
enum guest_state {
    GUEST_FRESH,   /* has not brought a whole query yet */
    GUEST_IDLE,    /* all that it asked is answered */
    GUEST_PARTIAL, /* the same, and the next query has begun */
    GUEST_BLOCKED, /* does not take its answers */
    GUEST_ENDING,  /* we have closed our side, the peer not yet its own */
    GUEST_STATES
};

struct crowd_client;

/* Part of a connection; its fields are the crowd's. */
struct guest {
    TAILQ_ENTRY(guest) by_state;  /* the longest in it first */
    TAILQ_ENTRY(guest) by_client; /* the longest in its state first */
    struct crowd_client *client;
    int64_t since_ms;
    size_t held;
    enum guest_state state;
};

struct crowd_limits {
    unsigned guests;     /* in all */
    unsigned per_client; /* an IPv4 address, or an IPv6 network of 64 bits */
    size_t held;         /* octets of all guests */
    int64_t idle_ms;     /* while there is room; see crowd_time_limit */
};

struct crowd;

struct crowd *crowd_new(const struct crowd_limits *limits, uint64_t seed);
/* Other limits from now on. Nobody has to go at once: where there are too many, it is each new one
 * that displaces two (crowd_admit once more). A longer time holds for all, a shorter one for what
 * begins from now on. */
void crowd_limit(struct crowd *crowd, const struct crowd_limits *limits);
void crowd_free(struct crowd *crowd); /* when all have left */
unsigned crowd_count(const struct crowd *crowd);

/* Whether one more from this address may come. *leaves: who has to leave before, NULL if nobody;
 * once that one has left, another may have to, where the limits were higher before. */
bool crowd_admit(const struct crowd *crowd, const struct sockaddr *peer, struct guest **leaves);
void crowd_join(struct crowd *crowd, struct guest *guest, const struct sockaddr *peer,
                int64_t now_ms);
void crowd_leave(struct crowd *crowd, struct guest *guest);

/* A state begins, even where it is the same again. */
void crowd_turn(struct crowd *crowd, struct guest *guest, enum guest_state state, int64_t now_ms);
/* How many octets it holds from now on. */
void crowd_hold(struct crowd *crowd, struct guest *guest, size_t octets);

/* The one to go when room is needed: of all NULL only where nobody is there. */
struct guest *crowd_dispensable(const struct crowd *crowd);
/* One that has to go as all together hold too much; NULL: they do not. */
struct guest *crowd_overweight(const struct crowd *crowd);
/* One whose time is over; NULL: nobody's is. */
struct guest *crowd_expired(const struct crowd *crowd, int64_t now_ms);
/* How long a state that begins now may last: RFC 7766 section 6.2.3 lets a busy server wait less.
 */
int64_t crowd_time_limit(const struct crowd *crowd, enum guest_state state);

#endif
