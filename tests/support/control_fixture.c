/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/control_fixture.h"

#include "base/memory.h"
#include "control/serving.h"

#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct control_fixture fixture;

/* ---- what main has in evermxd ---- */

static bool reload(void *context, struct diagnostics *diagnostics, struct changes *changes)
{
    struct control_fixture *of = context;
    const struct loaded before = {.model = of->model};
    struct loaded loaded;
    struct error error;
    if (!load(&of->source, &before, false, &loaded, diagnostics))
        return false;
    changes_of_bad(changes, loaded.model);
    config_free(loaded.config);
    changes_between(of->model, loaded.model, changes);
    if (!engine_load(of->engine, loaded.model, &error))
        return diagnostics_error(diagnostics, NULL, 0, 0, "%s", error.text);
    of->model = loaded.model;
    return true;
}

static void stop(void *context)
{
    struct control_fixture *of = context;
    atomic_fetch_add(&of->stops, 1);
}

static void *run_loop(void *base)
{
    event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
    return NULL;
}

static void on_leave(evutil_socket_t fd, short what, void *base)
{
    (void)fd;
    (void)what;
    event_base_loopbreak(base);
}

static void start_loop(void)
{
    struct control_fixture *of = &fixture;
    assert_int_equal(pipe(of->leave_pipe), 0);
    of->leave = event_new(of->base, of->leave_pipe[0], EV_READ, on_leave, of->base);
    event_add(of->leave, NULL);
    assert_int_equal(pthread_create(&of->loop, NULL, run_loop, of->base), 0);
}

/* A pipe makes the thread leave its loop: an event base is one thread's alone. */
static void end_loop(void)
{
    struct control_fixture *of = &fixture;
    assert_int_equal(write(of->leave_pipe[1], "x", 1), 1);
    pthread_join(of->loop, NULL);
    event_free(of->leave);
    close(of->leave_pipe[0]);
    close(of->leave_pipe[1]);
}

void control_fixture_zone(unsigned serial, const char *more)
{
    FILE *file = fopen(fixture.zone, "w");
    assert_non_null(file);
    fprintf(file,
            "$ORIGIN example.test.\n$TTL 300\n"
            "@ SOA ns hostmaster %u 3600 600 86400 5\n"
            "@ NS ns\nns A 127.0.0.53\n"
            "@ MX 10 mx1\n@ MX 10 mx2\n"
            "mx1 A 127.0.0.11\nmx2 A 127.0.0.12\n"
            "_imaps._tcp SRV 0 1 993 mx1\n%s",
            serial, more);
    assert_int_equal(fclose(file), 0);
}

static void write_big_zone(void)
{
    FILE *file = fopen(fixture.big, "w");
    assert_non_null(file);
    fputs("$ORIGIN big.test.\n$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 5\n@ NS ns\n"
          "ns A 127.0.0.53\n",
          file);
    for (int i = 0; i < FIXTURE_BIG_HOSTS; i++)
        fprintf(file, "d%d MX 10 h%d\nh%d A 127.1.%d.%d\n", i, i, i, i / 250, i % 250 + 1);
    assert_int_equal(fclose(file), 0);
}

static void start_engine_and_server(void)
{
    struct diagnostics diagnostics;
    struct error error = {""};
    diagnostics_init(&diagnostics);
    struct loaded loaded;
    load(&fixture.source, NULL, true, &loaded, &diagnostics);
    struct model *model = loaded.model;
    fixture.config = loaded.config;
    diagnostics_print(&diagnostics, stderr);
    diagnostics_free(&diagnostics);
    assert_non_null(model);
    fixture.model = model;
    fixture.publisher = publisher_new();
    struct engine_options options = {.probing = false};
    fixture.engine = engine_new(&options, fixture.publisher, model, &error);
    assert_string_equal(error.text, "");
    fixture.config->workers = 1;
    fixture.server = serving_new(fixture.config, fixture.publisher, &error);
    assert_string_equal(error.text, "");
    assert_true(server_start(fixture.server, &error));
}

int control_fixture_up(void **state)
{
    struct control_fixture *of = &fixture;
    struct error error = {""};
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    folder_make(of->directory);
    folder_path(of->directory, "socket", of->path, sizeof of->path);
    folder_path(of->directory, "example.zone", of->zone, sizeof of->zone);
    folder_path(of->directory, "big\xff.zone", of->big, sizeof of->big);
    control_fixture_zone(1, "");
    write_big_zone();
    assert_true(endpoint_parse("127.0.0.1", 53, &of->listen.address, &of->listen.port));
    of->listen.port = free_port();
    of->zones[0] = of->zone;
    of->zones[1] = of->big;
    of->source =
        (struct load_source){.zones = of->zones, .nzones = 2, .listen = &of->listen, .nlisten = 1};
    start_engine_and_server();
    of->base = event_base_new();
    of->control = control_new(of->base, of->path, &error);
    assert_string_equal(error.text, "");
    struct command_parts parts = {
        .engine = of->engine, .server = of->server, .actions = {of, reload, stop}};
    control_start(of->control, &parts);
    start_loop();
    return 0;
}

int control_fixture_down(void **state)
{
    struct control_fixture *of = &fixture;
    (void)state;
    end_loop();
    server_free(of->server);
    engine_free(of->engine);
    publisher_free(of->publisher);
    control_free(of->control);
    event_base_free(of->base);
    config_free(of->config);
    assert_int_equal(access(of->path, F_OK), -1);
    folder_remove(of->directory);
    return 0;
}

/* ---- a client ---- */

int client_dial(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {FIXTURE_DEADLINE_MS / 1000, 0};
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

void client_say(int fd, const void *bytes, size_t size)
{
    assert_true(send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size || errno == EPIPE);
}

json_t *client_hear(int fd)
{
    size_t size = 0, capacity = 1 << 16;
    char *text = memory_array(capacity, 1);
    ssize_t got;
    while ((got = recv(fd, text + size, capacity - size, 0)) > 0) {
        size += (size_t)got;
        if (size == capacity)
            text = memory_resize(text, capacity *= 2, 1);
    }
    assert_true(got == 0 || errno == ECONNRESET);
    close(fd);
    json_t *answer = size ? json_loadb(text, size, 0, NULL) : NULL;
    assert_true(!size || (answer && text[size - 1] == '\n'));
    free(text);
    return answer;
}

json_t *client_ask_bytes(const void *bytes, size_t size)
{
    int fd = client_dial(fixture.path);
    client_say(fd, bytes, size);
    return client_hear(fd);
}

json_t *client_ask(const char *request)
{
    char *line = memory_printf("%s\n", request);
    json_t *answer = client_ask_bytes(line, strlen(line));
    free(line);
    assert_non_null(answer);
    return answer;
}

const char *text_at(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    return text ? text : "(none)";
}

long long integer_at(const json_t *json, const char *key)
{
    assert_true(json_is_integer(json_object_get(json, key)));
    return (long long)json_integer_value(json_object_get(json, key));
}

void assert_error_of(json_t *answer, const char *part)
{
    assert_non_null(answer);
    if (!strstr(text_at(answer, "error"), part))
        fail_msg("error '%s' lacks '%s'", text_at(answer, "error"), part);
    json_decref(answer);
}

void assert_error(const char *request, const char *part)
{
    assert_error_of(client_ask(request), part);
}

json_t *find_by(const json_t *array, const char *key, const char *text)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        if (strcmp(text_at(json_array_get(array, i), key), text) == 0)
            return json_array_get(array, i);
    fail_msg("nothing with %s '%s'", key, text);
    return NULL;
}

bool holds_text(const json_t *array, const char *text)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        if (strcmp(json_string_value(json_array_get(array, i)), text) == 0)
            return true;
    return false;
}
