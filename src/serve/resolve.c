/* SPDX-License-Identifier: BSD-2-Clause */
/* The long way to an answer: whatever is not one RRset of an existing name. */
#include "serve/canary.h"
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
    size_t extra;  /* octets that names of the nodes in hand lack: see struct catalog_place */
    size_t rdata;  /* offset in the message of the record written last */
    uint8_t name[NAME_MAX_SIZE];
    bool ended; /* in a loop */
    unsigned nvisited;
    uint16_t visited[CHAIN_MAX + 1]; /* offsets of the names walked before */
};

static void fail(struct walk *walk, enum rcode rcode)
{
    walk->message->rcode = rcode;
}

static void explain(struct walk *walk, enum rcode rcode, enum explanation explanation)
{
    fail(walk, rcode);
    walk->message->explanation = (uint8_t)explanation;
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

/* The splices of an image from an offset on. */
struct splices {
    const uint32_t *at, *end;
};

static struct splices splices_from(const struct image *image, size_t offset)
{
    const struct image_splices *all = image_splices(image);
    struct splices splices = {0};
    if (!all)
        return splices;
    splices.at = all->offsets;
    splices.end = all->offsets + all->count;
    size_t count = all->count;
    while (count) { /* the first that is not before the offset */
        size_t half = count / 2;
        if (splices.at[half] < offset) {
            splices.at += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return splices;
}

/* Copies octets of an image, with the domain's name in place of the template's marker. */
static void write_spliced(struct walk *walk, const struct image *image, struct splices *splices,
                          size_t from, size_t to)
{
    const uint8_t *bytes = (const uint8_t *)image;
    const uint8_t *domain = walk->name + walk->name_size - walk->extra - 1;
    for (; splices->at < splices->end && *splices->at < to; splices->at++) {
        writer_bytes(&walk->message->writer, bytes + from, *splices->at - from);
        writer_bytes(&walk->message->writer, domain, walk->extra + 1);
        from = *splices->at + IMAGE_SPLICE_SIZE;
    }
    writer_bytes(&walk->message->writer, bytes + from, to - from);
}

/* What stands behind the owner of a record: from an offset of the image on. */
static void write_rest(struct walk *walk, const struct image *image, struct splices *splices,
                       size_t from, size_t to)
{
    struct writer *writer = &walk->message->writer;
    uint8_t *fixed = writer_take(writer, RR_FIXED_SIZE);
    if (!fixed)
        return;
    memcpy(fixed, (const uint8_t *)image + from, RR_FIXED_SIZE);
    walk->rdata = writer_offset(writer);
    write_spliced(walk, image, splices, from + RR_FIXED_SIZE, to);
    if (image->splices)
        write_u16(fixed + 8, (uint16_t)(writer_offset(writer) - walk->rdata));
}

/* Copies the records of a variant, each with the given owner in place of the image's. */
static uint16_t write_variant(struct walk *walk, const struct image *image, size_t owner_size)
{
    const struct image_variant *variant = image_pick(image, walk->message->random);
    const uint8_t *bytes = (const uint8_t *)image;
    size_t at = variant->offset;
    struct splices splices = splices_from(image, at);
    for (uint32_t i = 0; i < variant->count && !walk->message->writer.full; i++) {
        size_t rest = at + 2, end = rest + RR_FIXED_SIZE + read_u16(bytes + rest + 8);
        write_owner(walk, owner_size);
        write_rest(walk, image, &splices, rest, end);
        at = end;
    }
    return (uint16_t)variant->count;
}

/* NODATA and NXDOMAIN carry the zone's SOA (RFC 2308 section 3). */
static void write_negative(struct walk *walk, catalog_ref zone, enum rcode rcode)
{
    const struct catalog_zone *of = catalog_zone_at(walk->catalog, zone);
    fail(walk, rcode);
    walk->message->authorities +=
        write_variant(walk, catalog_image_at(walk->catalog, of->soa), of->apex_size + walk->extra);
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
        write_variant(walk, entry_image(message->snapshot, servers), cut->name_size + walk->extra);
    if (!cut->glue)
        return;
    const struct image *glue = catalog_image_at(walk->catalog, cut->glue);
    const struct image_variant *variant = glue->variants;
    struct splices splices = splices_from(glue, variant->offset);
    write_spliced(walk, glue, &splices, variant->offset, variant->offset + variant->size);
    message->additionals += (uint16_t)variant->count;
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
    walk->message->chain_answers = walk->message->answers;
    walk->message->chain_end = writer_offset(&walk->message->writer);
}

/* A CNAME's one record: the walk goes on at its target. */
static void follow_cname(struct walk *walk, const struct image *image)
{
    walk->message->answers += write_variant(walk, image, walk->name_size);
    if (!walk->message->writer.full)
        walk_to(walk, walk->rdata);
}

/* RFC 6672 section 3.2: the DNAME itself, and a CNAME made from it with the DNAME's TTL. */
static void follow_dname(struct walk *walk, const struct catalog_node *owner)
{
    struct message *message = walk->message;
    struct writer *writer = &message->writer;
    const struct image *image =
        entry_image(message->snapshot, catalog_entry_of(owner, RRTYPE_DNAME));
    size_t owner_size = owner->name_size + walk->extra;
    message->answers += write_variant(walk, image, owner_size);
    if (writer->full)
        return;
    const uint8_t *target = writer->start + walk->rdata;
    size_t target_size = writer_offset(writer) - walk->rdata;
    size_t prefix_size = walk->name_size - owner_size, size = prefix_size + target_size;
    if (size > NAME_MAX_SIZE) {
        fail(walk, RCODE_YXDOMAIN);
        return;
    }
    write_owner(walk, walk->name_size);
    uint8_t *room = writer_take(writer, RR_FIXED_SIZE + size);
    if (!room)
        return;
    room = write_u16(room, RRTYPE_CNAME);
    room = write_u16(room, RRCLASS_IN);
    memcpy(room, target - 6, 4);
    room = write_u16(room + 4, (uint16_t)size);
    memcpy(room, writer->start + walk->offset, prefix_size);
    memcpy(room + prefix_size, target, target_size);
    message->answers++;
    walk_to(walk, (size_t)(room - writer->start));
}

/* A record that no zone holds, of the name asked for now. */
static void write_made(struct walk *walk, uint16_t rrtype, uint32_t ttl_s, const uint8_t *rdata,
                       size_t size)
{
    write_owner(walk, walk->name_size);
    uint8_t *room = writer_take(&walk->message->writer, RR_FIXED_SIZE + size);
    if (!room)
        return;
    room = write_u16(room, rrtype);
    room = write_u16(room, RRCLASS_IN);
    room = write_u32(room, ttl_s);
    memcpy(write_u16(room, (uint16_t)size), rdata, size);
    walk->message->answers++;
}

static void write_any(struct walk *walk)
{
    static const uint8_t rdata[] = {7, 'R', 'F', 'C', '8', '4', '8', '2', 0};
    write_made(walk, RRTYPE_HINFO, ANY_TTL_S, rdata, sizeof rdata);
}

/* A node that answers for the name itself, or the wildcard that covers it. Returns whether the walk
 * goes on, at the target of a CNAME. */
static bool answer_from(struct walk *walk, const struct catalog_node *node)
{
    struct message *message = walk->message;
    const struct catalog_entry *entry = catalog_entry_of(node, walk->rrtype);
    if (entry) {
        const struct image *image = entry_image(message->snapshot, entry);
        if (image->fail_open)
            message->explanation = EXPLAIN_FAIL_OPEN;
        if (image->servfail)
            explain(walk, RCODE_SERVFAIL, EXPLAIN_ALL_DOWN);
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

/* A name that exists. Returns whether the walk goes on. */
static bool step_existing(struct walk *walk, const struct catalog_node *node)
{
    if (node->flags & NODE_FAILED)
        explain(walk, RCODE_SERVFAIL, EXPLAIN_BAD_ZONE);
    else if (walk->rrtype == RRTYPE_DS && node->flags & NODE_CUT)
        return answer_from(walk, node);
    else if (node->cut)
        write_referral(walk, catalog_node_at(walk->catalog, node->cut));
    else if (node->dname)
        follow_dname(walk, catalog_node_at(walk->catalog, node->dname));
    else
        return answer_from(walk, node);
    return node->dname && walk->rrtype != RRTYPE_CNAME && walk->rrtype != RRTYPE_ANY;
}

static void answer_canary(struct walk *walk, const struct canary_terms *terms, catalog_ref zone)
{
    const struct message *message = walk->message;
    struct canary_state *state = message->settings->canary;
    int64_t now_ms = state->now_ms();
    uint8_t rdata[CANARY_RDATA_MAX];
    size_t size = 0;
    uint64_t serial = atomic_fetch_add_explicit(&state->answers, 1, memory_order_relaxed) + 1;
    if (canary_fails(terms, now_ms))
        explain(walk, RCODE_SERVFAIL, EXPLAIN_CANARY);
    else if (walk->rrtype == RRTYPE_ANY)
        write_any(walk);
    else if (walk->rrtype == RRTYPE_TXT)
        size = canary_write_txt(terms, now_ms, serial, message->client, rdata);
    else if (walk->rrtype == RRTYPE_A)
        size = canary_write_a(terms, now_ms, rdata);
    else
        write_negative(walk, zone, RCODE_NOERROR);
    if (size)
        write_made(walk, walk->rrtype, terms->ttl_s, rdata, size);
}

/* Canary names, where they are on, stand right below an apex, and only where the zone itself has no
 * _canary there: that would be the closest encloser. They go before a wildcard, as names do that
 * exist. False: it is none. */
static inline bool step_canary(struct walk *walk, const struct catalog_node *encloser)
{
    struct message *message = walk->message;
    size_t below = walk->name_size - encloser->name_size - walk->extra;
    struct canary_terms terms;
    if (!message->settings->canary || !(encloser->flags & NODE_APEX) ||
        !canary_may_be(walk->name, below))
        return false;
    enum canary_kind kind = canary_read(walk->name, below, &terms);
    if (kind == CANARY_NONE)
        return false;
    message->canary = walk->offset == QUESTION_OFFSET; /* else it is for what led here */
    if (kind == CANARY_NAME)
        answer_canary(walk, &terms, encloser->zone);
    else
        write_negative(walk, encloser->zone, kind == CANARY_WRONG ? RCODE_NXDOMAIN : RCODE_NOERROR);
    return true;
}

/* A name that does not exist, below one that does. `known`: it is the apex of a zone of ours, and
 * so exists even where the zone above does not say so. Returns whether the walk goes on. */
static bool step_missing(struct walk *walk, const struct catalog_node *encloser, bool known)
{
    if (encloser->flags & NODE_FAILED) {
        explain(walk, RCODE_SERVFAIL, EXPLAIN_BAD_ZONE);
    } else if (encloser->cut) {
        write_referral(walk, catalog_node_at(walk->catalog, encloser->cut));
    } else if (encloser->dname || encloser->flags & NODE_DNAME) {
        follow_dname(walk,
                     encloser->dname ? catalog_node_at(walk->catalog, encloser->dname) : encloser);
        return walk->rrtype != RRTYPE_CNAME && walk->rrtype != RRTYPE_ANY;
    } else if (known) {
        write_negative(walk, encloser->zone, RCODE_NOERROR);
    } else if (step_canary(walk, encloser)) {
        return false;
    } else if (encloser->wildcard) {
        if (walk->offset == QUESTION_OFFSET)
            walk->message->covered =
                (uint16_t)(QUESTION_OFFSET + walk->name_size - encloser->name_size - walk->extra);
        return answer_from(walk, catalog_node_at(walk->catalog, encloser->wildcard));
    } else {
        write_negative(walk, encloser->zone, RCODE_NXDOMAIN);
    }
    return false;
}

/* One name. Returns whether the walk goes on at another. */
static bool step(struct walk *walk)
{
    struct catalog_place place;
    bool exact,
        found = catalog_find_encloser(walk->catalog, walk->name, walk->name_size, &place, &exact);
    bool apex = found && exact && place.node->flags & NODE_APEX;
    if (apex && walk->rrtype == RRTYPE_DS) {
        struct catalog_place above;
        bool exact_above;
        if (catalog_find_above(walk->catalog, walk->name, walk->name_size, &above, &exact_above)) {
            place = above;
            exact = exact_above;
        }
    }
    if (found) {
        walk->extra = place.extra;
        return exact ? step_existing(walk, place.node) : step_missing(walk, place.node, apex);
    }
    if (!walk->message->answers) { /* the end of a chain may well be elsewhere */
        walk->message->authoritative = false;
        explain(walk, RCODE_REFUSED, EXPLAIN_NOT_OURS);
    }
    return false;
}

void message_resolve(struct message *message)
{
    const struct query *query = &message->query;
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
