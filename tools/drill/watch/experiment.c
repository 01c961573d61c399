/* SPDX-License-Identifier: BSD-2-Clause */
#include "experiment.h"

#include "base/memory.h"
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    SECOND_US = 1000 * 1000,
    /* The phase of the server's own probes is to be covered, too, and that of ours. */
    PROBING_US = 2 * SECOND_US,
    /* With longer TTLs nobody waits for all phases of a cache, unless he says so. */
    SPREAD_MAX_US = 300 * SECOND_US,
};

struct experiment {
    struct experiment_options options;
    struct samples *samples;
    struct experiment_hands hands;
    void *context;
    enum stage stage;
    int64_t since_us; /* of the stage */
    int64_t wait_us;  /* WAIT: in all */
    int64_t begun_us; /* of the first repetition; NEVER_US: not yet */
    unsigned finished;
    double *phases;
    bool broken;
    bool ends, pauses;   /* as soon as it is mended */
    bool again, untimed; /* the failure is cut short; the return is not to be told of */
    char why[320];
};

static const char *const stage_texts[] = {
    [STAGE_SETTLE] = "waiting until all is well",
    [STAGE_WAIT] = "waiting for its phase",
    [STAGE_BREAK] = "breaking",
    [STAGE_BROKEN] = "broken: waiting until it is out of the answers",
    [STAGE_MEND] = "mending",
    [STAGE_BACK] = "mended: waiting until it is back in the answers",
    [STAGE_PAUSED] = "stopped",
    [STAGE_DONE] = "done",
};

const char *stage_text(enum stage stage)
{
    return stage_texts[stage];
}

static void enter(struct experiment *experiment, enum stage stage, int64_t now_us)
{
    experiment->stage = stage;
    experiment->since_us = now_us;
    if (stage == STAGE_PAUSED)
        experiment->pauses = false;
    if (stage == STAGE_DONE && experiment->untimed)
        samples_drop(experiment->samples);
    else if (stage == STAGE_DONE)
        samples_close(experiment->samples, now_us);
}

/* The first reason is the true one. */
static void give_up(struct experiment *experiment, const char *why)
{
    if (!*experiment->why)
        snprintf(experiment->why, sizeof experiment->why, "%s", why);
    experiment->ends = true;
}

/* ---- breaking and mending ---- */

/* Of one that ends, the return is nobody's concern. */
static void mend(struct experiment *experiment, int64_t now_us)
{
    if (experiment->again)
        samples_drop(experiment->samples);
    if (experiment->ends)
        samples_close(experiment->samples, now_us);
    else
        samples_begin(experiment->samples, TURN_RETURN, now_us);
    enter(experiment, STAGE_MEND, now_us);
    if (!experiment->hands.act(experiment->context, TURN_RETURN))
        experiment_ended(experiment, "it could not be started", now_us);
}

static void break_host(struct experiment *experiment, int64_t now_us)
{
    if (experiment->begun_us == NEVER_US)
        experiment->begun_us = now_us;
    samples_begin(experiment->samples, TURN_FAILURE, now_us);
    experiment->broken = true;
    enter(experiment, STAGE_BREAK, now_us);
    if (!experiment->hands.act(experiment->context, TURN_FAILURE))
        experiment_ended(experiment, "it could not be started", now_us);
}

static void break_ended(struct experiment *experiment, const char *why, int64_t now_us)
{
    char text[256];
    if (why) { /* nobody knows what there was to notice */
        samples_drop(experiment->samples);
        snprintf(text, sizeof text, "the command that breaks has failed: %s", why);
        give_up(experiment, text);
    } else {
        samples_begun(experiment->samples, now_us);
    }
    if (experiment->ends || experiment->pauses)
        mend(experiment, now_us);
    else
        enter(experiment, STAGE_BROKEN, now_us);
}

static void mend_ended(struct experiment *experiment, const char *why, int64_t now_us)
{
    char text[256];
    if (why) {
        samples_drop(experiment->samples);
        snprintf(text, sizeof text, "the command that mends has failed: %s", why);
        give_up(experiment, text);
    } else {
        experiment->broken = false;
        samples_begun(experiment->samples, now_us);
    }
    enter(experiment,
          experiment->ends     ? STAGE_DONE
          : experiment->pauses ? STAGE_PAUSED
                               : STAGE_BACK,
          now_us);
}

void experiment_ended(struct experiment *experiment, const char *why, int64_t now_us)
{
    if (experiment->stage == STAGE_BREAK)
        break_ended(experiment, why, now_us);
    else if (experiment->stage == STAGE_MEND)
        mend_ended(experiment, why, now_us);
}

void experiment_stop(struct experiment *experiment, const char *why, int64_t now_us)
{
    if (experiment->stage == STAGE_DONE)
        return;
    give_up(experiment, why);
    if (experiment->stage == STAGE_BROKEN)
        mend(experiment, now_us);
    else if (experiment->stage != STAGE_BREAK && experiment->stage != STAGE_MEND)
        enter(experiment, STAGE_DONE, now_us);
}

void experiment_pause(struct experiment *experiment, int64_t now_us)
{
    enum stage stage = experiment->stage;
    if (stage == STAGE_DONE || stage == STAGE_PAUSED || experiment->pauses)
        return;
    experiment->pauses = true;
    experiment->again |= stage == STAGE_BREAK || stage == STAGE_BROKEN;
    experiment->untimed |= experiment->again || stage == STAGE_MEND || stage == STAGE_BACK;
    if (stage == STAGE_BROKEN)
        mend(experiment, now_us);
    else if (stage != STAGE_BREAK && stage != STAGE_MEND)
        enter(experiment, STAGE_PAUSED, now_us);
}

/* Who has not come back until then has all the patience for it. */
void experiment_resume(struct experiment *experiment, int64_t now_us)
{
    if (experiment->stage != STAGE_PAUSED)
        return;
    if (experiment->untimed) {
        samples_drop(experiment->samples);
        samples_begin(experiment->samples, TURN_RETURN, now_us);
        samples_begun(experiment->samples, now_us);
    }
    enter(experiment, experiment->untimed ? STAGE_BACK : STAGE_SETTLE, now_us);
}

/* ---- waiting ---- */

static int64_t spread_us(const struct experiment *experiment)
{
    const struct samples *samples = experiment->samples;
    uint32_t longest_s = 0;
    if (experiment->options.spread_us)
        return experiment->options.spread_us;
    for (size_t i = 0; i < samples->nsources; i++)
        if (samples->sources[i].ttl_with.most_s > longest_s)
            longest_s = samples->sources[i].ttl_with.most_s;
    int64_t spread = (int64_t)longest_s * SECOND_US + PROBING_US;
    return spread < SPREAD_MAX_US ? spread : SPREAD_MAX_US;
}

static void not_settled(struct experiment *experiment, const char *before,
                        const struct source *other, int64_t now_us)
{
    char text[256];
    const char *how = !other->known                ? "has said nothing of the host"
                      : !other->with               ? "says that the host is not there"
                      : other->place == PLACE_HOST ? "does not stay well"
                                                   : "does not stay with what it says";
    snprintf(text, sizeof text, "%s: %s %s %s", before, place_word(other->place), other->name, how);
    experiment_stop(experiment, text, now_us);
}

static void settle(struct experiment *experiment, int64_t now_us)
{
    const struct experiment_options *options = &experiment->options;
    const struct source *other;
    /* A server may hold back a host that has just returned, and damp one that falls too often. */
    enum turn patience = experiment->finished ? TURN_RETURN : TURN_FAILURE;
    if (!samples_agree(experiment->samples, true, true, options->settle_us, now_us, &other)) {
        if (now_us - experiment->since_us >= options->patience_us[patience])
            not_settled(experiment, "there is nothing to break", other, now_us);
        return;
    }
    double phase = experiment->phases[experiment->finished];
    experiment->wait_us = (int64_t)(phase * (double)spread_us(experiment));
    enter(experiment, STAGE_WAIT, now_us);
}

static void wait_for_phase(struct experiment *experiment, int64_t now_us)
{
    if (!samples_agree(experiment->samples, true, true, 0, now_us, NULL))
        enter(experiment, STAGE_SETTLE, now_us);
    else if (now_us - experiment->since_us >= experiment->wait_us)
        break_host(experiment, now_us);
}

static int64_t told_for_us(const struct experiment *experiment, int64_t now_us)
{
    const struct episode *episode = samples_now(experiment->samples);
    return now_us - (episode ? episode->told_us : experiment->since_us);
}

static void wait_for_failure(struct experiment *experiment, int64_t now_us)
{
    const struct experiment_options *options = &experiment->options;
    if (samples_agree(experiment->samples, false, false, options->steady_us, now_us, NULL) ||
        told_for_us(experiment, now_us) >= options->patience_us[TURN_FAILURE])
        mend(experiment, now_us);
}

static void wait_for_return(struct experiment *experiment, int64_t now_us)
{
    const struct experiment_options *options = &experiment->options;
    const struct source *other;
    if (!samples_agree(experiment->samples, true, true, options->steady_us, now_us, &other)) {
        if (told_for_us(experiment, now_us) >= options->patience_us[TURN_RETURN])
            not_settled(experiment, "it has not come back", other, now_us);
        return;
    }
    if (experiment->untimed)
        samples_drop(experiment->samples);
    else
        samples_close(experiment->samples, now_us);
    experiment->finished += !experiment->again;
    experiment->again = experiment->untimed = false;
    enter(experiment,
          experiment->finished < experiment->options.repetitions ? STAGE_SETTLE : STAGE_DONE,
          now_us);
}

void experiment_tick(struct experiment *experiment, int64_t now_us)
{
    if (experiment->since_us == NEVER_US)
        experiment->since_us = now_us;
    switch (experiment->stage) {
    case STAGE_SETTLE:
        settle(experiment, now_us);
        break;
    case STAGE_WAIT:
        wait_for_phase(experiment, now_us);
        break;
    case STAGE_BROKEN:
        wait_for_failure(experiment, now_us);
        break;
    case STAGE_BACK:
        wait_for_return(experiment, now_us);
        break;
    default:
        break;
    }
}

/* ---- all of it ---- */

struct experiment *experiment_new(const struct experiment_options *options, struct samples *samples,
                                  const struct experiment_hands *hands, void *context)
{
    struct experiment *experiment = memory_alloc(sizeof *experiment);
    experiment->options = *options;
    experiment->samples = samples;
    experiment->hands = *hands;
    experiment->context = context;
    experiment->since_us = NEVER_US;
    experiment->begun_us = NEVER_US;
    experiment->phases = memory_array(options->repetitions, sizeof *experiment->phases);
    plan_phases(options->seed, experiment->phases, options->repetitions);
    return experiment;
}

void experiment_free(struct experiment *experiment)
{
    if (!experiment)
        return;
    free(experiment->phases);
    free(experiment);
}

struct experiment_progress experiment_progress(const struct experiment *experiment, int64_t now_us)
{
    unsigned left = experiment->options.repetitions - experiment->finished;
    struct experiment_progress progress = {
        .stage = experiment->stage,
        .finished = experiment->finished,
        .stage_us = experiment->since_us == NEVER_US ? 0 : now_us - experiment->since_us,
        .left_us = -1,
        .why = *experiment->why ? experiment->why : NULL,
        .broken = experiment->broken,
    };
    if (experiment->stage == STAGE_SETTLE)
        samples_agree(experiment->samples, true, true, experiment->options.settle_us, now_us,
                      &progress.missing);
    if (experiment->finished && experiment->begun_us != NEVER_US)
        progress.left_us = (now_us - experiment->begun_us) / experiment->finished * left;
    return progress;
}
