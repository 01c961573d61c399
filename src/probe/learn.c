/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/learn.h"

enum {
    HEDGE_LEAST_MS = 300, /* SYN, SYN-ACK and a scheduler's whims take less nearly everywhere */
    LATE_LEAST_MS = 1000, /* a greeting; as long as a lost handshake takes to be mended */
    QUANTUM_LEAST_MS = 700,
    WINDOW_LEAST_MS = 1100,
    WINDOW_MOST_MS = 1500,
    WINDOW_GREETING_MS = 1000, /* on top of that, for the greeting */
    LOSSY_ALL = 65536,
    LOSSY_SHARE = 32,              /* how much each probe moves the mean: one of so many */
    LOSSY_ENOUGH = LOSSY_ALL / 20, /* more than one hedge in 30 probes */
};

void learn_init(struct learned *learned)
{
    *learned = (struct learned){.last_good_ms = -1};
}

static int64_t most(int64_t one, int64_t other)
{
    return one > other ? one : other;
}

static int64_t least(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

/* As long as another interval's probe could not make up for: longer where probes are rare. */
static int64_t window_ms(const struct check_settings *check)
{
    int64_t window = 700 + check->interval_ms * 2 / 5;
    window = least(most(window, WINDOW_LEAST_MS), WINDOW_MOST_MS);
    return least(window, check->connect_timeout_ms);
}

void learn_patience(const struct learned *learned, const struct check_settings *check,
                    struct patience *patience)
{
    bool known = learned->good >= LEARN_ENOUGH;
    int64_t window = window_ms(check);
    int64_t connect_ms = known ? learned->connect_us / 1000 : 0;
    int64_t greeting_ms = known ? learned->greeting_us / 1000 : 0;
    int64_t early_ms = least(window + WINDOW_GREETING_MS, check->greeting_timeout_ms);

    *patience = (struct patience){
        .connect_hedge_ms = most(4 * connect_ms, HEDGE_LEAST_MS),
        .connect_ms = check->connect_timeout_ms,
        .greeting_hedge_ms = most(10 * greeting_ms, LATE_LEAST_MS),
        .greeting_ms = check->connect_timeout_ms + check->greeting_timeout_ms,
        .quantum_ms = most(4 * connect_ms + 10 * greeting_ms, QUANTUM_LEAST_MS),
        .slow = learned->believed || greeting_ms > LEARN_SLOW_MS,
    };
    if (greeting_ms > LEARN_PROMPT_MS)
        patience->quantum_ms = connect_ms + 2 * greeting_ms + QUANTUM_LEAST_MS;
    /* A path so long that hedges find no time in the window gets the whole timeouts, too. */
    patience->hedged = known && !learned->believed && greeting_ms <= LEARN_PROMPT_MS &&
                       patience->connect_hedge_ms + connect_ms + DIAL_EACH_MS < window &&
                       connect_ms + patience->greeting_hedge_ms < early_ms;
    if (patience->hedged) {
        patience->connect_ms = window;
        patience->greeting_ms = early_ms;
    }
}

/* Follows slowly; an outlier of seconds moves it out of what is prompt for a moment only. */
static int32_t learn_mean(int32_t mean, int32_t sample)
{
    int32_t distance = sample - mean;
    return mean + (distance > 0 && sample > LEARN_PROMPT_MS * 1000 ? distance / 4 : distance / 8);
}

static void learn_times(struct learned *learned, const struct lesson *lesson)
{
    bool first = learned->good == 0;
    if (lesson->connect_us >= 0)
        learned->connect_us =
            first ? lesson->connect_us : learn_mean(learned->connect_us, lesson->connect_us);
    if (lesson->greeting_us >= 0)
        learned->greeting_us = first || lesson->late
                                   ? lesson->greeting_us
                                   : learn_mean(learned->greeting_us, lesson->greeting_us);
}

void learn_good(struct learned *learned, const struct lesson *lesson, int64_t now_ms)
{
    learn_times(learned, lesson);
    learned->lossy -= learned->lossy / LOSSY_SHARE;
    if (lesson->hedged && !lesson->late)
        learned->lossy += LOSSY_ALL / LOSSY_SHARE;
    if (learned->good < LEARN_ENOUGH)
        learned->good++;
    learned->last_good_ms = now_ms;
    learn_answer(learned);
}

void learn_answer(struct learned *learned)
{
    learned->silences = 0;
    learned->believed = false;
}

void learn_silence(struct learned *learned, bool confirmed)
{
    learned->silences++;
    learned->believed = confirmed;
}

bool learn_is_lossy(const struct learned *learned)
{
    return learned->lossy >= LOSSY_ENOUGH;
}

/* Where packets are lost, or nothing is known of the path, one silent probe is not enough. */
bool learn_confirms(const struct learned *learned, bool twice)
{
    if (learned->silences > 0)
        return true;
    return twice && learned->good >= LEARN_ENOUGH && !learn_is_lossy(learned);
}
