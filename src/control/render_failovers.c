/* SPDX-License-Identifier: BSD-2-Clause */
/* Failovers and drains as JSON: evermxctl(1) tells their members. Names of hosts and pools are
 * ASCII already. */
#include "control/render.h"

static json_t *seconds_or_null(bool known, int64_t ms)
{
    return known ? json_real((double)ms / 1000) : json_null();
}

static json_t *word_or_null(enum reason reason)
{
    return reason == REASON_NONE ? json_null() : json_string(reason_word(reason));
}

static json_t *render_failover(const struct failover *failover, int64_t now_ms)
{
    char address[ADDRESS_TEXT_SIZE];
    bool known = failover->last_ms != 0, held = failover->until_ms != 0;
    int64_t start_ms = failover->last_ms, left_ms = failover->until_ms - now_ms;
    address_format(&failover->address, address);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:i, s:s, s:o, s:s, s:I, s:o, s:f, s:o, s:o, s:o, s:o, "
        "s:o, s:o}",
        "kind", failover_kind_word(failover->kind), "cause", failover_cause_word(failover->cause),
        "host", failover->host, "address", address, "port", failover->port, "check",
        failover->check, "reason", word_or_null(failover->reason), "pool", failover->pool, "pools",
        (json_int_t)failover->npools, "time", render_time(failover->changed_ms, now_ms), "age_s",
        (double)(now_ms - failover->changed_ms) / 1000, "evidence_s",
        seconds_or_null(known, failover->first_ms - start_ms), "answers_s",
        seconds_or_null(known, failover->changed_ms - start_ms), "resolvers_s",
        seconds_or_null(known && held, failover->until_ms - start_ms), "held_s",
        seconds_or_null(held, left_ms > 0 ? left_ms : 0), "kept_s",
        seconds_or_null(failover->kept_ms != 0, now_ms - failover->kept_ms), "back_s",
        seconds_or_null(failover->back_ms != 0, now_ms - failover->back_ms));
}

json_t *render_failovers(const struct engine_status *status)
{
    json_t *array = json_array();
    for (size_t i = 0; i < status->nfailovers; i++)
        json_array_append_new(array, render_failover(&status->failovers[i], status->now_ms));
    return array;
}

static json_t *render_drain_answer(const struct engine_drain_answer *answer, int64_t now_ms)
{
    const char *state = answer->kept ? "kept" : answer->until_ms ? "held" : "behind";
    return json_pack("{s:s, s:s, s:s, s:o}", "pool", answer->pool, "record", answer->record,
                     "state", state, "held_s",
                     seconds_or_null(answer->until_ms != 0, answer->until_ms - now_ms));
}

json_t *render_drain(const struct engine_drain *drain)
{
    json_t *answers = json_array();
    const char *forced = verdict_forced_word(drain->forced);
    int64_t left_ms = drain->until_ms - drain->now_ms;
    for (size_t i = 0; i < drain->nanswers; i++)
        json_array_append_new(answers, render_drain_answer(&drain->answers[i], drain->now_ms));
    return json_pack("{s:s, s:s?, s:b, s:b, s:f, s:o, s:I, s:I, s:I, s:o}", "host", drain->host,
                     "forced", forced, "removed", drain->removed, "finished", drain->finished,
                     "left_s", drain->until_ms ? (double)left_ms / 1000 : 0.0, "until",
                     drain->until_ms ? render_time(drain->until_ms, drain->now_ms) : json_null(),
                     "pools", (json_int_t)drain->npools, "kept", (json_int_t)drain->nkept, "held",
                     (json_int_t)drain->nwaiting, "answers", answers);
}
