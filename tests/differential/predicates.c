/* SPDX-License-Identifier: BSD-2-Clause */
#include "differential/predicates.h"

#include "wire/rrtype.h"

enum { UDP_CLASSIC = 512, UDP_MOST = 1232, CHAIN_MOST = 64 };

const struct answer *whole_of(const struct answer *answer, const struct answer *whole)
{
    return answer->tc && whole ? whole : answer;
}

const uint8_t *chain_end(const struct answer *answer, const uint8_t *name)
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

size_t count_of(const struct answer *answer, uint16_t rrtype)
{
    const struct records *records = &answer->sections[SECTION_ANSWER];
    size_t count = 0;
    for (size_t i = 0; i < records->count; i++)
        count += record_type(&records->list[i]) == rrtype;
    return count;
}

const struct world_zone *zone_of_question(const struct deviation *deviation)
{
    const uint8_t *name = deviation->question->name;
    const struct world_zone *zone = world_zone_of(deviation->world, name);
    if (deviation->question->rrtype != RRTYPE_DS || !zone || !name_equal(zone->apex, name))
        return zone;
    const struct world_zone *above = world_zone_of(deviation->world, name_parent(name));
    return above ? above : zone;
}

bool exists(const struct world_zone *zone, const uint8_t *name)
{
    if (!name_is_within(name, zone->apex) && !name_is_within(zone->apex, name))
        return false;
    for (size_t i = 0; i < zone->nrecords; i++)
        if (name_is_within(zone->records[i].owner, name))
            return true;
    return false;
}

size_t udp_room(const struct question *question)
{
    size_t room = question->edns_size > UDP_CLASSIC ? question->edns_size : UDP_CLASSIC;
    return room < UDP_MOST ? room : UDP_MOST;
}
