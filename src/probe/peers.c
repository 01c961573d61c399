/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/peers.h"

#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

/* So long a place that comes free by itself is waited for. A dialogue with a host that is well
 * takes no longer, mostly. */
enum { PATIENCE_MS = 100 };

/* Who is asked more seldom than that keeps nobody waiting for its turn. */
enum { CLAIM_MS = 5000 };

/* How long a host that was found hung speaks for its other targets. */
enum { HUNG_MS = 5000 };
/* A session that was about to be greeted when the host hung began a little before the last good one
 * of another port: no longer than a prompt greeting takes. */
enum { HUNG_SLACK_MS = 250 };

TAILQ_HEAD(seat_queue, peer_seat);
TAILQ_HEAD(turn_queue, peer_turn);
TAILQ_HEAD(peer_queue, peer);

struct peer {
    struct address address;
    unsigned users;
    unsigned held; /* places that are taken, or as good as taken: SEAT_READY */
    struct peer_seat *holders[PEER_PLACES]; /* of those; NULL: free */
    struct seat_queue waiting;              /* by rank and turn */
    struct turn_queue line;                 /* for the whole dialogue */
    TAILQ_ENTRY(peer) crowd;
    int64_t crowded_ms; /* somebody waits beside one who could be asked to go; -1: not */
    unsigned silent;
    int64_t hung_since_ms, hung_at_ms; /* -1: never */
};

struct peers {
    void *hosts; /* tsearch(3), by address */
    unsigned taken, most;
    uint64_t turns;
    struct seat_queue ready;   /* have a place at their host, and wait for one of all; by rank */
    struct seat_queue idlers;  /* that would give theirs up, of RANK_DOWN and below */
    struct seat_queue asked;   /* are to give up; their `place` is free, as they are taken */
    struct peer_queue crowded; /* since when: the longest first */
    struct event drain, patience;
};

/* ---- hosts ---- */

static int peer_compare(const void *one, const void *other)
{
    const struct peer *a = one, *b = other;
    if (a->address.family != b->address.family)
        return a->address.family - b->address.family;
    return memcmp(a->address.bytes, b->address.bytes, address_size(&a->address));
}

struct peer *peers_join(struct peers *peers, const struct address *address)
{
    struct peer *peer, key = {.address = *address};
    struct peer **found = tfind(&key, &peers->hosts, peer_compare);
    if (found) {
        peer = *found;
    } else {
        peer = memory_alloc(sizeof *peer);
        peer->address = *address;
        peer->hung_since_ms = peer->hung_at_ms = peer->crowded_ms = -1;
        TAILQ_INIT(&peer->waiting);
        TAILQ_INIT(&peer->line);
        if (!tsearch(peer, &peers->hosts, peer_compare))
            memory_exhausted(sizeof *peer);
    }
    peer->users++;
    return peer;
}

void peers_leave(struct peers *peers, struct peer *peer)
{
    if (--peer->users)
        return;
    assert(peer->held == 0 && TAILQ_EMPTY(&peer->waiting) && TAILQ_EMPTY(&peer->line));
    assert(peer->crowded_ms < 0);
    tdelete(peer, &peers->hosts, peer_compare);
    free(peer);
}

/* ---- who may have a place ---- */

static bool rank_is_deep(enum peer_rank rank)
{
    return rank == RANK_SERVICE || rank == RANK_TRIP;
}

static bool peer_holds_deep(const struct peer *peer)
{
    for (unsigned i = 0; i < PEER_PLACES; i++)
        if (peer->holders[i] && rank_is_deep(peer->holders[i]->rank))
            return true;
    return false;
}

bool peer_is_deep(const struct peer *peer)
{
    const struct peer_seat *seat;
    TAILQ_FOREACH(seat, &peer->waiting, place)
    if (rank_is_deep(seat->rank))
        return true;
    return peer_holds_deep(peer);
}

/* It lacks nothing but a place. */
static bool peer_fits(const struct peer *peer, enum peer_rank rank)
{
    return !(rank_is_deep(rank) && peer_holds_deep(peer));
}

static bool peer_admits(const struct peer *peer, enum peer_rank rank)
{
    return peer->held < PEER_PLACES && peer_fits(peer, rank);
}

static const struct peer_seat *peer_first(const struct peer *peer)
{
    const struct peer_seat *seat;
    TAILQ_FOREACH(seat, &peer->waiting, place)
    if (peer_fits(peer, seat->rank))
        return seat;
    return NULL;
}

static void peer_hold(struct peer *peer, struct peer_seat *seat)
{
    unsigned i = 0;
    while (peer->holders[i])
        i++;
    peer->holders[i] = seat;
    peer->held++;
}

static void peer_drop(struct peer *peer, const struct peer_seat *seat)
{
    for (unsigned i = 0; i < PEER_PLACES; i++) {
        if (peer->holders[i] != seat)
            continue;
        peer->holders[i] = NULL;
        peer->held--;
    }
}

/* ---- who has to go ---- */

static bool seat_is_brief(const struct peer_seat *seat)
{
    return seat->rank == RANK_LIVENESS || seat->rank == RANK_HEDGE;
}

/* A silent session is not worth less than the hedge of another. */
static bool rank_outdoes(enum peer_rank rank, enum peer_rank other)
{
    return rank < (other == RANK_SILENT ? RANK_HEDGE : other);
}

/* Whether `one` is to go rather than `other`: the lower rank; of the slow and of hedges the
 * younger, as the elder is nearer to its end. */
static bool seat_goes_first(const struct peer_seat *one, const struct peer_seat *other)
{
    return !other || one->rank > other->rank ||
           (one->rank == other->rank && one->turn > other->turn);
}

static void peer_crowd(struct peers *peers, struct peer *peer, bool crowded)
{
    if (crowded == (peer->crowded_ms >= 0))
        return;
    peer->crowded_ms = crowded ? clock_now_ms() : -1;
    if (!crowded) {
        TAILQ_REMOVE(&peers->crowded, peer, crowd);
        return;
    }
    if (TAILQ_EMPTY(&peers->crowded))
        event_add(&peers->patience, &(struct timeval){.tv_usec = PATIENCE_MS * 1000});
    TAILQ_INSERT_TAIL(&peers->crowded, peer, crowd);
}

/* Who is asked to go, for somebody of that rank; NULL: nobody, or there is one who goes. A place
 * that comes free by itself in a moment is waited for; but beside one that turns out not to, none
 * is worth waiting for but those who would have to begin again: of two of these one is left alone,
 * and comes to its end at last. */
static struct peer_seat *peer_goer(const struct peer *peer, enum peer_rank rank, bool *brief)
{
    struct peer_seat *goes = NULL;
    *brief = false;
    for (unsigned i = 0; i < PEER_PLACES; i++) {
        struct peer_seat *seat = peer->holders[i];
        if (!seat || seat->state != SEAT_TAKEN || seat->asked)
            return NULL;
        *brief |= seat_is_brief(seat);
        if (seat->yields && seat->give_up && rank_outdoes(rank, seat->rank) &&
            seat_goes_first(seat, goes))
            goes = seat;
    }
    return goes && *brief && goes->rank == RANK_SLOW ? NULL : goes;
}

/* Places have changed hands, or others wait for them. patient: not for PATIENCE_MS yet. */
static void peer_clear(struct peers *peers, struct peer *peer, bool patient)
{
    bool brief;
    const struct peer_seat *first = peer_first(peer);
    struct peer_seat *goes = first ? peer_goer(peer, first->rank, &brief) : NULL;
    bool waits = goes && brief && patient;
    peer_crowd(peers, peer, waits);
    if (!goes || waits)
        return;
    goes->asked = true;
    TAILQ_INSERT_TAIL(&peers->asked, goes, place);
    event_active(&peers->drain, EV_TIMEOUT, 0);
}

/* ---- waiting ---- */

static void peer_enqueue(struct peer *peer, struct peer_seat *seat)
{
    struct peer_seat *behind;
    seat->state = SEAT_WAITS;
    TAILQ_FOREACH(behind, &peer->waiting, place)
    if (behind->rank > seat->rank)
        break;
    if (behind)
        TAILQ_INSERT_BEFORE(behind, seat, place);
    else
        TAILQ_INSERT_TAIL(&peer->waiting, seat, place);
}

static void seat_get_ready(struct peers *peers, struct peer *peer, struct peer_seat *seat)
{
    struct peer_seat *before;
    peer_hold(peer, seat);
    seat->state = SEAT_READY;
    TAILQ_FOREACH_REVERSE(before, &peers->ready, seat_queue, place)
    if (before->rank <= seat->rank)
        break;
    if (before)
        TAILQ_INSERT_AFTER(&peers->ready, before, seat, place);
    else
        TAILQ_INSERT_HEAD(&peers->ready, seat, place);
    event_active(&peers->drain, EV_TIMEOUT, 0);
}

/* Who waits longest of the best rank goes on; who is not admitted keeps nobody behind it. */
static void peer_advance(struct peers *peers, struct peer *peer)
{
    struct peer_seat *seat = TAILQ_FIRST(&peer->waiting), *next;
    for (; seat && peer->held < PEER_PLACES; seat = next) {
        next = TAILQ_NEXT(seat, place);
        if (!peer_admits(peer, seat->rank))
            continue;
        TAILQ_REMOVE(&peer->waiting, seat, place);
        seat_get_ready(peers, peer, seat);
    }
    peer_clear(peers, peer, true);
}

/* Who has a place at its host and waits for one of all can wait elsewhere, too, where a better one
 * comes. */
static void peer_unready(struct peers *peers, struct peer *peer, enum peer_rank rank)
{
    for (unsigned i = 0; i < PEER_PLACES && peer->held == PEER_PLACES; i++) {
        struct peer_seat *seat = peer->holders[i];
        if (seat->state != SEAT_READY || !rank_outdoes(rank, seat->rank))
            continue;
        TAILQ_REMOVE(&peers->ready, seat, place);
        peer_drop(peer, seat);
        peer_enqueue(peer, seat);
    }
}

static void seat_grant(struct peers *peers, struct peer_seat *seat)
{
    seat->state = SEAT_TAKEN;
    peers->taken++;
}

bool peer_take(struct peers *peers, struct peer *peer, struct peer_seat *seat, enum peer_rank rank)
{
    assert(seat->state == SEAT_NONE);
    seat->peer = peer;
    seat->rank = rank;
    seat->yields = seat->asked = false;
    seat->turn = ++peers->turns;
    peer_unready(peers, peer, rank);
    bool admitted = peer_admits(peer, rank);
    if (admitted && peers->taken < peers->most && TAILQ_EMPTY(&peers->ready)) {
        peer_hold(peer, seat);
        seat_grant(peers, seat);
        return true;
    }
    if (admitted) {
        seat_get_ready(peers, peer, seat);
    } else {
        peer_enqueue(peer, seat);
        peer_clear(peers, peer, true);
    }
    return false;
}

static void seat_idle(struct peers *peers, struct peer_seat *seat, bool idles)
{
    if (seat->idles == idles)
        return;
    seat->idles = idles;
    if (!idles) {
        TAILQ_REMOVE(&peers->idlers, seat, idle);
        return;
    }
    TAILQ_INSERT_TAIL(&peers->idlers, seat, idle);
    if (!TAILQ_EMPTY(&peers->ready))
        event_active(&peers->drain, EV_TIMEOUT, 0);
}

void peer_release(struct peers *peers, struct peer_seat *seat)
{
    struct peer *peer = seat->peer;
    switch (seat->state) {
    case SEAT_NONE:
        return;
    case SEAT_WAITS:
        TAILQ_REMOVE(&peer->waiting, seat, place);
        break;
    case SEAT_READY:
        TAILQ_REMOVE(&peers->ready, seat, place);
        peer_drop(peer, seat);
        break;
    case SEAT_TAKEN:
        if (seat->asked)
            TAILQ_REMOVE(&peers->asked, seat, place);
        seat_idle(peers, seat, false);
        peers->taken--;
        peer_drop(peer, seat);
        break;
    }
    seat->state = SEAT_NONE;
    peer_advance(peers, peer);
    if (!TAILQ_EMPTY(&peers->ready))
        event_active(&peers->drain, EV_TIMEOUT, 0);
}

void peer_rank(struct peers *peers, struct peer_seat *seat, enum peer_rank rank, bool yields)
{
    if (seat->state != SEAT_TAKEN)
        return;
    if (seat->asked && !yields) {
        TAILQ_REMOVE(&peers->asked, seat, place);
        seat->asked = false;
    }
    seat->rank = rank;
    seat->yields = yields;
    seat_idle(peers, seat, yields && seat->give_up && rank >= RANK_DOWN);
    peer_advance(peers, seat->peer);
}

/* ---- the loop ---- */

static void peers_grant(struct peers *peers)
{
    struct peer_seat *seat;
    while (peers->taken < peers->most && (seat = TAILQ_FIRST(&peers->ready))) {
        TAILQ_REMOVE(&peers->ready, seat, place);
        seat_grant(peers, seat);
        seat->granted(seat->context);
    }
}

/* Sessions that idle, as those of sentinels do for hours, must not keep probes from their time. */
static bool peers_make_room(struct peers *peers)
{
    const struct peer_seat *first = TAILQ_FIRST(&peers->ready);
    struct peer_seat *idler = TAILQ_FIRST(&peers->idlers);
    if (!first || !idler || first->rank >= RANK_DOWN)
        return false;
    idler->give_up(idler->context);
    assert(idler != TAILQ_FIRST(&peers->idlers));
    return true;
}

static void peers_on_drain(evutil_socket_t fd, short what, void *context)
{
    struct peers *peers = context;
    struct peer_seat *seat;
    (void)fd, (void)what;

    while ((seat = TAILQ_FIRST(&peers->asked))) {
        seat->give_up(seat->context);
        assert(seat != TAILQ_FIRST(&peers->asked));
    }
    do
        peers_grant(peers);
    while (peers_make_room(peers));
}

static void peers_on_patience(evutil_socket_t fd, short what, void *context)
{
    struct peers *peers = context;
    struct peer *peer;
    int64_t now_ms = clock_now_ms();
    (void)fd, (void)what;

    while ((peer = TAILQ_FIRST(&peers->crowded)) && now_ms - peer->crowded_ms >= PATIENCE_MS)
        peer_clear(peers, peer, false);
    if (!peer)
        return;
    int64_t wait_ms = peer->crowded_ms + PATIENCE_MS - now_ms;
    event_add(&peers->patience, &(struct timeval){.tv_usec = wait_ms * 1000});
}

struct peers *peers_new(struct event_base *base, unsigned seats_max)
{
    struct peers *peers = memory_alloc(sizeof *peers);
    peers->most = seats_max;
    TAILQ_INIT(&peers->ready);
    TAILQ_INIT(&peers->idlers);
    TAILQ_INIT(&peers->asked);
    TAILQ_INIT(&peers->crowded);
    event_assign(&peers->drain, base, -1, 0, peers_on_drain, peers);
    evtimer_assign(&peers->patience, base, peers_on_patience, peers);
    return peers;
}

void peers_free(struct peers *peers)
{
    assert(!peers->hosts && peers->taken == 0);
    event_del(&peers->drain);
    event_del(&peers->patience);
    free(peers);
}

unsigned peers_taken(const struct peers *peers)
{
    return peers->taken;
}

/* ---- turns at the whole dialogue ---- */

void peer_leave_line(struct peer *peer, struct peer_turn *turn)
{
    if (turn->until_ms)
        TAILQ_REMOVE(&peer->line, turn, place);
    turn->until_ms = 0;
}

static bool peer_is_promised(const struct peer *peer, const struct peer_turn *turn, int64_t now_ms)
{
    const struct peer_turn *first;
    TAILQ_FOREACH(first, &peer->line, place)
    if (first == turn || first->until_ms > now_ms)
        return first != turn;
    return false;
}

bool peer_may_go_deep(struct peer *peer, struct peer_turn *turn, bool pressing, int64_t now_ms)
{
    bool may = !peer_is_deep(peer) && (pressing || !peer_is_promised(peer, turn, now_ms));
    if (may) {
        peer_leave_line(peer, turn);
        return true;
    }
    if (!turn->until_ms)
        TAILQ_INSERT_TAIL(&peer->line, turn, place);
    turn->until_ms = now_ms + CLAIM_MS;
    return false;
}

/* ---- hosts that hang ---- */

void peer_note_silent(struct peer *peer, int change)
{
    peer->silent += (unsigned)change;
}

bool peer_is_silent_elsewhere(const struct peer *peer)
{
    return peer->silent > 1;
}

void peer_note_hung(struct peer *peer, int64_t since_ms, int64_t now_ms)
{
    bool anew = peer->hung_at_ms < 0 || now_ms - peer->hung_at_ms > HUNG_MS;
    if (anew || since_ms < peer->hung_since_ms)
        peer->hung_since_ms = since_ms;
    peer->hung_at_ms = now_ms;
}

bool peer_is_hung(const struct peer *peer, int64_t heard_ms, int64_t now_ms)
{
    return peer->hung_at_ms >= 0 && now_ms - peer->hung_at_ms <= HUNG_MS &&
           heard_ms <= peer->hung_since_ms + HUNG_SLACK_MS;
}
