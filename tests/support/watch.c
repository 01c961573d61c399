/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/watch.h"

#include "base/clock.h"
#include "probe/learn.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

enum { DESCRIPTORS = 256 };

static struct probe_next on_outcome(void *context, uint32_t id, const struct outcome *outcome,
                                    int64_t now_ms)
{
    struct watch *watch = context;
    struct verdict *verdict = &watch->verdicts[id];
    bool was_down = verdict->status == VERDICT_DOWN;
    watch->by_reason[outcome->reason]++;
    watch->revoked += outcome->revoked;
    watch->unconfirmed +=
        reason_evidence(outcome->reason) == EVIDENCE_SILENCE && !outcome->confirmed;
    watch->last[id] = *outcome;
    watch->slow |= outcome->reason == REASON_OK && outcome->rtt_us > LEARN_PROMPT_MS * 1000;
    verdict_step(verdict, &watch->policy, outcome, now_ms);
    if (verdict->status == VERDICT_DOWN && !was_down) {
        watch->down_ms[id] = now_ms;
        watch->falls++;
    }
    return verdict_next(verdict, &watch->policy, now_ms);
}

static void on_late(void *context, uint32_t id, int64_t since_ms, int64_t decides_ms,
                    int64_t now_ms)
{
    struct watch *watch = context;
    assert_in_range(since_ms, 1, now_ms);
    assert_in_range(decides_ms, now_ms, now_ms + 5000);
    watch->late_ms[id] = now_ms;
    for (unsigned i = 0; watch->asks && i < watch->targets; i++)
        if (i != id && watch->verdicts[i].status != VERDICT_DOWN)
            prober_hurry(watch->prober, i);
}

void watch_open_from(struct watch *watch, const struct address *source)
{
    const struct prober_options options = {
        .ehlo_name = "probe.example.test", .sources = source, .nsources = source != NULL};
    const struct probe_reports reports = {.done = on_outcome, .late = on_late};
    *watch = (struct watch){.check = {.kind = CHECK_SMTP,
                                      .interval_ms = INTERVAL_MS,
                                      .service_interval_ms = 30000,
                                      .timeout_ms = 30000,
                                      .connect_timeout_ms = 3500,
                                      .greeting_timeout_ms = 8000,
                                      .reply_timeout_ms = 10000,
                                      .recheck_ms = 500},
                            .policy = {.fall = 2,
                                       .rise = 3,
                                       .interval_ms = INTERVAL_MS,
                                       .service_interval_ms = 30000,
                                       .recheck_ms = 500,
                                       .timeout_ms = 30000}};
    watch->base = event_base_new();
    watch->prober = prober_new(watch->base, &options, &reports, watch);
    assert_non_null(watch->prober);
}

void watch_open(struct watch *watch)
{
    watch_open_from(watch, NULL);
}

void watch_close(struct watch *watch)
{
    prober_free(watch->prober);
    event_base_free(watch->base);
}

void watch_add(struct watch *watch, unsigned place, uint16_t port)
{
    struct probe_target target = {.address = {.family = 4, .bytes = {127, 2, 0, (uint8_t)place}},
                                  .port = port,
                                  .check = &watch->check,
                                  .host = "mx.example.test"};
    verdict_init(&watch->verdicts[watch->targets], clock_now_ms());
    prober_add(watch->prober, watch->targets++, &target, INTERVAL_MS);
}

void watch_run(struct watch *watch, int64_t ms)
{
    struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_base_loopexit(watch->base, &wait);
    event_base_dispatch(watch->base);
}

void watch_learn(struct watch *watch)
{
    watch_run(watch, LEARNING_MS);
    if (watch->slow) /* other programs took the processors: it is patient until all are steady */
        watch_run(watch, (LEARN_STEADY + 2) * INTERVAL_MS);
    for (unsigned i = 0; i < watch->targets; i++)
        assert_int_equal(watch->verdicts[i].status, VERDICT_UP);
    assert_int_equal(watch->falls, 0);
}

static int compare_times(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

void watch_expect_falls(struct watch *watch, const char *what, int64_t start_ms, int64_t median_ms,
                        int64_t most_ms)
{
    int64_t times[TARGETS_MAX];
    for (unsigned i = 0; i < watch->targets; i++) {
        times[i] = watch->down_ms[i] - start_ms;
        assert_true(watch->down_ms[i] > 0);
    }
    qsort(times, watch->targets, sizeof *times, compare_times);
    int64_t median = times[watch->targets / 2], most = times[watch->targets - 1];
    print_message("%s: %u targets down after %lld ms (median), %lld ms (max)\n", what,
                  watch->targets, (long long)median, (long long)most);
    assert_in_range(median, 0, median_ms + LOAD_MS);
    assert_in_range(most, 0, most_ms + LOAD_MS);
}

/* ---- how many sessions at once ---- */

static bool lookout_minds(const struct lookout *lookout, int fd)
{
    struct sockaddr_in peer = {0};
    socklen_t size = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&peer, &size) < 0 ||
        peer.sin_addr.s_addr != htonl(0x7f020001))
        return false;
    for (unsigned i = 0; i < SERVICES; i++)
        if (peer.sin_port == htons(sink_port(lookout->sinks[i])))
            return true;
    return false;
}

static void lookout_on_time(evutil_socket_t fd, short what, void *context)
{
    struct lookout *lookout = context;
    unsigned count = 0;
    (void)fd, (void)what;
    for (int each = 0; each < DESCRIPTORS; each++)
        count += lookout_minds(lookout, each);
    if (count > lookout->most)
        lookout->most = count;
}

void lookout_open(struct lookout *lookout, struct watch *watch)
{
    *lookout = (struct lookout){0};
    for (unsigned i = 0; i < SERVICES; i++) {
        lookout->sinks[i] = sink_start(&(struct sink_options){0});
        watch_add(watch, 1, sink_port(lookout->sinks[i]));
    }
    lookout->look = event_new(watch->base, -1, EV_PERSIST, lookout_on_time, lookout);
    event_add(lookout->look, &(struct timeval){.tv_usec = 7000});
}

void lookout_close(struct lookout *lookout)
{
    event_free(lookout->look);
    for (unsigned i = 0; i < SERVICES; i++)
        sink_stop(lookout->sinks[i]);
}
