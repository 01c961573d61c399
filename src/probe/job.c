/* SPDX-License-Identifier: BSD-2-Clause */
/* The schedule of a target: when it is probed, and how deeply. A timer for each, no walk over all
 * of them. One whose time has come and that finds no place at its host waits for one: peers.h. */
#include "probe/prober_inside.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/table.h"
#include "probe/jitter.h"

#include <event2/event.h>
#include <stdlib.h>

/* A prober that is starved again and again must not hide a dead target for ever: after so many
 * failures in a row that were excused by it, they count. A living target answers in between. */
enum { EXCUSES_MAX = 3 };

/* After we ourselves were stopped for long, all targets are overdue at once: they are spread again
 * over so long. */
enum { OVERDUE_MS = 1000 };

/* A whole dialogue that has not ended when its target is due again is set aside: whether the target
 * still greets is asked beside it. Before the greeting the probe looks after itself: so often it is
 * seen to whether it is past that. */
enum { ASIDE_LOOK_MS = 500 };

/* ---- from one probe to the next ---- */

static void job_arm(struct job *job, int64_t wait_ms)
{
    struct timeval wait = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
    event_add(&job->timer, &wait);
}

static void job_sleep(struct job *job, int64_t until_ms)
{
    int64_t wait_ms = until_ms - clock_now_ms();
    job->due_ms = until_ms;
    job_arm(job, wait_ms > 0 ? wait_ms : 0);
}

static uint64_t job_random(struct job *job)
{
    uint64_t *random = &job->prober->random;
    *random = hash_bytes(random, sizeof *random, job->id);
    return *random;
}

static int64_t job_jitter(struct job *job, int64_t wait_ms)
{
    return jitter_ms(wait_ms, job_random(job));
}

static void job_count_excuses(struct job *job, enum reason reason)
{
    if (reason == REASON_OK)
        job->excuses = 0;
    else if (reason == REASON_LATE)
        job->excuses++;
}

/* What the outcome teaches. A greeting that took longer than it was waited for the last time
 * explains that silence: it was late, not dead. */
static void job_learn(struct job *job, struct outcome *outcome, const struct lesson *lesson,
                      int64_t now_ms)
{
    struct lesson learned = *lesson;
    /* Of probes that began while it was dead, more than one may see it come back: they had to wait
     * for it, and no packet was lost. */
    bool owed = job->dead || job->started_ms < job->back_ms;
    if (owed)
        learned.hedged = false;
    if (outcome->reason == REASON_OK) {
        outcome->revoked |= job->window_ms && outcome->rtt_us > job->window_ms * 1000;
        learned.late |= outcome->revoked;
        /* Nor does the greeting tell what is usual, unless it was given up before. */
        bool vague = owed && !learned.late && learned.greeting_us > LEARN_PROMPT_MS * 1000;
        if (vague)
            learned.greeting_us = -1;
        bool resumed = learn_is_resumed(&job->learned, &job->stall, &learned);
        if (!resumed && vague)
            learn_owed(&job->learned, now_ms - outcome->quiet_ms);
        else if (!resumed)
            learn_good(&job->learned, &learned, now_ms - outcome->quiet_ms);
    } else if (reason_evidence(outcome->reason) == EVIDENCE_SILENCE) {
        learn_silence(&job->learned, outcome->confirmed, learned.hedged);
        return;
    } else if (reason_status(outcome->reason) != OUTCOME_FAIL) {
        return;
    } else {
        learn_answer(&job->learned);
    }
    job->window_ms = 0;
}

/* Its next time. Where its timer runs already, what was reported was not its turn. */
static void job_plan(struct job *job, struct probe_next next, int64_t now_ms)
{
    bool sleeps = event_pending(&job->timer, EV_TIMEOUT, NULL);
    if (job->aside && next.depth == DEPTH_SERVICE) /* that is under way */
        next = (struct probe_next){.wait_ms = job->target.check->interval_ms};
    job->depth = next.depth;
    if (sleeps && !next.exact && !job->hurried)
        return;
    /* Regular probes keep to their schedule though one has begun late: no drift. */
    int64_t at_ms =
        next.exact ? job->started_ms + next.wait_ms : job->due_ms + job_jitter(job, next.wait_ms);
    if (job->hurried || at_ms < now_ms)
        at_ms = now_ms;
    job->exact = next.exact;
    job_sleep(job, sleeps && job->due_ms < at_ms ? job->due_ms : at_ms);
    job->hurried = false;
}

/* A report, and what comes after it, unless the target was removed in it. */
static void job_report(struct job *job, const struct outcome *outcome)
{
    struct prober *prober = job->prober;
    int64_t now_ms = clock_now_ms();

    prober->reporting = job;
    struct probe_next next = prober->reports.done(prober->context, job->id, outcome, now_ms);
    /* Where our own uplink may be to blame, it has to be asked again, and before those of the dead.
     */
    if (prober->reporting == job) {
        if (job->dead && outcome->reason == REASON_OK)
            job->back_ms = now_ms;
        job->dead = next.down && outcome->reason != REASON_OK;
        job->learned.believed &= next.down;
    }
    if (prober->reporting == job && !job->attempt)
        job_plan(job, next, now_ms);
    prober->reporting = NULL;
}

static void job_drop_aside(struct job *job)
{
    if (job->aside)
        attempt_cancel(job->aside);
    job->aside = NULL;
}

/* One of the two that may be under way. A failure before the greeting ends the dialogue, too. */
static void job_land(struct job *job, const struct outcome *outcome)
{
    if (job->aside && outcome->depth == DEPTH_SERVICE) {
        job->aside = NULL;
        return;
    }
    event_del(&job->timer);
    job->attempt = NULL;
    if (reason_status(outcome->reason) == OUTCOME_FAIL)
        job_drop_aside(job);
}

static void job_on_done(void *context, const struct outcome *done, const struct lesson *lesson,
                        bool early, struct attempt *rest)
{
    struct job *job = context;
    struct outcome outcome = *done;

    job_land(job, &outcome);
    if (rest && job->rest)
        attempt_cancel(rest); /* the elder is nearer to its greeting */
    else if (rest)
        job->rest = rest;
    job_count_excuses(job, outcome.reason);
    job_learn(job, &outcome, lesson, clock_now_ms());
    /* Silent for the whole timeouts is dead, whatever comes later. */
    if (outcome.reason == REASON_GREETING_TIMEOUT)
        job->window_ms = early ? clock_now_ms() - job->started_ms : 0;
    probe_target_learn(&job->target, &outcome);
    job->prober->numbers.finished++;
    job_report(job, &outcome);
}

/* A server that was late, and is not dead: known at once, also while the next probe is under way.
 */
static void job_on_rested(void *context, const struct outcome *rested, const struct lesson *lesson)
{
    struct job *job = context;

    job->rest = NULL;
    if (!rested)
        return;
    struct outcome outcome = *rested;
    if (job->learned.silences)
        job_learn(job, &outcome, lesson, clock_now_ms());
    else /* a later probe has taught what is usual now, unless both came at once */
        learn_is_resumed(&job->learned, &job->stall, lesson);
    job_report(job, &outcome);
}

static void job_on_late(void *context, int64_t since_ms, int64_t decides_ms, int64_t now_ms)
{
    struct job *job = context;
    struct prober *prober = job->prober;
    /* Silent as well: its place is needed for a second session. */
    if (job->aside && attempt_heard_ms(job->aside) < since_ms)
        job_drop_aside(job);
    if (prober->reports.late)
        prober->reports.late(prober->context, job->id, since_ms, decides_ms, now_ms);
}

static void job_on_begun(void *context, int64_t now_ms)
{
    struct job *job = context;
    struct prober_numbers *numbers = &job->prober->numbers;
    job->started_ms = now_ms;
    numbers->started++;
    if (now_ms - job->due_ms > numbers->behind_max_ms)
        numbers->behind_max_ms = now_ms - job->due_ms;
}

/* One whole dialogue of a host at a time; meanwhile it is enough to know that this one lives. */
static void job_choose_depth(struct job *job)
{
    if (job->depth != DEPTH_SERVICE)
        peer_leave_line(job->peer, &job->turn);
    else if (job->aside) /* its own is still under way */
        job->depth = DEPTH_LIVENESS;
    else if (!peer_may_go_deep(job->peer, &job->turn, job->exact, clock_now_ms()))
        job->depth = DEPTH_LIVENESS;
}

static void job_start(struct job *job)
{
    static const struct attempt_reports reports = {
        .begun = job_on_begun, .late = job_on_late, .done = job_on_done, .rested = job_on_rested};
    struct prober *prober = job->prober;
    job_choose_depth(job);
    const struct attempt_setting setting = {.session = &prober->setting,
                                            .target = &job->target,
                                            .learned = &job->learned,
                                            .peer = job->peer,
                                            .depth = job->depth,
                                            .excuse_late = job->excuses < EXCUSES_MAX,
                                            .sockets = &prober->sockets,
                                            .sockets_max = prober->sessions_max / 2};
    job->attempt = attempt_start(&setting, &reports, job);
    if (attempt_has_begun(job->attempt))
        job_on_begun(job, clock_now_ms());
    if (job->depth == DEPTH_SERVICE)
        job_arm(job, job_jitter(job, job->target.check->interval_ms));
}

/* A whole dialogue is under way, and the target is due again. */
static void job_set_aside(struct job *job, int64_t now_ms)
{
    if (attempt_heard_ms(job->attempt) < 0) {
        job_arm(job, ASIDE_LOOK_MS);
        return;
    }
    job->aside = job->attempt;
    job->attempt = NULL;
    job->due_ms = now_ms;
    job->exact = false;
    job->depth = DEPTH_LIVENESS;
    job_start(job);
}

static void job_on_timer(evutil_socket_t fd, short what, void *context)
{
    struct job *job = context;
    int64_t now_ms = clock_now_ms();
    (void)fd, (void)what;

    if (job->attempt)
        job_set_aside(job, now_ms);
    else if (now_ms < job->due_ms) /* the loop counts from when its turn began */
        job_sleep(job, job->due_ms);
    else if (now_ms - job->due_ms >= OVERDUE_MS && !job->exact)
        job_sleep(job, now_ms + (int64_t)(job_random(job) % OVERDUE_MS));
    else
        job_start(job);
}

/* ---- its life ---- */

/* The same place in each run, and another one for each target. */
static int64_t job_offset_ms(const struct probe_target *target, int64_t spread_ms)
{
    if (spread_ms <= 0)
        return 0;
    uint64_t hash = hash_bytes(target->address.bytes, address_size(&target->address), target->port);
    return (int64_t)(hash % (uint64_t)spread_ms);
}

struct job *job_new(struct prober *prober, uint32_t id, const struct probe_target *target,
                    int64_t spread_ms)
{
    struct job *job = memory_alloc(sizeof *job);
    job->prober = prober;
    job->id = id;
    job->depth = DEPTH_SERVICE;
    job->target = *target;
    job->target.host = memory_strdup(target->host ? target->host : "");
    job->peer = peers_join(prober->setting.peers, &target->address);
    learn_init(&job->learned);
    prober->numbers.targets++;
    evtimer_assign(&job->timer, prober->setting.base, job_on_timer, job);
    job_sleep(job, clock_now_ms() + job_offset_ms(target, spread_ms));
    return job;
}

void job_free(struct job *job)
{
    struct prober *prober = job->prober;

    event_del(&job->timer);
    if (job->attempt)
        attempt_cancel(job->attempt);
    job_drop_aside(job);
    if (job->rest)
        attempt_cancel(job->rest);
    if (prober->reporting == job)
        prober->reporting = NULL;
    peer_leave_line(job->peer, &job->turn);
    peers_leave(prober->setting.peers, job->peer);
    prober->numbers.targets--;
    free((char *)job->target.host);
    free(job);
}

/* ---- out of turn ---- */

/* It is given up where others of its host are late, too: they need its place. */
static void job_unstick(struct job *job)
{
    struct attempt **deep = job->depth == DEPTH_SERVICE ? &job->attempt : &job->aside;
    int64_t heard_ms = *deep ? attempt_heard_ms(*deep) : -1;
    if (heard_ms < 0 || clock_now_ms() - heard_ms < STUCK_MS)
        return;
    attempt_cancel(*deep);
    *deep = NULL;
}

void job_hurry(struct job *job)
{
    job_unstick(job);
    if (job->attempt && !attempt_has_begun(job->attempt))
        return;
    job->exact = true;
    if (job->attempt || job->prober->reporting == job)
        job->hurried = true;
    else
        job_sleep(job, clock_now_ms());
}

int64_t job_reached_ms(const struct job *job)
{
    int64_t reached_ms = job->attempt ? attempt_reached_ms(job->attempt) : -1;
    int64_t aside_ms = job->aside ? attempt_reached_ms(job->aside) : -1;
    return aside_ms > reached_ms ? aside_ms : reached_ms;
}
