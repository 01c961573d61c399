/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/fixture.h"

#include "base/memory.h"
#include "wire/message.h"
#include "wire/name.h"

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct image **fixture_images(const struct model *model)
{
    struct image **images = memory_array(model->npools, sizeof *images);
    for (size_t i = 0; i < model->npools; i++) {
        const struct pool *pool = &model->pools[i];
        struct selection selection = {
            .members = memory_array(pool->nmembers, sizeof *selection.members),
            .nserved = pool->nmembers,
            .ttl_s = pool->policy.ttl_s,
        };
        images[i] = image_of_pool(pool, &selection);
        free(selection.members);
    }
    return images;
}

void fixture_init(struct fixture *fixture, bool lenient, const char *const *zones)
{
    memset(fixture, 0, sizeof *fixture);
    folder_make(fixture->folder);
    fixture->config = config_new();
    for (size_t i = 0; zones[i]; i++) {
        char file[32], path[128];
        snprintf(file, sizeof file, "%zu.zone", i);
        folder_write(fixture->folder, file, zones[i]);
        folder_path(fixture->folder, file, path, sizeof path);
        config_add_zone(fixture->config, path);
    }
    struct diagnostics diagnostics;
    diagnostics_init(&diagnostics);
    fixture->model = model_build(fixture->config, NULL, !lenient, &diagnostics);
    if (!fixture->model) {
        diagnostics_print(&diagnostics, stderr);
        fail_msg("no model");
    }
    diagnostics_free(&diagnostics);
    fixture->publisher = publisher_new();
    struct image **images = fixture_images(fixture->model);
    publisher_replace(fixture->publisher, catalog_new(fixture->model), images,
                      fixture->model->npools);
    free(images);
    static const uint8_t secrets[1][SIPHASH_KEY_SIZE] = {"a test's secret"};
    const struct settings_options options = {.identity = "here",
                                             .tells_version = true,
                                             .cookies = true,
                                             .secrets = secrets,
                                             .nsecrets = 1};
    settings_init(&fixture->settings, &options);
    responder_init(&fixture->responder, &fixture->settings, 1);
    fixture->responder.now_s = 1559731985;
}

void fixture_free(struct fixture *fixture)
{
    publisher_free(fixture->publisher);
    folder_remove(fixture->folder);
    model_free(fixture->model);
    config_free(fixture->config);
}

const struct dns_client *test_client(enum transport transport)
{
    static const uint8_t address[] = {198, 51, 100, 100};
    static const struct dns_client clients[] = {
        [TRANSPORT_UDP] = {TRANSPORT_UDP, 0, sizeof address, address},
        [TRANSPORT_TCP] = {TRANSPORT_TCP, 10000, sizeof address, address},
    };
    return &clients[transport];
}

size_t make_query(uint8_t *query, const char *name, uint16_t rrtype, uint16_t edns_size)
{
    static const uint8_t header[HEADER_SIZE] = {0x12, 0x34, FLAG_HIGH_RD, 0, 0, 1};
    memcpy(query, header, sizeof header);
    size_t size = name_from_text(name, query + HEADER_SIZE);
    assert_true(size > 0);
    uint8_t *at = write_u16(query + HEADER_SIZE + size, rrtype);
    at = write_u16(at, 1);
    if (edns_size) {
        query[HEADER_ARCOUNT + 1] = 1;
        *at++ = 0;
        at = write_u16(at, 41);
        at = write_u16(at, edns_size);
        at = write_u32(at, 0);
        at = write_u16(at, 0);
    }
    return (size_t)(at - query);
}

ldns_pkt *fixture_ask(struct fixture *fixture, enum transport transport, const char *name,
                      uint16_t rrtype, uint16_t edns_size)
{
    uint8_t query[512];
    uint8_t *answer = memory_alloc(MESSAGE_MAX_SIZE);
    size_t size = make_query(query, name, rrtype, edns_size);
    size = respond(&fixture->responder, publisher_current(fixture->publisher),
                   test_client(transport), query, size, answer);
    ldns_pkt *packet = NULL;
    if (size)
        assert_int_equal(ldns_wire2pkt(&packet, answer, size), LDNS_STATUS_OK);
    free(answer);
    return packet;
}

static int compare_texts(const void *one, const void *other)
{
    return strcmp(*(char *const *)one, *(char *const *)other);
}

/* One record as "owner TTL TYPE rdata", without class and final newline, blanks single. */
static char *record_text(const ldns_rr *rr)
{
    char *owner = ldns_rdf2str(ldns_rr_owner(rr)), *type = ldns_rr_type2str(ldns_rr_get_type(rr));
    char *text = memory_printf("%s %u %s", owner, ldns_rr_ttl(rr), type);
    free(owner);
    free(type);
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        char *rdata = ldns_rdf2str(ldns_rr_rdf(rr, i));
        char *longer = memory_printf("%s %s", text, rdata);
        free(rdata);
        free(text);
        text = longer;
    }
    return text;
}

static void print_section(FILE *out, const ldns_rr_list *list)
{
    size_t count = ldns_rr_list_rr_count(list), used = 0;
    char **texts = memory_array(count, sizeof *texts);
    for (size_t i = 0; i < count; i++)
        texts[used++] = record_text(ldns_rr_list_rr(list, i));
    qsort(texts, used, sizeof *texts, compare_texts);
    fprintf(out, " |");
    for (size_t i = 0; i < used; i++) {
        fprintf(out, "%s %s", i ? ";" : "", texts[i]);
        free(texts[i]);
    }
    free(texts);
}

char *packet_text(const ldns_pkt *packet)
{
    if (!packet)
        return memory_strdup("silence");
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    char *rcode = ldns_pkt_rcode2str(ldns_pkt_get_rcode(packet));
    fprintf(out, "%s%s%s", rcode, ldns_pkt_aa(packet) ? " aa" : "",
            ldns_pkt_tc(packet) ? " tc" : "");
    free(rcode);
    print_section(out, ldns_pkt_answer(packet));
    print_section(out, ldns_pkt_authority(packet));
    print_section(out, ldns_pkt_additional(packet));
    fclose(out);
    return text;
}
