/* SPDX-License-Identifier: BSD-2-Clause */
#include "differential/rules.h"

#include "base/memory.h"
#include "differential/predicates.h"

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
     "addresses below a delegation are glue for referrals only (RFC 2181 section 5.4.1); Knot "
     "adds them for MX and SRV, too",
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
     "with many addresses, BIND at a chain's end where other addresses take its room",
     NSD | BIND, ASPECT_ADDITIONAL, glue_is_crowded_out},
    {"soa-no-room",
     "a negative answer has its SOA or TC (RFC 2308 section 3); Knot leaves it out where it does "
     "not fit",
     KNOT, ASPECT_AUTHORITY, soa_has_no_room},
    {"tcp-full", "BIND truncates by TCP a little before 65535 octets", BIND, ASPECT_TC,
     tcp_is_nearly_full},
    {"tcp-overfull",
     "a CNAME and an RRset that only together have more than 65535 octets without compression: we "
     "give the CNAME, and the RRset when it is asked for; NSD and Knot have just room, BIND sets "
     "TC (RFC 1035 section 4.2.2 has no more)",
     NSD | KNOT | BIND, ANY_BUT_AA | ASPECT_AA | ASPECT_TC, chain_is_overfull},
    {"ends-at-zone",
     "a chain goes on in other zones of ours (RFC 1034 section 4.3.2 step 3a), as with NSD; Knot "
     "and BIND leave that to the resolver",
     KNOT | BIND, ANY_BUT_AA, ends_at_zone},
    {"stays-in-zone",
     "a zone of ours below answers for its names (RFC 1034 section 4.2.1); within a chain Knot "
     "goes on with what the zone above hides there",
     KNOT, ANY_BUT_AA, stays_in_zone},
    {"ds-after-cname",
     "the DS of a chain's end stands in the zone above it (RFC 4035 section 3.1.4.1), as with "
     "NSD; Knot and BIND look in the zone that they are in",
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
     "a wildcard that is an empty non-terminal exists and matches: NODATA (RFC 4592 sections "
     "2.2.3 and 3.3.1); NSD says NXDOMAIN",
     NSD, ASPECT_RCODE, wildcard_is_empty},
    {"shared-names",
     "NSD keeps all zones' names in one tree: a name that only another zone knows exists here "
     "too: NODATA instead of NXDOMAIN (RFC 2308 section 2), or a wildcard that does not match",
     NSD, ANY_BUT_AA, names_are_shared},
    {"no-yxdomain",
     "a DNAME that makes too long a name is YXDOMAIN, and the end (RFC 6672 section 2.2); Knot "
     "goes on at the DNAME's target, whose data it adds or whose NXDOMAIN it gives",
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
     "only the same zone's be hidden)",
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
