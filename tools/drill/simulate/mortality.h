/* SPDX-License-Identifier: BSD-2-Clause */
/* How a mail host dies, as evermxd sees it: one target in virtual time, with the server's own
 * verdict machine (verdict.h), its patience (learn.h), its jitter and its judge of replies. Nothing
 * is copied from there but what the prober does with sockets and timers: see sight.h and the top of
 * mortality.c. Pure; any thread. */
#ifndef EVERMX_DRILL_MORTALITY_H
#define EVERMX_DRILL_MORTALITY_H

#include "../chance.h"
#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>

enum death_kind {
    DEATH_KILL,   /* nobody listens */
    DEATH_STOP,   /* the same, in order */
    DEATH_REJECT, /* by ICMP */
    DEATH_POWER,
    DEATH_BLACKHOLE,
    DEATH_HANG, /* connected by the kernel, and no greeting */
    DEATH_421,
    DEATH_TLS, /* the certificate has expired */
    DEATH_DISK_FULL,
    DEATH_QUEUE_STUCK, /* takes messages, and delivers none */
    DEATH_554,         /* closed to the prober, for all that can be told */
    DEATH_KINDS
};
const char *death_word(enum death_kind kind);     /* "disk-full" */
const char *death_sentence(enum death_kind kind); /* what is seen of it */

struct death_setting {
    struct check_settings check;
    int64_t rtt_ms; /* from the prober to the host and back */
    bool recipient; /* the check has a probe-recipient */
};

/* The TTL is at most this, from here on. */
struct death_cap {
    float from_s;
    uint32_t ttl_s;
};

/* Times in seconds from the break, INFINITY: never. */
struct death {
    double seen_s; /* t1: the first probe that fails, or waits longer than usual */
    double left_s; /* t2: the host is answered no more (where another one is up) */
    struct death_cap *caps;
    size_t ncaps, capacity;
};

/* One death at a random moment of a host that was well for long enough to be known. */
void death_happen(struct death *death, enum death_kind kind, const struct death_setting *setting,
                  struct chance *chance);
void death_free(struct death *death);

/* The TTL of an answer with the host in it, at_s after the break. */
uint32_t death_ttl_s(const struct death *death, uint32_t ttl_s, double at_s);

/* So many of them, of one kind. */
struct deaths {
    struct death *list;
    size_t count;
    size_t failures; /* that they are of: one that several servers have seen is several deaths */
};
struct deaths deaths_happen(size_t count, enum death_kind kind, const struct death_setting *setting,
                            struct chance *chance);
/* Of times that were measured (INFINITY: never); what the TTL was meanwhile is not known. */
struct deaths deaths_of_times(size_t count, const double *left_s);
void deaths_free(struct deaths *deaths);

#endif
