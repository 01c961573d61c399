/* SPDX-License-Identifier: BSD-2-Clause */
/* What is the server's own here: verdict_init/step/late/next/vote/ttl_cap, all that is learned,
 * jitter_ms, policy_of_settings, and the defaults of the settings. What is retold, as it is about
 * timers: when the next probe begins, by job.c (job_plan). What one probe comes to: sight.h.
 *
 * Left out: lost packets, neighbours on other ports that are asked as well (which only makes it
 * faster), an uplink that is in doubt (others are taken to answer), and a probe that is under way
 * in the very moment of the break (it is taken to end well). */
#include "mortality.h"

#include "base/memory.h"
#include "engine/slots.h"
#include "probe/jitter.h"
#include "probe/learn.h"
#include "sight.h"
#include "verdict/verdict.h"
#include "witness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *word, *sentence;
} kinds[DEATH_KINDS] = {
    [DEATH_KILL] = {"kill", "connections are refused"},
    [DEATH_STOP] = {"stop", "connections are refused"},
    [DEATH_REJECT] = {"reject", "a firewall or a router says: unreachable"},
    [DEATH_POWER] = {"power", "packets get no answer"},
    [DEATH_BLACKHOLE] = {"blackhole", "packets get no answer"},
    [DEATH_HANG] = {"hang", "connected, and no greeting comes"},
    [DEATH_421] = {"421", "the greeting is 421"},
    [DEATH_TLS] = {"tls", "the certificate has expired"},
    [DEATH_DISK_FULL] = {"disk-full", "RCPT gets 452 4.3.1"},
    [DEATH_QUEUE_STUCK] = {"queue-stuck", "messages are taken and do not arrive"},
    [DEATH_554] = {"554", "the greeting is 554"},
};

const char *death_word(enum death_kind kind)
{
    return kinds[kind].word;
}

const char *death_sentence(enum death_kind kind)
{
    return kinds[kind].sentence;
}

/* The target in virtual time. */
struct subject {
    const struct death_setting *setting;
    struct verdict_policy policy;
    struct verdict verdict;
    struct learned learned;
    struct chance *chance;
    int64_t due_ms, broken_ms;
    int64_t unreachable_ms; /* since; 0: it is not */
    struct witness *witness;
    enum probe_depth depth;
};

/* ---- from one to the next ---- */

static void subject_learn(struct subject *subject, const struct outcome *outcome, int64_t now_ms)
{
    const struct lesson lesson = {.connect_us = outcome->step_us[TIMED_CONNECT],
                                  .greeting_us = outcome->step_us[TIMED_GREETING]};
    if (outcome->reason == REASON_OK)
        learn_good(&subject->learned, &lesson, now_ms);
    else if (reason_evidence(outcome->reason) == EVIDENCE_SILENCE)
        learn_silence(&subject->learned, outcome->confirmed, false);
    else if (reason_status(outcome->reason) == OUTCOME_FAIL)
        learn_answer(&subject->learned);
}

/* The next one's time, as by the prober's job_plan(). */
static void subject_plan(struct subject *subject, int64_t started_ms, int64_t now_ms)
{
    struct probe_next next = verdict_next(&subject->verdict, &subject->policy, now_ms);
    subject->learned.believed &= next.down;
    subject->depth = next.depth;
    subject->due_ms =
        started_ms +
        (next.exact ? next.wait_ms : jitter_ms(next.wait_ms, chance_bits(subject->chance)));
    if (subject->due_ms < now_ms)
        subject->due_ms = now_ms;
}

/* ---- what is told of it ---- */

static double since_break_s(const struct subject *subject, int64_t at_ms)
{
    return (double)(at_ms - subject->broken_ms) / 1000;
}

static void death_add_cap(struct death *death, double from_s, uint32_t ttl_s)
{
    uint32_t before_s = death->ncaps ? death->caps[death->ncaps - 1].ttl_s : UINT32_MAX;
    if (ttl_s == before_s)
        return;
    death->caps = memory_grow(death->caps, death->ncaps, &death->capacity, sizeof *death->caps);
    death->caps[death->ncaps++] = (struct death_cap){(float)from_s, ttl_s};
}

/* Longer ones cap no TTL that anyone fails over by, and would only be many. */
enum { CAPS_MOST_S = 120 };

/* The cap falls by a second each second: all its steps, from now on and until something else comes
 * up. */
static void death_note_caps(struct death *death, const struct subject *subject, int64_t now_ms)
{
    const struct verdict *verdict = &subject->verdict;
    int64_t at_ms = now_ms;
    for (;;) {
        uint32_t ttl_s = verdict_ttl_cap_s(verdict, at_ms);
        if (ttl_s <= CAPS_MOST_S || ttl_s == UINT32_MAX)
            death_add_cap(death, since_break_s(subject, at_ms), ttl_s);
        if (ttl_s <= 1 || ttl_s == UINT32_MAX)
            return;
        int64_t steps = ttl_s <= CAPS_MOST_S ? ttl_s - 1 : CAPS_MOST_S;
        at_ms = verdict->decides_ms - steps * 1000;
    }
}

/* Caps that were noted for a time that came out otherwise. */
static void death_forget_caps(struct death *death, double from_s)
{
    while (death->ncaps && death->caps[death->ncaps - 1].from_s >= (float)from_s)
        death->ncaps--;
}

/* After anything that may have changed what is answered. */
static void death_note(struct death *death, const struct subject *subject, bool bad, int64_t now_ms)
{
    double at_s = since_break_s(subject, now_ms);
    if (bad && isinf(death->seen_s))
        death->seen_s = at_s;
    if (verdict_vote(&subject->verdict) != VOTE_UP && isinf(death->left_s))
        death->left_s = at_s;
    if (now_ms < subject->broken_ms)
        return;
    death_forget_caps(death, at_s);
    death_note_caps(death, subject, now_ms);
}

/* ---- its life ---- */

/* Who says "unreachable" may be our own router: the last step is taken when others have shown that
 * they are reached, as by the engine (others_blame_uplink). Whether the next probe is at once. */
static bool subject_doubt(struct subject *subject, struct outcome *outcome, int64_t now_ms)
{
    if (!subject->unreachable_ms)
        subject->unreachable_ms = now_ms;
    if (subject->verdict.bad + 1 < subject->policy.fall) {
        witness_mute(subject->witness, subject->unreachable_ms, now_ms);
        return false;
    }
    enum uplink_belief belief = witness_ask(subject->witness, subject->unreachable_ms, now_ms);
    if (belief == UPLINK_BELIEVE)
        return false;
    outcome->reason = REASON_UPLINK;
    return belief == UPLINK_AGAIN;
}

static void subject_probe(struct subject *subject, struct death *death, enum death_kind kind)
{
    int64_t started_ms = subject->due_ms;
    bool dead = started_ms >= subject->broken_ms;
    struct sight sight =
        dead ? sight_of_dead(kind, subject->setting, &subject->learned, subject->depth)
             : sight_of_well(subject->setting, subject->depth);
    int64_t ended_ms = started_ms + sight.took_ms;
    if (dead && sight.late_ms >= 0 && sight.late_ms < sight.took_ms &&
        verdict_late(&subject->verdict, ended_ms, started_ms + sight.late_ms))
        death_note(death, subject, true, started_ms + sight.late_ms);
    bool again = sight.outcome.reason == REASON_UNREACHABLE &&
                 subject_doubt(subject, &sight.outcome, ended_ms);
    if (subject->witness && sight.outcome.reason == REASON_OK)
        witness_alive(subject->witness, ended_ms);
    subject_learn(subject, &sight.outcome, ended_ms);
    verdict_step(&subject->verdict, &subject->policy, &sight.outcome, ended_ms);
    if (dead)
        death_note(death, subject, reason_status(sight.outcome.reason) == OUTCOME_FAIL, ended_ms);
    subject_plan(subject, started_ms, ended_ms);
    if (again)
        subject->due_ms = ended_ms;
}

/* As long as a dialogue needs that comes seldom, several times over: then it never comes. */
static int64_t patience_ms(const struct check_settings *check)
{
    int64_t rhythm_ms = check->interval_ms + check->service_interval_ms + check->timeout_ms;
    return 10 * check->fall * rhythm_ms + check->recheck_ms * check->fall;
}

/* What the time of the break is random against. */
static int64_t rhythm_of(enum death_kind kind, const struct check_settings *check)
{
    bool deep = sight_is_deep(kind);
    return deep && check->service_interval_ms > check->interval_ms ? check->service_interval_ms
                                                                   : check->interval_ms;
}

/* Any moment within so many periods that where they begin does not matter. */
static int64_t random_ms(struct chance *chance, int64_t period_ms)
{
    enum { PERIODS = 40 };
    return (int64_t)(chance_share(chance) * PERIODS * (double)period_ms);
}

/* Messages are sent all the time, and none arrives of those that are taken after the break: told at
 * the same ages as by the engine (trips.c). */
static void subject_trips(struct subject *subject, struct death *death)
{
    const struct check_settings *check = &subject->setting->check;
    int64_t sent_ms = subject->broken_ms - random_ms(subject->chance, check->round_trip_ms);
    while (sent_ms < subject->broken_ms)
        sent_ms += jitter_ms(check->round_trip_ms, chance_bits(subject->chance));
    const int64_t marks_ms[] = {check->alarm_ms / 2, check->alarm_ms, check->drain_ms};
    for (size_t i = 0; i < sizeof marks_ms / sizeof *marks_ms; i++) {
        struct outcome outcome = {
            .depth = DEPTH_ROUND_TRIP, .reason = REASON_UNDELIVERED, .sessions = 1, .rtt_us = -1};
        outcome.step_us[TIMED_DELIVERY] =
            marks_ms[i] > INT32_MAX / 1000 ? INT32_MAX : (int32_t)marks_ms[i] * 1000;
        verdict_step(&subject->verdict, &subject->policy, &outcome, sent_ms + marks_ms[i]);
        death_note(death, subject, true, sent_ms + marks_ms[i]);
    }
}

void death_happen(struct death *death, enum death_kind kind, const struct death_setting *setting,
                  struct chance *chance)
{
    const struct check_settings *check = &setting->check;
    struct subject subject = {.setting = setting,
                              .policy = policy_of_settings(check),
                              .chance = chance,
                              .broken_ms = INT64_MAX,
                              .depth = DEPTH_SERVICE};
    *death = (struct death){.seen_s = (double)INFINITY, .left_s = (double)INFINITY};
    verdict_init(&subject.verdict, 0);
    learn_init(&subject.learned);
    /* Its usual times are known, and the first whole dialogue, which is cut short, is over. */
    int64_t rhythm_ms = rhythm_of(kind, check);
    while (subject.learned.good < LEARN_ENOUGH || subject.due_ms < 2 * rhythm_ms)
        subject_probe(&subject, death, kind);
    subject.broken_ms = subject.due_ms + random_ms(chance, rhythm_ms);
    if (kind == DEATH_QUEUE_STUCK) {
        if (sight_is_smtp(check->kind) && check->round_trip_ms && setting->recipient)
            subject_trips(&subject, death);
        return;
    }
    if (kind == DEATH_REJECT) {
        subject.witness = witness_new(check->interval_ms, setting->rtt_ms,
                                      subject.due_ms - check->interval_ms, chance);
        if (subject.policy.fall < 2) /* the first one is never enough */
            subject.policy.fall = 2;
    }
    while (isinf(death->left_s) && subject.due_ms - patience_ms(check) < subject.broken_ms)
        subject_probe(&subject, death, kind);
    witness_free(subject.witness);
}

void death_free(struct death *death)
{
    free(death->caps);
    *death = (struct death){.caps = NULL};
}

uint32_t death_ttl_s(const struct death *death, uint32_t ttl_s, double at_s)
{
    size_t count = death->ncaps;
    while (count && (double)death->caps[count - 1].from_s > at_s)
        count--;
    uint32_t cap_s = count ? death->caps[count - 1].ttl_s : UINT32_MAX;
    return cap_s < ttl_s ? cap_s : ttl_s;
}

/* ---- many ---- */

struct deaths deaths_happen(size_t count, enum death_kind kind, const struct death_setting *setting,
                            struct chance *chance)
{
    struct deaths deaths = {
        .list = memory_array(count, sizeof *deaths.list), .count = count, .failures = count};
    for (size_t i = 0; i < count; i++)
        death_happen(&deaths.list[i], kind, setting, chance);
    return deaths;
}

struct deaths deaths_of_times(size_t count, const double *left_s)
{
    struct deaths deaths = {
        .list = memory_array(count, sizeof *deaths.list), .count = count, .failures = count};
    for (size_t i = 0; i < count; i++)
        deaths.list[i] = (struct death){.seen_s = (double)INFINITY, .left_s = left_s[i]};
    return deaths;
}

void deaths_free(struct deaths *deaths)
{
    for (size_t i = 0; i < deaths->count; i++)
        death_free(&deaths->list[i]);
    free(deaths->list);
    *deaths = (struct deaths){.list = NULL};
}
