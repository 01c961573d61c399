/* SPDX-License-Identifier: BSD-2-Clause */
#include "sight.h"

#include "probe/dial.h"
#include "probe/judge.h"

enum symptom {
    SEES_NOTHING,
    SEES_REFUSAL,
    SEES_ICMP,
    SEES_SILENCE,
    SEES_HANG,
    SEES_GREETING,
    SEES_SERVICE
};

static const enum symptom symptoms[DEATH_KINDS] = {
    [DEATH_KILL] = SEES_REFUSAL,      [DEATH_STOP] = SEES_REFUSAL,
    [DEATH_REJECT] = SEES_ICMP,       [DEATH_POWER] = SEES_SILENCE,
    [DEATH_BLACKHOLE] = SEES_SILENCE, [DEATH_HANG] = SEES_HANG,
    [DEATH_421] = SEES_GREETING,      [DEATH_TLS] = SEES_SERVICE,
    [DEATH_DISK_FULL] = SEES_SERVICE, [DEATH_QUEUE_STUCK] = SEES_NOTHING,
    [DEATH_554] = SEES_GREETING,
};

static struct sight blank(enum probe_depth depth)
{
    return (struct sight){.outcome = {.depth = depth, .sessions = 1, .rtt_us = -1}, .late_ms = -1};
}

/* A step for each round trip of the dialogue: so far it came. */
static void see_dialogue(struct sight *sight, int64_t rtt_ms, enum outcome_step last)
{
    static const enum outcome_step steps[] = {TIMED_CONNECT, TIMED_GREETING, TIMED_HELLO,
                                              TIMED_TLS,     TIMED_MAIL,     TIMED_RCPT};
    size_t count = 0;
    do {
        sight->outcome.step_us[steps[count]] = (int32_t)(rtt_ms ? rtt_ms * 1000 : 1);
        sight->took_ms += rtt_ms;
    } while (steps[count++] != last);
    sight->outcome.rtt_us = (last == TIMED_CONNECT ? 1 : 2) * rtt_ms * 1000;
}

bool sight_is_smtp(enum check_kind kind)
{
    return kind == CHECK_SMTP || kind == CHECK_SUBMISSION || kind == CHECK_SMTPS;
}

static void see_alive(struct sight *sight, const struct death_setting *setting)
{
    bool whole = sight->outcome.depth == DEPTH_SERVICE && setting->check.kind != CHECK_TCP;
    sight->outcome.reason = REASON_OK;
    see_dialogue(sight, setting->rtt_ms, whole ? TIMED_RCPT : TIMED_GREETING);
}

static void see_refusal(struct sight *sight, const struct death_setting *setting,
                        enum reason reason)
{
    sight->outcome.reason = reason;
    see_dialogue(sight, setting->rtt_ms, TIMED_CONNECT);
}

/* Sockets by the end of the window. */
static int64_t sockets_in(const struct patience *patience)
{
    int64_t more = patience->connect_ms - patience->connect_hedge_ms;
    if (!patience->hedged || more < 0)
        return 1;
    more = 2 + more / DIAL_EACH_MS;
    return more < DIAL_SOCKETS_MAX ? more : DIAL_SOCKETS_MAX;
}

static void see_silence(struct sight *sight, const struct death_setting *setting,
                        const struct learned *learned)
{
    struct patience patience;
    learn_patience(learned, &setting->check, &patience);
    bool enough = sockets_in(&patience) >= HEDGE_SOCKETS || !patience.hedged;
    sight->outcome.reason = REASON_CONNECT_TIMEOUT;
    sight->outcome.confirmed = learn_confirms(learned, enough);
    sight->took_ms = patience.connect_ms;
    sight->outcome.rtt_us = sight->took_ms * 1000;
    if (patience.early && learn_confirms(learned, true))
        sight->late_ms = patience.connect_hedge_ms + (HEDGE_SOCKETS - 2) * DIAL_EACH_MS;
}

static void see_hang(struct sight *sight, const struct death_setting *setting,
                     const struct learned *learned)
{
    const struct check_settings *check = &setting->check;
    int64_t connected_ms = setting->rtt_ms;
    struct patience patience;
    learn_patience(learned, check, &patience);
    int64_t late_ms = connected_ms + patience.greeting_hedge_ms;
    bool twice = late_ms + HEDGE_LOOK_MS + patience.quantum_ms <= patience.greeting_ms;
    sight->outcome.reason = REASON_GREETING_TIMEOUT;
    sight->outcome.step_us[TIMED_CONNECT] = (int32_t)connected_ms * 1000 + 1;
    sight->took_ms =
        patience.early ? patience.greeting_ms : connected_ms + check->greeting_timeout_ms;
    if (sight->took_ms > check->timeout_ms)
        sight->took_ms = check->timeout_ms;
    sight->outcome.confirmed = learn_confirms(learned, twice || !patience.early);
    sight->outcome.rtt_us = sight->took_ms * 1000;
    if (patience.early && learn_confirms(learned, true))
        sight->late_ms = late_ms;
}

/* By the server's own judge of what such servers say. */
static enum reason judge_greeting(const struct check_settings *check, unsigned code,
                                  const char *text)
{
    const struct judge_hints hints = {.refusal_is_down = check->refusal == CHECK_REFUSAL_DOWN};
    if (sight_is_smtp(check->kind))
        return judge_smtp(JUDGE_GREETING, code, text, &hints);
    if (check->kind == CHECK_IMAP || check->kind == CHECK_IMAPS)
        return judge_imap(JUDGE_GREETING, JUDGE_BYE, text);
    return judge_pop3(JUDGE_GREETING, text);
}

static void see_greeting(struct sight *sight, const struct death_setting *setting,
                         enum death_kind kind)
{
    const struct check_settings *check = &setting->check;
    if (check->kind == CHECK_TCP) {
        see_alive(sight, setting);
        return;
    }
    sight->outcome.reason = kind == DEATH_421
                                ? judge_greeting(check, 421, "4.3.2 Service not available")
                                : judge_greeting(check, 554, "5.7.1 Access denied");
    see_dialogue(sight, setting->rtt_ms, TIMED_GREETING);
}

/* What only the whole dialogue meets, and only if it asks for it. */
static void see_service(struct sight *sight, const struct death_setting *setting,
                        enum death_kind kind)
{
    const struct check_settings *check = &setting->check;
    const struct judge_hints hints = {.login_worked = false};
    see_alive(sight, setting);
    if (sight->outcome.depth != DEPTH_SERVICE)
        return;
    if (kind == DEATH_TLS && check->tls == CHECK_TLS_REQUIRED)
        sight->outcome.reason = REASON_CERT_EXPIRED;
    if (kind == DEATH_DISK_FULL && sight_is_smtp(check->kind) && setting->recipient)
        sight->outcome.reason =
            judge_smtp(JUDGE_RCPT, 452, "4.3.1 Insufficient system storage", &hints);
}

struct sight sight_of_well(const struct death_setting *setting, enum probe_depth depth)
{
    struct sight sight = blank(depth);
    see_alive(&sight, setting);
    return sight;
}

struct sight sight_of_dead(enum death_kind kind, const struct death_setting *setting,
                           const struct learned *learned, enum probe_depth depth)
{
    struct sight sight = blank(depth);
    switch (symptoms[kind]) {
    case SEES_NOTHING:
        see_alive(&sight, setting);
        break;
    case SEES_REFUSAL:
        see_refusal(&sight, setting, REASON_REFUSED);
        break;
    case SEES_ICMP:
        see_refusal(&sight, setting, REASON_UNREACHABLE);
        break;
    case SEES_SILENCE:
        see_silence(&sight, setting, learned);
        break;
    case SEES_HANG:
        if (setting->check.kind == CHECK_TCP)
            see_alive(&sight, setting);
        else
            see_hang(&sight, setting, learned);
        break;
    case SEES_GREETING:
        see_greeting(&sight, setting, kind);
        break;
    case SEES_SERVICE:
        see_service(&sight, setting, kind);
        break;
    }
    return sight;
}

bool sight_is_deep(enum death_kind kind)
{
    return symptoms[kind] == SEES_SERVICE;
}
