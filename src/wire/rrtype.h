/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers of the DNS protocol that evermx handles by name, and the texts of record types. */
#ifndef EVERMX_WIRE_RRTYPE_H
#define EVERMX_WIRE_RRTYPE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    RRTYPE_A = 1,
    RRTYPE_NS = 2,
    RRTYPE_CNAME = 5,
    RRTYPE_SOA = 6,
    RRTYPE_MX = 15,
    RRTYPE_TXT = 16,
    RRTYPE_AAAA = 28,
    RRTYPE_SRV = 33,
    RRTYPE_DNAME = 39,
    RRTYPE_OPT = 41,
    RRTYPE_DS = 43,
    RRTYPE_RRSIG = 46,
    RRTYPE_NSEC = 47,
    RRTYPE_HINFO = 13,
    RRTYPE_TKEY = 249,
    RRTYPE_TSIG = 250,
    RRTYPE_IXFR = 251,
    RRTYPE_AXFR = 252,
    RRTYPE_MAILB = 253,
    RRTYPE_MAILA = 254,
    RRTYPE_ANY = 255,
};

enum { RRCLASS_IN = 1, RRCLASS_CH = 3, RRCLASS_ANY = 255 };

enum { RRTYPE_TEXT_SIZE = 16 };

/* "MX", "TYPE65280" (RFC 3597); either case. */
bool rrtype_from_text(const char *text, uint16_t *rrtype);
char *rrtype_to_text(uint16_t rrtype, char text[RRTYPE_TEXT_SIZE]);

/* 128..255, and OPT: types that never stand in a zone (RFC 6895 section 3.1). */
bool rrtype_is_meta(uint16_t rrtype);

#endif
