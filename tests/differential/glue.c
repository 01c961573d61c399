/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules on the additional section; see predicates.h. */
#include "differential/predicates.h"
#include "wire/rrtype.h"

#include <string.h>

static bool is_address(const struct canonical *record)
{
    return record_type(record) == RRTYPE_A || record_type(record) == RRTYPE_AAAA;
}

/* What a rule on the additional section may let pass. */
typedef bool pass_extra(const struct deviation *deviation, const struct canonical *record);

/* Whether a record in these sections names that name in its rdata. */
static bool is_named(const struct answer *answer, const uint8_t *name)
{
    for (size_t i = SECTION_ANSWER; i <= SECTION_AUTHORITY; i++) {
        for (size_t j = 0; j < answer->sections[i].count; j++) {
            size_t size;
            const uint8_t *rdata = record_rdata(&answer->sections[i].list[j], &size);
            if (memmem(rdata, size, name, name_size(name)))
                return true;
        }
    }
    return false;
}

/* Whether a delegation or a DNAME stands at or above a name, below its zone's apex; a DNAME at the
 * name itself hides nothing of it. */
static bool is_hidden(const struct world *world, const uint8_t *name)
{
    const struct world_zone *zone = world_zone_of(world, name);
    for (const uint8_t *at = name; zone && at; at = name_parent(at)) {
        bool apex = name_equal(at, zone->apex);
        if ((!apex && world_find(zone, at, RRTYPE_NS)) ||
            (at != name && world_find(zone, at, RRTYPE_DNAME)))
            return true;
        if (apex)
            break;
    }
    return false;
}

/* RFC 9460 section 4.2 adds what an alias leads to, be it the same record; Knot gives a wildcard's
 * under the wildcard's own name. */
static bool is_optional(const struct deviation *deviation, const struct canonical *record)
{
    bool service = record_type(record) == 64 || record_type(record) == 65;
    if (service && (records_have(&deviation->theirs->sections[SECTION_ANSWER], record) ||
                    name_is_wildcard(record->bytes)))
        return true;
    return (is_address(record) || service) && is_named(deviation->theirs, record->bytes) &&
           !is_hidden(deviation->world, record->bytes);
}

/* Made from a wildcard below the delegation. */
static bool is_wildcard_glue(const struct deviation *deviation, const struct canonical *record)
{
    const struct world_zone *zone = world_zone_of(deviation->world, record->bytes);
    return is_address(record) && is_named(deviation->theirs, record->bytes) && zone &&
           !exists(zone, record->bytes) && is_hidden(deviation->world, record->bytes);
}

static bool is_below_dname(const struct deviation *deviation, const struct canonical *record)
{
    const struct world_zone *zone = world_zone_of(deviation->world, record->bytes);
    for (const uint8_t *at = name_parent(record->bytes); zone && at; at = name_parent(at))
        if (name_is_within(at, zone->apex) && world_find(zone, at, RRTYPE_DNAME))
            return is_address(record) && is_named(deviation->theirs, record->bytes);
    return false;
}

/* Glue in an answer that is no referral. */
static bool is_delegated_address(const struct deviation *deviation, const struct canonical *record)
{
    return is_address(record) && is_named(deviation->theirs, record->bytes) &&
           deviation->theirs->aa && deviation->ours->aa;
}

/* Ours are among theirs, and the others are let pass by either. */
static bool extras_pass(const struct deviation *deviation, pass_extra *one, pass_extra *other)
{
    const struct records *ours = &deviation->ours->sections[SECTION_ADDITIONAL];
    const struct records *theirs = &deviation->theirs->sections[SECTION_ADDITIONAL];
    for (size_t i = 0; i < theirs->count; i++)
        if (!records_have(ours, &theirs->list[i]) && !one(deviation, &theirs->list[i]) &&
            !other(deviation, &theirs->list[i]))
            return false;
    return records_within(ours, theirs);
}

bool addresses_are_delegated(const struct deviation *deviation)
{
    return extras_pass(deviation, is_optional, is_delegated_address);
}

bool addresses_are_optional(const struct deviation *deviation)
{
    return extras_pass(deviation, is_optional, is_optional);
}

bool glue_is_from_wildcard(const struct deviation *deviation)
{
    return extras_pass(deviation, is_optional, is_wildcard_glue);
}

bool glue_is_occluded(const struct deviation *deviation)
{
    return extras_pass(deviation, is_optional, is_below_dname);
}

enum { MANY_ADDRESSES = 15 };

static size_t count_addresses(const struct world *world, const uint8_t *name)
{
    const struct world_zone *zone = world_zone_of(world, name);
    size_t count = 0;
    for (size_t i = 0; zone && i < zone->nrecords; i++)
        count += zone->records[i].rrtype == RRTYPE_A && name_equal(zone->records[i].owner, name);
    return count;
}

static bool has_crowded_server(const struct deviation *deviation)
{
    const struct records *servers = &deviation->theirs->sections[SECTION_AUTHORITY];
    for (size_t i = 0; i < servers->count; i++)
        if (record_type(&servers->list[i]) == RRTYPE_NS &&
            count_addresses(deviation->world, record_target(&servers->list[i])) > MANY_ADDRESSES)
            return true;
    return false;
}

/* By NSD beside a server with so many addresses; by BIND at the end of a chain, where all that it
 * adds just does not fit. */
bool glue_is_crowded_out(const struct deviation *deviation)
{
    const struct answer *theirs = deviation->theirs;
    const struct records *additional = &theirs->sections[SECTION_ADDITIONAL];
    bool full = theirs->sections[SECTION_ANSWER].count &&
                theirs->size + SMALL_RRSET > udp_room(deviation->question);
    for (size_t i = 0; i < additional->count; i++)
        if (!records_have(&deviation->ours->sections[SECTION_ADDITIONAL], &additional->list[i]) &&
            !is_optional(deviation, &additional->list[i]) &&
            !(deviation->peer == PEER_BIND && is_below_dname(deviation, &additional->list[i])))
            return false;
    return !deviation->tcp && (deviation->peer == PEER_NSD ? has_crowded_server(deviation) : full);
}
