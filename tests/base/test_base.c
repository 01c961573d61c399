/* SPDX-License-Identifier: BSD-2-Clause */
/* The ground that all else stands on: memory, tables, addresses, messages. */
#include "base/address.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/diagnostics.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/table.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void arena_of_all_sizes(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    uint8_t *blocks[200];
    for (size_t i = 0; i < 200; i++) {
        size_t size = i * i * 7; /* from 0 to more than a chunk */
        blocks[i] = arena_alloc(arena, size);
        assert_int_equal((uintptr_t)blocks[i] % 8, 0);
        for (size_t j = 0; j < size; j++)
            assert_int_equal(blocks[i][j], 0);
        memset(blocks[i], (int)i, size);
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t j = 0; j < i * i * 7; j++)
            assert_int_equal(blocks[i][j], i);
    assert_string_equal(arena_printf(arena, "%s %d", "mx", 1), "mx 1");
    assert_true(arena_bytes(arena) > 200 * 199 * 7);
    arena_free(arena);
    arena_free(NULL);
}

static void table_of_many(void **state)
{
    (void)state;
    enum { KEYS = 20000 };
    struct table *table = table_new(0);
    char(*keys)[16] = memory_array(KEYS, sizeof *keys);
    uint32_t value;
    for (uint32_t i = 0; i < KEYS; i++) {
        int size = snprintf(keys[i], sizeof *keys, "host%u", i);
        assert_false(table_get(table, keys[i], (size_t)size, &value));
        table_put(table, keys[i], (size_t)size, i);
    }
    assert_int_equal(table_count(table), KEYS);
    table_put(table, "host7", 5, 70);
    assert_int_equal(table_count(table), KEYS);
    for (uint32_t i = 0; i < KEYS; i++) {
        assert_true(table_get(table, keys[i], strlen(keys[i]), &value));
        assert_int_equal(value, i == 7 ? 70 : i);
    }
    assert_false(table_get(table, "host", 4, &value)); /* a prefix is another key */
    assert_false(table_get(table, "host7\0", 6, &value));
    table_free(table);
    free(keys);
}

static void addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *back; /* NULL: no endpoint */
    } cases[] = {
        {"127.0.0.1@53", "127.0.0.1@53"},
        {"[::1]@5300", "[::1]@5300"},
        {"::1@5300", "[::1]@5300"},
        {"127.0.0.1", "127.0.0.1@25"},
        {"[2001:db8::1]", "[2001:db8::1]@25"},
        {"[127.0.0.1]@53", NULL},
        {"127.0.0.1@0", NULL},
        {"127.0.0.1@65536", NULL},
        {"127.0.0.1@", NULL},
        {"127.0.0.1@5x", NULL},
        {"127.0.0.1@-5", NULL},
        {"127.0.0.256@53", NULL},
        {"localhost@53", NULL},
        {"@53", NULL},
        {"", NULL},
        {"[::1", NULL},
        {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee@53", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct address address;
        uint16_t port;
        char text[ADDRESS_TEXT_SIZE];
        bool good = endpoint_parse(cases[i].text, 25, &address, &port);
        assert_int_equal(good, cases[i].back != NULL);
        if (!good)
            continue;
        endpoint_format(&address, port, text);
        assert_string_equal(text, cases[i].back);
    }
    struct address one, other;
    uint16_t port;
    assert_false(endpoint_parse("127.0.0.1", 0, &one, &port));
    assert_true(address_parse("::ffff:127.0.0.1", &one) && address_parse("127.0.0.1", &other));
    assert_false(address_equal(&one, &other));
    struct sockaddr_storage name;
    assert_int_equal(address_to_sockaddr(&other, 25, &name), sizeof(struct sockaddr_in));
    assert_int_equal(ntohs(((struct sockaddr_in *)&name)->sin_port), 25);
}

static void diagnostics_are_printable(void **state)
{
    (void)state;
    struct diagnostics diagnostics;
    diagnostics_init(&diagnostics);
    diagnostics_error(&diagnostics, "a.zone", 1, 0, "\"%s\" is no type",
                      "\x1b[2J\r\x7f gr\xc3\xbcn\n");
    assert_string_equal(diagnostics.list[0].text, "\"?[2J?? gr\xc3\xbcn?\" is no type");
    diagnostics_free(&diagnostics);
}

static void diagnostics_are_bounded(void **state)
{
    (void)state;
    struct diagnostics diagnostics;
    diagnostics_init(&diagnostics);
    assert_false(diagnostics_error(&diagnostics, "a.zone", 3, 7, "no %s", "SOA"));
    diagnostics_warning(&diagnostics, "a.zone", 4, 0, "hm");
    diagnostics_warning(&diagnostics, "a.zone", 0, 0, "hm");
    diagnostics_warning(&diagnostics, NULL, 0, 0, "hm");
    static const char *const expected[] = {"a.zone:3:7: error: no SOA", "a.zone:4: warning: hm",
                                           "a.zone: warning: hm", "warning: hm"};
    char text[100];
    for (size_t i = 0; i < 4; i++) {
        diagnostic_format(&diagnostics.list[i], true, text, sizeof text);
        assert_string_equal(text, expected[i]);
    }
    diagnostic_format(&diagnostics.list[0], false, text, sizeof text);
    assert_string_equal(text, "a.zone:3:7: no SOA");
    assert_int_equal(diagnostics.errors, 1);
    for (int i = 0; i < 5000; i++)
        diagnostics_error(&diagnostics, "b.zone", i, 0, "bad");
    assert_int_equal(diagnostics.count, DIAGNOSTICS_MAX);
    assert_int_equal(diagnostics.errors, 5001);
    assert_int_equal(diagnostics.count + diagnostics.dropped, 5004);
    diagnostics_free(&diagnostics);
}

static void errors_and_clock(void **state)
{
    (void)state;
    struct error error;
    char *long_text = memory_array(2000, 1);
    memset(long_text, 'x', 1999);
    assert_false(error_set(&error, "%s", long_text));
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    assert_false(error_set(NULL, "nobody asks"));
    free(long_text);
    int64_t us = clock_now_us(), ms = clock_now_ms();
    assert_true(ms >= us / 1000 && ms < us / 1000 + 10000);
}

/* A line is one write, ends where it must, and levels that are not wanted write nothing. */
static void log_lines(void **state)
{
    (void)state;
    int ends[2], saved = dup(STDERR_FILENO);
    char read_back[8192] = "", long_text[4000];
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    memset(long_text, 'y', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    log_debug("not wanted");
    log_warning("wanted %d", 1);
    log_error("%s", long_text);
    dup2(saved, STDERR_FILENO);
    ssize_t got = read(ends[0], read_back, sizeof read_back - 1);
    close(ends[0]);
    close(ends[1]);
    close(saved);
    assert_true(got > 0);
    assert_null(strstr(read_back, "not wanted"));
    assert_non_null(strstr(read_back, "wanted 1\n"));
    assert_int_equal(read_back[got - 1], '\n');
    assert_true(got < 2200);
}

static void files_that_hold_still(void **state)
{
    (void)state;
    char path[] = "/tmp/evermx-base-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    unlink(path);
    assert_int_equal(write(descriptor, "one", 3), 3);
    struct stat before;
    assert_int_equal(fstat(descriptor, &before), 0);
    assert_true(file_held_still(descriptor, &before));
    assert_int_equal(ftruncate(descriptor, 0), 0);
    assert_false(file_held_still(descriptor, &before));
    usleep(50 * 1000); /* the file system's clock moves on: the same size is not the same file */
    assert_int_equal(pwrite(descriptor, "two", 3, 0), 3);
    assert_false(file_held_still(descriptor, &before));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_of_all_sizes),
        cmocka_unit_test(table_of_many),
        cmocka_unit_test(addresses),
        cmocka_unit_test(diagnostics_are_bounded),
        cmocka_unit_test(diagnostics_are_printable),
        cmocka_unit_test(errors_and_clock),
        cmocka_unit_test(log_lines),
        cmocka_unit_test(files_that_hold_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
