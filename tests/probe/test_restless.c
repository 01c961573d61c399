/* SPDX-License-Identifier: BSD-2-Clause */
/* test_restless [SECONDS [SEED]]: servers that greet, hang, are slow, sick, gone, as chance has it;
 * targets that come and go, are asked at once, fall and rise; lodgers that take places at their
 * hosts. Whatever happens, no host sees more than two sessions, who was removed is not reported,
 * and when all is well again each target is soon known to be. */
#include "base/clock.h"
#include "base/table.h"
#include "probe/peers.h"
#include "probe/probe.h"
#include "probe/session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    HOSTS = 3,
    PORTS = 4,
    SHOPS = HOSTS * PORTS,
    GUESTS = 8, /* at one shop: two, and those that have just closed */
    TICK_MS = 10,
    CHAOS_MS = 5000,
    CALM_MS = 3000,
    INTERVAL_MS = 250,
};

enum manner {
    MANNER_GOOD,
    MANNER_SILENT, /* connects, says nothing */
    MANNER_LATE,   /* greets after a while */
    MANNER_MUTE,   /* greets, and answers nothing */
    MANNER_PART,   /* an octet of a greeting */
    MANNER_SICK,   /* 421 */
    MANNER_CLOSES,
    MANNER_RESETS,
    MANNER_GONE, /* nobody listens */
    MANNERS
};

struct guest {
    struct shop *shop;
    struct event *io;
    int fd; /* -1: none */
    bool greeted;
    int64_t greet_ms;
};

struct shop {
    struct world *world;
    struct address address;
    uint16_t port;
    enum manner manner;
    int fd; /* -1: nobody listens */
    struct event *io;
    struct guest guests[GUESTS];
    bool probed;     /* it is in the prober */
    uint32_t id;     /* of its target: another one each time */
    unsigned deaths; /* failures in a row */
    int64_t good_ms, reported_ms;
};

struct lodger {
    struct world *world;
    struct peer *peer;
    struct peer_seat seat;
};

struct world {
    struct event_base *base;
    struct event *tick;
    struct prober *prober;
    struct check_settings check;
    struct shop shops[SHOPS];
    struct lodger lodgers[HOSTS];
    uint64_t random;
    uint32_t ids;
    bool calm;
    unsigned reports, revoked, lates, most, strangers, by_reason[REASON_COUNT];
    int64_t now_ms;
};

/* Below `end`. */
static unsigned chance(struct world *world, unsigned end)
{
    world->random = hash_bytes(&world->random, sizeof world->random, 4711);
    return (unsigned)(world->random >> 16) % end;
}

/* ---- the servers ---- */

static void guest_end(struct guest *guest)
{
    if (guest->fd < 0)
        return;
    event_free(guest->io);
    close(guest->fd);
    guest->fd = -1;
}

static void guest_say(const struct guest *guest, const char *words)
{
    (void)!send(guest->fd, words, strlen(words), MSG_NOSIGNAL);
}

static void guest_greet(struct guest *guest)
{
    enum manner manner = guest->shop->manner;
    guest->greeted = true;
    guest_say(guest, manner == MANNER_SICK   ? "421 later\r\n"
                     : manner == MANNER_PART ? "2"
                                             : "220 mx.example.test\r\n");
}

static void guest_on_input(evutil_socket_t fd, short what, void *context)
{
    struct guest *guest = context;
    char words[512];
    (void)what;
    ssize_t got = recv(fd, words, sizeof words - 1, 0);
    if (got <= 0) {
        guest_end(guest);
        return;
    }
    words[got] = '\0';
    if (guest->shop->manner == MANNER_MUTE || guest->shop->manner == MANNER_SILENT)
        return;
    guest_say(guest, strstr(words, "QUIT") ? "221 bye\r\n" : "250 ok\r\n");
    if (strstr(words, "QUIT"))
        guest_end(guest);
}

static void shop_receive(struct shop *shop, int fd)
{
    static const struct linger reset = {.l_onoff = 1};
    struct world *world = shop->world;
    struct guest *guest = shop->guests;
    while (guest->fd >= 0)
        if (++guest == shop->guests + GUESTS)
            fail_msg("a service has more than %d guests", GUESTS);
    if (shop->manner == MANNER_RESETS)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (shop->manner == MANNER_RESETS || shop->manner == MANNER_CLOSES) {
        close(fd);
        return;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    *guest = (struct guest){.shop = shop, .fd = fd};
    guest->io = event_new(world->base, fd, EV_READ | EV_PERSIST, guest_on_input, guest);
    event_add(guest->io, NULL);
    bool waits = shop->manner == MANNER_LATE || shop->manner == MANNER_SILENT;
    guest->greet_ms = world->now_ms + (waits ? 200 + chance(world, 2500) : 0);
    if (!waits)
        guest_greet(guest);
}

static void shop_on_guest(evutil_socket_t fd, short what, void *context)
{
    int guest = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    (void)what;
    if (guest >= 0)
        shop_receive(context, guest);
}

static void shop_shut(struct shop *shop)
{
    if (shop->fd < 0)
        return;
    event_free(shop->io);
    close(shop->fd);
    shop->fd = -1;
}

static void shop_listen(struct shop *shop)
{
    const int on = 1;
    struct sockaddr_storage name;
    socklen_t size = address_to_sockaddr(&shop->address, shop->port, &name);
    if (shop->fd >= 0)
        return;
    shop->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(shop->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(bind(shop->fd, (struct sockaddr *)&name, size), 0);
    assert_int_equal(listen(shop->fd, 16), 0);

    shop->io = event_new(shop->world->base, shop->fd, EV_READ | EV_PERSIST, shop_on_guest, shop);
    event_add(shop->io, NULL);
}

static void shop_behave(struct shop *shop, enum manner manner)
{
    shop->manner = manner;
    if (manner == MANNER_GONE)
        shop_shut(shop);
    else
        shop_listen(shop);
}

/* Who waits for a greeting gets it when it is time, where it is not withheld. */
static void shop_look(struct shop *shop, int64_t now_ms)
{
    for (struct guest *guest = shop->guests; guest < shop->guests + GUESTS; guest++)
        if (guest->fd >= 0 && !guest->greeted && shop->manner != MANNER_SILENT &&
            (now_ms >= guest->greet_ms || shop->world->calm))
            guest_greet(guest);
}

/* ---- the targets ---- */

static void shop_probe(struct shop *shop)
{
    struct world *world = shop->world;
    const struct probe_target target = {.address = shop->address,
                                        .port = shop->port,
                                        .check = &world->check,
                                        .host = "mx.example.test"};
    shop->id = ++world->ids;
    shop->probed = true;
    shop->deaths = 0;
    shop->reported_ms = shop->good_ms = world->now_ms;
    prober_add(world->prober, shop->id, &target, INTERVAL_MS);
}

static void shop_forget(struct shop *shop)
{
    prober_remove(shop->world->prober, shop->id);
    shop->probed = false;
}

static struct shop *shop_of(struct world *world, uint32_t id)
{
    for (size_t i = 0; i < SHOPS; i++)
        if (world->shops[i].probed && world->shops[i].id == id)
            return &world->shops[i];
    world->strangers++;
    return NULL;
}

/* What may happen at any moment, in a report as well. */
static void something_happens(struct world *world)
{
    struct shop *shop = &world->shops[chance(world, SHOPS)];
    switch (chance(world, 8)) {
    case 0:
        if (shop->probed)
            shop_forget(shop);
        else
            shop_probe(shop);
        break;
    case 1:
    case 2:
        if (shop->probed)
            prober_hurry(world->prober, shop->id);
        break;
    case 3:
        shop_behave(shop, MANNER_GOOD);
        break;
    default:
        shop_behave(shop, (enum manner)chance(world, MANNERS));
    }
}

static struct probe_next on_done(void *context, uint32_t id, const struct outcome *outcome,
                                 int64_t now_ms)
{
    struct world *world = context;
    struct shop *shop = shop_of(world, id);
    struct probe_next next = {.wait_ms = INTERVAL_MS, .depth = DEPTH_LIVENESS};
    if (!shop)
        return next;
    world->reports++;
    world->revoked += outcome->revoked;
    world->by_reason[outcome->reason]++;
    shop->reported_ms = now_ms;
    if (outcome->reason == REASON_OK)
        shop->good_ms = now_ms;
    shop->deaths = outcome->reason == REASON_OK ? 0 : shop->deaths + 1;
    next.depth = chance(world, 4) ? DEPTH_LIVENESS : DEPTH_SERVICE;
    next.exact = shop->deaths && chance(world, 2);
    next.down = shop->deaths > 2;
    if (next.exact)
        next.wait_ms = 20 + chance(world, 300);
    if (!world->calm && chance(world, 8) == 0)
        something_happens(world);
    return next;
}

static void on_late(void *context, uint32_t id, int64_t since_ms, int64_t decides_ms,
                    int64_t now_ms)
{
    struct world *world = context;
    (void)since_ms, (void)decides_ms, (void)now_ms;
    world->lates++;
    if (shop_of(world, id) && !world->calm)
        something_happens(world);
}

/* ---- others who want places ---- */

static struct peers *world_peers(const struct world *world)
{
    return prober_sessions(world->prober)->peers;
}

static void lodger_on_granted(void *context)
{
    const struct lodger *lodger = context;
    assert_true(peer_has(&lodger->seat));
}

static void lodger_on_give_up(void *context)
{
    struct lodger *lodger = context;
    if (chance(lodger->world, 4))
        peer_release(world_peers(lodger->world), &lodger->seat);
    else
        peer_rank(world_peers(lodger->world), &lodger->seat, RANK_TRIP, false);
}

static void lodger_move(struct lodger *lodger)
{
    struct world *world = lodger->world;
    struct peers *peers = world_peers(world);
    if (!peer_has(&lodger->seat) && !peer_waits(&lodger->seat))
        peer_take(peers, lodger->peer, &lodger->seat, chance(world, 2) ? RANK_SENTINEL : RANK_TRIP);
    else if (chance(world, 2))
        peer_release(peers, &lodger->seat);
    else
        peer_rank(peers, &lodger->seat, RANK_SENTINEL, true);
}

/* ---- what must hold ---- */

/* Connections to a host that are not closed yet at the other end. */
static void count_sessions(struct world *world)
{
    unsigned open[HOSTS] = {0};
    for (size_t i = 0; i < SHOPS; i++) {
        for (size_t j = 0; j < GUESTS; j++) {
            struct pollfd end = {.fd = world->shops[i].guests[j].fd, .events = POLLRDHUP};
            open[i / PORTS] += end.fd >= 0 && poll(&end, 1, 0) == 0;
        }
    }
    for (size_t i = 0; i < HOSTS; i++)
        world->most = open[i] > world->most ? open[i] : world->most;
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
    struct world *world = context;
    (void)fd, (void)what;
    world->now_ms = clock_now_ms();
    for (size_t i = 0; i < SHOPS; i++)
        shop_look(&world->shops[i], world->now_ms);
    count_sessions(world);
    if (world->calm)
        return;
    if (chance(world, 6) == 0)
        something_happens(world);
    if (chance(world, 10) == 0)
        lodger_move(&world->lodgers[chance(world, HOSTS)]);
}

/* ---- a run ---- */

static void world_open(struct world *world, struct event_base *base, uint64_t seed, unsigned places)
{
    const struct probe_reports reports = {.done = on_done, .late = on_late};
    const struct prober_options options = {.ehlo_name = "probe.example.test",
                                           .max_sessions = places};
    *world = (struct world){.base = base, .random = seed};
    world->check = (struct check_settings){
        .kind = CHECK_SMTP,
        .tls = CHECK_TLS_OFF,
        .interval_ms = INTERVAL_MS,
        .service_interval_ms = 4 * INTERVAL_MS,
        .connect_timeout_ms = 1500,
        .greeting_timeout_ms = 2000,
        .reply_timeout_ms = 1000,
        .timeout_ms = 5000,
    };
    world->now_ms = clock_now_ms();
    world->prober = prober_new(world->base, &options, &reports, world);
    for (size_t i = 0; i < SHOPS; i++) {
        struct shop *shop = &world->shops[i];
        char address[32];
        snprintf(address, sizeof address, "127.47.%u.%zu", (unsigned)seed % 256, 1 + i / PORTS);
        *shop = (struct shop){.world = world, .fd = -1, .port = (uint16_t)(47250 + i)};
        assert_true(address_parse(address, &shop->address));
        for (size_t j = 0; j < GUESTS; j++)
            shop->guests[j].fd = -1;
        shop_listen(shop);
        shop_probe(shop);
    }
    for (size_t i = 0; i < HOSTS; i++) {
        struct lodger *lodger = &world->lodgers[i];
        lodger->world = world;
        lodger->seat.granted = lodger_on_granted;
        lodger->seat.give_up = lodger_on_give_up;
        lodger->seat.context = lodger;
        lodger->peer = peers_join(world_peers(world), &world->shops[i * PORTS].address);
    }
    world->tick = event_new(world->base, -1, EV_PERSIST, on_tick, world);
    event_add(world->tick, &(struct timeval){.tv_usec = TICK_MS * 1000});
}

/* All is well from now on. */
static void world_calm(struct world *world)
{
    world->calm = true;
    for (size_t i = 0; i < HOSTS; i++)
        peer_release(world_peers(world), &world->lodgers[i].seat);
    for (size_t i = 0; i < SHOPS; i++) {
        shop_behave(&world->shops[i], MANNER_GOOD);
        if (!world->shops[i].probed)
            shop_probe(&world->shops[i]);
    }
}

/* Each target has been seen to be well lately. */
static void world_check(const struct world *world)
{
    for (size_t i = 0; i < SHOPS; i++) {
        const struct shop *shop = &world->shops[i];
        int64_t ago_ms = clock_now_ms() - shop->good_ms;
        if (ago_ms > CALM_MS / 2)
            fail_msg("service %zu was last good %lld ms ago, and last reported %lld ms ago", i,
                     (long long)ago_ms, (long long)(clock_now_ms() - shop->reported_ms));
    }
    assert_int_equal(world->strangers, 0);
    assert_in_range(world->most, 1, PEER_PLACES);
}

static void world_close(struct world *world)
{
    struct prober_numbers numbers;
    for (size_t i = 0; i < SHOPS; i++)
        shop_forget(&world->shops[i]);
    prober_numbers(world->prober, &numbers);
    assert_int_equal(numbers.targets, 0);
    assert_int_equal(numbers.sessions, 0);
    assert_true(numbers.finished <= numbers.started);
    for (size_t i = 0; i < HOSTS; i++)
        peers_leave(world_peers(world), world->lodgers[i].peer);
    prober_free(world->prober);
    for (size_t i = 0; i < SHOPS; i++) {
        shop_shut(&world->shops[i]);
        for (size_t j = 0; j < GUESTS; j++)
            guest_end(&world->shops[i].guests[j]);
    }
    event_free(world->tick);
}

static struct {
    int64_t chaos_ms;
    uint64_t seed;
} choice = {CHAOS_MS, 1};

static void run_for(struct event_base *base, int64_t ms)
{
    event_base_loopexit(base, &(struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000});
    event_base_dispatch(base);
}

static void world_print(const struct world *world)
{
    print_message("%u reports, %u revoked, %u late; at most %u sessions at a host:", world->reports,
                  world->revoked, world->lates, world->most);
    for (int i = 0; i < REASON_COUNT; i++)
        if (world->by_reason[i])
            print_message(" %s %u", reason_word((enum reason)i), world->by_reason[i]);
    print_message("\n");
}

/* Side by side: one with places enough, one that has half of what its hosts have, and fewer than
 * those who want to idle. */
static void test_restless(void **state)
{
    static const unsigned places[] = {100, HOSTS};
    enum { WORLDS = sizeof places / sizeof *places };
    struct event_base *base = event_base_new();
    struct world worlds[WORLDS];
    (void)state;

    for (unsigned i = 0; i < WORLDS; i++)
        world_open(&worlds[i], base, choice.seed * WORLDS + i, places[i]);
    for (int64_t left_ms = choice.chaos_ms; left_ms > 0; left_ms -= CHAOS_MS) {
        for (unsigned i = 0; i < WORLDS; i++)
            worlds[i].calm = false;
        run_for(base, left_ms < CHAOS_MS ? left_ms : CHAOS_MS);
        for (unsigned i = 0; i < WORLDS; i++)
            world_calm(&worlds[i]);
        run_for(base, CALM_MS);
        for (unsigned i = 0; i < WORLDS; i++)
            world_check(&worlds[i]);
    }
    for (unsigned i = 0; i < WORLDS; i++) {
        world_print(&worlds[i]);
        world_close(&worlds[i]);
    }
    event_base_free(base);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_restless)};
    if (argc > 1)
        choice.chaos_ms = atoll(argv[1]) * 1000;
    if (argc > 2)
        choice.seed = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
