/* SPDX-License-Identifier: BSD-2-Clause */
/* The long way to an answer: whatever is not one RRset of an existing name. */
#include "serve/message.h"
#include "wire/rrtype.h"

#include <string.h>

/* CNAMEs and DNAMEs followed in one answer. A longer chain is a loop or a mistake: the resolver
 * gets what there is and may ask on. */
enum { CHAIN_MAX = 16 };

/* ANY is answered by one HINFO (RFC 8482 section 4.2), which caches may keep for an hour. */
enum { ANY_TTL_S = 3600 };

/* Where the search stands: the name asked for now, lower case, and where it is written in the
 * message. */
struct walk {
    struct message *message;
    const struct catalog *catalog;
    uint16_t rrtype;
    size_t name_size;
    size_t offset; /* of the name in the message, uncompressed */
    uint8_t name[NAME_MAX_SIZE];
    bool ended; /* in a loop */
    unsigned nvisited;
    uint16_t visited[CHAIN_MAX + 1]; /* offsets of the names walked before */
};

static void fail(struct walk *walk, enum rcode rcode)
{
    walk->message->rcode = rcode;
}

/* The owner of a record: the last `size` octets of the name asked for now, as a pointer where it
 * reaches. */
static void write_owner(struct walk *walk, size_t size)
{
    struct writer *writer = &walk->message->writer;
    size_t offset = walk->offset + walk->name_size - size;
    if (offset > POINTER_REACH) {
        writer_bytes(writer, writer->start + offset, size);
        return;
    }
    uint8_t *room = writer_take(writer, 2);
    if (room)
        write_u16(room, (uint16_t)(POINTER_BITS << 8 | offset));
}

/* Copies the records of a variant, each with the given owner in place of the image's. */
static uint16_t write_variant(struct walk *walk, const struct image *image, size_t owner_size)
{
    const struct image_variant *variant = image_pick(image, walk->message->random);
    const uint8_t *at = image_bytes(image, variant);
    for (uint32_t i = 0; i < variant->count && !walk->message->writer.full; i++) {
        size_t rest = RR_FIXED_SIZE + (size_t)read_u16(at + 2 + 8);
        write_owner(walk, owner_size);
        writer_bytes(&walk->message->writer, at + 2, rest);
        at += 2 + rest;
    }
    return (uint16_t)variant->count;
}

/* NODATA and NXDOMAIN carry the zone's SOA (RFC 2308 section 3). */
static void write_negative(struct walk *walk, uint32_t zone, enum rcode rcode)
{
    const struct catalog_zone *of = &walk->catalog->zones[zone];
    fail(walk, rcode);
    walk->message->authorities +=
        write_variant(walk, catalog_image_at(walk->catalog, of->soa), of->apex_size);
}

static void write_referral(struct walk *walk, const struct catalog_node *cut)
{
    struct message *message = walk->message;
    const struct catalog_entry *servers = catalog_entry_of(cut, RRTYPE_NS);
    if (!message->answers)
        message->authoritative = false;
    if (!servers)
        return;
    message->authorities +=
        write_variant(walk, entry_image(message->snapshot, servers), cut->name_size);
    if (!cut->glue)
        return;
    const struct image *glue = catalog_image_at(walk->catalog, cut->glue);
    writer_bytes(&message->writer, image_bytes(glue, glue->variants), glue->variants[0].size);
    message->additionals += (uint16_t)glue->variants[0].count;
}

/* Goes on with a name that stands in the message at an offset, unless it was walked before. */
static void walk_to(struct walk *walk, size_t offset)
{
    const uint8_t *start = walk->message->writer.start, *name = start + offset;
    walk->visited[walk->nvisited++] = (uint16_t)walk->offset;
    for (unsigned i = 0; i < walk->nvisited; i++)
        walk->ended |= name_equal(start + walk->visited[i], name);
    walk->ended |= walk->nvisited > CHAIN_MAX;
    walk->name_size = name_lower(name, walk->name);
    walk->offset = offset;
}

/* A CNAME's one record: the walk goes on at its target. */
static void follow_cname(struct walk *walk, const struct image *image)
{
    struct message *message = walk->message;
    message->answers += write_variant(walk, image, walk->name_size);
    if (message->writer.full)
        return;
    uint16_t rdata_size = read_u16(image_bytes(image, image->variants) + 2 + 8);
    walk_to(walk, writer_offset(&message->writer) - rdata_size);
}

/* RFC 6672 section 3.2: the DNAME itself, and a CNAME made from it with the DNAME's TTL. */
static void follow_dname(struct walk *walk, const struct catalog_node *owner)
{
    struct message *message = walk->message;
    const struct image *image =
        entry_image(message->snapshot, catalog_entry_of(owner, RRTYPE_DNAME));
    message->answers += write_variant(walk, image, owner->name_size);
    const uint8_t *record = image_bytes(image, image->variants);
    const uint8_t *target = record + 2 + RR_FIXED_SIZE;
    size_t target_size = read_u16(record + 2 + 8);
    size_t prefix_size = walk->name_size - owner->name_size, size = prefix_size + target_size;
    if (size > NAME_MAX_SIZE) {
        fail(walk, RCODE_YXDOMAIN);
        return;
    }
    write_owner(walk, walk->name_size);
    uint8_t *room = writer_take(&message->writer, RR_FIXED_SIZE + size);
    if (!room)
        return;
    room = write_u16(room, RRTYPE_CNAME);
    room = write_u16(room, RRCLASS_IN);
    memcpy(room, record + 2 + 4, 4);
    room = write_u16(room + 4, (uint16_t)size);
    memcpy(room, message->writer.start + walk->offset, prefix_size);
    memcpy(room + prefix_size, target, target_size);
    message->answers++;
    walk_to(walk, (size_t)(room - message->writer.start));
}

static void write_any(struct walk *walk)
{
    static const uint8_t rdata[] = {7, 'R', 'F', 'C', '8', '4', '8', '2', 0};
    write_owner(walk, walk->name_size);
    uint8_t *room = writer_take(&walk->message->writer, RR_FIXED_SIZE + sizeof rdata);
    if (!room)
        return;
    room = write_u16(room, RRTYPE_HINFO);
    room = write_u16(room, RRCLASS_IN);
    room = write_u32(room, ANY_TTL_S);
    memcpy(write_u16(room, sizeof rdata), rdata, sizeof rdata);
    walk->message->answers++;
}

/* A node that answers for the name itself, or the wildcard that covers it. Returns whether the walk
 * goes on, at the target of a CNAME. */
static bool answer_from(struct walk *walk, const struct catalog_node *node)
{
    struct message *message = walk->message;
    const struct catalog_entry *entry = catalog_entry_of(node, walk->rrtype);
    if (entry) {
        const struct image *image = entry_image(message->snapshot, entry);
        if (image->servfail)
            fail(walk, RCODE_SERVFAIL);
        else
            message->answers += write_variant(walk, image, walk->name_size);
        return false;
    }
    entry = catalog_entry_of(node, RRTYPE_CNAME);
    if (entry) {
        follow_cname(walk, entry_image(message->snapshot, entry));
        return walk->rrtype != RRTYPE_ANY;
    }
    if (walk->rrtype == RRTYPE_ANY && node->nentries)
        write_any(walk);
    else
        write_negative(walk, node->zone, RCODE_NOERROR);
    return false;
}

/* The closest encloser (RFC 4592 section 3.3.1) of a name that does not exist; NULL: not in our
 * zones. */
static const struct catalog_node *find_encloser(const struct walk *walk)
{
    const uint8_t *name = walk->name;
    size_t size = walk->name_size;
    while (size > 1) {
        size -= (size_t)*name + 1;
        name += (size_t)*name + 1;
        const struct catalog_node *node = catalog_find(walk->catalog, name, size);
        if (node)
            return node;
    }
    return NULL;
}

/* A name that exists. Returns whether the walk goes on. */
static bool step_existing(struct walk *walk, const struct catalog_node *node)
{
    if (walk->rrtype == RRTYPE_DS) {
        if (node->parent_side)
            node = catalog_node_at(walk->catalog, node->parent_side);
        if (node->flags & NODE_CUT)
            return answer_from(walk, node);
    }
    if (node->flags & NODE_FAILED)
        fail(walk, RCODE_SERVFAIL);
    else if (node->cut)
        write_referral(walk, catalog_node_at(walk->catalog, node->cut));
    else if (node->dname)
        follow_dname(walk, catalog_node_at(walk->catalog, node->dname));
    else
        return answer_from(walk, node);
    return node->dname && walk->rrtype != RRTYPE_CNAME && walk->rrtype != RRTYPE_ANY;
}

/* A name that does not exist, below one that does. Returns whether the walk goes on. */
static bool step_missing(struct walk *walk, const struct catalog_node *encloser)
{
    if (encloser->flags & NODE_FAILED) {
        fail(walk, RCODE_SERVFAIL);
    } else if (encloser->cut) {
        write_referral(walk, catalog_node_at(walk->catalog, encloser->cut));
    } else if (encloser->dname || encloser->flags & NODE_DNAME) {
        follow_dname(walk,
                     encloser->dname ? catalog_node_at(walk->catalog, encloser->dname) : encloser);
        return walk->rrtype != RRTYPE_CNAME && walk->rrtype != RRTYPE_ANY;
    } else if (encloser->wildcard) {
        if (walk->offset == QUESTION_OFFSET)
            walk->message->covered =
                (uint16_t)(QUESTION_OFFSET + walk->name_size - encloser->name_size);
        return answer_from(walk, catalog_node_at(walk->catalog, encloser->wildcard));
    } else {
        write_negative(walk, encloser->zone, RCODE_NXDOMAIN);
    }
    return false;
}

/* One name. Returns whether the walk goes on at another. */
static bool step(struct walk *walk)
{
    const struct catalog_node *node = catalog_find(walk->catalog, walk->name, walk->name_size);
    if (node)
        return step_existing(walk, node);
    const struct catalog_node *encloser = find_encloser(walk);
    if (encloser)
        return step_missing(walk, encloser);
    if (!walk->message->answers) { /* the end of a chain may well be elsewhere */
        walk->message->authoritative = false;
        fail(walk, RCODE_REFUSED);
    }
    return false;
}

void message_resolve(struct message *message)
{
    const struct query *query = message->query;
    struct walk walk = {
        .message = message,
        .catalog = message->snapshot->catalog,
        .rrtype = query->rrtype,
        .name_size = query->name_size,
        .offset = QUESTION_OFFSET,
    };
    memcpy(walk.name, query->name, query->name_size);
    message->authoritative = true;
    while (step(&walk) && !walk.ended && !message->writer.full && message->rcode == RCODE_NOERROR)
        ;
}
