/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket itself: requests of every form, clients that hang, and the file. */
#include "support/control_fixture.h"

#include "base/clock.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- requests that are none ---- */

static void test_unknown_commands(void **state)
{
    static const char known[] =
        "the commands are: status, explain, events, drain, drained, undrain, force, reload, "
        "metrics, stop";
    (void)state;
    assert_error("statux", "'statux' is no command");
    assert_error("statux", known);
    assert_error("STATUS", known);
    assert_error("", "an empty request");
    assert_error(" \t ", "an empty request");
    assert_error("status now", "usage: status");
    assert_error("status a b c d e f g h", "usage: status");
}

static void test_lines_of_all_lengths(void **state)
{
    char line[2 * CONTROL_LINE_MAX];
    (void)state;
    memset(line, 'a', sizeof line);
    line[CONTROL_LINE_MAX] = '\n';
    assert_error_of(client_ask_bytes(line, CONTROL_LINE_MAX + 1), "is no command");
    line[CONTROL_LINE_MAX] = '\r';
    line[CONTROL_LINE_MAX + 1] = '\n';
    assert_error_of(client_ask_bytes(line, CONTROL_LINE_MAX + 2), "is no command");
    line[CONTROL_LINE_MAX] = 'a';
    assert_error_of(client_ask_bytes(line, CONTROL_LINE_MAX + 2), "at most 2048 octets");
    line[CONTROL_LINE_MAX + 1] = 'a';
    assert_error_of(client_ask_bytes(line, sizeof line),
                    "at most 2048 octets"); /* without an end */
}

/* Sent without a pause for as long as the server takes it. */
static void test_endless_line(void **state)
{
    static char junk[1 << 20];
    int fd = client_dial(fixture.path);
    (void)state;
    memset(junk, 'x', sizeof junk);
    for (int i = 0; i < 64 && send(fd, junk, sizeof junk, MSG_NOSIGNAL) > 0; i++)
        ;
    assert_error_of(client_hear(fd), "at most 2048 octets");
}

static void test_octets_that_are_no_text(void **state)
{
    static const char part[] = "printable ASCII";
    (void)state;
    assert_error_of(client_ask_bytes("status\0\n", 8), part);
    assert_error_of(client_ask_bytes("\0\n", 2), part);
    assert_error_of(client_ask_bytes("drain mx1\x1b[2J\n", 14), part);
    assert_error_of(client_ask_bytes("drain m\xc3\xbc\n", 10), part);
    assert_error_of(client_ask_bytes("drain mx1\rstop\n", 15), part);
    assert_int_equal(atomic_load(&fixture.stops), 0);
}

static void test_requests_in_pieces(void **state)
{
    (void)state;
    int fd = client_dial(fixture.path);
    for (const char *at = "explain example.test MX\r\n"; *at; at++)
        client_say(fd, at, 1);
    json_t *answer = client_hear(fd);
    assert_string_equal(text_at(answer, "zone"), "example.test");
    json_decref(answer);
    /* The writing half may be closed behind a request, but not within. */
    fd = client_dial(fixture.path);
    client_say(fd, "status\n", 7);
    shutdown(fd, SHUT_WR);
    answer = client_hear(fd);
    assert_string_equal(text_at(answer, "version"), EVERMX_VERSION);
    json_decref(answer);
    fd = client_dial(fixture.path);
    client_say(fd, "stop", 4);
    shutdown(fd, SHUT_WR);
    assert_error_of(client_hear(fd), "no end of line");
    assert_int_equal(atomic_load(&fixture.stops), 0);
    /* Nothing said, nothing answered. */
    fd = client_dial(fixture.path);
    shutdown(fd, SHUT_WR);
    assert_null(client_hear(fd));
}

static void test_only_the_first_line_counts(void **state)
{
    (void)state;
    json_t *answer = client_ask_bytes("status\nstop\nstop\n", 17);
    assert_string_equal(text_at(answer, "version"), EVERMX_VERSION);
    json_decref(answer);
    assert_int_equal(atomic_load(&fixture.stops), 0);
}

static void test_clients_that_leave(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        int fd = client_dial(fixture.path);
        client_say(fd, "status\n", (size_t)(i % 8));
        close(fd);
    }
    json_decref(client_ask("status"));
}

/* ---- many clients ---- */

static void test_a_hundred_clients(void **state)
{
    enum { CLIENTS = 100 };
    int fds[CLIENTS];
    (void)state;
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = client_dial(fixture.path);
    for (int i = CLIENTS - 1; i >= 0; i--)
        client_say(fds[i], "explain example.test\n", 21);
    for (int i = 0; i < CLIENTS; i++) {
        json_t *answer = client_hear(fds[i]);
        assert_non_null(answer);
        assert_string_equal(text_at(answer, "zone"), "example.test");
        json_decref(answer);
    }
}

/* All slots are taken by clients that say nothing, half a line, or never read a large answer: they
 * are dropped after CONTROL_PATIENCE_MS, and who waits behind them is served. */
static void test_clients_that_hang(void **state)
{
    int fds[CONTROL_CLIENTS_MAX];
    int64_t start_ms = clock_now_ms();
    (void)state;
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        fds[i] = client_dial(fixture.path);
        client_say(fds[i], "status\n", i % 3 == 0 ? 0 : i % 3 == 1 ? 4 : 7);
    }
    int fd = client_dial(fixture.path);
    client_say(fd, "explain example.test\n", 21);
    json_t *answer = client_hear(fd);
    assert_string_equal(text_at(answer, "zone"), "example.test");
    json_decref(answer);
    int64_t waited_ms = clock_now_ms() - start_ms;
    assert_in_range(waited_ms, CONTROL_PATIENCE_MS - 100, CONTROL_PATIENCE_MS + 8000);
    assert_null(client_hear(fds[0]));
    assert_null(client_hear(fds[1]));
    for (int i = 2; i < CONTROL_CLIENTS_MAX; i++) /* what is left in the kernel's buffers is cut */
        close(fds[i]);
    json_decref(client_ask("status"));
}

/* ---- the end ---- */

static void test_stop(void **state)
{
    (void)state;
    int fd = client_dial(fixture.path);
    client_say(fd, "stop\n", 5);
    char text[64];
    ssize_t got = recv(fd, text, sizeof text, 0);
    assert_true(got > 0);
    assert_memory_equal(text, "{\"stopping\":true}\n", (size_t)got);
    for (int64_t end_ms = clock_now_ms() + FIXTURE_DEADLINE_MS; !atomic_load(&fixture.stops);) {
        assert_true(clock_now_ms() < end_ms);
        usleep(1000);
    }
    /* End of file comes with control_free only, when all the rest has ended. */
    struct pollfd open = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&open, 1, 200), 0);
    close(fd);
    assert_int_equal(atomic_load(&fixture.stops), 1);
}

/* ---- the socket ---- */

static void assert_no_control(const char *path, const char *part)
{
    struct error error = {""};
    struct event_base *base = event_base_new();
    struct control *control = control_new(base, path, &error);
    assert_null(control);
    event_base_free(base);
    if (!strstr(error.text, part) || !strstr(error.text, "control socket"))
        fail_msg("error '%s' lacks '%s'", error.text, part);
}

static void test_the_socket_is_for_owner_and_group(void **state)
{
    struct stat found;
    (void)state;
    assert_int_equal(stat(fixture.path, &found), 0);
    assert_true(S_ISSOCK(found.st_mode));
    assert_int_equal(found.st_mode & 0777, 0660);
}

static void test_a_socket_in_use_stays(void **state)
{
    (void)state;
    assert_no_control(fixture.path, "another evermxd listens there");
    json_decref(client_ask("status"));
}

static void test_places_for_no_socket(void **state)
{
    char path[256];
    (void)state;
    assert_no_control(fixture.zone, "in the way");
    assert_int_equal(access(fixture.zone, F_OK), 0);
    snprintf(path, sizeof path, "%s/none/socket", fixture.directory);
    assert_no_control(path, "No such file or directory");
    memset(path, 'p', 150);
    path[0] = '/';
    path[150] = '\0';
    assert_no_control(path, "more than 107 octets");
}

static void test_a_stale_socket_is_replaced(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct error error = {""};
    (void)state;
    snprintf(address.sun_path, sizeof address.sun_path, "%s/stale", fixture.directory);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd); /* and the file stays */
    assert_int_equal(access(address.sun_path, F_OK), 0);
    struct event_base *base = event_base_new();
    struct control *control = control_new(base, address.sun_path, &error);
    assert_string_equal(error.text, "");
    close(client_dial(address.sun_path)); /* somebody listens */
    control_free(control);
    assert_int_equal(access(address.sun_path, F_OK), -1);
    event_base_free(base);
}

/* Somebody else's, made in place of ours, is not ours to remove. */
static void test_a_foreign_socket_is_not_removed(void **state)
{
    char path[100];
    struct error error = {""};
    (void)state;
    snprintf(path, sizeof path, "%s/mine", fixture.directory);
    struct event_base *base = event_base_new();
    struct control *control = control_new(base, path, &error);
    assert_non_null(control);
    char aside[110];
    snprintf(aside, sizeof aside, "%s.old", path);
    assert_int_equal(rename(path, aside), 0);
    FILE *theirs = fopen(path, "w");
    assert_non_null(theirs);
    fclose(theirs);
    control_free(control);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(unlink(aside), 0);
    event_base_free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_commands),
        cmocka_unit_test(test_lines_of_all_lengths),
        cmocka_unit_test(test_endless_line),
        cmocka_unit_test(test_octets_that_are_no_text),
        cmocka_unit_test(test_requests_in_pieces),
        cmocka_unit_test(test_only_the_first_line_counts),
        cmocka_unit_test(test_clients_that_leave),
        cmocka_unit_test(test_a_hundred_clients),
        cmocka_unit_test(test_clients_that_hang),
        cmocka_unit_test(test_the_socket_is_for_owner_and_group),
        cmocka_unit_test(test_a_socket_in_use_stays),
        cmocka_unit_test(test_places_for_no_socket),
        cmocka_unit_test(test_a_stale_socket_is_replaced),
        cmocka_unit_test(test_a_foreign_socket_is_not_removed),
        cmocka_unit_test(test_stop),
    };
    return cmocka_run_group_tests(tests, control_fixture_up, control_fixture_down);
}
