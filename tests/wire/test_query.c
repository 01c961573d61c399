/* SPDX-License-Identifier: BSD-2-Clause */
/* Taking queries apart; folding eight octets at a time must do what folding one at a time does. */
#include "wire/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static size_t make(uint8_t *message, const uint8_t *name, size_t size)
{
    static const uint8_t header[HEADER_SIZE] = {0, 1, 0, 0, 0, 1};
    memcpy(message, header, sizeof header);
    memcpy(message + HEADER_SIZE, name, size);
    memcpy(message + HEADER_SIZE + size, "\0\17\0\1", 4);
    return HEADER_SIZE + size + 4;
}

static void folds_every_octet(void **state)
{
    (void)state;
    for (unsigned length = 1; length <= 20; length++)
        for (unsigned octet = 0; octet < 256; octet++) {
            uint8_t name[32] = {(uint8_t)length}, message[64], lower[NAME_MAX_SIZE];
            memset(name + 1, (int)octet, length);
            name[1] = 'Q';
            struct query query;
            size_t size = make(message, name, length + 2);
            assert_int_equal(query_parse(message, size, &query), QUERY_GOOD);
            assert_int_equal(query.name_size, length + 2);
            name_lower(name, lower);
            assert_memory_equal(query.name, lower, length + 2);
            assert_int_equal(query.rrtype, 15);
            assert_int_equal(query.question_end, size);
        }
}

/* 255 octets are a name, 256 are not (RFC 1035 section 2.3.4). */
static void longest_name(void **state)
{
    (void)state;
    uint8_t name[300] = {0}, message[400];
    struct query query;
    for (unsigned i = 0; i < 3; i++)
        name[i * 64] = 63;
    name[192] = 61;
    assert_int_equal(query_parse(message, make(message, name, 255), &query), QUERY_GOOD);
    assert_int_equal(query.name_size, 255);
    name[192] = 62;
    assert_int_equal(query_parse(message, make(message, name, 256), &query), QUERY_FORMERR);
    /* 127 labels of one octet. */
    for (unsigned i = 0; i < 254; i += 2)
        name[i] = 1;
    name[254] = 0;
    assert_int_equal(query_parse(message, make(message, name, 255), &query), QUERY_GOOD);
}

static void root(void **state)
{
    (void)state;
    uint8_t message[64];
    struct query query;
    size_t size = make(message, (const uint8_t *)"", 1);
    assert_int_equal(query_parse(message, size, &query), QUERY_GOOD);
    assert_int_equal(query.name_size, 1);
}

/* Records other than OPT in the additional section are passed over, with compressed owners too. */
static void additional_records(void **state)
{
    (void)state;
    uint8_t message[128];
    struct query query;
    size_t size = make(message, (const uint8_t *)"\1x", 3);
    static const uint8_t records[] = {0xC0, 12, 0,  1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4, /* A */
                                      0,    0,  41, 4, 0, 0, 0, 0, 0, 0, 0};               /* OPT */
    memcpy(message + size, records, sizeof records);
    message[HEADER_ARCOUNT + 1] = 2;
    assert_int_equal(query_parse(message, size + sizeof records, &query), QUERY_GOOD);
    assert_int_equal(query.udp_size, 1024);
    for (size_t cut = 1; cut < sizeof records; cut++)
        assert_int_equal(query_parse(message, size + sizeof records - cut, &query), QUERY_FORMERR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folds_every_octet),
        cmocka_unit_test(longest_name),
        cmocka_unit_test(root),
        cmocka_unit_test(additional_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
