/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/learn.h"

#include <stdlib.h>

enum {
    HEDGE_LEAST_MS = 300, /* SYN, SYN-ACK and a scheduler's whims take less nearly everywhere */
    LATE_LEAST_MS = 1000, /* a greeting; as long as a lost handshake takes to be mended */
    LATE_MOST_MS = 2500,  /* later than usual */
    QUANTUM_LEAST_MS = 700,
    WINDOW_LEAST_MS = 1100,
    WINDOW_MOST_MS = 1500,
    WINDOW_GREETING_MS = 1000, /* on top of that, for the greeting */
    SAME_MOMENT_MS = 250,      /* a loop that is busy tells so late of what came together */
    OTHER_TIME_MS = 500,       /* begun so far apart, sessions do not greet together by chance */
    LOSSY_ALL = 65536,
    /* How much a probe with a hedge adds, and how much each takes away: at 1 % of loss each way,
     * one probe in 35 is hedged, at 5 % one in 7, at 20 % every other one. */
    LOSSY_RISE = LOSSY_ALL / 24,
    LOSSY_FALL = 64, /* one of so many */
    /* One hedge in the last ten probes, or several in more. One may be chance, and costs a second
     * probe at worst; but where a fifth of the packets begins to get lost, one early probe in 120
     * of a living host is silent, and the first hedge must be enough of a warning. */
    LOSSY_ENOUGH = LOSSY_RISE - LOSSY_RISE * 10 / 64,
    LOSSY_MUCH = LOSSY_ALL * 6 / 10,
    /* A living host that is silent to two sessions: one probe in 40000 at 5 %, in 120 at 20 %. */
    LOSSY_DOUBTED = LOSSY_ALL / 4,
    LOSSY_MORE_MS = 2000, /* the second probe waits so much longer: for the third SYN-ACK, at 3 s */
};

void learn_init(struct learned *learned)
{
    *learned = (struct learned){.since_late = LEARN_STEADY, .last_good_ms = -1};
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

static bool is_prompt(int32_t greeting_us)
{
    return greeting_us <= LEARN_PROMPT_MS * 1000;
}

/* To be reckoned with: where one came late, and none was prompt since, the last one. */
static int32_t learn_expected_us(const struct learned *learned)
{
    bool last = learned->since_late == 0 && learned->last_us > learned->greeting_us;
    return last ? learned->last_us : learned->greeting_us;
}

void learn_patience(const struct learned *learned, const struct check_settings *check,
                    struct patience *patience)
{
    bool known = learned->good >= LEARN_ENOUGH;
    int64_t window = window_ms(check);
    int64_t connect_ms = known ? learned->connect_us / 1000 : 0;
    int64_t greeting_ms = known ? learn_expected_us(learned) / 1000 : 0;
    int64_t early_ms = least(window + WINDOW_GREETING_MS, check->greeting_timeout_ms);

    *patience = (struct patience){
        .connect_hedge_ms = most(4 * connect_ms, HEDGE_LEAST_MS),
        .connect_ms = check->connect_timeout_ms,
        .greeting_hedge_ms =
            most(least(10 * greeting_ms, greeting_ms + LATE_MOST_MS), LATE_LEAST_MS),
        .greeting_ms = check->connect_timeout_ms + check->greeting_timeout_ms,
        .quantum_ms = most(4 * connect_ms + 10 * greeting_ms, QUANTUM_LEAST_MS),
        .hedged = known && !learned->believed,
        .slow = learned->believed || greeting_ms > LEARN_SLOW_MS,
    };
    if (greeting_ms > LEARN_PROMPT_MS)
        patience->quantum_ms = connect_ms + 2 * greeting_ms + QUANTUM_LEAST_MS;
    /* A path so long that hedges find no time in the window gets the whole timeouts, too. */
    patience->early = patience->hedged && greeting_ms <= LEARN_PROMPT_MS &&
                      !learn_is_very_lossy(learned) &&
                      patience->connect_hedge_ms + connect_ms + DIAL_EACH_MS < window &&
                      connect_ms + patience->greeting_hedge_ms < early_ms;
    if (patience->early) {
        patience->connect_ms = window;
        patience->greeting_ms = early_ms;
        if (learned->silences && learn_is_lossy(learned))
            patience->greeting_ms = least(early_ms + LOSSY_MORE_MS, check->greeting_timeout_ms);
    }
}

/* Follows slowly; an outlier of seconds moves it out of what is prompt for a moment only. */
static int32_t learn_mean(int32_t mean, int32_t sample)
{
    int32_t distance = sample - mean;
    return mean + (distance > 0 && !is_prompt(sample) ? distance / 4 : distance / 8);
}

/* One that was slow, and is prompt again and again, is as fast as it ever was. */
static bool learn_is_mended(const struct learned *learned)
{
    return is_prompt(learned->last_us) && !is_prompt(learned->greeting_us) &&
           learned->row >= LEARN_ENOUGH;
}

/* Stopped for a while, and continued: the greeting that was given up comes, and that of the probe
 * under way as well. Neither says what is usual, unless it goes on like that. And where it did, a
 * prompt one does not say that it is over. */
static bool learn_is_vague(const struct learned *learned)
{
    if (is_prompt(learned->last_us))
        return !is_prompt(learned->greeting_us) && learned->since_late < LEARN_STEADY;
    return learned->since_late == 0 && learned->row < LEARN_ENOUGH;
}

/* From one greeting to the next: rows. */
static void learn_row(struct learned *learned, int32_t greeting_us)
{
    bool same = is_prompt(greeting_us) == is_prompt(learned->last_us);
    learned->row = !same ? 1 : learned->row < LEARN_ENOUGH ? learned->row + 1 : LEARN_ENOUGH;
    if (learned->since_late < LEARN_STEADY)
        learned->since_late = is_prompt(greeting_us) ? learned->since_late + 1 : 0;
    learned->last_us = greeting_us;
}

static void learn_greeting(struct learned *learned, int32_t greeting_us, bool late)
{
    bool first = learned->row == 0;
    bool again = late && learned->since_late > 0 && learned->since_late < LEARN_STEADY;
    learn_row(learned, greeting_us);
    if (late)
        learned->since_late = 0;
    if (first || again || (!learn_is_vague(learned) && learn_is_mended(learned)))
        learned->greeting_us = greeting_us;
    else if (!learn_is_vague(learned))
        learned->greeting_us = learn_mean(learned->greeting_us, greeting_us);
}

static void learn_times(struct learned *learned, const struct lesson *lesson)
{
    bool first = learned->good == 0;
    if (lesson->connect_us >= 0)
        learned->connect_us =
            first ? lesson->connect_us : learn_mean(learned->connect_us, lesson->connect_us);
    if (lesson->greeting_us >= 0)
        learn_greeting(learned, lesson->greeting_us, lesson->late);
}

static void learn_loss(struct learned *learned, uint32_t more)
{
    learned->lossy += more;
    if (learned->lossy > LOSSY_ALL)
        learned->lossy = LOSSY_ALL;
}

void learn_good(struct learned *learned, const struct lesson *lesson, int64_t now_ms)
{
    learn_times(learned, lesson);
    learned->lossy -= learned->lossy / LOSSY_FALL;
    if (learned->silences && !learned->believed && learn_is_lossy(learned))
        learn_loss(learned, LOSSY_DOUBTED);
    else if (lesson->hedged && !lesson->late && learned->good) /* a first one may wait for ARP */
        learn_loss(learned, LOSSY_RISE);
    if (learned->good < LEARN_ENOUGH)
        learned->good++;
    learned->last_good_ms = now_ms;
    learn_answer(learned);
}

void learn_owed(struct learned *learned, int64_t now_ms)
{
    learned->last_good_ms = now_ms;
    learn_answer(learned);
}

bool learn_is_resumed(struct learned *learned, struct stall *stall, const struct lesson *lesson)
{
    if (stall->greeted_ms && llabs(lesson->greeted_ms - stall->greeted_ms) <= SAME_MOMENT_MS &&
        llabs(lesson->begun_ms - stall->begun_ms) >= OTHER_TIME_MS) {
        *learned = stall->before;
        learned->last_good_ms = lesson->greeted_ms;
        learn_answer(learned);
        return true;
    }
    if (!is_prompt(lesson->greeting_us))
        *stall = (struct stall){
            .before = *learned, .begun_ms = lesson->begun_ms, .greeted_ms = lesson->greeted_ms};
    return false;
}

void learn_answer(struct learned *learned)
{
    learned->silences = 0;
    learned->believed = false;
}

void learn_silence(struct learned *learned, bool confirmed, bool hedged)
{
    if (hedged)
        learn_loss(learned, LOSSY_RISE);
    learned->silences++;
    learned->believed = confirmed;
}

bool learn_is_lossy(const struct learned *learned)
{
    return learned->lossy >= LOSSY_ENOUGH;
}

bool learn_is_very_lossy(const struct learned *learned)
{
    return learned->lossy >= LOSSY_MUCH;
}

/* Where packets are lost, or nothing is known of the path, one silent probe is not enough. */
bool learn_confirms(const struct learned *learned, bool twice)
{
    if (learned->silences > 0)
        return true;
    return twice && learned->good >= LEARN_ENOUGH && !learn_is_lossy(learned);
}
