/* SPDX-License-Identifier: BSD-2-Clause */
/* Which members are answered: a table of cases, and the promises of mail-safe answers over random
 * pools. */
#include "answer/select.h"

#include "wire/rrtype.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 16, TTL_S = 10, VOTES = VOTE_ABSTAIN + 1 };

/* A case in letters.
 * members: one word each, "[services][@tier][*weight]": "01" needs services 0 and 1, "-" none;
 *          "@x" stands in no tier, "*0" has the weight 0 by the configuration.
 * votes:   of the services: U up, H held, R drained, S sick, D down, A abstains.
 * states:  of the members: S served, M demoted, D down, B standby, O outside, F floor. */
struct row {
    const char *what, *members, *votes, *before, *after;
    unsigned min_capacity;
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

    {"good before held", "0 1", "UH", "SS", "SD", .ttl_s = TTL_S},
    {"partial before held", "01 2", "UDH", "SS", "SD", .rrtype = RRTYPE_A, .ttl_s = TTL_S},
    {"held before drained", "0 1", "HR", "SS", "SD", .ttl_s = 5},
    {"held before dead, whatever the policy", "0 1", "HD", "DS", "SD", .when = ALL_DOWN_SERVFAIL,
     .ttl_s = 5},
    {"held in a later tier before drained in the first", "0@0 1@1", "RH", "SS", "DS", .ttl_s = 5},
    {"held of the first tier only", "0@0 1@1", "HH", "SS", "SB", .ttl_s = 5},
    {"held with one service dead", "01 2", "HDR", "SS", "SD", .rrtype = RRTYPE_A, .ttl_s = 5},
    {"up beside held is partial", "01 2", "UHH", "SS", "SD", .rrtype = RRTYPE_A, .ttl_s = TTL_S},
    {"held with demote: behind", "0 1", "HU", "SS", "MS", .on_down = ON_DOWN_DEMOTE,
     .ttl_s = TTL_S},
    {"held, and outside", "0@0 1@x", "DH", "SS", "SO", .ttl_s = 5, .fail_open = true},
    {"drained before sick", "0 1", "RS", "SS", "SD", .ttl_s = 5},
    {"good before sick", "0 1", "US", "SS", "SD", .ttl_s = TTL_S},
    {"all sick", "0 1", "SS", "SD", "SS", .ttl_s = 5, .fail_open = true},
    {"sick alone, not the dead", "0 1 2", "SDS", "DSS", "SDS", .ttl_s = 5, .fail_open = true},
    {"sick of a later tier, not the dead of the first", "0@0 1@1", "DS", "SS", "DS", .ttl_s = 5,
     .fail_open = true},
    {"sick outside: the wall holds", "0@0 1@x", "DS", "SS", "SO", .ttl_s = 5, .fail_open = true},
    {"sick with one service dead", "01 2", "SDD", "SS", "SD", .rrtype = RRTYPE_A, .ttl_s = 5,
     .fail_open = true},
    {"sick, and a standby that is dead", "0 1*0", "SD", "SB", "SD", .ttl_s = 5, .fail_open = true},
    {"a sick standby before dead ones", "0 1*0", "DS", "SB", "DS", .ttl_s = 5, .fail_open = true},
    {"sick or dead: last up", "0 1", "SD", "DS", "DS", .when = ALL_DOWN_LAST_UP, .ttl_s = 5,
     .fail_open = true},
    {"sick or dead: servfail", "0 1", "SD", "SS", "DD", .when = ALL_DOWN_SERVFAIL,
     .servfail = true},
    {"all down: what was kept in was not last up", "0 1", "SD", "FS", "DS",
     .when = ALL_DOWN_LAST_UP, .ttl_s = 5, .fail_open = true},

    {"floor: enough", "0 1", "US", "SS", "SD", 50, .ttl_s = TTL_S},
    {"floor: a sick one", "0 1 2", "USD", "SSS", "SFD", 50, .ttl_s = TTL_S},
    {"floor: not without it", "0 1 2", "USD", "SSS", "SDD", .ttl_s = TTL_S},
    {"floor: over", "0 1 2", "USU", "SFD", "SDS", 50, .ttl_s = TTL_S},
    {"floor: held before sick", "0 1 2", "USH", "SSS", "SDF", 50, .ttl_s = TTL_S},
    {"floor: held, then sick", "0 1 2 3", "USHD", "SSSS", "SFFD", 75, .ttl_s = TTL_S},
    {"floor: in the order of the file", "0 1 2 3", "USSS", "SSSS", "SFDD", 50, .ttl_s = TTL_S},
    {"floor: the heaviest first", "0*1 1*1 2*4 3*2", "USSS", "SSSS", "SDFD", 50, .ttl_s = TTL_S},
    {"floor: held before heavier sick ones", "0*1 1*9 2*1", "USH", "SSS", "SFF", 50,
     .ttl_s = TTL_S},
    {"floor: held, and that is enough", "0*3 1*5 2*2", "USH", "SSS", "SDF", 50, .ttl_s = TTL_S},
    {"floor: weights count, not heads", "0*6 1*2 2*2", "USS", "SSS", "SDD", 50, .ttl_s = TTL_S},
    {"floor: never reached, never dead or drained", "0 1 2 3", "USDR", "SSSS", "SFDD", 100,
     .ttl_s = TTL_S},
    {"floor: never outside", "0@0 1@x 2@0", "USD", "SSS", "SOD", 100, .ttl_s = TTL_S},
    {"floor: of the tier that serves only", "0@0 1@1 2@1 3@1", "SUDS", "SSSS", "DSDF", 50,
     .ttl_s = TTL_S},
    {"floor: another tier's weight does not count", "0@0 1@1 2@1", "USS", "SSS", "SDD", 100,
     .ttl_s = TTL_S},
    {"floor: a standby does not count", "0 1*0", "US", "SB", "SD", 100, .ttl_s = TTL_S},
    {"floor: none where standbys serve", "0 1*0", "SU", "SB", "DS", 50, .ttl_s = TTL_S},
    {"floor: a part that is sick", "01 23", "UUUS", "SS", "SF", 100, .rrtype = RRTYPE_A,
     .ttl_s = TTL_S},
    {"floor: not where a part is dead", "01 23", "UUUD", "SS", "SD", 100, .rrtype = RRTYPE_A,
     .ttl_s = TTL_S},
    {"floor: not where a part is drained", "01 23", "UUSR", "SS", "SD", 100, .rrtype = RRTYPE_A,
     .ttl_s = TTL_S},
    {"floor: beside partial ones", "01 23", "UDSS", "SS", "SF", 100, .rrtype = RRTYPE_A,
     .ttl_s = TTL_S},
    {"floor: beside held ones", "0 1", "HS", "SS", "SF", 100, .ttl_s = 5},
    {"floor: beside drained ones", "0 1 2", "RSD", "SSS", "SFD", 100, .ttl_s = 5},
    {"floor: instead of demoted", "0 1 2", "USD", "SSS", "SFM", 100, .on_down = ON_DOWN_DEMOTE,
     .ttl_s = TTL_S},
    {"floor: nothing to do with all down", "0 1", "SD", "SS", "SD", 100, .ttl_s = 5,
     .fail_open = true},
};

struct fixture {
    struct pool pool;
    struct member members[MOST];
    uint32_t services[MOST][4];
    struct service_state states[MOST];
    enum member_state selected[MOST];
    uint8_t percents[MOST];
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

static enum vote read_vote(char letter)
{
    static const char letters[] = {
        [VOTE_UP] = 'U',
        [VOTE_HELD] = 'H',
        [VOTE_DRAINED] = 'R',
        [VOTE_SICK] = 'S',
        [VOTE_DOWN] = 'D',
        [VOTE_ABSTAIN] = 'A',
        '\0',
    };
    return (enum vote)(strchr(letters, letter) - letters);
}

static const char state_letters[] = "SMDBOF";

static void prepare(struct fixture *fixture, const struct row *row)
{
    memset(fixture, 0, sizeof *fixture);
    fixture->pool.rrtype = row->rrtype ? row->rrtype : RRTYPE_MX;
    fixture->pool.members = fixture->members;
    fixture->pool.policy = (struct policy){.ttl_s = TTL_S,
                                           .when_all_down = row->when,
                                           .on_down = row->on_down,
                                           .min_capacity = row->min_capacity,
                                           .ntiers = 2};
    char words[128], *rest = words;
    snprintf(words, sizeof words, "%s", row->members);
    for (char *word; (word = strsep(&rest, " "));)
        read_member(fixture, word);
    for (size_t i = 0; row->votes[i]; i++)
        fixture->states[i] = (struct service_state){read_vote(row->votes[i]), UINT32_MAX, 100};
    for (size_t i = 0; row->before[i]; i++)
        fixture->selected[i] =
            (enum member_state)(strchr(state_letters, row->before[i]) - state_letters);
    fixture->selection.members = fixture->selected;
    fixture->selection.percents = fixture->percents;
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
            got[j] = state_letters[selection->members[j]];
            served += member_is_served(selection->members[j]);
        }
        bool right = strcmp(got, row->after) == 0 && selection->nserved == served &&
                     selection->fail_open == row->fail_open &&
                     selection->servfail == row->servfail &&
                     selection->floor == (strchr(row->after, 'F') != NULL) &&
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
    const uint32_t none = UINT32_MAX;
    const struct {
        const char *votes;
        uint32_t caps_s[3];
        uint8_t percents[3];
        char vote;
        uint32_t cap_s;
        uint8_t percent;
    } sums[] = {
        {"", {none}, {100}, 'A', none, 100}, /* no targets known yet */
        {"U", {none}, {100}, 'U', none, 100},
        {"U", {7}, {100}, 'U', 7, 100},
        {"D", {none}, {100}, 'D', none, 100},
        {"A", {none}, {100}, 'A', none, 100},
        {"DU", {none, none}, {100, 100}, 'U', none, 100},
        {"DA", {none, none}, {100, 100}, 'D', none, 100}, /* IPv4 dead, no IPv6 here: dead */
        {"AU", {none, 4}, {100, 100}, 'U', 4, 100},
        {"AA", {none, none}, {100, 100}, 'A', none, 100},
        {"UU", {3, none}, {100, 100}, 'U', none, 100}, /* one suspect, the other holds it up */
        {"UU", {3, 7}, {100, 100}, 'U', 7, 100},
        {"UD", {3, none}, {100, 100}, 'U', 3, 100},
        {"RD", {none, none}, {100, 100}, 'R', none, 100},
        {"RU", {none, none}, {100, 100}, 'U', none, 100},
        {"ARD", {none, none, none}, {100, 100, 100}, 'R', none, 100},
        {"SD", {none, none}, {100, 100}, 'S', none, 100},
        {"DSR", {none, none, none}, {100, 100, 100}, 'R', none, 100},
        {"RHS", {none, none, none}, {100, 100, 100}, 'H', none, 100},
        {"HU", {none, 5}, {100, 100}, 'U', 5, 100},
        {"AS", {none, none}, {100, 100}, 'S', none, 100},
        /* A slow start is over where another address of the host does not need one. */
        {"U", {none}, {30}, 'U', none, 30},
        {"UU", {none, none}, {30, 100}, 'U', none, 100},
        {"UU", {none, none}, {30, 20}, 'U', none, 30},
        {"UD", {none, none}, {30, 100}, 'U', none, 30},
        {"DU", {none, none}, {100, 30}, 'U', none, 30},
        {"AU", {none, none}, {100, 30}, 'U', none, 30},
        {"H", {none}, {30}, 'H', none, 100}, /* whatever was so before */
    };
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
        struct service_state sum = SERVICE_STATE_NONE;
        for (size_t j = 0; sums[i].votes[j]; j++)
            sum = service_state_add(sum,
                                    (struct service_state){read_vote(sums[i].votes[j]),
                                                           sums[i].caps_s[j], sums[i].percents[j]});
        assert_int_equal(sum.vote, read_vote(sums[i].vote));
        assert_int_equal(sum.ttl_cap_s, sums[i].cap_s);
        assert_int_equal(sum.percent, sums[i].percent);
    }
}

/* Of members by what their services may have; 100 for what is not served, and where all have the
 * same. */
static void percents_of_members(void **state)
{
    (void)state;
    static const struct {
        const char *members, *votes;
        unsigned min_capacity;
        uint8_t services[6], expected[4];
    } cases[] = {
        {"0 1", "UU", 0, {100, 100}, {100, 100}},
        {"0 1", "UU", 0, {10, 100}, {10, 100}},
        {"0", "U", 0, {10}, {100}},
        {"0 1", "UU", 0, {40, 40}, {100, 100}},
        {"0 1", "UU", 0, {40, 50}, {40, 50}},
        {"0 1 2", "UDU", 0, {10, 100, 10}, {100, 100, 100}},
        {"0 1", "UD", 0, {10, 100}, {100, 100}}, /* nothing else to prefer */
        {"0 1@1", "UU", 0, {10, 100}, {100, 100}},
        {"0 1*0", "UU", 0, {10, 100}, {100, 100}},
        {"01 2", "UUU", 0, {70, 20, 100}, {20, 100}},
        {"01 2", "UAU", 0, {70, 100, 100}, {70, 100}},
        {"- 0", "U", 0, {10}, {100, 10}},
        {"0 1", "US", 100, {10, 100}, {10, 100}}, /* beside what the floor keeps in */
        {"0 1", "DD", 0, {100, 100}, {100, 100}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture fixture;
        prepare(&fixture, &(struct row){"", cases[i].members, cases[i].votes, "SSSS", "",
                                        cases[i].min_capacity, .rrtype = RRTYPE_A});
        for (size_t j = 0; cases[i].votes[j]; j++)
            fixture.states[j].percent = cases[i].services[j];
        pool_select(&fixture.pool, fixture.states, &fixture.selection);
        for (size_t j = 0; j < fixture.pool.nmembers; j++)
            assert_int_equal(fixture.percents[j], cases[i].expected[j]);
    }
}

/* A slow start takes nothing from what counts for `min-capacity`. */
static void floor_counts_weights_as_configured(void **state)
{
    (void)state;
    struct fixture fixture;
    prepare(&fixture, &(struct row){"", "0 1 2", "UUS", "SSS", "", .min_capacity = 60});
    fixture.states[0].percent = 10;
    pool_select(&fixture.pool, fixture.states, &fixture.selection);
    assert_int_equal(fixture.selected[2], MEMBER_DOWN);
    assert_false(fixture.selection.floor);
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
                                   .min_capacity = pick(seed, 2) ? pick(seed, 101) : 0,
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
    fixture->selection.percents = fixture->percents;
}

static void random_votes(struct fixture *fixture, unsigned *seed)
{
    bool grim = pick(seed, 2);
    for (size_t i = 0; i < MOST; i++) {
        enum vote vote = grim && pick(seed, 8) ? VOTE_DOWN : (enum vote)pick(seed, VOTES);
        fixture->states[i] = (struct service_state){vote, UINT32_MAX, 100};
        if (vote == VOTE_UP && pick(seed, 2))
            fixture->states[i].ttl_cap_s = 1 + pick(seed, 20);
        if (vote == VOTE_UP && pick(seed, 4) == 0)
            fixture->states[i].percent = (uint8_t)(10 * (1 + pick(seed, 10)));
    }
}

/* Which votes the services of a member have, as bits. */
static unsigned votes_of(const struct fixture *fixture, const struct member *member)
{
    unsigned votes = 0;
    for (size_t i = 0; i < member->nservices; i++)
        votes |= 1u << fixture->states[member->services[i]].vote;
    return votes;
}

enum {
    WELL = 1 << VOTE_UP | 1 << VOTE_ABSTAIN,
    ALIVE = WELL | 1 << VOTE_HELD | 1 << VOTE_DRAINED,
    KEPT = WELL | 1 << VOTE_HELD | 1 << VOTE_SICK,
};

/* What is true of any member that is answered, and of those that are not. */
static void check_member(const struct fixture *fixture, size_t number)
{
    const struct pool *pool = &fixture->pool;
    const struct selection *selection = &fixture->selection;
    const struct member *member = &pool->members[number];
    enum member_state state = selection->members[number];
    unsigned votes = votes_of(fixture, member);
    bool alive = !votes || votes & ALIVE;
    assert_int_equal(state == MEMBER_OUTSIDE, member->tier == TIER_OUTSIDE);
    if (state == MEMBER_DEMOTED) {
        assert_int_equal(pool->policy.on_down, ON_DOWN_DEMOTE);
        assert_true(pool->rrtype == RRTYPE_MX || pool->rrtype == RRTYPE_SRV);
    }
    if (state == MEMBER_SERVED && !alive)
        assert_true(selection->fail_open);
    if (state == MEMBER_STANDBY)
        assert_true(alive);
    if (state == MEMBER_FLOOR) { /* nothing dead or drained, and no more than is needed */
        assert_true(pool->policy.min_capacity > 0 && member->weight > 0);
        assert_true(votes && !(votes & ~(unsigned)KEPT));
        assert_false(selection->fail_open);
    }
    assert_in_range(selection->percents[number], 10, 100);
    if (!member_is_served(state))
        assert_int_equal(selection->percents[number], 100);
}

static void check_floor(const struct fixture *fixture)
{
    const struct pool *pool = &fixture->pool;
    const struct selection *selection = &fixture->selection;
    unsigned tier = TIER_OUTSIDE, all = 0, served = 0, lightest = UINT_MAX, sick = 0;
    for (size_t i = 0; i < pool->nmembers; i++)
        if (selection->members[i] == MEMBER_SERVED)
            tier = pool->members[i].tier;
    for (size_t i = 0; i < pool->nmembers; i++) {
        const struct member *member = &pool->members[i];
        bool is_sick = votes_of(fixture, member) & 1 << VOTE_SICK;
        all += member->tier == tier ? member->weight : 0;
        served += member_is_served(selection->members[i]) ? member->weight : 0;
        if (selection->members[i] != MEMBER_FLOOR)
            continue;
        assert_int_equal(member->tier, tier);
        if (is_sick > sick) {
            sick = is_sick;
            lightest = UINT_MAX;
        }
        if (is_sick == sick && member->weight < lightest)
            lightest = member->weight;
    }
    assert_int_equal(selection->floor, lightest != UINT_MAX);
    if (selection->floor) /* without the last of them it was not reached */
        assert_true((served - lightest) * 100 < all * pool->policy.min_capacity);
}

static void check_promises(const struct fixture *fixture)
{
    const struct pool *pool = &fixture->pool;
    const struct selection *selection = &fixture->selection;
    size_t served = 0, alive = 0, good = 0, good_served = 0, kept = 0;
    for (size_t i = 0; i < pool->nmembers; i++) {
        const struct member *member = &pool->members[i];
        enum member_state state = selection->members[i];
        unsigned votes = votes_of(fixture, member);
        bool inside = member->tier != TIER_OUTSIDE, is_good = !(votes & ~(unsigned)WELL);
        check_member(fixture, i);
        served += state == MEMBER_SERVED;
        kept += state == MEMBER_FLOOR;
        alive += inside && (!votes || votes & ALIVE);
        good += inside && is_good;
        good_served += state == MEMBER_SERVED && is_good;
    }
    check_floor(fixture);
    assert_int_equal(selection->nserved, served + kept);
    assert_int_equal(served == 0, selection->servfail);
    assert_int_equal(selection->fail_open || selection->servfail, alive == 0);
    if (selection->servfail)
        assert_int_equal(pool->policy.when_all_down, ALL_DOWN_SERVFAIL);
    if (good) /* then nothing else is served, but for the floor */
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

/* Votes, tiers, policies and what was served before, one number for each of all combinations. */
static void small_pool(struct fixture *fixture, unsigned votes, unsigned tiers, unsigned policies,
                       unsigned before)
{
    prepare(fixture, &(struct row){"", "0 1 2", "UUU", "SSS", "", .ttl_s = TTL_S});
    struct policy *policy = &fixture->pool.policy;
    fixture->pool.rrtype = policies % 2 ? RRTYPE_A : RRTYPE_MX;
    policy->on_down = (enum on_down)(policies / 2 % 2);
    policy->min_capacity = policies / 4 % 2 ? 60 : 0;
    policy->when_all_down = (enum when_all_down)(policies / 8);
    const unsigned tier[] = {tiers % 2, tiers / 2 % 3, tiers / 6};
    for (unsigned i = 0; i < 3; i++, votes /= VOTES) {
        fixture->members[i].tier = tier[i] == 2 ? TIER_OUTSIDE : tier[i];
        fixture->states[i].vote = (enum vote)(votes % VOTES);
        fixture->selected[i] = before >> i & 1 ? MEMBER_SERVED : MEMBER_DOWN;
    }
}

static void promises_hold_for_all_small_pools(void **state)
{
    (void)state;
    for (unsigned votes = 0; votes < VOTES * VOTES * VOTES; votes++)
        for (unsigned tiers = 0; tiers < 2 * 3 * 3; tiers++)
            for (unsigned policies = 0; policies < 2 * 2 * 2 * 3; policies++)
                for (unsigned before = 0; before < 8; before++) {
                    struct fixture fixture;
                    small_pool(&fixture, votes, tiers, policies, before);
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
            fixture.states[j].vote = read_vote(lives[i][j]);
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
        cmocka_unit_test(percents_of_members),
        cmocka_unit_test(floor_counts_weights_as_configured),
        cmocka_unit_test(promises_hold_for_random_pools),
        cmocka_unit_test(promises_hold_for_all_small_pools),
        cmocka_unit_test(last_up_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
