/* SPDX-License-Identifier: BSD-2-Clause */
/* From outcomes of probes to what is held true of a target. Pure: no clock, no I/O, no log; time is
 * an argument in monotonic milliseconds. */
#ifndef EVERMX_VERDICT_VERDICT_H
#define EVERMX_VERDICT_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

enum outcome_status {
    OUTCOME_OK,
    OUTCOME_FAIL,
    OUTCOME_UNKNOWN, /* says nothing about the target: our own fault, or refused for being us */
};

/* Why. One table (outcome.c) gives each its status, word and sentence. */
enum reason {
    REASON_NONE, /* not probed yet */
    REASON_OK,
    /* the target's fault */
    REASON_REFUSED,     /* RST at connect */
    REASON_UNREACHABLE, /* ICMP: from the net, not from our own tables */
    REASON_CONNECT_TIMEOUT,
    REASON_GREETING_TIMEOUT, /* connected, and no complete greeting */
    REASON_GREETING_CLOSED,  /* end of file or RST before a complete greeting */
    REASON_GREETING_BAD,     /* not the protocol: junk, another protocol, too long */
    REASON_GREETING_4XX,     /* 421, 451 and the like; POP3 -ERR; IMAP BYE */
    REASON_GREETING_5XX,     /* 554: host closed, or the prober is blocked */
    REASON_REPLY_TIMEOUT,
    REASON_REPLY_CLOSED,
    REASON_REPLY_BAD, /* not the protocol */
    REASON_REPLY_4XX,
    REASON_REPLY_5XX,
    REASON_TLS_NOT_OFFERED, /* and required */
    REASON_TLS_REFUSED,     /* STARTTLS answered by 4xx, 5xx, NO, -ERR */
    REASON_TLS_FAILED,      /* the handshake */
    REASON_TLS_TIMEOUT,
    REASON_INJECTION, /* plain text in the same flight behind the answer to STARTTLS */
    REASON_TIMEOUT,   /* the whole probe */
    /* ours */
    REASON_LOCAL,     /* no descriptor, no route, no source address, no memory */
    REASON_LATE,      /* our own timer came late: the prober was starved or stopped */
    REASON_CANCELLED, /* by a reload or at the end */
    REASON_COUNT
};

struct outcome {
    enum reason reason;
    /* Microseconds from the start of the probe to its greeting (or its end, where none came); -1:
     * none. */
    int64_t rtt_us;
    char detail[120]; /* the first bad reply, or the error's text; printable ASCII; may be empty */
};

enum outcome_status reason_status(enum reason reason);
const char *reason_word(enum reason reason);     /* "greeting-timeout": stable, for programs */
const char *reason_sentence(enum reason reason); /* "connected, but no complete greeting came" */

struct verdict_policy {
    unsigned fall, rise;
    int64_t interval_ms, recheck_ms;
    int64_t timeout_ms; /* the longest that a probe takes */
};

enum verdict_status { VERDICT_UP, VERDICT_SUSPECT, VERDICT_DOWN };
enum verdict_forced { FORCED_NOT, FORCED_UP, FORCED_DOWN, FORCED_DRAIN };

struct verdict {
    enum verdict_status status;
    bool known;  /* an outcome that says something came at least once */
    bool probed; /* any outcome came, UNKNOWN too */
    enum verdict_forced forced;
    enum reason reason; /* of the last outcome that says something; while not up: last bad one;
                           while nothing is known: of the last outcome of all */
    char detail[120];
    unsigned bad, good;    /* in a row */
    int64_t since_ms;      /* when status last changed (or the target was first known of) */
    int64_t decides_ms;    /* suspect: when it is down if probes go on ending as this one; else 0 */
    int64_t rtt_us;        /* of the last good outcome; -1: none */
    int64_t last_probe_ms; /* when the last outcome came; -1: none */
    int64_t last_good_ms;  /* when the last good outcome came; -1: none */
    uint64_t probes, failures, unknowns;
};

void verdict_init(struct verdict *verdict, int64_t now_ms);

/* One outcome. Returns whether anything that answers depend on (status, known, probed) changed. */
bool verdict_step(struct verdict *verdict, const struct verdict_policy *policy,
                  const struct outcome *outcome, int64_t now_ms);

bool verdict_force(struct verdict *verdict, enum verdict_forced forced); /* true: changed */

/* How long after the start of the last probe the next one starts. */
int64_t verdict_wait_ms(const struct verdict *verdict, const struct verdict_policy *policy);

/* What answers make of it. Forced or known first; a suspect and a target not yet probed are up.
 * ABSTAIN: probed, but nothing is known (only our own faults, as when we have no IPv6): says
 * nothing for or against the host. DRAINED: not known to be dead, but an operator wants nothing
 * sent there while anything else is up. */
enum vote { VOTE_UP, VOTE_DOWN, VOTE_ABSTAIN, VOTE_DRAINED };
enum vote verdict_vote(const struct verdict *verdict);

/* The longest TTL in seconds that an answer may have because of this target: 1 until it is probed,
 * what is left until the verdict while suspect (rounded up, at least 1), UINT32_MAX otherwise and
 * while forced. */
uint32_t verdict_ttl_cap_s(const struct verdict *verdict, int64_t now_ms);

const char *verdict_status_word(enum verdict_status status); /* "up", "suspect", "down" */
const char *verdict_forced_word(enum verdict_forced forced); /* NULL, "up", "down", "drain" */

#endif
