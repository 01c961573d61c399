/* SPDX-License-Identifier: BSD-2-Clause */
#include "fuzz/answer.h"

#include "fuzz/fuzz.h"
#include "fuzz/world.h"
#include "wire/message.h"
#include "wire/rrtype.h"

#include <string.h>

struct packet {
    const uint8_t *bytes;
    size_t size;
    bool opt_seen;
    unsigned rcode_high;
    struct answer_facts *facts;
};

/* Passes over a name; returns the offset behind it. Pointers lead strictly backwards, a name has at
 * most 255 octets (RFC 1035 sections 2.3.4 and 4.1.4). */
static size_t pass_name(const struct packet *packet, size_t at)
{
    size_t behind = 0, octets = 0, before = at;
    for (;;) {
        FUZZ_CHECK(at < packet->size);
        uint8_t length = packet->bytes[at];
        if (length >= POINTER_BITS) {
            FUZZ_CHECK(at + 1 < packet->size);
            behind = behind ? behind : at + 2;
            at = read_u16(packet->bytes + at) & POINTER_REACH;
            FUZZ_CHECK(at >= HEADER_SIZE && at < before);
            before = at;
            continue;
        }
        FUZZ_CHECK(length < 64);
        octets += (size_t)length + 1;
        FUZZ_CHECK(octets <= 255);
        at += (size_t)length + 1;
        if (!length)
            return behind ? behind : at;
    }
}

/* Octets before the first name in rdata, names, octets behind them; for the types that resolvers
 * and mail servers look into. */
static const struct rdata_form {
    uint16_t rrtype;
    uint8_t before, names, behind;
} rdata_forms[] = {
    {RRTYPE_A, 4, 0, 0},     {RRTYPE_AAAA, 16, 0, 0}, {RRTYPE_NS, 0, 1, 0},
    {RRTYPE_CNAME, 0, 1, 0}, {RRTYPE_DNAME, 0, 1, 0}, {RRTYPE_MX, 2, 1, 0},
    {RRTYPE_SRV, 6, 1, 0},   {RRTYPE_SOA, 0, 2, 20},
};

static void check_rdata(const struct packet *packet, uint16_t rrtype, size_t at, size_t end)
{
    for (size_t i = 0; i < sizeof rdata_forms / sizeof *rdata_forms; i++) {
        const struct rdata_form *form = &rdata_forms[i];
        if (form->rrtype != rrtype)
            continue;
        at += form->before;
        for (unsigned names = form->names; names; names--)
            at = pass_name(packet, at);
        FUZZ_CHECK(at + form->behind == end);
    }
}

/* RFC 6891 section 6.1: once, owned by the root, whole options. */
static void check_opt(struct packet *packet, const uint8_t *fixed, size_t at, size_t end)
{
    FUZZ_CHECK(!packet->opt_seen);
    FUZZ_CHECK(fixed[-1] == 0);
    FUZZ_CHECK(read_u16(fixed + 2) >= 512);
    FUZZ_CHECK(fixed[5] == 0); /* we speak version 0 */
    packet->opt_seen = true;
    packet->rcode_high = fixed[4];
    while (at < end) {
        FUZZ_CHECK(at + 4 <= end);
        at += 4u + read_u16(packet->bytes + at + 2);
        FUZZ_CHECK(at <= end);
    }
}

static size_t check_record(struct packet *packet, size_t at, unsigned section)
{
    at = pass_name(packet, at);
    FUZZ_CHECK(at + RR_FIXED_SIZE <= packet->size);
    const uint8_t *fixed = packet->bytes + at;
    uint16_t rrtype = read_u16(fixed);
    at += RR_FIXED_SIZE;
    size_t end = at + read_u16(fixed + 8);
    FUZZ_CHECK(end <= packet->size);
    if (rrtype == RRTYPE_OPT) {
        FUZZ_CHECK(section == 2);
        check_opt(packet, fixed, at, end);
        return end;
    }
    FUZZ_CHECK(!rrtype_is_meta(rrtype));
    FUZZ_CHECK(read_u32(fixed + 4) <= INT32_MAX); /* TTL: RFC 2181 section 8 */
    check_rdata(packet, rrtype, at, end);
    if (section == 1 && rrtype == RRTYPE_SOA)
        packet->facts->soa_in_authority++;
    return end;
}

/* Id, opcode, RD and CD are the query's; what we are not or cannot is not claimed. */
static void check_header(const uint8_t *query, const uint8_t *answer, enum transport transport,
                         struct answer_facts *facts)
{
    uint8_t high = answer[HEADER_FLAGS_HIGH], low = answer[HEADER_FLAGS_LOW];
    const unsigned echoed = FLAG_HIGH_OPCODE | FLAG_HIGH_RD;
    FUZZ_CHECK(memcmp(answer, query, 2) == 0);
    FUZZ_CHECK(high & FLAG_HIGH_QR);
    FUZZ_CHECK((high & echoed) == (query[HEADER_FLAGS_HIGH] & echoed));
    FUZZ_CHECK(!(low & 0xE0)); /* RA, Z, AD */
    facts->truncated = high & FLAG_HIGH_TC;
    facts->authoritative = high & FLAG_HIGH_AA;
    FUZZ_CHECK(!facts->truncated || transport == TRANSPORT_UDP);
}

/* The question is the query's to the octet, or left out where that could not be read. */
static size_t check_question(const struct packet *packet, const uint8_t *query, size_t query_size)
{
    unsigned count = read_u16(packet->bytes + HEADER_QDCOUNT);
    FUZZ_CHECK(count <= 1);
    if (!count)
        return HEADER_SIZE;
    size_t end = pass_name(packet, HEADER_SIZE) + 4;
    FUZZ_CHECK(end <= packet->size && end <= query_size);
    FUZZ_CHECK(memcmp(packet->bytes + HEADER_SIZE, query + HEADER_SIZE, end - HEADER_SIZE) == 0);
    return end;
}

static void check_sections(struct packet *packet, size_t at)
{
    for (unsigned section = 0; section < 3; section++) {
        unsigned count = read_u16(packet->bytes + HEADER_ANCOUNT + 2 * (size_t)section);
        packet->facts->counts[section] = count;
        while (count--)
            at = check_record(packet, at, section);
        if (section == 1)
            packet->facts->authority_end = at;
    }
    FUZZ_CHECK(at == packet->size);
}

struct answer_facts answer_check(const uint8_t *query, size_t query_size, const uint8_t *answer,
                                 size_t size, enum transport transport)
{
    struct answer_facts facts = {0};
    struct packet packet = {.bytes = answer, .size = size, .facts = &facts};
    /* Without a header, or an answer itself: nobody gets anything (RFC 1035 leaves no choice: two
     * servers would talk for ever). All else is answered. */
    bool silence = query_size < HEADER_SIZE || query[HEADER_FLAGS_HIGH] & FLAG_HIGH_QR;
    FUZZ_CHECK(silence == !size);
    if (!size)
        return facts;
    FUZZ_CHECK(size >= HEADER_SIZE);
    check_header(query, answer, transport, &facts);
    check_sections(&packet, check_question(&packet, query, query_size));
    facts.rcode = packet.rcode_high << 4 | (answer[HEADER_FLAGS_LOW] & 0x0Fu);
    FUZZ_CHECK(facts.rcode <= RCODE_YXDOMAIN || facts.rcode == RCODE_BADVERS ||
               facts.rcode == RCODE_BADCOOKIE);
    /* No OPT where none was sent; without one, and above it, the old limit (RFC 6891
     * section 6.2.5). */
    FUZZ_CHECK(!packet.opt_seen || read_u16(query + HEADER_ARCOUNT));
    if (transport == TRANSPORT_UDP)
        FUZZ_CHECK(size <= (packet.opt_seen ? WORLD_UDP_MAX : UDP_CLASSIC_MAX));
    FUZZ_CHECK(!facts.truncated || facts.counts[0] + facts.counts[1] == 0);
    FUZZ_CHECK(facts.soa_in_authority <= 1);
    FUZZ_CHECK(facts.rcode != RCODE_NXDOMAIN || facts.truncated || facts.soa_in_authority);
    return facts;
}
