/* SPDX-License-Identifier: BSD-2-Clause */
#include "telling.h"

#include "../record/text.h"

#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { LINE_SIZE = 512, WIDTH_MAX = 200 };

void telling_clear(const struct telling *telling)
{
    if (telling->progress)
        fputs("\r\033[K", stderr);
}

static void print_time(FILE *file)
{
    char text[16];
    time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    strftime(text, sizeof text, "%H:%M:%S", &local);
    fprintf(file, "%s ", text);
}

static double seconds(int64_t us)
{
    return (double)us / 1e6;
}

/* ---- what happens ---- */

/* Failures and returns have numbers of their own. */
static unsigned number_of(const struct samples *samples, size_t episode)
{
    unsigned number = 0;
    for (size_t i = 0; i <= episode; i++)
        number += samples->episodes[i].turn == samples->episodes[episode].turn;
    return number;
}

static void print_episode(const struct telling *telling, size_t index)
{
    const struct episode *episode = &telling->samples->episodes[index];
    fprintf(telling->lines, "%s %u", turn_word(episode->turn), number_of(telling->samples, index));
    if (telling->repetitions)
        fprintf(telling->lines, " of %u", telling->repetitions);
    fputs(": ", telling->lines);
}

static void print_change(const struct telling *telling, const struct episode *episode,
                         size_t number, const char *reason)
{
    const struct source *source = &telling->samples->sources[number];
    int64_t origin_us;
    enum origin origin = episode_origin(telling->samples, episode, &origin_us);
    bool failure = episode->turn == TURN_FAILURE;
    fprintf(telling->lines, "%s %s ", place_word(source->place), source->name);
    if (source->place == PLACE_HOST)
        fprintf(telling->lines, "%s (%s)", failure ? "is bad" : "is good", reason ? reason : "");
    else
        fprintf(telling->lines, "answers %s %s", failure ? "without" : "with", telling->host);
    double time_s = seconds(episode->marks[number].by_us - origin_us);
    if (time_s > 0.0005 && origin == ORIGIN_EVIDENCE)
        fprintf(telling->lines, ", %.2f s after %s", time_s,
                failure ? "it was last seen alive" : "it was first seen alive again");
    else if (time_s > 0.0005)
        fprintf(telling->lines, ", %.2f s later", time_s);
}

static void tell_bounces(const struct telling *telling, const struct source *source)
{
    text_say(stderr, "evermx-drill: WARNING: %s %s answers the %s with %s: %s while it does\n",
             place_word(source->place), source->name, telling->question,
             source->last == SEEN_NXDOMAIN ? "NXDOMAIN" : "no record at all",
             telling->account->emptied);
}

static void tell_fickle(const struct telling *telling, const struct source *source)
{
    fprintf(stderr,
            "evermx-drill: WARNING: %s %s has %s in some answers to the %s and not in others, back "
            "and forth, as by weights or one record at a time: until it stays with what it says, "
            "its changes are no failures and returns, and are not told\n",
            place_word(source->place), source->name, telling->host, telling->question);
}

void telling_news(struct telling *telling, size_t number, unsigned news, const char *reason)
{
    const struct samples *samples = telling->samples;
    const struct source *source = &samples->sources[number];
    const struct episode *episode = samples_now(samples);
    telling_clear(telling);
    if (news & NEWS_BOUNCES)
        tell_bounces(telling, source);
    if (news & NEWS_FICKLE)
        tell_fickle(telling, source);
    if (telling->repetitions || source->fickle ||
        !(news & (NEWS_CHANGED | NEWS_FLIPPED | NEWS_STRAY)))
        return;
    print_time(telling->lines);
    if (episode)
        print_episode(telling, samples->nepisodes - 1);
    if (episode && news & NEWS_CHANGED)
        print_change(telling, episode, number, reason);
    else
        fprintf(telling->lines, "%s %s says that the host is%s there%s", place_word(source->place),
                source->name, source->with ? "" : " not", news & NEWS_FLIPPED ? " again" : "");
    fputc('\n', telling->lines);
    fflush(telling->lines);
}

static void print_times(const struct telling *telling, const struct episode *episode)
{
    const struct samples *samples = telling->samples;
    int64_t origin_us;
    const char *separator = "";
    episode_origin(samples, episode, &origin_us);
    for (size_t i = 0; i < samples->nsources; i++) {
        const struct source *source = &samples->sources[i];
        enum fate fate = account_fate(telling->account, episode, i);
        if (fate == FATE_UNTOUCHED)
            continue;
        fprintf(telling->lines, "%s%s %s ", separator, place_word(source->place), source->name);
        if (fate == FATE_CHANGED)
            fprintf(telling->lines, "%.2f s", seconds(episode->marks[i].by_us - origin_us));
        else
            fprintf(telling->lines, fate == FATE_NEVER ? "never in %.0f s" : "not in %.1f s",
                    seconds(episode->closed_us - origin_us));
        separator = ", ";
    }
    if (!*separator)
        fputs("nothing had changed", telling->lines);
}

/* Who watches has been told of all changes; what did not change is news. */
static bool is_news(const struct telling *telling, const struct episode *episode)
{
    for (size_t i = 0; i < telling->samples->nsources; i++)
        if (account_fate(telling->account, episode, i) > FATE_CHANGED)
            return true;
    return telling->repetitions;
}

void telling_closed(struct telling *telling)
{
    const struct samples *samples = telling->samples;
    size_t closed = samples->nepisodes - (samples_now(samples) ? 1 : 0);
    for (; telling->told < closed; telling->told++) {
        const struct episode *episode = &samples->episodes[telling->told];
        if (!is_news(telling, episode))
            continue;
        telling_clear(telling);
        print_time(telling->lines);
        print_episode(telling, telling->told);
        print_times(telling, episode);
        fputc('\n', telling->lines);
        fflush(telling->lines);
    }
}

void telling_command(struct telling *telling, const char *line)
{
    telling_clear(telling);
    text_say(stderr, "    | %s\n", line);
}

/* ---- how far it is ---- */

static size_t width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20)
        return 79;
    return size.ws_col > WIDTH_MAX ? WIDTH_MAX : size.ws_col - 1u;
}

static size_t print_state(char *line, const struct samples *samples, int64_t now_us)
{
    size_t with = 0, silent = 0;
    for (size_t i = 0; i < samples->nsources; i++) {
        with += samples->sources[i].known && samples->sources[i].with;
        silent += !samples->sources[i].known || samples->sources[i].came_us < now_us - 5000000;
    }
    int used = snprintf(line, LINE_SIZE, "watching: %zu of %zu places have the host", with,
                        samples->nsources);
    if (silent)
        used += snprintf(line + used, LINE_SIZE - (size_t)used, ", %zu silent", silent);
    used += snprintf(line + used, LINE_SIZE - (size_t)used, "; %zu changes so far; Ctrl-C ends",
                     samples->nepisodes);
    return (size_t)used;
}

static size_t print_stage(char *line, const struct telling *telling,
                          const struct experiment_progress *progress)
{
    unsigned current = progress->finished + 1;
    if (current > telling->repetitions)
        current = telling->repetitions;
    int used = snprintf(line, LINE_SIZE, "%u of %u  %s  %.1f s", current, telling->repetitions,
                        stage_text(progress->stage), seconds(progress->stage_us));
    if (progress->missing)
        used += snprintf(line + used, LINE_SIZE - (size_t)used, "  for %s %s",
                         place_word(progress->missing->place), progress->missing->name);
    if (progress->left_us >= 0)
        used += snprintf(line + used, LINE_SIZE - (size_t)used, "  about %.0f %s left",
                         seconds(progress->left_us) / (progress->left_us < 120000000 ? 1 : 60),
                         progress->left_us < 120000000 ? "s" : "min");
    return (size_t)used;
}

void telling_progress(struct telling *telling, const struct experiment_progress *progress,
                      int64_t now_us)
{
    char line[LINE_SIZE];
    if (!telling->progress)
        return;
    size_t used = progress ? print_stage(line, telling, progress)
                           : print_state(line, telling->samples, now_us);
    if (used > width())
        line[width()] = '\0';
    fprintf(stderr, "\r%s\033[K", line);
}
