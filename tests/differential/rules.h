/* SPDX-License-Identifier: BSD-2-Clause */
/* Where evermx and another server answer differently, and may: each rule says so in a predicate
 * that holds for nothing else, and a sentence. */
#ifndef EVERMX_TESTS_RULES_H
#define EVERMX_TESTS_RULES_H

#include "differential/answers.h"
#include "differential/peers.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What can differ between two answers. */
enum aspect {
    ASPECT_RCODE = 1,
    ASPECT_AA = 2,
    ASPECT_TC = 4,
    ASPECT_ANSWER = 8,
    ASPECT_AUTHORITY = 16,
    ASPECT_ADDITIONAL = 32,
    ASPECT_EDNS = 64,
};

struct deviation {
    const struct world *world;
    const struct question *question;
    bool tcp;
    const struct answer *ours, *theirs;
    const struct answer *ours_whole, *theirs_whole; /* by TCP; NULL: not asked */
    enum peer_number peer;
    unsigned aspects;
};

/* What differs; sections are not compared where one of the two is truncated. */
unsigned answers_differ(const struct answer *ours, const struct answer *theirs);

/* Takes off what rules explain; returns the aspects that are left. Counts. */
struct rule_counts;
struct rule_counts *rule_counts_new(void);
unsigned rules_explain(const struct deviation *deviation, struct rule_counts *counts);
void rule_counts_print(const struct rule_counts *counts, FILE *out);

void aspects_print(unsigned aspects, FILE *out);

#endif
