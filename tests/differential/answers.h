/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers made comparable: sections as sorted sets of records in canonical form (names uncompressed
 * and lower case), without OPT. */
#ifndef EVERMX_TESTS_ANSWERS_H
#define EVERMX_TESTS_ANSWERS_H

#include "base/arena.h"
#include "wire/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* One record: owner, type, class, TTL, length, rdata. */
struct canonical {
    const uint8_t *bytes;
    size_t size;
};

enum section { SECTION_ANSWER, SECTION_AUTHORITY, SECTION_ADDITIONAL, SECTIONS };

struct records {
    struct canonical *list;
    size_t count;
};

struct answer {
    bool readable; /* false: nothing else is set */
    unsigned rcode;
    bool aa, tc, edns;
    size_t size;
    struct records sections[SECTIONS];
    size_t written[SECTIONS]; /* records before doubles were dropped */
};

void answer_read(struct answer *answer, struct arena *arena, const uint8_t *bytes, size_t size);
void answer_print(const struct answer *answer, FILE *out);

uint16_t record_type(const struct canonical *record);
uint32_t record_ttl(const struct canonical *record);
const uint8_t *record_rdata(const struct canonical *record, size_t *size);
/* The name that an NS, CNAME, DNAME, MX or SRV record points to; NULL: another type. */
const uint8_t *record_target(const struct canonical *record);

bool records_equal(const struct records *one, const struct records *other);
bool records_have(const struct records *records, const struct canonical *record);
/* Whether each of some is among others. */
bool records_within(const struct records *some, const struct records *others);
/* The first of that owner (NULL: any) and type; NULL: none. */
const struct canonical *records_find(const struct records *records, const uint8_t *owner,
                                     uint16_t rrtype);

#endif
