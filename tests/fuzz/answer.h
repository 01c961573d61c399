/* SPDX-License-Identifier: BSD-2-Clause */
/* What holds for each answer, whatever was asked and whatever the zones hold; read by code of its
 * own. */
#ifndef EVERMX_TESTS_FUZZ_ANSWER_H
#define EVERMX_TESTS_FUZZ_ANSWER_H

#include "serve/respond.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct answer_facts {
    unsigned rcode; /* the upper bits of OPT included */
    bool truncated, authoritative;
    unsigned counts[3];   /* answer, authority, additional */
    size_t authority_end; /* offset behind the authority section */
    unsigned soa_in_authority;
};

/* Ends the process where the answer is not one to this query. Size 0 is silence. */
struct answer_facts answer_check(const uint8_t *query, size_t query_size, const uint8_t *answer,
                                 size_t size, enum transport transport);

#endif
