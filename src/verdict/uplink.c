/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is silent, who was heard, and what follows from it. All in O(log n) of the hosts: a tree of
 * them, counters, and who was heard lately. */
#include "verdict/uplink.h"

#include "base/memory.h"
#include "verdict/heard.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum {
    /* So many other subnets heard within so long: nobody needs to be asked to be heard. */
    DENSE_SUBNETS = ECHO_NAMES,
    DENSE_MS = 500,
    WITNESS_STEPS = 64,
    EXCUSES =
        2, /* thaws that a host may sleep through: our uplink may have been back for a moment */
};

TAILQ_HEAD(host_list, host);
TAILQ_HEAD(subnet_list, subnet);

enum hearing {
    HEARD,  /* or not known: nothing speaks against it */
    SILENT, /* for a while: in the guard's list */
    DEAD,   /* for longer */
};

struct subnet {
    struct address network;
    uint32_t number; /* never used again */
    size_t hosts, silent, dead;
    const struct host *latest; /* heard last; NULL: none was */
    TAILQ_ENTRY(subnet) place; /* by when it was heard */
};

struct host {
    struct address address;
    struct subnet *subnet;
    unsigned count; /* of uplink_add() */
    int64_t alive_ms, silent_since_ms;
    enum hearing hearing;
    bool counted;            /* as heard at alive_ms */
    bool again;              /* was told UPLINK_AGAIN since it was heard */
    unsigned excuses;        /* freezes since then that it was told so for, */
    int64_t excused_ms;      /* and the end of the last one */
    uint64_t tide;           /* in which it was heard; see the guard's */
    TAILQ_ENTRY(host) place; /* while silent */
};

/* The uplink of one family. */
struct guard {
    void *hosts, *subnets; /* tsearch(3): by address */
    struct host_list silent;
    struct subnet_list recent; /* heard last: at the end */
    size_t nhosts, nsubnets;
    size_t nsilent, nsilent_subnets, ndead, nlive_subnets; /* live: not all of it is dead */
    uint32_t last_number;
    struct heard heard;
    int64_t asked_ms;
    bool canary_known;
    int64_t canary_bad_ms;   /* when none answered */
    int64_t frozen_since_ms; /* 0: not frozen */
    int64_t thawed_ms;
    bool exhausted; /* frozen for so long that silence counts */
    uint64_t freezes;
    uint64_t tide; /* begins with each freeze, and when it is exhausted */
    int64_t tide_ms;
    size_t back; /* hosts heard in this tide */
};

struct uplink {
    struct guard guards[2]; /* IPv4, IPv6 */
};

static const int64_t never_ms = INT64_MIN / 2;

static struct guard *guard_of(const struct uplink *uplink, uint8_t family)
{
    return (struct guard *)&uplink->guards[family == 6];
}

/* ---- hosts and subnets ---- */

static int address_order(const struct address *one, const struct address *other)
{
    return memcmp(one->bytes, other->bytes, address_size(one));
}

static int host_order(const void *one, const void *other)
{
    return address_order(&((const struct host *)one)->address,
                         &((const struct host *)other)->address);
}

static int subnet_order(const void *one, const void *other)
{
    return address_order(&((const struct subnet *)one)->network,
                         &((const struct subnet *)other)->network);
}

static struct host *find_host(const struct guard *guard, const struct address *address)
{
    struct host key = {.address = *address};
    struct host **found = tfind(&key, &guard->hosts, host_order);
    return found ? *found : NULL;
}

static struct subnet *join_subnet(struct guard *guard, const struct address *address)
{
    size_t octets = address->family == 6 ? 6 : 3;
    struct subnet key = {.network = {.family = address->family}};
    memcpy(key.network.bytes, address->bytes, octets);
    struct subnet **found = tfind(&key, &guard->subnets, subnet_order), *subnet;
    if (found)
        return *found;
    subnet = memory_alloc(sizeof *subnet);
    subnet->network = key.network;
    subnet->number = ++guard->last_number;
    if (!tsearch(subnet, &guard->subnets, subnet_order))
        memory_exhausted(sizeof *subnet);
    TAILQ_INSERT_HEAD(&guard->recent, subnet, place);
    guard->nsubnets++;
    return subnet;
}

static void leave_subnet(struct guard *guard, struct host *host)
{
    struct subnet *subnet = host->subnet;
    if (subnet->latest == host)
        subnet->latest = NULL;
    if (--subnet->hosts)
        return;
    TAILQ_REMOVE(&guard->recent, subnet, place);
    tdelete(subnet, &guard->subnets, subnet_order);
    guard->nsubnets--;
    free(subnet);
}

/* ---- who is silent ---- */

static void uncount(struct guard *guard, struct host *host)
{
    if (host->counted)
        heard_uncount(&guard->heard, host->alive_ms);
    host->counted = false;
}

static void count_subnet(struct guard *guard, const struct subnet *subnet, int sign)
{
    if (subnet->silent)
        guard->nsilent_subnets += (size_t)sign;
    if (subnet->hosts > subnet->dead)
        guard->nlive_subnets += (size_t)sign;
}

static void set_hearing(struct guard *guard, struct host *host, enum hearing hearing)
{
    struct subnet *subnet = host->subnet;
    if (host->hearing == hearing)
        return;
    uncount(guard, host);
    count_subnet(guard, subnet, -1);
    if (host->hearing == SILENT) {
        TAILQ_REMOVE(&guard->silent, host, place);
        guard->nsilent--, subnet->silent--;
    } else if (host->hearing == DEAD) {
        guard->ndead--, subnet->dead--;
    }
    host->hearing = hearing;
    if (hearing == SILENT) {
        TAILQ_INSERT_TAIL(&guard->silent, host, place);
        guard->nsilent++, subnet->silent++;
    } else if (hearing == DEAD) {
        guard->ndead++, subnet->dead++;
    }
    count_subnet(guard, subnet, 1);
}

static void mark_silent(struct guard *guard, struct host *host, int64_t since_ms)
{
    if (host->hearing != HEARD)
        return;
    host->silent_since_ms = since_ms > host->alive_ms ? since_ms : host->alive_ms;
    set_hearing(guard, host, SILENT);
}

/* While we are frozen nobody is declared dead: it may be us. */
static void bury(struct guard *guard, int64_t now_ms)
{
    struct host *host;
    while (!guard->frozen_since_ms && (host = TAILQ_FIRST(&guard->silent)) &&
           host->silent_since_ms < now_ms - UPLINK_WINDOW_MS)
        set_hearing(guard, host, DEAD);
}

/* ---- frozen ---- */

static void begin_tide(struct guard *guard, int64_t now_ms)
{
    guard->tide++;
    guard->tide_ms = now_ms;
    guard->back = 0;
}

static void freeze(struct guard *guard, int64_t now_ms)
{
    guard->frozen_since_ms = now_ms;
    guard->freezes++;
    begin_tide(guard, now_ms);
}

/* What was silent meanwhile has to show it anew. */
static void thaw(struct guard *guard, int64_t now_ms)
{
    struct host *host;
    guard->frozen_since_ms = 0;
    guard->thawed_ms = now_ms;
    while ((host = TAILQ_FIRST(&guard->silent)))
        set_hearing(guard, host, HEARD);
}

static bool is_half_back(const struct guard *guard)
{
    return guard->back * 2 >= guard->nhosts - guard->ndead;
}

static void note_back(struct guard *guard, struct host *host, int64_t at_ms)
{
    bool waits = guard->frozen_since_ms || guard->exhausted;
    if (!waits || host->tide == guard->tide || at_ms <= guard->tide_ms)
        return;
    host->tide = guard->tide;
    guard->back++;
    if (!is_half_back(guard))
        return;
    if (guard->frozen_since_ms)
        thaw(guard, at_ms);
    guard->exhausted = false;
}

static void pass_time(struct guard *guard, int64_t now_ms)
{
    if (guard->frozen_since_ms && now_ms - guard->frozen_since_ms >= UPLINK_FREEZE_MAX_MS) {
        thaw(guard, now_ms);
        begin_tide(guard, now_ms);
        guard->exhausted = true;
    }
    bury(guard, now_ms);
    if (guard->exhausted && is_half_back(guard)) /* of those that are not dead by now */
        guard->exhausted = false;
}

/* ---- judging a silence ---- */

struct silence {
    struct host *host;
    int64_t since_ms, until_ms, now_ms;
};

static bool is_lone(const struct guard *guard, const struct subnet *subnet)
{
    return guard->nlive_subnets <= (subnet->hosts > subnet->dead);
}

/* All who could have answered have had their time. */
static bool is_decided(const struct guard *guard, const struct silence *silence)
{
    if (silence->now_ms - silence->until_ms >= UPLINK_ASK_MS)
        return true;
    return guard->asked_ms >= silence->since_ms &&
           silence->now_ms - guard->asked_ms >= UPLINK_SETTLE_MS &&
           (!guard->canary_known || guard->canary_bad_ms >= guard->asked_ms);
}

/* It began while we were frozen. A host that stays silent however often others thaw us is dead:
 * else a single other one that is slow to answer would freeze and thaw us for ever. */
static enum uplink_belief judge_thawed(const struct guard *guard, struct host *host)
{
    if (host->excused_ms == guard->thawed_ms)
        return UPLINK_AGAIN;
    host->excused_ms = guard->thawed_ms;
    return host->excuses++ < EXCUSES ? UPLINK_AGAIN : UPLINK_BELIEVE;
}

static enum uplink_belief judge_lone(struct guard *guard, const struct silence *silence)
{
    if (guard->asked_ms >= silence->since_ms && guard->canary_bad_ms >= guard->asked_ms) {
        freeze(guard, silence->now_ms);
        return UPLINK_REFUSE;
    }
    /* Nobody tells: then there is no canary. */
    return silence->now_ms - silence->until_ms >= UPLINK_ASK_MS ? UPLINK_BELIEVE : UPLINK_WAIT;
}

/* Life that was shown amid the silence, or (too late to prove anything) at its end. */
static enum uplink_belief judge_life(struct guard *guard, const struct silence *silence, bool lone)
{
    const struct subnet *own = silence->host->subnet;
    int64_t from_ms = silence->since_ms + UPLINK_PROOF_MS;
    struct echo amid =
        heard_between(&guard->heard, own->number, from_ms, silence->until_ms - UPLINK_PROOF_MS);
    struct echo since =
        heard_between(&guard->heard, own->number, from_ms, silence->now_ms + SPAN_MS);
    bool outvoted = guard->nsilent > since.hosts && guard->nsilent_subnets >= 2;
    size_t other_subnets = guard->nlive_subnets - (own->hosts > own->dead);
    size_t enough = other_subnets < 2 ? 1 : 2;

    if (amid.canary || amid.own || (!lone && !outvoted && amid.others >= enough))
        return UPLINK_BELIEVE;
    if (!since.canary && (outvoted || !(since.own || since.others > amid.others)))
        return UPLINK_WAIT;
    if (silence->host->again)
        return UPLINK_BELIEVE;
    silence->host->again = true;
    return UPLINK_AGAIN;
}

static enum uplink_belief judge(struct guard *guard, const struct silence *silence)
{
    if (guard->frozen_since_ms)
        return UPLINK_REFUSE;
    if (guard->exhausted)
        return UPLINK_BELIEVE;
    if (silence->since_ms < guard->thawed_ms)
        return judge_thawed(guard, silence->host);
    bool lone = is_lone(guard, silence->host->subnet);
    if (lone && !guard->canary_known) /* nobody to ask */
        return UPLINK_BELIEVE;
    enum uplink_belief belief = judge_life(guard, silence, lone);
    if (belief != UPLINK_WAIT)
        return belief;
    if (lone)
        return judge_lone(guard, silence);
    if (!is_decided(guard, silence))
        return UPLINK_WAIT;
    freeze(guard, silence->now_ms);
    return UPLINK_REFUSE;
}

/* ---- from outside ---- */

struct uplink *uplink_new(void)
{
    struct uplink *uplink = memory_alloc(sizeof *uplink);
    for (size_t i = 0; i < 2; i++) {
        struct guard *guard = &uplink->guards[i];
        TAILQ_INIT(&guard->silent);
        TAILQ_INIT(&guard->recent);
        guard->asked_ms = guard->canary_bad_ms = guard->thawed_ms = never_ms;
        heard_init(&guard->heard);
    }
    return uplink;
}

void uplink_free(struct uplink *uplink)
{
    for (size_t i = 0; uplink && i < 2; i++) {
        tdestroy(uplink->guards[i].hosts, free);
        tdestroy(uplink->guards[i].subnets, free);
    }
    free(uplink);
}

void uplink_add(struct uplink *uplink, const struct address *address)
{
    struct guard *guard = guard_of(uplink, address->family);
    struct host *host = find_host(guard, address);
    if (host) {
        host->count++;
        return;
    }
    host = memory_alloc(sizeof *host);
    host->address = *address;
    host->count = 1;
    host->alive_ms = never_ms;
    host->excused_ms = never_ms;
    host->subnet = join_subnet(guard, address);
    if (!tsearch(host, &guard->hosts, host_order))
        memory_exhausted(sizeof *host);
    count_subnet(guard, host->subnet, -1);
    host->subnet->hosts++;
    count_subnet(guard, host->subnet, 1);
    guard->nhosts++;
}

void uplink_remove(struct uplink *uplink, const struct address *address)
{
    struct guard *guard = guard_of(uplink, address->family);
    struct host *host = find_host(guard, address);
    if (!host || --host->count)
        return;
    set_hearing(guard, host, HEARD);
    uncount(guard, host);
    if (host->tide == guard->tide && guard->back)
        guard->back--;
    tdelete(host, &guard->hosts, host_order);
    guard->nhosts--;
    if (host->subnet->hosts - host->subnet->dead == 1)
        guard->nlive_subnets--;
    leave_subnet(guard, host);
    free(host);
}

void uplink_alive(struct uplink *uplink, const struct address *address, int64_t at_ms)
{
    struct guard *guard = guard_of(uplink, address->family);
    struct host *host = find_host(guard, address);
    if (!host)
        return;
    heard_subnet(&guard->heard, host->subnet->number, at_ms);
    if (at_ms <= host->alive_ms)
        return;
    if (host->hearing != HEARD && at_ms <= host->silent_since_ms)
        return;
    uncount(guard, host);
    set_hearing(guard, host, HEARD);
    host->alive_ms = at_ms;
    host->again = false;
    host->excuses = 0;
    host->counted = heard_count(&guard->heard, at_ms);
    host->subnet->latest = host;
    TAILQ_REMOVE(&guard->recent, host->subnet, place);
    TAILQ_INSERT_TAIL(&guard->recent, host->subnet, place);
    note_back(guard, host, at_ms);
}

void uplink_canary(struct uplink *uplink, uint8_t family, bool answers, int64_t now_ms)
{
    struct guard *guard = guard_of(uplink, family);
    if (!answers) {
        guard->canary_bad_ms = now_ms;
        return;
    }
    guard->canary_known = true;
    guard->exhausted = false;
    heard_canary(&guard->heard, now_ms);
    if (guard->frozen_since_ms)
        thaw(guard, now_ms);
}

bool uplink_late(struct uplink *uplink, const struct address *address, int64_t since_ms,
                 int64_t now_ms)
{
    struct guard *guard = guard_of(uplink, address->family);
    struct host *host = find_host(guard, address);
    if (!host)
        return false;
    pass_time(guard, now_ms);
    mark_silent(guard, host, since_ms);
    bool alone = is_lone(guard, host->subnet) && !guard->canary_known;
    bool asked = guard->asked_ms >= since_ms + UPLINK_PROOF_MS;
    if (guard->frozen_since_ms || guard->exhausted || alone || asked)
        return false;
    if (heard_between(&guard->heard, host->subnet->number, now_ms - DENSE_MS, now_ms).others >=
        DENSE_SUBNETS)
        return false;
    guard->asked_ms = now_ms;
    return true;
}

static enum uplink_belief ask_about(struct guard *guard, const struct silence *silence)
{
    enum uplink_belief belief = judge(guard, silence);
    if (belief == UPLINK_WAIT && guard->asked_ms < silence->since_ms)
        guard->asked_ms = silence->now_ms;
    return belief;
}

enum uplink_belief uplink_silent(struct uplink *uplink, const struct address *address,
                                 int64_t since_ms, int64_t until_ms, int64_t now_ms)
{
    struct guard *guard = guard_of(uplink, address->family);
    const struct silence silence = {find_host(guard, address), since_ms, until_ms, now_ms};
    if (!silence.host)
        return UPLINK_BELIEVE;
    pass_time(guard, now_ms);
    mark_silent(guard, silence.host, since_ms);
    return ask_about(guard, &silence);
}

enum uplink_belief uplink_unreachable(struct uplink *uplink, const struct address *address,
                                      int64_t since_ms, int64_t now_ms)
{
    struct guard *guard = guard_of(uplink, address->family);
    struct silence silence = {find_host(guard, address), since_ms, since_ms, now_ms};
    if (!silence.host)
        return UPLINK_BELIEVE;
    pass_time(guard, now_ms);
    mark_silent(guard, silence.host, since_ms);
    if (!guard->frozen_since_ms && since_ms < guard->thawed_ms) {
        if (judge_thawed(guard, silence.host) == UPLINK_BELIEVE)
            return UPLINK_BELIEVE;
        silence.since_ms = silence.until_ms = guard->thawed_ms;
    }
    return ask_about(guard, &silence);
}

void uplink_mute(struct uplink *uplink, const struct address *address, int64_t since_ms,
                 int64_t now_ms)
{
    struct guard *guard = guard_of(uplink, address->family);
    struct host *host = find_host(guard, address);
    if (!host)
        return;
    pass_time(guard, now_ms);
    mark_silent(guard, host, since_ms);
}

size_t uplink_witnesses(const struct uplink *uplink, const struct address *address,
                        struct address witnesses[UPLINK_WITNESSES_MAX])
{
    const struct guard *guard = guard_of(uplink, address->family);
    const struct host *host = find_host(guard, address);
    const struct subnet *subnet;
    size_t count = 0, steps = 0;
    TAILQ_FOREACH_REVERSE(subnet, &guard->recent, subnet_list, place)
    {
        if (count == UPLINK_WITNESSES_MAX || ++steps > WITNESS_STEPS)
            break;
        if (subnet->latest && subnet->latest != host && subnet->latest->hearing == HEARD)
            witnesses[count++] = subnet->latest->address;
    }
    return count;
}

enum uplink_state uplink_state(struct uplink *uplink, uint8_t family, int64_t now_ms)
{
    struct guard *guard = guard_of(uplink, family);
    pass_time(guard, now_ms);
    if (guard->frozen_since_ms)
        return UPLINK_FROZEN;
    return guard->nsilent && now_ms - guard->asked_ms < UPLINK_ASK_MS ? UPLINK_ASKING
                                                                      : UPLINK_CLEAR;
}

void uplink_numbers(struct uplink *uplink, uint8_t family, int64_t now_ms,
                    struct uplink_numbers *numbers)
{
    struct guard *guard = guard_of(uplink, family);
    pass_time(guard, now_ms);
    *numbers = (struct uplink_numbers){
        .hosts = guard->nhosts,
        .subnets = guard->nsubnets,
        .silent = guard->nsilent,
        .silent_subnets = guard->nsilent_subnets,
        .dead = guard->ndead,
        .frozen_since_ms = guard->frozen_since_ms,
        .freezes = guard->freezes,
    };
}
