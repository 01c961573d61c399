/* SPDX-License-Identifier: BSD-2-Clause */
/* Zones given as text, published as they stand (no health), and questions put to respond(). For
 * tests. */
#ifndef EVERMX_TESTS_FIXTURE_H
#define EVERMX_TESTS_FIXTURE_H

#include "answer/snapshot.h"
#include "model/model.h"
#include "serve/respond.h"
#include "support/place.h"

#include <ldns/ldns.h>
#include <stdbool.h>

struct fixture {
    char folder[FOLDER_SIZE];
    struct config *config;
    struct model *model;
    struct publisher *publisher;
    struct settings settings; /* identity "here", a secret for cookies */
    struct responder responder;
};

/* The text of each zone becomes a file of its own; the list ends with NULL. A zone that cannot be
 * read fails the test, unless lenient is true: then it is a failed zone. */
void fixture_init(struct fixture *fixture, bool lenient, const char *const *zones);
void fixture_free(struct fixture *fixture);

/* Images of all pools with everything up. The caller frees the array, not the images. */
struct image **fixture_images(const struct model *model);

/* A client at 198.51.100.100, that of RFC 9018's examples. */
const struct dns_client *test_client(enum transport transport);

/* A query's octets; edns_size 0: without EDNS. Returns the size. */
size_t make_query(uint8_t *query, const char *name, uint16_t rrtype, uint16_t edns_size);

/* Asks, returns the answer decoded (freed by ldns_pkt_free). NULL: silence. */
ldns_pkt *fixture_ask(struct fixture *fixture, enum transport transport, const char *name,
                      uint16_t rrtype, uint16_t edns_size);

/* "NOERROR aa tc | answer | authority | additional", records as "owner TTL TYPE rdata" joined by ";
 * " and sorted, without OPT. Freed by free(). */
char *packet_text(const ldns_pkt *packet);

#endif
