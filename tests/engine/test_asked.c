/* SPDX-License-Identifier: BSD-2-Clause */
/* What other threads ask of the engine while all that its own thread does is under way: probes with
 * logins, sentinels, round trips, loads that add and remove. Of most use under ThreadSanitizer. */
#include "base/clock.h"
#include "base/log.h"
#include "engine/engine.h"
#include "probe/canary.h"
#include "support/stage.h"
#include "wire/name.h"
#include "wire/rrtype.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    LISTENERS = 4,
    SESSIONS_MAX = 32,
    LINE_SIZE = 1024,
    LOADS = 25,
    LOAD_US = 80000,
    PAUSE_US = 1000
};

/* ---- two hosts with SMTP and IMAP: say yes to all, and show an empty mailbox ---- */

struct session {
    bool imap, in_message;
    size_t used;
    char line[LINE_SIZE];
};

struct hosts {
    struct pollfd fds[LISTENERS + SESSIONS_MAX]; /* listeners first: SMTP, IMAP, SMTP, IMAP */
    struct session sessions[SESSIONS_MAX];
    uint16_t smtp, imap;
    atomic_bool ends;
    pthread_t thread;
};

static void say(int fd, const char *text)
{
    send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static bool answer_smtp(int fd, struct session *session)
{
    if (session->in_message && strcmp(session->line, ".\r") != 0)
        return true;
    bool message = strcmp(session->line, "DATA\r") == 0;
    bool quits = strncmp(session->line, "QUIT", 4) == 0;
    session->in_message = message;
    say(fd, message ? "354 go on\r\n" : quits ? "221 bye\r\n" : "250 ok\r\n");
    return !quits;
}

static bool answer_imap(int fd, struct session *session)
{
    char text[LINE_SIZE + 64];
    int tag = (int)strcspn(session->line, " \r");
    bool quits = strstr(session->line, "LOGOUT");
    snprintf(text, sizeof text, "%s%.*s OK done\r\n",
             quits                                 ? "* BYE\r\n"
             : strstr(session->line, "CAPABILITY") ? "* CAPABILITY IMAP4rev1\r\n"
             : strstr(session->line, "SEARCH")     ? "* SEARCH\r\n"
                                                   : "",
             tag, session->line);
    say(fd, text);
    return !quits;
}

/* False: it is over. */
static bool session_read(int fd, struct session *session)
{
    char *end;
    ssize_t got =
        recv(fd, session->line + session->used, LINE_SIZE - 1 - session->used, MSG_DONTWAIT);
    if (got <= 0)
        return false;
    session->used += (size_t)got;
    session->line[session->used] = '\0';
    while ((end = strchr(session->line, '\n'))) {
        *end = '\0';
        if (!(session->imap ? answer_imap : answer_smtp)(fd, session))
            return false;
        session->used -= (size_t)(end + 1 - session->line);
        memmove(session->line, end + 1, session->used + 1);
    }
    return true;
}

static void session_accept(struct hosts *hosts, size_t listener)
{
    int fd = accept4(hosts->fds[listener].fd, NULL, NULL, SOCK_CLOEXEC);
    for (size_t i = 0; fd >= 0 && i < SESSIONS_MAX; i++) {
        struct pollfd *slot = &hosts->fds[LISTENERS + i];
        if (slot->fd >= 0)
            continue;
        hosts->sessions[i] = (struct session){.imap = listener % 2};
        slot->fd = fd;
        say(fd, listener % 2 ? "* OK ready\r\n" : "220 host ESMTP\r\n");
        return;
    }
    if (fd >= 0)
        close(fd);
}

static void *hosts_serve(void *context)
{
    struct hosts *hosts = context;
    while (!hosts->ends) {
        if (poll(hosts->fds, LISTENERS + SESSIONS_MAX, 20) <= 0)
            continue;
        for (size_t i = 0; i < SESSIONS_MAX; i++) {
            struct pollfd *slot = &hosts->fds[LISTENERS + i];
            if (slot->fd < 0 || !slot->revents || session_read(slot->fd, &hosts->sessions[i]))
                continue;
            close(slot->fd);
            slot->fd = -1;
        }
        for (size_t i = 0; i < LISTENERS; i++)
            if (hosts->fds[i].revents)
                session_accept(hosts, i);
    }
    return NULL;
}

static int listen_at(const char *address, uint16_t *port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t size = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(inet_pton(AF_INET, address, &name.sin_addr), 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, size), 0);
    assert_int_equal(listen(fd, 100), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    *port = ntohs(name.sin_port);
    return fd;
}

static void hosts_start(struct hosts *hosts)
{
    static const char *const addresses[] = {"127.0.0.11", "127.0.0.12"};
    memset(hosts, 0, sizeof *hosts);
    for (size_t i = 0; i < LISTENERS + SESSIONS_MAX; i++)
        hosts->fds[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    for (size_t i = 0; i < LISTENERS; i++)
        hosts->fds[i].fd = listen_at(addresses[i / 2], i % 2 ? &hosts->imap : &hosts->smtp);
    assert_int_equal(pthread_create(&hosts->thread, NULL, hosts_serve, hosts), 0);
}

static void hosts_stop(struct hosts *hosts)
{
    hosts->ends = true;
    pthread_join(hosts->thread, NULL);
    for (size_t i = 0; i < LISTENERS + SESSIONS_MAX; i++)
        if (hosts->fds[i].fd >= 0)
            close(hosts->fds[i].fd);
}

/* ---- who asks ---- */

struct asker {
    struct engine *engine;
    const atomic_bool *ends;
    pthread_t thread;
    unsigned asked, refused, wrong;
};

static void *ask_status(void *context)
{
    struct asker *asker = context;
    struct error error;
    while (!*asker->ends) {
        struct engine_status status;
        bool given = engine_status(asker->engine, &status, &error);
        asker->asked++;
        asker->refused += !given;
        if (!given)
            continue;
        for (size_t i = 0; i < status.ntargets; i++)
            asker->wrong += !*status.targets[i].host || !*status.targets[i].outlook;
        engine_status_free(&status);
    }
    return NULL;
}

/* As `evermxctl events --follow` does. */
static void *follow_events(void *context)
{
    struct asker *asker = context;
    struct error error;
    uint64_t last = 0;
    while (!*asker->ends) {
        struct engine_events events;
        bool given = engine_events(asker->engine, last, &events, &error);
        asker->refused += !given;
        if (!given)
            continue;
        for (size_t i = 0; i < events.count; i++)
            asker->wrong += events.list[i].number != ++last || !*events.list[i].text;
        asker->wrong += events.last != last;
        asker->asked += events.count > 0;
        engine_events_free(&events);
        usleep(PAUSE_US);
    }
    return NULL;
}

static void *explain_and_drain(void *context)
{
    struct asker *asker = context;
    struct error error;
    uint8_t name[NAME_MAX_SIZE];
    size_t count;
    name_from_text("example.test", name);
    while (!*asker->ends) {
        struct engine_explanation got;
        bool given = engine_explain(asker->engine, name, RRTYPE_MX, &got, &error);
        enum verdict_forced forced = asker->asked++ % 2 ? FORCED_NOT : FORCED_DRAIN;
        usleep(PAUSE_US); /* each is an event, and of these not all are kept */
        asker->refused += !given;
        if (given)
            engine_explanation_free(&got);
        asker->refused += !engine_force(asker->engine, "mx1.example.test", forced, &count, &error);
        struct engine_drain drain;
        given = engine_drain(asker->engine, "mx1.example.test", &drain, &error);
        asker->refused += !given;
        if (given) {
            asker->wrong += drain.forced != forced || (drain.finished && forced == FORCED_NOT);
            engine_drain_free(&drain);
        }
    }
    return NULL;
}

/* ---- all at once ---- */

static void write_credentials(char path[64])
{
    strcpy(path, "/tmp/evermx-asked-XXXXXX");
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    assert_int_equal(fchmod(fd, 0600), 0);
    fputs("user: probe\npassword: 'open sesame'\n", file);
    fclose(file);
}

static void configure(struct stage *stage, const struct hosts *hosts, const char *credentials)
{
    char text[1024];
    snprintf(
        text, sizeof text,
        "checks:\n"
        "  smtp: {port: %u, interval: 100ms, service-interval: 200ms, recheck: 50ms, hold: 0,\n"
        "    slow-start: 1s, tls: off, probe-recipient: probe@example.test, round-trip: 10s}\n"
        "  imap: {interval: 100ms, service-interval: 200ms, recheck: 50ms, hold: 1s,\n"
        "    tls: off, sentinel: on, credentials: %s}\n",
        hosts->smtp, credentials);
    stage_config(stage, text);
}

static void write_zone(struct stage *stage, const struct hosts *hosts, bool both)
{
    char zone[1024];
    snprintf(zone, sizeof zone,
             ZONE_HEAD "@ MX 10 mx1\nmx1 A 127.0.0.11\n_imap._tcp SRV 0 0 %u mx1\n%s", hosts->imap,
             both ? "@ MX 20 mx2\nmx2 A 127.0.0.12\n@ MX 30 mx3\nmx3 A 127.0.0.13\n" : "");
    stage_zone(stage, "example.test", zone);
}

static void asked_by_many(void **state)
{
    (void)state;
    static const struct canary canary = {.address = {.family = 4, .bytes = {127, 0, 0, 1}},
                                         .port = 9};
    static void *(*const jobs[])(void *) = {ask_status, follow_events, explain_and_drain};
    enum { ASKERS = sizeof jobs / sizeof *jobs };
    const struct engine_options options = {
        .probing = true, .uplink_guard = true, .canaries = &canary, .ncanaries = 1};
    static struct hosts hosts;
    struct asker askers[ASKERS];
    struct stage stage;
    struct error error;
    char credentials[64];
    atomic_bool ends = false;

    hosts_start(&hosts);
    stage_init(&stage, true);
    write_credentials(credentials);
    configure(&stage, &hosts, credentials);
    write_zone(&stage, &hosts, true);
    struct engine *engine = engine_new(&options, stage.publisher, stage_build(&stage), &error);
    assert_non_null(engine);
    for (size_t i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){.engine = engine, .ends = &ends};
        assert_int_equal(pthread_create(&askers[i].thread, NULL, jobs[i], &askers[i]), 0);
    }
    for (unsigned i = 0; i < LOADS; i++) {
        usleep(LOAD_US);
        write_zone(&stage, &hosts, i % 2);
        assert_true(engine_load(engine, stage_build(&stage), &error));
    }
    ends = true;
    for (size_t i = 0; i < ASKERS; i++)
        pthread_join(askers[i].thread, NULL);
    engine_free(engine);
    stage_free(&stage);
    hosts_stop(&hosts);
    unlink(credentials);
    for (size_t i = 0; i < ASKERS; i++) {
        assert_true(askers[i].asked > 0);
        assert_int_equal(askers[i].refused, 0);
        assert_int_equal(askers[i].wrong, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(asked_by_many)};
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
