/* SPDX-License-Identifier: BSD-2-Clause */
/* Zones made up from a seed, full of what name servers disagree on: wildcards, DNAMEs, chains and
 * loops, delegations, occluded names, empty non-terminals, odd octets, long names, large RRsets,
 * zones below zones. The same seed and number make the same zones, on every machine. One thread. */
#ifndef EVERMX_TESTS_WORLD_H
#define EVERMX_TESTS_WORLD_H

#include "base/arena.h"
#include "wire/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct world_record {
    const uint8_t *owner; /* wire format, in the case of the file */
    uint16_t rrtype;
    uint32_t ttl_s;
    const char *rdata; /* text */
    bool not_for_nsd;  /* see world_print_zone */
};

struct world_zone {
    const uint8_t *apex;
    struct world_record *records; /* the SOA first */
    size_t nrecords, capacity;
};

struct world {
    struct arena *arena;
    uint64_t seed, random;
    struct world_zone *zones;
    size_t nzones;
};

struct world *world_new(uint64_t seed, size_t nzones);
void world_free(struct world *world);

/* A zone as a master file, one absolute record a line. knotd and nsd refuse data below a DNAME: as
 * it must change no answer (RFC 6672 section 2.4), it can be left out for them. nsd refuses it even
 * where another zone has the data, so that for nsd such a DNAME is left out (see world_nsd_lacks).
 */
enum world_reader { WORLD_FOR_ALL, WORLD_FOR_KNOT, WORLD_FOR_NSD };
void world_print_zone(const struct world_zone *zone, enum world_reader reader, FILE *out);

/* Whether a name is or stands below one whose DNAME nsd was not told. */
bool world_nsd_lacks(const struct world *world, const uint8_t *name);

/* The zone that holds a name (the longest match); NULL: none of ours. */
const struct world_zone *world_zone_of(const struct world *world, const uint8_t *name);

/* The first record of that owner and type; type 0: of any type. NULL: none. */
const struct world_record *world_find(const struct world_zone *zone, const uint8_t *owner,
                                      uint16_t rrtype);

/* ---- making (features.c, questions.c) ---- */

unsigned world_below(struct world *world, unsigned limit); /* 0 .. limit - 1 */
bool world_chance(struct world *world, unsigned percent);

/* label.name; NULL where that is longer than a name may be. The label may hold any octets. */
const uint8_t *world_child(struct world *world, const void *label, size_t size,
                           const uint8_t *name);
/* An absolute name as text that every reader of master files understands. */
const char *world_text(struct world *world, const uint8_t *name);

/* Adds a record unless that would make the zone one that is not loaded by all: other data beside a
 * CNAME, a second DNAME, DNAME and NS at one name, either at a wildcard, a DS without NS, the same
 * record twice. An RRset has the TTL of its first record. */
bool world_add(struct world *world, struct world_zone *zone, const uint8_t *owner, uint16_t rrtype,
               uint32_t ttl_s, const char *rdata);

/* Fills a zone; apexes of all zones are known by then. */
void world_fill(struct world *world, struct world_zone *zone);

#endif
