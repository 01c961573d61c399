/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine with its thread and a real prober, against a small mail host on loopback that can be
 * killed and started again. */
#include "engine/engine.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "support/stage.h"
#include "wire/name.h"
#include "wire/rrtype.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* Far above what anything here takes; under a sanitizer on a busy machine it may take long. */
enum { DEADLINE_MS = 30000, PAUSE_US = 5000 };

/* ---- a mail host: greets, says 250 to all, leaves at QUIT ---- */

struct mailhost {
    int listener;
    int stop[2]; /* a pipe */
    pthread_t thread;
};

static void serve_one(int client)
{
    const struct timeval limit = {.tv_sec = 5};
    char line[512];
    size_t used = 0;
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    send(client, "220 mailhost ESMTP\r\n", 20, MSG_NOSIGNAL);
    for (;;) {
        ssize_t got = recv(client, line + used, sizeof line - 1 - used, 0);
        if (got <= 0)
            return;
        used += (size_t)got;
        line[used] = '\0';
        if (!strstr(line, "\r\n"))
            continue;
        bool quits = strncasecmp(line, "QUIT", 4) == 0;
        used = 0;
        send(client, quits ? "221 bye\r\n" : "250 ok\r\n", quits ? 9 : 8, MSG_NOSIGNAL);
        if (quits)
            return;
    }
}

static void *serve(void *context)
{
    struct mailhost *host = context;
    struct pollfd wanted[] = {{.fd = host->listener, .events = POLLIN},
                              {.fd = host->stop[0], .events = POLLIN}};
    while (poll(wanted, 2, -1) >= 0 && !wanted[1].revents) {
        int client = accept(host->listener, NULL, NULL);
        if (client < 0)
            continue;
        serve_one(client);
        close(client);
    }
    return NULL;
}

/* Port 0: any; returns the port. */
static uint16_t mailhost_start(struct mailhost *host, const char *address, uint16_t port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t size = sizeof name;
    const int on = 1;
    assert_int_equal(inet_pton(AF_INET, address, &name.sin_addr), 1);
    host->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(host->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(bind(host->listener, (struct sockaddr *)&name, size), 0);
    assert_int_equal(listen(host->listener, 100), 0);
    assert_int_equal(getsockname(host->listener, (struct sockaddr *)&name, &size), 0);
    assert_int_equal(pipe2(host->stop, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&host->thread, NULL, serve, host), 0);
    return ntohs(name.sin_port);
}

static void mailhost_kill(struct mailhost *host)
{
    assert_int_equal(write(host->stop[1], "x", 1), 1);
    pthread_join(host->thread, NULL);
    close(host->listener);
    close(host->stop[0]);
    close(host->stop[1]);
}

/* ---- the engine beside them ---- */

struct world {
    struct stage stage; /* zones, configuration, questions; its core is not used */
    struct mailhost one, other;
    uint16_t port;
    struct engine *engine;
};

static void world_begin(struct world *world, const char *zone, bool probing)
{
    char config[512];
    struct error error;
    memset(world, 0, sizeof *world);
    stage_init(&world->stage, true);
    world->port = mailhost_start(&world->one, "127.0.0.11", 0);
    mailhost_start(&world->other, "127.0.0.12", world->port);
    snprintf(config, sizeof config,
             "server: {probing: %s}\n"
             "checks:\n"
             "  smtp: {port: %u, interval: 100ms, recheck: 50ms, hold: 0s, slow-start: 0s}\n",
             probing ? "on" : "off", world->port);
    stage_config(&world->stage, config);
    stage_zone(&world->stage, "example.test", zone);
    const struct engine_options options = {.probing = probing};
    world->engine =
        engine_new(&options, world->stage.publisher, stage_build(&world->stage), &error);
    assert_non_null(world->engine);
}

static void world_end(struct world *world)
{
    engine_free(world->engine);
    mailhost_kill(&world->one);
    mailhost_kill(&world->other);
    stage_free(&world->stage);
}

/* The target of a host's (first) address, if there is one. */
static bool find_target(struct world *world, const char *host, struct verdict *verdict)
{
    struct engine_status status;
    struct error error;
    bool found = false;
    if (!engine_status(world->engine, &status, &error))
        fail_msg("status: %s", error.text);
    for (size_t i = 0; i < status.ntargets && !found; i++) {
        found = strcmp(status.targets[i].host, host) == 0;
        *verdict = status.targets[i].verdict;
    }
    engine_status_free(&status);
    return found;
}

static void wait_for(struct world *world, const char *host, enum verdict_status wanted)
{
    struct verdict verdict;
    int64_t deadline_ms = clock_now_ms() + DEADLINE_MS;
    do {
        if (find_target(world, host, &verdict) && verdict.known && verdict.status == wanted)
            return;
        usleep(PAUSE_US);
    } while (clock_now_ms() < deadline_ms);
    fail_msg("%s did not become %s", host, verdict_status_word(wanted));
}

/* "mx1.example.test. mx2.example.test. ttl 10", in the order of preferences. */
static void assert_mx(struct world *world, const char *expected)
{
    char text[512] = "";
    ldns_pkt *packet = stage_ask(&world->stage, "example.test", RRTYPE_MX);
    ldns_rr_list *list = ldns_pkt_answer(packet);
    ldns_rr_list_sort(list);
    for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++) {
        char *name = ldns_rdf2str(ldns_rr_rdf(ldns_rr_list_rr(list, i), 1));
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "", name);
        free(name);
    }
    ldns_pkt_free(packet);
    assert_string_equal(text, expected);
}

static void dies_and_returns(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world, ZONE_HEAD TWO_HOSTS, true);
    assert_mx(&world, "mx1.example.test. mx2.example.test."); /* before any probe */
    wait_for(&world, "mx1.example.test", VERDICT_UP);
    wait_for(&world, "mx2.example.test", VERDICT_UP);
    mailhost_kill(&world.one);
    wait_for(&world, "mx1.example.test", VERDICT_DOWN);
    assert_mx(&world, "mx2.example.test."); /* what status tells is in the answers */
    struct verdict verdict;
    assert_true(find_target(&world, "mx1.example.test", &verdict));
    assert_int_equal(verdict.reason, REASON_REFUSED);
    mailhost_start(&world.one, "127.0.0.11", world.port);
    wait_for(&world, "mx1.example.test", VERDICT_UP);
    assert_mx(&world, "mx1.example.test. mx2.example.test.");
    world_end(&world);
}

static void forced_by_another_thread(void **state)
{
    (void)state;
    struct world world;
    struct error error;
    size_t count;
    world_begin(&world, ZONE_HEAD TWO_HOSTS, true);
    assert_true(engine_force(world.engine, "MX1.example.test", FORCED_DRAIN, &count, &error));
    assert_int_equal(count, 1);
    assert_mx(&world, "mx2.example.test."); /* when the call returns, it is so */
    assert_false(engine_force(world.engine, "mx3.example.test", FORCED_DRAIN, &count, &error));
    assert_non_null(strstr(error.text, "no such host"));
    assert_true(engine_force(world.engine, "mx1.example.test", FORCED_NOT, &count, &error));
    assert_mx(&world, "mx1.example.test. mx2.example.test.");
    world_end(&world);
}

static void loads_another_zone(void **state)
{
    (void)state;
    struct world world;
    struct error error;
    struct verdict verdict;
    world_begin(&world, ZONE_HEAD TWO_HOSTS, true);
    wait_for(&world, "mx2.example.test", VERDICT_UP);
    mailhost_kill(&world.one);
    wait_for(&world, "mx1.example.test", VERDICT_DOWN);
    stage_zone(&world.stage, "example.test",
               ZONE_HEAD TWO_HOSTS "@ MX 30 mx3\n"
                                   "mx3 A 127.0.0.12\n"
                                   "@ MX 40 mx4\n"
                                   "mx4 A 127.0.0.13\n");
    for (int i = 0; i < 20; i++)
        assert_true(engine_load(world.engine, stage_build(&world.stage), &error));
    assert_true(find_target(&world, "mx1.example.test", &verdict));
    assert_int_equal(verdict.status, VERDICT_DOWN);
    assert_true(find_target(&world, "mx2.example.test", &verdict));
    assert_true(verdict.known);
    wait_for(&world, "mx4.example.test", VERDICT_DOWN);
    assert_mx(&world, "mx2.example.test. mx3.example.test.");
    mailhost_start(&world.one, "127.0.0.11", world.port);
    wait_for(&world, "mx1.example.test", VERDICT_UP);
    world_end(&world);
}

/* "localhost" stands in /etc/hosts of every machine that this runs on. */
static void external_host_is_resolved(void **state)
{
    (void)state;
    struct world world;
    struct error error;
    struct verdict verdict;
    world_begin(&world, ZONE_HEAD TWO_HOSTS "@ MX 30 localhost.\n", true);
    wait_for(&world, "localhost", VERDICT_DOWN); /* nobody listens there at this port */
    assert_mx(&world, "mx1.example.test. mx2.example.test.");
    /* It stays known over a load, and goes with the zone. */
    assert_true(engine_load(world.engine, stage_build(&world.stage), &error));
    assert_true(find_target(&world, "localhost", &verdict));
    assert_int_equal(verdict.status, VERDICT_DOWN);
    stage_zone(&world.stage, "example.test", ZONE_HEAD TWO_HOSTS);
    assert_true(engine_load(world.engine, stage_build(&world.stage), &error));
    assert_false(find_target(&world, "localhost", &verdict));
    /* And comes back. */
    stage_zone(&world.stage, "example.test", ZONE_HEAD TWO_HOSTS "@ MX 30 localhost.\n");
    assert_true(engine_load(world.engine, stage_build(&world.stage), &error));
    wait_for(&world, "localhost", VERDICT_DOWN);
    world_end(&world);
}

static void explains_to_another_thread(void **state)
{
    (void)state;
    struct world world;
    struct error error;
    struct engine_explanation got;
    uint8_t name[NAME_MAX_SIZE];
    world_begin(&world, ZONE_HEAD TWO_HOSTS, true);
    wait_for(&world, "mx1.example.test", VERDICT_UP);
    name_from_text("example.test", name);
    assert_true(engine_explain(world.engine, name, RRTYPE_MX, &got, &error));
    assert_string_equal(got.how, "steered by pool example.test MX");
    assert_int_equal(got.nrecords, 2);
    assert_int_equal(got.targets[got.records[0].targets[0]].verdict.status, VERDICT_UP);
    engine_explanation_free(&got);
    world_end(&world);
}

static void probing_off_probes_nothing(void **state)
{
    (void)state;
    struct world world;
    struct engine_status status;
    struct error error;
    world_begin(&world, ZONE_HEAD TWO_HOSTS, false);
    assert_true(engine_status(world.engine, &status, &error));
    for (size_t i = 0; i < status.ntargets; i++)
        assert_false(status.targets[i].verdict.probed);
    assert_int_equal(status.sessions, 0);
    engine_status_free(&status);
    assert_mx(&world, "mx1.example.test. mx2.example.test.");
    world_end(&world);
}

static void ends_at_once_in_the_middle_of_it(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct world world;
        world_begin(&world, ZONE_HEAD TWO_HOSTS "@ MX 30 nowhere.invalid.\n", true);
        usleep((useconds_t)i * 5000); /* at any moment of the first probes */
        world_end(&world);
    }
}

/* ---- the heartbeat ---- */

static bool beats_within(struct world *world, int64_t ms)
{
    int64_t before = engine_heartbeat_ms(world->engine), deadline_ms = clock_now_ms() + ms;
    while (clock_now_ms() < deadline_ms) {
        if (engine_heartbeat_ms(world->engine) != before)
            return true;
        usleep(PAUSE_US);
    }
    return false;
}

/* A log that nobody reads: the next line written to it blocks. Returns its end to read from. */
static int block_log(int *saved)
{
    int ends[2];
    char filling[4096];
    *saved = dup(STDERR_FILENO);
    assert_true(*saved >= 0 && pipe(ends) == 0);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    memset(filling, '\n', sizeof filling);
    while (write(ends[1], filling, sizeof filling) > 0)
        ;
    while (write(ends[1], filling, 1) > 0)
        ;
    fcntl(ends[1], F_SETFL, 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    return ends[0];
}

/* Whoever is blocked gets on with its work. */
static void unblock_log(int end, int saved)
{
    char bytes[4096];
    dup2(saved, STDERR_FILENO);
    close(saved);
    while (read(end, bytes, sizeof bytes) > 0)
        ;
    close(end);
}

static void heartbeat_stops_with_the_thread(void **state)
{
    (void)state;
    struct world world;
    struct engine_status status;
    struct error error = {""};
    int saved;
    world_begin(&world, ZONE_HEAD TWO_HOSTS, true);
    wait_for(&world, "mx1.example.test", VERDICT_UP);
    for (int i = 0; i < 3; i++)
        assert_true(beats_within(&world, DEADLINE_MS));
    int end = block_log(&saved);
    mailhost_kill(&world.one); /* which the engine wants to log */
    int64_t deadline_ms = clock_now_ms() + DEADLINE_MS;
    bool beats = true;
    while (beats && clock_now_ms() < deadline_ms)
        beats = beats_within(&world, 2000);
    int64_t start_ms = clock_now_ms();
    bool answered = engine_status(world.engine, &status, &error);
    int64_t took_ms = clock_now_ms() - start_ms;
    unblock_log(end, saved);
    assert_false(beats);
    assert_false(answered);
    assert_in_range(took_ms, ENGINE_PATIENCE_MS - 1, 2 * ENGINE_PATIENCE_MS);
    assert_string_equal(error.text, "the engine gives no answer within 5 s");
    /* The caller has given up, the engine goes on. */
    assert_true(beats_within(&world, DEADLINE_MS));
    wait_for(&world, "mx1.example.test", VERDICT_DOWN);
    mailhost_start(&world.one, "127.0.0.11", world.port);
    world_end(&world);
}

/* Heartbeats also come when there is nothing to do. */
static void heartbeat_goes_on_without_work(void **state)
{
    (void)state;
    struct world world;
    world_begin(&world, ZONE_HEAD, true);
    for (int i = 0; i < 4; i++)
        assert_true(beats_within(&world, 1000 + DEADLINE_MS));
    world_end(&world);
}

/* OpenSSL without anybody who provides what TLS takes. */
static void a_prober_that_cannot_be_made_is_told(void **state)
{
    (void)state;
    struct stage stage;
    struct error error = {.text = ""};
    const struct engine_options options = {.probing = true}, none = {.probing = false};
    stage_init(&stage, true);
    stage_zone(&stage, "example.test", ZONE_HEAD TWO_HOSTS);
    EVP_set_default_properties(NULL, "provider=nobody");
    struct engine *engine = engine_new(&options, stage.publisher, stage_build(&stage), &error);
    assert_null(engine);
    assert_string_equal(error.text, "starting the prober: TLS cannot be set up for it");
    engine = engine_new(&none, stage.publisher, stage_build(&stage), &error);
    EVP_set_default_properties(NULL, "");
    assert_non_null(engine); /* it needs no TLS */
    engine_free(engine);
    stage_free(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dies_and_returns),
        cmocka_unit_test(forced_by_another_thread),
        cmocka_unit_test(loads_another_zone),
        cmocka_unit_test(external_host_is_resolved),
        cmocka_unit_test(explains_to_another_thread),
        cmocka_unit_test(probing_off_probes_nothing),
        cmocka_unit_test(ends_at_once_in_the_middle_of_it),
        cmocka_unit_test(heartbeat_stops_with_the_thread),
        cmocka_unit_test(heartbeat_goes_on_without_work),
        cmocka_unit_test(a_prober_that_cannot_be_made_is_told),
    };
    log_set_level(LOG_LEVEL_WARNING);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
