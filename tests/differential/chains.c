/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules on names; see predicates.h. */
#include "differential/predicates.h"
#include "wire/message.h"
#include "wire/rrtype.h"

#include <string.h>

/* Whether the CNAMEs lead back to a name on their way. */
static bool chain_loops(const struct answer *answer, const uint8_t *name)
{
    const uint8_t *end = chain_end(answer, name);
    return records_find(&answer->sections[SECTION_ANSWER], end, RRTYPE_CNAME) != NULL;
}

/* The nearest name above, or the name itself, that exists in its zone; NULL: not in our zones. */
static const uint8_t *closest_encloser(const struct world *world, const uint8_t *name)
{
    const struct world_zone *zone = world_zone_of(world, name);
    while (zone && !exists(zone, name))
        name = name_parent(name);
    return zone ? name : NULL;
}

bool any_is_hinfo(const struct deviation *deviation)
{
    const uint8_t *end = chain_end(deviation->ours, deviation->question->name);
    const struct records *answer = &deviation->ours->sections[SECTION_ANSWER];
    return deviation->question->rrtype == RRTYPE_ANY && records_find(answer, end, RRTYPE_HINFO) &&
           answer->count == 1 &&
           (deviation->theirs->sections[SECTION_ANSWER].count || deviation->theirs->tc);
}

/* Nothing, or the delegation by which the zone hands the name on. */
static bool hands_on(const struct world_zone *zone, const struct records *authority,
                     const uint8_t *name)
{
    for (size_t i = 0; i < authority->count; i++)
        if (record_type(&authority->list[i]) != RRTYPE_NS ||
            !name_is_within(name, authority->list[i].bytes) ||
            !world_find(zone, authority->list[i].bytes, RRTYPE_NS))
            return false;
    return true;
}

/* Theirs ends, without an error, where the chain leaves the zone that it began in. */
bool ends_at_zone(const struct deviation *deviation)
{
    const struct answer *theirs = deviation->theirs;
    const uint8_t *end = chain_end(theirs, deviation->question->name);
    const struct world_zone *zone = zone_of_question(deviation);
    return theirs->rcode == RCODE_NOERROR && theirs->aa && theirs->sections[0].count &&
           records_within(&theirs->sections[0], &deviation->ours->sections[0]) &&
           world_zone_of(deviation->world, end) != zone &&
           hands_on(zone, &theirs->sections[SECTION_AUTHORITY], end);
}

/* A name of the zone that the question begins in, and also of one of ours below it. */
static bool is_handed_on(const struct deviation *deviation, const uint8_t *name)
{
    const struct world_zone *zone = zone_of_question(deviation);
    return zone && name_is_within(name, zone->apex) &&
           world_zone_of(deviation->world, name) != zone;
}

/* The chain leads to such a name, and theirs goes on with what this zone has there. */
bool stays_in_zone(const struct deviation *deviation)
{
    const struct records *theirs = &deviation->theirs->sections[SECTION_ANSWER];
    for (size_t i = 0; i < theirs->count; i++)
        if (record_type(&theirs->list[i]) == RRTYPE_CNAME &&
            is_handed_on(deviation, record_target(&theirs->list[i])))
            return true;
    return false;
}

/* A CNAME leads to the apex of the zone that it stands in; its DS stands in the zone above. */
bool ds_stays_in_zone(const struct deviation *deviation)
{
    const struct answer *theirs = deviation->theirs;
    const uint8_t *end = chain_end(theirs, deviation->question->name);
    return deviation->question->rrtype == RRTYPE_DS && end != deviation->question->name &&
           name_equal(end, zone_of_question(deviation)->apex) && theirs->rcode == RCODE_NOERROR &&
           records_within(&theirs->sections[0], &deviation->ours->sections[0]) &&
           records_find(&theirs->sections[SECTION_AUTHORITY], end, RRTYPE_SOA);
}

/* An apex that the zone above does not know. */
bool ds_is_unknown_above(const struct deviation *deviation)
{
    const uint8_t *name = deviation->question->name;
    const struct world_zone *below = world_zone_of(deviation->world, name);
    const struct world_zone *above = zone_of_question(deviation);
    return deviation->question->rrtype == RRTYPE_DS && above != below && !exists(above, name) &&
           deviation->ours->rcode == RCODE_NOERROR && !deviation->ours->sections[0].count &&
           (deviation->theirs->rcode == RCODE_NXDOMAIN ||
            records_find(&deviation->theirs->sections[0], name, RRTYPE_CNAME));
}

bool loop_is_servfail(const struct deviation *deviation)
{
    const struct answer *ours = whole_of(deviation->ours, deviation->ours_whole);
    return deviation->theirs->rcode == RCODE_SERVFAIL && ours->rcode == RCODE_NOERROR &&
           chain_loops(ours, deviation->question->name);
}

enum { BIND_RESTARTS = 11, KNOT_CHAIN = 5, OUR_CHAIN = 17 };

bool chain_is_servfail(const struct deviation *deviation)
{
    return deviation->theirs->rcode == RCODE_SERVFAIL &&
           (deviation->theirs->tc || count_of(deviation->theirs, RRTYPE_CNAME) > BIND_RESTARTS);
}

/* Theirs goes on where ours has as many as it follows. */
bool our_chain_is_cut(const struct deviation *deviation)
{
    const struct answer *ours = whole_of(deviation->ours, deviation->ours_whole);
    return count_of(ours, RRTYPE_CNAME) == OUR_CHAIN && ours->rcode == RCODE_NOERROR &&
           !ours->sections[SECTION_AUTHORITY].count &&
           (deviation->theirs->tc || records_within(&ours->sections[SECTION_ANSWER],
                                                    &deviation->theirs->sections[SECTION_ANSWER]));
}

/* What they left out begins below a DNAME that they have answered already. */
bool dname_is_used_once(const struct deviation *deviation)
{
    const struct records *theirs = &deviation->theirs->sections[SECTION_ANSWER];
    const uint8_t *end = chain_end(deviation->theirs, deviation->question->name);
    if (!records_within(theirs, &deviation->ours->sections[SECTION_ANSWER]))
        return false;
    for (const uint8_t *at = name_parent(end); at; at = name_parent(at))
        if (records_find(theirs, at, RRTYPE_DNAME))
            return true;
    return false;
}

bool chain_is_cut(const struct deviation *deviation)
{
    return records_within(&deviation->theirs->sections[0], &deviation->ours->sections[0]) &&
           count_of(deviation->theirs, RRTYPE_CNAME) >= KNOT_CHAIN &&
           !deviation->theirs->sections[SECTION_AUTHORITY].count;
}

static bool another_knows(const struct world *world, const struct world_zone *zone,
                          const uint8_t *name)
{
    for (size_t i = 0; i < world->nzones; i++)
        if (&world->zones[i] != zone && exists(&world->zones[i], name))
            return true;
    return false;
}

/* "*" below a name; NULL: too long. */
static const uint8_t *wildcard_of(const uint8_t *name, uint8_t wildcard[NAME_MAX_SIZE + 2])
{
    memcpy(wildcard, "\1*", 2);
    memcpy(wildcard + 2, name, name_size(name));
    return name_size(wildcard) <= NAME_MAX_SIZE ? wildcard : NULL;
}

/* Whether another zone knows the name, or one above it that its own does not, or the wildcard that
 * would cover it. */
static bool is_known_elsewhere(const struct world *world, const uint8_t *name)
{
    const struct world_zone *zone = world_zone_of(world, name);
    uint8_t wildcard[NAME_MAX_SIZE + 2];
    const uint8_t *encloser = name;
    for (; zone && !exists(zone, encloser); encloser = name_parent(encloser))
        if (another_knows(world, zone, encloser))
            return true;
    return zone && encloser != name && wildcard_of(encloser, wildcard) && !exists(zone, wildcard) &&
           another_knows(world, zone, wildcard);
}

bool names_are_shared(const struct deviation *deviation)
{
    const struct records *answer = &deviation->ours->sections[SECTION_ANSWER];
    bool shared = is_known_elsewhere(deviation->world, deviation->question->name);
    for (size_t i = 0; i < answer->count; i++)
        if (record_type(&answer->list[i]) == RRTYPE_CNAME)
            shared |= is_known_elsewhere(deviation->world, record_target(&answer->list[i]));
    return shared;
}

bool wildcard_is_empty(const struct deviation *deviation)
{
    const uint8_t *end = chain_end(deviation->ours, deviation->question->name);
    const uint8_t *encloser = closest_encloser(deviation->world, end);
    const struct world_zone *zone = world_zone_of(deviation->world, end);
    uint8_t wildcard[NAME_MAX_SIZE + 2];
    return encloser && encloser != end && deviation->ours->rcode == RCODE_NOERROR &&
           deviation->theirs->rcode == RCODE_NXDOMAIN && wildcard_of(encloser, wildcard) &&
           exists(zone, wildcard) && !world_find(zone, wildcard, 0);
}

bool knows_no_yxdomain(const struct deviation *deviation)
{
    unsigned rcode = deviation->theirs->rcode;
    return deviation->ours->rcode == RCODE_YXDOMAIN &&
           (rcode == RCODE_NXDOMAIN || rcode == RCODE_YXDOMAIN) &&
           records_within(&deviation->ours->sections[SECTION_ANSWER],
                          &deviation->theirs->sections[SECTION_ANSWER]);
}

/* Theirs goes on where ours ends with the CNAME that a DNAME makes. */
bool any_goes_on(const struct deviation *deviation)
{
    const struct answer *answer = whole_of(deviation->ours, deviation->ours_whole);
    const struct records *ours = &answer->sections[SECTION_ANSWER];
    const struct records *theirs = &deviation->theirs->sections[SECTION_ANSWER];
    return deviation->question->rrtype == RRTYPE_ANY && records_find(ours, NULL, RRTYPE_DNAME) &&
           (records_within(ours, theirs) || deviation->theirs->tc);
}

/* Theirs is NODATA of the zone in which ours begins to follow CNAMEs. */
bool signature_stays(const struct deviation *deviation)
{
    const struct answer *theirs = deviation->theirs;
    const uint8_t *end = chain_end(theirs, deviation->question->name);
    const struct canonical *soa =
        records_find(&theirs->sections[SECTION_AUTHORITY], NULL, RRTYPE_SOA);
    return (deviation->question->rrtype == RRTYPE_RRSIG ||
            deviation->question->rrtype == RRTYPE_NSEC) &&
           theirs->rcode == RCODE_NOERROR && soa && name_is_within(end, soa->bytes) &&
           (deviation->ours->tc ||
            records_find(&deviation->ours->sections[SECTION_ANSWER], end, RRTYPE_CNAME));
}

bool was_not_told(const struct deviation *deviation)
{
    const struct records *answer = &deviation->ours->sections[SECTION_ANSWER];
    bool lacks = world_nsd_lacks(deviation->world, deviation->question->name);
    for (size_t i = 0; i < answer->count; i++)
        lacks |= world_nsd_lacks(deviation->world, answer->list[i].bytes);
    return lacks ||
           world_nsd_lacks(deviation->world, chain_end(deviation->ours, deviation->question->name));
}
