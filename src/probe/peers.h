/* SPDX-License-Identifier: BSD-2-Clause */
/* Places at hosts. Servers count connections per client, and mail hosts are not ours to load: there
 * are never more than PEER_PLACES sessions at once to one host (an address), whoever opens them,
 * and never more in all than descriptors allow. Who finds no place waits, in the order of ranks;
 * waiting is not failing. A session that has been silent for a while, or only idles, gives its
 * place up to who ranks before it: at once where no other place is about to come free, else after
 * 100 ms. Where all the places there are have been taken, those who idle anywhere make room. The
 * event base's thread.
 *
 * A place is taken before connecting. A socket that is still without an answer after a moment
 * (SYN_SENT: the host knows nothing of it) may go on without one, and must get one back, or close,
 * when it connects after all. */
#ifndef EVERMX_PROBE_PEERS_H
#define EVERMX_PROBE_PEERS_H

#include "base/address.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

enum { PEER_PLACES = 2 };

/* Who goes first; who has to go is found from the end. */
enum peer_rank {
    RANK_LIVENESS,
    RANK_SERVICE, /* the whole dialogue: one of a host at a time, so that two that hang there do not
                     hold up the others */
    RANK_TRIP,    /* a round trip that sends or looks; counts as such a one, too */
    RANK_HEDGE,   /* a second session of a probe */
    RANK_SILENT,  /* a session without an octet yet, for longer than usual: what it has seen stands,
                     also when it is ended */
    RANK_SLOW,    /* the same of a target that is always slow, or unknown: ended, it would have to
                     begin all over again */
    RANK_DOWN,    /* of a target that is down by silence, or given up and left open */
    RANK_SENTINEL, /* and a round trip between two looks: sessions that idle */
};

struct peer;
struct peers;
struct event_base;

/* Of one session. Its owner sets the first three; the rest is not the owner's business. */
struct peer_seat {
    void (*granted)(void *context); /* what was waited for is there */
    /* Somebody who ranks before it waits: to be released now, or, by peer_rank, to yield no longer.
     * NULL: never gives up. */
    void (*give_up)(void *context);
    void *context;

    struct peer *peer;
    enum peer_rank rank;
    enum { SEAT_NONE, SEAT_WAITS, SEAT_READY, SEAT_TAKEN } state;
    bool yields, asked, idles;
    uint64_t turn;
    TAILQ_ENTRY(peer_seat) place, idle;
};

/* seats_max: of all hosts together. */
struct peers *peers_new(struct event_base *base, unsigned seats_max);
void peers_free(struct peers *peers);
unsigned peers_taken(const struct peers *peers); /* now */

/* A host, as long as anybody has joined it. */
struct peer *peers_join(struct peers *peers, const struct address *address);
void peers_leave(struct peers *peers, struct peer *peer);

/* True: taken at once. False: waits, and granted() is called from the loop. */
bool peer_take(struct peers *peers, struct peer *peer, struct peer_seat *seat, enum peer_rank rank);
/* Gives it back, or waits no longer; nothing to do for one that was not taken. */
void peer_release(struct peers *peers, struct peer_seat *seat);
/* Changes the rank of one that is taken. yields: gives up when it is asked, as from the loop at
 * once where somebody waits already. */
void peer_rank(struct peers *peers, struct peer_seat *seat, enum peer_rank rank, bool yields);

static inline bool peer_has(const struct peer_seat *seat)
{
    return seat->state == SEAT_TAKEN;
}
static inline bool peer_waits(const struct peer_seat *seat)
{
    return seat->state == SEAT_WAITS || seat->state == SEAT_READY;
}
/* Whether another whole dialogue is under way, or waits: a new one would have to wait for its end.
 */
bool peer_is_deep(const struct peer *peer);

/* ---- turns at the whole dialogue ----
 *
 * Who finds another one's under way asks again at its next probe. By chance alone a service that
 * hangs, and is asked again and again, could be under way each time: so those who were turned away
 * form a line, and its first is the next one. */

/* All 0 at first. */
struct peer_turn {
    int64_t until_ms; /* claims its turn until then; 0: stands in no line */
    TAILQ_ENTRY(peer_turn) place;
};

/* Whether it may begin; if not, it stands in the line. pressing: a verdict waits for it, it passes
 * the line. */
bool peer_may_go_deep(struct peer *peer, struct peer_turn *turn, bool pressing, int64_t now_ms);
/* Wants it no longer; nothing to do for one that stands in no line. */
void peer_leave_line(struct peer *peer, struct peer_turn *turn);

/* ---- hosts that hang ----
 *
 * With two places, five services that hang at once cannot all have two long sessions in time. But
 * each of them is a witness for the others: sessions to several ports of a host that fall silent
 * together tell what two to one port do. */

/* One more target of the host is silent beyond its quantum and undecided, or one less. */
void peer_note_silent(struct peer *peer, int change);
/* Others are, too. */
bool peer_is_silent_elsewhere(const struct peer *peer);
/* A target was found silent, confirmed, from since_ms on. */
void peer_note_hung(struct peer *peer, int64_t since_ms, int64_t now_ms);
/* That happened just now, and a target that was last heard from at heard_ms may have been part of
 * it: not one that has answered since. */
bool peer_is_hung(const struct peer *peer, int64_t heard_ms, int64_t now_ms);

#endif
