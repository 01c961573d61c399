/* SPDX-License-Identifier: BSD-2-Clause */
/* Names and rdata as people read them. Pure. */
#ifndef EVERMX_MODEL_TEXT_H
#define EVERMX_MODEL_TEXT_H

#include "base/arena.h"
#include "model/model.h"
#include "wire/name.h"

#include <stdint.h>

/* "mx1.example.test", "." */
const char *name_text(struct arena *arena, const uint8_t *name);

enum { ZONE_TEXT_SIZE = NAME_TEXT_SIZE + 512 };

/* A name that a zone holds, in full: "mx1.example.test", and "mx1.@customer.zone" where the zone is
 * a template. Returns text. */
char *zone_name_text(const struct zone *zone, const uint8_t *name, char text[ZONE_TEXT_SIZE]);
/* The same, where the name may be of any zone of the model. */
char *model_name_text(const struct model *model, const uint8_t *name, char text[ZONE_TEXT_SIZE]);

/* Presentation format (RFC 1035 section 5.1), names absolute: "10 mx1.example.test."; that of
 * RFC 3597 where the type is unknown or the octets do not fit it. */
const char *rdata_text(struct arena *arena, uint16_t rrtype, const struct rdata *record);

#endif
