/* SPDX-License-Identifier: BSD-2-Clause */
#include "steps.h"

#include "base/clock.h"

#include <signal.h>

enum { MX1 = 1 << 0, MX2 = 1 << 1, MX3 = 1 << 2, ALL = MX1 | MX2 | MX3 };

static bool act_start(struct stage *stage, const struct step *step, struct error *error)
{
    (void)step;
    for (int i = 0; i < HOSTS; i++)
        if (!stage_start_host(stage, i, error))
            return false;
    return stage_start_server(stage, error);
}

static bool act_tell(struct stage *stage, const struct step *step, struct error *error)
{
    for (const char *const *command = step->commands; *command; command++)
        if (!stage_tell_host(stage, step->host, *command, error))
            return false;
    return true;
}

static bool act_signal(struct stage *stage, const struct step *step, struct error *error)
{
    return child_signal(&stage->hosts[step->host], step->signal, error);
}

static bool act_kill(struct stage *stage, const struct step *step, struct error *error)
{
    return stage_kill_host(stage, step->host, error);
}

static bool act_start_again(struct stage *stage, const struct step *step, struct error *error)
{
    return stage_start_host(stage, step->host, error);
}

static const char *const imap_dies[] = {"imap refuse", "imaps refuse", NULL};
static const char *const imap_returns[] = {"imap ok", "imaps ok", NULL};

const struct step steps[STEPS] = {
    {
        .title = "start",
        .told = "three mail hosts and evermxd are started",
        .done = "all have been probed: their answers may now be kept for the whole TTL",
        .act = act_start,
        .expected = {ALL, ALL, ALL},
        .ttl = TTL_WHOLE,
    },
    {
        .title = "IMAP of mx3 dies",
        .told = "mx3 closes its IMAP ports; its SMTP goes on",
        .done = "imap has lost mx3, its MX record stays: health is per service",
        .state = "no IMAP",
        .host = 2,
        .act = act_tell,
        .commands = imap_dies,
        .expected = {ALL, ALL, MX1 | MX2},
    },
    {
        .title = "IMAP of mx3 returns",
        .told = "mx3 opens its IMAP ports",
        .done = "back after three good probes in a row",
        .state = STATE_WORKS,
        .host = 2,
        .act = act_tell,
        .commands = imap_returns,
        .expected = {ALL, ALL, ALL},
    },
    {
        .title = "mx1 hangs",
        .told = "mx1 is stopped (kill -STOP): connections succeed, nobody speaks",
        .done = "mx1 is out of all answers, though one can still connect to it",
        .state = "hangs",
        .host = 0,
        .act = act_signal,
        .signal = SIGSTOP,
        .expected = {MX2 | MX3, MX2 | MX3, MX2 | MX3},
    },
    {
        .title = "mx2 is killed",
        .told = "mx2 is killed (kill -KILL): its connections are refused",
        .done = "mx2 is out of all answers; mx3 is left",
        .state = "killed",
        .host = 1,
        .act = act_kill,
        .expected = {MX3, MX3, MX3},
        .explain = true,
    },
    {
        .title = "mx3 is killed: all dead",
        .told = "mx3 is killed too: nothing is left",
        .done = "all are answered, with a short TTL: an empty answer bounces mail",
        .state = "killed",
        .host = 2,
        .act = act_kill,
        .expected = {ALL, ALL, ALL},
        .ttl = TTL_FAIL_OPEN,
    },
    {
        .title = "mx2 returns",
        .told = "mx2 has been started again",
        .done = "mx2 is back, the dead ones are out again",
        .state = STATE_WORKS,
        .host = 1,
        .act = act_start_again,
        .expected = {MX2, MX2, MX2},
        .ttl = TTL_WHOLE, /* a host that talks again is answered before that, and for less long */
    },
    {
        .title = "mx1 returns",
        .told = "mx1 goes on (kill -CONT)",
        .done = "mx1 is back",
        .state = STATE_WORKS,
        .host = 0,
        .act = act_signal,
        .signal = SIGCONT,
        .expected = {MX1 | MX2, MX1 | MX2, MX1 | MX2},
        .ttl = TTL_WHOLE,
    },
    {
        .title = "mx3 returns",
        .told = "mx3 has been started again",
        .done = "the answers are whole again",
        .state = STATE_WORKS,
        .host = 2,
        .act = act_start_again,
        .expected = {ALL, ALL, ALL},
        .ttl = TTL_WHOLE,
    },
};

bool step_act(struct stage *stage, const struct step *step, int64_t *since_us, struct error *error)
{
    *since_us = clock_now_us();
    bool done = step->act(stage, step, error);
    if (step->act == act_start_again) /* a host that is still starting owes nothing yet */
        *since_us = clock_now_us();
    return done;
}

bool step_fits(const struct step *step, enum question question, const struct answer *answer)
{
    if (!answer->came || answer->hosts != step->expected[question])
        return false;
    return step->ttl == TTL_ANY || (step->ttl == TTL_WHOLE && answer->ttl_s == TTL_WHOLE_S) ||
           (step->ttl == TTL_FAIL_OPEN && answer->ttl_s <= TTL_FAIL_OPEN_S);
}
