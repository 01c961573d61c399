/* SPDX-License-Identifier: BSD-2-Clause */
#include "serve/respond.h"

#include "serve/message.h"
#include "wire/rrtype.h"

#include <string.h>

void responder_init(struct responder *responder, const char *identity, uint64_t seed)
{
    memset(responder, 0, sizeof *responder);
    responder->identity = identity;
    responder->random = seed;
}

/* How large an answer may be, without the room for OPT. */
static size_t answer_room(const struct query *query, enum transport transport)
{
    if (transport == TRANSPORT_TCP)
        return MESSAGE_MAX_SIZE - (query->udp_size ? OPT_SIZE : 0);
    if (!query->udp_size)
        return UDP_CLASSIC_MAX;
    return (query->udp_size < UDP_ANSWER_MAX ? query->udp_size : UDP_ANSWER_MAX) - OPT_SIZE;
}

static uint8_t *write_opt(uint8_t *at, const struct query *query, enum rcode rcode)
{
    *at++ = 0;
    at = write_u16(at, RRTYPE_OPT);
    at = write_u16(at, UDP_ANSWER_MAX);
    *at++ = (uint8_t)(rcode >> 4);
    *at++ = 0; /* version */
    at = write_u16(at, query->edns_flags & EDNS_FLAG_DO);
    return write_u16(at, 0);
}

/* Header and OPT around what message holds. Returns the size of it all. */
static size_t finish(struct responder *responder, const uint8_t *query_bytes,
                     const struct message *message, uint8_t flags_high)
{
    uint8_t *answer = message->writer.start, *at = message->writer.at;
    const struct query *query = message->query;
    unsigned opt = query->udp_size != 0;
    memcpy(answer, query_bytes, 2);
    answer[HEADER_FLAGS_HIGH] =
        (uint8_t)(FLAG_HIGH_QR |
                  (query_bytes[HEADER_FLAGS_HIGH] & (FLAG_HIGH_OPCODE | FLAG_HIGH_RD)) |
                  flags_high | (message->authoritative ? FLAG_HIGH_AA : 0));
    answer[HEADER_FLAGS_LOW] = (uint8_t)((query_bytes[HEADER_FLAGS_LOW] & FLAG_LOW_CD) |
                                         ((unsigned)message->rcode & 0x0F));
    write_u16(answer + HEADER_QDCOUNT, query->question_end > HEADER_SIZE);
    write_u16(answer + HEADER_ANCOUNT, message->answers);
    write_u16(answer + HEADER_NSCOUNT, message->authorities);
    write_u16(answer + HEADER_ARCOUNT, (uint16_t)(message->additionals + opt));
    if (opt)
        at = write_opt(at, query, message->rcode);
    counter_add(&responder->answers, 1);
    counter_add(&responder->rcodes[message->rcode & 0x0F], 1);
    return (size_t)(at - answer);
}

static size_t finish_error(struct responder *responder, const uint8_t *query_bytes,
                           struct message *message, enum rcode rcode)
{
    message->writer.at = message->writer.start + message->query->question_end;
    message->answers = message->authorities = message->additionals = 0;
    message->authoritative = false;
    message->rcode = rcode;
    return finish(responder, query_bytes, message, 0);
}

/* What does not fit is left out whole: a resolver asks again by TCP. There, nothing larger exists.
 */
static size_t finish_overfull(struct responder *responder, const uint8_t *query_bytes,
                              struct message *message, enum transport transport)
{
    if (transport == TRANSPORT_TCP)
        return finish_error(responder, query_bytes, message, RCODE_SERVFAIL);
    counter_add(&responder->truncated, 1);
    message->writer.at = message->writer.start + message->query->question_end;
    message->answers = message->authorities = message->additionals = 0;
    return finish(responder, query_bytes, message, FLAG_HIGH_TC);
}

/* Most queries ask for one RRset of a name that exists: one look-up and one copy. False: not this
 * time. */
static bool answer_directly(struct message *message)
{
    const struct snapshot *snapshot = message->snapshot;
    const struct query *query = message->query;
    struct catalog_place place;
    if (!catalog_find(snapshot->catalog, query->name, query->name_size, &place) ||
        place.node->flags & NODE_INDIRECT || query->rrtype == RRTYPE_DS)
        return false;
    const struct catalog_entry *entry = catalog_entry_of(place.node, query->rrtype);
    if (!entry)
        return false;
    const struct image *image = entry_image(snapshot, entry);
    if (image->servfail || image->splices)
        return false;
    const struct image_variant *variant = image_pick(image, message->random);
    writer_bytes(&message->writer, image_bytes(image, variant), variant->size);
    message->answers = (uint16_t)variant->count;
    message->authoritative = true;
    return true;
}

/* Types that only stand in questions, and are not served here. */
static enum rcode refuse_type(uint16_t rrtype)
{
    if (rrtype == RRTYPE_OPT || (rrtype >= RRTYPE_TKEY && rrtype <= RRTYPE_TSIG))
        return RCODE_FORMERR;
    if (rrtype == RRTYPE_IXFR || rrtype == RRTYPE_AXFR)
        return RCODE_REFUSED;
    if (rrtype == RRTYPE_MAILB || rrtype == RRTYPE_MAILA)
        return RCODE_NOTIMP;
    return RCODE_NOERROR;
}

/* "version.bind" and "id.server", class CHAOS (RFC 4892): one TXT record, nothing else. */
static void answer_chaos(struct message *message, const char *identity)
{
    static const uint8_t version_bind[] = "\7version\4bind", id_server[] = "\2id\6server";
    const struct query *query = message->query;
    const char *text = NULL;
    if (name_equal(query->name, version_bind))
        text = "evermx " EVERMX_VERSION;
    else if (name_equal(query->name, id_server))
        text = identity;
    message->rcode = RCODE_REFUSED;
    if (!text)
        return;
    message->rcode = RCODE_NOERROR;
    message->authoritative = true;
    if (query->rrtype != RRTYPE_TXT && query->rrtype != RRTYPE_ANY)
        return;
    size_t length = strnlen(text, UINT8_MAX);
    uint8_t *room = writer_take(&message->writer, 2 + RR_FIXED_SIZE + 1 + length);
    if (!room)
        return;
    room = write_u16(room, POINTER_BITS << 8 | QUESTION_OFFSET);
    room = write_u16(room, RRTYPE_TXT);
    room = write_u16(room, RRCLASS_CH);
    room = write_u32(room, 0);
    room = write_u16(room, (uint16_t)(1 + length));
    *room++ = (uint8_t)length;
    memcpy(room, text, length);
    message->answers = 1;
}

static void answer_question(struct responder *responder, struct message *message)
{
    const struct query *query = message->query;
    message->rcode = refuse_type(query->rrtype);
    if (message->rcode != RCODE_NOERROR)
        return;
    if (query->rrclass == RRCLASS_CH)
        answer_chaos(message, responder->identity);
    else if (query->rrclass != RRCLASS_IN)
        message->rcode = RCODE_REFUSED;
    else if (!message->snapshot)
        message->rcode = RCODE_SERVFAIL;
    else if (!answer_directly(message))
        message_resolve(message);
}

static enum rcode status_rcode(enum query_status status)
{
    return status == QUERY_BADVERS  ? RCODE_BADVERS
           : status == QUERY_NOTIMP ? RCODE_NOTIMP
                                    : RCODE_FORMERR;
}

size_t respond(struct responder *responder, const struct snapshot *snapshot,
               enum transport transport, const uint8_t *query_bytes, size_t query_size,
               uint8_t *answer)
{
    struct query query;
    enum query_status status = query_parse(query_bytes, query_size, &query);
    counter_add(&responder->queries, 1);
    if (status == QUERY_SILENCE) {
        counter_add(&responder->dropped, 1);
        return 0;
    }
    memcpy(answer, query_bytes, query.question_end);
    struct message message = {
        .snapshot = snapshot,
        .query = &query,
        .random = &responder->random,
        .writer = {.start = answer,
                   .at = answer + query.question_end,
                   .end = answer + answer_room(&query, transport)},
    };
    if (status != QUERY_GOOD)
        return finish_error(responder, query_bytes, &message, status_rcode(status));
    answer_question(responder, &message);
    if (message.writer.full)
        return finish_overfull(responder, query_bytes, &message, transport);
    if (message.rcode != RCODE_NOERROR && message.rcode != RCODE_NXDOMAIN &&
        message.rcode != RCODE_YXDOMAIN)
        return finish_error(responder, query_bytes, &message, message.rcode);
    return finish(responder, query_bytes, &message, 0);
}
