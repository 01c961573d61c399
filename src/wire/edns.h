/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of an OPT record (RFC 6891 section 6.1.2): code, length, data, one behind the other.
 */
#ifndef EVERMX_WIRE_EDNS_H
#define EVERMX_WIRE_EDNS_H

#include "wire/message.h"

enum edns_code {
    EDNS_NSID = 3,       /* RFC 5001 */
    EDNS_COOKIE = 10,    /* RFC 7873 */
    EDNS_KEEPALIVE = 11, /* RFC 7828 */
    EDNS_PADDING = 12,   /* RFC 7830 */
    EDNS_ERROR = 15,     /* RFC 8914 */
};

enum { EDNS_OPTION_HEAD = 4 /* octets of code and length */ };

/* Appends an option's code and length. */
static inline uint8_t *write_option_head(uint8_t *at, enum edns_code code, size_t size)
{
    return write_u16(write_u16(at, (uint16_t)code), (uint16_t)size);
}

#endif
