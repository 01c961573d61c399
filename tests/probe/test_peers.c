/* SPDX-License-Identifier: BSD-2-Clause */
/* Places at hosts: how many, who goes first, and who has to go. */
#include "base/table.h"
#include "probe/peers.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { GUESTS = 40 };

struct guest {
    struct room *room;
    struct peer_seat seat;
    unsigned granted, asked;
    bool stays; /* asked to go, it says no */
};

struct room {
    struct event_base *base;
    struct peers *peers;
    struct peer *host, *other;
    struct guest guests[GUESTS];
};

static void on_granted(void *context)
{
    struct guest *guest = context;
    assert_true(peer_has(&guest->seat));
    guest->granted++;
}

static void on_give_up(void *context)
{
    struct guest *guest = context;
    guest->asked++;
    if (guest->stays)
        peer_rank(guest->room->peers, &guest->seat, RANK_LIVENESS, false);
    else
        peer_release(guest->room->peers, &guest->seat);
}

static void room_open(struct room *room, unsigned most)
{
    const struct address host = {.family = 4, .bytes = {192, 0, 2, 1}};
    const struct address other = {.family = 6, .bytes = {192, 0, 2, 1}};
    *room = (struct room){.base = event_base_new()};
    room->peers = peers_new(room->base, most);
    room->host = peers_join(room->peers, &host);
    assert_ptr_equal(peers_join(room->peers, &host), room->host);
    room->other = peers_join(room->peers, &other);
    assert_ptr_not_equal(room->other, room->host);
    for (unsigned i = 0; i < GUESTS; i++) {
        struct guest *guest = &room->guests[i];
        guest->room = room;
        guest->seat.granted = on_granted;
        guest->seat.give_up = on_give_up;
        guest->seat.context = guest;
    }
}

static void room_turn(struct room *room)
{
    for (unsigned i = 0; i < 4; i++)
        event_base_loop(room->base, EVLOOP_NONBLOCK);
}

static void room_wait(struct room *room, int ms)
{
    event_base_loopexit(room->base, &(struct timeval){.tv_usec = ms * 1000});
    event_base_loop(room->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

static void room_close(struct room *room)
{
    for (unsigned i = 0; i < GUESTS; i++)
        peer_release(room->peers, &room->guests[i].seat);
    peers_leave(room->peers, room->host);
    peers_leave(room->peers, room->host);
    peers_leave(room->peers, room->other);
    peers_free(room->peers);
    event_base_free(room->base);
}

static bool take(struct room *room, unsigned guest, enum peer_rank rank)
{
    return peer_take(room->peers, room->host, &room->guests[guest].seat, rank);
}

static void leave(struct room *room, unsigned guest)
{
    peer_release(room->peers, &room->guests[guest].seat);
}

static bool has(const struct room *room, unsigned guest)
{
    return peer_has(&room->guests[guest].seat);
}

/* Places of all hosts are taken by sentinels: who comes for more than to idle gets one, wherever it
 * is. */
static void test_idlers_make_room_for_all(void **state)
{
    struct room room;
    (void)state;
    room_open(&room, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(take(&room, i, RANK_SENTINEL));
        peer_rank(room.peers, &room.guests[i].seat, RANK_SENTINEL, true);
    }
    for (unsigned i = 2; i < 4; i++) /* another one idles, or wants to: nobody goes for that */
        assert_false(
            peer_take(room.peers, room.other, &room.guests[i].seat, RANK_SENTINEL + 2 - i));
    room_turn(&room);
    assert_int_equal(peers_taken(room.peers), 2);
    assert_int_equal(room.guests[0].asked + room.guests[1].asked, 0);
    assert_false(peer_take(room.peers, room.other, &room.guests[4].seat, RANK_LIVENESS));
    room_turn(&room);
    assert_true(has(&room, 4));
    assert_int_equal(room.guests[0].asked, 1); /* the eldest */
    assert_true(has(&room, 1));
    assert_false(has(&room, 2) || has(&room, 3));
    leave(&room, 4);
    room_turn(&room);
    assert_true(has(&room, 3)); /* by rank */
    leave(&room, 3);
    room_turn(&room);
    assert_true(has(&room, 2));
    room_close(&room);
}

static void test_two_at_a_host(void **state)
{
    struct room room;
    (void)state;
    room_open(&room, 10);
    assert_true(take(&room, 0, RANK_LIVENESS));
    assert_true(take(&room, 1, RANK_HEDGE));
    assert_false(take(&room, 2, RANK_LIVENESS));
    assert_true(peer_take(room.peers, room.other, &room.guests[3].seat, RANK_LIVENESS));
    room_turn(&room);
    assert_false(has(&room, 2));
    leave(&room, 0);
    assert_false(has(&room, 2)); /* from the loop */
    room_turn(&room);
    assert_true(has(&room, 2));
    assert_int_equal(room.guests[2].granted, 1);
    assert_int_equal(peers_taken(room.peers), 3);
    room_close(&room);
}

static void test_ranks_go_first(void **state)
{
    static const enum peer_rank ranks[] = {RANK_SLOW, RANK_HEDGE, RANK_LIVENESS, RANK_SERVICE,
                                           RANK_LIVENESS};
    static const unsigned order[] = {4, 6, 5, 3, 2};
    struct room room;
    (void)state;
    room_open(&room, 10);
    take(&room, 0, RANK_LIVENESS);
    take(&room, 1, RANK_LIVENESS);
    for (unsigned i = 0; i < 5; i++)
        assert_false(take(&room, 2 + i, ranks[i]));
    unsigned last = 0;
    for (unsigned i = 0; i < 5; i++) {
        leave(&room, last);
        room_turn(&room);
        assert_true(has(&room, order[i]));
        last = order[i];
    }
    room_close(&room);
}

/* One that is asked again and again, and hangs, leaves the others their turn. */
static void test_turns_at_the_whole_dialogue(void **state)
{
    struct room room;
    struct peer_turn hangs = {0}, one = {0}, two = {0};
    (void)state;
    room_open(&room, 10);
    assert_true(peer_may_go_deep(room.host, &hangs, false, 1000));
    take(&room, 0, RANK_SERVICE);
    assert_false(peer_may_go_deep(room.host, &one, false, 2000));
    assert_false(peer_may_go_deep(room.host, &two, true, 2500));
    leave(&room, 0);
    assert_false(peer_may_go_deep(room.host, &two, false, 3000)); /* is the second */
    assert_true(peer_may_go_deep(room.host, &hangs, true, 3000)); /* a verdict waits for it */
    assert_false(peer_may_go_deep(room.host, &hangs, false, 3000));
    assert_true(peer_may_go_deep(room.other, &(struct peer_turn){0}, false, 3000));
    assert_true(peer_may_go_deep(room.host, &one, false, 4000));
    assert_true(peer_may_go_deep(room.host, &two, false, 4500));
    /* Who leaves the line, or does not come back soon, keeps nobody. */
    assert_false(peer_may_go_deep(room.host, &one, false, 5000));
    peer_leave_line(room.host, &hangs);
    assert_true(peer_may_go_deep(room.host, &two, false, 5000 + 5000));
    assert_true(peer_may_go_deep(room.host, &one, false, 20000));
    peer_leave_line(room.host, &one);
    room_close(&room);
}

static void test_one_whole_dialogue(void **state)
{
    struct room room;
    (void)state;
    room_open(&room, 10);
    assert_false(peer_is_deep(room.host));
    assert_true(take(&room, 0, RANK_SERVICE));
    assert_true(peer_is_deep(room.host));
    assert_false(take(&room, 1, RANK_TRIP));
    leave(&room, 0);
    assert_true(peer_is_deep(room.host)); /* that one goes on in a moment */
    leave(&room, 1);
    assert_true(take(&room, 0, RANK_SERVICE));
    assert_false(take(&room, 1, RANK_TRIP));
    assert_true(take(&room, 2, RANK_LIVENESS)); /* who may go goes on */
    assert_false(take(&room, 3, RANK_LIVENESS));
    leave(&room, 2);
    room_turn(&room);
    assert_true(has(&room, 3));
    assert_false(has(&room, 1));
    leave(&room, 0);
    room_turn(&room);
    assert_true(has(&room, 1));
    room_close(&room);
}

/* What has been silent for its quantum goes when somebody waits, but not while the other place is
 * that of a brief one. */
static void test_the_silent_give_up(void **state)
{
    struct room room;
    (void)state;
    room_open(&room, 10);
    take(&room, 0, RANK_LIVENESS);
    take(&room, 1, RANK_LIVENESS);
    peer_rank(room.peers, &room.guests[0].seat, RANK_SILENT, true);
    assert_false(take(&room, 2, RANK_LIVENESS));
    assert_false(take(&room, 3, RANK_HEDGE));
    room_turn(&room);
    assert_true(has(&room, 0));
    peer_rank(room.peers, &room.guests[1].seat, RANK_SILENT, true); /* now none is brief */
    room_turn(&room);
    assert_true(has(&room, 0));
    assert_false(has(&room, 1)); /* the younger */
    assert_true(has(&room, 2));
    leave(&room, 2);
    room_turn(&room);
    assert_true(has(&room, 3));
    assert_int_equal(room.guests[0].asked, 0);
    room_close(&room);
}

/* Beside a brief one that lasts, who only idles, or is no longer needed, goes after a moment; who
 * would have to begin again does not. */
static void test_no_waiting_beside_idlers(void **state)
{
    static const enum peer_rank ranks[] = {RANK_SENTINEL, RANK_DOWN, RANK_SILENT, RANK_SLOW};
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct room room;
        room_open(&room, 10);
        take(&room, 0, RANK_LIVENESS);
        peer_rank(room.peers, &room.guests[0].seat, ranks[i], true);
        take(&room, 1, RANK_LIVENESS);
        assert_false(take(&room, 2, RANK_LIVENESS));
        room_turn(&room);
        assert_true(has(&room, 0));
        leave(&room, 2); /* it was answered elsewhere */
        room_wait(&room, 150);
        assert_true(has(&room, 0));
        assert_false(take(&room, 2, RANK_LIVENESS));
        room_wait(&room, 200);
        assert_int_equal(has(&room, 0), ranks[i] == RANK_SLOW);
        assert_int_equal(has(&room, 2), ranks[i] != RANK_SLOW);
        assert_true(has(&room, 1));
        room_close(&room);
    }
}

/* A whole dialogue that waits for another one's end has no use for the other place. */
static void test_no_one_goes_for_nothing(void **state)
{
    struct room room;
    (void)state;
    room_open(&room, 10);
    take(&room, 0, RANK_SERVICE);
    take(&room, 1, RANK_SENTINEL);
    peer_rank(room.peers, &room.guests[1].seat, RANK_SENTINEL, true);
    assert_false(take(&room, 2, RANK_TRIP));
    room_wait(&room, 150);
    assert_true(has(&room, 1));
    assert_false(take(&room, 3, RANK_LIVENESS)); /* who comes behind it has */
    room_turn(&room);
    assert_false(has(&room, 1));
    assert_true(has(&room, 3) && !has(&room, 2));
    room_close(&room);
}

static void test_hedges_send_only_the_slow_away(void **state)
{
    struct room room;
    (void)state;
    room_open(&room, 10);
    take(&room, 0, RANK_LIVENESS);
    peer_rank(room.peers, &room.guests[0].seat, RANK_SILENT, true);
    take(&room, 1, RANK_LIVENESS);
    peer_rank(room.peers, &room.guests[1].seat, RANK_SILENT, true);
    assert_false(take(&room, 2, RANK_HEDGE));
    room_turn(&room);
    assert_true(has(&room, 0) && has(&room, 1));
    peer_rank(room.peers, &room.guests[0].seat, RANK_SLOW, true);
    room_turn(&room);
    assert_false(has(&room, 0));
    assert_true(has(&room, 2));
    room_close(&room);
}

static void test_one_may_say_no(void **state)
{
    struct room room;
    (void)state;
    room_open(&room, 10);
    for (unsigned i = 0; i < 2; i++) {
        take(&room, i, RANK_SLOW);
        room.guests[i].stays = true;
        peer_rank(room.peers, &room.guests[i].seat, RANK_SLOW, true);
    }
    assert_false(take(&room, 2, RANK_LIVENESS));
    room_turn(&room);
    assert_int_equal(room.guests[1].asked, 1);
    assert_int_equal(room.guests[0].asked, 0); /* the other one is brief from then on */
    leave(&room, 1);
    room_turn(&room);
    assert_true(has(&room, 2));
    room_close(&room);
}

static void test_places_of_all(void **state)
{
    struct room room;
    (void)state;
    room_open(&room, 1);
    assert_true(take(&room, 0, RANK_LIVENESS));
    assert_false(take(&room, 1, RANK_LIVENESS));
    assert_false(peer_take(room.peers, room.other, &room.guests[2].seat, RANK_LIVENESS));
    room_turn(&room);
    assert_int_equal(peers_taken(room.peers), 1);
    leave(&room, 0);
    room_turn(&room);
    assert_true(has(&room, 1) && !has(&room, 2)); /* in their order */
    leave(&room, 1);
    room_turn(&room);
    assert_true(has(&room, 2));
    room_close(&room);
}

static void test_hung_hosts(void **state)
{
    struct room room;
    (void)state;
    room_open(&room, 1);
    assert_false(peer_is_hung(room.host, -1, 100));
    peer_note_silent(room.host, 1);
    assert_false(peer_is_silent_elsewhere(room.host));
    peer_note_silent(room.host, 1);
    assert_true(peer_is_silent_elsewhere(room.host));
    peer_note_hung(room.host, 1000, 3500);
    assert_true(peer_is_hung(room.host, 900, 3600));
    assert_true(peer_is_hung(room.host, 1200, 3600));
    assert_false(peer_is_hung(room.host, 1300, 3600)); /* heard from since */
    assert_false(peer_is_hung(room.host, 900, 10000)); /* long ago */
    assert_false(peer_is_hung(room.other, 900, 3600));
    room_close(&room);
}

/* Whatever comes and goes: never more than two, and nobody waits beside a free place. */
static void test_any_order(void **state)
{
    struct room room;
    uint64_t random = 1;
    (void)state;
    room_open(&room, 3);
    for (unsigned step = 0; step < 20000; step++) {
        random = hash_bytes(&random, sizeof random, step);
        unsigned number = random % GUESTS;
        struct guest *guest = &room.guests[number];
        struct peer *peer = number % 2 ? room.host : room.other;
        if (guest->seat.state == SEAT_NONE)
            peer_take(room.peers, peer, &guest->seat, (enum peer_rank)(random >> 8) % 8);
        else if (random >> 16 & 1)
            peer_release(room.peers, &guest->seat);
        else
            peer_rank(room.peers, &guest->seat, (enum peer_rank)(random >> 8) % 8,
                      random >> 17 & 1);
        if (random >> 20 & 1)
            room_turn(&room);
        unsigned taken[2] = {0}, ready = 0;
        for (unsigned i = 0; i < GUESTS; i++) {
            taken[i % 2] += has(&room, i);
            ready += room.guests[i].seat.state == SEAT_READY;
        }
        assert_in_range(taken[0], 0, 2);
        assert_in_range(taken[1], 0, 2);
        assert_int_equal(taken[0] + taken[1], peers_taken(room.peers));
        assert_in_range(peers_taken(room.peers), 0, 3);
        if (random >> 20 & 1 && ready)
            assert_int_equal(peers_taken(room.peers), 3);
    }
    room_close(&room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_at_a_host),
        cmocka_unit_test(test_ranks_go_first),
        cmocka_unit_test(test_one_whole_dialogue),
        cmocka_unit_test(test_turns_at_the_whole_dialogue),
        cmocka_unit_test(test_the_silent_give_up),
        cmocka_unit_test(test_no_waiting_beside_idlers),
        cmocka_unit_test(test_no_one_goes_for_nothing),
        cmocka_unit_test(test_hedges_send_only_the_slow_away),
        cmocka_unit_test(test_one_may_say_no),
        cmocka_unit_test(test_places_of_all),
        cmocka_unit_test(test_idlers_make_room_for_all),
        cmocka_unit_test(test_hung_hosts),
        cmocka_unit_test(test_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
