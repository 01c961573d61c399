/* SPDX-License-Identifier: BSD-2-Clause */
/* What the prober has learned of one target, and how patient it therefore is with it. Fast where a
 * target is known to be, careful where it is not or where packets are lost. Pure: no clock, no I/O,
 * no log; any thread.
 *
 * A greeting that came late (after its probe had given it up) may be an accident, or how the host
 * is from now on. So the next probe waits for as long, and one prompt greeting ends that; where one
 * comes late again before LEARN_STEADY prompt ones, they all wait until there have been so many. */
#ifndef EVERMX_PROBE_LEARN_H
#define EVERMX_PROBE_LEARN_H

#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    LEARN_ENOUGH = 3,      /* good probes, until its usual times are taken for usual */
    LEARN_STEADY = 30,     /* prompt greetings, until one that came late is forgotten */
    LEARN_PROMPT_MS = 250, /* a usual greeting within this is prompt */
    LEARN_SLOW_MS = 1000,  /* one above this is slow: such probes last, and must not stand in the
                              way of others of the same host */
};

struct learned {
    unsigned good;        /* probes that learned from; up to LEARN_ENOUGH */
    int32_t connect_us;   /* usual: until the connection stands */
    int32_t greeting_us;  /* usual: from there until the first octet */
    int32_t last_us;      /* the last greeting */
    unsigned row;         /* greetings in a row that were prompt (or not) as the last one */
    unsigned since_late;  /* prompt greetings in a row since one came late; up to LEARN_STEADY */
    uint32_t lossy;       /* how often hedges were needed lately, of 65536: rises fast, falls
                             slowly */
    unsigned silences;    /* silent probes in a row */
    bool believed;        /* the last one was silent and confirmed: it is probed as one that is
                             down */
    int64_t last_good_ms; /* when it was last heard from; -1: never */
};

void learn_init(struct learned *learned);

/* How long a probe waits for what. All but greeting_hedge_ms count from the start of the probe. */
struct patience {
    bool hedged; /* with fresh sockets and a second session */
    bool early;  /* and for not so long: it may fail before the whole timeouts are over */
    int64_t connect_hedge_ms;  /* then a fresh socket, and one more each DIAL_EACH_MS */
    int64_t connect_ms;        /* no connection by then: silent */
    int64_t greeting_hedge_ms; /* from the connection on: late; a second session */
    int64_t greeting_ms; /* early: not one octet by then: silent. Else the session's own timeout
                            tells */
    int64_t quantum_ms;  /* a session that has had so long without an octet may give its place up */
    bool slow;           /* the probe may well last: others of the host go first */
};

enum {
    DIAL_EACH_MS = 175,  /* between two further sockets of a hedged connection */
    HEDGE_LOOK_MS = 100, /* between two looks at sessions that are silent; a second one is begun so
                            long after the first is late */
    HEDGE_SOCKETS = 3,   /* so many independent packets without an answer are no accident */
};

void learn_patience(const struct learned *learned, const struct check_settings *check,
                    struct patience *patience);

/* What a probe has seen of its target's ways. */
struct lesson {
    int32_t connect_us;  /* -1: unknown */
    int32_t greeting_us; /* -1: unknown */
    bool hedged;         /* it took more than the first socket, or than the first session */
    bool late;           /* greeted after it had been given up */
    int64_t begun_ms;    /* the probe */
    int64_t greeted_ms;  /* when the greeting came */
};

void learn_good(struct learned *learned, const struct lesson *lesson, int64_t now_ms);

/* A greeting that was not prompt, and what was known before it. All 0 at first. */
struct stall {
    struct learned before;
    int64_t begun_ms, greeted_ms; /* 0: there was none */
};
/* Before a greeting is learned from: whether the host stood still as a whole, and goes on, as
 * probes that began at different times are greeted in the same moment. That says nothing of what is
 * usual: what the first of them taught is forgotten, and this one is not to be learned from. */
bool learn_is_resumed(struct learned *learned, struct stall *stall, const struct lesson *lesson);
/* Heard from, by a greeting that says nothing of what is usual: it was waited for while the host
 * was dead. */
void learn_owed(struct learned *learned, int64_t now_ms);
/* It failed, but it was heard from. */
void learn_answer(struct learned *learned);
/* It was silent. hedged: a connection took more than the first socket. */
void learn_silence(struct learned *learned, bool confirmed, bool hedged);

/* Packets get lost on the way, as far as hedges tell: some of them lately, or a tenth and more.
 * Silence there is believed when a second probe sees it, too; or after the whole timeouts. */
bool learn_is_lossy(const struct learned *learned);
bool learn_is_very_lossy(const struct learned *learned);

/* Whether a silence counts. twice: a second, independent session has seen it as well, and none of
 * them has met with loss. */
bool learn_confirms(const struct learned *learned, bool twice);

#endif
