/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/trial.h"

#include "base/clock.h"
#include "base/memory.h"
#include "probe/pulse.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NEWS_MS = 10,       /* within that the loop tells what has come */
    TURN_LATE_MS = 100, /* a timer later than this has cost hedges their chance */
};

static void attempt_arm(struct attempt *attempt, int64_t now_ms, int64_t at_ms)
{
    int64_t wait_ms = at_ms > now_ms ? at_ms - now_ms : 0;
    struct timeval wait = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
    attempt->look_ms = at_ms;
    event_add(&attempt->timer, &wait);
}

/* ---- the end ---- */

static void attempt_count_silent(struct attempt *attempt, bool silent)
{
    if (attempt->counted != silent)
        peer_note_silent(attempt->setting.peer, silent ? 1 : -1);
    attempt->counted = silent;
}

void attempt_cancel(struct attempt *attempt)
{
    event_del(&attempt->timer);
    attempt_count_silent(attempt, false);
    for (unsigned i = 0; i < TRIALS; i++)
        trial_stop(&attempt->trials[i]);
    free(attempt);
}

/* One session may stay open: that which may be greeted after all, or that which is only to be left
 * politely. */
static bool attempt_rest(struct attempt *attempt)
{
    struct trial *left = NULL;
    event_del(&attempt->timer);
    attempt_count_silent(attempt, false);
    for (unsigned i = 0; i < TRIALS; i++) {
        struct trial *trial = &attempt->trials[i];
        if (!left && trial->session)
            left = trial;
        else
            trial_stop(trial);
    }
    if (!left)
        return false;
    attempt->state = ATTEMPT_RESTS;
    session_shorten(left->session);
    peer_rank(attempt_peers(attempt), &left->seat, RANK_DOWN, true);
    return true;
}

static void attempt_finish(struct attempt *attempt, const struct outcome *outcome,
                           const struct lesson *lesson)
{
    const struct attempt_reports *reports = attempt->reports;
    void *context = attempt->context;
    bool silent = reason_evidence(outcome->reason) == EVIDENCE_SILENCE;
    bool early = silent && attempt->patience.early;

    attempt->gave_up = silent;
    bool rests = attempt_rest(attempt);
    if (!rests)
        attempt_cancel(attempt);
    reports->done(context, outcome, lesson, early, rests ? attempt : NULL);
}

/* A failure seen while our own loop stood still is no failure of the target: it may have answered
 * in time and given up on us, or its answer may not have been asked for yet. */
static enum reason attempt_reason(const struct attempt *attempt, enum reason reason, int64_t now_us)
{
    bool excusable = attempt->setting.excuse_late && reason_status(reason) == OUTCOME_FAIL;
    bool late = excusable && pulse_was_late(attempt->setting.session->pulse,
                                            attempt_begun_ms(attempt), now_us / 1000);
    return late ? REASON_LATE : reason;
}

/* answered_us: -1 where nothing was. */
static struct outcome attempt_outcome(const struct attempt *attempt, enum reason reason,
                                      int64_t answered_us)
{
    int64_t now_us = clock_now_us();
    struct outcome outcome = {.depth = attempt->setting.depth,
                              .reason = attempt_reason(attempt, reason, now_us),
                              .sessions = (uint8_t)attempt->sessions,
                              .rtt_us = -1};
    if (reason_status(outcome.reason) != OUTCOME_UNKNOWN)
        outcome.rtt_us = (answered_us >= 0 ? answered_us : now_us) - attempt->begun_us;
    return outcome;
}

static const struct lesson no_lesson = {.connect_us = -1, .greeting_us = -1};

static bool trial_is_mended(const struct trial *trial)
{
    return trial->mended || (trial->session && session_was_resent(trial->session));
}

/* Where packets of its own got lost, two witnesses are not enough: their handshakes' ends, or
 * greetings, may be lost as well. */
static bool attempt_is_mended(const struct attempt *attempt)
{
    return trial_is_mended(&attempt->trials[0]) || trial_is_mended(&attempt->trials[1]);
}

static bool attempt_confirms(const struct attempt *attempt, bool twice)
{
    return learn_confirms(attempt->setting.learned, twice && !attempt_is_mended(attempt));
}

/* Silent for as long as it may be. twice: two witnesses say so. */
static void attempt_fail_silent(struct attempt *attempt, enum reason reason, bool twice)
{
    struct outcome outcome = attempt_outcome(attempt, reason, -1);
    struct lesson lesson = no_lesson;
    int64_t now_ms = clock_now_ms();
    double took_s = (double)(now_ms - attempt_begun_ms(attempt)) / 1000;
    const char *plural =
        (reason == REASON_CONNECT_TIMEOUT ? attempt->sockets : attempt->sessions) == 1 ? "" : "s";

    lesson.hedged = attempt_is_mended(attempt);
    outcome.confirmed = attempt_confirms(attempt, twice);
    if (reason == REASON_CONNECT_TIMEOUT)
        snprintf(outcome.detail, sizeof outcome.detail, "no answer to %u connection%s in %.1f s",
                 attempt->sockets, plural, took_s);
    else
        snprintf(outcome.detail, sizeof outcome.detail,
                 "not an octet of a greeting in %.1f s, %u session%s", took_s, attempt->sessions,
                 plural);
    int64_t connected_ms = reason == REASON_GREETING_TIMEOUT ? attempt_reached_ms(attempt) : -1;
    if (connected_ms >= 0 && connected_ms < now_ms)
        outcome.connected_ms = (int32_t)(now_ms - connected_ms);
    if (reason == REASON_GREETING_TIMEOUT && outcome.confirmed)
        peer_note_hung(attempt->setting.peer, attempt_begun_ms(attempt), now_ms);
    attempt_finish(attempt, &outcome, &lesson);
}

/* ---- a session's end ---- */

static struct lesson trial_lesson(const struct trial *trial, const struct session_result *result)
{
    return (struct lesson){
        .connect_us = trial->connect_us,
        .greeting_us = result->heard_us ? (int32_t)(result->heard_us - trial->connected_us) : -1,
        .hedged = trial->mended || trial->attempt->sessions > 1,
        .late = trial->attempt->state == ATTEMPT_RESTS,
        .begun_ms = attempt_begun_ms(trial->attempt),
        .greeted_ms = result->greeted_us / 1000,
    };
}

void attempt_on_session(struct attempt *attempt, const struct trial *trial,
                        const struct session_result *result)
{
    struct lesson lesson = trial_lesson(trial, result);
    struct outcome outcome = attempt_outcome(attempt, trial_reason(result), result->greeted_us);
    session_result_tell(result, &outcome);
    if (result->last_us)
        outcome.quiet_ms = (int32_t)((clock_now_us() - result->last_us) / 1000);
    if (reason_evidence(outcome.reason) == EVIDENCE_SILENCE)
        outcome.confirmed = attempt_confirms(attempt, true);
    attempt_finish(attempt, &outcome, &lesson);
}

/* Where it was reported as silent, and greets after all, that silence is revoked. */
void attempt_on_rest(struct attempt *attempt, const struct trial *trial,
                     const struct session_result *result)
{
    const struct attempt_reports *reports = attempt->reports;
    void *context = attempt->context;
    struct outcome outcome;
    struct lesson lesson;
    bool good = result && attempt->gave_up && result->reason == REASON_OK;

    if (good) {
        outcome = attempt_outcome(attempt, result->reason, result->greeted_us);
        outcome.depth = DEPTH_LIVENESS;
        outcome.revoked = true;
        session_result_tell(result, &outcome);
        lesson = trial_lesson(trial, result);
    }
    attempt_cancel(attempt);
    reports->rested(context, good ? &outcome : NULL, good ? &lesson : NULL);
}

void attempt_on_failed(struct attempt *attempt, enum reason reason, const char *why)
{
    struct outcome outcome = attempt_outcome(attempt, reason, -1);
    snprintf(outcome.detail, sizeof outcome.detail, "%s", why);
    attempt_finish(attempt, &outcome, &no_lesson);
}

/* ---- places ---- */

void attempt_begin(struct attempt *attempt)
{
    attempt->state = ATTEMPT_RUNS;
    attempt->begun_us = clock_now_us();
    attempt->excused_ms = 0;
    attempt->connected = false;
    attempt->sessions = attempt->sockets = 0;
    attempt->trials[1].state = TRIAL_NONE;
    trial_dial(&attempt->trials[0]);
    int64_t now_ms = attempt_begun_ms(attempt);
    attempt_arm(attempt, now_ms, now_ms + attempt->patience.connect_hedge_ms);
}

void attempt_wait(struct attempt *attempt)
{
    struct trial *trial = attempt->trials;
    event_del(&attempt->timer);
    attempt->state = ATTEMPT_WAITS;
    trial->state = TRIAL_WAITS;
    if (!peer_waits(&trial->seat) &&
        peer_take(attempt_peers(attempt), attempt->setting.peer, &trial->seat, trial_rank(trial)))
        attempt_begin(attempt);
}

/* ---- looking after it ---- */

static bool attempt_is_heard(const struct attempt *attempt)
{
    return trial_is_heard(&attempt->trials[0]) || trial_is_heard(&attempt->trials[1]);
}

/* An octet came: from here on its session's own timeouts count, and no other session is begun. */
static void attempt_calm(struct attempt *attempt)
{
    for (unsigned i = 0; i < TRIALS; i++) {
        struct trial *trial = &attempt->trials[i];
        if (trial_is_heard(trial))
            peer_rank(attempt_peers(attempt), &trial->seat, trial_rank(trial), false);
        else if (trial->state == TRIAL_WAITS || trial->state == TRIAL_CONNECTS)
            trial_stop(trial);
    }
}

static void attempt_second(struct attempt *attempt)
{
    struct trial *second = &attempt->trials[1];
    second->state = TRIAL_WAITS;
    if (peer_take(attempt_peers(attempt), attempt->setting.peer, &second->seat, RANK_HEDGE))
        trial_dial(second);
}

static bool attempt_has_news(const struct attempt *attempt)
{
    for (unsigned i = 0; i < TRIALS; i++) {
        const struct trial *trial = &attempt->trials[i];
        if (dial_has_news(&trial->dial) || (trial->session && session_has_news(trial->session)))
            return true;
    }
    return false;
}

static int64_t attempt_deadline_ms(const struct attempt *attempt)
{
    const struct patience *patience = &attempt->patience;
    int64_t window_ms = attempt->connected ? patience->greeting_ms : patience->connect_ms;
    return attempt_begun_ms(attempt) + window_ms + attempt->excused_ms;
}

/* Others see the same at the same host, and just now; not where packets get lost, too. */
static bool attempt_is_witnessed(const struct attempt *attempt, int64_t now_ms)
{
    const struct learned *learned = attempt->setting.learned;
    return attempt->counted && !learn_is_lossy(learned) &&
           peer_is_hung(attempt->setting.peer, learned->last_good_ms, now_ms);
}

/* Whether it has failed, and is gone. */
static bool attempt_decide(struct attempt *attempt, int64_t now_ms)
{
    if (attempt->connected && !attempt->patience.early)
        return false; /* the session tells */
    bool due = now_ms >= attempt_deadline_ms(attempt);
    if (!due && !attempt_is_witnessed(attempt, now_ms))
        return false;
    if (attempt_has_news(attempt)) {
        attempt_arm(attempt, now_ms, now_ms + NEWS_MS);
        return true;
    }
    if (attempt->connected)
        attempt_fail_silent(attempt, REASON_GREETING_TIMEOUT,
                            !due || (attempt->trials[0].silent && attempt->trials[1].silent) ||
                                peer_is_silent_elsewhere(attempt->setting.peer));
    else
        attempt_fail_silent(attempt, REASON_CONNECT_TIMEOUT,
                            attempt->sockets >= HEDGE_SOCKETS || !attempt->patience.hedged);
    return true;
}

static void sooner(int64_t *at_ms, int64_t other_ms, int64_t now_ms)
{
    if (other_ms > now_ms && other_ms < *at_ms)
        *at_ms = other_ms;
}

/* When something is due that this turn has not done. */
static void attempt_rearm(struct attempt *attempt, int64_t now_ms)
{
    const struct patience *patience = &attempt->patience;
    int64_t at_ms = attempt_deadline_ms(attempt);
    for (unsigned i = 0; i < TRIALS; i++) {
        const struct trial *trial = &attempt->trials[i];
        if (trial->state == TRIAL_CONNECTS) {
            sooner(&at_ms, trial->started_ms + patience->connect_hedge_ms, now_ms);
            if (patience->hedged)
                sooner(&at_ms, trial->next_socket_ms, now_ms);
        } else if (trial->state == TRIAL_TALKS) {
            sooner(&at_ms, trial->started_ms + patience->quantum_ms, now_ms);
        }
    }
    if (patience->hedged && attempt->connected)
        sooner(&at_ms, now_ms + HEDGE_LOOK_MS, now_ms);
    attempt_arm(attempt, now_ms, at_ms > now_ms ? at_ms : now_ms + HEDGE_LOOK_MS);
}

/* When a first session without an octet is late. */
static int64_t attempt_late_ms(const struct attempt *attempt)
{
    return attempt->trials[0].connected_us / 1000 + attempt->patience.greeting_hedge_ms;
}

/* Its dialogue goes on; one that is stuck is a witness of the host's silence: it keeps the place
 * that another's second session would need. */
static void attempt_follow(struct attempt *attempt, int64_t now_ms)
{
    int64_t stuck_ms = attempt_heard_ms(attempt) + STUCK_MS;
    bool stuck = now_ms >= stuck_ms;
    attempt_count_silent(attempt, stuck);
    attempt_arm(attempt, now_ms, stuck ? now_ms + HEDGE_LOOK_MS : stuck_ms);
}

static void attempt_run(struct attempt *attempt, int64_t now_ms)
{
    for (unsigned i = 0; i < TRIALS; i++)
        trial_look(&attempt->trials[i], now_ms);
    if (attempt_is_heard(attempt)) {
        attempt_calm(attempt);
        attempt_follow(attempt, now_ms);
        return;
    }
    bool late =
        attempt->patience.hedged && attempt->connected && now_ms >= attempt_late_ms(attempt);
    /* Other ports of the host, which are asked when it is told, go first: they see as much. */
    if (late && attempt->trials[1].state == TRIAL_NONE &&
        now_ms >= attempt_late_ms(attempt) + HEDGE_LOOK_MS)
        attempt_second(attempt);
    attempt_count_silent(attempt, attempt->patience.early &&
                                      (attempt->trials[0].silent || attempt->trials[1].silent));
    if (attempt_decide(attempt, now_ms))
        return;
    attempt_rearm(attempt, now_ms);
    late |= attempt->sockets >= HEDGE_SOCKETS;
    if (!late || !attempt->patience.early || attempt->told_late || !attempt_confirms(attempt, true))
        return;
    attempt->told_late = true;
    attempt->reports->late(attempt->context, attempt_begun_ms(attempt),
                           attempt_deadline_ms(attempt), now_ms);
}

static void attempt_on_timer(evutil_socket_t fd, short what, void *context)
{
    struct attempt *attempt = context;
    int64_t now_ms = clock_now_ms();
    (void)fd, (void)what;

    if (now_ms < attempt->look_ms) { /* the loop counts from when its turn began */
        attempt_arm(attempt, now_ms, attempt->look_ms);
        return;
    }
    if (now_ms - attempt->look_ms >= TURN_LATE_MS)
        attempt->excused_ms += now_ms - attempt->look_ms;
    attempt_run(attempt, now_ms);
}

/* ---- the beginning ---- */

struct attempt *attempt_start(const struct attempt_setting *setting,
                              const struct attempt_reports *reports, void *context)
{
    struct attempt *attempt = memory_alloc(sizeof *attempt);
    attempt->setting = *setting;
    attempt->reports = reports;
    attempt->context = context;
    learn_patience(setting->learned, setting->target->check, &attempt->patience);
    evtimer_assign(&attempt->timer, setting->session->base, attempt_on_timer, attempt);
    for (unsigned i = 0; i < TRIALS; i++)
        trial_init(&attempt->trials[i], attempt);
    attempt_wait(attempt);
    return attempt;
}

bool attempt_has_begun(const struct attempt *attempt)
{
    return attempt->begun_us != 0;
}

int64_t attempt_heard_ms(const struct attempt *attempt)
{
    int64_t heard_ms = -1;
    for (unsigned i = 0; i < TRIALS; i++) {
        const struct session *session = attempt->trials[i].session;
        int64_t last_us = session ? session_last_us(session) : 0;
        if (last_us && last_us / 1000 > heard_ms)
            heard_ms = last_us / 1000;
    }
    return heard_ms;
}

int64_t attempt_reached_ms(const struct attempt *attempt)
{
    int64_t reached_ms = attempt_heard_ms(attempt);
    for (unsigned i = 0; i < TRIALS; i++) {
        const struct trial *trial = &attempt->trials[i];
        if (trial->session && trial->connected_us / 1000 > reached_ms)
            reached_ms = trial->connected_us / 1000;
    }
    return reached_ms;
}
