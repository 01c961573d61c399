/* SPDX-License-Identifier: BSD-2-Clause */
/* The header of a DNS message (RFC 1035 section 4.1.1), numbers in network order, and a bounded
 * writer. */
#ifndef EVERMX_WIRE_MESSAGE_H
#define EVERMX_WIRE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { HEADER_SIZE = 12, QUESTION_OFFSET = 12 };

/* Offsets in the header. */
enum {
    HEADER_FLAGS_HIGH = 2,
    HEADER_FLAGS_LOW = 3,
    HEADER_QDCOUNT = 4,
    HEADER_ANCOUNT = 6,
    HEADER_NSCOUNT = 8,
    HEADER_ARCOUNT = 10,
};

enum {
    FLAG_HIGH_QR = 0x80,
    FLAG_HIGH_OPCODE = 0x78,
    FLAG_HIGH_AA = 0x04,
    FLAG_HIGH_TC = 0x02,
    FLAG_HIGH_RD = 0x01,
    FLAG_LOW_CD = 0x10,
};

enum rcode {
    RCODE_NOERROR = 0,
    RCODE_FORMERR = 1,
    RCODE_SERVFAIL = 2,
    RCODE_NXDOMAIN = 3,
    RCODE_NOTIMP = 4,
    RCODE_REFUSED = 5,
    RCODE_YXDOMAIN = 6,
    RCODE_BADVERS = 16, /* from here on the upper eight bits go into the OPT record (RFC 6891) */
    RCODE_BADCOOKIE = 23,
    RCODES
};

enum {
    POINTER_BITS = 0xC0,    /* a compression pointer's first octet (RFC 1035 section 4.1.4) */
    POINTER_REACH = 0x3FFF, /* the last offset that a pointer can name */
    RR_FIXED_SIZE = 10,     /* type, class, TTL, rdata's length */
    OPT_SIZE = 11,          /* an OPT record without options */
};

static inline uint16_t read_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline uint64_t read_u64(const uint8_t *at)
{
    return (uint64_t)read_u32(at) << 32 | read_u32(at + 4);
}

static inline uint8_t *write_u16(uint8_t *at, uint16_t number)
{
    at[0] = (uint8_t)(number >> 8);
    at[1] = (uint8_t)number;
    return at + 2;
}

static inline uint8_t *write_u32(uint8_t *at, uint32_t number)
{
    at[0] = (uint8_t)(number >> 24);
    at[1] = (uint8_t)(number >> 16);
    at[2] = (uint8_t)(number >> 8);
    at[3] = (uint8_t)number;
    return at + 4;
}

static inline uint8_t *write_u64(uint8_t *at, uint64_t number)
{
    return write_u32(write_u32(at, (uint32_t)(number >> 32)), (uint32_t)number);
}

/* Appends or fails: what does not fit sets `full`, and nothing more is written. */
struct writer {
    uint8_t *start, *at, *end;
    bool full;
};

static inline size_t writer_offset(const struct writer *writer)
{
    return (size_t)(writer->at - writer->start);
}

/* Room for size octets, or NULL. */
static inline uint8_t *writer_take(struct writer *writer, size_t size)
{
    if (writer->full || (size_t)(writer->end - writer->at) < size) {
        writer->full = true;
        return NULL;
    }
    uint8_t *room = writer->at;
    writer->at += size;
    return room;
}

static inline void writer_bytes(struct writer *writer, const uint8_t *bytes, size_t size)
{
    uint8_t *room = writer_take(writer, size);
    if (room)
        memcpy(room, bytes, size);
}

#endif
