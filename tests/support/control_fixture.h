/* SPDX-License-Identifier: BSD-2-Clause */
/* A control socket with a real engine (which probes nothing) and a real server behind it, and a
 * client of it. The event loop that is main's in evermxd runs in a thread; the tests are clients.
 */
#ifndef EVERMX_TESTS_CONTROL_FIXTURE_H
#define EVERMX_TESTS_CONTROL_FIXTURE_H

#include "base/diagnostics.h"
#include "control/control.h"
#include "control/load.h"
#include "support/place.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* A second zone, big.test, has so many that its status does not fit into the kernel's buffers. */
enum { FIXTURE_BIG_HOSTS = 2000, FIXTURE_DEADLINE_MS = 20000 };

struct control_fixture {
    char directory[FOLDER_SIZE], path[80]; /* of the socket */
    char zone[80], big[80];                /* the name of the second one's file is no UTF-8 */
    const char *zones[2];
    struct config_endpoint listen;
    struct load_source source;
    struct config *config;
    struct model *model;
    struct publisher *publisher;
    struct engine *engine;
    struct server *server;
    struct event_base *base;
    struct event *leave;
    int leave_pipe[2];
    struct control *control;
    pthread_t loop;
    atomic_int stops; /* how often an end was asked for; nothing ends */
};

extern struct control_fixture fixture;

int control_fixture_up(void **state);
int control_fixture_down(void **state);

/* example.test: MX mx1 and mx2 (127.0.0.11, .12), IMAPS on mx1; and more lines of a zone file. */
void control_fixture_zone(unsigned serial, const char *more);

/* ---- a client ---- */

int client_dial(const char *path);
/* May fail when the server has answered and closed before it read all. */
void client_say(int fd, const void *bytes, size_t size);
/* The answer until end of file, which must come; NULL: nothing came before it. Closes. */
json_t *client_hear(int fd);
json_t *client_ask_bytes(const void *bytes, size_t size);
json_t *client_ask(const char *request);

const char *text_at(const json_t *json, const char *key); /* "(none)" for null */
long long integer_at(const json_t *json, const char *key);
/* The member of an array of objects whose member key is text. */
json_t *find_by(const json_t *array, const char *key, const char *text);
bool holds_text(const json_t *array, const char *text);
/* Frees the answer. */
void assert_error_of(json_t *answer, const char *part);
void assert_error(const char *request, const char *part);

#endif
