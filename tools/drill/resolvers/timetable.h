/* SPDX-License-Identifier: BSD-2-Clause */
/* Which canary names a resolver is asked for, and when: some 17 questions a second. Pure; times are
 * milliseconds since the beginning. */
#ifndef EVERMX_DRILL_TIMETABLE_H
#define EVERMX_DRILL_TIMETABLE_H

#include "observed.h"

enum {
    TIMETABLE_TTLS_MAX = 16,
    TIMETABLE_LEAST_S = 20, /* in less nothing of use can be seen */
    TIMETABLE_MOST_S = 3600,
    TIMETABLE_CANARIES_MAX = TIMETABLE_TTLS_MAX + 16,
};

struct timetable {
    int64_t length_ms;
    uint32_t ttl_s; /* the operator's */
    struct canary canaries[TIMETABLE_CANARIES_MAX];
    size_t count;
};

/* Those of TTLs, each once; more of the operator's TTL, and for all other purposes. start_unix_s:
 * by the servers' clock, when it begins. */
void timetable_make(struct timetable *timetable, const uint32_t *ttls_s, size_t nttls,
                    uint32_t ttl_s, uint32_t length_s, int64_t start_unix_s);

/* What is known of a canary so far. */
struct turn {
    unsigned asked;     /* so often */
    int64_t last_ms;    /* when, the last time */
    int64_t expires_ms; /* what is cached, by its TTL as far as known; 0: not known */
};

/* When it is to be asked for again; INT64_MAX: never. */
int64_t timetable_due_ms(const struct timetable *timetable, size_t canary, const struct turn *turn);

#endif
