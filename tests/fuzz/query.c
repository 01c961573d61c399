/* SPDX-License-Identifier: BSD-2-Clause */
/* Octets as a query, over UDP and TCP. */
#include "fuzz/answer.h"
#include "fuzz/fuzz.h"
#include "fuzz/world.h"
#include "serve/cookie.h"
#include "wire/message.h"

#include <string.h>

/* In an allocation that is as large as respond() may believe it to be, so that writing past it is
 * seen. */
struct reply {
    uint8_t *bytes;
    size_t size;
    struct answer_facts facts;
};

static struct reply ask(enum transport transport, const uint8_t *query, size_t size)
{
    size_t room = transport == TRANSPORT_TCP ? MESSAGE_MAX_SIZE : WORLD_UDP_MAX;
    struct reply reply = {.bytes = malloc(room)};
    reply.size = world_respond(world_snapshot(), transport, size, query, size, reply.bytes);
    FUZZ_CHECK(reply.size <= room);
    reply.facts = answer_check(query, size, reply.bytes, reply.size, transport);
    return reply;
}

/* What is said to a client does not depend on how it asks; flags and additional section aside. */
static void compare(const struct reply *udp, const struct reply *tcp)
{
    const size_t counts_end = HEADER_NSCOUNT + 2;
    if (udp->facts.truncated || !udp->size || tcp->facts.rcode != udp->facts.rcode) {
        FUZZ_CHECK(udp->facts.truncated || udp->size == tcp->size);
        return;
    }
    FUZZ_CHECK(udp->facts.authority_end == tcp->facts.authority_end);
    FUZZ_CHECK(memcmp(udp->bytes, tcp->bytes, counts_end) == 0);
    FUZZ_CHECK(memcmp(udp->bytes + HEADER_SIZE, tcp->bytes + HEADER_SIZE,
                      udp->facts.authority_end - HEADER_SIZE) == 0);
}

static void ask_back(const struct reply *reply)
{
    uint8_t again[WORLD_UDP_MAX];
    FUZZ_CHECK(
        !world_respond(world_snapshot(), TRANSPORT_UDP, 0, reply->bytes, reply->size, again));
}

/* The short answer neither tells nor weighs much: no flood can be made of it. */
static void check_slip(const uint8_t *query, size_t size)
{
    const size_t options_max = OPT_SIZE + 2 * COOKIE_SIZE;
    uint8_t answer[WORLD_UDP_MAX];
    size_t slipped = world_slip(world_snapshot(), query, size, answer);
    struct answer_facts facts = answer_check(query, size, answer, slipped, TRANSPORT_UDP);
    FUZZ_CHECK(slipped <= size + options_max);
    FUZZ_CHECK(facts.counts[0] + facts.counts[1] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > MESSAGE_MAX_SIZE)
        return 0;
    struct reply udp = ask(TRANSPORT_UDP, data, size), tcp = ask(TRANSPORT_TCP, data, size);
    compare(&udp, &tcp);
    check_slip(data, size);
    ask_back(&udp); /* an answer is never answered */
    free(udp.bytes);
    free(tcp.bytes);
    return 0;
}
