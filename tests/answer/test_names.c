/* SPDX-License-Identifier: BSD-2-Clause */
/* The index of names against a plain array, over a long random life. */
#include "answer/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { HASHES = 700, STEPS = 40000 };

/* Hashes that collide in their lower bits, so that runs of taken slots get long and wrap round. */
static uint32_t hash_of(uint32_t ref)
{
    return ref % 7 == 0 ? 0xFFFFFFF8u + ref % 8 : ref * 2654435761u >> 20;
}

static struct name_slot *find(const struct name_index *index, uint32_t ref)
{
    struct name_slot *slot = name_index_first(index, hash_of(ref));
    while (slot->ref && slot->ref != ref)
        slot = name_index_next(index, slot);
    return slot;
}

static void check_all(const struct name_index *index, const bool *here)
{
    uint32_t count = 0;
    for (uint32_t ref = 1; ref < HASHES; ref++) {
        assert_int_equal(find(index, ref)->ref, here[ref] ? ref : 0);
        count += here[ref];
    }
    assert_int_equal(index->count, count);
}

static void adds_removes_and_grows(void **state)
{
    (void)state;
    struct name_index index;
    bool here[HASHES] = {false};
    unsigned random = 1;
    name_index_init(&index, 0);
    uint32_t mask_at_first = index.mask;
    for (unsigned step = 0; step < STEPS; step++) {
        random = random * 1103515245u + 12345u;
        uint32_t ref = 1 + (random >> 8) % (HASHES - 1);
        if (here[ref])
            name_index_remove(&index, find(&index, ref));
        else
            name_index_add(&index, hash_of(ref), ref);
        here[ref] = !here[ref];
        if (step % 97 == 0)
            check_all(&index, here);
    }
    check_all(&index, here);
    assert_true(index.mask > mask_at_first);
    name_index_free(&index);
}

static void copies_are_independent(void **state)
{
    (void)state;
    struct name_index index, copy;
    bool here[HASHES] = {false};
    name_index_init(&index, 8);
    for (uint32_t ref = 1; ref < 9; ref++) {
        name_index_add(&index, hash_of(ref), ref);
        here[ref] = true;
    }
    name_index_copy(&copy, &index);
    name_index_remove(&copy, find(&copy, 7));
    check_all(&index, here);
    here[7] = false;
    check_all(&copy, here);
    name_index_free(&index);
    name_index_free(&copy);
}

static void hashes_take_every_octet(void **state)
{
    (void)state;
    uint8_t name[40] = {0};
    for (size_t size = 1; size < sizeof name; size++) {
        uint32_t hash = name_index_hash(name, size);
        assert_int_not_equal(hash, name_index_hash(name, size + 1));
        for (size_t at = 0; at < size; at++) {
            name[at] ^= 0x20;
            assert_int_not_equal(hash, name_index_hash(name, size));
            name[at] ^= 0x20;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_removes_and_grows),
        cmocka_unit_test(copies_are_independent),
        cmocka_unit_test(hashes_take_every_octet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
