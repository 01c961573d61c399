/* SPDX-License-Identifier: BSD-2-Clause */
/* What probing costs: many targets, one prober thread, and servers in a process of their own that
 * answer at once. Tells the CPU time of the prober's thread, how many probes it made of those that
 * were due, and how much later than due they began. `make bench-probing` runs it.
 *
 *     probing [TARGETS [INTERVAL_MS [SECONDS [plain]]]]     default: 10000 2000 30, with STARTTLS
 *
 * Exit status: 0 where the thread took at most 60 % of a core and no target missed a probe, else 1.
 *
 * `probing --sink PORT` is only the servers, without TLS; with PROBING_AT=NETWORK@PORT the targets
 * are those at addresses of that network (NETWORK.1.1 and so on: tests/bench/losing.sh puts both at
 * the ends of a line that loses packets).
 *
 * Each target is an address of its own of 127.0.0.0/8. Verdicts are stepped as the engine does; one
 * probe of each target in 30 s goes through the whole dialogue: EHLO, STARTTLS with a certificate
 * whose chain is followed, EHLO. The thread's time is what the kernel counts: on loopback that
 * includes most of what the servers' side of TCP costs. */
#include "base/clock.h"
#include "base/memory.h"
#include "probe/loop.h"
#include "probe/probe.h"
#include "probe/pulse.h"

#include <errno.h>
#include <event2/event.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
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

enum {
    TARGETS = 10000,
    INTERVAL_MS = 2000,
    SERVICE_MS = 30000,
    SECONDS = 30,     /* all that is due within a service interval */
    SPREAD_MS = 2000, /* of first probes, but 1 ms for each target at least: as the engine does */
    EVENTS = 256,
    GOAL_PERCENT = 60,
};

struct bench {
    struct event_base *base;
    struct prober *prober;
    struct check_settings check;
    struct verdict_policy policy;
    struct verdict *verdicts;
    uint32_t *probes; /* of each target */
    unsigned targets;
    int64_t spread_ms;
    size_t memory; /* octets in use before the first target */
    uint64_t by_reason[REASON_COUNT], by_depth[PROBE_DEPTHS];
    uint64_t secured; /* by STARTTLS */
    uint64_t confirmed, unconfirmed, falls, revoked, hedged;
};

/* ---- certificates ---- */

static void certificate_extend(X509 *certificate, int kind, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

/* Of an authority (issuer NULL), or of a server. */
static X509 *certificate_issue(const char *name, EVP_PKEY *key, const X509 *issuer,
                               EVP_PKEY *issuer_key)
{
    X509 *certificate = X509_new();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 100 * 86400L);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer ? issuer : certificate));
    if (issuer)
        certificate_extend(certificate, NID_subject_alt_name, "DNS:mx.example.test");
    else
        certificate_extend(certificate, NID_basic_constraints, "critical,CA:TRUE");
    if (!X509_sign(certificate, issuer_key, EVP_sha256()))
        exit(1);
    return certificate;
}

/* The servers' side of TLS, whose authority is written to a file. */
static SSL_CTX *sink_tls(const char *ca_file)
{
    EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
    X509 *ca = certificate_issue("authority", ca_key, NULL, ca_key);
    X509 *certificate = certificate_issue("server", key, ca, ca_key);
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    FILE *file = fopen(ca_file, "w");
    if (!file || !PEM_write_X509(file, ca) || fclose(file) != 0 ||
        SSL_CTX_use_certificate(tls, certificate) != 1 || SSL_CTX_use_PrivateKey(tls, key) != 1) {
        perror(ca_file);
        exit(1);
    }
    X509_free(certificate);
    X509_free(ca);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
    return tls;
}

/* ---- the servers ---- */

enum { SINK_FDS_MAX = 1 << 20 };

struct sink {
    int epoll, listener;
    SSL_CTX *tls;   /* NULL: STARTTLS is not offered */
    SSL **sessions; /* by descriptor; NULL: plain text */
};

static void sink_say(const struct sink *sink, int fd, const char *line)
{
    if (sink->sessions[fd])
        SSL_write(sink->sessions[fd], line, (int)strlen(line));
    else
        (void)!send(fd, line, strlen(line), MSG_NOSIGNAL);
}

static void sink_close(const struct sink *sink, int fd)
{
    SSL_free(sink->sessions[fd]);
    sink->sessions[fd] = NULL;
    close(fd);
}

static void sink_accept(const struct sink *sink)
{
    int fd;
    while ((fd = accept4(sink->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if (fd >= SINK_FDS_MAX) {
            close(fd);
            continue;
        }
        epoll_ctl(sink->epoll, EPOLL_CTL_ADD, fd, &event);
        sink_say(sink, fd, "220 sink ESMTP\r\n");
    }
}

/* Returns what recv() would. Of TLS the handshake is done on the way. */
static int sink_hear(const struct sink *sink, int fd, char *line, int room)
{
    SSL *session = sink->sessions[fd];
    if (!session)
        return (int)recv(fd, line, (size_t)room, 0);
    int size = SSL_read(session, line, room);
    if (size > 0)
        return size;
    errno = EAGAIN;
    return SSL_get_error(session, size) == SSL_ERROR_WANT_READ ? -1 : 0;
}

static void sink_answer(const struct sink *sink, int fd)
{
    char line[1024];
    int size = sink_hear(sink, fd, line, sizeof line);
    if (size <= 0) {
        if (size == 0 || (errno != EAGAIN && errno != EINTR))
            sink_close(sink, fd);
    } else if (memcmp(line, "QUIT", 4) == 0) {
        sink_say(sink, fd, "221 bye\r\n");
        sink_close(sink, fd);
    } else if (memcmp(line, "STARTTLS", 8) == 0 && sink->tls) {
        sink_say(sink, fd, "220 go ahead\r\n");
        sink->sessions[fd] = SSL_new(sink->tls);
        SSL_set_fd(sink->sessions[fd], fd);
        SSL_set_accept_state(sink->sessions[fd]);
    } else {
        bool offers = sink->tls && !sink->sessions[fd];
        sink_say(sink, fd, offers ? "250-sink\r\n250 STARTTLS\r\n" : "250 sink\r\n");
    }
}

static _Noreturn void sink_run(int listener, SSL_CTX *tls)
{
    struct epoll_event events[EVENTS] = {{.events = EPOLLIN, .data.fd = listener}};
    const struct sink sink = {.epoll = epoll_create1(0),
                              .listener = listener,
                              .tls = tls,
                              .sessions = memory_array(SINK_FDS_MAX, sizeof(SSL *))};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    epoll_ctl(sink.epoll, EPOLL_CTL_ADD, listener, events);
    for (;;) {
        int count = epoll_wait(sink.epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                sink_accept(&sink);
            else
                sink_answer(&sink, events[i].data.fd);
        }
    }
}

static int sink_listen(uint16_t *port)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t size = sizeof any;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&any, size) < 0 || listen(listener, 4096) < 0 ||
        getsockname(listener, (struct sockaddr *)&any, &size) < 0) {
        perror("starting the servers");
        exit(1);
    }
    *port = ntohs(any.sin_port);
    return listener;
}

/* ca_file NULL: without TLS. */
static pid_t sink_start(uint16_t *port, const char *ca_file)
{
    int listener = sink_listen(port);
    SSL_CTX *tls = ca_file ? sink_tls(ca_file) : NULL;
    pid_t process = fork();
    if (process == 0)
        sink_run(listener, tls);
    SSL_CTX_free(tls);
    close(listener);
    return process;
}

/* ---- the prober ---- */

static struct probe_next on_outcome(void *context, uint32_t id, const struct outcome *outcome,
                                    int64_t now_ms)
{
    struct bench *bench = context;
    struct verdict *verdict = &bench->verdicts[id];
    bool was_down = verdict->status == VERDICT_DOWN;
    bool silent = reason_evidence(outcome->reason) == EVIDENCE_SILENCE;
    bench->by_reason[outcome->reason]++;
    bench->by_depth[outcome->depth]++;
    bench->probes[id]++;
    bench->secured += outcome->step_us[TIMED_TLS] > 0;
    bench->confirmed += silent && outcome->confirmed;
    bench->unconfirmed += silent && !outcome->confirmed;
    bench->revoked += outcome->revoked;
    bench->hedged += outcome->sessions > 1;
    verdict_step(verdict, &bench->policy, outcome, now_ms);
    bench->falls += verdict->status == VERDICT_DOWN && !was_down;
    return verdict_next(verdict, &bench->policy, now_ms);
}

static void bench_open(struct bench *bench, unsigned targets, int interval_ms,
                       const uint8_t network[2], uint16_t port, const char *ca_file)
{
    const struct prober_options options = {.ehlo_name = "probe.example.test", .ca_file = ca_file};
    const struct probe_reports reports = {.done = on_outcome};
    *bench = (struct bench){
        .check = {.kind = CHECK_SMTP,
                  .tls = CHECK_TLS_OPTIONAL,
                  .interval_ms = interval_ms,
                  .service_interval_ms = SERVICE_MS,
                  .timeout_ms = 30000,
                  .connect_timeout_ms = 3500,
                  .greeting_timeout_ms = 8000,
                  .reply_timeout_ms = 10000,
                  .recheck_ms = 500},
        .policy = {.fall = 2,
                   .rise = 3,
                   .interval_ms = interval_ms,
                   .service_interval_ms = SERVICE_MS,
                   .recheck_ms = 500,
                   .timeout_ms = 30000},
        .verdicts = memory_array(targets, sizeof(struct verdict)),
        .probes = memory_array(targets, sizeof(uint32_t)),
        .targets = targets,
        .base = loop_new(),
    };
    bench->prober = prober_new(bench->base, &options, &reports, bench);
    if (!bench->prober)
        exit(1);
    bench->memory = mallinfo2().uordblks;
    bench->spread_ms = targets > SPREAD_MS ? targets : SPREAD_MS;
    for (uint32_t id = 0; id < targets; id++) {
        struct probe_target target = {
            .address = {.family = 4,
                        .bytes = {network[0], network[1] + id / 62500, id / 250 % 250,
                                  (uint8_t)(1 + id % 250)}},
            .port = port,
            .check = &bench->check,
            .host = "mx.example.test"};
        verdict_init(&bench->verdicts[id], clock_now_ms());
        prober_add(bench->prober, id, &target, bench->spread_ms);
    }
}

static void bench_run(struct bench *bench, int64_t ms)
{
    struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_base_loopexit(bench->base, &wait);
    event_base_dispatch(bench->base);
}

static void bench_forget(struct bench *bench)
{
    memset(bench->by_reason, 0, sizeof bench->by_reason);
    memset(bench->by_depth, 0, sizeof bench->by_depth);
    memset(bench->probes, 0, bench->targets * sizeof *bench->probes);
    bench->secured = 0;
    bench->confirmed = bench->unconfirmed = bench->falls = bench->revoked = bench->hedged = 0;
}

static double used_s(const struct timeval *used)
{
    return (double)used->tv_sec + (double)used->tv_usec / 1e6;
}

/* What the thread used between two moments. */
struct cost {
    double took_s, user_s, kernel_s, probes;
    int64_t late_ms; /* the loop, at most */
};

static struct cost bench_measure(struct bench *bench, int seconds)
{
    struct rusage before, after;
    struct prober_numbers first, last;
    struct pulse pulse;
    prober_numbers(bench->prober, &first);
    pulse_start(&pulse, bench->base);
    getrusage(RUSAGE_THREAD, &before);
    int64_t start_us = clock_now_us();
    bench_run(bench, seconds * 1000);
    int64_t end_us = clock_now_us();
    getrusage(RUSAGE_THREAD, &after);
    pulse_stop(&pulse);
    prober_numbers(bench->prober, &last);
    return (struct cost){
        .took_s = (double)(end_us - start_us) / 1e6,
        .user_s = used_s(&after.ru_utime) - used_s(&before.ru_utime),
        .kernel_s = used_s(&after.ru_stime) - used_s(&before.ru_stime),
        .probes = (double)(last.finished - first.finished),
        .late_ms = pulse.late_max_ms,
    };
}

static void tell_cost(const struct bench *bench, const struct cost *cost)
{
    const double s = cost->took_s;
    double all_s = cost->user_s + cost->kernel_s;
    double due = s * bench->targets * 1000 / (double)bench->check.interval_ms;
    printf("%u targets, each %d ms, for %.1f s\n", bench->targets, (int)bench->check.interval_ms,
           s);
    printf("CPU of the prober's thread  %5.1f %% of a core (%.1f user, %.1f kernel)\n",
           100 * all_s / s, 100 * cost->user_s / s, 100 * cost->kernel_s / s);
    printf("a probe                     %5.1f us (%.1f user, %.1f kernel)\n",
           1e6 * all_s / cost->probes, 1e6 * cost->user_s / cost->probes,
           1e6 * cost->kernel_s / cost->probes);
    printf("probes                      %7.0f a second, %.3f of one in each interval\n",
           cost->probes / s, cost->probes / due);
    printf("of the whole dialogue       %7.0f a second, with STARTTLS %.0f\n",
           (double)bench->by_depth[DEPTH_SERVICE] / s, (double)bench->secured / s);
    printf("memory                      %7.0f octets a target\n",
           (double)(mallinfo2().uordblks - bench->memory) / bench->targets);
}

static void tell_losses(const struct bench *bench, const struct cost *cost)
{
    double hours = cost->took_s * bench->targets / 3600;
    printf("in %.2f hours of a target: %.0f falls (%.2f an hour), %.0f revoked, silences %.0f "
           "confirmed and %.0f not; a second session in %.2f %% of the probes\n",
           hours, (double)bench->falls, (double)bench->falls / hours, (double)bench->revoked,
           (double)bench->confirmed, (double)bench->unconfirmed,
           100 * (double)bench->hedged / cost->probes);
    for (unsigned reason = 0; reason < REASON_COUNT; reason++)
        if (bench->by_reason[reason])
            printf("%-27s %7llu\n", reason_word((enum reason)reason),
                   (unsigned long long)bench->by_reason[reason]);
}

/* An interval is cut short by jitter, and never longer: each target has had as many probes as
 * intervals have passed. One that is under way is not counted. */
static bool bench_kept_up(const struct bench *bench, const struct cost *cost)
{
    struct prober_numbers numbers;
    uint32_t least = UINT32_MAX, most = 0;
    uint32_t due = (uint32_t)(cost->took_s * 1000 / (double)bench->check.interval_ms);
    for (unsigned id = 0; id < bench->targets; id++) {
        least = bench->probes[id] < least ? bench->probes[id] : least;
        most = bench->probes[id] > most ? bench->probes[id] : most;
    }
    prober_numbers(bench->prober, &numbers);
    printf("probes of one target        %u to %u, at least %u were due\n", least, most, due);
    printf("the loop late, at most      %lld ms (%lld ms since the start); probes begun late, at "
           "most %lld ms\n",
           (long long)cost->late_ms, (long long)numbers.late_max_ms,
           (long long)numbers.behind_max_ms);
    return least + 1 >= due;
}

/* Of all probes that were due, also where a busy machine has left no time for some: jitter cuts
 * intervals short by 5 % on average. */
static double cost_percent(const struct bench *bench, const struct cost *cost)
{
    double each_s = (cost->user_s + cost->kernel_s) / cost->probes;
    double due_a_second = bench->targets * 1000 / (0.95 * (double)bench->check.interval_ms);
    double made_a_second = cost->probes / cost->took_s;
    return 100 * each_s * (made_a_second > due_a_second ? made_a_second : due_a_second);
}

static bool bench_judge(const struct bench *bench, const struct cost *cost)
{
    double percent = cost_percent(bench, cost);
    bool kept_up = bench_kept_up(bench, cost);
    printf("all that is due takes       %5.1f %% of a core\n", percent);
    printf("goal: at most %d %% of a core: %s; no target without its probes: %s\n", GOAL_PERCENT,
           percent <= GOAL_PERCENT ? "kept" : "MISSED", kept_up ? "kept" : "MISSED");
    return percent <= GOAL_PERCENT && kept_up;
}

static _Noreturn void usage(void)
{
    fprintf(stderr, "usage: probing [TARGETS [INTERVAL_MS [SECONDS [plain]]]]\n"
                    "       probing --sink PORT\n");
    exit(2);
}

int main(int argc, char **argv)
{
    struct bench bench;
    char ca_file[] = "/tmp/probing-ca.XXXXXX";
    uint16_t port = 0;
    unsigned first = 127, second = 1, given = 0;
    const char *at = getenv("PROBING_AT");
    if (argc == 3 && strcmp(argv[1], "--sink") == 0) {
        port = (uint16_t)atoi(argv[2]);
        sink_run(sink_listen(&port), NULL);
    }
    unsigned targets = argc > 1 ? (unsigned)atoi(argv[1]) : TARGETS;
    int interval_ms = argc > 2 ? atoi(argv[2]) : INTERVAL_MS;
    int seconds = argc > 3 ? atoi(argv[3]) : SECONDS;
    bool plain = at || (argc > 4 && strcmp(argv[4], "plain") == 0);
    if (targets < 1 || targets > 1000000 || interval_ms < 1 || seconds < 1 ||
        (argc > 4 && !plain) || (at && sscanf(at, "%u.%u@%u", &first, &second, &given) != 3))
        usage();
    if (!plain)
        close(mkstemp(ca_file));
    pid_t sink = at ? 0 : sink_start(&port, plain ? NULL : ca_file);
    const uint8_t network[2] = {(uint8_t)first, (uint8_t)second};
    bench_open(&bench, targets, interval_ms, network, at ? (uint16_t)given : port,
               plain ? NULL : ca_file);
    if (!plain)
        unlink(ca_file);
    /* Until the usual times are known, and what all began with (whole dialogues) is done. */
    bench_run(&bench, bench.spread_ms + (at ? 30 : 2) * interval_ms);
    printf("%llu falls until then\n", (unsigned long long)bench.falls);
    bench_forget(&bench);
    struct cost cost = bench_measure(&bench, seconds);
    tell_cost(&bench, &cost);
    tell_losses(&bench, &cost);
    bool good = bench_judge(&bench, &cost);
    prober_free(bench.prober);
    event_base_free(bench.base);
    free(bench.verdicts);
    free(bench.probes);
    if (sink > 0) {
        kill(sink, SIGKILL);
        waitpid(sink, NULL, 0);
    }
    return good ? 0 : 1;
}
