/* SPDX-License-Identifier: BSD-2-Clause */
/* Two walks through RFC 1034 section 4.3.2: what respond() answers, and what model_trace() says of
 * it to people. Over some hundred zones made up from seeds they must tell the same. */
#include "differential/questions.h"
#include "differential/world.h"
#include "model/trace.h"
#include "support/fixture.h"
#include "wire/message.h"
#include "wire/rrtype.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ZONES = 120, BROKEN_ONE_IN = 12 };

struct duel {
    const struct world *world;
    const struct question *question;
    const struct trace *trace;
    const ldns_pkt *packet;
};

/* What is compared one after the other; the first that differs fails the test. */
#define EXPECT(duel, condition)                                                                    \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_duel(duel, #condition);                                                           \
    } while (0)

static void fail_duel(const struct duel *duel, const char *condition)
{
    char name[NAME_TEXT_SIZE], end[NAME_TEXT_SIZE], node[NAME_TEXT_SIZE], type[RRTYPE_TEXT_SIZE];
    const struct trace *trace = duel->trace;
    char *packet = packet_text(duel->packet);
    fail_msg("seed %llu: %s %s: not so: %s\n  trace: end %d, %zu steps, at %s, node %s, zone %s\n"
             "  answer: %s",
             (unsigned long long)duel->world->seed, name_to_text(duel->question->name, name),
             rrtype_to_text(duel->question->rrtype, type), condition, (int)trace->end,
             trace->nsteps, name_to_text(trace->name, end),
             trace->node ? name_to_text(trace->node->name, node) : "none",
             trace->zone ? trace->zone->name : "none", packet);
}

static bool owner_is(const ldns_rr *rr, const uint8_t *name)
{
    const ldns_rdf *owner = ldns_rr_owner(rr);
    uint8_t lower[NAME_MAX_SIZE];
    name_lower(ldns_rdf_data(owner), lower);
    return name_equal(lower, name);
}

/* The rdata in wire format; records here hold at most one name's compression, which ldns undid. */
static bool rdata_is(const ldns_rr *rr, const struct rdata *record)
{
    uint8_t bytes[UINT16_MAX];
    size_t size = 0;
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *field = ldns_rr_rdf(rr, i);
        memcpy(bytes + size, ldns_rdf_data(field), ldns_rdf_size(field));
        size += ldns_rdf_size(field);
    }
    return size == record->size && memcmp(bytes, record->bytes, size) == 0;
}

static bool rrset_has(const struct rrset *rrset, const ldns_rr *rr)
{
    for (uint32_t i = 0; i < rrset->count; i++)
        if (rdata_is(rr, &rrset->records[i]))
            return true;
    return false;
}

static bool is_of(const ldns_rr *rr, const struct rrset *rrset)
{
    return ldns_rr_get_type(rr) == rrset->rrtype && rrset_has(rrset, rr);
}

static bool is_steered(const struct trace *trace)
{
    return trace->end == TRACE_RRSET && zone_pool(trace->zone, trace->rrset) != MODEL_NONE;
}

/* The CNAMEs and DNAMEs on the way, one behind the other. Returns how many records they are. */
static size_t compare_steps(const struct duel *duel)
{
    const ldns_rr_list *answer = ldns_pkt_answer(duel->packet);
    size_t at = 0;
    for (size_t i = 0; i < duel->trace->nsteps; i++) {
        const struct rrset *step = duel->trace->steps[i];
        EXPECT(duel, at < ldns_rr_list_rr_count(answer));
        EXPECT(duel, is_of(ldns_rr_list_rr(answer, at), step));
        EXPECT(duel, ldns_rr_ttl(ldns_rr_list_rr(answer, at)) == step->ttl_s);
        at++;
        if (step->rrtype == RRTYPE_CNAME)
            continue;
        EXPECT(duel, at < ldns_rr_list_rr_count(answer));
        EXPECT(duel, ldns_rr_get_type(ldns_rr_list_rr(answer, at)) == LDNS_RR_TYPE_CNAME);
        at++;
    }
    return at;
}

/* What stands behind the steps: the RRset itself, or nothing. */
static void compare_answer(const struct duel *duel, size_t steps)
{
    const ldns_rr_list *answer = ldns_pkt_answer(duel->packet);
    const struct trace *trace = duel->trace;
    size_t left = ldns_rr_list_rr_count(answer) - steps;
    if (trace->end == TRACE_RRSET)
        EXPECT(duel, is_steered(trace) ? left > 0 : left == trace->rrset->count);
    else if (trace->end == TRACE_TOO_LONG)
        EXPECT(duel, left == 1 && is_of(ldns_rr_list_rr(answer, steps),
                                        node_rrset(trace->node, RRTYPE_DNAME)));
    else
        EXPECT(duel, left == (trace->end == TRACE_ANY));
    for (size_t i = steps; trace->end == TRACE_RRSET && i < steps + left; i++) {
        const ldns_rr *rr = ldns_rr_list_rr(answer, i);
        EXPECT(duel, is_of(rr, trace->rrset));
        EXPECT(duel, is_steered(trace) || ldns_rr_ttl(rr) == trace->rrset->ttl_s);
        EXPECT(duel, owner_is(rr, trace->name));
    }
}

static void compare_authority(const struct duel *duel)
{
    const ldns_rr_list *authority = ldns_pkt_authority(duel->packet);
    const struct trace *trace = duel->trace;
    size_t count = ldns_rr_list_rr_count(authority);
    const ldns_rr *first = count ? ldns_rr_list_rr(authority, 0) : NULL;
    if (trace->end == TRACE_NODATA || trace->end == TRACE_NXDOMAIN) {
        EXPECT(duel, count == 1 && ldns_rr_get_type(first) == LDNS_RR_TYPE_SOA);
        EXPECT(duel, owner_is(first, trace->zone->apex));
        EXPECT(duel, ldns_rr_ttl(first) == trace->zone->negative_ttl_s);
    } else if (trace->end == TRACE_REFERRAL) {
        const struct rrset *servers = node_rrset(trace->node, RRTYPE_NS);
        EXPECT(duel, count == servers->count && owner_is(first, trace->node->name));
        EXPECT(duel, is_of(first, servers));
    } else {
        EXPECT(duel, count == 0);
    }
}

static ldns_pkt_rcode rcode_of(const struct trace *trace)
{
    switch (trace->end) {
    case TRACE_NXDOMAIN:
        return LDNS_RCODE_NXDOMAIN;
    case TRACE_FAILED:
        return LDNS_RCODE_SERVFAIL;
    case TRACE_TOO_LONG:
        return LDNS_RCODE_YXDOMAIN;
    case TRACE_OUTSIDE:
        return trace->nsteps ? LDNS_RCODE_NOERROR : LDNS_RCODE_REFUSED;
    default:
        return LDNS_RCODE_NOERROR;
    }
}

static void compare(const struct duel *duel)
{
    const struct trace *trace = duel->trace;
    ldns_pkt_rcode rcode = rcode_of(trace);
    EXPECT(duel, ldns_pkt_get_rcode(duel->packet) == rcode);
    bool error = rcode == LDNS_RCODE_SERVFAIL || rcode == LDNS_RCODE_REFUSED;
    bool answers = trace->nsteps || trace->end != TRACE_REFERRAL;
    EXPECT(duel, ldns_pkt_aa(duel->packet) == (!error && answers));
    if (error)
        EXPECT(duel, ldns_rr_list_rr_count(ldns_pkt_answer(duel->packet)) == 0);
    else
        compare_answer(duel, compare_steps(duel));
    compare_authority(duel);
}

/* With a few files that cannot be read, so that their zones answer SERVFAIL. */
static void load(struct fixture *fixture, struct world *world)
{
    const char **texts = memory_array(world->nzones + 1, sizeof *texts);
    for (size_t i = 0; i < world->nzones; i++) {
        char *text;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        world_print_zone(&world->zones[i], WORLD_FOR_ALL, out);
        if (world_below(world, BROKEN_ONE_IN) == 0)
            fputs("broken IN A nonsense\n", out);
        fclose(out);
        texts[i] = text;
    }
    fixture_init(fixture, true, texts);
    for (size_t i = 0; i < world->nzones; i++)
        free((char *)texts[i]);
    free(texts);
}

static void ask(const struct world *world, struct fixture *fixture, const struct question *question,
                uint8_t *answer, size_t ends[])
{
    uint8_t query[QUERY_MAX_SIZE];
    size_t size = question_query(question, 1, query);
    size = respond(&fixture->responder, publisher_current(fixture->publisher),
                   test_client(TRANSPORT_TCP), query, size, answer);
    ldns_pkt *packet = NULL;
    assert_int_equal(ldns_wire2pkt(&packet, answer, size), LDNS_STATUS_OK);
    struct trace trace;
    model_trace(fixture->model, question->name, question->rrtype, &trace);
    compare(&(struct duel){world, question, &trace, packet});
    ends[trace.end]++;
    ldns_pkt_free(packet);
}

static void walks_agree(uint64_t seed)
{
    struct world *world = world_new(seed, ZONES);
    struct fixture fixture;
    struct questions questions = {0};
    size_t ends[TRACE_TOO_LONG + 1] = {0};
    uint8_t *answer = memory_alloc(MESSAGE_MAX_SIZE);
    load(&fixture, world);
    for (size_t i = 0; i < world->nzones; i++)
        questions_add_zone(&questions, world, i);
    questions_add_others(&questions, world);
    for (size_t i = 0; i < questions.count; i++)
        ask(world, &fixture, &questions.list[i], answer, ends);
    for (size_t end = 0; end <= TRACE_TOO_LONG; end++) /* else the zones are too tame */
        if (!ends[end])
            fail_msg("seed %llu: no question ended by %zu", (unsigned long long)seed, end);
    free(answer);
    questions_free(&questions);
    fixture_free(&fixture);
    world_free(world);
}

static void first_seed(void **state)
{
    (void)state;
    walks_agree(1);
}

static void second_seed(void **state)
{
    (void)state;
    walks_agree(2);
}

static void third_seed(void **state)
{
    (void)state;
    walks_agree(3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_seed),
        cmocka_unit_test(second_seed),
        cmocka_unit_test(third_seed),
    };
    return cmocka_run_group_tests_name("trace and respond", tests, NULL, NULL);
}
