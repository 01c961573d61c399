/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands in the zones of world.h. Labels come from a small pool, so that features meet: a
 * chain ends below a delegation, a wildcard has a DNAME beside it. */
#include "base/memory.h"
#include "differential/world.h"
#include "wire/rrtype.h"

#include <stdlib.h>
#include <string.h>

enum { TTL_S = 3600, TTL_MAX_S = INT32_MAX };

struct making {
    struct world *world;
    struct world_zone *zone;
};

static const uint8_t root[] = {0};

/* ---- names ---- */

static const uint8_t *child(struct making *making, const char *label, const uint8_t *name)
{
    return name ? world_child(making->world, label, strlen(label), name) : NULL;
}

static const char *pool_label(struct making *making)
{
    static const char *const labels[] = {"a", "b", "c", "d", "www", "mail", "x", "y", "WWW", "*"};
    return labels[world_below(making->world, sizeof labels / sizeof labels[0])];
}

static const uint8_t *some_owner(struct making *making)
{
    const struct world_zone *zone = making->zone;
    if (!zone->nrecords)
        return zone->apex;
    return zone->records[world_below(making->world, (unsigned)zone->nrecords)].owner;
}

/* A name in the zone, below the apex or below what is there. Never NULL. */
static const uint8_t *place(struct making *making)
{
    const uint8_t *name = world_chance(making->world, 30) ? some_owner(making) : making->zone->apex;
    if (name_size(name) > 150)
        name = making->zone->apex;
    for (unsigned i = 0; i <= world_below(making->world, 3); i++)
        name = child(making, pool_label(making), name);
    return name;
}

static const uint8_t *elsewhere(struct making *making)
{
    struct world *world = making->world;
    const uint8_t *name = world->zones[world_below(world, (unsigned)world->nzones)].apex;
    for (unsigned i = 0; i < world_below(world, 3); i++)
        name = child(making, pool_label(making), name);
    return name;
}

static const uint8_t *outside(struct making *making)
{
    return child(making, pool_label(making), child(making, "outside", child(making, "org", root)));
}

/* What CNAMEs, DNAMEs, MX and others point to. */
static const uint8_t *target(struct making *making)
{
    unsigned roll = world_below(making->world, 100);
    if (roll < 45)
        return some_owner(making);
    if (roll < 70)
        return place(making);
    return roll < 88 ? elsewhere(making) : outside(making);
}

static const char *text(struct making *making, const uint8_t *name)
{
    return world_text(making->world, name);
}

/* ---- records ---- */

static uint32_t some_ttl(struct making *making)
{
    static const uint32_t ttls_s[] = {TTL_S, TTL_S, TTL_S, 5, 300, 86400, 0, TTL_MAX_S};
    return ttls_s[world_below(making->world, sizeof ttls_s / sizeof ttls_s[0])];
}

static bool add(struct making *making, const uint8_t *owner, uint16_t rrtype, const char *rdata)
{
    return world_add(making->world, making->zone, owner, rrtype, some_ttl(making), rdata);
}

static bool add_name(struct making *making, const uint8_t *owner, uint16_t rrtype,
                     const uint8_t *name)
{
    return name && add(making, owner, rrtype, text(making, name));
}

static const char *print(struct making *making, const char *format, unsigned number)
{
    return arena_printf(making->world->arena, format, number);
}

static void add_a(struct making *making, const uint8_t *owner)
{
    for (unsigned i = 0; i <= world_below(making->world, 3); i++)
        add(making, owner, RRTYPE_A, print(making, "192.0.2.%u", world_below(making->world, 256)));
}

static void add_aaaa(struct making *making, const uint8_t *owner)
{
    add(making, owner, RRTYPE_AAAA, print(making, "2001:db8::%x", world_below(making->world, 999)));
}

static void add_mx(struct making *making, const uint8_t *owner)
{
    for (unsigned i = 0; i <= world_below(making->world, 3); i++)
        add(making, owner, RRTYPE_MX,
            arena_printf(making->world->arena, "%u %s", 10 * world_below(making->world, 4),
                         text(making, target(making))));
}

static void add_srv(struct making *making, const uint8_t *owner)
{
    add(making, owner, RRTYPE_SRV,
        arena_printf(making->world->arena, "0 %u 993 %s", world_below(making->world, 9),
                     text(making, target(making))));
}

static void add_txt(struct making *making, const uint8_t *owner)
{
    add(making, owner, RRTYPE_TXT,
        print(making, "\"text %u\" \"\"", world_below(making->world, 99)));
}

/* Types that need no thought; %s is a name. */
static void add_rare(struct making *making, const uint8_t *owner)
{
    static const struct {
        uint16_t rrtype;
        const char *rdata;
    } rare[] = {
        {12, "%s"},
        {13, "\"CPU\" \"an OS\""},
        {17, "%s ."},
        {18, "1 %s"},
        {29, "52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m"},
        {35, "100 10 \"u\" \"E2U+sip\" \"!^.*$!sip:a@b!\" %s"},
        {36, "10 %s"},
        {44, "4 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
        {52, "3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
        {61, "AwEAAQ=="},
        {64, "1 %s alpn=\"h2\" port=\"853\""},
        {65, "0 %s"},
        {99, "\"v=spf1 -all\""},
        {108, "00-00-5e-00-53-2a"},
        {256, "10 1 \"ftp://a.test/\""},
        {257, "0 issue \"ca.test\""},
        {731, "\\# 0"},
        {65280, "\\# 3 41420a"},
    };
    unsigned number = world_below(making->world, sizeof rare / sizeof rare[0]);
    const char *rdata = rare[number].rdata, *hole = strstr(rdata, "%s");
    if (hole)
        rdata = arena_printf(making->world->arena, "%.*s%s%s", (int)(hole - rdata), rdata,
                             text(making, target(making)), hole + 2);
    add(making, owner, rare[number].rrtype, rdata);
}

/* One to three RRsets. */
static void add_some(struct making *making, const uint8_t *owner)
{
    static void (*const adders[])(struct making *, const uint8_t *) = {
        add_a, add_a, add_aaaa, add_mx, add_srv, add_txt, add_rare,
    };
    for (unsigned i = 0; i <= world_below(making->world, 3); i++)
        adders[world_below(making->world, sizeof adders / sizeof adders[0])](making, owner);
}

static void add_cname(struct making *making, const uint8_t *owner)
{
    add_name(making, owner, RRTYPE_CNAME, target(making));
}

/* ---- features ---- */

static void feature_plain(struct making *making)
{
    add_some(making, place(making));
}

/* `*`, with data, a CNAME, or nothing of its own; beside it empty non-terminals, below it names
 * that block it and another wildcard. */
static void feature_wildcard(struct making *making)
{
    const uint8_t *base = world_chance(making->world, 25) ? making->zone->apex : place(making);
    const uint8_t *wildcard = child(making, "*", base);
    unsigned roll = world_below(making->world, 10);
    if (roll < 6)
        add_some(making, wildcard);
    else if (roll < 9)
        add_cname(making, wildcard);
    if (world_chance(making->world, 40))
        add_some(making, child(making, "x", child(making, "y", base)));
    if (world_chance(making->world, 30))
        add_some(making, child(making, "*", wildcard));
    if (world_chance(making->world, 30))
        add_some(making, child(making, pool_label(making), wildcard));
    if (world_chance(making->world, 20))
        add_cname(making, child(making, "*", child(making, "y", base)));
    if (world_chance(making->world, 20)) /* a label that only begins as a wildcard's */
        add_some(making, child(making, "*a", base));
}

/* Up to 20 links, ending anywhere, or in a loop that need not take in the beginning. */
static void feature_chain(struct making *making)
{
    const uint8_t *base = place(making);
    unsigned links = 1 + world_below(making->world, world_chance(making->world, 25) ? 20 : 4);
    for (unsigned i = 0; i < links; i++)
        add_name(making, child(making, print(making, "c%u", i), base), RRTYPE_CNAME,
                 child(making, print(making, "c%u", i + 1), base));
    const uint8_t *last = child(making, print(making, "c%u", links), base);
    if (world_chance(making->world, 25))
        add_name(making, last, RRTYPE_CNAME,
                 child(making, print(making, "c%u", world_below(making->world, links + 1)), base));
    else if (world_chance(making->world, 50))
        add_cname(making, last);
    else if (world_chance(making->world, 70))
        add_some(making, last);
}

/* From zone to zone and perhaps back: each has a name "hop" that points to another's. */
static void feature_hop(struct making *making)
{
    struct world *world = making->world;
    const uint8_t *apex = world->zones[world_below(world, (unsigned)world->nzones)].apex;
    add_name(making, child(making, "hop", making->zone->apex), RRTYPE_CNAME,
             child(making, "hop", apex));
}

static void feature_dname(struct making *making)
{
    struct world *world = making->world;
    const uint8_t *owner = place(making), *to = target(making);
    unsigned roll = world_below(world, 10);
    if (roll == 0)
        to = child(making, "grow", owner); /* each round is longer */
    else if (roll == 1)
        to = owner;     /* a loop */
    else if (roll == 2) /* too long for most */
        for (const uint8_t *longer = to; longer; longer = child(making, "aaaaaaaaaaaaaaaaaaa", to))
            to = longer;
    add_name(making, owner, RRTYPE_DNAME, to);
    if (world_chance(world, 30))
        add_some(making, owner);
    if (world_chance(world, 40)) /* occluded */
        add_some(making, child(making, pool_label(making), owner));
    if (world_chance(world, 15))
        add_name(making, child(making, "d", child(making, "x", owner)), RRTYPE_DNAME, to);
    if (world_chance(world, 15))
        add_name(making, child(making, "b", owner), RRTYPE_NS, target(making));
    if (world_chance(world, 50)) /* another one that leads here */
        add_name(making, place(making), RRTYPE_DNAME, owner);
}

/* A server's name, with its address where it can stand in this zone, most of the time. */
static void add_server(struct making *making, const uint8_t *owner, const uint8_t *server)
{
    if (!add_name(making, owner, RRTYPE_NS, server) ||
        !name_is_within(server, making->zone->apex) || world_chance(making->world, 20))
        return;
    if (world_chance(making->world, 80))
        add_a(making, server);
    if (world_chance(making->world, 40))
        add_aaaa(making, server);
}

static void add_ds(struct making *making, const uint8_t *owner)
{
    add(making, owner, RRTYPE_DS,
        print(making, "%u 8 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
              world_below(making->world, 65536)));
}

/* What is hidden at and below a delegation. */
static void add_occluded(struct making *making, const uint8_t *cut)
{
    const uint8_t *below = child(making, pool_label(making), cut);
    if (world_chance(making->world, 40))
        add_some(making, cut);
    if (world_chance(making->world, 40))
        add_some(making, below);
    if (world_chance(making->world, 15))
        add_cname(making, child(making, "c", cut));
    if (world_chance(making->world, 15))
        add_name(making, child(making, "d", cut), RRTYPE_DNAME, target(making));
    if (world_chance(making->world, 15))
        add_some(making, child(making, "*", cut));
    if (world_chance(making->world, 20))
        add_server(making, below, child(making, "ns", below));
}

static void delegate(struct making *making, const uint8_t *cut)
{
    struct world *world = making->world;
    for (unsigned i = 0; i <= world_below(world, 3); i++) {
        unsigned roll = world_below(world, 10);
        const char *label = print(making, "ns%u", i);
        if (roll < 4)
            add_server(making, cut, child(making, label, cut));
        else if (roll < 6) /* perhaps a sibling's glue */
            add_server(making, cut, child(making, label, place(making)));
        else if (roll < 7)
            add_server(making, cut, cut);
        else
            add_server(making, cut, target(making));
    }
    if (world_chance(world, 40))
        add_ds(making, cut);
    add_occluded(making, cut);
}

static void feature_delegation(struct making *making)
{
    delegate(making, place(making));
}

static void feature_empty(struct making *making)
{
    const uint8_t *name = place(making);
    for (unsigned i = 0; i < 3 && name; i++)
        name = child(making, pool_label(making), name);
    add_some(making, name);
}

/* Names of exactly 255 octets, or as long as they get; labels of 63. */
static void feature_long(struct making *making)
{
    static const char filler[] = "AbcdefghijklmnopqrstuvwxyzAbcdefghijklmnopqrstuvwxyzAbcdefghijk";
    const uint8_t *name = making->zone->apex;
    while (name_size(name) < NAME_MAX_SIZE - 1) {
        size_t left = NAME_MAX_SIZE - name_size(name) - 1;
        size_t size = left > 63 ? 63 : left;
        if (left - size == 1) /* a label needs two octets */
            size--;
        name = world_child(making->world, filler, size, name);
        if (world_chance(making->world, 20))
            break;
    }
    if (world_chance(making->world, 20))
        add_cname(making, name);
    else
        add_some(making, name);
    if (world_chance(making->world, 30))
        add_name(making, place(making), RRTYPE_CNAME, name);
}

/* Labels with dots, NUL, blanks, octets above 127, and what master files use themselves. */
static void feature_odd(struct making *making)
{
    static const struct {
        const char *octets;
        size_t size;
    } odd[] = {
        {"a.b", 3},     {"\0", 1},    {"a\0b", 3},     {"\xff\x80", 2}, {" ", 1},
        {"\\", 1},      {"\"", 1},    {"@", 1},        {"$TTL", 4},     {";x", 2},
        {"(", 1},       {"UPPER", 5}, {"\xc4\xd6", 2}, {"\xe4\xf6", 2}, {"**", 2},
        {"\\000", 4},   {"a\tb", 3},  {"[", 1},        {"{", 1},        {"_TCP", 4},
        {"\x1b[0m", 4}, {"Z`", 2},    {"\xc0\x0c", 2}, {".", 1},
    };
    for (unsigned i = 0; i < 3; i++) {
        unsigned number = world_below(making->world, sizeof odd / sizeof odd[0]);
        const uint8_t *name =
            world_child(making->world, odd[number].octets, odd[number].size, place(making));
        if (world_chance(making->world, 20))
            add_cname(making, name);
        else if (name)
            add_some(making, name);
        if (world_chance(making->world, 30))
            add_name(making, place(making), RRTYPE_CNAME, name);
    }
}

/* TXT records that together fill `octets` of a message: each takes 12 and its rdata. */
static void add_large_txt(struct making *making, const uint8_t *owner, unsigned octets)
{
    char string[256], rdata[300];
    memset(string, 't', sizeof string);
    for (unsigned number = 0; octets >= 12 + 1 + 6; number++) {
        unsigned size = octets - 13 > 255 ? 255 : octets - 13;
        snprintf(rdata, sizeof rdata, "\"%06u%.*s\"", number, (int)size - 6, string);
        if (!add(making, owner, RRTYPE_TXT, rdata))
            return;
        octets -= 13 + size;
    }
}

/* Around each size at which answers begin to differ: 512, 1232, and now and then all of 65535. */
static void feature_large(struct making *making)
{
    const char *label = print(making, "large%u", (unsigned)making->zone->nrecords); /* once */
    const uint8_t *owner = child(making, label, place(making));
    if (!owner)
        return;
    unsigned around[] = {512, 1232, 4096, 16384, 65535};
    unsigned pick = world_chance(making->world, 6) ? 4 : world_below(making->world, 4);
    unsigned fixed = 12 + 4 + 11 + (unsigned)name_size(owner);
    unsigned slack =
        pick == 4 ? world_below(making->world, 3) * 40 : world_below(making->world, 60);
    add_large_txt(making, owner, around[pick] - fixed - slack + (pick < 4 ? 30 : 0));
    if (world_chance(making->world, 30))
        add_name(making, place(making), RRTYPE_CNAME, owner);
}

/* The servers are others': knotd 3.2.6 mistakes the owners of addresses that a wildcard gives for
 * more than 16 names, and may then spin for ever. */
static void feature_many(struct making *making)
{
    const uint8_t *owner = child(making, "many", making->zone->apex);
    unsigned count = 20 + world_below(making->world, 80);
    for (unsigned i = 0; i < count; i++) {
        if (world_chance(making->world, 50))
            add(making, owner, RRTYPE_A, print(making, "198.51.100.%u", i));
        else
            add(making, owner, RRTYPE_MX,
                arena_printf(making->world->arena, "%u m%u.many.outside.org.", i, i));
    }
}

/* ---- a zone ---- */

/* Zones of ours below this one: delegated or not, data at and below their apex, a delegation, DNAME
 * or wildcard above it. */
static void meet_child(struct making *making, const uint8_t *apex)
{
    struct world *world = making->world;
    const uint8_t *above = name_parent(apex);
    bool between = !name_equal(above, making->zone->apex);
    if (world_chance(world, 55))
        delegate(making, apex);
    else if (world_chance(world, 30))
        add_some(making, apex);
    else if (world_chance(world, 20))
        add_cname(making, apex);
    else if (world_chance(world, 20))
        add_name(making, apex, RRTYPE_DNAME, target(making));
    if (world_chance(world, 20))
        add_some(making, child(making, pool_label(making), apex));
    if (between && world_chance(world, 20))
        delegate(making, above);
    else if (between && world_chance(world, 15))
        add_name(making, above, RRTYPE_DNAME, target(making));
    else if (world_chance(world, 15))
        add_some(making, child(making, "*", above));
}

static void meet_children(struct making *making)
{
    const struct world *world = making->world;
    for (size_t i = 0; i < world->nzones; i++) {
        const uint8_t *apex = world->zones[i].apex;
        if (&world->zones[i] != making->zone && name_is_within(apex, making->zone->apex) &&
            world_zone_of(world, name_parent(apex)) == making->zone)
            meet_child(making, apex);
    }
}

/* The apex's servers that are in the zone have an address and no DNAME above: named wants that. A
 * few zones are redirected as a whole. */
static void begin_servers(struct making *making, const uint8_t *apex)
{
    const uint8_t *server = child(making, "ns1", apex), *other = elsewhere(making);
    if (world_chance(making->world, 6)) {
        add_name(making, apex, RRTYPE_NS, outside(making));
        add_name(making, apex, RRTYPE_DNAME, target(making));
        return;
    }
    add_name(making, apex, RRTYPE_NS, server);
    add_a(making, server);
    if (world_chance(making->world, 30))
        add_aaaa(making, server);
    if (world_chance(making->world, 40) && !name_is_within(other, apex))
        add_name(making, apex, RRTYPE_NS, other);
}

static void begin(struct making *making)
{
    const uint8_t *apex = making->zone->apex;
    world_add(making->world, making->zone, apex, RRTYPE_SOA, some_ttl(making),
              arena_printf(making->world->arena, "%s %s 1 3600 600 86400 %u",
                           text(making, child(making, "ns1", apex)),
                           text(making, child(making, "Host.Master", apex)), some_ttl(making)));
    begin_servers(making, apex);
    if (world_chance(making->world, 50))
        add_some(making, apex);
}

void world_fill(struct world *world, struct world_zone *zone)
{
    static void (*const features[])(struct making *) = {
        feature_plain, feature_plain, feature_wildcard, feature_wildcard,   feature_chain,
        feature_hop,   feature_dname, feature_dname,    feature_delegation, feature_empty,
        feature_long,  feature_odd,   feature_large,    feature_many,       feature_delegation,
    };
    struct making making = {.world = world, .zone = zone};
    begin(&making);
    meet_children(&making);
    for (unsigned i = 0; i < 4 + world_below(world, 7); i++)
        features[world_below(world, sizeof features / sizeof features[0])](&making);
}
