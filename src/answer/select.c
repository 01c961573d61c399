/* SPDX-License-Identifier: BSD-2-Clause */
#include "answer/select.h"

#include "wire/rrtype.h"

#include <assert.h>

struct service_state service_state_add(struct service_state sum, enum vote vote, uint32_t ttl_cap_s)
{
    /* Which vote outweighs which. */
    static const unsigned weight[] = {
        [VOTE_ABSTAIN] = 0, [VOTE_DOWN] = 1, [VOTE_DRAINED] = 2, [VOTE_UP] = 3};
    if (vote == VOTE_HELD || vote == VOTE_SICK)
        vote = VOTE_DOWN;
    if (weight[vote] > weight[sum.vote])
        return (struct service_state){vote, vote == VOTE_UP ? ttl_cap_s : UINT32_MAX};
    if (vote == VOTE_UP && ttl_cap_s > sum.ttl_cap_s)
        sum.ttl_cap_s = ttl_cap_s;
    return sum;
}

enum grade { GRADE_GOOD, GRADE_PARTIAL, GRADE_DRAINED, GRADE_DEAD };

static enum grade grade_of(const struct member *member, const struct service_state *services)
{
    size_t out = 0, drained = 0;
    for (size_t i = 0; i < member->nservices; i++) {
        enum vote vote = services[member->services[i]].vote;
        out += vote == VOTE_DOWN || vote == VOTE_DRAINED;
        drained += vote == VOTE_DRAINED;
    }
    if (out == 0)
        return GRADE_GOOD;
    if (out < member->nservices)
        return GRADE_PARTIAL;
    return drained ? GRADE_DRAINED : GRADE_DEAD;
}

/* Weight 0 means standby where the operator's configuration says it; in an SRV record it means "no
 * selection to be done" (RFC 2782). */
static bool is_standby(const struct member *member)
{
    return member->weight_set && member->weight == 0;
}

/* The best grade that any member has, the first tier where one has it, and whether all of those are
 * standbys. */
struct choice {
    enum grade grade;
    unsigned tier;
    bool standbys;
};

static struct choice choose(const struct pool *pool, const struct service_state *services)
{
    struct choice choice = {.grade = GRADE_DEAD, .tier = TIER_OUTSIDE, .standbys = true};
    for (size_t i = 0; i < pool->nmembers; i++) {
        const struct member *member = &pool->members[i];
        enum grade grade = grade_of(member, services);
        if (member->tier == TIER_OUTSIDE || grade > choice.grade ||
            (grade == choice.grade && member->tier > choice.tier))
            continue;
        if (grade < choice.grade || member->tier < choice.tier)
            choice = (struct choice){.grade = grade, .tier = member->tier, .standbys = true};
        choice.standbys &= is_standby(member);
    }
    return choice;
}

static enum member_state state_of(const struct pool *pool, const struct member *member,
                                  enum grade grade, const struct choice *choice)
{
    if (member->tier == TIER_OUTSIDE)
        return MEMBER_OUTSIDE;
    bool standby = is_standby(member) && !choice->standbys;
    if (grade == choice->grade && member->tier == choice->tier && !standby)
        return MEMBER_SERVED;
    if (grade <= choice->grade)
        return MEMBER_STANDBY;
    bool demotes = pool->policy.on_down == ON_DOWN_DEMOTE &&
                   (pool->rrtype == RRTYPE_MX || pool->rrtype == RRTYPE_SRV);
    return demotes && member->tier <= choice->tier && !is_standby(member) ? MEMBER_DEMOTED
                                                                          : MEMBER_DOWN;
}

static void select_alive(const struct pool *pool, const struct service_state *services,
                         const struct choice *choice, struct selection *selection)
{
    for (size_t i = 0; i < pool->nmembers; i++) {
        const struct member *member = &pool->members[i];
        selection->members[i] = state_of(pool, member, grade_of(member, services), choice);
        if (selection->members[i] != MEMBER_SERVED)
            continue;
        selection->nserved++;
        for (size_t j = 0; j < member->nservices; j++) {
            uint32_t cap_s = services[member->services[j]].ttl_cap_s;
            if (cap_s < selection->ttl_s)
                selection->ttl_s = cap_s;
        }
    }
}

/* Keeps served what is, where anything is; else serves all. */
static void select_all_down(const struct pool *pool, struct selection *selection)
{
    enum when_all_down when = pool->policy.when_all_down;
    bool any_last = false;
    for (size_t i = 0; i < pool->nmembers; i++)
        any_last |= selection->members[i] == MEMBER_SERVED && pool->members[i].tier != TIER_OUTSIDE;
    for (size_t i = 0; i < pool->nmembers; i++) {
        bool last = selection->members[i] == MEMBER_SERVED;
        bool served =
            when == ALL_DOWN_SERVE_ALL || (when == ALL_DOWN_LAST_UP && (last || !any_last));
        if (pool->members[i].tier == TIER_OUTSIDE)
            selection->members[i] = MEMBER_OUTSIDE;
        else
            selection->members[i] = served ? MEMBER_SERVED : MEMBER_DOWN;
        selection->nserved += selection->members[i] == MEMBER_SERVED;
    }
    selection->servfail = when == ALL_DOWN_SERVFAIL;
    selection->fail_open = !selection->servfail;
}

void pool_select(const struct pool *pool, const struct service_state *services,
                 struct selection *selection)
{
    const struct choice choice = choose(pool, services);
    selection->nserved = 0;
    selection->ttl_s = pool->policy.ttl_s;
    selection->fail_open = selection->servfail = false;
    if (choice.grade == GRADE_DEAD)
        select_all_down(pool, selection);
    else
        select_alive(pool, services, &choice, selection);
    if (choice.grade >= GRADE_DRAINED && selection->ttl_s > FAIL_OPEN_TTL_S)
        selection->ttl_s = FAIL_OPEN_TTL_S;
    assert(selection->nserved || selection->servfail);
}
