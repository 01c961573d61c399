/* SPDX-License-Identifier: BSD-2-Clause */
/* See rdata_sets.h. What is remembered gives way to what comes later and has the same place. */
#include "model/rdata_sets.h"

#include "base/memory.h"
#include "base/table.h"

#include <stdlib.h>
#include <string.h>

enum { PLACES = 1 << 14, RECORDS_MAX = 64 }; /* larger sets are seldom equal, and cost to compare */

struct kept {
    struct rdata *records;
    uint32_t count;
    uint16_t rrtype;
};

struct rdata_sets {
    struct kept places[PLACES];
};

struct rdata_sets *rdata_sets_new(void)
{
    return memory_alloc(sizeof(struct rdata_sets));
}

void rdata_sets_free(struct rdata_sets *sets)
{
    free(sets);
}

static struct kept *place_of(struct rdata_sets *sets, const struct rrset *rrset)
{
    uint64_t hash = rrset->rrtype;
    for (uint32_t i = 0; i < rrset->count; i++)
        hash = hash_bytes(rrset->records[i].bytes, rrset->records[i].size, hash);
    return &sets->places[hash % PLACES];
}

static bool is_equal(const struct kept *kept, const struct rrset *rrset)
{
    if (kept->records == NULL || kept->rrtype != rrset->rrtype || kept->count != rrset->count)
        return false;
    for (uint32_t i = 0; i < rrset->count; i++)
        if (kept->records[i].size != rrset->records[i].size ||
            memcmp(kept->records[i].bytes, rrset->records[i].bytes, rrset->records[i].size) != 0)
            return false;
    return true;
}

static struct rdata *copy(const struct rrset *rrset, struct arena *arena)
{
    struct rdata *records = ARENA_ARRAY(arena, struct rdata, rrset->count);
    for (uint32_t i = 0; i < rrset->count; i++) {
        const struct rdata *record = &rrset->records[i];
        records[i] = (struct rdata){record->size, arena_pack(arena, record->bytes, record->size)};
    }
    return records;
}

void rdata_sets_keep(struct rdata_sets *sets, struct rrset *rrset, struct arena *arena)
{
    struct kept *kept = rrset->count <= RECORDS_MAX ? place_of(sets, rrset) : NULL;
    if (kept != NULL && is_equal(kept, rrset)) {
        rrset->records = kept->records;
        return;
    }
    rrset->records = copy(rrset, arena);
    if (kept != NULL)
        *kept = (struct kept){rrset->records, rrset->count, rrset->rrtype};
}
