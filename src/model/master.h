/* SPDX-License-Identifier: BSD-2-Clause */
/* Records of a zone as its master file and those it includes state them (RFC 1035 section 5, $TTL
 * by RFC 2308 section 4). What belongs together and what contradicts is zone.c's business. Belongs
 * to the thread that builds the model; one master reads many files, one after the other. */
#ifndef EVERMX_MODEL_MASTER_H
#define EVERMX_MODEL_MASTER_H

#include "base/arena.h"
#include "base/diagnostics.h"
#include "base/file.h"
#include "wire/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record {
    size_t owner; /* where its name begins in master.names */
    size_t data;  /* and its rdata in master.data */
    const char *file;
    int line;
    uint32_t ttl_s;
    uint16_t rrtype;
    uint16_t size;
};

struct master_file {
    const char *path;
    struct file_identity identity;
};

struct master {
    struct master_file *files; /* the zone's own, then those that are included */
    size_t nfiles, files_capacity;
    struct record *records;
    size_t nrecords, records_capacity;
    uint8_t *names; /* wire format, written case */
    size_t names_size, names_capacity;
    uint8_t *data;
    size_t data_size, data_capacity;
    uint8_t *rdata;                /* of the record in the making */
    uint8_t origin[NAME_MAX_SIZE]; /* the first that the file states; the root: none */
};

void master_init(struct master *master);
void master_free(struct master *master);

/* Reads the file in place of what the master held. File names go to the arena. origin:
 * what names are relative to until $ORIGIN; NULL: the name that the file's name speaks of, if any.
 * True when nothing was wrong; what could be read is there in either case. */
bool master_read(struct master *master, const char *file, const uint8_t *origin,
                 struct arena *arena, struct diagnostics *diagnostics);

static inline const uint8_t *master_owner(const struct master *master, const struct record *record)
{
    return master->names + record->owner;
}

static inline const uint8_t *master_data(const struct master *master, const struct record *record)
{
    return master->data + record->data;
}

/* The zone that a file's name speaks of: example.test.zone, db.example.test. False if none. */
bool master_name_from_file(const char *file, uint8_t name[NAME_MAX_SIZE]);

#endif
