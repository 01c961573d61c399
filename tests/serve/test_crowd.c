/* SPDX-License-Identifier: BSD-2-Clause */
/* Who may be connected, and who has to go: over a clock that the test moves. */
#include "base/address.h"
#include "serve/crowd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct sockaddr *peer(const char *text)
{
    static struct sockaddr_storage name;
    struct address address;
    assert_true(address_parse(text, &address));
    address_to_sockaddr(&address, 1, &name);
    return (struct sockaddr *)&name;
}

static struct crowd *crowd_of(unsigned guests, unsigned per_client)
{
    struct crowd_limits limits = {
        .guests = guests, .per_client = per_client, .held = 1000, .idle_ms = 10000};
    return crowd_new(&limits, 7);
}

static void leave_all(struct crowd *crowd)
{
    while (crowd_count(crowd))
        crowd_leave(crowd, crowd_dispensable(crowd));
    crowd_free(crowd);
}

/* Whom the next one from an address displaces; &refused: it may not come itself. */
static struct guest refused;

static struct guest *displaced_by(struct crowd *crowd, const char *address)
{
    struct guest *leaves;
    return crowd_admit(crowd, peer(address), &leaves) ? leaves : &refused;
}

static void per_client(void **state)
{
    (void)state;
    struct crowd *crowd = crowd_of(100, 2);
    struct guest guests[4];
    crowd_join(crowd, &guests[0], peer("192.0.2.1"), 0);
    crowd_join(crowd, &guests[1], peer("192.0.2.1"), 1);
    crowd_join(crowd, &guests[2], peer("192.0.2.2"), 2);
    assert_ptr_equal(displaced_by(crowd, "192.0.2.1"), &guests[0]);
    assert_null(displaced_by(crowd, "192.0.2.2"));
    crowd_turn(crowd, &guests[0], GUEST_IDLE, 3); /* used last */
    assert_ptr_equal(displaced_by(crowd, "192.0.2.1"), &guests[1]);
    crowd_turn(crowd, &guests[1], GUEST_PARTIAL, 4);
    assert_ptr_equal(displaced_by(crowd, "192.0.2.1"), &guests[0]);
    crowd_turn(crowd, &guests[0], GUEST_BLOCKED, 5);
    assert_ptr_equal(displaced_by(crowd, "192.0.2.1"), &refused);
    crowd_leave(crowd, &guests[1]);
    assert_null(displaced_by(crowd, "192.0.2.1"));
    leave_all(crowd);
}

/* An IPv6 network of 64 bits is one client; an IPv4 address of the same octets is another. */
static void clients(void **state)
{
    (void)state;
    struct crowd *crowd = crowd_of(100, 1);
    struct guest guests[2];
    crowd_join(crowd, &guests[0], peer("2001:db8:0:1::1"), 0);
    assert_ptr_equal(displaced_by(crowd, "2001:db8:0:1:ffff::2"), &guests[0]);
    assert_null(displaced_by(crowd, "2001:db8:0:2::1"));
    assert_null(displaced_by(crowd, "32.1.13.184"));
    crowd_join(crowd, &guests[1], peer("32.1.13.184"), 0);
    assert_ptr_equal(displaced_by(crowd, "32.1.13.184"), &guests[1]);
    leave_all(crowd);
}

/* In a full crowd go: who is ending, then the longest fresh or idle one, where an idle one counts
 * as a second younger. */
static void full(void **state)
{
    (void)state;
    struct crowd *crowd = crowd_of(4, 100);
    struct guest guests[4];
    for (int i = 0; i < 4; i++)
        crowd_join(crowd, &guests[i], peer("192.0.2.1"), i);
    assert_ptr_equal(displaced_by(crowd, "192.0.2.9"), &guests[0]);
    crowd_turn(crowd, &guests[0], GUEST_IDLE, 100);
    crowd_turn(crowd, &guests[1], GUEST_PARTIAL, 200);
    crowd_turn(crowd, &guests[2], GUEST_BLOCKED, 50);
    assert_ptr_equal(displaced_by(crowd, "192.0.2.9"), &guests[3]);
    crowd_leave(crowd, &guests[3]);
    crowd_join(crowd, &guests[3], peer("192.0.2.3"), 1099); /* fresher than the idle one is idle */
    assert_ptr_equal(displaced_by(crowd, "192.0.2.9"), &guests[3]);
    crowd_leave(crowd, &guests[3]);
    crowd_join(crowd, &guests[3], peer("192.0.2.3"), 1101);
    assert_ptr_equal(displaced_by(crowd, "192.0.2.9"), &guests[0]);
    crowd_turn(crowd, &guests[3], GUEST_ENDING, 1200);
    assert_ptr_equal(displaced_by(crowd, "192.0.2.9"), &guests[3]);
    leave_all(crowd);
}

static void weight(void **state)
{
    (void)state;
    struct crowd *crowd = crowd_of(10, 10);
    struct guest guests[3];
    for (int i = 0; i < 3; i++) {
        crowd_join(crowd, &guests[i], peer("192.0.2.1"), i);
        crowd_hold(crowd, &guests[i], 300);
    }
    assert_null(crowd_overweight(crowd));
    crowd_hold(crowd, &guests[2], 401);
    assert_ptr_equal(crowd_overweight(crowd), &guests[0]);
    crowd_turn(crowd, &guests[1], GUEST_BLOCKED, 5);
    assert_ptr_equal(crowd_overweight(crowd), &guests[1]);
    crowd_leave(crowd, &guests[1]); /* gives its weight back */
    assert_null(crowd_overweight(crowd));
    crowd_hold(crowd, &guests[0], 0);
    crowd_hold(crowd, &guests[2], 1001);
    assert_ptr_equal(crowd_overweight(crowd), &guests[2]); /* not who holds nothing */
    leave_all(crowd);
}

static void time_limits(void **state)
{
    (void)state;
    struct crowd *crowd = crowd_of(100, 100);
    struct guest guests[2];
    crowd_join(crowd, &guests[0], peer("192.0.2.1"), 0);
    crowd_join(crowd, &guests[1], peer("192.0.2.1"), 0);
    assert_null(crowd_expired(crowd, 9999));
    crowd_turn(crowd, &guests[0], GUEST_IDLE, 5000);
    assert_ptr_equal(crowd_expired(crowd, 10000), &guests[1]);
    crowd_turn(crowd, &guests[1], GUEST_ENDING, 10000);
    assert_null(crowd_expired(crowd, 10999));
    assert_ptr_equal(crowd_expired(crowd, 11000), &guests[1]);
    crowd_leave(crowd, &guests[1]);
    assert_null(crowd_expired(crowd, 14999));
    assert_ptr_equal(crowd_expired(crowd, 15000), &guests[0]);
    leave_all(crowd);
}

/* From three quarters on, the time falls to a twentieth. */
static void time_limits_when_full(void **state)
{
    (void)state;
    struct crowd *crowd = crowd_of(100, 100);
    struct guest guests[100];
    int64_t before_ms = 10000;
    for (int i = 0; i < 100; i++) {
        crowd_join(crowd, &guests[i], peer("192.0.2.1"), 0);
        int64_t limit_ms = crowd_time_limit(crowd, GUEST_IDLE);
        assert_true(limit_ms <= before_ms && (i >= 74 || limit_ms == 10000));
        before_ms = limit_ms;
    }
    assert_int_equal(before_ms, 500);
    leave_all(crowd);
}

/* Many clients come and go: the table of them neither loses nor keeps any. */
static void many(void **state)
{
    (void)state;
    enum { GUESTS = 300 };
    struct crowd *crowd = crowd_of(GUESTS, 2);
    static struct guest guests[GUESTS];
    char address[ADDRESS_TEXT_SIZE];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < GUESTS; i++) {
            snprintf(address, sizeof address, i % 2 ? "10.%d.%d.1" : "2001:db8:%d:%d::1", round,
                     i / 4);
            crowd_join(crowd, &guests[i], peer(address), i);
        }
        snprintf(address, sizeof address, "10.%d.7.1", round);
        assert_true(displaced_by(crowd, address) >= guests);
        assert_int_equal(crowd_count(crowd), GUESTS);
        for (int i = 0; i < GUESTS; i++)
            crowd_leave(crowd, &guests[(i * 7) % GUESTS]);
        assert_null(displaced_by(crowd, address));
        assert_null(crowd_dispensable(crowd));
    }
    leave_all(crowd);
}

static void limit(struct crowd *crowd, unsigned guests, unsigned per_client, int64_t idle_ms)
{
    const struct crowd_limits limits = {
        .guests = guests, .per_client = per_client, .held = 1000, .idle_ms = idle_ms};
    crowd_limit(crowd, &limits);
}

/* Lower limits send nobody away; each new one displaces two, until they are kept. */
static void fewer(void **state)
{
    (void)state;
    enum { GUESTS = 20 };
    struct crowd *crowd = crowd_of(GUESTS, GUESTS);
    struct guest guests[GUESTS];
    for (int i = 0; i < GUESTS; i++)
        crowd_join(crowd, &guests[i], peer(i % 2 ? "192.0.2.1" : "192.0.2.2"), i);
    limit(crowd, 12, GUESTS, 10000);
    assert_int_equal(crowd_count(crowd), GUESTS);
    assert_int_equal(crowd_time_limit(crowd, GUEST_IDLE), 500);
    for (int left = 0; left < 9; left++) {
        assert_ptr_equal(displaced_by(crowd, "192.0.2.9"), &guests[left]);
        crowd_leave(crowd, &guests[left]);
    }
    assert_null(displaced_by(crowd, "192.0.2.9"));
    /* Of one client: those that rest, then the new one itself has to go. */
    limit(crowd, 12, 3, 10000);
    for (int i = 9; i < 13; i += 2) {
        assert_ptr_equal(displaced_by(crowd, "192.0.2.1"), &guests[i]);
        crowd_leave(crowd, &guests[i]);
    }
    for (int i = 13; i < GUESTS; i += 2)
        crowd_turn(crowd, &guests[i], GUEST_PARTIAL, 100);
    assert_ptr_equal(displaced_by(crowd, "192.0.2.1"), &refused);
    leave_all(crowd);
}

/* The table grows with the limit: all clients are found again, as one each. */
static void more(void **state)
{
    (void)state;
    enum { GUESTS = 500 };
    static struct guest guests[GUESTS];
    struct crowd *crowd = crowd_of(3, 1);
    char address[ADDRESS_TEXT_SIZE];
    for (int i = 0; i < GUESTS; i++) {
        if (i % 100 == 3)
            limit(crowd, (unsigned)i * 2 + 200, 1, 10000);
        snprintf(address, sizeof address, i % 2 ? "10.0.%d.%d" : "2001:db8:%d:%d::1", i / 200,
                 i % 200);
        assert_null(displaced_by(crowd, address));
        crowd_join(crowd, &guests[i], peer(address), i);
    }
    for (int i = 0; i < GUESTS; i++) {
        snprintf(address, sizeof address, i % 2 ? "10.0.%d.%d" : "2001:db8:%d:%d::1", i / 200,
                 i % 200);
        assert_ptr_equal(displaced_by(crowd, address), &guests[i]);
    }
    leave_all(crowd);
}

/* A shorter time holds for what begins from then on, and is not held up by what began before. */
static void shorter_time(void **state)
{
    (void)state;
    struct crowd *crowd = crowd_of(100, 100);
    struct guest guests[5];
    crowd_join(crowd, &guests[0], peer("192.0.2.1"), 0);
    crowd_join(crowd, &guests[1], peer("192.0.2.1"), 5000);
    crowd_join(crowd, &guests[4], peer("192.0.2.1"), 5000);
    limit(crowd, 100, 100, 1000);
    crowd_join(crowd, &guests[2], peer("192.0.2.1"), 7000);
    assert_null(crowd_expired(crowd, 7999));
    assert_ptr_equal(crowd_expired(crowd, 8000), &guests[2]);
    crowd_turn(crowd, &guests[1], GUEST_FRESH, 8000); /* the same state, begun anew */
    crowd_leave(crowd, &guests[2]);
    assert_null(crowd_expired(crowd, 8999));
    assert_ptr_equal(crowd_expired(crowd, 9000), &guests[1]);
    crowd_leave(crowd, &guests[1]);
    /* Shorter still: those from before the first change keep the time that they had. */
    limit(crowd, 100, 100, 200);
    crowd_join(crowd, &guests[3], peer("192.0.2.1"), 9100);
    assert_null(crowd_expired(crowd, 9299));
    assert_ptr_equal(crowd_expired(crowd, 9300), &guests[3]);
    crowd_leave(crowd, &guests[3]);
    assert_null(crowd_expired(crowd, 9999));
    assert_ptr_equal(crowd_expired(crowd, 10000), &guests[0]);
    crowd_leave(crowd, &guests[0]);
    assert_null(crowd_expired(crowd, 14999));
    assert_ptr_equal(crowd_expired(crowd, 15000), &guests[4]);
    crowd_leave(crowd, &guests[4]);
    /* Nobody is left from before: the former time is forgotten. */
    crowd_join(crowd, &guests[0], peer("192.0.2.1"), 20000);
    limit(crowd, 100, 100, 100);
    assert_null(crowd_expired(crowd, 20199));
    assert_ptr_equal(crowd_expired(crowd, 20200), &guests[0]);
    leave_all(crowd);
}

/* A longer time holds for all. */
static void longer_time(void **state)
{
    (void)state;
    struct crowd *crowd = crowd_of(100, 100);
    struct guest guests[2];
    crowd_join(crowd, &guests[0], peer("192.0.2.1"), 0);
    limit(crowd, 100, 100, 1000);
    limit(crowd, 100, 100, 60000);
    crowd_join(crowd, &guests[1], peer("192.0.2.1"), 10000);
    assert_null(crowd_expired(crowd, 59999));
    assert_ptr_equal(crowd_expired(crowd, 60000), &guests[0]);
    crowd_leave(crowd, &guests[0]);
    assert_null(crowd_expired(crowd, 69999));
    assert_ptr_equal(crowd_expired(crowd, 70000), &guests[1]);
    leave_all(crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(per_client),  cmocka_unit_test(clients),
        cmocka_unit_test(full),        cmocka_unit_test(weight),
        cmocka_unit_test(time_limits), cmocka_unit_test(time_limits_when_full),
        cmocka_unit_test(many),        cmocka_unit_test(fewer),
        cmocka_unit_test(more),        cmocka_unit_test(shorter_time),
        cmocka_unit_test(longer_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
