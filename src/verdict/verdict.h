/* SPDX-License-Identifier: BSD-2-Clause */
/* From outcomes of probes to what is held true of a target. Pure: no clock, no I/O, no log; time is
 * an argument in monotonic milliseconds. */
#ifndef EVERMX_VERDICT_VERDICT_H
#define EVERMX_VERDICT_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How far a probe goes. A good greeting shows that a service lives; what stands behind it is dear
 * to both ends and asked for less often. */
enum probe_depth {
    DEPTH_LIVENESS,   /* connect, the whole greeting, goodbye */
    DEPTH_SERVICE,    /* the whole dialogue: TLS and certificate, login, a recipient */
    DEPTH_ROUND_TRIP, /* a message goes in and is found in the mailbox */
};
enum { PROBE_DEPTHS = DEPTH_ROUND_TRIP + 1 };

/* ---- outcomes ---- */

enum outcome_status {
    OUTCOME_OK,
    OUTCOME_FAIL,
    OUTCOME_UNKNOWN, /* says nothing about the target: our own fault, or refused for being us */
};

/* What kind of failure a reason is: how much it takes to be believed. */
enum evidence {
    EVIDENCE_NONE,    /* OK and UNKNOWN */
    EVIDENCE_REFUSAL, /* the peer's kernel or the net says no: asked again at once */
    EVIDENCE_SILENCE, /* nothing came; may be our own uplink. Enough when it is `confirmed` */
    EVIDENCE_SICK,    /* it talks, and is unwell: asked again after the recheck time */
    EVIDENCE_DOUBT,   /* what living hosts say as well (greylisting): counts when it lasts */
};

/* Why. One table (outcome.c) gives each its status, evidence, word and sentence. */
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
    REASON_GREETING_4XX,     /* 421, 451 and the like, not about us; POP3 -ERR; IMAP BYE */
    REASON_GREETING_5XX,     /* 554: host closed; only where `refusal: down` is configured */
    REASON_REPLY_TIMEOUT,
    REASON_REPLY_CLOSED,
    REASON_REPLY_BAD, /* not the protocol */
    REASON_REPLY_4XX, /* 452 4.3.1, 451 4.3.0: the system has a fault */
    REASON_REPLY_5XX,
    REASON_DEFERRED,          /* 451 4.7.1 and the like: a broken filter, or a policy */
    REASON_LOGIN_UNAVAILABLE, /* IMAP NO [UNAVAILABLE], SMTP 454, 535 with a temporary reason */
    REASON_MAILBOX_BROKEN,    /* logged in, but the mailbox cannot be opened */
    REASON_TLS_NOT_OFFERED,   /* and required */
    REASON_TLS_REFUSED,       /* STARTTLS answered by 4xx, 5xx, NO, -ERR */
    REASON_TLS_FAILED,        /* the handshake */
    REASON_TLS_TIMEOUT,
    REASON_TLS_WEAK,     /* below TLS 1.2 */
    REASON_CERT_EXPIRED, /* or not yet valid */
    REASON_CERT_NAME,    /* for another name */
    REASON_CERT_UNTRUSTED,
    REASON_INJECTION,   /* plain text in the same flight behind the answer to STARTTLS */
    REASON_TIMEOUT,     /* the whole probe */
    REASON_UNDELIVERED, /* a round trip's message was taken and did not arrive */
    /* refused for being us, or asked wrongly: the target may be well */
    REASON_PROBER_REFUSED, /* 421 too many connections from you, 554 blocked, a 5xx greeting */
    REASON_PROBER_BLOCKED, /* silent or unreachable to us, while another port of the host answers */
    REASON_LOGIN_REFUSED,  /* wrong credentials, as far as the server says */
    REASON_RECIPIENT_REFUSED, /* the probe recipient does not exist, or may not get mail from us */
    /* ours */
    REASON_UPLINK,    /* most hosts are silent at once: it is our own network */
    REASON_LOCAL,     /* no descriptor, no route, no source address, no memory */
    REASON_LATE,      /* our own timer came late: the prober was starved or stopped */
    REASON_CANCELLED, /* by a reload or at the end */
    /* nothing to fail by: warnings only */
    REASON_CERT_EXPIRES, /* within `cert-warn` */
    REASON_COUNT
};

enum outcome_status reason_status(enum reason reason);
enum evidence reason_evidence(enum reason reason);
/* Whether it only puts off: who meets it tries again later, and nothing is lost. Not so where mail
 * bounces, or where a client is led to another host or to go on without TLS. */
bool reason_passes(enum reason reason);
const char *reason_word(enum reason reason);     /* "greeting-timeout": stable, for programs */
const char *reason_sentence(enum reason reason); /* "connected, but no complete greeting came" */
/* What an operator can do about it, "let the prober's address through: ..."; NULL: nothing that
 * goes without saying. */
const char *reason_advice(enum reason reason);

/* The steps of a probe, for who wants to know where its time went. */
enum outcome_step {
    TIMED_CONNECT,
    TIMED_TLS, /* the handshake, at once or by STARTTLS */
    TIMED_GREETING,
    TIMED_HELLO, /* EHLO, CAPABILITY, CAPA: the last one */
    TIMED_LOGIN,
    TIMED_MAIL,     /* MAIL FROM */
    TIMED_RCPT,     /* RCPT TO */
    TIMED_SELECT,   /* SELECT, STAT */
    TIMED_DELIVERY, /* round trip: from the message's acceptance until it was found */
    TIMED_STEPS
};
const char *outcome_step_word(enum outcome_step step); /* "connect" */

enum { OUTCOME_DETAIL_SIZE = 160 };

struct outcome {
    enum probe_depth depth; /* that the probe was meant to reach */
    enum reason reason;
    /* SILENCE: a second, independent session has seen the same, or the whole timeout has passed. */
    bool confirmed;
    /* OK: this is the same probe that failed before: it was given up by SILENCE, and has greeted
     * after all. Speaks of the greeting only, whatever its depth. */
    bool revoked;
    uint8_t sessions; /* that the probe took: 1, or more where it was hedged */
    /* Microseconds from the start of the probe to its greeting (or its end, where none came); -1:
     * none. */
    int64_t rtt_us;
    /* How long the peer had been quiet when the probe ended, where it was heard from at all: a
     * goodbye or a reply that did not come. */
    int32_t quiet_ms;
    /* GREETING_TIMEOUT: how long before the probe's end a connection last came to stand; 0: that
     * is not known. */
    int32_t connected_ms;
    int32_t step_us[TIMED_STEPS];     /* how long each took; 0: not reached */
    char detail[OUTCOME_DETAIL_SIZE]; /* the first bad reply, or the error's text; printable ASCII;
                                         may be empty */
    /* Something to tell that is no failure: optional TLS that did not work, a certificate that
     * expires soon. REASON_NONE: nothing. */
    enum reason warning;
    char warning_detail[OUTCOME_DETAIL_SIZE];
    int64_t certificate_ends_s; /* when the server's expires, calendar's time; 0: none was seen */
};

/* ---- verdicts ---- */

struct verdict_policy {
    unsigned fall, rise;
    int64_t interval_ms, service_interval_ms, recheck_ms;
    int64_t timeout_ms; /* the longest that a probe takes */
    int64_t doubt_ms;   /* how long doubtful evidence must last */
    int64_t hold_ms;    /* the shortest time out; doubles with each fall. 0: no hold, no damping */
    int64_t slow_start_ms;      /* 0: none */
    int64_t alarm_ms, drain_ms; /* round trip: since the last message that arrived */
    bool return_manual;
};

enum verdict_status { VERDICT_UP, VERDICT_SUSPECT, VERDICT_DOWN };
enum verdict_forced { FORCED_NOT, FORCED_UP, FORCED_DOWN, FORCED_DRAIN };

/* Why a target that passes its probes again is not answered yet. */
enum verdict_held { HELD_NOT, HELD_TIME, HELD_DAMPED, HELD_MANUAL };

/* The last outcome of a depth, as it came. */
struct verdict_trace {
    int64_t at_ms; /* -1: none yet */
    enum reason reason;
    uint8_t sessions;
    int32_t step_us[TIMED_STEPS];
};

struct verdict {
    enum verdict_status status;
    bool known;  /* an outcome that says something came at least once */
    bool probed; /* any outcome came, UNKNOWN too */
    enum verdict_forced forced;
    enum reason reason; /* of the last outcome that says something; while not up: last bad one;
                           while nothing is known: of the last outcome of all */
    char detail[OUTCOME_DETAIL_SIZE];
    unsigned bad;          /* in a row, of those that count against it; 0 while it is only late */
    unsigned good;         /* in a row, of those as deep as what failed */
    int64_t since_ms;      /* when status last changed (or the target was first known of) */
    int64_t decides_ms;    /* suspect: when it is down if probes go on ending as this one; else 0 */
    int64_t rtt_us;        /* of the last good outcome; -1: none */
    int64_t last_probe_ms; /* when the last outcome came; -1: none */
    int64_t last_good_ms;  /* when the last good outcome came; -1: none */
    uint64_t probes, failures, unknowns; /* but for round trips */

    enum probe_depth failed_depth; /* suspect or down: as deep must be what mends it */
    unsigned failed_reach;         /* how far that came in its dialogue */
    bool service_good;      /* down: the whole dialogue was good since the last bad outcome (or went
                               as far as it lets us) */
    int64_t service_due_ms; /* when the next probe is to go through the whole dialogue */
    int64_t doubt_since_ms; /* the first of a row of doubtful outcomes; 0: there is none */

    /* Why the last outcome said nothing (UNKNOWN), and how deep it was; REASON_NONE: one as deep
     * has said something since. */
    enum reason unheard;
    enum probe_depth unheard_depth;
    char unheard_detail[OUTCOME_DETAIL_SIZE];
    /* Of the last outcome of the depth that it came from; REASON_NONE: nothing. */
    enum reason warning;
    enum probe_depth warning_depth;
    char warning_detail[OUTCOME_DETAIL_SIZE];
    struct verdict_trace last[PROBE_DEPTHS];
    int64_t certificate_ends_s; /* of the last one that was seen, calendar's time; 0: none yet */

    /* coming back */
    enum verdict_held held; /* down, passing its probes, and held back */
    int64_t held_until_ms;  /* hold and damping of the last fall: at the earliest; 0: none */
    unsigned falls;         /* that are remembered: doublings of the hold */
    bool revocable;         /* down by silence, and nothing else was seen of it since */
    double penalty;         /* of flaps, at penalty_ms; falls by half each half-life */
    int64_t penalty_ms;
    int64_t returned_ms; /* when it last came back up: the slow start; 0: never fell */
    unsigned percent;    /* verdict_percent(), as last told by a step or tick */

    /* the round trip */
    int64_t undelivered_since_ms; /* of the first message that has not arrived; 0: all is well */
    bool alarmed;                 /* for so long that it is worth a warning */
    bool undelivered;             /* for so long that it is drained */
};

enum {
    FLAP_PENALTY = 1000,  /* for each fall */
    FLAP_SUPPRESS = 1500, /* from it on, after a fall, a target is damped: */
    FLAP_READMIT = 750,   /* until it is below this */
    FLAP_HALF_LIFE_MS = 15 * 60 * 1000,
    FLAP_FORGET_MS = 24 * 60 * 60 * 1000, /* up for so long: the hold begins anew */
    HOLD_MAX_MS = 60 * 60 * 1000,
    SLOW_START_PERCENT = 10, /* of the weight, at its beginning */
};

void verdict_init(struct verdict *verdict, int64_t now_ms);

/* One outcome, of any depth. Returns whether anything that answers depend on changed. What needs to
 * be told besides (held, alarmed, unheard, warning) is seen by a copy from before. */
bool verdict_step(struct verdict *verdict, const struct verdict_policy *policy,
                  const struct outcome *outcome, int64_t now_ms);

/* A probe under way finds its target late: suspect until the probe ends, down at decides_ms if it
 * does not hear from it. Not so one whose last silence said nothing of it: it would be suspect
 * with each probe, for as long as it is blocked or our uplink is gone. Returns whether anything
 * changed. */
bool verdict_late(struct verdict *verdict, int64_t decides_ms, int64_t now_ms);

/* Time alone: whether anything that answers depend on changed by it (a slow start goes on). Nothing
 * comes back by time alone: a hold that is over ends with the next good probe. */
bool verdict_tick(struct verdict *verdict, const struct verdict_policy *policy, int64_t now_ms);

bool verdict_force(struct verdict *verdict, enum verdict_forced forced); /* true: changed */
/* An operator takes it back: ends holds and damping; and a manual return, where it passes its
 * probes. True: it was held, and is up. */
bool verdict_release(struct verdict *verdict, int64_t now_ms);

/* The next probe: how deep, and how long after the start of the last one (jitter is the caller's).
 */
struct probe_next {
    int64_t wait_ms;
    enum probe_depth depth;
    bool exact; /* a recheck: no jitter */
    bool down;  /* the target is: what it was reported for is believed */
};
struct probe_next verdict_next(const struct verdict *verdict, const struct verdict_policy *policy,
                               int64_t now_ms);

/* What answers make of it. Forced or known first; a suspect and a target not yet probed are up.
 * ABSTAIN: probed, but nothing is known (only our own faults, as when we have no IPv6): says
 * nothing for or against the host. HELD: passes its probes, and is held back (damping, manual
 * return): better than nothing. DRAINED: not known to be dead, but an operator (or a round trip)
 * wants nothing sent there while anything else is up. SICK: down, but it talks and only puts off
 * (reason_passes()), or does well again: better than what is dead, or refuses for good. */
enum vote { VOTE_UP, VOTE_HELD, VOTE_DRAINED, VOTE_SICK, VOTE_DOWN, VOTE_ABSTAIN };
enum vote verdict_vote(const struct verdict *verdict);

/* The share of its weight that it may have, 1 to 100: a slow start's. In steps of 10. */
unsigned verdict_percent(const struct verdict *verdict, const struct verdict_policy *policy,
                         int64_t now_ms);

/* The longest TTL in seconds that an answer may have because of this target: 1 until it is probed,
 * what is left until the verdict while suspect (rounded up, at least 1; but not where it has been
 * due for a minute), UINT32_MAX otherwise and while forced. */
uint32_t verdict_ttl_cap_s(const struct verdict *verdict, int64_t now_ms);

const char *verdict_status_word(enum verdict_status status); /* "up", "suspect", "down" */
const char *verdict_forced_word(enum verdict_forced forced); /* NULL, "up", "down", "drain" */
const char *verdict_held_word(enum verdict_held held);       /* NULL, "hold", "damped", "manual" */

enum { VERDICT_OUTLOOK_SIZE = 320 };
/* What would change it next, in one sentence without a full stop: "down after one more failure, at
 * the latest in 0.4 s", "held 21 s more (fall 3 in 24 h)". Cut short where there is no room. */
void verdict_outlook(const struct verdict *verdict, const struct verdict_policy *policy,
                     int64_t now_ms, char *text, size_t size);

#endif
