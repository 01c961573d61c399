/* SPDX-License-Identifier: BSD-2-Clause */
/* What a publication takes out of the answers and brings back, and until when resolvers may hold
 * what was answered before.
 *
 * Of each member of a pool its tail is kept: the largest, over all images that held it and have
 * been replaced, of the moment of that plus the image's TTL. A host in doubt is answered with an
 * ever smaller TTL: so the tail is mostly that of an image before the last one. It takes one
 * comparison for each member of a pool whose image changes, and nothing for each query.
 *
 * Behind all others (on-down: demote) counts as out: nobody comes there who finds another. */
#include "engine/core.h"

#include "base/clock.h"
#include "base/memory.h"
#include "engine/state.h"
#include "wire/rrtype.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- what becomes of a member ---- */

static bool is_out(enum member_state state)
{
    return state == MEMBER_DOWN || state == MEMBER_DEMOTED;
}

static bool is_well(const struct view *view, const struct member *member)
{
    for (size_t i = 0; i < member->nservices; i++) {
        enum vote vote = view->states[member->services[i]].vote;
        if (vote != VOTE_UP && vote != VOTE_ABSTAIN)
            return false;
    }
    return true;
}

/* Whether any service of it has just become worse, or better. */
static bool is_news(const struct core *core, const struct member *member, bool better)
{
    for (size_t i = 0; i < member->nservices; i++) {
        const struct service_view *service = &core->view.services[member->services[i]];
        if ((better ? service->rose : service->fell) == core->publications)
            return true;
    }
    return false;
}

/* A host's own address is not, which stays as all of them do. */
static bool is_chosen(const struct pool *pool)
{
    return pool->nmembers > 1 || pool->rrtype == RRTYPE_MX || pool->rrtype == RRTYPE_SRV;
}

/* FAILOVER_KINDS: nothing that is told. */
static enum failover_kind kind_of(const struct core *core, const struct pool *pool,
                                  const struct member *member, enum member_state before,
                                  enum member_state after)
{
    bool was = member_is_served(before), is = member_is_served(after);
    bool falls = is_news(core, member, false);
    if (was && is_out(after))
        return falls ? FAILOVER_LEFT : FAILOVER_LATE;
    if (is_out(before) && is)
        return is_well(&core->view, member) ? FAILOVER_BACK : FAILOVER_KEPT;
    return was && is && falls && is_chosen(pool) ? FAILOVER_KEPT : FAILOVER_KINDS;
}

/* ---- by which target ---- */

static int64_t last_change_ms(const struct sightings *sightings)
{
    const int64_t moments_ms[] = {sightings->bad_ms, sightings->well_ms, sightings->lost_ms,
                                  sightings->found_ms, sightings->forced_ms};
    int64_t last_ms = 0;
    for (size_t i = 0; i < sizeof moments_ms / sizeof *moments_ms; i++)
        last_ms = moments_ms[i] > last_ms ? moments_ms[i] : last_ms;
    return last_ms;
}

/* The service that decides: one whose vote has just changed, of these the worst one (back: any). */
static const struct service_view *deciding_service(const struct core *core,
                                                   const struct member *member, bool back)
{
    const struct view *view = &core->view;
    const struct service_view *best = NULL;
    unsigned most = 0;
    for (size_t i = 0; i < member->nservices; i++) {
        const struct service_view *service = &view->services[member->services[i]];
        enum vote vote = view->states[member->services[i]].vote;
        bool news = (back ? service->rose : service->fell) == core->publications;
        unsigned weight = 1 + (news ? VOTE_ABSTAIN : 0) + (vote == VOTE_ABSTAIN ? 0 : vote);
        if (service->nslots && weight > most) {
            most = weight;
            best = service;
        }
    }
    return best;
}

/* A service with several targets falls by the last of them, and returns by the first. NULL: there
 * is none, as those of an external host come and go. */
static struct slot *deciding_slot(const struct core *core, const struct member *member, bool back)
{
    const struct service_view *service = deciding_service(core, member, back);
    struct slot *last = NULL;
    for (size_t i = 0; service && i < service->nslots; i++) {
        struct slot *slot = core_slot(core, service->slots[i]);
        if (!last || last_change_ms(&slot->sightings) > last_change_ms(&last->sightings))
            last = slot;
    }
    return last;
}

static struct turnover *find_turnover(struct core *core, struct slot *slot, enum failover_kind kind)
{
    uint32_t place = slot->turnovers[kind];
    if (place < core->nturnovers && core->turnovers[place].slot == slot->id &&
        core->turnovers[place].kind == kind)
        return &core->turnovers[place];
    core->turnovers = memory_grow(core->turnovers, core->nturnovers, &core->turnovers_capacity,
                                  sizeof *core->turnovers);
    slot->turnovers[kind] = (uint32_t)core->nturnovers;
    struct turnover *turnover = &core->turnovers[core->nturnovers++];
    *turnover = (struct turnover){.slot = slot->id, .kind = kind};
    return turnover;
}

/* A record may leave by one target and come back by another: of a host with two addresses by the
 * last to die and the first to live; with two services by the first and by the last. It is back for
 * all of them; or, where nobody knows by which, for those that are well. */
static void note_return(struct core *core, const struct member *member, bool all, int64_t now_ms)
{
    for (size_t i = 0; i < member->nservices; i++) {
        const struct service_view *service = &core->view.services[member->services[i]];
        for (size_t j = 0; j < service->nslots; j++) {
            struct slot *slot = core_slot(core, service->slots[j]);
            const struct failover back = {
                .kind = FAILOVER_BACK,
                .check = slot->check,
                .address = slot->address,
                .port = slot->port,
                .changed_ms = now_ms,
            };
            bool is_back = all || verdict_vote(&slot->verdict) == VOTE_UP;
            if (!is_back || slot->returned == core->publications)
                continue;
            slot->returned = core->publications;
            failovers_follow(core->failovers, &back);
        }
    }
}

static void note(struct core *core, uint32_t number, const struct member *member,
                 enum failover_kind kind, int64_t until_ms)
{
    bool back = kind == FAILOVER_BACK;
    struct slot *slot = deciding_slot(core, member, back);
    if (!slot)
        return;
    struct turnover *turnover = find_turnover(core, slot, kind);
    if (!turnover->npools++)
        turnover->pool = number;
    if (until_ms > turnover->until_ms)
        turnover->until_ms = until_ms;
    turnover->measured |= kind != FAILOVER_LATE && is_news(core, member, back);
}

void turnover_pool(struct core *core, uint32_t number, const struct selection *before,
                   int64_t now_ms)
{
    struct view *view = &core->view;
    const struct pool *pool = &view->model->pools[number];
    struct pool_view *now = &view->pools[number];
    int64_t old_until_ms = before ? now_ms + failover_held_ms(before->ttl_s) : 0;
    if (old_until_ms > now->tail_ms)
        now->tail_ms = old_until_ms;
    for (size_t i = 0; i < pool->nmembers; i++) {
        const struct member *member = &pool->members[i];
        enum member_state was = view->previous[i], is = now->selection.members[i];
        enum failover_kind kind = kind_of(core, pool, member, was, is);
        if (member_is_served(was) && old_until_ms > now->tails_ms[i])
            now->tails_ms[i] = old_until_ms;
        if (kind == FAILOVER_LEFT || kind == FAILOVER_LATE)
            note(core, number, member, kind, now->tails_ms[i]);
        else if (kind != FAILOVER_KINDS)
            note(core, number, member, kind, kind == FAILOVER_BACK ? now->tail_ms : 0);
        bool mended = is_chosen(pool) && member_is_served(is) && is_news(core, member, true) &&
                      is_well(view, member);
        if (kind == FAILOVER_BACK || mended) /* it may have been kept until now */
            note_return(core, member, kind == FAILOVER_BACK, now_ms);
    }
}

void turnover_reloaded(struct core *core, uint32_t number, int64_t now_ms)
{
    const struct view *view = &core->view;
    const struct pool *pool = &view->model->pools[number];
    const struct selection *now = &view->pools[number].selection;
    for (size_t i = 0; i < pool->nmembers; i++)
        if (is_chosen(pool) && member_is_served(now->members[i]))
            note_return(core, &pool->members[i], false, now_ms);
}

/* ---- told ---- */

/* The clock's time at a moment to come. */
static void format_clock(int64_t at_ms, int64_t now_ms, char text[16])
{
    struct tm parts;
    time_t unix_s = (time_t)clock_unix_s() + (time_t)((at_ms - now_ms + 999) / 1000);
    localtime_r(&unix_s, &parts);
    strftime(text, 16, "%H:%M:%S", &parts);
}

/* "2.4 s after the last good probe" */
static void format_since(const struct failover *failover, const char *before, const char *first,
                         char *text, size_t size)
{
    char took[32], seen[32];
    bool by_hand = failover->cause == CAUSE_DRAIN || failover->cause == CAUSE_FORCE;
    format_span(failover->changed_ms - failover->last_ms, took, sizeof took);
    format_span(failover->first_ms - failover->last_ms, seen, sizeof seen);
    if (by_hand)
        snprintf(text, size, " by an operator's command");
    else if (!failover->last_ms)
        snprintf(text, size, "%s",
                 failover->kind == FAILOVER_LATE ? ", as others are better now"
                                                 : "; it was never seen good");
    else
        snprintf(text, size, " %s after the last %s probe (first seen after %s, by a %s one)", took,
                 before, seen, first);
}

static void tell(struct core *core, const struct slot *slot, const struct failover *failover)
{
    char since[128], until[16], left[32];
    int64_t now_ms = failover->changed_ms;
    const char *plural = failover->npools == 1 ? "" : "s";
    format_span(failover->until_ms - now_ms, left, sizeof left);
    format_clock(failover->until_ms, now_ms, until);
    switch (failover->kind) {
    case FAILOVER_LEFT:
    case FAILOVER_LATE:
        format_since(failover, "good", "bad or late", since, sizeof since);
        events_of_target(
            core->events, LOG_LEVEL_NOTICE, "failover", slot, now_ms,
            "out of the answers of %zu pool%s%s; resolvers may hold it until %s (%s from now)",
            failover->npools, plural, since, until, left);
        break;
    case FAILOVER_BACK:
        format_since(failover, "bad", "good", since, sizeof since);
        events_of_target(
            core->events, LOG_LEVEL_NOTICE, "return", slot, now_ms,
            "in the answers of %zu pool%s again%s; all resolvers know of it by %s (%s from now)",
            failover->npools, plural, since, until, left);
        break;
    default:
        events_of_target(core->events, LOG_LEVEL_WARNING, "kept", slot, now_ms,
                         "still in the answers of %zu pool%s: nothing better is there",
                         failover->npools, plural);
    }
}

static void end_one(struct core *core, const struct turnover *turnover, int64_t now_ms)
{
    const struct slot *slot = core_slot(core, turnover->slot);
    struct failover failover = {
        .kind = turnover->kind,
        .host = slot->host,
        .check = slot->check,
        .address = slot->address,
        .port = slot->port,
        .pool = core->view.model->pools[turnover->pool].name,
        .npools = turnover->npools,
        .changed_ms = now_ms,
        .until_ms = turnover->until_ms,
    };
    sightings_tell(&slot->sightings, &slot->verdict, turnover->kind == FAILOVER_BACK, &failover);
    if (!turnover->measured)
        failover.last_ms = failover.first_ms = 0;
    failovers_add(core->failovers, &failover);
    tell(core, slot, &failover);
}

void turnover_end(struct core *core, int64_t now_ms)
{
    for (size_t i = 0; i < core->nturnovers; i++)
        if (core->turnovers[i].kind != FAILOVER_KEPT)
            end_one(core, &core->turnovers[i], now_ms);
    for (size_t i = 0; i < core->nturnovers; i++)
        if (core->turnovers[i].kind == FAILOVER_KEPT)
            end_one(core, &core->turnovers[i], now_ms);
    core->nturnovers = 0;
}

/* NULL: it is known no more. */
static const struct slot *slot_of(const struct core *core, const struct failover *failover)
{
    const struct slot_want want = {
        .host = failover->host,
        .check = failover->check,
        .address = failover->address,
        .port = failover->port,
    };
    return slots_find(&core->slots, &want);
}

/* Whether a pool that could do without it answers with a record that the service fails. */
static bool is_answered_by(const struct view *view, uint32_t number, uint32_t service)
{
    const struct pool *pool = &view->model->pools[number];
    const struct selection *selection = &view->pools[number].selection;
    if (!is_chosen(pool) || view->states[service].vote == VOTE_UP)
        return false;
    for (size_t i = 0; i < pool->nmembers; i++)
        for (size_t j = 0; j < pool->members[i].nservices; j++)
            if (pool->members[i].services[j] == service && member_is_served(selection->members[i]))
                return true;
    return false;
}

/* As nothing better is there; so it may be by a reload, too, which is no failover. */
static bool is_kept(const struct core *core, const struct slot *slot)
{
    if (verdict_vote(&slot->verdict) == VOTE_UP)
        return false;
    for (size_t i = 0; i < slot->nservices; i++) {
        const struct service_view *service = &core->view.services[slot->services[i]];
        for (size_t j = 0; j < service->npools; j++)
            if (is_answered_by(&core->view, service->pools[j], slot->services[i]))
                return true;
    }
    return false;
}

void turnover_look(const struct core *core, struct failover *failover, int64_t now_ms)
{
    bool left = failover->kind == FAILOVER_LEFT || failover->kind == FAILOVER_LATE;
    const struct slot *slot = left && !failover->back_ms ? slot_of(core, failover) : NULL;
    if (!left || failover->back_ms)
        return;
    if (!slot || !is_kept(core, slot))
        failover->kept_ms = 0;
    else if (!failover->kept_ms)
        failover->kept_ms = now_ms;
}

struct moment {
    struct core *core;
    int64_t now_ms;
};

/* One that a reload brought back, or took away, is no matter of events. */
static void tell_gone(void *context, const struct failover *failover)
{
    const struct moment *moment = context;
    const struct slot *slot = slot_of(moment->core, failover);
    char span[32];
    format_span(moment->now_ms - failover->changed_ms, span, sizeof span);
    if (slot && verdict_vote(&slot->verdict) != VOTE_UP && !is_kept(moment->core, slot))
        events_of_target(moment->core->events, LOG_LEVEL_NOTICE, "gone", slot, moment->now_ms,
                         "no resolver that keeps to TTLs holds it any more, %s after it left the "
                         "answers",
                         span);
}

void turnover_tick(struct core *core, int64_t now_ms)
{
    struct moment moment = {core, now_ms};
    failovers_over(core->failovers, now_ms, tell_gone, &moment);
}

static bool is_known(void *context, const struct failover *failover)
{
    return slot_of(context, failover) != NULL;
}

void turnover_prune(struct core *core)
{
    failovers_prune(core->failovers, is_known, core);
}
