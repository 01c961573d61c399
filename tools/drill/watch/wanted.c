/* SPDX-License-Identifier: BSD-2-Clause */
#include "wanted.h"

#include "wire/rrtype.h"

#include <string.h>

bool wanted_add(struct wanted *wanted, const char *text, struct error *error)
{
    size_t i = wanted->nhosts;
    if (i == WANTED_HOSTS_MAX)
        return error_set(error, "more than %d hosts", WANTED_HOSTS_MAX);
    if (wanted->rrtype == RRTYPE_MX || wanted->rrtype == RRTYPE_SRV) {
        if (address_parse(text, &wanted->addresses[i]) || !name_from_text(text, wanted->names[i]))
            return error_set(error, "host %s: an MX or SRV record has a name", text);
    } else {
        uint8_t family = wanted->rrtype == RRTYPE_A ? 4 : 6;
        if (!address_parse(text, &wanted->addresses[i]) || wanted->addresses[i].family != family)
            return error_set(error, "host %s: an %s record has an IPv%u address", text,
                             family == 4 ? "A" : "AAAA", family);
    }
    wanted->nhosts++;
    return true;
}

/* The record's name or address; ldns keeps names in wire format, uncompressed. */
static const ldns_rdf *rdf_of(const struct wanted *wanted, const ldns_rr *record)
{
    size_t place = wanted->rrtype == RRTYPE_MX ? 1 : wanted->rrtype == RRTYPE_SRV ? 3 : 0;
    return ldns_rr_rd_count(record) > place ? ldns_rr_rdf(record, place) : NULL;
}

static bool is_wanted(const struct wanted *wanted, const ldns_rdf *rdf)
{
    const uint8_t *octets = ldns_rdf_data(rdf);
    for (size_t i = 0; i < wanted->nhosts; i++) {
        const struct address *address = &wanted->addresses[i];
        if (ldns_rdf_get_type(rdf) == LDNS_RDF_TYPE_DNAME) {
            if (name_equal(octets, wanted->names[i]))
                return true;
        } else if (ldns_rdf_size(rdf) == address_size(address) &&
                   memcmp(octets, address->bytes, ldns_rdf_size(rdf)) == 0) {
            return true;
        }
    }
    return false;
}

/* "0 .": no mail here, and no service (RFC 7505, RFC 2782). */
static bool is_null(const ldns_rdf *rdf)
{
    return ldns_rdf_get_type(rdf) == LDNS_RDF_TYPE_DNAME && ldns_rdf_size(rdf) == 1;
}

static bool is_referral(const ldns_pkt *packet)
{
    const ldns_rr_list *authority = ldns_pkt_authority(packet);
    bool has_ns = false;
    for (size_t i = 0; i < ldns_rr_list_rr_count(authority); i++) {
        ldns_rr_type rrtype = ldns_rr_get_type(ldns_rr_list_rr(authority, i));
        if (rrtype == LDNS_RR_TYPE_SOA)
            return false;
        has_ns |= rrtype == LDNS_RR_TYPE_NS;
    }
    return has_ns;
}

static enum seen look_at_records(const struct wanted *wanted, const ldns_pkt *packet,
                                 uint32_t *ttl_s)
{
    const ldns_rr_list *answer = ldns_pkt_answer(packet);
    enum seen seen = SEEN_EMPTY;
    *ttl_s = UINT32_MAX;
    for (size_t i = 0; i < ldns_rr_list_rr_count(answer); i++) {
        const ldns_rr *record = ldns_rr_list_rr(answer, i);
        ldns_rr_type rrtype = ldns_rr_get_type(record);
        const ldns_rdf *rdf = rdf_of(wanted, record);
        if ((rrtype == wanted->rrtype || rrtype == LDNS_RR_TYPE_CNAME) &&
            ldns_rr_ttl(record) < *ttl_s)
            *ttl_s = ldns_rr_ttl(record);
        if (rrtype != wanted->rrtype || !rdf || is_null(rdf))
            continue;
        if (is_wanted(wanted, rdf))
            seen = SEEN_WITH;
        else if (seen == SEEN_EMPTY)
            seen = SEEN_WITHOUT;
    }
    if (*ttl_s == UINT32_MAX)
        *ttl_s = 0;
    return seen;
}

enum seen wanted_look(const struct wanted *wanted, const ldns_pkt *packet, uint32_t *ttl_s)
{
    *ttl_s = 0;
    if (ldns_pkt_tc(packet)) /* broken: it was asked for over TCP, too */
        return SEEN_ERROR;
    switch (ldns_pkt_get_rcode(packet)) {
    case LDNS_RCODE_NOERROR:
        break;
    case LDNS_RCODE_NXDOMAIN:
        return SEEN_NXDOMAIN;
    default:
        return SEEN_ERROR;
    }
    enum seen seen = look_at_records(wanted, packet, ttl_s);
    if (seen == SEEN_EMPTY && ldns_rr_list_rr_count(ldns_pkt_answer(packet)) == 0 &&
        is_referral(packet))
        return SEEN_ERROR;
    return seen;
}
