/* SPDX-License-Identifier: BSD-2-Clause */
/* Which members are answered: a table of cases, and the promises of mail-safe answers over random
 * pools. */
#include "answer/select.h"

#include "wire/rrtype.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 16, TTL_S = 10 };

/* A case in letters.
 * members: one word each, "[services][@tier][*weight]": "01" needs services 0 and 1, "-" none;
 *          "@x" stands in no tier, "*0" has the weight 0 by the configuration.
 * votes:   of the services: U up, D down, A abstains, R drained.
 * states:  of the members: S served, M demoted, D down, B standby, O outside. */
struct row {
    const char *what, *members, *votes, *before, *after;
    enum when_all_down when;
    enum on_down on_down;
    uint16_t rrtype; /* 0: MX */
    uint32_t ttl_s;  /* expected */
    bool fail_open, servfail;
};

static const struct row rows[] = {
    {"all up", "0 1 2", "UUU", "SSS", "SSS", .ttl_s = TTL_S},
    {"one down", "0 1 2", "UDU", "SSS", "SDS", .ttl_s = TTL_S},
    {"back again", "0 1 2", "UUU", "SDS", "SSS", .ttl_s = TTL_S},
    {"two of three down: the one alone", "0 1 2", "DDU", "SSS", "DDS", .ttl_s = TTL_S},
    {"no service: never taken out", "- 0", "D", "SS", "SD", .ttl_s = TTL_S},
    {"abstaining is not down", "0 1", "AU", "SS", "SS", .ttl_s = TTL_S},
    {"all abstain", "0 1", "AA", "SS", "SS", .ttl_s = TTL_S},
    {"abstaining beats down", "0 1", "AD", "SS", "SD", .ttl_s = TTL_S},
    {"a single one that is down stays", "0", "D", "S", "S", .ttl_s = 5, .fail_open = true},
    {"all down: all of them", "0 1 2", "DDD", "SDD", "SSS", .ttl_s = 5, .fail_open = true},
    {"all down: last up", "0 1 2", "DDD", "DSD", "DSD", .when = ALL_DOWN_LAST_UP, .ttl_s = 5,
     .fail_open = true},
    {"all down at first: last up is all", "0 1", "DD", "SS", "SS", .when = ALL_DOWN_LAST_UP,
     .ttl_s = 5, .fail_open = true},
    {"last up, but none was", "0 1", "DD", "DD", "SS", .when = ALL_DOWN_LAST_UP, .ttl_s = 5,
     .fail_open = true},
    {"last up, but it left the tiers", "0@x 1", "DD", "SD", "OS", .when = ALL_DOWN_LAST_UP,
     .ttl_s = 5, .fail_open = true},
    {"all down: servfail", "0 1", "DD", "SS", "DD", .when = ALL_DOWN_SERVFAIL, .servfail = true},
    {"all down: servfail also for addresses", "0 1", "DD", "SS", "DD", .when = ALL_DOWN_SERVFAIL,
     .rrtype = RRTYPE_A, .servfail = true},
    {"servfail only if all are", "0 1", "UD", "DD", "SD", .when = ALL_DOWN_SERVFAIL,
     .ttl_s = TTL_S},
    {"the good ones of those that share a service", "01 02 03", "UDUU", "SSS", "DSS",
     .rrtype = RRTYPE_A, .ttl_s = TTL_S},
    {"first tier only", "0@0 1@0 2@1", "UUU", "SSS", "SSB", .ttl_s = TTL_S},
    {"first tier while any of it is up", "0@0 1@0 2@1", "DUU", "SSS", "DSB", .ttl_s = TTL_S},
    {"second tier", "0@0 1@0 2@1", "DDU", "SSS", "DDS", .ttl_s = TTL_S},
    {"down in a later tier", "0@0 1@1", "UD", "SS", "SD", .ttl_s = TTL_S},
    {"the wall holds when all inside are down", "0@0 1@1 2@x", "DDU", "SSS", "SSO", .ttl_s = 5,
     .fail_open = true},
    {"the wall holds with servfail", "0@0 1@x", "DU", "SS", "DO", .when = ALL_DOWN_SERVFAIL,
     .servfail = true},
    {"the wall holds when all are up", "0@0 1@x", "UU", "SS", "SO", .ttl_s = TTL_S},
    {"good in tier 1 before partial in tier 0", "01@0 2@1", "UDU", "SS", "DS", .rrtype = RRTYPE_A,
     .ttl_s = TTL_S},
    {"partial in tier 0 before partial in tier 1", "01@0 23@1", "UDUD", "SS", "SB",
     .rrtype = RRTYPE_A, .ttl_s = TTL_S},
    {"partial when none is good", "01 23 45", "UDDDDU", "SSS", "SDS", .rrtype = RRTYPE_A,
     .ttl_s = TTL_S},
    {"partial with an abstaining one", "01 23", "ADDD", "SS", "SD", .rrtype = RRTYPE_A,
     .ttl_s = TTL_S},
    {"good before partial", "01 23", "UDUU", "SS", "DS", .rrtype = RRTYPE_A, .ttl_s = TTL_S},
    {"weight 0 stands by", "0 1*0", "UU", "SS", "SB", .ttl_s = TTL_S},
    {"weight 0 when nothing else is left", "0 1*0", "DU", "SB", "DS", .ttl_s = TTL_S},
    {"weight 0 of tier 0 before tier 1", "0@0 1@0*0 2@1", "DUU", "SBB", "DSB", .ttl_s = TTL_S},
    {"all of weight 0", "0*0 1*0", "UU", "SS", "SS", .ttl_s = TTL_S},
    {"all of weight 0, one down", "0*0 1*0", "UD", "SS", "SD", .ttl_s = TTL_S},
    {"weight 0 and down", "0 1*0", "UD", "SB", "SD", .ttl_s = TTL_S},
    {"all down: weight 0 as well", "0 1*0", "DD", "SB", "SS", .ttl_s = 5, .fail_open = true},
    {"demoted", "0 1 2", "UDU", "SSS", "SMS", .on_down = ON_DOWN_DEMOTE, .ttl_s = TTL_S},
    {"demoted SRV", "0 1 2", "UDU", "SSS", "SMS", .on_down = ON_DOWN_DEMOTE, .rrtype = RRTYPE_SRV,
     .ttl_s = TTL_S},
    {"addresses are never demoted", "0 1", "UD", "SS", "SD", .on_down = ON_DOWN_DEMOTE,
     .rrtype = RRTYPE_A, .ttl_s = TTL_S},
    {"demoted behind the second tier", "0@0 1@1 2@1", "DUD", "SSS", "MSM",
     .on_down = ON_DOWN_DEMOTE, .ttl_s = TTL_S},
    {"not demoted: a later tier", "0@0 1@1", "UD", "SS", "SD", .on_down = ON_DOWN_DEMOTE,
     .ttl_s = TTL_S},
    {"not demoted: outside", "0@0 1@x", "UD", "SS", "SO", .on_down = ON_DOWN_DEMOTE,
     .ttl_s = TTL_S},
    {"not demoted: would only stand by", "0 1*0", "UD", "SB", "SD", .on_down = ON_DOWN_DEMOTE,
     .ttl_s = TTL_S},
    {"all down: none is demoted", "0 1", "DD", "SM", "SS", .on_down = ON_DOWN_DEMOTE, .ttl_s = 5,
     .fail_open = true},
    {"drained", "0 1", "RU", "SS", "DS", .ttl_s = TTL_S},
    {"drained with demote: behind", "0 1", "RU", "SS", "MS", .on_down = ON_DOWN_DEMOTE,
     .ttl_s = TTL_S},
    {"drained before dead, whatever the policy", "0 1", "RD", "SS", "SD", .when = ALL_DOWN_SERVFAIL,
     .ttl_s = 5},
    {"all drained", "0 1", "RR", "SS", "SS", .ttl_s = 5},
    {"partial before drained", "01 23", "UDRR", "SS", "SD", .rrtype = RRTYPE_A, .ttl_s = TTL_S},
    {"drained with one service dead", "01 23", "RDDD", "SS", "SD", .rrtype = RRTYPE_A, .ttl_s = 5},
    {"half drained is partial", "01 23", "RUDD", "SS", "SD", .rrtype = RRTYPE_A, .ttl_s = TTL_S},
};

struct fixture {
    struct pool pool;
    struct member members[MOST];
    uint32_t services[MOST][4];
    struct service_state states[MOST];
    enum member_state selected[MOST];
    struct selection selection;
};

static void read_member(struct fixture *fixture, const char *word)
{
    size_t number = fixture->pool.nmembers++;
    struct member *member = &fixture->members[number];
    *member = (struct member){.host = MODEL_NONE, .weight = 1};
    member->services = fixture->services[number];
    for (; *word >= '0' && *word <= '9'; word++)
        member->services[member->nservices++] = (uint32_t)(*word - '0');
    if (*word == '-')
        word++;
    if (*word == '@') {
        member->tier = word[1] == 'x' ? TIER_OUTSIDE : (unsigned)(word[1] - '0');
        word += 2;
    }
    if (*word == '*') {
        member->weight = (unsigned)(word[1] - '0');
        member->weight_set = true;
    }
}

static void prepare(struct fixture *fixture, const struct row *row)
{
    static const char votes[] = {
        [VOTE_UP] = 'U', [VOTE_DOWN] = 'D', [VOTE_ABSTAIN] = 'A', [VOTE_DRAINED] = 'R', '\0'};
    static const char states[] = "SMDBO";
    memset(fixture, 0, sizeof *fixture);
    fixture->pool.rrtype = row->rrtype ? row->rrtype : RRTYPE_MX;
    fixture->pool.members = fixture->members;
    fixture->pool.policy = (struct policy){
        .ttl_s = TTL_S, .when_all_down = row->when, .on_down = row->on_down, .ntiers = 2};
    char words[128], *rest = words;
    snprintf(words, sizeof words, "%s", row->members);
    for (char *word; (word = strsep(&rest, " "));)
        read_member(fixture, word);
    for (size_t i = 0; row->votes[i]; i++)
        fixture->states[i] =
            (struct service_state){(enum vote)(strchr(votes, row->votes[i]) - votes), UINT32_MAX};
    for (size_t i = 0; row->before[i]; i++)
        fixture->selected[i] = (enum member_state)(strchr(states, row->before[i]) - states);
    fixture->selection.members = fixture->selected;
}

static void cases(void **state)
{
    (void)state;
    size_t failures = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct fixture fixture;
        prepare(&fixture, row);
        struct selection *selection = &fixture.selection;
        pool_select(&fixture.pool, fixture.states, selection);
        char got[MOST + 1] = "";
        size_t served = 0;
        for (size_t j = 0; j < fixture.pool.nmembers; j++) {
            got[j] = "SMDBO"[selection->members[j]];
            served += selection->members[j] == MEMBER_SERVED;
        }
        bool right = strcmp(got, row->after) == 0 && selection->nserved == served &&
                     selection->fail_open == row->fail_open &&
                     selection->servfail == row->servfail &&
                     (row->servfail || selection->ttl_s == row->ttl_s);
        if (!right) {
            print_error("%s: %s of \"%s\": got %s ttl %u%s%s, expected %s ttl %u%s%s\n", row->what,
                        row->votes, row->members, got, selection->ttl_s,
                        selection->fail_open ? " fail-open" : "",
                        selection->servfail ? " servfail" : "", row->after, row->ttl_s,
                        row->fail_open ? " fail-open" : "", row->servfail ? " servfail" : "");
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

static void srv_weight_of_the_zone_is_no_standby(void **state)
{
    (void)state;
    struct fixture fixture;
    prepare(&fixture, &(struct row){"", "0 1", "UU", "SS", "SS", .rrtype = RRTYPE_SRV});
    fixture.members[1].weight = 0; /* as in "10 0 993 imap2" */
    pool_select(&fixture.pool, fixture.states, &fixture.selection);
    assert_int_equal(fixture.selection.nserved, 2);
}

static uint32_t ttl_with_caps(const char *members, const char *votes, const uint32_t *caps_s)
{
    struct fixture fixture;
    prepare(&fixture, &(struct row){"", members, votes, "SSSS", "", .rrtype = RRTYPE_A});
    for (size_t i = 0; votes[i]; i++)
        fixture.states[i].ttl_cap_s = caps_s[i];
    pool_select(&fixture.pool, fixture.states, &fixture.selection);
    return fixture.selection.ttl_s;
}

static void ttl_is_capped_by_what_is_served(void **state)
{
    (void)state;
    assert_int_equal(ttl_with_caps("0 1", "UU", (uint32_t[]){UINT32_MAX, UINT32_MAX}), TTL_S);
    assert_int_equal(ttl_with_caps("0 1", "UU", (uint32_t[]){UINT32_MAX, 7}), 7);
    assert_int_equal(ttl_with_caps("0 1", "UU", (uint32_t[]){3, 7}), 3);
    assert_int_equal(ttl_with_caps("0 1", "UU", (uint32_t[]){30, 70}), TTL_S);
    assert_int_equal(ttl_with_caps("01", "UU", (uint32_t[]){UINT32_MAX, 4}), 4);
    /* What is not served has no say. */
    assert_int_equal(ttl_with_caps("0 1@1", "UU", (uint32_t[]){UINT32_MAX, 7}), TTL_S);
    assert_int_equal(ttl_with_caps("0 1*0", "UU", (uint32_t[]){UINT32_MAX, 7}), TTL_S);
    assert_int_equal(ttl_with_caps("0 1@x", "UU", (uint32_t[]){UINT32_MAX, 7}), TTL_S);
}

static void fail_open_never_lengthens_a_ttl(void **state)
{
    (void)state;
    struct fixture fixture;
    prepare(&fixture, &(struct row){"", "0", "D", "S", "", .ttl_s = 2});
    fixture.pool.policy.ttl_s = 2;
    pool_select(&fixture.pool, fixture.states, &fixture.selection);
    assert_int_equal(fixture.selection.ttl_s, 2);
}

static void services_sum_their_targets(void **state)
{
    (void)state;
    const enum vote U = VOTE_UP, D = VOTE_DOWN, A = VOTE_ABSTAIN, R = VOTE_DRAINED;
    const uint32_t none = UINT32_MAX;
    const struct {
        enum vote votes[3];
        uint32_t caps_s[3];
        size_t count;
        enum vote vote;
        uint32_t cap_s;
    } sums[] = {
        {{U}, {none}, 0, A, none}, /* no targets known yet */
        {{U}, {none}, 1, U, none},
        {{U}, {7}, 1, U, 7},
        {{D}, {none}, 1, D, none},
        {{A}, {none}, 1, A, none},
        {{D, U}, {none, none}, 2, U, none},
        {{D, A}, {none, none}, 2, D, none}, /* IPv4 dead, no IPv6 here: dead */
        {{A, U}, {none, 4}, 2, U, 4},
        {{A, A}, {none, none}, 2, A, none},
        {{U, U}, {3, none}, 2, U, none}, /* one suspect, the other holds it up */
        {{U, U}, {3, 7}, 2, U, 7},
        {{U, D}, {3, none}, 2, U, 3},
        {{R, D}, {none, none}, 2, R, none},
        {{R, U}, {none, none}, 2, U, none},
        {{A, R, D}, {none, none, none}, 3, R, none},
    };
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
        struct service_state sum = SERVICE_STATE_NONE;
        for (size_t j = 0; j < sums[i].count; j++)
            sum = service_state_add(sum, sums[i].votes[j], sums[i].caps_s[j]);
        assert_int_equal(sum.vote, sums[i].vote);
        assert_int_equal(sum.ttl_cap_s, sums[i].cap_s);
    }
}

/* ---- what must hold for every pool and every vote ---- */

static unsigned pick(unsigned *seed, unsigned below)
{
    return (unsigned)rand_r(seed) % below;
}

static void random_pool(struct fixture *fixture, unsigned *seed)
{
    static const uint16_t types[] = {RRTYPE_MX, RRTYPE_SRV, RRTYPE_A, RRTYPE_AAAA};
    memset(fixture, 0, sizeof *fixture);
    struct pool *pool = &fixture->pool;
    pool->rrtype = types[pick(seed, 4)];
    pool->members = fixture->members;
    pool->nmembers = 1 + pick(seed, 6);
    pool->policy = (struct policy){.ttl_s = 1 + pick(seed, 60),
                                   .when_all_down = (enum when_all_down)pick(seed, 3),
                                   .on_down = (enum on_down)pick(seed, 2),
                                   .ntiers = 1 + pick(seed, 3)};
    for (size_t i = 0; i < pool->nmembers; i++) {
        struct member *member = &fixture->members[i];
        member->tier = i && !pick(seed, 5) ? TIER_OUTSIDE : pick(seed, pool->policy.ntiers);
        member->weight = pick(seed, 3);
        member->weight_set = pick(seed, 2);
        member->services = fixture->services[i];
        member->nservices = pick(seed, 4);
        for (size_t j = 0; j < member->nservices; j++)
            member->services[j] = pick(seed, MOST);
    }
    fixture->selection.members = fixture->selected;
}

static void random_votes(struct fixture *fixture, unsigned *seed)
{
    bool grim = pick(seed, 2);
    for (size_t i = 0; i < MOST; i++) {
        enum vote vote = grim && pick(seed, 8) ? VOTE_DOWN : (enum vote)pick(seed, 4);
        fixture->states[i] = (struct service_state){
            vote, vote == VOTE_UP && pick(seed, 2) ? 1 + pick(seed, 20) : UINT32_MAX};
    }
}

static bool all_down(const struct fixture *fixture, const struct member *member)
{
    for (size_t i = 0; i < member->nservices; i++)
        if (fixture->states[member->services[i]].vote != VOTE_DOWN)
            return false;
    return member->nservices > 0;
}

static bool none_down(const struct fixture *fixture, const struct member *member)
{
    for (size_t i = 0; i < member->nservices; i++)
        if (fixture->states[member->services[i]].vote == VOTE_DOWN ||
            fixture->states[member->services[i]].vote == VOTE_DRAINED)
            return false;
    return true;
}

static void check_promises(const struct fixture *fixture)
{
    const struct pool *pool = &fixture->pool;
    const struct selection *selection = &fixture->selection;
    size_t served = 0, alive = 0, good = 0, good_served = 0;
    for (size_t i = 0; i < pool->nmembers; i++) {
        const struct member *member = &pool->members[i];
        enum member_state state = selection->members[i];
        bool inside = member->tier != TIER_OUTSIDE;
        served += state == MEMBER_SERVED;
        alive += inside && !all_down(fixture, member);
        good += inside && none_down(fixture, member);
        good_served += state == MEMBER_SERVED && none_down(fixture, member);
        assert_int_equal(state == MEMBER_OUTSIDE, !inside);
        if (state == MEMBER_DEMOTED) {
            assert_int_equal(pool->policy.on_down, ON_DOWN_DEMOTE);
            assert_true(pool->rrtype == RRTYPE_MX || pool->rrtype == RRTYPE_SRV);
        }
        if (state == MEMBER_SERVED && all_down(fixture, member))
            assert_true(selection->fail_open);
        if (state == MEMBER_STANDBY)
            assert_false(all_down(fixture, member));
    }
    assert_int_equal(selection->nserved, served);
    assert_int_equal(served == 0, selection->servfail);
    assert_int_equal(selection->fail_open || selection->servfail, alive == 0);
    if (selection->servfail)
        assert_int_equal(pool->policy.when_all_down, ALL_DOWN_SERVFAIL);
    if (good) /* then nothing else is served */
        assert_int_equal(good_served, served);
    assert_in_range(selection->ttl_s, 1, pool->policy.ttl_s);
    if (selection->fail_open)
        assert_in_range(selection->ttl_s, 1, FAIL_OPEN_TTL_S);
}

static void promises_hold_for_random_pools(void **state)
{
    (void)state;
    unsigned seed = 4711;
    for (unsigned i = 0; i < 20000; i++) {
        struct fixture fixture;
        random_pool(&fixture, &seed);
        for (unsigned j = 0; j < 8; j++) { /* a life, each selection from the one before */
            random_votes(&fixture, &seed);
            pool_select(&fixture.pool, fixture.states, &fixture.selection);
            check_promises(&fixture);
        }
    }
}

/* Every vote for every member of pools of three, under every policy. */
static void promises_hold_for_all_small_pools(void **state)
{
    (void)state;
    for (unsigned votes = 0; votes < 4 * 4 * 4; votes++)
        for (unsigned tiers = 0; tiers < 2 * 3 * 3; tiers++)
            for (unsigned policies = 0; policies < 3 * 2 * 2; policies++)
                for (unsigned before = 0; before < 8; before++) {
                    struct fixture fixture;
                    prepare(&fixture, &(struct row){"", "0 1 2", "UUU", "SSS", "", .ttl_s = TTL_S});
                    fixture.pool.rrtype = policies / 6 ? RRTYPE_A : RRTYPE_MX;
                    fixture.pool.policy.when_all_down = (enum when_all_down)(policies % 3);
                    fixture.pool.policy.on_down = (enum on_down)(policies / 3 % 2);
                    const unsigned tier[] = {tiers % 2, tiers / 2 % 3, tiers / 6};
                    for (unsigned i = 0; i < 3; i++) {
                        fixture.members[i].tier = tier[i] == 2 ? TIER_OUTSIDE : tier[i];
                        fixture.states[i].vote = (enum vote)(votes >> 2 * i & 3);
                        fixture.selected[i] = before >> i & 1 ? MEMBER_SERVED : MEMBER_DOWN;
                    }
                    pool_select(&fixture.pool, fixture.states, &fixture.selection);
                    check_promises(&fixture);
                }
}

/* Last up: a set that died one by one is what was left of it at the end, and stays so. */
static void last_up_stays(void **state)
{
    (void)state;
    struct fixture fixture;
    prepare(&fixture, &(struct row){"", "0 1 2", "UUU", "SSS", "", .when = ALL_DOWN_LAST_UP});
    static const char *const lives[] = {"UDU", "DDU", "DDD", "DDD", "RDD", "DDD", "UDD", "DDD"};
    static const char *const served[] = {"S-S", "--S", "--S", "--S", "S--", "S--", "S--", "S--"};
    for (size_t i = 0; i < sizeof lives / sizeof *lives; i++) {
        for (size_t j = 0; j < 3; j++)
            fixture.states[j].vote = lives[i][j] == 'U'   ? VOTE_UP
                                     : lives[i][j] == 'R' ? VOTE_DRAINED
                                                          : VOTE_DOWN;
        pool_select(&fixture.pool, fixture.states, &fixture.selection);
        for (size_t j = 0; j < 3; j++)
            assert_int_equal(fixture.selected[j] == MEMBER_SERVED, served[i][j] == 'S');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases),
        cmocka_unit_test(srv_weight_of_the_zone_is_no_standby),
        cmocka_unit_test(ttl_is_capped_by_what_is_served),
        cmocka_unit_test(fail_open_never_lengthens_a_ttl),
        cmocka_unit_test(services_sum_their_targets),
        cmocka_unit_test(promises_hold_for_random_pools),
        cmocka_unit_test(promises_hold_for_all_small_pools),
        cmocka_unit_test(last_up_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
