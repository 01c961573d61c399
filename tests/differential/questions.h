/* SPDX-License-Identifier: BSD-2-Clause */
/* What is asked of a world: every owner and the names around it, types that are there and types
 * that are not. The same world, the same questions. */
#ifndef EVERMX_TESTS_QUESTIONS_H
#define EVERMX_TESTS_QUESTIONS_H

#include "differential/world.h"

struct question {
    const uint8_t *name; /* case as asked */
    uint16_t rrtype;
    uint16_t edns_size; /* 0: without EDNS */
    uint32_t zone;      /* whose contents gave rise to it */
};

struct questions {
    struct question *list;
    size_t count, capacity;
};

/* Adds those for one zone. Names live as long as the world. */
void questions_add_zone(struct questions *questions, struct world *world, size_t zone);
/* Adds those that belong to no zone: the root, others' names. */
void questions_add_others(struct questions *questions, struct world *world);
void questions_free(struct questions *questions);

enum { QUERY_MAX_SIZE = 12 + NAME_MAX_SIZE + 4 + 11 };
/* The octets of the query. Returns their number. */
size_t question_query(const struct question *question, uint16_t id, uint8_t query[QUERY_MAX_SIZE]);

#endif
