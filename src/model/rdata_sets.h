/* SPDX-License-Identifier: BSD-2-Clause */
/* Equal records of different RRsets stand in memory once, as far as they come along while others
 * are remembered: the NS and MX of 20,000 zones are mostly the same. That the records are the same
 * pointer then says what comparing them would. Belongs to the thread that builds the model. */
#ifndef EVERMX_MODEL_RDATA_SETS_H
#define EVERMX_MODEL_RDATA_SETS_H

#include "base/arena.h"
#include "model/model.h"

struct rdata_sets;

struct rdata_sets *rdata_sets_new(void);
void rdata_sets_free(struct rdata_sets *sets);

/* Gives the RRset records that stay: equal ones of the same type that were kept before, or copies
 * in the arena. All that is kept must stay as long as the sets. */
void rdata_sets_keep(struct rdata_sets *sets, struct rrset *rrset, struct arena *arena);

#endif
