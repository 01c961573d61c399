/* SPDX-License-Identifier: BSD-2-Clause */
/* A session of a probe, with its place at the host and the connection before it; and the insides of
 * the probe that attempt.c and trial.c share. The event base's thread. */
#ifndef EVERMX_PROBE_TRIAL_H
#define EVERMX_PROBE_TRIAL_H

#include "probe/attempt.h"
#include "probe/dial.h"

enum { TRIALS = 2 };

enum trial_state {
    TRIAL_NONE,
    TRIAL_WAITS, /* for a place */
    TRIAL_CONNECTS,
    TRIAL_TALKS,
    TRIAL_OVER,
};

/* One session, and the connection before it. */
struct trial {
    struct attempt *attempt;
    enum trial_state state;
    struct peer_seat seat;
    struct dial dial;
    struct session *session; /* TRIAL_TALKS */
    int64_t started_ms, next_socket_ms;
    int64_t connected_us;
    int32_t connect_us; /* how long the socket took that has connected */
    bool mended;        /* that was not the first one, or not by its first packet */
    bool roams;         /* connects without a place */
    unsigned extra;     /* sockets counted by the prober */
    bool silent;        /* was, for its quantum or longer */
};

struct attempt {
    struct attempt_setting setting;
    struct patience patience;
    const struct attempt_reports *reports;
    void *context;
    enum { ATTEMPT_WAITS, ATTEMPT_RUNS, ATTEMPT_RESTS } state;
    struct event timer;
    int64_t look_ms;    /* when that is due */
    int64_t begun_us;   /* what times count from; 0: never begun */
    int64_t excused_ms; /* our own timers were late: the early windows are so much longer */
    bool connected;     /* a connection has stood: the host is there */
    bool counted;       /* among the silent at the host */
    bool told_late;
    bool gave_up;               /* reported as silent: what comes after all revokes it */
    unsigned sessions, sockets; /* so far */
    struct trial trials[TRIALS];
};

static inline struct peers *attempt_peers(const struct attempt *attempt)
{
    return attempt->setting.session->peers;
}

static inline int64_t attempt_begun_ms(const struct attempt *attempt)
{
    return attempt->begun_us / 1000;
}

/* ---- trial.c ---- */

void trial_init(struct trial *trial, struct attempt *attempt);
/* It has its place: connects. */
void trial_dial(struct trial *trial);
/* Ends whatever it does, and gives its place back. */
void trial_stop(struct trial *trial);
/* What time alone brings: more sockets, places that are not needed any more. */
void trial_look(struct trial *trial, int64_t now_ms);
/* An octet has come. */
bool trial_is_heard(const struct trial *trial);
enum peer_rank trial_rank(const struct trial *trial);
/* Of a session that has ended. */
enum reason trial_reason(const struct session_result *result);

/* ---- attempt.c, called as the last thing that is done ---- */

/* The first session has its place: from now on times count. */
void attempt_begin(struct attempt *attempt);
/* The first session had to go, or could not come, and nothing can be said yet: all over again, as
 * soon as there is a place. */
void attempt_wait(struct attempt *attempt);
/* A session has ended and speaks for the whole. */
void attempt_on_session(struct attempt *attempt, const struct trial *trial,
                        const struct session_result *result);
/* What was left open has ended; result NULL: was ended. */
void attempt_on_rest(struct attempt *attempt, const struct trial *trial,
                     const struct session_result *result);
/* There is no connection. */
void attempt_on_failed(struct attempt *attempt, enum reason reason, const char *why);

#endif
