/* SPDX-License-Identifier: BSD-2-Clause */
/* A query taken apart (RFC 1035 section 4, RFC 6891). Bounded, without allocation. */
#ifndef EVERMX_WIRE_QUERY_H
#define EVERMX_WIRE_QUERY_H

#include "wire/message.h"
#include "wire/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum query_status {
    QUERY_GOOD,
    QUERY_SILENCE, /* no header, or an answer: whoever sent it must get nothing back */
    QUERY_FORMERR,
    QUERY_NOTIMP,  /* an opcode other than QUERY */
    QUERY_BADVERS, /* an EDNS version other than 0 */
    QUERY_EMPTY,   /* EDNS and no question: good for asking for a cookie (RFC 7873 section 5.4) */
};

struct query {
    uint16_t rrtype, rrclass;
    uint16_t question_end; /* offset behind the question; HEADER_SIZE when it could not be read */
    uint16_t udp_size;     /* what the client takes by its OPT; 0 without EDNS */
    uint16_t edns_flags;   /* DO is 0x8000 */
    uint16_t options,
        options_size; /* where the EDNS options stand, not looked into; size 0: none */
    uint8_t name_size;
    uint8_t name[NAME_MAX_SIZE + 1 + 16]; /* the question's, lower case; room for reading blocks */
};

enum { EDNS_FLAG_DO = 0x8000 };

/* What can be read is filled in whatever the status: an error's answer carries question and OPT. */
enum query_status query_parse(const uint8_t *message, size_t size, struct query *query);

#endif
