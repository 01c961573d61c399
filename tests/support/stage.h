/* SPDX-License-Identifier: BSD-2-Clause */
/* From outcomes to answers over a fake clock: zones and configuration as files of a folder of its
 * own, the engine's core, and questions put to respond(). For tests; one thread. */
#ifndef EVERMX_TESTS_STAGE_H
#define EVERMX_TESTS_STAGE_H

#include "engine/core.h"
#include "serve/respond.h"
#include "support/place.h"

#include <ldns/ldns.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a zone file for tests. */
#define ZONE_HEAD                                                                                  \
    "$ORIGIN example.test.\n"                                                                      \
    "$TTL 300\n"                                                                                   \
    "@ SOA ns1 hostmaster 1 3600 900 1209600 10\n"                                                 \
    "@ NS ns1\n"                                                                                   \
    "ns1 A 127.0.0.53\n"

#define TWO_HOSTS                                                                                  \
    "@ MX 10 mx1\n"                                                                                \
    "@ MX 20 mx2\n"                                                                                \
    "mx1 A 127.0.0.11\n"                                                                           \
    "mx2 A 127.0.0.12\n"

/* One that is probed, as the core told it. */
struct stage_probe {
    bool on;
    char host[256];
    struct address address;
    uint16_t port;
    const struct check_settings *settings;
    enum probe_depth depth; /* that the next outcome is of: as deep as was asked for */
    unsigned hurried;       /* how often it was to be probed out of turn */
    int64_t reached_ms;     /* by its probe under way; 0: not yet */
};

struct stage {
    char folder[FOLDER_SIZE];
    char zones[16][32]; /* files in it */
    size_t nzones;
    bool has_config; /* config.yaml is there */
    bool lenient;    /* bad zones are failed zones, as at a start */
    struct config *config;
    struct publisher *publisher;
    struct core *core;
    struct model *model; /* the core's */
    struct responder responder;
    int64_t start_ms, now_ms;
    struct stage_probe *probes; /* by the core's number */
    size_t nprobes;
    unsigned added, removed; /* how often the core told so */
};

void stage_init(struct stage *stage, bool probing);
void stage_free(struct stage *stage);

/* Writes a zone's file (new or again), or the configuration; stage_load() reads them. */
void stage_zone(struct stage *stage, const char *file, const char *text);
void stage_config(struct stage *stage, const char *text);
/* Builds a model. Fails the test, with all diagnostics, when it cannot be built. */
struct model *stage_build(struct stage *stage);
/* Builds a model and loads it into the core. */
void stage_load(struct stage *stage);
/* The same, where files of zones may be bad: these go on as they were. */
void stage_reload(struct stage *stage);

/* Time goes on to so many ms after the start; the engine's heartbeats on the way happen. */
void stage_at(struct stage *stage, int64_t ms);

/* An outcome for each target of a host (or at an address, or of all: "*") and a kind of check ("*":
 * any). Published by stage_publish(), or when time goes on. Returns how many targets there were. */
size_t stage_outcome(struct stage *stage, const char *host, const char *kind, enum reason reason);
void stage_publish(struct stage *stage);

/* Asks by TCP; the answer decoded, freed by ldns_pkt_free(). */
ldns_pkt *stage_ask(struct stage *stage, const char *name, uint16_t rrtype);

#endif
