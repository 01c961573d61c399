/* SPDX-License-Identifier: BSD-2-Clause */
/* What rules are made of: what an answer or the zones say, and for each rule of rules.c, by the
 * folder's files, the predicate that tells whether it holds. */
#ifndef EVERMX_TESTS_PREDICATES_H
#define EVERMX_TESTS_PREDICATES_H

#include "differential/rules.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Octets: with less room left, even a small RRset may have had none. */
enum { SMALL_RRSET = 64 };

/* What a truncated answer would have been. */
const struct answer *whole_of(const struct answer *answer, const struct answer *whole);

/* The name at the end of the CNAMEs in an answer. */
const uint8_t *chain_end(const struct answer *answer, const uint8_t *name);

size_t count_of(const struct answer *answer, uint16_t rrtype);

/* The zone that a question begins in: for DS the one above, where the name is an apex. */
const struct world_zone *zone_of_question(const struct deviation *deviation);

/* A name exists where records stand at or below it. */
bool exists(const struct world_zone *zone, const uint8_t *name);

size_t udp_room(const struct question *question);

/* glue.c: what else stands in the additional section. */
bool addresses_are_delegated(const struct deviation *deviation);
bool addresses_are_optional(const struct deviation *deviation);
bool glue_is_from_wildcard(const struct deviation *deviation);
bool glue_is_occluded(const struct deviation *deviation);
bool glue_is_crowded_out(const struct deviation *deviation);

/* size.c: what has room, and what is truncated. */
bool has_no_room(const struct deviation *deviation);
bool soa_has_no_room(const struct deviation *deviation);
bool tcp_is_nearly_full(const struct deviation *deviation);
bool chain_is_overfull(const struct deviation *deviation);
bool is_truncated_early(const struct deviation *deviation);

/* chains.c: where CNAMEs and DNAMEs lead, what exists, and whose it is. */
bool any_is_hinfo(const struct deviation *deviation);
bool ends_at_zone(const struct deviation *deviation);
bool stays_in_zone(const struct deviation *deviation);
bool ds_stays_in_zone(const struct deviation *deviation);
bool ds_is_unknown_above(const struct deviation *deviation);
bool loop_is_servfail(const struct deviation *deviation);
bool chain_is_servfail(const struct deviation *deviation);
bool our_chain_is_cut(const struct deviation *deviation);
bool dname_is_used_once(const struct deviation *deviation);
bool chain_is_cut(const struct deviation *deviation);
bool names_are_shared(const struct deviation *deviation);
bool wildcard_is_empty(const struct deviation *deviation);
bool knows_no_yxdomain(const struct deviation *deviation);
bool any_goes_on(const struct deviation *deviation);
bool signature_stays(const struct deviation *deviation);
bool was_not_told(const struct deviation *deviation);

#endif
