/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/query.h"

#include "wire/rrtype.h"

/* Folds eight ASCII octets at once. Length octets of labels are below 64 and so never letters: a
 * whole name can be folded without looking at its labels. */
static inline uint64_t fold(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101ull;
    uint64_t low = word & (ones * 0x7F);
    uint64_t from_a = low + ones * (0x80 - 'A');      /* the high bit: at least 'A' */
    uint64_t above_z = low + ones * (0x80 - 'Z' - 1); /* the high bit: more than 'Z' */
    uint64_t letters = (from_a ^ above_z) & ~word & (ones * 0x80);
    return word | letters >> 2;
}

/* Reads the name of the question: no compression, as nothing stands before it. Returns its size, 0
 * when it is cut short, too long, or not made of labels. */
static size_t read_name(const uint8_t *name, size_t room, struct query *query)
{
    size_t size = 0;
    while (size < room && name[size]) {
        if (name[size] > 63)
            return 0;
        size += (size_t)name[size] + 1;
    }
    if (size >= room || ++size > NAME_MAX_SIZE)
        return 0;
    size_t at = 0;
    uint64_t word;
    for (; at + 8 <= room && at < size; at += 8) {
        memcpy(&word, name + at, 8);
        word = fold(word);
        memcpy(query->name + at, &word, 8);
    }
    for (; at < size; at++)
        query->name[at] = (unsigned)(name[at] - 'A') < 26u ? name[at] | 0x20 : name[at];
    query->name_size = (uint8_t)size;
    return size;
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

/* The additional section: OPT at most once and owned by the root; other records are passed over.
 * All of the message has to be used up. */
static enum query_status read_additional(const uint8_t *message, size_t size, unsigned count,
                                         struct query *query)
{
    size_t at = query->question_end;
    bool seen = false;
    unsigned version = 0;
    for (; count; count--) {
        size_t owner = at;
        at = skip_name(message, size, at);
        if (!at || at + RR_FIXED_SIZE > size)
            return QUERY_FORMERR;
        const uint8_t *fixed = message + at;
        at += RR_FIXED_SIZE + (size_t)read_u16(fixed + 8);
        if (at > size)
            return QUERY_FORMERR;
        if (read_u16(fixed) != RRTYPE_OPT)
            continue;
        if (seen || message[owner] != 0)
            return QUERY_FORMERR;
        seen = true;
        uint16_t udp_size = read_u16(fixed + 2);
        query->udp_size = udp_size < 512 ? 512 : udp_size;
        version = fixed[5];
        query->edns_flags = read_u16(fixed + 6);
    }
    if (at != size)
        return QUERY_FORMERR;
    return version ? QUERY_BADVERS : QUERY_GOOD;
}

enum query_status query_parse(const uint8_t *message, size_t size, struct query *query)
{
    query->question_end = HEADER_SIZE;
    query->udp_size = 0;
    query->edns_flags = 0;
    query->name_size = 0;
    query->rrtype = query->rrclass = 0;
    if (size < HEADER_SIZE || message[HEADER_FLAGS_HIGH] & FLAG_HIGH_QR)
        return QUERY_SILENCE;
    if (message[HEADER_FLAGS_HIGH] & FLAG_HIGH_OPCODE)
        return QUERY_NOTIMP;
    if (read_u16(message + HEADER_QDCOUNT) != 1 || read_u32(message + HEADER_ANCOUNT) != 0)
        return QUERY_FORMERR;
    size_t name_size = read_name(message + HEADER_SIZE, size - HEADER_SIZE, query);
    size_t end = HEADER_SIZE + name_size + 4;
    if (!name_size || end > size)
        return QUERY_FORMERR;
    query->rrtype = read_u16(message + end - 4);
    query->rrclass = read_u16(message + end - 2);
    query->question_end = (uint16_t)end;
    return read_additional(message, size, read_u16(message + HEADER_ARCOUNT), query);
}
