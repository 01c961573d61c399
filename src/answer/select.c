/* SPDX-License-Identifier: BSD-2-Clause */
#include "answer/select.h"

#include "wire/rrtype.h"

#include <assert.h>

struct service_state service_state_add(struct service_state sum, struct service_state target)
{
    /* Which vote outweighs which. */
    static const unsigned weight[] = {
        [VOTE_ABSTAIN] = 0, [VOTE_DOWN] = 1, [VOTE_SICK] = 2,
        [VOTE_DRAINED] = 3, [VOTE_HELD] = 4, [VOTE_UP] = 5,
    };
    bool is_up = target.vote == VOTE_UP;
    if (weight[target.vote] > weight[sum.vote])
        return is_up ? target : (struct service_state){target.vote, UINT32_MAX, 100};
    if (is_up && target.ttl_cap_s > sum.ttl_cap_s)
        sum.ttl_cap_s = target.ttl_cap_s;
    if (is_up && target.percent > sum.percent)
        sum.percent = target.percent;
    return sum;
}

/* ---- grades ---- */

enum grade { GRADE_GOOD, GRADE_PARTIAL, GRADE_HELD, GRADE_DRAINED, GRADE_SICK, GRADE_DEAD };

static enum grade grade_of_vote(enum vote vote)
{
    static const enum grade grades[] = {
        [VOTE_UP] = GRADE_GOOD,         [VOTE_ABSTAIN] = GRADE_GOOD, [VOTE_HELD] = GRADE_HELD,
        [VOTE_DRAINED] = GRADE_DRAINED, [VOTE_SICK] = GRADE_SICK,    [VOTE_DOWN] = GRADE_DEAD,
    };
    return grades[vote];
}

static enum grade grade_of(const struct member *member, const struct service_state *services)
{
    enum grade best = GRADE_DEAD, worst = GRADE_GOOD;
    for (size_t i = 0; i < member->nservices; i++) {
        enum grade grade = grade_of_vote(services[member->services[i]].vote);
        best = grade < best ? grade : best;
        worst = grade > worst ? grade : worst;
    }
    if (worst == GRADE_GOOD) /* or there are none */
        return GRADE_GOOD;
    return best == GRADE_GOOD ? GRADE_PARTIAL : best;
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

/* ---- something lives ---- */

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

/* The weight of the tier that serves, and how much of it is answered; both as configured. */
struct capacity {
    uint64_t all, served;
};

static bool is_enough(const struct pool *pool, const struct capacity *capacity)
{
    return capacity->served * 100 >= capacity->all * pool->policy.min_capacity;
}

/* What a member is to the floor: held, sick or good by its worst service; dead where that is dead
 * or drained. */
static enum grade floor_grade(const struct member *member, const struct service_state *services)
{
    enum grade worst = GRADE_GOOD;
    for (size_t i = 0; i < member->nservices; i++) {
        enum grade grade = grade_of_vote(services[member->services[i]].vote);
        if (grade == GRADE_DRAINED)
            grade = GRADE_DEAD;
        worst = grade > worst ? grade : worst;
    }
    return worst;
}

/* Keeps in those of one grade, as far as needed. */
static void keep_in(const struct pool *pool, const struct service_state *services,
                    const struct choice *choice, enum grade grade, struct capacity *capacity,
                    struct selection *selection)
{
    while (!is_enough(pool, capacity)) {
        size_t heaviest = pool->nmembers;
        unsigned weight = 0; /* one that weighs nothing helps nobody */
        for (size_t i = 0; i < pool->nmembers; i++) {
            const struct member *member = &pool->members[i];
            if (member->tier != choice->tier || member_is_served(selection->members[i]) ||
                member->weight <= weight || floor_grade(member, services) != grade)
                continue;
            heaviest = i;
            weight = member->weight;
        }
        if (heaviest == pool->nmembers)
            return;
        selection->members[heaviest] = MEMBER_FLOOR;
        selection->floor = true;
        capacity->served += weight;
    }
}

static void keep_floor(const struct pool *pool, const struct service_state *services,
                       const struct choice *choice, struct selection *selection)
{
    struct capacity capacity = {0};
    if (pool->policy.min_capacity == 0 || choice->standbys)
        return;
    for (size_t i = 0; i < pool->nmembers; i++) {
        const struct member *member = &pool->members[i];
        if (member->tier != choice->tier)
            continue;
        capacity.all += member->weight; /* a standby's is 0 */
        if (selection->members[i] == MEMBER_SERVED)
            capacity.served += member->weight;
    }
    keep_in(pool, services, choice, GRADE_HELD, &capacity, selection);
    keep_in(pool, services, choice, GRADE_SICK, &capacity, selection);
}

static void select_alive(const struct pool *pool, const struct service_state *services,
                         const struct choice *choice, struct selection *selection)
{
    for (size_t i = 0; i < pool->nmembers; i++) {
        const struct member *member = &pool->members[i];
        selection->members[i] = state_of(pool, member, grade_of(member, services), choice);
    }
    keep_floor(pool, services, choice, selection);
    for (size_t i = 0; i < pool->nmembers; i++) {
        const struct member *member = &pool->members[i];
        if (!member_is_served(selection->members[i]))
            continue;
        selection->nserved++;
        for (size_t j = 0; j < member->nservices; j++) {
            uint32_t cap_s = services[member->services[j]].ttl_cap_s;
            if (cap_s < selection->ttl_s)
                selection->ttl_s = cap_s;
        }
    }
}

/* ---- nothing does ---- */

/* any_last: some that may be answered were answered last, any_sick: some are not dead. */
static bool serves_down(enum when_all_down when, bool last, bool any_last, bool sick, bool any_sick)
{
    switch (when) {
    case ALL_DOWN_SERVE_ALL:
        return sick || !any_sick;
    case ALL_DOWN_LAST_UP:
        return last || !any_last;
    case ALL_DOWN_SERVFAIL:
        break;
    }
    return false;
}

static void select_all_down(const struct pool *pool, const struct service_state *services,
                            const struct choice *choice, struct selection *selection)
{
    enum when_all_down when = pool->policy.when_all_down;
    bool any_last = false, any_sick = choice->grade == GRADE_SICK;
    for (size_t i = 0; i < pool->nmembers; i++)
        any_last |= selection->members[i] == MEMBER_SERVED && pool->members[i].tier != TIER_OUTSIDE;
    for (size_t i = 0; i < pool->nmembers; i++) {
        const struct member *member = &pool->members[i];
        bool last = selection->members[i] == MEMBER_SERVED;
        bool sick = grade_of(member, services) == GRADE_SICK;
        if (member->tier == TIER_OUTSIDE)
            selection->members[i] = MEMBER_OUTSIDE;
        else if (serves_down(when, last, any_last, sick, any_sick))
            selection->members[i] = MEMBER_SERVED;
        else
            selection->members[i] = MEMBER_DOWN;
        selection->nserved += selection->members[i] == MEMBER_SERVED;
    }
    selection->servfail = when == ALL_DOWN_SERVFAIL;
    selection->fail_open = !selection->servfail;
}

/* ---- slow starts ---- */

/* A member gets the least that any of its services may have; all of its weight where those beside
 * it get no more. */
static void set_percents(const struct pool *pool, const struct service_state *services,
                         struct selection *selection)
{
    unsigned least = 100, most = 0;
    for (size_t i = 0; i < pool->nmembers; i++) {
        const struct member *member = &pool->members[i];
        selection->percents[i] = 100;
        if (!member_is_served(selection->members[i]))
            continue;
        for (size_t j = 0; j < member->nservices; j++) {
            uint8_t percent = services[member->services[j]].percent;
            if (percent < selection->percents[i])
                selection->percents[i] = percent;
        }
        least = selection->percents[i] < least ? selection->percents[i] : least;
        most = selection->percents[i] > most ? selection->percents[i] : most;
    }
    for (size_t i = 0; least == most && i < pool->nmembers; i++)
        selection->percents[i] = 100;
}

void pool_select(const struct pool *pool, const struct service_state *services,
                 struct selection *selection)
{
    const struct choice choice = choose(pool, services);
    selection->nserved = 0;
    selection->ttl_s = pool->policy.ttl_s;
    selection->fail_open = selection->servfail = selection->floor = false;
    if (choice.grade >= GRADE_SICK)
        select_all_down(pool, services, &choice, selection);
    else
        select_alive(pool, services, &choice, selection);
    if (choice.grade >= GRADE_HELD && selection->ttl_s > FAIL_OPEN_TTL_S)
        selection->ttl_s = FAIL_OPEN_TTL_S;
    if (selection->percents)
        set_percents(pool, services, selection);
    assert(selection->nserved || selection->servfail);
}
