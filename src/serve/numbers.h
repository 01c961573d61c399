/* SPDX-License-Identifier: BSD-2-Clause */
/* What responders have counted, summed up and named as Prometheus names things. Any thread. */
#ifndef EVERMX_SERVE_NUMBERS_H
#define EVERMX_SERVE_NUMBERS_H

#include "serve/respond.h"

struct responder_numbers {
    uint64_t queries; /* packets of any kind */
    uint64_t answers;
    uint64_t edns; /* answers with EDNS: the queries had it */
    uint64_t truncated, malformed, dropped;
    uint64_t cookies[COOKIE_SLOTS];
    uint64_t types[TYPE_SLOTS];
    uint64_t rcodes[RCODES];
};

/* Adds a responder's counters to a sum that began as zeros. */
void numbers_add(struct responder_numbers *sum, const struct responder *responder);

/* One line of a metric: rows of the same family come one behind the other. */
struct number_row {
    const char *family;        /* "evermx_dns_queries_total" */
    const char *help;          /* one sentence */
    const char *label, *value; /* "type", "MX"; NULL: none */
    uint64_t count;
};

/* Calls `each` for every row: of types and rcodes those that have been seen, of the rest all. */
void numbers_walk(const struct responder_numbers *numbers,
                  void (*each)(void *context, const struct number_row *row), void *context);

/* "noerror", "badcookie"; NULL for a number without a name. */
const char *number_rcode_name(unsigned rcode);

#endif
