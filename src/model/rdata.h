/* SPDX-License-Identifier: BSD-2-Clause */
/* The data of one record: from its text in a master file to wire format, by ldns's tables of types.
 * Names, integers and RFC 3597's form are read by code of ours: ldns folds 70000 to 16 bits and
 * knows texts up to 64 KiB only. Belongs to the thread that builds the model. */
#ifndef EVERMX_MODEL_RDATA_H
#define EVERMX_MODEL_RDATA_H

#include "base/error.h"
#include "model/source.h"
#include "wire/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RDATA_MAX_SIZE = 65535 };

/* Reads text, the part of an entry behind the type, which it cuts up. origin NULL: relative names
 * are errors. Returns the size of what stands in bytes, or -1 and *error. */
int rdata_from_text(uint16_t rrtype, char *text, const uint8_t *origin,
                    uint8_t bytes[RDATA_MAX_SIZE], struct error *error);

/* "3600", "1h30m" (a habit of BIND's, as everywhere). False: no period, or above UINT32_MAX. */
bool period_from_text(const char *text, uint32_t *seconds);

/* The name that a token means: "@", relative or absolute. Returns its size, or 0 and *error. */
size_t master_name_from_text(const struct token *token, const uint8_t *origin,
                             uint8_t name[NAME_MAX_SIZE], struct error *error);

/* Where names stand in a record's data, by ldns's descriptions of all types. Returns how many there
 * are; the offsets of the first RDATA_NAMES_MAX are filled in. */
enum { RDATA_NAMES_MAX = 4 };
struct rdata;
unsigned rdata_names(uint16_t rrtype, const struct rdata *record,
                     uint16_t offsets[RDATA_NAMES_MAX]);

/* The name in the rdata of types that point somewhere (NS, CNAME, DNAME, MX, SRV). */
const uint8_t *rdata_target(uint16_t rrtype, const uint8_t *bytes);

uint16_t rdata_srv_weight(const uint8_t *bytes);
uint16_t rdata_srv_port(const uint8_t *bytes);

#endif
