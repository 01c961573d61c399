/* SPDX-License-Identifier: BSD-2-Clause */
/* What probing costs: many targets, one prober thread, and servers in a process of their own that
 * answer at once. Tells the CPU time of the prober's thread, how many probes it made of those that
 * were due, and how much later than due they began.
 *
 *     make build/tests/bench/probing && build/tests/bench/probing [TARGETS [INTERVAL_MS [SECONDS]]]
 *
 * Each target is an address of its own of 127.0.0.0/8. Verdicts are stepped as the engine does; one
 * probe of each target in 30 s goes through the whole dialogue. The thread's time is what the
 * kernel counts: on loopback that includes most of what the servers' side of TCP costs. */
#include "base/clock.h"
#include "base/memory.h"
#include "probe/probe.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TARGETS = 10000, INTERVAL_MS = 2000, SECONDS = 20, SPREAD_MS = 2000, EVENTS = 256 };

struct bench {
    struct event_base *base;
    struct prober *prober;
    struct check_settings check;
    struct verdict_policy policy;
    struct verdict *verdicts;
    uint64_t by_reason[REASON_COUNT];
};

/* ---- the servers ---- */

static void sink_say(int fd, const char *line)
{
    (void)!send(fd, line, strlen(line), MSG_NOSIGNAL);
}

static void sink_accept(int epoll, int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
        sink_say(fd, "220 sink ESMTP\r\n");
    }
}

static void sink_answer(int fd)
{
    char line[1024];
    ssize_t size = recv(fd, line, sizeof line - 1, 0);
    if (size <= 0) {
        if (size == 0 || (errno != EAGAIN && errno != EINTR))
            close(fd);
        return;
    }
    if (memcmp(line, "QUIT", 4) != 0) {
        sink_say(fd, "250 sink\r\n");
        return;
    }
    sink_say(fd, "221 bye\r\n");
    close(fd);
}

static _Noreturn void sink_run(int listener)
{
    struct epoll_event events[EVENTS] = {{.events = EPOLLIN, .data.fd = listener}};
    int epoll = epoll_create1(0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, events);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                sink_accept(epoll, listener);
            else
                sink_answer(events[i].data.fd);
        }
    }
}

static pid_t sink_start(uint16_t *port)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    socklen_t size = sizeof any;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&any, size) < 0 || listen(listener, 4096) < 0 ||
        getsockname(listener, (struct sockaddr *)&any, &size) < 0) {
        perror("starting the servers");
        exit(1);
    }
    *port = ntohs(any.sin_port);
    pid_t process = fork();
    if (process == 0)
        sink_run(listener);
    close(listener);
    return process;
}

/* ---- the prober ---- */

static struct probe_next on_outcome(void *context, uint32_t id, const struct outcome *outcome,
                                    int64_t now_ms)
{
    struct bench *bench = context;
    struct verdict *verdict = &bench->verdicts[id];
    bench->by_reason[outcome->reason]++;
    verdict_step(verdict, &bench->policy, outcome, now_ms);
    return verdict_next(verdict, &bench->policy, now_ms);
}

static void bench_open(struct bench *bench, unsigned targets, int interval_ms, uint16_t port)
{
    const struct prober_options options = {.ehlo_name = "probe.example.test"};
    const struct probe_reports reports = {.done = on_outcome};
    *bench = (struct bench){
        .check = {.kind = CHECK_SMTP,
                  .interval_ms = interval_ms,
                  .service_interval_ms = 30000,
                  .timeout_ms = 30000,
                  .connect_timeout_ms = 3500,
                  .greeting_timeout_ms = 8000,
                  .reply_timeout_ms = 10000,
                  .recheck_ms = 500},
        .policy = {.fall = 2,
                   .rise = 3,
                   .interval_ms = interval_ms,
                   .service_interval_ms = 30000,
                   .recheck_ms = 500,
                   .timeout_ms = 30000},
        .verdicts = memory_array(targets, sizeof(struct verdict)),
        .base = event_base_new(),
    };
    bench->prober = prober_new(bench->base, &options, &reports, bench);
    if (!bench->prober)
        exit(1);
    for (uint32_t id = 0; id < targets; id++) {
        struct probe_target target = {
            .address = {.family = 4,
                        .bytes = {127, 1 + id / 62500, id / 250 % 250, (uint8_t)(1 + id % 250)}},
            .port = port,
            .check = &bench->check,
            .host = "mx.example.test"};
        verdict_init(&bench->verdicts[id], clock_now_ms());
        prober_add(bench->prober, id, &target, SPREAD_MS);
    }
}

static void bench_run(struct bench *bench, int64_t ms)
{
    struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_base_loopexit(bench->base, &wait);
    event_base_dispatch(bench->base);
}

static double used_s(const struct timeval *used)
{
    return (double)used->tv_sec + (double)used->tv_usec / 1e6;
}

static void measure(struct bench *bench, unsigned targets, int interval_ms, int seconds)
{
    struct rusage before, after;
    struct prober_numbers first, last;
    prober_numbers(bench->prober, &first);
    getrusage(RUSAGE_THREAD, &before);
    int64_t start_us = clock_now_us();
    bench_run(bench, seconds * 1000);
    double took_s = (double)(clock_now_us() - start_us) / 1e6;
    getrusage(RUSAGE_THREAD, &after);
    prober_numbers(bench->prober, &last);

    double user_s = used_s(&after.ru_utime) - used_s(&before.ru_utime);
    double kernel_s = used_s(&after.ru_stime) - used_s(&before.ru_stime);
    double probes = (double)(last.finished - first.finished);
    double due = took_s * targets * 1000 / interval_ms;
    printf("%u targets, each %d ms, for %.1f s\n", targets, interval_ms, took_s);
    printf("CPU of the prober's thread  %5.1f %% of a core (%.1f user, %.1f kernel)\n",
           100 * (user_s + kernel_s) / took_s, 100 * user_s / took_s, 100 * kernel_s / took_s);
    printf("a probe                     %5.1f us (%.1f user, %.1f kernel)\n",
           1e6 * (user_s + kernel_s) / probes, 1e6 * user_s / probes, 1e6 * kernel_s / probes);
    printf("probes                      %7.0f a second, %.3f of one in each interval\n",
           probes / took_s, probes / due);
    printf("own timers late, at most    %lld ms\n", (long long)last.late_max_ms);
}

int main(int argc, char **argv)
{
    struct bench bench;
    uint16_t port;
    unsigned targets = argc > 1 ? (unsigned)atoi(argv[1]) : TARGETS;
    int interval_ms = argc > 2 ? atoi(argv[2]) : INTERVAL_MS;
    int seconds = argc > 3 ? atoi(argv[3]) : SECONDS;
    if (targets < 1 || targets > 1000000 || interval_ms < 1 || seconds < 1) {
        fprintf(stderr, "usage: probing [TARGETS [INTERVAL_MS [SECONDS]]]\n");
        return 2;
    }
    pid_t sink = sink_start(&port);
    bench_open(&bench, targets, interval_ms, port);
    bench_run(&bench, SPREAD_MS + 1000); /* all have begun */
    measure(&bench, targets, interval_ms, seconds);
    for (unsigned reason = 0; reason < REASON_COUNT; reason++)
        if (bench.by_reason[reason])
            printf("%-27s %7llu\n", reason_word((enum reason)reason),
                   (unsigned long long)bench.by_reason[reason]);
    prober_free(bench.prober);
    event_base_free(bench.base);
    free(bench.verdicts);
    kill(sink, SIGKILL);
    waitpid(sink, NULL, 0);
    return 0;
}
