/* SPDX-License-Identifier: BSD-2-Clause */
#include "differential/answers.h"

#include "wire/message.h"
#include "wire/rrtype.h"

#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *one, const void *other)
{
    const struct canonical *a = one, *b = other;
    size_t size = a->size < b->size ? a->size : b->size;
    int order = memcmp(a->bytes, b->bytes, size);
    return order ? order : (a->size > b->size) - (a->size < b->size);
}

/* SVCB's and HTTPS' target, whose case nsd does not keep, and ldns does not fold. */
static void lower_service_target(uint8_t *bytes)
{
    uint8_t *type = bytes + name_size(bytes), *target = type + RR_FIXED_SIZE + 2;
    if (read_u16(type) == LDNS_RR_TYPE_SVCB || read_u16(type) == LDNS_RR_TYPE_HTTPS)
        name_lower(target, target);
}

static void read_section(struct records *records, struct arena *arena, const ldns_rr_list *list)
{
    size_t count = ldns_rr_list_rr_count(list), kept = 0;
    records->list = ARENA_ARRAY(arena, struct canonical, count + 1);
    ldns_buffer *buffer = ldns_buffer_new(512);
    for (size_t i = 0; i < count; i++) {
        ldns_rr *rr = ldns_rr_list_rr(list, i);
        ldns_buffer_clear(buffer);
        ldns_rr2canonical(rr);
        ldns_rr2buffer_wire(buffer, rr, LDNS_SECTION_ANSWER);
        size_t size = ldns_buffer_position(buffer);
        uint8_t *bytes = arena_pack(arena, ldns_buffer_begin(buffer), size);
        lower_service_target(bytes);
        records->list[i] = (struct canonical){bytes, size};
    }
    ldns_buffer_free(buffer);
    qsort(records->list, count, sizeof *records->list, compare);
    for (size_t i = 0; i < count; i++)
        if (!kept || compare(&records->list[kept - 1], &records->list[i]) != 0)
            records->list[kept++] = records->list[i];
    records->count = kept;
}

void answer_read(struct answer *answer, struct arena *arena, const uint8_t *bytes, size_t size)
{
    ldns_pkt *packet = NULL;
    *answer = (struct answer){.size = size};
    if (!bytes || ldns_wire2pkt(&packet, bytes, size) != LDNS_STATUS_OK)
        return;
    const ldns_rr_list *lists[SECTIONS] = {
        ldns_pkt_answer(packet),
        ldns_pkt_authority(packet),
        ldns_pkt_additional(packet),
    };
    answer->readable = true;
    answer->rcode = ldns_pkt_get_rcode(packet);
    answer->aa = ldns_pkt_aa(packet);
    answer->tc = ldns_pkt_tc(packet);
    answer->edns = ldns_pkt_edns(packet);
    for (size_t i = 0; i < SECTIONS; i++) {
        answer->written[i] = ldns_rr_list_rr_count(lists[i]);
        read_section(&answer->sections[i], arena, lists[i]);
    }
    ldns_pkt_free(packet);
}

static const uint8_t *behind_owner(const struct canonical *record)
{
    return record->bytes + name_size(record->bytes);
}

uint16_t record_type(const struct canonical *record)
{
    return read_u16(behind_owner(record));
}

uint32_t record_ttl(const struct canonical *record)
{
    return read_u32(behind_owner(record) + 4);
}

const uint8_t *record_rdata(const struct canonical *record, size_t *size)
{
    *size = read_u16(behind_owner(record) + 8);
    return behind_owner(record) + RR_FIXED_SIZE;
}

const uint8_t *record_target(const struct canonical *record)
{
    size_t size;
    const uint8_t *rdata = record_rdata(record, &size);
    switch (record_type(record)) {
    case RRTYPE_NS:
    case RRTYPE_CNAME:
    case RRTYPE_DNAME:
        return rdata;
    case RRTYPE_MX:
        return rdata + 2;
    case RRTYPE_SRV:
        return rdata + 6;
    default:
        return NULL;
    }
}

bool records_equal(const struct records *one, const struct records *other)
{
    return one->count == other->count && records_within(one, other);
}

bool records_have(const struct records *records, const struct canonical *record)
{
    return bsearch(record, records->list, records->count, sizeof *record, compare) != NULL;
}

bool records_within(const struct records *some, const struct records *others)
{
    for (size_t i = 0; i < some->count; i++)
        if (!records_have(others, &some->list[i]))
            return false;
    return true;
}

const struct canonical *records_find(const struct records *records, const uint8_t *owner,
                                     uint16_t rrtype)
{
    for (size_t i = 0; i < records->count; i++)
        if (record_type(&records->list[i]) == rrtype &&
            (!owner || name_equal(records->list[i].bytes, owner)))
            return &records->list[i];
    return NULL;
}

/* ---- for people ---- */

enum { PRINTED_MAX = 24, LINE_MAX_CHARACTERS = 160 };

static void print_record(const struct canonical *record, FILE *out)
{
    ldns_rr *rr = NULL;
    size_t at = 0;
    if (ldns_wire2rr(&rr, record->bytes, record->size, &at, LDNS_SECTION_ANSWER) != LDNS_STATUS_OK)
        return;
    char *text = ldns_rr2str(rr);
    for (char *tab = text; (tab = strchr(tab, '\t'));)
        *tab = ' ';
    int length = (int)strcspn(text, "\n");
    bool cut = length > LINE_MAX_CHARACTERS;
    fprintf(out, "        %.*s%s\n", cut ? LINE_MAX_CHARACTERS : length, text, cut ? "..." : "");
    free(text);
    ldns_rr_free(rr);
}

void answer_print(const struct answer *answer, FILE *out)
{
    static const char *const names[SECTIONS] = {"answer", "authority", "additional"};
    if (!answer->readable) {
        fprintf(out, "    unreadable, %zu octets\n", answer->size);
        return;
    }
    char *rcode = ldns_pkt_rcode2str((ldns_pkt_rcode)answer->rcode);
    fprintf(out, "    %s%s%s%s, %zu octets\n", rcode, answer->aa ? " aa" : "",
            answer->tc ? " tc" : "", answer->edns ? " edns" : "", answer->size);
    free(rcode);
    for (size_t i = 0; i < SECTIONS; i++) {
        const struct records *records = &answer->sections[i];
        if (records->count)
            fprintf(out, "      %s (%zu)\n", names[i], records->count);
        for (size_t j = 0; j < records->count && j < PRINTED_MAX; j++)
            print_record(&records->list[j], out);
    }
}
