/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/trial.h"

#include "base/clock.h"

enum {
    MENDED_US = 900000, /* a connection that takes so long was mended by the kernel's next SYN */
};

bool trial_is_heard(const struct trial *trial)
{
    return trial->session && session_heard_us(trial->session);
}

/* ---- the end ---- */

/* It connects no more. */
static void trial_land(struct trial *trial)
{
    *trial->attempt->setting.sockets -= trial->extra;
    trial->extra = 0;
    trial->roams = false;
}

void trial_stop(struct trial *trial)
{
    dial_stop(&trial->dial);
    trial_land(trial);
    if (trial->session)
        session_cancel(trial->session);
    trial->session = NULL;
    trial->state = TRIAL_OVER;
    peer_release(attempt_peers(trial->attempt), &trial->seat);
}

/* Without an octet at the end of the whole probe: silent as well. */
enum reason trial_reason(const struct session_result *result)
{
    bool silent = result->reason == REASON_TIMEOUT && !result->heard_us;
    return silent ? REASON_GREETING_TIMEOUT : result->reason;
}

static void trial_on_session(void *context, const struct session_result *result)
{
    struct trial *trial = context;
    struct attempt *attempt = trial->attempt;
    const struct trial *other = &attempt->trials[trial == attempt->trials];
    bool silent = reason_evidence(trial_reason(result)) == EVIDENCE_SILENCE;
    bool ours = reason_status(result->reason) == OUTCOME_UNKNOWN && trial != attempt->trials;

    trial->session = NULL;
    if (attempt->state == ATTEMPT_RESTS)
        attempt_on_rest(attempt, trial, result);
    else if (((silent || !result->heard_us) && trial_is_heard(other)) || (ours && other->session))
        trial_stop(trial); /* the other one goes on */
    else
        attempt_on_session(attempt, trial, result);
}

/* ---- places ---- */

static enum peer_rank attempt_rank(const struct attempt *attempt)
{
    if (attempt->patience.slow)
        return attempt->setting.learned->believed ? RANK_DOWN : RANK_SLOW;
    return attempt->setting.depth == DEPTH_LIVENESS ? RANK_LIVENESS : RANK_SERVICE;
}

enum peer_rank trial_rank(const struct trial *trial)
{
    return trial == trial->attempt->trials ? attempt_rank(trial->attempt) : RANK_HEDGE;
}

void trial_dial(struct trial *trial)
{
    struct attempt *attempt = trial->attempt;
    trial->state = TRIAL_CONNECTS;
    trial->silent = trial->mended = false;
    trial->started_ms = clock_now_ms();
    trial->next_socket_ms = trial->started_ms + attempt->patience.connect_hedge_ms;
    attempt->sessions++;
    attempt->sockets++;
    dial_start(&trial->dial);
}

static void trial_on_granted(void *context)
{
    struct trial *trial = context;
    struct attempt *attempt = trial->attempt;
    bool first = attempt->begun_us == 0;

    if (attempt->state == ATTEMPT_RUNS) {
        trial_dial(trial);
        return;
    }
    attempt_begin(attempt);
    if (first)
        attempt->reports->begun(attempt->context, attempt_begun_ms(attempt));
}

static bool attempt_is_busy(const struct attempt *attempt)
{
    for (unsigned i = 0; i < TRIALS; i++)
        if (attempt->trials[i].state != TRIAL_NONE && attempt->trials[i].state != TRIAL_OVER)
            return true;
    return false;
}

static void trial_on_give_up(void *context)
{
    struct trial *trial = context;
    struct attempt *attempt = trial->attempt;

    if (attempt->state == ATTEMPT_RESTS) {
        attempt_on_rest(attempt, trial, NULL);
    } else if (trial_is_heard(trial)) {
        peer_rank(attempt_peers(attempt), &trial->seat, trial_rank(trial), false);
    } else {
        trial_stop(trial);
        /* Where the window decides, what it has seen so far stands. */
        if (!attempt->patience.early && !attempt_is_busy(attempt))
            attempt_wait(attempt);
    }
}

/* ---- connecting ---- */

/* A socket without an answer for so long is none of the host's sessions. It needs no place, unless
 * such sockets themselves become too many. */
static void trial_roam(struct trial *trial)
{
    struct attempt *attempt = trial->attempt;
    if (trial->roams || *attempt->setting.sockets >= attempt->setting.sockets_max)
        return;
    trial->roams = true;
    trial->extra++;
    ++*attempt->setting.sockets;
    peer_release(attempt_peers(attempt), &trial->seat);
}

static void trial_hedge(struct trial *trial, int64_t now_ms)
{
    struct attempt *attempt = trial->attempt;
    if (now_ms < trial->next_socket_ms || *attempt->setting.sockets >= attempt->setting.sockets_max)
        return;
    trial->next_socket_ms = now_ms + DIAL_EACH_MS;
    trial->extra++;
    ++*attempt->setting.sockets;
    attempt->sockets++;
    dial_more(&trial->dial);
}

/* The host is there, but both its places are taken by others: back to the end of the queue. */
static void trial_turn_away(struct trial *trial, struct channel *channel)
{
    struct attempt *attempt = trial->attempt;
    channel_abort(channel);
    trial->state = TRIAL_WAITS;
    if (trial == attempt->trials)
        attempt_wait(attempt);
}

static void trial_on_connected(void *context, const struct channel *connected, int64_t took_us,
                               unsigned number)
{
    struct trial *trial = context;
    struct attempt *attempt = trial->attempt;
    const struct attempt_setting *setting = &attempt->setting;
    struct channel channel = *connected;

    trial_land(trial);
    if (!peer_has(&trial->seat) &&
        !peer_take(attempt_peers(attempt), setting->peer, &trial->seat, trial_rank(trial))) {
        trial_turn_away(trial, &channel);
        return;
    }
    attempt->connected = true;
    trial->state = TRIAL_TALKS;
    trial->connected_us = clock_now_us();
    /* What the kernel's second SYN brought about says nothing of how long the way is. */
    trial->connect_us = took_us < MENDED_US ? (int32_t)took_us : -1;
    trial->mended = number > 0 || took_us >= MENDED_US;
    trial->session = session_adopt(setting->session, setting->target, setting->depth,
                                   attempt_begun_ms(attempt) + setting->target->check->timeout_ms,
                                   &channel, attempt->begun_us, trial_on_session, trial);
    session_begin(trial->session);
}

static void trial_on_failed(void *context, enum reason reason, const char *why)
{
    struct trial *trial = context;
    struct attempt *attempt = trial->attempt;

    trial->state = TRIAL_OVER;
    if (reason_status(reason) == OUTCOME_UNKNOWN && trial != attempt->trials) {
        trial_stop(trial); /* the first one goes on */
        return;
    }
    attempt_on_failed(attempt, reason, why);
}

/* ---- its time ---- */

void trial_look(struct trial *trial, int64_t now_ms)
{
    struct attempt *attempt = trial->attempt;
    const struct patience *patience = &attempt->patience;

    if (trial->state == TRIAL_CONNECTS &&
        now_ms >= trial->started_ms + patience->connect_hedge_ms) {
        trial_roam(trial);
        if (patience->hedged)
            trial_hedge(trial, now_ms);
    }
    if (trial->state != TRIAL_TALKS || trial->silent ||
        now_ms < trial->started_ms + patience->quantum_ms)
        return;
    trial->silent = true;
    enum peer_rank rank = attempt->setting.learned->believed ? RANK_DOWN : RANK_SLOW;
    if (!session_heard_us(trial->session))
        peer_rank(attempt_peers(attempt), &trial->seat, patience->early ? RANK_SILENT : rank, true);
}

static const struct dial_reports dial_reports = {.connected = trial_on_connected,
                                                 .failed = trial_on_failed};

void trial_init(struct trial *trial, struct attempt *attempt)
{
    const struct attempt_setting *setting = &attempt->setting;
    trial->attempt = attempt;
    trial->seat.granted = trial_on_granted;
    trial->seat.give_up = trial_on_give_up;
    trial->seat.context = trial;
    trial->dial.base = setting->session->base;
    trial->dial.address = &setting->target->address;
    trial->dial.port = setting->target->port;
    trial->dial.source = session_source(setting->session, &setting->target->address);
    trial->dial.reports = &dial_reports;
    trial->dial.context = trial;
}
