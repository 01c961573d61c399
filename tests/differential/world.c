/* SPDX-License-Identifier: BSD-2-Clause */
#include "differential/world.h"

#include "base/memory.h"
#include "wire/rrtype.h"

#include <ctype.h>
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

/* ---- chance ---- */

/* Splitmix64 (Steele, Lea, Flood 2014): any seed will do, and it is the same everywhere. */
static uint64_t next_random(struct world *world)
{
    uint64_t mixed = world->random += 0x9E3779B97F4A7C15u;
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EBu;
    return mixed ^ mixed >> 31;
}

unsigned world_below(struct world *world, unsigned limit)
{
    return (unsigned)((next_random(world) >> 32) * limit >> 32);
}

bool world_chance(struct world *world, unsigned percent)
{
    return world_below(world, 100) < percent;
}

/* ---- names ---- */

const uint8_t *world_child(struct world *world, const void *label, size_t size, const uint8_t *name)
{
    size_t rest = name_size(name);
    if (size > 63 || 1 + size + rest > NAME_MAX_SIZE)
        return NULL;
    uint8_t *child = arena_alloc(world->arena, 1 + size + rest);
    child[0] = (uint8_t)size;
    memcpy(child + 1, label, size);
    memcpy(child + 1 + size, name, rest);
    return child;
}

/* All but letters, digits, '-', '_' and '*' by number: what else has a meaning differs by reader.
 */
static char *print_octet(char *at, uint8_t octet)
{
    if (!isalnum(octet) && octet != '-' && octet != '_' && octet != '*')
        return at + sprintf(at, "\\%03u", octet);
    *at = (char)octet;
    return at + 1;
}

static size_t print_name(const uint8_t *name, char text[NAME_TEXT_SIZE])
{
    char *at = text;
    for (; *name; name += *name + 1) {
        for (uint8_t i = 1; i <= *name; i++)
            at = print_octet(at, name[i]);
        *at++ = '.';
    }
    if (at == text)
        *at++ = '.';
    *at = '\0';
    return (size_t)(at - text);
}

const char *world_text(struct world *world, const uint8_t *name)
{
    char text[NAME_TEXT_SIZE];
    print_name(name, text);
    return arena_strdup(world->arena, text);
}

/* ---- zones ---- */

const struct world_zone *world_zone_of(const struct world *world, const uint8_t *name)
{
    const struct world_zone *found = NULL;
    size_t longest = 0;
    for (size_t i = 0; i < world->nzones; i++) {
        size_t size = name_size(world->zones[i].apex);
        if (size > longest && name_is_within(name, world->zones[i].apex)) {
            found = &world->zones[i];
            longest = size;
        }
    }
    return found;
}

const struct world_record *world_find(const struct world_zone *zone, const uint8_t *owner,
                                      uint16_t rrtype)
{
    for (size_t i = 0; i < zone->nrecords; i++)
        if ((!rrtype || zone->records[i].rrtype == rrtype) &&
            name_equal(zone->records[i].owner, owner))
            return &zone->records[i];
    return NULL;
}

/* What all four load. Delegations and DNAMEs of wildcards are undefined (RFC 4592 sections 4.2 and
 * 4.4), and named refuses the zone. */
static bool is_allowed(const struct world_zone *zone, const uint8_t *owner, uint16_t rrtype,
                       const char *rdata)
{
    bool apex = name_equal(owner, zone->apex), other = false, servers = false;
    for (size_t i = 0; i < zone->nrecords; i++) {
        const struct world_record *record = &zone->records[i];
        if (!name_equal(record->owner, owner))
            continue;
        if (record->rrtype == RRTYPE_CNAME || (record->rrtype == rrtype && rrtype == RRTYPE_DNAME))
            return false;
        if (!apex && ((record->rrtype == RRTYPE_NS && rrtype == RRTYPE_DNAME) ||
                      (record->rrtype == RRTYPE_DNAME && rrtype == RRTYPE_NS)))
            return false;
        if (record->rrtype == rrtype && strcmp(record->rdata, rdata) == 0)
            return false;
        other = true;
        servers |= record->rrtype == RRTYPE_NS;
    }
    if (rrtype == RRTYPE_DS)
        return servers && !apex;
    if (rrtype == RRTYPE_NS || rrtype == RRTYPE_DNAME)
        return !name_is_wildcard(owner);
    return rrtype != RRTYPE_CNAME || (!other && !apex);
}

bool world_add(struct world *world, struct world_zone *zone, const uint8_t *owner, uint16_t rrtype,
               uint32_t ttl_s, const char *rdata)
{
    if (!owner || !name_is_within(owner, zone->apex) || !is_allowed(zone, owner, rrtype, rdata))
        return false;
    const struct world_record *same = world_find(zone, owner, rrtype);
    if (same)
        ttl_s = same->ttl_s;
    zone->records =
        memory_grow(zone->records, zone->nrecords, &zone->capacity, sizeof *zone->records);
    zone->records[zone->nrecords++] = (struct world_record){
        .owner = owner,
        .rrtype = rrtype,
        .ttl_s = ttl_s,
        .rdata = arena_strdup(world->arena, rdata),
    };
    return true;
}

/* Numbers in the labels keep apexes apart. A third stands below an earlier one. */
static const uint8_t *make_apex(struct world *world, size_t number)
{
    static const uint8_t root[] = {0}, test[] = "\4test", upper[] = "\4TesT";
    char label[16];
    int size = snprintf(label, sizeof label, "%c%zu", "zk"[world_below(world, 2)], number);
    if (number && world_chance(world, 33)) {
        const uint8_t *above = world->zones[world_below(world, (unsigned)number)].apex;
        if (world_chance(world, 40))
            above = world_child(world, "a", 1, above);
        return world_child(world, label, (size_t)size, above);
    }
    if (world_chance(world, 8))
        return world_child(world, label, (size_t)size, root);
    return world_child(world, label, (size_t)size, world_chance(world, 10) ? upper : test);
}

/* Whether another zone has data at or below a name. */
static bool has_others(const struct world *world, const struct world_zone *zone,
                       const uint8_t *name)
{
    for (size_t i = 0; i < world->nzones; i++) {
        const struct world_zone *other = &world->zones[i];
        bool near = name_is_within(name, other->apex) || name_is_within(other->apex, name);
        for (size_t j = 0; other != zone && near && j < other->nrecords; j++)
            if (name_is_within(other->records[j].owner, name))
                return true;
    }
    return false;
}

static void mark_for_nsd(struct world *world)
{
    for (size_t i = 0; i < world->nzones; i++) {
        struct world_zone *zone = &world->zones[i];
        for (size_t j = 0; j < zone->nrecords; j++)
            zone->records[j].not_for_nsd = zone->records[j].rrtype == RRTYPE_DNAME &&
                                           has_others(world, zone, zone->records[j].owner);
    }
}

struct world *world_new(uint64_t seed, size_t nzones)
{
    struct world *world = memory_alloc(sizeof *world);
    world->arena = arena_new();
    world->seed = seed;
    world->random = seed * 0x2545F4914F6CDD1Du + 1;
    world->zones = memory_array(nzones, sizeof *world->zones);
    for (size_t i = 0; i < nzones; i++, world->nzones++)
        world->zones[i].apex = make_apex(world, i);
    for (size_t i = 0; i < nzones; i++)
        world_fill(world, &world->zones[i]);
    mark_for_nsd(world);
    return world;
}

void world_free(struct world *world)
{
    for (size_t i = 0; i < world->nzones; i++)
        free(world->zones[i].records);
    free(world->zones);
    arena_free(world->arena);
    free(world);
}

static bool is_below_dname(const struct world_zone *zone, const uint8_t *name)
{
    for (size_t i = 0; i < zone->nrecords; i++)
        if (zone->records[i].rrtype == RRTYPE_DNAME &&
            name_is_within(name, zone->records[i].owner) &&
            !name_equal(name, zone->records[i].owner))
            return true;
    return false;
}

bool world_nsd_lacks(const struct world *world, const uint8_t *name)
{
    for (size_t i = 0; i < world->nzones; i++) {
        const struct world_zone *zone = &world->zones[i];
        for (size_t j = 0; name_is_within(name, zone->apex) && j < zone->nrecords; j++)
            if (zone->records[j].not_for_nsd && name_is_within(name, zone->records[j].owner))
                return true;
    }
    return false;
}

void world_print_zone(const struct world_zone *zone, enum world_reader reader, FILE *out)
{
    char owner[NAME_TEXT_SIZE];
    for (size_t i = 0; i < zone->nrecords; i++) {
        const struct world_record *record = &zone->records[i];
        if (reader != WORLD_FOR_ALL && is_below_dname(zone, record->owner))
            continue;
        if (reader == WORLD_FOR_NSD && record->not_for_nsd)
            continue;
        char *type = ldns_rr_type2str(record->rrtype);
        print_name(record->owner, owner);
        fprintf(out, "%s %u IN %s %s\n", owner, record->ttl_s, type, record->rdata);
        free(type);
    }
}
