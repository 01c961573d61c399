/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts that several hold; and that secrets stay out of core dumps. */
#include "base/shared.h"

#include "support/mappings.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void holders(void **state)
{
    (void)state;
    for (int secret = 0; secret < 2; secret++) {
        struct shared *text = shared_new("a\0b", 3, secret);
        assert_int_equal(shared_size(text), 3);
        assert_memory_equal(shared_text(text), "a\0b", 4);
        assert_ptr_equal(shared_hold(text), text);
        shared_release(text);
        assert_memory_equal(shared_text(text), "a\0b", 4);
        shared_release(text);
    }
    assert_null(shared_hold(NULL));
    assert_null(shared_text(NULL));
    assert_int_equal(shared_size(NULL), 0);
    shared_release(NULL);
}

static void equality(void **state)
{
    (void)state;
    struct shared *one = shared_new("one", 3, true), *same = shared_new("one", 3, false);
    struct shared *other = shared_new("onf", 3, true), *longer = shared_new("ones", 4, true);
    struct shared *empty = shared_new("", 0, true);
    assert_true(shared_equal(one, one));
    assert_true(shared_equal(one, same));
    assert_false(shared_equal(one, other));
    assert_false(shared_equal(one, longer));
    assert_false(shared_equal(one, NULL));
    assert_false(shared_equal(NULL, empty));
    assert_true(shared_equal(NULL, NULL));
    struct shared *const all[] = {one, same, other, longer, empty};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        shared_release(all[i]);
}

enum { ROUNDS = 20000 };

static void *hold_and_release(void *text)
{
    for (int i = 0; i < ROUNDS; i++)
        shared_release(shared_hold(text));
    return NULL;
}

static void threads(void **state)
{
    (void)state;
    pthread_t other;
    struct shared *text = shared_new("text", 4, true);
    assert_int_equal(pthread_create(&other, NULL, hold_and_release, text), 0);
    hold_and_release(text);
    pthread_join(other, NULL);
    assert_string_equal(shared_text(text), "text");
    shared_release(text);
}

/* Small, of a page, and of more. */
static void secrets_are_not_dumped(void **state)
{
    static const size_t sizes[] = {1, 16, 4096, 10000};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *room = secret_alloc(sizes[i]);
        assert_int_equal(room[0] | room[sizes[i] - 1], 0);
        memset(room, 'x', sizes[i]);
        struct shared *secret = shared_new(room, sizes[i], true);
        struct shared *text = shared_new(room, sizes[i], false);
        assert_true(mapping_is_dumped(shared_text(text)));
        assert_false(mapping_is_dumped(shared_text(secret)));
        assert_false(mapping_is_dumped(shared_text(secret) + sizes[i]));
        assert_false(mapping_is_dumped(room));
        secret_free(room, sizes[i]);
        shared_release(secret);
        shared_release(text);
    }
    secret_free(NULL, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holders),
        cmocka_unit_test(equality),
        cmocka_unit_test(threads),
        cmocka_unit_test(secrets_are_not_dumped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
