/* SPDX-License-Identifier: BSD-2-Clause */
/* See respond.h. What is inlined or kept apart by force has been counted: left to gcc, a query
 * costs 3 % more instructions by its stages, 9 % more by respond(). */
#include "serve/respond.h"

#include "serve/edns.h"
#include "serve/message.h"
#include "wire/rrtype.h"

#include <string.h>

void responder_init(struct responder *responder, const struct settings *settings, uint64_t seed)
{
    memset(responder, 0, sizeof *responder);
    atomic_store(&responder->settings, settings ? settings : settings_plain());
    responder->random = seed;
}

/* ---- parse ---- */

static void settle(struct message *message, enum rcode rcode, enum explanation explanation)
{
    message->rcode = rcode;
    message->explanation = (uint8_t)explanation;
    message->settled = true;
}

/* Asking for a cookie alone (RFC 7873 section 5.4): anything else needs a question. */
static void settle_empty(struct message *message)
{
    settle(message,
           !(message->wanted & WANTED_COOKIE) ? RCODE_FORMERR
           : message->cookie == COOKIE_BAD    ? RCODE_BADCOOKIE
                                              : RCODE_NOERROR,
           EXPLAIN_NOTHING);
}

static __attribute__((noinline)) void settle_status(struct message *message,
                                                    enum query_status status)
{
    switch (status) {
    case QUERY_BADVERS:
        settle(message, RCODE_BADVERS, EXPLAIN_NOTHING);
        return;
    case QUERY_NOTIMP:
        settle(message, RCODE_NOTIMP, EXPLAIN_NO_OPCODE);
        return;
    case QUERY_EMPTY:
        settle_empty(message);
        return;
    default:
        settle(message, RCODE_FORMERR, EXPLAIN_NOTHING);
    }
}

/* The options of an unknown version mean we do not know what. */
static __attribute__((noinline)) enum query_status read_options(struct responder *responder,
                                                                struct message *message,
                                                                const uint8_t *bytes,
                                                                enum query_status status)
{
    const struct query *query = &message->query;
    if (status == QUERY_BADVERS)
        return status;
    bool good = edns_read(message, bytes + query->options, query->options_size, responder->now_s);
    counter_add(&responder->cookies[message->cookie], 1);
    return good || status == QUERY_NOTIMP ? status : QUERY_FORMERR;
}

static void count_query(struct responder *responder, const struct message *message,
                        enum query_status status)
{
    unsigned slot = message->query.rrtype;
    slot = slot < TYPE_SLOT_OTHER ? slot : TYPE_SLOT_OTHER;
    if (status != QUERY_GOOD)
        slot = TYPE_SLOT_NONE;
    counter_add(&responder->types[slot], 1);
}

static inline __attribute__((always_inline)) bool
parse(struct responder *responder, struct message *message, const struct dns_client *client,
      const uint8_t *bytes, size_t size, uint8_t *answer)
{
    const struct query *query = &message->query;
    enum query_status status = query_parse(bytes, size, &message->query);
    if (status == QUERY_SILENCE) {
        counter_add(&responder->dropped, 1);
        counter_add(&responder->types[TYPE_SLOT_NONE], 1);
        return false;
    }
    memcpy(answer, bytes, query->question_end);
    message->settings = atomic_load_explicit(&responder->settings, memory_order_acquire);
    message->client = client;
    message->random = &responder->random;
    message->answers = message->authorities = message->additionals = 0;
    message->chain_answers = 0;
    message->rcode = RCODE_NOERROR;
    message->authoritative = message->canary = message->settled = false;
    message->explanation = EXPLAIN_NOTHING;
    message->covered = 0;
    message->wanted = 0;
    message->cookie = COOKIE_NONE;
    message->writer = (struct writer){
        .start = answer,
        .at = answer + query->question_end,
        .end = answer + message_limit(message) - (query->udp_size ? OPT_SIZE : 0),
    };
    if (query->options_size)
        status = read_options(responder, message, bytes, status);
    count_query(responder, message, status);
    message->hash = name_index_hash(query->name, query->name_size);
    if (status == QUERY_GOOD)
        return true;
    settle_status(message, status);
    counter_add(&responder->malformed, message->rcode == RCODE_FORMERR);
    return true;
}

/* ---- find ---- */

/* Most queries ask for one RRset of a name that exists: one look-up and one copy. False: not this
 * time. */
static inline __attribute__((always_inline)) bool answer_directly(struct message *message)
{
    const struct snapshot *snapshot = message->snapshot;
    const struct query *query = &message->query;
    struct catalog_place place;
    if (!catalog_find(snapshot->catalog, message->hash, query->name, query->name_size, &place) ||
        place.node->flags & NODE_INDIRECT || query->rrtype == RRTYPE_DS)
        return false;
    const struct catalog_entry *entry = catalog_entry_of(place.node, query->rrtype);
    if (!entry)
        return false;
    const struct image *image = entry_image(snapshot, entry);
    if (image->servfail | image->fail_open | (image->splices != 0))
        return false;
    const struct image_variant *variant = image_pick(image, message->random);
    writer_bytes(&message->writer, image_bytes(image, variant), variant->size);
    message->answers = (uint16_t)variant->count;
    message->authoritative = true;
    return true;
}

/* Types that only stand in questions, or never in one, and are not served here (RFC 6895 section
 * 3.1). False: an ordinary one, or ANY. */
static bool refuse_type(struct message *message)
{
    uint16_t rrtype = message->query.rrtype;
    if (rrtype == RRTYPE_OPT || rrtype == RRTYPE_TSIG)
        settle(message, RCODE_FORMERR, EXPLAIN_NOTHING);
    else if (rrtype == RRTYPE_IXFR || rrtype == RRTYPE_AXFR)
        settle(message, RCODE_REFUSED, EXPLAIN_NO_TRANSFER);
    else if (rrtype == RRTYPE_TKEY || rrtype == RRTYPE_MAILB || rrtype == RRTYPE_MAILA)
        settle(message, RCODE_NOTIMP, EXPLAIN_NO_TYPE);
    return message->settled;
}

static void write_text(struct message *message, const char *text, size_t size)
{
    uint8_t *room = writer_take(&message->writer, 2 + RR_FIXED_SIZE + 1 + size);
    if (!room)
        return;
    room = write_u16(room, POINTER_BITS << 8 | QUESTION_OFFSET);
    room = write_u16(room, RRTYPE_TXT);
    room = write_u16(room, RRCLASS_CH);
    room = write_u32(room, 0);
    room = write_u16(room, (uint16_t)(1 + size));
    *room++ = (uint8_t)size;
    memcpy(room, text, size);
    message->answers = 1;
}

/* Names of class CHAOS: one TXT record, nothing else (RFC 4892). */
static void answer_chaos(struct message *message)
{
    static const struct {
        const char *name;
        bool identity; /* else the version */
    } known[] = {
        {"\7version\4bind", false},
        {"\7version\6server", false},
        {"\2id\6server", true},
        {"\10hostname\4bind", true},
    };
    static const char version[] = "evermx " EVERMX_VERSION;
    const struct query *query = &message->query;
    const struct settings *settings = message->settings;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!name_equal(query->name, (const uint8_t *)known[i].name))
            continue;
        if (known[i].identity ? !settings->identity_size : !settings->tells_version)
            break;
        message->authoritative = true;
        if (query->rrtype != RRTYPE_TXT && query->rrtype != RRTYPE_ANY)
            return;
        if (known[i].identity)
            write_text(message, settings->identity, settings->identity_size);
        else
            write_text(message, version, sizeof version - 1);
        return;
    }
    settle(message, RCODE_REFUSED, EXPLAIN_NOT_OURS);
}

/* All questions that one image does not answer. */
static __attribute__((noinline)) void find_more(struct message *message)
{
    if (refuse_type(message))
        return;
    if (message->query.rrclass == RRCLASS_CH)
        answer_chaos(message);
    else if (message->query.rrclass != RRCLASS_IN)
        settle(message, RCODE_REFUSED, EXPLAIN_NO_CLASS);
    else if (!message->snapshot)
        settle(message, RCODE_SERVFAIL, EXPLAIN_STARTING);
    else
        message_resolve(message);
}

static inline __attribute__((always_inline)) void find(struct message *message,
                                                       const struct snapshot *snapshot)
{
    if (message->settled)
        return;
    message->snapshot = snapshot;
    /* No zone holds a type that is not served: those are never found here. */
    if (message->query.rrclass != RRCLASS_IN || !snapshot || !answer_directly(message))
        find_more(message);
}

/* ---- build ---- */

static void empty(struct message *message)
{
    message->writer.at = message->writer.start + message->query.question_end;
    message->answers = message->authorities = message->additionals = 0;
}

/* Header and OPT around what message holds. Returns the size of it all. */
static inline __attribute__((always_inline)) size_t
finish(struct responder *responder, const struct message *message, unsigned flags_high)
{
    uint8_t *answer = message->writer.start, *at = message->writer.at;
    const struct query *query = &message->query;
    unsigned opt = query->udp_size != 0, asked = query->question_end > HEADER_SIZE;
    answer[HEADER_FLAGS_HIGH] =
        (uint8_t)(FLAG_HIGH_QR | flags_high | (unsigned)message->authoritative * FLAG_HIGH_AA |
                  (answer[HEADER_FLAGS_HIGH] & (FLAG_HIGH_OPCODE | FLAG_HIGH_RD)));
    answer[HEADER_FLAGS_LOW] =
        (uint8_t)((answer[HEADER_FLAGS_LOW] & FLAG_LOW_CD) | ((unsigned)message->rcode & 0x0F));
    write_u64(answer + HEADER_QDCOUNT, (uint64_t)asked << 48 | (uint64_t)message->answers << 32 |
                                           (uint32_t)message->authorities << 16 |
                                           (message->additionals + opt));
    counter_add(&responder->rcodes[message->rcode], 1);
    if (!opt)
        counter_add(&responder->plain, 1);
    else if (message->wanted | message->explanation)
        at = edns_write(message, at);
    else {
        memcpy(at, message->settings->opt, OPT_SIZE);
        at[5] = (uint8_t)(message->rcode >> 4);
        at[7] = (uint8_t)(query->edns_flags >> 8 & EDNS_FLAG_DO >> 8);
        at += OPT_SIZE;
    }
    return (size_t)(at - answer);
}

static __attribute__((noinline)) size_t finish_error(struct responder *responder,
                                                     struct message *message)
{
    empty(message);
    message->authoritative = false;
    return finish(responder, message, 0);
}

/* What does not fit is left out whole: a resolver asks again by TCP. There, nothing larger exists;
 * but what a chain leads to fits when it is asked for alone. */
static __attribute__((noinline)) size_t finish_overfull(struct responder *responder,
                                                        struct message *message)
{
    if (message->client->transport == TRANSPORT_TCP && message->chain_answers) {
        message->writer.at = message->writer.start + message->chain_end;
        message->answers = message->chain_answers;
        message->authorities = message->additionals = 0;
        message->rcode = RCODE_NOERROR;
        return finish(responder, message, 0);
    }
    if (message->client->transport == TRANSPORT_TCP) {
        settle(message, RCODE_SERVFAIL, EXPLAIN_TOO_LARGE);
        return finish_error(responder, message);
    }
    counter_add(&responder->truncated, 1);
    empty(message);
    return finish(responder, message, FLAG_HIGH_TC);
}

static inline __attribute__((always_inline)) size_t build(struct responder *responder,
                                                          struct message *message)
{
    if (message->writer.full)
        return finish_overfull(responder, message);
    if (message->rcode != RCODE_NOERROR && message->rcode != RCODE_NXDOMAIN &&
        message->rcode != RCODE_YXDOMAIN)
        return finish_error(responder, message);
    return finish(responder, message, 0);
}

size_t respond_slip(struct responder *responder, struct message *message)
{
    empty(message);
    message->explanation = EXPLAIN_NOTHING;
    message->wanted &= WANTED_COOKIE;
    message->authoritative = false;
    message->rcode = message->wanted ? RCODE_BADCOOKIE : RCODE_NOERROR;
    counter_add(&responder->truncated, !message->wanted);
    return finish(responder, message, message->wanted ? 0 : FLAG_HIGH_TC);
}

/* ---- the stages, one by one or all at once ---- */

bool respond_parse(struct responder *responder, struct message *message,
                   const struct dns_client *client, const uint8_t *query, size_t query_size,
                   uint8_t *answer)
{
    return parse(responder, message, client, query, query_size, answer);
}

void respond_find(struct message *message, const struct snapshot *snapshot)
{
    find(message, snapshot);
}

size_t respond_build(struct responder *responder, struct message *message)
{
    return build(responder, message);
}

size_t respond(struct responder *responder, const struct snapshot *snapshot,
               const struct dns_client *client, const uint8_t *query, size_t query_size,
               uint8_t *answer)
{
    struct message message;
    if (!parse(responder, &message, client, query, query_size, answer))
        return 0;
    find(&message, snapshot);
    return build(responder, &message);
}
