/* SPDX-License-Identifier: BSD-2-Clause */
#include "differential/rules.h"

#include "base/memory.h"
#include "wire/message.h"
#include "wire/rrtype.h"

#include <stdlib.h>
#include <string.h>

/* ---- what rules look at ---- */

enum { UDP_CLASSIC = 512, UDP_MOST = 1232, CHAIN_MOST = 64 };

/* What a truncated answer would have been. */
static const struct answer *whole_of(const struct answer *answer, const struct answer *whole)
{
    return answer->tc && whole ? whole : answer;
}

/* The name at the end of the CNAMEs in an answer. */
static const uint8_t *chain_end(const struct answer *answer, const uint8_t *name)
{
    const struct canonical *cname;
    for (int i = 0; i < CHAIN_MOST; i++) {
        cname = records_find(&answer->sections[SECTION_ANSWER], name, RRTYPE_CNAME);
        if (!cname)
            break;
        name = record_target(cname);
    }
    return name;
}

static size_t count_of(const struct answer *answer, uint16_t rrtype)
{
    const struct records *records = &answer->sections[SECTION_ANSWER];
    size_t count = 0;
    for (size_t i = 0; i < records->count; i++)
        count += record_type(&records->list[i]) == rrtype;
    return count;
}

/* Whether the CNAMEs lead back to a name on their way. */
static bool chain_loops(const struct answer *answer, const uint8_t *name)
{
    const uint8_t *end = chain_end(answer, name);
    return records_find(&answer->sections[SECTION_ANSWER], end, RRTYPE_CNAME) != NULL;
}

/* The zone that a question begins in: for DS the one above, where the name is an apex. */
static const struct world_zone *zone_of_question(const struct deviation *deviation)
{
    const uint8_t *name = deviation->question->name;
    const struct world_zone *zone = world_zone_of(deviation->world, name);
    if (deviation->question->rrtype != RRTYPE_DS || !zone || !name_equal(zone->apex, name))
        return zone;
    const struct world_zone *above = world_zone_of(deviation->world, name_parent(name));
    return above ? above : zone;
}

/* A name exists where records stand at or below it. */
static bool exists(const struct world_zone *zone, const uint8_t *name)
{
    if (!name_is_within(name, zone->apex) && !name_is_within(zone->apex, name))
        return false;
    for (size_t i = 0; i < zone->nrecords; i++)
        if (name_is_within(zone->records[i].owner, name))
            return true;
    return false;
}

/* The nearest name above, or the name itself, that exists in its zone; NULL: not in our zones. */
static const uint8_t *closest_encloser(const struct world *world, const uint8_t *name)
{
    const struct world_zone *zone = world_zone_of(world, name);
    while (zone && !exists(zone, name))
        name = name_parent(name);
    return zone ? name : NULL;
}

static size_t udp_room(const struct question *question)
{
    size_t room = question->edns_size > UDP_CLASSIC ? question->edns_size : UDP_CLASSIC;
    return room < UDP_MOST ? room : UDP_MOST;
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

/* ---- rules ---- */

static bool any_is_hinfo(const struct deviation *deviation)
{
    const uint8_t *end = chain_end(deviation->ours, deviation->question->name);
    const struct records *answer = &deviation->ours->sections[SECTION_ANSWER];
    return deviation->question->rrtype == RRTYPE_ANY && records_find(answer, end, RRTYPE_HINFO) &&
           answer->count == 1 &&
           (deviation->theirs->sections[SECTION_ANSWER].count || deviation->theirs->tc);
}

static bool is_address(const struct canonical *record)
{
    return record_type(record) == RRTYPE_A || record_type(record) == RRTYPE_AAAA;
}

/* What a rule on the additional section may let pass. */
typedef bool pass_extra(const struct deviation *deviation, const struct canonical *record);

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

/* Glue in an answer that is no referral. */
static bool is_delegated_address(const struct deviation *deviation, const struct canonical *record)
{
    return is_address(record) && is_named(deviation->theirs, record->bytes) &&
           deviation->theirs->aa && deviation->ours->aa;
}

static bool addresses_are_delegated(const struct deviation *deviation)
{
    return extras_pass(deviation, is_optional, is_delegated_address);
}

static bool addresses_are_optional(const struct deviation *deviation)
{
    return extras_pass(deviation, is_optional, is_optional);
}

static bool glue_is_from_wildcard(const struct deviation *deviation)
{
    return extras_pass(deviation, is_optional, is_wildcard_glue);
}

static bool glue_is_occluded(const struct deviation *deviation)
{
    return extras_pass(deviation, is_optional, is_below_dname);
}

/* What is truncated does not fit: by TCP it is longer. What is not, does. */
static bool has_no_room(const struct deviation *deviation)
{
    const struct answer *whole =
        deviation->ours->tc ? deviation->ours_whole : deviation->theirs_whole;
    const struct answer *fits = deviation->ours->tc ? deviation->theirs : deviation->ours;
    size_t room = udp_room(deviation->question);
    return !deviation->tcp && whole && whole->size > room && fits->size <= room;
}

enum { MANY_ADDRESSES = 15, SMALL_RRSET = 64, TCP_NEARLY_FULL = 65000 };

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
static bool glue_is_crowded_out(const struct deviation *deviation)
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

static bool soa_has_no_room(const struct deviation *deviation)
{
    return !deviation->tcp && !deviation->theirs->sections[SECTION_AUTHORITY].count &&
           deviation->ours->sections[SECTION_AUTHORITY].count == 1 &&
           records_find(&deviation->ours->sections[SECTION_AUTHORITY], NULL, RRTYPE_SOA) &&
           deviation->theirs->size + SMALL_RRSET > udp_room(deviation->question);
}

static bool tcp_is_nearly_full(const struct deviation *deviation)
{
    return deviation->tcp && deviation->theirs->tc && !deviation->ours->tc &&
           deviation->ours->size > TCP_NEARLY_FULL;
}

/* A chain whose last RRset would fit alone. */
static bool chain_is_overfull(const struct deviation *deviation)
{
    return deviation->tcp && deviation->ours->rcode == RCODE_SERVFAIL &&
           (deviation->theirs->tc || (deviation->theirs->size > TCP_NEARLY_FULL &&
                                      count_of(deviation->theirs, RRTYPE_CNAME)));
}

/* By TCP they are judged again. */
static bool is_truncated_early(const struct deviation *deviation)
{
    const struct answer *ours = whole_of(deviation->ours, deviation->ours_whole);
    const struct answer *theirs = whole_of(deviation->theirs, deviation->theirs_whole);
    return !deviation->tcp && (deviation->ours->tc || deviation->theirs->tc) &&
           ours->rcode == theirs->rcode && ours->aa == theirs->aa;
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
static bool ends_at_zone(const struct deviation *deviation)
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
static bool stays_in_zone(const struct deviation *deviation)
{
    const struct records *theirs = &deviation->theirs->sections[SECTION_ANSWER];
    for (size_t i = 0; i < theirs->count; i++)
        if (record_type(&theirs->list[i]) == RRTYPE_CNAME &&
            is_handed_on(deviation, record_target(&theirs->list[i])))
            return true;
    return false;
}

/* A CNAME leads to the apex of the zone that it stands in; its DS stands in the zone above. */
static bool ds_stays_in_zone(const struct deviation *deviation)
{
    const struct answer *theirs = deviation->theirs;
    const uint8_t *end = chain_end(theirs, deviation->question->name);
    return deviation->question->rrtype == RRTYPE_DS && end != deviation->question->name &&
           name_equal(end, zone_of_question(deviation)->apex) && theirs->rcode == RCODE_NOERROR &&
           records_within(&theirs->sections[0], &deviation->ours->sections[0]) &&
           records_find(&theirs->sections[SECTION_AUTHORITY], end, RRTYPE_SOA);
}

/* An apex that the zone above does not know. */
static bool ds_is_unknown_above(const struct deviation *deviation)
{
    const uint8_t *name = deviation->question->name;
    const struct world_zone *below = world_zone_of(deviation->world, name);
    const struct world_zone *above = zone_of_question(deviation);
    return deviation->question->rrtype == RRTYPE_DS && above != below && !exists(above, name) &&
           deviation->ours->rcode == RCODE_NOERROR && !deviation->ours->sections[0].count &&
           (deviation->theirs->rcode == RCODE_NXDOMAIN ||
            records_find(&deviation->theirs->sections[0], name, RRTYPE_CNAME));
}

static bool loop_is_servfail(const struct deviation *deviation)
{
    const struct answer *ours = whole_of(deviation->ours, deviation->ours_whole);
    return deviation->theirs->rcode == RCODE_SERVFAIL && ours->rcode == RCODE_NOERROR &&
           chain_loops(ours, deviation->question->name);
}

enum { BIND_RESTARTS = 11, KNOT_CHAIN = 5, OUR_CHAIN = 17 };

static bool chain_is_servfail(const struct deviation *deviation)
{
    return deviation->theirs->rcode == RCODE_SERVFAIL &&
           (deviation->theirs->tc || count_of(deviation->theirs, RRTYPE_CNAME) > BIND_RESTARTS);
}

/* Theirs goes on where ours has as many as it follows. */
static bool our_chain_is_cut(const struct deviation *deviation)
{
    const struct answer *ours = whole_of(deviation->ours, deviation->ours_whole);
    return count_of(ours, RRTYPE_CNAME) == OUR_CHAIN && ours->rcode == RCODE_NOERROR &&
           !ours->sections[SECTION_AUTHORITY].count &&
           (deviation->theirs->tc || records_within(&ours->sections[SECTION_ANSWER],
                                                    &deviation->theirs->sections[SECTION_ANSWER]));
}

/* What they left out begins below a DNAME that they have answered already. */
static bool dname_is_used_once(const struct deviation *deviation)
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

static bool chain_is_cut(const struct deviation *deviation)
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

static bool names_are_shared(const struct deviation *deviation)
{
    const struct records *answer = &deviation->ours->sections[SECTION_ANSWER];
    bool shared = is_known_elsewhere(deviation->world, deviation->question->name);
    for (size_t i = 0; i < answer->count; i++)
        if (record_type(&answer->list[i]) == RRTYPE_CNAME)
            shared |= is_known_elsewhere(deviation->world, record_target(&answer->list[i]));
    return shared;
}

static bool wildcard_is_empty(const struct deviation *deviation)
{
    const uint8_t *end = chain_end(deviation->ours, deviation->question->name);
    const uint8_t *encloser = closest_encloser(deviation->world, end);
    const struct world_zone *zone = world_zone_of(deviation->world, end);
    uint8_t wildcard[NAME_MAX_SIZE + 2];
    return encloser && encloser != end && deviation->ours->rcode == RCODE_NOERROR &&
           deviation->theirs->rcode == RCODE_NXDOMAIN && wildcard_of(encloser, wildcard) &&
           exists(zone, wildcard) && !world_find(zone, wildcard, 0);
}

static bool knows_no_yxdomain(const struct deviation *deviation)
{
    unsigned rcode = deviation->theirs->rcode;
    return deviation->ours->rcode == RCODE_YXDOMAIN &&
           (rcode == RCODE_NXDOMAIN || rcode == RCODE_YXDOMAIN) &&
           records_within(&deviation->ours->sections[SECTION_ANSWER],
                          &deviation->theirs->sections[SECTION_ANSWER]);
}

/* Theirs goes on where ours ends with the CNAME that a DNAME makes. */
static bool any_goes_on(const struct deviation *deviation)
{
    const struct answer *answer = whole_of(deviation->ours, deviation->ours_whole);
    const struct records *ours = &answer->sections[SECTION_ANSWER];
    const struct records *theirs = &deviation->theirs->sections[SECTION_ANSWER];
    return deviation->question->rrtype == RRTYPE_ANY && records_find(ours, NULL, RRTYPE_DNAME) &&
           (records_within(ours, theirs) || deviation->theirs->tc);
}

/* Theirs is NODATA of the zone in which ours begins to follow CNAMEs. */
static bool signature_stays(const struct deviation *deviation)
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

static bool was_not_told(const struct deviation *deviation)
{
    const struct records *answer = &deviation->ours->sections[SECTION_ANSWER];
    bool lacks = world_nsd_lacks(deviation->world, deviation->question->name);
    for (size_t i = 0; i < answer->count; i++)
        lacks |= world_nsd_lacks(deviation->world, answer->list[i].bytes);
    return lacks ||
           world_nsd_lacks(deviation->world, chain_end(deviation->ours, deviation->question->name));
}

enum { NSD = 1 << PEER_NSD, KNOT = 1 << PEER_KNOT, BIND = 1 << PEER_BIND };

struct rule {
    const char *name, *why;
    unsigned peers;
    unsigned aspects; /* that it can explain */
    bool (*holds)(const struct deviation *deviation);
};

enum { ANY_BUT_AA = ASPECT_RCODE | ASPECT_ANSWER | ASPECT_AUTHORITY | ASPECT_ADDITIONAL };

static const struct rule rules[] = {
    {"any-hinfo", "ANY is one HINFO (RFC 8482 section 4.2); the others answer with RRsets",
     NSD | KNOT | BIND, ASPECT_TC | ASPECT_ANSWER | ASPECT_ADDITIONAL, any_is_hinfo},
    {"optional-addresses",
     "authoritative addresses of names that records point to are not glue: they may be added (RFC "
     "1034 section 4.3.2 step 6)",
     NSD | KNOT | BIND, ASPECT_ADDITIONAL, addresses_are_optional},
    {"wildcard-glue",
     "a wildcard below a delegation makes no glue (RFC 4592 section 4.2); NSD and Knot make some",
     NSD | KNOT, ASPECT_ADDITIONAL, glue_is_from_wildcard},
    {"occluded-glue",
     "addresses below a DNAME do not exist (RFC 6672 section 2.4); BIND adds them as glue", BIND,
     ASPECT_ADDITIONAL, glue_is_occluded},
    {"delegated-addresses",
     "addresses below a delegation are glue for referrals only (RFC 2181 section 5.4.1); Knot adds "
     "them for MX and SRV, too",
     KNOT, ASPECT_ADDITIONAL, addresses_are_delegated},
    {"no-room",
     "one compresses more than the other (we: no names in rdata), and so has room where the other "
     "truncates (RFC 1035 section 4.1.4: optional)",
     NSD | KNOT | BIND, ASPECT_TC, has_no_room},
    {"truncated-early",
     "a truncated answer ends before the chain's end gives rcode and AA; by TCP they are the same",
     NSD | KNOT | BIND, ASPECT_RCODE | ASPECT_AA, is_truncated_early},
    {"crowded-out",
     "glue is never left out without TC (RFC 9471 section 3); NSD leaves it out beside a server "
     "with "
     "many addresses, BIND at a chain's end where other addresses take its room",
     NSD | BIND, ASPECT_ADDITIONAL, glue_is_crowded_out},
    {"soa-no-room",
     "a negative answer has its SOA or TC (RFC 2308 section 3); Knot leaves it out where it does "
     "not "
     "fit",
     KNOT, ASPECT_AUTHORITY, soa_has_no_room},
    {"tcp-full", "BIND truncates by TCP a little before 65535 octets", BIND, ASPECT_TC,
     tcp_is_nearly_full},
    {"tcp-overfull",
     "a CNAME and an RRset that only together have more than 65535 octets without compression: we "
     "say SERVFAIL; NSD and Knot have just room, BIND sets TC (RFC 1035 section 4.2.2 has no more)",
     NSD | KNOT | BIND, ANY_BUT_AA | ASPECT_AA | ASPECT_TC, chain_is_overfull},
    {"ends-at-zone",
     "a chain goes on in other zones of ours (RFC 1034 section 4.3.2 step 3a), as with NSD; Knot "
     "and BIND leave that to the resolver",
     KNOT | BIND, ANY_BUT_AA, ends_at_zone},
    {"stays-in-zone",
     "a zone of ours below answers for its names (RFC 1034 section 4.2.1); within a chain Knot "
     "goes "
     "on with what the zone above hides there",
     KNOT, ANY_BUT_AA, stays_in_zone},
    {"ds-after-cname",
     "the DS of a chain's end stands in the zone above it (RFC 4035 section 3.1.4.1), as with NSD; "
     "Knot and BIND look in the zone that they are in",
     KNOT | BIND, ANY_BUT_AA, ds_stays_in_zone},
    {"ds-unknown-above",
     "DS of a zone of ours that the zone above does not know: NODATA, as with NSD, as NXDOMAIN "
     "would deny the zone itself (RFC 8020); Knot and BIND say NXDOMAIN, or what a wildcard says",
     KNOT | BIND, ANY_BUT_AA, ds_is_unknown_above},
    {"loop-servfail", "a loop is answered as far as it goes; BIND adds SERVFAIL", BIND,
     ASPECT_RCODE, loop_is_servfail},
    {"chain-servfail",
     "BIND follows 11 CNAMEs, then says SERVFAIL; we follow 17 (RFC 1034 section 3.6.2 sets no "
     "limit)",
     BIND, ANY_BUT_AA | ASPECT_TC, chain_is_servfail},
    {"our-chain-cut", "we follow 17 CNAMEs, NSD more; the resolver asks on", NSD,
     ANY_BUT_AA | ASPECT_TC, our_chain_is_cut},
    {"dname-once", "NSD applies each DNAME once in an answer; the resolver asks on", NSD,
     ANY_BUT_AA | ASPECT_TC, dname_is_used_once},
    {"chain-cut", "Knot follows 5 CNAMEs; the resolver asks on", KNOT, ANY_BUT_AA | ASPECT_TC,
     chain_is_cut},
    {"empty-wildcard",
     "a wildcard that is an empty non-terminal exists and matches: NODATA (RFC 4592 sections 2.2.3 "
     "and 3.3.1); NSD says NXDOMAIN",
     NSD, ASPECT_RCODE, wildcard_is_empty},
    {"shared-names",
     "NSD keeps all zones' names in one tree: a name that only another zone knows exists here too: "
     "NODATA instead of NXDOMAIN (RFC 2308 section 2), or a wildcard that does not match",
     NSD, ANY_BUT_AA, names_are_shared},
    {"no-yxdomain",
     "a DNAME that makes too long a name is YXDOMAIN, and the end (RFC 6672 section 2.2); Knot "
     "goes "
     "on at the DNAME's target, whose data it adds or whose NXDOMAIN it gives",
     KNOT, ANY_BUT_AA, knows_no_yxdomain},
    {"any-goes-on",
     "the CNAME that a DNAME makes matches ANY, the search ends (RFC 6672 section 3.2, RFC 1034 "
     "section 4.3.2 step 3a), as with BIND; NSD and Knot go on",
     NSD | KNOT | BIND, ANY_BUT_AA | ASPECT_TC, any_goes_on},
    {"signature-stays",
     "RRSIG and NSEC may stand beside a CNAME (RFC 4035 section 2.5): Knot and BIND look there; "
     "NSD and we follow, as no zone of ours is signed",
     KNOT | BIND, ANY_BUT_AA, signature_stays},
    {"nsd-not-told",
     "NSD refuses a DNAME above data of any zone, and was not told it (RFC 6672 section 2.4 lets "
     "only "
     "the same zone's be hidden)",
     NSD, ANY_BUT_AA | ASPECT_AA | ASPECT_TC, was_not_told},
};

enum { RULES = sizeof rules / sizeof rules[0] };

struct rule_counts {
    size_t used[RULES][PEERS];
};

unsigned answers_differ(const struct answer *ours, const struct answer *theirs)
{
    unsigned aspects = 0;
    if (!ours->readable || !theirs->readable)
        return ours->readable == theirs->readable ? 0 : ASPECT_RCODE;
    aspects |= ours->rcode != theirs->rcode ? ASPECT_RCODE : 0;
    aspects |= ours->aa != theirs->aa ? ASPECT_AA : 0;
    aspects |= ours->tc != theirs->tc ? ASPECT_TC : 0;
    aspects |= ours->edns != theirs->edns ? ASPECT_EDNS : 0;
    for (size_t i = 0; i < SECTIONS && !ours->tc && !theirs->tc; i++)
        if (!records_equal(&ours->sections[i], &theirs->sections[i]))
            aspects |= (unsigned)ASPECT_ANSWER << i;
    return aspects;
}

struct rule_counts *rule_counts_new(void)
{
    return memory_alloc(sizeof(struct rule_counts));
}

/* What is truncated is explained, too, by what holds for the whole answers. */
static bool rule_holds(const struct rule *rule, const struct deviation *deviation)
{
    struct deviation whole = *deviation;
    whole.ours = whole_of(deviation->ours, deviation->ours_whole);
    whole.theirs = whole_of(deviation->theirs, deviation->theirs_whole);
    return rule->holds(deviation) ||
           ((whole.ours != deviation->ours || whole.theirs != deviation->theirs) &&
            rule->holds(&whole));
}

unsigned rules_explain(const struct deviation *deviation, struct rule_counts *counts)
{
    unsigned left = deviation->aspects;
    for (size_t i = 0; i < RULES && left; i++) {
        if (!(rules[i].peers & 1u << deviation->peer) || !(rules[i].aspects & left) ||
            !rule_holds(&rules[i], deviation))
            continue;
        left &= ~rules[i].aspects;
        counts->used[i][deviation->peer]++;
    }
    return left;
}

void rule_counts_print(const struct rule_counts *counts, FILE *out)
{
    fprintf(out, "%-24s %8s %8s %8s\n", "explained by rule", "nsd", "knotd", "named");
    for (size_t i = 0; i < RULES; i++)
        fprintf(out, "%-24s %8zu %8zu %8zu  %s\n", rules[i].name, counts->used[i][PEER_NSD],
                counts->used[i][PEER_KNOT], counts->used[i][PEER_BIND], rules[i].why);
}

void aspects_print(unsigned aspects, FILE *out)
{
    static const char *const names[] = {"rcode",     "AA",         "TC",  "answer",
                                        "authority", "additional", "EDNS"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (aspects & 1u << i)
            fprintf(out, " %s", names[i]);
}
