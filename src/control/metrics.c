/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/metrics.h"

#include "control/exposition.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* ---- the responders' counters, which name themselves ---- */

struct responders {
    struct exposition *out;
    const char *transport;
};

static void add_number(void *context, const struct number_row *row)
{
    const struct responders *responders = context;
    const struct exposition_label labels[] = {{"transport", responders->transport},
                                              {row->label, row->value}};
    exposition_add(responders->out, row->family, row->help, labels, row->label ? 2 : 1,
                   (double)row->count);
}

/* What became of clients that ask, or hold, too much. */
static void add_limits(struct exposition *out, const struct server_numbers *numbers)
{
    const struct {
        const char *family, *label, *value, *help;
        uint64_t count;
    } rows[] = {
        {"evermx_dns_rate_limited_total", "action", "slipped",
         "UDP queries above a rate limit: answered short (slipped), or not at all (dropped).",
         numbers->rate_slipped},
        {"evermx_dns_rate_limited_total", "action", "dropped", NULL, numbers->rate_dropped},
        {"evermx_dns_tcp_accepted_total", NULL, NULL, "TCP connections that were accepted.",
         numbers->tcp_accepted},
        {"evermx_dns_tcp_closed_total", "reason", "refused",
         "TCP connections that were closed: their client had too many, all at work (refused); "
         "another needed their place (displaced); they took too long (expired).",
         numbers->tcp_refused},
        {"evermx_dns_tcp_closed_total", "reason", "displaced", NULL, numbers->tcp_displaced},
        {"evermx_dns_tcp_closed_total", "reason", "expired", NULL, numbers->tcp_expired},
    };
    for (size_t i = 0; i < LENGTH(rows); i++) {
        const struct exposition_label label = {rows[i].label, rows[i].value};
        exposition_add(out, rows[i].family, rows[i].help, &label, rows[i].label ? 1 : 0,
                       (double)rows[i].count);
    }
}

static void add_numbers(struct exposition *out, const struct server_numbers *numbers)
{
    struct responders udp = {out, "udp"}, tcp = {out, "tcp"};
    numbers_walk(&numbers->udp, add_number, &udp);
    numbers_walk(&numbers->tcp, add_number, &tcp);
    add_limits(out, numbers);
    exposition_add(out, "evermx_dns_tcp_connections", "TCP connections that are open now.", NULL, 0,
                   numbers->tcp_connections);
}

/* ---- single numbers of the engine: a row and a function each ---- */

static double uptime_s(const struct engine_status *status)
{
    return (double)(status->now_ms - status->started_ms) / 1000;
}

static double generation(const struct engine_status *status)
{
    return (double)status->serial;
}

static double snapshot_age_s(const struct engine_status *status)
{
    return (double)(status->now_ms - status->published_ms) / 1000;
}

static double model_size(const struct engine_status *status)
{
    return (double)status->model_bytes;
}

static double catalog_size(const struct engine_status *status)
{
    return (double)status->catalog_bytes;
}

static double probes_now(const struct engine_status *status)
{
    return status->sessions;
}

static double late_max_s(const struct engine_status *status)
{
    return (double)status->late_max_ms / 1000;
}

static double pools(const struct engine_status *status)
{
    return (double)status->npools;
}

static double pools_fail_open(const struct engine_status *status)
{
    size_t count = 0;
    for (size_t i = 0; i < status->npools; i++)
        count += status->pools[i].fail_open;
    return (double)count;
}

static double pools_servfail(const struct engine_status *status)
{
    size_t count = 0;
    for (size_t i = 0; i < status->npools; i++)
        count += status->pools[i].servfail;
    return (double)count;
}

static const struct scalar_row {
    const char *family, *help;
    double (*read)(const struct engine_status *status);
} scalar_rows[] = {
    {"evermx_uptime_seconds", "Since the engine was started.", uptime_s},
    {"evermx_snapshot_generation", "How often the answers have changed since the start.",
     generation},
    {"evermx_snapshot_age_seconds", "Since the answers last changed.", snapshot_age_s},
    {"evermx_model_bytes", "Memory of the zones, hosts, targets and pools as they were read.",
     model_size},
    {"evermx_catalog_bytes", "Memory of the zones as they are answered from.", catalog_size},
    {"evermx_prober_sessions", "Probes that are under way.", probes_now},
    {"evermx_prober_late_max_seconds", "The worst delay of the prober's own timers.", late_max_s},
    {"evermx_pools", "Sets of records that health decides on.", pools},
    {"evermx_pools_fail_open", "Pools in which nothing is up, so that all is answered.",
     pools_fail_open},
    {"evermx_pools_servfail", "Pools in which nothing is up, so that SERVFAIL is answered.",
     pools_servfail},
};

/* ---- zones and targets ---- */

static void add_zones(struct exposition *out, const struct engine_status *status)
{
    static const char help[] = "Zones and templates; one that failed is answered with SERVFAIL, of "
                               "one that is incomplete domains are missing, one that is stale goes "
                               "on as it was, as its file or list is bad now.";
    size_t counts[ZONE_STATES] = {0}, domains = 0;
    for (size_t i = 0; i < status->nzones; i++) {
        const struct engine_zone *zone = &status->zones[i];
        counts[engine_zone_state(zone)]++;
        domains += zone->ndomains;
    }
    for (size_t i = 0; i < ZONE_STATES; i++) {
        const struct exposition_label label = {"state", engine_zone_word(i)};
        exposition_add(out, "evermx_zones", help, &label, 1, (double)counts[i]);
    }
    exposition_add(out, "evermx_domains", "Domains of templates.", NULL, 0, (double)domains);
}

static bool is_up(const struct verdict *verdict)
{
    return verdict->known && verdict->status == VERDICT_UP;
}

static bool is_suspect(const struct verdict *verdict)
{
    return verdict->known && verdict->status == VERDICT_SUSPECT;
}

static bool is_down(const struct verdict *verdict)
{
    return verdict->known && verdict->status == VERDICT_DOWN;
}

static bool is_unknown(const struct verdict *verdict)
{
    return !verdict->known;
}

static bool is_drained(const struct verdict *verdict)
{
    return verdict->forced == FORCED_DRAIN;
}

static bool is_forced_up(const struct verdict *verdict)
{
    return verdict->forced == FORCED_UP;
}

static bool is_forced_down(const struct verdict *verdict)
{
    return verdict->forced == FORCED_DOWN;
}

static bool is_held(const struct verdict *verdict)
{
    return verdict->held == HELD_TIME;
}

static bool is_damped(const struct verdict *verdict)
{
    return verdict->held == HELD_DAMPED;
}

static bool is_held_by_hand(const struct verdict *verdict)
{
    return verdict->held == HELD_MANUAL;
}

static bool is_slowed(const struct verdict *verdict)
{
    return verdict->percent < 100;
}

static const struct count_row {
    const char *family, *label, *value, *help;
    bool (*counts)(const struct verdict *verdict);
} count_rows[] = {
    {"evermx_targets", "verdict", "up", "Targets, by what their probes say.", is_up},
    {"evermx_targets", "verdict", "suspect", NULL, is_suspect},
    {"evermx_targets", "verdict", "down", NULL, is_down},
    {"evermx_targets", "verdict", "unknown", NULL, is_unknown},
    {"evermx_targets_forced", "how", "drain", "Targets whose verdict an operator has set.",
     is_drained},
    {"evermx_targets_forced", "how", "up", NULL, is_forced_up},
    {"evermx_targets_forced", "how", "down", NULL, is_forced_down},
    {"evermx_targets_returning", "how", "hold",
     "Targets that pass their probes after a fall: held back, or with a part of their weight.",
     is_held},
    {"evermx_targets_returning", "how", "damped", NULL, is_damped},
    {"evermx_targets_returning", "how", "manual", NULL, is_held_by_hand},
    {"evermx_targets_returning", "how", "slow-start", NULL, is_slowed},
};

static void add_target_counts(struct exposition *out, const struct engine_status *status)
{
    for (size_t i = 0; i < LENGTH(count_rows); i++) {
        const struct count_row *row = &count_rows[i];
        const struct exposition_label label = {row->label, row->value};
        size_t count = 0;
        for (size_t k = 0; k < status->ntargets; k++)
            count += row->counts(&status->targets[k].verdict);
        exposition_add(out, row->family, row->help, &label, 1, (double)count);
    }
}

/* Whose last probe said nothing: the prober is refused, or it is our own fault. */
static void add_unheard(struct exposition *out, const struct engine_status *status)
{
    static const enum reason reasons[] = {REASON_PROBER_REFUSED,
                                          REASON_PROBER_BLOCKED,
                                          REASON_LOGIN_REFUSED,
                                          REASON_RECIPIENT_REFUSED,
                                          REASON_UPLINK,
                                          REASON_LOCAL,
                                          REASON_LATE};
    for (size_t i = 0; i < LENGTH(reasons); i++) {
        const struct exposition_label label = {"reason", reason_word(reasons[i])};
        size_t count = 0;
        for (size_t k = 0; k < status->ntargets; k++)
            count += status->targets[k].verdict.unheard == reasons[i];
        exposition_add(out, "evermx_targets_unheard",
                       "Targets whose last probes said nothing of their health, by why.", &label, 1,
                       (double)count);
    }
}

static void add_uplinks(struct exposition *out, const struct engine_status *status)
{
    for (size_t i = 0; i < ENGINE_UPLINKS; i++) {
        const struct exposition_label label = {"family", i ? "ipv6" : "ipv4"};
        exposition_add(out, "evermx_uplink_frozen",
                       "1: our own network seems to be down, and no silence counts.", &label, 1,
                       status->frozen_since_ms[i] != 0);
    }
}

enum { TARGET_LABELS = 4, OUTCOMES = 3 };

static void add_probes(struct exposition *out, const struct exposition_label *target,
                       const struct verdict *verdict)
{
    struct exposition_label labels[TARGET_LABELS + 1];
    const struct {
        const char *outcome;
        uint64_t count;
    } outcomes[OUTCOMES] = {
        {"ok", verdict->probes - verdict->failures - verdict->unknowns},
        {"fail", verdict->failures},
        {"unknown", verdict->unknowns},
    };
    memcpy(labels, target, TARGET_LABELS * sizeof *target);
    for (size_t i = 0; i < OUTCOMES; i++) {
        labels[TARGET_LABELS] = (struct exposition_label){"outcome", outcomes[i].outcome};
        exposition_add(out, "evermx_target_probes_total",
                       "Probes of a target, by what came of them.", labels, TARGET_LABELS + 1,
                       (double)outcomes[i].count);
    }
}

/* What only some targets have: a certificate, round trips. */
static void add_extras(struct exposition *out, const struct exposition_label *labels,
                       const struct verdict *verdict, int64_t now_ms)
{
    const struct verdict_trace *trip = &verdict->last[DEPTH_ROUND_TRIP];
    if (verdict->certificate_ends_s)
        exposition_add(out, "evermx_target_certificate_expiry_timestamp_seconds",
                       "When the certificate that the target last showed expires.", labels,
                       TARGET_LABELS, (double)verdict->certificate_ends_s);
    if (trip->at_ms < 0)
        return;
    int64_t since_ms = verdict->undelivered_since_ms;
    exposition_add(out, "evermx_target_undelivered_seconds",
                   "For how long messages of round trips have not arrived; 0: they do.", labels,
                   TARGET_LABELS, since_ms ? (double)(now_ms - since_ms) / 1000 : 0);
    if (trip->reason == REASON_OK)
        exposition_add(out, "evermx_target_delivery_seconds",
                       "What the last message took from its acceptance until it was found.", labels,
                       TARGET_LABELS, (double)trip->step_us[TIMED_DELIVERY] / 1e6);
}

static void add_target(struct exposition *out, int64_t now_ms, const struct engine_target *target)
{
    const struct verdict *verdict = &target->verdict;
    char address[ADDRESS_TEXT_SIZE], port[8];
    address_format(&target->address, address);
    snprintf(port, sizeof port, "%u", target->port);
    const struct exposition_label labels[TARGET_LABELS] = {
        {"host", target->host}, {"address", address}, {"port", port}, {"check", target->check}};
    exposition_add(out, "evermx_target_up",
                   "1: the target's probes do not say that it is down; 0: they do.", labels,
                   TARGET_LABELS, verdict->status != VERDICT_DOWN);
    if (verdict->rtt_us >= 0)
        exposition_add(out, "evermx_target_rtt_seconds",
                       "Until the greeting, at the last good probe.", labels, TARGET_LABELS,
                       (double)verdict->rtt_us / 1e6);
    add_probes(out, labels, verdict);
    add_extras(out, labels, verdict, now_ms);
}

/* ---- failovers ---- */

static void add_failover_counts(struct exposition *out, const struct failover_figures *figures)
{
    for (size_t i = 0; i < FAILOVER_KINDS; i++)
        for (size_t j = 0; j < FAILOVER_CAUSES; j++) {
            const struct exposition_label labels[] = {{"kind", failover_kind_word(i)},
                                                      {"cause", failover_cause_word(j)}};
            exposition_add(out, "evermx_failovers_total",
                           "Targets whose records left the answers (left); were kept in them, as "
                           "nothing better was there (kept), and left then (late); came back "
                           "(back).",
                           labels, LENGTH(labels), (double)figures->counts[i][j]);
        }
}

static bool has_any(const struct failover_histogram *histogram)
{
    for (size_t i = 0; i <= FAILOVER_BOUNDS; i++)
        if (histogram->counts[i])
            return true;
    return false;
}

/* From the first one on, as most causes never come to anything. The counters stand from the start,
 * so that the step to the first is seen. */
static void add_moments(struct exposition *out, const char *family, const char *help,
                        const struct failover_histogram took[][FAILOVER_CAUSES])
{
    for (size_t i = 0; i < FAILOVER_PHASES; i++)
        for (size_t j = 0; j < FAILOVER_CAUSES; j++) {
            const struct exposition_label labels[] = {{"phase", failover_phase_word(i)},
                                                      {"cause", failover_cause_word(j)}};
            if (!has_any(&took[i][j]))
                continue;
            exposition_add_histogram(out, family, help, labels, LENGTH(labels), failover_bounds_s,
                                     took[i][j].counts, FAILOVER_BOUNDS, took[i][j].sum_s);
        }
}

static void add_failovers(struct exposition *out, const struct failover_figures *figures)
{
    add_moments(out, "evermx_failover_seconds",
                "From the last good probe until the first bad evidence, until it was out of the "
                "answers, and until no resolver that keeps to TTLs held it.",
                figures->left);
    add_moments(out, "evermx_return_seconds",
                "The same of returns: from the last bad probe until the first good one, until it "
                "was answered again, and until resolvers knew.",
                figures->back);
    add_failover_counts(out, figures);
}

static void add_status(struct exposition *out, const struct engine_status *status)
{
    for (size_t i = 0; i < LENGTH(scalar_rows); i++)
        exposition_add(out, scalar_rows[i].family, scalar_rows[i].help, NULL, 0,
                       scalar_rows[i].read(status));
    add_zones(out, status);
    add_target_counts(out, status);
    add_unheard(out, status);
    add_uplinks(out, status);
    add_failovers(out, &status->figures);
    for (size_t i = 0; status->ntargets <= METRICS_TARGETS_MAX && i < status->ntargets; i++)
        add_target(out, status->now_ms, &status->targets[i]);
}

char *metrics_text(const struct metrics_sources *sources)
{
    static const struct exposition_label version = {"version", EVERMX_VERSION};
    struct exposition *out = exposition_new();
    exposition_add(out, "evermx_info", "What runs here.", &version, 1, 1);
    if (sources->resident_bytes)
        exposition_add(out, "process_resident_memory_bytes", "Memory of the whole process.", NULL,
                       0, (double)sources->resident_bytes);
    exposition_add(out, "evermx_engine_answers",
                   "0: the engine does not answer, so that nothing of it is told here.", NULL, 0,
                   sources->status != NULL);
    exposition_add(out, "evermx_engine_heartbeat_age_seconds",
                   "Since the engine was last seen alive; it is at least every second.", NULL, 0,
                   (double)sources->heartbeat_age_ms / 1000);
    add_numbers(out, sources->numbers);
    if (sources->status)
        add_status(out, sources->status);
    return exposition_finish(out);
}

uint64_t metrics_resident_bytes(void)
{
    unsigned long all, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (fscanf(file, "%lu %lu", &all, &resident) != 2)
        resident = 0;
    fclose(file);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}
