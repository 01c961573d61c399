/* SPDX-License-Identifier: BSD-2-Clause */
/* A query and its answer in the making, on their way through the three stages of respond.h: the
 * short way (respond.c), the long way (resolve.c) and EDNS (edns.c). Private to this layer. */
#ifndef EVERMX_SERVE_MESSAGE_H
#define EVERMX_SERVE_MESSAGE_H

#include "answer/snapshot.h"
#include "serve/cookie.h"
#include "serve/respond.h"
#include "wire/message.h"
#include "wire/query.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bits of message->wanted: EDNS options that the answer is to carry. */
enum message_option {
    WANTED_NSID = 1,
    WANTED_COOKIE = 2,
    WANTED_KEEPALIVE = 4,
    WANTED_PADDING = 8,
};

/* Why an answer is not what the client hoped for, told to clients with EDNS (RFC 8914). */
enum explanation {
    EXPLAIN_NOTHING,
    EXPLAIN_STARTING,
    EXPLAIN_BAD_ZONE,
    EXPLAIN_ALL_DOWN,
    EXPLAIN_FAIL_OPEN,
    EXPLAIN_CANARY,
    EXPLAIN_TOO_LARGE,
    EXPLAIN_NOT_OURS,
    EXPLAIN_NO_TRANSFER,
    EXPLAIN_NO_TYPE,
    EXPLAIN_NO_CLASS,
    EXPLAIN_NO_OPCODE,
    EXPLANATIONS
};

struct message {
    const struct snapshot *snapshot;
    const struct settings *settings;
    const struct dns_client *client;
    uint64_t *random;
    struct writer writer; /* behind header and question; its end leaves room for OPT */
    uint16_t answers, authorities, additionals;
    uint16_t rcode;         /* enum rcode */
    uint32_t hash;          /* of the question's name */
    uint16_t chain_answers; /* the CNAMEs and DNAMEs followed so far, */
    size_t chain_end;       /* and the offset behind them */
    bool authoritative;
    bool canary;         /* the question is for a name of canary.h */
    uint16_t covered;    /* offset of the name whose wildcard answers the question; 0: none does */
    bool settled;        /* by parsing alone: there is nothing to look up */
    uint8_t explanation; /* enum explanation */
    uint8_t wanted;      /* enum message_option */
    uint8_t cookie;      /* enum cookie_status */
    uint8_t cookie_answer[COOKIE_SIZE];
    struct query query;
};

/* How large the whole answer may be. */
static inline size_t message_limit(const struct message *message)
{
    if (message->client->transport == TRANSPORT_TCP)
        return MESSAGE_MAX_SIZE;
    size_t taken = message->query.udp_size ? message->query.udp_size : UDP_CLASSIC_MAX;
    return taken < message->settings->udp_size ? taken : message->settings->udp_size;
}

/* One of the image's variants, at random where there are several. */
static inline const struct image_variant *image_pick(const struct image *image, uint64_t *random)
{
    if (image->nvariants == 1)
        return image->variants;
    /* A linear congruential generator (Knuth's MMIX): its upper half is random enough to spread
     * load. */
    *random = *random * 6364136223846793005ull + 1442695040888963407ull;
    return &image->variants[(*random >> 32) * image->nvariants >> 32];
}

static inline const struct image *entry_image(const struct snapshot *snapshot,
                                              const struct catalog_entry *entry)
{
    const struct catalog *catalog = snapshot->catalog;
    return entry->steered ? snapshot->images[catalog->pools[entry->ref]]
                          : catalog_image_at(catalog, entry->ref);
}

/* Fills the sections for a question of class IN in full: RFC 1034 section 4.3.2 with RFC 4592 and
 * RFC 6672. What does not fit shows in writer.full. */
void message_resolve(struct message *message);

#endif
