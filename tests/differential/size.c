/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules on room and truncation; see predicates.h. */
#include "differential/predicates.h"
#include "wire/message.h"
#include "wire/rrtype.h"

enum { TCP_NEARLY_FULL = 65000 };

/* What is truncated does not fit: by TCP it is longer. What is not, does. */
bool has_no_room(const struct deviation *deviation)
{
    const struct answer *whole =
        deviation->ours->tc ? deviation->ours_whole : deviation->theirs_whole;
    const struct answer *fits = deviation->ours->tc ? deviation->theirs : deviation->ours;
    size_t room = udp_room(deviation->question);
    return !deviation->tcp && whole && whole->size > room && fits->size <= room;
}

bool soa_has_no_room(const struct deviation *deviation)
{
    return !deviation->tcp && !deviation->theirs->sections[SECTION_AUTHORITY].count &&
           deviation->ours->sections[SECTION_AUTHORITY].count == 1 &&
           records_find(&deviation->ours->sections[SECTION_AUTHORITY], NULL, RRTYPE_SOA) &&
           deviation->theirs->size + SMALL_RRSET > udp_room(deviation->question);
}

bool tcp_is_nearly_full(const struct deviation *deviation)
{
    return deviation->tcp && deviation->theirs->tc && !deviation->ours->tc &&
           deviation->ours->size > TCP_NEARLY_FULL;
}

/* A chain whose last RRset fits alone. */
bool chain_is_overfull(const struct deviation *deviation)
{
    return deviation->tcp && deviation->ours->rcode == RCODE_NOERROR &&
           count_of(deviation->ours, RRTYPE_CNAME) &&
           !count_of(deviation->ours, deviation->question->rrtype) &&
           (deviation->theirs->tc || (deviation->theirs->size > TCP_NEARLY_FULL &&
                                      count_of(deviation->theirs, RRTYPE_CNAME)));
}

/* By TCP they are judged again. */
bool is_truncated_early(const struct deviation *deviation)
{
    const struct answer *ours = whole_of(deviation->ours, deviation->ours_whole);
    const struct answer *theirs = whole_of(deviation->theirs, deviation->theirs_whole);
    return !deviation->tcp && (deviation->ours->tc || deviation->theirs->tc) &&
           ours->rcode == theirs->rcode && ours->aa == theirs->aa;
}
