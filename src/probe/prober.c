/* SPDX-License-Identifier: BSD-2-Clause */
/* The schedule: when each target is probed, and how many sessions there may be at once. A timer for
 * each target, no walk over all of them. A target whose time has come and that finds no room waits
 * in a queue: first for a free session of all, then for one at its peer. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/table.h"
#include "probe/channel.h"
#include "probe/ehlo.h"
#include "probe/probe.h"
#include "probe/pulse.h"
#include "probe/single.h"

#include <assert.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>

/* Servers count connections per client and service, and mail hosts are not ours to load. Services
 * do not count together: one that hangs must not delay the verdict of the next. */
enum { PEER_SESSIONS_MAX = 2 };

/* A prober that is starved again and again must not hide a dead target for ever: after so many
 * failures in a row that were excused by it, they count. A living target answers in between. */
enum { EXCUSES_MAX = 3 };

TAILQ_HEAD(job_queue, job);

/* An address and port, whoever probes it. */
struct peer {
    struct address address;
    uint16_t port;
    unsigned jobs, sessions;
    struct job_queue waiting;
};

/* A target and its time. Either its timer runs, or it waits, or a probe is under way. */
struct job {
    struct prober *prober;
    uint32_t id;
    struct probe_target target;
    struct peer *peer;
    struct event timer;
    int64_t due_ms;
    struct job_queue *queue; /* NULL: waits in none */
    TAILQ_ENTRY(job) place;
    struct probe *probe; /* NULL: none */
    int64_t started_ms;
    enum probe_depth depth; /* of the next probe, or of the one under way */
    unsigned excuses;       /* REASON_LATE, since the last good one */
    bool hurried;           /* the next one at once */
};

struct prober {
    struct session_setting setting;
    struct tls_client tls;
    struct pulse pulse;
    char *ehlo_name;
    struct probe_reports reports;
    void *context;
    void *jobs, *peers; /* tsearch(3): by id, by address and port */
    struct job_queue waiting;
    struct event drain;    /* starts those who wait, from the loop */
    struct job *reporting; /* whose report is on the stack */
    unsigned sessions_max;
    struct prober_numbers numbers;
    uint64_t random;
};

/* ---- peers ---- */

static int peer_compare(const void *one, const void *other)
{
    const struct peer *a = one, *b = other;
    if (a->port != b->port)
        return a->port - b->port;
    if (a->address.family != b->address.family)
        return a->address.family - b->address.family;
    return memcmp(a->address.bytes, b->address.bytes, address_size(&a->address));
}

static struct peer *peer_join(struct prober *prober, const struct probe_target *target)
{
    struct peer *peer, key = {.address = target->address, .port = target->port};
    struct peer **found = tfind(&key, &prober->peers, peer_compare);
    if (found) {
        peer = *found;
    } else {
        peer = memory_alloc(sizeof *peer);
        peer->address = target->address;
        peer->port = target->port;
        TAILQ_INIT(&peer->waiting);
        if (!tsearch(peer, &prober->peers, peer_compare))
            memory_exhausted(sizeof *peer);
    }
    peer->jobs++;
    return peer;
}

static void peer_leave(struct prober *prober, struct peer *peer)
{
    if (--peer->jobs)
        return;
    tdelete(peer, &prober->peers, peer_compare);
    free(peer);
}

/* ---- queues ---- */

static void job_enqueue(struct job *job, struct job_queue *queue)
{
    job->queue = queue;
    TAILQ_INSERT_TAIL(queue, job, place);
}

static void job_dequeue(struct job *job)
{
    if (job->queue)
        TAILQ_REMOVE(job->queue, job, place);
    job->queue = NULL;
}

/* A session has ended: one who waited for it may come. */
static void job_make_room(struct job *job)
{
    struct prober *prober = job->prober;
    struct job *next = TAILQ_FIRST(&job->peer->waiting);

    job->probe = NULL;
    job->peer->sessions--;
    prober->numbers.sessions--;
    if (next) {
        job_dequeue(next);
        job_enqueue(next, &prober->waiting);
    }
    if (!TAILQ_EMPTY(&prober->waiting))
        event_active(&prober->drain, EV_TIMEOUT, 0);
}

/* ---- from one probe to the next ---- */

static void job_sleep(struct job *job, int64_t until_ms)
{
    int64_t wait_ms = until_ms - clock_now_ms();
    if (wait_ms < 0)
        wait_ms = 0;
    struct timeval wait = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
    job->due_ms = until_ms;
    event_add(&job->timer, &wait);
}

/* Up to a tenth more or less, so that targets that began together do not stay together. */
static int64_t job_jitter(struct job *job, int64_t wait_ms)
{
    if (wait_ms < 10)
        return wait_ms;
    uint64_t *random = &job->prober->random;
    *random = hash_bytes(random, sizeof *random, job->id);
    return wait_ms - wait_ms / 10 + (int64_t)(*random % (uint64_t)(wait_ms / 5 + 1));
}

static void job_count_excuses(struct job *job, enum reason reason)
{
    if (reason == REASON_OK)
        job->excuses = 0;
    else if (reason == REASON_LATE)
        job->excuses++;
}

static void job_on_probe(void *context, const struct outcome *outcome)
{
    struct job *job = context;
    struct prober *prober = job->prober;
    int64_t now_ms = clock_now_ms();

    job_make_room(job);
    job_count_excuses(job, outcome->reason);
    probe_target_learn(&job->target, outcome);
    prober->numbers.finished++;
    prober->reporting = job;
    struct probe_next next = prober->reports.done(prober->context, job->id, outcome, now_ms);
    if (prober->reporting == job) { /* else it has been removed */
        int64_t wait_ms = next.exact ? next.wait_ms : job_jitter(job, next.wait_ms);
        job->depth = next.depth;
        job_sleep(job, job->hurried ? now_ms : job->started_ms + wait_ms);
        job->hurried = false;
    }
    prober->reporting = NULL;
}

/* There is room for one more session; at its peer, too? */
static void job_start(struct job *job)
{
    struct prober *prober = job->prober;
    if (job->peer->sessions >= PEER_SESSIONS_MAX) {
        job_enqueue(job, &job->peer->waiting);
        return;
    }
    job->peer->sessions++;
    prober->numbers.sessions++;
    prober->numbers.started++;
    job->started_ms = clock_now_ms();
    job->probe = probe_start(&prober->setting, &job->target, job->depth, job->excuses < EXCUSES_MAX,
                             job_on_probe, job);
}

static void job_on_timer(evutil_socket_t fd, short what, void *context)
{
    struct job *job = context;
    struct prober *prober = job->prober;
    (void)fd, (void)what;

    if (clock_now_ms() < job->due_ms) /* the loop counts from when its turn began */
        job_sleep(job, job->due_ms);
    else if (prober->numbers.sessions >= prober->sessions_max || !TAILQ_EMPTY(&prober->waiting))
        job_enqueue(job, &prober->waiting);
    else
        job_start(job);
}

static void prober_on_drain(evutil_socket_t fd, short what, void *context)
{
    struct prober *prober = context;
    struct job *job;
    (void)fd, (void)what;

    while (prober->numbers.sessions < prober->sessions_max &&
           (job = TAILQ_FIRST(&prober->waiting))) {
        job_dequeue(job);
        job_start(job);
    }
}

/* ---- jobs ---- */

static int job_compare(const void *one, const void *other)
{
    uint32_t a = ((const struct job *)one)->id;
    uint32_t b = ((const struct job *)other)->id;
    return (a > b) - (a < b);
}

static struct job *prober_job(struct prober *prober, uint32_t id)
{
    struct job key = {.id = id};
    struct job **found = tfind(&key, &prober->jobs, job_compare);
    return found ? *found : NULL;
}

static void job_free(void *pointer)
{
    struct job *job = pointer;
    struct prober *prober = job->prober;

    event_del(&job->timer);
    job_dequeue(job);
    if (job->probe) {
        probe_cancel(job->probe);
        job_make_room(job);
    }
    if (prober->reporting == job)
        prober->reporting = NULL;
    peer_leave(prober, job->peer);
    prober->numbers.targets--;
    free((char *)job->target.host);
    free(job);
}

/* The same place in each run, and another one for each target. */
static int64_t job_offset_ms(const struct probe_target *target, int64_t spread_ms)
{
    if (spread_ms <= 0)
        return 0;
    uint64_t hash = hash_bytes(target->address.bytes, address_size(&target->address), target->port);
    return (int64_t)(hash % (uint64_t)spread_ms);
}

void prober_add(struct prober *prober, uint32_t id, const struct probe_target *target,
                int64_t spread_ms)
{
    struct job *job = memory_alloc(sizeof *job);
    job->prober = prober;
    job->id = id;
    job->depth = DEPTH_SERVICE;
    job->target = *target;
    job->target.host = memory_strdup(target->host ? target->host : "");
    job->peer = peer_join(prober, target);
    assert(!prober_job(prober, id));
    if (!tsearch(job, &prober->jobs, job_compare))
        memory_exhausted(sizeof *job);
    prober->numbers.targets++;
    evtimer_assign(&job->timer, prober->setting.base, job_on_timer, job);
    job_sleep(job, clock_now_ms() + job_offset_ms(target, spread_ms));
}

void prober_remove(struct prober *prober, uint32_t id)
{
    struct job *job = prober_job(prober, id);
    if (!job)
        return;
    tdelete(job, &prober->jobs, job_compare);
    job_free(job);
}

void prober_hurry(struct prober *prober, uint32_t id)
{
    struct job *job = prober_job(prober, id);
    if (!job || job->queue)
        return;
    if (job->probe || prober->reporting == job)
        job->hurried = true;
    else
        job_sleep(job, clock_now_ms());
}

/* ---- the prober ---- */

/* Half of the descriptors; the rest is for clients over TCP, files and the like. */
static unsigned sessions_allowed(void)
{
    const rlim_t most = 1000000;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 256;
    if (limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = {limit.rlim_max, limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    rlim_t half = limit.rlim_cur / 2;
    return half > most ? (unsigned)most : half ? (unsigned)half : 1;
}

struct prober *prober_new(struct event_base *base, const struct prober_options *options,
                          const struct probe_reports *reports, void *context)
{
    struct error error;
    struct prober *prober = memory_alloc(sizeof *prober);

    if (!tls_client_init(&prober->tls, options->ca_file, &error)) {
        log_error("starting the prober: %s", error.text);
        free(prober);
        return NULL;
    }
    prober->ehlo_name =
        options->ehlo_name ? memory_strdup(options->ehlo_name) : ehlo_name_of_machine();
    prober->setting = (struct session_setting){
        .base = base,
        .tls = &prober->tls,
        .pulse = &prober->pulse,
        .ehlo_name = prober->ehlo_name,
    };
    prober->reports = *reports;
    prober->context = context;
    prober->sessions_max = options->max_sessions ? options->max_sessions : sessions_allowed();
    prober->random = (uint64_t)clock_now_us();
    TAILQ_INIT(&prober->waiting);
    event_assign(&prober->drain, base, -1, 0, prober_on_drain, prober);
    pulse_start(&prober->pulse, base);
    return prober;
}

void prober_free(struct prober *prober)
{
    assert(!prober->reporting);
    tdestroy(prober->jobs, job_free);
    event_del(&prober->drain);
    pulse_stop(&prober->pulse);
    tls_client_clear(&prober->tls);
    free(prober->ehlo_name);
    free(prober);
}

void prober_numbers(const struct prober *prober, struct prober_numbers *numbers)
{
    *numbers = prober->numbers;
    numbers->late_max_ms = prober->pulse.late_max_ms;
}
