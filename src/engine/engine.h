/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine: the one writer. Its thread runs the prober, steps verdicts by outcomes, and publishes
 * images. The functions below are for other threads (main, control): each runs on the engine's
 * thread while the caller waits, at most ENGINE_PATIENCE_MS; then it fails with an error. */
#ifndef EVERMX_ENGINE_ENGINE_H
#define EVERMX_ENGINE_ENGINE_H

#include "answer/select.h"
#include "answer/snapshot.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/failovers.h"
#include "model/compare.h"
#include "model/domains.h"
#include "model/model.h"
#include "verdict/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ENGINE_PATIENCE_MS = 5000 };

struct canary;
struct engine;

struct engine_options {
    bool probing;            /* false: nothing is probed, everything is answered as it stands */
    const char *resolv_conf; /* NULL: the system's */
    /* What probes come from and call themselves: see struct prober_options. */
    const struct address *probe_sources;
    size_t nprobe_sources;
    const char *ehlo_name;
    const char *ca_file;
    bool uplink_guard;             /* false: all silence is believed at once */
    const struct canary *canaries; /* none: the default gateways */
    size_t ncanaries;
};

/* Publishes the first snapshot before it returns, then starts the thread. Takes the model over;
 * copies what it keeps of the options. */
struct engine *engine_new(const struct engine_options *options, struct publisher *publisher,
                          struct model *model, struct error *error);
/* Ends and joins the thread. */
void engine_free(struct engine *engine);

/* A new model: verdicts are kept by target identity (address, port, check's name). Takes it over,
 * also when it fails, and frees the one before, unless it fails. */
bool engine_load(struct engine *engine, struct model *model, struct error *error);
/* For a reload that changes nothing: reads the resolver's files anew. */
bool engine_reread(struct engine *engine, struct error *error);

/* drain, undrain, force: all targets of a host (any letter case), that is of all records that it
 * stands behind, and of a name with one address all at that address. Stays so over reloads, until
 * FORCED_NOT. The count tells how many there are now; none is an error that names near hosts. */
bool engine_force(struct engine *engine, const char *host, enum verdict_forced forced,
                  size_t *count, struct error *error);

/* When the engine's thread last turned round its loop (monotonic ms); it does at least every
 * second. Any thread, without waiting: for the watchdog. */
int64_t engine_heartbeat_ms(const struct engine *engine);

/* ---- what is so now: copies, freed with one call ---- */

struct engine_target {
    const char *host, *check;
    struct address address;
    uint16_t port;
    struct verdict verdict;
    const char *outlook; /* what would change the verdict next */
};

struct engine_pool {
    const char *name;
    const char **serving, **removed; /* labels; each ends with NULL. Demoted ones are in removed */
    uint8_t *percents;               /* of those serving: of its weight, that each gets */
    size_t nowners;
    uint32_t ttl_s;
    bool fail_open, servfail, floor;
};

struct engine_zone {
    const char *name, *file;
    const char *names; /* of a template: the file of its domains; NULL: none */
    size_t ndomains;
    bool failed;
    bool incomplete;         /* errors in the list of domains: only its good lines are served */
    bool stale, stale_names; /* the file, the list is bad: what was read of it before is served */
    uint32_t serial;
};

/* The worst that is true of it. */
enum engine_zone_state { ZONE_OK, ZONE_FAILED, ZONE_INCOMPLETE, ZONE_STALE, ZONE_STATES };
enum engine_zone_state engine_zone_state(const struct engine_zone *zone);
const char *engine_zone_word(enum engine_zone_state state); /* "ok", "failed", ... */

enum { ENGINE_UPLINKS = 2 }; /* of IPv4, of IPv6 */

struct engine_status {
    struct arena *arena;
    int64_t now_ms, started_ms;
    uint64_t serial;      /* of the snapshot */
    int64_t published_ms; /* when it was */
    uint64_t model_bytes, catalog_bytes;
    struct engine_target *targets;
    size_t ntargets;
    struct engine_pool *pools;
    size_t npools;
    struct engine_zone *zones;
    size_t nzones;
    const struct failover *failovers; /* under way, and the last ones; the oldest first */
    size_t nfailovers;
    struct failover_figures figures;         /* of all since the start */
    int64_t frozen_since_ms[ENGINE_UPLINKS]; /* no silence counts; 0: not frozen */
    unsigned sessions;                       /* under way now */
    int64_t late_max_ms;                     /* the worst lateness of the prober's own timers */
};
bool engine_status(struct engine *engine, struct engine_status *status, struct error *error);
void engine_status_free(struct engine_status *status);

/* What has happened, the oldest first. */
struct engine_event {
    uint64_t number; /* rises by one */
    int64_t at_ms;   /* monotonic */
    enum log_level level;
    const char *kind;    /* a word: "down" */
    const char *subject; /* "mx1.example.test 127.0.0.11 port 25 smtp", "pool example.test MX";
                            NULL: the whole */
    const char *text;
};

struct engine_events {
    struct arena *arena;
    int64_t now_ms;
    uint64_t last; /* the number of the last one ever */
    struct engine_event *list;
    size_t count;
};
/* Those with a number above `after`, as far as they are kept. */
bool engine_events(struct engine *engine, uint64_t after, struct engine_events *events,
                   struct error *error);
void engine_events_free(struct engine_events *events);

/* Why a question is answered as it is. */
struct engine_record {
    const char *text; /* its rdata in presentation format */
    enum member_state state;
    const char *host; /* NULL where none is behind it */
    unsigned weight;
    unsigned percent;        /* of its weight, that it gets: below 100 in a slow start */
    const uint32_t *targets; /* the targets it depends on, by number below */
    size_t ntargets;
};

struct engine_explanation {
    struct arena *arena;
    int64_t now_ms;
    const char *zone;  /* NULL: outside our zones (REFUSED) */
    const char *owner; /* whose records answer: the name itself, a wildcard, or the end of a CNAME
                          chain; NULL: there is no such name */
    const char *how;   /* in words: "steered by pool example.test MX", "as it stands in the file",
                          "no such name (NXDOMAIN)", "no such type (NODATA)", "referral", ... */
    const char *pool;  /* NULL: not steered */
    uint32_t ttl_s;
    bool fail_open, servfail, floor;
    struct engine_record *records;
    size_t nrecords;
    struct engine_target *targets;
    size_t ntargets;
};
bool engine_explain(struct engine *engine, const uint8_t *name, uint16_t rrtype,
                    struct engine_explanation *explanation, struct error *error);
void engine_explanation_free(struct engine_explanation *explanation);

/* How far the drain of a host is: whether it may be stopped. */
enum { ENGINE_DRAIN_ANSWERS = 100 }; /* that are told one by one */

struct engine_drain_answer {
    const char *pool, *record; /* the host's name (MX, SRV) or an address (A, AAAA) */
    bool kept;                 /* answered on: nothing better is there */
    bool behind;               /* answered behind all others (on-down: demote) */
    int64_t until_ms;          /* out, and resolvers may hold it so long; 0: they do not */
};

struct engine_drain {
    struct arena *arena;
    int64_t now_ms;
    const char *host;           /* as the zones have it */
    bool removed;               /* a reload took it out of the zones: told until a minute after
                                   resolvers may have held it */
    enum verdict_forced forced; /* by name: NOT, it is not (any more) drained */
    size_t npools;              /* that the host stands in. Not those of its own addresses, which
                                   stay so that mail that comes to them late does not bounce */
    size_t nkept, nwaiting;     /* answers that are kept; that resolvers may hold */
    int64_t until_ms;           /* the last of those; 0: none */
    struct engine_drain_answer *answers; /* those kept, waiting, or behind others */
    size_t nanswers;
    bool
        finished; /* drained, forced down or removed, nothing kept, nothing waiting: safe to stop */
};
/* Any letter case, as engine_force. */
bool engine_drain(struct engine *engine, const char *host, struct engine_drain *drain,
                  struct error *error);
void engine_drain_free(struct engine_drain *drain);

#endif
