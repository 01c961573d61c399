/* SPDX-License-Identifier: BSD-2-Clause */
/* Verdicts in words, for people. Pure; any thread. */
#include "verdict/return.h"
#include "verdict/verdict.h"

#include <stdarg.h>
#include <stdio.h>

const char *verdict_status_word(enum verdict_status status)
{
    static const char *const words[] = {
        [VERDICT_UP] = "up", [VERDICT_SUSPECT] = "suspect", [VERDICT_DOWN] = "down"};
    return words[status];
}

const char *verdict_forced_word(enum verdict_forced forced)
{
    static const char *const words[] = {
        [FORCED_NOT] = NULL, [FORCED_UP] = "up", [FORCED_DOWN] = "down", [FORCED_DRAIN] = "drain"};
    return words[forced];
}

const char *verdict_held_word(enum verdict_held held)
{
    static const char *const words[] = {[HELD_NOT] = NULL,
                                        [HELD_TIME] = "hold",
                                        [HELD_DAMPED] = "damped",
                                        [HELD_MANUAL] = "manual"};
    return words[held];
}

/* ---- the outlook ---- */

struct sentence {
    char *text;
    size_t size, used;
};

__attribute__((format(printf, 2, 3))) static void say(struct sentence *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(out->text + out->used, out->size - out->used, format, arguments);
    va_end(arguments);
    out->used += length > 0 ? (size_t)length : 0;
    if (out->used >= out->size)
        out->used = out->size - 1;
}

/* Rounded up: what is told is never too little. */
static void say_span(struct sentence *out, int64_t ms)
{
    const int64_t minute_ms = 60 * 1000, hour_ms = 60 * minute_ms;
    if (ms < 0)
        ms = 0;
    if (ms < 10 * 1000)
        say(out, "%.1f s", (double)((ms + 99) / 100) / 10);
    else if (ms < 2 * minute_ms)
        say(out, "%lld s", (long long)((ms + 999) / 1000));
    else if (ms < 2 * hour_ms)
        say(out, "%lld min", (long long)((ms + minute_ms - 1) / minute_ms));
    else
        say(out, "%lld h", (long long)((ms + hour_ms - 1) / hour_ms));
}

static void say_forced(struct sentence *out, const struct verdict *verdict)
{
    if (verdict->forced == FORCED_DRAIN)
        say(out, "drained until an operator takes it back: evermxctl undrain HOST");
    else
        say(out, "forced %s until an operator takes it back: evermxctl force HOST auto",
            verdict_forced_word(verdict->forced));
}

static void say_suspect(struct sentence *out, const struct verdict *verdict,
                        const struct verdict_policy *policy, int64_t now_ms)
{
    unsigned more = policy->fall > verdict->bad ? policy->fall - verdict->bad : 1;
    const char *of = verdict->failed_depth == DEPTH_SERVICE ? " of a service probe" : "";
    if (!verdict->bad)
        say(out, "down unless the probe under way hears from it, at the latest in ");
    else if (more == 1)
        say(out, "down after one more failure%s", of);
    else
        say(out, "down after %u more failures%s", more, of);
    if (verdict->bad && verdict->unheard != REASON_NONE && verdict->decides_ms < now_ms)
        return; /* nobody knows when */
    if (verdict->bad)
        say(out, ", at the latest in ");
    say_span(out, verdict->decides_ms - now_ms);
}

/* What holds it back once it passes; at least from now on. */
static void say_hold(struct sentence *out, const struct verdict *verdict,
                     const struct verdict_policy *policy, int64_t now_ms)
{
    if (policy->return_manual) {
        say(out, "waits for an operator: evermxctl force HOST auto");
    } else if (verdict->held_until_ms > return_damped_until_ms(verdict)) {
        say(out, "held ");
        say_span(out, verdict->held_until_ms - now_ms);
        say(out, " more (fall %u in 24 h)", verdict->falls);
    } else {
        say(out, "answered when its penalty %.0f is below %d, in ", return_penalty(verdict, now_ms),
            FLAP_READMIT);
        say_span(out, verdict->held_until_ms - now_ms);
    }
}

static void say_missing(struct sentence *out, const struct verdict *verdict,
                        const struct verdict_policy *policy)
{
    bool service = verdict->failed_depth == DEPTH_SERVICE;
    unsigned missing = policy->rise > verdict->good ? policy->rise - verdict->good : 0;
    if (missing)
        say(out, "needs %u %sgood %sprobe%s", missing, verdict->good ? "more " : "",
            service ? "service " : "", missing == 1 ? "" : "s");
    if (!missing)
        say(out, "needs a good service probe");
    else if (!verdict->service_good && !service)
        say(out, " and a good service probe");
}

static void say_down(struct sentence *out, const struct verdict *verdict,
                     const struct verdict_policy *policy, int64_t now_ms)
{
    bool holds = policy->return_manual || (policy->hold_ms && now_ms < verdict->held_until_ms);
    if (verdict->held == HELD_NOT)
        say_missing(out, verdict, policy);
    else if (!holds)
        say(out, "up after the next good probe");
    if (!holds || !verdict->falls)
        return;
    if (verdict->held == HELD_NOT)
        say(out, ", then ");
    say_hold(out, verdict, policy, now_ms);
}

static void say_up(struct sentence *out, const struct verdict *verdict,
                   const struct verdict_policy *policy, int64_t now_ms)
{
    unsigned percent = verdict_percent(verdict, policy, now_ms);
    if (verdict->undelivered) {
        say(out, "answered again after a message that arrives");
    } else if (verdict->undelivered_since_ms) {
        say(out, "drained unless a message arrives, in ");
        say_span(out, verdict->undelivered_since_ms + policy->drain_ms - now_ms);
    } else if (verdict->doubt_since_ms) {
        say(out, "down if it goes on to put mail off, in ");
        say_span(out, verdict->doubt_since_ms + policy->doubt_ms - now_ms);
    } else if (percent < 100) {
        say(out, "%u %% of its weight, all of it in ", percent);
        say_span(out, verdict->returned_ms + policy->slow_start_ms - now_ms);
    } else if (policy->fall == 1) {
        say(out, "down after one failure");
    } else {
        say(out, "down after %u failures in a row, or silence that is confirmed", policy->fall);
    }
}

void verdict_outlook(const struct verdict *verdict, const struct verdict_policy *policy,
                     int64_t now_ms, char *text, size_t size)
{
    struct sentence out = {.text = text, .size = size};
    if (!size)
        return;
    text[0] = '\0';
    if (verdict->forced != FORCED_NOT)
        say_forced(&out, verdict);
    else if (!verdict->probed)
        say(&out, "waits for its first probe");
    else if (!verdict->known)
        say(&out, "waits for a first probe that says something");
    else if (verdict->status == VERDICT_SUSPECT)
        say_suspect(&out, verdict, policy, now_ms);
    else if (verdict->status == VERDICT_DOWN)
        say_down(&out, verdict, policy, now_ms);
    else
        say_up(&out, verdict, policy, now_ms);
    if (verdict->unheard != REASON_NONE)
        say(&out, "; says nothing now: %s", reason_sentence(verdict->unheard));
}
