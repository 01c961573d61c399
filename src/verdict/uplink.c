/* SPDX-License-Identifier: BSD-2-Clause */
/* What follows from who is silent, and who was heard. */
#include "verdict/uplink.h"

#include "base/memory.h"
#include "verdict/hosts.h"

#include <stdlib.h>

enum {
    /* So many other subnets heard within so long: nobody needs to be asked to be heard. */
    DENSE_SUBNETS = ECHO_NAMES,
    DENSE_MS = 500,
    WITNESS_STEPS = 64,
    EXCUSES = 2, /* thaws that a host may sleep through: they may be of a moment */
};

/* The uplink of one family. */
struct guard {
    struct hosts hosts;
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

static struct guard *guard_of(const struct uplink *uplink, uint8_t family)
{
    return (struct guard *)&uplink->guards[family == 6];
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
    guard->frozen_since_ms = 0;
    guard->thawed_ms = now_ms;
    hosts_pardon(&guard->hosts);
}

/* What was silent while we were frozen counts from its end on. */
static void mark_silent(struct guard *guard, struct host *host, int64_t since_ms)
{
    hosts_mark_silent(&guard->hosts, host,
                      since_ms > guard->thawed_ms ? since_ms : guard->thawed_ms);
}

static bool is_half_back(const struct guard *guard)
{
    return guard->back * 2 >= guard->hosts.nhosts - guard->hosts.ndead;
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
    if (!guard->frozen_since_ms) /* else nobody is declared dead: it may be us */
        hosts_bury(&guard->hosts, now_ms - UPLINK_WINDOW_MS);
    if (guard->exhausted && is_half_back(guard)) /* of those that are not dead by now */
        guard->exhausted = false;
}

/* ---- judging a silence ---- */

struct silence {
    struct host *host;
    int64_t since_ms, until_ms, now_ms;
    bool asked_often; /* all the while: it would not have missed that we were back for a moment */
};

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
    struct echo amid = heard_between(&guard->hosts.heard, own->number, from_ms,
                                     silence->until_ms - UPLINK_PROOF_MS);
    struct echo since =
        heard_between(&guard->hosts.heard, own->number, from_ms, silence->now_ms + SPAN_MS);
    bool outvoted = guard->hosts.nsilent > since.hosts && guard->hosts.nsilent_subnets >= 2;
    size_t other_subnets = guard->hosts.nlive_subnets - (own->hosts > own->dead);
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
    if (silence->since_ms < guard->thawed_ms && !silence->asked_often)
        return judge_thawed(guard, silence->host);
    bool lone = hosts_is_lone(&guard->hosts, silence->host->subnet);
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
        guard->asked_ms = guard->canary_bad_ms = guard->thawed_ms = NEVER_MS;
        hosts_init(&guard->hosts);
    }
    return uplink;
}

void uplink_free(struct uplink *uplink)
{
    for (size_t i = 0; uplink && i < 2; i++)
        hosts_clear(&uplink->guards[i].hosts);
    free(uplink);
}

void uplink_add(struct uplink *uplink, const struct address *address)
{
    hosts_add(&guard_of(uplink, address->family)->hosts, address);
}

void uplink_remove(struct uplink *uplink, const struct address *address)
{
    struct guard *guard = guard_of(uplink, address->family);
    struct host *host = hosts_find(&guard->hosts, address);
    if (!host || --host->count)
        return;
    if (host->tide == guard->tide && guard->back)
        guard->back--;
    hosts_remove(&guard->hosts, host);
}

void uplink_alive(struct uplink *uplink, const struct address *address, int64_t at_ms)
{
    struct guard *guard = guard_of(uplink, address->family);
    struct host *host = hosts_find(&guard->hosts, address);
    if (host && hosts_hear(&guard->hosts, host, at_ms))
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
    heard_canary(&guard->hosts.heard, now_ms);
    if (guard->frozen_since_ms)
        thaw(guard, now_ms);
}

bool uplink_late(struct uplink *uplink, const struct address *address, int64_t since_ms,
                 int64_t now_ms)
{
    struct guard *guard = guard_of(uplink, address->family);
    struct host *host = hosts_find(&guard->hosts, address);
    if (!host)
        return false;
    pass_time(guard, now_ms);
    mark_silent(guard, host, since_ms);
    bool alone = hosts_is_lone(&guard->hosts, host->subnet) && !guard->canary_known;
    bool asked = guard->asked_ms >= since_ms + UPLINK_PROOF_MS;
    if (guard->frozen_since_ms || guard->exhausted || alone || asked)
        return false;
    if (heard_between(&guard->hosts.heard, host->subnet->number, now_ms - DENSE_MS, now_ms)
            .others >= DENSE_SUBNETS)
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
    const struct silence silence = {hosts_find(&guard->hosts, address), since_ms, until_ms, now_ms,
                                    false};
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
    const struct silence silence = {hosts_find(&guard->hosts, address), since_ms, since_ms, now_ms,
                                    true};
    if (!silence.host)
        return UPLINK_BELIEVE;
    pass_time(guard, now_ms);
    mark_silent(guard, silence.host, since_ms);
    return ask_about(guard, &silence);
}

void uplink_mute(struct uplink *uplink, const struct address *address, int64_t since_ms,
                 int64_t now_ms)
{
    struct guard *guard = guard_of(uplink, address->family);
    struct host *host = hosts_find(&guard->hosts, address);
    if (!host)
        return;
    pass_time(guard, now_ms);
    mark_silent(guard, host, since_ms);
}

size_t uplink_witnesses(const struct uplink *uplink, const struct address *address,
                        struct address witnesses[UPLINK_WITNESSES_MAX])
{
    const struct guard *guard = guard_of(uplink, address->family);
    const struct host *host = hosts_find(&guard->hosts, address);
    const struct subnet *subnet;
    size_t count = 0, steps = 0;
    TAILQ_FOREACH_REVERSE(subnet, &guard->hosts.recent, subnet_list, place)
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
    return guard->hosts.nsilent && now_ms - guard->asked_ms < UPLINK_ASK_MS ? UPLINK_ASKING
                                                                            : UPLINK_CLEAR;
}

void uplink_numbers(struct uplink *uplink, uint8_t family, int64_t now_ms,
                    struct uplink_numbers *numbers)
{
    struct guard *guard = guard_of(uplink, family);
    pass_time(guard, now_ms);
    *numbers = (struct uplink_numbers){
        .hosts = guard->hosts.nhosts,
        .subnets = guard->hosts.nsubnets,
        .silent = guard->hosts.nsilent,
        .silent_subnets = guard->hosts.nsilent_subnets,
        .dead = guard->hosts.ndead,
        .frozen_since_ms = guard->frozen_since_ms,
        .freezes = guard->freezes,
    };
}
