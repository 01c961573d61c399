/* SPDX-License-Identifier: BSD-2-Clause */
#include "serve/crowd.h"

#include "base/memory.h"
#include "base/table.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

TAILQ_HEAD(guests, guest);

struct crowd_client {
    struct crowd_client *next; /* of the same bucket */
    uint64_t network;
    sa_family_t family;
    unsigned count;
    struct guests guests;
};

struct crowd {
    struct crowd_limits limits;
    uint64_t seed;
    unsigned count;
    size_t held;
    struct guests states[GUEST_STATES];
    /* The first of each state that began under the time limit of now; those before it, if any, did
     * under longer ones, of which this is the longest. */
    struct guest *recent[GUEST_STATES];
    int64_t former_idle_ms;
    struct crowd_client **buckets;
    size_t mask;
};

enum {
    ENDING_MS = 1000,  /* for the peer to close, so that no RST destroys our last answers */
    BUSY_DIVISOR = 20, /* in a full crowd a state may still last so much less: 500 ms of 10 s */
};

/* When room is needed, a state counts as begun so much later: a flood of bare connections pushes
 * out itself, and those that have been idle for long, before those at work. */
static const int head_start_ms[GUEST_STATES] = {
    [GUEST_FRESH] = 0,      [GUEST_IDLE] = 1000,    [GUEST_PARTIAL] = 1000,
    [GUEST_BLOCKED] = 2000, [GUEST_ENDING] = -2000,
};

static void make_buckets(struct crowd *crowd)
{
    while (crowd->mask < crowd->limits.guests)
        crowd->mask = crowd->mask * 2 + 1;
    crowd->buckets = memory_array(crowd->mask + 1, sizeof(struct crowd_client *));
}

struct crowd *crowd_new(const struct crowd_limits *limits, uint64_t seed)
{
    struct crowd *crowd = memory_alloc(sizeof *crowd);
    crowd->limits = *limits;
    crowd->seed = seed;
    for (int i = 0; i < GUEST_STATES; i++)
        TAILQ_INIT(&crowd->states[i]);
    make_buckets(crowd);
    return crowd;
}

void crowd_free(struct crowd *crowd)
{
    if (!crowd)
        return;
    assert(crowd->count == 0);
    free(crowd->buckets);
    free(crowd);
}

unsigned crowd_count(const struct crowd *crowd)
{
    return crowd->count;
}

/* ---- clients ---- */

/* What one client can have many addresses of is one client: RFC 4291 section 2.5.4 gives each link
 * 64 bits. */
static uint64_t network_of(const struct sockaddr *peer)
{
    uint64_t network = 0;
    if (peer->sa_family == AF_INET)
        memcpy(&network, &((const struct sockaddr_in *)peer)->sin_addr, 4);
    else
        memcpy(&network, &((const struct sockaddr_in6 *)peer)->sin6_addr, 8);
    return network;
}

static struct crowd_client **bucket_of(const struct crowd *crowd, uint64_t network,
                                       sa_family_t family)
{
    uint64_t hash = hash_bytes(&network, sizeof network, crowd->seed + family);
    return &crowd->buckets[hash & crowd->mask];
}

static struct crowd_client **client_place(const struct crowd *crowd, const struct sockaddr *peer)
{
    uint64_t network = network_of(peer);
    struct crowd_client **at = bucket_of(crowd, network, peer->sa_family);
    while (*at && ((*at)->network != network || (*at)->family != peer->sa_family))
        at = &(*at)->next;
    return at;
}

static struct crowd_client *client_get(struct crowd *crowd, const struct sockaddr *peer)
{
    struct crowd_client **place = client_place(crowd, peer);
    if (!*place) {
        *place = memory_alloc(sizeof **place);
        (*place)->network = network_of(peer);
        (*place)->family = peer->sa_family;
        TAILQ_INIT(&(*place)->guests);
    }
    return *place;
}

static void client_remove(struct crowd *crowd, struct crowd_client *client)
{
    struct crowd_client **at = bucket_of(crowd, client->network, client->family);
    while (*at != client)
        at = &(*at)->next;
    *at = client->next;
    free(client);
}

/* For more guests than the table was made for. */
static void widen_table(struct crowd *crowd)
{
    struct crowd_client **narrow = crowd->buckets;
    size_t count = crowd->mask + 1;
    make_buckets(crowd);
    for (size_t i = 0; i < count; i++)
        for (struct crowd_client *client = narrow[i], *next; client; client = next) {
            struct crowd_client **at = bucket_of(crowd, client->network, client->family);
            next = client->next;
            client->next = *at;
            *at = client;
        }
    free(narrow);
}

static bool is_at_rest(const struct guest *guest)
{
    return guest->state == GUEST_IDLE || guest->state == GUEST_FRESH ||
           guest->state == GUEST_ENDING;
}

/* ---- states ---- */

static void state_begin(struct crowd *crowd, struct guest *guest, enum guest_state state,
                        int64_t now_ms)
{
    guest->state = state;
    guest->since_ms = now_ms;
    TAILQ_INSERT_TAIL(&guest->client->guests, guest, by_client);
    TAILQ_INSERT_TAIL(&crowd->states[state], guest, by_state);
    if (!crowd->recent[state])
        crowd->recent[state] = guest;
}

static void state_end(struct crowd *crowd, struct guest *guest)
{
    if (crowd->recent[guest->state] == guest)
        crowd->recent[guest->state] = TAILQ_NEXT(guest, by_state);
    TAILQ_REMOVE(&crowd->states[guest->state], guest, by_state);
    TAILQ_REMOVE(&guest->client->guests, guest, by_client);
}

static bool has_former(const struct crowd *crowd)
{
    for (int i = 0; i < GUEST_STATES; i++)
        if (TAILQ_FIRST(&crowd->states[i]) != crowd->recent[i])
            return true;
    return false;
}

/* All that have begun keep the time that they have. */
static void shorten_idle(struct crowd *crowd)
{
    int64_t before_ms = crowd->limits.idle_ms;
    if (!has_former(crowd) || crowd->former_idle_ms < before_ms)
        crowd->former_idle_ms = before_ms;
    memset(crowd->recent, 0, sizeof crowd->recent);
}

void crowd_limit(struct crowd *crowd, const struct crowd_limits *limits)
{
    if (limits->idle_ms < crowd->limits.idle_ms)
        shorten_idle(crowd);
    crowd->limits = *limits;
    if (crowd->mask < limits->guests)
        widen_table(crowd);
}

/* ---- coming and going ---- */

struct guest *crowd_dispensable(const struct crowd *crowd)
{
    struct guest *found = NULL;
    int64_t found_ms = INT64_MAX;
    for (int i = 0; i < GUEST_STATES; i++) {
        struct guest *first = TAILQ_FIRST(&crowd->states[i]);
        if (first && first->since_ms + head_start_ms[i] < found_ms) {
            found = first;
            found_ms = first->since_ms + head_start_ms[i];
        }
    }
    return found;
}

bool crowd_admit(const struct crowd *crowd, const struct sockaddr *peer, struct guest **leaves)
{
    const struct crowd_client *client = *client_place(crowd, peer);
    *leaves = NULL;
    if (client && client->count >= crowd->limits.per_client) {
        struct guest *own = TAILQ_FIRST(&client->guests);
        while (own && !is_at_rest(own))
            own = TAILQ_NEXT(own, by_client);
        *leaves = own;
        return own != NULL;
    }
    if (crowd->count >= crowd->limits.guests)
        *leaves = crowd_dispensable(crowd);
    return true;
}

void crowd_join(struct crowd *crowd, struct guest *guest, const struct sockaddr *peer,
                int64_t now_ms)
{
    guest->client = client_get(crowd, peer);
    guest->client->count++;
    guest->held = 0;
    state_begin(crowd, guest, GUEST_FRESH, now_ms);
    crowd->count++;
}

void crowd_leave(struct crowd *crowd, struct guest *guest)
{
    struct crowd_client *client = guest->client;
    crowd_hold(crowd, guest, 0);
    state_end(crowd, guest);
    crowd->count--;
    if (--client->count == 0)
        client_remove(crowd, client);
}

void crowd_turn(struct crowd *crowd, struct guest *guest, enum guest_state state, int64_t now_ms)
{
    state_end(crowd, guest);
    state_begin(crowd, guest, state, now_ms);
}

void crowd_hold(struct crowd *crowd, struct guest *guest, size_t octets)
{
    crowd->held += octets - guest->held;
    guest->held = octets;
}

/* Those who do not read come first, then those who do not finish what they write: in both lists
 * nearly all hold something. */
struct guest *crowd_overweight(const struct crowd *crowd)
{
    static const enum guest_state order[] = {GUEST_BLOCKED, GUEST_PARTIAL, GUEST_FRESH};
    if (crowd->held <= crowd->limits.held)
        return NULL;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        struct guest *guest;
        TAILQ_FOREACH(guest, &crowd->states[order[i]], by_state)
        if (guest->held)
            return guest;
    }
    return NULL;
}

/* ---- time ---- */

static int64_t time_limit(const struct crowd *crowd, enum guest_state state, int64_t limit_ms)
{
    if (state == GUEST_ENDING)
        return limit_ms < ENDING_MS ? limit_ms : ENDING_MS;
    int64_t most = crowd->limits.guests, quarter = most / 4 + 1, room = most - crowd->count;
    if (room >= quarter)
        return limit_ms;
    if (room < 0) /* there may have been room for more before */
        room = 0;
    int64_t least_ms = limit_ms / BUSY_DIVISOR;
    return least_ms + (limit_ms - least_ms) * room / quarter;
}

int64_t crowd_time_limit(const struct crowd *crowd, enum guest_state state)
{
    return time_limit(crowd, state, crowd->limits.idle_ms);
}

/* That of those who began under longer ones; it has not become shorter for them. */
static int64_t former_time_limit(const struct crowd *crowd, enum guest_state state)
{
    int64_t now_ms = crowd->limits.idle_ms, former_ms = crowd->former_idle_ms;
    return time_limit(crowd, state, former_ms > now_ms ? former_ms : now_ms);
}

static bool is_over(const struct guest *guest, int64_t limit_ms, int64_t now_ms)
{
    return guest && now_ms - guest->since_ms >= limit_ms;
}

/* Within a state the limit is the same for all that began under the same limits, so the first one's
 * ends first. */
struct guest *crowd_expired(const struct crowd *crowd, int64_t now_ms)
{
    for (int i = 0; i < GUEST_STATES; i++) {
        enum guest_state state = (enum guest_state)i;
        struct guest *first = TAILQ_FIRST(&crowd->states[i]), *recent = crowd->recent[i];
        if (is_over(recent, crowd_time_limit(crowd, state), now_ms))
            return recent;
        if (first != recent && is_over(first, former_time_limit(crowd, state), now_ms))
            return first;
    }
    return NULL;
}
