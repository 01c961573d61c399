/* SPDX-License-Identifier: BSD-2-Clause */
/* The queries that are sent, as wire bytes that lack only an id, and what their right answers look
 * like. */
#ifndef EVERMX_LOAD_QUERIES_H
#define EVERMX_LOAD_QUERIES_H

#include "base/error.h"
#include "wire/message.h"
#include "wire/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ASKED_MAX = HEADER_SIZE + NAME_MAX_SIZE + 4 + OPT_SIZE }; /* octets of a query */

/* What an answer must be; numbers from 0 on are rcodes that need no more than to be there. */
enum {
    EXPECT_ANY = -1,     /* NOERROR or NXDOMAIN */
    EXPECT_ANSWER = -2,  /* NOERROR with an answer record */
    EXPECT_NO_DATA = -3, /* NOERROR without one */
};

struct asked {
    uint8_t bytes[ASKED_MAX];
    uint16_t size;
    uint16_t question_end; /* offset of what follows the question */
    int16_t expected;
};

struct queries {
    struct asked *list;
    size_t count, capacity;
    bool edns; /* set before: each query has an OPT record (1232 octets) */
};

/* Lines NAME TYPE [EXPECTED] of a file ("-": standard input); empty lines and what follows a '#' at
 * a line's beginning are skipped. Errors: "FILE:LINE: why". */
bool queries_read(struct queries *queries, const char *file, struct error *error);

/* Without a file, what resolvers ask of a mail zone: 60 % MX, 25 % A and 10 % AAAA of mx1 to mx4,
 * 5 % names that do not exist. */
bool queries_mix(struct queries *queries, const char *zone, struct error *error);

/* Reorders into runs of `train` queries of one size, as the kernel wants them that cuts trains into
 * datagrams; leaves out what is left over. An error where nothing remains. */
bool queries_regroup(struct queries *queries, unsigned train, struct error *error);

void queries_free(struct queries *queries);

#endif
