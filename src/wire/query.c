/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/query.h"

#include "wire/rrtype.h"

/* Sixteen octets that are worked on at once, where the machine can. */
typedef uint8_t octets __attribute__((vector_size(16)));

/* Folds ASCII letters. Length octets of labels are below 64 and so never letters: a whole name can
 * be folded without looking at its labels. */
static inline void fold(const uint8_t *from, uint8_t *to)
{
    octets block;
    memcpy(&block, from, sizeof block);
    octets letters = (octets)(block - 'A' < 26); /* all bits set where it is one */
    block |= letters & 0x20;
    memcpy(to, &block, sizeof block);
}

/* Folds a name of `size` octets, of which at least `room` can be read. */
static inline void fold_name(const uint8_t *name, size_t size, size_t room, uint8_t *lower)
{
    size_t at = 0;
    for (; at < size && at + sizeof(octets) <= room; at += sizeof(octets))
        fold(name + at, lower + at);
    if (at >= size)
        return;
    if (room >= sizeof(octets)) { /* the last block overlaps the one before */
        fold(name + room - sizeof(octets), lower + room - sizeof(octets));
        return;
    }
    for (; at < size; at++)
        lower[at] = (unsigned)(name[at] - 'A') < 26u ? name[at] | 0x20 : name[at];
}

/* The size of a name at the beginning of `room` octets: no compression, as nothing stands before
 * it. 0 when it is cut short, too long, or not made of labels. */
static inline size_t measure_name(const uint8_t *name, size_t room)
{
    size_t size = 0;
    unsigned length, all = 0;
    if (room == 0)
        return 0;
    while ((length = name[size])) {
        all |= length; /* above 63 as soon as one of them is */
        size += length + 1;
        if (size >= room)
            return 0;
    }
    return all > 63 || size >= NAME_MAX_SIZE ? 0 : size + 1;
}

/* The first question. Returns the offset behind it, 0 on error. */
static inline __attribute__((always_inline)) size_t read_question(const uint8_t *message,
                                                                  size_t size, struct query *query)
{
    const uint8_t *name = message + HEADER_SIZE;
    size_t room = size - HEADER_SIZE, name_size = measure_name(name, room);
    if (!name_size || name_size + 4 > room)
        return 0;
    fold_name(name, name_size, room, query->name);
    query->name_size = (uint8_t)name_size;
    query->rrtype = read_u16(name + name_size);
    query->rrclass = read_u16(name + name_size + 2);
    query->question_end = (uint16_t)(HEADER_SIZE + name_size + 4);
    return query->question_end;
}

/* Passes over a name that may be compressed; returns the offset behind it, 0 on error. */
static size_t skip_name(const uint8_t *message, size_t size, size_t at)
{
    while (at < size) {
        uint8_t length = message[at];
        if (length == 0)
            return at + 1;
        if (length >= POINTER_BITS)
            return at + 2;
        if (length > 63)
            return 0;
        at += (size_t)length + 1;
    }
    return 0;
}

/* The fixed part of a record behind its owner; 0 when it, or its data, is cut short. */
static size_t find_fixed(const uint8_t *message, size_t size, size_t at)
{
    at = skip_name(message, size, at);
    if (!at || at + RR_FIXED_SIZE > size ||
        at + RR_FIXED_SIZE + (size_t)read_u16(message + at + 8) > size)
        return 0;
    return at;
}

/* What a client takes; less than 512 counts as 512 (RFC 6891 section 6.2.3). */
static inline uint16_t udp_size_of(uint16_t given)
{
    return given < 512 ? 512 : given;
}

/* `others` records that mean nothing to us, then the additional section: OPT at most once and owned
 * by the root; other records (TSIG, SIG(0), glue) are passed over. All of the message has to be
 * used up. */
static __attribute__((noinline)) enum query_status read_records(const uint8_t *message, size_t size,
                                                                size_t at, unsigned others,
                                                                unsigned additional,
                                                                struct query *query)
{
    unsigned version = 0;
    for (unsigned i = 0; i < others + additional; i++) {
        size_t owner = at, fixed = find_fixed(message, size, at);
        if (!fixed)
            return QUERY_FORMERR;
        const uint8_t *record = message + fixed;
        uint16_t rdata_size = read_u16(record + 8);
        at = fixed + RR_FIXED_SIZE + rdata_size;
        if (i < others || read_u16(record) != RRTYPE_OPT)
            continue;
        if (query->udp_size || message[owner] != 0)
            return QUERY_FORMERR;
        query->udp_size = udp_size_of(read_u16(record + 2));
        version = record[5];
        query->edns_flags = read_u16(record + 6);
        query->options = (uint16_t)(fixed + RR_FIXED_SIZE);
        query->options_size = rdata_size;
    }
    if (at != size)
        return QUERY_FORMERR;
    return version ? QUERY_BADVERS : QUERY_GOOD;
}

/* The header is not that of a plain query. Its question and OPT are looked for all the same:
 * whoever sent EDNS is answered with EDNS (RFC 6891 section 6.1.1), whatever is wrong. */
static __attribute__((noinline)) enum query_status read_oddity(const uint8_t *message, size_t size,
                                                               struct query *query)
{
    if (message[HEADER_FLAGS_HIGH] & FLAG_HIGH_QR)
        return QUERY_SILENCE;
    unsigned questions = read_u16(message + HEADER_QDCOUNT);
    unsigned answers = read_u16(message + HEADER_ANCOUNT);
    unsigned authorities = read_u16(message + HEADER_NSCOUNT);
    unsigned additional = read_u16(message + HEADER_ARCOUNT);
    bool is_query = !(message[HEADER_FLAGS_HIGH] & FLAG_HIGH_OPCODE);
    enum query_status wrong = is_query ? QUERY_FORMERR : QUERY_NOTIMP;
    size_t at = HEADER_SIZE;
    if (questions == 1 && !(at = read_question(message, size, query)))
        return wrong;
    for (unsigned i = 0; questions > 1 && i < questions; i++) {
        at = skip_name(message, size, at);
        if (!at || (at += 4) > size)
            return wrong;
    }
    enum query_status status =
        read_records(message, size, at, answers + authorities, additional, query);
    /* IXFR brings the SOA that the client has (RFC 1995 section 3). */
    if (is_query && questions == 1 && query->rrtype == RRTYPE_IXFR && !answers && authorities == 1)
        return status;
    if (is_query && !questions && !answers && !authorities && query->udp_size)
        return status == QUERY_GOOD ? QUERY_EMPTY : status;
    return wrong;
}

/* Whether the octets behind the question are one OPT record of version 0 without options, and
 * nothing else: so most queries close. */
static inline bool read_plain_opt(const uint8_t *opt, size_t size, unsigned additional,
                                  struct query *query)
{
    if (additional != 1 || size != OPT_SIZE)
        return false;
    uint64_t head = read_u64(opt); /* owner, type, size, rcode, version, flags' half */
    uint32_t rest = read_u32(opt + OPT_SIZE - 4); /* flags, the options' size */
    if ((head & 0xFFFFFF000000FF00ull) != (uint64_t)RRTYPE_OPT << 40 || rest & 0xFFFF)
        return false;
    query->udp_size = udp_size_of((uint16_t)(head >> 24));
    query->edns_flags = (uint16_t)(rest >> 16);
    return true;
}

enum query_status query_parse(const uint8_t *message, size_t size, struct query *query)
{
    query->question_end = HEADER_SIZE;
    query->udp_size = 0;
    query->edns_flags = 0;
    query->options_size = 0;
    query->name_size = 0;
    query->rrtype = query->rrclass = 0;
    if (size < HEADER_SIZE)
        return QUERY_SILENCE;
    /* One comparison for a query with one question, and nothing in answer and authority: QR, opcode
     * and three counts. */
    const uint64_t interesting =
        (uint64_t)(FLAG_HIGH_QR | FLAG_HIGH_OPCODE) << 56 | 0xFFFFFFFFFFFFull;
    if ((read_u64(message + HEADER_FLAGS_HIGH) & interesting) != (uint64_t)1 << 32)
        return read_oddity(message, size, query);
    size_t end = read_question(message, size, query);
    if (!end)
        return QUERY_FORMERR;
    unsigned additional = read_u16(message + HEADER_ARCOUNT);
    if (read_plain_opt(message + end, size - end, additional, query))
        return QUERY_GOOD;
    return read_records(message, size, end, 0, additional, query);
}
