/* SPDX-License-Identifier: BSD-2-Clause */
/* All targets that are probed, and what their probes share: sessions as the limit of descriptors
 * allows, TLS, the pulse of this machine. When each of them is probed: job.c. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "probe/ehlo.h"
#include "probe/prober_inside.h"

#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <sys/resource.h>

/* ---- targets ---- */

static int job_compare(const void *one, const void *other)
{
    uint32_t a = ((const struct job *)one)->id;
    uint32_t b = ((const struct job *)other)->id;
    return (a > b) - (a < b);
}

static struct job *prober_job(const struct prober *prober, uint32_t id)
{
    struct job key = {.id = id};
    struct job **found = tfind(&key, &prober->jobs, job_compare);
    return found ? *found : NULL;
}

/* Told once. */
static void prober_warn(struct prober *prober)
{
    struct rlimit limit;
    if (prober->warned || prober->numbers.targets <= prober->sessions_max ||
        getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    prober->warned = true;
    log_warning("more targets than can be probed at once: %u sessions are allowed by the limit of "
                "%llu descriptors, and more wait for their turn, which delays verdicts when many "
                "hosts are silent; raise it to twice the number of targets (LimitNOFILE= of "
                "systemd, ulimit -Hn)",
                prober->sessions_max, (unsigned long long)limit.rlim_cur);
}

void prober_add(struct prober *prober, uint32_t id, const struct probe_target *target,
                int64_t spread_ms)
{
    assert(!prober_job(prober, id));
    struct job *job = job_new(prober, id, target, spread_ms);
    if (!tsearch(job, &prober->jobs, job_compare))
        memory_exhausted(sizeof *job);
    prober_warn(prober);
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
    if (job)
        job_hurry(job);
}

int64_t prober_reached_ms(const struct prober *prober, uint32_t id)
{
    const struct job *job = prober_job(prober, id);
    return job ? job_reached_ms(job) : -1;
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
    prober->setting.peers = peers_new(base, prober->sessions_max);
    for (size_t i = 0; i < options->nsources; i++) {
        const struct address *source = &options->sources[i];
        *(source->family == 6 ? &prober->setting.source6 : &prober->setting.source4) = *source;
    }
    pulse_start(&prober->pulse, base);
    return prober;
}

static void free_job(void *job)
{
    job_free(job);
}

void prober_free(struct prober *prober)
{
    assert(!prober->reporting);
    tdestroy(prober->jobs, free_job);
    peers_free(prober->setting.peers);
    pulse_stop(&prober->pulse);
    tls_client_clear(&prober->tls);
    free(prober->ehlo_name);
    free(prober);
}

const struct session_setting *prober_sessions(const struct prober *prober)
{
    return prober ? &prober->setting : NULL;
}

void prober_numbers(const struct prober *prober, struct prober_numbers *numbers)
{
    *numbers = prober->numbers;
    numbers->sessions = peers_taken(prober->setting.peers);
    numbers->late_max_ms = prober->pulse.late_max_ms;
}
